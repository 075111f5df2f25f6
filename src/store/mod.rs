//! The event store: the log of everything, memory-mapped, framed as on Aeron's wire.
//!
//! ```text
//!                     meta   marks   lock            segments, one Aeron term each
//!                                                   .------------.------------.------------.
//!   core -- begin, append, finish --> StoreWriter ->| term 0     | term 1 ..  | prepared   |
//!                                        |          '------------'------------'------------'
//!                                        v                 ^           ^            ^
//!                                 [ control page ]         |           |            |
//!                                 published  synced        |           |      SegmentHelper
//!                                 committed  accepting     |           |
//!                                        ^                 |           |
//!   gateway, market data, replay: StoreReader -------------'-----------'  (any process)
//! ```
//!
//! One process writes, under a lock and with an epoch of its own; any number read, without a
//! lock and without being noticed. A transaction is there whole or not at all, for readers as for
//! the recovery after a crash. The bytes are those that replication sends.
//!
//! ```
//! use isochron::store::{Identity, Options, StoreReader, StoreWriter, framed};
//! use isochron::types::Nanos;
//!
//! let directory = tempfile::tempdir()?;
//! let exchange = String::from("XISO");
//! let identity =
//!     Identity { exchange, exchange_number: 1001, node: 1, schema_id: 1, schema_version: 0 };
//! let options = Options { term_bytes: 64 * 1024, ..Options::new(directory.path(), identity) };
//! let (mut writer, recovery) = StoreWriter::open(&options, Nanos(0))?;
//! assert!(recovery.created && recovery.cut.is_none());
//!
//! let mut transaction = writer.begin(framed(40))?;
//! transaction.append(40, |message| message[36] = 1); // the end flag
//! let end = transaction.finish();
//!
//! let mut reader = StoreReader::attach(directory.path(), None)?;
//! let frame = reader.next()?.expect("committed");
//! assert_eq!((frame.end, frame.message.len()), (end, 40));
//! # drop(reader);
//! writer.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod event_header;
pub mod frame;

mod aside;
mod bus_error;
mod chain;
mod committer;
mod control;
mod deaths;
mod disk;
mod error;
mod header_crc;
mod helper;
mod holding;
mod keeper;
mod marks;
mod memory_disk;
mod meta;
mod note;
mod open;
mod reader;
mod readers;
mod recovery;
mod replica;
mod segment;
mod snapshots;
mod sync;
mod tenure;
mod voter;
mod walk;
mod writer;

#[cfg(test)]
mod tests;

pub use aside::{finish_putting_aside, put_aside};
pub use bus_error::{BUS_ERROR_EXIT_CODE, end_on_bus_error};
pub use chain::{Chain, session_id};
pub use committer::Committer;
pub use control::{Accepting, Executing};
pub use disk::{Access, Disk, DiskFile, Mapping, RealDisk};
pub use error::{NotAccepted, OpenError, ReadError};
pub use frame::{FrameFault, framed};
pub use helper::SegmentHelper;
pub use keeper::Keeper;
pub use marks::EpochStart;
pub use memory_disk::{MemoryDisk, Operation, Refusal};
pub use meta::{Expected, Identity, Meta};
pub use note::Note;
pub use open::Options;
pub use reader::{Check, Outline, ReaderOptions, StoreReader, StoredFrame, Until};
pub use readers::{RegisteredReader, Registration, registered_readers, release_reader};
pub use recovery::{Cut, Recovery};
pub use replica::{ChainDiffers, Discarded, FollowRefused, Inserted, Refused, ReplicaStore};
pub use segment::Terms;
pub use snapshots::{
    CopiedSnapshot, FinishedSnapshot, LogPlace, Newest, SECTION_FEED, SECTION_STATE,
    SNAPSHOT_FORMAT_VERSION, SectionReader, Skipped, SnapshotError, SnapshotFile, SnapshotInfo,
    SnapshotWriter, Snapshots,
};
pub use sync::SyncHelper;
pub use voter::Voter;
pub use writer::{Durability, StoreWriter, Transaction};
