//! The adding problem over many time steps: which cell remembers, and which does not.
//!
//! An LSTM, a GRU and a basic RNN are trained on the same sequences, with Adam and gradients clipped
//! by their global norm.
//!
//! ```text
//! cargo run --release --example adding -- 400 3000     # time steps, training steps
//! ```

use burn::module::{Module, ModuleDisplay, Param};
use burn::tensor::{DType, Device, Tensor};
use elman::cell::{BasicRnnCellConfig, Cell, GruCellConfig, LstmCellConfig, State};
use elman::data::{AddingExamples, AddingProblem};
use elman::initializer::Initializer;
use elman::random::Seed;
use elman::recipe::AdamSettings;
use elman::train::{Clip, Optimiser};
use elman::unroll::{UnrollOptions, dynamic_rnn};
use elman::{Error, Result};

const UNITS: usize = 64;
const BATCH: usize = 32;
const LEARNING_RATE: f64 = 0.003;
const LIMIT: f64 = 1.0;
/// Sequences that no training step sees.
const NEW: usize = 500;

/// A cell, and one number from its final state.
#[derive(Module, Debug)]
struct Adder<C: Module> {
    cell: C,
    /// `[H, 1]`.
    kernel: Param<Tensor<2>>,
    /// `[1]`.
    bias: Param<Tensor<1>>,
}

impl<C: Cell + Module + ModuleDisplay> Adder<C> {
    fn new(cell: C, seed: Seed, device: &Device) -> Self {
        let kernel = Initializer::GlorotUniform;
        let bias = Initializer::Constant(0.0);
        Self {
            kernel: kernel.init([cell.output_size(), 1], seed, DType::F32, device),
            bias: bias.init([1], seed, DType::F32, device),
            cell,
        }
    }

    /// The mean squared error, `[1]`.
    fn loss(&self, examples: &AddingExamples) -> Result<Tensor<1>> {
        let run = dynamic_rnn(
            &self.cell,
            examples.inputs.clone(),
            UnrollOptions::default(),
        )?;
        // The output is the last part of the state.
        let mut parts = run.state.into_parts();
        let output = parts.pop().expect("a state has parts");
        let answer = output.matmul(self.kernel.val()) + self.bias.val().unsqueeze();
        Ok((answer - examples.targets.clone()).square().mean())
    }
}

/// Trains for `steps` steps; the mean squared error on new sequences.
fn train<C: Cell + Module + ModuleDisplay>(
    name: &str,
    cell: C,
    problem: AddingProblem,
    steps: u64,
    device: &Device,
) -> Result<f32> {
    let seed = Seed::new(42);
    let mut model = Adder::new(cell, seed.child("dense"), device);
    let mut optimiser =
        Optimiser::new(AdamSettings::default()).with_clip(Some(Clip::GlobalNorm(LIMIT)));
    for step in 0..steps {
        let generator = seed.generator(&format!("training step {step}"));
        let loss = model.loss(&problem.draw(BATCH, generator, device))?;
        if step % 500 == 0 {
            println!(
                "{name} step {step}: {:.4}",
                loss.clone().into_scalar::<f32>()
            );
        }
        model = optimiser.update(model, loss.backward(), LEARNING_RATE, step)?;
    }
    let new = problem.draw(NEW, seed.generator("new sequences"), device);
    let error = model.loss(&new)?.into_scalar::<f32>();
    println!("{name} after {steps} steps: {error:.4} on new sequences (always 1: 0.1667)");
    Ok(error)
}

/// The errors of the LSTM, the GRU and the basic RNN.
fn compare(time: usize, steps: u64) -> Result<[f32; 3]> {
    let device = Device::flex().autodiff();
    let problem = AddingProblem::new(time)?;
    let features = AddingProblem::FEATURES;
    let seed = Seed::new(42).child("cell");
    let lstm = LstmCellConfig::new(features, UNITS).init(seed, &device);
    let gru = GruCellConfig::new(features, UNITS).init(seed, &device);
    let basic = BasicRnnCellConfig::new(features, UNITS).init(seed, &device);
    Ok([
        train("LSTM", lstm, problem, steps, &device)?,
        train("GRU", gru, problem, steps, &device)?,
        train("basic RNN", basic, problem, steps, &device)?,
    ])
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |name: &str, default: usize| match arguments.next() {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| {
            let found = format!("expected a whole number, found {text}");
            Error::argument(name, found, "give time steps, then training steps")
        }),
    };
    let (time, steps) = (number("time", 400)?, number("steps", 3000)?);
    compare(time, steps as u64)?;
    Ok(())
}

#[test]
fn over_few_steps_lstm_and_gru_learn_to_add() -> Result<()> {
    let [lstm, gru, _] = compare(10, 600)?;
    assert!(lstm < 0.01, "the LSTM: {lstm}");
    assert!(gru < 0.01, "the GRU: {gru}");
    Ok(())
}
