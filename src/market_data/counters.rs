//! What the feed counts, by line where it is a line's.

use super::broadcast::Tally;
use super::channels::Channels;
use crate::metrics::{Counter, CounterWriter, Counters};
use crate::net::Sender;

pub(super) struct FeedCounters {
    messages: CounterWriter,
    datagrams: CounterWriter,
    heartbeats: CounterWriter,
    send_waits: CounterWriter,
    pub(super) position: CounterWriter,
    lines: [LineCounters; 2],
    pub(super) calls: CounterWriter,
    bytes: CounterWriter,
    pub(super) segmented: CounterWriter,
    resent: CounterWriter,
    compared: CounterWriter,
    log_waits: CounterWriter,
    heard: CounterWriter,
}

struct LineCounters {
    datagrams: CounterWriter,
    first: CounterWriter,
    waits: CounterWriter,
    skipped: CounterWriter,
}

impl FeedCounters {
    pub(super) fn new(counters: &Counters) -> Self {
        let line = |datagrams, first, waits, skipped| LineCounters {
            datagrams: counters.writer(datagrams),
            first: counters.writer(first),
            waits: counters.writer(waits),
            skipped: counters.writer(skipped),
        };
        Self {
            messages: counters.writer(Counter::FEED_MESSAGES),
            datagrams: counters.writer(Counter::FEED_DATAGRAMS),
            heartbeats: counters.writer(Counter::FEED_HEARTBEATS),
            send_waits: counters.writer(Counter::FEED_SEND_WAITS),
            position: counters.writer(Counter::FEED_POSITION),
            lines: [
                line(
                    Counter::FEED_A_DATAGRAMS,
                    Counter::FEED_A_FIRST,
                    Counter::FEED_A_WAITS,
                    Counter::FEED_A_SKIPPED,
                ),
                line(
                    Counter::FEED_B_DATAGRAMS,
                    Counter::FEED_B_FIRST,
                    Counter::FEED_B_WAITS,
                    Counter::FEED_B_SKIPPED,
                ),
            ],
            calls: counters.writer(Counter::FEED_SEND_CALLS),
            bytes: counters.writer(Counter::FEED_BYTES),
            segmented: counters.writer(Counter::FEED_SEGMENTED),
            resent: counters.writer(Counter::FEED_RESENT),
            compared: counters.writer(Counter::FEED_COMPARED),
            log_waits: counters.writer(Counter::FEED_LOG_WAITS),
            heard: counters.writer(Counter::FEED_HEARD),
        }
    }

    pub(super) fn add(&mut self, channels: &mut Channels<Sender>) {
        let tally = std::mem::take(&mut channels.tally);
        if tally != Tally::default() {
            for (index, line) in self.lines.iter_mut().enumerate() {
                line.datagrams.add(tally.datagrams[index]);
                line.first.add(tally.first[index]);
                line.waits.add(tally.waits[index]);
                line.skipped.add(tally.skipped[index]);
            }
            self.datagrams.add(tally.datagrams.iter().sum());
            self.send_waits.add(tally.waits.iter().sum());
            self.heartbeats.add(tally.silences);
            self.resent.add(tally.resent);
            self.bytes.add(tally.bytes);
            self.heard.add(tally.heard);
        }
        for (counter, count) in [
            (&mut self.messages, &mut channels.logged),
            (&mut self.compared, &mut channels.compared),
            (&mut self.log_waits, &mut channels.waits),
        ] {
            if *count > 0 {
                counter.add(std::mem::take(count));
            }
        }
    }
}
