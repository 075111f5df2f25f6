//! The store's lock, held by its writer and lent to its helpers for one step at a time.
//!
//! A helper on another thread may be making a segment, or a mark, at the moment when the writer
//! goes. The lock is given back when that step has ended, and no step begins afterwards: a next
//! writer never meets a helper of the one before, and never waits for one that is not run.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::disk::DiskFile;

/// A writer's time with a store. Clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Tenure(Arc<RwLock<Option<Box<dyn DiskFile>>>>);

/// While it lives, the store is not given back.
pub(super) struct Step<'a>(
    #[expect(dead_code, reason = "held for its drop")]
    RwLockReadGuard<'a, Option<Box<dyn DiskFile>>>,
);

impl Tenure {
    /// Begins with the locked file.
    pub(super) fn new(lock: Box<dyn DiskFile>) -> Self {
        Self(Arc::new(RwLock::new(Some(lock))))
    }

    /// Begins a step; `None` when the writer is gone.
    pub(super) fn step(&self) -> Option<Step<'_>> {
        let lock = self.0.read().unwrap_or_else(PoisonError::into_inner);
        lock.is_some().then(|| Step(lock))
    }

    /// The writer goes: waits for the steps that have begun, and gives the lock back.
    pub(super) fn end(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Disk, MemoryDisk};
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn the_lock_is_given_back_between_steps() {
        let (disk, path) = (MemoryDisk::default(), Path::new("/lock"));
        let lock = || {
            let file = disk.create(path).unwrap();
            file.try_lock().unwrap().then_some(file)
        };
        let tenure = Tenure::new(lock().unwrap());
        let (helper, ended) = (tenure.clone(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let step = helper.step().unwrap();
            let other = helper.step();
            assert!(other.is_some(), "steps do not wait for each other");
            scope.spawn(|| {
                tenure.end();
                ended.store(true, Ordering::Release);
            });
            for _ in 0..1_000 {
                std::thread::yield_now();
                assert!(!ended.load(Ordering::Acquire) && lock().is_none());
            }
            drop((step, other));
        });
        assert!(lock().is_some() && helper.step().is_none());
    }
}
