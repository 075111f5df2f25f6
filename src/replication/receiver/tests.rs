//! What a receiver does, step by step, with a clock moved by hand.

mod lies;
mod log;
mod simulated;
mod twin;

use std::net::{Ipv4Addr, SocketAddrV4};

use super::*;
use crate::replication::frame::Setup;
use crate::store::Terms;
use crate::types::Epoch;
use log::{EXCHANGE, Log, STREAM};

const US: u64 = 1_000;
const MS: u64 = 1_000_000;
const HALF_TERM: u64 = 32 * 1024;
const SOURCE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 1), 50_037);

/// What a receiver says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    AsksSetup,
    Status { at: u64, window: u64 },
    Goodbye { at: u64 },
    Asks { from: u64, to: u64 },
}

fn options() -> ReceiverOptions {
    ReceiverOptions {
        stream: STREAM,
        receiver_id: 7,
        group_tag: None,
        window_bytes: HALF_TERM,
        join_bytes_max: 16 * 1024,
        nak: NakTiming { backoff_max_ns: 0, delay_ns: 20 * US, ..NakTiming::SMALL_GROUP },
        silent_ns: 300 * MS,
        seed: 1,
    }
}

/// A receiver of a log into memory, and the clock.
struct Bench {
    receiver: Receiver,
    rebuild: MemoryRebuild,
    log: Log,
    datagrams: Vec<(Position, Position, Vec<u8>)>,
    now: Nanos,
}

impl Bench {
    fn new(log: Log) -> Self {
        Self::with(log, options())
    }

    fn with(log: Log, options: ReceiverOptions) -> Self {
        let mut receiver = Receiver::new(options);
        let rebuild = MemoryRebuild::ours(log.terms, EXCHANGE, log.epoch, log.base);
        receiver.follow(log.session(), log.base, Nanos(MS));
        Self { receiver, rebuild, datagrams: log.datagrams(), log, now: Nanos(MS) }
    }

    /// One that has taken SETUP at the log's base, and said so.
    fn live(log: Log) -> Self {
        let mut bench = Self::new(log);
        bench.setup(bench.log.base);
        let window = HALF_TERM;
        assert_eq!(bench.says(), [Said::Status { at: bench.log.base.0, window }]);
        assert_eq!(bench.standing(), Standing::Live);
        bench
    }

    fn arrives(&mut self, datagram: &[u8]) {
        self.receiver.on_datagram(&mut self.rebuild, datagram, SOURCE, self.now);
    }

    fn setup(&mut self, at: Position) {
        self.arrives(&self.log.setup(at).emit());
    }

    /// The datagrams of these numbers.
    fn data(&mut self, numbers: impl IntoIterator<Item = usize>) {
        for number in numbers {
            let datagram = self.datagrams[number].2.clone();
            self.arrives(&datagram);
        }
    }

    fn heartbeat(&mut self, at: Position) {
        self.arrives(&self.log.heartbeat(at, false));
    }

    fn waits(&mut self, ns: u64) {
        self.now = Nanos(self.now.0 + ns);
    }

    /// All that is due now.
    fn says(&mut self) -> Vec<Said> {
        self.receiver.advance(&self.rebuild, self.now);
        let mut said = Vec::new();
        while let Some(feedback) = self.receiver.poll_feedback(&self.rebuild, self.now) {
            said.push(self.read(feedback.as_ref()));
        }
        said
    }

    fn read(&self, bytes: &[u8]) -> Said {
        if let Ok(nak) = Nak::parse(bytes) {
            assert_eq!((nak.session, nak.stream), (self.log.session(), STREAM));
            let range = nak.range(self.log.terms).expect("a range within a term");
            return Said::Asks { from: range.start.0, to: range.end.0 };
        }
        let status = StatusMessage::parse(bytes).expect("nothing else is said");
        assert_eq!((status.session, status.stream), (self.log.session(), STREAM));
        assert_eq!(status.receiver_id, 7);
        if status.asks_setup {
            assert_eq!((status.term_id, status.term_offset, status.window_bytes), (0, 0, 0));
            return Said::AsksSetup;
        }
        let at = status.position(self.log.terms).expect("a place and a window").0;
        let window = status.window_bytes as u64;
        if status.leaves { Said::Goodbye { at } } else { Said::Status { at, window } }
    }

    fn standing(&self) -> Standing {
        self.receiver.standing(&self.rebuild)
    }

    fn start(&self, number: usize) -> u64 {
        self.datagrams[number].0.0
    }

    fn end(&self, number: usize) -> u64 {
        self.datagrams[number].1.0
    }
}

fn log(bytes: usize) -> Log {
    let mut log = Log::new(3, 65_536 + 4_096, 11);
    log.grow(bytes);
    log
}

#[test]
fn it_asks_for_setup_and_begins_where_it_is() {
    let mut bench = Bench::new(log(8 * 1024));
    assert_eq!((bench.standing(), bench.says()), (Standing::Waiting, vec![]));
    bench.data([0, 1]);
    assert_eq!(bench.says(), [Said::AsksSetup]);
    bench.data([2]);
    assert_eq!(bench.says(), [], "it has just asked");
    bench.waits(200 * MS);
    bench.data([3]);
    assert_eq!(bench.says(), [Said::AsksSetup], "the question or the answer was lost");
    assert_eq!(bench.rebuild.contiguous(), bench.log.base, "frames of unknown terms are not taken");

    bench.setup(bench.datagrams[3].1);
    assert_eq!(bench.standing(), Standing::Live);
    let at = bench.log.base.0;
    assert_eq!(bench.says(), [Said::Status { at, window: HALF_TERM }]);
    // What was sent before is asked for, as one hole.
    bench.waits(20 * US);
    assert_eq!(bench.says(), [Said::Asks { from: at, to: bench.end(3) }]);
    bench.data(0..4);
    assert_eq!(bench.rebuild.contiguous().0, bench.end(3));
    assert_eq!(bench.receiver.source(), Some(SOURCE));
}

#[test]
fn a_stream_far_ahead_is_caught_up_with_first() {
    let mut bench = Bench::new(log(200 * 1024));
    let far = bench.datagrams.len() - 10;
    bench.data([far]);
    let (from, to) = (bench.log.base, bench.datagrams[far].0);
    assert_eq!(bench.standing(), Standing::CatchUpFrom { from, to });
    // It does not ask for what it could not use: some senders would wait for it.
    assert_eq!(bench.says(), []);
    bench.waits(300 * MS);
    bench.data([far + 1]);
    assert_eq!(bench.says(), []);

    // TCP brings the rest; then the stream is joined at the exact position.
    let near = bench.datagrams.iter().position(|(_, end, _)| end.0 + 16 * 1024 > to.0).unwrap();
    for (position, _, frames) in &bench.datagrams[..=near] {
        assert_eq!(bench.rebuild.insert(*position, frames), Verdict::New);
    }
    bench.data([far + 2]);
    assert_eq!(
        bench.standing(),
        Standing::CatchUpFrom { from: Position(bench.end(near)), to: bench.datagrams[far + 2].0 }
    );
    for (position, _, frames) in &bench.datagrams[near + 1..near + 4] {
        assert_eq!(bench.rebuild.insert(*position, frames), Verdict::New);
    }
    assert_eq!(bench.says(), [Said::AsksSetup]);
    bench.setup(bench.datagrams[far + 2].1);
    assert_eq!(bench.standing(), Standing::Live);
    assert!(bench.says().iter().all(|said| matches!(said, Said::Status { .. })));
    bench.waits(20 * US);
    let (from, to) = (bench.end(near + 3), bench.end(far + 2));
    let edge = bench.log.terms.next_base(Position(from)).0;
    // One request for each term.
    let asked = match to <= edge {
        true => vec![Said::Asks { from, to }],
        false => vec![Said::Asks { from, to: edge }, Said::Asks { from: edge, to }],
    };
    assert_eq!(bench.says(), asked);
    assert_eq!(bench.receiver.counts().catch_ups, 1);
}

#[test]
fn holes_are_asked_for_at_once_and_again_when_the_repair_is_lost_too() {
    let mut bench = Bench::live(log(24 * 1024));
    bench.data([0, 2, 3, 5]);
    assert_eq!(bench.says(), [], "what comes later may only have changed its place");
    bench.waits(20 * US);
    let first = Said::Asks { from: bench.start(1), to: bench.end(1) };
    let second = Said::Asks { from: bench.start(4), to: bench.end(4) };
    assert_eq!(bench.says(), [first, second]);
    assert_eq!(bench.says(), []);
    // The repair of the second is lost, and so are those of all requests that follow: each waits
    // twice as long for the next.
    bench.data([1]);
    assert_eq!(bench.rebuild.contiguous().0, bench.end(3));
    for wait_ms in [1, 2, 4, 8, 16, 32, 50, 50] {
        bench.waits(wait_ms * MS - 1);
        assert_eq!(bench.says(), [], "{wait_ms} ms");
        bench.waits(1);
        assert_eq!(bench.says(), [second], "{wait_ms} ms");
    }
    bench.data([4]);
    assert_eq!(bench.rebuild.contiguous().0, bench.end(5));
    bench.waits(50 * MS);
    assert!(!bench.says().contains(&second));
    assert_eq!(bench.receiver.counts().gaps, 2);
    assert_eq!(bench.receiver.counts().naks, 10);
}

#[test]
fn a_hole_that_shrinks_keeps_its_time() {
    let mut bench = Bench::live(log(24 * 1024));
    bench.data([0, 6]);
    assert_eq!(bench.says(), []);
    bench.waits(15 * US);
    bench.data([3]);
    assert_eq!(bench.says(), []);
    bench.waits(5 * US);
    let two = [
        Said::Asks { from: bench.start(1), to: bench.end(2) },
        Said::Asks { from: bench.start(4), to: bench.end(5) },
    ];
    assert_eq!(bench.says(), two);
}

#[test]
fn a_long_hole_is_asked_for_part_by_part() {
    let mut log = Log::new(1, 0, 5);
    // Of a term of 256 KiB half can be missing.
    log.terms = Terms::new(256 * 1024).unwrap();
    log.grow(140 * 1024);
    let join_bytes_max = 120 * 1024;
    let options = ReceiverOptions { join_bytes_max, window_bytes: 128 * 1024, ..options() };
    let mut bench = Bench::with(log, options);
    let last = bench.datagrams.iter().position(|(_, end, _)| end.0 > 100 * 1024).unwrap();
    bench.setup(bench.datagrams[last].0);
    let status = bench.says();
    assert_eq!(status, [Said::Status { at: 0, window: 128 * 1024 }]);
    bench.waits(20 * US);
    assert_eq!(bench.says(), [Said::Asks { from: 0, to: 64 * 1024 }]);
    // The sender answers with whole frames that end there or a little before.
    let mut number = 0;
    while bench.end(number) <= 64 * 1024 {
        bench.data([number]);
        number += 1;
    }
    let (from, to) = (bench.start(number), bench.start(last));
    let asked: Vec<_> =
        bench.says().into_iter().filter(|said| matches!(said, Said::Asks { .. })).collect();
    assert_eq!(asked, [Said::Asks { from, to }], "at once");
}

#[test]
fn a_lost_tail_is_found_by_a_heartbeat() {
    let mut bench = Bench::live(log(8 * 1024));
    let last = bench.datagrams.len() - 1;
    bench.data(0..last - 1);
    bench.waits(MS);
    assert_eq!(bench.says(), [], "nothing says that there is more");
    bench.heartbeat(bench.log.end());
    assert_eq!(bench.says(), []);
    bench.waits(20 * US);
    assert_eq!(bench.says(), [Said::Asks { from: bench.start(last - 1), to: bench.end(last) }]);
}

#[test]
fn status_messages_follow_what_is_consumed() {
    let mut bench = Bench::live(log(30 * 1024));
    let base = bench.log.base.0;
    let mut told = base;
    for number in 0..bench.datagrams.len() {
        bench.data([number]);
        let at = bench.rebuild.consumed().0;
        let due = at > told + HALF_TERM / 4;
        let expected = due.then_some(Said::Status { at, window: HALF_TERM });
        assert_eq!(bench.says(), Vec::from_iter(expected), "datagram {number}");
        told = if due { at } else { told };
    }
    assert!(told > base);
    // The timer's carries the position of now.
    bench.waits(200 * MS);
    let at = bench.rebuild.consumed().0;
    assert_eq!(bench.says(), [Said::Status { at, window: HALF_TERM }]);
}

#[test]
fn a_receiver_that_is_overrun_leaves_the_flow_control_and_catches_up() {
    let mut bench = Bench::live(log(120 * 1024));
    bench.data(0..3);
    assert_eq!(bench.says(), []);
    // The process slept; the stream is more than half a term on.
    let far = bench.datagrams.iter().position(|(at, ..)| at.0 > bench.end(2) + HALF_TERM).unwrap();
    bench.data([far]);
    assert_eq!((bench.standing(), bench.says()), (Standing::Live, vec![]));
    bench.waits(10 * MS);
    bench.data([far + 1]);
    let at = bench.rebuild.consumed().0;
    assert_eq!(bench.says(), [Said::Goodbye { at }]);
    let (from, to) = (Position(bench.end(2)), bench.datagrams[far + 1].0);
    assert_eq!(bench.standing(), Standing::CatchUpFrom { from, to });
    assert_eq!(bench.receiver.counts().beyond, 2);
    // Until it is near, it asks for nothing and takes no part.
    bench.waits(200 * MS);
    bench.heartbeat(to);
    assert_eq!(bench.says(), [Said::Goodbye { at }]);

    for (position, _, frames) in &bench.datagrams[3..=far] {
        assert_eq!(bench.rebuild.insert(*position, frames), Verdict::New);
    }
    let at = bench.rebuild.consumed().0;
    assert_eq!(bench.says(), [Said::Status { at, window: HALF_TERM }], "it takes part again");
    assert_eq!(bench.standing(), Standing::Live);
}

#[test]
fn a_hole_that_the_stream_never_repairs_is_left_to_tcp() {
    let mut bench = Bench::live(log(24 * 1024));
    bench.data([0, 2]);
    let mut asked = 0;
    while bench.standing() == Standing::Live {
        assert!(bench.now.0 < 10_000 * MS, "it asks for ever");
        bench.waits(10 * MS);
        bench.heartbeat(bench.datagrams[2].1);
        let said = bench.says();
        asked += said.iter().filter(|said| matches!(said, Said::Asks { .. })).count();
    }
    assert!(asked > 10, "it asked {asked} times");
    let (from, to) = (Position(bench.end(0)), bench.datagrams[2].1);
    assert_eq!(bench.standing(), Standing::CatchUpFrom { from, to });
    let (position, _, frames) = &bench.datagrams[1];
    assert_eq!(bench.rebuild.insert(*position, frames), Verdict::New);
    let _ = bench.says();
    assert_eq!(bench.standing(), Standing::Live);
}

#[test]
fn the_end_of_a_stream_is_reached_and_goodbye_said() {
    let mut bench = Bench::live(log(4 * 1024));
    let (end, last) = (bench.log.end(), bench.datagrams.len() - 1);
    bench.data(0..last);
    bench.arrives(&bench.log.heartbeat(end, true));
    assert_eq!((bench.says(), bench.standing()), (vec![], Standing::Live), "some is missing");
    bench.data([last]);
    assert_eq!(bench.says(), [Said::Goodbye { at: end.0 }]);
    assert_eq!(bench.standing(), Standing::Ended(end));
    bench.waits(5_000 * MS);
    assert_eq!(bench.receiver.source_silent_ns(bench.now), None, "nobody is expected");
}

#[test]
fn an_ended_stream_is_not_joined() {
    let mut bench = Bench::new(log(4 * 1024));
    bench.arrives(&bench.log.heartbeat(bench.log.end(), true));
    assert_eq!((bench.says(), bench.standing()), (vec![], Standing::Waiting));
}

#[test]
fn leaving_is_said_five_times() {
    let mut bench = Bench::live(log(4 * 1024));
    bench.data([0, 1]);
    bench.receiver.leave(bench.now);
    let at = bench.rebuild.consumed().0;
    for _ in 0..5 {
        assert!(!bench.receiver.has_left());
        assert_eq!(bench.says(), [Said::Goodbye { at }]);
        bench.waits(200 * MS);
    }
    assert!(bench.receiver.has_left());
    bench.data([2]);
    assert_eq!((bench.says(), bench.receiver.counts().foreign), (vec![], 1));
    assert_eq!(bench.receiver.next_deadline(), None);
}

#[test]
fn a_silent_sender_is_told_of_and_not_talked_to() {
    let mut bench = Bench::live(log(8 * 1024));
    bench.data([0, 2]);
    bench.waits(299 * MS);
    let _ = bench.says();
    assert_eq!(bench.receiver.source_silent_ns(bench.now), None);
    bench.waits(MS);
    assert_eq!(bench.receiver.source_silent_ns(bench.now), Some(300 * MS));
    bench.waits(4_600 * MS);
    assert_ne!(bench.says(), [], "it may hear although it is not heard");
    bench.waits(300 * MS);
    assert_eq!(bench.says(), []);
    assert!(bench.receiver.counts().unsaid > 0);
    bench.heartbeat(bench.datagrams[2].1);
    assert_eq!(bench.receiver.source_silent_ns(bench.now), None);
    bench.waits(200 * MS);
    assert_ne!(bench.says(), []);
}

#[test]
fn deadlines_are_kept() {
    let mut bench = Bench::live(log(8 * 1024));
    bench.data([0, 2]);
    let mut woken = 0;
    let mut said = bench.says();
    while let Some(next) = bench.receiver.next_deadline() {
        assert!(next > bench.now, "it would spin at {} for {next}: {said:?}", bench.now);
        bench.now = next;
        said = bench.says();
        woken += 1;
    }
    // Requests that come to be 50 ms apart and status messages 200 ms apart, for two seconds; a
    // silence; five times goodbye.
    assert!((45..80).contains(&woken), "{woken}");
    assert!(matches!(bench.standing(), Standing::CatchUpFrom { .. }));
}

#[test]
fn a_new_epochs_session_is_followed_and_the_old_one_dropped() {
    let mut bench = Bench::live(log(8 * 1024));
    bench.data([0, 1]);
    bench.receiver.follow(bench.log.session(), bench.log.base, bench.now);
    assert_eq!(bench.standing(), Standing::Live, "it is followed already");

    let base = bench.rebuild.held();
    let mut next = Log::new(4, base.0, 12);
    next.grow(4 * 1024);
    let old = std::mem::replace(&mut bench.log, next);
    bench.receiver.follow(bench.log.session(), base, bench.now);
    bench.rebuild = MemoryRebuild::ours(bench.log.terms, EXCHANGE, Epoch(4), base);
    assert_eq!(bench.standing(), Standing::Waiting);
    bench.data([2]);
    bench.arrives(&old.heartbeat(old.end(), false));
    bench.arrives(&old.setup(old.end()).emit());
    assert_eq!((bench.says(), bench.receiver.counts().foreign), (vec![], 3));

    bench.datagrams = bench.log.datagrams();
    bench.setup(base);
    bench.data([0]);
    assert_eq!(bench.rebuild.contiguous().0, bench.end(0));
    assert_eq!(bench.receiver.counts().foreign, 3);
    // A SETUP below the epoch's base cannot be this epoch's.
    let mut bench = Bench::new(bench.log);
    bench.setup(Position(base.0 - 32));
    let found = Position(base.0 - 32);
    assert_eq!(bench.standing(), Standing::Refused(SetupRefused::BeforeBase { base, found }));
}

#[test]
fn what_does_not_belong_is_dropped_and_counted() {
    let mut bench = Bench::live(log(8 * 1024));
    let good = bench.datagrams[0].2.clone();
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] ^= byte;
        bytes
    };
    let foreign = [changed(12, 1), changed(16, 1)];
    let damaged = [
        // The length, the flags, the offset, the term, the CRC, the epoch, the message.
        changed(0, 4),
        changed(5, 0x80),
        changed(8, 32),
        changed(20, 1),
        changed(24, 1),
        changed(28, 1),
        changed(40, 1),
    ];
    let invalid = [
        vec![],
        good[..7].to_vec(),
        good[..good.len() - 1].to_vec(),
        changed(4, 1),
        changed(8, 16),
        changed(23, 0x80),
        changed(3, 0x80),
    ];
    let ignored = [
        StatusMessage::elicit(bench.log.session(), STREAM, 1, None),
        StatusMessage::elicit(bench.log.session(), STREAM, 1, Some(5)),
    ];
    foreign.iter().chain(&damaged).chain(&invalid).for_each(|bytes| bench.arrives(bytes));
    for status in ignored {
        let mut bytes = [0; StatusMessage::BYTES_MAX];
        let length = status.emit(&mut bytes);
        bench.arrives(&bytes[..length]);
    }
    let counts = bench.receiver.counts();
    assert_eq!((counts.foreign, counts.invalid, counts.ignored), (2, 7, 2));
    // A changed term or offset puts the frame where it does not say to be, or far ahead.
    assert_eq!(counts.damaged + counts.beyond, damaged.len() as u64);
    assert_eq!((counts.taken, bench.rebuild.contiguous()), (0, bench.log.base));
    bench.data([0]);
    assert_eq!(bench.receiver.counts().taken, 1);
}

#[test]
fn a_stream_of_another_shape_is_refused_by_name() {
    let log = log(4 * 1024);
    let base = log.base;
    let cases = [
        (
            Setup { terms: Terms::new(128 * 1024).unwrap(), ..log.setup(base) },
            "the stream has terms of 131072 bytes, the store of 65536",
        ),
        (
            Setup { initial_term_id: 9, ..log.setup(base) },
            "the stream's first term is 9, expected 0",
        ),
        (
            Setup { mtu_bytes: 8192, ..log.setup(base) },
            "the stream's MTU is 8192 bytes, at most 1408 are taken",
        ),
        (
            Setup { active_term_id: -1, ..log.setup(base) },
            "the stream stands at offset 4096 of term -1",
        ),
    ];
    for (setup, expected) in cases {
        let mut bench = Bench::new(log.clone());
        bench.arrives(&setup.emit());
        let Standing::Refused(refused) = bench.standing() else { panic!("{expected}") };
        assert_eq!(refused.to_string(), expected);
        bench.data([0]);
        assert_eq!(bench.rebuild.contiguous(), base);
        // The right one is taken nevertheless.
        bench.setup(base);
        assert_eq!(bench.standing(), Standing::Live);
    }
}

#[test]
fn a_group_tag_makes_status_messages_longer() {
    let options = ReceiverOptions { group_tag: Some(77), ..options() };
    let mut bench = Bench::with(log(4 * 1024), options);
    bench.setup(bench.log.base);
    bench.receiver.advance(&bench.rebuild, bench.now);
    let feedback = bench.receiver.poll_feedback(&bench.rebuild, bench.now).expect("a status");
    let bytes = feedback.as_ref();
    assert_eq!(
        (bytes.len(), &bytes[..4], &bytes[36..]),
        (44, &[44, 0, 0, 0][..], &[77, 0, 0, 0, 0, 0, 0, 0][..])
    );
}
