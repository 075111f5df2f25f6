//! The secret that the nodes of one exchange share, and what it proves.
//!
//! BLAKE2b in its keyed form (RFC 7693, 2.9): the hash is the MAC, no construction around it.

use std::fmt;
use std::ops::RangeInclusive;

use blake2::Blake2bMac;
use blake2::digest::consts::U32;
use blake2::digest::{FixedOutput, KeyInit, Update};

/// Bytes of a key: one of fewer can be guessed, one of more BLAKE2b does not take.
pub const KEY_BYTES: RangeInclusive<usize> = 16..=64;
/// Bytes of what a key proves with.
pub const MAC_BYTES: usize = 32;

/// A secret shared by all nodes of an exchange; nothing shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Vec<u8>);

impl Key {
    /// The key of these bytes; `None` where they are not [`KEY_BYTES`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        KEY_BYTES.contains(&bytes.len()).then(|| Self(bytes.to_vec()))
    }

    /// What proves that whoever made it had this key and these bytes. Parts have no border: what
    /// they mean must not depend on where one ends.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
        let empty: Blake2bMac<U32> = Blake2bMac::new_from_slice(&self.0).expect("a key's bytes");
        let hash = parts.iter().fold(empty, |mut hash, part| {
            hash.update(part);
            hash
        });
        hash.finalize_fixed().into()
    }

    /// Whether a proof is of this key and these bytes. It takes as long for one that is nearly
    /// right as for one that is not at all.
    #[must_use]
    pub fn proves(&self, parts: &[&[u8]], proof: &[u8; MAC_BYTES]) -> bool {
        let expected = self.mac(parts);
        expected.iter().zip(proof).fold(0, |all, (a, b)| all | (a ^ b)) == 0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_of_one_key_and_one_text() {
        let key = |byte| Key::new(&[byte; 32]).unwrap();
        let proof = key(1).mac(&[b"promote", b" node 2"]);
        assert!(key(1).proves(&[b"promote node 2"], &proof), "parts have no border");
        assert!(!key(2).proves(&[b"promote node 2"], &proof));
        assert!(!key(1).proves(&[b"promote node 3"], &proof));
        for bit in 0..MAC_BYTES * 8 {
            let mut other = proof;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!key(1).proves(&[b"promote node 2"], &other), "bit {bit}");
        }
        assert_eq!(format!("{:?}", key(7)), "Key(..)");
        assert_eq!(
            [15, 16, 64, 65].map(|n| Key::new(&vec![1; n]).is_some()),
            [false, true, true, false]
        );
    }

    #[test]
    fn it_is_the_hash_of_the_specification() {
        // BLAKE2b-256 of "abc" under the key 00 01 .. 3f, by Python's hashlib.
        let key = Key::new(&(0..64).collect::<Vec<u8>>()).unwrap();
        let text: String = key.mac(&[b"abc"]).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, "dff38c978666dff5631db35ca15535520d134f5c8060ea569c6a178ad393719f");
    }
}
