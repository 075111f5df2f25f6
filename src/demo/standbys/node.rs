//! The nodes of a demo: what each is configured with, and its process.
//!
//! All run on this machine. Each has a loopback address of its own, so that all have the same
//! ports, and a folder for its configuration, store, ring and log.

use super::super::part::{self, Part};
use super::super::repair::Addresses;
use super::super::setup::{self, Lines, quoted};
use super::super::{Args, Outcome, SOURCE, text};
use crate::agent::{Clock, SystemClock};
use crate::metrics::Counters;
use crate::net::{Endpoint, ReservedPort};
use crate::node::Interrupt;
use crate::store::StoreReader;
use crate::types::Nanos;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

/// A node's ports: between nodes, then for who missed some of the feed.
const CONTROL: u16 = 40_457;
const CATCH_UP: u16 = 40_458;
const REPAIRS: [u16; 3] = [42_001, 42_002, 42_003];

/// The port that keeps a network of addresses for a demo.
const KEPT: u16 = 40_456;

/// Where the log goes from node to node.
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 79, 1, 1);

/// Bytes of the ring into each core: some ten thousand orders.
const RING_BYTES: usize = 2 * 1024 * 1024;

/// Commands from one comparison of states to the next.
const STATE_HASH_EVERY: u64 = 100_000;

/// Networks that are tried.
const TRIES_MAX: u32 = 64;

/// A network of loopback addresses that no other demo has as long as this lives.
struct Network {
    base: [u8; 3],
    _kept: ReservedPort,
}

impl Network {
    fn take() -> Outcome<Self> {
        let mut last = String::new();
        for n in 0..TRIES_MAX {
            // From the process's number on, so that two demos rarely meet.
            let [.., high, low] = std::process::id().wrapping_add(n).to_be_bytes();
            let base = [127, 128 | high, low];
            let interface = Ipv4Addr::new(base[0], base[1], base[2], 254);
            match ReservedPort::take(Endpoint { group: GROUP, port: KEPT, interface }) {
                Ok(kept) => return Ok(Self { base, _kept: kept }),
                Err(error) => last = error.to_string(),
            }
        }
        Err(format!("no loopback network is free: {last}"))
    }

    fn address(&self, node: u32) -> Ipv4Addr {
        let [a, b, c] = self.base;
        Ipv4Addr::new(a, b, c, u8::try_from(node).expect("a few nodes"))
    }
}

/// Where a node lies.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its number, from 1.
    pub(super) node: u32,
    folder: PathBuf,
}

impl Place {
    /// A node's, in a folder of its own.
    pub(super) fn new(node: u32, folder: PathBuf) -> Self {
        Self { node, folder }
    }

    /// Its event store.
    pub(super) fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// Its configuration.
    pub(super) fn config(&self) -> PathBuf {
        self.folder.join("isochron.toml")
    }

    /// The ring into its core.
    pub(super) fn ring(&self) -> PathBuf {
        self.folder.join("orders.ring")
    }

    /// What it counts.
    pub(super) fn counters(&self) -> Outcome<Counters> {
        Counters::attach_writable(&self.store().join("counters")).map_err(text)
    }

    /// A reader of its log.
    pub(super) fn reader(&self) -> Outcome<StoreReader> {
        StoreReader::attach(&self.store(), None)
            .map_err(|error| format!("node {}: {error}", self.node))
    }
}

/// All of them, configured.
pub(super) struct Nodes {
    pub(super) places: Vec<Place>,
    network: Network,
    port: ReservedPort,
}

impl Nodes {
    /// Makes folders and configurations of so many nodes in a directory.
    pub(super) fn configure(
        args: &Args,
        count: u32,
        directory: &Path,
        lines: &Lines,
        clock: &SystemClock,
    ) -> Outcome<Self> {
        let (network, port) = (Network::take()?, ReservedPort::new().map_err(text)?);
        let place = |node| Place::new(node, directory.join(format!("node{node}")));
        let nodes = Self { places: (1..=count).map(place).collect(), network, port };
        for place in &nodes.places {
            super::super::refuse_used(&place.store())?;
        }
        let shared = nodes.replication(clock.now());
        for place in &nodes.places {
            fs::create_dir_all(&place.folder).map_err(text)?;
            let repairs = (!args.no_repair).then(|| nodes.repairs(place.node));
            let mut written = setup::text(args, &place.store(), lines, repairs);
            let (node, ring) = (place.node, quoted(&place.ring().display().to_string()));
            written += &format!(
                "[exchange]\nnode = {node}\n# Several nodes on one machine: nobody spins.\n\
                 [threads]\nidle = \"back_off\"\n\
                 [[sources]]\nid = {SOURCE}\nring = {ring}\nring_bytes = {RING_BYTES}\n{shared}"
            );
            fs::write(place.config(), written).map_err(text)?;
        }
        Ok(nodes)
    }

    /// What all of them have of each other.
    fn replication(&self, now: Nanos) -> String {
        let port = self.port.get();
        // A secret of this demo's nodes: it keeps others out by mistake, not by intent.
        let mut text = format!(
            "[replication]\nkey = \"{:064x}\"\nstate_hash_every_commands = {STATE_HASH_EVERY}\n\
             channel = \"aeron:udp?endpoint={GROUP}:{port}|interface=127.0.0.1\"\n",
            now.0
        );
        for Place { node, .. } in &self.places {
            let address = self.network.address(*node);
            let written = write!(
                text,
                "[[replication.nodes]]\nnode = {node}\ncontrol = \"{address}:{CONTROL}\"\n\
                 catch_up = \"{address}:{CATCH_UP}\"\n"
            );
            written.expect("a text takes what it is given");
        }
        text
    }

    fn repairs(&self, node: u32) -> [SocketAddrV4; 3] {
        REPAIRS.map(|port| SocketAddrV4::new(self.network.address(node), port))
    }

    /// Who repairs: each node, when it does.
    pub(super) fn repairers(&self, args: &Args) -> Vec<Addresses> {
        let repairers = self.places.iter().filter(|_| !args.no_repair).map(|place| {
            let [replay, snapshots, rerequests] =
                self.repairs(place.node).map(|address| address.to_string());
            Addresses { rerequests, replay, snapshots }
        });
        repairers.collect()
    }
}

/// A node's process.
pub(super) struct Node {
    /// Where it lies.
    pub(super) place: Place,
    part: Part,
}

impl Node {
    /// Starts it by `serve` or `standby`; its log is a file of that name.
    pub(super) fn start(place: &Place, command: &str) -> Outcome<Self> {
        let config = place.config();
        let arguments = [command.as_ref(), "--config".as_ref(), config.as_os_str()];
        let name = format!("node {}", place.node);
        let log = place.folder.join(format!("{command}.log"));
        Ok(Self { place: place.clone(), part: Part::start(name, arguments, log)? })
    }

    /// Waits until it is the primary, and so many others follow it.
    pub(super) fn wait_for_followers(
        &mut self,
        followers: usize,
        clock: &SystemClock,
        interrupt: &Interrupt,
    ) -> Outcome<()> {
        self.part.wait(clock, interrupt, |log| {
            part::line(log, "this node is the primary")?;
            let heard = log.iter().filter(|line| line["message"] == "follows this node");
            // One may have been silent, and be heard again.
            let heard: BTreeSet<_> = heard.map(|line| line["node"].as_u64()).collect();
            (heard.len() >= followers).then_some(())
        })
    }

    /// Waits until it runs, and follows somebody.
    pub(super) fn wait_for_primary(
        &mut self,
        clock: &SystemClock,
        interrupt: &Interrupt,
    ) -> Outcome<()> {
        self.part.wait(clock, interrupt, |log| {
            part::line(log, "ready").and(part::line(log, "follows")).map(drop)
        })
    }

    /// Ends it by `kill -9`.
    pub(super) fn kill(&mut self) -> Outcome<()> {
        self.part.kill()
    }

    /// Whether its process has ended.
    pub(super) fn has_ended(&mut self) -> bool {
        self.part.has_ended()
    }

    /// Ends it in order: what went wrong, and the state that it says it had: up to where its log
    /// is in it, and its hash.
    pub(super) fn end(mut self, clock: &SystemClock) -> (Option<String>, Option<(u64, String)>) {
        let fault = self.part.end(clock);
        (fault, last_state(&self.part.lines()))
    }
}

fn last_state(log: &[Value]) -> Option<(u64, String)> {
    let line = part::last_line(log, "ended, the store is closed")?;
    Some((line["end"].as_u64()?, line["state_hash"].as_str()?.to_owned()))
}
