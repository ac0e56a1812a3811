//! Exponential, tanh, sigmoid and the activations, on vectors.
//!
//! ```text
//! n = round(x / ln 2)      r = x - n · ln 2      e^x - 1 = 2^n · (e^r - 1) + (2^n - 1)
//! ```
//!
//! `e^r - 1` is its Taylor series on |r| ≤ ln 2 / 2, cut where the next term is below half a unit
//! in the last place. Adding a large constant rounds and leaves `n` in the low bits, from where a
//! shift makes `2^n` (Schraudolph 1999 has the idea; no table, no integer conversion).

use pulp::Simd;

use crate::activation::Activation;
use crate::real::{Lanes, Real};

/// `f` of each of several vectors.
///
/// One vector's exponential is a chain of operations that wait for each other; those of several
/// vectors, written side by side, run in each other's pauses and share the loading of constants.
#[inline(always)]
fn each<S: Simd, T: Real, const N: usize>(
    mut x: [Lanes<S, T>; N],
    f: impl Fn(Lanes<S, T>) -> Lanes<S, T>,
) -> [Lanes<S, T>; N] {
    for x in &mut x {
        *x = f(*x);
    }
    x
}

/// `2^n` and `e^r - 1`, with which `e^x = 2^n · (e^r - 1) + 2^n`; |x| within `exp_limit`.
#[inline(always)]
fn split_exp<S: Simd, T: Real, const N: usize>(x: [Lanes<S, T>; N]) -> [[Lanes<S, T>; N]; 2] {
    let format = T::FORMAT;
    let magic = format.round_and_bias;
    let shifted = each(x, |x| x.mul_add(x.fill(format.log2_e), x.fill(magic)));
    let mut r = x;
    for (r, shifted) in r.iter_mut().zip(shifted) {
        let n = shifted - shifted.fill(magic);
        *r = n.mul_add(n.fill(format.minus_ln_2[0]), *r);
        *r = n.mul_add(n.fill(format.minus_ln_2[1]), *r);
    }
    let mut series = each(r, |r| r.fill(format.taylor[0]));
    for &coefficient in &format.taylor[1..] {
        for (series, r) in series.iter_mut().zip(r) {
            *series = series.mul_add(r, r.fill(coefficient));
        }
    }
    for (series, r) in series.iter_mut().zip(r) {
        *series = (r * r).mul_add(*series, r);
    }
    [each(shifted, Lanes::shift_to_exponent), series]
}

/// `e^x`, with x held within the range of the normal numbers.
#[inline(always)]
pub(crate) fn exp<S: Simd, T: Real, const N: usize>(x: [Lanes<S, T>; N]) -> [Lanes<S, T>; N] {
    let [mut scale, rest] = split_exp(each(x, |x| x.clamp(T::FORMAT.exp_limit)));
    for (scale, rest) in scale.iter_mut().zip(rest) {
        *scale = scale.mul_add(rest, *scale);
    }
    scale
}

/// `e^x - 1`, exact near 0.
#[inline(always)]
fn exp_minus_one<S: Simd, T: Real, const N: usize>(x: [Lanes<S, T>; N]) -> [Lanes<S, T>; N] {
    let [mut scale, rest] = split_exp(each(x, |x| x.clamp(T::FORMAT.exp_limit)));
    for (scale, rest) in scale.iter_mut().zip(rest) {
        *scale = scale.mul_add(rest, *scale - rest.constant(1.0));
    }
    scale
}

/// `1 / (1 + e^-x)` of each vector.
#[inline(always)]
fn sigmoids<S: Simd, T: Real, const N: usize>(x: [Lanes<S, T>; N]) -> [Lanes<S, T>; N] {
    let one_over = |e: Lanes<S, T>| e.constant(1.0) / (e.constant(1.0) + e);
    each(exp(each(x, |x| -x)), one_over)
}

/// `(e^2x - 1) / (e^2x + 1)` of each vector, exact near 0.
#[inline(always)]
fn tanhs<S: Simd, T: Real, const N: usize>(x: [Lanes<S, T>; N]) -> [Lanes<S, T>; N] {
    let x = each(x, |x| x.clamp(T::FORMAT.tanh_limit));
    let [mut scale, rest] = split_exp(each(x, |x| x + x));
    for (scale, rest) in scale.iter_mut().zip(rest) {
        let less_one = scale.mul_add(rest, *scale - rest.constant(1.0));
        *scale = less_one / (less_one + rest.constant(2.0));
    }
    scale
}

/// `ln(1 + z)` for z in [0, 1], as `2 atanh(z / (2 + z))`.
#[inline(always)]
pub(crate) fn log_one_plus<S: Simd, T: Real>(z: Lanes<S, T>) -> Lanes<S, T> {
    let w = z / (z + z.constant(2.0));
    let square = w * w;
    let coefficients = T::FORMAT.atanh;
    let mut series = z.fill(coefficients[0]);
    for &coefficient in &coefficients[1..] {
        series = series.mul_add(square, z.fill(coefficient));
    }
    (w + w) * series
}

/// Scale of the self-normalising activation (Klambauer et al. 2017; `tf.nn.selu`).
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
/// Its slope at minus infinity.
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
/// The slope of `tf.nn.leaky_relu` below zero.
const LEAKY_SLOPE: f64 = 0.2;

/// `activation(x)` of each vector.
#[inline(always)]
pub(crate) fn activate<S: Simd, T: Real, const N: usize>(
    activation: Activation,
    x: [Lanes<S, T>; N],
) -> [Lanes<S, T>; N] {
    match activation {
        Activation::Identity => x,
        Activation::Tanh => tanhs(x),
        Activation::Sigmoid => sigmoids(x),
        Activation::Relu => each(x, positive),
        Activation::Relu6 => each(x, |x| {
            let (six, positive) = (x.constant(6.0), positive(x));
            six.if_less(positive, six, positive)
        }),
        Activation::LeakyRelu => each(x, |x| {
            x.if_less(x.constant(0.0), x * x.constant(LEAKY_SLOPE), x)
        }),
        Activation::Elu => {
            let mut below = exp_minus_one(x);
            for (below, x) in below.iter_mut().zip(x) {
                *below = x.if_less(x.constant(0.0), *below, x);
            }
            below
        }
        Activation::Selu => {
            let mut below = exp_minus_one(x);
            for (below, x) in below.iter_mut().zip(x) {
                let negative = *below * x.constant(SELU_SCALE * SELU_ALPHA);
                *below = x.if_less(x.constant(0.0), negative, x * x.constant(SELU_SCALE));
            }
            below
        }
        Activation::Softplus => {
            let mut small = exp(each(x, |x| -x.abs()));
            for (small, x) in small.iter_mut().zip(x) {
                *small = positive(x) + log_one_plus(*small);
            }
            small
        }
        Activation::Softsign => each(x, |x| x / (x.constant(1.0) + x.abs())),
    }
}

/// `max(x, 0)`; a NaN stays a NaN.
#[inline(always)]
fn positive<S: Simd, T: Real>(x: Lanes<S, T>) -> Lanes<S, T> {
    let zero = x.constant(0.0);
    x.if_less(zero, zero, x)
}

/// The derivative of `activation`, from its own output `y`.
#[inline(always)]
pub(crate) fn slope<S: Simd, T: Real>(activation: Activation, y: Lanes<S, T>) -> Lanes<S, T> {
    let zero = y.constant(0.0);
    let one = y.constant(1.0);
    match activation {
        Activation::Identity => one,
        Activation::Tanh => one - y * y,
        Activation::Sigmoid => y * (one - y),
        Activation::Relu => zero.if_less(y, one, zero),
        Activation::Relu6 => {
            let below_six = y.if_less(y.constant(6.0), one, zero);
            zero.if_less(y, below_six, zero)
        }
        Activation::LeakyRelu => zero.if_less(y, one, y.constant(LEAKY_SLOPE)),
        Activation::Elu => y.if_less(zero, y + one, one),
        Activation::Selu => {
            let negative = y + y.constant(SELU_SCALE * SELU_ALPHA);
            y.if_less(zero, negative, y.constant(SELU_SCALE))
        }
        Activation::Softplus => {
            let [less_one] = exp_minus_one([-y]);
            -less_one
        }
        Activation::Softsign => {
            let rest = one - y.abs();
            rest * rest
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Isa, Work};

    const ALL: [Activation; 10] = [
        Activation::Identity,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Relu,
        Activation::Relu6,
        Activation::LeakyRelu,
        Activation::Elu,
        Activation::Selu,
        Activation::Softplus,
        Activation::Softsign,
    ];

    /// The plain twin of [`activate`], by the standard library.
    fn plain(activation: Activation, x: f64) -> f64 {
        match activation {
            Activation::Identity => x,
            Activation::Tanh => x.tanh(),
            Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Activation::Relu => x.max(0.0),
            Activation::Relu6 => x.clamp(0.0, 6.0),
            Activation::LeakyRelu => x.max(LEAKY_SLOPE * x),
            Activation::Elu => x.max(0.0) + x.min(0.0).exp_m1(),
            Activation::Selu => SELU_SCALE * (x.max(0.0) + SELU_ALPHA * x.min(0.0).exp_m1()),
            Activation::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Activation::Softsign => x / (1.0 + x.abs()),
        }
    }

    /// Applies `activate` (or `slope`) to every number.
    struct Apply<'a, T> {
        activation: Activation,
        numbers: &'a mut [T],
        derive: bool,
    }

    impl<T: Real> Work for Apply<'_, T> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            for chunk in self.numbers.chunks_mut(Lanes::<S, T>::COUNT) {
                // SAFETY: as many as the chunk has.
                unsafe {
                    let x = Lanes::load_first(simd, chunk.as_ptr(), chunk.len());
                    let y = if self.derive {
                        slope(self.activation, x)
                    } else {
                        let [y] = activate(self.activation, [x]);
                        y
                    };
                    y.store_first(chunk.as_mut_ptr(), chunk.len());
                }
            }
        }
    }

    fn apply<T: Real>(isa: Isa, activation: Activation, numbers: &[T]) -> Vec<T> {
        let mut numbers = numbers.to_vec();
        isa.run(Apply {
            activation,
            numbers: &mut numbers,
            derive: false,
        });
        numbers
    }

    /// Both signs of magnitudes from 1e-6 to 80, and the points where formulas change.
    fn points() -> Vec<f64> {
        let magnitudes = (0..4001).map(|index| 1e-6 * (8e7_f64).powf(f64::from(index) / 4000.0));
        let edges = [0.0, 6.0, 9.0, 9.1, 19.5, 44.0, 86.9, 87.0];
        magnitudes
            .chain(edges)
            .flat_map(|magnitude| [magnitude, -magnitude])
            .collect()
    }

    /// How far `activate` may be off, in units in the last place of the result: a handful of
    /// roundings, each at most half a unit, and one division.
    const ULPS: f64 = 4.0;

    fn check<T: Real>(epsilon: f64, smallest: f64) {
        let points: Vec<T> = points().into_iter().map(T::from_f64).collect();
        for isa in Isa::available() {
            for activation in ALL {
                let found = apply(isa, activation, &points);
                for (&x, &y) in points.iter().zip(&found) {
                    let expected = plain(activation, x.to_f64());
                    let bound = (ULPS * epsilon * expected.abs()).max(smallest);
                    let error = (y.to_f64() - expected).abs();
                    assert!(
                        error <= bound,
                        "{isa:?} {activation:?}({x:?}) = {y:?}, not {expected:e}: off by {error:e}"
                    );
                }
            }
        }
    }

    #[test]
    fn activations_are_right_to_the_last_places_in_f32() {
        check::<f32>(f64::from(f32::EPSILON), 1e-37);
    }

    #[test]
    fn activations_are_right_to_the_last_places_in_f64() {
        check::<f64>(f64::EPSILON, 1e-300);
    }

    #[test]
    fn a_nan_stays_a_nan() {
        for isa in Isa::available() {
            for activation in ALL {
                assert!(
                    apply(isa, activation, &[f32::NAN])[0].is_nan(),
                    "{activation:?}"
                );
            }
        }
    }

    #[test]
    fn slopes_are_the_activations_derivatives() {
        // Central differences in f64: the step's square and rounding over the step are below 1e-9.
        let step = 1e-5;
        let points: Vec<f64> = (-60..60)
            .map(|index| f64::from(index) * 0.1 + 0.033)
            .collect();
        for activation in ALL {
            let mut slopes = apply(Isa::detect(), activation, &points);
            Isa::detect().run(Apply {
                activation,
                numbers: &mut slopes,
                derive: true,
            });
            for (&x, &found) in points.iter().zip(&slopes) {
                let rise = plain(activation, x + step) - plain(activation, x - step);
                let expected = rise / (2.0 * step);
                assert!(
                    (found - expected).abs() < 1e-8,
                    "{activation:?} at {x}: {found}, not {expected}"
                );
            }
        }
    }
}
