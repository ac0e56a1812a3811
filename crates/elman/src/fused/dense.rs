//! A dense layer on the threads and kernels of the cells.

use burn::tensor::{DType, Tensor, TensorData};
use elman_kernels::{DenseSpec, Forward, Isa, Layout, Packed, Plan, Spec};

use super::runner::numbers;
use super::{is_here, operation};

/// `[N, O]`: `inputs · kernel + bias`, of `[N, F]`, `[F, O]` and `[O]` on one device and in one number
/// type. On this machine's processor by the kernel, so that a row does not depend on how many there are;
/// elsewhere in Burn's operations.
pub(crate) fn dense(inputs: Tensor<2>, kernel: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    let [_, outputs] = kernel.dims();
    let bias = bias.unsqueeze();
    if !serves(&inputs, &[DType::F32, DType::F64]) || outputs == 0 {
        return inputs.matmul(kernel) + bias;
    }
    let call = (Spec::Dense(spec(&kernel)), plan(inputs.dims()[0]));
    operation::run_dense(inputs, vec![kernel, bias], call)
}

/// Of a `kernel`, `[F, O]`.
fn spec(kernel: &Tensor<2>) -> DenseSpec {
    let [inputs, outputs] = kernel.dims();
    DenseSpec { inputs, outputs }
}

/// Of so many rows: each is a sequence of one step.
fn plan(rows: usize) -> Plan {
    Plan::full(Layout::BatchMajor, rows, 1)
}

/// Does the kernel serve this tensor, if it serves these number types?
fn serves(tensor: &Tensor<2>, dtypes: &[DType]) -> bool {
    let numbers = tensor.shape().num_elements();
    is_here(&tensor.device()) && dtypes.contains(&tensor.dtype()) && numbers > 0
}

/// A dense layer in inference that is asked again and again, its weights packed once: to the bit what
/// [`dense`] gives. It does not follow later changes of the weights.
#[derive(Debug)]
pub(crate) struct DenseRunner {
    kernel: Tensor<2>,
    bias: Tensor<1>,
    /// Where the kernel serves the weights.
    packed: Option<Packed<f32>>,
}

impl DenseRunner {
    /// Of `[F, O]` and `[O]`, on one device and in one number type.
    pub(crate) fn new(kernel: Tensor<2>, bias: Tensor<1>) -> Self {
        let packed =
            (serves(&kernel, &[DType::F32]) && !kernel.device().is_autodiff()).then(|| {
                let data = [kernel.to_data(), bias.to_data()];
                let spec = Spec::Dense(spec(&kernel));
                spec.pack(&data.each_ref().map(numbers), Isa::detect())
            });
        Self {
            kernel,
            bias,
            packed,
        }
    }

    /// `[N, O]`, of `[N, F]`.
    pub(crate) fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        let packed = self.packed.as_ref();
        let Some(weights) = packed.filter(|_| serves(&inputs, &[DType::F32])) else {
            return dense(inputs, self.kernel.clone(), self.bias.clone());
        };
        let (device, [rows, _]) = (inputs.device(), inputs.dims());
        let outputs = weights.forward(Forward {
            plan: &plan(rows),
            inputs: numbers(&inputs.into_data()),
            state: &[],
            mask: None,
        });
        let data = TensorData::new(outputs, [rows, spec(&self.kernel).outputs]);
        Tensor::from_data(data, (&device, DType::F32))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    #[test]
    fn a_runner_gives_the_bits_of_the_layer() {
        for (rows, features, outputs) in [(1, 512, 65), (100, 40, 2), (0, 3, 2)] {
            for device in [Device::flex(), Device::flex().autodiff()] {
                let random = |shape: [usize; 2]| {
                    let options = (&device, DType::F32);
                    Tensor::<2>::random(shape, Distribution::Normal(0.0, 1.0), options)
                };
                let (kernel, bias) = (random([features, outputs]), random([1, outputs]));
                let bias = bias.squeeze_dim(0);
                let runner = DenseRunner::new(kernel.clone(), bias.clone());
                let inputs = random([rows, features]);
                let found = runner.forward(inputs.clone());
                let expected = dense(inputs, kernel.clone(), bias.clone());
                assert_eq!(found.into_data(), expected.into_data());
            }
        }
    }

    #[test]
    fn it_is_the_product_and_so_are_its_gradients() {
        for (rows, features, outputs) in [(1, 1, 1), (3, 5, 2), (200, 64, 65)] {
            let device = Device::flex().autodiff();
            let random = |shape: [usize; 2]| {
                let options = (&device, DType::F64);
                Tensor::<2>::random(shape, Distribution::Normal(0.0, 1.0), options).require_grad()
            };
            let (inputs, kernel) = (random([rows, features]), random([features, outputs]));
            let bias = random([1, outputs]);
            let d_outputs = random([rows, outputs]).detach();
            let found = dense(inputs.clone(), kernel.clone(), bias.clone().squeeze_dim(0));
            let expected = inputs.clone().matmul(kernel.clone()) + bias.clone();
            let close = |found: Tensor<2>, expected: Tensor<2>| {
                let error: f64 = (found - expected).abs().max().into_scalar();
                assert!(error < 1e-12, "{rows} {features} {outputs}: {error}");
            };
            close(found.clone().inner(), expected.clone().inner());
            let of = |outputs: Tensor<2>| (outputs * d_outputs.clone()).sum().backward();
            let (found, expected) = (of(found), of(expected));
            for tensor in [&inputs, &kernel, &bias] {
                let gradient = |all| tensor.grad(all).expect("it has one");
                close(gradient(&found), gradient(&expected));
            }
        }
    }
}
