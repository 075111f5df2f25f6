//! `isochron calendar`: what a configured calendar has for a date, on the wall and in UTC.

use super::output::{End, end};
use super::utc::Utc;
use crate::agent::{Clock, SystemClock};
use crate::node;
use crate::scheduler::{Calendar, Day, parse_date};
use clap::Args as ClapArgs;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// The exit code of a date without trading.
const NO_TRADING: u8 = 1;

/// Options of `isochron calendar`.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Args {
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The date, YYYY-MM-DD; the trading day that runs or comes next where none is given.
    #[arg(long)]
    date: Option<String>,
    /// Prints one line of JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command: 0, 1 if there is no trading, 2 if there is no calendar.
pub(super) fn run(args: &Args) -> ExitCode {
    end("calendar", &args.config.display(), show(args))
}

fn show(args: &Args) -> Result<u8, End> {
    let config = super::config::read(&args.config)?;
    let calendar = node::calendar(&config).map_err(End::unreadable)?;
    let Some((calendar, written)) = calendar.zip(config.calendar.as_ref()) else {
        return Err(End::unreadable("it has no [calendar]"));
    };
    let day = day_of(&calendar, args.date.as_deref())?;
    let has_trading = calendar.has_trading(day.date);
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", to_json(&day, &written.time_zone, has_trading))?;
    } else {
        let (year, month, date) = (day.date / 10_000, day.date / 100 % 100, day.date % 100);
        let what = if has_trading { "" } else { ": no trading" };
        writeln!(out, "{year:04}-{month:02}-{date:02}, {}{what}", written.time_zone)?;
        for step in day.steps.iter().filter(|_| has_trading) {
            let (wall, utc) = (step.wall_time(), Utc(step.at));
            writeln!(out, "{wall}  {utc}  {}", step.action)?;
        }
    }
    out.flush()?;
    Ok(if has_trading { 0 } else { NO_TRADING })
}

fn day_of(calendar: &Calendar, date: Option<&str>) -> Result<Day, End> {
    let Some(date) = date else {
        let next = calendar.next_day(0, SystemClock::new().now());
        return next.ok_or_else(|| End::unreadable("no trading day within a year"));
    };
    let date = parse_date(date).map_err(End::unreadable)?;
    Ok(calendar.day(date).expect("a number that was made of a date"))
}

fn to_json(day: &Day, time_zone: &str, has_trading: bool) -> Value {
    let step = |step: &crate::scheduler::Step| {
        json!({
            "step": step.action.to_string(), "wall": step.wall_time(),
            "time": Utc(step.at).to_string(), "timestamp": step.at.0,
        })
    };
    let steps: Vec<_> = day.steps.iter().filter(|_| has_trading).map(step).collect();
    json!({ "date": day.date, "time_zone": time_zone, "trading": has_trading, "steps": steps })
}
