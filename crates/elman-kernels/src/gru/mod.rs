//! The fused GRU, in both of its forms.

mod after;
mod before;

pub use after::{GruAfter, GruAfterTape};
pub use before::{GruBefore, GruBeforeTape};

use crate::activation::Activation;

/// What a GRU computes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GruSpec {
    /// `F`.
    pub inputs: usize,
    /// `H`.
    pub units: usize,
    /// Of the candidate.
    pub activation: Activation,
}

impl GruSpec {
    /// Multiply-adds of one step of one row.
    fn multiplications(&self) -> usize {
        3 * self.units * (self.inputs + self.units)
    }
}

/// The parameters of a GRU, as TF 1 stores them.
#[derive(Clone, Copy, Debug)]
pub struct GruWeights<'a, T> {
    /// `[F+H, 2H]`: reset, update.
    pub gates_kernel: &'a [T],
    /// `[2H]`.
    pub gates_bias: &'a [T],
    /// `[F+H, H]`.
    pub candidate_kernel: &'a [T],
    /// `[H]`.
    pub candidate_bias: &'a [T],
    /// `[H]`, there exactly when the reset gate acts after the product.
    pub recurrent_bias: Option<&'a [T]>,
}

impl<T> GruWeights<'_, T> {
    /// # Panics
    ///
    /// When a slice does not have the length that `spec` asks for.
    fn check(&self, spec: &GruSpec) {
        let (rows, units) = (spec.inputs + spec.units, spec.units);
        assert_eq!(self.gates_kernel.len(), rows * 2 * units);
        assert_eq!(self.gates_bias.len(), 2 * units);
        assert_eq!(self.candidate_kernel.len(), rows * units);
        assert_eq!(self.candidate_bias.len(), units);
    }
}
