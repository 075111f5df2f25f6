//! Strangers, and receivers that ask too much.

use super::*;
use crate::limits::{NAK_BYTES_MAX, RECEIVERS_MAX, RETRANSMITS_MAX};
use crate::replication::frame::Nak;
use std::net::{Ipv4Addr, SocketAddrV4};

/// A sender that has sent `terms` terms of its log, with frames of 160 bytes.
fn stage_at(terms: u64, change: impl FnOnce(&mut SenderOptions)) -> Stage {
    let mut stage = Stage::with(change);
    stage.log.append((terms * TERM / 160) as usize, 128);
    stage.turn();
    while stage.sender.position() < stage.log.end() {
        let position = stage.sender.position().get();
        stage.status(1, position, WINDOW);
        stage.turn();
    }
    stage
}

#[test]
fn only_the_allowed_are_heard() {
    let friend = Ipv4Addr::new(10, 1, 0, 2);
    let mut stage = Stage::with(|options| options.allowed = vec![friend]);
    stage.from = SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 3), 40456);
    stage.status(1, 0, WINDOW);
    assert_eq!((stage.sender.counts().foreign, stage.sender.is_connected()), (1, false));
    stage.from = SocketAddrV4::new(friend, 1);
    stage.status(1, 0, WINDOW);
    assert_eq!((stage.sender.counts().foreign, stage.sender.is_connected()), (1, true));
}

#[test]
fn other_streams_and_other_frames_are_counted_and_change_nothing() {
    let mut stage = Stage::new(FlowControl::Max);
    let ours = stage.message(1, 0, WINDOW);
    stage.hear(&StatusMessage { session: 6, ..ours });
    stage.hear(&StatusMessage { stream: 6, ..ours });
    stage.bytes(&[28, 0, 0, 0, 0, 0, 2]);
    stage.bytes(&[]);
    stage.bytes(&[8, 0, 0, 0, 0, 0, 0xff, 0xff]);
    stage.bytes(&[32; 32]);
    let counts = *stage.sender.counts();
    assert_eq!((counts.other_stream, counts.malformed, counts.unexpected), (2, 3, 1));
    assert_eq!(counts.status_messages, 0);
    assert_eq!(stage.sender.receivers().count(), 0);
}

#[test]
fn invented_receivers_fill_no_more_than_their_table() {
    let mut stage = Stage::new(FlowControl::Max);
    for id in 0..200 {
        stage.status(id, 0, 1600);
    }
    assert_eq!(stage.sender.receivers().count(), RECEIVERS_MAX);
    assert_eq!(stage.sender.counts().receivers_turned_away, 200 - RECEIVERS_MAX as u64);
    assert_eq!(stage.sender.limit().get(), 1600);
    stage.status(3, 160, 1600);
    assert_eq!(stage.sender.limit().get(), 1760, "who was there first is heard");
    stage.after(6_000 * MS);
    assert_eq!(stage.sender.receivers().count(), 0);
}

#[test]
fn one_request_names_64_kib_at_most() {
    let mut stage = stage_at(3, |_| {});
    // Terms are no longer than that here, so a range of a whole one is just not clamped.
    stage.nak(0, TERM);
    let again = stage.turn();
    assert_eq!(again.len(), 52, "51 datagrams of 1,280, and one of 160 with the padding");
    assert_eq!(again[0], "DATA 0..1280");
    assert_eq!(again[51], "DATA 65280..65440 PAD..65536");
    assert_eq!(stage.sender.counts().naks_clamped, 0);
    assert_eq!(NAK_BYTES_MAX, TERM);
}

#[test]
fn what_is_not_sent_older_than_the_epoch_or_in_a_frame_is_unanswered() {
    let mut stage = stage_at(2, |options| options.base = Position(0));
    let position = stage.sender.position().get();
    let unanswered = |stage: &mut Stage, from: u64, to: u64| {
        let before = stage.sender.counts().naks_unanswered;
        stage.nak(from, to);
        assert_eq!(stage.turn(), [""; 0], "{from}..{to}");
        assert_eq!(stage.sender.counts().naks_unanswered, before + 1, "{from}..{to}");
    };
    unanswered(&mut stage, position, position + 32);
    unanswered(&mut stage, 32, 320);
    unanswered(&mut stage, 0, 128);
    stage.log.kept_from = Position(TERM);
    unanswered(&mut stage, 0, 160);
    stage.nak(TERM, TERM + 200);
    let expected = format!("DATA {TERM}..{}", TERM + 160);
    assert_eq!(stage.turn(), [expected], "as many whole frames as were asked for");
    // A range that is none is malformed.
    let nak = Nak { session: 5, stream: 1001, term_id: 0, term_offset: 0, length: 0 };
    stage.bytes(&nak.emit());
    assert_eq!(stage.sender.counts().malformed, 1);
}

#[test]
fn nothing_before_the_epoch_is_sent() {
    let mut stage = Stage::with(|options| options.base = Position(1600));
    stage.log.append(100, 128);
    assert_eq!(stage.turn(), ["SETUP 1600"]);
    stage.status(1, 1600, 1600);
    assert_eq!(stage.turn(), ["DATA 1600..2880", "DATA 2880..3200"]);
    stage.nak(0, 160);
    stage.nak(1440, 1760);
    assert_eq!(stage.turn(), [""; 0]);
    assert_eq!(stage.sender.counts().naks_unanswered, 2);
    stage.nak(1600, 1760);
    assert_eq!(stage.turn(), ["DATA 1600..1760"]);
}

#[test]
fn sixteen_at_a_time() {
    // A line so slow that the burst, which is 16 whole requests, is gone with the first ones.
    let mut stage = stage_at(18, |options| options.line_bytes_per_second = 10_000);
    for term in 0..18 {
        stage.from = SocketAddrV4::new(Ipv4Addr::new(10, 1, 1, term), 1);
        stage.nak(u64::from(term) * TERM, (u64::from(term) + 1) * TERM);
    }
    assert_eq!(stage.sender.counts().naks_overflowed, 18 - RETRANSMITS_MAX as u64);
}

#[test]
fn the_line_and_each_receiver_have_a_share() {
    // 1 MB/s again in all, half of it for one, with 1 MiB at once.
    let change = |options: &mut SenderOptions| {
        options.line_bytes_per_second = 10_000_000;
        options.linger_ns = 0;
    };
    let mut stage = stage_at(10, change);
    let before = stage.sender.counts().retransmitted_bytes;
    for at in 0..10_000 {
        stage.nak(at % 10 * TERM, (at % 10 + 1) * TERM);
        stage.status(1, stage.sender.position().get(), WINDOW);
        stage.after(MS);
    }
    let again = stage.sender.counts().retransmitted_bytes - before;
    // One receiver, ten seconds: half of the burst and half of the rate.
    assert!((5_400_000..=5_700_000).contains(&again), "{again}");
    assert!(stage.sender.counts().naks_over_budget > 9_000);

    let mut stage = stage_at(10, change);
    for at in 0..10_000 {
        stage.from = SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, (at % 40) as u8), 1);
        stage.nak(at % 10 * TERM, (at % 10 + 1) * TERM);
        stage.status(1, stage.sender.position().get(), WINDOW);
        stage.after(MS);
    }
    let again = stage.sender.counts().retransmitted_bytes;
    assert!((10_900_000..=11_300_000).contains(&again), "all together: {again}");

    // Two on one machine are two: neither asks with what the other has left.
    let mut stage = stage_at(10, change);
    let before = stage.sender.counts().retransmitted_bytes;
    for at in 0..10_000 {
        let port = 40_456 + (at % 2) as u16;
        stage.from = SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 2), port);
        stage.nak(at % 10 * TERM, (at % 10 + 1) * TERM);
        stage.status(1, stage.sender.position().get(), WINDOW);
        stage.after(MS);
    }
    let again = stage.sender.counts().retransmitted_bytes - before;
    assert!((10_900_000..=11_300_000).contains(&again), "of two on one machine: {again}");
}
