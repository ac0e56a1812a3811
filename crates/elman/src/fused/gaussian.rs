//! The negative log-likelihood of a normal distribution as one operation.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{DType, Shape, Slice, Tensor};
use elman_kernels::{Isa, gaussian_nll as losses};

use super::is_here;
use super::kernels::{Number, numbers, shaped, without_gaps};

/// `[N, 1]`: the losses of `targets` `[N, 1]` by `outputs` `[N, 2]`, of which no deviation is below
/// `least`; `None` where no kernel serves their device and number type.
pub(crate) fn gaussian_nll(
    outputs: &Tensor<2>,
    targets: &Tensor<2>,
    least: f64,
) -> Option<Tensor<2>> {
    let served = is_here(&outputs.device())
        && is_here(&targets.device())
        && matches!(outputs.dtype(), DType::F32 | DType::F64)
        && outputs.dtype() == targets.dtype();
    if !served || targets.dims()[0] == 0 {
        return None;
    }
    let [outputs, targets] = [outputs, targets].map(|tensor| tensor.clone().into_dispatch());
    let losses = <Dispatch as GaussianBackend>::gaussian_nll(outputs, targets, least);
    Some(Tensor::from_dispatch(losses))
}

/// Backends that compute all rows as one operation.
#[backend_extension(Flex, Autodiff)]
pub(super) trait GaussianBackend: Backend {
    /// See [`gaussian_nll`].
    fn gaussian_nll(
        outputs: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        least: f64,
    ) -> FloatTensor<Self>;
}

/// A backend that has the kernel.
pub(super) trait GaussianKernel: Backend {
    /// Losses `[N, 1]` and their slopes along the outputs, `[N, 2]`.
    fn losses(
        outputs: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        least: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

impl GaussianKernel for Flex {
    fn losses(outputs: FlexTensor, targets: FlexTensor, least: f64) -> (FlexTensor, FlexTensor) {
        fn of<T: Number>(
            outputs: &FlexTensor,
            targets: &FlexTensor,
            least: f64,
        ) -> (FlexTensor, FlexTensor) {
            let (numbers, of_rows) = (numbers::<T>(outputs), numbers(targets));
            let (losses, slopes) = losses(numbers, of_rows, least, Isa::detect());
            let rows = losses.len();
            (
                shaped(losses, Shape::new([rows, 1])),
                shaped(slopes, Shape::new([rows, 2])),
            )
        }
        let [outputs, targets] = [outputs, targets].map(without_gaps);
        match outputs.dtype() {
            DType::F64 => of::<f64>(&outputs, &targets, least),
            _ => of::<f32>(&outputs, &targets, least),
        }
    }
}

impl GaussianBackend for Flex {
    fn gaussian_nll(outputs: FlexTensor, targets: FlexTensor, least: f64) -> FlexTensor {
        Self::losses(outputs, targets, least).0
    }
}

impl<B: GaussianKernel, C: CheckpointStrategy> GaussianBackend for Autodiff<B, C> {
    fn gaussian_nll(
        outputs: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        least: f64,
    ) -> FloatTensor<Self> {
        let (outputs, outputs_node) = outputs.into_parts();
        let (targets, targets_node) = targets.into_parts();
        let (losses, slopes) = B::losses(outputs, targets, least);
        let nodes = [outputs_node, targets_node];
        match GaussianNll.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(preparation) => preparation.finish(slopes, losses),
            OpsKind::UnTracked(preparation) => preparation.finish(losses),
        }
    }
}

/// The backward of the operation.
#[derive(Debug)]
struct GaussianNll;

impl<B: GaussianKernel> Backward<B, 2> for GaussianNll {
    type State = FloatTensor<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let d_losses = grads.consume::<B>(&ops.node);
        let [outputs, targets] = ops.parents;
        let d_outputs = B::float_mul(ops.state, d_losses);
        if let Some(targets) = targets {
            // A target moves a loss as its mean does, the other way.
            let means = [Slice::full(), Slice::new(0, Some(1), 1)];
            let d_means = B::float_slice(d_outputs.clone(), &means);
            grads.register::<B>(targets.id, B::float_neg(d_means));
        }
        if let Some(outputs) = outputs {
            grads.register::<B>(outputs.id, d_outputs);
        }
    }
}
