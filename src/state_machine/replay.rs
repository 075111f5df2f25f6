//! Executes the commands of a log again and holds their outcomes against those in the log.
//!
//! ```text
//!   log:   [command, outcome, outcome·end] [command·end] ...
//!             │          │        │
//!          execute ──▶ equal?   equal?      anything else is a divergence
//! ```
//!
//! The log is the authority: a divergence says that this code, or this machine, decides otherwise
//! than the writer did.

use super::{EncodedOutcomes, LookAhead, StateMachine};
use crate::types::{Position, Sequence, flags};
use isochron_events::{DecodeError, Message};
use std::fmt;

/// Where a log and its re-execution part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Divergence {
    /// A command's number does not follow the one before.
    Sequence {
        /// The number that was due.
        expected: Sequence,
        /// The number in the log.
        found: Sequence,
    },
    /// A command's time is before the one before.
    Time {
        /// The command.
        sequence: Sequence,
    },
    /// Work was to go on, and the log has another command; or the log goes on with no work.
    Continuation {
        /// The command.
        sequence: Sequence,
    },
    /// A command that its source had sent before.
    Repeat {
        /// The command.
        sequence: Sequence,
    },
    /// An outcome is another one.
    Outcome {
        /// The command.
        sequence: Sequence,
        /// What re-execution says, if it says anything.
        computed: Option<Box<Message>>,
        /// What the log says.
        logged: Box<Message>,
    },
    /// The log's transaction ends although re-execution has another outcome.
    Missing {
        /// The command.
        sequence: Sequence,
        /// What re-execution says.
        computed: Box<Message>,
    },
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sequence { expected, found } => {
                write!(f, "command {found} where {expected} was due")
            }
            Self::Time { sequence } => write!(f, "command {sequence}: time runs backwards"),
            Self::Continuation { sequence } => {
                write!(f, "command {sequence}: not the continuation that was due")
            }
            Self::Repeat { sequence } => write!(f, "command {sequence}: taken before"),
            Self::Outcome { sequence, computed: Some(computed), logged } => {
                write!(f, "command {sequence}: computed {computed}, logged {logged}")
            }
            Self::Outcome { sequence, computed: None, logged } => {
                write!(f, "command {sequence}: computed nothing more, logged {logged}")
            }
            Self::Missing { sequence, computed } => {
                write!(f, "command {sequence}: computed {computed}, logged nothing more")
            }
        }
    }
}

impl std::error::Error for Divergence {}

/// Why a log cannot be executed again.
#[derive(Debug)]
pub enum ReplayError {
    /// A message of the log is not one of this schema.
    Decode(DecodeError),
    /// The log says otherwise than its re-execution.
    Diverged(Divergence),
}

/// The same, and where in the log.
#[derive(Debug)]
pub struct ReplayFault {
    /// Where the message's frame begins.
    pub position: Position,
    /// Why.
    pub error: ReplayError,
}

impl ReplayFault {
    /// Whether the log says otherwise than its re-execution.
    #[must_use]
    pub fn is_divergence(&self) -> bool {
        matches!(self.error, ReplayError::Diverged(_))
    }
}

impl fmt::Display for ReplayFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, error } = self;
        match error {
            ReplayError::Decode(error) => write!(f, "position {position}: {error}"),
            ReplayError::Diverged(divergence) => {
                write!(f, "position {position}: execution differs from the log: {divergence}")
            }
        }
    }
}

impl std::error::Error for ReplayFault {}

/// A re-execution. Calling order: `on_event` with every event of the log, from its beginning or
/// from where it resumes.
pub struct Replay {
    machine: StateMachine,
    ahead: LookAhead,
    outcomes: EncodedOutcomes,
    /// Outcomes of the transaction that were found in the log.
    found: usize,
    in_transaction: bool,
    sequence: Sequence,
    time: u64,
    events: u64,
    commands: u64,
}

impl Replay {
    /// A re-execution on a fresh state machine.
    #[must_use]
    pub fn new(machine: StateMachine) -> Self {
        Self::resume(machine, Sequence(0), 0)
    }

    /// A re-execution that goes on behind the command of this number and time, with the state that
    /// it led to: from a snapshot.
    #[must_use]
    pub fn resume(machine: StateMachine, sequence: Sequence, time: u64) -> Self {
        Self {
            machine,
            ahead: LookAhead::default(),
            outcomes: EncodedOutcomes::default(),
            found: 0,
            in_transaction: false,
            sequence,
            time,
            events: 0,
            commands: 0,
        }
    }

    /// Whether another command should be shown before the next event is taken.
    #[must_use]
    #[inline]
    pub fn wants_more(&self) -> bool {
        self.ahead.wants_more()
    }

    /// Shows a command of the log that comes later, behind those that were shown before. It may be
    /// anything: nothing follows from it but what is fetched ahead.
    #[inline]
    pub fn show(&mut self, command: &[u8]) {
        self.machine.show_bytes(command, &mut self.ahead);
    }

    /// Takes the next event of the log as it stands there, an SBE message.
    #[inline]
    pub fn on_message(&mut self, message: &[u8]) -> Result<(), ReplayError> {
        // What the log should have is encoded already: only what differs is decoded.
        if self.in_transaction && self.outcomes.get(self.found) == Some(message) {
            self.events += 1;
            self.found += 1;
            self.in_transaction = self.found < self.outcomes.len();
            return Ok(());
        }
        let event = Message::decode(message).map_err(ReplayError::Decode)?;
        self.on_event(&event).map_err(ReplayError::Diverged)
    }

    /// Takes the next event of the log.
    pub fn on_event(&mut self, event: &Message) -> Result<(), Divergence> {
        self.events += 1;
        if self.in_transaction {
            self.on_outcome(event)?;
        } else {
            self.on_command(event)?;
        }
        self.in_transaction = event.header().flags & flags::END_OF_TRANSACTION == 0;
        match self.computed() {
            Some(computed) if !self.in_transaction => {
                Err(Divergence::Missing { sequence: self.sequence, computed })
            }
            _ => Ok(()),
        }
    }

    /// The outcome that is due next.
    fn computed(&self) -> Option<Box<Message>> {
        let bytes = self.outcomes.get(self.found)?;
        Some(Box::new(Message::decode(bytes).expect("it was encoded here")))
    }

    fn on_command(&mut self, command: &Message) -> Result<(), Divergence> {
        let header = command.header();
        let (expected, found) = (Sequence(self.sequence.0 + 1), Sequence(header.sequence));
        if expected != found || command.template_id() >= flags::OUTCOME_TEMPLATE_MIN {
            return Err(Divergence::Sequence { expected, found });
        }
        if header.timestamp < self.time {
            return Err(Divergence::Time { sequence: found });
        }
        let due = self.machine.pending().map(|due| (due.header.cause, due.kind, due.cursor));
        let logged = match command {
            Message::Continuation(logged) => Some((header.cause, logged.kind, logged.cursor)),
            _ => None,
        };
        if due != logged && !matches!(command, Message::EpochStarted(_)) {
            return Err(Divergence::Continuation { sequence: found });
        }
        let origin = super::command_origin(command);
        if origin.is_some_and(|o| self.machine.is_repeat(o.source, o.source_sequence)) {
            return Err(Divergence::Repeat { sequence: found });
        }
        self.sequence = found;
        self.time = header.timestamp;
        self.commands += 1;
        self.outcomes.clear();
        self.found = 0;
        self.machine.ready(&mut self.ahead);
        self.ahead.pass();
        self.machine.execute(command, &mut self.outcomes);
        self.outcomes.end(end_flags(&self.machine, command));
        Ok(())
    }

    fn on_outcome(&mut self, logged: &Message) -> Result<(), Divergence> {
        let computed = self.computed();
        if computed.as_deref() != Some(logged) {
            let logged = Box::new(*logged);
            return Err(Divergence::Outcome { sequence: self.sequence, computed, logged });
        }
        self.found += 1;
        Ok(())
    }

    /// The state after the last whole transaction.
    #[must_use]
    pub fn machine(&self) -> &StateMachine {
        &self.machine
    }

    /// The state, to go on with.
    #[must_use]
    pub fn into_machine(self) -> StateMachine {
        self.machine
    }

    /// Whether the last event ended its transaction: only then state, sequence and time belong
    /// together.
    #[must_use]
    pub fn is_between_transactions(&self) -> bool {
        !self.in_transaction
    }

    /// Events taken.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Commands executed.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.commands
    }

    /// The last command's number.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// The last command's time, nanoseconds UTC.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.time
    }
}

/// The flags of the last message of a command's transaction, once it is executed. A new epoch may
/// begin between two steps of one event, and is an event of its own.
#[must_use]
pub fn end_flags(machine: &StateMachine, command: &Message) -> u16 {
    let ends = machine.pending().is_none() || matches!(command, Message::EpochStarted(_));
    flags::END_OF_TRANSACTION | if ends { flags::END_OF_EVENT } else { 0 }
}
