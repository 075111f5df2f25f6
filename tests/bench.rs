//! Each benchmark, short, through the command line: its result is checked as in a long run, and
//! its last line has the form that others read.

use std::process::Command;

/// The last line of a benchmark that must succeed.
fn last_line(words: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_isochron"))
        .arg("bench")
        .args(words.split_whitespace())
        .output()
        .expect("it starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "bench {words}: {errors}");
    String::from_utf8_lossy(&output.stdout).lines().last().expect("a last line").to_owned()
}

/// Whether a line has the words of a form, where `#` stands for a number and `0x` for digits of
/// base 16.
fn check(line: &str, form: &str) {
    let (words, forms): (Vec<_>, Vec<_>) =
        (line.split_whitespace().collect(), form.split_whitespace().collect());
    assert_eq!(words.len(), forms.len(), "{line:?} is not {form:?}");
    for (word, form) in words.into_iter().zip(forms) {
        let fits = match form.trim_end_matches(['/', 's', ',']) {
            "#" => word.trim_end_matches(['/', 's', ',']).parse::<f64>().is_ok_and(|n| n >= 0.0),
            "0x" => word.len() == 16 && u64::from_str_radix(word, 16).is_ok(),
            _ => word == form,
        };
        assert!(fits, "{word:?} of {line:?} is not {form:?}");
    }
}

#[test]
fn matching_and_state_machine_agree_on_a_line_each() {
    let small = "--operations 30000 --symbols 20 --live 300 --passes 1";
    let books = last_line(&format!("matching {small}"));
    check(&books, "matching: # M ops/s, p50 # p99 # p99.9 #, trades # qty # notional # hash 0x");
    let machine = last_line(&format!("state-machine {small}"));
    check(
        &machine,
        "state-machine: # M commands/s, p50 # p99 # p99.9 #, trades # qty # notional # hash 0x",
    );
    let trades = |line: &str| line.split_once(", trades ").map(|(_, trades)| trades.to_owned());
    assert_eq!(trades(&books), trades(&machine));
}

#[test]
fn a_store_is_read_by_another_process() {
    let line = last_line("store --frames 30000 --transactions 500 --passes 1");
    check(&line, "store: # M frames/s, plain copy # M frames/s, to a reader p50 # p99 #");
}

#[test]
fn a_feed_is_published_on_both_lines() {
    let small = "--commands 5000 --passes 1 --subscribers 1,2 --rates 2000 --seconds 1";
    let line = last_line(&format!("feed {small}"));
    check(&line, "feed: # M messages/s on both lines, all # M, at #/s p50 # p99 #");
}

#[test]
fn a_log_is_executed_again() {
    let line = last_line("replay --commands 20000 --passes 1");
    check(&line, "replay: # M commands/s, # M events/s");
}

#[test]
fn memory_is_measured_and_not_much() {
    let line = last_line("memory --orders 200000 --accounts 20000");
    check(&line, "memory: # orders, # accounts, # MB");
    let megabytes: u64 = line.split(' ').nth_back(1).expect("a number").parse().expect("whole");
    // A fifth of what 1,000,000 orders in 100,000 accounts may take, and less than a fifth is
    // tables of powers of two.
    assert!((20..=100).contains(&megabytes), "{line}");
}

#[test]
fn two_lines_become_one_stream() {
    let line = last_line("subscriber --messages 20000 --passes 1");
    check(&line, "subscriber: # M messages/s, one line # M/s, 1 % lost # M/s");
}

#[test]
fn commands_go_all_the_way() {
    let line = last_line("path --rates 2000 --seconds 1 --only control,rates");
    check(&line, "path: #/s p50 # p99 # p99.9 # p99.99 # max #");
    // In bursts, and to a subscriber in another process, which must hear all of it.
    let line = last_line("path --rates 2000 --bursts 2000 --seconds 1 --only bursts");
    check(&line, "in bursts: #/s p50 # p99 # p99.9 # p99.99 # max #");
    let line = last_line("path --rates 2000 --seconds 1 --only durability");
    check(&line, "durability disk: #/s p50 # p99 # p99.9 # p99.99 # max #");
    let line = last_line("path --rates 2000 --seconds 1 --only subscriber");
    check(&line, "to a subscriber: #/s p50 # p99 # p99.9 # p99.99 # max #");
    // Committed by a majority, whose logs must be equal in the end.
    let line = last_line("path --rates 2000 --seconds 1 --only standbys");
    check(&line, "2 standbys: #/s p50 # p99 # p99.9 # p99.99 # max #");
}

#[test]
fn a_log_is_replicated_and_caught_up_with() {
    let line = last_line("replication --only throughput --messages 20000 --sizes 128 --passes 1");
    check(&line, "replication: 128 B # M messages/s");
    let line = last_line("replication --only commit --standbys 1 --commit-rate 2000 --seconds 1");
    check(&line, "replication: standbys 1, #/s to commit p50 # p99 # us");
    let line = last_line("replication --only loss --loss 5 --messages 20000 --loss-rate 20000");
    check(&line, "replication: loss 5 % repaired p50 # p99 # us, goodput # M messages/s");
    let line = last_line("catch-up --megabytes 20 --passes 1 --rate 2000");
    check(&line, "catch-up: orders #/s p99 alone # beside # us");
}

#[test]
fn others_wait_for_work_that_goes_on() {
    let line = last_line("waits --orders 3000 --accounts 301 --instruments 7");
    check(&line, "waits: expiry # settlement # mass cancel # kill switch #");
}

#[test]
fn all_figures_are_there_for_programs() {
    let line = last_line("matching --operations 10000 --symbols 3 --passes 1 --json");
    let json: serde_json::Value = serde_json::from_str(&line).expect("one line of JSON");
    assert_eq!(json["bench"], "matching");
    assert!(json["ops_per_second"].as_f64().is_some_and(|rate| rate > 0.0));
    assert_eq!(json["oracle"], true);
}

#[test]
fn a_snapshot_and_a_replay_come_over_tcp() {
    let line = last_line("recovery --orders 20000 --passes 1 --rate 0");
    check(&line, "recovery: snapshot of # orders # s, replay # M messages/s");
}
