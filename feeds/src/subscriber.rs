//! Puts one session's messages in order, from any number of lines, and names what is missing.
//!
//! ```text
//!              next              known
//!               │                  │
//!   delivered   │ missing │ held │ missing │      each message from `next` to `known` is
//!  ─────────────┴─────────┴──────┴─────────┘      either held or missing
//! ```
//!
//! Arbitration is by message, never by datagram: two lines, or a retransmission, may cut the
//! same messages differently, so datagrams overlap. A message is delivered once, in order. What
//! is missing is waited for (the other line, a reordered datagram, a repair) until the patience
//! is over or no more can be held behind it; then it is given up, and the stream says so before
//! it goes on. Whatever arrives, memory stays within [`crate::limits`].
//! Spec: MoldUDP64 1.00; how a gap is treated is ours.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use crate::limits::{GAPS_OPEN_MAX, HELD_BYTES_MAX, HELD_MESSAGES_MAX, SEQUENCE_JUMP_MAX};
use crate::mold::{Kind, MoldError, Packet, Session};

/// Silence after which a line counts as silent: three heartbeats.
pub const SILENCE_NS: u64 = 3_000_000_000;

/// Where a datagram came from. Both lines carry the same messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// The first line.
    A,
    /// The second line.
    B,
}

/// How a subscriber behaves.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The session to take; `None` takes the first one heard that has not ended.
    pub session: Option<Session>,
    /// How long a missing message is waited for. 0 gives it up as soon as a later one arrives.
    pub patience_ns: u64,
    /// Messages held behind a gap, at most [`HELD_MESSAGES_MAX`]. When one more would not fit,
    /// the oldest gap is given up.
    pub held_messages_max: usize,
}

impl Default for Options {
    /// Any session, 20 ms of patience (reordering, the other line), everything held that may be.
    fn default() -> Options {
        Options { session: None, patience_ns: 20_000_000, held_messages_max: HELD_MESSAGES_MAX }
    }
}

/// Messages from `first` up to, not including, `next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first one missing.
    pub first: u64,
    /// The first one after them.
    pub next: u64,
}

impl Gap {
    /// How many they are.
    #[must_use]
    pub fn messages(self) -> u64 {
        self.next - self.first
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.first, self.next)
    }
}

/// The stream that a subscriber makes of datagrams, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The session is known, and `sequence` is the first message that will be delivered. Above 1
    /// something came before: a book built from here is incomplete.
    Joined {
        /// The session.
        session: Session,
        /// The first message's number.
        sequence: u64,
    },
    /// The next message.
    Message {
        /// Its number: one more than the last, or what `Lost` said.
        sequence: u64,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// These are missing and waited for. The only event that is not in its place in the stream:
    /// messages before them may still follow.
    GapOpened(Gap),
    /// These will never be delivered: the next message is `next`.
    Lost(Gap),
    /// The session has ended, and everything before `next` was delivered or lost.
    Ended {
        /// What would have been the next message.
        next: u64,
    },
}

/// Why a datagram was not taken. None of these changes anything but a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is no MoldUDP64 packet.
    Malformed(MoldError),
    /// It belongs to another session.
    ForeignSession {
        /// The one subscribed to.
        expected: Session,
        /// The one heard.
        heard: Session,
    },
    /// No session was asked for, and this one is over.
    AlreadyEnded {
        /// The one heard.
        heard: Session,
    },
    /// It claims a number that cannot be reached yet.
    TooFarAhead {
        /// The next message to deliver.
        next: u64,
        /// The number claimed.
        sequence: u64,
    },
    /// It has messages after the session's end, or ends the session before messages that exist.
    PastEnd {
        /// Where the session ends, or the end claimed.
        end: u64,
        /// The message that cannot be.
        sequence: u64,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "malformed: {error}"),
            Self::ForeignSession { expected, heard } => {
                write!(f, "session {heard} heard where {expected} was expected")
            }
            Self::AlreadyEnded { heard } => write!(f, "session {heard} has already ended"),
            Self::TooFarAhead { next, sequence } => {
                write!(f, "sequence {sequence} is too far ahead of {next}")
            }
            Self::PastEnd { end, sequence } => {
                write!(f, "message {sequence} is past the session's end at {end}")
            }
        }
    }
}

impl std::error::Error for Refused {}

/// Where a subscriber stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing of the session was heard yet.
    Waiting,
    /// Everything known to exist was delivered, or given up.
    InStep,
    /// Messages are missing, and waited for.
    Repairing,
    /// Nothing was heard on any line for [`SILENCE_NS`].
    Stale,
    /// The session has ended and nothing more will come.
    Ended,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Waiting => "waiting",
            State::InStep => "in step",
            State::Repairing => "repairing",
            State::Stale => "stale",
            State::Ended => "ended",
        })
    }
}

/// What came on one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineStatistics {
    /// Datagrams, refused ones too.
    pub datagrams: u64,
    /// Messages that were new.
    pub messages: u64,
    /// Messages that were already there: the other line was first, or a retransmission.
    pub duplicates: u64,
    /// Heartbeats and ends of session.
    pub heartbeats: u64,
}

/// What was made of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Messages delivered.
    pub delivered: u64,
    /// Messages given up.
    pub lost: u64,
    /// Times that messages were found missing.
    pub gaps: u64,
    /// Missing messages that still came in time.
    pub recovered: u64,
    /// The most messages held at once.
    pub held_peak: u64,
    /// Datagrams that were no packets.
    pub malformed: u64,
    /// Datagrams of another session, or of one that had ended.
    pub foreign_session: u64,
    /// Datagrams too far ahead or past the end.
    pub out_of_range: u64,
}

/// A range that is missing, and since when.
#[derive(Clone, Copy, Debug)]
struct Missing {
    gap: Gap,
    since_ns: u64,
}

/// One session's receiver. Calling order: `on_datagram` for each datagram of each line,
/// `on_time` at `next_deadline`, `give_up` when nothing more will be heard; everything that
/// follows from a call goes to its `sink`, in order.
pub struct Subscriber {
    options: Options,
    session: Option<Session>,
    first: u64,
    next: u64,
    known: u64,
    missing: VecDeque<Missing>,
    held: BTreeMap<u64, Box<[u8]>>,
    held_bytes: usize,
    end: Option<u64>,
    end_said: bool,
    heard_ns: u64,
    lines: [LineStatistics; 2],
    statistics: Statistics,
}

impl Subscriber {
    /// A receiver that has heard nothing yet.
    #[must_use]
    pub fn new(mut options: Options) -> Subscriber {
        options.held_messages_max = options.held_messages_max.min(HELD_MESSAGES_MAX);
        Subscriber {
            options,
            session: None,
            first: 0,
            next: 0,
            known: 0,
            missing: VecDeque::new(),
            held: BTreeMap::new(),
            held_bytes: 0,
            end: None,
            end_said: false,
            heard_ns: 0,
            lines: [LineStatistics::default(); 2],
            statistics: Statistics::default(),
        }
    }

    /// The session, once it is known.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        self.session
    }

    /// The first message that was delivered or waited for; 0 before anything was heard.
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.first
    }

    /// The next message to deliver; 0 before anything was heard.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.next
    }

    /// Whether every message of the session up to the next one was delivered.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.first == 1 && self.statistics.lost == 0
    }

    /// What is missing now, in order: what a repair would ask for.
    pub fn missing(&self) -> impl Iterator<Item = Gap> + '_ {
        self.missing.iter().map(|missing| missing.gap)
    }

    /// What came on a line.
    #[must_use]
    pub fn line(&self, line: Line) -> LineStatistics {
        self.lines[line as usize]
    }

    /// What was made of all lines.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Where the subscriber stands at `now_ns`.
    #[must_use]
    pub fn state(&self, now_ns: u64) -> State {
        match self.session {
            None => State::Waiting,
            Some(_) if self.end_said => State::Ended,
            Some(_) if now_ns.saturating_sub(self.heard_ns) >= SILENCE_NS => State::Stale,
            Some(_) if !self.missing.is_empty() => State::Repairing,
            Some(_) => State::InStep,
        }
    }

    /// When to call `on_time`: when the oldest gap's patience is over.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.missing.front().map(|oldest| oldest.since_ns.saturating_add(self.options.patience_ns))
    }

    /// Takes what a line received at `now_ns`.
    ///
    /// # Errors
    /// Why the datagram was refused; that is counted, and the subscriber goes on.
    pub fn on_datagram(
        &mut self,
        line: Line,
        datagram: &[u8],
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Refused> {
        self.lines[line as usize].datagrams += 1;
        let packet = match Packet::new_checked(datagram) {
            Ok(packet) => packet,
            Err(error) => {
                self.statistics.malformed += 1;
                return Err(Refused::Malformed(error));
            }
        };
        self.admit(&packet, sink)?;
        self.heard_ns = self.heard_ns.max(now_ns);
        if packet.sequence() > self.known {
            self.open_gap(packet.sequence(), now_ns, sink);
        }
        if packet.kind() == Kind::Data {
            self.on_messages(line, &packet, sink);
        } else {
            self.lines[line as usize].heartbeats += 1;
        }
        if packet.kind() == Kind::EndOfSession {
            self.end = Some(packet.sequence());
        }
        self.on_time(now_ns, sink);
        Ok(())
    }

    /// Gives up what was waited for long enough.
    pub fn on_time(&mut self, now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        while self.next_deadline().is_some_and(|deadline| deadline <= now_ns) {
            self.give_up_oldest(sink);
        }
        self.say_end(sink);
        self.invariants();
    }

    /// Gives up everything that is missing: nothing more will be heard.
    pub fn give_up(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        while !self.missing.is_empty() {
            self.give_up_oldest(sink);
        }
        self.say_end(sink);
        self.invariants();
    }

    /// Whether the packet can be of this session, joining it with the first that is.
    fn admit(
        &mut self,
        packet: &Packet<&[u8]>,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Refused> {
        let heard = packet.session();
        if let Some(expected) = self.session.or(self.options.session)
            && heard != expected
        {
            self.statistics.foreign_session += 1;
            return Err(Refused::ForeignSession { expected, heard });
        }
        if self.session.is_none() {
            if self.options.session.is_none() && packet.kind() == Kind::EndOfSession {
                self.statistics.foreign_session += 1;
                return Err(Refused::AlreadyEnded { heard });
            }
            self.session = Some(heard);
            let sequence = packet.sequence();
            (self.first, self.next, self.known) = (sequence, sequence, sequence);
            sink(Event::Joined { session: heard, sequence });
            return Ok(());
        }
        let refused = self.out_of_range(packet);
        if refused.is_some() {
            self.statistics.out_of_range += 1;
        }
        refused.map_or(Ok(()), Err)
    }

    fn out_of_range(&self, packet: &Packet<&[u8]>) -> Option<Refused> {
        let (sequence, last) = (packet.sequence(), packet.next_sequence());
        if sequence.saturating_sub(self.next) > SEQUENCE_JUMP_MAX {
            return Some(Refused::TooFarAhead { next: self.next, sequence });
        }
        match self.end {
            Some(end) if last > end => Some(Refused::PastEnd { end, sequence: last - 1 }),
            _ if packet.kind() == Kind::EndOfSession && sequence < self.known => {
                Some(Refused::PastEnd { end: sequence, sequence: self.known - 1 })
            }
            _ => None,
        }
    }

    fn on_messages(
        &mut self,
        line: Line,
        packet: &Packet<&[u8]>,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        let (mut fresh, mut duplicates) = (0, 0);
        for (sequence, bytes) in packet.messages() {
            if self.take(sequence, bytes, sink) {
                fresh += 1;
            } else {
                duplicates += 1;
            }
        }
        let line = &mut self.lines[line as usize];
        line.messages += fresh;
        line.duplicates += duplicates;
    }

    /// Delivers or holds a message at or below `known`; whether it was new.
    #[inline]
    fn take(&mut self, sequence: u64, bytes: &[u8], sink: &mut impl FnMut(Event<'_>)) -> bool {
        if sequence < self.next {
            return false;
        }
        if sequence < self.known {
            if !self.fill(sequence) {
                return false;
            }
            self.statistics.recovered += 1;
        } else {
            self.known = sequence + 1;
        }
        // Room is made by giving up gaps, which moves `next`, perhaps up to this message.
        while sequence != self.next && !self.has_room(bytes.len()) {
            self.give_up_oldest(sink);
        }
        if sequence == self.next {
            self.deliver(sequence, bytes, sink);
            self.release(sink);
        } else {
            self.held.insert(sequence, bytes.into());
            self.held_bytes += bytes.len();
            self.statistics.held_peak = self.statistics.held_peak.max(self.held.len() as u64);
        }
        true
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.held.len() < self.options.held_messages_max
            && self.missing.len() <= GAPS_OPEN_MAX
            && self.held_bytes + bytes <= HELD_BYTES_MAX
    }

    #[inline]
    fn deliver(&mut self, sequence: u64, bytes: &[u8], sink: &mut impl FnMut(Event<'_>)) {
        self.next = sequence + 1;
        self.statistics.delivered += 1;
        sink(Event::Message { sequence, bytes });
    }

    /// Delivers what is held and follows without a gap.
    #[inline]
    fn release(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        while let Some(entry) = self.held.first_entry() {
            if *entry.key() != self.next {
                return;
            }
            let (sequence, bytes) = entry.remove_entry();
            self.held_bytes -= bytes.len();
            self.deliver(sequence, &bytes, sink);
        }
    }

    fn open_gap(&mut self, next: u64, now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        while self.missing.len() >= GAPS_OPEN_MAX {
            self.give_up_oldest(sink);
        }
        let gap = Gap { first: self.known, next };
        self.known = next;
        self.statistics.gaps += 1;
        self.missing.push_back(Missing { gap, since_ns: now_ns });
        sink(Event::GapOpened(gap));
    }

    /// Takes one message out of what is missing; whether it was missing.
    fn fill(&mut self, sequence: u64) -> bool {
        let index = self.missing.partition_point(|missing| missing.gap.next <= sequence);
        let Some(found) = self.missing.get_mut(index) else { return false };
        let Gap { first, next } = found.gap;
        if sequence < first {
            return false;
        }
        match (sequence == first, sequence + 1 == next) {
            (true, true) => drop(self.missing.remove(index)),
            (true, false) => found.gap.first += 1,
            (false, true) => found.gap.next -= 1,
            (false, false) => {
                found.gap.next = sequence;
                let rest = Gap { first: sequence + 1, next };
                let since_ns = found.since_ns;
                self.missing.insert(index + 1, Missing { gap: rest, since_ns });
            }
        }
        true
    }

    fn give_up_oldest(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        let Some(Missing { gap, .. }) = self.missing.pop_front() else { return };
        self.next = gap.next;
        self.statistics.lost += gap.messages();
        sink(Event::Lost(gap));
        self.release(sink);
    }

    fn say_end(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        if !self.end_said && self.end == Some(self.next) {
            self.end_said = true;
            sink(Event::Ended { next: self.next });
        }
    }

    /// What must be true between calls, as far as it can be checked in constant time.
    fn invariants(&self) {
        match self.missing.front() {
            Some(oldest) => assert_eq!(oldest.gap.first, self.next, "delivery waits for a gap"),
            None => {
                assert!(self.held.is_empty(), "held without a gap before it");
                assert_eq!(self.next, self.known, "neither delivered nor missing");
            }
        }
        assert!(self.held.len() <= self.options.held_messages_max);
    }
}

#[cfg(test)]
mod tests;
