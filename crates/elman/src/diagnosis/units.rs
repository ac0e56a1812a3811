//! Units that say the same whatever they read.

use burn::tensor::Tensor;

/// A unit is dead when its outputs over all rows and real steps differ by no more than this.
pub const CONSTANT_WITHIN: f64 = 1e-6;

/// The units of a layer, over a batch and all its steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnitFacts {
    /// How many there are.
    pub units: usize,
    /// Those whose output is constant, within [`CONSTANT_WITHIN`].
    pub dead: Vec<usize>,
}

/// Looks at `outputs`, `[B, T, H]`, before each row's length. One row of one step shows nothing: no
/// unit is called dead then.
pub(crate) fn unit_facts(outputs: &Tensor<3>, lengths: &[usize]) -> UnitFacts {
    let [_, time, units] = outputs.dims();
    let numbers: Vec<f64> = outputs.to_data().iter().collect();
    let mut extent = vec![[f64::INFINITY, f64::NEG_INFINITY]; units];
    for (row, &length) in numbers.chunks((time * units).max(1)).zip(lengths) {
        for step in row.chunks(units.max(1)).take(length) {
            for (unit, &value) in extent.iter_mut().zip(step) {
                *unit = [unit[0].min(value), unit[1].max(value)];
            }
        }
    }
    let seen: usize = lengths.iter().sum();
    let is_dead = |[low, high]: [f64; 2]| seen > 1 && high - low <= CONSTANT_WITHIN;
    UnitFacts {
        units,
        dead: (0..units).filter(|&unit| is_dead(extent[unit])).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn a_unit_that_never_changes_is_dead() {
        let outputs = [
            [[0.0_f32, 0.3, 1.0], [0.0, 0.3, 2.0]],
            [[0.0, 0.3, 1.0], [7.0, 0.3, 9.0]],
        ];
        let outputs = Tensor::<3>::from_data(outputs, &Device::flex());
        assert_eq!(unit_facts(&outputs, &[2, 2]).dead, [1]);
        assert_eq!(
            unit_facts(&outputs, &[2, 1]).dead,
            [0, 1],
            "padding is not read"
        );
        assert_eq!(
            unit_facts(&outputs, &[1, 0]).dead,
            [0; 0],
            "one step shows nothing"
        );
    }
}
