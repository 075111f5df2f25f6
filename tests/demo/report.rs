//! Reports of demos, and what must hold for each of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use isochron::store::StoreReader;
use isochron_events::{Liquidity, Message};
use serde_json::Value;

use crate::program::{Ended, run};

/// The beginning of FNV-1a, and what it multiplies with.
pub(crate) const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
pub(crate) const FNV_PRIME: u64 = 0x0100_0000_01b3;

pub(crate) fn fnv(words: &[u64]) -> u64 {
    words.iter().fold(FNV_BASIS, |hash, word| (hash ^ word).wrapping_mul(FNV_PRIME))
}

/// The report in a file.
pub(crate) fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Runs a demo, and reads its report.
pub(crate) fn demo(arguments: &[&str]) -> (Ended, Value) {
    let here = tempfile::tempdir().unwrap();
    let json = here.path().join("report.json");
    let all = ["demo", "--json", json.to_str().unwrap()];
    let ended = run(all.into_iter().chain(arguments.iter().copied()));
    let report = read(&json);
    (ended, report)
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("a number: {value}"))
}

pub(crate) fn sum(counts: &Value) -> u64 {
    counts.as_object().unwrap().values().map(number).sum()
}

/// A command line that was printed to be pasted: what it sets in the environment, and its arguments
/// without the program's name.
pub(crate) fn pasted(line: &str) -> (Vec<(String, String)>, Vec<String>) {
    let mut words = line.split_whitespace().peekable();
    let mut environment = Vec::new();
    while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
        environment.push((name.to_owned(), value.to_owned()));
        words.next();
    }
    (environment, words.skip(1).map(str::to_owned).collect())
}

/// Whether a process has not ended, whoever may still have to take note of its end.
pub(crate) fn is_running(pid: u64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// What holds for every report of a run that went well.
pub(crate) fn assert_in_step(ended: &Ended, report: &Value) {
    assert_eq!((ended.code, report["holds"].as_bool()), (Some(0), Some(true)), "{}", ended.out);
    assert!(ended.out.ends_with("all checks hold\n"), "{}", ended.out);
    assert_eq!(ended.errors, "");
    assert_eq!(ended.left, [] as [PathBuf; 0], "temporary files stay behind");
    assert!(!ended.out.contains('\x1b'), "no escape codes into a file: {}", ended.out);
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.len() >= 7 && checks.iter().all(|check| check["holds"] == true), "{checks:?}");

    let subscribers = report["subscribers"].as_array().unwrap();
    assert_eq!(subscribers.len(), 3);
    let engine = report["checksums"].as_object().unwrap();
    let mut pids = Vec::new();
    for subscriber in subscribers {
        let own = &subscriber["report"];
        assert_eq!(own["pid"], subscriber["pid"]);
        assert_eq!((&subscriber["exit_code"], &own["lost"]), (&0.into(), &0.into()));
        assert_eq!(number(&own["first_sequence"]), 1);
        assert_eq!(number(&own["next_sequence"]), number(&report["l3_messages"]) + 1);
        assert_eq!(own["trades"], report["trades"]);
        let books = own["checksums"].as_object().unwrap();
        assert_eq!(books.len(), engine.len());
        for (id, book) in engine {
            assert_eq!(books[id]["checksum"], book["checksum"], "instrument {id}");
            assert_eq!(books[id]["orders"], book["orders"], "instrument {id}");
        }
        pids.push(number(&own["pid"]));
    }
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 3, "each in a process of its own");
    assert!(!pids.into_iter().any(is_running), "and none is left");
}

/// What a log adds up to, computed from its events alone.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    events: u64,
    by_name: BTreeMap<&'static str, u64>,
    /// Maker, taker, price, quantity of each trade.
    trades: Vec<u64>,
}

impl Totals {
    pub(crate) fn of(directory: &Path) -> Totals {
        let mut reader = StoreReader::attach(directory, None).unwrap();
        let (mut totals, mut maker) = (Totals::default(), 0);
        while let Some(frame) = reader.next().unwrap() {
            let event = Message::decode(frame.message).unwrap();
            totals.events += 1;
            *totals.by_name.entry(event.name()).or_default() += 1;
            let Message::OrderFilledEvent(fill) = event else { continue };
            if fill.liquidity == Liquidity::MAKER {
                maker = fill.order_id;
            } else {
                let price = fill.price.cast_unsigned();
                totals.trades.extend([maker, fill.order_id, price, fill.quantity]);
            }
        }
        totals
    }

    pub(crate) fn assert_equal(&self, report: &Value) {
        assert_eq!(number(&report["events"]), self.events);
        for (name, count) in &self.by_name {
            let section = ["commands_by_kind", "outcomes"]
                .into_iter()
                .find(|section| report[section].get(name).is_some())
                .unwrap_or_else(|| panic!("{name} is counted nowhere"));
            assert_eq!(number(&report[section][name]), *count, "{name}");
        }
        let kinds = sum(&report["commands_by_kind"]) + sum(&report["outcomes"]);
        assert_eq!(kinds, self.events, "every event is counted");
        let quantities = self.trades.chunks(4).map(|trade| trade[3]);
        let notionals = self.trades.chunks(4).map(|trade| trade[2] * trade[3]);
        assert_eq!(number(&report["trades"]), self.trades.len() as u64 / 4);
        assert_eq!(number(&report["traded_quantity"]), quantities.sum::<u64>());
        assert_eq!(number(&report["notional"]), notionals.sum::<u64>());
        assert_eq!(report["trade_hash"], format!("{:016x}", fnv(&self.trades)));
    }
}
