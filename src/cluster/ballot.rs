//! A node as a voter: promises durably first, then answers.
//!
//! A promise of an epoch binds the node for ever: it gives that epoch to nobody else, takes no
//! frames of a lower one and acknowledges nothing to its primary. A vote that was told and is then
//! forgotten could make two primaries of one epoch, so it is never told before it is durable.

use std::io;

use isochron_cluster::{NodeFlags, Status, StatusRequest, Vote, VoteReason, VoteRequest};

use crate::store::{EpochStart, LogPlace, Voter};
use crate::types::{Epoch, Position};

use super::Envelope;

/// What a node has promised, on its disk: the store's.
pub trait Ballot {
    /// The highest epoch that the node knows of: followed, written or promised.
    fn known(&self) -> Epoch;

    /// Its last vote: the epoch and the node that got it; 0 and 0 without one.
    fn vote(&self) -> (Epoch, u32);

    /// Promises an epoch to a node. `true`: the promise is durable, now or since before. `false`:
    /// the epoch is not above [`Ballot::known`], and it was not promised to this node.
    ///
    /// # Errors
    /// It could not be made durable; whether it is, is not known.
    fn promise(&mut self, epoch: Epoch, node: u32) -> io::Result<bool>;
}

impl Ballot for Voter {
    fn known(&self) -> Epoch {
        Self::known(self)
    }

    fn vote(&self) -> (Epoch, u32) {
        Self::vote(self)
    }

    fn promise(&mut self, epoch: Epoch, node: u32) -> io::Result<bool> {
        Self::promise(self, epoch, node)
    }
}

/// Where a node's log ends, and what is to be known of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogStatus {
    /// The epoch of the last transaction; 0 where there is none.
    pub last_epoch: Epoch,
    /// The end of the last whole transaction without a hole before it.
    pub end: LogPlace,
    /// What it knows to be committed.
    pub committed: Position,
    /// Lossy, diverged, primary.
    pub flags: NodeFlags,
}

impl LogStatus {
    /// Whether this log is ahead of another: Raft's order, first by epoch, then by position.
    #[must_use]
    pub fn is_ahead_of(&self, last_epoch: Epoch, end: Position) -> bool {
        (self.last_epoch, self.end.position) > (last_epoch, end)
    }

    /// Why a node with this log gives nobody its vote, and is not promoted.
    #[must_use]
    pub fn barred(&self) -> Option<VoteReason> {
        barred(self.flags)
    }
}

/// Why a node of which this is known gives nobody its vote.
pub(super) fn barred(flags: NodeFlags) -> Option<VoteReason> {
    if flags.contains(NodeFlags::LOSSY) {
        return Some(VoteReason::LOSSY);
    }
    flags.contains(NodeFlags::DIVERGED).then_some(VoteReason::DIVERGED)
}

/// The epoch of the last transaction of a log that ends at `end`, by its table of epochs: an epoch
/// that is followed and of which nothing is held does not count.
#[must_use]
pub fn last_epoch(epochs: &[EpochStart], end: Position) -> Epoch {
    let own = |start: &&EpochStart| start.base < end;
    epochs.iter().rev().find(own).map_or(Epoch(0), |start| start.epoch)
}

/// The answer to a question that changes nothing.
#[must_use]
pub fn answer_status(ballot: &impl Ballot, log: &LogStatus, request: &StatusRequest) -> Status {
    let (vote_epoch, vote_node) = ballot.vote();
    Status {
        round: request.round,
        end: log.end.position.get(),
        chain: log.end.chain.0,
        committed: log.committed.get(),
        last_epoch: log.last_epoch.get(),
        vote_epoch: vote_epoch.get(),
        vote_node,
        flags: log.flags,
        ..Status::default()
    }
}

/// Judges a wish to become the primary of an epoch and, if it is granted, promises it, durably,
/// before it returns. `log` is what this node holds now: whoever calls takes no more frames of a
/// lower epoch between reading it and the answer, and none after a granted one.
pub fn answer_vote(
    ballot: &mut impl Ballot,
    log: &LogStatus,
    from: &Envelope,
    request: &VoteRequest,
) -> Vote {
    let mut reason = judge(ballot, log, from, request);
    if reason == VoteReason::GRANTED {
        reason = match ballot.promise(Epoch(request.epoch), from.sender) {
            Ok(true) => VoteReason::GRANTED,
            Ok(false) => VoteReason::EPOCH_KNOWN,
            Err(_) => VoteReason::DISK,
        };
    }
    Vote {
        end: log.end.position.get(),
        chain: log.end.chain.0,
        committed: log.committed.get(),
        epoch: request.epoch,
        last_epoch: log.last_epoch.get(),
        reason,
        ..Vote::default()
    }
}

fn judge(
    ballot: &impl Ballot,
    log: &LogStatus,
    from: &Envelope,
    request: &VoteRequest,
) -> VoteReason {
    let (epoch, end) = (Epoch(request.epoch), Position(request.end));
    let known = ballot.known();
    if epoch < known || (epoch == known && ballot.vote() != (epoch, from.sender)) {
        return VoteReason::EPOCH_KNOWN;
    }
    if let Some(reason) = log.barred() {
        return reason;
    }
    if log.is_ahead_of(Epoch(request.last_epoch), end) {
        return VoteReason::AHEAD;
    }
    let same_end = (log.last_epoch, log.end.position) == (Epoch(request.last_epoch), end);
    if same_end && log.end.chain.0 != request.chain {
        return VoteReason::CHAIN_DIFFERS;
    }
    VoteReason::GRANTED
}
