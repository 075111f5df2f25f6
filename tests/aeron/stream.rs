//! The streams of the cases: their channels, sessions and sizes.

use std::net::SocketAddrV4;

/// Bytes of a term. Small, so that a late joiner soon has one behind it.
pub const TERM_BYTES: u64 = 1024 * 1024;

/// The receive window of both kinds of followers, and what their datagrams may have.
pub const WINDOW_BYTES: u32 = 128 * 1024;

/// One stream of one case.
#[derive(Clone, Debug)]
pub struct Stream {
    /// A group or an address of this machine.
    pub endpoint: SocketAddrV4,
    /// Its number.
    pub id: i32,
    /// The publisher's session.
    pub session: i32,
    /// Whether its messages are letters only, for a follower that prints them.
    pub is_text: bool,
    /// Whether it ends without waiting for its followers, because one waits for the end.
    pub ends: bool,
    /// How fast it is published.
    pub bytes_per_second: u64,
}

impl Stream {
    /// Whether all hear it.
    pub fn is_multicast(&self) -> bool {
        self.endpoint.ip().is_multicast()
    }

    /// What both ends say of it.
    pub fn channel(&self) -> String {
        let interface = if self.is_multicast() { "|interface=127.0.0.1" } else { "" };
        format!("aeron:udp?endpoint={}{interface}", self.endpoint)
    }

    /// As an Aeron publisher wants it: positions begin at 0 in term 0, as in our store.
    pub fn publication(&self) -> String {
        let fc = if self.is_multicast() { "|fc=min" } else { "" };
        format!(
            "{}|mtu=1408|session-id={}|init-term-id=0|term-id=0|term-offset=0\
             |term-length={TERM_BYTES}{fc}",
            self.channel(),
            self.session
        )
    }

    /// As our sender wants it; its positions are the store's.
    pub fn our_publication(&self) -> String {
        let fc = if self.is_multicast() { "|fc=min" } else { "" };
        format!("{}|mtu=1408{fc}", self.channel())
    }

    /// As a subscriber wants it, Aeron's and ours.
    pub fn subscription(&self) -> String {
        format!("{}|rcv-wnd={WINDOW_BYTES}", self.channel())
    }
}
