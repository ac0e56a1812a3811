//! Zoneout around a cell.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::cell::{Cell, Layout, Sequence, State, StatePart, Step, Unrolled};
use crate::error::{Error, Result};
use crate::random::Seed;
use crate::unroll::{composed, sequence_of_one, single_step};
use crate::wrapper::dropout::advanced;
use crate::wrapper::noise::{Block, Drawn};
use crate::wrapper::{Clock, Clocked, Masks, Noise};

/// How to build a [`ZoneoutWrapper`].
#[derive(Clone, Debug)]
pub struct ZoneoutConfig {
    cell: f64,
    hidden: f64,
    noise: Noise,
}

impl ZoneoutConfig {
    /// A number of the hidden state stays the old one with probability `hidden`; a number of an
    /// LSTM's `c` with probability `cell`. The paper has .05 and .5 for an LSTM.
    pub fn new(hidden: f64, cell: f64) -> Self {
        Self {
            cell,
            hidden,
            noise: Noise::default(),
        }
    }

    /// When states are drawn and not mixed: by default while gradients are tracked.
    pub fn with_noise(mut self, noise: Noise) -> Self {
        self.noise = noise;
        self
    }

    /// Puts zoneout around `cell`. Two wrappers with one seed draw the same masks: give each its
    /// own ([`Seed::child`]).
    ///
    /// # Errors
    ///
    /// When a probability is not between 0 and 1.
    pub fn init<C: Cell>(&self, cell: C, seed: Seed) -> Result<ZoneoutWrapper<C>> {
        for (name, probability) in [("hidden", self.hidden), ("cell", self.cell)] {
            if !(0.0..=1.0).contains(&probability) {
                return Err(Error::argument(
                    format!("zoneout of {name}"),
                    format!("is {probability}"),
                    "give the probability of staying the same: between 0 and 1",
                ));
            }
        }
        Ok(ZoneoutWrapper {
            cell,
            settings: self.clone(),
            seed,
        })
    }
}

/// Keeps numbers of a cell's old state at random.
///
/// ```text
/// output, new = cell(x, state)
/// state' = mask ⊙ state + (1 - mask) ⊙ new           in training, mask = 1 with probability z
/// state' = z · state + (1 - z) · new                 in inference: the mean
/// ```
///
/// Krueger et al. (2017), "Zoneout", arXiv 1606.01305. The output is the cell's own, before the
/// state is mixed, as in the authors' TensorFlow wrapper. It acts between two steps, so the cell
/// inside runs step by step. Masks are drawn as [`DropoutWrapper`](crate::wrapper::DropoutWrapper)
/// draws its own, per step and row.
#[derive(Module, Debug)]
pub struct ZoneoutWrapper<C> {
    cell: C,
    #[module(skip)]
    settings: ZoneoutConfig,
    #[module(skip)]
    seed: Seed,
}

impl<C> ZoneoutWrapper<C> {
    /// The cell inside.
    pub fn cell(&self) -> &C {
        &self.cell
    }

    /// The same with another rule when to draw.
    pub fn with_noise(mut self, noise: Noise) -> Self {
        self.settings.noise = noise;
        self
    }
}

impl<C: Cell> ZoneoutWrapper<C> {
    /// The state after a step from `old` that gave `new`.
    fn mix(&self, old: C::State, new: C::State, clock: Option<Clock>) -> C::State {
        let kinds = new.kinds();
        let parts = old.into_parts().into_iter().zip(new.clone().into_parts());
        let parts = parts.zip(kinds).enumerate();
        let mixed = parts.map(|(index, ((old, new), kind))| {
            let zoneout = match kind {
                StatePart::Cell => self.settings.cell,
                StatePart::Hidden => self.settings.hidden,
            };
            let change = new.clone() - old.clone();
            if zoneout == 0.0 {
                return new;
            }
            let Some(clock) = clock else {
                return old + change * (1.0 - zoneout);
            };
            let [batch, features] = change.dims();
            let block = Block {
                batch,
                time: 1,
                features,
                layout: Layout::BatchMajor,
            };
            let drawn = Drawn {
                seed: self.seed,
                purpose: &format!("zoneout of state {index}"),
                keep: 1.0 - zoneout,
                masks: Masks::PerStep,
            };
            let options = (&change.device(), change.dtype());
            let mask = drawn.mask(block, clock, 1.0, options);
            old + change * mask.squeeze_dim::<2>(1)
        });
        let mixed = mixed.collect();
        new.with_parts(mixed)
    }
}

impl<C: Cell> Cell for ZoneoutWrapper<C> {
    type State = Clocked<C::State>;

    fn input_size(&self) -> usize {
        self.cell.input_size()
    }

    fn output_size(&self) -> usize {
        self.cell.output_size()
    }

    fn zero_state(&self, batch: usize) -> Clocked<C::State> {
        Clocked::at_start(self.cell.zero_state(batch))
    }

    fn step(&self, input: Tensor<2>, state: Self::State) -> Result<Step<Self::State>> {
        sequence_of_one(self, Sequence::batch_major(input.unsqueeze_dim(1)), state)
    }

    fn sequence(&self, sequence: Sequence, state: Self::State) -> Result<Unrolled<Self::State>> {
        Error::ensure_axis("inputs", 'F', sequence.features(), self.input_size())?;
        let Clocked { state, clock } = state;
        let after = advanced(clock, &sequence);
        let is_on = self.settings.noise.is_on(&self.cell, &sequence, clock);
        let path = sequence.path();
        let mut now = clock;
        let run = composed(self.output_size(), sequence, state, |input, state| {
            let step = single_step(&self.cell, input, state.clone(), path)?;
            let state = self.mix(state, step.state, is_on.then_some(now));
            now.time += 1;
            Ok(Step {
                output: step.output,
                state,
            })
        })?;
        Ok(Unrolled {
            outputs: run.outputs,
            state: Clocked {
                state: run.state,
                clock: after,
            },
        })
    }
}
