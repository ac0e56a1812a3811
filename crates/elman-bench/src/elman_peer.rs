//! Elman as one of the peers: the same protocol, a process of its own.

use burn::tensor::{Device, Gradients, Tensor};
use elman::cell::{BasicRnnCell, GruCell, Layout, LstmCell};
use elman::unroll::{Stream, UnrollOptions, dynamic_rnn};
use elman_bench_protocol::{
    CaseRequest, CellKind, Epoch, EpochRequest, Failure, Mode, Peer, Preparation, Tensors, Workload,
};

use crate::elman_cells::{NamedWeights, array, tensor};
use crate::elman_epoch::ElmanEpoch;

/// Elman's cells through `dynamic_rnn`, time-major, and through `Stream`.
#[derive(Debug)]
pub struct Elman;

impl Peer for Elman {
    fn name(&self) -> &str {
        "elman"
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn case(
        &self,
        case: &CaseRequest,
        question: &Tensors,
    ) -> Result<Preparation<dyn Workload>, Failure> {
        Ok(Preparation::Ready(prepare(case, question)?))
    }

    fn epoch(&self, epoch: &EpochRequest) -> Result<Preparation<dyn Epoch>, Failure> {
        Ok(Preparation::Ready(Box::new(ElmanEpoch::new(epoch)?)))
    }
}

/// The workload of a case.
///
/// # Errors
///
/// When a tensor is missing.
pub fn prepare(case: &CaseRequest, question: &Tensors) -> Result<Box<dyn Workload>, Failure> {
    Ok(match case.cell {
        CellKind::Basic => Box::new(CellCase::<BasicRnnCell>::new(case, question)?),
        CellKind::Lstm => Box::new(CellCase::<LstmCell>::new(case, question)?),
        CellKind::GruAfter | CellKind::GruBefore => {
            Box::new(CellCase::<GruCell>::new(case, question)?)
        }
    })
}

struct CellCase<C: NamedWeights> {
    mode: Mode,
    cell: C,
    /// `[T, B, F]`.
    inputs: Tensor<3>,
    /// `[T, B, H]`.
    cotangent: Tensor<3>,
    /// `T` chunks of `[B, 1, F]`, for a stream.
    steps: Vec<Tensor<3>>,
    /// Of the running stream.
    state: C::State,
    /// How many steps the stream has read.
    fed: usize,
}

impl<C: NamedWeights> CellCase<C> {
    fn new(case: &CaseRequest, question: &Tensors) -> Result<Self, Failure> {
        let device = match case.mode.trains() {
            true => Device::flex().autodiff(),
            false => Device::flex(),
        };
        let cell = C::from_question(case.cell, case.shape, question, &device)?;
        let inputs: Tensor<3> = tensor(question.get("inputs")?, &device);
        let steps = match case.mode {
            Mode::Stream => inputs
                .clone()
                .swap_dims(0, 1)
                .split(1, 1)
                .into_iter()
                .map(|step| Tensor::from_data(step.into_data(), &device))
                .collect(),
            _ => Vec::new(),
        };
        Ok(Self {
            mode: case.mode,
            inputs: match case.mode {
                Mode::TrainInputs => inputs.require_grad(),
                _ => inputs,
            },
            cotangent: tensor(question.get("cotangent")?, &device),
            steps,
            state: cell.zero_state(case.shape.batch),
            fed: 0,
            cell,
        })
    }

    fn outputs(&self) -> Result<Tensor<3>, Failure> {
        let options = UnrollOptions::default().with_layout(Layout::TimeMajor);
        Ok(dynamic_rnn(&self.cell, self.inputs.clone(), options)?.outputs)
    }

    fn train(&self) -> Result<(Tensor<3>, Gradients), Failure> {
        let outputs = self.outputs()?;
        let gradients = (outputs.clone() * self.cotangent.clone()).sum().backward();
        Ok((outputs, gradients))
    }

    fn feed(&mut self, count: usize, mut read: impl FnMut(Tensor<3>)) -> Result<(), Failure> {
        let mut stream = Stream::from_state(&self.cell, self.state.clone());
        for _ in 0..count {
            read(stream.feed(self.steps[self.fed % self.steps.len()].clone())?);
            self.fed += 1;
        }
        self.state = stream.state();
        Ok(())
    }
}

impl<C: NamedWeights> Workload for CellCase<C> {
    fn answer(&mut self) -> Result<Tensors, Failure> {
        let mut answer = Tensors::default();
        let outputs = match self.mode {
            Mode::Infer => self.outputs()?,
            Mode::Stream => {
                let mut outputs = Vec::new();
                self.feed(self.steps.len(), |output| outputs.push(output))?;
                Tensor::cat(outputs, 1).swap_dims(0, 1)
            }
            Mode::Train | Mode::TrainInputs => {
                let (outputs, gradients) = self.train()?;
                self.cell.add_gradients(&gradients, &mut answer)?;
                if self.mode == Mode::TrainInputs {
                    let inputs = self.inputs.grad(&gradients);
                    let inputs = inputs.ok_or("elman gave no gradient for the inputs")?;
                    answer.insert("d.inputs", array(inputs)?);
                }
                outputs
            }
        };
        answer.insert("outputs", array(outputs)?);
        Ok(answer)
    }

    fn run(&mut self, iterations: usize) -> Result<(), Failure> {
        if self.mode == Mode::Stream {
            return self.feed(iterations, drop);
        }
        for _ in 0..iterations {
            match self.mode {
                Mode::Train | Mode::TrainInputs => drop(self.train()?),
                Mode::Infer | Mode::Stream => drop(self.outputs()?),
            }
        }
        Ok(())
    }
}
