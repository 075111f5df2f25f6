//! Several nodes of one exchange as their operators run them: a standby follows a primary over real
//! multicast, takes over when that is killed, and the old primary returns.

#[path = "standbys/astray.rs"]
mod astray;
#[path = "standbys/feed.rs"]
mod feed;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "feed_loopback/heard.rs"]
mod heard;
#[path = "feed_loopback/logged.rs"]
mod logged;
#[expect(dead_code, reason = "other tests use the rest")]
mod program;
#[path = "program/repair.rs"]
mod repair;
#[path = "standbys/states.rs"]
mod states;

use isochron::net::ReservedPort;
use isochron::ring::Producer;
use isochron::ring::mapped::attach;
use isochron::state_machine::{command_origin, command_origin_mut};
use isochron::store::{Identity, StoreReader};
use isochron_events::{CommandOrigin, Message, Tick};
use program::{Ended, Program, run, wait};
use states::stat;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use tempfile::TempDir;

/// Three nodes, each with a folder and addresses that no other test has. Their terms are the
/// smallest, so that what a standby misses is soon more than the stream repairs.
struct Nodes {
    folder: TempDir,
    port: ReservedPort,
    test: u8,
}

/// Where a node's repair service listens.
struct Repair {
    replay: String,
    snapshots: String,
    rerequests: String,
}

impl Nodes {
    fn new() -> Self {
        Self::with("")
    }

    /// With so much more in the configuration of each.
    fn with(more: &str) -> Self {
        static TESTS: AtomicU8 = AtomicU8::new(0);
        let test = TESTS.fetch_add(1, Ordering::Relaxed);
        let (folder, port) = (tempfile::tempdir().unwrap(), ReservedPort::new().unwrap());
        let this = Self { folder, port, test };
        let mut nodes = String::new();
        for node in 1..=3 {
            let address = this.address(node);
            nodes += &format!(
                "[[replication.nodes]]\nnode = {node}\ncontrol = '{address}:40457'\n\
                 catch_up = '{address}:40458'\n"
            );
        }
        let (number, key) = (this.port.get(), "5f".repeat(32));
        for node in 1..=3 {
            let Repair { replay, snapshots, rerequests } = this.repair(node);
            let text = format!(
                "[exchange]\nnode = {node}\n[store]\ndirectory = 'store{node}'\n\
                 term_bytes = 65_536\n[market_data]\nline_a.port = {number}\n\
                 line_b.enabled = false\n[recovery]\nreplay = '{replay}'\n\
                 snapshots = '{snapshots}'\nrerequests = '{rerequests}'\n\
                 [[sources]]\nid = 2\nring = 'orders{node}.ring'\nring_bytes = 65536\n\
                 [replication]\nkey = '{key}'\nstate_hash_every_commands = 50\n\
                 channel = 'aeron:udp?endpoint=239.77.9.1:{number}|interface=127.0.0.1'\n{nodes}{more}"
            );
            fs::write(this.folder.path().join(format!("node{node}.toml")), text).unwrap();
        }
        this
    }

    /// A loopback address of a node that belongs to this process, as long as it lives.
    fn address(&self, node: u32) -> String {
        let [.., high, low] = std::process::id().to_be_bytes();
        format!("127.{}.{}.{}", high | 1, low, u32::from(10 * self.test) + node)
    }

    fn repair(&self, node: u32) -> Repair {
        let at = |port| format!("{}:{port}", self.address(node));
        Repair { replay: at(42_001), snapshots: at(42_002), rerequests: at(42_003) }
    }

    /// The port of channel 0.
    fn feed_port(&self) -> u16 {
        self.port.get()
    }

    fn config(&self, node: u32) -> String {
        self.folder.path().join(format!("node{node}.toml")).display().to_string()
    }

    fn store(&self, node: u32) -> PathBuf {
        self.folder.path().join(format!("store{node}"))
    }

    /// Whose store it is.
    fn identity(&self, node: u32) -> Identity {
        StoreReader::attach(&self.store(node), None).unwrap().meta().identity.clone()
    }

    fn start(&self, command: &str, node: u32) -> Program {
        Program::start([command, "--config", &self.config(node)])
    }

    /// Starts node 1 as the primary and node 2 as its standby, both from empty directories.
    fn first_two(&self) -> [Program; 2] {
        let mut second = self.start("standby", 2);
        let mut first = self.start("serve", 1);
        second.line_with("the directory is filled");
        first.line_with("this node is the primary epoch=");
        [first, second]
    }

    /// Asks a node to become the primary, as an operator does.
    fn promote(&self, node: u32, options: &[&str]) -> Ended {
        run(["promote", "--config", &self.config(node)].iter().chain(options))
    }

    /// The same where the node goes on asking for votes by itself: the wish may come in between.
    fn promote_in_turn(&self, node: u32, options: &[&str]) -> Ended {
        wait("the operator's turn", || {
            let asked = self.promote(node, options);
            let is_early =
                ["asking for votes already", "notNow"].iter().any(|it| asked.out.contains(it));
            (!is_early).then_some(asked)
        })
    }

    fn ring(&self, node: u32) -> Producer {
        let path = self.folder.path().join(format!("orders{node}.ring"));
        let mut ring = wait("the ring is there", || attach(&path).ok()).producer;
        let _ = ring.rejoin();
        ring
    }

    /// Every committed message of a node's log, as it lies there.
    fn log(&self, node: u32) -> Vec<Vec<u8>> {
        let Ok(mut reader) = StoreReader::attach(&self.store(node), None) else {
            return Vec::new();
        };
        let mut messages = Vec::new();
        while let Ok(Some(frame)) = reader.next() {
            messages.push(frame.message.to_vec());
        }
        messages
    }

    /// The numbers of the commands that the test has sent, as they are committed at a node.
    fn confirmed(&self, node: u32) -> Vec<u64> {
        let number = |message: &Vec<u8>| {
            let origin = command_origin(&Message::decode(message).ok()?)?;
            (origin.source == 2).then_some(origin.source_sequence)
        };
        self.log(node).iter().filter_map(number).collect()
    }

    fn wait_for(&self, node: u32, commands: usize) {
        let what = format!("node {node} has {commands} commands committed");
        wait(&what, || (self.confirmed(node).len() >= commands).then_some(()));
    }
}

/// Sends ticks, which change nothing, with these numbers.
fn send(ring: &mut Producer, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        send_command(ring, Tick::default().into(), number);
    }
}

fn send_command(ring: &mut Producer, mut command: Message, source_sequence: u64) {
    *command_origin_mut(&mut command).unwrap() = CommandOrigin { source: 2, source_sequence };
    let mut bytes = vec![0; command.encoded_length()];
    command.encode(&mut bytes).unwrap();
    wait("room in the ring", || ring.try_write(&bytes).ok());
}

/// A promotion succeeded.
fn assert_promoted(promoted: &Ended) {
    assert_eq!(promoted.code, Some(0), "{}{}", promoted.out, promoted.errors);
}

/// Ends it as an operator does.
fn stop(program: Program) {
    program.signal("TERM");
    let ended = program.end();
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
}

#[test]
fn a_standby_takes_over_with_all_that_was_confirmed_and_the_old_primary_returns() {
    let nodes = Nodes::new();
    let [mut first, mut second] = nodes.first_two();
    send(&mut nodes.ring(1), 1..=300);
    nodes.wait_for(1, 300);
    // One that comes late has the same log.
    let mut third = nodes.start("standby", 3);
    third.line_with(" ready");
    first.line_with("follows this node node=3");
    // Whose directory was empty may have acknowledged what is not there any more: no vote before.
    third.line_with("caught up: nothing that was acknowledged is missing");
    let told = nodes.confirmed(1);
    first.signal("KILL");
    first.end();
    let promoted = nodes.promote(2, &[]);
    assert_promoted(&promoted);
    assert!(promoted.out.starts_with("node 2 is the primary of epoch "), "{}", promoted.out);
    second.line_with("this node is the primary epoch=");
    let mut ring = nodes.ring(2);
    send(&mut ring, 251..=400);
    nodes.wait_for(2, 400);
    let all: Vec<u64> = (1..=400).collect();
    assert_eq!(told, all[..300]);
    assert_eq!(nodes.confirmed(2), all, "nothing is missing, and nothing is there twice");
    // The old one learns of the epoch, and follows.
    let mut old = nodes.start("standby", 1);
    old.line_with(" node=2 base=");
    nodes.wait_for(1, 400);
    nodes.wait_for(3, 400);
    let stat = run(["stat", nodes.store(2).to_str().unwrap(), "--once"]);
    assert!(stat.out.contains("\nprimary of epoch 2, executed to "), "{}", stat.out);
    assert!(stat.out.contains("\nnode 1: holds "), "{}", stat.out);
    for program in [second, third, old] {
        stop(program);
    }
    let verified: Vec<_> = (1..=3)
        .map(|node| run(["verify", nodes.store(node).to_str().unwrap(), "--json"]))
        .collect();
    for verified in &verified {
        assert_eq!(verified.code, Some(0), "{}{}", verified.out, verified.errors);
    }
    let logs: Vec<_> = (1..=3).map(|node| nodes.log(node)).collect();
    let shortest = logs.iter().map(Vec::len).min().unwrap();
    assert!(shortest >= 400);
    assert!(logs.iter().all(|log| log[..shortest] == logs[0][..shortest]), "one log");
}

#[test]
fn what_a_standby_missed_comes_over_tcp_and_then_by_the_stream() {
    let nodes = Nodes::new();
    let second = nodes.start("standby", 2);
    let third = nodes.start("standby", 3);
    let mut first = nodes.start("serve", 1);
    first.line_with("follows this node node=3");
    third.signal("KILL");
    third.end();
    // More than one term, far less than a receive window.
    let mut ring = nodes.ring(1);
    for sent in (300..=1500).step_by(300) {
        send(&mut ring, sent - 299..=sent);
        nodes.wait_for(1, sent as usize);
    }
    let mut third = nodes.start("standby", 3);
    third.line_with("caught up: the stream is within reach");
    nodes.wait_for(3, 1500);
    send(&mut ring, 1501..=1600);
    nodes.wait_for(3, 1600);
    [first, second, third].into_iter().for_each(stop);
}

#[test]
fn without_a_majority_nobody_is_promoted_but_by_force() {
    let nodes = Nodes::new();
    let absent = nodes.promote(1, &[]);
    assert_eq!(absent.code, Some(2), "{}", absent.out);
    assert!(absent.errors.contains("node 1 does not answer at 127."), "{}", absent.errors);
    let mut alone = nodes.start("serve", 1);
    alone.line_with("too few nodes that may vote answered: 1 with this one, 2 needed");
    let refused = nodes.promote_in_turn(1, &[]);
    assert_eq!(refused.code, Some(1), "{}{}", refused.out, refused.errors);
    assert!(refused.out.starts_with("refused: too few nodes answer"), "{}", refused.out);
    assert!(refused.out.contains("; heard: 1; "), "{}", refused.out);
    let forced = nodes.promote_in_turn(1, &["--force", "--json"]);
    assert_promoted(&forced);
    let said: serde_json::Value = serde_json::from_str(&forced.out).unwrap();
    assert_eq!((said["result"].as_str(), said["lost_bytes"].as_u64()), (Some("promoted"), Some(0)));
    alone.line_with("promoted by force, without a majority");
    // Nothing is confirmed that a majority does not have, though it is taken and lies in the log.
    let mut ring = nodes.ring(1);
    send(&mut ring, 1..=10);
    wait("all is taken", || (ring.used_bytes() == 0).then_some(()));
    let stat = stat(&nodes, 1);
    let committed = stat["store"]["committed"].as_u64().unwrap();
    assert!(stat["counters"]["bytes-published"].as_u64() > Some(committed), "{stat}");
    assert_eq!(nodes.confirmed(1), [0_u64; 0]);
    alone.signal("KILL");
    alone.end();
}
