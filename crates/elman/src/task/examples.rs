//! The examples that a recipe asks for: read from files, or made.

use std::path::Path;

use crate::data::{
    AddingProblem, Dataset, DatasetParts, HeldOut, ReberParts, TrainingExamples, idx, ts,
};
use crate::error::{Error, Result};
use crate::random::Seed;
use crate::recipe::{AddingSettings, DataSettings, IdxSettings, ReberSettings, Recipe, TsSettings};

/// The examples of `recipe`; files are read from `place` if given, else from where the recipe
/// says.
///
/// # Errors
///
/// When a file is missing or wrong, or `place` is given for examples that are made.
pub(crate) fn load(recipe: &Recipe, place: Option<&Path>) -> Result<DatasetParts> {
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
        (DataSettings::Text(_) | DataSettings::Tunes(_) | DataSettings::PianoRolls(_), _) => {
            Err(Error::argument(
                "data.format",
                "its examples have no answer as a whole",
                "train a `language_model` or a `polyphony` on it",
            ))
        }
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
