//! Receivers and the sender's core over a wire that loses, repeats and reorders, from a seed.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddrV4;

use super::super::*;
use super::log::{EXCHANGE, Log, STREAM};
use super::{HALF_TERM, MS, US};
use crate::net::{Datagram, Media};
use crate::replication::sender::{Sender, SenderOptions};
use crate::types::SplitMix64;

/// What happens to datagrams on one way.
#[derive(Clone, Copy)]
struct Faults {
    lost_per_mille: u64,
    repeated_per_mille: u64,
    late_per_mille: u64,
}

const CLEAN: Faults = Faults { lost_per_mille: 0, repeated_per_mille: 0, late_per_mille: 0 };

/// One way between two ends.
struct Way {
    faults: Faults,
    random: SplitMix64,
    /// By arrival and number.
    on_it: BTreeMap<(u64, u64), Vec<u8>>,
    number: u64,
}

impl Way {
    fn new(faults: Faults, seed: u64) -> Self {
        Self { faults, random: SplitMix64(seed), on_it: BTreeMap::new(), number: 0 }
    }

    fn chance(&mut self, per_mille: u64) -> bool {
        self.random.below(1_000) < per_mille
    }

    fn send(&mut self, datagram: &[u8], now: Nanos) {
        let Faults { lost_per_mille, repeated_per_mille, late_per_mille } = self.faults;
        let copies = 1 + u64::from(self.chance(repeated_per_mille));
        for _ in 0..copies {
            if self.chance(lost_per_mille) {
                continue;
            }
            let late = if self.chance(late_per_mille) { self.random.below(2 * MS) } else { 0 };
            let arrival = now.0 + 10 * US + late;
            self.number += 1;
            self.on_it.insert((arrival, self.number), datagram.to_vec());
        }
    }

    fn arrived(&mut self, now: Nanos) -> Vec<Vec<u8>> {
        let later = self.on_it.split_off(&(now.0 + 1, 0));
        std::mem::replace(&mut self.on_it, later).into_values().collect()
    }
}

/// The sender's end: what it sends goes on the ways later.
#[derive(Default)]
struct SenderEnd {
    sent: Vec<Vec<u8>>,
    came: Vec<(Vec<u8>, SocketAddrV4)>,
}

impl Media for SenderEnd {
    fn send(&mut self, datagrams: &[Datagram<'_>]) -> io::Result<usize> {
        self.sent.extend(datagrams.iter().map(|datagram| [datagram.head, datagram.body].concat()));
        Ok(datagrams.len())
    }

    fn receive(&mut self, each: &mut dyn FnMut(&[u8], SocketAddrV4)) -> io::Result<usize> {
        let came = std::mem::take(&mut self.came);
        came.iter().for_each(|(bytes, from)| each(bytes, *from));
        Ok(came.len())
    }

    fn send_to(&mut self, _: &[u8], _: SocketAddrV4) -> io::Result<bool> {
        Ok(false)
    }
}

/// A receiver and its two ways.
struct Node {
    receiver: Receiver,
    rebuild: MemoryRebuild,
    there: Way,
    back: Way,
    address: SocketAddrV4,
}

struct Simulation {
    log: Log,
    sender: Sender,
    end: SenderEnd,
    nodes: Vec<Node>,
    now: Nanos,
}

const SENDER: SocketAddrV4 = SocketAddrV4::new(std::net::Ipv4Addr::new(10, 77, 0, 1), 50_037);

impl Simulation {
    fn new(channel: &str, log: Log, faults: &[Faults], seed: u64) -> Self {
        let channel: Channel = channel.parse().expect("a channel");
        let now = Nanos(MS);
        let options = SenderOptions::new(&channel, log.session(), STREAM, log.terms, log.base);
        let sender = Sender::new(options, now);
        let node = |(number, faults): (usize, &Faults)| {
            let id = 1 + i64::from(number as u32);
            let options = ReceiverOptions {
                seed: seed + number as u64,
                join_bytes_max: HALF_TERM,
                ..ReceiverOptions::new(&channel, STREAM, id)
            };
            let mut receiver = Receiver::new(options);
            receiver.follow(log.session(), log.base, now);
            let ip = std::net::Ipv4Addr::new(10, 77, 0, 2 + number as u8);
            Node {
                receiver,
                rebuild: MemoryRebuild::ours(log.terms, EXCHANGE, log.epoch, log.base),
                there: Way::new(*faults, seed * 31 + number as u64),
                back: Way::new(*faults, seed * 37 + number as u64),
                address: SocketAddrV4::new(ip, 40_456),
            }
        };
        let nodes = faults.iter().enumerate().map(node).collect();
        Self { log, sender, end: SenderEnd::default(), nodes, now }
    }

    /// One turn of everybody; 10 us pass.
    fn turn(&mut self) {
        self.sender.duty(&mut self.log, &mut self.end, self.now).expect("the log can be read");
        for datagram in std::mem::take(&mut self.end.sent) {
            for node in &mut self.nodes {
                node.there.send(&datagram, self.now);
            }
        }
        for Node { receiver, rebuild, there, back, address } in &mut self.nodes {
            for datagram in there.arrived(self.now) {
                receiver.on_datagram(rebuild, &datagram, SENDER, self.now);
            }
            receiver.advance(rebuild, self.now);
            while let Some(feedback) = receiver.poll_feedback(rebuild, self.now) {
                back.send(feedback.as_ref(), self.now);
            }
            let came = back.arrived(self.now).into_iter().map(|bytes| (bytes, *address));
            self.end.came.extend(came);
        }
        self.now = Nanos(self.now.0 + 10 * US);
    }

    /// Until all hold all, within so many milliseconds; how many it took.
    fn until_held(&mut self, most_ms: u64) -> u64 {
        let began = self.now.0;
        while self.nodes.iter().any(|node| node.rebuild.held() < self.log.end()) {
            let took_ms = (self.now.0 - began) / MS;
            assert!(took_ms < most_ms, "{}", self.describe());
            self.turn();
        }
        (self.now.0 - began) / MS
    }

    fn describe(&self) -> String {
        let node = |node: &Node| {
            let standing = node.receiver.standing(&node.rebuild);
            let (held, counts) = (node.rebuild.held(), node.receiver.counts());
            format!("held {held}, {standing:?}, {counts:?}\n")
        };
        let nodes: String = self.nodes.iter().map(node).collect();
        let (end, at, limit) = (self.log.end(), self.sender.position(), self.sender.limit());
        format!("end {end}, sent {at} of {limit}: {:?}\n{nodes}", self.sender.counts())
    }

    fn check(&self) {
        for node in &self.nodes {
            let expected = self.log.part(self.log.base..self.log.end());
            assert!(node.rebuild.log_bytes() == expected, "{}", self.describe());
            let counts = node.receiver.counts();
            let dropped = (counts.damaged, counts.invalid, counts.foreign, counts.ignored);
            assert_eq!(dropped, (0, 0, 0, 0));
        }
        let counts = self.sender.counts();
        assert_eq!((counts.malformed, counts.other_stream, counts.unexpected), (0, 0, 0));
        // A status message that is late, or of a receiver that is far behind, may be of a place
        // that the stream has left behind.
        let may_be_behind = |node: &Node| {
            node.back.faults.late_per_mille > 0 || node.receiver.counts().catch_ups > 0
        };
        let rejected = counts.status_rejected;
        assert!(rejected == 0 || self.nodes.iter().any(may_be_behind), "{}", self.describe());
    }
}

const GROUP: &str = "aeron:udp?endpoint=239.77.0.1:40456|interface=127.0.0.1|fc=min";
const UNICAST: &str = "aeron:udp?endpoint=127.0.0.1:40456";

fn log(seed: u64) -> Log {
    Log::new(1, 3 * 65_536 + 960, seed)
}

#[test]
fn without_faults_nothing_is_asked_for_and_nothing_sent_twice() {
    for channel in [GROUP, UNICAST] {
        let nodes = if channel == GROUP { 3 } else { 1 };
        let mut simulation = Simulation::new(channel, log(1), &vec![CLEAN; nodes], 1);
        for _ in 0..20 {
            simulation.log.grow(20_000);
            simulation.until_held(50);
        }
        simulation.check();
        let counts = simulation.sender.counts();
        assert_eq!((counts.naks, counts.retransmitted_datagrams), (0, 0), "{channel}");
        for node in &simulation.nodes {
            let counts = node.receiver.counts();
            assert_eq!((counts.gaps, counts.repeated, counts.beyond, counts.early), (0, 0, 0, 0));
            assert_eq!(counts.setups_asked, 0);
        }
    }
}

/// The window begins behind what is there, a transaction's end or not.
#[test]
fn a_window_of_one_datagram_takes_every_transaction() {
    for channel in [GROUP, UNICAST] {
        let channel = format!("{channel}|rcv-wnd=1408");
        let mut simulation = Simulation::new(&channel, log(6), &[CLEAN], 6);
        for _ in 0..5 {
            simulation.log.grow(20_000);
            simulation.until_held(1_000);
        }
        simulation.check();
    }
}

#[test]
fn everything_arrives_through_loss_repetition_and_reordering() {
    let mut repaired = 0;
    for seed in 1..=24 {
        let mut random = SplitMix64(seed);
        let mut draw = |most| Faults {
            lost_per_mille: random.below(most),
            repeated_per_mille: random.below(100),
            late_per_mille: random.below(100),
        };
        let most = [50, 200, 400][seed as usize % 3];
        let faults = [draw(most), draw(most), draw(most)];
        let (channel, nodes) = if seed % 4 == 0 { (UNICAST, 1) } else { (GROUP, 3) };
        let mut simulation = Simulation::new(channel, log(seed), &faults[..nodes], seed);
        for _ in 0..10 {
            simulation.log.grow(random_size(seed));
            simulation.until_held(60_000);
        }
        simulation.check();
        for node in &simulation.nodes {
            repaired += node.receiver.counts().gaps;
            assert_eq!(node.receiver.standing(&node.rebuild), Standing::Live);
        }
    }
    assert!(repaired > 500, "{repaired}");
}

fn random_size(seed: u64) -> usize {
    200 + (seed as usize * 7_919) % 30_000
}

/// The promise: a lost datagram, its tail too, is repaired in about a millisecond.
#[test]
fn one_loss_in_fifty_is_repaired_within_a_millisecond_for_the_most_part() {
    let lossy = Faults { lost_per_mille: 20, ..CLEAN };
    let mut simulation = Simulation::new(GROUP, log(3), &[lossy, CLEAN], 3);
    simulation.log.grow(1_000);
    simulation.until_held(1_000);
    let mut times_us = Vec::new();
    for _ in 0..2_000 {
        simulation.log.grow(800);
        let sent = simulation.now.0;
        simulation.until_held(1_000);
        times_us.push((simulation.now.0 - sent) / US);
    }
    simulation.check();
    let mut repaired: Vec<_> = times_us.iter().filter(|us| **us > 100).collect();
    repaired.sort();
    assert!(repaired.len() > 20, "{} were lost", repaired.len());
    // 1 ms until the heartbeat shows that the tail is missing, then at most 0.42 ms until it is
    // asked for, and the way there and back.
    let median = *repaired[repaired.len() / 2];
    assert!(median <= 1_500, "{median} us of {}", repaired.len());
}

#[test]
fn a_late_joiner_gets_what_was_before_it() {
    let mut simulation = Simulation::new(GROUP, log(4), &[CLEAN, CLEAN], 4);
    // The second hears nothing of the first 20,000 bytes.
    simulation.nodes[1].there.faults.lost_per_mille = 1_000;
    simulation.log.grow(20_000);
    for _ in 0..10_000 {
        simulation.turn();
    }
    assert_eq!(simulation.nodes[0].rebuild.held(), simulation.log.end());
    assert_eq!(simulation.nodes[1].rebuild.held(), simulation.log.base);
    simulation.nodes[1].there.faults = CLEAN;
    simulation.until_held(1_000);
    simulation.check();
    let counts = simulation.nodes[1].receiver.counts();
    assert_eq!((counts.setups_asked, counts.catch_ups), (1, 0));
}

#[test]
fn a_receiver_cut_off_for_seconds_does_not_hold_the_others_up_and_says_what_it_lacks() {
    let mut simulation = Simulation::new(GROUP, log(5), &[CLEAN, CLEAN], 5);
    simulation.log.grow(10_000);
    simulation.until_held(100);
    simulation.nodes[1].there.faults.lost_per_mille = 1_000;
    simulation.nodes[1].back.faults.lost_per_mille = 1_000;
    let gone = simulation.nodes[1].rebuild.held();
    simulation.log.grow(200_000);
    // The sender waits for it as long as its flow control says, five seconds.
    while simulation.nodes[0].rebuild.held() < simulation.log.end() {
        assert!(simulation.now.0 < 8_000 * MS, "{}", simulation.describe());
        simulation.turn();
    }
    assert!(simulation.nodes[1].receiver.source_silent_ns(simulation.now).is_some());
    simulation.nodes[1].there.faults = CLEAN;
    simulation.nodes[1].back.faults = CLEAN;
    for _ in 0..20_000 {
        simulation.turn();
    }
    let node = &mut simulation.nodes[1];
    let Standing::CatchUpFrom { from, to } = node.receiver.standing(&node.rebuild) else {
        panic!("{}", simulation.describe());
    };
    assert!(from >= gone && to == simulation.log.end(), "{from} to {to}");
    // TCP brings it, and more is sent meanwhile.
    for (position, end, frames) in simulation.log.datagrams() {
        if end > from {
            assert_eq!(node.rebuild.insert(position, &frames), Verdict::New);
        }
    }
    simulation.log.grow(10_000);
    simulation.until_held(500);
    simulation.check();
}

#[test]
fn the_end_of_the_stream_is_heard_by_all() {
    let lossy = Faults { lost_per_mille: 200, ..CLEAN };
    let mut simulation = Simulation::new(GROUP, log(6), &[lossy, CLEAN], 6);
    simulation.log.grow(30_000);
    simulation.sender.close();
    for _ in 0..300_000 {
        simulation.turn();
    }
    let end = simulation.log.end();
    for node in &simulation.nodes {
        assert_eq!(node.receiver.standing(&node.rebuild), Standing::Ended(end));
    }
    assert!(simulation.sender.is_drained() && !simulation.sender.is_connected());
    simulation.check();
}

/// What a stock receiver would see: whatever the order and the losses, frames are delivered once,
/// in order, from the SETUP on.
#[test]
fn a_stream_of_fragments_without_crc_is_delivered_in_order() {
    let mut rebuild = MemoryRebuild::stock();
    let terms = crate::store::Terms::new(64 * 1024).unwrap();
    let initial_term_id = i32::MAX;
    let setup = super::super::super::frame::Setup {
        session: -5,
        stream: 9,
        initial_term_id,
        active_term_id: initial_term_id,
        term_offset: 65_472,
        terms,
        mtu_bytes: 1408,
        ttl: 0,
        is_group: false,
    };
    let frame = |term: i32, offset: u32, kind: u8, flags: u8, length: u32, wire: usize| {
        let mut bytes = vec![0; wire];
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes[4..8].copy_from_slice(&[0, flags, kind, 0]);
        bytes[8..12].copy_from_slice(&offset.to_le_bytes());
        bytes[12..16].copy_from_slice(&(-5_i32).to_le_bytes());
        bytes[16..20].copy_from_slice(&9_i32.to_le_bytes());
        bytes[20..24].copy_from_slice(&term.to_le_bytes());
        bytes
    };
    let options = ReceiverOptions {
        window_bytes: HALF_TERM,
        ..ReceiverOptions::new(&UNICAST.parse().unwrap(), 9, 1)
    };
    let mut receiver = Receiver::new(options);
    receiver.follow(-5, Position(0), Nanos(MS));
    let first = frame(initial_term_id, 65_472, 1, 0xC0, 33, 64);
    receiver.on_datagram(&mut rebuild, &first, SENDER, Nanos(MS));
    receiver.advance(&rebuild, Nanos(MS));
    let asked = receiver.poll_feedback(&rebuild, Nanos(MS)).expect("a question for SETUP");
    assert!(StatusMessage::parse(asked.as_ref()).unwrap().asks_setup);
    let next_term = i32::MIN;
    let datagrams = [
        setup.emit().to_vec(),
        frame(next_term, 1408, 1, 0x40, 40, 64),
        frame(next_term, 0, 1, 0x80, 1408, 1408),
        frame(next_term, 0, 1, 0x80, 1408, 1408),
        // The message did not fit: padding to the end of the term.
        frame(initial_term_id, 65_472, 0, 0xC0, 64, 32),
    ];
    for datagram in &datagrams {
        receiver.on_datagram(&mut rebuild, datagram, SENDER, Nanos(MS));
    }
    assert_eq!(receiver.standing(&rebuild), Standing::Live);
    let delivered: Vec<_> = std::iter::from_fn(|| rebuild.deliver()).collect();
    let seen: Vec<_> = delivered.iter().map(|d| (d.position.0, d.frame.len())).collect();
    assert_eq!(seen, [(65_536, 1408), (65_536 + 1408, 64)]);
    assert_eq!(rebuild.held(), Position(65_536 + 1408 + 64));
    receiver.advance(&rebuild, Nanos(MS));
    let status = receiver.poll_feedback(&rebuild, Nanos(MS)).expect("a status message");
    let status = StatusMessage::parse(status.as_ref()).unwrap();
    assert_eq!((status.term_id, status.term_offset), (next_term, 1408 + 64));
}
