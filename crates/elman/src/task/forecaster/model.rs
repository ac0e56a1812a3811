//! The networks of a forecaster and their one output projection each.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::prepared::Shape;
use crate::error::Result;
use crate::fused::DenseRunner;
use crate::random::Seed;
use crate::recipe::{ForecastSettings, Head, Method, ModelSettings};
use crate::task::chrono;
use crate::task::dense::Dense;
use crate::task::network::{Network, NetworkRun};
use crate::unroll::Stream;
use crate::wrapper::AnyCell;

/// Networks that forecast together: of every group of series `ensemble` of them, group after group.
#[derive(Module, Debug)]
pub struct Forecaster {
    /// The networks.
    pub members: Vec<ForecastNetwork>,
}

/// A network over a window, and one projection of what it shows.
///
/// ```text
/// direct      h = the network's readout after the window
///             o = [h, what is known in advance of the next H steps] · kernel + bias    [B, H·K·P]
/// recursive   h_t = what the topmost layer shows at step t
///             o_t = h_t · kernel + bias                                                [B, T, K·P]
/// ```
///
/// What the `P` numbers of a step and target are: `task/forecaster/head.rs`.
#[derive(Module, Debug)]
pub struct ForecastNetwork {
    /// Reads the steps.
    pub network: Network,
    /// Gives the answer.
    pub projection: Dense,
    /// `[N, 2 + m]`: of each series the two smoothing factors before their sigmoids, and its first
    /// season; of a forecaster that smooths.
    pub smoothing: Option<Param<Tensor<2>>>,
    #[module(skip)]
    parameters: usize,
    #[module(skip)]
    method: Method,
}

/// What a network reads of some windows.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    /// `[B, T, F]`
    pub(super) inputs: Vec<f32>,
    pub(super) shape: [usize; 3],
    /// `[B, H·known]`: what is known in advance, of a direct network.
    pub(super) future: Vec<f32>,
}

/// A tensor of `values` on `device`.
pub(super) fn tensor<const D: usize>(
    values: Vec<f32>,
    shape: [usize; D],
    device: &Device,
) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

impl ForecastNetwork {
    /// The network that `model` describes, over what `shape` says.
    pub(super) fn init(
        model: &ModelSettings,
        shape: &Shape,
        head: &Head,
        seed: Seed,
        device: &Device,
    ) -> Result<Self> {
        let network = Network::init(model, shape.features, seed, device)?;
        let parameters = head.parameters();
        let [reads, answers] = match shape.method {
            Method::Direct => [
                network.readout_size() + shape.horizon * shape.known,
                shape.horizon * shape.targets * parameters,
            ],
            Method::Recursive => [network.output_size(), shape.targets * parameters],
        };
        let network = Self {
            network,
            projection: Dense::init(reads, answers, seed.child("projection"), device),
            smoothing: None,
            parameters,
            method: shape.method,
        };
        chrono::draw(network, seed, model.chrono_steps)
    }

    /// `[B, answers·K, P]`, of the windows' `inputs` `[B, T, F]` and what is known in advance,
    /// `[B, H·known]`.
    pub(super) fn outputs(
        &self,
        inputs: Tensor<3>,
        future: Option<Tensor<2>>,
        run: NetworkRun,
    ) -> Result<Tensor<3>> {
        let [batch, time, _] = inputs.dims();
        let outputs = match self.method {
            Method::Direct => {
                let readout = self.network.final_output(inputs, run)?;
                let read = match future {
                    Some(future) => Tensor::cat(vec![readout, future], 1),
                    None => readout,
                };
                self.projection.forward(read)
            }
            Method::Recursive => {
                let shown = self.network.outputs(inputs, run)?;
                let width = shown.dims()[2];
                self.projection
                    .forward(shown.reshape([batch * time, width]))
            }
        };
        let numbers = outputs.shape().num_elements();
        let steps = numbers / (batch * self.parameters);
        Ok(outputs.reshape([batch, steps, self.parameters]))
    }

    /// The same of windows in plain numbers.
    pub(super) fn of_windows(&self, windows: &Windows, run: NetworkRun) -> Result<Tensor<3>> {
        let device = self.device();
        let inputs = tensor(windows.inputs.clone(), windows.shape, &device);
        let batch = windows.shape[0];
        let future = (!windows.future.is_empty()).then(|| {
            let width = windows.future.len() / batch;
            tensor(windows.future.clone(), [batch, width], &device)
        });
        self.outputs(inputs, future, run)
    }

    /// A recursive network that goes on step by step, `batch` rows at once.
    pub(super) fn stream(&self, batch: usize) -> Stepper<'_> {
        let layers = self.network.layers();
        Stepper {
            device: self.device(),
            projection: self.projection.runner(),
            layers: layers
                .iter()
                .map(|layer| Stream::new(layer, batch))
                .collect(),
        }
    }

    pub(super) fn device(&self) -> Device {
        self.projection.device()
    }
}

/// A recursive network between two steps.
pub(super) struct Stepper<'a> {
    device: Device,
    projection: DenseRunner,
    layers: Vec<Stream<'a, AnyCell>>,
}

impl Stepper<'_> {
    /// Reads `[B, T, F]` and says what follows on its last step, `[B][K·P]` flat.
    pub(super) fn feed(&mut self, inputs: Vec<f32>, shape: [usize; 3]) -> Result<Vec<f64>> {
        let mut outputs = tensor(inputs, shape, &self.device);
        for layer in &mut self.layers {
            outputs = layer.feed(outputs)?;
        }
        let [_, time, _] = outputs.dims();
        let last: Tensor<2> = outputs.narrow(1, time - 1, 1).squeeze_dim(1);
        Ok(numbers(self.projection.forward(last)))
    }
}

/// A tensor's numbers, the last axis fastest.
pub(super) fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    let numbers = tensor.into_data().convert::<f64>().try_into_vec::<f64>();
    numbers.expect("a tensor of floats converts to f64")
}

impl Forecaster {
    /// `ensemble` networks for each of `shapes`.
    pub(super) fn init(
        model: &ModelSettings,
        settings: &ForecastSettings,
        shapes: &[Shape],
        seed: Seed,
        device: &Device,
    ) -> Result<Self> {
        let mut members = Vec::new();
        for (group, shape) in shapes.iter().enumerate() {
            for member in 0..settings.ensemble {
                let seed = match (group, member) {
                    (0, 0) => seed,
                    _ => seed.child(&format!("group {group}, member {member}")),
                };
                members.push(ForecastNetwork::init(
                    model,
                    shape,
                    &settings.head,
                    seed,
                    device,
                )?);
            }
        }
        Ok(Self { members })
    }

    /// The networks of a group, when there are `groups`.
    pub(super) fn of_group(&self, group: usize, groups: usize) -> &[ForecastNetwork] {
        let each = self.members.len() / groups;
        &self.members[group * each..(group + 1) * each]
    }
}
