//! Orders of the exchange's own, for trials: a flow that trades until the exchange ends.

use super::super::output::End;
use crate::agent::{Clock, StopFlag, SystemClock};
use crate::demo::flow::Flow;
use crate::demo::pace::Pace;
use crate::demo::source::{Parts, Progress, SourceAgent};
use crate::demo::{SOURCE, Tempo, calendar_date, open_flow};
use crate::metrics::latencies;
use crate::node::Exchange;
use crate::store::Options as StoreOptions;
use std::cell::Cell;

/// Latencies that may wait to be collected.
const LATENCIES_MAX: usize = 1 << 12;

/// How long the mix is expected to trade: it halts an instrument in the middle.
const SECONDS_EXPECTED: u64 = 600;

/// A flow that is to trade.
pub(super) struct OrderSource {
    flow: Box<dyn Flow>,
    pace: Pace,
    clock: SystemClock,
}

impl OrderSource {
    /// Opens a flow for an exchange that has no store yet: a flow defines what it trades.
    pub(super) fn open(
        flow: &str,
        tempo: &Tempo,
        store: &StoreOptions,
        clock: SystemClock,
    ) -> Result<Self, End> {
        if store.directory.join("meta").exists() {
            return Err(End::unreadable(format_args!(
                "--flow begins a new exchange, and {} holds a log: name another store, or serve \
                 this one without --flow",
                store.directory.display()
            )));
        }
        let date = calendar_date(clock.now());
        let (flow, pace) =
            open_flow(flow, tempo, SECONDS_EXPECTED, date).map_err(End::unreadable)?;
        Ok(Self { flow, pace, clock })
    }

    /// Adds it to an exchange whose first ring in this process is its own.
    pub(super) fn trade(mut self, exchange: &mut Exchange) -> Result<Trading, End> {
        let (recorder, _) = latencies(LATENCIES_MAX);
        let stop = StopFlag::new();
        let (agent, progress) = SourceAgent::new(Parts {
            setup: self.flow.setup(),
            flow: self.flow,
            pace: self.pace,
            duration_ns: None,
            source: SOURCE,
            ring: exchange.producers.remove(0),
            reader: exchange.reader().map_err(End::unreadable)?,
            journal: Box::new(recorder),
            clock: Box::new(self.clock),
            stop: stop.clone(),
        });
        exchange.agents.push(Box::new(agent));
        Ok(Trading { stop, progress, said: Cell::new(false) })
    }
}

/// A flow that trades.
pub(super) struct Trading {
    stop: StopFlag,
    progress: Progress,
    said: Cell<bool>,
}

impl Trading {
    /// Says once that the flow is over, which a file is some day.
    pub(super) fn look(&self) {
        if self.has_ended() && !self.said.replace(true) {
            match self.progress.flow_error() {
                None => tracing::info!("the flow is over"),
                Some(error) => tracing::warn!(error, "the flow ended early"),
            }
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
