//! Any of the fused cells, and the dense layer, behind one face.

use crate::basic::{Basic, BasicSpec, BasicTape, BasicWeights};
use crate::dense::{Dense, DenseSpec, DenseTape, DenseWeights};
use crate::gru::{GruAfter, GruAfterTape, GruBefore, GruBeforeTape, GruSpec, GruWeights};
use crate::isa::Isa;
use crate::layer_norm_lstm::{
    LayerNormLstm, LayerNormLstmSpec, LayerNormLstmTape, LayerNormLstmWeights,
};
use crate::lstm::{Lstm, LstmSpec, LstmTape, LstmWeights};
use crate::real::Real;
use crate::run::{Backward, Forward, Gradients};

/// The most numbers in a vector: f32 on AVX-512.
const WIDEST: usize = 16;

/// What a fused cell computes.
///
/// Parameters are a list of slices in the order of the cell's weights struct: for a basic cell
/// kernel and bias; for an LSTM kernel, bias, the three peepholes if it has them, the projection
/// if the specification has one; for a GRU both of the gates, then both of the candidate, then the
/// recurrent bias if the reset gate acts after the product; for an LSTM with layer normalisation
/// kernel, gain, the gain of the hidden state's product if that is normalised apart, shift, then the
/// new cell's gain and shift; for a dense layer kernel and bias.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Spec {
    /// The basic cell.
    Basic(BasicSpec),
    /// The LSTM.
    Lstm(LstmSpec),
    /// The LSTM with layer normalisation.
    LayerNormLstm(LayerNormLstmSpec),
    /// The GRU with the reset gate before the product.
    GruBefore(GruSpec),
    /// The GRU with the reset gate after the product.
    GruAfter(GruSpec),
    /// A dense layer over all steps.
    Dense(DenseSpec),
}

impl Spec {
    /// `F`.
    pub fn inputs(&self) -> usize {
        match self {
            Self::Basic(spec) => spec.inputs,
            Self::Lstm(spec) => spec.inputs,
            Self::LayerNormLstm(spec) => spec.inputs,
            Self::GruBefore(spec) | Self::GruAfter(spec) => spec.inputs,
            Self::Dense(spec) => spec.inputs,
        }
    }

    /// `O`.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Basic(spec) => spec.units,
            Self::Lstm(spec) => spec.outputs(),
            Self::LayerNormLstm(spec) => spec.units,
            Self::GruBefore(spec) | Self::GruAfter(spec) => spec.units,
            Self::Dense(spec) => spec.outputs,
        }
    }

    /// `S`, the width of the state's parts side by side.
    pub fn state(&self) -> usize {
        match self {
            Self::Lstm(spec) => spec.state(),
            Self::LayerNormLstm(spec) => spec.state(),
            Self::Dense(_) => 0,
            other => other.outputs(),
        }
    }

    /// How many numbers a tape and its backward pass keep of every real (step, row) pair, at most:
    /// rows are padded to whole vectors.
    pub fn tape(&self) -> usize {
        let padded = |size: usize| size.next_multiple_of(WIDEST);
        match self {
            Self::Basic(spec) => padded(spec.units),
            Self::Lstm(spec) => {
                // Gates and cell; with a projection m and the gradient of what it becomes.
                let projected = spec
                    .projection
                    .map(|outputs| padded(spec.units) + padded(outputs));
                5 * padded(spec.units) + projected.unwrap_or(0)
            }
            Self::LayerNormLstm(spec) => spec.tape(padded(spec.units)),
            Self::GruBefore(spec) | Self::GruAfter(spec) => 4 * padded(spec.units),
            Self::Dense(spec) => padded(spec.outputs),
        }
    }

    /// Packs the cell for this machine.
    ///
    /// # Panics
    ///
    /// When the parameters are not as many and as long as the specification asks for.
    pub fn pack<T: Real>(&self, parameters: &[&[T]], isa: Isa) -> Packed<T> {
        T::pack(self, parameters, isa)
    }

    /// [`pack`](Self::pack), for `compiled.rs`.
    pub(crate) fn packed<T: Real>(&self, parameters: &[&[T]], isa: Isa) -> Packed<T> {
        match *self {
            Self::Basic(spec) => Packed::Basic(Basic::pack(spec, &basic(parameters), isa)),
            Self::Lstm(spec) => Packed::Lstm(Lstm::pack(spec, &lstm(&spec, parameters), isa)),
            Self::LayerNormLstm(spec) => {
                Packed::LayerNormLstm(LayerNormLstm::pack(spec, &layer_norm_lstm(parameters), isa))
            }
            Self::GruBefore(spec) => {
                Packed::GruBefore(GruBefore::pack(spec, &gru(parameters), isa))
            }
            Self::GruAfter(spec) => Packed::GruAfter(GruAfter::pack(spec, &gru(parameters), isa)),
            Self::Dense(spec) => Packed::Dense(Dense::pack(spec, &dense(parameters), isa)),
        }
    }
}

fn basic<'a, T>(parameters: &[&'a [T]]) -> BasicWeights<'a, T> {
    let [kernel, bias] = *parameters else {
        panic!("a basic cell has 2 parameters, not {}", parameters.len());
    };
    BasicWeights { kernel, bias }
}

fn dense<'a, T>(parameters: &[&'a [T]]) -> DenseWeights<'a, T> {
    let [kernel, bias] = *parameters else {
        panic!("a dense layer has 2 parameters, not {}", parameters.len());
    };
    DenseWeights { kernel, bias }
}

fn lstm<'a, T>(spec: &LstmSpec, parameters: &[&'a [T]]) -> LstmWeights<'a, T> {
    let (plain, projection) = match spec.projection {
        None => (parameters, None),
        Some(_) => {
            let (projection, plain) = parameters.split_last().expect("an LSTM has parameters");
            (plain, Some(*projection))
        }
    };
    let (kernel, bias, peepholes) = match *plain {
        [kernel, bias] => (kernel, bias, None),
        [kernel, bias, input, forget, output] => (kernel, bias, Some([input, forget, output])),
        _ => panic!("an LSTM has 2 or 5 parameters, not {}", plain.len()),
    };
    LstmWeights {
        kernel,
        bias,
        peepholes,
        projection,
    }
}

fn layer_norm_lstm<'a, T>(parameters: &[&'a [T]]) -> LayerNormLstmWeights<'a, T> {
    let (kernel, gain, recurrent_gain, rest) = match *parameters {
        [kernel, gain, ref rest @ ..] if rest.len() == 3 => (kernel, gain, None, rest),
        [kernel, gain, recurrent_gain, ref rest @ ..] if rest.len() == 3 => {
            (kernel, gain, Some(recurrent_gain), rest)
        }
        _ => panic!(
            "an LSTM with layer normalisation has 5 or 6 parameters, not {}",
            parameters.len()
        ),
    };
    LayerNormLstmWeights {
        kernel,
        gain,
        recurrent_gain,
        shift: rest[0],
        state_gain: rest[1],
        state_shift: rest[2],
    }
}

fn gru<'a, T>(parameters: &[&'a [T]]) -> GruWeights<'a, T> {
    let [
        gates_kernel,
        gates_bias,
        candidate_kernel,
        candidate_bias,
        ref rest @ ..,
    ] = *parameters
    else {
        panic!("a GRU has 4 or 5 parameters, not {}", parameters.len());
    };
    GruWeights {
        gates_kernel,
        gates_bias,
        candidate_kernel,
        candidate_bias,
        recurrent_bias: rest.first().copied(),
    }
}

/// A cell whose weights are packed for this machine.
#[derive(Debug)]
pub enum Packed<T: Real> {
    /// The basic cell.
    Basic(Basic<T>),
    /// The LSTM.
    Lstm(Lstm<T>),
    /// The LSTM with layer normalisation.
    LayerNormLstm(LayerNormLstm<T>),
    /// The GRU with the reset gate before the product.
    GruBefore(GruBefore<T>),
    /// The GRU with the reset gate after the product.
    GruAfter(GruAfter<T>),
    /// A dense layer.
    Dense(Dense<T>),
}

/// What a forward pass leaves for its backward pass: the packed cell and its notes.
#[derive(Debug)]
pub enum Tape<T: Real> {
    /// Of a basic cell.
    Basic(Basic<T>, BasicTape<T>),
    /// Of an LSTM.
    Lstm(Lstm<T>, LstmTape<T>),
    /// Of an LSTM with layer normalisation.
    LayerNormLstm(LayerNormLstm<T>, LayerNormLstmTape<T>),
    /// Of a GRU with the reset gate before the product.
    GruBefore(GruBefore<T>, GruBeforeTape<T>),
    /// Of a GRU with the reset gate after the product.
    GruAfter(GruAfter<T>, GruAfterTape<T>),
    /// Of a dense layer.
    Dense(Dense<T>, DenseTape<T>),
}

impl<T: Real> Packed<T> {
    /// The forward pass of inference: in one vector the outputs, laid out as the plan says and zero in
    /// the padding, then the final state.
    pub fn forward(&self, run: Forward<'_, T>) -> Vec<T> {
        T::forward(self, run)
    }

    /// [`forward`](Self::forward), for `compiled.rs`.
    pub(crate) fn walk(&self, run: Forward<'_, T>) -> Vec<T> {
        match self {
            Self::Basic(cell) => cell.forward(run),
            Self::Lstm(cell) => cell.forward(run),
            Self::LayerNormLstm(cell) => cell.forward(run),
            Self::GruBefore(cell) => cell.forward(run),
            Self::GruAfter(cell) => cell.forward(run),
            Self::Dense(layer) => layer.forward(run),
        }
    }

    /// The forward pass of training: the same, and what the backward pass needs.
    pub fn forward_training(self, run: Forward<'_, T>) -> (Vec<T>, Tape<T>) {
        T::forward_training(self, run)
    }

    /// [`forward_training`](Self::forward_training), for `compiled.rs`.
    pub(crate) fn walk_training(self, run: Forward<'_, T>) -> (Vec<T>, Tape<T>) {
        match self {
            Self::Basic(cell) => {
                let (results, tape) = cell.forward_training(run);
                (results, Tape::Basic(cell, tape))
            }
            Self::Lstm(cell) => {
                let (results, tape) = cell.forward_training(run);
                (results, Tape::Lstm(cell, tape))
            }
            Self::LayerNormLstm(cell) => {
                let (results, tape) = cell.forward_training(run);
                (results, Tape::LayerNormLstm(cell, tape))
            }
            Self::GruBefore(cell) => {
                let (results, tape) = cell.forward_training(run);
                (results, Tape::GruBefore(cell, tape))
            }
            Self::GruAfter(cell) => {
                let (results, tape) = cell.forward_training(run);
                (results, Tape::GruAfter(cell, tape))
            }
            Self::Dense(layer) => {
                let (results, tape) = layer.forward_training(run);
                (results, Tape::Dense(layer, tape))
            }
        }
    }
}

impl<T: Real> Tape<T> {
    /// The backward pass. `parameters` are those that the cell was packed from; their gradients
    /// come in the same order.
    pub fn backward(self, run: &Backward<'_, T>, parameters: &[&[T]]) -> Gradients<T> {
        T::backward(self, run, parameters)
    }

    /// [`backward`](Self::backward), for `compiled.rs`.
    pub(crate) fn walk_back(self, run: &Backward<'_, T>, parameters: &[&[T]]) -> Gradients<T> {
        match self {
            Self::Basic(cell, tape) => cell.backward(run, &basic(parameters), tape),
            Self::Lstm(cell, tape) => {
                let weights = lstm(cell.spec(), parameters);
                cell.backward(run, &weights, tape)
            }
            Self::LayerNormLstm(cell, tape) => {
                cell.backward(run, &layer_norm_lstm(parameters), tape)
            }
            Self::GruBefore(cell, tape) => cell.backward(run, &gru(parameters), tape),
            Self::GruAfter(cell, tape) => cell.backward(run, &gru(parameters), tape),
            Self::Dense(layer, tape) => layer.backward(run, &dense(parameters), tape),
        }
    }
}
