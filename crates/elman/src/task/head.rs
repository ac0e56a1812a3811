//! What the outputs of a dense layer mean, and their losses.
//!
//! ```text
//! softmax   p[v] = exp(x[v]) / Σ exp(x)      loss = -ln p[label]                            nats
//! sigmoid   p[1] = 1 / (1 + exp(-x))         loss = max(x, 0) - x·label + ln(1 + exp(-|x|))  nats
//! linear    y = x                            loss = mean over the numbers of (x - target)²
//! ```
//!
//! `tf.nn.sparse_softmax_cross_entropy_with_logits`, `tf.nn.sigmoid_cross_entropy_with_logits`,
//! `tf.losses.mean_squared_error`; a batch's loss is the mean over its rows.

use burn::tensor::activation::{relu, sigmoid, softmax};
use burn::tensor::{Device, Tensor, TensorData};

use crate::loss;

use crate::recipe::Output;
use crate::task::sequence_model::Prediction;

/// `[1]`: the mean cross-entropy of `logits` `[B, V]` and `labels` `[B]`, in nats.
pub(super) fn cross_entropy(output: Output, logits: Tensor<2>, labels: &[u8]) -> Tensor<1> {
    if output == Output::Sigmoid {
        let labels: Vec<f32> = labels.iter().map(|&label| f32::from(label)).collect();
        let labels = column(labels, 1, &logits.device());
        return sigmoid_losses(logits, labels).mean();
    }
    let labels: Vec<u32> = labels.iter().map(|&label| u32::from(label)).collect();
    loss::cross_entropy(logits, &labels).mean()
}

/// `[B, V]`: the cross-entropy of each of `logits` and `targets`, both `[B, V]`, in the form that
/// overflows for no logit.
pub(super) fn sigmoid_losses(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<2> {
    let tail = logits.clone().abs().neg().exp().log1p();
    relu(logits.clone()) - logits * targets + tail
}

/// `[1]`: the mean squared error of `outputs` `[B, K]` and `values` `[B, K]`.
pub(super) fn squared_error(outputs: Tensor<2>, values: &[f32]) -> Tensor<1> {
    let [_, width] = outputs.dims();
    let values = column(values.to_vec(), width, &outputs.device());
    (outputs - values).square().mean()
}

/// `[B]`: each row's mean absolute error.
pub(super) fn absolute_errors(outputs: &Tensor<2>, values: &[f32]) -> Vec<f64> {
    let [_, width] = outputs.dims();
    let outputs = numbers(outputs.clone());
    let rows = outputs.chunks(width).zip(values.chunks(width));
    rows.map(|(found, expected)| {
        let errors = found.iter().zip(expected);
        let sum: f64 = errors
            .map(|(found, expected)| f64::from((found - expected).abs()))
            .sum();
        sum / width as f64
    })
    .collect()
}

/// How many of `labels` `[B]` the `logits` `[B, V]` name.
pub(super) fn count_correct(output: Output, logits: &Tensor<2>, labels: &[u8]) -> usize {
    let predicted = classes(output, logits).into_iter();
    predicted
        .zip(labels)
        .filter(|&(predicted, &label)| predicted == usize::from(label))
        .count()
}

/// `[B]`: the class that each row of `logits` names: after a softmax the one with the highest
/// score, the first of equals; after a sigmoid class 1 if the logit is above 0.
pub(super) fn classes(output: Output, logits: &Tensor<2>) -> Vec<usize> {
    let [_, width] = logits.dims();
    let logits = numbers(logits.clone());
    if output == Output::Sigmoid {
        return logits
            .iter()
            .map(|&logit| usize::from(logit > 0.0))
            .collect();
    }
    let first_highest = |scores: &[f32]| {
        (1..scores.len()).fold(0, |best, class| {
            if scores[class] > scores[best] {
                class
            } else {
                best
            }
        })
    };
    logits.chunks(width).map(first_highest).collect()
}

/// The answer that the one row of `outputs` `[1, V]` gives.
pub(super) fn prediction(output: Output, outputs: Tensor<2>) -> Prediction {
    match output {
        Output::Softmax => Prediction::Classes(numbers(softmax(outputs, 1))),
        Output::Sigmoid => {
            let second = numbers(sigmoid(outputs))[0];
            Prediction::Classes(vec![1.0 - second, second])
        }
        Output::Linear => Prediction::Numbers(numbers(outputs)),
    }
}

/// `[N / width, width]`.
fn column(values: Vec<f32>, width: usize, device: &Device) -> Tensor<2> {
    let shape = [values.len() / width, width];
    Tensor::from_data(TensorData::new(values, shape), device)
}

pub(super) fn numbers(tensor: Tensor<2>) -> Vec<f32> {
    tensor
        .into_data()
        .try_into_vec()
        .expect("a model of this module computes in f32")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor<const B: usize, const V: usize>(rows: [[f32; V]; B]) -> Tensor<2> {
        Tensor::from_data(rows, &Device::flex())
    }

    fn value(loss: Tensor<1>) -> f64 {
        f64::from(loss.into_scalar::<f32>())
    }

    #[test]
    fn the_softmax_loss_is_the_mean_cross_entropy_in_nats() {
        let logits = [[0.5_f64, -1.0, 2.0], [1.5, 0.0, -0.25]];
        let labels = [2_u8, 1];
        let by_hand: f64 = logits
            .iter()
            .zip(labels)
            .map(|(row, label)| {
                let sum: f64 = row.iter().map(|logit| logit.exp()).sum();
                sum.ln() - row[usize::from(label)]
            })
            .sum::<f64>()
            / 2.0;
        let logits = tensor(logits.map(|row| row.map(|x| x as f32)));
        let found = value(cross_entropy(Output::Softmax, logits, &labels));
        assert!((found - by_hand).abs() < 1e-6, "{found} {by_hand}");
    }

    #[test]
    fn the_sigmoid_loss_is_the_cross_entropy_and_never_overflows() {
        for (logit, label) in [(0.75_f64, 1_u8), (0.75, 0), (-2.5, 1), (-2.5, 0), (0.0, 1)] {
            let probability = 1.0 / (1.0 + (-logit).exp());
            let of_label = if label == 1 {
                probability
            } else {
                1.0 - probability
            };
            let found = value(cross_entropy(
                Output::Sigmoid,
                tensor([[logit as f32]]),
                &[label],
            ));
            assert!(
                (found + of_label.ln()).abs() < 1e-6,
                "{logit} {label}: {found}"
            );
        }
        let far = tensor([[1000.0], [-1000.0]]);
        assert_eq!(
            value(cross_entropy(Output::Sigmoid, far.clone(), &[1, 0])),
            0.0
        );
        assert_eq!(value(cross_entropy(Output::Sigmoid, far, &[0, 1])), 1000.0);
    }

    /// d loss / d logit = (sigmoid(logit) - label) / B.
    #[test]
    fn the_sigmoid_loss_has_its_gradient() {
        let device = Device::flex().autodiff();
        let logits = Tensor::<2>::from_data([[0.5_f32], [-1.5], [3.0]], &device).require_grad();
        let labels = [1_u8, 1, 0];
        let gradients = cross_entropy(Output::Sigmoid, logits.clone(), &labels).backward();
        let found = numbers(logits.grad(&gradients).expect("a gradient"));
        let logits = numbers(logits.inner());
        for ((found, logit), label) in found.iter().zip(logits).zip(labels) {
            let expected = (1.0 / (1.0 + (-logit).exp()) - f32::from(label)) / 3.0;
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn errors_of_numbers_are_squared_or_absolute() {
        let outputs = tensor([[1.0, 2.0], [0.0, -1.0]]);
        let values = [1.5, 2.0, 2.0, 0.0];
        assert_eq!(absolute_errors(&outputs, &values), [0.25, 1.5]);
        assert_eq!(
            value(squared_error(outputs, &values)),
            (0.25 + 4.0 + 1.0) / 4.0
        );
    }

    #[test]
    fn of_equal_scores_the_first_class_wins() {
        assert_eq!(
            classes(Output::Softmax, &tensor([[1.0, 1.0], [0.0, 2.0]])),
            [0, 1]
        );
        assert_eq!(
            classes(Output::Sigmoid, &tensor([[0.0], [0.1], [-0.1]])),
            [0, 1, 0]
        );
        let labels = [0, 0, 0];
        let logits = tensor([[0.0], [0.1], [-0.1]]);
        assert_eq!(count_correct(Output::Sigmoid, &logits, &labels), 2);
    }

    #[test]
    fn a_sigmoid_gives_both_probabilities() {
        let Prediction::Classes(found) = prediction(Output::Sigmoid, tensor([[2.0]])) else {
            panic!("classes");
        };
        let second = 1.0 / (1.0 + (-2.0_f32).exp());
        assert!((found[1] - second).abs() < 1e-6);
        assert!((found[0] + found[1] - 1.0).abs() < 1e-6);
        assert_eq!(
            prediction(Output::Linear, tensor([[2.0, 3.0]])),
            Prediction::Numbers(vec![2.0, 3.0])
        );
    }
}
