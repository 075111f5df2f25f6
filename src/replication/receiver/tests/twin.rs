//! A standby's store and the plain one in memory, given the same datagrams by the same receiver.

use std::path::Path;
use std::sync::Arc;

use super::super::*;
use super::log::{EXCHANGE, Log, STREAM};
use super::{HALF_TERM, MS, SOURCE, options};
use crate::store::{
    Chain, EpochStart, Identity, MemoryDisk, Options, ReaderOptions, ReplicaStore, SegmentHelper,
    StoreReader, Until,
};
use crate::types::{Epoch, SplitMix64};

fn store_options() -> Options {
    let identity = Identity {
        exchange: EXCHANGE.into(),
        exchange_number: STREAM,
        node: 2,
        schema_id: 1,
        schema_version: 0,
    };
    Options { term_bytes: 64 * 1024, ..Options::new("/standby", identity) }
}

/// A store that follows epoch 1 from the beginning.
fn replica(disk: &MemoryDisk) -> (ReplicaStore, SegmentHelper) {
    let opened = ReplicaStore::open_on(Arc::new(disk.clone()), &store_options(), None, Nanos(0));
    let (mut store, _) = opened.expect("an empty disk");
    let start = EpochStart { epoch: Epoch(1), node: 1, base: Position(0), chain: Chain(0) };
    store.follow(start, false).expect("the first epoch");
    let helper = store.take_helper().expect("nobody took it");
    (store, helper)
}

/// Everything that a receiver sees of a place.
fn seen<R: Rebuild>(place: &R) -> (Position, Position, Position, Vec<std::ops::Range<Position>>) {
    let mut gaps = Vec::new();
    let mut from = place.contiguous();
    while let Some(gap) = place.next_gap(from) {
        from = gap.end;
        gaps.push(gap);
    }
    (place.consumed(), place.contiguous(), place.received(), gaps)
}

#[test]
fn a_store_is_rebuilt_as_the_plain_one_in_memory() {
    let mut taken = 0;
    for seed in 1..=12 {
        let mut random = SplitMix64(seed);
        let mut log = Log::new(1, 0, seed);
        log.grow(250_000);
        let disk = MemoryDisk::default();
        let (mut store, mut helper) = replica(&disk);
        let mut memory = MemoryRebuild::ours(log.terms, EXCHANGE, log.epoch, log.base);
        let datagrams = log.datagrams();
        let mut first = 0;
        while first < datagrams.len() {
            while helper.do_work(Nanos(seed)) > 0 {}
            // Somewhere in the window, mostly near its beginning, sometimes beyond it.
            let reach = if random.below(4) == 0 { 40 } else { 6 };
            let ahead = random.below(reach) as usize;
            let at = (first + ahead).min(datagrams.len() - 1);
            let (position, _, bytes) = &datagrams[at];
            let mut bytes = bytes.clone();
            let is_damaged = random.below(20) == 0;
            if is_damaged {
                let bit = random.below(bytes.len() as u64 * 8) as usize;
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            store.make_room();
            if Rebuild::window_end(&store) < memory.window_end() {
                // The next segment is not there; the plain one knows no segments.
                continue;
            }
            let verdicts =
                (Rebuild::insert(&mut store, *position, &bytes), memory.insert(*position, &bytes));
            // What is behind *contiguous* is looked at by neither, and called by two names.
            let same = |verdict| match verdict {
                Verdict::Before => Verdict::Known,
                Verdict::Foreign => Verdict::Damaged,
                verdict => verdict,
            };
            assert_eq!(same(verdicts.0), same(verdicts.1), "seed {seed}, {position}");
            assert_eq!(seen(&store), seen(&memory), "seed {seed}, {position}");
            assert_eq!(store.held().position, memory.held(), "seed {seed}, {position}");
            taken += u64::from(verdicts.0 == Verdict::New);
            while first < datagrams.len() && datagrams[first].1 <= memory.contiguous() {
                first += 1;
            }
        }
        assert_eq!(memory.held(), log.end());
        assert!(memory.log_bytes() == log.part(log.base..log.end()), "seed {seed}");
        let options = ReaderOptions { until: Until::Published, ..ReaderOptions::default() };
        let disk = Arc::new(disk);
        let mut reader =
            StoreReader::attach_on(disk, Path::new("/standby"), &options).expect("a store");
        let mut at = log.base;
        while at < log.end() {
            reader.seek(at, None).expect("it is held");
            let bytes = reader.bytes_at(at).expect("it is held");
            let end = Position(at.0 + bytes.len() as u64);
            assert!(bytes == log.part(at..end), "seed {seed}: {at} to {end}");
            at = end;
        }
    }
    assert!(taken > 1_000, "{taken}");
}

/// The receiver asks for the same and tells the same, whichever it rebuilds into.
#[test]
fn a_receiver_says_the_same_over_both() {
    for seed in 1..=6 {
        let mut random = SplitMix64(seed);
        let mut log = Log::new(1, 0, seed);
        log.grow(200_000);
        let disk = MemoryDisk::default();
        let (mut store, mut helper) = replica(&disk);
        let mut memory = MemoryRebuild::ours(log.terms, EXCHANGE, log.epoch, log.base);
        let mut receivers = [Receiver::new(options()), Receiver::new(options())];
        let setup = log.setup(log.base).emit();
        for receiver in &mut receivers {
            receiver.follow(log.session(), log.base, Nanos(MS));
        }
        receivers[0].on_datagram(&mut store, &setup, SOURCE, Nanos(MS));
        receivers[1].on_datagram(&mut memory, &setup, SOURCE, Nanos(MS));
        let datagrams = log.datagrams();
        let mut now = MS;
        while memory.held() < log.end() {
            assert!(now < 60_000 * MS, "seed {seed} stands at {}", memory.held());
            now += 50_000;
            while helper.do_work(Nanos(now)) > 0 {}
            let next = datagrams.partition_point(|(_, end, _)| *end <= memory.contiguous());
            for _ in 0..random.below(4) {
                let at = (next + random.below(8) as usize).min(datagrams.len() - 1);
                let bytes = &datagrams[at].2;
                receivers[0].on_datagram(&mut store, bytes, SOURCE, Nanos(now));
                receivers[1].on_datagram(&mut memory, bytes, SOURCE, Nanos(now));
            }
            let heartbeat = log.heartbeat(Position(memory.received().0), false);
            receivers[0].on_datagram(&mut store, &heartbeat, SOURCE, Nanos(now));
            receivers[1].on_datagram(&mut memory, &heartbeat, SOURCE, Nanos(now));
            let said = [
                said(&mut receivers[0], &store, Nanos(now)),
                said(&mut receivers[1], &memory, Nanos(now)),
            ];
            assert_eq!(said[0], said[1], "seed {seed} at {now}");
            assert_eq!(receivers[0].next_deadline(), receivers[1].next_deadline());
        }
        assert!(receivers[0].counts().naks > 0);
        assert!(receivers[0].counts().status_messages as usize > 200_000 / (HALF_TERM as usize));
    }
}

fn said<R: Rebuild>(receiver: &mut Receiver, place: &R, now: Nanos) -> Vec<Vec<u8>> {
    receiver.advance(place, now);
    std::iter::from_fn(|| receiver.poll_feedback(place, now).map(|said| said.as_ref().to_vec()))
        .collect()
}
