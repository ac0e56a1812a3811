//! Trials drawn from the ranges of a recipe.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::random::Seed;
use crate::recipe::{Override, Range, Recipe, Setting, Template, TuneSettings};

/// Significant digits of a drawn number: enough for any setting, few enough to read and to type.
const DIGITS: usize = 4;
/// So many faults of trials are told; the rest are counted.
const MOST_FAULTS: usize = 20;

/// What a trial tries.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// What was drawn, as overrides.
    pub(super) overrides: Vec<Override>,
    /// The value of every searched key, in their order; none where it has no meaning.
    pub(super) values: Vec<Option<Setting>>,
    /// The whole recipe, without its search.
    pub(super) recipe: Recipe,
}

/// All trials of a search, trial 0 with the recipe's own settings.
///
/// # Errors
///
/// With every fault that the recipe's checks find in a trial: nothing is drawn again in silence.
pub(super) fn candidates(template: &Template, tune: &TuneSettings) -> Result<Vec<Candidate>> {
    let mut candidates = Vec::with_capacity(tune.trials);
    let mut faults: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for trial in 0..tune.trials {
        match candidate(template, tune, trial) {
            Ok(candidate) => candidates.push(candidate),
            Err(error) if error.is_recipe() => {
                for problem in error.problems() {
                    faults.entry(problem.clone()).or_default().insert(trial);
                }
            }
            Err(error) => return Err(error),
        }
    }
    if faults.is_empty() {
        return Ok(candidates);
    }
    let count = faults.len();
    let mut by_trial: Vec<_> = faults.into_iter().collect();
    by_trial.sort_by(|a, b| a.1.cmp(&b.1));
    let mut problems: Vec<String> = by_trial
        .iter()
        .take(MOST_FAULTS)
        .map(|(problem, trials)| format!("{}: {problem}", named(trials)))
        .collect();
    if count > MOST_FAULTS {
        problems.push(format!("and {} more", count - MOST_FAULTS));
    }
    problems.push(
        "no trial was begun; narrow [tune.search], or say `when` a key is to be drawn".to_owned(),
    );
    Err(Error::recipe(template.origin(), problems))
}

/// "trials 1, 4 and 7".
fn named(trials: &BTreeSet<usize>) -> String {
    let numbers: Vec<String> = trials.iter().map(ToString::to_string).collect();
    match numbers.split_last() {
        Some((last, rest)) if !rest.is_empty() => {
            format!("trials {} and {last}", rest.join(", "))
        }
        _ => format!("trial {}", numbers.concat()),
    }
}

fn candidate(template: &Template, tune: &TuneSettings, trial: usize) -> Result<Candidate> {
    let drawn = match trial {
        0 => BTreeMap::new(),
        _ => draw(tune, trial),
    };
    let overrides = drawn
        .iter()
        .map(|(key, setting)| Override::drawn(key, setting))
        .collect::<Result<Vec<Override>>>()?;
    let mut recipe = template.with(&overrides)?;
    recipe.tune = None;
    let values = tune
        .search
        .keys()
        .map(|key| {
            drawn
                .get(key.as_str())
                .cloned()
                .or_else(|| recipe.setting(key))
        })
        .collect();
    Ok(Candidate {
        overrides,
        values,
        recipe,
    })
}

/// The settings of a trial, by key. They depend on the search's seed and the trial's number alone;
/// a key's value not on which other keys are searched, but for its conditions.
pub(super) fn draw(tune: &TuneSettings, trial: usize) -> BTreeMap<&str, Setting> {
    let value =
        |key: &str, range: &Range| value(range, tune.seed, &format!("trial {trial}: {key}"));
    let mut drawn = BTreeMap::new();
    for (key, searched) in &tune.search {
        let holds = searched.when.iter().all(|condition| {
            let other = tune.search.get(&condition.key);
            other.is_some_and(|other| {
                let other = value(&condition.key, &other.range);
                condition.values.contains(&other)
            })
        });
        if holds {
            drawn.insert(key.as_str(), value(key, &searched.range));
        }
    }
    drawn
}

fn value(range: &Range, seed: Seed, purpose: &str) -> Setting {
    let mut generator = seed.child("tune").generator(purpose);
    match range {
        Range::Log([low, high]) => {
            let exact = generator.uniform_in(low.ln(), high.ln()).exp();
            let rounded: f64 = format!("{exact:.*e}", DIGITS - 1)
                .parse()
                .expect("a number that was written");
            Setting::Number(rounded.clamp(*low, *high))
        }
        Range::Linear([low, high]) => {
            let exact = generator.uniform_in(*low, *high);
            let magnitude = (high - low).log10().floor() as i32;
            let decimals = (DIGITS as i32 - 1 - magnitude).max(0) as usize;
            let rounded: f64 = format!("{exact:.decimals$}")
                .parse()
                .expect("a number that was written");
            Setting::Number(rounded.clamp(*low, *high))
        }
        Range::Integer([low, high]) => {
            let count = low.abs_diff(*high) + 1;
            let offset = generator.below(count);
            Setting::Whole(low.wrapping_add_unsigned(offset))
        }
        Range::Choice(values) => values[generator.below(values.len() as u64) as usize].clone(),
    }
}
