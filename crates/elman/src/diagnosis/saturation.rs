//! How much of a gate stands open or shut.

use burn::tensor::Tensor;

/// A value is saturated within this share of its range from an end: a sigmoid gate below .05 or
/// above .95, a tanh below -.9 or above .9.
pub const SATURATED_WITHIN: f64 = 0.05;

/// How many values of a gate, or of units with a bounded activation, are near an end of their range.
///
/// "Left- and right-saturated" gates: Karpathy, Johnson and Fei-Fei (2015), "Visualizing and
/// Understanding Recurrent Networks", arXiv 1506.02078, section 4.2 (there within .1).
#[derive(Clone, Debug, PartialEq)]
pub struct GateSaturation {
    /// The gate, as the cell's equation has it; `unit` for the units of a basic cell.
    pub gate: &'static str,
    bounds: [f64; 2],
    low: usize,
    high: usize,
    total: usize,
}

impl GateSaturation {
    pub(crate) fn new(gate: &'static str, bounds: [f64; 2]) -> Self {
        Self {
            gate,
            bounds,
            low: 0,
            high: 0,
            total: 0,
        }
    }

    /// Counts the `values`, `[B, H]`, of step `time`, in the rows where it is real.
    pub(crate) fn count(&mut self, values: &Tensor<2>, lengths: &[usize], time: usize) {
        let [_, units] = values.dims();
        let [low, high] = self.bounds;
        let margin = SATURATED_WITHIN * (high - low);
        let numbers: Vec<f64> = values.to_data().iter().collect();
        let rows = numbers.chunks(units.max(1)).zip(lengths);
        for (row, _) in rows.filter(|&(_, &length)| time < length) {
            self.low += row.iter().filter(|&&value| value < low + margin).count();
            self.high += row.iter().filter(|&&value| value > high - margin).count();
            self.total += row.len();
        }
    }

    /// The share of values near the low end, 0 to 1; NaN when nothing was counted.
    pub fn low(&self) -> f64 {
        self.low as f64 / self.total as f64
    }

    /// The share of values near the high end, 0 to 1; NaN when nothing was counted.
    pub fn high(&self) -> f64 {
        self.high as f64 / self.total as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn real_steps_near_an_end_are_counted() {
        let values = [[0.04_f32, 0.06, 0.94, 0.96], [0.0, 0.0, 0.0, 0.0]];
        let values = Tensor::<2>::from_data(values, &Device::flex());
        let mut gate = GateSaturation::new("forget", [0.0, 1.0]);
        gate.count(&values, &[3, 2], 2);
        assert_eq!([gate.low(), gate.high()], [0.25, 0.25]);
        gate.count(&values, &[3, 2], 1);
        assert_eq!([gate.low(), gate.high()], [0.5, 2.0 / 12.0]);
        let mut unit = GateSaturation::new("unit", [-1.0, 1.0]);
        let values = Tensor::<2>::from_data([[-0.91_f32, -0.89, 0.89, 0.91]], &Device::flex());
        unit.count(&values, &[1], 0);
        assert_eq!([unit.low(), unit.high()], [0.25, 0.25]);
    }
}
