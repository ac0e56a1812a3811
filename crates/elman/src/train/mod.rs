//! The training loop, its optimisers, and what it needs to stop and go on.

mod clip;
mod fit;
mod observer;
mod optimiser;
mod parameters;
mod position;
mod regularisation;

pub use clip::{Clip, GradientNorms};
pub use fit::{BatchLoss, Carried, FitOptions, FitReport, Judgement, Objective, Training};
pub use observer::{Observer, Silent, StepProgress};
pub use optimiser::{Optimiser, OptimiserState};
pub(crate) use parameters::replace;
pub use parameters::{restore, snapshot};
pub use position::{Best, Position, Running};
pub use regularisation::Regularisation;
