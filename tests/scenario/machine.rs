//! What a scenario and the random commands need of an exchange: the twin or the engine.

use crate::exchange::words::{Ask, Command, Money3, Outcome, WorkKind};
use crate::exchange::{Asset, Exchange, Rests};

/// Work that goes on before any other command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) kind: WorkKind,
    /// Steps done before.
    pub(crate) cursor: u64,
    /// The root command.
    pub(crate) cause: u64,
}

/// What an account holds of one asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holds {
    pub(crate) settled: i128,
    pub(crate) pending: i128,
    pub(crate) reserved: i128,
}

/// One exchange under test.
pub(crate) trait Machine {
    fn name(&self) -> &'static str;
    fn is_repeat(&self, source: u32, number: u64) -> bool;
    fn execute(&mut self, sequence: u64, time: u64, command: &Command) -> Vec<Outcome>;
    fn pending(&self) -> Option<Step>;
    /// Executes the pending step as a command of the core.
    fn go_on(&mut self, sequence: u64, time: u64, step: Step) -> Vec<Outcome>;
    /// One side of a book in priority order.
    fn book(&self, instrument: u32, side: u8) -> Vec<Rests>;
    fn holds(&self, account: u32, asset: Asset) -> Holds;
    /// Fees less rebates of a currency.
    fn house(&self, currency: Money3) -> i128;
    fn check_conservation(&self) -> Result<(), String>;
}

impl Machine for Exchange {
    fn name(&self) -> &'static str {
        "twin"
    }

    fn is_repeat(&self, source: u32, number: u64) -> bool {
        Exchange::is_repeat(self, source, number)
    }

    fn execute(&mut self, sequence: u64, time: u64, command: &Command) -> Vec<Outcome> {
        Exchange::execute(self, sequence, time, command)
    }

    fn pending(&self) -> Option<Step> {
        let pending = Exchange::pending(self)?;
        Some(Step { kind: pending.kind(), cursor: pending.steps, cause: pending.cause })
    }

    fn go_on(&mut self, sequence: u64, time: u64, step: Step) -> Vec<Outcome> {
        let ask = Ask::Continue { cursor: step.cursor };
        let command = Command { source: 0, source_number: 0, session: 0, ask };
        Exchange::execute(self, sequence, time, &command)
    }

    fn book(&self, instrument: u32, side: u8) -> Vec<Rests> {
        Exchange::book(self, instrument, side)
    }

    fn holds(&self, account: u32, asset: Asset) -> Holds {
        Holds {
            settled: self.settled(account, asset),
            pending: self.pending_of(account, asset),
            reserved: self.reserved(account, asset),
        }
    }

    fn house(&self, currency: Money3) -> i128 {
        Exchange::house(self, currency)
    }

    fn check_conservation(&self) -> Result<(), String> {
        Exchange::check_conservation(self)
    }
}
