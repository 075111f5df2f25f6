//! The whole state machine on the order stream: each operation is a command.
//!
//! ```text
//!   operation ─▶ command (not timed) ─▶ execute ─▶ outcomes ─▶ encoded as the log has them
//! ```
//!
//! Account `1 + order id mod 10,000` sends the order and its cancel. Accounts trade with themselves
//! (policy `ALLOW`), so that the trades are those of the books alone. Risk, reservations, fees and
//! client order ids are all there. Not measured: ring, CRC and store.

use super::matching;
use super::report::{Report, Share, clock_ns, histogram, median, percentiles, percentiles_json};
use super::stream::{Stream, StreamArgs, write};
use crate::agent::{Clock, SystemClock};
use crate::demo::flow::administration::{Administration, Limits, TICK, unlimited_share};
use crate::limits::{INSTRUMENT_ID_MAX, LIVE_ORDERS_DEFAULT};
use crate::order_stream::{Kind, Operation, TradeTotals};
use crate::state_machine::{
    Capacity, EncodedOutcomes, LookAhead, Outcomes, StateMachine, end_flags,
};
use crate::types::{OrderId, Side, Symbol};
use clap::Args as ClapArgs;
use hdrhistogram::Histogram;
use isochron_events::{
    AdministrationRejected, CancelOrderEvent, CancelRejectedEvent, DefineInstrument, EventHeader,
    Liquidity, Message, NewOrderEvent, OrderFilledEvent, OrderRejectedEvent, OrderType, Phase,
    SbeMessage, Scope, SelfTradePolicy, TimeInForce,
};
use serde_json::json;

/// Accounts that orders come from, by order id.
const ACCOUNTS: u64 = 10_000;
/// Members, from 1; account, user and session `n` are of member `(n - 1) % 10 + 1`.
const MEMBERS: u32 = 10;
const USERS: u32 = 50;
const SESSIONS: u32 = 20;

/// What each account has at first; nobody runs out of it.
const CASH: i64 = 10_000_000_000_000;
const SHARES: i64 = 1_000_000_000;
/// Limits that are checked and never met, in shares.
const VOLUME_MAX: u64 = 1_000_000_000_000;
const BAND: u32 = 5_000;
const MAKER_RATE: i32 = -20;
const TAKER_RATE: i32 = 30;

/// Commands that are made at a time, before the clock starts on them.
const BLOCK: usize = 256;

/// Options of `isochron bench state-machine`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    pub(super) stream: StreamArgs,
}

fn member_of(number: u32) -> u32 {
    (number - 1) % MEMBERS + 1
}

fn account_of(order: OrderId) -> u32 {
    1 + (order.0 % ACCOUNTS) as u32
}

fn user_of(account: u32) -> u32 {
    member_of(account) + MEMBERS * (account / 10 % (USERS / MEMBERS))
}

fn session_of(account: u32) -> u32 {
    member_of(account) + MEMBERS * (account / 50 % (SESSIONS / MEMBERS))
}

fn instrument(number: u32) -> DefineInstrument {
    let symbol = Symbol::new(&format!("S{number}")).expect("six characters");
    DefineInstrument {
        band: BAND,
        maker_rate: MAKER_RATE,
        taker_rate: TAKER_RATE,
        ..unlimited_share(number, symbol)
    }
}

/// The administration before the stream. Shares are deposited where the stream sells.
fn setup(stream: &Stream) -> Vec<Message> {
    let mut setup = Administration::new(1, "the benchmark's setup");
    (1..=MEMBERS).for_each(|member| setup.member(member));
    (1..=USERS).for_each(|user| setup.user(user, member_of(user)));
    (1..=SESSIONS).for_each(|session| {
        let member = member_of(session);
        setup.session(session, member, member);
    });
    (1..=stream.symbols()).for_each(|number| setup.instrument(instrument(number)));
    let volume = Limits { daily_volume_max: VOLUME_MAX, ..Limits::default() };
    (1..=USERS).for_each(|user| setup.limits(Scope::USER, user, volume));
    let limits = Limits {
        barred: false,
        live_orders_max: LIVE_ORDERS_DEFAULT,
        daily_volume_max: VOLUME_MAX,
        position_max: VOLUME_MAX,
    };
    for account in 1..=ACCOUNTS as u32 {
        setup.account(account, member_of(account), user_of(account));
        setup.self_trade(account, SelfTradePolicy::ALLOW);
        setup.limits(Scope::ACCOUNT, account, limits);
        setup.cash(account, CASH);
    }
    let sales = stream.operations.iter().filter(|o| o.kind == Kind::New && o.side == Side::Sell);
    let mut sellers: Vec<_> = sales.map(|o| (account_of(o.order_id), 1 + o.symbol)).collect();
    sellers.sort_unstable();
    sellers.dedup();
    for (account, instrument) in sellers {
        setup.shares(account, u32::from(instrument), SHARES);
    }
    setup.day(20_260_105);
    setup.phase(0, Phase::OPEN);
    setup.finish()
}

/// A client order id: a letter, and the order's number in sixteen digits.
fn client_order_id(letter: u8, order: OrderId) -> [u8; 20] {
    let mut id = [0; 20];
    id[0] = letter;
    for (place, digit) in id[1..17].iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(order.0 >> (4 * place)) as usize & 15];
    }
    id
}

fn command(operation: &Operation) -> Message {
    let order = operation.order_id;
    let account = account_of(order);
    let user = user_of(account);
    let header = EventHeader { session: session_of(account), ..EventHeader::default() };
    match operation.kind {
        Kind::New => NewOrderEvent {
            header,
            account,
            user,
            broker: member_of(account),
            instrument: u32::from(operation.symbol) + 1,
            side: match operation.side {
                Side::Buy => isochron_events::Side::BUY,
                Side::Sell => isochron_events::Side::SELL,
            },
            order_type: OrderType::LIMIT,
            time_in_force: TimeInForce::DAY,
            price: i64::from(operation.price) * TICK,
            quantity: u64::from(operation.quantity),
            client_order_id: client_order_id(b'o', order),
            ..NewOrderEvent::default()
        }
        .into(),
        Kind::Cancel => CancelOrderEvent {
            header,
            account,
            user,
            order_id: Some(order.0),
            client_order_id: client_order_id(b'c', order),
            ..CancelOrderEvent::default()
        }
        .into(),
    }
}

/// The outcomes as the log has them, and what was traded.
#[derive(Default)]
struct Log {
    outcomes: EncodedOutcomes,
    maker: u64,
    totals: TradeTotals,
    /// The first refusal, of a command or of the setup; there should be none.
    refused: Option<Message>,
    events: u64,
    bytes: u64,
}

impl Log {
    /// Makers and takers come in pairs.
    #[inline]
    fn filled(&mut self, fill: &OrderFilledEvent) {
        if fill.liquidity == Liquidity::MAKER {
            self.maker = fill.order_id;
        } else {
            let price = (fill.price / TICK).cast_unsigned();
            self.totals.add(OrderId(self.maker), OrderId(fill.order_id), price, fill.quantity);
        }
    }
}

impl Outcomes for Log {
    #[inline]
    fn emit<M: SbeMessage + Into<Message>>(&mut self, outcome: M) {
        self.outcomes.emit(outcome);
        self.events += 1;
        self.bytes += M::ENCODED_LENGTH as u64;
        match M::TEMPLATE_ID {
            OrderFilledEvent::TEMPLATE_ID => {
                if let Message::OrderFilledEvent(fill) = outcome.into() {
                    self.filled(&fill);
                }
            }
            OrderRejectedEvent::TEMPLATE_ID
            | CancelRejectedEvent::TEMPLATE_ID
            | AdministrationRejected::TEMPLATE_ID => {
                self.refused.get_or_insert(outcome.into());
            }
            _ => {}
        }
    }
}

struct Engine {
    machine: StateMachine,
    ahead: LookAhead,
    log: Log,
    sequence: u64,
}

impl Engine {
    fn new(stream: &Stream, setup: &[Message]) -> Self {
        let capacity = Capacity { orders: stream.orders, holdings: 1 << 20, client_ids: 1 << 20 };
        let machine = StateMachine::with_capacity(capacity);
        let mut engine =
            Self { machine, ahead: LookAhead::default(), log: Log::default(), sequence: 0 };
        setup.iter().for_each(|command| engine.execute(&mut { *command }));
        engine.log.events = 0;
        engine.log.bytes = 0;
        engine
    }

    /// Executes a command, which is stamped in its place, and whatever goes on from it.
    #[inline]
    fn execute(&mut self, command: &mut Message) {
        self.step(command);
        while let Some(pending) = self.machine.pending() {
            self.step(&mut pending.into());
        }
    }

    /// Executes one of many commands, each of which is shown to the machine some time before its
    /// turn, as the core does with what lies in a ring.
    #[inline]
    fn execute_at(&mut self, at: usize, commands: &mut [Message]) {
        while self.ahead.wants_more()
            && let Some(next) = commands.get(at + self.ahead.len())
        {
            self.machine.show(next, &mut self.ahead);
        }
        self.machine.ready(&mut self.ahead);
        self.ahead.pass();
        self.execute(&mut commands[at]);
    }

    #[inline]
    fn step(&mut self, command: &mut Message) {
        self.sequence += 1;
        let header = command.header_mut();
        header.sequence = self.sequence;
        header.timestamp = self.sequence;
        self.log.outcomes.clear();
        self.machine.execute(command, &mut self.log);
        self.log.outcomes.end(end_flags(&self.machine, command));
    }
}

/// Plays operations in blocks; the command after a block's last is made already, and so on.
fn play(
    engine: &mut Engine,
    operations: &[Operation],
    mut block: impl FnMut(&mut Engine, &mut [Message], usize),
) {
    let mut commands = Vec::with_capacity(2 * BLOCK);
    let mut blocks = operations.chunks(BLOCK);
    commands.extend(blocks.next().into_iter().flatten().map(command));
    while !commands.is_empty() {
        let count = commands.len().min(BLOCK);
        commands.extend(blocks.next().into_iter().flatten().map(command));
        block(engine, &mut commands, count);
        commands.drain(..count);
    }
}

fn untimed(engine: &mut Engine, commands: &mut [Message], count: usize) {
    (0..count).for_each(|at| engine.execute_at(at, commands));
}

/// Millions of commands a second, and the engine at its end.
fn throughput(stream: &Stream, setup: &[Message], clock: &SystemClock) -> (f64, Engine) {
    let mut engine = Engine::new(stream, setup);
    let (filling, timed) = stream.split();
    play(&mut engine, filling, untimed);
    let mut elapsed_ns = 0;
    play(&mut engine, timed, |engine, commands, count| {
        let start = clock.now();
        untimed(engine, commands, count);
        elapsed_ns += clock.now().0 - start.0;
    });
    (timed.len() as f64 * 1e3 / elapsed_ns.max(1) as f64, engine)
}

fn latency(stream: &Stream, setup: &[Message], clock: &SystemClock) -> Histogram<u64> {
    let mut engine = Engine::new(stream, setup);
    let (filling, timed) = stream.split();
    play(&mut engine, filling, untimed);
    let mut histogram = histogram();
    play(&mut engine, timed, |engine, commands, count| {
        for at in 0..count {
            let start = clock.now();
            engine.execute_at(at, commands);
            histogram.saturating_record(clock.now().0 - start.0);
        }
    });
    histogram
}

/// The engine gives ids in the order of its commands, and cancels name them.
fn check(stream: &Stream) -> Result<(), String> {
    if stream.symbols() > INSTRUMENT_ID_MAX {
        return Err(format!("{} symbols, the most are {INSTRUMENT_ID_MAX}", stream.symbols()));
    }
    let new = stream.operations.iter().filter(|operation| operation.kind == Kind::New);
    for (operation, due) in new.zip(1..) {
        if operation.order_id.0 != due {
            return Err(format!("order {} where {due} is due", operation.order_id));
        }
    }
    Ok(())
}

fn fault(stream: &Stream, engine: &Engine) -> Option<String> {
    let found = &engine.log.totals;
    let alone = matching::trades(stream);
    if let Some(refusal) = engine.log.refused {
        return Some(format!("a command was refused: {refusal}"));
    }
    if *found != alone {
        return Some(format!("{found}; the books alone have {alone}"));
    }
    stream.fault(found).or_else(|| engine.machine.check_conservation().err())
}

/// Measures; or writes the stream, and says so.
pub(super) fn run(args: &Args) -> Result<Report, String> {
    let stream = Stream::open(&args.stream)?;
    check(&stream)?;
    if let Some(path) = &args.stream.write {
        return write(path, &stream);
    }
    let setup = setup(&stream);
    let clock = SystemClock::new();
    let mut rates = Vec::new();
    let (mut last, mut percent) = (None, None);
    for _ in 0..args.stream.passes {
        drop(last.take());
        let share = Share::begin(&clock);
        let (rate, engine) = throughput(&stream, &setup, &clock);
        percent = share.percent(&clock);
        rates.push(rate);
        last = Some(engine);
    }
    let engine = last.expect("there is at least one pass");
    let fault = fault(&stream, &engine);
    let totals = engine.log.totals;
    let (events, bytes) = (engine.log.events, engine.log.bytes);
    drop(engine);
    let (rate, passes) = median(rates.clone(), "M commands/s");
    let histogram = latency(&stream, &setup, &clock);
    let clock_ns = clock_ns(&clock);
    let [p50, p99, p99_9, ..] = percentiles(&histogram);
    let commands = stream.operations.len();
    let notes = vec![
        format!("{commands} commands, {} symbols, {ACCOUNTS} accounts", stream.symbols()),
        format!("{events} outcomes, {bytes} bytes"),
        passes,
        Share::note(percent),
        format!("clock: {clock_ns} ns between two readings, included in the latencies"),
    ];
    let line = format!(
        "state-machine: {rate:.2} M commands/s, p50 {p50} p99 {p99} p99.9 {p99_9}, {totals}"
    );
    let json = json!({
        "bench": "state-machine", "commands": commands, "symbols": stream.symbols(),
        "accounts": ACCOUNTS, "commands_per_second": rate * 1e6, "passes_m_commands": rates,
        "clock_ns": clock_ns, "core_percent": percent, "latency": percentiles_json(&histogram), "outcomes": events,
        "outcome_bytes": bytes, "trades": totals.trades, "quantity": totals.quantity,
        "notional": totals.notional.to_string(), "hash": format!("{:016x}", totals.hash),
    });
    Ok(Report { notes, line, json, fault })
}
