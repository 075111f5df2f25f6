//! A state that anybody saved, alone and in a snapshot's file: restored or refused.

use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use isochron::state_machine::{Capacity, RestoreError, StateMachine};
use isochron::store::{
    Chain, Identity, LogPlace, MemoryDisk, SECTION_STATE, SnapshotInfo, Snapshots,
};
use isochron::types::{Epoch, Nanos, Position, Sequence};

const POSITION: Position = Position(4_096);

/// Little room: a state that needs more makes it.
const CAPACITY: Capacity = Capacity { orders: 1, holdings: 1, client_ids: 1 };

/// The bytes of a state, whatever hash they have: refused, or saved again as they were.
pub(super) fn restore(bytes: &[u8]) {
    // Its hash is not known before it is read.
    let hash = match StateMachine::restore(&mut &bytes[..], CAPACITY, 0) {
        Err(RestoreError::Hash { found, .. }) => found,
        Err(error) => return assert!(!error.to_string().is_empty()),
        Ok(_) => 0,
    };
    let machine = StateMachine::restore(&mut &bytes[..], CAPACITY, hash).expect("this is its hash");
    let mut again = Vec::new();
    assert_eq!(machine.save(&mut again).expect("memory"), hash);
    let same = StateMachine::restore(&mut &again[..], CAPACITY, hash).map(|same| same.state_hash());
    assert_eq!(same.ok(), Some(hash), "what is saved is restored");
}

pub(super) fn restore_seeds() -> Vec<Vec<u8>> {
    let saved = |machine: &StateMachine| {
        let mut bytes = Vec::new();
        machine.save(&mut bytes).expect("memory");
        bytes
    };
    vec![saved(&StateMachine::new()), saved(&super::ready().machine)]
}

/// The bytes of a snapshot's file: refused, or its state is read as above.
pub(super) fn snapshot(bytes: &[u8]) {
    let disk = MemoryDisk::default();
    let snapshots = snapshots(&disk);
    disk.write(&snapshots.path(POSITION), bytes).expect("there is memory");
    assert_eq!(snapshots.list().expect("it can be listed"), [POSITION]);
    let Ok(file) = snapshots.open(POSITION) else { return };
    for section in 0..4 {
        let Ok(Some(mut section)) = file.section(section) else { continue };
        let mut content = Vec::new();
        if section.read_to_end(&mut content).is_ok() {
            assert!(content.len() <= bytes.len());
            restore(&content);
        }
    }
}

pub(super) fn snapshot_seeds() -> Vec<Vec<u8>> {
    static SEED: OnceLock<Vec<u8>> = OnceLock::new();
    let seed = SEED.get_or_init(|| {
        let disk = MemoryDisk::default();
        let snapshots = snapshots(&disk);
        let moment = SnapshotInfo {
            place: LogPlace { position: POSITION, chain: Chain(7) },
            epoch: Epoch(1),
            sequence: Sequence(9),
            time: Nanos(9),
            state_hash: 0,
            trading_date: 20_261_122,
            day_ended: false,
        };
        let mut writer = snapshots.begin(moment).expect("it begins");
        writer.section(SECTION_STATE).expect("it begins");
        let hash = super::ready().machine.save(&mut writer).expect("memory");
        writer.finish(hash).expect("memory").keep().expect("memory");
        disk.read(&snapshots.path(POSITION)).expect("it was written")
    });
    vec![seed.clone()]
}

fn snapshots(disk: &MemoryDisk) -> Snapshots {
    let exchange = String::from("XISO");
    let identity =
        Identity { exchange, exchange_number: 1001, node: 1, schema_id: 1, schema_version: 0 };
    Snapshots::new(Arc::new(disk.clone()), Path::new("/store"), &identity)
}
