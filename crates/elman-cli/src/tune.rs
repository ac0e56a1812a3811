//! `elman tune`.

use std::path::PathBuf;
use std::time::Instant;

use elman::metric::written;
use elman::recipe::{Monitor, Override, Setting, Template};
use elman::task::RunFolder;
use elman::train::{FitOptions, Observer, StepProgress};
use elman::tune::{
    self, Outcome, Row, Score, Table, TrialReport, TrialStart, TuneObserver, TunePlan, TuneSummary,
};
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use crate::Done;
use crate::arguments::TuneFlags;
use crate::fit::{self, RUNS};
use crate::output::{self, Failure, talk};
use crate::progress::{Progress, Talk};
use crate::reports::{align_right, table};
use crate::signals::Signals;

pub(crate) fn run(flags: TuneFlags) -> Done {
    if let Some(threads) = flags.threads {
        elman::threads::set(threads);
    }
    let options = FitOptions {
        checkpoint_every: flags.checkpoint_every,
        ..FitOptions::default()
    };
    let voice = Talk::suited(flags.quiet);
    let signals = Signals::listen()?;
    let mut progress = SearchProgress::new(voice, signals.clone());
    let summary = match (&flags.recipe, &flags.resume) {
        (Some(recipe), _) => {
            let plan = plan(recipe, &flags, options).map_err(Failure::Usage)?;
            tune::tune(&plan, &mut progress)
        }
        (None, Some(root)) => tune::resume(root, options, &mut progress),
        (None, None) => unreachable!("clap asks for a recipe or --resume"),
    };
    progress.bar.finish_and_clear();
    let summary = summary?;
    let retrained = match flags.retrain {
        true => {
            let mut progress = Progress::new(voice, signals);
            let retrained = tune::retrain(&summary.root, options, &mut progress);
            progress.finish();
            Some((retrained?, progress))
        }
        false => None,
    };
    if flags.json.json {
        let mut objects = objects(&summary);
        let retrained = retrained.iter();
        objects
            .extend(retrained.map(|(summary, progress)| fit::object(summary, progress.warnings())));
        return output::json(&objects);
    }
    let mut text = ending(&summary);
    if let Some((retrained, _)) = &retrained {
        text.push_str("\n\ntrained again on all training examples\n");
        text.push_str(&fit::ending(retrained));
    }
    output::results(&text)
}

fn plan(recipe: &str, flags: &TuneFlags, options: FitOptions) -> elman::Result<TunePlan> {
    let mut overrides = fit::overrides(&flags.set, flags.data.as_deref(), None)?;
    if let Some(trials) = flags.trials {
        overrides.push(Override::integer("tune.trials", trials)?);
    }
    let folder = match &flags.out {
        Some(out) => RunFolder::At(out.clone()),
        None => {
            let name = fit::stem(recipe);
            let name = name.strip_suffix("-tune").unwrap_or(&name);
            RunFolder::Next {
                parent: PathBuf::from(RUNS),
                name: format!("{name}-tune"),
            }
        }
    };
    Ok(TunePlan {
        template: Template::load(recipe, &overrides)?,
        folder,
        options,
    })
}

/// The column of the metric, in the table and in words.
fn name(metric: Monitor) -> &'static str {
    match metric {
        Monitor::ValidAccuracy => "valid accuracy",
        Monitor::ValidLoss | Monitor::TrainLoss => "valid loss",
    }
}

fn value(metric: Monitor, score: &Score) -> Option<f64> {
    match metric {
        Monitor::ValidAccuracy => score.valid_accuracy,
        Monitor::ValidLoss | Monitor::TrainLoss => score.valid_loss,
    }
}

fn number(number: Option<f64>) -> String {
    number.map_or("-".to_owned(), |number| written(number, 4))
}

/// How a trial stands, in words.
fn standing(metric: Monitor, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Scored(score) => {
            format!("{} {}", name(metric), number(value(metric, score)))
        }
        Outcome::Failed(why) => why.clone(),
    }
}

/// Does the best do better than the recipe's own settings, and not only lose to no other?
fn beats_recipe(found: &Table) -> bool {
    let of = |row: Option<&Row>| value(found.metric, row?.outcome.score()?);
    match (of(found.best()), of(found.own())) {
        (Some(best), Some(own)) => match found.metric {
            Monitor::ValidAccuracy => best > own,
            Monitor::ValidLoss | Monitor::TrainLoss => best < own,
        },
        (best, _) => best.is_some(),
    }
}

fn objects(summary: &TuneSummary) -> Vec<Value> {
    let found = &summary.table;
    let row = |(place, row): (usize, &Row)| {
        let score = row.outcome.score();
        let settings: Map<String, Value> = found
            .keys
            .iter()
            .cloned()
            .zip(row.values.iter().map(|value| match value {
                Some(Setting::Text(text)) => json!(text),
                Some(Setting::Whole(number)) => json!(number),
                Some(Setting::Number(number)) => json!(number),
                Some(Setting::Truth(truth)) => json!(truth),
                None => Value::Null,
            }))
            .collect();
        json!({
            "rank": place + 1,
            "trial": row.trial,
            "epochs": row.epochs,
            "valid_accuracy": score.and_then(|score| score.valid_accuracy),
            "valid_loss_nats": score.and_then(|score| score.valid_loss),
            "failure": match &row.outcome {
                Outcome::Scored(_) => None,
                Outcome::Failed(why) => Some(why),
            },
            "settings": settings,
        })
    };
    let mut objects: Vec<Value> = found.rows.iter().enumerate().map(row).collect();
    objects.push(json!({
        "search": summary.root,
        "best_trial": found.best().map(|row| row.trial),
        "beats_recipe": beats_recipe(found),
        "best_recipe": summary.root.join("best.toml"),
    }));
    objects
}

/// The searched keys, without what they can be told apart without.
fn short(keys: &[String]) -> Vec<String> {
    let last = |key: &String| key.rsplit('.').next().unwrap_or(key).to_owned();
    let names: Vec<String> = keys.iter().map(last).collect();
    let alone = |name: &String| names.iter().filter(|other| *other == name).count() == 1;
    keys.iter()
        .zip(&names)
        .map(|(key, name)| if alone(name) { name } else { key }.clone())
        .collect()
}

fn ending(summary: &TuneSummary) -> String {
    let found = &summary.table;
    let fixed = ["rank", "trial", "epochs", "accuracy", "loss"];
    let header = fixed.into_iter().map(str::to_owned);
    let mut shown = table(header.chain(short(&found.keys)).collect::<Vec<_>>());
    for (place, row) in found.rows.iter().enumerate() {
        let score = row.outcome.score();
        let mut cells = vec![
            (place + 1).to_string(),
            row.trial.to_string(),
            row.epochs.to_string(),
            number(score.and_then(|score| score.valid_accuracy)),
            number(score.and_then(|score| score.valid_loss)),
        ];
        cells.extend(row.values.iter().map(|value| match value {
            Some(value) => value.to_string(),
            None => "-".to_owned(),
        }));
        shown.add_row(cells);
    }
    align_right(&mut shown);
    let mut text = format!("{shown}\n\n");
    let failed = |row: &&Row| row.outcome.score().is_none();
    for row in found.rows.iter().filter(failed) {
        let standing = standing(found.metric, &row.outcome);
        text.push_str(&format!("trial {}: {standing}\n", row.trial));
    }
    let say = |row: Option<&Row>| {
        row.map_or("-".to_owned(), |row| {
            let standing = standing(found.metric, &row.outcome);
            format!(
                "trial {}, {standing} after {} epochs",
                row.trial, row.epochs
            )
        })
    };
    let root = summary.root.display();
    let verdict = match beats_recipe(found) {
        true => "",
        false => " (nothing found beats the recipe's own settings)",
    };
    text.push_str(&format!(
        "best        {}{verdict}\n\
         recipe's    {}\n\
         best recipe {root}/best.toml\n\
         look at it  {root}/tune.svg, {root}/searched.svg, {root}/table.csv\n\
         train it    elman tune --resume {root} --retrain, or elman fit {root}/best.toml",
        say(found.best()),
        say(found.own()),
    ));
    text
}

/// Shows a search and passes the user's signals on.
struct SearchProgress {
    talk: Talk,
    signals: Signals,
    bar: ProgressBar,
    started: Instant,
    /// Epochs that were done when this process began.
    before: Option<usize>,
    now: Option<TrialStart>,
}

impl SearchProgress {
    fn new(talk: Talk, signals: Signals) -> Self {
        let style = ProgressStyle::with_template("{wide_bar:.cyan} {msg}")
            .expect("the template is well-formed");
        let bar = match talk {
            Talk::Bar => ProgressBar::new(1).with_style(style),
            Talk::Lines | Talk::Nothing => ProgressBar::hidden(),
        };
        Self {
            talk,
            signals,
            bar,
            started: Instant::now(),
            before: None,
            now: None,
        }
    }

    fn line(&self, line: &str) {
        match self.talk {
            Talk::Bar => self.bar.println(line),
            Talk::Lines => talk(line),
            Talk::Nothing => {}
        }
    }
}

impl TuneObserver for SearchProgress {
    fn trial(&mut self, start: &TrialStart) {
        self.before.get_or_insert(start.epochs_done);
        self.now = Some(*start);
    }

    fn reached(&mut self, report: &TrialReport<'_>) {
        let TrialStart {
            trial,
            rung,
            rungs,
            place,
            trials,
            epochs,
            ..
        } = report.start;
        let standing = standing(report.metric, report.outcome);
        self.line(&format!(
            "rung {}/{rungs}, trial {trial} ({} of {trials}): {epochs} epochs, {standing}",
            rung + 1,
            place + 1,
        ));
    }
}

impl Observer for SearchProgress {
    fn step(&mut self, now: &StepProgress) {
        let (Talk::Bar, Some(start)) = (self.talk, self.now) else {
            return;
        };
        // In steps: every trial of a search may have another number of them an epoch.
        let part = now.done as f64 / now.steps as f64;
        let own = (now.epoch as f64 + part) - start.epochs_from as f64;
        let done = start.epochs_done as f64 + own.max(0.0);
        let all = start.epochs_all as f64;
        let new = done - self.before.unwrap_or(0) as f64;
        let left = self
            .started
            .elapsed()
            .mul_f64(((all - done) / new.max(f64::MIN_POSITIVE)).clamp(0.0, 1e6));
        self.bar.set_length((all * PARTS) as u64);
        self.bar.set_position((done * PARTS) as u64);
        self.bar.set_message(format!(
            "rung {}/{}  trial {} ({} of {})  epoch {}/{}  loss {}  {} left",
            start.rung + 1,
            start.rungs,
            start.trial,
            start.place + 1,
            start.trials,
            now.epoch,
            start.epochs - 1,
            written(now.running.loss, 4),
            HumanDuration(left),
        ));
    }

    fn warning(&mut self, message: &str) {
        self.bar
            .suspend(|| talk(&format!("elman: warning: {message}")));
    }

    fn stop_signal(&mut self) -> Option<i32> {
        self.signals.received()
    }
}

/// Parts of an epoch that the bar shows.
const PARTS: f64 = 100.0;
