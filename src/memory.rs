//! Memory as the processor sees it: large tables on large pages, and prefetches.
//!
//! The tables of an exchange are hundreds of megabytes, touched at random: a command that finds
//! nothing in the caches waits longer than it computes, and on pages of 4 KiB it waits again for
//! the page table. No result depends on anything here; where the system refuses, all is as it was,
//! only slower.
#![expect(unsafe_code, reason = "neither madvise nor the prefetch instruction has a safe form")]

/// Bytes that a processor fetches at a time.
const LINE_BYTES: usize = 64;

/// Bytes of a page, and of a large one. A table below that gains nothing from them.
const PAGE_BYTES: usize = 4 << 10;
const LARGE_PAGE_BYTES: usize = 2 << 20;

/// Begins to fetch the cache lines of one item; of none where there is no such item.
///
/// A plain load begins to fetch too, but the processor does not go far beyond one whose value it
/// waits for; a prefetch it forgets at once.
#[inline]
pub fn prefetch<T>(items: &[T], index: usize) {
    if let Some(item) = items.get(index) {
        prefetch_item(item);
    }
}

/// Begins to fetch the cache lines of one item.
#[inline]
pub fn prefetch_item<T>(item: &T) {
    let first = std::ptr::from_ref(item).cast::<i8>();
    for line in 0..size_of::<T>().div_ceil(LINE_BYTES) {
        fetch(first.wrapping_add(line * LINE_BYTES));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn fetch(line: *const i8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing, and no address faults; every x86-64 has the instruction.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line) }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn fetch(_: *const i8) {}

/// An empty table with room for so many items: on large pages if it is large and the system has
/// them, and touched now, so that no page fault comes when it fills.
#[must_use]
pub fn table<T>(capacity: usize) -> Vec<T> {
    let table = Vec::with_capacity(capacity);
    prepare(&table);
    table
}

/// A table of so many equal items, as [`table`].
#[must_use]
pub fn filled_table<T: Clone>(item: T, length: usize) -> Vec<T> {
    let mut table = table(length);
    table.resize(length, item);
    table
}

/// Adds an item to a table; a full one moves to a larger one first. A small table is doubled, one
/// of large pages gets a quarter more: its room is memory in use from the start.
#[inline]
pub fn push<T>(items: &mut Vec<T>, item: T) {
    if items.len() == items.capacity() {
        grow(items);
    }
    items.push(item);
}

#[cold]
fn grow<T>(items: &mut Vec<T>) {
    let room = items.len();
    let more = if room * size_of::<T>() < LARGE_PAGE_BYTES { room } else { room / 4 };
    let mut larger = table((room + more).max(4));
    larger.append(items);
    *items = larger;
}

#[cfg(target_os = "linux")]
fn prepare<T>(table: &Vec<T>) {
    let bytes = table.capacity() * size_of::<T>();
    if bytes < LARGE_PAGE_BYTES {
        return;
    }
    let into_page = table.as_ptr().addr() % PAGE_BYTES;
    let start = table.as_ptr().cast::<u8>().wrapping_sub(into_page).cast_mut().cast();
    for advice in [libc::MADV_HUGEPAGE, libc::MADV_POPULATE_WRITE] {
        // SAFETY: each page of the range holds bytes of the table, so all are mapped; neither
        // advice changes what they hold. Both are wishes, and a refusal is of no consequence.
        unsafe { libc::madvise(start, into_page + bytes, advice) };
    }
}

#[cfg(not(target_os = "linux"))]
fn prepare<T>(_: &Vec<T>) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefetch_bears_any_index() {
        for index in [0, 1, 2, usize::MAX] {
            prefetch(&[[7_u64; 40]; 2], index);
        }
        prefetch::<u8>(&[], 0);
    }

    #[test]
    fn tables_are_vectors() {
        for length in [0, 1, 1_000, 3 << 20] {
            let mut roomy = table(length);
            assert!(roomy.is_empty() && roomy.capacity() >= length);
            let mut grown = Vec::new();
            for n in 0..length as u32 {
                roomy.push(n);
                push(&mut grown, n);
            }
            assert!(roomy.iter().zip(0..).all(|(found, due)| *found == due));
            assert_eq!(roomy, grown);
            assert!(filled_table(9_u16, length).iter().all(|item| *item == 9));
        }
    }
}
