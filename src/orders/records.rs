//! Order records: all that an order is beside its place in the book.

use super::live_ids::{ClientTag, LiveIds};
use crate::memory::{prefetch, push, table};
use crate::types::{ClientOrderId, Money, OrderId, Price, Quantity, Side};
use isochron_events::{OrderStatus, TimeInForce};

/// One live order. Ids name things outside; slots find them in constant time. Two cache lines that
/// the processor fetches as a pair.
#[derive(Clone, Copy, Debug)]
#[repr(align(128))]
pub struct OrderRecord {
    /// The order.
    pub id: OrderId,
    /// Its limit.
    pub price: Price,
    /// Shares wanted in all.
    pub total: Quantity,
    /// Shares executed.
    pub cumulative: Quantity,
    /// What they cost.
    pub cumulative_notional: Money,
    /// What the order has reserved: money for a buy, shares for a sell.
    pub reserved: i64,
    /// When the client entered it, as it says; nanoseconds UTC.
    pub entry_time: u64,
    /// The account's slot.
    pub account: u32,
    /// The user who entered it.
    pub user: u32,
    /// The broker named on it.
    pub broker: u32,
    /// The session that entered it.
    pub session: u32,
    /// The instrument's slot.
    pub instrument: u32,
    /// The holding's slot.
    pub holding: u32,
    /// The slot of the user's volume in this symbol.
    pub user_volume: u32,
    /// The client's name for it.
    pub client_id: ClientOrderId,
    /// The hash of account and name.
    pub client_tag: ClientTag,
    /// Which side.
    pub side: Side,
    /// How long it lives.
    pub time_in_force: TimeInForce,
}

const _: () = assert!(size_of::<OrderRecord>() == 128);

impl OrderRecord {
    /// What stands where no order is.
    pub(crate) const VACANT: OrderRecord = OrderRecord {
        id: OrderId(0),
        price: Price(0),
        total: Quantity(0),
        cumulative: Quantity(0),
        cumulative_notional: Money(0),
        reserved: 0,
        entry_time: 0,
        account: 0,
        user: 0,
        broker: 0,
        session: 0,
        instrument: 0,
        holding: 0,
        user_volume: 0,
        client_id: ClientOrderId::EMPTY,
        client_tag: ClientTag::NONE,
        side: Side::Buy,
        time_in_force: TimeInForce::DAY,
    };

    /// Shares not yet executed.
    #[must_use]
    #[inline]
    pub fn leaves(&self) -> Quantity {
        Quantity(self.total.0 - self.cumulative.0)
    }

    /// Where it stands while it is live.
    #[must_use]
    #[inline]
    pub fn status(&self) -> OrderStatus {
        if self.leaves().0 == 0 {
            OrderStatus::FILLED
        } else if self.cumulative.0 == 0 {
            OrderStatus::NEW
        } else {
            OrderStatus::PARTIALLY_FILLED
        }
    }
}

/// No order.
const NONE: u32 = u32::MAX;

/// The neighbours of an order among those of its account.
#[derive(Clone, Copy, Debug)]
struct Links {
    previous: u32,
    next: u32,
}

/// The first and the last order of an account.
#[derive(Clone, Copy, Debug)]
struct Ends {
    first: u32,
    last: u32,
}

/// The records of resting orders, under the slots of the books; for each account the list of its
/// own, in the order in which they came to rest; and the slots by client order id.
#[derive(Clone, Debug)]
pub struct Orders {
    records: Vec<OrderRecord>,
    links: Vec<Links>,
    /// By account slot.
    accounts: Vec<Ends>,
    ids: LiveIds,
    vacant: OrderRecord,
}

impl Orders {
    /// Room for `orders` records before memory is asked for.
    #[must_use]
    pub fn with_capacity(orders: usize) -> Self {
        let vacant = OrderRecord::VACANT;
        let (records, links) = (table(orders), table(orders));
        let ids = LiveIds::with_capacity(orders);
        Self { records, links, accounts: Vec::new(), ids, vacant }
    }

    /// A list for the next account slot.
    pub fn open(&mut self) {
        push(&mut self.accounts, Ends { first: NONE, last: NONE });
    }

    /// An order has come to rest under a slot that the books have just given out.
    #[inline]
    pub fn insert(&mut self, slot: u32, record: OrderRecord) {
        let at = slot as usize;
        if self.records.len() <= at {
            self.records.resize(at + 1, self.vacant);
            self.links.resize(at + 1, Links { previous: NONE, next: NONE });
        }
        self.records[at] = record;
        self.ids.insert(record.client_tag, slot);
        let ends = &mut self.accounts[record.account as usize];
        self.links[at] = Links { previous: ends.last, next: NONE };
        match ends.last {
            NONE => ends.first = slot,
            last => self.links[last as usize].next = slot,
        }
        ends.last = slot;
    }

    /// Changes the record under a live slot; its account stays.
    #[inline]
    pub fn update(&mut self, slot: u32, record: OrderRecord) {
        let before = &mut self.records[slot as usize];
        debug_assert_eq!(before.account, record.account);
        let tag = std::mem::replace(before, record).client_tag;
        if tag != record.client_tag {
            self.ids.remove(tag, slot);
            self.ids.insert(record.client_tag, slot);
        }
    }

    /// An order has left its book; gives its record.
    #[inline]
    pub fn remove(&mut self, slot: u32) -> OrderRecord {
        let record = self.records[slot as usize];
        let Links { previous, next } = self.links[slot as usize];
        let ends = &mut self.accounts[record.account as usize];
        match previous {
            NONE => ends.first = next,
            previous => self.links[previous as usize].next = next,
        }
        match next {
            NONE => ends.last = previous,
            next => self.links[next as usize].previous = previous,
        }
        self.ids.remove(record.client_tag, slot);
        record
    }

    /// The slot of the resting order that has this client order id.
    #[must_use]
    #[inline]
    pub fn by_client_id(&self, account: u32, tag: ClientTag, id: ClientOrderId) -> Option<u32> {
        self.ids.get(tag, |slot| {
            let found = &self.records[slot as usize];
            found.client_id == id && found.account == account
        })
    }

    /// Begins to fetch what [`Self::by_client_id`] reads.
    #[inline]
    pub fn prefetch_client_id(&self, tag: ClientTag) {
        self.ids.prefetch(tag);
    }

    /// The order of an account, by account slot, that came to rest after the one under `passed`,
    /// or the first.
    #[must_use]
    #[inline]
    pub fn next_of(&self, account: u32, passed: Option<u32>) -> Option<u32> {
        let next = match passed {
            None => self.accounts[account as usize].first,
            Some(passed) => self.links[passed as usize].next,
        };
        (next != NONE).then_some(next)
    }

    /// The slots of an account's orders, by account slot, in the order in which they came to rest.
    pub fn of_account(&self, account: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(self.next_of(account, None), move |slot| {
            self.next_of(account, Some(*slot))
        })
    }

    /// Begins to fetch the ends of an account's list.
    #[inline]
    pub fn prefetch_ends(&self, account: u32) {
        prefetch(&self.accounts, account as usize);
    }

    /// Begins to fetch the record and the links under a slot, if there are any.
    #[inline]
    pub fn prefetch(&self, slot: u32) {
        prefetch(&self.records, slot as usize);
        prefetch(&self.links, slot as usize);
    }

    /// Begins to fetch the links of an order's neighbours; gives its record, or what is left of
    /// one that has gone.
    #[inline]
    pub fn prefetch_neighbours(&self, slot: u32) -> Option<&OrderRecord> {
        let Links { previous, next } = self.links.get(slot as usize)?;
        prefetch(&self.links, *previous as usize);
        prefetch(&self.links, *next as usize);
        self.records.get(slot as usize)
    }

    /// Begins to fetch the links of an account's last order, behind which the next one comes.
    #[inline]
    pub fn prefetch_last(&self, account: u32) {
        if let Some(ends) = self.accounts.get(account as usize) {
            prefetch(&self.links, ends.last as usize);
        }
    }

    /// The record under a live slot.
    #[must_use]
    #[inline]
    pub fn get(&self, slot: u32) -> &OrderRecord {
        &self.records[slot as usize]
    }

    /// The record under a live slot.
    #[must_use]
    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> &mut OrderRecord {
        &mut self.records[slot as usize]
    }
}
