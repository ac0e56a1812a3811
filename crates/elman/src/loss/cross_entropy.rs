//! Softmax and cross-entropy.
//!
//! ```text
//! p[v] = exp(x[v]) / Σ exp(x)      loss = -ln p[target]
//! ```

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::fused;

/// `[N]`: the cross-entropy of `logits` `[N, V]` and `targets` `[N]`, in nats
/// (`tf.nn.sparse_softmax_cross_entropy_with_logits`).
///
/// # Panics
///
/// When there is not one target for each row, below `V`.
pub fn cross_entropy(logits: Tensor<2>, targets: &[u32]) -> Tensor<1> {
    let [rows, width] = logits.dims();
    ensure_places(targets, [rows, width]);
    let kernel = fused::cross_entropy(&logits, targets);
    kernel.unwrap_or_else(|| plain(logits, targets))
}

/// The same in Burn's operations, on any device.
fn plain(logits: Tensor<2>, targets: &[u32]) -> Tensor<1> {
    pick(log_softmax(logits, 1), targets).neg()
}

/// `[N]`: of each row of `numbers` `[N, V]` the one at `places` `[N]`.
pub(super) fn pick(numbers: Tensor<2>, places: &[u32]) -> Tensor<1> {
    let [rows, width] = numbers.dims();
    ensure_places(places, [rows, width]);
    let places = indices(places, &numbers.device()).reshape([rows, 1]);
    numbers.gather(1, places).squeeze_dim(1)
}

/// One place below `width` for each row.
fn ensure_places(places: &[u32], [rows, width]: [usize; 2]) {
    assert_eq!(rows, places.len(), "one place for each row");
    assert!(
        places.iter().all(|&place| (place as usize) < width),
        "places below {width}"
    );
}

/// `[N]` on `device`.
pub(crate) fn indices(numbers: &[u32], device: &Device) -> Tensor<1, Int> {
    let data: Vec<i64> = numbers.iter().copied().map(i64::from).collect();
    Tensor::from_data(TensorData::new(data, [numbers.len()]), device)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Distribution};

    use super::*;

    #[test]
    fn the_kernel_is_the_plain_form_and_so_is_its_gradient() {
        let device = Device::flex().autodiff();
        for (rows, width) in [(1, 1), (3, 2), (400, 65)] {
            let options = (&device, DType::F64);
            let normal = Distribution::Normal(0.0, 3.0);
            let logits = Tensor::<2>::random([rows, width], normal, options).require_grad();
            let weights = Tensor::<1>::random([rows], normal, options).detach();
            let targets: Vec<u32> = (0..rows).map(|row| (row * 5 % width) as u32).collect();
            let kernel = fused::cross_entropy(&logits, &targets).expect("it serves the processor");
            let plain = plain(logits.clone(), &targets);
            let far = |a: Tensor<1>, b: Tensor<1>| -> f64 { (a - b).abs().max().into_scalar() };
            assert!(far(kernel.clone().inner(), plain.clone().inner()) < 1e-12);
            let gradient = |losses: Tensor<1>| {
                let gradients = (losses * weights.clone()).sum().backward();
                let gradient = logits.grad(&gradients).expect("it has one");
                gradient.reshape([rows * width])
            };
            assert!(far(gradient(kernel), gradient(plain)) < 1e-12);
        }
    }
}
