//! A cell of your own: implement `step`, and the drivers, lengths and gradients are there.
//!
//! ```text
//! cargo run --example own_cell
//! ```

use burn::module::{Module, Param};
use burn::tensor::activation::sigmoid;
use burn::tensor::{DType, Device, Distribution, Tensor, Tolerance};
use elman::Result;
use elman::cell::{Cell, HiddenState, Lengths, Step};
use elman::initializer::Initializer;
use elman::random::Seed;
use elman::unroll::{UnrollOptions, dynamic_rnn, static_rnn};

/// The minimal gated unit: a GRU with one gate.
///
/// ```text
/// forget    = σ([x, hidden] · forget_kernel)
/// candidate = tanh([x, forget ⊙ hidden] · candidate_kernel)
/// hidden'   = hidden + forget ⊙ (candidate - hidden)         output = hidden'
/// ```
///
/// Zhou, Wu, Zhang and Zhou (2016), arXiv 1603.09420; without biases.
#[derive(Module, Debug)]
struct MinimalGatedUnit {
    /// `[F+H, H]`.
    forget_kernel: Param<Tensor<2>>,
    /// `[F+H, H]`.
    candidate_kernel: Param<Tensor<2>>,
}

impl MinimalGatedUnit {
    fn new(inputs: usize, units: usize, seed: Seed, device: &Device) -> Self {
        let kernel = |name| {
            let shape = [inputs + units, units];
            Initializer::GlorotUniform.init(shape, seed.child(name), DType::F32, device)
        };
        Self {
            forget_kernel: kernel("forget"),
            candidate_kernel: kernel("candidate"),
        }
    }
}

impl Cell for MinimalGatedUnit {
    type State = HiddenState;

    fn input_size(&self) -> usize {
        let [rows, units] = self.forget_kernel.dims();
        rows - units
    }

    fn output_size(&self) -> usize {
        self.forget_kernel.dims()[1]
    }

    fn zero_state(&self, batch: usize) -> HiddenState {
        HiddenState {
            hidden: Tensor::zeros([batch, self.output_size()], &self.forget_kernel.device()),
        }
    }

    fn step(&self, input: Tensor<2>, state: HiddenState) -> Result<Step<HiddenState>> {
        let hidden = state.hidden;
        let joined = Tensor::cat(vec![input.clone(), hidden.clone()], 1);
        let forget = sigmoid(joined.matmul(self.forget_kernel.val()));
        let joined = Tensor::cat(vec![input, forget.clone() * hidden.clone()], 1);
        let candidate = joined.matmul(self.candidate_kernel.val()).tanh();
        let hidden = hidden.clone() + forget * (candidate - hidden);
        Ok(Step {
            output: hidden.clone(),
            state: HiddenState { hidden },
        })
    }
}

fn main() -> Result<()> {
    let (batch, time, features, units) = (3, 6, 4, 5);
    let device = Device::flex().autodiff();
    let cell = MinimalGatedUnit::new(features, units, Seed::new(42), &device);
    let inputs = Tensor::<3>::random([batch, time, features], Distribution::Default, &device);

    // Whole sequences of different lengths: past its length a row's outputs are zero.
    let lengths = UnrollOptions::default().with_sequence_length(Lengths::new([6, 2, 0]));
    let run = dynamic_rnn(&cell, inputs.clone(), lengths.clone())?;
    assert_eq!(run.outputs.dims(), [batch, time, units]);
    let padding = run.outputs.clone().slice([1..2, 2..6]).abs().sum();
    assert_eq!(padding.into_scalar::<f32>(), 0.0);

    // The same, step by step over a list.
    let steps: Vec<Tensor<2>> = (0..time)
        .map(|step| inputs.clone().narrow(1, step, 1).squeeze_dim(1))
        .collect();
    let listed = static_rnn(&cell, steps, lengths)?;
    let listed = Tensor::stack::<3>(listed.outputs, 1).into_data();
    listed.assert_approx_eq::<f32>(&run.outputs.to_data(), Tolerance::default());

    // Every parameter has its gradient.
    let gradients = run.state.hidden.sum().backward();
    for kernel in [&cell.forget_kernel, &cell.candidate_kernel] {
        let gradient = kernel.val().grad(&gradients).expect("it took part");
        assert!(gradient.abs().max().into_scalar::<f32>() > 0.0);
    }
    println!("the minimal gated unit runs under both drivers and has its gradients");
    Ok(())
}

#[test]
fn it_runs() -> Result<()> {
    main()
}
