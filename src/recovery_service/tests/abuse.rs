//! Clients that are slow, silent, half there, many, or no clients at all.

use std::io::Write;

use isochron_recovery::soup::Packet;

use super::site::{Client, SESSION, Said, Site, message};
use crate::metrics::Counter;
use crate::net::allow_open_files;

/// The last words of a connection that was cut.
fn reason(client: &Client) -> &str {
    let [.., Said::Debug(reason), Said::Gone] = &client.said[..] else {
        panic!("{:?}", client.said.last())
    };
    reason
}

#[test]
fn who_does_not_log_in_or_falls_silent_is_cut_and_others_are_not() {
    let mut site = Site::new();
    site.publish(10);
    let mut silent = site.connect_replay();
    let mut half = site.connect_replay();
    half.socket.write_all(&[0, 47, b'L', b'a', b'l']).unwrap();
    let mut client = site.connect_replay();
    client.login("alice", "secret", "", "1");
    site.until("the replay", &mut client, |said| said.len() == 11);
    let mut idle = site.connect_replay();
    idle.login("alice", "secret", "", "0");
    site.pass_ms(4_900);
    silent.receive();
    assert_eq!(silent.said, []);
    site.pass_ms(200);
    site.until("the cut", &mut silent, |said| said.last() == Some(&Said::Gone));
    assert_eq!(reason(&silent), "no login within 5 s; 0 bytes of one came");
    site.until("the cut", &mut half, |said| said.last() == Some(&Said::Gone));
    assert_eq!(reason(&half), "no login within 5 s; 5 bytes of one came");
    for _ in 0..3 {
        client.send(&Packet::ClientHeartbeat);
        site.pass_ms(4_000);
    }
    site.until("the cut", &mut idle, |said| said.last() == Some(&Said::Gone));
    assert_eq!(reason(&idle), "nothing heard for 15 s");
    client.receive();
    let heartbeats = client.said.iter().filter(|said| **said == Said::Heartbeat).count();
    assert!((15..=17).contains(&heartbeats), "{heartbeats} in 17 s");
    assert!(!client.said.contains(&Said::Gone));
    assert_eq!(site.count(Counter::RECOVERY_SILENT), 3);
    assert_eq!(site.count(Counter::RECOVERY_CONNECTIONS), 1);
}

#[test]
fn garbage_ends_its_connection_and_nothing_else() {
    let mut site = Site::new();
    site.publish(10);
    let mut good = site.connect_replay();
    good.login("alice", "secret", "", "1");
    let garbage: [&[u8]; 5] =
        [b"GET / HTTP/1.1\r\n\r\n", &[0, 0, 0, 0], &[0xff; 5_000], &[0, 1, b'R'], &[0, 1, b'A']];
    for bytes in garbage {
        let mut client = site.connect_replay();
        client.socket.write_all(bytes).unwrap();
        site.until("the cut", &mut client, |said| said.last() == Some(&Said::Gone));
        assert!(matches!(client.said[0], Said::Debug(_)), "{:?}", client.said);
    }
    let mut twice = site.connect_replay();
    twice.login("alice", "secret", "", "0");
    site.until("the login", &mut twice, |said| said.len() == 1);
    twice.login("alice", "secret", "", "0");
    site.until("the cut", &mut twice, |said| said.last() == Some(&Said::Gone));
    assert_eq!(reason(&twice), "a second login on one connection");
    assert_eq!(site.count(Counter::RECOVERY_GARBAGE), 6);
    site.until("the replay", &mut good, |said| said.len() == 11);
}

/// A reader that stops reading holds its own queue, is cut with a reason, and slows nobody.
#[test]
fn a_reader_that_stops_is_cut_and_others_are_served() {
    let mut site = Site::new();
    // More than the system's buffers of one connection hold.
    for _ in 0..20 {
        site.publish(20_000);
    }
    let mut slow = site.connect_replay();
    slow.login("alice", "secret", "", "1");
    site.run(2_000);
    let so_far = site.count(Counter::RECOVERY_MESSAGES);
    assert!(so_far < 400_000, "the system's buffers took all of it");
    let mut good = site.connect_replay();
    good.login("alice", "secret", &SESSION.to_string(), "390001");
    site.until("another's replay", &mut good, |said| said.len() == 10_001);
    // It stays with its numbers, and its heartbeats do not help it.
    for _ in 0..2 {
        slow.send(&Packet::ClientHeartbeat);
        good.send(&Packet::ClientHeartbeat);
        site.pass_ms(5_100);
    }
    assert_eq!(site.count(Counter::RECOVERY_SLOW), 1);
    site.pass_ms(2_000);
    assert_eq!(site.count(Counter::RECOVERY_CONNECTIONS), 1);
    good.receive();
    assert!(!good.said.contains(&Said::Gone));
}

#[test]
fn who_comes_when_all_places_are_taken_is_told_so() {
    let mut site = Site::with(|options| {
        options.connections_max = 3;
        options.connections_per_address_max = 2;
    });
    site.publish(10);
    let mut inside = [site.connect_replay(), site.connect_snapshot()];
    site.run(50);
    let mut outside = site.connect_replay();
    site.until("the door", &mut outside, |said| said.last() == Some(&Said::Gone));
    assert_eq!(reason(&outside), "2 connections from your address are in use");
    assert_eq!(site.count(Counter::RECOVERY_TURNED_AWAY), 1);
    assert_eq!(site.count(Counter::RECOVERY_CONNECTIONS), 2);
    // One goes, and there is room.
    inside[1].send(&Packet::LogoutRequest);
    let [_, leaving] = &mut inside;
    site.until("the logout", leaving, |said| said.last() == Some(&Said::Gone));
    drop(inside);
    site.run(50);
    let mut client = site.connect_replay();
    client.login("alice", "secret", "", "1");
    site.until("the replay", &mut client, |said| said.len() == 11);
}

/// A thousand replays at a time: each gets all of it, and nobody waits for another's end.
#[test]
fn a_thousand_clients_replay_side_by_side() {
    const CLIENTS: usize = 1_000;
    // Both ends of each, and a few.
    let files = 2 * CLIENTS as u64 + 200;
    let allowed = allow_open_files(files).unwrap();
    if allowed < files {
        println!("skipped: {allowed} open files are allowed here, {files} are needed");
        return;
    }
    let mut site = Site::with(|options| {
        options.connections_max = CLIENTS;
        options.connections_per_address_max = CLIENTS;
        options.users[0].quota.connections_max = CLIENTS as u32;
        options.users[0].quota.logins_per_minute = CLIENTS as u32;
    });
    site.publish(50);
    let mut clients: Vec<_> = (0..CLIENTS)
        .map(|index| {
            // The system queues only so many that were not accepted.
            if index % 100 == 0 {
                site.run(50);
            }
            let mut client = site.connect_replay();
            client.login("alice", "secret", "", "1");
            client
        })
        .collect();
    for client in &mut clients {
        site.until("a replay", client, |said| said.len() == 51);
    }
    assert_eq!(site.count(Counter::RECOVERY_CONNECTIONS), CLIENTS as u64);
    // One password, verified once.
    assert_eq!(site.count(Counter::RECOVERY_LOGINS), CLIENTS as u64);
    site.publish(3);
    for client in &mut clients {
        site.until("what is new", client, |said| said.len() == 54);
        assert!(client.messages().zip(1..).all(|(m, n)| m == message(n)));
    }
    // The next one is told why not.
    let mut outside = site.connect_replay();
    site.until("the door", &mut outside, |said| said.last() == Some(&Said::Gone));
    assert_eq!(reason(&outside), "all of 1000 connections are in use; retry-after 5");
}
