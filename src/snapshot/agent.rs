//! The loop that follows the log and takes snapshots.
//!
//! It reads in bounded steps. Taking a snapshot is one long step, in which only the follower
//! stands still; so it wants a thread, or a process, of its own.

use super::cadence::{Budget, Speed, commands_between};
use super::follower::{Begun, FollowError, Follower, MakeSections, TakeError, Taken};
use super::keep::{Plan, plan};
use crate::agent::Agent;
use crate::metrics::{Counter, CounterWriter, Counters};
use crate::state_machine::Capacity;
use crate::store::{LogPlace, ReadError, SnapshotInfo, Snapshots, StoreReader};
use crate::types::{Nanos, Position};

/// Frames read in one cycle: some milliseconds.
const FRAMES_PER_CYCLE: usize = 4_096;

/// Commands between snapshots until the follower's own speed is known, and where no cadence keeps
/// the budget: about a second of replay.
const COMMANDS_UNMEASURED: u64 = 1_000_000;

/// Commands that are executed again before their speed is believed.
const COMMANDS_MEASURED: u64 = 200_000;

/// Commands a second that may arrive while a snapshot is taken: the peak of a day of a billion.
const ARRIVING_PER_SECOND: u64 = 215_000;

/// Time from a snapshot that failed to the next try.
const RETRY_NS: u64 = 10_000_000_000;

/// How snapshots are taken.
#[derive(Clone)]
pub struct SnapshotOptions {
    /// Room in the follower's state machine.
    pub capacity: Capacity,
    /// Commands from one snapshot to the next; what the budget and the measured speed give where
    /// none is told.
    pub every: Option<u64>,
    /// The time that a start may take.
    pub budget: Budget,
    /// The newest snapshots that are kept, at least 1.
    pub keep: usize,
    /// The components that have a section.
    pub make_sections: MakeSections,
}

impl SnapshotOptions {
    /// The defaults: a start within five seconds, three snapshots kept.
    #[must_use]
    pub fn new(capacity: Capacity, make_sections: MakeSections) -> Self {
        Self { capacity, every: None, budget: Budget::default(), keep: KEEP_DEFAULT, make_sections }
    }
}

/// The newest snapshots that are kept where nothing is told.
const KEEP_DEFAULT: usize = 3;

/// What the agent counts.
pub struct SnapshotCounters {
    taken: CounterWriter,
    failures: CounterWriter,
    position: CounterWriter,
    cadence: CounterWriter,
}

impl SnapshotCounters {
    /// The agent's rows of a counters file.
    #[must_use]
    pub fn new(counters: &Counters) -> Self {
        Self {
            taken: counters.writer(Counter::SNAPSHOTS_TAKEN),
            failures: counters.writer(Counter::SNAPSHOT_FAILURES),
            position: counters.writer(Counter::SNAPSHOT_POSITION),
            cadence: counters.writer(Counter::SNAPSHOT_CADENCE),
        }
    }
}

/// The follower's own speed, from cycle to cycle.
#[derive(Debug, Default)]
struct Watch {
    /// The last cycle's begin, and the commands it executed if it was full.
    last: Option<(Nanos, u64)>,
    commands: u64,
    replay_ns: u64,
    /// The last cycle took a snapshot.
    took: bool,
    take_ns: Option<u64>,
}

impl Watch {
    /// A cycle begins: the one before has lasted until now.
    fn begin(&mut self, now: Nanos) {
        if let Some((last, commands)) = self.last.take() {
            let lasted_ns = now.get().saturating_sub(last.get());
            if self.took {
                self.take_ns = Some(lasted_ns);
            } else if commands > 0 {
                (self.commands, self.replay_ns) =
                    (self.commands + commands, self.replay_ns + lasted_ns);
            }
        }
        self.took = false;
    }

    /// What is known of the speed. To load is at most what it takes to save and load.
    fn speed(&self) -> Option<Speed> {
        let take_ns = self.take_ns?;
        if self.commands < COMMANDS_MEASURED || self.replay_ns == 0 {
            return None;
        }
        let a_second = u128::from(self.commands) * 1_000_000_000 / u128::from(self.replay_ns);
        let replay_per_second = u64::try_from(a_second).unwrap_or(u64::MAX);
        let arriving_per_second = ARRIVING_PER_SECOND;
        Some(Speed { replay_per_second, load_ns: take_ns, take_ns, arriving_per_second })
    }
}

/// Follows the log and takes snapshots.
pub struct SnapshotAgent {
    reader: StoreReader,
    snapshots: Snapshots,
    follower: Option<Follower>,
    begun: Begun,
    options: SnapshotOptions,
    counters: SnapshotCounters,
    watch: Watch,
    last: Option<Taken>,
    retry_at: Option<Nanos>,
    fault: Option<FollowError>,
    failure: Option<TakeError>,
    /// Whether a log that does not execute as it says ends the process.
    ends_process: bool,
}

impl SnapshotAgent {
    /// An agent that begins in its first cycle: that takes as long as loading a snapshot. The
    /// reader checks contents, so that it keeps the chain.
    #[must_use]
    pub fn new(
        reader: StoreReader,
        snapshots: Snapshots,
        options: SnapshotOptions,
        counters: SnapshotCounters,
    ) -> Self {
        Self {
            reader,
            snapshots,
            follower: None,
            begun: Begun::default(),
            options,
            counters,
            watch: Watch::default(),
            last: None,
            retry_at: None,
            fault: None,
            failure: None,
            ends_process: true,
        }
    }

    /// One that stands still where the log does not execute as it says: of a node that goes on
    /// storing for the others, and has somebody else to raise the alarm.
    #[must_use]
    pub fn beside_others(self) -> Self {
        Self { ends_process: false, ..self }
    }

    /// Begins at the newest snapshot, if it has not begun; what it began with.
    ///
    /// # Errors
    /// There is no snapshot to begin with, and the log's beginning is recycled.
    pub fn begin(&mut self) -> Result<&Begun, FollowError> {
        if self.follower.is_none() {
            let SnapshotOptions { capacity, make_sections, .. } = self.options.clone();
            let (follower, begun) =
                Follower::begin(&mut self.reader, &self.snapshots, capacity, make_sections)?;
            let position = begun.snapshot.map_or(0, |info| info.place.position.get());
            self.counters.position.set(position);
            (self.follower, self.begun) = (Some(follower), begun);
        }
        Ok(&self.begun)
    }

    /// Why it does not follow; `None` as long as it does. Unless the log does not execute as it
    /// says, it begins anew some seconds later.
    #[must_use]
    pub fn fault(&self) -> Option<&FollowError> {
        self.fault.as_ref()
    }

    /// Why the last try to take a snapshot failed; `None` where it did not. There will be another.
    #[must_use]
    pub fn last_failure(&self) -> Option<&TakeError> {
        self.failure.as_ref()
    }

    /// The newest snapshot that this agent has taken.
    #[must_use]
    pub fn last_taken(&self) -> Option<&Taken> {
        self.last.as_ref()
    }

    /// The follower; `None` before it has begun.
    #[must_use]
    pub fn follower(&self) -> Option<&Follower> {
        self.follower.as_ref()
    }

    /// Where the log was read to.
    #[must_use]
    pub fn position(&self) -> Position {
        self.reader.position()
    }

    /// What was measured so far, and the cadence that it gives; `None` where nothing was yet.
    #[must_use]
    pub fn measured(&self) -> Option<(Speed, Option<u64>)> {
        let speed = self.watch.speed()?;
        Some((speed, commands_between(self.options.budget, speed)))
    }

    /// Commands from one snapshot to the next.
    #[must_use]
    pub fn commands_between(&self) -> u64 {
        let measured = || self.measured().and_then(|(_, commands)| commands);
        self.options.every.or_else(measured).unwrap_or(COMMANDS_UNMEASURED)
    }

    fn is_due(&self, follower: &Follower, now: Nanos) -> bool {
        let due = match self.retry_at {
            Some(at) => now >= at,
            None => {
                follower.commands_since() >= self.commands_between() || follower.day_has_ended()
            }
        };
        due && follower.may_take()
    }

    /// Takes a snapshot of where the log was read to.
    ///
    /// # Errors
    /// As [`Follower::take`]; there will be another try.
    ///
    /// # Panics
    /// If it has not begun, or an event is not complete there.
    pub fn take(&mut self, now: Nanos) -> Result<Taken, TakeError> {
        self.watch.took = true;
        let chain = self.reader.chain().expect("the reader checks contents");
        let place = LogPlace { position: self.reader.position(), chain };
        let follower = self.follower.as_mut().expect("it has begun");
        let taken = follower.take(&self.snapshots, place);
        match &taken {
            Ok(taken) => {
                (self.last, self.retry_at, self.failure) = (Some(*taken), None, None);
                self.counters.taken.add(1);
                self.counters.position.set(place.position.get());
                // What cannot be removed now is found again next time.
                let _ = self.prune();
            }
            Err(_) => {
                self.retry_at = Some(Nanos(now.get().saturating_add(RETRY_NS)));
                self.counters.failures.add(1);
            }
        }
        taken
    }

    /// Removes snapshots that nobody needs any more.
    fn prune(&self) -> std::io::Result<()> {
        let positions = self.snapshots.list()?;
        let info = |position: &Position| self.snapshots.open(*position).ok().map(|it| *it.info());
        let valid: Vec<SnapshotInfo> = positions.iter().filter_map(info).collect();
        let Plan { mut remove, .. } = plan(&valid, self.options.keep, self.reader.synced());
        // A damaged one among the newest has no place among them; when it is old, it goes.
        let oldest_kept = valid.iter().take(self.options.keep.max(1)).next_back();
        let oldest_kept = oldest_kept.map_or(Position(0), |info| info.place.position);
        let is_valid = |position: &Position| valid.iter().any(|it| it.place.position == *position);
        let is_bad = |position: &&Position| **position < oldest_kept && !is_valid(position);
        remove.extend(positions.iter().filter(is_bad));
        self.snapshots.remove(&remove)
    }

    /// Whether it is time to begin anew after a fault; never where the log does not execute as it
    /// says.
    fn may_begin_again(&mut self, now: Nanos) -> bool {
        let diverged = self.fault.as_ref().is_some_and(FollowError::is_divergence);
        if diverged || self.retry_at.is_some_and(|at| now < at) {
            return false;
        }
        (self.fault, self.retry_at, self.follower) = (None, None, None);
        // To where the log begins now.
        if let Err(ReadError::NotKept { kept_from, .. }) = self.reader.seek(Position(0), None) {
            let _ = self.reader.seek(kept_from, None);
        }
        true
    }

    /// Reads on, up to where a snapshot is due.
    fn follow(&mut self, now: Nanos) -> Result<usize, FollowError> {
        let mut frames = 0;
        while frames < FRAMES_PER_CYCLE {
            let Some(frame) = self.reader.next().map_err(FollowError::Read)? else { break };
            let ends_transaction = frame.ends_transaction;
            let follower = self.follower.as_mut().expect("it has begun");
            follower.on_frame(&frame)?;
            frames += 1;
            if ends_transaction && self.follower.as_ref().is_some_and(|it| self.is_due(it, now)) {
                self.failure = self.take(now).err();
                break;
            }
        }
        Ok(frames)
    }
}

impl Agent for SnapshotAgent {
    fn name(&self) -> &str {
        "snapshot"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        if self.fault.is_some() && !self.may_begin_again(now) {
            return 0;
        }
        self.watch.begin(now);
        self.counters.cadence.set(self.commands_between());
        let sequence = |follower: &Option<Follower>| {
            follower.as_ref().map_or(0, |follower| follower.replay().sequence().get())
        };
        let followed = match self.begin() {
            Ok(_) => {
                let before = sequence(&self.follower);
                self.follow(now).map(|frames| (frames, before))
            }
            Err(fault) => Err(fault),
        };
        let (frames, before) = match followed {
            Ok(followed) => followed,
            Err(fault) => {
                self.fault = Some(fault);
                self.counters.failures.add(1);
                self.retry_at = Some(Nanos(now.get().saturating_add(RETRY_NS)));
                return 0;
            }
        };
        let commands = sequence(&self.follower) - before;
        // A cycle that came to the log's end says nothing of the speed.
        let full = frames == FRAMES_PER_CYCLE || self.watch.took;
        self.watch.last = full.then_some((now, commands));
        frames
    }

    /// Only a log that does not execute as it says: snapshots are no reason to stop trading.
    fn failure(&self) -> Option<String> {
        let fault = self.fault.as_ref().filter(|_| self.ends_process);
        let diverged = fault.filter(|fault| fault.is_divergence());
        diverged.map(|fault| format!("snapshots: {fault}"))
    }

    fn waits(&self) -> bool {
        true
    }
}
