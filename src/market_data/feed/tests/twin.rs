//! Every product against what L3 shows, over random exchanges: levels, best prices and days are
//! worked out anew after each event, from the orders alone.

use isochron_feeds::book::Level;
use isochron_feeds::books::Instrument;
use isochron_feeds::snapshot;
use isochron_messages::Statistics;

use super::*;

const INTERVAL_NS: u64 = SECOND_NS / 10;

/// What one channel's consumer has.
struct Consumer {
    books: Books,
    /// Those of somebody who joined late, by a snapshot.
    late: Option<Books>,
    rules: Rules,
    received: u64,
    events: Vec<u64>,
}

/// All channels of a feed, each with a consumer.
struct Market {
    feed: Feed,
    consumers: BTreeMap<Channel, Consumer>,
    /// The trades of each instrument today, from the log.
    trades: BTreeMap<u32, Vec<(i64, u64)>>,
    conflated_states: u64,
}

impl Market {
    fn new() -> Market {
        Market {
            feed: Feed::new(&Plan::all(INTERVAL_NS)),
            consumers: BTreeMap::new(),
            trades: BTreeMap::new(),
            conflated_states: 0,
        }
    }

    fn on_event(&mut self, event: &LogMessage) {
        let Market { feed, consumers, trades, conflated_states } = self;
        feed.on_event(event, &mut |output| match output {
            Output::Session { channel, session } => {
                // All sessions of a day end before the first of the next begins.
                trades.clear();
                assert_eq!(Channel::of_session(session), Some(channel));
                let (books, rules) = (Books::of(channel.product), Rules::default());
                let consumer =
                    Consumer { books, late: None, rules, received: 0, events: Vec::new() };
                consumers.insert(channel, consumer);
            }
            Output::Message { channel, bytes } => {
                let message = Message::decode(bytes).unwrap();
                let consumer = consumers.get_mut(&channel).unwrap();
                consumer.received += 1;
                consumer.rules.on_message(&message);
                consumer.events.push(message.event_id());
                let applied = consumer.books.apply(&message);
                applied.unwrap_or_else(|error| panic!("{channel}: {error}"));
                if let Some(late) = &mut consumer.late {
                    let applied = late.apply(&message);
                    applied.unwrap_or_else(|error| panic!("{channel}, late: {error}"));
                }
                if channel.product.is_conflated() && consumer.books.is_at_end_of_event() {
                    *conflated_states += 1;
                    // Its place among the outputs is after L3's: that is where L3 stands.
                    check_shown(consumers, trades, channel);
                }
            }
        });
        if let LogMessage::OrderFilledEvent(m) = event
            && m.liquidity == events::Liquidity::TAKER
        {
            trades.entry(m.instrument).or_default().push((m.price, m.quantity));
        }
    }

    /// On each channel somebody joins, between two events.
    fn join_late(&mut self) {
        for (channel, consumer) in &mut self.consumers {
            let mut late = Books::of(channel.product);
            snapshot::write(&consumer.books, consumer.received, &mut |bytes| {
                late.apply(&Message::decode(bytes).unwrap()).unwrap();
            })
            .unwrap();
            consumer.late = Some(late);
        }
    }

    /// Every product that is not conflated shows what L3 does, under the same event ids.
    fn check(&self) {
        assert_eq!(self.feed.anomalies(), 0);
        for (channel, consumer) in &self.consumers {
            let open = self.feed.channel(*channel).unwrap();
            assert_eq!(open.next_sequence, consumer.received + 1);
            assert_eq!(consumer.rules.open, None, "{channel}: the event is closed");
            if let Some(late) = &consumer.late {
                assert_eq!(shown(late), shown(&consumer.books), "{channel}: who joined late");
            }
            if !channel.product.is_conflated() {
                check_shown(&self.consumers, &self.trades, *channel);
            }
            let l3 = &self.consumers[&Channel { product: Product::L3, ..*channel }].events;
            let known = |id: &u64| l3.binary_search(id).is_ok();
            assert!(consumer.events.iter().all(known), "{channel}: L3 has each event too");
            assert!(consumer.events.is_sorted());
        }
    }
}

/// What a consumer may know of each instrument.
fn shown(books: &Books) -> Vec<(u32, u32, (u32, u32, u32), Option<messages::Phase>, u64)> {
    let of = |(id, known): (u32, &Instrument)| {
        assert!(known.is_current());
        (id, known.next_sequence, known.checksum(), known.phase, known.quotes.day.trades)
    };
    books.instruments().into_iter().map(of).collect()
}

/// One channel's books against those of L3.
fn check_shown(
    consumers: &BTreeMap<Channel, Consumer>,
    trades: &BTreeMap<u32, Vec<(i64, u64)>>,
    channel: Channel,
) {
    let l3 = &consumers[&Channel { product: Product::L3, ..channel }].books;
    let shown = &consumers[&channel].books;
    for (id, instrument) in l3.instruments() {
        let other = shown.get(id).unwrap_or_else(|| panic!("{channel} lacks {id}"));
        assert!(other.is_current());
        assert_eq!((other.phase, other.definition.map(|d| d.symbol)), {
            (instrument.phase, instrument.definition.map(|d| d.symbol))
        });
        let is_l1 = matches!(channel.product, Product::L1 | Product::L1Conflated);
        let depth = if is_l1 { 1 } else { channel.product.depth().unwrap_or(usize::MAX) };
        for side in [messages::Side::BUY, messages::Side::SELL] {
            let expected: Vec<Level> =
                levels(instrument.book.orders(side)).into_iter().take(depth).collect();
            let found: Vec<Level> = other.levels(side).collect();
            assert_eq!(found, expected, "{channel}: {side} of {id}");
        }
        if is_l1 {
            let expected = day(trades.get(&id).map_or(&[], Vec::as_slice));
            let found = Statistics {
                instrument: 0,
                instrument_sequence: 0,
                event_id: 0,
                transaction_time: 0,
                flags: EventFlags::default(),
                ..other.quotes.day
            };
            assert_eq!(found, expected, "{channel}: the day of {id}");
        }
    }
}

/// The levels of orders in priority order.
fn levels(orders: impl Iterator<Item = isochron_feeds::book::Order>) -> Vec<Level> {
    let mut levels: Vec<Level> = Vec::new();
    for order in orders {
        match levels.last_mut() {
            Some(level) if level.price == order.price => {
                (level.quantity, level.orders) =
                    (level.quantity + order.quantity, level.orders + 1);
            }
            _ => levels.push(Level { price: order.price, quantity: order.quantity, orders: 1 }),
        }
    }
    levels
}

fn day(trades: &[(i64, u64)]) -> Statistics {
    let prices = || trades.iter().map(|(price, _)| *price);
    Statistics {
        open_price: prices().next(),
        high_price: prices().max(),
        low_price: prices().min(),
        last_price: prices().next_back(),
        volume: trades.iter().map(|(_, quantity)| quantity).sum(),
        notional: trades.iter().map(|(price, quantity)| price * quantity.cast_signed()).sum(),
        trades: trades.len() as u64,
        ..Default::default()
    }
}

#[test]
fn every_product_shows_what_l3_does() {
    for seed in 0..6 {
        let mut exchange = NaiveExchange::on_partitions(seed, [0, 0, 101]);
        let mut market = Market::new();
        let (mut done, mut today) = (0, 20_261_122);
        for step in 0..900 {
            exchange.step();
            if step % 300 == 299 {
                exchange.next_day(today);
                today += 1;
            }
            if step % 10 == 0 {
                exchange.log.tick();
            }
            if step % 150 == 75 {
                market.join_late();
            }
            for event in &exchange.log.events[done..] {
                market.on_event(event);
                if market.feed.moment.event_id == 0 {
                    market.check();
                }
            }
            done = exchange.log.events.len();
        }
        let verified = |product| -> u64 {
            let of = market.consumers.iter().filter(|(channel, _)| channel.product == product);
            of.map(|(_, consumer)| consumer.books.statistics().checksums_verified).sum()
        };
        for product in [Product::L2, Product::L2Depth5, Product::L2Depth10, Product::L2Conflated] {
            assert!(verified(product) >= 3, "{product}");
        }
        assert_eq!(market.consumers.len(), 14);
        assert!(market.conflated_states > 100, "{}", market.conflated_states);
    }
}

/// In silence, a tick beyond an interval's end leaves nothing that a conflated channel's consumer
/// does not have.
#[test]
fn a_tick_flushes_the_last_state() {
    let mut exchange = NaiveExchange::on_partitions(3, [0, 0, 101]);
    let mut market = Market::new();
    let mut done = 0;
    for _ in 0..100 {
        for _ in 0..5 {
            exchange.step();
        }
        exchange.log.now += INTERVAL_NS;
        exchange.log.tick();
        for event in &exchange.log.events[done..] {
            market.on_event(event);
        }
        done = exchange.log.events.len();
        for channel in market.consumers.keys().filter(|channel| channel.product.is_conflated()) {
            check_shown(&market.consumers, &market.trades, *channel);
        }
    }
}
