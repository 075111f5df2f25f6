//! Reading a snapshot back: each chunk is checked before any of it is given.

use super::{
    CHUNK_HEADER_BYTES, DiskFile, HEADER_BYTES, SnapshotError, SnapshotInfo, checksum, event_header,
};
use crate::limits::SNAPSHOT_CHUNK_BYTES_MAX;
use isochron_events::{BooleanFlag, SnapshotChunk};
use std::io::{self, Read};
use std::path::PathBuf;

/// A snapshot whose header is right.
#[derive(Debug)]
pub struct SnapshotFile {
    pub(super) path: PathBuf,
    pub(super) file: Box<dyn DiskFile>,
    pub(super) length: u64,
    pub(super) info: SnapshotInfo,
}

impl SnapshotFile {
    /// Of which moment it is.
    #[must_use]
    pub fn info(&self) -> &SnapshotInfo {
        &self.info
    }

    /// Bytes of the file.
    #[must_use]
    pub fn length_bytes(&self) -> u64 {
        self.length
    }

    /// Fills a buffer with the file's bytes from an offset, whatever they are: to copy them.
    ///
    /// # Errors
    /// The system's; the file ends before.
    pub fn read_raw(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, buffer)
    }

    /// Reads every chunk of every section, and checks it.
    ///
    /// # Errors
    /// What is wrong with the first that is.
    pub fn verify(&self) -> Result<(), SnapshotError> {
        let io = |error: io::Error| match error.kind() {
            // What the file says of itself is wrong, or there is less of it.
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                self.damaged(error.to_string())
            }
            _ => SnapshotError::Io { path: self.path.clone(), error },
        };
        let mut at = HEADER_BYTES as u64;
        while at < self.length {
            let (chunk, _) = self.chunk_header(at).map_err(io)?;
            if chunk.index != 0 {
                return Err(self.damaged(format!("a section begins at byte {at} in its middle")));
            }
            let (buffer, used, index, ended) = (Vec::new(), 0, 0, false);
            let section = chunk.section;
            let mut reader = SectionReader { file: self, section, at, index, buffer, used, ended };
            while !reader.ended {
                reader.next_chunk().map_err(io)?;
            }
            at = reader.at;
        }
        Ok(())
    }

    pub(super) fn damaged(&self, reason: String) -> SnapshotError {
        SnapshotError::Damaged { path: self.path.clone(), reason }
    }

    /// Reads a section, chunk by chunk, each checked before any of it is given; `None` where the
    /// snapshot has no such section. A fault on the way is an error of the reader's.
    ///
    /// # Errors
    /// What stands before the section is damaged.
    pub fn section(&self, section: u32) -> Result<Option<SectionReader<'_>>, SnapshotError> {
        let mut at = HEADER_BYTES as u64;
        while at < self.length {
            let (chunk, _) = self
                .chunk_header(at)
                .map_err(|error| SnapshotError::Io { path: self.path.clone(), error })?;
            if chunk.section == section && chunk.index == 0 {
                let (buffer, used, index, ended) = (Vec::new(), 0, 0, false);
                let section = SectionReader { file: self, section, at, index, buffer, used, ended };
                return Ok(Some(section));
            }
            at += CHUNK_HEADER_BYTES as u64 + u64::from(chunk.content_bytes);
        }
        Ok(None)
    }

    /// The header of the chunk at an offset, and its bytes: its content lies within the file and
    /// the limit.
    fn chunk_header(&self, at: u64) -> io::Result<(SnapshotChunk, [u8; CHUNK_HEADER_BYTES])> {
        let mut bytes = [0; CHUNK_HEADER_BYTES];
        self.file.read_at(at, &mut bytes)?;
        let invalid = |reason: String| io::Error::new(io::ErrorKind::InvalidData, reason);
        let chunk = SnapshotChunk::decode(&bytes)
            .map_err(|error| invalid(format!("no chunk at byte {at}: {error}")))?;
        let end = at + CHUNK_HEADER_BYTES as u64 + u64::from(chunk.content_bytes);
        if chunk.content_bytes as usize > SNAPSHOT_CHUNK_BYTES_MAX || end > self.length {
            let content_bytes = chunk.content_bytes;
            return Err(invalid(format!("the chunk at byte {at} says {content_bytes} bytes")));
        }
        Ok((chunk, bytes))
    }
}

/// Reads a section.
#[derive(Debug)]
pub struct SectionReader<'a> {
    file: &'a SnapshotFile,
    section: u32,
    /// Where the next chunk begins, and its number.
    at: u64,
    index: u32,
    buffer: Vec<u8>,
    used: usize,
    /// The last chunk was read.
    ended: bool,
}

impl SectionReader<'_> {
    fn next_chunk(&mut self) -> io::Result<()> {
        let (chunk, bytes) = self.file.chunk_header(self.at)?;
        self.buffer.resize(chunk.content_bytes as usize, 0);
        self.used = self.buffer.len();
        self.file.file.read_at(self.at + CHUNK_HEADER_BYTES as u64, &mut self.buffer)?;
        let SnapshotChunk { section, index, .. } = chunk;
        let expected = (self.section, self.index);
        let right = (section, index) == expected && chunk.header == event_header(&self.file.info);
        if !right || chunk.checksum != checksum(&bytes, &self.buffer) {
            let reason = format!("the chunk at byte {} is damaged", self.at);
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        self.at += (CHUNK_HEADER_BYTES + self.buffer.len()) as u64;
        self.index += 1;
        self.ended = chunk.last == BooleanFlag::YES;
        self.used = 0;
        Ok(())
    }
}

impl Read for SectionReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.used == self.buffer.len() {
            if self.ended {
                return Ok(0);
            }
            self.next_chunk()?;
        }
        let given = into.len().min(self.buffer.len() - self.used);
        into[..given].copy_from_slice(&self.buffer[self.used..self.used + given]);
        self.used += given;
        Ok(given)
    }
}
