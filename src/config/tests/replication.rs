//! Which nodes hold the log: read, and refused where they cannot be told apart.

use super::faults;
use crate::config::{Ack, Config};
use crate::types::Key;

fn node(number: u32, port: u16) -> String {
    format!(
        "[[replication.nodes]]\nnode = {number}\ncontrol = '10.0.0.{number}:{port}'\n\
         catch_up = '10.0.0.{number}:{}'\n",
        port + 1
    )
}

#[test]
fn nodes_are_read_and_a_quorum_is_the_default() {
    let alone = Config::parse("").unwrap().replication;
    assert_eq!((alone.nodes.len(), alone.ack), (0, Ack::Quorum));
    let key = "00ff".repeat(16);
    let text = format!(
        "[replication]\nkey = '{key}'\ncatch_up_bytes_per_second = 0\n\
         state_hash_every_commands = 7\n\nchannel = 'aeron:udp?endpoint=10.0.0.9:1'\n{}{}",
        node(1, 5),
        node(2, 5)
    );
    let read = Config::parse(&text).unwrap().replication;
    let key = Key::new(&std::array::from_fn(|at| if at % 2 == 0 { 0 } else { 255 }));
    assert_eq!(read.key, Some(key));
    assert_eq!(read.ack, Ack::Quorum);
    assert_eq!((read.catch_up_bytes_per_second, read.state_hash_every_commands), (None, 7));
    assert_eq!((read.channel.line, &*read.channel.text), (6, "aeron:udp?endpoint=10.0.0.9:1"));
    let told: Vec<_> = read.nodes.iter().map(|n| (n.node, n.control, n.catch_up)).collect();
    let at = |text: &str| text.parse().unwrap();
    assert_eq!(told[1], (2, at("10.0.0.2:5"), at("10.0.0.2:6")));
    assert!(!format!("{read:?}").contains("255"), "a key is not shown");
    for (word, ack) in [("none", Ack::None), ("one", Ack::One), ("quorum", Ack::Quorum)] {
        let read = Config::parse(&format!("replication.ack = '{word}'")).unwrap();
        assert_eq!((read.replication.ack, ack.word()), (ack, word));
    }
}

#[test]
fn nodes_that_cannot_be_told_apart_are_refused() {
    let two = node(1, 5) + &node(2, 5);
    for (text, expected) in [
        (node(1, 5), &["line 1: replication: one node alone: list the others too, or none"][..]),
        (
            node(3, 5) + &node(2, 5),
            &["line 1: replication: this is node 1 (exchange.node), and the nodes are 3, 2"],
        ),
        (node(1, 5) + &node(1, 7), &["line 5: replication.nodes[1]: there is a node 1 already"]),
        (
            two.clone()
                + "[[replication.nodes]]\nnode = 3\ncontrol = '10.0.0.1:5'\n\
                           catch_up = '10.0.0.2:6'\n",
            &[
                "line 9: replication.nodes[2]: catch_up 10.0.0.2:6 is that of node 2",
                "line 9: replication.nodes[2]: control 10.0.0.1:5 is that of node 1",
            ],
        ),
        (
            two.clone() + "[[replication.nodes]]\nnode = 0\ncontrol = '239.0.0.1:5'\n",
            &[
                "line 9: replication.nodes[2]: it has no `catch_up`",
                "line 10: replication.nodes[2].node = 0: it is an integer from 1 to 4294967295",
                "line 11: replication.nodes[2].control = \"239.0.0.1:5\": it is an IPv4 address \
                 of that node and a port, such as 10.0.0.1:40457",
            ],
        ),
    ] {
        // The section begins at the first of its nodes.
        assert_eq!(faults(&text), expected, "{text}");
    }
    let other = two.replace("node = 2\n", "node = 2\nstream = '10.9.0.2'\n");
    let read = Config::parse(&other).unwrap().replication;
    let streams: Vec<_> = read.nodes.iter().map(|node| node.stream).collect();
    assert_eq!(streams, [None, Some("10.9.0.2".parse().unwrap())]);
    let watched = format!("[replication]\nwatchers = ['10.0.0.7', '10.0.0.8']\n{two}");
    let watchers = Config::parse(&watched).unwrap().replication.watchers;
    assert_eq!(
        watchers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["10.0.0.7", "10.0.0.8"]
    );
    for none in ["239.9.0.2", "0.0.0.0", "host"] {
        let expected = "replication: watchers: an IPv4 address of each, such as 10.0.0.7";
        assert_eq!(faults(&watched.replace("10.0.0.8", none)), [format!("line 1: {expected}")]);
    }
    let group = other.replace("10.9.0.2", "239.9.0.2");
    assert!(faults(&group)[0].contains("replication.nodes[1].stream = \"239.9.0.2\""));
    for address in ["10.0.0.1:0", "0.0.0.0:5", "255.255.255.255:5", "localhost:5", "[::1]:5"] {
        let text = two.replace("10.0.0.2:5", address);
        assert!(faults(&text)[0].contains("replication.nodes[1].control"), "{address}");
    }
    let ten: String = (1..=10).map(|number| node(number, 5)).collect();
    assert!(faults(&ten)[0].ends_with("replication.nodes[9]: at most 9 nodes"));
}

/// What is wrong with a secret is said without saying it.
#[test]
fn a_key_that_is_none_is_not_shown() {
    for key in ["00ff", &"0".repeat(63), &"g".repeat(64), &"0".repeat(65), &"ü".repeat(32)] {
        assert_eq!(
            faults(&format!("[replication]\nkey = '{key}'\n")),
            ["line 2: replication.key: it is 64 hexadecimal digits, as `openssl rand -hex 32` \
                 gives"]
        );
    }
}
