//! What the two ends of a case and the one who directs them tell each other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::Outcome;

/// How long anything in a case may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// Written by one end or by the director, read by all.
#[derive(Debug)]
pub struct Stage {
    /// So far the publisher has published.
    pub published: AtomicU64,
    /// The publisher publishes no more; `published` is the end.
    pub ended: AtomicBool,
    /// The director: publish no more.
    pub enough: AtomicBool,
    /// The director: all is done, leave.
    pub curtain: AtomicBool,
    begun: Instant,
}

/// What one follower tells.
#[derive(Debug, Default)]
pub struct Seat {
    /// It can hear what is published.
    pub ready: AtomicBool,
    /// Where it joined, + 1; 0 before.
    joined: AtomicU64,
    /// So far it has followed.
    pub followed: AtomicU64,
    /// The director: leave now.
    pub leave: AtomicBool,
}

impl Stage {
    pub fn new() -> Self {
        let (published, begun) = (AtomicU64::new(0), Instant::now());
        let (ended, enough, curtain) =
            (AtomicBool::new(false), AtomicBool::new(false), AtomicBool::new(false));
        Self { published, ended, enough, curtain, begun }
    }

    /// The end, when it is known.
    pub fn end(&self) -> Option<u64> {
        let ended = self.ended.load(Ordering::Acquire);
        ended.then(|| self.published.load(Ordering::Acquire))
    }

    /// Sleeps until something is so.
    pub fn wait(&self, what: &str, is_so: impl Fn() -> bool) -> Outcome {
        while !is_so() {
            self.check(what)?;
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// Fails when a case takes too long.
    pub fn check(&self, what: &str) -> Outcome {
        if self.begun.elapsed() > PATIENCE || self.curtain.load(Ordering::Acquire) {
            return Err(format!("gave up waiting until {what}").into());
        }
        Ok(())
    }
}

impl Seat {
    pub fn join(&self, position: u64) {
        self.joined.store(position + 1, Ordering::Release);
        self.followed.fetch_max(position, Ordering::AcqRel);
    }

    pub fn joined(&self) -> Option<u64> {
        self.joined.load(Ordering::Acquire).checked_sub(1)
    }
}

/// Lets so many bytes a second through, in bursts of a millisecond.
#[derive(Debug)]
pub struct Pace {
    bytes_per_second: u64,
    begun: Instant,
    spent: u64,
}

impl Pace {
    pub fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second, begun: Instant::now(), spent: 0 }
    }

    /// Waits until so many more may go.
    pub fn spend(&mut self, bytes: u64) {
        self.spent += bytes;
        let due = Duration::from_secs_f64(self.spent as f64 / self.bytes_per_second as f64);
        let ahead = due.saturating_sub(self.begun.elapsed());
        if ahead > Duration::from_millis(1) {
            std::thread::sleep(ahead);
        }
    }
}
