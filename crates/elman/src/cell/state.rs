//! Cell states as values.

use burn::tensor::{Bool, Device, Tensor};

/// What a cell carries from one step to the next: an ordered list of `[B, width]` tensors
/// behind named fields.
pub trait State: Clone + Sized {
    /// The tensors, in the order of TF 1's state tuple (for the LSTM: `c`, then `h`).
    fn into_parts(self) -> Vec<Tensor<2>>;

    /// The state whose [`into_parts`](State::into_parts) these are.
    ///
    /// # Panics
    ///
    /// When the number of parts is not that of the state: parts come from `into_parts`.
    fn from_parts(parts: Vec<Tensor<2>>) -> Self;

    /// Applies `f` to every tensor of the state.
    fn map(self, f: impl FnMut(Tensor<2>) -> Tensor<2>) -> Self {
        Self::from_parts(self.into_parts().into_iter().map(f).collect())
    }

    /// Cuts the gradient: what was before is a constant from here on (truncated BPTT).
    fn detached(self) -> Self {
        self.map(Tensor::detach)
    }

    /// Moves the state to `device`.
    fn to_device(self, device: &Device) -> Self {
        self.map(|part| part.to_device(device))
    }

    /// All parts side by side, `[B, Σ width]`: TF 1's `state_is_tuple=False` form.
    fn packed(self) -> Tensor<2> {
        Tensor::cat(self.into_parts(), 1)
    }

    /// Row by row: `self` where `keep` (`[B, 1]`) is true, else `other`.
    fn select(self, keep: &Tensor<2, Bool>, other: Self) -> Self {
        let parts = self.into_parts().into_iter().zip(other.into_parts());
        Self::from_parts(
            parts
                .map(|(mine, theirs)| {
                    let [batch, width] = mine.dims();
                    theirs.mask_where(keep.clone().expand([batch, width]), mine)
                })
                .collect(),
        )
    }
}

/// The state of a cell that carries its output only (basic RNN, GRU).
#[derive(Clone, Debug)]
pub struct HiddenState {
    /// `[B, H]`.
    pub hidden: Tensor<2>,
}

impl State for HiddenState {
    fn into_parts(self) -> Vec<Tensor<2>> {
        vec![self.hidden]
    }

    fn from_parts(parts: Vec<Tensor<2>>) -> Self {
        let [hidden] = <[_; 1]>::try_from(parts).expect("a hidden state has one part");
        Self { hidden }
    }
}
