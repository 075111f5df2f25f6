//! Every single bit of a store flipped: the same events, a reported cut above the synced mark,
//! or a refusal; never other events.

use super::*;

const FRAMES: usize = 100;

/// What became of a flip.
#[derive(Default, Debug)]
struct Outcomes {
    same: usize,
    cut: usize,
    refused: usize,
}

/// A store of 100 frames over two epochs, and its events; synced in the middle. `bytes_max`
/// bounds a message.
struct Case {
    disk: MemoryDisk,
    truth: Vec<(Position, Vec<u8>)>,
    synced: Position,
    end: Position,
    recovered: Position,
}

impl Case {
    fn new(bytes_max: usize) -> Self {
        let (disk, mut random) = (MemoryDisk::default(), Random(11));
        let (mut writer, _) = open(&disk);
        let mut truth = Vec::new();
        let mut synced = Position(0);
        let mut frames = 0;
        while frames < FRAMES {
            let room = (FRAMES - frames).min(5);
            let messages = random.transaction(room, bytes_max);
            append(&mut writer, &messages);
            frames += messages.len();
            truth.extend(messages);
            if synced == Position(0) && frames > FRAMES / 4 {
                drop(writer);
                (writer, _) = open(&disk);
            }
            if synced == Position(0) && frames > FRAMES / 2 {
                synced = writer.sync().unwrap();
            }
        }
        let end = writer.position();
        drop(writer);
        let mut reader = attach(&disk).unwrap();
        let mut placed = Vec::new();
        while let Some(frame) = reader.next().unwrap() {
            placed.push((frame.end, frame.message.to_vec()));
        }
        assert_eq!(placed.iter().map(|(_, message)| message).collect::<Vec<_>>(), {
            truth.iter().collect::<Vec<_>>()
        });
        Self { disk, truth: placed, synced, end, recovered: end }
    }

    /// Judges the disk as it is now.
    fn judge(&self, what: &str, outcomes: &mut Outcomes) {
        let Ok(end) = find_end(&self.disk) else {
            assert!(attach(&self.disk).is_err(), "{what}: recovery and reader agree");
            outcomes.refused += 1;
            return;
        };
        match &end.cut {
            None => {
                assert_eq!(end.valid_to, self.recovered, "{what}: nothing is lost silently");
                outcomes.same += 1;
            }
            Some(cut) => {
                assert!(cut.from >= self.synced, "{what}: {cut:?} below {}", self.synced);
                assert!(cut.from <= cut.fault_at && cut.from < cut.to, "{what}: {cut:?}");
                assert_eq!(cut.from, end.valid_to);
                outcomes.cut += 1;
            }
        }
        let mut reader = attach(&self.disk).unwrap();
        let mut events = 0;
        while let Some(frame) = reader.next().unwrap() {
            let (at, message) = &self.truth[events];
            assert_eq!((frame.end, frame.message), (*at, &message[..]), "{what}");
            events += 1;
        }
        let kept = self.truth.iter().filter(|(end_of, _)| *end_of <= end.valid_to).count();
        assert_eq!(events, kept, "{what}");
    }

    fn flip(&self, path: &Path, bits: impl Iterator<Item = usize>) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for bit in bits {
            self.disk.flip_bit(path, bit).unwrap();
            self.judge(&format!("bit {bit} of {}", path.display()), &mut outcomes);
            self.disk.flip_bit(path, bit).unwrap();
        }
        outcomes
    }
}

fn segment(index: usize) -> PathBuf {
    directory().join(format!("{:020}.log", index * TERM_BYTES))
}

#[test]
fn every_bit_of_the_log() {
    let case = Case::new(90);
    let (synced, end) = (case.synced.get() as usize * 8, case.end.get() as usize * 8);
    assert!(end < TERM_BYTES * 8 && synced > 0);
    let below = case.flip(&segment(0), 0..synced);
    let above = case.flip(&segment(0), synced..end);
    // A single bit behind the end, in this segment or the prepared one, is written content too.
    let behind = case.flip(&segment(0), (end..TERM_BYTES * 8).step_by(997));
    let prepared = case.flip(&segment(1), (0..TERM_BYTES * 8).step_by(997));
    println!("below {below:?}, above {above:?}, behind {behind:?}, prepared {prepared:?}");
    assert_eq!((below.same, below.cut, below.refused), (0, 0, synced));
    assert_eq!((above.same, above.cut, above.refused), (0, end - synced, 0));
    assert_eq!((behind.same, behind.refused, prepared.same, prepared.refused), (0, 0, 0, 0));
}

#[test]
fn every_bit_of_headers_and_padding_where_a_term_ends() {
    let mut case = Case::new(1300);
    assert!(case.end.get() > TERM_BYTES as u64, "crosses into a second term");
    // The bits of all frame headers; of messages, some.
    let mut starts = vec![0];
    starts.extend(case.truth.iter().map(|(end, _)| end.get() as usize));
    let in_header = |byte: &usize| starts.iter().any(|start| (*start..start + 32).contains(byte));
    let byte_of = |bit: &usize| bit / 8;
    let chosen = |index: usize| {
        let end = (case.end.get() as usize - index * TERM_BYTES).min(TERM_BYTES);
        (0..end * 8).filter(move |bit| bit % 499 == 0).chain(
            (0..end * 8).filter(move |bit| bit % 8 == 3 || bit % 8 == 6).filter(move |bit| {
                let byte = byte_of(bit) + index * TERM_BYTES;
                in_header(&byte) || (end == TERM_BYTES && byte_of(bit) + 600 > TERM_BYTES)
            }),
        )
    };
    let bits: Vec<Vec<usize>> = vec![chosen(0).collect(), chosen(1).collect()];
    for (index, bits) in bits.iter().enumerate() {
        let outcomes = case.flip(&segment(index), bits.iter().copied());
        println!("segment {index}: {outcomes:?}");
        assert_eq!(outcomes.same, 0);
        assert!(outcomes.cut > 100);
    }
    case.synced = Position(0);
}

#[test]
fn every_bit_beside_the_log() {
    let case = Case::new(90);
    let bits = |name: &str| 0..case.disk.read(&directory().join(name)).unwrap().len() * 8;
    let flip = |name: &str| case.flip(&directory().join(name), bits(name));
    let marks = flip("marks");
    assert_eq!((marks.same, marks.cut, marks.refused), (2 * 4096 * 8, 0, 0));
    let control = flip("control");
    assert_eq!((control.same, control.cut, control.refused), (4096 * 8, 0, 0));
    let lock = flip("lock");
    assert_eq!((lock.same, lock.cut, lock.refused), (11 * 8, 0, 0));
    // `meta` is what a reader looks at first: without it nothing is read at all.
    for bit in bits("meta") {
        case.disk.flip_bit(&directory().join("meta"), bit).unwrap();
        assert!(attach(&case.disk).is_err(), "bit {bit}");
        assert!(open_with(&case.disk, &options(&directory())).is_err(), "bit {bit}");
        case.disk.flip_bit(&directory().join("meta"), bit).unwrap();
    }
}

#[test]
fn a_writer_goes_on_after_a_flip() {
    let case = Case::new(90);
    let mut outcomes = Outcomes::default();
    let end = case.end.get() as usize * 8;
    for bit in (0..end).step_by(61) {
        let disk = case.disk.after_kill().unwrap();
        disk.flip_bit(&segment(0), bit).unwrap();
        let Ok((mut writer, recovery)) = open_with(&disk, &options(&directory())) else {
            outcomes.refused += 1;
            continue;
        };
        let cut = recovery.cut.expect("a flip in a frame is found");
        assert!(cut.from >= case.synced && recovery.valid_to == cut.from, "bit {bit}");
        outcomes.cut += 1;
        let more = Random(bit as u64).transaction(3, 200);
        append(&mut writer, &more);
        drop(writer);
        let kept = case.truth.iter().filter(|(at, _)| *at <= cut.from);
        let expected: Vec<_> = kept.map(|(_, message)| message.clone()).chain(more).collect();
        assert_eq!(read(&mut attach(&disk).unwrap()), expected, "bit {bit}");
        assert_eq!(open_end(&disk).cut, None, "bit {bit}: the rest is zero");
    }
    println!("{outcomes:?}");
    assert!(outcomes.cut > 500 && outcomes.refused > 500);
}
