//! Verdicts, reports and lines of a subscriber that hears what a publisher sends, live and from a
//! recording.

use super::content::Line;
use super::follower::{Follower, Setting, Verdict};
use super::offline::{Lines, play};
use super::servers::Servers;
use super::{Args, capture, subscribe};
use clap::Parser;
use isochron_feeds::checksum::L3Checksum;
use isochron_feeds::mold::Session;
use isochron_feeds::publisher::Publisher;
use isochron_feeds::subscriber::Source;
use isochron_messages::{
    BookChecksum, EventFlags, InstrumentDefinition, Message, OrderAdded, Side,
};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddrV4};

const SETTING: Setting =
    Setting { session: None, drop_datagram: None, drop_line: None, messages: false, json: false };

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn parse(line: &str) -> Result<Args, clap::Error> {
    Cli::try_parse_from(line.split(' ')).map(|cli| cli.args)
}

#[test]
fn the_line_that_a_demo_prints_is_understood() {
    let line = "subscribe --group 239.77.1.1 --port 40000 --session 261122300A \
                --interface 127.0.0.1 --group-b 239.78.1.1 --port-b 41000 \
                --rerequest 127.0.0.1:1 --replay 127.0.0.1:2 --snapshot 127.0.0.1:3 --user demo";
    let args = parse(line).unwrap();
    assert_eq!(args.session.to_string(), "261122300A");
    assert_eq!(args.line_a().unwrap().to_string(), "239.77.1.1:40000 on 127.0.0.1");
    assert_eq!(args.line_b().unwrap().to_string(), "239.78.1.1:41000 on 127.0.0.1");
    let one = parse("subscribe --group 239.77.1.1 --port 1").unwrap();
    assert!(one.session.is_blank() && one.line_b().is_none());
    let both = parse("subscribe --group 239.77.1.1 --port 1 --interface-b 127.0.0.2").unwrap();
    assert_eq!(both.line_b().unwrap().to_string(), "239.77.1.1:1 on 127.0.0.2");
    for wrong in [
        "subscribe --group 239.77.1.1 --port 1 --session a-b",
        "subscribe --group 239.77.1.1",
        "subscribe --group 239.77.1.1 --port 1 --replay 127.0.0.1:1",
        "subscribe --group 239.77.1.1 --port 1 --symbol AAPL",
        "subscribe --from capture.pcap --replay 127.0.0.1:1 --user demo",
        "subscribe --from capture.pcap --record other.pcap",
        "subscribe --group 239.77.1.1 --port 1 --drop-datagram 0",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_cannot_be_listened_to_is_named() {
    for (line, part) in [
        ("subscribe --group 10.1.1.1 --port 1", "10.1.1.1 is no multicast group"),
        (
            "subscribe --group 239.77.1.1 --port 40000 --interface 203.0.113.77",
            "no such interface 203.0.113.77",
        ),
        (
            "subscribe --group 239.77.1.1 --port 1 --record /nowhere/file",
            "cannot record in /nowhere/file",
        ),
    ] {
        let error = subscribe(&parse(line).unwrap()).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

/// A session of a definition, `orders` orders and a checksum, one datagram each, and its end.
fn session_of(orders: u64, checksum_differs: bool) -> Vec<Vec<u8>> {
    let mut publisher = Publisher::new(Session::new("261122300A").unwrap(), 1, 0);
    let mut datagrams = Vec::new();
    let mut checksum = L3Checksum::new();
    let mut messages: Vec<Message> =
        vec![InstrumentDefinition { symbol: *b"AAPL\0\0\0\0", ..Default::default() }.into()];
    for order_id in 1..=orders {
        let (price, quantity, side) = (1_002_500, 10, Side::SELL);
        messages.push(OrderAdded { order_id, price, quantity, side, ..Default::default() }.into());
        checksum.order(order_id, price, quantity);
    }
    let checksum = checksum.finish() ^ u32::from(checksum_differs);
    let levels = u32::from(orders > 0);
    let orders = u32::try_from(orders).unwrap();
    messages.push(BookChecksum { checksum, orders, levels, ..Default::default() }.into());
    for (message, number) in messages.iter_mut().zip(1..) {
        message.set_instrument(1);
        message.set_instrument_sequence(number);
        message.set_flags(EventFlags::START_OF_EVENT | EventFlags::END_OF_EVENT);
        let mut bytes = [0; Message::ENCODED_LENGTH_MAX];
        let length = message.encode(&mut bytes).unwrap();
        publisher.on_message(&bytes[..length]).unwrap();
        datagrams.push(publisher.poll_datagram(0).unwrap().bytes.to_vec());
    }
    publisher.on_end(0);
    datagrams.push(publisher.poll_datagram(0).unwrap().bytes.to_vec());
    datagrams
}

fn follow(setting: Setting, datagrams: &[Vec<u8>]) -> (Follower, Vec<Line>) {
    let mut follower = Follower::new(setting, &Servers::default()).unwrap();
    for datagram in datagrams {
        follower.on_datagram(Source::LineA, datagram, 0);
    }
    follower.finish(0, false);
    let lines = follower.take_lines().collect();
    (follower, lines)
}

fn errors(lines: &[Line]) -> Vec<&str> {
    let errors = lines.iter().filter_map(|line| match line {
        Line::Error(text) => Some(text.as_str()),
        Line::Out(_) => None,
    });
    errors.collect()
}

#[test]
fn a_whole_session_is_complete() {
    let (mut follower, lines) = follow(SETTING, &session_of(2, false));
    assert_eq!(follower.verdict(), Verdict::Complete);
    assert_eq!(
        lines,
        [Line::Out("joined 261122300A".into()), Line::Out("session ended, next 5".into())]
    );
    let report = follower.report(0);
    let mut checksum = L3Checksum::new();
    checksum.order(1, 1_002_500, 10);
    checksum.order(2, 1_002_500, 10);
    let checksum = checksum.finish();
    let book = json!({"checksum": checksum, "orders": 2, "levels": 1, "complete": true});
    assert_eq!(report["checksums"], json!({"1": book}));
    assert_eq!(report["first_sequence"], 1);
    assert_eq!(report["next_sequence"], 5);
    assert_eq!((&report["lost"], &report["ended"]), (&json!(0), &json!(true)));
    assert_eq!(report["checksums_verified"], 1);
    assert_eq!(
        follower.content.book_lines().collect::<Vec<_>>(),
        [format!("instrument 1 AAPL: checksum {checksum:08x}, 2 orders")]
    );
    follower.on_second(1);
    assert_eq!(follower.status_line(0), "ended: next 5, 4 messages/s");
    follower.on_second(1);
    assert_eq!(follower.status_line(0), "ended: next 5, 0 messages/s");
    assert_eq!(
        follower.summary(),
        "session 261122300A: complete; [1, 5), 0 lost in 0 gaps, 1 checksums agreed, 0 did not"
    );
}

#[test]
fn a_datagram_thrown_away_is_a_named_gap() {
    let setting = Setting { drop_datagram: Some(3), ..SETTING };
    let (follower, lines) = follow(setting, &session_of(3, false));
    assert_eq!(follower.verdict(), Verdict::Broken);
    assert_eq!(
        errors(&lines)[..3],
        [
            "datagram 3 is thrown away, as asked for",
            "gap [3, 4): 1 messages missing",
            "lost [3, 4): 1 messages, book incomplete"
        ]
    );
    let report = follower.report(0);
    assert_eq!((&report["lost"], &report["gaps"]), (&json!(1), &json!(1)));
    assert_eq!(report["checksums"]["1"]["complete"], false);
}

#[test]
fn a_datagram_that_never_came_cannot_be_thrown_away() {
    let setting = Setting { drop_datagram: Some(99), ..SETTING };
    let (follower, lines) = follow(setting, &session_of(3, false));
    assert_eq!(follower.verdict(), Verdict::Complete);
    let came = follower.report(0)["data_datagrams"].as_u64().unwrap();
    let said = format!("datagram 99 was not thrown away: {came} with messages came");
    assert!(came > 0 && errors(&lines) == [said]);
}

#[test]
fn a_late_joiner_says_so() {
    let (follower, lines) = follow(SETTING, &session_of(3, false)[2..]);
    assert_eq!(follower.verdict(), Verdict::JoinedLate);
    assert_eq!(errors(&lines), ["261122300A: joined at 3, book incomplete"]);
    assert_eq!(follower.report(0)["first_sequence"], 3);

    let mut datagrams = session_of(3, false)[2..].to_vec();
    datagrams.remove(1);
    let (follower, _) = follow(SETTING, &datagrams);
    assert_eq!(follower.verdict(), Verdict::Broken, "loss comes before lateness");
}

#[test]
fn a_book_that_is_not_the_exchanges_is_broken() {
    let (follower, lines) = follow(SETTING, &session_of(1, true));
    assert_eq!(follower.verdict(), Verdict::Broken);
    let errors = errors(&lines);
    assert!(errors.len() == 1 && errors[0].starts_with("message 3: instrument 1 after event 0"));
}

#[test]
fn silence_before_the_end_is_broken() {
    let datagrams = session_of(1, false);
    let (follower, lines) = follow(SETTING, &datagrams[..3]);
    assert_eq!(follower.verdict(), Verdict::Broken);
    assert_eq!(errors(&lines), ["stopped before the session's end, at 4"]);
    let mut enough = Follower::new(SETTING, &Servers::default()).unwrap();
    enough.on_datagram(Source::LineA, &datagrams[0], 0);
    enough.finish(0, true);
    assert_eq!(enough.verdict(), Verdict::Complete, "whoever has seen enough misses nothing");
    let (nothing, lines) = follow(SETTING, &[]);
    assert_eq!((nothing.verdict(), lines), (Verdict::Broken, Vec::new()));
}

#[test]
fn foreign_datagrams_are_refused_by_name_and_do_no_harm() {
    let setting = Setting { session: Session::new("261122300A"), ..SETTING };
    let mut datagrams = session_of(1, false);
    datagrams.insert(1, b"hello".to_vec());
    datagrams.insert(2, b"OTHER     \0\0\0\0\0\0\0\x01\0\0".to_vec());
    let (follower, lines) = follow(setting, &datagrams);
    assert_eq!(follower.verdict(), Verdict::Complete);
    assert_eq!(
        errors(&lines),
        [
            "datagram refused: malformed: 5 bytes are no MoldUDP64 packet: its header has 20",
            "datagram refused: session OTHER heard where 261122300A was expected"
        ]
    );
    assert_eq!(follower.report(0)["refused"], 2);
}

#[test]
fn messages_become_lines_for_people_or_programs() {
    let datagrams = session_of(1, false);
    let (_, lines) = follow(Setting { messages: true, ..SETTING }, &datagrams[1..3]);
    let Line::Out(text) = &lines[1] else { panic!("{lines:?}") };
    assert!(text.starts_with("2 OrderAdded"), "{text}");

    let setting = Setting { messages: true, json: true, ..SETTING };
    let (_, lines) = follow(setting, &datagrams);
    let Line::Out(text) = &lines[1] else { panic!("{lines:?}") };
    let value: Value = serde_json::from_str(text).unwrap();
    assert_eq!((&value["sequence"], &value["message"]), (&json!(2), &json!("OrderAdded")));
    assert_eq!((&value["price"], &value["side"]), (&json!(1_002_500), &json!("sell")));
    assert_eq!(lines.len(), 3, "{lines:?}");
}

#[test]
fn a_message_of_another_schema_is_counted() {
    let mut publisher = Publisher::new(Session::new("S").unwrap(), 1, 0);
    publisher.on_message(b"not SBE").unwrap();
    publisher.on_end(0);
    let mut datagrams = Vec::new();
    while let Some(datagram) = publisher.poll_datagram(0) {
        datagrams.push(datagram.bytes.to_vec());
    }
    let (follower, lines) = follow(SETTING, &datagrams);
    assert_eq!(follower.verdict(), Verdict::Broken);
    assert_eq!(errors(&lines).len(), 1);
    assert_eq!(follower.report(0)["undecodable"], 1);
}

/// Where the lines of a recording went, and an answer to a request.
const SENDER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 5_000);
const A: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 77, 1, 3), 40_003);
const B: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 78, 1, 3), 41_003);
const ANSWER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 6_000);

const MS: u64 = 1_000_000;

fn recorded(datagrams: &[(u64, SocketAddrV4, &[u8])]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut recorder = capture::Recorder::new(&mut file).unwrap();
    for (time_ns, to, datagram) in datagrams {
        recorder.record(*time_ns, SENDER, *to, datagram).unwrap();
    }
    recorder.flush().unwrap();
    file
}

fn played(file: &[u8], lines: Lines) -> Follower {
    let mut follower = Follower::new(SETTING, &Servers::default()).unwrap();
    play(file, lines, None, &mut follower, |_, _| ()).unwrap();
    follower.finish(0, false);
    follower
}

#[test]
fn a_recording_comes_to_what_was_live() {
    let session = session_of(3, false);
    let (live, _) = follow(SETTING, &session);
    let datagrams: Vec<_> = session.iter().map(|datagram| (7 * MS, A, &datagram[..])).collect();
    let again = played(&recorded(&datagrams), Lines::default());
    assert_eq!(again.verdict(), Verdict::Complete);
    assert_eq!(again.report(7 * MS), live.report(7 * MS));
}

#[test]
fn a_recording_has_two_lines_and_answers() {
    let session = session_of(3, false);
    // The first three messages on A, the third and the fifth on B, the fourth as an answer.
    let datagrams = [
        (0, A, &session[0][..]),
        (1, A, &session[1]),
        (2, B, &session[2]),
        (3, A, &session[2]),
        (4, SocketAddrV4::new(*A.ip(), 9), b"another program's"),
        (5, B, &session[4]),
        (6, ANSWER, &session[3]),
        (7, B, &session[5]),
    ];
    let file = recorded(&datagrams);
    let follower = played(&file, Lines::default());
    assert_eq!(follower.verdict(), Verdict::Complete);
    let report = follower.report(0);
    assert_eq!(
        (&report["lines"]["a"]["datagrams"], &report["lines"]["b"]["datagrams"]),
        (&json!(3), &json!(3))
    );
    assert_eq!((&report["gaps"], &report["repaired_udp"]), (&json!(1), &json!(1)));
    assert_eq!(report["refused"], 0);
    // With the wrong group nothing is heard, with line A alone two messages are missing.
    let lines = |a| Lines { a: Some(a), b: None, given: true };
    assert_eq!(played(&file, lines(ANSWER)).session(), None);
    assert_eq!(played(&file, lines(A)).verdict(), Verdict::Broken);
}

#[test]
fn patience_in_a_recording_is_by_its_own_time() {
    let session = session_of(3, false);
    let with_late_answer = |time_ns: u64| {
        let datagrams = [
            (0, A, &session[0][..]),
            (MS, A, &session[2]),
            (time_ns, A, &session[1]),
            (time_ns, A, &session[3]),
            (time_ns, A, &session[4]),
            (time_ns, A, &session[5]),
        ];
        played(&recorded(&datagrams), Lines::default()).verdict()
    };
    assert_eq!(with_late_answer(20 * MS), Verdict::Complete, "19 ms after the gap");
    assert_eq!(with_late_answer(21 * MS), Verdict::Broken, "20 ms after it");
}
