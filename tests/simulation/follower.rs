//! Who acts on what a node has committed: the books, the feed, and a memory of each transaction.
//!
//! It reads the node's store as any process does, from its first byte, checks every CRC, executes
//! every command again and makes the feed's messages. What it reports of a transaction is what
//! the nodes must agree on.

use std::path::Path;
use std::sync::Arc;

use isochron::market_data::{Feed, Output, Plan};
use isochron::state_machine::{Capacity, Replay, StateMachine, command_origin};
use isochron::store::{Chain, Check, MemoryDisk, ReaderOptions, StoreReader, Until};
use isochron::types::{Epoch, Position};
use isochron_events::{EventHeader, Message};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::script::{SOURCES, Script};

/// Transactions from one state hash to the next.
const HASHED_EVERY: usize = 32;

/// An end of a transaction, and the log's chain there.
pub(crate) type Place = (Position, u64);

/// What a transaction is, and what everything up to its end leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Transaction {
    /// Its number in the log, from 0.
    pub(crate) index: usize,
    /// Where the one before it ends.
    pub(crate) before: Place,
    pub(crate) end: Position,
    pub(crate) chain: Chain,
    pub(crate) epoch: Epoch,
    /// Over every byte that the feed gave so far, on every channel.
    pub(crate) feed: u64,
    /// Now and then.
    pub(crate) state: Option<u128>,
}

impl Transaction {
    pub(crate) fn place(&self) -> Place {
        (self.end, self.chain.0)
    }
}

/// The reading side of a node.
pub(crate) struct Follower {
    reader: StoreReader,
    replay: Replay,
    feed: Feed,
    fed: u64,
    count: usize,
    /// The end of the last transaction.
    at: Place,
    /// The last number of each source.
    last: Vec<u64>,
}

impl Follower {
    /// Begins at the first byte of a node's log.
    pub(crate) fn new(disk: &MemoryDisk, directory: &Path, until: Until) -> Self {
        let options = ReaderOptions { check: Check::Content, until, ..ReaderOptions::default() };
        let reader = StoreReader::attach_on(Arc::new(disk.clone()), directory, &options);
        Self {
            reader: reader.expect("a node's store can be read"),
            replay: Replay::new(StateMachine::with_capacity(Capacity::default())),
            feed: Feed::new(&Plan::all(5_000_000)),
            fed: 0,
            count: 0,
            at: (Position(0), Chain::default().0),
            last: vec![0; SOURCES as usize + 1],
        }
    }

    /// Reads on, at most so many transactions; and reports each.
    pub(crate) fn read(
        &mut self,
        script: &Script,
        most: usize,
        mut report: impl FnMut(Transaction),
    ) -> usize {
        let mut ended = 0;
        while ended < most {
            let Some(frame) = self.reader.next().expect("what is committed is whole") else {
                break;
            };
            let (position, end, epoch, ends) =
                (frame.position, frame.end, frame.epoch, frame.ends_transaction);
            let event = Message::decode(frame.message).expect("it is of this schema");
            self.replay
                .on_event(&event)
                .unwrap_or_else(|fault| panic!("{position}: re-execution differs: {fault}"));
            let fed = &mut self.fed;
            self.feed.on_event(&event, &mut |output| {
                *fed = match output {
                    Output::Session { channel, session } => {
                        xxh3_64_with_seed(format!("{channel:?} {session:?}").as_bytes(), *fed)
                    }
                    Output::Message { channel, bytes } => {
                        let channel = u64::from(channel.partition) << 8 | channel.product as u64;
                        xxh3_64_with_seed(bytes, *fed ^ channel)
                    }
                };
            });
            note_source(&mut self.last, script, &event);
            if ends {
                let hashed = self.count.is_multiple_of(HASHED_EVERY);
                let transaction = Transaction {
                    index: self.count,
                    before: self.at,
                    end,
                    chain: self.reader.chain().expect("contents are checked from the beginning"),
                    epoch,
                    feed: self.fed,
                    state: hashed.then(|| self.replay.machine().state_hash()),
                };
                self.at = transaction.place();
                self.count += 1;
                report(transaction);
                ended += 1;
            }
        }
        ended
    }

    pub(crate) fn machine(&self) -> &StateMachine {
        self.replay.machine()
    }

    /// The number of a source's last command.
    pub(crate) fn last_of(&self, source: u32) -> u64 {
        self.last[source as usize]
    }

    /// The end of what it has read.
    pub(crate) fn position(&self) -> Position {
        self.reader.position()
    }
}

/// Each source's commands are in the log once, in order, and what it sent.
fn note_source(last: &mut [u64], script: &Script, event: &Message) {
    let Some(origin) = command_origin(event).filter(|origin| origin.source > 0) else { return };
    let (source, number) = (origin.source, origin.source_sequence);
    let before = &mut last[source as usize];
    assert_eq!(number, *before + 1, "source {source}: a command is missing or there twice");
    *before = number;
    let mut sent = script.command(source, number);
    *sent.header_mut() = EventHeader { session: sent.header().session, ..*event.header() };
    assert_eq!(sent, *event, "source {source}: command {number} was not sent so");
}
