//! Where a run is, for wrappers that draw at random.

use burn::tensor::Tensor;

use crate::cell::{State, StatePart};

/// The position that a mask is drawn for, and belongs to: the same position, the same mask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// The step of training ([`State::at_training_step`]).
    pub training_step: u64,
    /// The time steps that have been read since the zero state. In a batch they go as far as its
    /// longest row.
    pub time: u64,
    /// Nothing is drawn, whatever the wrapper's own rule is ([`State::without_noise`]).
    pub is_silent: bool,
}

/// The state of a cell, and where its run is.
///
/// A cell keeps nothing between two calls, so the clock travels with the state. It is not one of
/// the state's parts: packing a state loses it, and nothing else does.
#[derive(Clone, Debug)]
pub struct Clocked<S> {
    /// The state of the cell inside.
    pub state: S,
    /// Where the run is.
    pub clock: Clock,
}

impl<S> Clocked<S> {
    /// Before the first time step.
    pub(super) fn at_start(state: S) -> Self {
        Self {
            state,
            clock: Clock::default(),
        }
    }
}

impl<S: State> State for Clocked<S> {
    fn into_parts(self) -> Vec<Tensor<2>> {
        self.state.into_parts()
    }

    fn with_parts(self, parts: Vec<Tensor<2>>) -> Self {
        Self {
            state: self.state.with_parts(parts),
            clock: self.clock,
        }
    }

    fn kinds(&self) -> Vec<StatePart> {
        self.state.kinds()
    }

    fn at_training_step(self, step: u64) -> Self {
        Self {
            state: self.state.at_training_step(step),
            clock: Clock {
                training_step: step,
                is_silent: false,
                ..self.clock
            },
        }
    }

    fn without_noise(self) -> Self {
        Self {
            state: self.state.without_noise(),
            clock: Clock {
                is_silent: true,
                ..self.clock
            },
        }
    }
}
