//! Each message against bytes that were written by hand, and what no message is.

use super::*;

fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks_exact(2).map(byte).collect()
}

/// A message is these bytes, and these bytes are that message.
fn check(message: &Message<'_>, text: &str) {
    let expected = bytes(text);
    let mut emitted = Vec::new();
    message.emit(&mut emitted);
    assert_eq!(emitted, expected, "{message}");
    let header = Header::parse(expected.first_chunk().unwrap()).unwrap();
    let content = if let Message::Bytes { content, .. } = message { *content } else { 0 };
    assert_eq!(header, Header { kind: message.kind(), length: expected.len() + content });
    assert_eq!(&Message::parse(header, &expected).unwrap(), message);
}

fn place(position: u64, chain: u64) -> LogPlace {
    LogPlace { position: Position(position), chain: Chain(chain) }
}

#[test]
fn greetings_are_their_bytes() {
    let peer = Peer {
        exchange_digest: 0x1122_3344_5566_7788,
        exchange_number: -2,
        node: 3,
        schema_id: 0x0102,
        schema_version: 0x0304,
        rules_version: 5,
        term_bytes: 0x0400_0000,
    };
    let mut nonce = [0; NONCE_BYTES];
    nonce[31] = 0xee;
    check(
        &Message::Hello(Hello { peer, is_keyed: true, nonce }),
        "58000000 01 01 0000 4953 4f43 4154 4348 8877665544332211 0000000400000000 feffffff
         03000000 05000000 0201 0403 0100000000000000
         00000000 00000000 00000000 00000000 00000000 00000000 00000000 000000ee",
    );
    check(
        &Message::Proof(nonce),
        "28000000 02 01 0000
         00000000 00000000 00000000 00000000 00000000 00000000 00000000 000000ee",
    );
    check(&Message::Refused("no"), "0a000000 03 01 0000 6e6f");
}

#[test]
fn requests_are_their_bytes() {
    let log = LogName::feed("261122300A");
    check(
        &Message::Open { request: 7, log },
        "20000000 04 01 0000 07000000 00000000 3236 3131 3232 3330 3041 2020 2020 2020",
    );
    check(
        &Message::Fetch { request: 8, from: Position(0x60) },
        "18000000 06 01 0000 08000000 00000000 6000000000000000",
    );
    check(
        &Message::Snapshot { request: 9, below: Position(u64::MAX), from: 16 },
        "20000000 09 01 0000 09000000 00000000 ffffffffffffffff 1000000000000000",
    );
    check(&Message::Feeds { request: 10 }, "10000000 0b 01 0000 0a000000 00000000");
}

#[test]
fn answers_are_their_bytes() {
    let start = EpochStart {
        epoch: Epoch(4),
        node: 2,
        base: Position(0x80),
        chain: Chain(0x0807_0605_0403_0201),
    };
    let state = LogState {
        kept: place(0x20, 1),
        durable: place(0x40, 2),
        end: Position(0x100),
        term_bytes: 0x1_0000,
        epochs: vec![start],
    };
    check(
        &Message::Log { request: 1, state },
        "58000000 05 01 0000 01000000 01000000 2000000000000000 0100000000000000
         4000000000000000 0200000000000000 0001000000000000 0000010000000000
         8000000000000000 0102030405060708 04000000 02000000",
    );
    check(
        &Message::Bytes { request: 2, at: 0x40, content: 0xe8 },
        "00010000 07 01 0000 02000000 00000000 4000000000000000",
    );
    check(
        &Message::Mark { request: 2, end: Position(0x100), durable: place(0xc0, 9) },
        "28000000 08 01 0000 02000000 00000000 0001000000000000 c000000000000000 0900000000000000",
    );
    check(
        &Message::Image { request: 3, place: place(0x20, 1), bytes: 0x1000 },
        "28000000 0a 01 0000 03000000 00000000 2000000000000000 0100000000000000 0010000000000000",
    );
    let names = bytes_of_names(&[LogName::feed("261122300A"), LogName::feed("261122301A")]);
    check(
        &Message::List { request: 4, names: Names(&names) },
        "30000000 0c 01 0000 04000000 02000000 3236 3131 3232 3330 3041 2020 2020 2020
         3236 3131 3232 3330 3141 2020 2020 2020",
    );
}

#[test]
fn what_no_message_begins_with_is_refused_with_its_value() {
    let header = |text| Header::parse(bytes(text).first_chunk().unwrap());
    assert_eq!(header("10000000 0b 02 0000"), Err(WireFault::Version(2)));
    assert_eq!(header("10000000 00 01 0000"), Err(WireFault::Kind(0)));
    assert_eq!(header("10000000 0d 01 0000"), Err(WireFault::Kind(13)));
    let length = |kind, bytes| Err(WireFault::Length { kind, bytes });
    assert_eq!(header("11000000 0b 01 0000"), length(Kind::Feeds, 17));
    assert_eq!(header("18000000 07 01 0000"), length(Kind::Bytes, 24));
    assert_eq!(header("ffffffff 07 01 0000"), length(Kind::Bytes, u32::MAX));
    assert_eq!(header("07000000 03 01 0000"), length(Kind::Refused, 7));
}

#[test]
fn counts_are_held_against_the_length() {
    let parse = |text: &str| {
        let bytes = bytes(text);
        let header = Header::parse(bytes.first_chunk().unwrap()).unwrap();
        Message::parse(header, &bytes).map(|message| message.kind())
    };
    let two = "30000000 0c 01 0000 04000000 ";
    let names = "3236 3131 3232 3330 3041 2020 2020 2020 3236 3131 3232 3330 3141 2020 2020 2020";
    assert_eq!(parse(&format!("{two} 02000000 {names}")), Ok(Kind::List));
    for count in ["01000000", "03000000", "ffffffff"] {
        let found = parse(&format!("{two} {count} {names}"));
        assert!(matches!(found, Err(WireFault::Count { kind: Kind::List, .. })), "{found:?}");
    }
    let zeroes = "0000000000000000".repeat(6);
    let none = format!("40000000 05 01 0000 01000000 00000000 {zeroes}");
    assert_eq!(parse(&none), Ok(Kind::Log));
    let one = format!("40000000 05 01 0000 01000000 01000000 {zeroes}");
    assert_eq!(parse(&one), Err(WireFault::Count { kind: Kind::Log, count: 1 }));
    let magic = format!("58000000 01 01 0000 {}", "00".repeat(80));
    assert_eq!(parse(&magic), Err(WireFault::Magic(0)));
}

#[test]
fn a_reason_is_cut_and_never_within_a_character() {
    let mut emitted = Vec::new();
    Message::Refused(&"ü".repeat(REASON_BYTES_MAX)).emit(&mut emitted);
    assert_eq!(emitted.len(), HEADER_BYTES + REASON_BYTES_MAX);
    let header = Header::parse(emitted.first_chunk().unwrap()).unwrap();
    // One that another program cut within a character is read up to there.
    let last = emitted.len() - 1;
    emitted[last] = b'x';
    let Message::Refused(reason) = Message::parse(header, &emitted).unwrap() else { panic!() };
    assert_eq!(reason, "ü".repeat(REASON_BYTES_MAX / 2 - 1));
}

#[test]
fn a_name_is_a_feeds_or_none() {
    assert_eq!(LogName::feed("261122300A").session(), Some("261122300A"));
    assert!(LogName::feed("261122300A").is_feed("261122300A"));
    assert_eq!(LogName::EVENTS.session(), None);
    for name in ["../x", "a/b", "a\0b", "a b"] {
        assert_eq!(LogName::feed(name).session(), None, "{name:?}");
    }
}
