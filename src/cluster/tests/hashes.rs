//! Which node executed to another state, by what the nodes tell in any order.

use isochron_cluster::{AckPolicy, Message, StateHash};

use super::{envelope, members};
use crate::cluster::{Comparison, Hashes};
use crate::limits::{STATE_HASH_INTERVAL_NS, STATE_HASHES_KEPT_MAX};
use crate::store::{Chain, LogPlace};
use crate::types::{Nanos, Position};

fn place(position: u64) -> LogPlace {
    LogPlace { position: Position(position), chain: Chain(position + 1) }
}

/// Node 1 of so many.
fn hashes(nodes: u32) -> Hashes {
    Hashes::new(&members(1, nodes, AckPolicy::QUORUM))
}

/// Another node says a hash of one log's state.
fn tell(hashes: &mut Hashes, node: u32, position: u64, hash: u64) {
    let LogPlace { chain, .. } = place(position);
    let told = StateHash { position, chain: chain.0, low: hash, ..StateHash::default() };
    hashes.on_hash(&envelope(node, 1, 1), &told);
}

fn compared(hashes: &mut Hashes) -> Vec<String> {
    std::iter::from_fn(|| hashes.poll_comparison()).map(|it| it.to_string()).collect()
}

#[test]
fn equal_places_are_compared_whoever_is_there_first() {
    let mut ahead = hashes(3);
    ahead.on_own(place(640), 7);
    tell(&mut ahead, 2, 640, 7);
    assert_eq!(compared(&mut ahead), ["node 2 has the same state at 640"]);
    let mut behind = hashes(3);
    tell(&mut behind, 2, 640, 7);
    assert_eq!(compared(&mut behind), [""; 0], "this node is not there yet");
    behind.on_own(place(576), 5);
    assert_eq!(compared(&mut behind), [""; 0], "another place");
    behind.on_own(place(640), 7);
    assert_eq!(compared(&mut behind), ["node 2 has the same state at 640"]);
    for core in [&ahead, &behind] {
        let (position, ours, theirs) = (Position(640), 7, 7);
        assert_eq!(core.with(2), Some(&Comparison { node: 2, position, ours, theirs }));
        assert_eq!((core.with(3), core.counts(), core.outvoted(Some(2))), (None, (1, 0), None));
    }
}

#[test]
fn a_change_is_told_once_and_each_comparison_counts_once() {
    let mut core = hashes(3);
    core.on_own(place(640), 7);
    (0..5).for_each(|_| tell(&mut core, 2, 640, 7));
    assert_eq!((compared(&mut core).len(), core.counts()), (1, (1, 0)));
    core.on_own(place(704), 8);
    tell(&mut core, 2, 704, 9);
    let differs = "at 704 the state of node 2 is 00000000000000000000000000000009, and here \
                   00000000000000000000000000000008";
    assert_eq!(compared(&mut core), [differs]);
    core.on_own(place(768), 10);
    tell(&mut core, 2, 768, 11);
    assert_eq!((compared(&mut core), core.counts()), (Vec::new(), (3, 2)), "it still differs");
    core.on_own(place(832), 12);
    tell(&mut core, 2, 832, 12);
    assert_eq!(compared(&mut core), ["node 2 has the same state at 832"]);
}

#[test]
fn of_two_logs_nothing_is_compared() {
    let other = |position| StateHash { position, chain: 99, low: 1, ..StateHash::default() };
    let mut core = hashes(3);
    core.on_hash(&envelope(2, 1, 1), &other(704));
    core.on_own(place(640), 7);
    core.on_hash(&envelope(2, 2, 1), &other(640));
    core.on_own(place(704), 8);
    assert_eq!((compared(&mut core), core.counts()), (Vec::new(), (0, 0)));
}

/// What node 1 knows by the states that the others have where it has 7; 0 was not heard.
fn of_others(nodes: u32, others: &[u64]) -> Hashes {
    let mut core = hashes(nodes);
    core.on_own(place(640), 7);
    for (node, hash) in (2..).zip(others).filter(|(_, hash)| **hash != 0) {
        tell(&mut core, node, 640, *hash);
    }
    core
}

/// What that makes of it, node 2 being the primary.
fn standing(nodes: u32, others: &[u64]) -> Option<(u32, usize)> {
    let outvoted = of_others(nodes, others).outvoted(Some(2));
    outvoted.map(|outvoted| (outvoted.by.node, outvoted.nodes))
}

#[test]
fn a_majority_decides_and_the_primary_where_there_is_none() {
    for (nodes, others, expected) in [
        (3, &[7, 7][..], None),
        (3, &[8, 8], Some(2)),
        // The primary is wrong, and this node and another say so.
        (3, &[8, 7], None),
        // The third was not heard: the primary's word counts, a standby's does not.
        (3, &[8, 0], Some(1)),
        (3, &[0, 8], None),
        // Three states: two others have another one than this.
        (3, &[8, 9], Some(2)),
        (2, &[8], Some(1)),
        (4, &[8, 7, 0], Some(1)),
        (4, &[8, 7, 7], None),
        (4, &[7, 8, 8], None),
        (5, &[7, 8, 8, 8], Some(3)),
        (5, &[8, 8, 7, 7], None),
    ] {
        let found = standing(nodes, others).map(|(_, against)| against);
        assert_eq!(found, expected, "{nodes} nodes: {others:?}");
    }
    // Nobody says that it is wrong is not yet that most say it is right.
    for (nodes, others, expected) in [
        (2, &[0][..], false),
        (2, &[7], true),
        (3, &[8, 0], false),
        (3, &[8, 7], true),
        (4, &[7, 0, 0], false),
        (4, &[7, 8, 7], true),
        (5, &[7, 7, 8, 8], true),
    ] {
        assert_eq!(of_others(nodes, others).most_agree(), expected, "{nodes} nodes: {others:?}");
    }
    // The comparison that is shown is the primary's, where its word decides.
    assert_eq!(standing(4, &[8, 7, 9]), Some((2, 2)));
}

#[test]
fn comparisons_of_different_places_are_counted_together() {
    let mut core = hashes(3);
    core.on_own(place(640), 7);
    tell(&mut core, 2, 640, 8);
    core.on_own(place(704), 9);
    tell(&mut core, 3, 704, 10);
    let outvoted = core.outvoted(None).expect("two of three have another state");
    assert_eq!((outvoted.by.node, outvoted.by.position, outvoted.nodes), (3, Position(704), 2));
}

#[test]
fn what_is_kept_is_bounded_and_the_newest_is_compared() {
    let (mut core, kept) = (hashes(3), STATE_HASHES_KEPT_MAX as u64);
    let at = |number: u64| number * 64;
    // Node 2 is far ahead, and this node forgets its first words.
    (1..=kept + 5).for_each(|number| tell(&mut core, 2, at(number), number));
    // Node 3 is far behind: when it is where this one was, that is forgotten too.
    (1..=kept + 5).for_each(|number| core.on_own(place(at(number)), u128::from(number)));
    assert_eq!(core.counts(), (kept, 0));
    for (number, compared) in [(5, 0), (6, 1), (kept + 5, 2)] {
        tell(&mut core, 3, at(number), number);
        assert_eq!(core.counts().0 - kept, compared, "checkpoint {number}");
    }
    tell(&mut core, 9, at(6), 1);
    assert_eq!(core.counts().0 - kept, 2, "a stranger");
}

#[test]
fn an_execution_that_began_again_says_nothing_of_what_it_is_not_at() {
    let mut core = hashes(3);
    [640, 704, 768].into_iter().for_each(|at| core.on_own(place(at), 7));
    core.on_own(place(640), 7);
    assert_eq!(core.newest(), Some((place(640), 7)));
    tell(&mut core, 2, 704, 9);
    assert_eq!(compared(&mut core), [""; 0]);
    core.on_own(place(704), 9);
    assert_eq!(compared(&mut core), ["node 2 has the same state at 704"]);
}

#[test]
fn the_newest_hash_goes_to_all_others_every_so_often() {
    let mut core = hashes(3);
    let sent = |core: &mut Hashes, now| -> Vec<(u32, u64, u128)> {
        let told = std::iter::from_fn(|| core.poll_send(Nanos(now)));
        let all = told.map(|(node, message)| match message {
            Message::StateHash(it) => {
                (node, it.position, u128::from(it.high) << 64 | u128::from(it.low))
            }
            other => panic!("{other}"),
        });
        all.collect()
    };
    assert_eq!(sent(&mut core, 1), [], "there is none");
    let hash = 0x11 << 64 | 0x22;
    core.on_own(place(640), 3);
    core.on_own(place(704), hash);
    assert_eq!(sent(&mut core, 1), [(2, 704, hash), (3, 704, hash)]);
    core.on_own(place(768), 4);
    assert_eq!(sent(&mut core, STATE_HASH_INTERVAL_NS), []);
    assert_eq!(sent(&mut core, STATE_HASH_INTERVAL_NS + 1), [(2, 768, 4), (3, 768, 4)]);
    assert_eq!(
        sent(&mut core, 2 * STATE_HASH_INTERVAL_NS + 1).len(),
        2,
        "again, for it may be lost"
    );
}
