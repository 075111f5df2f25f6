//! Fuzzes the target `replication_wire` of `targets.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| isochron_fuzz::run("replication_wire", bytes));
