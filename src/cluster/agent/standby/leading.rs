//! How a standby comes to lead: an operator wants it, or it asks by itself; the votes decide.

use isochron_cluster::{Message, NodeFlags, Promote, PromoteResult};

use super::{Executed, Heard, News, RoleChange, StandbyAgent};
use crate::cluster::{Ballot, Candidate, Outcome as Promoted, Step, answer_promote, judge_promote};
use crate::net::Media;
use crate::replication::catch_up::Connector;
use crate::types::{Epoch, Nanos};

/// The promotion that goes on, and who waits for its end.
pub(super) struct Promotion {
    pub(super) candidate: Candidate,
    /// What the node knew when it began.
    known: Epoch,
    operator: Option<Heard>,
}

impl<D: Media, C: Media, K: Connector, X: Executed> StandbyAgent<D, C, K, X> {
    /// Begins to become the primary, as an operator's command or a start wants it; false where it
    /// already tries.
    pub fn promote(&mut self, force: bool, now: Nanos) -> bool {
        self.begin(force, None, now)
    }

    fn begin(&mut self, force: bool, operator: Option<Heard>, now: Nanos) -> bool {
        if self.promotion.is_some() || self.ended {
            return false;
        }
        self.rounds += 1;
        let known = Ballot::known(&self.ballot);
        // Who was heard to know a higher epoch may not answer now, and gives no vote below it.
        let mut own = (known.max(self.voice.highest_known()), self.status());
        // It votes in spite of a bar that an earlier run has left. Led by it nobody is who did not
        // force it: where no node is right any more, nobody else could lift the bars.
        if self.bar.is_set() && !force {
            own.1.flags |= NodeFlags::DIVERGED;
        }
        let patience_ns = self.options.patience_ns;
        let membership = &self.voice.membership;
        let candidate = Candidate::new(membership, own, force, self.rounds, patience_ns, now);
        self.promotion = Some(Promotion { candidate, known, operator });
        true
    }

    /// The node gave its word to another: it is no candidate any more.
    pub(super) fn give_way(&mut self, epoch: Epoch, now: Nanos) {
        if let Some(asking) = &mut self.asking {
            asking.wait(now);
        }
        if let Some(promotion) = &mut self.promotion {
            promotion.candidate.on_promised_other(self.voice.membership.own(), epoch);
        }
    }

    /// Asks for votes by itself, where that is wanted.
    pub(super) fn ask(&mut self, now: Nanos) {
        if self.follower.primary().is_some() {
            self.asking = None;
        }
        if self.asking.is_some_and(|asking| asking.is_due(now)) && !self.is_candidate() {
            self.begin(false, None, now);
        }
    }

    pub(super) fn on_wish(&mut self, heard: &Heard, wish: &Promote, now: Nanos) {
        if let Some(answer) = self.decided.filter(|answer| answer.round == wish.round) {
            self.voice.answer(&self.ballot, heard, answer);
            return;
        }
        // What the node asks by itself, and has promised nothing for, makes room for its operator.
        let asks = |it: &Promotion| it.operator.is_none() && it.candidate.step() == Step::Asking;
        if self.promotion.as_ref().is_some_and(asks) {
            self.promotion = None;
        }
        let known = Ballot::known(&self.ballot);
        let mut answer = answer_promote(wish.round, &self.status(), None);
        match &mut self.promotion {
            // The operator asks again while it goes on.
            Some(Promotion { operator: Some(asked), .. }) if round_of(asked) == wish.round => {
                *asked = *heard;
            }
            Some(_) => answer.result = PromoteResult::NOT_NOW,
            None => {
                answer.result = judge_promote(known, self.follower.flags(), wish);
                answer.epoch = known.get();
                if answer.result == PromoteResult::UNDERWAY {
                    let force = wish.force == isochron_cluster::YesNo::YES;
                    self.begin(force, Some(*heard), now);
                }
            }
        }
        self.voice.answer(&self.ballot, heard, answer);
    }

    pub(super) fn promotion(&mut self, now: Nanos) -> usize {
        self.ask(now);
        let Some(mut promotion) = self.promotion.take() else { return 0 };
        let candidate = &mut promotion.candidate;
        candidate.on_time(now);
        if let Some(epoch) = candidate.poll_promise() {
            let promised = self.ballot.promise(epoch, self.voice.membership.own());
            let promised = promised.unwrap_or(false);
            self.follower.on_promised(Ballot::known(&self.ballot));
            candidate.on_promised(promised, self.status(), now);
        }
        let mut work = 0;
        while let Some((node, message)) = candidate.poll_send(now) {
            self.voice.tell(&self.ballot, node, message);
            work += 1;
        }
        match candidate.poll_outcome() {
            Some(outcome) => self.finish(&promotion, outcome, now),
            None => self.promotion = Some(promotion),
        }
        work
    }

    fn finish(&mut self, promotion: &Promotion, outcome: Promoted, now: Nanos) {
        if let Some(asked) = &promotion.operator {
            let mut answer = answer_promote(round_of(asked), &self.status(), Some(&outcome));
            answer.heard = promotion.candidate.heard_set();
            self.voice.answer(&self.ballot, asked, answer);
            self.decided = Some(answer);
        }
        match outcome {
            Promoted::Won { epoch, forced } => {
                self.ended = true;
                self.role = Some(RoleChange::Lead { epoch, forced });
            }
            Promoted::Refused(why) => {
                if let Some(asking) = &mut self.asking {
                    asking.on_refused(Ballot::known(&self.ballot) > promotion.known, now);
                }
                self.tell_news(News::NotPromoted { why });
            }
        }
    }
}

/// The round of an operator's wish.
fn round_of(heard: &Heard) -> u64 {
    match heard.message {
        Message::Promote(wish) => wish.round,
        _ => 0,
    }
}
