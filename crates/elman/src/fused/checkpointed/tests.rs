//! Segments of any length give the bits of the whole.

use burn::tensor::{DType, Device, Tensor, TensorData};

use super::super::{Fused, operation};
use super::*;
use crate::activation::Activation;
use crate::cell::ResetGate::{AfterProduct, BeforeProduct};
use crate::cell::{BasicRnnCellConfig, GruCellConfig, LstmCellConfig};
use crate::random::{Generator, Seed};
use crate::unroll::{UnrollOptions, dynamic_rnn};

const TIME: usize = 11;
const FEATURES: usize = 3;
const UNITS: usize = 17;

fn random(generator: &mut Generator, shape: &[usize], dtype: DType) -> TensorData {
    let count = shape.iter().product();
    let numbers: Vec<f64> = (0..count).map(|_| generator.normal()).collect();
    TensorData::new(numbers, shape.to_vec()).convert_dtype(dtype)
}

fn leaf<const D: usize>(data: TensorData) -> Tensor<D> {
    let device = Device::flex().autodiff();
    let dtype = data.dtype();
    Tensor::from_data(data, (&device, dtype)).require_grad()
}

/// Outputs, final state, and the gradients of everything that goes in; the loss is a random
/// weighting of the outputs (if `with_outputs`) and of the final state.
fn run(
    cell: &impl Fused,
    plan: &Plan,
    segment: Option<usize>,
    (dtype, with_outputs): (DType, bool),
) -> Vec<TensorData> {
    let spec = cell.spec();
    let mut generator = Seed::new(8).generator("checkpoints");
    let axes = match plan.layout() {
        Layout::BatchMajor => [plan.batch(), plan.time()],
        Layout::TimeMajor => [plan.time(), plan.batch()],
    };
    let sequence = |width: usize| [axes[0], axes[1], width];
    let inputs = leaf::<3>(random(&mut generator, &sequence(FEATURES), dtype));
    let state = [plan.batch(), spec.state()];
    let weights: Vec<TensorData> = [sequence(spec.outputs()).to_vec(), state.to_vec()]
        .iter()
        .map(|shape| random(&mut generator, shape, dtype))
        .collect();
    let state = leaf::<2>(random(&mut generator, &state, dtype));
    let parameters: Vec<Tensor<2>> = cell
        .parameters()
        .into_iter()
        .map(|parameter| leaf(random(&mut generator, &parameter.dims(), dtype)))
        .collect();
    let call = (spec, plan.clone(), segment);
    let (outputs, final_state) = operation::run(
        (inputs.clone(), state.clone(), None),
        parameters.clone(),
        call,
    );
    let of_state = leaf::<2>(weights[1].clone()).detach();
    let mut loss = (final_state.clone() * of_state).sum();
    if with_outputs {
        let of_outputs = leaf::<3>(weights[0].clone()).detach();
        loss = loss + (outputs.clone() * of_outputs).sum();
    }
    let gradients = loss.backward();
    let mut all = vec![
        outputs.into_data(),
        final_state.into_data(),
        inputs.grad(&gradients).expect("inputs").into_data(),
        state.grad(&gradients).expect("state").into_data(),
    ];
    all.extend(parameters.iter().map(|parameter| {
        let gradient = parameter.grad(&gradients);
        gradient.expect("every parameter takes part").into_data()
    }));
    all
}

/// How many runs were compared.
fn check(cell: &impl Fused) -> usize {
    let lengths = [TIME, 0, 4, 7, 4];
    let plans = [
        Plan::full(Layout::BatchMajor, 3, TIME),
        Plan::full(Layout::TimeMajor, 2, TIME),
        Plan::ragged(Layout::BatchMajor, TIME, &lengths),
        Plan::ragged(Layout::TimeMajor, TIME, &[3, 8, 5, 8]),
    ];
    let mut count = 0;
    for plan in &plans {
        for kind in [(DType::F32, true), (DType::F64, true), (DType::F32, false)] {
            let whole = run(cell, plan, None, kind);
            for steps in [1, 2, 3, 4, 5, TIME - 1, TIME] {
                let cut = run(cell, plan, Some(steps), kind);
                for (which, (cut, whole)) in cut.iter().zip(&whole).enumerate() {
                    let same = cut.as_bytes() == whole.as_bytes();
                    assert!(same, "{plan:?} {kind:?} {steps} steps, tensor {which}");
                }
                count += 1;
            }
        }
    }
    count
}

#[test]
fn segments_give_the_bits_of_the_whole() {
    let (seed, device) = (Seed::new(7), Device::flex());
    let lstm = || LstmCellConfig::new(FEATURES, UNITS);
    let gru = |gate| GruCellConfig::new(FEATURES, UNITS).with_reset_gate(gate);
    let everything = lstm()
        .with_peepholes()
        .with_cell_clip(0.7)
        .with_num_proj(5)
        .with_proj_clip(0.2)
        .with_activation(Activation::Elu);
    let count = check(&BasicRnnCellConfig::new(FEATURES, UNITS).init(seed, &device))
        + check(&lstm().init(seed, &device))
        + check(&lstm().with_peepholes().init(seed, &device))
        + check(&lstm().with_num_proj(5).init(seed, &device))
        + check(&everything.init(seed, &device))
        + check(&gru(BeforeProduct).init(seed, &device))
        + check(&gru(AfterProduct).init(seed, &device));
    println!("checkpoints: {count} runs in segments, bit for bit as whole");
}

#[test]
fn longer_sequences_than_a_block_of_weight_gradients_too() {
    let plan = Plan::full(Layout::BatchMajor, 4, 130);
    let cell = LstmCellConfig::new(FEATURES, UNITS).init(Seed::new(7), &Device::flex());
    let kind = (DType::F32, true);
    let whole = run(&cell, &plan, None, kind);
    for steps in [7, 48, 100] {
        let cut = run(&cell, &plan, Some(steps), kind);
        let bytes = |all: &[TensorData]| -> Vec<Vec<u8>> {
            all.iter().map(|data| data.as_bytes().to_vec()).collect()
        };
        assert!(bytes(&cut) == bytes(&whole), "{steps} steps");
    }
}

#[test]
fn a_budget_chooses_the_longest_segments_that_fit() {
    let cell = LstmCellConfig::new(1, 128).init(Seed::new(7), &Device::flex());
    let spec = cell.spec();
    let plan = Plan::full(Layout::BatchMajor, 4, 100_000);
    let steps = |budget| segment_steps(&spec, &plan, 4, budget);
    assert_eq!(steps(u64::MAX).expect("plenty"), None);
    let chosen = steps(512 << 20).expect("enough").expect("not all");
    assert!((2_000..20_000).contains(&chosen), "{chosen}");
    let error = steps(100 << 20).expect_err("outputs alone need more");
    let message = error.to_string();
    assert!(
        message.starts_with("memory: is 104857600 bytes for T = 100000 steps of B = 4 rows; give"),
        "{message}"
    );
    let least: u64 = message
        .split_whitespace()
        .find_map(|word| {
            word.trim_end_matches(',')
                .parse()
                .ok()
                .filter(|&it| it > 200_000_000)
        })
        .expect("the error says what would do");
    assert!(steps(least).expect("that is enough").is_some());
    assert!(steps(least - 1).is_err());
}

#[test]
fn the_option_of_the_driver_changes_no_bit() {
    let device = Device::flex().autodiff();
    let cell = GruCellConfig::new(2, 9).init(Seed::new(7), &device);
    let mut generator = Seed::new(9).generator("inputs");
    let inputs = random(&mut generator, &[2, 300, 2], DType::F32);
    let gradient = |options| {
        let inputs = Tensor::<3>::from_data(inputs.clone(), &device);
        let run = dynamic_rnn(&cell, inputs, options).expect("fits");
        let gradients = run.outputs.square().sum().backward();
        let gradient = cell.gates_kernel.val().grad(&gradients);
        gradient.expect("it takes part").into_data()
    };
    let plain = gradient(UnrollOptions::default());
    let tight = UnrollOptions::default().with_memory(80_000);
    assert_eq!(gradient(tight), plain);
    let inputs = Tensor::<3>::from_data(inputs.clone(), &device);
    let error = dynamic_rnn(&cell, inputs, UnrollOptions::default().with_memory(1_000));
    assert!(error.expect_err("too little").is_argument());
}

#[test]
fn segments_are_equal_and_the_last_is_the_longest() {
    let spec = LstmCellConfig::new(FEATURES, UNITS)
        .init(Seed::new(1), &Device::flex())
        .spec();
    for time in 1..40 {
        for steps in 1..=time {
            let segmented = Segmented::<f32> {
                spec: &spec,
                plan: &Plan::full(Layout::BatchMajor, 2, time),
                steps,
                parameters: &[],
                inputs: &[],
                state: &[],
            };
            let segments = segmented.segments();
            let covered: Vec<usize> = segments.iter().cloned().flatten().collect();
            assert_eq!(covered, (0..time).collect::<Vec<_>>());
            let lengths: Vec<usize> = segments.iter().map(ExactSizeIterator::len).collect();
            let longest = *lengths.last().expect("there are steps");
            assert!(longest <= steps, "{time} in {steps}: {lengths:?}");
            let nearly = longest - 1..=longest;
            assert!(
                lengths.iter().all(|length| nearly.contains(length)),
                "{time} in {steps}: {lengths:?}"
            );
        }
    }
}
