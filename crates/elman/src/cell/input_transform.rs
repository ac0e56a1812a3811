//! The product by which inputs enter a cell.

use burn::module::Param;
use burn::tensor::Tensor;

use crate::cell::{BasicRnnCell, Cell, GruCell, LstmCell};

/// What a cell adds up of its inputs: `x · kernel + bias`, all gates side by side.
#[derive(Clone, Debug)]
pub struct InputTransform {
    /// `[F, N]`.
    pub kernel: Tensor<2>,
    /// `[N]`.
    pub bias: Tensor<1>,
}

/// A cell into which inputs enter by one product alone: what batch normalisation of the input
/// transform acts on.
pub trait TransformsInputs: Cell + Sized {
    /// The product; `None` for a cell that has more to do with its inputs.
    fn input_transform(&self) -> Option<InputTransform>;

    /// The cell with another product of the same size; what it had is gone. A cell without one
    /// stays as it is.
    fn with_input_transform(&self, transform: InputTransform) -> Self;
}

/// The first `inputs` rows of a kernel.
fn of_inputs(kernel: &Param<Tensor<2>>, inputs: usize) -> Tensor<2> {
    kernel.val().narrow(0, 0, inputs)
}

/// Of a cell with one kernel for all its gates.
fn of_one_kernel(
    kernel: &Param<Tensor<2>>,
    bias: &Param<Tensor<1>>,
    inputs: usize,
) -> Option<InputTransform> {
    Some(InputTransform {
        kernel: of_inputs(kernel, inputs),
        bias: bias.val(),
    })
}

/// `kernel` with other first rows, as part of a graph.
fn with_rows(kernel: &Param<Tensor<2>>, rows: Tensor<2>) -> Param<Tensor<2>> {
    let [inputs, _] = rows.dims();
    let [all, _] = kernel.dims();
    let hidden = kernel.val().narrow(0, inputs, all - inputs);
    Param::initialized(kernel.id, Tensor::cat(vec![rows, hidden], 0))
}

impl TransformsInputs for BasicRnnCell {
    fn input_transform(&self) -> Option<InputTransform> {
        of_one_kernel(&self.kernel, &self.bias, self.input_size())
    }

    fn with_input_transform(&self, transform: InputTransform) -> Self {
        Self {
            kernel: with_rows(&self.kernel, transform.kernel),
            bias: Param::initialized(self.bias.id, transform.bias),
            activation: self.activation,
        }
    }
}

impl TransformsInputs for LstmCell {
    fn input_transform(&self) -> Option<InputTransform> {
        of_one_kernel(&self.kernel, &self.bias, self.input_size())
    }

    fn with_input_transform(&self, transform: InputTransform) -> Self {
        Self {
            kernel: with_rows(&self.kernel, transform.kernel),
            bias: Param::initialized(self.bias.id, transform.bias),
            ..self.clone()
        }
    }
}

/// Reset, update, candidate.
impl TransformsInputs for GruCell {
    fn input_transform(&self) -> Option<InputTransform> {
        let inputs = self.input_size();
        let kernels = [&self.gates_kernel, &self.candidate_kernel];
        let kernels = kernels.map(|kernel| of_inputs(kernel, inputs));
        let biases = [&self.gates_bias, &self.candidate_bias].map(Param::val);
        Some(InputTransform {
            kernel: Tensor::cat(kernels.to_vec(), 1),
            bias: Tensor::cat(biases.to_vec(), 0),
        })
    }

    fn with_input_transform(&self, transform: InputTransform) -> Self {
        let InputTransform { kernel, bias } = transform;
        let units = self.output_size();
        let gates = kernel.clone().narrow(1, 0, 2 * units);
        let candidate = kernel.narrow(1, 2 * units, units);
        let gates_bias = bias.clone().narrow(0, 0, 2 * units);
        let candidate_bias = bias.narrow(0, 2 * units, units);
        Self {
            gates_kernel: with_rows(&self.gates_kernel, gates),
            gates_bias: Param::initialized(self.gates_bias.id, gates_bias),
            candidate_kernel: with_rows(&self.candidate_kernel, candidate),
            candidate_bias: Param::initialized(self.candidate_bias.id, candidate_bias),
            ..self.clone()
        }
    }
}
