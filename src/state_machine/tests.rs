//! Every field of every kind of record is part of the state hash: change it, see the hash change.

use super::day::Day;
use super::many_cancels::{ManyCancels, Then, Which};
use super::pending::Work;
use super::*;
use crate::limits::{CANCELS_PER_STEP_MAX, FILLS_PER_STEP_MAX, ORDERS_MAX};
use crate::orders::{Holding, OrderRecord, Override, UserVolume};
use crate::types::{ClientOrderId, MemberId, Money, Price, Quantity, Refusal, Side, UserId, flags};
use isochron_events::*;

mod replay;
mod snapshot;

/// Executes commands one after the other; continuations only when they are given to it.
#[derive(Clone)]
struct Desk {
    machine: StateMachine,
    sequence: u64,
    outcomes: Vec<Message>,
    /// All commands and outcomes, as a log has them.
    log: Vec<Message>,
}

impl Desk {
    fn step(&mut self, command: impl Into<Message>) -> &[Message] {
        self.sequence += 1;
        let mut command = command.into();
        let header = command.header_mut();
        header.sequence = self.sequence;
        header.timestamp = self.sequence * 1_000;
        if header.session == 0 {
            header.session = 1;
        }
        if let Some(origin) = command_origin_mut(&mut command) {
            *origin = CommandOrigin { source: 1, source_sequence: self.sequence };
        }
        self.outcomes.clear();
        self.machine.execute(&command, &mut self.outcomes);
        self.log.push(command);
        self.log.extend_from_slice(&self.outcomes);
        let last = self.log.last_mut().expect("the command at least").header_mut();
        last.flags |= flags::END_OF_TRANSACTION;
        if self.machine.pending.is_none() || matches!(command, Message::EpochStarted(_)) {
            last.flags |= flags::END_OF_EVENT;
        }
        &self.outcomes
    }

    /// Executes a command that must be applied.
    fn apply(&mut self, command: impl Into<Message>) {
        let command = command.into();
        let refused = |outcome: &&Message| {
            matches!(
                outcome,
                Message::AdministrationRejected(_)
                    | Message::OrderRejectedEvent(_)
                    | Message::CancelRejectedEvent(_)
            )
        };
        let outcomes = self.step(command);
        assert_eq!(outcomes.iter().find(refused), None, "{command}");
    }
}

fn name<const N: usize>(text: &str) -> [u8; N] {
    let mut name = [0; N];
    name[..text.len()].copy_from_slice(text.as_bytes());
    name
}

fn instrument(id: u32, symbol: &str) -> DefineInstrument {
    DefineInstrument {
        instrument: id,
        instrument_type: InstrumentType::COMMON_SHARE,
        symbol: name(symbol),
        settlement_currency: *b"USD",
        quote_currency: *b"USD",
        tick: 100,
        lot: 1,
        price_minimum: 100,
        price_maximum: 10_000_000,
        quantity_minimum: 1,
        quantity_maximum: 1_000_000,
        notional_maximum: 10_000_000_000_000,
        reference_price: 100_000,
        band: 1_000,
        maker_rate: -20,
        taker_rate: 30,
        ..DefineInstrument::default()
    }
}

fn order(
    account: u32,
    side: isochron_events::Side,
    quantity: u64,
    price: i64,
    id: u32,
) -> NewOrderEvent {
    NewOrderEvent {
        account,
        user: 1,
        instrument: 1,
        side,
        order_type: OrderType::LIMIT,
        time_in_force: TimeInForce::DAY,
        price,
        quantity,
        client_order_id: name(&format!("c{id}")),
        ..NewOrderEvent::default()
    }
}

/// A state with a record of every kind, some of every number in it.
fn populated() -> Desk {
    populated_in(Capacity::default())
}

fn populated_in(capacity: Capacity) -> Desk {
    let machine = StateMachine::with_capacity(capacity);
    let mut desk = Desk { machine, sequence: 0, outcomes: Vec::new(), log: Vec::new() };
    desk.apply(DefineMember { member: 1, name: name("one"), ..Default::default() });
    desk.apply(DefineUser { user: 1, member: 1, name: name("ann"), ..Default::default() });
    desk.apply(instrument(1, "AAPL"));
    desk.apply(instrument(2, "MSFT"));
    let opened = SessionOpened { opened_session: 1, member: 1, user: 1, ..Default::default() };
    desk.apply(opened);
    desk.apply(DayStarted { trading_date: 20_261_122, rules_version: 1, ..Default::default() });
    desk.apply(PhaseChange { phase: Phase::OPEN, ..Default::default() });
    for account in [1, 2] {
        desk.apply(OpenAccount { account, member: 1, user: 1, ..Default::default() });
        let state = AccountState::VERIFIED;
        desk.apply(SetAccountState { account, state, ..Default::default() });
        let currency = *b"USD";
        let amount = 1_000_000_000_000;
        desk.apply(Transfer { account, currency, amount, ..Default::default() });
        let cash_and_shares =
            Transfer { account, instrument: 1, amount: 10_000, ..Default::default() };
        desk.apply(cash_and_shares);
    }
    desk.apply(order(1, isochron_events::Side::SELL, 100, 100_000, 1));
    desk.apply(order(2, isochron_events::Side::BUY, 60, 100_000, 2));
    desk.apply(order(2, isochron_events::Side::BUY, 10, 99_000, 3));
    desk.apply(order(1, isochron_events::Side::SELL, 10, 101_000, 4));
    desk.apply(CancelOrderEvent { account: 1, user: 1, order_id: Some(4), ..Default::default() });
    desk
}

/// A state with a sweep that is not over.
fn interrupted() -> Desk {
    let mut desk = populated();
    let sellers = FILLS_PER_STEP_MAX as u32 + 1;
    for n in 0..sellers {
        desk.apply(order(1, isochron_events::Side::SELL, 1, 100_000, 100 + n));
    }
    desk.apply(order(2, isochron_events::Side::BUY, 200, 100_000, 99));
    assert!(desk.machine.pending().is_some());
    desk
}

type Change = (&'static str, fn(&mut StateMachine));

/// Each change alone must change the hash.
fn check(desk: fn() -> Desk, changes: &[Change]) {
    let before = desk().machine.state_hash();
    assert_eq!(desk().machine.state_hash(), before, "the same commands, the same hash");
    let mut seen = vec![before];
    for (name, change) in changes {
        let mut machine = desk().machine;
        change(&mut machine);
        let after = machine.state_hash();
        assert!(!seen.contains(&after), "{name} is not in the hash, or is taken for another field");
        seen.push(after);
    }
}

macro_rules! changes {
    ($machine:ident: $($change:expr;)*) => {
        &[$((stringify!($change), |$machine| { $change; })),*]
    };
}

fn own_limits(tradable: bool, daily_volume_max: u64, position_max: u64) -> Override {
    Override { tradable, daily_volume_max, position_max }
}

fn first_order(machine: &mut StateMachine) -> &mut OrderRecord {
    let slot = machine.books.find(OrderId(1)).expect("it rests");
    machine.ledger.orders.get_mut(slot.0)
}

/// Finishes the first order's client order id, as if it were of this account.
fn finish_first(machine: &mut StateMachine, account: u32) {
    let OrderRecord { client_tag, client_id, id, .. } = *first_order(machine);
    machine.ledger.finished_ids.finish(account, client_tag, client_id, id);
}

#[test]
fn members_users_accounts_sessions_and_sources_are_hashed() {
    check(
        populated,
        changes! { m:
            m.ledger.accounts.members.at_mut(0).name[31] ^= 1;
            m.ledger.accounts.members.at_mut(0).blocked = true;
            m.ledger.accounts.members.insert(2, Default::default());
            m.ledger.accounts.users.at_mut(0).member = MemberId(2);
            m.ledger.accounts.users.at_mut(0).name[0] ^= 1;
            m.ledger.accounts.users.at_mut(0).blocked = true;
            m.ledger.accounts.users.at_mut(0).daily_volume_max += 1;
            m.ledger.accounts.accounts.at_mut(0).member = MemberId(2);
            m.ledger.accounts.accounts.at_mut(0).owner = UserId(2);
            m.ledger.accounts.accounts.at_mut(0).state = AccountState::SUSPENDED;
            m.ledger.accounts.accounts.at_mut(0).self_trade = SelfTradePolicy::ALLOW;
            m.ledger.accounts.accounts.at_mut(0).group = 1;
            m.ledger.accounts.accounts.at_mut(0).limits.tradable = false;
            m.ledger.accounts.accounts.at_mut(0).limits.live_orders_max += 1;
            m.ledger.accounts.accounts.at_mut(0).limits.daily_volume_max += 1;
            m.ledger.accounts.accounts.at_mut(0).limits.position_max += 1;
            m.ledger.accounts.accounts.at_mut(0).live_orders += 1;
            m.ledger.accounts.accounts.at_mut(0).blocked = true;
            m.ledger.accounts.sessions.at_mut(0).member = MemberId(2);
            m.ledger.accounts.sessions.at_mut(0).user = UserId(2);
            m.ledger.accounts.sessions.at_mut(0).open = false;
            m.ledger.accounts.sessions.at_mut(0).cancel_on_disconnect = true;
            m.ledger.accounts.sessions.at_mut(0).blocked = true;
            m.ledger.accounts.sessions.at_mut(0).outbound += 1;
            m.ledger.accounts.sessions.insert(2, Default::default());
            *m.ledger.accounts.sources.at_mut(0) += 1;
            m.ledger.accounts.sources.insert(2, 1);
        },
    );
}

#[test]
fn instruments_and_their_terms_are_hashed() {
    check(
        populated,
        changes! { m:
            m.ledger.instruments.phase = Phase::HALTED;
            m.ledger.instruments.add_currency(Currency(*b"EUR"));
            m.ledger.instruments.table.at_mut(1).terms.instrument_type.0 += 1;
            m.ledger.instruments.table.at_mut(1).terms.symbol.0[7] ^= 1;
            m.ledger.instruments.table.at_mut(1).terms.display_symbol[15] ^= 1;
            m.ledger.instruments.table.at_mut(1).terms.settlement_currency.0[0] ^= 1;
            m.ledger.instruments.table.at_mut(1).terms.quote_currency.0[0] ^= 1;
            m.ledger.instruments.table.at_mut(1).terms.partition += 1;
            m.ledger.instruments.table.at_mut(1).terms.tick.0 += 1;
            m.ledger.instruments.table.at_mut(1).terms.lot.0 += 1;
            m.ledger.instruments.table.at_mut(1).terms.price_min.0 += 1;
            m.ledger.instruments.table.at_mut(1).terms.price_max.0 += 1;
            m.ledger.instruments.table.at_mut(1).terms.quantity_min.0 += 1;
            m.ledger.instruments.table.at_mut(1).terms.quantity_max.0 += 1;
            m.ledger.instruments.table.at_mut(1).terms.notional_max.0 += 1;
            m.ledger.instruments.table.at_mut(1).terms.reference_price.0 += 1;
            m.ledger.instruments.table.at_mut(1).terms.band += 1;
            m.ledger.instruments.table.at_mut(1).terms.maker_rate += 1;
            m.ledger.instruments.table.at_mut(1).terms.taker_rate += 1;
            m.ledger.instruments.table.at_mut(1).terms.description[63] ^= 1;
            m.ledger.instruments.table.at_mut(1).currency += 1;
            m.ledger.instruments.table.at_mut(1).phase = Phase::HALTED;
            m.ledger.instruments.table.at_mut(1).last_trade.0 += 1;
            m.ledger.instruments.table.at_mut(1).live_orders += 1;
            m.ledger.instruments.table.at_mut(1).deposited += 1;
            m.ledger.instruments.table.at_mut(1).blocked = true;
        },
    );
}

#[test]
fn wallets_volumes_counters_and_the_day_are_hashed() {
    check(
        populated,
        changes! { m:
            m.ledger.wallet.house[0].0 += 1;
            m.ledger.wallet.deposited[0] += 1;
            m.ledger.wallet.cash_mut(0, 0).settled += 1;
            m.ledger.wallet.cash_mut(0, 0).pending += 1;
            m.ledger.wallet.cash_mut(0, 0).reserved += 1;
            m.ledger.wallet.cash_mut(1, 0).reserved += 1;
            m.ledger.wallet.holding_mut(0).account += 1;
            m.ledger.wallet.holding_mut(0).instrument += 1;
            m.ledger.wallet.holding_mut(0).shares.settled += 1;
            m.ledger.wallet.holding_mut(0).shares.pending += 1;
            m.ledger.wallet.holding_mut(0).shares.reserved += 1;
            m.ledger.wallet.holding_mut(0).open_buys += 1;
            m.ledger.wallet.holding_mut(0).execute(20_261_122, 1);
            m.ledger.wallet.set_limits(0, own_limits(true, 0, 0));
            m.ledger.wallet.set_limits(0, own_limits(false, 0, 0));
            m.ledger.wallet.set_limits(0, own_limits(true, 1, 0));
            m.ledger.wallet.set_limits(0, own_limits(true, 0, 1));
            m.ledger.user_volumes.get_mut(0).user += 1;
            m.ledger.user_volumes.get_mut(0).instrument += 1;
            m.ledger.user_volumes.get_mut(0).open += 1;
            m.ledger.user_volumes.get_mut(0).limit = Some(0);
            m.ledger.user_volumes.get_mut(0).limit = Some(1);
            m.ledger.user_volumes.get_mut(0).execute(20_261_122, 1);
            m.ledger.counters.order += 1;
            m.ledger.counters.execution += 1;
            m.ledger.counters.trade += 1;
            m.ledger.day.date += 1;
        m.ledger.day.ended = true;
            m.ledger.day.rules_version += 1;
            m.ledger.day.trades += 1;
            m.ledger.day.quantity += 1;
            m.ledger.day.notional += 1;
            m.ledger.day.fees += 1;
        },
    );
}

#[test]
fn orders_and_client_order_ids_are_hashed() {
    check(
        populated,
        changes! { m:
            first_order(m).id = OrderId(9);
            first_order(m).price = Price(9);
            first_order(m).total = Quantity(9_999);
            first_order(m).cumulative = Quantity(9);
            first_order(m).cumulative_notional = Money(9);
            first_order(m).reserved += 1;
            first_order(m).entry_time += 1;
            first_order(m).account = 1;
            first_order(m).user += 1;
            first_order(m).broker += 1;
            first_order(m).session += 1;
            first_order(m).instrument = 1;
            first_order(m).client_id = ClientOrderId::EMPTY;
            first_order(m).side = Side::Buy;
            first_order(m).time_in_force = TimeInForce::FILL_OR_KILL;
            finish_first(m, 0);
            finish_first(m, 1);
        },
    );
}

/// A state with a mass cancel that is not over.
fn canceling() -> Desk {
    let mut desk = populated();
    for n in 0..=CANCELS_PER_STEP_MAX as u32 {
        desk.apply(order(1, isochron_events::Side::SELL, 1, 100_000, 100 + n));
    }
    let scope = Scope::INSTRUMENT;
    desk.apply(MassCancelEvent { account: 1, user: 1, scope, instrument: 1, ..Default::default() });
    desk
}

/// A state with a settlement that is not over.
fn settling() -> Desk {
    let mut desk = populated();
    desk.apply(PhaseChange { phase: Phase::CLOSED, ..Default::default() });
    desk.apply(DayEnding { trading_date: 20_261_122, ..Default::default() });
    desk
}

fn pending(machine: &mut StateMachine) -> &mut Pending {
    machine.pending.as_mut().expect("it is pending")
}

fn sweeping(machine: &mut StateMachine) -> &mut OrderRecord {
    match &mut pending(machine).work {
        Work::Sweep(record) => record,
        other => panic!("not a sweep: {other:?}"),
    }
}

fn cancels(machine: &mut StateMachine) -> &mut ManyCancels {
    match &mut pending(machine).work {
        Work::Cancels(cancels) => cancels,
        other => panic!("not cancels: {other:?}"),
    }
}

#[test]
fn pending_cancels_are_hashed() {
    fn answer(session: u32, account: u32, user: u32, first: u8) -> Then {
        let mut client_id = [0; 20];
        client_id[0] = first;
        Then::Answer { session, account, user, client_id }
    }
    check(
        canceling,
        changes! { m:
            m.pending = None;
            pending(m).cause += 1;
            pending(m).steps += 1;
            cancels(m).which = Which::Account(1);
            cancels(m).which = Which::Account(2);
            cancels(m).which = Which::AccountIn(2, 0);
            cancels(m).which = Which::AccountIn(1, 1);
            cancels(m).which = Which::KilledAccount(1);
            cancels(m).which = Which::User(1);
            cancels(m).which = Which::Session(1);
            cancels(m).which = Which::Member(1);
            cancels(m).which = Which::Instrument(1);
            cancels(m).which = Which::All;
            cancels(m).reason = CancelReason::KILL;
            cancels(m).then = Then::End;
            cancels(m).then = Then::Settle;
            cancels(m).then = answer(2, 1, 1, 0);
            cancels(m).then = answer(1, 2, 1, 0);
            cancels(m).then = answer(1, 1, 2, 0);
            cancels(m).then = answer(1, 1, 1, 1);
            cancels(m).canceled += 1;
            cancels(m).at += 1;
            cancels(m).passed = Some(0);
        },
    );
}

#[test]
fn a_pending_settlement_is_hashed() {
    check(
        settling,
        changes! { m:
            m.pending = None;
            pending(m).cause += 1;
            pending(m).steps += 1;
        },
    );
}

#[test]
fn a_pending_sweep_is_hashed() {
    check(
        interrupted,
        changes! { m:
            m.pending = None;
            pending(m).cause += 1;
            pending(m).steps += 1;
            sweeping(m).id = OrderId(9);
            sweeping(m).price = Price(9);
            sweeping(m).total.0 += 1;
            sweeping(m).cumulative.0 += 1;
            sweeping(m).cumulative_notional.0 += 1;
            sweeping(m).reserved += 1;
            sweeping(m).entry_time += 1;
            sweeping(m).account = 0;
            sweeping(m).user += 1;
            sweeping(m).broker += 1;
            sweeping(m).session += 1;
            sweeping(m).instrument = 1;
            sweeping(m).client_id = ClientOrderId::EMPTY;
            sweeping(m).side = Side::Sell;
            sweeping(m).time_in_force = TimeInForce::FILL_OR_KILL;
        },
    );
}

#[test]
fn priority_is_hashed() {
    let mut desk = populated();
    desk.apply(order(1, isochron_events::Side::SELL, 5, 105_000, 50));
    desk.apply(order(1, isochron_events::Side::SELL, 5, 105_000, 51));
    let before = desk.machine.state_hash();
    // The first of the level leaves the book and comes back: all else is as it was.
    let first = desk.machine.books.find(OrderId(5)).expect("it rests");
    let record = desk.machine.take_out(first);
    desk.machine.rest(record);
    assert_ne!(desk.machine.state_hash(), before);
}

#[test]
fn where_records_lie_in_memory_is_not_hashed() {
    let roomy = Capacity { orders: 1 << 14, holdings: 1 << 14, client_ids: 1 << 14 };
    let hash = populated().machine.state_hash();
    assert_eq!(populated_in(roomy).machine.state_hash(), hash);
    // A refused order asks about a holding that does not exist, and must not make one.
    let mut desk = populated();
    let before = desk.machine.state_hash();
    let mut refused = order(1, isochron_events::Side::BUY, 1, 100, 70);
    refused.instrument = 2;
    let mut again = desk.clone();
    again.step(refused);
    // What changes by a refusal: the source's number and the session's outbound number.
    *again.machine.ledger.accounts.sources.at_mut(0) -= 1;
    again.machine.ledger.accounts.sessions.at_mut(0).outbound -= 1;
    assert_eq!(again.machine.state_hash(), before);
    desk.step(Tick::default());
    assert_ne!(desk.machine.state_hash(), before, "the source's number counts");
}

#[test]
fn records_that_say_nothing_are_not_hashed_and_all_others_are() {
    fn holding(machine: &mut StateMachine) -> &mut Holding {
        let slot = machine.ledger.wallet.holding_slot(2, 2);
        machine.ledger.wallet.holding_mut(slot)
    }
    fn limit_holding(machine: &mut StateMachine) {
        let slot = machine.ledger.wallet.holding_slot(2, 2);
        let limits = Override { tradable: true, daily_volume_max: 0, position_max: 0 };
        machine.ledger.wallet.set_limits(slot, limits);
    }
    fn volume(machine: &mut StateMachine) -> &mut UserVolume {
        let slot = machine.ledger.user_volumes.slot(1, 2);
        machine.ledger.user_volumes.get_mut(slot)
    }
    check(
        populated,
        changes! { m:
            holding(m).open_buys = 1;
            holding(m).execute(20_261_122, 1);
            holding(m).shares.settled = 1;
            limit_holding(m);
            volume(m).open = 1;
            volume(m).execute(20_261_122, 1);
            volume(m).limit = Some(0);
        },
    );
    let mut machine = populated().machine;
    let before = machine.state_hash();
    // What was executed on another day than today is nothing.
    holding(&mut machine).execute(20_261_121, 1);
    volume(&mut machine).execute(20_261_121, 1);
    assert_eq!(machine.state_hash(), before);
}

#[test]
fn conservation_is_checked() {
    let desk = populated();
    assert_eq!(desk.machine.check_conservation(), Ok(()));
    for interrupted in [interrupted(), canceling(), settling()] {
        assert_eq!(interrupted.machine.check_conservation(), Ok(()));
    }
    let faults: &[Change] = changes! { m:
        m.ledger.wallet.cash_mut(0, 0).pending += 1;
        m.ledger.wallet.cash_mut(0, 0).reserved += 1;
        m.ledger.wallet.house[0].0 -= 1;
        m.ledger.wallet.deposited[0] += 1;
        m.ledger.wallet.holding_mut(0).shares.pending += 1;
        m.ledger.wallet.holding_mut(0).shares.reserved += 1;
        m.ledger.wallet.holding_mut(1).open_buys += 1;
        m.ledger.user_volumes.get_mut(0).open += 1;
        m.ledger.instruments.table.at_mut(0).deposited += 1;
        m.ledger.instruments.table.at_mut(0).live_orders += 1;
        m.ledger.accounts.accounts.at_mut(0).live_orders += 1;
        first_order(m).total.0 += 1;
    };
    for (name, fault) in faults {
        let mut machine = desk.machine.clone();
        fault(&mut machine);
        assert!(machine.check_conservation().is_err(), "{name} goes unseen");
    }
}

#[test]
fn others_look_at_what_is_there() {
    let machine = populated().machine;
    assert_eq!(machine.accounts().accounts.get(1).map(|account| account.live_orders), Some(1));
    let symbol = |text: &str| Symbol(name(text));
    assert_eq!(machine.by_symbol(symbol("AAPL")), Some(InstrumentId(1)));
    assert_eq!(machine.by_symbol(symbol("MSFT")), Some(InstrumentId(2)));
    assert_eq!(machine.by_symbol(symbol("IBM")), None);
    let terms = |id| machine.instrument(InstrumentId(id)).map(|found| found.terms.symbol);
    assert_eq!((terms(2), terms(3)), (Some(symbol("MSFT")), None));
    let leaves = |id| machine.order(OrderId(id)).map(OrderRecord::leaves);
    assert_eq!((leaves(1), leaves(2)), (Some(Quantity(40)), None));
}

#[test]
fn an_order_beyond_what_the_exchange_holds_is_refused() {
    let ledger = populated().machine.ledger;
    assert_eq!(ledger.check_live_orders(0, ORDERS_MAX - 1), Ok(()));
    let refusal = Refusal::new(RejectReason::EXCHANGE_FULL, ORDERS_MAX, ORDERS_MAX + 1);
    assert_eq!(ledger.check_live_orders(0, ORDERS_MAX), Err(refusal));
}

#[test]
fn the_day_counts_its_trades_once_and_begins_with_none() {
    let mut desk = populated();
    let Day { date, ended, rules_version, trades, quantity, notional, fees } =
        desk.machine.ledger.day;
    assert_eq!((date, ended, rules_version), (20_261_122, false, 1));
    // 60 shares at 10.00; the taker pays 30 millionths of 600.00, the maker gets 20.
    assert_eq!((trades, quantity, notional, fees), (1, 60, 6_000_000, 180 - 120));
    desk.apply(DayStarted { trading_date: 20_261_123, rules_version: 1, ..Default::default() });
    let Day { date, ended, rules_version, trades, quantity, notional, fees } =
        desk.machine.ledger.day;
    assert_eq!((date, ended, rules_version), (20_261_123, false, 1));
    assert_eq!((trades, quantity, notional, fees), (0, 0, 0, 0));
}
