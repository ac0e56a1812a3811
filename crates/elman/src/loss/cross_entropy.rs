//! Softmax and cross-entropy.
//!
//! ```text
//! p[v] = exp(x[v]) / Σ exp(x)      loss = -ln p[target]
//! ```

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};

/// `[N]`: the cross-entropy of `logits` `[N, V]` and `targets` `[N]`, in nats
/// (`tf.nn.sparse_softmax_cross_entropy_with_logits`).
///
/// # Panics
///
/// When there is not one target for each row, below `V`.
pub fn cross_entropy(logits: Tensor<2>, targets: &[u32]) -> Tensor<1> {
    pick(log_softmax(logits, 1), targets).neg()
}

/// `[N]`: of each row of `numbers` `[N, V]` the one at `places` `[N]`.
pub(super) fn pick(numbers: Tensor<2>, places: &[u32]) -> Tensor<1> {
    let [rows, width] = numbers.dims();
    assert_eq!(rows, places.len(), "one place for each row");
    assert!(
        places.iter().all(|&place| (place as usize) < width),
        "places below {width}"
    );
    let places = indices(places, &numbers.device()).reshape([rows, 1]);
    numbers.gather(1, places).squeeze_dim(1)
}

/// `[N]` on `device`.
pub(crate) fn indices(numbers: &[u32], device: &Device) -> Tensor<1, Int> {
    let data: Vec<i64> = numbers.iter().copied().map(i64::from).collect();
    Tensor::from_data(TensorData::new(data, [numbers.len()]), device)
}
