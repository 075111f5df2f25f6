//! What a ladder looks like, drawn into memory, and what pipes and programs get of it.

use super::draw::{draw, rows};
use super::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;
use serde_json::json;

fn row(price: i64, quantity: u64, detail: u64) -> Row {
    Row { price, quantity, detail }
}

/// Two orders at 100.00 and one at 99.95 bid, one at 100.05 offered.
fn orders() -> View {
    let bids = vec![row(1_000_000, 100, 17), row(1_000_000, 50, 23), row(999_500, 900, 4)];
    View {
        level: Level::L3,
        market: Some(Market {
            instrument: 7,
            symbol: "S007".into(),
            phase: Some("open"),
            complete: true,
            sides: [bids, vec![row(1_000_500, 200, 21)]],
            last: Some(Traded { price: 1_000_500, quantity: 30, aggressor: Side::BUY }),
            day: None,
        }),
        wanted: None,
        place: (7, 100),
        status: Status {
            state: "in step".into(),
            session: "261122300A".into(),
            next_sequence: 1_234,
            messages_per_second: 56,
            lines: vec![LineView { datagrams: 80, lost: 2 }, LineView { datagrams: 81, lost: 0 }],
            gaps: 3,
            lost: 0,
            repaired_udp: 5,
            repaired_tcp: 7,
            snapshots: 1,
        },
        said: None,
    }
}

fn levels() -> View {
    let mut view = orders();
    view.level = Level::L2;
    let market = view.market.as_mut().unwrap();
    market.sides[0] = vec![row(1_000_000, 150, 2), row(999_500, 900, 1)];
    market.sides[1][0].detail = 1;
    view
}

fn quote() -> View {
    let mut view = levels();
    view.level = Level::L1;
    let market = view.market.as_mut().unwrap();
    market.sides[0].truncate(1);
    market.day = Some(Day {
        open: Some(1_000_000),
        high: Some(1_000_500),
        low: Some(999_000),
        last: Some(1_000_500),
        volume: 430,
        notional: 430_100_000,
        trades: 4,
    });
    view
}

fn drawn(view: &View, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, view)).unwrap();
    terminal
}

/// The lines of a terminal, without the blanks at their ends.
fn text(view: &View, width: u16, height: u16) -> Vec<String> {
    let terminal = drawn(view, width, height);
    let buffer = terminal.backend().buffer();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(|y| line(y).trim_end().to_owned()).collect()
}

#[test]
fn orders_stand_in_the_order_in_which_they_trade() {
    // 69 columns: 11 for each of the six, 3 between the sides.
    let expected = [
        " S007  open  l3                    last 30 @ 100.05 bought  7 of 100",
        "      order   quantity      price │       price   quantity      order",
        "         17        100     100.00 │      100.05        200         21",
        "         23         50     100.00 │",
        "          4        900      99.95 │",
        "",
        " in step  261122300A  next 1234  56 messages/s",
        " A 80 datagrams, 2 lost  B 81 datagrams, 0 lost  gaps 3  lost 0  repa",
        " q quits, arrows go to another instrument",
    ];
    assert_eq!(text(&orders(), 69, 9), expected);
}

#[test]
fn levels_have_their_orders_counted() {
    let lines = text(&levels(), 69, 8);
    assert_eq!(
        lines[1..4],
        [
            "     orders   quantity      price │       price   quantity     orders",
            "          2        150     100.00 │      100.05        200          1",
            "          1        900      99.95 │",
        ]
    );
}

#[test]
fn a_quote_comes_with_what_the_day_came_to() {
    let expected = [
        "          2        150     100.00 │      100.05        200          1",
        "",
        " open 100.00  high 100.05  low 99.90  last 100.05",
        " volume 430  turnover 43010.00  trades 4",
    ];
    assert_eq!(text(&quote(), 69, 12)[2..6], expected);
    let mut before = quote();
    before.market.as_mut().unwrap().day = Some(Day::default());
    let expected = [" open -  high -  low -  last -", " volume 0  turnover 0.00  trades 0"];
    assert_eq!(text(&before, 69, 12)[4..6], expected);
}

#[test]
fn bids_are_green_and_asks_red() {
    let terminal = drawn(&orders(), 69, 9);
    let buffer = terminal.backend().buffer();
    assert_eq!((buffer[(32, 2)].symbol(), buffer[(32, 2)].fg), ("0", Color::Green));
    assert_eq!((buffer[(46, 2)].symbol(), buffer[(46, 2)].fg), ("5", Color::Red));
}

#[test]
fn what_is_wrong_is_seen() {
    let mut view = orders();
    view.market.as_mut().unwrap().complete = false;
    view.said = Some("gap [5, 6): 1 messages missing".into());
    let lines = text(&view, 69, 9);
    assert!(lines[0].contains("INCOMPLETE"), "{lines:?}");
    assert_eq!(lines[8], " gap [5, 6): 1 messages missing");
    view.market = None;
    assert_eq!(text(&view, 69, 9)[1], " no instrument was heard of yet");
    view.wanted = Some("AAPL".into());
    assert_eq!(text(&view, 69, 9)[1], " no instrument AAPL was heard of yet");
    assert_eq!(view.line(), "in step: next 1234, 56 messages/s, waiting for AAPL");
}

#[test]
fn no_size_of_a_terminal_is_too_small() {
    for width in [0, 1, 7, 40, 300] {
        for height in [0, 1, 2, 3, 5, 6, 40] {
            for view in [orders(), quote()] {
                drop(drawn(&view, width, height));
            }
        }
    }
    assert_eq!([0, 5, 6, 24].map(rows), [0, 0, 1, 19]);
}

#[test]
fn a_pipe_gets_a_line() {
    assert_eq!(
        orders().line(),
        "in step: next 1234, 56 messages/s, S007 open, bids 100 @ 100.00 #17 50 @ 100.00 #23 900 @ \
         99.95 #4, asks 200 @ 100.05 #21, last 30 @ 100.05"
    );
    let mut view = levels();
    let market = view.market.as_mut().unwrap();
    market.sides[1].clear();
    (market.complete, market.phase, market.last) = (false, None, None);
    assert_eq!(
        view.line(),
        "in step: next 1234, 56 messages/s, S007 ? incomplete, bids 150 @ 100.00 (2) 900 @ 99.95 \
         (1), asks none"
    );
}

#[test]
fn a_program_gets_an_object() {
    let expected = json!({
        "level": "l1", "state": "in step", "session": "261122300A", "next_sequence": 1_234,
        "messages_per_second": 56,
        "lines": [{"datagrams": 80, "lost": 2}, {"datagrams": 81, "lost": 0}],
        "gaps": 3, "lost": 0, "repaired_udp": 5, "repaired_tcp": 7, "snapshots": 1,
        "market": {
            "instrument": 7, "symbol": "S007", "phase": "open", "complete": true,
            "bids": [{"price": 1_000_000, "quantity": 150, "orders": 2}],
            "asks": [{"price": 1_000_500, "quantity": 200, "orders": 1}],
            "last": {"price": 1_000_500, "quantity": 30, "aggressor": "buy"},
            "day": {
                "open": 1_000_000, "high": 1_000_500, "low": 999_000, "last": 1_000_500,
                "volume": 430, "notional": 430_100_000, "trades": 4,
            },
        },
    });
    assert_eq!(quote().json(), expected);
    assert_eq!(orders().json()["market"]["bids"][1]["order"], 23);
}

#[test]
fn the_choice_stays_where_it_is_when_others_come() {
    let known = |ids: &[u32]| -> Vec<(u32, String)> {
        ids.iter().map(|id| (*id, format!("S{id}"))).collect()
    };
    let mut first = Choice::default();
    assert_eq!(first.place(&[]), None);
    assert_eq!(first.place(&known(&[5])), Some(0));
    assert_eq!(first.place(&known(&[2, 5])), Some(0), "nobody chose 5");
    first.step(&known(&[2, 5]), 1);
    assert_eq!(first.place(&known(&[1, 2, 5])), Some(2));
    first.step(&known(&[1, 2, 5]), 1);
    assert_eq!(first.place(&known(&[1, 2, 5])), Some(0), "around the end");
    first.step(&known(&[1, 2, 5]), -1);
    assert_eq!(first.place(&known(&[1, 2, 5])), Some(2), "and back");

    let mut named = Choice::new(Some("S5".into()));
    assert_eq!((named.place(&known(&[2])), named.wanted()), (None, Some("S5")));
    named.step(&known(&[2]), 1);
    assert_eq!(named.place(&known(&[2, 5])), Some(1));
}
