//! The training loop, its optimiser, and what it needs to stop and go on.

mod adam;
mod fit;
mod observer;
mod parameters;
mod position;

pub use adam::{Adam, AdamState, BetaPowers};
pub use fit::{BatchLoss, FinishedEpoch, FitOptions, FitReport, Objective, Training};
pub use observer::{Observer, Silent, StepProgress};
pub use parameters::{restore, snapshot};
pub use position::{Best, Position, Running};
