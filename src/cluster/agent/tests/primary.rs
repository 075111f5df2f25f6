//! A primary's agent: what it confirms, and when it confirms nothing any more.

use isochron_cluster::{Ack, VoteRequest};

use super::*;
use crate::cluster::NotLeading;
use crate::replication::catch_up::tests::{options, place_at};
use crate::replication::sender::{SenderOptions, StoreLog};
use crate::store::{Durability, Options, StoreWriter, framed, session_id};

/// Node 1 leads its first epoch.
struct Leading {
    agent: PrimaryAgent<Said, Said, StoreLog, ()>,
    writer: StoreWriter,
    disk: MemoryDisk,
    said: Said,
    /// The other nodes' ends of the control channel, which have heard it.
    voices: Vec<ControlChannel>,
}

impl Leading {
    fn new() -> Self {
        let (disk, said) = (MemoryDisk::default(), Said::default());
        let external = Options { durability: Durability::External, ..options(1) };
        let opened = StoreWriter::open_on(Arc::new(disk.clone()), &external, Nanos(7));
        let mut writer = opened.unwrap().0;
        let start = *epochs(&disk).last().unwrap();
        let terms = Terms::new(TERM_BYTES).unwrap();
        let session = session_id("XISO", start.epoch);
        let channel = "aeron:udp?endpoint=239.77.0.1:40456".parse().unwrap();
        let sender = SenderOptions::new(&channel, session, 1001, terms, start.base);
        let membership = |own| members(own, NODES, AckPolicy::QUORUM);
        let committed = LogPlace { position: start.base, chain: start.chain };
        let log = StoreLog::attach_on(&(Arc::new(disk.clone()) as _), &directory()).unwrap();
        let parts = PrimaryParts {
            voice: Voice::new(membership(1), None, 1, said.clone()),
            committer: writer.take_committer().unwrap(),
            ballot: writer.voter(),
            log: (log, terms),
            data: Said::default(),
            executed: (),
        };
        let options = PrimaryOptions { sender, contract: contract(), start, committed };
        let mut this = ControlChannel::new(&membership(1), None, 1);
        let mut voices: Vec<_> =
            (1..=NODES).map(|own| ControlChannel::new(&membership(own), None, 1)).collect();
        for (voice, node) in voices.iter_mut().zip(1..).skip(1) {
            let asked = this.seal(node, Epoch(0), StatusRequest::default());
            voice.open(asked, address(1)).unwrap();
        }
        Self { agent: PrimaryAgent::new(options, parts, Nanos(1)), writer, disk, said, voices }
    }

    /// Writes a transaction; where it ends.
    fn write(&mut self) -> LogPlace {
        let mut transaction = self.writer.begin(framed(64)).unwrap();
        transaction.append(64, |message| {
            message.fill(7);
            message[36] = 1;
        });
        let end = transaction.finish();
        place_at(&self.disk, end)
    }

    fn say(&mut self, from: u32, message: impl Into<Message>) {
        let bytes = self.voices[from as usize - 1].seal(1, Epoch(1), message).to_vec();
        self.said.0.lock().unwrap().push_back((from, bytes));
    }

    fn ack(&mut self, from: u32, held: LogPlace) {
        let (position, chain_at_held) = (held.position.get(), held.chain.0);
        self.say(from, Ack { held: position, chain_at_held, epoch: 1, ..Ack::default() });
    }

    /// A turn; how far readers may read then.
    fn turn(&mut self) -> Position {
        self.agent.cycle(Nanos(1)).unwrap();
        self.writer.committed()
    }
}

#[test]
fn what_a_majority_holds_is_committed() {
    let mut leading = Leading::new();
    let first = leading.write();
    assert_eq!(leading.turn(), Position(0));
    leading.ack(3, first);
    assert_eq!(leading.turn(), first.position);
    let second = leading.write();
    leading.ack(2, second);
    assert_eq!(leading.turn(), second.position, "it knows of it before anybody can hold it");
}

/// The new primary may have won without who follows the old one: what those two had confirmed
/// would be lost.
#[test]
fn from_its_vote_for_another_on_it_confirms_nothing() {
    let mut leading = Leading::new();
    let first = leading.write();
    leading.ack(3, first);
    assert_eq!(leading.turn(), first.position);
    let end = leading.write();
    let request = VoteRequest {
        end: end.position.get(),
        chain: end.chain.0,
        epoch: 2,
        last_epoch: 1,
        ..VoteRequest::default()
    };
    leading.say(2, request);
    leading.ack(3, end);
    assert_eq!(leading.turn(), first.position);
    assert_eq!(leading.writer.voter().vote(), (Epoch(2), 2));
    let role = leading.agent.poll_role_change();
    let promised = NotLeading::Promised { epoch: Epoch(2) };
    assert!(matches!(role, Some(RoleChange::Follow { why }) if why == promised), "{role:?}");
    leading.ack(3, end);
    assert_eq!(leading.turn(), first.position);
    assert!(leading.agent.poll_role_change().is_none(), "told once");
}

#[test]
fn a_primary_of_a_later_epoch_is_followed() {
    let mut leading = Leading::new();
    let end = leading.write();
    let (base, chain) = (Position(0), end.chain);
    let start = EpochStart { epoch: Epoch(3), node: 2, base, chain };
    leading.say(2, contract().announce(&start, end.position));
    leading.ack(3, end);
    assert_eq!(leading.turn(), Position(0));
    let role = leading.agent.poll_role_change();
    let deposed = NotLeading::Deposed { by: 2, start };
    assert!(matches!(role, Some(RoleChange::Follow { why }) if why == deposed), "{role:?}");
}
