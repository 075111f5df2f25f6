//! What worlds lived through, so that nothing is proven by its never happening.

use std::collections::BTreeMap;
use std::fmt;

/// What is counted; a thousand worlds together must have met each of these.
const MET: &[&str] = &[
    "transactions confirmed",
    "epochs",
    "kills",
    "power losses",
    "pauses",
    "disks that failed",
    "links disturbed",
    "lanes around a node disturbed",
    "partitions",
    "partitions of one way",
    "answers of one kind lost",
    "control messages of one kind lost",
    "repetitions of the past",
    "promotions asked for",
    "promotions refused",
    "primaries deposed",
    "primaries passed",
    "tails discarded",
    "catch-ups",
    "states compared",
    "disks replaced",
    "directories filled",
    "directories filled from a snapshot",
    "snapshots",
    "starts from a snapshot",
    "logs that begin later",
    "stores put aside",
    "nodes that began again",
    "promotions by force",
    "transactions lost by force",
    "nodes that stopped before they cut",
    "lossy starts",
    "datagrams lost",
    "datagrams of the past",
];

/// How often what happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lived(BTreeMap<&'static str, u64>);

impl Lived {
    pub(crate) fn count(&mut self, what: &'static str, times: u64) {
        *self.0.entry(what).or_default() += times;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(what, times)| self.count(what, *times));
    }

    /// What was never met although many worlds meet it.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        MET.iter()
            .copied()
            .filter(|what| self.0.get(what).is_none_or(|times| *times == 0))
            .collect()
    }
}

impl fmt::Display for Lived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(what, times)| writeln!(f, "  {times:>12} {what}"))
    }
}
