//! Counters as a table, as a line, as JSON, and in the text format of Prometheus.

use super::Sample;
use super::node::NodeState;
use super::store::StoreState;
use crate::cli::utc::Utc;
use crate::store::RegisteredReader;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::io::{self, Write};

/// A table for people; `redraws` puts it over the one before.
pub(super) fn table(
    out: &mut dyn Write,
    sample: &Sample,
    before: Option<&Sample>,
    all: bool,
    redraws: bool,
) -> io::Result<()> {
    // Home, and at each line's end its rest: nothing flickers.
    let (begin, line_end, end) =
        if redraws { ("\x1b[H", "\x1b[K\n", "\x1b[J") } else { ("", "\n", "") };
    if redraws && before.is_none() {
        write!(out, "\x1b[2J")?;
    }
    let state = if sample.lives { "" } else { ", which has ended" };
    write!(out, "{begin}process {}{state}, {}{line_end}", sample.pid, Utc(sample.time))?;
    if let Some(StoreState { accepting, committed, synced, quarantined, .. }) = &sample.store {
        let line = format!("store accepting {accepting}, committed {committed}, synced {synced}");
        write!(out, "{line}{line_end}")?;
        if !quarantined.is_empty() {
            write!(
                out,
                "quarantined sources {quarantined:?}: nothing is taken from them{line_end}"
            )?;
        }
    }
    if let Some(node) = NodeState::of(sample) {
        write!(out, "{node}{line_end}")?;
        for peer in &node.peers {
            write!(out, "{peer}{line_end}")?;
        }
    }
    write_readers(out, sample, line_end)?;
    for (at, reading) in sample.readings.iter().enumerate() {
        if reading.value == 0 && !all {
            continue;
        }
        let rate = sample.rate(at, before).map_or_else(String::new, |rate| format!("{rate}/s"));
        let (label, value, sentence) = (&reading.label, reading.value, reading.row.sentence);
        write!(out, "{label:<24} {value:>16} {rate:>14}  {sentence}{line_end}")?;
    }
    write!(out, "{end}")
}

/// The registered readers, each with what it holds of the log.
fn write_readers(out: &mut dyn Write, sample: &Sample, line_end: &str) -> io::Result<()> {
    let Some(StoreState { committed, readers, .. }) = &sample.store else { return Ok(()) };
    for RegisteredReader { name, position, lives } in readers {
        let behind = committed.saturating_sub(position.get());
        let state = if *lives { "" } else { ", does not run and holds the log" };
        write!(out, "reader {name} at {position}, {behind} bytes behind{state}{line_end}")?;
    }
    Ok(())
}

/// A line: the time, then each counter, with its rate where it grows.
pub(super) fn line(sample: &Sample, before: Option<&Sample>, all: bool) -> String {
    let mut line = Utc(sample.time).to_string();
    if let Some(StoreState { accepting, .. }) = &sample.store {
        write!(line, " accepting={accepting}").expect("a text takes what it is given");
    }
    if let Some(node) = NodeState::of(sample) {
        write!(line, " role={} epoch={}", node.role, node.epoch)
            .expect("a text takes what it is given");
    }
    for (at, reading) in sample.readings.iter().enumerate() {
        if reading.value == 0 && !all {
            continue;
        }
        write!(line, " {}={}", reading.label, reading.value)
            .expect("a text takes what it is given");
        if let Some(rate) = sample.rate(at, before).filter(|rate| *rate > 0) {
            write!(line, "(+{rate}/s)").expect("a text takes what it is given");
        }
    }
    line
}

/// An object with all counters, and the rates of those that count.
pub(super) fn json(sample: &Sample, before: Option<&Sample>) -> Value {
    let (mut counters, mut rates) = (Map::new(), Map::new());
    for (at, reading) in sample.readings.iter().enumerate() {
        counters.insert(reading.label.clone(), json!(reading.value));
        if let Some(rate) = sample.rate(at, before) {
            rates.insert(reading.label.clone(), json!(rate));
        }
    }
    json!({
        "timestamp": sample.time.0,
        "time": Utc(sample.time).to_string(),
        "pid": sample.pid,
        "lives": sample.lives,
        "store": sample.store.as_ref().map(|store| {
            json!({
                "accepting": store.accepting,
                "committed": store.committed,
                "synced": store.synced,
                "quarantined": store.quarantined,
                "readers": store.readers.iter().map(|reader| {
                    json!({
                        "name": reader.name,
                        "position": reader.position.get(),
                        "lives": reader.lives,
                    })
                }).collect::<Vec<_>>(),
            })
        }),
        "node": NodeState::of(sample).map(|node| node.json()),
        "counters": counters,
        "rates": rates,
    })
}

/// Source: Prometheus, exposition formats, text-based format 0.0.4; metric and label naming:
/// `_total` ends the name of what only grows.
pub(super) fn prometheus(out: &mut dyn Write, sample: &Sample) -> io::Result<()> {
    for reading in &sample.readings {
        let row = reading.row;
        let (kind, suffix) = if row.is_gauge() { ("gauge", "") } else { ("counter", "_total") };
        let name = format!("isochron_{}{suffix}", row.label.replace(['-', '.'], "_"));
        if reading.ring.is_none_or(|ring| ring == 0) {
            writeln!(out, "# HELP {name} {}", row.sentence)?;
            writeln!(out, "# TYPE {name} {kind}")?;
        }
        let of = if row.label.starts_with("peer-") { "peer" } else { "ring" };
        let ring = reading.ring.map_or_else(String::new, |ring| format!("{{{of}=\"{ring}\"}}"));
        writeln!(out, "{name}{ring} {}", reading.value)?;
    }
    let Some(StoreState { accepting, committed, synced, quarantined, .. }) = &sample.store else {
        return Ok(());
    };
    for (name, help, value) in [
        ("accepting", "1 while the store takes commands.", u64::from(accepting == "yes")),
        ("committed", "The store's position up to which all is committed.", *committed),
        ("synced", "The store's position up to which all is durable.", *synced),
        ("quarantined", "Sources that nothing is taken from.", quarantined.len() as u64),
    ] {
        writeln!(out, "# HELP isochron_store_{name} {help}")?;
        writeln!(out, "# TYPE isochron_store_{name} gauge")?;
        writeln!(out, "isochron_store_{name} {value}")?;
    }
    Ok(())
}
