//! `isochron inspect DIR`: the events of a log as lines, or any past book.
//!
//! ```text
//!   store ─▶ transaction ─▶ select.rs: which events ─▶ show.rs: a line each
//!        └─▶ executed again up to a moment ─▶ book.rs: levels and orders
//! ```

mod book;
mod select;
mod show;
mod span;

use super::output::{End, end};
use crate::limits::{FRAME_ALIGNMENT_BYTES, TRANSACTION_BYTES_MAX};
use crate::store::{Check, Expected, ReaderOptions, RealDisk, StoreReader, Until};
use crate::types::Position;
use clap::Args as ClapArgs;
use isochron_events::Message;
use select::{Entry, Filter, Selection};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How often the end of a log is looked at for more.
const FOLLOW_PAUSE: Duration = Duration::from_millis(20);

/// More events than a transaction can have: each takes a frame.
const TRANSACTION_EVENTS_MAX: usize = TRANSACTION_BYTES_MAX / FRAME_ALIGNMENT_BYTES;

/// Options of `isochron inspect`.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Args {
    /// The store's directory.
    directory: PathBuf,
    /// Prints a JSON object on each line, every field as the log has it.
    #[arg(long)]
    json: bool,
    /// Stays at the log's end and shows what is appended, until interrupted.
    #[arg(long, conflicts_with = "book")]
    follow: bool,
    /// Ends after so many events.
    #[arg(long, value_name = "EVENTS", conflicts_with = "book", default_value_t = u64::MAX,
        hide_default_value = true)]
    limit: u64,
    #[command(flatten, next_help_heading = "Which events; all that are given must hold")]
    selection: Selection,
    #[command(flatten, next_help_heading = "A book instead")]
    book: book::Past,
}

/// Runs the command: 0, or 1 if the log does not execute as it says, 2 if it cannot be read.
pub(super) fn run(args: &Args) -> ExitCode {
    end("inspect", &args.directory.display(), inspect(args).map(|()| 0))
}

fn inspect(args: &Args) -> Result<(), End> {
    let schema = (isochron_events::SCHEMA_ID, isochron_events::SCHEMA_VERSION);
    let options = ReaderOptions {
        expected: Expected::schema(schema.0, schema.1),
        until: Until::Committed,
        check: Check::Headers,
        ..ReaderOptions::default()
    };
    let mut reader = StoreReader::attach_on(Arc::new(RealDisk), &args.directory, &options)
        .map_err(End::unreadable)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    match args.book.book {
        Some(symbol) => book::show(&args.book, symbol, &mut reader, args.json, &mut out)?,
        None => events(args, &mut reader, &mut out)?,
    }
    Ok(out.flush()?)
}

/// Prints the selected events.
fn events(args: &Args, reader: &mut StoreReader, out: &mut dyn Write) -> Result<(), End> {
    skip(&args.selection, reader)?;
    let mut filter = Filter::new(args.selection.clone());
    let mut transaction = Vec::with_capacity(TRANSACTION_EVENTS_MAX);
    let mut left = args.limit;
    while left > 0 {
        transaction.clear();
        if !next_transaction(reader, &mut transaction)? {
            out.flush()?;
            if !args.follow {
                return filter.judge_symbol().map_err(End::unreadable);
            }
            std::thread::sleep(FOLLOW_PAUSE);
            continue;
        }
        for entry in filter.select(&transaction) {
            if left > 0 {
                left -= 1;
                let line = if args.json { show::json(entry) } else { show::human(entry) };
                writeln!(out, "{line}")?;
            }
        }
        if transaction.first().is_some_and(|command| filter.is_past(command)) {
            return Ok(());
        }
    }
    Ok(())
}

/// The next whole transaction; false at the log's end.
fn next_transaction(reader: &mut StoreReader, transaction: &mut Vec<Entry>) -> Result<bool, End> {
    while let Some(frame) = reader.next().map_err(End::unreadable)? {
        let (position, epoch, last) = (frame.position, frame.epoch.0, frame.ends_transaction);
        let named = |error: &dyn std::fmt::Display| {
            End::unreadable(format!("position {position}: {error}"))
        };
        let message = Message::decode(frame.message).map_err(|error| named(&error))?;
        transaction.push(Entry { position, epoch, message });
        if last {
            return Ok(true);
        }
        if transaction.len() > TRANSACTION_EVENTS_MAX {
            return Err(named(&"a transaction without an end"));
        }
    }
    Ok(false)
}

/// Goes to the last term before which nothing can be selected: a term begins with a transaction,
/// and positions, sequences and times only grow.
fn skip(selection: &Selection, reader: &mut StoreReader) -> Result<(), End> {
    // What a symbol names is learned from the beginning.
    if selection.symbol.is_some() {
        return Ok(());
    }
    let terms = reader.meta().terms;
    let begin = reader.position();
    let end = reader.end().map_err(End::unreadable)?;
    let term_bytes = terms.bytes() as u64;
    // Of the terms `low..high`, all but the first may begin too late.
    let (mut low, mut high) = (begin.0 / term_bytes, end.0.div_ceil(term_bytes));
    while high.saturating_sub(low) > 1 {
        let middle = low + (high - low) / 2;
        if is_before(selection, reader, Position(middle * term_bytes))? {
            low = middle;
        } else {
            high = middle;
        }
    }
    let base = Position(low * term_bytes).max(begin);
    reader.seek(base, None).map_err(End::unreadable)
}

/// Whether nothing before the term at `base` can be selected.
fn is_before(selection: &Selection, reader: &mut StoreReader, base: Position) -> Result<bool, End> {
    reader.seek(base, None).map_err(End::unreadable)?;
    let Some(frame) = reader.next().map_err(End::unreadable)? else { return Ok(false) };
    let message = Message::decode(frame.message)
        .map_err(|error| End::unreadable(format!("position {base}: {error}")))?;
    let header = message.header();
    Ok(selection.position.is_some_and(|span| base.0 <= span.first)
        || selection.sequence.is_some_and(|span| header.sequence <= span.first)
        || selection.time.is_some_and(|span| header.timestamp < span.first))
}
