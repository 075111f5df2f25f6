//! The MAC of the control channel: BLAKE2b, keyed, 16 bytes, over the whole datagram before it.
//!
//! Source: RFC 7693, section 2.9 (keyed hashing). One key for all nodes of an exchange: who has it
//! may speak for any node, who has it not can neither forge nor change a datagram. What was sent
//! once and is sent again has a right MAC: that is what [`super::ControlChannel`] counts for.

use std::fmt;

use blake2::Blake2bMac;
use blake2::digest::consts::U16;
use blake2::digest::{KeyInit, Mac};

/// Bytes of the MAC behind a message.
pub const MAC_BYTES: usize = 16;

/// Bytes of a key.
const KEY_BYTES: usize = 32;

type Blake = Blake2bMac<U16>;

/// The nodes' common secret. Its `Debug` does not show it.
#[derive(Clone)]
pub struct Key {
    /// With the key already taken in.
    keyed: Blake,
}

/// What is no key. The text never shows what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyError {
    /// Characters that were given.
    pub characters: usize,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = 2 * KEY_BYTES;
        write!(
            f,
            "a key is {digits} hexadecimal digits (`openssl rand -hex {KEY_BYTES}` makes one); \
             this one has {} characters",
            self.characters
        )
    }
}

impl std::error::Error for KeyError {}

impl Key {
    /// A key of 32 bytes.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        let keyed = Blake::new_from_slice(key).expect("a key of at most 64 bytes");
        Self { keyed }
    }

    /// The key that 64 hexadecimal digits name.
    ///
    /// # Errors
    /// They are fewer, more, or others.
    pub fn of_hex(digits: &str) -> Result<Self, KeyError> {
        let error = KeyError { characters: digits.chars().count() };
        let digits = digits.as_bytes();
        if digits.len() != 2 * KEY_BYTES {
            return Err(error);
        }
        let mut key = [0; KEY_BYTES];
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16).ok_or(error);
            *byte = (digit(0)? << 4 | digit(1)?) as u8;
        }
        Ok(Self::new(&key))
    }

    /// The MAC over a message.
    #[must_use]
    pub fn mac(&self, message: &[u8]) -> [u8; MAC_BYTES] {
        let mut mac = self.keyed.clone();
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    /// Whether a MAC is a message's, in a time that does not depend on where they differ.
    #[must_use]
    pub fn is_right(&self, message: &[u8], mac: &[u8]) -> bool {
        let mut right = self.keyed.clone();
        right.update(message);
        right.verify_slice(mac).is_ok()
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

    const DIGITS: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";

    /// RFC 7693 gives no keyed vector; this one was computed by another implementation:
    /// `python3 -c 'import hashlib; print(hashlib.blake2b(b"abc", key=bytes(range(32)),
    /// digest_size=16).hexdigest())'`.
    #[test]
    fn it_is_keyed_blake2b() {
        let expected = [
            0x1a, 0x64, 0xbe, 0x47, 0xe4, 0x72, 0x9d, 0x95, 0x1c, 0x30, 0x2e, 0xe5, 0x43, 0xf9,
            0x7c, 0xf3,
        ];
        let key = Key::of_hex(DIGITS).unwrap();
        assert_eq!(key.mac(b"abc"), expected);
        assert!(key.is_right(b"abc", &expected));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let key = Key::of_hex(DIGITS).unwrap();
        let good = [b"abc".as_slice(), &key.mac(b"abc")].concat();
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.is_right(&bytes[..3], &bytes[3..]), "bit {bit}");
        }
        assert!(!key.is_right(b"abc", &good[3..18]), "a MAC cut short");
        assert!(!Key::new(&[7; 32]).is_right(b"abc", &good[3..]), "another key");
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        for digits in ["", "00", &DIGITS[1..], &DIGITS.replace('A', "g"), &DIGITS.replace('A', "ä")]
        {
            let error = Key::of_hex(digits).unwrap_err();
            assert_eq!(error.characters, digits.chars().count());
            assert!(digits.is_empty() || !error.to_string().contains(digits));
        }
        assert_eq!(format!("{:?}", Key::new(&[7; 32])), "Key(..)");
    }
}
