//! The norm of the gradient against the lag, on a logarithmic scale.

use plotters::prelude::{DrawingBackend, RGBColor};

use super::axis::Axis;
use super::canvas::{BLUE, Canvas, Drawing, Drawn, GREEN, Lettering, Point, VERMILLION};
use super::frame::Frame;

/// One line: its name, and the norm at each lag from 0.
pub(super) struct LagSeries {
    pub(super) name: String,
    pub(super) norms: Vec<f64>,
    /// What norms are compared with.
    pub(super) reference: f64,
}

/// One panel; every line is relative to its own reference.
pub(super) struct LagPlot {
    pub(super) title: String,
    pub(super) series: Vec<LagSeries>,
}

const SIZE: [usize; 2] = [820, 460];
const FRAME: Frame = Frame {
    left: 86.0,
    top: 84.0,
    width: 524.0,
    height: 312.0,
};
const LABEL_DISTANCE: f64 = 17.0;
const TICKS: usize = 6;
/// Powers of ten below the largest number that are shown; what is smaller ends the line.
const DECADES: f64 = 20.0;
const COLOURS: [RGBColor; 3] = [BLUE, VERMILLION, GREEN];

impl LagPlot {
    /// log10 of the share of the reference that is left, lag by lag, until it is nothing. A cell that
    /// does not show its state begins at lag 1.
    fn points(series: &LagSeries) -> Vec<(f64, f64)> {
        let shares = series.norms.iter().enumerate();
        let shares = shares.map(|(lag, norm)| (lag as f64, (norm / series.reference).log10()));
        shares
            .skip_while(|&(lag, share)| lag == 0.0 && share == f64::NEG_INFINITY)
            .take_while(|&(_, share)| share.is_finite() && share >= -DECADES)
            .collect()
    }
}

impl Drawing for LagPlot {
    fn size(&self) -> [usize; 2] {
        SIZE
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn {
        let lines: Vec<_> = self.series.iter().map(Self::points).collect();
        let values = || lines.iter().flatten().map(|point| point.1);
        let lowest = values().fold(-1.0, f64::min);
        let highest = values().fold(0.0, f64::max);
        let longest = self.series.iter().map(|series| series.norms.len()).max();
        let x = Axis::of_whole_numbers(0, longest.unwrap_or(1).saturating_sub(1), TICKS);
        let y = Axis::around(lowest, highest, TICKS);
        let heading = Lettering::new(21.0).starting_here();
        canvas.text([FRAME.left, 28.0], &self.title, heading)?;
        let subtitle = "Gradient of the loss, relative to that of the last state";
        canvas.text(
            [FRAME.left, FRAME.top - 26.0],
            subtitle,
            Lettering::new(16.0).starting_here(),
        )?;
        let powers = y.marks().into_iter();
        let powers: Vec<_> = powers
            .map(|(place, label)| (place, format!("1e{label}")))
            .collect();
        let along = "Time lag (steps before the last)";
        FRAME.draw(canvas, [&x.marks(), &powers], Some(along))?;
        for (index, (series, line)) in self.series.iter().zip(&lines).enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let points = line.iter();
            let points: Vec<Point> = points.map(|&point| FRAME.point([&x, &y], point)).collect();
            canvas.line(&points, colour, 2.0)?;
            let height = FRAME.top + 8.0 + index as f64 * LABEL_DISTANCE;
            let label = Lettering::new(14.0).in_colour(colour).starting_here();
            canvas.text([FRAME.right() + 14.0, height], &series.name, label)?;
        }
        Ok(())
    }
}
