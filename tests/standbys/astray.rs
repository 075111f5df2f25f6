//! What goes wrong, with real processes: nobody leads, a log that nobody can continue, nodes that
//! are configured otherwise, and bytes from strangers on every socket.

use super::{Nodes, assert_promoted, send, stop};
use crate::program::{Program, run, wait};
use isochron::types::SplitMix64;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream, UdpSocket};
use std::path::PathBuf;

impl Nodes {
    /// Changes a node's configuration.
    fn edit(&self, node: u32, from: &str, to: &str) {
        let path = self.config(node);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    /// The addresses under a name in the list of nodes, in its order.
    fn addresses(&self, name: &str) -> Vec<SocketAddrV4> {
        let text = fs::read_to_string(self.config(1)).unwrap();
        let of_line = |line: &str| {
            let value = line.strip_prefix(name)?.strip_prefix(" = '")?.strip_suffix('\'')?;
            value.parse().ok()
        };
        text.lines().filter_map(of_line).collect()
    }

    /// The group that the log is sent to.
    fn group(&self) -> SocketAddrV4 {
        let text = fs::read_to_string(self.config(1)).unwrap();
        let (_, rest) = text.split_once("endpoint=").unwrap();
        rest.split_once('|').unwrap().0.parse().unwrap()
    }

    /// Where the segments of a node's log begin.
    fn segments(&self, node: u32) -> BTreeSet<u64> {
        let names = fs::read_dir(self.store(node)).unwrap();
        let base = |path: PathBuf| match path.extension()?.to_str()? {
            "log" => path.file_stem()?.to_str()?.parse().ok(),
            _ => None,
        };
        names.filter_map(|entry| base(entry.unwrap().path())).collect()
    }
}

#[test]
fn where_nobody_leads_each_node_says_so_and_what_to_do() {
    let nodes = Nodes::new();
    let mut all: Vec<_> = (1..=3).map(|node| nodes.start("standby", node)).collect();
    for node in &mut all {
        let said = node.line_with("no node gives what this directory lacks");
        assert!(said.contains("`isochron serve`"), "{said}");
    }
    let stat = run(["stat", nodes.store(1).to_str().unwrap(), "--once"]);
    assert!(stat.out.contains("\nempty: waits for another node"), "{}{}", stat.out, stat.errors);
    let refused = nodes.promote(2, &[]);
    assert_eq!(refused.code, Some(1), "{}{}", refused.out, refused.errors);
    assert!(refused.out.contains("node 2 has no store yet"), "{}", refused.out);
    assert!(refused.out.contains("`isochron serve`"), "{}", refused.out);
    // One of them begins, as they were told.
    stop(all.remove(0));
    let mut first = nodes.start("serve", 1);
    first.line_with("this node is the primary epoch=");
    all.iter_mut().for_each(|node| drop(node.line_with("follows epoch=1 node=1")));
    send(&mut nodes.ring(1), 1..=100);
    nodes.wait_for(3, 100);
    // It dies, and nobody leads.
    first.signal("KILL");
    first.end();
    for node in &mut all {
        let said = node.line_with("nobody leads");
        assert!(said.contains("`isochron promote`"), "{said}");
    }
    wait("stat says it too", || {
        let stat = run(["stat", nodes.store(2).to_str().unwrap(), "--once"]);
        stat.out.contains("nobody leads (`isochron promote`").then_some(())
    });
    assert_promoted(&nodes.promote(2, &[]));
    all[1].line_with("follows epoch=2 node=2");
    all.into_iter().for_each(stop);
}

#[test]
fn a_standby_whose_place_nobody_keeps_begins_anew_and_keeps_what_it_had() {
    let nodes = Nodes::new();
    for node in 1..=3 {
        nodes.edit(node, "[store]\n", "[store]\nretention = 'snapshots'\n");
        nodes.edit(node, "[replication]\n", "[replication]\nack = 'none'\n");
        let text = fs::read_to_string(nodes.config(node)).unwrap();
        let snapshots = "[snapshots]\nevery_commands = 400\nkeep = 1\n";
        fs::write(nodes.config(node), format!("{text}{snapshots}")).unwrap();
    }
    let [first, second] = nodes.first_two();
    let mut ring = nodes.ring(1);
    send(&mut ring, 1..=300);
    nodes.wait_for(2, 300);
    let held = nodes.log(2).len();
    stop(second);
    // Somebody looks at its log from outside, and waits for more.
    let directory = nodes.store(2).display().to_string();
    let outside = Program::start(["inspect", directory.as_str(), "--follow"]);
    wait("it is at the end", || (!outside.out().is_empty()).then_some(()));
    // The primary goes on until it has forgotten what comes next there.
    let last_held = *nodes.segments(2).last().unwrap();
    let mut sent = 300;
    wait("the primary's log begins later", || {
        send(&mut ring, sent + 1..=sent + 200);
        sent += 200;
        wait("the ring is empty", || (ring.used_bytes() == 0).then_some(()));
        (*nodes.segments(1).first().unwrap() > last_held).then_some(())
    });
    let mut second = nodes.start("standby", 2);
    let said = second.line_with("begins anew: the store was put aside");
    assert!(said.contains("/discarded/"), "where it is: {said}");
    let told = outside.end();
    assert_eq!(told.code, Some(2), "{}", told.errors);
    assert!(told.errors.contains(" was put aside, and is not in "), "{}", told.errors);
    second.line_with("the directory is filled");
    send(&mut ring, sent + 1..=sent + 10);
    let last = sent + 10;
    wait("it follows again", || (nodes.confirmed(2).last() == Some(&last)).then_some(()));
    stop(second);
    // Another start says what is kept of the old one.
    let mut second = nodes.start("standby", 2);
    let said = second.line_with("kept of what was given up");
    assert!(said.contains("archives=1 "), "{said}");
    stop(second);
    stop(first);
    let (ours, theirs) = (nodes.log(2), nodes.log(1));
    let common = ours.len().min(theirs.len());
    assert!(common > 100 && ours[ours.len() - common..] == theirs[theirs.len() - common..]);
    let folder = nodes.store(2).join("discarded");
    let archives: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    assert_eq!(archives.len(), 1, "{archives:?}");
    let kept = run(["verify", archives[0].to_str().unwrap(), "--json"]);
    assert_eq!(kept.code, Some(0), "{}{}", kept.out, kept.errors);
    let mut reader = isochron::store::StoreReader::attach(&archives[0], None).unwrap();
    let mut messages = 0;
    while reader.next().unwrap().is_some() {
        messages += 1;
    }
    assert!(messages >= held, "{messages} of {held}");
}

#[test]
fn a_node_that_is_configured_otherwise_is_told_what_differs() {
    let nodes = Nodes::new();
    let [first, second] = nodes.first_two();
    for (from, to, said, values) in [
        (
            "term_bytes = 65_536",
            "term_bytes = 131_072",
            "filling the directory",
            ["term length", "131072", "65536"],
        ),
        (
            "[exchange]\n",
            "[exchange]\nnumber = 77\n",
            "filling the directory",
            ["exchange number", "77", "1"],
        ),
        (
            "[replication]\n",
            "[replication]\nack = 'one'\n",
            "a primary is not followed",
            ["ack is", "one here", "quorum there"],
        ),
    ] {
        let config = fs::read_to_string(nodes.config(3)).unwrap();
        nodes.edit(3, from, to);
        let mut third = nodes.start("standby", 3);
        let line = third.line_with(said);
        assert!(values.iter().all(|value| line.contains(value)), "{values:?}: {line}");
        stop(third);
        fs::write(nodes.config(3), config).unwrap();
    }
    stop(second);
    stop(first);
}

#[test]
fn strangers_on_every_socket_change_nothing() {
    let nodes = Nodes::new();
    let [mut first, second] = nodes.first_two();
    let mut third = nodes.start("standby", 3);
    third.line_with(" ready");
    first.line_with("follows this node node=3");
    let mut ring = nodes.ring(1);
    send(&mut ring, 1..=100);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut random = SplitMix64(9);
    let mut to = nodes.addresses("control");
    assert_eq!(to.len(), 3);
    to.push(nodes.group());
    for count in 0..4_000_usize {
        let mut bytes: Vec<u8> =
            (0..random.below(1_400) as usize).map(|_| random.next() as u8).collect();
        // Half of them look like frames, or like messages of the control channel.
        if count % 2 == 0 && bytes.len() > 60 {
            let length = bytes.len() as u32;
            bytes[..4].copy_from_slice(&length.to_le_bytes());
            bytes[4..8].copy_from_slice(&[0, 0xc0, (count % 7) as u8, 0]);
        } else if bytes.len() > 60 {
            bytes[..8].copy_from_slice(&[56, 0, (count % 12) as u8, 0, 3, 0, 0, 0]);
        }
        // A full buffer drops it: that is the system's.
        let _ = socket.send_to(&bytes, to[count % to.len()]);
    }
    for address in nodes.addresses("catch_up") {
        for _ in 0..20 {
            let bytes: Vec<u8> = (0..4_000).map(|_| random.next() as u8).collect();
            // It is refused somewhere on the way.
            let _ = TcpStream::connect(address).and_then(|mut to| to.write_all(&bytes));
        }
    }
    send(&mut ring, 101..=300);
    [1, 2, 3].iter().for_each(|node| nodes.wait_for(*node, 300));
    let all: Vec<u64> = (1..=300).collect();
    [1, 2, 3].iter().for_each(|node| assert_eq!(nodes.confirmed(*node), all));
    let stat = run(["stat", nodes.store(2).to_str().unwrap(), "--once", "--json"]);
    let stat: serde_json::Value = serde_json::from_str(stat.out.trim()).unwrap();
    let refused = stat["counters"]["node-refused"].as_u64().unwrap();
    assert!(refused > 0, "they were counted: {stat}");
    for program in [third, second, first] {
        stop(program);
    }
    for node in 1..=3 {
        let verified = run(["verify", nodes.store(node).to_str().unwrap(), "--json"]);
        assert_eq!(verified.code, Some(0), "{}{}", verified.out, verified.errors);
    }
}
