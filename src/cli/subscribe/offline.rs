//! Follows a recording instead of the network: the same books and the same report, in no time.
//!
//! Times are those of the capture, so that patience is what it was. Which datagrams are whose is
//! told by where they went: to the groups that were given, or else to the first group on which
//! the session is heard (line A) and the next other one (line B). What went to no group was
//! somebody's answer to a request. What came over TCP is not in a capture of datagrams.

use super::capture::{CaptureError, Datagram, NotTaken, Reader, datagram, packets};
use super::follower::Follower;
use isochron_feeds::mold::{Header, Session};
use isochron_feeds::subscriber::Source;
use std::io::Read;
use std::net::SocketAddrV4;

/// Where the two lines went to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    pub(super) a: Option<SocketAddrV4>,
    pub(super) b: Option<SocketAddrV4>,
    /// Whether others than these are not looked for.
    pub(super) given: bool,
}

/// What a recording came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Played {
    /// Packets read.
    pub(super) packets: u64,
    /// Those that were datagrams of the feed.
    pub(super) datagrams: u64,
    /// Those of which only the beginning was captured.
    pub(super) cut_short: u64,
    /// When the last one was captured.
    pub(super) time_ns: u64,
}

impl Lines {
    /// Who a datagram is from; `None` if it is none of ours.
    fn source(&mut self, found: &Datagram<'_>, session: Option<Session>) -> Option<Source> {
        let to = found.destination;
        let ours = Header::parse(found.payload)
            .is_ok_and(|header| session.is_none_or(|session| header.session == session));
        if !to.ip().is_multicast() {
            return ours.then_some(Source::Retransmission);
        }
        if !self.given && ours && self.a != Some(to) {
            let free = if self.a.is_none() { &mut self.a } else { &mut self.b };
            free.get_or_insert(to);
        }
        if self.a == Some(to) {
            Some(Source::LineA)
        } else {
            (self.b == Some(to)).then_some(Source::LineB)
        }
    }
}

/// Gives every datagram of a recording to the follower, and calls `look` after each packet with
/// its time.
///
/// # Errors
/// What is wrong with the recording; what came before it was followed.
pub(super) fn play(
    recording: impl Read,
    mut lines: Lines,
    session: Option<Session>,
    follower: &mut Follower,
    mut look: impl FnMut(&mut Follower, u64),
) -> Result<Played, CaptureError> {
    let mut reader = Reader::open(recording)?;
    let mut played = Played::default();
    while let Some(captured) = reader.next_packet()? {
        played.packets += 1;
        // Clocks that are set back do not take time with them.
        played.time_ns = played.time_ns.max(captured.time_ns);
        let now_ns = played.time_ns;
        follower.on_time(now_ns);
        match datagram(captured.link, captured.bytes) {
            Ok(found) => {
                let session = session.or(follower.session());
                if let Some(source) = lines.source(&found, session) {
                    played.datagrams += 1;
                    for packet in packets(found.payload) {
                        follower.on_datagram(source, packet, now_ns);
                    }
                }
            }
            Err(NotTaken::CutShort) => played.cut_short += 1,
            Err(NotTaken::Other | NotTaken::Malformed) => {}
        }
        look(follower, now_ns);
        if follower.has_ended() {
            break;
        }
    }
    Ok(played)
}
