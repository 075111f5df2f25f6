//! The terminal: taken over while a ladder is shown, and given back however that ends.
//!
//! It is given back when the screen is dropped, and by a panic before its message is printed. A
//! signal ends the command in order, so that it is dropped then too.

use super::View;
use super::draw::{draw, rows};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use std::io;
use std::time::Duration;

/// Keys that are looked at in one go: whoever leans on the keyboard does not hold the feed up.
const EVENTS_MAX: usize = 64;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli::subscribe) enum Key {
    /// To end.
    Quit,
    /// The instrument so many places on.
    Step(isize),
}

impl Key {
    fn of(event: &Event) -> Option<Self> {
        let Event::Key(key) = event else { return None };
        if key.kind == KeyEventKind::Release {
            return None;
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => Some(Self::Quit),
            // Terminals that are taken over make no signal of it.
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Self::Quit),
            KeyCode::Right | KeyCode::Down => Some(Self::Step(1)),
            KeyCode::Left | KeyCode::Up => Some(Self::Step(-1)),
            KeyCode::PageDown => Some(Self::Step(10)),
            KeyCode::PageUp => Some(Self::Step(-10)),
            _ => None,
        }
    }
}

/// A terminal that was taken over.
pub(in crate::cli::subscribe) struct Screen {
    terminal: DefaultTerminal,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// The system's; the terminal is then as it was.
    pub(in crate::cli::subscribe) fn open() -> io::Result<Self> {
        match ratatui::try_init() {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                let _ = ratatui::try_restore();
                Err(error)
            }
        }
    }

    /// The rows of each side that there is room for.
    pub(in crate::cli::subscribe) fn rows(&self) -> usize {
        self.terminal.size().map_or(0, |size| rows(size.height))
    }

    /// Shows a view in place of the one before.
    ///
    /// # Errors
    /// The system's: the terminal has gone.
    pub(in crate::cli::subscribe) fn show(&mut self, view: &View) -> io::Result<()> {
        self.terminal.draw(|frame| draw(frame, view)).map(drop)
    }

    /// The keys pressed since the last call.
    ///
    /// # Errors
    /// The system's: the terminal has gone.
    pub(in crate::cli::subscribe) fn keys(&self) -> io::Result<Vec<Key>> {
        let mut keys = Vec::new();
        for _ in 0..EVENTS_MAX {
            if !event::poll(Duration::ZERO)? {
                break;
            }
            keys.extend(Key::of(&event::read()?));
        }
        Ok(keys)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = ratatui::try_restore();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::crossterm::event::KeyEvent;

    #[test]
    fn keys_mean_what_the_last_line_says() {
        let key = |code, modifiers| Key::of(&Event::Key(KeyEvent::new(code, modifiers)));
        let plain = |code| key(code, KeyModifiers::NONE);
        assert_eq!(plain(KeyCode::Char('q')), Some(Key::Quit));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Key::Quit));
        assert_eq!(plain(KeyCode::Char('c')), None);
        assert_eq!(plain(KeyCode::Right), Some(Key::Step(1)));
        assert_eq!(plain(KeyCode::Up), Some(Key::Step(-1)));
        assert_eq!(Key::of(&Event::Resize(80, 24)), None);
        let released =
            KeyEvent::new_with_kind(KeyCode::Right, KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(Key::of(&Event::Key(released)), None, "once a press");
    }
}
