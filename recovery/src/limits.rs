//! Every limit of the repair libraries, each with the reason for its value.
//!
//! Whatever a stranger sends, memory and the work of one call stay within these numbers.

use isochron_feeds::limits::{DATAGRAM_BYTES_MAX, MESSAGE_BYTES_MAX};

/// The content of one SoupBinTCP packet: its length word counts the type too.
pub const PAYLOAD_BYTES_MAX: usize = u16::MAX as usize - 1;

/// What a server takes as one packet from a client, type included. A login has 47 bytes; the
/// rest is room for debug text and telemetry, bounded because a stranger makes the server keep it.
pub const CLIENT_PACKET_BYTES_MAX: usize = 2_048;

/// What a client takes as one packet from a server: whatever the length word can say.
pub const SERVER_PACKET_BYTES_MAX: usize = u16::MAX as usize;

/// The text of a debug packet that this library sends: a sentence.
pub const DEBUG_BYTES_MAX: usize = 256;

/// Messages that one connection queues in one turn, so that heartbeats and other connections are
/// served between two slices. The client sees one stream.
pub const SLICE_MESSAGES_MAX: usize = 2_000;

/// Bytes that wait in one connection for its reader. The log itself is the queue behind it, so
/// that 10,000 readers that stand still hold 640 MiB and no more.
pub const OUTGOING_BYTES_MAX: usize = 64 * 1024;

/// From the connection to a whole login, in nanoseconds. SoupBinTCP says "typically 30 s" at most.
pub const LOGIN_TIMEOUT_NS: u64 = 5_000_000_000;

/// How long a login may wait for its password to be verified: all that wait before it, on a busy
/// machine.
pub const DECISION_TIMEOUT_NS: u64 = 10_000_000_000;

/// Silence of a client after which it is let go: SoupBinTCP's typical 15 s. Less would drop
/// clients in use that send their heartbeat every 10 s.
pub const IDLE_TIMEOUT_NS: u64 = 15_000_000_000;

/// After so long without sending anything, either side sends a heartbeat.
pub const HEARTBEAT_INTERVAL_NS: u64 = 1_000_000_000;

/// What a server has queued must be taken within this time, or the reader is cut off: what a
/// whole queue needs at 6.5 kB/s.
pub const SLOW_READER_NS: u64 = 10_000_000_000;

/// How long the last bytes of a connection (a reason, an end) may take to leave.
pub const LINGER_NS: u64 = 1_000_000_000;

/// How long a login waits for a snapshot as new as it wants. The client's first datagram is a
/// moment old, and a snapshot is made in seconds.
pub const SNAPSHOT_WAIT_NS: u64 = 10_000_000_000;

/// Silence of a server after which a client connects anew: 15 heartbeats.
pub const SILENCE_TIMEOUT_NS: u64 = 15_000_000_000;

/// The first pause before a client connects again; it doubles with each failure.
pub const RECONNECT_PAUSE_NS: u64 = 500_000_000;

/// The longest of these pauses. A server's retry-after may ask for more.
pub const RECONNECT_PAUSE_NS_MAX: u64 = 30_000_000_000;

/// How long a connection may take to stand.
pub const CONNECT_TIMEOUT_NS: u64 = 5_000_000_000;

/// So often each server of a service may say no for good before a consumer does without it and
/// loses messages. Another product's servers may say so of what is there in a moment.
pub const REFUSALS_MAX: u32 = 3;

/// How long a consumer keeps a replay that it no longer needs: losses come in bursts, and each
/// login counts against a quota.
pub const REPLAY_LINGER_NS: u64 = 1_000_000_000;

/// Events that wait in a polled consumer, before it takes no more datagrams: as many as a
/// subscriber may hold behind a gap, which become events all at once.
pub const POLLED_EVENTS_MAX: usize = isochron_feeds::limits::HELD_MESSAGES_MAX;

/// The longest retry-after that a client believes: a day.
pub const RETRY_AFTER_S_MAX: u64 = 86_400;

/// Bytes that a client queues for its server: a login, heartbeats, a few unsequenced messages.
pub const CLIENT_OUTGOING_BYTES_MAX: usize = 16 * 1024;

/// Users of one server.
pub const USERS_MAX: usize = 10_000;

/// Passwords that wait to be verified. Each takes 20 to 100 ms, so that the last one still gets its
/// answer before [`DECISION_TIMEOUT_NS`].
pub const VERIFICATIONS_MAX: usize = 64;

/// Wrong passwords that are remembered, so that a client which repeats its own costs nothing.
pub const REFUSED_REMEMBERED_MAX: usize = 1_024;

/// The most memory that a user's hash may ask of a verification, in KiB.
pub const ARGON2_MEMORY_KIB_MAX: u32 = 64 * 1024;

/// The most passes that a user's hash may ask for.
pub const ARGON2_PASSES_MAX: u32 = 16;

/// Source addresses whose use is remembered at once, by the re-request server and for logins:
/// about 1 MiB.
pub const SOURCES_MAX: usize = 16_384;

/// Source networks in an allow-list; each request looks at all of them.
pub const NETWORKS_MAX: usize = 256;

/// Bytes of an answer to a re-request: one datagram of the feed.
pub const ANSWER_BYTES_MAX: usize = DATAGRAM_BYTES_MAX;

const _: () = {
    // A reason always fits behind a queue that takes no more messages.
    assert!(OUTGOING_BYTES_MAX > 4 * (DEBUG_BYTES_MAX + MESSAGE_BYTES_MAX));
    assert!(DEBUG_BYTES_MAX < CLIENT_PACKET_BYTES_MAX);
    assert!(CLIENT_PACKET_BYTES_MAX <= PAYLOAD_BYTES_MAX);
    assert!(HEARTBEAT_INTERVAL_NS < SLOW_READER_NS);
    assert!(HEARTBEAT_INTERVAL_NS < SILENCE_TIMEOUT_NS);
    // A login that waits gets its answer before its client gives up.
    assert!(DECISION_TIMEOUT_NS < SILENCE_TIMEOUT_NS);
    assert!(SNAPSHOT_WAIT_NS < SILENCE_TIMEOUT_NS);
};
