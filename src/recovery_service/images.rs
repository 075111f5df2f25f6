//! Images: snapshots of channels, made by one agent and given out by another.
//!
//! ```text
//!  login ─▶ ImageSource ─▶ what is wanted ─▶ ┌─ Shelf ─┐ ─▶ ImageAgent makes it
//!  client ◀─ ImageCursor ◀── shared bytes ── └─────────┘ ◀─
//! ```
//!
//! An image is made when somebody wants one, and given to everybody who comes soon after and whose
//! lowest acceptable number it satisfies. Its bytes are shared: a thousand clients cost as much
//! memory as one. What clients still read is counted, and beyond a limit nothing new is made.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use isochron_feeds::mold::Session;
use isochron_recovery::access::Grant;
use isochron_recovery::server::{SnapshotAnswer, SnapshotCursor, SnapshotRequest, SnapshotSource};

use crate::limits::{IMAGE_BYTES_MAX, IMAGES_MAX};
use crate::types::Nanos;

/// The least age up to which an image is given out, whatever is configured: those who waited for
/// it must get their turns meanwhile, or it would be too old for all of them and made anew without
/// end.
const AGE_NS_MIN: u64 = 250_000_000;

/// Bytes of the length before each message of an image.
const LENGTH_BYTES: usize = 2;

/// A channel's state after a message, as messages.
#[derive(Debug)]
pub(super) struct Image {
    /// The number of the channel's next message.
    next_sequence: u64,
    /// Each message behind its length.
    bytes: Vec<u8>,
}

impl Image {
    pub(super) fn new(next_sequence: u64, bytes_expected: usize) -> Self {
        Self { next_sequence, bytes: Vec::with_capacity(bytes_expected) }
    }

    /// Adds the next message.
    pub(super) fn push(&mut self, message: &[u8]) {
        let length = u16::try_from(message.len()).expect("no message of a feed is longer");
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(message);
    }

    /// Bytes of it.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// What is wanted of a channel, for users who see the same symbols.
#[derive(Debug)]
struct Slot {
    session: Session,
    symbols: Grant<String>,
    /// The lowest number that somebody waits for: all messages before it must be in the image.
    wanted: Option<u64>,
    asked_at: Nanos,
    /// The last one, and when it was done.
    image: Option<(Arc<Image>, Nanos)>,
    /// Why there can be none.
    refused: Option<String>,
}

/// An image that somebody waits for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) session: Session,
    pub(super) symbols: Grant<String>,
    pub(super) next_at_least: u64,
}

#[derive(Debug, Default)]
struct Content {
    /// Sessions that can be had.
    current: Vec<Session>,
    slots: Vec<Slot>,
    /// Counts what was put there.
    changes: u64,
    /// Images that clients may still read.
    made: Vec<Weak<Image>>,
}

/// What is wanted and what there is; between the two agents.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<Content>);

impl Shelf {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sessions that can be had from now on; what is of others goes.
    pub(super) fn set_current(&self, current: &[Session]) {
        let mut content = self.content();
        content.current = current.to_vec();
        content.slots.retain(|slot| current.contains(&slot.session));
        content.changes += 1;
    }

    /// What somebody waits for.
    pub(super) fn wanted(&self) -> Vec<Wanted> {
        let content = self.content();
        let wanted = content.slots.iter().filter_map(|slot| {
            let next_at_least = slot.wanted?;
            Some(Wanted { session: slot.session, symbols: slot.symbols.clone(), next_at_least })
        });
        wanted.collect()
    }

    /// Whether another image may be made: those that there are, and that clients still read, leave
    /// room for it.
    pub(super) fn has_room(&self) -> bool {
        let mut content = self.content();
        content.made.retain(|image| image.strong_count() > 0);
        let held = content.made.iter().filter_map(Weak::upgrade).map(|image| image.bytes());
        held.sum::<usize>() < IMAGE_BYTES_MAX
    }

    /// Answers what was wanted, by an image or the reason why there is none.
    pub(super) fn put(&self, wanted: &Wanted, answer: Result<Image, String>, now: Nanos) {
        let mut content = self.content();
        content.changes += 1;
        let Content { slots, made, .. } = &mut *content;
        let is_for =
            |slot: &&mut Slot| slot.session == wanted.session && slot.symbols == wanted.symbols;
        let Some(slot) = slots.iter_mut().find(is_for) else { return };
        slot.wanted = None;
        match answer {
            Ok(image) => {
                let image = Arc::new(image);
                made.push(Arc::downgrade(&image));
                (slot.image, slot.refused) = (Some((image, now)), None);
            }
            Err(reason) => (slot.image, slot.refused) = (None, Some(reason)),
        }
    }
}

impl Content {
    /// The place for what is wanted; `None` while all are wanted by others.
    fn slot(&mut self, session: Session, symbols: &Grant<String>) -> Option<&mut Slot> {
        let is_for = |slot: &Slot| slot.session == session && slot.symbols == *symbols;
        let mut place = self.slots.iter().position(is_for);
        if place.is_none() {
            if self.slots.len() >= IMAGES_MAX {
                let unwanted = self.slots.iter().enumerate().filter(|(_, s)| s.wanted.is_none());
                let (oldest, _) = unwanted.min_by_key(|(_, slot)| slot.asked_at)?;
                self.slots.swap_remove(oldest);
            }
            place = Some(self.slots.len());
            let (symbols, asked_at) = (symbols.clone(), Nanos(0));
            let (wanted, image, refused) = (None, None, None);
            self.slots.push(Slot { session, symbols, wanted, asked_at, image, refused });
        }
        self.slots.get_mut(place?)
    }
}

/// The side that gives them out. Calling order: `follow` in each cycle, then [`SnapshotSource`].
pub(super) struct ImageSource {
    shelf: Arc<Shelf>,
    /// An image that is older is made anew.
    age_ns_max: u64,
    current: Vec<Session>,
    changes: u64,
    now: Nanos,
}

impl ImageSource {
    pub(super) fn new(shelf: Arc<Shelf>, age_ns_max: u64) -> Self {
        let age_ns_max = age_ns_max.max(AGE_NS_MIN);
        Self { shelf, age_ns_max, current: Vec::new(), changes: 0, now: Nanos(0) }
    }

    /// Whether there is something new for those who wait.
    pub(super) fn follow(&mut self, now: Nanos) -> bool {
        self.now = now;
        let content = self.shelf.content();
        if content.changes == self.changes {
            return false;
        }
        self.changes = content.changes;
        self.current.clone_from(&content.current);
        true
    }
}

impl SnapshotSource for ImageSource {
    type Cursor = ImageCursor;

    fn snapshot(&mut self, request: &SnapshotRequest) -> SnapshotAnswer<ImageCursor> {
        let SnapshotRequest { session, next_at_least, ref entitlement } = *request;
        let now = self.now;
        let mut content = self.shelf.content();
        if !content.current.contains(&session) {
            return SnapshotAnswer::Unknown;
        }
        let Some(slot) = content.slot(session, &entitlement.symbols) else {
            return SnapshotAnswer::NotYet;
        };
        slot.asked_at = now;
        if let Some((image, made_at)) = &slot.image
            && image.next_sequence >= next_at_least
            && made_at.0 + self.age_ns_max >= now.0
        {
            return SnapshotAnswer::Ready(ImageCursor { image: Arc::clone(image), at: 0 });
        }
        if let Some(reason) = slot.refused.take() {
            return SnapshotAnswer::Refused(Cow::Owned(reason));
        }
        // The lowest: one who wants too much must not keep the others waiting.
        slot.wanted = Some(slot.wanted.map_or(next_at_least, |other| other.min(next_at_least)));
        SnapshotAnswer::NotYet
    }

    fn current_sessions(&self) -> &[Session] {
        &self.current
    }
}

/// One client's way through an image.
#[derive(Clone, Debug)]
pub(super) struct ImageCursor {
    image: Arc<Image>,
    at: usize,
}

impl SnapshotCursor for ImageCursor {
    fn next_message(&mut self) -> Option<&[u8]> {
        let rest = &self.image.bytes[self.at..];
        let (length, rest) = rest.split_first_chunk::<LENGTH_BYTES>()?;
        let length = usize::from(u16::from_le_bytes(*length));
        self.at += LENGTH_BYTES + length;
        Some(&rest[..length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isochron_recovery::access::Entitlement;
    use std::collections::BTreeSet;

    const SESSION: Session = Session(*b"261122300A");
    const AGE_NS: u64 = AGE_NS_MIN;

    fn wants(next_at_least: u64, symbols: &[&str]) -> SnapshotRequest {
        let only: BTreeSet<String> = symbols.iter().map(ToString::to_string).collect();
        let symbols = if only.is_empty() { Grant::All } else { Grant::Only(only) };
        let entitlement = Arc::new(Entitlement { symbols, ..Entitlement::all() });
        SnapshotRequest { session: SESSION, next_at_least, entitlement }
    }

    fn image(next_sequence: u64) -> Image {
        let mut image = Image::new(next_sequence, 0);
        image.push(b"first");
        image.push(b"");
        image
    }

    fn shelf() -> (Arc<Shelf>, ImageSource) {
        let shelf = Arc::new(Shelf::default());
        shelf.set_current(&[SESSION]);
        let mut source = ImageSource::new(Arc::clone(&shelf), 0);
        assert!(source.follow(Nanos(10)));
        (shelf, source)
    }

    fn is_ready(answer: &SnapshotAnswer<ImageCursor>) -> bool {
        matches!(answer, SnapshotAnswer::Ready(_))
    }

    #[test]
    fn one_image_is_made_for_all_who_wait_and_come_soon() {
        let (shelf, mut source) = shelf();
        for lowest in [7, 5, u64::MAX] {
            assert!(matches!(source.snapshot(&wants(lowest, &[])), SnapshotAnswer::NotYet));
        }
        let wanted = shelf.wanted();
        assert_eq!((wanted.len(), wanted[0].next_at_least), (1, 5));
        shelf.put(&wanted[0], Ok(image(9)), Nanos(20));
        assert!(source.follow(Nanos(20)) && shelf.wanted().is_empty());
        let SnapshotAnswer::Ready(mut first) = source.snapshot(&wants(9, &[])) else { panic!() };
        let SnapshotAnswer::Ready(second) = source.snapshot(&wants(1, &[])) else { panic!() };
        assert!(Arc::ptr_eq(&first.image, &second.image));
        assert_eq!(first.next_message(), Some(&b"first"[..]));
        assert_eq!(first.next_message(), Some(&b""[..]));
        assert_eq!(first.next_message(), None);
        // Too new a wish, and an image that is too old, are waited for.
        assert!(!is_ready(&source.snapshot(&wants(10, &[]))));
        source.follow(Nanos(20 + AGE_NS));
        assert!(is_ready(&source.snapshot(&wants(9, &[]))));
        source.follow(Nanos(21 + AGE_NS));
        assert!(!is_ready(&source.snapshot(&wants(9, &[]))));
    }

    #[test]
    fn who_sees_some_symbols_has_an_image_of_those() {
        let (shelf, mut source) = shelf();
        assert!(!is_ready(&source.snapshot(&wants(1, &["A"]))));
        assert!(!is_ready(&source.snapshot(&wants(1, &["B"]))));
        let wanted = shelf.wanted();
        assert_eq!(wanted.len(), 2);
        shelf.put(&wanted[0], Ok(image(9)), Nanos(10));
        assert!(is_ready(&source.snapshot(&wants(1, &["A"]))));
        assert!(!is_ready(&source.snapshot(&wants(1, &["B"]))));
        assert!(!is_ready(&source.snapshot(&wants(1, &[]))));
    }

    #[test]
    fn a_refusal_is_said_once_to_each_who_waits_for_it_and_then_tried_again() {
        let (shelf, mut source) = shelf();
        assert!(!is_ready(&source.snapshot(&wants(1, &[]))));
        shelf.put(&shelf.wanted()[0], Err("stale".to_owned()), Nanos(10));
        let SnapshotAnswer::Refused(reason) = source.snapshot(&wants(1, &[])) else { panic!() };
        assert_eq!(reason, "stale");
        assert!(matches!(source.snapshot(&wants(1, &[])), SnapshotAnswer::NotYet));
        let other = SnapshotRequest { session: Session(*b"261122200A"), ..wants(1, &[]) };
        assert!(matches!(source.snapshot(&other), SnapshotAnswer::Unknown));
    }

    #[test]
    fn slots_are_bounded_and_those_nobody_waits_for_make_room() {
        let (shelf, mut source) = shelf();
        let symbol = |index: usize| format!("S{index}");
        for index in 0..IMAGES_MAX + 3 {
            assert!(!is_ready(&source.snapshot(&wants(1, &[&symbol(index)]))));
        }
        let wanted = shelf.wanted();
        assert_eq!(wanted.len(), IMAGES_MAX);
        wanted.iter().for_each(|wanted| shelf.put(wanted, Ok(image(9)), Nanos(10)));
        assert!(!is_ready(&source.snapshot(&wants(1, &["late"]))));
        assert_eq!(shelf.wanted().len(), 1);
    }
}
