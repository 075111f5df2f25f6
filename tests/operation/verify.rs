//! `isochron verify`: a sound log, and logs that each have one fault.

use super::market::{
    self, Market, OPEN_NS, log_of_two_epochs, next, store_options, wait_until_released,
};
use super::run;
use isochron::state_machine::{Replay, StateMachine};
use isochron::store::{StoreWriter, framed};
use isochron::types::{Nanos, Position};
use isochron_events::*;
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const TERM_BYTES: u64 = 64 * 1024;

fn verdict(directory: &Path, code: i32) -> Value {
    let ran = run("verify", directory, "--json");
    assert_eq!((ran.code, ran.error.as_str()), (Some(code), ""), "{ran:?}");
    ran.json().pop().expect("a line")
}

/// The segment that a position lies in.
fn segment(directory: &Path, position: u64) -> PathBuf {
    directory.join(format!("{:020}.log", position / TERM_BYTES * TERM_BYTES))
}

/// Changes one byte of the log.
fn flip(directory: &Path, position: u64, mask: u8) {
    let file = OpenOptions::new().read(true).write(true).open(segment(directory, position));
    let file = file.expect("the segment is there");
    let mut byte = [0];
    file.read_exact_at(&mut byte, position % TERM_BYTES).unwrap();
    file.write_all_at(&[byte[0] ^ mask], position % TERM_BYTES).unwrap();
}

#[test]
fn a_sound_log_is_found_sound_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    log_of_two_epochs(directory.path(), 11);
    let log = market::read(directory.path());
    let mut replay = Replay::new(StateMachine::new());
    for (_, event) in &log {
        replay.on_event(event).unwrap();
    }
    let report = verdict(directory.path(), 0);
    assert_eq!(report["verdict"], json!("sound"));
    assert_eq!(report["fault"], Value::Null);
    assert_eq!(report["events"], json!(log.len()));
    assert_eq!(report["commands"], json!(log.last().unwrap().1.header().sequence));
    assert_eq!(report["transactions"], report["commands"], "each command is a transaction");
    assert_eq!(report["epochs"], json!(2));
    assert_eq!(report["conservation_checks"], json!(1));
    let hash = format!("{:032x}", replay.machine().state_hash());
    assert_eq!(report["state_hash"], json!(hash));
    let ran = run("verify", directory.path(), "--every 50");
    assert_eq!((ran.code, ran.error.as_str()), (Some(0), ""), "no bar in a pipe");
    let times = 1 + report["commands"].as_u64().unwrap() / 50;
    assert!(ran.out.starts_with("sound: ") && ran.out.contains(&hash), "{}", ran.out);
    assert!(ran.out.contains(&format!("checked {times} times")), "{}", ran.out);
}

#[test]
fn a_flipped_byte_anywhere_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    log_of_two_epochs(directory, 12);
    let log = market::read(directory);
    let end = verdict(directory, 0)["position"].as_u64().unwrap();
    assert!(end > 2 * TERM_BYTES, "the log has three segments");
    let mut state = 99;
    for _ in 0..60 {
        let (position, mask) = (next(&mut state) % end, 1 << (next(&mut state) % 8));
        flip(directory, position, mask);
        let report = verdict(directory, 1);
        let place = report["fault"]["position"].as_u64().expect("it has a place");
        // The fault is named at the frame that the byte is in; padding before a term's end is a
        // frame too, and no event.
        let frame = log.iter().rev().map(|(p, _)| p.0).find(|p| *p <= position).unwrap();
        assert!((frame..=position).contains(&place), "byte {position}: {report}");
        assert_eq!(report["fault"]["check"], json!("frame"), "{report}");
        flip(directory, position, mask);
    }
    verdict(directory, 0);
    let position = log[10].0.0;
    flip(directory, position + 40, 1);
    let ran = run("verify", directory, "");
    assert_eq!(ran.code, Some(1));
    let begin = format!("FAULT frame: position {position}: ");
    assert!(ran.out.starts_with(&begin) && ran.out.contains("CRC"), "{}", ran.out);
}

#[test]
fn what_a_writer_that_died_had_committed_must_be_there() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let mut market = Market::open(directory, OPEN_NS);
    market.set_up();
    let end = market.position().0;
    let hash = format!("{:032x}", market.state_hash());
    // Nothing is closed or synced.
    market.die();
    let report = verdict(directory, 0);
    assert_eq!((&report["position"], &report["state_hash"]), (&json!(end), &json!(hash)));
    assert_eq!(report["tail"], Value::Null);

    // A torn transaction behind the end was never committed.
    flip(directory, end + 4, 0xff);
    let report = verdict(directory, 0);
    assert_eq!(report["position"], json!(end));
    let tail = report["tail"].as_str().expect("the tail is named");
    assert!(tail.contains(&format!("from {end} on")), "{tail}");
    flip(directory, end + 4, 0xff);

    // Committed, not synced, and damaged.
    let log = market::read(directory);
    let position = log[log.len() - 4].0.0;
    flip(directory, position + 50, 4);
    let report = verdict(directory, 1);
    assert_eq!(report["fault"]["position"], json!(position));
    let message = report["fault"]["message"].as_str().unwrap();
    assert!(message.contains(&format!("committed to {end}")), "{message}");
}

#[test]
fn a_log_that_is_being_written_is_verified_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let mut market = Market::open(directory.path(), OPEN_NS);
    market.set_up();
    market.trade(&mut 13, 100);
    let report = verdict(directory.path(), 0);
    assert_eq!(report["position"], json!(market.position().0));
    assert_eq!(report["commands"], json!(market.sequence()));
    flip(directory.path(), 1_000, 1);
    assert_eq!(verdict(directory.path(), 1)["fault"]["check"], json!("frame"));
}

/// A log whose frames are whole, with these transactions after the beginning of an epoch.
fn written(directory: &Path, begin: EpochStarted, transactions: &[Vec<Message>]) -> Vec<Position> {
    let (mut writer, _) = StoreWriter::open(&store_options(directory), Nanos(1)).unwrap();
    let begin = vec![Message::from(begin)];
    let mut ends = Vec::new();
    for (sequence, messages) in (1..).zip(std::iter::once(&begin).chain(transactions)) {
        let bytes = messages.iter().map(|message| framed(message.encoded_length())).sum();
        let mut transaction = writer.begin(bytes).unwrap();
        for (at, message) in messages.iter().enumerate() {
            let mut message = *message;
            let header = message.header_mut();
            let flags = if at + 1 == messages.len() { 3 } else { 0 };
            // What a case has set stays.
            header.sequence = if header.sequence == 0 { sequence } else { header.sequence };
            header.timestamp = if header.timestamp == 0 { sequence } else { header.timestamp };
            header.cause = if header.cause == 0 { sequence } else { header.cause };
            header.flags = if header.flags == 0 { flags } else { header.flags };
            transaction.append(message.encoded_length(), |bytes| {
                message.encode(bytes).expect("it fits");
            });
        }
        ends.push(transaction.finish());
    }
    writer.close().unwrap();
    wait_until_released(directory);
    ends
}

/// What is wrong with a log of these transactions, which stands at the start of the last one.
fn fault_of(begin: EpochStarted, transactions: &[Vec<Message>]) -> (String, String) {
    let directory = tempfile::tempdir().unwrap();
    let ends = written(directory.path(), begin, transactions);
    let report = verdict(directory.path(), 1);
    let fault = &report["fault"];
    let place = fault["position"].as_u64().expect("it has a place");
    let last = if transactions.is_empty() { 0 } else { ends[ends.len() - 2].0 };
    assert!((last..ends[ends.len() - 1].0).contains(&place), "{report}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&fault["check"]), text(&fault["message"]))
}

#[test]
fn a_log_that_lies_is_found_out() {
    let begin = EpochStarted { epoch: 1, node: 1, rules_version: 1, ..Default::default() };
    let define: Message = DefineMember { member: 1, ..Default::default() }.into();
    let applied = |subject| -> Message {
        AdministrationApplied { subject, command: 15, ..Default::default() }.into()
    };
    let honest = vec![define, applied(1)];
    let with = |mut message: Message, header: EventHeader| {
        *message.header_mut() = header;
        message
    };
    let header = EventHeader::default;

    let (check, message) = fault_of(begin, &[vec![define, applied(2)]]);
    assert_eq!(check, "outcome");
    assert!(message.contains("subject=1") && message.contains("subject=2"), "{message}");
    let (check, message) = fault_of(begin, &[vec![define]]);
    assert_eq!((check.as_str(), message.contains("logged nothing more")), ("outcome", true));
    let gap = with(define, EventHeader { sequence: 9, cause: 9, ..header() });
    let (check, message) = fault_of(begin, &[vec![gap]]);
    assert_eq!((check.as_str(), message.as_str()), ("sequence", "command 9 where 2 was due"));
    let foreign = with(define, EventHeader { cause: 1, ..header() });
    let (check, message) = fault_of(begin, &[vec![foreign]]);
    assert_eq!((check.as_str(), message.as_str()), ("sequence", "command 2 has the cause 1"));
    let again = DefineMember { member: 1, ..Default::default() };
    let late = with(again.into(), EventHeader { timestamp: 1, ..header() });
    let (check, _) = fault_of(begin, &[honest.clone(), vec![late, applied(1)]]);
    assert_eq!(check, "time");

    let (check, message) = fault_of(EpochStarted { base_position: 64, ..begin }, &[]);
    assert_eq!(check, "epoch");
    assert!(message.contains("begins at 64, the log is at 0"), "{message}");
    let (check, message) = fault_of(EpochStarted { epoch: 7, ..begin }, &[]);
    assert_eq!(check, "epoch", "{message}");
    let (check, message) = fault_of(EpochStarted { chain_at_base: 5, ..begin }, &[]);
    assert_eq!(check, "chain");
    assert!(message.contains("0000000000000005"), "{message}");

    // And the same way of writing gives a sound log where nothing is wrong.
    let directory = tempfile::tempdir().unwrap();
    written(directory.path(), begin, &[honest]);
    assert_eq!(verdict(directory.path(), 0)["events"], json!(3));
}

#[test]
fn commands_that_no_client_sends_are_judged_and_break_nothing() {
    let honest = tempfile::tempdir().unwrap();
    log_of_two_epochs(honest.path(), 15);
    let log = market::read(honest.path());
    let transactions: Vec<Vec<Message>> = log
        .chunk_by(|left, right| left.1.header().sequence == right.1.header().sequence)
        .map(|events| events.iter().map(|(_, event)| *event).collect())
        .take(250)
        .collect();
    let Message::EpochStarted(begin) = transactions[0][0] else { panic!("an epoch begins it") };
    let whole = tempfile::tempdir().unwrap();
    written(whole.path(), begin, &transactions[1..]);
    verdict(whole.path(), 0);
    let mut state = 16;
    let mut refused = 0;
    for _ in 0..60 {
        let mut changed = transactions[1..].to_vec();
        changed.truncate(1 + next(&mut state) as usize % changed.len());
        // Bytes behind the header of the last command are anything; the log goes on as it was.
        let command = &mut changed.last_mut().expect("one is left")[0];
        let mut bytes = vec![0; command.encoded_length()];
        command.encode(&mut bytes).unwrap();
        for _ in 0..1 + next(&mut state) % 8 {
            let at = 40 + next(&mut state) as usize % (bytes.len() - 40);
            bytes[at] = next(&mut state) as u8;
        }
        *command = Message::decode(&bytes).unwrap();
        let directory = tempfile::tempdir().unwrap();
        written(directory.path(), begin, &changed);
        let ran = run("verify", directory.path(), "");
        assert!(matches!(ran.code, Some(0 | 1)), "{:?}: {ran:?}", changed.last());
        refused += i32::from(ran.code == Some(1));
        let ran = run("inspect", directory.path(), "");
        assert_eq!((ran.code, ran.error.as_str()), (Some(0), ""));
    }
    assert!(refused > 20, "{refused} of 60 were refused");
}

#[test]
fn what_cannot_be_judged_has_another_code_than_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    log_of_two_epochs(directory, 14);
    let lost = segment(directory, TERM_BYTES);
    let kept = fs::read(&lost).unwrap();
    fs::remove_file(&lost).unwrap();
    let fault = verdict(directory, 1);
    assert!(fault["fault"]["message"].as_str().unwrap().contains("is missing"), "{fault}");
    fs::write(&lost, &kept[1..]).unwrap();
    let fault = verdict(directory, 1);
    assert!(fault["fault"]["message"].as_str().unwrap().contains("65535 bytes"), "{fault}");
    fs::write(&lost, &kept).unwrap();
    verdict(directory, 0);

    // What says whose log it is has a checksum of its own, and the log is none without it.
    let meta = directory.join("meta");
    let kept = fs::read(&meta).unwrap();
    for at in 0..kept.len() {
        let mut bytes = kept.clone();
        bytes[at] ^= 0x10;
        fs::write(&meta, &bytes).unwrap();
        let ran = run("verify", directory, "");
        assert!(matches!(ran.code, Some(1 | 2)), "byte {at} of meta: {ran:?}");
        let said = format!("{}{}", ran.out, ran.error);
        assert!(said.contains("meta") || said.contains("store"), "byte {at}: {said}");
    }
    fs::write(&meta, &kept).unwrap();
    verdict(directory, 0);

    // A store of another schema is not ours to judge.
    let other = tempfile::tempdir().unwrap();
    let mut options = store_options(other.path());
    options.identity.schema_id = 99;
    StoreWriter::open(&options, Nanos(1)).unwrap().0.close().unwrap();
    let ran = run("verify", other.path(), "--json");
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(ran.error.contains("schema") && ran.error.contains("99"), "{}", ran.error);
}
