//! Which core a thread runs on, and how it leaves one that another thread needs.
//!
//! Threads that work on one sequence and wait for each other must not share a core. Schedulers
//! that pack threads on few cores (as those of virtual machines may) do put a helper on the core
//! of the thread that woke it. So a helper that finds itself there moves. Only Linux can be asked.

use std::sync::atomic::{AtomicUsize, Ordering};

/// No core.
const NOWHERE: usize = usize::MAX;

/// Where each worker of a crew runs; worker 0 is the caller.
#[derive(Debug)]
pub(crate) struct Cores(Vec<AtomicUsize>);

impl Cores {
    pub(crate) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| AtomicUsize::new(NOWHERE)).collect())
    }

    /// Says where `worker`, the thread that calls this, runs.
    pub(crate) fn report(&self, worker: usize) {
        self.0[worker].store(system::current().unwrap_or(NOWHERE), Ordering::Relaxed);
    }

    /// Moves the thread that calls this, `worker`, off the cores of the workers before it, if it
    /// runs on one of them and there are enough of `allowed`; says where it is then.
    pub(crate) fn keep_apart(&self, worker: usize, allowed: &system::Allowed) {
        let Some(here) = system::current() else {
            return;
        };
        let earlier = || {
            self.0[..worker]
                .iter()
                .map(|core| core.load(Ordering::Relaxed))
        };
        if earlier().any(|core| core == here) {
            allowed.leave(earlier());
        }
        self.report(worker);
    }
}

#[cfg(target_os = "linux")]
pub(crate) mod system {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

    /// The cores that a thread may use.
    #[derive(Debug)]
    pub(crate) struct Allowed(Option<CpuSet>);

    impl Allowed {
        /// Those of the thread that calls this.
        pub(crate) fn of_this_thread() -> Self {
            Self(sched_getaffinity(None).ok())
        }

        /// Keeps the thread that calls this off `taken`, if that leaves a core; where the system
        /// refuses, it stays where it is.
        pub(crate) fn leave(&self, taken: impl Iterator<Item = usize>) {
            let Some(mut left) = self.0 else {
                return;
            };
            for core in taken.filter(|&core| core < CpuSet::MAX_CPU) {
                left.unset(core);
            }
            if left.count() > 0 {
                let _ = sched_setaffinity(None, &left);
            }
        }
    }

    /// The core on which the thread that calls this runs.
    pub(crate) fn current() -> Option<usize> {
        Some(sched_getcpu())
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) mod system {
    /// The cores that a thread may use: not known here.
    #[derive(Debug)]
    pub(crate) struct Allowed;

    impl Allowed {
        pub(crate) fn of_this_thread() -> Self {
            Self
        }

        pub(crate) fn leave(&self, _: impl Iterator<Item = usize>) {}
    }

    /// Not known here.
    pub(crate) fn current() -> Option<usize> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{Cores, system};

    #[test]
    fn a_worker_leaves_the_core_of_an_earlier_one() {
        std::thread::spawn(|| {
            let several = std::thread::available_parallelism().unwrap().get() > 1;
            let allowed = system::Allowed::of_this_thread();
            let cores = Cores::new(2);
            cores.report(0);
            let before = cores.0[0].load(super::Ordering::Relaxed);
            cores.keep_apart(1, &allowed);
            let after = cores.0[1].load(super::Ordering::Relaxed);
            assert_eq!(before != after, several);
        })
        .join()
        .unwrap();
    }
}
