//! Messages of any product from anybody, applied to books: refused or taken, never a panic, and
//! what a snapshot fails to prove changes nothing.

use isochron::market_data::{Feed, Output, Plan};
use isochron_feeds::books::{Books, FeedError};
use isochron_feeds::channel::Product;
use isochron_feeds::snapshot;
use isochron_messages::{Message, Side};

use super::{Exchange, framed, parts, script_commands};

/// The first byte names the product, each part is a message.
pub(crate) fn messages(bytes: &[u8]) {
    let Some((product, messages)) = bytes.split_first() else { return };
    let product = Product::ALL[usize::from(*product) % Product::ALL.len()];
    let mut books = Books::of(product);
    for part in parts(messages).take(500) {
        let Ok(message) = Message::decode(part) else { continue };
        let before = shown(&books);
        if let Err(FeedError::Snapshot(_)) = books.apply(&message) {
            assert_eq!(shown(&books), before, "a bad snapshot changes nothing");
        }
    }
    for (_, known) in books.instruments() {
        for side in [Side::BUY, Side::SELL] {
            let orders: u128 = known.book.orders(side).map(|o| u128::from(o.quantity)).sum();
            let levels: u128 = known.book.levels(side).map(|l| u128::from(l.quantity)).sum();
            assert_eq!(orders, levels);
            assert!(known.ladder.levels(side).count() <= product.depth().unwrap_or(usize::MAX));
        }
    }
    // Books that make a snapshot are made again by it.
    let mut again = Books::of(product);
    let mut apply = |bytes: &[u8]| {
        let message = Message::decode(bytes).expect("our own bytes");
        again.apply(&message).expect("a snapshot of good books");
    };
    if snapshot::write(&books, 1, &mut apply).is_ok() {
        assert_eq!(shown(&again), shown(&books));
    }
}

/// Each instrument's id, next number and checksum.
fn shown(books: &Books) -> Vec<(u32, u32, (u32, u32, u32))> {
    let of = |(id, known): (u32, &isochron_feeds::books::Instrument)| {
        (id, known.next_sequence, known.checksum())
    };
    books.instruments().into_iter().map(of).collect()
}

/// Each product's messages of a little trading, and a snapshot behind them.
pub(crate) fn message_seeds() -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    let mut exchange = Exchange::default();
    for command in script_commands(40) {
        events.extend(exchange.execute(command));
    }
    let seed = |(number, product): (usize, &Product)| {
        let (mut core, mut books) =
            (Feed::new(&Plan::new(&[*product], 1_000)), Books::of(*product));
        let mut messages = Vec::new();
        for event in &events {
            core.on_event(event, &mut |output| {
                let Output::Message { bytes, .. } = output else { return };
                messages.push(bytes.to_vec());
                books.apply(&Message::decode(bytes).expect("our own bytes")).expect("a good feed");
            });
        }
        // The end, and all of it once more as a snapshot.
        let mut messages = messages.split_off(messages.len().saturating_sub(100));
        snapshot::write(&books, 9, &mut |bytes| messages.push(bytes.to_vec())).expect("good books");
        [vec![number as u8], framed(messages)].concat()
    };
    Product::ALL.iter().enumerate().map(seed).collect()
}
