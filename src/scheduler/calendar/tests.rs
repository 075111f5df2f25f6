//! Days and instants, held against dates and clock changes that are known from elsewhere.

use super::*;

fn at(text: &str) -> Nanos {
    let since_1970 = text.parse::<Timestamp>().expect("a UTC time").as_nanosecond();
    Nanos(u64::try_from(since_1970).expect("after 1970"))
}

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

fn phases(all: &[(&str, &str)]) -> Vec<PhaseAt> {
    all.iter().map(|(at, phase)| PhaseAt { at: at.to_string(), phase: phase.to_string() }).collect()
}

/// New York, with a holiday and an early close of November 2026.
fn new_york() -> CalendarOptions {
    CalendarOptions {
        time_zone: "America/New_York".to_owned(),
        trading_days: texts(&["mon", "tue", "wed", "thu", "fri"]),
        holidays: texts(&["2026-11-26"]),
        early_closes: vec![EarlyClose { date: "2026-11-27".to_owned(), at: "13:00".to_owned() }],
        day_start: "07:00".to_owned(),
        phases: phases(&[("09:00", "pre-open"), ("09:30:00", "open"), ("16:00:00", "closed")]),
        day_end: "16:30".to_owned(),
    }
}

fn calendar(options: &CalendarOptions) -> Calendar {
    Calendar::new(options).expect("the calendar makes sense")
}

/// Wall time, instant and action of each step.
fn shown(day: &Day) -> Vec<(String, Nanos, String)> {
    let show = |step: &Step| (step.wall_time(), step.at, step.action.to_string());
    day.steps.iter().map(show).collect()
}

#[test]
fn wall_times_are_instants_of_the_zone_in_winter_and_summer() {
    let calendar = calendar(&new_york());
    // New York is five hours behind UTC in winter and four in summer.
    for (date, [start, pre, open, close, end]) in [
        (
            20_260_306,
            [
                "2026-03-06T12:00:00Z",
                "2026-03-06T14:00:00Z",
                "2026-03-06T14:30:00Z",
                "2026-03-06T21:00:00Z",
                "2026-03-06T21:30:00Z",
            ],
        ),
        (
            20_260_309,
            [
                "2026-03-09T11:00:00Z",
                "2026-03-09T13:00:00Z",
                "2026-03-09T13:30:00Z",
                "2026-03-09T20:00:00Z",
                "2026-03-09T20:30:00Z",
            ],
        ),
    ] {
        let expected = [
            ("07:00:00", start, "day_start"),
            ("09:00:00", pre, "pre-open"),
            ("09:30:00", open, "open"),
            ("16:00:00", close, "closed"),
            ("16:30:00", end, "day_end"),
        ]
        .map(|(wall, utc, action)| (wall.to_owned(), at(utc), action.to_owned()));
        assert_eq!(shown(&calendar.day(date).unwrap()), expected);
    }
}

#[test]
fn a_wall_second_is_the_date_and_time_on_the_wall() {
    let day = calendar(&new_york()).day(20_260_306).unwrap();
    // 2026-03-06 is 20,518 days after 1970-01-01: 56 years, 14 leap days, 31 + 28 + 5 days.
    let days = 56 * 365 + 14 + 31 + 28 + 5;
    let second = |h: u32, m: u32| days * 86_400 + h * 3_600 + m * 60;
    let walls: Vec<u32> = day.steps.iter().map(|step| step.wall).collect();
    assert_eq!(walls, [second(7, 0), second(9, 0), second(9, 30), second(16, 0), second(16, 30)]);
}

#[test]
fn weekends_and_holidays_are_passed_and_a_day_that_is_over_too() {
    let calendar = calendar(&new_york());
    let next = |after, now| calendar.next_day(after, at(now)).unwrap().date;
    // 2026-11-20 is a Friday, the 26th (Thursday) a holiday.
    for (after, now, expected) in [
        (0, "2026-11-20T12:00:00Z", 20_261_120),
        (0, "2026-11-20T21:29:59Z", 20_261_120),
        (0, "2026-11-20T21:30:00Z", 20_261_123),
        (20_261_120, "2026-11-20T15:00:00Z", 20_261_123),
        (20_261_120, "2026-11-22T15:00:00Z", 20_261_123),
        (20_261_125, "2026-11-25T23:00:00Z", 20_261_127),
        (20_261_120, "2026-11-26T15:00:00Z", 20_261_127),
        // Late in the evening in New York it is the next date in UTC.
        (0, "2026-11-24T03:00:00Z", 20_261_124),
        (20_261_127, "2026-11-20T15:00:00Z", 20_261_130),
    ] {
        assert_eq!(next(after, now), expected, "after {after} at {now}");
    }
    for (date, trading) in
        [(20_261_120, true), (20_261_121, false), (20_261_126, false), (20_261_131, false)]
    {
        assert_eq!(calendar.has_trading(date), trading, "{date}");
    }
    assert_eq!(calendar.day_after(20_261_125).unwrap().date, 20_261_127);
    assert_eq!(calendar.day_after(0), None);
}

#[test]
fn a_day_that_closes_early_ends_as_much_earlier() {
    let mut options = new_york();
    let late = ("15:00", "halted");
    options.phases = phases(&[("09:00", "pre-open"), ("09:30", "open"), late, ("16:00", "closed")]);
    let day = calendar(&options).day(20_261_127).unwrap();
    let expected = [
        ("07:00:00", "2026-11-27T12:00:00Z", "day_start"),
        ("09:00:00", "2026-11-27T14:00:00Z", "pre-open"),
        ("09:30:00", "2026-11-27T14:30:00Z", "open"),
        ("13:00:00", "2026-11-27T18:00:00Z", "closed"),
        ("13:30:00", "2026-11-27T18:30:00Z", "day_end"),
    ]
    .map(|(wall, utc, action)| (wall.to_owned(), at(utc), action.to_owned()));
    assert_eq!(shown(&day), expected);
}

#[test]
fn a_time_that_the_clock_is_set_over_comes_when_it_is_set() {
    let night = CalendarOptions {
        trading_days: texts(&["sun"]),
        holidays: Vec::new(),
        early_closes: Vec::new(),
        day_start: "01:30".to_owned(),
        phases: phases(&[("02:00", "pre-open"), ("02:45", "open"), ("03:00", "closed")]),
        day_end: "03:30".to_owned(),
        ..new_york()
    };
    let instants = |date| {
        let day = calendar(&night).day(date).unwrap();
        day.steps.iter().map(|step| step.at).collect::<Vec<_>>()
    };
    // 2026-03-08: at 02:00, which is 07:00 UTC, clocks show 03:00.
    let spring = [
        "2026-03-08T06:30:00Z",
        "2026-03-08T07:00:00Z",
        "2026-03-08T07:00:00Z",
        "2026-03-08T07:00:00Z",
        "2026-03-08T07:30:00Z",
    ];
    assert_eq!(instants(20_260_308), spring.map(at));
    // 2026-11-01: at 02:00, which is 06:00 UTC, clocks show 01:00 once more.
    let autumn = [
        "2026-11-01T05:30:00Z",
        "2026-11-01T07:00:00Z",
        "2026-11-01T07:45:00Z",
        "2026-11-01T08:00:00Z",
        "2026-11-01T08:30:00Z",
    ];
    assert_eq!(instants(20_261_101), autumn.map(at));
}

#[test]
fn times_stand_in_order_on_every_date_of_every_kind_of_zone() {
    // Half hours, changes by half an hour, changes at midnight, a date that never was.
    for zone in [
        "UTC",
        "Europe/London",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "America/Havana",
        "Pacific/Apia",
        "Africa/Casablanca",
    ] {
        let calendar = calendar(&CalendarOptions {
            time_zone: zone.to_owned(),
            day_start: "00:00".to_owned(),
            phases: phases(&[("00:30", "pre-open"), ("02:15", "open"), ("23:00", "closed")]),
            day_end: "23:59:59".to_owned(),
            early_closes: Vec::new(),
            ..new_york()
        });
        let mut before = Step { wall: 0, at: Nanos(0), action: Action::EndDay };
        let mut date = Date::constant(2010, 1, 1);
        while date < Date::constant(2030, 1, 1) {
            for step in calendar.day_of(date).steps {
                assert!(step.wall > before.wall && step.at >= before.at, "{zone} {date} {step:?}");
                before = step;
            }
            date = date.tomorrow().unwrap();
        }
    }
}

#[test]
fn far_and_broken_times_are_no_trading_days() {
    let calendar = calendar(&new_york());
    assert_eq!(calendar.next_day(0, Nanos(u64::MAX)), None);
    assert_eq!(calendar.next_day(u32::MAX, at("2026-11-20T12:00:00Z")).unwrap().date, 20_261_120);
    assert_eq!(calendar.day(20_260_230), None);
    assert_eq!(calendar.day(99_991_231).unwrap().end().wall, u32::MAX);
    assert!(!calendar.has_trading(21_060_104));
    let closed = CalendarOptions {
        holidays: (1..=400)
            .map(|n| {
                let date =
                    Date::constant(2026, 11, 20).saturating_add(SignedDuration::from_hours(24 * n));
                date.to_string()
            })
            .collect(),
        early_closes: Vec::new(),
        ..new_york()
    };
    assert_eq!(Calendar::new(&closed).unwrap().day_after(20_261_120), None);
}

#[test]
fn a_calendar_that_makes_no_sense_is_refused_with_its_values() {
    let refused = |change: &dyn Fn(&mut CalendarOptions)| {
        let mut options = new_york();
        change(&mut options);
        Calendar::new(&options).expect_err("it makes no sense").to_string()
    };
    let early = |date: &str, at: &str| EarlyClose { date: date.to_owned(), at: at.to_owned() };
    for (refusal, expected) in [
        (
            refused(&|o| o.time_zone = "America/Gotham".to_owned()),
            "time_zone: no zone \"America/Gotham\" in the IANA database, e.g. Europe/Berlin",
        ),
        (
            refused(&|o| o.trading_days = texts(&["mon", "Tuesday"])),
            "trading_days: \"Tuesday\" is none of mon, tue, wed, thu, fri, sat, sun",
        ),
        (refused(&|o| o.trading_days.clear()), "trading_days: not one day of the week"),
        (
            refused(&|o| o.holidays = texts(&["2026-02-29"])),
            "holidays: \"2026-02-29\" is no date from 1970 to 2105, YYYY-MM-DD",
        ),
        (
            refused(&|o| o.holidays = texts(&["2026-02-28T10:00"])),
            "holidays: \"2026-02-28T10:00\" is no date from 1970 to 2105, YYYY-MM-DD",
        ),
        (
            refused(&|o| o.day_end = "24:00".to_owned()),
            "day_end: \"24:00\" is no time, HH:MM or HH:MM:SS",
        ),
        (
            refused(&|o| o.day_start = "7:00".to_owned()),
            "day_start: \"7:00\" is no time, HH:MM or HH:MM:SS",
        ),
        (
            refused(&|o| o.phases[1].phase = "continuous".to_owned()),
            "phases: \"continuous\" is none of pre-open, open, halted, closed",
        ),
        (
            refused(&|o| o.phases[1].at = "08:59".to_owned()),
            "open at 08:59:00 does not come after pre-open at 09:00:00",
        ),
        (
            refused(&|o| o.day_end = "16:00".to_owned()),
            "day_end at 16:00:00 does not come after closed at 16:00:00",
        ),
        (
            refused(&|o| o.phases[1].phase = "pre-open".to_owned()),
            "phases: pre-open at 09:30:00, although the market is pre-open by then",
        ),
        (
            refused(&|o| drop(o.phases.pop())),
            "phases: the last one is not closed, so no day could end",
        ),
        (refused(&|o| o.phases.clear()), "phases: the last one is not closed, so no day could end"),
        (
            refused(&|o| o.early_closes.push(early("2026-11-26", "13:00"))),
            "early_closes: 2026-11-26 is no trading day, or is there twice",
        ),
        (
            refused(&|o| o.early_closes.push(early("2026-11-27", "12:00"))),
            "early_closes: 2026-11-27 is no trading day, or is there twice",
        ),
        (
            refused(&|o| o.early_closes[0].at = "16:00".to_owned()),
            "early_closes: 16:00 on 2026-11-27 is not after 09:00:00 and before 16:00:00, when the \
             market opens its first phase and closes",
        ),
    ] {
        assert_eq!(refusal, expected);
    }
}
