//! A feed saved and restored at random ends of events sends what one that ran through does.

use super::exchange::splitmix64;
use super::*;

/// Every output as channel number and bytes.
fn run_on(feed: &mut Feed, event: &LogMessage, outputs: &mut Vec<(u16, Vec<u8>)>) {
    feed.on_event(event, &mut |output| {
        outputs.push(match output {
            Output::Session { channel, session } => (channel.number(), session.0.to_vec()),
            Output::Message { channel, bytes } => (channel.number(), bytes.to_vec()),
        });
    });
}

/// The feed as it is found again beside the same books.
fn restored(feed: &Feed) -> Feed {
    let mut saved = Vec::new();
    feed.save(&mut saved).unwrap();
    let book_of = |id| {
        let (known, mut book) = (feed.book(id).ok_or("no book")?, Book::new());
        for side in [messages::Side::BUY, messages::Side::SELL] {
            known.orders(side).for_each(|order| book.add(order).unwrap());
        }
        Ok(book)
    };
    let restored = Feed::restore_with(feed.plan(), &mut &saved[..], &book_of).unwrap();
    let mut again = Vec::new();
    restored.save(&mut again).unwrap();
    assert!(saved == again);
    restored
}

#[test]
fn restored_at_any_end_of_an_event_it_sends_the_same() {
    for seed in 0..4 {
        let mut exchange = NaiveExchange::on_partitions(seed, [0, 0, 101]);
        let mut today = 20_261_122;
        for step in 0..600 {
            exchange.step();
            if step % 200 == 199 {
                exchange.next_day(today);
                today += 1;
            }
            if step % 20 == 0 {
                exchange.log.define_on(7, 4 + step / 20, 100);
            }
        }
        let plan = Plan::all(SECOND_NS / 10);
        let (mut through, mut split) = (Feed::new(&plan), Feed::new(&plan));
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        let (mut random, mut splits, mut waiting, mut sent) = (seed ^ 0x5EED, 0, 0, 0);
        for event in &exchange.log.events {
            run_on(&mut through, event, &mut expected);
            run_on(&mut split, event, &mut found);
            assert!(expected == found, "seed {seed} after {splits} restarts");
            sent += expected.len();
            expected.clear();
            found.clear();
            if split.moment.event_id == 0 && splitmix64(&mut random).is_multiple_of(4) {
                let streams = split.partitions.iter().flatten().flatten();
                waiting += streams.filter(|stream| !stream.dirty.is_empty()).count();
                split = restored(&split);
                splits += 1;
            }
        }
        assert!(splits > 120 && waiting > 120 && sent > 5_000, "{splits} {waiting} {sent}");
    }
}
