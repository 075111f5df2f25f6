//! The book checksum: what an instrument's book must hash to on every machine that holds it.
//!
//! CRC-32 (IEEE 802.3, as in zip) over bids and then asks, best first, little-endian:
//!
//! ```text
//! L3, per order, in priority order:  order id u64 │ price i64    │ quantity u64       24 bytes
//! L2, per level:                     price i64    │ quantity u64 │ order count u32    20 bytes
//! ```
//!
//! A snapshot's checksum is the same CRC over the checksums of its instruments.
//!
//! An L2 checksum covers the levels of its own depth. An empty book has checksum 0.

use crc32fast::Hasher;

/// Records hashed at once: enough for the carry-less multiplication to pay.
const BATCH_BYTES: usize = 1_920;

/// Collects records and hashes them a batch at a time.
struct Batch {
    hasher: Hasher,
    used: usize,
    bytes: [u8; BATCH_BYTES],
}

impl Batch {
    fn new() -> Batch {
        Batch { hasher: Hasher::new(), used: 0, bytes: [0; BATCH_BYTES] }
    }

    #[inline]
    fn room(&mut self, bytes: usize) -> &mut [u8] {
        if self.used + bytes > BATCH_BYTES {
            self.hasher.update(&self.bytes[..self.used]);
            self.used = 0;
        }
        let start = self.used;
        self.used += bytes;
        &mut self.bytes[start..start + bytes]
    }

    fn finish(mut self) -> u32 {
        self.hasher.update(&self.bytes[..self.used]);
        self.hasher.finalize()
    }
}

/// The checksum of an L3 book.
///
/// ```
/// let mut checksum = isochron_feeds::checksum::L3Checksum::new();
/// checksum.order(7, 1_000_000, 250); // order 7: 250 shares at 100.0000
/// assert_eq!(checksum.finish(), 0xe6e5_7d35);
/// ```
pub struct L3Checksum(Batch);

impl L3Checksum {
    /// Of no orders yet.
    #[must_use]
    pub fn new() -> L3Checksum {
        L3Checksum(Batch::new())
    }

    /// Adds the next order: bids then asks, best first, in priority order. The price is in
    /// 1/10,000 of the currency unit, the quantity in shares.
    #[inline]
    pub fn order(&mut self, order_id: u64, price: i64, quantity: u64) {
        let record = self.0.room(24);
        record[..8].copy_from_slice(&order_id.to_le_bytes());
        record[8..16].copy_from_slice(&price.to_le_bytes());
        record[16..].copy_from_slice(&quantity.to_le_bytes());
    }

    /// The checksum.
    #[must_use]
    pub fn finish(self) -> u32 {
        self.0.finish()
    }
}

impl Default for L3Checksum {
    fn default() -> Self {
        Self::new()
    }
}

/// The checksum of an L2 book.
pub struct L2Checksum(Batch);

impl L2Checksum {
    /// Of no levels yet.
    #[must_use]
    pub fn new() -> L2Checksum {
        L2Checksum(Batch::new())
    }

    /// Adds the next level: bids then asks, best first.
    #[inline]
    pub fn level(&mut self, price: i64, quantity: u64, orders: u32) {
        let record = self.0.room(20);
        record[..8].copy_from_slice(&price.to_le_bytes());
        record[8..16].copy_from_slice(&quantity.to_le_bytes());
        record[16..].copy_from_slice(&orders.to_le_bytes());
    }

    /// The checksum.
    #[must_use]
    pub fn finish(self) -> u32 {
        self.0.finish()
    }
}

impl Default for L2Checksum {
    fn default() -> Self {
        Self::new()
    }
}

/// The checksum of a snapshot: over the checksums of its instruments, 4 bytes each, by id. That of
/// an instrument on L1 is the L2 checksum of its best level of each side.
#[derive(Clone, Default)]
pub struct SnapshotChecksum(Hasher);

impl SnapshotChecksum {
    /// Of no instruments yet.
    #[must_use]
    pub fn new() -> SnapshotChecksum {
        SnapshotChecksum(Hasher::new())
    }

    /// Adds the next instrument's checksum.
    pub fn instrument(&mut self, checksum: u32) {
        self.0.update(&checksum.to_le_bytes());
    }

    /// The checksum.
    #[must_use]
    pub fn finish(self) -> u32 {
        self.0.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bit by bit, from the definition: reflected polynomial 0xEDB88320, inverted in and out.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xEDB8_8320 & 0u32.wrapping_sub(crc & 1))
            })
        })
    }

    #[test]
    fn the_definition_is_the_usual_crc() {
        // The check value that every catalogue of CRCs gives.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn orders_are_24_bytes_each() {
        let mut checksum = L3Checksum::new();
        checksum.order(0x0102, -2, 3);
        #[rustfmt::skip]
        let bytes = [
            0x02, 0x01, 0, 0, 0, 0, 0, 0,
            0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            3, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(checksum.finish(), crc32(&bytes));
        assert_eq!(L3Checksum::new().finish(), 0);
    }

    #[test]
    fn levels_are_20_bytes_each() {
        let mut checksum = L2Checksum::new();
        checksum.level(5, 6, 7);
        let bytes = [5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0];
        assert_eq!(checksum.finish(), crc32(&bytes));
        assert_eq!(L2Checksum::new().finish(), 0);
    }

    #[test]
    fn instruments_are_4_bytes_each() {
        let mut checksum = SnapshotChecksum::new();
        checksum.instrument(0x0403_0201);
        checksum.instrument(7);
        assert_eq!(checksum.finish(), crc32(&[1, 2, 3, 4, 7, 0, 0, 0]));
    }

    #[test]
    fn batches_change_nothing() {
        let (mut l3, mut l2) = (L3Checksum::new(), L2Checksum::new());
        let (mut orders, mut levels) = (Vec::new(), Vec::new());
        for n in 0..1_000u32 {
            let (id, price, quantity) = (u64::from(n) * 7, 50 - i64::from(n), u64::from(n) + 1);
            l3.order(id, price, quantity);
            orders.extend(id.to_le_bytes());
            orders.extend(price.to_le_bytes());
            orders.extend(quantity.to_le_bytes());
            l2.level(price, quantity, n);
            levels.extend(price.to_le_bytes());
            levels.extend(quantity.to_le_bytes());
            levels.extend(n.to_le_bytes());
        }
        assert_eq!(l3.finish(), crc32(&orders));
        assert_eq!(l2.finish(), crc32(&levels));
    }
}
