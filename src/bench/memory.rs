//! The state machine's memory: many live orders in many accounts, and how much larger the process
//! has become.
//!
//! What counts is the resident set, so that memory that was asked for and never touched is not
//! counted, and what the allocator wastes is. Each account holds cash and shares of two
//! instruments and has live orders on both sides of both. Finished orders whose client order ids
//! the exchange remembers, up to 64 for each account, come on top where they are asked for.

use super::report::Report;
use crate::demo::flow::administration::{Administration, TICK, unlimited_share};
use crate::limits::{ACCOUNT_ID_MAX, FINISHED_CLIENT_IDS, ORDERS_MAX};
use crate::state_machine::{Capacity, StateMachine};
use crate::types::Symbol;
use clap::Args as ClapArgs;
use isochron_events::{
    CancelOrderEvent, EventHeader, Message, NewOrderEvent, OrderType, Phase, Side, TimeInForce,
};
use serde_json::json;
use std::io::Write;

const INSTRUMENTS: u32 = 100;
const MEMBERS: u32 = 10;
const USERS: u32 = 50;

/// An account trades two instruments, this far apart.
const SECOND_INSTRUMENT: u32 = 37;

/// The price that buys are below and sells above, and over how many ticks each side spreads.
const MID: i64 = 10_000 * TICK;
const SPREAD_TICKS: i64 = 500;

const CASH: i64 = 1_000_000_000_000;
const SHARES: i64 = 1_000_000;

/// Options of `isochron bench memory`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Live orders.
    #[arg(long, default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u32).range(1..=ORDERS_MAX as i64))]
    pub(super) orders: u32,
    /// Accounts.
    #[arg(long, default_value_t = 100_000,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(ACCOUNT_ID_MAX)))]
    pub(super) accounts: u32,
    /// Finished orders of each account, whose client order ids are remembered.
    #[arg(long, default_value_t = 0,
          value_parser = clap::value_parser!(u32).range(0..=FINISHED_CLIENT_IDS as i64))]
    pub(super) finished: u32,
    /// Prints one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Executes commands and keeps the outcomes of the last one.
struct Exchange {
    machine: StateMachine,
    outcomes: Vec<Message>,
    commands: u64,
}

impl Exchange {
    /// Executes one command, with the numbers and the time that the core would give it.
    fn execute(&mut self, mut command: Message) -> Result<(), String> {
        self.commands += 1;
        let header = command.header_mut();
        (header.sequence, header.timestamp) = (self.commands, self.commands);
        self.outcomes.clear();
        self.machine.execute(&command, &mut self.outcomes);
        match self.outcomes.first() {
            Some(Message::OrderRejectedEvent(rejected)) => {
                Err(format!("{}: refused, {:?}", command.name(), rejected.reason))
            }
            Some(Message::AdministrationRejected(rejected)) => {
                Err(format!("{}: refused, {:?}", command.name(), rejected.reason))
            }
            _ => Ok(()),
        }
    }

    /// The `n`th order of an account, by turns a buy and a sell in each of its instruments.
    fn order(&mut self, account: u32, n: u32) -> Result<u64, String> {
        let mut client_order_id = [0; 20];
        let text = format!("{account:08}-{n:08}");
        let _ = (&mut client_order_id[..]).write_all(text.as_bytes());
        let away = 1 + i64::from(account.wrapping_mul(31).wrapping_add(n * 7)) % SPREAD_TICKS;
        let (side, price) = match n % 2 {
            0 => (Side::BUY, MID - away * TICK),
            _ => (Side::SELL, MID + away * TICK),
        };
        let order = NewOrderEvent {
            header: header_of(account),
            account,
            user: 1 + account % USERS,
            broker: 1 + account % MEMBERS,
            instrument: instruments_of(account)[(n / 2 % 2) as usize],
            client_order_id,
            side,
            order_type: OrderType::LIMIT,
            time_in_force: TimeInForce::DAY,
            price,
            quantity: 100,
            ..NewOrderEvent::default()
        };
        self.execute(order.into())?;
        match self.outcomes.first() {
            Some(Message::OrderAcceptedEvent(accepted)) => Ok(accepted.order_id),
            other => Err(format!("an order was answered by {other:?}")),
        }
    }

    /// An order that is canceled at once.
    fn finished_order(&mut self, account: u32, n: u32) -> Result<(), String> {
        let order_id = Some(self.order(account, n)?);
        let (header, user) = (header_of(account), 1 + account % USERS);
        let cancel = CancelOrderEvent { header, account, user, order_id, ..<_>::default() };
        self.execute(cancel.into())
    }
}

/// Each member has one session, under its own number.
fn header_of(account: u32) -> EventHeader {
    EventHeader { session: 1 + account % MEMBERS, ..EventHeader::default() }
}

fn instruments_of(account: u32) -> [u32; 2] {
    [0, SECOND_INSTRUMENT].map(|apart| 1 + (account + apart) % INSTRUMENTS)
}

/// Who trades what. Users are of the member that their accounts are of, because one number of each
/// divides the other's.
fn setup(accounts: u32) -> Vec<Message> {
    let mut setup = Administration::new(1, "the benchmark's setup");
    (1..=MEMBERS).for_each(|member| setup.member(member));
    (1..=USERS).for_each(|user| setup.user(user, 1 + (user - 1) % MEMBERS));
    (1..=MEMBERS).for_each(|member| setup.session(member, member, member));
    for instrument in 1..=INSTRUMENTS {
        let symbol = Symbol::new(&format!("S{instrument:03}")).expect("four characters");
        setup.instrument(unlimited_share(instrument, symbol));
    }
    for account in 1..=accounts {
        setup.account(account, 1 + account % MEMBERS, 1 + account % USERS);
        setup.cash(account, CASH);
        for instrument in instruments_of(account) {
            setup.shares(account, instrument, SHARES);
        }
    }
    setup.day(20_260_105);
    setup.phase(0, Phase::OPEN);
    setup.finish()
}

/// Bytes of this process that are in memory. Source: Linux, proc_pid_status(5), `VmRSS`.
fn resident_bytes() -> Result<u64, String> {
    let path = "/proc/self/status";
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    number.map(|kib| kib * 1024).ok_or_else(|| format!("{path} does not say VmRSS"))
}

/// Room for the exchange of these options.
pub(super) fn capacity(args: &Args) -> Capacity {
    let Args { orders, accounts, finished, .. } = *args;
    Capacity {
        orders: orders as usize,
        holdings: 2 * accounts as usize,
        client_ids: orders as usize + finished as usize * accounts as usize,
    }
}

/// An exchange with its accounts, and no orders.
fn open(args: &Args, commands: &[Message]) -> Result<Exchange, String> {
    let machine = StateMachine::with_capacity(capacity(args));
    let outcomes = Vec::with_capacity(256);
    let mut exchange = Exchange { machine, outcomes, commands: 0 };
    commands.iter().try_for_each(|command| exchange.execute(*command))?;
    Ok(exchange)
}

/// Its finished and its live orders.
fn trade(exchange: &mut Exchange, args: &Args) -> Result<(), String> {
    let Args { orders, accounts, finished, .. } = *args;
    for n in 0..finished {
        (1..=accounts).try_for_each(|account| exchange.finished_order(account, n))?;
    }
    for n in 0..orders {
        exchange.order(1 + n % accounts, finished + n / accounts)?;
    }
    Ok(())
}

/// The state of the exchange of these options.
pub(super) fn fill(args: &Args) -> Result<StateMachine, String> {
    let mut exchange = open(args, &setup(args.accounts))?;
    trade(&mut exchange, args)?;
    Ok(exchange.machine)
}

/// Fills an exchange and says how much larger the process is.
pub(super) fn run(args: &Args) -> Result<Report, String> {
    let Args { orders, accounts, finished, .. } = *args;
    let commands = setup(accounts);
    let before = resident_bytes()?;
    let mut exchange = open(args, &commands)?;
    let opened = resident_bytes()?;
    trade(&mut exchange, args)?;
    let bytes = resident_bytes()?.saturating_sub(before);
    let live = exchange.machine.books().live();
    let fault = (live != orders as usize).then(|| format!("{live} live orders, not {orders}"));
    let fault = fault.or(exchange.machine.check_conservation().err());
    let per_order = bytes / u64::from(orders);
    let notes = vec![
        format!("{INSTRUMENTS} instruments, two held by each account, orders on both sides"),
        format!(
            "{finished} finished orders of each account have their ids remembered (--finished)"
        ),
        format!("after the setup {} MB", opened.saturating_sub(before) / 1_000_000),
        format!("{per_order} bytes of the resident set for each live order, all included"),
    ];
    let line = format!("memory: {orders} orders, {accounts} accounts, {} MB", bytes / 1_000_000);
    let json = json!({
        "bench": "memory", "orders": orders, "accounts": accounts, "finished_each": finished,
        "bytes": bytes, "bytes_after_setup": opened.saturating_sub(before),
        "bytes_per_order": per_order,
    });
    Ok(Report { notes, line, json, fault })
}
