//! Every fused cell against plain loops, on every instruction set that this machine has.
//!
//! The plain loops compute the forward pass only; that the backward pass is its derivative is
//! shown with central differences, in f64.

use std::num::NonZeroUsize;

use elman_kernels::{
    Activation, Backward, BasicSpec, Forward, GateNormalisation, GruSpec, HiddenMask, Isa,
    LayerNormLstmSpec, Layout, LstmSpec, MaskedHidden, Plan, Real, Spec, Wanted,
};

/// `B`, `T`, and the lengths if rows have different ones.
type Batch = (usize, usize, Option<Vec<usize>>);

/// A small generator for test data (Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    }

    fn list(&mut self, count: usize, scale: f64) -> Vec<f64> {
        (0..count).map(|_| scale * self.next()).collect()
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `[x, h] · matrix + bias`, column by column.
fn dense(x: &[f64], h: &[f64], matrix: &[f64], bias: &[f64]) -> Vec<f64> {
    let columns = bias.len();
    let rows = x.iter().chain(h).enumerate();
    let mut sums = bias.to_vec();
    for (row, value) in rows {
        for (sum, weight) in sums.iter_mut().zip(&matrix[row * columns..]) {
            *sum += value * weight;
        }
    }
    sums
}

/// `numbers` less their mean, over their deviation.
fn normalised(numbers: &[f64], epsilon: f64) -> Vec<f64> {
    let mean = |numbers: &[f64]| numbers.iter().sum::<f64>() / numbers.len() as f64;
    let middle = mean(numbers);
    let centred: Vec<f64> = numbers.iter().map(|number| number - middle).collect();
    let squares: Vec<f64> = centred.iter().map(|number| number * number).collect();
    let deviation = (mean(&squares) + epsilon).sqrt();
    centred.iter().map(|number| number / deviation).collect()
}

/// `numbers ⊙ gain`, added to `sums`.
fn add_scaled(sums: &mut [f64], numbers: &[f64], gain: &[f64]) {
    for ((sum, number), gain) in sums.iter_mut().zip(numbers).zip(gain) {
        *sum += number * gain;
    }
}

/// One step of any cell in plain code: the new state, of which the last part is the output.
fn plain_step(spec: &Spec, parameters: &[Vec<f64>], x: &[f64], state: &[f64]) -> Vec<f64> {
    match spec {
        Spec::Dense(_) => unreachable!("tests/dense.rs"),
        Spec::Basic(_) => {
            let sums = dense(x, state, &parameters[0], &parameters[1]);
            sums.into_iter().map(f64::tanh).collect()
        }
        Spec::Lstm(spec) => {
            let units = spec.units;
            let (cells, hidden) = state.split_at(units);
            let sums = dense(x, hidden, &parameters[0], &parameters[1]);
            let peepholes = (parameters.len() >= 5).then(|| &parameters[2..5]);
            let peephole =
                |which: usize, unit: usize| peepholes.map_or(0.0, |all| all[which][unit]);
            let mut next = Vec::new();
            let mut memory = Vec::new();
            for unit in 0..units {
                let sum = |gate: usize| sums[gate * units + unit];
                let old = cells[unit];
                let input = sigmoid(sum(0) + peephole(0, unit) * old);
                let forget = sigmoid(sum(2) + spec.forget_bias + peephole(1, unit) * old);
                let mut cell = old * forget + input * sum(1).tanh();
                if let Some(clip) = spec.cell_clip {
                    cell = cell.clamp(-clip, clip);
                }
                let output = sigmoid(sum(3) + peephole(2, unit) * cell);
                next.push(cell);
                memory.push(output * cell.tanh());
            }
            match spec.projection {
                None => next.extend(memory),
                Some(outputs) => {
                    let projection = &parameters[parameters.len() - 1];
                    let projected = dense(&memory, &[], projection, &vec![0.0; outputs]);
                    let clip = spec.proj_clip.unwrap_or(f64::INFINITY);
                    next.extend(projected.into_iter().map(|sum| sum.clamp(-clip, clip)));
                }
            }
            next
        }
        Spec::LayerNormLstm(spec) => {
            let units = spec.units;
            let (cells, hidden) = state.split_at(units);
            let kernel = &parameters[0];
            let zeros = vec![0.0; 4 * units];
            let mut gates = parameters[parameters.len() - 3].clone();
            match spec.gates {
                GateNormalisation::PerGate { epsilon } => {
                    let sums = dense(x, hidden, kernel, &zeros);
                    let of_gates = sums.chunks(units).map(|gate| normalised(gate, epsilon));
                    add_scaled(
                        &mut gates,
                        &of_gates.collect::<Vec<_>>().concat(),
                        &parameters[1],
                    );
                }
                GateNormalisation::PerProduct {
                    input_epsilon,
                    recurrent_epsilon,
                } => {
                    let (from_input, from_hidden) = kernel.split_at(x.len() * 4 * units);
                    let seen = normalised(&dense(x, &[], from_input, &zeros), input_epsilon);
                    let kept = dense(hidden, &[], from_hidden, &zeros);
                    add_scaled(&mut gates, &seen, &parameters[1]);
                    add_scaled(
                        &mut gates,
                        &normalised(&kept, recurrent_epsilon),
                        &parameters[2],
                    );
                }
            }
            let gate = |which: usize, unit: usize| gates[which * units + unit];
            let sums: Vec<f64> = (0..units)
                .map(|unit| {
                    let kept = cells[unit] * sigmoid(gate(2, unit) + spec.forget_bias);
                    kept + sigmoid(gate(0, unit)) * gate(1, unit).tanh()
                })
                .collect();
            let mut next = parameters[parameters.len() - 1].clone();
            let normal = normalised(&sums, spec.state_epsilon);
            add_scaled(&mut next, &normal, &parameters[parameters.len() - 2]);
            let hidden: Vec<f64> = (0..units)
                .map(|unit| sigmoid(gate(3, unit)) * next[unit].tanh())
                .collect();
            next.extend(hidden);
            next
        }
        Spec::GruBefore(_) | Spec::GruAfter(_) => {
            let units = state.len();
            let gates = dense(x, state, &parameters[0], &parameters[1]);
            let gates: Vec<f64> = gates.into_iter().map(sigmoid).collect();
            let (reset, update) = gates.split_at(units);
            let sums = match parameters.get(4) {
                None => {
                    let kept: Vec<f64> = reset.iter().zip(state).map(|(r, h)| r * h).collect();
                    dense(x, &kept, &parameters[2], &parameters[3])
                }
                Some(recurrent_bias) => {
                    let (from_input, from_hidden) = parameters[2].split_at(x.len() * units);
                    let seen = dense(x, &[], from_input, &parameters[3]);
                    let shown = dense(state, &[], from_hidden, recurrent_bias);
                    (0..units)
                        .map(|unit| seen[unit] + reset[unit] * shown[unit])
                        .collect()
                }
            };
            (0..units)
                .map(|unit| update[unit] * state[unit] + (1.0 - update[unit]) * sums[unit].tanh())
                .collect()
        }
    }
}

/// A cell, its parameters and a batch.
struct Case {
    name: String,
    spec: Spec,
    parameters: Vec<Vec<f64>>,
    plan: Plan,
    lengths: Vec<usize>,
    layout: Layout,
    inputs: Vec<f64>,
    state: Vec<f64>,
    /// Dropout of the hidden state.
    mask: Option<Vec<f64>>,
}

impl Case {
    fn new(
        spec: Spec,
        peepholes: bool,
        sizes: (usize, usize),
        lengths: Option<Vec<usize>>,
    ) -> Self {
        let (batch, time) = sizes;
        let mut numbers = Numbers(7);
        let (features, outputs) = (spec.inputs(), spec.outputs());
        let rows = features + outputs;
        let shapes = match spec {
            Spec::Dense(_) => unreachable!("tests/dense.rs"),
            Spec::Basic(spec) => vec![rows * spec.units, spec.units],
            Spec::Lstm(spec) => {
                let mut shapes = vec![rows * 4 * spec.units, 4 * spec.units];
                if peepholes {
                    shapes.extend([spec.units; 3]);
                }
                shapes.extend(spec.projection.map(|outputs| spec.units * outputs));
                shapes
            }
            Spec::LayerNormLstm(spec) => {
                let units = spec.units;
                let mut shapes = vec![rows * 4 * units, 4 * units];
                if let GateNormalisation::PerProduct { .. } = spec.gates {
                    shapes.push(4 * units);
                }
                shapes.extend([4 * units, units, units]);
                shapes
            }
            Spec::GruBefore(spec) | Spec::GruAfter(spec) => {
                let units = spec.units;
                vec![rows * 2 * units, 2 * units, rows * units, units]
            }
        };
        let mut parameters: Vec<Vec<f64>> = shapes
            .into_iter()
            .map(|count| numbers.list(count, 1.2))
            .collect();
        if let Spec::GruAfter(spec) = spec {
            parameters.push(numbers.list(spec.units, 1.2));
        }
        let layout = if batch % 2 == 0 {
            Layout::TimeMajor
        } else {
            Layout::BatchMajor
        };
        Self {
            name: format!("{spec:?} {sizes:?} {lengths:?}"),
            parameters,
            plan: match &lengths {
                None => Plan::full(layout, batch, time),
                Some(lengths) => Plan::ragged(layout, time, lengths),
            },
            lengths: lengths.unwrap_or_else(|| vec![time; batch]),
            layout,
            inputs: numbers.list(batch * time * features, 2.0),
            state: numbers.list(batch * spec.state(), 1.0),
            mask: None,
            spec,
        }
    }

    /// The same with half of the numbers of the hidden state dropped.
    fn masked(self) -> Self {
        let count = self.plan.batch() * self.plan.time() * self.spec.outputs();
        let drawn = Numbers(5).list(count, 1.0).into_iter();
        let factors = drawn.map(|number| if number < 0.0 { 0.0 } else { 2.0 });
        Self {
            name: format!("{} masked", self.name),
            mask: Some(factors.collect()),
            ..self
        }
    }

    /// The same with one-hot inputs, and here and there one that is zero.
    fn one_hot(mut self) -> Self {
        let features = self.spec.inputs();
        let places = Numbers(6).list(self.inputs.len() / features, 1.0);
        for (row, place) in self.inputs.chunks_exact_mut(features).zip(places) {
            row.fill(0.0);
            let place = ((place + 0.5) * (features + 1) as f64) as usize;
            if let Some(number) = row.get_mut(place) {
                *number = 1.0;
            }
        }
        self.name.push_str(" one-hot");
        self
    }

    /// The same with one feature more, whose weights are zero: its inputs are not one-hot.
    fn with_an_idle_feature(&self) -> Self {
        let features = self.spec.inputs();
        let mut spec = self.spec;
        match &mut spec {
            Spec::Basic(spec) => spec.inputs += 1,
            Spec::Lstm(spec) => spec.inputs += 1,
            Spec::LayerNormLstm(spec) => spec.inputs += 1,
            Spec::GruBefore(spec) | Spec::GruAfter(spec) => spec.inputs += 1,
            Spec::Dense(_) => unreachable!("tests/dense.rs"),
        }
        let rows = features + spec.outputs();
        let mut parameters = self.parameters.clone();
        for &kernel in self.kernels() {
            let columns = parameters[kernel].len() / rows;
            let place = features * columns;
            parameters[kernel].splice(place..place, vec![0.0; columns]);
        }
        let inputs = self.inputs.chunks_exact(features);
        Self {
            name: format!("{} and idle", self.name),
            spec,
            parameters,
            plan: self.plan.clone(),
            lengths: self.lengths.clone(),
            layout: self.layout,
            inputs: inputs.flat_map(|row| [row, &[0.5]].concat()).collect(),
            state: self.state.clone(),
            mask: self.mask.clone(),
        }
    }

    /// Which parameters have a row for every input.
    fn kernels(&self) -> &'static [usize] {
        match self.spec {
            Spec::GruBefore(_) | Spec::GruAfter(_) => &[0, 2],
            _ => &[0],
        }
    }

    fn all() -> Vec<Self> {
        let sizes = [(1, 1), (3, 7), (5, 16), (2, 17), (4, 20), (9, 33), (17, 65)];
        Self::each(
            &sizes,
            &[
                (1, 4, None),
                (3, 3, Some(vec![2, 0, 3])),
                (8, 2, None),
                (14, 3, Some((0..14).map(|row| row % 4).collect())),
            ],
        )
    }

    /// Enough to do for several threads, and enough pairs to sum in several groups.
    fn large() -> Vec<Self> {
        let lengths = (0..17).map(|row| 41 - 2 * row).collect();
        Self::each(&[(4, 16)], &[(17, 41, None), (17, 41, Some(lengths))])
    }

    /// Every kind of cell, of each size, for each batch.
    fn each(sizes: &[(usize, usize)], batches: &[Batch]) -> Vec<Self> {
        let mut cases = Vec::new();
        for &(features, units) in sizes {
            for (batch, time, lengths) in batches.iter().cloned() {
                let mut add = |spec, peepholes| {
                    let case = || Self::new(spec, peepholes, (batch, time), lengths.clone());
                    cases.push(case());
                    cases.push(case().masked());
                    cases.push(case().one_hot());
                };
                let activation = Activation::Tanh;
                let gru = GruSpec {
                    inputs: features,
                    units,
                    activation,
                };
                add(
                    Spec::Basic(BasicSpec {
                        inputs: features,
                        units,
                        activation,
                    }),
                    false,
                );
                add(Spec::GruBefore(gru), false);
                add(Spec::GruAfter(gru), false);
                let plain = LstmSpec {
                    inputs: features,
                    units,
                    projection: None,
                    activation,
                    forget_bias: 1.0,
                    cell_clip: None,
                    proj_clip: None,
                };
                add(Spec::Lstm(plain), false);
                add(Spec::Lstm(plain), true);
                let everything = LstmSpec {
                    projection: Some(units.div_ceil(2)),
                    cell_clip: Some(0.4),
                    proj_clip: Some(0.2),
                    ..plain
                };
                add(Spec::Lstm(everything), true);
                for gates in [
                    GateNormalisation::PerGate { epsilon: 1e-3 },
                    GateNormalisation::PerProduct {
                        input_epsilon: 1e-3,
                        recurrent_epsilon: 2e-3,
                    },
                ] {
                    let normalised = LayerNormLstmSpec {
                        inputs: features,
                        units,
                        activation,
                        forget_bias: 1.0,
                        gates,
                        state_epsilon: 1e-2,
                    };
                    add(Spec::LayerNormLstm(normalised), false);
                }
            }
        }
        cases
    }

    fn offset(&self, row: usize, step: usize, width: usize) -> usize {
        match self.layout {
            Layout::BatchMajor => (row * self.plan.time() + step) * width,
            Layout::TimeMajor => (step * self.plan.batch() + row) * width,
        }
    }

    /// Outputs and final state, by plain loops.
    fn plain(&self) -> (Vec<f64>, Vec<f64>) {
        let (features, size, width) = (self.spec.inputs(), self.spec.outputs(), self.spec.state());
        let mut outputs = vec![0.0; self.plan.batch() * self.plan.time() * size];
        let mut states = Vec::new();
        for (row, &length) in self.lengths.iter().enumerate() {
            let mut state = self.state[row * width..][..width].to_vec();
            for step in 0..length {
                let x = &self.inputs[self.offset(row, step, features)..][..features];
                state = plain_step(&self.spec, &self.parameters, x, &state);
                outputs[self.offset(row, step, size)..][..size]
                    .copy_from_slice(&state[width - size..]);
                if let Some(mask) = &self.mask {
                    let factors = &mask[self.offset(row, step, size)..][..size];
                    for (number, factor) in state[width - size..].iter_mut().zip(factors) {
                        *number *= factor;
                    }
                }
            }
            states.extend(state);
        }
        (outputs, states)
    }

    /// Outputs and final state, by the kernel, in inference (`f32` if `T` is).
    fn fused<T: Real>(&self, isa: Isa) -> (Vec<f64>, Vec<f64>) {
        let narrow = |numbers: &[f64]| -> Vec<T> {
            numbers.iter().map(|&number| T::from_f64(number)).collect()
        };
        let parameters: Vec<Vec<T>> = self.parameters.iter().map(|list| narrow(list)).collect();
        let parameters: Vec<&[T]> = parameters.iter().map(Vec::as_slice).collect();
        let size = self.plan.batch() * self.plan.time() * self.spec.outputs();
        let factors = self.mask.as_ref().map(|mask| narrow(mask));
        let mut carried = vec![T::from_f64(9.0); size];
        let mut outputs = self.spec.pack(&parameters, isa).forward(Forward {
            plan: &self.plan,
            inputs: &narrow(&self.inputs),
            state: &narrow(&self.state),
            mask: hidden_mask(factors.as_deref(), &mut carried),
        });
        let final_state = outputs.split_off(size);
        let wide = |numbers: Vec<T>| numbers.into_iter().map(T::to_f64).collect();
        (wide(outputs), wide(final_state))
    }
}

fn hidden_mask<'a, T>(factors: Option<&'a [T]>, carried: &'a mut [T]) -> Option<HiddenMask<'a, T>> {
    factors.map(|factors| HiddenMask { factors, carried })
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance,
            "{what}[{index}]: {found}, not {expected}"
        );
    }
}

/// States are of order 1 and pass through at most 4 steps of at most 82 terms of order 1: so the
/// roundings of f64 stay below 1e-13 and those of f32 below 1e-4.
const TOLERANCE: [f64; 2] = [1e-13, 1e-4];

#[test]
fn forward_is_the_plain_loop_on_every_instruction_set() {
    for case in Case::all() {
        let (outputs, states) = case.plain();
        for isa in Isa::available() {
            let (found, state) = case.fused::<f64>(isa);
            assert_close(
                &found,
                &outputs,
                TOLERANCE[0],
                &format!("{} {isa:?}", case.name),
            );
            assert_close(
                &state,
                &states,
                TOLERANCE[0],
                &format!("{} {isa:?}", case.name),
            );
            let (found, state) = case.fused::<f32>(isa);
            assert_close(
                &found,
                &outputs,
                TOLERANCE[1],
                &format!("{} {isa:?}", case.name),
            );
            assert_close(
                &state,
                &states,
                TOLERANCE[1],
                &format!("{} {isa:?}", case.name),
            );
        }
    }
}

/// Runs forward and backward with a random cotangent: the objective's gradients in the order
/// inputs, state, parameters.
fn gradients(case: &Case, isa: Isa, cotangent: &(Vec<f64>, Vec<f64>)) -> Vec<Vec<f64>> {
    let parameters: Vec<&[f64]> = case.parameters.iter().map(Vec::as_slice).collect();
    let mut carried = vec![9.0; cotangent.0.len()];
    let (outputs, tape) = case.spec.pack(&parameters, isa).forward_training(Forward {
        plan: &case.plan,
        inputs: &case.inputs,
        state: &case.state,
        mask: hidden_mask(case.mask.as_deref(), &mut carried),
    });
    let run = Backward {
        later: &[],
        unfinished: false,
        plan: &case.plan,
        inputs: &case.inputs,
        state: &case.state,
        outputs: &outputs,
        mask: case.mask.as_deref().map(|factors| MaskedHidden {
            factors,
            carried: &carried,
        }),
        d_outputs: Some(&cotangent.0),
        d_final_state: &cotangent.1,
        wanted: Wanted::Everything,
    };
    let found = tape.backward(&run, &parameters);
    let mut all = vec![
        found.inputs.expect("the inputs' gradient is wanted"),
        found.state,
    ];
    all.extend(found.parameters);
    all
}

#[test]
fn backward_is_the_derivative_of_forward() {
    let step = 1e-6;
    for mut case in Case::all() {
        let mut numbers = Numbers(11);
        let size = case.plan.batch() * case.plan.time() * case.spec.outputs();
        let cotangent = (numbers.list(size, 2.0), numbers.list(case.state.len(), 2.0));
        let objective = |case: &Case| -> f64 {
            let (outputs, states) = case.fused::<f64>(Isa::detect());
            let along = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            along(&outputs, &cotangent.0) + along(&states, &cotangent.1)
        };
        let found = gradients(&case, Isa::detect(), &cotangent);
        for (which, gradient) in found.iter().enumerate() {
            // A few places of each tensor; elman's own tests do all of them.
            for place in 0..3 {
                let index = place * (gradient.len() - 1) / 2;
                let mut at = |change: f64| {
                    let list = match which {
                        0 => &mut case.inputs,
                        1 => &mut case.state,
                        parameter => &mut case.parameters[parameter - 2],
                    };
                    let before = list[index];
                    list[index] = before + change;
                    let value = objective(&case);
                    match which {
                        0 => case.inputs[index] = before,
                        1 => case.state[index] = before,
                        parameter => case.parameters[parameter - 2][index] = before,
                    }
                    value
                };
                let expected = (at(step) - at(-step)) / (2.0 * step);
                let analytic = gradient[index];
                // Rounding of sums of order 10 over the step, and clips that the step may cross
                // (none does for these seeds).
                assert!(
                    (analytic - expected).abs() < 1e-6 * expected.abs().max(1.0),
                    "{} tensor {which} [{index}]: {analytic}, not {expected}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn instruction_sets_agree_on_gradients() {
    for case in Case::all() {
        let mut numbers = Numbers(13);
        let size = case.plan.batch() * case.plan.time() * case.spec.outputs();
        let cotangent = (numbers.list(size, 2.0), numbers.list(case.state.len(), 2.0));
        let expected = gradients(&case, Isa::Portable, &cotangent);
        for isa in Isa::available() {
            let found = gradients(&case, isa, &cotangent);
            for (which, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let what = format!("{} {isa:?} tensor {which}", case.name);
                // Sums of up to 42 terms of order 10.
                assert_close(found, expected, 1e-11, &what);
            }
        }
    }
}

/// A sequence in two segments, the last one's backward first: time major, so that each is a slice.
#[test]
fn two_segments_give_the_bits_of_the_whole() {
    let isa = Isa::detect();
    let mut count = 0;
    for case in Case::all().into_iter().chain(Case::large()) {
        // A masked sequence is not taken in segments.
        if case.layout != Layout::TimeMajor || case.plan.time() < 2 || case.mask.is_some() {
            continue;
        }
        let (batch, time) = (case.plan.batch(), case.plan.time());
        let mut numbers = Numbers(17);
        let size = batch * time * case.spec.outputs();
        let cotangent = (numbers.list(size, 2.0), numbers.list(case.state.len(), 2.0));
        let whole = gradients(&case, isa, &cotangent);
        let parameters: Vec<&[f64]> = case.parameters.iter().map(Vec::as_slice).collect();
        let mut before = case.state.clone();
        let mut segments = Vec::new();
        for steps in [0..1, 1..time] {
            let plan = case.plan.segment(steps.clone());
            let part = |width: usize| steps.start * batch * width..steps.end * batch * width;
            let inputs = &case.inputs[part(case.spec.inputs())];
            let (mut outputs, tape) = case.spec.pack(&parameters, isa).forward_training(Forward {
                plan: &plan,
                inputs,
                state: &before,
                mask: None,
            });
            let after = outputs.split_off(part(case.spec.outputs()).len());
            let d_outputs = Some(&cotangent.0[part(case.spec.outputs())]);
            segments.push((plan, inputs, before, outputs, d_outputs, tape));
            before = after;
        }
        let mut d_state = cotangent.1.clone();
        let mut later = Vec::new();
        let mut d_inputs = Vec::new();
        for (plan, inputs, state, outputs, d_outputs, tape) in segments.into_iter().rev() {
            let run = Backward {
                plan: &plan,
                inputs,
                state: &state,
                outputs: &outputs,
                mask: None,
                d_outputs,
                d_final_state: &d_state,
                later: &later,
                unfinished: d_inputs.is_empty(),
                wanted: Wanted::Everything,
            };
            let found = tape.backward(&run, &parameters);
            d_inputs.insert(0, found.inputs.expect("wanted"));
            d_state = found.state;
            later = found.parameters;
        }
        let mut cut = vec![d_inputs.concat(), d_state];
        cut.extend(later);
        assert_eq!(cut, whole, "{}", case.name);
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn rows_are_their_own_runs() {
    let isa = Isa::detect();
    for case in Case::all() {
        let (features, size, width) = (case.spec.inputs(), case.spec.outputs(), case.spec.state());
        let (outputs, states) = case.fused::<f64>(isa);
        for (row, &length) in case.lengths.iter().enumerate() {
            let mut inputs = Vec::new();
            let mut expected = Vec::new();
            let mut mask = case.mask.as_ref().map(|_| Vec::new());
            for step in 0..length {
                if let (Some(alone), Some(factors)) = (&mut mask, &case.mask) {
                    alone.extend(&factors[case.offset(row, step, size)..][..size]);
                }
                inputs.extend(&case.inputs[case.offset(row, step, features)..][..features]);
                expected.extend(&outputs[case.offset(row, step, size)..][..size]);
            }
            let alone = Case {
                name: format!("{} row {row}", case.name),
                spec: case.spec,
                parameters: case.parameters.clone(),
                plan: Plan::full(Layout::BatchMajor, 1, length),
                lengths: vec![length],
                layout: Layout::BatchMajor,
                inputs,
                state: case.state[row * width..][..width].to_vec(),
                mask,
            };
            let (found, state) = alone.fused::<f64>(isa);
            assert_eq!(found, expected, "{}", alone.name);
            assert_eq!(state, states[row * width..][..width], "{}", alone.name);
        }
    }
}

#[test]
fn one_hot_inputs_give_the_bits_of_the_product() {
    let isa = Isa::detect();
    let cases = Case::all().into_iter().chain(Case::large());
    let mut count = 0;
    // One feature is multiplied like any other.
    let gathered = |case: &Case| case.name.ends_with("one-hot") && case.spec.inputs() > 1;
    for case in cases.filter(gathered) {
        let idle = case.with_an_idle_feature();
        assert_eq!(
            case.fused::<f64>(isa),
            idle.fused::<f64>(isa),
            "{}",
            case.name
        );
        let mut numbers = Numbers(23);
        let size = case.plan.batch() * case.plan.time() * case.spec.outputs();
        let cotangent = (numbers.list(size, 2.0), numbers.list(case.state.len(), 2.0));
        let found = gradients(&case, isa, &cotangent);
        let mut expected = gradients(&idle, isa, &cotangent);
        let features = case.spec.inputs();
        for kernel in case.kernels() {
            let gradient = &mut expected[2 + kernel];
            let columns = gradient.len() / (features + 1 + case.spec.outputs());
            gradient.drain(features * columns..(features + 1) * columns);
        }
        assert_eq!(found[1..], expected[1..], "{}", case.name);
        count += 1;
    }
    assert!(count > 0);
}

/// A state that is not zero, but too small to change a sum.
#[test]
fn a_state_of_zero_gives_the_bits_of_the_product() {
    const NEARLY_ZERO: f64 = 1e-300;
    let isa = Isa::detect();
    for mut case in Case::all().into_iter().chain(Case::large()) {
        let mut numbers = Numbers(29);
        let size = case.plan.batch() * case.plan.time() * case.spec.outputs();
        let cotangent = (numbers.list(size, 2.0), numbers.list(case.state.len(), 2.0));
        let [zero, multiplied] = [0.0, NEARLY_ZERO].map(|number| {
            case.state.fill(number);
            let (outputs, state) = case.fused::<f64>(isa);
            [vec![outputs, state], gradients(&case, isa, &cotangent)].concat()
        });
        for (which, (zero, multiplied)) in zero.iter().zip(&multiplied).enumerate() {
            for (index, (zero, multiplied)) in zero.iter().zip(multiplied).enumerate() {
                // Numbers that are so near to each other are the same, or of the state alone.
                assert!(
                    (zero - multiplied).abs() < NEARLY_ZERO * 1e50,
                    "{} tensor {which} [{index}]: {zero}, not {multiplied}",
                    case.name
                );
            }
        }
    }
}

/// Only the first row has steps, so that three of the four groups of rows have none: the gradients are those of
/// this row alone, though the memory of their sums has been used before.
#[test]
fn rows_without_steps_add_nothing_to_gradients() {
    const BATCH: usize = 12;
    const TIME: usize = 400;
    let isa = Isa::detect();
    let cases = |lengths: [usize; BATCH]| {
        let cases = Case::each(&[(4, 16)], &[(BATCH, TIME, Some(lengths.to_vec()))]);
        cases.into_iter().filter(|case| case.mask.is_none())
    };
    let mut lengths = [0; BATCH];
    lengths[0] = TIME;
    for (full, ragged) in cases([TIME; BATCH]).zip(cases(lengths)) {
        let of_outputs = |case: &Case| {
            let outputs = case.plan.batch() * TIME * case.spec.outputs();
            (vec![1.0; outputs], vec![0.0; case.state.len()])
        };
        gradients(&full, isa, &of_outputs(&full));
        let found = gradients(&ragged, isa, &of_outputs(&ragged));
        let features = ragged.spec.inputs();
        let row = |step| &ragged.inputs[ragged.offset(0, step, features)..][..features];
        let alone = Case {
            name: format!("{} alone", ragged.name),
            spec: ragged.spec,
            parameters: ragged.parameters.clone(),
            plan: Plan::full(Layout::BatchMajor, 1, TIME),
            lengths: vec![TIME],
            layout: Layout::BatchMajor,
            inputs: (0..TIME).flat_map(row).copied().collect(),
            state: ragged.state[..ragged.spec.state()].to_vec(),
            mask: None,
        };
        let expected = gradients(&alone, isa, &of_outputs(&alone));
        assert_eq!(found[2..], expected[2..], "{}", ragged.name);
    }
}

#[test]
fn threads_never_matter() {
    let isa = Isa::detect();
    for case in Case::all().into_iter().chain(Case::large()) {
        let mut numbers = Numbers(19);
        let size = case.plan.batch() * case.plan.time() * case.spec.outputs();
        let cotangent = (numbers.list(size, 2.0), numbers.list(case.state.len(), 2.0));
        let mut first = None;
        for count in [1, 2, 3, 8] {
            elman_kernels::threads::set(NonZeroUsize::new(count).expect("it is not zero"));
            let found = (case.fused::<f64>(isa), gradients(&case, isa, &cotangent));
            let expected = first.get_or_insert_with(|| found.clone());
            assert!(found == *expected, "{} {count} threads", case.name);
        }
    }
}
