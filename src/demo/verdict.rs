//! The verdict on a run: its log executed again, and everything held against it.

use super::pace::Pace;
use super::report::{Check, Report, check_dropped, check_subscriber, engine_books};
use super::setup::CHANNEL;
use super::source::SourceAgent;
use super::subscribers::Ended;
use super::{Outcome, text};
use crate::agent::{Agent, take};
use crate::core::{CoreAgent, read_back};
use crate::market_data::FeedAgent;
use crate::metrics::{Collector, Counter, Counters};
use crate::state_machine::{Capacity, Replay, StateMachine};
use crate::store::{Check as FrameCheck, ReaderOptions, RealDisk, StoreReader};
use std::path::Path;
use std::sync::Arc;

/// Room for a minute of the default flow before anything grows.
const CAPACITY: Capacity = Capacity { orders: 1 << 18, holdings: 1 << 20, client_ids: 1 << 20 };

/// A run whose agents have stopped.
pub(super) struct Finished {
    pub(super) agents: Vec<Box<dyn Agent>>,
    pub(super) counters: Counters,
    pub(super) collector: Collector,
    pub(super) trading_ns: u64,
    pub(super) pace: Pace,
    pub(super) interrupted: bool,
    pub(super) drop_datagram: Option<u64>,
    /// What was wrong with the repair service, where there was one.
    pub(super) repair_fault: Option<Option<String>>,
}

impl Finished {
    /// Closes the store, executes its log again, and judges everything.
    pub(super) fn report(mut self, directory: &Path, ended: Vec<Ended>) -> Outcome<Report> {
        let source: Box<SourceAgent> = take(&mut self.agents).ok_or("the source is gone")?;
        let mut feed: Box<FeedAgent> = take(&mut self.agents).ok_or("the feed is gone")?;
        feed.close();
        let core: Box<CoreAgent> = take(&mut self.agents).ok_or("the core is gone")?;
        let sequencer = core.into_sequencer();
        let log_bytes = sequencer.position().0;
        let machine = sequencer.close().map_err(text)?;
        let published = published(&feed);
        let books = engine_books(&machine);
        let mut checks = vec![
            Check { name: "the source read the whole log".into(), fault: source.error().map(text) },
            Check { name: "the feed published the whole log".into(), fault: feed_fault(&feed) },
            Check {
                name: "money and shares are conserved".into(),
                fault: machine.check_conservation().err(),
            },
        ];
        checks.extend(source.flow_error().map(|fault| Check {
            name: "the order file was played to its end".into(),
            fault: Some(fault),
        }));
        let (replayed, events) = replay_check(directory, machine.state_hash());
        checks.push(replayed);
        checks.extend(ended.iter().map(|ended| check_subscriber(ended, published, &books)));
        checks.extend(
            self.repair_fault
                .map(|fault| Check { name: "the repair service ended in order".into(), fault }),
        );
        checks.extend(self.drop_datagram.map(|number| check_dropped(&ended, number)));
        Ok(Report {
            notes: source.notes(),
            commands: source.orders(),
            tally: source.tally,
            latencies: self.collector.total(),
            latencies_missed: self.collector.missed(),
            trading_ns: self.trading_ns,
            open_loop: self.pace != Pace::Max,
            interrupted: self.interrupted,
            events,
            log_bytes,
            feed_messages: self.counters.get(Counter::FEED_MESSAGES),
            l3_messages: published,
            feed_datagrams: self.counters.get(Counter::FEED_DATAGRAMS),
            state_hash: machine.state_hash(),
            checksums: books,
            subscribers: ended,
            failover: None,
            checks,
        })
    }
}

/// Messages of the channel that the subscribers follow.
fn published(feed: &FeedAgent) -> u64 {
    feed.core().channel(CHANNEL).map_or(0, |open| open.next_sequence - 1)
}

fn feed_fault(feed: &FeedAgent) -> Option<String> {
    if let Some(fault) = feed.fault() {
        return Some(text(fault));
    }
    match feed.core().anomalies() {
        0 => None,
        anomalies => Some(format!("{anomalies} outcomes did not fit the feed's books")),
    }
}

/// Executes the log again from its first byte; also how many events it holds.
fn replay_check(directory: &Path, expected: u128) -> (Check, u64) {
    let name = "executing the log again leads to the same state".to_owned();
    match replay(directory) {
        Err(error) => (Check { name, fault: Some(error) }, 0),
        Ok(replay) => {
            let found = replay.machine().state_hash();
            let differs = format!("{found:032x}, the engine has {expected:032x}");
            let fault = (found != expected).then_some(differs);
            (Check { name, fault }, replay.events())
        }
    }
}

fn replay(directory: &Path) -> Outcome<Replay> {
    let (mut reader, replay) = whole_log(directory)?;
    read_back(&mut reader, replay).map_err(text)
}

/// A log to be executed again: a reader that checks its bytes too, and where that begins.
pub(super) fn whole_log(directory: &Path) -> Outcome<(StoreReader, Replay)> {
    let options = ReaderOptions { check: FrameCheck::Content, ..ReaderOptions::default() };
    let disk = Arc::new(RealDisk);
    let reader = StoreReader::attach_on(disk, directory, &options).map_err(text)?;
    Ok((reader, Replay::new(StateMachine::with_capacity(CAPACITY))))
}
