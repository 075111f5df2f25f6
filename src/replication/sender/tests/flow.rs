//! Whom the sender waits for, and for how long.

use super::*;
use crate::metrics::{Counter, Counters};
use crate::types::Position;

const SECOND: u64 = 1_000 * MS;

fn stage(flow_control: FlowControl) -> Stage {
    let mut stage = Stage::new(flow_control);
    stage.log.append(200, 128);
    stage.turn();
    stage
}

fn min(timeout_ns: u64) -> FlowControl {
    FlowControl::Min(Group { size_min: 0, timeout_ns })
}

fn limit(stage: &Stage) -> u64 {
    stage.sender.limit().get()
}

#[test]
fn max_waits_for_the_fastest() {
    let mut stage = stage(FlowControl::Max);
    stage.status(1, 0, 1600);
    assert_eq!(limit(&stage), 1600);
    assert_eq!(stage.turn(), ["DATA 0..1280", "DATA 1280..1600"]);
    stage.status(2, 1600, 800);
    assert_eq!(limit(&stage), 2400);
    stage.status(1, 0, 1600);
    assert_eq!(limit(&stage), 2400, "it never falls");
    assert_eq!(stage.turn(), ["DATA 1600..2400"]);
    assert_eq!(stage.turn(), [""; 0]);
    assert!(stage.sender.counts().flow_control_limited >= 1);
}

/// A receiver that stands still does not hold the log back, nor end the primary.
#[test]
fn what_the_log_has_forgotten_is_passed_over() {
    let mut stage = stage(FlowControl::Max);
    stage.status(1, 0, 1600);
    assert_eq!(stage.turn(), ["DATA 0..1280", "DATA 1280..1600"]);
    stage.log.kept_from = Position(8_000);
    assert_eq!(stage.turn(), [""; 0]);
    assert_eq!(
        (stage.sender.position(), stage.sender.counts().skipped_bytes),
        (Position(8_000), 6_400)
    );
    // It says where it is, and goes on as soon as somebody is there.
    assert_eq!(stage.after(MS), ["heartbeat 8000"]);
    stage.status(1, 8_000, 1600);
    assert_eq!(stage.turn(), ["DATA 8000..9280", "DATA 9280..9600"]);
}

/// Bytes are passed over where nobody listens, never where somebody is slow; what was not sent yet
/// is not sent again, and is no end.
#[test]
fn who_is_there_is_waited_for_with_more_than_half_a_term() {
    let mut stage = stage(FlowControl::Max);
    stage.log.append(400, 128);
    stage.status(1, 0, 1600);
    assert_eq!(stage.turn(), ["DATA 0..1280", "DATA 1280..1600"]);
    assert_eq!(stage.turn(), [""; 0]);
    stage.nak(1600, 1760);
    stage.sender.close();
    assert_eq!(stage.after(MS), ["heartbeat 1600"]);
    assert_eq!((stage.sender.counts().naks_unanswered, stage.sender.is_drained()), (1, false));
    stage.status(1, 1600, 320);
    assert_eq!(stage.turn(), ["DATA 1600..1920"]);
}

#[test]
fn who_only_leaves_was_never_there() {
    let mut stage = stage(FlowControl::Max);
    let leaving = StatusMessage { leaves: true, ..stage.message(1, 0, 1600) };
    stage.hear(&leaving);
    assert_eq!(stage.after(100 * MS), ["SETUP 0"], "and no heartbeat");
}

#[test]
fn a_frame_goes_whole_or_not_at_all() {
    let mut stage = stage(FlowControl::Max);
    stage.status(1, 0, 319);
    assert_eq!(stage.turn(), ["DATA 0..160"]);
    stage.status(1, 160, 159);
    assert_eq!(stage.turn(), [""; 0]);
    stage.status(1, 160, 160);
    assert_eq!(stage.turn(), ["DATA 160..320"]);
}

#[test]
fn min_waits_for_the_slowest_until_it_is_silent() {
    let mut stage = stage(min(2 * SECOND));
    stage.status(1, 0, 3200);
    stage.status(2, 0, 1600);
    assert_eq!(limit(&stage), 3200, "nothing that was let go is called back while it is sent");
    assert_eq!(stage.turn(), ["DATA 0..1280", "DATA 1280..2560", "DATA 2560..3200"]);
    stage.status(1, 3200, 3200);
    assert_eq!(limit(&stage), 3200, "the second one stands at 1,600");
    assert_eq!(stage.turn(), [""; 0]);
    assert_eq!(limit(&stage), 1600, "once nothing can be sent, the limit is what holds now");
    let slow = stage.sender.receivers().find(|receiver| receiver.id == 2).expect("it is there");
    assert_eq!((slow.position.get(), slow.window_end.get(), slow.is_awaited), (0, 1600, true));

    let counters = Counters::in_memory();
    SenderCounters::new(&counters).show(&stage.sender);
    let shown = |counter: Counter, at| counters.get(counter.of_ring(at));
    assert_eq!([0, 1].map(|at| shown(Counter::STREAM_RECEIVER, at)), [1, 2]);
    assert_eq!([0, 1].map(|at| shown(Counter::STREAM_BEHIND, at)), [0, 3200], "it has a name");
    assert_eq!(counters.get(Counter::STREAM_POSITION), 3200);
    assert_eq!(counters.get(Counter::STREAM_LIMIT), 1600);
    assert_eq!(counters.get(Counter::STREAM_STATUS_MESSAGES), 3);

    // It says nothing for longer than its time: the others go on.
    stage.clock(SECOND);
    stage.status(1, 3200, 3200);
    assert_eq!(stage.after(SECOND), ["heartbeat 3200"]);
    assert_eq!((limit(&stage), stage.sender.counts().receivers_lost), (1600, 0));
    stage.after(1);
    assert_eq!((limit(&stage), stage.sender.counts().receivers_lost), (6400, 1));
    assert_eq!(stage.turn(), ["DATA 3200..4480", "DATA 4480..5760", "DATA 5760..6400"]);

    // It comes back from too far behind: it is not waited for, and is there.
    stage.status(2, 0, 1600);
    let slow = stage.sender.receivers().find(|receiver| receiver.id == 2).expect("it is there");
    assert!(!slow.is_awaited);
    stage.status(1, 6400, 3200);
    assert_eq!(limit(&stage), 9600);
    // It caught up, and counts again.
    stage.status(2, 8000, 1600);
    stage.status(1, 9600, 3200);
    assert_eq!(limit(&stage), 9600);
}

#[test]
fn who_leaves_is_not_waited_for() {
    let mut stage = stage(min(5 * SECOND));
    stage.status(1, 0, 3200);
    stage.status(2, 0, 1600);
    let leaving = StatusMessage { leaves: true, ..stage.message(2, 0, 1600) };
    stage.hear(&leaving);
    stage.status(1, 1600, 3200);
    assert_eq!(limit(&stage), 4800);
    let leaving = StatusMessage { leaves: true, ..stage.message(1, 1600, 3200) };
    stage.hear(&leaving);
    assert!(!stage.sender.is_connected());
}

#[test]
fn a_receiver_that_refuses_the_stream_is_not_waited_for() {
    let mut stage = stage(min(5 * SECOND));
    stage.status(1, 0, 3200);
    stage.status(7, 0, 1600);
    let mut error = [0; 40];
    error[..8].copy_from_slice(&[40, 0, 0, 0, 0, 0, 4, 0]);
    error[8] = 5;
    error[12..16].copy_from_slice(&1001_i32.to_le_bytes());
    error[16] = 7;
    stage.bytes(&error);
    assert_eq!(stage.sender.counts().errors, 1);
    stage.status(1, 1600, 3200);
    assert_eq!(limit(&stage), 4800);
}

#[test]
fn tagged_waits_for_its_group_alone() {
    let group = Group { size_min: 0, timeout_ns: 5 * SECOND };
    let mut stage = stage(FlowControl::Tagged { tag: 77, group });
    let tagged = |stage: &Stage, id, at, window| StatusMessage {
        group_tag: Some(77),
        ..stage.message(id, at, window)
    };
    let other = StatusMessage { group_tag: Some(78), ..stage.message(9, 0, 1600) };
    stage.hear(&other);
    assert_eq!(limit(&stage), 1600, "as max, as long as nobody has the tag");
    let message = tagged(&stage, 1, 0, 3200);
    stage.hear(&message);
    let message = tagged(&stage, 2, 0, 4800);
    stage.hear(&message);
    assert_eq!(limit(&stage), 3200);
    stage.status(9, 3200, 32_000);
    assert_eq!(limit(&stage), 3200, "the others see what the group sees");
}

#[test]
fn the_limit_stands_still_for_who_is_joining_but_not_for_long() {
    let mut stage = stage(min(5 * SECOND));
    stage.status(1, 0, 1600);
    stage.turn();
    stage.ask_setup(2);
    stage.status(1, 1600, 1600);
    assert_eq!(limit(&stage), 1600);
    // It is there: both count.
    stage.status(2, 1600, 3200);
    stage.status(1, 1600, 1600);
    assert_eq!(limit(&stage), 3200);

    // Another one asks at once, and again and again: it stops nobody a second time.
    for id in 3..40 {
        stage.ask_setup(id);
    }
    stage.status(1, 3200, 1600);
    stage.status(2, 3200, 3200);
    assert_eq!(limit(&stage), 4800);
    stage.clock(5 * SECOND);
    stage.ask_setup(50);
    stage.status(1, 4800, 1600);
    stage.status(2, 4800, 3200);
    assert_eq!(limit(&stage), 4800);
    stage.clock(200 * MS);
    stage.status(1, 4800, 1600);
    assert_eq!(limit(&stage), 6400, "and who only asks stops nobody for longer than 200 ms");
}

#[test]
fn places_where_no_receiver_can_be_are_no_places() {
    let mut stage = stage(FlowControl::Max);
    stage.status(1, 0, WINDOW);
    stage.log.append(400, 128);
    while stage.sender.position().get() < TERM + TERM / 4 {
        let position = stage.sender.position().get();
        stage.status(1, position, WINDOW);
        stage.turn();
    }
    let position = stage.sender.position().get();
    for (at, is_heard) in [
        (position - TERM / 2, true),
        (position - TERM / 2 - 32, false),
        (position + 3 * TERM / 2, true),
        (position + 3 * TERM / 2 + 32, false),
    ] {
        let rejected = stage.sender.counts().status_rejected;
        stage.status(2, at, 0);
        assert_eq!(stage.sender.counts().status_rejected == rejected, is_heard, "{at}");
    }
    let malformed = stage.sender.counts().malformed;
    stage.status(2, position, WINDOW + 1);
    stage.status(2, position, -1);
    assert_eq!(stage.sender.counts().malformed, malformed + 2);
}
