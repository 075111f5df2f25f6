//! How often each outcome and each refusal occurred, and which never did.

use std::collections::BTreeMap;
use std::fmt;

use crate::exchange::words::*;

/// What can occur: a kind of outcome, and a rule, reason or template within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Occurred {
    Repeat,
    Step(WorkKind),
    Accepted,
    Rejected(Rule),
    Canceled(Why),
    Replaced { priority_lost: bool },
    CancelRejected(Rule),
    ReplaceRejected(Rule),
    Filled { liquidity: u8, status: u8 },
    MassCancelDone { any: bool },
    MassCancelRejected(Rule),
    Balance,
    Applied { template: u16 },
    NotApplied(Rule),
    Phase,
    DayEnded,
}

/// The counts of a run.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<Occurred, u64>);

/// What a cancel is judged by.
const CANCEL: &[Rule] = &[
    Rule::UnknownAccount,
    Rule::SessionNotOpen,
    Rule::SessionNotEntitled,
    Rule::UnknownUser,
    Rule::UserNotEntitled,
    Rule::UnknownOrder,
    Rule::Phase,
];

/// What a new order is judged by and a replace is not: it has the instrument, side, type and time
/// in force that were judged before, and adds no live order.
const NEW_ONLY: &[Rule] = &[
    Rule::UnknownInstrument,
    Rule::UnknownSide,
    Rule::OrderTypeNotSupported,
    Rule::TimeInForceNotSupported,
    Rule::LiveOrdersMax,
];

/// What administration is judged by beside the rules that only it has.
const ADMINISTRATION: &[Rule] = &[
    Rule::UnknownAccount,
    Rule::AccountClosed,
    Rule::UnknownUser,
    Rule::UserNotEntitled,
    Rule::UnknownInstrument,
];

/// What a mass cancel is judged by.
const MASS_CANCEL: &[Rule] = &[
    Rule::UnknownAccount,
    Rule::SessionNotOpen,
    Rule::SessionNotEntitled,
    Rule::UnknownUser,
    Rule::UserNotEntitled,
    Rule::CodeInvalid,
    Rule::UnknownInstrument,
    Rule::Phase,
];

impl Counts {
    pub(crate) fn repeat(&mut self) {
        self.one(Occurred::Repeat);
    }

    pub(crate) fn step(&mut self, kind: WorkKind) {
        self.one(Occurred::Step(kind));
    }

    pub(crate) fn add(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            self.one(occurred(&outcome.news));
        }
    }

    fn one(&mut self, occurred: Occurred) {
        *self.0.entry(occurred).or_default() += 1;
    }

    /// What must occur, and did not.
    pub(crate) fn missing(&self) -> Vec<Occurred> {
        let mut all = expected();
        all.retain(|occurred| !self.0.contains_key(occurred));
        all
    }
}

fn occurred(news: &News) -> Occurred {
    match news {
        News::Accepted { .. } => Occurred::Accepted,
        News::Rejected { refusal, .. } => Occurred::Rejected(refusal.rule),
        News::Canceled(news) => Occurred::Canceled(news.why),
        News::Replaced(news) => Occurred::Replaced { priority_lost: news.priority_lost },
        News::CancelRejected(news) if news.template == 21 => {
            Occurred::CancelRejected(news.refusal.rule)
        }
        News::CancelRejected(news) => Occurred::ReplaceRejected(news.refusal.rule),
        News::Filled(news) => Occurred::Filled { liquidity: news.liquidity, status: news.status },
        News::MassCancelDone { canceled, .. } => Occurred::MassCancelDone { any: *canceled > 0 },
        News::MassCancelRejected { refusal, .. } => Occurred::MassCancelRejected(refusal.rule),
        News::Balance(_) => Occurred::Balance,
        News::Applied { template, .. } => Occurred::Applied { template: *template },
        News::NotApplied { refusal, .. } => Occurred::NotApplied(refusal.rule),
        News::Phase { .. } => Occurred::Phase,
        News::DayEnded(_) => Occurred::DayEnded,
    }
}

/// Everything that can come, but for a full exchange.
fn expected() -> Vec<Occurred> {
    let mut all = vec![
        Occurred::Repeat,
        Occurred::Accepted,
        Occurred::Replaced { priority_lost: false },
        Occurred::Replaced { priority_lost: true },
        Occurred::MassCancelDone { any: false },
        Occurred::MassCancelDone { any: true },
        Occurred::Balance,
        Occurred::Phase,
        Occurred::DayEnded,
    ];
    for rule in Rule::ALL.iter().copied() {
        let of_order = rule < Rule::UnknownOrder;
        if of_order {
            all.push(Occurred::Rejected(rule));
        }
        if (of_order && !NEW_ONLY.contains(&rule)) || rule == Rule::UnknownOrder {
            all.push(Occurred::ReplaceRejected(rule));
        }
        if ADMINISTRATION.contains(&rule) || rule > Rule::NotSupported {
            all.push(Occurred::NotApplied(rule));
        }
    }
    all.extend(CANCEL.iter().map(|rule| Occurred::CancelRejected(*rule)));
    all.extend(MASS_CANCEL.iter().map(|rule| Occurred::MassCancelRejected(*rule)));
    all.extend(Why::ALL.iter().map(|why| Occurred::Canceled(*why)));
    all.extend(WorkKind::ALL.iter().map(|kind| Occurred::Step(*kind)));
    for liquidity in [MAKER, TAKER] {
        for status in [STATUS_PARTIAL, STATUS_FILLED] {
            all.push(Occurred::Filled { liquidity, status });
        }
    }
    // Every administrative command but the epoch and the tick.
    let templates = (2..=4).chain(6..=16);
    all.extend(templates.map(|template| Occurred::Applied { template }));
    all
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (occurred, count) in &self.0 {
            writeln!(f, "{count:>9}  {occurred:?}")?;
        }
        Ok(())
    }
}
