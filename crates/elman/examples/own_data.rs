//! Your own data as arrays in, a trained LSTM out.
//!
//! The adding problem: a sequence of random numbers, two of them marked; the answer is the sum of
//! the two. Hochreiter and Schmidhuber (1997), "Long Short-Term Memory", Neural Computation 9(8).
//!
//! ```text
//! cargo run --release --example own_data
//! ```

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use elman::Result;
use elman::cell::{LstmCell, LstmCellConfig};
use elman::data::Batches;
use elman::initializer::Initializer;
use elman::random::{Generator, Seed};
use elman::recipe::AdamSettings;
use elman::train::Optimiser;
use elman::unroll::{UnrollOptions, dynamic_rnn};

const TIME: usize = 5;
/// A number and its mark.
const FEATURES: usize = 2;
const UNITS: usize = 8;
const EXAMPLES: usize = 500;
const BATCH: usize = 50;
const EPOCHS: usize = 30;
const LEARNING_RATE: f64 = 0.03;

/// An LSTM, and one number from its final state.
#[derive(Module, Debug)]
struct Adder {
    cell: LstmCell,
    /// `[H, 1]`.
    kernel: Param<Tensor<2>>,
    /// `[1]`.
    bias: Param<Tensor<1>>,
}

impl Adder {
    fn new(seed: Seed, device: &Device) -> Self {
        let kernel = Initializer::GlorotUniform;
        let bias = Initializer::Constant(0.0);
        Self {
            cell: LstmCellConfig::new(FEATURES, UNITS).init(seed.child("cell"), device),
            kernel: kernel.init([UNITS, 1], seed.child("kernel"), DType::F32, device),
            bias: bias.init([1], seed, DType::F32, device),
        }
    }

    /// `[B, 1]`, for `inputs` of shape `[B, T, F]`.
    fn forward(&self, inputs: Tensor<3>) -> Result<Tensor<2>> {
        let run = dynamic_rnn(&self.cell, inputs, UnrollOptions::default())?;
        Ok(run.state.hidden.matmul(self.kernel.val()) + self.bias.val().unsqueeze())
    }

    /// The mean squared error, `[1]`, against `targets` of shape `[B, 1]`.
    fn loss(&self, inputs: Tensor<3>, targets: Tensor<2>) -> Result<Tensor<1>> {
        Ok((self.forward(inputs)? - targets).square().mean())
    }
}

/// Examples as plain arrays, row-major.
struct Arrays {
    /// `[N, T, F]`.
    inputs: Vec<f32>,
    /// `[N, 1]`.
    targets: Vec<f32>,
}

impl Arrays {
    fn random(count: usize, mut generator: Generator) -> Self {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let marked = &generator.permutation(TIME)[..2];
            let mut sum = 0.0;
            for step in 0..TIME {
                let number = generator.uniform() as f32;
                let mark = f32::from(u8::from(marked.contains(&step)));
                inputs.extend([number, mark]);
                sum += number * mark;
            }
            targets.push(sum);
        }
        Self { inputs, targets }
    }

    /// The same as tensors.
    fn on(self, device: &Device) -> (Tensor<3>, Tensor<2>) {
        let count = self.targets.len();
        let inputs = TensorData::new(self.inputs, [count, TIME, FEATURES]);
        let targets = TensorData::new(self.targets, [count, 1]);
        (
            Tensor::from_data(inputs, device),
            Tensor::from_data(targets, device),
        )
    }
}

fn main() -> Result<()> {
    let device = Device::flex().autodiff();
    let seed = Seed::new(42);
    let training = Arrays::random(EXAMPLES, seed.generator("training examples"));
    let (inputs, targets) = training.on(&device);

    let mut model = Adder::new(seed.child("model"), &device);
    let mut optimiser = Optimiser::new(AdamSettings::default());
    let mut step = 0;
    for epoch in 0..EPOCHS {
        let mut sum = 0.0;
        for batch in Batches::shuffled(seed, epoch, EXAMPLES, BATCH)? {
            let indices: Vec<i64> = batch.indices.iter().map(|&index| index as i64).collect();
            let indices = Tensor::<1, Int>::from_data(indices.as_slice(), &device);
            let inputs = inputs.clone().select(0, indices.clone());
            let loss = model.loss(inputs, targets.clone().select(0, indices))?;
            sum += loss.clone().into_scalar::<f32>() * batch.indices.len() as f32;
            model = optimiser.update(model, loss.backward(), LEARNING_RATE, step)?;
            step += 1;
        }
        println!(
            "epoch {epoch:2}  mean squared error {:.4}",
            sum / EXAMPLES as f32
        );
    }

    // A model that always says 1 has an error of 1/6, the variance of the sum of two uniforms.
    let (inputs, targets) = Arrays::random(500, seed.generator("new examples")).on(&device);
    let error = model.loss(inputs, targets)?.into_scalar::<f32>();
    println!("on new examples {error:.4}; always saying 1 has 0.1667");
    assert!(error < 0.01, "the LSTM has not learnt to add: {error}");
    Ok(())
}

#[test]
fn it_runs() -> Result<()> {
    main()
}
