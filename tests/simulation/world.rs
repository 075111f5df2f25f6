//! One world: its nodes, its network, its clock, its troubles, and its end.
//!
//! ```text
//!   boot ─▶ trouble ─▶ everything is mended ─▶ progress is due ─▶ the last checks
//!             │ each cycle: what happens, what arrives, each node's work, the checks
//! ```
//!
//! In the time of trouble nothing is asked of the nodes but to do no wrong. When all is mended and
//! an operator helps, they must come to agree, confirm new orders, and be equal in every byte.

#[path = "world/befalls.rs"]
mod befalls;
#[path = "world/operator.rs"]
mod operator;

use std::collections::{BTreeMap, BTreeSet};

use isochron::store::Durability;
use isochron::types::Nanos;

use crate::calendar::Commands;
use crate::lived::Lived;
use crate::machine::{Ground, Habits, Machine};
use crate::network::{Fate, Lane, Network, Node};
use crate::oracle::Oracle;
use crate::planted::Planted;
use crate::script::Random;
use crate::shown::Shown;
use crate::streams::Streams;
use crate::trouble::Trouble;
use operator::Forced;

const MS: u64 = 1_000_000;

/// When worlds begin: on the script's trading day.
const BEGINNING: u64 = 1_795_000_000_000_000_000;

/// The longest time after the end of all trouble in which there must be progress.
const RECOVERY_NS_MAX: u64 = 30_000 * MS;

/// How often the operator looks after a cluster that is in trouble no more.
const OPERATOR_NS: u64 = 900 * MS;

/// How the complaint begins that nothing goes on.
pub(crate) const NO_PROGRESS: &str = "no progress";

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
    /// All trouble is over: nobody dies any more.
    is_mended: bool,
    /// How often the operator looks after the nodes, and when next.
    tends_ns: u64,
    tend_at: u64,
    /// Transactions that were confirmed when he looked last.
    tended: usize,
    forced: Option<Forced>,
    telling: bool,
}

impl World {
    pub(crate) fn new(seed: u64, planted: Option<Planted>) -> Self {
        let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x5eed);
        let nodes = random.one_of(&[2, 3, 3, 3, 4, 5, 5]);
        let durability = random.one_of(&[Durability::Process, Durability::Disk]);
        let nodes = planted.map_or(nodes, Planted::nodes);
        let durability = planted.map_or(durability, Planted::durability);
        let habits = Habits::draw(&mut random);
        let habits = planted.map_or(habits, Planted::habits);
        let network = Network::new(nodes, random.next());
        let ground = Ground {
            nodes,
            durability,
            sync_interval_ns: random.one_of(&[3, 30, 300]) * MS,
            habits,
            network,
            streams: Streams::default(),
            oracle: Oracle::default(),
            commands: Commands::new(),
            lived: Lived::default(),
            planted,
            shown: Shown::default(),
        };
        let trouble = Trouble::draw(nodes, planted, &mut random);
        let machines = (0..nodes).map(|node| Machine::new(node, random.next())).collect();
        let tends_ns = random.one_of(&[30, 100, 300]) * MS;
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
            is_mended: false,
            tends_ns,
            tend_at: BEGINNING,
            tended: 0,
            forced: None,
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
        let Ground { nodes, durability, habits, .. } = self.ground;
        self.tell(&format!(
            "seed {}: {nodes} nodes, commits by {durability:?}, {habits:?}",
            self.seed
        ));
        self.boot();
        let trouble_until = self.now + self.random.between(300, 2_500) * MS;
        while self.now < trouble_until {
            if let Some(event) = self.trouble.next(&mut self.random) {
                self.happens(event);
            }
            self.tend();
            self.cycle(true);
        }
        self.mend_all();
        self.recover();
        self.conclude();
        let counts = self.ground.network.counts();
        let (oracle, lived) = (&self.ground.oracle, &mut self.ground.lived);
        lived.count("transactions confirmed", oracle.confirmed().len() as u64);
        lived.count("transactions that came back", oracle.came_back() as u64);
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
        self.machines[0].promote(&mut self.ground, false, Nanos(self.now));
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
            let told = machine.work(&mut self.ground, Nanos(self.now));
            if orders && !self.is_mended && self.machines[node].has_turned() {
                self.strike(node);
            }
            // A process that ended by itself is started again by its operator.
            if self.machines[node].is_down() {
                self.starts.entry(node).or_insert(self.now + 100 * MS);
            }
            told.iter().for_each(|what| self.tell(what));
        }
        self.look_after_forced();
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

    /// All trouble ends.
    fn mend_all(&mut self) {
        self.tell(&"all is mended");
        self.is_mended = true;
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
            let served = self.is_served();
            let due = *begun_at.get_or_insert(confirmed) + ORDERS_AFTER;
            if confirmed >= due && served && self.all_agree() {
                return;
            }
            if self.now >= until {
                let states: Vec<String> = self.machines.iter().map(Machine::describe).collect();
                panic!(
                    "{NO_PROGRESS} for {} s after all was mended: {confirmed} confirmed, {due} due; {}",
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

    fn all_agree(&self) -> bool {
        let end = self.ground.oracle.end();
        self.machines.iter().all(|machine| machine.has_released(end))
    }

    /// In silence everything is equal: what the primary lives with, what each node executed, and
    /// what comes of a snapshot of it.
    fn conclude(&self) {
        self.machines.iter().for_each(Machine::conclude);
        self.tell(&"the end");
    }
}
