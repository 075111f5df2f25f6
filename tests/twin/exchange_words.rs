//! The words of the naive exchange: what is asked of it, and what it answers.
//!
//! They are the twin's own, so that a mistake in the engine's messages cannot hide in both. Numbers
//! are plain and codes are as they arrive, because a code that nobody knows is an input too.

/// The text of a client's order id, padded with zero bytes.
pub(crate) type Client = [u8; 20];
/// Three letters.
pub(crate) type Money3 = [u8; 3];

pub(crate) const BUY: u8 = 1;
pub(crate) const SELL: u8 = 2;

pub(crate) const LIMIT_ORDER: u8 = 2;

pub(crate) const DAY: u8 = 0;
pub(crate) const IMMEDIATE: u8 = 3;
pub(crate) const WHOLE: u8 = 4;

pub(crate) const PRE_OPEN: u8 = 1;
pub(crate) const OPEN: u8 = 2;
pub(crate) const HALTED: u8 = 3;
pub(crate) const CLOSED: u8 = 4;

pub(crate) const APPLIED_FOR: u8 = 1;
pub(crate) const VERIFIED: u8 = 3;
pub(crate) const SUSPENDED: u8 = 4;
pub(crate) const ACCOUNT_CLOSED: u8 = 5;

pub(crate) const ALLOW: u8 = 1;
pub(crate) const CANCEL_NEWEST: u8 = 2;
pub(crate) const CANCEL_OLDEST: u8 = 3;

pub(crate) const OF_ACCOUNT: u8 = 1;
pub(crate) const OF_USER: u8 = 2;
pub(crate) const OF_SESSION: u8 = 3;
pub(crate) const OF_MEMBER: u8 = 4;
pub(crate) const OF_INSTRUMENT: u8 = 5;

pub(crate) const STATUS_NEW: u8 = 0;
pub(crate) const STATUS_PARTIAL: u8 = 1;
pub(crate) const STATUS_FILLED: u8 = 2;
pub(crate) const STATUS_CANCELED: u8 = 4;
pub(crate) const STATUS_REJECTED: u8 = 8;
pub(crate) const STATUS_EXPIRED: u8 = 12;

pub(crate) const MAKER: u8 = 1;
pub(crate) const TAKER: u8 = 2;

/// One command as it reaches the exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) source: u32,
    pub(crate) source_number: u64,
    pub(crate) session: u32,
    pub(crate) ask: Ask,
}

/// What a command asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    StartEpoch { epoch: u32 },
    StartDay { date: u32, rules: u32 },
    EndDay { date: u32 },
    SetPhase { instrument: u32, phase: u8 },
    Tick,
    OpenSession { session: u32, member: u32, user: u32, cancel_on_disconnect: u8 },
    CloseSession { session: u32, reason: u8 },
    Define(Box<Definition>),
    OpenAccount { account: u32, member: u32, user: u32 },
    SetState { account: u32, state: u8 },
    SetLimits { scope: u8, subject: u32, instrument: u32, limits: Limits },
    SetSelfTrade { account: u32, policy: u8, group: u32 },
    Transfer { account: u32, instrument: u32, currency: Money3, amount: i64 },
    Kill { scope: u8, subject: u32, on: u8 },
    DefineMember { member: u32 },
    DefineUser { user: u32, member: u32 },
    New(NewOrder),
    Cancel { account: u32, user: u32, order: u64, original: Client, client: Client },
    Replace(ReplaceOrder),
    MassCancel { account: u32, user: u32, instrument: u32, scope: u8, client: Client },
    Continue { cursor: u64 },
}

impl Ask {
    /// The number of the command in the schema; answers to administration carry it.
    pub(crate) fn template(&self) -> u16 {
        match self {
            Ask::StartEpoch { .. } => 1,
            Ask::StartDay { .. } => 2,
            Ask::EndDay { .. } => 3,
            Ask::SetPhase { .. } => 4,
            Ask::Tick => 5,
            Ask::OpenSession { .. } => 6,
            Ask::CloseSession { .. } => 7,
            Ask::Define(_) => 8,
            Ask::OpenAccount { .. } => 9,
            Ask::SetState { .. } => 10,
            Ask::SetLimits { .. } => 11,
            Ask::SetSelfTrade { .. } => 12,
            Ask::Transfer { .. } => 13,
            Ask::Kill { .. } => 14,
            Ask::DefineMember { .. } => 15,
            Ask::DefineUser { .. } => 16,
            Ask::New(_) => 20,
            Ask::Cancel { .. } => 21,
            Ask::Replace(_) => 22,
            Ask::MassCancel { .. } => 23,
            Ask::Continue { .. } => 30,
        }
    }
}

/// An instrument as it is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    pub(crate) instrument: u32,
    pub(crate) kind: u8,
    pub(crate) symbol: [u8; 8],
    pub(crate) settlement: Money3,
    pub(crate) quote: Money3,
    pub(crate) tick: i64,
    pub(crate) lot: u64,
    pub(crate) price_lowest: i64,
    pub(crate) price_highest: i64,
    pub(crate) quantity_least: u64,
    pub(crate) quantity_most: u64,
    pub(crate) notional_most: i64,
    pub(crate) reference_price: i64,
    pub(crate) band: u32,
    pub(crate) maker_rate: i32,
    pub(crate) taker_rate: i32,
}

/// The limits of an account or a user; 0 is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) tradable: u8,
    pub(crate) live_orders: u32,
    pub(crate) daily_volume: u64,
    pub(crate) position: u64,
}

/// A new order as it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewOrder {
    pub(crate) account: u32,
    pub(crate) user: u32,
    pub(crate) broker: u32,
    pub(crate) instrument: u32,
    pub(crate) side: u8,
    pub(crate) kind: u8,
    pub(crate) lifetime: u8,
    pub(crate) price: i64,
    pub(crate) quantity: u64,
    pub(crate) client: Client,
    pub(crate) entry_time: u64,
}

/// A replace as it arrives; `order` 0 names the order by `original`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReplaceOrder {
    pub(crate) account: u32,
    pub(crate) user: u32,
    pub(crate) order: u64,
    pub(crate) original: Client,
    pub(crate) client: Client,
    pub(crate) price: i64,
    pub(crate) quantity: u64,
}

/// One outcome, with what its header says; `outbound` is 0 where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) sequence: u64,
    pub(crate) time: u64,
    pub(crate) cause: u64,
    pub(crate) session: u32,
    /// Whether a continuation brought it.
    pub(crate) goes_on: bool,
    pub(crate) outbound: u64,
    pub(crate) news: News,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Accepted { order: u64, new: NewOrder, status: u8, leaves: u64 },
    Rejected { refusal: Refusal, new: Refused },
    Canceled(Canceled),
    Replaced(Replaced),
    CancelRejected(CancelRejected),
    Filled(Filled),
    MassCancelDone { canceled: u64, account: u32, user: u32, client: Client },
    MassCancelRejected { refusal: Refusal, account: u32, user: u32, client: Client },
    Balance(Balance),
    Applied { subject: u32, template: u16 },
    NotApplied { refusal: Refusal, subject: u32, template: u16 },
    Phase { instrument: u32, phase: u8, previous: u8, reference_price: i64 },
    DayEnded(DayEnded),
}

/// What a refusal repeats of the new order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) account: u32,
    pub(crate) user: u32,
    pub(crate) instrument: u32,
    pub(crate) side: u8,
    pub(crate) price: i64,
    pub(crate) quantity: u64,
    pub(crate) client: Client,
}

/// The rest of an order went away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Canceled {
    pub(crate) order: u64,
    pub(crate) account: u32,
    pub(crate) user: u32,
    pub(crate) instrument: u32,
    pub(crate) side: u8,
    pub(crate) status: u8,
    pub(crate) why: Why,
    pub(crate) price: i64,
    pub(crate) quantity: u64,
    pub(crate) executed: u64,
    pub(crate) notional: i64,
    pub(crate) client: Client,
    pub(crate) original: Client,
}

/// An order has new terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replaced {
    pub(crate) order: u64,
    pub(crate) account: u32,
    pub(crate) user: u32,
    pub(crate) instrument: u32,
    pub(crate) side: u8,
    pub(crate) status: u8,
    pub(crate) priority_lost: bool,
    pub(crate) price: i64,
    pub(crate) quantity: u64,
    pub(crate) leaves: u64,
    pub(crate) executed: u64,
    pub(crate) notional: i64,
    pub(crate) client: Client,
    pub(crate) original: Client,
}

/// A cancel or a replace was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CancelRejected {
    pub(crate) refusal: Refusal,
    pub(crate) order: u64,
    pub(crate) account: u32,
    pub(crate) user: u32,
    pub(crate) instrument: u32,
    pub(crate) status: u8,
    pub(crate) template: u16,
    pub(crate) client: Client,
    pub(crate) original: Client,
}

/// One side of a trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) execution: u64,
    pub(crate) trade: u64,
    pub(crate) order: u64,
    pub(crate) account: u32,
    pub(crate) user: u32,
    pub(crate) instrument: u32,
    pub(crate) side: u8,
    pub(crate) liquidity: u8,
    pub(crate) status: u8,
    pub(crate) price: i64,
    pub(crate) quantity: u64,
    pub(crate) leaves: u64,
    pub(crate) executed: u64,
    pub(crate) notional: i64,
    pub(crate) currency: Money3,
    pub(crate) rate: i32,
    pub(crate) fee: i64,
    pub(crate) client: Client,
}

/// What an account holds of one asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) account: u32,
    pub(crate) instrument: u32,
    pub(crate) currency: Money3,
    pub(crate) settled: i64,
    pub(crate) pending: i64,
    pub(crate) reserved: i64,
}

/// What a day brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DayEnded {
    pub(crate) date: u32,
    pub(crate) trades: u64,
    pub(crate) shares: u64,
    pub(crate) notional: i64,
    /// Less rebates.
    pub(crate) fees: i64,
}

/// The rule that refused, with what it compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) rule: Rule,
    pub(crate) limit: i64,
    pub(crate) value: i64,
}

/// Makes an enumeration that also knows all its members, for counting them.
macro_rules! listed {
    ($(#[$doc:meta])* $name:ident { $($member:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $name { $($member),* }
        impl $name {
            pub(crate) const ALL: &[$name] = &[$($name::$member),*];
        }
    };
}

listed!(
    /// Why the rest of an order was canceled.
    Why {
        User, ImmediateOrCancel, FillOrKill, SelfTrade, Expired, Kill, Disconnect, MassCancel,
        FillOrKillTooLong, ReplacedBelowExecuted,
    }
);

listed!(
    /// What work goes on in a continuation.
    WorkKind { Sweep, Expiry, Settlement, MassCancel }
);

listed!(
    /// Every rule that can refuse.
    Rule {
        UnknownAccount, AccountNotVerified, AccountSuspended, AccountClosed, SessionNotOpen,
        SessionNotEntitled, UnknownUser, UserNotEntitled, Blocked, UnknownInstrument,
        InstrumentNotPermitted, Phase, UnknownSide, OrderTypeNotSupported,
        TimeInForceNotSupported, PriceOffTick, PriceBelowMinimum, PriceAboveMaximum,
        QuantityOffLot, QuantityBelowMinimum, QuantityAboveMaximum, NotionalAboveMaximum,
        PriceBelowBand, PriceAboveBand, LiveOrdersMax, DailyVolumeUser, DailyVolumeAccount,
        PositionMax, ClientOrderIdMalformed, ClientOrderIdInUse, InsufficientFunds,
        InsufficientShares, UnknownOrder, ExchangeFull, NotSupported, IdOutOfRange,
        AlreadyExists, UnknownMember, UnknownSession, InstrumentHasLiveOrders, SymbolMalformed,
        SymbolInUse, CurrencyMalformed, TooManyCurrencies, TickInvalid, LotInvalid,
        PriceRangeInvalid, QuantityRangeInvalid, NotionalInvalid, BandInvalid,
        ReferencePriceInvalid, FeeRateInvalid, CodeInvalid, AmountInvalid, ExceedsAvailable,
        BalanceMax, TradingDateNotLater, TradingDateInvalid, UnknownCurrency,
        RulesVersionUnknown, CurrenciesDiffer, StateTransitionInvalid, AccountHasLiveOrders,
        TradingDateNotCurrent, InstrumentNotClosed,
    }
);

impl Rule {
    /// The refusal by this rule; numbers that do not fit are the nearest that do.
    pub(crate) fn with(self, limit: impl Into<i128>, value: impl Into<i128>) -> Refusal {
        Refusal { rule: self, limit: saturated(limit.into()), value: saturated(value.into()) }
    }
}

/// The nearest `i64`.
pub(crate) fn saturated(number: i128) -> i64 {
    number.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}
