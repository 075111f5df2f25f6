//! Each benchmark on a small stream: its result is checked there as in a long run.

use super::matching;
use super::report::Report;
use super::state_machine;
use super::stream::StreamArgs;
use clap::Parser;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    stream: StreamArgs,
}

fn args(words: &str) -> StreamArgs {
    let small = ["bench", "--operations", "20000", "--symbols", "7", "--live", "200"];
    Cli::parse_from(small.into_iter().chain(words.split_whitespace())).stream
}

/// The words of the last line after its figures: what was traded.
fn trades(report: &Report) -> &str {
    assert_eq!(report.fault, None);
    report.line.split_once(", trades ").expect("the line says what was traded").1
}

#[test]
fn the_books_alone_and_the_state_machine_trade_what_the_generator_says() {
    let books = matching::run(&matching::Args { stream: args("--seed 5 --passes 1") }).unwrap();
    assert!(books.line.starts_with("matching: ") && books.line.contains(" M ops/s, p50 "));
    let machine =
        state_machine::run(&state_machine::Args { stream: args("--seed 5 --passes 2") }).unwrap();
    assert!(machine.line.starts_with("state-machine: "));
    assert!(machine.line.contains(" M commands/s, p50 "));
    assert_eq!(trades(&books), trades(&machine));
    let other = matching::run(&matching::Args { stream: args("--seed 6 --passes 1") }).unwrap();
    assert_ne!(trades(&books), trades(&other));
}

#[test]
fn a_stream_that_was_written_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stream");
    let write = format!("--seed 5 --write {}", path.display());
    let written = matching::run(&matching::Args { stream: args(&write) }).unwrap();
    assert_eq!(written.line, "20000 operations written");
    let read = format!("--stream {}", path.display());
    let read = matching::run(&matching::Args { stream: args(&read) }).unwrap();
    let made = matching::run(&matching::Args { stream: args("--seed 5") }).unwrap();
    assert_eq!(trades(&read), trades(&made));

    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let cut = format!("--stream {}", path.display());
    assert!(matching::run(&matching::Args { stream: args(&cut) }).is_err());
}

#[test]
fn every_product_becomes_books_and_a_snapshot_is_taken() {
    let args = super::books::Args {
        commands: 2_000,
        orders: 5_000,
        seed: 3,
        directory: None,
        passes: 1,
        json: false,
    };
    let report = super::books::run(&args).expect("good feeds and a good snapshot");
    assert!(report.line.starts_with("books: ") && report.line.contains(" M updates/s L3, "));
}

#[test]
fn a_stream_reaches_the_standby_whole_with_and_without_loss() {
    let args = super::replication::Args {
        only: Vec::new(),
        messages: 3_000,
        sizes: vec![64, 288],
        passes: 1,
        threads: 2,
        round_trips: 100,
        standbys: vec![2],
        commit_rate: 2_000,
        seconds: 1,
        loss: vec![10],
        loss_rate: 30_000,
        directory: None,
        json: false,
    };
    let report = super::replication::run(&args).expect("a stream over loopback");
    assert_eq!(report.fault, None);
    assert!(report.line.contains("replication: 288 B "), "{}", report.line);
    assert_eq!(report.json["round_trip"]["count"], 100);
    assert_eq!(report.json["commit"][0]["publish_to_commit"]["count"], 2_000);
    let loss = &report.json["loss"][0];
    assert!(loss["repair"]["count"].as_u64() > Some(0) && loss["fast"]["naks"].as_u64() > Some(0));
}
