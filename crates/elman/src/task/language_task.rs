//! The next token of a text, as a kind of task: training it, and using what was trained.

use std::collections::BTreeMap;
use std::f64::consts::LN_2;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use crate::data::BatchOrder;
use crate::data::text::{Corpus, Documents, Place, Streams, TextParts, TokenBatch, Tokenizer};
use crate::error::{Error, Result};
use crate::metric::{Figures, Measure};
use crate::recipe::{DataSettings, Normalisation, Recipe, SoftmaxSettings, TextSettings};
use crate::store::{NamedTensors, StoredFile};
use crate::task::evaluation::{Evaluation, TextWorth};
use crate::task::experiment::TaskKind;
use crate::task::language_model::{LanguageModel, LanguageModelConfig};
use crate::task::network::NetworkRun;
use crate::task::trained::{Trained, TrainedModel};
use crate::task::vocabulary_file;
use crate::train::{BatchLoss, Carried, Judgement, Objective, restore};

/// What a recipe asks for, as an objective of training.
pub(super) struct LanguageTask {
    recipe: Recipe,
    tokenizer: Tokenizer,
    training: TrainingText,
    /// Bits per character of the training text for each nat per token.
    bits_per_nat: f64,
    valid: Vec<EncodedText>,
    test: Vec<EncodedText>,
    device: Device,
    facts: BTreeMap<String, String>,
}

/// What is trained on, in batches.
enum TrainingText {
    /// One text, read from its beginning to its end.
    Streams(Streams),
    /// Each from its own beginning.
    Documents(Documents),
}

/// A text as tokens.
#[derive(Clone, Debug)]
struct EncodedText {
    tokens: Vec<u32>,
    /// The characters of all tokens but the first.
    characters: u64,
    /// Unknown words among them.
    unknown: u64,
}

impl EncodedText {
    fn new(tokenizer: &Tokenizer, origin: &str, corpus: &Corpus) -> Result<Self> {
        let mut tokens = tokenizer.encode_corpus(origin, corpus)?;
        if let Some(boundary) = tokenizer.boundary() {
            tokens.insert(0, boundary);
            tokens.push(boundary);
        }
        if tokens.len() < 2 {
            return Err(Error::argument(
                origin,
                format!("it has {} token, so that none is foretold", tokens.len()),
                "give a longer text",
            ));
        }
        let first = tokenizer.decode(&tokens[..1]).chars().count();
        let unknown = tokenizer.unknown();
        let is_unknown = |&&token: &&u32| Some(token) == unknown;
        Ok(Self {
            characters: corpus.characters().saturating_sub(first).max(1) as u64,
            unknown: tokens[1..].iter().filter(is_unknown).count() as u64,
            tokens,
        })
    }

    fn all(tokenizer: &Tokenizer, part: &str, texts: &[Corpus]) -> Result<Vec<Self>> {
        let origin = format!("the {part} text");
        let texts = texts.iter();
        texts
            .map(|text| Self::new(tokenizer, &origin, text))
            .collect()
    }
}

/// What `model` is worth on `texts`.
fn worth(model: &LanguageModel, texts: &[EncodedText]) -> Result<TextWorth> {
    let mut worth = TextWorth {
        nats: 0.0,
        tokens: 0,
        characters: 0,
        unknown: 0,
    };
    for text in texts {
        worth.nats += model.nats(&text.tokens)?;
        worth.tokens += text.tokens.len() as u64 - 1;
        worth.characters += text.characters;
        worth.unknown += text.unknown;
    }
    Ok(worth)
}

/// The settings of the text that `recipe` is about.
fn text_settings(recipe: &Recipe) -> Result<&TextSettings> {
    match &recipe.data {
        DataSettings::Text(settings) | DataSettings::Tunes(settings) => Ok(settings),
        _ => Err(Error::argument(
            "data.format",
            "a language model learns a text",
            "set it to `text` or `tunes`",
        )),
    }
}

/// The parts of the text that `recipe` is about.
fn read_parts(recipe: &Recipe, place: Option<&Path>) -> Result<TextParts> {
    let settings = text_settings(recipe)?;
    match recipe.data {
        DataSettings::Tunes(_) => TextParts::read_tunes(settings, place),
        _ => TextParts::read(settings, place),
    }
}

impl TaskKind for LanguageTask {
    fn load(recipe: &Recipe, place: Option<&Path>) -> Result<Self> {
        let settings = text_settings(recipe)?;
        let parts = read_parts(recipe, place)?;
        let are_tunes = matches!(recipe.data, DataSettings::Tunes(_));
        let tokenizer = Tokenizer::new(&settings.tokens, &parts, are_tunes)?;
        let train = EncodedText::all(&tokenizer, "training", &parts.0[0])?;
        let valid = EncodedText::all(&tokenizer, "validation", &parts.0[1])?;
        let test = EncodedText::all(&tokenizer, "test", &parts.0[2])?;
        let characters: u64 = train.iter().map(|text| text.characters).sum();
        let foretold: usize = train.iter().map(|text| text.tokens.len() - 1).sum();
        let bits_per_nat = foretold as f64 / characters as f64 / LN_2;
        let tokens = train.into_iter().map(|text| text.tokens);
        let facts = [
            ("task", recipe.task.word().to_owned()),
            ("recipe", recipe.to_toml()),
            ("data", parts.fingerprint()),
            ("tokens", tokenizer.size().to_string()),
        ];
        let facts = facts.map(|(name, fact)| (name.to_owned(), fact));
        let facts = facts.into_iter().chain([vocabulary_file::fact(&tokenizer)]);
        let facts = facts.collect();
        let window = recipe.train.backpropagation.window.unwrap_or(usize::MAX);
        let order = BatchOrder::of(recipe);
        let training = match are_tunes {
            true => TrainingText::Documents(Documents::new(tokens.collect(), order)?),
            false => TrainingText::Streams(Streams::new(
                tokens.flatten().collect(),
                order.batch,
                window,
            )?),
        };
        Ok(Self {
            training,
            recipe: recipe.clone(),
            tokenizer,
            bits_per_nat,
            valid,
            test,
            device: Device::flex().autodiff(),
            facts,
        })
    }

    fn test(&self, model: &LanguageModel) -> Result<Evaluation> {
        worth(model, &self.test).map(Evaluation::Tokens)
    }

    fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![vocabulary_file::file(&self.tokenizer)]
    }
}

impl LanguageTask {
    fn config(&self) -> LanguageModelConfig {
        LanguageModelConfig {
            model: self.recipe.model.clone(),
            vocabulary: self.tokenizer.size(),
        }
    }
}

/// The state of all streams after a window: the parts of [`NetworkState`](crate::task::NetworkState).
#[derive(Clone, Debug, Default)]
pub(super) struct StreamState(Vec<Tensor<2>>);

impl StreamState {
    /// Names sort as the parts stand.
    fn name(part: usize) -> String {
        format!("state{part:04}")
    }
}

impl Carried for StreamState {
    fn to_tensors(&self) -> NamedTensors {
        let parts = self.0.iter().enumerate();
        parts
            .map(|(part, tensor)| (Self::name(part), tensor.to_data()))
            .collect()
    }

    fn from_tensors(tensors: NamedTensors, path: &Path) -> Result<Self> {
        let mut parts = Vec::with_capacity(tensors.len());
        for (part, (name, data)) in tensors.into_iter().enumerate() {
            let [batch, width] = match data.shape().to_vec()[..] {
                [batch, width] if name == Self::name(part) => [batch, width],
                _ => {
                    return Err(Error::damaged(
                        path,
                        format!("unknown tensor carried.{name}"),
                    ));
                }
            };
            let numbers: Vec<f32> = data
                .try_to_vec()
                .map_err(|_| Error::damaged(path, format!("carried.{name} is not in f32")))?;
            let data = TensorData::new(numbers, [batch, width]);
            parts.push(Tensor::from_data(data, &Device::flex()));
        }
        Ok(Self(parts))
    }
}

impl Objective for LanguageTask {
    type Model = LanguageModel;
    type Batch = TokenBatch;
    type Carried = StreamState;

    fn init(&self) -> Result<LanguageModel> {
        self.config().init(self.recipe.seed, &self.device)
    }

    fn measure(&self) -> Measure {
        match self.recipe.model.softmax {
            Some(SoftmaxSettings::Sampled { .. }) => Measure::SampledTokens,
            _ => Measure::BitsPerCharacter,
        }
    }

    fn steps(&self) -> usize {
        match &self.training {
            TrainingText::Streams(streams) => streams.steps(),
            TrainingText::Documents(documents) => documents.steps(),
        }
    }

    fn batches(&self, epoch: usize, from: usize) -> Result<impl Iterator<Item = TokenBatch>> {
        let batches: Box<dyn Iterator<Item = TokenBatch>> = match &self.training {
            TrainingText::Streams(streams) => Box::new(streams.windows(from)),
            TrainingText::Documents(documents) => Box::new(documents.batches(epoch, from)?),
        };
        Ok(batches)
    }

    fn loss(
        &self,
        model: &LanguageModel,
        batch: &TokenBatch,
        carried: &mut StreamState,
        step: u64,
    ) -> Result<BatchLoss> {
        let zero = model.network.zero_state(batch.shape[0]);
        let state = match batch.is_first {
            true => zero,
            false => zero.with_parts(std::mem::take(&mut carried.0))?,
        };
        let mut through = self.recipe.train.backpropagation;
        if let TrainingText::Streams(_) = self.training {
            // The batch is the window: within it gradients go to the first step.
            through.window = None;
        }
        let run = NetworkRun {
            through,
            lengths: batch.lengths.clone(),
            ..NetworkRun::training(step)
        };
        let tokens = (&batch.inputs[..], &batch.targets[..]);
        let (mean, state) = model.loss(tokens, batch.shape, state, run)?;
        if let TrainingText::Streams(_) = self.training {
            carried.0 = state.into_parts().into_iter().map(Tensor::inner).collect();
        }
        let count = match &batch.lengths {
            None => batch.targets.len(),
            Some(lengths) => lengths.iter().sum(),
        };
        let nats = f64::from(mean.clone().into_scalar::<f32>()) * count as f64;
        Ok(BatchLoss {
            mean,
            score_sum: nats * self.bits_per_nat,
            count,
        })
    }

    fn evaluate(&self, model: &LanguageModel) -> Result<Judgement> {
        let figures = |texts: &[EncodedText]| -> Result<Figures> {
            worth(model, texts).map(|worth| Evaluation::Tokens(worth).figures())
        };
        Ok(Judgement {
            valid: match self.valid.is_empty() {
                true => None,
                false => Some(figures(&self.valid)?),
            },
            test: figures(&self.test)?,
        })
    }

    fn facts(&self) -> BTreeMap<String, String> {
        self.facts.clone()
    }
}

/// A trained language model and what its tokens are.
#[derive(Clone, Debug)]
pub struct TrainedLanguage {
    /// The model, for inference.
    pub model: LanguageModel,
    /// Its tokens.
    pub tokenizer: Tokenizer,
    /// How the characters of its text were composed.
    pub normalise: Normalisation,
}

impl TrainedLanguage {
    /// The model in `stored`, a file of the run in `root`.
    ///
    /// # Errors
    ///
    /// When the vocabulary is not the one that the model was trained with, or a file is damaged.
    pub(super) fn stored(root: &Path, recipe: &Recipe, stored: StoredFile) -> Result<Self> {
        let tokenizer = vocabulary_file::read(root, &stored)?;
        let StoredFile { path, file } = stored;
        let config = LanguageModelConfig {
            model: recipe.model.clone(),
            vocabulary: tokenizer.size(),
        };
        let model = config.init(recipe.seed, &Device::flex())?;
        Ok(Self {
            model: restore(model, file.tensors, &path)?,
            tokenizer,
            normalise: text_settings(recipe)?.normalise,
        })
    }

    /// The tokens of `text`, read as the text was that the model was trained on: composed if the recipe
    /// says so, any bytes of a model of bytes. `origin` names it in errors.
    ///
    /// # Errors
    ///
    /// When it is not UTF-8 or has characters that the vocabulary does not have, with which and where.
    pub fn encode(&self, origin: &str, text: &[u8]) -> Result<Vec<u32>> {
        if self.tokenizer.is_of_bytes() {
            return Ok(text.iter().copied().map(u32::from).collect());
        }
        let text = std::str::from_utf8(text).map_err(|error| {
            let (sound, rest) = text.split_at(error.valid_up_to());
            let place = Place::of(std::str::from_utf8(sound).unwrap_or_default());
            let byte = rest.first().copied().unwrap_or_default();
            Error::argument(
                origin,
                format!("{place}: expected UTF-8, found the byte 0x{byte:02X}"),
                "give text in UTF-8; only a model of bytes (`data.tokens = \"bytes\"`) reads any bytes",
            )
        })?;
        let text = Corpus::of(text.to_owned(), self.normalise);
        self.tokenizer.encode(origin, text.text())
    }

    /// What the model is worth on all of the text in `place`, if given, else on the recipe's test part.
    pub(super) fn evaluate(&self, recipe: &Recipe, place: Option<&Path>) -> Result<Evaluation> {
        let settings = text_settings(recipe)?;
        let texts = match place {
            Some(path) if path.is_file() => {
                let text = Corpus::read(settings, &[path.to_owned()])?;
                match recipe.data {
                    DataSettings::Tunes(_) => text.tunes(),
                    _ => vec![text],
                }
            }
            place => {
                let TextParts([_, _, test]) = read_parts(recipe, place)?;
                test
            }
        };
        let texts = match place {
            Some(path) => {
                let origin = format!("data {}", path.display());
                let texts = texts.iter();
                let encoded = texts.map(|text| EncodedText::new(&self.tokenizer, &origin, text));
                encoded.collect::<Result<Vec<_>>>()?
            }
            None => EncodedText::all(&self.tokenizer, "test", &texts)?,
        };
        worth(&self.model, &texts).map(Evaluation::Tokens)
    }
}

impl Trained {
    /// The language model.
    ///
    /// # Errors
    ///
    /// When it is another kind of model.
    pub fn language(&self) -> Result<&TrainedLanguage> {
        match &self.model {
            TrainedModel::Language(language) => Ok(language),
            TrainedModel::Sequence(_)
            | TrainedModel::Polyphony(_)
            | TrainedModel::Forecaster(_) => Err(Error::argument(
                "generate",
                format!(
                    "this run is a `{}`, which writes no text",
                    self.recipe.task.word()
                ),
                "give the run of a `language_model` or of a `polyphony`",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
