//! Where a received stream is put together again.
//!
//! ```text
//!   consumed  contiguous        received
//!  ──┴──────────┴─────.....──────┴─ · · · ─ consumed + window
//!    a store: nothing   holes
//! ```
//!
//! A store is its own reorder buffer: what arrives is written at its position, and what is missing
//! is found there. The receiver asks no more of it than this trait, so that it follows a stream
//! into memory too: that one is the tests' twin, and takes what other publishers send.

use std::fmt;
use std::ops::Range;

use super::super::frame::Setup;
use crate::limits::FRAME_ALIGNMENT_BYTES;
use crate::store::Terms;
use crate::types::Position;

/// How a stream's term ids and offsets become positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Its terms.
    pub terms: Terms,
    /// The id of the term that begins at position 0. Ours begin with 0.
    pub initial_term_id: i32,
}

impl Geometry {
    /// The position of an offset in a term; `None` before the stream's first term, beyond a term's
    /// end, or where no frame begins.
    #[must_use]
    #[inline]
    pub fn position(self, term_id: i32, term_offset: i32) -> Option<Position> {
        let term = u32::try_from(term_id.wrapping_sub(self.initial_term_id)).ok()?;
        let offset = usize::try_from(term_offset).ok()?;
        let bytes = self.terms.bytes();
        let begins_a_frame = offset.is_multiple_of(FRAME_ALIGNMENT_BYTES) && offset < bytes;
        begins_a_frame.then(|| Position(u64::from(term) * bytes as u64 + offset as u64))
    }

    /// The id and the offset of a position.
    #[must_use]
    #[inline]
    pub fn place(self, position: Position) -> (i32, i32) {
        let term = self.terms.term_id(position).cast_signed();
        (
            self.initial_term_id.wrapping_add(term),
            (self.terms.offset(position) as u32).cast_signed(),
        )
    }
}

impl Geometry {
    /// Whether a stream of our own is cut as this store is.
    ///
    /// # Errors
    /// What differs.
    pub fn check(self, setup: &Setup, mtu_bytes_max: usize) -> Result<(), SetupRefused> {
        let (expected, found) = (self.terms.bytes(), setup.terms.bytes());
        if expected != found {
            return Err(SetupRefused::TermLength { expected, found });
        }
        let (expected, found) = (self.initial_term_id, setup.initial_term_id);
        if expected != found {
            return Err(SetupRefused::InitialTerm { expected, found });
        }
        match usize::try_from(setup.mtu_bytes) {
            Ok(bytes) if bytes <= mtu_bytes_max => Ok(()),
            _ => Err(SetupRefused::Mtu { most: mtu_bytes_max, found: setup.mtu_bytes }),
        }
    }
}

/// What became of one datagram's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// At least one of them is new.
    New,
    /// All of them were there before.
    Known,
    /// They end at or before *contiguous*, or begin before the epoch: nobody needs them.
    Before,
    /// They end beyond the window.
    Beyond,
    /// Of another stream, session or epoch.
    Foreign,
    /// Not frames, not whole, or not intact.
    Damaged,
    /// There is no room for them now.
    NoRoom,
}

/// Why a stream cannot be put together here. The sentences name both values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sentence of a variant says what its fields are")]
pub enum SetupRefused {
    /// Its terms have another length.
    TermLength { expected: usize, found: usize },
    /// Its first term has another id.
    InitialTerm { expected: i32, found: i32 },
    /// Its datagrams may be longer than a frame here.
    Mtu { most: usize, found: i32 },
    /// It stands where no frame begins, or outside its terms.
    Place { term_id: i32, term_offset: i32 },
    /// It stands before the beginning of its epoch.
    BeforeBase { base: Position, found: Position },
}

impl fmt::Display for SetupRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TermLength { expected, found } => {
                write!(f, "the stream has terms of {found} bytes, the store of {expected}")
            }
            Self::InitialTerm { expected, found } => {
                write!(f, "the stream's first term is {found}, expected {expected}")
            }
            Self::Mtu { most, found } => {
                write!(f, "the stream's MTU is {found} bytes, at most {most} are taken")
            }
            Self::Place { term_id, term_offset } => {
                write!(f, "the stream stands at offset {term_offset} of term {term_id}")
            }
            Self::BeforeBase { base, found } => {
                write!(f, "the stream stands at {found}, before its epoch began at {base}")
            }
        }
    }
}

impl std::error::Error for SetupRefused {}

/// A place where a stream is put together. Positions are the stream's; `consumed <= contiguous <=
/// received`.
pub trait Rebuild {
    /// How positions are made; `None` before a stream was joined that says so.
    fn geometry(&self) -> Option<Geometry>;

    /// Whether the stream that a SETUP tells of can be put together here.
    ///
    /// # Errors
    /// What about it does not fit.
    fn join(&mut self, setup: &Setup) -> Result<(), SetupRefused>;

    /// Takes one datagram's frames, whose first says it stands at `position`. Every frame is
    /// checked before the first is taken. Never panics, whatever the bytes.
    fn insert(&mut self, position: Position, frames: &[u8]) -> Verdict;

    /// Makes room for more, if some can be had: the sender may be waiting for it.
    fn make_room(&mut self);

    /// Everything before it is there and takes up no room of the window, which begins here. In a
    /// store all that is *contiguous*: were it whole transactions alone, one that is longer than
    /// the window would never come to its end.
    fn consumed(&self) -> Position;

    /// Everything before it is there.
    fn contiguous(&self) -> Position;

    /// Frames that end beyond it are not taken now. At most half a term beyond *contiguous*.
    fn window_end(&self) -> Position;

    /// The end of the last frame that is there.
    fn received(&self) -> Position;

    /// The first hole at or after `from` that has something received behind it.
    fn next_gap(&self, from: Position) -> Option<Range<Position>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_and_offsets_are_positions() {
        let terms = Terms::new(64 * 1024).unwrap();
        let ours = Geometry { terms, initial_term_id: 0 };
        assert_eq!(ours.position(2, 96), Some(Position(131_072 + 96)));
        assert_eq!(ours.place(Position(131_072 + 96)), (2, 96));
        // As a stock publication's: term ids wrap.
        let stock = Geometry { terms, initial_term_id: i32::MAX };
        assert_eq!(stock.position(i32::MIN, 32), Some(Position(65_536 + 32)));
        assert_eq!(stock.place(Position(65_536 + 32)), (i32::MIN, 32));
        for (term_id, offset) in [(-1, 0), (0, -32), (0, 33), (0, 65_536), (i32::MIN, 0)] {
            assert_eq!(ours.position(term_id, offset), None, "{term_id} {offset}");
        }
    }
}
