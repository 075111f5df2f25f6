//! What a sender counts.

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
