//! The fuzz targets as a library for `fuzzer.rs`.

mod targets;

use targets::{TARGETS, Target};

fn target(name: &str) -> &'static Target {
    let target = TARGETS.iter().find(|target| target.name == name);
    target.expect("there is such a target")
}

/// Feeds bytes to the target of this name.
///
/// # Panics
/// If there is none, or it fails.
pub fn run(name: &str, bytes: &[u8]) {
    (target(name).run)(bytes);
}

/// What the fuzzer of this target begins with.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn seeds(name: &str) -> Vec<Vec<u8>> {
    (target(name).seeds)()
}
