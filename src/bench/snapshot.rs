//! A snapshot of a large exchange: how long it takes to save it, to read it back, and to load it,
//! and how far apart snapshots may then be.
//!
//! The exchange is that of `bench memory`. A file that was just written is read from the system's
//! memory, as after the death of a process; after a power failure the disk's own speed comes on top.

use super::memory;
use super::replay::{identity, scratch};
use super::report::Report;
use crate::agent::{Clock, SystemClock};
use crate::core::restore;
use crate::snapshot::{Budget, Speed, commands_between};
use crate::store::{Chain, LogPlace, RealDisk, SECTION_STATE, SnapshotInfo, Snapshots};
use crate::types::{Epoch, Nanos, Position, Sequence};
use clap::Args as ClapArgs;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

/// Options of `isochron bench snapshot`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    exchange: memory::Args,
    /// Commands a second that a start executes again, as `bench replay` says; for the cadence.
    #[arg(long, default_value_t = 2_000_000)]
    replay: u64,
    /// Where the snapshot is made, for the time of the run; a temporary directory where none is
    /// given.
    #[arg(long)]
    directory: Option<PathBuf>,
}

impl Args {
    pub(super) fn json(&self) -> bool {
        self.exchange.json
    }
}

/// Saves and loads a large exchange.
pub(super) fn run(args: &Args) -> Result<Report, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let machine = memory::fill(&args.exchange)?;
    let capacity = memory::capacity(&args.exchange);
    let scratch = scratch(args.directory.as_deref())?;
    let snapshots = Snapshots::new(Arc::new(RealDisk), scratch.path(), &identity());
    let position = Position(96);
    let moment = SnapshotInfo {
        place: LogPlace { position, chain: Chain(0) },
        epoch: Epoch(1),
        sequence: Sequence(1),
        time: Nanos(1),
        state_hash: 0,
        trading_date: 0,
        day_ended: true,
    };
    let clock = SystemClock::new();
    let begin = clock.now().get();
    let mut writer = snapshots.begin(moment).map_err(|error| text(&error))?;
    writer.section(SECTION_STATE).map_err(|error| text(&error))?;
    let hash = machine.save(&mut writer).map_err(|error| text(&error))?;
    let written_ns = clock.now().get() - begin;
    let finished = writer.finish(hash).map_err(|error| text(&error))?;
    finished.keep().map_err(|error| text(&error))?;
    let saved_ns = clock.now().get() - begin;

    let begin = clock.now().get();
    let file = snapshots.open(position).map_err(|error| text(&error))?;
    let replay = restore(&file, capacity)?;
    let load_ns = (clock.now().get() - begin).max(1);
    let found = replay.machine().state_hash();
    let fault = (found != hash).then(|| format!("state hash {found:032x}, saved {hash:032x}"));

    let take_ns = saved_ns + load_ns;
    let speed =
        Speed { replay_per_second: args.replay, load_ns, take_ns, arriving_per_second: 215_000 };
    let between = commands_between(Budget::default(), speed);
    let seconds = |ns: u64| ns as f64 / 1e9;
    let cadence = between.map_or("none".to_owned(), |commands| commands.to_string());
    let notes = vec![
        format!(
            "state written in {:.2} s, durable after {:.2} s",
            seconds(written_ns),
            seconds(saved_ns)
        ),
        format!(
            "a start within 5 s, replay at {} commands/s: one each {cadence} commands",
            args.replay
        ),
    ];
    let megabytes = file.length_bytes() / 1_000_000;
    let line = format!(
        "snapshot: {megabytes} MB, saved in {:.2} s, loaded in {:.2} s",
        seconds(saved_ns),
        seconds(load_ns)
    );
    let json = json!({
        "bench": "snapshot", "bytes": file.length_bytes(), "saved_ns": saved_ns,
        "written_ns": written_ns, "load_ns": load_ns, "commands_between": between,
        "state_hash": format!("{hash:032x}"),
    });
    Ok(Report { notes, line, json, fault })
}
