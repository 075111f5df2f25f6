//! Deaths and quarantines in the control page: what must be remembered over the death of a process.
//!
//! ```text
//!  3072 deaths noted, ever
//!  3080 the last 16 of them: source, source sequence, since when; 24 bytes each, in a ring
//!  3584 a bit for each source that is quarantined
//! ```
//!
//! Only the process that has the store's lock writes here. The page outlives processes, not a
//! power failure: an opening under another boot begins with none of it, and a source that
//! still kills the core comes back here after two more deaths.

use super::control::{Control, Executing};
use crate::limits::{DEATHS_MAX, SOURCE_ID_MAX};
use crate::types::{Nanos, SourceId};

const COUNT: usize = 3072;
const DEATHS: usize = 3080;
const DEATH_BYTES: usize = 24;
const QUARANTINED: usize = 3584;
const QUARANTINED_WORDS: usize = SOURCE_ID_MAX as usize / 64 + 1;

/// In the place of a source: a death that was forgotten.
const FORGOTTEN: u64 = u64::MAX;

const _: () = {
    assert!(DEATHS + DEATHS_MAX * DEATH_BYTES <= QUARANTINED);
    assert!(QUARANTINED + QUARANTINED_WORDS * 8 <= super::control::BYTES);
};

impl Control {
    /// Remembers that a process died while it executed a command; the same death only once.
    pub(super) fn note_death(&self, death: Executing) {
        if self.deaths().last() == Some(&death) {
            return;
        }
        let count = self.load(COUNT);
        let at = DEATHS + (count % DEATHS_MAX as u64) as usize * DEATH_BYTES;
        self.store(at, death.source.get().into());
        self.store(at + 8, death.source_sequence);
        self.store(at + 16, death.since.get());
        self.store(COUNT, count.wrapping_add(1));
    }

    /// The deaths that are remembered, the oldest first.
    pub(super) fn deaths(&self) -> Vec<Executing> {
        let count = self.load(COUNT);
        let kept = count.min(DEATHS_MAX as u64);
        let places = (count - kept..count).map(|number| (number % DEATHS_MAX as u64) as usize);
        places.filter_map(|place| self.death(DEATHS + place * DEATH_BYTES)).collect()
    }

    fn death(&self, at: usize) -> Option<Executing> {
        let source = u32::try_from(self.load(at)).ok().filter(|source| *source <= SOURCE_ID_MAX)?;
        let (source_sequence, since) = (self.load(at + 8), Nanos(self.load(at + 16)));
        Some(Executing { source: SourceId(source), source_sequence, since })
    }

    /// Whether nothing is taken from a source.
    #[inline]
    pub(super) fn is_quarantined(&self, source: SourceId) -> bool {
        let source = source.get();
        source <= SOURCE_ID_MAX && self.load(word_of(source)) >> (source % 64) & 1 == 1
    }

    pub(super) fn quarantine(&self, source: SourceId) {
        let source = source.get();
        assert!(source <= SOURCE_ID_MAX, "there is no source {source}");
        let word = word_of(source);
        self.store(word, self.load(word) | 1 << (source % 64));
    }

    /// Ends a quarantine, and forgets the deaths that led to it.
    pub(super) fn release(&self, source: SourceId) {
        for at in (DEATHS..).step_by(DEATH_BYTES).take(DEATHS_MAX) {
            if self.load(at) == u64::from(source.get()) {
                self.store(at, FORGOTTEN);
            }
        }
        if self.is_quarantined(source) {
            let word = word_of(source.get());
            self.store(word, self.load(word) & !(1 << (source.get() % 64)));
        }
    }

    /// The sources that are quarantined, in order.
    pub(super) fn quarantined(&self) -> Vec<SourceId> {
        (0..=SOURCE_ID_MAX).map(SourceId).filter(|source| self.is_quarantined(*source)).collect()
    }

    /// Begins with nothing remembered: what a power failure left here can say anything.
    pub(super) fn forget_deaths(&self) {
        (0..QUARANTINED_WORDS).for_each(|word| self.store(QUARANTINED + word * 8, 0));
        self.store(COUNT, 0);
    }
}

fn word_of(source: u32) -> usize {
    QUARANTINED + source as usize / 64 * 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryDisk;
    use std::path::Path;

    fn page() -> Control {
        Control::open_or_create(&MemoryDisk::default(), Path::new("/s")).unwrap()
    }

    fn death(source: u32, since: u64) -> Executing {
        Executing { source: SourceId(source), source_sequence: 10 * since, since: Nanos(since) }
    }

    #[test]
    fn the_last_deaths_are_kept_in_order_each_once() {
        let page = page();
        assert_eq!(page.deaths(), []);
        for number in 1..=DEATHS_MAX as u64 + 5 {
            page.note_death(death(number as u32, number));
            page.note_death(death(number as u32, number));
            let first = number.saturating_sub(DEATHS_MAX as u64) + 1;
            let kept: Vec<_> = (first..=number).map(|n| death(n as u32, n)).collect();
            assert_eq!(page.deaths(), kept);
        }
        page.forget_deaths();
        assert_eq!((page.deaths(), page.quarantined()), (vec![], vec![]));
    }

    #[test]
    fn a_release_forgets_the_deaths_of_that_source_alone() {
        let page = page();
        let all = [death(1, 1), death(2, 2), death(1, 3), death(3, 4)];
        all.into_iter().for_each(|death| page.note_death(death));
        page.quarantine(SourceId(1));
        page.quarantine(SourceId(SOURCE_ID_MAX));
        page.quarantine(SourceId(64));
        assert_eq!(page.quarantined(), [1, 64, SOURCE_ID_MAX].map(SourceId));
        page.release(SourceId(1));
        page.release(SourceId(2_000_000));
        assert_eq!(page.deaths(), [death(2, 2), death(3, 4)]);
        assert_eq!(page.quarantined(), [64, SOURCE_ID_MAX].map(SourceId));
        assert!(!page.is_quarantined(SourceId(u32::MAX)));
    }

    #[test]
    fn any_bytes_are_deaths_of_sources_there_can_be() {
        let disk = MemoryDisk::default();
        let page = Control::open_or_create(&disk, Path::new("/s")).unwrap();
        for at in (COUNT..DEATHS + DEATHS_MAX * DEATH_BYTES).step_by(8) {
            page.store(at, u64::MAX - 3);
        }
        assert_eq!(page.deaths(), []);
        page.note_death(death(5, 5));
        assert_eq!(page.deaths(), [death(5, 5)]);
    }
}
