//! The GRU whose reset gate acts before the product: TF 1's.
//!
//! ```text
//! [reset, update] = σ([x, h] · gates_kernel + gates_bias)
//! candidate = activation([x, reset ⊙ h] · candidate_kernel + candidate_bias)
//! h' = update ⊙ h + (1 - update) ⊙ candidate
//! ```
//!
//! Cho et al. (2014), arXiv 1406.1078v3; `tf.nn.rnn_cell.GRUCell`.

mod backward;

use std::ops::Range;

use pulp::Simd;

use backward::{BackwardMemory, BackwardPart, Transposed};

use super::{GruSpec, GruWeights};
use crate::activation::Activation;
use crate::buffer::{Buffer, Shared, Source, Unwritten};
use crate::gradient::{ParameterGradient, WeightGradient, weight_gradients};
use crate::inputs::{Inputs, PairInputs};
use crate::isa::{Isa, Work};
use crate::panels::{Columns, Matrix};
use crate::product::{Product, Sums};
use crate::real::{Lanes, Real};
use crate::rows::{refill, to_read};
use crate::run::{
    Backward, Carry, Forward, Gradients, Hidden, Results, Rows, Share, d_inputs, dealt,
    finish_hidden, over_time, parts, previous_rows,
};
use crate::shape::Plan;
use crate::tile::VECTORS;

/// The gates of a unit, in the order in which TF 1 stores them.
#[derive(Clone, Copy)]
enum Gate {
    Reset,
    Update,
}

/// How many gates there are.
const GATES: usize = 2;
/// How many vectors of units share a panel of gates.
const UNIT_VECTORS: usize = VECTORS / GATES;

/// What a forward pass leaves for its backward pass.
#[derive(Debug)]
pub struct GruBeforeTape<T: Real> {
    plan: Plan,
    /// `[panel][pair][gate][vector][lane]`, after the sigmoid.
    gates: Buffer<T>,
    /// `[panel][pair][vector][lane]`, after the activation.
    candidates: Buffer<T>,
    /// `[pairs][padded H]`: `reset ⊙ h`.
    kept: Buffer<T>,
}

/// A GRU with the reset gate before the product, packed for this machine.
#[derive(Debug)]
pub struct GruBefore<T: Real> {
    spec: GruSpec,
    isa: Isa,
    lanes: usize,
    gates: Layer<T>,
    candidate: Layer<T>,
}

/// One of the two products.
#[derive(Debug)]
struct Layer<T: Real> {
    columns: Columns,
    input_weights: Buffer<T>,
    hidden_weights: Buffer<T>,
    bias: Buffer<T>,
}

impl<T: Real> Layer<T> {
    fn pack(columns: Columns, kernel: Matrix<'_, T>, bias: &[T], spec: &GruSpec) -> Self {
        let GruSpec { inputs, units, .. } = *spec;
        let bias = [Matrix {
            numbers: bias,
            columns: kernel.columns,
        }];
        Self {
            input_weights: columns.pack(&[kernel], 0..inputs),
            hidden_weights: columns.pack(&[kernel], inputs..inputs + units),
            bias: columns.pack(&bias, 0..1),
            columns,
        }
    }
}

impl<T: Real> GruBefore<T> {
    /// Packs the weights.
    ///
    /// # Panics
    ///
    /// When a slice does not have the length that `spec` asks for.
    pub fn pack(spec: GruSpec, weights: &GruWeights<'_, T>, isa: Isa) -> Self {
        weights.check(&spec);
        let units = spec.units;
        let lanes = isa.lanes::<T>();
        let (gates, candidate) = kernels(weights, units);
        let gate_columns = Columns::gated(lanes, units, UNIT_VECTORS, &[(0, 0), (0, units)]);
        let candidate_columns = Columns::plain(lanes, units);
        Self {
            gates: Layer::pack(gate_columns, gates, weights.gates_bias, &spec),
            candidate: Layer::pack(candidate_columns, candidate, weights.candidate_bias, &spec),
            spec,
            isa,
            lanes,
        }
    }

    fn padded(&self) -> usize {
        self.spec.units.next_multiple_of(self.lanes)
    }

    /// The forward pass of inference: outputs, then the final state.
    pub fn forward(&self, run: Forward<'_, T>) -> Vec<T> {
        let mut kept = Buffer::new(run.plan.batch() * self.padded());
        let memory = Memory {
            kept: Shared::new(&mut kept),
            tape: None,
        };
        self.walk(run, memory)
    }

    /// The forward pass of training: outputs, then the final state; and the tape.
    pub fn forward_training(&self, run: Forward<'_, T>) -> (Vec<T>, GruBeforeTape<T>) {
        let plan = dealt(run.plan, self.spec.multiplications());
        let pairs = plan.pairs();
        let mut tape = GruBeforeTape {
            plan,
            gates: Buffer::new(pairs * self.gates.columns.total()),
            candidates: Buffer::new(pairs * self.candidate.columns.total()),
            kept: Buffer::new(pairs * self.padded()),
        };
        let memory = Memory {
            kept: Shared::new(&mut tape.kept),
            tape: Some((
                Shared::new(&mut tape.gates),
                Shared::new(&mut tape.candidates),
            )),
        };
        let plan = &tape.plan;
        let results = self.walk(Forward { plan, ..run }, memory);
        (results, tape)
    }

    fn walk(&self, run: Forward<'_, T>, memory: Memory<T>) -> Vec<T> {
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
        let mut updates = Buffer::zeros(plan.batch() * self.padded());
        let updates = Rows::new(&mut updates, self.padded());
        over_time(plan, spec.multiplications(), |share| {
            self.isa.run(ForwardPart {
                cell: self,
                plan,
                inputs,
                state,
                hidden,
                memory,
                updates,
                share,
            });
        });
        // SAFETY: the pass has written the outputs of all real steps.
        unsafe {
            finish_hidden(plan, &hidden, state, results.final_state());
            results.written()
        }
    }

    /// The backward pass. `weights` are those that the cell was packed from; parameters' gradients
    /// come in the order of [`GruWeights`].
    pub fn backward(
        &self,
        run: &Backward<'_, T>,
        weights: &GruWeights<'_, T>,
        mut tape: GruBeforeTape<T>,
    ) -> Gradients<T> {
        let GruSpec { inputs, units, .. } = self.spec;
        let plan = &tape.plan;
        let run = &Backward { plan, ..*run };
        let (gates, candidate) = kernels(weights, units);
        let transposed = |rows: Range<usize>| Transposed {
            gates: self
                .gates
                .columns
                .pack_transposed(&[gates], rows.clone(), 0..VECTORS),
            candidate: self
                .candidate
                .columns
                .pack_transposed(&[candidate], rows, 0..VECTORS),
        };
        let to_hidden = transposed(inputs..inputs + units);
        let to_inputs = run.wanted.inputs().then(|| transposed(0..inputs));
        let mut d_inputs = d_inputs(run, inputs);
        let mut d_state = vec![T::default(); run.state.len()];
        let mut carry = Carry::new(run, 0, units, self.lanes);
        let mut d_kept = Buffer::zeros(plan.batch() * self.padded());
        let memory = BackwardMemory {
            gates: Shared::new(&mut tape.gates),
            candidates: Shared::new(&mut tape.candidates),
            d_inputs: d_inputs.as_mut().map(Unwritten::shared),
            carried: carry.rows(),
            d_kept: Rows::new(&mut d_kept, self.padded()),
        };
        over_time(plan, 2 * self.spec.multiplications(), |share| {
            self.isa.run(BackwardPart {
                cell: self,
                run,
                to_hidden: &to_hidden,
                to_inputs: to_inputs.as_ref(),
                memory,
                share,
            });
        });
        carry.finish(plan, &mut d_state);
        let parameters = if run.wanted.parameters() {
            self.parameter_gradients(run, &tape)
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

    fn parameter_gradients(&self, run: &Backward<'_, T>, tape: &GruBeforeTape<T>) -> Vec<Vec<T>> {
        let GruSpec { inputs, units, .. } = self.spec;
        let plan = run.plan;
        let one = [T::from_f64(1.0)];
        let ones = || PairInputs::rows(vec![Source::new(&one); plan.pairs()]);
        let groups = plan.groups(inputs + units);
        let gradient = |index, shape| ParameterGradient::new(run, index, groups.len(), shape);
        let mut gates_kernel = gradient(0, [inputs + units, 2 * units]);
        let mut gates_bias = gradient(1, [1, 2 * units]);
        let mut candidate_kernel = gradient(2, [inputs + units, units]);
        let mut candidate_bias = gradient(3, [1, units]);
        let [gates_inputs, gates_hidden] = gates_kernel.split(inputs);
        let [candidate_inputs, candidate_kept] = candidate_kernel.split(inputs);
        let gates = |factors, target| {
            let gates = (&tape.gates[..], 0..VECTORS);
            WeightGradient::new(&self.gates.columns, gates, factors, [target])
        };
        let candidates = |factors, target| {
            let candidates = (&tape.candidates[..], 0..VECTORS);
            WeightGradient::new(&self.candidate.columns, candidates, factors, [target])
        };
        let step_inputs = Inputs::new(plan, run.inputs, inputs).of_pairs(plan);
        let previous = previous_rows(plan, run.hidden(), units, (run.state, units, 0));
        let kept = tape.kept.chunks_exact(self.padded()).map(Source::new);
        let kept = previous.gated(kept.collect());
        let wanted = [
            gates((step_inputs.clone(), inputs), gates_inputs),
            gates((previous, units), gates_hidden),
            gates((ones(), 1), gates_bias.whole()),
            candidates((step_inputs, inputs), candidate_inputs),
            candidates((kept, units), candidate_kept),
            candidates((ones(), 1), candidate_bias.whole()),
        ];
        let parts = parts(plan.pairs(), self.spec.multiplications(), usize::MAX);
        // SAFETY: every factor points at a whole row of what it stands for.
        unsafe { weight_gradients(self.isa, plan, (&groups, parts), &wanted) };
        drop(wanted);
        let all = [gates_kernel, gates_bias, candidate_kernel, candidate_bias];
        // SAFETY: `wanted` has all rows of every parameter.
        all.map(|gradient| unsafe { gradient.finish() }).into()
    }
}

/// The two kernels: gates, candidate.
fn kernels<'a, T>(weights: &GruWeights<'a, T>, units: usize) -> (Matrix<'a, T>, Matrix<'a, T>) {
    let gates = Matrix {
        numbers: weights.gates_kernel,
        columns: 2 * units,
    };
    let candidate = Matrix {
        numbers: weights.candidate_kernel,
        columns: units,
    };
    (gates, candidate)
}

/// Where a forward pass keeps what outlives a product.
#[derive(Clone, Copy)]
struct Memory<T> {
    /// `reset ⊙ h`: in training as in the tape, else one row per position.
    kept: Shared<T>,
    /// Gates and candidates, in training.
    tape: Option<(Shared<T>, Shared<T>)>,
}

/// The rows at some positions, through all steps.
struct ForwardPart<'a, T: Real> {
    cell: &'a GruBefore<T>,
    plan: &'a Plan,
    inputs: &'a Inputs<'a, T>,
    state: &'a [T],
    hidden: Hidden<'a, T>,
    memory: Memory<T>,
    /// The update gate, from its product to the candidate's.
    updates: Rows<T>,
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
            memory,
            updates,
            share,
        } = self;
        let GruSpec {
            units, activation, ..
        } = cell.spec;
        let lanes = Lanes::<S, T>::COUNT;
        let padded = cell.padded();
        let mut scratch = Sums::new();
        let mut input_rows = inputs.of_rows(plan, &share.positions);
        let mut rows_before = hidden.before(plan, &share.positions, (state, units, 0));
        let mut kept_rows = Vec::new();
        for step in 0..plan.steps() {
            let running = plan.running_in(step, &share.positions);
            if running.is_empty() {
                break;
            }
            let step_inputs = input_rows.of_step(plan, step, &running);
            let previous = rows_before.of_step(step, running.len());
            let first_kept = match memory.tape {
                Some(_) => plan.pair(step, running.start),
                None => running.start,
            };
            // SAFETY: within the kept rows.
            let first_kept = unsafe { memory.kept.at(first_kept * padded) };
            refill(&mut kept_rows, first_kept, padded, running.len());
            // 1. Both gates, and what the reset gate keeps of the hidden state.
            let columns = &cell.gates.columns;
            let factors = [
                step_inputs.times(&cell.gates.input_weights),
                previous.times(units, &cell.gates.hidden_weights),
            ];
            let product = Product::new(columns, running.len(), &cell.gates.bias, &factors);
            for panel in share.panels(columns.count()) {
                let width = columns.width(panel);
                let unit_vectors = columns.vectors(panel) / GATES;
                let mut first = 0;
                while first < running.len() {
                    // SAFETY: the rows are good for as many reads as the factors say.
                    let height = unsafe { product.block(simd, panel, first, &mut scratch) };
                    let vectors = columns.vectors(panel);
                    // SAFETY: the block's sums are written.
                    unsafe { scratch.activate(simd, Activation::Sigmoid, height * vectors) };
                    for row in 0..height {
                        let sums = scratch.row(width, row);
                        let position = running.start + first + row;
                        for vector in 0..unit_vectors {
                            let slot = columns.slots(panel)[vector];
                            let unit = slot.column;
                            let gate_offset =
                                |gate: Gate| (gate as usize * unit_vectors + vector) * lanes;
                            // SAFETY: each row and vector has places of its own in every buffer.
                            unsafe {
                                let gate =
                                    |gate| Lanes::<S, T>::load(simd, sums.add(gate_offset(gate)));
                                let (reset, update) = (gate(Gate::Reset), gate(Gate::Update));
                                let before = previous.rows[first + row].add(unit);
                                let before = Lanes::load_first(simd, before, slot.valid);
                                (reset * before).store(kept_rows[first + row].add(unit));
                                update.store(updates.row(position).add(unit));
                                if let Some((gates, _)) = memory.tape {
                                    let start = columns.offset(panel, plan.pairs())
                                        + plan.pair(step, position) * width;
                                    reset.store(gates.at(start + gate_offset(Gate::Reset)));
                                    update.store(gates.at(start + gate_offset(Gate::Update)));
                                }
                            }
                        }
                    }
                    first += height;
                }
            }
            share.wait();
            // 2. The candidate, and the new hidden state.
            let columns = &cell.candidate.columns;
            let kept = previous.gated(to_read(&kept_rows));
            let factors = [
                step_inputs.times(&cell.candidate.input_weights),
                kept.times(units, &cell.candidate.hidden_weights),
            ];
            let product = Product::new(columns, running.len(), &cell.candidate.bias, &factors);
            for panel in share.panels(columns.count()) {
                let width = columns.width(panel);
                let mut first = 0;
                while first < running.len() {
                    // SAFETY: as above.
                    let height = unsafe { product.block(simd, panel, first, &mut scratch) };
                    let vectors = columns.vectors(panel);
                    // SAFETY: the block's sums are written.
                    unsafe { scratch.activate(simd, activation, height * vectors) };
                    for row in 0..height {
                        let sums = scratch.row(width, row);
                        let position = running.start + first + row;
                        for (vector, slot) in columns.slots(panel).iter().enumerate() {
                            let unit = slot.column;
                            // SAFETY: as above.
                            unsafe {
                                let candidate = Lanes::<S, T>::load(simd, sums.add(vector * lanes));
                                let update = Lanes::load(simd, updates.row(position).add(unit));
                                let before = previous.rows[first + row].add(unit);
                                let before = Lanes::load_first(simd, before, slot.valid);
                                let one = update.constant(1.0);
                                let after = update * before + (one - update) * candidate;
                                if let Some((_, candidates)) = memory.tape {
                                    let start = columns.offset(panel, plan.pairs())
                                        + plan.pair(step, position) * width;
                                    candidate.store(candidates.at(start + vector * lanes));
                                }
                                let offset = plan.offset(step, position, units) + unit;
                                after.store_first(hidden.outputs.at(offset), slot.valid);
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
