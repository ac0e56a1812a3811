//! Wrappers that change what their cell reads and shows, and leave its state alone.

use burn::tensor::{DType, Tensor};

use crate::cell::{Cell, Runner, Sequence, State, Unrolled};
use crate::error::{Error, Result};

/// What such a wrapper does, on whole sequences. What stands in the padding is anything on the way
/// in and must be zero on the way out.
pub(crate) trait Around: Cell<State = <Self::Inner as Cell>::State> {
    /// The cell inside.
    type Inner: Cell;

    /// The cell inside.
    fn inner(&self) -> &Self::Inner;

    /// The number type of the wrapper's own parameters, if it has any.
    fn dtype(&self) -> Option<DType> {
        None
    }

    /// What the cell inside reads.
    fn before(&self, sequence: &Sequence) -> Result<Sequence> {
        Ok(sequence.clone())
    }

    /// What is shown: `outputs` are those of the cell inside, `sequence` is what came in.
    fn after(&self, _sequence: &Sequence, outputs: Tensor<3>) -> Result<Tensor<3>> {
        Ok(outputs)
    }
}

/// The `sequence` of a wrapper.
pub(crate) fn sequence<W: Around>(
    wrapper: &W,
    sequence: Sequence,
    state: W::State,
) -> Result<Unrolled<W::State>> {
    check(wrapper, &sequence)?;
    for part in state.clone().into_parts() {
        Error::ensure_axis("state", 'B', part.dims()[0], sequence.batch())?;
    }
    let run = wrapper
        .inner()
        .sequence(wrapper.before(&sequence)?, state)?;
    Ok(Unrolled {
        outputs: wrapper.after(&sequence, run.outputs)?,
        state: run.state,
    })
}

/// The `runner` of a wrapper: that of the cell inside, with the wrapper around it.
pub(crate) fn runner<W: Around>(wrapper: &W, state: W::State) -> Box<dyn Runner<W::State> + '_> {
    Box::new(AroundRunner {
        wrapper,
        inner: wrapper.inner().runner(state),
    })
}

fn check<W: Around>(wrapper: &W, sequence: &Sequence) -> Result<()> {
    Error::ensure_axis("inputs", 'F', sequence.features(), wrapper.input_size())?;
    let found = sequence.inputs().dtype();
    match wrapper.dtype() {
        Some(expected) if expected != found => Err(Error::argument(
            "inputs",
            format!("is in {found:?}, but the wrapper is in {expected:?}"),
            "convert the tensor, or build the cell in its number type (with_dtype)",
        )),
        _ => Ok(()),
    }
}

/// The number type of a cell: a wrapper's own parameters have the same.
pub(crate) fn dtype_of<C: Cell>(cell: &C) -> DType {
    let parts = cell.zero_state(1).into_parts();
    parts.first().map_or(DType::F32, Tensor::dtype)
}

struct AroundRunner<'cell, W: Around> {
    wrapper: &'cell W,
    inner: Box<dyn Runner<W::State> + 'cell>,
}

impl<W: Around> Runner<W::State> for AroundRunner<'_, W> {
    fn feed(&mut self, sequence: Sequence) -> Result<Tensor<3>> {
        check(self.wrapper, &sequence)?;
        let outputs = self.inner.feed(self.wrapper.before(&sequence)?)?;
        self.wrapper.after(&sequence, outputs)
    }

    fn state(&self) -> W::State {
        self.inner.state()
    }
}
