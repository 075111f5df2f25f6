//! Any message of the schema.
//!
//! @generated from market-data.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::SCHEMA_ID;
use crate::runtime::{DecodeError, EncodeError, FieldVisitor, MessageHeader, SbeMessage};
use crate::templates::{
    BestBidOffer, BookChecksum, FairnessCommit, FairnessReport, FairnessReveal,
    InstrumentDefinition, LevelChanged, OrderAdded, OrderDeleted, OrderExecuted, OrderModified,
    OrderReduced, SnapshotComplete, SnapshotStart, Statistics, SystemEvent, Trade, TradingStatus,
};
use crate::types::EventFlags;

/// Any message of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// What an instrument is; sent before anything else about it.
    InstrumentDefinition(InstrumentDefinition),
    /// The phase of an instrument.
    TradingStatus(TradingStatus),
    /// Something about the whole feed.
    SystemEvent(SystemEvent),
    /// L3: an order rests, last in its price level.
    OrderAdded(OrderAdded),
    /// L3: a resting order traded; at 0 remaining it is gone.
    OrderExecuted(OrderExecuted),
    /// L3: a resting order became smaller and keeps its place.
    OrderReduced(OrderReduced),
    /// L3: a resting order is gone.
    OrderDeleted(OrderDeleted),
    /// L3: a resting order has a new price or quantity; never crosses.
    OrderModified(OrderModified),
    /// L1, L2, L3: a trade, for the tape; it does not change the book. Conflated products have
    /// none.
    Trade(Trade),
    /// L2: a price level of the product's depth is now this; quantity 0 is gone.
    LevelChanged(LevelChanged),
    /// L1: the best prices are now these.
    BestBidOffer(BestBidOffer),
    /// L1: the day so far; begins anew with each session, and is sent for every instrument at
    /// the day's end.
    Statistics(Statistics),
    /// Recovery: a snapshot begins.
    SnapshotStart(SnapshotStart),
    /// Recovery: a snapshot is complete; go on with the next sequence.
    SnapshotComplete(SnapshotComplete),
    /// L2, L3: what the instrument's book must hash to, after the event; on L2 of the
    /// product's own depth.
    BookChecksum(BookChecksum),
    /// The hash of the seed that decides the order of unicast sends.
    FairnessCommit(FairnessCommit),
    /// The seed, after the day.
    FairnessReveal(FairnessReveal),
    /// How even a window's deliveries were.
    FairnessReport(FairnessReport),
}

impl Message {
    /// Bytes of header and block of the longest message.
    pub const ENCODED_LENGTH_MAX: usize = 208;

    /// Reads header and block, by what the header says.
    ///
    /// # Errors
    /// The bytes are no message of this schema, or end before it does.
    pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        let header = MessageHeader::parse(message)?;
        if header.schema_id != SCHEMA_ID {
            return Err(DecodeError::SchemaUnknown { schema_id: header.schema_id });
        }
        match header.template_id {
            InstrumentDefinition::TEMPLATE_ID => read::<InstrumentDefinition>(message),
            TradingStatus::TEMPLATE_ID => read::<TradingStatus>(message),
            SystemEvent::TEMPLATE_ID => read::<SystemEvent>(message),
            OrderAdded::TEMPLATE_ID => read::<OrderAdded>(message),
            OrderExecuted::TEMPLATE_ID => read::<OrderExecuted>(message),
            OrderReduced::TEMPLATE_ID => read::<OrderReduced>(message),
            OrderDeleted::TEMPLATE_ID => read::<OrderDeleted>(message),
            OrderModified::TEMPLATE_ID => read::<OrderModified>(message),
            Trade::TEMPLATE_ID => read::<Trade>(message),
            LevelChanged::TEMPLATE_ID => read::<LevelChanged>(message),
            BestBidOffer::TEMPLATE_ID => read::<BestBidOffer>(message),
            Statistics::TEMPLATE_ID => read::<Statistics>(message),
            SnapshotStart::TEMPLATE_ID => read::<SnapshotStart>(message),
            SnapshotComplete::TEMPLATE_ID => read::<SnapshotComplete>(message),
            BookChecksum::TEMPLATE_ID => read::<BookChecksum>(message),
            FairnessCommit::TEMPLATE_ID => read::<FairnessCommit>(message),
            FairnessReveal::TEMPLATE_ID => read::<FairnessReveal>(message),
            FairnessReport::TEMPLATE_ID => read::<FairnessReport>(message),
            template_id => Err(DecodeError::TemplateUnknown { template_id }),
        }
    }

    /// Writes header and block; returns their length.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    pub fn encode(&self, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        match self {
            Self::InstrumentDefinition(message) => message.encode(buffer),
            Self::TradingStatus(message) => message.encode(buffer),
            Self::SystemEvent(message) => message.encode(buffer),
            Self::OrderAdded(message) => message.encode(buffer),
            Self::OrderExecuted(message) => message.encode(buffer),
            Self::OrderReduced(message) => message.encode(buffer),
            Self::OrderDeleted(message) => message.encode(buffer),
            Self::OrderModified(message) => message.encode(buffer),
            Self::Trade(message) => message.encode(buffer),
            Self::LevelChanged(message) => message.encode(buffer),
            Self::BestBidOffer(message) => message.encode(buffer),
            Self::Statistics(message) => message.encode(buffer),
            Self::SnapshotStart(message) => message.encode(buffer),
            Self::SnapshotComplete(message) => message.encode(buffer),
            Self::BookChecksum(message) => message.encode(buffer),
            Self::FairnessCommit(message) => message.encode(buffer),
            Self::FairnessReveal(message) => message.encode(buffer),
            Self::FairnessReport(message) => message.encode(buffer),
        }
    }

    /// Which message.
    #[must_use]
    pub const fn template_id(&self) -> u16 {
        match self {
            Self::InstrumentDefinition(_) => InstrumentDefinition::TEMPLATE_ID,
            Self::TradingStatus(_) => TradingStatus::TEMPLATE_ID,
            Self::SystemEvent(_) => SystemEvent::TEMPLATE_ID,
            Self::OrderAdded(_) => OrderAdded::TEMPLATE_ID,
            Self::OrderExecuted(_) => OrderExecuted::TEMPLATE_ID,
            Self::OrderReduced(_) => OrderReduced::TEMPLATE_ID,
            Self::OrderDeleted(_) => OrderDeleted::TEMPLATE_ID,
            Self::OrderModified(_) => OrderModified::TEMPLATE_ID,
            Self::Trade(_) => Trade::TEMPLATE_ID,
            Self::LevelChanged(_) => LevelChanged::TEMPLATE_ID,
            Self::BestBidOffer(_) => BestBidOffer::TEMPLATE_ID,
            Self::Statistics(_) => Statistics::TEMPLATE_ID,
            Self::SnapshotStart(_) => SnapshotStart::TEMPLATE_ID,
            Self::SnapshotComplete(_) => SnapshotComplete::TEMPLATE_ID,
            Self::BookChecksum(_) => BookChecksum::TEMPLATE_ID,
            Self::FairnessCommit(_) => FairnessCommit::TEMPLATE_ID,
            Self::FairnessReveal(_) => FairnessReveal::TEMPLATE_ID,
            Self::FairnessReport(_) => FairnessReport::TEMPLATE_ID,
        }
    }

    /// Bytes of header and block.
    #[must_use]
    pub const fn encoded_length(&self) -> usize {
        match self {
            Self::InstrumentDefinition(_) => InstrumentDefinition::ENCODED_LENGTH,
            Self::TradingStatus(_) => TradingStatus::ENCODED_LENGTH,
            Self::SystemEvent(_) => SystemEvent::ENCODED_LENGTH,
            Self::OrderAdded(_) => OrderAdded::ENCODED_LENGTH,
            Self::OrderExecuted(_) => OrderExecuted::ENCODED_LENGTH,
            Self::OrderReduced(_) => OrderReduced::ENCODED_LENGTH,
            Self::OrderDeleted(_) => OrderDeleted::ENCODED_LENGTH,
            Self::OrderModified(_) => OrderModified::ENCODED_LENGTH,
            Self::Trade(_) => Trade::ENCODED_LENGTH,
            Self::LevelChanged(_) => LevelChanged::ENCODED_LENGTH,
            Self::BestBidOffer(_) => BestBidOffer::ENCODED_LENGTH,
            Self::Statistics(_) => Statistics::ENCODED_LENGTH,
            Self::SnapshotStart(_) => SnapshotStart::ENCODED_LENGTH,
            Self::SnapshotComplete(_) => SnapshotComplete::ENCODED_LENGTH,
            Self::BookChecksum(_) => BookChecksum::ENCODED_LENGTH,
            Self::FairnessCommit(_) => FairnessCommit::ENCODED_LENGTH,
            Self::FairnessReveal(_) => FairnessReveal::ENCODED_LENGTH,
            Self::FairnessReport(_) => FairnessReport::ENCODED_LENGTH,
        }
    }

    /// The schema's name of the message.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::InstrumentDefinition(_) => "InstrumentDefinition",
            Self::TradingStatus(_) => "TradingStatus",
            Self::SystemEvent(_) => "SystemEvent",
            Self::OrderAdded(_) => "OrderAdded",
            Self::OrderExecuted(_) => "OrderExecuted",
            Self::OrderReduced(_) => "OrderReduced",
            Self::OrderDeleted(_) => "OrderDeleted",
            Self::OrderModified(_) => "OrderModified",
            Self::Trade(_) => "Trade",
            Self::LevelChanged(_) => "LevelChanged",
            Self::BestBidOffer(_) => "BestBidOffer",
            Self::Statistics(_) => "Statistics",
            Self::SnapshotStart(_) => "SnapshotStart",
            Self::SnapshotComplete(_) => "SnapshotComplete",
            Self::BookChecksum(_) => "BookChecksum",
            Self::FairnessCommit(_) => "FairnessCommit",
            Self::FairnessReveal(_) => "FairnessReveal",
            Self::FairnessReport(_) => "FairnessReport",
        }
    }

    /// Gives each field's name and value to `visit`, in wire order; those of a composite are
    /// named after it, as in `header.sequence`.
    pub fn fields(&self, visit: &mut FieldVisitor<'_>) {
        match self {
            Self::InstrumentDefinition(message) => message.fields(visit),
            Self::TradingStatus(message) => message.fields(visit),
            Self::SystemEvent(message) => message.fields(visit),
            Self::OrderAdded(message) => message.fields(visit),
            Self::OrderExecuted(message) => message.fields(visit),
            Self::OrderReduced(message) => message.fields(visit),
            Self::OrderDeleted(message) => message.fields(visit),
            Self::OrderModified(message) => message.fields(visit),
            Self::Trade(message) => message.fields(visit),
            Self::LevelChanged(message) => message.fields(visit),
            Self::BestBidOffer(message) => message.fields(visit),
            Self::Statistics(message) => message.fields(visit),
            Self::SnapshotStart(message) => message.fields(visit),
            Self::SnapshotComplete(message) => message.fields(visit),
            Self::BookChecksum(message) => message.fields(visit),
            Self::FairnessCommit(message) => message.fields(visit),
            Self::FairnessReveal(message) => message.fields(visit),
            Self::FairnessReport(message) => message.fields(visit),
        }
    }

    /// A tradable instrument, from 1; 0 names none, or all.
    #[must_use]
    pub const fn instrument(&self) -> u32 {
        match self {
            Self::InstrumentDefinition(message) => message.instrument,
            Self::TradingStatus(message) => message.instrument,
            Self::SystemEvent(message) => message.instrument,
            Self::OrderAdded(message) => message.instrument,
            Self::OrderExecuted(message) => message.instrument,
            Self::OrderReduced(message) => message.instrument,
            Self::OrderDeleted(message) => message.instrument,
            Self::OrderModified(message) => message.instrument,
            Self::Trade(message) => message.instrument,
            Self::LevelChanged(message) => message.instrument,
            Self::BestBidOffer(message) => message.instrument,
            Self::Statistics(message) => message.instrument,
            Self::SnapshotStart(message) => message.instrument,
            Self::SnapshotComplete(message) => message.instrument,
            Self::BookChecksum(message) => message.instrument,
            Self::FairnessCommit(message) => message.instrument,
            Self::FairnessReveal(message) => message.instrument,
            Self::FairnessReport(message) => message.instrument,
        }
    }

    /// Changes `instrument`.
    pub const fn set_instrument(&mut self, value: u32) {
        match self {
            Self::InstrumentDefinition(message) => message.instrument = value,
            Self::TradingStatus(message) => message.instrument = value,
            Self::SystemEvent(message) => message.instrument = value,
            Self::OrderAdded(message) => message.instrument = value,
            Self::OrderExecuted(message) => message.instrument = value,
            Self::OrderReduced(message) => message.instrument = value,
            Self::OrderDeleted(message) => message.instrument = value,
            Self::OrderModified(message) => message.instrument = value,
            Self::Trade(message) => message.instrument = value,
            Self::LevelChanged(message) => message.instrument = value,
            Self::BestBidOffer(message) => message.instrument = value,
            Self::Statistics(message) => message.instrument = value,
            Self::SnapshotStart(message) => message.instrument = value,
            Self::SnapshotComplete(message) => message.instrument = value,
            Self::BookChecksum(message) => message.instrument = value,
            Self::FairnessCommit(message) => message.instrument = value,
            Self::FairnessReveal(message) => message.instrument = value,
            Self::FairnessReport(message) => message.instrument = value,
        }
    }

    /// The number of a message within its instrument and session, from 1; 0 where it has none.
    /// In a snapshot, the last one included.
    #[must_use]
    pub const fn instrument_sequence(&self) -> u32 {
        match self {
            Self::InstrumentDefinition(message) => message.instrument_sequence,
            Self::TradingStatus(message) => message.instrument_sequence,
            Self::SystemEvent(message) => message.instrument_sequence,
            Self::OrderAdded(message) => message.instrument_sequence,
            Self::OrderExecuted(message) => message.instrument_sequence,
            Self::OrderReduced(message) => message.instrument_sequence,
            Self::OrderDeleted(message) => message.instrument_sequence,
            Self::OrderModified(message) => message.instrument_sequence,
            Self::Trade(message) => message.instrument_sequence,
            Self::LevelChanged(message) => message.instrument_sequence,
            Self::BestBidOffer(message) => message.instrument_sequence,
            Self::Statistics(message) => message.instrument_sequence,
            Self::SnapshotStart(message) => message.instrument_sequence,
            Self::SnapshotComplete(message) => message.instrument_sequence,
            Self::BookChecksum(message) => message.instrument_sequence,
            Self::FairnessCommit(message) => message.instrument_sequence,
            Self::FairnessReveal(message) => message.instrument_sequence,
            Self::FairnessReport(message) => message.instrument_sequence,
        }
    }

    /// Changes `instrument_sequence`.
    pub const fn set_instrument_sequence(&mut self, value: u32) {
        match self {
            Self::InstrumentDefinition(message) => message.instrument_sequence = value,
            Self::TradingStatus(message) => message.instrument_sequence = value,
            Self::SystemEvent(message) => message.instrument_sequence = value,
            Self::OrderAdded(message) => message.instrument_sequence = value,
            Self::OrderExecuted(message) => message.instrument_sequence = value,
            Self::OrderReduced(message) => message.instrument_sequence = value,
            Self::OrderDeleted(message) => message.instrument_sequence = value,
            Self::OrderModified(message) => message.instrument_sequence = value,
            Self::Trade(message) => message.instrument_sequence = value,
            Self::LevelChanged(message) => message.instrument_sequence = value,
            Self::BestBidOffer(message) => message.instrument_sequence = value,
            Self::Statistics(message) => message.instrument_sequence = value,
            Self::SnapshotStart(message) => message.instrument_sequence = value,
            Self::SnapshotComplete(message) => message.instrument_sequence = value,
            Self::BookChecksum(message) => message.instrument_sequence = value,
            Self::FairnessCommit(message) => message.instrument_sequence = value,
            Self::FairnessReveal(message) => message.instrument_sequence = value,
            Self::FairnessReport(message) => message.instrument_sequence = value,
        }
    }

    /// The sequence of the command that caused it: the same on L1, L2 and L3.
    #[must_use]
    pub const fn event_id(&self) -> u64 {
        match self {
            Self::InstrumentDefinition(message) => message.event_id,
            Self::TradingStatus(message) => message.event_id,
            Self::SystemEvent(message) => message.event_id,
            Self::OrderAdded(message) => message.event_id,
            Self::OrderExecuted(message) => message.event_id,
            Self::OrderReduced(message) => message.event_id,
            Self::OrderDeleted(message) => message.event_id,
            Self::OrderModified(message) => message.event_id,
            Self::Trade(message) => message.event_id,
            Self::LevelChanged(message) => message.event_id,
            Self::BestBidOffer(message) => message.event_id,
            Self::Statistics(message) => message.event_id,
            Self::SnapshotStart(message) => message.event_id,
            Self::SnapshotComplete(message) => message.event_id,
            Self::BookChecksum(message) => message.event_id,
            Self::FairnessCommit(message) => message.event_id,
            Self::FairnessReveal(message) => message.event_id,
            Self::FairnessReport(message) => message.event_id,
        }
    }

    /// Changes `event_id`.
    pub const fn set_event_id(&mut self, value: u64) {
        match self {
            Self::InstrumentDefinition(message) => message.event_id = value,
            Self::TradingStatus(message) => message.event_id = value,
            Self::SystemEvent(message) => message.event_id = value,
            Self::OrderAdded(message) => message.event_id = value,
            Self::OrderExecuted(message) => message.event_id = value,
            Self::OrderReduced(message) => message.event_id = value,
            Self::OrderDeleted(message) => message.event_id = value,
            Self::OrderModified(message) => message.event_id = value,
            Self::Trade(message) => message.event_id = value,
            Self::LevelChanged(message) => message.event_id = value,
            Self::BestBidOffer(message) => message.event_id = value,
            Self::Statistics(message) => message.event_id = value,
            Self::SnapshotStart(message) => message.event_id = value,
            Self::SnapshotComplete(message) => message.event_id = value,
            Self::BookChecksum(message) => message.event_id = value,
            Self::FairnessCommit(message) => message.event_id = value,
            Self::FairnessReveal(message) => message.event_id = value,
            Self::FairnessReport(message) => message.event_id = value,
        }
    }

    /// Nanoseconds since 1970-01-01 00:00 UTC.
    #[must_use]
    pub const fn transaction_time(&self) -> u64 {
        match self {
            Self::InstrumentDefinition(message) => message.transaction_time,
            Self::TradingStatus(message) => message.transaction_time,
            Self::SystemEvent(message) => message.transaction_time,
            Self::OrderAdded(message) => message.transaction_time,
            Self::OrderExecuted(message) => message.transaction_time,
            Self::OrderReduced(message) => message.transaction_time,
            Self::OrderDeleted(message) => message.transaction_time,
            Self::OrderModified(message) => message.transaction_time,
            Self::Trade(message) => message.transaction_time,
            Self::LevelChanged(message) => message.transaction_time,
            Self::BestBidOffer(message) => message.transaction_time,
            Self::Statistics(message) => message.transaction_time,
            Self::SnapshotStart(message) => message.transaction_time,
            Self::SnapshotComplete(message) => message.transaction_time,
            Self::BookChecksum(message) => message.transaction_time,
            Self::FairnessCommit(message) => message.transaction_time,
            Self::FairnessReveal(message) => message.transaction_time,
            Self::FairnessReport(message) => message.transaction_time,
        }
    }

    /// Changes `transaction_time`.
    pub const fn set_transaction_time(&mut self, value: u64) {
        match self {
            Self::InstrumentDefinition(message) => message.transaction_time = value,
            Self::TradingStatus(message) => message.transaction_time = value,
            Self::SystemEvent(message) => message.transaction_time = value,
            Self::OrderAdded(message) => message.transaction_time = value,
            Self::OrderExecuted(message) => message.transaction_time = value,
            Self::OrderReduced(message) => message.transaction_time = value,
            Self::OrderDeleted(message) => message.transaction_time = value,
            Self::OrderModified(message) => message.transaction_time = value,
            Self::Trade(message) => message.transaction_time = value,
            Self::LevelChanged(message) => message.transaction_time = value,
            Self::BestBidOffer(message) => message.transaction_time = value,
            Self::Statistics(message) => message.transaction_time = value,
            Self::SnapshotStart(message) => message.transaction_time = value,
            Self::SnapshotComplete(message) => message.transaction_time = value,
            Self::BookChecksum(message) => message.transaction_time = value,
            Self::FairnessCommit(message) => message.transaction_time = value,
            Self::FairnessReveal(message) => message.transaction_time = value,
            Self::FairnessReport(message) => message.transaction_time = value,
        }
    }

    /// Where a message stands in its event.
    #[must_use]
    pub const fn flags(&self) -> EventFlags {
        match self {
            Self::InstrumentDefinition(message) => message.flags,
            Self::TradingStatus(message) => message.flags,
            Self::SystemEvent(message) => message.flags,
            Self::OrderAdded(message) => message.flags,
            Self::OrderExecuted(message) => message.flags,
            Self::OrderReduced(message) => message.flags,
            Self::OrderDeleted(message) => message.flags,
            Self::OrderModified(message) => message.flags,
            Self::Trade(message) => message.flags,
            Self::LevelChanged(message) => message.flags,
            Self::BestBidOffer(message) => message.flags,
            Self::Statistics(message) => message.flags,
            Self::SnapshotStart(message) => message.flags,
            Self::SnapshotComplete(message) => message.flags,
            Self::BookChecksum(message) => message.flags,
            Self::FairnessCommit(message) => message.flags,
            Self::FairnessReveal(message) => message.flags,
            Self::FairnessReport(message) => message.flags,
        }
    }

    /// Changes `flags`.
    pub const fn set_flags(&mut self, value: EventFlags) {
        match self {
            Self::InstrumentDefinition(message) => message.flags = value,
            Self::TradingStatus(message) => message.flags = value,
            Self::SystemEvent(message) => message.flags = value,
            Self::OrderAdded(message) => message.flags = value,
            Self::OrderExecuted(message) => message.flags = value,
            Self::OrderReduced(message) => message.flags = value,
            Self::OrderDeleted(message) => message.flags = value,
            Self::OrderModified(message) => message.flags = value,
            Self::Trade(message) => message.flags = value,
            Self::LevelChanged(message) => message.flags = value,
            Self::BestBidOffer(message) => message.flags = value,
            Self::Statistics(message) => message.flags = value,
            Self::SnapshotStart(message) => message.flags = value,
            Self::SnapshotComplete(message) => message.flags = value,
            Self::BookChecksum(message) => message.flags = value,
            Self::FairnessCommit(message) => message.flags = value,
            Self::FairnessReveal(message) => message.flags = value,
            Self::FairnessReport(message) => message.flags = value,
        }
    }
}

impl fmt::Display for Message {
    /// The message's name, then ` name=value` for each field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InstrumentDefinition(message) => message.fmt(f),
            Self::TradingStatus(message) => message.fmt(f),
            Self::SystemEvent(message) => message.fmt(f),
            Self::OrderAdded(message) => message.fmt(f),
            Self::OrderExecuted(message) => message.fmt(f),
            Self::OrderReduced(message) => message.fmt(f),
            Self::OrderDeleted(message) => message.fmt(f),
            Self::OrderModified(message) => message.fmt(f),
            Self::Trade(message) => message.fmt(f),
            Self::LevelChanged(message) => message.fmt(f),
            Self::BestBidOffer(message) => message.fmt(f),
            Self::Statistics(message) => message.fmt(f),
            Self::SnapshotStart(message) => message.fmt(f),
            Self::SnapshotComplete(message) => message.fmt(f),
            Self::BookChecksum(message) => message.fmt(f),
            Self::FairnessCommit(message) => message.fmt(f),
            Self::FairnessReveal(message) => message.fmt(f),
            Self::FairnessReport(message) => message.fmt(f),
        }
    }
}

/// A message of its own becomes any message.
macro_rules! conversions {
    ($($name:ident),*) => {
        $(impl From<$name> for Message {
            fn from(message: $name) -> Self {
                Self::$name(message)
            }
        })*
    };
}

conversions! {
    InstrumentDefinition, TradingStatus, SystemEvent, OrderAdded, OrderExecuted, OrderReduced,
    OrderDeleted, OrderModified, Trade, LevelChanged, BestBidOffer, Statistics, SnapshotStart,
    SnapshotComplete, BookChecksum, FairnessCommit, FairnessReveal, FairnessReport
}

fn read<M: SbeMessage + Into<Message>>(message: &[u8]) -> Result<Message, DecodeError> {
    M::decode(message).map(Into::into)
}
