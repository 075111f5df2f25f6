//! Exchanges that die, by kill -9, by a loss of power and by a command that panics them, and disks
//! without space.

#[path = "crash/exchange.rs"]
mod exchange;
#[path = "crash/full_disk.rs"]
mod full_disk;
#[path = "crash/images.rs"]
mod images;
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
