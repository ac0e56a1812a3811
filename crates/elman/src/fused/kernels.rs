//! What the operation computes on this machine's processor.

use std::fmt;

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, TensorMetadata};
use burn::tensor::{DType, Element, Shape, TensorData};
use elman_kernels::{Forward, HiddenMask, Isa, MaskedHidden, Real, Tape, Wanted};

use super::checkpointed::{Checkpoints, ResultGradients, Segmented};
use super::operation::{Call, MASK, Part, TENSORS, Tensors};

/// A backend that has the kernels: forward and backward, without a graph.
pub(super) trait Kernels: Backend {
    /// What a forward pass notes for its backward pass.
    type Notes: fmt::Debug + Send + 'static;

    /// The tensors as the other functions want them.
    fn ready(tensors: Tensors<Self>) -> Tensors<Self>;

    /// The flat result: outputs, then the final state.
    fn infer(tensors: &Tensors<Self>, call: &Call) -> FloatTensor<Self>;

    /// The same, with notes for [`gradients`](Self::gradients).
    fn train(tensors: &Tensors<Self>, call: &Call) -> (FloatTensor<Self>, Self::Notes);

    /// The gradients of the tensors; none for placeholders and what is not wanted.
    fn gradients(run: BackwardRun<'_, Self>) -> [Option<FloatTensor<Self>>; TENSORS];
}

/// What a backward pass starts from.
pub(super) struct BackwardRun<'a, B: Kernels> {
    pub(super) tensors: &'a Tensors<B>,
    pub(super) call: &'a Call,
    /// What forward gave.
    pub(super) result: &'a FloatTensor<B>,
    /// The gradients of the result's parts; `None` means zero.
    pub(super) given: [Option<FloatTensor<B>>; 2],
    pub(super) notes: B::Notes,
    pub(super) wanted: Wanted,
}

impl Kernels for Flex {
    type Notes = AnyNotes;

    fn ready(tensors: Tensors<Self>) -> Tensors<Self> {
        tensors.map(without_gaps)
    }

    fn infer(tensors: &Tensors<Self>, call: &Call) -> FlexTensor {
        let operands = Operands(tensors);
        match operands.dtype() {
            DType::F64 => operands.infer::<f64>(call),
            _ => operands.infer::<f32>(call),
        }
    }

    fn train(tensors: &Tensors<Self>, call: &Call) -> (FlexTensor, AnyNotes) {
        let operands = Operands(tensors);
        match operands.dtype() {
            DType::F64 => {
                let (result, notes) = operands.train(call);
                (result, AnyNotes::F64(notes))
            }
            _ => {
                let (result, notes) = operands.train(call);
                (result, AnyNotes::F32(notes))
            }
        }
    }

    fn gradients(run: BackwardRun<'_, Self>) -> [Option<FlexTensor>; TENSORS] {
        let BackwardRun {
            tensors,
            call,
            result,
            given,
            notes,
            wanted,
        } = run;
        let backward = Backward {
            operands: Operands(tensors),
            call,
            result,
            given: given.map(|gradient| gradient.map(without_gaps)),
            wanted,
        };
        match notes {
            AnyNotes::F32(notes) => backward.gradients(notes),
            AnyNotes::F64(notes) => backward.gradients(notes),
        }
    }
}

/// The tensors of an operation, contiguous.
#[derive(Clone, Copy, Debug)]
struct Operands<'t>(&'t Tensors<Flex>);

impl<'t> Operands<'t> {
    fn dtype(self) -> DType {
        self.0[0].dtype()
    }

    fn inputs<T: Number>(self) -> &'t [T] {
        numbers(&self.0[0])
    }

    /// Nothing for a layer without a state, whose tensor is a placeholder.
    fn state<T: Number>(self, call: &Call) -> &'t [T] {
        &numbers(&self.0[1])[..call.plan.batch() * call.spec.state()]
    }

    fn parameters<T: Number>(self, call: &Call) -> Vec<&'t [T]> {
        self.0[2..2 + call.parameters].iter().map(numbers).collect()
    }

    fn infer<T: Number>(self, call: &Call) -> FlexTensor {
        let mut carried = room_for_carried(call);
        let cell = call.spec.pack(&self.parameters::<T>(call), Isa::detect());
        flat(cell.forward(self.forward(call, &mut carried)))
    }

    /// A forward pass that writes what a mask leaves of the outputs to `carried`.
    fn forward<'a, T: Number>(self, call: &'a Call, carried: &'a mut [T]) -> Forward<'a, T>
    where
        't: 'a,
    {
        Forward {
            plan: &call.plan,
            inputs: self.inputs(),
            state: self.state(call),
            mask: call.masked.then(|| HiddenMask {
                factors: numbers(&self.0[MASK]),
                carried,
            }),
        }
    }

    /// In segments of `steps` steps; `parameters` are the cell's.
    fn segmented<'a, T: Number>(
        self,
        call: &'a Call,
        steps: usize,
        parameters: &'a [&'a [T]],
    ) -> Segmented<'a, T>
    where
        't: 'a,
    {
        Segmented {
            spec: &call.spec,
            plan: &call.plan,
            steps,
            parameters,
            inputs: self.inputs(),
            state: self.state(call),
        }
    }

    fn train<T: Number>(self, call: &Call) -> (FlexTensor, Notes<T>) {
        let parameters = self.parameters::<T>(call);
        if let Some(steps) = call.segment {
            let (result, checkpoints) = self.segmented(call, steps, &parameters).forward();
            return (flat(result), Notes::Segments(checkpoints));
        }
        let mut carried = room_for_carried(call);
        let cell = call.spec.pack(&parameters, Isa::detect());
        let (result, tape) = cell.forward_training(self.forward(call, &mut carried));
        (flat(result), Notes::Whole(tape, carried))
    }
}

/// Room for what a mask leaves of the outputs: nothing without one.
fn room_for_carried<T: Number>(call: &Call) -> Vec<T> {
    vec![T::default(); if call.masked { call.outputs() } else { 0 }]
}

/// A number type of both Burn and the kernels.
pub(super) trait Number: Real + Element {}
impl Number for f32 {}
impl Number for f64 {}

/// Copies a tensor whose numbers do not stand one after another. `to_contiguous` would copy a part
/// of a larger tensor, too, such as the outputs of the layer below.
pub(super) fn without_gaps(tensor: FlexTensor) -> FlexTensor {
    match tensor.is_contiguous() {
        true => tensor,
        false => tensor.to_contiguous(),
    }
}

/// The numbers of a contiguous tensor.
pub(super) fn numbers<T: Number>(tensor: &FlexTensor) -> &[T] {
    tensor
        .as_slice()
        .expect("the tensor is contiguous and of the operation's number type")
}

fn flat<T: Number>(numbers: Vec<T>) -> FlexTensor {
    let count = numbers.len();
    shaped(numbers, Shape::new([count]))
}

pub(super) fn shaped<T: Number>(numbers: Vec<T>, shape: Shape) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, shape))
}

/// What forward notes for backward.
#[derive(Debug)]
pub(super) enum Notes<T: Real> {
    /// Of all steps, and what a mask left of the outputs.
    Whole(Tape<T>, Vec<T>),
    /// Of the segments.
    Segments(Checkpoints<T>),
}

/// Notes in either number type.
#[derive(Debug)]
pub(super) enum AnyNotes {
    F32(Notes<f32>),
    F64(Notes<f64>),
}

/// A backward pass, with contiguous gradients.
struct Backward<'a> {
    operands: Operands<'a>,
    call: &'a Call,
    result: &'a FlexTensor,
    given: [Option<FlexTensor>; 2],
    wanted: Wanted,
}

impl Backward<'_> {
    fn gradients<T: Number>(&self, notes: Notes<T>) -> [Option<FlexTensor>; TENSORS] {
        let (outputs, total) = (self.call.outputs(), self.call.total());
        let part = |part: Part| self.given[part as usize].as_ref().map(numbers::<T>);
        let (d_outputs, d_final_state) = (part(Part::Outputs), part(Part::FinalState));
        let no_final_state = match d_final_state {
            None => vec![T::default(); total - outputs],
            Some(_) => Vec::new(),
        };
        let d_final_state = d_final_state.unwrap_or(&no_final_state);
        let forward = &numbers::<T>(self.result)[..outputs];
        let parameters = self.operands.parameters::<T>(self.call);
        let gradients = match (notes, self.call.segment) {
            (Notes::Segments(checkpoints), Some(steps)) => {
                let given = ResultGradients {
                    outputs: d_outputs,
                    final_state: d_final_state,
                };
                let segmented = self.operands.segmented(self.call, steps, &parameters);
                segmented.backward(checkpoints, forward, given, self.wanted)
            }
            (Notes::Segments(_), None) => unreachable!("segments have a length"),
            (Notes::Whole(tape, carried), _) => {
                let run = elman_kernels::Backward {
                    plan: &self.call.plan,
                    inputs: self.operands.inputs(),
                    state: self.operands.state(self.call),
                    outputs: forward,
                    mask: self.call.masked.then(|| MaskedHidden {
                        factors: numbers(&self.operands.0[MASK]),
                        carried: &carried,
                    }),
                    d_outputs,
                    d_final_state,
                    later: &[],
                    unfinished: false,
                    wanted: self.wanted,
                };
                tape.backward(&run, &parameters)
            }
        };
        let state = Some(gradients.state).filter(|state| !state.is_empty());
        let all = [gradients.inputs, state]
            .into_iter()
            .chain(gradients.parameters.into_iter().map(Some));
        let mut shaped_gradients: [Option<FlexTensor>; TENSORS] = Default::default();
        for ((place, numbers), tensor) in shaped_gradients.iter_mut().zip(all).zip(self.operands.0)
        {
            *place = numbers.map(|numbers| shaped(numbers, tensor.shape()));
        }
        shaped_gradients
    }
}
