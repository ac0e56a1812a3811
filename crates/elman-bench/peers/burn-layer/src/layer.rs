//! Burn's layers on elman's weights.

use burn::module::Param;
use burn::nn::{
    GateController, Gru, GruConfig, Lstm, LstmConfig, LstmState, Rnn, RnnConfig, RnnState,
};
use burn::tensor::{Device, Gradients, Tensor};
use elman_bench_protocol::{CaseRequest, CellKind, Failure, Tensors};

use crate::{array, tensor};

/// One of Burn's layers.
pub enum Layer {
    Lstm(Lstm),
    Gru(Gru),
    Rnn(Rnn),
}

/// What a stream carries from step to step.
pub enum Memory {
    Lstm(LstmState<2>),
    Hidden(Tensor<2>),
}

impl Layer {
    /// The case's layer with the weights of `question`.
    pub fn new(case: &CaseRequest, question: &Tensors, device: &Device) -> Result<Self, Failure> {
        let (features, units) = (case.shape.features, case.shape.units);
        let matrix =
            |name: &str| -> Result<Tensor<2>, Failure> { Ok(tensor(question.get(name)?, device)) };
        let vector =
            |name: &str| -> Result<Tensor<1>, Failure> { Ok(tensor(question.get(name)?, device)) };
        Ok(match case.cell {
            CellKind::Lstm => {
                let mut lstm = LstmConfig::new(features, units, true).init(device);
                let (kernel, bias) = (matrix("kernel")?, vector("bias")?);
                let forget = lstm
                    .forget_gate
                    .as_mut()
                    .ok_or("Burn's LSTM has no forget gate")?;
                let gates = [
                    &mut lstm.input_gate,
                    &mut lstm.cell_gate,
                    forget,
                    &mut lstm.output_gate,
                ];
                for (block, gate) in gates.into_iter().enumerate() {
                    set(gate, Block::of(&kernel, &bias, block, features));
                }
                Self::Lstm(lstm)
            }
            CellKind::GruAfter | CellKind::GruBefore => {
                let after = case.cell == CellKind::GruAfter;
                let mut gru = GruConfig::new(features, units, true)
                    .with_reset_after(after)
                    .init(device);
                let (kernel, bias) = (matrix("gates_kernel")?, vector("gates_bias")?);
                for (block, gate) in [&mut gru.reset_gate, &mut gru.update_gate]
                    .into_iter()
                    .enumerate()
                {
                    set(gate, Block::of(&kernel, &bias, block, features));
                }
                let (kernel, bias) = (matrix("candidate_kernel")?, vector("candidate_bias")?);
                let mut candidate = Block::of(&kernel, &bias, 0, features);
                if after {
                    candidate.hidden_bias = vector("recurrent_bias")?;
                }
                set(&mut gru.new_gate, candidate);
                Self::Gru(gru)
            }
            CellKind::Basic => {
                let mut rnn = RnnConfig::new(features, units, true).init(device);
                let (kernel, bias) = (matrix("kernel")?, vector("bias")?);
                set(&mut rnn.gate, Block::of(&kernel, &bias, 0, features));
                Self::Rnn(rnn)
            }
        })
    }

    /// `[B, T, F]` to `[B, T, H]`, and what to carry on.
    pub fn forward(&self, inputs: Tensor<3>, memory: Option<Memory>) -> (Tensor<3>, Memory) {
        let hidden = |memory| match memory {
            Some(Memory::Hidden(hidden)) => Some(hidden),
            _ => None,
        };
        match self {
            Self::Lstm(lstm) => {
                let state = match memory {
                    Some(Memory::Lstm(state)) => Some(state),
                    _ => None,
                };
                let (outputs, state) = lstm.forward(inputs, state);
                (outputs, Memory::Lstm(state))
            }
            Self::Rnn(rnn) => {
                let (outputs, state) = rnn.forward(inputs, hidden(memory).map(RnnState::new));
                (outputs, Memory::Hidden(state.hidden))
            }
            Self::Gru(gru) => {
                let time = inputs.dims()[1];
                let outputs = gru.forward(inputs, hidden(memory));
                let last = outputs.clone().narrow(1, time - 1, 1).squeeze_dim(1);
                (outputs, Memory::Hidden(last))
            }
        }
    }

    /// Adds `d.NAME` for every weight, in elman's layout.
    pub fn add_gradients(
        &self,
        gradients: &Gradients,
        answer: &mut Tensors,
    ) -> Result<(), Failure> {
        match self {
            Self::Lstm(lstm) => {
                let forget = lstm
                    .forget_gate
                    .as_ref()
                    .ok_or("Burn's LSTM has no forget gate")?;
                let gates = [&lstm.input_gate, &lstm.cell_gate, forget, &lstm.output_gate];
                packed(&gates, gradients, "", answer)
            }
            Self::Rnn(rnn) => packed(&[&rnn.gate], gradients, "", answer),
            Self::Gru(gru) => {
                packed(
                    &[&gru.reset_gate, &gru.update_gate],
                    gradients,
                    "gates_",
                    answer,
                )?;
                packed(&[&gru.new_gate], gradients, "candidate_", answer)?;
                if gru.reset_after {
                    let bias = gradient(gru.new_gate.hidden_transform.bias.as_ref(), gradients)?;
                    answer.insert("d.recurrent_bias", array(bias)?);
                }
                Ok(())
            }
        }
    }
}

/// One gate's weights.
struct Block {
    /// `[F, H]`.
    input: Tensor<2>,
    /// `[H, H]`.
    hidden: Tensor<2>,
    /// `[H]`.
    input_bias: Tensor<1>,
    /// `[H]`.
    hidden_bias: Tensor<1>,
}

impl Block {
    /// Block number `block` of a packed kernel `[F+H, G·H]` and bias `[G·H]`.
    fn of(kernel: &Tensor<2>, bias: &Tensor<1>, block: usize, features: usize) -> Self {
        let units = kernel.dims()[0] - features;
        let columns = kernel.clone().narrow(1, block * units, units);
        let input_bias = bias.clone().narrow(0, block * units, units);
        Self {
            input: columns.clone().narrow(0, 0, features),
            hidden: columns.narrow(0, features, units),
            hidden_bias: input_bias.zeros_like(),
            input_bias,
        }
    }
}

fn set(gate: &mut GateController, block: Block) {
    // Through data, so that each weight is a dense leaf of its own and not a view.
    fn leaf<const D: usize>(tensor: Tensor<D>) -> Param<Tensor<D>> {
        let device = tensor.device();
        Param::from_tensor(Tensor::from_data(tensor.into_data(), &device))
    }
    gate.input_transform.weight = leaf(block.input);
    gate.input_transform.bias = Some(leaf(block.input_bias));
    gate.hidden_transform.weight = leaf(block.hidden);
    gate.hidden_transform.bias = Some(leaf(block.hidden_bias));
}

fn gradient<const D: usize>(
    weight: Option<&Param<Tensor<D>>>,
    gradients: &Gradients,
) -> Result<Tensor<D>, Failure> {
    weight
        .and_then(|weight| weight.val().grad(gradients))
        .ok_or_else(|| "Burn gave no gradient for a weight".into())
}

fn packed(
    gates: &[&GateController],
    gradients: &Gradients,
    prefix: &str,
    answer: &mut Tensors,
) -> Result<(), Failure> {
    let mut kernels = Vec::new();
    let mut biases = Vec::new();
    for gate in gates {
        let input = gradient(Some(&gate.input_transform.weight), gradients)?;
        let hidden = gradient(Some(&gate.hidden_transform.weight), gradients)?;
        kernels.push(Tensor::cat(vec![input, hidden], 0));
        biases.push(gradient(gate.input_transform.bias.as_ref(), gradients)?);
    }
    answer.insert(format!("d.{prefix}kernel"), array(Tensor::cat(kernels, 1))?);
    answer.insert(format!("d.{prefix}bias"), array(Tensor::cat(biases, 0))?);
    Ok(())
}
