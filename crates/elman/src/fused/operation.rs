//! One operation for every fused cell, its forward on the CPU and its backward.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Element, Shape, Tensor, TensorData};
use elman_kernels::{HiddenMask, Isa, MaskedHidden, Plan, Real, Spec, Tape, Wanted};

use super::checkpointed::{Checkpoints, ResultGradients, Segmented};

/// The most parameters that a fused cell has: an LSTM's kernel, bias, three peepholes, projection.
const PARAMETERS: usize = 6;
/// Inputs, state, parameters, mask.
const TENSORS: usize = 3 + PARAMETERS;
/// Which of them is the mask.
const MASK: usize = TENSORS - 1;

/// What of an operation is not a tensor.
#[derive(Clone, Debug)]
pub(super) struct Call {
    spec: Spec,
    plan: Plan,
    /// How many of the parameter tensors the cell has; the others are placeholders.
    parameters: usize,
    /// Is there a mask of the hidden state, or a placeholder?
    masked: bool,
    /// The steps of a segment, if the sequence is taken in segments.
    segment: Option<usize>,
    gradients: PartGradients,
}

/// The two parts of the flat result.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Outputs,
    FinalState,
}

/// The gradients of the parts, on their way to the operation's backward. Each part puts its own
/// here, so that they need not be copied into one flat tensor.
#[derive(Clone, Debug, Default)]
struct PartGradients(Arc<Mutex<[Option<FlexTensor>; 2]>>);

impl PartGradients {
    fn put(&self, part: Part, gradient: FlexTensor) {
        self.lock()[part as usize] = Some(gradient);
    }

    fn take(&self) -> [Option<FlexTensor>; 2] {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, [Option<FlexTensor>; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// How many numbers of the flat result are outputs; the final state comes after them.
    fn outputs(&self) -> usize {
        self.plan.batch() * self.plan.time() * self.spec.outputs()
    }

    /// How many numbers the flat result has.
    fn total(&self) -> usize {
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
    let call = Call {
        spec,
        plan,
        parameters: parameters.len(),
        masked: mask.is_some(),
        segment,
        gradients: PartGradients::default(),
    };
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
    <Dispatch as RecurrentBackend>::recurrent_sequence(
        inputs.into_dispatch(),
        state.into_dispatch(),
        next(),
        next(),
        next(),
        next(),
        next(),
        next(),
        mask,
        call,
    )
}

/// Backends that run a whole sequence through a cell as one operation.
#[backend_extension(Flex, Autodiff)]
pub(super) trait RecurrentBackend: Backend {
    /// See [`run`].
    #[allow(
        clippy::too_many_arguments,
        reason = "an extension takes its tensors one by one; `run` is the face"
    )]
    fn recurrent_sequence(
        inputs: FloatTensor<Self>,
        state: FloatTensor<Self>,
        parameter_0: FloatTensor<Self>,
        parameter_1: FloatTensor<Self>,
        parameter_2: FloatTensor<Self>,
        parameter_3: FloatTensor<Self>,
        parameter_4: FloatTensor<Self>,
        parameter_5: FloatTensor<Self>,
        mask: FloatTensor<Self>,
        call: Call,
    ) -> FloatTensor<Self>;

    /// Takes a part out of the flat result.
    fn recurrent_part(flat: FloatTensor<Self>, cut: Cut) -> FloatTensor<Self>;
}

impl RecurrentBackend for Flex {
    fn recurrent_sequence(
        inputs: FlexTensor,
        state: FlexTensor,
        parameter_0: FlexTensor,
        parameter_1: FlexTensor,
        parameter_2: FlexTensor,
        parameter_3: FlexTensor,
        parameter_4: FlexTensor,
        parameter_5: FlexTensor,
        mask: FlexTensor,
        call: Call,
    ) -> FlexTensor {
        let operands = Operands::new([
            inputs,
            state,
            parameter_0,
            parameter_1,
            parameter_2,
            parameter_3,
            parameter_4,
            parameter_5,
            mask,
        ]);
        match operands.dtype() {
            DType::F64 => operands.infer::<f64>(&call),
            _ => operands.infer::<f32>(&call),
        }
    }

    fn recurrent_part(flat: FlexTensor, cut: Cut) -> FlexTensor {
        let part = flat.narrow(0, cut.range.start, cut.range.len());
        part.reshape(cut.shape)
    }
}

impl<C: CheckpointStrategy> RecurrentBackend for Autodiff<Flex, C> {
    fn recurrent_sequence(
        inputs: FloatTensor<Self>,
        state: FloatTensor<Self>,
        parameter_0: FloatTensor<Self>,
        parameter_1: FloatTensor<Self>,
        parameter_2: FloatTensor<Self>,
        parameter_3: FloatTensor<Self>,
        parameter_4: FloatTensor<Self>,
        parameter_5: FloatTensor<Self>,
        mask: FloatTensor<Self>,
        call: Call,
    ) -> FloatTensor<Self> {
        let tensors = [
            inputs,
            state,
            parameter_0,
            parameter_1,
            parameter_2,
            parameter_3,
            parameter_4,
            parameter_5,
            mask,
        ];
        let mut nodes = Vec::with_capacity(TENSORS);
        let primitives = tensors.map(|tensor| {
            let (primitive, node) = tensor.into_parts();
            nodes.push(node);
            primitive
        });
        let Ok(nodes) = <[_; TENSORS]>::try_from(nodes) else {
            unreachable!("every tensor has a node");
        };
        let operands = Operands::new(primitives);
        match RecurrentSequence
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(preparation) => {
                let (result, notes) = operands.train(&call);
                let saved = Saved {
                    operands,
                    call,
                    result: result.clone(),
                    notes: Arc::new(Mutex::new(Some(notes))),
                };
                preparation.finish(saved, result)
            }
            OpsKind::UnTracked(preparation) => preparation.finish(match operands.dtype() {
                DType::F64 => operands.infer::<f64>(&call),
                _ => operands.infer::<f32>(&call),
            }),
        }
    }

    fn recurrent_part(flat: FloatTensor<Self>, cut: Cut) -> FloatTensor<Self> {
        let (flat, node) = flat.into_parts();
        let part = Flex::recurrent_part(flat, cut.clone());
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

/// The tensors of an operation, contiguous.
#[derive(Clone, Debug)]
struct Operands([FlexTensor; TENSORS]);

impl Operands {
    fn new(tensors: [FlexTensor; TENSORS]) -> Self {
        Self(tensors.map(|tensor| tensor.to_contiguous()))
    }

    fn dtype(&self) -> DType {
        self.0[0].dtype()
    }

    fn inputs<T: Number>(&self) -> &[T] {
        numbers(&self.0[0])
    }

    fn state<T: Number>(&self) -> &[T] {
        numbers(&self.0[1])
    }

    fn parameters<T: Number>(&self, call: &Call) -> Vec<&[T]> {
        self.0[2..2 + call.parameters].iter().map(numbers).collect()
    }

    fn infer<T: Number>(&self, call: &Call) -> FlexTensor {
        let mut result = vec![T::default(); call.total()];
        let (outputs, final_state) = result.split_at_mut(call.outputs());
        let cell = call.spec.pack(&self.parameters::<T>(call), Isa::detect());
        let mut carried = self.room_for_carried(call);
        cell.forward(elman_kernels::Forward {
            plan: &call.plan,
            inputs: self.inputs(),
            state: self.state(),
            outputs,
            final_state,
            mask: self.mask(call, &mut carried),
        });
        flat(result)
    }

    /// What becomes of the outputs by a mask; nothing without one.
    fn room_for_carried<T: Number>(&self, call: &Call) -> Vec<T> {
        vec![T::default(); if call.masked { call.outputs() } else { 0 }]
    }

    /// The mask, whose products go to `carried`.
    fn mask<'a, T: Number>(
        &'a self,
        call: &Call,
        carried: &'a mut [T],
    ) -> Option<HiddenMask<'a, T>> {
        call.masked.then(|| HiddenMask {
            factors: numbers(&self.0[MASK]),
            carried,
        })
    }

    /// In segments of `steps` steps; `parameters` are the cell's.
    fn segmented<'a, T: Number>(
        &'a self,
        call: &'a Call,
        steps: usize,
        parameters: &'a [&'a [T]],
    ) -> Segmented<'a, T> {
        Segmented {
            spec: &call.spec,
            plan: &call.plan,
            steps,
            parameters,
            inputs: self.inputs(),
            state: self.state(),
        }
    }

    fn train(&self, call: &Call) -> (FlexTensor, AnyNotes) {
        fn run<T: Number>(operands: &Operands, call: &Call) -> (FlexTensor, Notes<T>) {
            let mut result = vec![T::default(); call.total()];
            let (outputs, final_state) = result.split_at_mut(call.outputs());
            let parameters = operands.parameters::<T>(call);
            if let Some(steps) = call.segment {
                let segmented = operands.segmented(call, steps, &parameters);
                let checkpoints = segmented.forward(outputs, final_state);
                return (flat(result), Notes::Segments(checkpoints));
            }
            let cell = call.spec.pack(&parameters, Isa::detect());
            let mut carried = operands.room_for_carried(call);
            let tape = cell.forward_training(elman_kernels::Forward {
                plan: &call.plan,
                inputs: operands.inputs(),
                state: operands.state(),
                outputs,
                final_state,
                mask: operands.mask(call, &mut carried),
            });
            (flat(result), Notes::Whole(tape, carried))
        }
        match self.dtype() {
            DType::F64 => {
                let (result, notes) = run(self, call);
                (result, AnyNotes::F64(notes))
            }
            _ => {
                let (result, notes) = run(self, call);
                (result, AnyNotes::F32(notes))
            }
        }
    }
}

/// A number type of both Burn and the kernels.
trait Number: Real + Element {}
impl Number for f32 {}
impl Number for f64 {}

/// The numbers of a contiguous tensor.
fn numbers<T: Number>(tensor: &FlexTensor) -> &[T] {
    tensor
        .as_slice()
        .expect("the tensor is contiguous and of the operation's number type")
}

fn flat<T: Number>(numbers: Vec<T>) -> FlexTensor {
    let count = numbers.len();
    shaped(numbers, Shape::new([count]))
}

fn shaped<T: Number>(numbers: Vec<T>, shape: Shape) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, shape))
}

/// What forward notes for backward.
#[derive(Debug)]
enum Notes<T: Real> {
    /// Of all steps, and what a mask left of the outputs.
    Whole(Tape<T>, Vec<T>),
    /// Of the segments.
    Segments(Checkpoints<T>),
}

/// Notes in either number type.
#[derive(Debug)]
enum AnyNotes {
    F32(Notes<f32>),
    F64(Notes<f64>),
}

/// What forward leaves for backward.
#[derive(Clone, Debug)]
struct Saved {
    operands: Operands,
    call: Call,
    result: FlexTensor,
    /// Taken by the first backward; a second one runs forward again.
    notes: Arc<Mutex<Option<AnyNotes>>>,
}

impl Saved {
    fn gradients<T: Number>(
        &self,
        notes: Notes<T>,
        wanted: Wanted,
    ) -> [Option<FlexTensor>; TENSORS] {
        let (outputs, total) = (self.call.outputs(), self.call.total());
        let given = self.call.gradients.take();
        let given = given.map(|gradient| gradient.map(|gradient| gradient.to_contiguous()));
        let part = |part: Part| given[part as usize].as_ref().map(numbers::<T>);
        let zeros = |part: Option<&[T]>, count| match part {
            None => vec![T::default(); count],
            Some(_) => Vec::new(),
        };
        let (d_outputs, d_final_state) = (part(Part::Outputs), part(Part::FinalState));
        let no_final_state = zeros(d_final_state, total - outputs);
        let d_final_state = d_final_state.unwrap_or(&no_final_state);
        let forward = &numbers::<T>(&self.result)[..outputs];
        let parameters = self.operands.parameters::<T>(&self.call);
        let gradients = match (notes, self.call.segment) {
            (Notes::Segments(checkpoints), Some(steps)) => {
                let given = ResultGradients {
                    outputs: d_outputs,
                    final_state: d_final_state,
                };
                let segmented = self.operands.segmented(&self.call, steps, &parameters);
                segmented.backward(checkpoints, forward, given, wanted)
            }
            (Notes::Segments(_), None) => unreachable!("segments have a length"),
            (Notes::Whole(tape, carried), _) => {
                let no_outputs = zeros(d_outputs, outputs);
                let run = elman_kernels::Backward {
                    plan: &self.call.plan,
                    inputs: self.operands.inputs(),
                    state: self.operands.state(),
                    outputs: forward,
                    mask: self.call.masked.then(|| MaskedHidden {
                        factors: numbers(&self.operands.0[MASK]),
                        carried: &carried,
                    }),
                    d_outputs: d_outputs.unwrap_or(&no_outputs),
                    d_final_state,
                    later: &[],
                    wanted,
                };
                tape.backward(&run, &parameters)
            }
        };
        let all = [gradients.inputs, Some(gradients.state)]
            .into_iter()
            .chain(gradients.parameters.into_iter().map(Some));
        let mut shaped_gradients: [Option<FlexTensor>; TENSORS] = Default::default();
        for ((place, numbers), tensor) in shaped_gradients.iter_mut().zip(all).zip(&self.operands.0)
        {
            *place = numbers.map(|numbers| shaped(numbers, tensor.shape()));
        }
        shaped_gradients
    }
}

/// The backward of the operation.
#[derive(Debug)]
struct RecurrentSequence;

impl Backward<Flex, TENSORS> for RecurrentSequence {
    type State = Saved;

    fn backward(
        self,
        ops: Ops<Saved, TENSORS>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        // The parts' gradients come by themselves.
        drop(grads.consume::<Flex>(&ops.node));
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
        let notes = taken.unwrap_or_else(|| saved.operands.train(&saved.call).1);
        let gradients = match notes {
            AnyNotes::F32(notes) => saved.gradients(notes, wanted),
            AnyNotes::F64(notes) => saved.gradients(notes, wanted),
        };
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<Flex>(parent.id, gradient);
            }
        }
    }
}

/// The backward of taking a part out.
#[derive(Debug)]
struct RecurrentPart;

impl Backward<Flex, 1> for RecurrentPart {
    type State = Cut;

    fn backward(self, ops: Ops<Cut, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let token = match gradient.dtype() {
            DType::F64 => flat(vec![0.0_f64]),
            _ => flat(vec![0.0_f32]),
        };
        ops.state.gradients.put(ops.state.part, gradient);
        // The flat result's gradient only says that there is one.
        if let [Some(flat)] = ops.parents {
            grads.register::<Flex>(flat.id, token);
        }
    }
}
