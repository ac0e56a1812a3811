//! A dense layer over all steps: a cell without a state, for the threads and kernels of the others.
//!
//! ```text
//! y = x · kernel + bias
//! ```
//!
//! `tf.layers.dense` without an activation.

use pulp::Simd;

use crate::buffer::{Buffer, Shared, Source, Unwritten};
use crate::gradient::{ParameterGradient, WeightGradient, weight_gradients};
use crate::inputs::{Inputs, PairInputs};
use crate::isa::{Isa, Work};
use crate::panels::{Columns, Matrix};
use crate::product::{Product, Write};
use crate::real::{Lanes, Real};
use crate::rows::{GateRows, SequenceRows};
use crate::run::{Backward, Forward, Gradients, Results, Share, d_inputs, dealt, over_time, parts};
use crate::shape::Plan;
use crate::tile::VECTORS;

/// What a dense layer computes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DenseSpec {
    /// `F`.
    pub inputs: usize,
    /// `O`.
    pub outputs: usize,
}

/// The parameters of a dense layer.
#[derive(Clone, Copy, Debug)]
pub struct DenseWeights<'a, T> {
    /// `[F, O]`.
    pub kernel: &'a [T],
    /// `[O]`.
    pub bias: &'a [T],
}

/// What a forward pass leaves for its backward pass: room for the gradients of the sums, as threads
/// deal them out.
#[derive(Debug)]
pub struct DenseTape<T: Real> {
    plan: Plan,
    d_sums: Buffer<T>,
}

/// A dense layer whose weights are packed for this machine.
#[derive(Debug)]
pub struct Dense<T: Real> {
    spec: DenseSpec,
    isa: Isa,
    columns: Columns,
    weights: Buffer<T>,
    bias: Buffer<T>,
}

impl<T: Real> Dense<T> {
    /// Those of whole vectors: few outputs take as long as a vector of them.
    fn multiplications(&self) -> usize {
        self.spec.inputs * self.columns.total()
    }

    /// Packs the weights.
    ///
    /// # Panics
    ///
    /// When a slice does not have the length that `spec` asks for.
    pub fn pack(spec: DenseSpec, weights: &DenseWeights<'_, T>, isa: Isa) -> Self {
        let DenseSpec { inputs, outputs } = spec;
        assert_eq!(weights.bias.len(), outputs);
        let columns = Columns::plain(isa.lanes::<T>(), outputs);
        let bias = [Matrix {
            numbers: weights.bias,
            columns: outputs,
        }];
        Self {
            spec,
            isa,
            weights: columns.pack(&[kernel(weights, spec)], 0..inputs),
            bias: columns.pack(&bias, 0..1),
            columns,
        }
    }

    /// The forward pass of inference: the outputs.
    pub fn forward(&self, run: Forward<'_, T>) -> Vec<T> {
        let DenseSpec { inputs, outputs } = self.spec;
        let mut results = Results::new(&run, inputs, outputs, 0);
        let plan = run.plan;
        let inputs = &Inputs::new(plan, run.inputs, inputs);
        let shared = results.outputs();
        over_time(plan, self.multiplications(), |share| {
            self.isa.run(ForwardPart {
                cell: self,
                plan,
                inputs,
                outputs: shared,
                share,
            });
        });
        // SAFETY: the pass has written the outputs of all real steps; there is no state.
        unsafe { results.written() }
    }

    /// The forward pass of training: the outputs; and the tape.
    pub fn forward_training(&self, run: Forward<'_, T>) -> (Vec<T>, DenseTape<T>) {
        let plan = dealt(run.plan, self.multiplications());
        let d_sums = Buffer::new(plan.pairs() * self.columns.total());
        let results = self.forward(Forward { plan: &plan, ..run });
        (results, DenseTape { plan, d_sums })
    }

    /// The backward pass. `weights` are those that the layer was packed from; parameters' gradients
    /// come in the order kernel, bias.
    pub fn backward(
        &self,
        run: &Backward<'_, T>,
        weights: &DenseWeights<'_, T>,
        mut tape: DenseTape<T>,
    ) -> Gradients<T> {
        let DenseSpec { inputs, outputs } = self.spec;
        let plan = &tape.plan;
        let run = &Backward { plan, ..*run };
        let to_inputs = run.wanted.inputs().then(|| {
            let kernel = [kernel(weights, self.spec)];
            self.columns.pack_transposed(&kernel, 0..inputs, 0..VECTORS)
        });
        let mut d_inputs = d_inputs(run, inputs);
        let d_sums = Shared::new(&mut tape.d_sums);
        let d_inputs_shared = d_inputs.as_mut().map(Unwritten::shared);
        over_time(plan, self.multiplications(), |share| {
            self.isa.run(BackwardPart {
                cell: self,
                run,
                to_inputs: to_inputs.as_ref(),
                d_sums,
                d_inputs: d_inputs_shared,
                share,
            });
        });
        let mut parameters = Vec::new();
        if run.wanted.parameters() {
            let one = [T::from_f64(1.0)];
            let groups = plan.groups(inputs);
            let gradient = |index, shape| ParameterGradient::new(run, index, groups.len(), shape);
            let mut kernel = gradient(0, [inputs, outputs]);
            let mut bias = gradient(1, [1, outputs]);
            let sums = |factors, target| {
                let gates = (&tape.d_sums[..], 0..VECTORS);
                WeightGradient::new(&self.columns, gates, factors, [target])
            };
            let of_inputs = Inputs::new(plan, run.inputs, inputs).of_pairs(plan);
            let ones = PairInputs::rows(vec![Source::new(&one); plan.pairs()]);
            let wanted = [
                sums((of_inputs, inputs), kernel.whole()),
                sums((ones, 1), bias.whole()),
            ];
            let parts = parts(plan.pairs(), self.multiplications(), usize::MAX);
            // SAFETY: every factor points at a whole row of what it stands for.
            unsafe { weight_gradients(self.isa, plan, (&groups, parts), &wanted) };
            drop(wanted);
            // SAFETY: `wanted` has all rows of every parameter.
            parameters = unsafe { vec![kernel.finish(), bias.finish()] };
        }
        Gradients {
            // SAFETY: the pass has written the gradients of the inputs of all real steps.
            inputs: d_inputs.map(|numbers| unsafe { numbers.written() }),
            state: Vec::new(),
            parameters,
        }
    }
}

/// The kernel, to be packed.
fn kernel<'a, T>(weights: &DenseWeights<'a, T>, spec: DenseSpec) -> Matrix<'a, T> {
    assert_eq!(weights.kernel.len(), spec.inputs * spec.outputs);
    Matrix {
        numbers: weights.kernel,
        columns: spec.outputs,
    }
}

/// The rows at some positions, through all steps.
struct ForwardPart<'a, T: Real> {
    cell: &'a Dense<T>,
    plan: &'a Plan,
    inputs: &'a Inputs<'a, T>,
    outputs: Shared<T>,
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
            outputs,
            share,
        } = self;
        let mut input_rows = inputs.of_rows(plan, &share.positions);
        let outputs = (outputs, cell.spec.outputs);
        let mut output_rows = SequenceRows::new(plan, &share.positions, outputs);
        for step in 0..plan.steps() {
            let running = plan.running_in(step, &share.positions);
            if running.is_empty() {
                break;
            }
            let step_inputs = input_rows.of_step(plan, step, &running);
            let factors = [step_inputs.times(&cell.weights)];
            let product = Product::new(&cell.columns, running.len(), &cell.bias, &factors);
            let rows = output_rows.of_step(step, running.len());
            // SAFETY: the rows are good for as many reads as the factor says; every row of the
            // outputs is `O` long.
            unsafe { share.store(simd, &product, Write::Exact, rows) };
        }
    }
}

/// The gradients of the sums, and of the inputs, at some positions.
struct BackwardPart<'a, T: Real> {
    cell: &'a Dense<T>,
    run: &'a Backward<'a, T>,
    to_inputs: Option<&'a (Columns, Buffer<T>)>,
    /// `[panel][pair][vector][lane]`, written here.
    d_sums: Shared<T>,
    d_inputs: Option<Shared<T>>,
    share: Share<'a>,
}

impl<T: Real> Work for BackwardPart<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            cell,
            run,
            to_inputs,
            d_sums,
            d_inputs,
            share,
        } = self;
        let DenseSpec { inputs, outputs } = cell.spec;
        let plan = run.plan;
        let lanes = Lanes::<S, T>::COUNT;
        let zero = Lanes::splat(simd, T::default());
        let zeros = Buffer::zeros(inputs.next_multiple_of(lanes));
        let mut gates = GateRows::new(plan, (&cell.columns, d_sums, 0));
        let mut d_input_rows =
            d_inputs.map(|numbers| SequenceRows::new(plan, &share.positions, (numbers, inputs)));
        for step in 0..plan.steps() {
            let running = plan.running_in(step, &share.positions);
            if running.is_empty() {
                break;
            }
            for position in running.clone() {
                let pair = plan.pair(step, position);
                let offset = plan.offset(step, position, outputs);
                for panel in share.panels(cell.columns.count()) {
                    let width = cell.columns.width(panel);
                    let start = cell.columns.offset(panel, plan.pairs()) + pair * width;
                    for (vector, slot) in cell.columns.slots(panel).iter().enumerate() {
                        // SAFETY: within this row of each buffer.
                        unsafe {
                            let at = (offset + slot.column, slot.valid);
                            run.d_output(simd, at, zero)
                                .store(d_sums.at(start + vector * lanes));
                        }
                    }
                }
            }
            share.wait();
            if let (Some((targets, packed)), Some(rows)) = (to_inputs, &mut d_input_rows) {
                gates.move_to(plan, step, &running);
                let factors = gates.factors(VECTORS, packed);
                let product = Product::new(targets, running.len(), &zeros, &factors);
                let rows = rows.of_step(step, running.len());
                // SAFETY: the rows are laid out as the factors say; every row of the inputs is `F`
                // long.
                unsafe { share.store(simd, &product, Write::Exact, rows) };
            }
            share.wait();
        }
    }
}
