//! Ordering: which message is delivered now, which is held, and what makes room.
//!
//! A buffer that is full costs, in this order of choice: nothing (a replay will bring what is not
//! held), the oldest of what is held (while joining: a newer snapshot stands for it), or the
//! oldest gap (it is given up, and the stream says so).

use super::{Event, Gap, Source, Subscriber};
use crate::limits::GAPS_OPEN_MAX;
use crate::mold::Packet;

impl Subscriber {
    pub(super) fn on_messages(
        &mut self,
        source: Source,
        packet: &Packet<&[u8]>,
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        let (first, next) = (packet.sequence(), packet.next_sequence());
        let fresh = self.tracks[source as usize].note(first, next);
        let mut taken = 0;
        if next > self.next {
            let past = self.next.saturating_sub(first) as usize;
            if self.gaps.is_empty() && !self.joining {
                for (sequence, bytes) in packet.messages().skip(past) {
                    self.deliver(sequence, bytes, sink);
                    taken += 1;
                }
                self.known = self.next;
            } else {
                for (sequence, bytes) in packet.messages().skip(past) {
                    taken += u64::from(self.take(sequence, bytes, now_ns, sink));
                }
            }
        }
        self.count(source, next - first, fresh, taken);
    }

    /// Of `all` messages of a source, `fresh` came from it for the first time, and `taken` were
    /// new to everybody.
    pub(super) fn count(&mut self, source: Source, all: u64, fresh: u64, taken: u64) {
        let counted = &mut self.tracks[source as usize].counted;
        // A line forgets its oldest holes, so that what is new to all may seem to be a repetition.
        let fresh = fresh.max(taken);
        counted.messages += taken;
        counted.late += fresh - taken;
        counted.duplicates += all - fresh;
    }

    /// Delivers or holds a message at or below `known`; whether it was new.
    pub(super) fn take(
        &mut self,
        sequence: u64,
        bytes: &[u8],
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) -> bool {
        let at_edge = sequence == self.known;
        if sequence < self.next || !(at_edge || self.gaps.contains(sequence)) {
            return false;
        }
        if !self.has_room(sequence, bytes.len()) {
            if self.joining {
                self.drop_oldest(bytes.len());
                return self.take(sequence, bytes, now_ns, sink);
            }
            if self.can_replay() {
                if at_edge {
                    self.leave_to_replay(sequence + 1, now_ns);
                }
                self.statistics.unheld += 1;
                return false;
            }
        }
        if at_edge {
            self.known = sequence + 1;
        } else {
            self.gaps.fill(sequence);
            self.statistics.recovered += 1;
        }
        // Giving up moves `next`, perhaps up to this message.
        while !self.has_room(sequence, bytes.len()) {
            self.give_up_oldest(sink);
        }
        if sequence == self.next && !self.joining {
            self.deliver(sequence, bytes, sink);
            self.release(sink);
            self.on_progress(now_ns);
        } else {
            self.hold.insert(sequence, bytes);
            let held = self.hold.len() as u64;
            self.statistics.held_peak = self.statistics.held_peak.max(held);
        }
        true
    }

    /// Whether the message can be held, or need not be.
    fn has_room(&self, sequence: u64, bytes: usize) -> bool {
        let in_order = sequence == self.next && !self.joining;
        in_order || (self.hold.has_room(bytes) && self.gaps.len() <= GAPS_OPEN_MAX)
    }

    #[inline]
    fn deliver(&mut self, sequence: u64, bytes: &[u8], sink: &mut impl FnMut(Event<'_>)) {
        self.next = sequence + 1;
        self.statistics.delivered += 1;
        sink(Event::Message { sequence, bytes });
    }

    /// Delivers what is held and follows without a gap.
    #[inline]
    pub(super) fn release(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        if self.joining {
            return;
        }
        while let Some(bytes) = self.hold.take(self.next) {
            self.deliver(self.next, &bytes, sink);
        }
    }

    /// Everything from `known` to `next` is missing.
    pub(super) fn open_gap(&mut self, next: u64, now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        let gap = Gap { first: self.known, next };
        self.statistics.gaps += 1;
        if self.gaps.len() >= GAPS_OPEN_MAX && !self.joining && self.can_replay() {
            self.leave_to_replay(next, now_ns);
        } else {
            while self.gaps.len() >= GAPS_OPEN_MAX {
                if self.joining {
                    self.skip_to(self.gaps.front().expect("many").gap.next);
                } else {
                    self.give_up_oldest(sink);
                }
            }
            self.known = next;
            self.gaps.push_back(gap, self.options.repair.as_ref(), now_ns);
        }
        sink(Event::GapOpened(gap));
    }

    /// What is between `known` and `next` cannot be held, or noted as a gap of its own: the last
    /// gap goes on over it, and over what is held after that gap, if there are too many.
    fn leave_to_replay(&mut self, next: u64, now_ns: u64) {
        let adjoins = self.gaps.back().is_some_and(|last| last.next == self.known);
        if adjoins || self.gaps.len() >= GAPS_OPEN_MAX {
            let last = self.gaps.back().expect("one at least");
            self.statistics.unheld += self.hold.drop_from(last.next);
            self.gaps.extend_back(next);
        } else {
            let gap = Gap { first: self.known, next };
            self.gaps.push_back(gap, self.options.repair.as_ref(), now_ns);
            self.gaps.extend_back(next);
        }
        self.known = next;
    }

    pub(super) fn give_up_oldest(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        let Some(gap) = self.gaps.pop_front() else { return };
        self.next = gap.next;
        self.statistics.lost += gap.messages();
        sink(Event::Lost(gap));
        self.release(sink);
    }

    /// While joining: drops what a newer snapshot will stand for, until so many bytes have room.
    fn drop_oldest(&mut self, bytes: usize) {
        while !(self.hold.has_room(bytes) && self.gaps.len() <= GAPS_OPEN_MAX) {
            let held = self.hold.first().map(|first| first + 1);
            let Some(next) = held.or(self.gaps.front().map(|front| front.gap.next)) else { return };
            self.statistics.unheld += u64::from(held.is_some());
            self.skip_to(next);
        }
    }

    /// While joining: what is before `next` is no longer wanted.
    pub(super) fn skip_to(&mut self, next: u64) {
        self.hold.drop_before(next);
        self.gaps.cut_before(next);
        self.next = next;
        self.known = self.known.max(next);
    }
}
