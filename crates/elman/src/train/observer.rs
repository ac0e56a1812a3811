//! How a training run talks to whoever started it: the library itself prints nothing.

use crate::metric::{EpochMetrics, Figures, Measure};
use crate::train::GradientNorms;

/// Where a run is after a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepProgress {
    /// The epoch, from 0.
    pub epoch: usize,
    /// Epochs of the whole run, if it is not stopped early.
    pub epochs: usize,
    /// Steps of this epoch that are done.
    pub done: usize,
    /// Steps of every epoch.
    pub steps: usize,
    /// What the score is.
    pub measure: Measure,
    /// Training loss and score of this epoch so far.
    pub running: Figures,
    /// The norms of the step's gradients.
    pub gradient_norms: GradientNorms,
    /// Examples of the step.
    pub examples: usize,
}

/// Listens to a training run and may stop it.
pub trait Observer {
    /// A step is done.
    fn step(&mut self, _progress: &StepProgress) {}

    /// An epoch is done, evaluated and saved.
    fn epoch(&mut self, _metrics: &EpochMetrics) {}

    /// Something was found out about the data, before the first step.
    fn note(&mut self, _message: &str) {}

    /// Something went wrong that the run survives.
    fn warning(&mut self, _message: &str) {}

    /// Gradients vanish or explode: what was found, and what helps. Told once.
    fn worry(&mut self, _message: &str) {}

    /// The signal by which the user asks the run to stop; asked after every step.
    fn stop_signal(&mut self) -> Option<i32> {
        None
    }
}

/// An observer that listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
