//! Whether gradients reach the first step, cheaply: what training looks at after every epoch.
//!
//! [`diagnose`](super::diagnose) asks every state for its gradient, step by step in plain
//! operations. Here a cell runs as it does in training, on its kernel, and only two of a row's
//! states are asked: the one before its last step, and the one before its first.

use std::collections::BTreeSet;
use std::fmt;

use burn::tensor::{Gradients, Tensor};

use super::leaf::{probe, row_norms, scaled_backward};
use super::share;
use super::verdict::{VANISHED, Verdict};
use crate::cell::{Cell, Lengths, State, Unrolled};
use crate::error::Result;
use crate::task::Network;
use crate::unroll::{UnrollOptions, dynamic_rnn};
use crate::wrapper::{AnyCell, AnyState};

/// What is left of a layer's gradient at the start of the sequences.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerFlow {
    /// The type of the cell, with its wrappers.
    pub cell: String,
    /// The steps of the longest row.
    pub steps: usize,
    /// The mean over rows of ‖d loss / d state before the last step‖, the loss being the row's own.
    pub near: f64,
    /// The same of the state before the first step, for the part of the state whose gradient is
    /// largest there.
    pub far: f64,
}

impl LayerFlow {
    /// What becomes of the gradient on its way back.
    pub fn verdict(&self) -> Verdict {
        Verdict::new(self.near, self.far)
    }

    /// The factor by which the gradient changes with every step back, as if it were the same at
    /// each.
    pub fn rate(&self) -> f64 {
        (self.far / self.near).powf(1.0 / (self.steps - 1) as f64)
    }
}

/// For a person: what was found. What helps is [`Verdict::remedies`].
impl fmt::Display for LayerFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = self.verdict();
        write!(f, "{verdict} in {}", self.cell)?;
        if verdict == Verdict::Absent {
            return Ok(());
        }
        let (left, back) = (self.far / self.near, self.steps - 1);
        write!(f, ": {back} steps back {}", share(left))?;
        if left == 0.0 || !left.is_finite() {
            return Ok(());
        }
        let rate = self.rate();
        write!(f, ", a factor of {rate:.3} a step")?;
        if verdict == Verdict::Vanishes {
            // rate^n = VANISHED
            let reach = VANISHED.ln() / rate.ln();
            write!(
                f,
                "; what lies more than about {reach:.0} steps back is hardly learnt"
            )?;
        }
        Ok(())
    }
}

/// What of `flows`, the lowest layer first, should worry a person who trains the network; None when
/// nothing does. A layer that gets no gradient at all is no worry: so it is when all is learnt.
pub(crate) fn worry(flows: &[LayerFlow]) -> Option<String> {
    let faults = flows.iter().enumerate().filter_map(|(layer, flow)| {
        let verdict = flow.verdict();
        let is_fault = matches!(verdict, Verdict::Vanishes | Verdict::Explodes);
        is_fault.then(|| (verdict, format!("layer {layer}: {flow}")))
    });
    let (verdicts, found): (Vec<Verdict>, Vec<String>) = faults.unzip();
    let remedies = verdicts.first()?.remedies();
    Some(format!("{}; what helps: {remedies}", found.join("; ")))
}

/// A cell's states of which the gradient is wanted.
#[derive(Debug)]
pub(crate) struct FlowProbe {
    cell: String,
    /// The real steps of each row, `[B]`.
    lengths: Vec<usize>,
    /// Leaves of the parts of the state before the steps at which a stretch begins: `(step, parts)`.
    leaves: Vec<(usize, Vec<Tensor<2>>)>,
}

impl FlowProbe {
    /// Runs `cell` over `inputs`, `[B, T, F]`, in stretches that begin at the first step and at each
    /// row's last.
    ///
    /// # Errors
    ///
    /// As [`dynamic_rnn`].
    pub(crate) fn run(
        cell: &AnyCell,
        inputs: Tensor<3>,
        lengths: Option<&[usize]>,
        memory: Option<u64>,
    ) -> Result<(Unrolled<AnyState>, Self)> {
        let [batch, time, _] = inputs.dims();
        let all = lengths.map_or_else(|| vec![time; batch], <[usize]>::to_vec);
        let last = all.iter().filter(|&&length| length > 1);
        let starts: BTreeSet<usize> = last.map(|length| length - 1).chain([0]).collect();
        let starts: Vec<usize> = starts.into_iter().collect();
        let mut state = cell.zero_state(batch).without_noise();
        let (mut leaves, mut outputs) = (Vec::new(), Vec::new());
        for (index, &start) in starts.iter().enumerate() {
            let end = starts.get(index + 1).copied().unwrap_or(time);
            let parts = state.clone().into_parts();
            let (probes, parts) = parts.into_iter().map(probe).unzip();
            leaves.push((start, probes));
            let within = |&length: &usize| length.clamp(start, end) - start;
            let mut options = UnrollOptions::default().with_initial_state(state.with_parts(parts));
            if lengths.is_some() {
                let lengths: Vec<usize> = all.iter().map(within).collect();
                options = options.with_sequence_length(Lengths::new(lengths));
            }
            if let Some(bytes) = memory {
                options = options.with_memory(bytes);
            }
            let stretch = inputs.clone().narrow(1, start, end - start);
            let run = dynamic_rnn(cell, stretch, options)?;
            outputs.push(run.outputs);
            state = run.state;
        }
        let run = Unrolled {
            outputs: Tensor::cat(outputs, 1),
            state,
        };
        let probe = Self {
            cell: cell.name(),
            lengths: all,
            leaves,
        };
        Ok((run, probe))
    }

    /// The same of a cell that reads backwards.
    pub(crate) fn backward(mut self) -> Self {
        self.cell.insert_str(0, "backward ");
        self
    }

    /// None when no row has two steps.
    fn conclude(self, gradients: &Gradients, per_row: f64) -> Option<LayerFlow> {
        let rows = self.lengths.iter().filter(|&&length| length > 1).count();
        let steps = self.lengths.iter().copied().max().filter(|_| rows > 0)?;
        let norms = |part: usize| {
            let of_start = |(start, parts): &(usize, Vec<Tensor<2>>)| {
                (*start, row_norms(&parts[part], gradients))
            };
            let by_start: Vec<(usize, Vec<f64>)> = self.leaves.iter().map(of_start).collect();
            let mean = |at: fn(usize) -> usize| {
                let rows_there = self.lengths.iter().enumerate();
                let rows_there = rows_there.filter(|&(_, &length)| length > 1);
                let norm = |(row, &length): (usize, &usize)| {
                    let mut found = by_start.iter();
                    let (_, norms) = found
                        .find(|(start, _)| *start == at(length))
                        .expect("a stretch begins there");
                    norms[row] * per_row
                };
                rows_there.map(norm).sum::<f64>() / rows as f64
            };
            (mean(|length| length - 1), mean(|_| 0))
        };
        let parts = self.leaves.first().map_or(0, |(_, parts)| parts.len());
        let (near, far) = (0..parts)
            .map(norms)
            .max_by(|one, other| one.1.total_cmp(&other.1))?;
        Some(LayerFlow {
            cell: self.cell,
            steps,
            near,
            far,
        })
    }
}

/// Whether the gradient of `loss` reaches the first step of `inputs`, `[B, T, F]`, through each cell
/// of `network`: the lowest first. Cells run on their kernels, from the zero state, and dropout is
/// off; `memory` is that of `train.backpropagation`. `loss` is as in [`diagnose`](super::diagnose).
///
/// Empty when no row has two steps.
///
/// # Errors
///
/// When a shape does not fit, the memory is too little, or `loss` fails.
pub(crate) fn flow(
    network: &Network,
    inputs: Tensor<3>,
    lengths: Option<Vec<usize>>,
    memory: Option<u64>,
    loss: impl FnOnce(Tensor<2>) -> Result<Tensor<1>>,
) -> Result<Vec<LayerFlow>> {
    let [batch, _, _] = inputs.dims();
    let mut probes = Vec::new();
    let read = network.probed(inputs, lengths, memory, &mut probes)?;
    let (gradients, per_row) = scaled_backward(loss(read)?, batch);
    let flows = probes.into_iter();
    Ok(flows
        .filter_map(|probe| probe.conclude(&gradients, per_row))
        .collect())
}
