//! The real program when another process cuts its mapped files short: it says which, and ends with
//! an exit code of its own.

use crate::program::{Program, wait};
use isochron::store::{BUS_ERROR_EXIT_CODE, Identity, Options, StoreReader, StoreWriter, framed};
use isochron::types::Nanos;
use isochron_events::{EventHeader, SCHEMA_ID, SCHEMA_VERSION, Tick};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The default.
const TERM_BYTES: u64 = 64 * 1024 * 1024;

fn segment(directory: &Path, base: u64) -> PathBuf {
    directory.join(format!("{base:020}.log"))
}

fn cut_short(path: &Path, bytes: u64) {
    File::options().write(true).open(path).unwrap().set_len(bytes).unwrap();
}

/// The file and the position in a message of the program's.
fn named(errors: &str) -> (PathBuf, u64) {
    let line = errors.lines().find(|line| line.contains("has lost its byte"));
    let line = line.unwrap_or_else(|| panic!("no file is named: {errors}"));
    let (path, rest) = line.split_once(" has lost its byte ").unwrap();
    let (_, rest) = rest.split_once(", position ").unwrap();
    let (position, _) = rest.split_once(' ').unwrap();
    (path.strip_prefix("isochron: ").unwrap().into(), position.parse().unwrap())
}

#[test]
fn an_exchange_names_the_live_segment_that_was_cut_short() {
    let here = tempfile::tempdir().unwrap();
    let store = here.path().join("store");
    let arguments = ["--seconds", "600", "--rate", "2000", "--subscribers", "0", "--store"];
    let exchange =
        Program::start(["demo"].into_iter().chain(arguments).chain([store.to_str().unwrap()]));
    let reached = wait("the exchange trades", || {
        let mut reader = StoreReader::attach(&store, None).ok()?;
        let end = reader.end().ok()?.get();
        (end > 100_000).then_some(end)
    });
    assert!(reached < TERM_BYTES, "it is in its first segment");
    cut_short(&segment(&store, 0), 0);
    let ended = exchange.end();
    assert_eq!(ended.code, Some(BUS_ERROR_EXIT_CODE), "{}", ended.errors);
    let (path, position) = named(&ended.errors);
    assert_eq!(path, segment(&store, 0));
    assert!(position < TERM_BYTES, "{position}");
}

/// Appends a tick, as the core would.
fn append(writer: &mut StoreWriter, sequence: u64) {
    let header = EventHeader {
        sequence,
        timestamp: sequence,
        cause: sequence,
        flags: 3,
        ..Default::default()
    };
    let tick = Tick { header, ..Default::default() };
    let mut transaction = writer.begin(framed(Tick::ENCODED_LENGTH)).unwrap();
    transaction.append(Tick::ENCODED_LENGTH, |bytes| {
        tick.encode(bytes).unwrap();
    });
    transaction.finish();
}

#[test]
fn a_reader_names_the_segment_that_was_cut_short_under_it() {
    let store = tempfile::tempdir().unwrap();
    let identity = Identity {
        exchange: "TEST".to_owned(),
        exchange_number: 1,
        node: 1,
        schema_id: SCHEMA_ID,
        schema_version: SCHEMA_VERSION,
    };
    let options = Options { term_bytes: 64 * 1024, ..Options::new(store.path(), identity) };
    let (mut writer, _) = StoreWriter::open(&options, Nanos(0)).unwrap();
    append(&mut writer, 1);
    let mut reader = Program::start(["inspect", "--follow", store.path().to_str().unwrap()]);
    reader.line_with("Tick");
    // It stands still while the log goes on and the segment goes away, so that it reads there next.
    reader.signal("STOP");
    let stood_at = writer.position().get();
    (2..100).for_each(|sequence| append(&mut writer, sequence));
    let end = writer.position().get();
    cut_short(&segment(store.path(), 0), 0);
    reader.signal("CONT");
    let ended = reader.end();
    assert_eq!(ended.code, Some(BUS_ERROR_EXIT_CODE), "{}", ended.errors);
    let (path, position) = named(&ended.errors);
    assert_eq!(path, segment(store.path(), 0));
    assert!((stood_at..end).contains(&position), "{position} of {stood_at} to {end}");
}
