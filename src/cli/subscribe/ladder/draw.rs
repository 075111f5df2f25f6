//! Draws a view: what a terminal shows is a function of the view and of the terminal's size.
//!
//! ```text
//!  symbol  phase  level                      last trade  which of how many
//!     orders    quantity       price │ price       quantity    orders
//!                  ...               │              ...
//!  state  session  next  rate
//!  lines  gaps  repairs
//!  what was said last, or the keys
//! ```

use super::{Day, Level, Market, Row, Status, View};
use crate::cli::output::decimal;
use isochron_messages::Side;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Lines above the rows of a ladder: what it is, and the names of its columns.
const HEADER_LINES: u16 = 2;

/// Lines below them.
const FOOTER_LINES: u16 = 3;

/// What stands between bids and asks.
const BETWEEN: &str = " │ ";

const KEYS: &str = " q quits, arrows go to another instrument";

/// The rows of each side that fit a terminal of so many lines.
pub(super) fn rows(height: u16) -> usize {
    height.saturating_sub(FOOTER_LINES + HEADER_LINES).into()
}

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, view: &View) {
    let [header, body, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(FOOTER_LINES),
    ])
    .areas(frame.area());
    let width = usize::from(header.width);
    let bar = Style::new().add_modifier(Modifier::REVERSED);
    frame.render_widget(Paragraph::new(title(view, width)).style(bar), header);
    let lines = match &view.market {
        Some(market) => market_lines(view.level, market, body),
        None => {
            let wanted = view.wanted.as_ref().map_or_else(String::new, |name| format!(" {name}"));
            vec![Line::from(format!(" no instrument{wanted} was heard of yet"))]
        }
    };
    frame.render_widget(Paragraph::new(lines), body);
    let said = view.said.as_ref().map_or(KEYS.to_owned(), |said| format!(" {said}"));
    let [first, second] = status(&view.status);
    frame.render_widget(Paragraph::new([first, second, said].map(Line::from).to_vec()), footer);
}

/// The first line, as long as the terminal is wide.
fn title(view: &View, width: usize) -> String {
    let (left, right) = view.market.as_ref().map_or_else(Default::default, |market| {
        let phase = market.phase.unwrap_or("phase unknown");
        let incomplete = if market.complete { "" } else { "  INCOMPLETE" };
        let left = format!(" {}  {phase}  {}{incomplete}", market.symbol, view.level.word());
        let last = market.last.map_or_else(String::new, |last| {
            let word = match last.aggressor {
                Side::BUY => " bought",
                Side::SELL => " sold",
                _ => "",
            };
            format!("last {} @ {}{word}  ", last.quantity, decimal(last.price))
        });
        let (place, count) = view.place;
        (left, format!("  {last}{place} of {count} "))
    });
    let room = width.saturating_sub(left.chars().count());
    format!("{left}{right:>room$}")
}

/// The ladder, and on L1 what the day came to below it.
fn market_lines(level: Level, market: &Market, area: Rect) -> Vec<Line<'static>> {
    let between = BETWEEN.chars().count();
    // Three columns a side.
    let column = usize::from(area.width).saturating_sub(between) / 6;
    let rows = usize::from(area.height).saturating_sub(1);
    let names = [level.detail(), "quantity", "price"];
    let dim = Style::new().add_modifier(Modifier::DIM);
    let names = Some(names.map(str::to_owned));
    let mut lines = vec![ladder_line(column, [names.clone(), names], [dim, dim])];
    let [bids, asks] = &market.sides;
    let colors = [Color::Green, Color::Red].map(|color| Style::new().fg(color));
    for at in 0..rows.min(bids.len().max(asks.len())) {
        lines.push(ladder_line(column, [bids, asks].map(|side| side.get(at).map(texts)), colors));
    }
    if let Some(day) = &market.day {
        lines.push(Line::default());
        lines.extend(day_lines(day).map(Line::from));
    }
    lines
}

/// A row's texts from the outside to the middle.
fn texts(row: &Row) -> [String; 3] {
    [row.detail.to_string(), row.quantity.to_string(), decimal(row.price)]
}

/// Bid and ask beside each other, prices in the middle.
fn ladder_line(
    column: usize,
    [bid, ask]: [Option<[String; 3]>; 2],
    [bid_style, ask_style]: [Style; 2],
) -> Line<'static> {
    let bid = bid.unwrap_or_default();
    let [detail, quantity, price] = ask.unwrap_or_default();
    let cells = |texts: [String; 3]| -> String {
        texts.iter().map(|text| format!("{text:>column$}")).collect()
    };
    Line::from(vec![
        Span::styled(cells(bid), bid_style),
        Span::raw(BETWEEN),
        Span::styled(cells([price, quantity, detail]), ask_style),
    ])
}

fn day_lines(day: &Day) -> [String; 2] {
    let price = |price: Option<i64>| price.map_or("-".to_owned(), decimal);
    let Day { open, high, low, last, volume, notional, trades } = *day;
    [
        format!(
            " open {}  high {}  low {}  last {}",
            price(open),
            price(high),
            price(low),
            price(last)
        ),
        format!(" volume {volume}  turnover {}  trades {trades}", decimal(notional)),
    ]
}

fn status(status: &Status) -> [String; 2] {
    let Status { state, session, next_sequence, messages_per_second, .. } = status;
    let first =
        format!(" {state}  {session}  next {next_sequence}  {messages_per_second} messages/s");
    let mut second = String::new();
    for (line, name) in status.lines.iter().zip(["A", "B"]) {
        second += &format!(" {name} {} datagrams, {} lost ", line.datagrams, line.lost);
    }
    second += &format!(" gaps {}  lost {}", status.gaps, status.lost);
    second += &format!("  repaired {} udp, {} tcp", status.repaired_udp, status.repaired_tcp);
    second += &format!("  snapshots {}", status.snapshots);
    [first, second]
}
