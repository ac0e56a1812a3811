//! A search: its trials over the epochs, and against what was searched.

use std::collections::BTreeMap;

use plotters::prelude::{DrawingBackend, RGBColor};

use super::axis::Axis;
use super::canvas::{BLUE, Canvas, Drawing, Drawn, FAINT, Lettering, Point, VERMILLION, tint};
use super::frame::{Frame, Tick};
use crate::error::{Error, Result};
use crate::recipe::{Monitor, Range, Searched, Setting};

/// A trial as figures show it.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchedTrial {
    /// Its number; 0 has the recipe's own settings.
    pub trial: usize,
    /// The last rung, from 0, that it came to.
    pub rung: usize,
    /// Its value of the metric there.
    pub score: f64,
    /// The metric after every epoch (from 0).
    pub curve: Vec<(usize, f64)>,
    /// The value of every searched key, in their order.
    pub values: Vec<Option<Setting>>,
}

/// Checks what both figures need. The first trial is the best.
pub(super) fn check(trials: &[SearchedTrial]) -> Result<()> {
    let finite = |trial: &SearchedTrial| {
        let curve = trial.curve.iter().all(|point| point.1.is_finite());
        trial.score.is_finite() && curve && !trial.curve.is_empty()
    };
    if trials.is_empty() || !trials.iter().all(finite) {
        return Err(Error::argument(
            "figure of a search",
            "there is no trial, or one without finite numbers",
            "give trials that came to a rung, with their curves",
        ));
    }
    Ok(())
}

const BEST: RGBColor = VERMILLION;
const OWN: RGBColor = BLUE;
const TICKS: usize = 5;

fn heading(metric: Monitor) -> &'static str {
    match metric {
        Monitor::ValidAccuracy => "Accuracy on held-out examples",
        Monitor::ValidLoss | Monitor::TrainLoss => "Mean loss on held-out examples",
    }
}

/// Grey, the darker the further a trial came.
fn shade(rung: usize, last: usize) -> RGBColor {
    tint(FAINT, 0.45 + 0.55 * rung as f64 / last.max(1) as f64)
}

/// How a trial is drawn.
fn colour(trials: &[SearchedTrial], at: usize) -> RGBColor {
    let last = trials.iter().map(|trial| trial.rung).max().unwrap_or(0);
    match (at, trials[at].trial) {
        (0, _) => BEST,
        (_, 0) => OWN,
        _ => shade(trials[at].rung, last),
    }
}

/// What the colours mean, from `at` to the right.
fn legend<B: DrawingBackend>(canvas: &Canvas<B>, [x, y]: Point, trials: &[SearchedTrial]) -> Drawn {
    let best = trials[0].trial;
    let own = "trial 0: the recipe's own settings";
    let entries: &[(RGBColor, String)] = &match best {
        0 => vec![(BEST, format!("best: {own}"))],
        best => vec![(BEST, format!("best: trial {best}")), (OWN, own.to_owned())],
    };
    let mut x = x;
    for (colour, text) in entries {
        canvas.dot([x + 4.0, y], 4.0, *colour)?;
        let lettering = Lettering::new(14.0).in_colour(*colour).starting_here();
        canvas.text([x + 14.0, y], text, lettering)?;
        x += 170.0;
    }
    Ok(())
}

/// The metric against epochs.
pub(super) struct Curves<'a> {
    pub(super) title: String,
    pub(super) metric: Monitor,
    pub(super) trials: &'a [SearchedTrial],
}

const CURVES_SIZE: [usize; 2] = [900, 540];

impl Drawing for Curves<'_> {
    fn size(&self) -> [usize; 2] {
        CURVES_SIZE
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn {
        let frame = Frame {
            left: 72.0,
            top: 120.0,
            width: 690.0,
            height: 352.0,
        };
        let title = Lettering::new(21.0).starting_here();
        canvas.text([frame.left, 30.0], &self.title, title)?;
        let under = Lettering::new(17.0).starting_here();
        canvas.text([frame.left, 64.0], heading(self.metric), under)?;
        legend(canvas, [frame.left, 92.0], self.trials)?;
        let points = || self.trials.iter().flat_map(|trial| &trial.curve);
        let last = points().map(|point| point.0 + 1).max().unwrap_or(1);
        let x = Axis::of_whole_numbers(1, last, 8);
        let y = around(points().map(|point| point.1));
        frame.draw(canvas, [&x.marks(), &y.marks()], Some("Epochs"))?;
        // The best is drawn last, over all others.
        for at in (0..self.trials.len()).rev() {
            let trial = &self.trials[at];
            let colour = colour(self.trials, at);
            let line: Vec<Point> = trial
                .curve
                .iter()
                .map(|&(epoch, value)| frame.point([&x, &y], ((epoch + 1) as f64, value)))
                .collect();
            let width = if at == 0 || trial.trial == 0 {
                2.5
            } else {
                1.2
            };
            canvas.line(&line, colour, width)?;
            if let Some(&end) = line.last() {
                canvas.dot(end, if at == 0 { 4.5 } else { 2.5 }, colour)?;
            }
        }
        self.ends(canvas, &frame, &y)
    }
}

impl Curves<'_> {
    /// The values of the best and of the recipe's own settings, at the right.
    fn ends<B: DrawingBackend>(&self, canvas: &Canvas<B>, frame: &Frame, y: &Axis) -> Drawn {
        let mut heights: Vec<f64> = Vec::new();
        for (at, trial) in self.trials.iter().enumerate() {
            if at > 0 && trial.trial > 0 {
                continue;
            }
            let [right, mut height] = frame.at(1.0, y.place(trial.score));
            if let Some(near) = heights.iter().find(|it| (**it - height).abs() < 16.0) {
                height = near + 16.0;
            }
            heights.push(height);
            let lettering = Lettering::new(14.0)
                .in_colour(colour(self.trials, at))
                .starting_here();
            let label = format!("trial {} {:.4}", trial.trial, trial.score);
            canvas.text([right + 10.0, height], &label, lettering)?;
        }
        Ok(())
    }
}

/// An axis around all values.
fn around(values: impl Iterator<Item = f64> + Clone) -> Axis {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    Axis::around(low, high, TICKS)
}

/// Where the values of one key lie.
enum Scale {
    Linear(Axis),
    /// Of logarithms to the base 10.
    Log(Axis),
    /// One place a choice.
    Choice(Vec<Setting>),
}

impl Scale {
    fn new(range: &Range, values: &[&Setting]) -> Option<Self> {
        // The recipe's own setting may lie outside of the range.
        let ends = |low: f64, high: f64| {
            let numbers = || values.iter().filter_map(|value| value.number());
            (
                numbers().fold(low, f64::min),
                numbers().fold(high, f64::max),
            )
        };
        match range {
            Range::Log([low, high]) => {
                let (low, high) = ends(*low, *high);
                let (low, high) = (low.log10(), high.log10());
                low.is_finite().then(|| {
                    let mut axis = Axis::around(low, high, 4);
                    (axis.low, axis.high) = (low - 0.05 * (high - low), high + 0.05 * (high - low));
                    Self::Log(axis)
                })
            }
            Range::Linear([low, high]) => {
                let (low, high) = ends(*low, *high);
                Some(Self::Linear(Axis::around(low, high, 4)))
            }
            Range::Integer([low, high]) => {
                let (low, high) = ends(*low as f64, *high as f64);
                Some(Self::Linear(Axis::around(low, high, 4)))
            }
            Range::Choice(choices) => {
                let mut all = choices.clone();
                for value in values {
                    if !all.contains(value) {
                        all.push((*value).clone());
                    }
                }
                Some(Self::Choice(all))
            }
        }
    }

    /// From 0 to 1; none for what has no place.
    fn place(&self, value: &Setting) -> Option<f64> {
        match self {
            Self::Linear(axis) => Some(axis.place(value.number()?)),
            Self::Log(axis) => Some(axis.place(value.number()?.log10())),
            Self::Choice(choices) => {
                let at = choices.iter().position(|choice| choice == value)?;
                Some((at as f64 + 0.5) / choices.len() as f64)
            }
        }
    }

    fn ticks(&self) -> Vec<Tick> {
        match self {
            Self::Linear(axis) => axis.marks(),
            Self::Log(axis) => {
                let first = axis.low.floor() as i32;
                let last = axis.high.ceil() as i32;
                // Within one power of ten or two, 2 and 5 times it as well.
                let factors: &[f64] = match axis.high - axis.low < 2.5 {
                    true => &[1.0, 2.0, 5.0],
                    false => &[1.0],
                };
                (first..=last)
                    .flat_map(|power| factors.iter().map(move |factor| (power, *factor)))
                    .map(|(power, factor)| {
                        let place = axis.place(factor.log10() + f64::from(power));
                        (place, format!("{factor:.0}e{power}"))
                    })
                    .filter(|(place, _)| (0.0..=1.0).contains(place))
                    .collect()
            }
            Self::Choice(choices) => choices
                .iter()
                .enumerate()
                .map(|(at, choice)| ((at as f64 + 0.5) / choices.len() as f64, choice.to_string()))
                .collect(),
        }
    }
}

/// The metric against every searched key.
pub(super) struct Panels<'a> {
    title: String,
    metric: Monitor,
    trials: &'a [SearchedTrial],
    keys: Vec<(String, Scale)>,
}

const COLUMNS: usize = 3;
const PANEL: [f64; 2] = [290.0, 220.0];
/// From one panel to the next.
const PITCH: [f64; 2] = [372.0, 310.0];
const FIRST: [f64; 2] = [72.0, 120.0];

impl<'a> Panels<'a> {
    pub(super) fn new(
        title: String,
        metric: Monitor,
        trials: &'a [SearchedTrial],
        search: &BTreeMap<String, Searched>,
    ) -> Result<Self> {
        let mut keys = Vec::new();
        for (at, (key, searched)) in search.iter().enumerate() {
            let values: Vec<&Setting> = trials
                .iter()
                .filter_map(|trial| trial.values.get(at)?.as_ref())
                .collect();
            let scale = Scale::new(&searched.range, &values).ok_or_else(|| {
                Error::argument(
                    format!("figure of `{key}`"),
                    "a value is not above 0",
                    "search a linear range",
                )
            })?;
            keys.push((key.clone(), scale));
        }
        if keys.is_empty() {
            return Err(Error::argument(
                "figure of a search",
                "nothing was searched",
                "give at least one searched key",
            ));
        }
        Ok(Self {
            title,
            metric,
            trials,
            keys,
        })
    }

    fn columns(&self) -> usize {
        match self.keys.len() {
            // Room for the title; a square.
            1 | 4 => 2,
            keys => keys.min(COLUMNS),
        }
    }
}

impl Drawing for Panels<'_> {
    fn size(&self) -> [usize; 2] {
        let rows = self.keys.len().div_ceil(self.columns());
        let width = FIRST[0] + PITCH[0] * self.columns() as f64 - 40.0;
        let height = FIRST[1] + PITCH[1] * rows as f64 - 20.0;
        [width as usize, height as usize]
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn {
        let title = Lettering::new(21.0).starting_here();
        canvas.text([FIRST[0], 30.0], &self.title, title)?;
        let under = Lettering::new(17.0).starting_here();
        let heading = format!(
            "{}, at the last rung that a trial came to (darker: further)",
            heading(self.metric)
        );
        canvas.text([FIRST[0], 64.0], &heading, under)?;
        legend(canvas, [FIRST[0], 92.0], self.trials)?;
        let y = around(self.trials.iter().map(|trial| trial.score));
        for (panel, (key, scale)) in self.keys.iter().enumerate() {
            let (column, row) = (panel % self.columns(), panel / self.columns());
            let frame = Frame {
                left: FIRST[0] + column as f64 * PITCH[0],
                top: FIRST[1] + row as f64 * PITCH[1],
                width: PANEL[0],
                height: PANEL[1],
            };
            frame.draw(canvas, [&scale.ticks(), &y.marks()], Some(key))?;
            for at in (0..self.trials.len()).rev() {
                let trial = &self.trials[at];
                let value = trial.values.get(panel).and_then(Option::as_ref);
                if let Some(place) = value.and_then(|value| scale.place(value)) {
                    let radius = if at == 0 { 6.0 } else { 4.0 };
                    let centre = frame.at(place, y.place(trial.score));
                    canvas.dot(centre, radius, colour(self.trials, at))?;
                }
            }
        }
        Ok(())
    }
}
