//! The secret that the nodes of one exchange share, and what it proves.
//!
//! BLAKE2b in its keyed form (RFC 7693, 2.9): the hash is the MAC, no construction around it. Who
//! has the key may speak for any node, who has it not can neither forge nor change what was said.
//! What is said once and repeated has a right MAC: that is for whoever uses it to see to.

use std::fmt;

use blake2::Blake2bMac;
use blake2::digest::consts::{U16, U32};
use blake2::digest::{FixedOutput, KeyInit, Update};

/// Bytes of a key: more than anybody can guess.
pub const KEY_BYTES: usize = 32;
/// Bytes of what a key proves with.
pub const MAC_BYTES: usize = 32;
/// Bytes of what it proves with where each is of use for a moment, and there are many.
pub const SHORT_MAC_BYTES: usize = 16;

/// A secret shared by all nodes of an exchange; nothing shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; KEY_BYTES]);

impl Key {
    /// The key of these bytes.
    #[must_use]
    pub const fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        Self(*bytes)
    }

    /// The key that two hexadecimal digits for each of its bytes name; `None` for other texts.
    #[must_use]
    pub fn of_hex(digits: &str) -> Option<Self> {
        let digits = digits.as_bytes();
        if digits.len() != 2 * KEY_BYTES {
            return None;
        }
        let mut key = [0; KEY_BYTES];
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16);
            *byte = (digit(0)? << 4 | digit(1)?) as u8;
        }
        Some(Self(key))
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
        is_equal(&self.mac(parts), proof)
    }

    /// As [`Self::mac`], and shorter.
    #[must_use]
    pub fn short_mac(&self, bytes: &[u8]) -> [u8; SHORT_MAC_BYTES] {
        let mut hash: Blake2bMac<U16> = Blake2bMac::new_from_slice(&self.0).expect("a key's bytes");
        hash.update(bytes);
        hash.finalize_fixed().into()
    }

    /// As [`Self::proves`], of a [`Self::short_mac`]; false for one of another length.
    #[must_use]
    pub fn shortly_proves(&self, bytes: &[u8], proof: &[u8]) -> bool {
        proof.len() == SHORT_MAC_BYTES && is_equal(&self.short_mac(bytes), proof)
    }
}

/// In a time that does not depend on where they differ.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes 0 to 31.
    const DIGITS: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";

    #[test]
    fn a_proof_is_of_one_key_and_one_text() {
        let key = |byte| Key::new(&[byte; KEY_BYTES]);
        let proof = key(1).mac(&[b"promote", b" node 2"]);
        assert!(key(1).proves(&[b"promote node 2"], &proof), "parts have no border");
        assert!(!key(2).proves(&[b"promote node 2"], &proof));
        assert!(!key(1).proves(&[b"promote node 3"], &proof));
        for bit in 0..MAC_BYTES * 8 {
            let mut other = proof;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!key(1).proves(&[b"promote node 2"], &other), "bit {bit}");
        }
    }

    #[test]
    fn of_a_short_proof_every_flipped_bit_is_noticed() {
        let key = Key::of_hex(DIGITS).unwrap();
        let good = [b"abc".as_slice(), &key.short_mac(b"abc")].concat();
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.shortly_proves(&bytes[..3], &bytes[3..]), "bit {bit}");
        }
        assert!(key.shortly_proves(b"abc", &good[3..]));
        assert!(!key.shortly_proves(b"abc", &good[3..18]), "cut short");
        assert!(!Key::new(&[7; KEY_BYTES]).shortly_proves(b"abc", &good[3..]), "another key");
    }

    /// RFC 7693 gives no keyed vector; these are another implementation's: `python3 -c 'import
    /// hashlib; print(hashlib.blake2b(b"abc", key=bytes(range(32)), digest_size=N).hexdigest())'`.
    #[test]
    fn it_is_the_hash_of_the_specification() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let key = Key::of_hex(DIGITS).unwrap();
        let long = hex(&key.mac(&[b"abc"]));
        assert_eq!(long, "d63a32d3e44738d7907f964316c241adaba0abfeabc32349677578a15a203f7f");
        assert_eq!(hex(&key.short_mac(b"abc")), "1a64be47e4729d951c302ee543f97cf3");
    }

    #[test]
    fn a_key_is_64_digits_and_is_not_shown() {
        let bytes: [u8; KEY_BYTES] = std::array::from_fn(|at| at as u8);
        assert_eq!(Key::of_hex(DIGITS), Some(Key::new(&bytes)));
        for digits in ["", "00", &DIGITS[1..], &DIGITS.replace('A', "g"), &DIGITS.replace('A', "ä")]
        {
            assert_eq!(Key::of_hex(digits), None, "{digits}");
        }
        assert_eq!(format!("{:?}", Key::new(&bytes)), "Key(..)");
    }
}
