//! What of the calendar is due, from where the log stands and what time it is.
//!
//! ```text
//!   source sequence:  |  wall second of the step, u32  |  commands since that step, u32  |
//! ```
//!
//! So the highest number that the state machine remembers of the scheduler says which step was
//! carried out last, and a step that is submitted again carries a number that was taken. Ticks and
//! second tries count in the low half.

use super::calendar::{Action, Calendar, Day, Step};
use crate::limits::SOURCE_SCHEDULER;
use crate::state_machine::StateMachine;
use crate::types::Nanos;
use isochron_events::{ContinuationKind, Phase};

/// How far the calendar was carried out, as the log says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The trading date that began last, yyyymmdd; 0 before the first.
    pub date: u32,
    /// It has not ended.
    pub running: bool,
    /// Its end was accepted and goes on by continuation.
    pub ending: bool,
    /// The scheduler's highest source sequence in the log.
    pub number: u64,
    /// The last logged time.
    pub logged: Nanos,
}

impl Standing {
    /// As the state machine has it at the end of its log, whose last command is of `logged`.
    #[must_use]
    pub fn of(machine: &StateMachine, logged: Nanos) -> Self {
        let (date, running) = machine.trading_day();
        let ending = machine.pending().is_some_and(|pending| {
            matches!(pending.kind, ContinuationKind::EXPIRY | ContinuationKind::SETTLEMENT)
        });
        let number = machine.accounts().highest(SOURCE_SCHEDULER);
        Self { date, running, ending, number, logged }
    }

    /// The wall second of the step that was carried out last.
    fn wall(&self) -> u32 {
        (self.number >> 32) as u32
    }

    /// The number for a step, also where one was given that is not below it.
    fn number_for(&self, step: &Step) -> u64 {
        (u64::from(step.wall) << 32).max(self.number + 1)
    }
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// A step of a trading date, now.
    Now {
        /// The trading date, yyyymmdd.
        date: u32,
        /// What is to be done.
        action: Action,
        /// The source sequence that it carries.
        number: u64,
    },
    /// Nothing before then; `None`: nothing that the calendar knows of.
    Later(Option<Nanos>),
    /// Trading days were missed whole, or the clock is wrong: an operator is to say that it is this
    /// date, yyyymmdd (0: the calendar has no next one).
    Held(u32),
}

impl Calendar {
    /// What is due at `now`.
    ///
    /// A day that began is carried on in order, however late, and then ended. Of what was missed
    /// only an open phase that is over by now is left out: the market is never open outside its
    /// hours, not for an instant. A day that is over before it began is not begun. If there was
    /// such a day since the last one, everything is held until `confirmed` is the date that comes
    /// next: somebody knows that the exchange stood still for a whole trading day, or nobody does
    /// and the clock is wrong.
    #[must_use]
    pub fn due(&self, standing: &Standing, now: Nanos, confirmed: Option<u32>) -> Due {
        let next = self.next_day(standing.date, now);
        let follows = self.day_after(standing.date);
        if follows.is_some_and(|day| day.end().at <= now) {
            let date = next.as_ref().map_or(0, |day| day.date);
            if confirmed != Some(date) {
                return Due::Held(date);
            }
        }
        match (standing.running, next) {
            (true, _) => self.due_of_running(standing, now),
            (false, None) => Due::Later(None),
            (false, Some(day)) => now_or_later(standing, &day, &day.start(), now),
        }
    }

    fn due_of_running(&self, standing: &Standing, now: Nanos) -> Due {
        let Some(day) = self.day(standing.date).filter(|_| !standing.ending) else {
            return Due::Later(None);
        };
        let is_left = |step: &&Step| {
            matches!(step.action, Action::SetPhase(_)) && step.wall > standing.wall()
        };
        let mut left = day.steps.iter().filter(is_left).peekable();
        while let Some(step) = left.next() {
            let is_over = left.peek().is_some_and(|following| following.at <= now);
            if !(is_over && step.action == Action::SetPhase(Phase::OPEN)) {
                return now_or_later(standing, &day, step, now);
            }
        }
        now_or_later(standing, &day, &day.end(), now)
    }
}

fn now_or_later(standing: &Standing, day: &Day, step: &Step, now: Nanos) -> Due {
    if step.at > now {
        return Due::Later(Some(step.at));
    }
    let number = standing.number_for(step);
    Due::Now { date: day.date, action: step.action, number }
}
