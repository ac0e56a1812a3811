//! A confusion matrix as a table of tinted counts.

use plotters::prelude::DrawingBackend;

use super::canvas::{
    BLUE, Canvas, Drawing, Drawn, FAINT, GRID, INK, Lettering, PAPER, VERMILLION, readable_on,
    text_width, tint,
};
use crate::metric::ConfusionMatrix;

/// Rows are what an image is, columns what it was taken for. What is right is blue, what is wrong
/// vermillion, both by their share of the row.
pub(super) struct Confusion<'a> {
    title: String,
    matrix: &'a ConfusionMatrix,
    /// What classes are called, no longer than there is room for.
    names: Vec<String>,
    /// The upper left corner of the table.
    left: f64,
    top: f64,
    /// Do the names above the columns read upwards?
    names_are_upwards: bool,
}

/// The upper left corner, where names are short.
const USUAL_LEFT: f64 = 84.0;
const USUAL_TOP: f64 = 116.0;
/// The room for short names beside rows and above columns.
const USUAL_NAME: [f64; 2] = [28.0, 16.0];
/// A wider name is cut and ends in "…".
const LONGEST_NAME: f64 = 160.0;
const NAME_SIZE: f64 = 15.0;
/// Names beside each other in a row keep this distance.
const NAME_GAP: f64 = 4.0;
const TABLE_SIZE: f64 = 500.0;
const MARGIN_RIGHT: f64 = 84.0;
const MARGIN_BELOW: f64 = 48.0;
const LARGEST_CELL: f64 = 64.0;
const SMALLEST_CELL: f64 = 3.0;
/// Counts and shares are written where a cell is at least so large.
const CELL_WITH_TEXT: f64 = 30.0;
/// Names of classes keep this distance, and lines of names this.
const LABEL_DISTANCE: f64 = 34.0;
const LINE_DISTANCE: f64 = 18.0;

impl<'a> Confusion<'a> {
    pub(super) fn new(title: String, matrix: &'a ConfusionMatrix, names: &[String]) -> Self {
        let names: Vec<String> = names.iter().map(|name| fitting(name)).collect();
        let widths = names.iter().map(|name| text_width(name, NAME_SIZE));
        let widest = widths.fold(0.0, f64::max);
        let mut confusion = Self {
            title,
            matrix,
            names,
            left: USUAL_LEFT + (widest - USUAL_NAME[0]).max(0.0).ceil(),
            top: USUAL_TOP,
            names_are_upwards: false,
        };
        let slot = confusion.cell() * confusion.every() as f64;
        if widest > slot - NAME_GAP {
            confusion.names_are_upwards = true;
            confusion.top += (widest - USUAL_NAME[1]).max(0.0).ceil();
        }
        confusion
    }

    /// Of so many classes one has its name written.
    fn every(&self) -> usize {
        let distance = match self.names_are_upwards {
            true => LINE_DISTANCE,
            false => LABEL_DISTANCE,
        };
        (distance / self.cell()).ceil().max(1.0) as usize
    }

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
        let width = (self.left + side + MARGIN_RIGHT).max(640.0);
        [width as usize, (self.top + side + MARGIN_BELOW) as usize]
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn {
        let heading = Lettering::new(21.0).starting_here();
        canvas.text([USUAL_LEFT, 30.0], &self.title, heading)?;
        let summary = format!(
            "{} of {} right: accuracy {:.4}",
            (0..self.matrix.classes())
                .map(|class| self.matrix.count(class, class))
                .sum::<u64>(),
            self.matrix.total(),
            self.matrix.accuracy()
        );
        let plain = Lettering::new(15.0).starting_here();
        canvas.text([USUAL_LEFT, 56.0], &summary, plain.in_colour(FAINT))?;
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
                [self.left - width, self.top - width],
                [self.left + side + width, self.top + side + width],
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
                let [left, top] = [self.left + x, self.top + y];
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

    /// The names of classes and what rows and columns are.
    fn classes<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn {
        let cell = self.cell();
        let lettering = Lettering::new(NAME_SIZE);
        for (class, name) in self.names.iter().enumerate().step_by(self.every()) {
            let offset = (class as f64 + 0.5) * cell;
            let above = [self.left + offset, self.top - 13.0];
            if self.names_are_upwards {
                let above = [above[0], self.top - 8.0];
                canvas.text(above, name, lettering.upwards().starting_here())?;
            } else {
                canvas.text(above, name, lettering)?;
            }
            let beside = [self.left - 10.0, self.top + offset];
            canvas.text(beside, name, lettering.ending_here())?;
        }
        let middle = self.side() / 2.0;
        let faint = Lettering::new(15.0).in_colour(FAINT);
        canvas.text(
            [self.left + middle, USUAL_TOP - 34.0],
            "Predicted class",
            faint,
        )?;
        let beside = [USUAL_LEFT - 50.0, self.top + middle];
        canvas.text(beside, "Actual class", faint.upwards())
    }

    /// The recall of every row and the precision of every column.
    fn shares<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn {
        let cell = self.cell();
        let side = self.side();
        let [right, bottom] = [self.left + side + 30.0, self.top + side + 18.0];
        let lettering = Lettering::new(13.0).in_colour(INK);
        for class in 0..self.matrix.classes() {
            let offset = (class as f64 + 0.5) * cell;
            let recall = written(self.matrix.recall(class));
            canvas.text([right, self.top + offset], &recall, lettering)?;
            let precision = written(self.matrix.precision(class));
            canvas.text([self.left + offset, bottom], &precision, lettering)?;
        }
        let faint = Lettering::new(13.0).in_colour(FAINT);
        canvas.text([right, self.top - 13.0], "recall", faint)?;
        canvas.text([self.left - 10.0, bottom], "precision", faint.ending_here())
    }
}

/// `name`, cut if it is wider than there is room for.
fn fitting(name: &str) -> String {
    let mut fitting = name.to_owned();
    let mut kept = name;
    while text_width(&fitting, NAME_SIZE) > LONGEST_NAME {
        let mut letters = kept.chars();
        letters.next_back();
        kept = letters.as_str();
        fitting = format!("{}…", kept.trim_end());
    }
    fitting
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
