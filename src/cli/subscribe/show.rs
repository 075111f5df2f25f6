//! What people and programs see while a subscriber runs: lines, or a ladder in a terminal.

use super::args::Args;
use super::content::Line;
use super::follower::Follower;
use super::ladder::{Choice, Key, Level, Screen, View};
use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};

const SECOND_NS: u64 = 1_000_000_000;

/// Time between two drawings: faster than an eye reads numbers.
const DRAW_NS: u64 = 100_000_000;

/// Rows of each side in a line, and in an object.
const LINE_ROWS: usize = 5;
const JSON_ROWS: usize = 20;

/// Lines kept while a ladder is shown, to be said after it: older ones are forgotten.
const KEPT_LINES_MAX: usize = 1_000;

/// Where what is said goes.
pub(super) struct Show {
    json: bool,
    quiet: bool,
    ladder: Option<(Level, Choice)>,
    screen: Option<Screen>,
    kept: VecDeque<Line>,
    said: Option<String>,
    second_ns: u64,
    draw_ns: u64,
}

impl Show {
    /// Lines alone, from `now_ns` on.
    pub(super) fn of_lines(args: &Args, now_ns: u64) -> Self {
        Self {
            json: args.json,
            quiet: args.quiet,
            ladder: args.level.map(|level| (level, Choice::new(args.symbol.clone()))),
            screen: None,
            kept: VecDeque::new(),
            said: None,
            second_ns: now_ns + SECOND_NS,
            draw_ns: now_ns,
        }
    }

    /// A ladder where one is asked for and there is a terminal; else lines.
    ///
    /// # Errors
    /// The terminal's.
    pub(super) fn open(args: &Args, now_ns: u64) -> io::Result<Self> {
        let mut show = Self::of_lines(args, now_ns);
        if show.ladder.is_some() && !show.json && io::stdout().is_terminal() {
            show.screen = Some(Screen::open()?);
        }
        Ok(show)
    }

    /// Says lines at once, or when the ladder has gone; the last error stands below it.
    pub(super) fn lines(&mut self, lines: impl IntoIterator<Item = Line>) {
        if self.screen.is_none() {
            return print(lines);
        }
        for line in lines {
            if let Line::Error(text) = &line {
                self.said = Some(text.clone());
            }
            if self.kept.len() == KEPT_LINES_MAX {
                self.kept.pop_front();
            }
            self.kept.push_back(line);
        }
    }

    /// Shows where the subscriber stands, if it is time to; false when somebody wants it to end.
    ///
    /// # Errors
    /// The terminal has gone.
    pub(super) fn look(&mut self, follower: &mut Follower, now_ns: u64) -> io::Result<bool> {
        if now_ns >= self.second_ns {
            // A recording may have hours of silence, of which one line is enough.
            let seconds = (now_ns - self.second_ns) / SECOND_NS + 1;
            self.second_ns += seconds * SECOND_NS;
            follower.on_second(seconds);
            if self.screen.is_none() {
                self.line(follower, now_ns);
            }
        }
        let (Some(screen), Some((level, choice))) = (&mut self.screen, &mut self.ladder) else {
            return Ok(true);
        };
        if now_ns >= self.draw_ns {
            self.draw_ns = now_ns + DRAW_NS;
            for key in screen.keys()? {
                match key {
                    Key::Quit => return Ok(false),
                    Key::Step(by) => choice.step(&follower.symbols(), by),
                }
            }
            let view = follower.view(*level, choice, screen.rows(), now_ns);
            screen.show(&View { said: self.said.clone(), ..view })?;
        }
        Ok(true)
    }

    /// The line of a second.
    fn line(&mut self, follower: &Follower, now_ns: u64) {
        let text = match &mut self.ladder {
            Some((level, choice)) if self.json => {
                follower.view(*level, choice, JSON_ROWS, now_ns).json().to_string()
            }
            Some((level, choice)) => follower.view(*level, choice, LINE_ROWS, now_ns).line(),
            None if self.json || self.quiet => return,
            None => follower.status_line(now_ns),
        };
        print([Line::Out(text)]);
    }

    /// Gives the terminal back, and says what was kept.
    pub(super) fn close(&mut self) {
        self.screen = None;
        print(self.kept.drain(..));
    }
}

impl Drop for Show {
    /// Whatever ended it, what was kept is still worth reading.
    fn drop(&mut self) {
        self.close();
    }
}

/// Prints lines at once. A reader that has gone away is no reason to stop following.
pub(super) fn print(lines: impl IntoIterator<Item = Line>) {
    let (mut out, mut error) = (io::stdout().lock(), io::stderr().lock());
    for line in lines {
        let _ = match line {
            Line::Out(text) => writeln!(out, "{text}"),
            Line::Error(text) => writeln!(error, "{text}"),
        };
    }
    let _ = out.flush();
}
