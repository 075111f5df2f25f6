//! Every order of events of a small cluster, from a few beginnings and to a bound: promotions,
//! votes and acknowledgements that arrive late or never, crashes between any two steps.
//!
//! Two promises are judged after each step: an epoch has one primary, and what was committed is in
//! the log of every primary that comes after. A step is one message, one entry of the stream, or
//! one thing that an operator, a core or a broken machine does. A message may wait for ever, so
//! loss needs no step of its own. What commutes or only informs is left out: the round of questions
//! is one step with whoever is asked, a primary's announcement is there as long as it lives, and
//! nobody is told of commits.
//!
//! That the judges see is proven by faults planted in the cores' surroundings, each of which some
//! order must reveal.

use std::collections::HashMap;
use std::fmt::{self, Write};

use isochron_cluster::{AckPolicy, Message};
use xxhash_rust::xxh3::Xxh3;

use super::world::{Fault, Flight, Role, World};
use crate::cluster::Step;
use crate::limits::ASK_GRACE_NS;
use crate::types::{Epoch, Nanos};

/// How much may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    promotions: u32,
    writes: u32,
    crashes: u32,
    power_failures: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// Promotes a node that others answer, from one of them on.
    Promote(u32, u32),
    Deliver(usize),
    Stream(u32),
    Write(u32),
    Crash(u32),
    PowerFails(u32),
}

/// More steps than any order within the bounds has.
const STEPS_MAX: usize = 100;

struct Model {
    /// Worlds, and how many steps from them on were looked at.
    seen: HashMap<u128, usize>,
    /// Epochs that began in some world, and entries that were committed: what was reached.
    epochs_max: u32,
    committed_max: usize,
    /// The first violation, and what led to it.
    found: Option<(String, Vec<Action>)>,
    path: Vec<Action>,
}

/// Hashes what is written to it.
struct Hashed(Xxh3);

impl Write for Hashed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

impl Model {
    fn explore(world: &World, bounds: Bounds, steps: usize) -> Self {
        let mut model = Self {
            seen: HashMap::new(),
            epochs_max: 0,
            committed_max: 0,
            found: None,
            path: Vec::new(),
        };
        let mut world = world.clone();
        world.unordered = true;
        model.visit(&world, bounds, steps);
        model
    }

    fn visit(&mut self, world: &World, bounds: Bounds, steps: usize) {
        let mut hashed = Hashed(Xxh3::new());
        write!(hashed, "{world:?}{bounds:?}").expect("it hashes");
        let looked_at = self.seen.entry(hashed.0.digest128()).or_insert(0);
        if *looked_at > steps {
            return;
        }
        *looked_at = steps + 1;
        self.epochs_max = self.epochs_max.max(world.epochs_begun());
        self.committed_max = self.committed_max.max(world.committed.len());
        let actions = if steps == 0 { Vec::new() } else { actions(world, bounds) };
        for action in actions {
            let (mut next, left) = (world.clone(), spend(bounds, action));
            act(&mut next, action);
            self.path.push(action);
            match next.violation.take() {
                Some(violation) => self.found = Some((violation, self.path.clone())),
                None => self.visit(&next, left, steps - 1),
            }
            self.path.pop();
            if self.found.is_some() {
                return;
            }
        }
    }
}

fn spend(mut bounds: Bounds, action: Action) -> Bounds {
    match action {
        Action::Promote(..) => bounds.promotions -= 1,
        Action::Write(_) => bounds.writes -= 1,
        Action::Crash(_) => bounds.crashes -= 1,
        Action::PowerFails(_) => bounds.power_failures -= 1,
        Action::Deliver(_) | Action::Stream(_) => {}
    }
    bounds
}

/// What can happen now.
fn actions(world: &World, bounds: Bounds) -> Vec<Action> {
    let mut actions = Vec::new();
    for (at, flight) in world.flying.iter().enumerate() {
        let useful = match &flight.message {
            // An announcement stays: it says nothing new to whoever follows already.
            Message::Announce(it) => match &world.node(flight.to).role {
                Role::Standby { follower, .. } => {
                    it.epoch >= follower.known().get()
                        && follower.following().is_none_or(|start| start.epoch.get() < it.epoch)
                }
                _ => true,
            },
            Message::VoteRequest(it) => world.would_vote(flight.to, &flight.envelope, it),
            _ => true,
        };
        if useful {
            actions.push(Action::Deliver(at));
        }
    }
    for node in &world.nodes {
        let number = node.number;
        if world.next_entry(number).is_some() {
            actions.push(Action::Stream(number));
        }
        match &node.role {
            Role::Standby { candidate: None, .. } if bounds.promotions > 0 => {
                // The nodes are alike: the first one that is promoted is the first.
                let others = world.nodes.iter().map(|other| other.number);
                let others = others.filter(|other| *other != number);
                if number == 1 || world.epochs_begun() > 0 || !world.flying.is_empty() {
                    actions.extend(others.map(|other| Action::Promote(number, other)));
                }
            }
            Role::Primary(_) if bounds.writes > 0 => actions.push(Action::Write(number)),
            _ => {}
        }
        if bounds.crashes > 0 {
            actions.push(Action::Crash(number));
        }
        if bounds.power_failures > 0 {
            actions.push(Action::PowerFails(number));
        }
    }
    actions
}

fn act(world: &mut World, action: Action) {
    match action {
        Action::Promote(number, other) => promote(world, number, other),
        Action::Deliver(at) => {
            let again = match &world.flying[at].message {
                Message::Announce(_) => Some(world.flying[at].clone()),
                _ => None,
            };
            world.deliver(at);
            world.flying.extend(again);
        }
        Action::Stream(number) => world.stream(number),
        Action::Write(number) => world.write(number),
        Action::Crash(number) | Action::PowerFails(number) => {
            world.stop(number, matches!(action, Action::PowerFails(_)));
            world.start(number);
        }
    }
    settle(world);
}

/// The round of questions, in one step: as many nodes answer as a majority takes, from one of them
/// on upward, and the others' time is over.
fn promote(world: &mut World, number: u32, first: u32) {
    world.promote(number, false);
    let count = world.nodes.len() as u32;
    let upward = (first..=count).chain(1..first).filter(|node| *node != number);
    for other in upward.take(count as usize / 2) {
        let asked = |flight: &Flight| {
            flight.to == other && matches!(flight.message, Message::StatusRequest(_))
        };
        if let Some(at) = world.flying.iter().position(asked) {
            world.deliver(at);
            world.deliver(world.flying.len() - 1);
        }
    }
    let now = world.now;
    world.now = Nanos(now.get() + ASK_GRACE_NS);
    world.on_time(number);
    world.now = now;
}

/// Forgets what makes no difference any more, so that equal worlds look equal.
fn settle(world: &mut World) {
    world.said.clear();
    let mut flying = std::mem::take(&mut world.flying);
    let leads = |node: u32, epoch: u32| match &world.node(node).role {
        Role::Primary(leader) => leader.start().epoch.get() == epoch,
        _ => false,
    };
    let votes_in = |node: u32, epoch: u32| match &world.node(node).role {
        Role::Standby { candidate: Some(it), .. } => it.step() == Step::Voting(Epoch(epoch)),
        _ => false,
    };
    flying.retain(|flight| match &flight.message {
        Message::Announce(it) => leads(flight.envelope.sender, it.epoch),
        Message::VoteRequest(it) => votes_in(flight.envelope.sender, it.epoch),
        Message::Vote(it) => votes_in(flight.to, it.epoch),
        Message::Ack(it) => world.counts_old_acks() || leads(flight.to, it.epoch),
        _ => false,
    });
    flying.sort_by_cached_key(|flight| format!("{flight:?}"));
    flying.dedup();
    world.flying = flying;
}

fn explore(world: &World, bounds: (u32, u32, u32, u32), steps: usize) -> Model {
    let (promotions, writes, crashes, power_failures) = bounds;
    let bounds = Bounds { promotions, writes, crashes, power_failures };
    Model::explore(world, bounds, steps)
}

/// Makes a node the primary with the votes that it needs, first that of another one.
fn elect(world: &mut World, number: u32, other: u32) {
    act(world, Action::Promote(number, other));
    let role = |world: &World| matches!(world.node(number).role, Role::Primary(_));
    while !role(world) {
        let useful = |flight: &Flight| match &flight.message {
            Message::VoteRequest(it) => world.would_vote(flight.to, &flight.envelope, it),
            Message::Vote(_) => true,
            _ => false,
        };
        let at = world.flying.iter().position(useful).expect("a majority votes");
        act(world, Action::Deliver(at));
    }
}

/// A node hears of the primary and gets all it has.
fn follow(world: &mut World, number: u32) {
    let announced =
        |flight: &Flight| flight.to == number && matches!(flight.message, Message::Announce(_));
    let at = world.flying.iter().position(announced).expect("a primary");
    act(world, Action::Deliver(at));
    while world.next_entry(number).is_some() {
        act(world, Action::Stream(number));
    }
}

/// Three nodes that have been prepared.
fn prepared(fault: Fault, nodes: u32, prepare: impl Fn(&mut World)) -> World {
    let mut world = World::new(nodes, AckPolicy::QUORUM, fault);
    world.unordered = true;
    prepare(&mut world);
    assert_eq!(world.violation, None, "while it is prepared");
    world
}

/// No order from this world on breaks a promise, and so many epochs and entries are reached.
#[track_caller]
fn holds(
    prepare: impl Fn(&mut World),
    bounds: (u32, u32, u32, u32),
    epochs: u32,
    committed: usize,
) {
    let model = explore(&prepared(Fault::None, 3, prepare), bounds, STEPS_MAX);
    if let Some((violation, path)) = &model.found {
        panic!("{violation}, by {path:?}");
    }
    let reached = (model.epochs_max, model.committed_max);
    println!("{} worlds, epochs and entries committed: {reached:?}", model.seen.len());
    assert_eq!(reached, (epochs, committed), "what the bounds allow is reached");
}

/// Some order from this world on reveals the fault, and without the fault none of so many steps
/// does.
#[track_caller]
fn finds(fault: Fault, prepare: impl Fn(&mut World), nodes: u32, bounds: (u32, u32, u32, u32)) {
    let world = prepared(fault, nodes, &prepare);
    let found =
        (1..STEPS_MAX).find_map(|steps| Some((steps, explore(&world, bounds, steps).found?)));
    let (steps, (violation, path)) = found.expect("the fault is found");
    println!("{violation}, by {path:?}");
    let without = explore(&prepared(Fault::None, nodes, &prepare), bounds, steps);
    println!("{} worlds without the fault", without.seen.len());
    assert_eq!(without.found, None);
}

/// The first node leads, and the second has what it has.
fn led(world: &mut World) {
    elect(world, 1, 2);
    follow(world, 2);
}

#[test]
fn two_promotions() {
    holds(|_| (), (2, 0, 0, 0), 2, 2);
}

#[test]
fn a_vote_forgotten_by_a_crash_is_found() {
    let prepare = |world: &mut World| act(world, Action::Promote(1, 2));
    finds(Fault::VoteForgotten, prepare, 3, (1, 0, 1, 0));
}

#[test]
fn a_majority_one_too_small_is_found() {
    finds(Fault::MajorityTooSmall, |_| (), 3, (2, 0, 0, 0));
}

#[test]
fn a_lossy_node_that_votes_is_found() {
    finds(Fault::LossyVotes, led, 3, (1, 0, 0, 1));
}

/// Raft's figure 8, on three nodes: what the first epoch left on one node is brought to a second
/// one by a later epoch, and a node that has neither, but an epoch between them, can still win.
#[test]
fn a_commit_of_what_an_older_epoch_left_is_found() {
    let prepare = |world: &mut World| {
        for number in [1, 3] {
            elect(world, number, 2);
            act(world, Action::Crash(number));
        }
    };
    finds(Fault::NoFloor, prepare, 3, (2, 0, 0, 0));
}

/// Three nodes cannot show it: what two of them held is never cut. Of five, the first two hold
/// what no majority does; the acknowledgement of it is still under way when the other three have
/// gone on, it has been cut, and the first is the primary again.
#[test]
fn an_acknowledgement_of_an_older_epoch_that_counts_is_found() {
    let prepare = |world: &mut World| {
        elect(world, 1, 3);
        (0..4).for_each(|_| act(world, Action::Write(1)));
        follow(world, 2);
        world.flying.retain(|flight| matches!(&flight.message, Message::Ack(it) if it.held == 160));
        let late = world.flying.clone();
        act(world, Action::Crash(1));
        elect(world, 3, 4);
        for number in [1, 4, 5] {
            follow(world, number);
        }
        act(world, Action::Crash(3));
        elect(world, 1, 4);
        (0..3).for_each(|_| act(world, Action::Write(1)));
        follow(world, 4);
        world.flying.retain(|flight| matches!(&flight.message, Message::Ack(it) if it.held == 160));
        world.flying.extend(late);
    };
    // Five nodes have too many orders; this is the one that matters.
    let violation = |fault| {
        let mut world = prepared(fault, 5, prepare);
        while !world.flying.is_empty() {
            act(&mut world, Action::Deliver(0));
        }
        elect(&mut world, 5, 2);
        world.violation
    };
    assert_eq!(violation(Fault::None), None);
    let found = violation(Fault::OldAckCounts).expect("the fault is found");
    assert!(found.contains("without what was committed"), "{found}");
}
