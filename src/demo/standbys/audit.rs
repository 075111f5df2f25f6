//! What the logs of all nodes say when the run is over.
//!
//! The log of the node that ended as the primary is executed again, and its feed made again; the
//! others are held against it, byte for byte.

use super::super::setup::{CHANNEL, PRODUCTS};
use super::super::verdict::whole_log;
use super::super::{Outcome, SOURCE, text};
use super::node::Place;
use super::service::Confirmed;
use crate::core::show_ahead;
use crate::market_data::{CONFLATION_NS_DEFAULT, Feed, Plan};
use crate::state_machine::{Replay, ReplayError, ReplayFault, command_origin};
use crate::types::Position;
use isochron_events::{EventHeader, Message};

/// What a log came to.
pub(super) struct Audit {
    /// The state at its end.
    pub(super) replay: Replay,
    /// Where that is.
    pub(super) end: Position,
    /// Messages on all channels of its feed.
    pub(super) feed_messages: u64,
    /// Those of the channel that the subscribers follow.
    pub(super) l3_messages: u64,
    /// Outcomes that do not fit the feed's books.
    pub(super) anomalies: u64,
    /// The flow's commands up to where the old primary had confirmed.
    pub(super) confirmed: Confirmed,
    /// The first command of the source that stands twice, or in another order.
    pub(super) repeated: Option<u64>,
}

/// Executes a node's log again. `told` is what the source was told by the old primary, `setup` how
/// many commands came before the flow's.
pub(super) fn audit(place: &Place, told: &Confirmed, setup: u64) -> Outcome<Audit> {
    let (mut reader, mut replay) = whole_log(&place.store())?;
    let mut feed = Feed::new(&Plan::new(&PRODUCTS, CONFLATION_NS_DEFAULT));
    let (mut confirmed, mut repeated, mut newest) = (Confirmed::default(), None, 0);
    loop {
        show_ahead(&mut reader, &mut replay);
        let Some(frame) = reader.next().map_err(text)? else { break };
        let fault = |error| text(ReplayFault { position: frame.position, error });
        let decoded = Message::decode(frame.message).map_err(ReplayError::Decode);
        let event = decoded.map_err(fault)?;
        if let Some(origin) = command_origin(&event).filter(|origin| origin.source == SOURCE) {
            let number = origin.source_sequence;
            repeated = repeated.or((number <= newest).then_some(number));
            newest = newest.max(number);
            if number > setup && frame.end.0 <= told.end {
                let EventHeader { sequence, timestamp, .. } = *event.header();
                confirmed.add(sequence, timestamp, frame.end.0);
            }
        }
        replay.on_event(&event).map_err(ReplayError::Diverged).map_err(fault)?;
        feed.on_event(&event, &mut |_| {});
    }
    Ok(Audit {
        end: reader.position(),
        feed_messages: feed.channels().map(|open| open.next_sequence - 1).sum(),
        l3_messages: feed.channel(CHANNEL).map_or(0, |open| open.next_sequence - 1),
        anomalies: feed.anomalies(),
        replay,
        confirmed,
        repeated,
    })
}

/// Holds one node's log, up to what is committed there, against another's that must have all of
/// it. The bytes that were compared; the fault.
pub(super) fn compare(own: &Place, other: &Place) -> Outcome<u64> {
    let (mut a, mut b) = (own.reader()?, other.reader()?);
    let (end, other_end) = (a.end().map_err(text)?, b.end().map_err(text)?);
    if other_end < end {
        return Err(format!("node {} ends at {other_end}, node {} at {end}", other.node, own.node));
    }
    let mut at = a.position();
    let begins = at;
    while at < end {
        let left = a.bytes_at(at).map_err(text)?;
        let right = b.bytes_at(at).map_err(text)?;
        let length = left.len().min(right.len());
        if length == 0 {
            return Err(format!("nothing stands at {at} in nodes {} or {}", own.node, other.node));
        }
        if left[..length] != right[..length] {
            let place = (0..length).find(|place| left[*place] != right[*place]);
            let position = at.0 + place.expect("they differ") as u64;
            return Err(format!("nodes {} and {} differ at {position}", own.node, other.node));
        }
        at = Position(at.0 + length as u64);
    }
    Ok(end.0 - begins.0)
}
