//! Latencies: the hot thread only stores a number; another folds the numbers into a histogram.
//!
//! The queue between them is fixed. Where it is full the value is not recorded, but counted: a
//! measurement never holds up what it measures, and never hides what it lost.

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest latency told apart from longer ones: an hour.
const LATENCY_NS_MAX: u64 = 3_600_000_000_000;

/// Three digits: a value is known to a thousandth of itself.
const SIGNIFICANT_DIGITS: u8 = 3;

/// A position on cache lines of its own.
#[repr(align(128))]
#[derive(Default)]
struct Padded(AtomicU64);

/// The queue: values at positions `head..tail`, both counted for ever.
struct Queue {
    tail: Padded,
    head: Padded,
    missed: Padded,
    values: Box<[AtomicU64]>,
}

/// The hot thread's side.
pub struct Recorder {
    queue: Arc<Queue>,
    tail: u64,
    head_seen: u64,
}

impl Recorder {
    /// Records a latency in nanoseconds. Wait-free; no allocation, no system call.
    #[inline]
    pub fn record(&mut self, latency_ns: u64) {
        let capacity = self.queue.values.len() as u64;
        if self.tail - self.head_seen == capacity {
            self.head_seen = self.queue.head.0.load(Ordering::Acquire);
            if self.tail - self.head_seen == capacity {
                let missed = &self.queue.missed.0;
                missed.store(missed.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                return;
            }
        }
        let index = (self.tail & (capacity - 1)) as usize;
        self.queue.values[index].store(latency_ns, Ordering::Relaxed);
        self.tail += 1;
        self.queue.tail.0.store(self.tail, Ordering::Release);
    }
}

/// The other side: folds what was recorded into a histogram of everything, and one of the time
/// since it was last asked.
pub struct Collector {
    queue: Arc<Queue>,
    head: u64,
    total: Histogram<u64>,
    interval: Histogram<u64>,
}

impl Collector {
    /// Takes what was recorded since the last call; returns how many values there were.
    pub fn collect(&mut self) -> usize {
        let tail = self.queue.tail.0.load(Ordering::Acquire);
        let count = tail - self.head;
        let mask = self.queue.values.len() as u64 - 1;
        for position in self.head..tail {
            let value = self.queue.values[(position & mask) as usize].load(Ordering::Relaxed);
            self.total.saturating_record(value);
            self.interval.saturating_record(value);
        }
        self.head = tail;
        self.queue.head.0.store(tail, Ordering::Release);
        count as usize
    }

    /// Percentiles of everything collected.
    #[must_use]
    pub fn total(&self) -> Percentiles {
        Percentiles::of(&self.total)
    }

    /// Percentiles of what was collected since the last call.
    pub fn take_interval(&mut self) -> Percentiles {
        let percentiles = Percentiles::of(&self.interval);
        self.interval.reset();
        percentiles
    }

    /// Values that found the queue full.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.queue.missed.0.load(Ordering::Relaxed)
    }
}

/// A recorder and its collector, with room for `capacity` values between two collections.
///
/// # Panics
///
/// Where the capacity is no power of two.
///
/// ```
/// let (mut recorder, mut collector) = isochron::metrics::latencies(1024);
/// recorder.record(1_500);
/// assert_eq!(collector.collect(), 1);
/// assert_eq!(collector.total().max_ns, 1_500);
/// ```
#[must_use]
pub fn latencies(capacity: usize) -> (Recorder, Collector) {
    assert!(capacity.is_power_of_two(), "{capacity} values: not a power of two");
    let queue = Arc::new(Queue {
        tail: Padded::default(),
        head: Padded::default(),
        missed: Padded::default(),
        values: (0..capacity).map(|_| AtomicU64::new(0)).collect(),
    });
    let histogram = || {
        Histogram::new_with_max(LATENCY_NS_MAX, SIGNIFICANT_DIGITS)
            .expect("a histogram's constants are valid")
    };
    let recorder = Recorder { queue: Arc::clone(&queue), tail: 0, head_seen: 0 };
    (recorder, Collector { queue, head: 0, total: histogram(), interval: histogram() })
}

/// What latencies came to, in nanoseconds, each to a thousandth; all 0 where there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Percentiles {
    /// Values.
    pub count: u64,
    /// Half of them were at most this long.
    pub p50_ns: u64,
    /// 90 % of them.
    pub p90_ns: u64,
    /// 99 %.
    pub p99_ns: u64,
    /// 99.9 %.
    pub p99_9_ns: u64,
    /// 99.99 %.
    pub p99_99_ns: u64,
    /// All of them.
    pub max_ns: u64,
}

impl Percentiles {
    fn of(histogram: &Histogram<u64>) -> Self {
        let max_ns = histogram.max();
        // A bucket's upper end may lie above the largest value in it.
        let at = |quantile| histogram.value_at_quantile(quantile).min(max_ns);
        Self {
            count: histogram.len(),
            p50_ns: at(0.5),
            p90_ns: at(0.9),
            p99_ns: at(0.99),
            p99_9_ns: at(0.999),
            p99_99_ns: at(0.9999),
            max_ns,
        }
    }

    /// The percentiles by their names.
    fn named(&self) -> [(&'static str, u64); 6] {
        [
            ("p50", self.p50_ns),
            ("p90", self.p90_ns),
            ("p99", self.p99_ns),
            ("p99.9", self.p99_9_ns),
            ("p99.99", self.p99_99_ns),
            ("max", self.max_ns),
        ]
    }

    /// As a JSON object, the values in nanoseconds under `count`, `p50_ns`, ... `max_ns`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "count": self.count,
            "p50_ns": self.p50_ns,
            "p90_ns": self.p90_ns,
            "p99_ns": self.p99_ns,
            "p99_9_ns": self.p99_9_ns,
            "p99_99_ns": self.p99_99_ns,
            "max_ns": self.max_ns,
        })
    }
}

impl fmt::Display for Percentiles {
    /// In microseconds: `p50 1.2 p90 3.4 ... max 99.0 us`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value_ns) in self.named() {
            // Tenths of a microsecond, to the nearest.
            let tenths = value_ns.saturating_add(50) / 100;
            write!(f, "{name} {}.{} ", tenths / 10, tenths % 10)?;
        }
        f.write_str("us")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// splitmix64.
    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_values() {
        let (mut recorder, mut collector) = latencies(1024);
        let mut state = 1;
        let mut values = Vec::new();
        for index in 0..50_000 {
            // From nanoseconds to minutes.
            let value = next(&mut state) >> (28 + next(&mut state) % 32);
            values.push(value);
            recorder.record(value);
            if index % 1000 == 0 {
                collector.collect();
            }
        }
        collector.collect();
        assert_eq!(collector.missed(), 0);
        values.sort_unstable();
        let found = collector.total();
        assert_eq!(found.count, values.len() as u64);
        // The nearest rank; the histogram promises three digits.
        let ranks = [(500, 1000), (900, 1000), (990, 1000), (999, 1000), (9_999, 10_000), (1, 1)];
        for ((name, value), (part, whole)) in found.named().into_iter().zip(ranks) {
            let exact = values[(values.len() * part).div_ceil(whole) - 1];
            assert!(value.abs_diff(exact) * 1_000 <= exact, "{name}: {value}, exactly {exact}");
        }
    }

    #[test]
    fn a_full_queue_counts_what_it_misses() {
        let (mut recorder, mut collector) = latencies(4);
        (1..=7).for_each(|value| recorder.record(value));
        assert_eq!((collector.collect(), collector.missed()), (4, 3));
        recorder.record(100);
        assert_eq!((collector.collect(), collector.missed()), (1, 3));
        assert_eq!((collector.total().count, collector.total().max_ns), (5, 100));
    }

    #[test]
    fn an_interval_begins_anew_and_the_total_does_not() {
        let (mut recorder, mut collector) = latencies(16);
        recorder.record(1_000);
        collector.collect();
        assert_eq!(collector.take_interval().max_ns, 1_000);
        assert_eq!(collector.take_interval(), Percentiles::default());
        recorder.record(10);
        collector.collect();
        let interval = collector.take_interval();
        assert_eq!((interval.count, interval.max_ns, interval.p50_ns), (1, 10, 10));
        assert_eq!((collector.total().count, collector.total().max_ns), (2, 1_000));
    }

    #[test]
    fn values_beyond_an_hour_count_as_an_hour() {
        let (mut recorder, mut collector) = latencies(2);
        recorder.record(u64::MAX);
        collector.collect();
        let max_ns = collector.total().max_ns;
        assert!((LATENCY_NS_MAX..=LATENCY_NS_MAX / 1000 * 1001).contains(&max_ns), "{max_ns}");
    }

    #[test]
    fn two_threads_lose_nothing_they_do_not_count() {
        const VALUES: u64 = 200_000;
        let (mut recorder, mut collector) = latencies(256);
        let writing = std::thread::scope(|scope| {
            let writing =
                scope.spawn(move || (1..=VALUES).for_each(|value| recorder.record(value)));
            while !writing.is_finished() {
                collector.collect();
                std::thread::yield_now();
            }
            writing.join()
        });
        writing.unwrap();
        collector.collect();
        assert_eq!(collector.total().count + collector.missed(), VALUES);
        assert!(collector.total().count >= 256);
    }

    #[test]
    fn shows_microseconds_and_json_nanoseconds() {
        let percentiles = Percentiles {
            count: 9,
            p50_ns: 1_049,
            p90_ns: 1_050,
            p99_ns: 22_000,
            p99_9_ns: 333_300,
            p99_99_ns: 999_960,
            max_ns: 1_000_000,
        };
        let line = "p50 1.0 p90 1.1 p99 22.0 p99.9 333.3 p99.99 1000.0 max 1000.0 us";
        assert_eq!(percentiles.to_string(), line);
        let json = percentiles.to_json();
        assert_eq!((json["count"].as_u64(), json["p99_9_ns"].as_u64()), (Some(9), Some(333_300)));
        assert_eq!(json.as_object().unwrap().len(), 7);
    }
}
