//! A run of a layer in which every state can be asked for its gradient.

use burn::tensor::{Gradients, Tensor};

use crate::cell::{
    Cell, Lengths, Path, RecurrentWeights, Sequence, State, StatePart, Step, Watch, Watched,
};
use crate::diagnosis::leaf::{probe, row_norms};
use crate::diagnosis::saturation::GateSaturation;
use crate::diagnosis::units::{UnitFacts, unit_facts};
use crate::error::Result;
use crate::unroll::{composed, single_step};
use crate::wrapper::{AnyCell, Around};

/// What a recurrent cell did over a batch.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    /// The type of the cell.
    pub(crate) cell: String,
    /// What each part of the state is for.
    pub(crate) kinds: Vec<StatePart>,
    /// A zero, `[B, width]`, that was added to each part of the state after each step: `[T][parts]`.
    pub(crate) leaves: Vec<Vec<Tensor<2>>>,
    /// The real steps of each row, `[B]`.
    pub(crate) lengths: Vec<usize>,
    pub(crate) gates: Vec<GateSaturation>,
    pub(crate) weights: Vec<RecurrentWeights>,
    pub(crate) units: UnitFacts,
}

impl Trace {
    /// Of each part of the state and each row, the norm of the loss's gradient with regard to that
    /// part after each step: `[parts][T][B]`. A state that the loss does not depend on has 0.
    pub(crate) fn norms(&self, gradients: &Gradients) -> Vec<Vec<Vec<f64>>> {
        (0..self.kinds.len())
            .map(|part| {
                self.leaves
                    .iter()
                    .map(|step| row_norms(&step[part], gradients))
                    .collect()
            })
            .collect()
    }
}

/// Runs `cell` over `sequence`, from its zero state, step by step in plain operations; returns its
/// outputs, `[B, T, H]`, and adds a trace for every recurrent cell in it.
///
/// Wrappers do what they do in inference: dropout drops nothing, zoneout mixes by its mean, batch
/// normalisation uses its moving statistics.
pub(crate) fn trace(
    cell: &AnyCell,
    sequence: Sequence,
    traces: &mut Vec<Trace>,
) -> Result<Tensor<3>> {
    match cell {
        AnyCell::Basic(inner) => watched(inner, cell.name(), sequence, traces),
        AnyCell::Lstm(inner) => watched(inner, cell.name(), sequence, traces),
        AnyCell::Gru(inner) => watched(inner, cell.name(), sequence, traces),
        AnyCell::Multi(stack) => {
            let mut outputs = sequence.inputs().clone();
            for layer in stack.layers() {
                outputs = trace(layer, sequence.with_inputs(outputs), traces)?;
            }
            Ok(outputs)
        }
        AnyCell::BatchNorm(wrapper) => trace(&wrapper.folded(), sequence, traces),
        AnyCell::Dropout(wrapper) => trace(wrapper.cell(), sequence, traces),
        AnyCell::Residual(wrapper) => around(&**wrapper, &sequence, traces),
        AnyCell::Highway(wrapper) => around(&**wrapper, &sequence, traces),
        AnyCell::InputProjection(wrapper) => around(&**wrapper, &sequence, traces),
        AnyCell::OutputProjection(wrapper) => around(&**wrapper, &sequence, traces),
        AnyCell::Embedding(wrapper) => around(&**wrapper, &sequence, traces),
        AnyCell::Device(wrapper) => around(&**wrapper, &sequence, traces),
        AnyCell::Zoneout(_)
        | AnyCell::LayerNormLstm(_)
        | AnyCell::CoupledLstm(_)
        | AnyCell::Nas(_)
        | AnyCell::Ugrnn(_)
        | AnyCell::IndRnn(_)
        | AnyCell::Sru(_)
        | AnyCell::MinGru(_)
        | AnyCell::MinLstm(_) => by_step(cell, sequence, traces),
    }
}

fn around<W: Around<Inner = AnyCell>>(
    wrapper: &W,
    sequence: &Sequence,
    traces: &mut Vec<Trace>,
) -> Result<Tensor<3>> {
    let outputs = trace(wrapper.inner(), wrapper.before(sequence)?, traces)?;
    wrapper.after(sequence, outputs)
}

/// A cell whose step is watched from inside.
fn watched<C: Watched>(
    cell: &C,
    name: String,
    sequence: Sequence,
    traces: &mut Vec<Trace>,
) -> Result<Tensor<3>> {
    let state = cell.zero_state(sequence.batch());
    let mut trace = Trace::new(name, state.kinds(), &sequence);
    trace.weights = cell.recurrent_weights();
    let run = composed(cell.output_size(), sequence, state, |input, state| {
        let time = trace.leaves.len();
        trace.leaves.push(Vec::new());
        let mut looker = Looker {
            trace: &mut trace,
            time,
        };
        cell.watched_step(input, state, &mut looker)
    })?;
    trace.units = unit_facts(&run.outputs, &trace.lengths);
    traces.push(trace);
    Ok(run.outputs)
}

/// Any other cell: its state is seen after each step.
fn by_step(cell: &AnyCell, sequence: Sequence, traces: &mut Vec<Trace>) -> Result<Tensor<3>> {
    let state = cell.zero_state(sequence.batch()).without_noise();
    let mut trace = Trace::new(cell.name(), state.kinds(), &sequence);
    let run = composed(cell.output_size(), sequence, state, |input, state| {
        let step = single_step(cell, input, state, Path::Composed)?;
        let (leaves, parts) = step
            .state
            .clone()
            .into_parts()
            .into_iter()
            .map(probe)
            .unzip();
        trace.leaves.push(leaves);
        let state = step.state.with_parts(parts);
        Ok(Step {
            output: cell.shown(&state).unwrap_or(step.output),
            state,
        })
    })?;
    trace.units = unit_facts(&run.outputs, &trace.lengths);
    traces.push(trace);
    Ok(run.outputs)
}

struct Looker<'a> {
    trace: &'a mut Trace,
    time: usize,
}

impl Watch for Looker<'_> {
    fn activation(&mut self, name: &'static str, bounds: [f64; 2], values: &Tensor<2>) {
        let gates = &mut self.trace.gates;
        let at = gates.iter().position(|gate| gate.gate == name);
        let at = at.unwrap_or_else(|| {
            gates.push(GateSaturation::new(name, bounds));
            gates.len() - 1
        });
        gates[at].count(values, &self.trace.lengths, self.time);
    }

    fn part(&mut self, part: Tensor<2>) -> Tensor<2> {
        let (leaf, part) = probe(part);
        self.trace.leaves[self.time].push(leaf);
        part
    }
}

impl Trace {
    fn new(cell: String, kinds: Vec<StatePart>, sequence: &Sequence) -> Self {
        let all = vec![sequence.time(); sequence.batch()];
        Self {
            cell,
            kinds,
            leaves: Vec::with_capacity(sequence.time()),
            lengths: sequence
                .lengths()
                .map_or(all, |lengths: &Lengths| lengths.as_slice().to_vec()),
            gates: Vec::new(),
            weights: Vec::new(),
            units: UnitFacts::default(),
        }
    }
}
