//! DefineInstrument: the terms of an instrument, judged and set.

use super::StateMachine;
use crate::limits::{
    BAND_SCALE, CURRENCIES_MAX, FEE_RATE_MAX, INSTRUMENT_ID_MAX, NOTIONAL_MAX, PRICE_MAX,
    QUANTITY_MAX,
};
use crate::matching::BookIndex;
use crate::orders::{Definition, Instrument};
use crate::types::{Currency, InstrumentId, Money, Price, Quantity, Refusal, Symbol};
use isochron_events::{DefineInstrument, InstrumentType, RejectReason as Reason};

impl StateMachine {
    /// Defines an instrument, or changes it.
    pub(super) fn define_instrument(&mut self, command: &DefineInstrument) -> Result<(), Refusal> {
        let id = command.instrument;
        if !(1..=INSTRUMENT_ID_MAX).contains(&id) {
            return Err(Refusal::new(Reason::ID_OUT_OF_RANGE, INSTRUMENT_ID_MAX, id));
        }
        let terms = terms(command);
        self.judge_names(id, &terms)?;
        judge_prices(&terms)?;
        judge_quantities(&terms)?;
        judge_rates(&terms)?;
        self.judge_change(id, &terms)?;
        let instruments = &mut self.ledger.instruments;
        let currency = instruments.add_currency(terms.settlement_currency);
        let currency = currency.expect("judged with the names");
        if let Some(slot) = instruments.table.slot(id) {
            let instrument = instruments.table.at_mut(slot);
            if instrument.terms.tick != terms.tick {
                self.books.set_tick(BookIndex(slot), terms.tick);
            }
            instrument.terms = terms;
            instrument.currency = currency;
            return Ok(());
        }
        let instrument = Instrument {
            id: InstrumentId(id),
            terms,
            currency,
            phase: instruments.phase,
            last_trade: Price(0),
            live_orders: 0,
            deposited: 0,
            blocked: false,
        };
        let slot = instruments.table.insert(id, instrument);
        let book = self.books.add_book(terms.tick);
        assert!(book.0 == slot, "books and instruments share their slots");
        Ok(())
    }

    fn judge_names(&self, id: u32, terms: &Definition) -> Result<(), Refusal> {
        if !InstrumentType::ALL.contains(&terms.instrument_type) {
            return Err(Refusal::new(Reason::CODE_INVALID, 0, terms.instrument_type.0));
        }
        if !terms.symbol.is_well_formed() {
            return Err(Refusal::new(Reason::SYMBOL_MALFORMED, 0, 0));
        }
        let instruments = &self.ledger.instruments;
        if let Some(other) = instruments.by_symbol(terms.symbol).filter(|other| other.0 != id) {
            return Err(Refusal::new(Reason::SYMBOL_IN_USE, 0, other.0));
        }
        for currency in [terms.settlement_currency, terms.quote_currency] {
            if !currency.0.iter().all(u8::is_ascii_uppercase) {
                return Err(Refusal::new(Reason::CURRENCY_MALFORMED, 0, 0));
            }
        }
        if terms.settlement_currency != terms.quote_currency {
            return Err(Refusal::new(Reason::CURRENCIES_DIFFER, 0, 0));
        }
        let known = instruments.currency(terms.settlement_currency).is_some();
        if !known && instruments.currencies().len() == CURRENCIES_MAX {
            return Err(Refusal::new(Reason::TOO_MANY_CURRENCIES, CURRENCIES_MAX, CURRENCIES_MAX));
        }
        Ok(())
    }

    /// What live orders were judged by stays while they live.
    fn judge_change(&self, id: u32, terms: &Definition) -> Result<(), Refusal> {
        let Some(instrument) = self.ledger.instruments.table.get(id) else { return Ok(()) };
        let bound = |terms: &Definition| {
            let rates = (terms.maker_rate, terms.taker_rate);
            (terms.settlement_currency, terms.tick, terms.lot, rates)
        };
        if instrument.live_orders > 0 && bound(&instrument.terms) != bound(terms) {
            let reason = Reason::INSTRUMENT_HAS_LIVE_ORDERS;
            return Err(Refusal::new(reason, 0, instrument.live_orders));
        }
        Ok(())
    }
}

fn terms(command: &DefineInstrument) -> Definition {
    Definition {
        instrument_type: command.instrument_type,
        symbol: Symbol(command.symbol),
        display_symbol: command.display_symbol,
        settlement_currency: Currency(command.settlement_currency),
        quote_currency: Currency(command.quote_currency),
        partition: command.partition,
        tick: Price(command.tick),
        lot: Quantity(command.lot),
        price_min: Price(command.price_minimum),
        price_max: Price(command.price_maximum),
        quantity_min: Quantity(command.quantity_minimum),
        quantity_max: Quantity(command.quantity_maximum),
        notional_max: Money(command.notional_maximum),
        reference_price: Price(command.reference_price),
        band: command.band,
        maker_rate: command.maker_rate,
        taker_rate: command.taker_rate,
        description: command.description,
    }
}

fn judge_prices(terms: &Definition) -> Result<(), Refusal> {
    if !(1..=PRICE_MAX).contains(&terms.tick.0) {
        return Err(Refusal::new(Reason::TICK_INVALID, PRICE_MAX, terms.tick.0));
    }
    if !(1..=QUANTITY_MAX).contains(&terms.lot.0) {
        return Err(Refusal::new(Reason::LOT_INVALID, QUANTITY_MAX, terms.lot.0));
    }
    let (low, high) = (terms.price_min.0, terms.price_max.0);
    if low < 1 || low > high || high > PRICE_MAX {
        return Err(Refusal::new(Reason::PRICE_RANGE_INVALID, low, high));
    }
    Ok(())
}

fn judge_quantities(terms: &Definition) -> Result<(), Refusal> {
    let (least, most) = (terms.quantity_min.0, terms.quantity_max.0);
    if least < 1 || least > most || most > QUANTITY_MAX {
        return Err(Refusal::new(Reason::QUANTITY_RANGE_INVALID, least, most));
    }
    if !(1..=NOTIONAL_MAX).contains(&terms.notional_max.0) {
        return Err(Refusal::new(Reason::NOTIONAL_INVALID, NOTIONAL_MAX, terms.notional_max.0));
    }
    Ok(())
}

fn judge_rates(terms: &Definition) -> Result<(), Refusal> {
    if i64::from(terms.band) > BAND_SCALE {
        return Err(Refusal::new(Reason::BAND_INVALID, BAND_SCALE, terms.band));
    }
    if !(0..=PRICE_MAX).contains(&terms.reference_price.0) {
        let reason = Reason::REFERENCE_PRICE_INVALID;
        return Err(Refusal::new(reason, PRICE_MAX, terms.reference_price.0));
    }
    for rate in [terms.maker_rate, terms.taker_rate] {
        if rate.unsigned_abs() > FEE_RATE_MAX.unsigned_abs() {
            return Err(Refusal::new(Reason::FEE_RATE_INVALID, FEE_RATE_MAX, rate));
        }
    }
    Ok(())
}
