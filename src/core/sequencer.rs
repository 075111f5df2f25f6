//! The sequencer: the state machine and the store's writer, and the order of things between them.
//!
//! Execute, then append: the outcomes are complete before the first byte of the transaction is
//! written, so that its size is known and a command that panics never reaches the log.

use super::quarantine;
use super::start::{AtSnapshot, Opened, Started, read_rest};
use crate::limits::{FILLS_PER_STEP_MAX, SOURCE_ID_MAX, TRANSACTION_BYTES_MAX};
use crate::state_machine::{
    Capacity, EncodedOutcomes, Replay, ReplayFault, StateMachine, command_origin, end_flags,
};
use crate::store::{
    Accepting, Disk, Executing, LogPlace, NotAccepted, OpenError, Options as StoreOptions,
    ReadError, RealDisk, Skipped, StoreReader, StoreWriter, framed,
};
use crate::types::{Epoch, Nanos, Position, Sequence, SourceId, flags};
use isochron_events::{
    EpochStarted, Message, OrderCanceledEvent, OrderFilledEvent, OrderReplacedEvent,
    ReplaceOrderEvent,
};
use std::fmt;
use std::sync::Arc;

/// The largest step: a replace, its answer, the most matches of two executions each, and the cancel
/// of the rest.
const STEP_BYTES_MAX: usize = framed(ReplaceOrderEvent::ENCODED_LENGTH)
    + framed(OrderReplacedEvent::ENCODED_LENGTH)
    + FILLS_PER_STEP_MAX * 2 * framed(OrderFilledEvent::ENCODED_LENGTH)
    + framed(OrderCanceledEvent::ENCODED_LENGTH);

const _: () = {
    assert!(STEP_BYTES_MAX <= TRANSACTION_BYTES_MAX);
    assert!(
        framed(OrderCanceledEvent::ENCODED_LENGTH) <= 2 * framed(OrderFilledEvent::ENCODED_LENGTH)
    );
};

/// The newest rules that this program decides by.
pub const RULES_VERSION: u32 = 1;

/// What a sequencer is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its store.
    pub store: StoreOptions,
    /// Room in the state machine.
    pub capacity: Capacity,
}

/// What an operator says about the sources at a start.
#[derive(Clone, Debug, Default)]
pub struct Intake {
    /// Sources whose quarantine ends with this start.
    pub release: Vec<SourceId>,
    /// A fault planted to see that an exchange and its operators get over it.
    pub drill: Option<Drill>,
}

/// Panics the core while it executes an order of this name, before the order is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drill {
    /// The client's name for the order, padded with zero bytes.
    pub client_order_id: [u8; 20],
}

impl Drill {
    /// The panic, where the command is the one.
    #[cold]
    fn on_command(self, command: &Message) {
        if let Message::NewOrderEvent(order) = command {
            assert!(order.client_order_id != self.client_order_id, "a drill: this order panics");
        }
    }
}

/// Why a sequencer cannot start.
#[derive(Debug)]
pub enum StartError {
    /// The store cannot be opened.
    Open(OpenError),
    /// The store cannot be read back.
    Read(ReadError),
    /// The log cannot be executed again.
    Replay(ReplayFault),
    /// The log's beginning is recycled, and no snapshot can be used.
    NoSnapshot {
        /// Where the log begins.
        kept_from: Position,
        /// The snapshots, and what is wrong with each.
        skipped: Vec<Skipped>,
    },
    /// There is no room for the first transaction.
    NoRoom(NotAccepted),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => write!(f, "{error}"),
            Self::Read(error) => write!(f, "{error}"),
            Self::Replay(fault) => write!(f, "{fault}"),
            Self::NoSnapshot { kept_from, skipped } => {
                write!(f, "the log begins at {kept_from}, and there is no snapshot to begin from")?;
                skipped.iter().try_for_each(|Skipped { position, reason }| {
                    write!(f, "; the one at {position}: {reason}")
                })
            }
            Self::NoRoom(reason) => write!(f, "{reason}"),
        }
    }
}

impl std::error::Error for StartError {}

/// What became of a command that was offered.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is in the log.
    Executed,
    /// Its source had sent it before: not executed again.
    Repeat,
    /// It is no command of this schema: not executed.
    Malformed,
    /// Its source is quarantined: not executed.
    Quarantined,
    /// There is no room for its result: offer it again later.
    NotNow(NotAccepted),
}

/// The one writer. Calling order: while `is_pending`, `go_on`; then `take` a command.
pub struct Sequencer {
    machine: StateMachine,
    writer: StoreWriter,
    sequence: Sequence,
    time: u64,
    outcomes: EncodedOutcomes,
    events: u64,
    accepting: bool,
    drill: Option<Drill>,
}

impl Sequencer {
    /// Opens the store, takes the newest snapshot, executes the rest of the log again, and begins
    /// an epoch. The control page says that commands are taken from the first [`Self::accept`],
    /// or [`Self::take`], on.
    pub fn open(options: &Options, now: Nanos) -> Result<(Self, Started), StartError> {
        Self::open_with(options, &Intake::default(), now)
    }

    /// As [`Self::open`], with what an operator says about the sources at this start.
    pub fn open_with(
        options: &Options,
        intake: &Intake,
        now: Nanos,
    ) -> Result<(Self, Started), StartError> {
        Self::open_on(Arc::new(RealDisk), options, intake, now, &mut |_, _| {})
    }

    /// As [`Self::open_with`], on any disk, and for others who begin at the same snapshot.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        options: &Options,
        intake: &Intake,
        now: Nanos,
        at_snapshot: AtSnapshot<'_>,
    ) -> Result<(Self, Started), StartError> {
        let mut opened = Opened::new(disk, options, now, at_snapshot)?;
        if let Some(source) = quarantine::due(&opened.recovery.deaths) {
            opened.writer.quarantine(source);
        }
        intake.release.iter().for_each(|source| opened.writer.release(*source));
        let (writer, replay, started) = opened.read_back(options)?;
        Ok((Self::at_end(writer, replay, options, intake, now)?, started))
    }

    /// Goes on with a store that is open already and a state that a follower of its log has, as a
    /// standby does that becomes the primary: executes the little that is left, and begins the
    /// writer's epoch. `at` is the end of what the state was executed to.
    ///
    /// # Errors
    /// The rest of the log cannot be read or executed, or there is no room for the first
    /// transaction.
    pub fn take_over(
        disk: Arc<dyn Disk>,
        mut writer: StoreWriter,
        (replay, at): (Replay, LogPlace),
        options: &Options,
        intake: &Intake,
        now: Nanos,
    ) -> Result<Self, StartError> {
        intake.release.iter().for_each(|source| writer.release(*source));
        let replay = read_rest(disk, options, Some(at), replay)?;
        Self::at_end(writer, replay, options, intake, now)
    }

    /// Begins the writer's epoch with the state at the end of its log.
    fn at_end(
        writer: StoreWriter,
        replay: Replay,
        options: &Options,
        intake: &Intake,
        now: Nanos,
    ) -> Result<Self, StartError> {
        let (sequence, time) = (replay.sequence(), replay.time());
        let mut sequencer = Self {
            machine: replay.into_machine(),
            writer,
            sequence,
            time,
            outcomes: EncodedOutcomes::default(),
            events: 0,
            accepting: false,
            drill: intake.drill,
        };
        sequencer.begin_epoch(&options.store, now)?;
        Ok(sequencer)
    }

    fn begin_epoch(&mut self, store: &StoreOptions, now: Nanos) -> Result<(), StartError> {
        self.writer.check_room(TRANSACTION_BYTES_MAX).map_err(StartError::NoRoom)?;
        let command = EpochStarted {
            epoch: self.writer.epoch().0,
            node: store.identity.node,
            base_position: self.writer.position().0,
            chain_at_base: self.writer.chain().0,
            rules_version: RULES_VERSION,
            ..EpochStarted::default()
        };
        // Work that was under way goes on before anything from a ring, after this.
        self.execute(command.into(), now);
        Ok(())
    }

    /// Whether work goes on that must be done before anything else is taken.
    #[must_use]
    #[inline]
    pub fn is_pending(&self) -> bool {
        self.machine.pending().is_some()
    }

    /// Does the next step of pending work.
    pub fn go_on(&mut self, now: Nanos) -> Taken {
        let Some(continuation) = self.machine.pending() else { return Taken::Repeat };
        if let Err(reason) = self.check_room() {
            return Taken::NotNow(reason);
        }
        self.execute(continuation.into(), now);
        Taken::Executed
    }

    /// Takes a command as it lies in a ring: an SBE message.
    #[inline]
    pub fn take(&mut self, message: &[u8], now: Nanos) -> Taken {
        self.take_from(None, message, now)
    }

    /// As [`Self::take`], from a ring that may carry commands of one source alone.
    #[inline]
    pub fn take_from(&mut self, ring: Option<SourceId>, message: &[u8], now: Nanos) -> Taken {
        debug_assert!(!self.is_pending(), "pending work comes first");
        let Ok(command) = Message::decode(message) else { return Taken::Malformed };
        let Some(origin) = command_origin(&command) else { return Taken::Malformed };
        let foreign = origin.source == 0
            || origin.source > SOURCE_ID_MAX
            || ring.is_some_and(|source| source.get() != origin.source);
        if foreign || matches!(command, Message::Continuation(_) | Message::EpochStarted(_)) {
            return Taken::Malformed;
        }
        if self.machine.is_repeat(origin.source, origin.source_sequence) {
            return Taken::Repeat;
        }
        if self.writer.is_quarantined(SourceId(origin.source)) {
            return Taken::Quarantined;
        }
        if let Err(reason) = self.check_room() {
            return Taken::NotNow(reason);
        }
        self.writer.set_executing(Some(Executing {
            source: SourceId(origin.source),
            source_sequence: origin.source_sequence,
            since: Nanos(now.0.max(self.time)),
        }));
        self.execute(command, now);
        self.writer.set_executing(None);
        Taken::Executed
    }

    /// Says on the control page that commands are taken, if there is room for them.
    pub fn accept(&mut self) {
        // Why not is on the control page.
        let _ = self.check_room();
    }

    /// Says on the control page that no more commands are taken.
    pub fn stop_accepting(&mut self) {
        self.accepting = false;
        self.writer.set_accepting(Accepting::Stopped);
    }

    /// Room for the largest transaction; what the control page says follows it.
    #[inline]
    fn check_room(&mut self) -> Result<(), NotAccepted> {
        let room = self.writer.check_room(TRANSACTION_BYTES_MAX);
        if room.is_ok() != self.accepting {
            self.accepting = room.is_ok();
            let accepting = match &room {
                Ok(()) => Accepting::Yes,
                Err(reason) => reason.accepting(),
            };
            self.writer.set_accepting(accepting);
        }
        room
    }

    /// Stamps, executes and appends a command for whose result there is room.
    fn execute(&mut self, mut command: Message, now: Nanos) {
        let sequence = self.sequence.0 + 1;
        let time = now.0.max(self.time);
        let continuation = matches!(command, Message::Continuation(_));
        let header = command.header_mut();
        header.sequence = sequence;
        header.timestamp = time;
        header.flags = if continuation { flags::CONTINUATION } else { 0 };
        if !continuation {
            header.cause = sequence;
        }
        self.outcomes.clear();
        self.machine.execute(&command, &mut self.outcomes);
        if let Some(drill) = self.drill {
            drill.on_command(&command);
        }
        let end = end_flags(&self.machine, &command);
        if !self.outcomes.end(end) {
            command.header_mut().flags |= end;
        }
        self.append(&command);
        self.sequence = Sequence(sequence);
        self.time = time;
    }

    fn append(&mut self, command: &Message) {
        let sizes = self.outcomes.iter().map(|outcome| framed(outcome.len()));
        let bytes = framed(command.encoded_length()) + sizes.sum::<usize>();
        let transaction = self.writer.begin(bytes);
        let mut transaction = transaction.expect("room was made sure of before executing");
        transaction.append(command.encoded_length(), |bytes| {
            command.encode(bytes).expect("the buffer has the message's length");
        });
        for outcome in self.outcomes.iter() {
            transaction.append(outcome.len(), |bytes| bytes.copy_from_slice(outcome));
        }
        transaction.finish();
        self.events += 1 + self.outcomes.len() as u64;
    }

    /// The command that is executed now, or whose execution panicked.
    #[must_use]
    pub fn executing(&self) -> Option<Executing> {
        self.writer.executing()
    }

    /// The outcomes of the last command.
    #[must_use]
    pub fn outcomes(&self) -> &EncodedOutcomes {
        &self.outcomes
    }

    /// The state.
    #[must_use]
    pub fn machine(&self) -> &StateMachine {
        &self.machine
    }

    /// The store's writer: for its helper and its counters.
    #[must_use]
    pub fn writer_mut(&mut self) -> &mut StoreWriter {
        &mut self.writer
    }

    /// The epoch that began with this sequencer.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.writer.epoch()
    }

    /// The end of the log.
    #[must_use]
    pub fn position(&self) -> Position {
        self.writer.position()
    }

    /// The end of the last transaction, with the log's chain there.
    #[must_use]
    pub fn end(&self) -> LogPlace {
        LogPlace { position: self.writer.position(), chain: self.writer.chain() }
    }

    /// Commands in the log.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// The logged time of the last command.
    #[must_use]
    pub fn time(&self) -> Nanos {
        Nanos(self.time)
    }

    /// Events appended since the start.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Closes the store cleanly; gives the state back.
    pub fn close(self) -> std::io::Result<StateMachine> {
        self.writer.close()?;
        Ok(self.machine)
    }
}

/// Shows a replay the commands that come next in the log, before the next event is taken.
#[inline]
pub fn show_ahead(reader: &mut StoreReader, replay: &mut Replay) {
    while replay.wants_more()
        && let Some(message) = reader.look_ahead()
    {
        if !flags::is_outcome(message) {
            replay.show(message);
        }
    }
}

/// Executes a log again from where the reader stands up to its end, as every start does. How
/// closely frames are checked is the reader's.
pub fn read_back(reader: &mut StoreReader, mut replay: Replay) -> Result<Replay, StartError> {
    loop {
        show_ahead(reader, &mut replay);
        let Some(frame) = reader.next().map_err(StartError::Read)? else { return Ok(replay) };
        let position = frame.position;
        let executed = replay.on_message(frame.message);
        executed.map_err(|error| StartError::Replay(ReplayFault { position, error }))?;
    }
}
