//! One channel's way from its log to the lines: each record is a datagram, sent on line A and B.
//!
//! ```text
//!   feed log   │ record │ record │ record │ record │ record │
//!                 ▲ committed        ▲ line B        ▲ line A, and what is published
//!                 └─ the least of both lines
//! ```
//!
//! Each line has a place of its own, so a line whose queue is full holds nothing of the other up,
//! loses nothing and reorders nothing: it goes on from its place. A line that the system refuses
//! altogether, its interface gone, is down after a while: then it follows the other one, which is
//! what a second line is for, and is tried again each second. Without a line that works nothing is
//! passed over: everything waits.

use std::io;

use isochron_feeds::mold::{COUNT_END_OF_SESSION, COUNT_HEARTBEAT, HEADER_BYTES, Header, Session};
use isochron_feeds::publisher::HEARTBEAT_INTERVAL_NS;

use super::hearing::HeardTo;
use crate::feed_log::{FeedLogError, Record, RecordTail};
use crate::net::{BATCH_DATAGRAMS_MAX, Datagram};
use crate::types::{Nanos, Position};

/// Lines that there can be: A and B.
pub(super) const LINES: usize = 2;

/// How long a line is refused before it counts as down.
const PATIENCE_NS: u64 = 1_000_000_000;

/// Time from one try of a line that is down to the next.
pub(super) const RETRY_NS: u64 = 1_000_000_000;

/// Sends datagrams in order; as many as it took.
pub(super) trait Outlet {
    /// # Errors
    /// It refuses the first of them for another reason than a full queue.
    fn send(&mut self, datagrams: &[Datagram<'_>]) -> io::Result<usize>;
}

/// What was sent, by line, since it was last taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Datagrams, those in silence too.
    pub(super) datagrams: [u64; LINES],
    /// Batches of which the line was the first.
    pub(super) first: [u64; LINES],
    /// Times it took fewer than offered.
    pub(super) waits: [u64; LINES],
    /// Messages that it did not carry while it was down.
    pub(super) skipped: [u64; LINES],
    /// Heartbeats and ends of session.
    pub(super) silences: u64,
    /// Datagrams that the publisher before may have sent too.
    pub(super) resent: u64,
    /// Bytes of all datagrams.
    pub(super) bytes: u64,
    /// Datagrams that were not sent, because another publisher was heard to send them.
    pub(super) heard: u64,
}

/// Since when a line is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Up,
    Refused { since_ns: u64 },
    Down { retry_ns: u64 },
}

struct Line<O> {
    outlet: O,
    /// What is before it was handed over, and the number behind that.
    position: Position,
    next_sequence: u64,
    ended: bool,
    silence_due_ns: u64,
    health: Health,
    /// Whether it took less than offered in this cycle.
    waits: bool,
}

impl<O> Line<O> {
    fn is_down(&self) -> bool {
        matches!(self.health, Health::Down { .. })
    }
}

/// What one call sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// There was nothing to send, or no line to take it.
    Nothing,
    /// Padding or the end of a session: the lines stand behind it.
    Silence,
    /// Datagrams.
    Batch,
}

/// A channel's lines. Calling order: `begin_cycle`, `send` until it has nothing more to do, then
/// `keep_alive`.
pub(super) struct Broadcast<O> {
    session: Session,
    tail: RecordTail,
    /// Line A, and line B where there is one.
    lines: Vec<Line<O>>,
    heads: Box<[[u8; HEADER_BYTES]; BATCH_DATAGRAMS_MAX]>,
    /// What was written before this publisher, sent or not.
    written_before: Position,
    /// A silent publisher's: what another one was heard to send.
    heard: Option<HeardTo>,
    error: Option<io::Error>,
}

impl<O: Outlet> Broadcast<O> {
    /// Lines that go on from a place in the log, at which a number is the next. They announce
    /// themselves: a heartbeat is due at once.
    pub(super) fn new(
        session: Session,
        tail: RecordTail,
        outlets: Vec<O>,
        (position, next_sequence): (Position, u64),
        written_before: Position,
        now: Nanos,
    ) -> Self {
        assert!((1..=LINES).contains(&outlets.len()), "{} lines", outlets.len());
        let line = |outlet| Line {
            outlet,
            position,
            next_sequence,
            ended: false,
            silence_due_ns: now.get(),
            health: Health::Up,
            waits: false,
        };
        let lines = outlets.into_iter().map(line).collect();
        let heads = Box::new([[0; HEADER_BYTES]; BATCH_DATAGRAMS_MAX]);
        Self { session, tail, lines, heads, written_before, heard: None, error: None }
    }

    /// The session has ended, as far as the log was sent already.
    pub(super) fn set_ended(&mut self) {
        self.lines.iter_mut().for_each(|line| line.ended = true);
    }

    /// What is before it was handed over on all lines.
    pub(super) fn sent_to(&self) -> Position {
        self.lines.iter().map(|line| line.position).min().unwrap_or_default()
    }

    /// The last refusal of the system.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// What each line sends by.
    pub(super) fn outlets(&self) -> impl Iterator<Item = &O> {
        self.lines.iter().map(|line| &line.outlet)
    }

    /// From now on nothing is sent, and what another publisher was heard to send counts as handed
    /// over; with `None` it is sent.
    pub(super) fn set_heard(&mut self, heard: Option<HeardTo>) {
        self.heard = heard;
    }

    /// Lines that waited are asked again.
    pub(super) fn begin_cycle(&mut self) {
        self.lines.iter_mut().for_each(|line| line.waits = false);
    }

    /// Sends one batch of what is published, on the line `first` first where both stand at the
    /// same place; a silent one passes what was heard of it.
    ///
    /// # Errors
    /// The log's.
    pub(super) fn send(
        &mut self,
        published: Position,
        first: usize,
        now: Nanos,
        tally: &mut Tally,
    ) -> Result<Sent, FeedLogError> {
        let ready = self.lines.iter().filter(|line| !line.waits && !line.is_down());
        let Some(from) = ready.map(|line| line.position).min().filter(|from| *from < published)
        else {
            return Ok(Sent::Nothing);
        };
        let Self { session, tail, lines, heads, written_before, heard, error } = self;
        let mut records = tail.records_at(from)?;
        let mut batch = Batch::new();
        while batch.count < BATCH_DATAGRAMS_MAX && records.position() < published {
            let before = records.clone();
            let Some(record) = records.next()? else { break };
            if record.count == 0 {
                // The end of the session, or the beginning of the log: nothing to send by itself.
                if batch.count > 0 {
                    records = before;
                } else {
                    batch.silent = Some((record.sequence, record.ended));
                }
                break;
            }
            batch.push(heads, *session, &record, records.position());
        }
        batch.end = records.position();
        if batch.end == from {
            return Ok(Sent::Nothing);
        }
        let both = lines.iter().filter(|line| line.position == from && !line.waits).count();
        if both == LINES && batch.count > 0 && heard.is_none() {
            tally.first[first % LINES] += 1;
        }
        for index in [first % LINES, (first + 1) % LINES] {
            let Some(line) = lines.get_mut(index) else { continue };
            if line.position == from && !line.waits && !line.is_down() {
                let refused = match heard {
                    Some(heard) => {
                        tally.heard += batch.pass(line, *heard);
                        None
                    }
                    None => batch.send(line, heads, now, &mut tally.of(index, *written_before)),
                };
                *error = refused.or(error.take());
            }
        }
        let sent = match (heard, batch.count) {
            (Some(_), _) if lines.iter().all(|line| line.position <= from) => Sent::Nothing,
            (_, 0) => Sent::Silence,
            _ => Sent::Batch,
        };
        self.follow(now, tally);
        Ok(sent)
    }

    /// A line that is down goes where the other is; one that is refused for long goes down.
    fn follow(&mut self, now: Nanos, tally: &mut Tally) {
        let up = self.lines.iter().filter(|line| line.health == Health::Up);
        let lead = up.map(|line| (line.position, line.next_sequence, line.ended)).max();
        let Some((position, next_sequence, ended)) = lead else { return };
        for (index, line) in self.lines.iter_mut().enumerate() {
            if let Health::Refused { since_ns } = line.health
                && now.get() - since_ns >= PATIENCE_NS
            {
                line.health = Health::Down { retry_ns: now.get() + RETRY_NS };
            }
            if line.is_down() && line.position < position {
                tally.skipped[index] += next_sequence - line.next_sequence;
                (line.position, line.next_sequence) = (position, next_sequence);
                line.ended = ended;
            }
        }
    }

    /// Sends a heartbeat or an end of session where one is due, on lines that have sent all that
    /// is published; how many.
    pub(super) fn keep_alive(
        &mut self,
        published: Position,
        now: Nanos,
        tally: &mut Tally,
    ) -> usize {
        let mut sent = 0;
        if self.heard.is_some() {
            return 0;
        }
        for (index, line) in self.lines.iter_mut().enumerate() {
            let is_due = match line.health {
                Health::Down { retry_ns } => now.get() >= retry_ns,
                _ => now.get() >= line.silence_due_ns,
            };
            let has_more = line.position < published && !line.is_down();
            if !is_due || line.waits || has_more {
                continue;
            }
            let count = if line.ended { COUNT_END_OF_SESSION } else { COUNT_HEARTBEAT };
            let header = Header { session: self.session, sequence: line.next_sequence, count };
            let mut head = [0; HEADER_BYTES];
            header.emit(&mut head);
            match line.outlet.send(&[Datagram { head: &head, body: &[] }]) {
                Ok(0) => {}
                Ok(_) => {
                    line.health = Health::Up;
                    line.silence_due_ns = now.get() + HEARTBEAT_INTERVAL_NS;
                    tally.datagrams[index] += 1;
                    tally.silences += 1;
                    tally.bytes += HEADER_BYTES as u64;
                    sent += 1;
                }
                Err(error) => {
                    self.error = Some(error);
                    line.silence_due_ns = now.get() + HEARTBEAT_INTERVAL_NS;
                    if line.is_down() {
                        line.health = Health::Down { retry_ns: now.get() + RETRY_NS };
                    }
                }
            }
        }
        sent
    }
}

/// What one line adds to a tally.
struct LineTally<'a> {
    datagrams: &'a mut u64,
    waits: &'a mut u64,
    resent: &'a mut u64,
    bytes: &'a mut u64,
    written_before: Position,
}

impl Tally {
    fn of(&mut self, index: usize, written_before: Position) -> LineTally<'_> {
        LineTally {
            datagrams: &mut self.datagrams[index],
            waits: &mut self.waits[index],
            resent: &mut self.resent,
            bytes: &mut self.bytes,
            written_before,
        }
    }
}

/// Records that go out in one call, and where a line stands behind each.
struct Batch<'a> {
    bodies: [&'a [u8]; BATCH_DATAGRAMS_MAX],
    ends: [(Position, u64); BATCH_DATAGRAMS_MAX],
    count: usize,
    /// A record without messages, which is alone: the next number, and whether the session ends.
    silent: Option<(u64, bool)>,
    /// Behind all of them, padding included.
    end: Position,
}

impl<'a> Batch<'a> {
    fn new() -> Self {
        Self {
            bodies: [&[]; BATCH_DATAGRAMS_MAX],
            ends: [(Position(0), 0); BATCH_DATAGRAMS_MAX],
            count: 0,
            silent: None,
            end: Position(0),
        }
    }

    fn push(
        &mut self,
        heads: &mut [[u8; HEADER_BYTES]; BATCH_DATAGRAMS_MAX],
        session: Session,
        record: &Record<'a>,
        end: Position,
    ) {
        let (sequence, count) = (record.sequence, record.count);
        Header { session, sequence, count }.emit(&mut heads[self.count]);
        self.bodies[self.count] = record.blocks;
        self.ends[self.count] = (end, record.next_sequence());
        self.count += 1;
    }

    /// Goes on behind what another publisher was heard to send; how many datagrams that is.
    fn pass<O>(&self, line: &mut Line<O>, heard: HeardTo) -> u64 {
        if let Some((next_sequence, ended)) = self.silent {
            if ended && !(heard.ended && next_sequence <= heard.next_sequence) {
                line.waits = true;
                return 0;
            }
            (line.next_sequence, line.ended) = (next_sequence, ended);
            line.position = self.end;
            return 0;
        }
        let ends = &self.ends[..self.count];
        let passed = ends.iter().take_while(|(_, next)| *next <= heard.next_sequence).count();
        if let Some(last) = passed.checked_sub(1) {
            (line.position, line.next_sequence) = ends[last];
            line.ended = false;
        }
        match passed == self.count {
            true => line.position = self.end,
            false => line.waits = true,
        }
        passed as u64
    }

    /// Offers all of it to a line; the refusal where it is refused.
    fn send<O: Outlet>(
        &self,
        line: &mut Line<O>,
        heads: &[[u8; HEADER_BYTES]; BATCH_DATAGRAMS_MAX],
        now: Nanos,
        tally: &mut LineTally<'_>,
    ) -> Option<io::Error> {
        if self.count == 0 {
            if let Some((next_sequence, ended)) = self.silent {
                (line.next_sequence, line.ended) = (next_sequence, ended);
                line.silence_due_ns = now.get();
            }
            line.position = self.end;
            return None;
        }
        let mut datagrams = [Datagram::default(); BATCH_DATAGRAMS_MAX];
        for (datagram, (head, body)) in datagrams.iter_mut().zip(heads.iter().zip(self.bodies)) {
            *datagram = Datagram { head, body };
        }
        let sent = match line.outlet.send(&datagrams[..self.count]) {
            Ok(sent) => sent,
            Err(error) => {
                line.waits = true;
                if line.health == Health::Up {
                    line.health = Health::Refused { since_ns: now.get() };
                }
                return Some(error);
            }
        };
        line.health = Health::Up;
        if let Some(last) = sent.checked_sub(1) {
            let resent = self.ends[..sent].iter().filter(|end| end.0 <= tally.written_before);
            *tally.resent += resent.count() as u64;
            (line.position, line.next_sequence) = self.ends[last];
            line.ended = false;
            line.silence_due_ns = now.get() + HEARTBEAT_INTERVAL_NS;
            *tally.datagrams += sent as u64;
            let bodies = self.bodies[..sent].iter().map(|body| body.len()).sum::<usize>();
            *tally.bytes += (bodies + sent * HEADER_BYTES) as u64;
        }
        if sent < self.count {
            line.waits = true;
            *tally.waits += 1;
        } else {
            line.position = self.end;
        }
        None
    }
}

#[cfg(test)]
mod tests;
