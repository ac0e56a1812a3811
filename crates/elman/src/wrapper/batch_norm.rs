//! Batch normalisation of a cell's input transform.

use burn::module::{Module, Param, RunningState};
use burn::tensor::{Device, Tensor};

use crate::cell::{Cell, InputTransform, Sequence, Step, TransformsInputs, Unrolled};
use crate::error::{Error, Result};
use crate::initializer::Initializer;
use crate::random::Seed;
use crate::unroll::sequence_of_one;
use crate::wrapper::{Clocked, Noise, around};

/// What of the old moving statistics stays after a step of training.
const DECAY: f64 = 0.9;
/// Added to the variance.
const EPSILON: f64 = 1e-5;

/// How to build a [`BatchNormWrapper`].
#[derive(Clone, Debug)]
pub struct BatchNormConfig {
    settings: BatchNormSettings,
}

/// What of batch normalisation is not trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormSettings {
    /// What of the old moving statistics stays after a step of training.
    pub decay: f64,
    /// Added to the variance.
    pub epsilon: f64,
    /// When a batch's own statistics are used.
    pub noise: Noise,
}

impl Default for BatchNormConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchNormConfig {
    /// A decay of 0.9, an epsilon of 1e-5; a batch's own statistics while gradients are tracked.
    pub fn new() -> Self {
        Self {
            settings: BatchNormSettings {
                decay: DECAY,
                epsilon: EPSILON,
                noise: Noise::default(),
            },
        }
    }

    /// What of the old moving statistics stays after a step of training: 0 to 1.
    pub fn with_decay(mut self, decay: f64) -> Self {
        self.settings.decay = decay;
        self
    }

    /// What is added to the variance: above 0.
    pub fn with_epsilon(mut self, epsilon: f64) -> Self {
        self.settings.epsilon = epsilon;
        self
    }

    /// When a batch's own statistics are used, and the moving ones moved.
    pub fn with_noise(mut self, noise: Noise) -> Self {
        self.settings.noise = noise;
        self
    }

    /// Normalises what `cell` makes of its inputs, on its device and in its number type. The gain
    /// begins at 1.
    ///
    /// # Errors
    ///
    /// When inputs do not enter the cell by one product, or a setting is out of its range.
    pub fn init<C: TransformsInputs>(
        &self,
        cell: C,
        device: &Device,
    ) -> Result<BatchNormWrapper<C>> {
        let BatchNormSettings { decay, epsilon, .. } = self.settings;
        let are_sound = (0.0..=1.0).contains(&decay) && epsilon > 0.0 && epsilon.is_finite();
        if !are_sound {
            return Err(Error::argument(
                "batch normalisation",
                format!("the decay is {decay}, the epsilon {epsilon}"),
                "give a decay between 0 and 1 and an epsilon above 0",
            ));
        }
        let Some(InputTransform { bias, .. }) = cell.input_transform() else {
            return Err(Error::argument(
                "batch normalisation",
                "inputs enter this cell by more than one product",
                "use it around a basic cell, an LSTM or a GRU; other cells have layer normalisation",
            ));
        };
        let [size] = bias.dims();
        let dtype = around::dtype_of(&cell);
        let moving = |value: f64| {
            let numbers = Tensor::<1>::full([size], value, (device, dtype));
            RunningState::new(numbers)
        };
        Ok(BatchNormWrapper {
            gain: Initializer::Constant(1.0).init([size], Seed::new(0), dtype, device),
            mean: moving(0.0),
            variance: moving(1.0),
            cell,
            settings: self.settings,
        })
    }
}

/// Normalises what a cell makes of its inputs.
///
/// ```text
/// a     = x · W_x                                           one number a gate and unit
/// sum   = BN(a) + hidden · W_h + bias
/// BN(a) = gain ⊙ (a - mean(a)) / √(variance(a) + epsilon)
/// ```
///
/// Mean and variance are over all real steps of all rows; in inference they are moving averages of
/// those of training. The cell's bias is the shift.
///
/// Nothing of this is computed step by step: `W_x` and `bias` are replaced by ones that do it, of which mean and
/// variance follow from mean μ and covariance C of the inputs, so that the cell stays on its kernel.
///
/// ```text
/// mean(a) = μ · W_x        variance(a)_n = w_n · C · w_n          w_n: column n of W_x
/// s = gain / √(variance(a) + epsilon)        W_x' = W_x · diag(s)        bias' = bias - mean(a) ⊙ s
/// ```
///
/// Laurent et al. (2016), "Batch Normalized Recurrent Neural Networks", arXiv 1510.01378;
/// statistics over steps too: Amodei et al. (2016), "Deep Speech 2", arXiv 1512.02595.
///
/// In training a call's statistics are those of the steps that it is given: give whole sequences
/// (or windows), not single steps.
#[derive(Module, Debug)]
pub struct BatchNormWrapper<C> {
    /// γ, `[N]`.
    pub gain: Param<Tensor<1>>,
    /// The moving mean, `[N]`: saved, not trained.
    pub mean: RunningState<Tensor<1>>,
    /// The moving variance, `[N]`: saved, not trained.
    pub variance: RunningState<Tensor<1>>,
    cell: C,
    #[module(skip)]
    settings: BatchNormSettings,
}

/// Of what a cell makes of its inputs, `[N]` each.
struct Statistics {
    mean: Tensor<1>,
    variance: Tensor<1>,
}

impl<C> BatchNormWrapper<C> {
    /// The cell inside.
    pub fn cell(&self) -> &C {
        &self.cell
    }

    /// The same with another rule when a batch's own statistics are used.
    pub fn with_noise(mut self, noise: Noise) -> Self {
        self.settings.noise = noise;
        self
    }
}

impl<C: TransformsInputs> BatchNormWrapper<C> {
    /// The plain cell that computes what this one does in inference: what to stream with.
    pub fn folded(&self) -> C {
        self.fold(&Statistics {
            mean: self.mean.value(),
            variance: self.variance.value(),
        })
    }

    /// The cell with the normalisation in its input transform.
    fn fold(&self, statistics: &Statistics) -> C {
        let InputTransform { kernel, bias } = self.transform();
        let deviation = (statistics.variance.clone() + self.settings.epsilon).sqrt();
        let scale = self.gain.val() / deviation;
        self.cell.with_input_transform(InputTransform {
            kernel: kernel * scale.clone().unsqueeze(),
            bias: bias - statistics.mean.clone() * scale,
        })
    }

    fn transform(&self) -> InputTransform {
        let transform = self.cell.input_transform();
        transform.expect("the wrapper was built around a cell that has one")
    }

    /// Those of `sequence`; `None` when it has no real step.
    fn statistics(&self, sequence: &Sequence) -> Option<Statistics> {
        let steps = match sequence.lengths() {
            None => sequence.batch() * sequence.time(),
            Some(lengths) => lengths.as_slice().iter().sum(),
        };
        if steps == 0 {
            return None;
        }
        let count = steps as f64;
        let InputTransform { kernel, .. } = self.transform();
        let mean = sequence.rows().sum_dim(0) / count;
        // The mean is taken from real steps only: what stands in the padding stays zero.
        let [first, second, features] = sequence.inputs().dims();
        let everywhere = mean.clone().reshape([1, 1, features]);
        let everywhere = everywhere.expand([first, second, features]);
        let centred = sequence.with_inputs(sequence.inputs().clone() - everywhere);
        let centred = centred.rows();
        let covariance = centred.clone().transpose().matmul(centred) / count;
        let spread = kernel.clone() * covariance.matmul(kernel.clone());
        Some(Statistics {
            mean: mean.matmul(kernel).squeeze_dim(0),
            variance: spread.sum_dim(0).squeeze_dim(0),
        })
    }

    /// Moves the moving statistics towards those of a batch.
    fn observe(&self, statistics: &Statistics) {
        let decay = self.settings.decay;
        let parts = [
            (&self.mean, &statistics.mean),
            (&self.variance, &statistics.variance),
        ];
        for (moving, found) in parts {
            let found = found.clone().detach();
            let moved = moving.value().detach() * decay + found * (1.0 - decay);
            moving.update(moved);
            // Now, so that a checkpoint of this step has it.
            moving.value_sync();
        }
    }
}

impl<C: TransformsInputs> Cell for BatchNormWrapper<C> {
    type State = Clocked<C::State>;

    fn input_size(&self) -> usize {
        self.cell.input_size()
    }

    fn output_size(&self) -> usize {
        self.cell.output_size()
    }

    fn zero_state(&self, batch: usize) -> Self::State {
        Clocked::at_start(self.cell.zero_state(batch))
    }

    fn step(&self, input: Tensor<2>, state: Self::State) -> Result<Step<Self::State>> {
        sequence_of_one(self, Sequence::batch_major(input.unsqueeze_dim(1)), state)
    }

    fn sequence(&self, sequence: Sequence, state: Self::State) -> Result<Unrolled<Self::State>> {
        Error::ensure_axis("inputs", 'F', sequence.features(), self.input_size())?;
        let Clocked { state, clock } = state;
        let is_on = self.settings.noise.is_on(&self.cell, &sequence, clock);
        let cell = match is_on.then(|| self.statistics(&sequence)).flatten() {
            None => self.folded(),
            Some(statistics) => {
                self.observe(&statistics);
                self.fold(&statistics)
            }
        };
        let run = cell.sequence(sequence, state)?;
        Ok(Unrolled {
            outputs: run.outputs,
            state: Clocked {
                state: run.state,
                clock,
            },
        })
    }
}
