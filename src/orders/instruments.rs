//! Instruments: what is traded, under which terms, and where its trading stands.

use crate::limits::CURRENCIES_MAX;
use crate::types::{Currency, InstrumentId, Money, Price, Quantity, Symbol, Table};
use isochron_events::{InstrumentType, Phase};

/// The terms of an instrument, as administration sets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// What is traded.
    pub instrument_type: InstrumentType,
    /// The trading symbol.
    pub symbol: Symbol,
    /// The symbol for people.
    pub display_symbol: [u8; 16],
    /// What trades are paid in.
    pub settlement_currency: Currency,
    /// What prices are in; the same.
    pub quote_currency: Currency,
    /// The channel of the feed.
    pub partition: u16,
    /// Prices are multiples of it.
    pub tick: Price,
    /// Quantities are multiples of it.
    pub lot: Quantity,
    /// The lowest price.
    pub price_min: Price,
    /// The highest price.
    pub price_max: Price,
    /// The least quantity.
    pub quantity_min: Quantity,
    /// The most.
    pub quantity_max: Quantity,
    /// The largest notional.
    pub notional_max: Money,
    /// The base of the price band before the first trade; 0 is none.
    pub reference_price: Price,
    /// How far a price may lie from the base, in 1/10,000; 0 is off.
    pub band: u32,
    /// The maker's fee, in 1/1,000,000.
    pub maker_rate: i32,
    /// The taker's fee, in 1/1,000,000.
    pub taker_rate: i32,
    /// For people.
    pub description: [u8; 64],
}

/// An instrument.
#[derive(Clone, Debug)]
pub struct Instrument {
    /// Its id.
    pub id: InstrumentId,
    /// Its terms.
    pub terms: Definition,
    /// The place of the settlement currency in every wallet.
    pub currency: u8,
    /// What its trading allows.
    pub phase: Phase,
    /// The price of the last trade; 0 before the first.
    pub last_trade: Price,
    /// Orders that rest in its book.
    pub live_orders: u32,
    /// Shares deposited less withdrawn, over all accounts.
    pub deposited: i64,
    /// A kill switch is on.
    pub blocked: bool,
}

impl Instrument {
    /// The highest rate that a fill can be charged.
    #[must_use]
    #[inline]
    pub fn rate_max(&self) -> i32 {
        self.terms.taker_rate.max(self.terms.maker_rate).max(0)
    }

    /// What the price band is measured from; 0 is nothing.
    #[must_use]
    #[inline]
    pub fn band_base(&self) -> Price {
        if self.last_trade.0 > 0 { self.last_trade } else { self.terms.reference_price }
    }
}

/// All instruments, and the currencies they use.
#[derive(Clone, Debug)]
pub struct Instruments {
    /// By id; their slots are the books' indexes.
    pub table: Table<Instrument>,
    /// The phase of instruments defined from now on.
    pub phase: Phase,
    currencies: Vec<Currency>,
}

impl Default for Instruments {
    fn default() -> Self {
        Self { table: Table::default(), phase: Phase::CLOSED, currencies: Vec::new() }
    }
}

impl Instruments {
    /// The currencies in the order in which they were first used.
    #[must_use]
    pub fn currencies(&self) -> &[Currency] {
        &self.currencies
    }

    /// The place of a currency in every wallet.
    #[must_use]
    pub fn currency(&self, currency: Currency) -> Option<u8> {
        let place = self.currencies.iter().position(|known| *known == currency)?;
        u8::try_from(place).ok()
    }

    /// The place of a currency, taken anew if it is new; `None` where no place is left.
    pub fn add_currency(&mut self, currency: Currency) -> Option<u8> {
        if let Some(place) = self.currency(currency) {
            return Some(place);
        }
        if self.currencies.len() == CURRENCIES_MAX {
            return None;
        }
        self.currencies.push(currency);
        self.currency(currency)
    }

    /// The instrument that has this symbol.
    #[must_use]
    pub fn by_symbol(&self, symbol: Symbol) -> Option<InstrumentId> {
        let found = self.table.iter().find(|(_, instrument)| instrument.terms.symbol == symbol);
        found.map(|(id, _)| InstrumentId(id))
    }
}
