//! Reads what was committed, and takes note of what answers this source's own commands.

use super::{EVENTS_PER_CYCLE_MAX, Seen, SourceAgent};
use isochron_events::{EventHeader, Message};

impl SourceAgent {
    /// Reads what was committed.
    pub(super) fn read(&mut self) -> usize {
        let Self { parts, tally, in_flight, seen, own, counts, .. } = self;
        let mut failed = None;
        seen.clear();
        let given = parts.reader.poll(EVENTS_PER_CYCLE_MAX, |frame| {
            let event = match Message::decode(frame.message) {
                Ok(event) => event,
                Err(error) => {
                    failed.get_or_insert(format!("position {}: {error}", frame.position));
                    return;
                }
            };
            if let Some(origin) = crate::state_machine::command_origin(&event) {
                *own = origin.source == parts.source;
                if *own && let Some(intended) = in_flight.on_committed(origin.source_sequence) {
                    counts.committed += 1;
                    let EventHeader { sequence, timestamp, .. } = *event.header();
                    let one = Seen { intended, sequence, timestamp, end: frame.end.0 };
                    seen.extend(Some(one).filter(|seen| seen.intended > 0));
                }
            }
            if let Message::EpochStarted(started) = &event {
                in_flight.on_epoch(started.epoch.into());
            }
            counts.refused += u64::from(*own && is_refusal(&event));
            tally.on_event(&event);
            parts.flow.on_event(&event);
        });
        if !seen.is_empty() {
            parts.journal.on_seen(seen, parts.clock.now().0);
        }
        match (given, failed) {
            (Ok(given), None) => given,
            (Err(error), _) => self.fail(error.to_string()),
            (_, Some(error)) => self.fail(error),
        }
    }
}

/// Whether an event refuses a command.
fn is_refusal(event: &Message) -> bool {
    matches!(
        event,
        Message::OrderRejectedEvent(_)
            | Message::CancelRejectedEvent(_)
            | Message::MassCancelRejected(_)
            | Message::AdministrationRejected(_)
    )
}
