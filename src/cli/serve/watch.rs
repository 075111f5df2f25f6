//! Says what changed: what the agents count, and what the store's control page shows.
//!
//! Counters that grow are reported once a second at most, with how much they grew: a fault that
//! comes a million times a second is one line.

use crate::metrics::{Counter, Counters, RINGS_MAX};
use crate::store::{Accepting, StoreReader};
use crate::types::Nanos;
use tracing::{debug, error, info, warn};

/// How often counters are looked at.
const COUNTERS_NS: u64 = 1_000_000_000;

/// Counters that grow when something is wrong.
const TROUBLES: &[(Counter, &str)] = &[
    (Counter::CORE_REFUSALS, "the core took nothing: no room in the store"),
    (Counter::SNAPSHOT_FAILURES, "no snapshot could be taken, or the log not be followed"),
    (Counter::SCHEDULER_REFUSED, "commands of the calendar were refused"),
    (Counter::CORE_QUARANTINED, "commands of a quarantined source were not executed"),
    (Counter::CORE_MALFORMED, "no commands: messages in a ring"),
    (Counter::FEED_SEND_WAITS, "the network took fewer datagrams than offered"),
    (Counter::RECOVERY_TURNED_AWAY, "connections for repair were turned away: too many"),
    (Counter::RECOVERY_NO_FILES, "no connection for repair was taken: the system has no file left"),
    (Counter::RECOVERY_REJECTED, "logins for repair were rejected"),
    (Counter::RECOVERY_QUOTA, "clients of the repair service used up a quota"),
    (Counter::RECOVERY_SILENT, "connections for repair were cut: no login in time, or silence"),
    (Counter::RECOVERY_SLOW, "connections for repair were cut: they read too slowly"),
    (Counter::RECOVERY_GARBAGE, "connections for repair were cut: what they sent is no SoupBinTCP"),
    (Counter::RECOVERY_WITHDRAWN, "replays were cut: the log forgot the rest of them"),
    (Counter::RECOVERY_FAULTS, "logs of the feed could not be opened or read"),
    (Counter::BOOK_IMAGE_FAULTS, "messages of the feed did not fit the books of its snapshots"),
    (Counter::REREQUESTS_LIMITED, "re-requests were dropped: too many of one source"),
    (Counter::REREQUESTS_FOREIGN, "re-requests were dropped: from no network that is answered"),
    (Counter::REREQUESTS_MALFORMED, "datagrams were dropped: they are no re-requests"),
];

/// Counters that show how something stands, and what it means where they are not 0.
const STANDINGS: &[(Counter, &str)] = &[
    (
        Counter::SCHEDULER_HELD,
        "trading days were missed: --confirm-date says that this one is next",
    ),
    (Counter::CLOCK_BEHIND_NS, "the clock stands behind logged time by so many nanoseconds"),
];

/// What was seen at the last look.
pub(super) struct Watch {
    store: StoreReader,
    counters: Counters,
    /// Whether the core runs in another process.
    core_is_elsewhere: bool,
    accepting: Option<Accepting>,
    core_lives: Option<bool>,
    troubles: Vec<u64>,
    standings: Vec<bool>,
    damaged: [bool; RINGS_MAX],
    snapshots: u64,
    commands: u64,
    due: Nanos,
}

impl Watch {
    /// Watches a store and the counters of this process.
    pub(super) fn new(store: StoreReader, counters: Counters, has_core: bool) -> Self {
        let troubles = TROUBLES.iter().map(|(counter, _)| counters.get(*counter)).collect();
        let (accepting, core_lives, standings) = (None, None, vec![false; STANDINGS.len()]);
        let (commands, due, core_is_elsewhere) = (0, Nanos(0), !has_core);
        Self {
            store,
            counters,
            core_is_elsewhere,
            accepting,
            core_lives,
            troubles,
            standings,
            damaged: [false; RINGS_MAX],
            snapshots: 0,
            commands,
            due,
        }
    }

    /// Looks, and says what changed since the last look.
    pub(super) fn look(&mut self, now: Nanos) {
        let accepting = self.store.accepting();
        if self.accepting.replace(accepting) != Some(accepting) {
            let accepts = accepting.to_string();
            match accepting {
                Accepting::Disk | Accepting::Sync | Accepting::Uncommitted => {
                    warn!(accepts, "accepting");
                }
                Accepting::Differs => error!(accepts, "accepting"),
                _ => info!(accepts, "accepting"),
            }
        }
        if now >= self.due {
            self.due = Nanos(now.0 + COUNTERS_NS);
            self.look_at_counters();
            if self.core_is_elsewhere {
                self.look_at_core();
            }
        }
    }

    fn look_at_counters(&mut self) {
        for ((counter, trouble), seen) in TROUBLES.iter().zip(&mut self.troubles) {
            let count = self.counters.get(*counter);
            let times = count.wrapping_sub(std::mem::replace(seen, count));
            if times > 0 {
                warn!(times, "{trouble}");
            }
        }
        let snapshots = self.counters.get(Counter::SNAPSHOTS_TAKEN);
        if std::mem::replace(&mut self.snapshots, snapshots) != snapshots {
            let position = self.counters.get(Counter::SNAPSHOT_POSITION);
            let cadence = self.counters.get(Counter::SNAPSHOT_CADENCE);
            info!(position, cadence, "snapshot taken");
        }
        for ring in 0..RINGS_MAX {
            let damaged = self.counters.get(Counter::RING_DAMAGED.of_ring(ring)) != 0;
            if damaged && !std::mem::replace(&mut self.damaged[ring], true) {
                warn!(ring, "a ring is damaged: nothing more is read from it");
            }
        }
        for ((counter, meaning), seen) in STANDINGS.iter().zip(&mut self.standings) {
            let value = self.counters.get(*counter);
            match (std::mem::replace(seen, value != 0), value) {
                (true, 0) => info!(over = true, "{meaning}"),
                (false, 1..) => warn!(value, "{meaning}"),
                _ => {}
            }
        }
        let commands = self.counters.get(Counter::COMMANDS_EXECUTED);
        let executed = commands.wrapping_sub(std::mem::replace(&mut self.commands, commands));
        debug!(executed, feed_position = self.counters.get(Counter::FEED_POSITION), "a second");
    }

    /// Whether the process of the core lives, by its lock on the store.
    fn look_at_core(&mut self) {
        let Ok(lives) = self.store.writer_lives() else { return };
        match (self.core_lives.replace(lives), lives) {
            (None | Some(true), false) => warn!("no core: nobody writes the store"),
            (Some(false), true) => info!("the core is back"),
            (None, true) => info!("the core runs in another process"),
            (Some(true), true) | (Some(false), false) => {}
        }
    }
}
