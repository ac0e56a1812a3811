//! The fused LSTM with layer normalisation: a whole sequence forward and backward.
//!
//! ```text
//! norm(s) = (s - mean(s)) / √(variance(s) + epsilon)              over the units of one row
//!
//! [i, j, f, o] = gain ⊙ norm([x, h] · kernel) + shift             each gate apart, or:
//! [i, j, f, o] = gain_x ⊙ norm(x · kernel_x) + gain_h ⊙ norm(h · kernel_h) + shift
//!                                                                 all gates together
//! c' = state_gain ⊙ norm(c ⊙ σ(f + forget_bias) + σ(i) ⊙ activation(j)) + state_shift
//! h' = σ(o) ⊙ activation(c')
//! ```
//!
//! Ba, Kiros and Hinton (2016), "Layer Normalization", arXiv 1607.06450;
//! `tf.contrib.rnn.LayerNormBasicLSTMCell` and TensorFlow Addons' `LayerNormLSTMCell`.
//!
//! What is normalised are the sums of one product with the first form, of two with the second: the
//! number of these sources is the constant `N` of the loops over time. Means are of one row, taken
//! in the order of its units, so that a row does not depend on those beside it.

#![allow(
    clippy::needless_range_loop,
    reason = "counted loops over registers read like the sums they are"
)]

mod backward;
mod forward;

use backward::{BackwardMemory, BackwardPart};
use forward::{ForwardPart, TapeMemory};

use pulp::Simd;

use crate::activation::Activation;
use crate::buffer::{Buffer, Shared, Source, Unwritten};
use crate::gradient::{ParameterGradient, WeightGradient, weight_gradients};
use crate::inputs::{Inputs, PairInputs};
use crate::isa::Isa;
use crate::panels::{Columns, Matrix};
use crate::real::{Lanes, Real};
use crate::run::{
    Backward, Carry, Forward, Gradients, Hidden, Results, d_inputs, dealt, over_time, parts,
    previous_rows,
};
use crate::shape::Plan;
use crate::tile::VECTORS;

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

/// How many rows are normalised side by side: one row's means are chains of operations that wait
/// for each other.
const ROWS: usize = 6;

/// What of the gates is normalised, and what is added to the variances.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum GateNormalisation {
    /// The sum of each gate apart.
    PerGate {
        /// Of every gate.
        epsilon: f64,
    },
    /// The products of the inputs and of the hidden state apart, each over all gates together.
    PerProduct {
        /// Of the inputs' product.
        input_epsilon: f64,
        /// Of the hidden state's product.
        recurrent_epsilon: f64,
    },
}

/// What an LSTM with layer normalisation computes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LayerNormLstmSpec {
    /// `F`.
    pub inputs: usize,
    /// `H`.
    pub units: usize,
    /// For the candidate and for the cell's output.
    pub activation: Activation,
    /// Added to the forget gate's normalised sum.
    pub forget_bias: f64,
    /// What of the gates is normalised.
    pub gates: GateNormalisation,
    /// Added to the variance of the new cell.
    pub state_epsilon: f64,
}

impl LayerNormLstmSpec {
    /// `S`: `c`, then `h`.
    pub fn state(&self) -> usize {
        2 * self.units
    }

    /// How many products are normalised.
    fn sources(&self) -> usize {
        match self.gates {
            GateNormalisation::PerGate { .. } => 1,
            GateNormalisation::PerProduct { .. } => 2,
        }
    }

    /// What is added to the variances of each source.
    fn epsilons(&self) -> [f64; 2] {
        match self.gates {
            GateNormalisation::PerGate { epsilon } => [epsilon; 2],
            GateNormalisation::PerProduct {
                input_epsilon,
                recurrent_epsilon,
            } => [input_epsilon, recurrent_epsilon],
        }
    }

    /// How many numbers a tape and its backward pass keep of every pair, if a row of the units is
    /// `padded` numbers.
    pub(crate) fn tape(&self, padded: usize) -> usize {
        let sources = self.sources();
        // Sums' gradients and normalised sums of each source, the gates' gradients; the cell's two.
        let vectors = (2 * sources + 1) * GATES + 2;
        vectors * padded + sources * GATES + 1
    }

    /// Multiply-adds of one step of one row.
    fn multiplications(&self) -> usize {
        GATES * self.units * (self.inputs + self.units)
    }
}

/// The parameters of an LSTM with layer normalisation.
#[derive(Clone, Copy, Debug)]
pub struct LayerNormLstmWeights<'a, T> {
    /// `[F+H, 4H]`: i, j, f, o.
    pub kernel: &'a [T],
    /// `[4H]`: of the gates, or of the inputs' product.
    pub gain: &'a [T],
    /// `[4H]`: of the hidden state's product, if that is normalised apart.
    pub recurrent_gain: Option<&'a [T]>,
    /// `[4H]`: of the gates, or all that is added to both products.
    pub shift: &'a [T],
    /// `[H]`.
    pub state_gain: &'a [T],
    /// `[H]`.
    pub state_shift: &'a [T],
}

/// What a forward pass leaves for its backward pass.
#[derive(Debug)]
pub struct LayerNormLstmTape<T: Real> {
    plan: Plan,
    /// `[panel][pair][gate][lane]`, after their nonlinearities.
    gates: Buffer<T>,
    /// The same of the normalised sums of each source, before gain and shift.
    normal: Vec<Buffer<T>>,
    /// `[panel of four vectors][pair][vector][lane]`: the normalised cells, before gain and shift.
    states: Buffer<T>,
    /// `[pair][N · 4 + 1]`: one over the deviation of every source's gates, and of the cell.
    scales: Buffer<T>,
}

/// An LSTM with layer normalisation whose weights are packed for this machine.
#[derive(Debug)]
pub struct LayerNormLstm<T: Real> {
    spec: LayerNormLstmSpec,
    isa: Isa,
    lanes: usize,
    columns: Columns,
    /// One number a unit, for the sums over all pairs of what belongs to the cell.
    state_columns: Columns,
    input_weights: Buffer<T>,
    hidden_weights: Buffer<T>,
    /// `[panel][gate][lane]` of each source.
    gains: Vec<Buffer<T>>,
    /// `[panel][gate][lane]`.
    shift: Buffer<T>,
    /// `[padded H]`.
    state_gain: Buffer<T>,
    /// `[padded H]`.
    state_shift: Buffer<T>,
    /// `[padded H]`: one for a unit, zero in the padding, which means must not count.
    real: Buffer<T>,
}

impl<T: Real> LayerNormLstm<T> {
    /// Packs the weights.
    ///
    /// # Panics
    ///
    /// When a slice does not have the length that `spec` asks for.
    pub fn pack(spec: LayerNormLstmSpec, weights: &LayerNormLstmWeights<'_, T>, isa: Isa) -> Self {
        let LayerNormLstmSpec { inputs, units, .. } = spec;
        assert_eq!(weights.kernel.len(), (inputs + units) * GATES * units);
        let gains = gains(weights);
        assert_eq!(gains.len(), spec.sources());
        for vector in gains.iter().copied().chain([weights.shift]) {
            assert_eq!(vector.len(), GATES * units);
        }
        let lanes = isa.lanes::<T>();
        let gates: Vec<_> = (0..GATES).map(|gate| (0, gate * units)).collect();
        let columns = Columns::gated(lanes, units, 1, &gates);
        let packed = |numbers: &[T], rows| {
            let matrix = Matrix {
                numbers,
                columns: GATES * units,
            };
            columns.pack(&[matrix], rows)
        };
        let mut shift = weights.shift.to_vec();
        for forget in &mut shift[Gate::Forget as usize * units..][..units] {
            *forget = T::from_f64(forget.to_f64() + spec.forget_bias);
        }
        let padded = |numbers: &[T]| {
            let mut row = Buffer::zeros(units.next_multiple_of(lanes));
            row[..units].copy_from_slice(numbers);
            row
        };
        Self {
            spec,
            isa,
            lanes,
            input_weights: packed(weights.kernel, 0..inputs),
            hidden_weights: packed(weights.kernel, inputs..inputs + units),
            gains: gains.iter().map(|gain| packed(gain, 0..1)).collect(),
            shift: packed(&shift, 0..1),
            state_gain: padded(weights.state_gain),
            state_shift: padded(weights.state_shift),
            real: padded(&vec![T::from_f64(1.0); units]),
            state_columns: Columns::plain(lanes, units),
            columns,
        }
    }

    /// What the cell computes.
    pub fn spec(&self) -> &LayerNormLstmSpec {
        &self.spec
    }

    fn padded(&self) -> usize {
        self.spec.units.next_multiple_of(self.lanes)
    }

    /// Where vector `vector` of the cell of `pair` stands, among as many pairs as there are.
    #[inline(always)]
    fn state_place(&self, vector: usize, (pair, pairs): (usize, usize)) -> usize {
        let columns = &self.state_columns;
        let panel = vector / VECTORS;
        let start = columns.offset(panel, pairs) + pair * columns.width(panel);
        start + vector % VECTORS * self.lanes
    }

    /// The forward pass of inference: outputs, then the final state.
    pub fn forward(&self, run: Forward<'_, T>) -> Vec<T> {
        match self.spec.gates {
            GateNormalisation::PerGate { .. } => self.walk::<1>(run, None),
            GateNormalisation::PerProduct { .. } => self.walk::<2>(run, None),
        }
    }

    /// The forward pass of training: outputs, then the final state; and the tape.
    pub fn forward_training(&self, run: Forward<'_, T>) -> (Vec<T>, LayerNormLstmTape<T>) {
        let plan = dealt(run.plan, self.spec.multiplications());
        let run = Forward { plan: &plan, ..run };
        let pairs = plan.pairs();
        let gates = || Buffer::new(pairs * self.columns.total());
        let sources = self.spec.sources();
        let mut tape = LayerNormLstmTape {
            plan: plan.clone(),
            gates: gates(),
            normal: (0..sources).map(|_| gates()).collect(),
            states: Buffer::new(pairs * self.state_columns.total()),
            scales: Buffer::new(pairs * (sources * GATES + 1)),
        };
        let results = match self.spec.gates {
            GateNormalisation::PerGate { .. } => self.walk::<1>(run, Some(&mut tape)),
            GateNormalisation::PerProduct { .. } => self.walk::<2>(run, Some(&mut tape)),
        };
        (results, tape)
    }

    fn walk<const N: usize>(
        &self,
        run: Forward<'_, T>,
        tape: Option<&mut LayerNormLstmTape<T>>,
    ) -> Vec<T> {
        let spec = &self.spec;
        let (units, padded) = (spec.units, self.padded());
        let mut results = Results::new(&run, spec.inputs, units, spec.state());
        let Forward {
            plan,
            inputs,
            state,
            mut mask,
        } = run;
        let inputs = &Inputs::new(plan, inputs, self.spec.inputs);
        let mut cells = Buffer::zeros(plan.batch() * padded);
        for (position, cell) in cells.chunks_exact_mut(padded).enumerate() {
            let row = plan.row(position) * spec.state();
            cell[..units].copy_from_slice(&state[row..row + units]);
        }
        let mut sums = Buffer::new(N * plan.batch() * self.columns.total());
        let tape = tape.map(|tape| TapeMemory::<T, N> {
            gates: Shared::new(&mut tape.gates),
            normal: shared(&mut tape.normal),
            states: Shared::new(&mut tape.states),
            scales: Shared::new(&mut tape.scales),
        });
        let (shared_cells, shared_sums) = (Shared::new(&mut cells), Shared::new(&mut sums));
        let hidden = Hidden::new(results.outputs(), mask.as_mut(), units);
        over_time(plan, spec.multiplications(), |share| {
            self.isa.run(ForwardPart {
                cell: self,
                plan,
                inputs,
                state,
                hidden,
                cells: shared_cells,
                sums: shared_sums,
                tape,
                share,
            });
        });
        let final_state = results.final_state();
        for (position, cell) in cells.chunks_exact(padded).enumerate() {
            let row = plan.row(position) * spec.state();
            let last_hidden = match plan.length(position).checked_sub(1) {
                None => state[row + units..].as_ptr(),
                // SAFETY: the outputs have a row for every step.
                Some(last) => unsafe { hidden.carried().at(plan.offset(last, position, units)) },
            };
            // SAFETY: every row of the final state is `2H` long; nobody else writes it now.
            unsafe {
                final_state
                    .at(row)
                    .copy_from_nonoverlapping(cell.as_ptr(), units);
                final_state
                    .at(row + units)
                    .copy_from_nonoverlapping(last_hidden, units);
            }
        }
        // SAFETY: the pass has written the outputs of all real steps.
        unsafe { results.written() }
    }

    /// The backward pass. `weights` are those that the cell was packed from.
    ///
    /// Parameters' gradients come in the order kernel, gain, gain of the hidden state's product (if
    /// there is one), shift, `state_gain`, `state_shift`.
    pub fn backward(
        &self,
        run: &Backward<'_, T>,
        weights: &LayerNormLstmWeights<'_, T>,
        tape: LayerNormLstmTape<T>,
    ) -> Gradients<T> {
        match self.spec.gates {
            GateNormalisation::PerGate { .. } => self.walk_back::<1>(run, weights, tape),
            GateNormalisation::PerProduct { .. } => self.walk_back::<2>(run, weights, tape),
        }
    }

    fn walk_back<const N: usize>(
        &self,
        run: &Backward<'_, T>,
        weights: &LayerNormLstmWeights<'_, T>,
        tape: LayerNormLstmTape<T>,
    ) -> Gradients<T> {
        let LayerNormLstmSpec { inputs, units, .. } = self.spec;
        let LayerNormLstmTape {
            plan,
            gates,
            mut normal,
            mut states,
            scales,
        } = tape;
        let plan = &plan;
        let run = &Backward { plan, ..*run };
        let wanted = run.wanted;
        let kernel = [Matrix {
            numbers: weights.kernel,
            columns: GATES * units,
        }];
        let transposed = |rows| self.columns.pack_transposed(&kernel, rows, 0..GATES);
        let to_hidden = transposed(inputs..inputs + units);
        let to_inputs = wanted.inputs().then(|| transposed(0..inputs));
        let mut d_inputs = d_inputs(run, inputs);
        let mut d_state = vec![T::default(); run.state.len()];
        let mut d_cell = Carry::new(run, 0, units, self.lanes);
        let mut d_hidden = Carry::new(run, units, units, self.lanes);
        // The first source's take the place of the gates.
        let mut d_sums = vec![gates];
        d_sums.resize_with(N, || Buffer::new(plan.pairs() * self.columns.total()));
        let mut d_gates = Buffer::new(plan.pairs() * self.columns.total());
        let mut d_states = Buffer::new(states.len());
        let memory = BackwardMemory::<T, N> {
            d_sums: shared(&mut d_sums),
            normal: shared(&mut normal),
            states: Shared::new(&mut states),
            scales: Source::new(&scales),
            d_gates: Shared::new(&mut d_gates),
            d_states: Shared::new(&mut d_states),
            d_inputs: d_inputs.as_mut().map(Unwritten::shared),
            d_cell: d_cell.rows(),
            d_hidden: d_hidden.rows(),
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
        d_cell.finish(plan, &mut d_state);
        d_hidden.finish(plan, &mut d_state);
        let parameters = match wanted.parameters() {
            true => self.parameter_gradients(run, &d_sums, &normal, [&d_gates, &states, &d_states]),
            false => Vec::new(),
        };
        Gradients {
            // SAFETY: the pass has written the gradients of the inputs of all real steps.
            inputs: d_inputs.map(|numbers| unsafe { numbers.written() }),
            state: d_state,
            parameters,
        }
    }

    /// From the gradients of every source's sums, and the pairs' shares of the gradients of the
    /// gains, of shift, `state_gain` and `state_shift`.
    fn parameter_gradients(
        &self,
        run: &Backward<'_, T>,
        d_sums: &[Buffer<T>],
        d_gains: &[Buffer<T>],
        [d_shift, d_state_gain, d_state_shift]: [&Buffer<T>; 3],
    ) -> Vec<Vec<T>> {
        let LayerNormLstmSpec { inputs, units, .. } = self.spec;
        let (plan, width) = (run.plan, GATES * units);
        let one = [T::from_f64(1.0)];
        let ones = || PairInputs::rows(vec![Source::new(&one); plan.pairs()]);
        let vectors = d_gains.len() + 1;
        let groups = plan.groups(inputs + units);
        let gradient = |index, shape| ParameterGradient::new(run, index, groups.len(), shape);
        let mut kernel = gradient(0, [inputs + units, width]);
        let of_gates = (1..=vectors).map(|index| gradient(index, [1, width]));
        let of_state = (1..=2).map(|of_state| gradient(vectors + of_state, [1, units]));
        let mut vectors: Vec<_> = of_gates.chain(of_state).collect();
        let of_gates = |shares, factors, target| {
            WeightGradient::new(&self.columns, (shares, 0..GATES), factors, [target])
        };
        let of_state = |shares, target| {
            let shares = (shares, 0..usize::MAX);
            WeightGradient::new(&self.state_columns, shares, (ones(), 1), [target])
        };
        let previous = previous_rows(plan, run.hidden(), units, (run.state, 2 * units, units));
        let recurrent = &d_sums[d_sums.len() - 1];
        let mut targets = vectors.iter_mut().map(ParameterGradient::whole);
        let mut next = || targets.next().expect("one for each parameter");
        let [of_inputs, of_hidden] = kernel.split(inputs);
        let of_inputs = of_gates(
            &d_sums[0],
            (Inputs::new(plan, run.inputs, inputs).of_pairs(plan), inputs),
            of_inputs,
        );
        let mut wanted = vec![of_inputs, of_gates(recurrent, (previous, units), of_hidden)];
        for shares in d_gains.iter().chain([d_shift]) {
            wanted.push(of_gates(shares, (ones(), 1), next()));
        }
        for shares in [d_state_gain, d_state_shift] {
            wanted.push(of_state(shares, next()));
        }
        let parts = parts(plan.pairs(), self.spec.multiplications(), usize::MAX);
        // SAFETY: every factor points at a whole row of what it stands for.
        unsafe { weight_gradients(self.isa, plan, (&groups, parts), &wanted) };
        drop(wanted);
        let all = std::iter::once(kernel).chain(vectors);
        // SAFETY: `wanted` has all rows of every parameter.
        all.map(|gradient| unsafe { gradient.finish() }).collect()
    }
}

/// The gain of each source.
fn gains<'a, T>(weights: &LayerNormLstmWeights<'a, T>) -> Vec<&'a [T]> {
    let mut gains = vec![weights.gain];
    gains.extend(weights.recurrent_gain);
    gains
}

/// Pointers to each source's buffer.
fn shared<T: Real, const N: usize>(buffers: &mut [Buffer<T>]) -> [Shared<T>; N] {
    std::array::from_fn(|source| Shared::new(&mut buffers[source]))
}

/// The mean of `count` numbers with this sum.
#[inline(always)]
fn mean<S: Simd, T: Real>(sum: Lanes<S, T>, count: usize) -> T {
    T::from_f64(sum.sum().to_f64() / count as f64)
}

/// For each gate the mean over what is normalised together: its own sum, or those of all gates.
#[inline(always)]
fn means<S: Simd, T: Real, const N: usize>(sums: [Lanes<S, T>; GATES], units: usize) -> [T; GATES] {
    if const { N > 1 } {
        let all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        return [mean(all, GATES * units); GATES];
    }
    let mut means = [T::default(); GATES];
    for (one, sum) in means.iter_mut().zip(sums) {
        *one = mean(sum, units);
    }
    means
}

/// One over the deviation.
#[inline(always)]
fn scale<T: Real>(variance: T, epsilon: f64) -> T {
    T::from_f64(1.0 / (variance.to_f64() + epsilon).sqrt())
}
