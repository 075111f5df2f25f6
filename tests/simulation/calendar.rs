//! What the sources of a simulated exchange send: two trade, and the last one ends and begins days.
//!
//! Days that are over are what a log may forget.

use isochron_events::{DayEnding, DayStarted, Message};

use crate::script::{self, Script, stamp};

/// The sources, from 1.
pub(crate) const SOURCES: u32 = script::SOURCES + 1;

/// The one that ends and begins days.
pub(crate) const CALENDAR: u32 = SOURCES;

/// The script's trading day.
const FIRST_DATE: u32 = 20_261_122;

/// The number of each source's last command; of none in the first place.
pub(crate) type Numbers = [u64; SOURCES as usize + 1];

/// The commands of all sources, each a function of source and number alone.
pub(crate) struct Commands(Script);

impl Commands {
    pub(crate) fn new() -> Self {
        Self(Script::new())
    }

    /// How many commands of the first source make the exchange ready to trade.
    pub(crate) fn setup_commands(&self) -> u64 {
        self.0.setup_commands()
    }

    /// A source's command, by its number from 1.
    pub(crate) fn command(&self, source: u32, number: u64) -> Message {
        if source != CALENDAR {
            return self.0.command(source, number);
        }
        let (trading_date, rules_version) = (date(number / 2), 1);
        let mut command: Message = match number % 2 {
            1 => DayEnding { trading_date, ..DayEnding::default() }.into(),
            _ => DayStarted { trading_date, rules_version, ..DayStarted::default() }.into(),
        };
        stamp(&mut command, source, number);
        command
    }
}

/// The date of a trading day, from 0: all exist, and each is later than the one before.
fn date(day: u64) -> u32 {
    let Some(later) = (day as u32).checked_sub(1) else { return FIRST_DATE };
    let (year, of_year) = (2_027 + later / 336, later % 336);
    year * 10_000 + (of_year / 28 + 1) * 100 + of_year % 28 + 1
}
