//! A series and its forecast: history, median, bands.

use plotters::prelude::{DrawingBackend, RGBColor};

use super::axis::Axis;
use super::canvas::{BLUE, Canvas, Drawing, Drawn, FAINT, GRID, INK, Lettering, Point};

/// What a picture of a forecast shows.
#[derive(Clone, Debug)]
pub struct ForecastPicture<'a> {
    /// Above it.
    pub title: String,
    /// The last known steps.
    pub known: &'a [f64],
    /// The steps that are forecast.
    pub point: &'a [f64],
    /// Rising levels.
    pub levels: &'a [f64],
    /// `[Q][H]`: the forecast at each level.
    pub quantiles: &'a [Vec<f64>],
    /// The stamps of all steps, known and forecast.
    pub labels: Vec<String>,
}

pub(super) struct Forecast<'a> {
    pub(super) title: String,
    pub(super) picture: &'a ForecastPicture<'a>,
}

const SIZE: [usize; 2] = [1040, 440];
const LEFT: f64 = 78.0;
const RIGHT: f64 = 1000.0;
const TOP: f64 = 92.0;
const BOTTOM: f64 = 380.0;
const TICKS: usize = 5;
const DATES: usize = 6;
/// The colour of the outermost band, and of the innermost, where there are several.
const BANDS: [RGBColor; 2] = [RGBColor(0xd6, 0xe6, 0xf2), RGBColor(0xa0, 0xc6, 0xe2)];
/// A stamp longer than this is cut to its date.
const LONGEST_LABEL: usize = 16;

impl Drawing for Forecast<'_> {
    fn size(&self) -> [usize; 2] {
        SIZE
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn {
        let title = Lettering::new(21.0).starting_here();
        canvas.text([LEFT, 30.0], &self.title, title)?;
        let axis = self.axis();
        self.grid(canvas, &axis)?;
        self.bands(canvas, &axis)?;
        let known = self.picture.known;
        let history: Vec<Point> = known
            .iter()
            .enumerate()
            .map(|(at, &value)| self.at(&axis, at, value))
            .collect();
        canvas.line(&history, INK, 1.6)?;
        let line = self.joined(self.picture.point);
        let median: Vec<Point> = line.map(|(at, value)| self.at(&axis, at, value)).collect();
        canvas.line(&median, BLUE, 2.4)?;
        let now = self.at(&axis, known.len() - 1, axis.low)[0];
        canvas.line(&[[now, TOP], [now, BOTTOM]], FAINT, 1.0)?;
        self.legend(canvas, now)
    }
}

impl Forecast<'_> {
    fn axis(&self) -> Axis {
        let ForecastPicture {
            known,
            point,
            quantiles,
            ..
        } = self.picture;
        let numbers = || {
            known
                .iter()
                .chain(*point)
                .chain(quantiles.iter().flatten())
                .copied()
        };
        let low = numbers().fold(f64::INFINITY, f64::min);
        let high = numbers().fold(f64::NEG_INFINITY, f64::max);
        Axis::around(low, high, TICKS)
    }

    fn steps(&self) -> usize {
        self.picture.known.len() + self.picture.point.len()
    }

    fn at(&self, axis: &Axis, step: usize, value: f64) -> Point {
        let share = step as f64 / (self.steps() - 1).max(1) as f64;
        [
            LEFT + share * (RIGHT - LEFT),
            BOTTOM - axis.place(value) * (BOTTOM - TOP),
        ]
    }

    /// Steps and values of a line of the forecast, joined to the last known step.
    fn joined<'a>(
        &self,
        values: &'a [f64],
    ) -> impl DoubleEndedIterator<Item = (usize, f64)> + use<'a> {
        let known = self.picture.known;
        let first = (known.len() - 1, known[known.len() - 1]);
        let rest = values.iter().enumerate();
        let from = known.len();
        std::iter::once(first).chain(rest.map(move |(at, &value)| (from + at, value)))
    }

    /// Pairs of quantiles from the outside in, without the median.
    fn pairs(&self) -> Vec<(usize, usize)> {
        let count = self.picture.quantiles.len();
        (0..count / 2).map(|at| (at, count - 1 - at)).collect()
    }

    fn bands<B: DrawingBackend>(&self, canvas: &Canvas<B>, axis: &Axis) -> Drawn {
        let pairs = self.pairs();
        for (index, &(low, high)) in pairs.iter().enumerate() {
            let colour = shade(index, pairs.len());
            let quantiles = self.picture.quantiles;
            let up = self.joined(&quantiles[high]);
            let down = self.joined(&quantiles[low]).rev();
            let edge: Vec<Point> = up
                .chain(down)
                .map(|(at, value)| self.at(axis, at, value))
                .collect();
            canvas.polygon(&edge, colour)?;
        }
        Ok(())
    }

    fn grid<B: DrawingBackend>(&self, canvas: &Canvas<B>, axis: &Axis) -> Drawn {
        let lettering = Lettering::new(14.0).in_colour(FAINT);
        for &tick in &axis.ticks {
            let [_, y] = self.at(axis, 0, tick);
            canvas.line(&[[LEFT, y], [RIGHT, y]], GRID, 1.0)?;
            canvas.text([LEFT - 8.0, y], &axis.label(tick), lettering.ending_here())?;
        }
        canvas.line(&[[LEFT, BOTTOM], [RIGHT, BOTTOM]], FAINT, 1.0)?;
        let every = self.steps().div_ceil(DATES).max(1);
        for step in (0..self.steps()).step_by(every) {
            let [x, _] = self.at(axis, step, axis.low);
            canvas.line(&[[x, BOTTOM], [x, BOTTOM + 5.0]], FAINT, 1.0)?;
            let label: String = self
                .picture
                .labels
                .get(step)
                .into_iter()
                .flat_map(|it| it.chars())
                .take(LONGEST_LABEL)
                .collect();
            canvas.text([x, BOTTOM + 17.0], &label.replace('T', " "), lettering)?;
        }
        Ok(())
    }

    /// What each line and band is, above the panel.
    fn legend<B: DrawingBackend>(&self, canvas: &Canvas<B>, now: f64) -> Drawn {
        let y = TOP - 24.0;
        let text = Lettering::new(14.0);
        let mut x = LEFT;
        let mut entry = |name: &str, colour: RGBColor, width: f64| -> Drawn {
            canvas.line(&[[x, y], [x + 24.0, y]], colour, width)?;
            canvas.text([x + 30.0, y], name, text.starting_here())?;
            x += 48.0 + 7.6 * name.chars().count() as f64;
            Ok(())
        };
        entry("known", INK, 1.6)?;
        let center = if self.picture.quantiles.is_empty() {
            "forecast"
        } else {
            "median"
        };
        entry(center, BLUE, 2.4)?;
        let pairs = self.pairs();
        for (index, &(low, high)) in pairs.iter().enumerate() {
            let share = self.picture.levels[high] - self.picture.levels[low];
            let name = format!("{:.0} % interval", 100.0 * share);
            // Of many bands the outermost and the innermost say enough.
            if index == 0 || index + 1 == pairs.len() {
                entry(&name, shade(index, pairs.len()), 9.0)?;
            }
        }
        let last = self.picture.labels.get(self.picture.known.len() - 1);
        let last: String = last
            .into_iter()
            .flat_map(|it| it.chars())
            .take(LONGEST_LABEL)
            .collect();
        let note = format!("last known: {}", last.replace('T', " "));
        let lettering = text.in_colour(FAINT);
        canvas.text([now - 6.0, TOP + 8.0], &note, lettering.ending_here())
    }
}

/// The colour of the band at `index`, from the outside in, of `count`.
fn shade(index: usize, count: usize) -> RGBColor {
    let share = index as f64 / (count.max(2) - 1) as f64;
    let mix =
        |from: u8, to: u8| (f64::from(from) + share * (f64::from(to) - f64::from(from))) as u8;
    let [outer, inner] = BANDS;
    RGBColor(
        mix(outer.0, inner.0),
        mix(outer.1, inner.1),
        mix(outer.2, inner.2),
    )
}
