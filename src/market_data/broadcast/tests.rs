//! Lines that are full, refused or gone: nothing is lost that another line did not carry.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use isochron_feeds::mold::{Kind, Packet};

use super::*;
use crate::feed_log::{FeedLogOptions, FeedLogWriter, Origin, directory};
use crate::limits::TERM_BYTES_MIN;
use crate::store::{Disk, Identity, MemoryDisk};

const SESSION: Session = Session(*b"261122300A");
const SECOND_NS: u64 = 1_000_000_000;

/// A line that keeps what it is given, as long as it has room and works.
#[derive(Clone, Debug, Default)]
struct Wire(Rc<RefCell<Cable>>);

#[derive(Debug)]
struct Cable {
    room: usize,
    works: bool,
    datagrams: Vec<Vec<u8>>,
    asked: usize,
}

impl Default for Cable {
    fn default() -> Self {
        Self { room: usize::MAX, works: true, datagrams: Vec::new(), asked: 0 }
    }
}

impl Outlet for Wire {
    fn send(&mut self, datagrams: &[Datagram<'_>]) -> io::Result<usize> {
        let mut cable = self.0.borrow_mut();
        cable.asked += 1;
        if !cable.works {
            return Err(io::Error::other("the interface is gone"));
        }
        let taken = datagrams.len().min(cable.room);
        cable.room -= taken;
        let whole = datagrams[..taken].iter().map(|it| [it.head, it.body].concat());
        cable.datagrams.extend(whole);
        Ok(taken)
    }
}

impl Wire {
    /// The numbers of its messages, in order, and of its heartbeats and ends.
    fn heard(&self) -> (Vec<u64>, Vec<(Kind, u64)>) {
        let (mut messages, mut silences) = (Vec::new(), Vec::new());
        for datagram in &self.0.borrow().datagrams {
            let packet = Packet::new_checked(datagram).unwrap();
            assert_eq!(packet.session(), SESSION);
            if packet.kind() != Kind::Data {
                silences.push((packet.kind(), packet.sequence()));
            }
            for (sequence, message) in packet.messages() {
                assert_eq!(message, sequence.to_le_bytes());
                messages.push(sequence);
            }
        }
        (messages, silences)
    }
}

/// A channel whose lines are these.
struct World {
    log: FeedLogWriter,
    lines: [Wire; LINES],
    broadcast: Broadcast<Wire>,
    now: Nanos,
    tally: Tally,
    batches: usize,
}

impl World {
    fn new() -> Self {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::default());
        let exchange = "X".to_owned();
        let identity =
            Identity { exchange, exchange_number: 1, node: 1, schema_id: 1, schema_version: 0 };
        let options = FeedLogOptions {
            store: "/store".into(),
            identity,
            term_bytes: TERM_BYTES_MIN,
            unsent_bytes_max: 1 << 20,
        };
        let log = FeedLogWriter::open(Arc::clone(&disk), &options, SESSION, 1, Nanos(0)).unwrap();
        let tail = RecordTail::attach(disk, &directory(Path::new("/store"), SESSION)).unwrap();
        let lines = [Wire::default(), Wire::default()];
        let place = (Position(0), 1);
        let broadcast = Broadcast::new(SESSION, tail, lines.to_vec(), place, Position(0), Nanos(0));
        let (now, tally, batches) = (Nanos(0), Tally::default(), 0);
        Self { log, lines, broadcast, now, tally, batches }
    }

    fn line(&self, line: usize) -> std::cell::RefMut<'_, Cable> {
        self.lines[line].0.borrow_mut()
    }

    /// Messages of eight bytes, a record each.
    fn write(&mut self, messages: u64) {
        for _ in 0..messages {
            let bytes = self.log.next_sequence().to_le_bytes();
            self.log.push(&bytes, Origin::default()).unwrap();
            self.log.flush().unwrap();
        }
    }

    /// One cycle, as the agent has them.
    fn cycle(&mut self, after_ns: u64) {
        self.now = Nanos(self.now.get() + after_ns);
        let (published, now) = (self.log.position(), self.now);
        self.broadcast.begin_cycle();
        loop {
            let sent = self.broadcast.send(published, self.batches, now, &mut self.tally).unwrap();
            self.batches += usize::from(sent == Sent::Batch);
            if sent == Sent::Nothing {
                break;
            }
        }
        self.broadcast.keep_alive(published, now, &mut self.tally);
        self.log.commit_to(self.broadcast.sent_to().max(self.log.committed()));
    }

    fn heard(&self, line: usize) -> Vec<u64> {
        self.lines[line].heard().0
    }
}

fn all(messages: u64) -> Vec<u64> {
    (1..=messages).collect()
}

#[test]
fn lines_take_turns_and_say_the_same() {
    let mut world = World::new();
    for _ in 0..10 {
        world.write(150);
        world.cycle(1);
    }
    assert_eq!((world.heard(0), world.heard(1)), (all(1_500), all(1_500)));
    assert_eq!(world.line(0).datagrams, world.line(1).datagrams);
    let Tally { datagrams, first, waits, skipped, silences, resent, bytes, heard } = world.tally;
    assert_eq!(heard, 0);
    assert_eq!(datagrams, [1_500, 1_500], "the first of them announce the lines");
    assert_eq!(first[0] + first[1], world.batches as u64);
    assert!(first[0].abs_diff(first[1]) <= 1, "{first:?}");
    assert_eq!((waits, skipped, silences, resent), ([0, 0], [0, 0], 0, 0));
    assert_eq!(bytes, 2 * 1_500 * (20 + 2 + 8));
    assert_eq!(world.log.committed(), world.broadcast.sent_to());
}

/// A line without room waits where it stands; the other goes on, and nothing is committed that
/// only one has.
#[test]
fn a_full_line_holds_up_nobody_and_loses_nothing() {
    let mut world = World::new();
    world.write(10);
    world.cycle(1);
    let committed = world.log.committed();
    world.line(1).room = 0;
    world.write(300);
    world.cycle(1);
    assert_eq!((world.heard(0), world.heard(1)), (all(310), all(10)));
    assert_eq!(world.log.committed(), committed);
    for room in [1, 7, 64, 3, 100] {
        world.line(1).room = room;
        world.cycle(1);
    }
    assert_eq!(world.heard(1), all(10 + 175));
    world.write(5);
    world.line(1).room = usize::MAX;
    world.cycle(1);
    assert_eq!((world.heard(0), world.heard(1)), (all(315), all(315)));
    assert_eq!(world.log.committed(), world.log.position());
    assert!(world.tally.waits[1] >= 5 && world.tally.waits[0] == 0);
    assert_eq!(world.tally.skipped, [0, 0]);
}

/// A line whose interface is gone is waited for; then it is down, and the other one carries all.
#[test]
fn a_line_that_is_down_follows_and_comes_back() {
    let mut world = World::new();
    world.write(10);
    world.cycle(1);
    world.line(1).works = false;
    world.write(10);
    world.cycle(SECOND_NS / 2);
    let committed = world.log.committed();
    world.cycle(SECOND_NS / 4);
    assert_eq!((world.heard(0), world.heard(1)), (all(20), all(10)));
    assert_eq!(world.log.committed(), committed, "it may come back at once");
    assert!(world.broadcast.take_error().is_some());
    world.write(10);
    world.cycle(SECOND_NS);
    world.write(10);
    world.cycle(SECOND_NS / 4);
    assert_eq!(world.heard(0), all(40));
    assert_eq!(world.log.committed(), world.log.position(), "it is down");
    assert_eq!(world.tally.skipped, [0, 30]);
    let asked = world.line(1).asked;
    world.write(10);
    world.cycle(1);
    assert_eq!(world.line(1).asked, asked, "once a second is enough");
    // Its first word says where it stands: what was missed is for the other line, or for repair.
    world.line(1).works = true;
    world.cycle(SECOND_NS);
    assert_eq!(world.lines[1].heard().1.last(), Some(&(Kind::Heartbeat, 51)));
    world.write(10);
    world.cycle(1);
    assert_eq!(world.heard(0), all(60));
    assert_eq!(world.heard(1), [all(10), (51..=60).collect()].concat());
    assert_eq!(world.tally.skipped, [0, 40]);
}

/// Without a line that works, nothing is passed over.
#[test]
fn without_any_line_everything_waits() {
    let mut world = World::new();
    for line in [0, 1] {
        world.line(line).works = false;
    }
    world.write(100);
    for _ in 0..20 {
        world.cycle(SECOND_NS / 3);
    }
    assert_eq!(world.log.committed(), Position(0));
    world.line(1).works = true;
    world.cycle(SECOND_NS);
    assert_eq!((world.heard(0), world.heard(1)), (vec![], all(100)));
    // One was down before the other failed: it is not given up for lost.
    world.line(1).works = false;
    world.write(50);
    world.cycle(SECOND_NS);
    world.cycle(SECOND_NS);
    world.line(0).works = true;
    world.cycle(SECOND_NS);
    world.cycle(SECOND_NS);
    world.line(1).works = true;
    world.cycle(SECOND_NS);
    world.cycle(SECOND_NS);
    let heard = [world.heard(0), world.heard(1)];
    let carried: std::collections::BTreeSet<u64> = heard.iter().flatten().copied().collect();
    assert!(carried.into_iter().eq(1..=150), "{heard:?}");
}

#[test]
fn silence_is_broken_each_second_on_each_line() {
    let mut world = World::new();
    world.cycle(0);
    world.write(3);
    world.cycle(SECOND_NS / 2);
    world.cycle(SECOND_NS - 1);
    world.cycle(1);
    world.cycle(1);
    world.log.end(Origin::default()).unwrap();
    world.cycle(1);
    world.cycle(SECOND_NS - 1);
    world.cycle(1);
    let silences = [
        (Kind::Heartbeat, 1),
        (Kind::Heartbeat, 4),
        (Kind::EndOfSession, 4),
        (Kind::EndOfSession, 4),
    ];
    for line in &world.lines {
        assert_eq!(line.heard(), (all(3), silences.to_vec()));
    }
    assert_eq!(world.tally.silences, 8);
    assert_eq!(world.log.committed(), world.log.position());
}

#[test]
fn a_silent_one_passes_what_was_heard_and_speaks_from_there() {
    let mut world = World::new();
    let hear = |world: &mut World, next_sequence, ended| {
        world.broadcast.set_heard(Some(HeardTo { next_sequence, ended }));
        world.cycle(1_000);
    };
    world.write(100);
    hear(&mut world, 0, false);
    assert_eq!(world.broadcast.sent_to(), Position(0));
    // Messages 1 to 59; then more than a batch.
    hear(&mut world, 60, false);
    let (sixty, end) = (world.log.committed(), world.log.position());
    assert!(Position(0) < sixty && sixty < end);
    hear(&mut world, 40, false);
    assert_eq!(world.log.committed(), sixty, "what was heard stays heard");
    hear(&mut world, 91, false);
    world.cycle(2 * SECOND_NS);
    assert_eq!((world.heard(0), world.heard(1)), (vec![], vec![]));
    assert_eq!(world.lines[0].heard().1, [], "no heartbeat");
    assert_eq!(
        (world.tally.heard, world.tally.datagrams, world.tally.waits),
        (180, [0; 2], [0; 2])
    );
    assert_eq!(world.tally.first, [0; 2]);
    // It speaks: from the first message that nobody heard, on both lines.
    world.broadcast.set_heard(None);
    world.cycle(1_000);
    let rest: Vec<u64> = (91..=100).collect();
    assert_eq!((world.heard(0), world.heard(1)), (rest.clone(), rest));
    assert_eq!(world.log.committed(), end);
    // The end of a session is passed when it was heard, not before.
    world.log.end(Origin::default()).unwrap();
    hear(&mut world, 101, false);
    assert_eq!(world.log.committed(), end);
    hear(&mut world, 101, true);
    assert_eq!(world.log.committed(), world.log.position());
    world.broadcast.set_heard(None);
    world.cycle(2 * SECOND_NS);
    assert_eq!(world.lines[0].heard().1.last(), Some(&(Kind::EndOfSession, 101)));
}
