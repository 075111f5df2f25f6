//! What the public sees of several nodes: one feed, whoever is the primary, and its repair from any
//! of them.

use super::heard::{Heard, expected};
use super::logged::{logged, logged_of};
use super::program::{Program, wait};
use super::repair::{Connected, alice, books, content};
use super::{Nodes, assert_promoted, send_command, stop};
use isochron::demo::flow::{Flow, Lobster};
use isochron::net::Endpoint;
use isochron::ring::Producer;
use isochron::store::{Snapshots, Until};
use isochron::types::Nanos;
use isochron_events::{Message, NewOrderEvent, OrderType, Side};
use isochron_feeds::channel::{Channel, Product};
use isochron_feeds::mold::{HEADER_BYTES, Header, LENGTH_BYTES, Packet, Session};
use isochron_recovery::access::Purpose;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

const L3: Channel = Channel { partition: 0, product: Product::L3 };

/// The commands of the test: a market, and orders that rest and trade.
fn command(index: usize, setup: &[Message]) -> Message {
    if let Some(command) = setup.get(index) {
        return *command;
    }
    let side = if index.is_multiple_of(2) { Side::BUY } else { Side::SELL };
    let away = i64::from((index % 7) as u8) * 100;
    let mut order = NewOrderEvent {
        account: 1 + (index % 2) as u32,
        user: 1,
        instrument: 1,
        side,
        order_type: OrderType::LIMIT,
        price: if side == Side::BUY { 100_200 - away } else { 100_000 + away },
        quantity: 1 + (index % 5) as u64,
        ..NewOrderEvent::default()
    };
    order.header.session = 1;
    let name = format!("n{index}");
    order.client_order_id[..name.len()].copy_from_slice(name.as_bytes());
    order.into()
}

/// So many commands, from the first.
fn commands(count: usize) -> Vec<Message> {
    let empty = Box::new(io::Cursor::new(Vec::new()));
    let setup = Lobster::new("TEST_1_message.csv", 20_261_123, empty).setup();
    assert!(setup.len() < count);
    (0..count).map(|index| command(index, &setup)).collect()
}

/// Sends commands, numbered from `first`.
fn send(ring: &mut Producer, commands: &[Message], first: u64) {
    for (number, command) in (first..).zip(commands) {
        send_command(ring, *command, number);
    }
}

/// Nodes with repair, and somebody who listens to their feed.
struct Public {
    nodes: Nodes,
    heard: Heard,
    session: Session,
}

impl Public {
    fn new() -> Self {
        // A new node begins at a snapshot.
        let nodes = Nodes::with(&format!("[snapshots]\nevery_commands = 100\n{}", alice()));
        let (group, port) = L3.address(Ipv4Addr::new(239, 77, 1, 1), nodes.feed_port()).unwrap();
        let heard = Heard::listen(Endpoint { group, port, interface: Ipv4Addr::LOCALHOST });
        Self { nodes, heard, session: L3.session(20_261_123, b'A') }
    }

    /// Takes what was multicast until now.
    fn listen(&mut self) {
        self.heard.receive(Nanos(1), None);
    }

    /// The messages that a node may repeat.
    fn told(&self, node: u32) -> Vec<Vec<u8>> {
        // It may not be there yet.
        logged_of(&self.nodes.store(node), self.session, Until::Told).unwrap_or_default()
    }

    /// Waits until so many commands are committed, and a node may repeat all that they led to. The
    /// second node's log begins with the first command.
    fn wait_for(&mut self, node: u32, commands: usize) {
        self.nodes.wait_for(2, commands);
        let all = expected(&self.nodes.store(2)).concat().len();
        wait(&format!("node {node} may repeat {all} messages"), || {
            self.listen();
            (self.told(node).len() >= all && self.heard.messages.len() >= all).then_some(())
        });
    }

    /// A message asked for again at a node.
    fn asked(&self, node: u32, sequence: u64) -> Option<Vec<u8>> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut request = [0; HEADER_BYTES];
        Header { session: self.session, sequence, count: 1 }.emit(&mut request);
        socket.send_to(&request, self.nodes.repair(node).rerequests).unwrap();
        let mut datagram = [0; 2_048];
        let bytes = socket.recv(&mut datagram).ok()?;
        let packet = Packet::new_checked(&datagram[..bytes]).unwrap();
        assert_eq!((packet.session(), packet.sequence()), (self.session, sequence));
        let length =
            usize::from(u16::from_be_bytes([datagram[HEADER_BYTES], datagram[HEADER_BYTES + 1]]));
        let message = HEADER_BYTES + LENGTH_BYTES;
        Some(datagram[message..message + length].to_vec())
    }

    /// What a node repeats, on request, from the beginning, and as a snapshot, is what was
    /// multicast.
    fn check_repair(&mut self, node: u32) {
        self.listen();
        let all = self.heard.messages.clone();
        let last = all.len() as u64;
        for sequence in [1, last / 2, last] {
            let again = wait("a message again", || self.asked(node, sequence));
            assert_eq!(again, all[sequence as usize - 1], "message {sequence} of node {node}");
        }
        assert_eq!(self.asked(node, last + 1), None, "nobody has heard it");
        let addresses = self.nodes.repair(node);
        let mut replay = Connected::open(&addresses.replay, Purpose::Replay, self.session, 1);
        replay.until(all.len());
        assert!(replay.messages == all, "other messages of node {node}");
        let mut snapshot =
            Connected::open(&addresses.snapshots, Purpose::Snapshot, self.session, last);
        snapshot.until(usize::MAX);
        let snapshot = content(&books(&snapshot.messages));
        assert_eq!(snapshot, content(&self.heard.books), "the books of node {node}");
        assert!(snapshot.iter().any(|(_, _, orders)| orders.len() > 10));
    }

    fn started(&self, node: u32, what: &str) -> Program {
        let mut program = self.nodes.start("standby", node);
        program.line_with(what);
        program.line_with("feed, silent: it listens");
        program
    }
}

#[test]
fn the_public_sees_one_feed_whoever_is_the_primary() {
    let mut public = Public::new();
    let all = commands(1_000);
    let mut second = public.nodes.start("standby", 2);
    let mut first = public.nodes.start("serve", 1);
    second.line_with("feed, silent: it listens");
    first.line_with("this node is the primary epoch=");
    send(&mut public.nodes.ring(1), &all[..400], 1);
    public.wait_for(1, 400);
    public.wait_for(2, 400);
    public.check_repair(2);
    // One that comes late begins at a snapshot, with the whole day's feed behind it.
    wait("a snapshot", || {
        let snapshots = Snapshots::new(
            Arc::new(isochron::store::RealDisk),
            &public.nodes.store(1),
            &public.nodes.identity(1),
        );
        (!snapshots.list().unwrap().is_empty()).then_some(())
    });
    let third = public.started(3, "the directory is filled");
    public.wait_for(3, 400);
    public.check_repair(3);
    first.line_with("follows this node node=3");

    // The primary dies under orders, and another one goes on with its numbers.
    send(&mut public.nodes.ring(1), &all[400..600], 401);
    public.nodes.wait_for(1, 450);
    first.signal("KILL");
    first.end();
    assert_promoted(&public.nodes.promote(2, &[]));
    second.line_with("this node is the primary epoch=");
    let mut ring = public.nodes.ring(2);
    send(&mut ring, &all[..700], 1);
    public.wait_for(2, 700);
    public.check_repair(2);

    // The old primary is silent now; a standby dies, and hears on.
    let old = public.started(1, " node=2 base=");
    third.signal("KILL");
    third.end();
    send(&mut ring, &all[700..800], 701);
    let third = public.started(3, " ready");
    send(&mut ring, &all[800..], 801);
    for node in [1, 2, 3] {
        public.wait_for(node, all.len());
    }
    public.check_repair(1);
    public.check_repair(3);
    for program in [second, third, old] {
        stop(program);
    }
    public.listen();
    assert_eq!((public.heard.first, public.heard.lost.len()), (1, 0), "no number is missing");
    let sessions = expected(&public.nodes.store(2));
    assert_eq!(sessions, [public.heard.messages.clone()], "one session, as the log says it");
    // Every product's log is the same on every node.
    let logs: Vec<_> = (1..=3).map(|node| logged(&public.nodes.store(node), Until::Told)).collect();
    assert_eq!(logs[0].len(), 3, "l1, l2 and l3");
    assert!(logs.iter().all(|log| *log == logs[0]), "the nodes' feeds differ");
}

/// What the public heard is not in the log of a node that was promoted by force: whoever follows it
/// then makes its feed anew, and has the same as it.
#[test]
fn a_feed_of_a_log_that_was_cut_is_made_anew() {
    let mut public = Public::new();
    let all = commands(600);
    let second = public.nodes.start("standby", 2);
    let mut third = public.nodes.start("standby", 3);
    let mut first = public.nodes.start("serve", 1);
    first.line_with("follows this node node=3");
    third.line_with("feed, silent: it listens");
    send(&mut public.nodes.ring(1), &all[..300], 1);
    public.wait_for(3, 300);
    stop(third);
    send(&mut public.nodes.ring(1), &all[300..400], 301);
    public.wait_for(2, 400);
    for program in [first, second] {
        program.signal("KILL");
        program.end();
    }
    let mut third = public.started(3, " ready");
    assert_promoted(&public.nodes.promote_in_turn(3, &["--force"]));
    third.line_with("this node is the primary epoch=");
    let config = public.nodes.config(2);
    let mut second = Program::start(["standby", "--config", &config, "--discard-tail"]);
    second.line_with("cut what was CONFIRMED here");
    // Other orders under the same numbers.
    send(&mut public.nodes.ring(3), &all[500..], 301);
    public.nodes.wait_for(3, 400);
    let truth = expected(&public.nodes.store(3)).concat();
    wait("both have told what is so now", || {
        (public.told(3) == truth && public.told(2) == truth).then_some(())
    });
    let heard_first = expected(&public.nodes.store(1)).concat();
    assert!(truth != heard_first && truth.len() > 300, "it is another truth");
    for program in [second, third] {
        stop(program);
    }
    let kept = std::fs::read_dir(public.nodes.store(2).join("discarded")).unwrap();
    let is_feed = |name: &str| name.starts_with("feed-");
    let kept = kept.filter(|entry| is_feed(&entry.as_ref().unwrap().file_name().to_string_lossy()));
    assert!(kept.count() > 0, "nothing that was told is forgotten");
}
