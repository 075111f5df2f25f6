//! Says which byte of which file it was when a mapped file has lost it, and ends the process.
//!
//! ```text
//!   mapped: [ segment at 65536 ] --- touched ---> no byte behind it: cut short, or its disk failed
//!                                                   | SIGBUS
//!   table:  address, bytes, position, path  <-------' which one?  message, exit code 75
//! ```
//!
//! Nothing can go on from there: the thread that touched the byte would touch it again. The handler
//! runs between any two instructions of any thread, so it allocates nothing, waits for nothing, and
//! finds what is mapped in a table of fixed size. The next start finds what the log still holds.
#![expect(unsafe_code, reason = "a signal handler and its registration have no safe form")]

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

use crate::limits::MAPPINGS_NAMED_MAX;
use crate::types::Position;

use super::segment::base_of;

/// With this a process ends whose mapped file has lost what was touched (`EX_TEMPFAIL` of
/// `sysexits.h`: another start may find things better).
pub const BUS_ERROR_EXIT_CODE: i32 = 75;

/// Bytes of a path that are remembered, its last ones: the file's name is at the end.
const PATH_BYTES: usize = 256;

/// Bytes of the message: a path, two numbers and the words between.
const TEXT_BYTES: usize = 512;

/// A file that is mapped somewhere.
struct Entry {
    taken: AtomicBool,
    /// Odd while the entry holds what is mapped, another number each time.
    version: AtomicU32,
    address: AtomicUsize,
    bytes: AtomicUsize,
    /// The log's position of its first byte, for a segment; [`NO_POSITION`] for other files.
    position: AtomicU64,
    path_bytes: AtomicUsize,
    path: [AtomicU8; PATH_BYTES],
}

const NO_POSITION: u64 = u64::MAX;

/// What is mapped, to be asked at any moment.
struct Table<const ENTRIES: usize>([Entry; ENTRIES]);

static MAPPED: Table<MAPPINGS_NAMED_MAX> = Table::new();

/// Where a byte is that cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// From the file's beginning.
    offset: u64,
    /// In the log, if the file is a segment.
    position: Option<u64>,
    path: [u8; PATH_BYTES],
    path_bytes: usize,
}

impl Entry {
    const fn new() -> Self {
        Self {
            taken: AtomicBool::new(false),
            version: AtomicU32::new(0),
            address: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            position: AtomicU64::new(NO_POSITION),
            path_bytes: AtomicUsize::new(0),
            path: [const { AtomicU8::new(0) }; PATH_BYTES],
        }
    }

    fn fill(&self, address: usize, bytes: usize, path: &Path) {
        let name = path.file_name().and_then(|name| name.to_str());
        let position = name.and_then(base_of).map_or(NO_POSITION, Position::get);
        let path = path.as_os_str().as_bytes();
        let path = &path[path.len().saturating_sub(PATH_BYTES)..];
        // Who sees any of what follows sees that the version was even before.
        fence(Ordering::Release);
        self.address.store(address, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
        self.position.store(position, Ordering::Relaxed);
        self.path_bytes.store(path.len(), Ordering::Relaxed);
        for (place, byte) in self.path.iter().zip(path) {
            place.store(*byte, Ordering::Relaxed);
        }
        self.version.fetch_add(1, Ordering::Release);
    }

    fn clear(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
        self.taken.store(false, Ordering::Release);
    }

    /// The place of an address, if it lies in what is mapped here.
    fn place(&self, address: usize) -> Option<Place> {
        let version = self.version.load(Ordering::Acquire);
        let offset = address.wrapping_sub(self.address.load(Ordering::Relaxed));
        if version.is_multiple_of(2) || offset >= self.bytes.load(Ordering::Relaxed) {
            return None;
        }
        let (mut path, offset) = ([0; PATH_BYTES], offset as u64);
        for (byte, place) in path.iter_mut().zip(&self.path) {
            *byte = place.load(Ordering::Relaxed);
        }
        let position = self.position.load(Ordering::Relaxed);
        let position = (position != NO_POSITION).then(|| position.wrapping_add(offset));
        let path_bytes = self.path_bytes.load(Ordering::Relaxed).min(PATH_BYTES);
        // Whoever filled or cleared it meanwhile has changed the version first.
        fence(Ordering::Acquire);
        let same = self.version.load(Ordering::Relaxed) == version;
        same.then_some(Place { offset, position, path, path_bytes })
    }
}

impl<const ENTRIES: usize> Table<ENTRIES> {
    const fn new() -> Self {
        Self([const { Entry::new() }; ENTRIES])
    }

    /// Remembers a mapping; `None` where the table is full.
    fn add(&self, address: usize, bytes: usize, path: &Path) -> Option<Named<'_>> {
        let free = |entry: &&Entry| !entry.taken.swap(true, Ordering::AcqRel);
        let entry = self.0.iter().find(free)?;
        entry.fill(address, bytes, path);
        Some(Named(entry))
    }

    fn find(&self, address: usize) -> Option<Place> {
        self.0.iter().find_map(|entry| entry.place(address))
    }
}

/// A mapping that the handler knows as long as this lives.
pub(super) struct Named<'a>(&'a Entry);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// Remembers what is mapped where. Without a free place in the table it is mapped all the same,
/// and the system ends the process if it is touched in vain.
pub(super) fn name(address: *const u8, bytes: usize, path: &Path) -> Option<Named<'static>> {
    MAPPED.add(address.addr(), bytes, path)
}

/// From now on a process that touches mapped bytes of a store that are not there any more says
/// so on stderr, with file and position, and ends with [`BUS_ERROR_EXIT_CODE`].
///
/// # Errors
/// The system's.
pub fn end_on_bus_error() -> io::Result<()> {
    // SAFETY: all fields of the C structure may be zero.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = on_bus_error as *const () as usize;
    // On the stack for signals where a thread has one.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the structure lives over the call, and the handler is one for SA_SIGINFO.
    match unsafe { libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The handler: only atomics, its own stack, and calls that are allowed here (`signal-safety(7)`).
extern "C" fn on_bus_error(
    _signal: libc::c_int,
    info: *mut libc::siginfo_t,
    _context: *mut libc::c_void,
) {
    // SAFETY: the system passes a valid structure to a handler with SA_SIGINFO, and one that it
    // raised itself (its code is positive) has the address.
    let address = unsafe { if (*info).si_code > 0 { (*info).si_addr().addr() } else { 0 } };
    let Some(place) = MAPPED.find(address) else {
        // Not ours: as if there were no handler. It arrives when this one returns.
        // SAFETY: both are allowed in a handler.
        unsafe {
            libc::signal(libc::SIGBUS, libc::SIG_DFL);
            libc::raise(libc::SIGBUS);
        }
        return;
    };
    let text = text(&place);
    let bytes = text.bytes();
    // SAFETY: the bytes live over the call. Both calls are allowed in a handler.
    unsafe {
        libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), bytes.len());
        libc::_exit(BUS_ERROR_EXIT_CODE);
    }
}

/// A message on the stack; what does not fit is left out.
struct Text {
    bytes: [u8; TEXT_BYTES],
    length: usize,
}

impl Text {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn put(&mut self, bytes: &[u8]) {
        for (place, byte) in self.bytes[self.length..].iter_mut().zip(bytes) {
            *place = *byte;
            self.length += 1;
        }
    }

    fn put_number(&mut self, number: u64) {
        let (mut digits, mut left) = ([b'0'; 20], number);
        let mut first = digits.len() - 1;
        while left > 0 {
            digits[first] = b'0' + (left % 10) as u8;
            left /= 10;
            first -= usize::from(left > 0);
        }
        self.put(&digits[first..]);
    }
}

fn text(place: &Place) -> Text {
    let mut text = Text { bytes: [0; TEXT_BYTES], length: 0 };
    text.put(b"isochron: ");
    text.put(&place.path[..place.path_bytes]);
    text.put(b" has lost its byte ");
    text.put_number(place.offset);
    if let Some(position) = place.position {
        text.put(b", position ");
        text.put_number(position);
        text.put(b" of the log");
    }
    text.put(b": it was cut short, or its disk failed (SIGBUS)\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Random;

    #[test]
    fn the_table_knows_what_is_mapped_as_its_twin_does() {
        const ENTRIES: usize = 8;
        let table = Table::<ENTRIES>::new();
        let mut random = Random(4);
        let mut twin: Vec<(usize, usize, String, Named<'_>)> = Vec::new();
        let (mut found, mut full) = (0, 0);
        for step in 0..20_000 {
            if random.below(2) == 0 {
                // Pages of a small address space, none of them mapped twice.
                let (page, pages) = (random.below(60), 1 + random.below(4));
                let (from, bytes) = (page * 4096, pages * 4096);
                if twin.iter().any(|(at, length, ..)| from < at + length && *at < from + bytes) {
                    continue;
                }
                let path = format!("/d{step}/{:020}.log", step * 4096);
                match table.add(from, bytes, Path::new(&path)) {
                    Some(named) => twin.push((from, bytes, path, named)),
                    None => {
                        assert_eq!(twin.len(), ENTRIES);
                        full += 1;
                    }
                }
            } else if !twin.is_empty() {
                drop(twin.swap_remove(random.below(twin.len())));
            }
            let address = random.below(64 * 4096);
            let expected = twin.iter().find(|(at, bytes, ..)| (*at..at + bytes).contains(&address));
            let place = table.find(address);
            assert_eq!(place.is_some(), expected.is_some());
            if let (Some(place), Some((at, _, path, _))) = (place, expected) {
                assert_eq!(&place.path[..place.path_bytes], path.as_bytes());
                let base: u64 = path[path.len() - 24..path.len() - 4].parse().unwrap();
                let offset = (address - at) as u64;
                assert_eq!((place.offset, place.position), (offset, Some(base + offset)));
                found += 1;
            }
        }
        println!("{found} addresses found, {full} times there was no place");
        assert!(found > 1_000 && full > 100);
    }

    #[test]
    fn what_is_found_is_never_a_mixture() {
        let table = Table::<2>::new();
        let done = AtomicBool::new(false);
        // One thread maps two files at one address in turn; others ask all the time.
        std::thread::scope(|scope| {
            let ask = || {
                let mut found = 0_u64;
                while !done.load(Ordering::Relaxed) {
                    let Some(place) = table.find(5_000) else { continue };
                    let path = &place.path[..place.path_bytes];
                    assert!(path == [b'a'; 40] || path == [b'b'; 200], "{place:?}");
                    assert_eq!(place.offset, if path.len() == 40 { 904 } else { 1_000 });
                    found += 1;
                }
                found
            };
            let askers = [scope.spawn(ask), scope.spawn(ask)];
            for _ in 0..20_000 {
                drop(table.add(4_096, 4_096, Path::new(&"a".repeat(40))));
                drop(table.add(4_000, 4_096, Path::new(&"b".repeat(200))));
            }
            done.store(true, Ordering::Relaxed);
            println!("{:?} times found", askers.map(|asker| asker.join().unwrap()));
        });
    }

    #[test]
    fn the_message_names_the_file_and_the_place() {
        let table = Table::<1>::new();
        let say = |path: &str, address| {
            let _named = table.add(8_192, 65_536, Path::new(path)).unwrap();
            String::from_utf8(text(&table.find(address).unwrap()).bytes().to_vec()).unwrap()
        };
        assert_eq!(
            say("/x/00000000000000131072.log", 8_192 + 70),
            "isochron: /x/00000000000000131072.log has lost its byte 70, position 131142 of the \
             log: it was cut short, or its disk failed (SIGBUS)\n"
        );
        assert_eq!(
            say("/x/control", 8_192),
            "isochron: /x/control has lost its byte 0: it was cut short, or its disk failed \
             (SIGBUS)\n"
        );
        let long = say(&"/abcdefghi".repeat(100), 8_192 + 65_535);
        assert!(long.contains("fghi has lost its byte 65535: ") && long.ends_with("(SIGBUS)\n"));
        let mut all = Text { bytes: [0; TEXT_BYTES], length: 0 };
        all.put_number(u64::MAX);
        assert_eq!(all.bytes(), u64::MAX.to_string().as_bytes());
    }
}
