//! A log as it comes from a server, on its way into a store.

use super::client::Client;
use super::fault::Fault;
use super::pieces::first_piece;
use super::progress::Meter;
use super::protocol::LogState;
use crate::store::{LogPlace, Refused, ReplicaStore};
use crate::types::Position;

/// One log on one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copying {
    /// Bytes before this are taken or passed over.
    at: Position,
    /// Zeroes of a padding that are still to be passed over.
    zeroes: u64,
    from: Position,
    end: Position,
    /// Where the chain is compared next.
    durable: LogPlace,
}

impl Copying {
    /// What is copied from a position on.
    pub(super) fn new(at: Position, state: &LogState) -> Self {
        Self { at, zeroes: 0, from: at, end: state.end, durable: state.durable }
    }

    /// The end of the server's log.
    pub(super) fn end(&self) -> Position {
        self.end
    }

    /// Whether all up to that end has come.
    pub(super) fn is_all(&self) -> bool {
        self.at >= self.end
    }

    /// Bytes that came, and of how many.
    pub(super) fn bytes(&self) -> (u64, u64) {
        let since = |position: Position| position.get().saturating_sub(self.from.get());
        (since(self.at), since(self.end))
    }

    /// Where the server stands now.
    pub(super) fn on_mark(&mut self, end: Position, durable: LogPlace) {
        self.end = end;
        // The one at hand is compared first: marks come faster than bytes.
        if self.durable.position <= self.at {
            self.durable = durable;
        }
    }

    /// Gives the store what has come, in order. What it does not take now stays where it is.
    pub(super) fn take(
        &mut self,
        client: &mut Client,
        store: &mut ReplicaStore,
        meter: &mut Meter,
    ) -> Result<(), Fault> {
        self.compare(store.held())?;
        loop {
            let (_, bytes) = client.content();
            let used = match self.zeroes {
                0 => self.take_piece(bytes, store)?,
                _ => self.take_zeroes(bytes.len()),
            };
            if used == 0 {
                return Ok(());
            }
            client.take(used);
            meter.add(used as u64);
        }
    }

    fn take_zeroes(&mut self, most: usize) -> usize {
        let used = most.min(usize::try_from(self.zeroes).unwrap_or(usize::MAX));
        self.zeroes -= used as u64;
        self.at = Position(self.at.get() + used as u64);
        used
    }

    fn take_piece(&mut self, bytes: &[u8], store: &mut ReplicaStore) -> Result<usize, Fault> {
        let contiguous = store.contiguous();
        let stop = self.next_stop(contiguous);
        let Some(piece) = first_piece(bytes, self.at, stop, store.terms())? else { return Ok(0) };
        let used = if self.at < contiguous {
            // The live stream brought it: the same frames, as the store has judged.
            piece.frames
        } else {
            match store.append_old(&bytes[..piece.frames]) {
                Ok(inserted) => inserted.used_bytes,
                Err(Refused::SegmentNotReady { .. }) => 0,
                Err(Refused::Chain { base: position, expected: there, found: here }) => {
                    return Err(Fault::Chain { position, here, there });
                }
                Err(refused) => return Err(Fault::Store { reason: refused.to_string() }),
            }
        };
        self.at = Position(self.at.get() + used as u64);
        if used == piece.frames {
            self.zeroes = piece.zeroes as u64;
        }
        self.compare(store.held())?;
        Ok(used)
    }

    /// Where a piece has to end: at the next place where the chain is compared, and where what the
    /// store has already ends.
    fn next_stop(&self, contiguous: Position) -> Position {
        let beyond = |stop: Position| if stop > self.at { stop } else { Position(u64::MAX) };
        beyond(self.durable.position).min(beyond(contiguous))
    }

    /// Compares the chain where the server's is known.
    fn compare(&self, held: LogPlace) -> Result<(), Fault> {
        if held.position == self.durable.position && held.chain != self.durable.chain {
            let (position, here, there) = (held.position, held.chain, self.durable.chain);
            return Err(Fault::Chain { position, here, there });
        }
        Ok(())
    }
}
