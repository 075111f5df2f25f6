//! Repair against literal cases: what is asked of whom and when, and what is made of answers.
//! Snapshots, and whole sessions under random loss, have files of their own.

mod sessions;
mod snapshots;

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
