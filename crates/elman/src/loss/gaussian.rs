//! The negative log-likelihood of a normal distribution.
//!
//! ```text
//! μ = o[0]      σ = softplus(o[1]) + least      loss = ½ ln 2π + ln σ + ½ ((y - μ) / σ)²
//! ```

use std::f64::consts::TAU;

use burn::tensor::Tensor;
use burn::tensor::activation::log_sigmoid;

use crate::fused;

/// `[N, 1]`: the losses of `targets` `[N, 1]` by `outputs` `[N, 2]`, a mean and a number from which the
/// deviation is made, in nats. No deviation is below `least`, so that no density is infinite. (Salinas et
/// al. 2020, "DeepAR"; PyTorch's `GaussianNLLLoss` with `full=True`, of a deviation in place of a
/// variance.)
///
/// # Panics
///
/// When there are not two outputs and one target in each row.
pub fn gaussian_nll(outputs: Tensor<2>, targets: Tensor<2>, least: f64) -> Tensor<2> {
    let [rows, _] = targets.dims();
    assert_eq!(targets.dims(), [rows, 1], "one target in each row");
    assert_eq!(outputs.dims(), [rows, 2], "two outputs in each row");
    let kernel = fused::gaussian_nll(&outputs, &targets, least);
    kernel.unwrap_or_else(|| plain(outputs, targets, least))
}

/// The same in Burn's operations, on any device.
fn plain(outputs: Tensor<2>, targets: Tensor<2>, least: f64) -> Tensor<2> {
    let column = |at| outputs.clone().narrow(1, at, 1);
    let scale = softplus(column(1)) + least;
    let standard = (targets - column(0)) / scale.clone();
    scale.log() + standard.square() * 0.5 + 0.5 * TAU.ln()
}

/// ln (1 + exp x), which never overflows.
pub(crate) fn softplus(x: Tensor<2>) -> Tensor<2> {
    -log_sigmoid(-x)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Device, Distribution};

    use super::*;

    #[test]
    fn the_kernel_is_the_plain_form_and_so_are_its_gradients() {
        let device = Device::flex().autodiff();
        for rows in [1, 3, 400] {
            let random = |columns| {
                let options = (&device, DType::F64);
                let normal = Distribution::Normal(0.0, 2.0);
                Tensor::<2>::random([rows, columns], normal, options).require_grad()
            };
            let (outputs, targets) = (random(2), random(1));
            let weights = random(1).detach();
            let kernel =
                fused::gaussian_nll(&outputs, &targets, 1e-4).expect("it serves the processor");
            let plain = plain(outputs.clone(), targets.clone(), 1e-4);
            let close = |found: Tensor<2>, expected: Tensor<2>| {
                let most = expected.clone().abs().max().into_scalar::<f64>();
                let error: f64 = (found - expected).abs().max().into_scalar();
                assert!(error < 1e-12 * most.max(1.0), "{rows}: {error} of {most}");
            };
            close(kernel.clone().inner(), plain.clone().inner());
            let gradients = |losses: Tensor<2>| (losses * weights.clone()).sum().backward();
            let (of_kernel, of_plain) = (gradients(kernel), gradients(plain));
            for tensor in [&outputs, &targets] {
                let gradient = |all| tensor.grad(all).expect("it has one");
                close(gradient(&of_kernel), gradient(&of_plain));
            }
        }
    }
}
