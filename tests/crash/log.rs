//! A log read from its first byte: executed from scratch, and held against what was sent.

use std::path::Path;

use isochron::state_machine::{Replay, StateMachine, command_origin};
use isochron_events::{EventHeader, Message};

use crate::script::{SOURCES, Script};
use crate::witness::{Transaction, Transactions, attach};

/// What a log consists of.
pub(crate) struct Log {
    /// Its transactions in order.
    pub(crate) transactions: Vec<Transaction>,
    /// The last number of each source.
    pub(crate) last: Vec<u64>,
    /// The state hash of its execution.
    pub(crate) hash: String,
    /// Its events.
    pub(crate) events: u64,
}

/// Reads a log up to an end of a transaction. Each source's commands must be those that it sends,
/// from its first on, without a gap and without a repeat.
pub(crate) fn read(store: &Path, to: u64, script: &Script) -> Log {
    let mut reader = attach(store);
    let mut replay = Replay::new(StateMachine::new());
    let mut transactions = Transactions::default();
    let mut log = Log {
        transactions: Vec::new(),
        last: vec![0; SOURCES as usize],
        hash: String::new(),
        events: 0,
    };
    while log.transactions.last().is_none_or(|(end, _)| *end < to) {
        let frame = reader.next().expect("each frame is whole");
        let frame = frame.unwrap_or_else(|| panic!("the log ends before {to}"));
        let event = Message::decode(frame.message).expect("it is of this schema");
        replay.on_event(&event).expect("the log is what its commands lead to");
        if let Some(origin) = command_origin(&event).filter(|origin| origin.source > 0) {
            let last = &mut log.last[origin.source as usize - 1];
            let (source, number) = (origin.source, origin.source_sequence);
            assert_eq!(number, *last + 1, "source {source} at {}", frame.position);
            assert!(is_sent(script, &event), "{event} at {} was not sent so", frame.position);
            *last = number;
        }
        log.transactions.extend(transactions.on_frame(&frame));
    }
    let end = log.transactions.last().map(|(end, _)| *end);
    assert_eq!(end, Some(to), "a transaction ends there");
    log.hash = format!("{:032x}", replay.machine().state_hash());
    log.events = replay.events();
    log
}

/// Whether a command in the log is the one that its source has under its number.
pub(crate) fn is_sent(script: &Script, logged: &Message) -> bool {
    let origin = command_origin(logged).expect("a command of a source");
    let mut sent = script.command(origin.source, origin.source_sequence);
    let session = sent.header().session;
    *sent.header_mut() = EventHeader { session, ..*logged.header() };
    sent == *logged
}
