//! Who may log in, and how much they get: users, passwords, entitlements, quotas.
//!
//! ```text
//!  login ─▶ check ─┬─ known to be good, or to be wrong ─▶ answered at once
//!                  └─ else queued ─▶ poll_verification ─▶ run (slow) ─▶ on_verified
//!                                    one at a time, inline or on a thread of the shell's
//! ```
//!
//! A password is verified with argon2id, which takes tens of milliseconds by design. The server
//! bounds this work: at most [`VERIFICATIONS_MAX`] wait, each source address gets so many a
//! minute, and the shell runs one at a time, so a stranger who guesses delays other first logins
//! and nothing else. What was found is remembered under a keyed hash, so that a client which comes
//! back, or ten thousand connections of one user, cost one verification. A wrong password is
//! counted against its source, never against the user: nobody can lock another one out.
//!
//! SoupBinTCP carries passwords in clear, ten characters without case. They tell customers apart
//! on a private network; elsewhere, put TLS or a tunnel in front.

mod entitlement;
mod password;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};

use crate::limits::{REFUSED_REMEMBERED_MAX, SOURCES_MAX, USERS_MAX, VERIFICATIONS_MAX};
use crate::rate::{Bucket, Excess, Rate, Sources};
use crate::soup::LoginRequest;
pub use entitlement::{Entitlement, Grant, Purpose};
pub use password::{Cost, PASSWORD_CHARACTERS_MAX, PasswordError, hash_password};
use password::{Hash, folded};

/// The longest name of a user, in characters: SoupBinTCP's field.
pub const USER_CHARACTERS_MAX: usize = 6;

/// A name as it is compared: case folded, padded with blanks on the right.
type Name = [u8; USER_CHARACTERS_MAX];

/// What is remembered of name and password.
type Tag = [u8; 32];

/// How much a user gets. Each is a bucket that holds so many and fills at that pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Logins that were let in, a minute.
    pub logins_per_minute: u32,
    /// Connections at once.
    pub connections_max: u32,
    /// Messages that were repeated, in replays and snapshots, in 24 hours. What is new is free.
    pub replayed_messages_per_day: u64,
}

impl Default for Quota {
    /// 60 logins a minute, 10 connections, a hundred million messages a day.
    fn default() -> Quota {
        Quota { logins_per_minute: 60, connections_max: 10, replayed_messages_per_day: 100_000_000 }
    }
}

/// One user, as a configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Up to six characters; case does not matter.
    pub name: String,
    /// Of [`hash_password`].
    pub password_hash: String,
    /// What they may see.
    pub entitlement: Entitlement,
    /// How much of it.
    pub quota: Quota,
}

/// Why a list of users is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserError {
    /// A name that does not fit its field.
    Name {
        /// The name.
        name: String,
    },
    /// A name that is there twice (case does not matter).
    Twice {
        /// The name.
        name: String,
    },
    /// A hash that is none.
    Password {
        /// Whose.
        name: String,
        /// What is wrong with it.
        error: PasswordError,
    },
    /// More than [`USERS_MAX`].
    TooMany {
        /// How many.
        users: usize,
    },
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { name } => write!(
                f,
                "user \"{}\": a name has 1 to {USER_CHARACTERS_MAX} characters of printable \
                 ASCII and no blank at an end",
                name.escape_debug()
            ),
            Self::Twice { name } => write!(f, "user \"{name}\" is there twice"),
            Self::Password { name, error } => write!(f, "user \"{name}\": {error}"),
            Self::TooMany { users } => write!(f, "{users} users, at most {USERS_MAX} are taken"),
        }
    }
}

impl std::error::Error for UserError {}

/// Why somebody is not let in, or gets no more. The text goes to the client in a debug packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No such user, or another password.
    Unauthorized,
    /// Too many passwords wait to be verified.
    Busy {
        /// Seconds.
        retry_after_s: u64,
    },
    /// Too many passwords from one address that were not known.
    Guessing {
        /// Seconds.
        retry_after_s: u64,
    },
    /// Too many logins.
    Logins {
        /// How many a minute.
        limit: u32,
        /// Seconds.
        retry_after_s: u64,
    },
    /// Too many connections at once.
    Connections {
        /// How many.
        limit: u32,
    },
    /// More repeated messages than the rest of the day's.
    Messages {
        /// How many were asked for.
        asked: u64,
        /// How many there are now.
        left: u64,
        /// How many a day.
        limit: u64,
        /// Seconds; `None` where the day's would never be enough.
        retry_after_s: Option<u64>,
    },
}

impl Refusal {
    /// When it makes sense to come again.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u64> {
        match *self {
            Refusal::Unauthorized => None,
            Refusal::Connections { .. } => Some(1),
            Refusal::Busy { retry_after_s }
            | Refusal::Guessing { retry_after_s }
            | Refusal::Logins { retry_after_s, .. } => Some(retry_after_s),
            Refusal::Messages { retry_after_s, .. } => retry_after_s,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized => write!(f, "unknown user or wrong password"),
            Self::Busy { .. } => write!(f, "too many logins of all users at once"),
            Self::Guessing { .. } => write!(f, "too many unknown passwords from this address"),
            Self::Logins { limit, .. } => write!(f, "quota of {limit} logins a minute"),
            Self::Connections { limit } => write!(f, "quota of {limit} connections at once"),
            Self::Messages { asked, left, limit, .. } => write!(
                f,
                "quota of {limit} repeated messages a day: {asked} asked for, {left} left"
            ),
        }?;
        self.retry_after_s().map_or(Ok(()), |seconds| write!(f, "; retry-after {seconds}"))
    }
}

impl std::error::Error for Refusal {}

/// What is known of a name and a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// They are right.
    Good,
    /// It is being found out; ask again.
    Pending,
    /// They are not let in.
    Refused(Refusal),
}

/// A password to verify: slow, and `Send`, so that a shell can do it where it likes.
pub struct Verification {
    tag: Tag,
    name: Name,
    generation: u64,
    hash: Hash,
    password: Vec<u8>,
}

impl Verification {
    /// Finds out, in tens of milliseconds: not on a thread that must not wait.
    #[must_use]
    pub fn run(&self) -> Verdict {
        let good = self.hash.fits(&self.password);
        Verdict { tag: self.tag, name: self.name, generation: self.generation, good }
    }
}

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verification {{ user: \"{}\" }}", self.name.escape_ascii())
    }
}

/// What was found out: to be given back to [`Access::on_verified`].
#[derive(Debug)]
pub struct Verdict {
    tag: Tag,
    name: Name,
    generation: u64,
    good: bool,
}

/// A user's place among the connections, until it is dropped.
#[derive(Clone, Debug)]
pub struct Admission {
    name: Name,
    entitlement: Arc<Entitlement>,
    /// One more of the account's, counted by its references.
    _place: Arc<()>,
}

impl Admission {
    /// The user's name.
    #[must_use]
    pub fn user(&self) -> &str {
        std::str::from_utf8(&self.name).unwrap_or_default().trim_end()
    }

    /// What the user may see.
    #[must_use]
    pub fn entitlement(&self) -> &Arc<Entitlement> {
        &self.entitlement
    }
}

/// What is known of one user.
struct Account {
    hash: Hash,
    entitlement: Arc<Entitlement>,
    quota: Quota,
    verified: Option<Tag>,
    logins: Bucket,
    messages: Bucket,
    places: Arc<()>,
}

/// All users of a server, shared by its connections.
///
/// Calling order: connections call `check`, `admit` and `charge`; the shell calls
/// `poll_verification` once a turn, runs what it gets, and gives the verdict to `on_verified`.
pub struct Access {
    secret: [u8; 32],
    accounts: BTreeMap<Name, Account>,
    nobody: Hash,
    /// Counts the lists of users, so that a verdict on an older one is not believed.
    generation: u64,
    queued: VecDeque<Verification>,
    /// Queued or being run.
    pending: BTreeSet<Tag>,
    refused: BTreeSet<Tag>,
    refused_order: VecDeque<Tag>,
    guesses: Sources<1>,
}

impl Access {
    /// Verifications that one source address gets in a minute.
    pub const GUESSES: Rate = Rate::per_minute(30);

    /// The users. The secret keys what is remembered of passwords: random bytes, anew with each
    /// start.
    ///
    /// # Errors
    /// Which user cannot be.
    pub fn new(users: &[User], secret: [u8; 32]) -> Result<Access, UserError> {
        let mut access = Access {
            secret,
            accounts: BTreeMap::new(),
            nobody: Hash::of_nobody([].into_iter()),
            generation: 0,
            queued: VecDeque::new(),
            pending: BTreeSet::new(),
            refused: BTreeSet::new(),
            refused_order: VecDeque::new(),
            guesses: Sources::new([Access::GUESSES], SOURCES_MAX),
        };
        access.replace_users(users)?;
        Ok(access)
    }

    /// Takes another list of users. What those who stay have used counts on; connections that
    /// are open keep what they were granted, and those of a user who is gone get no more replay.
    ///
    /// # Errors
    /// Which user cannot be; then nothing has changed.
    pub fn replace_users(&mut self, users: &[User]) -> Result<(), UserError> {
        if users.len() > USERS_MAX {
            return Err(UserError::TooMany { users: users.len() });
        }
        let mut accounts = BTreeMap::new();
        for user in users {
            let name = name_of(&user.name)?;
            let hash = Hash::new(&user.password_hash).map_err(|error| {
                let name = user.name.clone();
                UserError::Password { name, error }
            })?;
            let known = self.accounts.get(&name);
            let same = known.filter(|account| account.hash == hash);
            let account = Account {
                verified: same.and_then(|account| account.verified),
                hash,
                entitlement: Arc::new(user.entitlement.clone()),
                quota: user.quota,
                logins: known.map(|account| account.logins).unwrap_or_default(),
                messages: known.map(|account| account.messages).unwrap_or_default(),
                places: known.map(|account| account.places.clone()).unwrap_or_default(),
            };
            if accounts.insert(name, account).is_some() {
                return Err(UserError::Twice { name: user.name.clone() });
            }
        }
        self.nobody = Hash::of_nobody(accounts.values().map(|account| &account.hash));
        self.accounts = accounts;
        self.generation += 1;
        self.queued.clear();
        self.pending.clear();
        self.refused.clear();
        self.refused_order.clear();
        Ok(())
    }

    /// What is known of a login's name and password; where it is nothing yet, it is queued to be
    /// verified.
    pub fn check(&mut self, login: &LoginRequest, source: IpAddr, now_ns: u64) -> Check {
        let name = padded(login.user());
        let password = folded(login.password());
        let tag = self.tag(&name, &password);
        let account = self.accounts.get(&name);
        if account.is_some_and(|account| account.verified == Some(tag)) {
            return Check::Good;
        }
        if self.pending.contains(&tag) {
            return Check::Pending;
        }
        if self.refused.contains(&tag) {
            return Check::Refused(Refusal::Unauthorized);
        }
        if self.pending.len() >= VERIFICATIONS_MAX {
            return Check::Refused(Refusal::Busy { retry_after_s: 2 });
        }
        if let Err(excess) = self.guesses.take(source, now_ns) {
            let retry_after_s = match excess {
                Excess::Rate { retry_after_ns, .. } => seconds(retry_after_ns).unwrap_or(1),
                Excess::TableFull => 60,
            };
            return Check::Refused(Refusal::Guessing { retry_after_s });
        }
        let hash = account.map_or(&self.nobody, |account| &account.hash).clone();
        let generation = self.generation;
        self.pending.insert(tag);
        self.queued.push_back(Verification { tag, name, generation, hash, password });
        Check::Pending
    }

    /// The next password to verify.
    #[must_use]
    pub fn poll_verification(&mut self) -> Option<Verification> {
        self.queued.pop_front()
    }

    /// Takes what a verification found.
    pub fn on_verified(&mut self, verdict: Verdict) {
        let Verdict { tag, name, generation, good } = verdict;
        if generation != self.generation {
            return;
        }
        self.pending.remove(&tag);
        match self.accounts.get_mut(&name) {
            Some(account) if good => account.verified = Some(tag),
            _ => self.remember_refused(tag),
        }
    }

    /// Lets a user in whose login was found good, if the quotas allow one more.
    ///
    /// # Errors
    /// Which quota does not.
    pub fn admit(&mut self, login: &LoginRequest, now_ns: u64) -> Result<Admission, Refusal> {
        let name = padded(login.user());
        let account = self.accounts.get_mut(&name).ok_or(Refusal::Unauthorized)?;
        let limit = account.quota.connections_max;
        // The account holds the first reference.
        if Arc::strong_count(&account.places) > limit as usize {
            return Err(Refusal::Connections { limit });
        }
        let limit = account.quota.logins_per_minute;
        let taken = account.logins.take(Rate::per_minute(limit.into()), 1, now_ns);
        taken.map_err(|retry_after_ns| {
            let retry_after_s = seconds(retry_after_ns).unwrap_or(60);
            Refusal::Logins { limit, retry_after_s }
        })?;
        let (entitlement, place) = (account.entitlement.clone(), account.places.clone());
        Ok(Admission { name, entitlement, _place: place })
    }

    /// Whether the user has so many messages left; none are taken.
    ///
    /// # Errors
    /// How many are, and when there will be enough.
    pub fn afford(&self, user: &Admission, messages: u64, now_ns: u64) -> Result<(), Refusal> {
        let account = self.accounts.get(&user.name).ok_or(Refusal::Unauthorized)?;
        let limit = account.quota.replayed_messages_per_day;
        let rate = Rate::per_day(limit);
        let wait_ns = account.messages.wait_ns(rate, messages, now_ns);
        if wait_ns == 0 {
            return Ok(());
        }
        let left = account.messages.left(rate, now_ns);
        let retry_after_s = seconds(wait_ns);
        Err(Refusal::Messages { asked: messages, left, limit, retry_after_s })
    }

    /// Takes so many messages from the user's, once they were queued.
    ///
    /// # Errors
    /// There were not so many; all that were left are taken.
    pub fn charge(&mut self, user: &Admission, messages: u64, now_ns: u64) -> Result<(), Refusal> {
        let affordable = self.afford(user, messages, now_ns);
        let account = self.accounts.get_mut(&user.name).ok_or(Refusal::Unauthorized)?;
        let rate = Rate::per_day(account.quota.replayed_messages_per_day);
        let taken = messages.min(account.messages.left(rate, now_ns));
        account.messages.take(rate, taken, now_ns).expect("no more than are left");
        affordable
    }

    /// Connections that the user has now; 0 for a user there is not.
    #[must_use]
    pub fn connections(&self, user: &str) -> usize {
        let account = name_of(user).ok().and_then(|name| self.accounts.get(&name));
        account.map_or(0, |account| Arc::strong_count(&account.places) - 1)
    }

    fn remember_refused(&mut self, tag: Tag) {
        if self.refused.insert(tag) {
            self.refused_order.push_back(tag);
        }
        if self.refused_order.len() > REFUSED_REMEMBERED_MAX {
            let oldest = self.refused_order.pop_front().expect("there are many");
            self.refused.remove(&oldest);
        }
    }

    /// What is remembered of a name and password: worth nothing without the secret.
    fn tag(&self, name: &Name, password: &[u8]) -> Tag {
        let parts = [&self.secret[..], name, password];
        let hash = parts.iter().fold(Blake2b::<U32>::new(), Digest::chain_update);
        hash.finalize().into()
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (users, pending) = (self.accounts.len(), self.pending.len());
        write!(f, "Access {{ users: {users}, passwords to verify: {pending} }}")
    }
}

/// A name as it is compared.
fn name_of(name: &str) -> Result<Name, UserError> {
    let printable = name.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let fits = (1..=USER_CHARACTERS_MAX).contains(&name.len());
    if !printable || !fits || name.trim_matches(' ') != name {
        return Err(UserError::Name { name: name.to_string() });
    }
    Ok(padded(name.as_bytes()))
}

/// At most [`USER_CHARACTERS_MAX`] bytes, folded and with blanks behind them.
fn padded(name: &[u8]) -> Name {
    let mut padded = [b' '; USER_CHARACTERS_MAX];
    padded[..name.len()].copy_from_slice(&folded(name));
    padded
}

/// Whole seconds, not less; `None` for a wait without end.
fn seconds(wait_ns: u64) -> Option<u64> {
    (wait_ns < u64::MAX).then_some(wait_ns.div_ceil(1_000_000_000))
}

#[cfg(test)]
mod tests;
