//! Cells on top of each other.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::cell::{Cell, Runner, Sequence, State, StatePart, Step, Unrolled};
use crate::error::{Error, Result};
use crate::unroll::sequence_of_one;

/// The states of a stack, the lowest cell's first: TF 1's tuple of states. The other form,
/// `state_is_tuple=False`, is [`State::packed`]; [`State::with_packed`] is the way back.
#[derive(Clone, Debug)]
pub struct MultiState<S> {
    /// One per cell.
    pub layers: Vec<S>,
}

impl<S: State> State for MultiState<S> {
    fn into_parts(self) -> Vec<Tensor<2>> {
        let layers = self.layers.into_iter();
        layers.flat_map(State::into_parts).collect()
    }

    fn with_parts(self, parts: Vec<Tensor<2>>) -> Self {
        let mut parts = parts.into_iter();
        let layers = self.layers.into_iter().map(|layer| {
            let count = layer.kinds().len();
            layer.with_parts(parts.by_ref().take(count).collect())
        });
        let layers = layers.collect();
        assert!(parts.next().is_none(), "as many parts as the states have");
        Self { layers }
    }

    fn kinds(&self) -> Vec<StatePart> {
        self.layers.iter().flat_map(State::kinds).collect()
    }

    fn at_training_step(self, step: u64) -> Self {
        let layers = self.layers.into_iter();
        Self {
            layers: layers.map(|it| it.at_training_step(step)).collect(),
        }
    }

    fn without_noise(self) -> Self {
        let layers = self.layers.into_iter();
        Self {
            layers: layers.map(State::without_noise).collect(),
        }
    }
}

/// A stack of cells: each reads what the one below shows. The state is that of all cells, the
/// output that of the topmost.
///
/// A whole sequence goes through layer after layer, so that each layer is one operation.
/// [`AnyCell`](crate::wrapper::AnyCell)s make a stack of different cells.
///
/// `tf.nn.rnn_cell.MultiRNNCell`.
#[derive(Module, Debug)]
pub struct MultiRnnCell<C> {
    layers: Vec<C>,
}

impl<C: Cell> MultiRnnCell<C> {
    /// A stack of `layers`, the lowest first.
    ///
    /// # Errors
    ///
    /// When there is none, or one does not read as many features as the one below shows.
    pub fn new(layers: Vec<C>) -> Result<Self> {
        if layers.is_empty() {
            return Err(Error::argument(
                "layers",
                "is an empty list",
                "give at least one cell",
            ));
        }
        for (index, pair) in layers.windows(2).enumerate() {
            let (shown, read) = (pair[0].output_size(), pair[1].input_size());
            if shown != read {
                return Err(Error::argument(
                    format!("layers[{}]", index + 1),
                    format!("reads F = {read} features, but layers[{index}] shows H = {shown}"),
                    format!("build it for {shown} inputs"),
                ));
            }
        }
        Ok(Self { layers })
    }

    /// The cells, the lowest first.
    pub fn layers(&self) -> &[C] {
        &self.layers
    }

    fn check(&self, state: &MultiState<C::State>) -> Result<()> {
        let (found, expected) = (state.layers.len(), self.layers.len());
        if found == expected {
            return Ok(());
        }
        Err(Error::argument(
            "state.layers",
            format!("has {found} states, but the stack has {expected} cells"),
            "give one state per cell",
        ))
    }
}

impl<C: Cell> Cell for MultiRnnCell<C> {
    type State = MultiState<C::State>;

    fn input_size(&self) -> usize {
        self.layers.first().map_or(0, Cell::input_size)
    }

    fn output_size(&self) -> usize {
        self.layers.last().map_or(0, Cell::output_size)
    }

    fn zero_state(&self, batch: usize) -> Self::State {
        let layers = self.layers.iter();
        MultiState {
            layers: layers.map(|layer| layer.zero_state(batch)).collect(),
        }
    }

    fn step(&self, input: Tensor<2>, state: Self::State) -> Result<Step<Self::State>> {
        sequence_of_one(self, Sequence::batch_major(input.unsqueeze_dim(1)), state)
    }

    fn sequence(&self, sequence: Sequence, state: Self::State) -> Result<Unrolled<Self::State>> {
        self.check(&state)?;
        let mut outputs = sequence.inputs().clone();
        let mut layers = Vec::with_capacity(self.layers.len());
        for (layer, state) in self.layers.iter().zip(state.layers) {
            let run = layer.sequence(sequence.with_inputs(outputs), state)?;
            outputs = run.outputs;
            layers.push(run.state);
        }
        Ok(Unrolled {
            outputs,
            state: MultiState { layers },
        })
    }

    fn runner(&self, state: Self::State) -> Box<dyn Runner<Self::State> + '_> {
        Box::new(MultiRunner {
            cell: self,
            layers: runners(self, &state),
            untried: Some(state),
        })
    }
}

/// The runners of all layers, each fed by the one below.
struct MultiRunner<'cell, C: Cell> {
    cell: &'cell MultiRnnCell<C>,
    layers: Vec<Box<dyn Runner<C::State> + 'cell>>,
    /// The first state, until a piece has gone through all layers. What fits once fits ever after
    /// but for the piece itself, which the lowest layer looks at before any layer has moved.
    untried: Option<MultiState<C::State>>,
}

fn runners<'cell, C: Cell>(
    cell: &'cell MultiRnnCell<C>,
    state: &MultiState<C::State>,
) -> Vec<Box<dyn Runner<C::State> + 'cell>> {
    let layers = cell.layers.iter().zip(&state.layers);
    layers
        .map(|(layer, state)| layer.runner(state.clone()))
        .collect()
}

impl<C: Cell> MultiRunner<'_, C> {
    fn pass(&mut self, sequence: &Sequence) -> Result<Tensor<3>> {
        let mut outputs = sequence.inputs().clone();
        for layer in &mut self.layers {
            outputs = layer.feed(sequence.with_inputs(outputs))?;
        }
        Ok(outputs)
    }
}

impl<C: Cell> Runner<MultiState<C::State>> for MultiRunner<'_, C> {
    fn feed(&mut self, sequence: Sequence) -> Result<Tensor<3>> {
        let Some(state) = self.untried.take() else {
            return self.pass(&sequence);
        };
        let fed = self.cell.check(&state).and_then(|()| self.pass(&sequence));
        if fed.is_err() {
            self.layers = runners(self.cell, &state);
            self.untried = Some(state);
        }
        fed
    }

    fn state(&self) -> MultiState<C::State> {
        match &self.untried {
            Some(state) => state.clone(),
            None => MultiState {
                layers: self.layers.iter().map(|layer| layer.state()).collect(),
            },
        }
    }
}
