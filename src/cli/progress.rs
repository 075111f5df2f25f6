//! A bar on stderr that says how far a long reading has come.

use crate::agent::{Clock, SystemClock};
use std::io::{IsTerminal, Write};

/// Events between two looks at the clock.
const EVENTS_PER_LOOK: u64 = 4_096;

/// Time between two drawings.
const DRAW_NS: u64 = 100_000_000;

/// Characters of the bar.
const CELLS: u64 = 30;

/// Draws over itself in a terminal, and nothing where stderr is none.
pub(super) struct Progress {
    clock: SystemClock,
    start_ns: u64,
    drawn_ns: u64,
    /// Bytes of the whole.
    bytes: u64,
    shown: bool,
}

impl Progress {
    /// A bar for so many bytes, where stderr is a terminal.
    pub(super) fn new(bytes: u64) -> Self {
        let clock = SystemClock::new();
        let start_ns = clock.now().0;
        Self { clock, start_ns, drawn_ns: start_ns, bytes, shown: std::io::stderr().is_terminal() }
    }

    /// So many bytes and events are done.
    #[inline]
    pub(super) fn at(&mut self, bytes: u64, events: u64) {
        if self.shown && events.is_multiple_of(EVENTS_PER_LOOK) {
            self.look(bytes, events);
        }
    }

    fn look(&mut self, bytes: u64, events: u64) {
        let now_ns = self.clock.now().0;
        if now_ns - self.drawn_ns < DRAW_NS {
            return;
        }
        self.drawn_ns = now_ns;
        let line = line(bytes, self.bytes, events, now_ns - self.start_ns);
        // Nobody is told where even this cannot be written.
        let _ = write!(std::io::stderr(), "\r\x1b[2K{line}");
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }

    /// Nanoseconds since the beginning.
    pub(super) fn elapsed_ns(&self) -> u64 {
        self.clock.now().0 - self.start_ns
    }
}

/// `[#####     ]  50 %  12 of 24 MB  1000000 events/s`.
fn line(bytes: u64, bytes_all: u64, events: u64, elapsed_ns: u64) -> String {
    let part = |of: u64| {
        let part = u128::from(bytes) * u128::from(of) / u128::from(bytes_all.max(1));
        u64::try_from(part).unwrap_or(of).min(of)
    };
    let cells = part(CELLS) as usize;
    let a_second = u128::from(events) * 1_000_000_000 / u128::from(elapsed_ns.max(1));
    format!(
        "[{}{}] {:>3} %  {} of {} MB  {a_second} events/s",
        "#".repeat(cells),
        " ".repeat(CELLS as usize - cells),
        part(100),
        bytes / 1_000_000,
        bytes_all / 1_000_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        let second = 1_000_000_000;
        let half = line(12_000_000, 24_000_000, 500, second);
        let bar = format!("[{}{}]", "#".repeat(15), " ".repeat(15));
        assert_eq!(half, format!("{bar}  50 %  12 of 24 MB  500 events/s"));
        assert!(line(0, 0, 0, 0).contains("   0 %"));
        assert!(line(9, 3, 1, 1).contains("100 %"), "a live log grows beyond its end");
    }
}
