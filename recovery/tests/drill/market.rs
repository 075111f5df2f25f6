//! What the exchange of a drill says: a little L3 feed, made up from a seed, and its books.

use isochron_feeds::books::Books;
use isochron_feeds::envelope::Envelope;
use isochron_messages::{
    BookChecksum, EventFlags, InstrumentDefinition, Message, OrderAdded, OrderDeleted,
    OrderExecuted, OrderReduced, Phase, Side, Trade, TradingStatus,
};

const INSTRUMENTS: u32 = 8;

/// Orders of one instrument above which more go than come.
const ORDERS_USUAL: usize = 40;

/// After so many events one ends with a checksum of its book.
const CHECKSUM_EVERY: u64 = 50;

/// Random numbers. Source: Vigna, splitmix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub(crate) fn per_mille(&mut self, chance: u64) -> bool {
        self.below(1_000) < chance
    }
}

struct Order {
    id: u64,
    price: i64,
    quantity: u64,
}

/// The exchange's side of the truth.
pub(crate) struct Market {
    random: Random,
    pub(crate) books: Books,
    orders: Vec<Vec<Order>>,
    sequences: Vec<u32>,
    events: u64,
    ids: u64,
}

impl Market {
    pub(crate) fn new(seed: u64) -> Market {
        Market {
            random: Random(seed),
            books: Books::new(),
            orders: (0..INSTRUMENTS).map(|_| Vec::new()).collect(),
            sequences: vec![0; INSTRUMENTS as usize],
            events: 0,
            ids: 0,
        }
    }

    /// The messages of the next event.
    pub(crate) fn event(&mut self, now_ns: u64) -> Vec<Vec<u8>> {
        self.events += 1;
        let instrument = if self.events <= INSTRUMENTS.into() {
            self.events as u32
        } else {
            1 + self.random.below(INSTRUMENTS.into()) as u32
        };
        let mut messages = if self.events <= INSTRUMENTS.into() {
            opening()
        } else {
            self.trading(instrument as usize - 1)
        };
        let with_checksum = self.events.is_multiple_of(CHECKSUM_EVERY);
        if with_checksum {
            messages.push(BookChecksum::default().into());
        }
        let last = messages.len() - 1;
        let mut encoded = Vec::new();
        for (index, mut message) in messages.into_iter().enumerate() {
            if index == last && with_checksum {
                let known = self.books.get(instrument).expect("it is defined");
                let (checksum, orders, levels) = known.checksum();
                message = BookChecksum { checksum, orders, levels, ..Default::default() }.into();
            }
            let mut flags = EventFlags::default();
            if index == 0 {
                flags |= EventFlags::START_OF_EVENT;
            }
            if index == last {
                flags |= EventFlags::END_OF_EVENT;
            }
            encoded.push(self.encode(&message, instrument, flags, now_ns));
        }
        encoded
    }

    fn encode(
        &mut self,
        message: &Message,
        instrument: u32,
        flags: EventFlags,
        now_ns: u64,
    ) -> Vec<u8> {
        let sequence = &mut self.sequences[instrument as usize - 1];
        *sequence += 1;
        let mut bytes = vec![0; message.encoded_length()];
        message.encode(&mut bytes).expect("as long as the message");
        let envelope = Envelope {
            instrument,
            instrument_sequence: *sequence,
            event_id: self.events,
            transaction_time: now_ns,
            flags,
        };
        envelope.write(&mut bytes);
        let decoded = Message::decode(&bytes).expect("our own bytes");
        self.books.apply(&decoded).expect("our own books");
        bytes
    }

    fn trading(&mut self, index: usize) -> Vec<Message> {
        let count = self.orders[index].len();
        let adds = if count < ORDERS_USUAL { 600 } else { 300 };
        if count == 0 || self.random.per_mille(adds) {
            return vec![self.add(index)];
        }
        match self.random.below(3) {
            0 => {
                let at = self.random.below(count as u64) as usize;
                let Order { id, quantity, .. } = self.orders[index].remove(at);
                let canceled_quantity = quantity;
                vec![OrderDeleted { order_id: id, canceled_quantity, ..<_>::default() }.into()]
            }
            1 => self.reduce(index),
            _ => self.trade(index),
        }
    }

    fn add(&mut self, index: usize) -> Message {
        self.ids += 1;
        let (bid, away) = (self.random.below(2) == 0, 1 + self.random.below(20).cast_signed());
        let side = if bid { Side::BUY } else { Side::SELL };
        let price = 1_000_000 + 100 * if bid { -away } else { away };
        let quantity = 100 * (1 + self.random.below(9));
        self.orders[index].push(Order { id: self.ids, price, quantity });
        OrderAdded { order_id: self.ids, price, quantity, side, ..<_>::default() }.into()
    }

    fn reduce(&mut self, index: usize) -> Vec<Message> {
        let at = self.random.below(self.orders[index].len() as u64) as usize;
        let order = &mut self.orders[index][at];
        let canceled_quantity = order.quantity / 2;
        order.quantity -= canceled_quantity;
        let (order_id, remaining_quantity) = (order.id, order.quantity);
        vec![
            OrderReduced { order_id, canceled_quantity, remaining_quantity, ..<_>::default() }
                .into(),
        ]
    }

    /// Somebody takes some orders whole: the feed of an exchange is trades and executions.
    fn trade(&mut self, index: usize) -> Vec<Message> {
        let makers = 1 + self.random.below(4);
        let mut messages = Vec::new();
        for _ in 0..makers {
            let count = self.orders[index].len();
            if count == 0 {
                break;
            }
            let at = self.random.below(count as u64) as usize;
            let Order { id, price, quantity } = self.orders[index].remove(at);
            self.ids += 1;
            let match_id = self.ids;
            messages.push(Trade { match_id, price, quantity, ..<_>::default() }.into());
            let executed = OrderExecuted {
                order_id: id,
                match_id,
                price,
                executed_quantity: quantity,
                ..<_>::default()
            };
            messages.push(executed.into());
        }
        messages
    }
}

fn opening() -> Vec<Message> {
    vec![
        InstrumentDefinition { symbol: *b"DRILL   ", ..<_>::default() }.into(),
        TradingStatus { phase: Phase::OPEN, ..<_>::default() }.into(),
    ]
}
