//! The enumeration `RejectReason`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

/// The rule that refused a command; limit and value stand beside it.
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RejectReason(pub u8);

impl RejectReason {
    /// No such account. Value: the account.
    pub const UNKNOWN_ACCOUNT: Self = Self(1);
    /// The account is not verified. Value: its state.
    pub const ACCOUNT_NOT_VERIFIED: Self = Self(2);
    /// The account is suspended. Value: its state.
    pub const ACCOUNT_SUSPENDED: Self = Self(3);
    /// The account is closed. Value: its state.
    pub const ACCOUNT_CLOSED: Self = Self(4);
    /// The session is not open. Value: the session.
    pub const SESSION_NOT_OPEN: Self = Self(5);
    /// The session is of another member. Limit: the account's member; value: the session's.
    pub const SESSION_NOT_ENTITLED: Self = Self(6);
    /// No such user. Value: the user.
    pub const UNKNOWN_USER: Self = Self(7);
    /// The user is of another member. Limit: the account's member; value: the user's.
    pub const USER_NOT_ENTITLED: Self = Self(8);
    /// A kill switch is on. Limit: its scope; value: the id it names.
    pub const BLOCKED: Self = Self(9);
    /// No such instrument. Value: the instrument.
    pub const UNKNOWN_INSTRUMENT: Self = Self(10);
    /// The account may not trade the instrument. Value: the instrument.
    pub const INSTRUMENT_NOT_PERMITTED: Self = Self(11);
    /// The phase does not allow it. Value: the phase.
    pub const PHASE: Self = Self(12);
    /// No such side. Value: its code.
    pub const UNKNOWN_SIDE: Self = Self(13);
    /// Only limit orders. Limit: limit's code; value: the type's.
    pub const ORDER_TYPE_NOT_SUPPORTED: Self = Self(14);
    /// Only day, IOC and FOK. Value: the code.
    pub const TIME_IN_FORCE_NOT_SUPPORTED: Self = Self(15);
    /// The price is no multiple of the tick. Limit: the tick; value: the price.
    pub const PRICE_OFF_TICK: Self = Self(16);
    /// Limit: the lowest price; value: the price.
    pub const PRICE_BELOW_MINIMUM: Self = Self(17);
    /// Limit: the highest price; value: the price.
    pub const PRICE_ABOVE_MAXIMUM: Self = Self(18);
    /// The quantity is no multiple of the lot. Limit: the lot; value: the quantity.
    pub const QUANTITY_OFF_LOT: Self = Self(19);
    /// Limit: the least; value: the quantity.
    pub const QUANTITY_BELOW_MINIMUM: Self = Self(20);
    /// Limit: the most; value: the quantity.
    pub const QUANTITY_ABOVE_MAXIMUM: Self = Self(21);
    /// Limit: the most; value: price times quantity.
    pub const NOTIONAL_ABOVE_MAXIMUM: Self = Self(22);
    /// Limit: the lowest price of the band; value: the price.
    pub const PRICE_BELOW_BAND: Self = Self(23);
    /// Limit: the highest price of the band; value: the price.
    pub const PRICE_ABOVE_BAND: Self = Self(24);
    /// Limit: live orders allowed; value: live orders with this one.
    pub const LIVE_ORDERS_MAX: Self = Self(25);
    /// Limit: shares a day; value: the user's executed, open and this order's.
    pub const DAILY_VOLUME_USER: Self = Self(26);
    /// Limit: shares a day; value: the account's executed, open and this order's.
    pub const DAILY_VOLUME_ACCOUNT: Self = Self(27);
    /// Limit: the largest position, either sign; value: the position if all filled.
    pub const POSITION_MAX: Self = Self(28);
    /// Not 1 to 20 printable characters without blanks, padded with zeros.
    pub const CLIENT_ORDER_ID_MALFORMED: Self = Self(29);
    /// Live, or among the account's last finished. Value: the order that has it.
    pub const CLIENT_ORDER_ID_IN_USE: Self = Self(30);
    /// Limit: cash available; value: cash needed.
    pub const INSUFFICIENT_FUNDS: Self = Self(31);
    /// Limit: shares available; value: shares needed.
    pub const INSUFFICIENT_SHARES: Self = Self(32);
    /// No such live order of the account. Value: the order id, 0 where none was named.
    pub const UNKNOWN_ORDER: Self = Self(33);
    /// The exchange holds no more live orders. Limit: the most.
    pub const EXCHANGE_FULL: Self = Self(34);
    /// The command has no effect in this version. Value: its template.
    pub const NOT_SUPPORTED: Self = Self(35);
    /// Limit: the largest id; value: the id.
    pub const ID_OUT_OF_RANGE: Self = Self(36);
    /// Value: the id.
    pub const ALREADY_EXISTS: Self = Self(37);
    /// No such member. Value: the member.
    pub const UNKNOWN_MEMBER: Self = Self(38);
    /// No such session. Value: the session.
    pub const UNKNOWN_SESSION: Self = Self(39);
    /// Limit: 0; value: the live orders.
    pub const INSTRUMENT_HAS_LIVE_ORDERS: Self = Self(40);
    /// Not printable characters without blanks, padded with zeros.
    pub const SYMBOL_MALFORMED: Self = Self(41);
    /// Value: the instrument that has it.
    pub const SYMBOL_IN_USE: Self = Self(42);
    /// Not three capital letters.
    pub const CURRENCY_MALFORMED: Self = Self(43);
    /// Limit: the most currencies.
    pub const TOO_MANY_CURRENCIES: Self = Self(44);
    /// Limit: the largest price; value: the tick.
    pub const TICK_INVALID: Self = Self(45);
    /// Limit: the largest quantity; value: the lot.
    pub const LOT_INVALID: Self = Self(46);
    /// Limit: the lowest price; value: the highest.
    pub const PRICE_RANGE_INVALID: Self = Self(47);
    /// Limit: the least; value: the most.
    pub const QUANTITY_RANGE_INVALID: Self = Self(48);
    /// Limit: the largest allowed; value: the notional.
    pub const NOTIONAL_INVALID: Self = Self(49);
    /// Limit: the largest allowed; value: the band.
    pub const BAND_INVALID: Self = Self(50);
    /// Limit: the largest price; value: the reference price.
    pub const REFERENCE_PRICE_INVALID: Self = Self(51);
    /// Limit: the largest rate; value: the rate.
    pub const FEE_RATE_INVALID: Self = Self(52);
    /// An enumeration's code is unknown. Value: the code.
    pub const CODE_INVALID: Self = Self(53);
    /// An amount of zero. Value: the amount.
    pub const AMOUNT_INVALID: Self = Self(54);
    /// A withdrawal. Limit: what is available; value: the amount.
    pub const EXCEEDS_AVAILABLE: Self = Self(55);
    /// Limit: the largest balance; value: the balance it would be.
    pub const BALANCE_MAX: Self = Self(56);
    /// Limit: the last trading date; value: the date.
    pub const TRADING_DATE_NOT_LATER: Self = Self(57);
    /// Not a yyyymmdd. Value: the date.
    pub const TRADING_DATE_INVALID: Self = Self(58);
    /// No instrument uses the currency.
    pub const UNKNOWN_CURRENCY: Self = Self(59);
    /// Limit: the newest known; value: the version.
    pub const RULES_VERSION_UNKNOWN: Self = Self(60);
    /// Quote and settlement currency must be one: nothing is converted.
    pub const CURRENCIES_DIFFER: Self = Self(61);
    /// A closed account stays closed. Limit: its state; value: the state asked for.
    pub const STATE_TRANSITION_INVALID: Self = Self(62);
    /// Limit: 0; value: the live orders.
    pub const ACCOUNT_HAS_LIVE_ORDERS: Self = Self(63);
    /// Limit: the trading date that runs, 0 where none does or it has ended; value: the date.
    pub const TRADING_DATE_NOT_CURRENT: Self = Self(64);
    /// A day ends only when trading has. Limit: the instrument; value: its phase.
    pub const INSTRUMENT_NOT_CLOSED: Self = Self(65);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] = &[
        Self::UNKNOWN_ACCOUNT,
        Self::ACCOUNT_NOT_VERIFIED,
        Self::ACCOUNT_SUSPENDED,
        Self::ACCOUNT_CLOSED,
        Self::SESSION_NOT_OPEN,
        Self::SESSION_NOT_ENTITLED,
        Self::UNKNOWN_USER,
        Self::USER_NOT_ENTITLED,
        Self::BLOCKED,
        Self::UNKNOWN_INSTRUMENT,
        Self::INSTRUMENT_NOT_PERMITTED,
        Self::PHASE,
        Self::UNKNOWN_SIDE,
        Self::ORDER_TYPE_NOT_SUPPORTED,
        Self::TIME_IN_FORCE_NOT_SUPPORTED,
        Self::PRICE_OFF_TICK,
        Self::PRICE_BELOW_MINIMUM,
        Self::PRICE_ABOVE_MAXIMUM,
        Self::QUANTITY_OFF_LOT,
        Self::QUANTITY_BELOW_MINIMUM,
        Self::QUANTITY_ABOVE_MAXIMUM,
        Self::NOTIONAL_ABOVE_MAXIMUM,
        Self::PRICE_BELOW_BAND,
        Self::PRICE_ABOVE_BAND,
        Self::LIVE_ORDERS_MAX,
        Self::DAILY_VOLUME_USER,
        Self::DAILY_VOLUME_ACCOUNT,
        Self::POSITION_MAX,
        Self::CLIENT_ORDER_ID_MALFORMED,
        Self::CLIENT_ORDER_ID_IN_USE,
        Self::INSUFFICIENT_FUNDS,
        Self::INSUFFICIENT_SHARES,
        Self::UNKNOWN_ORDER,
        Self::EXCHANGE_FULL,
        Self::NOT_SUPPORTED,
        Self::ID_OUT_OF_RANGE,
        Self::ALREADY_EXISTS,
        Self::UNKNOWN_MEMBER,
        Self::UNKNOWN_SESSION,
        Self::INSTRUMENT_HAS_LIVE_ORDERS,
        Self::SYMBOL_MALFORMED,
        Self::SYMBOL_IN_USE,
        Self::CURRENCY_MALFORMED,
        Self::TOO_MANY_CURRENCIES,
        Self::TICK_INVALID,
        Self::LOT_INVALID,
        Self::PRICE_RANGE_INVALID,
        Self::QUANTITY_RANGE_INVALID,
        Self::NOTIONAL_INVALID,
        Self::BAND_INVALID,
        Self::REFERENCE_PRICE_INVALID,
        Self::FEE_RATE_INVALID,
        Self::CODE_INVALID,
        Self::AMOUNT_INVALID,
        Self::EXCEEDS_AVAILABLE,
        Self::BALANCE_MAX,
        Self::TRADING_DATE_NOT_LATER,
        Self::TRADING_DATE_INVALID,
        Self::UNKNOWN_CURRENCY,
        Self::RULES_VERSION_UNKNOWN,
        Self::CURRENCIES_DIFFER,
        Self::STATE_TRANSITION_INVALID,
        Self::ACCOUNT_HAS_LIVE_ORDERS,
        Self::TRADING_DATE_NOT_CURRENT,
        Self::INSTRUMENT_NOT_CLOSED,
    ];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::UNKNOWN_ACCOUNT => Some("unknownAccount"),
            Self::ACCOUNT_NOT_VERIFIED => Some("accountNotVerified"),
            Self::ACCOUNT_SUSPENDED => Some("accountSuspended"),
            Self::ACCOUNT_CLOSED => Some("accountClosed"),
            Self::SESSION_NOT_OPEN => Some("sessionNotOpen"),
            Self::SESSION_NOT_ENTITLED => Some("sessionNotEntitled"),
            Self::UNKNOWN_USER => Some("unknownUser"),
            Self::USER_NOT_ENTITLED => Some("userNotEntitled"),
            Self::BLOCKED => Some("blocked"),
            Self::UNKNOWN_INSTRUMENT => Some("unknownInstrument"),
            Self::INSTRUMENT_NOT_PERMITTED => Some("instrumentNotPermitted"),
            Self::PHASE => Some("phase"),
            Self::UNKNOWN_SIDE => Some("unknownSide"),
            Self::ORDER_TYPE_NOT_SUPPORTED => Some("orderTypeNotSupported"),
            Self::TIME_IN_FORCE_NOT_SUPPORTED => Some("timeInForceNotSupported"),
            Self::PRICE_OFF_TICK => Some("priceOffTick"),
            Self::PRICE_BELOW_MINIMUM => Some("priceBelowMinimum"),
            Self::PRICE_ABOVE_MAXIMUM => Some("priceAboveMaximum"),
            Self::QUANTITY_OFF_LOT => Some("quantityOffLot"),
            Self::QUANTITY_BELOW_MINIMUM => Some("quantityBelowMinimum"),
            Self::QUANTITY_ABOVE_MAXIMUM => Some("quantityAboveMaximum"),
            Self::NOTIONAL_ABOVE_MAXIMUM => Some("notionalAboveMaximum"),
            Self::PRICE_BELOW_BAND => Some("priceBelowBand"),
            Self::PRICE_ABOVE_BAND => Some("priceAboveBand"),
            Self::LIVE_ORDERS_MAX => Some("liveOrdersMax"),
            Self::DAILY_VOLUME_USER => Some("dailyVolumeUser"),
            Self::DAILY_VOLUME_ACCOUNT => Some("dailyVolumeAccount"),
            Self::POSITION_MAX => Some("positionMax"),
            Self::CLIENT_ORDER_ID_MALFORMED => Some("clientOrderIdMalformed"),
            Self::CLIENT_ORDER_ID_IN_USE => Some("clientOrderIdInUse"),
            Self::INSUFFICIENT_FUNDS => Some("insufficientFunds"),
            Self::INSUFFICIENT_SHARES => Some("insufficientShares"),
            Self::UNKNOWN_ORDER => Some("unknownOrder"),
            Self::EXCHANGE_FULL => Some("exchangeFull"),
            Self::NOT_SUPPORTED => Some("notSupported"),
            Self::ID_OUT_OF_RANGE => Some("idOutOfRange"),
            Self::ALREADY_EXISTS => Some("alreadyExists"),
            Self::UNKNOWN_MEMBER => Some("unknownMember"),
            Self::UNKNOWN_SESSION => Some("unknownSession"),
            Self::INSTRUMENT_HAS_LIVE_ORDERS => Some("instrumentHasLiveOrders"),
            Self::SYMBOL_MALFORMED => Some("symbolMalformed"),
            Self::SYMBOL_IN_USE => Some("symbolInUse"),
            Self::CURRENCY_MALFORMED => Some("currencyMalformed"),
            Self::TOO_MANY_CURRENCIES => Some("tooManyCurrencies"),
            Self::TICK_INVALID => Some("tickInvalid"),
            Self::LOT_INVALID => Some("lotInvalid"),
            Self::PRICE_RANGE_INVALID => Some("priceRangeInvalid"),
            Self::QUANTITY_RANGE_INVALID => Some("quantityRangeInvalid"),
            Self::NOTIONAL_INVALID => Some("notionalInvalid"),
            Self::BAND_INVALID => Some("bandInvalid"),
            Self::REFERENCE_PRICE_INVALID => Some("referencePriceInvalid"),
            Self::FEE_RATE_INVALID => Some("feeRateInvalid"),
            Self::CODE_INVALID => Some("codeInvalid"),
            Self::AMOUNT_INVALID => Some("amountInvalid"),
            Self::EXCEEDS_AVAILABLE => Some("exceedsAvailable"),
            Self::BALANCE_MAX => Some("balanceMax"),
            Self::TRADING_DATE_NOT_LATER => Some("tradingDateNotLater"),
            Self::TRADING_DATE_INVALID => Some("tradingDateInvalid"),
            Self::UNKNOWN_CURRENCY => Some("unknownCurrency"),
            Self::RULES_VERSION_UNKNOWN => Some("rulesVersionUnknown"),
            Self::CURRENCIES_DIFFER => Some("currenciesDiffer"),
            Self::STATE_TRANSITION_INVALID => Some("stateTransitionInvalid"),
            Self::ACCOUNT_HAS_LIVE_ORDERS => Some("accountHasLiveOrders"),
            Self::TRADING_DATE_NOT_CURRENT => Some("tradingDateNotCurrent"),
            Self::INSTRUMENT_NOT_CLOSED => Some("instrumentNotClosed"),
            _ => None,
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "RejectReason({})", self.0),
        }
    }
}
