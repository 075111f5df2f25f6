//! Agents: duty cycles that know no thread, and what puts them on threads.
//!
//! ```text
//!  Shared:     one thread   clock ─▶ core ─▶ publisher ─▶ reporter ─▶ idle ─┐
//!                             ▲────────────────────────────────────────────┘
//!              and a thread each for those that wait for a disk
//!  Dedicated:  a thread each, named after its agent, pinned where cores are given
//! ```
//!
//! A test calls [`Agent::do_work`] itself, on its own thread, with a [`ManualClock`].

mod clock;
mod idle;
mod placement;
mod runner;

pub use clock::{Clock, ManualClock, SystemClock};
pub use idle::{IdleStrategy, Idler};
pub use placement::{Mode, Placement, cores_available};
pub use runner::{AgentPanic, Group, Running, StartError, StopFlag, start, start_groups, take};

pub(crate) use runner::panic_message;

use crate::types::Nanos;
use std::any::Any;

/// One duty cycle of one component.
///
/// Calling order: [`do_work`](Self::do_work) again and again, then [`on_close`](Self::on_close)
/// once, all from one thread. It is [`Any`] so that whoever ran it gets the same object back,
/// to read its final state ([`take`]).
pub trait Agent: Any + Send {
    /// Its name: of its thread, and in reports.
    fn name(&self) -> &str;

    /// Does a bounded amount of work, without waiting unless it [`waits`](Self::waits); `now` is
    /// the time of the whole cycle.
    /// Returns how much was done, in whatever it counts; 0 where there was nothing to do.
    fn do_work(&mut self, now: Nanos) -> usize;

    /// Whether its work may wait for a disk: then it has a thread of its own always, so that nobody
    /// waits with it.
    fn waits(&self) -> bool {
        false
    }

    /// Why it cannot go on, where it cannot: the runner then stops all, since an exchange that
    /// lost a part must not seem to run. Asked after cycles without work.
    fn failure(&self) -> Option<String> {
        None
    }

    /// The last call: what is buffered goes out, what is open is closed.
    fn on_close(&mut self) {}
}
