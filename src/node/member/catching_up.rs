//! A standby's way to what the stream does not bring any more: connections to other nodes.

use super::Word;
use crate::cluster::agent::CatchUp;
use crate::node::ReplicationOptions;
use crate::replication::catch_up::{DialOptions, Join, Outcome, TcpConnector};
use crate::store::{EpochStart, ReplicaStore};
use crate::types::Nanos;
use std::net::SocketAddrV4;
use std::sync::mpsc::SyncSender;

/// How often progress is told.
const TOLD_NS: u64 = 100_000_000;

/// Catches up where the agent wants it.
pub struct CatchingUp {
    dial: DialOptions,
    reach_bytes: u64,
    discards: bool,
    connector: TcpConnector,
    /// Towards an epoch, from a node.
    join: Option<(SocketAddrV4, Join)>,
    words: SyncSender<Word>,
    tell_at: Nanos,
}

impl CatchingUp {
    pub(super) fn new(
        dial: DialOptions,
        options: &ReplicationOptions,
        discards: bool,
        words: &SyncSender<Word>,
    ) -> Self {
        Self {
            dial,
            // Half a window is asked for again by the stream's own repair.
            reach_bytes: options.channel.receiver_window_bytes as u64 / 2,
            discards,
            connector: TcpConnector,
            join: None,
            words: words.clone(),
            tell_at: Nanos(0),
        }
    }

    fn say(&self, word: Word) {
        let _ = self.words.try_send(word);
    }

    /// The one towards this epoch, begun if it is not there.
    fn joining(&mut self, start: EpochStart, from: SocketAddrV4) -> &mut Join {
        let is_it = |(of, join): &(SocketAddrV4, Join)| *of == from && join.follows() == start;
        if !self.join.as_ref().is_some_and(is_it) {
            // The primary has all of it; the others may.
            let mut servers = vec![from];
            servers.extend(self.dial.servers.iter().filter(|server| **server != from));
            let dial = DialOptions { servers, ..self.dial.clone() };
            self.join = Some((from, Join::new(dial, start, self.reach_bytes, self.discards)));
        }
        &mut self.join.as_mut().expect("it was begun").1
    }
}

impl CatchUp for CatchingUp {
    fn step(
        &mut self,
        store: &mut ReplicaStore,
        start: EpochStart,
        from: SocketAddrV4,
        now: Nanos,
    ) -> usize {
        let mut connector = self.connector;
        let join = self.joining(start, from);
        let moved = join.turn(store, &mut connector, now);
        let (mut said, progress, mut is_done) = (Vec::new(), *join.progress(), false);
        while let Some(outcome) = join.poll_outcome() {
            is_done |= matches!(outcome, Outcome::Arrived { .. });
            said.push(outcome.to_string());
        }
        said.into_iter().for_each(|outcome| self.say(Word::CatchUp(outcome)));
        if now >= self.tell_at {
            self.tell_at = Nanos(now.get().saturating_add(TOLD_NS));
            self.say(Word::Progress(progress));
        }
        if is_done {
            self.join = None;
        }
        moved
    }

    fn rest(&mut self) {
        self.join = None;
    }
}
