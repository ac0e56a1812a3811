//! Batch normalisation of the input transform: its equation, its statistics, its gradients.

use burn::module::{Module, ModuleDisplay};
use burn::tensor::{DType, Device, Tensor, TensorData};
use elman::activation::Activation;
use elman::cell::{
    BasicRnnCell, BasicRnnCellConfig, Cell, GruCellConfig, Lengths, LstmCellConfig,
    MinGruCellConfig, ResetGate, State, TransformsInputs,
};
use elman::random::Seed;
use elman::train::{Optimiser, restore, snapshot};
use elman::unroll::{Stream, UnrollOptions, dynamic_rnn};
use elman::wrapper::{AnyCell, BatchNormConfig, BatchNormWrapper, Noise};

const EPSILON: f64 = 1e-5;
const FEATURES: usize = 3;
const UNITS: usize = 4;

fn numbers<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.to_data().iter::<f64>().collect()
}

/// Numbers of order 1 that are nothing in particular, `[B, T, F]`.
fn inputs([batch, time]: [usize; 2], device: &Device) -> Tensor<3> {
    let count = batch * time * FEATURES;
    let values: Vec<f64> = (0..count)
        .map(|index| ((index * index + 3 * index) as f64 * 0.37).sin() * 2.0 + 0.5)
        .collect();
    let data = TensorData::new(values, [batch, time, FEATURES]);
    Tensor::from_data(data, (device, DType::F64))
}

fn basic(device: &Device) -> BasicRnnCell {
    BasicRnnCellConfig::new(FEATURES, UNITS)
        .with_activation(Activation::Tanh)
        .with_dtype(DType::F64)
        .init(Seed::new(7), device)
}

fn normalised<C: TransformsInputs>(cell: C, device: &Device) -> BatchNormWrapper<C> {
    let config = BatchNormConfig::new().with_noise(Noise::Always);
    config
        .init(cell, device)
        .expect("it has an input transform")
}

/// The equation, written out in f64 for a basic cell and rows of different lengths.
#[test]
fn it_is_its_equation_over_all_real_steps() {
    let device = Device::flex();
    let cell = basic(&device);
    let wrapper = normalised(cell.clone(), &device);
    let (batch, time, lengths) = (3, 5, [5, 2, 0]);
    let x = inputs([batch, time], &device);
    let options = UnrollOptions::default().with_sequence_length(Lengths::new(lengths));
    let run = dynamic_rnn(&wrapper, x.clone(), options).expect("the shapes fit");
    let (x, kernel) = (numbers(&x), numbers(&cell.kernel.val()));
    let product = |row: usize, step: usize, unit: usize| -> f64 {
        let terms = (0..FEATURES).map(|feature| {
            x[(row * time + step) * FEATURES + feature] * kernel[feature * UNITS + unit]
        });
        terms.sum()
    };
    let outputs = numbers(&run.outputs);
    for unit in 0..UNITS {
        let real: Vec<f64> = (0..batch)
            .flat_map(|row| (0..lengths[row]).map(move |step| (row, step)))
            .map(|(row, step)| product(row, step, unit))
            .collect();
        let mean = real.iter().sum::<f64>() / real.len() as f64;
        let squares = real.iter().map(|number| (number - mean).powi(2));
        let variance = squares.sum::<f64>() / real.len() as f64;
        for row in 0..batch {
            for step in 0..time {
                let at = |unit: usize| outputs[(row * time + step) * UNITS + unit];
                if step >= lengths[row] {
                    assert_eq!(at(unit), 0.0);
                    continue;
                }
                let before = |unit: usize| match step {
                    0 => 0.0,
                    _ => outputs[(row * time + step - 1) * UNITS + unit],
                };
                let scaled = (product(row, step, unit) - mean) / (variance + EPSILON).sqrt();
                let hidden: f64 = (0..UNITS)
                    .map(|from| before(from) * kernel[(FEATURES + from) * UNITS + unit])
                    .sum();
                let expected = (scaled + hidden).tanh();
                let found = at(unit);
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
        }
        // A tenth of the way from 0 and 1.
        let moving = [&wrapper.mean, &wrapper.variance].map(|it| numbers(&it.value())[unit]);
        assert!((moving[0] - 0.1 * mean).abs() < 1e-12, "{moving:?}");
        assert!(
            (moving[1] - (0.9 + 0.1 * variance)).abs() < 1e-12,
            "{moving:?}"
        );
    }
}

/// What stands in the padding, and which layout it has, changes nothing.
#[test]
fn padding_is_not_seen() {
    let device = Device::flex();
    let x = inputs([2, 4], &device);
    let lengths = Lengths::new([4, 1]);
    let spoilt = x
        .clone()
        .slice_assign([1..2, 1..4], x.clone().slice([1..2, 1..4]) * f64::NAN);
    let [clean, found] = [x, spoilt].map(|x| {
        let wrapper = normalised(basic(&device), &device);
        let options = UnrollOptions::default().with_sequence_length(lengths.clone());
        let run = dynamic_rnn(&wrapper, x, options).expect("the shapes fit");
        (
            run.outputs.into_data(),
            wrapper.variance.value().into_data(),
        )
    });
    assert_eq!(clean, found);
}

/// Gradients of inputs, kernel and gain against central differences, in f64.
fn check_gradients<C: TransformsInputs + Module + ModuleDisplay>(cell: &dyn Fn(&Device) -> C) {
    let device = Device::flex().autodiff();
    let lengths = Lengths::new([5, 3, 1]);
    let loss = |wrapper: &BatchNormWrapper<C>, x: Tensor<3>| {
        let options = UnrollOptions::default().with_sequence_length(lengths.clone());
        let run = dynamic_rnn(wrapper, x, options).expect("the shapes fit");
        let weights: Vec<f64> = (0..UNITS).map(|unit| unit as f64 + 0.5).collect();
        let weights = TensorData::new(weights, [1, 1, UNITS]);
        let weights = Tensor::<3>::from_data(weights, (&run.outputs.device(), DType::F64));
        (run.outputs.powi_scalar(2) * weights).sum()
    };
    let wrapper = normalised(cell(&device), &device);
    let x = inputs([3, 5], &device).require_grad();
    let gradients = loss(&wrapper, x.clone()).backward();
    let of_inputs = numbers(&x.grad(&gradients).expect("a gradient"));
    let of_gain = numbers(&wrapper.gain.val().grad(&gradients).expect("a gradient"));
    let step = 1e-6;
    let values = numbers(&x.clone().inner());
    let plain = Device::flex();
    let inner = wrapper.valid();
    for index in [0, 4, 11, 16, 31] {
        let at = |change: f64| {
            let mut values = values.clone();
            values[index] += change;
            let data = TensorData::new(values, [3, 5, FEATURES]);
            let x = Tensor::from_data(data, (&plain, DType::F64));
            numbers(&loss(&inner, x))[0]
        };
        let expected = (at(step) - at(-step)) / (2.0 * step);
        let found = of_inputs[index];
        assert!(
            (found - expected).abs() < 1e-6,
            "input {index}: {found} {expected}"
        );
    }
    let tensors = snapshot(&inner);
    for index in 0..of_gain.len() {
        let at = |change: f64| {
            let mut tensors = tensors.clone();
            let mut gain: Vec<f64> = tensors["gain"].iter::<f64>().collect();
            gain[index] += change;
            let count = gain.len();
            tensors.insert("gain".to_owned(), TensorData::new(gain, [count]));
            let other = normalised(cell(&plain), &plain);
            let other = restore(other, tensors, "test".as_ref()).expect("it fits");
            numbers(&loss(&other, x.clone().inner()))[0]
        };
        let expected = (at(step) - at(-step)) / (2.0 * step);
        let found = of_gain[index];
        assert!(
            (found - expected).abs() < 1e-6,
            "gain {index}: {found} {expected}"
        );
    }
}

#[test]
fn gradients_go_through_the_statistics() {
    check_gradients(&|device: &Device| basic(device));
    check_gradients(&|device: &Device| {
        let config = LstmCellConfig::new(FEATURES, UNITS).with_dtype(DType::F64);
        config.with_peepholes().init(Seed::new(8), device)
    });
    for gate in [ResetGate::BeforeProduct, ResetGate::AfterProduct] {
        check_gradients(&move |device: &Device| {
            let config = GruCellConfig::new(FEATURES, UNITS).with_dtype(DType::F64);
            config.with_reset_gate(gate).init(Seed::new(9), device)
        });
    }
}

/// In inference the moving statistics are used, so that steps, chunks and rows are independent; the
/// folded cell is a plain one that computes the same.
#[test]
fn inference_uses_the_moving_statistics() {
    let device = Device::flex().autodiff();
    let wrapper = BatchNormConfig::new()
        .init(basic(&device), &device)
        .expect("it fits");
    let x = inputs([3, 5], &device);
    for _ in 0..3 {
        dynamic_rnn(&wrapper, x.clone(), UnrollOptions::default()).expect("the shapes fit");
    }
    let trained = numbers(&wrapper.variance.value());
    assert!(trained.iter().all(|&variance| variance != 1.0));
    let inner = wrapper.valid();
    let x = x.inner();
    let run = |cell: &BatchNormWrapper<BasicRnnCell>, x: Tensor<3>| {
        dynamic_rnn(cell, x, UnrollOptions::default())
            .expect("the shapes fit")
            .outputs
    };
    let whole = run(&inner, x.clone());
    assert_eq!(numbers(&inner.variance.value()), trained, "nothing moves");
    let row = run(&inner, x.clone().narrow(0, 1, 1));
    assert_eq!(row.to_data(), whole.clone().narrow(0, 1, 1).to_data());
    let mut stream = Stream::new(&inner, 3);
    let pieces = [(0, 2), (2, 3)].map(|(start, steps)| {
        stream
            .feed(x.clone().narrow(1, start, steps))
            .expect("it fits")
    });
    assert_eq!(Tensor::cat(pieces.to_vec(), 1).to_data(), whole.to_data());
    let folded = dynamic_rnn(&inner.folded(), x, UnrollOptions::default()).expect("it fits");
    assert_eq!(folded.outputs.to_data(), whole.to_data());
    // Looking at a model that is on a device with autodiff does not train it.
    let silent = UnrollOptions::default().without_noise();
    dynamic_rnn(&wrapper, inputs([3, 5], &device), silent).expect("the shapes fit");
    assert_eq!(numbers(&wrapper.variance.value()), trained);
}

#[test]
fn the_statistics_are_saved_and_not_trained() {
    let device = Device::flex().autodiff();
    let wrapper = BatchNormConfig::new()
        .init(basic(&device), &device)
        .expect("it fits");
    let x = inputs([3, 5], &device);
    let run = dynamic_rnn(&wrapper, x, UnrollOptions::default()).expect("the shapes fit");
    let before = snapshot(&wrapper);
    assert!(before.contains_key("mean") && before.contains_key("variance"));
    let mut optimiser = Optimiser::new(elman::recipe::AdamSettings::default());
    let loss = run.outputs.powi_scalar(2).sum();
    let wrapper = optimiser
        .update(wrapper, loss.backward(), 0.1, 0)
        .expect("it has gradients");
    let after = snapshot(&wrapper);
    assert_eq!(before["mean"], after["mean"]);
    assert_eq!(before["variance"], after["variance"]);
    assert_ne!(before["gain"], after["gain"]);
    assert_ne!(before["cell.kernel"], after["cell.kernel"]);
    let fresh = BatchNormConfig::new()
        .init(basic(&device), &device)
        .expect("it fits");
    let restored = restore(fresh, after.clone(), "test".as_ref()).expect("it fits");
    assert_eq!(snapshot(&restored), after);
}

#[test]
fn other_cells_and_settings_are_refused() {
    let device = Device::flex();
    let cell: AnyCell = MinGruCellConfig::new(FEATURES, UNITS)
        .init(Seed::new(1), &device)
        .into();
    let refused = BatchNormConfig::new().init(cell, &device);
    let message = refused.expect_err("it is refused").to_string();
    assert!(message.contains("more than one product"), "{message}");
    for config in [
        BatchNormConfig::new().with_decay(1.5),
        BatchNormConfig::new().with_epsilon(0.0),
    ] {
        let refused = config.init(basic(&device), &device);
        assert!(refused.expect_err("it is refused").is_argument());
    }
    let state = basic(&device).zero_state(1);
    assert_eq!(state.into_parts().len(), 1);
}
