//! Frames against bytes written by hand, and every flipped bit.

use super::*;

/// A 40-byte message at offset 64 of term 2, written out by hand from the specification.
fn literal() -> Vec<u8> {
    let mut bytes = vec![
        0x48, 0, 0, 0, // length 72
        0, 0xC0, 1, 0, // version, flags, DATA
        0x40, 0, 0, 0, // term offset 64
        0x44, 0x33, 0x22, 0x11, // session
        0xE9, 3, 0, 0, // stream 1001
        2, 0, 0, 0, // term 2
        0, 0, 0, 0, // CRC, below
        5, 0, 0, 0, // epoch 5
    ];
    bytes.extend((1..=40).collect::<Vec<u8>>());
    bytes.resize(96, 0);
    // CRC-32 (IEEE) bit by bit over all but the CRC itself: no table, no library.
    let mut crc = u32::MAX;
    for byte in bytes[..24].iter().chain(&bytes[28..]) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    bytes[24..28].copy_from_slice(&(!crc).to_le_bytes());
    bytes
}

fn header() -> Header {
    Header {
        length: 72,
        kind: Kind::Data,
        term_offset: 64,
        session: 0x1122_3344,
        stream: 1001,
        term_id: 2,
        epoch: Epoch(5),
    }
}

#[test]
fn literal_bytes_are_read_and_written() {
    let bytes = literal();
    let terms = Terms::new(64 * 1024).unwrap();
    let position = Position(2 * 64 * 1024 + 64);
    let frame = Frame::new_at(&bytes[..], position, terms).unwrap();
    frame.check_content().unwrap();
    assert_eq!(Header::parse(&frame).unwrap(), header());
    assert_eq!(frame.message(), (1..=40).collect::<Vec<u8>>());
    assert_eq!(frame.aligned_bytes(), 96);

    let sealed = header().seal(&bytes[32..]);
    assert_eq!(sealed.emit(), bytes[..32]);
    assert_eq!((sealed.length(), sealed.crc()), (72, frame.crc()));
}

#[test]
fn any_flipped_bit_is_noticed() {
    let terms = Terms::new(64 * 1024).unwrap();
    let good = literal();
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let position = Position(2 * 64 * 1024 + 64);
        let judged = Frame::new_at(&bytes[..], position, terms).and_then(|f| f.check_content());
        assert!(judged.is_err(), "bit {bit}");
    }
}

#[test]
fn strange_bytes_are_refused_with_their_values() {
    let fault = |change: fn(&mut Vec<u8>)| {
        let mut bytes = literal();
        change(&mut bytes);
        Frame::new_checked(&bytes[..]).unwrap_err()
    };
    assert_eq!(fault(|b| b.truncate(31)), FrameFault::Short { need_bytes: 32, left_bytes: 31 });
    assert_eq!(fault(|b| b.truncate(80)), FrameFault::Short { need_bytes: 96, left_bytes: 80 });
    assert_eq!(fault(|b| b[0] = 0), FrameFault::NoLength);
    assert_eq!(fault(|b| b[0] = 71), FrameFault::Length(71));
    assert_eq!(fault(|b| b[3] = 0x80), FrameFault::Length(0x8000_0048));
    assert_eq!(fault(|b| b[1] = 6), FrameFault::Length(0x648));
    assert_eq!(fault(|b| b[4] = 1), FrameFault::Version(1));
    assert_eq!(fault(|b| b[5] = 0x80), FrameFault::Flags(0x80));
    assert_eq!(fault(|b| b[6] = 5), FrameFault::Kind(5));
}

#[test]
fn padding_is_a_header_and_zeroes() {
    let terms = Terms::new(64 * 1024).unwrap();
    let header = Header { length: 96, kind: Kind::Pad, term_offset: 65440, ..header() };
    let mut bytes = header.seal(&[]).emit().to_vec();
    bytes.resize(96, 0);
    let position = Position(2 * 65536 + 65440);
    let frame = Frame::new_at(&bytes[..], position, terms).unwrap();
    assert_eq!((frame.check_content(), frame.message()), (Ok(()), &[][..]));
    bytes[95] = 1;
    let frame = Frame::new_at(&bytes[..], position, terms).unwrap();
    assert_eq!(frame.check_content(), Err(FrameFault::PadBody));
}

#[test]
fn the_last_byte_that_is_not_zero_is_found() {
    let mut bytes = vec![0; 10_000];
    assert!(is_zero(&bytes));
    for at in [0, 1, 4095, 4096, 9_999] {
        bytes[at] = 1;
        assert_eq!(last_nonzero(&bytes), Some(at));
    }
}
