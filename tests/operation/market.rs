//! A small exchange on a real store, run by the core on the test's thread, and its log read back.

use isochron::core::{Options, Sequencer, Taken};
use isochron::state_machine::{Capacity, command_origin_mut};
use isochron::store::{Identity, Options as StoreOptions, StoreReader};
use isochron::types::{Nanos, Position};
use isochron_events::*;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// When the market opens: 2026-11-22T00:00:00, UTC.
pub(crate) const OPEN_NS: u64 = 1_795_305_600_000_000_000;

/// Between two commands.
pub(crate) const STEP_NS: u64 = 1_000;

pub(crate) fn store_options(directory: &Path) -> StoreOptions {
    let identity = Identity {
        exchange: "TEST".to_owned(),
        exchange_number: 7,
        node: 1,
        schema_id: SCHEMA_ID,
        schema_version: SCHEMA_VERSION,
    };
    StoreOptions { term_bytes: 64 * 1024, ..StoreOptions::new(directory, identity) }
}

/// splitmix64.
pub(crate) fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn name<const N: usize>(text: &str) -> [u8; N] {
    let mut name = [0; N];
    name[..text.len()].copy_from_slice(text.as_bytes());
    name
}

/// An exchange that takes commands of one source.
pub(crate) struct Market {
    sequencer: Sequencer,
    directory: PathBuf,
    source_sequence: u64,
    now_ns: u64,
    orders: u64,
}

impl Market {
    /// Begins an epoch.
    pub(crate) fn open(directory: &Path, now_ns: u64) -> Market {
        let store = store_options(directory);
        let options = Options { store, capacity: Capacity::default() };
        let (sequencer, _) = Sequencer::open(&options, Nanos(now_ns)).expect("the store opens");
        // The source goes on with numbers that it has not used.
        let directory = directory.to_path_buf();
        Market { sequencer, directory, source_sequence: now_ns, now_ns, orders: 0 }
    }

    pub(crate) fn take(&mut self, command: impl Into<Message>) {
        self.source_sequence += 1;
        self.now_ns += STEP_NS;
        let mut command = command.into();
        let origin = command_origin_mut(&mut command).expect("a command");
        *origin = CommandOrigin { source: 1, source_sequence: self.source_sequence };
        command.header_mut().session = 1;
        let mut bytes = vec![0; command.encoded_length()];
        command.encode(&mut bytes).expect("it fits");
        let taken = self.sequencer.take(&bytes, Nanos(self.now_ns));
        assert_eq!(taken, Taken::Executed);
        while self.sequencer.is_pending() {
            self.now_ns += STEP_NS;
            assert_eq!(self.sequencer.go_on(Nanos(self.now_ns)), Taken::Executed);
        }
    }

    pub(crate) fn define(&mut self, instrument: u32, symbol: &str) {
        self.take(DefineInstrument {
            instrument,
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
            ..Default::default()
        });
    }

    /// Three accounts that may trade AAPL (instrument 1) and MSFT (2).
    pub(crate) fn set_up(&mut self) {
        self.take(DefineMember { member: 1, ..Default::default() });
        self.take(DefineUser { user: 1, member: 1, ..Default::default() });
        for (instrument, symbol) in [(1, "AAPL"), (2, "MSFT")] {
            self.define(instrument, symbol);
        }
        self.take(SessionOpened { opened_session: 1, member: 1, user: 1, ..Default::default() });
        self.take(DayStarted { trading_date: 20_261_122, rules_version: 1, ..Default::default() });
        self.take(PhaseChange { phase: Phase::OPEN, ..Default::default() });
        for account in 1..=3 {
            self.take(OpenAccount { account, member: 1, user: 1, ..Default::default() });
            let state = AccountState::VERIFIED;
            self.take(SetAccountState { account, state, ..Default::default() });
            let (currency, amount) = (*b"USD", 1_000_000_000_000);
            self.take(Transfer { account, currency, amount, ..Default::default() });
            for instrument in [1, 2] {
                let amount = 100_000;
                self.take(Transfer { account, instrument, amount, ..Default::default() });
            }
        }
    }

    pub(crate) fn order(
        &mut self,
        account: u32,
        instrument: u32,
        side: Side,
        price: i64,
        quantity: u64,
    ) {
        self.orders += 1;
        self.take(NewOrderEvent {
            account,
            user: 1,
            instrument,
            side,
            order_type: OrderType::LIMIT,
            price,
            quantity,
            client_order_id: name(&format!("c{}", self.orders)),
            ..Default::default()
        });
    }

    /// Random orders, cancels and replaces; some orders are named by the client's name for them.
    pub(crate) fn trade(&mut self, state: &mut u64, commands: usize) {
        for _ in 0..commands {
            let account = 1 + (next(state) % 3) as u32;
            let order = 1 + next(state) % (self.orders + 1);
            match next(state) % 10 {
                0 => self.take(CancelOrderEvent {
                    account,
                    user: 1,
                    order_id: Some(order),
                    client_order_id: name("x"),
                    ..Default::default()
                }),
                1 => self.take(CancelOrderEvent {
                    account,
                    user: 1,
                    original_client_order_id: name(&format!("c{order}")),
                    client_order_id: name("x"),
                    ..Default::default()
                }),
                2 => {
                    self.orders += 1;
                    self.take(ReplaceOrderEvent {
                        account,
                        user: 1,
                        order_id: Some(order),
                        client_order_id: name(&format!("c{}", self.orders)),
                        price: price(state),
                        quantity: 1 + next(state) % 50,
                        ..Default::default()
                    });
                }
                _ => {
                    let side = if next(state).is_multiple_of(2) { Side::BUY } else { Side::SELL };
                    let instrument = 1 + (next(state) % 2) as u32;
                    let (price, quantity) = (price(state), 1 + next(state) % 50);
                    self.order(account, instrument, side, price, quantity);
                }
            }
        }
    }

    /// In an empty book, a sell through so many small bids that it takes three steps.
    pub(crate) fn sweep(&mut self) {
        for _ in 0..70 {
            self.order(1, 1, Side::BUY, 150_000, 1);
        }
        self.order(2, 1, Side::SELL, 150_000, 70);
    }

    pub(crate) fn position(&self) -> Position {
        self.sequencer.position()
    }

    pub(crate) fn state_hash(&self) -> u128 {
        self.sequencer.machine().state_hash()
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequencer.sequence().0
    }

    pub(crate) fn close(self) {
        self.sequencer.close().expect("it closes");
        wait_until_released(&self.directory);
    }

    /// Leaves the store as a killed process does.
    pub(crate) fn die(self) {
        drop(self.sequencer);
        wait_until_released(&self.directory);
    }
}

fn price(state: &mut u64) -> i64 {
    let steps = i64::try_from(next(state) % 12).expect("it is small");
    100_000 + steps * 100
}

/// Waits until nobody has the lock of a store. A program that another test is starting has this
/// process's files, and so their locks, from its fork to its exec.
pub(crate) fn wait_until_released(directory: &Path) {
    for _ in 0..2_000 {
        let reader = StoreReader::attach(directory, None).expect("there is a store");
        if !reader.writer_lives().expect("the lock can be asked for") {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{} stays locked", directory.display());
}

/// A log of two epochs with a sweep of several steps, closed: about 150 KB in three segments.
pub(crate) fn log_of_two_epochs(directory: &Path, seed: u64) {
    let mut state = seed;
    let mut market = Market::open(directory, OPEN_NS);
    market.set_up();
    market.sweep();
    market.trade(&mut state, 200);
    let orders = market.orders;
    market.close();
    let mut market = Market::open(directory, OPEN_NS + 1_000_000_000);
    market.orders = orders;
    market.trade(&mut state, 150);
    market.close();
}

/// Every event of a log and where it stands.
pub(crate) fn read(directory: &Path) -> Vec<(Position, Message)> {
    let mut reader = StoreReader::attach(directory, None).expect("there is a store");
    let mut events = Vec::new();
    while let Some(frame) = reader.next().expect("it is whole") {
        let position = frame.position;
        events.push((position, Message::decode(frame.message).expect("it is of this schema")));
    }
    events
}
