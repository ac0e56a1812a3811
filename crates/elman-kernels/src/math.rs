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

/// `2^n` and `e^r - 1`, with which `e^x = 2^n · (e^r - 1) + 2^n`; |x| within `exp_limit`.
#[inline(always)]
fn split_exp<S: Simd, T: Real>(x: Lanes<S, T>) -> (Lanes<S, T>, Lanes<S, T>) {
    let format = T::FORMAT;
    let magic = x.fill(format.round_and_bias);
    let shifted = x.mul_add(x.fill(format.log2_e), magic);
    let n = shifted - magic;
    let r = (-n).mul_add(x.fill(format.ln_2_high), x);
    let r = (-n).mul_add(x.fill(format.ln_2_low), r);
    let mut series = x.fill(format.taylor[0]);
    for &coefficient in &format.taylor[1..] {
        series = series.mul_add(r, x.fill(coefficient));
    }
    (shifted.shift_to_exponent(), (r * r).mul_add(series, r))
}

/// `e^x`, with x held within the range of the normal numbers.
#[inline(always)]
pub(crate) fn exp<S: Simd, T: Real>(x: Lanes<S, T>) -> Lanes<S, T> {
    let (scale, rest) = split_exp(x.clamp(T::FORMAT.exp_limit));
    scale.mul_add(rest, scale)
}

/// `e^x - 1`, exact near 0.
#[inline(always)]
fn exp_minus_one<S: Simd, T: Real>(x: Lanes<S, T>) -> Lanes<S, T> {
    let (scale, rest) = split_exp(x.clamp(T::FORMAT.exp_limit));
    scale.mul_add(rest, scale - x.constant(1.0))
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd, T: Real>(x: Lanes<S, T>) -> Lanes<S, T> {
    let one = x.constant(1.0);
    one / (one + exp(-x))
}

/// `(e^2x - 1) / (e^2x + 1)`, exact near 0.
#[inline(always)]
pub(crate) fn tanh<S: Simd, T: Real>(x: Lanes<S, T>) -> Lanes<S, T> {
    let x = x.clamp(T::FORMAT.tanh_limit);
    let (scale, rest) = split_exp(x + x);
    let less_one = scale.mul_add(rest, scale - x.constant(1.0));
    less_one / (less_one + x.constant(2.0))
}

/// `ln(1 + z)` for z in [0, 1], as `2 atanh(z / (2 + z))`.
#[inline(always)]
fn log_one_plus<S: Simd, T: Real>(z: Lanes<S, T>) -> Lanes<S, T> {
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

/// `activation(x)`.
#[inline(always)]
pub(crate) fn activate<S: Simd, T: Real>(activation: Activation, x: Lanes<S, T>) -> Lanes<S, T> {
    let zero = x.constant(0.0);
    match activation {
        Activation::Identity => x,
        Activation::Tanh => tanh(x),
        Activation::Sigmoid => sigmoid(x),
        Activation::Relu => x.if_less(zero, zero, x),
        Activation::Relu6 => {
            let six = x.constant(6.0);
            let positive = x.if_less(zero, zero, x);
            six.if_less(positive, six, positive)
        }
        Activation::LeakyRelu => x.if_less(zero, x * x.constant(LEAKY_SLOPE), x),
        Activation::Elu => x.if_less(zero, exp_minus_one(x), x),
        Activation::Selu => {
            let negative = exp_minus_one(x) * x.constant(SELU_SCALE * SELU_ALPHA);
            x.if_less(zero, negative, x * x.constant(SELU_SCALE))
        }
        Activation::Softplus => {
            let positive = x.if_less(zero, zero, x);
            positive + log_one_plus(exp(-x.abs()))
        }
        Activation::Softsign => x / (x.constant(1.0) + x.abs()),
    }
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
        Activation::Softplus => -exp_minus_one(-y),
        Activation::Softsign => {
            let rest = one - y.abs();
            rest * rest
        }
    }
}
