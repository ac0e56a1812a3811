//! `tf.nn.dynamic_rnn`: the whole sequence as one operation.

use burn::tensor::Tensor;

use crate::cell::{Cell, Layout, Lengths, Path, Sequence, State, Unrolled};
use crate::error::{Error, Result};

/// The optional arguments of a driver.
#[derive(Clone, Debug)]
pub struct UnrollOptions<S> {
    pub(crate) sequence_length: Option<Lengths>,
    pub(crate) initial_state: Option<S>,
    pub(crate) layout: Layout,
    pub(crate) path: Path,
    pub(crate) memory: Option<u64>,
    pub(crate) training_step: Option<u64>,
    pub(crate) is_silent: bool,
}

impl<S> Default for UnrollOptions<S> {
    /// All steps real, zero state, batch-major.
    fn default() -> Self {
        Self {
            sequence_length: None,
            initial_state: None,
            layout: Layout::default(),
            path: Path::default(),
            memory: None,
            training_step: None,
            is_silent: false,
        }
    }
}

impl<S: State> UnrollOptions<S> {
    /// How many steps of each row are real (`[B]`).
    pub fn with_sequence_length(mut self, lengths: Lengths) -> Self {
        self.sequence_length = Some(lengths);
        self
    }

    /// The state before the first step.
    pub fn with_initial_state(mut self, state: S) -> Self {
        self.initial_state = Some(state);
        self
    }

    /// The order of the axes of inputs and outputs.
    pub fn with_layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Which implementation runs.
    pub fn with_path(mut self, path: Path) -> Self {
        self.path = path;
        self
    }

    /// Exact backpropagation within `bytes` of memory for each cell's sequence: kernels keep the
    /// states at the ends of segments only and compute the rest again (TF 1's `swap_memory` was
    /// for this). The numbers stay the same. The composed path keeps everything all the same.
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Which step of training this is: dropout and zoneout draw anew in each
    /// ([`State::at_training_step`]).
    pub fn with_training_step(mut self, step: u64) -> Self {
        self.training_step = Some(step);
        self
    }

    /// A run in which dropout and zoneout draw nothing, even while gradients are tracked
    /// ([`State::without_noise`]).
    pub fn without_noise(mut self) -> Self {
        self.is_silent = true;
        self
    }

    /// The order of the axes.
    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// The state before the first step: the one of these options, or what `zero` gives.
    pub(crate) fn start(&self, zero: impl FnOnce() -> S) -> S {
        self.in_training(self.initial_state.clone().unwrap_or_else(zero))
    }

    /// `state` in the training step of these options, and with or without noise as they say.
    pub(crate) fn in_training<T: State>(&self, state: T) -> T {
        let state = match self.training_step {
            Some(step) => state.at_training_step(step),
            None => state,
        };
        match self.is_silent {
            true => state.without_noise(),
            false => state,
        }
    }

    /// The sequence over `inputs` that these options describe.
    pub(crate) fn sequence(&self, inputs: Tensor<3>) -> Result<Sequence> {
        let mut sequence = Sequence::new(inputs, self.layout).with_path(self.path);
        if let Some(bytes) = self.memory {
            sequence = sequence.with_memory(bytes);
        }
        match &self.sequence_length {
            Some(lengths) => sequence.with_lengths(lengths.clone()),
            None => Ok(sequence),
        }
    }
}

/// Unrolls `cell` over `inputs` of shape `[B, T, F]` (or `[T, B, F]`, as the options say).
///
/// Source: `tf.nn.dynamic_rnn`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use elman::cell::{BasicRnnCellConfig, Lengths};
/// use elman::random::Seed;
/// use elman::unroll::{UnrollOptions, dynamic_rnn};
///
/// let device = Device::flex();
/// let cell = BasicRnnCellConfig::new(3, 5).init(Seed::new(42), &device);
/// let inputs = Tensor::<3>::ones([4, 2, 3], &device);
/// let options = UnrollOptions::default().with_sequence_length(Lengths::new([2, 1, 2, 2]));
/// let run = dynamic_rnn(&cell, inputs, options)?;
/// assert_eq!(run.outputs.dims(), [4, 2, 5]);
/// assert_eq!(run.state.hidden.dims(), [4, 5]);
/// # Ok::<(), elman::Error>(())
/// ```
///
/// # Errors
///
/// When a shape does not fit the cell, or a length is larger than `T`.
pub fn dynamic_rnn<C: Cell>(
    cell: &C,
    inputs: Tensor<3>,
    options: UnrollOptions<C::State>,
) -> Result<Unrolled<C::State>> {
    let sequence = options.sequence(inputs)?;
    Error::ensure_axis("inputs", 'F', sequence.features(), cell.input_size())?;
    let state = options.start(|| cell.zero_state(sequence.batch()));
    cell.sequence(sequence, state)
}
