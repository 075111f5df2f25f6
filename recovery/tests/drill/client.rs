//! The client's end of a drill: the consumer, its books, and everything that must hold of them.

use isochron_feeds::books::Books;
use isochron_feeds::limits::{GAPS_OPEN_MAX, HELD_MESSAGES_MAX};
use isochron_feeds::subscriber::{Event as FeedEvent, State};
use isochron_messages::Message;
use isochron_recovery::consumer::{Consumer, Event, Options};

/// What the consumer delivered, checked as it came.
pub(crate) struct Heard {
    pub(crate) books: Books,
    /// The next message that must be delivered; 0 before it is known.
    pub(crate) position: u64,
    pub(crate) joined: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    pub(crate) faults: u64,
    pub(crate) notices: Vec<String>,
    pub(crate) ended: bool,
}

impl Heard {
    fn on_event(&mut self, event: Event<'_>, published: &[Vec<u8>]) {
        match event {
            Event::Cleared => {}
            Event::Snapshot(bytes) => self.apply(bytes),
            Event::Notice(notice) => self.notices.push(notice.to_string()),
            Event::Feed(FeedEvent::Joined { sequence, .. }) => {
                assert!(sequence >= self.position, "back to {sequence}, {} is due", self.position);
                self.position = sequence;
                self.joined += 1;
            }
            Event::Feed(FeedEvent::Message { sequence, bytes }) => {
                assert_eq!(sequence, self.position, "in order, once, and without a hole");
                assert_eq!(bytes, published[sequence as usize - 1], "message {sequence}");
                self.position = sequence + 1;
                self.delivered += 1;
                self.apply(bytes);
            }
            Event::Feed(FeedEvent::Lost(gap)) => {
                assert_eq!(gap.first, self.position, "a loss out of its place");
                self.position = gap.next;
                self.lost += gap.messages();
            }
            Event::Feed(FeedEvent::Ended { next }) => {
                assert_eq!((next, self.ended), (self.position, false));
                self.ended = true;
            }
            Event::Feed(FeedEvent::GapOpened(_)) => {}
        }
    }

    fn apply(&mut self, bytes: &[u8]) {
        let message = Message::decode(bytes).expect("a message of this schema");
        self.faults += u64::from(self.books.apply(&message).is_err());
    }
}

/// The consumer and what it delivered.
pub(crate) struct Client {
    pub(crate) consumer: Consumer,
    pub(crate) heard: Heard,
    /// Since when it is not in step.
    out_since_ns: Option<u64>,
    /// The longest time that it was not.
    pub(crate) out_longest_ns: u64,
}

impl Client {
    pub(crate) fn new(options: Options) -> Client {
        Client {
            consumer: Consumer::new(options).expect("user and password fit"),
            heard: Heard {
                books: Books::new(),
                position: 0,
                joined: 0,
                delivered: 0,
                lost: 0,
                faults: 0,
                notices: Vec::new(),
                ended: false,
            },
            out_since_ns: None,
            out_longest_ns: 0,
        }
    }

    /// Makes a call of the consumer, whose events are checked.
    pub(crate) fn call<T>(
        &mut self,
        published: &[Vec<u8>],
        call: impl FnOnce(&mut Consumer, &mut dyn FnMut(Event<'_>)) -> T,
    ) -> T {
        let Self { consumer, heard, .. } = self;
        call(consumer, &mut |event| heard.on_event(event, published))
    }

    /// What must hold at any time, and how long it has been out of step.
    pub(crate) fn check(&mut self, now_ns: u64) {
        let subscriber = self.consumer.subscriber();
        assert!(subscriber.held() <= HELD_MESSAGES_MAX);
        assert!(subscriber.missing().count() <= GAPS_OPEN_MAX + 1);
        match self.consumer.state(now_ns) {
            State::Joining | State::Repairing | State::Stale => {
                let since_ns = *self.out_since_ns.get_or_insert(now_ns);
                self.out_longest_ns = self.out_longest_ns.max(now_ns - since_ns);
            }
            State::Waiting | State::InStep | State::Ended => self.out_since_ns = None,
        }
    }
}
