//! The recurrent part of a model: layers on top of each other, and what is read out of them.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::cell::{Cell, Lengths, Runner, Sequence, State, Unrolled};
use crate::diagnosis::{FlowProbe, Trace, trace};
use crate::error::{Error, Result};
use crate::random::Seed;
use crate::recipe::{ModelSettings, Readout};
use crate::task::layer;
use crate::unroll::{Backpropagation, UnrollOptions, reverse_sequence};
use crate::wrapper::{AnyCell, AnyState};

/// Layers on top of each other: each reads what the one below shows, at every step.
///
/// ```text
/// outputs 0  = layer 0 over the inputs
/// outputs k  = layer k over outputs k-1
/// readout    = the last output of the topmost layer, or of all layers side by side,
///              or the mean of the topmost layer's outputs
/// ```
///
/// A row's last output is that of its last real step. A whole sequence goes through layer after
/// layer, each on its kernel: `tf.nn.dynamic_rnn` over a `tf.nn.rnn_cell.MultiRNNCell`.
///
/// In both directions each layer has a second cell, which reads every row from its last real step
/// back; the layer shows what both show, side by side, and the last output of the second is that of
/// the row's first step: `tf.contrib.rnn.stack_bidirectional_dynamic_rnn`.
#[derive(Module, Debug)]
pub struct Network {
    layers: Vec<AnyCell>,
    /// As many as there are layers, or none.
    backward: Vec<AnyCell>,
    #[module(skip)]
    readout: Readout,
}

/// The order in which a cell of a [`Network`] reads a row's steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

/// How a [`Network`] runs.
#[derive(Clone, Debug, Default)]
pub struct NetworkRun {
    /// The real steps of each row, `[B]`; `None` when all are.
    pub lengths: Option<Vec<usize>>,
    /// How far gradients go back.
    pub through: Backpropagation,
    /// The step of training, for which dropout and zoneout draw; `None` in inference, where they do
    /// not.
    pub training_step: Option<u64>,
}

impl Network {
    /// The network that `settings` describe, over `inputs` (`F`) features, in f32.
    ///
    /// # Errors
    ///
    /// When a layer cannot be built over what it reads.
    pub fn init(
        settings: &ModelSettings,
        inputs: usize,
        seed: Seed,
        device: &Device,
    ) -> Result<Self> {
        let sizes = settings.sizes(Some(inputs));
        let mut features = inputs;
        let (mut layers, mut backward) = (Vec::new(), Vec::new());
        for (index, (layer, size)) in settings.layers.iter().zip(sizes).enumerate() {
            size.map_err(|problem| Error::recipe(format!("layer {index}"), vec![problem]))?;
            // A network of one layer draws what it has always drawn.
            let seed = match index {
                0 => seed.child("cell"),
                _ => seed.child(&format!("cell {index}")),
            };
            let forward = layer::build(layer, features, seed, device)?;
            let mut shown = forward.output_size();
            if settings.bidirectional {
                let other = layer::build(layer, features, seed.child("backward"), device)?;
                shown += other.output_size();
                backward.push(other);
            }
            features = shown;
            layers.push(forward);
        }
        match settings.bidirectional {
            true => Self::bidirectional(layers, backward, settings.readout),
            false => Self::new(layers, settings.readout),
        }
    }

    /// A network of `layers`, the lowest first.
    ///
    /// # Errors
    ///
    /// When there is none, or one does not read as many features as the one below shows.
    pub fn new(layers: Vec<AnyCell>, readout: Readout) -> Result<Self> {
        Self::checked(layers, Vec::new(), readout)
    }

    /// A network in both directions: of the `forward` cells, the lowest first, and as many that
    /// read `backward`.
    ///
    /// # Errors
    ///
    /// When there is none, there are not as many of both, or one does not read as many features as
    /// both below show together.
    pub fn bidirectional(
        forward: Vec<AnyCell>,
        backward: Vec<AnyCell>,
        readout: Readout,
    ) -> Result<Self> {
        let (forwards, backwards) = (forward.len(), backward.len());
        if forwards != backwards {
            return Err(Error::argument(
                "layers",
                format!("are {forwards} forward and {backwards} backward"),
                "give as many of both",
            ));
        }
        Self::checked(forward, backward, readout)
    }

    fn checked(layers: Vec<AnyCell>, backward: Vec<AnyCell>, readout: Readout) -> Result<Self> {
        let network = Self {
            layers,
            backward,
            readout,
        };
        let Some(lowest) = network.layers.first() else {
            return Err(Error::argument(
                "layers",
                "is an empty list",
                "give at least one layer",
            ));
        };
        let mut shown = lowest.input_size();
        for index in 0..network.layers.len() {
            for cell in network.cells(index) {
                let read = cell.input_size();
                if shown != read {
                    let below = match index {
                        0 => "its other direction reads".to_owned(),
                        _ => format!("layers[{}] shows", index - 1),
                    };
                    return Err(Error::argument(
                        format!("layers[{index}]"),
                        format!("reads F = {read} features, but {below} {shown}"),
                        format!("build it for {shown} inputs"),
                    ));
                }
            }
            shown = network.shown(index);
        }
        Ok(network)
    }

    /// The cells of a layer: one, or one for each direction.
    fn cells(&self, layer: usize) -> impl Iterator<Item = &AnyCell> {
        [self.layers.get(layer), self.backward.get(layer)]
            .into_iter()
            .flatten()
    }

    /// How many features a layer shows at every step.
    fn shown(&self, layer: usize) -> usize {
        self.cells(layer).map(Cell::output_size).sum()
    }

    /// The layers, the lowest first; in both directions their forward cells.
    pub fn layers(&self) -> &[AnyCell] {
        &self.layers
    }

    /// The cells that read backwards, the lowest first; none in a network of one direction.
    pub fn backward_layers(&self) -> &[AnyCell] {
        &self.backward
    }

    /// The cells of every layer with their wrappers, the lowest first: `ResidualWrapper(LstmCell)`,
    /// in both directions `GruCell, backward GruCell`.
    pub fn names(&self) -> Vec<String> {
        let name = |index: usize| {
            let names: Vec<String> = self.cells(index).map(AnyCell::name).collect();
            names.join(", backward ")
        };
        (0..self.layers.len()).map(name).collect()
    }

    /// What is read out.
    pub fn readout(&self) -> Readout {
        self.readout
    }

    /// `F`, the number of input features.
    pub fn input_size(&self) -> usize {
        self.layers[0].input_size()
    }

    /// The number of output features of every step: those of the topmost layer.
    pub fn output_size(&self) -> usize {
        self.shown(self.layers.len() - 1)
    }

    /// The number of features of [`final_output`](Self::final_output).
    pub fn readout_size(&self) -> usize {
        match self.readout {
            Readout::Last | Readout::Mean => self.output_size(),
            Readout::All => (0..self.layers.len()).map(|layer| self.shown(layer)).sum(),
        }
    }

    /// What is read out of a whole sequence, `[B, readout]`, for `inputs` of shape `[B, T, F]`.
    ///
    /// # Errors
    ///
    /// When a shape does not fit the network, a length is larger than `T`, or the memory is too
    /// little.
    pub fn final_output(&self, inputs: Tensor<3>, run: NetworkRun) -> Result<Tensor<2>> {
        let unroll = |cell: &AnyCell, inputs, _| run.through.unroll(cell, inputs, run.options());
        self.read(inputs, &run, unroll, last_output)
    }

    /// The same as [`final_output`](Self::final_output) in inference, within `memory` bytes, with a
    /// probe of every cell in `probes`, in the order of [`traced`](Self::traced).
    ///
    /// # Errors
    ///
    /// As [`final_output`](Self::final_output).
    pub(crate) fn probed(
        &self,
        inputs: Tensor<3>,
        lengths: Option<Vec<usize>>,
        memory: Option<u64>,
        probes: &mut Vec<FlowProbe>,
    ) -> Result<Tensor<2>> {
        let run = NetworkRun {
            lengths,
            ..NetworkRun::default()
        };
        let unroll = |cell: &AnyCell, inputs, direction| {
            let lengths = run.lengths.as_deref();
            let (unrolled, probe) = FlowProbe::run(cell, inputs, lengths, memory)?;
            probes.push(match direction {
                Direction::Forward => probe,
                Direction::Backward => probe.backward(),
            });
            Ok(unrolled)
        };
        self.read(inputs, &run, unroll, last_output)
    }

    /// What is read out, `[B, readout]`, when cells run as `unroll` has them run and `last` takes a
    /// run's last outputs, `[B, H]`, out of it, if those are read.
    fn read<S>(
        &self,
        inputs: Tensor<3>,
        run: &NetworkRun,
        unroll: impl FnMut(&AnyCell, Tensor<3>, Direction) -> Result<Unrolled<S>>,
        last: impl Fn(&AnyCell, &Unrolled<S>, Option<&[usize]>) -> Tensor<2>,
    ) -> Result<Tensor<2>> {
        let first_read = match self.readout {
            Readout::Last | Readout::Mean => self.layers.len() - 1,
            Readout::All => 0,
        };
        let mut read = Vec::new();
        self.pass(inputs, run, unroll, |index, cell, unrolled| {
            if index >= first_read {
                let lengths = run.lengths.as_deref();
                read.push(match self.readout {
                    Readout::Last | Readout::All => last(cell, unrolled, lengths),
                    Readout::Mean => mean_step(&unrolled.outputs, lengths),
                });
            }
        })?;
        Ok(match read.len() {
            1 => read.remove(0),
            _ => Tensor::cat(read, 1),
        })
    }

    /// The same as [`final_output`](Self::final_output) in inference, step by step in plain
    /// operations, with a trace of every recurrent cell in `traces`: the lowest layer first, and in
    /// both directions the forward cell of a layer first.
    ///
    /// # Errors
    ///
    /// As [`final_output`](Self::final_output).
    pub(crate) fn traced(
        &self,
        inputs: Tensor<3>,
        lengths: Option<Vec<usize>>,
        traces: &mut Vec<Trace>,
    ) -> Result<Tensor<2>> {
        let run = NetworkRun {
            lengths,
            ..NetworkRun::default()
        };
        let unroll = |cell: &AnyCell, inputs: Tensor<3>, direction| {
            Error::ensure_axis("inputs", 'F', inputs.dims()[2], cell.input_size())?;
            let first = traces.len();
            let outputs = trace(cell, run.sequence(inputs)?, traces)?;
            if direction == Direction::Backward {
                for trace in &mut traces[first..] {
                    trace.cell.insert_str(0, "backward ");
                }
            }
            Ok(Unrolled { outputs, state: () })
        };
        // A trace has no last state: what the cell shows is read at the last step.
        self.read(inputs, &run, unroll, |_, unrolled, lengths| {
            last_step(&unrolled.outputs, lengths)
        })
    }

    /// What the topmost layer shows at every step, `[B, T, H]`, for `inputs` of shape `[B, T, F]`;
    /// zero past a row's length.
    ///
    /// # Errors
    ///
    /// As [`final_output`](Self::final_output).
    pub fn outputs(&self, inputs: Tensor<3>, run: NetworkRun) -> Result<Tensor<3>> {
        let unroll = |cell: &AnyCell, inputs, _| run.through.unroll(cell, inputs, run.options());
        self.pass(inputs, &run, unroll, |_, _, _| ())
    }

    /// The state of `batch` rows before their first step.
    pub fn zero_state(&self, batch: usize) -> NetworkState {
        NetworkState(
            self.layers
                .iter()
                .map(|layer| layer.zero_state(batch))
                .collect(),
        )
    }

    /// What the topmost layer shows at every step, `[B, T, H]`, when the layers go on from `state`,
    /// and the state after the last step, through which no gradient flows.
    ///
    /// # Errors
    ///
    /// When the network reads in both directions, and as [`final_output`](Self::final_output).
    pub fn continued(
        &self,
        inputs: Tensor<3>,
        state: NetworkState,
        run: NetworkRun,
    ) -> Result<(Tensor<3>, NetworkState)> {
        self.ensure_goes_on_from(&state)?;
        let mut states = state.0.into_iter();
        let unroll = |cell: &AnyCell, inputs, _| {
            let state = states.next().expect("one for each layer");
            let options = run.options().with_initial_state(state);
            run.through.unroll(cell, inputs, options)
        };
        let mut after = Vec::with_capacity(self.layers.len());
        let outputs = self.pass(inputs, &run, unroll, |_, _, unrolled| {
            after.push(unrolled.state.clone().detached());
        })?;
        Ok((outputs, NetworkState(after)))
    }

    /// A sequence of one row that is read piece by piece, from `state` on, in inference: see
    /// [`Runner`].
    ///
    /// # Errors
    ///
    /// When the network reads in both directions, or the state has more or fewer layers.
    pub fn stream(&self, state: NetworkState) -> Result<NetworkStream<'_>> {
        self.ensure_goes_on_from(&state)?;
        let layers = self.layers.iter().zip(state.0);
        let runners = layers.map(|(layer, state)| layer.runner(state.without_noise()));
        Ok(NetworkStream(runners.collect()))
    }

    /// Checks that a sequence can be cut, and that `state` is of as many layers.
    fn ensure_goes_on_from(&self, state: &NetworkState) -> Result<()> {
        if !self.backward.is_empty() {
            return Err(Error::argument(
                "network",
                "it reads in both directions, so no sequence can be cut",
                "use a network of one direction",
            ));
        }
        let (layers, states) = (self.layers.len(), state.0.len());
        if states != layers {
            return Err(Error::argument(
                "state",
                format!("it is of {states} layers, the network has {layers}"),
                "give a state of this network",
            ));
        }
        Ok(())
    }

    /// Runs layer after layer by `unroll` and shows each run of a cell, in the order of its own time,
    /// to `visit`; returns the outputs of the topmost layer.
    fn pass<S>(
        &self,
        inputs: Tensor<3>,
        run: &NetworkRun,
        mut unroll: impl FnMut(&AnyCell, Tensor<3>, Direction) -> Result<Unrolled<S>>,
        mut visit: impl FnMut(usize, &AnyCell, &Unrolled<S>),
    ) -> Result<Tensor<3>> {
        let mut outputs = inputs;
        for (index, layer) in self.layers.iter().enumerate() {
            let reversed = match self.backward.get(index) {
                Some(cell) => Some((cell, run.reversed(outputs.clone())?)),
                None => None,
            };
            let unrolled = unroll(layer, outputs, Direction::Forward)?;
            visit(index, layer, &unrolled);
            outputs = unrolled.outputs;
            if let Some((cell, inputs)) = reversed {
                let unrolled = unroll(cell, inputs, Direction::Backward)?;
                visit(index, cell, &unrolled);
                let backward = run.reversed(unrolled.outputs)?;
                outputs = Tensor::cat(vec![outputs, backward], 2);
            }
        }
        Ok(outputs)
    }
}

/// The states of a network's layers, the lowest first.
#[derive(Clone, Debug)]
pub struct NetworkState(Vec<AnyState>);

impl NetworkState {
    /// The tensors of all layers, `[B, width]` each, in the order of the layers and of
    /// [`State::into_parts`].
    pub fn into_parts(self) -> Vec<Tensor<2>> {
        self.0.into_iter().flat_map(State::into_parts).collect()
    }

    /// The state of the same form whose [`into_parts`](Self::into_parts) these are.
    ///
    /// # Errors
    ///
    /// When there are not as many, or one has another shape.
    pub fn with_parts(self, parts: Vec<Tensor<2>>) -> Result<Self> {
        let mut parts = parts.into_iter();
        let mut problem = None;
        let states = self.0.into_iter().map(|state| {
            let own = state.clone().into_parts();
            let new = own.into_iter().map(|own| match parts.next() {
                Some(part) if part.dims() == own.dims() => part.to_device(&own.device()),
                found => {
                    let found = found.map(|part| part.dims());
                    problem = Some(format!("a part is {found:?}, expected {:?}", own.dims()));
                    own
                }
            });
            let new = new.collect();
            state.with_parts(new)
        });
        let states = Self(states.collect());
        match (problem, parts.next()) {
            (None, None) => Ok(states),
            (problem, _) => Err(Error::argument(
                "state",
                problem.unwrap_or_else(|| "it has more parts than the network".to_owned()),
                "give the state of this network",
            )),
        }
    }
}

/// A network in the middle of a sequence.
pub struct NetworkStream<'n>(Vec<Box<dyn Runner<AnyState> + 'n>>);

impl std::fmt::Debug for NetworkStream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("NetworkStream").finish_non_exhaustive()
    }
}

impl NetworkStream<'_> {
    /// Reads the next steps, `[B, T, F]`; gives what the topmost layer shows, `[B, T, H]`.
    ///
    /// # Errors
    ///
    /// When they do not fit the network.
    pub fn feed(&mut self, inputs: Tensor<3>) -> Result<Tensor<3>> {
        let mut outputs = inputs;
        for layer in &mut self.0 {
            outputs = layer.feed(Sequence::batch_major(outputs))?;
        }
        Ok(outputs)
    }

    /// The state after the last step.
    pub fn state(&self) -> NetworkState {
        NetworkState(self.0.iter().map(|layer| layer.state()).collect())
    }
}

impl NetworkRun {
    /// A run in training step `step`, with gradients to the first step of time.
    pub fn training(step: u64) -> Self {
        Self {
            training_step: Some(step),
            ..Self::default()
        }
    }

    /// `tensor`, `[B, T, …]`, with each row's real steps in reverse.
    fn reversed(&self, tensor: Tensor<3>) -> Result<Tensor<3>> {
        let sequence = self.sequence(tensor.clone())?;
        Ok(reverse_sequence(tensor, &sequence))
    }

    /// `inputs`, `[B, T, F]`, with the rows' real steps.
    fn sequence(&self, inputs: Tensor<3>) -> Result<Sequence> {
        let sequence = Sequence::batch_major(inputs);
        match &self.lengths {
            None => Ok(sequence),
            Some(lengths) => sequence.with_lengths(Lengths::new(lengths.clone())),
        }
    }

    fn options<S: State>(&self) -> UnrollOptions<S> {
        let mut options = UnrollOptions::default();
        if let Some(lengths) = &self.lengths {
            options = options.with_sequence_length(Lengths::new(lengths.clone()));
        }
        match self.training_step {
            Some(step) => options.with_training_step(step),
            None => options.without_noise(),
        }
    }
}

/// What `layer` shows after each row's last real step, `[B, H]`: zero for a row without steps.
fn last_output(
    layer: &AnyCell,
    unrolled: &Unrolled<AnyState>,
    lengths: Option<&[usize]>,
) -> Tensor<2> {
    let outputs = &unrolled.outputs;
    // Most cells carry what they have shown: the kernel hands it out, and its gradient is small.
    if let Some(shown) = layer.shown(&unrolled.state) {
        return shown.to_device(&outputs.device());
    }
    last_step(outputs, lengths)
}

/// Of `outputs`, `[B, T, H]`, zero past a row's length, the mean over each row's real steps, `[B, H]`:
/// zero for a row without steps.
fn mean_step(outputs: &Tensor<3>, lengths: Option<&[usize]>) -> Tensor<2> {
    let [batch, time, features] = outputs.dims();
    let options = (&outputs.device(), outputs.dtype());
    if time == 0 {
        return Tensor::zeros([batch, features], options);
    }
    let sum: Tensor<2> = outputs.clone().sum_dim(1).squeeze_dim(1);
    let shares: Vec<f64> = match lengths {
        None => vec![1.0 / time as f64; batch],
        Some(lengths) => {
            let shares = lengths.iter().map(|&length| 1.0 / length.max(1) as f64);
            shares.collect()
        }
    };
    sum * Tensor::<2>::from_data(TensorData::new(shares, [batch, 1]), options)
}

/// Of `outputs`, `[B, T, H]`, those of each row's last real step, `[B, H]`.
fn last_step(outputs: &Tensor<3>, lengths: Option<&[usize]>) -> Tensor<2> {
    let [batch, time, features] = outputs.dims();
    if time == 0 {
        return Tensor::zeros([batch, features], (&outputs.device(), outputs.dtype()));
    }
    let last = match lengths {
        None => outputs.clone().narrow(1, time - 1, 1),
        Some(lengths) => {
            // A row without steps has zeros at every step.
            let steps: Vec<i64> = lengths
                .iter()
                .map(|&length| length.saturating_sub(1) as i64)
                .collect();
            let steps = TensorData::new(steps, [batch, 1, 1]);
            let steps = Tensor::<3, Int>::from_data(steps, &outputs.device());
            let steps = steps.expand([batch, 1, features]);
            outputs.clone().gather(1, steps)
        }
    };
    last.squeeze_dim(1)
}

#[cfg(test)]
mod tests;
