//! The repair service as a process of its own: beside a publisher that is killed, and under ten
//! thousand connections.

use super::program::{Program, run, wait};
use super::repair::{Connected, alice, books, content};
use super::{Place, stop};
use isochron::net::allow_open_files;
use isochron_feeds::channel::{Channel, Product};
use isochron_feeds::mold::Session;
use isochron_messages::Message;
use isochron_recovery::access::{Access, Check, Entitlement, Purpose, Quota, Refusal, User};
use isochron_recovery::soup::LoginRequest;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};

/// The address that a start says in `line`.
fn address(line: &str, name: &str) -> String {
    let (_, rest) = line.split_once(&format!("{name}=\"")).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// The session of L3, once the publisher has begun it: a blank one is the richest there is so far.
fn l3(place: &Place) -> Session {
    wait("the session begins", || {
        let entries = fs::read_dir(place.store().join("feed")).ok()?.flatten();
        let names = entries.filter_map(|entry| Session::new(entry.file_name().to_str()?));
        let mut all = names.filter_map(|name| Some((Channel::of_session(name)?.product, name)));
        all.find(|(product, _)| *product == Product::L3).map(|(_, name)| name)
    })
}

/// What replays, before and after the publisher's death, is one stream; a snapshot is what the
/// replay up to its number leads to.
#[test]
fn replay_and_snapshot_outlive_the_publisher() {
    let place = Place::new(&alice());
    let core = place.serve("--only core --flow mix --rate 3000");
    let market_data = place.serve("--only market-data");
    let mut recovery = place.serve("--only recovery");
    let line = recovery.line_with(" recovery ");
    assert!(line.contains("users=1"), "{line}");
    let (replay, snapshots) = (address(&line, "replay"), address(&line, "snapshots"));
    let session = l3(&place);
    let mut whole = Connected::open(&replay, Purpose::Replay, session, 1);
    whole.until(2_000);
    market_data.signal("KILL");
    market_data.end();
    let market_data = place.serve("--only market-data");
    let so_far = whole.messages.len();
    whole.until(so_far + 3_000);
    let mut resumed = Connected::open(&replay, Purpose::Replay, session, 1_001);
    resumed.until(2_000);
    assert_eq!(resumed.first, 1_001);
    assert!(resumed.messages[..2_000] == whole.messages[1_000..3_000], "other bytes");

    let mut snapshot = Connected::open(&snapshots, Purpose::Snapshot, session, 1);
    snapshot.until(usize::MAX);
    assert_eq!((snapshot.session, whole.session), (Some(session), Some(session)));
    let last = snapshot.messages.last().map(|message| Message::decode(message).unwrap());
    let Some(Message::SnapshotComplete(complete)) = last else { panic!("{:?}", snapshot.said) };
    let included = complete.last_included_sequence as usize;
    whole.until(included);
    assert_eq!(content(&books(&snapshot.messages)), content(&books(&whole.messages[..included])));
    assert!(complete.orders > 0);

    // The service dies too: its next one goes on with the number that is wanted.
    recovery.signal("KILL");
    recovery.end();
    let mut recovery = place.serve("--only recovery");
    let replay = address(&recovery.line_with(" recovery "), "replay");
    let next = whole.messages.len() as u64 + 1;
    let mut resumed = Connected::open(&replay, Purpose::Replay, session, next);
    resumed.until(1_000);
    assert_eq!(resumed.first, next);

    stop(core);
    stop(market_data);
    stop(recovery);
}

/// Connections that say nothing.
const SILENT: u64 = 10_000;

/// Ten thousand connections that say nothing are taken and cut in the end, and a client among them
/// is served all the time.
#[test]
fn ten_thousand_connections_are_survived() {
    // Each side is a process of its own, and needs a few beside them.
    let files = SILENT + 1_000;
    let allowed = allow_open_files(files).unwrap();
    if allowed < files {
        println!("skipped: {allowed} open files are allowed here, {files} are needed");
        return;
    }
    let place = Place::new(&alice());
    let text = fs::read_to_string(place.config()).unwrap();
    let text = text
        .replace("connections_max = 4_096", "connections_max = 11_000")
        .replace("address_max = 256", "address_max = 11_000");
    assert_eq!(text.matches("11_000").count(), 2);
    fs::write(place.config(), text).unwrap();
    let core = place.serve("--only core,market-data --flow mix --rate 1000");
    let mut recovery = place.serve("--only recovery");
    let replay = address(&recovery.line_with(" recovery "), "replay");
    let mut client = Connected::open(&replay, Purpose::Replay, Session::BLANK, 1);
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.extend((0..SILENT / 10).map(|_| TcpStream::connect(&replay).unwrap()));
        let so_far = client.messages.len();
        client.until(so_far + 100);
    }
    let counter = |name: &str| counter(&place, name);
    wait("they are cut", || {
        let so_far = client.messages.len();
        client.until(so_far + 100);
        (counter("recovery-silent") >= SILENT).then_some(())
    });
    assert!(counter("recovery-accepted") > SILENT);
    drop(silent);
    let so_far = client.messages.len();
    client.until(so_far + 100);
    let said = stop(recovery);
    assert!(said.contains("connections for repair were cut: no login in time"), "{said}");
    stop(core);
}

/// A counter of the service's process.
fn counter(place: &Place, name: &str) -> u64 {
    let file = place.store().join("counters-recovery");
    let shown = run(["stat", file.to_str().unwrap(), "--once", "--all"]);
    let line = shown.out.lines().find(|line| line.split_whitespace().next() == Some(name));
    let value = line.and_then(|line| line.split_whitespace().nth(1)).unwrap();
    value.replace([',', '_'], "").parse().unwrap_or_else(|_| panic!("{}", shown.out))
}

/// What a start cannot use is said, with the key's line or the address.
#[test]
fn a_start_that_cannot_listen_says_where() {
    let place = Place::new(&alice());
    let _core = place.serve("--only core --flow mix --rate 100");
    let mut first: Program = place.serve("--only recovery");
    let taken = address(&first.line_with(" recovery "), "replay");
    let text = fs::read_to_string(place.config()).unwrap();
    let text = text.replacen("replay = \"127.0.0.1:0\"", &format!("replay = \"{taken}\""), 1);
    fs::write(place.config(), text).unwrap();
    let second = place.begin("--only recovery").end();
    assert_eq!(second.code, Some(2));
    let expected = format!("recovery cannot listen for replay at {taken}");
    assert!(second.errors.contains(&expected), "{}", second.errors);
}

/// What `isochron password` prints is a hash that a user may have; a password that no login can
/// carry is refused.
#[test]
fn a_password_becomes_a_hash() {
    let hashed = |password: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_isochron"));
        command.arg("password").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, hash) = hashed("Secret\n");
    assert_eq!(code, Some(0));
    let user = User {
        name: "alice".to_owned(),
        password_hash: hash.trim_end().to_owned(),
        entitlement: Entitlement::all(),
        quota: Quota::default(),
    };
    let mut access = Access::new(&[user], [0; 32]).unwrap();
    let source = [127, 0, 0, 1].into();
    for (password, check) in [
        ("secret", Check::Good),
        ("secreT", Check::Good),
        ("other", Check::Refused(Refusal::Unauthorized)),
    ] {
        let login = LoginRequest::new("alice", password, Session::BLANK, 1).unwrap();
        let _ = access.check(&login, source, 0);
        if let Some(verification) = access.poll_verification() {
            access.on_verified(verification.run());
        }
        assert_eq!(access.check(&login, source, 0), check, "{password}");
    }
    assert_ne!(hashed("Secret").1, hash, "a salt of its own");
    assert_eq!(hashed("elevenchars"), (Some(2), String::new()));
    assert_eq!(hashed(""), (Some(2), String::new()));
}
