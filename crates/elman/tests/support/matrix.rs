//! Cells × wrappers × drivers: every wrapper around every cell, by every driver, generated.
//!
//! A cell is one line of [`cells`], a wrapper one of [`wrappers`], a driver one of [`drivers`].

use std::num::NonZeroUsize;

use burn::module::Module;
use burn::tensor::{Bool, DType, Device, Tensor, TensorData};
use elman::activation::Activation;
use elman::cell::{
    BasicRnnCellConfig, Cell, CoupledLstmCellConfig, GruCellConfig, IndRnnCellConfig,
    LayerNormLstmCellConfig, Layout, Lengths, LstmCellConfig, MinGruCellConfig, MinLstmCellConfig,
    NasCellConfig, Path, ResetGate, SruCellConfig, State, UgrnnCellConfig,
};
use elman::random::Seed;
use elman::unroll::{
    LoopStart, LoopTurn, Stream, UnrollOptions, bidirectional_dynamic_rnn, raw_rnn,
    reverse_sequence,
};
use elman::wrapper::{
    AnyCell, AnyState, DeviceWrapper, DropoutConfig, EmbeddingConfig, HighwayConfig, Masks,
    MultiRnnCell, Noise, ProjectionConfig, ResidualWrapper, StateFilter, ZoneoutConfig,
};

use crate::compare::relative_difference;
use crate::leaves::{Driver, Leaf, Run, Setup, random_cotangents, random_leaves, randomised};
use crate::specimen::{Named, assert_same_bits};

/// A cell that reads and shows so many features.
type Cells = Vec<(&'static str, fn(usize, usize, DType, Seed) -> AnyCell)>;
/// A wrapper around cells that it builds itself, by the sizes that it needs.
type Wrappers = Vec<(&'static str, Traits, fn(&Plan) -> AnyCell)>;

fn cells() -> Cells {
    vec![
        ("basic", |inputs, outputs, dtype, seed| {
            let config = BasicRnnCellConfig::new(inputs, outputs).with_dtype(dtype);
            config.init(seed, &Device::flex()).into()
        }),
        ("lstm", |inputs, outputs, dtype, seed| {
            let config = LstmCellConfig::new(inputs, outputs).with_dtype(dtype);
            config.init(seed, &Device::flex()).into()
        }),
        ("lstm, everything", |inputs, outputs, dtype, seed| {
            let config = LstmCellConfig::new(inputs, outputs + 1).with_dtype(dtype);
            let config = config.with_peepholes().with_num_proj(outputs);
            let config = config.with_cell_clip(0.9).with_proj_clip(0.7);
            config.init(seed, &Device::flex()).into()
        }),
        ("gru", |inputs, outputs, dtype, seed| {
            let config = GruCellConfig::new(inputs, outputs).with_dtype(dtype);
            config.init(seed, &Device::flex()).into()
        }),
        ("gru, reset after", |inputs, outputs, dtype, seed| {
            let config = GruCellConfig::new(inputs, outputs).with_dtype(dtype);
            let config = config.with_reset_gate(ResetGate::AfterProduct);
            config.init(seed, &Device::flex()).into()
        }),
        ("layer norm lstm", |inputs, outputs, dtype, seed| {
            let config = LayerNormLstmCellConfig::new(inputs, outputs).with_dtype(dtype);
            config.init(seed, &Device::flex()).into()
        }),
        ("nas", |inputs, outputs, dtype, seed| {
            let config = NasCellConfig::new(inputs, outputs).with_dtype(dtype);
            config.init(seed, &Device::flex()).into()
        }),
        ("coupled lstm", |inputs, outputs, dtype, seed| {
            let config = CoupledLstmCellConfig::new(inputs, outputs).with_dtype(dtype);
            config.init(seed, &Device::flex()).into()
        }),
        ("ugrnn", |inputs, outputs, dtype, seed| {
            let config = UgrnnCellConfig::new(inputs, outputs).with_dtype(dtype);
            config.init(seed, &Device::flex()).into()
        }),
        ("indrnn", |inputs, outputs, dtype, seed| {
            let config = IndRnnCellConfig::new(inputs, outputs).with_dtype(dtype);
            config.init(seed, &Device::flex()).into()
        }),
        ("sru", |inputs, outputs, dtype, seed| {
            let config = SruCellConfig::new(inputs, outputs).with_dtype(dtype);
            config.init(seed, &Device::flex()).into()
        }),
        ("minimal gru", |inputs, outputs, dtype, seed| {
            let config = MinGruCellConfig::new(inputs, outputs).with_dtype(dtype);
            config.init(seed, &Device::flex()).into()
        }),
        ("minimal lstm", |inputs, outputs, dtype, seed| {
            let config = MinLstmCellConfig::new(inputs, outputs).with_dtype(dtype);
            config.init(seed, &Device::flex()).into()
        }),
    ]
}

fn wrappers() -> Wrappers {
    vec![
        ("nothing", Traits::NONE, |plan| {
            plan.cell("cell", plan.inputs, plan.units)
        }),
        ("stack", Traits::NONE, |plan| {
            let bottom = plan.cell("bottom", plan.inputs, plan.units);
            stack(vec![bottom, plan.cell("top", plan.units, plan.units + 1)])
        }),
        ("dropout of inputs and outputs", Traits::ROWS, |plan| {
            let config = dropout()
                .with_input_keep_prob(0.6)
                .with_output_keep_prob(0.7);
            plan.dropped(&config, plan.cell("cell", plan.inputs, plan.units))
        }),
        ("variational dropout per row", Traits::ROWS, |plan| {
            let config = dropout()
                .with_input_keep_prob(0.6)
                .with_output_keep_prob(0.7);
            let config = config.with_state_keep_prob(0.6).with_masks(Masks::PerRow);
            plan.dropped(&config, plan.cell("cell", plan.inputs, plan.units))
        }),
        ("variational dropout of TF 1", Traits::NONE, |plan| {
            let config = dropout()
                .with_input_keep_prob(0.6)
                .with_output_keep_prob(0.7);
            let config = config.with_state_keep_prob(0.6).with_masks(Masks::Shared);
            plan.dropped(&config, plan.cell("cell", plan.inputs, plan.units))
        }),
        ("dropout of all states", Traits::ROWS, |plan| {
            let config = dropout().with_state_keep_prob(0.6);
            let config = config.with_state_filter(StateFilter::Everything);
            plan.dropped(&config, plan.cell("cell", plan.inputs, plan.units))
        }),
        ("zoneout", Traits::ROWS, |plan| {
            let config = ZoneoutConfig::new(0.3, 0.5).with_noise(Noise::Always);
            let cell = plan.cell("cell", plan.inputs, plan.units);
            config
                .init(cell, Seed::new(3))
                .expect("probabilities")
                .into()
        }),
        ("zoneout in the mean", Traits::NONE, |plan| {
            let config = ZoneoutConfig::new(0.3, 0.5).with_noise(Noise::Never);
            let cell = plan.cell("cell", plan.inputs, plan.units);
            config
                .init(cell, Seed::new(3))
                .expect("probabilities")
                .into()
        }),
        ("residual", Traits::NONE, |plan| {
            residual(plan.cell("cell", plan.units, plan.units))
        }),
        ("highway", Traits::NONE, |plan| {
            let cell = plan.cell("cell", plan.units, plan.units);
            let wrapped = HighwayConfig::new().init(cell, Seed::new(4), &Device::flex());
            wrapped.expect("one size").into()
        }),
        ("highway of two gates", Traits::NONE, |plan| {
            let cell = plan.cell("cell", plan.units, plan.units);
            let config = HighwayConfig::new().with_own_transform_gate();
            let wrapped = config.init(cell, Seed::new(4), &Device::flex());
            wrapped.expect("one size").into()
        }),
        ("input projection", Traits::NONE, |plan| {
            let config = ProjectionConfig::new(plan.inputs).with_activation(Activation::Tanh);
            let cell = plan.cell("cell", plan.units, plan.units);
            config
                .init_input(cell, Seed::new(5), &Device::flex())
                .into()
        }),
        ("output projection", Traits::NONE, |plan| {
            let cell = plan.cell("cell", plan.inputs, plan.units);
            let config = ProjectionConfig::new(plan.units + 2);
            config
                .init_output(cell, Seed::new(6), &Device::flex())
                .into()
        }),
        ("embedding", Traits::WORDS, |plan| {
            let cell = plan.cell("cell", plan.inputs, plan.units);
            EmbeddingConfig::new(WORDS)
                .init(cell, Seed::new(7), &Device::flex())
                .into()
        }),
        ("device", Traits::NONE, |plan| {
            let cell = plan.cell("cell", plan.inputs, plan.units);
            DeviceWrapper::new(cell, &Device::flex()).into()
        }),
        ("stack of wrapped cells", Traits::ROWS, |plan| {
            let bottom = plan.cell("bottom", plan.inputs, plan.units);
            let config = dropout().with_output_keep_prob(0.7);
            let bottom = plan.dropped(&config, bottom);
            let middle = residual(plan.cell("middle", plan.units, plan.units));
            let top = plan.cell("top", plan.units, plan.units);
            let top = ProjectionConfig::new(2).init_output(top, Seed::new(8), &Device::flex());
            stack(vec![bottom, middle, top.into()])
        }),
        ("wrapped stack", Traits::ROWS, |plan| {
            let bottom = plan.cell("bottom", plan.units, plan.units);
            let inside = stack(vec![bottom, plan.cell("top", plan.units, plan.units)]);
            let config = dropout()
                .with_input_keep_prob(0.8)
                .with_state_keep_prob(0.7);
            let dropped = plan.dropped(&config, inside);
            DeviceWrapper::new(residual(dropped), &Device::flex()).into()
        }),
        ("words of a stack", Traits::WORDS, |plan| {
            let bottom = plan.cell("bottom", plan.inputs, plan.units);
            let inside = stack(vec![
                bottom,
                residual(plan.cell("top", plan.units, plan.units)),
            ]);
            EmbeddingConfig::new(WORDS)
                .init(inside, Seed::new(7), &Device::flex())
                .into()
        }),
    ]
}

/// The drivers whose results and gradients [`Run`] gives: the first is what all are held against.
fn drivers() -> Vec<(Driver, Path, Layout)> {
    let mut drivers = Vec::new();
    for path in [Path::Auto, Path::Composed] {
        for layout in [Layout::BatchMajor, Layout::TimeMajor] {
            drivers.push((Driver::Dynamic, path, layout));
        }
        drivers.push((Driver::Static, path, Layout::BatchMajor));
    }
    drivers
}

/// `V` of the embeddings.
const WORDS: usize = 5;

/// What is special about a wrapper.
#[derive(Clone, Copy)]
struct Traits {
    /// Rows have masks of their own, so only the first row is what it is alone.
    draws_by_row: bool,
    /// Inputs are words, which have no gradient.
    reads_words: bool,
}

impl Traits {
    const NONE: Self = Self {
        draws_by_row: false,
        reads_words: false,
    };
    const ROWS: Self = Self {
        draws_by_row: true,
        reads_words: false,
    };
    const WORDS: Self = Self {
        draws_by_row: false,
        reads_words: true,
    };
}

/// What a wrapper builds its cells with.
struct Plan {
    build: fn(usize, usize, DType, Seed) -> AnyCell,
    inputs: usize,
    units: usize,
    dtype: DType,
}

impl Plan {
    fn cell(&self, name: &str, inputs: usize, outputs: usize) -> AnyCell {
        (self.build)(inputs, outputs, self.dtype, Seed::new(2).child(name))
    }

    fn dropped(&self, config: &DropoutConfig, cell: AnyCell) -> AnyCell {
        let wrapped = config.init(cell, Seed::new(9));
        wrapped.expect("probabilities").into()
    }
}

fn dropout() -> DropoutConfig {
    DropoutConfig::new().with_noise(Noise::Always)
}

fn residual(cell: AnyCell) -> AnyCell {
    ResidualWrapper::new(cell).expect("one size").into()
}

fn stack(layers: Vec<AnyCell>) -> AnyCell {
    MultiRnnCell::new(layers).expect("the layers fit").into()
}

/// `B`, `T`, `F` and `H`.
type Sizes = [usize; 4];

/// A wrapped cell, and everything that a run of it depends on.
#[derive(Clone)]
struct Subject {
    name: String,
    traits: Traits,
    cell: AnyCell,
    setup: Setup,
    leaves: Vec<Leaf>,
    cotangents: Vec<TensorData>,
}

/// Every wrapper around every cell.
fn subjects(sizes: Sizes, dtype: DType) -> Vec<Subject> {
    let mut subjects = Vec::new();
    for (cell, build) in cells() {
        for (wrapper, traits, wrap) in wrappers() {
            let [batch, time, inputs, units] = sizes;
            let plan = Plan {
                build,
                inputs,
                units,
                dtype,
            };
            let name = format!("{wrapper} around {cell}");
            let setup = Setup {
                batch,
                time,
                lengths: None,
                layout: Layout::BatchMajor,
                path: Path::Auto,
                dtype,
                driver: Driver::Dynamic,
            };
            let mut generator = Seed::new(40).generator(&name);
            let cell = randomised(&wrap(&plan), &mut generator);
            let mut leaves = random_leaves(&cell, &setup, &mut generator);
            if traits.reads_words {
                let shape = leaves[0].data.shape().clone();
                let count: usize = shape.iter().product();
                let word = |_| generator.below(WORDS as u64) as f64;
                let words: Vec<f64> = (0..count).map(word).collect();
                leaves[0].data = TensorData::new(words, shape);
            }
            subjects.push(Subject {
                cotangents: random_cotangents(&cell, &setup, &mut generator),
                name,
                traits,
                cell,
                setup,
                leaves,
            });
        }
    }
    subjects
}

impl Subject {
    /// Rows of every kind: full, empty, and in between.
    fn ragged(mut self) -> Self {
        let time = self.setup.time;
        let lengths = (0..self.setup.batch).map(|row| match row % 3 {
            0 => time - 1,
            1 => 0,
            _ => time,
        });
        self.setup.lengths = Some(Lengths::new(lengths.collect::<Vec<_>>()));
        self
    }

    fn by(&self, driver: Driver, path: Path, layout: Layout) -> Self {
        let mut subject = self.clone();
        subject.setup.driver = driver;
        subject.setup.path = path;
        subject.setup.layout = layout;
        subject
    }

    fn length(&self, row: usize) -> usize {
        let lengths = self.setup.lengths.as_ref();
        lengths.map_or(self.setup.time, |lengths| lengths.as_slice()[row])
    }

    fn inputs(&self) -> Tensor<3> {
        let data = self.leaves[0].data.clone();
        Tensor::from_data(data, (&Device::flex(), self.setup.dtype))
    }

    fn state(&self) -> AnyState {
        let form = self.cell.zero_state(self.setup.batch);
        let count = form.kinds().len();
        let options = (&Device::flex(), self.setup.dtype);
        let parts = self.leaves[1..=count].iter();
        let parts = parts.map(|leaf| Tensor::from_data(leaf.data.clone(), options));
        form.with_parts(parts.collect())
    }

    fn options(&self) -> UnrollOptions<AnyState> {
        let options = UnrollOptions::default().with_initial_state(self.state());
        match &self.setup.lengths {
            Some(lengths) => options.with_sequence_length(lengths.clone()),
            None => options,
        }
    }

    fn infer(&self) -> Vec<Named> {
        let run = Run::new(&self.cell, &self.leaves, &self.setup, &Device::flex());
        named(run.results())
    }

    /// Results and all gradients.
    fn train(&self) -> Vec<Named> {
        let device = Device::flex().autodiff();
        let run = Run::new(&self.cell, &self.leaves, &self.setup, &device);
        let mut results = named(run.results());
        let gradients = run.gradients(&self.cotangents);
        for (index, (leaf, gradient)) in self.leaves.iter().zip(gradients).enumerate() {
            if index == 0 && self.traits.reads_words {
                assert!(gradient.is_none(), "{}: words have no gradient", self.name);
                continue;
            }
            let name = format!("gradient of {}", leaf.name);
            let gradient = gradient.unwrap_or_else(|| panic!("{}: no {name}", self.name));
            results.push((name, gradient));
        }
        results
    }

    fn loss(&self, leaves: &[Leaf]) -> f64 {
        let run = Run::new(&self.cell, leaves, &self.setup, &Device::flex());
        run.loss(&self.cotangents).into_scalar::<f64>()
    }

    /// Equal but for the order of sums, as in [`properties`](crate::properties): 2e-5 in f32 and
    /// 1e-12 in f64.
    #[track_caller]
    fn assert_close(&self, found: &[Named], expected: &[Named], what: &str) {
        let tolerance = match self.setup.dtype {
            DType::F32 => 2e-5,
            _ => 1e-12,
        };
        assert_eq!(found.len(), expected.len(), "{}, {what}", self.name);
        for ((name, found), (_, expected)) in found.iter().zip(expected) {
            let difference = relative_difference(found, expected)
                .unwrap_or_else(|problem| panic!("{}, {what}: {name} {problem}", self.name));
            assert!(
                difference <= tolerance,
                "{}, {what}: {name} differs by {difference:.1e}",
                self.name
            );
        }
    }
}

fn named(results: Vec<TensorData>) -> Vec<Named> {
    let names = ["outputs".to_owned()].into_iter();
    let names = names.chain((0..).map(|index| format!("final state[{index}]")));
    names.zip(results).collect()
}

fn results(outputs: Tensor<3>, state: AnyState) -> Vec<Named> {
    let mut results = vec![outputs.into_data()];
    results.extend(state.into_parts().into_iter().map(Tensor::into_data));
    named(results)
}

/// How large the matrix is.
pub(crate) fn size() -> [usize; 3] {
    // Beside those of `drivers`: single steps, chunks, raw and backwards.
    [cells().len(), wrappers().len(), drivers().len() + 4]
}

/// All drivers agree, on full and ragged batches: results, and gradients where they have them.
pub(crate) fn drivers_agree() -> usize {
    let mut cases = 0;
    for dtype in [DType::F32, DType::F64] {
        for subject in subjects([3, 5, 3, 4], dtype) {
            for subject in [subject.clone(), subject.ragged()] {
                let expected = subject.train();
                let count = 1 + subject.state().kinds().len();
                for (driver, path, layout) in drivers() {
                    let found = subject.by(driver, path, layout);
                    let what = format!("{driver:?}, {path:?}, {layout:?}");
                    subject.assert_close(&found.train(), &expected, &what);
                    subject.assert_close(&found.infer(), &expected[..count], &what);
                    cases += 2;
                }
                let expected = &expected[..count];
                subject.assert_close(&backwards(&subject), &backwards_expected(&subject), "back");
                subject.assert_close(&raw(&subject), expected, "raw");
                cases += 2;
                if subject.setup.lengths.is_none() {
                    subject.assert_close(&steps(&subject), expected, "steps");
                    subject.assert_close(&chunks(&subject), expected, "chunks");
                    cases += 2;
                }
            }
        }
    }
    cases
}

/// `step`, again and again.
fn steps(subject: &Subject) -> Vec<Named> {
    let mut state = subject.state();
    let mut outputs = Vec::new();
    for time in 0..subject.setup.time {
        let input = subject.inputs().narrow(1, time, 1).squeeze_dim(1);
        let step = subject.cell.step(input, state).expect("it fits");
        outputs.push(step.output);
        state = step.state;
    }
    results(Tensor::stack(outputs, 1), state)
}

/// A stream fed in chunks, one of them empty.
fn chunks(subject: &Subject) -> Vec<Named> {
    let mut stream = Stream::from_state(&subject.cell, subject.state());
    let mut outputs = Vec::new();
    let options = (&Device::flex(), subject.setup.dtype);
    let nothing = Tensor::zeros([subject.setup.batch, 0, subject.cell.input_size()], options);
    stream.feed(nothing).expect("it fits");
    let mut fed = 0;
    for chunk in [2, 1, subject.setup.time - 3] {
        let output = stream.feed(subject.inputs().narrow(1, fed, chunk));
        outputs.push(output.expect("it fits"));
        fed += chunk;
    }
    results(Tensor::cat(outputs, 1), stream.state())
}

/// `raw_rnn` with a loop function that replays the inputs.
fn raw(subject: &Subject) -> Vec<Named> {
    let time = subject.setup.time;
    let batch = subject.setup.batch;
    let finished = |at: usize| -> Tensor<1, Bool> {
        let rows: Vec<bool> = (0..batch).map(|row| at >= subject.length(row)).collect();
        Tensor::from_data(TensorData::new(rows, [batch]), &Device::flex())
    };
    let input = |at: usize| {
        let inputs = subject.inputs().narrow(1, at.min(time - 1), 1);
        inputs.squeeze_dim::<2>(1)
    };
    let start = LoopStart {
        finished: finished(0),
        input: input(0),
        state: subject.state(),
        emit_size: subject.cell.output_size(),
        loop_state: (),
    };
    let run = raw_rnn(&subject.cell, start, |at, step, ()| {
        Ok(LoopTurn {
            finished: finished(at),
            next_input: input(at),
            next_state: step.state,
            emit: step.output,
            loop_state: (),
        })
    })
    .expect("it fits");
    results(Tensor::stack(run.emissions, 1), run.state)
}

/// The backward half of a bidirectional layer.
fn backwards(subject: &Subject) -> Vec<Named> {
    let state = Some(subject.state());
    let cell = &subject.cell;
    let run = bidirectional_dynamic_rnn(cell, cell, subject.inputs(), subject.options(), state);
    let backward = run.expect("it fits").backward;
    results(backward.outputs, backward.state)
}

fn backwards_expected(subject: &Subject) -> Vec<Named> {
    let sequence = elman::cell::Sequence::batch_major(subject.inputs());
    let sequence = match &subject.setup.lengths {
        Some(lengths) => sequence.with_lengths(lengths.clone()).expect("they fit"),
        None => sequence,
    };
    let inputs = reverse_sequence(subject.inputs(), &sequence);
    let run = elman::unroll::dynamic_rnn(&subject.cell, inputs, subject.options());
    let run = run.expect("it fits");
    results(reverse_sequence(run.outputs, &sequence), run.state)
}

/// What stands in the padding, NaN too, and how much of it there is, changes no number.
pub(crate) fn padding_never_matters() -> usize {
    let mut cases = 0;
    for subject in subjects([3, 5, 3, 4], DType::F64) {
        let ragged = subject.ragged();
        for (driver, path, layout) in drivers() {
            let clean = ragged.by(driver, path, layout);
            let what = format!("{driver:?}, {path:?}, {layout:?}");
            let expected = clean.train();
            let poisoned = Subject {
                leaves: padded(&clean, 0),
                ..clean.clone()
            };
            for ((name, found), (_, expected)) in poisoned.train().iter().zip(&expected) {
                let what = format!("{}, {what}: {name}, poisoned", clean.name);
                assert_same_bits(found, expected, &what);
            }
            let mut longer = Subject {
                leaves: padded(&clean, 2),
                ..clean.clone()
            };
            longer.setup.time += 2;
            let time = clean.setup.time;
            let found = longer.infer().into_iter().map(|(name, data)| match &*name {
                "outputs" => {
                    let outputs = Tensor::<3>::from_data(data, (&Device::flex(), DType::F64));
                    let past = outputs.clone().narrow(1, time, 2).abs().max();
                    assert_eq!(past.into_scalar::<f64>(), 0.0, "{}, {what}", clean.name);
                    (name, outputs.narrow(1, 0, time).into_data())
                }
                _ => (name, data),
            });
            clean.assert_close(&found.collect::<Vec<_>>(), &clean.infer(), &what);
            cases += 2;
        }
    }
    cases
}

/// The leaves with NaN in the padding and `more` steps of it.
fn padded(subject: &Subject, more: usize) -> Vec<Leaf> {
    let mut leaves = subject.leaves.clone();
    let [batch, time] = [subject.setup.batch, subject.setup.time];
    let features = leaves[0].data.shape()[2];
    let values: Vec<f64> = leaves[0].data.iter().collect();
    let mut padded = Vec::new();
    for row in 0..batch {
        for step in 0..time + more {
            let start = (row * time + step) * features;
            match step < subject.length(row) {
                true => padded.extend_from_slice(&values[start..start + features]),
                false => padded.extend(vec![f64::NAN; features]),
            }
        }
    }
    leaves[0].data = TensorData::new(padded, [batch, time + more, features]);
    leaves
}

/// Every gradient of every leaf against central differences, as in `tests/gradients.rs`. Gives the
/// numbers compared and the worst error.
pub(crate) fn gradients_are_differences() -> (usize, f64) {
    const STEP: f64 = 1e-5;
    const TOLERANCE: f64 = 1e-6;
    let (mut numbers, mut worst) = (0, 0.0_f64);
    for subject in subjects([3, 3, 2, 3], DType::F64) {
        let subject = subject.ragged();
        let gradients = subject.train().into_iter();
        let gradients = gradients.filter(|(name, _)| name.starts_with("gradient"));
        let first = usize::from(subject.traits.reads_words);
        let leaves = subject.leaves.iter().enumerate().skip(first);
        for ((index, leaf), (name, found)) in leaves.zip(gradients) {
            let values: Vec<f64> = leaf.data.iter().collect();
            let mut moved = subject.leaves.clone();
            let mut difference = |element: usize, shift: f64| {
                let mut values = values.clone();
                values[element] += shift;
                moved[index].data = TensorData::new(values, leaf.data.shape().clone());
                subject.loss(&moved)
            };
            let expected: Vec<f64> = (0..values.len())
                .map(|it| (difference(it, STEP) - difference(it, -STEP)) / (2.0 * STEP))
                .collect();
            numbers += expected.len();
            let expected = TensorData::new(expected, leaf.data.shape().clone());
            let error = relative_difference(&found, &expected).expect("a leaf's shape");
            let what = &subject.name;
            assert!(error < TOLERANCE, "{what}: {name} is wrong by {error:.1e}");
            worst = worst.max(error);
        }
    }
    (numbers, worst)
}

/// A network that was saved and loaded into a newly built one is the same network, bit for bit.
pub(crate) fn saved_is_loaded() -> usize {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("network");
    let mut cases = 0;
    for dtype in [DType::F32, DType::F64] {
        let fresh = subjects([3, 5, 3, 4], dtype);
        for (subject, fresh) in fresh.iter().cloned().zip(&fresh) {
            let mut generator = Seed::new(41).generator(&subject.name);
            let other = randomised(&fresh.cell, &mut generator);
            let saved = subject.cell.clone();
            saved.save_file(&path).expect("it can be written");
            let loaded = other.load_file(&path);
            let run = |cell: &AnyCell| {
                let run = elman::unroll::dynamic_rnn(cell, subject.inputs(), subject.options());
                let run = run.expect("it fits");
                results(run.outputs, run.state)
            };
            for ((name, found), (_, expected)) in run(&loaded).iter().zip(run(&subject.cell)) {
                assert_same_bits(found, &expected, &format!("{}: {name}", subject.name));
            }
            cases += 1;
        }
    }
    cases
}

/// A row of a batch of three is what it is alone; where each row has its own masks, the first.
pub(crate) fn rows_are_their_own_runs() -> usize {
    let mut rows = 0;
    for subject in subjects([3, 5, 3, 4], DType::F64) {
        let together = subject.infer();
        let count = if subject.traits.draws_by_row { 1 } else { 3 };
        for row in 0..count {
            let state = subject.state().map(|part| part.narrow(0, row, 1));
            let options = UnrollOptions::default().with_initial_state(state);
            let inputs = subject.inputs().narrow(0, row, 1);
            let run = elman::unroll::dynamic_rnn(&subject.cell, inputs, options);
            let run = run.expect("it fits");
            let expected = together.iter().map(|(name, data)| {
                let options = (&Device::flex(), DType::F64);
                let data = match data.shape().len() {
                    3 => Tensor::<3>::from_data(data.clone(), options)
                        .narrow(0, row, 1)
                        .into_data(),
                    _ => Tensor::<2>::from_data(data.clone(), options)
                        .narrow(0, row, 1)
                        .into_data(),
                };
                (name.clone(), data)
            });
            let expected: Vec<_> = expected.collect();
            subject.assert_close(&results(run.outputs, run.state), &expected, "a row");
            rows += 1;
        }
    }
    rows
}

/// One, two and three threads give the same bits, gradients included.
pub(crate) fn threads_never_matter() -> usize {
    let before = elman::threads::get();
    let mut cases = 0;
    for dtype in [DType::F32, DType::F64] {
        for subject in subjects([17, 6, 19, 33], dtype) {
            let subject = subject.ragged();
            let mut expected = None;
            for count in [1, 2, 3] {
                elman::threads::set(NonZeroUsize::new(count).expect("not zero"));
                let found = subject.train();
                let expected = expected.get_or_insert_with(|| found.clone());
                for ((name, found), (_, expected)) in found.iter().zip(expected.iter()) {
                    let what = format!("{}: {name} on {count} threads", subject.name);
                    assert_same_bits(found, expected, &what);
                }
                cases += 1;
            }
        }
    }
    elman::threads::set(before);
    cases
}
