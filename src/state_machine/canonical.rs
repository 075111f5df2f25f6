//! The canonical form of state: how each record is written, and read back, said once.
//!
//! ```text
//!                            ┌─▶ Writing ─▶ hash
//!   state ─▶ field by field ─┤          └─▶ snapshot ─┐
//!                            └─ Reading ◀─────────────┘
//! ```
//!
//! Fixed-width little-endian numbers of each field's own width, texts as they are, a length before
//! each list. A record is passed through field by field in one direction or the other by the same
//! lines, so that no field can be hashed and not saved, or saved and not restored.

use std::fmt;
use std::io::{self, Read, Write};

/// Bytes gathered before they are hashed or written, and read at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// What records are passed through: it takes their fields in, or gives them.
pub(super) trait Through {
    /// Writes the bytes, or fills them.
    fn bytes(&mut self, bytes: &mut [u8]);

    /// The code of a field is none that it can have.
    fn invalid(&mut self, what: &'static str, value: u64);
}

/// A field that has a canonical form.
pub(super) trait Field {
    /// Passes it: it is written, or set.
    fn pass(&mut self, through: &mut impl Through);
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Field for $number {
            #[inline]
            fn pass(&mut self, through: &mut impl Through) {
                let mut bytes = self.to_le_bytes();
                through.bytes(&mut bytes);
                *self = Self::from_le_bytes(bytes);
            }
        }
    )*};
}

numbers! { u8 u16 u32 u64 i32 i64 i128 }

impl Field for bool {
    #[inline]
    fn pass(&mut self, through: &mut impl Through) {
        let mut code = u8::from(*self);
        code.pass(through);
        if code > 1 {
            through.invalid("a yes or no", code.into());
        }
        *self = code == 1;
    }
}

impl<const N: usize> Field for [u8; N] {
    #[inline]
    fn pass(&mut self, through: &mut impl Through) {
        through.bytes(self);
    }
}

/// Passes fields one after the other.
macro_rules! pass {
    ($through:expr; $($field:expr),+ $(,)?) => {
        $($crate::state_machine::canonical::Field::pass(&mut $field, $through);)+
    };
}
pub(super) use pass;

/// Writes canonical bytes to wherever they go.
pub(super) struct Writing<'a> {
    buffer: Vec<u8>,
    to: &'a mut dyn FnMut(&[u8]),
}

impl<'a> Writing<'a> {
    pub(super) fn new(to: &'a mut dyn FnMut(&[u8])) -> Self {
        Self { buffer: Vec::with_capacity(BUFFER_BYTES), to }
    }

    /// One number of a list, or its length.
    #[inline]
    pub(super) fn put(&mut self, mut field: impl Field) {
        field.pass(self);
    }

    /// The length of the list that follows.
    pub(super) fn length(&mut self, length: usize) {
        self.put(length as u64);
    }

    /// The last bytes go out.
    pub(super) fn finish(mut self) {
        self.flush();
    }

    fn flush(&mut self) {
        (self.to)(&self.buffer);
        self.buffer.clear();
    }
}

impl Through for Writing<'_> {
    #[inline]
    fn bytes(&mut self, bytes: &mut [u8]) {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush();
        }
        self.buffer.extend_from_slice(bytes);
    }

    fn invalid(&mut self, _: &'static str, _: u64) {}
}

/// Writes to a file what is hashed as well; the first error is kept, what follows it is dropped.
pub(super) struct Saving<'a> {
    pub(super) to: &'a mut dyn Write,
    pub(super) result: io::Result<()>,
}

impl Saving<'_> {
    pub(super) fn take(&mut self, bytes: &[u8]) {
        if self.result.is_ok() {
            self.result = self.to.write_all(bytes);
        }
    }
}

/// Why state cannot be restored.
#[derive(Debug)]
pub enum RestoreError {
    /// The bytes end before the state does, or cannot be read.
    Read(io::Error),
    /// Bytes follow the state.
    Longer,
    /// A value that no state has.
    Invalid {
        /// Of what.
        what: &'static str,
        /// The value.
        value: u64,
    },
    /// It is a state, and not the one that was saved.
    Hash {
        /// The hash of what was saved.
        expected: u128,
        /// The hash of what was restored.
        found: u128,
    },
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "the state cannot be read: {error}"),
            Self::Longer => write!(f, "bytes follow the state"),
            Self::Invalid { what, value } => write!(f, "{what} {value} is in no state"),
            Self::Hash { expected, found } => {
                write!(f, "state hash {found:032x}, saved was {expected:032x}")
            }
        }
    }
}

impl std::error::Error for RestoreError {}

/// Reads canonical bytes. After the first fault it gives zeroes, and whoever reads asks for the
/// fault in time: no list goes on behind it.
pub(super) struct Reading<'a> {
    from: &'a mut dyn Read,
    buffer: Vec<u8>,
    at: usize,
    fault: Option<RestoreError>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(from: &'a mut dyn Read) -> Self {
        Self { from, buffer: Vec::new(), at: 0, fault: None }
    }

    /// One number of a list.
    pub(super) fn get<F: Field + Default>(&mut self) -> Result<F, RestoreError> {
        let mut field = F::default();
        field.pass(self);
        self.check()?;
        Ok(field)
    }

    /// The length of the list that follows: at most `most`.
    pub(super) fn length(
        &mut self,
        what: &'static str,
        most: usize,
    ) -> Result<usize, RestoreError> {
        let value: u64 = self.get()?;
        let length = usize::try_from(value).ok().filter(|length| *length <= most);
        length.ok_or(RestoreError::Invalid { what, value })
    }

    /// The fault, if there was one.
    pub(super) fn check(&mut self) -> Result<(), RestoreError> {
        match self.fault.take() {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    /// Nothing follows.
    pub(super) fn finish(mut self) -> Result<(), RestoreError> {
        self.check()?;
        if self.at == self.buffer.len() {
            self.fill().map_err(RestoreError::Read)?;
        }
        if self.at == self.buffer.len() { Ok(()) } else { Err(RestoreError::Longer) }
    }

    /// Reads on; at the end there is nothing more.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.resize(BUFFER_BYTES, 0);
        self.at = 0;
        let read = loop {
            match self.from.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(*read.as_ref().unwrap_or(&0));
        read.map(|_| ())
    }

    #[cold]
    fn bytes_over_the_edge(&mut self, bytes: &mut [u8]) {
        let mut filled = 0;
        while filled < bytes.len() && self.fault.is_none() {
            if self.at == self.buffer.len() {
                let read = self.fill();
                let read = read.and_then(|()| match self.buffer.is_empty() {
                    true => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                    false => Ok(()),
                });
                self.fault = read.err().map(RestoreError::Read);
            }
            let more = (bytes.len() - filled).min(self.buffer.len() - self.at);
            bytes[filled..filled + more].copy_from_slice(&self.buffer[self.at..self.at + more]);
            (self.at, filled) = (self.at + more, filled + more);
        }
        bytes[filled..].fill(0);
    }
}

impl Through for Reading<'_> {
    #[inline]
    fn bytes(&mut self, bytes: &mut [u8]) {
        match self.buffer.get(self.at..self.at + bytes.len()) {
            Some(found) => {
                bytes.copy_from_slice(found);
                self.at += bytes.len();
            }
            None => self.bytes_over_the_edge(bytes),
        }
    }

    fn invalid(&mut self, what: &'static str, value: u64) {
        self.fault.get_or_insert(RestoreError::Invalid { what, value });
    }
}
