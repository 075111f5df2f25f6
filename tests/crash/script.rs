//! What two sources send: each command a function of source and number alone.
//!
//! So a source that starts again needs to know only the number of its last command in the log,
//! and whoever reads the log knows what each command in it must be.

use isochron::state_machine::command_origin_mut;
use isochron_events::*;

#[path = "../exchange/random.rs"]
mod random;
pub(crate) use random::Random;

/// The sources, from 1.
pub(crate) const SOURCES: u32 = 2;

const ACCOUNTS_PER_SOURCE: u32 = 4;
const INSTRUMENTS: u32 = 2;
const TICK: i64 = 100;
const MIDDLE: i64 = 10_000 * TICK;
const CASH: i64 = 100_000_000_000_000_000;
const SHARES: i64 = 1_000_000_000_000;

/// Cancels and replaces name one of the source's last so many commands.
const REACH: u64 = 60;

/// The commands of both sources.
pub(crate) struct Script {
    setup: Vec<Message>,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self { setup: setup() }
    }

    /// How many commands of the first source make the exchange ready to trade.
    pub(crate) fn setup_commands(&self) -> u64 {
        self.setup.len() as u64
    }

    /// A source's command, by its number from 1.
    pub(crate) fn command(&self, source: u32, number: u64) -> Message {
        let ready = match usize::try_from(number - 1) {
            Ok(index) if source == 1 => self.setup.get(index).copied(),
            _ => None,
        };
        let mut command = ready.unwrap_or_else(|| trading(source, number));
        stamp(&mut command, source, number);
        command
    }
}

/// Gives a command its source, number and session.
pub(crate) fn stamp(command: &mut Message, source: u32, source_sequence: u64) {
    let origin = command_origin_mut(command).expect("a command");
    *origin = CommandOrigin { source, source_sequence };
    command.header_mut().session = 1;
}

/// A text in a field of its length.
pub(crate) fn name<const N: usize>(text: &str) -> [u8; N] {
    let mut name = [0; N];
    name[..text.len()].copy_from_slice(text.as_bytes());
    name
}

fn account_of(source: u32, number: u64) -> u32 {
    let place = (number % u64::from(ACCOUNTS_PER_SOURCE)) as u32;
    (source - 1) * ACCOUNTS_PER_SOURCE + place + 1
}

/// A new order of an account, to be changed further.
pub(crate) fn order(account: u32, side: Side, price_ticks: i64, quantity: u64) -> NewOrderEvent {
    NewOrderEvent {
        account,
        user: 1,
        instrument: 1,
        side,
        order_type: OrderType::LIMIT,
        price: MIDDLE + price_ticks * TICK,
        quantity,
        ..NewOrderEvent::default()
    }
}

/// Small orders pile up, large ones sweep through many of them, others are changed or go.
fn trading(source: u32, number: u64) -> Message {
    let mut random = Random(u64::from(source) << 56 ^ number);
    let account = account_of(source, number);
    let client_order_id = name(&number.to_string());
    if random.chance(1) {
        // All orders of the account, in several steps.
        let scope = Scope::ACCOUNT;
        let all = MassCancelEvent { account, user: 1, scope, ..<_>::default() };
        return MassCancelEvent { client_order_id, ..all }.into();
    }
    // An earlier command of the same account, which may have been an order.
    let back = u64::from(ACCOUNTS_PER_SOURCE) * random.between(1, REACH / 4);
    let original_client_order_id = name(&number.saturating_sub(back).to_string());
    let side = random.one_of(&[Side::BUY, Side::SELL]);
    let through = if side == Side::BUY { 1 } else { -1 };
    let near = random.between(1, 12).cast_signed();
    match random.below(100) {
        0..70 => {
            let instrument = random.id(INSTRUMENTS);
            let order = order(account, side, -through * near, random.between(1, 5));
            NewOrderEvent { instrument, client_order_id, ..order }.into()
        }
        70..74 => {
            let instrument = random.id(INSTRUMENTS);
            let order = order(account, side, through * near, random.between(50, 600));
            let time_in_force = TimeInForce::IMMEDIATE_OR_CANCEL;
            NewOrderEvent { instrument, client_order_id, time_in_force, ..order }.into()
        }
        74..90 => CancelOrderEvent {
            account,
            user: 1,
            original_client_order_id,
            client_order_id,
            ..CancelOrderEvent::default()
        }
        .into(),
        _ => ReplaceOrderEvent {
            account,
            user: 1,
            original_client_order_id,
            client_order_id,
            price: MIDDLE - through * near * TICK,
            quantity: random.between(1, 8),
            ..ReplaceOrderEvent::default()
        }
        .into(),
    }
}

/// An exchange with two instruments, and accounts that no limit stops.
fn setup() -> Vec<Message> {
    let mut setup: Vec<Message> = vec![
        DefineMember { member: 1, ..Default::default() }.into(),
        DefineUser { user: 1, member: 1, ..Default::default() }.into(),
        SessionOpened { opened_session: 1, member: 1, user: 1, ..Default::default() }.into(),
    ];
    for instrument in 1..=INSTRUMENTS {
        let define = DefineInstrument {
            instrument,
            instrument_type: InstrumentType::COMMON_SHARE,
            symbol: name(&format!("S{instrument}")),
            settlement_currency: *b"USD",
            quote_currency: *b"USD",
            tick: TICK,
            lot: 1,
            price_minimum: TICK,
            price_maximum: 2 * MIDDLE,
            quantity_minimum: 1,
            quantity_maximum: 1_000,
            notional_maximum: 2_000 * MIDDLE,
            maker_rate: -20,
            taker_rate: 30,
            ..Default::default()
        };
        setup.push(define.into());
    }
    let unlimited = SetLimits { tradable: BooleanFlag::YES, ..Default::default() };
    setup.push(SetLimits { scope: Scope::USER, subject: 1, ..unlimited }.into());
    for account in 1..=SOURCES * ACCOUNTS_PER_SOURCE {
        setup.push(OpenAccount { account, member: 1, user: 1, ..Default::default() }.into());
        let state = AccountState::VERIFIED;
        setup.push(SetAccountState { account, state, ..Default::default() }.into());
        setup.push(SetLimits { scope: Scope::ACCOUNT, subject: account, ..unlimited }.into());
        let (currency, amount) = (*b"USD", CASH);
        setup.push(Transfer { account, currency, amount, ..Default::default() }.into());
        for instrument in 1..=INSTRUMENTS {
            let amount = SHARES;
            setup.push(Transfer { account, instrument, amount, ..Default::default() }.into());
        }
    }
    let day = DayStarted { trading_date: 20_261_122, rules_version: 1, ..Default::default() };
    setup.push(day.into());
    setup.push(PhaseChange { phase: Phase::OPEN, ..Default::default() }.into());
    setup
}
