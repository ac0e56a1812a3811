//! States that can be asked for their gradient.

use burn::tensor::{Gradients, Tensor};

/// A leaf of zeros, and `part` with it added: its gradient is that of all that reads the part.
pub(super) fn probe(part: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let leaf = Tensor::zeros(part.dims(), (&part.device(), part.dtype())).require_grad();
    (leaf.clone(), part + leaf)
}

/// The norm of the gradient of `leaf`, `[B, width]`, row by row; 0 where the loss does not depend on
/// it.
pub(super) fn row_norms(leaf: &Tensor<2>, gradients: &Gradients) -> Vec<f64> {
    let [batch, width] = leaf.dims();
    let Some(gradient) = leaf.grad(gradients) else {
        return vec![0.0; batch];
    };
    let numbers: Vec<f64> = gradient.into_data().iter().collect();
    let rows = numbers.chunks(width.max(1));
    // In f64: the square of a small f32 is 0 in f32.
    rows.map(|row| row.iter().map(|x| x * x).sum::<f64>().sqrt())
        .collect()
}

/// What backward is multiplied by, and divided again: exact, and a gradient of 1e-60 is no zero in
/// f32.
const SCALE: f64 = 18_446_744_073_709_551_616.0;

/// The gradients of the `mean` loss over `batch` rows, and what makes a norm of them that of the
/// row's own loss.
pub(super) fn scaled_backward(mean: Tensor<1>, batch: usize) -> (Gradients, f64) {
    ((mean * SCALE).backward(), batch as f64 / SCALE)
}
