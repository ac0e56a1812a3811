//! Every gradient against central differences, in f64: inputs, initial state and every parameter
//! of every cell with every option, ragged and not, by both paths, in both layouts.

#[path = "support/compare.rs"]
mod compare;
#[path = "support/leaves.rs"]
mod leaves;

use burn::module::{Module, Param};
use burn::tensor::activation::sigmoid;
use burn::tensor::{DType, Device, Tensor, TensorData};
use elman::activation::Activation;
use elman::cell::{
    BasicRnnCellConfig, Cell, CoupledLstmCellConfig, GruCellConfig, IndRnnCellConfig,
    LayerNormLstmCellConfig, Layout, Lengths, LstmCellConfig, LstmNormalisation, LstmState,
    MinCandidate, MinGruCellConfig, MinLstmCellConfig, NasCellConfig, Path, ResetGate,
    SruCellConfig, Step, UgrnnCellConfig,
};
use elman::random::Seed;

use compare::relative_difference;
use leaves::{Driver, Leaf, Run, Setup, random_cotangents, random_leaves, randomised};

/// The truncation error of a central difference is h²/6 times the third derivative, its rounding
/// error about 1e-16 · |loss| / h: with this h both are near 1e-10.
const STEP: f64 = 1e-5;
/// What the issue of this test asks for; four decimal places above the error of the differences.
const TOLERANCE: f64 = 1e-6;
/// A kink (of relu, of a clip) inside the step makes the central difference wrong by exactly
/// `|loss(+h) - 2 loss + loss(-h)| / 2h`, which elsewhere is h/2 times the second derivative.
/// Above this share of the largest gradient the seed is refused. Kinks with less effect than
/// this but more than the tolerance fail the comparison: none can pass unseen.
const KINK: f64 = 1e-3;

const ACTIVATIONS: [Activation; 10] = [
    Activation::Identity,
    Activation::Tanh,
    Activation::Sigmoid,
    Activation::Relu,
    Activation::Relu6,
    Activation::LeakyRelu,
    Activation::Elu,
    Activation::Selu,
    Activation::Softplus,
    Activation::Softsign,
];

/// A cell's run as a differentiable function at one random point.
struct Point<C> {
    cell: C,
    leaves: Vec<Leaf>,
    cotangents: Vec<TensorData>,
    setup: Setup,
}

impl<C: Cell + Module> Point<C> {
    fn new(name: &str, cell: C, lengths: Option<Lengths>) -> Self {
        let setup = Setup {
            batch: 4,
            time: 5,
            lengths,
            layout: Layout::BatchMajor,
            path: Path::Auto,
            dtype: DType::F64,
            driver: Driver::Dynamic,
        };
        let mut generator = Seed::new(14).generator(name);
        let cell = randomised(&cell, &mut generator);
        Self {
            leaves: random_leaves(&cell, &setup, &mut generator),
            cotangents: random_cotangents(&cell, &setup, &mut generator),
            cell,
            setup,
        }
    }

    fn loss(&self, leaves: &[Leaf]) -> f64 {
        let run = Run::new(&self.cell, leaves, &self.setup, &Device::flex());
        run.loss(&self.cotangents).into_scalar::<f64>()
    }

    /// The gradient of every leaf by central differences.
    fn differences(&self) -> Vec<TensorData> {
        let here = self.loss(&self.leaves);
        let mut leaves = self.leaves.clone();
        let mut differences = Vec::new();
        for index in 0..leaves.len() {
            let data = self.leaves[index].data.clone();
            let values: Vec<f64> = data.iter().collect();
            let mut gradient = Vec::with_capacity(values.len());
            let mut kink = 0.0_f64;
            for element in 0..values.len() {
                let mut shifted = |shift: f64| {
                    let mut values = values.clone();
                    values[element] += shift;
                    leaves[index].data = TensorData::new(values, data.shape().clone());
                    self.loss(&leaves)
                };
                let (above, below) = (shifted(STEP), shifted(-STEP));
                gradient.push((above - below) / (2.0 * STEP));
                kink = kink.max((above - 2.0 * here + below).abs() / (2.0 * STEP));
            }
            let scale = gradient.iter().copied().map(f64::abs).fold(0.0, f64::max);
            let name = &self.leaves[index].name;
            assert!(
                kink <= KINK * scale,
                "{name}: a kink lies inside the step ({kink:.1e}): choose another seed"
            );
            leaves[index].data = data.clone();
            differences.push(TensorData::new(gradient, data.shape().clone()));
        }
        differences
    }

    /// Backward by one driver on one path in one layout.
    fn backward(&self, driver: Driver, path: Path, layout: Layout) -> Vec<Option<TensorData>> {
        let setup = Setup {
            driver,
            path,
            layout,
            ..self.setup.clone()
        };
        let device = Device::flex().autodiff();
        Run::new(&self.cell, &self.leaves, &setup, &device).gradients(&self.cotangents)
    }

    /// The names of the leaves whose gradient is wrong, and the worst error of the others.
    fn compare(&self, found: &[Option<TensorData>], expected: &[TensorData]) -> (Vec<String>, f64) {
        let mut wrong = Vec::new();
        let mut worst = 0.0_f64;
        for ((leaf, found), expected) in self.leaves.iter().zip(found).zip(expected) {
            let error = match found {
                Some(found) => relative_difference(found, expected).expect("a leaf's shape"),
                None => f64::INFINITY,
            };
            if error < TOLERANCE {
                worst = worst.max(error);
            } else {
                wrong.push(leaf.name.clone());
            }
        }
        (wrong, worst)
    }
}

/// Rows of every kind: full, empty, in between, of one step.
fn ragged() -> Lengths {
    Lengths::new([5, 0, 3, 1])
}

/// What has been checked.
#[derive(Default)]
struct Tally {
    points: usize,
    numbers: usize,
    worst: f64,
}

impl Tally {
    /// Checks a cell with and without lengths, by both paths, in both layouts.
    fn check<C: Cell + Module>(&mut self, name: &str, cell: C) {
        for lengths in [None, Some(ragged())] {
            let point = Point::new(name, cell.clone(), lengths);
            let expected = point.differences();
            for (driver, path, layout) in [
                (Driver::Dynamic, Path::Auto, Layout::BatchMajor),
                (Driver::Dynamic, Path::Auto, Layout::TimeMajor),
                (Driver::Dynamic, Path::Composed, Layout::BatchMajor),
                (Driver::Dynamic, Path::Composed, Layout::TimeMajor),
                (Driver::Static, Path::Auto, Layout::BatchMajor),
                (Driver::Static, Path::Composed, Layout::BatchMajor),
            ] {
                let found = point.backward(driver, path, layout);
                let (wrong, worst) = point.compare(&found, &expected);
                let lengths = &point.setup.lengths;
                assert!(
                    wrong.is_empty(),
                    "{name}, {driver:?}, {path:?}, {layout:?}, {lengths:?}: wrong gradients of {wrong:?}"
                );
                self.points += 1;
                self.numbers += expected.iter().map(TensorData::num_elements).sum::<usize>();
                self.worst = self.worst.max(worst);
            }
        }
    }

    fn report(&self, cell: &str) {
        println!(
            "gradients of {cell}: {} backward runs, {} numbers, worst relative error {:.1e}",
            self.points, self.numbers, self.worst
        );
    }
}

fn lstm(inputs: usize, units: usize) -> LstmCellConfig {
    LstmCellConfig::new(inputs, units).with_dtype(DType::F64)
}

fn gru(inputs: usize, units: usize) -> GruCellConfig {
    GruCellConfig::new(inputs, units).with_dtype(DType::F64)
}

fn basic(inputs: usize, units: usize) -> BasicRnnCellConfig {
    BasicRnnCellConfig::new(inputs, units).with_dtype(DType::F64)
}

#[test]
fn gradients_of_the_basic_cell() {
    let (seed, device) = (Seed::new(1), Device::flex());
    let mut tally = Tally::default();
    for activation in ACTIVATIONS {
        let cell = basic(3, 5).with_activation(activation).init(seed, &device);
        tally.check(&format!("basic {activation:?}"), cell);
    }
    tally.check("basic, wide", basic(9, 17).init(seed, &device));
    tally.report("the basic cell");
}

/// The LSTMs with a clip, each by name.
fn clipped_lstms() -> [(&'static str, LstmCellConfig); 3] {
    let projected = lstm(3, 5).with_num_proj(2).with_proj_clip(0.3);
    let everything = projected.clone().with_cell_clip(0.6).with_peepholes();
    [
        ("lstm, cell_clip", lstm(3, 5).with_cell_clip(0.6)),
        ("lstm, proj_clip", projected),
        ("lstm, everything", everything.with_forget_bias(0.25)),
    ]
}

#[test]
fn gradients_of_the_lstm_cell() {
    let mut tally = Tally::default();
    let mut variants = vec![
        ("lstm", lstm(3, 5)),
        ("lstm, peepholes", lstm(3, 5).with_peepholes()),
        ("lstm, num_proj", lstm(3, 5).with_num_proj(2)),
        ("lstm, num_proj above H", lstm(3, 4).with_num_proj(6)),
        ("lstm, forget_bias", lstm(3, 5).with_forget_bias(-0.7)),
        (
            "lstm, wide",
            lstm(2, 17)
                .with_peepholes()
                .with_num_proj(9)
                .with_cell_clip(0.6),
        ),
    ];
    variants.extend(clipped_lstms());
    for (name, config) in variants {
        tally.check(name, config.init(Seed::new(1), &Device::flex()));
    }
    for activation in ACTIVATIONS {
        let config = lstm(3, 5).with_activation(activation).with_peepholes();
        let cell = config.init(Seed::new(1), &Device::flex());
        tally.check(&format!("lstm {activation:?}"), cell);
    }
    tally.report("the LSTM cell");
}

#[test]
fn gradients_of_the_gru_cell() {
    let mut tally = Tally::default();
    for reset_gate in [ResetGate::BeforeProduct, ResetGate::AfterProduct] {
        for activation in ACTIVATIONS {
            let config = gru(3, 5).with_activation(activation);
            let cell = config
                .with_reset_gate(reset_gate)
                .init(Seed::new(1), &Device::flex());
            tally.check(&format!("gru {reset_gate:?} {activation:?}"), cell);
        }
        let config = gru(9, 17).with_reset_gate(reset_gate);
        let cell = config.init(Seed::new(1), &Device::flex());
        tally.check(&format!("gru {reset_gate:?}, wide"), cell);
    }
    tally.report("the GRU cell");
}

#[test]
fn gradients_of_the_layer_normalised_lstm_cell() {
    let mut tally = Tally::default();
    for normalisation in [LstmNormalisation::PerGate, LstmNormalisation::PerProduct] {
        for (inputs, units) in [(3, 5), (9, 17)] {
            let config = LayerNormLstmCellConfig::new(inputs, units)
                .with_normalisation(normalisation)
                .with_dtype(DType::F64);
            let cell = config.init(Seed::new(1), &Device::flex());
            tally.check(&format!("layer norm lstm {normalisation:?} {units}"), cell);
        }
    }
    tally.report("the layer-normalised LSTM cell");
}

#[test]
fn gradients_of_the_nas_cell() {
    let mut tally = Tally::default();
    let plain = NasCellConfig::new(3, 5).with_dtype(DType::F64);
    for (name, config) in [
        ("nas", plain.clone()),
        ("nas, bias", plain.clone().with_bias()),
        ("nas, num_proj", plain.clone().with_num_proj(2)),
        ("nas, everything", plain.with_bias().with_num_proj(7)),
    ] {
        tally.check(name, config.init(Seed::new(1), &Device::flex()));
    }
    tally.report("the NAS cell");
}

#[test]
fn gradients_of_the_coupled_lstm_cell() {
    let mut tally = Tally::default();
    let plain = CoupledLstmCellConfig::new(3, 5).with_dtype(DType::F64);
    let projected = plain.clone().with_num_proj(2).with_proj_clip(0.2);
    for (name, config) in [
        ("coupled", plain.clone()),
        ("coupled, forget_bias", plain.clone().with_forget_bias(-0.7)),
        ("coupled, peepholes", plain.clone().with_peepholes()),
        ("coupled, proj_clip", projected.clone()),
        (
            "coupled, layer norm",
            plain.clone().with_layer_norm(1.0, 0.0),
        ),
        (
            "coupled, everything",
            projected.with_peepholes().with_layer_norm(1.0, 0.0),
        ),
    ] {
        tally.check(name, config.init(Seed::new(1), &Device::flex()));
    }
    for activation in ACTIVATIONS {
        let config = plain.clone().with_activation(activation);
        let cell = config.init(Seed::new(1), &Device::flex());
        tally.check(&format!("coupled {activation:?}"), cell);
    }
    tally.report("the coupled LSTM cell");
}

#[test]
fn gradients_of_the_cells_of_one_state() {
    let (seed, device) = (Seed::new(1), Device::flex());
    let mut tally = Tally::default();
    for activation in ACTIVATIONS {
        let ugrnn = UgrnnCellConfig::new(3, 5).with_dtype(DType::F64);
        let cell = ugrnn.with_activation(activation).init(seed, &device);
        tally.check(&format!("ugrnn {activation:?}"), cell);
        let indrnn = IndRnnCellConfig::new(3, 5).with_dtype(DType::F64);
        let cell = indrnn.with_activation(activation).init(seed, &device);
        tally.check(&format!("indrnn {activation:?}"), cell);
        let sru = SruCellConfig::new(3, 5).with_dtype(DType::F64);
        let cell = sru.with_activation(activation).init(seed, &device);
        tally.check(&format!("sru {activation:?}"), cell);
    }
    for candidate in [MinCandidate::Linear, MinCandidate::Positive] {
        let min_gru = MinGruCellConfig::new(3, 5).with_dtype(DType::F64);
        let cell = min_gru.with_candidate(candidate).init(seed, &device);
        tally.check(&format!("min gru {candidate:?}"), cell);
        let min_lstm = MinLstmCellConfig::new(3, 5).with_dtype(DType::F64);
        let cell = min_lstm.with_candidate(candidate).with_forget_bias(0.5);
        tally.check(&format!("min lstm {candidate:?}"), cell.init(seed, &device));
    }
    tally.report("UGRNN, IndRNN, SRU, minimal GRU and minimal LSTM");
}

/// A clip that cuts nothing, or everything, would leave half of its backward unseen.
#[test]
fn clips_cut_some_values_and_not_all() {
    for (name, config) in clipped_lstms() {
        let cell = config.init(Seed::new(1), &Device::flex());
        let settings = cell.settings;
        let point = Point::new(name, cell, None);
        let run = Run::new(&point.cell, &point.leaves, &point.setup, &Device::flex());
        let [_, cells, outputs] = <[_; 3]>::try_from(run.results()).expect("an LSTM's results");
        for (clip, values) in [(settings.cell_clip, cells), (settings.proj_clip, outputs)] {
            let Some(clip) = clip else { continue };
            let cut = values
                .iter::<f64>()
                .filter(|value| value.abs() == clip)
                .count();
            assert!(cut > 0, "{name}: ±{clip} cuts nothing");
            assert!(
                cut < values.num_elements(),
                "{name}: ±{clip} cuts everything"
            );
        }
    }
}

/// One wrong number in the gradient of one leaf, and the check names that leaf and no other.
#[test]
fn control_a_wrong_number_is_found_in_its_leaf() {
    let cell = lstm(3, 5)
        .with_peepholes()
        .with_num_proj(2)
        .init(Seed::new(1), &Device::flex());
    let point = Point::new("control", cell, Some(ragged()));
    let expected = point.differences();
    let correct = point.backward(Driver::Dynamic, Path::Auto, Layout::BatchMajor);
    assert!(point.compare(&correct, &expected).0.is_empty());
    for (index, leaf) in point.leaves.iter().enumerate() {
        let mut values: Vec<f64> = expected[index].iter().collect();
        let scale = values.iter().copied().map(f64::abs).fold(0.0, f64::max);
        let last = values.len() - 1;
        values[last] += 1e-5 * scale;
        let mut sabotaged = correct.clone();
        sabotaged[index] = Some(TensorData::new(values, leaf.data.shape().clone()));
        let (wrong, _) = point.compare(&sabotaged, &expected);
        assert_eq!(wrong, [leaf.name.as_str()]);
        sabotaged[index] = None;
        assert_eq!(point.compare(&sabotaged, &expected).0, [leaf.name.as_str()]);
    }
    println!("gradients: {} sabotaged leaves found", point.leaves.len());
}

/// An LSTM whose forward is right and whose backward lacks one path.
#[derive(Module, Debug)]
struct SabotagedLstm {
    kernel: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
    #[module(skip)]
    sabotage: Sabotage,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sabotage {
    None,
    /// The gradient of the cell state does not flow through the forget gate's product.
    ForgetPath,
    /// The bias is a constant to backward in the second half of the units of a step.
    HalfOfTheBias,
}

impl SabotagedLstm {
    fn new(sabotage: Sabotage) -> Self {
        let cell = lstm(3, 4).init(Seed::new(1), &Device::flex());
        Self {
            kernel: cell.kernel,
            bias: cell.bias,
            sabotage,
        }
    }
}

impl Cell for SabotagedLstm {
    type State = LstmState;

    fn input_size(&self) -> usize {
        self.kernel.dims()[0] - self.output_size()
    }

    fn output_size(&self) -> usize {
        self.bias.dims()[0] / 4
    }

    fn zero_state(&self, batch: usize) -> LstmState {
        let zeros = Tensor::zeros([batch, self.output_size()], (&Device::flex(), DType::F64));
        LstmState {
            cell: zeros.clone(),
            hidden: zeros,
        }
    }

    fn step(&self, input: Tensor<2>, state: LstmState) -> elman::Result<Step<LstmState>> {
        let mut bias = self.bias.val();
        if self.sabotage == Sabotage::HalfOfTheBias {
            let half = bias.dims()[0] / 2;
            let [first, second] = [0, half].map(|start| bias.clone().narrow(0, start, half));
            bias = Tensor::cat(vec![first, second.detach()], 0);
        }
        let joined = Tensor::cat(vec![input, state.hidden], 1);
        let sums = joined.matmul(self.kernel.val()) + bias.unsqueeze();
        let [i, j, f, o] = <[Tensor<2>; 4]>::try_from(sums.chunk(4, 1)).expect("four gates");
        let old = match self.sabotage {
            Sabotage::ForgetPath => state.cell.detach(),
            _ => state.cell,
        };
        let cell = old * sigmoid(f + 1.0) + sigmoid(i) * j.tanh();
        let hidden = sigmoid(o) * cell.clone().tanh();
        Ok(Step {
            output: hidden.clone(),
            state: LstmState { cell, hidden },
        })
    }
}

/// A backward with a path missing is rejected, and the leaves that it spoils are named.
#[test]
fn control_a_sabotaged_backward_is_rejected() {
    for (sabotage, spoiled) in [
        (Sabotage::None, &[][..]),
        // Every parameter reaches later steps through the cell, and the first cell only so.
        (
            Sabotage::ForgetPath,
            &["inputs", "state[0]", "state[1]", "kernel", "bias"][..],
        ),
        (Sabotage::HalfOfTheBias, &["bias"][..]),
    ] {
        let point = Point::new("sabotage", SabotagedLstm::new(sabotage), None);
        let expected = point.differences();
        let found = point.backward(Driver::Dynamic, Path::Auto, Layout::BatchMajor);
        let (wrong, _) = point.compare(&found, &expected);
        assert_eq!(wrong, spoiled, "{sabotage:?}");
    }
}
