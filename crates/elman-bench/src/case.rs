//! What is measured: shapes, their weights and inputs, their floating-point operations.

use elman::random::{Generator, Seed};
use elman_bench_protocol::{Array, CellKind, Mode, Shape, Tensors};

/// The shapes that the tables show, T,B,F,H: the book's MNIST network, its time series, a middle
/// one, a large one.
pub const SHAPES: [Shape; 4] = [
    shape(28, 150, 28, 150),
    shape(20, 50, 1, 100),
    shape(100, 32, 64, 64),
    shape(50, 64, 512, 512),
];

/// The stream: 32 different inputs, fed in turn.
pub const STREAM: Shape = shape(32, 1, 256, 256);

/// A shape from its four sizes.
pub const fn shape(time: usize, batch: usize, features: usize, units: usize) -> Shape {
    Shape {
        time,
        batch,
        features,
        units,
    }
}

/// `T,B,F,H`, as the tables and `--shapes` write it.
pub fn shape_text(shape: Shape) -> String {
    let Shape {
        time,
        batch,
        features,
        units,
    } = shape;
    format!("{time},{batch},{features},{units}")
}

/// Reads `T,B,F,H`.
///
/// # Errors
///
/// When it is not four positive numbers.
pub fn parse_shape(text: &str) -> Result<Shape, String> {
    let problem = || format!("`{text}` is not a shape; give T,B,F,H as in 28,150,28,150");
    let sizes = text
        .split(',')
        .map(|size| size.trim().parse().ok().filter(|&size: &usize| size > 0))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(problem)?;
    match sizes[..] {
        [time, batch, features, units] => Ok(shape(time, batch, features, units)),
        _ => Err(problem()),
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Which cell.
    pub cell: CellKind,
    /// What is timed.
    pub mode: Mode,
    /// Its sizes.
    pub shape: Shape,
}

impl Case {
    /// Every cell in inference and both trainings on every shape, then the LSTM's stream.
    pub fn all(shapes: &[Shape]) -> Vec<Self> {
        let mut cases = Vec::new();
        for &shape in shapes {
            for cell in CellKind::ALL {
                for mode in [Mode::Infer, Mode::Train, Mode::TrainInputs] {
                    cases.push(Self { cell, mode, shape });
                }
            }
        }
        cases.push(Self {
            cell: CellKind::Lstm,
            mode: Mode::Stream,
            shape: STREAM,
        });
        cases
    }

    /// Weights and inputs of the case: uniform in ±1/√H, inputs and cotangent standard normal.
    pub fn question(&self, seed: Seed) -> Tensors {
        let Shape {
            time,
            batch,
            features,
            units,
        } = self.shape;
        let bound = 1.0 / (units as f64).sqrt();
        let mut tensors = Tensors::default();
        for (name, shape) in self.cell.weights(features, units) {
            let draw = |generator: &mut Generator| generator.uniform_in(-bound, bound);
            tensors.insert(name, random(shape, seed.generator(name), draw));
        }
        for (name, width) in [("inputs", features), ("cotangent", units)] {
            let shape = vec![time, batch, width];
            tensors.insert(name, random(shape, seed.generator(name), Generator::normal));
        }
        tensors
    }

    /// Floating-point operations of the matrix products of one iteration, a multiplication and an
    /// addition counted as two.
    ///
    /// Forward: `2·T·B·G·H·(F + H)`. Backward adds the same for the weights, `2·T·B·G·H·H` for the
    /// states and, when asked, `2·T·B·G·H·F` for the inputs. A streaming step has T = 1.
    pub fn flops(&self) -> f64 {
        let Shape {
            time,
            batch,
            features,
            units,
        } = self.shape;
        let steps = match self.mode {
            Mode::Stream => 1,
            _ => time,
        };
        let (inputs, states) = (features, units);
        let depth = match self.mode {
            Mode::Infer | Mode::Stream => inputs + states,
            Mode::Train => 2 * (inputs + states) + states,
            Mode::TrainInputs => 3 * (inputs + states),
        };
        2.0 * (steps * batch * self.cell.gates() * units) as f64 * depth as f64
    }

    /// Bytes that one iteration must at least touch once, in f32: weights, inputs, outputs, and
    /// in training the gradients of the weights and the cotangent, too.
    pub fn least_bytes(&self) -> f64 {
        let Shape {
            time,
            batch,
            features,
            units,
        } = self.shape;
        let steps = match self.mode {
            Mode::Stream => 1,
            _ => time,
        };
        let weights: usize = self
            .cell
            .weights(features, units)
            .iter()
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum();
        let inputs = steps * batch * features;
        let outputs = steps * batch * units;
        let numbers = match self.mode {
            Mode::Infer | Mode::Stream => weights + inputs + outputs,
            Mode::Train => 2 * weights + inputs + 2 * outputs,
            Mode::TrainInputs => 2 * (weights + inputs + outputs),
        };
        (numbers * size_of::<f32>()) as f64
    }
}

fn random(
    shape: Vec<usize>,
    mut generator: Generator,
    draw: impl Fn(&mut Generator) -> f64,
) -> Array {
    let count = shape.iter().product();
    let values = (0..count).map(|_| draw(&mut generator) as f32).collect();
    Array::new(shape, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_written_as_it_is_read() {
        for shape in SHAPES {
            assert_eq!(parse_shape(&shape_text(shape)), Ok(shape));
        }
        for wrong in ["", "1,2,3", "1,2,3,4,5", "1,0,3,4", "1,2,x,4", "-1,2,3,4"] {
            let error = parse_shape(wrong).unwrap_err();
            assert!(error.contains("T,B,F,H"), "{error}");
        }
    }

    #[test]
    fn operations_are_those_of_the_products() {
        let case = |cell, mode| Case {
            cell,
            mode,
            shape: shape(2, 3, 5, 7),
        };
        // 2 steps of a [3, 5 + 7] by [12, 4 · 7] product, two operations each.
        let forward = (2 * 2 * 3 * 12 * 28) as f64;
        assert_eq!(case(CellKind::Lstm, Mode::Infer).flops(), forward);
        assert_eq!(case(CellKind::Lstm, Mode::Stream).flops(), forward / 2.0);
        assert_eq!(
            case(CellKind::Lstm, Mode::TrainInputs).flops(),
            3.0 * forward
        );
        let without_inputs = 3.0 * forward - (2 * 2 * 3 * 5 * 28) as f64;
        assert_eq!(case(CellKind::Lstm, Mode::Train).flops(), without_inputs);
        assert_eq!(case(CellKind::Basic, Mode::Infer).flops(), forward / 4.0);
    }

    #[test]
    fn the_same_seed_asks_the_same_question() {
        let case = Case {
            cell: CellKind::GruAfter,
            mode: Mode::Train,
            shape: shape(2, 3, 4, 5),
        };
        let question = case.question(Seed::new(1));
        assert_eq!(question, case.question(Seed::new(1)));
        assert_ne!(question, case.question(Seed::new(2)));
        let names: Vec<_> = question.0.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "candidate_bias",
                "candidate_kernel",
                "cotangent",
                "gates_bias",
                "gates_kernel",
                "inputs",
                "recurrent_bias"
            ]
        );
    }

    #[test]
    fn all_cases_cover_every_cell_and_mode_and_end_with_the_stream() {
        let cases = Case::all(&SHAPES[..2]);
        assert_eq!(cases.len(), 2 * 4 * 3 + 1);
        assert_eq!(cases.last().map(|case| case.mode), Some(Mode::Stream));
    }
}
