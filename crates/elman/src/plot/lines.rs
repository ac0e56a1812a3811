//! Lines and points over one pair of axes.

use plotters::prelude::{DrawingBackend, RGBColor};

use super::axis::Axis;
use super::canvas::{
    BLUE, Canvas, Drawing, Drawn, FAINT, GREEN, Lettering, PAPER, Point, VERMILLION,
};
use super::frame::Frame;

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
const FRAME: Frame = Frame {
    left: 70.0,
    top: 72.0,
    width: 650.0,
    height: 288.0,
};
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
        let ticks = [&x.marks()[..], &y.marks()];
        let frame = FRAME.clear_of(ticks[1]);
        let heading = Lettering::new(21.0).starting_here();
        canvas.text([frame.left, 28.0], &self.title, heading)?;
        let [along, up] = self.axes;
        let above = Lettering::new(15.0).in_colour(FAINT);
        canvas.text([frame.left, frame.top - 18.0], up, above)?;
        frame.draw(canvas, ticks, Some(along))?;
        for (index, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let points = line.points.iter();
            let points: Vec<Point> = points.map(|&point| frame.point([&x, &y], point)).collect();
            line.marks.draw(canvas, &points, colour)?;
            let height = frame.top + 8.0 + index as f64 * LABEL_DISTANCE;
            line.marks.draw(
                canvas,
                &[
                    [frame.right() + 18.0, height],
                    [frame.right() + 34.0, height],
                ],
                colour,
            )?;
            let label = Lettering::new(14.0).in_colour(colour).starting_here();
            canvas.text([frame.right() + 44.0, height], &line.name, label)?;
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
