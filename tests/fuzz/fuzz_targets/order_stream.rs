//! Fuzzes the target `order_stream` of `targets.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| isochron_fuzz::run("order_stream", bytes));
