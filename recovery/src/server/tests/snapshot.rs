//! Snapshots: the whole of one, waiting for one, and none.

use super::*;
use crate::access::Grant;

/// A source that says what it is told to, and remembers what it was asked.
struct Source {
    answer: Answer,
    asked: Vec<(u64, bool)>,
    sessions: Vec<Session>,
}

enum Answer {
    Messages(u64),
    NotYet,
    Unknown,
    Refused(&'static str),
}

struct Cursor {
    next: u64,
    last: u64,
    text: String,
}

impl SnapshotCursor for Cursor {
    fn next_message(&mut self) -> Option<&[u8]> {
        if self.next > self.last {
            return None;
        }
        self.text = format!("m{}", self.next);
        self.next += 1;
        Some(self.text.as_bytes())
    }
}

impl SnapshotSource for Source {
    type Cursor = Cursor;

    fn snapshot(&mut self, request: &SnapshotRequest) -> SnapshotAnswer<Cursor> {
        assert_eq!(request.session, session(L3));
        let may_see = request.entitlement.may_see("ACME");
        self.asked.push((request.next_at_least, may_see));
        match self.answer {
            Answer::Messages(last) => {
                SnapshotAnswer::Ready(Cursor { next: 1, last, text: String::new() })
            }
            Answer::NotYet => SnapshotAnswer::NotYet,
            Answer::Unknown => SnapshotAnswer::Unknown,
            Answer::Refused(reason) => SnapshotAnswer::Refused(reason.into()),
        }
    }

    fn current_sessions(&self) -> &[Session] {
        &self.sessions
    }
}

fn source(answer: Answer) -> Host<Snapshots<Source>> {
    let sessions = vec![session(L1), session(L3)];
    host(Snapshots(Source { answer, asked: Vec::new(), sessions }))
}

#[test]
fn a_snapshot_is_its_own_stream_and_its_end_closes_the_connection() {
    let mut host = source(Answer::Messages(3));
    let (connection, said) = host.log_in(&login("alice", "secret", L3, "1"), 0);
    // No Z: the session that it shows goes on.
    ends(&connection, &said, &["A 261122300A 1", "S m1", "S m2", "S m3"], "snapshot-complete");
}

#[test]
fn the_requested_sequence_is_the_lowest_acceptable_one() {
    for (asked, lowest) in [("1", 1), ("0", 1), ("", 1), ("77", 77)] {
        let mut host = source(Answer::Messages(1));
        let (_, said) = host.log_in(&login("alice", "secret", "", asked), 0);
        assert_eq!(said, ["A 261122300A 1", "S m1"]);
        assert_eq!(host.service.0.asked, [(lowest, true)]);
    }
    let mut host = source(Answer::Messages(1));
    let (_, said) = host.log_in(&login("alice", "secret", L3, "soon"), 0);
    assert_eq!(said, ["+ \"soon\" is no sequence number", "J S"]);
}

#[test]
fn a_long_snapshot_comes_in_slices_with_the_last_one_whole() {
    let mut host = source(Answer::Messages(4_000));
    let mut connection = host.connect(0);
    connection.on_bytes(&login("alice", "secret", L3, "1"), 0);
    let _ = connection.on_turn(&mut host.service, &mut host.access, 0);
    host.verify();
    let mut sizes = Vec::new();
    while connection.closed().is_none() {
        let before = connection.next_sequence().unwrap_or(1);
        let _ = connection.on_turn(&mut host.service, &mut host.access, 0);
        sizes.push(connection.next_sequence().expect("it is accepted") - before);
        let bytes = connection.outgoing().len();
        connection.on_transmitted(bytes, 0);
    }
    assert_eq!(sizes, [2_000, 2_000, 0]);
    assert!(connection.is_done(0));
}

#[test]
fn a_login_that_waits_hears_nothing_before_its_answer() {
    let mut host = source(Answer::NotYet);
    let (mut connection, said) = host.log_in(&login("alice", "secret", L3, "50"), 0);
    assert_eq!(said, [""; 0]);
    for second in 1..=3 {
        // Whose heartbeats go on, and who does not send any: both wait.
        connection.on_bytes(b"\0\x01R", second * SECOND);
        assert_eq!(host.serve(&mut connection, second * SECOND), [""; 0]);
    }
    host.service.0.answer = Answer::Messages(1);
    let said = host.serve(&mut connection, 3 * SECOND + 1);
    ends(&connection, &said, &["A 261122300A 1", "S m1"], "snapshot-complete");
    assert!(host.service.0.asked.iter().all(|(lowest, _)| *lowest == 50));
}

#[test]
fn a_login_waits_ten_seconds_and_no_longer() {
    let mut host = source(Answer::NotYet);
    let (mut connection, _) = host.log_in(&login("alice", "secret", L3, "50"), SECOND);
    assert_eq!(connection.next_deadline(), Some(11 * SECOND));
    assert_eq!(host.serve(&mut connection, 11 * SECOND - 1), [""; 0]);
    let said = host.serve(&mut connection, 11 * SECOND);
    let reason = "+ no snapshot up to sequence 50 yet; retry-after 1";
    ends(&connection, &said, &[reason, "J S"], "rejected");
}

#[test]
fn the_wait_counts_neither_as_idleness_nor_against_the_reader() {
    let mut host = source(Answer::NotYet);
    let (mut connection, _) = host.log_in(&login("alice", "secret", L3, "50"), 0);
    assert_eq!(host.serve(&mut connection, 9 * SECOND), [""; 0]);
    host.service.0.answer = Answer::Messages(20_000);
    let _ = connection.on_turn(&mut host.service, &mut host.access, 9 * SECOND);
    // It has said nothing since its login, and has fifteen seconds from the answer on.
    for second in [18, 23] {
        let bytes = connection.outgoing().len();
        connection.on_transmitted(bytes, second * SECOND);
        let _ = connection.on_turn(&mut host.service, &mut host.access, second * SECOND);
        assert!(connection.is_streaming(), "after {second} s");
    }
    // The last of it may leave within ten seconds.
    let mut now_ns = 23 * SECOND;
    while connection.closed().is_none() {
        let bytes = connection.outgoing().len();
        connection.on_transmitted(bytes, now_ns);
        let _ = connection.on_turn(&mut host.service, &mut host.access, now_ns);
        now_ns += MS;
    }
    assert_eq!(connection.closed(), Some(&Closed::SnapshotComplete));
    let ended_ns = now_ns - MS;
    assert!(connection.is_done(ended_ns), "the last slice found the end, and nothing waits");
    let mut host = source(Answer::Messages(10));
    host.log_in(&login("alice", "secret", L3, "1"), 0);
    let mut connection = host.connect(0);
    connection.on_bytes(&login("alice", "secret", L3, "1"), 0);
    let _ = connection.on_turn(&mut host.service, &mut host.access, 0);
    assert_eq!(connection.closed(), Some(&Closed::SnapshotComplete));
    assert!(!connection.is_done(10 * SECOND - 1) && connection.is_done(10 * SECOND));
}

#[test]
fn there_may_be_none() {
    let mut host = source(Answer::Unknown);
    let (_, said) = host.log_in(&login("alice", "secret", L3, "1"), 0);
    assert_eq!(said, ["+ no session 261122300A; retry-after 1", "J S"]);
    let mut host = source(Answer::Refused("the builder has no books"));
    let (_, said) = host.log_in(&login("alice", "secret", L3, "1"), 0);
    assert_eq!(said, ["+ no snapshot: the builder has no books", "J S"]);
    // However much there is to say, it is a sentence.
    let mut host = source(Answer::Refused(include_str!("snapshot.rs")));
    let (_, said) = host.log_in(&login("alice", "secret", L3, "1"), 0);
    assert_eq!((said[0].len(), &said[1][..]), ("+ ".len() + DEBUG_BYTES_MAX, "J S"));
}

#[test]
fn whose_symbols_are_limited_gets_snapshots_of_them() {
    let symbols = Grant::Only(["OTHER".to_string()].into());
    let limited = Entitlement { symbols, ..Entitlement::all() };
    let mut host = source(Answer::Messages(1));
    host.access =
        Access::new(&[user("dave", limited, Quota::default())], [1; 32]).expect("a good user");
    let (_, said) = host.log_in(&login("dave", "secret", "", "1"), 0);
    assert_eq!(said, ["A 261122300A 1", "S m1"]);
    assert_eq!(host.service.0.asked, [(1, false)]);
}

#[test]
fn a_snapshot_that_was_begun_is_finished_and_takes_what_is_left_of_the_quota() {
    let quota = Quota { replayed_messages_per_day: 2_500, ..Quota::default() };
    let mut host = source(Answer::Messages(4_000));
    let users = [user("alice", Entitlement::all(), quota)];
    host.access = Access::new(&users, [1; 32]).expect("a good user");
    let (_, said) = host.log_in(&login("alice", "secret", L3, "1"), 0);
    assert_eq!(said.len(), 1 + 4_000);
    let (_, said) = host.log_in(&login("alice", "secret", L3, "1"), 0);
    let left = "1 asked for, 0 left; retry-after 35";
    assert_eq!(said, [&format!("+ quota of 2500 repeated messages a day: {left}"), "J S"]);
}
