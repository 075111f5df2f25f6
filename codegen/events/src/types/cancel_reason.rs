//! The enumeration `CancelReason`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

/// Why an order was canceled.
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CancelReason(pub u8);

impl CancelReason {
    /// A cancel request.
    pub const USER: Self = Self(1);
    /// The rest of an immediate-or-cancel order.
    pub const IMMEDIATE_OR_CANCEL: Self = Self(2);
    /// A fill-or-kill order that could not be filled whole.
    pub const FILL_OR_KILL: Self = Self(3);
    /// It met an order of its own account or group.
    pub const SELF_TRADE: Self = Self(4);
    /// The day ended.
    pub const EXPIRED: Self = Self(5);
    /// A kill switch.
    pub const KILL: Self = Self(6);
    /// Its session closed, with cancel on disconnect.
    pub const DISCONNECT: Self = Self(7);
    /// A mass cancel.
    pub const MASS_CANCEL: Self = Self(8);
    /// A fill-or-kill order would have to count too many resting orders.
    pub const FILL_OR_KILL_TOO_LONG: Self = Self(9);
    /// A replace to a total at or below what was executed.
    pub const REPLACED_BELOW_EXECUTED: Self = Self(10);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] = &[
        Self::USER,
        Self::IMMEDIATE_OR_CANCEL,
        Self::FILL_OR_KILL,
        Self::SELF_TRADE,
        Self::EXPIRED,
        Self::KILL,
        Self::DISCONNECT,
        Self::MASS_CANCEL,
        Self::FILL_OR_KILL_TOO_LONG,
        Self::REPLACED_BELOW_EXECUTED,
    ];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::USER => Some("user"),
            Self::IMMEDIATE_OR_CANCEL => Some("immediateOrCancel"),
            Self::FILL_OR_KILL => Some("fillOrKill"),
            Self::SELF_TRADE => Some("selfTrade"),
            Self::EXPIRED => Some("expired"),
            Self::KILL => Some("kill"),
            Self::DISCONNECT => Some("disconnect"),
            Self::MASS_CANCEL => Some("massCancel"),
            Self::FILL_OR_KILL_TOO_LONG => Some("fillOrKillTooLong"),
            Self::REPLACED_BELOW_EXECUTED => Some("replacedBelowExecuted"),
            _ => None,
        }
    }
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "CancelReason({})", self.0),
        }
    }
}
