//! A ring into the core: whose commands it carries, and what a crash left in it.

use crate::ring::Consumer;
use crate::ring::mapped::{self, MappedError};
use crate::state_machine::{LookAhead, StateMachine, command_origin};
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
    /// What of it was shown to the state machine before its turn.
    ahead: LookAhead,
}

impl From<Consumer> for Inlet {
    /// A ring within this process: whoever writes it is trusted to name the source.
    fn from(ring: Consumer) -> Self {
        Self { ring, source: None, left: Left::default(), ahead: LookAhead::default() }
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

    /// The oldest message, for its turn; those behind it are shown to the state machine, so that
    /// what they will need is on its way meanwhile.
    #[inline]
    pub(super) fn next(&mut self, machine: &StateMachine) -> Option<&[u8]> {
        while self.ahead.wants_more()
            && let Some(message) = self.ring.look_ahead()
        {
            machine.show_bytes(message, &mut self.ahead);
        }
        machine.ready(&mut self.ahead);
        self.ring.peek()
    }

    /// Frees the message that was given last.
    #[inline]
    pub(super) fn release(&mut self) {
        self.ring.release();
        self.ahead.pass();
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
