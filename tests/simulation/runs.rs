//! Many seeds, on as many threads as there are cores: each world has one thread.

use std::any::Any;
use std::cell::Cell;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::lived::Lived;
use crate::planted::Planted;
use crate::world::{NO_PROGRESS, World};

/// What became of many worlds.
#[derive(Default)]
pub(crate) struct Runs {
    /// Seeds whose checks failed, and the first words of why; in order.
    pub(crate) failed: Vec<(u64, String)>,
    /// What the others lived through, summed up.
    pub(crate) lived: Lived,
}

thread_local! {
    /// Where the last panic of this thread was.
    static PLACE: Cell<String> = const { Cell::new(String::new()) };
}

/// Runs all seeds, or until so many have failed.
pub(crate) fn run_all(seeds: Range<u64>, planted: Option<Planted>, failures_max: usize) -> Runs {
    let (next, failures) = (AtomicU64::new(seeds.start), AtomicUsize::new(0));
    let runs = Mutex::new(Runs::default());
    // A panic is a finding here, and told once, with its seed.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|info| {
        PLACE.set(info.location().map_or_else(String::new, ToString::to_string));
    }));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while failures.load(Ordering::Relaxed) < failures_max {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    let world = AssertUnwindSafe(|| World::new(seed, planted).live());
                    let lived = panic::catch_unwind(world);
                    let mut runs = runs.lock().expect("nobody panics with it");
                    match lived {
                        Ok(lived) => runs.lived.add(&lived),
                        Err(panic) => {
                            let why = text(panic.as_ref());
                            // A planted fault is found by the wrong that it does.
                            if planted.is_none() || !why.starts_with(NO_PROGRESS) {
                                failures.fetch_add(1, Ordering::Relaxed);
                                runs.failed.push((seed, why));
                            }
                        }
                    }
                }
            });
        }
    });
    panic::set_hook(hook);
    let mut runs = runs.into_inner().expect("nobody panicked with it");
    runs.failed.sort();
    runs
}

fn text(panic: &(dyn Any + Send)) -> String {
    let place = PLACE.take();
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
    format!("{text} ({place})")
}
