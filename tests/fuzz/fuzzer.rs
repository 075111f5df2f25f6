//! Fuzzes the target of `targets.rs` that `ISOCHRON_FUZZ_TARGET` names.
#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<String> = LazyLock::new(|| {
    std::env::var("ISOCHRON_FUZZ_TARGET").expect("ISOCHRON_FUZZ_TARGET names the target")
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| isochron_fuzz::run(&TARGET, bytes));
