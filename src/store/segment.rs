//! Segments: one file is one Aeron term, named by the position of its first byte.
//!
//! ```text
//!  00000000000000000000.log  00000000000000065536.log  00000000000000131072.log
//!  [ term 0 ................][ term 1 ......... end    ][ prepared: zero, touched ]
//! ```
//!
//! A segment gets its name only when it is whole: it is allocated under another name first, so
//! that a file of the wrong size was never left by a crash and can be refused.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::limits::{TERM_BYTES_MAX, TERM_BYTES_MIN};
use crate::types::Position;

use super::disk::{Access, Disk, DiskFile, Mapping, PAGE_BYTES};
use super::helper::touch;

/// Positions, cut into terms of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    bits: u32,
}

impl Terms {
    /// Terms of so many bytes: a power of two from 64 KiB to 1 GiB, `None` for others.
    #[must_use]
    pub const fn new(bytes: usize) -> Option<Self> {
        if bytes.is_power_of_two() && bytes >= TERM_BYTES_MIN && bytes <= TERM_BYTES_MAX {
            Some(Self { bits: bytes.trailing_zeros() })
        } else {
            None
        }
    }

    /// Bytes of a term.
    #[must_use]
    #[inline]
    pub const fn bytes(self) -> usize {
        1 << self.bits
    }

    /// The term that a position lies in, from 0.
    #[must_use]
    #[inline]
    pub const fn term_id(self, position: Position) -> u32 {
        (position.0 >> self.bits) as u32
    }

    /// Bytes from the term's start to a position.
    #[must_use]
    #[inline]
    pub const fn offset(self, position: Position) -> usize {
        (position.0 & (self.bytes() as u64 - 1)) as usize
    }

    /// Bytes from a term's start at `base` to a position in it, or to its very end.
    #[must_use]
    #[inline]
    pub(super) fn offset_in(self, base: Position, position: Position) -> usize {
        let offset = (position.0 - base.0) as usize;
        debug_assert!(offset <= self.bytes());
        offset
    }

    /// The position where a position's term begins.
    #[must_use]
    #[inline]
    pub const fn base(self, position: Position) -> Position {
        Position(position.0 & !(self.bytes() as u64 - 1))
    }

    /// The position where the next term begins.
    #[must_use]
    #[inline]
    pub const fn next_base(self, position: Position) -> Position {
        Position(self.base(position).0 + self.bytes() as u64)
    }

    /// The end of the last term: term ids are not negative on Aeron's wire.
    #[must_use]
    pub const fn end(self) -> Position {
        Position((1 << 31) << self.bits)
    }
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "terms of {} bytes", self.bytes())
    }
}

/// The file name of the segment that begins at a position.
pub(super) fn file_name(base: Position) -> String {
    format!("{:020}.log", base.get())
}

/// The position in a segment's file name; `None` for names that no segment has.
pub(super) fn base_of(name: &str) -> Option<Position> {
    let digits = name.strip_suffix(".log")?;
    let well_formed = digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit());
    if well_formed { digits.parse().ok().map(Position) } else { None }
}

/// The end of the name of a segment that is being allocated.
const UNFINISHED: &str = ".new";

/// Where segments are.
#[derive(Clone, Debug)]
pub(super) struct Segments {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) directory: PathBuf,
    pub(super) terms: Terms,
}

impl Segments {
    pub(super) fn path(&self, base: Position) -> PathBuf {
        self.directory.join(file_name(base))
    }

    /// The first positions of all segments, in order.
    pub(super) fn list(&self) -> io::Result<Vec<Position>> {
        let names = self.disk.list(&self.directory)?;
        let mut bases: Vec<_> = names.iter().filter_map(|name| base_of(name)).collect();
        bases.sort_unstable();
        Ok(bases)
    }

    /// Removes what a crash left of an allocation.
    pub(super) fn remove_unfinished(&self) -> io::Result<()> {
        for name in self.disk.list(&self.directory)? {
            if name.strip_suffix(UNFINISHED).is_some_and(|name| base_of(name).is_some()) {
                self.disk.remove(&self.directory.join(name))?;
            }
        }
        Ok(())
    }

    /// Maps a segment that exists. The size is checked first: touching a mapping beyond the end
    /// of its file would end the process.
    pub(super) fn open(&self, base: Position, access: Access) -> io::Result<Segment> {
        let file = self.disk.open(&self.path(base), access)?;
        let found = file.length_bytes()?;
        if found != self.terms.bytes() as u64 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, WrongSize { found }));
        }
        let mapping = file.map(self.terms.bytes())?;
        Ok(Segment { base, mapping, file })
    }

    /// Maps a segment that exists, to be written: its space is taken, also where a copy left holes,
    /// and its name is durable. Without the space a write to it could end the process.
    pub(super) fn open_to_write(&self, base: Position) -> io::Result<Segment> {
        let segment = self.open(base, Access::Write)?;
        segment.file.allocate(0, self.terms.bytes() as u64)?;
        self.disk.sync_directory(&self.directory)?;
        Ok(segment)
    }

    /// Begins a segment of zeroes, under another name until it is whole: a spare one, if there is
    /// one, or one that the disk has still to give the space for.
    pub(super) fn begin(&self, base: Position) -> io::Result<Unfinished> {
        let path = self.path(base).with_extension(format!("log{UNFINISHED}"));
        self.take_spare(&path)?;
        let file = self.disk.create(&path)?;
        Ok(Unfinished { base, path, file })
    }

    /// Takes up to so many bytes more from the disk for it; whether it is whole. If that fails,
    /// what it had is given back.
    pub(super) fn allocate(&self, unfinished: &Unfinished, step_bytes: u64) -> io::Result<bool> {
        let whole = self.terms.bytes() as u64;
        let allocated = unfinished.file.length_bytes().and_then(|length| {
            let to = (length + step_bytes).min(whole);
            unfinished.file.allocate(length, to)?;
            Ok(to == whole)
        });
        if allocated.is_err() {
            // The first error is the one to tell; a file that stays is removed at the next start.
            let _ = self.disk.remove(&unfinished.path);
        }
        allocated
    }

    /// Makes a whole segment durable, then gives it its name. This waits for the disk twice for
    /// each segment, which is what makes small ones slow on a real disk: in return a crash leaves
    /// no short file under a segment's name, and what is synced later never lacks its name.
    pub(super) fn finish(&self, unfinished: Unfinished) -> io::Result<Segment> {
        if let Err(error) = unfinished.file.sync() {
            // Syncing it again could report success for what was lost now.
            let _ = self.disk.remove(&unfinished.path);
            return Err(error);
        }
        self.disk.rename(&unfinished.path, &self.path(unfinished.base))?;
        self.disk.sync_directory(&self.directory)?;
        self.open(unfinished.base, Access::Write)
    }

    /// The segment that begins at a position: the prepared one where it exists, a new one where
    /// not.
    pub(super) fn open_or_create(&self, base: Position) -> io::Result<Segment> {
        match self.open_to_write(base) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let unfinished = self.begin(base)?;
                while !self.allocate(&unfinished, self.terms.bytes() as u64)? {}
                self.finish(unfinished)
            }
            result => result,
        }
    }

    /// Makes a part of a segment durable as it is read now. Its pages are written again whatever
    /// the system believes of them: after a sync that failed, it may hold as written what the disk
    /// never got.
    pub(super) fn write_again(&self, from: Position, to: Position) -> io::Result<()> {
        let segment = self.open_to_write(self.terms.base(from))?;
        let offset = |position| self.terms.offset_in(segment.base, position);
        touch(&segment, offset(from) / PAGE_BYTES * PAGE_BYTES, offset(to));
        segment.file.sync()
    }
}

/// A segment's file that is not one term long.
#[derive(Clone, Copy, Debug)]
pub(super) struct WrongSize {
    pub(super) found: u64,
}

impl fmt::Display for WrongSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the segment has {} bytes", self.found)
    }
}

impl std::error::Error for WrongSize {}

/// A segment that is not whole yet.
#[derive(Debug)]
pub(super) struct Unfinished {
    base: Position,
    path: PathBuf,
    file: Box<dyn DiskFile>,
}

/// A mapped segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) base: Position,
    pub(super) mapping: Mapping,
    pub(super) file: Box<dyn DiskFile>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_cut_into_terms() {
        let terms = Terms::new(64 * 1024).unwrap();
        assert_eq!(terms.term_id(Position(65_535)), 0);
        assert_eq!(terms.term_id(Position(65_536)), 1);
        assert_eq!(terms.offset(Position(65_600)), 64);
        assert_eq!(terms.base(Position(65_600)), Position(65_536));
        assert_eq!(terms.next_base(Position(65_600)), Position(131_072));
        assert_eq!(terms.end(), Position(65_536 << 31));
        for bytes in [0, 1, 32 * 1024, 65_537, 2 << 30] {
            assert_eq!(Terms::new(bytes), None, "{bytes}");
        }
    }

    #[test]
    fn names_are_positions() {
        assert_eq!(file_name(Position(65_536)), "00000000000000065536.log");
        assert_eq!(base_of("00000000000000065536.log"), Some(Position(65_536)));
        for name in ["65536.log", "0000000000000006553x.log", "00000000000000065536", "meta"] {
            assert_eq!(base_of(name), None, "{name}");
        }
        assert_eq!(base_of("99999999999999999999.log"), None);
    }
}
