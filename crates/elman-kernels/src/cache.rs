//! The processor's cache: how large its lines are, and asking for one before it is needed.

/// The bytes of a line.
pub(crate) const LINE: usize = 64;

/// Asks for the line of the cache in which `pointer` points, which need not be good for a read. On
/// machines without a stable intrinsic for it, nothing.
#[inline(always)]
pub(crate) fn prefetch<T>(pointer: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 has it, and it faults at no address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(pointer.cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = pointer;
}

/// Asks for all lines of `count` numbers.
#[inline(always)]
pub(crate) fn prefetch_all<T>(pointer: *const T, count: usize) {
    let numbers_of_a_line = LINE / size_of::<T>();
    for first in (0..count).step_by(numbers_of_a_line) {
        prefetch(pointer.wrapping_add(first));
    }
}
