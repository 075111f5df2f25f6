//! A standby's store as the place where a stream is put together.

use std::ops::Range;

use super::super::frame::Setup;
use super::rebuild::{Geometry, Rebuild, SetupRefused, Verdict};
use crate::limits::MTU_BYTES;
use crate::store::{FrameFault, Refused, ReplicaStore};
use crate::types::Position;

impl Rebuild for ReplicaStore {
    fn geometry(&self) -> Option<Geometry> {
        Some(Geometry { terms: self.terms(), initial_term_id: 0 })
    }

    fn join(&mut self, setup: &Setup) -> Result<(), SetupRefused> {
        Geometry { terms: self.terms(), initial_term_id: 0 }.check(setup, MTU_BYTES)
    }

    #[inline]
    fn insert(&mut self, position: Position, frames: &[u8]) -> Verdict {
        match ReplicaStore::insert(self, position, frames) {
            Ok(inserted) if inserted.new_bytes > 0 => Verdict::New,
            Ok(_) => Verdict::Known,
            Err(refused) => verdict(&refused, position),
        }
    }

    fn make_room(&mut self) {
        // The store looks for the next segment whenever it is given something; here it is nothing.
        let _ = ReplicaStore::insert(self, self.contiguous(), &[]);
    }

    fn consumed(&self) -> Position {
        ReplicaStore::contiguous(self)
    }

    fn contiguous(&self) -> Position {
        ReplicaStore::contiguous(self)
    }

    fn window_end(&self) -> Position {
        ReplicaStore::window_end(self)
    }

    fn received(&self) -> Position {
        ReplicaStore::received(self)
    }

    fn next_gap(&self, from: Position) -> Option<Range<Position>> {
        ReplicaStore::next_gap(self, from)
    }
}

/// What a refusal means for the stream.
fn verdict(refused: &Refused, position: Position) -> Verdict {
    match refused {
        Refused::BelowBase { .. } => Verdict::Before,
        Refused::Window { from, .. } if position < *from => Verdict::Before,
        Refused::Window { .. } => Verdict::Beyond,
        Refused::NoEpoch | Refused::Deposed { .. } => Verdict::Foreign,
        Refused::Fault { fault, .. } => match fault {
            FrameFault::Epoch { .. } | FrameFault::Stream { .. } | FrameFault::Session { .. } => {
                Verdict::Foreign
            }
            _ => Verdict::Damaged,
        },
        Refused::Chain { .. } | Refused::Overlap { .. } => Verdict::Damaged,
        Refused::Holes | Refused::SegmentNotReady { .. } | Refused::Disk { .. } => Verdict::NoRoom,
    }
}
