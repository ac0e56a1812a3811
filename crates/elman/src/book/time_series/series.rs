//! The chapter's series, and the windows that are cut from it.
//!
//! ```text
//! y(t) = t · sin(t) / 3 + 2 · sin(5 t)        0 ≤ t ≤ 30, a point every 0.1
//! ```

use burn::tensor::{Device, Tensor, TensorData};

use crate::random::numpy::RandomState;

/// Where the series ends; it begins at 0.
pub(super) const END: f64 = 30.0;
/// How far apart its points are.
pub(super) const RESOLUTION: f64 = 0.1;
/// `T` of a window.
pub(super) const STEPS: usize = 20;
/// The notebook's test window begins here …
const TEST_START: f64 = 12.2;

/// The series at `t`.
pub(super) fn value(t: f64) -> f64 {
    t * t.sin() / 3.0 + 2.0 * (t * 5.0).sin()
}

/// Windows and what follows each of their points, both `[B, T, 1]`.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    pub(super) inputs: Vec<f32>,
    pub(super) targets: Vec<f32>,
}

impl Windows {
    /// `count` windows that begin anywhere, as the notebook's `next_batch` draws them.
    pub(super) fn draw(random: &mut RandomState, count: usize) -> Self {
        let room = END - STEPS as f64 * RESOLUTION;
        let mut windows = Self {
            inputs: Vec::with_capacity(count * STEPS),
            targets: Vec::with_capacity(count * STEPS),
        };
        for _ in 0..count {
            let start = random.rand() * room;
            windows.push((0..=STEPS).map(|step| start + step as f64 * RESOLUTION));
        }
        windows
    }

    /// The window that the notebook tests its networks on. It calls
    /// `np.linspace(12.2, 12.2 + 0.1·21, 21)`, so the points are 0.105 apart and not 0.1: a slip
    /// that is kept, because its numbers depend on it.
    pub(super) fn test() -> Self {
        let mut windows = Self {
            inputs: Vec::new(),
            targets: Vec::new(),
        };
        windows.push(test_times().into_iter());
        windows
    }

    /// Appends the window whose points and last target are at `times`.
    fn push(&mut self, times: impl Iterator<Item = f64>) {
        let values: Vec<f32> = times.map(|t| value(t) as f32).collect();
        self.inputs.extend_from_slice(&values[..STEPS]);
        self.targets.extend_from_slice(&values[1..]);
    }

    /// Inputs and targets on `device`.
    pub(super) fn tensors(&self, device: &Device) -> [Tensor<3>; 2] {
        [&self.inputs, &self.targets].map(|values| {
            let shape = [values.len() / STEPS, STEPS, 1];
            Tensor::from_data(TensorData::new(values.clone(), shape), device)
        })
    }
}

/// The times of the test window and of its last target.
pub(super) fn test_times() -> Vec<f64> {
    let length = RESOLUTION * (STEPS + 1) as f64;
    (0..=STEPS)
        .map(|step| TEST_START + length * step as f64 / STEPS as f64)
        .collect()
}

/// The series at each of its points (`np.linspace(0, 30, 300)`): time and value.
pub(super) fn points() -> Vec<(f64, f64)> {
    let count = (END / RESOLUTION).round() as usize;
    (0..count)
        .map(|point| {
            let t = END * point as f64 / (count - 1) as f64;
            (t, value(t))
        })
        .collect()
}

/// The piece of the series from which the notebook lets its network go on. It takes [`STEPS`] values
/// from `t_min + (t_max - t_min / 3)` on, which is where the series ends and not two thirds of the
/// way: what the network is given it has never seen. Its numbers depend on that, so it is kept.
pub(super) fn seed_piece() -> Vec<f32> {
    (0..STEPS)
        .map(|step| value(step as f64 * RESOLUTION + END) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_numpys_and_targets_follow_inputs() {
        let windows = Windows::draw(&mut RandomState::new(42), 2);
        // np.random.seed(42); t0 = np.random.rand() * 28
        let start = 0.374_540_118_847_362_5 * 28.0;
        assert_eq!(windows.inputs[0], value(start) as f32);
        assert_eq!(windows.targets[..STEPS - 1], windows.inputs[1..STEPS]);
        assert_eq!(windows.targets[STEPS - 1], value(start + 20.0 * 0.1) as f32);
        assert_eq!(windows.inputs.len(), 2 * STEPS);
    }

    #[test]
    fn the_test_window_has_the_notebooks_spacing() {
        let times = test_times();
        assert_eq!(times.len(), 21);
        assert!((times[1] - times[0] - 0.105).abs() < 1e-12);
        assert!((times[20] - 14.3).abs() < 1e-12);
    }

    #[test]
    fn the_series_has_300_points() {
        let points = points();
        assert_eq!((points.len(), points[0]), (300, (0.0, 0.0)));
        assert_eq!(points[299].0, 30.0);
    }
}
