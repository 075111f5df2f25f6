//! Every rule as a readable scenario: `tests/orders/*.txt`, through the twin and the engine.

#[path = "twin/exchange.rs"]
mod exchange;
mod scenario;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use scenario::machine::Machine;

fn machines() -> Vec<Box<dyn Machine>> {
    vec![Box::new(exchange::Exchange::new()), Box::new(scenario::engine::Engine::new())]
}

/// All scenario files, in the order of their names.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/orders");
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "txt"));
    files.sort();
    files
}

/// The first line in which two texts differ, with a few before it.
fn difference(expected: &str, came: &str) -> String {
    let same = expected.lines().zip(came.lines()).take_while(|(left, right)| left == right).count();
    let show = |text: &str, mark: &str| {
        let lines: Vec<String> =
            text.lines().skip(same).take(4).map(|line| format!("{mark} {line}")).collect();
        lines.join("\n")
    };
    let before: Vec<&str> = expected.lines().take(same).collect();
    let before = before[before.len().saturating_sub(4)..].join("\n  ");
    format!("line {}:\n  {before}\n{}\n{}", same + 1, show(expected, "-"), show(came, "+"))
}

#[test]
fn every_scenario_happens_as_written() {
    let update = std::env::var_os("UPDATE").is_some();
    let files = files();
    assert!(files.len() >= 20, "only {} scenario files", files.len());
    let mut faults = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        // A disagreement panics with its place; the other files are still played.
        let Ok(came) = catch_unwind(|| scenario::play(&text, machines)) else {
            faults.push(format!("{}: see above", path.display()));
            continue;
        };
        if came == text {
            continue;
        }
        if update {
            fs::write(&path, came).unwrap();
        } else {
            faults.push(format!("{}, {}", path.display(), difference(&text, &came)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}
