//! What the public may know of each event: the messages of every product, made of the log.
//!
//! ```text
//!  log    NewOrder │ Accepted │ Filled (maker) │ Filled (taker) │ ... end of event
//!  L3                           Executed         Trade            Added, what rests
//!                                                                 BookChecksum, once a second
//!  L2                                            Trade            LevelChanged, BookChecksum
//!  L1                                            Trade            BestBidOffer, Statistics
//!  conflated                                          (what changed, at intervals of logged time)
//! ```
//!
//! An event is everything that one root command caused, over all its transactions. Its first and
//! last messages on each channel carry flags. An order enters the feed with what rests of it, at
//! the end of its event: the public never sees a book that crosses. A replace that trades leaves
//! the book first and comes back with what rests. L1 and L2 are read from the same books as L3,
//! at the end of each event, so the products cannot disagree.
//!
//! A conflated channel says at once what an instrument is and whether it trades, and with that
//! everything that changed before. All else waits for the end of an interval of logged time: the
//! log's first message at or beyond it sends the state that the event before it left. Ticks are
//! messages of the log too, so this also happens in silence.
//!
//! Before the log's first trading day nothing is sent; what was defined by then opens the
//! session. The next day begins another session, which repeats what is known.
//! Spec: docs/rulebook.md and schemas/market-data.xml.

mod instrument;
mod orders;
mod session;
mod show;
mod snapshot;
mod stream;

use isochron_events::Message as LogMessage;
use isochron_feeds::book::Book;
use isochron_feeds::channel::{Channel, PARTITIONS_MAX, Product};
use isochron_feeds::mold::Session;
use isochron_messages as messages;
use isochron_messages::{InstrumentDefinition, SbeMessage};

use self::instrument::Instrument;
use self::orders::Incoming;
use self::stream::{Moment, Stream};
use super::plan::Plan;
use crate::types::flags::END_OF_EVENT;

const SECOND_NS: u64 = 1_000_000_000;

/// What goes out, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output<'a> {
    /// A session begins: the channel's next message is its first. The channel's session before it
    /// has ended.
    Session {
        /// Whose.
        channel: Channel,
        /// Its name.
        session: Session,
    },
    /// The channel's next message.
    Message {
        /// Whose.
        channel: Channel,
        /// It, encoded.
        bytes: &'a [u8],
    },
}

/// A channel that has a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenChannel {
    /// Which.
    pub channel: Channel,
    /// Its session.
    pub session: Session,
    /// The number of the session's next message.
    pub next_sequence: u64,
}

/// The command whose answer is awaited.
enum Asked {
    Nothing,
    Day { trading_date: u32 },
    Definition(Box<InstrumentDefinition>),
}

/// The feed's core. Calling order: `on_event` for every message of the log, from its beginning or
/// from where it was saved.
pub struct Feed {
    plan: Plan,
    /// The place of L3 among the plan's products.
    l3: Option<usize>,
    /// Whether a product shows levels.
    shows_levels: bool,
    /// By id.
    instruments: Vec<Option<Box<Instrument>>>,
    /// By number: a stream for each of the plan's products.
    partitions: Vec<Option<Box<[Stream]>>>,
    /// Of instruments that have none of their own yet.
    general_phase: messages::Phase,
    /// 0 before the first.
    trading_date: u32,
    day_runs: bool,
    asked: Asked,
    /// The event that is open; its id is 0 between events.
    moment: Moment,
    incoming: Option<Incoming>,
    /// The open event ends this trading day.
    day_ended: Option<u32>,
    /// Instruments and partitions that the open event is about.
    touched: Vec<u32>,
    active: Vec<u16>,
    /// Logged time at which the conflated state is due.
    boundary: u64,
    anomalies: u64,
}

impl Feed {
    /// A feed of an empty log: a new exchange is closed.
    #[must_use]
    pub fn new(plan: &Plan) -> Feed {
        let products = plan.products();
        let conflates = products.iter().any(|product| product.is_conflated());
        let levels = [Product::L2, Product::L2Depth5, Product::L2Depth10];
        Feed {
            plan: plan.clone(),
            l3: products.iter().position(|product| *product == Product::L3),
            shows_levels: levels.iter().any(|product| plan.has(*product)),
            instruments: Vec::new(),
            partitions: Vec::new(),
            general_phase: messages::Phase::CLOSED,
            trading_date: 0,
            day_runs: false,
            asked: Asked::Nothing,
            moment: Moment::default(),
            incoming: None,
            day_ended: None,
            touched: Vec::new(),
            active: Vec::new(),
            boundary: if conflates { 0 } else { u64::MAX },
            anomalies: 0,
        }
    }

    /// What is published.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The channels that have a session, by partition and product; none before the log's first
    /// trading day, and none of a partition without instruments.
    pub fn channels(&self) -> impl Iterator<Item = OpenChannel> + '_ {
        let streams = self.partitions.iter().flatten().flatten();
        streams.filter_map(|stream| {
            let next_sequence = stream.numbered + 1;
            Some(OpenChannel { channel: stream.channel, session: stream.session?, next_sequence })
        })
    }

    /// A channel, if it has a session.
    #[must_use]
    pub fn channel(&self, channel: Channel) -> Option<OpenChannel> {
        self.channels().find(|open| open.channel == channel)
    }

    /// Outcomes that do not fit the books made of the outcomes before them. Anything but 0 is a
    /// fault of the program that wrote the log, or of this one.
    #[must_use]
    pub fn anomalies(&self) -> u64 {
        self.anomalies
    }

    /// An instrument's book, as it stands after the last whole event.
    #[must_use]
    pub fn book(&self, instrument: u32) -> Option<&Book> {
        Some(&self.instruments.get(instrument as usize)?.as_ref()?.book)
    }

    /// Takes the log's next message.
    pub fn on_event(&mut self, event: &LogMessage, sink: &mut impl FnMut(Output<'_>)) {
        let header = *event.header();
        if header.timestamp >= self.boundary && self.moment.event_id == 0 {
            self.pass_boundary(header.timestamp, sink);
        }
        // They change nothing public, and an epoch may begin between an event's transactions.
        if matches!(event, LogMessage::EpochStarted(_) | LogMessage::Tick(_)) {
            return;
        }
        if self.moment.event_id != header.cause {
            if self.moment.event_id != 0 {
                self.anomalies += 1;
                self.end_event(sink);
            }
            self.moment.event_id = header.cause;
        }
        self.moment.time = header.timestamp;
        self.on_content(event, sink);
        if header.flags & END_OF_EVENT != 0 {
            self.end_event(sink);
        }
    }

    fn on_content(&mut self, event: &LogMessage, sink: &mut impl FnMut(Output<'_>)) {
        match event {
            LogMessage::OrderAcceptedEvent(accepted) => self.on_accepted(accepted),
            LogMessage::OrderFilledEvent(filled) => self.on_filled(filled, sink),
            LogMessage::OrderCanceledEvent(canceled) => self.on_canceled(canceled, sink),
            LogMessage::OrderReplacedEvent(replaced) => self.on_replaced(replaced, sink),
            LogMessage::PhaseChanged(changed) => self.on_phase(changed, sink),
            LogMessage::DayEnded(ended) => self.day_ended = Some(ended.trading_date),
            LogMessage::DayStarted(started) => {
                self.asked = Asked::Day { trading_date: started.trading_date };
            }
            LogMessage::DefineInstrument(define) => {
                self.asked = Asked::Definition(Box::new(session::definition(define)));
            }
            LogMessage::AdministrationApplied(_) => {
                match std::mem::replace(&mut self.asked, Asked::Nothing) {
                    Asked::Nothing => {}
                    Asked::Day { trading_date } => self.start_day(trading_date, sink),
                    Asked::Definition(definition) => self.define(*definition, sink),
                }
            }
            LogMessage::AdministrationRejected(_) => self.asked = Asked::Nothing,
            _ => {}
        }
    }

    /// What rests, what L1 and L2 see of it, the checksums, and the flags around it all.
    fn end_event(&mut self, sink: &mut impl FnMut(Output<'_>)) {
        self.rest(sink);
        self.asked = Asked::Nothing;
        for index in 0..self.touched.len() {
            self.show_changes(self.touched[index], sink);
        }
        if let Some(trading_date) = self.day_ended.take() {
            self.end_day(trading_date, sink);
        }
        for index in 0..self.active.len() {
            self.end_brackets(self.active[index], sink);
        }
        self.touched.clear();
        self.active.clear();
        self.moment.event_id = 0;
    }

    /// The open event is about an instrument.
    #[inline]
    fn touch(&mut self, id: u32) {
        let Some(instrument) = slot(&mut self.instruments, id) else { return };
        if instrument.touched_by != self.moment.event_id {
            instrument.touched_by = self.moment.event_id;
            self.touched.push(id);
            if !self.active.contains(&instrument.partition) {
                self.active.push(instrument.partition);
            }
        }
    }

    /// An instrument and the streams that it is on.
    #[inline]
    fn parts(&mut self, id: u32) -> Option<(&mut Instrument, &mut [Stream])> {
        let instrument = slot(&mut self.instruments, id)?;
        let streams = self.partitions.get_mut(usize::from(instrument.partition))?;
        Some((instrument, streams.as_deref_mut()?))
    }

    /// Sends a message about an instrument on L3.
    #[inline]
    fn push_l3(&mut self, id: u32, message: &impl SbeMessage, sink: &mut impl FnMut(Output<'_>)) {
        self.touch(id);
        let (moment, l3) = (self.moment, self.l3);
        if let Some(index) = l3
            && let Some((instrument, streams)) = self.parts(id)
        {
            let count = &mut instrument.views[index].count;
            streams[index].push(moment, (id, count), message, sink);
        }
    }

    /// Sends a message about an instrument on every product that `is_for` names.
    fn push(
        &mut self,
        id: u32,
        message: &impl SbeMessage,
        is_for: impl Fn(Product) -> bool,
        sink: &mut impl FnMut(Output<'_>),
    ) {
        self.touch(id);
        let moment = self.moment;
        let Some((instrument, streams)) = self.parts(id) else { return };
        for (stream, view) in streams.iter_mut().zip(&mut instrument.views) {
            if is_for(stream.channel.product) {
                stream.push(moment, (id, &mut view.count), message, sink);
            }
        }
    }

    /// The streams of a partition, made when they are first asked for.
    fn streams(&mut self, partition: u16) -> &mut [Stream] {
        debug_assert!(partition < PARTITIONS_MAX);
        let index = usize::from(partition);
        if self.partitions.len() <= index {
            self.partitions.resize_with(index + 1, || None);
        }
        self.partitions[index].get_or_insert_with(|| {
            let stream = |product: &Product| Stream::new(Channel { partition, product: *product });
            self.plan.products().iter().map(stream).collect()
        })
    }

    /// The ids of all instruments. They are a range with holes, which messages to them skip.
    fn ids(&self) -> std::ops::Range<u32> {
        1..u32::try_from(self.instruments.len()).unwrap_or(u32::MAX).max(1)
    }
}

/// An instrument that was defined.
#[inline]
fn slot(instruments: &mut [Option<Box<Instrument>>], id: u32) -> Option<&mut Instrument> {
    instruments.get_mut(id as usize)?.as_deref_mut()
}

#[cfg(test)]
mod tests;
