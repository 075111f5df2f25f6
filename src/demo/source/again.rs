//! Looks after the core: sends again what a dead one did not accept, and gives one up that takes
//! nothing.

use super::{STALLED_NS, SourceAgent};
use crate::demo::in_flight::Sent;
use crate::ring::Refusal;
use crate::types::SourceId;

impl SourceAgent {
    /// Looks whether the core is the one that the commands on their way were sent to. After the
    /// death of one, what it did not execute is not accepted by the next, and is sent again.
    pub(super) fn follow_core(&mut self) {
        match self.parts.ring.check() {
            Ok(()) => {}
            Err(Refusal::Renewed { generation }) if self.in_flight.has_seen(generation) => {
                match self.parts.ring.rejoin() {
                    Ok(_) => self.in_flight.give_back(),
                    Err(refusal) => drop(self.fail(refusal.to_string())),
                }
            }
            Err(Refusal::Renewed { .. }) => {}
            Err(refusal) => drop(self.fail(refusal.to_string())),
        }
    }

    /// Sends what was given back; false while there is more of it.
    pub(super) fn send_again(&mut self, sent: &mut usize) -> bool {
        while let Some(Sent { command, .. }) = self.in_flight.next_again() {
            if !self.write(&command) {
                return false;
            }
            self.in_flight.on_sent_again();
            *sent += 1;
        }
        true
    }

    /// Gives up when nothing is committed any more.
    pub(super) fn lose_patience(&mut self, now: u64) {
        let Some(patience) = &mut self.patience else { return };
        let oldest = self.in_flight.oldest();
        match (oldest, patience.oldest) {
            (Some(sequence), Some((waiting, since))) if sequence == waiting => {
                let (waited_ns, source) = (now.saturating_sub(since), self.parts.source);
                if waited_ns > STALLED_NS && self.parts.reader.is_quarantined(SourceId(source)) {
                    self.fail(format!(
                        "source {source} is quarantined: the core died twice within a minute \
                         executing its commands; `serve --release {source}` ends that"
                    ));
                } else if waited_ns > patience.limit_ns {
                    let seconds = patience.limit_ns / 1_000_000_000;
                    self.fail(format!(
                        "command {sequence} was not committed within {seconds} s: the exchange \
                         does not run, or takes nothing from source {source}"
                    ));
                }
            }
            _ => patience.oldest = oldest.map(|sequence| (sequence, now)),
        }
    }
}
