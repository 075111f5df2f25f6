//! The subscriber against literal cases, and against a naive twin under random loss, reordering,
//! duplication and overlap.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::limits::GAPS_OPEN_MAX;
use crate::mold::{HEADER_BYTES, Header, MoldError};

pub(super) const SECOND_NS: u64 = 1_000_000_000;

pub(super) fn session() -> Session {
    Session::new("261122300A").unwrap()
}

/// The bytes of message `sequence`: different for each, of different lengths.
pub(super) fn message(sequence: u64) -> Vec<u8> {
    let length = usize::try_from(sequence % 40).unwrap();
    sequence.to_le_bytes().into_iter().cycle().take(length).collect()
}

pub(super) fn packet_of(
    session: Session,
    sequence: u64,
    count: u16,
    messages: &[Vec<u8>],
) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    Header { session, sequence, count }.emit(bytes.first_chunk_mut().unwrap());
    for message in messages {
        bytes.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
        bytes.extend(message);
    }
    bytes
}

pub(super) fn data(first: u64, next: u64) -> Vec<u8> {
    let messages: Vec<_> = (first..next).map(message).collect();
    packet_of(session(), first, u16::try_from(next - first).unwrap(), &messages)
}

pub(super) fn heartbeat(next: u64) -> Vec<u8> {
    packet_of(session(), next, 0, &[])
}

pub(super) fn end_of_session(next: u64) -> Vec<u8> {
    packet_of(session(), next, 0xFFFF, &[])
}

/// The stream as text, one word an event; messages are compared with what they must be.
pub(super) struct Rig {
    pub(super) subscriber: Subscriber,
    words: Vec<String>,
}

impl Rig {
    fn new(patience_ns: u64, held_messages_max: usize) -> Rig {
        Rig::of(Options { patience_ns, held_messages_max, ..Options::default() })
    }

    pub(super) fn of(options: Options) -> Rig {
        Rig { subscriber: Subscriber::new(options), words: Vec::new() }
    }

    pub(super) fn at(&mut self, now_ns: u64, datagram: &[u8]) -> Result<(), Refused> {
        self.on(Source::LineA, now_ns, datagram)
    }

    pub(super) fn on(
        &mut self,
        source: Source,
        now_ns: u64,
        datagram: &[u8],
    ) -> Result<(), Refused> {
        self.with(|subscriber, sink| {
            subscriber.on_datagram(source, datagram, now_ns, &mut |event| sink(event))
        })
    }

    /// Makes a call and notes what it says.
    pub(super) fn with<T>(
        &mut self,
        call: impl FnOnce(&mut Subscriber, &mut dyn FnMut(Event<'_>)) -> T,
    ) -> T {
        let words = &mut self.words;
        call(&mut self.subscriber, &mut |event| record(words, event))
    }

    pub(super) fn time(&mut self, now_ns: u64) {
        self.with(|subscriber, sink| subscriber.on_time(now_ns, &mut |event| sink(event)));
    }

    pub(super) fn expect(&mut self, words: &str) {
        assert_eq!(self.words.join(" "), words);
        self.words.clear();
    }
}

fn record(words: &mut Vec<String>, event: Event<'_>) {
    words.push(match event {
        Event::Joined { sequence, .. } => format!("joined@{sequence}"),
        Event::Message { sequence, bytes } => {
            assert_eq!(bytes, message(sequence), "message {sequence}");
            sequence.to_string()
        }
        Event::GapOpened(gap) => format!("gap{gap}").replace(' ', ""),
        Event::Lost(gap) => format!("lost{gap}").replace(' ', ""),
        Event::Ended { next } => format!("ended@{next}"),
    });
}

#[test]
fn overlapping_datagrams_are_cut_by_message() {
    let mut rig = Rig::new(100, 1_000);
    rig.at(0, &data(1, 4)).unwrap();
    rig.at(0, &data(2, 6)).unwrap();
    rig.at(0, &data(1, 3)).unwrap();
    rig.expect("joined@1 1 2 3 4 5");
    let line = rig.subscriber.source(Source::LineA);
    assert_eq!((line.datagrams, line.messages, line.duplicates), (3, 5, 4));
    assert_eq!(rig.subscriber.state(0), State::InStep);
}

#[test]
fn a_reordered_datagram_in_time_is_no_loss() {
    let mut rig = Rig::new(100, 1_000);
    rig.at(0, &data(1, 2)).unwrap();
    rig.at(10, &data(4, 6)).unwrap();
    rig.expect("joined@1 1 gap[2,4)");
    assert_eq!(rig.subscriber.state(10), State::Repairing);
    assert_eq!(rig.subscriber.next_deadline(), Some(110));
    rig.at(109, &data(3, 4)).unwrap();
    rig.expect("");
    rig.at(109, &data(1, 6)).unwrap();
    rig.expect("2 3 4 5");
    let statistics = rig.subscriber.statistics();
    assert_eq!((statistics.gaps, statistics.recovered, statistics.lost), (1, 2, 0));
    assert!(rig.subscriber.is_complete());
}

#[test]
fn a_gap_is_given_up_when_patience_is_over() {
    let mut rig = Rig::new(100, 1_000);
    rig.at(0, &data(1, 2)).unwrap();
    rig.at(10, &data(4, 6)).unwrap();
    rig.at(20, &data(8, 9)).unwrap();
    rig.time(109);
    rig.expect("joined@1 1 gap[2,4) gap[6,8)");
    rig.time(110);
    rig.expect("lost[2,4) 4 5");
    assert_eq!(rig.subscriber.missing().collect::<Vec<_>>(), [Gap { first: 6, next: 8 }]);
    rig.at(120, &data(3, 4)).unwrap();
    rig.expect("lost[6,8) 8");
    assert_eq!(rig.subscriber.statistics().lost, 4);
    assert!(!rig.subscriber.is_complete());
}

#[test]
fn without_patience_a_gap_is_lost_at_once() {
    let mut rig = Rig::new(0, 1_000);
    rig.at(0, &data(1, 2)).unwrap();
    rig.at(0, &data(3, 4)).unwrap();
    rig.expect("joined@1 1 gap[2,3) lost[2,3) 3");
}

#[test]
fn heartbeat_and_end_reveal_what_was_lost_at_the_tail() {
    let mut rig = Rig::new(100, 1_000);
    rig.at(0, &heartbeat(1)).unwrap();
    rig.at(5, &heartbeat(3)).unwrap();
    rig.expect("joined@1 gap[1,3)");
    rig.at(6, &data(1, 3)).unwrap();
    rig.at(7, &end_of_session(5)).unwrap();
    rig.expect("1 2 gap[3,5)");
    assert_eq!(rig.subscriber.state(7), State::Repairing);
    rig.at(8, &data(3, 5)).unwrap();
    rig.at(9, &end_of_session(5)).unwrap();
    rig.expect("3 4 ended@5");
    assert_eq!(rig.subscriber.state(9), State::Ended);
    assert_eq!(rig.subscriber.source(Source::LineA).heartbeats, 4);
}

#[test]
fn a_late_joiner_is_told_where_it_joined() {
    let mut rig = Rig::new(100, 1_000);
    assert_eq!(rig.subscriber.state(0), State::Waiting);
    rig.at(0, &data(40, 42)).unwrap();
    rig.at(0, &data(38, 41)).unwrap();
    rig.expect("joined@40 40 41");
    assert_eq!((rig.subscriber.first_sequence(), rig.subscriber.next_sequence()), (40, 42));
    assert!(!rig.subscriber.is_complete());
}

#[test]
fn other_sessions_are_refused_and_counted() {
    let other = Session::new("OTHER").unwrap();
    let mut rig = Rig::new(100, 1_000);
    assert_eq!(
        rig.at(0, &end_of_session(9)),
        Err(Refused::AlreadyEnded { heard: session() }),
        "a session that was not asked for and is over"
    );
    rig.at(0, &data(1, 2)).unwrap();
    assert_eq!(
        rig.at(0, &packet_of(other, 2, 0, &[])),
        Err(Refused::ForeignSession { expected: session(), heard: other })
    );
    rig.expect("joined@1 1");
    assert_eq!(rig.subscriber.statistics().foreign_session, 2);

    let options = Options { session: Some(session()), ..Options::default() };
    let mut named = Subscriber::new(options);
    let mut words = Vec::new();
    let mut sink = |event: Event<'_>| record(&mut words, event);
    named.on_datagram(Source::LineB, &end_of_session(9), 0, &mut sink).unwrap();
    assert_eq!(words, ["joined@9", "ended@9"]);
}

#[test]
fn impossible_numbers_change_nothing() {
    let mut rig = Rig::new(100, 1_000);
    rig.at(0, &data(1, 3)).unwrap();
    let sequence = 3 + SEQUENCE_JUMP_MAX + 1;
    let far = Err(Refused::TooFarAhead { next: 3, sequence });
    assert_eq!(rig.at(0, &heartbeat(sequence)), far);
    assert_eq!(
        rig.at(0, &end_of_session(2)),
        Err(Refused::PastEnd { end: 2, sequence: 2 }),
        "an end before messages that exist"
    );
    rig.at(0, &end_of_session(3)).unwrap();
    assert_eq!(rig.at(0, &data(3, 4)), Err(Refused::PastEnd { end: 3, sequence: 3 }));
    let malformed = rig.at(0, &data(1, 3)[..21]).unwrap_err();
    assert!(matches!(malformed, Refused::Malformed(MoldError::CountTooHigh { .. })));
    rig.expect("joined@1 1 2 ended@3");
    let statistics = rig.subscriber.statistics();
    assert_eq!((statistics.out_of_range, statistics.malformed), (3, 1));
}

#[test]
fn a_full_reorder_buffer_gives_up_the_oldest_gap() {
    let mut rig = Rig::new(SECOND_NS, 3);
    rig.at(0, &data(1, 2)).unwrap();
    rig.at(0, &data(3, 5)).unwrap();
    rig.at(0, &data(6, 7)).unwrap();
    rig.expect("joined@1 1 gap[2,3) gap[5,6)");
    rig.at(0, &data(8, 9)).unwrap();
    rig.expect("gap[7,8) lost[2,3) 3 4");
    assert_eq!(rig.subscriber.statistics().held_peak, 3);
    rig.at(0, &data(5, 6)).unwrap();
    rig.at(0, &data(7, 8)).unwrap();
    rig.expect("5 6 7 8");
}

#[test]
fn too_many_gaps_give_up_the_oldest() {
    let mut rig = Rig::new(SECOND_NS, HELD_MESSAGES_MAX);
    rig.at(0, &data(1, 2)).unwrap();
    for index in 0..=GAPS_OPEN_MAX as u64 {
        rig.at(0, &data(3 + 2 * index, 4 + 2 * index)).unwrap();
    }
    assert_eq!(rig.subscriber.missing().count(), GAPS_OPEN_MAX);
    assert_eq!(rig.subscriber.statistics().lost, 1);
    assert_eq!(rig.subscriber.next_sequence(), 4);
}

#[test]
fn silence_is_stale() {
    let mut rig = Rig::new(100, 10);
    rig.at(0, &data(1, 2)).unwrap();
    assert_eq!(rig.subscriber.state(3 * SECOND_NS - 1), State::InStep);
    assert_eq!(rig.subscriber.state(3 * SECOND_NS), State::Stale);
}

#[test]
fn giving_up_closes_the_books() {
    let mut rig = Rig::new(SECOND_NS, 10);
    rig.at(0, &data(1, 2)).unwrap();
    rig.at(0, &data(5, 6)).unwrap();
    rig.at(0, &end_of_session(8)).unwrap();
    rig.words.clear();
    let words = &mut rig.words;
    rig.subscriber.give_up(&mut |event| record(words, event));
    rig.expect("lost[2,5) 5 lost[6,8) ended@8");
}

pub(super) fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// What arrives of messages `1..next` on two lines: each cut into datagrams of its own, with
/// some lost, doubled and put out of order, then the end of the session.
fn arrivals(seed: &mut u64, next: u64) -> Vec<(Source, Vec<u8>, std::ops::Range<u64>)> {
    let mut arrivals = Vec::new();
    for line in [Source::LineA, Source::LineB] {
        let mut first = 1;
        let mut position = 0;
        while first < next {
            let end = next.min(first + 1 + splitmix64(seed) % 12);
            let copies = [1, 1, 1, 1, 1, 1, 0, 2][usize::try_from(splitmix64(seed) % 8).unwrap()];
            for _ in 0..copies {
                let jitter = splitmix64(seed) % 12;
                arrivals.push((position + jitter, line, data(first, end), first..end));
            }
            (first, position) = (end, position + 3);
        }
    }
    // The first datagram of the session always comes first: what a late joiner does is above.
    arrivals.push((0, Source::LineA, heartbeat(1), 1..1));
    arrivals.push((u64::MAX, Source::LineA, end_of_session(next), 1..1));
    arrivals.sort_by_key(|(position, ..)| *position);
    let first = arrivals.iter().position(|(_, _, _, range)| range.is_empty()).unwrap();
    arrivals.swap(0, first);
    arrivals.into_iter().map(|(_, line, bytes, range)| (line, bytes, range)).collect()
}

/// With enough patience, exactly what arrived on either line is delivered, once and in order,
/// and exactly the rest is named as lost.
#[test]
fn random_lines_deliver_what_arrived_and_name_the_rest() {
    let (mut lost, mut recovered, mut duplicates) = (0, 0, 0);
    for case in 0..400 {
        let mut seed = 0x5eed_0000 + case;
        let next = 2 + splitmix64(&mut seed) % 400;
        let arrivals = arrivals(&mut seed, next);
        let arrived: BTreeSet<u64> =
            arrivals.iter().flat_map(|(_, _, range)| range.clone()).collect();

        let options = Options { patience_ns: u64::MAX, ..Options::default() };
        let mut subscriber = Subscriber::new(options);
        let (mut delivered, mut missing, mut position) = (Vec::new(), BTreeSet::new(), 1);
        let mut sink = |event: Event<'_>| match event {
            Event::Joined { sequence, .. } => assert_eq!(sequence, 1),
            Event::Message { sequence, bytes } => {
                assert_eq!(sequence, position, "case {case}: out of order");
                assert_eq!(bytes, message(sequence));
                delivered.push(sequence);
                position = sequence + 1;
            }
            Event::Lost(gap) => {
                assert_eq!(gap.first, position, "case {case}: a loss out of its place");
                missing.extend(gap.first..gap.next);
                position = gap.next;
            }
            Event::GapOpened(_) => {}
            Event::Ended { next: end } => assert_eq!((end, position), (next, next)),
        };
        for (now_ns, (line, bytes, _)) in arrivals.iter().enumerate() {
            subscriber.on_datagram(*line, bytes, now_ns as u64, &mut sink).unwrap();
        }
        subscriber.give_up(&mut sink);
        assert_eq!(subscriber.state(0), State::Ended, "case {case}");
        assert!(delivered.iter().copied().eq(arrived.iter().copied()), "case {case}");
        assert!((1..next).filter(|s| !arrived.contains(s)).eq(missing), "case {case}");
        let statistics = subscriber.statistics();
        assert_eq!(statistics.delivered + statistics.lost, next - 1);
        lost += statistics.lost;
        recovered += statistics.recovered;
        for line in [Source::LineA, Source::LineB] {
            duplicates += subscriber.source(line).duplicates + subscriber.source(line).late;
        }
    }
    assert!(lost > 100 && recovered > 1_000 && duplicates > 10_000, "{lost} {recovered}");
}

/// The same bookkeeping with no cleverness: a set of what is there, looked through from `next`.
#[derive(Default)]
struct NaiveSubscriber {
    next: u64,
    known: u64,
    there: BTreeSet<u64>,
    missing_since: BTreeMap<u64, u64>,
    words: Vec<String>,
}

impl NaiveSubscriber {
    fn on_range(&mut self, range: std::ops::Range<u64>, sequence: u64, now: u64, patience: u64) {
        if self.next == 0 {
            (self.next, self.known) = (sequence, sequence);
        }
        for absent in self.known..sequence {
            self.missing_since.insert(absent, now);
        }
        self.known = self.known.max(sequence);
        for sequence in range {
            if sequence >= self.next {
                self.there.insert(sequence);
                self.missing_since.remove(&sequence);
                self.known = self.known.max(sequence + 1);
            }
            self.flush();
        }
        while let Some(since) = self.missing_since.get(&self.next)
            && since + patience <= now
        {
            self.missing_since.remove(&self.next);
            self.words.push(format!("lost{}", self.next));
            self.next += 1;
            self.flush();
        }
    }

    fn flush(&mut self) {
        while self.there.remove(&self.next) {
            self.words.push(self.next.to_string());
            self.next += 1;
        }
    }
}

/// With short patience, a naive twin delivers and gives up the same messages at the same time.
#[test]
fn a_naive_twin_gives_up_the_same() {
    let mut lost = 0;
    for case in 0..400 {
        let mut seed = 0x0071_1100 + case;
        let patience_ns = splitmix64(&mut seed) % 20;
        let next = 2 + splitmix64(&mut seed) % 300;
        let options = Options { patience_ns, ..Options::default() };
        let mut subscriber = Subscriber::new(options);
        let mut twin = NaiveSubscriber::default();
        let mut words = Vec::new();
        let mut sink = |event: Event<'_>| match event {
            Event::Message { sequence, .. } => words.push(sequence.to_string()),
            Event::Lost(gap) => {
                words.extend((gap.first..gap.next).map(|sequence| format!("lost{sequence}")));
            }
            Event::Joined { .. } | Event::GapOpened(_) | Event::Ended { .. } => {}
        };
        for (now_ns, (line, bytes, range)) in arrivals(&mut seed, next).into_iter().enumerate() {
            let sequence = Header::parse(&bytes).unwrap().sequence;
            subscriber.on_datagram(line, &bytes, now_ns as u64, &mut sink).unwrap();
            twin.on_range(range, sequence, now_ns as u64, patience_ns);
            assert_eq!(subscriber.next_sequence(), twin.next, "case {case}");
        }
        assert_eq!(words, twin.words, "case {case}");
        lost += subscriber.statistics().lost;
    }
    assert!(lost > 1_000, "{lost}");
}

/// Damage to any bit of a stream is refused or delivered, and never leaves the cores' bounds.
#[test]
fn garbage_never_panics() {
    let mut seed = 0xdead;
    let mut subscriber = Subscriber::new(Options { patience_ns: 3, ..Options::default() });
    let mut refused = 0;
    subscriber.on_datagram(Source::LineA, &heartbeat(1), 0, &mut |_| {}).unwrap();
    for now_ns in 0..20_000 {
        let first = 1 + splitmix64(&mut seed) % 500;
        let mut bytes = data(first, first + 1 + splitmix64(&mut seed) % 5);
        for _ in 0..splitmix64(&mut seed) % 3 {
            let bit = usize::try_from(splitmix64(&mut seed)).unwrap() % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        bytes.truncate(bytes.len() - usize::from(splitmix64(&mut seed).is_multiple_of(8)));
        refused +=
            u64::from(subscriber.on_datagram(Source::LineB, &bytes, now_ns, &mut |_| {}).is_err());
    }
    let statistics = subscriber.statistics();
    let counted = statistics.malformed + statistics.foreign_session + statistics.out_of_range;
    assert!(refused > 1_000);
    assert_eq!(counted, refused);
}
