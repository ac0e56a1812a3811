//! Cells around cells: stacks, dropout, residual and highway connections, projections, batch
//! normalisation, embeddings, devices.
//!
//! A wrapper is a [`Cell`](crate::cell::Cell) like any other. What it does to inputs and outputs
//! it does to whole sequences at once, so the cell inside stays on its kernel.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use elman::cell::{GruCellConfig, LstmCellConfig};
//! use elman::random::Seed;
//! use elman::unroll::{UnrollOptions, dynamic_rnn};
//! use elman::wrapper::{AnyCell, DropoutConfig, MultiRnnCell, ResidualWrapper};
//!
//! let (seed, device) = (Seed::new(42), Device::flex().autodiff());
//! let bottom: AnyCell = LstmCellConfig::new(3, 8).init(seed.child("bottom"), &device).into();
//! let top = GruCellConfig::new(8, 8).init(seed.child("top"), &device);
//! let top: AnyCell = ResidualWrapper::new(AnyCell::from(top))?.into();
//! let dropped = DropoutConfig::new().with_input_keep_prob(0.5).init(top, seed.child("dropout"))?;
//! let network = MultiRnnCell::new(vec![bottom, dropped.into()])?;
//!
//! let inputs = Tensor::<3>::ones([4, 5, 3], &device);
//! let options = UnrollOptions::default().with_training_step(7);
//! let run = dynamic_rnn(&network, inputs, options)?;
//! assert_eq!(run.outputs.dims(), [4, 5, 8]);
//! assert_eq!(run.state.layers.len(), 2);
//! # Ok::<(), elman::Error>(())
//! ```

mod any;
mod around;
mod batch_norm;
mod boxed;
mod clock;
mod device;
mod dropout;
mod embedding;
mod highway;
mod multi;
mod noise;
mod projection;
mod residual;
mod zoneout;

pub use any::{AnyCell, AnyState};
pub(crate) use around::Around;
pub use batch_norm::{BatchNormConfig, BatchNormSettings, BatchNormWrapper};
pub use boxed::Boxed;
pub use clock::{Clock, Clocked};
pub use device::DeviceWrapper;
pub use dropout::{DropoutConfig, DropoutWrapper, StateFilter};
pub use embedding::{EmbeddingConfig, EmbeddingWrapper};
pub use highway::{HighwayConfig, HighwayGate, HighwayWrapper};
pub use multi::{MultiRnnCell, MultiState};
pub use noise::{Masks, Noise};
pub use projection::{
    InputProjectionWrapper, OutputProjectionWrapper, Projection, ProjectionConfig,
};
pub use residual::ResidualWrapper;
pub use zoneout::{ZoneoutConfig, ZoneoutWrapper};
