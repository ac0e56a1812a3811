//! The mean of a loss.

/// A sum of losses and how many examples are in it: the only place where their mean is formed.
///
/// ```
/// use elman::metric::MeanLoss;
///
/// let mut loss = MeanLoss::default();
/// loss.add(3.0, 2);
/// loss.add(0.5, 5);
/// assert_eq!(loss.mean(), Some(0.5));
/// assert_eq!(MeanLoss::default().mean(), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeanLoss {
    sum: f64,
    examples: u64,
}

impl MeanLoss {
    /// Adds the summed loss of some examples.
    pub fn add(&mut self, sum: f64, examples: usize) {
        self.sum += sum;
        self.examples += examples as u64;
    }

    /// The sum so far.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The examples so far.
    pub fn examples(&self) -> u64 {
        self.examples
    }

    /// The mean loss of an example; `None` before the first.
    pub fn mean(&self) -> Option<f64> {
        (self.examples > 0).then(|| self.sum / self.examples as f64)
    }
}
