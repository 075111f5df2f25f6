//! What a sender does, turn by turn, with a clock moved by hand.

mod abuse;
mod flow;
mod loss;
mod stage;

use super::*;
use crate::replication::channel::{FlowControl, Group};
use stage::{MS, Stage, TERM, WINDOW, frame_bytes};

#[test]
fn a_stream_from_its_first_setup_to_its_end() {
    let mut stage = Stage::new(FlowControl::Max);
    stage.log.append(9, 128);
    // Nobody is there: SETUP now and every 100 ms, nothing else.
    assert_eq!(stage.turn(), ["SETUP 0"]);
    assert_eq!(stage.turn(), [""; 0]);
    assert_eq!(stage.after(99 * MS), [""; 0]);
    assert_eq!(stage.after(MS), ["SETUP 0"]);
    assert!(!stage.sender.is_connected());

    // The first status message lets it go: whole frames up to the MTU, 8 of 160 in 1,280.
    stage.status(1, 0, WINDOW);
    assert_eq!(stage.turn(), ["DATA 0..1280", "DATA 1280..1440"]);
    assert!(stage.sender.is_connected());

    // What ends a burst is shown after 1 ms, then at twice the distance, then every 100 ms.
    assert_eq!(stage.turn(), [""; 0]);
    for wait_ms in [1, 1, 2, 4, 8, 16, 32, 64, 100, 100] {
        assert_eq!(stage.after(wait_ms * MS - 1), [""; 0], "{wait_ms}");
        assert_eq!(stage.after(1), ["heartbeat 1440"], "{wait_ms}");
        stage.status(1, 1440, WINDOW);
    }

    // New data begins a new burst.
    stage.log.append(1, 40);
    assert_eq!(stage.turn(), ["DATA 1440..1536"]);
    assert_eq!(stage.after(MS), ["heartbeat 1536"]);

    // The end is the log's end, and is said until nobody asks any more.
    stage.log.append(1, 40);
    stage.sender.close();
    assert_eq!(stage.turn(), ["DATA 1536..1632"]);
    assert!(!stage.sender.is_drained());
    assert_eq!(stage.after(MS), ["END 1632"]);
    assert!(stage.sender.is_drained());
    assert_eq!(stage.after(2 * MS), ["END 1632"]);
}

#[test]
fn padding_travels_as_its_header_and_ends_its_datagram() {
    // Frames as long as the MTU leave no room for the header, which goes by itself.
    let mut stage = Stage::new(FlowControl::Max);
    let frame = frame_bytes(1376);
    let fitting = TERM / frame;
    stage.status(1, 0, WINDOW);
    stage.log.append(fitting as usize + 1, 1376);
    let mut sent = Vec::new();
    while stage.sender.position() < stage.log.end() {
        stage.clock(0);
        let position = stage.sender.position().get();
        stage.status(1, position, WINDOW);
        sent.extend(stage.turn());
    }
    let last = (fitting - 1) * frame;
    let end = fitting * frame;
    let expected = [
        format!("DATA {last}..{end}"),
        format!("PAD {end}..{TERM}"),
        format!("DATA {TERM}..{}", TERM + frame),
    ];
    assert_eq!(sent[sent.len() - 3..], expected);
    let pad = &stage.media.sent[stage.media.sent.len() - 2];
    assert_eq!(pad.len(), 32);
    assert_eq!(pad[..8], [&((TERM - end) as u32).to_le_bytes()[..], &[0, 0xC0, 0, 0]].concat());

    // Small frames leave room for the header in the same datagram.
    let mut stage = Stage::new(FlowControl::Max);
    stage.log.append((TERM / 160) as usize, 128);
    stage.log.append(1, 128);
    stage.status(1, 0, WINDOW);
    let mut sent = Vec::new();
    while stage.sender.position() < stage.log.end() {
        let position = stage.sender.position().get();
        stage.status(1, position, WINDOW);
        sent.extend(stage.turn());
    }
    // 409 frames of 160 are 65,440 bytes: the windows end at 32,640 and 65,280, one frame is left.
    let expected = ["DATA 65280..65440 PAD..65536", "DATA 65536..65696"];
    assert_eq!(sent[sent.len() - 2..], expected);
}

#[test]
fn every_byte_is_the_stores() {
    let mut stage = Stage::new(FlowControl::Max);
    stage.log.append(100, 128);
    stage.status(1, 0, WINDOW);
    stage.turn();
    let sent: Vec<u8> =
        stage.media.sent.iter().filter(|d| d.len() > 40).flatten().copied().collect();
    assert_eq!(sent, stage.log.bytes()[..16_000]);
}

#[test]
fn a_socket_that_is_full_holds_the_place() {
    let mut stage = Stage::new(FlowControl::Max);
    stage.log.append(32, 128);
    stage.turn();
    stage.status(1, 0, WINDOW);
    stage.media.room = 1;
    assert_eq!(stage.turn(), ["DATA 0..1280"]);
    stage.media.room = 0;
    assert_eq!(stage.turn(), [""; 0]);
    stage.media.room = usize::MAX;
    assert_eq!(stage.turn(), ["DATA 1280..2560", "DATA 2560..3840", "DATA 3840..5120"]);
    assert_eq!(stage.sender.counts().send_waits, 2);

    // A network that is down is counted, named, and met again.
    stage.log.append(1, 128);
    stage.media.is_down = true;
    assert_eq!(stage.turn(), [""; 0]);
    assert_eq!(stage.sender.counts().media_errors, 1);
    assert!(stage.sender.take_media_error().is_some());
    assert!(stage.sender.take_media_error().is_none());
    stage.media.is_down = false;
    assert_eq!(stage.turn(), ["DATA 5120..5280"]);
}

#[test]
fn setup_comes_again_when_it_is_asked_for() {
    let mut stage = Stage::new(FlowControl::Max);
    stage.turn();
    stage.status(1, 0, WINDOW);
    assert_eq!(stage.turn(), ["heartbeat 0"], "the first one follows the first receiver at once");
    stage.ask_setup(2);
    assert_eq!(stage.turn(), [""; 0], "100 ms have not passed");
    assert_eq!(stage.after(100 * MS), ["SETUP 0", "heartbeat 0"]);
    assert_eq!(stage.after(100 * MS), ["heartbeat 0"]);
    stage.log.append(3, 128);
    stage.turn();
    stage.ask_setup(2);
    assert_eq!(stage.turn(), ["SETUP 480"], "where the sender is now");
    // Nobody answers a receiver that asks and leaves.
    stage.clock(200 * MS);
    let mut leaving = stage.elicit(2);
    leaving.leaves = true;
    stage.hear(&leaving);
    assert_eq!(stage.turn(), ["heartbeat 480"]);
}

#[test]
fn a_measurement_is_sent_back() {
    let mut stage = Stage::new(FlowControl::Max);
    stage.turn();
    let asked = stage.round_trip(77, true);
    stage.bytes(&asked.emit());
    stage.bytes(&stage.round_trip(78, false).emit());
    assert_eq!(stage.turn(), ["RTTM 77"]);
    assert_eq!(stage.media.sent.last().map(Vec::as_slice), Some(&asked.reply().emit()[..]));
    for at in 0..20 {
        stage.bytes(&stage.round_trip(at, true).emit());
    }
    assert_eq!(stage.turn().len(), 16);
    assert_eq!((stage.sender.counts().replies, stage.sender.counts().replies_dropped), (17, 4));
}

#[test]
fn nobody_is_waited_for_with_half_a_term() {
    let mut stage = Stage::new(FlowControl::Max);
    stage.log.append(200, 128);
    assert_eq!(stage.turn(), ["SETUP 0"]);
    assert_eq!(stage.after(100 * MS), ["SETUP 0"], "32,000 bytes wait for who comes");
    stage.log.append(5, 128);
    assert_eq!(stage.after(100 * MS), ["SETUP 0"]);
    assert_eq!(stage.after(100 * MS), ["SETUP 32800"], "32,800 do not");
    assert_eq!(stage.sender.counts().skipped_bytes, 32_800);
    stage.log.append(1, 128);
    stage.status(1, 32_800, WINDOW);
    assert_eq!(stage.turn(), ["DATA 32800..32960"]);
}

#[test]
fn a_group_that_is_too_small_gets_nothing() {
    let group = Group { size_min: 2, ..Group::default() };
    let mut stage = Stage::new(FlowControl::Min(group));
    stage.log.append(2, 128);
    stage.turn();
    stage.status(1, 0, WINDOW);
    assert!(!stage.sender.is_connected());
    assert_eq!(stage.turn(), ["heartbeat 0"]);
    stage.status(2, 0, WINDOW);
    assert!(stage.sender.is_connected());
    assert_eq!(stage.turn(), ["DATA 0..320"]);
}
