//! What the repair service counts.

use isochron_recovery::server::{Closed, Rejection};

use crate::metrics::{Counter, CounterWriter, Counters};

/// The rows of the agent with the sockets.
pub(super) struct RecoveryCounters {
    pub(super) connections: CounterWriter,
    pub(super) accepted: CounterWriter,
    pub(super) turned_away: CounterWriter,
    pub(super) no_files: CounterWriter,
    pub(super) logins: CounterWriter,
    pub(super) messages: CounterWriter,
    pub(super) bytes: CounterWriter,
    pub(super) faults: CounterWriter,
    rejected: CounterWriter,
    silent: CounterWriter,
    slow: CounterWriter,
    garbage: CounterWriter,
    quota: CounterWriter,
    withdrawn: CounterWriter,
}

impl RecoveryCounters {
    pub(super) fn new(counters: &Counters) -> Self {
        Self {
            connections: counters.writer(Counter::RECOVERY_CONNECTIONS),
            accepted: counters.writer(Counter::RECOVERY_ACCEPTED),
            turned_away: counters.writer(Counter::RECOVERY_TURNED_AWAY),
            no_files: counters.writer(Counter::RECOVERY_NO_FILES),
            logins: counters.writer(Counter::RECOVERY_LOGINS),
            messages: counters.writer(Counter::RECOVERY_MESSAGES),
            bytes: counters.writer(Counter::RECOVERY_BYTES),
            faults: counters.writer(Counter::RECOVERY_FAULTS),
            rejected: counters.writer(Counter::RECOVERY_REJECTED),
            silent: counters.writer(Counter::RECOVERY_SILENT),
            slow: counters.writer(Counter::RECOVERY_SLOW),
            garbage: counters.writer(Counter::RECOVERY_GARBAGE),
            quota: counters.writer(Counter::RECOVERY_QUOTA),
            withdrawn: counters.writer(Counter::RECOVERY_WITHDRAWN),
        }
    }

    /// A connection ends, for that reason.
    pub(super) fn on_closed(&mut self, reason: &Closed) {
        let quota = match reason {
            Closed::Rejected(Rejection::Refused(refusal)) => refusal.retry_after_s().is_some(),
            Closed::Quota(_) => true,
            _ => false,
        };
        let counter = match reason {
            _ if quota => &mut self.quota,
            Closed::Rejected(_) => &mut self.rejected,
            Closed::LoginTimeout { .. } | Closed::Idle => &mut self.silent,
            Closed::SlowReader { .. } => &mut self.slow,
            Closed::NoLogin { .. } | Closed::LoginAgain | Closed::Malformed(_) => {
                &mut self.garbage
            }
            Closed::Withdrawn { .. } | Closed::FellBehind { .. } | Closed::Oversized { .. } => {
                &mut self.withdrawn
            }
            _ => return,
        };
        counter.add(1);
    }
}
