//! The mapped ring within one process: who may attach, what a restart passes over, and what a
//! stranger can do to the bytes. `tests/ring.rs` kills real processes.

use super::mapped::{MappedError, Options, Side, attach, create};
use super::tests::Random;
use super::{AttachError, Consumer, Producer, Refusal};
use crate::types::SourceId;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Where things are in the file, in bytes: a picture of the layout of its own.
const BOOT_AT: u64 = 32;
const GENERATION_AT: u64 = 64;
const JOINED_AT_AT: u64 = 80;
const TAIL_AT: u64 = 128;
const HEAD_AT: u64 = 256;
const RECORDS_AT: u64 = 384;

const CAPACITY: usize = 1024;

fn options(generation: u64) -> Options {
    Options { capacity_bytes: CAPACITY, source: SourceId(7), generation }
}

/// Both sides, joined.
fn opened(path: &Path, generation: u64) -> (Producer, Consumer) {
    let mut consumer = create(path, &options(generation)).unwrap();
    let attached = attach(path).unwrap();
    assert_eq!(attached.source, SourceId(7));
    assert_eq!(skipped(&mut consumer), Vec::<String>::new());
    assert!(!consumer.is_joining());
    (attached.producer, consumer)
}

fn text(message: &[u8]) -> String {
    String::from_utf8(message.to_vec()).unwrap()
}

fn skipped(consumer: &mut Consumer) -> Vec<String> {
    let mut seen = Vec::new();
    consumer.skip(usize::MAX, |message| seen.push(text(message)));
    seen
}

fn read(consumer: &mut Consumer) -> Vec<String> {
    let mut seen = Vec::new();
    consumer.read(usize::MAX, |message| seen.push(text(message)));
    seen
}

fn write(producer: &mut Producer, messages: &[&str]) {
    messages.iter().for_each(|message| producer.try_write(message.as_bytes()).unwrap());
}

fn poke(path: &Path, at: u64, word: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&word.to_le_bytes(), at).unwrap();
}

fn peep(path: &Path, at: u64) -> u64 {
    let bytes = fs::read(path).unwrap();
    u64::from_le_bytes(bytes[at as usize..][..8].try_into().unwrap())
}

#[test]
fn messages_pass_and_each_side_is_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = &folder.path().join("rings/a.ring");
    let (mut producer, mut consumer) = opened(path, 1);
    write(&mut producer, &["one", "two"]);
    let own = u64::from(std::process::id());
    for (side, error) in [
        (Side::Producer, attach(path).err().unwrap()),
        (Side::Consumer, create(path, &options(2)).err().unwrap()),
    ] {
        let held =
            matches!(error, MappedError::Held { side: s, pid, .. } if (s, pid) == (side, own));
        assert!(held, "{error}");
        let said = format!("ring {}: process {own} is its {side}", path.display());
        assert_eq!(error.to_string(), said);
    }
    assert_eq!(read(&mut consumer), ["one", "two"]);
    // Whoever is gone left its place.
    drop(producer);
    let mut producer = attach(path).unwrap().producer;
    write(&mut producer, &["three"]);
    assert_eq!(read(&mut consumer), ["three"]);
}

#[test]
fn a_new_producer_goes_on_behind_the_last_whole_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = &folder.path().join("a.ring");
    let (mut producer, mut consumer) = opened(path, 1);
    write(&mut producer, &["one"]);
    let mut claim = producer.try_claim(100).unwrap();
    claim.fill(0xff);
    drop(claim);
    drop(producer);
    let mut producer = attach(path).unwrap().producer;
    // The consumer has lived on: what the dead producer had sent is taken.
    assert_eq!(producer.check(), Ok(()));
    write(&mut producer, &["two"]);
    assert_eq!(read(&mut consumer), ["one", "two"]);
}

#[test]
fn a_new_consumer_takes_nothing_written_before_its_producer_knew_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = &folder.path().join("a.ring");
    let (mut producer, mut consumer) = opened(path, 1);
    write(&mut producer, &["one", "two", "three"]);
    assert_eq!(consumer.read(1, |_| ()), 1);
    drop(consumer);
    write(&mut producer, &["four"]);
    let mut consumer = create(path, &options(2)).unwrap();
    // Not even what it had not passed over when it was written.
    assert_eq!(skipped(&mut consumer), ["two", "three", "four"]);
    let renewed = Err(Refusal::Renewed { generation: 2 });
    assert_eq!(producer.try_write(b"five"), renewed);
    assert_eq!(producer.check(), renewed);
    assert_eq!((consumer.is_joining(), consumer.peek()), (true, None));
    assert_eq!(producer.rejoin(), Ok(2));
    write(&mut producer, &["two", "three"]);
    assert_eq!(consumer.peek(), None, "not before it has passed over the rest");
    assert_eq!(skipped(&mut consumer), Vec::<String>::new());
    assert_eq!(read(&mut consumer), ["two", "three"]);
}

#[test]
fn what_a_dead_producer_left_for_a_dead_consumer_is_passed_over_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = &folder.path().join("a.ring");
    let (mut producer, consumer) = opened(path, 1);
    write(&mut producer, &["one", "two"]);
    drop((producer, consumer));
    let mut consumer = create(path, &options(2)).unwrap();
    assert_eq!(consumer.skip(1, |message| assert_eq!(message, b"one")), 1);
    let mut producer = attach(path).unwrap().producer;
    write(&mut producer, &["three"]);
    assert_eq!(skipped(&mut consumer), ["two"]);
    assert_eq!(read(&mut consumer), ["three"]);
}

#[test]
fn consumers_that_follow_each_other_fast_are_joined_to_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let path = &folder.path().join("a.ring");
    let (mut producer, consumer) = opened(path, 1);
    drop(consumer);
    drop(create(path, &options(2)).unwrap());
    assert_eq!(producer.check(), Err(Refusal::Renewed { generation: 2 }));
    let mut consumer = create(path, &options(3)).unwrap();
    assert_eq!(producer.rejoin(), Ok(3));
    write(&mut producer, &["one"]);
    assert_eq!(skipped(&mut consumer), Vec::<String>::new());
    assert_eq!(read(&mut consumer), ["one"]);
}

#[test]
fn a_full_ring_counts_what_it_refused_for_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let path = &folder.path().join("a.ring");
    let (mut producer, mut consumer) = opened(path, 1);
    let mut sent = 0;
    while producer.try_write(&[7; 100]).is_ok() {
        sent += 1;
    }
    let refusal = producer.try_write(&[7; 100]).unwrap_err();
    assert!(matches!(refusal, Refusal::Full { .. }), "{refusal}");
    assert_eq!((sent, consumer.refused()), (CAPACITY as u64 / 112, 2));
    drop(producer);
    let mut producer = attach(path).unwrap().producer;
    producer.try_write(&[7; 100]).unwrap_err();
    assert_eq!(consumer.refused(), 3);
    // One frees too little: the next record does not fit the end of the lap.
    assert_eq!(consumer.read(2, |_| ()), 2);
    producer.try_write(&[7; 100]).unwrap();
}

#[test]
fn a_file_of_no_use_is_made_anew_unless_a_producer_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = &folder.path().join("a.ring");
    type Spoil = fn(&Path);
    let spoilt: [(&str, Spoil); 6] = [
        ("cut", |path| fs::write(path, [1; 100]).unwrap()),
        ("another file", |path| fs::write(path, [1; 5_000]).unwrap()),
        ("another boot", |path| poke(path, BOOT_AT, 1)),
        ("given up", |path| poke(path, GENERATION_AT, u64::MAX)),
        ("head and tail contradict each other", |path| poke(path, HEAD_AT, 1 << 20)),
        ("head is no place", |path| poke(path, HEAD_AT, 3)),
    ];
    for (name, spoil) in spoilt {
        let (mut producer, consumer) = opened(path, 1);
        write(&mut producer, &["one"]);
        drop((producer, consumer));
        spoil(path);
        if name != "head is no place" {
            assert!(attach(path).is_err(), "{name}");
        }
        let (mut producer, mut consumer) = opened(path, 2);
        assert_eq!(peep(path, TAIL_AT), 0, "{name}");
        write(&mut producer, &["two"]);
        assert_eq!(read(&mut consumer), ["two"], "{name}");
    }
    // Another size, as the configuration says: anew, but not under a producer's feet.
    let (producer, consumer) = opened(path, 3);
    drop(consumer);
    let larger = Options { capacity_bytes: 2 * CAPACITY, ..options(4) };
    let error = create(path, &larger).err().unwrap();
    assert!(error.to_string().ends_with(
        "a producer holds a ring of 1024 bytes for source 7; wanted are 2048 bytes for source 7"
    ));
    drop(producer);
    assert_eq!(attach_length(path, &larger), 504);
}

fn attach_length(path: &Path, options: &Options) -> usize {
    let _consumer = create(path, options).unwrap();
    attach(path).unwrap().producer.length_max()
}

#[test]
fn what_is_no_ring_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = &folder.path().join("a.ring");
    let refused = |what: &str| {
        let error = attach(path).err().unwrap().to_string();
        assert!(error.contains("a.ring") && error.contains(what), "{error}");
    };
    refused("No such file");
    fs::write(path, b"").unwrap();
    refused("0 bytes are no ring");
    fs::write(path, [0; 4096]).unwrap();
    refused("no ring of version 1");
    fs::remove_file(path).unwrap();
    drop(opened(path, 1));
    fs::write(path, &fs::read(path).unwrap()[..1000]).unwrap();
    refused("1000 bytes do not fit its capacity of 1024");
    for capacity_bytes in [0, 63, 100, 2 << 30] {
        let error = create(path, &Options { capacity_bytes, ..options(2) }).err().unwrap();
        assert!(matches!(error, MappedError::Capacity { .. }), "{error}");
    }
    fs::remove_file(path).unwrap();
    drop(opened(path, 1));
    poke(path, BOOT_AT, 1);
    assert!(matches!(attach(path).err().unwrap(), MappedError::Stale { .. }));
}

#[test]
fn a_damaged_ring_is_given_up_and_its_producer_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = &folder.path().join("a.ring");
    let (mut producer, mut consumer) = opened(path, 1);
    write(&mut producer, &["one", "two"]);
    poke(path, RECORDS_AT + 16, 1 << 32 | 0xffff);
    assert_eq!(read(&mut consumer), ["one"]);
    assert_eq!(consumer.fault().map(|fault| fault.position), Some(16));
    // It stays given up, whatever is written there later.
    poke(path, RECORDS_AT + 16, 1 << 32 | 11);
    assert_eq!(consumer.peek(), None);
    assert_eq!(producer.try_write(b"three"), Err(Refusal::Damaged));
    assert_eq!(producer.rejoin(), Err(Refusal::Damaged));
    drop(producer);
    let error = attach(path).err().unwrap();
    let damaged = AttachError::Damaged;
    assert!(matches!(error, MappedError::Positions { error, .. } if error == damaged));
}

#[test]
fn a_joint_that_no_producer_can_mean_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    // Within a record, behind the end, no place at all, before the head.
    for joined_at in [24, 40, 1 << 40, u64::MAX, 3] {
        let path = &folder.path().join(format!("{joined_at}.ring"));
        let (mut producer, consumer) = opened(path, 1);
        drop(consumer);
        write(&mut producer, &["one", "two"]);
        let mut consumer = create(path, &options(2)).unwrap();
        producer.rejoin().unwrap();
        poke(path, JOINED_AT_AT, joined_at);
        assert!(skipped(&mut consumer).len() <= 2);
        assert!(consumer.fault().is_some(), "{joined_at}");
        assert_eq!(consumer.peek(), None);
    }
}

#[test]
fn a_message_does_not_change_in_the_readers_hands() {
    let folder = tempfile::tempdir().unwrap();
    let path = &folder.path().join("a.ring");
    let (mut producer, mut consumer) = opened(path, 1);
    write(&mut producer, &["twelve bytes"]);
    let message = consumer.peek().unwrap();
    poke(path, RECORDS_AT + 8, u64::MAX);
    assert_eq!(message, b"twelve bytes");
}

/// A stranger writes whatever he likes wherever he likes, before and while a consumer reads.
#[test]
fn a_stranger_can_spoil_his_own_ring_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = &folder.path().join("a.ring");
    let mut random = Random(20_261_122);
    let (mut faults, mut messages, mut refused) = (0, 0, 0);
    for round in 1..=400 {
        let _ = fs::remove_file(path);
        let (producer, consumer) = opened(path, 2 * round);
        let mut sides = Some((producer, consumer));
        for step in 0..40 {
            // The file's header, positions and marks, or what the consumer reads next.
            let records = RECORDS_AT / 8;
            let next = peep(path, HEAD_AT) % CAPACITY as u64 / 8 + random.below(6);
            let word = match random.below(3) {
                0 => random.below(records),
                _ => records + next % (CAPACITY as u64 / 8),
            };
            let value = match random.below(4) {
                0 => random.next(),
                1 => random.below(2 * CAPACITY as u64) & !7,
                2 => (1 + random.below(2)) << 32 | random.below(300),
                _ => 2 * round + random.below(2),
            };
            poke(path, word * 8, value);
            if step == 20 {
                // The exchange starts again in the middle of it.
                let (producer, consumer) = sides.take().unwrap();
                drop(consumer);
                match create(path, &options(2 * round + 1)) {
                    Ok(consumer) => sides = Some((producer, consumer)),
                    Err(_) => {
                        refused += 1;
                        break;
                    }
                }
            }
            let (producer, consumer) = sides.as_mut().unwrap();
            // A whole message would mend what he spoilt where it comes to lie.
            if random.below(2) == 0 {
                let _ = producer.try_write(&[1; 20]).or_else(|_| producer.rejoin().map(drop));
            }
            let skipped = consumer.skip(64, |message| assert!(message.len() <= CAPACITY / 4));
            let read = consumer.read(64, |message| assert!(message.len() <= CAPACITY / 4));
            assert!(skipped <= 64 && read <= 64);
            messages += read;
        }
        faults += u64::from(sides.is_some_and(|(_, consumer)| consumer.fault().is_some()));
    }
    assert!(faults > 50 && messages > 400, "faults {faults}, messages {messages}");
    println!("ring: {faults} of 400 spoilt rings were given up, {refused} not taken up again");
}
