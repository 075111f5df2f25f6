//! The engine as a [`Machine`]: the twin's commands in the engine's messages, and back.
//!
//! Fields that decide nothing (names, descriptions, references) get a value from the command, so
//! that they are neither zero nor alike everywhere.

use isochron::state_machine::StateMachine;
use isochron::types::{AccountId, Currency, InstrumentId, Side};
use isochron_events as wire;
use wire::{CommandOrigin, EventHeader, Message};

use super::machine::{Holds, Machine, Step};
use crate::exchange::words::*;
use crate::exchange::{Asset, Rests};

/// Set on what a continuation says.
const CONTINUATION_FLAG: u16 = 4;

/// The engine under test.
#[derive(Default)]
pub(crate) struct Engine {
    pub(crate) machine: StateMachine,
    outcomes: Vec<Message>,
}

impl Engine {
    pub(crate) fn new() -> Engine {
        Engine::default()
    }

    fn run(&mut self, message: &Message) -> Vec<Outcome> {
        self.outcomes.clear();
        self.machine.execute(message, &mut self.outcomes);
        self.outcomes.iter().map(outcome).collect()
    }
}

impl Machine for Engine {
    fn name(&self) -> &'static str {
        "engine"
    }

    fn is_repeat(&self, source: u32, number: u64) -> bool {
        self.machine.is_repeat(source, number)
    }

    fn execute(&mut self, sequence: u64, time: u64, command: &Command) -> Vec<Outcome> {
        self.run(&message(sequence, time, command))
    }

    fn pending(&self) -> Option<Step> {
        let pending = self.machine.pending()?;
        let kind = member(WorkKind::ALL, pending.kind.0, pending.kind.name());
        Some(Step { kind, cursor: pending.cursor, cause: pending.header.cause })
    }

    fn go_on(&mut self, sequence: u64, time: u64, _: Step) -> Vec<Outcome> {
        let mut pending = self.machine.pending().expect("a step was pending");
        (pending.header.sequence, pending.header.timestamp) = (sequence, time);
        self.run(&Message::Continuation(pending))
    }

    fn book(&self, instrument: u32, side: u8) -> Vec<Rests> {
        let Some(place) = self.machine.instruments().table.slot(instrument) else {
            return Vec::new();
        };
        let books = self.machine.books();
        let side = if side == BUY { Side::Buy } else { Side::Sell };
        let orders = books.orders(isochron::matching::BookIndex(place), side);
        let rests = |slot| {
            let order = books.get(slot);
            Rests { order: order.id.0, price: order.price.0, leaves: order.quantity.0 }
        };
        orders.map(rests).collect()
    }

    fn holds(&self, account: u32, asset: Asset) -> Holds {
        let account = AccountId(account);
        let balance = match asset {
            Asset::Cash(currency) => {
                self.machine.cash(account, Currency(currency)).unwrap_or_default()
            }
            Asset::Shares(instrument) => self.machine.shares(account, InstrumentId(instrument)),
        };
        Holds {
            settled: balance.settled.into(),
            pending: balance.pending.into(),
            reserved: balance.reserved.into(),
        }
    }

    fn house(&self, currency: [u8; 3]) -> i128 {
        self.machine.house(Currency(currency)).map_or(0, |money| i128::from(money.0))
    }

    fn check_conservation(&self) -> Result<(), String> {
        self.machine.check_conservation()
    }
}

/// A command as the core would stamp it.
pub(crate) fn message(sequence: u64, time: u64, command: &Command) -> Message {
    let session = command.session;
    let header = EventHeader { sequence, timestamp: time, cause: sequence, session, flags: 0 };
    let origin = CommandOrigin { source: command.source, source_sequence: command.source_number };
    match &command.ask {
        Ask::New(_) | Ask::Cancel { .. } | Ask::Replace(_) | Ask::MassCancel { .. } => {
            trading(header, origin, &command.ask)
        }
        Ask::Define(definition) => define(header, origin, definition),
        _ => administration(header, origin, &command.ask),
    }
}

fn trading(header: EventHeader, origin: CommandOrigin, ask: &Ask) -> Message {
    match ask {
        Ask::New(new) => Message::NewOrderEvent(wire::NewOrderEvent {
            header,
            origin,
            account: new.account,
            user: new.user,
            broker: new.broker,
            instrument: new.instrument,
            side: wire::Side(new.side),
            order_type: wire::OrderType(new.kind),
            time_in_force: wire::TimeInForce(new.lifetime),
            price: new.price,
            quantity: new.quantity,
            client_order_id: new.client,
            entry_time: new.entry_time,
        }),
        Ask::Replace(replace) => Message::ReplaceOrderEvent(wire::ReplaceOrderEvent {
            header,
            origin,
            account: replace.account,
            user: replace.user,
            order_id: (replace.order != 0).then_some(replace.order),
            original_client_order_id: replace.original,
            client_order_id: replace.client,
            price: replace.price,
            quantity: replace.quantity,
        }),
        Ask::Cancel { account, user, order, original, client } => {
            Message::CancelOrderEvent(wire::CancelOrderEvent {
                header,
                origin,
                account: *account,
                user: *user,
                order_id: (*order != 0).then_some(*order),
                original_client_order_id: *original,
                client_order_id: *client,
            })
        }
        Ask::MassCancel { account, user, instrument, scope, client } => {
            Message::MassCancelEvent(wire::MassCancelEvent {
                header,
                origin,
                account: *account,
                user: *user,
                instrument: *instrument,
                scope: wire::Scope(*scope),
                client_order_id: *client,
            })
        }
        other => panic!("no trading: {other:?}"),
    }
}

fn define(header: EventHeader, origin: CommandOrigin, definition: &Definition) -> Message {
    Message::DefineInstrument(wire::DefineInstrument {
        header,
        origin,
        authority: authority(),
        instrument: definition.instrument,
        instrument_type: wire::InstrumentType(definition.kind),
        settlement_currency: definition.settlement,
        symbol: definition.symbol,
        display_symbol: [b'd'; 16],
        quote_currency: definition.quote,
        partition: 3,
        tick: definition.tick,
        lot: definition.lot,
        price_minimum: definition.price_lowest,
        price_maximum: definition.price_highest,
        quantity_minimum: definition.quantity_least,
        quantity_maximum: definition.quantity_most,
        notional_maximum: definition.notional_most,
        reference_price: definition.reference_price,
        band: definition.band,
        maker_rate: definition.maker_rate,
        taker_rate: definition.taker_rate,
        description: [b'x'; 64],
    })
}

fn authority() -> wire::Authority {
    wire::Authority { by: 1, why: [b'w'; 32] }
}

#[expect(clippy::too_many_lines, reason = "a line for each field of each command")]
fn administration(header: EventHeader, origin: CommandOrigin, ask: &Ask) -> Message {
    let authority = authority();
    match *ask {
        Ask::StartEpoch { epoch } => Message::EpochStarted(wire::EpochStarted {
            header,
            origin,
            epoch,
            node: 1,
            base_position: 0,
            chain_at_base: 0,
            rules_version: 1,
        }),
        Ask::StartDay { date, rules } => Message::DayStarted(wire::DayStarted {
            header,
            origin,
            trading_date: date,
            rules_version: rules,
        }),
        Ask::EndDay { date } => {
            Message::DayEnding(wire::DayEnding { header, origin, trading_date: date })
        }
        Ask::SetPhase { instrument, phase } => Message::PhaseChange(wire::PhaseChange {
            header,
            origin,
            authority,
            instrument,
            phase: wire::Phase(phase),
        }),
        Ask::Tick => Message::Tick(wire::Tick { header, origin }),
        Ask::OpenSession { session, member, user, cancel_on_disconnect } => {
            Message::SessionOpened(wire::SessionOpened {
                header,
                origin,
                opened_session: session,
                member,
                user,
                cancel_on_disconnect: wire::BooleanFlag(cancel_on_disconnect),
            })
        }
        Ask::CloseSession { session, reason } => Message::SessionClosed(wire::SessionClosed {
            header,
            origin,
            closed_session: session,
            reason: wire::SessionCloseReason(reason),
        }),
        Ask::OpenAccount { account, member, user } => Message::OpenAccount(wire::OpenAccount {
            header,
            origin,
            authority,
            account,
            member,
            user,
        }),
        Ask::SetState { account, state } => Message::SetAccountState(wire::SetAccountState {
            header,
            origin,
            authority,
            account,
            state: wire::AccountState(state),
        }),
        Ask::SetLimits { scope, subject, instrument, limits } => {
            Message::SetLimits(wire::SetLimits {
                header,
                origin,
                authority,
                scope: wire::Scope(scope),
                tradable: wire::BooleanFlag(limits.tradable),
                subject,
                instrument,
                live_orders_maximum: limits.live_orders,
                daily_volume_maximum: limits.daily_volume,
                position_maximum: limits.position,
            })
        }
        Ask::SetSelfTrade { account, policy, group } => Message::SetSelfTrade(wire::SetSelfTrade {
            header,
            origin,
            authority,
            account,
            policy: wire::SelfTradePolicy(policy),
            group,
        }),
        Ask::Transfer { account, instrument, currency, amount } => {
            Message::Transfer(wire::Transfer {
                header,
                origin,
                authority,
                account,
                instrument,
                currency,
                amount,
                reference: [b'r'; 24],
            })
        }
        Ask::Kill { scope, subject, on } => Message::KillSwitch(wire::KillSwitch {
            header,
            origin,
            authority,
            scope: wire::Scope(scope),
            on: wire::BooleanFlag(on),
            subject,
        }),
        Ask::DefineMember { member } => Message::DefineMember(wire::DefineMember {
            header,
            origin,
            authority,
            member,
            name: [b'm'; 32],
        }),
        Ask::DefineUser { user, member } => Message::DefineUser(wire::DefineUser {
            header,
            origin,
            authority,
            user,
            member,
            name: [b'u'; 32],
        }),
        Ask::Continue { cursor } => Message::Continuation(wire::Continuation {
            header,
            origin,
            kind: wire::ContinuationKind::SWEEP,
            cursor,
        }),
        ref other => panic!("no administration: {other:?}"),
    }
}

/// An engine's outcome in the twin's words.
fn outcome(message: &Message) -> Outcome {
    let (header, outbound, news) = match message {
        Message::OrderAcceptedEvent(m) => (m.header, m.outbound, accepted(m)),
        Message::OrderRejectedEvent(m) => {
            let news = News::Rejected {
                refusal: refusal(m.reason, m.limit, m.value),
                new: Refused {
                    account: m.account,
                    user: m.user,
                    instrument: m.instrument,
                    side: m.side.0,
                    price: m.price,
                    quantity: m.quantity,
                    client: m.client_order_id,
                },
            };
            (m.header, m.outbound, news)
        }
        Message::OrderCanceledEvent(m) => (m.header, m.outbound, canceled(m)),
        Message::OrderReplacedEvent(m) => (m.header, m.outbound, replaced(m)),
        Message::CancelRejectedEvent(m) => (m.header, m.outbound, cancel_rejected(m)),
        Message::OrderFilledEvent(m) => (m.header, m.outbound, filled(m)),
        Message::MassCancelDone(m) => {
            let news = News::MassCancelDone {
                canceled: m.canceled_orders,
                account: m.account,
                user: m.user,
                client: m.client_order_id,
            };
            (m.header, m.outbound, news)
        }
        Message::MassCancelRejected(m) => {
            let news = News::MassCancelRejected {
                refusal: refusal(m.reason, m.limit, m.value),
                account: m.account,
                user: m.user,
                client: m.client_order_id,
            };
            (m.header, m.outbound, news)
        }
        other => public(other),
    };
    let EventHeader { sequence, timestamp, cause, session, flags } = header;
    let goes_on = flags & CONTINUATION_FLAG != 0;
    Outcome { sequence, time: timestamp, cause, session, goes_on, outbound, news }
}

fn public(message: &Message) -> (EventHeader, u64, News) {
    match message {
        Message::BalanceChanged(m) => {
            let news = News::Balance(Balance {
                account: m.account,
                instrument: m.instrument,
                currency: m.currency,
                settled: m.settled,
                pending: m.pending,
                reserved: m.reserved,
            });
            (m.header, 0, news)
        }
        Message::AdministrationApplied(m) => {
            (m.header, 0, News::Applied { subject: m.subject, template: m.command })
        }
        Message::AdministrationRejected(m) => {
            let refusal = refusal(m.reason, m.limit, m.value);
            let news = News::NotApplied { refusal, subject: m.subject, template: m.command };
            (m.header, 0, news)
        }
        Message::PhaseChanged(m) => {
            let news = News::Phase {
                instrument: m.instrument,
                phase: m.phase.0,
                previous: m.previous_phase.0,
                reference_price: m.reference_price,
            };
            (m.header, 0, news)
        }
        Message::DayEnded(m) => {
            let news = News::DayEnded(DayEnded {
                date: m.trading_date,
                trades: m.trades,
                shares: m.quantity,
                notional: m.notional,
                fees: m.fees,
            });
            (m.header, 0, news)
        }
        other => panic!("no outcome: {other:?}"),
    }
}

fn accepted(m: &wire::OrderAcceptedEvent) -> News {
    News::Accepted {
        order: m.order_id,
        new: NewOrder {
            account: m.account,
            user: m.user,
            broker: m.broker,
            instrument: m.instrument,
            side: m.side.0,
            kind: m.order_type.0,
            lifetime: m.time_in_force.0,
            price: m.price,
            quantity: m.quantity,
            client: m.client_order_id,
            entry_time: m.entry_time,
        },
        status: m.order_status.0,
        leaves: m.leaves_quantity,
    }
}

fn canceled(m: &wire::OrderCanceledEvent) -> News {
    News::Canceled(Canceled {
        order: m.order_id,
        account: m.account,
        user: m.user,
        instrument: m.instrument,
        side: m.side.0,
        status: m.order_status.0,
        why: member(Why::ALL, m.reason.0, m.reason.name()),
        price: m.price,
        quantity: m.canceled_quantity,
        executed: m.cumulative_quantity,
        notional: m.cumulative_notional,
        client: m.client_order_id,
        original: m.original_client_order_id,
    })
}

fn replaced(m: &wire::OrderReplacedEvent) -> News {
    News::Replaced(Replaced {
        order: m.order_id,
        account: m.account,
        user: m.user,
        instrument: m.instrument,
        side: m.side.0,
        status: m.order_status.0,
        priority_lost: m.priority_lost == wire::BooleanFlag::YES,
        price: m.price,
        quantity: m.quantity,
        leaves: m.leaves_quantity,
        executed: m.cumulative_quantity,
        notional: m.cumulative_notional,
        client: m.client_order_id,
        original: m.original_client_order_id,
    })
}

fn cancel_rejected(m: &wire::CancelRejectedEvent) -> News {
    News::CancelRejected(CancelRejected {
        refusal: refusal(m.reason, m.limit, m.value),
        order: m.order_id.unwrap_or(0),
        account: m.account,
        user: m.user,
        instrument: m.instrument,
        status: m.order_status.0,
        template: m.response_to,
        client: m.client_order_id,
        original: m.original_client_order_id,
    })
}

fn filled(m: &wire::OrderFilledEvent) -> News {
    assert_eq!(m.order_type, wire::OrderType::LIMIT);
    assert_eq!(m.execution_type, wire::ExecutionType::TRADE);
    News::Filled(Filled {
        execution: m.execution_id,
        trade: m.match_id,
        order: m.order_id,
        account: m.account,
        user: m.user,
        instrument: m.instrument,
        side: m.side.0,
        liquidity: m.liquidity.0,
        status: m.order_status.0,
        price: m.price,
        quantity: m.quantity,
        leaves: m.leaves_quantity,
        executed: m.cumulative_quantity,
        notional: m.cumulative_notional,
        currency: m.fee_currency,
        rate: m.fee_rate,
        fee: m.fee_amount,
        client: m.client_order_id,
    })
}

fn refusal(reason: wire::RejectReason, limit: i64, value: i64) -> Refusal {
    Refusal { rule: member(Rule::ALL, reason.0, reason.name()), limit, value }
}

/// The twin's member for a code of the schema; the names must be the same but for the first letter.
fn member<T: Copy + std::fmt::Debug>(all: &[T], code: u8, name: Option<&str>) -> T {
    let member = all[code as usize - 1];
    debug_assert!(format!("{member:?}").eq_ignore_ascii_case(name.unwrap_or("")), "{code}");
    member
}
