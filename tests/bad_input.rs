//! What is wrong from outside is refused with rule and values, by every command and by the core.
//!
//! No refusal is a panic (`program` looks), none has exit code 0, and none changes a file. What
//! orders and administration can have wrong is in `tests/orders/bad_input.txt`; damage inside a
//! log is in the store's own tests.

#[path = "bad_input/lost_files.rs"]
mod lost_files;
mod program;

use std::fs;
use std::io::Cursor;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;

use isochron::core::{Options, Sequencer, Taken};
use isochron::demo::flow::{Flow, Lobster};
use isochron::state_machine::{Capacity, command_origin_mut};
use isochron::store::{Identity, Options as StoreOptions};
use isochron::types::Nanos;
use isochron_events::{CommandOrigin, SCHEMA_ID, SCHEMA_VERSION};
use program::{Ended, Program, content, run};
use serde_json::Value;

/// Bytes of a segment of the stores made here: the least that there can be.
const TERM_BYTES: usize = 64 * 1024;

fn identity(exchange: &str) -> Identity {
    Identity {
        exchange: exchange.to_owned(),
        exchange_number: 1,
        node: 1,
        schema_id: SCHEMA_ID,
        schema_version: SCHEMA_VERSION,
    }
}

fn options(directory: &Path, identity: Identity) -> Options {
    let store = StoreOptions { term_bytes: TERM_BYTES, ..StoreOptions::new(directory, identity) };
    Options { store, capacity: Capacity::default() }
}

/// A store with an exchange's administration in it, closed.
fn make_store(directory: &Path, identity: Identity) {
    let (mut sequencer, _) = Sequencer::open(&options(directory, identity), Nanos(1)).unwrap();
    let empty = Box::new(Cursor::new(Vec::new()));
    let setup = Lobster::new("TEST_1_message.csv", 20_261_122, empty).setup();
    for (mut command, number) in setup.into_iter().zip(1..) {
        *command_origin_mut(&mut command).unwrap() =
            CommandOrigin { source: 1, source_sequence: number };
        let mut bytes = vec![0; command.encoded_length()];
        command.encode(&mut bytes).unwrap();
        assert_eq!(sequencer.take(&bytes, Nanos(1)), Taken::Executed);
    }
    sequencer.close().unwrap();
}

/// All files that a writer must not touch before it knows that the store is right; the control
/// page and the lock say who tried last.
fn kept(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = content(directory);
    files.retain(|(path, _)| !path.ends_with("control") && !path.ends_with("lock"));
    files
}

/// The store's first segment.
fn segment(directory: &Path) -> PathBuf {
    directory.join(format!("{:020}.log", 0))
}

fn refused(ended: &Ended, parts: &[&str]) {
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{ended:?}");
    for part in parts {
        assert!(ended.errors.contains(part), "{part:?} in {}", ended.errors);
    }
    assert_eq!(ended.left, [] as [PathBuf; 0]);
}

/// Why the core does not start there.
fn refusal(directory: &Path, identity: Identity) -> String {
    match Sequencer::open(&options(directory, identity), Nanos(2)) {
        Ok(_) => panic!("the core opened {}", directory.display()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_store_that_is_none_or_another_is_refused_and_not_touched() {
    let here = tempfile::tempdir().unwrap();
    let foreign = here.path().join("foreign");
    make_store(&foreign, identity("OTHER"));
    let other = &foreign;
    let damage = |name: &str, part: &str, damage: &dyn Fn(&Path)| {
        let directory = here.path().join(name);
        make_store(&directory, identity("ISOCHRON"));
        assert_eq!(run(["replay".as_ref(), directory.as_os_str()]).code, Some(0));
        damage(&directory);
        let before = kept(&directory);
        let replayed = run(["replay".as_ref(), directory.as_os_str()]);
        refused(&replayed, &[part, directory.to_str().unwrap()]);
        let of_core = refusal(&directory, identity("ISOCHRON"));
        assert!(of_core.contains(part), "{part:?} in {of_core}");
        assert!(kept(&directory) == before, "{name}: a refused store was changed");
    };
    let cut = |path: PathBuf, bytes| {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(bytes).unwrap();
    };
    damage("truncated", "has 40000 bytes, a segment of this store has 65536", &|directory| {
        cut(segment(directory), 40_000);
    });
    damage("longer", "has 65568 bytes, a segment of this store has 65536", &|directory| {
        cut(segment(directory), 65_568);
    });
    damage("foreign-segment", "the frame at 0 is another log's: session", &|directory| {
        fs::copy(segment(other), segment(directory)).unwrap();
    });
    damage("no-segment", "00000000000000000000.log", &|directory| {
        fs::remove_file(segment(directory)).unwrap();
    });
    damage("meta-cut", "meta", &|directory| cut(directory.join("meta"), 100));
    damage("meta-text", "meta", &|directory| {
        fs::write(directory.join("meta"), "x".repeat(128)).unwrap();
    });
}

#[test]
fn another_exchange_node_schema_or_version_is_named() {
    let here = tempfile::tempdir().unwrap();
    make_store(here.path(), identity("ISOCHRON"));
    let before = content(here.path());
    let good = || identity("ISOCHRON");
    for (identity, parts) in [
        (identity("OTHER"), ["ISOCHRON".to_owned(), "OTHER".to_owned()]),
        (Identity { exchange_number: 77, ..good() }, ["is 1".to_owned(), "77".to_owned()]),
        (Identity { node: 9, ..good() }, ["node".to_owned(), "9".to_owned()]),
        (
            Identity { schema_id: SCHEMA_ID + 5, ..good() },
            ["schema id".to_owned(), (SCHEMA_ID + 5).to_string()],
        ),
        (
            Identity { schema_version: SCHEMA_VERSION + 3, ..good() },
            ["schema version".to_owned(), (SCHEMA_VERSION + 3).to_string()],
        ),
    ] {
        let error = refusal(here.path(), identity);
        assert!(parts.iter().all(|part| error.contains(part)), "{parts:?} in {error}");
    }
    assert!(content(here.path()) == before, "a refused store was changed");

    // What the command says of a log that another program wrote.
    for (name, written) in [
        ("schema id", Identity { schema_id: SCHEMA_ID + 5, ..good() }),
        ("schema version", Identity { schema_version: SCHEMA_VERSION + 3, ..good() }),
    ] {
        let other = here.path().join(name.replace(' ', "-"));
        make_store(&other, written);
        refused(&run(["replay".as_ref(), other.as_os_str()]), &[name]);
    }
}

#[test]
fn replay_says_where_there_is_no_store() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("file");
    fs::write(&file, "no store").unwrap();
    for directory in [here.path().to_path_buf(), here.path().join("missing"), file] {
        let ended = run(["replay".as_ref(), directory.as_os_str()]);
        refused(&ended, &[directory.to_str().unwrap()]);
        let times = ended.errors.matches(directory.to_str().unwrap()).count();
        assert_eq!(times, 1, "said once: {}", ended.errors);
    }
    let before = content(here.path());
    let file = here.path().join("file");
    refused(&run(["demo".as_ref(), "--store".as_ref(), file.as_os_str()]), &["file"]);
    assert!(content(here.path()) == before && !here.path().join("missing").exists());
}

#[test]
fn a_second_writer_is_told_who_is_the_first() {
    let here = tempfile::tempdir().unwrap();
    let store = here.path().join("store");
    let store_text = store.to_str().unwrap();
    let arguments = ["demo", "--seconds", "600", "--rate", "500", "--store", store_text];
    let mut demo = Program::start(arguments.into_iter().chain(["--subscribers", "1"]));
    demo.line_with("  1 s ");
    let pid = demo.pid().to_string();
    let error = refusal(&store, identity("ISOCHRON"));
    let (directory, process) = (store_text.to_owned(), format!("process {pid}"));
    assert!(error.contains(&directory) && error.contains(&process), "{error}");
    refused(&run(["demo", "--store", store_text]), &[store_text]);
    // To read is open to everybody at any time, and the writer is not disturbed.
    let replayed = run(["replay", "--json", store_text]);
    assert_eq!(replayed.code, Some(0), "{}", replayed.errors);
    let replayed: Value = serde_json::from_str(&replayed.out).unwrap();
    demo.signal("INT");
    let ended = demo.end();
    assert_eq!(ended.code, Some(0), "{}", ended.out);
    let whole = run(["replay", "--json", store_text]);
    let whole: Value = serde_json::from_str(&whole.out).unwrap();
    assert!(whole["events"].as_u64() >= replayed["events"].as_u64());
    assert!(ended.out.contains(whole["state_hash"].as_str().unwrap()));
}

/// Plays a file to its end; its report.
fn play(path: &Path) -> Value {
    let json = path.with_extension("json");
    let flow = format!("lobster:{}", path.display());
    let arguments = ["demo", "--flow", &flow, "--speed", "max", "--subscribers", "1", "--json"];
    let ended = run(arguments.into_iter().chain([json.to_str().unwrap()]));
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{}", ended.out);
    serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap()
}

#[test]
fn no_order_file_is_fatal_but_one_that_cannot_be_opened() {
    let here = tempfile::tempdir().unwrap();
    let missing = here.path().join("missing.csv");
    for path in [&missing, here.path()] {
        let flow = format!("lobster:{}", path.display());
        refused(&run(["demo", "--flow", &flow]), &[path.to_str().unwrap()]);
    }
    assert!(!missing.exists());

    let file = |name: &str, bytes: &[u8]| {
        let path = here.path().join(name);
        fs::write(&path, bytes).unwrap();
        play(&path)
    };
    let input = |report: &Value, name: &str| report["input"][name].as_u64().unwrap();
    let empty = file("empty.csv", b"");
    assert_eq!((&empty["commands"], input(&empty, "rows")), (&0.into(), 0));

    // splitmix64: bytes of all kinds, but no line that could by chance be a row.
    let mut state = 7_u64;
    let binary: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB) as u8
    })
    .filter(|byte| *byte != b',')
    .take(20_000)
    .collect();
    let binary = file("binary.csv", &binary);
    assert_eq!(binary["commands"], 0);
    assert!(input(&binary, "rows") > 10 && input(&binary, "rows") == input(&binary, "broken rows"));

    // A compressed file that breaks off: what came before is played, the place is named.
    let row = |n: u64| format!("34200.{n:09},1,{n},100,1000000,1\n");
    let rows: String = (1..=50_000).map(row).collect();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, rows.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let torn = file("torn.csv.gz", &packed[..packed.len() / 2]);
    let (rows, broken) = (input(&torn, "rows"), input(&torn, "broken rows"));
    assert_eq!(broken, 1);
    assert!((1_000..50_000).contains(&rows), "{rows}");
    assert_eq!(torn["commands"].as_u64(), Some(rows - 1), "each row before it is an order");
    let named = torn["input"].as_object().unwrap().iter();
    let named: Vec<_> = named.filter(|(name, _)| name.starts_with("odd row")).collect();
    assert!(named.len() == 1 && named[0].1.as_u64() == Some(rows), "{named:?}");
}

#[test]
fn what_the_network_does_not_give_is_named() {
    let demo = |arguments: &[&str]| run(["demo"].iter().chain(arguments));
    let subscribe = |arguments: &[&str]| run(["subscribe"].iter().chain(arguments));
    // Documentation addresses (RFC 5737), which no machine has.
    refused(&demo(&["--interface", "203.0.113.77"]), &["no such interface 203.0.113.77"]);
    refused(&demo(&["--group", "10.1.2.3"]), &["10.1.2.3 is no multicast group"]);
    let group = ["--group", "239.77.1.9"];
    refused(
        &subscribe(&[&group[..], &["--port", "40000", "--interface", "203.0.113.77"]].concat()),
        &["no such interface 203.0.113.77"],
    );
    refused(
        &subscribe(&["--group", "10.1.2.3", "--port", "40000"]),
        &["10.1.2.3 is no multicast group"],
    );
    refused(&subscribe(&[&group[..], &["--port", "0"]].concat()), &["0"]);
    let session = ["--port", "40000", "--session", "ELEVENCHARS"];
    refused(&subscribe(&[&group[..], &session].concat()), &["ELEVENCHARS"]);

    // A stranger who shares with nobody.
    let stranger = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = stranger.local_addr().unwrap().port().to_string();
    refused(&demo(&["--port", &port]), &[&port, "in use"]);
    refused(&subscribe(&[&group[..], &["--port", &port]].concat()), &[&port, "in use"]);
    // Nor does a second demo send into the first one's feed.
    drop(stranger);
    let mut first = Program::start(["demo", "--seconds", "600", "--rate", "500"]);
    let line = first.line_with(" subscribe --group ");
    let port = line.split_whitespace().skip_while(|word| *word != "--port").nth(1).unwrap();
    refused(&demo(&["--port", port]), &[port, "in use"]);
    first.signal("INT");
    assert_eq!(first.end().code, Some(0));
}

#[test]
fn a_machine_without_multicast_is_named() {
    // A network of its own, whose only interface is down.
    let probe = Command::new("unshare").args(["-rn", "true"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        println!("skipped: unshare -rn is not allowed here");
        return;
    }
    let mut command = Command::new("unshare");
    command.args(["-rn", env!("CARGO_BIN_EXE_isochron"), "demo"]);
    refused(&Program::start_command(command).end(), &["no multicast", "127.0.0.1", "239.77.1.1"]);
}

#[test]
fn a_counters_file_that_holds_something_else_is_not_written_over() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("diary");
    fs::write(&file, "Dear diary").unwrap();
    let arguments = ["subscribe", "--group", "239.77.1.9", "--port", "40001", "--counters"];
    refused(&run(arguments.into_iter().chain([file.to_str().unwrap()])), &["diary"]);
    assert_eq!(fs::read(&file).unwrap(), b"Dear diary");
}
