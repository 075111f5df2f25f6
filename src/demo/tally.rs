//! Adds up the committed events of a run: what was asked, what came of it, what was traded.
//!
//! Everything is computed from the events alone, so a replay of the log gives the same numbers.

use crate::order_stream::TradeTotals;
use crate::types::OrderId;
use crate::types::flags::OUTCOME_TEMPLATE_MIN;
use isochron_events::{
    CancelReason, Liquidity, Message, OrderAcceptedEvent, OrderCanceledEvent, OrderFilledEvent,
    RejectReason, TimeInForce,
};
use serde_json::{Map, Value, json};
use std::fmt;

/// Commands have template ids below this, outcomes from it (events.xml).
const OUTCOME_TEMPLATES: usize = OUTCOME_TEMPLATE_MIN as usize;

/// Template ids are below this.
const TEMPLATES: usize = 128;

/// The beginning of FNV-1a, and what it multiplies with.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x100_0000_01b3;

/// The number that a client order id consists of: `None` unless all its characters are digits.
#[must_use]
pub fn number_of(client_order_id: &[u8; 20]) -> Option<u64> {
    let end = client_order_id.iter().position(|byte| *byte == 0).unwrap_or(20);
    if end == 0 {
        return None;
    }
    client_order_id[..end].iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Orders by the numbers that a file gave them, for the trade hash over those: an order whose
/// client order id is a number has that number. Empty, and no memory, where none has.
#[derive(Clone, Debug)]
struct FileIds {
    /// The core's id of the first such order.
    base: u64,
    /// From there, since the core gives ids without gaps; 0 for an order without a number.
    numbers: Vec<u64>,
    hash: u64,
}

impl FileIds {
    fn accepted(&mut self, event: &OrderAcceptedEvent) {
        let number = number_of(&event.client_order_id);
        if self.numbers.is_empty() {
            if number.is_none() {
                return;
            }
            self.base = event.order_id;
        }
        self.numbers.push(number.unwrap_or(0));
    }

    fn traded(&mut self, maker: &OrderFilledEvent) {
        let place = maker.order_id.wrapping_sub(self.base);
        let number = usize::try_from(place).ok().and_then(|place| self.numbers.get(place));
        let words = [number.copied().unwrap_or(0), maker.price.cast_unsigned(), maker.quantity];
        for word in words {
            self.hash = (self.hash ^ word).wrapping_mul(FNV_PRIME);
        }
    }
}

/// What the IOC orders came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IocTotals {
    /// Accepted.
    pub accepted: u64,
    /// Canceled without a fill.
    pub without_fill: u64,
    /// Shares that were asked for and not filled.
    pub unfilled_quantity: u64,
}

/// Adds up events: `on_event` for each committed event, in log order.
#[derive(Clone, Debug)]
pub struct Tally {
    names: [&'static str; TEMPLATES],
    counts: [u64; TEMPLATES],
    refusals: [u64; 256],
    cancels: [u64; 256],
    by_time_in_force: [u64; 256],
    trades: TradeTotals,
    /// The maker's side of a trade whose taker's side comes next.
    maker: Option<(OrderId, i64, u64)>,
    file_ids: FileIds,
    ioc: IocTotals,
    reduced: u64,
    fees: i128,
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

impl Tally {
    /// Nothing seen.
    #[must_use]
    pub fn new() -> Self {
        Self {
            names: [""; TEMPLATES],
            counts: [0; TEMPLATES],
            refusals: [0; 256],
            cancels: [0; 256],
            by_time_in_force: [0; 256],
            trades: TradeTotals::default(),
            maker: None,
            file_ids: FileIds { base: 0, numbers: Vec::new(), hash: FNV_BASIS },
            ioc: IocTotals::default(),
            reduced: 0,
            fees: 0,
        }
    }

    /// Counts an event.
    pub fn on_event(&mut self, event: &Message) {
        let template = usize::from(event.template_id());
        self.counts[template] += 1;
        self.names[template] = event.name();
        match event {
            Message::OrderAcceptedEvent(event) => self.accepted(event),
            Message::OrderFilledEvent(event) => self.filled(event),
            Message::OrderCanceledEvent(event) => self.canceled(event),
            Message::OrderReplacedEvent(event) => {
                self.reduced += u64::from(event.priority_lost.0 == 0);
            }
            Message::OrderRejectedEvent(event) => self.refused(event.reason),
            Message::CancelRejectedEvent(event) => self.refused(event.reason),
            Message::MassCancelRejected(event) => self.refused(event.reason),
            Message::AdministrationRejected(event) => self.refused(event.reason),
            _ => {}
        }
    }

    fn accepted(&mut self, event: &OrderAcceptedEvent) {
        self.by_time_in_force[usize::from(event.time_in_force.0)] += 1;
        self.ioc.accepted += u64::from(event.time_in_force == TimeInForce::IMMEDIATE_OR_CANCEL);
        self.file_ids.accepted(event);
    }

    /// The maker's side of a trade comes first; the taker's completes it.
    fn filled(&mut self, event: &OrderFilledEvent) {
        self.fees += i128::from(event.fee_amount);
        if event.liquidity == Liquidity::MAKER {
            self.maker = Some((OrderId(event.order_id), event.price, event.quantity));
            self.file_ids.traded(event);
        } else if let Some((maker, price, quantity)) = self.maker.take() {
            self.trades.add(maker, OrderId(event.order_id), price.cast_unsigned(), quantity);
        }
    }

    fn canceled(&mut self, event: &OrderCanceledEvent) {
        self.cancels[usize::from(event.reason.0)] += 1;
        if event.reason == CancelReason::IMMEDIATE_OR_CANCEL {
            self.ioc.without_fill += u64::from(event.cumulative_quantity == 0);
            self.ioc.unfilled_quantity += event.canceled_quantity;
        }
    }

    fn refused(&mut self, reason: RejectReason) {
        self.refusals[usize::from(reason.0)] += 1;
    }

    /// Trades, shares, notional in 1/10,000, and the trade hash over the core's order ids.
    #[must_use]
    pub fn trades(&self) -> &TradeTotals {
        &self.trades
    }

    /// The trade hash over a file's order ids: FNV-1a over maker's id, price in 1/10,000 and
    /// quantity of each trade. `None` where no client order id was a number.
    #[must_use]
    pub fn trade_hash_lobster(&self) -> Option<u64> {
        (!self.file_ids.numbers.is_empty()).then_some(self.file_ids.hash)
    }

    /// How many events have this template.
    #[must_use]
    pub fn count(&self, template_id: u16) -> u64 {
        self.counts.get(usize::from(template_id)).copied().unwrap_or(0)
    }

    /// How many commands were refused for this reason.
    #[must_use]
    pub fn refusals(&self, reason: RejectReason) -> u64 {
        self.refusals[usize::from(reason.0)]
    }

    /// How many orders were canceled for this reason.
    #[must_use]
    pub fn cancels(&self, reason: CancelReason) -> u64 {
        self.cancels[usize::from(reason.0)]
    }

    /// How many orders were accepted with this time in force.
    #[must_use]
    pub fn accepted_as(&self, time_in_force: TimeInForce) -> u64 {
        self.by_time_in_force[usize::from(time_in_force.0)]
    }

    /// Replaces that only made an order smaller, and kept its priority.
    #[must_use]
    pub fn reduced(&self) -> u64 {
        self.reduced
    }

    /// What the IOC orders came to.
    #[must_use]
    pub fn ioc(&self) -> IocTotals {
        self.ioc
    }

    /// The same as an object with stable keys: what is zero is left out of the lists by name.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let (commands, outcomes) = self.counts.split_at(OUTCOME_TEMPLATES);
        let named = |counts: &[u64], base: usize| {
            by_name(counts, |place| self.names[base + place].to_string())
        };
        let mut value = json!({
            "trades": self.trades.trades,
            "traded_quantity": self.trades.quantity,
            "notional": exact(self.trades.notional.try_into().unwrap_or(i128::MAX)),
            "trade_hash": format!("{:016x}", self.trades.hash),
            "fees": exact(self.fees),
            "commands_by_kind": named(commands, 0),
            "outcomes": named(outcomes, OUTCOME_TEMPLATES),
            "refusals": by_code(&self.refusals, RejectReason),
            "cancels": by_code(&self.cancels, CancelReason),
            "accepted": by_code(&self.by_time_in_force, TimeInForce),
            "reduced": self.reduced,
            "ioc": {
                "accepted": self.ioc.accepted,
                "without_fill": self.ioc.without_fill,
                "unfilled_quantity": self.ioc.unfilled_quantity,
            },
        });
        if let Some(hash) = self.trade_hash_lobster() {
            value["trade_hash_lobster"] = json!(format!("{hash:016x}"));
        }
        value
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.trades)?;
        if let Some(hash) = self.trade_hash_lobster() {
            writeln!(f, "trade hash over the file's order ids {hash:016x}")?;
        }
        let names = (OUTCOME_TEMPLATES..TEMPLATES).map(|place| self.names[place].to_string());
        line(f, "outcomes", &self.counts[OUTCOME_TEMPLATES..], names)?;
        let codes = || 0..=u8::MAX;
        line(f, "refused", &self.refusals, codes().map(|code| RejectReason(code).to_string()))?;
        line(f, "canceled", &self.cancels, codes().map(|code| CancelReason(code).to_string()))?;
        let (sign, fees) = (if self.fees < 0 { "-" } else { "" }, self.fees.unsigned_abs());
        write!(f, "fees less rebates {sign}{}.{:04}", fees / 10_000, fees % 10_000)
    }
}

/// A line of what was counted at all.
fn line(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    counts: &[u64],
    names: impl Iterator<Item = String>,
) -> fmt::Result {
    write!(f, "{title}:")?;
    for (count, name) in counts.iter().zip(names).filter(|(count, _)| **count > 0) {
        write!(f, "  {name} {count}")?;
    }
    writeln!(f)
}

/// A JSON number, or a text where a number would not be exact.
fn exact(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| json!(number.to_string()), |number| json!(number))
}

fn by_name(counts: &[u64], name: impl Fn(usize) -> String) -> Value {
    let counted = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    Value::Object(counted.map(|(place, count)| (name(place), json!(count))).collect::<Map<_, _>>())
}

/// Counts by the code of an enumeration, under the schema's names.
fn by_code<T: ToString>(counts: &[u64; 256], of: impl Fn(u8) -> T) -> Value {
    by_name(counts, |code| of(u8::try_from(code).expect("256 codes")).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use isochron_events::{BooleanFlag, OrderRejectedEvent, OrderReplacedEvent};

    fn client_id(text: &str) -> [u8; 20] {
        crate::types::ClientOrderId::new(text).unwrap().0
    }

    fn accepted(order_id: u64, id: &str, time_in_force: TimeInForce) -> Message {
        let client_order_id = client_id(id);
        let event =
            OrderAcceptedEvent { order_id, client_order_id, time_in_force, ..<_>::default() };
        event.into()
    }

    fn filled(order_id: u64, liquidity: Liquidity, price: i64, quantity: u64) -> Message {
        OrderFilledEvent { order_id, liquidity, price, quantity, fee_amount: 3, ..<_>::default() }
            .into()
    }

    #[test]
    fn only_digits_are_a_number() {
        assert_eq!(number_of(&client_id("18446744073709551615")), Some(u64::MAX));
        assert_eq!(number_of(&client_id("007")), Some(7));
        for text in ["", "18446744073709551616", "-1", "1 ", "i12", "12i"] {
            assert_eq!(number_of(&client_id(text)), None, "{text}");
        }
    }

    #[test]
    fn a_trade_is_hashed_from_both_its_sides() {
        let mut tally = Tally::new();
        tally.on_event(&accepted(6, "i1", TimeInForce::IMMEDIATE_OR_CANCEL));
        assert_eq!(tally.trade_hash_lobster(), None);
        tally.on_event(&accepted(7, "1001", TimeInForce::DAY));
        tally.on_event(&accepted(8, "i2", TimeInForce::IMMEDIATE_OR_CANCEL));
        tally.on_event(&filled(7, Liquidity::MAKER, 1_000_000, 30));
        tally.on_event(&filled(8, Liquidity::TAKER, 1_000_000, 30));
        let hash = |words: &[u64]| {
            words.iter().fold(FNV_BASIS, |hash, word| (hash ^ word).wrapping_mul(FNV_PRIME))
        };
        let trades = tally.trades();
        assert_eq!((trades.trades, trades.quantity, trades.notional), (1, 30, 30_000_000));
        assert_eq!(trades.hash, hash(&[7, 8, 1_000_000, 30]));
        assert_eq!(tally.trade_hash_lobster(), Some(hash(&[1001, 1_000_000, 30])));
    }

    #[test]
    fn the_report_names_what_happened() {
        let mut tally = Tally::new();
        tally.on_event(&accepted(1, "a", TimeInForce::DAY));
        tally.on_event(&accepted(2, "b", TimeInForce::IMMEDIATE_OR_CANCEL));
        let reason = CancelReason::IMMEDIATE_OR_CANCEL;
        let fill = OrderFilledEvent { fee_amount: -20_005, ..<_>::default() };
        tally.on_event(&fill.into());
        let canceled = OrderCanceledEvent { reason, canceled_quantity: 5, ..<_>::default() };
        tally.on_event(&canceled.into());
        let reason = RejectReason::PRICE_OFF_TICK;
        tally.on_event(&OrderRejectedEvent { reason, ..<_>::default() }.into());
        let priority_lost = BooleanFlag::YES;
        tally.on_event(&OrderReplacedEvent { priority_lost, ..<_>::default() }.into());
        assert_eq!((tally.reduced(), tally.refusals(RejectReason::PRICE_OFF_TICK)), (0, 1));
        let json = tally.to_json();
        assert_eq!(json["outcomes"]["OrderAcceptedEvent"], 2);
        assert_eq!(json["outcomes"].as_object().unwrap().len(), 5);
        assert_eq!(json["commands_by_kind"], json!({}));
        assert_eq!(json["refusals"], json!({ "priceOffTick": 1 }));
        assert_eq!(json["cancels"], json!({ "immediateOrCancel": 1 }));
        assert_eq!(
            json["ioc"],
            json!({ "accepted": 1, "without_fill": 1, "unfilled_quantity": 5 })
        );
        assert_eq!(json["trade_hash"], "cbf29ce484222325");
        assert!(json.get("trade_hash_lobster").is_none());
        let lines = "outcomes:  OrderAcceptedEvent 2  OrderRejectedEvent 1  OrderCanceledEvent 1  \
            OrderReplacedEvent 1  OrderFilledEvent 1\nrefused:  priceOffTick 1\ncanceled:  immediateOrCancel 1\n\
            fees less rebates -2.0005";
        assert_eq!(tally.to_string(), format!("{}\n{lines}", tally.trades()));
    }
}
