//! The core: the one writer. It takes commands from its rings, gives each its sequence and time,
//! executes it, and appends command and outcomes as one transaction.
//!
//! ```text
//!   ring 0 ─┐                    ┌──────────── sequencer ─────────────┐
//!   ring 1 ─┼─▶ one at a time ─▶ │ repeat? room? stamp ─▶ execute ─▶  │─▶ store
//!   ring n ─┘  in rotating order │        ▲                 append    │
//!                                │        └── continuation first ◀────│
//!                                └────────────────────────────────────┘
//! ```
//!
//! Nothing is taken from a ring unless its whole result fits the store, and a command that ends
//! the process is not in the log: it is executed before anything is appended. A source whose
//! commands end it twice within a minute is quarantined: `quarantine.rs` has the rule.

mod agent;
mod inlet;
mod quarantine;
mod sequencer;
mod start;
#[cfg(test)]
mod tests;

pub use agent::{CoreAgent, CoreCounters};
pub use inlet::{Inlet, Left};
pub use sequencer::{
    Drill, Intake, Options, RULES_VERSION, Sequencer, StartError, Taken, read_back, show_ahead,
};
pub use start::{AtSnapshot, Begun, Started, begin, restore};
