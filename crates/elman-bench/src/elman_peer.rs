//! Elman as one of the peers: the same protocol, a process of its own.

use burn::tensor::{Device, Gradients, Tensor};
use elman::cell::{BasicRnnCell, GruCell, Layout, LstmCell};
use elman::unroll::{Stream, UnrollOptions, dynamic_rnn};
use elman_bench_protocol::{
    CaseRequest, CellKind, Epoch, EpochRequest, Failure, Mode, Peer, Preparation, SeriesRequest,
    Tensors, TextRequest, Workload,
};

use crate::elman_cells::{NamedWeights, array, tensor};
use crate::elman_epoch::ElmanEpoch;
use crate::elman_series::ElmanSeries;
use crate::elman_text;

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

    fn text(&self, text: &TextRequest) -> Result<Preparation<dyn Epoch>, Failure> {
        Ok(Preparation::Ready(elman_text::prepare(text)?))
    }

    fn series(&self, series: &SeriesRequest) -> Result<Preparation<dyn Epoch>, Failure> {
        Ok(Preparation::Ready(Box::new(ElmanSeries::new(series)?)))
    }
}

/// The workload of a case.
///
/// # Errors
///
/// When a tensor is missing.
pub fn prepare(case: &CaseRequest, question: &Tensors) -> Result<Box<dyn Workload>, Failure> {
    fn of<C: NamedWeights + 'static>(
        case: &CaseRequest,
        question: &Tensors,
    ) -> Result<Box<dyn Workload>, Failure> {
        Ok(match case.mode {
            Mode::Stream => Box::new(StreamCase::<C>::new(case, question)?),
            _ => Box::new(CellCase::<C>::new(case, question)?),
        })
    }
    match case.cell {
        CellKind::Basic => of::<BasicRnnCell>(case, question),
        CellKind::Lstm => of::<LstmCell>(case, question),
        CellKind::GruAfter | CellKind::GruBefore => of::<GruCell>(case, question),
    }
}

/// A stream that goes on from one round to the next.
struct StreamCase<C: NamedWeights + 'static> {
    stream: Stream<'static, C>,
    /// `T` chunks of `[B, 1, F]`.
    steps: Vec<Tensor<3>>,
    /// How many steps the stream has read.
    fed: usize,
}

impl<C: NamedWeights> StreamCase<C> {
    fn new(case: &CaseRequest, question: &Tensors) -> Result<Self, Failure> {
        let device = Device::flex();
        let cell = C::from_question(case.cell, case.shape, question, &device)?;
        let inputs: Tensor<3> = tensor(question.get("inputs")?, &device);
        let steps = inputs.swap_dims(0, 1).split(1, 1).into_iter();
        Ok(Self {
            // The stream borrows the cell; this process lives no longer than it is measured.
            stream: Stream::new(Box::leak(Box::new(cell)), case.shape.batch),
            steps: steps
                .map(|step| Tensor::from_data(step.into_data(), &device))
                .collect(),
            fed: 0,
        })
    }

    fn feed(&mut self) -> Result<Tensor<3>, Failure> {
        let step = self.steps[self.fed % self.steps.len()].clone();
        self.fed += 1;
        Ok(self.stream.feed(step)?)
    }
}

impl<C: NamedWeights> Workload for StreamCase<C> {
    fn answer(&mut self) -> Result<Tensors, Failure> {
        let outputs: Result<Vec<_>, _> = (0..self.steps.len()).map(|_| self.feed()).collect();
        let mut answer = Tensors::default();
        answer.insert("outputs", array(Tensor::cat(outputs?, 1).swap_dims(0, 1))?);
        Ok(answer)
    }

    fn run(&mut self, iterations: usize) -> Result<(), Failure> {
        for _ in 0..iterations {
            self.feed()?;
        }
        Ok(())
    }
}

struct CellCase<C: NamedWeights> {
    mode: Mode,
    cell: C,
    /// `[T, B, F]`.
    inputs: Tensor<3>,
    /// `[T, B, H]`.
    cotangent: Tensor<3>,
}

impl<C: NamedWeights> CellCase<C> {
    fn new(case: &CaseRequest, question: &Tensors) -> Result<Self, Failure> {
        let device = match case.mode.trains() {
            true => Device::flex().autodiff(),
            false => Device::flex(),
        };
        let cell = C::from_question(case.cell, case.shape, question, &device)?;
        let inputs: Tensor<3> = tensor(question.get("inputs")?, &device);
        Ok(Self {
            mode: case.mode,
            inputs: match case.mode {
                Mode::TrainInputs => inputs.require_grad(),
                _ => inputs,
            },
            cotangent: tensor(question.get("cotangent")?, &device),
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
}

impl<C: NamedWeights> Workload for CellCase<C> {
    fn answer(&mut self) -> Result<Tensors, Failure> {
        let mut answer = Tensors::default();
        let outputs = match self.mode {
            Mode::Infer | Mode::Stream => self.outputs()?,
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
        for _ in 0..iterations {
            match self.mode {
                Mode::Train | Mode::TrainInputs => drop(self.train()?),
                Mode::Infer | Mode::Stream => drop(self.outputs()?),
            }
        }
        Ok(())
    }
}
