//! A client against a server's bytes, written by hand.

use super::*;
use crate::soup::SoupError;

const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;
const L3: Session = Session(*b"261122300A");

fn options() -> Options {
    Options { session: L3, sequence: 5, ..Options::new("alice", "secret") }
}

/// A client that has sent its login, which is looked at.
fn connected(options: Options, now_ns: u64) -> Client {
    let mut client = Client::new(options).expect("good credentials");
    assert_eq!(client.wish(now_ns), Wish::Connect);
    client.on_connected(now_ns);
    client
}

/// What left, as text.
fn sent(client: &mut Client) -> String {
    let text = client.outgoing().escape_ascii().to_string();
    client.on_transmitted(client.outgoing().len());
    text
}

/// What came of bytes, one event a line.
fn hear(client: &mut Client, bytes: &[u8], now_ns: u64) -> (Vec<String>, Result<(), Failure>) {
    let mut lines = Vec::new();
    let result = client.on_bytes(bytes, now_ns, &mut |event| {
        lines.push(match event {
            Event::Accepted { session, sequence } => format!("accepted {session} {sequence}"),
            Event::Message { sequence, bytes } => format!("{sequence} {}", bytes.escape_ascii()),
            Event::Debug(text) => format!("debug {}", text.escape_ascii()),
            Event::Ended { next } => format!("ended {next}"),
        });
    });
    (lines, result)
}

fn accepted(session: &str, sequence: u64) -> Vec<u8> {
    format!("\0\x1fA{session:>10}{sequence:>20}").into_bytes()
}

/// A debug packet.
fn debug(text: &str) -> Vec<u8> {
    [&(1 + text.len() as u16).to_be_bytes()[..], b"+", text.as_bytes()].concat()
}

/// A client that has been let in.
fn streaming(now_ns: u64) -> Client {
    let mut client = connected(options(), now_ns);
    sent(&mut client);
    let (said, result) = hear(&mut client, &accepted("261122300A", 5), now_ns);
    assert_eq!((said, result), (vec!["accepted 261122300A 5".to_string()], Ok(())));
    client
}

#[test]
fn messages_are_counted_from_the_number_that_was_accepted() {
    let mut client = connected(options(), 0);
    assert_eq!(client.state(), State::LoggingIn);
    let login = "\\x00/Lalice secret    261122300A                   5";
    assert_eq!(sent(&mut client), login);
    let stream =
        [&accepted("261122300A", 5)[..], b"\0\x02Sa\0\x01H\0\x01S\0\x03+hi\0\x02Sc"].concat();
    let (said, result) = hear(&mut client, &stream, 0);
    assert_eq!(said, ["accepted 261122300A 5", "5 a", "6 ", "debug hi", "7 c"]);
    assert_eq!((result, client.next_sequence(), client.session()), (Ok(()), 8, L3));
    let (said, _) = hear(&mut client, b"\0\x02Sd\0\x01Z\0\x01H", 0);
    assert_eq!(said, ["8 d", "ended 9"], "nothing counts after the end");
    assert_eq!(client.wish(0), Wish::Disconnect);
    client.on_disconnected(0);
    assert_eq!((client.wish(u64::MAX), client.state()), (Wish::Finished, State::Finished));
}

#[test]
fn a_blank_session_is_joined_and_asked_for_by_name_from_then_on() {
    let mut client = connected(Options::new("alice", "secret"), 0);
    let login = "\\x00/Lalice secret                                 1";
    assert_eq!(sent(&mut client), login);
    hear(&mut client, &[&accepted("261122300A", 1)[..], b"\0\x02Sa\0\x02Sb"].concat(), 0)
        .1
        .expect("good");
    client.on_disconnected(SECOND);
    assert_eq!(client.wish(SECOND), Wish::Stay);
    assert_eq!(client.next_deadline(), Some(SECOND + 500 * MS));
    assert_eq!(client.wish(SECOND + 500 * MS), Wish::Connect);
    client.on_connected(SECOND + 500 * MS);
    let login = "\\x00/Lalice secret    261122300A                   3";
    assert_eq!(sent(&mut client), login);
}

#[test]
fn half_a_packet_of_the_old_connection_does_not_reach_the_new_one() {
    let mut client = streaming(0);
    hear(&mut client, b"\0\x05Sab", 0).1.expect("half a packet");
    client.send_unsequenced(b"lost", 0);
    client.on_disconnected(0);
    client.on_connected(SECOND);
    assert_eq!(sent(&mut client), "\\x00/Lalice secret    261122300A                   5");
    let (said, result) = hear(&mut client, &accepted("261122300A", 5), SECOND);
    assert_eq!((said.len(), result), (1, Ok(())));
}

#[test]
fn what_is_new_is_asked_for_until_there_is_a_number() {
    let mut client = connected(Options { sequence: 0, ..options() }, 0);
    assert!(sent(&mut client).ends_with("                   0"));
    client.on_disconnected(0);
    client.on_connected(SECOND);
    assert!(sent(&mut client).ends_with("                   0"));
    hear(&mut client, &[&accepted("261122300A", 900)[..], b"\0\x02Sa"].concat(), SECOND)
        .1
        .expect("good");
    client.on_disconnected(SECOND);
    client.on_connected(2 * SECOND);
    assert!(sent(&mut client).ends_with("                 901"));
}

#[test]
fn a_heartbeat_follows_a_second_without_sending_after_the_login() {
    let mut client = connected(options(), 0);
    sent(&mut client);
    assert_eq!(client.on_time(2 * SECOND), Ok(()));
    assert_eq!(sent(&mut client), "", "not before the answer");
    hear(&mut client, &accepted("261122300A", 5), 2 * SECOND).1.expect("good");
    assert_eq!(client.on_time(2 * SECOND), Ok(()));
    assert_eq!(sent(&mut client), "\\x00\\x01R");
    assert_eq!(client.next_deadline(), Some(3 * SECOND));
    assert!(client.send_unsequenced(b"stamp", 2 * SECOND + 500 * MS));
    assert_eq!(sent(&mut client), "\\x00\\x06Ustamp");
    assert_eq!(client.on_time(3 * SECOND), Ok(()));
    assert_eq!(sent(&mut client), "");
    assert_eq!(client.on_time(3 * SECOND + 500 * MS), Ok(()));
    // A socket that takes nothing gets no pile of them.
    assert_eq!(client.on_time(9 * SECOND), Ok(()));
    assert_eq!(sent(&mut client), "\\x00\\x01R");
}

#[test]
fn a_silent_server_is_left_and_the_session_resumed() {
    let mut client = streaming(0);
    hear(&mut client, b"\0\x02Sa", SECOND).1.expect("good");
    hear(&mut client, b"\0\x01H", 2 * SECOND).1.expect("good");
    assert_eq!(client.on_time(17 * SECOND - 1), Ok(()));
    let silent = Failure::Silent { silence_ns: 15 * SECOND };
    assert_eq!(client.on_time(17 * SECOND), Err(silent.clone()));
    assert_eq!((client.wish(17 * SECOND), client.failure()), (Wish::Disconnect, Some(&silent)));
    assert_eq!(hear(&mut client, b"\0\x02Sb", 17 * SECOND), (vec![], Ok(())), "it is left");
    client.on_disconnected(17 * SECOND);
    client.on_connected(18 * SECOND);
    sent(&mut client);
    assert_eq!(client.next_sequence(), 6);
    // One that takes the connection and never answers is silent too.
    assert_eq!(client.next_deadline(), Some(33 * SECOND));
    assert!(client.on_time(33 * SECOND).is_err());
}

#[test]
fn pauses_double_until_a_message_comes() {
    let mut client = streaming(0);
    let mut now_ns = 0;
    let mut pauses = Vec::new();
    for _ in 0..9 {
        client.on_disconnected(now_ns);
        let State::Resting { until_ns } = client.state() else { panic!("{:?}", client.state()) };
        pauses.push((until_ns - now_ns) / (500 * MS));
        now_ns = until_ns;
        client.on_connected(now_ns);
        hear(&mut client, &accepted("261122300A", 5), now_ns).1.expect("good");
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60], "in half seconds");
    hear(&mut client, b"\0\x02Sa", now_ns).1.expect("good");
    client.on_disconnected(now_ns);
    assert_eq!(client.next_deadline(), Some(now_ns + 500 * MS));
    // A connection that cannot even be made counts too.
    client.on_disconnected(now_ns);
    assert_eq!(client.next_deadline(), Some(now_ns + SECOND));
}

#[test]
fn a_rejection_is_final_unless_it_names_a_time() {
    let reject = |reason: &str, code: &[u8]| {
        let reason = if reason.is_empty() { Vec::new() } else { debug(reason) };
        let mut client = connected(options(), 0);
        let failure = hear(&mut client, &[&reason, code].concat(), 0).1.expect_err("a rejection");
        assert_eq!(client.wish(0), Wish::Disconnect);
        client.on_disconnected(0);
        (failure.to_string(), client.state())
    };
    assert_eq!(reject("", b"\0\x02JA"), ("login rejected: not authorized".into(), State::Finished));
    let text = "login rejected: session not available (no such session)";
    assert_eq!(reject("no such session", b"\0\x02JS"), (text.into(), State::Finished));
    let resting = |seconds| State::Resting { until_ns: seconds * SECOND };
    assert_eq!(reject("quota; retry-after 7", b"\0\x02JS").1, resting(7));
    // No longer than a day is believed, and what is no number is none.
    assert_eq!(reject("retry-after 999999999", b"\0\x02JS").1, resting(86_400));
    assert_eq!(reject(&format!("retry-after {}", u64::MAX), b"\0\x02JS").1, resting(86_400));
    assert_eq!(reject("retry-after soon", b"\0\x02JS").1, State::Finished);
}

#[test]
fn a_time_that_is_named_before_a_cut_is_kept_to() {
    let mut client = streaming(0);
    let stream = [b"\0\x02Sa".to_vec(), debug("over; retry-after 60")].concat();
    assert_eq!(hear(&mut client, &stream, 0).0, ["5 a", "debug over; retry-after 60"]);
    client.on_disconnected(0);
    assert_eq!(client.state(), State::Resting { until_ns: 60 * SECOND });
    // The next connection's end has its own reason, or none.
    client.on_connected(60 * SECOND);
    client.on_disconnected(60 * SECOND);
    assert_eq!(client.state(), State::Resting { until_ns: 61 * SECOND });
    client.on_connected(61 * SECOND);
    let failure = hear(&mut client, b"\0\x02JS", 61 * SECOND).1.expect_err("a rejection");
    assert_eq!(failure.to_string(), "login rejected: session not available");
}

#[test]
fn another_session_or_sequence_than_asked_for_is_loud() {
    let accept = |options: Options, session: &str, sequence| {
        let mut client = connected(options, 0);
        hear(&mut client, &accepted(session, sequence), 0).1
    };
    let other = Session(*b"261121300A");
    let failure = Failure::OtherSession { wanted: L3, accepted: other };
    assert!(failure.is_final());
    assert_eq!(accept(options(), "261121300A", 5), Err(failure));
    for sequence in [1, 4, 6, 1_000] {
        let failure = Failure::OtherSequence { wanted: 5, accepted: sequence };
        assert_eq!(accept(options(), "261122300A", sequence), Err(failure));
    }
    let any = Options { sequence: 0, ..options() };
    let zero = Failure::OtherSequence { wanted: 0, accepted: 0 };
    assert_eq!(accept(any.clone(), "261122300A", 0), Err(zero));
    assert_eq!(accept(any, "261122300A", 1_000), Ok(()));
}

#[test]
fn a_snapshot_is_begun_anew_and_counted_as_the_server_says() {
    let options = Options { purpose: Purpose::Snapshot, sequence: 77, ..options() };
    let mut client = connected(options, 0);
    assert!(sent(&mut client).ends_with("                  77"));
    let stream = [&accepted("261122300A", 1)[..], b"\0\x02Sa\0\x02Sb"].concat();
    assert_eq!(hear(&mut client, &stream, 0).0, ["accepted 261122300A 1", "1 a", "2 b"]);
    // It breaks off: all of it is wanted again.
    client.on_disconnected(0);
    client.on_connected(SECOND);
    assert!(sent(&mut client).ends_with("                  77"));
    assert_eq!(hear(&mut client, &stream, SECOND).0, ["accepted 261122300A 1", "1 a", "2 b"]);
    // It is whole, says who knows: the server's close is the end.
    client.log_out(SECOND);
    assert_eq!(sent(&mut client), "\\x00\\x01O");
    assert_eq!(client.wish(SECOND), Wish::Disconnect);
    client.on_disconnected(SECOND);
    assert_eq!(client.wish(SECOND), Wish::Finished);
}

#[test]
fn a_snapshot_of_the_current_session_is_of_the_one_that_is_current_then() {
    let options = Options { purpose: Purpose::Snapshot, ..Options::new("alice", "secret") };
    let mut client = connected(options, 0);
    let asks = "\\x00/Lalice secret                                 1";
    assert_eq!(sent(&mut client), asks);
    hear(&mut client, &accepted("261122300A", 1), 0).1.expect("good");
    client.on_disconnected(0);
    client.on_connected(SECOND);
    assert_eq!(sent(&mut client), asks);
    hear(&mut client, &accepted("261123300A", 1), SECOND).1.expect("good, on another day");
}

#[test]
fn debug_packets_while_a_snapshot_is_waited_for_are_signs_of_life() {
    let mut client = connected(Options { purpose: Purpose::Snapshot, ..options() }, 0);
    for second in 1..40 {
        let (said, result) = hear(&mut client, b"\0\x08+waiting", second * SECOND);
        assert_eq!((said.len(), result), (1, Ok(())));
        assert_eq!(client.on_time(second * SECOND), Ok(()));
    }
}

#[test]
fn what_a_server_must_not_send_ends_the_connection_and_is_tried_again() {
    let before = |bytes: &[u8]| hear(&mut connected(options(), 0), bytes, 0).1;
    let after = |bytes: &[u8]| hear(&mut streaming(0), bytes, 0).1;
    let unexpected = |packet_type| Err(Failure::Unexpected { packet_type });
    assert_eq!(before(b"\0\x02Sa"), unexpected(b'S'));
    assert_eq!(before(b"\0\x01Z"), unexpected(b'Z'));
    assert_eq!(after(b"\0\x02JA"), unexpected(b'J'));
    assert_eq!(after(&accepted("261122300A", 5)), unexpected(b'A'));
    let malformed = SoupError::UnknownType { packet_type: b'L', sender: Sender::Server };
    assert_eq!(after(b"\0\x01L"), Err(Failure::Malformed(malformed)));
    assert_eq!(after(b"\0\0"), Err(Failure::Malformed(SoupError::LengthZero)));

    let mut client = streaming(0);
    let (said, result) = hear(&mut client, b"\0\x02Sa\0\0\0\x02Sb", 0);
    assert_eq!((said, result.is_err()), (vec!["5 a".to_string()], true), "up to the fault");
    client.on_disconnected(0);
    client.on_connected(SECOND);
    assert!(sent(&mut client).ends_with("                   6"));
}

#[test]
fn the_last_number_is_no_panic() {
    let options = Options { sequence: u64::MAX, ..options() };
    let mut client = connected(options, 0);
    let stream = [&accepted("261122300A", u64::MAX)[..], b"\0\x02Sa"].concat();
    assert_eq!(hear(&mut client, &stream, 0).1, Err(Failure::NumbersUsedUp));
}

#[test]
fn what_a_client_sends_is_bounded() {
    let mut client = streaming(0);
    assert!(!client.send_unsequenced(&[0; 1 << 20], 0));
    let mut queued = 0;
    while client.send_unsequenced(&[0; 1_000], 0) {
        queued += 1;
    }
    assert_eq!(queued, CLIENT_OUTGOING_BYTES_MAX / 1_003);
    let mut client = connected(options(), 0);
    assert!(!client.send_unsequenced(b"early", 0), "only after the login");
}

#[test]
fn a_client_that_logs_out_stays_out() {
    let mut resting = Client::new(options()).expect("good credentials");
    resting.log_out(0);
    assert_eq!(resting.wish(0), Wish::Finished);
    // Also one that was about to come again.
    let mut client = streaming(0);
    assert!(client.on_time(20 * SECOND).is_err());
    assert_eq!(client.state(), State::Leaving { again: true });
    client.log_out(20 * SECOND);
    client.on_disconnected(20 * SECOND);
    assert_eq!(client.wish(u64::MAX), Wish::Finished);
}

#[test]
fn credentials_that_fit_no_field_are_refused_and_never_shown() {
    assert!(Client::new(Options::new("toolong", "x")).is_err());
    let client = Client::new(Options::new("alice", "hidden")).expect("good credentials");
    assert!(!format!("{client:?}").contains("hidden"));
    assert!(!format!("{:?}", Options::new("alice", "hidden")).contains("hidden"));
}
