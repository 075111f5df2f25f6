//! Datagrams of the control channel, from anybody and from nodes that lie.
//!
//! A part is what comes in one datagram, behind two bytes: which of the nodes it comes from, and
//! whether it gets a right MAC, as if a node that has the key had gone mad. What is believed goes
//! to every core: none panics, none takes back what it said.

use std::net::{Ipv4Addr, SocketAddrV4};

use isochron::cluster::{
    Candidate, Contract, ControlChannel, Envelope, Follower, Hashes, Leader, LogStatus, Membership,
    NodeAddress, Outcome, answer_status, answer_vote,
};
use isochron::store::{Chain, EpochStart, LogPlace};
use isochron::types::{Epoch, Key, Nanos, Position, SHORT_MAC_BYTES};
use isochron_cluster::{
    Ack, AckPolicy, Announce, Commit, Counted, Message, NodeFlags, Promote, PromoteAnswer,
    StateHash, Status, StatusRequest, Vote, VoteReason, VoteRequest,
};

use super::{framed, parts};

const NOW: Nanos = Nanos(1_000_000_000);
const BASE: u64 = 320;
const EPOCH: u32 = 4;
const KEY: [u8; 32] = [7; 32];

fn address(node: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1_000 + u16::from(node))
}

fn members(own: u32) -> Membership {
    let node = |node: u8| NodeAddress {
        node: u32::from(node),
        control: address(node),
        catch_up: address(node),
    };
    let nodes = [1, 2, 3].map(node);
    Membership::new(("XISO", 1), own, &nodes, AckPolicy::QUORUM, Counted::HELD).expect("nodes")
}

fn contract() -> Contract {
    Contract::new(&members(1), 65_536, (1, 0), 1)
}

fn place(position: u64) -> LogPlace {
    LogPlace { position: Position(position), chain: Chain(position + 1) }
}

fn status() -> LogStatus {
    LogStatus {
        last_epoch: Epoch(EPOCH - 1),
        end: place(BASE),
        committed: Position(BASE),
        flags: NodeFlags::default(),
    }
}

/// A promise that is kept in memory.
struct Promise(Epoch, u32);

impl isochron::cluster::Ballot for Promise {
    fn known(&self) -> Epoch {
        self.0
    }

    fn vote(&self) -> (Epoch, u32) {
        (self.0, self.1)
    }

    fn promise(&mut self, epoch: Epoch, node: u32) -> std::io::Result<bool> {
        assert!(epoch > self.0 || (epoch, node) == (self.0, self.1), "a promise is kept");
        *self = Self(epoch, node);
        Ok(true)
    }
}

/// Node 1 in every role at once.
struct Cores {
    leader: Leader,
    follower: Follower,
    candidate: Candidate,
    hashes: Hashes,
    promise: Promise,
}

impl Cores {
    fn new() -> Self {
        let start = EpochStart {
            epoch: Epoch(EPOCH),
            node: 1,
            base: Position(BASE),
            chain: place(BASE).chain,
        };
        let mut leader = Leader::new(members(1), contract(), start, place(BASE), NOW);
        [384, 416, 480].into_iter().for_each(|end| leader.on_end(place(end)));
        let known = Epoch(EPOCH - 1);
        let follower = Follower::new(members(1), contract(), known, None, place(BASE), true);
        let candidate =
            Candidate::new(&members(1), (known, status()), false, 1, 1_000_000_000, NOW);
        let (mut hashes, promise) = (Hashes::new(&members(1)), Promise(known, 0));
        [384, 480].into_iter().for_each(|end| hashes.on_own(place(end), 1 << 64 | 2));
        Self { leader, follower, candidate, hashes, promise }
    }

    fn hear(&mut self, from: &Envelope, message: &Message) {
        let known = self.follower.known();
        match message {
            Message::Announce(it) => {
                self.leader.on_announce(from, it);
                let _ = self.follower.on_announce(from, it, NOW);
            }
            Message::Ack(it) => {
                let _ = self.leader.on_ack(from, it, NOW);
            }
            Message::Commit(it) => {
                let _ = self.follower.on_commit(from, it, NOW);
            }
            Message::StatusRequest(it) => {
                assert_eq!(answer_status(&self.promise, &status(), it).round, it.round);
            }
            Message::Status(it) => self.candidate.on_status(from, it, NOW),
            Message::VoteRequest(it) => {
                let vote = answer_vote(&mut self.promise, &status(), from, it);
                let behind = (it.last_epoch, it.end) < (EPOCH - 1, BASE);
                assert!(!(vote.reason == VoteReason::GRANTED && behind), "one that is behind");
            }
            Message::Vote(it) => self.candidate.on_vote(from, it),
            Message::StateHash(it) => self.hashes.on_hash(from, it),
            Message::Promote(_) | Message::PromoteAnswer(_) => {}
        }
        self.answer();
        assert!(self.follower.known() >= known, "what is known is not forgotten");
    }

    /// Takes what the cores want, as the shells do.
    fn answer(&mut self) {
        let before = self.leader.committed();
        while let Some(place) = self.leader.poll_commit() {
            assert!([384, 416, 480].contains(&place.position.get()), "an end of this epoch");
        }
        assert!(self.leader.committed().position >= before.position, "a commit stays");
        while self.leader.poll_send(NOW).is_some() {}
        while self.leader.poll_change(NOW).is_some() {}
        if let Some(start) = self.follower.poll_follow() {
            self.follower.on_followed(start, place(BASE));
        }
        let _ = self.follower.poll_commit();
        while self.follower.poll_ack(NOW).is_some() {}
        if let Some(epoch) = self.candidate.poll_promise() {
            assert!(epoch >= Epoch(EPOCH));
            self.candidate.on_promised(true, status(), NOW);
        }
        while self.candidate.poll_send(NOW).is_some() {}
        if let Some(Outcome::Won { epoch, forced }) = self.candidate.poll_outcome() {
            assert!(epoch >= Epoch(EPOCH) && forced.is_none());
        }
        while self.hashes.poll_comparison().is_some() {}
        while self.hashes.poll_send(NOW).is_some() {}
        self.leader.on_states(&self.hashes, false);
    }
}

/// Any datagrams: with and without a key.
pub(crate) fn datagrams(bytes: &[u8]) {
    let key = Key::new(&KEY);
    for keyed in [false, true] {
        let channel_key = keyed.then(|| key.clone());
        let mut channel = ControlChannel::new(&members(1), channel_key, 9);
        let mut cores = Cores::new();
        for part in parts(bytes).take(200) {
            let [from, mac, datagram @ ..] = part else { continue };
            let mut datagram = datagram.to_vec();
            let forged = keyed && mac % 2 == 0;
            if keyed && !forged {
                datagram.extend_from_slice(&key.short_mac(&datagram));
            }
            let Ok((envelope, message)) = channel.open(&datagram, address(from % 4)) else {
                continue;
            };
            if forged {
                let (said, mac) = datagram.split_at(datagram.len() - SHORT_MAC_BYTES);
                assert!(key.shortly_proves(said, mac), "nothing is believed without a MAC");
            }
            assert!(channel.open(&datagram, address(from % 4)).is_err(), "nothing comes twice");
            cores.hear(&envelope, &message);
        }
    }
}

/// A datagram of each kind from node 2, or an operator's, in the order of a short story.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut node = ControlChannel::new(&members(2), None, 3);
    let mut operator = ControlChannel::operator(&members(2), None, 3);
    let mut other = ControlChannel::new(&members(1), None, 9);
    // Node 2 has heard this run of node 1: what it answers is believed.
    let heard = other.seal(2, Epoch(3), StatusRequest::default()).to_vec();
    node.open(&heard, address(1)).expect("a node's datagram");
    let epoch = EPOCH;
    let messages: Vec<Message> = vec![
        Announce {
            epoch: epoch + 1,
            base: BASE,
            chain_at_base: BASE + 1,
            published: 480,
            term_length: 65_536,
            rules_version: 1,
            schema_id: 1,
            ack: AckPolicy::QUORUM,
            counted: Counted::HELD,
            nodes: 3,
            nodes_digest: members(1).nodes_digest(),
            ..Announce::default()
        }
        .into(),
        Ack { held: 384, chain_at_held: 385, epoch, ..Ack::default() }.into(),
        Ack { held: 416, chain_at_held: 417, epoch, ..Ack::default() }.into(),
        Commit { position: BASE, chain: BASE + 1, epoch: epoch + 1, ..Commit::default() }.into(),
        StatusRequest { round: 5, ..StatusRequest::default() }.into(),
        Status { round: 1, end: 96, chain: 97, last_epoch: 1, ..Status::default() }.into(),
        VoteRequest { end: BASE, chain: BASE + 1, epoch, last_epoch: 3, ..VoteRequest::default() }
            .into(),
        Vote { epoch, reason: VoteReason::GRANTED, ..Vote::default() }.into(),
        StateHash { position: 384, chain: 385, high: 1, low: 2, ..StateHash::default() }.into(),
        StateHash { position: 512, chain: 513, high: 3, low: 2, ..StateHash::default() }.into(),
        PromoteAnswer::default().into(),
    ];
    let part = |from: u8, datagram: &[u8]| [&[from, 1], datagram].concat();
    let mut one_each: Vec<Vec<u8>> =
        messages.iter().map(|message| part(2, node.seal(1, Epoch(epoch), *message))).collect();
    let promote = Promote { round: 1, epoch: 3, ..Promote::default() };
    one_each.push(part(0, operator.seal(1, Epoch(0), promote)));
    let mut seeds = vec![framed(one_each.clone())];
    seeds.extend(one_each.into_iter().map(|part| framed([part])));
    seeds
}
