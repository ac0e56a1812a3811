//! The chapter's series, learnt and gone on with (14.3.2, 14.3.3, 14.5).
//!
//! A network of 100 units reads windows of 20 points and learns to give, at each point, the next one:
//! once with an `OutputProjectionWrapper`, once with the reshape trick, once with three layers and
//! dropout. Then the first goes on by itself, from zeros and from a piece of the series. The windows are those that
//! NumPy draws for the notebook; of the first two networks the weights are TensorFlow's, so their
//! first error is the printed one. Later f32 rounding decides, as between two versions of TensorFlow.

mod network;
mod series;

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use self::network::Network;
use self::series::{STEPS, Windows};
use crate::error::{Error, Result};
use crate::metric::{Figures, Measure};
use crate::plot::{self, Figure, Line, Marks};
use crate::random::numpy::RandomState;
use crate::recipe::AdamSettings;
use crate::store::disk::{self, System};
use crate::task::RunFolder;
use crate::train::{Observer, Optimiser, StepProgress};

/// Training steps of each network.
const ITERATIONS: usize = 1500;
/// Windows a step.
const BATCH: usize = 50;
/// The notebook prints the error of every hundredth step.
const EVERY: usize = 100;
/// NumPy's seed in the notebook.
const NUMPY_SEED: u32 = 42;
/// What the network with dropout keeps of its inputs in training.
const KEEP_PROB: f64 = 0.5;
/// Points that the network adds to twenty zeros in the notebook's first figure of creativity.
const CREATED: usize = 300;
/// The bands' ends are errors that notebooks printed, to so many parts of one: an error is compared as it
/// would be printed.
const PRINTED: f64 = 1e4;
/// How far the first error may be from the printed one.
const FIRST_TOLERANCE: f64 = 1e-5;

/// What a network is trained by, and what the notebook printed of it.
struct Training {
    name: &'static str,
    title: &'static str,
    learning_rate: f64,
    /// Is the error the one before its step's update, with dropout, or the one after it?
    is_before: bool,
    /// The mean squared errors at iterations 0, 100, …
    printed: [f64; 15],
    /// The first error to more digits, where the first weights are TensorFlow's.
    first: Option<f64>,
    /// The last errors that versions of the notebook printed: from, to.
    band: [f64; 2],
    /// The error of the notebook's predictions on its test window.
    test: Option<f64>,
}

const TRAININGS: [Training; 3] = [
    Training {
        name: "wrapper",
        title: "OutputProjectionWrapper",
        learning_rate: 0.001,
        is_before: false,
        printed: [
            11.967, 0.526, 0.150, 0.0728, 0.0616, 0.0594, 0.0547, 0.0478, 0.0511, 0.0472, 0.0471,
            0.0478, 0.0408, 0.0471, 0.0418,
        ],
        first: Some(11.967254),
        band: [0.0418, 0.0466],
        test: Some(0.0270),
    },
    Training {
        name: "reshape",
        title: "Reshape trick",
        learning_rate: 0.001,
        is_before: false,
        printed: [
            13.907, 0.506, 0.197, 0.101, 0.0685, 0.0629, 0.0551, 0.0494, 0.0504, 0.0482, 0.0481,
            0.0498, 0.0419, 0.0493, 0.0431,
        ],
        first: Some(13.907029),
        band: [0.0419, 0.0441],
        test: Some(0.0274),
    },
    Training {
        name: "dropout",
        title: "Three layers with dropout",
        learning_rate: 0.01,
        is_before: true,
        printed: [
            16.4, 5.84, 3.53, 3.95, 2.25, 4.50, 3.43, 3.50, 3.70, 4.14, 3.52, 3.32, 2.95, 3.22,
            4.42,
        ],
        first: None,
        band: [3.3, 4.8],
        test: None,
    },
];

/// The example beside the book.
#[derive(Clone, Debug)]
pub struct SeriesReport {
    /// The three networks.
    pub networks: Vec<SeriesNetwork>,
    /// The figures, each as SVG; a PNG stands beside it.
    pub figures: Vec<PathBuf>,
}

/// One network's training beside the book's.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesNetwork {
    /// `wrapper`, `reshape` or `dropout`.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// The mean squared error at iterations 0, 100, …
    pub errors: Vec<SeriesError>,
    /// The first error that the notebook printed, to all its digits, where it can be computed again.
    pub first: Option<f64>,
    /// Between which the last error lies in all versions of the notebook.
    pub band: [f64; 2],
    /// The mean squared error on the notebook's test window: the book's and ours.
    pub test: (Option<f64>, f64),
}

/// A mean squared error at an iteration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeriesError {
    /// From 0.
    pub iteration: usize,
    /// What the notebook printed.
    pub book: f64,
    /// What elman computes.
    pub here: f64,
}

impl SeriesNetwork {
    /// Is the first error the printed one, where that can be?
    pub fn first_holds(&self) -> Option<bool> {
        let first = self.first?;
        Some((self.errors[0].here - first).abs() <= FIRST_TOLERANCE)
    }

    /// Does the last error, to the digits that notebooks print, lie in the band?
    pub fn last_holds(&self) -> bool {
        let [low, high] = self.band;
        let as_printed = |error: f64| (error * PRINTED).round() / PRINTED;
        self.errors
            .last()
            .is_some_and(|last| (low..=high).contains(&as_printed(last.here)))
    }
}

impl SeriesReport {
    /// Do all first errors and all last ones hold?
    pub fn holds(&self) -> bool {
        let mut networks = self.networks.iter();
        networks.all(|network| network.first_holds() != Some(false) && network.last_holds())
    }
}

/// Trains the three networks and draws the notebook's figures into `folder`.
///
/// # Errors
///
/// When the folder cannot be made or written, or the observer asks to stop.
pub fn time_series(folder: &RunFolder, observer: &mut dyn Observer) -> Result<SeriesReport> {
    let root = place(folder)?;
    let mut report = SeriesReport {
        networks: Vec::new(),
        figures: Vec::new(),
    };
    let figure = plot::lines("The series and a window of it", ["t", "y"], &window_lines());
    report.figures.push(write(&root, "series", &figure?)?);
    for (index, training) in TRAININGS.iter().enumerate() {
        let device = Device::flex().autodiff();
        let network = match training.name {
            "wrapper" => Network::wrapper(&device),
            "reshape" => Network::reshape(&device),
            _ => Network::dropout(KEEP_PROB, &device)?,
        };
        let (network, errors) = training.fit(network, index, observer)?;
        let network = network.valid();
        let predicted = answers(&network, &Windows::test().inputs)?;
        report.networks.push(training.beside(errors, &predicted));
        let title = format!("Testing the model: {}", training.title);
        let figure = plot::lines(&title, ["t", "y"], &test_lines(&predicted))?;
        let name = format!("test-{}", training.name);
        report.figures.push(write(&root, &name, &figure)?);
        if training.name == "wrapper" {
            report.figures.extend(create(&root, &network)?);
        }
    }
    Ok(report)
}

/// The folder of the figures, new or empty.
fn place(folder: &RunFolder) -> Result<PathBuf> {
    let root = folder.make()?;
    match disk::files(&root)?.is_empty() {
        true => Ok(root),
        false => Err(Error::argument(
            format!("folder {}", root.display()),
            "it holds files already",
            "give a new or an empty one by --out",
        )),
    }
}

impl Training {
    /// Trains for [`ITERATIONS`] steps: the network, and the errors of every [`EVERY`]th.
    fn fit(
        &self,
        mut network: Network,
        index: usize,
        observer: &mut dyn Observer,
    ) -> Result<(Network, Vec<f64>)> {
        let device = Device::flex().autodiff();
        let mut random = RandomState::new(NUMPY_SEED);
        let mut optimiser = Optimiser::new(AdamSettings::default());
        let mut errors = Vec::new();
        for iteration in 0..ITERATIONS {
            if let Some(signal) = observer.stop_signal() {
                return Err(Error::stopped(
                    signal,
                    format!("stopped at iteration {iteration} of {}", self.title),
                ));
            }
            let step = iteration as u64;
            let windows = Windows::draw(&mut random, BATCH);
            let [inputs, targets] = windows.tensors(&device);
            let outputs = network.outputs(inputs.clone(), Some(step))?;
            let loss = squared_error(outputs, targets.clone());
            let before = f64::from(loss.clone().into_scalar::<f32>());
            network = optimiser.update(network, loss.backward(), self.learning_rate, step)?;
            if iteration % EVERY == 0 {
                errors.push(match self.is_before {
                    true => before,
                    false => {
                        let outputs = network.valid().outputs(inputs.inner(), None)?;
                        let loss = squared_error(outputs, targets.inner());
                        f64::from(loss.into_scalar::<f32>())
                    }
                });
            }
            observer.step(&StepProgress {
                epoch: index,
                epochs: TRAININGS.len(),
                done: iteration + 1,
                steps: ITERATIONS,
                measure: Measure::AbsoluteError,
                running: Figures {
                    loss: before,
                    score: before.sqrt(),
                },
                gradient_norms: optimiser.norms(),
                examples: BATCH,
            });
        }
        Ok((network, errors))
    }

    /// What came out, beside what the notebook printed.
    fn beside(&self, errors: Vec<f64>, predicted: &[f32]) -> SeriesNetwork {
        let errors = errors.into_iter().zip(self.printed).enumerate();
        let errors = errors.map(|(index, (here, book))| SeriesError {
            iteration: index * EVERY,
            book,
            here,
        });
        let targets = Windows::test().targets;
        let squares = predicted.iter().zip(&targets);
        let squares = squares.map(|(found, target)| f64::from(found - target).powi(2));
        SeriesNetwork {
            name: self.name,
            title: self.title,
            errors: errors.collect(),
            first: self.first,
            band: self.band,
            test: (self.test, squares.sum::<f64>() / targets.len() as f64),
        }
    }
}

/// `[1]`.
fn squared_error(outputs: Tensor<3>, targets: Tensor<3>) -> Tensor<1> {
    (outputs - targets).square().mean()
}

/// The network's answers at each point of one window.
fn answers(network: &Network, window: &[f32]) -> Result<Vec<f32>> {
    let shape = [1, window.len(), 1];
    let inputs = Tensor::from_data(TensorData::new(window.to_vec(), shape), &Device::flex());
    let outputs = network.outputs(inputs, None)?;
    Ok(outputs
        .into_data()
        .try_into_vec()
        .expect("the network computes in f32"))
}

/// `start` and `count` points after it: each is what the network gives for the last [`STEPS`]
/// before it.
fn go_on(network: &Network, start: Vec<f32>, count: usize) -> Result<Vec<f32>> {
    let mut sequence = start;
    for _ in 0..count {
        let window = &sequence[sequence.len() - STEPS..];
        let next = *answers(network, window)?
            .last()
            .expect("an answer at each of its points");
        sequence.push(next);
    }
    Ok(sequence)
}

/// The notebook's figures of creativity.
fn create(root: &Path, network: &Network) -> Result<Vec<PathBuf>> {
    let long = go_on(network, vec![0.0; STEPS], CREATED)?;
    let axes = ["step", "value"];
    let figure = plot::lines("Going on from zeros", axes, &created_lines(&long))?;
    let mut figures = vec![write(root, "creative", &figure)?];
    let count = series::points().len() - STEPS;
    let starts = [
        ("from zeros", vec![0.0; STEPS]),
        ("from the series", series::seed_piece()),
    ];
    for (name, start) in starts {
        let sequence = go_on(network, start, count)?;
        let title = format!("Going on {name}");
        let figure = plot::lines(&title, axes, &created_lines(&sequence))?;
        let file = format!("creative-{}", name.replace(' ', "-"));
        figures.push(write(root, &file, &figure)?);
    }
    Ok(figures)
}

/// A sequence, and what it was started with.
fn created_lines(sequence: &[f32]) -> Vec<Line> {
    let points = |values: &[f32]| {
        let values = values.iter().enumerate();
        values
            .map(|(step, &value)| (step as f64, f64::from(value)))
            .collect()
    };
    vec![
        Line::new("generated", points(sequence), Marks::Line),
        Line::new("given", points(&sequence[..STEPS]), Marks::ThickLine),
    ]
}

/// The whole series, and the test window in it.
fn window_lines() -> Vec<Line> {
    let window = series::test_times().into_iter();
    vec![
        Line::new("t sin(t)/3 + 2 sin(5t)", series::points(), Marks::Line),
        Line::new(
            "a window",
            window.map(|t| (t, series::value(t))).collect(),
            Marks::ThickLine,
        ),
    ]
}

/// The test window, its targets, and what the network made of it.
fn test_lines(predicted: &[f32]) -> Vec<Line> {
    let windows = Windows::test();
    let times = series::test_times();
    let at = |times: &[f64], values: &[f32]| {
        let values = values.iter().map(|&value| f64::from(value));
        times.iter().copied().zip(values).collect()
    };
    vec![
        Line::new("instance", at(&times, &windows.inputs), Marks::Dots),
        Line::new("target", at(&times[1..], &windows.targets), Marks::Rings),
        Line::new("prediction", at(&times[1..], predicted), Marks::SmallDots),
    ]
}

fn write(root: &Path, name: &str, figure: &Figure) -> Result<PathBuf> {
    let path = root.join(format!("{name}.svg"));
    disk::write_atomically(&System, &path, figure.svg.as_bytes())?;
    disk::write_atomically(&System, &root.join(format!("{name}.png")), &figure.png)?;
    Ok(path)
}

#[cfg(test)]
mod tests;
