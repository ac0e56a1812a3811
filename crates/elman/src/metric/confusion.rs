//! Which class is taken for which.

use crate::error::{Error, Result};

/// How often each class (row) was taken for each class (column).
///
/// ```
/// use elman::metric::ConfusionMatrix;
///
/// # fn main() -> elman::Result<()> {
/// let mut matrix = ConfusionMatrix::new(3);
/// for (actual, predicted) in [(0, 0), (0, 1), (1, 1), (1, 1)] {
///     matrix.record(actual, predicted)?;
/// }
/// assert_eq!(matrix.count(0, 1), 1);
/// assert_eq!(matrix.accuracy(), 0.75);
/// assert_eq!(matrix.recall(0), Some(0.5));
/// assert_eq!(matrix.precision(1), Some(2.0 / 3.0));
/// assert_eq!(matrix.precision(2), None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    counts: Vec<u64>,
}

impl ConfusionMatrix {
    /// For classes 0 … `classes` - 1, nothing counted yet.
    pub fn new(classes: usize) -> Self {
        Self {
            classes,
            counts: vec![0; classes * classes],
        }
    }

    /// Counts one example.
    ///
    /// # Errors
    ///
    /// When a class is not below the number of classes.
    pub fn record(&mut self, actual: usize, predicted: usize) -> Result<()> {
        for (what, class) in [("actual", actual), ("predicted", predicted)] {
            if class >= self.classes {
                return Err(Error::argument(
                    format!("{what} class"),
                    format!("{class} of {} classes", self.classes),
                    "count only classes below that number",
                ));
            }
        }
        self.counts[actual * self.classes + predicted] += 1;
        Ok(())
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How often `actual` was taken for `predicted`.
    ///
    /// # Panics
    ///
    /// When a class is not below the number of classes.
    pub fn count(&self, actual: usize, predicted: usize) -> u64 {
        assert!(predicted < self.classes, "class {predicted}");
        self.counts[actual * self.classes + predicted]
    }

    /// How many examples were counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many examples of the class `actual` were counted.
    ///
    /// # Panics
    ///
    /// When the class is not below the number of classes.
    pub fn actual(&self, actual: usize) -> u64 {
        self.counts[actual * self.classes..][..self.classes]
            .iter()
            .sum()
    }

    /// How many examples were taken for the class `predicted`.
    ///
    /// # Panics
    ///
    /// When the class is not below the number of classes.
    pub fn predicted(&self, predicted: usize) -> u64 {
        (0..self.classes)
            .map(|actual| self.count(actual, predicted))
            .sum()
    }

    /// The share of examples that were taken for what they are, 0 to 1; NaN before the first.
    pub fn accuracy(&self) -> f64 {
        let right = (0..self.classes).map(|class| self.count(class, class));
        right.sum::<u64>() as f64 / self.total() as f64
    }

    /// Of what was taken for `class`, the share that is; `None` when nothing was.
    ///
    /// # Panics
    ///
    /// When the class is not below the number of classes.
    pub fn precision(&self, class: usize) -> Option<f64> {
        share(self.count(class, class), self.predicted(class))
    }

    /// Of what is `class`, the share that was taken for it; `None` when nothing is.
    ///
    /// # Panics
    ///
    /// When the class is not below the number of classes.
    pub fn recall(&self, class: usize) -> Option<f64> {
        share(self.count(class, class), self.actual(class))
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_what_is_and_columns_what_was_taken() {
        let mut matrix = ConfusionMatrix::new(2);
        for _ in 0..3 {
            matrix.record(1, 0).expect("in range");
        }
        assert_eq!((matrix.count(1, 0), matrix.count(0, 1)), (3, 0));
        assert_eq!((matrix.actual(1), matrix.predicted(0)), (3, 3));
        assert_eq!((matrix.recall(1), matrix.recall(0)), (Some(0.0), None));
        assert_eq!(
            (matrix.precision(0), matrix.precision(1)),
            (Some(0.0), None)
        );
        assert_eq!(matrix.accuracy(), 0.0);
        assert!(ConfusionMatrix::new(2).accuracy().is_nan());
    }

    #[test]
    fn classes_out_of_range_are_refused() {
        let mut matrix = ConfusionMatrix::new(2);
        let error = matrix.record(0, 2).expect_err("no class 2");
        assert_eq!(
            error.to_string(),
            "predicted class: 2 of 2 classes; count only classes below that number"
        );
        assert!(matrix.record(2, 0).is_err());
        assert_eq!(matrix.total(), 0);
    }
}
