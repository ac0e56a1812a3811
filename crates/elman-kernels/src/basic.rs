//! The fused basic cell: a whole sequence forward and backward.
//!
//! ```text
//! h' = activation([x, h] · kernel + bias)
//! ```
//!
//! Elman (1990), "Finding Structure in Time"; `tf.nn.rnn_cell.BasicRNNCell`.

use pulp::Simd;

use crate::activation::Activation;
use crate::buffer::{Buffer, Shared, Source, Unwritten};
use crate::gradient::{ParameterGradient, WeightGradient, weight_gradients};
use crate::inputs::{Inputs, PairInputs};
use crate::isa::{Isa, Work};
use crate::math::slope;
use crate::panels::{Columns, Matrix};
use crate::product::{Product, Sums, Write};
use crate::real::{Lanes, Real};
use crate::rows::{GateRows, SequenceRows};
use crate::run::{
    Backward, Carry, Forward, Gradients, Hidden, Results, Rows, Share, d_inputs, dealt,
    finish_hidden, over_time, parts, previous_rows,
};
use crate::shape::Plan;
use crate::tile::VECTORS;

/// What a basic cell computes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BasicSpec {
    /// `F`.
    pub inputs: usize,
    /// `H`.
    pub units: usize,
    /// Applied to the sum.
    pub activation: Activation,
}

impl BasicSpec {
    fn multiplications(&self) -> usize {
        self.units * (self.inputs + self.units)
    }
}

/// The parameters of a basic cell, as TF 1 stores them.
#[derive(Clone, Copy, Debug)]
pub struct BasicWeights<'a, T> {
    /// `[F+H, H]`.
    pub kernel: &'a [T],
    /// `[H]`.
    pub bias: &'a [T],
}

/// What a forward pass leaves for its backward pass besides its outputs: room for the gradients of
/// the sums.
#[derive(Debug)]
pub struct BasicTape<T: Real> {
    plan: Plan,
    d_sums: Buffer<T>,
}

/// A basic cell whose weights are packed for this machine.
#[derive(Debug)]
pub struct Basic<T: Real> {
    spec: BasicSpec,
    isa: Isa,
    columns: Columns,
    input_weights: Buffer<T>,
    hidden_weights: Buffer<T>,
    bias: Buffer<T>,
}

impl<T: Real> Basic<T> {
    /// Packs the weights.
    ///
    /// # Panics
    ///
    /// When a slice does not have the length that `spec` asks for.
    pub fn pack(spec: BasicSpec, weights: &BasicWeights<'_, T>, isa: Isa) -> Self {
        let BasicSpec { inputs, units, .. } = spec;
        assert_eq!(weights.kernel.len(), (inputs + units) * units);
        assert_eq!(weights.bias.len(), units);
        let columns = Columns::plain(isa.lanes::<T>(), units);
        let kernel = [Matrix {
            numbers: weights.kernel,
            columns: units,
        }];
        let bias = [Matrix {
            numbers: weights.bias,
            columns: units,
        }];
        Self {
            spec,
            isa,
            input_weights: columns.pack(&kernel, 0..inputs),
            hidden_weights: columns.pack(&kernel, inputs..inputs + units),
            bias: columns.pack(&bias, 0..1),
            columns,
        }
    }

    /// The forward pass of inference: outputs, then the final state.
    pub fn forward(&self, run: Forward<'_, T>) -> Vec<T> {
        let mut results = Results::new(&run, self.spec.inputs, self.spec.units, self.spec.units);
        let Forward {
            plan,
            inputs,
            state,
            mut mask,
        } = run;
        let inputs = &Inputs::new(plan, inputs, self.spec.inputs);
        let spec = &self.spec;
        let hidden = Hidden::new(results.outputs(), mask.as_mut(), spec.units);
        over_time(plan, spec.multiplications(), |share| {
            self.isa.run(ForwardPart {
                cell: self,
                plan,
                inputs,
                state,
                hidden,
                share,
            });
        });
        // SAFETY: the pass has written the outputs of all real steps.
        unsafe {
            finish_hidden(plan, &hidden, state, results.final_state());
            results.written()
        }
    }

    /// The forward pass of training: outputs, then the final state; and the tape.
    pub fn forward_training(&self, run: Forward<'_, T>) -> (Vec<T>, BasicTape<T>) {
        let plan = dealt(run.plan, self.spec.multiplications());
        let d_sums = Buffer::new(plan.pairs() * self.columns.total());
        let results = self.forward(Forward { plan: &plan, ..run });
        (results, BasicTape { plan, d_sums })
    }

    /// The backward pass. `weights` are those that the cell was packed from; parameters' gradients
    /// come in the order kernel, bias.
    pub fn backward(
        &self,
        run: &Backward<'_, T>,
        weights: &BasicWeights<'_, T>,
        mut tape: BasicTape<T>,
    ) -> Gradients<T> {
        let BasicSpec { inputs, units, .. } = self.spec;
        let plan = &tape.plan;
        let run = &Backward { plan, ..*run };
        let kernel = [Matrix {
            numbers: weights.kernel,
            columns: units,
        }];
        let transposed = |rows| self.columns.pack_transposed(&kernel, rows, 0..VECTORS);
        let to_hidden = transposed(inputs..inputs + units);
        let to_inputs = run.wanted.inputs().then(|| transposed(0..inputs));
        let mut d_inputs = d_inputs(run, inputs);
        let mut d_state = vec![T::default(); run.state.len()];
        let d_sums = Shared::new(&mut tape.d_sums);
        let d_inputs_shared = d_inputs.as_mut().map(Unwritten::shared);
        let mut carry = Carry::new(run, 0, units, self.isa.lanes::<T>());
        let carried = carry.rows();
        over_time(plan, 2 * self.spec.multiplications(), |share| {
            self.isa.run(BackwardPart {
                cell: self,
                run,
                to_hidden: &to_hidden,
                to_inputs: to_inputs.as_ref(),
                d_sums,
                d_inputs: d_inputs_shared,
                carried,
                share,
            });
        });
        carry.finish(plan, &mut d_state);
        let mut parameters = Vec::new();
        if run.wanted.parameters() {
            let one = [T::from_f64(1.0)];
            let groups = plan.groups(inputs + units);
            let gradient = |index, shape| ParameterGradient::new(run, index, groups.len(), shape);
            let mut kernel = gradient(0, [inputs + units, units]);
            let mut bias = gradient(1, [1, units]);
            let [of_inputs, of_hidden] = kernel.split(inputs);
            let sums = |factors, target| {
                let gates = (&tape.d_sums[..], 0..VECTORS);
                WeightGradient::new(&self.columns, gates, factors, [target])
            };
            let previous = previous_rows(plan, run.hidden(), units, (run.state, units, 0));
            let wanted = [
                sums(
                    (Inputs::new(plan, run.inputs, inputs).of_pairs(plan), inputs),
                    of_inputs,
                ),
                sums((previous, units), of_hidden),
                sums(
                    (PairInputs::rows(vec![Source::new(&one); plan.pairs()]), 1),
                    bias.whole(),
                ),
            ];
            let parts = parts(plan.pairs(), self.spec.multiplications(), usize::MAX);
            // SAFETY: every factor points at a whole row of what it stands for.
            unsafe { weight_gradients(self.isa, plan, (&groups, parts), &wanted) };
            drop(wanted);
            // SAFETY: `wanted` has all rows of every parameter.
            parameters = unsafe { vec![kernel.finish(), bias.finish()] };
        }
        Gradients {
            // SAFETY: the pass has written the gradients of the inputs of all real steps.
            inputs: d_inputs.map(|numbers| unsafe { numbers.written() }),
            state: d_state,
            parameters,
        }
    }
}

/// The rows at some positions, through all steps.
struct ForwardPart<'a, T: Real> {
    cell: &'a Basic<T>,
    plan: &'a Plan,
    inputs: &'a Inputs<'a, T>,
    state: &'a [T],
    hidden: Hidden<'a, T>,
    share: Share<'a>,
}

impl<T: Real> Work for ForwardPart<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            cell,
            plan,
            inputs,
            state,
            hidden,
            share,
        } = self;
        let spec = &cell.spec;
        let lanes = Lanes::<S, T>::COUNT;
        let mut scratch = Sums::new();
        let mut input_rows = inputs.of_rows(plan, &share.positions);
        let mut rows_before = hidden.before(plan, &share.positions, (state, spec.units, 0));
        for step in 0..plan.steps() {
            let running = plan.running_in(step, &share.positions);
            if running.is_empty() {
                break;
            }
            let step_inputs = input_rows.of_step(plan, step, &running);
            let previous = rows_before.of_step(step, running.len());
            let factors = [
                step_inputs.times(&cell.input_weights),
                previous.times(spec.units, &cell.hidden_weights),
            ];
            let product = Product::new(&cell.columns, running.len(), &cell.bias, &factors);
            for panel in share.panels(cell.columns.count()) {
                let mut first = 0;
                while first < running.len() {
                    // SAFETY: the rows are good for as many reads as the factors say.
                    let height = unsafe { product.block(simd, panel, first, &mut scratch) };
                    let vectors = cell.columns.vectors(panel);
                    // SAFETY: the block's sums are written.
                    unsafe { scratch.activate(simd, spec.activation, height * vectors) };
                    for row in 0..height {
                        let sums = scratch.row(cell.columns.width(panel), row);
                        let offset = plan.offset(step, running.start + first + row, spec.units);
                        for (vector, slot) in cell.columns.slots(panel).iter().enumerate() {
                            // SAFETY: within the sums and this row of the outputs.
                            unsafe {
                                Lanes::<S, T>::load(simd, sums.add(vector * lanes)).store_first(
                                    hidden.outputs.at(offset + slot.column),
                                    slot.valid,
                                );
                            }
                        }
                    }
                    first += height;
                }
            }
            share.wait();
            hidden.carry(simd, plan, step, &running, &share);
        }
    }
}

/// The rows at some positions, through all steps backwards.
struct BackwardPart<'a, T: Real> {
    cell: &'a Basic<T>,
    run: &'a Backward<'a, T>,
    to_hidden: &'a (Columns, Buffer<T>),
    to_inputs: Option<&'a (Columns, Buffer<T>)>,
    /// `[panel][pair][lane]`, written here.
    d_sums: Shared<T>,
    d_inputs: Option<Shared<T>>,
    carried: Rows<T>,
    share: Share<'a>,
}

impl<T: Real> Work for BackwardPart<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            cell,
            run,
            to_hidden,
            to_inputs,
            d_sums,
            d_inputs,
            carried,
            share,
        } = self;
        let spec = &cell.spec;
        let plan = run.plan;
        let lanes = Lanes::<S, T>::COUNT;
        let zeros = Buffer::zeros(spec.units.max(spec.inputs).next_multiple_of(lanes));
        let mut gates = GateRows::new(plan, (&cell.columns, d_sums, 0));
        let carried_rows = carried.rows(&share.positions);
        let mut d_input_rows = d_inputs
            .map(|numbers| SequenceRows::new(plan, &share.positions, (numbers, spec.inputs)));
        for step in (0..plan.steps()).rev() {
            let running = plan.running_in(step, &share.positions);
            if running.is_empty() {
                continue;
            }
            for position in running.clone() {
                let pair = plan.pair(step, position);
                let offset = plan.offset(step, position, spec.units);
                let carried = carried.row(position);
                for panel in share.panels(cell.columns.count()) {
                    let width = cell.columns.width(panel);
                    let start = cell.columns.offset(panel, plan.pairs()) + pair * width;
                    for (vector, slot) in cell.columns.slots(panel).iter().enumerate() {
                        let at = offset + slot.column;
                        // SAFETY: within this row of each buffer.
                        unsafe {
                            let output = run.outputs[at..].as_ptr();
                            let output = Lanes::load_first(simd, output, slot.valid);
                            let after = Lanes::load(simd, carried.add(slot.column));
                            let sum = run.d_output(simd, (at, slot.valid), after);
                            (sum * slope(spec.activation, output))
                                .store(d_sums.at(start + vector * lanes));
                        }
                    }
                }
            }
            share.wait();
            gates.move_to(plan, step, &running);
            let (targets, packed) = to_hidden;
            let factors = gates.factors(VECTORS, packed);
            let product = Product::new(targets, running.len(), &zeros, &factors);
            let rows = &carried_rows[..running.len()];
            // SAFETY: the rows are laid out as the factors say; carried rows are padded.
            unsafe { share.store(simd, &product, Write::Padded, rows) };
            if let (Some((targets, packed)), Some(rows)) = (to_inputs, &mut d_input_rows) {
                let rows = rows.of_step(step, running.len());
                let factors = gates.factors(VECTORS, packed);
                let product = Product::new(targets, running.len(), &zeros, &factors);
                // SAFETY: as above; every row of the inputs is `F` long.
                unsafe { share.store(simd, &product, Write::Exact, rows) };
            }
            share.wait();
        }
    }
}
