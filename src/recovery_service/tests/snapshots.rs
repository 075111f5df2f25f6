//! Snapshots over the wire: what comes, to whom, and when.

use isochron_feeds::books::Books;
use isochron_messages::{Message, Side};

use super::market::Market;
use super::site::{Client, SESSION, Said, Site};
use crate::metrics::Counter;

fn books(messages: &[Vec<u8>]) -> Books {
    let mut books = Books::new();
    for message in messages {
        books.apply(&Message::decode(message).unwrap()).unwrap();
    }
    books
}

/// An instrument, its next number, and its orders: id, price, quantity.
type Content = (u32, u32, Vec<(u64, i64, u64)>);

/// Every instrument with its orders in priority order.
fn orders(books: &Books) -> Vec<Content> {
    let of = |instrument: &isochron_feeds::books::Instrument| {
        let both = [Side::BUY, Side::SELL].into_iter();
        let orders = both.flat_map(|side| instrument.book.orders(side));
        orders.map(|order| (order.order_id, order.price, order.quantity)).collect()
    };
    let all = books.instruments();
    all.into_iter().map(|(id, one)| (id, one.next_sequence, of(one))).collect()
}

/// A market of so many orders, some of them deleted again.
fn market(orders: u64) -> Market {
    let mut market = Market::open();
    for order in 1..=orders {
        let side = if order % 2 == 0 { Side::BUY } else { Side::SELL };
        let price = 100_000 + (order % 7).cast_signed() * if order % 2 == 0 { -100 } else { 100 };
        market.add_order(1 + (order % 2) as u32, order, side, price);
    }
    for order in (1..=orders).step_by(5) {
        market.delete_order(1 + (order % 2) as u32, order);
    }
    market
}

fn snapshot(site: &mut Site, user: &str, lowest: &str) -> Client {
    let mut client = site.connect_snapshot();
    client.login(user, "secret", &SESSION.to_string(), lowest);
    site.until("the snapshot", &mut client, |said| said.last() == Some(&Said::Gone));
    client
}

/// The number that a snapshot says comes next, and the orders that it says it has.
fn complete(client: &Client) -> (u64, u32) {
    let last = client.messages().last().map(Message::decode);
    let Some(Ok(Message::SnapshotComplete(complete))) = last else { panic!("{last:?}") };
    (complete.next_sequence, complete.orders)
}

#[test]
fn a_snapshot_and_the_replay_behind_it_give_the_books_of_the_log() {
    let (mut site, mut market) = (Site::new(), market(3_000));
    site.publish_all(&market.messages);
    let client = snapshot(&mut site, "alice", "1");
    assert_eq!(client.said[0], Said::Accepted(SESSION, 1));
    let (next, count) = complete(&client);
    assert_eq!((next, count), (market.messages.len() as u64 + 1, 3_000 - 600));
    let mut joined = books(&client.messages().map(<[u8]>::to_vec).collect::<Vec<_>>());
    assert_eq!(orders(&joined), orders(&books(&market.messages)));
    // What comes behind it, over the replay.
    let before = market.messages.len();
    market.add_order(1, 9_001, Side::BUY, 99_000);
    market.delete_order(2, 3);
    site.publish_all(&market.messages[before..]);
    let mut replay = site.connect_replay();
    replay.login("alice", "secret", &SESSION.to_string(), &next.to_string());
    site.until("what is new", &mut replay, |said| said.len() == 3);
    for message in replay.messages() {
        joined.apply(&Message::decode(message).unwrap()).unwrap();
    }
    assert_eq!(orders(&joined), orders(&books(&market.messages)));
    assert_eq!(site.count(Counter::BOOK_IMAGES), 1);
    assert_eq!(site.count(Counter::BOOK_IMAGE_FAULTS), 0);
}

#[test]
fn a_snapshot_is_shared_while_it_is_young_and_new_enough() {
    let (mut site, mut market) = (Site::new(), market(100));
    site.publish_all(&market.messages);
    let first = complete(&snapshot(&mut site, "alice", "1")).0;
    let again = complete(&snapshot(&mut site, "alice", &first.to_string())).0;
    assert_eq!((first, again, site.count(Counter::BOOK_IMAGES)), (first, first, 1));
    let before = market.messages.len();
    market.add_order(1, 9_001, Side::BUY, 99_000);
    // One that must reach what is not sent yet waits for it.
    let mut waiting = site.connect_snapshot();
    waiting.login("alice", "secret", &SESSION.to_string(), &(first + 1).to_string());
    site.run(300);
    waiting.receive();
    assert_eq!(waiting.said, []);
    site.publish_all(&market.messages[before..]);
    site.until("the newer one", &mut waiting, |said| said.last() == Some(&Said::Gone));
    assert_eq!((complete(&waiting).0, site.count(Counter::BOOK_IMAGES)), (first + 1, 2));
    site.pass_ms(1_500);
    assert_eq!(complete(&snapshot(&mut site, "alice", "1")).0, first + 1);
    assert_eq!(site.count(Counter::BOOK_IMAGES), 3, "the last one was too old");
}

#[test]
fn one_that_is_never_new_enough_is_rejected_and_keeps_nobody_waiting() {
    let (mut site, market) = (Site::new(), market(10));
    site.publish_all(&market.messages);
    let mut far = site.connect_snapshot();
    far.login("alice", "secret", "", "1000000");
    site.run(200);
    let _ = complete(&snapshot(&mut site, "alice", "1"));
    far.receive();
    assert_eq!(far.said, []);
    site.pass_ms(10_100);
    site.until("the rejection", &mut far, |said| said.last() == Some(&Said::Gone));
    let rejected = far.said.len() - 2;
    assert_eq!(far.said[rejected], Said::Rejected(b'S'));
    let reason = Said::Debug("no snapshot up to sequence 1000000 yet; retry-after 1".to_owned());
    assert_eq!(far.said[rejected - 1], reason);
}

#[test]
fn who_may_see_one_symbol_gets_that_one_and_no_replay() {
    let (mut site, market) = (Site::new(), market(100));
    site.publish_all(&market.messages);
    let client = snapshot(&mut site, "carol", "1");
    let seen = books(&client.messages().map(<[u8]>::to_vec).collect::<Vec<_>>());
    let all = orders(&books(&market.messages));
    assert_eq!(orders(&seen), all.into_iter().filter(|(id, ..)| *id == 2).collect::<Vec<_>>());
    let mut replay = site.connect_replay();
    replay.login("carol", "secret", &SESSION.to_string(), "1");
    site.until("the rejection", &mut replay, |said| said.last() == Some(&Said::Gone));
    assert_eq!(replay.said[1], Said::Rejected(b'S'));
    // L3 is not bob's.
    let client = snapshot(&mut site, "bob", "1");
    assert_eq!(client.said[1], Said::Rejected(b'S'));
}
