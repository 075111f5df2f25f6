//! Replays: slices, live, ends, silence, slow readers, quotas.

use super::*;
use crate::library::{Library, SequencedLog};

fn replay(messages: u64) -> Host<Replay<MemoryLibrary>> {
    host(Replay(library(messages)))
}

fn log_of(host: &mut Host<Replay<MemoryLibrary>>) -> &mut MemoryLog {
    host.service.0.log_mut(session(L3)).expect("it is there")
}

/// A connection that has had the first `messages` and goes on live.
fn live(host: &mut Host<Replay<MemoryLibrary>>) -> Connection<Replay<MemoryLibrary>> {
    let (connection, said) = host.log_in(&login("alice", "secret", L3, "0"), 0);
    assert!(said[0].starts_with("A 261122300A") && said.len() == 1, "{said:?}");
    connection
}

/// All messages that a connection sends, as numbers; it is asserted that they have no hole.
fn numbers(said: &[String]) -> Vec<u64> {
    let number = |line: &String| line.strip_prefix("S m").map(|n| n.parse().expect("a number"));
    said.iter().filter_map(number).collect()
}

#[test]
fn many_replays_advance_in_slices_side_by_side() {
    const MESSAGES: u64 = 9_000;
    let mut host = replay(MESSAGES);
    let starts = [1, 1, 2_500, 8_999, 9_001];
    let mut clients: Vec<_> = starts
        .iter()
        .map(|start| {
            let mut connection = host.connect(0);
            connection.on_bytes(&login("alice", "secret", L3, &start.to_string()), 0);
            (connection, Vec::new())
        })
        .collect();
    let mut rounds = 0;
    loop {
        let mut busy = false;
        for (connection, received) in &mut clients {
            let before = connection.next_sequence();
            let turn = connection.on_turn(&mut host.service, &mut host.access, 0);
            // Deep in its replay, a turn is a slice and no more; the tenth is the rest.
            if let (Some(before), Some(after)) = (before, connection.next_sequence()) {
                let queued = after - before;
                assert!(queued <= 2_000 && (turn == Turn::Waiting || queued == 2_000));
            }
            busy |= turn == Turn::More || !connection.outgoing().is_empty();
            received.extend_from_slice(connection.outgoing());
            let bytes = connection.outgoing().len();
            connection.on_transmitted(bytes, 0);
        }
        busy |= host.verify();
        rounds += 1;
        let sequences: Vec<_> = clients.iter().filter_map(|(c, _)| c.next_sequence()).collect();
        if let [first, second, ..] = sequences[..] {
            assert_eq!(first, second, "nobody's replay waits for another's");
        }
        if !busy {
            break;
        }
    }
    // One round for the password, five for 9,000 messages in slices of 2,000, one to see the end.
    assert_eq!(rounds, 7);
    for (start, (_, received)) in starts.iter().zip(&clients) {
        let said = readable(received);
        assert_eq!(said[0], format!("A 261122300A {start}"));
        assert_eq!(numbers(&said[1..]), (*start..=MESSAGES).collect::<Vec<_>>());
        assert_eq!(said.len() as u64, 1 + MESSAGES + 1 - start, "slices leave no trace");
    }
}

#[test]
fn after_the_replay_the_stream_goes_on_live_until_the_session_ends() {
    let mut host = replay(2);
    let (mut connection, said) = host.log_in(&login("alice", "secret", L3, "2"), 0);
    assert_eq!(said, ["A 261122300A 2", "S m2"]);
    assert_eq!(host.serve(&mut connection, 1), [""; 0]);
    log_of(&mut host).push(b"m3");
    assert_eq!(host.serve(&mut connection, 2), ["S m3"]);
    log_of(&mut host).push(b"");
    log_of(&mut host).push(b"m5");
    assert_eq!(host.serve(&mut connection, 3), ["S ", "S m5"]);
    assert_eq!(connection.next_sequence(), Some(6));
    log_of(&mut host).push(b"last");
    log_of(&mut host).end();
    let said = host.serve(&mut connection, 4);
    ends(&connection, &said, &["S last", "Z"], "end-of-session");
    // It may be replayed as long as it is kept.
    let (connection, said) = host.log_in(&login("alice", "secret", L3, "6"), 5);
    ends(&connection, &said, &["A 261122300A 6", "S last", "Z"], "end-of-session");
    let (connection, said) = host.log_in(&login("alice", "secret", L3, "0"), 5);
    ends(&connection, &said, &["A 261122300A 7", "Z"], "end-of-session");
}

#[test]
fn what_is_queued_at_the_end_may_leave_at_the_pace_of_a_slow_reader() {
    let mut host = replay(0);
    let mut connection = live(&mut host);
    log_of(&mut host).push(&[b'x'; 1_000]);
    log_of(&mut host).end();
    let _ = connection.on_turn(&mut host.service, &mut host.access, SECOND);
    assert_eq!(connection.closed(), Some(&Closed::EndOfSession));
    connection.on_transmitted(1_000, 10 * SECOND);
    assert_eq!(connection.outgoing(), b"xxx\0\x01Z");
    assert!(!connection.is_done(11 * SECOND - 1), "Z has ten seconds, a mere reason has one");
    assert_eq!(connection.next_deadline(), Some(11 * SECOND));
    assert!(connection.is_done(11 * SECOND));
}

/// A log whose last messages are written, but were not sent to everyone yet.
struct Ahead {
    log: MemoryLog,
    committed: u64,
    sessions: [Session; 1],
}

impl SequencedLog for Ahead {
    fn first(&self) -> u64 {
        self.log.first()
    }
    fn next(&self) -> u64 {
        self.committed
    }
    fn get(&mut self, sequence: u64) -> Option<&[u8]> {
        assert!(sequence < self.committed, "message {sequence} was not multicast yet");
        self.log.get(sequence)
    }
    fn has_ended(&self) -> bool {
        false
    }
}

impl Library for Ahead {
    fn log(&mut self, _session: Session) -> Option<&mut dyn SequencedLog> {
        Some(self)
    }
    fn current_sessions(&self) -> &[Session] {
        &self.sessions
    }
}

#[test]
fn a_replay_never_overtakes_the_multicast() {
    let mut log = MemoryLog::new(1);
    (1..=5).for_each(|number| log.push(format!("m{number}").as_bytes()));
    let mut host = host(Replay(Ahead { log, committed: 3, sessions: [session(L3)] }));
    let (mut connection, said) = host.log_in(&login("alice", "secret", "", "1"), 0);
    assert_eq!(said, ["A 261122300A 1", "S m1", "S m2"]);
    assert_eq!(host.serve(&mut connection, 1), [""; 0]);
    host.service.0.committed = 5;
    assert_eq!(host.serve(&mut connection, 2), ["S m3", "S m4"]);
    let (_, said) = host.log_in(&login("alice", "secret", "", "6"), 2);
    assert_eq!(
        said,
        ["+ sequence 6 is ahead of this session: its next is 5; retry-after 1", "J S"]
    );
}

#[test]
fn a_heartbeat_follows_a_second_without_data() {
    let mut host = replay(0);
    let mut connection = live(&mut host);
    assert_eq!(connection.next_deadline(), Some(SECOND));
    assert_eq!(host.serve(&mut connection, SECOND - 1), [""; 0]);
    assert_eq!(host.serve(&mut connection, SECOND), ["H"]);
    assert_eq!(host.serve(&mut connection, SECOND), [""; 0]);
    log_of(&mut host).push(b"m1");
    assert_eq!(host.serve(&mut connection, SECOND + 700 * MS), ["S m1"]);
    assert_eq!(host.serve(&mut connection, 2 * SECOND), [""; 0]);
    assert_eq!(connection.next_deadline(), Some(2 * SECOND + 700 * MS));
    assert_eq!(host.serve(&mut connection, 2 * SECOND + 700 * MS), ["H"]);
}

#[test]
fn a_silent_client_is_let_go_after_fifteen_seconds() {
    let mut host = replay(0);
    let mut connection = live(&mut host);
    // A client that sends its heartbeat every ten seconds is in use, and stays.
    for beat in 1..=6 {
        let now_ns = beat * 10 * SECOND;
        assert_eq!(host.serve(&mut connection, now_ns), ["H"]);
        connection.on_bytes(b"\0\x01R", now_ns);
    }
    let last = 60 * SECOND;
    connection.on_bytes(b"\0\x05Udata", last + SECOND);
    connection.on_bytes(b"\0\x05+text", last + 2 * SECOND);
    assert_eq!(connection.unsequenced(), 1);
    // Half a packet is no sign of life.
    connection.on_bytes(b"\0", last + 3 * SECOND);
    assert_eq!(host.serve(&mut connection, last + 17 * SECOND - 1), ["H"]);
    let said = host.serve(&mut connection, last + 17 * SECOND);
    ends(&connection, &said, &["+ nothing heard for 15 s"], "idle");
}

#[test]
fn a_logout_ends_at_once_and_nothing_more_is_sent() {
    let mut host = replay(5_000);
    let mut connection = host.connect(0);
    connection.on_bytes(&login("alice", "secret", L3, "1"), 0);
    let _ = connection.on_turn(&mut host.service, &mut host.access, 0);
    host.verify();
    let turn = connection.on_turn(&mut host.service, &mut host.access, 0);
    assert_eq!(turn, Turn::More);
    assert!(!connection.outgoing().is_empty());
    connection.on_bytes(b"\0\x01O", 0);
    assert!(connection.outgoing().is_empty());
    let said = host.serve(&mut connection, 0);
    ends(&connection, &said, &[], "logged-out");
}

#[test]
fn the_queue_is_bounded_by_bytes_and_the_replay_waits_for_its_reader() {
    let mut host = replay(0);
    let message = [b'x'; 1_378];
    (0..500).for_each(|_| log_of(&mut host).push(&message));
    let mut connection = host.connect(0);
    connection.on_bytes(&login("alice", "secret", L3, "1"), 0);
    let _ = connection.on_turn(&mut host.service, &mut host.access, 0);
    host.verify();
    let mut received = 0;
    while received < 500 * (3 + 1_378) + 33 {
        // Full, there is nothing to do until bytes leave.
        let full = connection.on_turn(&mut host.service, &mut host.access, 0);
        assert_eq!(full, Turn::Waiting);
        let pending = connection.outgoing().len();
        assert!(pending < OUTGOING_BYTES_MAX + 3 + 1_378, "{pending} bytes");
        let taken = pending.min(10_000);
        assert!(taken > 0, "a replay that is not over has more");
        connection.on_transmitted(taken, 0);
        received += taken;
    }
    assert!(connection.outgoing().is_empty() && connection.is_streaming());
    assert_eq!(connection.next_sequence(), Some(501));
}

#[test]
fn a_reader_that_stands_still_is_cut_after_ten_seconds() {
    let mut host = replay(5_000);
    let mut connection = host.connect(0);
    connection.on_bytes(&login("alice", "secret", L3, "1"), 0);
    let _ = connection.on_turn(&mut host.service, &mut host.access, 0);
    host.verify();
    let mut turn = connection.on_turn(&mut host.service, &mut host.access, SECOND);
    while turn == Turn::More {
        turn = connection.on_turn(&mut host.service, &mut host.access, SECOND);
    }
    let pending = connection.outgoing().len();
    // It lives, and says so; it only does not read.
    connection.on_bytes(b"\0\x01R", 9 * SECOND);
    let _ = connection.on_turn(&mut host.service, &mut host.access, 11 * SECOND - 1);
    assert!(connection.closed().is_none());
    assert_eq!(connection.outgoing().len(), pending, "no heartbeats pile up");
    assert_eq!(connection.next_deadline(), Some(11 * SECOND));
    let _ = connection.on_turn(&mut host.service, &mut host.access, 11 * SECOND);
    assert_eq!(connection.closed(), Some(&Closed::SlowReader { pending_bytes: pending }));
    // The reason waits behind the rest, for a second.
    let said = readable(connection.outgoing());
    let expected = format!("+ slow reader: {pending} bytes not taken within 10 s");
    assert_eq!(said.last(), Some(&expected));
    assert!(!connection.is_done(12 * SECOND - 1) && connection.is_done(12 * SECOND));
    assert_eq!(connection.next_deadline(), Some(12 * SECOND));
}

/// A reader that takes `bytes` each second, of a stream without end; when it was cut.
fn cut_at_second(bytes: usize) -> Option<u64> {
    let mut host = replay(0);
    let mut connection = live(&mut host);
    for second in 1..60 {
        (0..2_000).for_each(|_| log_of(&mut host).push(&[b'x'; 100]));
        connection.on_bytes(b"\0\x01R", second * SECOND);
        let _ = connection.on_turn(&mut host.service, &mut host.access, second * SECOND);
        if connection.closed().is_some_and(|closed| closed.word() == "slow-reader") {
            return Some(second);
        }
        let taken = bytes.min(connection.outgoing().len());
        connection.on_transmitted(taken, second * SECOND);
    }
    None
}

#[test]
fn a_trickle_does_not_keep_a_slow_reader_alive_and_a_steady_reader_stays() {
    // What is queued in the first second, 64 KiB, must leave within ten.
    assert_eq!(cut_at_second(100), Some(11));
    assert_eq!(cut_at_second(6_000), Some(11));
    assert_eq!(cut_at_second(7_000), None);
}

#[test]
fn messages_that_are_forgotten_under_a_replay_end_it_with_the_first_that_is_kept() {
    let mut host = replay(5_000);
    let mut connection = host.connect(0);
    connection.on_bytes(&login("alice", "secret", L3, "1"), 0);
    let _ = connection.on_turn(&mut host.service, &mut host.access, 0);
    host.verify();
    let _ = connection.on_turn(&mut host.service, &mut host.access, 0);
    let bytes = connection.outgoing().len();
    connection.on_transmitted(bytes, 0);
    log_of(&mut host).forget(3_000);
    let said = host.serve(&mut connection, 0);
    let reason = "+ sequence 2001 is no longer kept: the first kept is 3000";
    ends(&connection, &said, &[reason], "fell-behind");
}

#[test]
fn a_session_that_is_withdrawn_ends_its_connections() {
    let mut host = replay(1);
    let mut connection = live(&mut host);
    host.service = Replay(MemoryLibrary::default());
    let said = host.serve(&mut connection, 0);
    ends(&connection, &said, &["+ session 261122300A is no longer kept"], "withdrawn");
}

#[test]
fn a_message_that_fits_no_packet_ends_the_connection_and_not_the_server() {
    let mut host = replay(1);
    log_of(&mut host).push(&[0; PAYLOAD_BYTES_MAX + 1]);
    let (connection, said) = host.log_in(&login("alice", "secret", L3, "1"), 0);
    let reason = "+ message 2 of 65535 bytes fits no packet";
    ends(&connection, &said, &["A 261122300A 1", "S m1", reason], "oversized");
}

#[test]
fn repeated_messages_have_a_quota_and_new_ones_have_none() {
    let quota = Quota { replayed_messages_per_day: 8_640, ..Quota::default() };
    let users = [user("alice", Entitlement::all(), quota)];
    let mut host = host_of(Replay(library(5_000)), &users);
    let from = |sequence: &str| login("alice", "secret", L3, sequence);
    let (_, said) = host.log_in(&from("1"), 0);
    assert_eq!(numbers(&said).len(), 5_000);
    // 3,640 are left, and one comes back every ten seconds.
    let (_, said) = host.log_in(&from("1001"), 0);
    let left = "4000 asked for, 3640 left; retry-after 3600";
    assert_eq!(said, [&format!("+ quota of 8640 repeated messages a day: {left}"), "J S"]);
    let (mut second, said) = host.log_in(&from("1001"), 3_600 * SECOND);
    assert_eq!(numbers(&said).len(), 4_000);
    // What is new costs nothing, also to a user who has none left.
    (0..9_000).for_each(|_| log_of(&mut host).push(b"m0"));
    assert_eq!(numbers(&host.serve(&mut second, 3_600 * SECOND)).len(), 9_000);
    let (_, said) = host.log_in(&from("0"), 3_600 * SECOND);
    assert_eq!(said, ["A 261122300A 14001"]);
    // More than a whole day's never fits, and no time to come again is told.
    let (_, said) = host.log_in(&from("1"), 100_000 * SECOND);
    let left = "14000 asked for, 8640 left";
    assert_eq!(said, [&format!("+ quota of 8640 repeated messages a day: {left}"), "J S"]);
}

#[test]
fn two_replays_that_overrun_a_quota_together_are_cut_with_a_reason() {
    let quota = Quota { replayed_messages_per_day: 8_000, ..Quota::default() };
    let users = [user("alice", Entitlement::all(), quota)];
    let mut host = host_of(Replay(library(5_000)), &users);
    let bytes = login("alice", "secret", L3, "1");
    let (mut first, mut second) = (host.connect(0), host.connect(0));
    first.on_bytes(&bytes, 0);
    second.on_bytes(&bytes, 0);
    let _ = first.on_turn(&mut host.service, &mut host.access, 0);
    host.verify();
    // Each finds the 5,000 that it wants, and has 2,000 of them: 4,000 are left.
    assert_eq!(first.on_turn(&mut host.service, &mut host.access, 0), Turn::More);
    assert_eq!(second.on_turn(&mut host.service, &mut host.access, 0), Turn::More);
    let said = host.serve(&mut first, 0);
    assert_eq!(numbers(&said).len(), 5_000);
    let said = host.serve(&mut second, 0);
    // At most one slice too many, and the reason.
    assert_eq!(numbers(&said).len(), 4_000);
    let left = "2000 asked for, 1000 left; retry-after 10800";
    let reason = format!("+ quota of 8000 repeated messages a day: {left}");
    assert_eq!(said.last(), Some(&reason));
    assert_eq!(second.closed().expect("it is cut").word(), "quota");
}
