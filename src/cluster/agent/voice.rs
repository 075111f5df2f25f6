//! What both agents have in common on the control channel: opening, sealing, sending, answering.

use std::io;
use std::net::SocketAddrV4;

use isochron_cluster::{Message, PromoteAnswer, PromoteResult, Status};

use crate::cluster::{Ballot, ControlChannel, Envelope, Membership, OPERATOR, Refused};
use crate::net::Media;
use crate::store::Voter;
use crate::types::{Epoch, Key};

/// What came and went, and what was dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VoiceCounts {
    /// Messages that were believed.
    pub heard: u64,
    /// Datagrams that were not: strangers', repeated, late, damaged.
    pub refused: u64,
    /// Messages that went.
    pub sent: u64,
    /// Messages that the system did not take. The next one says the same, and more.
    pub unsent: u64,
}

/// A message that was believed, and where an answer to it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) from: Envelope,
    pub(super) message: Message,
    pub(super) address: SocketAddrV4,
}

/// A node's voice on the control channel, over whatever carries datagrams. It outlives a change of
/// role: the node's run goes on.
#[derive(Debug)]
pub struct Voice<C> {
    channel: ControlChannel,
    pub(super) membership: Membership,
    media: C,
    /// The highest epoch that anybody knows of who was believed.
    highest_known: Epoch,
    /// Reused from cycle to cycle.
    heard: Vec<Heard>,
    last_refused: Option<Refused>,
    last_error: Option<io::Error>,
    counts: VoiceCounts,
}

impl<C: Media> Voice<C> {
    /// The voice of a node. `run` rises with each start of its process: the time of the start.
    #[must_use]
    pub fn new(membership: Membership, key: Option<Key>, run: u64, media: C) -> Self {
        Self {
            channel: ControlChannel::new(&membership, key, run),
            membership,
            media,
            highest_known: Epoch(0),
            heard: Vec::new(),
            last_refused: None,
            last_error: None,
            counts: VoiceCounts::default(),
        }
    }

    /// What came and went.
    #[must_use]
    pub fn counts(&self) -> VoiceCounts {
        self.counts
    }

    /// Why a datagram was not believed last, once: two nodes of one number, another exchange.
    #[must_use]
    pub fn take_refused(&mut self) -> Option<Refused> {
        self.last_refused.take()
    }

    /// Why the system last refused to send or receive, once.
    #[must_use]
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.last_error.take()
    }

    /// The highest epoch that the other nodes were heard to know of, in this role or before.
    pub(super) fn highest_known(&self) -> Epoch {
        self.highest_known
    }

    /// Takes what waits, a bounded batch; give it back with [`Self::done`].
    pub(super) fn hear(&mut self) -> Vec<Heard> {
        let Self { channel, media, highest_known, heard, last_refused, counts, .. } = self;
        let mut heard = std::mem::take(heard);
        let received = media.receive(&mut |bytes, address| match channel.open(bytes, address) {
            Ok((from, message)) => {
                counts.heard += 1;
                *highest_known = from.known_epoch.max(*highest_known);
                heard.push(Heard { from, message, address });
            }
            Err(refused) => {
                counts.refused += 1;
                *last_refused = Some(refused);
            }
        });
        if let Err(error) = received {
            self.last_error = Some(error);
        }
        heard
    }

    /// The list of a cycle is not needed any more.
    pub(super) fn done(&mut self, mut heard: Vec<Heard>) {
        heard.clear();
        self.heard = heard;
    }

    /// Takes what waits, at a node that has no store: nobody's question is answered but an
    /// operator's, who is told just that.
    pub fn answer_empty(&mut self) {
        let heard = self.hear();
        for Heard { message, address, .. } in heard.iter().filter(|it| it.from.sender == OPERATOR) {
            let answer: Message = match message {
                Message::StatusRequest(asked) => {
                    Status { round: asked.round, ..Status::default() }.into()
                }
                Message::Promote(wish) => {
                    let result = PromoteResult::EMPTY;
                    PromoteAnswer { round: wish.round, result, ..PromoteAnswer::default() }.into()
                }
                _ => continue,
            };
            self.send(Epoch(0), OPERATOR, *address, answer);
        }
        self.done(heard);
    }

    /// Sends a message to a node.
    pub(super) fn tell(&mut self, ballot: &Voter, node: u32, message: impl Into<Message>) {
        let Some(address) = self.membership.address_of(node) else { return };
        self.send(Ballot::known(ballot), node, address.control, message);
    }

    /// Answers whoever asked: a node at its address, an operator's command where it asked from.
    pub(super) fn answer(&mut self, ballot: &Voter, asked: &Heard, message: impl Into<Message>) {
        match asked.from.sender {
            OPERATOR => self.send(Ballot::known(ballot), OPERATOR, asked.address, message),
            node => self.tell(ballot, node, message),
        }
    }

    fn send(
        &mut self,
        known: Epoch,
        recipient: u32,
        to: SocketAddrV4,
        message: impl Into<Message>,
    ) {
        let datagram = self.channel.seal(recipient, known, message);
        match self.media.send_to(datagram, to) {
            Ok(true) => self.counts.sent += 1,
            Ok(false) => self.counts.unsent += 1,
            Err(error) => {
                self.counts.unsent += 1;
                self.last_error = Some(error);
            }
        }
    }
}
