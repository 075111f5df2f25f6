//! ITCH messages written by hand from the specification, and what a file of them comes to.
//!
//! Each array is the field table of its clause of section 1, "Message Formats": the offsets stand
//! above it. All are about AAPL, which has locate code 7, at 09:30:00.000000001.

use super::itch::Itch;
use super::itch_messages::{Event, Fault, Malformed, Messages};
use super::tests::{DATE, Exchange, note, resting_in};
use super::{Flow, Next};
use crate::matching::BookIndex;
use crate::order_stream::SplitMix64;
use crate::types::{InstrumentId, Side, Symbol};
use isochron_events::{Message, Phase, RejectReason};
use std::io::{Cursor, Read, Write};

/// 34,200.000000001 s after midnight.
const TIME_NS: u64 = 34_200_000_000_001;

/// 1.1 System Event: 0 type, 1 locate, 3 tracking, 5 timestamp, 11 event code.
const SYSTEM: &[u8] = b"S\0\0\0\0\x1f\x1a\xce\xd9\xf0\x01Q";

/// 1.2.1 Stock Directory: 11 stock, 19 market category, 20 financial status, 21 round lot size,
/// 25 round lots only, 26 issue classification, 27 issue sub-type, 29 authenticity, 30 short sale
/// threshold, 31 IPO flag, 32 LULD tier, 33 ETP flag, 34 ETP leverage, 38 inverse.
const DIRECTORY: &[u8] =
    b"R\0\x07\0\0\x1f\x1a\xce\xd9\xf0\x01AAPL    QN\0\0\0\x64NCZ PNN1N\0\0\0\0N";

/// 1.2.2 Stock Trading Action: 11 stock, 19 trading state, 20 reserved, 21 reason.
const TRADING: &[u8] = b"H\0\x07\0\0\x1f\x1a\xce\xd9\xf0\x01AAPL    H T1  ";

/// 1.3.1 Add Order: 11 reference, 19 side, 20 shares, 24 stock, 32 price. 100 at 175.50.
const ADD: &[u8] =
    b"A\0\x07\0\x02\x1f\x1a\xce\xd9\xf0\x01\0\0\0\0\0\0\x03\xe9B\0\0\0\x64AAPL    \0\x1a\xc7\x78";

/// 1.3.2 Add Order with MPID Attribution: as 1.3.1, 36 attribution. 100 at 175.51.
const ADD_MPID: &[u8] =
    b"F\0\x07\0\x02\x1f\x1a\xce\xd9\xf0\x01\0\0\0\0\0\0\x03\xeaS\0\0\0\x64AAPL    \0\x1a\xc7\xdcGSCO";

/// 1.4.1 Order Executed: 11 reference, 19 executed shares, 23 match number.
const EXECUTED: &[u8] =
    b"E\0\x07\0\x02\x1f\x1a\xce\xd9\xf0\x01\0\0\0\0\0\0\x03\xe9\0\0\0\x28\0\0\0\0\0\0\0\x05";

/// 1.4.2 Order Executed With Price: as 1.4.1, 31 printable, 32 execution price. At 175.51.
const EXECUTED_WITH_PRICE: &[u8] =
    b"C\0\x07\0\x02\x1f\x1a\xce\xd9\xf0\x01\0\0\0\0\0\0\x03\xe9\0\0\0\x28\0\0\0\0\0\0\0\x05Y\0\x1a\xc7\xdc";

/// 1.4.3 Order Cancel: 11 reference, 19 canceled shares.
const CANCEL: &[u8] = b"X\0\x07\0\x02\x1f\x1a\xce\xd9\xf0\x01\0\0\0\0\0\0\x03\xe9\0\0\0\x28";

/// 1.4.4 Order Delete: 11 reference.
const DELETE: &[u8] = b"D\0\x07\0\x02\x1f\x1a\xce\xd9\xf0\x01\0\0\0\0\0\0\x03\xe9";

/// 1.4.5 Order Replace: 11 original reference, 19 new reference, 27 shares, 31 price.
const REPLACE: &[u8] = b"U\0\x07\0\x02\x1f\x1a\xce\xd9\xf0\x01\0\0\0\0\0\0\x03\xe9\
    \0\0\0\0\0\0\x03\xeb\0\0\0\x64\0\x1a\xc7\xdc";

/// 1.5.1 Trade (Non-Cross): 11 reference, 19 side, 20 shares, 24 stock, 32 price, 36 match number.
const TRADE: &[u8] = b"P\0\x07\0\x02\x1f\x1a\xce\xd9\xf0\x01\0\0\0\0\0\0\0\0B\0\0\0\x64AAPL    \
    \0\x1a\xc7\x78\0\0\0\0\0\0\0\x06";

/// 1.5.2 Cross Trade: 11 shares, 19 stock, 27 cross price, 31 match number, 39 cross type.
const CROSS: &[u8] = b"Q\0\x07\0\x02\x1f\x1a\xce\xd9\xf0\x01\0\0\0\0\0\0\0\x64AAPL    \
    \0\x1a\xc7\x78\0\0\0\0\0\0\0\x07O";

/// 1.5.3 Broken Trade: 11 match number.
const BROKEN: &[u8] = b"B\0\x07\0\x02\x1f\x1a\xce\xd9\xf0\x01\0\0\0\0\0\0\0\x06";

/// 1.6 Net Order Imbalance Indicator, which no book needs: 50 bytes.
const IMBALANCE: &[u8] =
    b"I\0\x07\0\x02\x1f\x1a\xce\xd9\xf0\x01\0\0\0\0\0\0\0\x64\0\0\0\0\0\0\0\0O\
    AAPL    \0\x1a\xc7\x78\0\x1a\xc7\x78\0\x1a\xc7\x78O1";

const TYPES: [&[u8]; 14] = [
    SYSTEM,
    DIRECTORY,
    TRADING,
    ADD,
    ADD_MPID,
    EXECUTED,
    EXECUTED_WITH_PRICE,
    CANCEL,
    DELETE,
    REPLACE,
    TRADE,
    CROSS,
    BROKEN,
    IMBALANCE,
];

/// A file: each message after its length, then the end of the session.
fn file(messages: &[&[u8]]) -> Vec<u8> {
    let mut file = Vec::new();
    for message in messages {
        file.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
        file.extend(*message);
    }
    file.extend([0, 0]);
    file
}

/// A message with other bytes from `at` on.
fn with(message: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    message[at..at + bytes.len()].copy_from_slice(bytes);
    message
}

/// The events of a file, and what ended it early.
fn events(bytes: Vec<u8>) -> (Vec<Event>, Option<Malformed>) {
    let mut messages = Messages::new(Box::new(Cursor::new(bytes)));
    let mut found = Vec::new();
    loop {
        match messages.next() {
            Ok(Some(message)) => found.push(message.event),
            Ok(None) => return (found, None),
            Err(malformed) => {
                assert_eq!(messages.next(), Ok(None), "nothing comes after an error");
                return (found, Some(malformed));
            }
        }
    }
}

fn aapl() -> Symbol {
    Symbol::new("AAPL").unwrap()
}

#[test]
fn each_type_is_read_from_its_offsets() {
    let (found, malformed) = events(file(&TYPES));
    assert_eq!(malformed, None);
    let (id, stock) = (1001, aapl());
    let expected = [
        Event::System,
        Event::Directory { stock },
        Event::Trading { stock, phase: Phase::HALTED },
        Event::Add { id, side: Side::Buy, shares: 100, stock, price: 1_755_000 },
        Event::Add { id: 1002, side: Side::Sell, shares: 100, stock, price: 1_755_100 },
        Event::Execute { id, shares: 40, price: None },
        Event::Execute { id, shares: 40, price: Some(1_755_100) },
        Event::Cancel { id, shares: 40 },
        Event::Delete { id },
        Event::Replace { old: id, new: 1003, shares: 100, price: 1_755_100 },
        Event::Hidden,
        Event::Cross,
        Event::Broken,
        Event::Other,
    ];
    assert_eq!(found, expected);
    let mut messages = Messages::new(Box::new(Cursor::new(file(&[SYSTEM, ADD]))));
    messages.next().unwrap();
    let add = messages.next().unwrap().unwrap();
    // A length, twelve bytes, a length.
    assert_eq!((add.at, add.kind, add.locate, add.time_ns), (16, b'A', 7, TIME_NS));
    for (state, phase) in
        [(b'P', Phase::HALTED), (b'Q', Phase::PRE_OPEN), (b'T', Phase::OPEN), (b'H', Phase::HALTED)]
    {
        let (found, _) = events(file(&[&with(TRADING, 19, &[state])]));
        assert_eq!(found, [Event::Trading { stock, phase }]);
    }
}

#[test]
fn a_file_may_end_with_or_without_the_end_of_its_session() {
    let whole = file(&[SYSTEM, DELETE]);
    assert_eq!(events(whole[..whole.len() - 2].to_vec()), (events(whole.clone()).0, None));
    let more = [&whole[..], b"rubbish"].concat();
    assert_eq!(events(more), events(whole));
    assert_eq!(events(Vec::new()), (Vec::new(), None));
}

#[test]
fn each_fault_is_named_with_its_byte_and_type() {
    let other_stock = with(ADD, 24, b"  AAPL  ");
    let cases: [(Vec<u8>, &str); 10] = [
        (with(ADD, 19, b"b"), "byte 16, message type A: side b"),
        (with(SYSTEM, 11, b"q"), "byte 16, message type S: event code q"),
        (with(TRADING, 19, b"\x01"), "byte 16, message type H: trading state \\x01"),
        (with(EXECUTED_WITH_PRICE, 31, b"X"), "byte 16, message type C: printable X"),
        (other_stock, "byte 16, message type A: stock \"  AAPL  \""),
        (with(DIRECTORY, 11, &[0xff; 8]), "byte 16, message type R: stock \"\\\\xff\\\\xff"),
        (with(DELETE, 5, &[0xff; 6]), "byte 16, message type D: 281474976710655 ns are more than"),
        (ADD[..35].to_vec(), "byte 16, message type A: 35 bytes instead of 36"),
        ([DELETE, b"\0"].concat(), "byte 16, message type D: 20 bytes instead of 19"),
        (b"U".to_vec(), "byte 16, message type U: 1 bytes instead of 35"),
    ];
    for (message, said) in cases {
        let (found, malformed) = events(file(&[SYSTEM, &message, ADD]));
        let malformed = malformed.expect(said).to_string();
        assert!(malformed.starts_with(said), "{malformed}, not {said}");
        assert_eq!(found, [Event::System], "what came before is read, nothing after");
    }
}

#[test]
fn every_length_of_every_type_is_read_or_named() {
    for message in TYPES.iter().filter(|message| message[0] != b'I') {
        for length in 1..=message.len() + 8 {
            let mut other = message.to_vec();
            other.resize(length, 0);
            let (found, malformed) = events(file(&[&other]));
            assert_eq!(found.len(), usize::from(length == message.len()));
            let expected = message.len();
            let fault = Fault::Length { bytes: length, expected };
            assert_eq!(malformed.map(|it| it.fault), (length != expected).then_some(fault));
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_read_to_its_last_whole_message() {
    let whole = file(&TYPES);
    let mut end = 0;
    let ends = TYPES.map(|message| {
        end += 2 + message.len();
        end
    });
    for cut in 0..whole.len() - 2 {
        let (found, malformed) = events(whole[..cut].to_vec());
        let messages = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(found.len(), messages, "cut at {cut}");
        let begun = if messages == 0 { 0 } else { ends[messages - 1] };
        assert_eq!(malformed.is_some(), cut > begun, "cut at {cut}");
        if let Some(Malformed { at, fault, .. }) = malformed {
            let (left, length) = (cut - begun, TYPES[messages].len());
            let (place, bytes, expected) =
                if left < 2 { (begun, left, 2) } else { (begun + 2, left - 2, length) };
            assert_eq!((at, fault), (place as u64, Fault::Cut { bytes, expected }));
        }
    }
}

/// A file that breaks off with an error.
struct Torn(Cursor<Vec<u8>>);

impl Read for Torn {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(std::io::Error::other("torn")),
            bytes => Ok(bytes),
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_further_says_so() {
    let bytes = file(&[SYSTEM, DELETE]);
    let torn = Torn(Cursor::new(bytes[..20].to_vec()));
    let mut messages = Messages::new(Box::new(std::io::BufReader::new(torn)));
    assert_eq!(messages.next().unwrap().map(|message| message.event), Some(Event::System));
    let error = messages.next().unwrap_err();
    assert_eq!(error.at, 16);
    assert!(error.to_string().contains("cannot be read further"), "{error}");
}

fn itch(messages: &[&[u8]], symbols: &[&str]) -> Itch {
    let symbols = symbols.iter().map(|symbol| Symbol::new(symbol).unwrap()).collect();
    Itch::new(Box::new(Cursor::new(file(messages))), DATE, symbols)
}

/// Plays messages; the same comes of them however late the events are seen.
fn played(messages: &[&[u8]], symbols: &[&str]) -> (Exchange, Itch) {
    let mut flow = itch(messages, symbols);
    let exchange = Exchange::new(0).play(&mut flow);
    for lag in [1, 3, 1_000] {
        let mut late = itch(messages, symbols);
        let other = Exchange::new(lag).play(&mut late);
        assert_eq!(other.log, exchange.log, "lag {lag}");
        assert_eq!(late.notes(), flow.notes(), "lag {lag}");
    }
    (exchange, flow)
}

fn fills(exchange: &Exchange) -> Vec<(u64, i64, u64)> {
    let fills = exchange.log.iter().filter_map(|event| match event {
        Message::OrderFilledEvent(event) if event.account == 1 => {
            Some((event.order_id, event.price, event.quantity))
        }
        _ => None,
    });
    fills.collect()
}

const FIRST: BookIndex = BookIndex(0);

#[test]
fn a_day_of_each_type_comes_to_orders_cancels_replaces_and_trades() {
    let second = with(ADD, 11, &[0, 0, 0, 0, 0, 0, 4, 0]);
    let cancel_second = with(CANCEL, 11, &[0, 0, 0, 0, 0, 0, 4, 0]);
    let go_on = with(TRADING, 19, b"T");
    let messages = [
        SYSTEM,
        DIRECTORY,
        &go_on,
        ADD,
        ADD_MPID,
        &second,
        EXECUTED,
        EXECUTED_WITH_PRICE,
        &cancel_second,
        TRADE,
        CROSS,
        BROKEN,
        IMBALANCE,
        TRADING,
        &go_on,
        REPLACE,
    ];
    let (exchange, flow) = played(&messages, &["AAPL"]);
    // Order 1 gives 40 twice, at its own price; order 3 gives up 40 of 100; then order 1 is
    // replaced at the price of order 2, a sell: what is entered anew trades with it.
    assert_eq!(fills(&exchange)[..2], [(1, 1_755_000, 40), (1, 1_755_000, 40)]);
    assert_eq!(resting_in(&exchange, FIRST, Side::Buy), [(3, 1_755_000, 60)]);
    assert_eq!(resting_in(&exchange, FIRST, Side::Sell), []);
    assert_eq!(exchange.tally.trades().trades, 3);
    let expected = [
        ("messages", 16),
        ("new", 4),
        ("reduces", 1),
        ("cancels", 1),
        ("ioc", 2),
        ("ioc_hits_named", 2),
        ("executions at a price of their own", 1),
        ("phase_changes", 2),
        ("same_phase_skipped", 1),
        ("hidden_skipped", 1),
        ("auctions", 1),
        ("broken_trades_skipped", 1),
        ("system_events", 1),
        ("directory_entries", 1),
        ("type I skipped", 1),
        ("unknown_skipped", 0),
        ("other_symbols_skipped", 0),
        ("refused", 0),
    ];
    for (label, number) in expected {
        assert_eq!(note(&flow, label), number, "{label}");
    }
    assert_eq!(flow.error(), None);
}

#[test]
fn a_replace_loses_priority_even_at_its_price() {
    let behind = with(ADD, 11, &[0, 0, 0, 0, 0, 0, 4, 0]);
    let same_price = with(REPLACE, 31, &[0x00, 0x1a, 0xc7, 0x78]);
    let (exchange, flow) = played(&[ADD, &behind, &same_price], &["AAPL"]);
    let resting = resting_in(&exchange, FIRST, Side::Buy);
    assert_eq!(resting, [(2, 1_755_000, 100), (3, 1_755_000, 100)]);
    assert_eq!((note(&flow, "new"), note(&flow, "cancels")), (3, 1));
    // Its new reference is what later messages name.
    let delete_new = with(DELETE, 11, &[0, 0, 0, 0, 0, 0, 3, 0xeb]);
    let (exchange, _) = played(&[ADD, &behind, &same_price, &delete_new], &["AAPL"]);
    assert_eq!(resting_in(&exchange, FIRST, Side::Buy), [(2, 1_755_000, 100)]);
}

#[test]
fn only_the_chosen_symbols_are_played_each_in_its_book() {
    let other = |message: &[u8], at: usize| with(&with(message, at, b"MSFT    "), 1, &[0, 9]);
    let add_other = with(&other(ADD, 24), 11, &[0, 0, 0, 0, 0, 0, 4, 0]);
    let delete_other = with(&with(DELETE, 1, &[0, 9]), 11, &[0, 0, 0, 0, 0, 0, 4, 0]);
    let halt_other = other(TRADING, 11);
    let messages = [DIRECTORY, ADD, &add_other, &halt_other, &delete_other];
    let (exchange, flow) = played(&messages, &["AAPL"]);
    assert_eq!(resting_in(&exchange, FIRST, Side::Buy), [(1, 1_755_000, 100)]);
    assert_eq!((note(&flow, "other_symbols_skipped"), note(&flow, "unknown_skipped")), (3, 0));
    // The instruments are in the order in which they are named.
    let (exchange, flow) = played(&messages[..3], &["MSFT", "AAPL"]);
    assert_eq!(resting_in(&exchange, FIRST, Side::Buy), [(2, 1_755_000, 100)]);
    assert_eq!(resting_in(&exchange, BookIndex(1), Side::Buy), [(1, 1_755_000, 100)]);
    assert_eq!(note(&flow, "symbols"), 2);
    let (exchange, _) = played(&messages, &["MSFT", "AAPL"]);
    // A halted market takes no orders, and lets them be canceled.
    assert_eq!(resting_in(&exchange, FIRST, Side::Buy), []);
}

#[test]
fn what_cannot_be_played_is_counted_with_its_byte() {
    let free = with(ADD, 32, &[0; 4]);
    let empty = with(&with(ADD, 20, &[0; 4]), 11, &[1; 8]);
    let huge = with(&with(ADD, 20, &[0xff; 4]), 11, &[2; 8]);
    let (exchange, flow) = played(&[&free, &empty, &huge, ADD, ADD, CANCEL, DELETE], &["AAPL"]);
    assert_eq!(note(&flow, "odd message 1 (price is zero), byte"), 2);
    assert_eq!(note(&flow, "shares out of range"), 2);
    assert_eq!(note(&flow, "odd message 3 (shares out of range), byte"), 2 + 2 * 38);
    assert_eq!(note(&flow, "odd message 4 (order id a second time), byte"), 2 + 4 * 38);
    assert_eq!(exchange.tally.refusals(RejectReason::UNKNOWN_ORDER), 0);
    assert_eq!(note(&flow, "new"), 1);
    let (_, flow) = played(&[EXECUTED, CANCEL, DELETE, REPLACE], &["AAPL"]);
    assert_eq!(note(&flow, "messages"), 4);
    // Nobody knows what symbol they are about, without a directory.
    assert_eq!(note(&flow, "other_symbols_skipped"), 4);
    let (_, flow) = played(&[DIRECTORY, EXECUTED, CANCEL, DELETE, REPLACE], &["AAPL"]);
    assert_eq!(note(&flow, "unknown_skipped"), 4);
}

#[test]
fn commands_are_due_at_the_times_of_their_messages() {
    let later = with(ADD_MPID, 5, &[0x1f, 0x1a, 0xce, 0xd9, 0xf0, 0x09]);
    let earlier = with(&with(DELETE, 5, &[0; 6]), 11, &[0, 0, 0, 0, 0, 0, 3, 0xea]);
    let morning = with(SYSTEM, 5, &[0; 6]);
    let (exchange, flow) = played(&[&morning, ADD, &later, &earlier], &["AAPL"]);
    // From the first message that is played on; never back.
    assert_eq!(exchange.due_ns, [0, 8, 8]);
    assert_eq!(note(&flow, "time runs backwards"), 1);
}

#[test]
fn a_malformed_message_ends_the_flow_and_what_came_before_is_played() {
    let bad = with(ADD, 19, b"?");
    let mut flow = itch(&[DIRECTORY, ADD, &bad, ADD_MPID], &["AAPL"]);
    let exchange = Exchange::new(0).play(&mut flow);
    assert_eq!(resting_in(&exchange, FIRST, Side::Buy), [(1, 1_755_000, 100)]);
    assert_eq!(flow.error().as_deref(), Some("byte 81, message type A: side ?"));
    assert_eq!(flow.next(), Next::Done);
}

#[test]
fn any_bytes_are_played_or_named() {
    let (day, mut random) = (file(&TYPES.repeat(4)), SplitMix64(20_261_122));
    let (mut ended_early, mut played) = (0, 0);
    for _ in 0..2_000 {
        let mut bytes = day.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.next() as u8;
        }
        let symbols = vec![aapl()];
        let mut flow = Itch::new(Box::new(Cursor::new(bytes)), DATE, symbols);
        // It ends, money and shares conserved, whatever was in it.
        let exchange = Exchange::new(1).play(&mut flow);
        ended_early += u64::from(flow.error().is_some());
        played += exchange.due_ns.len();
    }
    assert!(ended_early > 500 && played > 2_000, "{ended_early} ended early, {played} played");
}

#[test]
fn files_are_opened_plain_and_compressed_and_their_first_symbols_found() {
    let folder = tempfile::tempdir().unwrap();
    let other = with(&with(ADD, 24, b"BRK.A   "), 1, &[0, 9]);
    let other = with(&other, 11, &[1; 8]);
    let bytes = file(&[SYSTEM, DIRECTORY, &other, ADD]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    let gzip = gzip.finish().unwrap();
    for (name, content) in [("plain", bytes.clone()), ("zipped.gz", gzip.clone())] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let mut flow = Itch::open(&path, DATE, &[]).unwrap();
        let exchange = Exchange::new(0).play(&mut flow);
        // In the order of their first orders.
        let symbols = ["BRK.A", "AAPL"]
            .map(|symbol| exchange.machine.by_symbol(Symbol::new(symbol).unwrap()));
        assert_eq!(symbols.map(|id| id.map(InstrumentId::get)), [Some(1), Some(2)], "{name}");
        let mut flow = Itch::open(&path, DATE, &["AAPL".to_owned()]).unwrap();
        assert_eq!(note(&flow, "symbols"), 1);
        Exchange::new(0).play(&mut flow);
        assert_eq!(note(&flow, "new"), 1, "{name}");
    }
    let path = folder.path().join("cut.gz");
    std::fs::write(&path, &gzip[..gzip.len() - 9]).unwrap();
    let error = Itch::open(&path, DATE, &[]).err().map(|error| error.to_string());
    // Whether what is missing is noticed before the last order is the decompressor's affair.
    assert!(error.is_none_or(|error| error.contains("cut.gz: byte ")));
}

#[test]
fn what_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day");
    let open = |symbols: &[&str]| {
        let symbols: Vec<String> = symbols.iter().map(ToString::to_string).collect();
        Itch::open(&path, DATE, &symbols).err().unwrap().to_string()
    };
    assert!(open(&[]).contains("day: No such file"));
    std::fs::write(&path, b"\0\x24Asomething else altogether").unwrap();
    assert!(open(&[]).ends_with("day: byte 2, message type A: the file ends after 26 of 36 bytes"));
    std::fs::write(&path, file(&[SYSTEM, DIRECTORY])).unwrap();
    assert!(open(&[]).ends_with("day: none of its first million messages adds an order"));
    assert_eq!(open(&["AAPL", "TOOLONGNAME"]), "\"TOOLONGNAME\" is no symbol");
    assert_eq!(open(&["AAPL", "MSFT", "AAPL"]), "symbol AAPL is named twice");
    assert_eq!(open(&[""]), "\"\" is no symbol");
}
