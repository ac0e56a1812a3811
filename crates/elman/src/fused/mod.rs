//! The Burn operation behind the fused cells.
//!
//! A whole sequence through a cell is one operation with a hand-written backward.

use burn::tensor::Tensor;

use crate::cell::{
    BasicRnnCell, Cell, GruCell, HiddenState, LstmCell, LstmState, Sequence, Step, Unrolled,
};
use crate::error::Result;

/// Does a fused kernel serve this sequence's device and number type?
pub(crate) fn serves(_sequence: &Sequence) -> bool {
    false
}

/// One step as a sequence of length 1, so that a step and a sequence give the same bits.
pub(crate) fn step<C: Cell>(cell: &C, input: Tensor<2>, state: C::State) -> Result<Step<C::State>> {
    let run = cell.sequence(Sequence::batch_major(input.unsqueeze_dim(1)), state)?;
    Ok(Step {
        output: run.outputs.squeeze_dim(1),
        state: run.state,
    })
}

pub(crate) fn basic(
    _: &BasicRnnCell,
    _: Sequence,
    _: HiddenState,
) -> Result<Unrolled<HiddenState>> {
    unreachable!("serves() is false")
}
pub(crate) fn lstm(_: &LstmCell, _: Sequence, _: LstmState) -> Result<Unrolled<LstmState>> {
    unreachable!("serves() is false")
}
pub(crate) fn gru(_: &GruCell, _: Sequence, _: HiddenState) -> Result<Unrolled<HiddenState>> {
    unreachable!("serves() is false")
}
