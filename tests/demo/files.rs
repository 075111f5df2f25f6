//! Order files: a small one whose totals were worked out by hand, and an hour of Apple.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::report::{assert_in_step, demo, fnv, number};

/// An order file as it should not be, and what is to come of it. Each line's fate in a remark
/// would make the line a broken one, so it stands beside it here.
const LINES: [(&[u8], &str); 18] = [
    (b"34200.000000001,1,1001,100,1000000,1", "order 1: buys 100 at 100.00"),
    (b"34200.1,1,1002,50,1000100,-1", "order 2: sells 50 at 100.01"),
    (b"34200.2,1,1003,70,1000200,-1", "order 3: sells 70 at 100.02"),
    (b"sell 50 at best", "broken: no fields"),
    (b"34200.3,4,1002,20,1000100,-1", "order 4: 20 at 100.01 of order 2"),
    (b"34200.4,2,1001,30,1000000,1", "order 1 becomes 70"),
    (b"34200.4,1,1004,0,1000000,1", "broken: nothing to buy"),
    (b"34200.5,3,1003,70,1000200,-1", "order 3 is canceled"),
    (b"34200.5,5,0,10,1000050,1", "hidden"),
    (b"34200.6,3,9999,10,1000000,1", "unknown"),
    (b"34200.7,4,1001,70,1000000,1", "order 5: 70 at 100.00 of order 1"),
    (b"34200.8,4,1002,40,1000100,-1", "order 6: 30 at 100.01 of order 2, 10 unfilled"),
    (b"34200.9,4,1002,5,1000100,-1", "order 7: nothing is left, 5 unfilled"),
    (b"34201,3,1002,30,1000100,-1", "order 2 is no longer live"),
    (b"34201.1,1,1005,10,999900,1", "order 8: buys 10 at 99.99, and stays"),
    (b"\xff\xfe\x00,1,2,3,4,5", "broken: no text"),
    (b"34201.2,1,1005,10,999900,1", "odd: a second order 1005"),
    (b"34201.3,1,1006,10,1000050,-1", "odd: a price that no book of tick 100 has"),
];

fn order_file(folder: &Path) -> String {
    let path = folder.join("TEST_2026-11-22_34200000_34201300_message_1.csv");
    fs::write(&path, LINES.map(|line| line.0).join(&b'\n')).unwrap();
    format!("lobster:{}", path.display())
}

fn assert_small_file(report: &Value) {
    let input = |name: &str| number(&report["input"][name]);
    for (name, count) in [
        ("rows", 18),
        ("new", 4),
        ("reduces", 1),
        ("cancels", 2),
        ("ioc", 4),
        ("ioc_hits_named", 3),
        ("ioc_hits_another", 0),
        ("ioc_hits_nothing", 1),
        ("unknown_skipped", 1),
        ("hidden_skipped", 1),
        ("no_longer_live", 1),
        ("refused", 0),
        ("broken rows", 3),
    ] {
        assert_eq!(input(name), count, "{name}");
    }
    let input = report["input"].as_object().unwrap();
    let odd: Vec<u64> = input
        .iter()
        .filter(|(name, _)| name.starts_with("odd row"))
        .map(|(_, line)| number(line))
        .collect();
    assert_eq!(odd, [4, 7, 16, 17, 18], "the lines that were not played: {input:?}");

    let trades = [[2, 4, 1_000_100, 20], [1, 5, 1_000_000, 70], [2, 6, 1_000_100, 30]];
    let of_file = [1002, 1_000_100, 20, 1001, 1_000_000, 70, 1002, 1_000_100, 30];
    assert_eq!(number(&report["commands"]), 4 + 1 + 2 + 4);
    assert_eq!((number(&report["trades"]), number(&report["traded_quantity"])), (3, 120));
    assert_eq!(number(&report["notional"]), 50 * 1_000_100 + 70 * 1_000_000);
    assert_eq!(report["trade_hash"], format!("{:016x}", fnv(trades.as_flattened())));
    assert_eq!(report["trade_hash_lobster"], format!("{:016x}", fnv(&of_file)));
    assert_eq!(report["fees"], 0);
    assert_eq!(report["cancels"], serde_json::json!({"user": 1, "immediateOrCancel": 2}));
    assert_eq!(report["refusals"], serde_json::json!({"unknownOrder": 1}));
    let ioc = serde_json::json!({"accepted": 4, "without_fill": 1, "unfilled_quantity": 15});
    assert_eq!(report["ioc"], ioc);
    // What stays: order 8.
    let words = [8_u64, 999_900, 10].map(u64::to_le_bytes);
    let book = &report["checksums"]["1"];
    assert_eq!((number(&book["orders"]), book["symbol"].as_str()), (1, Some("TEST")));
    assert_eq!(number(&book["checksum"]), u64::from(crc32fast::hash(words.as_flattened())));
}

#[test]
fn an_order_file_is_played_and_its_broken_rows_are_named() {
    let here = tempfile::tempdir().unwrap();
    let flow = order_file(here.path());
    let (ended, report) = demo(&["--flow", &flow, "--speed", "max"]);
    assert_in_step(&ended, &report);
    assert_small_file(&report);
    assert_eq!(report["open_loop"], false, "as fast as it goes is not open-loop");
    for line in [4, 7, 16, 17, 18] {
        let named = ended
            .out
            .lines()
            .any(|text| text.starts_with("  odd row") && text.ends_with(&format!(" {line}")));
        assert!(named, "line {line} in {}", ended.out);
    }
    // At its own times it comes to the same, and never ahead of them: 1.3 s, ten times faster.
    let (ended, report) = demo(&["--flow", &flow, "--speed", "10"]);
    assert_in_step(&ended, &report);
    assert_small_file(&report);
    // The last row that is played is 1.1 s after the first.
    assert!(number(&report["trading_ns"]) >= 109_999_999, "{}", report["trading_ns"]);
}

#[test]
fn an_hour_of_apple_ends_with_the_totals_of_a_naive_simulation() {
    const FILE: &str = "AAPL_2012-06-21_34200000_37800000_message_50.csv.gz";
    let named = std::env::var_os("ISOCHRON_LOBSTER").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(FILE);
    let Some(path) = named.into_iter().chain([beside]).find(|path| path.is_file()) else {
        println!("skipped: {FILE} is neither at ISOCHRON_LOBSTER nor in ../shared/data");
        return;
    };
    let (ended, report) =
        demo(&["--flow", &format!("lobster:{}", path.display()), "--speed", "max"]);
    assert_in_step(&ended, &report);
    for (name, count) in [
        ("rows", 91_997),
        ("new", 44_256),
        ("reduces", 469),
        ("unknown_skipped", 84),
        ("hidden_skipped", 2_201),
        ("ioc", 4_055),
        ("ioc_hits_named", 3_990),
        ("ioc_hits_another", 63),
        ("ioc_hits_nothing", 2),
        ("no_longer_live", 4),
        ("refused", 0),
    ] {
        assert_eq!(number(&report["input"][name]), count, "{name}");
    }
    assert_eq!(number(&report["cancels"]["user"]), 40_928);
    assert_eq!(number(&report["ioc"]["unfilled_quantity"]), 10);
    assert_eq!((number(&report["trades"]), number(&report["traded_quantity"])), (4_104, 349_714));
    assert_eq!(number(&report["notional"]), 2_049_211_821_900);
    assert_eq!(report["trade_hash_lobster"], "a1bffd1a58d659f8");
    assert_eq!(number(&report["checksums"]["1"]["orders"]), 380);
    assert_eq!(report["checksums"]["1"]["symbol"], "AAPL");
}
