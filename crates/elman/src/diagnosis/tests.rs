use burn::module::Param;
use burn::tensor::{DType, Device, Tensor, TensorData};

use super::*;
use crate::activation::Activation;
use crate::cell::{
    BasicRnnCell, BasicRnnCellConfig, Cell, CoupledLstmCellConfig, GruCellConfig, IndRnnCellConfig,
    LayerNormLstmCellConfig, LstmCellConfig, MinGruCellConfig, MinLstmCellConfig, NasCellConfig,
    Path, Sequence, SruCellConfig, State, UgrnnCellConfig,
};
use crate::initializer::Initializer;
use crate::random::Seed;
use crate::recipe::Readout;
use crate::wrapper::{
    AnyCell, DeviceWrapper, DropoutConfig, EmbeddingConfig, HighwayConfig, MultiRnnCell,
    ProjectionConfig, ResidualWrapper, ZoneoutConfig,
};

fn device() -> Device {
    Device::flex().autodiff()
}

fn normal<const D: usize>(shape: [usize; D], purpose: &str, scale: f64) -> Tensor<D> {
    let mut generator = Seed::new(7).generator(purpose);
    let count = shape.iter().product();
    let numbers: Vec<f64> = (0..count).map(|_| scale * generator.normal()).collect();
    Tensor::from_data(TensorData::new(numbers, shape), (&device(), DType::F64))
}

fn number(tensor: Tensor<1>) -> f64 {
    tensor.into_data().iter::<f64>().next().expect("a number")
}

/// A cell of each kind over 3 features, in f64, every wrapper, and a stack; the recurrent cells in it
/// and whether their gates can be seen.
fn all_cells() -> Vec<(AnyCell, usize, bool)> {
    let (seed, device) = (Seed::new(3), device());
    macro_rules! plain {
        ($config:ident, $units:expr) => {{
            let config = $config::new(3, $units).with_dtype(DType::F64);
            AnyCell::from(config.init(seed, &device))
        }};
    }
    let square = || plain!(BasicRnnCellConfig, 3);
    let lstm = LstmCellConfig::new(3, 4)
        .with_peepholes()
        .with_num_proj(3)
        .with_dtype(DType::F64)
        .init(seed, &device);
    let stack = MultiRnnCell::new(vec![
        square(),
        lstm.clone().into(),
        plain!(UgrnnCellConfig, 4),
    ]);
    let projection = ProjectionConfig::new(3);
    let wrapped: Vec<AnyCell> = vec![
        DropoutConfig::new()
            .with_input_keep_prob(0.5)
            .with_state_keep_prob(0.5)
            .init(square(), seed)
            .expect("probabilities")
            .into(),
        ResidualWrapper::new(square()).expect("one size").into(),
        HighwayConfig::new()
            .init(square(), seed, &device)
            .expect("one size")
            .into(),
        projection.init_input(square(), seed, &device).into(),
        projection.init_output(square(), seed, &device).into(),
        DeviceWrapper::new(square(), &device).into(),
    ];
    let zoneout = ZoneoutConfig::new(0.3, 0.1)
        .init(square(), seed)
        .expect("probabilities");
    let mut all = vec![
        (square(), 1, true),
        (plain!(LstmCellConfig, 4), 1, true),
        (lstm.into(), 1, true),
        (plain!(GruCellConfig, 4), 1, true),
        (plain!(LayerNormLstmCellConfig, 4), 1, false),
        (plain!(CoupledLstmCellConfig, 4), 1, false),
        (plain!(NasCellConfig, 4), 1, false),
        (plain!(UgrnnCellConfig, 4), 1, false),
        (plain!(IndRnnCellConfig, 4), 1, false),
        (plain!(SruCellConfig, 4), 1, false),
        (plain!(MinGruCellConfig, 4), 1, false),
        (plain!(MinLstmCellConfig, 4), 1, false),
        (zoneout.into(), 1, false),
        (stack.expect("they fit").into(), 3, false),
    ];
    all.extend(wrapped.into_iter().map(|cell| (cell, 1, true)));
    all
}

/// Weights of what is read out.
fn cotangent(readout: usize, batch: usize) -> Tensor<2> {
    normal([batch, readout], "cotangent", 1.0)
}

fn largest(tensor: Tensor<2>) -> f64 {
    number(tensor.abs().max())
}

/// What the diagnosis runs is the network itself, and each recurrent cell in it has its figures.
#[test]
fn a_diagnosed_network_computes_what_the_network_computes() {
    for (cell, recurrent, has_gates) in all_cells() {
        let name = cell.name();
        let inputs = normal([3, 5, 3], "inputs", 1.0);
        let lengths = vec![5, 2, 4];
        let network = Network::new(vec![cell], Readout::Last).expect("one layer");
        let run = crate::task::NetworkRun {
            lengths: Some(lengths.clone()),
            ..Default::default()
        };
        let plain = network.final_output(inputs.clone(), run).expect("it fits");
        let mut traces = Vec::new();
        let traced = network
            .traced(inputs.clone(), Some(lengths.clone()), &mut traces)
            .expect("it fits");
        let difference = largest(plain.clone() - traced);
        assert!(difference < 1e-12, "{name}: traced, {difference}");
        let mut probes = Vec::new();
        let probed = network
            .probed(inputs.clone(), Some(lengths.clone()), None, &mut probes)
            .expect("it fits");
        let difference = largest(plain - probed);
        assert!(difference < 1e-12, "{name}: probed, {difference}");

        let loss = |it: Tensor<2>| Ok(it.square().sum());
        let rows = Some(Lengths::new(lengths.clone()));
        let layers = diagnose(&network, inputs.clone(), rows, loss).expect("it fits");
        assert_eq!(layers.len(), recurrent, "{name}");
        for layer in &layers {
            assert_eq!(layer.units.dead, [0; 0], "{name}");
            // The last step's state of a cell that does not show it has no gradient.
            let norms = &layer.main_lag().norms[1..];
            let sound = |norm: &f64| *norm > 0.0 && norm.is_finite();
            assert!(norms.iter().all(sound), "{name}: {norms:?}");
            assert_eq!(layer.gates.is_empty(), layer.radii.is_empty(), "{name}");
        }
        let seen = layers.iter().all(|layer| !layer.radii.is_empty());
        assert_eq!(seen, has_gates, "{name}");
        let flows = flow(&network, inputs, Some(lengths), None, loss).expect("it fits");
        assert_eq!(flows.len(), 1, "{name}");
        assert!(
            flows[0].near > 0.0 && flows[0].far > 0.0,
            "{name}: {flows:?}"
        );
    }
}

/// Words that are looked up, on all their way.
#[test]
fn an_embedding_is_looked_through() {
    let (seed, device) = (Seed::new(3), device());
    let cell = GruCellConfig::new(3, 4).init(seed, &device);
    let cell = EmbeddingConfig::new(5).init(AnyCell::from(cell), seed, &device);
    let network = Network::new(vec![cell.into()], Readout::Last).expect("one layer");
    let words = Tensor::<3>::from_data([[[1.0_f32], [4.0], [0.0]]], &device);
    let layers = diagnose(&network, words, None, |it| Ok(it.sum())).expect("it fits");
    assert_eq!(layers[0].cell, "GruCell");
    assert!(layers[0].lags[0].norms.iter().all(|&norm| norm > 0.0));
}

/// In both directions lags count from where each cell ends: the second at the row's first step.
#[test]
fn both_directions_have_their_own_lags() {
    let layers = |first: f64, second: f64| {
        let cells = |radius| vec![AnyCell::from(rotation(radius))];
        let network = Network::bidirectional(cells(first), cells(second), Readout::Last);
        let network = network.expect("one layer");
        let inputs = normal([2, 6, 1], "inputs", 1.0);
        let loss = |it: Tensor<2>| Ok(it.sum() / 2.0);
        let lengths = Some(Lengths::new([6, 4]));
        let flows = flow(&network, inputs.clone(), Some(vec![6, 4]), None, loss).expect("it fits");
        let layers = diagnose(&network, inputs, lengths, loss).expect("it fits");
        (layers, flows)
    };
    let (layers, flows) = layers(0.5, 2.0);
    assert_eq!(flows[1].cell, "backward BasicRnnCell");
    assert_eq!(layers[1].cell, "backward BasicRnnCell");
    for (radius, layer) in [0.5_f64, 2.0].into_iter().zip(&layers) {
        for (lag, norm) in layer.lags[0].norms.iter().enumerate() {
            let expected = 2_f64.sqrt() * radius.powi(lag as i32);
            assert!(
                (norm / expected - 1.0).abs() < 1e-12,
                "{radius} {lag}: {norm}"
            );
        }
    }
    assert!(
        (flows[0].far / (2_f64.sqrt() * (0.5_f64.powi(6) + 0.5_f64.powi(4)) / 2.0) - 1.0).abs()
            < 1e-12
    );
}

/// The gradient norm at lag `k` against central differences: the state after step `L-1-k` is moved
/// and the rest of the row is run again, by the drivers that everybody uses.
#[test]
fn gradients_against_the_lag_are_those_of_central_differences() {
    let (batch, time, features, units) = (2, 6, 3, 4);
    let device = device();
    let cell = BasicRnnCellConfig::new(features, units)
        .with_dtype(DType::F64)
        .init(Seed::new(3), &device);
    let network = Network::new(vec![cell.clone().into()], Readout::Last).expect("one layer");
    let inputs = normal([batch, time, features], "inputs", 1.0);
    let weights = cotangent(units, batch);
    let loss = |output: Tensor<2>| (output * weights.clone()).sum() / batch as f64;
    let layers = diagnose(&network, inputs.clone(), None, |it| Ok(loss(it))).expect("it fits");
    for lag in 0..time {
        let split = time - lag;
        let run = |inputs: Tensor<3>, state| {
            let sequence = Sequence::batch_major(inputs).with_path(Path::Composed);
            cell.sequence(sequence, state).expect("it fits").state
        };
        let state = run(inputs.clone().narrow(1, 0, split), cell.zero_state(batch));
        let moved_loss = |row: usize, unit: usize, change: f64| {
            let mut numbers: Vec<f64> = state.hidden.to_data().iter().collect();
            numbers[row * units + unit] += change;
            let hidden = TensorData::new(numbers, [batch, units]);
            let hidden = Tensor::from_data(hidden, (&device, DType::F64));
            let state = state.clone().with_parts(vec![hidden]);
            let end = match lag {
                0 => state,
                _ => run(inputs.clone().narrow(1, split, lag), state),
            };
            number(loss(end.hidden)) * batch as f64
        };
        let step = 1e-5;
        let norm = |row| {
            let slope =
                |unit| (moved_loss(row, unit, step) - moved_loss(row, unit, -step)) / (2.0 * step);
            (0..units)
                .map(|unit| f64::powi(slope(unit), 2))
                .sum::<f64>()
                .sqrt()
        };
        let expected = (0..batch).map(norm).sum::<f64>() / batch as f64;
        let found = layers[0].lags[0].norms[lag];
        // Central differences of step 1e-5 in f64 are right to about 1e-10.
        assert!(
            (found - expected).abs() < 1e-8,
            "lag {lag}: {found} {expected}"
        );
    }
}

/// The same for both parts of an LSTM's state; `c` counts by way of `h` too.
#[test]
fn gradients_of_an_lstms_cell_are_total() {
    let device = device();
    let cell = LstmCellConfig::new(2, 1)
        .with_peepholes()
        .with_dtype(DType::F64)
        .init(Seed::new(5), &device);
    let network = Network::new(vec![cell.clone().into()], Readout::Last).expect("one layer");
    let inputs = normal([1, 3, 2], "inputs", 1.0);
    let layers = diagnose(&network, inputs.clone(), None, |it| Ok(it.sum())).expect("it fits");
    assert_eq!(layers[0].lags[0].part, StatePart::Cell);
    // One unit: the gradient of the last c is that of h = σ(o + w_o c) tanh(c), by its own formula.
    let run = cell
        .sequence(Sequence::batch_major(inputs.clone()), cell.zero_state(1))
        .expect("it fits");
    let before = cell
        .sequence(
            Sequence::batch_major(inputs.clone().narrow(1, 0, 2)),
            cell.zero_state(1),
        )
        .expect("it fits");
    let x = inputs.narrow(1, 2, 1).squeeze_dim::<2>(1);
    let sums = Tensor::cat(vec![x, before.state.hidden], 1).matmul(cell.kernel.val())
        + cell.bias.val().unsqueeze();
    let o = number(sums.narrow(1, 3, 1).reshape([1]));
    let c = number(run.state.cell.reshape([1]));
    let peephole = cell.peepholes.as_ref().expect("it has").output.val();
    let w = number(peephole);
    let gate = 1.0 / (1.0 + (-(o + w * c)).exp());
    let expected = gate * (1.0 - gate) * w * c.tanh() + gate * (1.0 - c.tanh().powi(2));
    let found = layers[0].lags[0].norms[0];
    assert!((found - expected.abs()).abs() < 1e-12, "{found} {expected}");
    assert!((layers[0].lags[1].norms[0] - 1.0).abs() < 1e-12);
}

/// `hidden' = hidden · R`, R being a rotation times `radius`.
fn rotation(radius: f64) -> BasicRnnCell {
    let (sine, cosine) = 0.6_f64.sin_cos();
    let rows = [
        [0.1, -0.2],
        [radius * cosine, -radius * sine],
        [radius * sine, radius * cosine],
    ];
    let mut cell = BasicRnnCellConfig::new(1, 2)
        .with_activation(Activation::Identity)
        .with_dtype(DType::F64)
        .init(Seed::new(1), &device());
    let kernel = Tensor::<2>::from_data(rows, (&device(), DType::F64));
    cell.kernel = Param::from_tensor(kernel);
    cell
}

fn of_rotation(radius: f64, time: usize) -> LayerDiagnosis {
    let network = Network::new(vec![rotation(radius).into()], Readout::Last).expect("one layer");
    let inputs = normal([4, time, 1], "inputs", 1.0);
    let lengths = Lengths::new([time, time, time - 1, time]);
    let loss = |output: Tensor<2>| Ok(output.sum() / 4.0);
    let layers = diagnose(&network, inputs, Some(lengths), loss).expect("it fits");
    layers.into_iter().next().expect("one layer")
}

#[test]
fn a_linear_network_decays_by_its_spectral_radius() {
    for (radius, time, verdict) in [
        (0.5, 200, Verdict::Vanishes),
        // 0.9^99 = 3e-5.
        (0.9, 100, Verdict::Vanishes),
        (0.9, 40, Verdict::Flows),
        (1.0, 100, Verdict::Flows),
        (1.1, 60, Verdict::Explodes),
    ] {
        let layer = of_rotation(radius, time);
        let norms = &layer.lags[0].norms;
        assert_eq!(norms.len(), time);
        for (lag, norm) in norms.iter().enumerate() {
            let expected = 2_f64.sqrt() * radius.powi(lag as i32);
            assert!(
                (norm / expected - 1.0).abs() < 1e-9,
                "{radius} {lag}: {norm} {expected}"
            );
        }
        assert!((layer.radii[0].radius - radius).abs() < 1e-6);
        assert!((layer.lags[0].rate().expect("a slope") - radius).abs() < 1e-9);
        assert_eq!(layer.verdict(), verdict, "{radius} {time}");
    }
}

/// The cheap look of training: the same network, two states a row.
#[test]
fn the_flow_of_a_linear_network_is_its_power() {
    for (radius, verdict) in [
        (0.5, Verdict::Vanishes),
        (0.95, Verdict::Flows),
        (1.3, Verdict::Explodes),
    ] {
        let network = Network::new(vec![rotation(radius).into()], Readout::Last).expect("one");
        let inputs = normal([4, 30, 1], "inputs", 1.0);
        let lengths = vec![30, 29, 1, 30];
        let loss = |output: Tensor<2>| Ok(output.sum() / 4.0);
        let found = flow(&network, inputs, Some(lengths), None, loss).expect("it fits");
        let [layer] = &found[..] else {
            panic!("one layer: {found:?}");
        };
        // The row of one step has no way back.
        let near = 2_f64.sqrt() * radius;
        let far = 2_f64.sqrt() * (2.0 * radius.powi(30) + radius.powi(29)) / 3.0;
        assert!(
            (layer.near / near - 1.0).abs() < 1e-9,
            "{radius}: {layer:?}"
        );
        assert!((layer.far / far - 1.0).abs() < 1e-9, "{radius}: {layer:?}");
        assert_eq!(layer.verdict(), verdict, "{radius}: {layer:?}");
        assert_eq!(layer.steps, 30);
    }
}

#[test]
fn what_worries() {
    let flow = |near, far| LayerFlow {
        cell: "BasicRnnCell".to_owned(),
        steps: 101,
        near,
        far,
    };
    let told = |flows: &[LayerFlow]| worry(flows).unwrap_or_default();
    assert_eq!(told(&[flow(1.0, 0.1), flow(0.0, 0.0)]), "");
    insta::assert_snapshot!(told(&[flow(1.0, 0.1), flow(2.0, 2.0 * 0.9_f64.powi(100))]), @"layer 1: gradients vanish in BasicRnnCell: 100 steps back 2.7e-5 of it is left, a factor of 0.900 a step; what lies more than about 87 steps back is hardly learnt; what helps: an LSTM or a GRU (model.cell), for these gate biases that keep the state longer (model.chrono_steps, model.forget_bias), else orthogonal or identity weights at the start (model.recurrent_initializer), or shorter sequences");
    insta::assert_snapshot!(told(&[flow(1.0, 0.0), flow(1.0, 1e-7)]), @"layer 0: gradients vanish in BasicRnnCell: 100 steps back nothing of it is left; layer 1: gradients vanish in BasicRnnCell: 100 steps back 1.0e-7 of it is left, a factor of 0.851 a step; what lies more than about 57 steps back is hardly learnt; what helps: an LSTM or a GRU (model.cell), for these gate biases that keep the state longer (model.chrono_steps, model.forget_bias), else orthogonal or identity weights at the start (model.recurrent_initializer), or shorter sequences");
    insta::assert_snapshot!(told(&[flow(1.0, 1.1_f64.powi(100))]), @"layer 0: gradients explode in BasicRnnCell: 100 steps back it is 1.4e4 times as large, a factor of 1.100 a step; what helps: clip gradients (train.clip), a lower learning rate, smaller recurrent weights at the start (model.recurrent_initializer)");
    insta::assert_snapshot!(told(&[flow(1.0, f64::INFINITY)]), @"layer 0: gradients explode in BasicRnnCell: 100 steps back it is beyond all numbers; what helps: clip gradients (train.clip), a lower learning rate, smaller recurrent weights at the start (model.recurrent_initializer)");
}

#[test]
fn gates_that_stand_open_or_shut_are_counted() {
    let lstm = |forget_bias| {
        let cell = LstmCellConfig::new(2, 5)
            .with_forget_bias(forget_bias)
            .init(Seed::new(2), &device());
        let network = Network::new(vec![cell.into()], Readout::Last).expect("one layer");
        let inputs = Tensor::<3>::zeros([2, 4, 2], &device());
        let layers = diagnose(&network, inputs, None, |it| Ok(it.sum())).expect("it fits");
        let gates = layers[0].gates.clone();
        let names: Vec<_> = gates.iter().map(|gate| gate.gate).collect();
        assert_eq!(names, ["input", "candidate", "forget", "output"]);
        [
            gates[0].low() + gates[0].high(),
            gates[2].low(),
            gates[2].high(),
        ]
    };
    assert_eq!(lstm(30.0), [0.0, 0.0, 1.0]);
    assert_eq!(lstm(-30.0), [0.0, 1.0, 0.0]);
    assert_eq!(lstm(0.0), [0.0, 0.0, 0.0]);
}

#[test]
fn a_relu_unit_that_is_always_off_is_dead() {
    let mut cell = BasicRnnCellConfig::new(2, 4)
        .with_activation(Activation::Relu)
        .with_initializer(Initializer::Constant(0.3))
        .with_dtype(DType::F64)
        .init(Seed::new(2), &device());
    let bias = Tensor::<1>::from_data([0.1, -1e3, 0.1, -1e3], (&device(), DType::F64));
    cell.bias = Param::from_tensor(bias);
    let network = Network::new(vec![cell.into()], Readout::Last).expect("one layer");
    let inputs = normal([4, 5, 2], "inputs", 1.0);
    let layers = diagnose(&network, inputs, None, |it| Ok(it.sum() / 4.0)).expect("it fits");
    assert_eq!(layers[0].units.dead, [1, 3]);
    assert!(layers[0].gates.is_empty(), "relu has one bound");
}

#[test]
fn what_it_says() {
    insta::assert_snapshot!(of_rotation(0.5, 60), @"gradients vanish: after 59 steps 1.7e-18 of it is left (a factor of 0.500 a step); the recurrent weights of the units have a spectral radius of 0.50; what helps: an LSTM or a GRU (model.cell), for these gate biases that keep the state longer (model.chrono_steps, model.forget_bias), else orthogonal or identity weights at the start (model.recurrent_initializer), or shorter sequences");
    insta::assert_snapshot!(of_rotation(0.95, 30), @"gradients flow: after 29 steps 0.226 of it is left (a factor of 0.950 a step); the recurrent weights of the units have a spectral radius of 0.95");
    insta::assert_snapshot!(of_rotation(1.5, 30), @"gradients explode: after 29 steps it is 1.3e5 times as large (a factor of 1.500 a step); the recurrent weights of the units have a spectral radius of 1.50; what helps: clip gradients (train.clip), a lower learning rate, smaller recurrent weights at the start (model.recurrent_initializer)");
}

#[test]
fn small_gradients_of_f32_are_no_zeros() {
    let cell = BasicRnnCellConfig::new(1, 2)
        .with_activation(Activation::Identity)
        .with_initializer(Initializer::Constant(0.1))
        .init(Seed::new(1), &device());
    let network = Network::new(vec![cell.into()], Readout::Last).expect("one layer");
    let inputs = Tensor::<3>::ones([1, 81, 1], &device());
    let layers = diagnose(&network, inputs, None, |it| Ok(it.sum())).expect("it fits");
    // [[.1, .1], [.1, .1]] on (1, 1): .2^80 = 1.2e-56, below the smallest f32 of 1.4e-45.
    let left = layers[0].main_lag().left() / 0.2_f64.powi(80);
    assert!((left - 1.0).abs() < 1e-4, "{left}");
}

#[test]
fn nothing_to_look_at() {
    let network = Network::new(vec![rotation(0.5).into()], Readout::Last).expect("one layer");
    let inputs = Tensor::<3>::zeros([0, 3, 1], (&device(), DType::F64));
    let error = diagnose(&network, inputs, None, |it| Ok(it.sum())).expect_err("no row");
    insta::assert_snapshot!(error, @"inputs: has B = 0 rows of T = 3 steps; give at least one row of one step");
}
