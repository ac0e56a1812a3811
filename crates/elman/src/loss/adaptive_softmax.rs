//! The adaptive softmax: frequent tokens at once, rare ones in clusters with fewer features.
//!
//! ```text
//! head    = log softmax(h · head)                       [N, c_1 + K]: frequent tokens, clusters
//! tail_k  = log softmax(h · down_k · up_k)               [N, c_{k+1} - c_k]
//! ln p[v] = head[v]                                      v < c_1
//!         = head[c_1 + k] + tail_k[v - c_k]              v in cluster k
//! ```
//!
//! `down_k` gives H / 4^(k+1) features. Grave et al. (2017), "Efficient softmax approximation for
//! GPUs", arXiv 1609.04309; `torch.nn.AdaptiveLogSoftmaxWithLoss`.

use burn::module::{Module, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{DType, Device, Tensor};

use super::cross_entropy::{indices, pick};
use crate::error::{Error, Result};
use crate::initializer::Initializer;
use crate::random::Seed;

/// Each cluster has so many times fewer features than the one before.
const SHRINK: usize = 4;

/// How to build an [`AdaptiveSoftmax`].
#[derive(Clone, Debug)]
pub struct AdaptiveSoftmaxConfig {
    inputs: usize,
    classes: usize,
    cutoffs: Vec<usize>,
    dtype: DType,
}

impl AdaptiveSoftmaxConfig {
    /// Over `classes` (`V`), of `inputs` (`H`) features, in f32; the clusters begin at `cutoffs`.
    pub fn new(inputs: usize, classes: usize, cutoffs: &[usize]) -> Self {
        Self {
            inputs,
            classes,
            cutoffs: cutoffs.to_vec(),
            dtype: DType::F32,
        }
    }

    /// The number type of the parameters.
    pub fn with_dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// Builds it, glorot uniform.
    ///
    /// # Errors
    ///
    /// When the cutoffs do not rise, or the last is not below `V`.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<AdaptiveSoftmax> {
        let rises = self.cutoffs.is_sorted_by(|one, next| one < next);
        let fits = self.cutoffs.last().is_some_and(|&last| last < self.classes);
        if !rises || !fits || self.cutoffs.first() == Some(&0) {
            return Err(Error::argument(
                "model.softmax.cutoffs",
                format!(
                    "are {:?}, the vocabulary has {} tokens",
                    self.cutoffs, self.classes
                ),
                "give rising numbers above 0 and below the size of the vocabulary",
            ));
        }
        let draw = |shape: [usize; 2], purpose: &str| {
            Initializer::GlorotUniform.init(shape, seed.child(purpose), self.dtype, device)
        };
        let ends = self.cutoffs[1..].iter().copied().chain([self.classes]);
        let tails = self.cutoffs.iter().zip(ends).enumerate();
        let tails = tails.map(|(cluster, (&start, end))| {
            let features = (self.inputs / SHRINK.pow(cluster as u32 + 1)).max(1);
            Tail {
                down: draw([self.inputs, features], &format!("down {cluster}")),
                up: draw([features, end - start], &format!("up {cluster}")),
            }
        });
        Ok(AdaptiveSoftmax {
            head: draw([self.inputs, self.cutoffs[0] + self.cutoffs.len()], "head"),
            tails: tails.collect(),
        })
    }
}

/// The equations stand at the head of its file.
#[derive(Module, Debug)]
pub struct AdaptiveSoftmax {
    /// `[H, c_1 + K]`.
    pub head: Param<Tensor<2>>,
    tails: Vec<Tail>,
}

/// A cluster of rare tokens.
#[derive(Module, Debug)]
struct Tail {
    /// `[H, H / 4^(k+1)]`.
    down: Param<Tensor<2>>,
    /// `[H / 4^(k+1), tokens of the cluster]`.
    up: Param<Tensor<2>>,
}

impl Tail {
    /// `[N, tokens of the cluster]`.
    fn log_probabilities(&self, hidden: Tensor<2>) -> Tensor<2> {
        let hidden = hidden.matmul(self.down.val());
        log_softmax(hidden.matmul(self.up.val()), 1)
    }
}

impl AdaptiveSoftmax {
    /// `c_1`, the tokens of the head.
    fn frequent(&self) -> usize {
        self.head.dims()[1] - self.tails.len()
    }

    /// `[N, V]`: the logarithms of all probabilities, of `hidden` `[N, H]`.
    pub fn log_probabilities(&self, hidden: Tensor<2>) -> Tensor<2> {
        let head = log_softmax(hidden.clone().matmul(self.head.val()), 1);
        let frequent = self.frequent();
        let mut parts = vec![head.clone().narrow(1, 0, frequent)];
        for (cluster, tail) in self.tails.iter().enumerate() {
            let its = head.clone().narrow(1, frequent + cluster, 1);
            parts.push(tail.log_probabilities(hidden.clone()) + its);
        }
        Tensor::cat(parts, 1)
    }

    /// `[1]`: the summed loss of `hidden` `[N, H]` and `targets` `[N]`, in nats. A cluster is looked
    /// into only by the rows whose target is in it.
    ///
    /// # Panics
    ///
    /// When there is not one target for each row, below `V`.
    pub fn loss_sum(&self, hidden: Tensor<2>, targets: &[u32]) -> Tensor<1> {
        let frequent = self.frequent() as u32;
        let mut start = frequent;
        let mut places = targets.to_vec();
        let mut sum = None;
        for (cluster, tail) in self.tails.iter().enumerate() {
            let end = start + tail.up.dims()[1] as u32;
            let its = |target: u32| (start..end).contains(&target);
            let rows: Vec<u32> = (0..targets.len())
                .filter(|&row| its(targets[row]))
                .map(|row| row as u32)
                .collect();
            for &row in &rows {
                places[row as usize] = frequent + cluster as u32;
            }
            if !rows.is_empty() {
                let within: Vec<u32> = rows
                    .iter()
                    .map(|&row| targets[row as usize] - start)
                    .collect();
                let rows = hidden.clone().select(0, indices(&rows, &hidden.device()));
                let part = pick(tail.log_probabilities(rows), &within).sum();
                sum = Some(match sum {
                    None => part,
                    Some(sum) => sum + part,
                });
            }
            start = end;
        }
        let head = log_softmax(hidden.matmul(self.head.val()), 1);
        let head = pick(head, &places).sum();
        sum.map_or(head.clone(), |sum| sum + head).neg()
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;

    fn hidden(rows: usize, device: &Device) -> Tensor<2> {
        let mut generator = Seed::new(2).generator("hidden");
        let numbers: Vec<f64> = (0..rows * 8).map(|_| generator.normal()).collect();
        Tensor::from_data(TensorData::new(numbers, [rows, 8]), (device, DType::F64))
    }

    fn softmax(device: &Device) -> AdaptiveSoftmax {
        let config = AdaptiveSoftmaxConfig::new(8, 20, &[4, 10]).with_dtype(DType::F64);
        config.init(Seed::new(1), device).expect("fits")
    }

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
        tensor.into_data().try_to_vec().expect("f64")
    }

    #[test]
    fn probabilities_sum_to_one_and_the_loss_is_theirs() {
        let device = Device::flex();
        let (softmax, hidden) = (softmax(&device), hidden(5, &device));
        let all = numbers(softmax.log_probabilities(hidden.clone()));
        for row in all.chunks(20) {
            let sum: f64 = row.iter().map(|it| it.exp()).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        }
        let targets = [3, 19, 4, 10, 0];
        let expected: f64 = targets
            .iter()
            .enumerate()
            .map(|(row, &it)| -all[row * 20 + it as usize])
            .sum();
        let found = numbers(softmax.loss_sum(hidden, &targets))[0];
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        assert_eq!(softmax.tails[0].up.dims(), [2, 6]);
        assert_eq!(softmax.tails[1].down.dims(), [8, 1]);
    }

    #[test]
    fn its_gradient_is_that_of_finite_differences() {
        const STEP: f64 = 1e-6;
        let device = Device::flex().autodiff();
        let softmax = softmax(&device);
        let inputs = hidden(5, &device).require_grad();
        let targets = [3, 19, 4, 10, 0];
        let gradients = softmax.loss_sum(inputs.clone(), &targets).backward();
        let found = numbers(inputs.grad(&gradients).expect("a gradient"));
        let start = numbers(inputs.detach());
        for at in 0..start.len() {
            let loss = |by: f64| {
                let mut moved = start.clone();
                moved[at] += by;
                let data = TensorData::new(moved, [5, 8]);
                let moved = Tensor::<2>::from_data(data, (&device, DType::F64));
                numbers(softmax.loss_sum(moved, &targets))[0]
            };
            let expected = (loss(STEP) - loss(-STEP)) / (2.0 * STEP);
            assert!(
                (found[at] - expected).abs() < 1e-7,
                "{at}: {} {expected}",
                found[at]
            );
        }
    }

    #[test]
    fn cutoffs_that_do_not_fit_are_refused() {
        let refused = |cutoffs: &[usize]| {
            let config = AdaptiveSoftmaxConfig::new(8, 20, cutoffs);
            config
                .init(Seed::new(1), &Device::flex())
                .expect_err("refused")
                .to_string()
        };
        insta::assert_snapshot!(refused(&[4, 20]), @"model.softmax.cutoffs: are [4, 20], the vocabulary has 20 tokens; give rising numbers above 0 and below the size of the vocabulary");
        assert!(refused(&[]).contains("are []"));
    }
}
