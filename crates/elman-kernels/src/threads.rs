//! How many threads kernels use, and how work is split among them.
//!
//! The split never changes a result: every number is computed by one thread, in one order.

use std::num::NonZeroUsize;
use std::sync::{Arc, PoisonError, RwLock};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::denormals::FlushDenormals;

static POOL: RwLock<Option<Arc<ThreadPool>>> = RwLock::new(None);

/// Sets the number of threads for all kernels from now on.
///
/// # Panics
///
/// When the operating system refuses to start that many threads.
pub fn set(count: NonZeroUsize) {
    let pool = build(count);
    *POOL.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(pool));
}

/// How many threads kernels use: what [`set`] said, else `RAYON_NUM_THREADS`, else one per core.
pub fn get() -> NonZeroUsize {
    NonZeroUsize::new(pool().current_num_threads()).unwrap_or(NonZeroUsize::MIN)
}

fn build(count: NonZeroUsize) -> ThreadPool {
    ThreadPoolBuilder::new()
        .num_threads(count.get())
        .thread_name(|index| format!("elman-{index}"))
        .build()
        .unwrap_or_else(|error| panic!("cannot start {count} threads: {error}"))
}

fn pool() -> Arc<ThreadPool> {
    if let Some(pool) = &*POOL.read().unwrap_or_else(PoisonError::into_inner) {
        return Arc::clone(pool);
    }
    let mut slot = POOL.write().unwrap_or_else(PoisonError::into_inner);
    let pool = slot.get_or_insert_with(|| {
        let wanted = std::env::var("RAYON_NUM_THREADS")
            .ok()
            .and_then(|text| text.parse().ok());
        let count = wanted
            .or_else(|| std::thread::available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN);
        Arc::new(build(count))
    });
    Arc::clone(pool)
}

/// Calls `work(0)` … `work(parts - 1)`, on as many threads as there are parts and threads.
///
/// One part runs on the calling thread, at no cost.
pub(crate) fn each(parts: usize, work: impl Fn(usize) + Sync) {
    let guarded = |part| {
        let _flush = FlushDenormals::start();
        work(part);
    };
    if parts <= 1 {
        (0..parts).for_each(guarded);
        return;
    }
    pool().scope(|scope| {
        for part in 1..parts {
            let guarded = &guarded;
            scope.spawn(move |_| guarded(part));
        }
        guarded(0);
    });
}

/// The `part`-th of `parts` nearly equal ranges that make up 0 … `count`.
pub(crate) fn range(count: usize, parts: usize, part: usize) -> std::ops::Range<usize> {
    count * part / parts..count * (part + 1) / parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn ranges_cover_everything_once() {
        for count in [0, 1, 7, 64] {
            for parts in [1, 2, 3, 8] {
                let mut next = 0;
                for part in 0..parts {
                    let range = range(count, parts, part);
                    assert_eq!(range.start, next);
                    next = range.end;
                }
                assert_eq!(next, count);
            }
        }
    }

    #[test]
    fn each_part_runs_once() {
        let runs: Vec<AtomicUsize> = (0..5).map(|_| AtomicUsize::new(0)).collect();
        each(5, |part| {
            runs[part].fetch_add(1, Ordering::Relaxed);
        });
        assert!(runs.iter().all(|runs| runs.load(Ordering::Relaxed) == 1));
    }
}
