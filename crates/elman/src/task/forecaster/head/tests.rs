use burn::tensor::{DType, Device, TensorData};
use statrs::distribution::{Continuous, Discrete, Normal, StudentsT};

use super::*;

fn heads() -> Vec<Head> {
    vec![
        Head::Linear {
            loss: PointLoss::Squared,
        },
        Head::Linear {
            loss: PointLoss::Absolute,
        },
        Head::Quantiles {
            levels: vec![0.1, 0.3, 0.5, 0.9],
        },
        Head::Gaussian,
        Head::StudentT,
        Head::NegativeBinomial,
    ]
}

/// `[2, 3]` whole numbers, which every head can be asked about.
const TARGETS: [f64; 6] = [0.0, 1.0, 3.0, 7.0, 2.0, 5.0];
const FACTORS: [f64; 6] = [1.0, 1.0, 1.0, 4.0, 4.0, 4.0];

/// Numbers without a pattern, `[2, 3, P]`.
fn outputs(head: &Head) -> Vec<f64> {
    let count = TARGETS.len() * head.parameters();
    (0..count)
        .map(|at| (at as f64 * 1.7 + 0.3).sin() * 1.5)
        .collect()
}

fn tensor<const D: usize>(values: &[f64], shape: [usize; D]) -> Tensor<D> {
    let device = Device::flex().autodiff();
    Tensor::from_data(
        TensorData::new(values.to_vec(), shape),
        (&device, DType::F64),
    )
}

fn loss(head: &Head, outputs: Tensor<3>) -> Tensor<1> {
    let factors = tensor(&FACTORS, [2, 3]);
    let targets = tensor(&TARGETS, [2, 3]) / factors.clone();
    head.loss(outputs, targets, Some(factors))
}

fn value(loss: Tensor<1>) -> f64 {
    loss.into_scalar::<f64>()
}

/// What `distribution` says, by the libraries' own densities.
fn by_hand(head: &Head, outputs: &[f64]) -> f64 {
    let each = outputs.chunks(head.parameters()).enumerate();
    let losses = each.map(|(at, outputs)| {
        let (count, factor) = (TARGETS[at], FACTORS[at]);
        let target = count / factor;
        match (head, head.distribution(outputs, factor)) {
            (
                Head::Linear {
                    loss: PointLoss::Squared,
                },
                Distribution::Point(point),
            ) => (target - point).powi(2),
            (
                Head::Linear {
                    loss: PointLoss::Absolute,
                },
                Distribution::Point(point),
            ) => (target - point).abs(),
            (_, Distribution::Quantiles { levels, values }) => {
                let losses = levels.iter().zip(&values);
                losses
                    .map(|(&level, &value)| crate::metric::pinball(target, value, level))
                    .sum::<f64>()
                    / levels.len() as f64
            }
            (_, Distribution::Normal { mean, deviation }) => -Normal::new(mean, deviation)
                .expect("a normal")
                .ln_pdf(target),
            (
                _,
                Distribution::StudentT {
                    location,
                    scale,
                    freedom,
                },
            ) => -StudentsT::new(location, scale, freedom)
                .expect("a t")
                .ln_pdf(target),
            (_, Distribution::NegativeBinomial { mean, shape }) => {
                let found = super::super::distribution::negative_binomial(mean, shape);
                -found.ln_pmf(count as u64)
            }
            other => panic!("{other:?}"),
        }
    });
    losses.sum::<f64>() / TARGETS.len() as f64
}

#[test]
fn losses_are_those_of_the_distributions() {
    for head in heads() {
        let outputs = outputs(&head);
        let found = value(loss(&head, tensor(&outputs, [2, 3, head.parameters()])));
        let expected = by_hand(&head, &outputs);
        assert!(
            (found - expected).abs() < 1e-8,
            "{head:?}: {found} {expected}"
        );
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    const STEP: f64 = 1e-5;
    for head in heads() {
        let at = outputs(&head);
        let shape = [2, 3, head.parameters()];
        let tracked = tensor(&at, shape).require_grad();
        let gradients = loss(&head, tracked.clone()).backward();
        let found = tracked.grad(&gradients).expect("a gradient");
        let found = found.into_data().try_to_vec::<f64>().expect("f64");
        for place in 0..at.len() {
            let moved = |by: f64| {
                let mut at = at.clone();
                at[place] += by;
                value(loss(&head, tensor(&at, shape)))
            };
            let slope = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            let error = (found[place] - slope).abs();
            assert!(
                error < 1e-7,
                "{head:?} at {place}: {} {slope}",
                found[place]
            );
        }
    }
}

#[test]
fn quantiles_never_cross_and_the_median_is_its_own() {
    let head = Head::Quantiles {
        levels: vec![0.1, 0.3, 0.5, 0.9],
    };
    for outputs in [[-9.0, 9.0, 1.0, -30.0], [0.0; 4], [40.0, -40.0, -2.0, 7.0]] {
        let Distribution::Quantiles { values, .. } = head.distribution(&outputs, 1.0) else {
            panic!("quantiles");
        };
        assert!(
            values.windows(2).all(|pair| pair[0] <= pair[1]),
            "{values:?}"
        );
        assert_eq!(values[2], outputs[2]);
    }
}

#[test]
fn large_numbers_do_not_overflow() {
    for head in heads() {
        let parameters = head.parameters();
        let outputs = vec![300.0; TARGETS.len() * parameters];
        assert!(
            value(loss(&head, tensor(&outputs, [2, 3, parameters]))).is_finite(),
            "{head:?}"
        );
    }
}
