//! `isochron demo --flow itch:FILE` on a day made by hand, byte by byte as TotalView-ITCH 5.0 has
//! it (section 1), whose totals are known because each of its rounds is.

#[expect(dead_code, reason = "other tests use the rest")]
mod program;

use flate2::Compression;
use flate2::write::GzEncoder;
use program::{Ended, run};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::Path;

const ROUNDS: u64 = 600;

/// 09:30.
const OPEN_NS: u64 = 34_200_000_000_000;

/// Every so many rounds an order is left behind.
const LEFT_EVERY: u64 = 10;

/// What is traded, by locate code from 1; the last one is left out where symbols are named.
const STOCKS: [&str; 3] = ["AAPL", "BRK.A", "ZVZZT"];

/// A stock's price in 1/10,000.
fn price(locate: u16) -> u32 {
    1_000_000 + 10_000 * u32::from(locate)
}

/// A file in the making.
#[derive(Default)]
struct Day {
    bytes: Vec<u8>,
    messages: u64,
    time_ns: u64,
}

impl Day {
    /// A message: type, locate code, tracking number, 48 bits of time, then its own fields.
    fn put(&mut self, kind: u8, locate: u16, fields: &[&[u8]]) {
        self.time_ns += 1_000;
        let length = 11 + fields.iter().map(|field| field.len()).sum::<usize>();
        self.bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        self.bytes.push(kind);
        self.bytes.extend(locate.to_be_bytes());
        self.bytes.extend([0, 0]);
        self.bytes.extend(&(OPEN_NS + self.time_ns).to_be_bytes()[2..]);
        fields.iter().for_each(|field| self.bytes.extend(*field));
        self.messages += 1;
    }

    fn stock(locate: u16) -> [u8; 8] {
        let mut stock = [b' '; 8];
        let name = STOCKS[usize::from(locate) - 1];
        stock[..name.len()].copy_from_slice(name.as_bytes());
        stock
    }

    fn add(&mut self, locate: u16, (id, side, shares, price): (u64, u8, u32, u32), mpid: &[u8]) {
        let kind = if mpid.is_empty() { b'A' } else { b'F' };
        let (id, shares, price) = (id.to_be_bytes(), shares.to_be_bytes(), price.to_be_bytes());
        self.put(kind, locate, &[&id, &[side], &shares, &Self::stock(locate), &price, mpid]);
    }

    /// Adds a sell of 100 and a buy of 100 a cent below; executes 40 of the sell, cancels 30 of the
    /// buy, replaces the sell a cent higher, executes the other 70 of the buy, deletes the sell.
    fn round(&mut self, locate: u16, id: u64) {
        let (at, below, above) = (price(locate), price(locate) - 100, price(locate) + 100);
        let (first, second, third) =
            (id.to_be_bytes(), (id + 1).to_be_bytes(), (id + 2).to_be_bytes());
        let matched = id.to_be_bytes();
        self.add(locate, (id, b'S', 100, at), b"");
        self.add(locate, (id + 1, b'B', 100, below), b"GSCO");
        self.put(b'E', locate, &[&first, &40_u32.to_be_bytes(), &matched]);
        self.put(b'X', locate, &[&second, &30_u32.to_be_bytes()]);
        self.put(b'U', locate, &[&first, &third, &80_u32.to_be_bytes(), &above.to_be_bytes()]);
        let printed = [&b"Y"[..], &below.to_be_bytes()].concat();
        self.put(b'C', locate, &[&second, &70_u32.to_be_bytes(), &matched, &printed]);
        self.put(b'D', locate, &[&third]);
    }

    fn state(&mut self, locate: u16, state: u8) {
        self.put(b'H', locate, &[&Self::stock(locate), &[state, b' '], b"T1  "]);
    }

    /// The whole day, without the end of its session.
    fn made() -> Self {
        let mut day = Self::default();
        day.put(b'S', 0, &[b"O"]);
        for locate in [1, 2, 3] {
            let rest = *b"QN\0\0\0\x64NCZ PNN1N\0\0\0\0N";
            day.put(b'R', locate, &[&Self::stock(locate), &rest]);
            day.state(locate, b'T');
            // An imbalance, which no book needs.
            day.put(b'I', locate, &[&[0; 39]]);
        }
        day.put(b'S', 0, &[b"Q"]);
        for round in 0..ROUNDS {
            let locate = 1 + u16::try_from(round % 3).unwrap();
            let id = 10 * (round + 1);
            day.round(locate, id);
            if round % LEFT_EVERY == 0 {
                let left = 10_000 + 100 * u32::try_from(round).unwrap();
                day.add(locate, (id + 3, b'B', 10, left), b"");
            }
        }
        // A trade that was not shown, an auction, a trade taken back.
        let (id, at) = ([0; 8], price(1).to_be_bytes());
        let stock = Self::stock(1);
        day.put(b'P', 1, &[&id, b"B", &[0, 0, 0, 9], &stock, &at, &[0; 8]]);
        day.put(b'Q', 1, &[&[0; 8], &stock, &at, &[0; 8], b"C"]);
        day.put(b'B', 1, &[&[0; 8]]);
        // A halt over which an order cannot be entered, and its end.
        day.state(1, b'H');
        day.add(1, (7, b'B', 10, 10_000), b"");
        day.state(1, b'T');
        day
    }
}

fn demo(file: &Path, more: &[&str]) -> (Ended, Value) {
    let here = tempfile::tempdir().unwrap();
    let json = here.path().join("report.json");
    let flow = format!("itch:{}", file.display());
    let all = ["demo", "--flow", &flow, "--json", json.to_str().unwrap(), "--subscribers", "1"];
    let ended = run(all.iter().chain(more));
    let report = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    (ended, report)
}

/// The totals of so many rounds in each of these stocks.
fn assert_totals(report: &Value, locates: &[u16]) {
    let each = ROUNDS / 3;
    let stocks = locates.len() as u64;
    let left = |locate: u16| {
        (0..ROUNDS).filter(|n| n % LEFT_EVERY == 0 && n % 3 == u64::from(locate) - 1).count()
    };
    let all_left: usize = locates.iter().map(|locate| left(*locate)).sum();
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value} in {report}"));
    for (label, count) in [
        ("symbols", stocks),
        // The one in the halt is sent too, and refused.
        ("new", stocks * each * 3 + all_left as u64 + 1),
        ("reduces", stocks * each),
        ("cancels", stocks * each * 2),
        ("ioc", stocks * each * 2),
        ("ioc_hits_named", stocks * each * 2),
        ("ioc_hits_another", 0),
        ("ioc_hits_nothing", 0),
        ("executions at a price of their own", stocks * each),
        ("phase_changes", 2),
        ("refused", 1),
        ("unknown_skipped", 0),
        ("no_longer_live", 0),
        ("hidden_skipped", 1),
        ("auctions", 1),
        ("broken_trades_skipped", 1),
        ("directory_entries", 3),
        ("system_events", 2),
        ("type I skipped", 3),
    ] {
        assert_eq!(number(&report["input"][label]), count, "{label}");
    }
    let trades = stocks * each * 2;
    let quantity = stocks * each * 110;
    let notional: u64 = locates
        .iter()
        .map(|locate| u64::from(price(*locate)) * 40 + u64::from(price(*locate) - 100) * 70)
        .sum::<u64>()
        * each;
    assert_eq!(number(&report["trades"]), trades);
    assert_eq!(number(&report["traded_quantity"]), quantity);
    assert_eq!(number(&report["notional"]), notional);
    for (locate, instrument) in locates.iter().zip(1..) {
        let book = &report["checksums"][instrument.to_string()];
        assert_eq!(book["symbol"], STOCKS[usize::from(*locate) - 1]);
        assert_eq!(number(&book["orders"]), left(*locate) as u64);
    }
}

#[test]
fn a_day_ends_with_the_totals_that_its_rounds_have() {
    let here = tempfile::tempdir().unwrap();
    let day = Day::made();
    let (plain, zipped) = (here.path().join("day"), here.path().join("day.gz"));
    // With the end of its session, as NASDAQ has it, and without.
    fs::write(&plain, [&day.bytes[..], &[0, 0]].concat()).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&day.bytes).unwrap();
    fs::write(&zipped, gzip.finish().unwrap()).unwrap();

    let (ended, report) = demo(&zipped, &["--speed", "max"]);
    assert_eq!((ended.code, &report["holds"]), (Some(0), &Value::Bool(true)), "{}", ended.out);
    assert_eq!(report["input"]["messages"], day.messages);
    assert_eq!(report["input"]["other_symbols_skipped"], 0);
    assert_totals(&report, &[1, 2, 3]);

    // Two of them, in another order, and at the file's own times.
    let (ended, report) = demo(&plain, &["--symbols", "BRK.A,AAPL", "--speed", "1"]);
    assert_eq!((ended.code, &report["holds"]), (Some(0), &Value::Bool(true)), "{}", ended.out);
    assert!(report["input"]["other_symbols_skipped"].as_u64().unwrap() >= ROUNDS / 3 * 7);
    assert_totals(&report, &[2, 1]);
    assert_eq!(report["open_loop"], true);
}

#[test]
fn a_day_that_breaks_off_is_played_so_far_and_fails() {
    let here = tempfile::tempdir().unwrap();
    let path = here.path().join("day");
    let day = Day::made();
    fs::write(&path, &day.bytes[..day.bytes.len() - 5]).unwrap();
    let named = STOCKS.join(",");
    let (ended, report) = demo(&path, &["--speed", "max", "--symbols", &named]);
    assert_eq!((ended.code, &report["holds"]), (Some(1), &Value::Bool(false)), "{}", ended.out);
    // The last message, 25 bytes long, lacks 5.
    let at = day.bytes.len() - 25;
    let fault = format!("byte {at}, message type H: the file ends after 20 of 25 bytes");
    let said = format!("FAIL  the order file was played to its end: {fault}");
    assert!(ended.out.contains(&said), "{said}: {}", ended.out);
    assert_eq!(report["input"]["messages"], day.messages - 1);
    // Where no symbols are named, the file is looked through for them first.
    let flow = format!("itch:{}", path.display());
    let ended = run(["demo", "--flow", &flow]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.errors.contains(&format!("day: {fault}")), "{fault}: {}", ended.errors);
}

#[test]
fn what_is_no_itch_file_is_refused_before_anything_is_made() {
    let here = tempfile::tempdir().unwrap();
    let (path, store) = (here.path().join("day"), here.path().join("store"));
    fs::write(&path, b"34200.1,1,1,100,1000000,1\n").unwrap();
    let flow = format!("itch:{}", path.display());
    for (arguments, said) in [
        (&["--flow", "itch:"][..], "flow \"itch:\" names no file, as itch:FILE does"),
        (&["--flow", "itch:nowhere"], "order file nowhere: No such file"),
        (&["--flow", &flow], "day: byte 2, message type 2: the file ends after 24 of 13108 bytes"),
        (&["--flow", &flow, "--rate", "7"], "--rate 7 is the mix's"),
        (&["--flow", &flow, "--symbols", "AAPL,"], "\"\" is no symbol"),
        (&["--symbols", "AAPL"], "--symbols chooses from an ITCH file"),
    ] {
        let all = ["demo", "--store", store.to_str().unwrap()];
        let ended = run(all.iter().chain(arguments));
        assert_eq!(ended.code, Some(2), "{arguments:?}");
        assert!(ended.errors.contains(said), "{said}: {}", ended.errors);
        assert!(!store.exists());
    }
}
