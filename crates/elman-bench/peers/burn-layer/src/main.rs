//! Burn's own `Lstm`, `Gru` and `Rnn` as a peer of `elman-bench`, with the features that make
//! them fastest on a CPU: flex, simd, rayon, x86-v4.
//!
//! They run batch-major, which is how they are written (`batch_first: false` swaps axes).

mod layer;

use burn::tensor::{Device, Gradients, Tensor, TensorData};
use elman_bench_protocol::{
    Array, CaseRequest, Failure, Mode, Peer, Preparation, Tensors, Workload, serve,
    threads_from_arguments,
};
use layer::{Layer, Memory};

fn main() -> Result<(), Failure> {
    let threads = threads_from_arguments(std::env::args())?;
    // Rayon reads RAYON_NUM_THREADS, which the bench sets to the same number.
    serve(threads, |_| BurnLayer)
}

struct BurnLayer;

impl Peer for BurnLayer {
    fn name(&self) -> &str {
        "Burn"
    }

    fn version(&self) -> &str {
        "0.22.1"
    }

    fn case(
        &self,
        case: &CaseRequest,
        question: &Tensors,
    ) -> Result<Preparation<dyn Workload>, Failure> {
        let device = match case.mode.trains() {
            true => Device::flex().autodiff(),
            false => Device::flex(),
        };
        let inputs = tensor(&question.get("inputs")?.with_first_axes_swapped(), &device);
        Ok(Preparation::Ready(Box::new(Case {
            layer: Layer::new(case, question, &device)?,
            inputs: match case.mode {
                Mode::TrainInputs => inputs.require_grad(),
                _ => inputs,
            },
            cotangent: tensor(
                &question.get("cotangent")?.with_first_axes_swapped(),
                &device,
            ),
            case: case.clone(),
            memory: None,
            fed: 0,
        })))
    }
}

struct Case {
    case: CaseRequest,
    layer: Layer,
    /// `[B, T, F]`.
    inputs: Tensor<3>,
    /// `[B, T, H]`.
    cotangent: Tensor<3>,
    memory: Option<Memory>,
    fed: usize,
}

impl Case {
    fn train(&self) -> (Tensor<3>, Gradients) {
        let outputs = self.layer.forward(self.inputs.clone(), None).0;
        let gradients = (outputs.clone() * self.cotangent.clone()).sum().backward();
        (outputs, gradients)
    }

    fn next_step(&mut self) -> Tensor<3> {
        let time = self.fed % self.case.shape.time;
        let input = self.inputs.clone().narrow(1, time, 1);
        let (output, memory) = self.layer.forward(input, self.memory.take());
        self.memory = Some(memory);
        self.fed += 1;
        output
    }
}

impl Workload for Case {
    fn answer(&mut self) -> Result<Tensors, Failure> {
        let mut answer = Tensors::default();
        let outputs = match self.case.mode {
            Mode::Stream => {
                let steps = (0..self.case.shape.time).map(|_| self.next_step());
                Tensor::cat(steps.collect(), 1)
            }
            Mode::Infer => self.layer.forward(self.inputs.clone(), None).0,
            Mode::Train | Mode::TrainInputs => {
                let (outputs, gradients) = self.train();
                self.layer.add_gradients(&gradients, &mut answer)?;
                if self.case.mode == Mode::TrainInputs {
                    let inputs = self.inputs.grad(&gradients);
                    let inputs = array(inputs.ok_or("Burn gave no gradient for the inputs")?)?;
                    answer.insert("d.inputs", inputs.with_first_axes_swapped());
                }
                outputs
            }
        };
        answer.insert("outputs", array(outputs)?.with_first_axes_swapped());
        Ok(answer)
    }

    fn run(&mut self, iterations: usize) -> Result<(), Failure> {
        for _ in 0..iterations {
            match self.case.mode {
                Mode::Stream => drop(self.next_step()),
                Mode::Infer => drop(self.layer.forward(self.inputs.clone(), None)),
                Mode::Train | Mode::TrainInputs => drop(self.train()),
            }
        }
        Ok(())
    }
}

fn tensor<const D: usize>(array: &Array, device: &Device) -> Tensor<D> {
    let data = TensorData::new(array.values.clone(), array.shape.clone());
    Tensor::from_data(data, device)
}

fn array<const D: usize>(tensor: Tensor<D>) -> Result<Array, Failure> {
    let shape = tensor.dims();
    let values = tensor
        .into_data()
        .try_to_vec()
        .map_err(|error| format!("{error:?}"))?;
    Ok(Array::new(shape, values))
}
