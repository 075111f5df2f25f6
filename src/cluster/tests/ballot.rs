//! To whom a node gives its vote, and that it says so when its word is durable.

use std::io;

use isochron_cluster::{NodeFlags, Status, StatusRequest, Vote, VoteReason, VoteRequest};

use super::envelope;
use crate::cluster::{Ballot, LogStatus, answer_status, answer_vote};
use crate::store::{Chain, LogPlace};
use crate::types::{Epoch, Position};

/// A disk that says what it is told to, and what was promised on it.
struct Disk {
    answers: io::Result<bool>,
    promised: Vec<(Epoch, u32)>,
}

impl Disk {
    /// It knows of epoch 4, which node 3 got its vote for.
    fn answering(answers: io::Result<bool>) -> Self {
        Self { answers, promised: Vec::new() }
    }
}

impl Ballot for Disk {
    fn known(&self) -> Epoch {
        Epoch(4)
    }

    fn vote(&self) -> (Epoch, u32) {
        (Epoch(4), 3)
    }

    fn promise(&mut self, epoch: Epoch, node: u32) -> io::Result<bool> {
        self.promised.push((epoch, node));
        match &self.answers {
            Ok(answer) => Ok(*answer),
            Err(error) => Err(error.kind().into()),
        }
    }
}

/// A log that ends at 640, in epoch 3.
fn log(flags: NodeFlags) -> LogStatus {
    let end = LogPlace { position: Position(640), chain: Chain(641) };
    LogStatus { last_epoch: Epoch(3), end, committed: Position(608), flags }
}

/// A wish for an epoch, by a node whose log ends in an epoch, at a position, with a chain.
fn wish(epoch: u32, (last_epoch, end, chain): (u32, u64, u64)) -> VoteRequest {
    VoteRequest { end, chain, epoch, last_epoch, ..VoteRequest::default() }
}

fn vote(disk: &mut Disk, flags: NodeFlags, node: u32, request: &VoteRequest) -> Vote {
    answer_vote(disk, &log(flags), &envelope(node, 1, 4), request)
}

const SAME: (u32, u64, u64) = (3, 640, 641);

/// Raft, section 5.4.1: who is ahead is judged by the last epoch first, then by the position.
#[test]
fn a_vote_is_for_a_log_with_all_that_this_one_has_and_an_epoch_that_is_nobodys() {
    use VoteReason as Reason;
    let none = NodeFlags::default();
    for (flags, node, epoch, theirs, reason) in [
        (none, 2, 5, SAME, Reason::GRANTED),
        (none, 2, 9, SAME, Reason::GRANTED),
        (none, 2, 5, (3, 672, 7), Reason::GRANTED),
        (none, 2, 5, (4, 320, 7), Reason::GRANTED),
        (none, 2, 5, (3, 608, 7), Reason::AHEAD),
        (none, 2, 5, (2, 6_400, 7), Reason::AHEAD),
        (none, 2, 5, (3, 640, 7), Reason::CHAIN_DIFFERS),
        // What was promised to one node is no other's; it may ask again.
        (none, 2, 3, SAME, Reason::EPOCH_KNOWN),
        (none, 3, 3, SAME, Reason::EPOCH_KNOWN),
        (none, 2, 4, SAME, Reason::EPOCH_KNOWN),
        (none, 3, 4, SAME, Reason::GRANTED),
        (NodeFlags::LOSSY, 2, 5, SAME, Reason::LOSSY),
        (NodeFlags::DIVERGED, 2, 5, SAME, Reason::DIVERGED),
    ] {
        let mut disk = Disk::answering(Ok(true));
        let given = vote(&mut disk, flags, node, &wish(epoch, theirs));
        let case = format!("{flags:?}, node {node} in {epoch} with {theirs:?}");
        assert_eq!((given.reason, given.epoch), (reason, epoch), "{case}");
        let promised = if reason == Reason::GRANTED { vec![(Epoch(epoch), node)] } else { vec![] };
        assert_eq!(disk.promised, promised, "{case}");
    }
}

#[test]
fn a_promise_that_is_not_durable_is_no_vote() {
    for (answers, reason) in [
        (Err(io::ErrorKind::StorageFull.into()), VoteReason::DISK),
        (Ok(false), VoteReason::EPOCH_KNOWN),
    ] {
        let mut disk = Disk::answering(answers);
        assert_eq!(vote(&mut disk, NodeFlags::default(), 2, &wish(5, SAME)).reason, reason);
        assert_eq!(disk.promised, [(Epoch(5), 2)]);
    }
}

#[test]
fn an_answer_says_what_the_node_has() {
    let given = vote(&mut Disk::answering(Ok(true)), NodeFlags::default(), 2, &wish(5, SAME));
    let (reason, epoch, last_epoch) = (VoteReason::GRANTED, 5, 3);
    let (end, chain, committed) = (640, 641, 608);
    let expected = Vote { end, chain, committed, epoch, last_epoch, reason, ..Vote::default() };
    assert_eq!(given, expected);

    let flags = NodeFlags::LOSSY | NodeFlags::PRIMARY;
    let asked = StatusRequest { round: 7, ..StatusRequest::default() };
    let told = answer_status(&Disk::answering(Ok(true)), &log(flags), &asked);
    let (round, vote_epoch, vote_node) = (7, 4, 3);
    let of_log = Status { end, chain, committed, last_epoch, flags, ..Status::default() };
    assert_eq!(told, Status { round, vote_epoch, vote_node, ..of_log });
}
