//! The notes of the next step, at every step.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use crate::data::{PIANO_KEYS, Piece};
use crate::error::Result;
use crate::fused::DenseRunner;
use crate::random::Seed;
use crate::recipe::ModelSettings;
use crate::task::chrono;
use crate::task::dense::Dense;
use crate::task::head;
use crate::task::network::{Network, NetworkRun, NetworkStream};

/// A model of polyphonic music.
///
/// ```text
/// x_0 = 0,  x_t = the keys that sound in step t - 1        [B, T, 88]
/// h_t = what the topmost layer of the network shows        [B, T, H]
/// p_t = sigmoid(h_t · kernel + bias)                       [B, T, 88]
/// loss of a step = -Σ_key ln p(key is as it is)            nats
/// ```
///
/// Boulanger-Lewandowski et al. (2012), arXiv 1206.6392; Chung et al. (2014), arXiv 1412.3555: the keys
/// of a step are independent of each other, given all steps before it.
#[derive(Module, Debug)]
pub struct PolyphonyModel {
    /// Reads the steps.
    pub network: Network,
    /// Foretells the keys.
    pub dense: Dense,
}

/// The summed figures of some steps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepSums {
    /// Of the losses, in nats.
    pub nats: f64,
    /// Of the accuracies: of the keys that sound or are foretold to, the share that is both.
    pub accuracy: f64,
    /// Steps.
    pub steps: usize,
}

/// Pieces in a batch, padded with silence that counts for nothing.
pub(super) struct PieceBatch {
    /// `[B, T, 88]`: the keys of every step.
    targets: Vec<f32>,
    shape: [usize; 2],
    lengths: Vec<usize>,
}

impl PieceBatch {
    pub(super) fn new(pieces: &[&Piece]) -> Self {
        let lengths: Vec<usize> = pieces.iter().map(|piece| piece.0.len()).collect();
        let time = lengths.iter().copied().max().unwrap_or(0);
        let mut targets = Vec::with_capacity(pieces.len() * time * PIANO_KEYS);
        for (row, piece) in pieces.iter().enumerate() {
            targets.extend(piece.roll());
            targets.resize((row + 1) * time * PIANO_KEYS, 0.0);
        }
        Self {
            targets,
            shape: [pieces.len(), time],
            lengths,
        }
    }

    /// Real steps of all rows.
    pub(super) fn steps(&self) -> usize {
        self.lengths.iter().sum()
    }

    /// `[B, T, 88]`: the keys of the step before each.
    fn inputs(&self) -> Vec<f32> {
        let [_, time] = self.shape;
        let mut inputs = Vec::with_capacity(self.targets.len());
        for row in self.targets.chunks_exact(time * PIANO_KEYS) {
            inputs.extend([0.0; PIANO_KEYS]);
            inputs.extend(&row[..(time - 1) * PIANO_KEYS]);
        }
        inputs
    }

    /// `[B * T]`: 1 for real steps.
    fn weights(&self) -> Vec<f32> {
        let [_, time] = self.shape;
        let row = |&length: &usize| (0..time).map(move |step| f32::from(u8::from(step < length)));
        self.lengths.iter().flat_map(row).collect()
    }
}

impl PolyphonyModel {
    /// The model that `settings` describe. On a device with autodiff it can be trained.
    ///
    /// # Errors
    ///
    /// When a layer cannot be built over what it reads.
    pub fn init(settings: &ModelSettings, seed: Seed, device: &Device) -> Result<Self> {
        let network = Network::init(settings, PIANO_KEYS, seed, device)?;
        let kernel = seed.child("dense kernel");
        let model = Self {
            dense: Dense::init(network.output_size(), PIANO_KEYS, kernel, device),
            network,
        };
        chrono::draw(model, seed, settings.chrono_steps)
    }

    /// `[1]`: the mean loss of a real step, in nats; and the sums of figures.
    ///
    /// # Errors
    ///
    /// When the memory is too little.
    pub(super) fn loss(
        &self,
        batch: &PieceBatch,
        run: NetworkRun,
    ) -> Result<(Tensor<1>, StepSums)> {
        let device = self.dense.device();
        let [rows, time] = batch.shape;
        let data = TensorData::new(batch.inputs(), [rows, time, PIANO_KEYS]);
        let run = NetworkRun {
            lengths: Some(batch.lengths.clone()),
            ..run
        };
        let shown = self
            .network
            .outputs(Tensor::from_data(data, &device), run)?;
        let [_, _, features] = shown.dims();
        let shown = shown.reshape([rows * time, features]);
        let logits = self.dense.forward(shown);
        let shape = [rows * time, PIANO_KEYS];
        let targets =
            Tensor::<2>::from_data(TensorData::new(batch.targets.clone(), shape), &device);
        let weights = TensorData::new(batch.weights(), [rows * time, 1]);
        let weights = Tensor::<2>::from_data(weights, &device);
        let losses = head::sigmoid_losses(logits.clone(), targets);
        let sum = (losses.sum_dim(1) * weights).sum();
        let steps = batch.steps();
        let sums = StepSums {
            nats: f64::from(sum.clone().into_scalar::<f32>()),
            accuracy: accuracy(logits, batch),
            steps,
        };
        Ok((sum.div_scalar(steps as f32), sums))
    }

    /// A piece of one row that is read step by step, in inference.
    ///
    /// # Errors
    ///
    /// When the network reads in both directions.
    pub fn stream(&self) -> Result<PolyphonyStream<'_>> {
        Ok(PolyphonyStream {
            network: self.network.stream(self.network.zero_state(1))?,
            dense: self.dense.runner(),
            device: self.dense.device(),
        })
    }
}

/// A model in the middle of a piece.
#[derive(Debug)]
pub struct PolyphonyStream<'m> {
    network: NetworkStream<'m>,
    dense: DenseRunner,
    device: Device,
}

impl PolyphonyStream<'_> {
    /// Reads a step, the `keys` that sound in it, from 0 to 87; gives the logits of the next step's
    /// keys, `[88]`. What is read before a piece is a silent step.
    ///
    /// # Errors
    ///
    /// When the step does not fit the network.
    pub fn feed(&mut self, keys: &[u8]) -> Result<Vec<f32>> {
        let step = Piece(vec![keys.to_vec()]).roll();
        let step = TensorData::new(step, [1, 1, PIANO_KEYS]);
        let shown = self.network.feed(Tensor::from_data(step, &self.device))?;
        let logits = self.dense.forward(shown.squeeze_dim(1));
        Ok(head::numbers(logits))
    }
}

/// The summed accuracies of the real steps; a silent step foretold as silent has 1.
fn accuracy(logits: Tensor<2>, batch: &PieceBatch) -> f64 {
    let logits = head::numbers(logits);
    let rows = logits.chunks_exact(PIANO_KEYS);
    let steps = rows.zip(batch.targets.chunks_exact(PIANO_KEYS));
    let real = batch.weights().into_iter().map(|weight| weight > 0.0);
    let of_step = |(logits, keys): (&[f32], &[f32])| {
        let pairs = logits.iter().zip(keys);
        let (both, either) = pairs.fold((0_u32, 0_u32), |(both, either), (&logit, &key)| {
            let (foretold, sounds) = (logit > 0.0, key > 0.0);
            (
                both + u32::from(foretold && sounds),
                either + u32::from(foretold || sounds),
            )
        });
        if either == 0 {
            1.0
        } else {
            f64::from(both) / f64::from(either)
        }
    };
    let real_steps = steps.zip(real).filter(|(_, is_real)| *is_real);
    real_steps.map(|(step, _)| of_step(step)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{CellSettings, LayerSettings};

    fn model() -> PolyphonyModel {
        let settings = ModelSettings::one(LayerSettings::new(CellSettings::Basic, 5));
        PolyphonyModel::init(&settings, Seed::new(2), &Device::flex()).expect("fits")
    }

    fn piece(steps: &[&[u8]]) -> Piece {
        Piece(steps.iter().map(|keys| keys.to_vec()).collect())
    }

    /// f32, sums of 88 terms over some steps.
    const TOLERANCE: f64 = 1e-3;

    #[test]
    fn a_step_costs_the_sum_over_its_keys() {
        // Without weights every key is as likely as not.
        let mut model = model();
        model.dense.kernel = model.dense.kernel.map(|kernel| kernel.zeros_like());
        let batch = PieceBatch::new(&[&piece(&[&[3, 7], &[], &[1]])]);
        let (mean, sums) = model.loss(&batch, NetworkRun::default()).expect("fits");
        let expected = PIANO_KEYS as f64 * std::f64::consts::LN_2;
        let found = f64::from(mean.into_scalar::<f32>());
        assert!((found - expected).abs() < TOLERANCE, "{found} {expected}");
        assert_eq!(sums.steps, 3);
        // No logit is above 0: only the silent step is right.
        assert_eq!(sums.accuracy, 1.0);
    }

    #[test]
    fn a_piece_read_step_by_step_is_foretold_as_it_is_in_a_batch() {
        let model = model();
        let piece = piece(&[&[3, 40], &[], &[5], &[87]]);
        let batch = PieceBatch::new(&[&piece]);
        let (_, sums) = model.loss(&batch, NetworkRun::default()).expect("fits");
        let mut stream = model.stream().expect("one direction");
        let mut logits = stream.feed(&[]).expect("fits");
        let mut nats = 0.0;
        for keys in &piece.0 {
            let step = Piece(vec![keys.clone()]).roll();
            for (&logit, key) in logits.iter().zip(step) {
                let sign = if key > 0.0 { -1.0 } else { 1.0 };
                nats += (sign * f64::from(logit)).exp().ln_1p();
            }
            logits = stream.feed(keys).expect("fits");
        }
        assert!((nats - sums.nats).abs() < TOLERANCE, "{nats} {sums:?}");
    }

    #[test]
    fn a_step_is_foretold_from_those_before_it_alone_and_padding_counts_for_nothing() {
        let model = model();
        let nats = |pieces: &[&Piece]| {
            let batch = PieceBatch::new(pieces);
            model
                .loss(&batch, NetworkRun::default())
                .expect("fits")
                .1
                .nats
        };
        let (one, two) = (piece(&[&[3], &[5], &[9, 80]]), piece(&[&[4]]));
        let together = nats(&[&one, &two]);
        let apart = nats(&[&one]) + nats(&[&two]);
        assert!((together - apart).abs() < TOLERANCE, "{together} {apart}");
        // The last step is only foretold: what it is does not change how it is foretold.
        let silent = piece(&[&[3], &[5], &[]]);
        let other = piece(&[&[3], &[5], &[9]]);
        let inputs = |piece: &Piece| PieceBatch::new(&[piece]).inputs();
        assert_eq!(inputs(&silent), inputs(&other));
        assert_eq!(inputs(&silent)[..PIANO_KEYS], [0.0; PIANO_KEYS]);
        assert_eq!(inputs(&silent)[PIANO_KEYS + 3], 1.0);
    }
}
