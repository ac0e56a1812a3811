//! A softmax over the right class and some others: for training with large vocabularies.
//!
//! ```text
//! x[0] = h · w[target] + b[target] - ln E(target)
//! x[i] = h · w[s_i]    + b[s_i]    - ln E(s_i)          s_i the candidates; -3.4e38 if s_i = target
//! loss = -ln softmax(x)[0]
//! ```
//!
//! Jean et al. (2015), arXiv 1412.2007; `tf.nn.sampled_softmax_loss` with `remove_accidental_hits`.

use burn::tensor::activation::log_softmax;
use burn::tensor::{DType, Tensor, TensorData};

use super::cross_entropy::indices;

/// `[N]`: the loss of `hidden` `[N, H]` and `targets` `[N]` over the candidates `sampled` `[S]`,
/// which are the same for all rows, in nats. `weights` are `[V, H]`, `biases` `[V]`; `expected` gives
/// `E`, how often a class is expected among the candidates.
///
/// # Panics
///
/// When there is not one target for each row.
pub fn sampled_softmax(
    hidden: Tensor<2>,
    targets: &[u32],
    (weights, biases): (Tensor<2>, Tensor<1>),
    sampled: &[u32],
    expected: impl Fn(u32) -> f64,
) -> Tensor<1> {
    let [rows, _] = hidden.dims();
    assert_eq!(rows, targets.len(), "one target for each row");
    let device = hidden.device();
    let dtype = hidden.dtype();
    let logarithms = |classes: &[u32]| {
        let numbers: Vec<f64> = classes.iter().map(|&class| expected(class).ln()).collect();
        let data = TensorData::new(numbers, [classes.len()]).convert_dtype(dtype);
        Tensor::<1>::from_data(data, (&device, dtype))
    };
    let of = |classes: &[u32]| {
        let places = indices(classes, &device);
        let weights = weights.clone().select(0, places.clone());
        (
            weights,
            biases.clone().select(0, places) - logarithms(classes),
        )
    };
    let (its_weights, its_biases) = of(targets);
    let right = (hidden.clone() * its_weights).sum_dim(1) + its_biases.reshape([rows, 1]);
    let (their_weights, their_biases) = of(sampled);
    let others = hidden.matmul(their_weights.transpose()) + their_biases.unsqueeze();
    let others = others + hits(targets, sampled, dtype).to_device(&device);
    let logits = Tensor::cat(vec![right, others], 1);
    log_softmax(logits, 1).narrow(1, 0, 1).squeeze_dim(1).neg()
}

/// `[N, S]`: where a candidate is the target, what takes it away.
fn hits(targets: &[u32], sampled: &[u32], dtype: DType) -> Tensor<2> {
    let hit = |target: u32, class: u32| if target == class { f32::MIN } else { 0.0 };
    let rows = targets.iter();
    let numbers: Vec<f32> = rows
        .flat_map(|&target| sampled.iter().map(move |&class| hit(target, class)))
        .collect();
    let data = TensorData::new(numbers, [targets.len(), sampled.len()]).convert_dtype(dtype);
    Tensor::from_data(data, (&Default::default(), dtype))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use burn::tensor::Device;
    use safetensors::SafeTensors;

    use super::*;

    /// As many roundings of f64 as there are terms.
    const TOLERANCE: f64 = 1e-12;

    /// TensorFlow's numbers.
    struct Golden(Vec<u8>);

    impl Golden {
        fn open() -> Self {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let path = root.join("../../fixtures/losses/tensorflow.safetensors");
            Self(fs::read(path).expect("the fixture"))
        }

        fn numbers(&self, name: &str) -> (Vec<f64>, Vec<usize>) {
            let file = SafeTensors::deserialize(&self.0).expect("sound");
            let view = file.tensor(name).expect("there");
            let words = view.data().chunks_exact(8);
            let words = words.map(|word| <[u8; 8]>::try_from(word).expect("eight bytes"));
            let numbers = match view.dtype() {
                safetensors::Dtype::I64 => {
                    words.map(|word| i64::from_le_bytes(word) as f64).collect()
                }
                _ => words.map(f64::from_le_bytes).collect(),
            };
            (numbers, view.shape().to_vec())
        }

        fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
            let (numbers, shape) = self.numbers(name);
            Tensor::from_data(TensorData::new(numbers, shape), (device, DType::F64))
        }

        fn ids(&self, name: &str) -> Vec<u32> {
            self.numbers(name)
                .0
                .into_iter()
                .map(|id| id as u32)
                .collect()
        }

        fn check<const D: usize>(&self, name: &str, found: Tensor<D>) {
            let found: Vec<f64> = found.into_data().try_to_vec().expect("f64");
            let (expected, _) = self.numbers(name);
            assert_eq!(found.len(), expected.len(), "{name}");
            for (found, expected) in found.iter().zip(&expected) {
                let scale = expected.abs().max(1.0);
                assert!(
                    (found - expected).abs() <= TOLERANCE * scale,
                    "{name}: {found} {expected}"
                );
            }
        }
    }

    #[test]
    fn numbers_and_gradients_are_tensorflows() {
        let golden = Golden::open();
        let device = Device::flex().autodiff();
        let inputs = golden.tensor::<2>("inputs", &device).require_grad();
        let weights = golden.tensor::<2>("weights", &device).require_grad();
        let biases = golden.tensor::<1>("biases", &device).require_grad();
        let (targets, sampled) = (golden.ids("labels"), golden.ids("sampled_candidates"));
        let of_targets = golden.numbers("true_expected_count").0;
        let of_sampled = golden.numbers("sampled_expected_count").0;
        let expected = |class: u32| {
            let target = targets.iter().position(|&target| target == class);
            let candidate = sampled.iter().position(|&candidate| candidate == class);
            match (target, candidate) {
                (Some(at), _) => of_targets[at],
                (None, Some(at)) => of_sampled[at],
                (None, None) => panic!("{class} was not asked for"),
            }
        };
        let both = (weights.clone(), biases.clone());
        let loss = sampled_softmax(inputs.clone(), &targets, both, &sampled, expected);
        golden.check("sampled_softmax.loss", loss.clone());
        let gradients = loss.sum().backward();
        let part = "a part has a gradient";
        golden.check(
            "sampled_softmax.grad.inputs",
            inputs.grad(&gradients).expect(part),
        );
        golden.check(
            "sampled_softmax.grad.weights",
            weights.grad(&gradients).expect(part),
        );
        golden.check(
            "sampled_softmax.grad.biases",
            biases.grad(&gradients).expect(part),
        );
    }
}
