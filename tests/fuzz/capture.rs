//! Packet captures of anybody: read to an end, or why not; never more than what is there.

use isochron::cli::subscribe::capture::{Reader, Recorder, datagram, packets};
use std::net::{Ipv4Addr, SocketAddrV4};

/// Reads a capture, and whatever datagrams are in it.
pub(crate) fn capture(bytes: &[u8]) {
    let Ok(mut reader) = Reader::open(bytes) else { return };
    let mut read = 0;
    while let Ok(Some(captured)) = reader.next_packet() {
        read += captured.bytes.len();
        assert!(read <= bytes.len(), "more packets than the file holds");
        let Ok(found) = datagram(captured.link, captured.bytes) else { continue };
        // However a datagram is cut, its bytes stay as they are.
        let pieces: Vec<&[u8]> = packets(found.payload).collect();
        assert_eq!(pieces.concat(), found.payload);
    }
}

/// A recording of ours, and a capture of the next generation with one packet.
pub(crate) fn capture_seeds() -> Vec<Vec<u8>> {
    let mut recording = Vec::new();
    let address = |last, port| SocketAddrV4::new(Ipv4Addr::new(239, 77, 1, last), port);
    let heartbeat = b"261122300A\0\0\0\0\0\0\0\x01\0\0";
    let mut recorder = Recorder::new(&mut recording).expect("memory takes it");
    for time_ns in [0, 1_795_305_600_000_000_000] {
        let twice = [&heartbeat[..], heartbeat].concat();
        let recorded = recorder.record(time_ns, address(1, 1), address(3, 2), &twice);
        recorded.expect("memory takes it");
    }
    let frame = recording[24 + 16..24 + 16 + 82].to_vec();
    let block = |kind: u32, body: &[u8]| {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = (body.len() as u32 + 12).to_le_bytes();
        [&kind.to_le_bytes()[..], &length, &body, &length].concat()
    };
    let words =
        |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|word| word.to_le_bytes()).collect() };
    let next_generation = [
        block(0x0a0d_0d0a, &words(&[0x1a2b_3c4d, 1, u32::MAX, u32::MAX])),
        block(1, &words(&[1, 262_144, 1 << 16 | 9, 9, 0])),
        block(6, &[words(&[0, 0, 5, frame.len() as u32, frame.len() as u32]), frame].concat()),
        block(3, &words(&[4, 0])),
    ];
    vec![recording, next_generation.concat()]
}
