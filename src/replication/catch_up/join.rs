//! Catches a standby's store up with a server's log, until the live stream is within reach.
//!
//! ```text
//!   store    ======== held |                              window of the live stream
//!   server   ==============|================================| published
//!                          '---- append_old, in order ---▶  '--- NAK repair from here on
//! ```
//!
//! The server's table of epochs is adopted first: it must have the epoch that is to be followed,
//! with the same base and chain, so that all before it is that log. The store cuts what it has
//! beyond, judges each frame, and compares the chain at the bases; here it is compared once more
//! at the server's durable place. Nothing is ever appended over a hole: what the live stream has
//! brought meanwhile is passed over, and what it has not, comes here.

use super::client::{Client, Event};
use super::copying::Copying;
use super::dial::{Dial, DialOptions};
use super::fault::Fault;
use super::link::Connector;
use super::progress::{Meter, Progress, Stage};
use super::protocol::{LogName, LogState};
use crate::store::{ChainDiffers, Discarded, EpochStart, FollowRefused, ReplicaStore};
use crate::types::{Nanos, Position};

/// What came of it. Each is told once.
#[derive(Debug)]
pub enum Outcome {
    /// The live stream is within reach: the rest is its repair's. There is no connection any more.
    Arrived {
        /// What is held.
        held: Position,
        /// The end of the server's log.
        end: Position,
    },
    /// What was held and is no part of the followed log was cut.
    Discarded(Discarded),
    /// Nobody has what comes next: each server was asked, and the log of one that could give
    /// begins later. This store can only begin anew, at a snapshot.
    NotKept {
        /// What is held.
        held: Position,
        /// Where the server's log begins.
        kept_from: Position,
    },
    /// The store does not follow that log; nothing was changed. It is tried again.
    NotFollowed(FollowRefused),
    /// What is held is another log than the server's, although its epochs are the same. It is
    /// tried again; what is not committed can be given up
    /// ([`ReplicaStore::forget_uncommitted`]).
    Differs(ChainDiffers),
    /// The log of a node that is not the followed primary contradicts the log here. Which of the
    /// two is wrong, the primary alone says; from that node nothing more should be taken.
    Contradicts {
        /// The node that gave it.
        node: u32,
        /// What it gave or said.
        why: String,
    },
    /// A connection ended; there will be another one.
    Broken(Fault),
}

/// Catching up. Calling order: `turn` again and again, `poll_outcome` until `None` after each;
/// done after [`Outcome::Arrived`].
pub struct Join {
    dial: Dial,
    /// How many can be asked, and how many were since one gave something.
    servers: usize,
    asked: usize,
    /// What is held, and where the log of a server begins that has the epoch.
    not_kept: Option<(Position, Position)>,
    follow: EpochStart,
    reach_bytes: u64,
    discards: bool,
    /// The node at the other end, when it has said who it is.
    giver: Option<u32>,
    copying: Option<Copying>,
    meter: Meter,
    progress: Progress,
    outcomes: Vec<Outcome>,
    is_done: bool,
}

impl Join {
    /// Begins: `follow` is the epoch as the primary announced it, `reach_bytes` how far behind the
    /// end of the server's log the live stream's repair takes over. `discards` lets the store cut
    /// below what it has committed.
    #[must_use]
    pub fn new(options: DialOptions, follow: EpochStart, reach_bytes: u64, discards: bool) -> Self {
        Self {
            servers: options.servers.len(),
            asked: 0,
            not_kept: None,
            dial: Dial::new(options),
            follow,
            reach_bytes,
            discards,
            giver: None,
            copying: None,
            meter: Meter::default(),
            progress: Progress::default(),
            outcomes: Vec::new(),
            is_done: false,
        }
    }

    /// The epoch that it is for.
    #[must_use]
    pub fn follows(&self) -> EpochStart {
        self.follow
    }

    /// The node that gives now, where that is not the one that writes the log.
    #[must_use]
    pub fn other_giver(&self) -> Option<u32> {
        self.giver.filter(|giver| *giver != self.follow.node)
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What came of it since the last call.
    #[must_use]
    pub fn poll_outcome(&mut self) -> Option<Outcome> {
        if self.outcomes.is_empty() { None } else { Some(self.outcomes.remove(0)) }
    }

    /// A bounded step; how many bytes moved.
    pub fn turn(
        &mut self,
        store: &mut ReplicaStore,
        connector: &mut dyn Connector,
        now: Nanos,
    ) -> usize {
        if self.is_done || !self.outcomes.is_empty() {
            return 0;
        }
        let moved = match self.dial.turn(connector, now) {
            Ok(None) => return 0,
            Ok(Some((client, moved))) => {
                let stepped = Step {
                    client,
                    follow: self.follow,
                    discards: self.discards,
                    giver: &mut self.giver,
                    copying: &mut self.copying,
                    not_kept: &mut self.not_kept,
                    outcomes: &mut self.outcomes,
                    meter: &mut self.meter,
                }
                .run(store);
                if let Err(fault) = stepped {
                    self.dial.end(fault.clone(), now);
                    self.broken(fault);
                }
                moved
            }
            Err(fault) => {
                self.broken(fault);
                0
            }
        };
        self.look(store, now);
        moved
    }

    fn broken(&mut self, fault: Fault) {
        self.copying = None;
        self.progress.stage = Stage::Connecting;
        self.asked += 1;
        let other = self.other_giver();
        self.giver = None;
        self.outcomes.push(match (fault, other) {
            (Fault::Chain { position, here, there }, other)
                if other.is_none()
                    || (position, there) == (self.follow.base, self.follow.chain) =>
            {
                let (expected, found) = (there, Some(here));
                Outcome::Differs(ChainDiffers { position, expected, found })
            }
            (fault @ (Fault::Chain { .. } | Fault::Contradicts { .. }), Some(node)) => {
                Outcome::Contradicts { node, why: fault.to_string() }
            }
            (fault, _) => Outcome::Broken(fault),
        });
        if self.asked >= self.servers
            && let Some((held, kept_from)) = self.not_kept.take()
        {
            self.outcomes.push(Outcome::NotKept { held, kept_from });
        }
    }

    /// Whether it is done, and how far it has come.
    fn look(&mut self, store: &ReplicaStore, now: Nanos) {
        let Some(copying) = &self.copying else { return };
        let ((bytes, bytes_all), end) = (copying.bytes(), copying.end());
        if bytes > 0 {
            self.dial.serves_well();
            (self.asked, self.not_kept) = (0, None);
        }
        let bytes_per_second = self.meter.per_second(now);
        self.progress = Progress { stage: Stage::Log, bytes, bytes_all, bytes_per_second };
        let (contiguous, held) = (store.contiguous(), store.held().position);
        let is_near = contiguous.get().saturating_add(self.reach_bytes) >= end.get();
        if is_near && contiguous >= self.follow.base {
            self.is_done = true;
            self.dial.end(Fault::Closed { reason: "caught up".into() }, now);
            self.outcomes.push(Outcome::Arrived { held, end });
        }
    }
}

/// One turn's work on what has come.
struct Step<'a> {
    client: &'a mut Client,
    follow: EpochStart,
    discards: bool,
    giver: &'a mut Option<u32>,
    copying: &'a mut Option<Copying>,
    not_kept: &'a mut Option<(Position, Position)>,
    outcomes: &'a mut Vec<Outcome>,
    meter: &'a mut Meter,
}

impl Step<'_> {
    fn run(mut self, store: &mut ReplicaStore) -> Result<(), Fault> {
        match self.client.poll_event() {
            Some(Event::Ready(peer)) => {
                *self.giver = Some(peer.node);
                store.doubt(!self.is_primary());
                self.client.open(LogName::EVENTS);
            }
            Some(Event::Log(state)) => self.on_log(&state, store)?,
            Some(Event::Mark { end, durable }) => {
                if let Some(copying) = self.copying {
                    copying.on_mark(end, durable);
                }
            }
            Some(Event::Image(_) | Event::Feeds(_)) | None => {}
        }
        match self.copying {
            Some(copying) => copying.take(self.client, store, self.meter),
            None => Ok(()),
        }
    }

    /// Whether the other end writes the log that is followed. Its word counts about what is here.
    fn is_primary(&self) -> bool {
        *self.giver == Some(self.follow.node)
    }

    /// What the server has: the store adopts its epochs, and is fetched what it lacks. An
    /// operator's word that what is committed may be cut is about the primary's log.
    fn on_log(&mut self, state: &LogState, store: &mut ReplicaStore) -> Result<(), Fault> {
        let EpochStart { epoch, base, .. } = self.follow;
        if !state.epochs.contains(&self.follow) {
            return Err(Fault::Epoch { epoch, base });
        }
        if state.term_bytes != store.terms().bytes() as u64 {
            let reason = format!("its terms are of {} bytes", state.term_bytes);
            return Err(Fault::Table { reason });
        }
        match store.adopt(&state.epochs, self.discards && self.is_primary()) {
            Ok(discarded) => self.outcomes.extend(discarded.map(Outcome::Discarded)),
            Err(refused) if refused.is_of_table() && !self.is_primary() => {
                return Err(Fault::Contradicts { reason: refused.to_string() });
            }
            Err(refused) => {
                let reason = refused.to_string();
                self.outcomes.push(Outcome::NotFollowed(refused));
                return Err(Fault::Store { reason });
            }
        }
        let (at, kept_from) = (store.contiguous(), state.kept.position);
        if at < kept_from {
            *self.not_kept = Some((store.held().position, kept_from));
            return Err(Fault::NotKept { position: at, kept_from });
        }
        // Another node that lags as far helps nobody, and nothing arrives with it: the others are
        // asked, who may keep it no longer.
        if state.end <= at && !self.is_primary() {
            return Err(Fault::NoMore { end: state.end });
        }
        *self.copying = Some(Copying::new(at, state));
        if at < state.end {
            self.client.fetch(at);
        }
        Ok(())
    }
}
