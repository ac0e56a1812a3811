//! From a trained network to quantiles of the next steps, in the series' own unit.

use super::data::Group;
use super::distribution::Distribution;
use super::model::{ForecastNetwork, Windows, numbers};
use super::prepared::Prepared;
use super::smoothing::{self, Smoothers};
use crate::data::series::{FittedScaling, Series};
use crate::error::{Error, Result};
use crate::metric::quantile_of_sorted;
use crate::random::Seed;
use crate::recipe::{Head, Method};
use crate::task::network::NetworkRun;

/// Windows at once.
const BATCH: usize = 500;
const MEDIAN: f64 = 0.5;
/// Half of the distance between two draws, so that no draw is 0.
const HALF_STEP: f64 = f64::EPSILON / 4.0;

/// What is known about the next steps of one target of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetForecast {
    /// `[H]`: the medians; of a linear head its numbers.
    pub point: Vec<f64>,
    /// `[Q][H]`: the values at the levels that were asked for; none of a linear head.
    pub quantiles: Vec<Vec<f64>>,
    /// `[S][H]`: sample paths; none of a direct forecast.
    pub paths: Vec<Vec<f64>>,
}

/// What is asked about the next steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) horizon: usize,
    /// Rising levels, above 0 and below 1.
    pub(super) levels: &'a [f64],
    pub(super) samples: usize,
    pub(super) seed: Seed,
    pub(super) head: &'a Head,
}

impl Question<'_> {
    /// Are the answers counts?
    fn are_counts(&self) -> bool {
        matches!(self.head, Head::NegativeBinomial)
    }

    /// `values` in the series' own unit, counts free of the rounding on their way through a scaling.
    fn whole(&self, mut values: Vec<f64>) -> Vec<f64> {
        if self.are_counts() {
            values.iter_mut().for_each(|value| *value = value.round());
        }
        values
    }
}

/// A series with the origin from which it is forecast.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) series: &'a Series,
    pub(super) prepared: &'a Prepared,
    /// Its row among the series that the network was trained on.
    pub(super) row: Option<usize>,
    pub(super) origin: usize,
}

impl Asked<'_> {
    /// Target `target` up to the origin, in its own unit.
    pub(super) fn history(&self, target: usize) -> &[f64] {
        &self.series.targets[target][..self.origin]
    }
}

/// Forecasts of all targets of all series that are `asked` about, by the mean of all `networks`.
pub(super) fn forecast(
    networks: &[ForecastNetwork],
    shape: &super::prepared::Shape,
    asked: &[Asked<'_>],
    question: &Question<'_>,
) -> Result<Vec<Vec<TargetForecast>>> {
    match shape.method {
        Method::Direct => {
            let mut all = Vec::new();
            for chunk in asked.chunks(BATCH) {
                let of_networks = networks
                    .iter()
                    .map(|network| direct(network, shape, chunk, question));
                all.extend(mean(of_networks.collect::<Result<_>>()?));
            }
            Ok(all)
        }
        Method::Recursive => {
            let each = |asked: &Asked<'_>| recursive(networks, shape, asked, question);
            asked.iter().map(each).collect()
        }
    }
}

/// Checks that levels are some, and that the head can say something at all of them.
pub(super) fn check(question: &Question<'_>) -> Result<()> {
    let asked = question.levels;
    if !asked.iter().all(|level| *level > 0.0 && *level < 1.0) || !asked.is_sorted() {
        return Err(Error::argument(
            "quantiles",
            format!("{asked:?} are not all between 0 and 1, the lowest first"),
            "ask for such as [0.1, 0.5, 0.9]",
        ));
    }
    let Head::Quantiles { levels } = question.head else {
        return Ok(());
    };
    let (low, high) = (levels[0], levels[levels.len() - 1]);
    match question
        .levels
        .iter()
        .find(|level| !(low..=high).contains(*level))
    {
        None => Ok(()),
        Some(level) => Err(Error::argument(
            "quantiles",
            format!("the model has learnt levels from {low} to {high}, not {level}"),
            "ask for levels between them, or train with `forecast.quantiles` that reach further",
        )),
    }
}

/// Every series' forecasts by one network that says all steps at once.
fn direct(
    network: &ForecastNetwork,
    shape: &super::prepared::Shape,
    asked: &[Asked<'_>],
    question: &Question<'_>,
) -> Result<Vec<Vec<TargetForecast>>> {
    let mut windows = Windows {
        inputs: Vec::new(),
        shape: [asked.len(), shape.window, shape.features],
        future: Vec::new(),
    };
    // What is added to each step again, `[H·K]` a series.
    let mut bases = Vec::new();
    let smoothers = Smoothers::of(network);
    for asked in asked {
        let (prepared, origin) = (asked.prepared, asked.origin);
        let history = &prepared.targets[0][..origin];
        match &smoothers {
            None => {
                windows
                    .inputs
                    .extend(prepared.inputs(shape, origin, shape.window));
                bases.push(prepared.level(shape, origin).repeat(shape.horizon));
            }
            Some(smoothers) => {
                let smoothed = smoothers
                    .of_series(asked.row, (history, prepared.turn))
                    .smooth(history);
                windows
                    .inputs
                    .extend(smoothing::window_inputs(prepared, shape, origin, &smoothed));
                let steps = origin..origin + shape.horizon;
                bases.push(steps.map(|step| smoothed.base(step)).collect());
            }
        }
        windows.future.extend(prepared.future(shape, origin));
    }
    let outputs = numbers(network.of_windows(&windows, NetworkRun::default())?);
    let each = outputs.len() / asked.len();
    let all = asked.iter().zip(outputs.chunks(each)).zip(&bases);
    all.map(|((asked, outputs), base)| answers(asked, shape.targets, outputs, base, question))
        .collect()
}

/// Checks that a network says numbers of a series.
fn ensure_finite(outputs: &[f64], asked: &Asked<'_>) -> Result<()> {
    match outputs.iter().find(|output| !output.is_finite()) {
        None => Ok(()),
        Some(output) => Err(Error::argument(
            format!("series `{}`", asked.series.id),
            format!(
                "what the network says after step {} is {output}",
                asked.origin
            ),
            "look for extreme numbers in the series, or train with a lower `train.optimiser.learning_rate`",
        )),
    }
}

/// Quantiles of all targets of a series from a direct network's `outputs`, `[H·K·P]`.
fn answers(
    asked: &Asked<'_>,
    targets: usize,
    outputs: &[f64],
    base: &[f64],
    question: &Question<'_>,
) -> Result<Vec<TargetForecast>> {
    ensure_finite(outputs, asked)?;
    let steps = outputs.chunks(question.head.parameters()).zip(base);
    let target = |target: usize| {
        let scaling = &asked.prepared.scalings[target];
        let inverse = scaling.inverse(asked.history(target))?;
        let factor = scaling.factor().unwrap_or(1.0);
        let steps = steps
            .clone()
            .skip(target)
            .step_by(targets)
            .take(question.horizon);
        let known: Vec<(Distribution, f64)> = steps
            .map(|(outputs, &base)| (question.head.distribution(outputs, factor), base))
            .collect();
        let at = |level: f64| {
            let scaled = known
                .iter()
                .map(|(known, base)| known.scaled(known.quantile(level), factor) + base);
            question.whole(inverse.apply(&scaled.collect::<Vec<_>>()))
        };
        let levels: &[f64] = match question.head {
            Head::Linear { .. } => &[],
            _ => question.levels,
        };
        Ok(TargetForecast {
            point: at(MEDIAN),
            quantiles: levels.iter().map(|&level| at(level)).collect(),
            paths: Vec::new(),
        })
    };
    (0..targets).map(target).collect()
}

/// The mean of what several networks say of the same series.
fn mean(of_networks: Vec<Vec<Vec<TargetForecast>>>) -> Vec<Vec<TargetForecast>> {
    let count = of_networks.len() as f64;
    let mut networks = of_networks.into_iter();
    let mut sums = networks.next().unwrap_or_default();
    fn add(sum: &mut [f64], more: &[f64]) {
        sum.iter_mut()
            .zip(more)
            .for_each(|(sum, more)| *sum += more);
    }
    for network in networks {
        for (sum, more) in sums.iter_mut().flatten().zip(network.iter().flatten()) {
            add(&mut sum.point, &more.point);
            let quantiles = sum.quantiles.iter_mut().zip(&more.quantiles);
            quantiles.for_each(|(sum, more)| add(sum, more));
        }
    }
    for forecast in sums.iter_mut().flatten() {
        let numbers = forecast
            .point
            .iter_mut()
            .chain(forecast.quantiles.iter_mut().flatten());
        numbers.for_each(|number| *number /= count);
    }
    sums
}

/// The forecasts of one series step by step: every sample path reads its own steps.
fn recursive(
    networks: &[ForecastNetwork],
    shape: &super::prepared::Shape,
    asked: &Asked<'_>,
    question: &Question<'_>,
) -> Result<Vec<TargetForecast>> {
    let is_point = matches!(question.head, Head::Linear { .. });
    let samples = if is_point {
        networks.len()
    } else {
        question.samples.max(networks.len())
    };
    let mut paths: Vec<Vec<Vec<f64>>> = vec![Vec::new(); shape.targets];
    for (member, network) in networks.iter().enumerate() {
        let share = samples / networks.len() + usize::from(member < samples % networks.len());
        let of_network = walk(network, shape, asked, (member, share), question)?;
        for (target, scaled) in of_network.iter().enumerate() {
            let scaling = &asked.prepared.scalings[target];
            let inverse = scaling.inverse(asked.history(target))?;
            let own_unit = |path: &Vec<f64>| question.whole(inverse.apply(path));
            paths[target].extend(scaled.iter().map(own_unit));
        }
    }
    Ok(paths
        .into_iter()
        .map(|paths| of_paths(paths, is_point, question))
        .collect())
}

/// Quantiles of paths, step by step.
fn of_paths(paths: Vec<Vec<f64>>, is_point: bool, question: &Question<'_>) -> TargetForecast {
    let steps = 0..question.horizon;
    if is_point {
        let count = paths.len() as f64;
        let mean = |step: usize| paths.iter().map(|path| path[step]).sum::<f64>() / count;
        return TargetForecast {
            point: steps.map(mean).collect(),
            quantiles: Vec::new(),
            paths: Vec::new(),
        };
    }
    let sorted: Vec<Vec<f64>> = steps
        .map(|step| {
            let mut values: Vec<f64> = paths.iter().map(|path| path[step]).collect();
            values.sort_by(f64::total_cmp);
            values
        })
        .collect();
    let of_step = |values: &Vec<f64>, level: f64| match question.are_counts() {
        // Between two counts there is none: the first that this share of the paths does not exceed.
        true => {
            let place = (level * values.len() as f64).ceil() as usize;
            values[place.clamp(1, values.len()) - 1]
        }
        false => quantile_of_sorted(values, level),
    };
    let at = |level: f64| sorted.iter().map(|values| of_step(values, level)).collect();
    TargetForecast {
        point: at(MEDIAN),
        quantiles: question.levels.iter().map(|&level| at(level)).collect(),
        paths,
    }
}

/// `[K][S][H]`: `samples` paths of one network, as it sees the series.
fn walk(
    network: &ForecastNetwork,
    shape: &super::prepared::Shape,
    asked: &Asked<'_>,
    (member, samples): (usize, usize),
    question: &Question<'_>,
) -> Result<Vec<Vec<Vec<f64>>>> {
    let Asked {
        prepared,
        origin,
        series,
        ..
    } = *asked;
    let purpose = format!(
        "forecast {} from step {origin}, network {member}",
        series.id
    );
    let mut generator = question.seed.generator(&purpose);
    let level = prepared.level(shape, origin);
    let factors: Vec<f64> = prepared
        .scalings
        .iter()
        .map(|it| FittedScaling::factor(it).unwrap_or(1.0))
        .collect();
    let mut stream = network.stream(samples);
    let window = prepared.inputs(shape, origin, shape.window).repeat(samples);
    let mut outputs = stream.feed(window, [samples, shape.window, shape.features])?;
    let mut paths = vec![vec![Vec::with_capacity(question.horizon); samples]; shape.targets];
    let parameters = question.head.parameters();
    for step in 0..question.horizon {
        ensure_finite(&outputs, asked)?;
        let mut next = Vec::with_capacity(samples * shape.features);
        for (sample, outputs) in outputs.chunks(shape.targets * parameters).enumerate() {
            let mut values = Vec::with_capacity(shape.targets);
            for (target, outputs) in outputs.chunks(parameters).enumerate() {
                let known = question.head.distribution(outputs, factors[target]);
                let drawn = match &known {
                    Distribution::Point(value) => *value,
                    known => known.quantile(generator.uniform() + HALF_STEP),
                };
                let value = known.scaled(drawn, factors[target]) + level[target];
                paths[target][sample].push(value);
                values.push(value);
            }
            if step + 1 < question.horizon {
                // The step's own place in the series, and what is known of the one after it.
                next.extend(prepared.row(&values, &level, usize::MAX, origin + step + 1));
            }
        }
        if step + 1 < question.horizon {
            outputs = stream.feed(next, [samples, 1, shape.features])?;
        }
    }
    Ok(paths)
}

/// The groups' series as they are asked about from one origin each.
pub(super) fn of_group<'a>(
    group: &'a Group,
    table: &'a crate::data::series::SeriesTable,
    windows: &'a [super::data::Window],
) -> Vec<Asked<'a>> {
    let each = windows.iter().map(|&(at, origin)| Asked {
        series: &table.series[group.series[at]],
        prepared: &group.prepared[at],
        row: Some(at),
        origin,
    });
    each.collect()
}
