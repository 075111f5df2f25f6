//! Order flows: where the commands of a demo come from, without a clock, a ring or a thread.
//!
//! ```text
//!   caller ── next ──▶ flow       what to submit, and when it is due
//!          ── on_event ─▶         every committed event: ids, fills, refusals
//! ```
//!
//! A flow names only what it learned from committed events, so it works the same against a state
//! machine called directly and against an exchange behind rings and a log.

pub(crate) mod administration;
mod input;
pub mod itch;
mod itch_messages;
#[cfg(test)]
mod itch_tests;
pub mod lobster;
pub mod mix;
mod population;
mod recorded;
mod refusals;
mod rows;
#[cfg(test)]
mod tests;
mod view;

pub use itch::Itch;
pub use lobster::Lobster;
pub use mix::Mix;

use isochron_events::Message;

/// What happens next in a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a plain value, never on the heap")]
pub enum Next {
    /// A command is to be submitted. Its session is set; its source, source sequence and entry
    /// time are left zero for the caller to stamp.
    Command {
        /// The command.
        command: Message,
        /// Nanoseconds after the flow's beginning; 0 is as soon as possible, or as the caller
        /// paces it.
        due_ns: u64,
    },
    /// Nothing can be said before more committed events are seen: the next command names an order
    /// whose id is not known yet.
    Wait,
    /// The flow is over.
    Done,
}

/// A source of commands. Calling order: `setup` once, submitted in order; then `next` and, for
/// every committed event in log order, `on_event`.
pub trait Flow: Send {
    /// The administration that comes first: members, users, sessions, instruments, accounts,
    /// limits, deposits, the day, the phase.
    fn setup(&mut self) -> Vec<Message>;

    /// What happens next.
    fn next(&mut self) -> Next;

    /// A committed event, a command or an outcome.
    fn on_event(&mut self, event: &Message);

    /// What was counted about the input and its answers: label and number. A label may repeat,
    /// where it names the lines of a file.
    fn notes(&self) -> Vec<(String, u64)>;

    /// What is wrong with its input, so that it ended early; `None` where it is whole so far.
    fn error(&self) -> Option<String> {
        None
    }
}
