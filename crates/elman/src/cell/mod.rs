//! The contract that every recurrent cell keeps, and what goes in and comes out of it.
//!
//! A cell holds parameters and nothing else: state goes in and comes out as a value.

mod basic;
mod coupled_lstm;
mod gru;
mod indrnn;
mod input_transform;
mod layer_norm;
mod layer_norm_lstm;
mod lstm;
mod min_gru;
mod min_lstm;
mod nas;
mod runner;
mod sequence;
mod sru;
mod state;
mod ugrnn;
mod watch;

pub use basic::{BasicRnnCell, BasicRnnCellConfig};
pub use coupled_lstm::{
    CoupledLstmCell, CoupledLstmCellConfig, CoupledLstmSettings, CoupledNorms, CoupledPeepholes,
};
pub use gru::{GruCell, GruCellConfig, ResetGate};
pub use indrnn::{IndRnnCell, IndRnnCellConfig};
pub use input_transform::{InputTransform, TransformsInputs};
pub use layer_norm::LayerNorm;
pub use layer_norm_lstm::{
    GateNorms, LayerNormLstmCell, LayerNormLstmCellConfig, LayerNormLstmSettings,
    LstmNormalisation, ProductNorms,
};
pub use lstm::{
    BasicLstmCell, BasicLstmCellConfig, LstmCell, LstmCellConfig, LstmGate, LstmSettings,
    LstmState, Peepholes,
};
pub use min_gru::{MinCandidate, MinGruCell, MinGruCellConfig};
pub use min_lstm::{MinLstmCell, MinLstmCellConfig, MinLstmSettings};
pub use nas::{NasCell, NasCellConfig};
pub use runner::Runner;
pub(crate) use runner::Sequential;
pub use sequence::{Layout, Lengths, Path, Sequence, Unrolled};
pub use sru::{SruCell, SruCellConfig, SruState};
pub use state::{HiddenState, State, StatePart};
pub use ugrnn::{UgrnnCell, UgrnnCellConfig, UgrnnSettings};
pub(crate) use watch::{RecurrentWeights, Watch, Watched};

use burn::tensor::Tensor;

use crate::error::Result;
use crate::unroll::composed;

/// What one step of a cell yields.
#[derive(Clone, Debug)]
pub struct Step<S> {
    /// `[B, H]` (with a projection `[B, P]`).
    pub output: Tensor<2>,
    /// The state after the step.
    pub state: S,
}

/// A recurrent cell: one function of an input and a state, applied once per time step.
///
/// [`step`](Cell::step) is the definition; [`sequence`](Cell::sequence) is the same over all
/// steps at once. A cell of your own implements `step` and gets `sequence` from it; see
/// `examples/own_cell.rs`.
pub trait Cell {
    /// What the cell carries from step to step.
    type State: State;

    /// `F`, the number of input features.
    fn input_size(&self) -> usize;

    /// `H` (with a projection `P`), the number of output features.
    fn output_size(&self) -> usize;

    /// The all-zero state for `batch` rows, on the cell's device and in its number type
    /// (`zero_state` of TF 1's `RNNCell`).
    fn zero_state(&self, batch: usize) -> Self::State;

    /// One time step: `input` is `[B, F]`.
    ///
    /// # Errors
    ///
    /// When a shape does not fit the cell.
    fn step(&self, input: Tensor<2>, state: Self::State) -> Result<Step<Self::State>>;

    /// All time steps of `sequence`, from `state`.
    ///
    /// Past a row's length outputs are zero and the state is carried through unchanged.
    ///
    /// # Errors
    ///
    /// When a shape does not fit the cell.
    fn sequence(&self, sequence: Sequence, state: Self::State) -> Result<Unrolled<Self::State>> {
        composed(self.output_size(), sequence, state, |input, state| {
            self.step(input, state)
        })
    }

    /// As [`sequence`](Cell::sequence) with dropout of the hidden state: after every step the next
    /// one (and the final state) gets `factor ⊙ output` in place of the output, the factors laid out as the
    /// outputs. `None` when the cell cannot do that all at once; then it is done step by step.
    ///
    /// # Errors
    ///
    /// When a shape does not fit the cell.
    fn masked_sequence(
        &self,
        _sequence: &Sequence,
        _state: &Self::State,
        _factors: &dyn Fn() -> Tensor<3>,
    ) -> Option<Result<Unrolled<Self::State>>> {
        None
    }

    /// Reads a sequence piece by piece, from `state` on: what a [`Stream`](crate::unroll::Stream)
    /// drives. Cells with a kernel pack their weights once, here.
    fn runner(&self, state: Self::State) -> Box<dyn Runner<Self::State> + '_>
    where
        Self: Sized,
    {
        Box::new(Sequential::new(self, state))
    }
}
