//! The control channel's core: seals what goes out, judges what comes in.
//!
//! Each datagram names its sender, its recipient, the sender's **run** (higher with each start of
//! its process), its number within the run, and the recipient's run as far as the sender knows it.
//! With a key that makes a replay harmless: a number comes once, an older run not at all, and what
//! answers this node was sent to this run of it ([`Envelope::to_this_run`]). What was said before
//! this node started, and is repeated to it, is a true statement about an epoch, and epochs only
//! rise. Without a key the same rules keep duplicates and reordering out, and strangers can lie.

use std::net::SocketAddrV4;

use isochron_cluster::{ControlHeader, Message};

use crate::limits::CONTROL_DATAGRAM_BYTES_MAX;
use crate::types::{Epoch, Key};

use super::message::{emit, parse};
use super::{Malformed, Membership, Refused};

/// The number of whoever is no node: an operator's command.
pub const OPERATOR: u32 = 0;

/// Who sent a message, and when in the order of what it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The node, or [`OPERATOR`].
    pub sender: u32,
    /// Which run of its process.
    pub run: u64,
    /// The message's number within it.
    pub counter: u64,
    /// The highest epoch it knows of.
    pub known_epoch: Epoch,
    /// The sender had heard this run of this node: the message is younger than this node's start.
    pub to_this_run: bool,
}

/// What was heard of a peer: numbers up to `newest`, and which of the 64 up to it.
///
/// The window of RFC 4303, appendix A2: what is older than it counts as heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Window {
    run: u64,
    newest: u64,
    /// Bit n: `newest - n` came.
    came: u64,
}

impl Window {
    fn judge(self, node: u32, run: u64, counter: u64) -> Result<Self, Refused> {
        if run < self.run {
            return Err(Refused::OlderRun { node, run, newest: self.run });
        }
        if run > self.run {
            return Ok(Self { run, newest: counter, came: 1 });
        }
        if let Some(ahead @ 1..) = counter.checked_sub(self.newest) {
            let before = if ahead < 64 { self.came << ahead } else { 0 };
            return Ok(Self { run, newest: counter, came: before | 1 });
        }
        let behind = self.newest - counter;
        let repeated = Refused::Repeated { node, counter, newest: self.newest };
        if behind >= 64 || self.came & (1 << behind) != 0 {
            return Err(repeated);
        }
        Ok(Self { came: self.came | 1 << behind, ..self })
    }
}

/// One end of the control channel. Nothing is sent or received here: [`ControlChannel::seal`] makes
/// a datagram, [`ControlChannel::open`] takes one.
#[derive(Clone, Debug)]
pub struct ControlChannel {
    membership: Membership,
    key: Option<Key>,
    /// This end's number: a node's, or [`OPERATOR`].
    own: u32,
    run: u64,
    counter: u64,
    /// By place in the membership; the last one is the operators'.
    windows: Vec<Window>,
    buffer: [u8; CONTROL_DATAGRAM_BYTES_MAX],
}

impl ControlChannel {
    /// A node's end. `run` rises with each start of the node's process: the time of the start.
    ///
    /// # Panics
    /// The run is 0.
    #[must_use]
    pub fn new(membership: &Membership, key: Option<Key>, run: u64) -> Self {
        Self::of(membership, key, run, membership.own())
    }

    /// The end of an operator's command, which talks to nodes and is none.
    ///
    /// # Panics
    /// The run is 0.
    #[must_use]
    pub fn operator(membership: &Membership, key: Option<Key>, run: u64) -> Self {
        Self::of(membership, key, run, OPERATOR)
    }

    fn of(membership: &Membership, key: Option<Key>, run: u64, own: u32) -> Self {
        assert!(run != 0, "0 is no run");
        let windows = vec![Window::default(); membership.nodes().len() + 1];
        let buffer = [0; CONTROL_DATAGRAM_BYTES_MAX];
        Self { membership: membership.clone(), key, own, run, counter: 0, windows, buffer }
    }

    fn place_of(&self, node: u32) -> Option<usize> {
        if node == OPERATOR { Some(self.windows.len() - 1) } else { self.membership.index_of(node) }
    }

    /// The datagram that carries a message to a node, or as an answer to [`OPERATOR`], from a node
    /// that knows of `known` as the highest epoch.
    ///
    /// # Panics
    /// The recipient is no configured node.
    pub fn seal(&mut self, recipient: u32, known: Epoch, message: impl Into<Message>) -> &[u8] {
        let place = self.place_of(recipient).expect("a configured node");
        self.counter += 1;
        let mut message = message.into();
        *message.header_mut() = ControlHeader {
            exchange: self.membership.exchange_digest(),
            run: self.run,
            recipient_run: self.windows[place].run,
            counter: self.counter,
            sender: self.own,
            recipient,
            known_epoch: known.get(),
        };
        let length = emit(&message, self.key.as_ref(), &mut self.buffer);
        &self.buffer[..length]
    }

    /// The message in a datagram and who sent it, if it is to be believed.
    ///
    /// # Errors
    /// Why it is not; nothing has changed then.
    pub fn open(
        &mut self,
        datagram: &[u8],
        from: SocketAddrV4,
    ) -> Result<(Envelope, Message), Refused> {
        let message = parse(datagram, self.key.as_ref())?;
        let header = *message.header();
        let (node, own) = (header.sender, self.own);
        let ours = self.membership.exchange_digest();
        if header.exchange != ours {
            return Err(Refused::OtherExchange { theirs: header.exchange, ours });
        }
        if header.recipient != own {
            return Err(Refused::OtherRecipient { recipient: header.recipient, own });
        }
        self.judge_sender(node, from, &message)?;
        let place = self.place_of(node).ok_or(Refused::UnknownNode { node })?;
        let to_this_run = header.recipient_run == self.run;
        // Who has not noticed yet that this node was started anew still names the run before: its
        // statements are as true as to a node that it never heard.
        if !to_this_run && answers(&message) {
            return Err(Refused::ForAnotherRun { node, run: header.recipient_run });
        }
        self.windows[place] = self.windows[place].judge(node, header.run, header.counter)?;
        let known_epoch = Epoch(header.known_epoch);
        let (run, counter) = (header.run, header.counter);
        Ok((Envelope { sender: node, run, counter, known_epoch, to_this_run }, message))
    }

    /// Whether the sender may be who it says, and may say this.
    fn judge_sender(
        &self,
        node: u32,
        from: SocketAddrV4,
        message: &Message,
    ) -> Result<(), Refused> {
        let template = message.template_id();
        if node == OPERATOR {
            let asks = matches!(message, Message::StatusRequest(_) | Message::Promote(_));
            let theirs = asks && self.own != OPERATOR;
            return if theirs { Ok(()) } else { Err(Refused::NotTheirs { node, template }) };
        }
        if node == self.own {
            return Err(Refused::OwnNode { node, from });
        }
        let known = self.membership.address_of(node).ok_or(Refused::UnknownNode { node })?;
        if known.control != from {
            return Err(Refused::OtherAddress { node, from, configured: known.control });
        }
        let tells = matches!(message, Message::Status(_) | Message::PromoteAnswer(_));
        let theirs = match self.own {
            OPERATOR => tells,
            _ => !matches!(message, Message::Promote(_) | Message::PromoteAnswer(_)),
        };
        if theirs { Ok(()) } else { Err(Refused::NotTheirs { node, template }) }
    }
}

/// Whether a message answers one of this node's: nobody sends it who has not heard this run of it.
fn answers(message: &Message) -> bool {
    matches!(
        message,
        Message::Ack(_) | Message::Status(_) | Message::Vote(_) | Message::PromoteAnswer(_)
    )
}

impl From<Malformed> for Refused {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}
