//! CPU kernels for recurrent sequences: slices in, slices out, no framework, no files.
//!
//! Shapes are spoken in one alphabet: `B` batch, `T` time, `F` features in, `H` units,
//! `P` projection, `G` gates.

mod activation;

pub use activation::Activation;
