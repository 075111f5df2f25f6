//! Whom a standby follows, and when it says how far it has come.

use isochron_cluster::{Ack, AckPolicy, Announce, Commit, Counted, Message, NodeFlags};

use super::{envelope, members_counting};
use crate::cluster::{Contract, Follower};
use crate::limits::{ACK_INTERVAL_NS, NODE_SILENT_NS};
use crate::store::{Chain, EpochStart, LogPlace};
use crate::types::{Epoch, Nanos, Position};

const NOW: Nanos = Nanos(5_000_000_000);

fn place(position: u64) -> LogPlace {
    LogPlace { position: Position(position), chain: Chain(position + 1) }
}

fn contract(counted: Counted) -> Contract {
    let members = members_counting(2, 3, AckPolicy::QUORUM, counted);
    Contract::new(&members, 65_536, (1, 0), 1)
}

/// Node 2, which holds 320 bytes and knows of an epoch.
fn follower(known: u32, counted: Counted, lossy: bool) -> Follower {
    let members = members_counting(2, 3, AckPolicy::QUORUM, counted);
    Follower::new(members, contract(counted), Epoch(known), None, place(320), lossy)
}

fn announce(epoch: u32, base: u64) -> Announce {
    contract(Counted::HELD).announce(&start(1, epoch, base), Position(base + 640))
}

fn start(node: u32, epoch: u32, base: u64) -> EpochStart {
    let (epoch, LogPlace { position, chain }) = (Epoch(epoch), place(base));
    EpochStart { epoch, node, base: position, chain }
}

/// Node 2 follows node 1 in epoch 4.
fn following(counted: Counted) -> Follower {
    let mut follower = follower(3, counted, false);
    let mut announce = announce(4, 320);
    announce.counted = counted;
    follower.on_announce(&envelope(1, 1, 4), &announce, NOW).unwrap();
    assert_eq!(follower.poll_follow(), Some(start(1, 4, 320)));
    follower.on_followed(start(1, 4, 320), place(320));
    follower
}

fn ack(follower: &mut Follower, now: Nanos) -> Option<Ack> {
    let (node, message) = follower.poll_ack(now)?;
    assert_eq!(node, 1);
    match message {
        Message::Ack(ack) => Some(ack),
        other => panic!("{other}"),
    }
}

fn later(nanos: u64) -> Nanos {
    Nanos(NOW.get() + nanos)
}

#[test]
fn nothing_is_acknowledged_before_the_store_follows() {
    let mut follower = follower(3, Counted::HELD, false);
    assert_eq!(ack(&mut follower, NOW), None);
    follower.on_announce(&envelope(1, 1, 4), &announce(4, 320), NOW).unwrap();
    assert_eq!(ack(&mut follower, NOW), None);
    assert_eq!(follower.poll_follow(), Some(start(1, 4, 320)));
    assert_eq!(follower.poll_follow(), None, "until the next announcement");
    follower.on_announce(&envelope(1, 2, 4), &announce(4, 320), NOW).unwrap();
    assert_eq!(follower.poll_follow(), Some(start(1, 4, 320)));
    follower.on_followed(start(1, 4, 320), place(320));
    let first = ack(&mut follower, NOW).expect("at once");
    assert_eq!((first.epoch, first.held, first.chain_at_held), (4, 320, 321));
}

#[test]
fn every_advance_is_told_and_silence_is_broken() {
    let mut follower = following(Counted::HELD);
    ack(&mut follower, NOW).expect("the first");
    assert_eq!(ack(&mut follower, NOW), None);
    follower.on_progress(place(416), Position(320), Position(320));
    assert_eq!(ack(&mut follower, NOW).expect("an advance").held, 416);
    follower.on_progress(place(416), Position(416), Position(416));
    assert_eq!(ack(&mut follower, NOW), None, "what does not count waits for its time");
    let due = later(ACK_INTERVAL_NS);
    assert_eq!(follower.next_deadline(), Some(due));
    assert_eq!(ack(&mut follower, later(ACK_INTERVAL_NS - 1)), None);
    let periodic = ack(&mut follower, due).expect("its time");
    assert_eq!((periodic.held, periodic.synced, periodic.applied), (416, 416, 416));
    follower.on_execution(true);
    assert_eq!(ack(&mut follower, due).expect("news").flags, NodeFlags::DIVERGED);
    follower.on_execution(false);
    assert_eq!(ack(&mut follower, due).expect("news").flags, NodeFlags::default());
}

#[test]
fn where_synced_counts_an_advance_of_it_is_told() {
    let mut follower = following(Counted::SYNCED);
    ack(&mut follower, NOW).expect("the first");
    follower.on_progress(place(416), Position(0), Position(0));
    assert_eq!(ack(&mut follower, NOW), None);
    follower.on_progress(place(416), Position(416), Position(0));
    assert_eq!(ack(&mut follower, NOW).expect("an advance").synced, 416);
}

#[test]
fn a_promise_ends_what_is_lower() {
    let mut follower = following(Counted::HELD);
    follower.on_promised(Epoch(6));
    assert_eq!(ack(&mut follower, NOW), None);
    let commit = Commit { position: 320, chain: 321, epoch: 4, ..Commit::default() };
    let text = follower.on_commit(&envelope(1, 2, 4), &commit, NOW).unwrap_err().to_string();
    assert_eq!(text, "a commit of node 1 in epoch 4, and 0 is followed");
    let lower = follower.on_announce(&envelope(1, 3, 4), &announce(4, 320), NOW).unwrap_err();
    assert_eq!(
        lower.to_string(),
        "node 1 is the primary of epoch 4, and this node has promised or followed epoch 6"
    );
    follower.on_announce(&envelope(3, 1, 6), &announce(6, 384), NOW).unwrap();
    assert_eq!(follower.poll_follow(), Some(start(3, 6, 384)));
}

#[test]
fn two_primaries_of_an_epoch_are_named() {
    let mut follower = following(Counted::HELD);
    let twice = |follower: &mut Follower, node, base| {
        let refused = follower.on_announce(&envelope(node, 9, 4), &announce(4, base), NOW);
        refused.unwrap_err().to_string()
    };
    assert_eq!(
        twice(&mut follower, 3, 320),
        "epoch 4 began twice: by node 1 at 320, chain 0000000000000141, and by node 3 at 320, \
         chain 0000000000000141; the first is followed"
    );
    assert_eq!(
        twice(&mut follower, 1, 352),
        "epoch 4 began twice: by node 1 at 320, chain 0000000000000141, and by node 1 at 352, \
         chain 0000000000000161; the first is followed"
    );
    assert_eq!(follower.following(), Some(start(1, 4, 320)));
}

#[test]
fn other_terms_are_refused_by_name() {
    let mut follower = follower(3, Counted::HELD, false);
    let mut other = announce(4, 320);
    other.term_length = 131_072;
    assert_eq!(
        follower.on_announce(&envelope(1, 1, 4), &other, NOW).unwrap_err().to_string(),
        "node 1 is not followed: the term length is 131072 bytes there and 65536 here"
    );
    assert_eq!((follower.primary(), follower.known()), (None, Epoch(3)));
}

#[test]
fn commits_are_taken_of_the_followed_node_as_far_as_is_held() {
    let mut follower = following(Counted::HELD);
    let commit =
        |position: u64| Commit { position, chain: position + 1, epoch: 4, ..Commit::default() };
    let other = follower.on_commit(&envelope(3, 2, 4), &commit(320), NOW).unwrap_err();
    assert_eq!(other.to_string(), "a commit of node 3, and node 1 is followed");
    follower.on_commit(&envelope(1, 2, 4), &commit(416), NOW).unwrap();
    assert_eq!(follower.poll_commit(), Some(place(416)), "the store takes what it holds of it");
    assert_eq!(follower.poll_commit(), None);
    follower.on_progress(place(384), Position(0), Position(0));
    assert_eq!(follower.poll_commit(), Some(place(416)), "again, for more is held");
    follower.on_progress(place(512), Position(0), Position(0));
    assert_eq!(follower.poll_commit(), Some(place(416)));
    assert_eq!(follower.poll_commit(), None);
    follower.on_commit(&envelope(1, 1, 4), &commit(320), NOW).unwrap();
    assert_eq!(follower.poll_commit(), None, "one that is older changes nothing");
}

/// An operator let it cut what had been committed; the other log's commits lie below that at first.
#[test]
fn what_was_cut_is_committed_anew() {
    let mut follower = following(Counted::HELD);
    let commit =
        |epoch, position: u64| Commit { position, chain: position + 1, epoch, ..Commit::default() };
    follower.on_progress(place(512), Position(0), Position(0));
    follower.on_commit(&envelope(1, 2, 4), &commit(4, 512), NOW).unwrap();
    assert_eq!(follower.poll_commit(), Some(place(512)));
    follower.on_announce(&envelope(3, 1, 5), &announce(5, 64), NOW).unwrap();
    assert_eq!(follower.poll_follow(), Some(start(3, 5, 64)));
    follower.on_followed(start(3, 5, 64), place(64));
    follower.on_progress(place(256), Position(0), Position(0));
    follower.on_commit(&envelope(3, 2, 5), &commit(5, 192), NOW).unwrap();
    assert_eq!(follower.poll_commit(), Some(place(192)));
}

/// Whatever a node acknowledged before it lost it lies below what its primary had written when the
/// primary first answered this run of it.
#[test]
fn a_lossy_node_is_whole_when_it_holds_what_was_written_when_it_came() {
    let mut follower = follower(3, Counted::HELD, true);
    let mut unheard = envelope(1, 1, 4);
    unheard.to_this_run = false;
    // This announcement may be an old one that somebody repeats.
    let mut stale = announce(4, 320);
    stale.published = 320;
    follower.on_announce(&unheard, &stale, NOW).unwrap();
    follower.on_followed(start(1, 4, 320), place(320));
    follower.on_progress(place(320), Position(0), Position(0));
    assert_eq!(ack(&mut follower, NOW).unwrap().flags, NodeFlags::LOSSY);
    follower.on_announce(&envelope(1, 2, 4), &announce(4, 320), NOW).unwrap();
    follower.on_progress(place(928), Position(0), Position(0));
    assert_eq!(ack(&mut follower, NOW).unwrap().flags, NodeFlags::LOSSY);
    follower.on_progress(place(960), Position(0), Position(0));
    assert_eq!(ack(&mut follower, NOW).unwrap().flags, NodeFlags::default());
}

/// Who acknowledges what is durable there must not count as whole before that is durable again: a
/// loss of power would take it once more, and no node is lossy by that which counts so.
#[test]
fn where_synced_counts_a_lossy_node_is_whole_when_that_is_durable() {
    let mut follower = follower(3, Counted::SYNCED, true);
    let mut announce = announce(4, 320);
    announce.counted = Counted::SYNCED;
    follower.on_announce(&envelope(1, 1, 4), &announce, NOW).unwrap();
    follower.on_followed(start(1, 4, 320), place(320));
    for (held, synced, flags) in [
        (960, 928, NodeFlags::LOSSY),
        (1_024, 959, NodeFlags::LOSSY),
        (1_024, 960, NodeFlags::default()),
    ] {
        follower.on_progress(place(held), Position(synced), Position(0));
        assert_eq!(follower.flags(), flags, "held {held}, synced {synced}");
    }
}

#[test]
fn silence_is_seen() {
    let follower = following(Counted::HELD);
    assert!(!follower.is_primary_silent(later(NODE_SILENT_NS - 1)));
    assert!(follower.is_primary_silent(later(NODE_SILENT_NS)));
}
