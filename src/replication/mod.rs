//! The event store on other machines: one log, one multicast, repaired by whoever missed a part.
//!
//! ```text
//!  store ─▶ sender ══ SETUP, DATA, PAD, heartbeats ══▶ group          ─▶ receiver ─▶ store
//!              ▲════ status messages, requests (NAK) ══ group + 1 ◀══════════╯
//! ```
//!
//! The wire is Aeron's, byte for byte, so that a stock Aeron program can follow the stream too. A
//! position in the store is the position on the wire, and the bytes that go out are the store's.

pub mod catch_up;
pub mod channel;
pub mod frame;
pub mod receiver;
pub mod sender;
