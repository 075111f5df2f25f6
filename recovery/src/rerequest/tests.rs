//! Re-requests: what is answered, what is not, and that a forger gains nothing.

use std::net::IpAddr;

use isochron_feeds::mold::{COUNT_END_OF_SESSION, Packet, Session};

use super::*;
use crate::library::{MemoryLibrary, MemoryLog, SequencedLog};

const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;
const L3: Session = Session(*b"261122300A");
const ENDED: Session = Session(*b"261121300A");

/// Ten messages of 100 bytes under 11 to 20, and a session that is over.
fn library() -> MemoryLibrary {
    let mut log = MemoryLog::new(11);
    (11..=20).for_each(|number| log.push(&[number; 100]));
    let mut ended = MemoryLog::new(1);
    ended.push(b"only");
    ended.end();
    let mut library = MemoryLibrary::default();
    library.add(L3, log);
    library.add(ENDED, ended);
    library
}

fn networks(texts: &[&str]) -> Vec<Network> {
    texts.iter().map(|text| text.parse().expect(text)).collect()
}

fn responder() -> Responder {
    Responder::new(&networks(&["10.0.0.0/8", "2001:db8::/32"]), Rates::default())
}

fn request(session: Session, sequence: u64, count: u16) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    Header { session, sequence, count }.emit(&mut bytes);
    bytes
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect(text)
}

const CLIENT: &str = "10.1.2.3:30001";

/// The numbers that are answered, or why none.
fn ask(responder: &mut Responder, source: &str, bytes: &[u8]) -> Result<Vec<u64>, Dropped> {
    let mut library = library();
    let before = *responder.statistics();
    let answer = responder.on_request(at(source), bytes, &mut library, 0).map(<[u8]>::to_vec);
    let after = *responder.statistics();
    // Each request ends in one way, and is counted there.
    let dropped: u64 = after.dropped.iter().zip(before.dropped).map(|(a, b)| a - b).sum();
    assert_eq!(
        (after.requests - before.requests, after.answers - before.answers + dropped),
        (1, 1)
    );
    let answer = answer?;
    assert!(answer.len() <= ANSWER_BYTES_MAX);
    let packet = Packet::new_checked(&answer).expect("a packet");
    assert_eq!(u64::from(packet.count()), after.messages - before.messages);
    assert_eq!(answer.len() as u64, after.bytes - before.bytes);
    let log = library.log_mut(packet.session()).expect("of a session there is");
    let numbers = packet.messages().map(|(number, bytes)| {
        assert_eq!(log.get(number), Some(bytes), "the bytes of the multicast");
        number
    });
    Ok(numbers.collect())
}

#[test]
fn an_answer_is_a_downstream_packet_of_the_same_bytes() {
    let mut responder = responder();
    let bytes = b"261122300A\0\0\0\0\0\0\0\x0b\0\x02";
    let mut library = library();
    let answer = responder.on_request(at(CLIENT), bytes, &mut library, 0).expect("an answer");
    let mut expected = b"261122300A\0\0\0\0\0\0\0\x0b\0\x02\0\x64".to_vec();
    expected.extend([11; 100]);
    expected.extend([0, 100]);
    expected.extend([12; 100]);
    assert_eq!(answer, expected);
}

#[test]
fn what_exists_is_answered_as_far_as_it_goes() {
    let mut responder = responder();
    let mut ask =
        |session, sequence, count| ask(&mut responder, CLIENT, &request(session, sequence, count));
    assert_eq!(ask(L3, 11, 1), Ok(vec![11]));
    assert_eq!(ask(L3, 12, 3), Ok(vec![12, 13, 14]));
    assert_eq!(ask(L3, 20, 1), Ok(vec![20]));
    assert_eq!(ask(L3, 19, 5), Ok(vec![19, 20]), "up to the last there is");
    assert_eq!(ask(L3, 11, 0xFFFE), Ok((11..=20).collect()));
    assert_eq!(ask(ENDED, 1, 1), Ok(vec![1]), "after the end, too");
}

#[test]
fn one_datagram_is_all_there_is() {
    let mut log = MemoryLog::new(1);
    (0..100).for_each(|_| log.push(&[7; 113]));
    (0..2).for_each(|_| log.push(&[7; 1_378]));
    log.push(&[7; 1_379]);
    (0..2_000).for_each(|_| log.push(b""));
    let mut library = MemoryLibrary::default();
    library.add(L3, log);
    let mut responder = responder();
    let mut ask = |sequence, count| {
        let bytes = request(L3, sequence, count);
        let answer = responder.on_request(at(CLIENT), &bytes, &mut library, 0)?;
        let packet = Packet::new_checked(answer).expect("a packet");
        Ok((packet.sequence(), packet.count(), answer.len()))
    };
    // 12 x 115 + 20 = 1,400: to the byte.
    assert_eq!(ask(1, 0xFFFE), Ok((1, 12, 1_400)));
    assert_eq!(ask(95, 0xFFFE), Ok((95, 6, 710)));
    assert_eq!(ask(101, 2), Ok((101, 1, 1_400)));
    assert_eq!(ask(103, 1), Err(Dropped::NotKept), "no datagram of ours has room for it");
    assert_eq!(ask(104, 0xFFFE), Ok((104, 690, 1_400)), "messages may be empty");
}

#[test]
fn what_cannot_be_answered_is_silence() {
    let mut responder = responder();
    let mut drop = |bytes: &[u8]| ask(&mut responder, CLIENT, bytes).expect_err("no answer");
    assert_eq!(drop(&request(L3, 21, 1)), Dropped::Ahead);
    assert_eq!(drop(&request(L3, u64::MAX - 1, 1)), Dropped::Ahead);
    assert_eq!(drop(&request(L3, 10, 5)), Dropped::NotKept);
    assert_eq!(drop(&request(L3, 1, 1)), Dropped::NotKept);
    assert_eq!(drop(&request(Session(*b"261122300B"), 11, 1)), Dropped::UnknownSession);
    assert_eq!(drop(&request(Session::BLANK, 11, 1)), Dropped::UnknownSession);
    let malformed = |error| Dropped::Malformed(error);
    assert_eq!(drop(&request(L3, 0, 1)), malformed(MoldError::SequenceZero));
    let count = |count| malformed(MoldError::RequestCount { count });
    assert_eq!(drop(&request(L3, 11, 0)), count(0));
    assert_eq!(drop(&request(L3, 11, COUNT_END_OF_SESSION)), count(0xFFFF));
    let overflow = MoldError::SequenceOverflow { sequence: u64::MAX, count: 1 };
    assert_eq!(drop(&request(L3, u64::MAX, 1)), malformed(overflow));
    let whole = request(L3, 11, 1);
    assert_eq!(drop(b""), malformed(MoldError::TooShort { bytes: 0 }));
    assert_eq!(drop(&whole[..19]), malformed(MoldError::TooShort { bytes: 19 }));
    let longer = [&whole[..], b"."].concat();
    assert_eq!(drop(&longer), malformed(MoldError::TrailingBytes { bytes: 1 }));
    let counts = responder.statistics().dropped;
    assert_eq!(counts, [0, 0, 7, 2, 2, 2, 0, 0, 0, 0]);
}

#[test]
fn only_hosts_of_the_allow_list_are_answered() {
    let mut responder = responder();
    let bytes = request(L3, 11, 1);
    let mut ask = |source| ask(&mut responder, source, &bytes);
    for source in ["10.0.0.1:1", "10.255.255.254:65535", "[2001:db8::1]:9", "[::ffff:10.0.0.1]:9"] {
        assert_eq!(ask(source), Ok(vec![11]), "{source}");
    }
    for source in ["11.0.0.1:1", "9.255.255.255:1", "127.0.0.1:1", "[2001:db9::1]:9", "[::1]:1"] {
        assert_eq!(ask(source), Err(Dropped::NotAllowed), "{source}");
    }
    let mut nobody = Responder::new(&[], Rates::default());
    let answer = nobody.on_request(at(CLIENT), &bytes, &mut library(), 0);
    assert_eq!(answer, Err(Dropped::NotAllowed));
}

#[test]
fn an_address_that_is_not_one_host_is_never_answered() {
    let allowed = ["0.0.0.0/0", "::/0", "192.168.7.0/24", "192.168.8.0/31"];
    let mut responder = Responder::new(&networks(&allowed), Rates::default());
    let bytes = request(L3, 11, 1);
    let mut ask = |source| ask(&mut responder, source, &bytes);
    for source in [
        "224.0.0.1:5000",
        "239.77.1.1:5000",
        "255.255.255.255:5000",
        "0.0.0.0:5000",
        "192.168.7.255:5000",
        "[ff02::1]:5000",
        "[::]:5000",
        "[::ffff:239.77.1.1]:5000",
        "[::ffff:255.255.255.255]:5000",
        "10.0.0.1:0",
        "[2001:db8::1]:0",
    ] {
        assert_eq!(ask(source), Err(Dropped::NoUnicastSource), "{source}");
    }
    // No network of this list has these as its broadcast address.
    for source in ["192.168.6.255:1", "192.168.8.1:1", "192.168.7.254:1", "[2001:db8::ff]:1"] {
        assert_eq!(ask(source), Ok(vec![11]), "{source}");
    }
}

/// Requests of one source that were answered, one each `every_ns` until `until_ns`.
fn answered(every_ns: u64, until_ns: u64) -> (u64, Responder) {
    let mut responder = responder();
    let mut library = library();
    let bytes = request(L3, 11, 1);
    let mut now_ns = 0;
    while now_ns < until_ns {
        let _ = responder.on_request(at(CLIENT), &bytes, &mut library, now_ns);
        now_ns += every_ns;
    }
    (responder.statistics().answers, responder)
}

#[test]
fn a_source_gets_what_the_three_limits_leave() {
    // A hundred at once, then one each 10 ms.
    let (answers, responder) = answered(MS, SECOND);
    assert_eq!(answers, 100 + 99);
    assert_eq!(responder.statistics().dropped[6], 1_000 - 199);
    // 1,500 at once as far as the second's allow, then 25 a second: 100 s.
    let (answers, responder) = answered(10 * MS, 100 * SECOND);
    assert_eq!(answers, 1_500 + 25 * 100 - 1);
    assert_eq!(responder.statistics().dropped[6..9], [0, 10_000 - 3_999, 0]);
    // In a day at 25 a second: twice 100,000 less one, of 2,160,000.
    let (answers, responder) = answered(40 * MS, 86_400 * SECOND);
    assert_eq!(answers, 199_999);
    assert_eq!(responder.statistics().dropped[6..9], [0, 0, 2_160_000 - 199_999]);
}

#[test]
fn garbage_costs_a_source_as_much_as_a_request_and_another_nothing() {
    let mut responder = responder();
    let mut library = library();
    for _ in 0..100 {
        let answer = responder.on_request(at(CLIENT), b"garbage", &mut library, 0);
        assert!(matches!(answer, Err(Dropped::Malformed(_))));
    }
    let bytes = request(L3, 11, 1);
    let answer = responder.on_request(at(CLIENT), &bytes, &mut library, 0);
    assert!(matches!(answer, Err(Dropped::Excess(Excess::Rate { .. }))), "{answer:?}");
    // Another port is the same source; another address is another.
    let answer = responder.on_request(at("10.1.2.3:9"), &bytes, &mut library, 0);
    assert!(answer.is_err());
    assert!(responder.on_request(at("10.1.2.4:9"), &bytes, &mut library, 0).is_ok());
}

#[test]
fn a_flood_of_forged_sources_stays_in_its_table_and_gets_one_answer_each() {
    let mut responder = responder();
    let mut library = library();
    let bytes = request(L3, 11, 0xFFFE);
    let mut flood = |responder: &mut Responder, from: u32, many: u32| {
        let mut answers = 0;
        for host in from..from + many {
            let source = SocketAddr::new(IpAddr::from((10 << 24 | host).to_be_bytes()), 7);
            // The type says it: one slice, or none.
            answers += u32::from(responder.on_request(source, &bytes, &mut library, 0).is_ok());
        }
        answers
    };
    assert_eq!(flood(&mut responder, 1, 20_000), SOURCES_MAX as u32);
    assert_eq!(responder.sources(), SOURCES_MAX);
    assert_eq!(responder.statistics().dropped[9], 20_000 - SOURCES_MAX as u64);
    // Who was there before the flood is served through it.
    assert_eq!(flood(&mut responder, 1, 1), 1);
    // Once the day's bucket of the first is full again, its place is free.
    let answer = responder.on_request(at("10.200.0.1:7"), &bytes, &mut library, SECOND);
    assert!(answer.is_ok());
    assert_eq!(responder.sources(), SOURCES_MAX);
}

#[test]
fn networks_are_read_and_written() {
    for text in ["10.1.0.0/16", "0.0.0.0/0", "10.1.2.3/32", "2001:db8::/32", "::/0", "::1/128"] {
        let network: Network = text.parse().expect(text);
        assert_eq!(network.to_string(), text);
    }
    let host: Network = "10.1.2.3".parse().expect("an address alone");
    assert_eq!(host.to_string(), "10.1.2.3/32");
    let refused = |text: &str| text.parse::<Network>().expect_err(text).to_string();
    assert_eq!(refused("10.1.0.0/33"), "\"10.1.0.0/33\": a prefix has 0 to 32 bits");
    assert_eq!(refused("::/129"), "\"::/129\": a prefix has 0 to 128 bits");
    assert_eq!(refused("10.1.0.0/x"), "\"10.1.0.0/x\": a prefix has 0 to 32 bits");
    assert_eq!(refused("10.1.0.0/"), "\"10.1.0.0/\": a prefix has 0 to 32 bits");
    assert_eq!(refused("host/8"), "\"host/8\" is no network, such as 10.1.0.0/16");
    assert_eq!(refused(""), "\"\" is no network, such as 10.1.0.0/16");
    let text = "\"10.1.2.3/16\" has bits after its prefix: is it 10.1.0.0/16?";
    assert_eq!(refused("10.1.2.3/16"), text);
}

#[test]
fn each_drop_has_a_name() {
    let all = [
        Dropped::NoUnicastSource,
        Dropped::NotAllowed,
        Dropped::Malformed(MoldError::SequenceZero),
        Dropped::UnknownSession,
        Dropped::Ahead,
        Dropped::NotKept,
        Dropped::Excess(Excess::Rate { rate: Rate::per_second(1), retry_after_ns: 1 }),
        Dropped::Excess(Excess::Rate { rate: Rate::per_minute(1), retry_after_ns: 1 }),
        Dropped::Excess(Excess::Rate { rate: Rate::per_day(1), retry_after_ns: 1 }),
        Dropped::Excess(Excess::TableFull),
    ];
    let kinds: Vec<_> = all.iter().map(Dropped::kind).collect();
    assert_eq!(kinds, (0..Dropped::WORDS.len()).collect::<Vec<_>>());
    assert_eq!(all[7].to_string(), "over-minute");
}
