//! The ring against a queue, across two threads, and after the death of a side.
#![expect(unsafe_code, reason = "attaches a second time, as a new process does")]

use super::block::Block;
use super::{AttachError, Consumer, Memory, Producer, Refusal, Word, pair};
use std::collections::VecDeque;

/// splitmix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// A message whose bytes all depend on its number.
fn message(number: u64, length: usize) -> Vec<u8> {
    let mut random = Random(number);
    (0..length).map(|_| random.next() as u8).collect()
}

#[test]
fn behaves_like_a_queue_at_every_capacity() {
    for capacity in [64, 128, 1024, 4096] {
        let (mut producer, mut consumer) = pair(capacity);
        let mut twin = VecDeque::new();
        let mut random = Random(capacity as u64);
        let (mut full, mut received) = (0, 0);
        for number in 0..20_000 {
            let length = random.below(producer.length_max() as u64 + 1) as usize;
            let bytes = message(number, length);
            match producer.try_write(&bytes) {
                Ok(()) => twin.push_back(bytes),
                Err(Refusal::Full { needed_bytes, free_bytes }) => {
                    full += 1;
                    // Told so only where it is true, counted with padding and the next header.
                    assert!(needed_bytes > free_bytes && free_bytes < capacity as u64);
                    assert!(needed_bytes <= length as u64 * 2 + 4 * 8, "{needed_bytes} {length}");
                    assert!(!twin.is_empty(), "an empty ring refused {length} bytes");
                }
                Err(refusal) => panic!("{refusal}"),
            }
            // Phases in which the ring fills, and phases in which it runs empty.
            let limit = random.below(if number / 100 % 2 == 0 { 2 } else { 4 }) as usize;
            let expected = limit.min(twin.len());
            let count = consumer.read(limit, |bytes| {
                assert_eq!(Some(bytes), twin.pop_front().as_deref());
            });
            assert_eq!(count, expected);
            assert_eq!(producer.used_bytes() == 0, twin.is_empty());
            received += count;
        }
        assert!(full > 500 && received > 10_000, "full {full}, received {received}");
    }
}

#[test]
fn refuses_what_never_fits_and_says_the_numbers() {
    let (mut producer, mut consumer) = pair(1024);
    assert_eq!(producer.length_max(), 248);
    let refusal = producer.try_write(&[0; 249]).unwrap_err();
    assert_eq!(refusal, Refusal::TooLong { length: 249, length_max: 248 });
    assert_eq!(refusal.to_string(), "a message of 249 bytes, the ring takes 248 at most");
    assert_eq!(consumer.peek(), None);
    // Three records of 256 bytes and a header behind each: the fourth has no room for its own.
    for _ in 0..3 {
        producer.try_write(&[7; 248]).unwrap();
    }
    let refusal = producer.try_write(&[7; 248]).unwrap_err();
    assert_eq!(refusal, Refusal::Full { needed_bytes: 264, free_bytes: 256 });
}

#[test]
fn a_peeked_message_stays_until_released() {
    let (mut producer, mut consumer) = pair(64);
    producer.try_write(b"one").unwrap();
    producer.try_write(b"").unwrap();
    assert_eq!(consumer.peek(), Some(&b"one"[..]));
    assert_eq!(consumer.peek(), Some(&b"one"[..]));
    assert_eq!(consumer.used_bytes(), 24);
    consumer.release();
    assert_eq!(consumer.peek(), Some(&b""[..]));
    consumer.release();
    assert_eq!(consumer.peek(), None);
    assert_eq!(producer.used_bytes(), 0);
}

#[test]
#[should_panic(expected = "release without a peeked message")]
fn a_message_is_not_released_unseen() {
    let (mut producer, mut consumer) = pair(64);
    producer.try_write(b"one").unwrap();
    consumer.release();
}

#[test]
fn a_claim_that_is_dropped_was_never_there() {
    let (mut producer, mut consumer) = pair(64);
    let mut random = Random(1);
    for number in 0..1_000_u64 {
        let mut claim = producer.try_claim(random.below(9) as usize).unwrap();
        claim.fill(0xff);
        drop(claim);
        assert_eq!(consumer.peek(), None);
        let mut claim = producer.try_claim(8).unwrap();
        claim.copy_from_slice(&number.to_le_bytes());
        assert_eq!(claim[..], number.to_le_bytes());
        claim.commit();
        assert_eq!(consumer.read(2, |bytes| assert_eq!(bytes, number.to_le_bytes())), 1);
    }
}

#[test]
fn a_handler_that_panics_leaves_its_message() {
    let (mut producer, mut consumer) = pair(64);
    producer.try_write(b"one").unwrap();
    let read = std::panic::AssertUnwindSafe(|| consumer.read(1, |_| panic!("on purpose")));
    std::panic::catch_unwind(read).unwrap_err();
    assert_eq!(consumer.peek(), Some(&b"one"[..]));
}

#[test]
fn two_threads_exchange_every_message_in_order() {
    const MESSAGES: u64 = 200_000;
    let (mut producer, mut consumer) = pair(4096);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut random = Random(7);
            for number in 0..MESSAGES {
                let bytes = message(number, random.below(200) as usize);
                while let Err(refusal) = producer.try_write(&bytes) {
                    assert!(matches!(refusal, Refusal::Full { .. }), "{refusal}");
                    std::thread::yield_now();
                }
            }
        });
        let mut random = Random(7);
        let mut number = 0;
        while number < MESSAGES {
            let count = consumer.read(64, |bytes| {
                assert_eq!(bytes, message(number, random.below(200) as usize), "{number}");
                number += 1;
            });
            if count == 0 {
                std::thread::yield_now();
            }
        }
        assert_eq!(consumer.peek(), None);
    });
}

/// Both sides over one block, and the block once more.
fn opened(capacity: usize) -> (Producer, Consumer, Block) {
    let block = Block::new(capacity);
    // SAFETY: the only producer and the only consumer of a new block.
    let sides = unsafe { (Producer::attach(block.share()), Consumer::attach(block.share())) };
    (sides.0.unwrap(), sides.1.unwrap(), block)
}

/// The next producer, after the last one died.
fn producer_again(block: &Block) -> Result<Producer, AttachError> {
    // SAFETY: the callers dropped the producer before.
    unsafe { Producer::attach(block.share()) }
}

#[test]
fn a_producer_killed_at_any_step_leaves_a_prefix_and_the_next_goes_on() {
    let mut random = Random(3);
    let (mut producer, mut consumer, block) = opened(256);
    let mut sent = VecDeque::new();
    let mut deaths_after_header = 0;
    for number in 0..50_000_u64 {
        let bytes = message(number, random.below(57) as usize);
        let tail_before = block.tail().load_relaxed();
        match random.below(4) {
            // Dies while it writes the message: garbage behind the tail, nothing published.
            0 => {
                if let Ok(mut claim) = producer.try_claim(bytes.len()) {
                    claim.fill(0xff);
                }
                drop(producer);
                producer = producer_again(&block).unwrap();
            }
            // Dies between the newest header and its tail: the message was sent.
            1 => {
                if producer.try_write(&bytes).is_ok() {
                    sent.push_back(bytes);
                    let record = (8 + sent.back().unwrap().len() as u64).next_multiple_of(8);
                    drop(producer);
                    let tail = block.tail().load_relaxed();
                    assert!(tail - tail_before >= record);
                    block.tail().store_relaxed(tail - record);
                    producer = producer_again(&block).unwrap();
                    assert_eq!(block.tail().load_relaxed(), tail);
                    deaths_after_header += 1;
                }
            }
            _ => {
                if producer.try_write(&bytes).is_ok() {
                    sent.push_back(bytes);
                }
            }
        }
        consumer.read(random.below(4) as usize, |bytes| {
            assert_eq!(Some(bytes), sent.pop_front().as_deref());
        });
    }
    assert!(deaths_after_header > 5_000, "{deaths_after_header}");
}

#[test]
fn a_new_consumer_goes_on_at_what_was_not_released() {
    let (mut producer, mut consumer, block) = opened(64);
    producer.try_write(b"one").unwrap();
    producer.try_write(b"two").unwrap();
    assert_eq!(consumer.read(1, |_| ()), 1);
    assert_eq!(consumer.peek(), Some(&b"two"[..]));
    drop(consumer);
    // SAFETY: the other consumer is gone.
    let mut consumer = unsafe { Consumer::attach(block.share()) }.unwrap();
    assert_eq!(consumer.peek(), Some(&b"two"[..]));
}

#[test]
fn a_damaged_header_stops_the_consumer_with_its_place() {
    let headers = [
        1,                     // A length without a kind.
        1 << 32,               // A message without even a header.
        1 << 32 | 7,           // Shorter than its header.
        1 << 32 | 25,          // Longer than this ring takes: 16 of 64 bytes.
        1 << 32 | 0xffff_ffff, // Beyond the block.
        2 << 32 | 40,          // Padding that does not end the lap.
        3 << 32 | 16,          // No such kind.
        u64::MAX,
    ];
    for header in headers {
        let (mut producer, mut consumer, block) = opened(64);
        producer.try_write(b"one").unwrap();
        assert_eq!(consumer.read(1, |_| ()), 1);
        block.header(16).store_release(header);
        assert_eq!(consumer.peek(), None, "{header:#x}");
        let fault = consumer.fault().unwrap();
        assert_eq!((fault.position, fault.header), (16, header));
        drop(producer);
        assert_eq!(producer_again(&block).err(), Some(AttachError::Header(fault)));
    }
}

#[test]
fn contradicting_positions_are_refused() {
    for (head, tail) in [(0, 1), (8, 0), (0, 72), (u64::MAX, 0), (0, u64::MAX - 7)] {
        let block = Block::new(64);
        block.head().store_relaxed(head);
        block.tail().store_relaxed(tail);
        let contradiction = AttachError::Positions { head, tail, capacity: 64 };
        assert_eq!(producer_again(&block).err(), Some(contradiction), "{head} {tail}");
    }
    let block = Block::new(64);
    block.head().store_relaxed(4);
    // SAFETY: the block has no other consumer.
    assert!(unsafe { Consumer::attach(block) }.is_err());
}
