//! Lines and points over one pair of axes.

use plotters::prelude::{DrawingBackend, RGBColor};

use super::axis::Axis;
use super::canvas::{
    BLUE, Canvas, Drawing, Drawn, FAINT, GREEN, GRID, Lettering, PAPER, Point, VERMILLION,
};

/// Points with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) marks: Marks,
}

/// How points are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// Joined by a line.
    Line,
    /// Joined by a thick line.
    ThickLine,
    /// A dot each.
    Dots,
    /// A small dot each.
    SmallDots,
    /// A ring each.
    Rings,
}

impl Line {
    /// Of points (x, y) in rising order of x.
    pub fn new(name: impl Into<String>, points: Vec<(f64, f64)>, marks: Marks) -> Self {
        Self {
            name: name.into(),
            points,
            marks,
        }
    }
}

/// One panel.
pub(super) struct LinePlot<'a> {
    pub(super) title: String,
    /// What the axes are.
    pub(super) axes: [&'a str; 2],
    pub(super) lines: &'a [Line],
}

const SIZE: [usize; 2] = [900, 420];
const LEFT: f64 = 70.0;
const RIGHT: f64 = 720.0;
const TOP: f64 = 72.0;
const BOTTOM: f64 = 360.0;
const LABEL_DISTANCE: f64 = 19.0;
const TICKS: usize = 6;
const COLOURS: [RGBColor; 3] = [BLUE, VERMILLION, GREEN];
/// Radius of a dot, and of what is left free in a ring.
const DOT: f64 = 5.0;
const SMALL_DOT: f64 = 3.0;

impl LinePlot<'_> {
    /// The smallest and the largest of one coordinate.
    fn range(&self, coordinate: fn(&(f64, f64)) -> f64) -> (f64, f64) {
        let values = self.lines.iter().flat_map(|line| &line.points);
        values
            .map(coordinate)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            })
    }
}

impl Drawing for LinePlot<'_> {
    fn size(&self) -> [usize; 2] {
        SIZE
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn {
        let (low, high) = self.range(|point| point.0);
        let x = Axis::around(low, high, TICKS);
        let (low, high) = self.range(|point| point.1);
        let y = Axis::around(low, high, TICKS);
        let at = |(along, up): (f64, f64)| -> Point {
            [
                LEFT + x.place(along) * (RIGHT - LEFT),
                BOTTOM - y.place(up) * (BOTTOM - TOP),
            ]
        };
        let heading = Lettering::new(21.0).starting_here();
        canvas.text([LEFT, 28.0], &self.title, heading)?;
        let [along, up] = self.axes;
        canvas.text(
            [LEFT, TOP - 18.0],
            up,
            Lettering::new(15.0).in_colour(FAINT),
        )?;
        let small = Lettering::new(14.0).in_colour(FAINT);
        for &tick in &y.ticks {
            let [_, height] = at((x.low, tick));
            canvas.line(&[[LEFT, height], [RIGHT, height]], GRID, 1.0)?;
            canvas.text([LEFT - 8.0, height], &y.label(tick), small.ending_here())?;
        }
        for &tick in &x.ticks {
            let [place, _] = at((tick, y.low));
            canvas.line(&[[place, BOTTOM], [place, BOTTOM + 5.0]], FAINT, 1.0)?;
            canvas.text([place, BOTTOM + 17.0], &x.label(tick), small)?;
        }
        canvas.line(&[[LEFT, BOTTOM], [RIGHT, BOTTOM]], FAINT, 1.0)?;
        let under = Lettering::new(15.0).in_colour(FAINT);
        canvas.text([(LEFT + RIGHT) / 2.0, BOTTOM + 40.0], along, under)?;
        for (index, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let points: Vec<Point> = line.points.iter().map(|&point| at(point)).collect();
            line.marks.draw(canvas, &points, colour)?;
            let height = TOP + 8.0 + index as f64 * LABEL_DISTANCE;
            line.marks.draw(
                canvas,
                &[[RIGHT + 18.0, height], [RIGHT + 34.0, height]],
                colour,
            )?;
            let label = Lettering::new(14.0).in_colour(colour).starting_here();
            canvas.text([RIGHT + 44.0, height], &line.name, label)?;
        }
        Ok(())
    }
}

impl Marks {
    fn draw<B: DrawingBackend>(
        self,
        canvas: &Canvas<B>,
        points: &[Point],
        colour: RGBColor,
    ) -> Drawn {
        match self {
            Self::Line => canvas.line(points, colour, 1.6),
            Self::ThickLine => canvas.line(points, colour, 4.0),
            Self::Dots => each(points, |point| canvas.dot(point, DOT, colour)),
            Self::SmallDots => each(points, |point| canvas.dot(point, SMALL_DOT, colour)),
            Self::Rings => each(points, |point| {
                canvas.dot(point, DOT, colour)?;
                canvas.dot(point, SMALL_DOT, PAPER)
            }),
        }
    }
}

fn each(points: &[Point], draw: impl Fn(Point) -> Drawn) -> Drawn {
    points.iter().try_for_each(|&point| draw(point))
}
