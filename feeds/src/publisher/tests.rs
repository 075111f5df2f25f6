//! What a publisher sends, byte by byte and second by second.

use super::*;
use crate::mold::Packet;

const SECOND_NS: u64 = 1_000_000_000;

fn session() -> Session {
    Session::new("261122300A").unwrap()
}

fn drain(publisher: &mut Publisher, now_ns: u64) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    while let Some(datagram) = publisher.poll_datagram(now_ns) {
        datagrams.push(datagram.bytes.to_vec());
    }
    datagrams
}

#[test]
fn messages_share_a_datagram() {
    let mut publisher = Publisher::new(session(), 1, 0);
    assert_eq!(drain(&mut publisher, 0), [b"261122300A\0\0\0\0\0\0\0\x01\0\0".to_vec()]);
    assert_eq!(publisher.on_message(b"ab"), Ok(1));
    assert_eq!(publisher.on_message(b""), Ok(2));
    assert_eq!(publisher.on_message(b"c"), Ok(3));
    let expected = b"261122300A\0\0\0\0\0\0\0\x01\0\x03\0\x02ab\0\0\0\x01c".to_vec();
    assert_eq!(drain(&mut publisher, 5), [expected]);
    assert_eq!(publisher.on_message(b"d"), Ok(4));
    assert_eq!(drain(&mut publisher, 6), [b"261122300A\0\0\0\0\0\0\0\x04\0\x01\0\x01d".to_vec()]);
}

#[test]
fn heartbeats_come_a_second_after_the_last_packet() {
    let mut publisher = Publisher::new(session(), 7, 100);
    assert!(publisher.poll_datagram(99).is_none());
    assert_eq!(publisher.poll_datagram(100).unwrap().kind, Kind::Heartbeat);
    assert_eq!(publisher.next_deadline(), 100 + SECOND_NS);

    publisher.on_message(b"x").unwrap();
    assert_eq!(publisher.poll_datagram(SECOND_NS).unwrap().kind, Kind::Data);
    assert_eq!(publisher.next_deadline(), 2 * SECOND_NS);
    assert!(publisher.poll_datagram(2 * SECOND_NS - 1).is_none());
    let heartbeat = publisher.poll_datagram(2 * SECOND_NS).unwrap();
    assert_eq!(heartbeat.bytes, b"261122300A\0\0\0\0\0\0\0\x08\0\0");
}

#[test]
fn an_end_of_session_follows_the_last_message_and_repeats() {
    let mut publisher = Publisher::new(session(), 1, 0);
    publisher.on_message(b"last").unwrap();
    publisher.on_end(10);
    assert_eq!(publisher.on_message(b"no"), Err(PublishError::Ended { sequence: 2 }));
    assert_eq!(publisher.poll_datagram(10).unwrap().kind, Kind::Data);
    let end = publisher.poll_datagram(10).unwrap();
    assert_eq!(end.kind, Kind::EndOfSession);
    assert_eq!(end.bytes, b"261122300A\0\0\0\0\0\0\0\x02\xff\xff");
    assert!(publisher.poll_datagram(10).is_none());
    assert_eq!(publisher.poll_datagram(10 + SECOND_NS).unwrap().kind, Kind::EndOfSession);
}

#[test]
fn a_full_datagram_has_1400_bytes_and_no_message_is_cut() {
    let mut publisher = Publisher::new(session(), 1, 0);
    let largest = [7; MESSAGE_BYTES_MAX];
    assert_eq!(
        publisher.on_message(&[0; MESSAGE_BYTES_MAX + 1]),
        Err(PublishError::MessageTooLarge { bytes: 1379 })
    );
    assert_eq!(publisher.on_message(&largest), Ok(1));
    assert_eq!(publisher.on_message(&[1; 688]), Ok(2));
    assert_eq!(publisher.on_message(&[2; 688]), Ok(3));
    assert_eq!(publisher.on_message(b""), Ok(4));
    let datagrams = drain(&mut publisher, 0);
    let shapes: Vec<_> = datagrams
        .iter()
        .filter_map(|bytes| {
            let packet = Packet::new_checked(&bytes[..]).unwrap();
            (packet.count() > 0).then_some((bytes.len(), packet.sequence(), packet.count()))
        })
        .collect();
    assert_eq!(shapes, [(1400, 1, 1), (1400, 2, 2), (22, 4, 1)]);
}

#[test]
fn a_full_publisher_says_so_and_loses_nothing() {
    let mut publisher = Publisher::new(session(), 1, 0);
    let message = [9; MESSAGE_BYTES_MAX];
    for sequence in 1..=DATAGRAMS_READY_MAX as u64 {
        assert_eq!(publisher.on_message(&message), Ok(sequence));
    }
    assert_eq!(publisher.on_message(&message), Err(PublishError::Full));
    assert_eq!(publisher.next_sequence(), DATAGRAMS_READY_MAX as u64 + 1);
    assert!(publisher.poll_datagram(0).is_some());
    assert_eq!(publisher.on_message(&message), Ok(DATAGRAMS_READY_MAX as u64 + 1));
    let sequences: Vec<_> = drain(&mut publisher, 0)
        .iter()
        .map(|bytes| Packet::new_checked(&bytes[..]).unwrap().sequence())
        .collect();
    assert_eq!(sequences, (2..=DATAGRAMS_READY_MAX as u64 + 1).collect::<Vec<_>>());
}

#[test]
fn a_batch_that_was_not_taken_whole_is_offered_again() {
    let mut publisher = Publisher::new(session(), 1, 0);
    let message = [5; 1_000];
    for _ in 0..5 {
        publisher.on_message(&message).unwrap();
    }
    let sequences = |publisher: &mut Publisher, most: usize| {
        let mut batch = [&[][..]; 8];
        let count = publisher.ready_batch(&mut batch[..most]);
        let packets = batch[..count].iter().map(|bytes| Packet::new_checked(*bytes).unwrap());
        packets.map(|packet| packet.sequence()).collect::<Vec<_>>()
    };
    assert_eq!(sequences(&mut publisher, 3), [1, 2, 3]);
    publisher.on_sent(2, 7);
    assert_eq!(publisher.next_deadline(), SECOND_NS + 7);
    assert_eq!(publisher.on_message(b"more"), Ok(6), "the last one still takes messages");
    assert_eq!(sequences(&mut publisher, 8), [3, 4, 5]);
    let last = drain(&mut publisher, 8).pop().unwrap();
    assert_eq!(Packet::new_checked(&last[..]).unwrap().next_sequence(), 7);
    assert_eq!(sequences(&mut publisher, 8), []);
}

#[test]
fn what_was_sent_before_keeps_its_number() {
    let mut publisher = Publisher::new(session(), 1, 0);
    assert_eq!((publisher.skip(), publisher.skip()), (1, 2));
    assert_eq!(publisher.on_message(b"x"), Ok(3));
}

/// The same messages, polled in two different rhythms: other datagrams, the same messages.
#[test]
fn how_datagrams_are_cut_changes_no_message() {
    let messages: Vec<Vec<u8>> =
        (0..500u32).map(|i| vec![i.to_le_bytes()[0]; (i as usize * 37) % 300]).collect();
    let run = |rhythm: usize| {
        let mut publisher = Publisher::new(session(), 1, 0);
        let mut received = Vec::new();
        let mut datagrams = 0;
        for (index, message) in messages.iter().enumerate() {
            publisher.on_message(message).unwrap();
            if index % rhythm == 0 || index + 1 == messages.len() {
                for bytes in drain(&mut publisher, 1) {
                    let packet = Packet::new_checked(&bytes[..]).unwrap();
                    received.extend(packet.messages().map(|(s, m)| (s, m.to_vec())));
                    datagrams += 1;
                }
            }
        }
        (datagrams, received)
    };
    let (one, by_one) = run(1);
    let (many, by_many) = run(64);
    assert!(many < one, "{many} {one}");
    assert_eq!(by_one, by_many);
    let expected: Vec<_> = (1..).zip(messages.clone()).collect();
    assert_eq!(by_one, expected);
}
