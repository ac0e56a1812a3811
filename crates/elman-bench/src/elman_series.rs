//! A model of series in training, as a user of the library writes it.

use std::f64::consts::TAU;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use elman::loss::gaussian_nll;
use elman::random::Seed;
use elman::recipe::{AdamSettings, ModelSettings};
use elman::task::{Dense, Network, NetworkRun};
use elman::train::Optimiser;
use elman_bench_protocol::{Epoch, Failure, SeriesRequest, Shape};

use crate::elman_epoch::layer;

/// Layers over all steps, and a mean and a scale for each.
#[derive(Module, Debug)]
struct Model {
    network: Network,
    projection: Dense,
}

impl Model {
    fn init(request: &SeriesRequest, device: &Device) -> Result<Self, Failure> {
        let layer = layer(request.cell, request.shape.units);
        let settings = ModelSettings {
            layers: vec![layer.clone(); request.layers],
            ..ModelSettings::one(layer)
        };
        let seed = Seed::new(42);
        let projection = seed.child("projection");
        Ok(Self {
            network: Network::init(&settings, request.shape.features, seed, device)?,
            projection: Dense::init(request.shape.units, 2, projection, device),
        })
    }

    /// `[1]`: the mean over all steps of -ln N(target; mean, scale) without its constant.
    fn loss(
        &self,
        inputs: Tensor<3>,
        targets: Tensor<2>,
        run: NetworkRun,
    ) -> Result<Tensor<1>, Failure> {
        let shown = self.network.outputs(inputs, run)?;
        let [batch, time, units] = shown.dims();
        let shown = shown.reshape([batch * time, units]);
        let parameters = self.projection.forward(shown);
        let constant = 0.5 * TAU.ln();
        Ok(gaussian_nll(parameters, targets, 0.0).mean() - constant)
    }
}

/// Batches of series, one after the other.
pub(crate) struct ElmanSeries {
    request: SeriesRequest,
    /// `[B, T, F]` and `[B·T, 1]` of each batch.
    batches: Vec<(Tensor<3>, Tensor<2>)>,
    /// Taken out while it is updated.
    model: Option<Model>,
    optimiser: Optimiser,
    step: u64,
}

impl ElmanSeries {
    pub(crate) fn new(request: &SeriesRequest) -> Result<Self, Failure> {
        let Shape {
            time,
            batch,
            features,
            ..
        } = request.shape;
        let numbers = request.numbers();
        let device = Device::flex().autodiff();
        let batches = numbers.chunks_exact(batch * time * (features + 1));
        let batches = batches.map(|numbers| {
            let (mut inputs, mut targets) = (Vec::new(), Vec::new());
            for step in numbers.chunks_exact(features + 1) {
                inputs.extend_from_slice(&step[..features]);
                targets.push(step[features]);
            }
            let inputs = TensorData::new(inputs, [batch, time, features]);
            let targets = TensorData::new(targets, [batch * time, 1]);
            (
                Tensor::from_data(inputs, &device),
                Tensor::from_data(targets, &device),
            )
        });
        let adam = AdamSettings {
            learning_rate: request.learning_rate,
            ..AdamSettings::default()
        };
        Ok(Self {
            batches: batches.collect(),
            model: Some(Model::init(request, &device)?),
            optimiser: Optimiser::new(adam),
            step: 0,
            request: request.clone(),
        })
    }
}

impl Epoch for ElmanSeries {
    fn run(&mut self) -> Result<f64, Failure> {
        let mut last = f64::NAN;
        for (inputs, targets) in &self.batches {
            let model = self.model.take().ok_or("an earlier batch failed")?;
            let run = NetworkRun::training(self.step);
            let loss = model.loss(inputs.clone(), targets.clone(), run)?;
            last = f64::from(loss.clone().into_scalar::<f32>());
            let rate = self.request.learning_rate;
            let updated = self
                .optimiser
                .update(model, loss.backward(), rate, self.step)?;
            self.model = Some(updated);
            self.step += 1;
        }
        Ok(last)
    }
}
