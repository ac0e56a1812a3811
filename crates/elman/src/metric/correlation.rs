//! How far two series of numbers rise and fall together.

/// Pearson's correlation of pairs that come one by one.
///
/// ```text
/// r = Σ (x - x̄)(y - ȳ) / √(Σ (x - x̄)² · Σ (y - ȳ)²)
/// ```
///
/// The sums are updated with the means (Welford 1962), so that nothing cancels.
///
/// ```
/// use elman::metric::Correlation;
///
/// let mut correlation = Correlation::default();
/// for (x, y) in [(1.0, 2.0), (2.0, 4.0), (3.0, 3.0)] {
///     correlation.add(x, y);
/// }
/// let r = correlation.r().expect("both vary");
/// assert!((r - 0.5).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Correlation {
    count: f64,
    mean_x: f64,
    mean_y: f64,
    sum_xx: f64,
    sum_yy: f64,
    sum_xy: f64,
}

impl Correlation {
    /// Adds a pair.
    pub fn add(&mut self, x: f64, y: f64) {
        self.count += 1.0;
        let (from_x, from_y) = (x - self.mean_x, y - self.mean_y);
        self.mean_x += from_x / self.count;
        self.mean_y += from_y / self.count;
        self.sum_xx += from_x * (x - self.mean_x);
        self.sum_yy += from_y * (y - self.mean_y);
        self.sum_xy += from_x * (y - self.mean_y);
    }

    /// r, from -1 to 1; none where one of both never varies.
    pub fn r(&self) -> Option<f64> {
        let scale = self.sum_xx.sqrt() * self.sum_yy.sqrt();
        (scale > 0.0).then(|| (self.sum_xy / scale).clamp(-1.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn r(pairs: &[(f64, f64)]) -> Option<f64> {
        let mut correlation = Correlation::default();
        for &(x, y) in pairs {
            correlation.add(x, y);
        }
        correlation.r()
    }

    #[test]
    fn known_values() {
        assert_eq!(r(&[]), None);
        assert_eq!(r(&[(1.0, 2.0)]), None);
        assert_eq!(r(&[(1.0, 2.0), (1.0, 3.0)]), None);
        let falling = r(&[(1.0, 9.0), (2.0, 7.0), (3.0, 5.0)]).expect("both vary");
        assert!((falling + 1.0).abs() < 1e-15, "{falling}");
        // numpy.corrcoef([1, 2, 4, 8], [3, 1, 4, 1])[0, 1]
        let found = r(&[(1.0, 3.0), (2.0, 1.0), (4.0, 4.0), (8.0, 1.0)]).expect("both vary");
        assert!((found + 0.340_975_204_636_838).abs() < 1e-9, "{found}");
    }

    #[test]
    fn a_far_mean_cancels_nothing() {
        let pairs = [(1.0, 2.0), (2.0, 4.0), (3.0, 3.0)];
        let far = pairs.map(|(x, y)| (x + 1e8, y - 1e8));
        let found = r(&far).expect("both vary");
        assert!((found - 0.5).abs() < 1e-9, "{found}");
    }
}
