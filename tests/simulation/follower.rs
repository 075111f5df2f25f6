//! Who acts on what a node has committed: the feed, and a memory of each transaction.
//!
//! It reads the node's store as any process does, from its first byte or from where a snapshot was
//! taken, checks every CRC, and makes the feed's messages. What it reports of a transaction is what
//! the nodes must agree on; the state that the commands lead to, those who execute them tell.

use std::sync::Arc;

use isochron::core;
use isochron::market_data::{Feed, Output, Plan, register};
use isochron::state_machine::{Capacity, command_origin};
use isochron::store::{
    Chain, Check, LogPlace, MemoryDisk, ReadError, ReaderOptions, Registration, SECTION_FEED,
    SnapshotFile, StoreReader, Until,
};
use isochron::types::{Epoch, Position};
use isochron_events::{EventHeader, Message};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::calendar::{Commands, Numbers};
use crate::machine::{directory, snapshots};
use crate::network::Node;
use crate::oracle::Oracle;

/// An end of a transaction, and the log's chain there.
pub(crate) type Place = (Position, u64);

/// Where every log begins.
pub(crate) const BEGINNING: LogPlace = LogPlace { position: Position(0), chain: Chain(0) };

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
    /// The numbers of the sources' last commands.
    pub(crate) numbers: Numbers,
}

impl Transaction {
    pub(crate) fn place(&self) -> Place {
        (self.end, self.chain.0)
    }
}

/// What is published: everything, the conflated channels every 5 ms.
pub(crate) fn plan() -> Plan {
    Plan::all(5_000_000)
}

/// The reading side of a node.
pub(crate) struct Follower {
    reader: StoreReader,
    /// The log waits for it; not for one that reads it all for another time.
    registration: Option<Registration>,
    feed: Feed,
    fed: u64,
    count: usize,
    /// The end of the last transaction.
    at: Place,
    numbers: Numbers,
}

impl Follower {
    /// Begins at a node's newest snapshot; with none, or `anew`, at the first byte of its log,
    /// where that is kept. `None` where it can begin nowhere yet: what a snapshot is of is not
    /// known to be committed, or the disk is full. What lies before is what the oracle knows of it.
    ///
    /// One that reads what is committed is the one that the node registers for its feed: the log
    /// waits for it.
    pub(crate) fn begin(
        disk: &MemoryDisk,
        node: Node,
        until: Until,
        oracle: &Oracle,
        anew: bool,
    ) -> Option<Self> {
        let options = ReaderOptions { check: Check::Content, until, ..ReaderOptions::default() };
        let reader = StoreReader::attach_on(Arc::new(disk.clone()), directory(), &options);
        let mut reader = reader.expect("a node's store can be read");
        let begins_at = reader.position();
        let registers = until == Until::Committed && !anew;
        let registration = match registers {
            // A full disk may have no room for it.
            true => Some(register(disk, directory()).ok()?),
            false => None,
        };
        let snapshots = snapshots(disk, node);
        let found = match anew && begins_at == Position(0) {
            true => None,
            false => {
                let newest = snapshots.newest(|file| {
                    let LogPlace { position, chain } = file.info().place;
                    reader.seek(position, Some(chain)).map_err(|error| error.to_string())?;
                    restore_feed(file)
                });
                newest.expect("a folder in memory").0
            }
        };
        if let Some((info, feed)) = found {
            let place = (info.place.position, info.place.chain.0);
            let known = oracle.known(place);
            let known = known.unwrap_or_else(|| {
                panic!("node {node}: the snapshot at {} is of nothing confirmed", place.0)
            });
            let (fed, count, numbers) = (known.feed, known.index + 1, known.numbers);
            return Some(Self { reader, registration, feed, fed, count, at: place, numbers });
        }
        let LogPlace { position, chain } = BEGINNING;
        (begins_at == position).then(|| {
            reader.seek(position, Some(chain)).expect("it is kept");
            let (feed, fed, count) = (Feed::new(&plan()), 0, 0);
            let (at, numbers) = ((position, chain.0), Numbers::default());
            Self { reader, registration, feed, fed, count, at, numbers }
        })
    }

    /// Reads on, at most so many transactions; reports each. False where it was overtaken: what it
    /// would read is not kept any more, of a log that did not wait for it.
    pub(crate) fn read(
        &mut self,
        commands: &Commands,
        most: usize,
        mut report: impl FnMut(Transaction),
    ) -> bool {
        let mut ended = 0;
        while ended < most {
            let frame = match self.reader.next() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(ReadError::NotKept { .. }) if self.registration.is_none() => return false,
                Err(error) => panic!("what is committed is whole: {error}"),
            };
            let (end, epoch, ends) = (frame.end, frame.epoch, frame.ends_transaction);
            let event = Message::decode(frame.message).expect("it is of this schema");
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
            note_source(&mut self.numbers, commands, &event);
            if ends {
                let transaction = Transaction {
                    index: self.count,
                    before: self.at,
                    end,
                    chain: self.reader.chain().expect("contents are checked from the beginning"),
                    epoch,
                    feed: self.fed,
                    numbers: self.numbers,
                };
                self.at = transaction.place();
                self.count += 1;
                report(transaction);
                ended += 1;
            }
        }
        if let Some(registration) = &mut self.registration {
            registration.pass(self.at.0);
        }
        true
    }

    /// The numbers of the sources' last commands.
    pub(crate) fn numbers(&self) -> Numbers {
        self.numbers
    }

    /// The end of the last transaction.
    pub(crate) fn at(&self) -> Place {
        self.at
    }

    /// The end of what it has read.
    pub(crate) fn position(&self) -> Position {
        self.reader.position()
    }
}

/// The feed at a snapshot, as a node begins it there.
fn restore_feed(snapshot: &SnapshotFile) -> Result<Feed, String> {
    let replay = core::restore(snapshot, Capacity::default())?;
    let section = snapshot.section(SECTION_FEED).map_err(|error| error.to_string())?;
    let mut section = section.ok_or("it has no feed")?;
    Feed::restore(&plan(), &mut section, replay.machine())
}

/// Each source's commands are in the log once, in order, and what it sent.
fn note_source(numbers: &mut Numbers, commands: &Commands, event: &Message) {
    let Some(origin) = command_origin(event).filter(|origin| origin.source > 0) else { return };
    let (source, number) = (origin.source, origin.source_sequence);
    let before = &mut numbers[source as usize];
    assert_eq!(number, *before + 1, "source {source}: a command is missing or there twice");
    *before = number;
    let mut sent = commands.command(source, number);
    *sent.header_mut() = EventHeader { session: sent.header().session, ..*event.header() };
    assert_eq!(sent, *event, "source {source}: command {number} was not sent so");
}
