//! candle-nn's LSTM and GRU as a peer of `elman-bench`. candle has no basic RNN.
//!
//! Weights are PyTorch's: `[G·H, F]`, gates i, f, g, o and r, z, n; the second bias stays zero
//! where elman has one bias only.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarBuilder;
use candle_nn::rnn::{GRU, GRUConfig, GRUState, LSTM, LSTMConfig, LSTMState, RNN};
use elman_bench_protocol::{
    Array, CaseRequest, CellKind, Failure, Mode, Peer, Preparation, Tensors, Workload, serve,
    threads_from_arguments,
};

fn main() -> Result<(), Failure> {
    let threads = threads_from_arguments(std::env::args())?;
    // Rayon reads RAYON_NUM_THREADS, which the bench sets to the same number.
    serve(threads, |_| Candle)
}

struct Candle;

impl Peer for Candle {
    fn name(&self) -> &str {
        "candle"
    }

    fn version(&self) -> &str {
        "0.11.1"
    }

    fn case(
        &self,
        case: &CaseRequest,
        question: &Tensors,
    ) -> Result<Preparation<dyn Workload>, Failure> {
        let unsupported = |reason: &str| Ok(Preparation::Unsupported(reason.into()));
        let weights = match case.cell {
            CellKind::Basic => return unsupported("candle has no basic RNN"),
            CellKind::GruBefore => {
                return unsupported("candle's GRU has its reset gate after the product");
            }
            CellKind::Lstm => lstm_weights(case, question)?,
            CellKind::GruAfter => gru_weights(case, question)?,
        };
        let vars = weights
            .into_iter()
            .map(|(name, value)| Ok((name.to_string(), Var::from_tensor(&value.contiguous()?)?)))
            .collect::<candle_core::Result<HashMap<_, _>>>()?;
        let views = vars
            .iter()
            .map(|(name, var)| match case.mode.trains() {
                true => (name.clone(), var.as_tensor().clone()),
                false => (name.clone(), var.as_detached_tensor()),
            })
            .collect();
        let builder = VarBuilder::from_tensors(views, DType::F32, &Device::Cpu);
        let (features, units) = (case.shape.features, case.shape.units);
        let layer = match case.cell {
            CellKind::Lstm => {
                Layer::Lstm(LSTM::new(features, units, LSTMConfig::default(), builder)?)
            }
            _ => Layer::Gru(GRU::new(features, units, GRUConfig::default(), builder)?),
        };
        let inputs =
            Var::from_tensor(&tensor(&question.get("inputs")?.with_first_axes_swapped())?)?;
        Ok(Preparation::Ready(Box::new(Case {
            case: case.clone(),
            layer,
            vars,
            inputs,
            cotangent: tensor(&question.get("cotangent")?.with_first_axes_swapped())?,
            stream: None,
            fed: 0,
        })))
    }
}

enum Layer {
    Lstm(LSTM),
    Gru(GRU),
}

/// The state of a running stream.
enum Stream {
    Lstm(LSTMState),
    Gru(GRUState),
}

impl Layer {
    /// `[B, T, F]` to `[B, T, H]`.
    fn outputs(&self, inputs: &Tensor) -> candle_core::Result<Tensor> {
        let hidden: Vec<Tensor> = match self {
            Self::Lstm(lstm) => lstm.seq(inputs)?.into_iter().map(|state| state.h).collect(),
            // `GRU::states_to_tensor` would put the steps side by side on the feature axis.
            Self::Gru(gru) => gru.seq(inputs)?.into_iter().map(|state| state.h).collect(),
        };
        Tensor::stack(&hidden, 1)
    }

    /// One step of a stream; the new state and its output.
    fn step(
        &self,
        input: &Tensor,
        stream: Option<Stream>,
    ) -> candle_core::Result<(Stream, Tensor)> {
        let batch = input.dim(0)?;
        match self {
            Self::Lstm(lstm) => {
                let state = match stream {
                    Some(Stream::Lstm(state)) => state,
                    _ => lstm.zero_state(batch)?,
                };
                let state = lstm.step(input, &state)?;
                let output = state.h.clone();
                Ok((Stream::Lstm(state), output))
            }
            Self::Gru(gru) => {
                let state = match stream {
                    Some(Stream::Gru(state)) => state,
                    _ => gru.zero_state(batch)?,
                };
                let state = gru.step(input, &state)?;
                let output = state.h.clone();
                Ok((Stream::Gru(state), output))
            }
        }
    }
}

struct Case {
    case: CaseRequest,
    layer: Layer,
    vars: HashMap<String, Var>,
    /// `[B, T, F]`.
    inputs: Var,
    /// `[B, T, H]`.
    cotangent: Tensor,
    stream: Option<Stream>,
    fed: usize,
}

impl Case {
    fn sequence(&self) -> candle_core::Result<Tensor> {
        match self.case.mode {
            Mode::TrainInputs => self.layer.outputs(self.inputs.as_tensor()),
            _ => self.layer.outputs(&self.inputs.as_detached_tensor()),
        }
    }

    fn next_step(&mut self) -> candle_core::Result<Tensor> {
        let time = self.fed % self.case.shape.time;
        let input = self.inputs.as_detached_tensor().narrow(1, time, 1)?;
        let (stream, output) = self
            .layer
            .step(&input.squeeze(1)?.contiguous()?, self.stream.take())?;
        self.stream = Some(stream);
        self.fed += 1;
        Ok(output)
    }

    fn train(&self) -> candle_core::Result<(Tensor, candle_core::backprop::GradStore)> {
        let outputs = self.sequence()?;
        let gradients = (&outputs * &self.cotangent)?.sum_all()?.backward()?;
        Ok((outputs, gradients))
    }
}

impl Workload for Case {
    fn answer(&mut self) -> Result<Tensors, Failure> {
        let mut answer = Tensors::default();
        if self.case.mode == Mode::Stream {
            let steps = (0..self.case.shape.time)
                .map(|_| self.next_step())
                .collect::<candle_core::Result<Vec<_>>>()?;
            answer.insert("outputs", array(&Tensor::stack(&steps, 0)?)?);
            return Ok(answer);
        }
        if !self.case.mode.trains() {
            answer.insert(
                "outputs",
                array(&self.sequence()?)?.with_first_axes_swapped(),
            );
            return Ok(answer);
        }
        let (outputs, gradients) = self.train()?;
        answer.insert("outputs", array(&outputs)?.with_first_axes_swapped());
        let of = |name: &str| -> Result<Tensor, Failure> {
            let gradient = gradients.get(self.vars[name].as_tensor());
            Ok(gradient
                .ok_or_else(|| format!("candle gave no gradient for {name}"))?
                .clone())
        };
        let kernel = Tensor::cat(&[of("weight_ih_l0")?.t()?, of("weight_hh_l0")?.t()?], 0)?;
        let (first, second) = (of("bias_ih_l0")?, of("bias_hh_l0")?);
        let units = self.case.shape.units;
        match self.case.cell {
            CellKind::Lstm => {
                let swap = |gradient: &Tensor, axis| {
                    let [i, f, g, o] =
                        [0, 1, 2, 3].map(|gate| gradient.narrow(axis, gate * units, units));
                    Tensor::cat(&[i?, g?, f?, o?], axis)
                };
                answer.insert("d.kernel", array(&swap(&kernel, 1)?)?);
                answer.insert("d.bias", array(&swap(&first, 0)?)?);
            }
            _ => {
                answer.insert("d.gates_kernel", array(&kernel.narrow(1, 0, 2 * units)?)?);
                answer.insert(
                    "d.candidate_kernel",
                    array(&kernel.narrow(1, 2 * units, units)?)?,
                );
                answer.insert("d.gates_bias", array(&first.narrow(0, 0, 2 * units)?)?);
                answer.insert(
                    "d.candidate_bias",
                    array(&first.narrow(0, 2 * units, units)?)?,
                );
                answer.insert(
                    "d.recurrent_bias",
                    array(&second.narrow(0, 2 * units, units)?)?,
                );
            }
        }
        if self.case.mode == Mode::TrainInputs {
            let gradient = gradients.get(self.inputs.as_tensor());
            let gradient = gradient.ok_or("candle gave no gradient for the inputs")?;
            answer.insert("d.inputs", array(gradient)?.with_first_axes_swapped());
        }
        Ok(answer)
    }

    fn run(&mut self, iterations: usize) -> Result<(), Failure> {
        for _ in 0..iterations {
            match self.case.mode {
                Mode::Stream => drop(self.next_step()?),
                Mode::Infer => drop(self.sequence()?),
                Mode::Train | Mode::TrainInputs => drop(self.train()?),
            }
        }
        Ok(())
    }
}

fn tensor(array: &Array) -> candle_core::Result<Tensor> {
    Tensor::from_slice(&array.values, array.shape.as_slice(), &Device::Cpu)
}

fn array(tensor: &Tensor) -> candle_core::Result<Array> {
    let values = tensor.contiguous()?.flatten_all()?.to_vec1()?;
    Ok(Array::new(tensor.dims(), values))
}

/// Elman's `i, j, f, o` blocks as PyTorch's `i, f, g, o`.
fn lstm_weights(
    case: &CaseRequest,
    question: &Tensors,
) -> Result<Vec<(&'static str, Tensor)>, Failure> {
    let units = case.shape.units;
    let swap = |packed: Tensor, axis| -> candle_core::Result<Tensor> {
        let [i, j, f, o] = [0, 1, 2, 3].map(|gate| packed.narrow(axis, gate * units, units));
        Tensor::cat(&[i?, f?, j?, o?], axis)
    };
    let kernel = swap(tensor(question.get("kernel")?)?, 1)?;
    let bias = swap(tensor(question.get("bias")?)?, 0)?;
    split(case, kernel, bias.clone(), bias.zeros_like()?)
}

/// Elman's `reset, update` and candidate as PyTorch's `r, z, n`.
fn gru_weights(
    case: &CaseRequest,
    question: &Tensors,
) -> Result<Vec<(&'static str, Tensor)>, Failure> {
    let get = |name: &str| -> Result<Tensor, Failure> { Ok(tensor(question.get(name)?)?) };
    let kernel = Tensor::cat(&[get("gates_kernel")?, get("candidate_kernel")?], 1)?;
    let gates_bias = get("gates_bias")?;
    let first = Tensor::cat(&[gates_bias.clone(), get("candidate_bias")?], 0)?;
    let second = Tensor::cat(&[gates_bias.zeros_like()?, get("recurrent_bias")?], 0)?;
    split(case, kernel, first, second)
}

fn split(
    case: &CaseRequest,
    kernel: Tensor,
    first_bias: Tensor,
    second_bias: Tensor,
) -> Result<Vec<(&'static str, Tensor)>, Failure> {
    let (features, units) = (case.shape.features, case.shape.units);
    Ok(vec![
        ("weight_ih_l0", kernel.narrow(0, 0, features)?.t()?),
        ("weight_hh_l0", kernel.narrow(0, features, units)?.t()?),
        ("bias_ih_l0", first_bias),
        ("bias_hh_l0", second_bias),
    ])
}
