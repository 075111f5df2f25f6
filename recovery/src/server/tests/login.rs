//! Logins: each phase, each answer, and what is no login at all.

use super::*;
use crate::access::Grant;
use isochron_feeds::channel::Product;

#[track_caller]
fn check(login: &[u8], expected: &[&str]) {
    let mut host = host(Replay(library(3)));
    let (connection, said) = host.log_in(login, 0);
    assert_eq!(said, expected);
    let accepted = expected[0].starts_with('A');
    assert_eq!(connection.is_streaming(), accepted);
    assert_eq!(connection.is_done(0), !accepted);
}

const ALL: [&str; 4] = ["A 261122300A 1", "S m1", "S m2", "S m3"];

#[test]
fn a_good_login_is_accepted_whatever_its_case() {
    check(&login("alice", "secret", L3, "1"), &ALL);
    check(&login("ALICE", "SeCrEt", L3, "1"), &ALL);
    // A foreign password of the same user, and the right one of nobody.
    check(&login("alice", "secret2", L3, "1"), &["+ unknown user or wrong password", "J A"]);
    check(&login("bob", "secret", L3, "1"), &["+ unknown user or wrong password", "J A"]);
    check(&login("", "", L3, "1"), &["+ unknown user or wrong password", "J A"]);
}

#[test]
fn a_sequence_is_taken_however_it_is_padded() {
    let left = format!("{:<20}", "3");
    check(&login("alice", "secret", L3, &left), &["A 261122300A 3", "S m3"]);
    check(&login("alice", "secret", L3, &format!("{:020}", 3)), &["A 261122300A 3", "S m3"]);
}

#[test]
fn what_clients_in_use_send_is_understood() {
    // npm soupbintcp 1.0.2, and its heartbeat.
    let npm = b"\0\x2fLalice secret    261122300A                   2\0\x01R";
    check(npm, &["A 261122300A 2", "S m2", "S m3"]);
    // PyPI nasdaq-protocols 1.3.0 ("SoupBinTCP 4.00") pads every field on the right.
    let pypi = b"\0\x2fLalice secret              2                   ";
    check(pypi, &["A 261122300A 2", "S m2", "S m3"]);
    let pypi = b"\0\x2fLalice bad                 1                   ";
    check(pypi, &["+ unknown user or wrong password", "J A"]);
}

#[test]
fn one_and_zero_and_next_are_sequences_to_begin_with() {
    check(&login("alice", "secret", L3, "1"), &ALL);
    check(&login("alice", "secret", L3, "0"), &["A 261122300A 4"]);
    check(&login("alice", "secret", L3, "4"), &["A 261122300A 4"]);
    check(&login("alice", "secret", L1, "1"), &["A 261122100A 1"]);
}

#[test]
fn what_is_not_to_be_had_is_rejected_with_a_reason() {
    let rejected = |sequence: &str, reason: &str| {
        check(&login("alice", "secret", L3, sequence), &[&format!("+ {reason}"), "J S"]);
    };
    rejected("5", "sequence 5 is ahead of this session: its next is 4; retry-after 1");
    let max = u64::MAX.to_string();
    rejected(
        &max,
        &format!("sequence {max} is ahead of this session: its next is 4; retry-after 1"),
    );
    rejected("", "no requested sequence number: 1 is the first, 0 new");
    rejected("one", "\"one\" is no sequence number");
    rejected("-1", "\"-1\" is no sequence number");
    for (name, reason) in [
        ("261121300A", "no session 261121300A; retry-after 1"),
        ("SOMETHING", "no session SOMETHING; retry-after 1"),
        ("26-11-22", "\"26-11-22\" is no session's name"),
    ] {
        check(&login("alice", "secret", name, "1"), &[&format!("+ {reason}"), "J S"]);
    }
}

#[test]
fn what_is_no_longer_kept_is_rejected_with_the_first_that_is() {
    let mut host = host(Replay(library(10)));
    host.service.0.log_mut(session(L3)).expect("it is there").forget(8);
    let (_, said) = host.log_in(&login("alice", "secret", L3, "7"), 0);
    assert_eq!(said, ["+ sequence 7 is no longer kept: the first kept is 8", "J S"]);
    let (_, said) = host.log_in(&login("alice", "secret", L3, "8"), 0);
    assert_eq!(said, ["A 261122300A 8", "S m8", "S m9", "S m10"]);
}

#[test]
fn a_blank_session_is_the_richest_current_one_of_the_user() {
    let only = |products: &[Product], partitions: Grant<u16>| Entitlement {
        products: products.iter().copied().collect(),
        partitions,
        symbols: Grant::All,
    };
    let users = [
        user("alice", Entitlement::all(), Quota::default()),
        user("second", only(&[Product::L3], Grant::Only([1].into())), Quota::default()),
        user("level1", only(&[Product::L1, Product::L2], Grant::All), Quota::default()),
        user("depth5", only(&[Product::L2Depth5], Grant::All), Quota::default()),
    ];
    let mut host = host_of(Replay(library(0)), &users);
    let mut answer = |name, session| host.log_in(&login(name, "secret", session, "1"), 0).1;
    assert_eq!(answer("alice", ""), ["A 261122300A 1"]);
    assert_eq!(answer("second", ""), ["A 261122301A 1"]);
    assert_eq!(answer("level1", ""), ["A 261122100A 1"]);
    assert_eq!(
        answer("depth5", ""),
        ["+ no current session that you may have; retry-after 1", "J S"]
    );
    // By name, the same rights.
    assert_eq!(answer("second", L3), ["+ you may not have session 261122300A", "J S"]);
    assert_eq!(answer("level1", L3), ["+ you may not have session 261122300A", "J S"]);
    assert_eq!(answer("level1", L1), ["A 261122100A 1"]);
}

#[test]
fn symbols_that_are_limited_leave_no_replay() {
    let symbols = Grant::Only(["ACME".to_string()].into());
    let limited = Entitlement { symbols, ..Entitlement::all() };
    let mut host = host_of(Replay(library(0)), &[user("dave", limited, Quota::default())]);
    let (_, said) = host.log_in(&login("dave", "secret", L3, "1"), 0);
    assert_eq!(said, ["+ you may not have session 261122300A", "J S"]);
}

#[test]
fn a_login_may_come_byte_by_byte_within_five_seconds() {
    let mut host = host(Replay(library(3)));
    let mut connection = host.connect(0);
    for byte in login("alice", "secret", L3, "1") {
        assert_eq!(host.serve(&mut connection, 4_999 * MS), [""; 0]);
        connection.on_bytes(&[byte], 4_999 * MS);
    }
    assert_eq!(host.serve(&mut connection, 5_000 * MS), ALL);
}

#[test]
fn a_half_sent_login_is_cut_after_five_seconds() {
    let mut host = host(Replay(library(3)));
    let mut connection = host.connect(SECOND);
    assert_eq!(connection.next_deadline(), Some(6 * SECOND));
    let bytes = login("alice", "secret", L3, "1");
    connection.on_bytes(&bytes[..48], 2 * SECOND);
    assert_eq!(host.serve(&mut connection, 6 * SECOND - 1), [""; 0]);
    let said = host.serve(&mut connection, 6 * SECOND);
    let reason = "+ no login within 5 s; 48 bytes of one came";
    ends(&connection, &said, &[reason], "login-timeout");
    // What comes now is too late.
    connection.on_bytes(&bytes[48..], 6 * SECOND);
    assert_eq!(host.serve(&mut connection, 6 * SECOND), [""; 0]);
}

#[test]
fn debug_text_does_not_stand_for_a_login() {
    let mut host = host(Replay(library(3)));
    let mut connection = host.connect(0);
    connection.on_bytes(b"\0\x06+hello", 4 * SECOND);
    assert_eq!(host.serve(&mut connection, 4 * SECOND), [""; 0]);
    let said = host.serve(&mut connection, 5 * SECOND);
    ends(&connection, &said, &["+ no login within 5 s; 0 bytes of one came"], "login-timeout");
}

#[track_caller]
fn cut_at_once(bytes: &[u8], expected: &[&str], word: &str) {
    let mut host = host(Replay(library(3)));
    let (connection, said) = host.log_in(bytes, 0);
    ends(&connection, &said, expected, word);
}

#[test]
fn what_is_no_login_is_cut_at_once() {
    cut_at_once(b"\0\x01R", &["+ packet 'R' before a login"], "no-login");
    cut_at_once(b"\0\x05Udata", &["+ packet 'U' before a login"], "no-login");
    cut_at_once(b"\0\x01O", &[], "logged-out");
    cut_at_once(b"\0\0", &["+ a packet of length 0: it has not even a type"], "malformed");
    cut_at_once(b"\0\x01A", &["+ packet type 'A' from a client"], "malformed");
    // 4.1 of SoupBinTCP has a longer one; a length that is not ours is not guessed at.
    let mut longer = login("alice", "secret", L3, "1");
    longer[1] += 5;
    longer.extend(b"00030");
    cut_at_once(&longer, &["+ a packet 'L' of length 52, it has 47"], "malformed");
    let http = b"GET / HTTP/1.1\r\nHost: exchange\r\n\r\n";
    let reason = "+ a packet of 18245 bytes, at most 2048 are taken";
    cut_at_once(http, &[reason], "malformed");
    let tls = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03";
    let reason = "+ a packet of 5635 bytes, at most 2048 are taken";
    cut_at_once(tls, &[reason], "malformed");
}

#[test]
fn a_second_login_ends_the_connection() {
    let mut host = host(Replay(library(0)));
    let bytes = login("alice", "secret", L3, "1");
    let (mut connection, said) = host.log_in(&bytes, 0);
    assert_eq!(said, ["A 261122300A 1"]);
    connection.on_bytes(&bytes, 0);
    let said = host.serve(&mut connection, 0);
    ends(&connection, &said, &["+ a second login on one connection"], "login-again");
    // Both in one segment are no better.
    let (connection, said) = host.log_in(&[&bytes[..], &bytes].concat(), 0);
    ends(&connection, &said, &["+ a second login on one connection"], "login-again");
}

#[test]
fn while_the_password_is_verified_nothing_is_said_and_others_are_served() {
    let mut host = host(Replay(library(1)));
    let mut first = host.connect(0);
    first.on_bytes(&login("alice", "secret", L3, "1"), 0);
    let _ = first.on_turn(&mut host.service, &mut host.access, 0);
    assert!(first.is_deciding());
    let verification = host.access.poll_verification().expect("one password to verify");

    // The same credentials wait for the same verification; heartbeats are no offence meanwhile.
    let mut second = host.connect(0);
    second.on_bytes(&login("ALICE", "SECRET", L3, "1"), 0);
    second.on_bytes(b"\0\x01R\0\x05Udata", 0);
    let _ = second.on_turn(&mut host.service, &mut host.access, 3 * SECOND);
    let _ = first.on_turn(&mut host.service, &mut host.access, 6 * SECOND);
    assert!(host.access.poll_verification().is_none());
    assert!(first.outgoing().is_empty() && second.outgoing().is_empty());

    host.access.on_verified(verification.run());
    assert_eq!(host.serve(&mut first, 6 * SECOND), ["A 261122300A 1", "S m1"]);
    assert_eq!(host.serve(&mut second, 6 * SECOND), ["A 261122300A 1", "S m1"]);
    // And from now on it is known.
    let mut third = host.connect(6 * SECOND);
    third.on_bytes(&login("alice", "secret", L3, "1"), 6 * SECOND);
    let _ = third.on_turn(&mut host.service, &mut host.access, 6 * SECOND);
    assert_eq!(readable(third.outgoing()), ["A 261122300A 1", "S m1"]);
}

#[test]
fn a_password_that_is_never_verified_is_given_up() {
    let mut host = host(Replay(library(1)));
    let mut connection = host.connect(0);
    connection.on_bytes(&login("alice", "secret", L3, "1"), 0);
    let _ = connection.on_turn(&mut host.service, &mut host.access, 0);
    let _lost = host.access.poll_verification().expect("one password to verify");
    assert_eq!(connection.next_deadline(), Some(10 * SECOND));
    assert_eq!(host.serve(&mut connection, 10 * SECOND - 1), [""; 0]);
    let said = host.serve(&mut connection, 10 * SECOND);
    let reason = "+ too many logins of all users at once; retry-after 2";
    ends(&connection, &said, &[reason, "J S"], "quota");
}

#[test]
fn quotas_of_logins_and_connections_are_told_with_a_time_to_come_again() {
    let quota = Quota { logins_per_minute: 6, connections_max: 2, ..Quota::default() };
    let users = [user("alice", Entitlement::all(), quota)];
    let mut host = host_of(Replay(library(0)), &users);
    let bytes = login("alice", "secret", L3, "1");
    let (first, said) = host.log_in(&bytes, 0);
    assert_eq!(said, ["A 261122300A 1"]);
    let (second, _) = host.log_in(&bytes, 0);
    assert_eq!((host.access.connections("Alice"), host.access.connections("bob")), (2, 0));
    let (third, said) = host.log_in(&bytes, 0);
    let reason = "+ quota of 2 connections at once; retry-after 1";
    ends(&third, &said, &[reason, "J S"], "quota");
    drop((first, second));
    assert_eq!(host.access.connections("alice"), 0);

    // Four of six logins are left, and one comes back every ten seconds.
    for _ in 0..4 {
        assert_eq!(host.log_in(&bytes, 0).1, ["A 261122300A 1"]);
    }
    let (_, said) = host.log_in(&bytes, SECOND / 2);
    assert_eq!(said, ["+ quota of 6 logins a minute; retry-after 10", "J S"]);
    assert_eq!(host.log_in(&bytes, 10 * SECOND).1, ["A 261122300A 1"]);
}
