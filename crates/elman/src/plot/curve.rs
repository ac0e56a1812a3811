//! Loss and score over the epochs.

use plotters::prelude::{DrawingBackend, RGBColor};

use super::axis::Axis;
use super::canvas::{BLUE, Canvas, Drawing, Drawn, GREEN, Lettering, Point, VERMILLION};
use super::frame::Frame;
use crate::metric::{EpochMetrics, Figures, Measure};

/// Two panels side by side: the loss on the left, the score on the right.
pub(super) struct LearningCurve<'a> {
    pub(super) title: String,
    pub(super) epochs: &'a [EpochMetrics],
}

const SIZE: [usize; 2] = [1040, 440];
const PANEL_WIDTH: f64 = 370.0;
const PANEL_TOP: f64 = 92.0;
const PANEL_BOTTOM: f64 = 380.0;
const PANELS_LEFT: [f64; 2] = [64.0, 574.0];
/// Labels at the ends of lines keep this distance.
const LABEL_DISTANCE: f64 = 16.0;
/// Up to so many epochs, each has a dot.
const MOST_DOTS: usize = 30;
const TICKS: usize = 5;

/// The line of the training examples.
const TRAIN: &str = "train";

/// One line of a panel.
struct Series {
    name: &'static str,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

/// What one panel shows.
struct Panel {
    heading: &'static str,
    left: f64,
    x: Axis,
    y: Axis,
    series: Vec<Series>,
}

impl Drawing for LearningCurve<'_> {
    fn size(&self) -> [usize; 2] {
        SIZE
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn {
        canvas.text(
            [PANELS_LEFT[0], 30.0],
            &self.title,
            Lettering::new(21.0).starting_here(),
        )?;
        let measure = self
            .epochs
            .first()
            .map_or(Measure::Accuracy, |row| row.measure);
        let loss = self.series(|figures| figures.loss);
        let highest = extreme(&loss, f64::max);
        // A likelihood of numbers has logarithms of either sign.
        let lowest = extreme(&loss, f64::min);
        let axis = Axis::around(lowest.min(0.0), highest, TICKS);
        self.panel(0, measure.loss_heading(), axis, loss)
            .draw(canvas)?;
        let mut score = self.series(|figures| figures.score);
        if measure.trains_on_samples() {
            score.retain(|series| series.name != TRAIN);
        }
        let best = measure.best();
        let (low, high) = (extreme(&score, f64::min), extreme(&score, f64::max));
        let axis = Axis::around(low.min(best), high.max(best), TICKS);
        self.panel(1, measure.heading(), axis, score).draw(canvas)
    }
}

/// The largest or smallest value of all.
fn extreme(series: &[Series], choose: fn(f64, f64) -> f64) -> f64 {
    series
        .iter()
        .flat_map(|series| series.points.iter().map(|point| point.1))
        .reduce(choose)
        .unwrap_or(0.0)
}

impl LearningCurve<'_> {
    fn series(&self, value: fn(Figures) -> f64) -> Vec<Series> {
        type Part = fn(&EpochMetrics) -> Option<Figures>;
        let parts: [(_, _, Part); 3] = [
            (TRAIN, BLUE, |row| Some(row.train)),
            ("valid", VERMILLION, |row| row.valid),
            ("test", GREEN, |row| Some(row.test)),
        ];
        parts
            .into_iter()
            .map(|(name, colour, part)| Series {
                name,
                colour,
                points: self
                    .epochs
                    .iter()
                    .filter_map(|row| Some((row.epoch as f64, value(part(row)?))))
                    .collect(),
            })
            .filter(|series| !series.points.is_empty())
            .collect()
    }

    fn panel(&self, place: usize, heading: &'static str, y: Axis, series: Vec<Series>) -> Panel {
        let epochs = || self.epochs.iter().map(|row| row.epoch);
        let first = epochs().min().unwrap_or(0);
        let last = epochs().max().unwrap_or(0);
        Panel {
            heading,
            left: PANELS_LEFT[place],
            x: Axis::of_whole_numbers(first, last, TICKS),
            y,
            series,
        }
    }
}

impl Panel {
    fn frame(&self) -> Frame {
        Frame {
            left: self.left,
            top: PANEL_TOP,
            width: PANEL_WIDTH,
            height: PANEL_BOTTOM - PANEL_TOP,
        }
    }

    fn at(&self, point: (f64, f64)) -> Point {
        self.frame().point([&self.x, &self.y], point)
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn {
        canvas.text(
            [self.left, PANEL_TOP - 24.0],
            self.heading,
            Lettering::new(17.0).starting_here(),
        )?;
        let ticks = [&self.x.marks()[..], &self.y.marks()];
        self.frame().draw(canvas, ticks, Some("Epoch"))?;
        for series in &self.series {
            let points: Vec<Point> = series.points.iter().map(|&point| self.at(point)).collect();
            canvas.line(&points, series.colour, 2.0)?;
            if points.len() <= MOST_DOTS {
                for point in points {
                    canvas.dot(point, 3.0, series.colour)?;
                }
            }
        }
        self.labels(canvas)
    }

    /// The name and last value of every line, at its end.
    fn labels<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn {
        let mut ends: Vec<(Point, &Series, f64)> = self
            .series
            .iter()
            .filter_map(|series| {
                let &last = series.points.last()?;
                Some((self.at(last), series, last.1))
            })
            .collect();
        ends.sort_by(|a, b| a.0[1].total_cmp(&b.0[1]));
        let heights = spread(ends.iter().map(|(end, ..)| end[1]).collect());
        for ((end, series, value), y) in ends.into_iter().zip(heights) {
            let x = end[0].max(self.frame().right()) + 9.0;
            let label = format!("{} {value:.3}", series.name);
            let lettering = Lettering::new(14.0)
                .in_colour(series.colour)
                .starting_here();
            canvas.text([x, y], &label, lettering)?;
        }
        Ok(())
    }
}

/// Moves heights, in rising order, apart and keeps them within the panel.
fn spread(mut heights: Vec<f64>) -> Vec<f64> {
    for at in 1..heights.len() {
        heights[at] = heights[at].max(heights[at - 1] + LABEL_DISTANCE);
    }
    let mut lowest = PANEL_BOTTOM - LABEL_DISTANCE / 2.0;
    for height in heights.iter_mut().rev() {
        *height = height.min(lowest);
        lowest = *height - LABEL_DISTANCE;
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_touch_and_stay_in_the_panel() {
        assert_eq!(spread(vec![100.0, 200.0]), [100.0, 200.0]);
        assert_eq!(spread(vec![100.0, 101.0, 102.0]), [100.0, 116.0, 132.0]);
        assert_eq!(spread(vec![379.0, 379.5]), [356.0, 372.0]);
    }
}
