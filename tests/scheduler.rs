//! The scheduler over a real core and store: the day's course, restarts at any instant, silence,
//! and clocks that are wrong.

mod day;
#[path = "exchange/random.rs"]
#[expect(dead_code, reason = "the random exchange uses the rest")]
mod random;

use day::{Logged, World, at, new_york};
use isochron::metrics::Counter;
use isochron::types::Nanos;
use isochron_events::{DayStarted, Message, Phase, PhaseChange};
use random::Random;

const HOUR_NS: u64 = 3_600_000_000_000;

/// The names of steps, with their dates.
fn names(steps: &[Logged]) -> Vec<(u32, &'static str)> {
    steps.iter().map(|logged| (logged.date, logged.step)).collect()
}

fn ticks(world: &World) -> usize {
    world.log().iter().filter(|message| matches!(message, Message::Tick(_))).count()
}

#[test]
fn a_day_takes_its_course_at_the_instants_of_the_calendar() {
    let mut world = World::with_market(new_york(), at("2026-11-24T11:00:00Z"));
    let due = [
        ("2026-11-24T12:00:00Z", "day_start"),
        ("2026-11-24T14:00:00Z", "pre-open"),
        ("2026-11-24T14:30:00Z", "open"),
        ("2026-11-24T21:00:00Z", "closed"),
        ("2026-11-24T21:30:00Z", "day_end"),
    ];
    for (n, (time, step)) in due.into_iter().enumerate() {
        world.now = Nanos(at(time).0 - 1);
        world.settle();
        assert_eq!(world.steps().len(), n, "{step} came early");
        world.settle_at(time);
        let logged = Logged { time: at(time).0, date: 20_261_124, step };
        assert_eq!(world.steps().last(), Some(&logged));
    }
    assert_eq!(world.sequencer().machine().trading_day(), (20_261_124, false));
    assert_eq!(world.count(Counter::SCHEDULER_COMMANDS), 5);
    assert_eq!(world.count(Counter::SCHEDULER_REFUSED), 0);
}

#[test]
fn in_silence_a_tick_is_logged_every_100_ms_while_a_day_runs() {
    let mut world = World::with_market(new_york(), at("2026-11-24T11:59:59Z"));
    let run_ms = |world: &mut World, ms: u64| {
        for _ in 0..ms {
            world.now = Nanos(world.now.0 + 1_000_000);
            world.settle();
        }
    };
    // Before the day there is none, not even at its start.
    run_ms(&mut world, 1_000);
    assert_eq!((ticks(&world), world.steps().len()), (0, 1));
    run_ms(&mut world, 99);
    assert_eq!(ticks(&world), 0);
    run_ms(&mut world, 1);
    assert_eq!(ticks(&world), 1);
    run_ms(&mut world, 1_000);
    assert_eq!(ticks(&world), 11);
    // What others append is no silence; refused or not.
    for _ in 0..20 {
        run_ms(&mut world, 50);
        let order = world.order(1);
        world.send(1, order).expect("there is room");
    }
    world.settle();
    assert_eq!(ticks(&world), 11);
    assert_eq!(world.count(Counter::SCHEDULER_TICKS), 11);
    // After the day there is none.
    world.settle_at("2026-11-24T21:30:00Z");
    let at_end = ticks(&world);
    run_ms(&mut world, 500);
    assert_eq!(ticks(&world), at_end);
}

/// Every step of every trading day from the 24th to the 30th, with its instant.
fn all_steps() -> Vec<(u64, u32, String)> {
    let dates = [20_261_124, 20_261_125, 20_261_127, 20_261_130];
    let days = dates.map(|date| new_york().day(date).expect("a date"));
    let steps = days.iter().flat_map(|day| day.steps.iter().map(|step| (day.date, *step)));
    steps.map(|(date, step)| (step.at.0, date, step.action.to_string())).collect()
}

/// What the log must have when everything ran at those instants: each step at the first of them
/// from its own on, without an open phase that was over by then.
fn expected(steps: &[(u64, u32, String)], ran: &[u64]) -> Vec<(u64, u32, String)> {
    let first_from = |at: u64| ran.iter().copied().find(|ran| *ran >= at).expect("it ran last");
    let mut expected = Vec::new();
    for (n, (at, date, step)) in steps.iter().enumerate() {
        let time = first_from(*at);
        if step != "open" || time < steps[n + 1].0 {
            expected.push((time, *date, step.clone()));
        }
    }
    expected
}

/// Lets a clock run over four trading days, kills and restarts at random; when it ran.
fn live_through(world: &mut World, random: &mut Random, boundaries: &[u64]) -> Vec<u64> {
    let end = at("2026-12-01T03:00:00Z").0;
    let mut ran = Vec::new();
    while world.now.0 < end {
        let next = boundaries.iter().find(|at| **at > world.now.0).copied().unwrap_or(end);
        let now = match random.below(4) {
            0 => next - 1,
            1 => next,
            2 => next + 1,
            _ => (world.now.0 + random.between(1, 2 * HOUR_NS)).min(next + HOUR_NS),
        };
        world.now = Nanos(now.max(world.now.0 + 1));
        match random.below(5) {
            // Killed between any two duty cycles, also with a command in the ring.
            0 | 1 => {
                for _ in 0..random.below(6) {
                    if random.chance(500) {
                        world.core()
                    } else {
                        world.scheduler()
                    };
                }
                world.kill();
                world.start();
            }
            // Down for a while, but not for a whole trading day.
            2 => {
                world.settle();
                ran.push(world.now.0);
                world.kill();
                world.now = Nanos(world.now.0 + random.between(1, 6 * HOUR_NS));
                world.start();
            }
            _ => {}
        }
        world.settle();
        ran.push(world.now.0);
    }
    ran
}

#[test]
fn a_restart_at_any_instant_neither_skips_nor_repeats_a_step() {
    let steps = all_steps();
    let boundaries: Vec<u64> = steps.iter().map(|(at, ..)| *at).collect();
    assert!(boundaries.is_sorted());
    let (mut restarts, mut left_out) = (0, 0);
    for seed in 1..=20 {
        let mut world = World::with_market(new_york(), at("2026-11-24T11:00:00Z"));
        let ran = live_through(&mut world, &mut Random(seed), &boundaries);
        let logged: Vec<_> = world.steps();
        let logged: Vec<_> = logged.iter().map(|l| (l.time, l.date, l.step.to_owned())).collect();
        assert_eq!(logged, expected(&steps, &ran), "seed {seed}");
        left_out += steps.len() - logged.len();
        let epochs = |message: &&Message| matches!(message, Message::EpochStarted(_));
        restarts += world.log().iter().filter(epochs).count() - 1;
    }
    // It is not for want of trying.
    assert!(restarts > 200 && left_out < 40, "{restarts} restarts, {left_out} left out");
}

#[test]
fn a_day_whose_end_was_killed_half_way_ends_once() {
    let mut world = World::with_market(new_york(), at("2026-11-24T11:00:00Z"));
    world.settle_at("2026-11-24T15:00:00Z");
    for _ in 0..2_500 {
        let order = world.order(1);
        world.send(1, order).expect("there is room");
        world.core();
    }
    world.settle_at("2026-11-24T21:10:00Z");
    world.now = at("2026-11-24T21:30:00Z");
    let mut kills = 0;
    world.scheduler();
    while world.core() > 0 {
        if world.sequencer().is_pending() {
            kills += 1;
            world.kill();
            world.start();
        }
    }
    world.settle();
    assert!(kills > 1, "2,500 orders take more than one cycle of the core");
    let log = world.log();
    let count = |is: fn(&Message) -> bool| log.iter().filter(|message| is(message)).count();
    assert_eq!(count(|m| matches!(m, Message::OrderCanceledEvent(_))), 2_500);
    assert_eq!(count(|m| matches!(m, Message::DayEnding(_))), 1);
    assert_eq!(count(|m| matches!(m, Message::DayEnded(_))), 1);
}

#[test]
fn after_a_night_down_the_old_day_is_ended_and_the_new_one_begun_in_order() {
    let mut world = World::with_market(new_york(), at("2026-11-24T11:00:00Z"));
    world.settle_at("2026-11-24T14:10:00Z");
    world.kill();
    // The open phase of the 24th is over: it does not open for an instant on the 25th.
    world.now = at("2026-11-25T15:00:00Z");
    world.start();
    world.settle();
    let expected = [
        (20_261_124, "day_start"),
        (20_261_124, "pre-open"),
        (20_261_124, "closed"),
        (20_261_124, "day_end"),
        (20_261_125, "day_start"),
        (20_261_125, "pre-open"),
        (20_261_125, "open"),
    ];
    assert_eq!(names(&world.steps()), expected);
}

#[test]
fn a_first_start_late_in_a_day_begins_it_and_after_its_end_waits_for_the_next() {
    for (start, expected) in [
        ("2026-11-24T15:00:00Z", &["day_start", "pre-open", "open"][..]),
        ("2026-11-24T21:10:00Z", &["day_start", "pre-open", "closed"][..]),
        ("2026-11-24T21:30:00Z", &[][..]),
        ("2026-11-22T15:00:00Z", &[][..]),
    ] {
        let world = World::with_market(new_york(), at(start));
        let steps: Vec<_> = world.steps().iter().map(|logged| logged.step).collect();
        assert_eq!(steps, expected, "{start}");
    }
}

#[test]
fn a_whole_day_missed_is_held_until_the_date_is_confirmed() {
    let mut world = World::with_market(new_york(), at("2026-11-24T11:00:00Z"));
    world.settle_at("2026-11-24T15:00:00Z");
    let (before, ticked) = (world.steps(), ticks(&world));
    world.kill();
    // The 25th is over. Or is the clock wrong?
    world.now = at("2026-11-25T21:30:00Z");
    for confirmed in [None, None, Some(20_261_125), Some(20_261_128)] {
        world.confirmed = confirmed;
        world.start();
        world.settle();
        world.now = Nanos(world.now.0 + 5_000_000_000);
        world.settle();
        assert_eq!((world.steps(), ticks(&world)), (before.clone(), ticked), "{confirmed:?}");
        assert_eq!(world.count(Counter::SCHEDULER_HELD), 20_261_127);
        world.kill();
    }
    world.confirmed = Some(20_261_127);
    world.start();
    world.settle();
    assert_eq!(world.count(Counter::SCHEDULER_HELD), 0);
    let after = names(&world.steps()[before.len()..]);
    assert_eq!(after, [(20_261_124, "closed"), (20_261_124, "day_end")]);
    world.settle_at("2026-11-27T12:00:00Z");
    assert_eq!(names(&world.steps()).last(), Some(&(20_261_127, "day_start")));
    // The word that was given once holds nothing open: another day that is missed is held anew.
    world.settle_at("2026-11-27T18:30:00Z");
    world.kill();
    world.now = at("2026-11-30T21:30:00Z");
    world.start();
    world.settle();
    assert_eq!(world.count(Counter::SCHEDULER_HELD), 20_261_201);
}

#[test]
fn a_clock_set_back_repeats_nothing_and_is_shown() {
    let mut world = World::with_market(new_york(), at("2026-11-24T11:00:00Z"));
    world.settle_at("2026-11-24T14:30:00Z");
    let before = world.steps();
    world.kill();
    world.now = at("2026-11-24T11:30:00Z");
    world.start();
    world.settle();
    world.now = Nanos(world.now.0 + 100_000_000);
    world.settle();
    assert_eq!(world.steps(), before);
    // Logged time stands, and the alarm says by how much.
    let logged = world.log().last().map(|message| message.header().timestamp);
    assert_eq!(logged, Some(at("2026-11-24T14:30:00Z").0));
    assert_eq!(world.count(Counter::CLOCK_BEHIND_NS), 3 * HOUR_NS - 100_000_000);
    // What comes next comes by the clock.
    world.settle_at("2026-11-24T14:30:00Z");
    assert_eq!(world.count(Counter::CLOCK_BEHIND_NS), 0);
    world.settle_at("2026-11-24T21:00:00Z");
    assert_eq!(names(&world.steps())[before.len()..], [(20_261_124, "closed")]);
}

#[test]
fn an_instrument_left_open_delays_the_end_of_the_day_until_it_is_closed() {
    let mut world = World::with_market(new_york(), at("2026-11-24T11:00:00Z"));
    world.settle_at("2026-11-24T21:10:00Z");
    let phase = |phase| PhaseChange { instrument: 1, phase, ..PhaseChange::default() };
    world.send(1, phase(Phase::OPEN)).expect("there is room");
    world.settle();
    world.settle_at("2026-11-24T21:30:00Z");
    assert_eq!(world.count(Counter::SCHEDULER_REFUSED), 1);
    world.settle_at("2026-11-24T21:30:09.9Z");
    assert_eq!(world.count(Counter::SCHEDULER_REFUSED), 1);
    world.settle_at("2026-11-24T21:30:10Z");
    assert_eq!(world.count(Counter::SCHEDULER_REFUSED), 2);
    assert_eq!(world.sequencer().machine().trading_day(), (20_261_124, true));
    world.send(1, phase(Phase::CLOSED)).expect("there is room");
    world.settle();
    world.settle_at("2026-11-24T21:30:20Z");
    assert_eq!(world.sequencer().machine().trading_day(), (20_261_124, false));
    assert_eq!(world.count(Counter::SCHEDULER_REFUSED), 2);
}

#[test]
fn a_day_begun_by_hand_is_carried_on() {
    let mut world = World::with_market(new_york(), at("2026-11-24T11:00:00Z"));
    let (trading_date, rules_version) = (20_261_124, 1);
    let by_hand = DayStarted { trading_date, rules_version, ..DayStarted::default() };
    world.send(1, by_hand).expect("there is room");
    world.settle();
    world.settle_at("2026-11-24T12:00:00Z");
    assert_eq!(world.steps(), []);
    world.settle_at("2026-11-24T14:30:00Z");
    assert_eq!(names(&world.steps()), [(20_261_124, "pre-open"), (20_261_124, "open")]);
}
