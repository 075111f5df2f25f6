//! The way of each command, hop by hop, in memory that was touched before.
//!
//! ```text
//!   intended ─▶ in the ring ─▶ taken ─▶ committed ─▶ seen by a reader          (a)
//!                                           └──▶ sent by the feed ─▶ received   (b)
//! ```
//!
//! The source notes the time at which a command was meant to be sent, when it is in the ring, and
//! when its outcome is seen. When the core took it is its time in the log. When it was committed,
//! and sent, is when the core's, and the feed's, duty cycle had ended.

use crate::agent::{Clock, SystemClock};
use crate::bench::report::{histogram, percentiles_json, us_line};
use crate::bench::watch::Mark;
use crate::demo::source::{Journal, Seen};
use crate::memory::table;
use hdrhistogram::Histogram;
use serde_json::{Map, Value};

/// One command, nanoseconds UTC; 0 where it was not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Row {
    pub(super) intended: u64,
    pub(super) in_ring: u64,
    pub(super) taken: u64,
    pub(super) committed: u64,
    pub(super) seen: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) sequence: u64,
    /// The end of its frame in the log.
    pub(super) end: u64,
}

impl Row {
    /// When the last that was waited for had happened.
    fn arrival(&self) -> u64 {
        if self.received > 0 { self.received } else { self.seen }
    }

    /// Bytes of log from this command's frame to a later one's.
    pub(super) fn bytes_to(&self, later: &Row) -> u64 {
        later.end.saturating_sub(self.end)
    }

    /// From when to when.
    pub(super) fn way(&self) -> (u64, u64) {
        (self.intended, self.arrival())
    }

    pub(super) fn latency_ns(&self) -> u64 {
        self.arrival().saturating_sub(self.intended)
    }
}

/// Writes a row for each command; those beyond the room that was made are not written.
pub(super) struct Rows {
    clock: SystemClock,
    /// As many as are sent; those from `seen` on say only when they were.
    rows: Vec<Row>,
    seen: usize,
}

impl Rows {
    /// Room for so many commands.
    pub(super) fn new(clock: SystemClock, commands: usize) -> Self {
        Self { clock, rows: table(commands), seen: 0 }
    }

    /// The rows of the commands that were seen committed.
    pub(super) fn finish(mut self) -> Vec<Row> {
        self.rows.truncate(self.seen);
        self.rows
    }
}

impl Journal for Rows {
    fn on_sent(&mut self) {
        if self.rows.len() < self.rows.capacity() {
            self.rows.push(Row { in_ring: self.clock.now().0, ..Row::default() });
        }
    }

    fn on_seen(&mut self, seen: &[Seen], now: u64) {
        for seen in seen {
            let Some(row) = self.rows.get_mut(self.seen) else { return };
            let Seen { intended, sequence, timestamp, end } = *seen;
            let in_ring = row.in_ring;
            let times = Row { intended, in_ring, taken: timestamp, seen: now, ..Row::default() };
            *row = Row { sequence, end, ..times };
            self.seen += 1;
        }
    }
}

/// For each row the first mark at or behind its end: both rise.
fn join(rows: &mut [Row], marks: &[Mark], set: impl Fn(&mut Row, u64)) {
    let mut marks = marks.iter().peekable();
    for row in rows {
        while marks.next_if(|mark| mark.position < row.end).is_some() {}
        if let Some(mark) = marks.peek() {
            set(row, mark.time);
        }
    }
}

/// When each command was committed, by what the core's cycles ended with.
pub(super) fn join_committed(rows: &mut [Row], marks: &[Mark]) {
    join(rows, marks, |row, time| row.committed = time);
}

/// When what came of each command was sent, by what the feed's cycles ended with.
pub(super) fn join_sent(rows: &mut [Row], marks: &[Mark]) {
    join(rows, marks, |row, time| row.sent = time);
}

/// When the last message of each command's event was received, by the command's number; commands
/// of which the public hears nothing are left out.
pub(super) fn join_received(rows: &mut Vec<Row>, received: &[u64]) {
    for row in rows.iter_mut() {
        let at = usize::try_from(row.sequence).ok();
        row.received = at.and_then(|at| received.get(at)).copied().unwrap_or(0);
    }
    rows.retain(|row| row.received > 0);
}

/// A hop: its name, and from which time to which.
type Hop = (&'static str, fn(&Row) -> [u64; 2]);

/// To the source's own reader.
pub(super) const TO_COMMITTED: [Hop; 4] = [
    ("intended to in the ring", |row| [row.intended, row.in_ring]),
    ("in the ring to taken by the core", |row| [row.in_ring, row.taken]),
    ("taken to appended", |row| [row.taken, row.committed]),
    ("appended to committed and seen by a reader", |row| [row.committed, row.seen]),
];

/// To a subscriber.
pub(super) const TO_SUBSCRIBER: [Hop; 4] = [
    ("intended to in the ring", |row| [row.intended, row.in_ring]),
    ("in the ring to appended", |row| [row.in_ring, row.committed]),
    ("appended to sent by the feed", |row| [row.committed, row.sent]),
    ("sent to received", |row| [row.sent, row.received]),
];

/// The latencies of all rows.
pub(super) fn latencies(rows: &[Row]) -> Histogram<u64> {
    let mut histogram = histogram();
    rows.iter().for_each(|row| histogram.saturating_record(row.latency_ns()));
    histogram
}

/// What each hop took: lines for people, an object for programs.
pub(super) fn hops(rows: &[Row], hops: &[Hop]) -> (Vec<String>, Value) {
    let (mut lines, mut json) = (Vec::new(), Map::new());
    for (name, times) in hops {
        let mut histogram = histogram();
        for row in rows {
            let [from, to] = times(row);
            histogram.saturating_record(to.saturating_sub(from));
        }
        lines.push(format!("  {name}: {}", us_line(&histogram)));
        json.insert((*name).to_owned(), percentiles_json(&histogram));
    }
    (lines, json.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(end: u64) -> Row {
        Row { end, ..Row::default() }
    }

    #[test]
    fn a_command_is_committed_with_the_first_cycle_that_ends_behind_it() {
        let mut rows = [100, 200, 300, 400].map(row);
        let mark = |position, time| Mark { position, time };
        join_committed(&mut rows, &[mark(150, 7), mark(300, 8), mark(350, 9)]);
        assert_eq!(rows.map(|row| row.committed), [7, 8, 8, 0]);
    }

    #[test]
    fn what_the_public_does_not_hear_of_is_left_out() {
        let numbered = |sequence| Row { sequence, ..Row::default() };
        let mut rows = vec![numbered(1), numbered(2), numbered(9)];
        join_received(&mut rows, &[0, 0, 55]);
        assert_eq!(
            rows.iter().map(|row| (row.sequence, row.received)).collect::<Vec<_>>(),
            [(2, 55)]
        );
    }

    #[test]
    fn rows_hold_what_source_and_reader_saw() {
        let mut rows = Rows::new(SystemClock::new(), 2);
        let seen = |sequence| Seen { intended: 5, sequence, timestamp: 6, end: 64 };
        (0..3).for_each(|_| rows.on_sent());
        rows.on_seen(&[seen(1), seen(2), seen(3)], 30);
        let rows = rows.finish();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[1].sequence, rows[1].latency_ns(), rows[1].taken), (2, 25, 6));
        assert!(rows[1].in_ring >= rows[0].in_ring && rows[0].in_ring > 0);
        assert_eq!(us_line(&latencies(&rows)).split(' ').nth(1), Some("0.02"));
    }
}
