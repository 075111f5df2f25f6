//! The enumeration `InstrumentType`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

/// What is traded.
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstrumentType(pub u8);

impl InstrumentType {
    /// A common share.
    pub const COMMON_SHARE: Self = Self(1);
    /// A preferred share.
    pub const PREFERRED_SHARE: Self = Self(2);
    /// A fund.
    pub const EXCHANGE_TRADED_FUND: Self = Self(3);
    /// A depositary receipt.
    pub const DEPOSITARY_RECEIPT: Self = Self(4);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] = &[
        Self::COMMON_SHARE,
        Self::PREFERRED_SHARE,
        Self::EXCHANGE_TRADED_FUND,
        Self::DEPOSITARY_RECEIPT,
    ];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::COMMON_SHARE => Some("commonShare"),
            Self::PREFERRED_SHARE => Some("preferredShare"),
            Self::EXCHANGE_TRADED_FUND => Some("exchangeTradedFund"),
            Self::DEPOSITARY_RECEIPT => Some("depositaryReceipt"),
            _ => None,
        }
    }
}

impl fmt::Display for InstrumentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "InstrumentType({})", self.0),
        }
    }
}
