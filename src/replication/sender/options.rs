//! What a sender is told once.

use std::net::Ipv4Addr;

use crate::replication::channel::{Channel, FlowControl};
use crate::store::Terms;
use crate::types::Position;

/// A line of 10 Gbit/s, where nothing is said.
const LINE_BYTES_PER_SECOND_DEFAULT: u64 = 1_250_000_000;

/// For how long a request for what was just sent again is taken for one that crossed it.
const LINGER_NS_DEFAULT: u64 = 500_000;

/// What a sender is told once.
#[derive(Clone, Debug)]
pub struct SenderOptions {
    /// The epoch's session.
    pub session: i32,
    /// The exchange's number.
    pub stream: i32,
    /// How the log is cut.
    pub terms: Terms,
    /// Where the epoch begins: the stream does too, and nothing before it is sent.
    pub base: Position,
    /// Whom it waits for.
    pub flow_control: FlowControl,
    /// Bytes of a datagram at most.
    pub mtu_bytes: usize,
    /// As SETUP says.
    pub ttl: u8,
    /// Whether it sends to a group, as SETUP says.
    pub is_group: bool,
    /// From where anything is heard; empty: from everywhere.
    pub allowed: Vec<Ipv4Addr>,
    /// What the line carries: a tenth of it goes to what is sent again.
    pub line_bytes_per_second: u64,
    /// For how long after something was sent again the same request is taken for one that crossed
    /// it on the way. Longer than the way there and back, shorter than a receiver waits until it
    /// asks a second time.
    pub linger_ns: u64,
}

impl SenderOptions {
    /// What a channel says; all else as where nothing is said.
    #[must_use]
    pub fn new(channel: &Channel, session: i32, stream: i32, terms: Terms, base: Position) -> Self {
        Self {
            session,
            stream,
            terms,
            base,
            flow_control: channel.flow_control,
            mtu_bytes: channel.mtu_bytes,
            ttl: channel.ttl,
            is_group: channel.is_multicast(),
            allowed: Vec::new(),
            line_bytes_per_second: LINE_BYTES_PER_SECOND_DEFAULT,
            linger_ns: LINGER_NS_DEFAULT,
        }
    }

    pub(super) fn allows(&self, address: Ipv4Addr) -> bool {
        self.allowed.is_empty() || self.allowed.contains(&address)
    }

    /// What may be sent again in a second: a tenth of the line.
    pub(super) fn again_bytes_per_second(&self) -> u64 {
        (self.line_bytes_per_second / 10).max(1)
    }
}
