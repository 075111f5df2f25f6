//! The witness: a process that reads what is committed while the exchange lives and dies, and
//! keeps its own record of it, in files that no exchange knows.
//!
//! It executes what it reads, too, on one state machine over all lives: at the beginning of each
//! epoch it notes the state hash, which an exchange that starts from the log must reach.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use isochron::state_machine::{Replay, StateMachine};
use isochron::store::{Check, ReaderOptions, RealDisk, StoreReader, StoredFrame};
use isochron_events::Message;

use crate::exchange::Files;

/// Events read before the record is written.
const EVENTS_PER_POLL_MAX: usize = 4_096;

/// A transaction: where it ends, and the CRC over the CRCs of its frames.
pub(crate) type Transaction = (u64, u32);

/// Bytes of a transaction in the record.
const RECORD_BYTES: usize = 12;

/// Makes transactions of frames.
#[derive(Default)]
pub(crate) struct Transactions {
    crc: crc32fast::Hasher,
}

impl Transactions {
    /// The transaction that ends with this frame, if one does.
    pub(crate) fn on_frame(&mut self, frame: &StoredFrame<'_>) -> Option<Transaction> {
        self.crc.update(&frame.crc.to_le_bytes());
        let mut crc = || std::mem::take(&mut self.crc).finalize();
        frame.ends_transaction.then(|| (frame.end.0, crc()))
    }
}

/// A reader that checks each frame's content.
pub(crate) fn attach(store: &Path) -> StoreReader {
    let options = ReaderOptions { check: Check::Content, ..ReaderOptions::default() };
    let reader = StoreReader::attach_on(Arc::new(RealDisk), store, &options);
    reader.expect("there is a store")
}

/// Reads until it is asked to stop.
pub(crate) fn watch(files: &Files) {
    let mut reader = attach(&files.store());
    println!("\nattached");
    let mut record = File::create(files.witness()).expect("a file for the record");
    let mut hashes = File::create(files.witness().with_extension("hashes")).expect("another");
    let mut replay = Replay::new(StateMachine::new());
    let mut transactions = Transactions::default();
    let mut read_on = || {
        loop {
            let (mut seen, mut begun) = (Vec::new(), Vec::new());
            let read = reader.poll(EVENTS_PER_POLL_MAX, |frame| {
                let event = Message::decode(frame.message).expect("it is of this schema");
                replay.on_event(&event).expect("the log is what its commands lead to");
                if let Some((end, crc)) = transactions.on_frame(frame) {
                    seen.extend(end.to_le_bytes());
                    seen.extend(crc.to_le_bytes());
                }
                if let Message::EpochStarted(_) = event {
                    let hash = replay.machine().state_hash();
                    writeln!(begun, "{} {hash:032x}", frame.end).expect("memory");
                }
            });
            let read = read.expect("the log can be read on, whoever writes it");
            record.write_all(&seen).expect("the record can be written");
            hashes.write_all(&begun).expect("the hashes can be written");
            if read == 0 {
                return true;
            }
        }
    };
    files.wait_for_stop("witness", &mut read_on);
    // What came since it looked last.
    read_on();
}

/// The transactions that the witness has recorded so far.
pub(crate) fn recorded(files: &Files) -> Vec<Transaction> {
    let bytes = std::fs::read(files.witness()).expect("the record");
    let transaction = |bytes: &[u8]| {
        let (end, crc) = bytes.split_at(8);
        let end = u64::from_le_bytes(end.try_into().expect("eight bytes"));
        (end, u32::from_le_bytes(crc.try_into().expect("four bytes")))
    };
    bytes.chunks_exact(RECORD_BYTES).map(transaction).collect()
}

/// The state hash that the witness came to at the end of each epoch's first transaction.
pub(crate) fn hashes(files: &Files) -> Vec<(u64, String)> {
    let text = std::fs::read_to_string(files.witness().with_extension("hashes"));
    let text = text.expect("the hashes");
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let pair = |line: &str| {
        let (end, hash) = line.trim_end().split_once(' ').expect("a position and a hash");
        (end.parse().expect("a position"), hash.to_owned())
    };
    whole.map(pair).collect()
}
