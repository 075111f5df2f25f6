//! Cuts a log's bytes into pieces that a store takes: whole frames, padding as its header alone.
//!
//! ```text
//!   bytes   | frame | frame | PAD, its zeroes ......|| frame | fra
//!   pieces  '-----------------'                     '--------'
//!             whole frames and a PAD's header         the rest waits for its end
//! ```
//!
//! Only what cuts them is looked at here: what the frames are worth, the store judges, once. A
//! piece also ends where the store's chain is to be compared.

use super::fault::Fault;
use crate::limits::{FRAME_HEADER_BYTES, TRANSACTION_BYTES_MAX};
use crate::store::frame::Frame;
use crate::store::{FrameFault, Terms};
use crate::types::Position;

/// Some bytes of the log in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Bytes to give to the store.
    pub(super) frames: usize,
    /// Bytes behind them that no store wants: a padding's zeroes.
    pub(super) zeroes: usize,
}

/// The first piece of bytes at a position, which ends at or before `stop`; `None` where not even
/// one frame is whole. A padding's zeroes may be still to come.
///
/// # Errors
/// What stands there is no frame, so that nobody can say where the next one begins; or a frame
/// lies over `stop`, which no transaction can end at.
pub(super) fn first_piece(
    bytes: &[u8],
    position: Position,
    stop: Position,
    terms: Terms,
) -> Result<Option<Piece>, Fault> {
    let mut frames = 0;
    loop {
        let at = Position(position.get() + frames as u64);
        let whole = (frames > 0).then_some(Piece { frames, zeroes: 0 });
        if at >= stop || bytes.len() < frames + FRAME_HEADER_BYTES {
            return Ok(whole);
        }
        let frame = match Frame::new_checked(&bytes[frames..]) {
            Ok(frame) => frame,
            Err(FrameFault::Short { .. }) => return Ok(whole),
            Err(fault) => return Err(Fault::Frame { position: at, fault }),
        };
        let (length, left) = (frame.aligned_bytes(), terms.bytes() - terms.offset(at));
        // A writer pads for a transaction that does not fit, and never crosses the end of a term.
        let fits = if frame.is_pad() {
            length == left && length <= TRANSACTION_BYTES_MAX
        } else {
            length <= left
        };
        if !fits {
            let fault = FrameFault::Length(frame.length());
            return Err(Fault::Frame { position: at, fault });
        }
        if at.get() + length as u64 > stop.get() {
            return Err(Fault::Torn { position: stop });
        }
        if frame.is_pad() {
            let frames = frames + FRAME_HEADER_BYTES;
            return Ok(Some(Piece { frames, zeroes: length - FRAME_HEADER_BYTES }));
        }
        frames += length;
    }
}
