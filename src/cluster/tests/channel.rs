//! Whom a node believes, and that no strange bytes get further than that.

use isochron_cluster::{Ack, AckPolicy, Commit, Message, Promote, Status, StatusRequest, Vote};

use super::{address, members};
use crate::cluster::{ControlChannel, Envelope, Malformed, OPERATOR, Refused};
use crate::types::{Epoch, Key, SHORT_MAC_BYTES};

const RUN: u64 = 1_000;

fn key(byte: u8) -> Option<Key> {
    Some(Key::new(&[byte; 32]))
}

/// The ends of two nodes, the first and the second.
fn pair(key: Option<Key>) -> (ControlChannel, ControlChannel) {
    let end = |own| {
        let members = members(own, 3, AckPolicy::QUORUM);
        ControlChannel::new(&members, key.clone(), RUN + u64::from(own))
    };
    (end(1), end(2))
}

fn commit(position: u64) -> Commit {
    Commit { position, chain: 7, epoch: 3, ..Commit::default() }
}

fn sealed(from: &mut ControlChannel, to: u32, message: impl Into<Message>) -> Vec<u8> {
    from.seal(to, Epoch(3), message).to_vec()
}

#[track_caller]
fn refused(end: &mut ControlChannel, datagram: &[u8], from: u32) -> Refused {
    end.open(datagram, address(from)).expect_err("it is refused")
}

#[test]
fn what_is_sealed_is_opened() {
    for key in [None, key(1)] {
        let mac_bytes = if key.is_some() { SHORT_MAC_BYTES } else { 0 };
        let (mut one, mut two) = pair(key);
        let datagram = sealed(&mut one, 2, commit(96));
        // SBE header, 48 bytes of control header, position, chain, epoch and padding.
        assert_eq!(datagram.len(), 8 + 48 + 8 + 8 + 8 + mac_bytes);
        let (envelope, message) = two.open(&datagram, address(1)).unwrap();
        let expected = Envelope {
            sender: 1,
            run: RUN + 1,
            counter: 1,
            known_epoch: Epoch(3),
            to_this_run: false,
        };
        assert_eq!(envelope, expected);
        let Message::Commit(Commit { position: 96, chain: 7, epoch: 3, .. }) = message else {
            panic!("{message}");
        };
        // The answer says which run it is for.
        let datagram = sealed(&mut two, 1, Status::default());
        let (envelope, _) = one.open(&datagram, address(2)).unwrap();
        assert!(envelope.to_this_run);
    }
}

/// Each byte of the header in its place: schema, then the bytes that the page shows.
#[test]
fn a_datagram_is_these_bytes() {
    let (mut one, _) = pair(None);
    let exchange = members(1, 3, AckPolicy::QUORUM).exchange_digest();
    let datagram = sealed(&mut one, 2, StatusRequest { round: 9, ..StatusRequest::default() });
    let mut expected = Vec::new();
    expected.extend_from_slice(&[56, 0, 4, 0, 3, 0, 0, 0]);
    expected.extend_from_slice(&exchange.to_le_bytes());
    expected.extend_from_slice(&1_001u64.to_le_bytes());
    expected.extend_from_slice(&0u64.to_le_bytes());
    expected.extend_from_slice(&1u64.to_le_bytes());
    expected.extend_from_slice(&[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend_from_slice(&9u64.to_le_bytes());
    assert_eq!(datagram, expected);
}

#[test]
fn with_a_key_every_flipped_bit_is_refused() {
    let (mut one, mut two) = pair(key(1));
    let datagram = sealed(&mut one, 2, commit(96));
    for bit in 0..datagram.len() * 8 {
        let mut bytes = datagram.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(refused(&mut two, &bytes, 1), Refused::Malformed(_)), "bit {bit}");
    }
    for length in 0..datagram.len() {
        assert!(matches!(refused(&mut two, &datagram[..length], 1), Refused::Malformed(_)));
    }
    two.open(&datagram, address(1)).expect("nothing of that changed anything");
}

#[test]
fn keys_that_differ_are_told() {
    let text = |ours: Option<Key>, theirs: Option<Key>| {
        let (mut one, _) = pair(theirs);
        let (_, mut two) = pair(ours);
        let datagram = sealed(&mut one, 2, commit(96));
        refused(&mut two, &datagram, 1).to_string()
    };
    assert_eq!(text(key(1), key(2)), "the MAC is wrong: another key, or changed on the way");
    assert_eq!(
        text(None, key(1)),
        "96 bytes where there should be 80: a MAC, and no key is configured here"
    );
    assert_eq!(
        text(key(1), None),
        "80 bytes where there should be 96: a MAC is missing, or no key is configured there"
    );
}

#[test]
fn a_number_comes_once() {
    let (mut one, mut two) = pair(key(1));
    let datagrams: Vec<Vec<u8>> = (0..200).map(|at| sealed(&mut one, 2, commit(at))).collect();
    // Late ones are taken as long as 64 are remembered.
    let mut taken = |number: usize| two.open(&datagrams[number - 1], address(1)).is_ok();
    assert!(taken(1) && !taken(1));
    assert!(taken(3) && !taken(1) && taken(2) && !taken(2), "as well after a newer one");
    assert!(taken(70) && !taken(70) && !taken(1));
    assert!(taken(7) && !taken(7), "63 behind the newest");
    assert!(!taken(6), "64 behind: it cannot be told");
    assert!(taken(69) && taken(8) && !taken(69) && !taken(70));
    assert!(taken(200) && !taken(136) && taken(137) && !taken(137) && !taken(200));
    let again = refused(&mut two, &datagrams[199], 1);
    assert_eq!(again, Refused::Repeated { node: 1, counter: 200, newest: 200 });
}

#[test]
fn an_older_run_is_over() {
    let (mut one, mut two) = pair(key(1));
    let old = sealed(&mut one, 2, commit(1));
    let unheard = sealed(&mut one, 2, commit(2));
    two.open(&old, address(1)).unwrap();
    let members = members(1, 3, AckPolicy::QUORUM);
    let mut restarted = ControlChannel::new(&members, key(1), RUN + 50);
    two.open(&sealed(&mut restarted, 2, commit(3)), address(1)).unwrap();
    let newest = RUN + 50;
    assert_eq!(refused(&mut two, &unheard, 1), Refused::OlderRun { node: 1, run: RUN + 1, newest });
}

/// What was answered to a run of this node that is over counts for nothing, whoever repeats it.
#[test]
fn an_answer_to_an_older_run_is_refused() {
    let (mut one, mut two) = pair(key(1));
    let asked = sealed(&mut one, 2, StatusRequest::default());
    two.open(&asked, address(1)).unwrap();
    let answers: [Message; 3] =
        [Ack::default().into(), Status::default().into(), Vote::default().into()];
    let answers = answers.map(|answer| sealed(&mut two, 1, answer));
    let told = sealed(&mut two, 1, commit(5));
    let members = members(1, 3, AckPolicy::QUORUM);
    let mut restarted = ControlChannel::new(&members, key(1), RUN + 50);
    let run = RUN + 1;
    for answer in answers {
        let answered = refused(&mut restarted, &answer, 2);
        assert_eq!(answered, Refused::ForAnotherRun { node: 2, run });
    }
    // What it goes on telling is heard, so that it hears of the new run in turn.
    let (envelope, _) = restarted.open(&told, address(2)).unwrap();
    assert!(!envelope.to_this_run);
    // Nor does an answer count that names no run: who answers has heard one.
    let (_, mut two) = pair(key(1));
    let answer = sealed(&mut two, 1, Status::default());
    let refused = refused(&mut restarted, &answer, 2);
    assert_eq!(refused, Refused::ForAnotherRun { node: 2, run: 0 });
}

#[test]
fn strangers_and_twins_are_named() {
    let (mut one, mut two) = pair(None);
    let datagram = sealed(&mut one, 2, commit(1));
    let from = address(3);
    let refused_from = two.open(&datagram, from).unwrap_err();
    assert_eq!(
        refused_from.to_string(),
        "from 127.0.0.1:40003, which says it is node 1, and that is 127.0.0.1:40001: the number \
         is used twice, or the configurations differ"
    );
    let for_another = sealed(&mut one, 3, commit(1));
    assert_eq!(refused(&mut two, &for_another, 1).to_string(), "for node 3, and this is node 2");
    // A node 2 elsewhere, to whom this one is a stranger.
    let mut twin = one.clone();
    let own = Refused::OwnNode { node: 1, from };
    let to_itself = {
        let (_, mut other) = pair(None);
        sealed(&mut other, 1, commit(1))
    };
    let mut bytes = to_itself.clone();
    bytes[8 + 32..8 + 36].copy_from_slice(&1u32.to_le_bytes());
    assert_eq!(twin.open(&bytes, from), Err(own));
    bytes[8 + 32..8 + 36].copy_from_slice(&9u32.to_le_bytes());
    assert_eq!(twin.open(&bytes, from), Err(Refused::UnknownNode { node: 9 }));
}

#[test]
fn another_exchange_is_refused() {
    let nodes = members(1, 3, AckPolicy::QUORUM);
    let other = crate::cluster::Membership::new(
        ("XISO", 2),
        1,
        nodes.nodes(),
        nodes.ack(),
        nodes.counted(),
    )
    .unwrap();
    let mut one = ControlChannel::new(&other, None, RUN);
    let (_, mut two) = pair(None);
    let datagram = sealed(&mut one, 2, commit(1));
    let (theirs, ours) = (other.exchange_digest(), nodes.exchange_digest());
    assert_eq!(refused(&mut two, &datagram, 1), Refused::OtherExchange { theirs, ours });
}

#[test]
fn operators_ask_and_promote_and_nothing_else() {
    let nodes = members(1, 3, AckPolicy::QUORUM);
    let mut operator = ControlChannel::operator(&nodes, key(1), RUN + 9);
    let (mut one, mut two) = pair(key(1));
    for message in [Message::from(StatusRequest::default()), Promote::default().into()] {
        let datagram = sealed(&mut operator, 2, message);
        let (envelope, _) = two.open(&datagram, address(7)).unwrap();
        assert_eq!(envelope.sender, OPERATOR);
    }
    let datagram = sealed(&mut two, OPERATOR, Status::default());
    assert!(operator.open(&datagram, address(2)).unwrap().0.to_this_run);
    let datagram = sealed(&mut operator, 2, commit(1));
    let theirs = Refused::NotTheirs { node: OPERATOR, template: 3 };
    assert_eq!(refused(&mut two, &datagram, 7), theirs);
    // A node promotes nobody, and tells an operator's command no commits.
    let datagram = sealed(&mut one, 2, Promote::default());
    assert_eq!(refused(&mut two, &datagram, 1), Refused::NotTheirs { node: 1, template: 8 });
    let datagram = sealed(&mut one, OPERATOR, commit(1));
    assert_eq!(refused(&mut operator, &datagram, 1), Refused::NotTheirs { node: 1, template: 3 });
}

#[test]
fn a_longer_block_is_a_newer_versions() {
    let (mut one, mut two) = pair(None);
    let mut bytes = sealed(&mut one, 2, commit(64));
    let block = u16::from_le_bytes([bytes[0], bytes[1]]) + 8;
    bytes[..2].copy_from_slice(&block.to_le_bytes());
    let expected = bytes.len() + 8;
    let short = Malformed::Length { bytes: bytes.len(), expected };
    assert_eq!(two.open(&bytes, address(1)), Err(Refused::Malformed(short)));
    bytes.extend_from_slice(&[1; 8]);
    let (_, message) = two.open(&bytes, address(1)).unwrap();
    assert!(matches!(message, Message::Commit(Commit { position: 64, .. })));
    // But not one that no datagram of this channel has.
    bytes[..2].copy_from_slice(&[0xff, 0xff]);
    bytes.resize(8 + 0xffff, 0);
    assert!(matches!(two.open(&bytes, address(1)), Err(Refused::Malformed(_))));
}
