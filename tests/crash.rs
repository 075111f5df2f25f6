//! Processes of an exchange that die: by kill -9 at any moment, and by a command that panics them.

#[path = "crash/exchange.rs"]
mod exchange;
#[path = "crash/kills.rs"]
mod kills;
#[path = "crash/log.rs"]
mod log;
#[path = "crash/process.rs"]
mod process;
#[path = "crash/quarantine.rs"]
mod quarantine;
#[path = "crash/script.rs"]
mod script;
#[path = "crash/witness.rs"]
mod witness;
