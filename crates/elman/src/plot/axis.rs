//! Where an axis has its ticks.

use super::frame::Tick;

/// A range of numbers with ticks at multiples of 1, 2 or 5 times a power of ten.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<f64>,
    writing: Writing,
}

/// How ticks are written: with as many digits after the point as tell all of them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Plain {
        digits: usize,
    },
    /// All as multiples of one power of ten.
    Scientific {
        power: i32,
        digits: usize,
    },
}

/// A label of more characters is written scientifically, if that is shorter.
const LONGEST_LABEL: usize = 7;
/// A range that is smaller than this share of its numbers has no room for ticks of its own.
const FLAT: f64 = 1e-12;
/// Smaller numbers lose their digits.
const SMALLEST_STEP: f64 = 1e-300;

impl Axis {
    /// An axis over `low` to `high`, with about `wanted` ticks.
    ///
    /// The ends are moved outwards to whole ticks.
    pub(super) fn around(low: f64, high: f64, wanted: usize) -> Self {
        let size = low.abs().max(high.abs());
        let span = match (high - low).min(f64::MAX) {
            0.0 if size == 0.0 => 1.0,
            // Flat but for rounding.
            span if span <= size * FLAT => size,
            span => span,
        };
        let step = step(span / wanted as f64);
        let first = (low / step + 1e-9).floor() as i64;
        let last = ((high / step - 1e-9).ceil() as i64).max(first + 1);
        let ticks = (first..=last).map(|tick| tick as f64 * step);
        let ticks: Vec<f64> = ticks.filter(|tick| tick.is_finite()).collect();
        Self {
            low: (first as f64 * step).max(f64::MIN),
            high: (last as f64 * step).min(f64::MAX),
            writing: Writing::of(&ticks, step),
            ticks,
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
            writing: Writing::Plain { digits: 0 },
        }
    }

    /// Where `value` lies: 0 at the low end, 1 at the high end.
    pub(super) fn place(&self, value: f64) -> f64 {
        // Halves, as a difference may be larger than any number.
        (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0)
    }

    /// The ticks as a frame draws them.
    pub(super) fn marks(&self) -> Vec<Tick> {
        let marks = self.ticks.iter();
        marks.map(|&it| (self.place(it), self.label(it))).collect()
    }

    pub(super) fn label(&self, tick: f64) -> String {
        self.writing.write(tick)
    }
}

impl Writing {
    fn of(ticks: &[f64], step: f64) -> Self {
        let longest = |writing: Self| {
            let lengths = ticks.iter().map(|&tick| writing.write(tick).len());
            lengths.max().unwrap_or(0)
        };
        let plain = Self::Plain {
            digits: digits(step),
        };
        let largest = ticks.iter().fold(step, |size, tick| size.max(tick.abs()));
        let power = power(largest);
        let scientific = Self::Scientific {
            power,
            digits: (power - self::power(step)).max(0) as usize,
        };
        match longest(plain) {
            ..=LONGEST_LABEL => plain,
            length if length <= longest(scientific) => plain,
            _ => scientific,
        }
    }

    fn write(self, tick: f64) -> String {
        match self {
            Self::Plain { digits } => format!("{tick:.digits$}"),
            Self::Scientific { .. } if tick == 0.0 => "0".to_owned(),
            Self::Scientific { power, digits } => {
                format!("{:.digits$}e{power}", tick / 10_f64.powi(power))
            }
        }
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `least`.
fn step(least: f64) -> f64 {
    let least = least.max(SMALLEST_STEP);
    let power = 10_f64.powi(least.log10().floor() as i32);
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|&step| step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

fn digits(step: f64) -> usize {
    (-power(step)).max(0) as usize
}

/// The power of ten that `size`, above 0, begins with.
fn power(size: f64) -> i32 {
    (size * 1.000_001).log10().floor() as i32
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
    fn labels_of_very_large_and_very_small_numbers_are_short() {
        assert_eq!(
            labels(&Axis::around(7.9e11, 1.27e12, 3)),
            ["0.6e12", "0.8e12", "1.0e12", "1.2e12", "1.4e12"]
        );
        assert_eq!(
            labels(&Axis::around(0.0, 3.5e-9, 4)),
            ["0", "1e-9", "2e-9", "3e-9", "4e-9"]
        );
        assert_eq!(labels(&Axis::around(-5e30, 0.0, 1)), ["-5e30", "0"]);
        // Nothing is gained: the digits that differ are the last.
        assert_eq!(
            labels(&Axis::around(123_456_789.0, 123_456_790.0, 1)),
            ["123456789", "123456790"]
        );
        assert_eq!(
            labels(&Axis::around(1e6, 4e6, 3)),
            ["1000000", "2000000", "3000000", "4000000"]
        );
        assert_eq!(
            labels(&Axis::around(0.0, 3e-5, 3)),
            ["0.00000", "0.00001", "0.00002", "0.00003"]
        );
    }

    #[test]
    fn flat_and_endless_ranges_have_ticks() {
        for (low, high) in [
            (1e12, 1e12),
            (-1e-300, -1e-300),
            (100.0, 100.000_000_000_000_01),
            (f64::MIN, f64::MAX),
            (0.0, f64::MIN_POSITIVE),
            (0.0, 5e-324),
        ] {
            let axis = Axis::around(low, high, 5);
            let labels = labels(&axis);
            assert!((2..12).contains(&labels.len()), "{low} {high}: {labels:?}");
            assert!(labels.iter().all(|label| label.len() < 12), "{labels:?}");
        }
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
