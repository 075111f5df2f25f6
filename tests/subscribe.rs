//! `isochron subscribe` as a process: exit codes, its line of JSON and its counters, over real
//! multicast on the loopback interface.

use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use isochron::metrics::{Counter, Counters};
use isochron::net::{Endpoint, ReservedPort, Sender};
use isochron_feeds::checksum::L3Checksum;
use isochron_feeds::mold::Session;
use isochron_feeds::publisher::Publisher;
use isochron_messages::{BookChecksum, EventFlags, Message, OrderAdded, Side};
use serde_json::{Value, json};

const SESSION: &str = "261122300A";

/// The group that subscribers listen to here.
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 77, 1, 8);

/// What takes a terminal to another screen and back (xterm's control sequences, DECSET 1049).
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";

/// Looks at a process until it listens, or ends: half a minute at most.
const LOOKS_MAX: u32 = 3_000;
const LOOK: Duration = Duration::from_millis(10);

/// A subscriber that listens, on a port of its own.
struct Subscribed {
    child: Child,
    endpoint: Endpoint,
    counters: Counters,
    _port: ReservedPort,
    _directory: tempfile::TempDir,
}

impl Subscribed {
    fn start(more: &[&str]) -> Subscribed {
        let port = ReservedPort::new().unwrap();
        let interface = Ipv4Addr::LOCALHOST;
        let endpoint = Endpoint { group: GROUP, port: port.get(), interface };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("counters");
        let counters = Counters::create(&path).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_isochron"))
            .args(["subscribe", "--group", "239.77.1.8", "--interface", "127.0.0.1"])
            .args(["--port", &endpoint.port.to_string(), "--session", SESSION, "--json"])
            .args(["--counters"])
            .arg(&path)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let listens = || counters.get(Counter::RECEIVE_BUFFER_BYTES) > 0;
        assert!((0..LOOKS_MAX).any(|_| listens() || pause()), "it does not listen");
        Subscribed { child, endpoint, counters, _port: port, _directory: directory }
    }

    /// Sends the session from message `first` on, one datagram each, and its end.
    fn send_from(&self, first: usize) {
        let end = self.send_messages_from(first);
        let mut sender = Sender::open(self.endpoint, 0).unwrap();
        assert_eq!(sender.send_batch(&[&end]).unwrap(), 1);
    }

    /// As `send_from`, but the end of the session is returned, not sent.
    fn send_messages_from(&self, first: usize) -> Vec<u8> {
        send(self.endpoint, first)
    }

    /// What it ended with: its exit code, its last line, what it said of errors, its counters.
    fn end(mut self) -> (Option<i32>, Value, String, Counters) {
        let ended = |child: &mut Child| child.try_wait().unwrap().is_some();
        assert!((0..LOOKS_MAX).any(|_| ended(&mut self.child) || pause()), "it does not end");
        let Output { status, stdout, stderr } = self.child.wait_with_output().unwrap();
        let stdout = String::from_utf8(stdout).unwrap();
        let report = stdout.lines().last().map(|line| serde_json::from_str(line).unwrap());
        let stderr = String::from_utf8(stderr).unwrap();
        (status.code(), report.unwrap_or_default(), stderr, self.counters)
    }
}

/// What `isochron subscribe` says of a recording: its exit code, its last line, its errors.
fn from(path: &Path, more: &[&str]) -> (Option<i32>, Value, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isochron"));
    command.args(["subscribe", "--json", "--from"]).arg(path).args(more);
    let output = command.output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let report = stdout.lines().last().map(|line| serde_json::from_str(line).unwrap());
    let stderr = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), report.unwrap_or_default(), stderr)
}

/// Sends the session from message `first` on, one datagram each; its end is returned.
fn send(endpoint: Endpoint, first: usize) -> Vec<u8> {
    let mut sender = Sender::open(endpoint, 0).unwrap();
    let mut publisher = Publisher::new(Session::new(SESSION).unwrap(), 1, 0);
    for (index, message) in messages().iter().enumerate() {
        let mut bytes = [0; Message::ENCODED_LENGTH_MAX];
        let length = message.encode(&mut bytes).unwrap();
        publisher.on_message(&bytes[..length]).unwrap();
        let datagram = publisher.poll_datagram(0).unwrap().bytes;
        if index + 1 >= first {
            assert_eq!(sender.send_batch(&[datagram]).unwrap(), 1);
        }
    }
    publisher.on_end(0);
    publisher.poll_datagram(0).unwrap().bytes.to_vec()
}

/// Waits a little; false, so that looking goes on.
fn pause() -> bool {
    std::thread::sleep(LOOK);
    false
}

/// Three orders and the checksum of their book.
fn messages() -> Vec<Message> {
    let mut messages: Vec<Message> = (1..=3)
        .map(|order_id| {
            let (price, quantity, side) = (100, 10, Side::BUY);
            OrderAdded { order_id, price, quantity, side, ..Default::default() }.into()
        })
        .collect();
    let (checksum, orders, levels) = (checksum(), 3, 1);
    messages.push(BookChecksum { checksum, orders, levels, ..Default::default() }.into());
    for (message, number) in messages.iter_mut().zip(1..) {
        message.set_instrument(5);
        message.set_instrument_sequence(number);
        message.set_flags(EventFlags::START_OF_EVENT | EventFlags::END_OF_EVENT);
    }
    messages
}

fn checksum() -> u32 {
    let mut checksum = L3Checksum::new();
    (1..=3).for_each(|order_id| checksum.order(order_id, 100, 10));
    checksum.finish()
}

#[test]
fn a_whole_session_ends_with_0() {
    let subscribed = Subscribed::start(&[]);
    subscribed.send_from(1);
    let pid = subscribed.child.id();
    let (code, report, errors, counters) = subscribed.end();
    assert_eq!(code, Some(0), "{errors}");
    let book = json!({"checksum": checksum(), "orders": 3, "levels": 1, "complete": true});
    assert_eq!(report["checksums"], json!({"5": book}));
    assert_eq!(report["pid"], pid);
    assert_eq!((&report["first_sequence"], &report["next_sequence"]), (&json!(1), &json!(5)));
    assert_eq!((&report["lost"], &report["gaps"]), (&json!(0), &json!(0)));
    assert!(errors.contains("receive buffer"), "what was granted is said: {errors}");
    let counted = [
        (Counter::SUBSCRIBER_NEXT, 5),
        (Counter::SUBSCRIBER_MESSAGES, 4),
        (Counter::SUBSCRIBER_DATAGRAMS, 5),
        (Counter::SUBSCRIBER_LOST, 0),
        (Counter::SUBSCRIBER_GAPS, 0),
        (Counter::SUBSCRIBER_ENDED, 1),
    ];
    assert_eq!(counted.map(|(counter, _)| counters.get(counter)), counted.map(|(_, n)| n));
}

#[test]
fn a_line_that_is_dead_is_not_missed_and_a_recording_says_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording.pcap");
    let port_b = ReservedPort::new().unwrap();
    let b = port_b.get().to_string();
    let more = ["--group-b", "239.77.1.9", "--port-b", &b, "--drop-line", "b", "--record"];
    let subscribed = Subscribed::start(&[&more[..], &[path.to_str().unwrap()]].concat());
    let endpoint =
        Endpoint { group: Ipv4Addr::new(239, 77, 1, 9), port: port_b.get(), ..subscribed.endpoint };
    let mut line_b = Sender::open(endpoint, 0).unwrap();
    let mut publisher = Publisher::new(Session::new(SESSION).unwrap(), 1, 0);
    publisher.on_message(b"not what line A says").unwrap();
    assert_eq!(line_b.send_batch(&[publisher.poll_datagram(0).unwrap().bytes]).unwrap(), 1);
    subscribed.send_from(1);
    let port = subscribed.endpoint.port.to_string();
    let (code, live, errors, _) = subscribed.end();
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!((&live["lines"]["a"]["messages"], &live["lines"]["b"]), (&json!(4), &Value::Null));
    assert!(errors.contains("6 datagrams recorded in"), "{errors}");

    let line_a = ["--group", "239.77.1.8", "--port", &port];
    let (code, again, errors) = from(&path, &line_a);
    assert_eq!(code, Some(0), "{errors}");
    for name in ["checksums", "first_sequence", "messages", "lost", "lines", "ended"] {
        assert_eq!(again[name], live[name], "{name}");
    }

    let recording = fs::read(&path).unwrap();
    fs::write(&path, &recording[..24 + 20]).unwrap();
    let (code, _, errors) = from(&path, &line_a);
    assert_eq!(code, Some(2));
    assert!(errors.contains("the capture is cut off"), "{errors}");
}

#[test]
fn a_datagram_thrown_away_ends_with_1_and_is_named() {
    let subscribed = Subscribed::start(&["--drop-datagram", "2"]);
    subscribed.send_from(1);
    let (code, report, errors, counters) = subscribed.end();
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("lost [2, 3)"), "{errors}");
    assert_eq!((&report["lost"], &report["gaps"]), (&json!(1), &json!(1)));
    assert_eq!(counters.get(Counter::SUBSCRIBER_LOST), 1);
}

#[test]
fn a_late_joiner_ends_with_3() {
    let subscribed = Subscribed::start(&[]);
    subscribed.send_from(3);
    let (code, report, errors, _) = subscribed.end();
    assert_eq!(code, Some(3), "{errors}");
    assert!(errors.contains("joined at 3, book incomplete"), "{errors}");
    assert_eq!((&report["first_sequence"], &report["lost"]), (&json!(3), &json!(0)));
}

#[test]
fn silence_ends_with_2() {
    let subscribed = Subscribed::start(&["--idle-timeout=1"]);
    let (code, report, errors, _) = subscribed.end();
    assert_eq!((code, report), (Some(2), Value::Null));
    assert!(errors.contains("nothing of the session was heard in 1 s"), "{errors}");
}

/// Ends a subscriber that shows a ladder in a terminal of its own, and returns its exit code and
/// what the terminal got; `None` where no terminal can be made.
fn in_a_terminal(end: impl FnOnce(&mut Child, &Counters)) -> Option<(Option<i32>, String)> {
    if Command::new("script").arg("--version").output().is_err() {
        println!("skipped: there is no `script`, which makes a terminal");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let (shown, counters) = (folder.path().join("shown"), folder.path().join("counters"));
    let port = ReservedPort::new().unwrap();
    let endpoint = Endpoint { group: GROUP, port: port.get(), interface: Ipv4Addr::LOCALHOST };
    let line = format!(
        "stty rows 20 cols 90; exec {} subscribe --group {GROUP} --port {} --session {SESSION} \
         --level l3 --counters {}",
        env!("CARGO_BIN_EXE_isochron"),
        endpoint.port,
        counters.display(),
    );
    let mut script = Command::new("script");
    script.args(["-qefc", &line]).arg(&shown).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = script.spawn().unwrap();
    let text = || String::from_utf8_lossy(&fs::read(&shown).unwrap_or_default()).into_owned();
    let begun = || text().contains(ENTER) && counters.exists();
    assert!((0..LOOKS_MAX).any(|_| begun() || pause()), "it shows nothing: {}", text());
    send(endpoint, 1);
    // Three bids of one price, first come first.
    let drawn = || text().contains("0.01");
    assert!((0..LOOKS_MAX).any(|_| drawn() || pause()), "it draws no price: {}", text());
    end(&mut child, &Counters::attach(&counters).unwrap());
    let ended = |child: &mut Child| child.try_wait().unwrap().is_some();
    assert!((0..LOOKS_MAX).any(|_| ended(&mut child) || pause()), "it does not end");
    Some((child.wait().unwrap().code(), text()))
}

#[test]
fn the_terminal_is_given_back_however_the_ladder_ends() {
    let leave = |child: &mut Child, _: &Counters| {
        child.stdin.as_mut().unwrap().write_all(b"q").unwrap();
    };
    let end = |_: &mut Child, counters: &Counters| {
        let pid = counters.pid().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    };
    let by_key = in_a_terminal(leave);
    let by_signal = in_a_terminal(end);
    for (ended, code, verdict) in [(by_key, 0, "complete"), (by_signal, 1, "BROKEN")] {
        let Some((ended, shown)) = ended else { return };
        assert_eq!(ended, Some(code), "{shown}");
        let (ladder, after) = shown.rsplit_once(LEAVE).expect("the other screen is left");
        assert!(ladder.contains(ENTER) && !after.contains(ENTER));
        assert!(after.contains(&format!("session {SESSION}: {verdict}")), "{after}");
    }
}

#[test]
fn an_interrupted_subscriber_says_what_it_has() {
    let subscribed = Subscribed::start(&[]);
    subscribed.send_messages_from(1);
    let heard = || subscribed.counters.get(Counter::SUBSCRIBER_NEXT) == 5;
    assert!((0..LOOKS_MAX).any(|_| heard() || pause()), "it does not hear");
    let pid = subscribed.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let (code, report, errors, _) = subscribed.end();
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("stopped before the session's end, at 5"), "{errors}");
    assert_eq!((&report["messages"], &report["ended"]), (&json!(4), &json!(false)));
}
