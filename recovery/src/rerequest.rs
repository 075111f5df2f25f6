//! The MoldUDP64 re-request server: a hole of a few messages, repaired by one datagram.
//!
//! ```text
//!  20 bytes from ip:port ─▶ length ─▶ source ─▶ request ─▶ session ─▶ range ─▶ buckets ─▶ answer
//!                           every drop is silent, and counted by its reason
//! ```
//!
//! MoldUDP64 has no error packet: what cannot be answered is answered with silence, and the client
//! turns to the replay over TCP. A source address on UDP can be forged, so that twenty bytes sent
//! in a victim's name would become 1,400 at the victim: hence the allow-list, the limits for each
//! source, and never more than one datagram for one. A client's side of it is
//! [`Request::emit`](isochron_feeds::mold::Request::emit).
//! Spec: Nasdaq MoldUDP64 1.00, "Request Packet"; the limits are ours.

mod network;

use std::fmt;
use std::net::SocketAddr;

use isochron_feeds::mold::{COUNT_MAX, HEADER_BYTES, Header, LENGTH_BYTES, MoldError, Request};

use crate::library::Library;
use crate::limits::{ANSWER_BYTES_MAX, NETWORKS_MAX, SOURCES_MAX};
use crate::rate::{Excess, Rate, Sources};
pub use network::{Network, NetworkError};

/// What each source address gets. All three apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Requests a second.
    pub per_second: u32,
    /// Requests a minute.
    pub per_minute: u32,
    /// Requests in 24 hours.
    pub per_day: u32,
}

impl Default for Rates {
    /// 100 a second, 1,500 a minute, 100,000 a day.
    fn default() -> Rates {
        Rates { per_second: 100, per_minute: 1_500, per_day: 100_000 }
    }
}

/// Why a request was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// From a multicast, broadcast or unspecified address, or from port 0: an answer would reach
    /// others than who asked, or nobody.
    NoUnicastSource,
    /// From outside the allow-list.
    NotAllowed,
    /// Not 20 bytes, sequence 0, or a count of 0 or 0xFFFF.
    Malformed(MoldError),
    /// Of a session that there is not.
    UnknownSession,
    /// Of a message that does not exist yet.
    Ahead,
    /// Of a message that is no longer kept, or fits no datagram.
    NotKept,
    /// More than that source may.
    Excess(Excess),
}

impl Dropped {
    /// The kinds, by name, as counters have them.
    pub const WORDS: [&'static str; 10] = [
        "no-unicast-source",
        "not-allowed",
        "malformed",
        "unknown-session",
        "ahead",
        "not-kept",
        "over-second",
        "over-minute",
        "over-day",
        "sources-full",
    ];

    /// Its place among the [`WORDS`](Dropped::WORDS).
    #[must_use]
    pub fn kind(&self) -> usize {
        match self {
            Dropped::NoUnicastSource => 0,
            Dropped::NotAllowed => 1,
            Dropped::Malformed(_) => 2,
            Dropped::UnknownSession => 3,
            Dropped::Ahead => 4,
            Dropped::NotKept => 5,
            Dropped::Excess(Excess::Rate { rate, .. }) => match rate.period_ns {
                0..=1_000_000_000 => 6,
                1_000_000_001..=60_000_000_000 => 7,
                _ => 8,
            },
            Dropped::Excess(Excess::TableFull) => 9,
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Dropped::WORDS[self.kind()])
    }
}

/// What became of the requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Datagrams that came.
    pub requests: u64,
    /// Datagrams that went back.
    pub answers: u64,
    /// Messages in them.
    pub messages: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Drops, by the places of [`Dropped::WORDS`].
    pub dropped: [u64; Dropped::WORDS.len()],
}

/// One re-request server. [`on_request`](Responder::on_request) is all there is to call: it
/// answers at once or never.
#[derive(Debug)]
pub struct Responder {
    allowed: Vec<Network>,
    sources: Sources<3>,
    answer: Vec<u8>,
    statistics: Statistics,
}

impl Responder {
    /// A server that answers sources in these networks, at most [`NETWORKS_MAX`] of them; none
    /// where there are none.
    #[must_use]
    pub fn new(allowed: &[Network], rates: Rates) -> Responder {
        assert!(allowed.len() <= NETWORKS_MAX, "{} networks", allowed.len());
        let rates = [
            Rate::per_second(rates.per_second.into()),
            Rate::per_minute(rates.per_minute.into()),
            Rate::per_day(rates.per_day.into()),
        ];
        Responder {
            allowed: allowed.to_vec(),
            sources: Sources::new(rates, SOURCES_MAX),
            answer: Vec::with_capacity(ANSWER_BYTES_MAX),
            statistics: Statistics::default(),
        }
    }

    /// Takes a datagram; the answer, at most 1,400 bytes, is for its source alone.
    ///
    /// # Errors
    /// Why there is none. It is for the log at most: the source must hear nothing.
    pub fn on_request(
        &mut self,
        source: SocketAddr,
        datagram: &[u8],
        library: &mut impl Library,
        now_ns: u64,
    ) -> Result<&[u8], Dropped> {
        self.statistics.requests += 1;
        match self.answer(source, datagram, library, now_ns) {
            Ok(messages) => {
                self.statistics.answers += 1;
                self.statistics.messages += u64::from(messages);
                self.statistics.bytes += self.answer.len() as u64;
                Ok(&self.answer)
            }
            Err(dropped) => {
                self.statistics.dropped[dropped.kind()] += 1;
                Err(dropped)
            }
        }
    }

    /// What became of the requests so far.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Sources that are remembered.
    #[must_use]
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// Writes the answer; says how many messages are in it.
    fn answer(
        &mut self,
        source: SocketAddr,
        datagram: &[u8],
        library: &mut impl Library,
        now_ns: u64,
    ) -> Result<u16, Dropped> {
        let ip = source.ip().to_canonical();
        if source.port() == 0 || !network::is_unicast(ip) {
            return Err(Dropped::NoUnicastSource);
        }
        let mut networks = self.allowed.iter().filter(|network| network.contains(ip)).peekable();
        networks.peek().ok_or(Dropped::NotAllowed)?;
        if networks.any(|network| network.is_broadcast(ip)) {
            return Err(Dropped::NoUnicastSource);
        }
        // Counted before it is looked at: garbage costs its source as much as a request.
        self.sources.take(ip, now_ns).map_err(Dropped::Excess)?;
        let request = Request::parse(datagram).map_err(Dropped::Malformed)?;
        self.collect(&request, library)
    }

    /// As many of the messages asked for as there are and one datagram holds.
    fn collect(&mut self, request: &Request, library: &mut impl Library) -> Result<u16, Dropped> {
        let Request { session, sequence, count } = *request;
        let log = library.log(session).ok_or(Dropped::UnknownSession)?;
        if sequence >= log.next() {
            return Err(Dropped::Ahead);
        }
        let end = log.next().min(sequence + u64::from(count));
        // Room for the header, and nothing of the last answer behind it.
        self.answer.resize(HEADER_BYTES, 0);
        let mut count = 0;
        for number in sequence..end {
            let Some(message) = log.get(number) else { break };
            if self.answer.len() + LENGTH_BYTES + message.len() > ANSWER_BYTES_MAX {
                break;
            }
            self.answer.extend_from_slice(&(message.len() as u16).to_be_bytes());
            self.answer.extend_from_slice(message);
            count += 1;
        }
        if count == 0 {
            return Err(Dropped::NotKept);
        }
        assert!(count <= COUNT_MAX, "a datagram has room for 690 messages");
        let header = self.answer.first_chunk_mut().expect("it begins with a header");
        Header { session, sequence, count }.emit(header);
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
