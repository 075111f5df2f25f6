//! Faults that are planted, so that it is known that the checks find such.
//!
//! None of them needs a hook in what ships: each is planted in what a node is given. A disk that
//! forgets, a datagram that says something else, a configuration that asks for too little.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use isochron::cluster::MayBeLost;
use isochron::store::{Durability, MemoryDisk, SECTION_FEED, SECTION_STATE, Snapshots, Until};
use isochron::types::{Epoch, Position};
use isochron_cluster::{AckPolicy, Message};
use xxhash_rust::xxh3::xxh3_64;

use crate::machine::{Habits, directory, snapshots};
use crate::network::{Network, Node};
use crate::shown::Shown;
use crate::trouble::{FORCE, KILLS, LOSES_DATA, LOSES_POWER, PARTS, PROMOTES};

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planted {
    /// A crash takes the promise that a node made of an epoch.
    VoteForgotten,
    /// An acknowledgement of an epoch that is over counts in the one that runs.
    OldAckCounted,
    /// A primary asks for one node too few.
    QuorumTooSmall,
    /// A node that joins an epoch keeps what it held beyond its base.
    NoCutOnJoining,
    /// A node that lost what it had acknowledged does not know it.
    LossyVotes,
    /// A primary's feed takes what is not committed.
    PrimaryRunsAhead,
    /// A standby's feed takes what is not known to be committed.
    StandbyRunsAhead,
    /// A snapshot has the state of an older one.
    OtherState,
    /// A snapshot has the feed of an older one.
    OtherFeed,
    /// A node cuts what is committed without its operator's word.
    CutsUnasked,
    /// A forced promotion names nobody.
    ForcedUnnamed,
}

impl Planted {
    pub(crate) const ALL: [Self; 11] = [
        Self::VoteForgotten,
        Self::OldAckCounted,
        Self::QuorumTooSmall,
        Self::NoCutOnJoining,
        Self::LossyVotes,
        Self::PrimaryRunsAhead,
        Self::StandbyRunsAhead,
        Self::OtherState,
        Self::OtherFeed,
        Self::CutsUnasked,
        Self::ForcedUnnamed,
    ];

    /// The kinds of trouble in which it shows: worlds that have nothing else find it sooner.
    pub(crate) fn shows_in(self) -> &'static [u64] {
        match self {
            Self::VoteForgotten => &[KILLS, PARTS, PROMOTES],
            Self::OldAckCounted => &[PARTS],
            Self::QuorumTooSmall => &[LOSES_DATA, PARTS],
            Self::NoCutOnJoining => &[KILLS, PARTS],
            Self::LossyVotes => &[KILLS, LOSES_POWER, LOSES_DATA],
            Self::PrimaryRunsAhead | Self::StandbyRunsAhead => &[LOSES_DATA],
            Self::OtherState | Self::OtherFeed => &[KILLS],
            Self::CutsUnasked | Self::ForcedUnnamed => &[LOSES_DATA, FORCE],
        }
    }

    /// How many nodes it takes: an old acknowledgement does harm where a majority is not in need
    /// of those who gave it, nor of the primary that they gave it to.
    pub(crate) fn nodes(self) -> usize {
        match self {
            Self::OldAckCounted | Self::QuorumTooSmall | Self::NoCutOnJoining => 5,
            _ => 3,
        }
    }

    /// What its nodes do beside the log: no more than it takes.
    pub(crate) fn habits(self) -> Habits {
        let saves = matches!(self, Self::OtherState | Self::OtherFeed);
        Habits { snapshot_every: saves.then_some(20), ..Habits::default() }
    }

    /// What counts as kept: where it shows at all, that which a loss of power takes.
    pub(crate) fn durability(self) -> Durability {
        Durability::Process
    }

    /// Plants what is planted in the network.
    pub(crate) fn plant(self, network: &Network, shown: &Shown) {
        match self {
            Self::OldAckCounted => {
                let shown = shown.clone();
                network.rewrite_control(Box::new(move |_, bytes| renew_ack(&shown, bytes)));
            }
            Self::NoCutOnJoining => {
                let shown = shown.clone();
                network.rewrite_control(Box::new(move |to, bytes| move_base(&shown, to, bytes)));
            }
            _ => {}
        }
    }

    /// Whose acknowledgements a primary of so many nodes waits for.
    pub(crate) fn ack(planted: Option<Self>) -> AckPolicy {
        match planted {
            // With five nodes a quorum is three, and with two or three this changes nothing.
            Some(Self::QuorumTooSmall) => AckPolicy::ONE,
            _ => AckPolicy::QUORUM,
        }
    }

    /// How far the reading side of a node reads.
    pub(crate) fn reads(planted: Option<Self>, leads: bool) -> Until {
        match planted {
            Some(Self::PrimaryRunsAhead) if leads => Until::Published,
            Some(Self::StandbyRunsAhead) if !leads => Until::Published,
            _ => Until::Committed,
        }
    }

    /// Whether it is another one as the primary.
    pub(crate) fn reads_by_role(planted: Option<Self>) -> bool {
        Self::reads(planted, true) != Self::reads(planted, false)
    }

    /// Whether a node may cut what is committed, whatever its operator said.
    pub(crate) fn discards(planted: Option<Self>) -> bool {
        planted == Some(Self::CutsUnasked)
    }

    /// What a forced promotion names.
    pub(crate) fn names(planted: Option<Self>, named: MayBeLost) -> MayBeLost {
        match planted {
            Some(Self::ForcedUnnamed) => {
                MayBeLost { committed: Position(0), ahead: Vec::new(), unheard: Vec::new() }
            }
            _ => named,
        }
    }

    /// What a crash leaves of a node's disk.
    pub(crate) fn after_crash(planted: Option<Self>, node: Node, disk: MemoryDisk) -> MemoryDisk {
        match planted {
            Some(Self::VoteForgotten) => forget_vote(directory(), &disk),
            Some(Self::LossyVotes) => return same_boot(&disk),
            Some(Self::OtherState) => drop(mix_snapshots(&snapshots(&disk, node), SECTION_STATE)),
            Some(Self::OtherFeed) => drop(mix_snapshots(&snapshots(&disk, node), SECTION_FEED)),
            _ => {}
        }
        disk
    }
}

/// Writes the newest snapshot anew, with a section of the one before it; `None` where there are no
/// two.
fn mix_snapshots(snapshots: &Snapshots, old: u32) -> Option<()> {
    let positions = snapshots.list().expect("memory");
    let [newest, before, ..] = positions[..] else { return None };
    let [newest, before] = [newest, before].map(|position| snapshots.open(position));
    let (newest, before) = (newest.ok()?, before.ok()?);
    let of = |section| if section == old { &before } else { &newest };
    let mut writer = snapshots.begin(*newest.info()).expect("memory");
    for section in [SECTION_STATE, SECTION_FEED] {
        let mut bytes = Vec::new();
        of(section).section(section).ok()??.read_to_end(&mut bytes).ok()?;
        writer.section(section).expect("memory");
        writer.write_all(&bytes).expect("memory");
    }
    let finished = writer.finish(of(SECTION_STATE).info().state_hash).expect("memory");
    finished.keep().ok()
}

fn encoded(message: &Message) -> Option<Vec<u8>> {
    let mut bytes = vec![0; message.encoded_length()];
    message.encode(&mut bytes).ok()?;
    Some(bytes)
}

/// An acknowledgement of an older epoch reaches the primary of a newer one, and says that it is of
/// that.
fn renew_ack(shown: &Shown, bytes: &[u8]) -> Option<(Node, Vec<u8>)> {
    let Ok(Message::Ack(mut ack)) = Message::decode(bytes) else { return None };
    let (primary, standing) = shown.primary_above(Epoch(ack.epoch))?;
    if ack.header.sender == primary as u32 + 1 {
        return None;
    }
    (ack.header.recipient, ack.header.recipient_run) = (primary as u32 + 1, standing.run);
    ack.epoch = standing.epoch.get();
    Some((primary, encoded(&Message::Ack(ack))?))
}

/// An epoch seems to begin where the node's log ends.
fn move_base(shown: &Shown, to: Node, bytes: &[u8]) -> Option<(Node, Vec<u8>)> {
    let Ok(Message::Announce(mut announce)) = Message::decode(bytes) else { return None };
    let standing = shown.of(to);
    let held = standing.held?;
    if announce.epoch <= standing.epoch.get() || held.position.get() <= announce.base {
        return None;
    }
    (announce.base, announce.chain_at_base) = (held.position.get(), held.chain.0);
    Some((to, encoded(&Message::Announce(announce))?))
}

/// Takes the vote, and the epoch that was known by it alone, out of both slots of the marks. Their
/// layout is that of `src/store/marks.rs`.
fn forget_vote(store: &Path, disk: &MemoryDisk) {
    const SLOT_BYTES: usize = 4096;
    let path = store.join("marks");
    let Ok(mut marks) = disk.read(&path) else { return };
    for slot in marks.chunks_exact_mut(SLOT_BYTES) {
        let word =
            |at: usize| u32::from_le_bytes([slot[at], slot[at + 1], slot[at + 2], slot[at + 3]]);
        let epochs = word(88) as usize;
        let last = epochs.checked_sub(1).map_or(0, |last| word(96 + last * 24 + 16));
        slot[72..76].copy_from_slice(&last.to_le_bytes());
        slot[76..84].fill(0);
        let checksum = xxh3_64(&slot[..SLOT_BYTES - 8]);
        slot[SLOT_BYTES - 8..].copy_from_slice(&checksum.to_le_bytes());
    }
    disk.write(&path, &marks).expect("memory");
}

/// The files of a disk on one that seems not to have been started anew.
fn same_boot(disk: &MemoryDisk) -> MemoryDisk {
    let same = MemoryDisk::default();
    let paths: Vec<PathBuf> = disk.paths();
    for path in paths {
        let content = disk.read(&path).expect("it was listed");
        same.write(&path, &content).expect("memory");
    }
    same
}
