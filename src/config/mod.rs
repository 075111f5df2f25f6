//! The configuration of an exchange: TOML becomes one typed value, or all that is wrong with it.
//!
//! Every key has a default, so that the empty text is a configuration; a key that nobody knows is
//! refused rather than left out, because a misspelt one would otherwise be the default in silence.
//! Pure: the text is read by others, and paths stay as they are written. What is said twice is
//! wrong once: sections hold plain numbers and words, which the wiring turns into the options of
//! its parts.

mod calendar;
mod market_data;
mod recovery;
mod replication;
mod section;
mod sections;
#[cfg(test)]
mod tests;

pub use calendar::Calendar;
pub use market_data::{Line, MarketData, PRODUCTS};
pub use recovery::{Networks, Recovery, RecoveryUser};
pub use replication::{Ack, ChannelText, Node, Replication};
pub use section::{Fault, Faults};
pub use sections::{
    AGENTS, Capacity, Dedicated, Durability, Exchange, Idle, Log, LogFormat, LogLevel, Placement,
    Retention, Snapshots, Source, Store, Threads,
};

use section::Document;

/// A configuration that says everything, with its comments: what the defaults are.
pub const EXAMPLE: &str = include_str!("example.toml");

/// All that can be configured. The default is that of the empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Who it is.
    pub exchange: Exchange,
    /// Where the log lies.
    pub store: Store,
    /// Room before anything grows.
    pub capacity: Capacity,
    /// Which agents share threads and cores.
    pub threads: Threads,
    /// What the public may know, and where it goes.
    pub market_data: MarketData,
    /// Repair for those who missed some of it.
    pub recovery: Recovery,
    /// Which other machines hold the log.
    pub replication: Replication,
    /// When the state is written down.
    pub snapshots: Snapshots,
    /// When days begin and end; without one somebody else submits that.
    pub calendar: Option<Calendar>,
    /// Where commands of other processes come from.
    pub sources: Vec<Source>,
    /// What is logged, and how.
    pub log: Log,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the lines.
    pub fn parse(text: &str) -> Result<Self, Faults> {
        let document = Document::parse(text)?;
        let mut root = document.root();
        let exchange = Exchange::read(root.section("exchange"));
        let replication = Replication::read(root.section("replication"), exchange.node);
        let config = Self {
            exchange,
            store: Store::read(root.section("store")),
            capacity: Capacity::read(root.section("capacity")),
            threads: Threads::read(root.section("threads")),
            market_data: MarketData::read(root.section("market_data")),
            recovery: Recovery::read(root.section("recovery")),
            replication,
            snapshots: Snapshots::read(root.section("snapshots")),
            calendar: root.optional_section("calendar").map(Calendar::read),
            sources: Source::read_all(&mut root),
            log: Log::read(root.section("log")),
        };
        root.finish();
        document.finish(config)
    }
}
