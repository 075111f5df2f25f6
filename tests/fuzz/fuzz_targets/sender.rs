//! Fuzzes the target `sender` of `targets.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| isochron_fuzz::run("sender", bytes));
