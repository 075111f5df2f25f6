//! The core of a subscriber: from datagrams in memory to messages in order.
//!
//! Two lines carry the same messages in datagrams cut at different places; the second copy of each
//! is looked at too, so twice as many message blocks are read as messages are delivered. Not
//! measured: sockets, decoding, books. What is delivered must be what was published.

use super::report::{Report, Share, median};
use crate::agent::{Clock, SystemClock};
use clap::Args as ClapArgs;
use isochron_feeds::mold::Session;
use isochron_feeds::publisher::Publisher;
use isochron_feeds::subscriber::{Event, Options, Source, Subscriber};
use isochron_messages::OrderAdded;
use serde_json::json;
use std::ops::Range;

/// Messages of one tape. Each line's datagrams then have 37 MB, more than the caches.
const TAPE_MESSAGES: u64 = 500_000;

/// Messages after which each line cuts its datagrams, in turn: bursts of different sizes, the
/// largest more than a datagram holds.
const CUTS: [&[u64]; 2] = [&[1, 40, 3, 12], &[7, 2, 60]];

/// Datagrams of a lossy line of which one is lost.
const LOSS: u64 = 100;

/// Time between two datagrams.
const PACE_NS: u64 = 1_000;

/// Options of `isochron bench subscriber`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Messages to deliver in each pass.
    #[arg(long, default_value_t = 10_000_000)]
    messages: u64,
    /// Passes; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    passes: u64,
    /// Prints one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What two lines bring, in the order in which it arrives.
struct Tape {
    bytes: Vec<u8>,
    datagrams: Vec<(Source, Range<usize>)>,
    messages: u64,
    /// Over the numbers in the messages, as the delivered ones are summed.
    sum: u64,
}

impl Tape {
    fn new(messages: u64) -> Tape {
        let mut bytes = Vec::new();
        let mut arrivals = Vec::new();
        for (line, cuts) in [Source::LineA, Source::LineB].into_iter().zip(CUTS) {
            let session = Session::new("261122300A").expect("ten characters");
            let mut publisher = Publisher::new(session, 1, u64::MAX);
            let mut given = 0;
            for cut in cuts.iter().cycle() {
                let until = messages.min(given + cut);
                for number in given..until {
                    let added = OrderAdded { order_id: number, ..OrderAdded::default() };
                    let mut message = [0; OrderAdded::ENCODED_LENGTH];
                    added.encode(&mut message).expect("as long as the message");
                    publisher.on_message(&message).expect("the cuts are small");
                }
                given = until;
                while let Some(datagram) = publisher.poll_datagram(0) {
                    let start = bytes.len();
                    bytes.extend_from_slice(datagram.bytes);
                    arrivals.push((given, line, start..bytes.len()));
                }
                if given == messages {
                    break;
                }
            }
        }
        // Sent when their last message was there; A before B.
        arrivals.sort_by_key(|(given, line, _)| (*given, *line as u8));
        let datagrams = arrivals.into_iter().map(|(_, line, range)| (line, range)).collect();
        let sum = (0..messages).fold(0, u64::wrapping_add);
        Tape { bytes, datagrams, messages, sum }
    }
}

/// Which datagrams of a tape arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Network {
    Whole,
    OneLine,
    Lossy,
}

/// What was delivered.
#[derive(Clone, Copy, Debug, Default)]
struct Delivered {
    messages: u64,
    lost: u64,
    recovered: u64,
    sum: u64,
}

/// Plays the tape once.
fn play(tape: &Tape, network: Network) -> Delivered {
    let mut subscriber = Subscriber::new(Options::default());
    let (mut now_ns, mut sum) = (0, 0_u64);
    let mut on_event = |event: Event<'_>| {
        if let Event::Message { bytes, .. } = event {
            let number = bytes.get(40..48).and_then(|field| field.first_chunk());
            sum = sum.wrapping_add(number.map_or(0, |field| u64::from_le_bytes(*field)));
        }
    };
    for (index, (line, range)) in tape.datagrams.iter().enumerate() {
        now_ns += PACE_NS;
        let lost = match network {
            Network::Whole => false,
            Network::OneLine => *line == Source::LineB,
            // Its own datagrams on each line, at no fixed distance.
            Network::Lossy => {
                let mixed = (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
                mixed.is_multiple_of(LOSS)
            }
        };
        if !lost {
            // What is refused is missing from the result.
            let _ =
                subscriber.on_datagram(*line, &tape.bytes[range.clone()], now_ns, &mut on_event);
        }
    }
    subscriber.give_up(&mut on_event);
    let statistics = subscriber.statistics();
    let (messages, lost) = (statistics.delivered, statistics.lost);
    Delivered { messages, lost, recovered: statistics.recovered, sum }
}

struct Measured {
    rate: f64,
    rates: Vec<f64>,
    note: String,
    last: Delivered,
    percent: Option<u64>,
}

fn measure(tape: &Tape, network: Network, args: &Args, clock: &SystemClock) -> Measured {
    let rounds = args.messages.div_ceil(tape.messages).max(1);
    let (mut rates, mut last, mut percent) = (Vec::new(), Delivered::default(), None);
    for _ in 0..args.passes {
        let share = Share::begin(clock);
        let start = clock.now();
        for _ in 0..rounds {
            last = play(tape, network);
        }
        let elapsed_ns = clock.now().0 - start.0;
        percent = share.percent(clock);
        rates.push((rounds * tape.messages) as f64 * 1e3 / elapsed_ns.max(1) as f64);
    }
    let (rate, note) = median(rates.clone(), "M messages/s");
    Measured { rate, rates, note, last, percent }
}

fn fault(tape: &Tape, whole: &Delivered, one: &Delivered, lossy: &Delivered) -> Option<String> {
    let Tape { messages, sum, .. } = *tape;
    let complete = |it: &Delivered| (it.messages, it.lost, it.sum) == (messages, 0, sum);
    if !complete(whole) || !complete(one) {
        return Some(format!("of {messages} messages were delivered: {whole:?}, on one: {one:?}"));
    }
    let short = tape.messages != lossy.messages + lossy.lost;
    short.then(|| format!("of {messages} messages: {lossy:?}"))
}

/// Measures.
pub(super) fn run(args: &Args) -> Result<Report, String> {
    if args.messages == 0 {
        return Err("--messages 0: nothing is to be delivered".to_owned());
    }
    let clock = SystemClock::new();
    let tape = Tape::new(args.messages.min(TAPE_MESSAGES));
    let [whole, one, lossy] = [Network::Whole, Network::OneLine, Network::Lossy]
        .map(|network| measure(&tape, network, args, &clock));
    let notes = vec![
        format!("{} messages in {} datagrams on two lines", tape.messages, tape.datagrams.len()),
        format!("two lines: {}", whole.note),
        format!("one line: {}", one.note),
        format!("two lines with 1 % of the datagrams lost: {}", lossy.note),
        format!("of a tape then {} came late and {} never", lossy.last.recovered, lossy.last.lost),
        Share::note(lossy.percent),
    ];
    let line = format!(
        "subscriber: {:.2} M messages/s, one line {:.2} M/s, 1 % lost {:.2} M/s",
        whole.rate, one.rate, lossy.rate
    );
    let json = json!({
        "bench": "subscriber", "messages": tape.messages, "datagrams": tape.datagrams.len(),
        "messages_per_second": whole.rate * 1e6, "passes_m_messages": whole.rates,
        "one_line_per_second": one.rate * 1e6, "lossy_per_second": lossy.rate * 1e6,
        "recovered": lossy.last.recovered, "lost": lossy.last.lost,
        "core_percent": whole.percent,
    });
    let fault = fault(&tape, &whole.last, &one.last, &lossy.last);
    Ok(Report { notes, line, json, fault })
}
