//! Series and networks as an objective of training.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::data::{ForecastData, Group, Window, settings};
use super::model::{ForecastNetwork, Forecaster, Windows, numbers, tensor};
use super::smoothing::Smoothers;
use super::{report, smoothing};
use crate::data::Batches;
use crate::error::{Error, Result};
use crate::metric::{Figures, Measure};
use crate::recipe::{ForecastSettings, Recipe};
use crate::task::evaluation::Evaluation;
use crate::task::experiment::TaskKind;
use crate::task::network::NetworkRun;
use crate::train::{BatchLoss, Judgement, Objective};

/// Windows at once in evaluation.
const EVALUATION_BATCH: usize = 500;

/// What a forecaster's recipe asks for, as an objective of training.
pub(in crate::task) struct ForecastTask {
    recipe: Recipe,
    settings: ForecastSettings,
    pub(super) data: ForecastData,
    steps: usize,
    device: Device,
    facts: BTreeMap<String, String>,
}

/// The windows of one step, by their group; of a forecaster that smooths, series.
pub(in crate::task) struct GroupBatches(Vec<(usize, Vec<usize>)>);

impl TaskKind for ForecastTask {
    fn load(recipe: &Recipe, place: Option<&Path>) -> Result<Self> {
        Self::new(recipe, ForecastData::load(recipe, place)?)
    }

    fn test(&self, model: &Forecaster) -> Result<Evaluation> {
        let windows: Vec<Vec<Window>> = self.data.groups.iter().map(|it| it.test.clone()).collect();
        let data = (&self.data.table, &self.data.groups[..]);
        let with = (&self.settings, self.recipe.seed);
        let report = report::judge(&model.valid(), data, &windows, with, &mut |_| Ok(()))?;
        Ok(Evaluation::Forecasts(Box::new(report.ok_or_else(no_test)?)))
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.data.table.notes.clone();
        for group in &self.data.groups {
            let [train, valid, test] = [&group.train, &group.valid, &group.test].map(Vec::len);
            notes.push(format!(
                "{}: {train} windows of {} steps to learn from, {valid} to watch, {test} to test, each followed by {}",
                group.name, group.shape.window, group.shape.horizon
            ));
        }
        notes
    }
}

fn no_test() -> Error {
    Error::argument("data", "there is no test part", "set `forecast.test`")
}

impl ForecastTask {
    /// What is learnt from data that are there already.
    pub(super) fn new(recipe: &Recipe, data: ForecastData) -> Result<Self> {
        let (_, settings) = settings(recipe)?;
        let learnt = serde_json::to_string(&data.learnt)
            .map_err(|error| Error::argument("data", error.to_string(), "use finite numbers"))?;
        let facts = [
            ("task", "forecaster".to_owned()),
            ("recipe", recipe.to_toml()),
            ("data", data.table.fingerprint()),
            ("learnt", learnt),
        ];
        let mut objective = Self {
            recipe: recipe.clone(),
            settings: settings.clone(),
            data,
            steps: 0,
            device: Device::flex().autodiff(),
            facts: facts.map(|(name, fact)| (name.to_owned(), fact)).into(),
        };
        let most = (0..objective.data.groups.len())
            .map(|group| objective.examples(group))
            .max();
        objective.steps = Batches::in_order(most.unwrap_or(0), recipe.train.batch)?.steps();
        Ok(objective)
    }

    /// How many examples an epoch has of a group.
    fn examples(&self, group: usize) -> usize {
        let group = &self.data.groups[group];
        match self.settings.smoothing {
            true => group.series.len(),
            false => group.train.len(),
        }
    }

    /// The mean loss of `network` on windows, and the sum of absolute errors of its medians.
    fn window_loss(
        &self,
        network: &ForecastNetwork,
        group: &Group,
        windows: &[Window],
        run: NetworkRun,
    ) -> Result<(Tensor<1>, f64)> {
        let batch = match Smoothers::of(network) {
            None => Batch::of(group, windows),
            Some(smoothers) => smoothing::plain_batch(&smoothers, group, windows),
        };
        let outputs = network.of_windows(&batch.windows, run)?;
        let [rows, steps, _] = outputs.dims();
        let error = self.error(&outputs, &batch.answers);
        let device = outputs.device();
        let targets = tensor(batch.answers, [rows, steps], &device);
        let factors = tensor(batch.factors, [rows, steps], &device);
        let loss = self.settings.head.loss(outputs, targets, Some(factors));
        Ok((loss, error))
    }

    /// The sum over windows of the mean absolute error of what `outputs`, `[B, answers·K, P]`, say.
    fn error(&self, outputs: &Tensor<3>, answers: &[f32]) -> f64 {
        let [_, steps, parameters] = outputs.dims();
        let flat = numbers(outputs.clone());
        let errors = flat
            .chunks(parameters)
            .zip(answers)
            .map(|(outputs, &answer)| {
                (self.settings.head.center(outputs) - f64::from(answer)).abs()
            });
        errors.sum::<f64>() / steps as f64
    }

    /// Loss and error of all networks on windows of all groups, each window alike.
    fn figures(&self, model: &Forecaster, of: fn(&Group) -> &[Window]) -> Result<Option<Figures>> {
        let model = model.valid();
        let groups = &self.data.groups;
        let (mut loss, mut error, mut count) = (0.0, 0.0, 0);
        for (index, group) in groups.iter().enumerate() {
            let windows = of(group);
            for network in model.of_group(index, groups.len()) {
                for chunk in windows.chunks(EVALUATION_BATCH) {
                    let (mean, sum) =
                        self.window_loss(network, group, chunk, NetworkRun::default())?;
                    loss += f64::from(mean.into_scalar::<f32>()) * chunk.len() as f64;
                    error += sum;
                    count += chunk.len();
                }
            }
        }
        Ok((count > 0).then(|| Figures {
            loss: loss / count as f64,
            score: error / count as f64,
        }))
    }
}

/// Windows with what should be said of them.
pub(super) struct Batch {
    pub(super) windows: Windows,
    /// `[B, answers·K]`
    pub(super) answers: Vec<f32>,
    /// `[B, answers·K]`
    pub(super) factors: Vec<f32>,
}

impl Batch {
    fn of(group: &Group, windows: &[Window]) -> Self {
        let shape = &group.shape;
        let each = windows
            .iter()
            .map(|&(series, origin)| (&group.prepared[series], origin));
        let mut batch = Self {
            windows: Windows {
                inputs: Vec::new(),
                shape: [windows.len(), shape.time(), shape.features],
                future: Vec::new(),
            },
            answers: Vec::new(),
            factors: Vec::new(),
        };
        for (series, origin) in each {
            batch
                .windows
                .inputs
                .extend(series.inputs(shape, origin, shape.time()));
            batch.windows.future.extend(series.future(shape, origin));
            batch.answers.extend(series.answers(shape, origin));
            batch.factors.extend(series.factors(shape));
        }
        batch
    }
}

impl Objective for ForecastTask {
    type Model = Forecaster;
    type Batch = GroupBatches;
    type Carried = ();

    fn init(&self) -> Result<Forecaster> {
        let Recipe { model, seed, .. } = &self.recipe;
        let shapes = self.data.shapes();
        let mut forecaster = Forecaster::init(model, &self.settings, &shapes, *seed, &self.device)?;
        if self.settings.smoothing {
            smoothing::init(&mut forecaster, &self.data.groups, &self.data.table)?;
        }
        Ok(forecaster)
    }

    fn measure(&self) -> Measure {
        Measure::ScaledError
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn batches(&self, epoch: usize, from: usize) -> Result<impl Iterator<Item = GroupBatches>> {
        let mut orders = Vec::new();
        for group in 0..self.data.groups.len() {
            let seed = match group {
                0 => self.recipe.seed,
                _ => self.recipe.seed.child(&format!("group {group}")),
            };
            let count = self.examples(group);
            let batches = match self.recipe.train.shuffle {
                true => Batches::shuffled_in_steps(seed, epoch, count, self.steps)?,
                false => Batches::in_order_in_steps(count, self.steps)?,
            };
            orders.push(batches.from_step(from));
        }
        let steps = from..self.steps;
        Ok(steps.map(move |_| {
            let next = orders
                .iter_mut()
                .enumerate()
                .filter_map(|(group, batches)| {
                    let indices = batches.next()?.indices;
                    (!indices.is_empty()).then_some((group, indices))
                });
            GroupBatches(next.collect())
        }))
    }

    fn loss(
        &self,
        model: &Forecaster,
        batch: &GroupBatches,
        (): &mut (),
        step: u64,
    ) -> Result<BatchLoss> {
        let groups = &self.data.groups;
        let mut losses: Vec<Tensor<1>> = Vec::new();
        let (mut score_sum, mut count) = (0.0, 0);
        for (index, examples) in &batch.0 {
            let group = &groups[*index];
            for network in model.of_group(*index, groups.len()) {
                let run = NetworkRun {
                    through: self.recipe.train.backpropagation,
                    ..NetworkRun::training(step)
                };
                let (loss, error, windows) = match self.settings.smoothing {
                    true => {
                        let (outputs, answers) = smoothing::outputs(network, group, examples, run)?;
                        let windows = outputs.dims()[0];
                        let plain: Vec<f32> = numbers(answers.clone())
                            .iter()
                            .map(|&it| it as f32)
                            .collect();
                        let error = self.error(&outputs, &plain);
                        (
                            self.settings.head.loss(outputs, answers, None),
                            error,
                            windows,
                        )
                    }
                    false => {
                        let windows: Vec<Window> =
                            examples.iter().map(|&at| group.train[at]).collect();
                        let (loss, error) = self.window_loss(network, group, &windows, run)?;
                        (loss, error, windows.len())
                    }
                };
                losses.push(loss);
                score_sum += error;
                count += windows;
            }
        }
        let networks = losses.len() as f64;
        let sum = losses.into_iter().reduce(|sum, loss| sum + loss);
        let sum = sum.ok_or_else(|| Error::argument("batch", "it has no window", "give one"))?;
        Ok(BatchLoss {
            mean: sum / networks,
            score_sum,
            count,
        })
    }

    fn evaluate(&self, model: &Forecaster) -> Result<Judgement> {
        let test = self.figures(model, |group| &group.test)?;
        Ok(Judgement {
            valid: self.figures(model, |group| &group.valid)?,
            test: test.ok_or_else(no_test)?,
        })
    }

    fn facts(&self) -> BTreeMap<String, String> {
        self.facts.clone()
    }
}
