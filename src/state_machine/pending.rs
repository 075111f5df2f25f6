//! Work that one transaction could not hold: it goes on in a continuation, before anything else.

use super::emit::Emit;
use super::many_cancels::ManyCancels;
use super::{Outcomes, StateMachine};
use crate::orders::OrderRecord;
use isochron_events::{CancelReason, ContinuationKind};

/// What goes on in the next command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) work: Work,
    /// The root command.
    pub(super) cause: u64,
    /// Steps taken so far.
    pub(super) steps: u64,
}

/// The kinds of work.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// An order that trades on, as it is by now; it is live, and in no book.
    Sweep(OrderRecord),
    /// Orders that are canceled, or expire.
    Cancels(ManyCancels),
    /// Balances that are settled.
    Settlement,
}

impl Work {
    pub(super) fn kind(&self) -> ContinuationKind {
        match self {
            Work::Sweep(_) => ContinuationKind::SWEEP,
            Work::Cancels(cancels) if cancels.reason == CancelReason::EXPIRED => {
                ContinuationKind::EXPIRY
            }
            Work::Cancels(_) => ContinuationKind::MASS_CANCEL,
            Work::Settlement => ContinuationKind::SETTLEMENT,
        }
    }
}

impl StateMachine {
    /// Leaves work for the next command, after another step of it.
    pub(super) fn pend<O: Outcomes>(&mut self, work: Work, steps: u64, emit: &Emit<'_, O>) {
        self.pending = Some(Pending { work, cause: emit.cause(), steps: steps + 1 });
    }

    /// Goes on with what is pending.
    pub(super) fn go_on<O: Outcomes>(&mut self, emit: &mut Emit<'_, O>) {
        let Some(Pending { work, steps, .. }) = self.pending.take() else { return };
        match work {
            Work::Sweep(record) => self.sweep(record, steps, emit),
            Work::Cancels(cancels) => self.cancel_many(cancels, steps, emit),
            Work::Settlement => self.settle(steps, emit),
        }
    }
}
