//! Records by small ids: dense storage, ascending iteration, one indirection to find one.
//!
//! Ids come from outside, so the index grows with the largest id taken, never past a stated limit,
//! while the records take only what exists.

use crate::memory::{prefetch, push};

/// Records of `T`, each under an id of at least 1; the record's *slot* is its place in the order of
/// insertion and indexes parallel arrays elsewhere.
#[derive(Clone, Debug)]
pub struct Table<T> {
    /// Slot + 1 by id; 0 where no record is.
    slots: Vec<u32>,
    ids: Vec<u32>,
    records: Vec<T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), ids: Vec::new(), records: Vec::new() }
    }
}

impl<T> Table<T> {
    /// The slot of the record with this id.
    #[must_use]
    #[inline]
    pub fn slot(&self, id: u32) -> Option<u32> {
        match self.slots.get(id as usize) {
            None | Some(0) => None,
            Some(slot) => Some(slot - 1),
        }
    }

    /// Begins to fetch the record in a slot, if there is one.
    #[inline]
    pub fn prefetch(&self, slot: u32) {
        prefetch(&self.records, slot as usize);
    }

    /// The record with this id.
    #[must_use]
    #[inline]
    pub fn get(&self, id: u32) -> Option<&T> {
        self.slot(id).map(|slot| &self.records[slot as usize])
    }

    /// The record with this id.
    #[must_use]
    #[inline]
    pub fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        self.slot(id).map(|slot| &mut self.records[slot as usize])
    }

    /// The record in a slot.
    #[must_use]
    #[inline]
    pub fn at(&self, slot: u32) -> &T {
        &self.records[slot as usize]
    }

    /// The record in a slot.
    #[must_use]
    #[inline]
    pub fn at_mut(&mut self, slot: u32) -> &mut T {
        &mut self.records[slot as usize]
    }

    /// The id of the record in a slot.
    #[must_use]
    #[inline]
    pub fn id(&self, slot: u32) -> u32 {
        self.ids[slot as usize]
    }

    /// Adds a record and gives its slot. The id must be new, above 0, and already held against its
    /// limit by the caller.
    pub fn insert(&mut self, id: u32, record: T) -> u32 {
        assert!(id > 0 && self.slot(id).is_none(), "id {id} is 0 or taken");
        if self.slots.len() <= id as usize {
            self.slots.resize(id as usize + 1, 0);
        }
        let slot = u32::try_from(self.records.len()).expect("fewer records than ids");
        self.slots[id as usize] = slot + 1;
        self.ids.push(id);
        push(&mut self.records, record);
        slot
    }

    /// The smallest id that is at least `from` and has a record.
    #[must_use]
    pub fn next_id(&self, from: u32) -> Option<u32> {
        let slots = self.slots.get(from as usize..)?;
        let found = slots.iter().position(|slot| *slot > 0)?;
        u32::try_from(found).ok().map(|found| from + found)
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// All records with their ids, ids ascending, whatever the order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.slots.iter().enumerate().filter(|(_, slot)| **slot > 0).map(|(id, slot)| {
            let id = u32::try_from(id).expect("ids are u32");
            (id, &self.records[*slot as usize - 1])
        })
    }

    /// All records, in slot order.
    pub fn records_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.records.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_by_id_and_iterated_in_id_order() {
        let mut table = Table::default();
        assert_eq!(table.insert(7, 'b'), 0);
        assert_eq!(table.insert(3, 'a'), 1);
        assert_eq!(table.get(7), Some(&'b'));
        assert_eq!((table.get(0), table.get(4), table.get(8)), (None, None, None));
        assert_eq!(table.iter().collect::<Vec<_>>(), [(3, &'a'), (7, &'b')]);
        assert_eq!((table.id(1), table.len()), (3, 2));
        let next: Vec<_> = [0, 3, 4, 7, 8, 9].map(|from| table.next_id(from)).into();
        assert_eq!(next, [Some(3), Some(3), Some(7), Some(7), None, None]);
    }

    #[test]
    #[should_panic(expected = "taken")]
    fn an_id_is_inserted_once() {
        let mut table = Table::default();
        table.insert(1, ());
        table.insert(1, ());
    }
}
