//! A standby's store catches up, whatever happens to the connection, the disk or the process.

use super::*;
use crate::store::{Operation, Refusal, ReplicaStore};
use crate::types::Epoch;

/// A standby on a disk of its own.
pub(crate) struct Standby {
    pub(crate) disk: MemoryDisk,
    pub(crate) store: ReplicaStore,
}

pub(crate) fn open_replica(disk: &MemoryDisk, node: u32) -> ReplicaStore {
    ReplicaStore::open_on(Arc::new(disk.clone()), &options(node), None, Nanos(7)).unwrap().0
}

impl Standby {
    pub(crate) fn new() -> Self {
        let disk = MemoryDisk::default();
        let store = open_replica(&disk, 2);
        Self { disk, store }
    }

    /// Dies, and is there again with what the disk has then.
    fn restart_on(self, disk: MemoryDisk) -> Self {
        drop(self.store);
        let store = open_replica(&disk, 2);
        Self { disk, store }
    }
}

/// A standby that catches up from a service, on one thread.
pub(crate) struct Scene {
    pub(crate) join: Join,
    pub(crate) service: Service,
    pub(crate) pipes: Pipes,
    now: u64,
}

impl Scene {
    pub(crate) fn new(library: Library, follow: EpochStart, pipes: Pipes) -> Self {
        let service = Service::new(service_options(1), library);
        Self { join: Join::new(dial_options(2), follow, 0, false), service, pipes, now: 1 }
    }

    fn of(primary: &Primary, pipes: Pipes) -> Self {
        let follow = *epochs(&primary.disk).last().unwrap();
        Self::new(primary.library(), follow, pipes)
    }

    /// Begins again, and knows of so many servers.
    fn ask(&mut self, servers: usize) {
        let servers = vec!["127.0.0.1:9".parse().unwrap(); servers];
        let options = DialOptions { servers, ..dial_options(2) };
        self.join = Join::new(options, self.join.follows(), 0, false);
    }

    pub(crate) fn turn(&mut self, store: &mut ReplicaStore) -> Option<Outcome> {
        let moved = self.join.turn(store, &mut self.pipes, Nanos(self.now));
        self.pipes.let_in(&mut self.service, Nanos(self.now));
        let served = self.service.turn(Nanos(self.now));
        // Where nothing moves the time does.
        self.now += if moved + served == 0 { 50_000_000 } else { 1_000 };
        self.join.poll_outcome()
    }

    /// Turns until it has arrived; what else came of it, in words.
    pub(crate) fn arrive(&mut self, store: &mut ReplicaStore) -> Vec<String> {
        let mut others = Vec::new();
        for _ in 0..2_000_000 {
            match self.turn(store) {
                Some(Outcome::Arrived { .. }) => return others,
                Some(other) => others.push(format!("{other:?}")),
                None => {}
            }
        }
        panic!("never arrived; the last of {}: {:?}", others.len(), others.last());
    }
}

/// Both logs are the same bytes, chains and epochs.
pub(crate) fn assert_same(primary: &Primary, standby: &Standby) {
    let end = primary.end();
    assert_eq!(standby.store.held(), primary.place_at(end));
    let from = standby.store.epochs()[0].base.max(read_from(&standby.disk).position());
    let (here, there) = (&standby.disk, &primary.disk);
    assert!(log_bytes(here, &directory(), from, end) == log_bytes(there, &directory(), from, end));
}

fn primary_with(epochs: &[u64]) -> Primary {
    let mut primary = Primary::new();
    for (index, bytes) in epochs.iter().enumerate() {
        if index > 0 {
            primary = primary.restart();
        }
        primary.append_to(*bytes);
    }
    primary
}

/// The primary keeps its log from a place on alone: half of a log of 400,000 bytes is gone.
fn forget_half(primary: &mut Primary) -> LogPlace {
    let place = primary.place_at(end_beyond(&primary.disk, 200_000));
    primary.writer.sync().unwrap();
    let mut keeper = primary.writer.take_keeper().unwrap();
    assert!(keeper.keep_from(place).unwrap());
    while keeper.do_work().unwrap() {}
    place
}

#[test]
fn an_empty_store_gets_a_log_of_several_epochs_to_its_end() {
    let primary = primary_with(&[100_000, 100_000, 250_000, 400_000]);
    for step_max in [1 << 20, 4_096, 33] {
        let mut standby = Standby::new();
        let mut scene = Scene::of(&primary, Pipes::new(step_max));
        assert_eq!(scene.arrive(&mut standby.store), Vec::<String>::new());
        assert_same(&primary, &standby);
        assert_eq!(standby.store.epochs(), epochs(&primary.disk));
        assert_eq!(*scene.pipes.connections.lock().unwrap(), 1);
        assert_eq!(scene.join.progress().stage, Stage::Log);
    }
}

#[test]
fn it_arrives_within_reach_and_leaves_the_rest_to_the_stream() {
    let mut primary = primary_with(&[300_000]);
    let (mut standby, reach) = (Standby::new(), 50_000);
    let mut scene = Scene::of(&primary, Pipes { room: 20_000, ..Pipes::new(1_000) });
    scene.join = Join::new(dial_options(2), scene.join.follows(), reach, false);
    let held = loop {
        if let Some(Outcome::Arrived { held, end }) = scene.turn(&mut standby.store) {
            assert!(end.get() - held.get() <= reach + 2_200, "{held} of {end}");
            break held;
        }
        if primary.end().get() < 400_000 {
            let more = primary.end().get() + 8_000;
            primary.append_to(more);
        }
    };
    assert!(primary.end().get() >= 400_000, "it followed a log that grew");
    let (end, base) = (primary.end(), standby.store.contiguous());
    assert!(held <= base && base < end);
    // What is left can be inserted as it comes, at the exact position.
    let frames = log_bytes(&primary.disk, &directory(), base, end);
    let terms = standby.store.terms();
    let mut at = 0;
    while at < frames.len() {
        let position = Position(base.get() + at as u64);
        let frame = crate::store::frame::Frame::new_unchecked(&frames[at..]);
        let sent = if frame.is_pad() { 32 } else { frame.aligned_bytes() };
        standby.store.insert(position, &frames[at..at + sent]).unwrap();
        at += frame.aligned_bytes();
        assert!(terms.offset(position) + frame.aligned_bytes() <= terms.bytes());
    }
    assert_same(&primary, &standby);
}

#[test]
fn a_connection_that_is_cut_at_any_byte_costs_nothing_that_was_taken() {
    let primary = primary_with(&[100_000, 600_000]);
    let mut standby = Standby::new();
    let mut scene = Scene::of(&primary, Pipes::new(777));
    const CUTS: u64 = 1_200;
    scene.pipes.cuts.lock().unwrap().extend(0..CUTS);
    let mut held = Position(0);
    let mut broken = 0;
    loop {
        match scene.turn(&mut standby.store) {
            Some(Outcome::Arrived { .. }) => break,
            Some(Outcome::Broken(Fault::Closed { .. })) => broken += 1,
            Some(other) => panic!("{other:?}"),
            None => {}
        }
        assert!(standby.store.held().position >= held, "nothing is lost");
        held = standby.store.held().position;
    }
    assert_eq!(broken, CUTS);
    assert_same(&primary, &standby);
    // Every byte of the log went once, but for what was under way when a connection broke.
    let given = scene.service.statistics().bytes;
    assert!(given < primary.end().get() + CUTS * 1_500, "{given}");
}

#[test]
fn damaged_bytes_end_a_connection_and_never_reach_the_store() {
    let primary = primary_with(&[60_000, 150_000]);
    // In the greeting, in the table, and at every kind of place within the first term's frames; a
    // mark comes only behind them.
    for step in 0..60 {
        let mut standby = Standby::new();
        let mut scene = Scene::of(&primary, Pipes::new(1 << 20));
        let place = if step < 30 { step * 7 } else { 264 + (step - 30) * 1_999 };
        scene.pipes.damages.lock().unwrap().push_back(place);
        let others = scene.arrive(&mut standby.store);
        assert_same(&primary, &standby);
        // A flipped nonce, or a digit of a mark's, harms nobody; a flipped frame is always seen.
        assert!(step < 30 || others.len() == 1, "byte {place}: {others:?}");
    }
}

#[test]
fn a_store_that_went_another_way_is_cut_where_the_logs_part() {
    let primary = primary_with(&[100_000]);
    let mut standby = Standby::new();
    let mut scene = Scene::of(&primary, Pipes::new(10_000));
    scene.arrive(&mut standby.store);
    let parted = primary.end();
    // The standby is written for a while in an epoch that nobody else knows.
    let (mut writer, _) = standby.store.into_writer(Epoch(2)).unwrap();
    for _ in 0..20 {
        let mut transaction = writer.begin(framed(100)).unwrap();
        transaction.append(100, |message| message[36] = 1);
        transaction.finish();
    }
    let went_to = writer.position();
    drop(writer);
    let mut standby = Standby { store: open_replica(&standby.disk, 2), disk: standby.disk };
    assert_eq!(standby.store.held().position, went_to);
    // The primary goes on in epochs 2, which it never told of, and 3.
    let disk = primary.disk.clone();
    drop(primary);
    let options = Options { epoch: Some(Epoch(3)), ..options(1) };
    let writer = StoreWriter::open_on(Arc::new(disk.clone()), &options, Nanos(7)).unwrap().0;
    let mut primary = Primary { disk, writer, random: Random::new(3), flavour: 0 };
    primary.append_to(200_000);
    let mut scene = Scene::of(&primary, Pipes::new(10_000));
    let others = scene.arrive(&mut standby.store);
    assert_same(&primary, &standby);
    assert_eq!(others.len(), 1);
    assert!(others[0].starts_with("Discarded"), "{others:?}");
    let words = [format!("from: Position({parted})"), format!("to: Position({went_to})")];
    assert!(words.iter().all(|word| others[0].contains(word)), "{others:?}");
}

#[test]
fn a_full_disk_is_named_and_filled_when_there_is_room_again() {
    let primary = primary_with(&[500_000]);
    let mut standby = Standby::new();
    let mut scene = Scene::of(&primary, Pipes::new(1 << 20));
    standby.disk.set_capacity_bytes(Some(4 * TERM_BYTES as u64));
    let full = loop {
        match scene.turn(&mut standby.store) {
            Some(Outcome::Broken(fault)) => break fault.to_string(),
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    };
    assert!(full.contains("no space"), "{full}");
    let held = standby.store.held().position;
    assert!(held > Position(0));
    standby.disk.set_capacity_bytes(None);
    scene.arrive(&mut standby.store);
    assert_same(&primary, &standby);
}

#[test]
fn a_node_that_is_killed_or_loses_power_goes_on_where_it_was() {
    let primary = primary_with(&[100_000, 300_000]);
    let mut random = Random::new(11);
    for round in 0..12 {
        let mut standby = Standby::new();
        let room = 900 + 5_000 * (round % 4);
        let mut scene = Scene::of(&primary, Pipes { room, ..Pipes::new(1_000) });
        let mut lives = 0;
        let mut turns = random.below(300);
        loop {
            match scene.turn(&mut standby.store) {
                Some(Outcome::Arrived { .. }) => break,
                Some(other) => panic!("{other:?}"),
                None => {}
            }
            if turns == 0 && lives < 3 {
                let disk = match lives {
                    0 | 2 => standby.disk.after_kill().unwrap(),
                    _ => standby.disk.after_power_failure(|| random.below(2) == 0).unwrap(),
                };
                let held = standby.store.held().position;
                standby = standby.restart_on(disk);
                if lives != 1 {
                    assert_eq!(standby.store.held().position, held, "a kill costs nothing");
                }
                let pipes = scene.pipes.clone();
                scene = Scene::of(&primary, pipes);
                lives += 1;
                turns = random.below(300);
            }
            turns = turns.saturating_sub(1);
        }
        assert_same(&primary, &standby);
    }
}

#[test]
fn a_log_that_begins_later_is_told_and_nothing_was_changed() {
    let mut primary = primary_with(&[400_000]);
    let place = forget_half(&mut primary);
    let mut standby = Standby::new();
    let mut scene = Scene::of(&primary, Pipes::new(10_000));
    // Who has it may be the next one: all are asked before.
    scene.ask(3);
    let (mut others, mut waits) = (Vec::new(), 0);
    let (held, kept_from) = loop {
        match scene.turn(&mut standby.store) {
            Some(Outcome::NotKept { held, kept_from }) => break (held, kept_from),
            Some(other) => others.push(other),
            None => waits += 1,
        }
        assert!(waits < 100_000, "{others:?}");
    };
    assert_eq!((held, kept_from), (Position(0), place.position));
    let broken = |outcome: &Outcome| matches!(outcome, Outcome::Broken(Fault::NotKept { .. }));
    assert!(others.len() == 3 && others.iter().all(broken), "{others:?}");
}

#[test]
fn what_one_has_forgotten_another_may_have() {
    let mut primary = primary_with(&[400_000]);
    let whole = primary.disk.after_kill().unwrap();
    forget_half(&mut primary);
    let mut standby = Standby::new();
    let mut scene = Scene::of(&primary, Pipes::new(10_000));
    scene.ask(2);
    // The first that answers does not keep it any more, the second does.
    let mut forgetful = Some(std::mem::replace(
        &mut scene.service,
        Service::new(service_options(3), library(&whole, 3)),
    ));
    let mut others = Vec::new();
    loop {
        if let Some(first) = &mut forgetful {
            std::mem::swap(first, &mut scene.service);
        }
        let outcome = scene.turn(&mut standby.store);
        if let Some(first) = &mut forgetful {
            std::mem::swap(first, &mut scene.service);
        }
        match outcome {
            Some(Outcome::Arrived { .. }) => break,
            Some(other) => {
                forgetful = None;
                others.push(other);
            }
            None => {}
        }
    }
    assert!(
        matches!(&others[..], [Outcome::Broken(Fault::NotKept { .. })]),
        "it was not told to begin anew: {others:?}"
    );
    assert_same(&primary_of(primary, whole), &standby);
}

/// Two that were away too long would else send each other in circles: one that has no more says
/// nothing of what the others keep.
#[test]
fn one_that_lags_as_far_is_no_help_and_in_nobodys_way() {
    let mut primary = primary_with(&[400_000]);
    forget_half(&mut primary);
    let mut standby = Standby::new();
    let mut scene = Scene::of(&primary, Pipes::new(10_000));
    scene.ask(2);
    let lags = primary_with(&[]).disk;
    let mut lagging = Service::new(service_options(3), library(&lags, 3));
    let (mut others, mut turns) = (Vec::new(), 0);
    let kept_from = loop {
        match scene.turn(&mut standby.store) {
            Some(Outcome::NotKept { kept_from, .. }) => break kept_from,
            Some(other) => {
                // The next one is asked.
                std::mem::swap(&mut lagging, &mut scene.service);
                others.push(other);
            }
            None => turns += 1,
        }
        assert!(turns < 100_000, "{others:?}");
    };
    assert!(kept_from > Position(0));
    assert!(
        matches!(
            &others[..],
            [
                Outcome::Broken(Fault::NotKept { .. }),
                Outcome::Broken(Fault::NoMore { end: Position(0) })
            ]
        ),
        "{others:?}"
    );
}

/// The same writer, and the disk as it was.
fn primary_of(primary: Primary, disk: MemoryDisk) -> Primary {
    Primary { disk, ..primary }
}

#[test]
fn a_server_that_does_not_know_the_epoch_is_left_for_another() {
    let primary = primary_with(&[50_000]);
    let known = epochs(&primary.disk)[0];
    for follow in [
        EpochStart { epoch: Epoch(2), base: primary.end(), ..known },
        EpochStart { chain: crate::store::Chain(1), ..known },
    ] {
        let mut standby = Standby::new();
        let mut scene = Scene::new(primary.library(), follow, Pipes::new(10_000));
        let outcome = loop {
            if let Some(outcome) = scene.turn(&mut standby.store) {
                break outcome;
            }
        };
        let EpochStart { epoch, base, .. } = follow;
        assert!(
            matches!(outcome, Outcome::Broken(ref fault) if *fault == Fault::Epoch { epoch, base }),
            "{outcome:?}"
        );
        assert_eq!(standby.store.held().position, Position(0));
        assert!(standby.store.epochs().is_empty());
    }
}

#[test]
fn what_the_live_stream_brings_meanwhile_is_passed_over() {
    let primary = primary_with(&[30_000, 120_000]);
    let end = primary.end();
    let bytes = log_bytes(&primary.disk, &directory(), Position(0), end);
    let mut standby = Standby::new();
    let mut scene = Scene::of(&primary, Pipes { room: 700, ..Pipes::new(300) });
    let mut random = Random::new(5);
    let mut others = Vec::new();
    let mut brought = 0;
    loop {
        match scene.turn(&mut standby.store) {
            Some(Outcome::Arrived { .. }) => break,
            Some(other) => others.push(other),
            None => {}
        }
        // Frames from where the store is, or a little further, as a window would bring them.
        let contiguous = standby.store.contiguous();
        let base = standby.store.epochs().last().map(|start| start.base);
        if base.is_some_and(|base| contiguous >= base) && contiguous < end && random.below(4) == 0 {
            let mut at = contiguous.get() as usize;
            for index in 0..1 + random.below(12) {
                if at >= bytes.len() {
                    break;
                }
                let frame = crate::store::frame::Frame::new_unchecked(&bytes[at..]);
                let length = frame.aligned_bytes();
                let sent = if frame.is_pad() { 32 } else { length };
                if random.below(3) > 0 || index == 0 {
                    let inserted = standby.store.insert(Position(at as u64), &bytes[at..at + sent]);
                    brought += usize::from(inserted.is_ok());
                }
                at += length;
            }
        }
    }
    assert!(others.is_empty(), "{others:?}");
    assert!(brought > 20, "{brought}");
    assert_same(&primary, &standby);
}

#[test]
fn a_standby_gives_all_that_it_holds() {
    let primary = primary_with(&[50_000, 200_000]);
    let mut first = Standby::new();
    Scene::of(&primary, Pipes::new(10_000)).arrive(&mut first.store);
    let committed = primary.place_at(end_beyond(&primary.disk, 150_000));
    first.store.commit(committed.position, committed.chain).unwrap();
    let follow = *epochs(&primary.disk).last().unwrap();
    let mut second = Standby::new();
    let given = library(&first.disk, 1);
    Scene::new(given, follow, Pipes::new(10_000)).arrive(&mut second.store);
    assert_same(&primary, &second);
    assert_eq!(second.store.committed(), Position(0), "what is committed, others say");
}

#[test]
fn a_disk_that_refuses_an_epoch_is_named() {
    let primary = primary_with(&[50_000]);
    let mut standby = Standby::new();
    let error = libc::EIO;
    let refusal = Refusal { operation: Operation::Write, path_contains: "marks", error };
    standby.disk.refuse(Some(refusal));
    let mut scene = Scene::of(&primary, Pipes::new(10_000));
    let outcome = loop {
        if let Some(outcome) = scene.turn(&mut standby.store) {
            break outcome;
        }
    };
    assert!(matches!(outcome, Outcome::NotFollowed(_)), "{outcome:?}");
    standby.disk.refuse(None);
    scene.arrive(&mut standby.store);
    assert_same(&primary, &standby);
}
