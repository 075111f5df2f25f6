//! Passwords: folded, hashed with argon2id, verified as a step of its own.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use crate::limits::{ARGON2_MEMORY_KIB_MAX, ARGON2_PASSES_MAX};

/// The longest password, in characters: SoupBinTCP's field.
pub const PASSWORD_CHARACTERS_MAX: usize = 10;

/// A shorter hash is found by trying.
const HASH_BYTES_MIN: usize = 16;

/// What a verification costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB, at least 8.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for Cost {
    /// What OWASP asks for: 19 MiB, two passes.
    fn default() -> Cost {
        Cost { memory_kib: 19_456, passes: 2 }
    }
}

/// Why a password, or a hash, is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordError {
    /// Empty, too long for its field, not printable ASCII, or with a blank at an end.
    Password {
        /// Its characters.
        characters: usize,
    },
    /// A cost beyond the limits.
    Cost(Cost),
    /// A text that is no argon2id hash in PHC form.
    Hash {
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { characters } => write!(
                f,
                "a password of {characters} characters: 1 to {PASSWORD_CHARACTERS_MAX} of \
                 printable ASCII are taken, none of them a blank at an end"
            ),
            Self::Cost(Cost { memory_kib, passes }) => write!(
                f,
                "argon2id with {memory_kib} KiB and {passes} passes: 8 to \
                 {ARGON2_MEMORY_KIB_MAX} KiB and 1 to {ARGON2_PASSES_MAX} passes are taken"
            ),
            Self::Hash { reason } => write!(f, "no argon2id hash ($argon2id$v=19$...): {reason}"),
        }
    }
}

impl std::error::Error for PasswordError {}

/// The hash of a password for a users' file, in PHC form. Case is folded first, because
/// SoupBinTCP's passwords have none. The salt comes from the caller, from a good source, anew for
/// each password.
///
/// # Errors
/// Where the password does not fit SoupBinTCP's field, or the cost its limits.
pub fn hash_password(password: &str, salt: &[u8; 16], cost: Cost) -> Result<String, PasswordError> {
    let characters = password.chars().count();
    let printable = password.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let fits = (1..=PASSWORD_CHARACTERS_MAX).contains(&password.len());
    if !printable || !fits || password.trim_matches(' ') != password {
        return Err(PasswordError::Password { characters });
    }
    let hash = hasher(cost)?.hash_password_with_salt(&folded(password.as_bytes()), salt);
    Ok(hash.expect("a hash of limited cost, with a salt of 16 bytes").to_string())
}

/// A hash that was checked: argon2id, with a cost within the limits.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Hash {
    text: String,
    cost: Cost,
}

impl Hash {
    pub(super) fn new(text: &str) -> Result<Hash, PasswordError> {
        let wrong = |reason| PasswordError::Hash { reason };
        let hash = PasswordHash::new(text).map_err(|_| wrong("it is not in PHC form"))?;
        if hash.algorithm.as_str() != "argon2id" || hash.version != Some(19) {
            return Err(wrong("it is of another algorithm or version"));
        }
        let (Some(_), Some(output)) = (&hash.salt, &hash.hash) else {
            return Err(wrong("salt or hash is missing"));
        };
        if output.as_ref().len() < HASH_BYTES_MIN {
            return Err(wrong("its hash is short"));
        }
        let params = Params::try_from(&hash).map_err(|_| wrong("its parameters are wrong"))?;
        let cost = Cost { memory_kib: params.m_cost(), passes: params.t_cost() };
        hasher(cost)?;
        if params.p_cost() > 1 {
            return Err(wrong("it wants more than one lane"));
        }
        Ok(Hash { text: text.to_string(), cost })
    }

    /// A hash that no password has: what is held against the password of a name that is not there,
    /// so that its answer takes as long as for a wrong password of the costliest user.
    pub(super) fn of_nobody<'a>(users: impl Iterator<Item = &'a Hash>) -> Hash {
        let work = |cost: &Cost| u64::from(cost.memory_kib) * u64::from(cost.passes);
        let cost = users.map(|hash| hash.cost).max_by_key(work).unwrap_or_default();
        let Cost { memory_kib, passes } = cost;
        let (salt, hash) = ("A".repeat(22), "A".repeat(43));
        let text = format!("$argon2id$v=19$m={memory_kib},t={passes},p=1${salt}${hash}");
        Hash { text, cost }
    }

    #[cfg(test)]
    pub(super) fn phc(&self) -> &str {
        &self.text
    }

    pub(super) fn fits(&self, folded_password: &[u8]) -> bool {
        Argon2::default().verify_password(folded_password, self.text.as_str()).is_ok()
    }
}

fn hasher(cost: Cost) -> Result<Argon2<'static>, PasswordError> {
    let Cost { memory_kib, passes } = cost;
    if memory_kib > ARGON2_MEMORY_KIB_MAX || passes > ARGON2_PASSES_MAX {
        return Err(PasswordError::Cost(cost));
    }
    let params = Params::new(memory_kib, passes, 1, None).map_err(|_| PasswordError::Cost(cost))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Without case.
pub(super) fn folded(text: &[u8]) -> Vec<u8> {
    text.to_ascii_lowercase()
}
