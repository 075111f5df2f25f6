//! A ring into the core: whose commands it carries, and what a crash left in it.

use crate::ring::Consumer;
use crate::ring::mapped::{self, MappedError};
use crate::state_machine::command_origin;
use crate::types::{Epoch, SourceId};
use isochron_events::Message;
use std::path::Path;

/// What a crash left in a ring: passed over, never executed. Its source learns that from the ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Messages.
    pub messages: u64,
    /// The source sequences of the first and the last command among them.
    pub source_sequences: Option<(u64, u64)>,
}

/// A ring that the core reads.
pub struct Inlet {
    pub(super) ring: Consumer,
    /// The one source whose commands are taken from it; any where it is none.
    pub(super) source: Option<SourceId>,
    pub(super) left: Left,
}

impl From<Consumer> for Inlet {
    /// A ring within this process: whoever writes it is trusted to name the source.
    fn from(ring: Consumer) -> Self {
        Self { ring, source: None, left: Left::default() }
    }
}

impl Inlet {
    /// A ring in a file, for a source in a process of its own, made where there is none. It carries
    /// that source's commands alone: others in it are malformed. `epoch` is the core's.
    ///
    /// # Errors
    /// As [`mapped::create`] has them.
    pub fn open(
        path: &Path,
        source: SourceId,
        capacity_bytes: usize,
        epoch: Epoch,
    ) -> Result<Self, MappedError> {
        let generation = epoch.get().into();
        let ring = mapped::create(path, &mapped::Options { capacity_bytes, source, generation })?;
        Ok(Self { source: Some(source), ..Self::from(ring) })
    }

    /// Passes over what was left before this core's time; returns how many messages there were.
    pub(super) fn pass_over(&mut self, limit: usize) -> usize {
        let left = &mut self.left;
        self.ring.skip(limit, |message| {
            left.messages += 1;
            let command = Message::decode(message).ok();
            if let Some(origin) = command.and_then(|command| command_origin(&command)) {
                let number = origin.source_sequence;
                let first = left.source_sequences.map_or(number, |(first, _)| first);
                left.source_sequences = Some((first, number));
            }
        })
    }
}
