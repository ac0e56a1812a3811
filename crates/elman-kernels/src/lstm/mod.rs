//! The fused LSTM: a whole sequence forward and backward.
//!
//! ```text
//! [i, j, f, o] = [x, h] · kernel + bias
//! c' = c ⊙ σ(f + forget_bias + w_f ⊙ c) + σ(i + w_i ⊙ c) ⊙ activation(j)
//! c' = clip(c', ±cell_clip)
//! m  = σ(o + w_o ⊙ c') ⊙ activation(c')
//! h' = clip(m · projection, ±proj_clip), or m itself
//! ```
//!
//! Hochreiter and Schmidhuber (1997); Gers et al. (2000, 2002); Sak et al. (2014);
//! `tf.nn.rnn_cell.LSTMCell`.

mod backward;
mod forward;

use backward::{BackwardMemory, BackwardPart, PeepholePart, ProjectionMemory};
use forward::{ForwardPart, Memory};

use crate::activation::Activation;
use crate::buffer::{Buffer, Shared, Source, Unwritten};
use crate::gradient::{ParameterGradient, WeightGradient, weight_gradients};
use crate::inputs::{Inputs, PairInputs};
use crate::isa::Isa;
use crate::panels::{Columns, Matrix};
use crate::real::Real;
use crate::run::{
    Backward, Carry, Forward, Gradients, Hidden, Results, Rows, d_inputs, dealt, over_time, parts,
    previous_rows,
};
use crate::shape::Plan;
use crate::threads;

/// The gates of one unit in a panel, in the order in which TF 1 stores them.
#[derive(Clone, Copy)]
enum Gate {
    Input,
    Candidate,
    Forget,
    Output,
}

/// How many gates there are.
const GATES: usize = 4;

/// What an LSTM computes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LstmSpec {
    /// `F`.
    pub inputs: usize,
    /// `H`.
    pub units: usize,
    /// `P`, if the output is projected.
    pub projection: Option<usize>,
    /// For the candidate and for the cell's output.
    pub activation: Activation,
    /// Added to the forget gate's sum.
    pub forget_bias: f64,
    /// The new cell stays within ± this.
    pub cell_clip: Option<f64>,
    /// The projected output stays within ± this.
    pub proj_clip: Option<f64>,
}

impl LstmSpec {
    /// `P`, or `H` without a projection.
    pub fn outputs(&self) -> usize {
        self.projection.unwrap_or(self.units)
    }

    /// `S`: `c`, then `h`.
    pub fn state(&self) -> usize {
        self.units + self.outputs()
    }

    /// Multiply-adds of one step of one row.
    fn multiplications(&self) -> usize {
        let gates = GATES * self.units * (self.inputs + self.outputs());
        gates + self.projection.map_or(0, |outputs| outputs * self.units)
    }
}

/// The parameters of an LSTM, as TF 1 stores them.
#[derive(Clone, Copy, Debug)]
pub struct LstmWeights<'a, T> {
    /// `[F+P, 4H]`: i, j, f, o.
    pub kernel: &'a [T],
    /// `[4H]`.
    pub bias: &'a [T],
    /// `w_i`, `w_f`, `w_o`, `[H]` each.
    pub peepholes: Option<[&'a [T]; 3]>,
    /// `[H, P]`, there exactly when the specification has a projection.
    pub projection: Option<&'a [T]>,
}

/// What a forward pass leaves for its backward pass.
#[derive(Debug)]
pub struct LstmTape<T: Real> {
    plan: Plan,
    /// `[panel][pair][gate][lane]`, after their nonlinearities.
    gates: Buffer<T>,
    /// `[B + pairs][padded H]`: the initial cells by position, then every new cell.
    cells: Buffer<T>,
    /// `[pairs][padded H]`: `m`, when it is projected.
    hidden: Option<Buffer<T>>,
}

/// An LSTM whose weights are packed for this machine.
#[derive(Debug)]
pub struct Lstm<T: Real> {
    spec: LstmSpec,
    isa: Isa,
    lanes: usize,
    columns: Columns,
    input_weights: Buffer<T>,
    hidden_weights: Buffer<T>,
    bias: Buffer<T>,
    /// `[3][padded H]`.
    peepholes: Option<Buffer<T>>,
    projection: Option<(Columns, Buffer<T>)>,
}

impl<T: Real> Lstm<T> {
    /// Packs the weights.
    ///
    /// # Panics
    ///
    /// When a slice does not have the length that `spec` asks for.
    pub fn pack(spec: LstmSpec, weights: &LstmWeights<'_, T>, isa: Isa) -> Self {
        let (units, outputs) = (spec.units, spec.outputs());
        assert_eq!(
            weights.kernel.len(),
            (spec.inputs + outputs) * GATES * units
        );
        assert_eq!(weights.bias.len(), GATES * units);
        assert_eq!(weights.projection.is_some(), spec.projection.is_some());
        let lanes = isa.lanes::<T>();
        let gates: Vec<_> = (0..GATES).map(|gate| (0, gate * units)).collect();
        let columns = Columns::gated(lanes, units, 1, &gates).narrowed();
        let kernel = [Matrix {
            numbers: weights.kernel,
            columns: GATES * units,
        }];
        let mut bias = weights.bias.to_vec();
        for forget in &mut bias[Gate::Forget as usize * units..][..units] {
            *forget = T::from_f64(forget.to_f64() + spec.forget_bias);
        }
        let bias = [Matrix {
            numbers: &bias,
            columns: GATES * units,
        }];
        let padded = units.next_multiple_of(lanes);
        Self {
            spec,
            isa,
            lanes,
            input_weights: columns.pack(&kernel, 0..spec.inputs),
            hidden_weights: columns.pack(&kernel, spec.inputs..spec.inputs + outputs),
            bias: columns.pack(&bias, 0..1),
            peepholes: weights.peepholes.map(|peepholes| {
                let mut packed = Buffer::zeros(3 * padded);
                for (target, source) in packed.chunks_exact_mut(padded).zip(peepholes) {
                    target[..units].copy_from_slice(source);
                }
                packed
            }),
            projection: weights.projection.map(|projection| {
                assert_eq!(projection.len(), units * outputs);
                let columns = Columns::plain(lanes, outputs);
                let source = [Matrix {
                    numbers: projection,
                    columns: outputs,
                }];
                let packed = columns.pack(&source, 0..units);
                (columns, packed)
            }),
            columns,
        }
    }

    /// What the cell computes.
    pub fn spec(&self) -> &LstmSpec {
        &self.spec
    }

    fn padded(&self) -> usize {
        self.spec.units.next_multiple_of(self.lanes)
    }

    /// The forward pass of inference: outputs, then the final state.
    pub fn forward(&self, run: Forward<'_, T>) -> Vec<T> {
        let batch = run.plan.batch();
        let mut cells = Buffer::new(batch * self.padded());
        let mut hidden = self
            .projection
            .as_ref()
            .map(|_| Buffer::new(batch * self.padded()));
        let memory = Memory {
            gates: None,
            cells: Shared::new(&mut cells),
            hidden: hidden.as_mut().map(|hidden| Shared::new(hidden)),
        };
        self.walk(run, memory)
    }

    /// The forward pass of training: outputs, then the final state; and the tape.
    pub fn forward_training(&self, run: Forward<'_, T>) -> (Vec<T>, LstmTape<T>) {
        let plan = dealt(run.plan, self.spec.multiplications());
        let (batch, pairs) = (plan.batch(), plan.pairs());
        let mut tape = LstmTape {
            plan,
            gates: Buffer::new(pairs * self.columns.total()),
            cells: Buffer::new((batch + pairs) * self.padded()),
            hidden: self
                .projection
                .as_ref()
                .map(|_| Buffer::new(pairs * self.padded())),
        };
        let memory = Memory {
            gates: Some(Shared::new(&mut tape.gates)),
            cells: Shared::new(&mut tape.cells),
            hidden: tape.hidden.as_mut().map(|hidden| Shared::new(hidden)),
        };
        let plan = &tape.plan;
        let results = self.walk(Forward { plan, ..run }, memory);
        (results, tape)
    }

    fn walk(&self, run: Forward<'_, T>, memory: Memory<T>) -> Vec<T> {
        let mut results = Results::new(
            &run,
            self.spec.inputs,
            self.spec.outputs(),
            self.spec.state(),
        );
        let Forward {
            plan,
            inputs,
            state,
            mut mask,
        } = run;
        let inputs = &Inputs::new(plan, inputs, self.spec.inputs);
        let spec = &self.spec;
        let hidden = Hidden::new(results.outputs(), mask.as_mut(), spec.outputs());
        let final_state = results.final_state();
        over_time(plan, spec.multiplications(), |share| {
            self.isa.run(ForwardPart {
                cell: self,
                plan,
                inputs,
                state,
                hidden,
                final_state,
                memory,
                share,
            });
        });
        // SAFETY: the pass has written the outputs of all real steps, and the final state.
        unsafe { results.written() }
    }

    /// The backward pass. `weights` are those that the cell was packed from.
    ///
    /// Parameters' gradients come in the order kernel, bias, `w_i`, `w_f`, `w_o`, projection; what
    /// the cell does not have is left out.
    pub fn backward(
        &self,
        run: &Backward<'_, T>,
        weights: &LstmWeights<'_, T>,
        mut tape: LstmTape<T>,
    ) -> Gradients<T> {
        let spec = &self.spec;
        let plan = &tape.plan;
        let run = &Backward { plan, ..*run };
        let (inputs, units, outputs) = (spec.inputs, spec.units, spec.outputs());
        let kernel = [Matrix {
            numbers: weights.kernel,
            columns: GATES * units,
        }];
        let transposed = |rows| self.columns.pack_transposed(&kernel, rows, 0..GATES);
        let to_hidden = transposed(inputs..inputs + outputs);
        let to_inputs = run.wanted.inputs().then(|| transposed(0..inputs));
        let from_projection = weights.projection.map(|projection| {
            let source = [Matrix {
                numbers: projection,
                columns: outputs,
            }];
            Columns::plain(self.lanes, outputs).pack_transposed(&source, 0..units, 0..usize::MAX)
        });
        let projected = Columns::plain(self.lanes, outputs);
        let mut d_projected = spec
            .projection
            .map(|_| Buffer::zeros(plan.pairs() * projected.total()));
        let mut d_inputs = d_inputs(run, inputs);
        let mut d_state = vec![T::default(); run.state.len()];
        let mut d_cell = Carry::new(run, 0, units, self.lanes);
        let mut d_hidden = Carry::new(run, units, outputs, self.lanes);
        let mut d_memory = spec
            .projection
            .map(|_| Buffer::zeros(plan.batch() * self.padded()));
        let projection = d_projected.as_mut().zip(d_memory.as_mut());
        let shared = BackwardMemory {
            gates: Shared::new(&mut tape.gates),
            cells: Source::new(&tape.cells),
            projection: projection.map(|(d_projected, d_memory)| ProjectionMemory {
                d_projected: Shared::new(d_projected),
                d_memory: Rows::new(d_memory, self.padded()),
            }),
            d_inputs: d_inputs.as_mut().map(Unwritten::shared),
            d_cell: d_cell.rows(),
            d_hidden: d_hidden.rows(),
        };
        over_time(plan, 2 * spec.multiplications(), |share| {
            self.isa.run(BackwardPart {
                cell: self,
                run,
                to_hidden: &to_hidden,
                to_inputs: to_inputs.as_ref(),
                from_projection: from_projection.as_ref(),
                projected: &projected,
                memory: shared,
                share,
            });
        });
        d_cell.finish(plan, &mut d_state);
        d_hidden.finish(plan, &mut d_state);
        let parameters = if run.wanted.parameters() {
            self.parameter_gradients(run, &tape, (&projected, d_projected.as_deref()))
        } else {
            Vec::new()
        };
        Gradients {
            // SAFETY: the pass has written the gradients of the inputs of all real steps.
            inputs: d_inputs.map(|numbers| unsafe { numbers.written() }),
            state: d_state,
            parameters,
        }
    }

    fn parameter_gradients(
        &self,
        run: &Backward<'_, T>,
        tape: &LstmTape<T>,
        (projected, d_projected): (&Columns, Option<&[T]>),
    ) -> Vec<Vec<T>> {
        let spec = &self.spec;
        let plan = run.plan;
        let (inputs, units, outputs) = (spec.inputs, spec.units, spec.outputs());
        let padded = self.padded();
        let one = [T::from_f64(1.0)];
        let groups = plan.groups(inputs + outputs);
        let gradient = |index, shape| ParameterGradient::new(run, index, groups.len(), shape);
        let mut kernel = gradient(0, [inputs + outputs, GATES * units]);
        let mut bias = gradient(1, [1, GATES * units]);
        // The projection's comes last, after the peepholes' if there are any.
        let last = if self.peepholes.is_some() { 5 } else { 2 };
        let mut projection = spec
            .projection
            .map(|outputs| gradient(last, [units, outputs]));
        let [of_inputs, of_hidden] = kernel.split(inputs);
        let gates = |factors, target| {
            let gates = (&tape.gates[..], 0..GATES);
            WeightGradient::new(&self.columns, gates, factors, [target])
        };
        let previous = previous_rows(
            plan,
            run.hidden(),
            outputs,
            (run.state, spec.state(), units),
        );
        let mut wanted = vec![
            gates(
                (Inputs::new(plan, run.inputs, inputs).of_pairs(plan), inputs),
                of_inputs,
            ),
            gates((previous, outputs), of_hidden),
            gates(
                (PairInputs::rows(vec![Source::new(&one); plan.pairs()]), 1),
                bias.whole(),
            ),
        ];
        if let (Some(hidden), Some(d_projected), Some(target)) =
            (&tape.hidden, d_projected, &mut projection)
        {
            let rows = hidden.chunks_exact(padded).map(Source::new);
            let rows = PairInputs::rows(rows.collect());
            wanted.push(WeightGradient::new(
                projected,
                (d_projected, 0..usize::MAX),
                (rows, units),
                [target.whole()],
            ));
        }
        let parts = parts(plan.pairs(), spec.multiplications(), usize::MAX);
        // SAFETY: every factor points at a whole row of what it stands for.
        unsafe { weight_gradients(self.isa, plan, (&groups, parts), &wanted) };
        drop(wanted);
        // SAFETY: `wanted` has all rows of every parameter.
        let mut parameters = unsafe { vec![kernel.finish(), bias.finish()] };
        if self.peepholes.is_some() {
            let mut sums = Buffer::zeros(3 * padded);
            for (which, sums) in sums.chunks_exact_mut(padded).enumerate() {
                if let Some(later) = run.later_sums(2 + which, units) {
                    sums[..units].copy_from_slice(later);
                }
            }
            let parts = threads::get().get().min(self.columns.count());
            let shared = Shared::new(&mut sums);
            threads::each(parts, |part| {
                self.isa.run(PeepholePart {
                    cell: self,
                    plan,
                    tape,
                    sums: shared,
                    panels: threads::range(self.columns.count(), parts, part),
                });
            });
            parameters.extend(sums.chunks_exact(padded).map(|sums| sums[..units].to_vec()));
        }
        // SAFETY: as above.
        parameters.extend(projection.map(|gradient| unsafe { gradient.finish() }));
        parameters
    }
}
