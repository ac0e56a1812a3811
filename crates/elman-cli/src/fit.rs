//! `elman fit`.

use std::path::{Path, PathBuf};

use elman::Error;
use elman::metric::{Figures, Measure, written};
use elman::recipe::{Override, Recipe};
use elman::task::{self, Evaluation, FitPlan, FitSummary, RunFolder};
use elman::train::FitOptions;
use serde_json::{Value, json};

use crate::Done;
use crate::arguments::FitFlags;
use crate::backtest;
use crate::output::{self, Failure, talk};
use crate::progress::{Progress, Talk};
use crate::signals::Signals;

/// The folder of runs that are given no folder.
pub(crate) const RUNS: &str = "runs";

pub(crate) fn run(flags: FitFlags) -> Done {
    if let Some(threads) = flags.threads {
        elman::threads::set(threads);
    }
    let options = FitOptions {
        checkpoint_every: flags.checkpoint_every,
        ..FitOptions::default()
    };
    let plan = match &flags.recipe {
        Some(recipe) => Some(plan(recipe, &flags, options).map_err(Failure::Usage)?),
        None => None,
    };
    let voice = Talk::suited(flags.quiet);
    let mut progress = Progress::new(voice, Signals::listen()?);
    let summary = match (&plan, &flags.resume) {
        (Some(plan), _) => task::fit(plan, &mut progress),
        (None, Some(root)) => task::resume(root, flags.data.as_deref(), options, &mut progress),
        (None, None) => unreachable!("clap asks for a recipe or --resume"),
    };
    progress.finish();
    let summary = summary?;
    if voice != Talk::Nothing && summary.stopped_early {
        talk("stopped early: the model is that of the best epoch");
    }
    if flags.json.json {
        return output::json(&[object(&summary, progress.warnings())]);
    }
    output::results(&ending(&summary))
}

/// A finished run as JSON, with what was warned of.
pub(crate) fn object(summary: &FitSummary, warnings: &[String]) -> Value {
    let [score, loss] = names(summary.test.measure());
    let figures = summary.test.figures();
    json!({
        "run": summary.root,
        "epochs": summary.history.len(),
        "stopped_early": summary.stopped_early,
        score: figures.score,
        loss: figures.loss,
        "warnings": warnings,
    })
}

fn plan(recipe: &str, flags: &FitFlags, options: FitOptions) -> elman::Result<FitPlan> {
    let overrides = overrides(&flags.set, flags.data.as_deref(), flags.seed)?;
    let folder = match &flags.out {
        Some(out) => RunFolder::At(out.clone()),
        None => RunFolder::Next {
            parent: PathBuf::from(RUNS),
            name: stem(recipe),
        },
    };
    Ok(FitPlan {
        recipe: Recipe::load(recipe, &overrides)?,
        folder,
        options,
    })
}

/// What flags change in a recipe: its settings, the place of its files, its seed.
pub(crate) fn overrides(
    set: &[Override],
    data: Option<&Path>,
    seed: Option<u64>,
) -> elman::Result<Vec<Override>> {
    let mut overrides = set.to_vec();
    if let Some(data) = data {
        let folder = data.to_str().ok_or_else(|| {
            Error::argument(
                format!("--data {}", data.display()),
                "its name is not UTF-8, so a recipe cannot hold it",
                "rename it",
            )
        })?;
        overrides.push(Override::place(folder));
    }
    if let Some(seed) = seed {
        overrides.push(Override::integer("seed", seed)?);
    }
    Ok(overrides)
}

/// What score and loss on the test examples are called in JSON.
fn names(measure: Measure) -> [&'static str; 2] {
    match measure {
        Measure::Accuracy => ["test_accuracy", "test_loss_nats"],
        Measure::AbsoluteError => ["test_mae", "test_mse"],
        Measure::BitsPerCharacter | Measure::SampledTokens => {
            ["test_bits_per_character", "test_nats_per_token"]
        }
        Measure::KeyAccuracy => ["test_key_accuracy", "test_nats_per_step"],
        Measure::ScaledError => ["test_mase", "test_mae"],
    }
}

/// What runs of a recipe are called.
pub(crate) fn stem(recipe: &str) -> String {
    Path::new(recipe)
        .file_stem()
        .unwrap_or(recipe.as_ref())
        .to_string_lossy()
        .into_owned()
}

pub(crate) fn ending(summary: &FitSummary) -> String {
    let run = summary.root.display();
    let Figures { loss, score } = summary.test.figures();
    let figures = match summary.test.measure() {
        Measure::Accuracy => format!(
            "test accuracy  {score:.4}\n\
             test loss      {} nats",
            written(loss, 4)
        ),
        Measure::AbsoluteError => format!(
            "test MSE       {}\n\
             test MAE       {}",
            written(loss, 6),
            written(score, 6)
        ),
        Measure::BitsPerCharacter | Measure::SampledTokens => {
            format!(
                "test loss      {} nats per token, {} bits per character",
                written(loss, 4),
                written(score, 4)
            )
        }
        Measure::KeyAccuracy => format!(
            "test loss      {} nats per step\n\
             test accuracy  {score:.4} of the keys",
            written(loss, 4)
        ),
        Measure::ScaledError => match &summary.test {
            Evaluation::Forecasts(report) => format!("\n{}\n", backtest::table_of(report)),
            _ => format!("test MASE      {}", written(score, 4)),
        },
    };
    let next = match summary.test.measure() {
        Measure::BitsPerCharacter | Measure::SampledTokens | Measure::KeyAccuracy => {
            format!("elman generate {run}")
        }
        Measure::ScaledError => {
            format!("elman forecast {run} --plot forecast.svg, elman backtest {run}")
        }
        _ => format!("elman evaluate {run}"),
    };
    format!(
        "run            {run}\n\
         {figures}\n\
         look at it     elman inspect {run}, {next}"
    )
}
