//! What the repair service counts.

use isochron_recovery::rerequest::{Dropped, Statistics};
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
            Closed::NoLogin { .. } | Closed::LoginAgain | Closed::Malformed(_) => &mut self.garbage,
            Closed::Withdrawn { .. } | Closed::FellBehind { .. } | Closed::Oversized { .. } => {
                &mut self.withdrawn
            }
            _ => return,
        };
        counter.add(1);
    }
}

/// The rows of the re-requests, with the kinds of drops that belong to each.
pub(super) struct RerequestCounters {
    came: CounterWriter,
    answered: CounterWriter,
    unsent: CounterWriter,
    dropped: [(CounterWriter, &'static [&'static str]); 4],
}

impl RerequestCounters {
    pub(super) fn new(counters: &Counters) -> Self {
        const FOREIGN: &[&str] = &["no-unicast-source", "not-allowed"];
        const UNKNOWN: &[&str] = &["unknown-session", "ahead", "not-kept"];
        const LIMITED: &[&str] = &["over-second", "over-minute", "over-day", "sources-full"];
        Self {
            came: counters.writer(Counter::REREQUESTS),
            answered: counters.writer(Counter::REREQUESTS_ANSWERED),
            unsent: counters.writer(Counter::REREQUESTS_UNSENT),
            dropped: [
                (counters.writer(Counter::REREQUESTS_FOREIGN), FOREIGN),
                (counters.writer(Counter::REREQUESTS_MALFORMED), &["malformed"]),
                (counters.writer(Counter::REREQUESTS_UNKNOWN), UNKNOWN),
                (counters.writer(Counter::REREQUESTS_LIMITED), LIMITED),
            ],
        }
    }

    /// Shows what the responder counted, and the answers that did not leave.
    pub(super) fn set(&mut self, counted: &Statistics, unsent: u64) {
        self.came.set(counted.requests);
        self.answered.set(counted.answers - unsent);
        self.unsent.set(unsent);
        for (writer, words) in &mut self.dropped {
            let kinds = Dropped::WORDS.iter().zip(counted.dropped);
            let of_these = kinds.filter(|(word, _)| words.contains(word));
            writer.set(of_these.map(|(_, count)| count).sum());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drop_is_in_one_row() {
        let counters = Counters::in_memory();
        let mut rows = RerequestCounters::new(&counters);
        let dropped = std::array::from_fn(|kind| 1 << kind);
        let counted = Statistics { requests: 1_100, answers: 77, dropped, ..Statistics::default() };
        rows.set(&counted, 7);
        let rows = [
            Counter::REREQUESTS_FOREIGN,
            Counter::REREQUESTS_MALFORMED,
            Counter::REREQUESTS_UNKNOWN,
            Counter::REREQUESTS_LIMITED,
        ];
        let sum: u64 = rows.iter().map(|row| counters.get(*row)).sum();
        assert_eq!(sum, (1 << Dropped::WORDS.len()) - 1);
        assert_eq!(counters.get(Counter::REREQUESTS_ANSWERED), 70);
    }
}
