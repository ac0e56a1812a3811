//! Cores and clocks.

use std::time::{Duration, Instant};

/// Keeps this process, with all threads that it starts from here on, on the first `threads` cores
/// that it may use, so that the guest does not put two threads on one core.
///
/// Only Linux can; elsewhere this does nothing.
///
/// # Errors
///
/// When the system refuses, or there are fewer cores.
pub fn pin_to_first_cores(threads: usize) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
        let allowed = sched_getaffinity(None)?;
        let mut chosen = CpuSet::new();
        (0..CpuSet::MAX_CPU)
            .filter(|&core| allowed.is_set(core))
            .take(threads)
            .for_each(|core| chosen.set(core));
        if (chosen.count() as usize) < threads {
            return Err(std::io::Error::other(format!(
                "{threads} threads need as many cores, but this process may use {} only",
                chosen.count()
            )));
        }
        sched_setaffinity(None, &chosen)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = threads;
    Ok(())
}

/// Processor time that this process has used so far, all threads together; `None` where the
/// system does not say.
fn processor_time() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    {
        use rustix::time::{ClockId, clock_gettime};
        let now = clock_gettime(ClockId::ProcessCPUTime);
        Some(Duration::new(now.tv_sec as u64, now.tv_nsec as u32))
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Measures wall time and processor time from its creation on.
#[derive(Debug)]
pub struct Stopwatch {
    wall: Instant,
    processor: Option<Duration>,
}

impl Stopwatch {
    /// Starts.
    #[expect(
        clippy::new_without_default,
        reason = "a default that reads a clock surprises"
    )]
    pub fn new() -> Self {
        Self {
            processor: processor_time(),
            wall: Instant::now(),
        }
    }

    /// Wall time since the start, and processor time over wall time where the system
    /// says it.
    pub fn stop(&self) -> (Duration, Option<f64>) {
        let wall = self.wall.elapsed();
        let processor = processor_time().zip(self.processor);
        let ratio =
            processor.map(|(after, before)| (after - before).as_secs_f64() / wall.as_secs_f64());
        (wall, ratio)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn wall_time_passes_asleep_and_processor_time_when_busy() {
        let asleep = Stopwatch::new();
        std::thread::sleep(Duration::from_millis(50));
        let (wall, ratio) = asleep.stop();
        assert!(wall >= Duration::from_millis(50));
        assert!(ratio.is_some());

        let before = processor_time().unwrap();
        let busy = Instant::now();
        while busy.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        assert!(processor_time().unwrap() > before);
    }

    #[test]
    fn more_threads_than_cores_are_refused() {
        let error = pin_to_first_cores(100_000).unwrap_err().to_string();
        assert!(error.contains("100000 threads"), "{error}");
    }
}
