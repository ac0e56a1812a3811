//! The examples that a recipe asks for: read from files, or made.

use std::path::Path;

use crate::data::text::{Corpus, LabelledParts, Tokenizer};
use crate::data::{
    AddingProblem, Dataset, DatasetParts, HeldOut, ReberParts, SequenceDataset, SequenceTableParts,
    TrainingExamples, idx, ts,
};
use crate::error::{Error, Result};
use crate::random::Seed;
use crate::recipe::{AddingSettings, DataSettings, IdxSettings, ReberSettings, Recipe, TsSettings};
use crate::task::sequence_model::StepKind;

/// What a recipe's examples are, and what their steps are.
#[derive(Clone, Debug)]
pub(super) struct Examples {
    pub(super) parts: DatasetParts,
    /// Of texts: a step is one of its tokens.
    pub(super) tokenizer: Option<Tokenizer>,
    /// Of tables: the columns of which a step is made.
    pub(super) layout: Option<Vec<String>>,
}

impl Examples {
    /// What a model of them reads at every step.
    pub(super) fn step(&self) -> StepKind {
        match &self.tokenizer {
            Some(tokenizer) => StepKind::Token(tokenizer.size()),
            None => StepKind::Features(self.parts.train.features()),
        }
    }
}

/// The examples of `recipe`; files are read from `place` if given, else from where the recipe
/// says.
///
/// # Errors
///
/// When a file is missing or wrong, or `place` is given for examples that are made.
pub(super) fn load(recipe: &Recipe, place: Option<&Path>) -> Result<Examples> {
    if let DataSettings::LabelledText(settings) = &recipe.data {
        let lines = LabelledParts::read(settings, place)?;
        let tokenizer = Tokenizer::new(&settings.text.tokens, &lines.texts, false)?;
        return Ok(Examples {
            parts: complete(encode(&tokenizer, lines)?),
            tokenizer: Some(tokenizer),
            layout: None,
        });
    }
    if let DataSettings::SequenceTable(settings) = &recipe.data {
        let SequenceTableParts { features, parts } =
            SequenceTableParts::read(settings, place, None)?;
        return Ok(Examples {
            parts: complete(parts.map(|part| part.map(Dataset::Sequences))),
            tokenizer: None,
            layout: Some(features),
        });
    }
    Ok(Examples {
        parts: load_numbers(recipe, place)?,
        tokenizer: None,
        layout: None,
    })
}

/// The parts of files, which were checked when they were read.
fn complete([train, valid, test]: [Option<Dataset>; 3]) -> DatasetParts {
    let complete = "a part that must have examples has some";
    DatasetParts {
        train: TrainingExamples::Kept(train.expect(complete)),
        valid,
        test: test.expect(complete),
    }
}

/// What a model of `recipe` is judged on, if it reads tokens those of its own `tokenizer`, if it reads
/// tables the columns of its own `layout`; of texts and tables in one file `place` all.
///
/// # Errors
///
/// As [`load`].
pub(super) fn load_test(
    recipe: &Recipe,
    place: Option<&Path>,
    (tokenizer, layout): (Option<&Tokenizer>, Option<&[String]>),
) -> Result<Dataset> {
    match (&recipe.data, tokenizer, layout) {
        (DataSettings::SequenceTable(settings), _, Some(layout)) => {
            let table = match place {
                Some(file) if file.is_file() => {
                    SequenceTableParts::read_test(settings, file, layout)?
                }
                place => SequenceTableParts::read(settings, place, Some(layout))?,
            };
            let [_, _, test] = table.parts;
            Ok(Dataset::Sequences(test.expect("a table has a row")))
        }
        (DataSettings::LabelledText(settings), Some(tokenizer), _) => {
            let lines = match place {
                Some(file) if file.is_file() => LabelledParts::read_test(settings, file)?,
                place => LabelledParts::read(settings, place)?,
            };
            let [_, _, test] = encode(tokenizer, lines)?;
            test.ok_or_else(|| {
                Error::argument(
                    "data",
                    "there is no text to judge the model on",
                    "give a file with a line `answer<TAB>text` for every text",
                )
            })
        }
        _ => Ok(load_numbers(recipe, place)?.test),
    }
}

/// The parts as tokens; none for a part without texts.
fn encode(tokenizer: &Tokenizer, lines: LabelledParts) -> Result<[Option<Dataset>; 3]> {
    let LabelledParts { texts, answers } = lines;
    let mut parts = [const { None }; 3];
    for ((part, texts), answers) in parts.iter_mut().zip(&texts.0).zip(answers) {
        if texts.is_empty() {
            continue;
        }
        let (mut steps, mut lengths) = (Vec::new(), Vec::new());
        for (index, text) in texts.iter().enumerate() {
            let origin = format!("text {} of `{}`", index + 1, text.shortened());
            let tokens = token_steps(tokenizer, &origin, text)?;
            lengths.push(tokens.len());
            steps.extend(tokens);
        }
        let dataset = SequenceDataset::new(steps, &lengths, 1, answers)?;
        *part = Some(Dataset::Sequences(dataset));
    }
    Ok(parts)
}

/// `[T]`: the tokens of `text`, which `origin` names in errors, as a model reads them. f32 holds every
/// number of a token: 2^24 are more than a vocabulary may have.
pub(super) fn token_steps(tokenizer: &Tokenizer, origin: &str, text: &Corpus) -> Result<Vec<f32>> {
    let tokens = tokenizer.encode(origin, text.text())?;
    Ok(tokens.into_iter().map(|token| token as f32).collect())
}

fn load_numbers(recipe: &Recipe, place: Option<&Path>) -> Result<DatasetParts> {
    match (&recipe.data, place) {
        (DataSettings::Idx(idx), _) => {
            read_idx(idx, place.unwrap_or_else(|| Path::new(&idx.folder)))
        }
        (DataSettings::Ts(ts), _) => {
            let folder = place.unwrap_or_else(|| Path::new(&ts.folder));
            read_ts(ts, folder, recipe.seed)
        }
        (DataSettings::Series(_), _) => Err(Error::argument(
            "task",
            "series are learnt by a forecaster",
            "set `task = \"forecaster\"`",
        )),
        (
            DataSettings::Text(_)
            | DataSettings::Tunes(_)
            | DataSettings::PianoRolls(_)
            | DataSettings::LabelledText(_)
            | DataSettings::SequenceTable(_),
            _,
        ) => Err(Error::argument(
            "data.format",
            "its examples are not sequences of numbers with one answer",
            "train a `language_model` or a `polyphony` on it",
        )),
        (DataSettings::Reber(_) | DataSettings::Adding(_), Some(place)) => Err(Error::argument(
            format!("data {}", place.display()),
            "the recipe makes its examples and reads none",
            "leave --data out",
        )),
        (DataSettings::Reber(reber), None) => make_strings(*reber),
        (DataSettings::Adding(adding), None) => make_sums(*adding, recipe.seed),
    }
}

fn read_idx(settings: &IdxSettings, folder: &Path) -> Result<DatasetParts> {
    let parts = idx::read_folder(folder, settings.classes)?;
    let HeldOut { train, valid } = parts.train.hold_out(settings.hold_out)?;
    Ok(DatasetParts {
        train: TrainingExamples::Kept(Dataset::Images(train)),
        valid: valid.map(Dataset::Images),
        test: Dataset::Images(parts.test),
    })
}

/// The archive's two files; a random choice of the first is held out.
fn read_ts(settings: &TsSettings, folder: &Path, seed: Seed) -> Result<DatasetParts> {
    let path = |part: &str| folder.join(format!("{}_{part}.ts", settings.name));
    let [train, test] = [path("TRAIN"), path("TEST")].map(|path| {
        let file = ts::read(&path)?;
        file.dataset(&path, &settings.classes)
    });
    let (train, test) = (train?, test?);
    if train.features() != test.features() {
        return Err(Error::data(
            path("TEST"),
            format!(
                "its sequences have {} features, those for training {}",
                test.features(),
                train.features()
            ),
            "give two files of one data set",
        ));
    }
    let mut order = seed.generator("held out").permutation(train.len());
    let held_out = settings.hold_out;
    if held_out >= order.len() {
        return Err(Error::argument(
            "data.hold_out",
            format!(
                "is {held_out}, and there are {} training sequences",
                order.len()
            ),
            "hold out fewer",
        ));
    }
    let mut kept = order.split_off(held_out);
    kept.sort_unstable();
    order.sort_unstable();
    Ok(DatasetParts {
        valid: (held_out > 0).then(|| Dataset::Sequences(train.select(&order))),
        train: TrainingExamples::Kept(Dataset::Sequences(train.select(&kept))),
        test: Dataset::Sequences(test),
    })
}

fn make_strings(settings: ReberSettings) -> Result<DatasetParts> {
    let ReberSettings {
        numpy_seed,
        train,
        valid,
        test,
    } = settings;
    let parts = ReberParts::generate(numpy_seed, [train, valid, test])?;
    let valid = match &parts.valid {
        Some(strings) => Some(Dataset::Sequences(strings.encode()?)),
        None => None,
    };
    Ok(DatasetParts {
        train: TrainingExamples::Kept(Dataset::Sequences(parts.train.encode()?)),
        valid,
        test: Dataset::Sequences(parts.test.encode()?),
    })
}

fn make_sums(settings: AddingSettings, seed: Seed) -> Result<DatasetParts> {
    let problem = AddingProblem::new(settings.time)?;
    let draw = |count, part: &str| {
        let generator = seed.generator(&format!("{part} sums"));
        Dataset::Sequences(problem.sequences(count, generator))
    };
    Ok(DatasetParts {
        train: TrainingExamples::Sums {
            problem,
            count: settings.train,
        },
        valid: (settings.valid > 0).then(|| draw(settings.valid, "validation")),
        test: draw(settings.test, "test"),
    })
}
