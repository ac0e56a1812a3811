//! One operation for every fused cell, in the graph of gradients.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, Backend, Dispatch, ExtensionType, Flex, TensorMetadata, backend_extension,
};
use burn::tensor::{Shape, Slice, Tensor};
use elman_kernels::{Plan, Spec, Wanted};

use super::kernels::{BackwardRun, Kernels};
#[cfg(feature = "remote")]
use burn::backend::Remote;

/// The most parameters that a fused cell has: an LSTM's kernel, bias, three peepholes, projection.
const PARAMETERS: usize = 6;
/// Inputs, state, parameters, mask.
pub(super) const TENSORS: usize = 3 + PARAMETERS;
/// Which of them is the mask.
pub(super) const MASK: usize = TENSORS - 1;

/// What of an operation is not a tensor.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) spec: Spec,
    pub(super) plan: Plan,
    /// How many of the parameter tensors the cell has; the others are placeholders.
    pub(super) parameters: usize,
    /// Is there a mask of the hidden state, or a placeholder?
    pub(super) masked: bool,
    /// The steps of a segment, if the sequence is taken in segments.
    pub(super) segment: Option<usize>,
    gradients: PartGradients,
}

/// The two parts of the flat result.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Outputs,
    FinalState,
}

/// The gradients of the parts, on their way to the operation's backward. Each part puts its own
/// here, so that they need not be copied into one flat tensor. They are of the backend that the
/// operation runs on.
#[derive(Clone, Default)]
struct PartGradients(Arc<Mutex<[Option<AnyTensor>; 2]>>);

/// A tensor of some backend.
type AnyTensor = Box<dyn Any + Send>;

impl PartGradients {
    fn put<B: Backend>(&self, part: Part, gradient: FloatTensor<B>) {
        self.lock()[part as usize] = Some(Box::new(gradient));
    }

    fn take<B: Backend>(&self) -> [Option<FloatTensor<B>>; 2] {
        std::mem::take(&mut *self.lock()).map(|gradient| {
            let gradient = gradient?.downcast::<FloatTensor<B>>();
            Some(*gradient.expect("the parts are on the operation's backend"))
        })
    }

    fn lock(&self) -> MutexGuard<'_, [Option<AnyTensor>; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for PartGradients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PartGradients").finish_non_exhaustive()
    }
}

/// A part of the flat result, to be taken out.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    part: Part,
    range: Range<usize>,
    shape: Shape,
    gradients: PartGradients,
}

impl Call {
    pub(super) fn new(
        (spec, plan, segment): (Spec, Plan, Option<usize>),
        parameters: usize,
        masked: bool,
    ) -> Self {
        Self {
            spec,
            plan,
            parameters,
            masked,
            segment,
            gradients: PartGradients::default(),
        }
    }

    /// How many numbers of the flat result are outputs; the final state comes after them.
    pub(super) fn outputs(&self) -> usize {
        self.plan.batch() * self.plan.time() * self.spec.outputs()
    }

    /// How many numbers the flat result has.
    pub(super) fn total(&self) -> usize {
        self.outputs() + self.plan.batch() * self.spec.state()
    }
}

/// Runs the operation: inputs as the plan lays them out, the state `[B, S]`, the factors of the
/// hidden state's dropout (laid out as the outputs, without a gradient), and the parameters in the
/// order of [`Spec`]. Gives the outputs, laid out as the inputs, and the final state. With a
/// `segment`, which goes with no mask, backward runs forward again, so many steps at a time.
pub(super) fn run(
    (inputs, state, mask): (Tensor<3>, Tensor<2>, Option<Tensor<3>>),
    parameters: Vec<Tensor<2>>,
    (spec, plan, segment): (Spec, Plan, Option<usize>),
) -> (Tensor<3>, Tensor<2>) {
    let [first, second, _] = inputs.dims();
    let call = Call::new((spec, plan, segment), parameters.len(), mask.is_some());
    let outputs = Cut {
        part: Part::Outputs,
        range: 0..call.outputs(),
        shape: Shape::new([first, second, spec.outputs()]),
        gradients: call.gradients.clone(),
    };
    let final_state = Cut {
        part: Part::FinalState,
        range: call.outputs()..call.total(),
        shape: Shape::new(state.dims()),
        gradients: call.gradients.clone(),
    };
    let flat = run_flat((inputs, state, mask), parameters, call);
    let cut = |cut| <Dispatch as RecurrentBackend>::recurrent_part(flat.clone(), cut);
    (
        Tensor::from_dispatch(cut(outputs)),
        Tensor::from_dispatch(cut(final_state)),
    )
}

/// Runs a dense layer: inputs `[N, F]`, kernel `[F, O]` and bias `[1, O]` give `[N, O]`.
pub(super) fn run_dense(
    inputs: Tensor<2>,
    parameters: Vec<Tensor<2>>,
    (spec, plan): (Spec, Plan),
) -> Tensor<2> {
    let [rows, _] = inputs.dims();
    let call = Call::new((spec, plan, None), parameters.len(), false);
    let outputs = Cut {
        part: Part::Outputs,
        range: 0..call.outputs(),
        shape: Shape::new([rows, spec.outputs()]),
        gradients: call.gradients.clone(),
    };
    let no_state = Tensor::zeros([1, 1], (&inputs.device(), inputs.dtype()));
    let flat = run_flat((inputs.unsqueeze_dim(1), no_state, None), parameters, call);
    Tensor::from_dispatch(<Dispatch as RecurrentBackend>::recurrent_part(
        flat, outputs,
    ))
}

/// The flat result: outputs, then the final state.
fn run_flat(
    (inputs, state, mask): (Tensor<3>, Tensor<2>, Option<Tensor<3>>),
    parameters: Vec<Tensor<2>>,
    call: Call,
) -> FloatTensor<Dispatch> {
    let placeholder = Tensor::<2>::zeros([1, 1], (&inputs.device(), inputs.dtype()));
    let mask = match mask {
        Some(mask) => mask.into_dispatch(),
        None => placeholder.clone().into_dispatch(),
    };
    let mut parameters = parameters.into_iter();
    let mut next = || {
        let parameter = parameters.next();
        parameter
            .unwrap_or_else(|| placeholder.clone())
            .into_dispatch()
    };
    let operands = Operands(
        inputs.into_dispatch(),
        state.into_dispatch(),
        next(),
        next(),
        next(),
        next(),
        next(),
        next(),
        mask,
    );
    <Dispatch as RecurrentBackend>::recurrent_sequence(operands, call)
}

/// The tensors of an operation: inputs, state, parameters, mask.
#[derive(ExtensionType)]
pub(super) struct Operands<B: Backend>(
    FloatTensor<B>,
    FloatTensor<B>,
    FloatTensor<B>,
    FloatTensor<B>,
    FloatTensor<B>,
    FloatTensor<B>,
    FloatTensor<B>,
    FloatTensor<B>,
    FloatTensor<B>,
);

/// The same, to be walked.
pub(super) type Tensors<B> = [FloatTensor<B>; TENSORS];

impl<B: Backend> Operands<B> {
    fn into_array(self) -> Tensors<B> {
        let Self(inputs, state, p0, p1, p2, p3, p4, p5, mask) = self;
        [inputs, state, p0, p1, p2, p3, p4, p5, mask]
    }
}

/// Backends that run a whole sequence through a cell as one operation.
#[backend_extension(Flex, Remote: cfg(feature = "remote"), Autodiff)]
pub(super) trait RecurrentBackend: Backend {
    /// See [`run`].
    fn recurrent_sequence(
        #[extension_type] operands: Operands<Self>,
        call: Call,
    ) -> FloatTensor<Self>;

    /// Takes a part out of the flat result.
    fn recurrent_part(flat: FloatTensor<Self>, cut: Cut) -> FloatTensor<Self>;
}

impl RecurrentBackend for Flex {
    fn recurrent_sequence(operands: Operands<Self>, call: Call) -> FloatTensor<Self> {
        Self::infer(&Self::ready(operands.into_array()), &call)
    }

    fn recurrent_part(flat: FloatTensor<Self>, cut: Cut) -> FloatTensor<Self> {
        cut.take::<Self>(flat)
    }
}

#[cfg(feature = "remote")]
impl RecurrentBackend for Remote {
    fn recurrent_sequence(operands: Operands<Self>, call: Call) -> FloatTensor<Self> {
        Self::infer(&Self::ready(operands.into_array()), &call)
    }

    fn recurrent_part(flat: FloatTensor<Self>, cut: Cut) -> FloatTensor<Self> {
        cut.take::<Self>(flat)
    }
}

impl Cut {
    fn take<B: Backend>(self, flat: FloatTensor<B>) -> FloatTensor<B> {
        let part = B::float_slice(flat, &[Slice::from(self.range)]);
        B::float_reshape(part, self.shape)
    }
}

impl<B: Kernels, C: CheckpointStrategy> RecurrentBackend for Autodiff<B, C> {
    fn recurrent_sequence(operands: Operands<Self>, call: Call) -> FloatTensor<Self> {
        let mut nodes = Vec::with_capacity(TENSORS);
        let tensors = operands.into_array().map(|tensor| {
            let (tensor, node) = tensor.into_parts();
            nodes.push(node);
            tensor
        });
        let Ok(nodes) = <[_; TENSORS]>::try_from(nodes) else {
            unreachable!("every tensor has a node");
        };
        let tensors = B::ready(tensors);
        match RecurrentSequence
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(preparation) => {
                let (result, notes) = B::train(&tensors, &call);
                let saved = Saved {
                    tensors,
                    call,
                    result: result.clone(),
                    notes: Arc::new(Mutex::new(Some(notes))),
                };
                preparation.finish(saved, result)
            }
            OpsKind::UnTracked(preparation) => preparation.finish(B::infer(&tensors, &call)),
        }
    }

    fn recurrent_part(flat: FloatTensor<Self>, cut: Cut) -> FloatTensor<Self> {
        let (flat, node) = flat.into_parts();
        let part = cut.clone().take::<B>(flat);
        match RecurrentPart
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(preparation) => preparation.finish(cut, part),
            OpsKind::UnTracked(preparation) => preparation.finish(part),
        }
    }
}

/// What forward leaves for backward.
#[derive(Debug)]
struct Saved<B: Kernels> {
    tensors: Tensors<B>,
    call: Call,
    result: FloatTensor<B>,
    /// Taken by the first backward; a second one runs forward again.
    notes: Arc<Mutex<Option<B::Notes>>>,
}

impl<B: Kernels> Clone for Saved<B> {
    fn clone(&self) -> Self {
        Self {
            tensors: self.tensors.clone(),
            call: self.call.clone(),
            result: self.result.clone(),
            notes: Arc::clone(&self.notes),
        }
    }
}

/// The backward of the operation.
#[derive(Debug)]
struct RecurrentSequence;

impl<B: Kernels> Backward<B, TENSORS> for RecurrentSequence {
    type State = Saved<B>;

    fn backward(
        self,
        ops: Ops<Saved<B>, TENSORS>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        // The parts' gradients come by themselves.
        drop(grads.consume::<B>(&ops.node));
        let saved = &ops.state;
        let inputs = ops.parents[0].is_some();
        let parameters = ops.parents[2..MASK].iter().any(Option::is_some);
        let wanted = match (inputs, parameters) {
            (true, true) => Wanted::Everything,
            (true, false) => Wanted::Inputs,
            (false, _) => Wanted::Parameters,
        };
        let taken = saved
            .notes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let gradients = B::gradients(BackwardRun {
            tensors: &saved.tensors,
            call: &saved.call,
            result: &saved.result,
            given: saved.call.gradients.take::<B>(),
            notes: taken.unwrap_or_else(|| B::train(&saved.tensors, &saved.call).1),
            wanted,
        });
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

/// The backward of taking a part out.
#[derive(Debug)]
struct RecurrentPart;

impl<B: Backend> Backward<B, 1> for RecurrentPart {
    type State = Cut;

    fn backward(self, ops: Ops<Cut, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let token = B::float_zeros(Shape::new([1]), &gradient.device(), gradient.dtype().into());
        ops.state.gradients.put::<B>(ops.state.part, gradient);
        // The flat result's gradient only says that there is one.
        if let [Some(flat)] = ops.parents {
            grads.register::<B>(flat.id, token);
        }
    }
}
