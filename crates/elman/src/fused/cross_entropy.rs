//! Softmax cross-entropy on the threads and kernels of the cells.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Shape, Tensor};
use elman_kernels::{Isa, cross_entropy as losses, cross_entropy_gradient};

use super::is_here;
use super::kernels::{Number, numbers, shaped, without_gaps};

/// `[N]`: the cross-entropy of `logits` `[N, V]` and `targets` `[N]`, each below `V`, in nats; `None`
/// where no kernel serves the logits' device and number type.
pub(crate) fn cross_entropy(logits: &Tensor<2>, targets: &[u32]) -> Option<Tensor<1>> {
    let served = is_here(&logits.device()) && matches!(logits.dtype(), DType::F32 | DType::F64);
    if !served || targets.is_empty() {
        return None;
    }
    let logits = logits.clone().into_dispatch();
    let targets = Targets(targets.into());
    let losses = <Dispatch as CrossEntropyBackend>::cross_entropy(logits, targets);
    Some(Tensor::from_dispatch(losses))
}

/// One for each row.
#[derive(Clone, Debug)]
pub(super) struct Targets(Arc<[u32]>);

/// Backends that compute all rows as one operation.
#[backend_extension(Flex, Autodiff)]
pub(super) trait CrossEntropyBackend: Backend {
    /// See [`cross_entropy`].
    fn cross_entropy(logits: FloatTensor<Self>, targets: Targets) -> FloatTensor<Self>;
}

/// A backend that has the kernels: forward and backward, without a graph.
pub(super) trait CrossEntropyKernels: Backend {
    /// Losses `[N]` and probabilities `[N, V]`.
    fn losses(
        logits: FloatTensor<Self>,
        targets: &Targets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The gradient of the logits.
    fn d_logits(
        probabilities: &FloatTensor<Self>,
        targets: &Targets,
        d_losses: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

impl CrossEntropyKernels for Flex {
    fn losses(logits: FlexTensor, targets: &Targets) -> (FlexTensor, FlexTensor) {
        fn of<T: Number>(logits: &FlexTensor, targets: &Targets) -> (FlexTensor, FlexTensor) {
            let (losses, probabilities) = losses(numbers::<T>(logits), &targets.0, Isa::detect());
            (
                shaped(losses, Shape::new([targets.0.len()])),
                shaped(probabilities, logits.shape()),
            )
        }
        let logits = without_gaps(logits);
        match logits.dtype() {
            DType::F64 => of::<f64>(&logits, targets),
            _ => of::<f32>(&logits, targets),
        }
    }

    fn d_logits(
        probabilities: &FlexTensor,
        Targets(targets): &Targets,
        d_losses: FlexTensor,
    ) -> FlexTensor {
        fn of<T: Number>(p: &FlexTensor, targets: &[u32], d_losses: &FlexTensor) -> FlexTensor {
            let (numbers, d_losses) = (numbers::<T>(p), numbers(d_losses));
            let d_logits = cross_entropy_gradient(numbers, targets, d_losses, Isa::detect());
            shaped(d_logits, p.shape())
        }
        let d_losses = without_gaps(d_losses);
        match d_losses.dtype() {
            DType::F64 => of::<f64>(probabilities, targets, &d_losses),
            _ => of::<f32>(probabilities, targets, &d_losses),
        }
    }
}

impl CrossEntropyBackend for Flex {
    fn cross_entropy(logits: FlexTensor, targets: Targets) -> FlexTensor {
        Self::losses(logits, &targets).0
    }
}

impl<B: CrossEntropyKernels, C: CheckpointStrategy> CrossEntropyBackend for Autodiff<B, C> {
    fn cross_entropy(logits: FloatTensor<Self>, targets: Targets) -> FloatTensor<Self> {
        let (logits, node) = logits.into_parts();
        let (losses, probabilities) = B::losses(logits, &targets);
        match CrossEntropy.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(preparation) => preparation.finish((probabilities, targets), losses),
            OpsKind::UnTracked(preparation) => preparation.finish(losses),
        }
    }
}

/// The backward of the operation.
#[derive(Debug)]
struct CrossEntropy;

impl<B: CrossEntropyKernels> Backward<B, 1> for CrossEntropy {
    type State = (FloatTensor<B>, Targets);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let d_losses = grads.consume::<B>(&ops.node);
        if let [Some(logits)] = ops.parents {
            let (probabilities, targets) = &ops.state;
            let d_logits = B::d_logits(probabilities, targets, d_losses);
            grads.register::<B>(logits.id, d_logits);
        }
    }
}
