//! Whose log a standby's store is: it follows an epoch, and gives up what that epoch has not.
//!
//! ```text
//!   here:    epoch 1 ......... epoch 2 ...........|held      epoch 2's writer died
//!   there:   epoch 1 ......... epoch 2 ....|epoch 3 ....
//!                                          '-- cut here: archived, marks, zero
//! ```
//!
//! An epoch has one writer, so that two logs with frames of it are the same up to where one of them
//! leaves it. The archive comes first, then the marks with the new epoch and the log's end, then
//! the zeroes: a crash in between leaves older frames where the table has the new epoch, which a
//! recovery cuts.
#![expect(unsafe_code, reason = "reads mapped segments")]

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::limits::EPOCHS_MAX;
use crate::store::aside::DISCARDED;
use crate::store::chain::{Chain, session_id};
use crate::store::disk::Access;
use crate::store::frame::Frame;
use crate::store::helper::error_number;
use crate::store::marks::EpochStart;
use crate::store::open::Options;
use crate::store::recovery;
use crate::store::segment::Segment;
use crate::store::snapshots::{LogPlace, Snapshots};
use crate::store::walk::Walk;
use crate::types::Position;

use super::{Discarded, FollowRefused, ReplicaStore};

impl ReplicaStore {
    /// Follows an epoch from now on. Durable before it returns, in both slots of the marks; what
    /// was held beyond the epoch's base is archived and cut. `None` where nothing had to be; also
    /// where the epoch was followed already.
    ///
    /// `discard` lets it cut below what is committed.
    ///
    /// # Errors
    /// Why not.
    pub fn follow(
        &mut self,
        start: EpochStart,
        discard: bool,
    ) -> Result<Option<Discarded>, FollowRefused> {
        let newer = start.epoch > self.epoch();
        if newer && start.base > self.held.position {
            return Err(FollowRefused::Behind { base: start.base, held: self.held.position });
        }
        let kept = |known: &&EpochStart| known.base <= start.base && known.epoch < start.epoch;
        let mut table: Vec<_> = self.epochs.iter().filter(kept).copied().collect();
        table.push(start);
        self.adopt(&table, discard)
    }

    /// As [`Self::follow`], from the followed writer's whole table: for a store that is behind by
    /// more than an epoch. What was held and is in no epoch of the table is archived and cut, and
    /// the last epoch may have begun beyond what is held: [`Self::append_old`] takes what is
    /// between, live frames are taken as soon as the window reaches them.
    ///
    /// # Errors
    /// Why not; never [`FollowRefused::Behind`].
    pub fn adopt(
        &mut self,
        table: &[EpochStart],
        discard: bool,
    ) -> Result<Option<Discarded>, FollowRefused> {
        let last = self.check_table(table)?;
        if self.epochs.last() == Some(&last) {
            return Ok(None);
        }
        let held = self.held.position;
        let end = parting(&self.epochs, held, table).unwrap_or(held);
        let committed = self.committed.0;
        if end < committed && !discard {
            return Err(FollowRefused::BelowCommitted { base: end, committed });
        }
        let kept_from = self.holding.control.kept_from();
        if end < kept_from || (end < held && !self.can_be_read_to(end)?) {
            return Err(FollowRefused::NotKept { base: end, kept_from });
        }
        let place = self.check_chain(end, table)?;
        let oldest = table[0];
        let older = |known: &&EpochStart| known.epoch < oldest.epoch && known.base < oldest.base;
        let mut epochs: Vec<_> = self.epochs.iter().filter(older).copied().collect();
        epochs.extend_from_slice(table);
        let surplus = epochs.len().saturating_sub(EPOCHS_MAX);
        self.cut(place, epochs.split_off(surplus))
    }

    /// Gives up what is not committed, so that it can be caught up with again: for a store whose
    /// log turned out to be another one. `None` where there is nothing.
    ///
    /// # Errors
    /// As [`Self::follow`].
    pub fn forget_uncommitted(&mut self) -> Result<Option<Discarded>, FollowRefused> {
        let position = self.committed.0;
        if position == self.received() {
            return Ok(None);
        }
        let chain = match self.committed.1 {
            Some(chain) => Some(chain),
            None => self.chain_at(position).map_err(|error| self.io("reading", error))?,
        };
        match chain {
            Some(chain) => self.cut(LogPlace { position, chain }, self.epochs.clone()),
            None => {
                let reason = format!("no transaction ends at the committed {position}");
                Err(FollowRefused::Table { reason })
            }
        }
    }

    /// The last epoch of a table that can be followed.
    fn check_table(&self, table: &[EpochStart]) -> Result<EpochStart, FollowRefused> {
        let refuse = |reason: String| Err(FollowRefused::Table { reason });
        let Some(last) = table.last().filter(|_| table.len() <= EPOCHS_MAX) else {
            return refuse(format!("{} epochs, from 1 to {EPOCHS_MAX} can be", table.len()));
        };
        for pair in table.windows(2) {
            if pair[0].epoch >= pair[1].epoch || pair[0].base > pair[1].base {
                let [old, new] = [pair[0], pair[1]];
                let (older, newer) = (old.epoch, new.epoch);
                return refuse(format!(
                    "epoch {newer} at {} after {older} at {}",
                    new.base, old.base
                ));
            }
        }
        if table[0].epoch.get() == 0 || last.base >= self.holding.terms.end() {
            return refuse(format!("epoch {} at {}", last.epoch, last.base));
        }
        let known = self.holding.syncing.epoch();
        if last.epoch < known {
            return Err(FollowRefused::Older { asked: last.epoch, known });
        }
        for asked in table {
            let same = self.epochs.iter().find(|known| known.epoch == asked.epoch);
            if let Some(known) = same.filter(|known| *known != asked) {
                return Err(FollowRefused::Twice { known: *known, asked: *asked });
            }
        }
        Ok(*last)
    }

    /// The place where the log is to end, which the epochs of a table that begin there have to have
    /// begun with.
    fn check_chain(&self, end: Position, table: &[EpochStart]) -> Result<LogPlace, FollowRefused> {
        let found = self.chain_at(end).map_err(|error| self.io("reading", error))?;
        for start in table.iter().filter(|start| start.base == end) {
            if found != Some(start.chain) {
                let (base, expected) = (end, start.chain);
                return Err(FollowRefused::OtherLog { base, expected, found });
            }
        }
        match found {
            Some(chain) => Ok(LogPlace { position: end, chain }),
            None => Err(FollowRefused::OtherLog { base: end, expected: Chain(0), found: None }),
        }
    }

    /// Whether the state at an end of the log could be known: the log begins at 0, or a snapshot of
    /// no more than that is there.
    fn can_be_read_to(&self, end: Position) -> Result<bool, FollowRefused> {
        let kept_from = self.holding.control.kept_from();
        let listed = self.snapshots().list();
        let positions = listed.map_err(|error| self.io("listing the snapshots of", error))?;
        let is_kept = |position: &Position| kept_from <= *position && *position <= end;
        Ok(kept_from == Position(0) || positions.iter().any(is_kept))
    }

    fn snapshots(&self) -> Snapshots {
        let Options { directory, identity, .. } = &self.options;
        Snapshots::new(Arc::clone(&self.holding.segments.disk), directory, identity)
    }

    fn io(&self, doing: &'static str, error: io::Error) -> FollowRefused {
        FollowRefused::Io { doing, path: self.options.directory.clone(), error }
    }

    /// The chain at a position that is held and kept; `None` where no transaction ends there.
    pub(super) fn chain_at(&self, position: Position) -> io::Result<Option<Chain>> {
        assert!(position <= self.held.position);
        if position == self.held.position {
            return Ok(Some(self.held.chain));
        }
        let kept_from = self.holding.control.kept_from();
        let is_kept = |place: &LogPlace| kept_from <= place.position && place.position <= position;
        let starts = self.epochs.iter().map(|start| (start.base, Some(start.chain)));
        let known = starts
            .chain([self.committed])
            .filter_map(|(position, chain)| chain.map(|chain| LogPlace { position, chain }));
        let nearest = known.filter(is_kept).max_by_key(|place| place.position);
        let from =
            nearest.unwrap_or_else(|| self.holding.syncing.syncer().marks.marks.kept_place());
        let mut walk = Walk::from(from);
        let mut ends = true;
        while walk.at < position {
            ends = self.walk_term(&mut walk, position)?;
        }
        Ok((walk.at == position && ends).then_some(walk.chain))
    }

    /// Walks on to the end of a term or to a position; whether a transaction ended there.
    fn walk_term(&self, walk: &mut Walk, to: Position) -> io::Result<bool> {
        let terms = self.holding.terms;
        let base = terms.base(walk.at);
        let opened;
        let segment: &Segment = match base == self.holding.current.base {
            true => &self.holding.current,
            false => {
                opened = self.holding.segments.open(base, Access::Read)?;
                &opened
            }
        };
        // SAFETY: what is held is not written any more, but by this thread's cuts.
        let bytes = unsafe { segment.mapping.slice(0, terms.bytes()) };
        let mut ends = false;
        while walk.at < to && terms.base(walk.at) == base {
            let rest = &bytes[terms.offset(walk.at)..];
            let frame = Frame::new_at(rest, walk.at, terms).map_err(io::Error::other)?;
            ends = walk.go(&frame, terms).map_err(io::Error::other)?;
        }
        Ok(ends)
    }

    /// Lets the log end at a place, with a table of epochs: see the file's picture.
    fn cut(
        &mut self,
        place: LogPlace,
        epochs: Vec<EpochStart>,
    ) -> Result<Option<Discarded>, FollowRefused> {
        let LogPlace { position, .. } = place;
        let received = self.received();
        let discarded = match self.held.position > position {
            true => Some(self.archive(place).map_err(|error| self.io("archiving from", error))?),
            false => None,
        };
        // Before the log itself: nobody may take them for what comes in its place.
        let removed = self.snapshots().remove_beyond(position);
        removed.map_err(|error| self.io("removing snapshots of", error))?;
        let last = *epochs.last().expect("a table has an epoch");
        let syncing = Arc::clone(&self.holding.syncing);
        // Held until the log is cut: nobody syncs meanwhile.
        let mut syncer = syncing.syncer();
        let marked = syncing.store_marks(&mut syncer, |marks| {
            marks.epoch = marks.epoch.max(last.epoch);
            marks.epochs.clone_from(&epochs);
            if marks.synced > position {
                (marks.synced, marks.synced_chain) = (position, place.chain);
            }
            marks.committed = marks.committed.min(position);
        });
        marked.map_err(|error| self.io("marking the epoch of", error))?;
        syncer.cut_to(place);
        self.session = session_id(&self.options.identity.exchange, last.epoch);
        self.epochs = epochs;
        (self.told, self.diverged) = (None, None);
        self.doubtful_to = self.doubtful_to.min(position);
        if self.committed.0 > position {
            self.committed = (position, Some(place.chain));
        }
        let control = &self.holding.control;
        control.set_committed(self.committed.0);
        control.set_synced(control.synced().min(position));
        control.set_published(position);
        // A reader that is beyond is told.
        control.note_ending(position);
        control.begin_epoch(last.epoch, last.base.min(position));
        if received > position
            && let Err(error) = self.forget(place, received)
        {
            self.broken = Some(error_number(&error));
            return Err(self.io("cutting", error));
        }
        Ok(discarded)
    }

    /// Zeroes what is beyond a place, and goes on there.
    pub(super) fn forget(&mut self, place: LogPlace, received: Position) -> io::Result<()> {
        (self.walk, self.held) = (Walk::from(place), place);
        self.runs.clear();
        recovery::zero(&self.holding.segments, place.position, received)?;
        self.holding.go_back(place.position).map_err(|(_, error)| error)
    }

    /// Writes what is in order beyond a place to a file of its own, durably.
    fn archive(&self, place: LogPlace) -> io::Result<Discarded> {
        let (disk, terms) = (&*self.holding.segments.disk, self.holding.terms);
        let (from, to) = (place.position, self.walk.at);
        let folder = self.options.directory.join(DISCARDED);
        disk.create_directory(&folder)?;
        let archive: PathBuf = folder.join(format!("{:020}-{:020}.frames", from.get(), to.get()));
        match disk.remove(&archive) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = disk.create(&archive)?;
        let (mut walk, mut transactions) = (Walk::from(place), 0);
        while walk.at < to {
            let start = walk.at;
            let segment = self.holding.segments.open(terms.base(start), Access::Read)?;
            let end = terms.next_base(start).min(to);
            // SAFETY: as in `walk_term`.
            let bytes = unsafe {
                segment.mapping.slice(terms.offset(start), terms.offset_in(segment.base, end))
            };
            file.write_at(start.get() - from.get(), bytes)?;
            while walk.at < end {
                let at = (walk.at.get() - start.get()) as usize;
                let frame = Frame::new_unchecked(&bytes[at..]);
                transactions += u64::from(walk.go(&frame, terms).map_err(io::Error::other)?);
            }
        }
        file.sync()?;
        disk.sync_directory(&folder)?;
        let committed = self.committed.0;
        Ok(Discarded { from, to, transactions, committed, archive })
    }
}

/// Where a log that ends somewhere leaves another one, by the epochs of both; `None` where it is
/// the other's beginning.
fn parting(ours: &[EpochStart], end: Position, theirs: &[EpochStart]) -> Option<Position> {
    let oldest = theirs.first()?.epoch;
    for (index, our) in ours.iter().enumerate() {
        let our_end = ours.get(index + 1).map_or(end, |next| next.base).min(end);
        if our_end <= our.base {
            continue;
        }
        // What their table does not reach back to they have, as far as it begins.
        let next = match theirs.iter().position(|their| their.epoch == our.epoch) {
            Some(at) => theirs.get(at + 1),
            None if our.epoch < oldest => theirs.first(),
            None => return Some(our.base),
        };
        if let Some(next) = next.filter(|next| next.base < our_end) {
            return Some(next.base);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Epoch;

    fn table(starts: &[(u32, u64)]) -> Vec<EpochStart> {
        let start = |(epoch, base): &(u32, u64)| EpochStart {
            epoch: Epoch(*epoch),
            node: 1,
            base: Position(*base),
            chain: Chain(*base),
        };
        starts.iter().map(start).collect()
    }

    #[test]
    fn logs_part_where_their_epochs_do() {
        let check = |ours: &[(u32, u64)], end, theirs: &[(u32, u64)], expected: Option<u64>| {
            let found = parting(&table(ours), Position(end), &table(theirs));
            assert_eq!(found, expected.map(Position), "{ours:?} to {end}, {theirs:?}");
        };
        // Nothing here yet, or the same epochs: the beginning.
        check(&[], 0, &[(1, 0)], None);
        check(&[(1, 0)], 500, &[(1, 0)], None);
        check(&[(1, 0), (2, 300)], 500, &[(1, 0), (2, 300), (3, 900)], None);
        // The next epoch began where this one ends, or before.
        check(&[(1, 0)], 500, &[(1, 0), (2, 500)], None);
        check(&[(1, 0)], 500, &[(1, 0), (2, 400)], Some(400));
        check(&[(1, 0), (2, 400)], 500, &[(1, 0), (3, 400)], Some(400));
        // An epoch that kept nothing there.
        check(&[(1, 0), (2, 300), (4, 600)], 700, &[(1, 0), (3, 350), (5, 900)], Some(300));
        check(&[(1, 0), (2, 500)], 500, &[(1, 0), (3, 500)], None);
        check(&[(1, 0), (2, 500)], 500, &[(1, 0), (3, 450)], Some(450));
        // A table that does not reach back to the first epoch.
        check(&[(5, 0), (6, 300)], 500, &[(6, 300), (7, 400)], Some(400));
        check(&[(5, 0)], 500, &[(6, 300), (7, 400)], Some(300));
        check(&[(5, 0)], 300, &[(6, 300), (7, 400)], None);
        check(&[(5, 0), (8, 450)], 500, &[(6, 300), (7, 400)], Some(300));
    }
}
