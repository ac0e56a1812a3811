//! CPU kernels for recurrent sequences: slices in, slices out, no framework, no files.
//!
//! Shapes are spoken in one alphabet: `B` batch, `T` time, `F` features in, `H` units,
//! `P` projection, `O` outputs (`P` with a projection, else `H`), `S` all of a state, `G` gates.

mod activation;
mod basic;
mod broadcast;
mod buffer;
mod cache;
mod cell;
mod compiled;
mod cores;
mod cross_entropy;
mod denormals;
mod dense;
mod gaussian;
mod gradient;
mod gru;
mod inputs;
mod isa;
mod layer_norm_lstm;
mod lstm;
mod mask;
mod math;
mod panels;
mod peak;
mod philox;
mod product;
mod real;
mod rows;
mod run;
mod shape;
pub mod threads;
mod tile;

pub use activation::Activation;
pub use basic::{Basic, BasicSpec, BasicTape, BasicWeights};
pub use cell::{Packed, Spec, Tape};
pub use cross_entropy::{cross_entropy, cross_entropy_gradient};
pub use dense::{Dense, DenseSpec, DenseTape, DenseWeights};
pub use gaussian::gaussian_nll;
pub use gru::{GruAfter, GruAfterTape, GruBefore, GruBeforeTape, GruSpec, GruWeights};
pub use isa::Isa;
pub use layer_norm_lstm::{
    GateNormalisation, LayerNormLstm, LayerNormLstmSpec, LayerNormLstmTape, LayerNormLstmWeights,
};
pub use lstm::{Lstm, LstmSpec, LstmTape, LstmWeights};
pub use mask::MaskSpec;
pub use peak::peak;
pub use philox::Philox;
pub use real::Real;
pub use run::{Backward, Forward, Gradients, HiddenMask, MaskedHidden, Wanted};
pub use shape::{Layout, Plan};
