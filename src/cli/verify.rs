//! `isochron verify DIR`: whether a log is whole, and says what happened.
//!
//! ```text
//!   frame      CRC, place, session            ── and the chain over all of them
//!   epoch      begins where, and with which chain, it says
//!   numbers    sequences without a gap, time never back, causes
//!   outcomes   executed again, each as logged
//!   balance    money and shares conserved, reservations exact: now and then, and at the end
//! ```
//!
//! The first fault ends it: what follows a fault proves nothing.

use super::begin::{Begun, begin};
use super::output::{End, end};
use super::progress::Progress;
use crate::core::show_ahead;
use crate::state_machine::{Divergence, Replay};
use crate::store::{
    Chain, Check, Expected, OpenError, ReadError, ReaderOptions, RealDisk, StoreReader, Until,
};
use crate::types::flags::OUTCOME_TEMPLATE_MIN;
use crate::types::{Epoch, Position};
use clap::Args as ClapArgs;
use isochron_events::{EpochStarted, Message};
use serde_json::{Value, json};
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// The exit code of a log with a fault.
const FAULT: u8 = 1;

/// Options of `isochron verify`.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Args {
    /// The store's directory.
    directory: PathBuf,
    /// Prints one line of JSON.
    #[arg(long)]
    json: bool,
    /// Transactions between two checks that money and shares are conserved.
    #[arg(long, value_name = "TRANSACTIONS", default_value_t = 1_000_000,
        value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
}

/// What is wrong, and where.
#[derive(Debug)]
struct Fault {
    /// Which check found it.
    check: &'static str,
    /// Where, if it has a place.
    position: Option<Position>,
    /// The values.
    message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.check)?;
        if let Some(position) = self.position {
            write!(f, "position {position}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Why the log is not found sound.
enum Refused {
    /// It has a fault.
    Fault(Fault),
    /// It cannot be read.
    Unreadable(String),
}

impl Refused {
    fn fault(check: &'static str, position: Position, message: impl fmt::Display) -> Self {
        Self::Fault(Fault { check, position: Some(position), message: message.to_string() })
    }
}

impl From<OpenError> for Refused {
    fn from(error: OpenError) -> Self {
        let message = error.to_string();
        let position = match &error {
            OpenError::Corrupt { position, .. } | OpenError::Foreign { position, .. } => {
                Some(*position)
            }
            OpenError::ChainDiffers { synced, .. } | OpenError::SyncedTorn { synced, .. } => {
                Some(*synced)
            }
            _ => None,
        };
        let check = match error {
            OpenError::ChainDiffers { .. } => "chain",
            OpenError::Corrupt { .. } | OpenError::Foreign { .. } => "frame",
            OpenError::SyncedTorn { .. }
            | OpenError::Damaged { .. }
            | OpenError::SegmentSize { .. }
            | OpenError::SegmentMissing { .. } => "store",
            OpenError::Held { .. }
            | OpenError::NoteHeld { .. }
            | OpenError::Differs { .. }
            | OpenError::Options { .. }
            | OpenError::EpochUsed { .. }
            | OpenError::NotEmpty { .. }
            | OpenError::Missing { .. }
            | OpenError::Place { .. }
            | OpenError::EpochsUsedUp { .. }
            | OpenError::Io { .. } => return Self::Unreadable(message),
        };
        Self::Fault(Fault { check, position, message })
    }
}

impl From<ReadError> for Refused {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Invalid { position, fault } => Self::fault("frame", position, fault),
            other => Self::Unreadable(other.to_string()),
        }
    }
}

/// Which check a divergence fails.
fn check_of(divergence: &Divergence) -> &'static str {
    match divergence {
        Divergence::Sequence { .. } | Divergence::Repeat { .. } => "sequence",
        Divergence::Time { .. } => "time",
        Divergence::Continuation { .. } => "continuation",
        Divergence::Outcome { .. } | Divergence::Missing { .. } => "outcome",
    }
}

/// What was found to hold, up to a fault or the end.
#[derive(Default)]
struct Found {
    /// Where it began: at the first byte, or where the beginning is recycled at a snapshot, with
    /// the commands before it.
    begin: Position,
    sequence_before: u64,
    events: u64,
    commands: u64,
    transactions: u64,
    epoch: Epoch,
    epochs: u64,
    /// Times that conservation was checked.
    balances: u64,
    position: Position,
    chain: Chain,
    /// Of the end, where there is no fault before it.
    state_hash: Option<u128>,
    /// What no reader takes for a part of the log.
    tail: Option<String>,
    elapsed_ns: u64,
}

/// Runs the command: 0 if the log is sound, 1 if it has a fault, 2 if it cannot be read.
pub(super) fn run(args: &Args) -> ExitCode {
    let mut found = Found::default();
    let refused = verify(args, &mut found).err();
    end("verify", &args.directory.display(), show(args, &found, refused))
}

fn verify(args: &Args, found: &mut Found) -> Result<(), Refused> {
    let schema = (isochron_events::SCHEMA_ID, isochron_events::SCHEMA_VERSION);
    let options = ReaderOptions {
        expected: Expected::schema(schema.0, schema.1),
        until: Until::Committed,
        check: Check::Content,
        ..ReaderOptions::default()
    };
    let mut reader = StoreReader::attach_on(Arc::new(RealDisk), &args.directory, &options)?;
    let begun = begin(&mut reader, &args.directory, false).map_err(Refused::Unreadable)?;
    let Begun { mut replay, snapshot } = begun;
    if let Some(info) = snapshot {
        (found.begin, found.epoch) = (info.place.position, info.epoch);
        found.position = found.begin;
        found.sequence_before = info.sequence.get();
    }
    // A log that is being written is verified to where it ends now.
    let end = reader.end()?;
    check_end(&reader, end, found)?;
    let mut progress = Progress::new(end.0);
    let outcome = read(args, &mut reader, end, &mut replay, &mut progress, found);
    progress.clear();
    found.elapsed_ns = progress.elapsed_ns();
    outcome?;
    found.state_hash = Some(replay.machine().state_hash());
    Ok(())
}

/// Whether the log holds all that was committed; what is beyond its end is named.
fn check_end(reader: &StoreReader, end: Position, found: &mut Found) -> Result<(), Refused> {
    let cut = reader.cut();
    if let Some(committed) = reader.committed_before().filter(|committed| *committed > end) {
        let why = cut.map_or_else(String::new, |cut| format!("; {}", cut.fault));
        let reason = format!("the log ends at {end}, and was committed to {committed}{why}");
        return Err(Refused::fault("frame", cut.map_or(end, |cut| cut.fault_at), reason));
    }
    found.tail = cut.map(|cut| {
        format!(
            "{} bytes from {} on were never committed and are no part of the log (at {}: {})",
            cut.to.0 - cut.from.0,
            cut.from,
            cut.fault_at,
            cut.fault
        )
    });
    Ok(())
}

/// Reads, checks and executes everything before `end`.
fn read(
    args: &Args,
    reader: &mut StoreReader,
    end: Position,
    replay: &mut Replay,
    progress: &mut Progress,
    found: &mut Found,
) -> Result<(), Refused> {
    while reader.position() < end {
        let (base, chain) = (reader.position(), reader.chain().unwrap_or_default());
        show_ahead(reader, replay);
        let Some(frame) = reader.next()? else { break };
        let (position, epoch) = (frame.position, frame.epoch);
        let (ends, frame_end) = (frame.ends_transaction, frame.end);
        let event = Message::decode(frame.message)
            .map_err(|error| Refused::fault("message", position, error))?;
        match &event {
            Message::EpochStarted(started) => {
                check_epoch(started, position, (epoch, base, chain), found)?;
            }
            _ if epoch != found.epoch => {
                let reason = format!("written in epoch {epoch}, which is {}", found.epoch);
                return Err(Refused::fault("epoch", position, reason));
            }
            _ => {}
        }
        check_cause(&event, position)?;
        replay
            .on_event(&event)
            .map_err(|divergence| Refused::fault(check_of(&divergence), position, divergence))?;
        found.events = replay.events();
        found.commands = replay.commands();
        found.position = frame_end;
        if ends {
            found.transactions += 1;
            if found.transactions.is_multiple_of(args.every) {
                check_balance(replay, frame_end, found)?;
            }
        }
        progress.at(frame_end.0, found.events);
    }
    found.chain = reader.chain().unwrap_or_default();
    check_balance(replay, found.position, found)
}

/// A command causes what follows from it; only a continuation goes on with another's event.
fn check_cause(event: &Message, position: Position) -> Result<(), Refused> {
    let (header, template) = (event.header(), event.template_id());
    let is_root = template < OUTCOME_TEMPLATE_MIN && !matches!(event, Message::Continuation(_));
    if is_root && header.cause != header.sequence {
        let reason = format!("command {} has the cause {}", header.sequence, header.cause);
        return Err(Refused::fault("sequence", position, reason));
    }
    Ok(())
}

/// An epoch follows the one before, and begins where, and after what, it says.
fn check_epoch(
    started: &EpochStarted,
    position: Position,
    (epoch, base, chain): (Epoch, Position, Chain),
    found: &mut Found,
) -> Result<(), Refused> {
    let said =
        (Epoch(started.epoch), Position(started.base_position), Chain(started.chain_at_base));
    if epoch <= found.epoch || said.0 != epoch {
        let reason = format!("epoch {} in a frame of {epoch}, after {}", said.0, found.epoch);
        return Err(Refused::fault("epoch", position, reason));
    }
    if said.1 != base {
        let reason = format!("epoch {epoch} says it begins at {}, the log is at {base}", said.1);
        return Err(Refused::fault("epoch", position, reason));
    }
    if said.2 != chain {
        let reason = format!("the chain at {base} is {chain}, epoch {epoch} began with {}", said.2);
        return Err(Refused::fault("chain", position, reason));
    }
    found.epoch = epoch;
    found.epochs += 1;
    Ok(())
}

fn check_balance(replay: &Replay, position: Position, found: &mut Found) -> Result<(), Refused> {
    let checked = replay.machine().check_conservation();
    checked.map_err(|fault| {
        let reason = format!("after command {}: {fault}", replay.sequence());
        Refused::fault("conservation", position, reason)
    })?;
    found.balances += 1;
    Ok(())
}

/// Prints the verdict; its exit code.
fn show(args: &Args, found: &Found, refused: Option<Refused>) -> Result<u8, End> {
    let (verdict, fault) = match refused {
        None => ("sound", None),
        Some(Refused::Fault(fault)) => ("fault", Some(fault)),
        Some(Refused::Unreadable(reason)) => return Err(End::unreadable(reason)),
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        let mut report = report(found, verdict);
        report["fault"] = fault.as_ref().map_or(Value::Null, |fault| {
            let position = fault.position.map(|position| position.0);
            json!({"check": fault.check, "position": position, "message": fault.message})
        });
        writeln!(out, "{report}")?;
    } else {
        write_words(&mut out, found, fault.as_ref())?;
    }
    out.flush()?;
    Ok(if fault.is_some() { FAULT } else { 0 })
}

fn report(found: &Found, verdict: &str) -> Value {
    json!({
        "verdict": verdict,
        "begin": found.begin.0,
        "events": found.events,
        "commands": found.commands,
        "transactions": found.transactions,
        "epochs": found.epochs,
        "position": found.position.0,
        "chain": found.chain.to_string(),
        "state_hash": found.state_hash.map(|hash| format!("{hash:032x}")),
        "conservation_checks": found.balances,
        "tail": found.tail,
        "elapsed_ns": found.elapsed_ns,
    })
}

fn write_words(out: &mut dyn Write, found: &Found, fault: Option<&Fault>) -> std::io::Result<()> {
    let Found { events, commands, transactions, epochs, position, chain, .. } = found;
    if let Some(fault) = fault {
        writeln!(out, "FAULT {fault}")?;
        if *events > 0 {
            writeln!(out, "before it: {events} events, {commands} commands, to {position}")?;
        }
        return Ok(());
    }
    let bytes = position.0 - found.begin.0;
    writeln!(out, "sound: {events} events in {transactions} transactions, {bytes} bytes")?;
    if found.begin != Position(0) {
        writeln!(out, "begin      at the snapshot at {}: what is before is recycled", found.begin)?;
    }
    writeln!(out, "frames     CRC, place and session of each; chain {chain}; {epochs} epochs")?;
    let (first, last) = (found.sequence_before + 1, found.sequence_before + commands);
    writeln!(out, "sequences  {first} to {last} without a gap, time never back")?;
    let hash = found.state_hash.unwrap_or_default();
    writeln!(out, "outcomes   executed again, each as logged; state hash {hash:032x}")?;
    writeln!(out, "balance    money and shares conserved, checked {} times", found.balances)?;
    let rate = u128::from(*events) * 1_000_000_000 / u128::from(found.elapsed_ns.max(1));
    writeln!(out, "in {:.1} s, {rate} events/s", found.elapsed_ns as f64 / 1e9)?;
    if let Some(tail) = &found.tail {
        writeln!(out, "note: {tail}")?;
    }
    Ok(())
}
