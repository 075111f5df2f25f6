//! What each user trades of each symbol a day, over all accounts.

use crate::memory::{prefetch, table};
use crate::types::Index;

/// One user in one symbol.
#[derive(Clone, Copy, Debug)]
pub struct UserVolume {
    /// The user.
    pub user: u32,
    /// The instrument.
    pub instrument: u32,
    /// Shares of live orders, both sides.
    pub open: u64,
    /// Shares a day in this symbol, in place of the user's general limit; 0 is off.
    pub limit: Option<u64>,
    /// Shares executed on `day`, both sides.
    executed: u64,
    /// The day that `executed` counts.
    day: u32,
}

impl UserVolume {
    /// Of a user who never traded it.
    pub const NONE: Self =
        Self { user: 0, instrument: 0, open: 0, limit: None, executed: 0, day: 0 };

    /// Shares executed on this day.
    #[must_use]
    #[inline]
    pub fn executed(&self, day: u32) -> u64 {
        if self.day == day { self.executed } else { 0 }
    }

    /// Counts executed shares.
    #[inline]
    pub fn execute(&mut self, day: u32, quantity: u64) {
        self.executed = self.executed(day) + quantity;
        self.day = day;
    }
}

/// All of them.
#[derive(Clone, Debug)]
pub struct UserVolumes {
    index: Index,
    records: Vec<UserVolume>,
}

impl UserVolumes {
    /// Room for `pairs` of user and symbol before memory is asked for.
    #[must_use]
    pub fn with_capacity(pairs: usize) -> Self {
        Self { index: Index::with_capacity(pairs), records: table(pairs) }
    }

    /// The record's slot, made if it is new.
    #[inline]
    pub fn slot(&mut self, user: u32, instrument: u32) -> u32 {
        if let Some(slot) = self.find_slot(user, instrument) {
            return slot;
        }
        let slot = u32::try_from(self.records.len()).expect("fewer than 2^32 pairs");
        self.records.push(UserVolume { user, instrument, ..UserVolume::NONE });
        self.index.insert(key(user, instrument), slot);
        slot
    }

    /// The slot of a user's record in a symbol, if there is one.
    #[must_use]
    #[inline]
    pub fn find_slot(&self, user: u32, instrument: u32) -> Option<u32> {
        self.index.get(key(user, instrument), |slot| {
            let found = &self.records[slot as usize];
            found.user == user && found.instrument == instrument
        })
    }

    /// The slot that [`Self::find_slot`] looks at first.
    #[must_use]
    #[inline]
    pub fn probable_slot(&self, user: u32, instrument: u32) -> Option<u32> {
        self.index.get(key(user, instrument), |_| true)
    }

    /// Begins to fetch what [`Self::find_slot`] reads.
    #[inline]
    pub fn prefetch_slot(&self, user: u32, instrument: u32) {
        self.index.prefetch(key(user, instrument));
    }

    /// Begins to fetch a record, if there is one in the slot.
    #[inline]
    pub fn prefetch(&self, slot: u32) {
        prefetch(&self.records, slot as usize);
    }

    /// The record in a slot.
    #[must_use]
    #[inline]
    pub fn get(&self, slot: u32) -> &UserVolume {
        &self.records[slot as usize]
    }

    /// The record in a slot.
    #[must_use]
    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> &mut UserVolume {
        &mut self.records[slot as usize]
    }

    /// All records by user, then instrument.
    #[must_use]
    pub fn sorted(&self) -> Vec<UserVolume> {
        let mut all = self.records.clone();
        all.sort_unstable_by_key(|record| (record.user, record.instrument));
        all
    }
}

#[inline]
fn key(user: u32, instrument: u32) -> u64 {
    (u64::from(user) << 32) | u64::from(instrument)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_and_a_symbol_have_one_record_of_their_own() {
        let mut volumes = UserVolumes::with_capacity(1);
        for (user, instrument) in [(7, 9), (9, 7), (7, 8), (8, 9)] {
            let slot = volumes.slot(user, instrument);
            assert_eq!(volumes.slot(user, instrument), slot);
            volumes.get_mut(slot).open = u64::from(user * 10 + instrument);
        }
        assert_eq!(volumes.find_slot(9, 7).map(|slot| volumes.get(slot).open), Some(97));
        assert!(volumes.find_slot(9, 9).is_none());
        let sorted: Vec<_> =
            volumes.sorted().iter().map(|r| (r.user, r.instrument, r.open)).collect();
        assert_eq!(sorted, [(7, 8, 78), (7, 9, 79), (8, 9, 89), (9, 7, 97)]);
    }
}
