//! Killed writers and power failures: what was finished and durable is there, in its order.

use super::*;

fn segment() -> PathBuf {
    directory().join("00000000000000000000.log")
}

#[test]
fn a_kill_at_each_step_of_a_transaction_leaves_all_of_it_or_nothing() {
    let disk = MemoryDisk::default();
    let mut random = Random(21);
    let (mut writer, _) = open(&disk);
    let before = random.transaction(3, 99);
    let start = append(&mut writer, &before);
    let messages: Vec<_> = (1..=3).map(|index| random.message(50, index == 3)).collect();
    let check = |image: &MemoryDisk, all: bool, what: &str| {
        let mut expected = before.clone();
        if all {
            expected.extend(messages.iter().cloned());
        }
        assert_eq!(read(&mut attach(image).unwrap()), expected, "{what}");
        let (mut writer, recovery) = open(image);
        assert_eq!(recovery.cut.is_none(), all, "{what}");
        if let Some(cut) = recovery.cut {
            assert_eq!((cut.from, cut.fault_at), (start, start), "{what}");
            assert_eq!(cut.fault, FrameFault::NoLength, "{what}");
        }
        let more = Random(1).transaction(2, 99);
        append(&mut writer, &more);
        expected.extend(more);
        assert_eq!(read(&mut attach(image).unwrap()), expected, "{what}");
    };
    let mut transaction = writer.begin(size(&messages)).unwrap();
    for (index, message) in messages.iter().enumerate() {
        transaction.append(message.len(), |place| {
            place[..20].copy_from_slice(&message[..20]);
            check(&disk.after_kill().unwrap(), false, &format!("in message {index}"));
            place.copy_from_slice(message);
        });
        check(&disk.after_kill().unwrap(), false, &format!("after message {index}"));
    }
    transaction.finish();
    check(&disk.after_kill().unwrap(), true, "finished");
    // The lengths are stored backwards: without the first, without the first two.
    for missing in 1..=3 {
        let image = disk.after_kill().unwrap();
        let mut content = image.read(&segment()).unwrap();
        for index in 0..missing {
            let at = start.get() as usize + index * 96;
            assert_eq!(content[at], 82);
            content[at] = 0;
        }
        image.write(&segment(), &content).unwrap();
        check(&image, false, &format!("{missing} lengths missing"));
    }
}

#[test]
fn power_failures_keep_what_was_synced_and_show_nothing_else() {
    let (mut cuts, mut lost, mut failures) = (0, 0, 0);
    for seed in 0..60 {
        let mut random = Random(1000 + seed);
        let mut disk = MemoryDisk::default();
        let mut truth: Vec<(Position, Vec<Vec<u8>>)> = Vec::new();
        let mut epoch = Epoch(0);
        for round in 0..6 {
            let (mut writer, recovery) = open(&disk);
            let what = format!("seed {seed} round {round}: {recovery:?}");
            assert!(writer.epoch() > epoch, "{what}");
            epoch = writer.epoch();
            assert_eq!(recovery.lossy, round > 0, "{what}");
            cuts += usize::from(recovery.cut.is_some());
            let before = truth.len();
            truth.retain(|(end, _)| *end <= recovery.valid_to);
            lost += before - truth.len();
            let events: Vec<_> = truth.iter().flat_map(|(_, messages)| messages.clone()).collect();
            assert_eq!(read(&mut attach(&disk).unwrap()), events, "{what}");
            assert_eq!(truth.last().map_or(Position(0), |(end, _)| *end), recovery.valid_to);

            let mut synced = recovery.valid_to;
            for _ in 0..random.below(60) {
                let messages = random.transaction(6, 700);
                truth.push((append(&mut writer, &messages), messages));
                if random.below(12) == 0 {
                    synced = writer.sync().unwrap();
                }
            }
            // Some failures keep nearly nothing of what was not synced, some nearly all.
            let odds = 1 + random.below(40);
            disk = disk.after_power_failure(|| random.below(41) < odds).unwrap();
            failures += 1;
            let end = open_end(&disk);
            assert!(end.valid_to >= synced, "{what}: synced {synced}, found {}", end.valid_to);
        }
    }
    println!("{failures} failures, {cuts} cuts, {lost} transactions lost");
    assert!(cuts > 100 && lost > 100);
}

#[test]
fn an_older_epochs_tail_that_comes_back_is_not_read() {
    let disk = MemoryDisk::default();
    let mut random = Random(31);
    let (mut writer, _) = open(&disk);
    let kept = vec![random.message(64, true)];
    let base = append(&mut writer, &kept);
    writer.sync().unwrap();
    // Two transactions of equal length: the second begins where a new one would.
    append(&mut writer, &[random.message(64, true)]);
    let tail_at = append(&mut writer, &[random.message(64, true)]).get() as usize - 96;
    let old_tail = disk.read(&segment()).unwrap()[tail_at..tail_at + 96].to_vec();
    drop(writer);
    // The first of them is lost, so both are cut; the next epoch writes one of its own.
    let mut content = disk.read(&segment()).unwrap();
    content[base.get() as usize] ^= 1;
    disk.write(&segment(), &content).unwrap();
    let (mut writer, recovery) = open(&disk);
    assert_eq!(recovery.valid_to, base);
    let new = vec![random.message(64, true)];
    assert_eq!(append(&mut writer, &new).get() as usize, tail_at);
    let end = writer.position();
    drop(writer);
    // The disk brings the old bytes back behind it: whole frames of this very log.
    let mut content = disk.read(&segment()).unwrap();
    content[tail_at..tail_at + 96].copy_from_slice(&old_tail);
    disk.write(&segment(), &content).unwrap();
    assert_eq!(read(&mut attach(&disk).unwrap()), [&kept[..], &new[..]].concat());
    let (_, recovery) = open(&disk);
    let cut = recovery.cut.unwrap();
    assert_eq!((cut.from, cut.fault_at), (end, end));
    let fault = FrameFault::Epoch { expected: Epoch(2), found: Epoch(1) };
    assert_eq!(cut.fault, fault);
}

#[test]
fn a_reader_that_was_ahead_of_a_cut_is_told() {
    let disk = MemoryDisk::default();
    let (mut writer, _) = open(&disk);
    let first = append(&mut writer, &Random(1).transaction(1, 99));
    append(&mut writer, &Random(2).transaction(1, 99));
    let mut ahead = attach(&disk).unwrap();
    assert_eq!(read(&mut ahead).len(), 2);
    let position = ahead.position();
    drop(writer);
    disk.flip_bit(&segment(), first.get() as usize * 8 + 300).unwrap();
    let (_writer, recovery) = open(&disk);
    assert_eq!(recovery.valid_to, first);
    let told = ahead.next().unwrap_err();
    assert_eq!(
        told.to_string(),
        format!("the log was cut at {first}, below the reader's position {position}")
    );
}

#[test]
fn what_was_synced_must_be_the_same_log() {
    let disk = MemoryDisk::default();
    let (mut writer, _) = open(&disk);
    append(&mut writer, &[Random(1).message(64, true)]);
    let position = append(&mut writer, &[Random(2).message(64, true)]);
    writer.close().unwrap();
    // A whole log of the same exchange and epoch, with other events.
    let other = MemoryDisk::default();
    let (mut writer, _) = open(&other);
    append(&mut writer, &[Random(1).message(64, true)]);
    assert_eq!(append(&mut writer, &[Random(3).message(64, true)]), position);
    disk.write(&segment(), &other.read(&segment()).unwrap()).unwrap();
    let refused = open_with(&disk, &options(&directory())).unwrap_err().to_string();
    assert!(refused.starts_with("the chain at the synced 192 is "), "{refused}");
    // One whose transactions end elsewhere.
    let other = MemoryDisk::default();
    let (mut writer, _) = open(&other);
    append(&mut writer, &[Random(1).message(64, true)]);
    append(&mut writer, &[Random(3).message(100, true)]);
    disk.write(&segment(), &other.read(&segment()).unwrap()).unwrap();
    let refused = open_with(&disk, &options(&directory())).unwrap_err().to_string();
    let expected = "no transaction ends at the synced position 192; the log ends at 256";
    assert_eq!(refused, expected);
}

#[test]
fn damage_below_the_synced_mark_is_refused_with_its_place() {
    let disk = written(3, 17);
    let path = directory().join("00000000000000065536.log");
    disk.flip_bit(&path, 8 * 40).unwrap();
    let synced = disk
        .read(&path)
        .is_ok()
        .then(|| marks::MarksFile::load(&disk, &directory(), Access::Read).unwrap().marks.synced);
    let text = open_with(&disk, &options(&directory())).unwrap_err().to_string();
    let place = format!("damaged at 65536, below the synced position {}: CRC ", synced.unwrap());
    assert!(text.starts_with(&place), "{text}");
}

#[test]
fn what_an_allocation_left_is_removed() {
    let disk = MemoryDisk::default();
    drop(open(&disk));
    let left = directory().join("00000000000000131072.log.new");
    disk.write(&left, &[0; 100]).unwrap();
    drop(open(&disk));
    assert!(!disk.paths().contains(&left));
}

#[test]
fn random_damage_is_refused_or_cut_but_never_read() {
    let (mut refused, mut cut, mut same) = (0, 0, 0);
    let disk = MemoryDisk::default();
    let mut random = Random(41);
    let (mut writer, _) = open(&disk);
    let mut truth = Vec::new();
    while writer.position().get() < 5 * TERM_BYTES as u64 / 2 {
        let messages = random.transaction(6, 500);
        truth.push((append(&mut writer, &messages), messages));
        if writer.position().get() < TERM_BYTES as u64 {
            writer.sync().unwrap();
        }
    }
    let paths = disk.paths();
    for round in 0..1_500 {
        let image = disk.after_kill().unwrap();
        let path = &paths[random.below(paths.len())];
        let other = &paths[random.below(paths.len())];
        let mut content = image.read(path).unwrap();
        let from = image.read(other).unwrap();
        // Whole sectors or frames, from elsewhere or of noise, here or of another length.
        let unit = if random.below(2) == 0 { 512 } else { 32 };
        let bytes = unit * (1 + random.below(64));
        let place = |random: &mut Random, length: usize| random.below(length) / unit * unit;
        let (at, source) = (place(&mut random, content.len()), place(&mut random, from.len()));
        let bytes = bytes.min(content.len() - at).min(from.len() - source);
        match random.below(6) {
            0 => content[at..at + bytes].fill_with(|| random.next() as u8),
            1 => content[at..at + bytes].fill(0),
            2 => content.truncate(at),
            3 => content.extend_from_slice(&from[..bytes]),
            _ => content[at..at + bytes].copy_from_slice(&from[source..source + bytes]),
        }
        image.write(path, &content).unwrap();
        let what = format!("round {round}: {} at {at}, {bytes} bytes", path.display());
        let Ok(mut reader) = attach(&image) else {
            refused += 1;
            continue;
        };
        let end = reader.end().unwrap();
        let kept = truth.iter().filter(|(at, _)| *at <= end);
        let events: Vec<_> = kept.flat_map(|(_, messages)| messages.clone()).collect();
        assert_eq!(read(&mut reader), events, "{what}");
        match end == writer.position() {
            true => same += 1,
            false => cut += 1,
        }
        match open_with(&image, &options(&directory())) {
            Ok((_, recovery)) => assert_eq!(recovery.valid_to, end, "{what}"),
            Err(error) => panic!("{what}: read but not opened: {error}"),
        }
    }
    println!("{refused} refused, {cut} cut, {same} the same");
    assert!(refused > 100 && cut > 100 && same > 100);
}
