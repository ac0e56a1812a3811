//! Softmax and its cross-entropy, row by row.
//!
//! ```text
//! p[v] = exp(x[v] - max x) / Σ exp(x - max x)        loss = ln Σ exp(x - max x) - (x[target] - max x)
//! d x[v] = (p[v] - [v = target]) · d loss
//! ```
//!
//! `tf.nn.sparse_softmax_cross_entropy_with_logits`.

use std::ops::Range;

use pulp::Simd;

use crate::buffer::{Shared, Unwritten};
use crate::isa::{Isa, Work};
use crate::math::exp;
use crate::product::MAX_LANES;
use crate::real::{Lanes, Real};
use crate::threads;

/// Below this many logits, waking a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 1 << 13;
/// How many exponentials are computed side by side.
const GROUP: usize = 3;

/// The losses `[N]` of `logits` `[N, V]` with one target for each row, in nats, and the probabilities
/// `[N, V]`, from which [`cross_entropy_gradient`] goes on.
///
/// # Panics
///
/// When there are not as many logits as targets ask for, or a target is not below `V`.
pub fn cross_entropy<T: Real>(logits: &[T], targets: &[u32], isa: Isa) -> (Vec<T>, Vec<T>) {
    let width = width(logits, targets);
    let mut losses = Unwritten::new(targets.len());
    let mut probabilities = Unwritten::new(logits.len());
    let shared = (losses.shared(), probabilities.shared());
    by_rows(logits.len(), targets.len(), |rows| {
        isa.run(Rows {
            rows,
            width,
            logits,
            targets,
            losses: shared.0,
            probabilities: shared.1,
        });
    });
    // SAFETY: every row of both was written.
    unsafe { (losses.written(), probabilities.written()) }
}

/// The gradient of the logits, `[N, V]`, of `probabilities` `[N, V]` and the gradients `[N]` of the
/// losses.
///
/// # Panics
///
/// As [`cross_entropy`], and when there is not one gradient for each target.
pub fn cross_entropy_gradient<T: Real>(
    probabilities: &[T],
    targets: &[u32],
    d_losses: &[T],
    isa: Isa,
) -> Vec<T> {
    let width = width(probabilities, targets);
    assert_eq!(
        d_losses.len(),
        targets.len(),
        "one gradient for each target"
    );
    let mut d_logits = Unwritten::new(probabilities.len());
    let shared = d_logits.shared();
    by_rows(probabilities.len(), targets.len(), |rows| {
        isa.run(GradientRows {
            rows,
            width,
            probabilities,
            targets,
            d_losses,
            d_logits: shared,
        });
    });
    // SAFETY: every row was written.
    unsafe { d_logits.written() }
}

/// `V`.
fn width<T>(numbers: &[T], targets: &[u32]) -> usize {
    let width = numbers.len() / targets.len().max(1);
    assert_eq!(
        numbers.len(),
        targets.len() * width,
        "one target for each row"
    );
    let below = |&target: &u32| (target as usize) < width;
    assert!(targets.iter().all(below), "targets below {width}");
    width
}

/// Splits the rows of so many `numbers` among the threads.
fn by_rows(numbers: usize, rows: usize, work: impl Fn(Range<usize>) + Sync) {
    let parts = (numbers / WORTH_A_THREAD).min(threads::get().get()).max(1);
    threads::each(parts, |part| work(threads::range(rows, parts, part)));
}

/// Some rows of the losses.
struct Rows<'a, T> {
    rows: Range<usize>,
    width: usize,
    logits: &'a [T],
    targets: &'a [u32],
    losses: Shared<T>,
    probabilities: Shared<T>,
}

impl<T: Real> Work for Rows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let lanes = Lanes::<S, T>::COUNT;
        let zero = Lanes::<S, T>::splat(simd, T::default());
        for row in self.rows {
            let logits = &self.logits[row * self.width..][..self.width];
            // SAFETY: this row's place, which nobody else touches.
            let target = unsafe { self.probabilities.at(row * self.width) };
            let largest = largest(simd, logits);
            // 1. Exponentials, in the place of the probabilities.
            let mut sums = [zero; GROUP];
            for group in (0..self.width).step_by(GROUP * lanes) {
                let place = |vector: usize| (group + vector * lanes).min(self.width);
                let valid = |vector: usize| lanes.min(self.width - place(vector));
                // SAFETY: within the row; what is read again was just written.
                unsafe {
                    let x = std::array::from_fn(|vector| {
                        let x = logits.as_ptr().add(place(vector));
                        Lanes::load_first(simd, x, valid(vector)) - zero.fill(largest)
                    });
                    let y: [_; GROUP] = exp(x);
                    for (vector, y) in y.into_iter().enumerate() {
                        let target = target.add(place(vector));
                        y.store_first(target, valid(vector));
                        sums[vector] =
                            sums[vector] + Lanes::load_first(simd, target, valid(vector));
                    }
                }
            }
            let sum = (sums[0] + sums[1] + sums[2]).sum().to_f64();
            // 2. Probabilities.
            let scale = zero.constant(1.0 / sum);
            for first in (0..self.width).step_by(lanes) {
                let valid = lanes.min(self.width - first);
                // SAFETY: as above.
                unsafe {
                    let target = target.add(first);
                    (Lanes::load_first(simd, target, valid) * scale).store_first(target, valid);
                }
            }
            let wanted = logits[self.targets[row] as usize].to_f64() - largest.to_f64();
            // SAFETY: this row's loss.
            unsafe { *self.losses.at(row) = T::from_f64(sum.ln() - wanted) };
        }
    }
}

/// The largest of the numbers that are not NaN.
#[inline(always)]
fn largest<S: Simd, T: Real>(simd: S, numbers: &[T]) -> T {
    let lanes = Lanes::<S, T>::COUNT;
    let mut most = Lanes::splat(simd, numbers[0]);
    let whole = numbers.len() - numbers.len() % lanes;
    for vector in numbers[..whole].chunks_exact(lanes) {
        // SAFETY: a whole vector.
        let next = unsafe { Lanes::<S, T>::load(simd, vector.as_ptr()) };
        most = most.if_less(next, next, most);
    }
    let mut each = [numbers[0]; MAX_LANES];
    // SAFETY: there is room for a vector.
    unsafe { most.store(each.as_mut_ptr()) };
    let larger = |most: T, &next: &T| if most < next { next } else { most };
    let most = each[..lanes].iter().fold(numbers[0], larger);
    numbers[whole..].iter().fold(most, larger)
}

/// Some rows of the gradient.
struct GradientRows<'a, T> {
    rows: Range<usize>,
    width: usize,
    probabilities: &'a [T],
    targets: &'a [u32],
    d_losses: &'a [T],
    d_logits: Shared<T>,
}

impl<T: Real> Work for GradientRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let lanes = Lanes::<S, T>::COUNT;
        for row in self.rows {
            let probabilities = &self.probabilities[row * self.width..][..self.width];
            let d_loss = Lanes::<S, T>::splat(simd, self.d_losses[row]);
            // SAFETY: this row's place, which nobody else touches.
            let target = unsafe { self.d_logits.at(row * self.width) };
            for first in (0..self.width).step_by(lanes) {
                let valid = lanes.min(self.width - first);
                // SAFETY: within the row.
                unsafe {
                    let p = probabilities.as_ptr().add(first);
                    (Lanes::load_first(simd, p, valid) * d_loss)
                        .store_first(target.add(first), valid);
                }
            }
            let wanted = self.targets[row] as usize;
            let d_loss = self.d_losses[row].to_f64();
            let less = T::from_f64((probabilities[wanted].to_f64() - 1.0) * d_loss);
            // SAFETY: within the row.
            unsafe { *target.add(wanted) = less };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_plain_formula_on_every_instruction_set() {
        for (rows, width) in [(1, 1), (3, 2), (5, 17), (300, 65)] {
            let number = |at: usize| ((at * at + 3 * at) % 1009) as f64 / 50.0 - 10.0;
            let logits: Vec<f64> = (0..rows * width).map(number).collect();
            let targets: Vec<u32> = (0..rows).map(|row| (row * 7 % width) as u32).collect();
            let d_losses: Vec<f64> = (0..rows).map(|row| 1.0 - row as f64 / 7.0).collect();
            for isa in Isa::available() {
                let (losses, probabilities) = cross_entropy(&logits, &targets, isa);
                let gradient = cross_entropy_gradient(&probabilities, &targets, &d_losses, isa);
                for (row, &target) in targets.iter().enumerate() {
                    let logits = &logits[row * width..][..width];
                    let sum: f64 = logits.iter().map(|x| x.exp()).sum();
                    let expected = sum.ln() - logits[target as usize];
                    assert!((losses[row] - expected).abs() < 1e-13, "{isa:?}");
                    for (v, x) in logits.iter().enumerate() {
                        let hot = f64::from(u8::from(v == target as usize));
                        let expected = (x.exp() / sum - hot) * d_losses[row];
                        let found = gradient[row * width + v];
                        assert!((found - expected).abs() < 1e-14 * rows as f64, "{isa:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn far_logits_and_nans_are_told_as_they_are() {
        let isa = Isa::detect();
        let row = [-1e4, 3e4, f32::NEG_INFINITY];
        let losses = |target| cross_entropy(&row, &[target], isa).0[0];
        assert_eq!([losses(0), losses(1), losses(2)], [4e4, 0.0, f32::INFINITY]);
        let (losses, probabilities) = cross_entropy(&[0.0, f32::NAN], &[0], isa);
        assert!(losses[0].is_nan() && probabilities[0].is_nan());
    }

    #[test]
    fn no_rows_have_no_losses() {
        assert_eq!(
            cross_entropy::<f32>(&[], &[], Isa::detect()),
            (vec![], vec![])
        );
    }
}
