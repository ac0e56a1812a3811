//! What a driver hands to a cell, and what it gets back.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

use crate::error::{Error, Result};

/// The order of the first two axes of a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// `[B, T, F]`.
    #[default]
    BatchMajor,
    /// `[T, B, F]` (TF 1's `time_major=True`; PyTorch's default).
    TimeMajor,
}

impl From<Layout> for elman_kernels::Layout {
    fn from(layout: Layout) -> Self {
        match layout {
            Layout::BatchMajor => Self::BatchMajor,
            Layout::TimeMajor => Self::TimeMajor,
        }
    }
}

/// Which implementation of a cell's sequence runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Path {
    /// The fused kernel where the device and the cell have one, else the composed path.
    #[default]
    Auto,
    /// Step by step in plain Burn operations: the oracle of the fused path.
    Composed,
}

/// How many steps of each row are real (`sequence_length` of TF 1).
///
/// A length of 0 is legal: all outputs of that row are zero and its state stays as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lengths(Vec<usize>);

impl Lengths {
    /// One length per row; checked against the inputs when the [`Sequence`] is built.
    pub fn new(lengths: impl Into<Vec<usize>>) -> Self {
        Self(lengths.into())
    }

    /// The lengths, `[B]`.
    pub fn as_slice(&self) -> &[usize] {
        &self.0
    }

    /// `[B, 1]`: is step `time` real in that row?
    pub(crate) fn is_real(&self, time: usize, device: &Device) -> Tensor<2, Bool> {
        let flags: Vec<bool> = self.0.iter().map(|&length| time < length).collect();
        let batch = flags.len();
        Tensor::from_data(TensorData::new(flags, [batch, 1]), device)
    }

    /// `[B, T]`: is that step past its row's length?
    pub(crate) fn padding(&self, time: usize, device: &Device) -> Tensor<2, Bool> {
        let batch = self.0.len();
        let rows = self.0.iter();
        let flags: Vec<bool> = rows
            .flat_map(|&length| (0..time).map(move |step| step >= length))
            .collect();
        Tensor::from_data(TensorData::new(flags, [batch, time]), device)
    }

    /// `[B, T]` indices that reverse each row's real steps and leave its padding in place.
    pub(crate) fn reversal(&self, time: usize, device: &Device) -> Tensor<2, Int> {
        let batch = self.0.len();
        let mut indices = Vec::with_capacity(batch * time);
        for &length in &self.0 {
            indices.extend((0..length).rev().chain(length..time).map(|t| t as i64));
        }
        Tensor::from_data(TensorData::new(indices, [batch, time]), device)
    }
}

/// A batch of sequences: the inputs of all time steps, and which of them are real.
#[derive(Clone, Debug)]
pub struct Sequence {
    inputs: Tensor<3>,
    layout: Layout,
    lengths: Option<Lengths>,
    path: Path,
    memory: Option<u64>,
}

impl Sequence {
    /// From `inputs` of shape `[B, T, F]`, or `[T, B, F]` when `layout` says so; all steps real.
    pub fn new(inputs: Tensor<3>, layout: Layout) -> Self {
        Self {
            inputs,
            layout,
            lengths: None,
            path: Path::default(),
            memory: None,
        }
    }

    /// From `inputs` of shape `[B, T, F]`; all steps real.
    pub fn batch_major(inputs: Tensor<3>) -> Self {
        Self::new(inputs, Layout::BatchMajor)
    }

    /// Says how many steps of each row are real.
    ///
    /// # Errors
    ///
    /// When there is not one length per row, or one is larger than `T`.
    pub fn with_lengths(mut self, lengths: Lengths) -> Result<Self> {
        Error::ensure_axis("lengths", 'B', lengths.0.len(), self.batch())?;
        let time = self.time();
        if let Some(row) = lengths.0.iter().position(|&length| length > time) {
            return Err(Error::argument(
                format!("lengths[{row}]"),
                format!(
                    "is {}, but the inputs have T = {time} steps",
                    lengths.0[row]
                ),
                "give a length between 0 and T, or inputs with more steps",
            ));
        }
        self.lengths = Some(lengths);
        Ok(self)
    }

    /// Chooses the implementation.
    pub fn with_path(mut self, path: Path) -> Self {
        self.path = path;
        self
    }

    /// Keeps what a fused kernel holds for backward within `bytes`, by computing it again; the
    /// numbers stay the same. The composed path keeps everything all the same.
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// `B`.
    pub fn batch(&self) -> usize {
        let [first, second, _] = self.inputs.dims();
        match self.layout {
            Layout::BatchMajor => first,
            Layout::TimeMajor => second,
        }
    }

    /// `T`.
    pub fn time(&self) -> usize {
        let [first, second, _] = self.inputs.dims();
        match self.layout {
            Layout::BatchMajor => second,
            Layout::TimeMajor => first,
        }
    }

    /// `F`.
    pub fn features(&self) -> usize {
        self.inputs.dims()[2]
    }

    /// The inputs, in [`layout`](Self::layout).
    pub fn inputs(&self) -> &Tensor<3> {
        &self.inputs
    }

    /// The order of the axes of inputs and outputs.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The real steps of each row; `None` when all are.
    pub fn lengths(&self) -> Option<&Lengths> {
        self.lengths.as_ref()
    }

    /// Which implementation runs.
    pub fn path(&self) -> Path {
        self.path
    }

    /// The most bytes that a fused kernel holds for backward; `None` when there is no limit.
    pub fn memory(&self) -> Option<u64> {
        self.memory
    }

    /// Another sequence over the same rows and steps: same layout, lengths and path.
    pub(crate) fn with_inputs(&self, inputs: Tensor<3>) -> Self {
        Self {
            inputs,
            ..self.clone()
        }
    }

    /// How many steps the longest row has.
    pub(crate) fn longest(&self) -> usize {
        let lengths = self.lengths.as_ref();
        lengths.map_or(self.time(), |lengths| {
            lengths.0.iter().copied().max().unwrap_or(0)
        })
    }

    /// The inputs of all steps, `[T·B, F]`, without what the padding holds. Rows stand in the order of
    /// time in both layouts, so that sums over them give the same bits.
    pub(crate) fn rows(&self) -> Tensor<2> {
        let inputs = self.without_padding(self.inputs.clone());
        let inputs = match self.layout {
            Layout::BatchMajor => inputs.swap_dims(0, 1),
            Layout::TimeMajor => inputs,
        };
        inputs.reshape([self.time() * self.batch(), self.features()])
    }

    /// Outputs `[T·B, H]`, in the order of [`rows`](Self::rows), in the layout of the inputs with
    /// zeros past each row's length.
    pub(crate) fn outputs(&self, rows: Tensor<2>) -> Tensor<3> {
        let [_, width] = rows.dims();
        let steps = rows.reshape([self.time(), self.batch(), width]);
        self.without_padding(match self.layout {
            Layout::BatchMajor => steps.swap_dims(0, 1),
            Layout::TimeMajor => steps,
        })
    }

    /// `tensor`, in the layout of the inputs, with zeros past each row's length. Backward
    /// multiplies by the padding even where nothing flows back, and 0 · NaN is NaN.
    pub(crate) fn without_padding(&self, tensor: Tensor<3>) -> Tensor<3> {
        let Some(lengths) = &self.lengths else {
            return tensor;
        };
        let shape = tensor.dims();
        let padding = lengths.padding(self.time(), &tensor.device());
        let padding = match self.layout {
            Layout::BatchMajor => padding,
            Layout::TimeMajor => padding.transpose(),
        };
        tensor.mask_fill(padding.unsqueeze_dim::<3>(2).expand(shape), 0.0)
    }

    /// The axis over which time runs.
    pub(crate) fn time_axis(&self) -> usize {
        match self.layout {
            Layout::BatchMajor => 1,
            Layout::TimeMajor => 0,
        }
    }
}

/// What a cell yields for a whole sequence.
#[derive(Clone, Debug)]
pub struct Unrolled<S> {
    /// `[B, T, H]` (or `[T, B, H]`, as the inputs were); zero past a row's length.
    pub outputs: Tensor<3>,
    /// Each row's state after its last real step.
    pub state: S,
}
