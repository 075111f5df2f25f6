//! One channel's messages: their numbers, and the flags around each event.
//!
//! Only the next message, or the end of the event, tells whether a message is its event's last.
//! So the last one is held back, encoded, until then.

use isochron_feeds::channel::Channel;
use isochron_feeds::envelope::{self, Envelope};
use isochron_feeds::mold::Session;
use isochron_messages::{EventFlags, Message, SbeMessage, SystemEvent, SystemEventCode};

use super::Output;
use super::instrument::Count;

/// The event that messages belong to, and its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moment {
    /// The sequence of the event's root command; 0 between events.
    pub(super) event_id: u64,
    /// Nanoseconds since 1970-01-01 00:00 UTC.
    pub(super) time: u64,
}

/// One channel.
pub(super) struct Stream {
    pub(super) channel: Channel,
    /// `None` before its first session, and while its partition has no instruments.
    pub(super) session: Option<Session>,
    /// Messages of the session so far, the one held back included.
    pub(super) numbered: u64,
    held: [u8; Message::ENCODED_LENGTH_MAX],
    /// 0 for none.
    held_bytes: usize,
    /// Of a conflated product: instruments that changed since the last state was sent.
    pub(super) dirty: Vec<u32>,
    /// The event that changed one of them last.
    pub(super) changed_at: Moment,
}

impl Stream {
    pub(super) fn new(channel: Channel) -> Stream {
        Stream {
            channel,
            session: None,
            numbered: 0,
            held: [0; Message::ENCODED_LENGTH_MAX],
            held_bytes: 0,
            dirty: Vec::new(),
            changed_at: Moment::default(),
        }
    }

    /// Whether a message of the open event was pushed.
    pub(super) fn is_open(&self) -> bool {
        self.held_bytes > 0
    }

    /// Numbers a message about an instrument, and sends the one held back before it.
    #[inline]
    pub(super) fn push(
        &mut self,
        moment: Moment,
        (instrument, count): (u32, &mut Count),
        message: &impl SbeMessage,
        sink: &mut impl FnMut(Output<'_>),
    ) {
        if self.session.is_none() {
            return;
        }
        count.sequence = count.sequence.wrapping_add(1);
        count.touched_by = moment.event_id;
        let Moment { event_id, time } = moment;
        let envelope = Envelope {
            instrument,
            instrument_sequence: count.sequence,
            event_id,
            transaction_time: time,
            flags: EventFlags::default(),
        };
        self.hold(envelope, message, sink);
    }

    /// The same with a message that says everything about its instrument anew.
    pub(super) fn push_first(
        &mut self,
        moment: Moment,
        about: (u32, &mut Count),
        message: &impl SbeMessage,
        sink: &mut impl FnMut(Output<'_>),
    ) {
        self.push(moment, about, message, sink);
        envelope::add_flags(&mut self.held, EventFlags::CLEAR_BOOK);
    }

    /// The same about the whole channel.
    pub(super) fn push_system(
        &mut self,
        moment: Moment,
        code: SystemEventCode,
        trading_date: u32,
        sink: &mut impl FnMut(Output<'_>),
    ) {
        if self.session.is_none() {
            return;
        }
        let Moment { event_id, time } = moment;
        let envelope = Envelope { event_id, transaction_time: time, ..Envelope::default() };
        self.hold(envelope, &SystemEvent { trading_date, code, ..Default::default() }, sink);
    }

    #[inline]
    fn hold(
        &mut self,
        mut envelope: Envelope,
        message: &impl SbeMessage,
        sink: &mut impl FnMut(Output<'_>),
    ) {
        if self.held_bytes == 0 {
            envelope.flags = EventFlags::START_OF_EVENT;
        } else {
            self.send(sink);
        }
        self.numbered += 1;
        let length = message.encode(&mut self.held);
        self.held_bytes = length.expect("the buffer fits the longest message");
        envelope.write(&mut self.held);
    }

    fn send(&self, sink: &mut impl FnMut(Output<'_>)) {
        let bytes = &self.held[..self.held_bytes];
        sink(Output::Message { channel: self.channel, bytes });
    }

    /// Sends the message held back: it is the last of its event.
    #[inline]
    pub(super) fn end_event(&mut self, sink: &mut impl FnMut(Output<'_>)) {
        if self.held_bytes > 0 {
            envelope::add_flags(&mut self.held, EventFlags::END_OF_EVENT);
            self.send(sink);
            self.held_bytes = 0;
        }
    }

    /// The next message is the first of a day's session.
    pub(super) fn begin(&mut self, trading_date: u32, sink: &mut impl FnMut(Output<'_>)) {
        let session = self.channel.session(trading_date, b'A');
        (self.session, self.numbered) = (Some(session), 0);
        sink(Output::Session { channel: self.channel, session });
    }
}
