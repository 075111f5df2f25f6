//! Recordings read back, captures of other programs by their literal bytes, and damaged ones.

use super::*;
use std::net::{Ipv4Addr, SocketAddrV4};

const SOURCE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 7), 5_000);
const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 77, 1, 3), 40_003);
const TIME_NS: u64 = 1_795_305_600_123_456_789;

/// All packets of a capture, or what is wrong with it.
fn all(bytes: &[u8]) -> Result<Vec<(u64, u32, Vec<u8>)>, CaptureError> {
    let mut reader = Reader::open(bytes)?;
    let mut packets = Vec::new();
    while let Some(Captured { time_ns, link, bytes }) = reader.next_packet()? {
        packets.push((time_ns, link, bytes.to_vec()));
    }
    Ok(packets)
}

fn recording(payloads: &[&[u8]]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut recorder = Recorder::new(&mut file).unwrap();
    for (payload, time_ns) in payloads.iter().zip(TIME_NS..) {
        recorder.record(time_ns, SOURCE, GROUP, payload).unwrap();
    }
    recorder.flush().unwrap();
    assert_eq!(recorder.packets(), payloads.len() as u64);
    file
}

#[test]
fn what_is_recorded_is_read_again() {
    let payloads: [&[u8]; 3] = [b"", b"odd", &[0xff; 1_400]];
    let packets = all(&recording(&payloads)).unwrap();
    assert_eq!(packets.len(), 3);
    for ((time_ns, link, bytes), (payload, expected_ns)) in
        packets.iter().zip(payloads.iter().zip(TIME_NS..))
    {
        let found = datagram(*link, bytes).unwrap();
        assert_eq!(found, Datagram { source: SOURCE, destination: GROUP, payload });
        assert_eq!(*time_ns, expected_ns);
    }
}

#[test]
fn a_recording_is_what_the_specifications_say() {
    let file = recording(&[b"\x01\x02\x03"]);
    let header = b"\x4d\x3c\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0";
    // 1,795,305,600 s is 0x6b023080, 123,456,789 ns is 0x075bcd15, and 14 + 20 + 8 + 3 is 45.
    let packet = b"\x80\x30\x02\x6b\x15\xcd\x5b\x07\x2d\0\0\0\x2d\0\0\0";
    let ethernet = b"\x01\0\x5e\x4d\x01\x03\x02\0\x0a\0\0\x07\x08\0";
    // 4500 + 001f + 4000 + 0111 + 0a00 + 0007 + ef4d + 0103 is 1 8087, folded 8088; inverted 7f77.
    let ip = b"\x45\0\0\x1f\0\0\x40\0\x01\x11\x7f\x77\x0a\0\0\x07\xef\x4d\x01\x03";
    // 0011 + 000b, addresses fa57, ports 1388 + 9c43, length 000b, 0102 + 0300: 1 ae4b, folded
    // ae4c.
    let udp = b"\x13\x88\x9c\x43\0\x0b\x51\xb3\x01\x02\x03";
    let expected = [&header[..], packet, ethernet, ip, udp].concat();
    assert_eq!(file, expected);
}

/// A frame of a feed, as Ethernet has it.
fn frame_of(payload: &[u8]) -> Vec<u8> {
    all(&recording(&[payload])).unwrap().remove(0).2
}

#[test]
fn link_layers_are_taken_off() {
    let ethernet = frame_of(b"message");
    let ip = &ethernet[14..];
    let tagged = [&ethernet[..12], b"\x81\0\0\x05\x08\0", ip].concat();
    let twice = [&ethernet[..12], b"\x88\xa8\0\x05\x81\0\0\x06\x08\0", ip].concat();
    let filled_up = [&ethernet[..], &[0; 9]].concat();
    let cooked = [b"\0\x02\x03\x04\0\x06\0\0\0\0\0\0\0\0\x08\0", ip].concat();
    let cooked_2 = [&b"\x08\0\0\0\0\0\0\x01\x03\x04\x02\x06\0\0\0\0\0\0\0\0"[..], ip].concat();
    for (link, packet) in [
        (1, &ethernet[..]),
        (1, &tagged),
        (1, &twice),
        (1, &filled_up),
        (113, &cooked),
        (276, &cooked_2),
        (101, ip),
        (228, ip),
    ] {
        let found = datagram(link, packet).unwrap_or_else(|error| panic!("{link}: {error:?}"));
        assert_eq!((found.payload, found.destination), (&b"message"[..], GROUP), "link {link}");
        for length in 0..packet.len() - if packet == filled_up { 9 } else { 0 } {
            assert!(datagram(link, &packet[..length]).is_err(), "{length} bytes of link {link}");
        }
    }
    assert_eq!(datagram(105, &ethernet), Err(NotTaken::Other));
}

#[test]
fn what_is_no_datagram_is_not_taken() {
    let good = frame_of(b"message");
    let changed = |at: usize, byte: u8| {
        let mut frame = good.clone();
        frame[at] = byte;
        datagram(1, &frame).unwrap_err()
    };
    assert_eq!(changed(13, 0x06), NotTaken::Other, "ARP");
    assert_eq!(changed(14, 0x65), NotTaken::Other, "version 6");
    assert_eq!(changed(14, 0x44), NotTaken::Malformed, "a header of 16 bytes");
    assert_eq!(changed(17, 27), NotTaken::Malformed, "shorter than its headers");
    assert_eq!(changed(17, 36), NotTaken::CutShort, "longer than what was kept");
    assert_eq!(changed(20, 0x20), NotTaken::Other, "more fragments");
    assert_eq!(changed(21, 1), NotTaken::Other, "a later fragment");
    assert_eq!(changed(23, 6), NotTaken::Other, "TCP");
    assert_eq!(changed(39, 7), NotTaken::Malformed, "UDP shorter than its header");
    assert_eq!(changed(39, 16), NotTaken::Malformed, "UDP longer than IP");
}

#[test]
fn a_send_that_was_captured_before_it_was_cut_is_cut_here() {
    let packet = |sequence: u8, count: u8, blocks: &[u8]| {
        let header = [&b"261122300A\0\0\0\0\0\0\0"[..], &[sequence, 0, count]].concat();
        [&header[..], blocks].concat()
    };
    let first = packet(1, 2, b"\0\x03one\0\0");
    let second = packet(3, 1, b"\0\x01x");
    let whole = [&first[..], &second].concat();
    assert_eq!(packets(&whole).collect::<Vec<_>>(), [&first[..], &second]);
    assert_eq!(packets(&second).collect::<Vec<_>>(), [&second[..]]);
    let rest = [&second[..], b"garbage"].concat();
    assert_eq!(packets(&rest).collect::<Vec<_>>(), [&second[..], b"garbage"]);
    // A count that the bytes do not hold is left to whoever judges packets.
    assert_eq!(packets(&first[..22]).collect::<Vec<_>>(), [&first[..22]]);
    assert_eq!(packets(b"").collect::<Vec<_>>(), [b""]);
}

/// Integers in one order of bytes.
#[derive(Clone, Copy)]
struct Words(bool);

impl Words {
    fn u16(self, word: u16) -> Vec<u8> {
        if self.0 { word.to_be_bytes().to_vec() } else { word.to_le_bytes().to_vec() }
    }

    fn u32(self, word: u32) -> Vec<u8> {
        if self.0 { word.to_be_bytes().to_vec() } else { word.to_le_bytes().to_vec() }
    }

    fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| self.u32(*word)).collect()
    }

    fn block(self, block_type: u32, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = body.len() as u32 + 12;
        [self.words(&[block_type, length]), body, self.u32(length)].concat()
    }

    fn section(self) -> Vec<u8> {
        let body = [self.u32(0x1a2b_3c4d), self.u16(1), self.u16(0), vec![0xff; 8]];
        self.block(0x0a0d_0d0a, &body.concat())
    }

    fn interface(self, link: u16, options: &[u8]) -> Vec<u8> {
        let body = [self.u16(link), self.u16(0), self.u32(262_144), options.to_vec()];
        self.block(1, &body.concat())
    }

    fn packet(self, interface: u32, time: u64, bytes: &[u8]) -> Vec<u8> {
        let length = bytes.len() as u32;
        let header = [interface, (time >> 32) as u32, time as u32, length, length];
        self.block(6, &[self.words(&header), bytes.to_vec()].concat())
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut option = [self.u16(code), self.u16(value.len() as u16), value.to_vec()].concat();
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }
}

#[test]
fn captures_of_the_next_generation_are_read() {
    for words in [Words(false), Words(true)] {
        let ns = words.option(9, &[9]);
        let unit = [words.option(2, b"eth0"), ns, words.option(0, b"")].concat();
        let ten_seconds = [vec![0; 7], vec![10]].concat();
        let ten_seconds =
            if words.0 { ten_seconds } else { ten_seconds.into_iter().rev().collect() };
        let offset = [words.option(9, &[0x8a]), words.option(14, &ten_seconds)].concat();
        let file = [
            words.section(),
            words.interface(1, &unit),
            words.interface(113, b""),
            words.interface(276, &offset),
            words.packet(0, TIME_NS, b"first"),
            words.block(5, b"statistics, passed over"),
            words.packet(1, 1_795_305_600_123_456, b"microseconds"),
            // 2,048/1,024 of a second, and ten seconds.
            words.packet(2, 2_048, b"binary"),
            words.block(3, &[words.u32(6), b"simple".to_vec()].concat()),
            // Another section begins anew, here in the other order of bytes.
            Words(!words.0).section(),
            Words(!words.0).interface(101, b""),
            Words(!words.0).packet(0, 5, b"last"),
        ];
        let expected: [(u64, u32, &[u8]); 5] = [
            (TIME_NS, 1, b"first"),
            (1_795_305_600_123_456_000, 113, b"microseconds"),
            (12_000_000_000, 276, b"binary"),
            (12_000_000_000, 1, b"simple"),
            (5_000, 101, b"last"),
        ];
        let expected = expected.map(|(time_ns, link, bytes)| (time_ns, link, bytes.to_vec()));
        assert_eq!(all(&file.concat()).unwrap(), expected);
    }
}

#[test]
fn classic_captures_of_other_machines_are_read() {
    let big = Words(true);
    let header =
        [big.words(&[0xa1b2_c3d4]), big.u16(2), big.u16(4), big.words(&[0, 0, 65_535, 113])];
    let packet = [big.words(&[7, 8, 2, 900]), b"ab".to_vec()];
    let file = [header.concat(), packet.concat()].concat();
    assert_eq!(all(&file).unwrap(), [(7_000_008_000, 113, b"ab".to_vec())]);
}

fn error(bytes: &[u8]) -> String {
    all(bytes).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let good = recording(&[b"one", b"two"]);
    let with = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    assert_eq!(error(b""), "the capture is cut off: it ends within what begins at byte 0");
    assert_eq!(error(b"GIF89a"), "neither pcap nor pcapng: it begins with 38464947");
    assert_eq!(error(&with(4, &[3])), "byte 4: version 3.4 of the format is not known");
    let link = error(&with(20, &[105]));
    assert!(link.starts_with("byte 20: link type 105; a feed is read from Ethernet"), "{link}");
    assert_eq!(
        error(&with(24 + 8, &[1, 0, 4, 0])),
        "byte 24: a packet of 262145 bytes; there can be 262144"
    );
    // Whatever its end: what came before is read, and where it ends is said.
    for length in 25..good.len() {
        if length != 24 + 16 + 45 {
            let cut = error(&good[..length]);
            assert!(cut.starts_with("the capture is cut off"), "{length}: {cut}");
        }
    }

    let words = Words(false);
    let begin = |rest: &[u8]| [&words.section()[..], &words.interface(1, b""), rest].concat();
    assert_eq!(
        error(&begin(&words.packet(1, 0, b"x"))),
        "byte 48: a packet of interface 1, and 1 were described"
    );
    let length = |length: u32| begin(&words.words(&[6, length, 0, 0]));
    assert!(error(&length(11)).starts_with("byte 48: a block of 11 bytes"));
    assert!(error(&length(13)).starts_with("byte 48: a block of 13 bytes"));
    assert!(error(&length(0xffff_fff0)).starts_with("byte 48: a block of 4294967268 bytes"));
    let longer = words.block(6, &words.words(&[0, 0, 0, 5, 5, 0]));
    assert_eq!(
        error(&begin(&longer)),
        "byte 48: a content of a block of 25 bytes; there can be 24"
    );
    let unit = words.interface(1, &words.option(9, &[20]));
    let unit = error(&[words.section(), unit].concat());
    assert_eq!(unit, "byte 28: times in units of code 20 are not understood");
    let wireless = [words.section(), words.interface(105, b""), words.packet(0, 0, b"x")].concat();
    assert!(error(&wireless).starts_with("byte 48: link type 105; a feed is read"));
    let many = [words.section(), words.interface(1, b"").repeat(257)].concat();
    assert!(error(&many).contains("a list of interfaces of 257"));
}

#[test]
fn no_bytes_make_it_panic_or_allocate() {
    let words = Words(false);
    let next_generation =
        [words.section(), words.interface(1, &words.option(9, &[6])), words.packet(0, 9, b"abc")];
    for good in [recording(&[b"one", b"two"]), next_generation.concat()] {
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut file = good.clone();
                file[at] ^= 1 << bit;
                if let Ok(packets) = all(&file) {
                    assert!(packets.iter().all(|packet| packet.2.len() <= file.len()));
                    for packet in packets {
                        let _ = datagram(packet.1, &packet.2);
                    }
                }
            }
        }
    }
}
