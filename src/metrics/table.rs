//! All counters of the exchange: id, label and sentence.
//!
//! Every process that counts has a counters file of this one shape; what it does not count stays
//! 0 there. A changed table is another shape, which [`fingerprint`] tells apart.

/// Rings that are counted by themselves, in the order of the core's rotation; as many as a node
/// has others beside it at most.
pub const RINGS_MAX: usize = 8;

/// A counter, or the first of a group of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter(usize);

/// What the table says about a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its place in the file.
    pub id: Counter,
    /// Its name, for a reader's eye and for JSON.
    pub label: &'static str,
    /// What it counts.
    pub sentence: &'static str,
    /// Counters of this kind, one for each ring, or 1.
    pub instances: usize,
}

/// Writes the table and a name for each of its rows; a row's place is the sum of those before.
macro_rules! counters {
    ($($name:ident: $instances:expr, $label:literal, $sentence:literal;)*) => {
        /// Every counter, in the order of the file.
        pub const TABLE: &[Row] = &{
            let mut rows = [$(Row {
                id: Counter(0),
                label: $label,
                sentence: $sentence,
                instances: $instances,
            }),*];
            let mut slot = 0;
            let mut index = 0;
            while index < rows.len() {
                rows[index].id = Counter(slot);
                slot += rows[index].instances;
                index += 1;
            }
            rows
        };

        impl Counter {
            $(#[doc = $sentence] pub const $name: Counter = row($label).id;)*
        }
    };
}

counters! {
    COMMANDS_EXECUTED: 1, "commands-executed", "Commands the core took from its rings.";
    TRANSACTIONS_APPENDED: 1, "transactions-appended", "Transactions appended to the store.";
    EVENTS_APPENDED: 1, "events-appended", "Messages appended to the store.";
    BYTES_PUBLISHED: 1, "bytes-published", "Bytes appended to the store, frames and padding.";
    CORE_REFUSALS: 1, "core-refusals", "Times the core took nothing: the store had no room.";
    CORE_REPEATS: 1, "core-repeats", "Commands that their source had sent before.";
    CORE_MALFORMED: 1, "core-malformed", "Messages in a ring that are no commands.";
    CORE_QUARANTINED: 1, "core-quarantined", "Commands of quarantined sources, not executed.";
    FEED_MESSAGES: 1, "feed-messages", "Sequenced messages published on the feed.";
    FEED_DATAGRAMS: 1, "feed-datagrams", "Datagrams sent on the lines, heartbeats included.";
    FEED_HEARTBEATS: 1, "feed-heartbeats", "Heartbeats and ends of sessions sent on the lines.";
    FEED_A_DATAGRAMS: 1, "feed-a-datagrams", "Datagrams sent on line A.";
    FEED_B_DATAGRAMS: 1, "feed-b-datagrams", "Datagrams sent on line B.";
    FEED_A_FIRST: 1, "feed-a-first", "Batches that were sent on line A first.";
    FEED_B_FIRST: 1, "feed-b-first", "Batches that were sent on line B first.";
    FEED_A_WAITS: 1, "feed-a-waits", "Times line A took fewer datagrams than offered.";
    FEED_B_WAITS: 1, "feed-b-waits", "Times line B took fewer datagrams than offered.";
    FEED_A_SKIPPED: 1, "feed-a-skipped", "Datagrams that line A did not take while it was down.";
    FEED_B_SKIPPED: 1, "feed-b-skipped", "Datagrams that line B did not take while it was down.";
    FEED_SEND_CALLS: 1, "feed-send-calls", "Calls of the system that sent datagrams on the lines.";
    FEED_BYTES: 1, "feed-bytes", "Bytes of the datagrams sent on the lines.";
    FEED_SEGMENTED: 1, "feed-segmented", "Datagrams that the system cut from larger ones.";
    FEED_RESENT: 1, "feed-resent", "Datagrams that may have been sent by the publisher before.";
    FEED_COMPARED: 1, "feed-compared", "Messages made again and found as they were logged.";
    FEED_LOG_WAITS: 1, "feed-log-waits", "Times a feed log took nothing for now.";
    FEED_HEARD: 1, "feed-heard", "Datagrams heard, so not sent, by a silent publisher: each line's.";
    FEED_POSITION: 1, "feed-position", "The log's position up to which the feed has published.";
    BEST_BID: 1, "best-bid", "Best bid of the first instrument, in 1/10,000; 0 is none.";
    BEST_ASK: 1, "best-ask", "Best ask of the first instrument, in 1/10,000; 0 is none.";
    FEED_SEND_WAITS: 1, "feed-send-waits", "Times the system took fewer datagrams than offered.";
    RING_REFUSALS: RINGS_MAX, "ring-refusals", "Commands refused because their ring was full.";
    RING_LEFT: RINGS_MAX, "ring-left", "Messages that a crash left in a ring, not accepted.";
    RING_DAMAGED: RINGS_MAX, "ring-damaged", "1 + where a ring was found damaged, 0 for sound.";
    RING_WAITS: RINGS_MAX, "ring-waits", "Times a producer waited because its ring was full.";
    SCHEDULER_COMMANDS: 1, "scheduler-commands", "Starts, phases and ends of days submitted.";
    SCHEDULER_TICKS: 1, "scheduler-ticks", "Ticks submitted because nothing was appended.";
    SCHEDULER_REFUSED: 1, "scheduler-refused", "Commands of the calendar that were refused.";
    SCHEDULER_HELD: 1, "scheduler-held", "The trading date that waits for a word, yyyymmdd; or 0.";
    CLOCK_BEHIND_NS: 1, "clock-behind-ns", "How far the clock stands behind logged time; or 0.";
    LATENCIES_MISSED: 1, "latencies-missed", "Latencies not recorded: their queue was full.";
    SUBSCRIBER_NEXT: 1, "subscriber-next", "The sequence a subscriber delivers next, 0 at first.";
    SUBSCRIBER_MESSAGES: 1, "subscriber-messages", "Messages a subscriber delivered.";
    SUBSCRIBER_DATAGRAMS: 1, "subscriber-datagrams", "Datagrams a subscriber received.";
    SUBSCRIBER_LOST: 1, "subscriber-lost", "Messages a subscriber never received.";
    SUBSCRIBER_REPAIRED: 1, "subscriber-repaired", "Messages a subscriber was sent again.";
    SUBSCRIBER_GAPS: 1, "subscriber-gaps", "Gaps a subscriber found.";
    SUBSCRIBER_ENDED: 1, "subscriber-ended", "1 when a subscriber has seen the end of the session.";
    RECEIVE_BUFFER_BYTES: 1, "receive-buffer-bytes", "Receive buffer a subscriber was granted.";
    SNAPSHOTS_TAKEN: 1, "snapshots-taken", "Snapshots taken, read back and kept.";
    SNAPSHOT_FAILURES: 1, "snapshot-failures", "Snapshots that could not be taken.";
    SNAPSHOT_POSITION: 1, "snapshot-position", "The log's position of the newest snapshot.";
    SNAPSHOT_CADENCE: 1, "snapshot-cadence", "Commands from one snapshot to the next.";
    NODE_ROLE: 1, "node-role", "1 for a standby, 2 for a primary, 3 for an empty one; or 0.";
    NODE_EPOCH: 1, "node-epoch", "The epoch that the node follows, or writes.";
    NODE_PRIMARY: 1, "node-primary", "The node that leads and is heard, or this one; 0 for none.";
    NODE_REFUSED: 1, "node-refused", "Datagrams of the control channel that were not believed.";
    PEER_NODE: RINGS_MAX, "peer-node", "Another node's number; 0 for none.";
    PEER_HELD: RINGS_MAX, "peer-held", "What it holds of the log.";
    PEER_SYNCED: RINGS_MAX, "peer-synced", "What it has made durable.";
    PEER_APPLIED: RINGS_MAX, "peer-applied", "What it has executed.";
    PEER_HEARD_NS: RINGS_MAX, "peer-heard-ns", "When it was heard, in nanoseconds; 0 for never.";
    PEER_STATE_AT: RINGS_MAX, "peer-state-at", "Where its state was last compared; 0 for nowhere.";
    PEER_STATE_DIFFERS: RINGS_MAX, "peer-state-differs", "The same place, if the states differ there.";
    STATE_HASH_AT: 1, "state-hash-at", "The place of this node's last state hash, or 0.";
    STATE_HASH_HIGH: 1, "state-hash-high", "The first half of that hash.";
    STATE_HASH_LOW: 1, "state-hash-low", "The second half.";
    STATES_COMPARED: 1, "states-compared", "Comparisons of this node's state with others'.";
    STATES_DIFFERED: 1, "states-differed", "Those that found two states: the alarm.";
    STATE_OUTVOTED: 1, "state-outvoted", "Nodes by which this one's state counts for nothing, or 0.";
    NODE_CONTRADICTED: 1, "node-contradicted", "Times another node gave another log than the primary.";
    NODE_BARRED: 1, "node-barred", "1 where a wrong state, now or before, bars it from leading.";
    FOLLOWER_POSITION: 1, "follower-position", "The log's position up to which it is executed.";
    FOLLOWER_DIFFERS: 1, "follower-differs", "Where execution and log differ, or 0: the alarm.";
    FOLLOWER_FAULTS: 1, "follower-faults", "Times the executing follower stopped.";
    LOG_KEPT_FROM: 1, "log-kept-from", "The position at which the log begins.";
    LOG_HOLDERS: 1, "log-holders", "Registered readers that the log waits for.";
    RECOVERY_CONNECTIONS: 1, "recovery-connections", "Connections to the repair service now.";
    RECOVERY_ACCEPTED: 1, "recovery-accepted", "Connections that the repair service took.";
    RECOVERY_TURNED_AWAY: 1, "recovery-turned-away", "Connections closed at once: too many.";
    RECOVERY_NO_FILES: 1, "recovery-no-files", "Times there was no file left for a connection.";
    RECOVERY_LOGINS: 1, "recovery-logins", "Logins that were accepted.";
    RECOVERY_REJECTED: 1, "recovery-rejected", "Logins that were rejected.";
    RECOVERY_SILENT: 1, "recovery-silent", "Connections cut for a late login or silence.";
    RECOVERY_SLOW: 1, "recovery-slow", "Connections cut because they read too slowly.";
    RECOVERY_GARBAGE: 1, "recovery-garbage", "Connections cut for bytes that are no protocol.";
    RECOVERY_QUOTA: 1, "recovery-quota", "Logins and connections ended by a quota.";
    RECOVERY_WITHDRAWN: 1, "recovery-withdrawn", "Replays cut because the log forgot the rest.";
    RECOVERY_MESSAGES: 1, "recovery-messages", "Messages given to clients over TCP.";
    RECOVERY_BYTES: 1, "recovery-bytes", "Bytes sent to clients over TCP.";
    RECOVERY_FAULTS: 1, "recovery-faults", "Feed logs that could not be opened or read.";
    REREQUESTS: 1, "rerequests", "Datagrams that came to the re-request port.";
    REREQUESTS_ANSWERED: 1, "rerequests-answered", "Re-requests answered, with one datagram each.";
    REREQUESTS_UNSENT: 1, "rerequests-unsent", "Answers that the system did not take.";
    REREQUESTS_LIMITED: 1, "rerequests-limited", "Re-requests dropped: too many of one source.";
    REREQUESTS_FOREIGN: 1, "rerequests-foreign", "Re-requests dropped: from no allowed network.";
    REREQUESTS_MALFORMED: 1, "rerequests-malformed", "Datagrams dropped: no re-requests.";
    REREQUESTS_UNKNOWN: 1, "rerequests-unknown", "Re-requests dropped: for nothing that is there.";
    BOOK_IMAGES: 1, "book-images", "Snapshots of the feed that were made for clients.";
    BOOK_IMAGE_NS: 1, "book-image-ns", "How long the last one took to make, in nanoseconds.";
    BOOK_IMAGE_ORDERS: 1, "book-image-orders", "Orders or levels in the last one.";
    BOOK_IMAGE_FAULTS: 1, "book-image-faults", "Messages that did not fit the books.";
    STREAM_POSITION: 1, "stream-position", "Up to where the stream was sent.";
    STREAM_LIMIT: 1, "stream-limit", "Up to where receivers let it be sent.";
    STREAM_RECEIVERS: 1, "stream-receivers", "Receivers of the stream that are there.";
    STREAM_DATAGRAMS: 1, "stream-datagrams", "Datagrams of new data sent.";
    STREAM_BYTES: 1, "stream-bytes", "Bytes of new data sent.";
    STREAM_SETUPS: 1, "stream-setups", "SETUPs sent.";
    STREAM_HEARTBEATS: 1, "stream-heartbeats", "Heartbeats of the stream sent.";
    STREAM_AGAIN_DATAGRAMS: 1, "stream-again-datagrams", "Datagrams of the stream sent again.";
    STREAM_AGAIN_BYTES: 1, "stream-again-bytes", "Bytes of the stream sent again.";
    STREAM_LIMITED: 1, "stream-limited", "Turns in which receivers took nothing more.";
    STREAM_SEND_WAITS: 1, "stream-send-waits", "Times the system took fewer datagrams.";
    STREAM_MEDIA_ERRORS: 1, "stream-media-errors", "Times the system refused to send or receive.";
    STREAM_SKIPPED_BYTES: 1, "stream-skipped-bytes", "Bytes passed over: never sent.";
    STREAM_STATUS_MESSAGES: 1, "stream-status-messages", "Status messages that came.";
    STREAM_NAKS: 1, "stream-naks", "Requests of receivers for what they miss.";
    STREAM_REFUSED: 1, "stream-refused", "Times a receiver refused the stream.";
    STREAM_RECEIVERS_LOST: 1, "stream-receivers-lost", "Receivers that fell silent.";
    STREAM_TURNED_AWAY: 1, "stream-turned-away", "Status messages dropped: too many senders.";
    STREAM_STATUS_REJECTED: 1, "stream-status-rejected", "Status messages dropped: no such place.";
    STREAM_NAKS_REPEATED: 1, "stream-naks-repeated", "Requests dropped: just being answered.";
    STREAM_NAKS_UNANSWERED: 1, "stream-naks-unanswered", "Requests dropped: not there to be sent.";
    STREAM_NAKS_CLAMPED: 1, "stream-naks-clamped", "Requests shortened: for too much at once.";
    STREAM_NAKS_BUDGET: 1, "stream-naks-budget", "Requests dropped: one asks too much.";
    STREAM_NAKS_OVERFLOW: 1, "stream-naks-overflow", "Requests dropped: too many at once.";
    STREAM_REPLIES: 1, "stream-replies", "Measurements of the way sent back.";
    STREAM_REPLIES_DROPPED: 1, "stream-replies-dropped", "Measurements dropped: too many.";
    STREAM_FOREIGN: 1, "stream-foreign", "Datagrams dropped: from no allowed address.";
    STREAM_MALFORMED: 1, "stream-malformed", "Datagrams dropped: no frame, or an impossible one.";
    STREAM_OTHER_STREAM: 1, "stream-other-stream", "Frames dropped: of another stream or session.";
    STREAM_UNEXPECTED: 1, "stream-unexpected", "Frames dropped: of a type that no receiver sends.";
    STREAM_RECEIVER: RINGS_MAX, "stream-receiver", "A receiver's id, 0 where none is.";
    STREAM_BEHIND: RINGS_MAX, "stream-behind", "Bytes sent that it has not.";
    CATCH_UP_CONNECTIONS: 1, "catch-up-connections", "Nodes that catch up from this one now.";
    CATCH_UP_ACCEPTED: 1, "catch-up-accepted", "Connections for catching up that were let in.";
    CATCH_UP_TURNED_AWAY: 1, "catch-up-turned-away", "Connections for which there was no place.";
    CATCH_UP_REFUSED: 1, "catch-up-refused", "Connections ended for what the other node said.";
    CATCH_UP_BYTES: 1, "catch-up-bytes", "Bytes of logs and snapshots given to other nodes.";
    LATENCY_P50_NS: 1, "latency-p50-ns", "Half of the last second's latencies were at most this.";
    LATENCY_P99_NS: 1, "latency-p99-ns", "99 % of the last second's latencies were at most this.";
    LATENCY_P99_9_NS: 1, "latency-p99.9-ns", "99.9 % of them were at most this, in nanoseconds.";
    LATENCY_MAX_NS: 1, "latency-max-ns", "The longest of them, from due to committed.";
    REPLICA_DATAGRAMS: 1, "replica-datagrams", "Datagrams of the replication stream that arrived.";
    REPLICA_TAKEN: 1, "replica-taken", "Datagrams of the stream whose frames were new.";
    REPLICA_TAKEN_BYTES: 1, "replica-taken-bytes", "Bytes of those.";
    REPLICA_REPEATED: 1, "replica-repeated", "Datagrams of the stream that were there before.";
    REPLICA_BEYOND: 1, "replica-beyond", "Datagrams of the stream dropped: beyond the window.";
    REPLICA_FOREIGN: 1, "replica-foreign", "Datagrams dropped: another stream, session or epoch.";
    REPLICA_DAMAGED: 1, "replica-damaged", "Datagrams of the stream dropped: not intact.";
    REPLICA_INVALID: 1, "replica-invalid", "Datagrams dropped: no frames of the stream.";
    REPLICA_IGNORED: 1, "replica-ignored", "Datagrams dropped: of no use to a receiver.";
    REPLICA_EARLY: 1, "replica-early", "Datagrams of the stream dropped: before its SETUP.";
    REPLICA_HEARTBEATS: 1, "replica-heartbeats", "Heartbeats of the stream.";
    REPLICA_SETUPS: 1, "replica-setups", "SETUPs of the stream.";
    REPLICA_SETUPS_REFUSED: 1, "replica-setups-refused", "SETUPs that do not fit this store.";
    REPLICA_SETUPS_ASKED: 1, "replica-setups-asked", "Questions for the stream's SETUP.";
    REPLICA_STATUS_MESSAGES: 1, "replica-status-messages", "Status messages sent to the sender.";
    REPLICA_NAKS: 1, "replica-naks", "Requests for what the stream lost.";
    REPLICA_UNSAID: 1, "replica-unsaid", "Answers held back: the sender is silent.";
    REPLICA_GAPS: 1, "replica-gaps", "Holes found in the stream.";
    REPLICA_GAP_BYTES: 1, "replica-gap-bytes", "Bytes of those.";
    REPLICA_CATCH_UPS: 1, "replica-catch-ups", "Times the stream was too far ahead.";
}

/// Counters that show how something stands now: they fall too, and have no rate.
const GAUGES: &[Counter] = &[
    Counter::NODE_ROLE,
    Counter::NODE_EPOCH,
    Counter::NODE_PRIMARY,
    Counter::PEER_NODE,
    Counter::PEER_HELD,
    Counter::PEER_SYNCED,
    Counter::PEER_APPLIED,
    Counter::PEER_HEARD_NS,
    Counter::PEER_STATE_AT,
    Counter::PEER_STATE_DIFFERS,
    Counter::STATE_HASH_AT,
    Counter::STATE_HASH_HIGH,
    Counter::STATE_HASH_LOW,
    Counter::STATE_OUTVOTED,
    Counter::FOLLOWER_POSITION,
    Counter::FOLLOWER_DIFFERS,
    Counter::RING_DAMAGED,
    Counter::FEED_POSITION,
    Counter::BEST_BID,
    Counter::BEST_ASK,
    Counter::SCHEDULER_HELD,
    Counter::CLOCK_BEHIND_NS,
    Counter::SUBSCRIBER_NEXT,
    Counter::SUBSCRIBER_ENDED,
    Counter::RECEIVE_BUFFER_BYTES,
    Counter::RECOVERY_CONNECTIONS,
    Counter::CATCH_UP_CONNECTIONS,
    Counter::BOOK_IMAGE_NS,
    Counter::BOOK_IMAGE_ORDERS,
    Counter::STREAM_POSITION,
    Counter::STREAM_LIMIT,
    Counter::STREAM_RECEIVERS,
    Counter::STREAM_RECEIVER,
    Counter::STREAM_BEHIND,
    Counter::LATENCY_P50_NS,
    Counter::LATENCY_P99_NS,
    Counter::LATENCY_P99_9_NS,
    Counter::LATENCY_MAX_NS,
];

impl Row {
    /// Whether it shows how something stands now instead of counting.
    #[must_use]
    pub fn is_gauge(&self) -> bool {
        GAUGES.contains(&self.id)
    }
}

/// Counters in a file.
pub(super) const SLOTS: usize = {
    let mut slots = 0;
    let mut index = 0;
    while index < TABLE.len() {
        slots += TABLE[index].instances;
        index += 1;
    }
    slots
};

impl Counter {
    /// The counter of the group for ring `ring`.
    ///
    /// # Panics
    ///
    /// Where this counter is not one for each ring, or there are not that many.
    #[must_use]
    pub fn of_ring(self, ring: usize) -> Self {
        assert!(ring < RINGS_MAX, "ring {ring} of {RINGS_MAX}");
        assert!(self.row().is_some_and(|row| row.instances == RINGS_MAX), "{self:?} has no rings");
        Self(self.0 + ring)
    }

    /// Its place among all counters.
    #[must_use]
    pub const fn slot(self) -> usize {
        self.0
    }

    /// Its row, where it is the first of a group.
    fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.id == self)
    }
}

/// The row with `label`.
const fn row(label: &str) -> Row {
    let mut index = 0;
    while index < TABLE.len() {
        if same(TABLE[index].label, label) {
            return TABLE[index];
        }
        index += 1;
    }
    panic!("no such row");
}

/// Whether two texts are equal, for constants.
const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// A number that two tables share only where labels and instances are the same (FNV-1a).
pub(super) const fn fingerprint(table: &[Row]) -> u64 {
    const fn mix(hash: u64, byte: u8) -> u64 {
        (hash ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3)
    }
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut index = 0;
    while index < table.len() {
        let label = table[index].label.as_bytes();
        let mut at = 0;
        while at < label.len() {
            hash = mix(hash, label[at]);
            at += 1;
        }
        hash = mix(mix(hash, 0), table[index].instances as u8);
        index += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_each_other_and_are_told_apart() {
        let mut slot = 0;
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.id.slot(), slot);
            slot += row.instances;
            assert!(TABLE[..index].iter().all(|other| other.label != row.label), "{}", row.label);
            assert!(row.sentence.ends_with('.') && !row.label.contains(' '), "{}", row.label);
        }
        assert_eq!(slot, SLOTS);
        assert_eq!(Counter::COMMANDS_EXECUTED.slot(), 0);
        assert_eq!(Counter::RING_REFUSALS.of_ring(7).slot() + 1, Counter::RING_LEFT.slot());
    }

    #[test]
    fn another_table_has_another_fingerprint() {
        let mut table = TABLE.to_vec();
        assert_eq!(fingerprint(&table), fingerprint(TABLE));
        table.swap(0, 1);
        assert_ne!(fingerprint(&table), fingerprint(TABLE));
        table.swap(0, 1);
        table[0].instances = 2;
        assert_ne!(fingerprint(&table), fingerprint(TABLE));
    }

    #[test]
    #[should_panic(expected = "has no rings")]
    fn a_counter_without_rings_has_no_ring() {
        let _ = Counter::FEED_MESSAGES.of_ring(1);
    }
}
