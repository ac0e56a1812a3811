//! A number from memory in every lane, for the factors of a tile.
//!
//! A tile of four rows by three vectors takes all sixteen registers of AVX2: twelve sums, three vectors of
//! weights and a factor. LLVM reads the factors of all rows before the first is used, runs out of
//! registers and keeps a sum in memory, which every round then waits for: less than half the speed. An
//! instruction that it does not look into stays where it is written.

use pulp::Simd;

use crate::real::Real;

/// The number at `pointer` in every lane.
///
/// # Safety
///
/// `pointer` is good for a read.
#[inline(always)]
pub(crate) unsafe fn broadcast<S: Simd, T: Real>(simd: S, pointer: *const T) -> T::Vector<S> {
    #[cfg(target_arch = "x86_64")]
    if std::any::TypeId::of::<S>() == std::any::TypeId::of::<pulp::x86::V3>() {
        // SAFETY: the caller's promise; where there is a V3, there is AVX.
        return pulp::bytemuck::cast(unsafe { avx(pointer) });
    }
    // SAFETY: the caller's promise.
    T::splat(simd, unsafe { *pointer })
}

/// # Safety
///
/// As [`broadcast`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
#[inline]
unsafe fn avx<T: Real>(pointer: *const T) -> std::arch::x86_64::__m256 {
    use std::arch::asm;

    let vector;
    // SAFETY: both read one number, by the caller's promise, and change nothing else.
    unsafe {
        match size_of::<T>() {
            4 => asm!(
                "vbroadcastss {vector}, dword ptr [{pointer}]",
                vector = out(ymm_reg) vector,
                pointer = in(reg) pointer,
                options(pure, readonly, nostack, preserves_flags),
            ),
            _ => asm!(
                "vbroadcastsd {vector}, qword ptr [{pointer}]",
                vector = out(ymm_reg) vector,
                pointer = in(reg) pointer,
                options(pure, readonly, nostack, preserves_flags),
            ),
        }
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Isa, Work};
    use crate::real::Lanes;

    struct Broadcast<'a, T>(&'a T);

    impl<T: Real> Work for Broadcast<'_, T> {
        type Output = Vec<T>;

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> Self::Output {
            let mut lanes = vec![T::default(); Lanes::<S, T>::COUNT];
            // SAFETY: the vector is as long as the lanes.
            unsafe { Lanes::<S, T>::broadcast(simd, self.0).store(lanes.as_mut_ptr()) };
            lanes
        }
    }

    #[test]
    fn every_lane_has_the_number() {
        for isa in Isa::available() {
            let single = isa.run(Broadcast(&-0.1_f32));
            assert!(
                single.iter().all(|&lane| lane == -0.1),
                "{isa:?} {single:?}"
            );
            let double = isa.run(Broadcast(&-0.1_f64));
            assert!(
                double.iter().all(|&lane| lane == -0.1),
                "{isa:?} {double:?}"
            );
        }
    }
}
