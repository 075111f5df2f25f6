//! Memory as the processor sees it: large tables on large pages, and prefetches.
//!
//! The tables of an exchange are hundreds of megabytes, touched at random: a command that finds
//! nothing in the caches waits longer than it computes, and on pages of 4 KiB it waits again for
//! the page table. No result depends on anything here; where the system refuses, all is as it was,
//! only slower.
#![expect(unsafe_code, reason = "allocators, madvise and the prefetch instruction are unsafe")]

use std::alloc::{GlobalAlloc, Layout, System};

/// Bytes that a processor fetches at a time.
const LINE_BYTES: usize = 64;

/// Bytes of a page, and of a large one.
const PAGE_BYTES: usize = 4 << 10;
const LARGE_PAGE_BYTES: usize = 2 << 20;

/// Tables from here on lie on large pages: a smaller one takes few entries of the processor's
/// table of pages, which all of them share.
const LARGE_TABLE_BYTES: usize = 256 << 10;

/// The system's allocator; what is large begins with a large page, and ends with one.
#[derive(Clone, Copy, Debug)]
pub struct Allocator;

/// What is asked of the system; the same for the same layout, whenever it is asked.
#[inline]
fn paged(layout: Layout) -> Layout {
    if layout.size() < LARGE_TABLE_BYTES {
        return layout;
    }
    let align = layout.align().max(LARGE_PAGE_BYTES);
    let size = layout.size().checked_next_multiple_of(LARGE_PAGE_BYTES);
    size.and_then(|size| Layout::from_size_align(size, align).ok()).unwrap_or(layout)
}

// SAFETY: each block comes from the system's allocator and goes back to it under one layout, which
// is at least as large and as aligned as the one that was asked for.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract, and the size is not made smaller.
        unsafe { System.alloc(paged(layout)) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block was allocated with this layout, and so from the same other one.
        unsafe { System.dealloc(block, paged(layout)) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for `alloc`.
        unsafe { System.alloc_zeroed(paged(layout)) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.size().max(size) < LARGE_TABLE_BYTES {
            // SAFETY: the block was allocated with this very layout.
            return unsafe { System.realloc(block, layout, size) };
        }
        // SAFETY: the caller promises that the size fits a layout of this alignment, and is not 0;
        // both blocks have as many bytes as are copied, and are not one.
        unsafe {
            let larger = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !larger.is_null() {
                larger.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
            larger
        }
    }
}

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
    if bytes < LARGE_TABLE_BYTES {
        return;
    }
    // Whole large pages, as our allocator gives them; another one may have put something else at
    // both ends. Where small pages were in use before, they are joined.
    for (page_bytes, advice) in [
        (LARGE_PAGE_BYTES, libc::MADV_HUGEPAGE),
        (PAGE_BYTES, libc::MADV_POPULATE_WRITE),
        (LARGE_PAGE_BYTES, libc::MADV_COLLAPSE),
    ] {
        let into_page = table.as_ptr().addr() % page_bytes;
        let start = table.as_ptr().cast::<u8>().wrapping_sub(into_page).cast_mut().cast();
        let length = (into_page + bytes).next_multiple_of(page_bytes);
        // SAFETY: no advice changes what any page of the process holds, nor maps one that is not
        // mapped. All are wishes, and a refusal is of no consequence.
        unsafe { libc::madvise(start, length, advice) };
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

    /// Blocks on both sides of the bound keep their bytes, and large ones begin with a large page.
    #[test]
    fn blocks_grow_and_shrink() {
        let layout = |bytes| Layout::from_size_align(bytes, 8).unwrap();
        let sizes = [64, 4 << 10, 300 << 10, 3 << 20, 5 << 20, 200 << 10, 1 << 20, 16];
        // SAFETY: each block is used within its size, and given back once under its layout.
        unsafe {
            let mut block = Allocator.alloc(layout(sizes[0]));
            block.cast::<u64>().write(7);
            for pair in sizes.windows(2) {
                block = Allocator.realloc(block, layout(pair[0]), pair[1]);
                assert_eq!(block.cast::<u64>().read(), 7, "{pair:?}");
                let large = pair[1] >= LARGE_TABLE_BYTES;
                assert!(!large || block.addr().is_multiple_of(LARGE_PAGE_BYTES), "{pair:?}");
                block.add(pair[1] - 1).write(1);
            }
            Allocator.dealloc(block, layout(sizes[sizes.len() - 1]));
            let zeroed = Allocator.alloc_zeroed(layout(LARGE_TABLE_BYTES));
            assert_eq!(zeroed.add(LARGE_TABLE_BYTES - 1).read(), 0);
            Allocator.dealloc(zeroed, layout(LARGE_TABLE_BYTES));
        }
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
