//! Who the two ends are, and that they prove it before anything of a log is told.
//!
//! ```text
//!   client  HELLO, nonce c  ─▶ ◀─  HELLO, nonce s   server
//!           PROOF: MAC(key, "client" c's HELLO s's HELLO) ─▶
//!                         ◀─ PROOF: MAC(key, "server" c's HELLO s's HELLO)
//! ```
//!
//! What must be alike at both ends is compared by each, and a difference told to the other with
//! both values. The proofs guard against strangers that can connect, not against one in the path
//! between: what is copied is checked by itself, frame by frame, and by the chain.

use super::fault::Fault;
use super::protocol::{Hello, Message, NONCE_BYTES};
use crate::store::Identity;
use crate::types::Key;

/// Whose logs an end has: both must say the same, except for the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Which exchange: XXH3-64 over its name.
    pub exchange_digest: u64,
    /// Its number; the stream of its log.
    pub exchange_number: i32,
    /// Which of its nodes.
    pub node: u32,
    /// The schema of its messages.
    pub schema_id: u16,
    /// Its version.
    pub schema_version: u16,
    /// The newest rules that the node executes.
    pub rules_version: u32,
    /// Bytes of a term of its event log.
    pub term_bytes: u64,
}

/// A value that two ends must have alike, and do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is.
    pub field: &'static str,
    /// Here.
    pub here: String,
    /// At the other end.
    pub there: String,
}

impl Peer {
    /// The node of a store.
    #[must_use]
    pub fn of(identity: &Identity, term_bytes: usize, rules_version: u32) -> Self {
        Self {
            exchange_digest: xxhash_rust::xxh3::xxh3_64(identity.exchange.as_bytes()),
            exchange_number: identity.exchange_number,
            node: identity.node,
            schema_id: identity.schema_id,
            schema_version: identity.schema_version,
            rules_version,
            term_bytes: term_bytes as u64,
        }
    }

    /// The first value that must be the same at both ends and is not.
    #[must_use]
    pub fn difference(&self, there: &Self) -> Option<Difference> {
        let pairs = [
            ("exchange digest", self.exchange_digest, there.exchange_digest),
            ("term length", self.term_bytes, there.term_bytes),
            ("schema id", self.schema_id.into(), there.schema_id.into()),
            ("schema version", self.schema_version.into(), there.schema_version.into()),
            ("rules version", self.rules_version.into(), there.rules_version.into()),
        ];
        if self.exchange_number != there.exchange_number {
            let (here, there) = (self.exchange_number, there.exchange_number);
            let (here, there) = (here.to_string(), there.to_string());
            return Some(Difference { field: "exchange number", here, there });
        }
        let (field, here, there) = pairs.into_iter().find(|(_, here, there)| here != there)?;
        let text = |value: u64| match field {
            "exchange digest" => format!("{value:016x}"),
            _ => value.to_string(),
        };
        Some(Difference { field, here: text(here), there: text(there) })
    }
}

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Client,
    Server,
}

impl Role {
    fn word(self) -> &'static [u8] {
        match self {
            Self::Client => b"isochron catch-up client",
            Self::Server => b"isochron catch-up server",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// How far the greeting has come, at one end. Calling order: `greeting` goes out first, then
/// `on_hello`, whose answer goes out, and with a key `on_proof`.
#[derive(Clone, Debug)]
pub(super) struct Handshake {
    role: Role,
    key: Option<Key>,
    mine: Hello,
    theirs: Option<Hello>,
    is_proven: bool,
}

impl Handshake {
    pub(super) fn new(role: Role, peer: Peer, key: Option<Key>, nonce: [u8; NONCE_BYTES]) -> Self {
        let mine = Hello { peer, is_keyed: key.is_some(), nonce };
        Self { role, key, mine, theirs: None, is_proven: false }
    }

    pub(super) fn greeting(&self) -> Message<'static> {
        Message::Hello(self.mine)
    }

    /// The other end, once it has greeted.
    pub(super) fn peer(&self) -> Option<Peer> {
        self.theirs.map(|hello| hello.peer)
    }

    /// Whether the other end may be told, and believed, what it is here for.
    pub(super) fn is_done(&self) -> bool {
        self.theirs.is_some() && (self.key.is_none() || self.is_proven)
    }

    /// The other end's greeting; what is to be answered.
    pub(super) fn on_hello(&mut self, theirs: Hello) -> Result<Option<Message<'static>>, Fault> {
        if self.theirs.is_some() {
            return Err(Fault::Twice);
        }
        let (here, there) = (self.mine.peer, theirs.peer);
        if let Some(difference) = here.difference(&there) {
            return Err(Fault::Differs { difference, node: here.node, other: there.node });
        }
        if here.node == there.node {
            return Err(Fault::SameNode { node: here.node });
        }
        if self.mine.is_keyed != theirs.is_keyed {
            let with_key = if self.mine.is_keyed { here.node } else { there.node };
            let without = if self.mine.is_keyed { there.node } else { here.node };
            return Err(Fault::Keys { with_key, without });
        }
        self.theirs = Some(theirs);
        Ok(self.key.as_ref().map(|key| {
            let text = self.text(self.role);
            Message::Proof(key.mac(&[&text]))
        }))
    }

    /// The other end's proof.
    pub(super) fn on_proof(&mut self, proof: &[u8; NONCE_BYTES]) -> Result<(), Fault> {
        let (Some(key), Some(theirs), false) = (&self.key, &self.theirs, self.is_proven) else {
            return Err(Fault::Twice);
        };
        match key.proves(&[&self.text(self.role.other())], proof) {
            true => {
                self.is_proven = true;
                Ok(())
            }
            false => Err(Fault::Proof { node: theirs.peer.node }),
        }
    }

    /// What an end proves that it has seen.
    fn text(&self, prover: Role) -> Vec<u8> {
        let theirs = self.theirs.expect("both have greeted");
        let (client, server) = match self.role {
            Role::Client => (self.mine, theirs),
            Role::Server => (theirs, self.mine),
        };
        let mut text = prover.word().to_vec();
        Message::Hello(client).emit(&mut text);
        Message::Hello(server).emit(&mut text);
        text
    }
}
