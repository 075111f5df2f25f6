//! The longest wait of another source: work that goes on by continuation keeps everything else out.
//!
//! ```text
//!   operator's ring:  mass cancel ─┐
//!   another's ring:   Tick ────────┼─▶ core: cancel, step, step, ... last step, Tick
//!                      └─ waits ───┘                                           └─ committed
//! ```
//!
//! The other command lies in its ring before the core looks at either: no wait is longer. The core
//! runs on this thread, the helper that prepares segments on another, as in an exchange.

use super::replay::{identity, scratch};
use super::report::{Report, Share};
use crate::agent::{Agent, Clock, IdleStrategy, Placement, StopFlag, SystemClock, start};
use crate::core::{CoreAgent, CoreCounters, Options, Sequencer, Taken};
use crate::demo::flow::administration::{Administration, Limits, TICK, unlimited_share};
use crate::limits::{BALANCE_MAX, MESSAGE_BYTES_MAX};
use crate::metrics::Counters;
use crate::ring::{Producer, pair};
use crate::state_machine::{Capacity, command_origin, command_origin_mut};
use crate::store::{Options as StoreOptions, SegmentHelper, StoreReader};
use crate::types::{Nanos, Symbol};
use clap::Args as ClapArgs;
use isochron_events::{
    BooleanFlag, CommandOrigin, ContinuationKind, DayEnding, KillSwitch, MassCancelEvent, Message,
    NewOrderEvent, OrderType, Phase, PhaseChange, Scope, Side, Tick, TimeInForce,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The market maker's, in each instrument.
const SHARES: i64 = 100_000_000;

const TRADING_DATE: u32 = 20_260_105;
const RING_BYTES: usize = 1 << 16;

/// Sources: the operator, everybody who trades, and the one that waits.
const OPERATOR: u32 = 1;
const TRADERS: u32 = 2;
const OTHER: u32 = 3;

/// The member of the market maker, whose account is 1, and the member of all other accounts; each
/// has the user and the session of its number.
const MAKER: u32 = 1;
const MEMBER: u32 = 2;

/// Different prices of resting orders, each side of an instrument.
const LEVELS: u32 = 100;

/// Where trades are made; asks rest above, bids below.
const MIDDLE: i64 = 1_000 * TICK;

/// Cycles without anything to do before the run is given up: many seconds.
const IDLE_CYCLES_MAX: u64 = 1_000_000_000;

/// Options of `isochron bench waits`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Live orders: half of them the market maker's, the others of all other accounts.
    #[arg(long, default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u32).range(2..=4_000_000))]
    pub(super) orders: u32,
    /// Accounts beside the market maker's.
    #[arg(long, default_value_t = 100_000,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) accounts: u32,
    /// Instruments.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) instruments: u32,
    /// Where the log is made, for the time of the run; a temporary directory where none is given.
    #[arg(long)]
    pub(super) directory: Option<PathBuf>,
    /// Prints one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// What another source waited for.
struct Wait {
    name: &'static str,
    ns: u64,
    steps: u64,
    /// Orders canceled, or balances settled.
    done: u64,
    /// How much of the time the core's thread had a core.
    percent: Option<u64>,
}

impl Wait {
    fn ms(&self) -> f64 {
        self.ns as f64 / 1e6
    }

    fn note(&self) -> String {
        let Self { name, steps, done, .. } = self;
        let each_us = self.ns as f64 / 1e3 / (*steps).max(1) as f64;
        let (ms, percent) = (self.ms(), self.percent.unwrap_or(0));
        format!(
            "{name}: {ms:.1} ms, {steps} steps of {each_us:.1} us, {done} orders or balances; \
             {percent} % of the time on a core"
        )
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "wait_ns": self.ns, "steps": self.steps, "done": self.done,
            "core_percent": self.percent,
        })
    }
}

/// The exchange, and what reads its log.
struct Exchange {
    core: CoreAgent,
    operator: Producer,
    traders: Producer,
    other: Producer,
    reader: StoreReader,
    /// Commands submitted by each source.
    numbers: [u64; 4],
    clock: SystemClock,
}

/// Prepares segments beside the core.
struct Helper(SegmentHelper);

impl Agent for Helper {
    fn name(&self) -> &str {
        "segments"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        self.0.do_work(now)
    }
}

/// What the log said between two looks.
#[derive(Default)]
struct Seen {
    steps: u64,
    /// Outcomes by continuation kind: the cancels, then what was settled.
    canceled: u64,
    settled: u64,
    /// Steps of the settlement.
    settlement_steps: u64,
    /// The other source's command was seen, after all else.
    other: bool,
    fault: Option<String>,
}

/// A wait, and what came of it.
struct Waited {
    ns: u64,
    /// Of it, the time until the settlement began, if one did.
    settlement: Option<u64>,
    percent: Option<u64>,
    seen: Seen,
}

impl Seen {
    fn on_event(&mut self, event: &Message) {
        match event {
            Message::Continuation(step) => {
                self.steps += 1;
                self.settlement_steps += u64::from(step.kind == ContinuationKind::SETTLEMENT);
                if self.other {
                    self.fault = Some("another source's command came before a step".to_owned());
                }
            }
            Message::OrderCanceledEvent(_) => self.canceled += 1,
            Message::BalanceChanged(_) => self.settled += 1,
            Message::Tick(_) => {
                self.other |= command_origin(event).is_some_and(|origin| origin.source == OTHER);
            }
            Message::OrderRejectedEvent(rejected) => self.refuse(rejected),
            Message::AdministrationRejected(rejected) => self.refuse(rejected),
            Message::MassCancelRejected(rejected) => self.refuse(rejected),
            _ => {}
        }
    }

    fn refuse(&mut self, what: impl std::fmt::Display) {
        self.fault.get_or_insert_with(|| what.to_string());
    }
}

impl Exchange {
    /// Puts a command into a source's ring, when there is room.
    fn send(&mut self, source: u32, mut command: Message) -> bool {
        let number = &mut self.numbers[source as usize];
        if let Some(origin) = command_origin_mut(&mut command) {
            *origin = CommandOrigin { source, source_sequence: *number + 1 };
        }
        let ring = match source {
            OPERATOR => &mut self.operator,
            TRADERS => &mut self.traders,
            _ => &mut self.other,
        };
        let Ok(mut claim) = ring.try_claim(command.encoded_length()) else { return false };
        command.encode(&mut claim).expect("the claim has the message's length");
        claim.commit();
        *number += 1;
        true
    }

    fn cycle(&mut self) -> usize {
        self.core.do_work(self.clock.now())
    }

    fn read(&mut self, seen: &mut Seen) -> Result<(), String> {
        while let Some(frame) = self.reader.next().map_err(text)? {
            seen.on_event(&Message::decode(frame.message).map_err(text)?);
        }
        Ok(())
    }

    /// Sends commands, and waits until all are in the log.
    fn fill(&mut self, source: u32, commands: impl Iterator<Item = Message>) -> Result<(), String> {
        let mut seen = Seen::default();
        for command in commands {
            while !self.send(source, command) {
                self.cycle();
                self.read(&mut seen)?;
            }
        }
        while self.cycle() > 0 {}
        self.read(&mut seen)?;
        seen.fault.map_or(Ok(()), Err)
    }

    /// The operator's command, and another's behind it: how long that one waits.
    fn wait(&mut self, command: Message) -> Result<Waited, String> {
        if !self.send(OPERATOR, command) {
            return Err("the operator's ring is not empty".to_owned());
        }
        let share = Share::begin(&self.clock);
        let start = self.clock.now();
        self.cycle();
        if !self.send(OTHER, Tick::default().into()) {
            return Err("the other ring is not empty".to_owned());
        }
        let (mut settlement, mut idle) = (None, 0);
        while self.core.sequencer().machine().accounts().highest(OTHER) < self.numbers[3] {
            let pending = self.core.sequencer().machine().pending();
            if pending.is_some_and(|next| next.kind == ContinuationKind::SETTLEMENT) {
                settlement.get_or_insert_with(|| self.clock.now().0 - start.0);
            }
            idle = if self.cycle() > 0 { 0 } else { idle + 1 };
            if idle > IDLE_CYCLES_MAX {
                return Err("the core takes nothing: is the disk full?".to_owned());
            }
        }
        let ns = self.clock.now().0 - start.0;
        let percent = share.percent(&self.clock);
        let mut seen = Seen::default();
        self.read(&mut seen)?;
        Ok(Waited { ns, settlement, percent, seen })
    }

    /// The wait for one kind of work, which must cancel so many orders.
    fn cancels(
        &mut self,
        name: &'static str,
        command: Message,
        expected: u32,
    ) -> Result<Wait, String> {
        let Waited { ns, percent, seen, .. } = self.wait(command)?;
        let Seen { steps, canceled, fault, .. } = seen;
        match fault {
            Some(fault) => Err(format!("{name}: {fault}")),
            None if canceled != u64::from(expected) => {
                Err(format!("{name}: {canceled} orders canceled, {expected} expected"))
            }
            None => Ok(Wait { name, ns, steps, done: canceled, percent }),
        }
    }
}

/// The orders that rest, by number: those of the market maker or those of all others.
struct Orders<'a> {
    args: &'a Args,
    member: u32,
    /// Orders made so far: client order ids are never used again.
    made: u32,
}

impl Orders<'_> {
    fn order(&mut self, account: u32, side: Side, instrument: u32, price: i64) -> NewOrderEvent {
        self.made += 1;
        let mut order = NewOrderEvent {
            account,
            user: self.member,
            instrument,
            side,
            order_type: OrderType::LIMIT,
            price,
            quantity: 1,
            ..NewOrderEvent::default()
        };
        order.header.session = self.member;
        let name = format!("{:x}", self.made);
        order.client_order_id[..name.len()].copy_from_slice(name.as_bytes());
        order
    }

    /// The account of this member that comes in this place.
    fn account(&self, place: u32) -> u32 {
        if self.member == MAKER { 1 } else { 2 + place % self.args.accounts }
    }

    /// So many orders that rest, over all accounts, instruments, sides and levels.
    fn resting(&mut self, orders: u32) -> impl Iterator<Item = Message> {
        (0..orders).map(move |place| {
            let instrument = 1 + place % self.args.instruments;
            let round = place / self.args.instruments;
            let away = i64::from(1 + round / 2 % LEVELS) * TICK;
            let (side, price) = match round % 2 {
                0 => (Side::BUY, MIDDLE - away),
                _ => (Side::SELL, MIDDLE + away),
            };
            self.order(self.account(place), side, instrument, price).into()
        })
    }

    /// An order for one share of each account, at the price at which trades are made.
    fn at_the_middle(
        &mut self,
        side: Side,
        time_in_force: TimeInForce,
    ) -> impl Iterator<Item = Message> {
        (0..self.args.accounts).map(move |place| {
            let instrument = 1 + place % self.args.instruments;
            let order = self.order(self.account(place), side, instrument, MIDDLE);
            NewOrderEvent { time_in_force, ..order }.into()
        })
    }
}

/// Members and instruments; then each account with money and shares; then the day.
fn setup(args: &Args) -> impl Iterator<Item = Message> {
    let begin = || Administration::new(1, "bench waits");
    let mut first = begin();
    for member in [MAKER, MEMBER] {
        first.member(member);
        first.user(member, member);
        first.session(member, member, member);
        first.limits(Scope::USER, member, Limits::default());
    }
    for instrument in 1..=args.instruments {
        let symbol = Symbol::new(&format!("W{instrument}")).expect("at most six characters");
        first.instrument(unlimited_share(instrument, symbol));
    }
    let cash = BALANCE_MAX / i64::from(2 + args.accounts);
    let accounts = (1..=1 + args.accounts).flat_map(move |account| {
        let mut setup = begin();
        let member = if account == 1 { MAKER } else { MEMBER };
        setup.account(account, member, member);
        setup.limits(Scope::ACCOUNT, account, Limits::default());
        setup.cash(account, cash);
        if account == 1 {
            (1..=args.instruments).for_each(|instrument| setup.shares(1, instrument, SHARES));
        }
        setup.finish()
    });
    // What the members' accounts sell.
    let sold = (0..half(args)).filter(|place| place / args.instruments % 2 == 1);
    let shares = sold.flat_map(move |place| {
        let mut setup = begin();
        setup.shares(2 + place % args.accounts, 1 + place % args.instruments, 1);
        setup.finish()
    });
    let mut last = begin();
    last.day(TRADING_DATE);
    last.phase(0, Phase::OPEN);
    first.finish().into_iter().chain(accounts).chain(shares).chain(last.finish())
}

/// Orders of the members' accounts; the market maker has the others.
fn half(args: &Args) -> u32 {
    args.orders / 2
}

/// An exchange that is set up, and the helper that prepares its segments.
fn open(args: &Args, directory: &Path) -> Result<(Exchange, SegmentHelper), String> {
    let clock = SystemClock::new();
    let store = StoreOptions::new(directory, identity());
    let (orders, accounts) = (args.orders as usize, args.accounts as usize);
    let capacity = Capacity {
        orders: orders + accounts,
        holdings: orders + accounts,
        client_ids: orders + 64 * accounts,
    };
    let (mut sequencer, _) =
        Sequencer::open(&Options { store, capacity }, clock.now()).map_err(text)?;
    let mut buffer = vec![0; MESSAGE_BYTES_MAX];
    let mut numbers = [0; 4];
    for mut command in setup(args) {
        numbers[OPERATOR as usize] += 1;
        let origin = command_origin_mut(&mut command).expect("a command");
        let source_sequence = numbers[OPERATOR as usize];
        *origin = CommandOrigin { source: OPERATOR, source_sequence };
        let length = command.encode(&mut buffer).map_err(text)?;
        let taken = sequencer.take(&buffer[..length], clock.now());
        if taken != Taken::Executed {
            return Err(format!("the core did not take {command}: {taken:?}"));
        }
        let mut refused = Seen::default();
        sequencer.outcomes().messages().for_each(|outcome| refused.on_event(&outcome));
        refused.fault.map_or(Ok(()), Err)?;
    }
    let helper = sequencer.writer_mut().take_helper().ok_or("the helper is gone")?;
    let mut reader = StoreReader::attach(directory, None).map_err(text)?;
    reader.seek(sequencer.position(), None).map_err(text)?;
    let (operator, first) = pair(RING_BYTES);
    let (traders, second) = pair(RING_BYTES);
    let (other, third) = pair(RING_BYTES);
    let counters = CoreCounters::new(&Counters::in_memory());
    let core = CoreAgent::new(sequencer, vec![first, second, third], counters);
    Ok((Exchange { core, operator, traders, other, reader, numbers, clock }, helper))
}

/// Expiry and settlement: what waits, waits for both.
fn day_end(exchange: &mut Exchange, args: &Args) -> Result<[Wait; 2], String> {
    let ending = DayEnding { trading_date: TRADING_DATE, ..DayEnding::default() };
    let Waited { ns, settlement, percent, seen } = exchange.wait(ending.into())?;
    let Seen { steps, settlement_steps, canceled, settled, fault, .. } = seen;
    let traded_in = u64::from(args.instruments.min(args.accounts));
    let expected = 2 * u64::from(args.accounts) + 1 + traded_in;
    if let Some(fault) = fault {
        return Err(format!("the day's end: {fault}"));
    }
    if (canceled, settled) != (u64::from(args.orders), expected) {
        return Err(format!(
            "the day's end: {canceled} orders expired and {settled} balances were settled, {} and \
             {expected} expected",
            args.orders
        ));
    }
    let expiry_ns = settlement.unwrap_or(0);
    let steps = steps - settlement_steps;
    let wait = |name, ns, steps, done| Wait { name, ns, steps, done, percent };
    Ok([
        wait("expiry", expiry_ns, steps, canceled),
        wait("settlement", ns - expiry_ns, settlement_steps, settled),
    ])
}

/// All four kinds of work, in an exchange of that size.
fn measure(exchange: &mut Exchange, args: &Args) -> Result<[Wait; 4], String> {
    let (of_members, of_maker) = (half(args), args.orders - half(args));
    let mut members = Orders { args, member: MEMBER, made: 0 };
    let mut maker = Orders { args, member: MAKER, made: 0 };
    exchange.fill(TRADERS, members.resting(of_members))?;
    exchange.fill(TRADERS, maker.resting(of_maker))?;

    let mut command =
        MassCancelEvent { account: 1, user: MAKER, scope: Scope::ACCOUNT, ..Default::default() };
    command.header.session = MAKER;
    let mass_cancel = exchange.cancels("mass cancel", command.into(), of_maker)?;
    exchange.fill(TRADERS, maker.resting(of_maker))?;

    let switch =
        |on| KillSwitch { scope: Scope::MEMBER, subject: MEMBER, on, ..KillSwitch::default() };
    let kill_switch =
        exchange.cancels("kill switch", switch(BooleanFlag::YES).into(), of_members)?;
    exchange.fill(OPERATOR, std::iter::once(switch(BooleanFlag::NO).into()))?;
    exchange.fill(TRADERS, members.resting(of_members))?;

    // Every account has cash and shares to settle.
    exchange.fill(TRADERS, maker.at_the_middle(Side::SELL, TimeInForce::DAY))?;
    exchange.fill(TRADERS, members.at_the_middle(Side::BUY, TimeInForce::IMMEDIATE_OR_CANCEL))?;
    let closed = PhaseChange { phase: Phase::CLOSED, ..PhaseChange::default() };
    exchange.fill(OPERATOR, std::iter::once(closed.into()))?;
    let [expiry, settlement] = day_end(exchange, args)?;
    exchange.core.sequencer().machine().check_conservation()?;
    Ok([expiry, settlement, mass_cancel, kill_switch])
}

/// Makes the exchange and measures the waits.
pub(super) fn run(args: &Args) -> Result<Report, String> {
    let scratch = scratch(args.directory.as_deref())?;
    let (mut exchange, helper) = open(args, &scratch.path().join("store"))?;
    let clock = exchange.clock;
    let placement = Placement::shared(IdleStrategy::BACK_OFF);
    let helper: Vec<Box<dyn Agent>> = vec![Box::new(Helper(helper))];
    let running = start(helper, &placement, &clock, &StopFlag::new()).map_err(text)?;
    let waits = measure(&mut exchange, args);
    running.stop();
    running.join().map_err(|_| "the helper panicked")?;
    let waits = waits?;
    let Args { orders, accounts, instruments, .. } = args;
    let mut notes =
        vec![format!("{orders} live orders, {accounts} accounts, {instruments} instruments")];
    notes.extend(waits.iter().map(Wait::note));
    let [expiry, settlement, ..] = &waits;
    let both_ms = expiry.ms() + settlement.ms();
    notes.push(format!("the end of a day is expiry and settlement: {both_ms:.1} ms"));
    let named = waits.iter().map(|wait| format!("{} {:.1}", wait.name, wait.ms()));
    let line = format!("waits: {}", named.collect::<Vec<_>>().join(" "));
    let json = json!({
        "bench": "waits", "orders": orders, "accounts": accounts, "instruments": instruments,
        "waits": waits.iter().map(Wait::json).collect::<Vec<_>>(),
    });
    Ok(Report { notes, line, json, fault: None })
}
