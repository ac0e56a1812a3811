//! The examples that a recipe asks for: read from files, or made.

use std::path::Path;

use crate::data::{
    AddingProblem, Dataset, DatasetParts, HeldOut, ReberParts, TrainingExamples, idx,
};
use crate::error::{Error, Result};
use crate::random::Seed;
use crate::recipe::{AddingSettings, DataSettings, IdxSettings, ReberSettings, Recipe};

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
        (DataSettings::Series(_), _) => Err(Error::argument(
            "task",
            "series are learnt by a forecaster",
            "set `task = \"forecaster\"`",
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
