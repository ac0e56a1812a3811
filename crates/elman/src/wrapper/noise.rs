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
        drawn(&spec, shape, kept, options)
    }

    /// `tensor`, as large as `block`, times that [`mask`](Self::mask).
    pub(crate) fn apply(
        &self,
        block: Block,
        clock: Clock,
        kept: f64,
        tensor: Tensor<3>,
    ) -> Tensor<3> {
        let (spec, shape) = self.spec(block, clock);
        // The operation takes masks as large as the tensor.
        if self.masks == Masks::PerStep
            && let Some(dropped) = dropout(&tensor, &spec, kept)
        {
            return dropped;
        }
        let mask = drawn(&spec, shape, kept, (&tensor.device(), tensor.dtype()));
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

/// The mask as a tensor.
fn drawn(spec: &MaskSpec, shape: [usize; 3], kept: f64, options: (&Device, DType)) -> Tensor<3> {
    let data = match options.1 {
        DType::F64 => TensorData::new(spec.draw(kept), shape),
        _ => TensorData::new(spec.draw(kept as f32), shape),
    };
    Tensor::from_data(data, options)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// `[.., F]` with numbers of its own in every place.
    fn counted(shape: [usize; 3], options: (&Device, DType)) -> Tensor<3> {
        let count = shape.iter().product::<usize>();
        let numbers: Vec<f64> = (0..count).map(|at| at as f64 / 7.0 - 3.0).collect();
        Tensor::from_data(TensorData::new(numbers, shape), options)
    }

    #[test]
    fn one_operation_gives_the_bits_of_the_product_with_the_mask() {
        let device = Device::flex().autodiff();
        let clock = Clock {
            training_step: 3,
            time: 5,
            is_silent: false,
        };
        let layouts = [Layout::BatchMajor, Layout::TimeMajor];
        for (dtype, layout) in [DType::F32, DType::F64]
            .into_iter()
            .flat_map(|dtype| layouts.map(|layout| (dtype, layout)))
        {
            let block = Block {
                batch: 4,
                time: 3,
                features: 11,
                layout,
            };
            let options = (&device, dtype);
            let shape = match layout {
                Layout::BatchMajor => [4, 3, 11],
                Layout::TimeMajor => [3, 4, 11],
            };
            let drawn = Drawn {
                seed: Seed::new(9),
                purpose: "a test",
                keep: 0.6,
                masks: Masks::PerStep,
            };
            let cotangent = counted(shape, options).detach() + 0.5;
            let of = |drop: &dyn Fn(Tensor<3>) -> Tensor<3>| {
                let tensor = counted(shape, options).require_grad();
                let dropped = drop(tensor.clone());
                let gradients = (dropped.clone() * cotangent.clone()).sum().backward();
                let gradient = tensor.grad(&gradients).expect("it takes part");
                [dropped.into_data(), gradient.into_data()]
            };
            let applied = of(&|tensor| drawn.apply(block, clock, 1.0 / 0.6, tensor));
            let mask = drawn.mask(block, clock, 1.0 / 0.6, options);
            let multiplied = of(&|tensor| tensor * mask.clone());
            assert_eq!(applied, multiplied, "{dtype:?} {layout:?}");
        }
    }
}
