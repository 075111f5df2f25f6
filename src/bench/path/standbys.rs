//! (d): a primary with no, one and two standbys side by side: orders a second as fast as they go,
//! and the time from when an order was meant to be sent to its outcome seen committed.
//!
//! The threads are the same with and without standbys, so that what differs is theirs.

use super::parties::CAPACITY;
use super::{Run, text};
use crate::agent::{Clock, IdleStrategy, Placement, SystemClock, cores_available};
use crate::bench::nodes::{self, Nodes, Primary, Standby};
use crate::bench::report::{percentiles_json, us};
use crate::core::{Intake, Options, Sequencer};
use crate::demo::flow::{Flow, Mix, Next};
use crate::state_machine::{Replay, StateMachine};
use crate::store::{Chain, LogPlace, RealDisk};
use crate::types::Position;
use isochron_events::Message;
use serde_json::{Value, json};
use std::sync::Arc;

/// How many standbys, and what runs with so many are called: at a rate, and as fast as it goes.
pub(super) const RUNS: [(u32, &str, &str); 3] = [
    (0, "no standby", "no standby, as fast as it goes"),
    (1, "1 standby", "1 standby, as fast as it goes"),
    (2, "2 standbys", "2 standbys, as fast as it goes"),
];

/// Commands of a run as fast as it goes, for each second that one at a rate takes.
pub(super) const FAST_COMMANDS: u64 = 60_000;

/// The most standbys of a run.
const STANDBYS_MAX: usize = 2;

/// Source, core and the primary's agent: on a core each where the standbys have theirs too, or in
/// turns on one.
pub(super) fn placement() -> Placement {
    match cores_available() {
        0 | 1 => Placement::shared(IdleStrategy::BACK_OFF),
        cores if cores < 3 + STANDBYS_MAX => {
            Placement { cores: vec![0], ..Placement::shared(IdleStrategy::Spin) }
        }
        _ => Placement { cores: vec![0, 1, 2], ..Placement::dedicated(IdleStrategy::Spin) },
    }
}

/// The cores that those take.
pub(super) fn cores_taken() -> usize {
    placement().cores.len().max(1)
}

/// Where all threads are, in words.
pub(super) fn described() -> String {
    let (own, standbys) = (placement(), nodes::placement(STANDBYS_MAX, cores_taken()));
    format!("standbys: source, core and primary {own}; {standbys}")
}

/// A primary's agent and its standbys.
pub(super) struct Replicas {
    pub(super) primary: Primary,
    pub(super) standbys: Vec<Standby>,
    /// Keeps the stream's port.
    pub(super) nodes: Nodes,
}

/// The core of a primary with standbys whose stores are empty.
pub(super) fn open(mut nodes: Nodes, clock: &SystemClock) -> Result<(Sequencer, Replicas), String> {
    let now = clock.now();
    let (writer, begun) = nodes.begin(now)?;
    let replay = Replay::new(StateMachine::with_capacity(CAPACITY));
    let beginning = LogPlace { position: Position(0), chain: Chain::default() };
    let options = Options { store: nodes.store(1), capacity: CAPACITY };
    let (disk, state, intake) = (Arc::new(RealDisk), (replay, beginning), Intake::default());
    let sequencer = Sequencer::take_over(disk, writer, state, &options, &intake, now);
    let sequencer = sequencer.map_err(text)?;
    let primary = nodes.primary(begun, now)?;
    let standbys = nodes.standbys(now)?;
    Ok((sequencer, Replicas { primary, standbys, nodes }))
}

/// The default flow, for so many commands.
pub(super) struct SoMany(pub(super) Mix, pub(super) u64);

impl Flow for SoMany {
    fn setup(&mut self) -> Vec<Message> {
        self.0.setup()
    }

    fn next(&mut self) -> Next {
        if self.1 == 0 {
            return Next::Done;
        }
        let next = self.0.next();
        self.1 -= u64::from(matches!(next, Next::Command { .. }));
        next
    }

    fn on_event(&mut self, event: &Message) {
        self.0.on_event(event);
    }

    fn notes(&self) -> Vec<(String, u64)> {
        self.0.notes()
    }
}

/// The runs side by side: lines for people, a list for programs.
pub(super) fn side_by_side(runs: &[Run]) -> (Vec<String>, Value) {
    let (mut lines, mut list) = (Vec::new(), Vec::new());
    for (standbys, at_rate, most) in RUNS {
        let of = |label| runs.iter().find(|run| run.label == label);
        let (Some(paced), Some(fast)) = (of(at_rate), of(most)) else { continue };
        let [p50, p99] = [0.5, 0.99].map(|at| us(paced.latencies.value_at_quantile(at)));
        let (rate, orders) = (paced.rate, fast.sent_rate());
        lines.push(format!("{at_rate}: {orders} orders/s; {rate}/s p50 {p50} p99 {p99} us"));
        list.push(json!({
            "standbys": standbys, "orders_per_second": orders, "rate": rate,
            "latency": percentiles_json(&paced.latencies),
        }));
    }
    (lines, list.into())
}
