//! How a subscriber behaves: where it joins, how long it waits, and what it repairs with.

use crate::limits::HELD_MESSAGES_MAX;
use crate::mold::{COUNT_MAX, Session};

/// How a subscriber behaves.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The session to take; `None` takes the first one heard that has not ended.
    pub session: Option<Session>,
    /// What to do about the messages before the first one heard.
    pub join: Join,
    /// How long a missing message is waited for: from when it was missed or, with a repair, from
    /// when the last message before it was delivered. 0 gives it up as soon as a later one
    /// arrives.
    pub patience_ns: u64,
    /// Messages held behind a gap, at most [`HELD_MESSAGES_MAX`]. What happens when one more
    /// would not fit depends on the repair: see [`Repair::replay`].
    pub held_messages_max: usize,
    /// How to ask for what is missing; `None` only waits.
    pub repair: Option<Repair>,
}

impl Default for Options {
    /// Any session from where it is heard, no repair, 20 ms of patience (reordering, the other
    /// line), everything held that may be.
    fn default() -> Options {
        Options {
            session: None,
            join: Join::Live,
            patience_ns: 20_000_000,
            held_messages_max: HELD_MESSAGES_MAX,
            repair: None,
        }
    }
}

impl Options {
    /// As the default, with a repair, joining by snapshot, and 30 s of patience.
    #[must_use]
    pub fn repairing(repair: Repair) -> Options {
        let join = if repair.snapshot { Join::Snapshot } else { Join::From(1) };
        let (patience_ns, repair) = (30_000_000_000, Some(repair));
        Options { join, patience_ns, repair, ..Options::default() }
    }
}

/// What to do about the messages before the first one heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Nothing: begin with what is heard.
    Live,
    /// The session is wanted from this message on (1 is all of it): what came before the first
    /// one heard is a gap like any other.
    From(u64),
    /// A snapshot stands for them: live messages are held until it is there.
    Snapshot,
}

/// How missing messages are asked for: by UDP while they are few, then by a replay over TCP, and
/// by a snapshot where that has them no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repair {
    /// How long the other line, or a datagram on its way, may fill a gap before it is asked for.
    pub grace_ns: u64,
    /// Requests by UDP for the same messages, each answered with nothing, before the replay. 0
    /// is no UDP.
    pub requests_max: u8,
    /// How long an answer by UDP is waited for.
    pub retry_ns: u64,
    /// Messages that one request asks for. A server answers with what fits one datagram.
    pub request_messages_max: u16,
    /// Requests that may wait for their answers at once.
    pub requests_in_flight_max: usize,
    /// With more messages missing than this, altogether, the replay is asked at once.
    pub udp_messages_max: u64,
    /// Whether there is a replay. With it, what cannot be held for want of room is not lost but
    /// comes by replay; without it, the oldest gap is given up to make room.
    pub replay: bool,
    /// Whether there are snapshots, for what a replay refuses.
    pub snapshot: bool,
}

impl Default for Repair {
    /// 1 ms of grace, 3 requests 20 ms apart, for 64 messages each, 4 in flight, up to 1,000
    /// messages; then replay, then snapshot.
    fn default() -> Repair {
        Repair {
            grace_ns: 1_000_000,
            requests_max: 3,
            retry_ns: 20_000_000,
            request_messages_max: 64,
            requests_in_flight_max: 4,
            udp_messages_max: 1_000,
            replay: true,
            snapshot: true,
        }
    }
}

impl Repair {
    /// The largest part of a gap that one request may ask for.
    pub(super) fn part_max(&self) -> u64 {
        u64::from(self.request_messages_max.clamp(1, COUNT_MAX))
    }

    pub(super) fn uses_udp(&self) -> bool {
        self.requests_max > 0 && self.requests_in_flight_max > 0
    }
}
