//! How far gradients go back in time, and in how much memory.

use burn::tensor::Tensor;

use crate::cell::{Cell, Unrolled};
use crate::error::Result;
use crate::unroll::{UnrollOptions, dynamic_rnn, truncated_rnn};

/// What backpropagation through time may cost (`[train.backpropagation]`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backpropagation {
    /// Gradients stay within windows of so many steps: see [`truncated_rnn`]. Default: they go
    /// back to the first step.
    pub window: Option<usize>,
    /// Gradients are computed in so many bytes: see [`UnrollOptions::with_memory`]. Default: in
    /// whatever it takes.
    pub memory: Option<u64>,
}

impl Backpropagation {
    /// Unrolls `cell` over `inputs` of shape `[B, T, F]` (or `[T, B, F]`, as the options say).
    ///
    /// # Errors
    ///
    /// As [`dynamic_rnn`], and when the memory is too little.
    pub fn unroll<C: Cell>(
        self,
        cell: &C,
        inputs: Tensor<3>,
        mut options: UnrollOptions<C::State>,
    ) -> Result<Unrolled<C::State>> {
        if let Some(bytes) = self.memory {
            options = options.with_memory(bytes);
        }
        match self.window {
            Some(window) => truncated_rnn(cell, inputs, options, window),
            None => dynamic_rnn(cell, inputs, options),
        }
    }
}
