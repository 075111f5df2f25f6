//! Puts one session's messages in order, from any number of sources, and names what is missing.
//!
//! ```text
//!              next              known
//!               │                  │
//!   delivered   │ missing │ held │ missing │      each message from `next` to `known` is
//!  ─────────────┴─────────┴──────┴─────────┘      either held or missing
//! ```
//!
//! Arbitration is by message, never by datagram: two lines, or a retransmission, may cut the
//! same messages differently, so datagrams overlap. A message is delivered once, in order, and
//! the first copy of it stays, whatever a later one says. What is missing is waited for (the
//! other line, a reordered datagram), then asked for as [`Repair`] says, until the patience is
//! over; then it is given up, and the stream says so before it goes on. Who joins late may hold
//! what is live until a snapshot stands for what came before. Whatever arrives, memory stays
//! within [`crate::limits`].
//! Spec: MoldUDP64 1.00; how a gap is treated is ours.

mod event;
mod gaps;
mod hold;
mod options;
mod order;
mod repair;
mod state;
mod statistics;

pub use event::{Event, Gap, Refused};
pub use gaps::Asked;
pub use options::{Join, Options, Repair};
pub use state::{LineState, SILENCE_NS, State};
pub use statistics::{Source, SourceStatistics, Statistics};

use crate::limits::{HELD_MESSAGES_MAX, SEQUENCE_JUMP_MAX};
use crate::mold::{Kind, Packet, Session};
use gaps::Gaps;
use hold::Hold;
use statistics::Track;

/// One session's receiver. Calling order: `on_datagram` for each datagram of each line and each
/// answer to a request, `on_replayed` for each message of a replay, `on_time` at `next_deadline`,
/// `give_up` when nothing more will be heard; everything that follows from a call goes to its
/// `sink`, in order. After any of them, whoever can repair looks at `poll_request` (until
/// `None`), `replay_wanted` and `snapshot_wanted`.
pub struct Subscriber {
    options: Options,
    session: Option<Session>,
    first: u64,
    next: u64,
    known: u64,
    gaps: Gaps,
    hold: Hold,
    /// Nothing is delivered: a snapshot has to come.
    joining: bool,
    /// Whether `Joined` was ever said.
    joined: bool,
    /// What would have been delivered next when joining began.
    join_from: u64,
    end: Option<u64>,
    end_said: bool,
    heard_ns: u64,
    progress_ns: u64,
    tracks: [Track; 4],
    statistics: Statistics,
}

impl Subscriber {
    /// A receiver that has heard nothing yet.
    #[must_use]
    pub fn new(mut options: Options) -> Subscriber {
        options.held_messages_max = options.held_messages_max.clamp(1, HELD_MESSAGES_MAX);
        Subscriber {
            options,
            session: None,
            first: 0,
            next: 0,
            known: 0,
            gaps: Gaps::default(),
            hold: Hold::new(options.held_messages_max),
            joining: false,
            joined: false,
            join_from: 1,
            end: None,
            end_said: false,
            heard_ns: 0,
            progress_ns: 0,
            tracks: Default::default(),
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

    /// The first message that is not known to exist; 0 before anything was heard.
    #[must_use]
    pub fn known_sequence(&self) -> u64 {
        self.known
    }

    /// Whether every message of the session up to the next one was delivered, or a snapshot
    /// stood for it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let whole = self.first == 1 || self.statistics.snapshots > 0;
        whole && !self.joining && self.statistics.lost == 0
    }

    /// What is missing now, in order.
    pub fn missing(&self) -> impl Iterator<Item = Gap> + '_ {
        self.gaps.iter()
    }

    /// Messages held now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.hold.len()
    }

    /// What came from a source.
    #[must_use]
    pub fn source(&self, source: Source) -> SourceStatistics {
        self.tracks[source as usize].statistics(self.known)
    }

    /// What was made of all sources.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Whether that line speaks, at `now_ns`.
    #[must_use]
    pub fn line_state(&self, line: Source, now_ns: u64) -> LineState {
        self.tracks[line as usize].line_state(now_ns)
    }

    /// Where the subscriber stands at `now_ns`.
    #[must_use]
    pub fn state(&self, now_ns: u64) -> State {
        match self.session {
            None => State::Waiting,
            Some(_) if self.end_said => State::Ended,
            Some(_) if self.is_stale(now_ns) => State::Stale,
            Some(_) if self.joining => State::Joining,
            Some(_) if !self.gaps.is_empty() => State::Repairing,
            Some(_) => State::InStep,
        }
    }

    fn is_stale(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.heard_ns) >= SILENCE_NS
    }

    /// When to call `on_time`: when something is to be asked for, or given up.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        let due_ns = self.options.repair.and_then(|repair| self.gaps.next_due(&repair));
        [self.patience_deadline(), due_ns].into_iter().flatten().min()
    }

    /// When the oldest gap is given up, or, for who joins, the snapshot.
    fn patience_deadline(&self) -> Option<u64> {
        let oldest = self.gaps.front().filter(|_| !self.joining);
        let since_ns = oldest.map(|oldest| oldest.since_ns).or(self.joining.then_some(0))?;
        Some(since_ns.max(self.progress_ns).saturating_add(self.options.patience_ns))
    }

    /// Takes a datagram that `source` received at `now_ns`: a line, or the socket of re-requests.
    ///
    /// # Errors
    /// Why the datagram was refused; that is counted, and the subscriber goes on.
    pub fn on_datagram(
        &mut self,
        source: Source,
        datagram: &[u8],
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Refused> {
        self.tracks[source as usize].counted.datagrams += 1;
        let packet = match Packet::new_checked(datagram) {
            Ok(packet) => packet,
            Err(error) => {
                self.statistics.malformed += 1;
                return Err(Refused::Malformed(error));
            }
        };
        if source.is_line() {
            self.on_line(source, &packet, now_ns, sink)?;
        } else {
            self.on_answer(source, &packet, now_ns, sink)?;
        }
        self.on_time(now_ns, sink);
        Ok(())
    }

    fn on_line(
        &mut self,
        line: Source,
        packet: &Packet<&[u8]>,
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Refused> {
        self.admit(packet, now_ns, sink)?;
        self.heard_ns = self.heard_ns.max(now_ns);
        self.tracks[line as usize].hear(self.first, now_ns);
        if packet.sequence() > self.known {
            self.open_gap(packet.sequence(), now_ns, sink);
        }
        if packet.kind() == Kind::Data {
            self.on_messages(line, packet, now_ns, sink);
        } else {
            let track = &mut self.tracks[line as usize];
            track.counted.heartbeats += 1;
            track.note(packet.sequence(), packet.sequence());
        }
        if packet.kind() == Kind::EndOfSession {
            self.end = Some(packet.sequence());
        }
        Ok(())
    }

    /// Asks for, or gives up, what was waited for long enough.
    pub fn on_time(&mut self, now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        if self.joining || !self.gaps.is_empty() {
            self.escalate(now_ns);
            while self.patience_deadline().is_some_and(|deadline| deadline <= now_ns) {
                self.give_up_to_snapshot(now_ns, sink);
            }
        }
        self.say_end(sink);
        self.invariants();
    }

    /// Gives up everything that is missing, and waiting for a snapshot: nothing more will come.
    pub fn give_up(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        self.join_without_snapshot(sink);
        while !self.gaps.is_empty() {
            self.give_up_oldest(sink);
        }
        self.say_end(sink);
        self.invariants();
    }

    /// Whether the packet can be of this session, joining it with the first that is.
    fn admit(
        &mut self,
        packet: &Packet<&[u8]>,
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Refused> {
        self.admit_session(packet)?;
        if self.session.is_none() {
            return self.join(packet, now_ns, sink);
        }
        let refused = self.out_of_range(packet);
        if refused.is_some() {
            self.statistics.out_of_range += 1;
        }
        refused.map_or(Ok(()), Err)
    }

    fn admit_session(&mut self, packet: &Packet<&[u8]>) -> Result<(), Refused> {
        let heard = packet.session();
        let refused = match self.session.or(self.options.session) {
            Some(expected) if heard != expected => Refused::ForeignSession { expected, heard },
            None if packet.kind() == Kind::EndOfSession => Refused::AlreadyEnded { heard },
            _ => return Ok(()),
        };
        self.statistics.foreign_session += 1;
        Err(refused)
    }

    /// The first packet of the session: where delivery begins.
    fn join(
        &mut self,
        packet: &Packet<&[u8]>,
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Refused> {
        let (session, sequence) = (packet.session(), packet.sequence());
        let first = match self.options.join {
            Join::From(first) => first.clamp(1, sequence),
            Join::Live | Join::Snapshot => sequence,
        };
        if sequence - first > SEQUENCE_JUMP_MAX {
            self.statistics.out_of_range += 1;
            return Err(Refused::TooFarAhead { next: first, sequence });
        }
        self.session = Some(session);
        (self.first, self.next, self.known) = (first, first, first);
        if self.options.join == Join::Snapshot && first > 1 {
            (self.joining, self.progress_ns) = (true, now_ns);
        } else {
            self.say_joined(sink);
        }
        Ok(())
    }

    fn say_joined(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        self.joined = true;
        let session = self.session.expect("joined after the session was heard");
        sink(Event::Joined { session, sequence: self.next });
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

    fn say_end(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        if !self.end_said && self.end == Some(self.next) && !self.joining {
            self.end_said = true;
            sink(Event::Ended { next: self.next });
        }
    }

    /// What must be true between calls, as far as it can be checked in constant time.
    fn invariants(&self) {
        match self.gaps.front() {
            _ if self.joining => assert!(self.next <= self.known, "held before what is wanted"),
            Some(oldest) => assert_eq!(oldest.gap.first, self.next, "delivery waits for a gap"),
            None => {
                assert!(self.hold.is_empty(), "held without a gap before it");
                assert_eq!(self.next, self.known, "neither delivered nor missing");
            }
        }
        assert!(self.hold.len() <= self.options.held_messages_max);
    }
}

#[cfg(test)]
mod tests;
