//! How many threads kernels use, and how work is split among them.
//!
//! The split never changes a result: every number is computed by one thread, in one order.
//!
//! The caller works too, beside helpers that wait for the next piece of work: for a moment by
//! spinning, because a recurrent step takes microseconds and waking a sleeper takes tens of them,
//! for two milliseconds by letting others run in between, then asleep.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};
use std::thread::{JoinHandle, Thread, available_parallelism, yield_now};
use std::time::{Duration, Instant};

use crate::cores::{Cores, system::Allowed};
use crate::denormals::FlushDenormals;

static CREW: RwLock<Option<Arc<Crew>>> = RwLock::new(None);

/// Sets the number of threads for all kernels from now on.
///
/// # Panics
///
/// When the operating system refuses to start that many threads.
pub fn set(count: NonZeroUsize) {
    let crew = Arc::new(Crew::start(count.get() - 1));
    *CREW.write().unwrap_or_else(PoisonError::into_inner) = Some(crew);
}

/// How many threads kernels use: what [`set`] said, else one per core.
pub fn get() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(crew().helpers.len())
}

fn crew() -> Arc<Crew> {
    if let Some(crew) = &*CREW.read().unwrap_or_else(PoisonError::into_inner) {
        return Arc::clone(crew);
    }
    let mut slot = CREW.write().unwrap_or_else(PoisonError::into_inner);
    let crew = slot.get_or_insert_with(|| {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Arc::new(Crew::start(cores - 1))
    });
    Arc::clone(crew)
}

/// Calls `work(0)` … `work(parts - 1)`, on as many threads as there are parts and threads.
///
/// If another caller has the helpers at the moment, this one does all parts alone, one by one.
pub(crate) fn each(parts: usize, work: impl Fn(usize) + Sync) {
    let guarded = |part| {
        let _flush = FlushDenormals::start();
        work(part);
    };
    let alone = || (0..parts).for_each(guarded);
    if parts <= 1 {
        return alone();
    }
    let crew = crew();
    let Some(turn) = crew.take() else {
        return alone();
    };
    let workers = parts.min(crew.helpers.len() + 1);
    let share = |worker| (worker..parts).step_by(workers).for_each(guarded);
    turn.run(workers, &share);
}

/// Calls `work` with every item, on as many threads as there are items and threads; each takes the next item
/// when it is done with one.
///
/// If another caller has the helpers at the moment, this one does all items alone. Denormal numbers are
/// flushed to zero in between, as in every kernel.
///
/// # Panics
///
/// When `work` does.
pub fn deal_out<I: Send>(items: Vec<I>, work: impl Fn(I) + Sync) {
    let workers = get().get().min(items.len());
    let items = Mutex::new(items.into_iter());
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    each(workers, |_| {
        while let Some(item) = next() {
            work(item);
        }
    });
}

/// Calls `work(part, barrier)` for at most `wanted` parts at the same time, so that they can wait
/// for each other; for one part only, if the helpers are not to be had.
pub(crate) fn together(wanted: usize, work: impl Fn(usize, &Barrier) + Sync) {
    let crew = crew();
    let turn = if wanted > 1 { crew.take() } else { None };
    let parts = match &turn {
        Some(_) => wanted.min(crew.helpers.len() + 1),
        None => 1,
    };
    let barrier = Barrier::new(parts);
    let guarded = |part| {
        let _flush = FlushDenormals::start();
        let _breaks = BreaksOnPanic(&barrier);
        work(part, &barrier);
    };
    match turn {
        Some(turn) if parts > 1 => turn.run(parts, &guarded),
        _ => guarded(0),
    }
}

/// In how many parts to split the moving of so many numbers: one, where waking a second thread costs more than
/// it saves.
pub(crate) fn to_move(numbers: usize) -> usize {
    const WORTH_A_THREAD: usize = 1 << 16;
    match numbers < WORTH_A_THREAD {
        true => 1,
        false => get().get(),
    }
}

/// The `part`-th of `parts` nearly equal ranges that make up 0 … `count`.
pub(crate) fn range(count: usize, parts: usize, part: usize) -> std::ops::Range<usize> {
    count * part / parts..count * (part + 1) / parts
}

/// How often a waiting thread looks again before it lets others run.
const SPINS: usize = 2_000;
/// How long an idle helper looks again, letting others run in between, before it goes to sleep: longer
/// than what lies between two pieces of work in a training (a loss, an update of small weights), because
/// to be woken takes a helper as long as a whole piece of work may.
const PATIENCE: Duration = Duration::from_millis(2);

/// Waits until `done`, spinning at first.
fn wait_until(done: impl Fn() -> bool) {
    let mut spins = 0;
    while !done() {
        if spins < SPINS {
            spins += 1;
            std::hint::spin_loop();
        } else {
            yield_now();
        }
    }
}

/// Where the parts of one piece of work wait for each other.
pub(crate) struct Barrier {
    parts: usize,
    arrived: AtomicUsize,
    round: AtomicUsize,
    broken: AtomicBool,
}

/// Lets nobody wait for a part that panicked.
struct BreaksOnPanic<'a>(&'a Barrier);

impl Drop for BreaksOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Release);
        }
    }
}

impl Barrier {
    fn new(parts: usize) -> Self {
        Self {
            parts,
            arrived: AtomicUsize::new(0),
            round: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        }
    }

    /// How many parts there are.
    pub(crate) fn parts(&self) -> usize {
        self.parts
    }

    /// Returns when every part has called it as often as this one.
    ///
    /// # Panics
    ///
    /// When another part panicked.
    pub(crate) fn wait(&self) {
        if self.parts == 1 {
            return;
        }
        let round = self.round.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.parts {
            self.arrived.store(0, Ordering::Relaxed);
            self.round.store(round.wrapping_add(1), Ordering::Release);
        } else {
            let broken = || self.broken.load(Ordering::Acquire);
            wait_until(|| self.round.load(Ordering::Acquire) != round || broken());
            assert!(!broken(), "another part of this work panicked");
        }
    }
}

/// The helpers and what they are told.
struct Crew {
    helpers: Vec<Helper>,
    orders: Arc<Orders>,
    /// Held by the caller whose work the helpers do.
    busy: Mutex<()>,
}

struct Helper {
    thread: Thread,
    join: Option<JoinHandle<()>>,
}

/// A piece of work: a closure of the caller's, who waits until nobody uses it any more.
type Job = *const (dyn Fn(usize) + Sync);

struct Orders {
    /// The job at hand and its number of workers; only read after `round` says that it is there.
    job: Mutex<Option<(JobPointer, usize)>>,
    /// Goes up with every job.
    round: AtomicUsize,
    /// How many helpers are through with the job at hand.
    finished: AtomicUsize,
    asleep: AtomicUsize,
    panicked: AtomicBool,
    over: AtomicBool,
    cores: Cores,
}

#[derive(Clone, Copy)]
struct JobPointer(Job);

// SAFETY: the closure is `Sync`, and its owner waits for every thread that calls it.
unsafe impl Send for JobPointer {}

/// The right to use the helpers.
struct Turn<'a> {
    crew: &'a Crew,
    _busy: std::sync::MutexGuard<'a, ()>,
}

impl Crew {
    fn start(count: usize) -> Self {
        let orders = Arc::new(Orders {
            job: Mutex::new(None),
            round: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
            asleep: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            over: AtomicBool::new(false),
            cores: Cores::new(count + 1),
        });
        let helpers = (1..=count).map(|worker| {
            let orders = Arc::clone(&orders);
            let join = std::thread::Builder::new()
                .name(format!("elman-{worker}"))
                .spawn(move || orders.follow(worker))
                .unwrap_or_else(|error| panic!("cannot start {count} threads: {error}"));
            Helper {
                thread: join.thread().clone(),
                join: Some(join),
            }
        });
        Self {
            helpers: helpers.collect(),
            orders,
            busy: Mutex::new(()),
        }
    }

    fn take(&self) -> Option<Turn<'_>> {
        if self.helpers.is_empty() {
            return None;
        }
        let busy = match self.busy.try_lock() {
            Ok(busy) => busy,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Turn {
            crew: self,
            _busy: busy,
        })
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.orders.over.store(true, Ordering::Release);
        self.orders.round.fetch_add(1, Ordering::Release);
        for helper in &mut self.helpers {
            helper.thread.unpark();
            if let Some(join) = helper.join.take() {
                // A helper's panic was already handed to the caller whose work it was.
                let _ = join.join();
            }
        }
    }
}

impl Turn<'_> {
    /// Calls `work(0)` here and `work(1)` … `work(workers - 1)` on helpers.
    fn run(self, workers: usize, work: &(dyn Fn(usize) + Sync)) {
        let orders = &*self.crew.orders;
        // SAFETY: only the lifetime changes; this function does not return, nor unwind, before
        // every helper has said that it is through with the job.
        let job = unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), Job>(work) };
        *orders.job.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((JobPointer(job), workers));
        orders.finished.store(0, Ordering::Relaxed);
        orders.cores.report(0);
        orders.round.fetch_add(1, Ordering::SeqCst);
        if orders.asleep.load(Ordering::SeqCst) > 0 {
            for helper in &self.crew.helpers {
                helper.thread.unpark();
            }
        }
        let mine = catch_unwind(AssertUnwindSafe(|| work(0)));
        let helpers = self.crew.helpers.len();
        wait_until(|| orders.finished.load(Ordering::Acquire) == helpers);
        let panicked = orders.panicked.swap(false, Ordering::AcqRel);
        if let Err(panic) = mine {
            resume_unwind(panic);
        }
        assert!(
            !panicked,
            "a helper thread panicked; its message stands above"
        );
    }
}

impl Orders {
    /// What a helper does all its life.
    fn follow(&self, worker: usize) {
        let allowed = Allowed::of_this_thread();
        let mut seen = 0;
        loop {
            self.wait_for_news(seen);
            seen = seen.wrapping_add(1);
            if self.over.load(Ordering::Acquire) {
                return;
            }
            let job = *self.job.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((job, workers)) = job
                && worker < workers
            {
                self.cores.keep_apart(worker, &allowed);
                // SAFETY: the caller waits until `finished` counts this helper.
                let work = unsafe { &*job.0 };
                if catch_unwind(AssertUnwindSafe(|| work(worker))).is_err() {
                    self.panicked.store(true, Ordering::Release);
                }
            }
            self.finished.fetch_add(1, Ordering::Release);
        }
    }

    fn wait_for_news(&self, seen: usize) {
        let news = || self.round.load(Ordering::SeqCst) != seen;
        for _ in 0..SPINS {
            if news() {
                return;
            }
            std::hint::spin_loop();
        }
        let idle = Instant::now();
        while idle.elapsed() < PATIENCE {
            if news() {
                return;
            }
            yield_now();
        }
        self.asleep.fetch_add(1, Ordering::SeqCst);
        while !news() {
            std::thread::park();
        }
        self.asleep.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn each_part_runs_once_whoever_else_calls() {
        let callers = 4;
        std::thread::scope(|scope| {
            for _ in 0..callers {
                scope.spawn(|| {
                    for round in 0..200 {
                        let parts = round % 7;
                        let runs: Vec<AtomicUsize> =
                            (0..parts).map(|_| AtomicUsize::new(0)).collect();
                        each(parts, |part| {
                            runs[part].fetch_add(1, Ordering::Relaxed);
                        });
                        assert!(runs.iter().all(|runs| runs.load(Ordering::Relaxed) == 1));
                    }
                });
            }
        });
    }

    #[test]
    fn every_item_is_dealt_out_once() {
        for count in [0, 1, 2, 50] {
            let mut places = vec![0_usize; count];
            let items: Vec<_> = places.iter_mut().enumerate().collect();
            deal_out(items, |(at, place)| *place += at + 1);
            assert_eq!(places, (1..=count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn parts_wait_for_each_other() {
        let crew = Crew::start(3);
        for _ in 0..20 {
            let turn = crew.take().expect("nobody else uses this crew");
            let barrier = Barrier::new(4);
            let sum = AtomicUsize::new(0);
            turn.run(4, &|_| {
                for round in 1..=10 {
                    sum.fetch_add(1, Ordering::Relaxed);
                    barrier.wait();
                    assert_eq!(sum.load(Ordering::Relaxed), 4 * round);
                    barrier.wait();
                }
            });
        }
    }

    #[test]
    fn a_helpers_panic_reaches_the_caller_and_the_crew_goes_on() {
        let crew = Crew::start(1);
        let turn = crew.take().expect("nobody else uses this crew");
        let result = catch_unwind(AssertUnwindSafe(|| {
            turn.run(2, &|worker| assert_eq!(worker, 0, "this panic is wanted"));
        }));
        assert!(result.is_err());
        let ran = AtomicUsize::new(0);
        let turn = crew.take().expect("the turn before is over");
        turn.run(2, &|_| {
            ran.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(ran.into_inner(), 2);
    }
}
