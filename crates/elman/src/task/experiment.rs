//! A recipe carried out: data, model, training, run directory.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::metric::EpochMetrics;
use crate::plot;
use crate::recipe::{Recipe, Task};
use crate::store::{RunDirectory, StoredFile, folder};
use crate::task::evaluation::Evaluation;
use crate::task::forecaster::ForecastTask;
use crate::task::language_task::LanguageTask;
use crate::task::polyphony_task::PolyphonyTask;
use crate::task::sequence_task::{SequenceTask, class_name};
use crate::train::{Best, FitOptions, Objective, Observer, Training};

/// What a fit is asked to do.
#[derive(Clone, Debug)]
pub struct FitPlan {
    /// The experiment.
    pub recipe: Recipe,
    /// Where the run is kept.
    pub folder: RunFolder,
    /// What does not change the result.
    pub options: FitOptions,
}

/// Where a new run is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunFolder {
    /// In this folder, which must be new or empty.
    At(PathBuf),
    /// In the first free folder `<parent>/<name>-1`, `-2`, …
    Next {
        /// The folder of all runs.
        parent: PathBuf,
        /// What the run's folder is called, without the number.
        name: String,
    },
}

impl RunFolder {
    /// The folder, made if it is not there. Whether it may hold something, its user says.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub(crate) fn make(&self) -> Result<PathBuf> {
        match self {
            Self::Next { parent, name } => folder::next_folder(parent, name),
            Self::At(root) => {
                fs::create_dir_all(root).map_err(|source| Error::io("create", root, source))?;
                Ok(root.clone())
            }
        }
    }
}

/// How a finished run came out.
#[derive(Clone, Debug)]
pub struct FitSummary {
    /// The run's folder.
    pub root: PathBuf,
    /// The model to use, on the test examples.
    pub test: Evaluation,
    /// One entry for every epoch.
    pub history: Vec<EpochMetrics>,
    /// Did early stopping end the run?
    pub stopped_early: bool,
    /// The epoch whose model is the one to use, when early stopping watches; else it is the last.
    pub best: Option<Best>,
}

/// A kind of task: what is learnt, from a recipe to a judged model.
///
/// Its objective trains it; the rest of a run is the same for all kinds.
pub(super) trait TaskKind: Objective + Sized {
    /// Reads what `recipe` learns from; files from `place` if given, else from where the recipe says.
    fn load(recipe: &Recipe, place: Option<&Path>) -> Result<Self>;

    /// What `model` is worth on the test part.
    fn test(&self, model: &Self::Model) -> Result<Evaluation>;

    /// What was found out about the data, a line each: nothing, if the kind does not say.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Files that a run keeps beside its weights, with their names: none, if the kind does not say.
    fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        Vec::new()
    }
}

/// Calls a function, generic over the kind, as the kind of `recipe` has it: here, and in
/// `trained.rs`, a kind is known by its name.
macro_rules! dispatch {
    ($recipe:expr, $function:ident($($argument:expr),*)) => {
        match $recipe.task {
            Task::Classifier | Task::Regressor => $function::<SequenceTask>($($argument),*),
            Task::LanguageModel => $function::<LanguageTask>($($argument),*),
            Task::Polyphony => $function::<PolyphonyTask>($($argument),*),
            Task::Forecaster => $function::<ForecastTask>($($argument),*),
        }
    };
}

/// Starts a run and carries it out.
///
/// # Errors
///
/// When data is missing or wrong, the folder is taken, or training fails: see [`Training::fit`].
pub fn fit(plan: &FitPlan, observer: &mut dyn Observer) -> Result<FitSummary> {
    dispatch!(plan.recipe, fit_kind(plan, observer))
}

fn fit_kind<K: TaskKind>(plan: &FitPlan, observer: &mut dyn Observer) -> Result<FitSummary> {
    let kind = K::load(&plan.recipe, None)?;
    let run = match &plan.folder {
        RunFolder::At(root) => RunDirectory::create(root, &plan.recipe)?,
        RunFolder::Next { parent, name } => RunDirectory::create_next(parent, name, &plan.recipe)?,
    };
    carry_out(&kind, &plan.recipe, (&run, plan.options), None, observer)
}

/// Reads the data of `recipe` and does nothing with it.
///
/// # Errors
///
/// Those with which [`fit`] would refuse it before it begins.
pub fn check_data(recipe: &Recipe) -> Result<()> {
    dispatch!(recipe, check_kind(recipe))
}

fn check_kind<K: TaskKind>(recipe: &Recipe) -> Result<()> {
    K::load(recipe, None).map(drop)
}

/// Goes on with the run in `root`, with the data in `data` if that has moved.
///
/// A run that is finished is evaluated again and nothing else.
///
/// # Errors
///
/// As [`fit`], and when the run's checkpoints or its recipe are not as the run left them.
pub fn resume(
    root: &Path,
    data: Option<&Path>,
    options: FitOptions,
    observer: &mut dyn Observer,
) -> Result<FitSummary> {
    let run = RunDirectory::open(root)?;
    let recipe = RunDirectory::recipe(root)?;
    dispatch!(
        recipe,
        resume_kind(&recipe, data, (&run, options), observer)
    )
}

fn resume_kind<K: TaskKind>(
    recipe: &Recipe,
    data: Option<&Path>,
    (run, options): (&RunDirectory, FitOptions),
    observer: &mut dyn Observer,
) -> Result<FitSummary> {
    let kind = K::load(recipe, data)?;
    let found = run.resume()?;
    for warning in &found.warnings {
        observer.warning(warning);
    }
    carry_out(&kind, recipe, (run, options), found.checkpoint, observer)
}

fn carry_out<K: TaskKind>(
    kind: &K,
    recipe: &Recipe,
    (run, options): (&RunDirectory, FitOptions),
    checkpoint: Option<StoredFile>,
    observer: &mut dyn Observer,
) -> Result<FitSummary> {
    for note in kind.notes() {
        observer.note(&note);
    }
    for (name, bytes) in kind.files() {
        run.write(name, &bytes)?;
    }
    let training = Training {
        objective: kind,
        settings: &recipe.train,
        run,
        options,
    };
    let report = training.fit(checkpoint, observer)?;
    let test = kind.test(&report.model)?;
    let history = report.position.history;
    let curve = plot::learning_curve(&recipe.title, &history)?;
    run.write("curve.svg", curve.svg.as_bytes())?;
    run.write("curve.png", &curve.png)?;
    if let Some(confusion) = test.confusion() {
        let names = (0..confusion.classes()).map(|class| class_name(&recipe.data, class));
        let figure = plot::confusion(&recipe.title, confusion, &names.collect::<Vec<_>>())?;
        run.write("confusion.svg", figure.svg.as_bytes())?;
        run.write("confusion.png", &figure.png)?;
    }
    Ok(FitSummary {
        root: run.root().to_owned(),
        test,
        history,
        stopped_early: report.position.stopped_early,
        best: report.position.best,
    })
}

#[cfg(test)]
mod tests;
