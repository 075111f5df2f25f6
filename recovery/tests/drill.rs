//! The loss drill: what a consumer makes of every kind of bad network, as a golden table.
//!
//! One thread, one clock moved by hand, one seed for each scenario. Everything but the network is
//! real: publishers, re-request server, replay and snapshot servers, the consumer, the books.
//! `UPDATE=1` writes `drill/table.txt` anew; what must hold in any case is asserted apart from it.

#[path = "drill/client.rs"]
mod client;
#[path = "drill/exchange.rs"]
mod exchange;
#[path = "drill/market.rs"]
mod market;
#[path = "drill/network.rs"]
mod network;
#[path = "drill/world.rs"]
mod world;

use std::fmt::Write;

use isochron_feeds::subscriber::Source;
use isochron_recovery::consumer::Options;

use market::Random;
use network::{Line, SECOND};
use world::{Outcome, Setting, World, ms};

struct Scenario {
    name: &'static str,
    setting: Setting,
}

fn scenario(name: &'static str, seed: u64, change: impl FnOnce(&mut Setting)) -> Scenario {
    let mut setting = Setting::new(seed);
    change(&mut setting);
    Scenario { name, setting }
}

fn both(line: Line) -> [Line; 2] {
    let delay_ns = line.delay_ns + 10_000;
    [line.clone(), Line { delay_ns, ..line }]
}

/// Short times in which a line is dead, each second one.
fn bursts(first_ms: u64, length_ms: u64) -> Line {
    let burst = |second: u64| {
        let start_ns = second * SECOND + ms(first_ms);
        start_ns..start_ns + ms(length_ms)
    };
    Line { dead: (0..6).map(burst).collect(), ..Line::default() }
}

fn scenarios() -> Vec<Scenario> {
    let reordering = Line { jitter_ns: ms(2), ..Line::default() };
    let doubling = Line { double_per_mille: 300, ..Line::default() };
    vec![
        scenario("nothing", 1, |_| {}),
        scenario("1 % on A", 2, |it| it.lines[0] = Line::lossy(10)),
        scenario("1 % on B", 3, |it| it.lines[1] = Line::lossy(10)),
        scenario("1 % on both", 4, |it| it.lines = both(Line::lossy(10))),
        scenario("10 % on both", 5, |it| it.lines = both(Line::lossy(100))),
        scenario("50 % on both", 6, |it| it.lines = both(Line::lossy(500))),
        scenario("bursts in turn", 7, |it| it.lines = [bursts(200, 50), bursts(600, 50)]),
        scenario("bursts of 2 ms on both", 8, |it| it.lines = both(bursts(300, 2))),
        scenario("bursts of 200 ms on both", 9, |it| it.lines = both(bursts(300, 200))),
        scenario("reordered by up to 2 ms", 10, |it| it.lines = both(reordering)),
        scenario("30 % twice", 11, |it| it.lines = both(doubling)),
        scenario("A dead from 1 s on", 12, |it| {
            it.lines = [Line::dead(SECOND..u64::MAX), Line::lossy(10)];
        }),
        scenario("1 % on both, requests lost", 13, |it| {
            it.lines = both(Line::lossy(10));
            it.requests = Line::lossy(1_000);
        }),
        scenario("1 % on both, no requests", 13, |it| {
            it.lines = both(Line::lossy(10));
            it.options.request_servers = 0;
        }),
        scenario("both dead for 4 s", 14, |it| {
            it.lines = both(Line::dead(SECOND..5 * SECOND));
        }),
        scenario("both dead until after the end", 15, |it| {
            it.lines = both(Line::dead(5 * SECOND..u64::MAX));
        }),
        scenario("dead for 2 s, not kept", 16, |it| {
            it.lines = both(Line::dead(SECOND..3 * SECOND));
            it.forgotten_ns = Some(ms(2_900));
        }),
        scenario("200 ms bursts, service dead 3 s", 17, |it| {
            it.lines = both(bursts(300, 200));
            it.service_dead = Some(SECOND..4 * SECOND);
        }),
        scenario("joins at 2 s", 18, |it| it.joins_ns = 2 * SECOND),
        scenario("joins at 2 s, 10 % on both", 19, |it| {
            it.joins_ns = 2 * SECOND;
            it.lines = both(Line::lossy(100));
        }),
        scenario("joins at 2 s, no snapshots", 20, |it| {
            it.joins_ns = 2 * SECOND;
            it.options.snapshot_servers = 0;
        }),
        scenario("publisher restarts", 21, |it| {
            it.lines = both(Line::lossy(10));
            it.publisher_dead = Some(2 * SECOND..ms(2_500));
        }),
        scenario("10 % on both, no repair", 5, |it| {
            it.lines = both(Line::lossy(100));
            it.options = Options::default();
        }),
    ]
}

/// The last figure but one is the longest time that the consumer knew itself out of step.
const HEADER: [&str; 3] = [
    "                                 |       messages lost on      |    repaired by    | \
     covered by |          | ms out of | books",
    "network                          |       A |       B |    both |     UDP |     TCP | \
     snapshots  |     lost |      step | equal",
    "---------------------------------|---------|---------|---------|---------|---------|\
     ------------|----------|-----------|------",
];

fn row(name: &str, outcome: &Outcome) -> String {
    let subscriber = outcome.client.consumer.subscriber();
    let [a, b, both] = outcome.lost;
    let repaired = |source| subscriber.source(source).messages;
    let statistics = subscriber.statistics();
    let tenths = outcome.client.out_longest_ns / 100_000;
    format!(
        "{name:<32} | {a:>7} | {b:>7} | {both:>7} | {:>7} | {:>7} | {:>10} | {:>8} | {:>7}.{} | {}\n",
        repaired(Source::Retransmission),
        repaired(Source::Replay),
        statistics.covered,
        statistics.lost,
        tenths / 10,
        tenths % 10,
        if outcome.books_equal { "yes" } else { "no" },
    )
}

/// What holds on any network.
fn check(name: &str, outcome: &Outcome) {
    let subscriber = outcome.client.consumer.subscriber();
    let statistics = subscriber.statistics();
    let heard = &outcome.client.heard;
    assert!(heard.ended, "{name}: never ended; {:#?}", heard.notices);
    assert_eq!(heard.position, outcome.messages + 1, "{name}: not to the end");
    assert_eq!(
        statistics.delivered + statistics.lost + statistics.covered,
        outcome.messages + 1
            - if statistics.snapshots > 0 { 1 } else { subscriber.first_sequence() },
        "{name}: each message is delivered, covered, or lost"
    );
    assert_eq!(statistics.delivered, heard.delivered, "{name}");
    assert_eq!(statistics.lost, heard.lost, "{name}");
}

/// Each line's loss as the consumer counts it is what the network did, where nothing is reordered.
fn check_lines(name: &str, outcome: &Outcome) {
    let subscriber = outcome.client.consumer.subscriber();
    for (line, lost) in [Source::LineA, Source::LineB].into_iter().zip(outcome.lost) {
        let counted = subscriber.source(line);
        assert_eq!(counted.lost + counted.behind, lost, "{name}: {}", line.word());
    }
}

/// What holds as long as everything can be repaired.
fn check_repaired(name: &str, outcome: &Outcome) {
    check(name, outcome);
    let subscriber = outcome.client.consumer.subscriber();
    let statistics = subscriber.statistics();
    assert_eq!((statistics.lost, outcome.client.heard.faults), (0, 0), "{name}");
    assert!(outcome.books_equal && subscriber.is_complete(), "{name}: the books are not equal");
    let repaired =
        [Source::Retransmission, Source::Replay].map(|it| subscriber.source(it).messages);
    let lost_on_both = outcome.lost[2];
    assert!(
        repaired[0] + repaired[1] + statistics.covered >= lost_on_both,
        "{name}: what no line brought came from elsewhere"
    );
}

#[test]
fn the_table_of_networks() {
    let mut table = HEADER.join("\n") + "\n";
    for Scenario { name, setting } in scenarios() {
        println!("{name}: seed {}", setting.seed);
        let reorders = setting.lines.iter().any(|line| line.jitter_ns > 0);
        let joins_late = setting.joins_ns > 0;
        let repairs = setting.options.request_servers + setting.options.replay_servers > 0;
        let outcome = World::new(setting).run();
        if repairs {
            check_repaired(name, &outcome);
        } else {
            check(name, &outcome);
        }
        if !reorders && !joins_late {
            check_lines(name, &outcome);
        }
        table.write_str(&row(name, &outcome)).expect("memory");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/drill/table.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &table).expect("the table is written");
    }
    let golden = std::fs::read_to_string(path).expect("the table is there");
    assert_eq!(table, golden, "UPDATE=1 writes it anew; then look at what changed, and why");
}

/// Loss on two lines that know nothing of each other multiplies, by message however the lines pack
/// them: of 50,000 messages each lost with p on one line, p * p of them are on both. A datagram
/// has 1.6 messages on average and at most a few, so three standard deviations of the count are
/// below the quarter, and the half, that are allowed.
#[test]
fn losses_of_independent_lines_multiply() {
    for (per_mille, part) in [(500, 4), (200, 4), (100, 2)] {
        let mut setting = Setting::new(0x1055 + per_mille);
        setting.lines = both(Line::lossy(per_mille));
        let outcome = World::new(setting).run();
        check_repaired("independent lines", &outcome);
        let [a, b, both] = outcome.lost;
        let near = |count: u64, expected: u64, part: u64| {
            assert!(count.abs_diff(expected) <= expected / part, "{count}, about {expected}");
        };
        near(a, outcome.messages * per_mille / 1_000, 8);
        near(b, outcome.messages * per_mille / 1_000, 8);
        near(both, outcome.messages * per_mille * per_mille / 1_000_000, part);
    }
}

#[test]
fn random_networks_end_with_equal_books() {
    for seed in 1_000..1_150 {
        let mut random = Random(seed);
        let mut setting = Setting::new(seed);
        setting.events = 500 + random.below(1_000);
        for line in setting.lines.iter_mut().chain([&mut setting.requests]) {
            line.loss_per_mille = random.below(400);
            line.double_per_mille = random.below(100);
            line.jitter_ns = random.below(ms(3));
            if random.per_mille(300) {
                let start_ns = random.below(ms(200));
                line.dead.push(start_ns..start_ns + random.below(ms(100)));
            }
        }
        if random.per_mille(400) {
            setting.joins_ns = ms(random.below(100));
        }
        if random.per_mille(200) {
            let start_ns = ms(random.below(100));
            setting.publisher_dead = Some(start_ns..start_ns + ms(random.below(50)));
        }
        if random.per_mille(200) {
            let start_ns = ms(random.below(100));
            setting.service_dead = Some(start_ns..start_ns + ms(random.below(200)));
        }
        if random.per_mille(200) {
            setting.forgotten_ns = Some(ms(random.below(150)));
        }
        setting.options.request_servers = random.below(3) as usize;
        println!("seed {seed}: {setting:?}");
        check_repaired(&format!("seed {seed}"), &World::new(setting).run());
    }
}
