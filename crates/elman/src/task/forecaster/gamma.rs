//! The logarithm of the gamma function on tensors, which autodiff can go through.

use burn::tensor::Tensor;

/// Stirling's series is used from here on.
const SHIFT: u32 = 7;
/// The coefficients of Stirling's series in 1/x, 1/x³, 1/x⁵ and 1/x⁷.
const STIRLING: [f64; 4] = [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0];

/// ln Γ(x) of numbers above 0, of any shape:
///
/// ```text
/// ln Γ(x)     = ln Γ(x + 7) - Σ_{k<7} ln (x + k)
/// ln Γ(y)     ≈ (y - ½) ln y - y + ½ ln 2π + 1/(12 y) - 1/(360 y³) + 1/(1260 y⁵) - 1/(1680 y⁷)
/// ```
///
/// What is left out is below 1/(1188 y⁹), 3e-11 at y = 7 (Abramowitz and Stegun 6.1.41).
pub(super) fn ln_gamma<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let logs = (0..SHIFT).map(|k| (x.clone() + f64::from(k)).log());
    let below = logs.reduce(|sum, log| sum + log).expect("there are some");
    let y = x + f64::from(SHIFT);
    let inverse = y.clone().recip();
    let square = inverse.clone() * inverse.clone();
    let series = STIRLING
        .into_iter()
        .rev()
        .fold(None, |series, coefficient| {
            Some(match series {
                None => square.clone() * 0.0 + coefficient,
                Some(series) => square.clone() * series + coefficient,
            })
        });
    let series = inverse * series.expect("there are coefficients");
    let half_log_tau = 0.5 * std::f64::consts::TAU.ln();
    (y.clone() - 0.5) * y.clone().log() - y + series + half_log_tau - below
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Device, TensorData};
    use statrs::function::gamma;

    use super::*;

    #[test]
    fn it_is_the_gamma_function_and_its_gradient_the_digamma() {
        let at = [1e-3, 0.1, 0.5, 1.0, 1.5, 2.0, 7.0, 33.3, 1e4];
        let device = Device::flex().autodiff();
        let data = TensorData::new(at.to_vec(), [at.len()]);
        let x = Tensor::<1>::from_data(data, (&device, DType::F64)).require_grad();
        let values = ln_gamma(x.clone());
        let gradients = values.clone().sum().backward();
        let slopes = x.grad(&gradients).expect("a gradient");
        let numbers = |tensor: Tensor<1>| tensor.into_data().try_to_vec::<f64>().expect("f64");
        for ((at, value), slope) in at.iter().zip(numbers(values.inner())).zip(numbers(slopes)) {
            let (exact, digamma) = (gamma::ln_gamma(*at), gamma::digamma(*at));
            assert!(
                (value - exact).abs() < 1e-9 * exact.abs().max(1.0),
                "{at}: {value} {exact}"
            );
            assert!(
                (slope - digamma).abs() < 1e-8 * digamma.abs().max(1.0),
                "{at}: {slope} {digamma}"
            );
        }
    }
}
