//! Elman's language model in training and in writing, as a user of the library writes the loop.

use burn::tensor::Device;
use elman::generate::{Sampler, SamplerConfig};
use elman::random::Seed;
use elman::recipe::{ModelSettings, RmsPropForm, RmsPropSettings, SoftmaxSettings};
use elman::task::{LanguageModel, LanguageModelConfig, NetworkRun, NetworkState};
use elman::train::{Clip, Optimiser};
use elman_bench_protocol::{CellKind, Epoch, Failure, TextMode, TextRequest};

use crate::elman_epoch::layer;

/// The workload of a request.
pub(crate) fn prepare(request: &TextRequest) -> Result<Box<dyn Epoch>, Failure> {
    Ok(match request.mode {
        TextMode::Train => Box::new(Train::new(request)?),
        TextMode::Generate => Box::new(Generate::new(request)?),
    })
}

/// LSTM layers over one-hot tokens, and a softmax.
fn model(request: &TextRequest, device: &Device) -> Result<LanguageModel, Failure> {
    let layer = layer(CellKind::Lstm, request.units);
    let config = LanguageModelConfig {
        model: ModelSettings {
            layers: vec![layer.clone(); request.layers],
            softmax: Some(SoftmaxSettings::Full),
            ..ModelSettings::one(layer)
        },
        vocabulary: request.vocabulary,
    };
    Ok(config.init(Seed::new(42), device)?)
}

/// Windows of char-rnn, one after the other, the state carried.
struct Train {
    request: TextRequest,
    /// `[B, windows · T + 1]`.
    tokens: Vec<u32>,
    /// Taken out while it is updated.
    model: Option<LanguageModel>,
    optimiser: Optimiser,
    state: Option<NetworkState>,
    step: u64,
}

impl Train {
    fn new(request: &TextRequest) -> Result<Self, Failure> {
        let settings = RmsPropSettings {
            learning_rate: request.learning_rate,
            decay: 0.95,
            momentum: 0.0,
            epsilon: 1e-8,
            centered: false,
            form: RmsPropForm::PyTorch,
        };
        Ok(Self {
            tokens: request.tokens(),
            model: Some(model(request, &Device::flex().autodiff())?),
            optimiser: Optimiser::new(settings).with_clip(Some(Clip::Value(5.0))),
            state: None,
            step: 0,
            request: request.clone(),
        })
    }

    /// `[B, T]`, of the window from step `start` on.
    fn window(&self, start: usize) -> Vec<u32> {
        let width = self.request.count * self.request.time + 1;
        let rows = self.tokens.chunks_exact(width);
        rows.flat_map(|row| row[start..start + self.request.time].iter().copied())
            .collect()
    }
}

impl Epoch for Train {
    fn run(&mut self) -> Result<f64, Failure> {
        let TextRequest { batch, time, .. } = self.request;
        let mut last = f64::NAN;
        for window in 0..self.request.count {
            let model = self.model.take().ok_or("an earlier window failed")?;
            let (inputs, targets) = (self.window(window * time), self.window(window * time + 1));
            let zero = model.network.zero_state(batch);
            let state = match self.state.take() {
                None => zero,
                Some(state) => zero.with_parts(state.into_parts())?,
            };
            let run = NetworkRun::training(self.step);
            let (mean, state) = model.loss((&inputs, &targets), [batch, time], state, run)?;
            self.state = Some(state);
            last = f64::from(mean.clone().into_scalar::<f32>());
            let rate = self.request.learning_rate;
            let updated = self
                .optimiser
                .update(model, mean.backward(), rate, self.step)?;
            self.model = Some(updated);
            self.step += 1;
        }
        Ok(last)
    }
}

/// One text, token by token.
struct Generate {
    model: LanguageModel,
    sampler: Sampler,
    count: usize,
}

impl Generate {
    fn new(request: &TextRequest) -> Result<Self, Failure> {
        Ok(Self {
            model: model(request, &Device::flex())?,
            sampler: SamplerConfig::default().init(Seed::new(42)),
            count: request.count,
        })
    }
}

impl Epoch for Generate {
    fn run(&mut self) -> Result<f64, Failure> {
        let mut stream = self.model.stream()?;
        let (mut token, mut nats) = (0, f64::NAN);
        for _ in 0..self.count {
            let logits = stream.feed(&[token])?;
            token = self.sampler.draw(&logits, &[])?;
            nats = -f64::from(logits[token as usize]);
        }
        Ok(nats)
    }
}
