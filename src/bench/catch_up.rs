//! Catching up over loopback: a log of the store's frames from one directory into another.
//!
//! ```text
//!   primary's store ── agent's thread ══ TCP ══▶ joining thread ── append_old ──▶ standby's store
//!         ▲                                             prepared segments ◀── helper's thread
//!         └── core ◀── ring ◀── orders at a rate: do they notice?   (primary.rs)
//! ```
//!
//! The standby judges every frame: CRC, epoch, session, chain. Nothing is synced while the time
//! is taken but what the store's own helper syncs.

mod primary;

use super::replay::{identity, scratch};
use super::report::{Report, Share, median};
use crate::agent::{Agent, Clock, IdleStrategy, Placement, StopFlag, SystemClock, start, take};
use crate::limits::CATCH_UP_CONNECTIONS_MAX;
use crate::metrics::Counters;
use crate::node::{SegmentAgent, SyncAgent};
use crate::replication::catch_up::{
    CatchUpAgent, DialOptions, Join, Library, Outcome, Peer, ServiceOptions, TcpConnector,
};
use crate::store::{
    EpochStart, LogPlace, Options, RealDisk, ReplicaStore, SegmentHelper, StoreReader, StoreWriter,
    SyncHelper, Until, framed,
};
use crate::types::{Nanos, Position, flags};
use clap::Args as ClapArgs;
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where an event's flags are.
const FLAGS_AT: usize = 36;
const FRAMES_PER_TRANSACTION: usize = 3;

/// After so long the standby is not waited for any more.
const PASS_NS_MAX: u64 = 300_000_000_000;

/// Options of `isochron bench catch-up`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Size of the log, in millions of bytes.
    #[arg(long, default_value_t = 1_000,
          value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(super) megabytes: u64,
    /// Bytes of a frame, a multiple of 32.
    #[arg(long, default_value_t = 128, value_parser = frame_bytes)]
    pub(super) frame_bytes: usize,
    /// The server's cap on bytes a second; none with 0.
    #[arg(long, default_value_t = 0)]
    pub(super) bytes_per_second: u64,
    /// Orders a second at a primary whose log is caught up with, before that and meanwhile; 0
    /// leaves this out.
    #[arg(long, default_value_t = 43_000,
          value_parser = clap::value_parser!(u64).range(0..=500_000))]
    pub(super) rate: u64,
    /// Where the stores are made, for the time of the run; a temporary directory where none is
    /// given.
    #[arg(long)]
    pub(super) directory: Option<PathBuf>,
    /// Passes; their median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    pub(super) passes: u8,
    /// Prints one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

fn frame_bytes(text: &str) -> Result<usize, String> {
    let bytes = text.parse::<usize>().map_err(|error| error.to_string())?;
    let fits = (96..=1408).contains(&bytes) && bytes.is_multiple_of(32);
    fits.then_some(bytes).ok_or_else(|| format!("{bytes} is no multiple of 32 from 96 to 1408"))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn append(writer: &mut StoreWriter, message_bytes: usize) -> Option<()> {
    let mut transaction = writer.begin(FRAMES_PER_TRANSACTION * framed(message_bytes)).ok()?;
    for n in 1..=FRAMES_PER_TRANSACTION {
        transaction.append(message_bytes, |bytes| {
            bytes.fill(n as u8);
            let end = if n == FRAMES_PER_TRANSACTION { flags::END_OF_TRANSACTION as u8 } else { 0 };
            bytes[FLAGS_AT] = end;
            bytes[FLAGS_AT + 1] = 0;
        });
    }
    transaction.finish();
    Some(())
}

/// What works beside a store.
fn helpers(
    segments: Option<SegmentHelper>,
    syncs: Option<SyncHelper>,
) -> Result<Vec<Box<dyn Agent>>, String> {
    match (segments, syncs) {
        (Some(segments), Some(syncs)) => {
            Ok(vec![Box::new(SegmentAgent(segments)), Box::new(SyncAgent(syncs))])
        }
        _ => Err("the store has no helpers".to_owned()),
    }
}

/// The standby.
struct JoinAgent {
    store: ReplicaStore,
    join: Join,
    /// It does nothing before.
    after: Nanos,
    begun: Option<Nanos>,
    /// When it had arrived, or why it does not.
    ended: Option<Result<Nanos, String>>,
    clock: SystemClock,
    stop: StopFlag,
}

impl JoinAgent {
    /// When it began and when it had arrived, or why it has not.
    fn times(&self) -> Result<(Nanos, Nanos), String> {
        let ended = self.ended.clone().ok_or("it was stopped")??;
        Ok((self.begun.ok_or("it never began")?, ended))
    }
}

impl Agent for JoinAgent {
    fn name(&self) -> &str {
        "standby"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        if self.ended.is_some() || now < self.after {
            return 0;
        }
        let begun = *self.begun.get_or_insert(now);
        let moved = self.join.turn(&mut self.store, &mut TcpConnector, now);
        self.ended = match self.join.poll_outcome() {
            Some(Outcome::Arrived { .. }) => Some(Ok(self.clock.now())),
            Some(other) => Some(Err(format!("{other:?}"))),
            None if now.0 > begun.0 + PASS_NS_MAX => Some(Err("it never arrives".into())),
            None => None,
        };
        if self.ended.is_some() {
            self.stop.stop();
        }
        moved
    }
}

/// The log to be copied, and its writer, who lives.
fn make(directory: &Path, args: &Args) -> Result<StoreWriter, String> {
    let options = Options::new(directory, identity());
    let (mut writer, _) = StoreWriter::open(&options, SystemClock::new().now()).map_err(text)?;
    let message_bytes = args.frame_bytes - crate::limits::FRAME_HEADER_BYTES;
    while writer.position().get() < args.megabytes * 1_000_000 {
        append(&mut writer, message_bytes).ok_or("the store takes nothing")?;
    }
    writer.sync().map_err(text)?;
    Ok(writer)
}

fn peer(node: u32) -> Peer {
    let mut identity = identity();
    identity.node = node;
    Peer::of(&identity, crate::limits::TERM_BYTES_DEFAULT, 1)
}

/// The giving agent, and where it listens.
fn serve(directory: &Path, cap: u64) -> Result<(CatchUpAgent, SocketAddrV4), String> {
    let options = ServiceOptions {
        me: peer(1),
        key: None,
        secret: [1; 32],
        connections_max: CATCH_UP_CONNECTIONS_MAX,
        bytes_per_second: cap,
    };
    let library = Library::new(Arc::new(RealDisk), directory.to_path_buf(), &identity());
    let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let counters = Counters::in_memory();
    let agent = CatchUpAgent::open(any, options, library, &counters).map_err(text)?;
    match agent.address().map_err(text)? {
        SocketAddr::V4(address) => Ok((agent, address)),
        SocketAddr::V6(address) => Err(format!("it listens at {address}")),
    }
}

/// The epoch that is written now.
fn epoch(directory: &Path) -> Result<EpochStart, String> {
    let outline = StoreReader::outline(&RealDisk, directory).map_err(text)?;
    outline.and_then(|outline| outline.epochs.last().copied()).ok_or("no epoch".into())
}

/// What one pass found.
struct Pass {
    bytes: u64,
    elapsed_ns: u64,
}

/// A standby with an empty store, and what works beside that.
fn joining(
    (there, here): (&Path, &Path),
    address: SocketAddrV4,
    reach_bytes: u64,
    clock: &SystemClock,
    stop: &StopFlag,
) -> Result<(JoinAgent, Vec<Box<dyn Agent>>), String> {
    let mut identity = identity();
    identity.node = 2;
    let options = Options::new(here, identity);
    let opened = ReplicaStore::open_on(Arc::new(RealDisk), &options, None, clock.now());
    let (mut store, _) = opened.map_err(text)?;
    let helpers = helpers(store.take_helper(), store.take_syncer())?;
    let dial = DialOptions { me: peer(2), key: None, servers: vec![address], secret: [2; 32] };
    let join = Join::new(dial, epoch(there)?, reach_bytes, false);
    let (after, stop) = (Nanos(0), stop.clone());
    let joining = JoinAgent { store, join, after, begun: None, ended: None, clock: *clock, stop };
    Ok((joining, helpers))
}

/// Copies the log once.
fn pass(args: &Args, root: &Path, clock: &SystemClock) -> Result<Pass, String> {
    let (there, here) = (root.join("primary"), root.join("standby"));
    let writer = make(&there, args)?;
    let (server, address) = serve(&there, args.bytes_per_second)?;
    let stop = StopFlag::new();
    let (joining, helpers) = joining((&there, &here), address, 0, clock, &stop)?;
    let mut agents: Vec<Box<dyn Agent>> = vec![Box::new(joining), Box::new(server)];
    agents.extend(helpers);
    let placement = Placement::dedicated(IdleStrategy::BACK_OFF);
    let running = start(agents, &placement, clock, &stop).map_err(text)?;
    let mut agents = running.join().map_err(|panics| format!("{panics:?}"))?;
    let joined: Box<JoinAgent> = take(&mut agents).ok_or("the standby is gone")?;
    let (begun, ended) = joined.times()?;
    check(&there, joined.store.held(), writer.position())?;
    let bytes = joined.store.contiguous().get();
    Ok(Pass { bytes, elapsed_ns: (ended.0 - begun.0).max(1) })
}

/// The standby has the log, whose chain at its end is that of the primary.
fn check(directory: &Path, held: LogPlace, least: Position) -> Result<(), String> {
    let expected = crate::store::Expected::default();
    let options = crate::store::ReaderOptions {
        expected,
        until: Until::Published,
        check: crate::store::Check::Content,
        trusts_durable: true,
    };
    let mut reader =
        StoreReader::attach_on(Arc::new(RealDisk), directory, &options).map_err(text)?;
    while reader.position() < held.position && reader.next().map_err(text)?.is_some() {}
    let found = reader.chain();
    if held.position < least || reader.position() != held.position || found != Some(held.chain) {
        let LogPlace { position, chain } = held;
        return Err(format!("{position} of {least} with the chain {chain}, there it is {found:?}"));
    }
    Ok(())
}

/// Measures.
pub(super) fn run(args: &Args) -> Result<Report, String> {
    let clock = SystemClock::new();
    let (mut rates, mut bytes, mut percent) = (Vec::new(), 0, None);
    for _ in 0..args.passes {
        let scratch = scratch(args.directory.as_deref())?;
        let share = Share::begin(&clock);
        let pass = pass(args, scratch.path(), &clock)?;
        percent = share.percent(&clock);
        bytes = pass.bytes;
        rates.push(pass.bytes as f64 * 1e3 / pass.elapsed_ns as f64);
    }
    let (rate, passes) = median(rates.clone(), "MB/s");
    let cap = match args.bytes_per_second {
        0 => "no cap".to_owned(),
        cap => format!("a cap of {} MB/s", cap / 1_000_000),
    };
    let frame_bytes = args.frame_bytes;
    let mut notes = vec![format!("{bytes} bytes of frames of {frame_bytes} bytes, {cap}"), passes];
    notes.push(Share::note(percent));
    let mut lines = vec![format!("catch-up: {rate:.0} MB/s of {frame_bytes} B frames")];
    let mut json = json!({
        "bench": "catch-up", "bytes": bytes, "frame_bytes": frame_bytes,
        "bytes_per_second": rate * 1e6, "passes_mb": rates, "cap": args.bytes_per_second,
    });
    let mut fault = None;
    if args.rate > 0 {
        let scratch = scratch(args.directory.as_deref())?;
        let beside = primary::run(args, scratch.path(), &clock)?;
        notes.extend(beside.notes);
        lines.push(beside.line);
        json["primary"] = beside.json;
        fault = beside.fault;
    }
    Ok(Report { notes, line: lines.join("\n"), json, fault })
}
