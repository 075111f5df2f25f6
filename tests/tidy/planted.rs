//! Shows every check of `tidy.rs` a text that it must refuse, and one that it must let pass.

use crate::source::Source;
use crate::{
    Offence, crates_point_down, files_and_lines_end, first_line_says_what_it_is,
    imports_point_down, no_clock_elsewhere, no_floats_in_rules, no_foreign_folders,
    no_locks_on_the_path, no_randomness, system_only_in_shells, threads_start_in_agent,
    top_level_is_known, twins_stand_alone, unsafe_only_where_needed,
};

type Check = fn(&[Source]) -> Vec<Offence>;

/// The lines of `text`, as the file `path`, that `check` refuses.
fn refused(check: Check, path: &str, text: &str) -> Vec<usize> {
    let offences = check(&[Source::new(path, text)]);
    assert!(offences.iter().all(|o| o.path == path && !o.reason.is_empty()));
    offences.iter().map(|o| o.line).collect()
}

/// `line` alone is refused, on its line.
fn refuses(check: Check, path: &str, line: &str) {
    assert_eq!(refused(check, path, &format!("//! A file.\n\n{line}\n")), [3], "{path}: {line}");
}

fn accepts(check: Check, path: &str, line: &str) {
    assert_eq!(refused(check, path, &format!("//! A file.\n\n{line}\n")), [0; 0], "{path}: {line}");
}

#[test]
fn an_import_upward_or_sideways_is_refused() {
    let check = imports_point_down;
    refuses(check, "src/store/frame.rs", "use crate::core::Core;");
    refuses(check, "src/store/frame.rs", "use crate::{core::Core, types::Price};");
    refuses(check, "src/store/mod.rs", "fn f() { crate::ring::open(); }");
    refuses(check, "src/matching/mod.rs", "use crate::orders::Order;");
    refuses(check, "src/orders/mod.rs", "use crate::state_machine::Step;");
    refuses(check, "src/orders/mod.rs", "use crate::store::Store;");
    refuses(check, "src/market_data/mod.rs", "use crate::core::Core;");
    refuses(check, "src/demo/mod.rs", "use crate::cli::Arguments;");
    refuses(check, "src/types.rs", "use crate::limits::PRICE_MAX;");
    refuses(check, "src/order_stream.rs", "use crate::limits::PRICE_MAX;");
    refuses(check, "src/net/udp.rs", "use super::super::ring::Ring;");
    refuses(check, "src/net/mod.rs", "mod inner { use super::super::ring::Ring; }");
    refuses(check, "src/metrics.rs", "use super::ring::Ring;");
    refuses(check, "src/store/mod.rs", "pub(crate) use crate::{types::{Price, Side}, net as n};");
    refuses(check, "src/net/mod.rs", "#[cfg(test)] mod tests { use crate::store::Store; }");
}

#[test]
fn an_import_downward_is_accepted() {
    let check = imports_point_down;
    accepts(check, "src/store/frame.rs", "use crate::{limits::MTU_BYTES, types::Price};");
    accepts(check, "src/state_machine/mod.rs", "use crate::{accounts, matching::Book, orders};");
    accepts(check, "src/core/agent.rs", "use crate::{ring::Ring, state_machine::Step, store};");
    accepts(check, "src/main.rs", "use isochron::cli; use isochron::demo as d;");
    accepts(check, "src/net/udp.rs", "use super::Group; use self::x::y; use super::ring::Local;");
    accepts(check, "src/net/mod.rs", "mod inner { use super::Group; } // crate::core::Core");
    accepts(check, "src/lib.rs", "pub mod types; pub use crate::matching::Book;");
    accepts(check, "src/order_stream.rs", "use crate::types::Side;");
    accepts(check, "src/store/mod.rs", "const TEXT: &str = \"crate::core\"; /* crate::core */");
}

#[test]
fn a_module_in_no_row_is_refused() {
    assert_eq!(refused(imports_point_down, "src/helpers.rs", "//! A file.\n"), [1]);
    assert_eq!(refused(imports_point_down, "src/bin/tool.rs", "//! A file.\n"), [1]);
    refuses(imports_point_down, "src/net/mod.rs", "use crate::helpers::all;");
    refuses(imports_point_down, "src/net/mod.rs", "use crate::*;");
}

#[test]
fn a_crate_where_it_does_not_belong_is_refused() {
    refuses(imports_point_down, "src/matching/mod.rs", "use isochron_feeds::Book;");
    refuses(imports_point_down, "src/types.rs", "use isochron_messages::Side;");
    accepts(imports_point_down, "src/market_data/mod.rs", "use isochron_feeds::Book;");
    accepts(imports_point_down, "src/state_machine/mod.rs", "use isochron_events::Side;");
    let check = crates_point_down;
    refuses(check, "feeds/src/book.rs", "use isochron::types::Price;");
    refuses(check, "feeds/src/book.rs", "use isochron_events::Side;");
    refuses(check, "feeds/tests/book.rs", "fn f() { isochron_recovery::open(); }");
    refuses(check, "recovery/Cargo.toml", "isochron-events.workspace = true");
    refuses(check, "feeds/Cargo.toml", "isochron = { path = \"..\" }");
    refuses(check, "codegen/events/src/lib.rs", "use isochron_messages::Side;");
    accepts(check, "recovery/src/lib.rs", "use isochron_feeds::Book; // isochron_events");
    accepts(check, "feeds/Cargo.toml", "isochron-messages.workspace = true");
    refuses(check, "codegen/src/emit.rs", "use isochron_events::Side;");
    accepts(check, "codegen/oracle/tests/all.rs", "use isochron_events::Side;");
}

#[test]
fn the_system_outside_a_shell_is_refused() {
    let check = system_only_in_shells;
    refuses(check, "src/core/mod.rs", "use std::fs::File;");
    refuses(check, "src/core/mod.rs", "use std::{fmt, net::UdpSocket};");
    refuses(check, "src/core/mod.rs", "use std::net::{Ipv4Addr, self};");
    refuses(check, "src/config.rs", "fn f() { ::std::env::var(\"HOME\"); }");
    refuses(check, "src/ring/mod.rs", "fn f() { libc::close(3); }");
    refuses(check, "feeds/src/subscriber.rs", "use socket2::Socket;");
    refuses(check, "src/core/mod.rs", "#[cfg(not(test))] use std::process::exit;");
    refuses(check, "codegen/src/parse.rs", "use std::process::Command;");
    accepts(check, "codegen/src/format.rs", "use std::process::Command;");
    accepts(check, "src/core/agent.rs", "use std::net::UdpSocket;");
    accepts(check, "src/store/disk.rs", "use std::fs::File;");
    accepts(check, "src/node.rs", "use std::thread;");
    accepts(check, "feeds/src/subscriber.rs", "use std::net::{Ipv4Addr, SocketAddrV4};");
    accepts(check, "src/core/mod.rs", "#[cfg(test)] mod tests { use std::fs::File; }");
    accepts(check, "src/core/mod.rs", "#[cfg(all(test, loom))] use std::fs::File;");
    accepts(check, "src/core/tests.rs", "use std::fs::File;");
    accepts(check, "src/core/mod.rs", "// use std::fs::File;");
}

#[test]
fn code_after_a_test_module_is_judged_again() {
    let text = "//! A file.\n#[cfg(test)]\nmod tests { fn f() {} }\nuse std::fs::File;\n";
    assert_eq!(refused(system_only_in_shells, "src/core/mod.rs", text), [4]);
    let text = "//! A file.\n#[cfg(test)]\nmod tests;\nuse std::fs::File;\n";
    assert_eq!(refused(system_only_in_shells, "src/core/mod.rs", text), [4]);
}

#[test]
fn a_clock_elsewhere_is_refused() {
    let check = no_clock_elsewhere;
    refuses(check, "src/core/agent.rs", "fn f() { std::time::Instant::now(); }");
    refuses(check, "src/agent/runner.rs", "fn f() { SystemTime::now(); }");
    refuses(check, "src/core/tests.rs", "fn f() { Instant::now(); }");
    refuses(check, "src/net/mod.rs", "fn f() { libc::clock_gettime(); }");
    accepts(check, "src/agent/clock.rs", "fn f() { Instant::now(); }");
    accepts(check, "src/core/agent.rs", "fn f(now: Nanos) { clock.now(); } // Instant::now");
}

#[test]
fn randomness_and_threads_elsewhere_are_refused() {
    refuses(no_randomness, "src/core/mod.rs", "use std::collections::hash_map::RandomState;");
    refuses(no_randomness, "feeds/src/book.rs", "fn f() { fastrand::u64(..); }");
    accepts(no_randomness, "src/core/mod.rs", "fn splitmix64(seed: u64) {}");
    refuses(threads_start_in_agent, "src/demo/mod.rs", "fn f() { std::thread::spawn(g); }");
    refuses(threads_start_in_agent, "src/store/disk.rs", "fn f() { thread::Builder::new(); }");
    accepts(threads_start_in_agent, "src/agent/runner.rs", "fn f() { thread::Builder::new(); }");
    accepts(threads_start_in_agent, "src/ring/tests.rs", "fn f() { thread::spawn(g); }");
}

#[test]
fn unsafe_elsewhere_is_refused() {
    let check = unsafe_only_where_needed;
    refuses(check, "src/matching/mod.rs", "fn f() { unsafe { g() } }");
    refuses(check, "feeds/src/lib.rs", "unsafe impl Send for X {}");
    refuses(check, "codegen/events/src/lib.rs", "unsafe fn f() {}");
    accepts(check, "src/ring/mod.rs", "fn f() { unsafe { g() } }");
    accepts(check, "src/matching/mod.rs", "#![forbid(unsafe_code)] // unsafe");
}

#[test]
fn a_lock_on_the_path_is_refused() {
    let check = no_locks_on_the_path;
    refuses(check, "src/core/agent.rs", "use std::sync::Mutex;");
    refuses(check, "src/ring/spsc.rs", "use std::sync::{Arc, Condvar};");
    refuses(check, "src/store/writer.rs", "fn f() { std::sync::RwLock::new(1); }");
    refuses(check, "src/state_machine/mod.rs", "use std::sync::mpsc::channel;");
    accepts(check, "src/store/sync.rs", "use std::sync::Mutex;");
    accepts(check, "src/agent/runner.rs", "use std::sync::mpsc;");
    accepts(check, "src/ring/spsc.rs", "use std::sync::atomic::AtomicU64; // Mutex");
    accepts(check, "src/core/mod.rs", "#[cfg(test)] mod tests { use std::sync::Mutex; }");
}

#[test]
fn a_float_in_a_rule_is_refused() {
    let check = no_floats_in_rules;
    refuses(check, "src/accounts/fees.rs", "fn f(rate: f64) {}");
    refuses(check, "src/matching/mod.rs", "const X: i64 = (2.5 * 3) as i64;");
    refuses(check, "src/orders.rs", "const X: i64 = 1f32 as i64;");
    accepts(check, "src/accounts/fees.rs", "fn f(x: (u8, (u8, u8))) { x.1.0; 0..5; 0x1f32; }");
    accepts(check, "src/cli/mod.rs", "fn f(rate: f64) {}");
    accepts(check, "src/orders.rs", "#[cfg(test)] mod tests { const SHARE: f64 = 0.5; }");
}

#[test]
fn a_silent_first_line_is_refused() {
    let check = first_line_says_what_it_is;
    assert_eq!(refused(check, "src/x.rs", "use std::fmt;\n//! Late.\n"), [1]);
    assert_eq!(refused(check, "src/x.rs", ""), [1]);
    assert_eq!(refused(check, "src/x.rs", "//!\n"), [1]);
    assert_eq!(refused(check, "src/x.rs", "//! What it is.\n"), [0; 0]);
}

#[test]
fn long_files_and_lines_are_refused() {
    let check = files_and_lines_end;
    assert_eq!(refused(check, "src/x.rs", &"x\n".repeat(1_000)), [1_000]);
    assert_eq!(refused(check, "src/x.rs", &"x\n".repeat(999)), [0; 0]);
    assert_eq!(refused(check, "codegen/events/src/x.rs", &"x\n".repeat(5_000)), [0; 0]);
    refuses(check, "src/x.rs", &"x".repeat(101));
    refuses(check, "src/x.rs", &format!("// {}", "x ".repeat(50)));
    refuses(check, ".ci/run", &"x".repeat(101));
    accepts(check, "src/x.rs", &"x".repeat(100));
    accepts(check, "src/x.rs", &format!("f(\"{}\");", "x".repeat(100)));
    accepts(check, "src/x.rs", &format!("f(r#\"{}\"#);", "x\"".repeat(60)));
    accepts(check, "src/x.rs", &format!("// https://example.org/{}", "x".repeat(90)));
}

#[test]
fn a_twin_that_shares_code_is_refused() {
    let check = twins_stand_alone;
    refuses(check, "tests/twin/book.rs", "use isochron::matching::Book;");
    refuses(check, "tests/twin/book.rs", "fn f() { isochron_events::decode(); }");
    refuses(check, "tests/twin/mod.rs", "use super::helper;");
    refuses(check, "tests/twin/mod.rs", "use crate::{helper, twin::book};");
    refuses(check, "tests/twin/mod.rs", "use isochron::{limits::PRICE_MAX, types::Price};");
    refuses(check, "tests/twin/mod.rs", "use xxhash_rust::xxh3;");
    refuses(check, "tests/twin/mod.rs", "#[path = \"../../src/matching/book.rs\"] mod book;");
    accepts(check, "tests/twin/book.rs", "use isochron::types::{Price, Side}; use super::Level;");
    accepts(check, "tests/twin/mod.rs", "use std::collections::BTreeMap; use crate::twin::book;");
    accepts(check, "tests/twin/book.rs", "#[path = \"words.rs\"] mod words; use words::*;");
    accepts(check, "tests/matching.rs", "use isochron::matching::Book;");
}

#[test]
fn a_stray_entry_is_refused() {
    let names = ["src", "notes.txt", "scripts", "target"].map(String::from);
    let found: Vec<String> = top_level_is_known(&names).into_iter().map(|o| o.path).collect();
    assert_eq!(found, ["notes.txt", "scripts"]);
}

#[test]
fn a_folder_of_one_machine_is_refused() {
    let check = no_foreign_folders;
    refuses(check, "docs/x.md", &format!("see /{}/main", "work"));
    refuses(check, "src/x.rs", &format!("// /tmp/{}/x", "wt"));
    accepts(check, "docs/x.md", "a network/workbench, /dev/shm");
}
