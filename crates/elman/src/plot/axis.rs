//! Where an axis has its ticks.

use super::frame::Tick;

/// A range of numbers with ticks at multiples of 1, 2 or 5 times a power of ten.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<f64>,
    /// Digits after the point that tell all ticks apart.
    digits: usize,
}

impl Axis {
    /// An axis over `low` to `high`, with about `wanted` ticks.
    ///
    /// The ends are moved outwards to whole ticks.
    pub(super) fn around(low: f64, high: f64, wanted: usize) -> Self {
        let step = step((high - low) / wanted as f64);
        let first = (low / step + 1e-9).floor() as i64;
        let last = ((high / step - 1e-9).ceil() as i64).max(first + 1);
        Self {
            low: first as f64 * step,
            high: last as f64 * step,
            ticks: (first..=last).map(|tick| tick as f64 * step).collect(),
            digits: digits(step),
        }
    }

    /// An axis of whole numbers from exactly `first` to exactly `last`.
    pub(super) fn of_whole_numbers(first: usize, last: usize, wanted: usize) -> Self {
        let span = (last - first).max(1);
        let step = step(span as f64 / wanted as f64).max(1.0) as usize;
        let ticks = (first.div_ceil(step)..=last / step).map(|tick| (tick * step) as f64);
        let margin = if first == last { 0.5 } else { 0.0 };
        Self {
            low: first as f64 - margin,
            high: last as f64 + margin,
            ticks: ticks.collect(),
            digits: 0,
        }
    }

    /// Where `value` lies: 0 at the low end, 1 at the high end.
    pub(super) fn place(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// The ticks as a frame draws them.
    pub(super) fn marks(&self) -> Vec<Tick> {
        let marks = self.ticks.iter();
        marks.map(|&it| (self.place(it), self.label(it))).collect()
    }

    pub(super) fn label(&self, tick: f64) -> String {
        format!("{tick:.*}", self.digits)
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `least`.
fn step(least: f64) -> f64 {
    let least = least.max(1e-12);
    let power = 10_f64.powi(least.log10().floor() as i32);
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|&step| step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

fn digits(step: f64) -> usize {
    (-(step * 1.000_001).log10().floor()).max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|&tick| axis.label(tick)).collect()
    }

    #[test]
    fn ticks_are_round_numbers_that_enclose_the_range() {
        let axis = Axis::around(0.912, 0.974, 5);
        assert_eq!(labels(&axis), ["0.90", "0.92", "0.94", "0.96", "0.98"]);
        assert!((axis.place(0.94) - 0.5).abs() < 1e-12);
        assert_eq!(
            labels(&Axis::around(0.0, 2.3, 5)),
            ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]
        );
        assert_eq!(
            labels(&Axis::around(0.0, 3000.0, 3)),
            ["0", "1000", "2000", "3000"]
        );
        assert_eq!(labels(&Axis::around(0.0, 0.0, 5)).len(), 2);
    }

    #[test]
    fn epochs_are_whole() {
        assert_eq!(
            labels(&Axis::of_whole_numbers(0, 3, 8)),
            ["0", "1", "2", "3"]
        );
        assert_eq!(
            labels(&Axis::of_whole_numbers(0, 99, 6)),
            ["0", "20", "40", "60", "80"]
        );
        let single = Axis::of_whole_numbers(4, 4, 6);
        assert_eq!(
            (labels(&single), single.place(4.0)),
            (vec!["4".to_owned()], 0.5)
        );
    }
}
