//! Dropout around a cell.

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor};

use crate::cell::{Cell, Layout, Runner, Sequence, State, StatePart, Step, Unrolled};
use crate::error::{Error, Result};
use crate::random::Seed;
use crate::unroll::{composed, sequence_of_one, single_step};
use crate::wrapper::noise::{Block, Drawn, map_parts};
use crate::wrapper::{Clock, Clocked, Masks, Noise};

/// Which parts of a state dropout touches (`dropout_state_filter_visitor`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StateFilter {
    /// All but a cell's own memory, the LSTM's `c`: TF 1's default.
    #[default]
    HiddenOnly,
    /// All.
    Everything,
    /// Those that are true, in the order of [`State::into_parts`].
    Parts(Vec<bool>),
}

impl StateFilter {
    /// For each part: may it be dropped?
    fn of<S: State>(&self, state: &S) -> Result<Vec<bool>> {
        let kinds = state.kinds();
        match self {
            Self::HiddenOnly => Ok(kinds.iter().map(|&it| it == StatePart::Hidden).collect()),
            Self::Everything => Ok(vec![true; kinds.len()]),
            Self::Parts(parts) if parts.len() == kinds.len() => Ok(parts.clone()),
            Self::Parts(parts) => Err(Error::argument(
                "StateFilter::Parts",
                format!(
                    "names {} parts, but the state has {}",
                    parts.len(),
                    kinds.len()
                ),
                "say true or false for each part of the state",
            )),
        }
    }
}

/// How to build a [`DropoutWrapper`].
#[derive(Clone, Debug)]
pub struct DropoutConfig {
    input_keep_prob: f64,
    output_keep_prob: f64,
    state_keep_prob: f64,
    masks: Masks,
    filter: StateFilter,
    noise: Noise,
}

impl Default for DropoutConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl DropoutConfig {
    /// Nothing is dropped until told so; masks are per step, as in TF 1.
    pub fn new() -> Self {
        Self {
            input_keep_prob: 1.0,
            output_keep_prob: 1.0,
            state_keep_prob: 1.0,
            masks: Masks::default(),
            filter: StateFilter::default(),
            noise: Noise::default(),
        }
    }

    /// The probability that an input is kept.
    pub fn with_input_keep_prob(mut self, probability: f64) -> Self {
        self.input_keep_prob = probability;
        self
    }

    /// The probability that an output is kept.
    pub fn with_output_keep_prob(mut self, probability: f64) -> Self {
        self.output_keep_prob = probability;
        self
    }

    /// The probability that a number of the new state is kept. Below 1 a cell without a kernel, and
    /// any cell whose own memory is dropped too, runs step by step.
    pub fn with_state_keep_prob(mut self, probability: f64) -> Self {
        self.state_keep_prob = probability;
        self
    }

    /// How many masks there are; [`Masks::Shared`] is TF 1's `variational_recurrent=True`.
    pub fn with_masks(mut self, masks: Masks) -> Self {
        self.masks = masks;
        self
    }

    /// Which parts of the state the state's probability is for.
    pub fn with_state_filter(mut self, filter: StateFilter) -> Self {
        self.filter = filter;
        self
    }

    /// When numbers are dropped: by default while gradients are tracked.
    pub fn with_noise(mut self, noise: Noise) -> Self {
        self.noise = noise;
        self
    }

    /// Puts dropout around `cell`. Two wrappers with one seed draw the same masks: give each its
    /// own ([`Seed::child`]).
    ///
    /// # Errors
    ///
    /// When a probability is not above 0 and at most 1, or the filter does not fit the state.
    pub fn init<C: Cell>(&self, cell: C, seed: Seed) -> Result<DropoutWrapper<C>> {
        for (name, probability) in [
            ("input_keep_prob", self.input_keep_prob),
            ("output_keep_prob", self.output_keep_prob),
            ("state_keep_prob", self.state_keep_prob),
        ] {
            if !(probability > 0.0 && probability <= 1.0) {
                return Err(Error::argument(
                    name,
                    format!("is {probability}"),
                    "give the probability of keeping a number: above 0 and at most 1",
                ));
            }
        }
        self.filter.of(&cell.zero_state(1))?;
        Ok(DropoutWrapper {
            cell,
            settings: self.clone(),
            seed,
        })
    }
}

/// Drops inputs, outputs and states of a cell at random.
///
/// ```text
/// output, state' = cell(drop(x), state)
/// output = drop(output)      state' = drop(state')      drop(a) = a ⊙ mask / keep_prob
/// ```
///
/// Srivastava et al. (2014), JMLR 15; over time: Gal and Ghahramani (2016), arXiv 1512.05287;
/// `tf.nn.rnn_cell.DropoutWrapper`. An LSTM's `c` is never dropped unless the filter says so.
///
/// Masks come from counters: each is a function of the seed, the step of training, the time step
/// and the row, so they are the same by step and by sequence and for any number of threads. **The
/// training loop says which step of training it is**
/// ([`UnrollOptions::with_training_step`](crate::unroll::UnrollOptions::with_training_step) or
/// [`State::at_training_step`]); without that all runs have the masks of step 0.
///
/// Inputs and outputs are masked a whole sequence at once, and the cell inside stays on its kernel.
/// Dropout of the hidden state acts between two steps, inside the kernel of a cell that has one
/// ([`Cell::masked_sequence`]); elsewhere it takes the path step by step.
#[derive(Module, Debug)]
pub struct DropoutWrapper<C> {
    cell: C,
    #[module(skip)]
    settings: DropoutConfig,
    #[module(skip)]
    seed: Seed,
}

impl<C> DropoutWrapper<C> {
    /// The cell inside.
    pub fn cell(&self) -> &C {
        &self.cell
    }

    /// The same with another rule when to drop.
    pub fn with_noise(mut self, noise: Noise) -> Self {
        self.settings.noise = noise;
        self
    }
}

impl<C: Cell> DropoutWrapper<C> {
    fn drawn<'a>(&self, purpose: &'a str, keep: f64) -> Drawn<'a> {
        Drawn {
            seed: self.seed,
            purpose,
            keep,
            masks: self.settings.masks,
        }
    }

    /// `tensor`, of the rows and steps of `sequence`, with numbers dropped.
    fn drop(
        &self,
        purpose: &str,
        keep: f64,
        (sequence, clock): (&Sequence, Clock),
        tensor: Tensor<3>,
    ) -> Tensor<3> {
        if keep == 1.0 || sequence.batch() * sequence.time() == 0 {
            return tensor;
        }
        let block = Block {
            batch: sequence.batch(),
            time: sequence.time(),
            features: tensor.dims()[2],
            layout: sequence.layout(),
        };
        self.drawn(purpose, keep)
            .apply(block, clock, 1.0 / keep, tensor)
    }

    fn drop_inputs(&self, sequence: &Sequence, clock: Clock) -> Sequence {
        let keep = self.settings.input_keep_prob;
        let inputs = sequence.inputs().clone();
        sequence.with_inputs(self.drop("input dropout", keep, (sequence, clock), inputs))
    }

    fn drop_outputs(&self, sequence: &Sequence, clock: Clock, outputs: Tensor<3>) -> Tensor<3> {
        let keep = self.settings.output_keep_prob;
        self.drop("output dropout", keep, (sequence, clock), outputs)
    }

    /// The new state of one step with numbers dropped.
    fn drop_state(&self, state: C::State, clock: Clock) -> Result<C::State> {
        let filter = self.settings.filter.of(&state)?;
        Ok(map_parts(state, |index, part| {
            let [batch, features] = part.dims();
            if !filter[index] {
                return part;
            }
            let block = Block {
                batch,
                time: 1,
                features,
                layout: Layout::BatchMajor,
            };
            let options = (&part.device(), part.dtype());
            let mask = self.state_mask(index, block, clock, options);
            part * mask.squeeze_dim::<2>(1)
        }))
    }

    /// The cell over `inputs` with its state dropped after every step, all steps at once; `None`
    /// if the cell does not do that, or more than the hidden state is dropped.
    fn masked(
        &self,
        inputs: &Sequence,
        state: &C::State,
        clock: Clock,
    ) -> Result<Option<Unrolled<C::State>>> {
        if inputs.batch() * inputs.time() == 0 {
            return Ok(None);
        }
        let filter = self.settings.filter.of(state)?;
        let hidden = |kind: &StatePart| *kind == StatePart::Hidden;
        let Some(index) = state.kinds().iter().position(hidden) else {
            return Ok(None);
        };
        if filter
            .iter()
            .enumerate()
            .any(|(part, &drops)| drops != (part == index))
        {
            return Ok(None);
        }
        let factors = || {
            let block = Block {
                batch: inputs.batch(),
                time: inputs.time(),
                features: self.output_size(),
                layout: inputs.layout(),
            };
            let [first, second] = match block.layout {
                Layout::BatchMajor => [block.batch, block.time],
                Layout::TimeMajor => [block.time, block.batch],
            };
            let options = (&inputs.inputs().device(), inputs.inputs().dtype());
            self.state_mask(index, block, clock, options)
                .expand([first, second, block.features])
        };
        self.cell
            .masked_sequence(inputs, state, &factors)
            .transpose()
    }

    /// The same, one step after the other.
    fn step_by_step(
        &self,
        inputs: Sequence,
        state: C::State,
        mut clock: Clock,
    ) -> Result<Unrolled<C::State>> {
        let path = inputs.path();
        composed(self.output_size(), inputs, state, |input, state| {
            let mut step = single_step(&self.cell, input, state, path)?;
            step.state = self.drop_state(step.state, clock)?;
            clock.time += 1;
            Ok(step)
        })
    }

    /// The mask of part `index` of the states of `block`.
    fn state_mask(
        &self,
        index: usize,
        block: Block,
        clock: Clock,
        options: (&Device, DType),
    ) -> Tensor<3> {
        let keep = self.settings.state_keep_prob;
        let purpose = format!("dropout of state {index}");
        self.drawn(&purpose, keep)
            .mask(block, clock, 1.0 / keep, options)
    }

    fn check(&self, sequence: &Sequence) -> Result<()> {
        Error::ensure_axis("inputs", 'F', sequence.features(), self.input_size())
    }

    fn drops_state(&self) -> bool {
        self.settings.state_keep_prob < 1.0
    }
}

/// The clock after `sequence`.
pub(super) fn advanced(clock: Clock, sequence: &Sequence) -> Clock {
    Clock {
        time: clock.time + sequence.longest() as u64,
        ..clock
    }
}

impl<C: Cell> Cell for DropoutWrapper<C> {
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
        self.check(&sequence)?;
        let Clocked { state, clock } = state;
        let after = advanced(clock, &sequence);
        let is_on = self.settings.noise.is_on(&self.cell, &sequence, clock);
        let run = if !is_on {
            self.cell.sequence(sequence, state)?
        } else if self.drops_state() {
            let dropped = self.drop_inputs(&sequence, clock);
            let run = match self.masked(&dropped, &state, clock)? {
                Some(run) => run,
                None => self.step_by_step(dropped, state, clock)?,
            };
            Unrolled {
                outputs: self.drop_outputs(&sequence, clock, run.outputs),
                state: run.state,
            }
        } else {
            let dropped = self.drop_inputs(&sequence, clock);
            let run = self.cell.sequence(dropped, state)?;
            Unrolled {
                outputs: self.drop_outputs(&sequence, clock, run.outputs),
                state: run.state,
            }
        };
        Ok(Unrolled {
            outputs: run.outputs,
            state: Clocked {
                state: run.state,
                clock: after,
            },
        })
    }

    fn runner(&self, state: Self::State) -> Box<dyn Runner<Self::State> + '_> {
        Box::new(DropoutRunner {
            wrapper: self,
            inner: self.cell.runner(state.state),
            clock: state.clock,
        })
    }
}

/// The runner of the cell inside, with dropout around it.
struct DropoutRunner<'cell, C: Cell> {
    wrapper: &'cell DropoutWrapper<C>,
    inner: Box<dyn Runner<C::State> + 'cell>,
    clock: Clock,
}

impl<C: Cell> Runner<Clocked<C::State>> for DropoutRunner<'_, C> {
    fn feed(&mut self, sequence: Sequence) -> Result<Tensor<3>> {
        let wrapper = self.wrapper;
        wrapper.check(&sequence)?;
        let after = advanced(self.clock, &sequence);
        let outputs = if !wrapper
            .settings
            .noise
            .is_on(&wrapper.cell, &sequence, self.clock)
        {
            self.inner.feed(sequence)?
        } else if wrapper.drops_state() {
            let run = wrapper.sequence(sequence, self.state())?;
            self.inner = wrapper.cell.runner(run.state.state);
            run.outputs
        } else {
            let dropped = wrapper.drop_inputs(&sequence, self.clock);
            let outputs = self.inner.feed(dropped)?;
            wrapper.drop_outputs(&sequence, self.clock, outputs)
        };
        self.clock = after;
        Ok(outputs)
    }

    fn state(&self) -> Clocked<C::State> {
        Clocked {
            state: self.inner.state(),
            clock: self.clock,
        }
    }
}
