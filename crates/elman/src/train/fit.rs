//! The training loop.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::tensor::Tensor;

use crate::diagnosis::Verdict;
use crate::error::{Error, Result};
use crate::metric::{EpochMetrics, Figures, Measure};
use crate::recipe::TrainSettings;
use crate::store::{FileKind, NamedTensors, RunDirectory, StoredFile, TensorFile};
use crate::train::observer::{Observer, StepProgress};
use crate::train::optimiser::{Optimiser, OptimiserState};
use crate::train::parameters::{restore, snapshot};
use crate::train::position::{Position, Running, SavedPosition};

/// What is trained, on what.
pub trait Objective {
    /// The model.
    type Model: Module;
    /// The examples of one step.
    type Batch;
    /// What goes on from step to step beside the weights: `()`, or recurrent states.
    type Carried: Carried;

    /// The model before the first step, on a device with autodiff.
    ///
    /// # Errors
    ///
    /// When what it reads does not fit its settings.
    fn init(&self) -> Result<Self::Model>;

    /// What the scores of its batches and evaluations are.
    fn measure(&self) -> Measure;

    /// Steps of every epoch.
    fn steps(&self) -> usize;

    /// The batches of `epoch` from step `from` on; they depend on nothing else.
    ///
    /// # Errors
    ///
    /// When there are no examples.
    fn batches(&self, epoch: usize, from: usize) -> Result<impl Iterator<Item = Self::Batch>>;

    /// The loss of a batch in training step `step`, for which dropout draws; `carried` is what the
    /// step before left, and becomes what this one leaves.
    ///
    /// # Errors
    ///
    /// When the batch does not fit the model.
    fn loss(
        &self,
        model: &Self::Model,
        batch: &Self::Batch,
        carried: &mut Self::Carried,
        step: u64,
    ) -> Result<BatchLoss>;

    /// What `model` is worth after an epoch, on data that it was not trained on.
    ///
    /// # Errors
    ///
    /// When the data does not fit the model.
    fn evaluate(&self, model: &Self::Model) -> Result<Judgement>;

    /// What in `model` after `epoch` should worry whoever trains it, in words: gradients that vanish or
    /// explode. Asked after every epoch until there is something. By default nothing is looked at.
    ///
    /// # Errors
    ///
    /// When the data does not fit the model.
    fn worry(&self, _model: &Self::Model, _epoch: usize) -> Result<Option<String>> {
        Ok(None)
    }

    /// What a saved model must say of itself to be used, in words.
    fn facts(&self) -> BTreeMap<String, String>;
}

/// What goes on from one step of training to the next beside the weights. Checkpoints keep it, so
/// that a run that was stopped goes on with the same bits.
pub trait Carried: Default {
    /// As tensors by name.
    fn to_tensors(&self) -> NamedTensors;

    /// What [`to_tensors`](Self::to_tensors) gave; `path` names the file in errors.
    ///
    /// # Errors
    ///
    /// When a name is missing or unknown.
    fn from_tensors(tensors: NamedTensors, path: &Path) -> Result<Self>;
}

/// Nothing goes on.
impl Carried for () {
    fn to_tensors(&self) -> NamedTensors {
        NamedTensors::new()
    }

    fn from_tensors(tensors: NamedTensors, path: &Path) -> Result<Self> {
        match tensors.keys().next() {
            None => Ok(()),
            Some(name) => Err(Error::damaged(
                path,
                format!("unknown tensor {CARRIED}.{name}"),
            )),
        }
    }
}

/// The result of a forward pass in training.
#[derive(Clone, Debug)]
pub struct BatchLoss {
    /// `[1]`: the mean loss over the batch.
    pub mean: Tensor<1>,
    /// The sum of its examples' scores: of a classifier how many were right, of a regressor the
    /// absolute errors.
    pub score_sum: f64,
    /// Examples in the batch.
    pub count: usize,
}

/// What a model is worth on data that it was not trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// On what is held out to watch training, if anything is.
    pub valid: Option<Figures>,
    /// On the test part.
    pub test: Figures,
}

/// What of a run is not part of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FitOptions {
    /// A checkpoint is written at every epoch's end and when the last is this old; zero means
    /// after every step.
    pub checkpoint_every: Duration,
    /// The run pauses after so many of its epochs and can go on from there; the recipe's number
    /// of epochs stays what it is (default: it does not pause).
    pub pause_after: Option<usize>,
}

impl Default for FitOptions {
    /// Every 30 seconds, without a pause.
    fn default() -> Self {
        Self {
            checkpoint_every: Duration::from_secs(30),
            pause_after: None,
        }
    }
}

/// How a training run ended.
#[derive(Clone, Debug)]
pub struct FitReport<M> {
    /// The model to use: the best epoch's under early stopping, else the last's.
    pub model: M,
    /// Where the run ended.
    pub position: Position,
}

/// A training run to be carried out.
#[derive(Debug)]
pub struct Training<'a, O> {
    /// What is trained, on what.
    pub objective: &'a O,
    /// For how long, and by which steps.
    pub settings: &'a TrainSettings,
    /// Where the run is kept.
    pub run: &'a RunDirectory,
    /// What does not change the result.
    pub options: FitOptions,
}

impl<O: Objective> Training<'_, O> {
    /// Trains until the last epoch, a pause, or until early stopping ends the run, saving as it goes; from
    /// `checkpoint` on if there is one.
    ///
    /// # Errors
    ///
    /// When a loss, gradient or weight is not finite, the disk refuses, the observer asks to stop
    /// ([`Error::stopped_by`]), or the checkpoint does not fit. What was saved before stays.
    pub fn fit(
        &self,
        checkpoint: Option<StoredFile>,
        observer: &mut dyn Observer,
    ) -> Result<FitReport<O::Model>> {
        let mut trainer = Trainer::new(self, checkpoint)?;
        // A disk that cannot be written shows now, not after an epoch; and what follows from a
        // checkpoint is there even if the run was killed between the two.
        trainer.save()?;
        while !trainer.is_finished() {
            trainer.epoch(observer)?;
        }
        trainer.report()
    }
}

/// A run between two steps.
struct Trainer<'a, O: Objective> {
    objective: &'a O,
    settings: &'a TrainSettings,
    run: &'a RunDirectory,
    options: FitOptions,
    model: O::Model,
    carried: O::Carried,
    optimiser: Optimiser,
    position: Position,
    /// The best epoch's weights, when early stopping watches.
    best: Option<NamedTensors>,
    saved: Instant,
    /// Has this run, since it was started or resumed, told of gradients that vanish or explode?
    has_worried: bool,
}

/// A gradient is told as exploding when its norm is so many times the usual one.
const SPIKE: f64 = 1e3;

/// Which part of a checkpoint a tensor belongs to: the first part of its name.
const MODEL: &str = "model";
const BEST: &str = "best";
const OPTIMISER: &str = "optimiser";
const CARRIED: &str = "carried";
const POSITION: &str = "position";

impl<'a, O: Objective> Trainer<'a, O> {
    fn new(training: &Training<'a, O>, checkpoint: Option<StoredFile>) -> Result<Self> {
        let Training {
            objective,
            settings,
            run,
            options,
        } = *training;
        let optimiser = Optimiser::new(settings.optimiser)
            .with_clip(settings.clip)
            .with_regularisation(settings.regularisation);
        let mut trainer = Self {
            objective,
            settings,
            run,
            options,
            model: objective.init()?,
            carried: O::Carried::default(),
            optimiser,
            position: Position::default(),
            best: None,
            saved: Instant::now(),
            has_worried: false,
        };
        let Some(StoredFile { path, file }) = checkpoint else {
            return Ok(trainer);
        };
        for (name, expected) in objective.facts() {
            let found = file.fact(&path, &name)?;
            if found != expected {
                return Err(Error::data(
                    &path,
                    format!(
                        "belongs to another {name} ({})",
                        difference(&expected, found)
                    ),
                    format!("restore the {name} that the run was started with, or start a new run"),
                ));
            }
        }
        let saved = SavedPosition::from_toml(&path, file.fact(&path, POSITION)?)?;
        trainer.position = saved.position;
        let mut parts: BTreeMap<&str, NamedTensors> = BTreeMap::new();
        for (name, data) in &file.tensors {
            let Some((part, name)) = name.split_once('.') else {
                return Err(Error::damaged(&path, format!("unknown tensor {name}")));
            };
            let part = parts.entry(part).or_default();
            part.insert(name.to_owned(), data.clone());
        }
        let weights = parts.remove(MODEL).unwrap_or_default();
        trainer.model = restore(trainer.model, weights, &path)?;
        trainer.best = parts.remove(BEST);
        let carried = parts.remove(CARRIED).unwrap_or_default();
        trainer.carried = O::Carried::from_tensors(carried, &path)?;
        let state = OptimiserState {
            scalars: saved.optimiser,
            slots: parts.remove(OPTIMISER).unwrap_or_default(),
        };
        trainer.optimiser = trainer.optimiser.with_state(state, &path)?;
        if let Some(part) = parts.keys().next() {
            return Err(Error::damaged(&path, format!("unknown tensors {part}.*")));
        }
        Ok(trainer)
    }

    /// Finished, or to be paused now.
    fn is_finished(&self) -> bool {
        let pause = self.options.pause_after.unwrap_or(usize::MAX);
        self.position.stopped_early || self.position.epoch >= self.settings.epochs.min(pause)
    }

    /// Runs the epoch from where it is to its end, evaluates and saves.
    fn epoch(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let epoch = self.position.epoch;
        let batches = self.objective.batches(epoch, self.position.step_in_epoch)?;
        for batch in batches {
            let examples = self.step(&batch)?;
            observer.step(&self.progress(examples));
            if !self.has_worried
                && let Some(found) = self.spike()
            {
                self.has_worried = true;
                observer.worry(&found);
            }
            if let Some(signal) = observer.stop_signal() {
                self.save()?;
                return Err(self.stopped(signal));
            }
            if self.saved.elapsed() >= self.options.checkpoint_every {
                self.save()?;
            }
        }
        let running = self.position.running;
        let norms = running.gradient_norms();
        let Judgement { valid, test } = self.objective.evaluate(&self.model)?;
        let metrics = EpochMetrics {
            epoch,
            learning_rate: self.learning_rate(self.position.step.saturating_sub(1)),
            gradient_norm: norms.before,
            clipped_norm: norms.after,
            measure: self.objective.measure(),
            train: running.figures(),
            valid,
            test,
        };
        if let Some(name) = metrics.not_finite() {
            return Err(self.not_finite(&format!("`{name}` of epoch {epoch}")));
        }
        if let Some(rule) = &self.settings.early_stopping
            && self.position.judge(rule, &metrics)
        {
            self.best = Some(snapshot(&self.model));
        }
        self.position.history.push(metrics);
        self.position.epoch += 1;
        self.position.step_in_epoch = 0;
        self.position.running = Running::default();
        self.save()?;
        observer.epoch(&metrics);
        if !self.has_worried
            && let Some(found) = self.objective.worry(&self.model, epoch)?
        {
            self.has_worried = true;
            observer.worry(&format!("after epoch {epoch}: {found}"));
        }
        match observer.stop_signal() {
            Some(signal) if !self.is_finished() => Err(self.stopped(signal)),
            _ => Ok(()),
        }
    }

    /// One step; returns the number of its examples.
    fn step(&mut self, batch: &O::Batch) -> Result<usize> {
        let step = self.position.step;
        let learning_rate = self.learning_rate(step);
        let carried = &mut self.carried;
        let loss = self.objective.loss(&self.model, batch, carried, step)?;
        let value = f64::from(loss.mean.clone().into_scalar::<f32>());
        if !value.is_finite() {
            return Err(self.not_finite("the loss"));
        }
        let gradients = loss.mean.backward();
        let model = self.model.clone();
        self.model = self
            .optimiser
            .update(model, gradients, learning_rate, step)?;
        self.position.step += 1;
        self.position.step_in_epoch += 1;
        let running = &mut self.position.running;
        running.add(value, loss.score_sum, loss.count);
        running.add_norms(self.optimiser.norms());
        Ok(loss.count)
    }

    /// Has the last step's gradient, which nothing clipped, exploded? Then that in words.
    fn spike(&self) -> Option<String> {
        let norm = self.optimiser.norms().before;
        let usual = match self.settings.clip {
            None => self.position.usual_norm(norm)?,
            Some(_) => return None,
        };
        (norm >= SPIKE * usual).then(|| {
            format!(
                "gradients explode: in step {} their norm is {norm:.1e}, usual is {usual:.1e}; what \
                 helps: {}",
                self.position.step - 1,
                Verdict::Explodes.remedies()
            )
        })
    }

    /// The learning rate of `step`, which is one of the running epoch's.
    fn learning_rate(&self, step: u64) -> f64 {
        let base = self.settings.optimiser.learning_rate();
        let epoch = self.position.epoch;
        self.settings.schedule.learning_rate(base, epoch, step)
    }

    fn progress(&self, examples: usize) -> StepProgress {
        StepProgress {
            epoch: self.position.epoch,
            epochs: self.settings.epochs,
            done: self.position.step_in_epoch,
            steps: self.objective.steps(),
            measure: self.objective.measure(),
            running: self.position.running.figures(),
            gradient_norms: self.optimiser.norms(),
            examples,
        }
    }

    fn not_finite(&self, what: &str) -> Error {
        Error::not_finite(
            what,
            self.position.step,
            format!(
                "lower the learning rate (train.optimiser.learning_rate) or clip gradients \
                 (train.clip); the last good checkpoint is in {}",
                self.run.root().display()
            ),
        )
    }

    fn stopped(&self, signal: i32) -> Error {
        let run = self.run.root().display();
        Error::stopped(
            signal,
            format!(
                "saved after step {}; go on with `elman fit --resume {run}`",
                self.position.step
            ),
        )
    }

    /// Saves the run as it is now.
    fn save(&mut self) -> Result<()> {
        let (checkpoint, model) = (self.checkpoint(), self.model_file());
        let step = self.position.step;
        let metrics = EpochMetrics::to_csv(&self.position.history);
        self.run
            .save(step, &checkpoint, &model)
            .and_then(|()| self.run.write("metrics.csv", metrics.as_bytes()))
            .map_err(|error| {
                error.advise(format!(
                    "everything up to the last checkpoint is kept: make room, then go on with \
                     `elman fit --resume {}`",
                    self.run.root().display()
                ))
            })?;
        self.saved = Instant::now();
        Ok(())
    }

    fn checkpoint(&self) -> TensorFile {
        let state = self.optimiser.state();
        let parts = [
            (MODEL, Some(snapshot(&self.model))),
            (BEST, self.best.clone()),
            (OPTIMISER, Some(state.slots)),
            (CARRIED, Some(self.carried.to_tensors())),
        ];
        let mut tensors = NamedTensors::new();
        for (part, named) in parts {
            for (name, data) in named.unwrap_or_default() {
                tensors.insert(format!("{part}.{name}"), data);
            }
        }
        let saved = SavedPosition {
            optimiser: state.scalars,
            position: self.position.clone(),
        };
        let mut facts = self.objective.facts();
        facts.insert(POSITION.to_owned(), saved.to_toml());
        TensorFile {
            kind: FileKind::Checkpoint,
            facts,
            tensors,
        }
    }

    fn model_file(&self) -> TensorFile {
        let mut facts = self.objective.facts();
        let epochs = match (&self.best, self.position.best) {
            (Some(_), Some(best)) => best.epoch + 1,
            _ => self.position.epoch,
        };
        facts.insert("finished_epochs".to_owned(), epochs.to_string());
        facts.insert("step".to_owned(), self.model_step().to_string());
        TensorFile {
            kind: FileKind::Model,
            facts,
            tensors: self.weights_to_use(),
        }
    }

    /// The step after which the model to use was taken.
    fn model_step(&self) -> u64 {
        match (&self.best, self.position.best) {
            (Some(_), Some(best)) => (best.epoch as u64 + 1) * self.objective.steps() as u64,
            _ => self.position.step,
        }
    }

    fn weights_to_use(&self) -> NamedTensors {
        self.best.clone().unwrap_or_else(|| snapshot(&self.model))
    }

    fn report(self) -> Result<FitReport<O::Model>> {
        let weights = self.weights_to_use();
        Ok(FitReport {
            model: restore(self.model, weights, self.run.root())?,
            position: self.position,
        })
    }
}

/// The lines in which two texts differ.
fn difference(now: &str, then: &str) -> String {
    let only_in = |text: &str, other: &str| {
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !other.lines().any(|twin| twin == *line))
            .collect();
        lines.join(", ")
    };
    format!("now: {}; then: {}", only_in(now, then), only_in(then, now))
}
