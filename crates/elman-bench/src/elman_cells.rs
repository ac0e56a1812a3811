//! Elman's cells on the weights of a case.

use burn::module::Param;
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use elman::cell::{
    BasicRnnCell, BasicRnnCellConfig, Cell, GruCell, GruCellConfig, LstmCell, LstmCellConfig,
    ResetGate,
};
use elman::random::Seed;
use elman_bench_protocol::{Array, CellKind, Failure, Shape, Tensors};

/// A cell whose weights can be set and whose gradients can be read by name.
pub(crate) trait NamedWeights: Cell {
    /// A cell of this shape with the weights of `question`.
    fn from_question(
        kind: CellKind,
        shape: Shape,
        question: &Tensors,
        device: &Device,
    ) -> Result<Self, Failure>
    where
        Self: Sized;

    /// Adds `d.NAME` for every weight.
    fn add_gradients(&self, gradients: &Gradients, answer: &mut Tensors) -> Result<(), Failure>;
}

impl NamedWeights for BasicRnnCell {
    fn from_question(
        _: CellKind,
        shape: Shape,
        question: &Tensors,
        device: &Device,
    ) -> Result<Self, Failure> {
        let config = BasicRnnCellConfig::new(shape.features, shape.units);
        let mut cell = config.init(Seed::new(0), device);
        cell.kernel = weight("kernel", question, device)?;
        cell.bias = weight("bias", question, device)?;
        Ok(cell)
    }

    fn add_gradients(&self, gradients: &Gradients, answer: &mut Tensors) -> Result<(), Failure> {
        add("kernel", &self.kernel, gradients, answer)?;
        add("bias", &self.bias, gradients, answer)
    }
}

impl NamedWeights for LstmCell {
    fn from_question(
        _: CellKind,
        shape: Shape,
        question: &Tensors,
        device: &Device,
    ) -> Result<Self, Failure> {
        let config = LstmCellConfig::new(shape.features, shape.units).with_forget_bias(0.0);
        let mut cell = config.init(Seed::new(0), device);
        cell.kernel = weight("kernel", question, device)?;
        cell.bias = weight("bias", question, device)?;
        Ok(cell)
    }

    fn add_gradients(&self, gradients: &Gradients, answer: &mut Tensors) -> Result<(), Failure> {
        add("kernel", &self.kernel, gradients, answer)?;
        add("bias", &self.bias, gradients, answer)
    }
}

impl NamedWeights for GruCell {
    fn from_question(
        kind: CellKind,
        shape: Shape,
        question: &Tensors,
        device: &Device,
    ) -> Result<Self, Failure> {
        let reset_gate = match kind {
            CellKind::GruAfter => ResetGate::AfterProduct,
            _ => ResetGate::BeforeProduct,
        };
        let config = GruCellConfig::new(shape.features, shape.units).with_reset_gate(reset_gate);
        let mut cell = config.init(Seed::new(0), device);
        cell.gates_kernel = weight("gates_kernel", question, device)?;
        cell.gates_bias = weight("gates_bias", question, device)?;
        cell.candidate_kernel = weight("candidate_kernel", question, device)?;
        cell.candidate_bias = weight("candidate_bias", question, device)?;
        if cell.recurrent_bias.is_some() {
            cell.recurrent_bias = Some(weight("recurrent_bias", question, device)?);
        }
        Ok(cell)
    }

    fn add_gradients(&self, gradients: &Gradients, answer: &mut Tensors) -> Result<(), Failure> {
        add("gates_kernel", &self.gates_kernel, gradients, answer)?;
        add("gates_bias", &self.gates_bias, gradients, answer)?;
        add(
            "candidate_kernel",
            &self.candidate_kernel,
            gradients,
            answer,
        )?;
        add("candidate_bias", &self.candidate_bias, gradients, answer)?;
        match &self.recurrent_bias {
            Some(bias) => add("recurrent_bias", bias, gradients, answer),
            None => Ok(()),
        }
    }
}

/// An array as a tensor.
pub(crate) fn tensor<const D: usize>(array: &Array, device: &Device) -> Tensor<D> {
    let data = TensorData::new(array.values.clone(), array.shape.clone());
    Tensor::from_data(data, device)
}

/// A tensor as an array.
pub(crate) fn array<const D: usize>(tensor: Tensor<D>) -> Result<Array, Failure> {
    let shape = tensor.dims();
    let values = tensor
        .into_data()
        .try_to_vec()
        .map_err(|error| format!("{error:?}"))?;
    Ok(Array::new(shape, values))
}

fn weight<const D: usize>(
    name: &str,
    question: &Tensors,
    device: &Device,
) -> Result<Param<Tensor<D>>, Failure> {
    Ok(Param::from_tensor(tensor(question.get(name)?, device)))
}

fn add<const D: usize>(
    name: &str,
    weight: &Param<Tensor<D>>,
    gradients: &Gradients,
    answer: &mut Tensors,
) -> Result<(), Failure> {
    let gradient = weight.val().grad(gradients);
    let gradient = gradient.ok_or_else(|| format!("elman gave no gradient for {name}"))?;
    answer.insert(format!("d.{name}"), array(gradient)?);
    Ok(())
}
