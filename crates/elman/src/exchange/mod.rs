//! Weights of other frameworks: TensorFlow 1's variables and PyTorch's parameters, to and fro.
//!
//! ```
//! use burn::tensor::{Device, TensorData};
//! use elman::cell::BasicRnnCell;
//! use elman::exchange::{PytorchParameters, Weights};
//! use elman::activation::Activation;
//!
//! let weights = Weights::new()
//!     .with("weight_ih_l0", TensorData::from([[0.1_f32, 0.2, 0.3], [0.4, 0.5, 0.6]]))
//!     .with("weight_hh_l0", TensorData::from([[0.7_f32, 0.8], [0.9, 1.0]]));
//! let cell = BasicRnnCell::from_pytorch(&weights, "l0", Activation::Tanh, &Device::flex())?;
//! assert_eq!(cell.kernel.dims(), [3 + 2, 2]);
//! # Ok::<(), elman::Error>(())
//! ```

mod contrib;
mod gates;
mod pytorch;
mod reader;
mod tensorflow;
mod weights;

pub use pytorch::PytorchParameters;
pub use tensorflow::TensorflowVariables;
pub use weights::Weights;
