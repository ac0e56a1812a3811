//! Exponential smoothing whose factors are learnt with the network.
//!
//! ```text
//! level_0    = y_0 - season_0
//! level_t    = α (y_t - season_t) + (1 - α) level_{t-1}
//! season_t+m = γ (y_t - level_t) + (1 - γ) season_t
//! reads      y_i - level_{o-1} - season_i        of the window before origin o
//! says       y_j - level_{o-1} - season_j        of the steps from o on; of a season that is not yet
//!                                                known the last known one of its place
//! ```
//!
//! α and γ are sigmoids of two numbers of every series, and its first season `season_0 … season_{m-1}`
//! is learnt too. On logarithms (`forecast.scaling = ["log"]`) level and season are factors: Smyl
//! (2020), "A hybrid method of exponential smoothing and recurrent neural networks for time series
//! forecasting", International Journal of Forecasting 36(1), the winner of the M4 competition.

use burn::module::Param;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::data::{Group, Window};
use super::model::{ForecastNetwork, Forecaster, Windows, numbers, tensor};
use super::objective::Batch;
use super::prepared::{Prepared, Shape};
use crate::data::series::{SeriesTable, season_indices};
use crate::error::{Error, Result};
use crate::task::network::NetworkRun;

/// What both factors are before their sigmoids, at first (Smyl 2020).
const FIRST_FACTOR: f64 = -0.5;
/// The two factors stand before the season.
const FACTORS: usize = 2;

/// What is smoothed of one series up to an origin.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Smoothed {
    /// After the last known step.
    level: f64,
    /// Of every known step and the next `m`; empty without a season.
    seasons: Vec<f64>,
    known: usize,
}

/// A network's smoothing parameters in plain numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Smoothers {
    /// `[N][2 + m]` flat.
    rows: Vec<f64>,
    width: usize,
}

impl Smoothers {
    /// Those of a network that smooths.
    pub(super) fn of(network: &ForecastNetwork) -> Option<Self> {
        let parameters = network.smoothing.as_ref()?.val();
        let [_, width] = parameters.dims();
        Some(Self {
            rows: numbers(parameters),
            width,
        })
    }

    /// That of the series in row `series` of its group, for `history` that begins `turn` steps further
    /// in its season; without a row one of the mean factors and the season that `history` itself has.
    pub(super) fn of_series(
        &self,
        series: Option<usize>,
        (history, turn): (&[f64], usize),
    ) -> Smoother {
        match series {
            Some(row) => {
                let row = &self.rows[row * self.width..(row + 1) * self.width];
                let mut first_season = row[FACTORS..].to_vec();
                first_season.rotate_left(turn % season_of(self.width));
                Smoother::new([row[0], row[1]], first_season)
            }
            None => {
                let rows = self.rows.chunks(self.width);
                let mean = |column: usize| {
                    rows.clone().map(|row| row[column]).sum::<f64>() / rows.len() as f64
                };
                let mut first_season = season_indices(history, season_of(self.width));
                first_season.resize(self.width - FACTORS, 0.0);
                Smoother::new([mean(0), mean(1)], first_season)
            }
        }
    }
}

/// How one series is smoothed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Smoother {
    level_factor: f64,
    season_factor: f64,
    first_season: Vec<f64>,
}

impl Smoother {
    /// Of two factors before their sigmoids.
    fn new(factors: [f64; FACTORS], first_season: Vec<f64>) -> Self {
        let [level_factor, season_factor] = factors.map(|x| 1.0 / (1.0 + (-x).exp()));
        Self {
            level_factor,
            season_factor,
            first_season,
        }
    }

    /// Smooths `history`, a series from its first step.
    pub(super) fn smooth(&self, history: &[f64]) -> Smoothed {
        let mut seasons = self.first_season.clone();
        let has_season = !seasons.is_empty();
        let mut level = history[0] - seasons.first().copied().unwrap_or(0.0);
        for (step, &value) in history.iter().enumerate() {
            let season = if has_season { seasons[step] } else { 0.0 };
            if step > 0 {
                level += self.level_factor * (value - season - level);
            }
            if has_season {
                seasons.push(season + self.season_factor * (value - level - season));
            }
        }
        Smoothed {
            level,
            seasons,
            known: history.len(),
        }
    }
}

impl Smoothed {
    /// What is subtracted from step `at`, known or not: level and season.
    pub(super) fn base(&self, at: usize) -> f64 {
        self.level
            + match self.seasons.len().saturating_sub(self.known) {
                0 => 0.0,
                season => self.seasons[place(at, self.known, season)],
            }
    }
}

/// Which season stands for step `at` when `known` steps are known: those of the next season are
/// there, later ones repeat it.
fn place(at: usize, known: usize, season: usize) -> usize {
    match at.checked_sub(known) {
        None => at,
        Some(ahead) => known + ahead % season,
    }
}

/// Gives every network its smoothing parameters.
pub(super) fn init(model: &mut Forecaster, groups: &[Group], table: &SeriesTable) -> Result<()> {
    let each = model.members.len() / groups.len();
    for (index, group) in groups.iter().enumerate() {
        let season = group.season(table);
        if group.shape.targets != 1 || group.prepared.iter().any(|series| series.first > 0) {
            return Err(Error::argument(
                "forecast.smoothing",
                "it is of one target without differences",
                "take `data.together` and differences out, or set it to false",
            ));
        }
        let mut rows = Vec::new();
        for (series, &trained) in group.prepared.iter().zip(&group.trained) {
            rows.extend([FIRST_FACTOR as f32; FACTORS]);
            let mut indices = season_indices(&series.targets[0][..trained], season);
            indices.resize(if season > 1 { season } else { 0 }, 0.0);
            rows.extend(indices.iter().map(|&index| index as f32));
        }
        let width = rows.len() / group.series.len();
        for network in &mut model.members[index * each..(index + 1) * each] {
            let device = network.device();
            let rows = tensor(rows.clone(), [group.series.len(), width], &device);
            network.smoothing = Some(Param::from_tensor(rows));
        }
    }
    Ok(())
}

/// Parameters of the shape that [`init`] gives, to be filled from a file.
pub(super) fn blank(network: &mut ForecastNetwork, series: usize, season: usize) {
    let width = FACTORS + if season > 1 { season } else { 0 };
    let device = network.device();
    network.smoothing = Some(Param::from_tensor(Tensor::zeros([series, width], &device)));
}

/// What the network reads of the window before `origin`, `[T][F]` flat, when `smoothed` is known.
pub(super) fn window_inputs(
    series: &Prepared,
    shape: &Shape,
    origin: usize,
    smoothed: &Smoothed,
) -> Vec<f32> {
    let steps = origin - shape.window..origin;
    let row = |step: usize| series.row(&series.values(step), &[smoothed.base(step)], step, step);
    steps.flat_map(row).collect()
}

/// Windows of a network with its smoothing, in plain numbers.
pub(super) fn plain_batch(smoothers: &Smoothers, group: &Group, windows: &[Window]) -> Batch {
    let shape = &group.shape;
    let mut batch = Batch {
        windows: Windows {
            inputs: Vec::new(),
            shape: [windows.len(), shape.window, shape.features],
            future: Vec::new(),
        },
        answers: Vec::new(),
        factors: Vec::new(),
    };
    for &(at, origin) in windows {
        let series = &group.prepared[at];
        let history = &series.targets[0][..origin];
        let smoothed = smoothers
            .of_series(Some(at), (history, series.turn))
            .smooth(history);
        batch
            .windows
            .inputs
            .extend(window_inputs(series, shape, origin, &smoothed));
        batch.windows.future.extend(series.future(shape, origin));
        let answers = origin..origin + shape.horizon;
        batch
            .answers
            .extend(answers.map(|step| (series.targets[0][step] - smoothed.base(step)) as f32));
        batch.factors.extend(vec![1.0; shape.horizon]);
    }
    batch
}

/// `m`, from the width of the parameters; 1 without a season.
fn season_of(width: usize) -> usize {
    (width - FACTORS).max(1)
}

/// Levels `[B, T]` and seasons `[B, T + m]` of some series (none without a season), with gradients to
/// their parameters.
fn smooth(parameters: Tensor<2>, values: &Tensor<2>) -> (Tensor<2>, Option<Tensor<2>>) {
    let [_, time] = values.dims();
    let season = parameters.dims()[1] - FACTORS;
    let column = |tensor: &Tensor<2>, at: usize| tensor.clone().narrow(1, at, 1);
    let level_factor = sigmoid(column(&parameters, 0));
    let season_factor = sigmoid(column(&parameters, 1));
    let mut seasons: Vec<Tensor<2>> = (0..season)
        .map(|at| column(&parameters, FACTORS + at))
        .collect();
    let mut levels: Vec<Tensor<2>> = Vec::with_capacity(time);
    for step in 0..time {
        let value = column(values, step);
        let adjusted = match seasons.get(step) {
            Some(season) => value.clone() - season.clone(),
            None => value.clone(),
        };
        let level = match levels.last() {
            None => adjusted,
            Some(last) => last.clone() + level_factor.clone() * (adjusted - last.clone()),
        };
        if season > 0 {
            let old = seasons[step].clone();
            seasons.push(old.clone() + season_factor.clone() * (value - level.clone() - old));
        }
        levels.push(level);
    }
    let seasons = (season > 0).then(|| Tensor::cat(seasons, 1));
    (Tensor::cat(levels, 1), seasons)
}

/// Where the windows of some series find what they read and say in flat tensors.
struct Places {
    /// `[W·n]` of values, `[n]` of levels, `[(W + H)·n]` of seasons.
    levels: Vec<i64>,
    seasons: Vec<i64>,
    values: Vec<f32>,
    rest: Vec<f32>,
    future: Vec<f32>,
}

/// What the network says of all training windows of some series, `[n, H, P]`, and what it should say,
/// `[n, H]`.
pub(super) fn outputs(
    network: &ForecastNetwork,
    group: &Group,
    series: &[usize],
    run: NetworkRun,
) -> Result<(Tensor<3>, Tensor<2>)> {
    let device = network.device();
    let shape = &group.shape;
    let parameters = match &network.smoothing {
        Some(parameters) => parameters.val(),
        None => {
            return Err(Error::argument(
                "model",
                "it has no smoothing parameters",
                "train it again",
            ));
        }
    };
    let season = season_of(parameters.dims()[1]);
    let time = series
        .iter()
        .map(|&at| group.trained[at])
        .max()
        .unwrap_or(0);
    let mut values = Vec::with_capacity(series.len() * time);
    for &at in series {
        let known = &group.prepared[at].targets[0][..group.trained[at]];
        // Beyond the training part nothing is read: any number will do.
        let filling = std::iter::repeat(known[known.len() - 1]);
        values.extend(
            known
                .iter()
                .copied()
                .chain(filling)
                .take(time)
                .map(|value| value as f32),
        );
    }
    let values = tensor(values, [series.len(), time], &device);
    let rows: Vec<i64> = series.iter().map(|&at| at as i64).collect();
    let (levels, seasons) = smooth(parameters.select(0, index(rows, &device)), &values);
    let places = places(group, series, (time, season));
    let count = places.levels.len();
    let flat = |tensor: Tensor<2>| {
        let length = tensor.shape().num_elements();
        tensor.reshape([length])
    };
    let level = flat(levels)
        .select(0, index(places.levels, &device))
        .reshape([count, 1]);
    let steps = shape.window + shape.horizon;
    let mut steps_of = tensor(places.values, [count, steps], &device) - level;
    if let Some(seasons) = seasons {
        let seasons = flat(seasons).select(0, index(places.seasons, &device));
        steps_of = steps_of - seasons.reshape([count, steps]);
    }
    let answers = steps_of.clone().narrow(1, shape.window, shape.horizon);
    let mut inputs: Tensor<3> = steps_of.narrow(1, 0, shape.window).unsqueeze_dim(2);
    if shape.features > 1 {
        let rest = tensor(
            places.rest,
            [count, shape.window, shape.features - 1],
            &device,
        );
        inputs = Tensor::cat(vec![inputs, rest], 2);
    }
    let future = (!places.future.is_empty())
        .then(|| tensor(places.future, [count, shape.horizon * shape.known], &device));
    Ok((network.outputs(inputs, future, run)?, answers))
}

fn index(places: Vec<i64>, device: &Device) -> Tensor<1, Int> {
    let count = places.len();
    Tensor::from_data(TensorData::new(places, [count]), device)
}

fn places(group: &Group, series: &[usize], (time, season): (usize, usize)) -> Places {
    let shape = &group.shape;
    let mut places = Places {
        levels: Vec::new(),
        seasons: Vec::new(),
        values: Vec::new(),
        rest: Vec::new(),
        future: Vec::new(),
    };
    for (row, &at) in series.iter().enumerate() {
        let prepared = &group.prepared[at];
        for origin in shape.window..=group.trained[at] - shape.horizon {
            places.levels.push((row * time + origin - 1) as i64);
            let steps = origin - shape.window..origin + shape.horizon;
            for step in steps {
                places.values.push(prepared.targets[0][step] as f32);
                let season_at = row * (time + season) + place(step, origin, season);
                places.seasons.push(season_at as i64);
                if step < origin && shape.features > 1 {
                    let features = prepared.row(&prepared.values(step), &[0.0], step, step);
                    places.rest.extend(&features[1..]);
                }
            }
            places.future.extend(prepared.future(shape, origin));
        }
    }
    places
}
