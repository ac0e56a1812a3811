//! How much of the loss's gradient reaches a state that lies so many steps back.

use crate::cell::StatePart;

/// Lags between which slopes are taken: more make no better median.
const MOST_LAGS: usize = 300;

/// The norm of the gradient with regard to one part of a layer's state, against the lag.
///
/// ```text
/// norm[k] = mean over rows of ‖d loss / d state[L-1-k]‖      k = 0 … , L the row's own length
/// ```
///
/// The loss is the row's own: the mean over the batch times `B`. The state at lag 0 is that after
/// the last step; its gradient is the total one, by whatever way it reaches the loss. Rows shorter
/// than a lag do not count for it. Lags are shown as far as half of the rows reach.
///
/// Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural networks",
/// arXiv 1211.5063: the norm falls or grows exponentially with the lag.
#[derive(Clone, Debug, PartialEq)]
pub struct LagNorms {
    /// What the part of the state is for.
    pub part: StatePart,
    /// By lag, from 0.
    pub norms: Vec<f64>,
}

impl LagNorms {
    /// From the norms by step and row, `[T][B]`, and the rows' lengths.
    pub(crate) fn new(part: StatePart, norms: &[Vec<f64>], lengths: &[usize]) -> Self {
        let rows_at = |lag: usize| lengths.iter().filter(|&&length| length > lag).count();
        let steps = lengths.iter().copied().max().unwrap_or(0);
        let reach = (0..steps).take_while(|&lag| 2 * rows_at(lag) >= lengths.len());
        let mean = |lag: usize| {
            let rows = lengths.iter().enumerate();
            let rows = rows.filter(|&(_, &length)| length > lag);
            let sum: f64 = rows
                .map(|(row, &length)| norms[length - 1 - lag][row])
                .sum();
            sum / rows_at(lag) as f64
        };
        Self {
            part,
            norms: reach.map(mean).collect(),
        }
    }

    /// The longest lag that is shown.
    pub fn longest(&self) -> usize {
        self.norms.len().saturating_sub(1)
    }

    /// What norms are compared with: that at lag 0. A cell that does not show its state (SRU, zoneout)
    /// has none there, because its last state reaches no loss: then that at lag 1.
    pub fn reference(&self) -> f64 {
        let nearest = self.norms.iter().take(2).copied();
        nearest.into_iter().find(|&norm| norm != 0.0).unwrap_or(0.0)
    }

    /// The share of the reference that is left at the longest lag; NaN when there is nothing.
    pub fn left(&self) -> f64 {
        self.norms.last().copied().unwrap_or(0.0) / self.reference()
    }

    /// The factor by which the norm changes with every step back: `exp` of the median slope of
    /// ln norm between all pairs of lags (Theil 1950; Sen 1968), which single outliers do not
    /// move. None with fewer than two lags that have a gradient.
    pub fn rate(&self) -> Option<f64> {
        let stride = self.norms.len().div_ceil(MOST_LAGS).max(1);
        let points: Vec<(f64, f64)> = self
            .norms
            .iter()
            .enumerate()
            .step_by(stride)
            .filter(|&(_, &norm)| norm > 0.0 && norm.is_finite())
            .map(|(lag, norm)| (lag as f64, norm.ln()))
            .collect();
        let mut slopes = Vec::new();
        for (index, &(lag, logarithm)) in points.iter().enumerate() {
            let later = points[index + 1..].iter();
            slopes.extend(later.map(|&(other, value)| (value - logarithm) / (other - lag)));
        }
        median(&mut slopes).map(f64::exp)
    }

    /// The effective memory: the first lag at which no more than 1/e of the reference is left.
    /// None when more is left at every lag that is shown: the memory is longer than the sequence.
    pub fn memory(&self) -> Option<usize> {
        let enough = self.reference() / std::f64::consts::E;
        let start = usize::from(self.norms.first() == Some(&0.0) && enough > 0.0);
        let fallen = self
            .norms
            .iter()
            .skip(start)
            .position(|&norm| norm <= enough)?;
        Some(start + fallen)
    }
}

/// The lower of the two in the middle.
fn median(numbers: &mut [f64]) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len().checked_sub(1)? / 2;
    numbers.get(middle).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decaying(rate: f64, lags: i32) -> LagNorms {
        LagNorms {
            part: StatePart::Hidden,
            norms: (0..lags).map(|lag| 3.0 * rate.powi(lag)).collect(),
        }
    }

    #[test]
    fn rate_and_memory_of_an_exponential() {
        let norms = decaying(0.9, 40);
        assert!((norms.rate().expect("a slope") - 0.9).abs() < 1e-12);
        assert!((norms.left() / 0.9_f64.powi(39) - 1.0).abs() < 1e-12);
        // 0.9^9 = .387 > 1/e = .368 > 0.9^10 = .349.
        assert_eq!(norms.memory(), Some(10));
        assert_eq!(decaying(0.99, 40).memory(), None);
        assert!((decaying(1.5, 700).rate().expect("a slope") - 1.5).abs() < 1e-9);
        let mut outlier = decaying(0.9, 40);
        outlier.norms[20] = 1e9;
        outlier.norms[30] = 0.0;
        assert!((outlier.rate().expect("a slope") - 0.9).abs() < 1e-3);
    }

    #[test]
    fn lags_count_from_each_rows_last_step() {
        // Rows of 3, 2, 0 and 3 steps; norm = 10 · step + row.
        let norms: Vec<Vec<f64>> = (0..3)
            .map(|step| (0..4).map(|row| f64::from(10 * step + row)).collect())
            .collect();
        let found = LagNorms::new(StatePart::Hidden, &norms, &[3, 2, 0, 3]).norms;
        let expected = [(20.0 + 11.0 + 23.0) / 3.0, (10.0 + 1.0 + 13.0) / 3.0, 1.5];
        assert_eq!(found, expected);
        let found = LagNorms::new(StatePart::Hidden, &norms, &[3, 2, 0, 0]).norms;
        assert_eq!(found.len(), 2, "half of the rows have two lags");
    }

    #[test]
    fn nothing_has_no_rate() {
        let nothing = LagNorms {
            part: StatePart::Hidden,
            norms: vec![0.0, 0.0],
        };
        assert!(nothing.rate().is_none() && nothing.left().is_nan());
        assert_eq!(nothing.memory(), Some(0));
    }
}
