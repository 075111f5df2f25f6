//! What a loss of power leaves of a core whose commits wait for the disk: recovered or refused,
//! never wrong.
//!
//! ```text
//!   a life: commands ─▶ core ─▶ disk in memory ─▶ synced now and then ─▶ its end
//!                                  │                                      │
//!                     images, at any moment:                              ▼
//!            killed · power lost (sectors old or new) · bits flipped   the next life
//! ```
//!
//! Each image is opened as a start does. What was committed when it was taken must be there, what
//! is there must be what was written, executed from scratch it must lead to the same state, and
//! the exchange must go on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use isochron::core::{Intake, Options, Sequencer, StartError, Taken};
use isochron::state_machine::{Capacity, Replay, StateMachine, command_origin};
use isochron::store::{
    Check, Durability, MemoryDisk, Options as StoreOptions, ReaderOptions, Recovery, SegmentHelper,
    StoreReader, SyncHelper, Until,
};
use isochron::types::{Nanos, Position};
use isochron_events::Message;

use crate::exchange::store_options;
use crate::log::is_sent;
use crate::script::{Random, SOURCES, Script};

/// Where a transaction ends, and its messages.
type Transaction = (Position, Vec<Vec<u8>>);

fn directory() -> &'static Path {
    Path::new("/store")
}

fn options() -> Options {
    let store = StoreOptions { durability: Durability::Disk, ..store_options(directory()) };
    Options { store, capacity: Capacity::default() }
}

/// A core and its helpers, run by hand.
struct Life<'a> {
    script: &'a Script,
    disk: MemoryDisk,
    sequencer: Sequencer,
    syncer: SyncHelper,
    segments: SegmentHelper,
    /// Reads what is published, as soon as it is.
    witness: StoreReader,
    /// All of the log.
    transactions: Vec<Transaction>,
    /// The last number of each source.
    last: Vec<u64>,
    now: u64,
}

impl<'a> Life<'a> {
    /// Starts from what a disk holds, of what is known to have been written to it.
    fn start(
        script: &'a Script,
        disk: &MemoryDisk,
        written: &[Transaction],
    ) -> Result<(Self, Recovery), StartError> {
        let now = 1_000_000_000 * (1 + written.len() as u64);
        let (mut sequencer, started) = Sequencer::open_on(
            Arc::new(disk.clone()),
            &options(),
            &Intake::default(),
            Nanos(now),
            &mut |_, _| {},
        )?;
        let all = ReaderOptions {
            check: Check::Content,
            until: Until::Published,
            ..ReaderOptions::default()
        };
        let witness = StoreReader::attach_on(Arc::new(disk.clone()), directory(), &all);
        let mut life = Life {
            script,
            disk: disk.clone(),
            syncer: sequencer.writer_mut().take_syncer().expect("it is taken once"),
            segments: sequencer.writer_mut().take_helper().expect("it is taken once"),
            sequencer,
            witness: witness.expect("there is a store"),
            transactions: Vec::new(),
            last: vec![0; 1 + SOURCES as usize],
            now,
        };
        life.read();
        life.check(written, started.recovery.valid_to);
        Ok((life, started.recovery))
    }

    /// Takes in what was published since it was read last.
    fn read(&mut self) {
        while let Some(frame) = self.witness.next().expect("what is published is whole") {
            let begun = self.transactions.last().is_none_or(|(end, _)| *end != Position(u64::MAX));
            if begun {
                // Its end is known when it is reached.
                self.transactions.push((Position(u64::MAX), Vec::new()));
            }
            let (end, messages) = self.transactions.last_mut().expect("one was pushed");
            messages.push(frame.message.to_vec());
            if frame.ends_transaction {
                *end = frame.end;
            }
        }
    }

    /// The log is what was written, up to where it was found to end, and the first transaction of
    /// this life; each source's commands are in it once, in their order; executed from scratch it
    /// leads to this state.
    fn check(&mut self, written: &[Transaction], valid_to: Position) {
        let kept = written.iter().take_while(|(end, _)| *end <= valid_to).count();
        let end = kept.checked_sub(1).map_or(Position(0), |last| written[last].0);
        assert_eq!(end, valid_to, "the log ends with a transaction that was written");
        assert_eq!(self.transactions[..kept], written[..kept]);
        assert_eq!(self.transactions.len(), kept + 1, "the epoch is one transaction");
        let mut replay = Replay::new(StateMachine::new());
        for message in self.transactions.iter().flat_map(|(_, messages)| messages) {
            let event = Message::decode(message).expect("it is of this schema");
            replay.on_event(&event).expect("the log is what its commands lead to");
            if let Some(origin) = command_origin(&event).filter(|origin| origin.source > 0) {
                let last = &mut self.last[origin.source as usize];
                assert_eq!(origin.source_sequence, *last + 1);
                assert!(is_sent(self.script, &event), "{event} was not sent so");
                *last += 1;
            }
        }
        assert_eq!(replay.machine().state_hash(), self.sequencer.machine().state_hash());
    }

    /// One step: of work that goes on, or a command of any source.
    fn step(&mut self, random: &mut Random) {
        self.now += 1_000;
        let setup = self.last[1] < self.script.setup_commands();
        let source = if setup { 1 } else { random.id(SOURCES) };
        let place = source as usize;
        let command = self.script.command(source, self.last[place] + 1);
        let mut bytes = vec![0; command.encoded_length()];
        command.encode(&mut bytes).expect("the buffer has its length");
        let pending = self.sequencer.is_pending();
        loop {
            let taken = match pending {
                true => self.sequencer.go_on(Nanos(self.now)),
                false => self.sequencer.take(&bytes, Nanos(self.now)),
            };
            match taken {
                Taken::Executed => break,
                Taken::NotNow(_) => {
                    self.now += 1_000_000;
                    self.syncer.do_work(Nanos(self.now));
                    self.segments.do_work(Nanos(self.now));
                }
                other => panic!("{other:?}"),
            }
        }
        self.last[place] += u64::from(!pending);
        self.read();
        if random.chance(60) {
            self.syncer.do_work(Nanos(self.now));
        }
        if random.chance(200) {
            self.segments.do_work(Nanos(self.now));
        }
    }
}

/// What happened, so that nothing is proven by its never happening.
#[derive(Debug, Default)]
struct Counts {
    killed: usize,
    power_lost: usize,
    bits_flipped: usize,
    nothing_lost: usize,
    tail_lost: usize,
    tail_cut: usize,
    refused: usize,
    damage_without_effect: usize,
    in_the_middle_of_an_event: usize,
    committed_to_the_end: usize,
}

/// Flips one to four bits of one file, most often of a segment's written part.
fn flip(image: &MemoryDisk, end: Position, random: &mut Random) {
    let (paths, term_bytes) = (image.paths(), options().store.term_bytes as u64);
    let path = match random.below(4) {
        0 => paths[random.below(paths.len() as u64) as usize].clone(),
        _ => {
            let base = random.below(end.get() / term_bytes + 1) * term_bytes;
            PathBuf::from(format!("{}/{base:020}.log", directory().display()))
        }
    };
    let bits = 8 * image.read(&path).expect("it is there").len() as u64;
    for _ in 0..random.id(4) {
        image.flip_bit(&path, random.below(bits) as usize).expect("it is there");
    }
}

/// Takes an image of a life, and starts from it.
fn judge(life: &mut Life<'_>, random: &mut Random, counts: &mut Counts) {
    let committed = life.sequencer.writer_mut().committed();
    let end = life.sequencer.position();
    let (mut image, mut damaged) = (life.disk.after_kill().expect("memory"), false);
    if random.chance(200) {
        counts.killed += 1;
    } else {
        // Some keep nearly nothing of what was not synced, some nearly all.
        let odds = random.one_of(&[0, 1, 100, 500, 900, 980, 1_000]);
        image = life.disk.after_power_failure(|| random.chance(odds)).expect("memory");
        counts.power_lost += 1;
        damaged = random.chance(500);
        if damaged {
            flip(&image, end, random);
            counts.bits_flipped += 1;
        }
    }
    counts.committed_to_the_end += usize::from(committed == end);
    counts.in_the_middle_of_an_event += usize::from(life.sequencer.is_pending());
    let started = Life::start(life.script, &image, &life.transactions);
    let (mut next, recovery) = match started {
        Ok(started) => started,
        Err(error) => {
            assert!(damaged, "an undamaged disk was refused: {error}");
            counts.refused += 1;
            return;
        }
    };
    let found = recovery.valid_to;
    assert!(found >= committed, "{committed} was committed, the log ends at {found}");
    let counted = if found == end { &mut counts.nothing_lost } else { &mut counts.tail_lost };
    *counted += 1;
    counts.tail_cut += usize::from(recovery.cut.is_some());
    counts.damage_without_effect += usize::from(damaged && found == end);
    // It goes on, and ends well.
    for _ in 0..random.below(12) {
        next.step(random);
    }
    let (disk, written) = (next.disk, next.transactions);
    let state = next.sequencer.close().expect("it closes").state_hash();
    let (last, recovery) = Life::start(life.script, &disk, &written).expect("it opens again");
    assert!(recovery.clean && recovery.cut.is_none());
    let before = last.transactions.len() - 1;
    let mut replay = Replay::new(StateMachine::new());
    for message in last.transactions[..before].iter().flat_map(|(_, messages)| messages) {
        replay.on_event(&Message::decode(message).expect("checked")).expect("checked");
    }
    assert_eq!(replay.machine().state_hash(), state);
}

#[test]
fn every_image_of_a_disk_is_recovered_or_refused_and_never_wrong() {
    let (script, mut counts) = (Script::new(), Counts::default());
    for seed in 0..5 {
        let mut random = Random(9_000 + seed);
        let started = Life::start(&script, &MemoryDisk::default(), &[]);
        let (mut life, _) = started.expect("a store is made");
        for number in 0..4 {
            // A life that is long enough for orders to pile up, which are then swept in steps.
            let long = (seed, number) == (0, 0);
            let (steps, odds) = if long { (5_000, 2) } else { (random.between(100, 500), 60) };
            for _ in 0..steps {
                life.step(&mut random);
                if life.sequencer.is_pending() || random.chance(odds) {
                    judge(&mut life, &mut random, &mut counts);
                }
            }
            let committed = life.sequencer.writer_mut().committed();
            let disk = match random.below(3) {
                0 => life.disk.after_kill(),
                _ => life.disk.after_power_failure(|| random.chance(700)),
            };
            let next = Life::start(&script, &disk.expect("memory"), &life.transactions);
            let recovery;
            (life, recovery) = next.expect("an undamaged disk is recovered");
            assert!(recovery.valid_to >= committed);
        }
    }
    println!("{counts:#?}");
    let Counts { killed, power_lost, bits_flipped, nothing_lost, tail_lost, .. } = counts;
    let Counts { tail_cut, refused, damage_without_effect, .. } = counts;
    let Counts { in_the_middle_of_an_event, committed_to_the_end, .. } = counts;
    for count in [killed, power_lost, bits_flipped, nothing_lost, tail_lost, tail_cut, refused] {
        assert!(count >= 20);
    }
    for count in [damage_without_effect, in_the_middle_of_an_event, committed_to_the_end] {
        assert!(count >= 5);
    }
}
