//! What makes two logs comparable: the chain over their frames, and the numbers that name a log.
//!
//! The chain begins at 0 and takes in each frame's CRC, padding included, in the log's order:
//! `chain = XXH3-64(crc as 4 bytes little endian, seed = chain before)`. For equal CRCs the step
//! is one to one in the seed, so two chains that once differed stay different as long as the
//! frames that follow are the same. It is compared at ends of transactions.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::types::Epoch;

/// The digest of all frames of a log before a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain(pub u64);

impl Chain {
    /// The chain behind one more frame.
    #[must_use]
    #[inline]
    pub fn then(self, frame_crc: u32) -> Self {
        Self(xxh3_64_with_seed(&frame_crc.to_le_bytes(), self.0))
    }
}

impl std::fmt::Display for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The Aeron session of an epoch: XXH3-64 over the exchange's name and the epoch (little endian),
/// the low 31 bits. The top bit stays clear so that sign never matters to a peer.
#[must_use]
pub fn session_id(exchange: &str, epoch: Epoch) -> i32 {
    let mut input = Vec::with_capacity(exchange.len() + 4);
    input.extend_from_slice(exchange.as_bytes());
    input.extend_from_slice(&epoch.get().to_le_bytes());
    (xxh3_64(&input) & 0x7fff_ffff) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_content_matter() {
        let chain =
            |crcs: &[u32]| crcs.iter().fold(Chain::default(), |chain, crc| chain.then(*crc));
        assert_eq!(chain(&[]), Chain(0));
        assert_ne!(chain(&[1, 2, 3]), chain(&[2, 1, 3]));
        assert_ne!(chain(&[1, 2, 3]), chain(&[1, 2]));
        assert_ne!(chain(&[0]), chain(&[0, 0]));
        assert_ne!(chain(&[1, 9, 9, 9]), chain(&[2, 9, 9, 9]));
    }

    #[test]
    fn sessions_tell_exchanges_and_epochs_apart() {
        let ids =
            [("a", 1), ("a", 2), ("b", 1)].map(|(name, epoch)| session_id(name, Epoch(epoch)));
        assert!(ids.iter().all(|id| *id >= 0));
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2]);
    }
}
