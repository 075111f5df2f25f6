//! A walk over a log, frame by frame: the chain, and where transactions begin and end.
//!
//! What a frame says of itself is judged before; here is what it must be after those before it. A
//! recovery walks so over what a disk kept, a standby over what the network brought: both end at
//! the same place.

use crate::limits::TRANSACTION_BYTES_MAX;
use crate::types::Position;

use super::chain::Chain;
use super::event_header::ends_transaction;
use super::frame::{Frame, FrameFault};
use super::segment::Terms;
use super::snapshots::LogPlace;

/// A place between two frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    /// Where the next frame begins.
    pub(super) at: Position,
    /// The chain there.
    pub(super) chain: Chain,
    /// Where the unfinished transaction begins.
    open_from: Option<Position>,
}

impl Walk {
    /// Begins at an end of a transaction.
    pub(super) fn from(place: LogPlace) -> Self {
        Self { at: place.position, chain: place.chain, open_from: None }
    }

    /// Whether no transaction is unfinished here.
    pub(super) fn is_between_transactions(&self) -> bool {
        self.open_from.is_none()
    }

    /// Goes behind a frame that stands here; whether a transaction ends with it. Where it cannot
    /// stand here the walk stays.
    ///
    /// # Errors
    /// Why it cannot.
    #[inline]
    pub(super) fn go(&mut self, frame: &Frame<&[u8]>, terms: Terms) -> Result<bool, FrameFault> {
        let is_pad = frame.is_pad();
        let next = match is_pad {
            true => terms.next_base(self.at),
            false => Position(self.at.get() + frame.aligned_bytes() as u64),
        };
        let from = self.open_from.unwrap_or(self.at);
        let ends = ends_transaction(frame.message());
        let bytes = next.get() - from.get();
        if !is_pad && bytes > TRANSACTION_BYTES_MAX as u64 {
            return Err(FrameFault::Transaction { bytes });
        }
        let torn = match is_pad {
            true => from != self.at,
            false => !ends && terms.offset(next) == 0,
        };
        if torn {
            return Err(FrameFault::Torn);
        }
        self.chain = self.chain.then(frame.crc());
        self.at = next;
        self.open_from = if is_pad || ends { None } else { Some(from) };
        Ok(ends && !is_pad)
    }
}
