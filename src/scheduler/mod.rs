//! The scheduler: turns the calendar into commands, on the writer alone.
//!
//! ```text
//!   log ─▶ standing: which date runs, and the scheduler's own highest number ─┐
//!                                                                            ▼
//!   calendar ─▶ days: start, phases, end, each at an instant ─▶ due? ─▶ ring ─▶ core
//!                                                                ▲
//!   silence ─▶ Tick ─────────────────────────────────────────────┘
//! ```
//!
//! What is due follows from the log and the time alone, never from what this process remembers. A
//! step of the calendar carries its date and wall time as its source sequence, so that the state
//! machine itself refuses to take one twice: after a restart or a failover nothing is repeated, and
//! nothing is left out.
//!
//! `calendar.rs` knows days and time zones, `due.rs` decides, `agent.rs` is the loop.

mod agent;
mod calendar;
mod due;

pub use agent::{SchedulerAgent, SchedulerCounters};
pub use calendar::{
    Action, Calendar, CalendarError, CalendarOptions, Day, EarlyClose, PhaseAt, Step, parse_date,
};
pub use due::{Due, Standing};
