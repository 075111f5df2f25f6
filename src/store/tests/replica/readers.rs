//! Readers of a standby's store from outside, over its end: it goes on, is cut, or is put aside.

use super::*;
use crate::store::{ReadError, put_aside};

fn attach_until(disk: &MemoryDisk, until: Until) -> StoreReader {
    let options = ReaderOptions { until, ..ReaderOptions::default() };
    StoreReader::attach_on(Arc::new(disk.clone()), &directory(), &options).unwrap()
}

/// A primary's log with a first part, and a standby's store that has it, all of it committed.
fn followed() -> (MemoryDisk, StoreWriter, MemoryDisk, ReplicaStore) {
    let (theirs, ours) = (MemoryDisk::default(), MemoryDisk::default());
    let (mut writer, _) = open_told(&theirs);
    let (mut replica, _) = open_replica(&ours);
    replica.follow(begin_of(&writer), false).unwrap();
    // More than a term.
    for seed in 0..60 {
        grow(&mut writer, &mut Random(seed));
        commit_all(&mut replica, &writer, &theirs);
    }
    assert!(writer.position() > Position(TERM_BYTES as u64));
    (theirs, writer, ours, replica)
}

fn commit_all(replica: &mut ReplicaStore, writer: &StoreWriter, theirs: &MemoryDisk) {
    feed(replica, theirs, writer.position());
    replica.commit(writer.position(), writer.chain()).unwrap();
}

/// All that a reader gives, as places.
fn ends(reader: &mut StoreReader) -> Result<Vec<Position>, ReadError> {
    let mut ends = Vec::new();
    reader.poll(usize::MAX, |frame| ends.push(frame.end)).map(|_| ends)
}

#[test]
fn one_that_came_while_it_was_stopped_goes_on_in_the_same_epoch() {
    let (theirs, mut writer, ours, replica) = followed();
    replica.close().unwrap();
    let mut stopped = attach_until(&ours, Until::Committed);
    assert_eq!(ends(&mut stopped).unwrap().last(), Some(&writer.position()));
    let (mut replica, _) = open_replica(&ours);
    assert_eq!(ends(&mut stopped).unwrap(), []);
    let end = grow(&mut writer, &mut Random(99));
    commit_all(&mut replica, &writer, &theirs);
    assert_eq!(ends(&mut stopped).unwrap().last(), Some(&end), "the epoch is the same");
}

#[test]
fn one_that_is_beyond_a_cut_is_told_though_no_epoch_began() {
    let (theirs, mut writer, ours, mut replica) = followed();
    let committed = replica.committed();
    let end = grow(&mut writer, &mut Random(99));
    feed(&mut replica, &theirs, end);
    let mut live = attach_until(&ours, Until::Published);
    assert_eq!(ends(&mut live).unwrap().last(), Some(&end));
    replica.close().unwrap();
    let mut stopped = attach_until(&ours, Until::Published);
    assert_eq!(ends(&mut stopped).unwrap().last(), Some(&end));
    let mut before = attach_until(&ours, Until::Committed);
    assert_eq!(ends(&mut before).unwrap().last(), Some(&committed));
    let (mut replica, _) = open_replica(&ours);
    // Nothing was cut yet.
    assert_eq!((ends(&mut live).unwrap(), ends(&mut stopped).unwrap()), (vec![], vec![]));
    replica.forget_uncommitted().unwrap().expect("something was not committed");
    // It comes again, or something else does, before anybody has looked.
    feed(&mut replica, &theirs, end);
    for reader in [&mut live, &mut stopped] {
        match ends(reader) {
            Err(ReadError::Cut { position, base }) => {
                assert_eq!((position, base), (end, committed));
            }
            other => panic!("{other:?}"),
        }
    }
    replica.commit(writer.position(), writer.chain()).unwrap();
    assert_eq!(ends(&mut before).unwrap().last(), Some(&end), "nothing of its was cut");
}

#[test]
fn one_whose_store_was_put_aside_is_told_which_is_there() {
    let (theirs, mut writer, ours, replica) = followed();
    let mut live = attach_until(&ours, Until::Committed);
    // This one has not read all that it may, and is asked for what it has not mapped.
    let mut slow = attach_until(&ours, Until::Committed);
    slow.poll(1, |_| ()).unwrap();
    let held = replica.held();
    assert_eq!(ends(&mut live).unwrap().last(), Some(&held.position));
    replica.close().unwrap();
    let mut stopped = attach_until(&ours, Until::Committed);
    assert_eq!(ends(&mut stopped).unwrap().last(), Some(&held.position));
    put_aside(&ours, &directory()).unwrap();
    let mut all = [live, stopped];
    let nowhere = "the store of 7 was put aside, and is not in /store any more";
    assert_eq!(ends(&mut slow).unwrap_err().to_string(), nowhere, "its next segment is gone");
    for reader in &mut all {
        assert_eq!(reader.next().unwrap_err().to_string(), nowhere);
        assert_eq!(reader.end().unwrap_err().to_string(), nowhere);
    }
    // Another one begins there where the old one ended, in the same epoch.
    let epochs = marks_of(&ours).epochs;
    let disk = Arc::new(ours.clone());
    let made = ReplicaStore::create_at(disk, &standby(), held, &epochs, Nanos(9));
    let (mut replica, _) = made.unwrap();
    let end = grow(&mut writer, &mut Random(99));
    commit_all(&mut replica, &writer, &theirs);
    for reader in &mut all {
        let said = reader.next().unwrap_err().to_string();
        assert_eq!(said, format!("{nowhere}: that of 9 is"));
    }
    let mut now = attach_until(&ours, Until::Committed);
    assert_eq!(ends(&mut now).unwrap().last(), Some(&end));
}
