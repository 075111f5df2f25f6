//! Which node executed to another state, by what the nodes tell in any order.

use isochron_cluster::AckPolicy;

use super::members;
use crate::cluster::{HashChange, Hashes};
use crate::limits::STATE_HASHES_KEPT_MAX;
use crate::types::Position;

const AT: Position = Position(640);

/// What node 1 of three says when the nodes tell these hashes.
fn told(hashes: &[(u32, u128)]) -> Vec<String> {
    let mut core = Hashes::new(members(1, 3, AckPolicy::QUORUM));
    hashes.iter().for_each(|(node, hash)| core.on_hash(*node, AT, *hash));
    std::iter::from_fn(|| core.poll_change()).map(|change| change.to_string()).collect()
}

#[test]
fn a_majority_decides_who_is_wrong() {
    let h = |hash: u128| format!("{hash:032x}");
    let differ = |one: (u32, u128), other: (u32, u128)| {
        let (a, b) = (h(one.1), h(other.1));
        format!("at 640 the state of node {} is {a}, and of node {} it is {b}", one.0, other.0)
    };
    let against_us = |nodes: u32, theirs: u128, ours: u128| {
        format!("at 640 the state of {nodes} nodes is {}, and here {}", h(theirs), h(ours))
    };
    let agreed = String::from("2 nodes have the same state at 640");
    // One alone says nothing; two that are equal agree, and the third adds nothing.
    assert_eq!(told(&[(1, 7)]), [""; 0]);
    assert_eq!(told(&[(1, 7), (2, 7)]), [&agreed[..]]);
    assert_eq!(told(&[(1, 7), (2, 7), (3, 7)]), [&agreed[..]]);
    // Another one's mistake is named and stops nobody here.
    assert_eq!(told(&[(1, 7), (2, 7), (3, 8)]), [agreed.clone(), differ((1, 7), (3, 8))]);
    assert_eq!(told(&[(3, 8), (1, 7), (2, 7)]), [differ((1, 7), (3, 8))]);
    // This one's own is told when a majority has another, in whatever order.
    let ours = [differ((1, 7), (2, 8)), against_us(2, 8, 7)];
    assert_eq!(told(&[(1, 7), (2, 8), (3, 8)]), ours);
    assert_eq!(
        told(&[(2, 8), (3, 8), (1, 7)]),
        [String::from("2 nodes have the same state at 640"), ours[0].clone(), ours[1].clone()]
    );
    // Three states are no majority.
    assert_eq!(told(&[(1, 7), (2, 8), (3, 9)]), [differ((1, 7), (2, 8))]);
    // A node that executed again, and a stranger.
    assert_eq!(told(&[(2, 9), (2, 7), (1, 7), (9, 1)]), [agreed]);
}

#[test]
fn what_is_kept_is_bounded() {
    let mut core = Hashes::new(members(1, 3, AckPolicy::QUORUM));
    let far = STATE_HASHES_KEPT_MAX as u64 + 5;
    (1..=far).for_each(|at| core.on_hash(1, Position(at), u128::from(at)));
    // The five oldest are forgotten: what comes for them late says nothing.
    (1..=far).for_each(|at| core.on_hash(2, Position(at), 0));
    let changes: Vec<HashChange> = std::iter::from_fn(|| core.poll_change()).collect();
    let at = |change: &HashChange| match change {
        HashChange::Differ { position, .. } => position.get(),
        other => panic!("{other}"),
    };
    assert_eq!(changes.iter().map(at).collect::<Vec<_>>(), (6..=far).collect::<Vec<_>>());
}
