//! The notes of the next step, as a kind of task: training it, and using what was trained.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;

use crate::data::{BatchOrder, Batches, PianoRolls, Piece};
use crate::error::{Error, Result};
use crate::metric::Measure;
use crate::recipe::{DataSettings, Recipe};
use crate::store::StoredFile;
use crate::task::evaluation::{Evaluation, MusicWorth};
use crate::task::experiment::TaskKind;
use crate::task::network::NetworkRun;
use crate::task::polyphony_model::{PieceBatch, PolyphonyModel, StepSums};
use crate::task::trained::Trained;
use crate::train::{BatchLoss, Judgement, Objective, restore};

/// Pieces at once in evaluation.
const EVALUATION_BATCH: usize = 50;

/// What a recipe asks for, as an objective of training.
pub(super) struct PolyphonyTask {
    recipe: Recipe,
    rolls: PianoRolls,
    steps: usize,
    facts: BTreeMap<String, String>,
}

/// The pieces of `recipe`, from `place` if given.
fn rolls(recipe: &Recipe, place: Option<&Path>) -> Result<PianoRolls> {
    match &recipe.data {
        DataSettings::PianoRolls(settings) => {
            PianoRolls::read(place.unwrap_or_else(|| Path::new(&settings.file)))
        }
        _ => Err(Error::argument(
            "data.format",
            "a model of polyphony learns piano rolls",
            "set it to `piano_rolls`",
        )),
    }
}

fn fingerprint(rolls: &PianoRolls) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [&rolls.train, &rolls.valid] {
        for piece in part {
            for step in &piece.0 {
                hasher.update(step);
                hasher.update(&[u8::MAX]);
            }
            hasher.update(&[u8::MAX - 1]);
        }
        hasher.update(&[u8::MAX - 2]);
    }
    hasher.finalize().to_hex().to_string()
}

/// What `model` is worth on `pieces`.
fn worth(model: &PolyphonyModel, pieces: &[Piece]) -> Result<MusicWorth> {
    let model = burn::module::Module::valid(model);
    let mut sums = StepSums::default();
    for batch in Batches::in_order(pieces.len(), EVALUATION_BATCH)? {
        let pieces: Vec<&Piece> = batch.indices.iter().map(|&at| &pieces[at]).collect();
        let (_, found) = model.loss(&PieceBatch::new(&pieces), NetworkRun::default())?;
        sums.nats += found.nats;
        sums.accuracy += found.accuracy;
        sums.steps += found.steps;
    }
    Ok(MusicWorth {
        nats_per_step: sums.nats / sums.steps as f64,
        accuracy: sums.accuracy / sums.steps as f64,
        steps: sums.steps as u64,
        pieces: pieces.len() as u64,
    })
}

impl TaskKind for PolyphonyTask {
    fn load(recipe: &Recipe, place: Option<&Path>) -> Result<Self> {
        let rolls = rolls(recipe, place)?;
        let facts = [
            ("task", recipe.task.word().to_owned()),
            ("recipe", recipe.to_toml()),
            ("data", fingerprint(&rolls)),
        ];
        if rolls.valid.is_empty() && recipe.train.early_stopping.is_some() {
            return Err(Error::argument(
                "train.early_stopping",
                "the data have no part `valid`",
                "add one, or remove this table",
            ));
        }
        Ok(Self {
            steps: Batches::in_order(rolls.train.len(), recipe.train.batch)?.steps(),
            recipe: recipe.clone(),
            rolls,
            facts: facts.map(|(name, fact)| (name.to_owned(), fact)).into(),
        })
    }

    fn test(&self, model: &PolyphonyModel) -> Result<Evaluation> {
        worth(model, &self.rolls.test).map(Evaluation::Music)
    }
}

impl Objective for PolyphonyTask {
    type Model = PolyphonyModel;
    type Batch = Vec<usize>;
    type Carried = ();

    fn init(&self) -> Result<PolyphonyModel> {
        let device = Device::flex().autodiff();
        PolyphonyModel::init(&self.recipe.model, self.recipe.seed, &device)
    }

    fn measure(&self) -> Measure {
        Measure::KeyAccuracy
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn batches(&self, epoch: usize, from: usize) -> Result<impl Iterator<Item = Vec<usize>>> {
        let batches = BatchOrder::of(&self.recipe).batches(epoch, self.rolls.train.len())?;
        Ok(batches.from_step(from).map(|batch| batch.indices))
    }

    fn loss(
        &self,
        model: &PolyphonyModel,
        batch: &Vec<usize>,
        (): &mut (),
        step: u64,
    ) -> Result<BatchLoss> {
        let pieces: Vec<&Piece> = batch.iter().map(|&at| &self.rolls.train[at]).collect();
        let run = NetworkRun {
            through: self.recipe.train.backpropagation,
            ..NetworkRun::training(step)
        };
        let (mean, sums) = model.loss(&PieceBatch::new(&pieces), run)?;
        Ok(BatchLoss {
            mean,
            score_sum: sums.accuracy,
            count: sums.steps,
        })
    }

    fn evaluate(&self, model: &PolyphonyModel) -> Result<Judgement> {
        let figures = |pieces: &[Piece]| -> Result<_> {
            worth(model, pieces).map(|worth| Evaluation::Music(worth).figures())
        };
        Ok(Judgement {
            valid: match self.rolls.valid.is_empty() {
                true => None,
                false => Some(figures(&self.rolls.valid)?),
            },
            test: figures(&self.rolls.test)?,
        })
    }

    fn facts(&self) -> BTreeMap<String, String> {
        self.facts.clone()
    }
}

/// The model of a run's file, for inference.
///
/// # Errors
///
/// When the file does not fit its own recipe.
pub(super) fn stored(recipe: &Recipe, stored: StoredFile) -> Result<PolyphonyModel> {
    let model = PolyphonyModel::init(&recipe.model, recipe.seed, &Device::flex())?;
    restore(model, stored.file.tensors, &stored.path)
}

impl Trained {
    /// The test pieces in `place`, if given, else in the recipe's file, of a model of polyphony.
    ///
    /// # Errors
    ///
    /// When it is another kind of model, or the file cannot be read.
    pub fn test_pieces(&self, place: Option<&Path>) -> Result<Vec<Piece>> {
        rolls(&self.recipe, place).map(|rolls| rolls.test)
    }
}

/// What `model` is worth on the test pieces in `place`, if given, else in the recipe's file.
pub(super) fn evaluate(
    model: &PolyphonyModel,
    recipe: &Recipe,
    place: Option<&Path>,
) -> Result<Evaluation> {
    worth(model, &rolls(recipe, place)?.test).map(Evaluation::Music)
}
