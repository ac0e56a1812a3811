//! The table `[forecast]`: what a forecaster reads and answers.

use crate::data::series::{CalendarFeature, Encoding, Scaling};

/// What a forecaster reads and answers (`[forecast]`).
#[derive(Clone, Debug, PartialEq)]
pub struct ForecastSettings {
    /// Known steps that the network reads: 1 to 100,000 (default: two seasons, at least the
    /// horizon).
    pub window: Option<usize>,
    /// `H`: steps that are forecast, 1 to 100,000 (default: the data set's official ones).
    pub horizon: Option<usize>,
    /// How one network gives many steps.
    pub method: Method,
    /// What is known about a step that is forecast.
    pub head: Head,
    /// What the network sees of a series, one after the other (default: as it is).
    pub scaling: Vec<Scaling>,
    /// What is subtracted from every window (default: nothing).
    pub level: Level,
    /// What of the stamps it sees (default: nothing).
    pub calendar: Vec<CalendarFeature>,
    /// How that is put into numbers (default: sine and cosine).
    pub encoding: Encoding,
    /// Steps before the test part on which training is watched (default 0).
    pub valid: usize,
    /// Steps at the end of every series on which it is tested (default: the official ones, else the
    /// horizon).
    pub test: Option<usize>,
    /// Networks, each from its own seed, whose forecasts are averaged: 1 to 100 (default 1).
    pub ensemble: usize,
    /// Sample paths of a recursive forecast: 1 to 100,000 (default 200).
    pub samples: usize,
    /// Are level and season of every series smoothed exponentially, by factors that are learnt with
    /// the network (default no)? Smyl (2020).
    pub smoothing: bool,
}

/// How one network gives many steps (`forecast.method`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// All of them at once, from its last state (`"direct"`).
    #[default]
    Direct,
    /// One after the other: each step reads the one before, of heads with a distribution a sample
    /// (`"recursive"`).
    Recursive,
}

/// What is known about a step that is forecast (`forecast.head`): see the equations in
/// `task/forecaster/head.rs`.
#[derive(Clone, Debug, PartialEq)]
pub enum Head {
    /// One number (`"linear"`).
    Linear {
        /// What is small when it is right (`forecast.loss`, default squared).
        loss: PointLoss,
    },
    /// Quantiles that never cross (`"quantiles"`).
    Quantiles {
        /// Their levels, rising, 0.5 among them (`forecast.quantiles`, default .1, .25, .5, .75, .9).
        levels: Vec<f64>,
    },
    /// Mean and standard deviation (`"gaussian"`).
    Gaussian,
    /// Location, scale and degrees of freedom (`"student_t"`).
    StudentT,
    /// Mean and shape of a count (`"negative_binomial"`).
    NegativeBinomial,
}

/// The loss of a forecast that is one number (`forecast.loss`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PointLoss {
    /// (y - f)² (`"squared"`).
    #[default]
    Squared,
    /// |y - f| (`"absolute"`).
    Absolute,
}

/// What is subtracted from every window and from what follows it, after the scalings
/// (`forecast.level`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Nothing (`"none"`).
    #[default]
    None,
    /// The window's last step (`"last"`).
    Last,
    /// The window's mean (`"mean"`).
    Mean,
}
