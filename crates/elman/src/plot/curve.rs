//! Loss and score over the epochs.

use plotters::prelude::{DrawingBackend, RGBColor};

use super::axis::Axis;
use super::canvas::{
    BLUE, Canvas, Drawing, Drawn, GREEN, Lettering, Point, VERMILLION, text_width,
};
use super::frame::{Frame, room_for};
use crate::metric::{EpochMetrics, Figures, Measure, written};

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
/// From the end of a line to its label, and between labels of different panels.
const END_GAP: f64 = 9.0;
const PANEL_GAP: f64 = 6.0;
const END_SIZE: f64 = 14.0;
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

impl Series {
    /// The name and the last value.
    fn label(&self) -> String {
        let last = self.points.last().map_or(0.0, |point| point.1);
        format!("{} {}", self.name, written(last, 3))
    }
}

/// Where the panels begin, and how wide they are.
#[derive(Clone, Copy)]
struct Places {
    lefts: [f64; 2],
    width: f64,
}

impl Places {
    /// The usual ones, if labels have room there; else what labels leave.
    fn of(panels: &[Panel; 2]) -> Self {
        let usual = Self {
            lefts: PANELS_LEFT,
            width: PANEL_WIDTH,
        };
        let [before, beside] = panels.each_ref().map(|panel| room_for(&panel.y.marks()));
        let [between, after] = panels.each_ref().map(Panel::room_for_ends);
        let gaps = [before, between + beside, after].map(|room| room + PANEL_GAP);
        let first_end = PANELS_LEFT[0] + PANEL_WIDTH;
        let second_end = PANELS_LEFT[1] + PANEL_WIDTH;
        let usual_gaps = [
            PANELS_LEFT[0],
            PANELS_LEFT[1] - first_end,
            SIZE[0] as f64 - second_end,
        ];
        if gaps
            .iter()
            .zip(usual_gaps)
            .all(|(gap, usual)| *gap <= usual)
        {
            return usual;
        }
        let left = gaps[0].max(PANELS_LEFT[0]).ceil();
        let between = gaps[1].max(usual_gaps[1]).ceil();
        let right = gaps[2].max(usual_gaps[2]).ceil();
        let width = ((SIZE[0] as f64 - left - between - right) / 2.0).floor();
        Self {
            lefts: [left, left + width + between],
            width,
        }
    }
}

/// What one panel shows.
struct Panel {
    heading: &'static str,
    x: Axis,
    y: Axis,
    series: Vec<Series>,
}

impl Drawing for LearningCurve<'_> {
    fn size(&self) -> [usize; 2] {
        SIZE
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn {
        let measure = self
            .epochs
            .first()
            .map_or(Measure::Accuracy, |row| row.measure);
        let loss = self.series(|figures| figures.loss);
        let highest = extreme(&loss, f64::max);
        // A likelihood of numbers has logarithms of either sign.
        let lowest = extreme(&loss, f64::min);
        let axis = Axis::around(lowest.min(0.0), highest, TICKS);
        let losses = self.panel(measure.loss_heading(), axis, loss);
        let mut score = self.series(|figures| figures.score);
        if measure.trains_on_samples() {
            score.retain(|series| series.name != TRAIN);
        }
        let best = measure.best();
        let (low, high) = (extreme(&score, f64::min), extreme(&score, f64::max));
        let axis = Axis::around(low.min(best), high.max(best), TICKS);
        let scores = self.panel(measure.heading(), axis, score);
        let panels = [losses, scores];
        let Places { lefts, width } = Places::of(&panels);
        let title = Lettering::new(21.0).starting_here();
        canvas.text([lefts[0], 30.0], &self.title, title)?;
        for (panel, left) in panels.iter().zip(lefts) {
            let frame = Frame {
                left,
                top: PANEL_TOP,
                width,
                height: PANEL_BOTTOM - PANEL_TOP,
            };
            panel.draw(canvas, &frame)?;
        }
        Ok(())
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

    fn panel(&self, heading: &'static str, y: Axis, series: Vec<Series>) -> Panel {
        let epochs = || self.epochs.iter().map(|row| row.epoch);
        let first = epochs().min().unwrap_or(0);
        let last = epochs().max().unwrap_or(0);
        Panel {
            heading,
            x: Axis::of_whole_numbers(first, last, TICKS),
            y,
            series,
        }
    }
}

impl Panel {
    /// What the labels at the ends of lines need, at the right.
    fn room_for_ends(&self) -> f64 {
        let labels = self.series.iter().map(Series::label);
        let widths = labels.map(|label| text_width(&label, END_SIZE));
        END_GAP + widths.fold(0.0, f64::max)
    }

    fn at(&self, frame: &Frame, point: (f64, f64)) -> Point {
        frame.point([&self.x, &self.y], point)
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>, frame: &Frame) -> Drawn {
        canvas.text(
            [frame.left, PANEL_TOP - 24.0],
            self.heading,
            Lettering::new(17.0).starting_here(),
        )?;
        let ticks = [&self.x.marks()[..], &self.y.marks()];
        frame.draw(canvas, ticks, Some("Epoch"))?;
        for series in &self.series {
            let points: Vec<Point> = series
                .points
                .iter()
                .map(|&point| self.at(frame, point))
                .collect();
            canvas.line(&points, series.colour, 2.0)?;
            if points.len() <= MOST_DOTS {
                for point in points {
                    canvas.dot(point, 3.0, series.colour)?;
                }
            }
        }
        self.labels(canvas, frame)
    }

    /// The name and last value of every line, at its end.
    fn labels<B: DrawingBackend>(&self, canvas: &Canvas<B>, frame: &Frame) -> Drawn {
        let mut ends: Vec<(Point, &Series)> = self
            .series
            .iter()
            .filter_map(|series| {
                let &last = series.points.last()?;
                Some((self.at(frame, last), series))
            })
            .collect();
        ends.sort_by(|a, b| a.0[1].total_cmp(&b.0[1]));
        let heights = spread(ends.iter().map(|(end, ..)| end[1]).collect());
        for ((end, series), y) in ends.into_iter().zip(heights) {
            let x = end[0].max(frame.right()) + END_GAP;
            let lettering = Lettering::new(END_SIZE)
                .in_colour(series.colour)
                .starting_here();
            canvas.text([x, y], &series.label(), lettering)?;
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
