//! Where commands come from: a source in another process, and the calendar.

use super::program::wait;
use super::{Place, stop};
use isochron::agent::{Clock, SystemClock};
use isochron::ring::Producer;
use isochron::ring::mapped::attach;
use isochron_events::{CommandOrigin, Message, Phase, Tick};

fn send(ring: &mut Producer, source_sequence: u64) {
    let origin = CommandOrigin { source: 2, source_sequence };
    let tick: Message = Tick { origin, ..Tick::default() }.into();
    let mut claim = ring.try_claim(tick.encoded_length()).unwrap();
    tick.encode(&mut claim).unwrap();
    claim.commit();
}

/// A source in a process of its own (this one) gives commands through a ring in a file, also to a
/// core that was killed and started again.
#[test]
fn a_source_of_another_process_is_served() {
    let place = Place::new("[[sources]]\nid = 2\nring = \"orders.ring\"\nring_bytes = 65536\n");
    let mut core = place.serve("--only core");
    core.line_with("ring source=2");
    let mut ring = attach(&place.path().join("orders.ring")).unwrap();
    assert_eq!(ring.source.0, 2);
    let ticks = || {
        let origin = |message: Message| match message {
            Message::Tick(tick) if tick.origin.source == 2 => Some(tick.origin.source_sequence),
            _ => None,
        };
        place.log().into_iter().filter_map(origin).collect::<Vec<_>>()
    };
    (1..=100).for_each(|number| send(&mut ring.producer, number));
    wait("the commands are in the log", || (ticks().len() == 100).then_some(()));
    core.signal("KILL");
    core.end();
    let core = place.serve("--only core");
    ring.producer.rejoin().unwrap();
    // Some again, for it cannot know which were executed.
    (91..=150).for_each(|number| send(&mut ring.producer, number));
    wait("the commands are in the log", || (ticks().len() == 150).then_some(()));
    stop(core);
    assert_eq!(ticks(), (1..=150).collect::<Vec<_>>());
}

/// A day of the calendar begins where the exchange is started within it, once.
#[test]
fn the_calendar_begins_the_day_once() {
    // A zone where it is about noon, so that no midnight comes between.
    let hour = SystemClock::new().now().0 / 3_600_000_000_000 % 24;
    let east = 12 - hour.cast_signed();
    let zone = format!("Etc/GMT{:+}", -east);
    let place = Place::new(&format!(
        "[calendar]\ntime_zone = {zone:?}\nday_start = \"00:01\"\nday_end = \"23:59\"\n\
         trading_days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]\n\
         [[calendar.phases]]\nat = \"00:02\"\nphase = \"open\"\n\
         [[calendar.phases]]\nat = \"23:58\"\nphase = \"closed\"\n"
    ));
    let days = || {
        let log = place.log();
        let days = log.iter().filter(|message| matches!(message, Message::DayStarted(_))).count();
        let opened = log.iter().filter(|message| {
            matches!(message, Message::PhaseChanged(changed) if changed.phase == Phase::OPEN)
        });
        (days, opened.count())
    };
    let mut first = place.serve("");
    first.line_with("the trading day has begun date=");
    first.line_with("the market's phase phase=\"open\"");
    wait("the day begins and the market opens", || (days() == (1, 1)).then_some(()));
    stop(first);
    let mut second = place.serve("");
    // It ticks: the calendar was looked at.
    let ticks = || place.log().iter().filter(|m| matches!(m, Message::Tick(_))).count();
    let before = ticks();
    second.line_with("accepting accepts=\"yes\"");
    wait("time goes on in silence", || (ticks() > before).then_some(()));
    stop(second);
    assert_eq!(days(), (1, 1));
}
