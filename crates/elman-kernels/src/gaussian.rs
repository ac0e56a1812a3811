//! The negative log-likelihood of a normal distribution, row by row.
//!
//! ```text
//! μ = o[0]      σ = softplus(o[1]) + least      z = (y - μ) / σ
//! loss = ½ ln 2π + ln σ + ½ z²
//! d μ = -z / σ · d loss      d o[1] = (1 - z²) / σ · sigmoid(o[1]) · d loss      d y = -d μ
//! ```
//!
//! Salinas, Flunkert, Gasthaus and Januschowski (2020), "DeepAR"; PyTorch's `GaussianNLLLoss` with
//! `full=True`, of a deviation in place of a variance.

use std::f64::consts::TAU;

use pulp::Simd;

use crate::isa::{Isa, Work};
use crate::math::{exp, log_one_plus};
use crate::product::MAX_LANES;
use crate::real::{Lanes, Real};

/// The losses `[N]` of `targets` `[N]` by `outputs` `[N, 2]`, in nats, and their slopes `[N, 2]` along
/// the outputs. No deviation is below `least`.
///
/// # Panics
///
/// When there are not two outputs for each target.
pub fn gaussian_nll<T: Real>(
    outputs: &[T],
    targets: &[T],
    least: f64,
    isa: Isa,
) -> (Vec<T>, Vec<T>) {
    assert_eq!(
        outputs.len(),
        2 * targets.len(),
        "two outputs for each target"
    );
    let mut losses = Vec::with_capacity(targets.len());
    let mut slopes = Vec::with_capacity(outputs.len());
    let (outputs, _) = outputs.as_chunks();
    isa.run(Rows {
        outputs,
        targets,
        least,
        losses: &mut losses,
        slopes: &mut slopes,
    });
    (losses, slopes)
}

struct Rows<'a, T> {
    /// `[μ, o[1]]`.
    outputs: &'a [[T; 2]],
    targets: &'a [T],
    least: f64,
    losses: &'a mut Vec<T>,
    slopes: &'a mut Vec<T>,
}

impl<T: Real> Work for Rows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let lanes = Lanes::<S, T>::COUNT;
        let zero = Lanes::<S, T>::splat(simd, T::default());
        let one = zero.constant(1.0);
        let load = |numbers: &[T; MAX_LANES]| {
            // SAFETY: there is room for a vector.
            unsafe { Lanes::<S, T>::load(simd, numbers.as_ptr()) }
        };
        let each = |vector: Lanes<S, T>| {
            let mut numbers = [T::default(); MAX_LANES];
            // SAFETY: as above.
            unsafe { vector.store(numbers.as_mut_ptr()) };
            numbers
        };
        let rows = self.outputs.chunks(lanes).zip(self.targets.chunks(lanes));
        for (outputs, targets) in rows {
            let mut columns = [[T::default(); MAX_LANES]; 3];
            for (lane, (&[mean, raw], &target)) in outputs.iter().zip(targets).enumerate() {
                columns[0][lane] = mean;
                columns[1][lane] = raw;
                columns[2][lane] = target;
            }
            let [mean, raw, target] = columns.each_ref().map(load);
            // softplus(x) = max(x, 0) + ln(1 + e^-|x|), which never overflows.
            let [small] = exp([-raw.abs()]);
            let positive = raw.if_less(zero, zero, raw);
            let deviation = positive + log_one_plus(small) + zero.constant(self.least);
            let sigmoid = raw.if_less(zero, small, one) / (one + small);
            let standard = (target - mean) / deviation;
            let square = standard * standard;
            let [deviations, squares] = [deviation, square].map(each);
            let d_means = each(-standard / deviation);
            let d_raws = each((one - square) / deviation * sigmoid);
            for lane in 0..targets.len() {
                let loss =
                    0.5 * (TAU.ln() + squares[lane].to_f64()) + deviations[lane].to_f64().ln();
                self.losses.push(T::from_f64(loss));
                self.slopes.extend([d_means[lane], d_raws[lane]]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formula, by the standard library.
    fn plain([mean, raw]: [f64; 2], target: f64, least: f64) -> f64 {
        let deviation = raw.max(0.0) + (-raw.abs()).exp().ln_1p() + least;
        let standard = (target - mean) / deviation;
        0.5 * TAU.ln() + deviation.ln() + 0.5 * standard * standard
    }

    #[test]
    fn it_is_the_plain_formula_and_its_slopes_on_every_instruction_set() {
        let least = 1e-4;
        let number = |at: usize, scale: f64| ((at * at + 3 * at) % 101) as f64 / 101.0 * scale;
        for rows in [1, 7, 8, 33] {
            let outputs: Vec<[f64; 2]> = (0..rows)
                .map(|row| [number(row, 4.0) - 2.0, number(row + 5, 12.0) - 6.0])
                .collect();
            let targets: Vec<f64> = (0..rows).map(|row| number(row + 9, 3.0)).collect();
            for isa in Isa::available() {
                let (losses, slopes) = gaussian_nll(outputs.as_flattened(), &targets, least, isa);
                assert_eq!((losses.len(), slopes.len()), (rows, 2 * rows));
                for (row, (&of_row, &target)) in outputs.iter().zip(&targets).enumerate() {
                    let expected = plain(of_row, target, least);
                    let error = (losses[row] - expected).abs() / expected.abs().max(1.0);
                    assert!(error < 1e-13, "{isa:?}: {} {expected}", losses[row]);
                    for column in 0..2 {
                        let moved = |by: f64| {
                            let mut outputs = of_row;
                            outputs[column] += by;
                            plain(outputs, target, least)
                        };
                        let step = 1e-6;
                        let expected = (moved(step) - moved(-step)) / (2.0 * step);
                        let found = slopes[2 * row + column];
                        let error = (found - expected).abs() / expected.abs().max(1.0);
                        assert!(error < 1e-6, "{isa:?}: {found} {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn far_numbers_and_nans_are_told_as_they_are() {
        let loss = |outputs: [f32; 2], target| {
            let (losses, slopes) = gaussian_nll(&outputs, &[target], 1e-4, Isa::detect());
            (losses[0], slopes)
        };
        let (wide, _) = loss([0.0, 1e6], 0.0);
        assert!((wide - (0.5 * TAU.ln() + 1e6_f64.ln()) as f32).abs() < 1e-5);
        let (narrow, _) = loss([1.0, -1e6], 1.0);
        assert!((narrow - (0.5 * TAU.ln() + 1e-4_f64.ln()) as f32).abs() < 1e-5);
        let (lost, slopes) = loss([f32::NAN, 0.0], 1.0);
        assert!(lost.is_nan() && slopes.iter().all(|slope| slope.is_nan()));
        let (lost, _) = loss([0.0, f32::NAN], 1.0);
        assert!(lost.is_nan());
    }
}
