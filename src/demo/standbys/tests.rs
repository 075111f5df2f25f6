//! Logs that lost something, or have something else, are found out.

use super::audit::{Audit, audit, compare};
use super::node::Place;
use super::report::check_confirmed;
use super::service::Confirmed;
use crate::agent::Agent;
use crate::core::{CoreAgent, CoreCounters, Sequencer};
use crate::demo::source::tests::{copy, options};
use crate::metrics::Counters;
use crate::ring::pair;
use crate::state_machine::command_origin;
use crate::types::Nanos;
use isochron_events::{CommandOrigin, Message, Tick};
use std::path::Path;

/// A node whose log has ticks of the source with these numbers.
fn node(number: u32, folder: &Path, ticks: impl IntoIterator<Item = u64>) -> Place {
    let place = Place::new(number, folder.join(number.to_string()));
    let (sequencer, _) = Sequencer::open(&options(&place.store()), Nanos(1)).unwrap();
    let (mut ring, consumer) = pair(1 << 16);
    let counters = CoreCounters::new(&Counters::in_memory());
    let mut core = CoreAgent::new(sequencer, vec![consumer], counters);
    for source_sequence in ticks {
        let origin = CommandOrigin { source: crate::demo::SOURCE, source_sequence };
        let tick: Message = Tick { origin, ..Tick::default() }.into();
        let mut claim = ring.try_claim(tick.encoded_length()).unwrap();
        tick.encode(&mut claim).unwrap();
        claim.commit();
    }
    while core.do_work(Nanos(2)) > 0 {}
    core.into_sequencer().close().unwrap();
    place
}

/// The commands of the flow in a log, told up to that number: the first two are administration.
fn told(place: &Place, last: u64) -> Confirmed {
    let (mut reader, mut confirmed) = (place.reader().unwrap(), Confirmed::default());
    while let Some(frame) = reader.next().unwrap() {
        let event = Message::decode(frame.message).unwrap();
        if let Some(origin) = command_origin(&event)
            && (3..=last).contains(&origin.source_sequence)
        {
            let header = event.header();
            confirmed.add(header.sequence, header.timestamp, frame.end.0);
        }
    }
    confirmed
}

/// The faults of a log, of a source that was told so much.
fn faults(told: &Confirmed, place: &Place) -> [Option<String>; 2] {
    let audited: Audit = audit(place, told, 2).unwrap();
    check_confirmed(told, &audited).map(|check| check.fault)
}

#[test]
fn what_was_confirmed_is_known_again_and_what_is_missing_or_another_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let whole = node(1, folder.path(), 1..=9);
    let told = told(&whole, 7);
    assert_eq!((told.count, faults(&told, &whole)), (5, [None, None]));
    // Cut before the last two that were told.
    let cut = node(2, folder.path(), 1..=5);
    let [lost, twice] = faults(&told, &cut);
    assert!(lost.unwrap().starts_with("3 of them are in the log, up to "));
    assert_eq!(twice, None);
    // As many, at the same places, but one is another.
    let mut others = told;
    others.digest ^= 1;
    assert!(faults(&others, &whole)[0].as_ref().unwrap().contains("others stand"));
}

#[test]
fn logs_are_one_where_the_shorter_is_the_beginning_of_the_longer() {
    let folder = tempfile::tempdir().unwrap();
    let whole = node(1, folder.path(), 1..=9);
    let end = whole.reader().unwrap().end().unwrap().0;
    copy(&whole.store(), &folder.path().join("2/store"));
    let same = Place::new(2, folder.path().join("2"));
    assert_eq!(compare(&whole, &same), Ok(end));
    let beginning = node(3, folder.path(), 1..=5);
    let shorter = beginning.reader().unwrap().end().unwrap().0;
    assert_eq!(compare(&beginning, &whole), Ok(shorter));
    let missing = compare(&whole, &beginning).unwrap_err();
    assert_eq!(missing, format!("node 3 ends at {shorter}, node 1 at {end}"));
    let other = node(4, folder.path(), [1, 2, 3, 4, 5, 6, 7, 8, 10]);
    let differs = compare(&whole, &other).unwrap_err();
    assert!(differs.starts_with("nodes 1 and 4 differ at "), "{differs}");
    let at: u64 = differs.rsplit(' ').next().unwrap().parse().unwrap();
    // Within the last tick.
    assert!((shorter..end).contains(&at), "{differs}");
}
