//! Orders of the exchange's own, for trials: a flow that trades until the exchange ends.

use super::super::output::End;
use crate::agent::{Clock, StopFlag, SystemClock};
use crate::demo::source::{Parts, Progress, SourceAgent, Watch};
use crate::demo::{SOURCE, Tempo, calendar_date, open_flow};
use crate::metrics::latencies;
use crate::node::Exchange;
use std::cell::Cell;

/// Latencies that may wait to be collected.
const LATENCIES_MAX: usize = 1 << 12;

/// How long the mix is expected to trade: it halts an instrument in the middle.
const SECONDS_EXPECTED: u64 = 600;

/// A flow that trades.
pub(super) struct OrderSource {
    stop: StopFlag,
    progress: Progress,
    said: Cell<bool>,
}

impl OrderSource {
    /// Adds a flow to an exchange whose first ring is its own.
    pub(super) fn add(
        flow: &str,
        tempo: &Tempo,
        exchange: &mut Exchange,
        clock: SystemClock,
    ) -> Result<Self, End> {
        if exchange.core.as_ref().is_some_and(|core| core.instruments > 0) {
            return Err(End::unreadable(
                "--flow begins a new exchange, and instruments are defined in this one: name \
                 another store, or serve this one without --flow",
            ));
        }
        let date = calendar_date(clock.now());
        let (mut flow, pace) =
            open_flow(flow, tempo, SECONDS_EXPECTED, date).map_err(End::unreadable)?;
        let (recorder, _) = latencies(LATENCIES_MAX);
        let stop = StopFlag::new();
        let (agent, progress) = SourceAgent::new(Parts {
            setup: flow.setup(),
            flow,
            pace,
            duration_ns: None,
            source: SOURCE,
            ring: exchange.producers.remove(0),
            reader: exchange.reader().map_err(End::unreadable)?,
            journal: Box::new(recorder),
            clock: Box::new(clock),
            watch: Watch { exchange: exchange.counters.clone(), subscribers: Vec::new() },
            stop: stop.clone(),
        });
        exchange.agents.push(Box::new(agent));
        Ok(Self { stop, progress, said: Cell::new(false) })
    }

    /// Says once that the flow is over, which a file is some day.
    pub(super) fn look(&self) {
        if self.has_ended() && !self.said.replace(true) {
            tracing::info!("the flow is over");
        }
    }

    /// Ends it.
    pub(super) fn stop(&self) {
        self.stop.stop();
    }

    /// Whether all that it sent was seen committed.
    pub(super) fn has_ended(&self) -> bool {
        self.progress.is_finished()
    }
}
