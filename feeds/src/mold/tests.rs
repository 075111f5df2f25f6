//! MoldUDP64 against literal bytes, and against every kind of lie in counts and lengths.

use super::*;

#[rustfmt::skip]
const TWO_MESSAGES: [u8; 29] = [
    b'2', b'6', b'1', b'1', b'2', b'2', b'3', b'0', b'0', b'A', // session
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,             // sequence, big-endian
    0x00, 0x02,                                                 // count
    0x00, 0x03, b'a', b'b', b'c',
    0x00, 0x00, // a message of no bytes still takes a number
    0x00, 0x00, // two bytes too many, where the whole array is taken
];

fn two_messages() -> &'static [u8] {
    &TWO_MESSAGES[..27]
}

fn check(bytes: &[u8], expected: Result<Kind, MoldError>) {
    assert_eq!(Packet::new_checked(bytes).map(|p| p.kind()), expected, "{bytes:02x?}");
}

#[test]
fn a_packet_is_read() {
    let packet = Packet::new_checked(two_messages()).unwrap();
    assert_eq!(packet.session(), Session::new("261122300A").unwrap());
    assert_eq!(packet.sequence(), 0x0102_0304_0506_0708);
    assert_eq!(packet.count(), 2);
    assert_eq!(packet.next_sequence(), 0x0102_0304_0506_070a);
    let messages: Vec<_> = packet.messages().collect();
    assert_eq!(messages, [(0x0102_0304_0506_0708, &b"abc"[..]), (0x0102_0304_0506_0709, &b""[..])]);
    assert_eq!(packet.to_string(), "MoldUDP64 261122300A 72623859790382856 +2");
}

#[test]
fn heartbeat_and_end_of_session_carry_the_next_sequence() {
    let mut bytes = [0; HEADER_BYTES];
    let session = Session::new("S1").unwrap();
    Header { session, sequence: 11, count: COUNT_HEARTBEAT }.emit(&mut bytes);
    assert_eq!(&bytes, b"S1        \0\0\0\0\0\0\0\x0b\0\0");
    let packet = Packet::new_checked(&bytes[..]).unwrap();
    assert_eq!((packet.kind(), packet.next_sequence()), (Kind::Heartbeat, 11));
    assert_eq!(packet.messages().count(), 0);

    Header { session, sequence: 11, count: COUNT_END_OF_SESSION }.emit(&mut bytes);
    assert_eq!(&bytes, b"S1        \0\0\0\0\0\0\0\x0b\xff\xff");
    let packet = Packet::new_checked(&bytes[..]).unwrap();
    assert_eq!((packet.kind(), packet.next_sequence()), (Kind::EndOfSession, 11));
    assert_eq!(packet.messages().count(), 0);
    assert_eq!(packet.to_string(), "MoldUDP64 S1 ended, next 11");
}

#[test]
fn a_request_is_written_and_read() {
    let session = Session::new("261122300A").unwrap();
    let request = Request { session, sequence: 3, count: 2 };
    let mut bytes = [0; HEADER_BYTES];
    request.emit(&mut bytes);
    assert_eq!(&bytes, b"261122300A\0\0\0\0\0\0\0\x03\0\x02");
    assert_eq!(Request::parse(&bytes), Ok(request));

    assert_eq!(Request::parse(&bytes[..19]), Err(MoldError::TooShort { bytes: 19 }));
    let long = [&bytes[..], &[0]].concat();
    assert_eq!(Request::parse(&long), Err(MoldError::TrailingBytes { bytes: 1 }));
    for count in [0, 0xFFFF] {
        Request { count, ..request }.emit(&mut bytes);
        assert_eq!(Request::parse(&bytes), Err(MoldError::RequestCount { count }));
    }
    Request { sequence: 0, ..request }.emit(&mut bytes);
    assert_eq!(Request::parse(&bytes), Err(MoldError::SequenceZero));
    let sequence = u64::MAX - 1;
    Request { sequence, ..request }.emit(&mut bytes);
    assert_eq!(Request::parse(&bytes), Err(MoldError::SequenceOverflow { sequence, count: 2 }));
}

#[test]
fn lies_are_refused_with_their_values() {
    check(&[], Err(MoldError::TooShort { bytes: 0 }));
    check(&two_messages()[..19], Err(MoldError::TooShort { bytes: 19 }));
    check(&two_messages()[..25], Err(MoldError::CountTooHigh { claimed: 2, found: 1 }));
    check(&two_messages()[..26], Err(MoldError::CountTooHigh { claimed: 2, found: 1 }));
    let cut = &two_messages()[..23];
    check(cut, Err(MoldError::LengthTooHigh { block: 0, claimed: 3, found: 1 }));
    check(&TWO_MESSAGES, Err(MoldError::TrailingBytes { bytes: 2 }));

    for count in [COUNT_HEARTBEAT, COUNT_END_OF_SESSION] {
        let mut bytes = two_messages().to_vec();
        bytes[18..20].copy_from_slice(&count.to_be_bytes());
        check(&bytes, Err(MoldError::TrailingBytes { bytes: 7 }));
    }
    let mut bytes = two_messages().to_vec();
    bytes[10..18].fill(0);
    check(&bytes, Err(MoldError::SequenceZero));
    bytes[10..18].fill(0xFF);
    check(&bytes, Err(MoldError::SequenceOverflow { sequence: u64::MAX, count: 2 }));
}

#[test]
fn every_cut_and_every_flipped_bit_is_answered() {
    let bytes = two_messages();
    for length in 0..bytes.len() {
        assert!(Packet::new_checked(&bytes[..length]).is_err(), "cut to {length}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok(packet) = Packet::new_checked(&damaged[..]) {
            let blocks = if packet.kind() == Kind::Data { packet.count() } else { 0 };
            assert_eq!(packet.messages().count(), usize::from(blocks), "bit {bit}");
        }
    }
}

#[test]
fn sessions_are_named_and_padded() {
    assert_eq!(Session::new("AB").unwrap().0, *b"AB        ");
    assert_eq!(Session::new("AB").unwrap().to_string(), "AB");
    assert_eq!(Session::new("12345678901"), None);
    assert_eq!(Session::new("A-B"), None);
    assert!(Session::new("").unwrap().is_blank());
    assert_ne!(Session(*b"AB\0\0\0\0\0\0\0\0"), Session::new("AB").unwrap());
    assert_eq!(Session(*b"A\0B       ").to_string(), "A?B");
}
