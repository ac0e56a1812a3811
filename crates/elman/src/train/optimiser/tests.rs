use burn::module::ParamId;
use burn::tensor::Device;

use super::*;
use crate::recipe::AdamSettings;
use crate::train::{restore, snapshot};

#[derive(Module, Debug)]
struct Pair {
    left: Param<Tensor<2>>,
    right: Param<Tensor<1>>,
}

fn pair(dtype: DType) -> Pair {
    let device = Device::flex().autodiff();
    let left = TensorData::new(vec![0.5_f64, -1.5, 2.0, 0.25, -0.75, 1.0], [2, 3]);
    let right = TensorData::new(vec![3.0_f64, -0.125], [2]);
    Pair {
        left: Param::from_tensor(Tensor::from_data(left, (&device, dtype))),
        right: Param::from_tensor(Tensor::from_data(right, (&device, dtype))),
    }
}

/// Σ left³ + Σ right² / 2, whose gradients are 3·left² and right.
fn gradients(pair: &Pair) -> Gradients {
    let left = pair.left.val();
    let cubes = left.clone() * left.clone() * left;
    let right = pair.right.val();
    let squares = right.clone() * right;
    (cubes.sum() + squares.sum() / 2.0).backward()
}

fn settings() -> AdamSettings {
    AdamSettings {
        epsilon: 1e-3,
        ..AdamSettings::default()
    }
}

const RATE: f64 = 0.05;

fn numbers(pair: &Pair) -> Vec<f64> {
    snapshot(pair)
        .into_values()
        .flat_map(|data| data.iter::<f64>().collect::<Vec<_>>())
        .collect()
}

/// Adam by the formula of Kingma and Ba, powers and all, one number at a time in f64.
fn by_hand(mut weight: f64, gradient: impl Fn(f64) -> f64, steps: i32) -> f64 {
    let AdamSettings {
        beta1,
        beta2,
        epsilon,
        ..
    } = settings();
    let (mut first, mut second) = (0.0, 0.0);
    for step in 1..=steps {
        let gradient = gradient(weight);
        first = beta1 * first + (1.0 - beta1) * gradient;
        second = beta2 * second + (1.0 - beta2) * gradient * gradient;
        let rate = RATE * (1.0 - beta2.powi(step)).sqrt() / (1.0 - beta1.powi(step));
        weight -= rate * first / (f64::sqrt(second) + epsilon);
    }
    weight
}

fn trained(dtype: DType, steps: u64) -> (Pair, Optimiser) {
    let mut adam = Optimiser::new(settings());
    let mut model = pair(dtype);
    for step in 0..steps {
        let gradients = gradients(&model);
        model = adam.update(model, gradients, RATE, step).expect("finite");
    }
    (model, adam)
}

#[test]
fn follows_the_paper() {
    let steps = 7;
    let start = numbers(&pair(DType::F64));
    let expected: Vec<f64> = start
        .iter()
        .enumerate()
        .map(|(at, &weight)| {
            let cubed = |weight: f64| 3.0 * weight * weight;
            if at < 6 {
                by_hand(weight, cubed, steps)
            } else {
                by_hand(weight, |weight| weight, steps)
            }
        })
        .collect();
    // Some ten roundings a step, of numbers up to 3; f32 rounds at 6e-8.
    for (dtype, tolerance) in [(DType::F64, 1e-13), (DType::F32, 1e-5)] {
        let (model, _) = trained(dtype, steps as u64);
        for (found, expected) in numbers(&model).into_iter().zip(&expected) {
            assert!(
                (found - expected).abs() < tolerance,
                "{dtype:?}: {found} {expected}"
            );
        }
    }
}

#[test]
fn epsilon_stands_outside_the_bias_correction() {
    // In the first step the moments' corrections cancel but for epsilon: TF 1 adds it to
    // √second = √(1 - beta2)·|gradient|, Burn's Adam to |gradient|.
    let settings = AdamSettings {
        epsilon: 1.0,
        ..AdamSettings::default()
    };
    let mut adam = Optimiser::new(settings);
    let before = pair(DType::F64);
    let gradient = -0.125;
    let grads = gradients(&before);
    let after = adam.update(before, grads, RATE, 0).expect("finite");
    let shrink = (1.0 - settings.beta2).sqrt();
    let expected = -0.125 - RATE * shrink * gradient / (shrink * f64::abs(gradient) + 1.0);
    let found = numbers(&after)[7];
    assert!((found - expected).abs() < 1e-15, "{found} {expected}");
}

#[test]
fn saved_and_restored_it_goes_on_bit_for_bit() {
    let (straight, _) = trained(DType::F32, 6);
    let (model, adam) = trained(DType::F32, 3);
    let path = Path::new("checkpoint");
    let mut adam = Optimiser::new(settings())
        .with_state(adam.state(), path)
        .expect("whole");
    let mut model = restore(pair(DType::F32), snapshot(&model), path).expect("the same shapes");
    for step in 3..6 {
        let gradients = gradients(&model);
        model = adam.update(model, gradients, RATE, step).expect("finite");
    }
    assert_eq!(snapshot(&model), snapshot(&straight));
}

#[test]
fn a_parameter_without_a_gradient_is_an_error() {
    let model = pair(DType::F32);
    let right = model.right.val();
    let error = Optimiser::new(settings())
        .update(model, right.sum().backward(), RATE, 0)
        .expect_err("left takes no part");
    assert_eq!(
        error.to_string(),
        "gradients: there is none for left; every parameter must take part in the loss"
    );
}

#[test]
fn what_is_not_finite_is_named_with_its_step() {
    let model = pair(DType::F32);
    let loss = model.left.val().sum() + (model.right.val() * f64::INFINITY).sum();
    let error = Optimiser::new(settings())
        .update(model, loss.backward(), RATE, 41)
        .expect_err("an infinite gradient");
    assert!(error.is_not_finite());
    assert!(
        error
            .to_string()
            .starts_with("the gradient of right became non-finite at step 41"),
        "{error}"
    );
    let model = pair(DType::F32);
    let grads = gradients(&model);
    let error = Optimiser::new(settings())
        .update(model, grads, 1e39, 5)
        .expect_err("too large a step");
    assert!(
        error
            .to_string()
            .starts_with("parameter left became non-finite at step 5"),
        "{error}"
    );
}

#[test]
fn state_of_another_model_is_refused() {
    let (_, adam) = trained(DType::F32, 1);
    let path = Path::new("checkpoint");
    let mut state = adam.state();
    state.slots.remove("v.left");
    let restored = |state| Optimiser::new(settings()).with_state(state, path);
    let error = restored(state).expect_err("a moment is missing");
    assert!(error.to_string().contains("m, v of left"), "{error}");
    let mut state = adam.state();
    state.slots.remove("m.left");
    state.slots.remove("v.left");
    let mut adam = restored(state).expect("in pairs");
    let model = pair(DType::F32);
    let grads = gradients(&model);
    let error = adam
        .update(model, grads, RATE, 1)
        .expect_err("no state for left");
    assert!(
        error.to_string().contains("optimiser state of left"),
        "{error}"
    );
}

#[test]
fn restoring_lists_every_tensor_that_does_not_fit() {
    let mut tensors = snapshot(&pair(DType::F32));
    tensors.remove("right");
    tensors.insert(
        "left".to_owned(),
        TensorData::new(vec![1.0_f32, 2.0], [2, 1]),
    );
    tensors.insert("middle".to_owned(), TensorData::new(vec![1.0_f32], [1]));
    let error = restore(pair(DType::F32), tensors, Path::new("m")).expect_err("all wrong");
    assert_eq!(
        error.to_string(),
        "m: does not fit the model: left: expected F32 [2, 3], found F32 [2, 1]; right: missing; \
         middle: not a parameter of this model; give the file that belongs to this recipe"
    );
    let doubles = snapshot(&pair(DType::F64));
    let error = restore(pair(DType::F32), doubles, Path::new("m")).expect_err("f64");
    assert!(
        error
            .to_string()
            .contains("right: expected F32 [2], found F64 [2]"),
        "{error}"
    );
}

#[test]
fn parameters_keep_their_identity() {
    let before = pair(DType::F32);
    let ids: [ParamId; 2] = [before.left.id, before.right.id];
    let grads = gradients(&before);
    let after = Optimiser::new(settings())
        .update(before, grads, RATE, 0)
        .expect("finite");
    assert_eq!([after.left.id, after.right.id], ids);
    assert!(after.left.val().is_require_grad());
}

/// One step of plain gradient descent with rate 1 under `regularisation`: what it took away.
fn taken_away(regularisation: Regularisation) -> (Vec<f64>, GradientNorms) {
    let settings = crate::recipe::SgdSettings { learning_rate: 1.0 };
    let mut optimiser = Optimiser::new(settings).with_regularisation(regularisation);
    let before = pair(DType::F64);
    let start = numbers(&before);
    let grads = gradients(&before);
    let after = optimiser.update(before, grads, 1.0, 0).expect("finite");
    let taken = start
        .iter()
        .zip(numbers(&after))
        .map(|(start, end)| start - end);
    (taken.collect(), optimiser.norms())
}

#[test]
fn penalties_pull_matrices_towards_zero_and_leave_vectors_alone() {
    let (plain, norms) = taken_away(Regularisation::default());
    let square_sum: f64 = plain.iter().map(|number| number * number).sum();
    assert!(
        (norms.before - square_sum.sqrt()).abs() < 1e-12,
        "{norms:?}"
    );
    let start = numbers(&pair(DType::F64));
    let by = |l1, l2, weight_decay| {
        let (taken, norms) = taken_away(Regularisation {
            l1,
            l2,
            weight_decay,
        });
        let more = taken.iter().zip(&plain).map(|(taken, plain)| taken - plain);
        (more.collect::<Vec<f64>>(), norms)
    };
    let close = |found: &[f64], expected: &dyn Fn(f64) -> f64| {
        for (at, (found, &weight)) in found.iter().zip(&start).enumerate() {
            let expected = if at < 6 { expected(weight) } else { 0.0 };
            assert!((found - expected).abs() < 1e-14, "{at}: {found} {expected}");
        }
    };
    let (l1, l1_norms) = by(0.25, 0.0, 0.0);
    close(&l1, &|weight| 0.25 * weight.signum());
    assert!(
        l1_norms.before != norms.before,
        "the norm is with the penalty"
    );
    close(&by(0.0, 0.5, 0.0).0, &|weight| 0.5 * weight);
    let (decay, decay_norms) = by(0.0, 0.0, 0.125);
    close(&decay, &|weight| 0.125 * weight);
    assert_eq!(decay_norms, norms);
}
