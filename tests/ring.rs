//! A mapped ring between two processes: ten million messages, and a producer that is killed again
//! and again, also in the middle of a message.
//!
//! This test starts its own program again as the producer: with [`RING`] in its environment it
//! writes until it is killed or done. The consumer, here, checks number and content of each
//! message, kills, sees a prefix of whole messages, and starts the next producer behind it.

use isochron::ring::mapped::{Options, attach, create};
use isochron::ring::{Consumer, Producer, Refusal};
use isochron::types::SourceId;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The producer's environment: the ring, and the number of its first message.
const RING: &str = "ISOCHRON_TEST_RING";
const FIRST: &str = "ISOCHRON_TEST_RING_FIRST";

const MESSAGES: u64 = 10_000_000;
const CAPACITY: usize = 1024 * 1024;
const KILLS: u64 = 24;

/// The producer sleeps in the middle of one message in so many.
const STRETCHED_EVERY: u64 = 32_768;
const STRETCH: Duration = Duration::from_millis(3);

/// Looks at a ring that stays empty, before the producer is taken to sleep in a message.
const EMPTY_LOOKS: u32 = 300;

/// SIGKILL.
const KILLED: i32 = 9;

/// splitmix64, as a function of its place.
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The length of message `number`: its number, and 0 to 31 bytes that follow from it.
fn length(number: u64) -> usize {
    8 + (mix(number) >> 59) as usize
}

/// The bytes of message `number`.
fn content(number: u64) -> [u8; 40] {
    let mut bytes = [0; 40];
    for (word, place) in bytes.chunks_exact_mut(8).zip(0..) {
        let value = if place == 0 { number } else { mix(number ^ place << 56) };
        word.copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// Writes from message `first` on, by claim, as a gateway does.
fn produce(mut producer: Producer, first: u64) {
    for number in first..MESSAGES {
        let (bytes, length) = (content(number), length(number));
        loop {
            match producer.try_claim(length) {
                Ok(mut claim) => {
                    if number % STRETCHED_EVERY == STRETCHED_EVERY / 2 {
                        let half = length / 2;
                        claim[..half].copy_from_slice(&bytes[..half]);
                        std::thread::sleep(STRETCH);
                    }
                    claim.copy_from_slice(&bytes[..length]);
                    claim.commit();
                    break;
                }
                Err(Refusal::Full { .. }) => std::thread::yield_now(),
                Err(refusal) => panic!("{refusal}"),
            }
        }
    }
}

fn start(ring: &Path, first: u64) -> Child {
    let name = "ten_million_messages_pass_and_their_producer_is_killed_in_the_middle_of_some";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name]).env(RING, ring).env(FIRST, first.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

/// Checks messages, all in order.
struct Checker {
    consumer: Consumer,
    next: u64,
}

impl Checker {
    fn read(&mut self) -> usize {
        let next = &mut self.next;
        let read = self.consumer.read(256, |message| {
            assert_eq!(message, &content(*next)[..length(*next)], "message {next}");
            *next += 1;
        });
        assert_eq!(self.consumer.fault(), None);
        read
    }

    /// Reads up to message `to`, and a little further until the producer seems to sleep in one, if
    /// that is asked.
    fn read_until(&mut self, to: u64, asleep: bool, producer: &mut Child) {
        let (further, mut empty) = (to + 4 * STRETCHED_EVERY, 0);
        while self.next < to || (asleep && empty < EMPTY_LOOKS && self.next < further) {
            if self.read() > 0 {
                empty = 0;
                continue;
            }
            empty += 1;
            if empty % EMPTY_LOOKS == 0 && self.next < to {
                // It may have written its last message since.
                let ended = producer.try_wait().unwrap();
                let more = self.read();
                assert!(more > 0 || ended.is_none(), "{ended:?} at message {}", self.next);
            }
            std::thread::yield_now();
        }
    }
}

/// Whether behind the last record lies the first half of message `number`: the words of the file
/// say so, whatever the ring makes of them.
fn is_mid_message(file: &File, number: u64) -> bool {
    let word = |at: u64| {
        let mut word = [0; 8];
        file.read_exact_at(&mut word, at).unwrap();
        u64::from_le_bytes(word)
    };
    let header = |position: u64| word(384 + position % CAPACITY as u64);
    // The producer's position is as before or as after its newest record, which was read here.
    let mut position = word(128);
    if header(position) != 0 {
        position += u64::from(header(position) as u32).next_multiple_of(8);
    }
    assert_eq!(header(position), 0, "a header of a message that nobody was given");
    let half = length(number) / 2;
    let mut bytes = vec![0; half];
    let at = 384 + position % CAPACITY as u64 + 8;
    file.read_exact_at(&mut bytes, at).unwrap_or(());
    bytes == content(number)[..half]
}

#[test]
fn ten_million_messages_pass_and_their_producer_is_killed_in_the_middle_of_some() {
    if let (Some(ring), Ok(first)) = (std::env::var_os(RING), std::env::var(FIRST)) {
        let attached = attach(Path::new(&ring)).expect("the last producer was killed");
        produce(attached.producer, first.parse().unwrap());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.ring");
    let options = Options { capacity_bytes: CAPACITY, source: SourceId(1), generation: 1 };
    let mut checker = Checker { consumer: create(&path, &options).unwrap(), next: 0 };
    let file = File::open(&path).unwrap();
    let mut mid_message = 0;
    for kill in 0..KILLS {
        let mut child = start(&path, checker.next);
        while checker.consumer.is_joining() {
            assert_eq!(checker.consumer.skip(1, |_| ()), 0);
            std::thread::yield_now();
        }
        let to = (kill * MESSAGES + mix(kill) % MESSAGES) / (KILLS + 1);
        checker.read_until(to.max(checker.next + 1), kill % 2 == 0, &mut child);
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(KILLED), "{status}");
        while checker.read() > 0 {}
        mid_message += u64::from(is_mid_message(&file, checker.next));
    }
    let mut child = start(&path, checker.next);
    checker.read_until(MESSAGES, false, &mut child);
    assert!(child.wait().unwrap().success());
    assert_eq!((checker.read(), checker.next), (0, MESSAGES));
    println!("ring: {KILLS} kills, {mid_message} in the middle of a message");
    assert!(mid_message > 0);
}
