//! What befalls a world: drawn from its seed, each kind in some worlds and not in others, so that
//! every kind also meets worlds where nothing else disturbs it.

use crate::network::{Fate, Kind, Lane, Node};
use crate::planted::Planted;
use crate::script::Random;

/// Something that happens between two cycles of the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The process dies; what it wrote is there.
    Kill(Node),
    /// The machine loses power; of each sector that was not synced, so many of a thousand are kept.
    LosePower(Node, u64),
    /// It does nothing for a time, and then goes on as if nothing had been.
    Pause(Node, u64),
    /// A link's lane has another fate for a time.
    Fate(Node, Node, Lane, Fate, u64),
    /// A lane has another fate for a time on all links to a node, or from it, or both.
    Around(Node, Lane, Ways, Fate, u64),
    /// The others hear nothing of these nodes for a time, and these nothing of them, or all.
    Part(Vec<Node>, Ways, u64),
    /// All messages of one kind are lost for a time.
    LoseKind(Kind, u64),
    /// Datagrams of the past come again.
    RepeatPast(u64),
    /// The operator makes it primary.
    Promote(Node),
    /// The primary is lost, and others with it; the operator makes this one primary by force.
    Force(Node),
    /// Its disk is replaced by an empty one.
    Empty(Node),
    /// The disk takes no more bytes, or fails to sync; until the node's next start.
    FailDisk(Node, bool),
}

/// Which links between two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ways {
    To,
    From,
    Both,
}

impl Ways {
    /// Whether a link is one of them, that leads to the one side or from it.
    pub(crate) fn has(self, leads_to: bool) -> bool {
        self == Self::Both || (self == Self::To) == leads_to
    }
}

/// Which kinds of trouble a world has, and how much of it.
pub(crate) struct Trouble {
    nodes: u64,
    kinds: Vec<u64>,
    /// Of a thousand cycles, how many something happens before.
    often: u64,
}

const KINDS: u64 = 14;

/// Kinds in which a planted fault shows.
pub(crate) const KILLS: u64 = 0;
pub(crate) const LOSES_POWER: u64 = 1;
pub(crate) const LOSES_DATA: u64 = 4;
pub(crate) const PARTS: u64 = 6;
pub(crate) const PROMOTES: u64 = 9;

/// The kind that is a promotion by force.
pub(crate) const FORCE: u64 = 12;

const MS: u64 = 1_000_000;

impl Trouble {
    /// Draws a world's troubles.
    pub(crate) fn draw(nodes: usize, planted: Option<Planted>, random: &mut Random) -> Self {
        if let Some(planted) = planted {
            let (nodes, kinds) = (nodes as u64, planted.shows_in().to_vec());
            return Self { nodes, kinds, often: random.one_of(&[5, 10, 20]) };
        }
        let mut kinds: Vec<u64> = (0..KINDS).filter(|_| random.chance(500)).collect();
        // By force something is lost: most worlds must keep all that was confirmed.
        if random.chance(700) {
            kinds.retain(|kind| *kind != FORCE);
        }
        if kinds.is_empty() {
            kinds.push(random.below(KINDS));
        }
        Self { nodes: nodes as u64, kinds, often: random.one_of(&[2, 5, 10, 20]) }
    }

    /// What happens to a node that has just promised, followed or begun an epoch, if anything does:
    /// deaths at such moments are what promises are for.
    pub(crate) fn strikes(&self, node: Node, random: &mut Random) -> Option<Event> {
        let dies = self.kinds.contains(&KILLS) && random.chance(150);
        let loses = self.kinds.contains(&LOSES_POWER) && random.chance(150);
        match (dies, loses) {
            (true, _) => Some(Event::Kill(node)),
            (_, true) => Some(Event::LosePower(node, random.one_of(&[0, 500, 1_000]))),
            _ => None,
        }
    }

    /// What happens now, if anything does.
    pub(crate) fn next(&self, random: &mut Random) -> Option<Event> {
        if !random.chance(self.often) {
            return None;
        }
        let node = random.below(self.nodes) as Node;
        let other = (node + 1 + random.below(self.nodes - 1) as Node) % self.nodes as Node;
        let for_ns = random.one_of(&[2, 20, 120, 400]) * MS * random.between(1, 3);
        Some(match random.one_of(&self.kinds) {
            KILLS => Event::Kill(node),
            LOSES_POWER => Event::LosePower(node, random.one_of(&[0, 100, 500, 900, 1_000])),
            2 => Event::Pause(node, for_ns),
            3 => Event::Fate(node, other, lossy_lane(random), lossy(random), for_ns),
            // At one receiver, whoever sends.
            LOSES_DATA => Event::Around(node, Lane::Data, Ways::To, lossy(random), for_ns),
            5 => match random.chance(500) {
                true => Event::Fate(node, other, random.one_of(&Lane::ALL), Fate::DOWN, for_ns),
                // The data's path is up and the control's down, or the other way about.
                false => {
                    Event::Around(node, random.one_of(&Lane::ALL), ways(random), Fate::DOWN, for_ns)
                }
            },
            // Long enough, now and then, for the others to go on by themselves.
            PARTS => {
                let some = some_of(self.nodes, random);
                Event::Part(some, ways(random), for_ns * random.between(1, 3))
            }
            7 => Event::LoseKind(random.one_of(&Kind::ALL), for_ns.min(150 * MS)),
            8 => Event::RepeatPast(random.between(1, 60)),
            PROMOTES => Event::Promote(node),
            10 => Event::FailDisk(node, random.chance(500)),
            11 => Event::Empty(node),
            FORCE => Event::Force(node),
            _ => Event::Fate(node, other, Lane::Control, late(random), for_ns),
        })
    }
}

fn lossy_lane(random: &mut Random) -> Lane {
    random.one_of(&[Lane::Data, Lane::Answers, Lane::Control])
}

fn lossy(random: &mut Random) -> Fate {
    Fate { lost: random.one_of(&[20, 100, 300, 800]), ..Fate::GOOD }
}

/// Mostly both.
fn ways(random: &mut Random) -> Ways {
    random.one_of(&[Ways::Both, Ways::Both, Ways::To, Ways::From])
}

/// Long delays, and so much out of order.
fn late(random: &mut Random) -> Fate {
    Fate { late: 300, late_ns: random.one_of(&[5, 50, 600]) * MS, doubled: 100, ..Fate::GOOD }
}

fn some_of(nodes: u64, random: &mut Random) -> Vec<Node> {
    (0..nodes as Node).filter(|_| random.chance(500)).collect()
}
