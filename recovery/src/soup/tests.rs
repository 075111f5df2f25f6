//! Every packet against the specification's bytes; decoding wherever TCP cuts.

use super::*;
use crate::limits::{CLIENT_PACKET_BYTES_MAX, SERVER_PACKET_BYTES_MAX};

const SESSION: Session = Session(*b"261122300A");

/// Bytes and packet are the same thing, both ways.
fn check(sender: Sender, packet: &Packet<'_>, bytes: &[u8]) {
    let mut out = Vec::new();
    packet.emit(&mut out);
    assert_eq!(out.escape_ascii().to_string(), bytes.escape_ascii().to_string());
    assert_eq!(packet.encoded_length(), bytes.len());
    assert_eq!(Packet::parse(sender, &bytes[LENGTH_BYTES..]), Ok(*packet));
    assert_eq!(decoded(sender, &[bytes]), Ok(vec![bytes.to_vec()]));
}

/// The packets that come out of chunks, as bytes.
fn decoded(sender: Sender, chunks: &[&[u8]]) -> Result<Vec<Vec<u8>>, SoupError> {
    let mut decoder = Decoder::new(sender, SERVER_PACKET_BYTES_MAX);
    let mut packets = Vec::new();
    for chunk in chunks {
        let mut rest = *chunk;
        while !rest.is_empty() {
            let taken = decoder.feed(rest);
            assert!(taken > 0, "a decoder without a whole packet takes more");
            rest = &rest[taken..];
            while let Some(packet) = decoder.next_packet()? {
                let mut out = Vec::new();
                packet.emit(&mut out);
                packets.push(out);
            }
        }
    }
    assert_eq!(decoder.pending_bytes(), 0);
    Ok(packets)
}

#[test]
fn packets_of_a_server() {
    let server = |packet, bytes: &[u8]| check(Sender::Server, &packet, bytes);
    let accepted = LoginAccepted { session: SESSION, sequence: 1 };
    server(Packet::LoginAccepted(accepted), b"\0\x1fA261122300A                   1");
    let accepted = LoginAccepted { session: Session(*b"ABC       "), sequence: u64::MAX };
    server(Packet::LoginAccepted(accepted), b"\0\x1fA       ABC18446744073709551615");
    server(Packet::LoginRejected(RejectCode::NotAuthorized), b"\0\x02JA");
    server(Packet::LoginRejected(RejectCode::SessionNotAvailable), b"\0\x02JS");
    server(Packet::SequencedData(b"message"), b"\0\x08Smessage");
    server(Packet::SequencedData(b""), b"\0\x01S");
    server(Packet::ServerHeartbeat, b"\0\x01H");
    server(Packet::EndOfSession, b"\0\x01Z");
    server(Packet::Debug(b"a reason"), b"\0\x09+a reason");
}

#[test]
fn packets_of_a_client() {
    let client = |packet, bytes: &[u8]| check(Sender::Client, &packet, bytes);
    let login = LoginRequest::new("alice", "Secret", SESSION, 42).expect("it fits");
    let bytes = b"\0\x2fLalice Secret    261122300A                  42";
    client(Packet::LoginRequest(login), bytes);
    let login = LoginRequest::new("u", "p", Session::BLANK, 0).expect("it fits");
    let bytes = b"\0\x2fLu     p                                      0";
    client(Packet::LoginRequest(login), bytes);
    client(Packet::UnsequencedData(b"stamp"), b"\0\x06Ustamp");
    client(Packet::ClientHeartbeat, b"\0\x01R");
    client(Packet::LogoutRequest, b"\0\x01O");
    client(Packet::Debug(b""), b"\0\x01+");
}

#[test]
fn fields_are_read_whichever_side_they_are_padded_on() {
    let login = |bytes: &[u8; 46]| LoginRequest::parse(bytes).expect("46 bytes");
    // As npm's client pads, as PyPI's does, and neither.
    for sequence in ["                  42", "42                  ", "        42          "] {
        let text = format!("alice secret    261122300A{sequence}");
        let login = login(text.as_bytes().try_into().expect("46 bytes"));
        assert_eq!((login.user(), login.password()), (&b"alice"[..], &b"secret"[..]));
        assert_eq!((login.session(), login.sequence()), (Ok(SESSION), Ok(Some(42))));
    }
    let blank = login(&[b' '; 46]);
    assert_eq!((blank.user(), blank.password()), (&b""[..], &b""[..]));
    assert_eq!((blank.session(), blank.sequence()), (Ok(Session::BLANK), Ok(None)));
    let mixed = format!(" alice{:<10}{:^10}{:<20}", "secret", "ABC", "7");
    let left = login(mixed.as_bytes().try_into().expect("46 bytes"));
    assert_eq!((left.session(), left.user()), (Ok(Session(*b"ABC       ")), &b"alice"[..]));
}

#[test]
fn what_is_no_session_and_no_number_is_named() {
    let number = |text: &[u8]| sequence_of(text).map_err(|error| error.to_string());
    assert_eq!(number(b"18446744073709551615"), Ok(Some(u64::MAX)));
    assert_eq!(number(b"00000000000000000001"), Ok(Some(1)));
    for text in
        ["18446744073709551616", "-1", "+1", "1 2", "0x10", "one", "1\0", "99999999999999999999"]
    {
        let refused = number(text.as_bytes()).expect_err(text);
        assert_eq!(
            refused,
            format!("\"{}\" is no sequence number", text.as_bytes().escape_ascii())
        );
    }
    let refused = session_of(b"26-1122300").expect_err("a hyphen");
    assert_eq!(refused.to_string(), "\"26-1122300\" is no session's name");
    assert!(session_of(b"\xff").is_err());
}

#[test]
fn a_login_that_fits_no_field_is_refused() {
    let new = |user, password| LoginRequest::new(user, password, SESSION, 1);
    for (user, password) in [
        ("toolong", "x"),
        ("", "x"),
        ("x", "elevenchars"),
        ("x", ""),
        ("a\u{e9}", "x"),
        (" x", "x"),
        ("x", "x "),
        ("x\n", "x"),
    ] {
        assert!(new(user, password).is_err(), "{user:?} {password:?}");
    }
    let text = new("toolong", "x").expect_err("seven characters").to_string();
    assert!(text.starts_with("a user of 7 characters: 1 to 6 of printable ASCII"), "{text}");
    let shown = format!("{:?}", new("alice", "hidden").expect("it fits"));
    assert!(shown.contains("alice") && !shown.contains("hidden"), "{shown}");
}

#[test]
fn wrong_packets_are_errors_with_values() {
    fn parse(sender: Sender, bytes: &[u8]) -> SoupError {
        Packet::parse(sender, bytes).expect_err("no packet")
    }
    let unknown = |packet_type, sender| SoupError::UnknownType { packet_type, sender };
    assert_eq!(parse(Sender::Client, b""), SoupError::LengthZero);
    // Each end has its own types.
    for (sender, types) in [(Sender::Client, "AJSHZ\0x"), (Sender::Server, "LURO\0x")] {
        for packet_type in types.bytes() {
            assert_eq!(parse(sender, &[packet_type]), unknown(packet_type, sender));
        }
    }
    let wrong =
        |packet_type, claimed, expected| SoupError::WrongLength { packet_type, claimed, expected };
    let login = [b'L'; 49];
    assert_eq!(parse(Sender::Client, &login[..46]), wrong(b'L', 46, 47));
    assert_eq!(parse(Sender::Client, &login[..48]), wrong(b'L', 48, 47));
    assert_eq!(parse(Sender::Client, b"R."), wrong(b'R', 2, 1));
    assert_eq!(parse(Sender::Client, b"O."), wrong(b'O', 2, 1));
    assert_eq!(parse(Sender::Server, b"H."), wrong(b'H', 2, 1));
    assert_eq!(parse(Sender::Server, b"Z."), wrong(b'Z', 2, 1));
    assert_eq!(parse(Sender::Server, b"J"), wrong(b'J', 1, 2));
    assert_eq!(parse(Sender::Server, b"JAA"), wrong(b'J', 3, 2));
    assert_eq!(parse(Sender::Server, b"Jx"), SoupError::UnknownRejectCode { code: b'x' });
    for length in [1, 30, 32] {
        assert_eq!(parse(Sender::Server, &[b'A'; 32][..length]), wrong(b'A', length as u16, 31));
    }
    let no_number = b"A261122300A                    ";
    assert!(matches!(parse(Sender::Server, no_number), SoupError::Field(_)));
    let text = wrong(b'L', 48, 47).to_string();
    assert_eq!(text, "a packet 'L' of length 48, it has 47");
    assert_eq!(unknown(0, Sender::Client).to_string(), "packet type '\\x00' from a client");
}

/// A stream of every packet of a sender.
fn stream(sender: Sender) -> Vec<Vec<u8>> {
    let login = LoginRequest::new("alice", "secret", SESSION, 7).expect("it fits");
    let packets = match sender {
        Sender::Client => vec![
            Packet::Debug(b"hello"),
            Packet::LoginRequest(login),
            Packet::ClientHeartbeat,
            Packet::UnsequencedData(b"\0\x01R"),
            Packet::ClientHeartbeat,
            Packet::LogoutRequest,
        ],
        Sender::Server => vec![
            Packet::LoginAccepted(LoginAccepted { session: SESSION, sequence: 7 }),
            Packet::SequencedData(b"\0\x01H\0\x02JA"),
            Packet::ServerHeartbeat,
            Packet::SequencedData(b""),
            Packet::Debug(b"why"),
            Packet::EndOfSession,
        ],
    };
    let bytes = |packet: &Packet<'_>| {
        let mut out = Vec::new();
        packet.emit(&mut out);
        out
    };
    packets.iter().map(bytes).collect()
}

#[test]
fn every_way_to_cut_a_stream_in_three_gives_the_same_packets() {
    for sender in [Sender::Client, Sender::Server] {
        let packets = stream(sender);
        let bytes = packets.concat();
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(decoded(sender, &single).as_ref(), Ok(&packets));
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let chunks = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(decoded(sender, &chunks).as_ref(), Ok(&packets), "{first} {second}");
            }
        }
    }
}

#[test]
fn the_longest_packet_passes_and_a_longer_one_is_refused_at_its_length() {
    let longest = vec![b'x'; PAYLOAD_BYTES_MAX];
    let mut bytes = Vec::new();
    Packet::SequencedData(&longest).emit(&mut bytes);
    assert_eq!(bytes.len(), 2 + usize::from(u16::MAX));
    let chunks: Vec<&[u8]> = bytes.chunks(1_000).collect();
    assert_eq!(decoded(Sender::Server, &chunks), Ok(vec![bytes.clone()]));

    let mut decoder = Decoder::new(Sender::Client, CLIENT_PACKET_BYTES_MAX);
    decoder.feed(&(CLIENT_PACKET_BYTES_MAX as u16).to_be_bytes());
    assert_eq!(decoder.next_packet(), Ok(None));
    let mut decoder = Decoder::new(Sender::Client, CLIENT_PACKET_BYTES_MAX);
    decoder.feed(&(CLIENT_PACKET_BYTES_MAX as u16 + 1).to_be_bytes());
    let error = SoupError::TooLong { claimed: 2_049, max: 2_048 };
    assert_eq!(decoder.next_packet(), Err(error));
    // Nothing after it is believed, and no more than one packet is ever kept.
    let flood = vec![b'R'; 1 << 20];
    assert!(decoder.feed(&flood) <= LENGTH_BYTES + CLIENT_PACKET_BYTES_MAX);
    assert_eq!(decoder.feed(&flood), 0);
    assert_eq!(decoder.next_packet(), Err(error));
}

#[test]
fn an_error_is_final() {
    let mut decoder = Decoder::new(Sender::Client, CLIENT_PACKET_BYTES_MAX);
    decoder.feed(b"\0\0\0\x01R");
    assert_eq!(decoder.next_packet(), Err(SoupError::LengthZero));
    assert_eq!(decoder.next_packet(), Err(SoupError::LengthZero));
}
