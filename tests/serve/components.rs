//! Components in processes of their own: killed and started again, and nobody notices.

use super::program::{Program, run, wait};
use super::{Place, stop};
use isochron::feed_log::{FeedLog, LoggedSession, sessions};
use isochron::market_data::{Feed, Output, Plan};
use isochron::net::{Endpoint, Receiver};
use isochron::store::{
    Identity, Options as StoreOptions, RealDisk, StoreReader, StoreWriter, framed,
};
use isochron::types::Nanos;
use isochron_events::Message;
use isochron_feeds::channel::{Channel, Product};
use isochron_feeds::mold::{Kind, Packet};
use isochron_recovery::SequencedLog;
use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

/// The products of the example, and the group of channel 0 on each line.
const PRODUCTS: [Product; 3] = [Product::L1, Product::L2, Product::L3];
const LINES: [Ipv4Addr; 2] = [Ipv4Addr::new(239, 77, 1, 1), Ipv4Addr::new(239, 78, 1, 1)];

/// What came over one line of one product, by number; each number always with the same bytes.
struct Heard {
    product: Product,
    receiver: Receiver,
    messages: BTreeMap<u64, Vec<u8>>,
    again: u64,
    ended_before: Option<u64>,
}

impl Heard {
    fn listen(place: &Place, product: Product, group: Ipv4Addr) -> Self {
        let channel = Channel { partition: 0, product };
        let (group, port) = channel.address(group, place.port.get()).unwrap();
        let endpoint = Endpoint { group, port, interface: Ipv4Addr::LOCALHOST };
        let receiver = Receiver::open(endpoint, 8 << 20).unwrap();
        Self { product, receiver, messages: BTreeMap::new(), again: 0, ended_before: None }
    }

    /// Every product on both lines; L3 on line A last.
    fn listen_to_all(place: &Place) -> Vec<Self> {
        let [a, b] = LINES;
        let lines = PRODUCTS.into_iter().flat_map(|product| [(product, b), (product, a)]);
        lines.map(|(product, group)| Self::listen(place, product, group)).collect()
    }

    fn receive(&mut self) {
        let Self { receiver, messages, again, ended_before, .. } = self;
        let mut take = |datagram: &[u8]| {
            // The probe of a start is no packet.
            let Ok(packet) = Packet::new_checked(datagram) else { return };
            if packet.kind() == Kind::EndOfSession {
                *ended_before = Some(packet.sequence());
            }
            if packet.kind() != Kind::Data {
                return;
            }
            for (sequence, message) in packet.messages() {
                if let Some(before) = messages.insert(sequence, message.to_vec()) {
                    assert_eq!(before, message, "message {sequence} changed");
                    *again += 1;
                }
            }
        };
        while receiver.recv_batch(&mut take).unwrap() > 0 {}
    }
}

/// Listens everywhere until so many messages have come on the last line.
fn hear_until(heard: &mut [Heard], count: usize) {
    wait(&format!("{count} messages come"), || {
        heard.iter_mut().for_each(Heard::receive);
        heard.last().is_some_and(|heard| heard.messages.len() >= count).then_some(())
    });
}

/// The feed of the log by product, made anew.
fn expected(store: &Path) -> BTreeMap<Product, Vec<Vec<u8>>> {
    let mut reader = StoreReader::attach(store, None).unwrap();
    let mut core = Feed::new(&Plan::new(&PRODUCTS, 100_000_000));
    let mut messages = BTreeMap::<_, Vec<_>>::new();
    while let Some(frame) = reader.next().unwrap() {
        let event = Message::decode(frame.message).unwrap();
        core.on_event(&event, &mut |output| {
            if let Output::Message { channel, bytes } = output {
                messages.entry(channel.product).or_default().push(bytes.to_vec());
            }
        });
    }
    messages
}

/// What the logs beside a store have, as those who repair the feed read them.
fn logged(store: &Path) -> BTreeMap<Product, Vec<Vec<u8>>> {
    let read = |found: LoggedSession| {
        let disk = Arc::new(RealDisk);
        let mut log = FeedLog::open(disk, &found.directory, found.session).unwrap();
        while log.refresh() > 0 {}
        assert!(log.has_ended() && log.first() == 1, "{}", found.session);
        let messages = (1..log.next()).map(|sequence| log.get(sequence).unwrap().to_vec());
        (found.channel.product, messages.collect())
    };
    sessions(&RealDisk, store).unwrap().into_iter().map(read).collect()
}

/// The core in one process under load, market data in another that is killed in mid-stream, twice;
/// then the core is killed. Who listened all the time has one sequence without a gap, the same
/// bytes as the log makes.
#[test]
fn market_data_is_killed_and_goes_on_with_the_same_numbers_and_bytes() {
    let place = Place::new("");
    let text = fs::read_to_string(place.config()).unwrap();
    let ends = text.replace("end_session_at_stop = false", "end_session_at_stop = true");
    assert_ne!(ends, text);
    fs::write(place.config(), ends).unwrap();
    let mut heard = Heard::listen_to_all(&place);
    let mut core = place.serve("--only core --flow mix --rate 5000");
    core.line_with("accepting accepts=\"yes\"");
    let kill = |program: Program| {
        program.signal("KILL");
        assert_eq!(program.end().code, None);
    };
    for so_far in [2_000, 5_000] {
        let market_data = place.serve("--only market-data");
        hear_until(&mut heard, so_far);
        kill(market_data);
    }
    let mut market_data = place.serve("--only market-data");
    hear_until(&mut heard, 8_000);
    let second = place.begin("--only market-data").end();
    assert_eq!(second.code, Some(2), "{}", second.errors);
    assert!(second.errors.contains("readers/feed is kept by process"), "{}", second.errors);

    kill(core);
    market_data.line_with("no core: nobody writes the store");
    let core = place.serve("--only core");
    market_data.line_with("the core is back");
    let core_said = stop(core);
    assert!(core_said.contains("clean=false"), "{core_said}");
    stop(market_data);
    wait("the sessions end", || {
        heard.iter_mut().for_each(Heard::receive);
        heard.iter().all(|heard| heard.ended_before.is_some()).then_some(())
    });
    let made = expected(&place.store());
    for heard in &heard {
        let (product, made) = (heard.product, &made[&heard.product]);
        assert!(made.len() > 1_000, "{product}: {}", made.len());
        let got: Vec<_> = heard.messages.values().cloned().collect();
        assert_eq!(heard.messages.keys().next_back().copied(), Some(got.len() as u64), "a gap");
        assert_eq!(heard.ended_before, Some(made.len() as u64 + 1));
        assert!(got == *made, "{product}: {} messages, {} made", got.len(), made.len());
        // At most what was on its way when it was killed.
        assert!(heard.again < 2_000, "{} messages came again", heard.again);
    }
    assert!(logged(&place.store()) == made, "the logs have what was sent");
    let watched =
        run(["stat", place.store().join("counters-market-data").to_str().unwrap(), "--once"]);
    assert!(watched.out.contains("\nfeed-position "), "{}{}", watched.out, watched.errors);
}

#[test]
fn what_cannot_run_alone_says_why() {
    let place = Place::new("");
    for (arguments, said) in [
        ("--only market-data", "no store in "),
        ("--only market-data --flow mix", "--flow gives orders to the core"),
        ("--only gateway", "invalid value 'gateway' for '--only <COMPONENT>'"),
        ("--flow tea", "no such flow: \"tea\""),
        ("--release 0", "invalid value '0' for '--release <SOURCE>'"),
    ] {
        let ended = place.begin(arguments).end();
        assert_eq!(ended.code, Some(2), "{arguments}: {}", ended.errors);
        assert!(ended.errors.contains(said), "{arguments}: {}", ended.errors);
    }
}

/// A feed that cannot read the log does not fall silent beside a process that seems to run.
#[test]
fn a_part_that_cannot_go_on_ends_the_process() {
    let place = Place::new("");
    let identity = Identity {
        exchange: "ISOCHRON".to_owned(),
        exchange_number: 1,
        node: 1,
        schema_id: isochron_events::SCHEMA_ID,
        schema_version: isochron_events::SCHEMA_VERSION,
    };
    let options = StoreOptions::new(place.store(), identity);
    let options = StoreOptions { term_bytes: 1 << 20, ..options };
    let (mut writer, _) = StoreWriter::open(&options, Nanos(0)).unwrap();
    let mut market_data = place.serve("--only market-data");
    market_data.line_with("the core runs in another process");
    let mut transaction = writer.begin(framed(40)).unwrap();
    transaction.append(40, |message| message[36] = 1);
    transaction.finish();
    let ended = market_data.end();
    assert_eq!(ended.code, Some(1), "{}", ended.errors);
    let last = ended.errors.lines().last().unwrap();
    let named = "isochron serve: agent feed: the feed cannot read the message at 0: ";
    assert!(last.starts_with(named), "{}", ended.errors);
}

/// Snapshots by a process of its own, killed and started again; the core's next start begins from
/// the newest one.
#[test]
fn a_start_begins_from_a_snapshot_of_another_process() {
    let place = Place::new("");
    let text = fs::read_to_string(place.config()).unwrap();
    let text = text.replace("#every_commands = 4_000_000", "every_commands = 10_000");
    assert!(text.contains("\nevery_commands = 10_000\n"));
    fs::write(place.config(), text).unwrap();
    let core = place.serve("--only core --flow mix --rate 2000");
    let mut first = place.serve("--only snapshot");
    first.line_with("snapshot taken position=");
    first.signal("KILL");
    first.end();
    let mut second = place.serve("--only snapshot");
    second.line_with("snapshot taken position=");
    stop(second);
    let said = stop(core);
    let state = said.rsplit_once("state_hash=").unwrap().1;
    let again = stop(place.serve("--only core"));
    assert!(again.contains("snapshot loaded position="), "{again}");
    assert_eq!(again.rsplit_once("state_hash=").unwrap().1, state);
}
