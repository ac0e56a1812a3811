//! A fused cell in the middle of a sequence: weights packed once, the state as the kernel reads it.

use burn::tensor::{DType, Element, Tensor, TensorData};
use elman_kernels::{Forward, Isa, Packed, Real, Spec};

use super::{Fused, check, is_here, output_shape, plan, serves};
use crate::cell::{Runner, Sequence, Sequential, State};
use crate::error::Result;

/// The runner of a cell that has a kernel; of any cell's kind where the kernel does not serve its
/// device or its number type.
///
/// It does not follow later changes of the parameters.
pub(crate) fn runner<'cell, C: Fused>(
    cell: &'cell C,
    state: C::State,
) -> Box<dyn Runner<C::State> + 'cell> {
    let parameters = cell.parameters();
    let dtype = parameters[0].dtype();
    let on_cpu = |tensor: &Tensor<2>| is_here(&tensor.device());
    match dtype {
        DType::F32 if parameters.iter().all(on_cpu) => {
            Box::new(FusedRunner::<C, f32>::new(cell, parameters, state))
        }
        DType::F64 if parameters.iter().all(on_cpu) => {
            Box::new(FusedRunner::<C, f64>::new(cell, parameters, state))
        }
        _ => Box::new(Sequential::new(cell, state)),
    }
}

/// A cell whose weights are packed in the number type `T`.
struct FusedRunner<'cell, C: Fused, T: Real> {
    cell: &'cell C,
    spec: Spec,
    weights: Packed<T>,
    state: Carried<C::State, T>,
}

/// The state, in the form in which the last piece left it.
enum Carried<S, T> {
    Tensors(S),
    /// `[B, S]`: the state's parts side by side.
    Rows(Vec<T>),
}

impl<'cell, C: Fused, T: Element + Real> FusedRunner<'cell, C, T> {
    fn new(cell: &'cell C, parameters: Vec<Tensor<2>>, state: C::State) -> Self {
        let data: Vec<TensorData> = parameters.into_iter().map(Tensor::into_data).collect();
        let slices: Vec<&[T]> = data.iter().map(numbers).collect();
        let spec = cell.spec();
        Self {
            weights: spec.pack(&slices, Isa::detect()),
            cell,
            spec,
            state: Carried::Tensors(state),
        }
    }

    /// The state as rows, checked against `sequence`.
    fn rows(&self, sequence: &Sequence) -> Result<Vec<T>> {
        match &self.state {
            Carried::Rows(rows) => {
                let batch = rows.len() / self.spec.state();
                check(sequence, &self.spec, &[batch], &[T::dtype()], T::dtype())?;
                Ok(rows.clone())
            }
            Carried::Tensors(state) => {
                let parts = state.clone().into_parts();
                let batches: Vec<usize> = parts.iter().map(|part| part.dims()[0]).collect();
                let dtypes: Vec<DType> = parts.iter().map(Tensor::dtype).collect();
                check(sequence, &self.spec, &batches, &dtypes, T::dtype())?;
                Ok(numbers(&Tensor::cat(parts, 1).into_data()).to_vec())
            }
        }
    }
}

impl<C: Fused, T: Element + Real> Runner<C::State> for FusedRunner<'_, C, T> {
    fn feed(&mut self, sequence: Sequence) -> Result<Tensor<3>> {
        let device = sequence.inputs().device();
        if !serves(&sequence) || !is_here(&device) || device.is_autodiff() {
            let run = self.cell.sequence(sequence, self.state())?;
            self.state = Carried::Tensors(run.state);
            return Ok(run.outputs);
        }
        let state = self.rows(&sequence)?;
        let shape = output_shape(&sequence, self.spec.outputs());
        let inputs = sequence.inputs().to_data();
        let mut outputs = self.weights.forward(Forward {
            plan: &plan(&sequence),
            inputs: numbers(&inputs),
            state: &state,
            mask: None,
        });
        let final_state = outputs.split_off(shape.iter().product());
        self.state = Carried::Rows(final_state);
        let outputs = TensorData::new(outputs, shape);
        Ok(Tensor::from_data(outputs, (&device, T::dtype())))
    }

    fn state(&self) -> C::State {
        let rows = match &self.state {
            Carried::Tensors(state) => return state.clone(),
            Carried::Rows(rows) => rows,
        };
        // The zero state of no rows says how wide the parts are.
        let like = self.cell.zero_state(1);
        let parts = like.clone().into_parts();
        let device = parts[0].device();
        let widths = parts.iter().map(|part| part.dims()[1]).collect();
        let shape = [rows.len() / self.spec.state(), self.spec.state()];
        let data = TensorData::new(rows.clone(), shape);
        let packed = Tensor::<2>::from_data(data, (&device, T::dtype()));
        like.with_parts(packed.split_with_sizes(widths, 1))
    }
}

/// The numbers of a tensor.
pub(super) fn numbers<T: Element>(data: &TensorData) -> &[T] {
    data.as_slice().expect("the number type was checked before")
}
