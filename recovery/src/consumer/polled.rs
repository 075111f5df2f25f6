//! A consumer that is asked for its events, for who cannot be called back.
//!
//! The events wait in a queue. Where that is full a datagram is not taken: the consumer misses it
//! as if the network had lost it, and repairs it when there is room again.

use std::collections::VecDeque;

use isochron_feeds::mold::Session;
use isochron_feeds::subscriber::{Event as FeedEvent, Gap, Refused, Source};

use super::{Action, ConnectionId, Consumer, Event, Options};
use crate::limits::POLLED_EVENTS_MAX;
use crate::soup::FieldError;

/// An [`Event`] that can be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolledEvent {
    /// A snapshot begins: throw away all books.
    Cleared,
    /// The next message of a snapshot.
    Snapshot(Vec<u8>),
    /// The feed goes on with this message, in this session.
    Joined {
        /// The session.
        session: Session,
        /// The number of the next message.
        sequence: u64,
    },
    /// The next message.
    Message {
        /// Its number.
        sequence: u64,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// These are missing and waited for.
    GapOpened(Gap),
    /// These will never come.
    Lost(Gap),
    /// The session is over.
    Ended {
        /// What would have been the next message.
        next: u64,
    },
    /// Something that a person may want to read.
    Notice(String),
}

impl From<Event<'_>> for PolledEvent {
    fn from(event: Event<'_>) -> PolledEvent {
        match event {
            Event::Cleared => PolledEvent::Cleared,
            Event::Snapshot(bytes) => PolledEvent::Snapshot(bytes.to_vec()),
            Event::Notice(notice) => PolledEvent::Notice(notice.to_string()),
            Event::Feed(FeedEvent::Joined { session, sequence }) => {
                PolledEvent::Joined { session, sequence }
            }
            Event::Feed(FeedEvent::Message { sequence, bytes }) => {
                PolledEvent::Message { sequence, bytes: bytes.to_vec() }
            }
            Event::Feed(FeedEvent::GapOpened(gap)) => PolledEvent::GapOpened(gap),
            Event::Feed(FeedEvent::Lost(gap)) => PolledEvent::Lost(gap),
            Event::Feed(FeedEvent::Ended { next }) => PolledEvent::Ended { next },
        }
    }
}

/// A [`Consumer`] with a queue. Calling order: as there, and `poll_event` until `None` before
/// anything more is given to it.
pub struct PolledConsumer {
    consumer: Consumer,
    events: VecDeque<PolledEvent>,
    untaken: u64,
}

impl PolledConsumer {
    /// A consumer that has heard nothing yet.
    ///
    /// # Errors
    /// As of [`Consumer::new`].
    pub fn new(options: Options) -> Result<PolledConsumer, FieldError> {
        let consumer = Consumer::new(options)?;
        Ok(PolledConsumer { consumer, events: VecDeque::new(), untaken: 0 })
    }

    /// The consumer, for its state and statistics.
    #[must_use]
    pub fn consumer(&self) -> &Consumer {
        &self.consumer
    }

    /// The oldest event that was not taken yet.
    pub fn poll_event(&mut self) -> Option<PolledEvent> {
        self.events.pop_front()
    }

    /// Whether there is room for more. Where there is not, leave what waits in the sockets of
    /// connections there: their bytes are always taken, a call's worth beyond the queue's limit.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.events.len() < POLLED_EVENTS_MAX
    }

    /// Datagrams that were not taken for want of room.
    #[must_use]
    pub fn untaken(&self) -> u64 {
        self.untaken
    }

    /// As [`Consumer::on_datagram`], unless there is no room.
    ///
    /// # Errors
    /// As there. A datagram that was not taken for want of room is no error, but counted.
    pub fn on_datagram(
        &mut self,
        source: Source,
        datagram: &[u8],
        now_ns: u64,
    ) -> Result<(), Refused> {
        if !self.has_room() {
            self.untaken += 1;
            return Ok(());
        }
        let Self { consumer, events, .. } = self;
        consumer.on_datagram(source, datagram, now_ns, &mut |event| events.push_back(event.into()))
    }

    /// As [`Consumer::on_connected`].
    pub fn on_connected(&mut self, connection: ConnectionId, now_ns: u64) {
        self.consumer.on_connected(connection, now_ns);
    }

    /// As [`Consumer::on_bytes`].
    pub fn on_bytes(&mut self, connection: ConnectionId, bytes: &[u8], now_ns: u64) {
        let Self { consumer, events, .. } = self;
        consumer.on_bytes(connection, bytes, now_ns, &mut |event| events.push_back(event.into()));
    }

    /// As [`Consumer::on_disconnected`].
    pub fn on_disconnected(&mut self, connection: ConnectionId, now_ns: u64) {
        let Self { consumer, events, .. } = self;
        consumer.on_disconnected(connection, now_ns, &mut |event| events.push_back(event.into()));
    }

    /// As [`Consumer::on_time`].
    pub fn on_time(&mut self, now_ns: u64) {
        let Self { consumer, events, .. } = self;
        consumer.on_time(now_ns, &mut |event| events.push_back(event.into()));
    }

    /// As [`Consumer::poll_action`].
    #[must_use]
    pub fn poll_action(&mut self, now_ns: u64) -> Option<Action> {
        self.consumer.poll_action(now_ns)
    }

    /// As [`Consumer::next_deadline`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.consumer.next_deadline()
    }

    /// As [`Consumer::join_again`].
    pub fn join_again(&mut self, now_ns: u64) -> bool {
        self.consumer.join_again(now_ns)
    }

    /// As [`Consumer::give_up`].
    pub fn give_up(&mut self, now_ns: u64) {
        let Self { consumer, events, .. } = self;
        consumer.give_up(now_ns, &mut |event| events.push_back(event.into()));
    }
}
