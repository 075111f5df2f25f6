//! `isochron stat` on a counters file, and on a demo while it runs.

use super::{isochron, run};
use isochron::metrics::{Counter, Counters, TABLE};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

/// A file in which three counters and one ring's are not 0.
fn counted(directory: &Path) -> Counters {
    let counters = Counters::create(&directory.join("counters")).unwrap();
    counters.writer(Counter::COMMANDS_EXECUTED).set(1_234_567);
    counters.writer(Counter::BEST_BID).set(100_500);
    counters.writer(Counter::LATENCY_P99_9_NS).set(42_000);
    counters.writer(Counter::RING_WAITS.of_ring(3)).set(7);
    counters
}

#[test]
fn once_is_a_table_of_what_is_not_0() {
    let directory = tempfile::tempdir().unwrap();
    let _counters = counted(directory.path());
    let ran = run("stat", directory.path(), "--once");
    assert_eq!((ran.code, ran.error.as_str()), (Some(0), ""));
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(lines[0].starts_with(&format!("process {}, 20", std::process::id())), "{}", lines[0]);
    let rows: Vec<Vec<&str>> =
        lines[1..].iter().map(|line| line.split_whitespace().take(2).collect()).collect();
    assert_eq!(
        rows,
        [
            ["commands-executed", "1234567"],
            ["best-bid", "100500"],
            ["ring-waits-3", "7"],
            ["latency-p99.9-ns", "42000"],
        ]
    );
    assert!(lines[1].ends_with("  Commands the core took from its rings."), "{}", lines[1]);
    let all = run("stat", &directory.path().join("counters"), "--once --all");
    let counters: usize = TABLE.iter().map(|row| row.instances).sum();
    assert_eq!(all.out.lines().count(), 1 + counters);
}

#[test]
fn json_has_all_counters() {
    let directory = tempfile::tempdir().unwrap();
    let counters = counted(directory.path());
    let ran = run("stat", directory.path(), "--once --json");
    assert_eq!(ran.code, Some(0));
    let line = &ran.json()[0];
    assert_eq!((&line["pid"], &line["lives"]), (&json!(std::process::id()), &json!(true)));
    assert_eq!(line["rates"], json!({}));
    let wanted: serde_json::Map<String, Value> =
        counters.rows().map(|(_, label, value)| (label, json!(value))).collect();
    assert_eq!(line["counters"], Value::Object(wanted));
}

/// Metrics in the text format: name and labels, then the value; each name's type came before.
fn metrics(text: &str) -> BTreeMap<String, u64> {
    let (mut kinds, mut helped, mut values) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, sentence) = help.split_once(' ').unwrap();
            let is_of_table = TABLE.iter().any(|row| row.sentence == sentence);
            assert!(is_of_table || name.starts_with("isochron_store_"), "{line}");
            assert!(!helped.contains(&name), "{line}: a second time");
            helped.push(name);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(helped.last(), Some(&name), "{line}: HELP goes before");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(["counter", "gauge"].contains(&kind), "{line}");
            kinds.insert(name, kind);
        } else {
            let (metric, value) = line.split_once(' ').unwrap();
            let name = metric.split('{').next().unwrap();
            assert_eq!(kinds.keys().find(|known| **known == name), Some(&name), "{line}");
            let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            assert!(name.starts_with("isochron_") && name.bytes().all(legal), "{line}");
            let before = values.insert(metric.to_owned(), value.parse().unwrap());
            assert_eq!(before, None, "{line}: a second time");
        }
    }
    values
}

#[test]
fn prometheus_text_names_types_and_rings() {
    let directory = tempfile::tempdir().unwrap();
    let counters = counted(directory.path());
    let ran = run("stat", directory.path(), "--prometheus");
    assert_eq!((ran.code, ran.error.as_str()), (Some(0), ""));
    let values = metrics(&ran.out);
    assert_eq!(values.len(), counters.rows().count());
    assert_eq!(values.values().filter(|value| **value != 0).count(), 4);
    for (metric, value) in [
        ("isochron_commands_executed_total", 1_234_567),
        ("isochron_best_bid", 100_500),
        ("isochron_latency_p99_9_ns", 42_000),
        ("isochron_ring_waits_total{ring=\"3\"}", 7),
        ("isochron_ring_waits_total{ring=\"0\"}", 0),
    ] {
        assert_eq!(values.get(metric), Some(&value), "{metric}");
    }
    assert_eq!(run("stat", directory.path(), "--prometheus --json").code, Some(2));
}

#[test]
fn a_pipe_gets_a_line_each_second_with_rates() {
    let directory = tempfile::tempdir().unwrap();
    let counters = counted(directory.path());
    let mut executed = counters.writer(Counter::COMMANDS_EXECUTED);
    let mut command = isochron(["stat"]);
    let mut child = command.arg(directory.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let rest = " commands-executed=1234567 best-bid=100500 ring-waits-3=7 latency-p99.9-ns=42000";
    assert_eq!(first.split_once(' ').map(|(_, rest)| rest), Some(&rest[1..]));
    executed.add(5_000);
    let second = lines.next().unwrap().unwrap();
    let rate = second.split_once("commands-executed=1239567(+").expect("a rate").1;
    let rate: u64 = rate.split_once("/s)").unwrap().0.parse().unwrap();
    // In a second, or what a busy machine makes of it.
    assert!((100..=5_000).contains(&rate), "{second}");
    // Nobody reads on: it ends by itself, quietly.
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Ends a child that a failed test leaves.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_running_demo_is_watched_until_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("log");
    let mut demo = isochron(["demo", "--seconds", "2", "--rate", "2000", "--subscribers", "0"]);
    let demo = demo.arg("--store").arg(&store).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut demo = Ended(demo);
    let pid = demo.0.id();
    let mut said = BufReader::new(demo.0.stdout.take().unwrap()).lines();
    let counters = store.join("counters");
    let invitation = format!(" stat {}", counters.display());
    assert!(said.by_ref().any(|line| line.unwrap().ends_with(&invitation)));
    let mut stat = isochron(["stat", "--json"]);
    let stat = stat.arg(&store).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut stat = Ended(stat);
    let lines: Vec<String> =
        BufReader::new(stat.0.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    assert_eq!(stat.0.wait().unwrap().code(), Some(0));
    assert_eq!(said.last().unwrap().unwrap(), "all checks hold");
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() >= 3 && lines.iter().all(|line| line["pid"] == json!(pid)), "{lines:?}");
    let last = lines.last().unwrap();
    assert_eq!(last["lives"], json!(false));
    assert_eq!(last["store"], Value::Null);
    let running = &lines[..lines.len() - 1];
    assert!(running.iter().all(|line| line["lives"] == json!(true)));
    // Not before all of its parts run, and then at once.
    let accepting: Vec<_> = running.iter().map(|line| &line["store"]["accepting"]).collect();
    assert!(accepting[0] == "yes" || accepting[0] == "no(starting)", "{accepting:?}");
    assert!(accepting.iter().any(|accepting| *accepting == "yes"), "{accepting:?}");
    let committed: Vec<u64> =
        running.iter().filter_map(|line| line["store"]["committed"].as_u64()).collect();
    assert!(committed.is_sorted() && committed.len() >= 2, "{lines:?}");
    let executed = |line: &Value| line["counters"]["commands-executed"].as_u64().unwrap();
    assert!(lines.is_sorted_by_key(executed) && executed(last) >= 4_000, "{last}");
    assert!(last["counters"]["latency-p50-ns"].as_u64().unwrap() > 0, "{last}");

    // What the demo leaves is sound, and its counters are still there.
    let verified = run("verify", &store, "--json");
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let commands = verified.json()[0]["commands"].as_u64().unwrap();
    // The beginning of the epoch and continuations come from no ring.
    assert!(commands > executed(last), "{commands} commands");
    let once = run("stat", &store, "--once");
    assert!(once.out.starts_with(&format!("process {pid}, which has ended, ")), "{}", once.out);
}
