//! Commands on their way: sent, not yet seen committed; and those that a crash gave back.
//!
//! A source learns from its ring that another core has come, and from the log what its predecessor
//! had executed: when the log has begun the epoch of the core that came, whatever was sent before
//! and was not seen was not accepted, never will be, and is sent again under its own number.

use isochron_events::Message;
use std::collections::VecDeque;

/// Commands that may be on their way of a source that keeps to times: what it sends while a slow
/// disk makes a group of them durable.
const IN_FLIGHT_MAX: usize = 8_192;

/// As many of a source that sends as fast as it can: enough to keep all busy, and soon through.
const IN_FLIGHT_UNPACED_MAX: usize = 1_024;

/// A command that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// Its number at the source.
    pub(super) sequence: u64,
    /// When it was meant to be sent; 0 where that is nobody's business.
    pub(super) intended: u64,
    pub(super) command: Message,
}

/// All that were sent, in the order of their numbers.
#[derive(Debug)]
pub(super) struct InFlight {
    sent: VecDeque<Sent>,
    /// Not accepted, to be sent again before anything else.
    given_back: VecDeque<Sent>,
    /// The newest epoch that was seen to begin in the log.
    epoch: u64,
    not_accepted: u64,
}

impl InFlight {
    /// Nothing on its way; `epoch` began before the log that will be read.
    pub(super) fn new(epoch: u64) -> Self {
        let (sent, given_back) = (VecDeque::with_capacity(IN_FLIGHT_MAX), VecDeque::new());
        Self { sent, given_back, epoch, not_accepted: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sent.is_empty() && self.given_back.is_empty()
    }

    /// Whether so many are on their way that no more may be.
    pub(super) fn is_full(&self, paced: bool) -> bool {
        self.len() >= if paced { IN_FLIGHT_MAX } else { IN_FLIGHT_UNPACED_MAX }
    }

    pub(super) fn len(&self) -> usize {
        self.sent.len() + self.given_back.len()
    }

    /// The number of the oldest one.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.sent.front().or(self.given_back.front()).map(|sent| sent.sequence)
    }

    /// How often a command was not accepted.
    pub(super) fn not_accepted(&self) -> u64 {
        self.not_accepted
    }

    pub(super) fn on_sent(&mut self, sent: Sent) {
        self.sent.push_back(sent);
    }

    /// Our command of this number is committed; when it was meant to be sent. Those before it
    /// cannot come any more.
    pub(super) fn on_committed(&mut self, sequence: u64) -> Option<u64> {
        while let Some(first) = self.sent.front() {
            if first.sequence > sequence {
                break;
            }
            let Sent { sequence: found, intended, .. } = *first;
            self.sent.pop_front();
            if found == sequence {
                return Some(intended);
            }
        }
        None
    }

    /// An epoch begins in the log.
    pub(super) fn on_epoch(&mut self, epoch: u64) {
        self.epoch = self.epoch.max(epoch);
    }

    /// Whether all that was committed before this core came has been seen.
    pub(super) fn has_seen(&self, generation: u64) -> bool {
        self.epoch >= generation
    }

    /// What is on its way was not accepted.
    pub(super) fn give_back(&mut self) {
        self.not_accepted += self.sent.len() as u64;
        // What was given back before and not sent again yet has higher numbers.
        while let Some(last) = self.sent.pop_back() {
            self.given_back.push_front(last);
        }
    }

    /// What is to be sent again first.
    pub(super) fn next_again(&self) -> Option<Sent> {
        self.given_back.front().copied()
    }

    /// It was sent again.
    pub(super) fn on_sent_again(&mut self) {
        self.sent.extend(self.given_back.pop_front());
    }

    pub(super) fn clear(&mut self) {
        self.sent.clear();
        self.given_back.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isochron_events::Tick;

    fn sent(sequence: u64) -> Sent {
        Sent { sequence, intended: sequence * 10, command: Tick::default().into() }
    }

    #[test]
    fn what_was_not_seen_when_the_epoch_began_is_given_back_in_order() {
        let mut in_flight = InFlight::new(1);
        (1..=6).for_each(|n| in_flight.on_sent(sent(n)));
        assert_eq!(in_flight.on_committed(1), Some(10));
        assert!(!in_flight.has_seen(2));
        // Number 2 is skipped by the core, as a malformed one would be.
        assert_eq!(in_flight.on_committed(3), Some(30));
        in_flight.on_epoch(2);
        assert!(in_flight.has_seen(2));
        in_flight.give_back();
        assert_eq!((in_flight.not_accepted(), in_flight.oldest()), (3, Some(4)));
        // One is sent again, and the next core does not accept that either.
        assert_eq!(in_flight.next_again().map(|sent| sent.sequence), Some(4));
        in_flight.on_sent_again();
        in_flight.give_back();
        let again: Vec<u64> = std::iter::from_fn(|| {
            let next = in_flight.next_again()?.sequence;
            in_flight.on_sent_again();
            Some(next)
        })
        .collect();
        assert_eq!((again, in_flight.not_accepted()), (vec![4, 5, 6], 4));
        assert_eq!(in_flight.on_committed(6), Some(60));
        assert!(in_flight.is_empty());
        assert_eq!(in_flight.on_committed(6), None);
    }
}
