//! Captures of the next generation: blocks, of which those with packets are read.
//!
//! ```text
//!  block       type u32 │ length u32 │ body, padded to 4 bytes │ length u32
//!  section     0a0d0d0a: byte-order magic 1a2b3c4d │ major u16 │ minor u16 │ section length u64
//!  interface   1: link type u16 │ 0 u16 │ bytes kept of a packet u32 │ options
//!  packet      6: interface u32 │ time, high and low u32 │ bytes kept u32 │ bytes it had u32 │ it
//!  simple      3: bytes it had u32 │ packet
//! ```
//!
//! Every other block is passed over.
//! Spec: draft-ietf-opsawg-pcapng, sections 3.1, 3.5 and 4.1 to 4.4.

use super::read::{Input, Order, packet_bytes};
use super::{CaptureError, INTERFACES_MAX, PACKET_BYTES_MAX, frame};
use std::io::Read;

const BYTE_ORDER: u32 = 0x1a2b_3c4d;

const INTERFACE: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Bytes of a block beside its body.
const AROUND_BYTES: u32 = 12;

/// Bytes of a block's body that is read whole: a packet, with what stands beside it.
const BODY_BYTES_MAX: u32 = PACKET_BYTES_MAX as u32 + 65_536;

/// Options of an interface: the unit of its times, and what is added to them in seconds.
const OPTION_END: u16 = 0;
const OPTION_TIME_UNIT: u16 = 9;
const OPTION_TIME_OFFSET: u16 = 14;

/// An interface that packets were captured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Interface {
    link: u32,
    packet_bytes_max: u32,
    unit: Unit,
    offset_seconds: i64,
}

/// The unit of an interface's times: 10 or 2 to the minus so many of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Decimal(u8),
    Binary(u8),
}

impl Unit {
    fn of_code(code: u8, offset: u64) -> Result<Self, CaptureError> {
        match (code & 0x80 != 0, code & 0x7f) {
            (false, power @ 0..=19) => Ok(Self::Decimal(power)),
            (true, power @ 0..=63) => Ok(Self::Binary(power)),
            _ => Err(CaptureError::TimeUnit { offset, code }),
        }
    }

    fn ns(self, time: u64) -> u128 {
        let time = u128::from(time);
        match self {
            Self::Decimal(power @ 0..=9) => time * 10_u128.pow(9 - u32::from(power)),
            Self::Decimal(power) => time / 10_u128.pow(u32::from(power) - 9),
            Self::Binary(power) => (time * 1_000_000_000) >> power,
        }
    }
}

/// What is known of the section that is being read.
pub(super) struct Section {
    order: Order,
    interfaces: Vec<Interface>,
    /// The time of the last packet that had one: simple packets have none.
    time_ns: u64,
}

impl Section {
    /// The type of the block that begins a section, in either order of bytes.
    pub(super) const TYPE: u32 = 0x0a0d_0d0a;

    /// Reads the block that begins a section, after its type.
    pub(super) fn begin<R: Read>(input: &mut Input<R>, time_ns: u64) -> Result<Self, CaptureError> {
        let (mut header, offset) = ([0; 20], input.offset - 4);
        input.exact(&mut header)?;
        let order = match (
            u32::from_le_bytes([header[4], header[5], header[6], header[7]]),
            u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        ) {
            (BYTE_ORDER, _) => Order::Little,
            (_, BYTE_ORDER) => Order::Big,
            (magic, _) => return Err(CaptureError::NoCapture { magic }),
        };
        let (major, minor) = (order.u16(&header, 8), order.u16(&header, 10));
        if major != 1 {
            return Err(CaptureError::Version { offset, major, minor });
        }
        let body = body_bytes(offset, order.u32(&header, 0), 16)?;
        // Options, and the length again.
        input.skip(u64::from(body - 16) + 4)?;
        Ok(Self { order, interfaces: Vec::new(), time_ns })
    }

    /// Reads on to the next packet, into `packet`; its time and its link layer.
    pub(super) fn next<R: Read>(
        &mut self,
        input: &mut Input<R>,
        packet: &mut Vec<u8>,
    ) -> Result<Option<(u64, u32)>, CaptureError> {
        loop {
            let (mut block_type, offset) = ([0; 4], input.offset);
            if !input.exact_or_end(&mut block_type)? {
                return Ok(None);
            }
            let block_type = self.order.u32(&block_type, 0);
            if block_type == Self::TYPE {
                *self = Self::begin(input, self.time_ns)?;
                continue;
            }
            let mut length = [0; 4];
            input.exact(&mut length)?;
            let body = body_bytes(offset, self.order.u32(&length, 0), 0)?;
            if !matches!(block_type, INTERFACE | SIMPLE_PACKET | ENHANCED_PACKET) {
                input.skip(u64::from(body) + 4)?;
                continue;
            }
            if body > BODY_BYTES_MAX {
                let (bytes, max) = (body.into(), BODY_BYTES_MAX.into());
                return Err(CaptureError::Length { offset, what: "block", bytes, max });
            }
            packet.resize(body as usize, 0);
            input.exact(packet)?;
            input.skip(4)?;
            if block_type == INTERFACE {
                self.on_interface(packet, offset)?;
            } else {
                return self.on_packet(block_type, packet, offset).map(Some);
            }
        }
    }

    fn on_interface(&mut self, body: &[u8], offset: u64) -> Result<(), CaptureError> {
        at_least(body, 8, offset)?;
        if self.interfaces.len() == INTERFACES_MAX {
            let (bytes, max) = (INTERFACES_MAX as u64 + 1, INTERFACES_MAX as u64);
            return Err(CaptureError::Length { offset, what: "list of interfaces", bytes, max });
        }
        let mut interface = Interface {
            link: self.order.u16(body, 0).into(),
            packet_bytes_max: self.order.u32(body, 4),
            unit: Unit::Decimal(6),
            offset_seconds: 0,
        };
        let mut options = &body[8..];
        while let Some((header, rest)) = options.split_at_checked(4) {
            let (code, length) = (self.order.u16(header, 0), self.order.u16(header, 2).into());
            let Some(value) = rest.get(..length) else { break };
            match (code, value) {
                (OPTION_END, _) => break,
                (OPTION_TIME_UNIT, [code]) => interface.unit = Unit::of_code(*code, offset)?,
                (OPTION_TIME_OFFSET, value) if value.len() == 8 => {
                    interface.offset_seconds = self.i64(value);
                }
                _ => {}
            }
            options = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        self.interfaces.push(interface);
        Ok(())
    }

    fn i64(&self, bytes: &[u8]) -> i64 {
        let (first, second) = (self.order.u32(bytes, 0), self.order.u32(bytes, 4));
        let (high, low) = if self.order == Order::Big { (first, second) } else { (second, first) };
        (u64::from(high) << 32 | u64::from(low)).cast_signed()
    }

    /// Leaves the packet itself in `body`; its time and its link layer.
    fn on_packet(
        &mut self,
        block_type: u32,
        body: &mut Vec<u8>,
        offset: u64,
    ) -> Result<(u64, u32), CaptureError> {
        let simple = block_type == SIMPLE_PACKET;
        let header = if simple { 4 } else { 20 };
        at_least(body, header, offset)?;
        let interface = if simple { 0 } else { self.order.u32(body, 0) };
        let known = self.interfaces.len();
        let Some(found) = self.interfaces.get(interface as usize).copied() else {
            return Err(CaptureError::UnknownInterface { offset, interface, known });
        };
        if !frame::is_known(found.link) {
            return Err(CaptureError::LinkType { offset, link: found.link });
        }
        let kept = if simple {
            let original = self.order.u32(body, 0);
            if found.packet_bytes_max == 0 {
                original
            } else {
                original.min(found.packet_bytes_max)
            }
        } else {
            let (high, low) = (self.order.u32(body, 4), self.order.u32(body, 8));
            let ns = found.unit.ns(u64::from(high) << 32 | u64::from(low));
            let offset_ns = i128::from(found.offset_seconds) * 1_000_000_000;
            self.time_ns = ns.saturating_add_signed(offset_ns).try_into().unwrap_or(u64::MAX);
            self.order.u32(body, 12)
        };
        let kept = packet_bytes(offset, kept)?;
        at_least(body, header + kept, offset)?;
        body.truncate(header + kept);
        body.drain(..header);
        Ok((self.time_ns, found.link))
    }
}

/// The bytes of a block's body, from its whole length.
fn body_bytes(offset: u64, length: u32, body_min: u32) -> Result<u32, CaptureError> {
    let body = length.checked_sub(AROUND_BYTES).filter(|body| *body >= body_min);
    let max = u64::from(u32::MAX - 3);
    let wrong = CaptureError::Length { offset, what: "block", bytes: length.into(), max };
    body.filter(|body| body % 4 == 0).ok_or(wrong)
}

fn at_least(body: &[u8], bytes: usize, offset: u64) -> Result<(), CaptureError> {
    if body.len() >= bytes {
        return Ok(());
    }
    let (bytes, max) = (bytes as u64, body.len() as u64);
    Err(CaptureError::Length { offset, what: "content of a block", bytes, max })
}
