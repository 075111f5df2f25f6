//! How a reader comes to a store: which it is, where to begin, and who says where to end.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::store::control::Control;
use crate::store::disk::{Access, Disk, RealDisk};
use crate::store::error::OpenError;
use crate::store::marks::MarksFile;
use crate::store::meta::{Expected, Meta};
use crate::store::open::LOCK_NAME;
use crate::store::recovery;
use crate::store::segment::Segments;
use crate::store::snapshots::LogPlace;
use crate::types::{Epoch, Position};

use super::{Check, Outline, ReaderOptions, StoreReader, Until};

impl StoreReader {
    /// Attaches to a store on the system's disk for reading what is committed, at the first
    /// position it keeps. Nothing is written, created or locked.
    ///
    /// # Errors
    /// There is no store or another one, or without a writer: it is damaged where it was durable.
    pub fn attach(directory: &Path, expected: Option<&Expected>) -> Result<Self, OpenError> {
        let expected = expected.cloned().unwrap_or_default();
        let options = ReaderOptions { expected, ..ReaderOptions::default() };
        Self::attach_on(Arc::new(RealDisk), directory, &options)
    }

    /// As [`Self::attach`], on any disk and with all options.
    ///
    /// # Errors
    /// As there.
    pub fn attach_on(
        disk: Arc<dyn Disk>,
        directory: &Path,
        options: &ReaderOptions,
    ) -> Result<Self, OpenError> {
        // First, so that the page is not a later store's than this one.
        let control = Control::attach(&*disk, directory);
        let page_of = control.as_ref().ok().and_then(Option::as_ref).and_then(Control::store_made);
        let meta = Meta::load(&*disk, directory)?;
        meta.check(&options.expected)?;
        let terms = meta.terms;
        let control = control
            .map_err(|error| OpenError::io("attaching to", directory.join("control"), error))?;
        let directory = directory.to_path_buf();
        let segments = Segments { disk, directory, terms };
        let mut reader = Self {
            segments,
            meta,
            until: options.until,
            check: options.check,
            trusts_durable: options.trusts_durable,
            control,
            epoch: Epoch(0),
            endings: 0,
            page_of,
            found_end: None,
            cut: None,
            told: None,
            kept_from: Position(0),
            limit: Position(0),
            position: Position(0),
            ahead: Position(0),
            chain: None,
            segment: None,
            header_crc: None,
            session: (Epoch(0), 0),
        };
        reader.find_place()?;
        Ok(reader)
    }

    /// The first position that the store in a directory keeps; 0 where there is no store.
    ///
    /// # Errors
    /// What says so is damaged, or cannot be read.
    pub fn kept_from(disk: &dyn Disk, directory: &Path) -> Result<Position, OpenError> {
        match MarksFile::load(disk, directory, Access::Read) {
            Ok(file) => Ok(file.marks.kept_from),
            Err(OpenError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Position(0))
            }
            Err(error) => Err(error),
        }
    }

    /// Up to where the store in a directory is known to be durable: a place that an opening can
    /// begin at; `None` where there is no store.
    ///
    /// # Errors
    /// What says so is damaged, or cannot be read.
    pub fn durable_place(disk: &dyn Disk, directory: &Path) -> Result<Option<LogPlace>, OpenError> {
        match MarksFile::load(disk, directory, Access::Read) {
            Ok(file) => Ok(Some(file.marks.durable_place())),
            Err(OpenError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is written beside the log of the store in a directory; `None` where there is none.
    ///
    /// # Errors
    /// What says so is damaged, or cannot be read.
    pub fn outline(disk: &dyn Disk, directory: &Path) -> Result<Option<Outline>, OpenError> {
        match MarksFile::load(disk, directory, Access::Read) {
            Ok(file) => {
                let marks = file.marks;
                let (kept, durable) = (marks.kept_place(), marks.durable_place());
                Ok(Some(Outline { kept, durable, epochs: marks.epochs }))
            }
            Err(OpenError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where to begin, and whether a writer or the log itself says where to end.
    fn find_place(&mut self) -> Result<(), OpenError> {
        let disk = &*self.segments.disk;
        let marks = MarksFile::load(disk, &self.segments.directory, Access::Read)?.marks;
        self.kept_from = marks.kept_from;
        self.position = marks.kept_from;
        self.limit = marks.kept_from;
        self.chain = (self.check == Check::Content).then_some(marks.kept_chain);
        let io = |error| OpenError::io("reading the boot id for", &self.segments.directory, error);
        let boot_id = self.segments.disk.boot_id().map_err(io)?;
        // What the page shows now is the last writer's; only another epoch, or
        // opening, is a new one's.
        let shown = self.control.as_ref().map_or(Epoch(0), Control::epoch);
        self.endings = self.control.as_ref().map_or(0, Control::endings);
        if self.writer_lives()? {
            // Unless that writer has not come so far, and the page is of another boot.
            if self.control.as_ref().is_some_and(|control| !control.is_of_boot(boot_id)) {
                self.epoch = shown;
                self.found_end = Some(marks.kept_from);
            }
            return Ok(());
        }
        self.epoch = shown;
        let from = Some(marks.durable_place()).filter(|_| self.trusts_durable);
        let found = recovery::find_end(&self.segments, &self.meta.identity, &marks, from, None);
        // A writer that came while we looked has changed what we looked at.
        if self.writer_lives()? {
            self.epoch = Epoch(0);
            return Ok(());
        }
        let found = found?;
        let of_boot = self.control.as_ref().filter(|control| control.is_of_boot(boot_id));
        self.told = of_boot.map(Control::committed);
        // A page of another boot says nothing. What was durable then was committed long before,
        // unless others decide it: then the marks say less than was told, never more.
        let told = self.told.unwrap_or(if marks.told { marks.committed } else { marks.synced });
        self.found_end = Some(match self.until {
            Until::Committed if !marks.told => found.valid_to,
            Until::Published => found.valid_to,
            Until::Committed | Until::Told => told.clamp(marks.kept_from, found.valid_to),
        });
        self.cut = found.cut;
        Ok(())
    }

    /// Whether a writer has the store now. Asks the system.
    ///
    /// # Errors
    /// The system's.
    pub fn writer_lives(&self) -> Result<bool, OpenError> {
        let path = self.segments.directory.join(LOCK_NAME);
        let asked = match self.segments.disk.open(&path, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file.and_then(|file| file.is_locked()),
        };
        asked.map_err(|error| OpenError::io("asking for the lock", path, error))
    }
}
