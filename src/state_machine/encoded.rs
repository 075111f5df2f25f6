//! The outcomes of one command as the log has them.
//!
//! Each is encoded where it is made: an outcome is copied once, and what follows (the store's
//! frames, a replay's comparison) works on bytes.

use super::Outcomes;
use crate::limits::TRANSACTION_BYTES_MAX;
use crate::types::flags;
use isochron_events::{Message, SbeMessage};

/// Encoded messages, one behind the other. Calling order: `clear`, execute, `end`, then read.
#[derive(Clone, Debug)]
pub struct EncodedOutcomes {
    bytes: Vec<u8>,
    /// Where the next one begins.
    end: usize,
    /// Where each one ends.
    ends: Vec<u32>,
}

impl Default for EncodedOutcomes {
    fn default() -> Self {
        let messages = 2 * crate::limits::FILLS_PER_STEP_MAX + 4;
        Self {
            bytes: vec![0; TRANSACTION_BYTES_MAX],
            end: 0,
            ends: Vec::with_capacity(messages.max(crate::limits::CANCELS_PER_STEP_MAX + 4)),
        }
    }
}

impl EncodedOutcomes {
    /// Forgets all.
    #[inline]
    pub fn clear(&mut self) {
        self.end = 0;
        self.ends.clear();
    }

    /// How many there are.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// One of them: an SBE message.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let to = *self.ends.get(index)?;
        Some(&self.bytes[self.start(index)..to as usize])
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// All of them, decoded: for those who are in no hurry.
    pub fn messages(&self) -> impl Iterator<Item = Message> {
        self.iter().map(|bytes| Message::decode(bytes).expect("it was encoded here"))
    }

    /// The transaction ends: the last one gets these flags. False where there is none.
    #[inline]
    pub fn end(&mut self, end_flags: u16) -> bool {
        let Some(last) = self.len().checked_sub(1) else { return false };
        let at = self.start(last) + flags::PLACE.start;
        let flags = &mut self.bytes[at..at + flags::PLACE.len()];
        flags
            .copy_from_slice(&(u16::from_le_bytes([flags[0], flags[1]]) | end_flags).to_le_bytes());
        true
    }

    #[inline]
    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends[before] as usize)
    }
}

impl Outcomes for EncodedOutcomes {
    #[inline]
    fn emit<M: SbeMessage + Into<Message>>(&mut self, outcome: M) {
        let written = outcome.encode(&mut self.bytes[self.end..]);
        self.end += written.expect("a transaction's outcomes fit a transaction");
        self.ends.push(self.end as u32);
    }
}
