//! The line that people watch: rate, latency, best prices, subscribers in step.

use crate::metrics::{Collector, Counter, CounterWriter, Counters, Percentiles};
use std::io::{IsTerminal, Write};

/// Prints a line each second: over itself in a terminal, one after the other in a pipe.
pub(super) struct Live {
    exchange: Counters,
    subscribers: Vec<Counters>,
    /// What the first instrument is called.
    symbol: String,
    terminal: bool,
    seconds: u64,
    commands: u64,
    latencies: Latencies,
}

/// The percentiles of the last second, for whoever watches the counters.
struct Latencies([CounterWriter; 4]);

impl Latencies {
    fn new(counters: &Counters) -> Self {
        Self(
            [
                Counter::LATENCY_P50_NS,
                Counter::LATENCY_P99_NS,
                Counter::LATENCY_P99_9_NS,
                Counter::LATENCY_MAX_NS,
            ]
            .map(|counter| counters.writer(counter)),
        )
    }

    fn set(&mut self, of: &Percentiles) {
        let values = [of.p50_ns, of.p99_ns, of.p99_9_ns, of.max_ns];
        for (writer, value) in self.0.iter_mut().zip(values) {
            writer.set(value);
        }
    }
}

impl Live {
    /// A live line over these counters.
    #[must_use]
    pub(super) fn new(exchange: Counters, subscribers: Vec<Counters>, symbol: String) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let latencies = Latencies::new(&exchange);
        let (seconds, commands) = (0, 0);
        Self { exchange, subscribers, symbol, terminal, seconds, commands, latencies }
    }

    /// Another exchange has taken over, which counts from 0.
    pub(super) fn moved(&mut self, exchange: Counters) {
        (self.latencies, self.commands) = (Latencies::new(&exchange), 0);
        self.exchange = exchange;
    }

    /// Trading begins: what was executed before is not counted.
    pub(super) fn begin(&mut self) {
        self.commands = self.exchange.get(Counter::COMMANDS_EXECUTED);
    }

    /// Another second has passed.
    pub(super) fn second(&mut self, latencies: &mut Collector) {
        self.seconds += 1;
        let commands = self.exchange.get(Counter::COMMANDS_EXECUTED);
        let rate = commands.saturating_sub(self.commands);
        self.commands = commands;
        let interval = latencies.take_interval();
        self.latencies.set(&interval);
        let us = |ns: u64| ns / 1_000;
        let price = |counter| match self.exchange.get(counter) {
            0 => "-".to_owned(),
            price => format!("{:.2}", price as f64 / 10_000.0),
        };
        let next = |subscriber: &Counters| subscriber.get(Counter::SUBSCRIBER_NEXT);
        let first = self.subscribers.iter().map(next).max().unwrap_or(0);
        let behind: Vec<u64> =
            self.subscribers.iter().map(|one| first - next(one).min(first)).collect();
        let in_step = behind.iter().filter(|behind| **behind == 0).count();
        let furthest = behind.iter().max().copied().unwrap_or(0);
        let mut line = format!(
            "{:>3} s  {rate:>7} commands/s  p50 {} p99 {} p99.9 {} max {} us  {} {} / {}  \
             {in_step} of {} in step, furthest {furthest} behind",
            self.seconds,
            us(interval.p50_ns),
            us(interval.p99_ns),
            us(interval.p99_9_ns),
            us(interval.max_ns),
            self.symbol,
            price(Counter::BEST_BID),
            price(Counter::BEST_ASK),
            behind.len(),
        );
        let counted = |counter| self.subscribers.iter().map(|one| one.get(counter)).sum::<u64>();
        let repaired = counted(Counter::SUBSCRIBER_REPAIRED);
        if repaired > 0 {
            line.push_str(&format!("  repaired {repaired}"));
        }
        self.print(&line);
    }

    fn print(&self, line: &str) {
        let mut out = std::io::stdout().lock();
        // A closed pipe is nobody watching: the run goes on for its exit code.
        let _ = if self.terminal {
            write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush())
        } else {
            writeln!(out, "{line}")
        };
    }

    /// The last line stays.
    pub(super) fn end(&self) {
        if self.terminal && self.seconds > 0 {
            println!();
        }
    }
}
