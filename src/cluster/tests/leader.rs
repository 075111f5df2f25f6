//! What a primary counts, tells and notices.

use isochron_cluster::{
    Ack, AckPolicy, Announce, Commit, Counted, Message, NodeFlags, StateHash, Status,
};

use super::{address, envelope, members_counting};
use crate::cluster::{AckRefused, Change, Contract, ControlChannel, Hashes, Leader, NotLeading};
use crate::limits::{ACK_INTERVAL_NS, ANNOUNCE_INTERVAL_NS, NODE_SILENT_NS, SLOW_BYTES};
use crate::store::{Chain, EpochStart, LogPlace};
use crate::types::{Epoch, Key, Nanos, Position};

const NOW: Nanos = Nanos(5_000_000_000);

fn place(position: u64) -> LogPlace {
    LogPlace { position: Position(position), chain: Chain(position + 1) }
}

/// Node 1 of three leads epoch 4 from 320, has committed 288 before, and writes to 416.
fn leader(counted: Counted) -> Leader {
    let members = members_counting(1, 3, AckPolicy::QUORUM, counted);
    let contract = Contract::new(&members, 65_536, (1, 0), 1);
    let LogPlace { position: base, chain } = place(320);
    let start = EpochStart { epoch: Epoch(4), node: 1, base, chain };
    let mut leader = Leader::new(members, contract, start, place(288), NOW);
    leader.on_end(place(384));
    leader.on_end(place(416));
    leader
}

fn ack(held: u64) -> Ack {
    Ack { held, synced: 0, chain_at_held: held + 1, epoch: 4, ..Ack::default() }
}

fn later(nanos: u64) -> Nanos {
    Nanos(NOW.get() + nanos)
}

fn changes(leader: &mut Leader, now: Nanos) -> Vec<Change> {
    std::iter::from_fn(|| leader.poll_change(now)).collect()
}

fn sent(leader: &mut Leader, now: Nanos) -> Vec<(u32, Message)> {
    std::iter::from_fn(|| leader.poll_send(now)).collect()
}

#[test]
fn a_majority_of_this_epoch_commits() {
    let mut leader = leader(Counted::HELD);
    assert_eq!(leader.poll_commit(), None);
    // What was there before the epoch, even on all nodes, is not committed by it.
    leader.on_ack(&envelope(2, 1, 4), &ack(320), NOW).unwrap();
    leader.on_ack(&envelope(3, 1, 4), &ack(320), NOW).unwrap();
    assert_eq!(leader.poll_commit(), None);
    leader.on_ack(&envelope(2, 2, 4), &ack(384), NOW).unwrap();
    assert_eq!(leader.poll_commit(), Some(place(384)));
    assert_eq!(leader.poll_commit(), None);
    leader.on_ack(&envelope(3, 2, 4), &ack(416), NOW).unwrap();
    assert_eq!(leader.poll_commit(), Some(place(416)));
}

#[test]
fn where_synced_counts_held_does_not() {
    let mut leader = leader(Counted::SYNCED);
    leader.on_ack(&envelope(2, 1, 4), &ack(416), NOW).unwrap();
    leader.on_ack(&envelope(3, 1, 4), &ack(416), NOW).unwrap();
    assert_eq!(leader.poll_commit(), None);
    // Its own disk is one of two, as the other's is.
    let synced = Ack { synced: 416, ..ack(416) };
    leader.on_ack(&envelope(2, 2, 4), &synced, NOW).unwrap();
    assert_eq!(leader.poll_commit(), None);
    leader.on_synced(Position(384));
    assert_eq!(leader.poll_commit(), Some(place(384)));
    leader.on_synced(Position(416));
    assert_eq!(leader.poll_commit(), Some(place(416)));
}

#[test]
fn where_held_counts_no_disk_is_waited_for() {
    let mut leader = leader(Counted::HELD);
    leader.on_synced(Position(352));
    leader.on_ack(&envelope(2, 1, 4), &ack(416), NOW).unwrap();
    assert_eq!(leader.poll_commit(), Some(place(416)));
}

/// Where ends come faster than they are kept, a standby may name one that is not known here.
#[test]
fn an_acknowledged_end_that_is_not_known_counts_as_the_one_before() {
    let mut leader = leader(Counted::HELD);
    assert_eq!(leader.on_ack(&envelope(2, 1, 4), &ack(400), NOW), Ok(()));
    assert_eq!(leader.poll_commit(), Some(place(384)));
}

#[test]
fn what_does_not_count_is_named() {
    let mut leader = leader(Counted::HELD);
    leader.on_ack(&envelope(2, 5, 4), &ack(320), NOW).unwrap();
    for (counter, ack, text) in [
        (6, Ack { epoch: 3, ..ack(416) }, "node 2 acknowledges in epoch 3, this is epoch 4"),
        (6, Ack { epoch: 5, ..ack(416) }, "node 2 acknowledges in epoch 5, this is epoch 4"),
        (6, ack(448), "node 2 says it holds 448, and 416 was written"),
        (6, Ack { synced: 416, ..ack(384) }, "node 2 says 416 is durable, of 384 that it holds"),
        (4, ack(416), "an acknowledgement of node 2 came late"),
        (
            6,
            Ack { chain_at_held: 9, ..ack(416) },
            "node 2 has another log: at 416 its chain is 0000000000000009, here 00000000000001a1",
        ),
    ] {
        let refused = leader.on_ack(&envelope(2, counter, 4), &ack, NOW).unwrap_err();
        assert_eq!((refused.to_string().as_str(), leader.poll_commit()), (text, None));
    }
    let differs = leader.peers().find(|peer| peer.node == 2).unwrap().log_differs;
    assert!(differs, "such a node counts for nothing");
    assert!(changes(&mut leader, NOW).iter().all(|c| !matches!(c, Change::QuorumReached { .. })));
}

/// A node that comes again holds less: what it said before is not what it has.
#[test]
fn a_new_run_replaces_what_the_old_one_said() {
    let mut leader = leader(Counted::HELD);
    leader.on_synced(Position(0));
    leader.on_ack(&envelope(2, 100, 4), &ack(384), NOW).unwrap();
    let mut again = envelope(2, 1, 4);
    again.run = 2;
    leader.on_ack(&again, &ack(320), NOW).unwrap();
    assert_eq!(leader.poll_commit(), None);
    assert_eq!(
        leader.on_ack(&envelope(2, 101, 4), &ack(416), NOW),
        Err(AckRefused::Overtaken { node: 2 })
    );
}

#[test]
fn announcements_and_commits_go_out_in_time() {
    let mut leader = leader(Counted::HELD);
    let names = |leader: &mut Leader, now| {
        let kind = |(node, message): (u32, Message)| match message {
            Message::Announce(_) => format!("announce to {node}"),
            Message::Commit(it) => format!("commit {} to {node}", it.position),
            other => panic!("{other}"),
        };
        sent(leader, now).into_iter().map(kind).collect::<Vec<String>>()
    };
    let first = ["announce to 2", "commit 288 to 2", "announce to 3", "commit 288 to 3"];
    assert_eq!(names(&mut leader, NOW), first);
    assert_eq!(names(&mut leader, NOW), [""; 0]);
    assert_eq!(leader.next_deadline(), Some(later(ACK_INTERVAL_NS)));
    leader.on_ack(&envelope(2, 1, 4), &ack(384), NOW).unwrap();
    assert_eq!(names(&mut leader, NOW), [""; 0], "the own store is told first");
    assert!(leader.poll_commit().is_some());
    assert_eq!(names(&mut leader, NOW), ["commit 384 to 2", "commit 384 to 3"]);
    let again = later(ACK_INTERVAL_NS);
    assert_eq!(names(&mut leader, later(ACK_INTERVAL_NS - 1)), [""; 0]);
    assert_eq!(names(&mut leader, again), ["commit 384 to 2", "commit 384 to 3"]);
    let all = ["announce to 2", "commit 384 to 2", "announce to 3", "commit 384 to 3"];
    assert_eq!(names(&mut leader, later(ANNOUNCE_INTERVAL_NS)), all);
}

#[test]
fn an_announcement_says_the_terms() {
    let mut leader = leader(Counted::HELD);
    let (_, Message::Announce(announce)) = leader.poll_send(NOW).unwrap() else { panic!() };
    assert_eq!((announce.epoch, announce.base, announce.chain_at_base), (4, 320, 321));
    assert_eq!((announce.published, announce.nodes, announce.term_length), (416, 3, 65_536));
    let members = members_counting(2, 3, AckPolicy::QUORUM, Counted::HELD);
    let theirs = Contract::new(&members, 65_536, (1, 0), 1);
    assert_eq!(theirs.difference(&Contract::of(&announce)), None);
}

#[test]
fn silence_slowness_and_the_quorum_are_told_once() {
    let mut leader = leader(Counted::HELD);
    assert_eq!(changes(&mut leader, NOW), [], "nobody is missed who never came");
    leader.on_ack(&envelope(2, 1, 4), &ack(416), NOW).unwrap();
    let heard = [Change::NodeHeard { node: 2 }, Change::QuorumReached { heard: 2, needed: 2 }];
    assert_eq!(changes(&mut leader, NOW), heard);
    assert!(leader.has_quorum());
    let far = 416 + SLOW_BYTES + 32;
    leader.on_end(place(far));
    let slow = Change::NodeSlow { node: 2, behind_bytes: SLOW_BYTES + 32 };
    assert_eq!(changes(&mut leader, NOW), [slow]);
    assert_eq!(changes(&mut leader, later(NODE_SILENT_NS - 1)), []);
    let silent = later(NODE_SILENT_NS);
    let lost = [Change::NodeSilent { node: 2 }, Change::QuorumLost { heard: 1, needed: 2 }];
    assert_eq!(changes(&mut leader, silent), lost);
    assert_eq!(changes(&mut leader, silent), []);
    leader.on_ack(&envelope(2, 2, 4), &ack(far), silent).unwrap();
    let back = [
        Change::NodeHeard { node: 2 },
        Change::NodeKeepsUp { node: 2 },
        Change::QuorumReached { heard: 2, needed: 2 },
    ];
    assert_eq!(changes(&mut leader, silent), back);
}

#[test]
fn a_higher_epoch_is_told_and_a_promise_ends_it() {
    let mut leader = leader(Counted::HELD);
    leader.on_known_epoch(&envelope(3, 1, 5));
    let (node, epoch) = (3, Epoch(5));
    assert_eq!(changes(&mut leader, NOW), [Change::HigherEpoch { node, epoch }]);
    assert_eq!(leader.ended(), None, "the others may still follow");
    leader.on_ack(&envelope(2, 1, 4), &ack(416), NOW).unwrap();
    leader.on_promised(Epoch(4));
    assert_eq!(leader.ended(), None, "its own vote");
    leader.on_promised(Epoch(5));
    assert_eq!(leader.ended(), Some(NotLeading::Promised { epoch }));
    assert_eq!(
        leader.poll_commit(),
        None,
        "what was acknowledged before is not confirmed any more"
    );
    assert_eq!((sent(&mut leader, NOW), leader.next_deadline()), (Vec::new(), None));
    assert_eq!(leader.flags(), NodeFlags::default());
}

/// What a node says that holds up to a position of an epoch.
fn status(last_epoch: u32, end: u64) -> Status {
    Status { last_epoch, end, ..Status::default() }
}

fn ended_later(leader: &mut Leader, ns: u64) -> Option<NotLeading> {
    changes(leader, later(ns));
    leader.ended()
}

#[test]
fn an_epoch_that_nobody_leads_is_passed_with_enough_votes() {
    let passed = Some(NotLeading::Passed { by: 3, epoch: Epoch(5) });
    let told = |flags: NodeFlags| {
        let mut leader = leader(Counted::HELD);
        assert_eq!(changes(&mut leader, NOW), []);
        leader.on_status(&envelope(3, 1, 5), &Status { flags, ..status(4, 384) }, NOW);
        assert_eq!(ended_later(&mut leader, 0), None);
        leader
    };
    let mut alone = told(NodeFlags::default());
    assert_eq!(
        ended_later(&mut alone, NODE_SILENT_NS - 1),
        None,
        "whoever leads it is heard first"
    );
    assert_eq!(ended_later(&mut alone, NODE_SILENT_NS), None, "what it said is too old by now");
    leader_hears(&mut alone, 3, status(4, 416));
    assert_eq!(ended_later(&mut alone, NODE_SILENT_NS), passed);
    assert_eq!(alone.poll_commit(), None);
    // One that votes for nobody does not make a majority, one that follows does.
    let mut lossy = told(NodeFlags::LOSSY);
    leader_hears(&mut lossy, 3, Status { flags: NodeFlags::LOSSY, ..status(4, 416) });
    assert_eq!(ended_later(&mut lossy, NODE_SILENT_NS), None);
    for (counter, follows) in [
        (1, Ack { flags: NodeFlags::LOSSY, ..ack(384) }),
        (2, Ack { flags: NodeFlags::DIVERGED, ..ack(384) }),
    ] {
        lossy.on_ack(&envelope(2, counter, 4), &follows, later(NODE_SILENT_NS)).unwrap();
        assert_eq!(ended_later(&mut lossy, NODE_SILENT_NS), None, "{follows:?}");
    }
    lossy.on_ack(&envelope(2, 3, 4), &ack(384), later(NODE_SILENT_NS)).unwrap();
    let other = Ack { chain_at_held: 9, ..ack(384) };
    lossy.on_ack(&envelope(2, 4, 4), &other, later(NODE_SILENT_NS)).unwrap_err();
    assert_eq!(ended_later(&mut lossy, NODE_SILENT_NS), None, "it has another log");
    lossy.on_ack(&envelope(2, 5, 4), &ack(384), later(NODE_SILENT_NS)).unwrap();
    assert_eq!(ended_later(&mut lossy, NODE_SILENT_NS), passed);
    // Nor does one that holds more of this epoch than this node has.
    let mut ahead = told(NodeFlags::default());
    leader_hears(&mut ahead, 3, status(4, 448));
    assert_eq!(ended_later(&mut ahead, NODE_SILENT_NS), None);
    // One that has a transaction of a higher epoch proves that somebody won it.
    let mut over = told(NodeFlags::default());
    leader_hears(&mut over, 3, status(5, 352));
    assert_eq!(ended_later(&mut over, NODE_SILENT_NS), passed);
}

fn leader_hears(leader: &mut Leader, node: u32, status: Status) {
    leader.on_status(&envelope(node, 2, 5), &status, later(NODE_SILENT_NS));
}

fn announce(epoch: u32) -> Announce {
    Announce { epoch, base: 352, chain_at_base: 9, ..Announce::default() }
}

#[test]
fn another_primary_deposes_it_or_stops_both() {
    let mut deposed = leader(Counted::HELD);
    deposed.on_announce(&envelope(2, 1, 3), &announce(3));
    assert_eq!(deposed.ended(), None, "one of a lower epoch will learn of this one");
    deposed.on_announce(&envelope(2, 2, 6), &announce(6));
    assert_eq!(
        deposed.ended().unwrap().to_string(),
        "node 2 is the primary of epoch 6, which began at 352"
    );
    let by = deposed.ended();
    deposed.on_announce(&envelope(3, 2, 5), &announce(5));
    deposed.on_announce(&envelope(3, 3, 4), &announce(4));
    deposed.on_promised(Epoch(8));
    assert_eq!(deposed.ended(), by, "the newest one is followed");
    deposed.on_announce(&envelope(3, 4, 7), &announce(7));
    let by = deposed.ended();
    assert!(matches!(by, Some(NotLeading::Deposed { by: 3, start }) if start.epoch == Epoch(7)));

    let mut twin = leader(Counted::HELD);
    twin.on_announce(&envelope(3, 1, 4), &announce(4));
    assert_eq!(
        twin.ended().unwrap().to_string(),
        "node 3 says that it is the primary of epoch 4, as this node is: a promotion was forced \
         twice, or a node's number is used twice"
    );
    twin.on_ack(&envelope(2, 1, 4), &ack(416), NOW).unwrap();
    assert_eq!(twin.poll_commit(), None);
}

/// What node 1 knows of the others' states where its own is 7.
fn states(others: &[(u32, u64)]) -> Hashes {
    let mut hashes = Hashes::new(&members_counting(1, 3, AckPolicy::QUORUM, Counted::HELD));
    hashes.on_own(place(384), 7);
    for (node, low) in others.iter().copied() {
        let told = StateHash { position: 384, chain: 385, low, ..StateHash::default() };
        hashes.on_hash(&envelope(node, 1, 4), &told);
    }
    hashes
}

#[test]
fn one_whose_state_most_nodes_do_not_have_takes_nothing_and_goes_on_otherwise() {
    let diverged = Ack { flags: NodeFlags::DIVERGED, ..ack(416) };
    // States by hash, whether the node itself differs from its log, and whether node 2 says that
    // it does.
    for (others, own, theirs, expected) in [
        (&[(2, 7), (3, 7)][..], false, false, None),
        (&[(2, 8), (3, 7)], false, false, None),
        (&[(2, 8), (3, 8)], false, false, Some(2)),
        (&[(2, 8), (3, 9)], false, false, Some(2)),
        (&[(3, 8)], false, true, Some(2)),
        (&[(2, 8)], false, true, None),
        (&[], true, true, Some(2)),
        (&[], true, false, None),
    ] {
        let mut leader = leader(Counted::HELD);
        let acked = if theirs { diverged } else { ack(416) };
        leader.on_ack(&envelope(2, 1, 4), &acked, NOW).unwrap();
        leader.on_states(&states(others), own);
        let (case, why) = (format!("{others:?} {own} {theirs}"), leader.outvoted());
        assert_eq!(why.map(|why| (why.nodes, why.of)), expected.map(|nodes| (nodes, 3)), "{case}");
        let told = changes(&mut leader, NOW);
        assert_eq!(told.contains(&Change::NodeDiverged { node: 2 }), theirs, "{case}");
        let stops = told.iter().any(|change| matches!(change, Change::MajorityDiffers(_)));
        assert_eq!(stops, expected.is_some(), "{case}");
        // What is in the log is confirmed, and the standbys hear of it.
        assert_eq!((leader.ended(), leader.poll_commit()), (None, Some(place(416))), "{case}");
        let flags = if stops { NodeFlags::DIVERGED } else { NodeFlags::default() };
        assert_eq!(leader.flags(), NodeFlags::PRIMARY | flags, "{case}");
    }
}

#[test]
fn what_was_outvoted_stays_so_in_its_epoch() {
    let mut leader = leader(Counted::HELD);
    leader.on_states(&states(&[(2, 8), (3, 8)]), false);
    leader.on_states(&states(&[(2, 7), (3, 7)]), false);
    assert!(leader.outvoted().is_some(), "an operator decides");
    assert_eq!(changes(&mut leader, NOW).len(), 1, "told once");
}

#[test]
fn commits_are_told_with_the_chain() {
    let mut leader = leader(Counted::HELD);
    leader.on_ack(&envelope(2, 1, 4), &ack(416), NOW).unwrap();
    assert_eq!(leader.poll_commit(), Some(place(416)));
    let told = sent(&mut leader, NOW);
    let expected = Commit { position: 416, chain: 417, epoch: 4, ..Commit::default() };
    assert!(told.contains(&(3, Message::from(expected))));
}

/// With a key an acknowledgement counts only as its node has sent it, once.
#[test]
fn forged_and_repeated_acknowledgements_commit_nothing() {
    let members = |own| members_counting(own, 3, AckPolicy::QUORUM, Counted::HELD);
    let end = |own, key: u8| ControlChannel::new(&members(own), Some(Key::new(&[key; 32])), 9);
    let (mut primary, mut leader) = (end(1, 1), leader(Counted::HELD));
    let mut hear = |leader: &mut Leader, datagram: &[u8]| {
        let opened = primary.open(datagram, address(2));
        let heard = opened.map(|(from, message)| match message {
            Message::Ack(ack) => drop(leader.on_ack(&from, &ack, NOW)),
            other => panic!("{other}"),
        });
        (heard.is_ok(), leader.poll_commit())
    };
    // The node has heard this run of the primary: its datagrams are taken.
    let of_primary = end(1, 1).seal(2, Epoch(4), Announce::default()).to_vec();
    let sealed = |key, held| {
        let mut node = end(2, key);
        let _ = node.open(&of_primary, address(1));
        node.seal(1, Epoch(4), ack(held)).to_vec()
    };
    // Another key, no key, and the right one with a position that was changed on the way.
    assert_eq!(hear(&mut leader, &sealed(2, 416)), (false, None));
    let mut keyless = ControlChannel::new(&members(2), None, 9);
    let bare = keyless.seal(1, Epoch(4), ack(416)).to_vec();
    assert_eq!(hear(&mut leader, &bare), (false, None));
    let right = sealed(1, 320);
    let mut changed = right.clone();
    changed[8 + 48..8 + 56].copy_from_slice(&416_u64.to_le_bytes());
    assert_eq!(hear(&mut leader, &changed), (false, None));
    // The node itself is heard, once.
    assert_eq!(hear(&mut leader, &right), (true, None));
    assert_eq!(hear(&mut leader, &right), (false, None));
    let mut node = end(2, 1);
    node.open(&of_primary, address(1)).unwrap();
    let _ = node.seal(1, Epoch(4), ack(320));
    let next = node.seal(1, Epoch(4), ack(416)).to_vec();
    assert_eq!(hear(&mut leader, &next), (true, Some(place(416))));
}
