//! A rectangle with axes, in which points stand.

use plotters::prelude::DrawingBackend;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, FAINT, GRID, Lettering, Point, text_width};

/// Where a rectangle stands, in units of the figure.
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A tick: its place on the axis, 0 to 1, and its label.
pub(super) type Tick = (f64, String);

/// How large labels of ticks are.
pub(super) const TICK_SIZE: f64 = 14.0;
/// From a label of an upward axis to the frame.
const TICK_GAP: f64 = 8.0;
/// No label comes nearer to the edge of the figure.
const EDGE: f64 = 3.0;

/// What the labels of an upward axis need at the left of a frame.
pub(super) fn room_for(up: &[Tick]) -> f64 {
    let widths = up.iter().map(|(_, label)| text_width(label, TICK_SIZE));
    widths.fold(0.0, f64::max) + TICK_GAP
}

impl Frame {
    /// As far to the right of the figure's edge as the labels of `up` need, its right side unmoved.
    pub(super) fn clear_of(self, up: &[Tick]) -> Self {
        let left = self.left.max((room_for(up) + EDGE).ceil());
        Self {
            left,
            width: self.right() - left,
            ..self
        }
    }

    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// A point of the frame, from places of 0 to 1.
    pub(super) fn at(&self, x: f64, y: f64) -> Point {
        [self.left + x * self.width, self.bottom() - y * self.height]
    }

    /// The point (`x`, `y`) of two axes.
    pub(super) fn point(&self, [along, up]: [&Axis; 2], (x, y): (f64, f64)) -> Point {
        self.at(along.place(x), up.place(y))
    }

    /// A line across at each tick of `up`, ticks `along` the bottom, and what is along there.
    pub(super) fn draw<B: DrawingBackend>(
        &self,
        canvas: &Canvas<B>,
        [along, up]: [&[Tick]; 2],
        name: Option<&str>,
    ) -> Drawn {
        let lettering = Lettering::new(TICK_SIZE).in_colour(FAINT);
        for (place, label) in up {
            canvas.line(&[self.at(0.0, *place), self.at(1.0, *place)], GRID, 1.0)?;
            let [left, middle] = self.at(0.0, *place);
            canvas.text([left - TICK_GAP, middle], label, lettering.ending_here())?;
        }
        for (place, label) in along {
            let [x, bottom] = self.at(*place, 0.0);
            canvas.line(&[[x, bottom], [x, bottom + 5.0]], FAINT, 1.0)?;
            let half = text_width(label, TICK_SIZE) / 2.0 + EDGE;
            let within = x.min(canvas.across() - half).max(half);
            canvas.text([within, bottom + 17.0], label, lettering)?;
        }
        canvas.line(&[self.at(0.0, 0.0), self.at(1.0, 0.0)], FAINT, 1.0)?;
        let Some(name) = name else {
            return Ok(());
        };
        let [middle, bottom] = self.at(0.5, 0.0);
        let lettering = Lettering::new(15.0).in_colour(FAINT);
        canvas.text([middle, bottom + 40.0], name, lettering)
    }
}
