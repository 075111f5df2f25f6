//! Taking a snapshot: section by section, chunk by chunk, under a name that does not count yet.

use super::{
    Access, CHUNK_HEADER_BYTES, DiskFile, HEADER_BYTES, SNAPSHOT_FORMAT_VERSION, SnapshotError,
    SnapshotFile, SnapshotInfo, Snapshots, UNFINISHED, checksum, event_header, remove,
};
use crate::limits::{SNAPSHOT_CHUNK_BYTES_MAX, SNAPSHOT_SECTIONS_MAX};
use isochron_events::{BooleanFlag, SnapshotChunk, SnapshotHeader};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A snapshot that is being taken. Calling order: for each section `section`, then written to;
/// `finish`, then [`FinishedSnapshot::keep`] when it was read back. Dropped before, it is not
/// there.
#[derive(Debug)]
pub struct SnapshotWriter<'a> {
    snapshots: &'a Snapshots,
    info: SnapshotInfo,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    at: u64,
    section: Option<u32>,
    sections: u32,
    index: u32,
    /// The chunk's header, still zero, and its content so far.
    buffer: Vec<u8>,
}

impl Snapshots {
    /// Begins a snapshot of a moment; the state's hash is known at its end. As long as it is being
    /// taken its file is locked: another process leaves it alone.
    ///
    /// # Errors
    /// The system's, and [`io::ErrorKind::WouldBlock`] where another process takes this very one.
    pub fn begin(&self, moment: SnapshotInfo) -> io::Result<SnapshotWriter<'_>> {
        let directory = self.directory();
        self.disk.create_directory(&directory)?;
        let position = moment.place.position;
        let path = directory.join(format!("{:020}{UNFINISHED}", position.get()));
        self.remove_unfinished(&path)?;
        let file = self.disk.create(&path)?;
        if !file.try_lock()? {
            return Err(is_being_taken(&path));
        }
        Ok(SnapshotWriter {
            snapshots: self,
            info: moment,
            path,
            file,
            at: HEADER_BYTES as u64,
            section: None,
            sections: 0,
            index: 0,
            buffer: vec![0; CHUNK_HEADER_BYTES],
        })
    }

    /// Removes what a crash left of one that was being taken, if it is there.
    ///
    /// # Errors
    /// The system's, and [`io::ErrorKind::WouldBlock`] where it is being taken now.
    pub(super) fn remove_unfinished(&self, path: &Path) -> io::Result<()> {
        match self.disk.open(path, Access::Read).and_then(|file| file.is_locked()) {
            Ok(true) => Err(is_being_taken(path)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => remove(&*self.disk, path),
        }
    }
}

pub(super) fn is_being_taken(path: &Path) -> io::Error {
    let text = format!("another process is writing {}", path.display());
    io::Error::new(io::ErrorKind::WouldBlock, text)
}

impl<'a> SnapshotWriter<'a> {
    /// Begins the next section; sections ascend.
    ///
    /// # Errors
    /// The system's.
    ///
    /// # Panics
    /// If the section does not come after the one before, or there are too many.
    pub fn section(&mut self, section: u32) -> io::Result<()> {
        assert!(self.section.is_none_or(|before| before < section), "sections ascend");
        assert!(self.sections < SNAPSHOT_SECTIONS_MAX);
        self.end_section()?;
        (self.section, self.index) = (Some(section), 0);
        self.sections += 1;
        Ok(())
    }

    fn end_section(&mut self) -> io::Result<()> {
        match self.section {
            Some(_) => self.write_chunk(true),
            None => Ok(()),
        }
    }

    fn write_chunk(&mut self, last: bool) -> io::Result<()> {
        let (message, content) = self.buffer.split_at_mut(CHUNK_HEADER_BYTES);
        let mut chunk = SnapshotChunk {
            header: event_header(&self.info),
            section: self.section.expect("a section was begun"),
            index: self.index,
            content_bytes: u32::try_from(content.len()).expect("a chunk is bounded"),
            last: if last { BooleanFlag::YES } else { BooleanFlag::NO },
            checksum: 0,
        };
        let encoded = "the buffer has the message's length";
        chunk.encode(message).expect(encoded);
        chunk.checksum = checksum(message, content);
        chunk.encode(message).expect(encoded);
        self.file.write_at(self.at, &self.buffer)?;
        self.at += self.buffer.len() as u64;
        self.index += 1;
        self.buffer.truncate(CHUNK_HEADER_BYTES);
        Ok(())
    }

    /// Everything is written: makes it durable, still under its other name.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self, state_hash: u128) -> io::Result<FinishedSnapshot<'a>> {
        self.end_section()?;
        let info = SnapshotInfo { state_hash, ..self.info };
        let mut header = SnapshotHeader {
            header: event_header(&info),
            exchange: self.snapshots.exchange,
            state_hash_low: info.state_hash as u64,
            state_hash_high: (info.state_hash >> 64) as u64,
            position: info.place.position.get(),
            chain: info.place.chain.0,
            chunk_bytes: self.at - HEADER_BYTES as u64,
            exchange_number: self.snapshots.exchange_number,
            epoch: info.epoch.get(),
            trading_date: info.trading_date,
            format_version: SNAPSHOT_FORMAT_VERSION,
            sections: self.sections,
            day_ended: if info.day_ended { BooleanFlag::YES } else { BooleanFlag::NO },
            checksum: 0,
        };
        let mut bytes = [0; HEADER_BYTES];
        let encoded = "the buffer has the message's length";
        header.encode(&mut bytes).expect(encoded);
        header.checksum = checksum(&bytes, &[]);
        header.encode(&mut bytes).expect(encoded);
        self.file.write_at(0, &bytes)?;
        self.file.sync()?;
        Ok(FinishedSnapshot { snapshots: self.snapshots, path: self.path, info, _lock: self.file })
    }
}

impl Write for SnapshotWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = CHUNK_HEADER_BYTES + SNAPSHOT_CHUNK_BYTES_MAX - self.buffer.len();
        if room == 0 {
            self.write_chunk(false)?;
            return self.write(bytes);
        }
        let taken = bytes.len().min(room);
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A snapshot that is durable and does not count yet.
#[derive(Debug)]
pub struct FinishedSnapshot<'a> {
    snapshots: &'a Snapshots,
    path: PathBuf,
    info: SnapshotInfo,
    /// Locked until it has its name.
    _lock: Box<dyn DiskFile>,
}

impl FinishedSnapshot<'_> {
    /// Opens it, to be read back.
    ///
    /// # Errors
    /// It is not what was written.
    pub fn open(&self) -> Result<SnapshotFile, SnapshotError> {
        self.snapshots.open_path(self.path.clone())
    }

    /// Gives it its name, durably: it counts.
    ///
    /// # Errors
    /// The system's.
    pub fn keep(self) -> io::Result<()> {
        let Self { snapshots, path, info, _lock } = self;
        snapshots.disk.rename(&path, &snapshots.path(info.place.position))?;
        snapshots.disk.sync_directory(&snapshots.directory())?;
        snapshots.disk.sync_directory(&snapshots.store)
    }
}
