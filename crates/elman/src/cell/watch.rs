//! What looks on while a cell takes a step in plain operations: the diagnosis of recurrence.

use burn::tensor::Tensor;

use crate::activation::Activation;
use crate::cell::{Cell, Step};
use crate::error::Result;

/// Sees what a step computes on the way.
pub(crate) trait Watch {
    /// The values of a gate or of the units, `[B, H]`, which lie between the two `bounds`.
    fn activation(&mut self, _name: &'static str, _bounds: [f64; 2], _values: &Tensor<2>) {}

    /// The values of an `activation`, `[B, H]`: seen when it has two bounds.
    fn activated(&mut self, name: &'static str, activation: Activation, values: &Tensor<2>) {
        if let Some(bounds) = bounds(activation) {
            self.activation(name, bounds, values);
        }
    }

    /// A part of the new state, `[B, width]`, before anything reads it; parts come in the order of
    /// `State::into_parts`. What is given back stands in its place.
    fn part(&mut self, part: Tensor<2>) -> Tensor<2> {
        part
    }
}

/// Nobody looks on.
pub(crate) struct Unwatched;

impl Watch for Unwatched {}

/// What a sigmoid gate lies between.
pub(crate) const GATE: [f64; 2] = [0.0, 1.0];

/// What `activation` lies between, when it has two bounds.
fn bounds(activation: Activation) -> Option<[f64; 2]> {
    match activation {
        Activation::Tanh | Activation::Softsign => Some([-1.0, 1.0]),
        Activation::Sigmoid => Some([0.0, 1.0]),
        Activation::Relu6 => Some([0.0, 6.0]),
        Activation::Identity
        | Activation::Relu
        | Activation::LeakyRelu
        | Activation::Elu
        | Activation::Selu
        | Activation::Softplus => None,
    }
}

/// Weights from the old state to one gate's sum.
#[derive(Clone, Debug)]
pub(crate) struct RecurrentWeights {
    pub(crate) gate: &'static str,
    /// `[H, H]`.
    pub(crate) matrix: Tensor<2>,
}

/// A cell whose step in plain operations can be watched.
pub(crate) trait Watched: Cell {
    /// One time step in plain operations: `input` is `[B, F]`.
    fn watched_step(
        &self,
        input: Tensor<2>,
        state: Self::State,
        watch: &mut dyn Watch,
    ) -> Result<Step<Self::State>>;

    /// The weights of the old state, a matrix for each gate.
    fn recurrent_weights(&self) -> Vec<RecurrentWeights>;
}

/// The columns of `kernel` that belong to each of `gates`, of its rows from `features` on.
pub(crate) fn recurrent_blocks(
    kernel: &Tensor<2>,
    features: usize,
    gates: &[&'static str],
) -> Vec<RecurrentWeights> {
    let [rows, _] = kernel.dims();
    let recurrent = kernel.clone().narrow(0, features, rows - features);
    let blocks = recurrent.chunk(gates.len(), 1);
    let pairs = gates.iter().zip(blocks);
    pairs
        .map(|(&gate, matrix)| RecurrentWeights { gate, matrix })
        .collect()
}
