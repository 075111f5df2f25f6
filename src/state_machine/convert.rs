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

/// The origin of a command, by the kind of reference asked for; `None` for an outcome.
macro_rules! origin_of {
    ($command:expr, $($reference:tt)+) => {
        match $command {
            Message::EpochStarted(command) => Some($($reference)+ command.origin),
            Message::DayStarted(command) => Some($($reference)+ command.origin),
            Message::DayEnding(command) => Some($($reference)+ command.origin),
            Message::PhaseChange(command) => Some($($reference)+ command.origin),
            Message::Tick(command) => Some($($reference)+ command.origin),
            Message::SessionOpened(command) => Some($($reference)+ command.origin),
            Message::SessionClosed(command) => Some($($reference)+ command.origin),
            Message::DefineInstrument(command) => Some($($reference)+ command.origin),
            Message::OpenAccount(command) => Some($($reference)+ command.origin),
            Message::SetAccountState(command) => Some($($reference)+ command.origin),
            Message::SetLimits(command) => Some($($reference)+ command.origin),
            Message::SetSelfTrade(command) => Some($($reference)+ command.origin),
            Message::Transfer(command) => Some($($reference)+ command.origin),
            Message::KillSwitch(command) => Some($($reference)+ command.origin),
            Message::DefineMember(command) => Some($($reference)+ command.origin),
            Message::DefineUser(command) => Some($($reference)+ command.origin),
            Message::NewOrderEvent(command) => Some($($reference)+ command.origin),
            Message::CancelOrderEvent(command) => Some($($reference)+ command.origin),
            Message::ReplaceOrderEvent(command) => Some($($reference)+ command.origin),
            Message::MassCancelEvent(command) => Some($($reference)+ command.origin),
            Message::Continuation(command) => Some($($reference)+ command.origin),
            _ => None,
        }
    };
}

/// Where a command came from; `None` for outcomes and for sources beyond the limit, which the core
/// does not take.
#[must_use]
pub fn origin(command: &Message) -> Option<CommandOrigin> {
    let origin = *origin_of!(command, &)?;
    (origin.source <= SOURCE_ID_MAX).then_some(origin)
}

/// Where a command came from, to be stamped; `None` for outcomes.
#[must_use]
pub fn origin_mut(command: &mut Message) -> Option<&mut CommandOrigin> {
    origin_of!(command, &mut)
}
