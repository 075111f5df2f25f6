//! Repair: what to ask of whom, and what to make of the answers.

use super::gaps::Asked;
use super::{Event, Gap, Refused, SILENCE_NS, Source, Subscriber};
use crate::limits::SEQUENCE_JUMP_MAX;
use crate::mold::{Kind, Packet};

impl Subscriber {
    /// What to ask by UDP at `now_ns`; it is then in flight. Call it until `None`. The request is
    /// `mold::Request { session, sequence: gap.first, count: gap.messages() }`.
    #[must_use]
    pub fn poll_request(&mut self, now_ns: u64) -> Option<Asked> {
        let repair = self.options.repair?;
        if self.gaps.is_empty() {
            return None;
        }
        self.escalate(now_ns);
        let asked = self.gaps.poll(&repair, now_ns)?;
        self.statistics.requests += 1;
        Some(asked)
    }

    /// From which message a replay is wanted at `now_ns`: for what UDP did not bring or is too
    /// much for it, and for everything while both lines are silent. A replay that runs is wanted
    /// as long as this is something; what it brings goes to `on_replayed`.
    #[must_use]
    pub fn replay_wanted(&self, now_ns: u64) -> Option<u64> {
        if self.session.is_none() || self.joining || self.end_said || !self.can_replay() {
            return None;
        }
        (self.gaps.wants_replay() || self.is_stale(now_ns)).then_some(self.next)
    }

    /// Whether a snapshot is wanted, and the lowest `next_sequence` of it that fits what is held.
    #[must_use]
    pub fn snapshot_wanted(&self) -> Option<u64> {
        self.joining.then_some(self.next)
    }

    /// Moves each gap on to who is to be asked for it now.
    pub(super) fn escalate(&mut self, now_ns: u64) {
        let Some(repair) = self.options.repair.filter(|_| !self.gaps.is_empty()) else { return };
        self.gaps.escalate(&repair, now_ns);
        if repair.snapshot && !self.joining && self.gaps.waits() {
            self.skip_by_snapshot(now_ns);
        }
    }

    /// A snapshot must stand for the oldest gap.
    fn skip_by_snapshot(&mut self, now_ns: u64) {
        let gap = self.gaps.front().expect("one is open").gap;
        self.begin_to_join(now_ns);
        self.skip_to(gap.next);
    }

    fn begin_to_join(&mut self, now_ns: u64) {
        (self.joining, self.join_from) = (true, self.next);
        self.on_progress(now_ns);
    }

    fn has_snapshots(&self) -> bool {
        self.options.repair.is_some_and(|repair| repair.snapshot)
    }

    /// Gives up waiting for what comes next: where there are snapshots, one must stand for the
    /// oldest gap; where there are none, or none came, it is lost.
    pub(super) fn give_up_to_snapshot(&mut self, now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        if self.joining {
            self.join_without_snapshot(sink);
        } else if self.has_snapshots() {
            self.skip_by_snapshot(now_ns);
        } else {
            self.give_up_oldest(sink);
        }
    }

    /// Waits for a new snapshot although nothing is missing: the books turned out to be wrong.
    /// Nothing is delivered until it is there. Whether there are snapshots, and the session is
    /// known.
    pub fn join_again(&mut self, now_ns: u64) -> bool {
        let can_join = self.has_snapshots() && self.session.is_some() && !self.end_said;
        if can_join && !self.joining {
            self.begin_to_join(now_ns);
        }
        can_join
    }

    /// Something of the snapshot that is waited for has come: the patience counts from now.
    pub fn on_snapshot_progress(&mut self, now_ns: u64) {
        self.on_progress(now_ns);
    }

    /// What is waited for next has changed. Without a repair each gap has its own time; with one,
    /// a stream that moves is not given up. So a forged datagram from far ahead opens a gap that
    /// nobody can fill, and the messages before it go on.
    pub(super) fn on_progress(&mut self, now_ns: u64) {
        if self.options.repair.is_some() {
            self.progress_ns = self.progress_ns.max(now_ns);
        }
    }

    /// When both lines will count as silent, so that a replay is wanted; `None` where there is
    /// none, or nothing to replay.
    #[must_use]
    pub fn silence_deadline(&self) -> Option<u64> {
        let may = self.session.is_some() && !self.joining && !self.end_said && self.can_replay();
        may.then_some(self.heard_ns.saturating_add(SILENCE_NS))
    }

    pub(super) fn can_replay(&self) -> bool {
        self.options.repair.is_some_and(|repair| repair.replay)
    }

    /// An answer by UDP. Nothing in it is believed but the bytes of messages that are missing: it
    /// opens no session, no gap and no end.
    pub(super) fn on_answer(
        &mut self,
        source: Source,
        packet: &Packet<&[u8]>,
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Refused> {
        let sequence = packet.sequence();
        self.admit_session(packet)?;
        let asked = self.session.is_some() && packet.kind() == Kind::Data;
        if !asked || sequence >= self.known {
            self.statistics.out_of_range += 1;
            return Err(Refused::Unasked { sequence });
        }
        let (mut all, mut taken) = (0, 0);
        let known = self.known;
        for (sequence, bytes) in packet.messages().take_while(|(number, _)| *number < known) {
            all += 1;
            taken += u64::from(self.take(sequence, bytes, now_ns, sink));
        }
        self.count(source, all, all, taken);
        if taken > 0 {
            self.gaps.answered(sequence + all, now_ns);
        }
        Ok(())
    }

    /// Takes message `sequence` of a replay. A replay has no holes, so it may bring the message
    /// after the last one known, and none beyond.
    ///
    /// # Errors
    /// A number that cannot follow; that is counted, and the subscriber goes on.
    pub fn on_replayed(
        &mut self,
        sequence: u64,
        bytes: &[u8],
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Refused> {
        let past_end = self.end.filter(|end| sequence >= *end);
        let refused = match past_end {
            Some(end) => Some(Refused::PastEnd { end, sequence }),
            None if self.session.is_none() => Some(Refused::Unasked { sequence }),
            None if sequence > self.known => {
                Some(Refused::TooFarAhead { next: self.known, sequence })
            }
            None => None,
        };
        if let Some(refused) = refused {
            self.statistics.out_of_range += 1;
            return Err(refused);
        }
        let taken = self.take(sequence, bytes, now_ns, sink);
        self.count(Source::Replay, 1, 1, u64::from(taken));
        self.on_time(now_ns, sink);
        Ok(())
    }

    /// A replay said that the session is over, and that `next` would have been the next message.
    pub fn on_replay_ended(&mut self, next: u64, now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        if self.session.is_some() && self.end.is_none() && next == self.known {
            self.end = Some(next);
        }
        self.on_time(now_ns, sink);
    }

    /// No replay has what is missing: a snapshot must stand for the oldest gap, where there are
    /// snapshots; else it is lost.
    pub fn on_replay_refused(&mut self, now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        if !self.joining && self.gaps.wants_replay() {
            self.give_up_to_snapshot(now_ns, sink);
        }
        self.on_time(now_ns, sink);
    }

    /// Whether a snapshot up to `next` is of use.
    ///
    /// # Errors
    /// As of [`Subscriber::on_snapshot_complete`].
    pub fn takes_snapshot(&self, next: u64) -> Result<(), Refused> {
        // Where nothing would fill the hole between the snapshot and what is held, there must
        // be none.
        let lowest = match self.joining && self.can_replay() {
            true => self.join_from,
            false => self.next,
        };
        if !self.joining || next < lowest {
            return Err(Refused::SnapshotTooOld { lowest, next });
        }
        if next > self.known.saturating_add(SEQUENCE_JUMP_MAX) {
            return Err(Refused::TooFarAhead { next: self.next, sequence: next });
        }
        match self.end {
            Some(end) if next > end => Err(Refused::PastEnd { end, sequence: next - 1 }),
            _ => Ok(()),
        }
    }

    /// A whole snapshot was taken over, and the feed goes on with message `next`. What is held
    /// before that is dropped; a hole up to what is held is a gap like any other.
    ///
    /// # Errors
    /// A snapshot that nobody waits for, or that ends before what was delivered already, or far
    /// beyond what is known.
    pub fn on_snapshot_complete(
        &mut self,
        next: u64,
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Refused> {
        if let Err(refused) = self.takes_snapshot(next) {
            self.statistics.out_of_range += 1;
            return Err(refused);
        }
        self.statistics.snapshots += 1;
        self.statistics.covered += next - self.join_from;
        let wanted = self.next;
        if next >= wanted {
            self.skip_to(next);
        } else {
            self.next = next;
            let gap = Gap { first: next, next: wanted };
            self.gaps.push_front(gap, self.options.repair.as_ref(), now_ns);
            self.statistics.gaps += 1;
        }
        if !self.joined {
            self.first = next;
        }
        self.joining = false;
        self.say_joined(sink);
        if next < wanted {
            sink(Event::GapOpened(Gap { first: next, next: wanted }));
        }
        self.release(sink);
        self.on_time(now_ns, sink);
        Ok(())
    }

    /// No snapshot will come: goes on with what is held, as one that joined late, or lost what
    /// the snapshot was to stand for.
    pub fn join_without_snapshot(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        if !self.joining {
            return;
        }
        self.joining = false;
        if self.joined {
            let gap = Gap { first: self.join_from, next: self.next };
            self.statistics.lost += gap.messages();
            sink(Event::Lost(gap));
        } else {
            self.first = self.next;
            self.say_joined(sink);
        }
        self.release(sink);
        self.invariants();
    }
}

#[cfg(test)]
mod tests;
