//! A view for a pipe: a line of text, or an object.

use super::{Level, Market, Row, Status, View};
use crate::cli::output::decimal;
use isochron_messages::Side;
use serde_json::{Value, json};
use std::fmt::Write as _;

impl View {
    /// One line about now.
    pub(in crate::cli::subscribe) fn line(&self) -> String {
        let Status { state, next_sequence, messages_per_second, .. } = &self.status;
        let status = format!("{state}: next {next_sequence}, {messages_per_second} messages/s");
        let Some(market) = &self.market else {
            let waiting = self.wanted.as_deref().unwrap_or("an instrument");
            return format!("{status}, waiting for {waiting}");
        };
        let incomplete = if market.complete { "" } else { " incomplete" };
        let phase = market.phase.unwrap_or("?");
        let mut line = format!("{status}, {} {phase}{incomplete}", market.symbol);
        for (side, word) in market.sides.iter().zip(["bids", "asks"]) {
            write!(line, ", {word}").expect("a text takes what it is given");
            if side.is_empty() {
                line.push_str(" none");
            }
            for row in side {
                write!(line, " {}", self.level.row(row)).expect("a text takes what it is given");
            }
        }
        if let Some(last) = &market.last {
            let (price, quantity) = (decimal(last.price), last.quantity);
            write!(line, ", last {quantity} @ {price}").expect("a text takes what it is given");
        }
        line
    }

    /// An object about now. Prices and money are in 1/10,000, as the feed has them.
    pub(in crate::cli::subscribe) fn json(&self) -> Value {
        let status = &self.status;
        let lines: Vec<Value> = status
            .lines
            .iter()
            .map(|line| json!({"datagrams": line.datagrams, "lost": line.lost}))
            .collect();
        json!({
            "level": self.level.word(),
            "state": status.state,
            "session": status.session,
            "next_sequence": status.next_sequence,
            "messages_per_second": status.messages_per_second,
            "lines": lines,
            "gaps": status.gaps,
            "lost": status.lost,
            "repaired_udp": status.repaired_udp,
            "repaired_tcp": status.repaired_tcp,
            "snapshots": status.snapshots,
            "market": self.market.as_ref().map(|market| self.level.market_json(market)),
        })
    }
}

impl Level {
    /// Shares, price, and whose they are.
    fn row(self, row: &Row) -> String {
        let Row { price, quantity, detail } = *row;
        let price = decimal(price);
        match self {
            Self::L3 => format!("{quantity} @ {price} #{detail}"),
            _ => format!("{quantity} @ {price} ({detail})"),
        }
    }

    fn market_json(self, market: &Market) -> Value {
        let [bids, asks] = market.sides.each_ref().map(|side| {
            let row = |row: &Row| {
                let mut value = json!({"price": row.price, "quantity": row.quantity});
                value[self.detail()] = row.detail.into();
                value
            };
            side.iter().map(row).collect::<Vec<_>>()
        });
        json!({
            "instrument": market.instrument,
            "symbol": market.symbol,
            "phase": market.phase,
            "complete": market.complete,
            "bids": bids,
            "asks": asks,
            "last": market.last.map(|last| {
                let aggressor = match last.aggressor {
                    Side::BUY => Some("buy"),
                    Side::SELL => Some("sell"),
                    _ => None,
                };
                json!({"price": last.price, "quantity": last.quantity, "aggressor": aggressor})
            }),
            "day": market.day.map(|day| {
                json!({
                    "open": day.open,
                    "high": day.high,
                    "low": day.low,
                    "last": day.last,
                    "volume": day.volume,
                    "notional": day.notional,
                    "trades": day.trades,
                })
            }),
        })
    }
}
