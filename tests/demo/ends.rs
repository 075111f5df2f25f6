//! Demos that are interrupted, lose a subscriber, or are killed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::program::{Program, send_signal, wait};
use crate::report::{assert_in_step, is_running, number, read};

#[test]
fn a_demo_that_is_interrupted_early_ends_in_order_too() {
    let mut demo = Program::start(["demo", "--seconds", "600", "--rate", "1000"]);
    // The line comes just before the administration is sent.
    demo.line_with(" agents, ");
    // Two at once, as some senders do, are one wish.
    let script = format!("kill -INT {0} && kill -INT {0}", demo.pid());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    let ended = demo.end();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{}", ended.out);
    assert!(ended.out.contains("interrupted"), "{}", ended.out);
    assert_eq!(ended.left, [] as [PathBuf; 0]);
}

#[test]
fn a_demo_that_is_interrupted_again_ends_at_once() {
    let mut demo = Program::start(["demo", "--seconds", "600", "--rate", "1000"]);
    demo.line_with("  1 s ");
    // A subscriber that does not answer would hold the end up.
    let subscribers = children(demo.pid(), "subscribe");
    send_signal(subscribers[0], "STOP");
    wait("the demo ends", || {
        demo.signal("INT");
        std::thread::sleep(Duration::from_millis(300));
        (!is_running(demo.pid().into())).then_some(())
    });
    assert_eq!(demo.end().code, Some(130));
    send_signal(subscribers[0], "KILL");
    for pid in subscribers {
        wait("the subscriber ends", || (!is_running(pid.into())).then_some(()));
    }
}

#[test]
fn a_demo_that_is_interrupted_ends_in_order() {
    for signal in ["INT", "TERM"] {
        let here = tempfile::tempdir().unwrap();
        let json = here.path().join("report.json");
        let arguments = ["demo", "--seconds", "600", "--rate", "1000", "--json"];
        let mut demo = Program::start(arguments.into_iter().chain([json.to_str().unwrap()]));
        demo.line_with("  1 s ");
        send_signal(demo.pid(), signal);
        let ended = demo.end();
        let report = read(&json);
        assert_in_step(&ended, &report);
        assert_eq!(report["interrupted"], true);
        assert!(ended.out.contains("interrupted") && number(&report["commands"]) > 0);
    }
}

/// The processes that this one started with that command and that still run.
pub(crate) fn children(pid: u32, command: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let Ok(child) = entry.unwrap().file_name().to_string_lossy().parse() else { continue };
        // pid (name) state parent ...: proc_pid_stat(5).
        let Ok(stat) = fs::read_to_string(format!("/proc/{child}/stat")) else { continue };
        let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
        let mut fields = after.split(' ');
        let runs = fields.next() != Some("Z");
        if runs && fields.next() == Some(&pid.to_string()) && words(child)[1] == command {
            found.push(child);
        }
    }
    found.sort_unstable();
    found
}

/// The words of a process's command line.
fn words(pid: u32) -> Vec<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

#[test]
fn a_demo_that_loses_a_subscriber_fails_and_does_not_wait_for_it() {
    let mut demo = Program::start(["demo", "--seconds", "600", "--rate", "1000"]);
    demo.line_with("  1 s ");
    let subscribers = children(demo.pid(), "subscribe");
    assert_eq!(subscribers.len(), 3);
    send_signal(subscribers[1], "KILL");
    let ended = demo.end();
    assert_eq!(ended.code, Some(1), "{}", ended.out);
    let failed: Vec<_> = ended.out.lines().filter(|line| line.starts_with("  FAIL ")).collect();
    assert!(failed.len() == 1 && failed[0].contains(&subscribers[1].to_string()), "{failed:?}");
    assert_eq!(ended.left, [] as [PathBuf; 0]);
    assert!(!subscribers.into_iter().any(|pid| is_running(pid.into())));
}

#[test]
fn subscribers_of_a_demo_that_was_killed_are_not_the_terminals() {
    let mut demo = Program::start(["demo", "--seconds", "600", "--rate", "1000"]);
    demo.line_with("  1 s ");
    let subscribers = children(demo.pid(), "subscribe");
    assert_eq!(subscribers.len(), 3);
    let repair = children(demo.pid(), "serve");
    assert_eq!(repair.len(), 1);
    for pid in &subscribers {
        let words = words(*pid);
        let timeout = words.iter().skip_while(|word| *word != "--idle-timeout").nth(1).unwrap();
        assert!((1..=60).contains(&timeout.parse::<u64>().unwrap()), "{words:?}");
        let group = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let group = group.rsplit_once(") ").unwrap().1.split(' ').nth(2).unwrap().to_owned();
        assert_eq!(group, pid.to_string(), "a group of its own, which no terminal signals");
    }
    // Nobody is left to end them, as after a power cut of the demo alone: they are told by hand.
    demo.signal("KILL");
    assert_eq!(demo.end().code, None);
    // The repair service ends by itself: nobody is left for whom it would repair.
    wait("the repair service ends", || (!is_running(repair[0].into())).then_some(()));
    for pid in subscribers {
        send_signal(pid, "TERM");
        wait("the subscriber ends", || (!is_running(pid.into())).then_some(()));
    }
}
