//! Cash per account and currency, shares per account and instrument: settled, pending, reserved.
//!
//! `available = settled + pending - reserved` is never negative for an account; the house, which
//! collects fees and pays rebates, may go below zero.

use crate::limits::CURRENCIES_MAX;
use crate::memory::{prefetch, push, table};
use crate::types::{Index, Money};

/// What one account holds of one asset, in 1/10,000 of the currency unit or in shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Moved only by transfers and settlement.
    pub settled: i64,
    /// The signed net of the day's executions, fees and rebates.
    pub pending: i64,
    /// What open orders need.
    pub reserved: i64,
}

impl Balance {
    /// What a new order, or a withdrawal, may use.
    #[must_use]
    #[inline]
    pub fn available(&self) -> i64 {
        self.settled + self.pending - self.reserved
    }

    /// What is owned, reserved or not.
    #[must_use]
    #[inline]
    pub fn owned(&self) -> i64 {
        self.settled + self.pending
    }
}

/// Limits of one account in one symbol, in place of its general ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Override {
    /// Whether the account may trade the symbol.
    pub tradable: bool,
    /// Shares a day; 0 is off.
    pub daily_volume_max: u64,
    /// The largest position, either sign; 0 is off.
    pub position_max: u64,
}

/// One account in one instrument: one cache line, because there are many and each order waits for
/// one of them.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Holding {
    /// The account's id.
    pub account: u32,
    /// The instrument's id.
    pub instrument: u32,
    /// The shares. `reserved` is also the leaves of its open sells.
    pub shares: Balance,
    /// Leaves of its open buys.
    pub open_buys: i64,
    executed: u64,
    day: u32,
    /// Place + 1 of its own limits among the overrides; 0 is none.
    overridden: u32,
}

const _: () = assert!(size_of::<Holding>() == 64);

impl Holding {
    /// Of an account that never had any.
    pub const NONE: Self = Self {
        account: 0,
        instrument: 0,
        shares: Balance { settled: 0, pending: 0, reserved: 0 },
        open_buys: 0,
        executed: 0,
        day: 0,
        overridden: 0,
    };

    /// Shares executed on this day, both sides.
    #[must_use]
    #[inline]
    pub fn executed(&self, day: u32) -> u64 {
        if self.day == day { self.executed } else { 0 }
    }

    /// Counts executed shares.
    #[inline]
    pub fn execute(&mut self, day: u32, quantity: u64) {
        self.executed = self.executed(day) + quantity;
        self.day = day;
    }

    /// Leaves of its open orders, both sides.
    #[must_use]
    #[inline]
    pub fn open(&self) -> u64 {
        (self.open_buys + self.shares.reserved).unsigned_abs()
    }
}

/// What a transfer moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asset {
    /// The currency in this place.
    Cash(u8),
    /// Shares of the instrument with this id.
    Shares(u32),
}

/// The wallets of all accounts, and the house.
#[derive(Clone, Debug)]
pub struct Wallet {
    cash: Vec<[Balance; CURRENCIES_MAX]>,
    index: Index,
    holdings: Vec<Holding>,
    overrides: Vec<Override>,
    /// Fees less rebates, by currency.
    pub house: [Money; CURRENCIES_MAX],
    /// Deposits less withdrawals, by currency.
    pub deposited: [i64; CURRENCIES_MAX],
}

impl Wallet {
    /// Room for so many holdings before memory is asked for.
    #[must_use]
    pub fn with_capacity(holdings: usize) -> Self {
        Self {
            cash: Vec::new(),
            index: Index::with_capacity(holdings),
            holdings: table(holdings),
            overrides: Vec::new(),
            house: [Money(0); CURRENCIES_MAX],
            deposited: [0; CURRENCIES_MAX],
        }
    }

    /// A wallet for the next account slot.
    pub fn open(&mut self) {
        push(&mut self.cash, [Balance::default(); CURRENCIES_MAX]);
    }

    /// An account's cash, by account slot and currency place.
    #[must_use]
    #[inline]
    pub fn cash(&self, account: u32, currency: u8) -> &Balance {
        &self.cash[account as usize][currency as usize]
    }

    /// An account's cash, by account slot and currency place.
    #[must_use]
    #[inline]
    pub fn cash_mut(&mut self, account: u32, currency: u8) -> &mut Balance {
        &mut self.cash[account as usize][currency as usize]
    }

    /// The slot of a holding, by account id and instrument id, made if it is new.
    #[inline]
    pub fn holding_slot(&mut self, account: u32, instrument: u32) -> u32 {
        if let Some(slot) = self.find_slot(account, instrument) {
            return slot;
        }
        let slot = u32::try_from(self.holdings.len()).expect("fewer than 2^32 holdings");
        push(&mut self.holdings, Holding { account, instrument, ..Holding::NONE });
        self.index.insert(key(account, instrument), slot);
        slot
    }

    /// The slot of a holding, if there is one, by account id and instrument id.
    #[must_use]
    #[inline]
    pub fn find_slot(&self, account: u32, instrument: u32) -> Option<u32> {
        self.index.get(key(account, instrument), |slot| {
            let found = &self.holdings[slot as usize];
            found.account == account && found.instrument == instrument
        })
    }

    /// The slot that [`Self::find_slot`] looks at first.
    #[must_use]
    #[inline]
    pub fn probable_slot(&self, account: u32, instrument: u32) -> Option<u32> {
        self.index.get(key(account, instrument), |_| true)
    }

    /// Begins to fetch what [`Self::find_slot`] reads.
    #[inline]
    pub fn prefetch_slot(&self, account: u32, instrument: u32) {
        self.index.prefetch(key(account, instrument));
    }

    /// Begins to fetch a holding, if there is one in the slot.
    #[inline]
    pub fn prefetch_holding(&self, slot: u32) {
        prefetch(&self.holdings, slot as usize);
    }

    /// Begins to fetch a balance, by account slot and currency place.
    #[inline]
    pub fn prefetch_cash(&self, account: u32, currency: u8) {
        let balances = self.cash.get(account as usize).map_or(&[][..], |all| all);
        prefetch(balances, currency as usize);
    }

    /// A holding, if there is one, by account id and instrument id.
    #[must_use]
    #[inline]
    pub fn find(&self, account: u32, instrument: u32) -> Option<&Holding> {
        self.find_slot(account, instrument).map(|slot| &self.holdings[slot as usize])
    }

    /// The holding in a slot.
    #[must_use]
    #[inline]
    pub fn holding(&self, slot: u32) -> &Holding {
        &self.holdings[slot as usize]
    }

    /// The holding in a slot.
    #[must_use]
    #[inline]
    pub fn holding_mut(&mut self, slot: u32) -> &mut Holding {
        &mut self.holdings[slot as usize]
    }

    /// A holding's own limits, if it has some.
    #[must_use]
    #[inline]
    pub fn limits(&self, holding: &Holding) -> Option<Override> {
        let place = holding.overridden.checked_sub(1)?;
        Some(self.overrides[place as usize])
    }

    /// Gives a holding limits of its own.
    pub fn set_limits(&mut self, slot: u32, limits: Override) {
        let holding = &mut self.holdings[slot as usize];
        if holding.overridden == 0 {
            self.overrides.push(limits);
            holding.overridden = u32::try_from(self.overrides.len()).expect("fewer than holdings");
        } else {
            self.overrides[holding.overridden as usize - 1] = limits;
        }
    }

    /// All holdings, in the order in which they began.
    #[must_use]
    pub fn holdings(&self) -> &[Holding] {
        &self.holdings
    }

    /// All holdings by account, then instrument.
    #[must_use]
    pub fn sorted_holdings(&self) -> Vec<Holding> {
        let mut all = self.holdings.clone();
        all.sort_unstable_by_key(|holding| (holding.account, holding.instrument));
        all
    }
}

#[inline]
fn key(account: u32, instrument: u32) -> u64 {
    (u64::from(account) << 32) | u64::from(instrument)
}
