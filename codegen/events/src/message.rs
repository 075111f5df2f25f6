//! Any message of the schema.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::SCHEMA_ID;
use crate::runtime::{DecodeError, EncodeError, FieldVisitor, MessageHeader, SbeMessage};
use crate::templates::{
    AdministrationApplied, AdministrationRejected, BalanceChanged, CancelOrderEvent,
    CancelRejectedEvent, Continuation, DayEnded, DayEnding, DayStarted, DefineInstrument,
    DefineMember, DefineUser, EpochStarted, FeedRecord, KillSwitch, MassCancelDone,
    MassCancelEvent, MassCancelRejected, NewOrderEvent, OpenAccount, OrderAcceptedEvent,
    OrderCanceledEvent, OrderFilledEvent, OrderRejectedEvent, OrderReplacedEvent, PhaseChange,
    PhaseChanged, ReplaceOrderEvent, SessionClosed, SessionOpened, SetAccountState, SetLimits,
    SetSelfTrade, SnapshotChunk, SnapshotHeader, Tick, Transfer,
};
use crate::types::EventHeader;

/// Any message of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// A writer's reign begins; written by the core as the epoch's first transaction.
    EpochStarted(EpochStarted),
    /// A trading day begins: daily volumes and outbound numbers start anew.
    DayStarted(DayStarted),
    /// A trading day ends: orders expire, then the day is settled.
    DayEnding(DayEnding),
    /// Changes the phase of one instrument, or of all.
    PhaseChange(PhaseChange),
    /// Time has passed and nothing else was logged.
    Tick(Tick),
    /// A client's session begins.
    SessionOpened(SessionOpened),
    /// A client's session ended.
    SessionClosed(SessionClosed),
    /// Defines an instrument, or changes it.
    DefineInstrument(DefineInstrument),
    /// Opens an account, in the state applied.
    OpenAccount(OpenAccount),
    /// Changes an account's state.
    SetAccountState(SetAccountState),
    /// Sets the limits of an account, or of a user over all accounts, for one instrument or
    /// all.
    SetLimits(SetLimits),
    /// Sets an account's self-trade policy and group.
    SetSelfTrade(SetSelfTrade),
    /// Deposits to, or withdraws from, an account.
    Transfer(Transfer),
    /// Blocks new orders and replaces, or ends the block.
    KillSwitch(KillSwitch),
    /// Defines a member firm, or renames it.
    DefineMember(DefineMember),
    /// Defines a user of a member, or renames it.
    DefineUser(DefineUser),
    /// A new order.
    NewOrderEvent(NewOrderEvent),
    /// Cancels an order, named by order id or by original client order id.
    CancelOrderEvent(CancelOrderEvent),
    /// Gives an order a new price and a new total quantity.
    ReplaceOrderEvent(ReplaceOrderEvent),
    /// Cancels all orders of an account, or of an account in one instrument.
    MassCancelEvent(MassCancelEvent),
    /// The next step of work that one transaction could not hold; asked for by the state
    /// machine.
    Continuation(Continuation),
    /// An order was accepted; what it trades follows.
    OrderAcceptedEvent(OrderAcceptedEvent),
    /// A new order was refused.
    OrderRejectedEvent(OrderRejectedEvent),
    /// An order, or what was left of it, was canceled.
    OrderCanceledEvent(OrderCanceledEvent),
    /// An order has a new price or total; what it trades follows.
    OrderReplacedEvent(OrderReplacedEvent),
    /// A cancel or a replace was refused; the order stays as it was.
    CancelRejectedEvent(CancelRejectedEvent),
    /// One side of a trade; each trade has two, the maker's first.
    OrderFilledEvent(OrderFilledEvent),
    /// A mass cancel has canceled its last order.
    MassCancelDone(MassCancelDone),
    /// A mass cancel was refused.
    MassCancelRejected(MassCancelRejected),
    /// What an account holds after a transfer.
    BalanceChanged(BalanceChanged),
    /// An administrative command took effect.
    AdministrationApplied(AdministrationApplied),
    /// An administrative command was refused and changed nothing.
    AdministrationRejected(AdministrationRejected),
    /// An instrument's phase is now this one.
    PhaseChanged(PhaseChanged),
    /// A trading day is settled.
    DayEnded(DayEnded),
    /// Messages of one channel of the public feed, in its own log. They follow, each behind
    /// its length (u16, big-endian).
    FeedRecord(FeedRecord),
    /// A snapshot: all state after one command. Its chunks follow.
    SnapshotHeader(SnapshotHeader),
    /// A part of a section of a snapshot; its content follows.
    SnapshotChunk(SnapshotChunk),
}

impl Message {
    /// Bytes of header and block of the longest message.
    pub const ENCODED_LENGTH_MAX: usize = 280;

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
            EpochStarted::TEMPLATE_ID => read::<EpochStarted>(message),
            DayStarted::TEMPLATE_ID => read::<DayStarted>(message),
            DayEnding::TEMPLATE_ID => read::<DayEnding>(message),
            PhaseChange::TEMPLATE_ID => read::<PhaseChange>(message),
            Tick::TEMPLATE_ID => read::<Tick>(message),
            SessionOpened::TEMPLATE_ID => read::<SessionOpened>(message),
            SessionClosed::TEMPLATE_ID => read::<SessionClosed>(message),
            DefineInstrument::TEMPLATE_ID => read::<DefineInstrument>(message),
            OpenAccount::TEMPLATE_ID => read::<OpenAccount>(message),
            SetAccountState::TEMPLATE_ID => read::<SetAccountState>(message),
            SetLimits::TEMPLATE_ID => read::<SetLimits>(message),
            SetSelfTrade::TEMPLATE_ID => read::<SetSelfTrade>(message),
            Transfer::TEMPLATE_ID => read::<Transfer>(message),
            KillSwitch::TEMPLATE_ID => read::<KillSwitch>(message),
            DefineMember::TEMPLATE_ID => read::<DefineMember>(message),
            DefineUser::TEMPLATE_ID => read::<DefineUser>(message),
            NewOrderEvent::TEMPLATE_ID => read::<NewOrderEvent>(message),
            CancelOrderEvent::TEMPLATE_ID => read::<CancelOrderEvent>(message),
            ReplaceOrderEvent::TEMPLATE_ID => read::<ReplaceOrderEvent>(message),
            MassCancelEvent::TEMPLATE_ID => read::<MassCancelEvent>(message),
            Continuation::TEMPLATE_ID => read::<Continuation>(message),
            OrderAcceptedEvent::TEMPLATE_ID => read::<OrderAcceptedEvent>(message),
            OrderRejectedEvent::TEMPLATE_ID => read::<OrderRejectedEvent>(message),
            OrderCanceledEvent::TEMPLATE_ID => read::<OrderCanceledEvent>(message),
            OrderReplacedEvent::TEMPLATE_ID => read::<OrderReplacedEvent>(message),
            CancelRejectedEvent::TEMPLATE_ID => read::<CancelRejectedEvent>(message),
            OrderFilledEvent::TEMPLATE_ID => read::<OrderFilledEvent>(message),
            MassCancelDone::TEMPLATE_ID => read::<MassCancelDone>(message),
            MassCancelRejected::TEMPLATE_ID => read::<MassCancelRejected>(message),
            BalanceChanged::TEMPLATE_ID => read::<BalanceChanged>(message),
            AdministrationApplied::TEMPLATE_ID => read::<AdministrationApplied>(message),
            AdministrationRejected::TEMPLATE_ID => read::<AdministrationRejected>(message),
            PhaseChanged::TEMPLATE_ID => read::<PhaseChanged>(message),
            DayEnded::TEMPLATE_ID => read::<DayEnded>(message),
            FeedRecord::TEMPLATE_ID => read::<FeedRecord>(message),
            SnapshotHeader::TEMPLATE_ID => read::<SnapshotHeader>(message),
            SnapshotChunk::TEMPLATE_ID => read::<SnapshotChunk>(message),
            template_id => Err(DecodeError::TemplateUnknown { template_id }),
        }
    }

    /// Writes header and block; returns their length.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    pub fn encode(&self, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        match self {
            Self::EpochStarted(message) => message.encode(buffer),
            Self::DayStarted(message) => message.encode(buffer),
            Self::DayEnding(message) => message.encode(buffer),
            Self::PhaseChange(message) => message.encode(buffer),
            Self::Tick(message) => message.encode(buffer),
            Self::SessionOpened(message) => message.encode(buffer),
            Self::SessionClosed(message) => message.encode(buffer),
            Self::DefineInstrument(message) => message.encode(buffer),
            Self::OpenAccount(message) => message.encode(buffer),
            Self::SetAccountState(message) => message.encode(buffer),
            Self::SetLimits(message) => message.encode(buffer),
            Self::SetSelfTrade(message) => message.encode(buffer),
            Self::Transfer(message) => message.encode(buffer),
            Self::KillSwitch(message) => message.encode(buffer),
            Self::DefineMember(message) => message.encode(buffer),
            Self::DefineUser(message) => message.encode(buffer),
            Self::NewOrderEvent(message) => message.encode(buffer),
            Self::CancelOrderEvent(message) => message.encode(buffer),
            Self::ReplaceOrderEvent(message) => message.encode(buffer),
            Self::MassCancelEvent(message) => message.encode(buffer),
            Self::Continuation(message) => message.encode(buffer),
            Self::OrderAcceptedEvent(message) => message.encode(buffer),
            Self::OrderRejectedEvent(message) => message.encode(buffer),
            Self::OrderCanceledEvent(message) => message.encode(buffer),
            Self::OrderReplacedEvent(message) => message.encode(buffer),
            Self::CancelRejectedEvent(message) => message.encode(buffer),
            Self::OrderFilledEvent(message) => message.encode(buffer),
            Self::MassCancelDone(message) => message.encode(buffer),
            Self::MassCancelRejected(message) => message.encode(buffer),
            Self::BalanceChanged(message) => message.encode(buffer),
            Self::AdministrationApplied(message) => message.encode(buffer),
            Self::AdministrationRejected(message) => message.encode(buffer),
            Self::PhaseChanged(message) => message.encode(buffer),
            Self::DayEnded(message) => message.encode(buffer),
            Self::FeedRecord(message) => message.encode(buffer),
            Self::SnapshotHeader(message) => message.encode(buffer),
            Self::SnapshotChunk(message) => message.encode(buffer),
        }
    }

    /// Which message.
    #[must_use]
    pub const fn template_id(&self) -> u16 {
        match self {
            Self::EpochStarted(_) => EpochStarted::TEMPLATE_ID,
            Self::DayStarted(_) => DayStarted::TEMPLATE_ID,
            Self::DayEnding(_) => DayEnding::TEMPLATE_ID,
            Self::PhaseChange(_) => PhaseChange::TEMPLATE_ID,
            Self::Tick(_) => Tick::TEMPLATE_ID,
            Self::SessionOpened(_) => SessionOpened::TEMPLATE_ID,
            Self::SessionClosed(_) => SessionClosed::TEMPLATE_ID,
            Self::DefineInstrument(_) => DefineInstrument::TEMPLATE_ID,
            Self::OpenAccount(_) => OpenAccount::TEMPLATE_ID,
            Self::SetAccountState(_) => SetAccountState::TEMPLATE_ID,
            Self::SetLimits(_) => SetLimits::TEMPLATE_ID,
            Self::SetSelfTrade(_) => SetSelfTrade::TEMPLATE_ID,
            Self::Transfer(_) => Transfer::TEMPLATE_ID,
            Self::KillSwitch(_) => KillSwitch::TEMPLATE_ID,
            Self::DefineMember(_) => DefineMember::TEMPLATE_ID,
            Self::DefineUser(_) => DefineUser::TEMPLATE_ID,
            Self::NewOrderEvent(_) => NewOrderEvent::TEMPLATE_ID,
            Self::CancelOrderEvent(_) => CancelOrderEvent::TEMPLATE_ID,
            Self::ReplaceOrderEvent(_) => ReplaceOrderEvent::TEMPLATE_ID,
            Self::MassCancelEvent(_) => MassCancelEvent::TEMPLATE_ID,
            Self::Continuation(_) => Continuation::TEMPLATE_ID,
            Self::OrderAcceptedEvent(_) => OrderAcceptedEvent::TEMPLATE_ID,
            Self::OrderRejectedEvent(_) => OrderRejectedEvent::TEMPLATE_ID,
            Self::OrderCanceledEvent(_) => OrderCanceledEvent::TEMPLATE_ID,
            Self::OrderReplacedEvent(_) => OrderReplacedEvent::TEMPLATE_ID,
            Self::CancelRejectedEvent(_) => CancelRejectedEvent::TEMPLATE_ID,
            Self::OrderFilledEvent(_) => OrderFilledEvent::TEMPLATE_ID,
            Self::MassCancelDone(_) => MassCancelDone::TEMPLATE_ID,
            Self::MassCancelRejected(_) => MassCancelRejected::TEMPLATE_ID,
            Self::BalanceChanged(_) => BalanceChanged::TEMPLATE_ID,
            Self::AdministrationApplied(_) => AdministrationApplied::TEMPLATE_ID,
            Self::AdministrationRejected(_) => AdministrationRejected::TEMPLATE_ID,
            Self::PhaseChanged(_) => PhaseChanged::TEMPLATE_ID,
            Self::DayEnded(_) => DayEnded::TEMPLATE_ID,
            Self::FeedRecord(_) => FeedRecord::TEMPLATE_ID,
            Self::SnapshotHeader(_) => SnapshotHeader::TEMPLATE_ID,
            Self::SnapshotChunk(_) => SnapshotChunk::TEMPLATE_ID,
        }
    }

    /// Bytes of header and block.
    #[must_use]
    pub const fn encoded_length(&self) -> usize {
        match self {
            Self::EpochStarted(_) => EpochStarted::ENCODED_LENGTH,
            Self::DayStarted(_) => DayStarted::ENCODED_LENGTH,
            Self::DayEnding(_) => DayEnding::ENCODED_LENGTH,
            Self::PhaseChange(_) => PhaseChange::ENCODED_LENGTH,
            Self::Tick(_) => Tick::ENCODED_LENGTH,
            Self::SessionOpened(_) => SessionOpened::ENCODED_LENGTH,
            Self::SessionClosed(_) => SessionClosed::ENCODED_LENGTH,
            Self::DefineInstrument(_) => DefineInstrument::ENCODED_LENGTH,
            Self::OpenAccount(_) => OpenAccount::ENCODED_LENGTH,
            Self::SetAccountState(_) => SetAccountState::ENCODED_LENGTH,
            Self::SetLimits(_) => SetLimits::ENCODED_LENGTH,
            Self::SetSelfTrade(_) => SetSelfTrade::ENCODED_LENGTH,
            Self::Transfer(_) => Transfer::ENCODED_LENGTH,
            Self::KillSwitch(_) => KillSwitch::ENCODED_LENGTH,
            Self::DefineMember(_) => DefineMember::ENCODED_LENGTH,
            Self::DefineUser(_) => DefineUser::ENCODED_LENGTH,
            Self::NewOrderEvent(_) => NewOrderEvent::ENCODED_LENGTH,
            Self::CancelOrderEvent(_) => CancelOrderEvent::ENCODED_LENGTH,
            Self::ReplaceOrderEvent(_) => ReplaceOrderEvent::ENCODED_LENGTH,
            Self::MassCancelEvent(_) => MassCancelEvent::ENCODED_LENGTH,
            Self::Continuation(_) => Continuation::ENCODED_LENGTH,
            Self::OrderAcceptedEvent(_) => OrderAcceptedEvent::ENCODED_LENGTH,
            Self::OrderRejectedEvent(_) => OrderRejectedEvent::ENCODED_LENGTH,
            Self::OrderCanceledEvent(_) => OrderCanceledEvent::ENCODED_LENGTH,
            Self::OrderReplacedEvent(_) => OrderReplacedEvent::ENCODED_LENGTH,
            Self::CancelRejectedEvent(_) => CancelRejectedEvent::ENCODED_LENGTH,
            Self::OrderFilledEvent(_) => OrderFilledEvent::ENCODED_LENGTH,
            Self::MassCancelDone(_) => MassCancelDone::ENCODED_LENGTH,
            Self::MassCancelRejected(_) => MassCancelRejected::ENCODED_LENGTH,
            Self::BalanceChanged(_) => BalanceChanged::ENCODED_LENGTH,
            Self::AdministrationApplied(_) => AdministrationApplied::ENCODED_LENGTH,
            Self::AdministrationRejected(_) => AdministrationRejected::ENCODED_LENGTH,
            Self::PhaseChanged(_) => PhaseChanged::ENCODED_LENGTH,
            Self::DayEnded(_) => DayEnded::ENCODED_LENGTH,
            Self::FeedRecord(_) => FeedRecord::ENCODED_LENGTH,
            Self::SnapshotHeader(_) => SnapshotHeader::ENCODED_LENGTH,
            Self::SnapshotChunk(_) => SnapshotChunk::ENCODED_LENGTH,
        }
    }

    /// The schema's name of the message.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::EpochStarted(_) => "EpochStarted",
            Self::DayStarted(_) => "DayStarted",
            Self::DayEnding(_) => "DayEnding",
            Self::PhaseChange(_) => "PhaseChange",
            Self::Tick(_) => "Tick",
            Self::SessionOpened(_) => "SessionOpened",
            Self::SessionClosed(_) => "SessionClosed",
            Self::DefineInstrument(_) => "DefineInstrument",
            Self::OpenAccount(_) => "OpenAccount",
            Self::SetAccountState(_) => "SetAccountState",
            Self::SetLimits(_) => "SetLimits",
            Self::SetSelfTrade(_) => "SetSelfTrade",
            Self::Transfer(_) => "Transfer",
            Self::KillSwitch(_) => "KillSwitch",
            Self::DefineMember(_) => "DefineMember",
            Self::DefineUser(_) => "DefineUser",
            Self::NewOrderEvent(_) => "NewOrderEvent",
            Self::CancelOrderEvent(_) => "CancelOrderEvent",
            Self::ReplaceOrderEvent(_) => "ReplaceOrderEvent",
            Self::MassCancelEvent(_) => "MassCancelEvent",
            Self::Continuation(_) => "Continuation",
            Self::OrderAcceptedEvent(_) => "OrderAcceptedEvent",
            Self::OrderRejectedEvent(_) => "OrderRejectedEvent",
            Self::OrderCanceledEvent(_) => "OrderCanceledEvent",
            Self::OrderReplacedEvent(_) => "OrderReplacedEvent",
            Self::CancelRejectedEvent(_) => "CancelRejectedEvent",
            Self::OrderFilledEvent(_) => "OrderFilledEvent",
            Self::MassCancelDone(_) => "MassCancelDone",
            Self::MassCancelRejected(_) => "MassCancelRejected",
            Self::BalanceChanged(_) => "BalanceChanged",
            Self::AdministrationApplied(_) => "AdministrationApplied",
            Self::AdministrationRejected(_) => "AdministrationRejected",
            Self::PhaseChanged(_) => "PhaseChanged",
            Self::DayEnded(_) => "DayEnded",
            Self::FeedRecord(_) => "FeedRecord",
            Self::SnapshotHeader(_) => "SnapshotHeader",
            Self::SnapshotChunk(_) => "SnapshotChunk",
        }
    }

    /// Gives each field's name and value to `visit`, in wire order; those of a composite are
    /// named after it, as in `header.sequence`.
    pub fn fields(&self, visit: &mut FieldVisitor<'_>) {
        match self {
            Self::EpochStarted(message) => message.fields(visit),
            Self::DayStarted(message) => message.fields(visit),
            Self::DayEnding(message) => message.fields(visit),
            Self::PhaseChange(message) => message.fields(visit),
            Self::Tick(message) => message.fields(visit),
            Self::SessionOpened(message) => message.fields(visit),
            Self::SessionClosed(message) => message.fields(visit),
            Self::DefineInstrument(message) => message.fields(visit),
            Self::OpenAccount(message) => message.fields(visit),
            Self::SetAccountState(message) => message.fields(visit),
            Self::SetLimits(message) => message.fields(visit),
            Self::SetSelfTrade(message) => message.fields(visit),
            Self::Transfer(message) => message.fields(visit),
            Self::KillSwitch(message) => message.fields(visit),
            Self::DefineMember(message) => message.fields(visit),
            Self::DefineUser(message) => message.fields(visit),
            Self::NewOrderEvent(message) => message.fields(visit),
            Self::CancelOrderEvent(message) => message.fields(visit),
            Self::ReplaceOrderEvent(message) => message.fields(visit),
            Self::MassCancelEvent(message) => message.fields(visit),
            Self::Continuation(message) => message.fields(visit),
            Self::OrderAcceptedEvent(message) => message.fields(visit),
            Self::OrderRejectedEvent(message) => message.fields(visit),
            Self::OrderCanceledEvent(message) => message.fields(visit),
            Self::OrderReplacedEvent(message) => message.fields(visit),
            Self::CancelRejectedEvent(message) => message.fields(visit),
            Self::OrderFilledEvent(message) => message.fields(visit),
            Self::MassCancelDone(message) => message.fields(visit),
            Self::MassCancelRejected(message) => message.fields(visit),
            Self::BalanceChanged(message) => message.fields(visit),
            Self::AdministrationApplied(message) => message.fields(visit),
            Self::AdministrationRejected(message) => message.fields(visit),
            Self::PhaseChanged(message) => message.fields(visit),
            Self::DayEnded(message) => message.fields(visit),
            Self::FeedRecord(message) => message.fields(visit),
            Self::SnapshotHeader(message) => message.fields(visit),
            Self::SnapshotChunk(message) => message.fields(visit),
        }
    }

    /// What every event of the log begins with.
    #[must_use]
    pub const fn header(&self) -> &EventHeader {
        match self {
            Self::EpochStarted(message) => &message.header,
            Self::DayStarted(message) => &message.header,
            Self::DayEnding(message) => &message.header,
            Self::PhaseChange(message) => &message.header,
            Self::Tick(message) => &message.header,
            Self::SessionOpened(message) => &message.header,
            Self::SessionClosed(message) => &message.header,
            Self::DefineInstrument(message) => &message.header,
            Self::OpenAccount(message) => &message.header,
            Self::SetAccountState(message) => &message.header,
            Self::SetLimits(message) => &message.header,
            Self::SetSelfTrade(message) => &message.header,
            Self::Transfer(message) => &message.header,
            Self::KillSwitch(message) => &message.header,
            Self::DefineMember(message) => &message.header,
            Self::DefineUser(message) => &message.header,
            Self::NewOrderEvent(message) => &message.header,
            Self::CancelOrderEvent(message) => &message.header,
            Self::ReplaceOrderEvent(message) => &message.header,
            Self::MassCancelEvent(message) => &message.header,
            Self::Continuation(message) => &message.header,
            Self::OrderAcceptedEvent(message) => &message.header,
            Self::OrderRejectedEvent(message) => &message.header,
            Self::OrderCanceledEvent(message) => &message.header,
            Self::OrderReplacedEvent(message) => &message.header,
            Self::CancelRejectedEvent(message) => &message.header,
            Self::OrderFilledEvent(message) => &message.header,
            Self::MassCancelDone(message) => &message.header,
            Self::MassCancelRejected(message) => &message.header,
            Self::BalanceChanged(message) => &message.header,
            Self::AdministrationApplied(message) => &message.header,
            Self::AdministrationRejected(message) => &message.header,
            Self::PhaseChanged(message) => &message.header,
            Self::DayEnded(message) => &message.header,
            Self::FeedRecord(message) => &message.header,
            Self::SnapshotHeader(message) => &message.header,
            Self::SnapshotChunk(message) => &message.header,
        }
    }

    /// The same, to be changed.
    pub const fn header_mut(&mut self) -> &mut EventHeader {
        match self {
            Self::EpochStarted(message) => &mut message.header,
            Self::DayStarted(message) => &mut message.header,
            Self::DayEnding(message) => &mut message.header,
            Self::PhaseChange(message) => &mut message.header,
            Self::Tick(message) => &mut message.header,
            Self::SessionOpened(message) => &mut message.header,
            Self::SessionClosed(message) => &mut message.header,
            Self::DefineInstrument(message) => &mut message.header,
            Self::OpenAccount(message) => &mut message.header,
            Self::SetAccountState(message) => &mut message.header,
            Self::SetLimits(message) => &mut message.header,
            Self::SetSelfTrade(message) => &mut message.header,
            Self::Transfer(message) => &mut message.header,
            Self::KillSwitch(message) => &mut message.header,
            Self::DefineMember(message) => &mut message.header,
            Self::DefineUser(message) => &mut message.header,
            Self::NewOrderEvent(message) => &mut message.header,
            Self::CancelOrderEvent(message) => &mut message.header,
            Self::ReplaceOrderEvent(message) => &mut message.header,
            Self::MassCancelEvent(message) => &mut message.header,
            Self::Continuation(message) => &mut message.header,
            Self::OrderAcceptedEvent(message) => &mut message.header,
            Self::OrderRejectedEvent(message) => &mut message.header,
            Self::OrderCanceledEvent(message) => &mut message.header,
            Self::OrderReplacedEvent(message) => &mut message.header,
            Self::CancelRejectedEvent(message) => &mut message.header,
            Self::OrderFilledEvent(message) => &mut message.header,
            Self::MassCancelDone(message) => &mut message.header,
            Self::MassCancelRejected(message) => &mut message.header,
            Self::BalanceChanged(message) => &mut message.header,
            Self::AdministrationApplied(message) => &mut message.header,
            Self::AdministrationRejected(message) => &mut message.header,
            Self::PhaseChanged(message) => &mut message.header,
            Self::DayEnded(message) => &mut message.header,
            Self::FeedRecord(message) => &mut message.header,
            Self::SnapshotHeader(message) => &mut message.header,
            Self::SnapshotChunk(message) => &mut message.header,
        }
    }
}

impl fmt::Display for Message {
    /// The message's name, then ` name=value` for each field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EpochStarted(message) => message.fmt(f),
            Self::DayStarted(message) => message.fmt(f),
            Self::DayEnding(message) => message.fmt(f),
            Self::PhaseChange(message) => message.fmt(f),
            Self::Tick(message) => message.fmt(f),
            Self::SessionOpened(message) => message.fmt(f),
            Self::SessionClosed(message) => message.fmt(f),
            Self::DefineInstrument(message) => message.fmt(f),
            Self::OpenAccount(message) => message.fmt(f),
            Self::SetAccountState(message) => message.fmt(f),
            Self::SetLimits(message) => message.fmt(f),
            Self::SetSelfTrade(message) => message.fmt(f),
            Self::Transfer(message) => message.fmt(f),
            Self::KillSwitch(message) => message.fmt(f),
            Self::DefineMember(message) => message.fmt(f),
            Self::DefineUser(message) => message.fmt(f),
            Self::NewOrderEvent(message) => message.fmt(f),
            Self::CancelOrderEvent(message) => message.fmt(f),
            Self::ReplaceOrderEvent(message) => message.fmt(f),
            Self::MassCancelEvent(message) => message.fmt(f),
            Self::Continuation(message) => message.fmt(f),
            Self::OrderAcceptedEvent(message) => message.fmt(f),
            Self::OrderRejectedEvent(message) => message.fmt(f),
            Self::OrderCanceledEvent(message) => message.fmt(f),
            Self::OrderReplacedEvent(message) => message.fmt(f),
            Self::CancelRejectedEvent(message) => message.fmt(f),
            Self::OrderFilledEvent(message) => message.fmt(f),
            Self::MassCancelDone(message) => message.fmt(f),
            Self::MassCancelRejected(message) => message.fmt(f),
            Self::BalanceChanged(message) => message.fmt(f),
            Self::AdministrationApplied(message) => message.fmt(f),
            Self::AdministrationRejected(message) => message.fmt(f),
            Self::PhaseChanged(message) => message.fmt(f),
            Self::DayEnded(message) => message.fmt(f),
            Self::FeedRecord(message) => message.fmt(f),
            Self::SnapshotHeader(message) => message.fmt(f),
            Self::SnapshotChunk(message) => message.fmt(f),
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
    EpochStarted, DayStarted, DayEnding, PhaseChange, Tick, SessionOpened, SessionClosed,
    DefineInstrument, OpenAccount, SetAccountState, SetLimits, SetSelfTrade, Transfer,
    KillSwitch, DefineMember, DefineUser, NewOrderEvent, CancelOrderEvent, ReplaceOrderEvent,
    MassCancelEvent, Continuation, OrderAcceptedEvent, OrderRejectedEvent, OrderCanceledEvent,
    OrderReplacedEvent, CancelRejectedEvent, OrderFilledEvent, MassCancelDone,
    MassCancelRejected, BalanceChanged, AdministrationApplied, AdministrationRejected,
    PhaseChanged, DayEnded, FeedRecord, SnapshotHeader, SnapshotChunk
}

fn read<M: SbeMessage + Into<Message>>(message: &[u8]) -> Result<Message, DecodeError> {
    M::decode(message).map(Into::into)
}
