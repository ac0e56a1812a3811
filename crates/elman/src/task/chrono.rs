//! Gate biases for memories of many lengths.
//!
//! ```text
//! LSTM   forget bias = ln(u), input bias = -ln(u)        u uniform in 1 to T - 1, one for every unit
//! GRU    update bias = ln(u)                             (TF 1's update gate keeps the state)
//! ```
//!
//! A unit whose gate keeps σ(ln u) = u / (u + 1) of its cell at every step forgets over some u steps, so that
//! the units together remember over all lengths up to `T`. Tallec and Ollivier (2018), "Can recurrent
//! neural networks warp time?", arXiv 1804.11188. An LSTM's `forget_bias`, which is added at run time,
//! comes on top: set it to 0 for the paper's form.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};

use crate::cell::LstmGate;
use crate::error::{Error, Result};
use crate::random::Seed;
use crate::train::replace;

/// `model` with the gate biases of every LSTM and GRU in it drawn for memories of up to `steps`
/// (`T`) steps; without `steps` as it is.
///
/// # Errors
///
/// When `steps` is below 3, or there is neither an LSTM nor a GRU in it.
pub(super) fn draw<M: Module>(model: M, seed: Seed, steps: Option<usize>) -> Result<M> {
    let Some(steps) = steps else {
        return Ok(model);
    };
    let refuse =
        |problem: String, remedy: &str| Err(Error::argument("model.chrono_steps", problem, remedy));
    if steps < 3 {
        return refuse(format!("is {steps}"), "give at least 3 steps");
    }
    let mut drawer = Drawer {
        seed: seed.child("chrono"),
        steps,
        path: Vec::new(),
        cells: 0,
    };
    let model = model.map(&mut drawer);
    if drawer.cells == 0 {
        return refuse(
            "the model has no LSTM and no GRU, whose gates it is for".to_owned(),
            "remove this key or choose another cell",
        );
    }
    Ok(model)
}

struct Drawer {
    seed: Seed,
    steps: usize,
    /// The fields that lead to the parameter, each with the kind of its owner.
    path: Vec<(String, String)>,
    cells: usize,
}

impl Drawer {
    /// `[H]`: ln(u) for every unit of the next cell.
    fn logarithms(&mut self, units: usize) -> Vec<f32> {
        let mut generator = self.seed.generator(&format!("chrono {}", self.cells));
        self.cells += 1;
        let longest = (self.steps - 1) as f64;
        (0..units)
            .map(|_| generator.uniform_in(1.0, longest).ln() as f32)
            .collect()
    }
}

impl ModuleMapper for Drawer {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push((name.to_owned(), container.to_owned()));
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some((name, owner)) = self.path.last() else {
            return param;
        };
        let data = param.val().into_data();
        let mut biases: Vec<f64> = data.iter().collect();
        match (owner.as_str(), name.as_str()) {
            ("Struct:LstmCell", "bias") => {
                let units = biases.len() / LstmGate::STORED.len();
                let logarithms = self.logarithms(units);
                let gates = biases.chunks_exact_mut(units).zip(LstmGate::STORED);
                for (gate, which) in gates {
                    let sign = match which {
                        LstmGate::Forget => 1.0,
                        LstmGate::Input => -1.0,
                        LstmGate::Candidate | LstmGate::Output => continue,
                    };
                    for (bias, logarithm) in gate.iter_mut().zip(&logarithms) {
                        *bias = sign * f64::from(*logarithm);
                    }
                }
            }
            ("Struct:GruCell", "gates_bias") => {
                // Reset, then update.
                let units = biases.len() / 2;
                let logarithms = self.logarithms(units);
                for (bias, logarithm) in biases[units..].iter_mut().zip(logarithms) {
                    *bias = f64::from(logarithm);
                }
            }
            _ => return param,
        }
        let shape: Vec<usize> = data.shape().to_vec();
        replace(
            param,
            TensorData::new(biases, shape).convert_dtype(data.dtype()),
        )
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::cell::{BasicRnnCellConfig, GruCellConfig, LstmCellConfig};
    use crate::train::snapshot;

    const UNITS: usize = 500;

    fn bias<M: Module>(model: M, name: &str) -> Vec<f64> {
        snapshot(&model)[name].iter().collect()
    }

    #[test]
    fn an_lstm_forgets_over_all_lengths_and_writes_as_little() {
        let device = Device::flex();
        let lstm = LstmCellConfig::new(2, UNITS).init(Seed::new(1), &device);
        let lstm = draw(lstm, Seed::new(1), Some(101)).expect("an LSTM");
        let bias = bias(lstm, "bias");
        let [input, candidate, forget, output] =
            [0, 1, 2, 3].map(|at| &bias[at * UNITS..][..UNITS]);
        assert!(candidate.iter().chain(output).all(|&bias| bias == 0.0));
        let lengths: Vec<f64> = forget.iter().map(|bias| bias.exp()).collect();
        // f32 keeps seven digits.
        assert!(
            lengths
                .iter()
                .all(|&length| (0.9999..100.01).contains(&length))
        );
        let mean = lengths.iter().sum::<f64>() / UNITS as f64;
        // 500 uniform numbers of deviation 29: the mean strays by 1.3.
        assert!((mean - 50.5).abs() < 4.0, "{mean}");
        assert!(
            input
                .iter()
                .zip(forget)
                .all(|(input, forget)| *input == -forget)
        );
    }

    #[test]
    fn a_gru_keeps_over_all_lengths() {
        let device = Device::flex();
        let gru = GruCellConfig::new(2, UNITS).init(Seed::new(1), &device);
        let gru = draw(gru, Seed::new(1), Some(101)).expect("a GRU");
        let bias = bias(gru, "gates_bias");
        assert!(bias[..UNITS].iter().all(|&reset| reset == 1.0));
        let mean = bias[UNITS..].iter().map(|bias| bias.exp()).sum::<f64>() / UNITS as f64;
        assert!((mean - 50.5).abs() < 4.0, "{mean}");
    }

    #[test]
    fn what_has_no_gates_is_refused() {
        let device = Device::flex();
        let basic = BasicRnnCellConfig::new(2, 3).init(Seed::new(1), &device);
        insta::assert_snapshot!(draw(basic, Seed::new(1), Some(9)).expect_err("no gates"), @"model.chrono_steps: the model has no LSTM and no GRU, whose gates it is for; remove this key or choose another cell");
        let gru = GruCellConfig::new(2, 3).init(Seed::new(1), &device);
        insta::assert_snapshot!(draw(gru, Seed::new(1), Some(2)).expect_err("too few"), @"model.chrono_steps: is 2; give at least 3 steps");
    }
}
