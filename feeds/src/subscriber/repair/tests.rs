//! Repair against literal cases: what is asked of whom and when, and what is made of answers; then
//! whole sessions under random loss with a re-request server, a replay and snapshots, all lossy.

use std::collections::BTreeSet;

use super::*;
use crate::limits::GAPS_OPEN_MAX;
use crate::mold::{HEADER_BYTES, Header, Session};
use crate::subscriber::tests::{
    Rig, SECOND_NS, data, end_of_session, heartbeat, message, packet_of, session, splitmix64,
};
use crate::subscriber::{Join, LineState, Options, Repair, State};

const REPAIR: Repair = Repair {
    grace_ns: 10,
    requests_max: 2,
    retry_ns: 100,
    request_messages_max: 8,
    requests_in_flight_max: 2,
    udp_messages_max: 40,
    replay: true,
    snapshot: false,
};

fn rig(repair: Repair) -> Rig {
    Rig::of(Options { patience_ns: 10 * SECOND_NS, ..Options::repairing(repair) })
}

/// All that is to be asked now, as `first..next#attempt`.
fn requests(rig: &mut Rig, now_ns: u64) -> String {
    let poll = || rig.subscriber.poll_request(now_ns);
    let words = std::iter::from_fn(poll)
        .map(|Asked { gap, attempt }| format!("{}..{}#{attempt}", gap.first, gap.next));
    words.collect::<Vec<_>>().join(" ")
}

fn answer(rig: &mut Rig, now_ns: u64, first: u64, next: u64) {
    rig.on(Source::Retransmission, now_ns, &data(first, next)).unwrap();
}

fn replay(rig: &mut Rig, now_ns: u64, sequence: u64) -> Result<(), Refused> {
    rig.with(|subscriber, sink| {
        subscriber.on_replayed(sequence, &message(sequence), now_ns, &mut |event| sink(event))
    })
}

fn snapshot(rig: &mut Rig, now_ns: u64, next: u64) -> Result<(), Refused> {
    rig.with(|subscriber, sink| {
        subscriber.on_snapshot_complete(next, now_ns, &mut |event| sink(event))
    })
}

#[test]
fn the_other_line_has_a_moment_before_anybody_is_asked() {
    let mut rig = rig(REPAIR);
    rig.at(0, &data(1, 3)).unwrap();
    rig.at(100, &data(5, 6)).unwrap();
    assert_eq!(requests(&mut rig, 109), "");
    assert_eq!(rig.subscriber.next_deadline(), Some(110));
    rig.on(Source::LineB, 109, &data(3, 6)).unwrap();
    assert_eq!(requests(&mut rig, 110), "");
    rig.expect("joined@1 1 2 gap[3,5) 3 4 5");
    assert_eq!(rig.subscriber.next_deadline(), None);
}

#[test]
fn a_gap_is_asked_for_in_parts_and_the_rest_of_an_answer_at_once() {
    let mut rig = rig(REPAIR);
    rig.at(0, &data(1, 2)).unwrap();
    rig.at(0, &data(22, 23)).unwrap();
    assert_eq!(requests(&mut rig, 10), "2..10#1 10..18#1", "two in flight, eight messages each");
    assert_eq!(rig.subscriber.state(10), State::Repairing);
    answer(&mut rig, 20, 2, 7);
    rig.expect("joined@1 1 gap[2,22) 2 3 4 5 6");
    assert_eq!(requests(&mut rig, 20), "7..10#1", "what did not fit the datagram");
    answer(&mut rig, 30, 10, 18);
    assert_eq!(requests(&mut rig, 30), "18..22#1");
    answer(&mut rig, 40, 7, 10);
    rig.expect("7 8 9 10 11 12 13 14 15 16 17");
    answer(&mut rig, 50, 18, 22);
    rig.expect("18 19 20 21 22");
    assert_eq!(rig.subscriber.source(Source::Retransmission).messages, 20);
    assert_eq!(rig.subscriber.statistics().requests, 4);
    assert!(rig.subscriber.is_complete());
}

#[test]
fn silence_by_udp_leads_to_a_replay() {
    let mut rig = rig(REPAIR);
    rig.at(0, &data(1, 2)).unwrap();
    rig.at(0, &data(3, 4)).unwrap();
    assert_eq!(requests(&mut rig, 10), "2..3#1");
    assert_eq!(rig.subscriber.next_deadline(), Some(110));
    assert_eq!(requests(&mut rig, 109), "");
    assert_eq!(requests(&mut rig, 110), "2..3#2");
    rig.time(209);
    assert_eq!(rig.subscriber.replay_wanted(209), None);
    rig.time(210);
    assert_eq!(rig.subscriber.replay_wanted(210), Some(2));
    assert_eq!(requests(&mut rig, 210), "");
    replay(&mut rig, 220, 2).unwrap();
    assert_eq!(rig.subscriber.replay_wanted(220), None);
    replay(&mut rig, 220, 3).unwrap();
    rig.expect("joined@1 1 gap[2,3) 2 3");
    let replayed = rig.subscriber.source(Source::Replay);
    assert_eq!((replayed.messages, replayed.late), (1, 1));
}

#[test]
fn much_that_is_missing_is_replayed_at_once() {
    let mut rig = rig(REPAIR);
    rig.at(0, &data(1, 2)).unwrap();
    rig.at(0, &heartbeat(43)).unwrap();
    rig.time(9);
    assert_eq!(rig.subscriber.replay_wanted(9), None);
    assert_eq!(requests(&mut rig, 10), "");
    assert_eq!(rig.subscriber.replay_wanted(10), Some(2));
    (2..43).for_each(|sequence| replay(&mut rig, 20, sequence).unwrap());
    assert_eq!(rig.subscriber.state(20), State::InStep);
    // The replay may be the first to have what the lines did not bring yet.
    replay(&mut rig, 30, 43).unwrap();
    assert_eq!(
        replay(&mut rig, 30, 45),
        Err(Refused::TooFarAhead { next: 44, sequence: 45 }),
        "a replay has no holes"
    );
    rig.at(40, &data(40, 45)).unwrap();
    assert_eq!(rig.subscriber.next_sequence(), 45);
}

#[test]
fn without_udp_a_gap_is_replayed_and_without_replay_it_waits() {
    let mut replayed = rig(Repair { requests_max: 0, ..REPAIR });
    replayed.at(0, &data(1, 2)).unwrap();
    replayed.at(0, &data(3, 4)).unwrap();
    assert_eq!(requests(&mut replayed, 10), "");
    assert_eq!(replayed.subscriber.replay_wanted(10), Some(2));

    let mut waits = rig(Repair { replay: false, ..REPAIR });
    waits.at(0, &data(1, 2)).unwrap();
    waits.at(0, &data(3, 4)).unwrap();
    assert_eq!(requests(&mut waits, 10), "2..3#1");
    assert_eq!(requests(&mut waits, 110), "2..3#2");
    waits.time(210);
    assert_eq!(waits.subscriber.replay_wanted(210), None);
    assert_eq!(waits.subscriber.next_deadline(), Some(10 * SECOND_NS));
    waits.time(10 * SECOND_NS);
    waits.expect("joined@1 1 gap[2,3) lost[2,3) 3");
}

#[test]
fn what_cannot_be_held_comes_by_replay_and_nothing_is_lost() {
    let mut rig = Rig::of(Options { held_messages_max: 3, ..Options::repairing(REPAIR) });
    rig.at(0, &data(1, 2)).unwrap();
    rig.at(0, &data(3, 8)).unwrap();
    assert_eq!(rig.subscriber.held(), 3);
    assert_eq!(rig.subscriber.missing().collect::<Vec<_>>().len(), 2);
    rig.at(0, &data(9, 11)).unwrap();
    let gaps: Vec<_> = rig.subscriber.missing().map(|gap| gap.to_string()).collect();
    assert_eq!(gaps, ["[2, 3)", "[6, 8)", "[8, 11)"]);
    assert_eq!(rig.subscriber.statistics().unheld, 4);
    assert_eq!(rig.subscriber.replay_wanted(0), Some(2));
    (2..11).for_each(|sequence| replay(&mut rig, 5, sequence).unwrap());
    rig.expect("joined@1 1 gap[2,3) gap[8,9) 2 3 4 5 6 7 8 9 10");
    assert_eq!(rig.subscriber.replay_wanted(5), None);
    assert!(rig.subscriber.is_complete());
}

#[test]
fn too_many_gaps_become_one_for_the_replay() {
    let mut rig = rig(REPAIR);
    rig.at(0, &data(1, 2)).unwrap();
    let last = 3 + 2 * GAPS_OPEN_MAX as u64;
    (3..=last).step_by(2).for_each(|first| rig.at(0, &data(first, first + 1)).unwrap());
    assert_eq!(rig.subscriber.missing().count(), GAPS_OPEN_MAX);
    assert_eq!(rig.subscriber.replay_wanted(0), Some(2));
    (2..=last).for_each(|sequence| replay(&mut rig, 0, sequence).unwrap());
    assert_eq!(rig.subscriber.next_sequence(), last + 1);
    assert!(rig.subscriber.is_complete());
}

#[test]
fn a_late_joiner_holds_what_is_live_until_a_snapshot_stands_for_the_rest() {
    // What the snapshot goes on with, and what is then delivered of [40, 44) and [46, 48).
    for (next, words) in [
        (40, "joined@40 40 41 42 43"),
        (42, "joined@42 42 43"),
        (45, "joined@45"),
        (46, "joined@46 46 47"),
        (60, "joined@60"),
        (38, "joined@38 gap[38,40)"),
    ] {
        let mut rig = rig(Repair { snapshot: true, ..REPAIR });
        assert_eq!(rig.subscriber.snapshot_wanted(), None);
        rig.at(0, &data(40, 44)).unwrap();
        rig.on(Source::LineB, 0, &data(38, 42)).unwrap();
        rig.at(0, &data(46, 48)).unwrap();
        rig.expect("gap[44,46)");
        assert_eq!(rig.subscriber.state(0), State::Joining);
        assert_eq!(rig.subscriber.snapshot_wanted(), Some(40));
        assert_eq!(rig.subscriber.replay_wanted(SECOND_NS), None);
        snapshot(&mut rig, 0, next).unwrap();
        rig.expect(words);
        assert_eq!(rig.subscriber.snapshot_wanted(), None);
        assert_eq!(rig.subscriber.first_sequence(), next);
        let repairing = matches!(next, 38..=45);
        let state = if repairing { State::Repairing } else { State::InStep };
        assert_eq!(rig.subscriber.state(0), state);
        for sequence in rig.subscriber.next_sequence()..60 {
            replay(&mut rig, 0, sequence).unwrap();
        }
        assert_eq!(rig.subscriber.next_sequence(), 60);
        assert!(rig.subscriber.is_complete());
        assert_eq!(rig.subscriber.statistics().covered, next - 1);
    }
}

#[test]
fn a_gap_is_asked_for_while_the_snapshot_is_on_its_way() {
    let mut rig = rig(Repair { snapshot: true, ..REPAIR });
    rig.at(0, &data(40, 42)).unwrap();
    rig.at(0, &data(43, 44)).unwrap();
    assert_eq!(requests(&mut rig, 10), "42..43#1");
    answer(&mut rig, 20, 42, 43);
    snapshot(&mut rig, 30, 41).unwrap();
    rig.expect("gap[42,43) joined@41 41 42 43");
}

#[test]
fn who_hears_the_first_message_needs_no_snapshot() {
    let mut rig = rig(Repair { snapshot: true, ..REPAIR });
    rig.at(0, &heartbeat(1)).unwrap();
    assert_eq!((rig.subscriber.state(0), rig.subscriber.snapshot_wanted()), (State::InStep, None));
    rig.expect("joined@1");
}

#[test]
fn a_joiner_whose_buffer_is_full_wants_a_newer_snapshot() {
    let repair = Repair { snapshot: true, ..REPAIR };
    let mut rig = Rig::of(Options { held_messages_max: 4, ..Options::repairing(repair) });
    rig.at(0, &data(40, 44)).unwrap();
    assert_eq!(rig.subscriber.snapshot_wanted(), Some(40));
    rig.at(0, &data(44, 47)).unwrap();
    assert_eq!((rig.subscriber.snapshot_wanted(), rig.subscriber.held()), (Some(43), 4));
    // A gap in what is held goes with it.
    rig.at(0, &data(50, 54)).unwrap();
    assert_eq!((rig.subscriber.snapshot_wanted(), rig.subscriber.held()), (Some(47), 4));
    assert_eq!(rig.subscriber.missing().collect::<Vec<_>>(), [Gap { first: 47, next: 50 }]);
    // The one that was made meanwhile still does, with a repair.
    snapshot(&mut rig, 0, 42).unwrap();
    rig.expect("gap[47,50) joined@42 gap[42,47)");
    (42..50).for_each(|sequence| replay(&mut rig, 0, sequence).unwrap());
    rig.expect("42 43 44 45 46 47 48 49 50 51 52 53");
}

#[test]
fn a_refused_replay_leads_to_a_snapshot() {
    let repair = Repair { snapshot: true, requests_max: 0, ..REPAIR };
    let mut rig = rig(repair);
    rig.at(0, &data(1, 3)).unwrap();
    rig.at(0, &data(9, 11)).unwrap();
    rig.time(10);
    rig.with(|subscriber, sink| subscriber.on_replay_refused(20, &mut |event| sink(event)));
    assert_eq!(rig.subscriber.state(20), State::Joining);
    assert_eq!(rig.subscriber.snapshot_wanted(), Some(9));
    assert_eq!(rig.subscriber.replay_wanted(20), None);
    rig.on(Source::LineB, 20, &data(1, 9)).unwrap();
    rig.expect("joined@1 1 2 gap[3,9)");
    assert_eq!(
        snapshot(&mut rig, 30, 2),
        Err(Refused::SnapshotTooOld { lowest: 3, next: 2 }),
        "before what was delivered"
    );
    snapshot(&mut rig, 30, 10).unwrap();
    rig.expect("joined@10 10");
    let statistics = rig.subscriber.statistics();
    assert_eq!((statistics.covered, statistics.snapshots, statistics.lost), (7, 1, 0));
    assert!(rig.subscriber.is_complete());
    assert_eq!(rig.subscriber.first_sequence(), 1);

    let mut lost = self::rig(Repair { snapshot: false, ..repair });
    lost.at(0, &data(1, 3)).unwrap();
    lost.at(0, &data(9, 11)).unwrap();
    lost.time(10);
    lost.with(|subscriber, sink| subscriber.on_replay_refused(20, &mut |event| sink(event)));
    lost.expect("joined@1 1 2 gap[3,9) lost[3,9) 9 10");
}

#[test]
fn a_snapshot_that_never_comes_can_be_done_without() {
    let mut late = rig(Repair { snapshot: true, ..REPAIR });
    late.at(0, &data(40, 42)).unwrap();
    late.with(|subscriber, sink| subscriber.join_without_snapshot(&mut |event| sink(event)));
    late.expect("joined@40 40 41");
    assert!(!late.subscriber.is_complete());

    let mut again = rig(Repair { snapshot: true, requests_max: 0, replay: false, ..REPAIR });
    again.at(0, &data(1, 2)).unwrap();
    again.at(0, &data(4, 5)).unwrap();
    again.time(10);
    assert_eq!(again.subscriber.snapshot_wanted(), Some(4), "nobody else can be asked");
    again.with(|subscriber, sink| subscriber.give_up(&mut |event| sink(event)));
    again.expect("joined@1 1 gap[2,4) lost[2,4) 4");
    assert!(!again.subscriber.is_complete());
}

#[test]
fn snapshots_that_cannot_be_are_refused() {
    let mut rig = rig(Repair { snapshot: true, ..REPAIR });
    rig.at(0, &data(40, 42)).unwrap();
    let far = 42 + SEQUENCE_JUMP_MAX + 1;
    let refused = Err(Refused::TooFarAhead { next: 40, sequence: far });
    assert_eq!(snapshot(&mut rig, 0, far), refused);
    rig.at(0, &end_of_session(42)).unwrap();
    assert_eq!(snapshot(&mut rig, 0, 43), Err(Refused::PastEnd { end: 42, sequence: 42 }));
    let too_old = Err(Refused::SnapshotTooOld { lowest: 1, next: 0 });
    assert_eq!(snapshot(&mut rig, 0, 0), too_old);
    rig.expect("");
    snapshot(&mut rig, 0, 42).unwrap();
    rig.expect("joined@42 ended@42");
    assert!(snapshot(&mut rig, 0, 42).is_err(), "nobody waits for one");
    assert_eq!(rig.subscriber.statistics().out_of_range, 4);
}

#[test]
fn nothing_in_an_answer_is_believed_but_what_is_missing() {
    let mut rig = rig(REPAIR);
    let ask = |rig: &mut Rig, datagram: &[u8]| rig.on(Source::Retransmission, 0, datagram);
    assert_eq!(ask(&mut rig, &data(1, 2)), Err(Refused::Unasked { sequence: 1 }), "no session");
    rig.at(0, &data(1, 3)).unwrap();
    rig.at(0, &data(5, 6)).unwrap();
    for datagram in [&data(6, 8), &heartbeat(9), &end_of_session(3)] {
        assert!(matches!(ask(&mut rig, datagram), Err(Refused::Unasked { .. })));
    }
    let other = Session::new("OTHER").unwrap();
    let foreign = ask(&mut rig, &packet_of(other, 3, 1, &[message(3)]));
    assert!(matches!(foreign, Err(Refused::ForeignSession { .. })));
    rig.expect("joined@1 1 2 gap[3,5)");
    // Past what is known, an answer is cut; and before what is wanted, it is late.
    ask(&mut rig, &data(2, 9)).unwrap();
    rig.expect("3 4 5");
    let counted = rig.subscriber.source(Source::Retransmission);
    assert_eq!((counted.messages, counted.late, counted.datagrams), (2, 2, 6));
    assert_eq!(rig.subscriber.known_sequence(), 6);
}

/// Whoever forges a message must be first: what was delivered, or is held, stays.
#[test]
fn the_first_copy_stays() {
    let mut rig = rig(REPAIR);
    rig.at(0, &data(1, 2)).unwrap();
    rig.at(0, &data(3, 4)).unwrap();
    let forged: Vec<_> = (1..4).map(|_| b"forged".to_vec()).collect();
    let forged = packet_of(session(), 1, 3, &forged);
    rig.on(Source::Retransmission, 0, &data(2, 3)).unwrap();
    rig.on(Source::Retransmission, 0, &forged).unwrap();
    rig.on(Source::LineB, 0, &forged).unwrap();
    rig.expect("joined@1 1 gap[2,3) 2 3");
}

#[test]
fn each_line_says_what_it_lost_and_what_came_late() {
    let mut rig = rig(REPAIR);
    rig.at(0, &data(1, 5)).unwrap();
    rig.on(Source::LineB, 0, &data(1, 3)).unwrap();
    rig.on(Source::LineB, 0, &data(5, 7)).unwrap();
    rig.at(SECOND_NS, &data(7, 9)).unwrap();
    rig.at(SECOND_NS, &data(7, 9)).unwrap();
    let (a, b) = (rig.subscriber.source(Source::LineA), rig.subscriber.source(Source::LineB));
    assert_eq!((a.messages, a.late, a.duplicates, a.lost, a.behind), (6, 0, 2, 2, 0));
    assert_eq!((b.messages, b.late, b.duplicates, b.lost, b.behind), (2, 2, 0, 2, 2));
    // Reordered, not lost; and a heartbeat says what a line lost at its tail.
    rig.on(Source::LineB, SECOND_NS, &data(3, 5)).unwrap();
    rig.on(Source::LineB, SECOND_NS, &heartbeat(9)).unwrap();
    let b = rig.subscriber.source(Source::LineB);
    assert_eq!((b.messages, b.late, b.lost, b.behind), (2, 4, 2, 0));
    let states = |rig: &Rig, now_ns| {
        [Source::LineA, Source::LineB].map(|line| rig.subscriber.line_state(line, now_ns))
    };
    assert_eq!(states(&rig, SECOND_NS), [LineState::Live; 2]);
    rig.at(3 * SECOND_NS, &heartbeat(9)).unwrap();
    let silent = LineState::Silent(3 * SECOND_NS);
    assert_eq!(states(&rig, 4 * SECOND_NS), [LineState::Live, silent]);
    assert_eq!(rig.subscriber.state(4 * SECOND_NS), State::InStep, "one line is enough");
    let unheard = self::rig(REPAIR);
    assert_eq!(states(&unheard, 0), [LineState::Unheard; 2]);
}

#[test]
fn a_line_that_loses_much_keeps_few_holes() {
    let mut rig = rig(REPAIR);
    for first in (1..1_000).step_by(2) {
        rig.at(0, &data(first, first + 2)).unwrap();
        rig.on(Source::LineB, 0, &data(first, first + 1)).unwrap();
    }
    rig.on(Source::LineB, 0, &heartbeat(1_001)).unwrap();
    assert_eq!(rig.subscriber.source(Source::LineB).lost, 500);
    (2..1_001).step_by(2).for_each(|first| {
        rig.on(Source::LineB, 0, &data(first, first + 1)).unwrap();
    });
    let b = rig.subscriber.source(Source::LineB);
    assert_eq!(b.lost, 500 - crate::limits::LINE_HOLES_MAX as u64, "what is forgotten stays lost");
    assert_eq!(b.late + b.duplicates, 1_000);
}

#[test]
fn while_both_lines_are_silent_the_replay_goes_on() {
    let mut rig = rig(REPAIR);
    rig.at(0, &data(1, 3)).unwrap();
    assert_eq!(rig.subscriber.replay_wanted(3 * SECOND_NS - 1), None);
    assert_eq!(rig.subscriber.replay_wanted(3 * SECOND_NS), Some(3));
    replay(&mut rig, 3 * SECOND_NS, 3).unwrap();
    assert_eq!(rig.subscriber.replay_wanted(3 * SECOND_NS), Some(4));
    assert_eq!(rig.subscriber.state(3 * SECOND_NS), State::Stale, "the lines are still silent");
    let mut ended = |next| {
        rig.with(|subscriber, sink| subscriber.on_replay_ended(next, 0, &mut |event| sink(event)));
        rig.subscriber.state(0)
    };
    assert_eq!(ended(9), State::InStep, "an end that cannot be yet");
    assert_eq!(ended(4), State::Ended);
    assert_eq!(rig.subscriber.replay_wanted(9 * SECOND_NS), None);
    assert_eq!(replay(&mut rig, 0, 4), Err(Refused::PastEnd { end: 4, sequence: 4 }));
    rig.expect("joined@1 1 2 3 ended@4");
}

/// Progress is no reason to give up: the patience counts from the last message of a repair.
#[test]
fn a_repair_that_goes_on_is_waited_for() {
    let mut rig = Rig::of(Options { patience_ns: 1_000, ..Options::repairing(REPAIR) });
    rig.at(0, &data(1, 2)).unwrap();
    rig.at(0, &data(50, 51)).unwrap();
    for sequence in 2..50 {
        let now_ns = 900 * (sequence - 1);
        rig.time(now_ns);
        replay(&mut rig, now_ns, sequence).unwrap();
    }
    assert!(rig.subscriber.is_complete());
    assert_eq!(rig.subscriber.next_sequence(), 51);
}

/// A datagram from far ahead opens a gap that nobody can fill. What comes before goes on.
#[test]
fn a_forged_heartbeat_stops_nothing() {
    let mut rig = Rig::of(Options { patience_ns: 1_000, ..Options::repairing(REPAIR) });
    rig.at(0, &data(1, 2)).unwrap();
    rig.on(Source::LineB, 0, &heartbeat(1 << 31)).unwrap();
    rig.expect(&format!("joined@1 1 gap[2,{})", 1_u64 << 31));
    for sequence in 2..50 {
        rig.at(900 * sequence, &data(sequence, sequence + 1)).unwrap();
    }
    assert_eq!(rig.subscriber.next_sequence(), 50);
    assert_eq!(rig.subscriber.state(900 * 49), State::Repairing);
    assert_eq!(rig.subscriber.held(), 0);
}

/// A session of messages `1..next` as one consumer has it: lossy lines, a re-request server that
/// often says nothing, a replay whose connection breaks, snapshots that may be old.
struct World {
    seed: u64,
    next: u64,
    oldest_replayed: u64,
    rig: Subscriber,
    now_ns: u64,
    position: u64,
    delivered: u64,
    covered: u64,
}

impl World {
    fn chance(&mut self, per_cent: u64) -> bool {
        splitmix64(&mut self.seed) % 100 < per_cent
    }

    fn below(&mut self, bound: u64) -> u64 {
        splitmix64(&mut self.seed) % bound
    }

    fn call<T>(
        &mut self,
        call: impl FnOnce(&mut Subscriber, u64, &mut dyn FnMut(Event<'_>)) -> T,
    ) -> T {
        let Self { rig, now_ns, position, delivered, covered, .. } = self;
        call(rig, *now_ns, &mut |event| match event {
            Event::Joined { sequence, .. } => {
                assert!(sequence >= *position, "back to {sequence} from {position}");
                *covered += sequence - *position;
                *position = sequence;
            }
            Event::Message { sequence, bytes } => {
                assert_eq!(sequence, *position, "in order, once, without a hole");
                assert_eq!(bytes, message(sequence));
                (*position, *delivered) = (sequence + 1, *delivered + 1);
            }
            Event::Lost(gap) => panic!("lost {gap} where everything can be repaired"),
            Event::GapOpened(_) | Event::Ended { .. } => {}
        })
    }

    fn datagram(&mut self, source: Source, bytes: &[u8]) {
        let _ = self
            .call(|rig, now, sink| rig.on_datagram(source, bytes, now, &mut |event| sink(event)));
    }

    /// What there is now, `known` messages having been published.
    fn repair(&mut self, known: u64) {
        while let Some(asked) = self.rig.poll_request(self.now_ns) {
            assert!(asked.gap.messages() > 0 && asked.gap.next <= self.next);
            if self.chance(60) && asked.gap.first < known {
                let fit = (asked.gap.first + 5).min(asked.gap.next).min(known);
                self.datagram(Source::Retransmission, &data(asked.gap.first, fit));
            }
        }
        if let Some(from) = self.rig.replay_wanted(self.now_ns)
            && self.chance(30)
        {
            if from < self.oldest_replayed {
                self.call(|rig, now, sink| rig.on_replay_refused(now, &mut |event| sink(event)));
            } else {
                let length = self.below(60);
                for sequence in from..known.min(from + length) {
                    self.call(|rig, now, sink| {
                        let bytes = message(sequence);
                        rig.on_replayed(sequence, &bytes, now, &mut |event| sink(event)).unwrap();
                    });
                }
            }
        }
        if let Some(lowest) = self.rig.snapshot_wanted()
            && self.chance(20)
        {
            let next = (lowest.saturating_sub(5) + self.below(10)).clamp(1, known);
            // What ends before the last message delivered is refused, and another one comes.
            let _ = self.call(|rig, now, sink| {
                rig.on_snapshot_complete(next, now, &mut |event| sink(event))
            });
        }
    }

    /// Everything arrives, is repaired, or is covered; nothing more is held than may be.
    fn run(&mut self) {
        let mut sent = [1 + self.below(3) * self.below(30), 1];
        sent[1] = sent[0];
        while sent.iter().any(|sent| *sent < self.next) {
            let line = usize::from(self.chance(50));
            let first = sent[line];
            let end = self.next.min(first + 1 + self.below(9));
            sent[line] = end;
            let source = [Source::LineA, Source::LineB][line];
            if first < end && self.chance(70) {
                self.datagram(source, &data(first, end));
            }
            self.now_ns += self.below(60);
            self.repair(sent[0].max(sent[1]));
            assert!(self.rig.held() <= self.rig.options.held_messages_max);
        }
        for _ in 0..100_000 {
            if self.rig.state(self.now_ns) == State::Ended {
                return;
            }
            self.datagram(Source::LineA, &end_of_session(self.next));
            self.now_ns += 50;
            self.repair(self.next);
        }
        panic!("never in step: {:?} of {}", self.rig.next_sequence(), self.next);
    }
}

#[test]
fn random_sessions_are_whole_in_the_end() {
    let (mut by_udp, mut by_tcp, mut unheld, mut snapshots) = (0, 0, 0, 0);
    for case in 0..300 {
        let mut seed = 0x0e9a_1200 + case;
        let held_messages_max = 1 + (splitmix64(&mut seed) % 60) as usize;
        let repair = Repair { snapshot: true, ..REPAIR };
        let from_start = splitmix64(&mut seed).is_multiple_of(2);
        let join = if from_start { Join::From(1) } else { Join::Snapshot };
        let patience_ns = u64::MAX;
        let options =
            Options { join, held_messages_max, patience_ns, ..Options::repairing(repair) };
        let next = 100 + splitmix64(&mut seed) % 400;
        let oldest_replayed = if case % 3 == 0 { next / 2 } else { 1 };
        let rig = Subscriber::new(options);
        let mut session = World {
            seed,
            next,
            oldest_replayed,
            rig,
            now_ns: 0,
            position: 1,
            delivered: 0,
            covered: 0,
        };
        session.run();
        let statistics = session.rig.statistics();
        assert_eq!(session.position, next, "case {case}");
        assert_eq!(session.delivered + session.covered, next - 1, "case {case}");
        assert_eq!(
            (statistics.delivered, statistics.covered, statistics.lost),
            (session.delivered, session.covered, 0),
            "case {case}"
        );
        let new: u64 = Source::ALL.map(|source| session.rig.source(source).messages).iter().sum();
        assert!(new >= session.delivered, "case {case}");
        by_udp += session.rig.source(Source::Retransmission).messages;
        by_tcp += session.rig.source(Source::Replay).messages;
        unheld += statistics.unheld;
        snapshots += statistics.snapshots;
    }
    let least = by_udp.min(by_tcp).min(unheld).min(snapshots);
    assert!(least > 100, "{by_udp} {by_tcp} {unheld} {snapshots}");
}

/// Requests that the core makes are requests that a server takes.
#[test]
fn what_is_asked_for_is_a_request() {
    let mut rig = rig(Repair { request_messages_max: 0, ..REPAIR });
    rig.at(0, &data(1, 2)).unwrap();
    rig.at(0, &heartbeat(9)).unwrap();
    let mut asked = BTreeSet::new();
    for now_ns in (10..1_000).step_by(10) {
        while let Some(Asked { gap, .. }) = rig.subscriber.poll_request(now_ns) {
            let count = u16::try_from(gap.messages()).unwrap();
            let mut bytes = [0; HEADER_BYTES];
            Header { session: session(), sequence: gap.first, count }.emit(&mut bytes);
            let request = crate::mold::Request::parse(&bytes).unwrap();
            asked.insert(request.sequence);
        }
    }
    assert!(asked.len() > 1 && asked.iter().all(|sequence| (2..9).contains(sequence)));
}
