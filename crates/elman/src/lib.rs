//! Recurrent sequence models on [Burn](https://burn.dev): TensorFlow 1's cells and drivers with
//! TensorFlow 1's numbers, on kernels that take a whole sequence as one operation.
//!
//! A program that trains an LSTM on arrays:
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use elman::cell::LstmCellConfig;
//! use elman::random::Seed;
//! use elman::recipe::AdamSettings;
//! use elman::train::Optimiser;
//! use elman::unroll::{UnrollOptions, dynamic_rnn};
//!
//! // Four sequences of three numbers, [B, T, F]; after the last, say the first: [B, 1].
//! let device = Device::flex().autodiff();
//! let inputs = Tensor::<3>::from_data(
//!     [
//!         [[0.1], [0.9], [0.4]],
//!         [[0.7], [0.2], [0.5]],
//!         [[0.3], [0.6], [0.8]],
//!         [[0.9], [0.4], [0.1]],
//!     ],
//!     &device,
//! );
//! let first = Tensor::<2>::from_data([[0.1], [0.7], [0.3], [0.9]], &device);
//!
//! // An LSTM of 8 units whose output is projected to one number.
//! let mut cell = LstmCellConfig::new(1, 8)
//!     .with_num_proj(1)
//!     .init(Seed::new(42), &device);
//! let mut optimiser = Optimiser::new(AdamSettings::default());
//! for step in 0..200 {
//!     let run = dynamic_rnn(&cell, inputs.clone(), UnrollOptions::default())?;
//!     let loss = (run.state.hidden - first.clone()).square().mean();
//!     cell = optimiser.update(cell, loss.backward(), 0.02, step)?;
//! }
//!
//! let run = dynamic_rnn(&cell, inputs, UnrollOptions::default())?;
//! let error = (run.state.hidden - first).abs().max().into_scalar::<f32>();
//! assert!(error < 0.05, "off by {error}");
//! # Ok::<(), elman::Error>(())
//! ```
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`cell`] | the cells: [`BasicRnnCell`](cell::BasicRnnCell), [`LstmCell`](cell::LstmCell), [`GruCell`](cell::GruCell) and others, and the trait of your own |
//! | [`wrapper`] | cells around cells: stacks, dropout, residuals, projections |
//! | [`unroll`] | the drivers: [`dynamic_rnn`](unroll::dynamic_rnn), [`static_rnn`](unroll::static_rnn), bidirectional, raw, [`Stream`](unroll::Stream) |
//! | [`activation`], [`initializer`] | what cells are made with |
//! | [`exchange`] | weights of TensorFlow 1 and PyTorch |
//! | [`data`] | files of images to batches |
//! | [`device`] | devices by name |
//! | [`task`] | a recipe carried out; networks, the chapter's sequence classifier |
//! | [`train`] | the training loop; optimisers and clips as TensorFlow 1 computes them |
//! | [`tune`] | better settings, searched at random and by successive halving |
//! | [`store`] | run directories, models and checkpoints |
//! | [`recipe`] | an experiment as a file |
//! | [`diagnosis`] | how far gradients go back in time, and why |
//! | [`generate`] | text from a language model, pieces from one of polyphony |
//! | [`loss`] | losses over vocabularies: adaptive and sampled softmax |
//! | [`metric`], [`plot`] | figures of merit, and pictures of them |
//! | [`book`] | the chapter's numbers beside ours |
//! | [`random`] | seeds and generators |
//! | [`threads`] | how many threads compute, and work dealt out to them |
//!
//! Shapes are spoken in one alphabet: `B` batch, `T` time, `F` features in, `H` units,
//! `P` projection, `V` vocabulary, `G` gates.
//!
//! A function that can fail returns [`Result`]; its [`Error`] says where, what was expected, what
//! was found and what to do.

pub mod activation;
pub mod book;
pub mod cell;
pub mod data;
pub mod device;
pub mod diagnosis;
mod error;
pub mod exchange;
mod fused;
pub mod generate;
pub mod initializer;
pub mod loss;
pub mod metric;
pub mod plot;
pub mod random;
pub mod recipe;
pub mod store;
pub mod task;
pub mod train;
pub mod tune;
pub mod unroll;
pub mod wrapper;

pub use elman_kernels::threads;
pub use error::{Error, Result};
