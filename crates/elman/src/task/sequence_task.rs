//! One answer for a whole sequence, as a kind of task: training it, and using what was trained.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use burn::tensor::Device;

use crate::data::text::{Corpus, Tokenizer};
use crate::data::ts::{self, TsFile};
use crate::data::{
    BatchOrder, Batches, DIGIT_SIDE, Dataset, SequenceBatch, TableSequence, TargetKind, one_hot,
    read_digit, sequence_table,
};
use crate::diagnosis::{LayerDiagnosis, worry};
use crate::error::{Error, Result};
use crate::metric::Measure;
use crate::recipe::{
    DataSettings, LabelledTextSettings, Recipe, SequenceTableSettings, TsSettings,
};
use crate::store::StoredFile;
use crate::task::evaluation::Evaluation;
use crate::task::examples::{self, Examples};
use crate::task::experiment::TaskKind;
use crate::task::network::NetworkRun;
use crate::task::sequence_model::{
    NamedPrediction, Prediction, SequenceModel, SequenceModelConfig, StepKind,
};
use crate::task::trained::{Trained, number};
use crate::task::vocabulary_file;
use crate::train::{BatchLoss, Judgement, Objective, restore, snapshot};

/// Test sequences that a diagnosis looks at.
pub const DIAGNOSED_ROWS: usize = 100;

/// What a recipe asks for, as an objective of training.
pub(super) struct SequenceTask {
    recipe: Recipe,
    examples: Examples,
    steps: usize,
    device: Device,
    facts: BTreeMap<String, String>,
}

impl TaskKind for SequenceTask {
    fn load(recipe: &Recipe, data: Option<&Path>) -> Result<Self> {
        let examples = examples::load(recipe, data)?;
        let parts = &examples.parts;
        let (time, features) = (parts.train.time(), parts.train.features());
        let mut facts = BTreeMap::from(
            [
                ("task", recipe.task.word().to_owned()),
                ("recipe", recipe.to_toml()),
                ("data", parts.fingerprint()),
                ("features", features.to_string()),
            ]
            .map(|(name, fact)| (name.to_owned(), fact)),
        );
        if let Some(time) = time {
            facts.insert("time".to_owned(), time.to_string());
        }
        facts.extend(examples.tokenizer.as_ref().map(vocabulary_file::fact));
        facts.extend(examples.layout.as_deref().map(layout_fact));
        Ok(Self {
            steps: Batches::in_order(parts.train.len(), recipe.train.batch)?.steps(),
            recipe: recipe.clone(),
            examples,
            device: Device::flex().autodiff(),
            facts,
        })
    }

    fn test(&self, model: &SequenceModel) -> Result<Evaluation> {
        model.evaluate(&self.examples.parts.test)
    }

    fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        let tokenizer = self.examples.tokenizer.iter();
        tokenizer.map(vocabulary_file::file).collect()
    }
}

/// Rows on which the flow of gradients is looked at after an epoch.
const PROBED_ROWS: usize = 8;

impl Objective for SequenceTask {
    type Model = SequenceModel;
    type Batch = SequenceBatch;
    type Carried = ();

    fn init(&self) -> Result<SequenceModel> {
        let config = SequenceModelConfig {
            model: self.recipe.model.clone(),
            step: self.examples.step(),
            time: self.examples.parts.train.time(),
            targets: self.examples.parts.train.targets(),
        };
        config.init(self.recipe.seed, &self.device)
    }

    fn measure(&self) -> Measure {
        match self.examples.parts.train.targets() {
            TargetKind::Classes(_) => Measure::Accuracy,
            TargetKind::Numbers(_) => Measure::AbsoluteError,
        }
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn batches(&self, epoch: usize, from: usize) -> Result<impl Iterator<Item = SequenceBatch>> {
        let parts = &self.examples.parts;
        parts
            .train
            .batches(BatchOrder::of(&self.recipe), epoch, from)
    }

    fn loss(
        &self,
        model: &SequenceModel,
        batch: &SequenceBatch,
        (): &mut (),
        step: u64,
    ) -> Result<BatchLoss> {
        let run = NetworkRun {
            through: self.recipe.train.backpropagation,
            ..NetworkRun::training(step)
        };
        model.loss(batch, run)
    }

    fn evaluate(&self, model: &SequenceModel) -> Result<Judgement> {
        Ok(Judgement {
            valid: match &self.examples.parts.valid {
                Some(examples) => Some(model.evaluate(examples)?.figures()),
                None => None,
            },
            test: model.evaluate(&self.examples.parts.test)?.figures(),
        })
    }

    /// Where gradients stay within windows, they go back no further than the recipe says: nothing is
    /// looked at.
    fn worry(&self, model: &SequenceModel, epoch: usize) -> Result<Option<String>> {
        let through = self.recipe.train.backpropagation;
        if through.window.is_some() {
            return Ok(None);
        }
        let order = BatchOrder {
            batch: self.recipe.train.batch.min(PROBED_ROWS),
            ..BatchOrder::of(&self.recipe)
        };
        let Some(batch) = self.examples.parts.train.batches(order, epoch, 0)?.next() else {
            return Ok(None);
        };
        Ok(worry(&model.flow(&batch, through.memory)?))
    }

    fn facts(&self) -> BTreeMap<String, String> {
        self.facts.clone()
    }
}

/// A trained model of whole sequences and, if it reads texts, what its tokens are.
#[derive(Clone, Debug)]
pub struct TrainedSequence {
    /// The model, for inference.
    pub model: SequenceModel,
    /// Its tokens.
    pub tokenizer: Option<Tokenizer>,
    /// If it reads tables, the columns of which a step is made.
    pub layout: Option<Vec<String>>,
}

/// The fact by which a model knows the columns of its steps.
const LAYOUT: &str = "layout";

fn layout_fact(columns: &[String]) -> (String, String) {
    let json = serde_json::to_string(columns).expect("names can be written");
    (LAYOUT.to_owned(), json)
}

/// The columns that the model in `stored` reads.
fn read_layout(stored: &StoredFile) -> Result<Vec<String>> {
    let json = stored.file.fact(&stored.path, LAYOUT)?;
    let damaged = |why| Error::damaged(&stored.path, format!("its `{LAYOUT}` {why}"));
    let columns: Vec<String> = serde_json::from_str(json)
        .map_err(|error| damaged(format!("is no list of names: {error}")))?;
    match columns.is_empty() {
        true => Err(damaged("names no column".to_owned())),
        false => Ok(columns),
    }
}

impl TrainedSequence {
    /// The model in `stored`, a file of the run in `root`.
    ///
    /// # Errors
    ///
    /// When the file does not fit its own recipe, or the vocabulary is not the one that the model was
    /// trained with.
    pub(super) fn stored(root: &Path, recipe: &Recipe, stored: StoredFile) -> Result<Self> {
        let tokenizer = match recipe.data.has_tokens() {
            true => Some(vocabulary_file::read(root, &stored)?),
            false => None,
        };
        let layout = match &recipe.data {
            DataSettings::SequenceTable(_) => Some(read_layout(&stored)?),
            _ => None,
        };
        let StoredFile { path, file } = stored;
        // What has no number of steps of its own reads sequences of any length.
        let time = match file.fact(&path, "time") {
            Ok(_) => Some(number(&path, &file, "time")? as usize),
            Err(_) => None,
        };
        let step = match &tokenizer {
            Some(tokenizer) => StepKind::Token(tokenizer.size()),
            None => StepKind::Features(number(&path, &file, "features")? as usize),
        };
        let model = fresh(recipe, step, time, &Device::flex())?;
        Ok(Self {
            model: restore(model, file.tensors, &path)?,
            tokenizer,
            layout,
        })
    }

    /// What the model is worth on the test examples in `place`, if given, else on the recipe's.
    pub(super) fn evaluate(&self, recipe: &Recipe, place: Option<&Path>) -> Result<Evaluation> {
        self.model.evaluate(&self.test_examples(recipe, place)?)
    }

    fn test_examples(&self, recipe: &Recipe, place: Option<&Path>) -> Result<Dataset> {
        let known = (self.tokenizer.as_ref(), self.layout.as_deref());
        examples::load_test(recipe, place, known)
    }
}

/// The model before training.
fn fresh(
    recipe: &Recipe,
    step: StepKind,
    time: Option<usize>,
    device: &Device,
) -> Result<SequenceModel> {
    let targets = recipe.data.targets().ok_or_else(|| {
        Error::argument(
            "data.format",
            "its examples have no answer as a whole",
            "use the recipe of a classifier or a regressor",
        )
    })?;
    let config = SequenceModelConfig {
        model: recipe.model.clone(),
        step,
        time,
        targets,
    };
    config.init(recipe.seed, device)
}

/// What only a model of whole sequences can be asked.
impl Trained {
    /// How far gradients go back in time, and why, on the first [`DIAGNOSED_ROWS`] test examples in
    /// `place`, if given, else on the recipe's; one entry a recurrent cell, the lowest first.
    ///
    /// # Errors
    ///
    /// When it is another kind of model, or the examples cannot be read or do not fit it.
    pub fn recurrence(&self, place: Option<&Path>) -> Result<Vec<LayerDiagnosis>> {
        let trained = self.sequence("inspect --recurrence")?;
        let examples = trained.test_examples(&self.recipe, place)?;
        let trained = &trained.model;
        let indices: Vec<usize> = (0..examples.len().min(DIAGNOSED_ROWS)).collect();
        let device = Device::flex().autodiff();
        let model = fresh(&self.recipe, trained.step(), trained.time(), &device)?;
        let model = restore(model, snapshot(trained), Path::new("the model"))?;
        model.recurrence(&examples.batch(&indices))
    }

    /// The answer to one input: for a run on images the path of a PNG file, for one on Reber
    /// strings a string, for one on texts a text; or the answers to all sequences in one, for a run
    /// on `.ts` files or tables the path of such a file, in its order. Answers in such a file are not
    /// looked at, and a table may have none.
    ///
    /// # Errors
    ///
    /// When it is another kind of model; when it is not a PNG of a digit or the model reads images of
    /// another size; when a string has another letter; when a text is no UTF-8, is empty or has
    /// characters that the model does not know; when a file cannot be read or has other features;
    /// when the run has learnt sums, which nobody types.
    pub fn predict(&self, input: &OsStr) -> Result<Vec<NamedPrediction>> {
        let TrainedSequence {
            model,
            tokenizer,
            layout,
        } = self.sequence("predict")?;
        let only = |prediction| {
            let name = input.to_string_lossy().into_owned();
            Ok(vec![NamedPrediction { name, prediction }])
        };
        match &self.recipe.data {
            DataSettings::LabelledText(settings) => {
                let tokenizer = tokenizer.as_ref().expect("a model of texts has its tokens");
                let tokens = encode_one(tokenizer, settings, input)?;
                only(model.predict(tokens)?)
            }
            DataSettings::Idx(_) => only(predict_picture(model, Path::new(input))?),
            DataSettings::Reber(_) => only(model.predict(one_hot(&input.to_string_lossy())?)?),
            DataSettings::Ts(_) => predict_ts(model, Path::new(input)),
            DataSettings::SequenceTable(settings) => {
                let layout = layout.as_ref().expect("a model of tables has its columns");
                let sequences = sequence_table::read_unlabelled(settings, input.as_ref(), layout)?;
                let named = sequences
                    .into_iter()
                    .map(|TableSequence { id, steps }| (id, steps));
                predict_all(model, named)
            }
            DataSettings::Adding(_)
            | DataSettings::Text(_)
            | DataSettings::Tunes(_)
            | DataSettings::PianoRolls(_)
            | DataSettings::Series(_) => Err(Error::argument(
                "predict",
                "this run has learnt sums over generated sequences, which are not given by hand",
                "judge it with `elman evaluate`",
            )),
        }
    }

    /// What one input of [`predict`](Self::predict) is called.
    pub fn input_noun(&self) -> &'static str {
        match &self.recipe.data {
            DataSettings::Idx(_) => "image",
            DataSettings::Reber(_) => "string",
            DataSettings::LabelledText(_) => "text",
            DataSettings::Adding(_)
            | DataSettings::Ts(_)
            | DataSettings::SequenceTable(_)
            | DataSettings::Text(_)
            | DataSettings::Tunes(_)
            | DataSettings::PianoRolls(_)
            | DataSettings::Series(_) => "sequence",
        }
    }

    /// Is one input of [`predict`](Self::predict) a file of many sequences?
    pub fn inputs_are_files_of_many(&self) -> bool {
        matches!(
            self.recipe.data,
            DataSettings::Ts(_) | DataSettings::SequenceTable(_)
        )
    }

    /// What a class is called: its number, or the data's own word for it.
    pub fn class_name(&self, class: usize) -> String {
        class_name(&self.recipe.data, class)
    }
}

/// What a class of these data is called: its number, or their own word for it.
pub(super) fn class_name(data: &DataSettings, class: usize) -> String {
    match (data, class) {
        (DataSettings::Reber(_), 0) => "bad".to_owned(),
        (DataSettings::Reber(_), 1) => "good".to_owned(),
        (DataSettings::Ts(TsSettings { classes, .. }), _)
        | (DataSettings::SequenceTable(SequenceTableSettings { classes, .. }), _)
        | (DataSettings::LabelledText(LabelledTextSettings { classes, .. }), _) => {
            classes.get(class).cloned().unwrap_or_default()
        }
        _ => class.to_string(),
    }
}

/// The answers to `sequences`, names with steps `[T, F]`.
fn predict_all(
    model: &SequenceModel,
    sequences: impl IntoIterator<Item = (String, Vec<f32>)>,
) -> Result<Vec<NamedPrediction>> {
    let sequences = sequences.into_iter();
    let answers = sequences.map(|(name, steps)| {
        let prediction = model.predict(steps)?;
        Ok(NamedPrediction { name, prediction })
    });
    answers.collect()
}

/// The answers to the sequences of a `.ts` file, which are numbered from 1.
fn predict_ts(model: &SequenceModel, path: &Path) -> Result<Vec<NamedPrediction>> {
    let TsFile {
        features,
        sequences,
        ..
    } = ts::read(path)?;
    if features != model.features() {
        return Err(Error::data(
            path,
            format!(
                "its sequences have {features} features, the model reads {}",
                model.features()
            ),
            "give a file of the data set that the run was trained on",
        ));
    }
    let numbered = sequences.into_iter().enumerate();
    let numbered = numbered.map(|(at, sequence)| ((at + 1).to_string(), sequence.steps));
    predict_all(model, numbered)
}

/// A text that was typed, as a model of texts reads it.
fn encode_one(
    tokenizer: &Tokenizer,
    settings: &LabelledTextSettings,
    input: &OsStr,
) -> Result<Vec<f32>> {
    let refuse = |problem: &str| {
        let remedy = "give a text, in quotes";
        Err(Error::argument("predict", problem, remedy))
    };
    let Some(text) = input.to_str() else {
        return refuse("the text is no UTF-8");
    };
    let text = Corpus::of(text.to_owned(), settings.text.normalise);
    let steps = examples::token_steps(tokenizer, "predict", &text)?;
    match steps.is_empty() {
        true => refuse("the text is empty"),
        false => Ok(steps),
    }
}

fn predict_picture(model: &SequenceModel, path: &Path) -> Result<Prediction> {
    let expected = [DIGIT_SIDE; 2];
    let image = [model.time(), Some(model.network.input_size())];
    if image != expected.map(Some) {
        return Err(Error::argument(
            "predict",
            format!(
                "a picture becomes a digit of {expected:?} pixels, this model reads images of {:?}",
                image.map(Option::unwrap_or_default)
            ),
            "give a run that was trained on images of MNIST's form",
        ));
    }
    model.predict(read_digit(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{FileKind, NamedTensors, TensorFile};

    #[test]
    fn a_model_of_tables_knows_its_columns() {
        let read = |columns: &str| {
            let facts = BTreeMap::from([(LAYOUT.to_owned(), columns.to_owned())]);
            read_layout(&StoredFile {
                path: "model.safetensors".into(),
                file: TensorFile {
                    kind: FileKind::Model,
                    facts,
                    tensors: NamedTensors::new(),
                },
            })
        };
        let columns = ["x".to_owned(), "y".to_owned()];
        let (_, written) = layout_fact(&columns);
        assert_eq!(read(&written).unwrap(), columns);
        for damaged in ["[]", "{}", "[1]", "x"] {
            let error = read(damaged).unwrap_err().to_string();
            assert!(
                error.contains("model.safetensors") && error.contains("`layout`"),
                "{damaged}: {error}"
            );
        }
    }
}
