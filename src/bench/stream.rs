//! The order stream that benchmarks play: generated from a seed, or read from a file.

use super::report::Report;
use crate::order_stream::{
    LIVE_TARGET_DEFAULT, OPERATION_BYTES, OPERATIONS_DEFAULT, Operation, OrderStream, SEED_DEFAULT,
    SYMBOLS_DEFAULT, TradeTotals,
};
use clap::Args as ClapArgs;
use serde_json::json;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Operations that fill the books before the clock starts, in a stream that is long enough.
const WARM_UP: usize = 300_000;

/// Which stream, and how often.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct StreamArgs {
    /// Plays this file instead of generating: records of 20 bytes, little endian.
    #[arg(long, value_name = "FILE")]
    pub(super) stream: Option<PathBuf>,
    /// Writes the generated stream to this file, and measures nothing.
    #[arg(long, value_name = "FILE", conflicts_with = "stream")]
    pub(super) write: Option<PathBuf>,
    /// Operations to generate.
    #[arg(long, default_value_t = OPERATIONS_DEFAULT)]
    pub(super) operations: u64,
    /// Symbols to generate.
    #[arg(long, default_value_t = SYMBOLS_DEFAULT,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) symbols: u16,
    /// Live orders that each symbol tends to.
    #[arg(long, default_value_t = LIVE_TARGET_DEFAULT)]
    pub(super) live: u32,
    /// Seed of the generator.
    #[arg(long, default_value_t = SEED_DEFAULT)]
    pub(super) seed: u64,
    /// Passes that measure throughput; their median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    pub(super) passes: u8,
    /// Prints one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// A stream in memory.
pub(super) struct Stream {
    pub(super) operations: Vec<Operation>,
    /// What a correct engine trades, where it is known: the generator keeps books of its own.
    pub(super) expected: Option<TradeTotals>,
    /// Room for the orders that are live at one time.
    pub(super) orders: usize,
}

impl Stream {
    /// Reads or generates what was asked for.
    pub(super) fn open(args: &StreamArgs) -> Result<Self, String> {
        if let Some(path) = &args.stream {
            let operations =
                read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            return Ok(Self { operations, expected: None, orders: room(args) });
        }
        let mut stream = OrderStream::new(args.operations, args.symbols, args.live, args.seed);
        let operations: Vec<_> = stream.by_ref().collect();
        let expected = Some(stream.totals().trades);
        Ok(Self { operations, expected, orders: room(args) })
    }

    /// What fills the books, and what is timed.
    pub(super) fn split(&self) -> (&[Operation], &[Operation]) {
        self.operations.split_at(WARM_UP.min(self.operations.len() / 2))
    }

    /// Symbols that the stream names, from 0.
    pub(super) fn symbols(&self) -> u32 {
        self.operations.iter().map(|operation| u32::from(operation.symbol) + 1).max().unwrap_or(1)
    }

    /// Why an engine's trades are wrong, if they are.
    pub(super) fn fault(&self, found: &TradeTotals) -> Option<String> {
        let expected = self.expected.filter(|expected| expected != found)?;
        Some(format!("{found}; a correct engine has {expected}"))
    }
}

/// The books tend to the target and go a little beyond it.
fn room(args: &StreamArgs) -> usize {
    (usize::from(args.symbols) * args.live as usize).next_power_of_two().max(1 << 10)
}

/// Records the stream, as it was generated, and says so.
pub(super) fn write(path: &Path, stream: &Stream) -> Result<Report, String> {
    let write = || -> io::Result<()> {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        let mut operations = stream.operations.iter();
        operations.try_for_each(|operation| file.write_all(&operation.encode()))?;
        file.flush()
    };
    write().map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    let operations = stream.operations.len();
    let line = format!("{operations} operations written");
    let json = json!({ "operations": operations });
    Ok(Report { notes: Vec::new(), line, json, fault: None })
}

fn read(path: &Path) -> io::Result<Vec<Operation>> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut operations = Vec::new();
    let mut record = [0; OPERATION_BYTES];
    loop {
        match file.read(&mut record[..1])? {
            0 => return Ok(operations),
            _ => file.read_exact(&mut record[1..])?,
        }
        let at = operations.len() * OPERATION_BYTES;
        let operation = Operation::decode(&record)
            .map_err(|error| io::Error::other(format!("byte {at}: {error}")))?;
        operations.push(operation);
    }
}
