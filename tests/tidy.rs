//! The rules of the house, checked over the text of the whole tree.
//!
//! Each check takes sources and returns offences, so that `tidy/planted.rs` can show every one
//! of them a text that it must refuse. Names are in `docs/glossary.md`, reasons in
//! `docs/architecture.md`.

#[path = "tidy/planted.rs"]
mod planted;
#[path = "tidy/source.rs"]
mod source;

use std::fmt;
use std::path::Path;
use std::sync::OnceLock;

use source::{CodePath, Source, Token};

/// Who may import whom: rule and picture at once, and part of `docs/architecture.md`.
///
/// A module may import the layers and modules of the third column, of its own layer only what
/// stands right of a `▸` that it stands left of, and the crates of the last column.
const LAYERS: &str = "
layer      | modules                                      | may import         | and the crates
-----------|----------------------------------------------|--------------------|----------------
wiring     | lib main ▸ cli ▸ bench ▸ demo ▸ node         | components beside  | events messages
           |                                              | standbys logs      | feeds recovery
           |                                              | mechanisms domain  | cluster
           |                                              | ground             |
components | gateway core scheduler standby market_data   | logs mechanisms    | events messages
           | recovery_service fairness data_service       | domain ground      | feeds recovery
           | reporter snapshot                            |                    |
standbys   | cluster ▸ replication                        | logs mechanisms    | events cluster
           |                                              | ground             |
logs       | feed_log                                     | store ground       | events feeds
           |                                              |                    | recovery
mechanisms | agent ring net store config                  | ground             | events
domain     | state_machine ▸ orders matching accounts     | ground             | events
beside     | order_stream                                 | types              |
ground     | metrics ▸ limits types ▸ memory              |                    | events
";

/// Which of our crates a crate may mention.
const CRATES: &str = "
crate                   | folder            | may mention
------------------------|-------------------|---------------------------------
isochron_recovery       | recovery/         | isochron_feeds isochron_messages
isochron_feeds          | feeds/            | isochron_messages
isochron_messages       | codegen/messages/ |
isochron_events         | codegen/events/   |
isochron_codegen        | codegen/          |
isochron_codegen_oracle | codegen/oracle/   | isochron_codegen isochron_cluster
                        |                   | isochron_events isochron_messages
";

/// All that stands at the top; more needs a reason in `docs/architecture.md`.
const TOP_LEVEL: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "CHANGELOG.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "clippy.toml",
    "rustfmt.toml",
    ".gitignore",
    ".ci",
    ".cargo",
    "schemas",
    "codegen",
    "src",
    "feeds",
    "recovery",
    "tests",
    "benches",
    "docs",
    // Not in the repository.
    ".git",
    "target",
    "mutants.out",
    "mutants.out.old",
];

const LINES_MAX: usize = 1_000;
const COLUMNS_MAX: usize = 100;

/// Code that talks to the operating system, beside the files called `agent.rs`: the rest is
/// handed bytes and times.
const SHELLS: &[&str] =
    &["agent", "net", "store", "metrics", "memory", "cli", "bench", "demo", "node", "main"];

/// The generator's call of rustfmt, and the ring in a file.
const SHELL_FILES: &[&str] = &["codegen/src/format.rs", "src/ring/mapped.rs"];

const SYSTEM: &[&str] = &[
    "std::net",
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "std::os",
    "socket2",
    "mio",
    "memmap2",
    "libc",
    "core_affinity",
];

/// Addresses are values; only sockets reach the operating system.
const ADDRESSES: &[&str] = &[
    "IpAddr",
    "Ipv4Addr",
    "Ipv6Addr",
    "SocketAddr",
    "SocketAddrV4",
    "SocketAddrV6",
    "AddrParseError",
];

/// What must not differ between two runs of one log.
const CLOCKS: &[&str] = &["Instant::now", "SystemTime::now", "clock_gettime"];
const RANDOMNESS: &[&str] = &["rand", "fastrand", "getrandom", "RandomState"];
const THREAD_STARTS: &[&str] = &["thread::spawn", "thread::scope", "thread::Builder"];

/// What makes one thread wait for another, or hides that it does.
const LOCKS: &[&str] =
    &["Mutex", "RwLock", "Condvar", "Barrier", "mpsc", "OnceLock", "LazyLock", "Once"];

/// The way from a ring to the log, and what it calls: nothing there may wait for another thread.
const LOCK_FREE_MODULES: &[&str] =
    &["core", "ring", "state_machine", "orders", "matching", "accounts", "store", "metrics"];

/// A disk in memory stands for the operating system's, which no append calls. The sync thread and
/// the end of a writer meet under a lock, and so do helpers and the store's own: the writer takes
/// neither before it closes.
const LOCKING_FILES: &[&str] =
    &["src/store/memory_disk.rs", "src/store/sync.rs", "src/store/tenure.rs"];

/// Mapped memory, sockets, atomics over raw bytes and prefetches need `unsafe`; nothing else does.
const UNSAFE_MODULES: &[&str] = &["store", "ring", "net", "metrics", "memory"];

/// Where an amount, a price or a rule is computed.
const EXACT_MODULES: &[&str] =
    &["state_machine", "orders", "matching", "accounts", "types", "limits"];

/// A broken rule and where.
#[derive(Debug, PartialEq, Eq)]
struct Offence {
    path: String,
    /// From 1; 0 where it is the file as a whole.
    line: usize,
    reason: String,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.reason)
    }
}

fn offence(source: &Source, line: usize, reason: impl Into<String>) -> Offence {
    Offence { path: source.path.clone(), line, reason: reason.into() }
}

/// A table's rows as cells; a row with an empty first cell goes on with the one above.
fn rows(table: &str) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in table.lines().filter(|l| l.contains('|') && !l.starts_with('-')).skip(1) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        match rows.last_mut() {
            Some(last) if cells[0].is_empty() => {
                for (cell, more) in last.iter_mut().zip(cells) {
                    *cell = format!("{cell} {more}").trim().to_string();
                }
            }
            _ => rows.push(cells.into_iter().map(String::from).collect()),
        }
    }
    rows
}

fn words(cell: &str) -> Vec<&str> {
    cell.split_whitespace().collect()
}

/// The layers, read from the table.
struct Layers(Vec<Vec<String>>);

impl Layers {
    fn read() -> Self {
        Self(rows(LAYERS))
    }

    /// The index of the layer that `module` is in.
    fn layer_of(&self, module: &str) -> Option<usize> {
        self.0.iter().position(|row| words(&row[1]).contains(&module))
    }

    /// Why `from` may not import `to`, if it may not.
    fn refusal(&self, from: &str, to: &str) -> Option<String> {
        let (Some(above), Some(below)) = (self.layer_of(from), self.layer_of(to)) else {
            let unknown = if self.layer_of(from).is_none() { from } else { to };
            return Some(format!("`{unknown}` is in no row of LAYERS"));
        };
        let (upper, lower) = (&self.0[above][0], &self.0[below][0]);
        if above != below {
            let may = words(&self.0[above][2]);
            let granted = may.contains(&lower.as_str()) || may.contains(&to);
            return (!granted).then(|| format!("{upper} `{from}` imports {lower} `{to}`"));
        }
        let groups: Vec<&str> = self.0[above][1].split('▸').collect();
        let place = |m: &str| groups.iter().position(|g| words(g).contains(&m));
        let granted = from == to || place(from) < place(to);
        (!granted).then(|| format!("`{from}` imports `{to}` sideways, within {upper}"))
    }

    fn may_mention(&self, module: &str, our_crate: &str) -> bool {
        let layer = self.layer_of(module);
        layer.is_some_and(|l| words(&self.0[l][3]).contains(&short(our_crate)))
    }
}

fn short(our_crate: &str) -> &str {
    our_crate.trim_start_matches("isochron_")
}

fn our_crates() -> Vec<String> {
    rows(CRATES).into_iter().map(|row| row[0].clone()).collect()
}

/// The module of the main crate that a file belongs to: `net` for `src/net/multicast.rs`.
fn module_of(source: &Source) -> Option<&str> {
    let inside = source.path.strip_prefix("src/")?.trim_end_matches(".rs");
    Some(inside.split('/').next().unwrap_or(inside))
}

/// Code that ships, in any of our crates: no tests, no benches.
fn is_shipped(source: &Source) -> bool {
    source.is_rust() && (source.path.starts_with("src/") || source.path.contains("/src/"))
}

fn imports_point_down(sources: &[Source]) -> Vec<Offence> {
    let layers = Layers::read();
    let ours = our_crates();
    let mut found = Vec::new();
    for source in sources.iter().filter(|s| s.is_rust()) {
        let Some(module) = module_of(source) else { continue };
        if layers.layer_of(module).is_none() {
            found.push(offence(source, 1, format!("`{module}` is in no row of LAYERS")));
            continue;
        }
        for path in &source.paths {
            let refusal = source.root_module(path).and_then(|to| layers.refusal(module, &to));
            found.extend(refusal.map(|reason| offence(source, path.line, reason)));
        }
        for token in source.tokens.iter().filter(|t| ours.contains(&t.text)) {
            if !layers.may_mention(module, &token.text) {
                let reason = format!("`{module}` mentions the crate `{}`", token.text);
                found.push(offence(source, token.line, reason));
            }
        }
    }
    found
}

fn crates_point_down(sources: &[Source]) -> Vec<Offence> {
    let table = rows(CRATES);
    let mut found = Vec::new();
    for source in sources {
        // The first of the longest folders: codegen/events before codegen.
        let owner = table.iter().filter(|row| source.path.starts_with(&row[1]));
        let Some(owner) = owner.max_by_key(|row| row[1].len()) else { continue };
        let mut refuse = |line: usize, name: &str| {
            let foreign = name != owner[0] && !words(&owner[2]).contains(&name);
            if foreign && (name == "isochron" || name.starts_with("isochron_")) {
                let reason = format!("{} mentions the crate `{name}`", owner[0]);
                found.push(offence(source, line, reason));
            }
        };
        for token in &source.tokens {
            refuse(token.line, &token.text);
        }
        if source.path.ends_with("/Cargo.toml") {
            for (line, text) in source.text.lines().enumerate() {
                let name = text.split(['=', '.', ' ']).next().unwrap_or("").replace('-', "_");
                refuse(line + 1, &name);
            }
        }
    }
    found
}

/// Whether `path` has the parts of `pattern` (`a::b`) anywhere.
fn names(path: &CodePath, pattern: &str) -> bool {
    let pattern: Vec<&str> = pattern.split("::").collect();
    path.parts.windows(pattern.len()).any(|part| part == pattern)
}

/// Every path with one of `patterns`, in the shipped code that `judged` picks.
fn banned(
    sources: &[Source],
    judged: impl Fn(&Source, &CodePath) -> bool,
    patterns: &[&str],
    why: &str,
) -> Vec<Offence> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|s| is_shipped(s)) {
        for path in source.paths.iter().filter(|p| judged(source, p)) {
            if patterns.iter().any(|pattern| names(path, pattern)) {
                let reason = format!("`{}`: {why}", path.parts.join("::"));
                found.push(offence(source, path.line, reason));
            }
        }
    }
    found
}

fn system_only_in_shells(sources: &[Source]) -> Vec<Offence> {
    let shell = |source: &Source| {
        let inside = source.path.rsplit_once("src/").map_or("", |(_, inside)| inside);
        let module = inside.trim_end_matches(".rs").split('/').next().unwrap_or("");
        let named = SHELL_FILES.contains(&source.path.as_str());
        named || inside.ends_with("agent.rs") || SHELLS.contains(&module)
    };
    let address = |path: &CodePath| {
        let after = path.parts.iter().skip_while(|p| *p != "net").nth(1);
        after.is_some_and(|name| ADDRESSES.contains(&name.as_str()))
    };
    let judged = |s: &Source, p: &CodePath| !p.test && !shell(s) && !address(p);
    banned(sources, judged, SYSTEM, "the operating system appears in shells only")
}

fn no_clock_elsewhere(sources: &[Source]) -> Vec<Offence> {
    let judged = |s: &Source, _: &CodePath| s.path != "src/agent/clock.rs";
    banned(sources, judged, CLOCKS, "time is an argument; only src/agent/clock.rs reads a clock")
}

fn no_randomness(sources: &[Source]) -> Vec<Offence> {
    let why = "nothing may differ between two runs; take a seed";
    banned(sources, |_, _| true, RANDOMNESS, why)
}

fn threads_start_in_agent(sources: &[Source]) -> Vec<Offence> {
    let judged = |s: &Source, p: &CodePath| !p.test && !s.path.starts_with("src/agent/");
    banned(sources, judged, THREAD_STARTS, "threads are started by src/agent/runner.rs")
}

fn no_locks_on_the_path(sources: &[Source]) -> Vec<Offence> {
    let judged = |s: &Source, p: &CodePath| {
        let on_path = module_of(s).is_some_and(|m| LOCK_FREE_MODULES.contains(&m));
        on_path && !p.test && !LOCKING_FILES.contains(&s.path.as_str())
    };
    banned(sources, judged, LOCKS, "from ring to append nothing waits for another thread")
}

fn unsafe_only_where_needed(sources: &[Source]) -> Vec<Offence> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|s| is_shipped(s)) {
        if module_of(source).is_some_and(|m| UNSAFE_MODULES.contains(&m)) {
            continue;
        }
        for token in source.tokens.iter().filter(|t| t.text == "unsafe") {
            let reason = format!("`unsafe` belongs to {}", UNSAFE_MODULES.join(", "));
            found.push(offence(source, token.line, reason));
        }
    }
    found
}

fn is_float(token: &Token) -> bool {
    let number = token.text.starts_with(|c: char| c.is_ascii_digit());
    let typed = token.text.ends_with("f32") || token.text.ends_with("f64");
    let hexadecimal = token.text.starts_with("0x");
    ["f32", "f64"].contains(&token.text.as_str())
        || (number && !hexadecimal && (token.text.contains('.') || typed))
}

fn no_floats_in_rules(sources: &[Source]) -> Vec<Offence> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|s| s.is_rust()) {
        if !module_of(source).is_some_and(|m| EXACT_MODULES.contains(&m)) {
            continue;
        }
        for token in source.tokens.iter().filter(|t| !t.test && is_float(t)) {
            let reason = format!("`{}`: the rules never compute in floating point", token.text);
            found.push(offence(source, token.line, reason));
        }
    }
    found
}

fn first_line_says_what_it_is(sources: &[Source]) -> Vec<Offence> {
    let says =
        |s: &Source| s.text.lines().next().is_some_and(|l| l.len() > 8 && l.starts_with("//! "));
    let silent = sources.iter().filter(|s| s.path.ends_with(".rs") && !says(s));
    silent.map(|s| offence(s, 1, "the first line is `//! ` and what the file is")).collect()
}

fn files_and_lines_end(sources: &[Source]) -> Vec<Offence> {
    let mut found = Vec::new();
    let written = |s: &&Source| (s.is_rust() || s.path.starts_with(".ci/")) && !s.is_generated();
    for source in sources.iter().filter(written) {
        let lines = source.text.lines().count();
        if lines >= LINES_MAX {
            found.push(offence(source, lines, format!("{lines} lines; split it by phase")));
        }
        for (line, columns) in source.columns().enumerate() {
            let address = source.text.lines().nth(line).is_some_and(|l| l.contains("://"));
            if columns > COLUMNS_MAX && !address {
                found.push(offence(source, line + 1, format!("{columns} columns")));
            }
        }
    }
    found
}

/// A twin that shared code with what it doubles would share its faults.
fn twins_stand_alone(sources: &[Source]) -> Vec<Offence> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|s| s.is_rust() && s.path.starts_with("tests/twin/")) {
        // Its own files, but none that it reaches outside of the folder.
        let outside = |line: &str| line.contains("#[path") && line.contains("..");
        let reaching = (1..).zip(source.text.lines()).filter(|(_, line)| outside(line));
        found.extend(reaching.map(|(line, _)| offence(source, line, "a path out of tests/twin/")));
        let own =
            |name: &str| source.tokens.windows(2).any(|t| t[0].text == "mod" && t[1].text == name);
        for path in &source.paths {
            let part = |i: usize| path.parts.get(i).map_or("", String::as_str);
            let granted = match part(0) {
                "isochron" => part(1) == "types",
                "crate" | "super" => source.root_module(path).is_none_or(|to| to == "twin"),
                "std" | "core" | "self" => true,
                head => !head.starts_with("isochron_") && (!path.imported || own(head)),
            };
            if !granted {
                let reason = format!(
                    "`{}`: a twin imports `isochron::types` and std only",
                    path.parts.join("::")
                );
                found.push(offence(source, path.line, reason));
            }
        }
    }
    found
}

fn top_level_is_known(names: &[String]) -> Vec<Offence> {
    let unknown = names.iter().filter(|name| !TOP_LEVEL.contains(&name.as_str()));
    let reason = "not in TOP_LEVEL; it needs a reason in docs/architecture.md".to_string();
    unknown.map(|name| Offence { path: name.clone(), line: 0, reason: reason.clone() }).collect()
}

/// Folders of the machine that the project was written on, spelled so that this file is clean.
fn no_foreign_folders(sources: &[Source]) -> Vec<Offence> {
    let words = [concat!("/wo", "rk/"), concat!("/tmp/", "wt"), concat!("/tmp/", "target")];
    let mut found = Vec::new();
    for source in sources {
        for (line, text) in source.text.lines().enumerate() {
            for word in words.iter().filter(|w| text.contains(**w)) {
                found.push(offence(source, line + 1, format!("`{word}` is one machine's folder")));
            }
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn clean(check: impl Fn(&[Source]) -> Vec<Offence>) {
    static TREE: OnceLock<Vec<Source>> = OnceLock::new();
    let sources = TREE.get_or_init(|| source::tree(root()));
    for known in ["src/lib.rs", "feeds/Cargo.toml", "tests/tidy/source.rs", ".ci/run"] {
        assert!(sources.iter().any(|s| s.path == known), "{known} was not read");
    }
    report(&check(sources));
}

fn report(offences: &[Offence]) {
    let lines: Vec<String> = offences.iter().map(Offence::to_string).collect();
    assert!(lines.is_empty(), "{} offences\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn modules_import_downward_only() {
    clean(imports_point_down);
}

#[test]
fn crates_mention_only_what_they_may() {
    clean(crates_point_down);
}

#[test]
fn the_operating_system_is_in_shells() {
    clean(system_only_in_shells);
}

#[test]
fn one_file_reads_the_clock() {
    clean(no_clock_elsewhere);
}

#[test]
fn nothing_draws_random_numbers() {
    clean(no_randomness);
}

#[test]
fn threads_are_started_in_one_place() {
    clean(threads_start_in_agent);
}

#[test]
fn nothing_on_the_path_takes_a_lock() {
    clean(no_locks_on_the_path);
}

#[test]
fn unsafe_code_is_where_memory_is_raw() {
    clean(unsafe_only_where_needed);
}

#[test]
fn rules_are_computed_in_integers() {
    clean(no_floats_in_rules);
}

#[test]
fn every_file_says_what_it_is() {
    clean(first_line_says_what_it_is);
}

#[test]
fn files_and_lines_are_short_enough() {
    clean(files_and_lines_end);
}

#[test]
fn twins_share_nothing_with_the_engine() {
    clean(twins_stand_alone);
}

#[test]
fn no_folder_of_one_machine_is_named() {
    clean(no_foreign_folders);
}

#[test]
fn the_top_level_holds_what_it_should() {
    let entries = std::fs::read_dir(root()).expect("the project's folder");
    let name = |e: std::io::Result<std::fs::DirEntry>| e.expect("an entry").file_name();
    let names: Vec<String> = entries.map(|e| name(e).to_string_lossy().to_string()).collect();
    report(&top_level_is_known(&names));
}

#[test]
fn the_layers_point_down_themselves() {
    let layers = Layers::read();
    for (i, row) in layers.0.iter().enumerate() {
        for word in words(&row[2]) {
            let named = |r: &Vec<String>| r[0] == word || words(&r[1]).contains(&word);
            let place = layers.0.iter().position(named);
            assert!(place.is_some_and(|p| p > i), "{} may import {word}: not below it", row[0]);
        }
    }
}

#[test]
fn the_architecture_page_shows_the_layers() {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).expect("the page");
    for line in LAYERS.trim().lines() {
        assert!(page.contains(line), "docs/architecture.md lacks this row of LAYERS:\n{line}");
    }
}
