//! A primary's agent and those of its standbys, as nodes have them, over sockets of loopback.
//!
//! ```text
//!   writer ─▶ store ─▶ PrimaryAgent ══ data, commits ══▶ StandbyAgent ─▶ store
//!    ▲ committed ◀───────────┘      ◀═ answers, Ack ════
//! ```
//!
//! All of it is what a node runs, but for who executes: a standby stores, checks and acknowledges
//! here. What it executes follows what is committed and nobody waits for it, so that it would only
//! take the cores that a standby has on a machine of its own. A commit waits for a majority.

use super::replay::identity;
use crate::agent::{Agent, Clock, Group, IdleStrategy, SystemClock, cores_available};
use crate::cluster::agent::{
    PrimaryAgent, PrimaryOptions, PrimaryParts, StandbyAgent, StandbyOptions, StandbyParts, Voice,
};
use crate::cluster::{Contract, Membership, NodeAddress};
use crate::core::RULES_VERSION;
use crate::net::{ReservedPort, StreamBuffers, UdpMedia};
use crate::replication::catch_up::{DialOptions, Peer, TcpConnector};
use crate::replication::channel::Channel;
use crate::replication::receiver::ReceiverOptions;
use crate::replication::sender::{SenderOptions, StoreLog};
use crate::store::{
    Committer, Disk, EpochStart, Identity, LogPlace, Options, RealDisk, ReplicaStore, StoreWriter,
    Terms, Voter, session_id,
};
use crate::types::{Epoch, Nanos};
use isochron_cluster::{AckPolicy, Counted};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// After so long the standbys' last bytes are not waited for any more.
const SETTLE_NS_MAX: u64 = 10_000_000_000;

/// The agent of a standby that nobody executes for.
pub(super) type Standby = StandbyAgent<UdpMedia, UdpMedia, TcpConnector, ()>;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The receivers' windows, and the buffers of the sockets.
pub(super) const WINDOW_BYTES: u64 = 2 * 1024 * 1024;

/// A channel of one run alone.
pub(super) fn channel(port: u16, last_octet: u8) -> Result<Channel, String> {
    let channel = format!(
        "aeron:udp?endpoint=239.77.98.{last_octet}:{port}|interface=127.0.0.1|fc=min\
         |rcv-wnd={WINDOW_BYTES}|so-rcvbuf={WINDOW_BYTES}|so-sndbuf={WINDOW_BYTES}"
    );
    channel.parse().map_err(text)
}

/// The nodes of one run, before they run: node 1 is the primary.
pub(super) struct Nodes {
    directory: PathBuf,
    term_bytes: usize,
    channel: Channel,
    addresses: Vec<NodeAddress>,
    /// Of each node, until its agent takes it.
    controls: Vec<Option<UdpMedia>>,
    /// The stream's, kept from others.
    _port: ReservedPort,
}

/// What the agent of a primary needs of its store, beside its log.
pub(super) struct Beginning {
    pub(super) start: EpochStart,
    committer: Committer,
    ballot: Voter,
    terms: Terms,
}

impl Nodes {
    /// So many standbys and their primary, with their stores in a directory.
    pub(super) fn new(directory: &Path, term_bytes: usize, standbys: u32) -> Result<Self, String> {
        let port = ReservedPort::new().map_err(text)?;
        let (mut addresses, mut controls) = (Vec::new(), Vec::new());
        for node in 1..=1 + standbys {
            let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
            let media = UdpMedia::addressed(any, StreamBuffers::default()).map_err(text)?;
            let control = media.address().map_err(text)?;
            // Nobody listens there: what is asked for in a run, the stream brings.
            addresses.push(NodeAddress { node, control, catch_up: control });
            controls.push(Some(media));
        }
        Ok(Self {
            directory: directory.to_path_buf(),
            term_bytes,
            channel: channel(port.get(), 7)?,
            addresses,
            controls,
            _port: port,
        })
    }

    fn identity(node: u32) -> Identity {
        Identity { node, ..identity() }
    }

    /// A node's store.
    pub(super) fn store(&self, node: u32) -> Options {
        let directory = self.directory.join(format!("node-{node}"));
        let options = Options::new(directory, Self::identity(node));
        Options { term_bytes: self.term_bytes, ..options }
    }

    fn membership(&self, node: u32) -> Result<Membership, String> {
        let Identity { exchange, exchange_number, .. } = Self::identity(node);
        let exchange = (exchange.as_str(), exchange_number);
        let (ack, counted) = (AckPolicy::QUORUM, Counted::HELD);
        Membership::new(exchange, node, &self.addresses, ack, counted).map_err(text)
    }

    fn contract(&self, membership: &Membership) -> Contract {
        let Identity { schema_id, schema_version, .. } = identity();
        let term_bytes = self.term_bytes as u32;
        Contract::new(membership, term_bytes, (schema_id, schema_version), RULES_VERSION)
    }

    fn voice(&mut self, node: u32, now: Nanos) -> Result<Voice<UdpMedia>, String> {
        let control = self.controls[node as usize - 1].take().ok_or("a node has one agent")?;
        Ok(Voice::new(self.membership(node)?, None, now.get(), control))
    }

    fn replica(&self, node: u32, now: Nanos) -> Result<ReplicaStore, String> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let opened = ReplicaStore::open_on(disk, &self.store(node), None, now);
        opened.map(|(replica, _)| replica).map_err(text)
    }

    /// The primary's store, in its first epoch, as after a vote: others say what is committed.
    pub(super) fn begin(&self, now: Nanos) -> Result<(StoreWriter, Beginning), String> {
        let replica = self.replica(1, now)?;
        let (ballot, terms) = (replica.voter(), replica.terms());
        let (mut writer, start) = replica.into_writer(Epoch(1)).map_err(text)?;
        let committer = writer.take_committer().ok_or("the store commits by itself")?;
        Ok((writer, Beginning { start, committer, ballot, terms }))
    }

    /// The primary's agent.
    pub(super) fn primary(&mut self, begun: Beginning, now: Nanos) -> Result<Primary, String> {
        let Beginning { start, committer, ballot, terms } = begun;
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let Options { directory, identity, .. } = self.store(1);
        let log = StoreLog::attach_on(&disk, &directory).map_err(text)?;
        let session = session_id(&identity.exchange, start.epoch);
        let stream = identity.exchange_number;
        let sender = SenderOptions::new(&self.channel, session, stream, terms, start.base);
        let contract = self.contract(&self.membership(1)?);
        let committed = LogPlace { position: start.base, chain: start.chain };
        let options = PrimaryOptions { sender, contract, start, committed };
        let data = self.channel.open_sender().map_err(text)?;
        let (voice, log) = (self.voice(1, now)?, (log, terms));
        let parts = PrimaryParts { voice, committer, ballot, log, data, executed: () };
        let agent = PrimaryAgent::new(options, parts, now);
        let standbys = self.addresses.len() - 1;
        Ok(Primary { agent, standbys, complete: Complete::default() })
    }

    /// The agents of all standbys, with empty stores.
    pub(super) fn standbys(&mut self, now: Nanos) -> Result<Vec<Standby>, String> {
        (2..=self.addresses.len() as u32).map(|node| self.standby(node, now)).collect()
    }

    fn standby(&mut self, node: u32, now: Nanos) -> Result<Standby, String> {
        let (identity, term_bytes) = (Self::identity(node), self.term_bytes);
        let receiver =
            ReceiverOptions::new(&self.channel, identity.exchange_number, i64::from(node));
        let options = StandbyOptions {
            receiver,
            contract: self.contract(&self.membership(node)?),
            patience_ns: 0,
            asks_again_ns: None,
            discard: false,
            dial: DialOptions {
                me: Peer::of(&identity, term_bytes, RULES_VERSION),
                key: None,
                servers: Vec::new(),
                secret: [node as u8; 32],
            },
        };
        let parts = StandbyParts {
            voice: self.voice(node, now)?,
            data: self.channel.open_receiver().map_err(text)?,
            connector: TcpConnector,
            executed: (),
        };
        Ok(StandbyAgent::new(options, self.replica(node, now)?, parts, now))
    }
}

/// Whether all standbys take the stream and acknowledge.
#[derive(Clone, Default)]
pub(super) struct Complete(Arc<AtomicBool>);

impl Complete {
    pub(super) fn is_so(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The agent of a primary, and whether its standbys are there.
pub(super) struct Primary {
    agent: PrimaryAgent<UdpMedia, UdpMedia, StoreLog, ()>,
    standbys: usize,
    complete: Complete,
}

impl Primary {
    /// Where it tells whether its standbys are there.
    pub(super) fn complete(&self) -> Complete {
        self.complete.clone()
    }
}

impl Agent for Primary {
    fn name(&self) -> &str {
        "primary"
    }

    #[inline]
    fn do_work(&mut self, now: Nanos) -> usize {
        let work = self.agent.do_work(now);
        if !self.complete.is_so() {
            let acknowledging = self.agent.leader().peers().filter(|peer| !peer.silent).count();
            let receiving = self.agent.sender().receivers().count();
            let all = acknowledging.min(receiving) == self.standbys;
            self.complete.0.store(all, Ordering::Release);
        }
        work
    }

    fn failure(&self) -> Option<String> {
        self.agent.failure()
    }
}

/// A thread for each standby: on a core of its own where there are so many behind the first
/// `taken`, or all on the next one, where they take turns.
pub(super) fn threads(standbys: Vec<Standby>, taken: usize) -> Vec<Group> {
    let (cores, count) = (cores_available(), standbys.len());
    let has_own = cores >= taken + count;
    let idle = match cores > taken && (has_own || count == 1) {
        true => IdleStrategy::Spin,
        false => IdleStrategy::Yield,
    };
    let group = |(at, standby): (usize, Standby)| Group {
        name: format!("standby-{}", at + 1),
        agents: vec![Box::new(standby)],
        core: (cores > taken).then_some(taken + if has_own { at } else { 0 }),
        idle,
    };
    standbys.into_iter().enumerate().map(group).collect()
}

/// Where [`threads`] puts standbys, in words.
pub(super) fn placement(standbys: usize, taken: usize) -> String {
    match (cores_available(), standbys) {
        (_, 0) => "no standby".to_owned(),
        (cores, _) if cores >= taken + standbys => "each standby on a core of its own".to_owned(),
        (cores, _) if cores > taken => format!("{standbys} standbys in turns on core {taken}"),
        _ => format!("{standbys} standbys on the same cores"),
    }
}

/// Lets nodes whose threads have ended go on until all hold the log to its end and all of it is
/// committed; why it does not come to that.
pub(super) fn settle(
    primary: &mut Primary,
    standbys: &mut [Box<Standby>],
    end: LogPlace,
    clock: &SystemClock,
) -> Result<(), String> {
    let given_up = Nanos(clock.now().get() + SETTLE_NS_MAX);
    loop {
        let now = clock.now();
        primary.do_work(now);
        standbys.iter_mut().for_each(|standby| {
            standby.cycle(now);
        });
        let committed = primary.agent.leader().committed();
        let held: Vec<_> = standbys.iter().map(|standby| standby.replica().held()).collect();
        if committed == end && held.iter().all(|held| *held == end) {
            return Ok(());
        }
        if now > given_up {
            return Err(format!(
                "the log ends at {end:?}; {committed:?} is committed, {held:?} held"
            ));
        }
    }
}
