//! The next token of a text, at every step.

use std::borrow::Cow;

use burn::module::{Module, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::fused::DenseRunner;
use crate::initializer::Initializer;
use crate::loss::{
    AdaptiveSoftmax, AdaptiveSoftmaxConfig, Candidates, cross_entropy, indices, sampled_softmax,
};
use crate::random::Seed;
use crate::recipe::{ModelSettings, SoftmaxSettings};
use crate::task::dense::Dense;
use crate::task::network::{Network, NetworkRun, NetworkState, NetworkStream};
use crate::task::{chrono, embedding};

/// A model of texts.
///
/// ```text
/// x_t      = embedding[token_t], or one-hot                    [B, T, E]
/// h_t      = what the topmost layer of the network shows        [B, T, H]
/// p(t + 1) = softmax(h_t · kernel + bias)                       [B, T, V]
/// loss     = -ln p(t + 1)[token_{t+1}]                          nats
/// ```
///
/// Mikolov et al. (2010); Karpathy's char-rnn (2015). With `tied` the kernel is the embedding,
/// transposed; with `adaptive` the softmax is that of [`AdaptiveSoftmax`]; with `sampled` training
/// computes [`sampled_softmax`] and everything else the full one.
#[derive(Module, Debug)]
pub struct LanguageModel {
    /// `[V, E]`; none where tokens are one-hot.
    pub embedding: Option<Param<Tensor<2>>>,
    /// Reads the tokens.
    pub network: Network,
    /// Foretells the next.
    pub projection: Projection,
    #[module(skip)]
    vocabulary: usize,
    #[module(skip)]
    seed: u64,
}

/// From what the network shows to the probabilities of tokens.
#[derive(Module, Debug)]
pub enum Projection {
    /// One logit a token.
    Full(Dense),
    /// The embedding as kernel, and a bias `[V]`.
    Tied(Param<Tensor<1>>),
    /// In clusters.
    Adaptive(AdaptiveSoftmax),
    /// One logit a token, a sample of them in training.
    Sampled(SampledDense),
}

/// A dense layer whose kernel has a row for each token.
#[derive(Module, Debug)]
pub struct SampledDense {
    /// `[V, H]`, glorot uniform.
    pub kernel: Param<Tensor<2>>,
    /// `[V]`, zero at first.
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    samples: usize,
}

/// How to build a [`LanguageModel`].
#[derive(Clone, Debug, PartialEq)]
pub struct LanguageModelConfig {
    /// The network, the embedding and the softmax.
    pub model: ModelSettings,
    /// `V`.
    pub vocabulary: usize,
}

/// Tokens that are read at once when a whole text is judged.
const PIECE: usize = 1000;

impl LanguageModelConfig {
    /// Builds the model. On a device with autodiff it can be trained.
    ///
    /// # Errors
    ///
    /// When a layer cannot be built over what it reads, or the softmax does not fit the vocabulary.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<LanguageModel> {
        let Some(softmax) = &self.model.softmax else {
            return Err(Error::argument(
                "model",
                "it has no settings of a language model",
                "use a recipe with `task = \"language_model\"`",
            ));
        };
        let size = self.model.embedding;
        // Where it is a kernel too, it is drawn as one.
        let variance = match (softmax, size) {
            (SoftmaxSettings::Tied, Some(size)) => 1.0 / size as f64,
            _ => 1.0,
        };
        let embedding = embedding::init(size, self.vocabulary, variance, (seed, device))?;
        let features = size.unwrap_or(self.vocabulary);
        let network = Network::init(&self.model, features, seed, device)?;
        let model = LanguageModel {
            embedding,
            projection: self.projection(softmax, network.output_size(), seed, device)?,
            network,
            vocabulary: self.vocabulary,
            seed: seed.value(),
        };
        chrono::draw(model, seed, self.model.chrono_steps)
    }

    /// Over what `shown` (`H`) features show.
    fn projection(
        &self,
        softmax: &SoftmaxSettings,
        shown: usize,
        seed: Seed,
        device: &Device,
    ) -> Result<Projection> {
        let kernel = seed.child("dense kernel");
        let bias = || Initializer::Constant(0.0).init([self.vocabulary], seed, DType::F32, device);
        Ok(match softmax {
            SoftmaxSettings::Full => {
                Projection::Full(Dense::init(shown, self.vocabulary, kernel, device))
            }
            SoftmaxSettings::Tied => Projection::Tied(bias()),
            SoftmaxSettings::Adaptive { cutoffs } => {
                let config = AdaptiveSoftmaxConfig::new(shown, self.vocabulary, cutoffs);
                Projection::Adaptive(config.init(seed.child("adaptive softmax"), device)?)
            }
            SoftmaxSettings::Sampled { samples } if *samples >= self.vocabulary => {
                return Err(Error::argument(
                    "model.softmax.samples",
                    format!(
                        "is {samples}, the vocabulary has {} tokens",
                        self.vocabulary
                    ),
                    "give a number below the size of the vocabulary, or use the softmax `full`",
                ));
            }
            SoftmaxSettings::Sampled { samples } => Projection::Sampled(SampledDense {
                kernel: Initializer::GlorotUniform.init(
                    [self.vocabulary, shown],
                    kernel,
                    DType::F32,
                    device,
                ),
                bias: bias(),
                samples: *samples,
            }),
        })
    }
}

impl LanguageModel {
    /// `V`.
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// `[B, T, E]`, of `tokens` `[B, T]`.
    fn inputs(&self, tokens: &[u32], shape: [usize; 2]) -> Tensor<3> {
        let vocabulary = (self.vocabulary, &self.device());
        embedding::vectors(self.embedding.as_ref(), tokens, shape, vocabulary)
    }

    /// `[1]`: the mean loss of foretelling `targets` from `tokens`, both `[B, T]`, at all real steps, in
    /// nats; the network goes on from `state`. Gives the state after the last step, too.
    ///
    /// # Errors
    ///
    /// When the state does not fit the network, or the memory is too little.
    pub fn loss(
        &self,
        (tokens, targets): (&[u32], &[u32]),
        shape: [usize; 2],
        state: NetworkState,
        run: NetworkRun,
    ) -> Result<(Tensor<1>, NetworkState)> {
        let step = run.training_step;
        let real = run
            .lengths
            .as_deref()
            .map(|lengths| places(lengths, shape[1]));
        let inputs = self.inputs(tokens, shape);
        let (shown, state) = self.network.continued(inputs, state, run)?;
        let [batch, time, features] = shown.dims();
        let mut shown = shown.reshape([batch * time, features]);
        let mut targets = Cow::Borrowed(targets);
        if let Some(real) = real {
            shown = shown.select(0, indices(&real, &self.device()));
            targets = real.iter().map(|&at| targets[at as usize]).collect();
        }
        let sum = self.loss_sum(shown, &targets, step);
        Ok((sum.div_scalar(targets.len() as f32), state))
    }

    /// `[1]`: the summed loss of `targets` `[N]`, of what the network shows, `[N, H]`; in training step
    /// `step` that of a sample, if the model is trained so.
    fn loss_sum(&self, shown: Tensor<2>, targets: &[u32], step: Option<u64>) -> Tensor<1> {
        match (&self.projection, step) {
            (Projection::Adaptive(softmax), _) => softmax.loss_sum(shown, targets),
            (Projection::Sampled(dense), Some(step)) => {
                let seed = Seed::new(self.seed);
                let mut generator = seed.generator(&format!("candidates {step}"));
                let candidates = Candidates::draw(dense.samples, self.vocabulary, &mut generator);
                let weights = (dense.kernel.val(), dense.bias.val());
                let expected = |class| candidates.expected_count(class);
                sampled_softmax(shown, targets, weights, candidates.ids(), expected).sum()
            }
            _ => cross_entropy(self.logits(shown), targets).sum(),
        }
    }

    /// `[N, V]`, of what the network shows, `[N, H]`; of an adaptive softmax the logarithms of
    /// probabilities.
    fn logits(&self, shown: Tensor<2>) -> Tensor<2> {
        match &self.projection {
            Projection::Full(dense) => dense.forward(shown),
            Projection::Tied(bias) => {
                let table = self
                    .embedding
                    .as_ref()
                    .expect("a recipe without one is refused");
                shown.matmul(table.val().transpose()) + bias.val().unsqueeze()
            }
            Projection::Adaptive(softmax) => softmax.log_probabilities(shown),
            Projection::Sampled(dense) => {
                shown.matmul(dense.kernel.val().transpose()) + dense.bias.val().unsqueeze()
            }
        }
    }

    /// The summed cross-entropy of `tokens` from the second on, in nats, each foretold from all before
    /// it: the text is read from its beginning to its end, with the state carried.
    ///
    /// # Errors
    ///
    /// When a token is not below `V`.
    pub fn nats(&self, tokens: &[u32]) -> Result<f64> {
        self.ensure_tokens(tokens)?;
        let model = self.valid();
        let mut state = model.network.zero_state(1);
        let mut sum = 0.0;
        for start in (0..tokens.len().saturating_sub(1)).step_by(PIECE) {
            let end = (start + PIECE).min(tokens.len() - 1);
            let inputs = model.inputs(&tokens[start..end], [1, end - start]);
            let (shown, after) = model
                .network
                .continued(inputs, state, NetworkRun::default())?;
            state = after;
            let losses =
                cross_entropy(model.logits(shown.squeeze_dim(0)), &tokens[start + 1..=end]);
            let losses: Vec<f32> = losses
                .into_data()
                .try_to_vec()
                .expect("a model computes in f32");
            sum += losses.into_iter().map(f64::from).sum::<f64>();
        }
        Ok(sum)
    }

    fn ensure_tokens(&self, tokens: &[u32]) -> Result<()> {
        match tokens
            .iter()
            .find(|&&token| token as usize >= self.vocabulary)
        {
            None => Ok(()),
            Some(token) => Err(Error::argument(
                "tokens",
                format!("there is {token}, the vocabulary has {}", self.vocabulary),
                "give tokens of the model's own vocabulary",
            )),
        }
    }

    /// A text of one row that is read token by token, in inference.
    ///
    /// # Errors
    ///
    /// When the network reads in both directions.
    pub fn stream(&self) -> Result<LanguageStream<'_>> {
        Ok(LanguageStream {
            network: self.network.stream(self.network.zero_state(1))?,
            dense: match &self.projection {
                Projection::Full(dense) => Some(dense.runner()),
                _ => None,
            },
            model: self,
        })
    }

    fn device(&self) -> Device {
        match &self.projection {
            Projection::Full(dense) => dense.device(),
            Projection::Tied(bias) => bias.val().device(),
            Projection::Adaptive(softmax) => softmax.head.val().device(),
            Projection::Sampled(dense) => dense.bias.val().device(),
        }
    }
}

/// The places of the real steps in `[B * T]`.
fn places(lengths: &[usize], time: usize) -> Vec<u32> {
    let rows = lengths.iter().enumerate();
    rows.flat_map(|(row, &length)| (0..length).map(move |step| (row * time + step) as u32))
        .collect()
}

/// A model in the middle of a text.
#[derive(Debug)]
pub struct LanguageStream<'m> {
    model: &'m LanguageModel,
    network: NetworkStream<'m>,
    /// Of a full softmax.
    dense: Option<DenseRunner>,
}

impl LanguageStream<'_> {
    /// Reads `tokens`, at least one; gives the logarithms of the probabilities of the next, `[V]`.
    ///
    /// # Errors
    ///
    /// When there is none, or one is not below `V`.
    pub fn feed(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        self.model.ensure_tokens(tokens)?;
        if tokens.is_empty() {
            return Err(Error::argument(
                "tokens",
                "there is none",
                "give at least one",
            ));
        }
        let shown = self
            .network
            .feed(self.model.inputs(tokens, [1, tokens.len()]))?;
        let [_, time, _] = shown.dims();
        let last = shown.narrow(1, time - 1, 1).squeeze_dim(1);
        let logits = match &self.dense {
            Some(dense) => dense.forward(last),
            None => self.model.logits(last),
        };
        let logits = log_softmax(logits, 1);
        Ok(logits
            .into_data()
            .try_to_vec()
            .expect("a model computes in f32"))
    }
}

#[cfg(test)]
mod tests;
