//! A series and its forecast: history, median, bands.

use plotters::prelude::{DrawingBackend, RGBColor};

use super::axis::Axis;
use super::canvas::{BLUE, Canvas, Drawing, Drawn, FAINT, INK, Lettering, Point, text_width};
use super::frame::{Frame, Tick};

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
const FRAME: Frame = Frame {
    left: 78.0,
    top: 92.0,
    width: 922.0,
    height: 288.0,
};
const TICKS: usize = 5;
/// At most so many stamps stand below the axis.
const DATES: usize = 6;
/// Between stamps of months.
const MONTHS: [i64; 9] = [1, 2, 3, 6, 12, 24, 60, 120, 240];
/// The colour of the outermost band, and of the innermost, where there are several.
const BANDS: [RGBColor; 2] = [RGBColor(0xd6, 0xe6, 0xf2), RGBColor(0xa0, 0xc6, 0xe2)];
const NOTE_SIZE: f64 = 14.0;
/// A stamp longer than this is cut to its date.
const LONGEST_LABEL: usize = 16;

impl Drawing for Forecast<'_> {
    fn size(&self) -> [usize; 2] {
        SIZE
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn {
        let axis = self.axis();
        let panel = Panel {
            frame: FRAME.clear_of(&axis.marks()),
            axis,
            steps: self.steps(),
        };
        let frame = &panel.frame;
        let title = Lettering::new(21.0).starting_here();
        canvas.text([frame.left, 30.0], &self.title, title)?;
        self.grid(canvas, &panel)?;
        self.bands(canvas, &panel)?;
        let known = self.picture.known;
        let history: Vec<Point> = known
            .iter()
            .enumerate()
            .map(|(at, &value)| panel.at(at, value))
            .collect();
        canvas.line(&history, INK, 1.6)?;
        let line = self.joined(self.picture.point);
        let median: Vec<Point> = line.map(|(at, value)| panel.at(at, value)).collect();
        canvas.line(&median, BLUE, 2.4)?;
        let now = panel.at(known.len() - 1, panel.axis.low)[0];
        canvas.line(&[[now, frame.top], [now, frame.bottom()]], FAINT, 1.0)?;
        self.legend(canvas, frame)?;
        self.last_known(canvas, frame, now)
    }
}

/// Where steps and values stand.
struct Panel {
    frame: Frame,
    axis: Axis,
    steps: usize,
}

impl Panel {
    /// How far along a step is, 0 to 1.
    fn share(&self, step: usize) -> f64 {
        step as f64 / (self.steps - 1).max(1) as f64
    }

    fn at(&self, step: usize, value: f64) -> Point {
        self.frame.at(self.share(step), self.axis.place(value))
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

    fn bands<B: DrawingBackend>(&self, canvas: &Canvas<B>, panel: &Panel) -> Drawn {
        let pairs = self.pairs();
        for (index, &(low, high)) in pairs.iter().enumerate() {
            let colour = shade(index, pairs.len());
            let quantiles = self.picture.quantiles;
            let up = self.joined(&quantiles[high]);
            let down = self.joined(&quantiles[low]).rev();
            let edge: Vec<Point> = up
                .chain(down)
                .map(|(at, value)| panel.at(at, value))
                .collect();
            canvas.polygon(&edge, colour)?;
        }
        Ok(())
    }

    fn grid<B: DrawingBackend>(&self, canvas: &Canvas<B>, panel: &Panel) -> Drawn {
        let dates = dated(&self.picture.labels, self.steps()).into_iter();
        let dates: Vec<Tick> = dates
            .map(|step| (panel.share(step), self.date(step)))
            .collect();
        let ticks = [&dates[..], &panel.axis.marks()];
        panel.frame.draw(canvas, ticks, None)
    }

    /// The stamp of a step, no longer than there is room for.
    fn date(&self, step: usize) -> String {
        let label = self.picture.labels.get(step).map_or("", String::as_str);
        let label: String = label.chars().take(LONGEST_LABEL).collect();
        label.replace('T', " ")
    }

    /// What each line and band is, above the panel.
    fn legend<B: DrawingBackend>(&self, canvas: &Canvas<B>, frame: &Frame) -> Drawn {
        let y = frame.top - 24.0;
        let text = Lettering::new(NOTE_SIZE);
        let mut x = frame.left;
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
        Ok(())
    }

    /// The stamp of the last known step, beside its line at `now`: before it, if there is room.
    fn last_known<B: DrawingBackend>(&self, canvas: &Canvas<B>, frame: &Frame, now: f64) -> Drawn {
        const GAP: f64 = 6.0;
        let last = self.date(self.picture.known.len() - 1);
        let note = format!("last known: {last}");
        let lettering = Lettering::new(NOTE_SIZE).in_colour(FAINT);
        let y = frame.top + 8.0;
        if now - GAP - text_width(&note, NOTE_SIZE) >= frame.left {
            canvas.text([now - GAP, y], &note, lettering.ending_here())
        } else {
            canvas.text([now + GAP, y], &note, lettering.starting_here())
        }
    }
}

/// The steps whose stamps stand below the axis: of steps of whole months those at the beginning of a
/// year, a quarter or the like, else every n-th.
fn dated(labels: &[String], steps: usize) -> Vec<usize> {
    let every = steps.div_ceil(DATES).max(1);
    let labels = &labels[..steps.min(labels.len())];
    let Some((months, step)) = months(labels) else {
        return (0..steps).step_by(every).collect();
    };
    // Quarters that begin in February do not begin in January.
    let phase = months[0].rem_euclid(step);
    let at = |interval: i64| -> Vec<usize> {
        let begins = |step: &usize| (months[*step] - phase).rem_euclid(interval) == 0;
        (0..months.len()).filter(begins).collect()
    };
    let whole = MONTHS.iter().filter(|&interval| interval % step == 0);
    let mut choices = whole.map(|&interval| at(interval));
    let chosen = choices.find(|choice| choice.len() <= DATES);
    match chosen {
        Some(chosen) if chosen.len() > 1 => chosen,
        _ => (0..steps).step_by(every).collect(),
    }
}

/// The months, counted from year 0, of stamps that are as many months apart each, and how many.
fn months(labels: &[String]) -> Option<(Vec<i64>, i64)> {
    let month = |label: &String| -> Option<i64> {
        let mut parts = label.splitn(3, '-');
        let year: i64 = parts.next()?.parse().ok()?;
        let month: i64 = parts.next()?.parse().ok()?;
        parts.next()?;
        Some(12 * year + month - 1)
    };
    let months: Vec<i64> = labels.iter().map(month).collect::<Option<_>>()?;
    let mut steps = months.windows(2).map(|pair| pair[1] - pair[0]);
    let step = steps.next()?;
    (step > 0 && steps.all(|other| other == step)).then_some((months, step))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(first: i64, step: i64, count: i64) -> Vec<String> {
        let months = (0..count).map(|at| first + at * step);
        let stamps = months.map(|month| format!("{}-{:02}-01", month / 12, month % 12 + 1));
        stamps.collect()
    }

    #[test]
    fn stamps_below_the_axis_are_whole_years_and_quarters() {
        let shown = |first: [i64; 2], step, count| {
            let labels = stamps(12 * first[0] + first[1] - 1, step, count);
            let dated = dated(&labels, labels.len()).into_iter();
            let dated: Vec<String> = dated.map(|step| labels[step][..7].to_owned()).collect();
            dated.join(" ")
        };
        for (first, step, count, expected) in [
            ([1957, 1], 1, 60, "1957-01 1958-01 1959-01 1960-01 1961-01"),
            ([2019, 11], 1, 60, "2020-01 2021-01 2022-01 2023-01 2024-01"),
            (
                [2019, 11],
                1,
                20,
                "2020-01 2020-04 2020-07 2020-10 2021-01 2021-04",
            ),
            ([2019, 11], 1, 4, "2019-11 2019-12 2020-01 2020-02"),
            ([2019, 11], 3, 20, "2020-02 2021-02 2022-02 2023-02 2024-02"),
            (
                [1990, 12],
                12,
                30,
                "1990-12 1995-12 2000-12 2005-12 2010-12 2015-12",
            ),
            // Of 13 months few begin a year.
            ([2019, 11], 1, 13, "2020-01 2020-04 2020-07 2020-10"),
            (
                [1000, 1],
                12,
                3000,
                "1000-01 1500-01 2000-01 2500-01 3000-01 3500-01",
            ),
        ] {
            assert_eq!(
                shown(first, step, count),
                expected,
                "{first:?} {step} {count}"
            );
        }
    }

    #[test]
    fn other_stamps_are_every_nth() {
        let days: Vec<String> = (1..=28).map(|day| format!("2024-02-{day:02}")).collect();
        assert_eq!(dated(&days, 28), [0, 5, 10, 15, 20, 25]);
        let numbers: Vec<String> = (0..4).map(|number| number.to_string()).collect();
        assert_eq!(dated(&numbers, 4), [0, 1, 2, 3]);
        assert_eq!(dated(&[], 2), [0, 1]);
    }
}
