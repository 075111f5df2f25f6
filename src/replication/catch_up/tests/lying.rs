//! A server that says anything: the store takes nothing that is not its log.

use super::joining::{Standby, open_replica};
use super::protocol::{LogState, Message, NONCE_BYTES};
use super::*;
use crate::store::Chain;
use crate::types::Epoch;

/// Answers with what it was told to, whatever is asked.
struct Liar {
    join: Join,
    pipes: Pipes,
    /// The server's end of the connection at hand.
    link: Option<Box<dyn Link>>,
    now: u64,
}

fn hello() -> Vec<u8> {
    let mut bytes = Vec::new();
    let hello = protocol::Hello { peer: peer(1), is_keyed: false, nonce: [1; NONCE_BYTES] };
    Message::Hello(hello).emit(&mut bytes);
    bytes
}

fn bytes_of(messages: &[Message<'_>]) -> Vec<u8> {
    let mut bytes = hello();
    messages.iter().for_each(|message| message.emit(&mut bytes));
    bytes
}

impl Liar {
    fn new(follow: EpochStart) -> Self {
        let join = Join::new(dial_options(2), follow, 0, false);
        Self { join, pipes: Pipes::new(1 << 20), link: None, now: 1 }
    }

    /// Says these bytes on a new connection; the first outcome.
    fn say(&mut self, standby: &mut Standby, bytes: &[u8]) -> Outcome {
        self.link = None;
        let mut said = 0;
        for _ in 0..10_000 {
            self.join.turn(&mut standby.store, &mut self.pipes, Nanos(self.now));
            if let Some(outcome) = self.join.poll_outcome() {
                return outcome;
            }
            if let Some(link) = self.pipes.waiting.lock().unwrap().pop() {
                self.link = Some(link);
            }
            if let Some(link) = &mut self.link
                && said < bytes.len()
                && let Ok(count) = link.write(&bytes[said..])
            {
                said += count;
            }
            self.now += 5_000_000;
        }
        panic!("it believes forever");
    }
}

/// A log of one epoch, its bytes and what a server says of it.
fn log() -> (EpochStart, LogState, Vec<u8>, Primary) {
    let mut primary = Primary::new();
    primary.append_to(20_000);
    let end = primary.end();
    let bytes = log_bytes(&primary.disk, &directory(), Position(0), end);
    let none = LogPlace { position: Position(0), chain: Chain(0) };
    let epochs = epochs(&primary.disk);
    let term_bytes = TERM_BYTES as u64;
    let state = LogState { kept: none, durable: none, end, term_bytes, epochs: epochs.clone() };
    (epochs[0], state, bytes, primary)
}

fn log_message(state: &LogState) -> Message<'static> {
    Message::Log { request: 1, state: state.clone() }
}

fn content(at: u64, bytes: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    Message::Bytes { request: 2, at, content: bytes.len() }.emit(&mut message);
    message.extend_from_slice(bytes);
    message
}

/// What comes of a log's bytes, said after a table.
fn outcome_of(state: &LogState, follow: EpochStart, said: &[u8]) -> (String, Standby) {
    let mut standby = Standby::new();
    let all = [bytes_of(&[log_message(state)]), said.to_vec()].concat();
    let outcome = Liar::new(follow).say(&mut standby, &all);
    (format!("{outcome:?}"), standby)
}

#[test]
fn a_table_that_no_log_has_is_not_followed() {
    let (follow, state, _, _) = log();
    let later = |epoch, base| EpochStart {
        epoch: Epoch(epoch),
        node: 1,
        base: Position(base),
        chain: Chain(5),
    };
    let tables = [
        vec![later(5, 0), follow],
        vec![follow, later(3, 640), later(2, 960)],
        vec![follow, later(3, 960), later(4, 640)],
        vec![follow, later(3, u64::MAX)],
        vec![follow, follow],
    ];
    for epochs in tables {
        let state = LogState { epochs, ..state.clone() };
        let (outcome, standby) = outcome_of(&state, follow, &[]);
        assert!(outcome.starts_with("NotFollowed"), "{outcome}");
        assert!(standby.store.epochs().is_empty());
    }
}

#[test]
fn frames_of_another_log_are_not_taken() {
    let (follow, state, bytes, primary) = log();
    let held = |standby: &Standby| standby.store.held().position;
    // Right until a frame of another epoch, where the table has this one.
    let other = primary.restart();
    let mut other = other;
    other.append_to(30_000);
    let end = other.end();
    let both = log_bytes(&other.disk, &directory(), Position(0), end);
    let (outcome, standby) = outcome_of(&state, follow, &content(0, &both));
    assert!(outcome.contains("a frame of epoch 2 where epoch 1 wrote"), "{outcome}");
    assert_eq!(held(&standby).get(), bytes.len() as u64);
    // Right bytes of another place.
    let later = end_beyond(&other.disk, 320).get() as usize;
    let (outcome, standby) = outcome_of(&state, follow, &content(0, &bytes[later..]));
    assert!(outcome.contains("no frame") && outcome.contains("offset"), "{outcome}");
    assert_eq!(held(&standby), Position(0));
    // A place that was not asked for.
    let (outcome, _) = outcome_of(&state, follow, &content(32, &bytes[32..]));
    assert!(outcome.contains("Place { expected: 0, found: 32 }"), "{outcome}");
}

#[test]
fn a_chain_that_differs_at_the_durable_place_is_an_alarm() {
    let (follow, state, bytes, primary) = log();
    let right = primary.place_at(end_beyond(&primary.disk, 9_000));
    let durable = LogPlace { chain: Chain(!right.chain.0), ..right };
    let lying = LogState { durable, ..state.clone() };
    let (outcome, standby) = outcome_of(&lying, follow, &content(0, &bytes));
    assert!(outcome.starts_with("Differs(Chain"), "{outcome}");
    assert_eq!(standby.store.held(), right, "what is behind it was not taken");
    // A durable place within a frame.
    let torn = LogPlace { position: Position(right.position.get() - 32), ..right };
    let lying = LogState { durable: torn, ..state };
    let (outcome, _) = outcome_of(&lying, follow, &content(0, &bytes));
    assert!(outcome.contains("Torn"), "{outcome}");
}

#[test]
fn zeroes_without_end_and_silence_end_the_connection() {
    let (follow, state, bytes, _) = log();
    let (outcome, standby) = outcome_of(&state, follow, &content(0, &vec![0; 1_000_000]));
    assert!(outcome.contains("NoLength"), "{outcome}");
    assert_eq!(standby.store.held().position, Position(0));
    let (outcome, standby) = outcome_of(&state, follow, &content(0, &bytes[..10_000]));
    assert!(outcome.contains("Silent"), "{outcome}");
    assert!(standby.store.held().position > Position(8_000));
    let mut said = content(0, &bytes[..10_000]);
    said.truncate(5_000);
    let (outcome, _) = outcome_of(&state, follow, &said);
    assert!(outcome.contains("Silent"), "in the middle of a message: {outcome}");
}

#[test]
fn a_padding_that_no_writer_makes_is_not_waited_for() {
    let (follow, state, _, _) = log();
    // A PAD over all of the term, and then zeroes, which would be passed over.
    let mut pad = vec![0; 32];
    pad[..4].copy_from_slice(&(TERM_BYTES as u32).to_le_bytes());
    pad[5] = 0xc0;
    let (outcome, _) = outcome_of(&state, follow, &content(0, &pad));
    assert!(outcome.contains("Length(65536)"), "{outcome}");
}

#[test]
fn marks_without_end_and_answers_to_nothing_end_the_connection() {
    let (follow, state, ..) = log();
    let mark = Message::Mark { request: 2, end: state.end, durable: state.durable };
    let mut marks = Vec::new();
    (0..10).for_each(|_| mark.emit(&mut marks));
    // They are taken one a turn, and do not stand for bytes.
    let (outcome, standby) = outcome_of(&state, follow, &marks);
    assert!(outcome.contains("Silent"), "{outcome}");
    assert_eq!(standby.store.held().position, Position(0));
    let unasked = [
        bytes_of(&[Message::Image { request: 1, place: state.kept, bytes: 9 }]),
        bytes_of(&[Message::Feeds { request: 1 }]),
        bytes_of(&[Message::Log { request: 9, state: state.clone() }]),
        bytes_of(&[Message::Mark { request: 1, end: state.end, durable: state.kept }]),
        [hello(), hello()].concat(),
        bytes_of(&[Message::Proof([0; NONCE_BYTES])]),
    ];
    for (case, said) in unasked.iter().enumerate() {
        let mut standby = Standby::new();
        let outcome = format!("{:?}", Liar::new(follow).say(&mut standby, said));
        let seen = outcome.contains("Unexpected") || outcome.contains("Twice");
        assert!(seen, "case {case}: {outcome}");
    }
}

#[test]
fn what_a_store_was_told_is_there_after_a_kill() {
    let (follow, state, bytes, primary) = log();
    let (_, standby) = outcome_of(&state, follow, &content(0, &bytes[..12_000]));
    let held = standby.store.held();
    let disk = standby.disk.after_kill().unwrap();
    assert_eq!(open_replica(&disk, 2).held(), held);
    assert_eq!(held, primary.place_at(held.position));
}
