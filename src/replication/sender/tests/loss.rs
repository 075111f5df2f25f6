//! Requests and their answers, and a receiver so simple that it is right by looking at it.

use super::*;
use crate::replication::frame::DataDatagram;
use stage::{Log, terms};

/// Ninety frames of 160, all sent.
fn sent() -> Stage {
    let mut stage = Stage::new(FlowControl::Max);
    stage.log.append(90, 128);
    stage.turn();
    stage.status(1, 0, WINDOW);
    stage.turn();
    assert_eq!(stage.sender.position().get(), 14_400);
    stage
}

#[test]
fn what_is_asked_for_is_sent_at_once_byte_by_byte() {
    let mut stage = sent();
    stage.nak(1280, 2560);
    stage.nak(3840, 4160);
    assert_eq!(stage.turn(), ["DATA 1280..2560", "DATA 3840..4160"]);
    let again = &stage.media.sent[stage.media.sent.len() - 2..];
    assert_eq!(again[0], stage.log.bytes()[1280..2560]);
    assert_eq!(again[1], stage.log.bytes()[3840..4160]);
}

#[test]
fn requests_that_crossed_the_answer_are_swallowed_a_second_loss_is_not() {
    let mut stage = sent();
    stage.nak(1280, 2560);
    assert_eq!(stage.turn().len(), 1);
    stage.nak(1280, 2560);
    stage.nak(1440, 1600);
    stage.clock(MS / 2 - 1);
    stage.nak(1280, 2560);
    assert_eq!(stage.turn(), [""; 0]);
    assert_eq!(stage.sender.counts().naks_repeated, 3);
    stage.nak(1280, 2720);
    assert_eq!(stage.turn(), ["DATA 1280..2560", "DATA 2560..2720"], "it asks for more");
    stage.clock(MS);
    stage.nak(1280, 2560);
    assert_eq!(stage.turn(), ["heartbeat 14400", "DATA 1280..2560"]);
}

#[test]
fn a_full_socket_interrupts_and_the_rest_follows() {
    let mut stage = sent();
    stage.nak(0, 5120);
    stage.media.room = 3;
    assert_eq!(stage.turn(), ["DATA 0..1280", "DATA 1280..2560", "DATA 2560..3840"]);
    stage.nak(3840, 5120);
    assert_eq!(stage.turn(), ["DATA 3840..5120"], "which it knows to be on its way");
    assert_eq!(stage.sender.counts().naks_repeated, 1);
}

/// Puts datagrams where they belong, and knows of each 32 bytes whether they came.
struct Naive {
    log: Vec<u8>,
    came: Vec<bool>,
    /// The furthest that it heard of.
    end: usize,
}

impl Naive {
    fn new() -> Self {
        Self { log: Vec::new(), came: Vec::new(), end: 0 }
    }

    fn on_datagram(&mut self, bytes: &[u8]) {
        let Ok(data) = DataDatagram::parse(bytes, terms()) else { return };
        let (from, end) = (data.position().get() as usize, data.end().get() as usize);
        self.end = self.end.max(end);
        self.log.resize(self.log.len().max(self.end), 0);
        self.came.resize(self.log.len() / 32, false);
        self.log[from..from + bytes.len().min(end - from)]
            .copy_from_slice(&bytes[..bytes.len().min(end - from)]);
        self.came[from / 32..end / 32].fill(true);
    }

    /// The first range that is missing, within one term.
    fn gap(&self) -> Option<(u64, u64)> {
        let start = self.came.iter().position(|came| !came)?;
        let length = self.came[start..].iter().take_while(|came| !**came).count();
        let from = start as u64 * 32;
        Some((from, (from + length as u64 * 32).min((from / TERM + 1) * TERM)))
    }

    fn contiguous(&self) -> u64 {
        self.gap().map_or(self.end as u64, |(from, _)| from)
    }
}

/// A number that looks random: a multiplicative generator, so that a seed repeats its run.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

#[test]
fn a_naive_receiver_gets_every_byte_whatever_is_lost() {
    for seed in 1..=40 {
        let mut random = seed;
        let loss_percent = [0, 1, 5, 30, 60][seed as usize % 5];
        let mut stage = Stage::new(if seed % 2 == 0 {
            FlowControl::Max
        } else {
            FlowControl::Min(Group::default())
        });
        let mut receiver = Naive::new();
        let mut written = Log::default();
        let mut turns = 0;
        while receiver.contiguous() < 4 * TERM || receiver.contiguous() < stage.log.end().get() {
            turns += 1;
            assert!(turns < 200_000, "seed {seed}: stands at {}", receiver.contiguous());
            if stage.log.end().get() < 4 * TERM {
                let message_bytes = 36 + next(&mut random) as usize % 1340;
                let count = next(&mut random) as usize % 5;
                stage.log.append(count, message_bytes);
                written.append(count, message_bytes);
            }
            let before = stage.media.sent.len();
            stage.media.room = next(&mut random) as usize % 70;
            stage.after(next(&mut random) % MS);
            for at in before..stage.media.sent.len() {
                if next(&mut random) % 100 >= loss_percent {
                    let bytes = stage.media.sent[at].clone();
                    receiver.on_datagram(&bytes);
                }
            }
            stage.media.sent.clear();
            // What the receiver says may be lost too.
            if next(&mut random) % 100 >= loss_percent {
                stage.status(1, receiver.contiguous(), WINDOW);
            }
            if let Some((from, to)) = receiver.gap()
                && next(&mut random) % 100 >= loss_percent
            {
                stage.nak(from, to);
            }
        }
        // Of padding only the header came; the rest is zero in both.
        assert!(receiver.log == written.bytes(), "seed {seed}: other bytes");
        let counts = stage.sender.counts();
        assert_eq!(counts.malformed + counts.unexpected + counts.naks_unanswered, 0, "seed {seed}");
        if loss_percent == 0 {
            assert_eq!(counts.retransmitted_bytes, 0, "seed {seed}: sent for nothing");
        }
    }
}
