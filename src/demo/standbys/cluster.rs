//! The nodes of a demo that run: who is the primary, who was killed, and their ends.

use super::super::source::PrimaryChange;
use super::super::subscribers::Subscriber;
use super::super::{Outcome, text, wait_until};
use super::audit::compare;
use super::node::{Node, Nodes, Place};
use super::operator::{Takeover, promote};
use super::service::Marks;
use crate::agent::{Clock, SystemClock};
use crate::feed_log;
use crate::metrics::Counter;
use crate::node::Interrupt;
use crate::ring::mapped::attach;
use crate::store::RealDisk;
use isochron_feeds::mold::Session;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

/// How often a new primary's parts are looked for.
const LOOK: Duration = Duration::from_millis(1);

/// How long they may take to be there.
const PATIENCE_NS: u64 = 60_000_000_000;

/// How long nodes and subscribers may take to have all that was traded.
const IN_STEP_NS_MAX: u64 = 60_000_000_000;

/// Nodes that run, the primary first.
pub(super) struct Cluster {
    running: Vec<Node>,
    killed: Option<Place>,
    clock: SystemClock,
}

/// What the nodes ended with.
pub(super) struct EndedNode {
    /// Which.
    pub(super) place: Place,
    /// What was wrong with its end.
    pub(super) fault: Option<String>,
    /// The state that it says it had: up to where its log is in it, and its hash.
    pub(super) state: Option<(u64, String)>,
}

impl Cluster {
    /// Starts all of them, and waits until the first is the primary and the others follow it.
    pub(super) fn start(nodes: &Nodes, clock: SystemClock, interrupt: &Interrupt) -> Outcome<Self> {
        let command = |place: &Place| if place.node == 1 { "serve" } else { "standby" };
        let started = nodes.places.iter().map(|place| Node::start(place, command(place)));
        let mut running = started.collect::<Outcome<Vec<Node>>>()?;
        let standbys = running.len() - 1;
        running[0].wait_for_followers(standbys, &clock, interrupt)?;
        running[1..].iter_mut().try_for_each(|node| node.wait_for_primary(&clock, interrupt))?;
        Ok(Self { running, killed: None, clock })
    }

    /// Where the primary lies.
    pub(super) fn primary(&self) -> &Place {
        &self.running[0].place
    }

    /// A node that has ended by itself.
    pub(super) fn fallen(&mut self) -> Option<u32> {
        self.running.iter_mut().find_map(|node| node.has_ended().then_some(node.place.node))
    }

    /// Kills the primary, has a standby promoted, and tells the order source of both.
    pub(super) fn fail_over(
        &mut self,
        changes: &Sender<PrimaryChange>,
        marks: &Marks,
    ) -> Outcome<Takeover> {
        let mut killed = self.running.remove(0);
        marks.killed_at.set(self.clock.now().0);
        killed.kill()?;
        changes.send(PrimaryChange::Gone).map_err(text)?;
        let places: Vec<Place> = self.running.iter().map(|node| node.place.clone()).collect();
        let asked_at = self.clock.now().0;
        let promoted = promote(&places, &self.clock)?;
        let answered_at = self.clock.now().0;
        let at = self.running.iter().position(|node| node.place.node == promoted.node);
        self.running.swap(0, at.expect("one of them was promoted"));
        changes.send(self.came(promoted.epoch)?).map_err(text)?;
        self.killed = Some(killed.place.clone());
        Ok(Takeover {
            killed: killed.place.node,
            promoted: promoted.node,
            epoch: promoted.epoch,
            asked_at,
            answered_at,
        })
    }

    /// The new primary's ring and log. A ring that its core does not read yet, or that an earlier
    /// one read, is of no use: what is written into it is passed over.
    fn came(&self, epoch: u64) -> Outcome<PrimaryChange> {
        let (primary, deadline_ns) = (self.primary(), self.clock.now().0 + PATIENCE_NS);
        loop {
            let ring = match attach(&primary.ring()) {
                Ok(attached) if attached.producer.generation() == epoch => {
                    let (ring, reader) = (attached.producer, primary.reader()?);
                    return Ok(PrimaryChange::Came { ring, reader: Box::new(reader) });
                }
                Ok(_) => "another core's ring is there".to_owned(),
                Err(error) => error.to_string(),
            };
            if self.clock.now().0 > deadline_ns {
                return Err(format!("node {} takes no orders: {ring}", primary.node));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Starts the node that was killed once more, as a standby. Before that what it had committed
    /// is held against the new primary's log: the bytes that are the same, or the fault.
    pub(super) fn bring_back(&mut self, interrupt: &Interrupt) -> Option<Outcome<u64>> {
        let place = self.killed.take()?;
        let kept = compare(&place, self.primary());
        let returned = Node::start(&place, "standby").and_then(|mut node| {
            node.wait_for_primary(&self.clock, interrupt)?;
            self.running.push(node);
            Ok(())
        });
        // What is missing there is worse than a node that does not return.
        Some(kept.and_then(|bytes| returned.map(|()| bytes)))
    }

    /// Waits until all nodes have executed all that is committed, and the subscribers have all of
    /// its feed. Who has not by then is found out later.
    pub(super) fn wait_in_step(
        &self,
        session: Session,
        subscribers: &mut [Subscriber],
        interrupt: &Interrupt,
    ) -> Outcome<()> {
        let primary = self.primary();
        let end = primary.reader()?.end().map_err(text)?.0;
        let counters = primary.counters()?;
        let others = self.running[1..].iter().map(|node| node.place.counters());
        let others = others.collect::<Outcome<Vec<_>>>()?;
        let log = feed_log::directory(&primary.store(), session);
        wait_until(&self.clock, IN_STEP_NS_MAX, || {
            let _ = interrupt.has_come();
            counters.get(Counter::FEED_POSITION) >= end
                && others.iter().all(|one| one.get(Counter::FOLLOWER_POSITION) >= end)
        });
        let next = feed_log::next_sequence(Arc::new(RealDisk), &log).map_err(text)?;
        wait_until(&self.clock, IN_STEP_NS_MAX, || {
            let _ = interrupt.has_come();
            subscribers
                .iter_mut()
                .all(|one| one.counters().get(Counter::SUBSCRIBER_NEXT) >= next || one.has_ended())
        });
        Ok(())
    }

    /// Ends the primary, and with it the session.
    pub(super) fn end_primary(&mut self) -> EndedNode {
        let node = self.running.remove(0);
        ended(node, &self.clock)
    }

    /// Ends the others.
    pub(super) fn end(self) -> Vec<EndedNode> {
        self.running.into_iter().map(|node| ended(node, &self.clock)).collect()
    }
}

fn ended(node: Node, clock: &SystemClock) -> EndedNode {
    let place = node.place.clone();
    let (fault, state) = node.end(clock);
    EndedNode { place, fault, state }
}
