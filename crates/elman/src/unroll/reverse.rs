//! `tf.reverse_sequence`: reversal in time, by each row's length.

use burn::tensor::Tensor;

use crate::cell::{Layout, Sequence};

/// Reverses each row's real steps; its padding stays where it is.
///
/// `tensor` has the layout of `sequence`, whose lengths say what is real; any number of features.
pub fn reverse_sequence(tensor: Tensor<3>, sequence: &Sequence) -> Tensor<3> {
    let axis = sequence.time_axis();
    let Some(lengths) = sequence.lengths() else {
        return tensor.flip([axis]);
    };
    let shape = tensor.dims();
    let indices = lengths.reversal(sequence.time(), &tensor.device());
    let indices = match sequence.layout() {
        Layout::BatchMajor => indices,
        Layout::TimeMajor => indices.transpose(),
    };
    tensor.gather(axis, indices.unsqueeze_dim::<3>(2).expand(shape))
}
