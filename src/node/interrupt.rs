//! The wish to stop: the first signal ends what runs in order, the second at once.
//!
//! Some senders signal a process twice, to itself and to its group; so only what comes when the
//! first was seen for a while is a second one.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a shell says of a program that SIGINT ended.
const EXIT_CODE: i32 = 130;

/// Looks at one signal, a second in all, before another is a second one.
const LOOKS_BETWEEN: u32 = 20;

/// Whether somebody wants this process to stop.
#[derive(Debug)]
pub struct Interrupt {
    came: Arc<AtomicBool>,
    /// Times it was seen.
    looks: Cell<u32>,
    /// Whether the next signal is a second one.
    armed: Arc<AtomicBool>,
}

impl Interrupt {
    /// Watches for signals from now on.
    ///
    /// # Errors
    /// The system's.
    pub fn watch() -> io::Result<Self> {
        let interrupt = Self { came: Arc::default(), looks: Cell::new(0), armed: Arc::default() };
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let armed = Arc::clone(&interrupt.armed);
            flag::register_conditional_shutdown(signal, EXIT_CODE, armed)?;
            flag::register(signal, Arc::clone(&interrupt.came))?;
        }
        Ok(interrupt)
    }

    /// Whether a signal came; seen for a second, another one ends the process.
    #[must_use]
    pub fn has_come(&self) -> bool {
        let came = self.came.load(Ordering::Relaxed);
        if came {
            self.looks.set(self.looks.get().saturating_add(1));
            self.armed.store(self.looks.get() >= LOOKS_BETWEEN, Ordering::Relaxed);
        }
        came
    }
}
