//! Which epoch a candidate takes: the next one; where it is forced and does not hear all, its own.

use isochron_cluster::{AckPolicy, Status};

use super::{envelope, members};
use crate::cluster::{Candidate, LogStatus};
use crate::limits::{ASK_GRACE_NS, NODES_MAX};
use crate::store::{Chain, LogPlace};
use crate::types::{Epoch, Nanos, Position};

const NOW: Nanos = Nanos(1_000);
const LATE: Nanos = Nanos(1_000 + ASK_GRACE_NS);

/// The epoch that a node of several takes, which knows of one, when so many others have answered.
fn epoch_of(own: u32, nodes: u32, known: u32, force: bool, answers: u32) -> Option<Epoch> {
    let membership = members(own, nodes, AckPolicy::QUORUM);
    let status = LogStatus {
        last_epoch: Epoch(known),
        end: LogPlace { position: Position(0), chain: Chain(0) },
        committed: Position(0),
        flags: Default::default(),
    };
    let patience_ns = 2 * ASK_GRACE_NS;
    let mut candidate =
        Candidate::new(&membership, (Epoch(known), status), force, 1, patience_ns, NOW);
    let others = membership.peers().map(|peer| peer.node).take(answers as usize);
    for (count, node) in others.enumerate() {
        let status = Status { round: 1, ..Status::default() };
        candidate.on_status(&envelope(node, count as u64 + 1, known), &status, NOW);
    }
    candidate.on_time(LATE);
    candidate.poll_promise()
}

#[test]
fn it_is_the_next_one_where_all_or_most_nodes_say_what_they_know() {
    for (force, answers) in [(false, 1), (false, 2), (true, 2)] {
        assert_eq!(epoch_of(2, 3, 7, force, answers), Some(Epoch(8)), "{force} {answers}");
    }
    assert_eq!(epoch_of(2, 3, 7, false, 0), None);
}

#[test]
fn nodes_that_are_forced_apart_never_take_one_epoch() {
    let nodes = NODES_MAX as u32;
    for known in [0, 7, 1 << 20, (1 << 20) - 1, (1 << 20) - 65_537, (3 << 20) + (8 << 16) + 65_535]
    {
        let taken: Vec<u32> = (1..=nodes)
            .map(|own| epoch_of(own, nodes, known, true, 0).expect("it is forced").get())
            .collect();
        // Votes count on from any of them, and from what was known, for a while.
        let mut begins = [&[known], taken.as_slice()].concat();
        begins.sort_unstable();
        let apart = begins.windows(2).map(|pair| pair[1] - pair[0]).min();
        assert!(begins[0] == known && begins[1] > known, "{known}: {begins:?}");
        assert!(apart >= Some(65_536), "{known}: {begins:?}");
        // Another round of it is above all of these.
        let again = epoch_of(1, nodes, *begins.last().unwrap(), true, 0).unwrap().get();
        assert!(again >= begins.last().unwrap() + 65_536, "{known}: {again}");
    }
    // Where the numbers end they are counted by ones.
    assert_eq!(epoch_of(2, 3, u32::MAX - 1, true, 0), Some(Epoch(u32::MAX)));
    assert_eq!(epoch_of(2, 3, u32::MAX, true, 0), None);
}
