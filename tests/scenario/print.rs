//! Outcomes as a scenario shows them.
//!
//! A trade's two executions are one line, `trade #maker #taker quantity @ price`, with the fees
//! where there are any. `show fills` prints both in full, `show sessions` adds the session and
//! outbound number of each private outcome.

use std::fmt::Write as _;

use super::machine::Holds;
use super::script::World;
use super::words::{show_client, show_money};
use crate::exchange::words::{
    Balance, CancelRejected, Canceled, DayEnded, Filled, News, Outcome, Refusal, Replaced, Rule,
};
use crate::exchange::{Asset, Rests};

const STATUSES: [&str; 9] = ["new", "partial", "filled", "", "canceled", "", "", "", "rejected"];
const PHASES: [&str; 5] = ["none", "pre-open", "open", "halted", "closed"];

/// The outcomes of one step, indented.
pub(crate) fn outcomes(outcomes: &[Outcome], world: &World) -> String {
    let mut text = String::new();
    let mut all = outcomes.iter().peekable();
    while let Some(outcome) = all.next() {
        let mut told = vec![outcome];
        let line = match &outcome.news {
            News::Filled(maker) if !world.show_fills => {
                told.extend(all.next());
                let Some(News::Filled(taker)) = told.get(1).map(|o| &o.news) else {
                    panic!("a trade has two executions: {outcome:?}");
                };
                trade(maker, taker)
            }
            // A transfer says whose balance it changes, a settlement does not.
            News::Balance(news) if outcome.goes_on => {
                format!("{} of {}", balance(news, world), world.account_name(news.account))
            }
            news => one(news, world),
        };
        let _ = write!(text, "    {line}");
        for outcome in told.iter().filter(|o| world.show_sessions && is_private(&o.news)) {
            let name = world.session_name(outcome.session);
            let _ = write!(text, " to {name} as {}", outcome.outbound);
        }
        text.push('\n');
    }
    text
}

/// Whether an outcome is told to one session under that session's number.
fn is_private(news: &News) -> bool {
    let public = matches!(
        news,
        News::Balance(_)
            | News::Applied { .. }
            | News::NotApplied { .. }
            | News::Phase { .. }
            | News::DayEnded(_)
    );
    !public
}

fn one(news: &News, world: &World) -> String {
    match news {
        News::Accepted { order, .. } => format!("accepted #{order}"),
        News::Rejected { refusal, .. } | News::MassCancelRejected { refusal, .. } => {
            refused(refusal)
        }
        News::Canceled(news) => canceled(news),
        News::Replaced(news) => replaced(news),
        News::CancelRejected(news) => cancel_rejected(news),
        News::Filled(news) => filled(news),
        News::Balance(news) => balance(news, world),
        News::Applied { subject, .. } => format!("applied {subject}"),
        News::NotApplied { refusal, .. } => refused(refusal),
        News::Phase { instrument, phase, previous, reference_price } => {
            let symbol = if *instrument == 0 { "all" } else { world.symbol(*instrument) };
            let (phase, previous) = (PHASES[*phase as usize], PHASES[*previous as usize]);
            let reference = show_money(i128::from(*reference_price));
            format!("phase {symbol} {previous} to {phase}, reference {reference}")
        }
        News::MassCancelDone { canceled, client, .. } => {
            format!("done {}, {canceled} canceled", show_client(client))
        }
        News::DayEnded(DayEnded { date, trades, shares, notional, fees }) => {
            let (notional, fees) = (show_money((*notional).into()), show_money((*fees).into()));
            format!(
                "day {date} ended, trades {trades}, shares {shares}, notional {notional}, \
                 fees {fees}"
            )
        }
    }
}

fn trade(maker: &Filled, taker: &Filled) -> String {
    let price = show_money(i128::from(taker.price));
    let mut line = format!("trade #{} #{} {} @ {price}", maker.order, taker.order, taker.quantity);
    if (maker.fee, taker.fee) != (0, 0) {
        let (of_maker, of_taker) = (i128::from(maker.fee), i128::from(taker.fee));
        let _ = write!(line, " fees {} {}", show_money(of_maker), show_money(of_taker));
    }
    line
}

fn filled(news: &Filled) -> String {
    let part = if news.liquidity == 1 { "maker" } else { "taker" };
    format!(
        "filled #{} {part} {} @ {}, leaves {}, executed {} for {}, fee {} {}, {}, \
         execution {} of trade {}",
        news.order,
        news.quantity,
        show_money(i128::from(news.price)),
        news.leaves,
        news.executed,
        show_money(i128::from(news.notional)),
        show_money(i128::from(news.fee)),
        String::from_utf8_lossy(&news.currency),
        STATUSES[news.status as usize],
        news.execution,
        news.trade,
    )
}

fn canceled(news: &Canceled) -> String {
    let mut line = format!("canceled #{} {} {}", news.order, news.quantity, lower(news.why));
    if news.client != news.original {
        let (client, original) = (show_client(&news.client), show_client(&news.original));
        let _ = write!(line, ", {client} for {original}");
    }
    line
}

fn replaced(news: &Replaced) -> String {
    format!(
        "replaced #{} {} @ {}, leaves {}, {} priority, {} for {}",
        news.order,
        news.quantity,
        show_money(i128::from(news.price)),
        news.leaves,
        if news.priority_lost { "loses" } else { "keeps" },
        show_client(&news.client),
        show_client(&news.original),
    )
}

fn cancel_rejected(news: &CancelRejected) -> String {
    let mut line = refused(&news.refusal);
    if news.status != 8 {
        let _ = write!(line, ", #{} stays {}", news.order, STATUSES[news.status as usize]);
    }
    line
}

fn refused(refusal: &Refusal) -> String {
    let show = |n: i64| {
        if is_money(refusal.rule) { show_money(i128::from(n)) } else { n.to_string() }
    };
    let (limit, value) = (show(refusal.limit), show(refusal.value));
    format!("refused {}, limit {limit}, value {value}", lower(refusal.rule))
}

/// Whether a rule compares prices or money; the others compare counts, ids and codes.
fn is_money(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::PriceOffTick
            | Rule::PriceBelowMinimum
            | Rule::PriceAboveMaximum
            | Rule::NotionalAboveMaximum
            | Rule::PriceBelowBand
            | Rule::PriceAboveBand
            | Rule::InsufficientFunds
            | Rule::TickInvalid
            | Rule::PriceRangeInvalid
            | Rule::NotionalInvalid
            | Rule::ReferencePriceInvalid
    )
}

fn balance(news: &Balance, world: &World) -> String {
    let currency = String::from_utf8_lossy(&news.currency).into_owned();
    let cash = news.instrument == 0;
    let asset = if cash { &currency } else { world.symbol(news.instrument) };
    let show = |n: i64| if cash { show_money(i128::from(n)) } else { n.to_string() };
    let (settled, pending) = (show(news.settled), show(news.pending));
    format!(
        "balance {asset}, settled {settled}, pending {pending}, reserved {}",
        show(news.reserved)
    )
}

/// What `wallet` shows.
pub(crate) fn wallet(asset: Asset, holds: Holds) -> String {
    let show = |n: i128| match asset {
        Asset::Cash(_) => show_money(n),
        Asset::Shares(_) => n.to_string(),
    };
    let Holds { settled, pending, reserved } = holds;
    format!(
        "    settled {}, pending {}, reserved {}, available {}\n",
        show(settled),
        show(pending),
        show(reserved),
        show(settled + pending - reserved),
    )
}

/// What `book` shows: bids, then asks, in priority order.
pub(crate) fn book(bids: &[Rests], asks: &[Rests]) -> String {
    let mut text = String::new();
    for (name, side) in [("buy ", bids), ("sell", asks)] {
        for rests in side {
            let price = show_money(i128::from(rests.price));
            let _ = writeln!(text, "    {name} #{} {} @ {price}", rests.order, rests.leaves);
        }
    }
    if text.is_empty() { "    empty\n".to_owned() } else { text }
}

/// The name of an enumeration's member as the schema spells it.
pub(super) fn lower(member: impl std::fmt::Debug) -> String {
    let name = format!("{member:?}");
    name[..1].to_ascii_lowercase() + &name[1..]
}
