//! Nodes whose states differ: one begins with a snapshot that is whole, and of another state than
//! the log leads to.

use super::{Nodes, Program, assert_promoted, run, send, stop, wait};
use isochron::state_machine::{Capacity, EncodedOutcomes, Replay, StateMachine};
use isochron::store::{
    Check, LogPlace, ReaderOptions, RealDisk, SECTION_STATE, SnapshotInfo, Snapshots, StoreReader,
};
use isochron::types::{Epoch, Nanos};
use isochron_events::{CommandOrigin, EventHeader, Tick};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Puts a snapshot of another state into a store that nobody has: one that remembers a source that
/// the log has never heard of. No outcome of this test's commands follows from that.
fn doctor(store: &Path) {
    let options = ReaderOptions { check: Check::Content, ..ReaderOptions::default() };
    let mut reader = StoreReader::attach_on(Arc::new(RealDisk), store, &options).unwrap();
    let mut replay = Replay::new(StateMachine::with_capacity(Capacity::default()));
    let mut epoch = Epoch(0);
    while let Some(frame) = reader.next().unwrap() {
        replay.on_message(frame.message).unwrap();
        epoch = frame.epoch;
    }
    let (sequence, timestamp) = (replay.sequence(), replay.time());
    let place = LogPlace { position: reader.position(), chain: reader.chain().unwrap() };
    let snapshots = Snapshots::new(Arc::new(RealDisk), store, &reader.meta().identity);
    let mut machine = replay.into_machine();
    let truth = machine.state_hash();
    let header = EventHeader { sequence: sequence.get(), timestamp, ..EventHeader::default() };
    let origin = CommandOrigin { source: 9, source_sequence: 1 };
    let stranger = Tick { header, origin };
    machine.execute(&stranger.into(), &mut EncodedOutcomes::default());
    assert_ne!(machine.state_hash(), truth);
    let (trading_date, runs) = machine.trading_day();
    let moment = SnapshotInfo {
        place,
        epoch,
        sequence,
        time: Nanos(timestamp),
        state_hash: 0,
        trading_date,
        day_ended: !runs,
    };
    let mut writer = snapshots.begin(moment).unwrap();
    writer.section(SECTION_STATE).unwrap();
    let state_hash = machine.save(&mut writer).unwrap();
    writer.finish(state_hash).unwrap().keep().unwrap();
}

/// Three nodes that were started anew, node 1 as the primary, and one of them with another state.
fn started_with_a_lie(nodes: &Nodes, liar: u32) -> [Program; 3] {
    let mut standbys = [2, 3].map(|node| nodes.start("standby", node));
    let mut first = nodes.start("serve", 1);
    first.line_with("this node is the primary epoch=");
    send(&mut nodes.ring(1), 1..=100);
    (1..=3).for_each(|node| nodes.wait_for(node, 100));
    standbys.each_mut().into_iter().for_each(|standby| drop(standby.line_with(" ready")));
    stop(first);
    standbys.into_iter().for_each(stop);
    doctor(&nodes.store(liar));
    let [second, third] = [2, 3].map(|node| nodes.start("standby", node));
    let mut first = nodes.start("serve", 1);
    first.line_with("this node is the primary epoch=");
    // The next places where states are hashed lie behind these.
    send(&mut nodes.ring(1), 101..=220);
    [first, second, third]
}

/// What `stat` says of a node.
pub(crate) fn stat(nodes: &Nodes, node: u32) -> Value {
    let store = nodes.store(node).display().to_string();
    let stat = run(["stat", &store, "--once", "--json"]);
    assert_eq!(stat.code, Some(0), "{}", stat.errors);
    serde_json::from_str(&stat.out).unwrap()
}

/// Whether a node has the same state as another, as soon as it knows.
fn is_equal(nodes: &Nodes, node: u32, other: u64) -> bool {
    wait(&format!("node {node} has compared with node {other}"), || {
        let stat = stat(nodes, node);
        let peers = stat["node"]["peers"].as_array()?;
        peers.iter().find(|peer| peer["node"] == other)?["state_is_equal"].as_bool()
    })
}

fn is_barred(nodes: &Nodes, node: u32) -> bool {
    stat(nodes, node)["node"]["barred"].as_bool().unwrap()
}

fn outvoted_by(nodes: &Nodes, node: u32) -> Option<u64> {
    stat(nodes, node)["node"]["outvoted_by"].as_u64()
}

#[test]
fn a_standby_with_another_state_is_named_and_barred_and_goes_on_storing() {
    let nodes = Nodes::new();
    let [mut first, second, mut third] = started_with_a_lie(&nodes, 3);
    first.line_with("has ANOTHER STATE node=3");
    first.line_with("executed the log to another state: it is not promoted node=3");
    third.line_with("this node has another state than it should");
    for (node, other, expected) in
        [(1, 2, true), (1, 3, false), (2, 1, true), (2, 3, false), (3, 1, false), (3, 2, false)]
    {
        assert_eq!(is_equal(&nodes, node, other), expected, "node {node} and node {other}");
    }
    let against = wait("node 3 is outvoted", || outvoted_by(&nodes, 3));
    assert!((1..=2).contains(&against), "{against}");
    assert_eq!([1, 2].map(|node| outvoted_by(&nodes, node)), [None; 2]);
    let of = |node| stat(&nodes, node)["node"].clone();
    let [right, wrong] = [of(1), of(3)];
    assert!(right["state_hash"].is_string() && right["state_at"].as_u64() > Some(0));
    if right["state_at"] == wrong["state_at"] {
        assert_ne!(right["state_hash"], wrong["state_hash"]);
    }
    // It goes on storing and acknowledging: the one that does so alone is enough for a commit.
    stop(second);
    send(&mut nodes.ring(1), 221..=240);
    nodes.wait_for(3, 240);
    assert_eq!(stat(&nodes, 1)["store"]["accepting"], "yes");
    first.signal("KILL");
    first.end();
    let promoted = nodes.promote(3, &[]);
    assert_eq!(promoted.code, Some(1), "{}{}", promoted.out, promoted.errors);
    assert!(promoted.out.contains("executed the log to another"), "{}", promoted.out);
    // Started again it executes from the same snapshot: what is known of it lasts.
    stop(third);
    let mut third = nodes.start("standby", 3);
    third.line_with("this node had another state than it should");
    wait("it says that it is barred", || is_barred(&nodes, 3).then_some(()));
    let promoted = nodes.promote(3, &[]);
    assert_eq!(promoted.code, Some(1), "{}{}", promoted.out, promoted.errors);
    assert!(promoted.out.contains("executed the log to another"), "{}", promoted.out);
    stop(third);
    // Without that snapshot it executes the log from its beginning; the others see that it does.
    fs::remove_dir_all(nodes.store(3).join("snapshots")).unwrap();
    let mut third = nodes.start("standby", 3);
    third.line_with("this node had another state than it should");
    // It votes meanwhile.
    let mut first = nodes.start("serve", 1);
    first.line_with("this node is the primary epoch=");
    send(&mut nodes.ring(1), 241..=340);
    third.line_with("most nodes have this node's state");
    assert!(is_equal(&nodes, 3, 1) && !is_barred(&nodes, 3));
    nodes.wait_for(3, 340);
    assert_promoted(&nodes.promote(3, &[]));
    third.line_with("this node is the primary epoch=");
    first.line_with("this node is a standby again");
    [first, third].into_iter().for_each(stop);
}

#[test]
fn a_primary_whose_state_most_nodes_do_not_have_takes_nothing_until_another_is_promoted() {
    let nodes = Nodes::new();
    let [mut first, mut second, third] = started_with_a_lie(&nodes, 1);
    first.line_with("NOTHING IS TAKEN");
    let accepting = || stat(&nodes, 1)["store"]["accepting"].as_str().map(str::to_owned);
    wait("it says so", || (accepting().as_deref() == Some("no(differs)")).then_some(()));
    assert_eq!(outvoted_by(&nodes, 1), Some(2));
    assert_eq!([2, 3].map(|node| outvoted_by(&nodes, node)), [None; 2]);
    let refusals = || stat(&nodes, 1)["counters"]["core-refusals"].as_u64();
    let before = refusals();
    send(&mut nodes.ring(1), 221..=230);
    wait("nothing is taken from its ring", || (refusals() > before).then_some(()));
    // What is in its log is confirmed all the same, and node 2 has it.
    wait("all is committed", || {
        let stat = stat(&nodes, 1);
        let written = stat["counters"]["bytes-published"].as_u64()?;
        let held = stat["node"]["peers"][0]["held"].as_u64();
        (stat["store"]["committed"].as_u64() == Some(written) && held == Some(written))
            .then_some(())
    });
    assert!(nodes.confirmed(1).iter().all(|number| *number <= 220));
    assert_promoted(&nodes.promote(2, &[]));
    second.line_with("this node is the primary epoch=");
    // From the beginning: what is in the log is not taken twice.
    send(&mut nodes.ring(2), 101..=300);
    (2..=3).for_each(|node| nodes.wait_for(node, 300));
    // The old one follows, and is barred.
    first.line_with("this node is a standby again");
    nodes.wait_for(1, 300);
    wait("it knows that it is wrong", || outvoted_by(&nodes, 1));
    [first, second, third].into_iter().for_each(stop);
}
