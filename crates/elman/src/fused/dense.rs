//! A dense layer on the threads and kernels of the cells.

use burn::tensor::{DType, Tensor};
use elman_kernels::{DenseSpec, Layout, Plan, Spec};

use super::{is_here, operation};

/// `[N, O]`: `inputs · kernel + bias`, of `[N, F]`, `[F, O]` and `[O]` on one device and in one number
/// type. On this machine's processor by the kernel, so that a row does not depend on how many there are;
/// elsewhere in Burn's operations.
pub(crate) fn dense(inputs: Tensor<2>, kernel: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    let [rows, features] = inputs.dims();
    let [_, outputs] = kernel.dims();
    let bias = bias.unsqueeze();
    let served = is_here(&inputs.device()) && matches!(inputs.dtype(), DType::F32 | DType::F64);
    if !served || rows * features * outputs == 0 {
        return inputs.matmul(kernel) + bias;
    }
    let spec = DenseSpec {
        inputs: features,
        outputs,
    };
    let plan = Plan::full(Layout::BatchMajor, rows, 1);
    operation::run_dense(inputs, vec![kernel, bias], (Spec::Dense(spec), plan))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

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
