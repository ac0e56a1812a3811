//! The chapter's three networks for its series.

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor};

use crate::activation::Activation;
use crate::cell::{BasicRnnCell, BasicRnnCellConfig, State};
use crate::error::Result;
use crate::initializer::Initializer;
use crate::random::Seed;
use crate::random::tensorflow::RandomOp;
use crate::unroll::{UnrollOptions, dynamic_rnn};
use crate::wrapper::{
    DropoutConfig, DropoutWrapper, MultiRnnCell, OutputProjectionWrapper, ProjectionConfig,
};

/// The notebook's graph seed; elman's own generator starts from it too, where there is no graph.
const SEED: u64 = 42;
/// `H`.
const UNITS: usize = 100;
/// Layers of the network with dropout.
const LAYERS: usize = 3;
/// The random operations that draw the cell's kernel and the projection's in the notebook's graphs.
const WRAPPER_OPERATIONS: [u64; 2] = [88, 109];
const RESHAPE_OPERATIONS: [u64; 2] = [88, 137];

/// One of the networks: `[B, T, 1]` in and out.
#[derive(Module, Debug)]
pub(super) enum Network {
    /// A cell in an `OutputProjectionWrapper`.
    Wrapper(OutputProjectionWrapper<BasicRnnCell>),
    /// A cell, and one dense layer over the outputs of all rows and steps.
    Reshape(Reshaped<BasicRnnCell>),
    /// The same over three layers whose inputs are dropped in training.
    Dropout(Reshaped<MultiRnnCell<DropoutWrapper<BasicRnnCell>>>),
}

/// A cell, and a dense layer on its outputs, reshaped from `[B, T, H]` to `[B·T, H]`.
#[derive(Module, Debug)]
pub(super) struct Reshaped<C> {
    cell: C,
    /// `[H, 1]`.
    kernel: Param<Tensor<2>>,
    /// `[1]`.
    bias: Param<Tensor<1>>,
}

impl Network {
    /// With the notebook's first weights.
    pub(super) fn wrapper(device: &Device) -> Self {
        let [cell, projection] = WRAPPER_OPERATIONS;
        let wrapper = ProjectionConfig::new(1).with_initializer(drawn(projection, [UNITS, 1]));
        Self::Wrapper(wrapper.init_output(relu(cell, device), Seed::new(SEED), device))
    }

    /// With the notebook's first weights.
    pub(super) fn reshape(device: &Device) -> Self {
        let [cell, dense] = RESHAPE_OPERATIONS;
        let kernel = drawn(dense, [UNITS, 1]);
        Self::Reshape(Reshaped::new(relu(cell, device), &kernel, device))
    }

    /// With first weights of elman's own: nobody wrote down the notebook's.
    ///
    /// # Errors
    ///
    /// None that `keep_prob` between 0 and 1 could cause.
    pub(super) fn dropout(keep_prob: f64, device: &Device) -> Result<Self> {
        let dropout = DropoutConfig::new().with_input_keep_prob(keep_prob);
        let layers = (0..LAYERS).map(|layer| {
            let seed = Seed::new(SEED).child(&format!("layer {layer}"));
            let inputs = if layer == 0 { 1 } else { UNITS };
            let cell = BasicRnnCellConfig::new(inputs, UNITS).init(seed, device);
            dropout.init(cell, seed.child("dropout"))
        });
        let cell = MultiRnnCell::new(layers.collect::<Result<_>>()?)?;
        let kernel = Initializer::GlorotUniform;
        Ok(Self::Dropout(Reshaped::new(cell, &kernel, device)))
    }

    /// `[B, T, 1]`: what the network makes of `inputs` `[B, T, 1]`; in training step `step`, if
    /// it is trained.
    pub(super) fn outputs(&self, inputs: Tensor<3>, step: Option<u64>) -> Result<Tensor<3>> {
        match self {
            Self::Wrapper(cell) => Ok(dynamic_rnn(cell, inputs, options(step))?.outputs),
            Self::Reshape(network) => {
                let run = dynamic_rnn(&network.cell, inputs, options(step))?;
                Ok(network.dense(run.outputs))
            }
            Self::Dropout(network) => {
                let run = dynamic_rnn(&network.cell, inputs, options(step))?;
                Ok(network.dense(run.outputs))
            }
        }
    }
}

impl<C> Reshaped<C> {
    fn new(cell: C, kernel: &Initializer, device: &Device) -> Self {
        let seed = Seed::new(SEED).child("dense");
        Self {
            cell,
            kernel: kernel.init([UNITS, 1], seed, DType::F32, device),
            bias: Initializer::Constant(0.0).init([1], seed, DType::F32, device),
        }
    }

    /// The chapter's trick: one product for all rows and steps.
    fn dense(&self, outputs: Tensor<3>) -> Tensor<3> {
        let [batch, time, units] = outputs.dims();
        let rows = outputs.reshape([batch * time, units]);
        let sums = rows.matmul(self.kernel.val()) + self.bias.val().unsqueeze();
        sums.reshape([batch, time, 1])
    }
}

fn options<S: State>(step: Option<u64>) -> UnrollOptions<S> {
    match step {
        Some(step) => UnrollOptions::default().with_training_step(step),
        None => UnrollOptions::default(),
    }
}

/// `BasicRNNCell(100, activation=tf.nn.relu)`, whose kernel operation `op_id` fills.
fn relu(op_id: u64, device: &Device) -> BasicRnnCell {
    BasicRnnCellConfig::new(1, UNITS)
        .with_activation(Activation::Relu)
        .with_initializer(drawn(op_id, [1 + UNITS, UNITS]))
        .init(Seed::new(SEED), device)
}

/// A kernel as TF 1's glorot initialiser draws it as operation `op_id`.
fn drawn(op_id: u64, shape: [usize; 2]) -> Initializer {
    let numbers = RandomOp::new(SEED, op_id).glorot_uniform(shape);
    Initializer::Values(numbers.into_iter().map(f64::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::time_series::series::Windows;
    use crate::random::numpy::RandomState;

    /// The wrapper has one kernel for all steps, so both ways compute one function.
    #[test]
    fn with_equal_weights_wrapper_and_reshape_give_equal_outputs() {
        let device = Device::flex();
        let kernel = drawn(WRAPPER_OPERATIONS[1], [UNITS, 1]);
        let cell = relu(WRAPPER_OPERATIONS[0], &device);
        let reshape = Network::Reshape(Reshaped::new(cell, &kernel, &device));
        let windows = Windows::draw(&mut RandomState::new(42), 3);
        let [inputs, _] = windows.tensors(&device);
        let [found, expected] = [reshape, Network::wrapper(&device)].map(|network| {
            let outputs = network.outputs(inputs.clone(), None);
            outputs.expect("the shapes fit").into_data()
        });
        assert_eq!(found, expected);
    }
}
