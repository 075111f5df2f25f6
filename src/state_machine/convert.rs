//! Codes of the messages to words of the domain, and back.

use crate::limits::SOURCE_ID_MAX;
use crate::types::Side;
use isochron_events::{CommandOrigin, Message};

/// The side that a code names.
pub(super) fn side(code: isochron_events::Side) -> Option<Side> {
    match code {
        isochron_events::Side::BUY => Some(Side::Buy),
        isochron_events::Side::SELL => Some(Side::Sell),
        _ => None,
    }
}

/// The code of a side.
pub(super) fn side_code(side: Side) -> isochron_events::Side {
    match side {
        Side::Buy => isochron_events::Side::BUY,
        Side::Sell => isochron_events::Side::SELL,
    }
}

/// Where a command came from; `None` for outcomes and for sources beyond the limit, which the core
/// does not take.
#[must_use]
pub fn origin(command: &Message) -> Option<CommandOrigin> {
    let origin = match command {
        Message::EpochStarted(command) => command.origin,
        Message::DayStarted(command) => command.origin,
        Message::DayEnding(command) => command.origin,
        Message::PhaseChange(command) => command.origin,
        Message::Tick(command) => command.origin,
        Message::SessionOpened(command) => command.origin,
        Message::SessionClosed(command) => command.origin,
        Message::DefineInstrument(command) => command.origin,
        Message::OpenAccount(command) => command.origin,
        Message::SetAccountState(command) => command.origin,
        Message::SetLimits(command) => command.origin,
        Message::SetSelfTrade(command) => command.origin,
        Message::Transfer(command) => command.origin,
        Message::KillSwitch(command) => command.origin,
        Message::DefineMember(command) => command.origin,
        Message::DefineUser(command) => command.origin,
        Message::NewOrderEvent(command) => command.origin,
        Message::CancelOrderEvent(command) => command.origin,
        Message::ReplaceOrderEvent(command) => command.origin,
        Message::MassCancelEvent(command) => command.origin,
        Message::Continuation(command) => command.origin,
        _ => return None,
    };
    (origin.source <= SOURCE_ID_MAX).then_some(origin)
}
