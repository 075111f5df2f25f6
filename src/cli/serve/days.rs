//! Says what becomes of the trading day: when it begins and ends, and its phases.
//!
//! It follows the log from where it ends at the start, decoding almost nothing of it. Where it
//! cannot follow any more it goes on at the end: these are only lines for a reader's eye.

use crate::market_data::CHANNEL_L3;
use crate::store::StoreReader;
use isochron_events::{
    AdministrationApplied, DayEnded, DayStarted, Message, MessageHeader, PhaseChanged,
};
use tracing::info;

/// Messages looked at in one look: several times what a core appends meanwhile.
const MESSAGES_PER_LOOK: usize = 200_000;

/// The messages that are decoded.
const FOLLOWED: [u16; 4] = [
    DayStarted::TEMPLATE_ID,
    AdministrationApplied::TEMPLATE_ID,
    PhaseChanged::TEMPLATE_ID,
    DayEnded::TEMPLATE_ID,
];

/// Follows the days of a log.
pub(super) struct Days {
    reader: StoreReader,
    /// The sequence and date of a day's start that is not answered yet.
    asked: Option<(u64, u32)>,
}

impl Days {
    /// Follows a log from its end on.
    pub(super) fn new(reader: StoreReader) -> Self {
        let mut days = Self { reader, asked: None };
        days.skip();
        days
    }

    fn skip(&mut self) {
        if let Ok(end) = self.reader.end() {
            // It was asked for just now; if it is gone already, the next look tries again.
            let _ = self.reader.seek(end, None);
        }
    }

    /// Says what happened since the last look.
    pub(super) fn look(&mut self) {
        for _ in 0..MESSAGES_PER_LOOK {
            let message = match self.reader.next() {
                Ok(Some(frame)) => frame.message,
                Ok(None) => return,
                Err(_) => return self.skip(),
            };
            let header = MessageHeader::parse(message);
            if !header.is_ok_and(|header| FOLLOWED.contains(&header.template_id)) {
                continue;
            }
            if let Ok(event) = Message::decode(message) {
                self.say(&event);
            }
        }
    }

    fn say(&mut self, event: &Message) {
        match event {
            Message::DayStarted(day) => {
                self.asked = Some((event.header().sequence, day.trading_date));
            }
            Message::AdministrationApplied(_) => {
                let asked = self.asked.take();
                if let Some((_, date)) = asked.filter(|asked| asked.0 == event.header().sequence) {
                    let session = CHANNEL_L3.session(date, b'A').to_string();
                    info!(date, session, "the trading day has begun");
                }
            }
            Message::PhaseChanged(changed) => {
                let phase = changed.phase.to_string();
                match changed.instrument {
                    0 => info!(phase, "the market's phase"),
                    instrument => info!(instrument, phase, "an instrument's phase"),
                }
            }
            Message::DayEnded(day) => info!(date = day.trading_date, "the trading day has ended"),
            _ => {}
        }
    }
}
