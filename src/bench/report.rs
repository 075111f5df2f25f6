//! What a benchmark has to say, and how it takes the time.

use crate::agent::{Clock, SystemClock};
use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Latencies above this count as this much: ten seconds.
const LATENCY_NS_MAX: u64 = 10_000_000_000;

/// The result of a benchmark.
#[derive(Debug)]
pub(super) struct Report {
    /// What goes before the last line.
    pub(super) notes: Vec<String>,
    /// The figures in their fixed form.
    pub(super) line: String,
    /// All of it for programs.
    pub(super) json: Value,
    /// Why the result is wrong, if it is.
    pub(super) fault: Option<String>,
}

/// Latencies in nanoseconds, to a thousandth.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("valid bounds")
}

/// A histogram's percentiles in nanoseconds: p50, p99, p99.9, p99.99, and the largest.
pub(super) fn percentiles(histogram: &Histogram<u64>) -> [u64; 5] {
    let [p50, p99, p99_9, p99_99] =
        [0.5, 0.99, 0.999, 0.9999].map(|quantile| histogram.value_at_quantile(quantile));
    [p50, p99, p99_9, p99_99, histogram.max()]
}

/// Nanoseconds as microseconds to the hundredth.
pub(super) fn us(ns: u64) -> String {
    format!("{}.{:02}", ns / 1_000, ns % 1_000 / 10)
}

/// `p50 <us> p99 <us> p99.9 <us> p99.99 <us> max <us>`.
pub(super) fn us_line(histogram: &Histogram<u64>) -> String {
    let [p50, p99, p99_9, p99_99, max] = percentiles(histogram).map(us);
    format!("p50 {p50} p99 {p99} p99.9 {p99_9} p99.99 {p99_99} max {max}")
}

/// The percentiles for programs.
pub(super) fn percentiles_json(histogram: &Histogram<u64>) -> Value {
    let [p50, p99, p99_9, p99_99, max] = percentiles(histogram);
    json!({
        "count": histogram.len(), "p50_ns": p50, "p99_ns": p99, "p99_9_ns": p99_9,
        "p99_99_ns": p99_99, "max_ns": max,
    })
}

/// The median time between two readings of the clock, which is part of every latency.
pub(super) fn clock_ns(clock: &SystemClock) -> u64 {
    let mut histogram = histogram();
    for _ in 0..100_000 {
        let start = clock.now();
        histogram.saturating_record(clock.now().0 - start.0);
    }
    histogram.value_at_quantile(0.5)
}

/// How much of a time this thread had a core: on a machine that does other work, less than all.
pub(super) struct Share {
    start_ns: u64,
    on_core_ns: u64,
}

impl Share {
    /// From now on.
    pub(super) fn begin(clock: &SystemClock) -> Self {
        Self { start_ns: clock.now().0, on_core_ns: on_core_ns() }
    }

    /// In percent; `None` where the system does not tell.
    pub(super) fn percent(&self, clock: &SystemClock) -> Option<u64> {
        let on_core_ns = on_core_ns().checked_sub(self.on_core_ns).filter(|ns| *ns > 0)?;
        Some((on_core_ns * 100).div_ceil((clock.now().0 - self.start_ns).max(1)).min(100))
    }

    /// The note that says it.
    pub(super) fn note(percent: Option<u64>) -> String {
        match percent {
            Some(percent) => format!("the thread had a core {percent} % of the last pass's time"),
            None => "how much of the time the thread had a core is not known".to_owned(),
        }
    }
}

/// Source: Linux, Documentation/scheduler/sched-stats.rst, `/proc/<pid>/schedstat`.
fn on_core_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The median, and the note that names all: one pass alone says nothing about the noise.
pub(super) fn median(mut rates: Vec<f64>, unit: &str) -> (f64, String) {
    rates.sort_unstable_by(f64::total_cmp);
    let all: Vec<_> = rates.iter().map(|rate| format!("{rate:.2}")).collect();
    let note = format!("passes: {} {unit}; the median counts", all.join(" "));
    (rates[rates.len() / 2], note)
}
