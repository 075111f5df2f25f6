//! Fuzzes the target `books` of `targets.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| isochron_fuzz::run("books", bytes));
