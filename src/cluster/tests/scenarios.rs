//! The stories of a cluster as text: a command, then what the nodes say, indented.
//!
//! After each command messages arrive in the order in which they were sent, the stream brings each
//! standby all there is, and time passes as long as a candidate waits. `UPDATE=1` writes what is
//! said into the files, for a person to judge.

use std::fs;
use std::path::Path;

use isochron_cluster::AckPolicy;

use super::world::{Fault, Node, Role, World};
use crate::limits::{ACK_INTERVAL_NS, ANNOUNCE_INTERVAL_NS, NODE_SILENT_NS};
use crate::types::Nanos;

/// Steps of one command: a story that does not come to rest is told.
const STEPS_MAX: usize = 10_000;

struct Stage {
    world: World,
    /// Links that carry nothing: from, to.
    cut: Vec<(u32, u32)>,
}

impl Stage {
    fn numbers(words: &[&str]) -> Vec<u32> {
        words.iter().map(|word| word.parse().expect("a node's number")).collect()
    }

    fn node(&mut self, word: &str) -> &mut Node {
        let number: usize = word.parse().expect("a node's number");
        &mut self.world.nodes[number - 1]
    }

    fn command(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["promote", node] => self.world.promote(node.parse().expect("a node"), false),
            ["promote", node, "force"] => self.world.promote(node.parse().expect("a node"), true),
            ["promise", node] => self.world.promise(node.parse().expect("a node")),
            ["write", node] => self.world.write(node.parse().expect("a node")),
            ["sync", ref nodes @ ..] => {
                Self::numbers(nodes).into_iter().for_each(|node| self.world.sync(node));
            }
            ["stop", ref nodes @ ..] => {
                Self::numbers(nodes).into_iter().for_each(|node| self.world.stop(node, false));
            }
            ["power-fails", ref nodes @ ..] => {
                Self::numbers(nodes).into_iter().for_each(|node| self.world.stop(node, true));
            }
            ["start", ref nodes @ ..] => {
                Self::numbers(nodes).into_iter().for_each(|node| self.world.start(node));
                self.wait(3 * ANNOUNCE_INTERVAL_NS);
            }
            ["stall", node] => self.node(node).stalled = true,
            ["discard-tail", node] => {
                self.node(node).discards = true;
                self.wait(3 * ANNOUNCE_INTERVAL_NS);
            }
            ["diverge", node] => self.world.diverge(node.parse().expect("a node")),
            ["part", ref nodes @ ..] => {
                let one = Self::numbers(nodes);
                let all: Vec<u32> = self.world.nodes.iter().map(|node| node.number).collect();
                for (from, to) in all.iter().flat_map(|from| all.iter().map(|to| (*from, *to))) {
                    if one.contains(&from) != one.contains(&to) {
                        self.cut.push((from, to));
                    }
                }
            }
            ["heal"] => {
                self.cut.clear();
                self.wait(3 * ANNOUNCE_INTERVAL_NS);
            }
            ["wait", "silence"] => self.wait(NODE_SILENT_NS + ACK_INTERVAL_NS),
            _ => panic!("no such command: {line}"),
        }
        self.rest();
    }

    fn wait(&mut self, nanos: u64) {
        let until = Nanos(self.world.now.get() + nanos);
        while self.world.now < until {
            self.world.now = Nanos(self.world.now.get() + ACK_INTERVAL_NS);
            for number in 1..=self.world.nodes.len() as u32 {
                self.world.on_time(number);
            }
            self.deliver_all();
        }
    }

    /// Everything that is under way arrives, or is lost on a link that is cut.
    fn deliver_all(&mut self) {
        for _ in 0..STEPS_MAX {
            let cut = &self.cut;
            self.world.flying.retain(|flight| !cut.contains(&(flight.envelope.sender, flight.to)));
            if !self.world.flying.is_empty() {
                self.world.deliver(0);
                continue;
            }
            let numbers = 1..=self.world.nodes.len() as u32;
            let behind = numbers.filter_map(|to| Some((self.world.next_entry(to)?.0, to)));
            let mut behind = behind.filter(|link| !self.cut.contains(link));
            match behind.next() {
                Some((_, to)) => self.world.stream(to),
                None => return,
            }
        }
        panic!("it does not come to rest");
    }

    fn rest(&mut self) {
        self.deliver_all();
        let waits = |world: &World| {
            let candidate = |role: &Role| matches!(role, Role::Standby { candidate: Some(_), .. });
            world.nodes.iter().any(|node| candidate(&node.role))
        };
        while waits(&self.world) {
            self.wait(ACK_INTERVAL_NS);
        }
    }
}

fn nodes(line: &str) -> (u32, AckPolicy) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["nodes", count, "ack", ack] = words[..] else { panic!("`nodes N ack POLICY`: {line}") };
    let ack = AckPolicy::ALL.iter().find(|policy| policy.name() == Some(ack));
    (count.parse().expect("a number"), *ack.expect("a policy"))
}

/// The text with what is said below each command; comments and blank lines stay.
fn told(script: &str) -> String {
    let (mut stage, mut text) = (None, String::new());
    for line in script.lines() {
        if line.starts_with("    ") {
            continue;
        }
        text += &format!("{line}\n");
        match (&mut stage, line.split('#').next().unwrap_or("").trim()) {
            (_, "") => {}
            (stage @ None, first) => {
                let (count, ack) = nodes(first);
                let world = World::new(count, ack, Fault::None);
                *stage = Some(Stage { world, cut: Vec::new() });
            }
            (Some(stage), "end") => {
                stage.world.said.clear();
                for node in &stage.world.nodes {
                    text += &format!("    {}\n", node.summary());
                }
            }
            (Some(stage), command) => {
                stage.command(command);
                for said in stage.world.said.drain(..) {
                    text += &format!("    {said}\n");
                }
                assert_eq!(stage.world.violation, None, "after {command}");
            }
        }
    }
    text
}

#[track_caller]
fn check(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cluster/tests/stories");
    let path = folder.join(name);
    let script = fs::read_to_string(&path).expect("the story");
    let told = told(&script);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, told).expect("written");
        return;
    }
    for (number, (expected, said)) in script.lines().zip(told.lines()).enumerate() {
        assert_eq!(said, expected, "{name}, line {}", number + 1);
    }
    assert_eq!(told.lines().count(), script.lines().count(), "{name}");
}

#[test]
fn the_first_start() {
    check("first_start.txt");
}

#[test]
fn a_primary_dies() {
    check("primary_dies.txt");
}

#[test]
fn an_epoch_that_nobody_leads() {
    check("passed.txt");
}

#[test]
fn a_partition() {
    check("partition.txt");
}

#[test]
fn who_is_not_promoted() {
    check("refusals.txt");
}

#[test]
fn a_loss_of_power() {
    check("lossy.txt");
}

#[test]
fn force() {
    check("force.txt");
}

#[test]
fn weaker_policies() {
    check("weaker.txt");
}
