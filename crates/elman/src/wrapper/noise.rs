//! Random masks from counters.

use burn::tensor::{DType, Device, Tensor, TensorData};

use elman_kernels::MaskSpec;

use crate::cell::{Cell, Layout, Sequence, State};
use crate::fused::dropout;
use crate::random::Seed;
use crate::wrapper::Clock;

/// When a wrapper draws at random.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Noise {
    /// While gradients are tracked: when the inputs, or the cell's parameters, are on a device with
    /// autodiff (`Device::autodiff`). So a model's `valid()` is without noise by itself.
    #[default]
    WhileTraining,
    /// In inference too: Gal and Ghahramani's (2016) Monte Carlo dropout.
    Always,
    /// Not at all.
    Never,
}

impl Noise {
    /// Is it drawn for this sequence through `cell`, from `clock` on?
    pub(crate) fn is_on<C: Cell>(self, cell: &C, sequence: &Sequence, clock: Clock) -> bool {
        if clock.is_silent {
            return false;
        }
        let is_tracked = |part: &Tensor<2>| part.device().is_autodiff();
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::WhileTraining => {
                sequence.inputs().device().is_autodiff()
                    || cell.zero_state(1).into_parts().iter().any(is_tracked)
            }
        }
    }
}

/// How many masks there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Masks {
    /// Another one for every step and row: TF 1's default.
    #[default]
    PerStep,
    /// One per row for all its steps: Gal and Ghahramani (2016), arXiv 1512.05287.
    PerRow,
    /// One for all steps of all rows: TF 1's `variational_recurrent=True`.
    Shared,
}

/// The size of what is masked: `B`, `T`, and the features.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) batch: usize,
    pub(crate) time: usize,
    pub(crate) features: usize,
    pub(crate) layout: Layout,
}

/// The masks of one purpose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawn<'a> {
    pub(crate) seed: Seed,
    pub(crate) purpose: &'a str,
    /// The probability that a number is kept.
    pub(crate) keep: f64,
    pub(crate) masks: Masks,
}

impl Drawn<'_> {
    /// `kept` with probability `keep`, else zero; the steps begin at `clock`. The result is as
    /// large as `block`, or has one row or step where all are the same.
    ///
    /// The numbers of a mask depend on seed, purpose, clock and row, and on nothing else: not on
    /// how many steps or later rows there are, and not on threads.
    pub(crate) fn mask(
        &self,
        block: Block,
        clock: Clock,
        kept: f64,
        options: (&Device, DType),
    ) -> Tensor<3> {
        let (spec, shape) = self.spec(block, clock);
        let data = match options.1 {
            DType::F64 => TensorData::new(spec.draw(kept), shape),
            _ => TensorData::new(spec.draw(kept as f32), shape),
        };
        Tensor::from_data(data, options)
    }

    /// `tensor`, as large as `block`, times that [`mask`](Self::mask).
    pub(crate) fn apply(
        &self,
        block: Block,
        clock: Clock,
        kept: f64,
        tensor: Tensor<3>,
    ) -> Tensor<3> {
        if self.masks == Masks::PerStep {
            let (spec, _) = self.spec(block, clock);
            if let Some(dropped) = dropout(&tensor, &spec, kept) {
                return dropped;
            }
        }
        let options = (&tensor.device(), tensor.dtype());
        let mask = self.mask(block, clock, kept, options);
        tensor * mask
    }

    /// What a mask is drawn from, and its shape.
    fn spec(&self, block: Block, clock: Clock) -> (MaskSpec, [usize; 3]) {
        let batch = match self.masks {
            Masks::Shared => 1,
            Masks::PerStep | Masks::PerRow => block.batch,
        };
        let time = match self.masks {
            Masks::PerStep => block.time,
            Masks::PerRow | Masks::Shared => 1,
        };
        let shape = match block.layout {
            Layout::BatchMajor => [batch, time, block.features],
            Layout::TimeMajor => [time, batch, block.features],
        };
        let steps = (0..time as u64).map(|step| self.seed.philox(&self.key(clock, step)));
        let spec = MaskSpec {
            steps: steps.collect(),
            batch,
            features: block.features,
            layout: block.layout.into(),
            // A number is kept when a uniform number is not below 1 - keep, as in TF 1.
            threshold: ((1.0 - self.keep) * (1_u64 << 32) as f64) as u32,
        };
        (spec, shape)
    }

    fn key(&self, clock: Clock, step: u64) -> String {
        let Clock {
            training_step,
            time,
            is_silent: _,
        } = clock;
        match self.masks {
            Masks::PerStep => {
                let time = time + step;
                format!(
                    "{} of step {time} in training step {training_step}",
                    self.purpose
                )
            }
            Masks::PerRow | Masks::Shared => {
                format!("{} in training step {training_step}", self.purpose)
            }
        }
    }
}

/// Applies `change` to the parts of a state, each with its index.
pub(crate) fn map_parts<S: State>(
    state: S,
    mut change: impl FnMut(usize, Tensor<2>) -> Tensor<2>,
) -> S {
    let mut index = 0;
    state.map(|part| {
        index += 1;
        change(index - 1, part)
    })
}
