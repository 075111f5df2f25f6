//! When a node becomes the primary, and what keeps it from that.

use std::ops::RangeInclusive;

use isochron_cluster::{
    AckPolicy, Message, NodeFlags, Promote, PromoteResult, Status, Vote, VoteReason, VoteRequest,
};

use super::{envelope, members};
use crate::cluster::{
    Candidate, InTheWay, LogStatus, MayBeLost, Outcome, Refusal, Step, judge_promote,
};
use crate::limits::{ASK_GRACE_NS, ASK_INTERVAL_NS, FORCED_EPOCHS_APART};
use crate::store::{Chain, LogPlace};
use crate::types::{Epoch, Nanos, Position};

const NOW: Nanos = Nanos(5_000_000_000);
const PATIENCE_NS: u64 = 1_000_000_000;
const ROUND: u64 = 7;

fn later(nanos: u64) -> Nanos {
    Nanos(NOW.get() + nanos)
}

/// A log that ends in epoch 3.
fn log(end: u64, flags: NodeFlags) -> LogStatus {
    let end = LogPlace { position: Position(end), chain: Chain(end + 1) };
    LogStatus { last_epoch: Epoch(3), end, committed: Position(608), flags }
}

/// Node 1 of so many, which knows of epoch 4 and whose log ends at 640.
fn candidate_with(nodes: u32, force: bool, flags: NodeFlags) -> Candidate {
    let (membership, own) = (members(1, nodes, AckPolicy::QUORUM), log(640, flags));
    Candidate::new(&membership, (Epoch(4), own), force, ROUND, PATIENCE_NS, NOW)
}

fn candidate(nodes: u32, force: bool) -> Candidate {
    candidate_with(nodes, force, NodeFlags::default())
}

/// What a node says whose log ends in an epoch, at a position.
fn status(last_epoch: u32, end: u64) -> Status {
    let (round, chain, committed) = (ROUND, end + 1, 576);
    Status { round, end, chain, committed, last_epoch, ..Status::default() }
}

fn vote(epoch: u32, reason: VoteReason) -> Vote {
    Vote { end: 672, chain: 673, last_epoch: 3, epoch, reason, ..Vote::default() }
}

/// These nodes, which know of epoch 4, say this.
fn hear(candidate: &mut Candidate, nodes: RangeInclusive<u32>, status: Status) {
    nodes.for_each(|node| candidate.on_status(&envelope(node, 1, 4), &status, NOW));
}

/// Node 1 of five, whose votes in epoch 5 are asked for.
fn voting() -> Candidate {
    let mut candidate = candidate(5, false);
    hear(&mut candidate, 2..=5, status(3, 640));
    assert_eq!(candidate.poll_promise(), Some(Epoch(5)));
    candidate.on_promised(true, log(640, NodeFlags::default()), NOW);
    assert_eq!(candidate.step(), Step::Voting(Epoch(5)));
    candidate
}

fn refused(candidate: &mut Candidate) -> Refusal {
    match candidate.poll_outcome() {
        Some(Outcome::Refused(refusal)) if candidate.step() == Step::Done => refusal,
        other => panic!("{other:?}, {:?}", candidate.step()),
    }
}

fn sent(candidate: &mut Candidate, now: Nanos) -> Vec<(u32, Message)> {
    std::iter::from_fn(|| candidate.poll_send(now)).collect()
}

fn asked(candidate: &mut Candidate, now: Nanos) -> Vec<u32> {
    sent(candidate, now).into_iter().map(|(node, _)| node).collect()
}

#[test]
fn its_epoch_is_above_all_that_anybody_knows_of() {
    for (theirs, epoch) in [([3, 2], 5), ([4, 4], 5), ([9, 6], 10)] {
        let mut candidate = candidate(3, false);
        candidate.on_status(&envelope(2, 1, theirs[0]), &status(3, 640), NOW);
        candidate.on_status(&envelope(3, 1, theirs[1]), &status(3, 608), NOW);
        assert_eq!(candidate.poll_promise(), Some(Epoch(epoch)), "{theirs:?}");
    }
}

#[test]
fn all_are_waited_for_a_while_then_a_majority_is_enough() {
    let mut candidate = candidate(3, false);
    candidate.on_status(&envelope(2, 1, 4), &status(3, 640), NOW);
    candidate.on_time(later(ASK_GRACE_NS - 1));
    assert_eq!(candidate.step(), Step::Asking, "node 3 may be ahead");
    candidate.on_time(later(ASK_GRACE_NS));
    assert_eq!(candidate.step(), Step::Promising(Epoch(5)));
}

#[test]
fn an_answer_to_an_earlier_question_is_none() {
    let mut candidate = candidate(3, false);
    let earlier = Status { round: ROUND - 1, ..status(3, 640) };
    hear(&mut candidate, 2..=3, earlier);
    assert_eq!((candidate.heard_set().count_ones(), candidate.step()), (1, Step::Asking));
    // One that comes when the votes are asked for changes nothing either.
    let mut voting = voting();
    voting.on_status(&envelope(3, 2, 8), &status(3, 672), NOW);
    assert_eq!((voting.step(), voting.poll_outcome()), (Step::Voting(Epoch(5)), None));
}

#[test]
fn who_is_not_answered_asks_again() {
    let mut asking = candidate(3, false);
    assert_eq!(asked(&mut asking, NOW), [2, 3]);
    asking.on_status(&envelope(2, 1, 4), &status(3, 640), NOW);
    assert_eq!(asked(&mut asking, later(ASK_INTERVAL_NS - 1)), [0; 0]);
    assert_eq!(asked(&mut asking, later(ASK_INTERVAL_NS)), [3]);
    let mut voting = voting();
    assert_eq!(asked(&mut voting, NOW), [2, 3, 4, 5]);
    voting.on_vote(&envelope(4, 1, 5), &vote(5, VoteReason::GRANTED));
    assert_eq!(asked(&mut voting, later(ASK_INTERVAL_NS)), [2, 3, 5]);
}

#[test]
fn what_it_asks_votes_for_is_what_it_has_when_it_promised() {
    let mut candidate = candidate(3, false);
    hear(&mut candidate, 2..=3, status(3, 640));
    // More of the old primary's came while the others were asked.
    candidate.on_promised(true, log(704, NodeFlags::default()), NOW);
    let (end, chain, epoch, last_epoch) = (704, 705, 5, 3);
    let request = VoteRequest { end, chain, epoch, last_epoch, ..VoteRequest::default() };
    let request = Message::from(request);
    assert_eq!(sent(&mut candidate, NOW), [(2, request), (3, request)]);
}

#[test]
fn a_majority_of_votes_of_its_epoch_wins_and_each_node_has_one() {
    let mut candidate = voting();
    candidate.on_vote(&envelope(2, 1, 5), &vote(5, VoteReason::GRANTED));
    candidate.on_vote(&envelope(2, 2, 5), &vote(5, VoteReason::GRANTED));
    candidate.on_vote(&envelope(3, 1, 5), &vote(4, VoteReason::GRANTED));
    candidate.on_vote(&envelope(9, 1, 5), &vote(5, VoteReason::GRANTED));
    // Those who vote for nobody leave it to the others.
    candidate.on_vote(&envelope(4, 1, 5), &vote(5, VoteReason::LOSSY));
    candidate.on_vote(&envelope(5, 1, 5), &vote(5, VoteReason::DISK));
    assert_eq!(candidate.poll_outcome(), None);
    candidate.on_vote(&envelope(3, 2, 5), &vote(5, VoteReason::GRANTED));
    let won = Outcome::Won { epoch: Epoch(5), forced: None };
    assert_eq!((candidate.poll_outcome(), candidate.step()), (Some(won), Step::Done));
}

#[test]
fn one_reason_against_it_ends_it() {
    let other = InTheWay { node: 2, last_epoch: Epoch(3), end: Position(672), chain: Chain(673) };
    for (reason, refusal) in [
        (VoteReason::AHEAD, Refusal::Ahead { other, primary: false }),
        (VoteReason::CHAIN_DIFFERS, Refusal::ChainDiffers { other }),
        (VoteReason::EPOCH_KNOWN, Refusal::Outvoted { node: 2, epoch: Epoch(6) }),
    ] {
        let mut candidate = voting();
        candidate.on_vote(&envelope(2, 1, 6), &vote(5, reason));
        assert_eq!(refused(&mut candidate), refusal);
        (3..=5).for_each(|node| {
            candidate.on_vote(&envelope(node, 1, 5), &vote(5, VoteReason::GRANTED));
        });
        assert_eq!(candidate.poll_outcome(), None, "it is over");
    }
    let mut twin = candidate(3, false);
    let theirs = Status { chain: 9, ..status(3, 640) };
    twin.on_status(&envelope(2, 1, 4), &theirs, NOW);
    let other = InTheWay { end: Position(640), chain: Chain(9), ..other };
    assert_eq!(refused(&mut twin), Refusal::ChainDiffers { other });
    let mut unsaid = candidate(3, false);
    hear(&mut unsaid, 2..=3, status(3, 640));
    unsaid.on_promised(false, log(640, NodeFlags::default()), NOW);
    assert_eq!(refused(&mut unsaid), Refusal::Disk, "its own promise is not durable");
}

#[test]
fn a_promise_to_another_node_ends_it_and_so_does_a_later_primary() {
    let outvoted = Refusal::Outvoted { node: 3, epoch: Epoch(6) };
    let mut promised = voting();
    promised.on_promised_other(3, Epoch(6));
    assert_eq!(refused(&mut promised), outvoted);
    let mut won = voting();
    for node in [2, 3] {
        won.on_vote(&envelope(node, 1, 5), &vote(5, VoteReason::GRANTED));
    }
    assert_eq!(won.step(), Step::Done);
    won.on_promised_other(3, Epoch(6));
    assert_eq!(refused(&mut won), outvoted, "its epoch is over before it began");
    let mut voting = voting();
    voting.on_primary(3, Epoch(5));
    assert_eq!(voting.poll_outcome(), None);
    voting.on_primary(3, Epoch(6));
    assert_eq!(refused(&mut voting), outvoted);
}

#[test]
fn too_few_are_known_at_once_or_when_patience_ends() {
    let needed = 2;
    let mut unable = candidate(3, false);
    let lossy = Status { flags: NodeFlags::LOSSY, ..status(3, 640) };
    hear(&mut unable, 2..=3, lossy);
    assert_eq!(refused(&mut unable), Refusal::NoMajority { heard: 1, needed });
    let mut alone = candidate(3, false);
    alone.on_time(later(PATIENCE_NS - 1));
    assert_eq!(alone.poll_outcome(), None);
    alone.on_time(later(PATIENCE_NS));
    assert_eq!(refused(&mut alone), Refusal::NoMajority { heard: 1, needed });
    let mut voting = voting();
    voting.on_vote(&envelope(2, 1, 5), &vote(5, VoteReason::GRANTED));
    voting.on_time(later(PATIENCE_NS - 1));
    assert_eq!(voting.poll_outcome(), None);
    voting.on_time(later(PATIENCE_NS));
    assert_eq!(refused(&mut voting), Refusal::NoMajority { heard: 2, needed: 3 });
}

/// What it may lose is said; that another node is ahead, or that nobody may vote, is not in its
/// way.
#[test]
fn a_forced_promotion_needs_nobody_and_says_what_may_be_lost() {
    let mut candidate = candidate(4, true);
    let ahead = Status { committed: 672, ..status(3, 704) };
    candidate.on_status(&envelope(2, 1, 4), &ahead, NOW);
    let behind = Status { flags: NodeFlags::LOSSY, ..status(2, 9_600) };
    candidate.on_status(&envelope(3, 1, 6), &behind, NOW);
    assert_eq!((candidate.step(), candidate.poll_outcome()), (Step::Asking, None));
    candidate.on_time(later(ASK_GRACE_NS));
    // Node 4 may know of a higher one: one that nobody else takes.
    let epoch = Epoch(FORCED_EPOCHS_APART);
    assert_eq!(candidate.poll_promise(), Some(epoch));
    candidate.on_promised(true, log(640, NodeFlags::default()), NOW);
    let (node, last_epoch, end, chain) = (2, Epoch(3), Position(704), Chain(705));
    let ahead = vec![InTheWay { node, last_epoch, end, chain }];
    let lost = MayBeLost { committed: Position(672), ahead, unheard: vec![4] };
    let won = Outcome::Won { epoch, forced: Some(lost) };
    assert_eq!(candidate.poll_outcome(), Some(won));

    let mut unable = candidate_with(3, true, NodeFlags::default());
    let lossy = Status { flags: NodeFlags::LOSSY, ..status(3, 640) };
    hear(&mut unable, 2..=3, lossy);
    assert_eq!(unable.poll_promise(), Some(Epoch(5)));
}

#[test]
fn what_is_not_judged_is_not_forced_and_what_is_lost_is_its_operators() {
    let outcome = |force, flags| candidate_with(3, force, flags).poll_outcome();
    let (lossy, diverged) = (NodeFlags::LOSSY, NodeFlags::DIVERGED);
    assert_eq!(outcome(false, lossy), Some(Outcome::Refused(Refusal::Lossy)));
    assert_eq!(outcome(true, lossy), None);
    for force in [false, true] {
        assert_eq!(outcome(force, diverged), Some(Outcome::Refused(Refusal::Diverged)));
    }
}

#[test]
fn an_operators_wish_names_the_epoch_that_was_seen() {
    let wish = |epoch| Promote { epoch, ..Promote::default() };
    let judge = |flags, epoch| judge_promote(Epoch(4), flags, &wish(epoch));
    let none = NodeFlags::default();
    assert_eq!(judge(none, 4), PromoteResult::UNDERWAY);
    assert_eq!([judge(none, 3), judge(none, 5)], [PromoteResult::EPOCH_DIFFERS; 2]);
    assert_eq!(judge(NodeFlags::PRIMARY, 4), PromoteResult::ALREADY_PRIMARY);
}
