//! The loop that follows the feed's logs with books and makes images of them.
//!
//! It is a consumer of the feed like any other: what it gives out is what the public could know,
//! and the publisher does not notice it. To make an image is one long step, in which only this
//! agent stands still.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use isochron_feeds::books::{Books, Instrument};
use isochron_feeds::channel::Channel;
use isochron_feeds::mold::Session;
use isochron_feeds::snapshot::Writer;
use isochron_messages::Message;
use isochron_recovery::access::{Entitlement, Grant};
use isochron_recovery::{Library, SequencedLog};

use super::images::{Image, Shelf, Wanted};
use super::library::FeedLibrary;
use crate::agent::{Agent, Clock};
use crate::metrics::{Counter, CounterWriter, Counters};
use crate::store::Disk;
use crate::types::Nanos;

/// Messages applied to one channel's books in one cycle: some milliseconds.
const MESSAGES_PER_CYCLE: usize = 10_000;

/// The books of one session, as far as its log was followed.
struct Follower {
    books: Books,
    next: u64,
    /// Whether all there was in this cycle is applied.
    is_at_end: bool,
    /// Why nothing more can be applied.
    fault: Option<String>,
    /// Bytes of the last image: the next one needs about as many.
    image_bytes: usize,
}

impl Follower {
    fn new(channel: Channel) -> Self {
        let books = Books::of(channel.product);
        Self { books, next: 1, is_at_end: false, fault: None, image_bytes: 0 }
    }

    /// Applies what came, a bounded part of it; how many messages, and how many did not fit.
    fn follow(&mut self, log: &mut dyn SequencedLog) -> (usize, u64) {
        let (mut applied, mut faults) = (0, 0);
        while applied < MESSAGES_PER_CYCLE && self.next < log.next() && self.fault.is_none() {
            match log.get(self.next).map(Message::decode) {
                Some(Ok(message)) => faults += u64::from(self.books.apply(&message).is_err()),
                Some(Err(error)) => self.fault = Some(format!("message {}: {error}", self.next)),
                None => self.fault = Some(format!("message {} is not kept", self.next)),
            }
            if self.fault.is_none() {
                self.next += 1;
                applied += 1;
            }
        }
        self.is_at_end = self.next == log.next();
        (applied, faults + u64::from(self.fault.is_some() && applied > 0))
    }

    /// Whether an image can be made now that has all messages before `next_at_least`.
    fn can_make(&self, next_at_least: u64) -> bool {
        let is_whole = self.is_at_end && self.books.is_at_end_of_event();
        self.fault.is_some() || (is_whole && self.next >= next_at_least)
    }

    /// An image of what a user may see, and how many orders or levels are in it.
    fn make(&mut self, symbols: &Grant<String>) -> Result<(Image, u32), String> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let sees = Entitlement { symbols: symbols.clone(), ..Entitlement::all() };
        let shows = |instrument: &Instrument| {
            let definition = instrument.definition.as_ref();
            definition.is_some_and(|definition| sees.may_see(symbol(&definition.symbol)))
        };
        let writer = Writer::of_those(&self.books, self.next - 1, shows);
        let mut writer = writer.map_err(|error| error.to_string())?;
        let orders = writer.entries();
        let mut image = Image::new(self.next, self.image_bytes);
        while let Some(message) = writer.next_message() {
            image.push(message);
        }
        self.image_bytes = image.bytes();
        Ok((image, orders))
    }
}

/// A symbol without its padding.
fn symbol(padded: &[u8]) -> &str {
    let text = std::str::from_utf8(padded).unwrap_or_default();
    text.trim_end_matches(['\0', ' '])
}

struct ImageCounters {
    made: CounterWriter,
    make_ns: CounterWriter,
    orders: CounterWriter,
    faults: CounterWriter,
}

/// Makes images for the agent with the sockets.
pub struct ImageAgent {
    library: FeedLibrary,
    followers: BTreeMap<Session, Follower>,
    shelf: Arc<Shelf>,
    /// An image is as old as the moment at which it was done, or one that takes long would be too
    /// old at once.
    clock: Box<dyn Clock>,
    counters: ImageCounters,
}

impl ImageAgent {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        store: PathBuf,
        shelf: Arc<Shelf>,
        clock: Box<dyn Clock>,
        counters: &Counters,
    ) -> Self {
        Self {
            library: FeedLibrary::new(disk, store),
            followers: BTreeMap::new(),
            shelf,
            clock,
            counters: ImageCounters {
                made: counters.writer(Counter::BOOK_IMAGES),
                make_ns: counters.writer(Counter::BOOK_IMAGE_NS),
                orders: counters.writer(Counter::BOOK_IMAGE_ORDERS),
                faults: counters.writer(Counter::BOOK_IMAGE_FAULTS),
            },
        }
    }

    /// The sessions of today take the place of those of yesterday.
    fn look(&mut self) {
        let current = self.library.current_sessions();
        let is_known = current.iter().all(|session| self.followers.contains_key(session));
        if is_known && current.len() == self.followers.len() {
            return;
        }
        self.shelf.set_current(current);
        let current = current.to_vec();
        self.followers.retain(|session, _| current.contains(session));
        for session in current {
            if let Some(channel) = Channel::of_session(session) {
                self.followers.entry(session).or_insert_with(|| Follower::new(channel));
            }
        }
    }

    fn make(&mut self, wanted: &Wanted) {
        let Some(follower) = self.followers.get_mut(&wanted.session) else { return };
        if !follower.can_make(wanted.next_at_least) || !self.shelf.has_room() {
            return;
        }
        let begun = self.clock.now();
        let made = follower.make(&wanted.symbols);
        let now = self.clock.now();
        if let Ok((_, orders)) = &made {
            self.counters.made.add(1);
            self.counters.orders.set(u64::from(*orders));
            self.counters.make_ns.set(now.0.saturating_sub(begun.0));
        }
        self.shelf.put(wanted, made.map(|(image, _)| image), now);
    }
}

impl Agent for ImageAgent {
    fn name(&self) -> &str {
        "images"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        let mut work = self.library.follow(now, |_| {});
        self.look();
        for (session, follower) in &mut self.followers {
            if let Some(log) = self.library.log(*session) {
                let (applied, faults) = follower.follow(log);
                self.counters.faults.add(faults);
                work += applied;
            }
        }
        for wanted in self.shelf.wanted() {
            self.make(&wanted);
        }
        work
    }

    /// It reads mapped files, and an image takes long.
    fn waits(&self) -> bool {
        true
    }
}
