//! Verdicts, reports and lines of a subscriber that hears what a publisher sends.

use super::*;
use isochron_feeds::checksum::L3Checksum;
use isochron_feeds::publisher::Publisher;
use isochron_messages::{BookChecksum, EventFlags, InstrumentDefinition, OrderAdded};

const SETTING: Setting =
    Setting { session: None, drop_datagram: None, messages: false, json: false };

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
    let mut follower = Follower::new(setting);
    for datagram in datagrams {
        follower.on_datagram(datagram, 0);
    }
    follower.finish();
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
    let report = follower.report();
    let mut checksum = L3Checksum::new();
    checksum.order(1, 1_002_500, 10);
    checksum.order(2, 1_002_500, 10);
    let checksum = checksum.finish();
    let book = json!({"checksum": checksum, "orders": 2, "complete": true});
    assert_eq!(report["checksums"], json!({"1": book}));
    assert_eq!(report["first_sequence"], 1);
    assert_eq!(report["next_sequence"], 5);
    assert_eq!((&report["lost"], &report["ended"]), (&json!(0), &json!(true)));
    assert_eq!(report["checksums_verified"], 1);
    assert_eq!(
        follower.books().collect::<Vec<_>>(),
        [format!("instrument 1 AAPL: checksum {checksum:08x}, 2 orders")]
    );
    assert_eq!(follower.status(0), "ended: next 5, 4 messages/s");
    assert_eq!(follower.status(0), "ended: next 5, 0 messages/s");
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
    let report = follower.report();
    assert_eq!((&report["lost"], &report["gaps"]), (&json!(1), &json!(1)));
    assert_eq!(report["checksums"]["1"]["complete"], false);
}

#[test]
fn a_datagram_that_never_came_cannot_be_thrown_away() {
    let setting = Setting { drop_datagram: Some(99), ..SETTING };
    let (follower, lines) = follow(setting, &session_of(3, false));
    assert_eq!(follower.verdict(), Verdict::Complete);
    let came = follower.report()["data_datagrams"].as_u64().unwrap();
    let said = format!("datagram 99 was not thrown away: {came} with messages came");
    assert!(came > 0 && errors(&lines) == [said]);
}

#[test]
fn a_late_joiner_says_so() {
    let (follower, lines) = follow(SETTING, &session_of(3, false)[2..]);
    assert_eq!(follower.verdict(), Verdict::JoinedLate);
    assert_eq!(errors(&lines), ["261122300A: joined at 3, book incomplete"]);
    assert_eq!(follower.report()["first_sequence"], 3);

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
    assert_eq!(follower.report()["refused"], 2);
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
    assert_eq!(follower.report()["undecodable"], 1);
}

#[test]
fn prices_are_shown_in_currency_units() {
    assert_eq!(price(1_002_500), "100.2500");
    assert_eq!(price(-1), "-0.0001");
    assert_eq!(price(i64::MIN), "-922337203685477.5808");
}
