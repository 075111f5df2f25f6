//! One world: its nodes, its network, its clock, its troubles, and its end.
//!
//! ```text
//!   boot ─▶ trouble ─▶ everything is mended ─▶ progress is due ─▶ the last checks
//!             │ each cycle: what happens, what arrives, each node's work, the checks
//! ```
//!
//! In the time of trouble nothing is asked of the nodes but to do no wrong. When all is mended and
//! an operator helps, they must come to agree, confirm new orders, and be equal in every byte.

use std::collections::{BTreeMap, BTreeSet};

use isochron::store::Durability;
use isochron::types::Nanos;

use crate::lived::Lived;
use crate::machine::{Ground, Machine};
use crate::network::{Fate, Lane, Network, Node};
use crate::oracle::Oracle;
use crate::planted::{Planted, Shown};
use crate::script::{Random, Script};
use crate::streams::Streams;
use crate::trouble::{Event, Trouble};

const MS: u64 = 1_000_000;

/// When worlds begin: on the script's trading day.
const BEGINNING: u64 = 1_795_000_000_000_000_000;

/// The longest time after the end of all trouble in which there must be progress.
const RECOVERY_NS_MAX: u64 = 30_000 * MS;

/// How often the operator looks after a cluster that is in trouble no more.
const OPERATOR_NS: u64 = 900 * MS;

/// Orders that must be confirmed after all trouble.
const ORDERS_AFTER: usize = 40;

/// What ends at a time.
#[derive(Clone, Debug)]
enum Mend {
    Link(Node, Node, Lane),
    Kind,
}

/// A world of one seed.
pub(crate) struct World {
    seed: u64,
    random: Random,
    now: u64,
    ground: Ground,
    machines: Vec<Machine>,
    trouble: Trouble,
    /// What is mended when; the second number keeps two of one time apart.
    mends: BTreeMap<(u64, u64), Mend>,
    starts: BTreeMap<Node, u64>,
    pauses: BTreeMap<Node, u64>,
    /// Whose unsynced log a loss of power has taken: with others they must not be a majority,
    /// where what is held counts as kept.
    bereft: BTreeSet<Node>,
    telling: bool,
}

impl World {
    pub(crate) fn new(seed: u64, planted: Option<Planted>) -> Self {
        let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x5eed);
        let nodes = random.one_of(&[2, 3, 3, 3, 4, 5, 5]);
        let durability = random.one_of(&[Durability::Process, Durability::Disk]);
        let network = Network::new(nodes, random.next());
        let ground = Ground {
            nodes,
            durability,
            network,
            streams: Streams::default(),
            oracle: Oracle::default(),
            script: Script::new(),
            lived: Lived::default(),
            planted,
            shown: Shown::default(),
        };
        let trouble = Trouble::draw(nodes, &mut random);
        let machines = (0..nodes).map(|node| Machine::new(node, random.next())).collect();
        let world = Self {
            seed,
            random,
            now: BEGINNING,
            ground,
            machines,
            trouble,
            mends: BTreeMap::new(),
            starts: BTreeMap::new(),
            pauses: BTreeMap::new(),
            bereft: BTreeSet::new(),
            telling: false,
        };
        if let Some(planted) = planted {
            planted.plant(&world.ground.network, &world.ground.shown);
        }
        world
    }

    /// It tells its story on standard output.
    pub(crate) fn telling(mut self) -> Self {
        self.telling = true;
        self
    }

    fn tell(&self, what: &dyn std::fmt::Display) {
        if self.telling {
            println!("{:>10.3} ms  {what}", (self.now - BEGINNING) as f64 / MS as f64);
        }
    }

    /// Lives from the beginning to the end.
    ///
    /// # Panics
    /// If a check fails.
    pub(crate) fn live(mut self) -> Lived {
        let Ground { nodes, durability, .. } = self.ground;
        self.tell(&format!("seed {}: {nodes} nodes, commits by {durability:?}", self.seed));
        self.boot();
        let trouble_until = self.now + self.random.between(300, 2_500) * MS;
        while self.now < trouble_until {
            if let Some(event) = self.trouble.next(&mut self.random) {
                self.happens(event);
            }
            self.cycle(true);
        }
        self.mend_all();
        self.recover();
        self.conclude();
        let counts = self.ground.network.counts();
        let (oracle, lived) = (&self.ground.oracle, &mut self.ground.lived);
        lived.count("transactions confirmed", oracle.confirmed().len() as u64);
        lived.count("epochs", oracle.epochs() as u64);
        lived.count("datagrams delivered", counts.delivered);
        lived.count("datagrams lost", counts.lost + counts.overflowed);
        lived.count("datagrams of the past", counts.from_the_past);
        lived.count("datagrams rewritten", counts.rewritten);
        self.ground.lived
    }

    /// All nodes start, and the first one becomes primary; if not at once, an operator sees to it.
    fn boot(&mut self) {
        for machine in &mut self.machines {
            machine.start(&mut self.ground, Nanos(self.now));
        }
        self.machines[0].promote(&mut self.ground, Nanos(self.now));
        for _ in 0..100 {
            self.cycle(false);
        }
    }

    /// Everybody's work for a moment.
    fn cycle(&mut self, orders: bool) {
        self.now += self.random.one_of(&[50, 200, 400, 1_000]) * 1_000;
        self.mend();
        self.ground.network.advance(self.now);
        let first = self.random.below(self.machines.len() as u64) as usize;
        for turn in 0..self.machines.len() {
            let node = (first + turn) % self.machines.len();
            if self.pauses.contains_key(&node) {
                continue;
            }
            let machine = &mut self.machines[node];
            if orders && self.random.chance(200) {
                let count = self.random.between(1, 4);
                machine.take_orders(&mut self.ground, count, Nanos(self.now));
            }
            for what in machine.work(&mut self.ground, Nanos(self.now)) {
                self.tell(&what);
            }
        }
        self.bereft.retain(|node| !self.machines[*node].has_caught_up());
    }

    fn mend(&mut self) {
        while let Some(entry) = self.mends.first_entry()
            && entry.key().0 <= self.now
        {
            match entry.remove() {
                Mend::Link(from, to, lane) => {
                    self.ground.network.set_fate(from, to, lane, Fate::GOOD);
                }
                Mend::Kind => self.ground.network.lose_kind(None),
            }
        }
        let now = self.now;
        self.pauses.retain(|_, until| *until > now);
        let due: Vec<Node> =
            self.starts.iter().filter(|(_, at)| **at <= now).map(|(node, _)| *node).collect();
        for node in due {
            self.start(node);
        }
    }

    fn start(&mut self, node: Node) {
        self.starts.remove(&node);
        self.pauses.remove(&node);
        let told = self.machines[node].start(&mut self.ground, Nanos(self.now));
        self.tell(&format!("node {node} starts: {told}"));
    }

    /// Mends at a time, each under a key of its own.
    fn mend_at(&mut self, at: u64, mend: Mend) {
        let serial = self.random.next();
        self.mends.insert((at, serial), mend);
    }

    fn happens(&mut self, event: Event) {
        self.tell(&format!("{event:?}"));
        let now = self.now;
        match event {
            Event::Kill(node) => {
                if self.machines[node].kill(&mut self.ground) {
                    self.ground.lived.count("kills", 1);
                    self.starts.insert(node, now + self.random.between(1, 400) * MS);
                }
            }
            Event::LosePower(node, kept) => self.lose_power(node, kept),
            Event::Pause(node, for_ns) => {
                self.ground.lived.count("pauses", 1);
                self.pauses.insert(node, now + for_ns);
            }
            Event::Fate(from, to, lane, fate, for_ns) => {
                self.ground.lived.count("links disturbed", 1);
                self.ground.network.set_fate(from, to, lane, fate);
                self.mend_at(now + for_ns, Mend::Link(from, to, lane));
            }
            Event::Part(some, for_ns) => {
                self.ground.lived.count("partitions", 1);
                self.part(&some, now + for_ns);
            }
            Event::LoseKind(kind, for_ns) => {
                self.ground.lived.count("answers of one kind lost", 1);
                self.ground.network.lose_kind(Some(kind));
                self.mend_at(now + for_ns, Mend::Kind);
            }
            Event::RepeatPast(count) => {
                self.ground.lived.count("repetitions of the past", 1);
                self.ground.network.repeat_past(count);
            }
            Event::Promote(node) => self.machines[node].promote(&mut self.ground, Nanos(now)),
            Event::FailDisk(node, full) => {
                if self.machines[node].fail_disk(full) {
                    self.ground.lived.count("disks that failed", 1);
                    self.starts.insert(node, now + self.random.between(20, 400) * MS);
                }
            }
        }
    }

    /// Where what is held counts as kept, only so many may lose what they hold as a quorum can
    /// spare: that is what `durability = process` promises.
    fn lose_power(&mut self, node: Node, kept: u64) {
        let spare = (self.ground.nodes - 1) / 2;
        let others = self.bereft.iter().filter(|other| **other != node).count();
        if self.ground.durability == Durability::Process && others >= spare {
            return;
        }
        if self.machines[node].lose_power(&mut self.ground, kept, &mut self.random) {
            self.ground.lived.count("power losses", 1);
            self.bereft.insert(node);
            self.starts.insert(node, self.now + self.random.between(1, 400) * MS);
        }
    }

    fn part(&mut self, some: &[Node], until: u64) {
        for from in 0..self.ground.nodes {
            for to in (0..self.ground.nodes).filter(|to| some.contains(&from) != some.contains(to))
            {
                for lane in Lane::ALL {
                    self.ground.network.set_fate(from, to, lane, Fate::DOWN);
                    self.mend_at(until, Mend::Link(from, to, lane));
                }
            }
        }
    }

    /// All trouble ends.
    fn mend_all(&mut self) {
        self.tell(&"all is mended");
        self.mends.clear();
        self.pauses.clear();
        self.ground.network.heal();
        for node in 0..self.machines.len() {
            if self.machines[node].must_restart() {
                self.start(node);
            }
        }
    }

    /// With an operator's help the cluster comes back: new orders are confirmed, and everybody has
    /// what was confirmed.
    fn recover(&mut self) {
        let until = self.now + RECOVERY_NS_MAX;
        let (mut helped, mut candidate) = (self.now, self.random.below(5) as usize);
        let mut begun_at = None;
        loop {
            let confirmed = self.ground.oracle.confirmed().len();
            let served = self.machines.iter().any(Machine::is_serving);
            let due = *begun_at.get_or_insert(confirmed) + ORDERS_AFTER;
            if confirmed >= due && served && self.all_agree() {
                return;
            }
            if self.now >= until {
                let states: Vec<String> = self.machines.iter().map(Machine::describe).collect();
                panic!(
                    "no progress for {} s after all was mended: {confirmed} confirmed, {due} due; {}",
                    RECOVERY_NS_MAX / 1_000_000_000,
                    states.join("; ")
                );
            }
            if self.now >= helped + OPERATOR_NS {
                helped = self.now;
                candidate += 1;
                self.operate(candidate % self.machines.len());
            }
            // Orders end when enough are confirmed, so that everybody can come to the end.
            self.cycle(confirmed < due);
        }
    }

    /// What an operator does who sees that the cluster does not come back: makes another node the
    /// primary, and ends a primary that some node will not follow, because it gave its word to
    /// somebody who never led.
    fn operate(&mut self, candidate: Node) {
        let known = self.machines.iter().filter_map(Machine::known).max();
        let primary = self.machines.iter().position(Machine::is_serving);
        let node = match primary {
            Some(node) if self.machines[node].known() < known => {
                self.tell(&format!("the operator starts node {node} anew"));
                self.start(node);
                node
            }
            Some(_) => return,
            None => candidate,
        };
        self.tell(&format!("the operator promotes node {node}"));
        self.machines[node].promote(&mut self.ground, Nanos(self.now));
    }

    fn all_agree(&self) -> bool {
        let end = self.ground.oracle.end();
        self.machines.iter().all(|machine| machine.has_released(end))
    }

    /// In silence everything is equal: what the primary lives with, what each node executed, and
    /// what comes of a snapshot of it.
    fn conclude(&mut self) {
        for machine in &mut self.machines {
            machine.conclude(&self.ground);
        }
        self.tell(&"the end");
    }
}
