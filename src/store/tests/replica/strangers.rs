//! What a standby's store must not take: damaged, foreign, of another time or place; and what it
//! cannot tell from the writer's, which must not stop it.

use super::*;
use crate::store::frame::{Header, Kind};

/// A standby in the middle of a term, a hole before some datagrams, and the writer's disk.
struct Case {
    theirs: MemoryDisk,
    ours: MemoryDisk,
    writer: StoreWriter,
    replica: ReplicaStore,
    next: Vec<Datagram>,
}

impl Case {
    fn new() -> Self {
        let (theirs, ours) = (MemoryDisk::default(), MemoryDisk::default());
        let mut random = Random(71);
        let (mut writer, _) = open_told(&theirs);
        let start = begin_of(&writer);
        while writer.position().get() < TERM_BYTES as u64 / 4 {
            grow(&mut writer, &mut random);
        }
        let (mut replica, _) = open_replica(&ours);
        replica.follow(start, false).unwrap();
        feed(&mut replica, &theirs, writer.position());
        while writer.position().get() < TERM_BYTES as u64 / 2 {
            grow(&mut writer, &mut random);
        }
        let held = replica.held().position;
        let next = datagrams(&theirs, held..writer.position(), 4, &mut random);
        Self { theirs, ours, writer, replica, next }
    }

    fn places(&self) -> (LogPlace, Position, Position) {
        let replica = &self.replica;
        (replica.held(), replica.contiguous(), replica.received())
    }

    /// All that is missing is delivered, and the logs are one.
    fn finish(mut self) {
        for datagram in &self.next {
            self.replica.insert(datagram.range.start, &datagram.bytes).unwrap();
        }
        assert_eq!(self.replica.held(), place_of(&self.writer));
        let all = Position(0)..self.writer.position();
        assert_eq!(log_bytes(&self.ours, all.clone()), log_bytes(&self.theirs, all));
        self.replica.close().unwrap();
        assert_zero_beyond(&self.ours, self.writer.position());
    }
}

#[test]
fn every_flipped_bit_of_a_datagram_is_refused_and_changes_nothing() {
    let mut case = Case::new();
    let (before, image) = (case.places(), log_bytes(&case.ours, Position(0)..Position(65_536)));
    for index in [0, 2] {
        let Datagram { range, bytes } = case.next[index].clone();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let refused = case.replica.insert(range.start, &flipped).unwrap_err();
            assert!(matches!(refused, Refused::Fault { .. }), "bit {bit}: {refused}");
        }
        for cut in 1..bytes.len() {
            // Whole frames of it are fine.
            if cut % 32 != 0 {
                let refused = case.replica.insert(range.start, &bytes[..cut]).unwrap_err();
                assert!(matches!(refused, Refused::Fault { .. }), "{cut} bytes: {refused}");
            }
        }
    }
    assert_eq!(case.places(), before);
    assert!(log_bytes(&case.ours, Position(0)..Position(65_536)) == image);
    case.finish();
}

/// A frame of any header that is whole in itself.
fn sealed(header: Header, message: &[u8]) -> Vec<u8> {
    let mut body = message.to_vec();
    body.resize(aligned(message.len() + 32) - 32, 0);
    [&header.seal(&body).emit()[..], &body].concat()
}

#[test]
fn frames_of_other_logs_epochs_and_places_are_refused() {
    let mut case = Case::new();
    let at = case.replica.held().position;
    let before = case.places();
    let message = Random(5).message(64, true);
    let header = Header {
        length: 96,
        kind: Kind::Data,
        term_offset: at.get() as u32,
        session: case.replica.session(),
        stream: 1001,
        term_id: 0,
        epoch: Epoch(1),
    };
    let refuse = |case: &mut Case, position: Position, header: Header, expected: &str| {
        let frame = sealed(header, &message);
        let refused = case.replica.insert(position, &frame).unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}: {expected}");
    };
    let case_of = &mut case;
    refuse(case_of, at, Header { stream: 1002, ..header }, "stream 1002, expected 1001");
    refuse(case_of, at, Header { session: 7, ..header }, "session 7, expected");
    refuse(case_of, at, Header { epoch: Epoch(2), ..header }, "a frame of epoch 2 where epoch 1");
    refuse(case_of, at, Header { epoch: Epoch(0), ..header }, "a frame of epoch 0 where epoch 1");
    refuse(case_of, at, Header { term_id: 1, ..header }, "term 1, expected 0");
    let beside = Position(at.get() + 32);
    refuse(case_of, beside, header, "term offset");
    let crooked = Position(at.get() + 7);
    let offset = crooked.get() as u32;
    refuse(case_of, crooked, Header { term_offset: offset, ..header }, "term offset");
    // Padding that ends before its term, and a frame that ends behind it.
    let pad = Header { kind: Kind::Pad, length: 320, ..header };
    let refused = case_of.replica.insert(at, &pad.seal(&[]).emit()).unwrap_err().to_string();
    assert!(refused.ends_with("no frame is 320 bytes long"), "{refused}");
    let last = Position(TERM_BYTES as u64 - 64);
    let end = Header { term_offset: TERM_BYTES as u32 - 64, ..header };
    refuse(case_of, last, end, "are not within");
    // Far away, at the end of everything.
    for position in [Position(1 << 40), Position(u64::MAX - 31), Position(u64::MAX)] {
        refuse(case_of, position, header, "are not within");
    }
    // A transaction that has no end, one byte more than any may have.
    let long = Random(6).message(1376, false);
    let mut offset = at.get();
    let refused = loop {
        let header = Header { length: 1408, term_offset: offset as u32, ..header };
        match case_of.replica.insert(Position(offset), &sealed(header, &long)) {
            Ok(_) => offset += 1408,
            Err(refused) => break refused.to_string(),
        }
    };
    assert!(refused.contains("has no end"), "{refused}");
    assert_eq!(case.replica.held(), before.0);
    // What began so is given up by whoever knows that it is wrong.
    case.replica.commit(at, case.replica.held().chain).unwrap();
    assert_eq!(case.replica.forget_uncommitted().unwrap(), None);
    assert_eq!(case.places(), before);
    case.finish();
}

#[test]
fn a_strangers_sealed_frames_do_not_stop_the_log() {
    let (mut overlaps, mut evicted) = (0, 0);
    for seed in 0..40 {
        let mut case = Case::new();
        let mut random = Random(9_000 + seed);
        let from = case.replica.held().position;
        let session = case.replica.session();
        // Not at the first hole: what is there first stays, and only its chain gives it away.
        for _ in 0..30 {
            let at = from.get() + 32 * (1 + random.below(300)) as u64;
            let message = {
                let bytes = 40 + random.below(1337);
                let ends = random.below(2) == 0;
                random.message(bytes, ends)
            };
            let header = Header {
                length: message.len() as u32 + 32,
                kind: Kind::Data,
                term_offset: at as u32,
                session,
                stream: 1001,
                term_id: 0,
                epoch: Epoch(1),
            };
            match case.replica.insert(Position(at), &sealed(header, &message)) {
                Err(Refused::Overlap { .. }) => overlaps += 1,
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(case.replica.held().position, from);
        // The writer sends, and sends again what is asked for.
        let end = case.writer.position();
        for round in 0.. {
            assert!(round < 2_000, "seed {seed}: stopped at {}", case.replica.contiguous());
            let contiguous = case.replica.contiguous();
            if contiguous >= end {
                break;
            }
            let before = bytes_there(&case.replica);
            let sent =
                datagrams(&case.theirs, contiguous_frame(&case, contiguous)..end, 4, &mut random);
            let Some(first) = sent.first() else { break };
            match case.replica.insert(first.range.start, &first.bytes) {
                Ok(inserted) => {
                    let kept = before + inserted.new_bytes;
                    evicted += usize::from(bytes_there(&case.replica) < kept);
                }
                // The stranger's frame was reached: the log is another one now.
                Err(Refused::Overlap { .. } | Refused::Fault { .. }) => break,
                Err(error) => panic!("{error}"),
            }
        }
        // Whatever became of it, the commit tells, and the log can be had.
        let place = place_of(&case.writer);
        if case.replica.held() != place {
            let committed = LogPlace { position: from, chain: chain_of(&case, from) };
            case.replica.commit(committed.position, committed.chain).unwrap();
            case.replica.forget_uncommitted().unwrap();
            assert_eq!(case.replica.held(), committed);
        }
        let old = travelling(&case.theirs, case.replica.contiguous()..end);
        case.replica.append_old(&old).unwrap();
        assert_eq!(case.replica.commit(end, place.chain), Ok(end), "seed {seed}");
        case.next.clear();
        case.finish();
    }
    println!("{overlaps} overlaps, {evicted} evicted");
    assert!(overlaps > 20 && evicted > 5);
}

/// Bytes of all frames that are there.
fn bytes_there(replica: &ReplicaStore) -> u64 {
    let gaps = gaps_of(replica).iter().map(|gap| gap.end.get() - gap.start.get()).sum::<u64>();
    replica.received().get() - gaps
}

/// Where the writer's frame begins that a standby's first hole lies in.
fn contiguous_frame(case: &Case, contiguous: Position) -> Position {
    let sent = datagrams(&case.theirs, Position(0)..case.writer.position(), 1, &mut Random(0));
    sent.iter().map(|one| one.range.start).take_while(|at| *at <= contiguous).last().unwrap()
}

/// The writer's chain at a position.
fn chain_of(case: &Case, position: Position) -> Chain {
    let mut reader = attach_published(&case.theirs);
    while reader.position() < position {
        reader.next().unwrap().unwrap();
    }
    reader.chain().unwrap()
}

#[test]
fn a_full_disk_refuses_frames_until_there_is_space() {
    let (theirs, ours) = (MemoryDisk::default(), MemoryDisk::default());
    let mut random = Random(4);
    let (mut writer, _) = open_told(&theirs);
    let start = begin_of(&writer);
    while writer.position().get() < 4 * TERM_BYTES as u64 {
        grow(&mut writer, &mut random);
    }
    let (mut replica, _) = open_replica(&ours);
    replica.follow(start, false).unwrap();
    let mut helper = replica.take_helper().unwrap();
    let used: usize = ours.paths().iter().map(|path| ours.read(path).unwrap().len()).sum();
    ours.set_capacity_bytes(Some(used as u64));
    let sent = datagrams(&theirs, Position(0)..writer.position(), 12, &mut random);
    let mut now = 0;
    let mut refusals = 0;
    for datagram in &sent {
        loop {
            now += 1_000_000;
            helper.do_work(Nanos(now));
            match replica.insert(datagram.range.start, &datagram.bytes) {
                Ok(_) => break,
                Err(Refused::SegmentNotReady { .. }) => {}
                Err(refused @ (Refused::Disk { .. } | Refused::Window { .. })) => {
                    let held = replica.held();
                    assert_eq!(held.position.get() / TERM_BYTES as u64, 1, "{refused}");
                    refusals += 1;
                    if refusals == 100 {
                        ours.set_capacity_bytes(None);
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert!(refusals >= 100);
    assert_eq!(replica.held(), place_of(&writer));
}
