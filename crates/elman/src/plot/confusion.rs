//! A confusion matrix as a table of tinted counts.

use plotters::prelude::DrawingBackend;

use super::canvas::{
    BLUE, Canvas, Drawing, Drawn, FAINT, GRID, INK, Lettering, PAPER, VERMILLION, readable_on, tint,
};
use crate::metric::ConfusionMatrix;

/// Rows are what an image is, columns what it was taken for. What is right is blue, what is wrong
/// vermillion, both by their share of the row.
pub(super) struct Confusion<'a> {
    pub(super) title: String,
    pub(super) matrix: &'a ConfusionMatrix,
}

const TABLE_LEFT: f64 = 84.0;
const TABLE_TOP: f64 = 116.0;
const TABLE_SIZE: f64 = 500.0;
const MARGIN_RIGHT: f64 = 84.0;
const MARGIN_BELOW: f64 = 48.0;
const LARGEST_CELL: f64 = 64.0;
const SMALLEST_CELL: f64 = 3.0;
/// Counts and shares are written where a cell is at least so large.
const CELL_WITH_TEXT: f64 = 30.0;
/// Class numbers keep this distance.
const LABEL_DISTANCE: f64 = 34.0;

impl Confusion<'_> {
    fn cell(&self) -> f64 {
        let cell = TABLE_SIZE / self.matrix.classes() as f64;
        cell.clamp(SMALLEST_CELL, LARGEST_CELL).floor()
    }

    fn side(&self) -> f64 {
        self.cell() * self.matrix.classes() as f64
    }
}

impl Drawing for Confusion<'_> {
    fn size(&self) -> [usize; 2] {
        let side = self.side();
        let width = (TABLE_LEFT + side + MARGIN_RIGHT).max(640.0);
        [width as usize, (TABLE_TOP + side + MARGIN_BELOW) as usize]
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn {
        let heading = Lettering::new(21.0).starting_here();
        canvas.text([TABLE_LEFT, 30.0], &self.title, heading)?;
        let summary = format!(
            "{} of {} right: accuracy {:.4}",
            (0..self.matrix.classes())
                .map(|class| self.matrix.count(class, class))
                .sum::<u64>(),
            self.matrix.total(),
            self.matrix.accuracy()
        );
        let plain = Lettering::new(15.0).starting_here();
        canvas.text([TABLE_LEFT, 56.0], &summary, plain.in_colour(FAINT))?;
        self.cells(canvas)?;
        self.classes(canvas)?;
        if self.cell() >= CELL_WITH_TEXT {
            self.shares(canvas)?;
        }
        Ok(())
    }
}

impl Confusion<'_> {
    fn cells<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn {
        let cell = self.cell();
        let side = self.side();
        let gap = if cell >= CELL_WITH_TEXT { 1.0 } else { 0.0 };
        let frame = |width: f64| {
            [
                [TABLE_LEFT - width, TABLE_TOP - width],
                [TABLE_LEFT + side + width, TABLE_TOP + side + width],
            ]
        };
        canvas.rectangle(frame(1.0), GRID)?;
        if gap == 0.0 {
            canvas.rectangle(frame(0.0), PAPER)?;
        }
        for actual in 0..self.matrix.classes() {
            let all = self.matrix.actual(actual).max(1) as f64;
            for predicted in 0..self.matrix.classes() {
                let count = self.matrix.count(actual, predicted);
                if count == 0 && gap == 0.0 {
                    continue;
                }
                let share = count as f64 / all;
                let colour = if actual == predicted {
                    tint(BLUE, share)
                } else {
                    // The square root makes the few that are wrong visible.
                    tint(VERMILLION, share.sqrt())
                };
                let [x, y] = [predicted, actual].map(|class| class as f64 * cell);
                let [left, top] = [TABLE_LEFT + x, TABLE_TOP + y];
                canvas.rectangle([[left, top], [left + cell - gap, top + cell - gap]], colour)?;
                if cell >= CELL_WITH_TEXT && count > 0 {
                    let lettering =
                        Lettering::new(text_size(count, cell)).in_colour(readable_on(colour));
                    let centre = [left + cell / 2.0, top + cell / 2.0];
                    canvas.text(centre, &count.to_string(), lettering)?;
                }
            }
        }
        Ok(())
    }

    /// The class numbers and what rows and columns are.
    fn classes<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn {
        let cell = self.cell();
        let every = (LABEL_DISTANCE / cell).ceil().max(1.0) as usize;
        let lettering = Lettering::new(15.0);
        for class in (0..self.matrix.classes()).step_by(every) {
            let offset = (class as f64 + 0.5) * cell;
            let name = class.to_string();
            canvas.text([TABLE_LEFT + offset, TABLE_TOP - 13.0], &name, lettering)?;
            let beside = [TABLE_LEFT - 10.0, TABLE_TOP + offset];
            canvas.text(beside, &name, lettering.ending_here())?;
        }
        let middle = self.side() / 2.0;
        let faint = Lettering::new(15.0).in_colour(FAINT);
        canvas.text(
            [TABLE_LEFT + middle, TABLE_TOP - 34.0],
            "Predicted class",
            faint,
        )?;
        let beside = [TABLE_LEFT - 50.0, TABLE_TOP + middle];
        canvas.text(beside, "Actual class", faint.upwards())
    }

    /// The recall of every row and the precision of every column.
    fn shares<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn {
        let cell = self.cell();
        let side = self.side();
        let [right, bottom] = [TABLE_LEFT + side + 30.0, TABLE_TOP + side + 18.0];
        let lettering = Lettering::new(13.0).in_colour(INK);
        for class in 0..self.matrix.classes() {
            let offset = (class as f64 + 0.5) * cell;
            let recall = written(self.matrix.recall(class));
            canvas.text([right, TABLE_TOP + offset], &recall, lettering)?;
            let precision = written(self.matrix.precision(class));
            canvas.text([TABLE_LEFT + offset, bottom], &precision, lettering)?;
        }
        let faint = Lettering::new(13.0).in_colour(FAINT);
        canvas.text([right, TABLE_TOP - 13.0], "recall", faint)?;
        canvas.text(
            [TABLE_LEFT - 10.0, bottom],
            "precision",
            faint.ending_here(),
        )
    }
}

/// A share with three digits, or a dash where there is none.
fn written(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{share:.3}"))
}

/// Small enough for all digits of `count` to fit into a cell.
fn text_size(count: u64, cell: f64) -> f64 {
    let digits = count.to_string().len() as f64;
    (cell * 1.3 / digits).min(17.0)
}
