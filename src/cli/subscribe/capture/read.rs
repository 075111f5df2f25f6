//! Reads packet captures, classic ones and those of the next generation, packet by packet.
//!
//! Spec: draft-ietf-opsawg-pcap, sections 4 and 5.

use super::pcapng::Section;
use super::write::MAGIC_NS;
use super::{CaptureError, PACKET_BYTES_MAX, frame};
use std::io::{self, Read};

/// Times are in seconds and microseconds.
const MAGIC_US: u32 = 0xa1b2_c3d4;

/// A packet as it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured<'a> {
    /// When, nanoseconds since 1970.
    pub time_ns: u64,
    /// The link-layer header type.
    pub link: u32,
    /// The packet, as far as it was kept.
    pub bytes: &'a [u8],
}

/// The order of the bytes of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let bytes = [bytes[at], bytes[at + 1]];
        if self == Self::Little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) }
    }

    pub(super) fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let bytes = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        if self == Self::Little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    }
}

/// What is read from, and how far.
pub(super) struct Input<R> {
    reader: R,
    /// Where the next byte is in the file.
    pub(super) offset: u64,
}

impl<R: Read> Input<R> {
    /// Fills `bytes`.
    pub(super) fn exact(&mut self, bytes: &mut [u8]) -> Result<(), CaptureError> {
        let failed = |error| CaptureError::Read { offset: self.offset, error };
        self.reader.read_exact(bytes).map_err(failed)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Fills `bytes`; false if the file ends before the first of them.
    pub(super) fn exact_or_end(&mut self, bytes: &mut [u8]) -> Result<bool, CaptureError> {
        loop {
            match self.reader.read(&mut bytes[..1]) {
                Ok(0) => return Ok(false),
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(CaptureError::Read { offset: self.offset, error }),
            }
        }
        let failed = |error| CaptureError::Read { offset: self.offset, error };
        self.reader.read_exact(&mut bytes[1..]).map_err(failed)?;
        self.offset += bytes.len() as u64;
        Ok(true)
    }

    /// Passes over bytes.
    pub(super) fn skip(&mut self, bytes: u64) -> Result<(), CaptureError> {
        let failed = |error| CaptureError::Read { offset: self.offset, error };
        let passed = io::copy(&mut self.reader.by_ref().take(bytes), &mut io::sink());
        let passed = passed.map_err(failed)?;
        if passed < bytes {
            return Err(failed(io::ErrorKind::UnexpectedEof.into()));
        }
        self.offset += bytes;
        Ok(())
    }
}

/// A length from the file, judged before anything is allocated by it.
pub(super) fn packet_bytes(offset: u64, bytes: u32) -> Result<usize, CaptureError> {
    let within = usize::try_from(bytes).ok().filter(|bytes| *bytes <= PACKET_BYTES_MAX);
    within.ok_or(CaptureError::Length {
        offset,
        what: "packet",
        bytes: bytes.into(),
        max: PACKET_BYTES_MAX as u64,
    })
}

/// How the rest of the file is to be understood.
enum Format {
    /// One link layer, and nanoseconds in a unit of time.
    Classic {
        order: Order,
        link: u32,
        unit_ns: u64,
    },
    NextGeneration(Section),
}

/// A capture, from its beginning to its end.
pub struct Reader<R> {
    input: Input<R>,
    format: Format,
    packet: Vec<u8>,
}

impl<R: Read> Reader<R> {
    /// Begins to read.
    ///
    /// # Errors
    /// What is wrong with the beginning.
    pub fn open(reader: R) -> Result<Self, CaptureError> {
        let mut input = Input { reader, offset: 0 };
        let mut magic = [0; 4];
        input.exact(&mut magic)?;
        let little = u32::from_le_bytes(magic);
        let format = match (little, u32::from_be_bytes(magic)) {
            (MAGIC_US, _) => classic(&mut input, Order::Little, 1_000)?,
            (MAGIC_NS, _) => classic(&mut input, Order::Little, 1)?,
            (_, MAGIC_US) => classic(&mut input, Order::Big, 1_000)?,
            (_, MAGIC_NS) => classic(&mut input, Order::Big, 1)?,
            (Section::TYPE, _) => Format::NextGeneration(Section::begin(&mut input, 0)?),
            _ => return Err(CaptureError::NoCapture { magic: little }),
        };
        Ok(Self { input, format, packet: Vec::new() })
    }

    /// The next packet; `None` at the end of the file.
    ///
    /// # Errors
    /// What is wrong with it; what came before is none the worse.
    pub fn next_packet(&mut self) -> Result<Option<Captured<'_>>, CaptureError> {
        let Self { input, format, packet } = self;
        let (time_ns, link) = match format {
            Format::NextGeneration(section) => match section.next(input, packet)? {
                Some(found) => found,
                None => return Ok(None),
            },
            Format::Classic { order, link, unit_ns } => {
                let (mut header, offset) = ([0; 16], input.offset);
                if !input.exact_or_end(&mut header)? {
                    return Ok(None);
                }
                let (seconds, parts) = (order.u32(&header, 0), order.u32(&header, 4));
                packet.resize(packet_bytes(offset, order.u32(&header, 8))?, 0);
                input.exact(packet)?;
                (u64::from(seconds) * 1_000_000_000 + u64::from(parts) * *unit_ns, *link)
            }
        };
        Ok(Some(Captured { time_ns, link, bytes: packet }))
    }
}

/// The header of a classic capture, after its first word.
fn classic<R: Read>(
    input: &mut Input<R>,
    order: Order,
    unit_ns: u64,
) -> Result<Format, CaptureError> {
    let mut header = [0; 20];
    input.exact(&mut header)?;
    let (major, minor) = (order.u16(&header, 0), order.u16(&header, 2));
    if major != 2 {
        return Err(CaptureError::Version { offset: 4, major, minor });
    }
    // The upper bits say how long the frame check sequence is, which lengths in IP make harmless.
    let link = order.u32(&header, 16) & 0xffff;
    if !frame::is_known(link) {
        return Err(CaptureError::LinkType { offset: 20, link });
    }
    Ok(Format::Classic { order, link, unit_ns })
}
