//! Elman's training epoch, as a user of the library writes the loop.

use burn::tensor::Device;
use elman::cell::ResetGate;
use elman::data::{Batches, Dataset, ImageDataset, idx};
use elman::random::Seed;
use elman::recipe::{AdamSettings, CellSettings, LayerSettings, ModelSettings};
use elman::task::{NetworkRun, SequenceModel, SequenceModelConfig, StepKind};
use elman::train::Optimiser;
use elman_bench_protocol::{CellKind, Epoch, EpochRequest, Failure};

/// The digits.
const CLASSES: usize = 10;

/// The book's network, its optimiser and its data, between two epochs.
pub(crate) struct ElmanEpoch {
    images: Dataset,
    batch: usize,
    learning_rate: f64,
    /// Taken out while it is updated.
    model: Option<SequenceModel>,
    optimiser: Optimiser,
    epoch: usize,
    step: u64,
}

impl ElmanEpoch {
    /// Reads the data and initialises the network.
    pub(crate) fn new(request: &EpochRequest) -> Result<Self, Failure> {
        let images = Dataset::Images(repeated(
            &idx::read_folder(&request.data, CLASSES)?.train,
            request.images,
        )?);
        let device = Device::flex().autodiff();
        let config = SequenceModelConfig {
            model: ModelSettings {
                layers: vec![layer(request.cell, request.units); request.layers],
                ..ModelSettings::one(layer(request.cell, request.units))
            },
            step: StepKind::Features(images.features()),
            time: images.time(),
            targets: images.targets(),
        };
        let adam = AdamSettings {
            learning_rate: request.learning_rate,
            ..AdamSettings::default()
        };
        Ok(Self {
            images,
            batch: request.batch,
            learning_rate: request.learning_rate,
            model: Some(config.init(Seed::new(42), &device)?),
            optimiser: Optimiser::new(adam),
            epoch: 0,
            step: 0,
        })
    }
}

impl Epoch for ElmanEpoch {
    fn run(&mut self) -> Result<f64, Failure> {
        let mut last = f64::NAN;
        let count = self.images.len();
        for batch in Batches::shuffled(Seed::new(42), self.epoch, count, self.batch)? {
            let model = self.model.take().ok_or("an earlier epoch failed")?;
            let loss = model
                .loss(
                    &self.images.batch(&batch.indices),
                    NetworkRun::training(self.step),
                )?
                .mean;
            last = f64::from(loss.clone().into_scalar::<f32>());
            let gradients = loss.backward();
            let updated = self
                .optimiser
                .update(model, gradients, self.learning_rate, self.step)?;
            self.model = Some(updated);
            self.step += 1;
        }
        self.epoch += 1;
        Ok(last)
    }
}

/// A layer of so many units, with TF 1's defaults.
pub(crate) fn layer(cell: CellKind, units: usize) -> LayerSettings {
    let cell = match cell {
        CellKind::Basic => CellSettings::Basic,
        CellKind::Lstm => CellSettings::Lstm {
            forget_bias: 1.0,
            peepholes: false,
            cell_clip: None,
            num_proj: None,
            proj_clip: None,
        },
        CellKind::GruBefore => CellSettings::Gru {
            reset_gate: ResetGate::BeforeProduct,
        },
        CellKind::GruAfter => CellSettings::Gru {
            reset_gate: ResetGate::AfterProduct,
        },
    };
    LayerSettings::new(cell, units)
}

/// The images one after the other, from the first again, until there are `count`.
fn repeated(images: &ImageDataset, count: usize) -> Result<ImageDataset, Failure> {
    let chosen: Vec<usize> = (0..count).map(|index| index % images.len()).collect();
    let pixels = chosen
        .iter()
        .flat_map(|&index| images.image(index))
        .copied();
    let size = [images.rows(), images.columns()];
    let labels = images.targets(&chosen);
    Ok(ImageDataset::new(
        pixels.collect(),
        size,
        labels,
        images.classes(),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_repeated_in_order_or_cut() {
        let images = ImageDataset::new(vec![10, 20, 30], [1, 1], vec![1, 2, 3], 10).unwrap();
        let more = repeated(&images, 5).unwrap();
        assert_eq!(more.pixels(), [10, 20, 30, 10, 20]);
        assert_eq!(more.labels(), [1, 2, 3, 1, 2]);
        assert_eq!(repeated(&images, 2).unwrap().labels(), [1, 2]);
    }
}
