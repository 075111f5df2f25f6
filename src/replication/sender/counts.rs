//! What a sender counts, and the rows of the counters file that show it.

use crate::metrics::{Counter, CounterWriter, Counters, RINGS_MAX};

use super::Sender;

/// What was sent, and all that was dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderCounts {
    /// Datagrams of new data.
    pub datagrams: u64,
    /// Their bytes.
    pub data_bytes: u64,
    /// SETUPs sent.
    pub setups: u64,
    /// Heartbeats sent.
    pub heartbeats: u64,
    /// Datagrams sent again.
    pub retransmitted_datagrams: u64,
    /// Their bytes.
    pub retransmitted_bytes: u64,
    /// Answers to RTTM.
    pub replies: u64,
    /// Turns in which receivers took nothing more.
    pub flow_control_limited: u64,
    /// Times the system took fewer datagrams than offered.
    pub send_waits: u64,
    /// Times the system refused to send or receive.
    pub media_errors: u64,
    /// Bytes of the log that were not sent because nobody was there.
    pub skipped_bytes: u64,
    /// Status messages of this stream.
    pub status_messages: u64,
    /// Requests of this stream.
    pub naks: u64,
    /// Streams that a receiver refused.
    pub errors: u64,
    /// Receivers that fell silent.
    pub receivers_lost: u64,
    /// Dropped: status messages of receivers beyond the most that are kept apart.
    pub receivers_turned_away: u64,
    /// Dropped: status messages of places where no receiver can be.
    pub status_rejected: u64,
    /// Dropped: requests for what is just being sent again.
    pub naks_repeated: u64,
    /// Dropped: requests for what is not sent, older than the epoch, or where no frame begins.
    pub naks_unanswered: u64,
    /// Shortened: requests for more than one may name.
    pub naks_clamped: u64,
    /// Dropped: requests of one who asks too much.
    pub naks_over_budget: u64,
    /// Dropped: requests while as many as may be are being answered.
    pub naks_overflowed: u64,
    /// Dropped: answers to RTTM beyond the few that wait.
    pub replies_dropped: u64,
    /// Dropped: datagrams from addresses that are not allowed.
    pub foreign: u64,
    /// Dropped: datagrams that are no frame, or say what none can.
    pub malformed: u64,
    /// Dropped: frames of another stream or session.
    pub other_stream: u64,
    /// Dropped: frames that no receiver sends.
    pub unexpected: u64,
}

impl SenderCounts {
    /// Each with its row.
    fn rows(&self) -> impl Iterator<Item = (Counter, u64)> {
        [
            (Counter::STREAM_DATAGRAMS, self.datagrams),
            (Counter::STREAM_BYTES, self.data_bytes),
            (Counter::STREAM_SETUPS, self.setups),
            (Counter::STREAM_HEARTBEATS, self.heartbeats),
            (Counter::STREAM_AGAIN_DATAGRAMS, self.retransmitted_datagrams),
            (Counter::STREAM_AGAIN_BYTES, self.retransmitted_bytes),
            (Counter::STREAM_LIMITED, self.flow_control_limited),
            (Counter::STREAM_SEND_WAITS, self.send_waits),
            (Counter::STREAM_MEDIA_ERRORS, self.media_errors),
            (Counter::STREAM_SKIPPED_BYTES, self.skipped_bytes),
            (Counter::STREAM_STATUS_MESSAGES, self.status_messages),
            (Counter::STREAM_NAKS, self.naks),
            (Counter::STREAM_REFUSED, self.errors),
            (Counter::STREAM_RECEIVERS_LOST, self.receivers_lost),
            (Counter::STREAM_TURNED_AWAY, self.receivers_turned_away),
            (Counter::STREAM_STATUS_REJECTED, self.status_rejected),
            (Counter::STREAM_NAKS_REPEATED, self.naks_repeated),
            (Counter::STREAM_NAKS_UNANSWERED, self.naks_unanswered),
            (Counter::STREAM_NAKS_CLAMPED, self.naks_clamped),
            (Counter::STREAM_NAKS_BUDGET, self.naks_over_budget),
            (Counter::STREAM_NAKS_OVERFLOW, self.naks_overflowed),
            (Counter::STREAM_REPLIES, self.replies),
            (Counter::STREAM_REPLIES_DROPPED, self.replies_dropped),
            (Counter::STREAM_FOREIGN, self.foreign),
            (Counter::STREAM_MALFORMED, self.malformed),
            (Counter::STREAM_OTHER_STREAM, self.other_stream),
            (Counter::STREAM_UNEXPECTED, self.unexpected),
        ]
        .into_iter()
    }
}

/// Where a sender is, up to where it may send, and how many receivers there are.
type Places = [u64; 3];

/// Receivers, each with its id and how far it is behind; 0 where there is none.
type Behind = [(u64, u64); RINGS_MAX];

/// All rows of a sender.
fn rows(
    counts: &SenderCounts,
    [position, limit, receivers]: Places,
    behind: Behind,
) -> impl Iterator<Item = (Counter, u64)> {
    let places = [
        (Counter::STREAM_POSITION, position),
        (Counter::STREAM_LIMIT, limit),
        (Counter::STREAM_RECEIVERS, receivers),
    ];
    let each = behind.into_iter().enumerate().flat_map(|(at, (id, bytes))| {
        [(Counter::STREAM_RECEIVER.of_ring(at), id), (Counter::STREAM_BEHIND.of_ring(at), bytes)]
    });
    counts.rows().chain(places).chain(each)
}

/// The rows of a sender in a counters file: what it counts, where it stands, and of the first
/// receivers who they are and how far each is behind, so that a slow one has a name.
pub struct SenderCounters(Vec<CounterWriter>);

impl SenderCounters {
    /// Takes the rows.
    ///
    /// # Panics
    /// If another sender of this process has them.
    #[must_use]
    pub fn new(counters: &Counters) -> Self {
        let counts = SenderCounts::default();
        let rows = rows(&counts, Places::default(), Behind::default());
        Self(rows.map(|(counter, _)| counters.writer(counter)).collect())
    }

    /// Shows what a sender counted.
    pub fn show(&mut self, sender: &Sender) {
        let mut behind = Behind::default();
        let sent = sender.position().get();
        for (place, receiver) in behind.iter_mut().zip(sender.receivers()) {
            let bytes = sent.saturating_sub(receiver.position.get());
            *place = (receiver.id.cast_unsigned(), bytes);
        }
        let receivers = sender.receivers().count() as u64;
        let places = [sent, sender.limit().get(), receivers];
        for ((_, value), writer) in rows(sender.counts(), places, behind).zip(&mut self.0) {
            writer.set(value);
        }
    }
}
