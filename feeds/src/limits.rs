//! Every limit of the feed libraries, each with the reason for its value.
//!
//! Whatever arrives from a network, memory stays within these numbers.

/// Bytes of one datagram, MoldUDP64 header included: an Ethernet frame of 1,500 with room for
/// IP, UDP and a tunnel, so that nothing is ever fragmented.
pub const DATAGRAM_BYTES_MAX: usize = 1400;

/// Bytes of one message: what a datagram holds beside the packet header and one length.
pub const MESSAGE_BYTES_MAX: usize = DATAGRAM_BYTES_MAX - 20 - 2;

/// Datagrams that a publisher keeps ready: four of the largest batches the system sends at once.
pub const DATAGRAMS_READY_MAX: usize = 256;

/// Messages held behind a gap: a quarter of a second at the peak of 215,000 orders/s, and what
/// a repair of several slices of 2,000 needs.
pub const HELD_MESSAGES_MAX: usize = 65_536;

/// Bytes of the messages held behind a gap: the above at 128 bytes each.
pub const HELD_BYTES_MAX: usize = HELD_MESSAGES_MAX * 128;

/// Separate gaps open at once: more than this is no feed but noise.
pub const GAPS_OPEN_MAX: usize = 1_024;

/// Holes that are remembered of one line: reordering is over long before so many are open, and
/// only a statistic depends on it.
pub const LINE_HOLES_MAX: usize = 64;

/// How far ahead of the next message a datagram may claim to be: a day's messages. Anything
/// further is damage or forgery, and believing it would skip the whole session.
pub const SEQUENCE_JUMP_MAX: u64 = 1 << 32;

/// Instruments in one set of books (the exchange's own limit is a quarter of it).
pub const INSTRUMENTS_MAX: usize = 1 << 16;

/// Resting orders, or price levels, of all instruments in one set of books (the exchange's limit).
pub const ORDERS_MAX: usize = 16 * 1024 * 1024;

const _: () = {
    assert!(MESSAGE_BYTES_MAX == 1378);
    assert!(HELD_BYTES_MAX >= HELD_MESSAGES_MAX);
    // Slab indexes are u32, and one value means none.
    assert!(ORDERS_MAX < u32::MAX as usize);
};
