//! Dropout as one operation: the mask is drawn where it is used, forward and backward.
//!
//! ```text
//! y = x ⊙ mask        dx = dy ⊙ mask
//! ```
//!
//! Random words from counters cost less than a mask in memory that another thread has written.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor};
use elman_kernels::{MaskSpec, Real};

use super::is_here;
use super::kernels::{Number, numbers, shaped, without_gaps};

/// `tensor`, laid out as the mask, times the mask of `kept` and zeros; `None` where no kernel serves
/// its device and number type.
pub(crate) fn dropout(tensor: &Tensor<3>, mask: &MaskSpec, kept: f64) -> Option<Tensor<3>> {
    let served = is_here(&tensor.device()) && matches!(tensor.dtype(), DType::F32 | DType::F64);
    if !served {
        return None;
    }
    let tensor = tensor.clone().into_dispatch();
    let dropped = <Dispatch as DropoutBackend>::dropout(tensor, mask.clone(), kept);
    Some(Tensor::from_dispatch(dropped))
}

/// Backends that draw and multiply as one operation.
#[backend_extension(Flex, Autodiff)]
pub(super) trait DropoutBackend: Backend {
    /// See [`dropout`].
    fn dropout(tensor: FloatTensor<Self>, mask: MaskSpec, kept: f64) -> FloatTensor<Self>;
}

impl DropoutBackend for Flex {
    fn dropout(tensor: FlexTensor, mask: MaskSpec, kept: f64) -> FlexTensor {
        fn of<T: Number>(tensor: &FlexTensor, mask: &MaskSpec, kept: f64) -> FlexTensor {
            let dropped = mask.apply(<T as Real>::from_f64(kept), numbers::<T>(tensor));
            shaped(dropped, tensor.shape())
        }
        let tensor = without_gaps(tensor);
        match tensor.dtype() {
            DType::F64 => of::<f64>(&tensor, &mask, kept),
            _ => of::<f32>(&tensor, &mask, kept),
        }
    }
}

impl<B: DropoutBackend, C: CheckpointStrategy> DropoutBackend for Autodiff<B, C> {
    fn dropout(tensor: FloatTensor<Self>, mask: MaskSpec, kept: f64) -> FloatTensor<Self> {
        let (tensor, node) = tensor.into_parts();
        let dropped = B::dropout(tensor, mask.clone(), kept);
        match Dropout.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(preparation) => preparation.finish((mask, kept), dropped),
            OpsKind::UnTracked(preparation) => preparation.finish(dropped),
        }
    }
}

/// The backward of the operation.
#[derive(Debug)]
struct Dropout;

impl<B: DropoutBackend> Backward<B, 1> for Dropout {
    type State = (MaskSpec, f64);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = grads.consume::<B>(&ops.node);
        if let [Some(tensor)] = ops.parents {
            let (mask, kept) = ops.state;
            grads.register::<B>(tensor.id, B::dropout(gradient, mask, kept));
        }
    }
}
