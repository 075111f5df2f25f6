//! Cuts the bytes of a TCP connection into packets, wherever TCP cut them before.

use super::{LENGTH_BYTES, Packet, Sender, SoupError};

/// The packets of one direction of one connection.
///
/// Calling order: [`feed`](Decoder::feed) until all bytes are taken, and after each call
/// [`next_packet`](Decoder::next_packet) until it has none. An error is final: where one packet
/// is wrong, nothing says where the next begins.
///
/// ```
/// use isochron_recovery::soup::{Decoder, Packet, Sender};
///
/// let mut decoder = Decoder::new(Sender::Client, 2_048);
/// assert_eq!(decoder.feed(&[0]), 1);
/// assert_eq!(decoder.next_packet(), Ok(None));
/// assert_eq!(decoder.feed(b"\x01R\x00\x03+hi"), 7);
/// assert_eq!(decoder.next_packet(), Ok(Some(Packet::ClientHeartbeat)));
/// assert_eq!(decoder.next_packet(), Ok(Some(Packet::Debug(b"hi"))));
/// assert_eq!(decoder.next_packet(), Ok(None));
/// ```
#[derive(Debug)]
pub struct Decoder {
    sender: Sender,
    packet_bytes_max: usize,
    /// What was fed and not yet read begins at `start`.
    buffer: Vec<u8>,
    start: usize,
    failed: Option<SoupError>,
}

impl Decoder {
    /// A decoder of what `sender` sends, in packets of at most so many bytes behind their length.
    #[must_use]
    pub fn new(sender: Sender, packet_bytes_max: usize) -> Decoder {
        let packet_bytes_max = packet_bytes_max.min(usize::from(u16::MAX));
        Decoder { sender, packet_bytes_max, buffer: Vec::new(), start: 0, failed: None }
    }

    /// Takes bytes as they came and says how many: as many as the longest packet needs are kept,
    /// so after `next_packet` has none, at least one more is taken.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        self.buffer.drain(..self.start);
        self.start = 0;
        let room = LENGTH_BYTES + self.packet_bytes_max - self.buffer.len();
        let taken = bytes.len().min(room);
        self.buffer.extend_from_slice(&bytes[..taken]);
        taken
    }

    /// The next whole packet, if there is one.
    ///
    /// # Errors
    /// Where the bytes are no packet; every later call says the same.
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, SoupError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let Some((length, rest)) = self.buffer[self.start..].split_first_chunk::<LENGTH_BYTES>()
        else {
            return Ok(None);
        };
        let claimed = u16::from_be_bytes(*length);
        let length = usize::from(claimed);
        if length == 0 || length > self.packet_bytes_max {
            let too_long = SoupError::TooLong { claimed, max: self.packet_bytes_max };
            let error = if length == 0 { SoupError::LengthZero } else { too_long };
            self.failed = Some(error);
            return Err(error);
        }
        let Some((framed, _)) = rest.split_at_checked(length) else { return Ok(None) };
        self.start += LENGTH_BYTES + length;
        let packet = Packet::parse(self.sender, framed);
        if let Err(error) = packet {
            self.failed = Some(error);
        }
        packet.map(Some)
    }

    /// Bytes that were fed and are not yet a whole packet.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len() - self.start
    }
}
