//! Reads NASDAQ TotalView-ITCH 5.0 as NASDAQ publishes it in files, message by message.
//!
//! ```text
//!   file:     +--------+---------+--------+---------+- - -+---+    BinaryFILE 1.00: big endian; a
//!             | length | message | length | message |     | 0 |    length of 0 ends the session
//!             +--------+---------+--------+---------+- - -+---+
//!   message:  0      1        3          5             11
//!             +------+--------+----------+-------------+- - -
//!             | type | locate | tracking | nanoseconds |          since midnight, 48 bits
//!             +------+--------+----------+-------------+- - -
//! ```
//!
//! Prices have four decimals, as ours have; shares are whole. A stock's locate code holds for the
//! day. Messages that change no lit book are passed over by their length alone. Source: Nasdaq
//! TotalView-ITCH 5.0, section 1; each type's clause stands at its fields.

use crate::types::{Side, Symbol};
use isochron_events::Phase;
use std::fmt;
use std::io::{self, BufRead, Read};

/// Nanoseconds of a day.
const DAY_NS: u64 = 86_400_000_000_000;

/// What a message tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The day goes on: its hours begin or end. (1.1)
    System,
    /// A stock is listed under the locate code. (1.2.1)
    Directory { stock: Symbol },
    /// A stock's trading halts, or goes on. (1.2.2)
    Trading { stock: Symbol, phase: Phase },
    /// A new order, with (1.3.2) or without (1.3.1) the name of whose it is.
    Add { id: u64, side: Side, shares: u32, stock: Symbol, price: u32 },
    /// A resting order is executed at its price (1.4.1) or at another one (1.4.2).
    Execute { id: u64, shares: u32, price: Option<u32> },
    /// A resting order becomes smaller. (1.4.3)
    Cancel { id: u64, shares: u32 },
    /// A resting order is deleted. (1.4.4)
    Delete { id: u64 },
    /// A resting order is deleted, and another one of its side and stock entered. (1.4.5)
    Replace { old: u64, new: u64, shares: u32, price: u32 },
    /// An order that was not shown is executed. (1.5.1)
    Hidden,
    /// An auction. (1.5.2)
    Cross,
    /// A trade is taken back. (1.5.3)
    Broken,
    /// Of a type that no book needs.
    Other,
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// Its first byte in the file (decompressed), its type.
    pub(super) at: u64,
    pub(super) kind: u8,
    /// The stock's code of the day.
    pub(super) locate: u16,
    /// Since midnight; 0 for a type that no book needs.
    pub(super) time_ns: u64,
    pub(super) event: Event,
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The file ends within a length or a message.
    Cut { bytes: usize, expected: usize },
    /// The system cannot read further, or the compression is broken.
    Unreadable(io::ErrorKind),
    /// A message of this type has another length.
    Length { bytes: usize, expected: usize },
    /// Not within a day.
    Time(u64),
    /// Neither `B` nor `S`.
    Side(u8),
    /// None of `O S Q M E C`.
    EventCode(u8),
    /// None of `H P Q T`.
    TradingState(u8),
    /// Neither `Y` nor `N`.
    Printable(u8),
    /// No symbol, padded with blanks.
    Stock([u8; 8]),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Cut { bytes, expected } => {
                write!(f, "the file ends after {bytes} of {expected} bytes")
            }
            Fault::Unreadable(kind) => write!(f, "the file cannot be read further: {kind}"),
            Fault::Length { bytes, expected } => write!(f, "{bytes} bytes instead of {expected}"),
            Fault::Time(ns) => write!(f, "{ns} ns are more than a day"),
            Fault::Side(byte) => write!(f, "side {}", byte.escape_ascii()),
            Fault::EventCode(byte) => write!(f, "event code {}", byte.escape_ascii()),
            Fault::TradingState(byte) => write!(f, "trading state {}", byte.escape_ascii()),
            Fault::Printable(byte) => write!(f, "printable {}", byte.escape_ascii()),
            Fault::Stock(bytes) => write!(f, "stock {:?}", bytes.escape_ascii().to_string()),
        }
    }
}

/// What is wrong with a file, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// The first byte (decompressed) of the message, or of its length.
    pub(super) at: u64,
    /// The message's type, where it has one.
    pub(super) kind: Option<u8>,
    pub(super) fault: Fault,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}", self.at)?;
        if let Some(kind) = self.kind {
            write!(f, ", message type {}", kind.escape_ascii())?;
        }
        write!(f, ": {}", self.fault)
    }
}

/// The messages of a file, in order.
pub(super) struct Messages {
    input: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
    /// Bytes read so far.
    at: u64,
    over: bool,
}

impl Messages {
    pub(super) fn new(input: Box<dyn BufRead + Send>) -> Self {
        // A length has 16 bits, so that this is room for every message.
        Self { input, buffer: vec![0; 1 << 16], at: 0, over: false }
    }

    /// The next message; `None` at the end, and after an error.
    pub(super) fn next(&mut self) -> Result<Option<Message>, Malformed> {
        if self.over {
            return Ok(None);
        }
        self.over = true;
        let at = self.at;
        let untyped = |at| move |fault| Malformed { at, kind: None, fault };
        let length = match self.read(2).map_err(untyped(at))? {
            0 => return Ok(None),
            2 => usize::from(u16::from_be_bytes([self.buffer[0], self.buffer[1]])),
            bytes => return Err(untyped(at)(Fault::Cut { bytes, expected: 2 })),
        };
        if length == 0 {
            return Ok(None);
        }
        let at = self.at;
        let bytes = self.read(length).map_err(untyped(at))?;
        let kind = (bytes > 0).then_some(self.buffer[0]);
        let faulty = |fault| Malformed { at, kind, fault };
        if bytes < length {
            return Err(faulty(Fault::Cut { bytes, expected: length }));
        }
        let (locate, time_ns, event) = parse(&self.buffer[..length]).map_err(faulty)?;
        self.over = false;
        Ok(Some(Message { at, kind: self.buffer[0], locate, time_ns, event }))
    }

    /// Reads so many bytes into the buffer, fewer only at the end of the file; returns how many.
    fn read(&mut self, bytes: usize) -> Result<usize, Fault> {
        let mut filled = 0;
        while filled < bytes {
            match self.input.read(&mut self.buffer[filled..bytes]) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::Unreadable(error.kind())),
            }
        }
        self.at += filled as u64;
        Ok(filled)
    }
}

/// Bytes of a message of a type that a book needs, with its type.
const fn length_of(kind: u8) -> Option<usize> {
    match kind {
        b'S' => Some(12),
        b'R' => Some(39),
        b'H' => Some(25),
        b'A' => Some(36),
        b'F' => Some(40),
        b'E' => Some(31),
        b'C' => Some(36),
        b'X' => Some(23),
        b'D' => Some(19),
        b'U' => Some(35),
        b'P' => Some(44),
        b'Q' => Some(40),
        b'B' => Some(19),
        _ => None,
    }
}

/// A message of at least one byte: its locate code, its time, and what it tells.
fn parse(bytes: &[u8]) -> Result<(u16, u64, Event), Fault> {
    let kind = bytes[0];
    let Some(expected) = length_of(kind) else { return Ok((0, 0, Event::Other)) };
    if bytes.len() != expected {
        return Err(Fault::Length { bytes: bytes.len(), expected });
    }
    let fields = Fields(bytes);
    let time_ns = fields.number(5, 6);
    if time_ns >= DAY_NS {
        return Err(Fault::Time(time_ns));
    }
    let id = fields.number(11, 8);
    let event = match kind {
        b'S' => match fields.0[11] {
            b'O' | b'S' | b'Q' | b'M' | b'E' | b'C' => Event::System,
            code => return Err(Fault::EventCode(code)),
        },
        b'R' => Event::Directory { stock: fields.stock(11)? },
        b'H' => Event::Trading { stock: fields.stock(11)?, phase: fields.phase(19)? },
        b'A' | b'F' => Event::Add {
            id,
            side: fields.side(19)?,
            shares: fields.u32(20),
            stock: fields.stock(24)?,
            price: fields.u32(32),
        },
        b'E' => Event::Execute { id, shares: fields.u32(19), price: None },
        b'C' => {
            if !matches!(fields.0[31], b'Y' | b'N') {
                return Err(Fault::Printable(fields.0[31]));
            }
            Event::Execute { id, shares: fields.u32(19), price: Some(fields.u32(32)) }
        }
        b'X' => Event::Cancel { id, shares: fields.u32(19) },
        b'D' => Event::Delete { id },
        b'U' => {
            let (new, shares, price) = (fields.number(19, 8), fields.u32(27), fields.u32(31));
            Event::Replace { old: id, new, shares, price }
        }
        b'P' => Event::Hidden,
        b'Q' => Event::Cross,
        _ => Event::Broken,
    };
    let locate = u16::from_be_bytes([bytes[1], bytes[2]]);
    Ok((locate, time_ns, event))
}

/// A message's bytes, whose length is its type's.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// An unsigned number of up to 8 bytes, big endian.
    fn number(&self, at: usize, length: usize) -> u64 {
        let bytes = self.0.iter().skip(at).take(length);
        bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn u32(&self, at: usize) -> u32 {
        u32::try_from(self.number(at, 4)).expect("four bytes")
    }

    fn side(&self, at: usize) -> Result<Side, Fault> {
        match self.0[at] {
            b'B' => Ok(Side::Buy),
            b'S' => Ok(Side::Sell),
            byte => Err(Fault::Side(byte)),
        }
    }

    /// Halted or paused; quotes alone; trading.
    fn phase(&self, at: usize) -> Result<Phase, Fault> {
        match self.0[at] {
            b'H' | b'P' => Ok(Phase::HALTED),
            b'Q' => Ok(Phase::PRE_OPEN),
            b'T' => Ok(Phase::OPEN),
            byte => Err(Fault::TradingState(byte)),
        }
    }

    /// A symbol, padded with blanks on the right.
    fn stock(&self, at: usize) -> Result<Symbol, Fault> {
        let bytes: [u8; 8] = std::array::from_fn(|n| self.0[at + n]);
        let end = bytes.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
        let text = std::str::from_utf8(&bytes[..end]).ok();
        let symbol = text.and_then(Symbol::new).filter(Symbol::is_well_formed);
        symbol.ok_or(Fault::Stock(bytes))
    }
}
