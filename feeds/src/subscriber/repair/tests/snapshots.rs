//! Snapshots against literal cases: who wants one and when, what it stands for, what is refused.

use super::*;

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
