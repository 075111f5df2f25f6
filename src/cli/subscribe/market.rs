//! Markets to look at, made of the books that a subscriber keeps.

use super::ladder::{Level, Market, Row, Traded};
use isochron_feeds::books::{Books, Instrument};
use isochron_messages::{FieldValue, Phase, Side};

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

/// One instrument as an L3 book has it; `rows` is how many of each side are wanted.
pub(super) fn market(books: &Books, id: u32, level: Level, rows: usize) -> Option<Market> {
    let instrument = books.get(id)?;
    let side = |side: Side| -> Vec<Row> {
        let levels = instrument.book.levels(side);
        let levels = levels.map(|level| Row {
            price: level.price,
            quantity: level.quantity,
            detail: level.orders.into(),
        });
        match level {
            Level::L1 => levels.take(1).collect(),
            Level::L2 => levels.take(rows).collect(),
            Level::L3 => {
                let orders = instrument.book.orders(side).take(rows);
                let row = |order: isochron_feeds::book::Order| Row {
                    price: order.price,
                    quantity: order.quantity,
                    detail: order.order_id,
                };
                orders.map(row).collect()
            }
        }
    };
    Some(Market {
        instrument: id,
        symbol: symbol(instrument),
        phase: instrument.phase.map(phase),
        complete: instrument.complete,
        sides: [side(Side::BUY), side(Side::SELL)],
        last: instrument.last_trade.map(|trade| Traded {
            price: trade.price,
            quantity: trade.quantity,
            aggressor: trade.aggressor_side,
        }),
        day: None,
    })
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
