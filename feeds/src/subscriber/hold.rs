//! Messages that came before it was their turn, within a bound of number and bytes.

use std::collections::BTreeMap;

use crate::limits::HELD_BYTES_MAX;

/// By number. Nothing here is ever before the next message to deliver.
#[derive(Debug, Default)]
pub(super) struct Hold {
    messages: BTreeMap<u64, Box<[u8]>>,
    bytes: usize,
    messages_max: usize,
}

impl Hold {
    pub(super) fn new(messages_max: usize) -> Hold {
        Hold { messages_max, ..Hold::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.messages.len() < self.messages_max && self.bytes + bytes <= HELD_BYTES_MAX
    }

    pub(super) fn first(&self) -> Option<u64> {
        self.messages.first_key_value().map(|(sequence, _)| *sequence)
    }

    pub(super) fn insert(&mut self, sequence: u64, bytes: &[u8]) {
        self.messages.insert(sequence, bytes.into());
        self.bytes += bytes.len();
    }

    /// Takes out the message with that number, if it is the first one.
    #[inline]
    pub(super) fn take(&mut self, sequence: u64) -> Option<Box<[u8]>> {
        let entry = self.messages.first_entry().filter(|entry| *entry.key() == sequence)?;
        let bytes = entry.remove();
        self.bytes -= bytes.len();
        Some(bytes)
    }

    /// Drops what is before `next`.
    pub(super) fn drop_before(&mut self, next: u64) {
        while let Some(entry) = self.messages.first_entry().filter(|entry| *entry.key() < next) {
            self.bytes -= entry.remove().len();
        }
    }

    /// Drops what is at or after `first`; how many.
    pub(super) fn drop_from(&mut self, first: u64) -> u64 {
        let dropped = self.messages.split_off(&first);
        self.bytes -= dropped.values().map(|bytes| bytes.len()).sum::<usize>();
        dropped.len() as u64
    }
}
