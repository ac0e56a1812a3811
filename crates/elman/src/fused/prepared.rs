//! Weights packed once for many calls: what streaming needs.

use burn::tensor::{DType, Device, Element, Tensor, TensorData};
use elman_kernels::{Forward, Isa, Packed, Real, Spec};

use super::{Fused, check};
use crate::cell::{Layout, Sequence, State, Unrolled};
use crate::error::Result;

/// A cell's weights as its kernel reads them, if it has a kernel for its device and number type.
///
/// Made by [`Cell::prepare`](crate::cell::Cell::prepare); it does not follow later changes of the parameters.
#[derive(Debug, Default)]
pub struct Prepared(Option<Weights>);

#[derive(Debug)]
enum Weights {
    F32(Spec, Packed<f32>),
    F64(Spec, Packed<f64>),
}

/// Packs the weights of `cell`.
pub(crate) fn prepare<C: Fused>(cell: &C) -> Prepared {
    fn pack<T: Element + Real>(spec: Spec, parameters: Vec<Tensor<2>>) -> Option<Packed<T>> {
        let data: Vec<TensorData> = parameters.into_iter().map(Tensor::into_data).collect();
        let slices: Result<Vec<&[T]>, _> = data.iter().map(TensorData::as_slice).collect();
        Some(spec.pack(&slices.ok()?, Isa::detect()))
    }
    let spec = cell.spec();
    let parameters = cell.parameters();
    let on_cpu = |tensor: &Tensor<2>| tensor.device() == Device::flex();
    if !parameters.iter().all(on_cpu) {
        return Prepared(None);
    }
    Prepared(match parameters[0].dtype() {
        DType::F32 => pack(spec, parameters).map(|packed| Weights::F32(spec, packed)),
        DType::F64 => pack(spec, parameters).map(|packed| Weights::F64(spec, packed)),
        _ => None,
    })
}

/// Runs a prepared cell; through the cell's ordinary path where gradients are tracked or nothing
/// is prepared.
///
/// # Errors
///
/// As the cell's `sequence`.
pub(crate) fn run<C: Fused>(
    cell: &C,
    prepared: &Prepared,
    sequence: Sequence,
    state: C::State,
) -> Result<Unrolled<C::State>> {
    if !super::serves(&sequence) || sequence.inputs().device().is_autodiff() {
        return cell.sequence(sequence, state);
    }
    match &prepared.0 {
        None => cell.sequence(sequence, state),
        Some(Weights::F32(spec, packed)) => forward(spec, packed, sequence, state),
        Some(Weights::F64(spec, packed)) => forward(spec, packed, sequence, state),
    }
}

fn forward<T: Element + Real, S: State>(
    spec: &Spec,
    packed: &Packed<T>,
    sequence: Sequence,
    state: S,
) -> Result<Unrolled<S>> {
    let (batch, time, size) = (sequence.batch(), sequence.time(), spec.outputs());
    let device = sequence.inputs().device();
    let parts = state.into_parts();
    check(&sequence, spec, &parts, T::dtype())?;
    let widths: Vec<usize> = parts.iter().map(|part| part.dims()[1]).collect();
    let parts: Vec<TensorData> = parts.into_iter().map(Tensor::into_data).collect();
    let mut packed_state = vec![T::default(); batch * spec.state()];
    let mut first = 0;
    for (part, &width) in parts.iter().zip(&widths) {
        let numbers = numbers::<T>(part);
        for row in 0..batch {
            packed_state[row * spec.state() + first..][..width]
                .copy_from_slice(&numbers[row * width..][..width]);
        }
        first += width;
    }
    let plan = super::plan(&sequence);
    let shape = match sequence.layout() {
        Layout::BatchMajor => [batch, time, size],
        Layout::TimeMajor => [time, batch, size],
    };
    let inputs = sequence.inputs().to_data();
    let mut outputs = vec![T::default(); batch * time * size];
    let mut final_state = vec![T::default(); packed_state.len()];
    packed.forward(Forward {
        plan: &plan,
        inputs: numbers(&inputs),
        state: &packed_state,
        outputs: &mut outputs,
        final_state: &mut final_state,
    });
    let mut first = 0;
    let parts = widths.into_iter().map(|width| {
        let rows = final_state.chunks_exact(spec.state());
        let part: Vec<T> = rows
            .flat_map(|row| &row[first..first + width])
            .copied()
            .collect();
        first += width;
        Tensor::from_data(TensorData::new(part, [batch, width]), (&device, T::dtype()))
    });
    let state = S::from_parts(parts.collect());
    let outputs = TensorData::new(outputs, shape);
    Ok(Unrolled {
        outputs: Tensor::from_data(outputs, (&device, T::dtype())),
        state,
    })
}

fn numbers<T: Element>(data: &TensorData) -> &[T] {
    data.as_slice().expect("the number type was checked before")
}
