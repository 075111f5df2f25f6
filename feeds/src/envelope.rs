//! The fields that every message begins with, read and written in place.
//!
//! ```text
//!  0            8            12           16           24           32     33
//!  │ SBE header │ instrument │ its number │ event id   │ time       │ flags │ ...
//!  │ 8          │ u32        │ u32        │ u64        │ u64, ns    │ u8    │
//! ```
//!
//! So a consumer can tell what a message is about before it decodes it, and a sender can number
//! what it has encoded. Source: `schemas/market-data.xml`, whose messages all begin like this.

use isochron_messages::EventFlags;

const INSTRUMENT: usize = 8;
const INSTRUMENT_SEQUENCE: usize = 12;
const EVENT_ID: usize = 16;
const TRANSACTION_TIME: usize = 24;
const FLAGS: usize = 32;

/// Where a message stands: its instrument, its event, and its place in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// What the message is about; 0 is nothing in particular.
    pub instrument: u32,
    /// Its number within the instrument and session, from 1.
    pub instrument_sequence: u32,
    /// The sequence of the command that caused it.
    pub event_id: u64,
    /// Nanoseconds since 1970-01-01 00:00 UTC.
    pub transaction_time: u64,
    /// Its place in the event.
    pub flags: EventFlags,
}

impl Envelope {
    /// Bytes of a message up to the last of these fields.
    pub const BYTES: usize = FLAGS + 1;

    /// That of an encoded message; `None` where the bytes end before.
    #[must_use]
    pub fn read(message: &[u8]) -> Option<Envelope> {
        let message: &[u8; Self::BYTES] = message.first_chunk()?;
        Some(Envelope {
            instrument: u32::from_le_bytes(field(message, INSTRUMENT)),
            instrument_sequence: u32::from_le_bytes(field(message, INSTRUMENT_SEQUENCE)),
            event_id: u64::from_le_bytes(field(message, EVENT_ID)),
            transaction_time: u64::from_le_bytes(field(message, TRANSACTION_TIME)),
            flags: EventFlags(message[FLAGS]),
        })
    }

    /// Puts it on an encoded message.
    ///
    /// # Panics
    /// If the message is shorter than [`Envelope::BYTES`].
    #[inline]
    pub fn write(&self, message: &mut [u8]) {
        let message: &mut [u8; Self::BYTES] =
            message.first_chunk_mut().expect("a message of this schema");
        let mut put = |at: usize, bytes: &[u8]| {
            message[at..at + bytes.len()].copy_from_slice(bytes);
        };
        put(INSTRUMENT, &self.instrument.to_le_bytes());
        put(INSTRUMENT_SEQUENCE, &self.instrument_sequence.to_le_bytes());
        put(EVENT_ID, &self.event_id.to_le_bytes());
        put(TRANSACTION_TIME, &self.transaction_time.to_le_bytes());
        put(FLAGS, &[self.flags.0]);
    }
}

/// Sets flags on an encoded message, beside those that it has.
///
/// # Panics
/// If the message is shorter than [`Envelope::BYTES`].
#[inline]
pub fn add_flags(message: &mut [u8], flags: EventFlags) {
    message[FLAGS] |= flags.0;
}

#[inline]
fn field<const N: usize>(message: &[u8; Envelope::BYTES], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&message[at..at + N]);
    bytes
}

#[cfg(test)]
mod tests {
    use isochron_messages::{Message, MessageHeader, SCHEMA_ID};

    use super::*;

    /// A message of nothing but zeroes.
    fn blank(template_id: u16) -> Option<Message> {
        (0..1_000).find_map(|block_length| {
            let header =
                MessageHeader { block_length, template_id, schema_id: SCHEMA_ID, version: 0 };
            let mut bytes = header.to_bytes().to_vec();
            bytes.resize(8 + usize::from(block_length), 0);
            Message::decode(&bytes).ok()
        })
    }

    #[test]
    fn every_message_begins_with_it() {
        let envelope = Envelope {
            instrument: 0x0102_0304,
            instrument_sequence: 0x0506_0708,
            event_id: 0x1112_1314_1516_1718,
            transaction_time: 0x2122_2324_2526_2728,
            flags: EventFlags::START_OF_EVENT | EventFlags::RECOVERY,
        };
        let mut seen = 0;
        for mut message in (0..100).filter_map(blank) {
            message.set_instrument(envelope.instrument);
            message.set_instrument_sequence(envelope.instrument_sequence);
            message.set_event_id(envelope.event_id);
            message.set_transaction_time(envelope.transaction_time);
            message.set_flags(envelope.flags);
            let mut bytes = [0; Message::ENCODED_LENGTH_MAX];
            let length = message.encode(&mut bytes).unwrap();
            assert_eq!(Envelope::read(&bytes[..length]), Some(envelope), "{message}");
            let mut written = bytes;
            Envelope::default().write(&mut written);
            assert_eq!(Envelope::read(&written), Some(Envelope::default()));
            envelope.write(&mut written);
            assert_eq!(written, bytes, "{message}");
            add_flags(&mut written, EventFlags::END_OF_EVENT);
            let flags = envelope.flags | EventFlags::END_OF_EVENT;
            assert_eq!(Message::decode(&written[..length]).unwrap().flags(), flags);
            seen += 1;
        }
        assert!(seen >= 18, "{seen} templates");
        assert_eq!(Envelope::read(&[0; Envelope::BYTES - 1]), None);
    }
}
