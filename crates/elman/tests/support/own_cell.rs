//! A cell that elman does not know: it implements `step` and gets the rest.

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor};
use elman::cell::{Cell, HiddenState, Step};
use elman::initializer::Initializer;
use elman::random::Seed;
use elman::{Error, Result};

/// How to build a [`LeakyIntegrator`].
pub(crate) struct LeakyIntegratorConfig {
    features: usize,
    dtype: DType,
}

impl LeakyIntegratorConfig {
    /// One unit per feature.
    pub(crate) fn new(features: usize) -> Self {
        Self {
            features,
            dtype: DType::F32,
        }
    }

    pub(crate) fn with_dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    pub(crate) fn init(&self, seed: Seed, device: &Device) -> LeakyIntegrator {
        let initializer = Initializer::Constant(0.5);
        LeakyIntegrator {
            decay: initializer.init([self.features], seed, self.dtype, device),
            gain: initializer.init([self.features], seed, self.dtype, device),
        }
    }
}

/// ```text
/// hidden' = decay ⊙ hidden + tanh(gain ⊙ x)      output = hidden'
/// ```
#[derive(Module, Debug)]
pub(crate) struct LeakyIntegrator {
    decay: Param<Tensor<1>>,
    gain: Param<Tensor<1>>,
}

impl Cell for LeakyIntegrator {
    type State = HiddenState;

    fn input_size(&self) -> usize {
        self.decay.dims()[0]
    }

    fn output_size(&self) -> usize {
        self.input_size()
    }

    fn zero_state(&self, batch: usize) -> HiddenState {
        let decay = self.decay.val();
        let options = (&decay.device(), decay.dtype());
        HiddenState {
            hidden: Tensor::zeros([batch, self.output_size()], options),
        }
    }

    fn step(&self, input: Tensor<2>, state: HiddenState) -> Result<Step<HiddenState>> {
        let (found, expected) = (state.hidden.dims()[1], self.output_size());
        if found != expected {
            return Err(Error::shape("state.hidden", 'H', expected, found));
        }
        let driven = (input * self.gain.val().unsqueeze()).tanh();
        let hidden = state.hidden * self.decay.val().unsqueeze() + driven;
        Ok(Step {
            output: hidden.clone(),
            state: HiddenState { hidden },
        })
    }
}
