//! What the loss of the primary came to: figures, and what of them must be true.

use super::super::report::Check;
use super::audit::Audit;
use super::cluster::EndedNode;
use super::operator::Takeover;
use super::service::{Confirmed, Latencies, Marks};
use serde_json::{Value, json};
use std::fmt;

/// Seconds a day without service that 99.99 % allow.
const ALLOWED_SECONDS: f64 = 86_400.0 / 10_000.0;

/// The loss of the primary, and what followed.
#[derive(Clone, Debug)]
pub(in crate::demo) struct Failover {
    /// Nodes in all.
    pub(super) nodes: usize,
    pub(super) takeover: Takeover,
    pub(super) marks: Marks,
    /// What the old primary had confirmed.
    pub(super) told: Confirmed,
    pub(super) latencies: Latencies,
}

impl Failover {
    /// Nanoseconds from the kill to the first confirmation of a command that was sent after it.
    fn without_service_ns(&self) -> u64 {
        self.marks.confirmed_at.get().saturating_sub(self.marks.killed_at.get())
    }

    fn promotion_ns(&self) -> u64 {
        self.marks.confirmed_at.get().saturating_sub(self.takeover.asked_at)
    }

    /// Of the commands in flight, those that the new primary held and confirmed.
    fn held(&self) -> u64 {
        self.marks.in_flight.get().saturating_sub(self.marks.not_accepted.get())
    }

    pub(in crate::demo) fn to_json(&self) -> Value {
        let Takeover { killed, promoted, epoch, asked_at, answered_at } = self.takeover;
        let caught_up_at = self.marks.caught_up_at.get();
        let caught_up = caught_up_at.checked_sub(self.marks.killed_at.get());
        json!({
            "nodes": self.nodes,
            "killed": killed,
            "promoted": promoted,
            "epoch": epoch,
            "without_service_ns": self.without_service_ns(),
            "promote_to_answer_ns": answered_at.saturating_sub(asked_at),
            "promote_to_confirmation_ns": self.promotion_ns(),
            "kill_to_all_sent_ns": caught_up,
            "allowed_a_day_ns": (ALLOWED_SECONDS * 1e9) as u64,
            "confirmed_before": self.told.count,
            "in_flight": self.marks.in_flight.get(),
            "in_flight_held": self.held(),
            "in_flight_not_accepted": self.marks.not_accepted.get(),
            "latency": self.latencies.to_json(),
        })
    }
}

impl fmt::Display for Failover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Takeover { killed, promoted, epoch, asked_at, answered_at } = self.takeover;
        let seconds = |ns: u64| ns as f64 / 1e9;
        writeln!(
            f,
            "node {killed} was killed, node {promoted} promoted: {:.3} s without service; a day of \
             99.99 % allows {ALLOWED_SECONDS:.2} s",
            seconds(self.without_service_ns())
        )?;
        writeln!(
            f,
            "  from `promote` to its answer {:.3} s, to the first new confirmation {:.3} s, in \
             epoch {epoch}",
            seconds(answered_at.saturating_sub(asked_at)),
            seconds(self.promotion_ns())
        )?;
        writeln!(
            f,
            "  confirmed before: {}; in flight: {}, of them held by node {promoted} and confirmed \
             {}, not accepted and sent again {}",
            self.told.count,
            self.marks.in_flight.get(),
            self.held(),
            self.marks.not_accepted.get()
        )?;
        let killed_at = self.marks.killed_at.get();
        match self.marks.caught_up_at.get().checked_sub(killed_at) {
            Some(ns) => {
                writeln!(f, "  all that was due was sent {:.3} s after the kill", seconds(ns))?;
            }
            None => writeln!(f, "  what was due meanwhile was not all sent")?,
        }
        for line in self.latencies.lines() {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

/// That everything which the old primary confirmed is in the new one's log, where it was, and
/// nothing twice.
pub(super) fn check_confirmed(told: &Confirmed, audit: &Audit) -> [Check; 2] {
    let found = &audit.confirmed;
    let lost = match (told.count, found.count) {
        (told, found) if told != found => {
            Some(format!("{found} of them are in the log, up to {}", audit.confirmed.end))
        }
        _ if told != found => Some("others stand in the log where they were confirmed".to_owned()),
        _ => None,
    };
    let twice = audit.repeated.map(|number| format!("command {number} is"));
    [
        Check { name: format!("nothing confirmed was lost: {} commands", told.count), fault: lost },
        Check { name: "no command is in the log twice".to_owned(), fault: twice },
    ]
}

/// That the states which the nodes' processes ended with are that of the log executed again.
pub(super) fn check_states(nodes: &[EndedNode], end: u64, hash: u128) -> Check {
    let hash = format!("{hash:032x}");
    let fault = nodes.iter().find_map(|EndedNode { place, state, .. }| match state {
        Some((at, own)) if *at == end && *own == hash => None,
        Some((at, own)) => Some(format!(
            "node {}: {own} at {at}; the log executed again: {hash} at {end}",
            place.node
        )),
        None => Some(format!("node {} did not say its state", place.node)),
    });
    let count = nodes.len();
    let name = format!("{count} nodes ended with one state; executing the log again leads to it");
    Check { name, fault }
}
