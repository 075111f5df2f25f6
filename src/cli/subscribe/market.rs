//! Markets to look at, made of the books that a subscriber keeps.

use super::ladder::{Day, Level, Market, Row, Traded};
use isochron_feeds::book::{Level as PriceLevel, Order};
use isochron_feeds::books::{Books, Instrument};
use isochron_feeds::channel::Product;
use isochron_messages::{FieldValue, Phase, Side, Statistics};

/// What an instrument is called; `?` before that was said.
pub(super) fn symbol(instrument: &Instrument) -> String {
    let Some(definition) = &instrument.definition else { return "?".to_owned() };
    match FieldValue::characters(&definition.symbol) {
        FieldValue::Text(text) => text.to_owned(),
        _ => definition.symbol.escape_ascii().to_string(),
    }
}

/// All instruments by id, with their symbols.
pub(super) fn symbols(books: &Books) -> Vec<(u32, String)> {
    books.instruments().into_iter().map(|(id, instrument)| (id, symbol(instrument))).collect()
}

/// The level to show: the one asked for, or the most that the product has.
pub(super) fn level(asked: Level, product: Product) -> Level {
    asked.min(Level::of(product))
}

/// One instrument; `rows` is how many of each side are wanted.
pub(super) fn market(books: &Books, id: u32, level: Level, rows: usize) -> Option<Market> {
    let instrument = books.get(id)?;
    let of_l1 = Level::of(books.product()) == Level::L1;
    let side = |side: Side| -> Vec<Row> {
        match level {
            Level::L1 => instrument.levels(side).take(1).map(row_of_level).collect(),
            Level::L2 => instrument.levels(side).take(rows).map(row_of_level).collect(),
            Level::L3 => instrument.book.orders(side).take(rows).map(row_of_order).collect(),
        }
    };
    Some(Market {
        instrument: id,
        symbol: symbol(instrument),
        phase: instrument.phase.map(phase),
        complete: instrument.is_current(),
        sides: [side(Side::BUY), side(Side::SELL)],
        last: instrument.last_trade.map(|trade| Traded {
            price: trade.price,
            quantity: trade.quantity,
            aggressor: trade.aggressor_side,
        }),
        day: of_l1.then(|| day(&instrument.quotes.day)),
    })
}

fn row_of_level(level: PriceLevel) -> Row {
    Row { price: level.price, quantity: level.quantity, detail: level.orders.into() }
}

fn row_of_order(order: Order) -> Row {
    Row { price: order.price, quantity: order.quantity, detail: order.order_id }
}

fn day(day: &Statistics) -> Day {
    Day {
        open: day.open_price,
        high: day.high_price,
        low: day.low_price,
        last: day.last_price,
        volume: day.volume,
        notional: day.notional,
        trades: day.trades,
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::PRE_OPEN => "pre-open",
        Phase::OPEN => "open",
        Phase::HALTED => "halted",
        Phase::CLOSED => "closed",
        _ => "unknown phase",
    }
}
