//! The loop that verifies passwords, one after the other: each takes some 20 ms by design, which
//! no connection waits for that is logged in already.
//!
//! One password at a time is on its way; all others wait in the users' own queue, which has its
//! limit there.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use isochron_recovery::access::{Access, Verdict, Verification};

use crate::agent::Agent;
use crate::types::Nanos;

/// The end that has the users.
pub(super) struct Passwords {
    asked: SyncSender<Verification>,
    found: Receiver<Verdict>,
    /// Whether one was asked about and not answered.
    is_out: bool,
}

/// The end that verifies.
pub struct PasswordAgent {
    asked: Receiver<Verification>,
    found: SyncSender<Verdict>,
}

/// Both ends.
pub(super) fn passwords() -> (Passwords, PasswordAgent) {
    let (asked, to_verify) = sync_channel(1);
    let (found, verdicts) = sync_channel(1);
    let passwords = Passwords { asked, found: verdicts, is_out: false };
    (passwords, PasswordAgent { asked: to_verify, found })
}

impl Passwords {
    /// Takes a verdict and asks about the next password; whether there was one of either.
    pub(super) fn exchange(&mut self, access: &mut Access) -> bool {
        let verdict = self.found.try_recv().ok();
        let found = verdict.is_some();
        if let Some(verdict) = verdict {
            access.on_verified(verdict);
            self.is_out = false;
        }
        if !self.is_out
            && let Some(verification) = access.poll_verification()
        {
            // There is room. Where the agent has ended nobody is let in any more; a runner that
            // lost an agent ends the process.
            self.is_out = self.asked.try_send(verification).is_ok();
        }
        found
    }
}

impl Agent for PasswordAgent {
    fn name(&self) -> &str {
        "passwords"
    }

    /// One password at a time.
    fn do_work(&mut self, _now: Nanos) -> usize {
        let Ok(verification) = self.asked.try_recv() else { return 0 };
        // There is room: one is out at a time.
        let _ = self.found.try_send(verification.run());
        1
    }

    /// It has a thread of its own: what it does takes long.
    fn waits(&self) -> bool {
        true
    }
}
