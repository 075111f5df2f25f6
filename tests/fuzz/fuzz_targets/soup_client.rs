//! Fuzzes the target `soup_client` of `targets.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| isochron_fuzz::run("soup_client", bytes));
