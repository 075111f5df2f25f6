//! Who may do what: members, users, accounts, sessions, and the sources that commands come from.
//!
//! ```text
//!   member ◀── user
//!     ▲  ▲──── session (open or closed, outbound numbers)
//!     └─────── account (state, limits, self-trade policy)
//! ```
//!
//! Pure records and the checks over them; money and shares are in `orders`, and the commands that
//! change these records are in `state_machine`.

mod access;
mod records;

pub use records::{Account, AccountLimits, Accounts, Member, Session, User};
