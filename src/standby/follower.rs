//! The follower's core: executes a store's log again up to what is committed, as it grows.

use super::board::{Board, Checkpoint};
use crate::state_machine::{Replay, ReplayFault};
use crate::store::{
    Chain, Check, Disk, LogPlace, OpenError, ReadError, ReaderOptions, StoreReader,
};
use crate::types::{Position, Sequence};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Frames executed in one step: about a millisecond.
const FRAMES_PER_STEP: usize = 2_048;

/// Why a follower does not go on.
#[derive(Debug)]
pub enum Fault {
    /// The store gave no more.
    Read(ReadError),
    /// The log cannot be executed, or says otherwise than its execution here: both outcomes.
    Replay(ReplayFault),
}

impl Fault {
    /// Whether this node decides otherwise than the log, or cannot understand it: it may never
    /// write that log.
    #[must_use]
    pub fn is_difference(&self) -> bool {
        !matches!(self, Self::Read(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "{error}"),
            Self::Replay(fault) => write!(f, "{fault}"),
        }
    }
}

impl std::error::Error for Fault {}

/// Executes what is committed. Calling order: `step` again and again, then `into_state`.
pub struct Follower {
    reader: StoreReader,
    replay: Replay,
    board: Arc<Board>,
    /// Commands from one checkpoint to the next.
    checkpoint_commands: u64,
    /// The last command of the last event that ended.
    event_end: Sequence,
    fault: Option<Fault>,
}

/// A reader of the store in a directory that stands at a place of its log; without one at its
/// beginning.
///
/// # Errors
/// The store cannot be read, or does not bear the place out; [`ReadError::Beyond`] where that is
/// not known to be committed yet.
pub fn reader_at(
    disk: Arc<dyn Disk>,
    directory: &Path,
    at: Option<LogPlace>,
) -> Result<StoreReader, AttachError> {
    let mut reader = reader_of(disk, directory).map_err(AttachError::Open)?;
    seek_to(&mut reader, at).map_err(AttachError::Read)?;
    Ok(reader)
}

/// A reader of the store in a directory that keeps the chain.
pub(super) fn reader_of(disk: Arc<dyn Disk>, directory: &Path) -> Result<StoreReader, OpenError> {
    let content = ReaderOptions { check: Check::Content, ..ReaderOptions::default() };
    StoreReader::attach_on(disk, directory, &content)
}

/// Takes a reader to a place, as [`reader_at`]. One that has looked before notices when the log was
/// cut below the place meanwhile: what is there now is something else.
pub(super) fn seek_to(reader: &mut StoreReader, at: Option<LogPlace>) -> Result<(), ReadError> {
    let beginning = LogPlace { position: Position(0), chain: Chain::default() };
    let LogPlace { position, chain } = at.unwrap_or(beginning);
    reader.seek(position, Some(chain))
}

impl Follower {
    /// A follower with the state at the place where its reader stands ([`reader_at`]).
    ///
    /// # Panics
    /// If no command lies between two checkpoints.
    #[must_use]
    pub fn new(
        reader: StoreReader,
        replay: Replay,
        board: Arc<Board>,
        checkpoint_commands: u64,
    ) -> Self {
        assert!(checkpoint_commands > 0, "checkpoints lie apart");
        board.set_applied(reader.position());
        let event_end = replay.sequence();
        Self { reader, replay, board, checkpoint_commands, event_end, fault: None }
    }

    /// Executes what is committed and was not executed yet, a bounded part of it; returns how many
    /// frames that were.
    pub fn step(&mut self) -> usize {
        if self.fault.is_some() {
            return 0;
        }
        let mut frames = 0;
        // On to the end of a transaction, which is bounded: only there is the state one.
        while frames < FRAMES_PER_STEP || !self.replay.is_between_transactions() {
            match self.next() {
                Ok(true) => frames += 1,
                Ok(false) => break,
                Err(fault) => {
                    if fault.is_difference() {
                        self.board.set_difference(fault.to_string());
                    }
                    self.fault = Some(fault);
                    return frames;
                }
            }
        }
        if frames > 0 {
            self.board.set_applied(self.reader.position());
        }
        frames
    }

    /// Executes the next frame, if it is there.
    fn next(&mut self) -> Result<bool, Fault> {
        let Some(frame) = self.reader.next().map_err(Fault::Read)? else { return Ok(false) };
        let position = frame.position;
        let executed = self.replay.on_message(frame.message);
        executed.map_err(|error| Fault::Replay(ReplayFault { position, error }))?;
        if self.replay.is_between_transactions() && self.replay.machine().pending().is_none() {
            self.at_event_end();
        }
        Ok(true)
    }

    /// Every so many commands the state is hashed: at the first end of an event from there on,
    /// which is the same on every node, wherever it began.
    fn at_event_end(&mut self) {
        let sequence = self.replay.sequence();
        let before = std::mem::replace(&mut self.event_end, sequence);
        let spans = |sequence: Sequence| sequence.get() / self.checkpoint_commands;
        if spans(sequence) > spans(before) {
            let state_hash = self.replay.machine().state_hash();
            self.board.add_checkpoint(Checkpoint { place: self.place(), state_hash });
        }
    }

    /// The end of what is executed.
    fn place(&self) -> LogPlace {
        let chain = self.reader.chain().expect("contents are checked from a known chain");
        LogPlace { position: self.reader.position(), chain }
    }

    /// Why it does not go on, where it does not.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// The re-execution.
    #[must_use]
    pub fn replay(&self) -> &Replay {
        &self.replay
    }

    /// Everything before this position is executed.
    #[must_use]
    pub fn position(&self) -> Position {
        self.reader.position()
    }

    /// The state, and the place in the log that it is of, to go on with.
    ///
    /// # Errors
    /// Why it is of no use.
    pub fn into_state(self) -> Result<(Replay, LogPlace), Fault> {
        match self.fault {
            Some(fault) => Err(fault),
            None => {
                let place = self.place();
                Ok((self.replay, place))
            }
        }
    }
}

/// Why a store cannot be followed from a place.
#[derive(Debug)]
pub enum AttachError {
    /// The store cannot be opened.
    Open(OpenError),
    /// The place is not in its log.
    Read(ReadError),
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => write!(f, "{error}"),
            Self::Read(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for AttachError {}
