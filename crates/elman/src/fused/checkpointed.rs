//! Exact backpropagation under a memory budget, by recomputation.
//!
//! ```text
//! forward    s0 ──► s1 ──► s2 ──► s3        only the states between segments are kept
//! backward   the last segment first: forward again from its state, with a tape, then backward
//! ```
//!
//! The bits are those of one pass over the whole sequence: a sequence cut into chunks gives the
//! same outputs and states, and the kernels sum weight gradients from the last step to the first,
//! each segment adding to the sums of the segments after it. Griewank and Walther (2000), with one
//! level of checkpoints; TF 1 had `swap_memory` for the same purpose.

use std::ops::Range;

use elman_kernels::{Backward, Forward, Gradients, Isa, Layout, Plan, Real, Spec, Tape, Wanted};

use crate::error::{Error, Result};

/// Bytes of the lists of pointers that a backward pass makes for every real (step, row) pair.
const POINTERS: usize = 6 * size_of::<usize>();

/// How many steps a segment has for the whole operation to stay within `budget` bytes, in numbers
/// of `number` bytes; `None` when one tape for all steps fits.
///
/// What counts is what forward and backward hold at the same time: inputs and outputs with their
/// gradients, the states between the segments, and one segment's tape with copies of its part of
/// all these.
///
/// # Errors
///
/// When no length of segments fits, with the least budget that would do.
pub(super) fn segment_steps(
    spec: &Spec,
    plan: &Plan,
    number: usize,
    budget: u64,
) -> Result<Option<usize>> {
    let (batch, time) = (plan.batch(), plan.time());
    let (inputs, outputs, state) = (spec.inputs(), spec.outputs(), spec.state());
    let sequences = 2 * (inputs + outputs) * number;
    let held = batch * time * sequences;
    let tape = batch * (spec.tape() * number + POINTERS);
    let needs = |steps: usize| {
        let states = time.div_ceil(steps) * batch * state * number;
        held + states + steps * (tape + batch * sequences)
    };
    let fits = |bytes: usize| bytes as u64 <= budget;
    if fits(held + time * tape) {
        return Ok(None);
    }
    // The need falls with longer segments as long as their states outweigh a segment's tape.
    let best = ((time * batch * state * number) as f64 / (tape + batch * sequences) as f64).sqrt();
    let best = (best as usize).clamp(1, time);
    if !fits(needs(best)) {
        return Err(Error::argument(
            "memory",
            format!("is {budget} bytes for T = {time} steps of B = {batch} rows"),
            format!("give at least {}, fewer steps or fewer rows", needs(best)),
        ));
    }
    let (mut fitting, mut above) = (best, time);
    while above - fitting > 1 {
        let middle = fitting + (above - fitting) / 2;
        match fits(needs(middle)) {
            true => fitting = middle,
            false => above = middle,
        }
    }
    Ok(Some(fitting))
}

/// A sequence through a cell, in segments of `steps` steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segmented<'a, T> {
    pub(super) spec: &'a Spec,
    pub(super) plan: &'a Plan,
    pub(super) steps: usize,
    pub(super) parameters: &'a [&'a [T]],
    pub(super) inputs: &'a [T],
    pub(super) state: &'a [T],
}

/// What a forward pass in segments leaves for its backward pass.
#[derive(Debug)]
pub(super) struct Checkpoints<T: Real> {
    /// The state before every segment, `[B, S]`.
    states: Vec<Vec<T>>,
    /// The last segment's: backward needs it first.
    last: Tape<T>,
}

/// The gradients of the results; `None` means zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResultGradients<'a, T> {
    pub(super) outputs: Option<&'a [T]>,
    pub(super) final_state: &'a [T],
}

impl<T: Real> Segmented<'_, T> {
    /// The steps of every segment. They are as equal as can be and the last is the longest: its tape
    /// is made first, and the others fit into the same memory.
    fn segments(&self) -> Vec<Range<usize>> {
        let time = self.plan.time();
        let count = time.div_ceil(self.steps);
        let start = |segment: usize| time * segment / count;
        (0..count)
            .map(|segment| start(segment)..start(segment + 1))
            .collect()
    }

    /// The forward pass: the outputs, then the final state; and what backward needs.
    pub(super) fn forward(&self) -> (Vec<T>, Checkpoints<T>) {
        let segments = self.segments();
        let (last, earlier) = segments.split_last().expect("there are steps");
        let cell = self.spec.pack(self.parameters, Isa::detect());
        let outputs = self.plan.batch() * self.plan.time() * self.spec.outputs();
        let mut results = vec![T::default(); outputs + self.state.len()];
        let (outputs, final_state) = results.split_at_mut(outputs);
        let mut states = vec![self.state.to_vec()];
        for steps in earlier {
            let before = states.last().expect("the first is there");
            let mut part = self.segment(steps, before, |run| cell.forward(run));
            let after = part.split_off(part.len() - self.state.len());
            self.place(self.spec.outputs(), steps).put(&part, outputs);
            states.push(after);
        }
        let before = states.last().expect("the first is there");
        let (part, last_tape) = self.segment(last, before, |run| cell.forward_training(run));
        let (part, after) = part.split_at(part.len() - self.state.len());
        self.place(self.spec.outputs(), last).put(part, outputs);
        final_state.copy_from_slice(after);
        let checkpoints = Checkpoints {
            states,
            last: last_tape,
        };
        (results, checkpoints)
    }

    /// Runs one segment from the state `before`; gives what `run` gives.
    fn segment<R>(
        &self,
        steps: &Range<usize>,
        before: &[T],
        run: impl FnOnce(Forward<'_, T>) -> R,
    ) -> R {
        run(Forward {
            plan: &self.plan.segment(steps.clone()),
            inputs: &self.place(self.spec.inputs(), steps).take(self.inputs),
            state: before,
            mask: None,
        })
    }

    /// The backward pass; `outputs` are what the forward pass wrote.
    pub(super) fn backward(
        &self,
        checkpoints: Checkpoints<T>,
        outputs: &[T],
        given: ResultGradients<'_, T>,
        wanted: Wanted,
    ) -> Gradients<T> {
        let Checkpoints { mut states, last } = checkpoints;
        let mut last = Some(last);
        let d_inputs = || vec![T::default(); self.inputs.len()];
        let mut d_inputs = (wanted != Wanted::Parameters).then(d_inputs);
        let mut d_state = given.final_state.to_vec();
        let mut later = Vec::new();
        for steps in self.segments().into_iter().rev() {
            let state = states.pop().expect("one state a segment");
            let of_inputs = self.place(self.spec.inputs(), &steps);
            let of_outputs = self.place(self.spec.outputs(), &steps);
            let (outputs, tape) = match last.take() {
                Some(tape) => (of_outputs.take(outputs), tape),
                None => {
                    let cell = self.spec.pack(self.parameters, Isa::detect());
                    let run = |run: Forward<'_, T>| cell.forward_training(run);
                    let (mut again, tape) = self.segment(&steps, &state, run);
                    again.truncate(of_outputs.count());
                    (again, tape)
                }
            };
            let d_outputs = given.outputs.map(|whole| of_outputs.take(whole));
            let run = Backward {
                plan: &self.plan.segment(steps.clone()),
                inputs: &of_inputs.take(self.inputs),
                state: &state,
                outputs: &outputs,
                mask: None,
                d_outputs: d_outputs.as_deref(),
                d_final_state: &d_state,
                later: &later,
                unfinished: steps.start > 0,
                wanted,
            };
            let found = tape.backward(&run, self.parameters);
            if let (Some(whole), Some(part)) = (&mut d_inputs, &found.inputs) {
                of_inputs.put(part, whole);
            }
            d_state = found.state;
            later = found.parameters;
        }
        Gradients {
            inputs: d_inputs,
            state: d_state,
            parameters: later,
        }
    }

    /// Where `steps` stand in a sequence of `width` numbers a step.
    fn place(&self, width: usize, steps: &Range<usize>) -> Place {
        let (batch, time) = (self.plan.batch(), self.plan.time());
        match self.plan.layout() {
            Layout::BatchMajor => Place {
                blocks: batch,
                stride: time * width,
                first: steps.start * width,
                length: steps.len() * width,
            },
            Layout::TimeMajor => Place {
                blocks: 1,
                stride: 0,
                first: steps.start * batch * width,
                length: steps.len() * batch * width,
            },
        }
    }
}

/// Where the numbers of some steps stand in the whole: `blocks` of `length` numbers.
#[derive(Clone, Copy, Debug)]
struct Place {
    blocks: usize,
    stride: usize,
    first: usize,
    length: usize,
}

impl Place {
    /// How many they are.
    fn count(&self) -> usize {
        self.blocks * self.length
    }

    /// Copies them out, one block after the other.
    fn take<T: Copy>(&self, whole: &[T]) -> Vec<T> {
        let mut part = Vec::with_capacity(self.count());
        for block in 0..self.blocks {
            part.extend_from_slice(&whole[block * self.stride + self.first..][..self.length]);
        }
        part
    }

    /// Copies them back.
    fn put<T: Copy>(&self, part: &[T], whole: &mut [T]) {
        for (block, part) in part.chunks_exact(self.length).enumerate() {
            whole[block * self.stride + self.first..][..self.length].copy_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests;
