//! What the processor does at the most: multiply-adds that wait neither for memory nor for each other.

use std::hint::black_box;

use pulp::Simd;

use crate::isa::{Isa, Work};
use crate::real::{Lanes, Real};
use crate::threads;

/// Computes `rounds` rounds of multiply-adds on registers alone, on all threads at the same time, and says
/// how many floating-point operations that were: two for each lane of each.
///
/// Timed, it is the ceiling of every kernel here.
pub fn peak<T: Real>(rounds: usize, isa: Isa) -> f64 {
    let threads = threads::get().get();
    threads::each(threads, |_| {
        isa.run(Chains::<T> {
            rounds,
            factor: T::from_f64(0.999),
            addend: T::from_f64(0.001),
        });
    });
    let lanes = isa.lanes::<T>();
    2.0 * (threads * rounds * CHAINS * lanes) as f64
}

/// As many as a tile has on a machine with 16 registers: machines start at most three multiply-adds a
/// cycle, and end each after four.
const CHAINS: usize = 12;

struct Chains<T> {
    rounds: usize,
    factor: T,
    addend: T,
}

impl<T: Real> Work for Chains<T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let factor = Lanes::splat(simd, black_box(self.factor));
        let addend = Lanes::splat(simd, black_box(self.addend));
        let mut sums: [Lanes<S, T>; CHAINS] =
            std::array::from_fn(|chain| Lanes::splat(simd, T::from_f64(chain as f64)));
        for _ in 0..self.rounds {
            for sum in &mut sums {
                *sum = sum.mul_add(factor, addend);
            }
        }
        for sum in sums {
            black_box(sum.sum());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_counted_for_each_lane_and_thread() {
        for isa in Isa::available() {
            let of_one_thread = 2.0 * 1000.0 * 12.0 * isa.lanes::<f64>() as f64;
            let found = peak::<f64>(1000, isa) / of_one_thread;
            assert!(found >= 1.0 && found.fract() == 0.0, "{isa:?}: {found}");
        }
    }
}
