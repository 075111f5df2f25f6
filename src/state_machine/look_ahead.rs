//! Fetches the memory of commands to come while earlier ones are executed.
//!
//! A command finds its account, holding, client order id and order at random among hundreds of
//! megabytes, each through another: an id leads to a slot, the slot to a record, the record to its
//! neighbours. Waited for one after the other, that takes longer than all the rest. Whoever
//! executes knows the next commands already, from a ring or from the log. So each command is shown
//! some time before its turn, and takes a step along its chain with every command that is shown
//! after it:
//!
//! ```text
//!   shown: 7 6 5 4 3 2 1 │ executed next: 0
//!   step:  0 1 2 3 4 5   │ each reads what the step before began to fetch
//! ```
//!
//! Nothing is decided here. What is fetched may have changed by the time it is needed; then a wait
//! is not saved.

use super::StateMachine;
use super::convert::side;
use crate::matching::{BookIndex, OrderSlot};
use crate::orders::ClientTag;
use crate::types::{ClientOrderId, OrderId, Price, Quantity, Side};
use isochron_events::{
    CancelOrderEventReader, Message, NewOrderEventReader, ReplaceOrderEventReader,
};

/// Steps of the longest chain that is followed: that of an order's second maker. The third maker's
/// last step is left out.
const STEPS: usize = 6;

/// Commands that are shown before their turn, at the most; a power of two. What the last steps
/// begin to fetch has the time of those that remain.
const AHEAD_MAX: usize = 8;

const _: () = assert!(AHEAD_MAX.is_power_of_two() && STEPS <= AHEAD_MAX);

/// Steps of an order that leaves.
const LEAVING_STEPS: u8 = 3;

/// Orders of one command that are fetched: the taker and three makers. Few orders trade with more.
const LEAVING_MAX: usize = 4;

/// An order that comes in.
#[derive(Clone, Copy)]
struct Incoming {
    user: u32,
    instrument: u32,
    side: Side,
    price: Price,
    quantity: Quantity,
    client_id: ClientOrderId,
}

/// An order that probably leaves: its account remembers its client order id when it does.
#[derive(Clone, Copy, Default)]
struct Leaving {
    /// Where it rests; none for the taker.
    slot: Option<OrderSlot>,
    account: u32,
    /// Steps taken.
    step: u8,
}

/// A command that was shown, and what its steps have found.
#[derive(Clone, Copy, Default)]
struct Shown {
    account: u32,
    /// The order that it names.
    order: Option<OrderId>,
    incoming: Option<Incoming>,
    account_slot: u32,
    instrument_slot: u32,
    leaving: [Leaving; LEAVING_MAX],
    leaving_count: usize,
    /// What the incoming order will not find at the makers so far.
    missing: u64,
}

impl Shown {
    /// Another command takes this place.
    #[inline]
    fn begin(&mut self, Hint { account, order, incoming }: Hint) {
        (self.account, self.order, self.incoming) = (account, order, incoming);
        (self.leaving_count, self.missing) = (0, 0);
    }

    #[inline]
    fn push(&mut self, leaving: Leaving) {
        if let Some(place) = self.leaving.get_mut(self.leaving_count) {
            *place = leaving;
            self.leaving_count += 1;
        }
    }
}

/// What a command says of the memory that it will need; nothing if it is no order, cancel or
/// replace.
#[derive(Clone, Copy, Default)]
struct Hint {
    account: u32,
    order: Option<OrderId>,
    incoming: Option<Incoming>,
}

impl Hint {
    #[inline]
    fn named(account: u32, order: Option<u64>) -> Self {
        Self { account, order: order.map(OrderId), incoming: None }
    }

    #[inline]
    fn of(command: &Message) -> Self {
        match command {
            Message::NewOrderEvent(new) => Self {
                account: new.account,
                order: None,
                incoming: side(new.side).map(|side| Incoming {
                    user: new.user,
                    instrument: new.instrument,
                    side,
                    price: Price(new.price),
                    quantity: Quantity(new.quantity),
                    client_id: ClientOrderId(new.client_order_id),
                }),
            },
            Message::CancelOrderEvent(cancel) => Self::named(cancel.account, cancel.order_id),
            Message::ReplaceOrderEvent(replace) => Self::named(replace.account, replace.order_id),
            _ => Self::default(),
        }
    }

    /// Of a command that is still encoded, without decoding the rest of it.
    #[inline]
    fn read(command: &[u8]) -> Self {
        if let Ok(new) = NewOrderEventReader::new(command) {
            let incoming = side(new.side()).map(|side| Incoming {
                user: new.user(),
                instrument: new.instrument(),
                side,
                price: Price(new.price()),
                quantity: Quantity(new.quantity()),
                client_id: ClientOrderId(new.client_order_id()),
            });
            return Self { account: new.account(), order: None, incoming };
        }
        if let Ok(cancel) = CancelOrderEventReader::new(command) {
            return Self::named(cancel.account(), cancel.order_id());
        }
        let replace = ReplaceOrderEventReader::new(command);
        replace.map_or_else(|_| Self::default(), |r| Self::named(r.account(), r.order_id()))
    }
}

/// The commands that were shown and not yet executed, oldest first.
pub struct LookAhead {
    shown: [Shown; AHEAD_MAX],
    /// Commands shown, ever.
    count: usize,
    /// Of those, executed.
    taken: usize,
}

impl Default for LookAhead {
    fn default() -> Self {
        Self { shown: [Shown::default(); AHEAD_MAX], count: 0, taken: 0 }
    }
}

impl LookAhead {
    /// The place of one more.
    #[inline]
    fn push(&mut self) -> &mut Shown {
        self.count += 1;
        self.latest(0)
    }

    /// The one that was shown `ago` before the latest.
    #[inline]
    fn latest(&mut self, ago: usize) -> &mut Shown {
        &mut self.shown[self.count.wrapping_sub(ago + 1) % AHEAD_MAX]
    }

    /// How many they are.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.count - self.taken
    }

    /// Whether there are none.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The oldest one was executed, or is not going to be.
    #[inline]
    pub fn pass(&mut self) {
        self.taken += usize::from(!self.is_empty());
    }

    /// Whether another command should be shown before the next is executed.
    #[must_use]
    #[inline]
    pub fn wants_more(&self) -> bool {
        self.len() < AHEAD_MAX
    }
}

impl StateMachine {
    /// Shows the command behind those that were shown before.
    #[inline]
    pub fn show(&self, command: &Message, ahead: &mut LookAhead) {
        self.show_hint(Hint::of(command), ahead);
    }

    /// As [`Self::show`], a command as it lies in a ring or in the log. Any bytes are harmless.
    #[inline]
    pub fn show_bytes(&self, command: &[u8], ahead: &mut LookAhead) {
        self.show_hint(Hint::read(command), ahead);
    }

    #[inline]
    fn show_hint(&self, hint: Hint, ahead: &mut LookAhead) {
        debug_assert!(ahead.wants_more(), "more commands than places");
        let before = ahead.len();
        let shown = ahead.push();
        shown.begin(hint);
        self.fetch_names(shown);
        // A step for each of the latest ones, written out: this is done for every command.
        if before >= 1 {
            self.fetch_records(ahead.latest(1));
        }
        if before >= 2 {
            self.fetch_meeting(ahead.latest(2));
        }
        for step in 3..STEPS.min(before + 1) {
            self.fetch_leaving(ahead.latest(step));
        }
    }

    /// The oldest command shown is executed next: takes the steps that it has not taken. Behind it
    /// comes [`LookAhead::pass`].
    #[inline]
    pub fn ready(&self, ahead: &mut LookAhead) {
        if ahead.is_empty() {
            return;
        }
        for step in ahead.len()..STEPS {
            self.take_step(&mut ahead.shown[ahead.taken % AHEAD_MAX], step);
        }
    }

    #[inline]
    fn take_step(&self, shown: &mut Shown, step: usize) {
        match step {
            0 => self.fetch_names(shown),
            1 => self.fetch_records(shown),
            2 => self.fetch_meeting(shown),
            _ => self.fetch_leaving(shown),
        }
    }

    /// Where ids are looked up.
    #[inline]
    fn fetch_names(&self, shown: &Shown) {
        let ledger = &self.ledger;
        if let Some(incoming) = &shown.incoming {
            ledger.wallet.prefetch_slot(shown.account, incoming.instrument);
            ledger.user_volumes.prefetch_slot(incoming.user, incoming.instrument);
        }
        if let Some(order) = shown.order {
            self.books.prefetch_id(order);
        }
    }

    /// What the ids name.
    fn fetch_records(&self, shown: &mut Shown) {
        let ledger = &self.ledger;
        let Some(account) = ledger.accounts.accounts.slot(shown.account) else {
            (shown.order, shown.incoming) = (None, None);
            return;
        };
        shown.account_slot = account;
        ledger.accounts.accounts.prefetch(account);
        ledger.orders.prefetch_ends(account);
        if let Some(slot) = shown.order.and_then(|order| self.books.likely_slot(order)) {
            let mut leaving = Leaving { slot: Some(slot), account, ..Leaving::default() };
            self.fetch_leaving_one(&mut leaving);
            shown.push(leaving);
        }
        let Some(incoming) = &shown.incoming else { return };
        ledger.orders.prefetch_client_id(ClientTag::new(account, incoming.client_id));
        ledger.finished_ids.prefetch(account);
        let Some(instrument) = ledger.instruments.table.slot(incoming.instrument) else {
            shown.incoming = None;
            return;
        };
        shown.instrument_slot = instrument;
        self.books.prefetch_levels(BookIndex(instrument), incoming.side, incoming.price);
        let currency = ledger.instruments.table.at(instrument).currency;
        ledger.wallet.prefetch_cash(account, currency);
        if let Some(slot) = ledger.wallet.probable_slot(shown.account, incoming.instrument) {
            ledger.wallet.prefetch_holding(slot);
        }
        if let Some(slot) = ledger.user_volumes.probable_slot(incoming.user, incoming.instrument) {
            ledger.user_volumes.prefetch(slot);
        }
    }

    /// The first order that an incoming one meets, or else those that it comes to rest behind.
    fn fetch_meeting(&self, shown: &mut Shown) {
        let Some(incoming) = &shown.incoming else { return self.fetch_leaving(shown) };
        let book = BookIndex(shown.instrument_slot);
        let met = self.books.prefetch_meeting(book, incoming.side, incoming.price);
        let Some(slot) = met else {
            return self.ledger.orders.prefetch_last(shown.account_slot);
        };
        shown.missing = incoming.quantity.0;
        let taker = Leaving { slot: None, account: shown.account_slot, step: 2 };
        let maker = Leaving { slot: Some(slot), ..Leaving::default() };
        for mut leaving in [maker, taker] {
            self.fetch_leaving_one(&mut leaving);
            shown.push(leaving);
        }
    }

    /// Another step for each order that leaves, and the next maker.
    #[inline]
    fn fetch_leaving(&self, shown: &mut Shown) {
        for leaving in &mut shown.leaving[..shown.leaving_count] {
            if leaving.step < LEAVING_STEPS {
                self.fetch_leaving_one(leaving);
            }
        }
        if shown.missing > 0 {
            self.fetch_next_maker(shown);
        }
    }

    fn fetch_next_maker(&self, shown: &mut Shown) {
        // The taker is second in the list.
        let last = shown.leaving_count - 1;
        let Some(slot) = shown.leaving[if last == 1 { 0 } else { last }].slot else { return };
        let (quantity, next) = self.books.after(slot);
        shown.missing = shown.missing.saturating_sub(quantity.0);
        if let Some(next) = next.filter(|_| shown.missing > 0) {
            let mut maker = Leaving { slot: Some(next), ..Leaving::default() };
            self.fetch_leaving_one(&mut maker);
            shown.push(maker);
        }
    }

    #[inline]
    fn fetch_leaving_one(&self, leaving: &mut Leaving) {
        let (ledger, slot) = (&self.ledger, leaving.slot);
        match (leaving.step, slot) {
            (0, Some(slot)) => {
                self.books.prefetch_order(slot);
                ledger.orders.prefetch(slot.0);
            }
            (1, Some(slot)) => {
                self.books.prefetch_neighbours(slot);
                if let Some(record) = ledger.orders.prefetch_neighbours(slot.0) {
                    leaving.account = record.account;
                    ledger.accounts.accounts.prefetch(record.account);
                    ledger.orders.prefetch_client_id(record.client_tag);
                    ledger.finished_ids.prefetch(record.account);
                    ledger.wallet.prefetch_holding(record.holding);
                    let currency = ledger.instruments.table.at(record.instrument).currency;
                    ledger.wallet.prefetch_cash(record.account, currency);
                    ledger.user_volumes.prefetch(record.user_volume);
                }
            }
            (2, _) => ledger.finished_ids.prefetch_next(leaving.account),
            _ => return,
        }
        leaving.step += 1;
    }
}
