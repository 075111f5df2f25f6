//! The whole service over loopback: agents run on the test's thread, with a clock moved by hand.

mod abuse;
mod market;
mod site;
mod snapshots;

use isochron_feeds::mold::{Header, Packet as Datagram, Request, Session};

use self::site::{SESSION, Said, Site, message};
use crate::metrics::Counter;

fn accepted(sequence: u64) -> Said {
    Said::Accepted(SESSION, sequence)
}

#[test]
fn a_replay_begins_where_it_is_asked_to_and_goes_on_live() {
    let mut site = Site::new();
    site.publish(5_000);
    for (asked, first) in [("1", 1), ("4001", 4_001), ("5001", 5_001), ("0", 5_001)] {
        let mut client = site.connect_replay();
        client.login("alice", "secret", &SESSION.to_string(), asked);
        let waited = 5_001 - first as usize;
        site.until("the replay", &mut client, |said| said.len() == 1 + waited);
        assert_eq!(client.said[0], accepted(first));
        let same = client.messages().zip(first..).all(|(m, n)| m == message(n));
        assert!(same, "from {first}");
    }
    // One that has all of it hears what is new, as it is sent; blank is the current session, and
    // the user's name and password have no case.
    let mut client = site.connect_replay();
    client.login("ALICE", "SECRET", "", "5001");
    site.until("the login", &mut client, |said| said.len() == 1);
    site.publish(3);
    site.until("three more", &mut client, |said| said.len() == 4);
    let last: Vec<_> = client.messages().map(<[u8]>::to_vec).collect();
    assert_eq!(last, (5_001..5_004).map(message).collect::<Vec<_>>());
    assert_eq!(site.count(Counter::RECOVERY_LOGINS), 5);
    assert_eq!(site.count(Counter::RECOVERY_MESSAGES), 5_000 + 1_000 + 3);
    site.end_session();
    site.until("the end", &mut client, |said| said.last() == Some(&Said::Gone));
    assert_eq!(client.said[client.said.len() - 2], Said::End);
}

/// The publisher has written, and not sent: neither a replay nor a re-request gets it.
#[test]
fn nobody_gets_a_message_before_it_was_multicast() {
    let mut site = Site::new();
    site.publish(10);
    let mut client = site.connect_replay();
    client.login("alice", "secret", &SESSION.to_string(), "1");
    site.until("ten", &mut client, |said| said.len() == 11);
    site.write(5);
    let mut late = site.connect_replay();
    late.login("alice", "secret", &SESSION.to_string(), "1");
    site.until("ten for another", &mut late, |said| said.len() == 11);
    site.request(SESSION, 11, 1);
    site.run(200);
    client.receive();
    assert_eq!((client.said.len(), late.said.len()), (11, 11));
    assert_eq!(site.count(Counter::REREQUESTS_UNKNOWN), 1);
    assert!(site.answers().is_empty());
    site.commit();
    site.until("the rest", &mut client, |said| said.len() == 16);
    site.until("the rest for another", &mut late, |said| said.len() == 16);
    assert_eq!(client.said, late.said);
}

#[test]
fn what_cannot_be_had_is_rejected_with_a_reason() {
    let mut site = Site::new();
    site.publish(10);
    let other = "261122200A";
    for (user, password, session, sequence, code, reason) in [
        ("alice", "secreT1", "", "1", b'A', "unknown user or wrong password"),
        ("nobody", "secret", "", "1", b'A', "unknown user or wrong password"),
        ("alice", "secret", other, "1", b'S', "no session 261122200A"),
        ("alice", "secret", "yesterday", "1", b'S', "no session yesterday"),
        ("alice", "secret", "", "12", b'S', "sequence 12 is ahead of this session: its next is 11"),
        ("alice", "secret", "", "", b'S', "no requested sequence number: 1 is the first, 0 new"),
        ("bob", "secret", "", "1", b'S', "no current session that you may have"),
        ("bob", "secret", "261122300A", "1", b'S', "you may not have session 261122300A"),
    ] {
        let mut client = site.connect_replay();
        client.login(user, password, session, sequence);
        site.until("the rejection", &mut client, |said| said.last() == Some(&Said::Gone));
        let [Said::Debug(said), Said::Rejected(rejected), Said::Gone] = &client.said[..] else {
            panic!("{:?}", client.said)
        };
        // Whether it makes sense to come again is the library's to say.
        let said = said.strip_suffix("; retry-after 1").unwrap_or(said);
        assert_eq!((said, *rejected), (reason, code));
    }
    assert_eq!(site.count(Counter::RECOVERY_REJECTED), 8);
}

#[test]
fn a_killed_publisher_is_not_noticed_by_those_who_replay() {
    let mut site = Site::new();
    site.publish(100);
    let mut client = site.connect_replay();
    client.login("alice", "secret", "", "1");
    site.until("all", &mut client, |said| said.len() == 101);
    // Written and never sent: the next publisher sends it.
    site.write(7);
    site.kill_publisher();
    site.run(100);
    site.start_publisher();
    site.publish(50);
    site.until("what the next one sent", &mut client, |said| said.len() == 158);
    assert!(client.messages().zip(1..).all(|(m, n)| m == message(n)));
}

/// A session that begins while the service runs is found, and is the current one.
#[test]
fn the_next_day_is_found() {
    let mut site = Site::new();
    site.publish(5);
    site.end_session();
    let next = Session(*b"261123300A");
    site.begin_session(next);
    site.publish(3);
    site.pass_ms(300);
    let mut client = site.connect_replay();
    client.login("alice", "secret", "", "1");
    site.until("the new one", &mut client, |said| said.len() == 4);
    assert_eq!(client.said[0], Said::Accepted(next, 1));
    let mut client = site.connect_replay();
    client.login("alice", "secret", &SESSION.to_string(), "1");
    site.until("the old one", &mut client, |said| said.last() == Some(&Said::Gone));
    assert_eq!((client.said.len(), client.said[0].clone()), (8, accepted(1)));
}

/// Every answer is one datagram, whatever is asked for; floods are dropped and counted.
#[test]
fn a_request_is_answered_by_one_datagram_or_by_silence() {
    let mut site = Site::new();
    site.publish(1_000);
    site.request(SESSION, 10, 3);
    let answers = site.until_answers(1);
    let packet = Datagram::new_checked(&answers[0][..]).unwrap();
    let got: Vec<_> = packet.messages().map(|(n, m)| (n, m.to_vec())).collect();
    assert_eq!(got, (10..13).map(|n| (n, message(n))).collect::<Vec<_>>());
    // As many as fit, and one datagram for 65,534 that are asked for.
    site.request(SESSION, 1, 65_534);
    let answers = site.until_answers(1);
    let packet = Datagram::new_checked(&answers[0][..]).unwrap();
    assert!(answers[0].len() <= 1_400 && packet.count() > 5 && packet.sequence() == 1);
    assert!(packet.messages().all(|(n, m)| m == message(n)));
    // Silence.
    site.request(Session(*b"261122200A"), 1, 1);
    site.request(SESSION, 1_001, 1);
    site.send_datagram(b"not twenty bytes");
    let mut zero = [0; 20];
    Header { session: SESSION, sequence: 1, count: 1 }.emit(&mut zero);
    site.send_datagram(&[&zero[..], &[0]].concat());
    site.until_count(Counter::REREQUESTS, 6);
    assert_eq!(site.count(Counter::REREQUESTS_UNKNOWN), 2);
    assert_eq!(site.count(Counter::REREQUESTS_MALFORMED), 2);
    // A flood: 100 a second, of which six are used up.
    for _ in 0..500 {
        site.request(SESSION, 1, 1);
        site.run(1);
    }
    site.until_count(Counter::REREQUESTS, 506);
    assert_eq!(site.count(Counter::REREQUESTS_LIMITED), 406);
    assert_eq!(site.count(Counter::REREQUESTS_ANSWERED), 96);
    assert_eq!(site.until_answers(94).len(), 94);
    // A second later there are some again.
    site.pass_ms(1_000);
    site.request(SESSION, 1, 1);
    site.until_answers(1);
}

#[test]
fn a_network_that_is_not_allowed_hears_nothing() {
    let mut site = Site::with(|options| options.rerequest_networks.clear());
    site.publish(10);
    site.request(SESSION, 1, 1);
    site.until_count(Counter::REREQUESTS_FOREIGN, 1);
    site.run(100);
    assert!(site.answers().is_empty());
}

/// The request of a whole datagram, as a client makes it.
fn request(session: Session, sequence: u64, count: u16) -> Vec<u8> {
    let mut bytes = [0; 20];
    Request { session, sequence, count }.emit(&mut bytes);
    bytes.to_vec()
}
