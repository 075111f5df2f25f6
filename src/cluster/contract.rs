//! What all nodes of an exchange must have in common, or one of them follows none of the others.

use std::fmt;

use isochron_cluster::{AckPolicy, Announce, Counted};

use crate::store::EpochStart;
use crate::types::Position;

use super::Membership;

/// The terms under which a node takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// Bytes of a segment of the log.
    pub term_bytes: u32,
    /// The SBE schema of the log's messages.
    pub schema_id: u16,
    /// Its version.
    pub schema_version: u16,
    /// The rulebook that a new epoch is begun under.
    pub rules_version: u32,
    /// How many nodes must have a transaction before it is committed.
    pub ack: AckPolicy,
    /// What that means.
    pub counted: Counted,
    /// How many nodes are configured.
    pub nodes: u8,
    /// Over their numbers and addresses.
    pub nodes_digest: u64,
    /// Commands from one comparison of states to the next: nodes that choose other places compare
    /// none. 0 where nobody executes.
    pub state_hash_every: u64,
}

/// The first thing that two nodes do not have in common. The message gives both values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The length of a segment.
    TermLength {
        /// Here.
        ours: u32,
        /// At the other node.
        theirs: u32,
    },
    /// The log's schema and its version.
    Schema {
        /// Here.
        ours: (u16, u16),
        /// At the other node.
        theirs: (u16, u16),
    },
    /// The rulebook.
    Rules {
        /// Here.
        ours: u32,
        /// At the other node.
        theirs: u32,
    },
    /// How many nodes are configured.
    NodeCount {
        /// Here.
        ours: u8,
        /// At the other node.
        theirs: u8,
    },
    /// Their numbers or addresses.
    Nodes {
        /// Here.
        ours: u64,
        /// At the other node.
        theirs: u64,
    },
    /// How many must have a transaction.
    Ack {
        /// Here.
        ours: AckPolicy,
        /// At the other node.
        theirs: AckPolicy,
    },
    /// What having it means.
    Durability {
        /// Here.
        ours: Counted,
        /// At the other node.
        theirs: Counted,
    },
    /// How far apart states are compared.
    StateHashEvery {
        /// Here.
        ours: u64,
        /// At the other node.
        theirs: u64,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TermLength { ours, theirs } => {
                write!(f, "the term length is {theirs} bytes there and {ours} here")
            }
            Self::Schema { ours, theirs } => write!(
                f,
                "the log's schema is {} version {} there and {} version {} here",
                theirs.0, theirs.1, ours.0, ours.1
            ),
            Self::Rules { ours, theirs } => {
                write!(f, "the rules version is {theirs} there and {ours} here")
            }
            Self::NodeCount { ours, theirs } => {
                write!(f, "{theirs} nodes are configured there and {ours} here")
            }
            Self::Nodes { ours, theirs } => write!(
                f,
                "the configured nodes, by number and address, have the digest {theirs:016x} there \
                 and {ours:016x} here"
            ),
            Self::Ack { ours, theirs } => write!(f, "ack is {theirs} there and {ours} here"),
            Self::Durability { ours, theirs } => {
                write!(f, "a transaction counts when {theirs} there and when {ours} here")
            }
            Self::StateHashEvery { ours, theirs } => {
                write!(f, "states are compared every {theirs} commands there and {ours} here")
            }
        }
    }
}

impl Contract {
    /// A node's terms: its nodes, and what its log is made of.
    #[must_use]
    pub fn new(
        membership: &Membership,
        term_bytes: u32,
        schema: (u16, u16),
        rules_version: u32,
    ) -> Self {
        Self {
            term_bytes,
            schema_id: schema.0,
            schema_version: schema.1,
            rules_version,
            ack: membership.ack(),
            counted: membership.counted(),
            nodes: membership.nodes().len() as u8,
            nodes_digest: membership.nodes_digest(),
            state_hash_every: 0,
        }
    }

    /// The same, with states that are compared every so many commands.
    #[must_use]
    pub fn comparing_states_every(self, commands: u64) -> Self {
        Self { state_hash_every: commands, ..self }
    }

    /// The terms that a primary announces.
    #[must_use]
    pub fn of(announce: &Announce) -> Self {
        Self {
            term_bytes: announce.term_length,
            schema_id: announce.schema_id,
            schema_version: announce.schema_version,
            rules_version: announce.rules_version,
            ack: announce.ack,
            counted: announce.counted,
            nodes: announce.nodes,
            nodes_digest: announce.nodes_digest,
            state_hash_every: announce.state_hash_every,
        }
    }

    /// The announcement of an epoch under these terms, whose log is published up to a position.
    pub(super) fn announce(&self, start: &EpochStart, published: Position) -> Announce {
        Announce {
            base: start.base.get(),
            chain_at_base: start.chain.0,
            published: published.get(),
            epoch: start.epoch.get(),
            term_length: self.term_bytes,
            schema_id: self.schema_id,
            schema_version: self.schema_version,
            rules_version: self.rules_version,
            ack: self.ack,
            counted: self.counted,
            nodes: self.nodes,
            nodes_digest: self.nodes_digest,
            state_hash_every: self.state_hash_every,
            ..Announce::default()
        }
    }

    /// The first thing in which `theirs` is another.
    #[must_use]
    pub fn difference(&self, theirs: &Self) -> Option<Difference> {
        let (ours, schema) = (self, |of: &Self| (of.schema_id, of.schema_version));
        macro_rules! first {
            ($($ours:expr, $theirs:expr => $difference:ident;)*) => {
                $(if $ours != $theirs {
                    return Some(Difference::$difference { ours: $ours, theirs: $theirs });
                })*
            };
        }
        first! {
            schema(ours), schema(theirs) => Schema;
            ours.rules_version, theirs.rules_version => Rules;
            ours.term_bytes, theirs.term_bytes => TermLength;
            ours.nodes, theirs.nodes => NodeCount;
            ours.nodes_digest, theirs.nodes_digest => Nodes;
            ours.ack, theirs.ack => Ack;
            ours.counted, theirs.counted => Durability;
            ours.state_hash_every, theirs.state_hash_every => StateHashEvery;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Chain;
    use crate::types::Epoch;

    fn contract() -> Contract {
        Contract {
            term_bytes: 65_536,
            schema_id: 1,
            schema_version: 0,
            rules_version: 3,
            ack: AckPolicy::QUORUM,
            counted: Counted::HELD,
            nodes: 3,
            nodes_digest: 0xabc,
            state_hash_every: 50,
        }
    }

    #[test]
    fn what_differs_is_named_with_both_values() {
        let differs = |change: fn(&mut Contract)| {
            let mut theirs = contract();
            change(&mut theirs);
            contract().difference(&theirs).expect("it differs").to_string()
        };
        assert_eq!(contract().difference(&contract()), None);
        let texts = [
            differs(|c| c.term_bytes = 131_072),
            differs(|c| c.schema_version = 1),
            differs(|c| c.schema_id = 7),
            differs(|c| c.rules_version = 4),
            differs(|c| c.nodes = 5),
            differs(|c| c.nodes_digest = 0xdef),
            differs(|c| c.ack = AckPolicy::ONE),
            differs(|c| c.counted = Counted::SYNCED),
            differs(|c| c.state_hash_every = 60),
        ];
        assert_eq!(
            texts,
            [
                "the term length is 131072 bytes there and 65536 here",
                "the log's schema is 1 version 1 there and 1 version 0 here",
                "the log's schema is 7 version 0 there and 1 version 0 here",
                "the rules version is 4 there and 3 here",
                "5 nodes are configured there and 3 here",
                "the configured nodes, by number and address, have the digest 0000000000000def \
                 there and 0000000000000abc here",
                "ack is one there and quorum here",
                "a transaction counts when synced there and when held here",
                "states are compared every 60 commands there and 50 here",
            ]
        );
    }

    #[test]
    fn what_is_announced_is_read() {
        let (epoch, base) = (Epoch(4), Position(320));
        let start = EpochStart { epoch, node: 2, base, chain: Chain(9) };
        let announce = contract().announce(&start, Position(640));
        assert_eq!(Contract::of(&announce), contract());
        assert_eq!((announce.epoch, announce.base, announce.chain_at_base), (4, 320, 9));
        assert_eq!(announce.published, 640);
    }
}
