//! Readers of a store: any number, in any process, each at its own position.
//!
//! A reader maps files for reading and never waits. With a writer it reads to *committed* (the
//! replication's sender to *published*), which the control page says. Without one it finds the
//! log's end itself, as recovery would, and reads to that: what the page says may be older or
//! newer than what a power failure left. It notices a writer that comes later.
//!
//! ```text
//!   attach.rs ─────────────▶ here ────────────────▶ frames.rs
//!   which store, from where  how far may be read    what stands there
//! ```

mod attach;
mod frames;

use crate::types::{Epoch, Nanos, Position, SourceId};

use super::chain::Chain;
use super::control::{Accepting, Control, Executing};
use super::error::ReadError;
use super::header_crc::HeaderCrc;
use super::marks::EpochStart;
use super::meta::{Expected, Meta};
use super::recovery::Cut;
use super::segment::{Segment, Segments};
use super::snapshots::LogPlace;

/// How far a reader reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// What may be acted on.
    #[default]
    Committed,
    /// All whole transactions: for the one who sends them to standbys.
    Published,
    /// What may be acted on, also where no writer lives: of a log whose commits others decide,
    /// which is not committed where it ends.
    Told,
}

/// What a reader checks of each frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// That its header says where it stands: enough for a log whose writer lives.
    #[default]
    Headers,
    /// CRC and session too, and the chain is kept.
    Content,
}

/// How to read.
#[derive(Clone, Debug, Default)]
pub struct ReaderOptions {
    /// What the store must be.
    pub expected: Expected,
    /// How far.
    pub until: Until,
    /// How closely.
    pub check: Check,
    /// Whether what is durable is believed where no writer lives, so that a long log's end is found
    /// without reading all of it.
    pub trusts_durable: bool,
}

/// A message in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredFrame<'a> {
    /// Where its frame begins.
    pub position: Position,
    /// Where the next one can begin.
    pub end: Position,
    /// The epoch it was written in.
    pub epoch: Epoch,
    /// The CRC of its frame.
    pub crc: u32,
    /// Whether it is the last of its transaction.
    pub ends_transaction: bool,
    /// The SBE message.
    pub message: &'a [u8],
}

/// What is durably known of a log without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Where it begins.
    pub kept: LogPlace,
    /// Where it is durable up to.
    pub durable: LogPlace,
    /// Where its newest epochs began, in order.
    pub epochs: Vec<EpochStart>,
}

/// A reader's place in a store.
#[derive(Debug)]
pub struct StoreReader {
    segments: Segments,
    meta: Meta,
    until: Until,
    check: Check,
    trusts_durable: bool,
    control: Option<Control>,
    /// The epoch that the control page showed, and how often the store had been opened or cut;
    /// another one, or more, means another writer.
    epoch: Epoch,
    endings: u64,
    /// Which store the page was of when it was first looked at.
    page_of: Option<Nanos>,
    /// The end that was found where no writer was.
    found_end: Option<Position>,
    /// What was found beyond it.
    cut: Option<Cut>,
    /// What the last writer had committed, by a control page of this boot.
    told: Option<Position>,
    kept_from: Position,
    /// Everything before it may be read; the control page is asked again when it is reached.
    limit: Position,
    position: Position,
    /// What lies before it was looked at ahead.
    ahead: Position,
    chain: Option<Chain>,
    segment: Option<Segment>,
    /// Made when it is first needed.
    header_crc: Option<Box<HeaderCrc>>,
    session: (Epoch, i32),
}

impl StoreReader {
    /// What was written beyond the end that was found where no writer was: the next opening for
    /// writing cuts it. `None` with a writer.
    #[must_use]
    pub fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// What the last writer had committed, where there is none now and its control page is of this
    /// boot. A log that ends before has lost what others may have acted on.
    #[must_use]
    pub fn committed_before(&self) -> Option<Position> {
        self.told
    }

    /// Whose store it is.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Where the next frame is looked for.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// The chain at [`Self::position`]; `None` unless contents are checked from a position whose
    /// chain is known.
    #[must_use]
    pub fn chain(&self) -> Option<Chain> {
        self.chain
    }

    /// Whether commands are taken now.
    #[must_use]
    pub fn accepting(&self) -> Accepting {
        self.control.as_ref().map_or(Accepting::Starting, Control::accepting)
    }

    /// The command being executed now.
    #[must_use]
    pub fn executing(&self) -> Option<Executing> {
        self.control.as_ref().and_then(Control::executing)
    }

    /// The sources that nothing is taken from, in order.
    #[must_use]
    pub fn quarantined(&self) -> Vec<SourceId> {
        self.control.as_ref().map_or_else(Vec::new, Control::quarantined)
    }

    /// Whether nothing is taken from a source: what its gateway answers from.
    #[must_use]
    #[inline]
    pub fn is_quarantined(&self, source: SourceId) -> bool {
        self.control.as_ref().is_some_and(|control| control.is_quarantined(source))
    }

    /// What the control page says is durable.
    #[must_use]
    pub fn synced(&self) -> Position {
        self.control.as_ref().map_or(Position(0), Control::synced)
    }

    /// How far may be read now, also where the log begins beyond the reader's position.
    ///
    /// # Errors
    /// A writer cut the log below the reader's position, or the store is another one.
    pub fn end(&mut self) -> Result<Position, ReadError> {
        match self.look() {
            Ok(()) | Err(ReadError::NotKept { .. }) => Ok(self.limit),
            Err(error) => Err(error),
        }
    }

    /// Looks at the control page.
    #[inline]
    fn look(&mut self) -> Result<(), ReadError> {
        if self.control.is_none() {
            self.attach_control()?;
        }
        let looked = self.follow_page();
        // Asked when all else was: what a page of another store says is not believed.
        match self.check_store() {
            Ok(()) => looked,
            Err(other) => {
                self.limit = self.position;
                Err(other)
            }
        }
    }

    /// That the directory still has the store that is read. What the page said at first may be
    /// anything: without a writer since the machine has started, nobody has said it.
    #[inline]
    fn check_store(&self) -> Result<(), ReadError> {
        let made = self.meta.created;
        match self.control.as_ref().map(Control::store_made) {
            Some(found) if found != self.page_of && found != Some(made) => {
                let directory = self.segments.directory.clone();
                Err(ReadError::OtherStore { directory, made, found })
            }
            _ => Ok(()),
        }
    }

    /// Whether another writer has opened the store, or cut it, since the page was looked at.
    #[inline]
    fn has_ended(&self, control: &Control) -> bool {
        let epoch = control.epoch();
        // 0: a writer is opening the store, what is behind the end is being decided.
        epoch != Epoch(0) && (epoch != self.epoch || control.endings() != self.endings)
    }

    /// Takes what the control page says.
    #[inline]
    fn follow_page(&mut self) -> Result<(), ReadError> {
        let Some(control) = &self.control else {
            self.limit = self.found_end.unwrap_or(self.limit);
            return Ok(());
        };
        let epoch = control.epoch();
        if self.has_ended(control) {
            let (endings, position) = (control.endings(), self.position);
            let ended_at = (endings != self.endings).then(|| control.ended_at());
            let is_another = epoch != self.epoch && self.epoch != Epoch(0);
            let base = is_another.then(|| control.epoch_base());
            if let Some(base) = ended_at.into_iter().chain(base).min().filter(|it| position > *it) {
                return Err(ReadError::Cut { position, base });
            }
            (self.epoch, self.endings) = (epoch, endings);
            self.found_end = None;
        }
        let kept_from = control.kept_from();
        if let Some(end) = self.found_end {
            self.limit = end;
        } else if epoch != Epoch(0) {
            self.kept_from = kept_from;
            self.limit = match self.until {
                Until::Committed | Until::Told => control.committed(),
                Until::Published => control.published(),
            };
            if self.position < kept_from {
                return Err(ReadError::NotKept { position: self.position, kept_from });
            }
        }
        Ok(())
    }

    /// A store that is just being made, or was copied without it, has no page yet.
    #[cold]
    fn attach_control(&mut self) -> Result<(), ReadError> {
        let directory = &self.segments.directory;
        let attached = Control::attach(&*self.segments.disk, directory);
        let path = || directory.join("control");
        self.control = attached.map_err(|error| ReadError::Io { path: path(), error })?;
        self.page_of = self.control.as_ref().and_then(Control::store_made);
        Ok(())
    }

    /// What another reader of the same store has read may be read here too, whatever the control
    /// page says just now.
    pub(crate) fn may_read_to(&mut self, position: Position) {
        self.limit = self.limit.max(position);
    }

    /// Goes on at another position: the beginning of a frame, so that what follows is whole, an
    /// end of a transaction. The chain there is the caller's to know.
    ///
    /// # Errors
    /// The position is not kept any more, or beyond what may be read.
    pub fn seek(&mut self, position: Position, chain: Option<Chain>) -> Result<(), ReadError> {
        let before = std::mem::replace(&mut self.position, position);
        self.ahead = position;
        let sought = self.look().and_then(|()| {
            if position < self.kept_from {
                let kept_from = self.kept_from;
                Err(ReadError::NotKept { position, kept_from })
            } else if position > self.limit {
                Err(ReadError::Beyond { position, end: self.limit })
            } else {
                Ok(())
            }
        });
        match sought {
            Ok(()) => self.chain = if self.check == Check::Content { chain } else { None },
            Err(_) => self.position = before,
        }
        sought
    }
}
