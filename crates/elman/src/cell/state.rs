//! Cell states as values.

use burn::tensor::{Bool, Device, Tensor};

use crate::error::{Error, Result};

/// What a part of a state is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatePart {
    /// What only the cell itself reads: the LSTM's `c`. Dropout leaves it alone unless told
    /// otherwise.
    Cell,
    /// What the cell shows too: `h`.
    Hidden,
}

impl StatePart {
    /// Its letter in the equations: `c` or `h`.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Cell => "c",
            Self::Hidden => "h",
        }
    }
}

/// What a cell carries from one step to the next: an ordered list of `[B, width]` tensors
/// behind named fields.
pub trait State: Clone + Sized {
    /// The tensors, in the order of TF 1's state tuple (for the LSTM: `c`, then `h`).
    fn into_parts(self) -> Vec<Tensor<2>>;

    /// The state of the same form whose [`into_parts`](State::into_parts) these are.
    ///
    /// # Panics
    ///
    /// When the number of parts is not that of the state: parts come from `into_parts`.
    fn with_parts(self, parts: Vec<Tensor<2>>) -> Self;

    /// What each part is for.
    fn kinds(&self) -> Vec<StatePart> {
        vec![StatePart::Hidden; self.clone().into_parts().len()]
    }

    /// The same state in training step `step`: wrappers that draw at random (dropout, zoneout)
    /// draw anew in each. All others have nothing to change.
    fn at_training_step(self, _step: u64) -> Self {
        self
    }

    /// The same state for a run without noise: what follows is drawn by no wrapper, even while
    /// gradients are tracked. All states but those of wrappers that draw have nothing to change.
    fn without_noise(self) -> Self {
        self
    }

    /// Applies `f` to every tensor of the state.
    fn map(self, f: impl FnMut(Tensor<2>) -> Tensor<2>) -> Self {
        let parts = self.clone().into_parts().into_iter().map(f).collect();
        self.with_parts(parts)
    }

    /// Cuts the gradient: what was before is a constant from here on (truncated BPTT).
    fn detached(self) -> Self {
        self.map(Tensor::detach)
    }

    /// Moves the state to `device`.
    fn to_device(self, device: &Device) -> Self {
        self.map(|part| part.to_device(device))
    }

    /// All parts side by side, `[B, Σ width]`, on the device of the first: TF 1's
    /// `state_is_tuple=False` form.
    fn packed(self) -> Tensor<2> {
        let parts = self.into_parts();
        let device = parts[0].device();
        let parts = parts.into_iter().map(|part| part.to_device(&device));
        Tensor::cat(parts.collect(), 1)
    }

    /// The state of the same form whose [`packed`](State::packed) this is: a cell's `zero_state`
    /// says the form. Each part goes to the device of the part that it replaces.
    ///
    /// # Errors
    ///
    /// When `packed`, `[B, Σ width]`, has not the columns of this form.
    fn with_packed(self, packed: Tensor<2>) -> Result<Self> {
        let parts = self.clone().into_parts();
        let widths: Vec<usize> = parts.iter().map(|part| part.dims()[1]).collect();
        Error::ensure_axis("packed state", 'H', packed.dims()[1], widths.iter().sum())?;
        let split = packed.split_with_sizes(widths, 1).into_iter().zip(parts);
        let parts = split.map(|(new, old)| new.to_device(&old.device()));
        Ok(self.with_parts(parts.collect()))
    }

    /// Row by row: `self` where `keep` (`[B, 1]`) is true, else `other`.
    fn select(self, keep: &Tensor<2, Bool>, other: Self) -> Self {
        let parts = self.clone().into_parts().into_iter();
        let parts = parts.zip(other.into_parts()).map(|(mine, theirs)| {
            let [batch, width] = mine.dims();
            let keep = keep.clone().to_device(&mine.device());
            theirs.mask_where(keep.expand([batch, width]), mine)
        });
        let parts = parts.collect();
        self.with_parts(parts)
    }
}

/// The state of a cell that carries its output only (basic RNN, GRU).
#[derive(Clone, Debug)]
pub struct HiddenState {
    /// `[B, H]`.
    pub hidden: Tensor<2>,
}

impl HiddenState {
    /// `[batch, units]` zeros where `kernel` is, and in its number type.
    pub(crate) fn zeros(batch: usize, units: usize, kernel: &Tensor<2>) -> Self {
        Self {
            hidden: Tensor::zeros([batch, units], (&kernel.device(), kernel.dtype())),
        }
    }
}

impl State for HiddenState {
    fn into_parts(self) -> Vec<Tensor<2>> {
        vec![self.hidden]
    }

    fn with_parts(self, parts: Vec<Tensor<2>>) -> Self {
        let [hidden] = <[_; 1]>::try_from(parts).expect("a hidden state has one part");
        Self { hidden }
    }
}
