//! Cells of which no other program's numbers are at hand, against their papers' equations in plain
//! loops over f64 numbers, without tensors. The parameters are read under TF 1's variable names.

#[path = "support/compare.rs"]
mod compare;
#[path = "support/leaves.rs"]
#[allow(dead_code)]
mod leaves;

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor, TensorData};
use elman::cell::{
    Cell, CoupledLstmCell, CoupledLstmCellConfig, IndRnnCell, IndRnnCellConfig, LayerNormLstmCell,
    LayerNormLstmCellConfig, MinCandidate, MinGruCell, MinGruCellConfig, MinLstmCell,
    MinLstmCellConfig, Sequence, SruCell, SruCellConfig, State, UgrnnCell, UgrnnCellConfig,
};
use elman::exchange::{TensorflowVariables, Weights};
use elman::random::Seed;

use compare::relative_difference;
use leaves::randomised;

/// `T`, `F`, `H` and `P`.
const T: usize = 4;
const F: usize = 3;
const H: usize = 5;
const P: usize = 2;
/// 4,500 roundings of one unit.
const TOLERANCE: f64 = 1e-12;
/// What a forget gate gets on top.
const FORGET_BIAS: f64 = 0.3;
/// TF 1's projected outputs stay within ± this.
const CLIP: f64 = 0.05;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// A cell's parameters under TF 1's names.
struct Variables(Weights);

impl Variables {
    fn of(cell: &impl TensorflowVariables) -> Self {
        Self(cell.to_tensorflow("cell"))
    }

    fn get(&self, name: &str) -> Vec<f64> {
        let data = self.0.get(&format!("cell/{name}"));
        data.unwrap_or_else(|| panic!("{name}")).iter().collect()
    }

    /// `[x, h] · matrix`.
    fn product(&self, name: &str, x: &[f64], h: &[f64]) -> Vec<f64> {
        multiply(&self.get(name), &[x, h].concat())
    }

    /// `contrib.layers.layer_norm` in the scope `name`.
    fn norm(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let (gamma, beta) = (
            self.get(&format!("{name}/gamma")),
            self.get(&format!("{name}/beta")),
        );
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        let variance = x.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / x.len() as f64;
        (0..x.len())
            .map(|k| gamma[k] * (x[k] - mean) / (variance + 1e-12).sqrt() + beta[k])
            .collect()
    }
}

fn multiply(matrix: &[f64], row: &[f64]) -> Vec<f64> {
    let columns = matrix.len() / row.len();
    (0..columns)
        .map(|column| (0..row.len()).map(move |k| row[k] * matrix[k * columns + column]))
        .map(Iterator::sum)
        .collect()
}

fn values(tensor: Tensor<1>) -> Vec<f64> {
    tensor.into_data().iter().collect()
}

/// Runs `cell` over random inputs from a random state, and `step` (of inputs and state: output and
/// new state) beside it.
fn check<C: Cell + Module>(
    name: &str,
    cell: impl Fn() -> C,
    step: impl Fn(&C, &[f64], Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>),
) {
    let mut generator = Seed::new(6).generator(name);
    let cell = randomised(&cell(), &mut generator);
    let inputs: Vec<f64> = (0..T * F).map(|_| generator.normal()).collect();
    let options = (&Device::flex(), DType::F64);
    let start = cell.zero_state(1);
    let start = start.map(|part| {
        let [_, width] = part.dims();
        let part: Vec<f64> = (0..width).map(|_| generator.normal()).collect();
        Tensor::from_data(TensorData::new(part, [1, width]), options)
    });

    let mut state: Vec<Vec<f64>> = start
        .clone()
        .into_parts()
        .into_iter()
        .map(|part| part.into_data().iter().collect())
        .collect();
    let mut outputs = Vec::new();
    for x in inputs.chunks(F) {
        let (output, next) = step(&cell, x, state);
        outputs.extend(output);
        state = next;
    }

    let inputs = Tensor::from_data(TensorData::new(inputs, [1, T, F]), options);
    let run = cell.sequence(Sequence::batch_major(inputs), start);
    let run = run.expect("it fits");
    let compare = |what: &str, found: TensorData, expected: Vec<f64>| {
        let expected = TensorData::new(expected, found.shape().clone());
        let difference = relative_difference(&found, &expected).expect("one shape");
        assert!(
            difference < TOLERANCE,
            "{name}: {what} differs by {difference:.1e}"
        );
    };
    compare("outputs", run.outputs.into_data(), outputs);
    for (found, expected) in run.state.into_parts().into_iter().zip(state) {
        compare("state", found.into_data(), expected);
    }
}

#[test]
fn layer_norm_basic_lstm_cell() {
    let build = || {
        let config = LayerNormLstmCellConfig::new(F, H).with_forget_bias(FORGET_BIAS);
        config
            .with_dtype(DType::F64)
            .init(Seed::new(1), &Device::flex())
    };
    check(
        "layer norm lstm",
        build,
        |cell: &LayerNormLstmCell, x, state| {
            let variables = Variables::of(cell);
            let sums = variables.product("kernel", x, &state[1]);
            let gate = |index: usize, name| variables.norm(name, &sums[index * H..][..H]);
            let (i, j) = (gate(0, "input"), gate(1, "transform"));
            let (f, o) = (gate(2, "forget"), gate(3, "output"));
            let c: Vec<f64> = (0..H)
                .map(|k| state[0][k] * sigmoid(f[k] + FORGET_BIAS) + sigmoid(i[k]) * j[k].tanh())
                .collect();
            let c = variables.norm("state", &c);
            let h: Vec<f64> = (0..H).map(|k| sigmoid(o[k]) * c[k].tanh()).collect();
            (h.clone(), vec![c, h])
        },
    );
}

#[test]
fn coupled_input_forget_gate_lstm_cell() {
    for has_layer_norm in [false, true] {
        let build = || {
            let mut config = CoupledLstmCellConfig::new(F, H)
                .with_dtype(DType::F64)
                .with_forget_bias(FORGET_BIAS)
                .with_peepholes()
                .with_num_proj(P)
                .with_proj_clip(CLIP);
            if has_layer_norm {
                config = config.with_layer_norm(1.0, 0.0);
            }
            config.init(Seed::new(1), &Device::flex())
        };
        check("coupled", build, |cell: &CoupledLstmCell, x, state| {
            let variables = Variables::of(cell);
            let sums = variables.product("W", x, &state[1]);
            let gate = |index: usize, name| -> Vec<f64> {
                let sums = &sums[index * H..][..H];
                if has_layer_norm {
                    return variables.norm(name, sums);
                }
                let bias = variables.get("B");
                (0..H).map(|k| sums[k] + bias[index * H + k]).collect()
            };
            let (j, f, o) = (gate(0, "transform"), gate(1, "forget"), gate(2, "output"));
            let (w_f, w_o) = (variables.get("W_F_diag"), variables.get("W_O_diag"));
            let old = &state[0];
            let mut c: Vec<f64> = (0..H)
                .map(|k| {
                    let forget = sigmoid(f[k] + FORGET_BIAS + w_f[k] * old[k]);
                    forget * old[k] + (1.0 - forget) * j[k].tanh()
                })
                .collect();
            if has_layer_norm {
                c = variables.norm("state", &c);
            }
            let m: Vec<f64> = (0..H)
                .map(|k| sigmoid(o[k] + w_o[k] * c[k]) * c[k].tanh())
                .collect();
            let m = multiply(&variables.get("W_P"), &m);
            let m: Vec<f64> = m.into_iter().map(|it| it.clamp(-CLIP, CLIP)).collect();
            (m.clone(), vec![c, m])
        });
    }
}

#[test]
fn ugrnn_cell() {
    let build = || {
        let config = UgrnnCellConfig::new(F, H).with_forget_bias(FORGET_BIAS);
        config
            .with_dtype(DType::F64)
            .init(Seed::new(1), &Device::flex())
    };
    check("ugrnn", build, |cell: &UgrnnCell, x, state| {
        let variables = Variables::of(cell);
        let (sums, bias) = (
            variables.product("kernel", x, &state[0]),
            variables.get("bias"),
        );
        let s: Vec<f64> = (0..H)
            .map(|k| {
                let g = sigmoid(sums[k] + bias[k] + FORGET_BIAS);
                g * state[0][k] + (1.0 - g) * (sums[H + k] + bias[H + k]).tanh()
            })
            .collect();
        (s.clone(), vec![s])
    });
}

#[test]
fn indrnn_cell() {
    let build = || {
        let config = IndRnnCellConfig::new(F, H).with_dtype(DType::F64);
        config.init(Seed::new(1), &Device::flex())
    };
    check("indrnn", build, |cell: &IndRnnCell, x, state| {
        let variables = Variables::of(cell);
        let (sums, u) = (
            variables.product("kernel_w", x, &[]),
            variables.get("kernel_u"),
        );
        let bias = variables.get("bias");
        let h: Vec<f64> = (0..H)
            .map(|k| (sums[k] + u[k] * state[0][k] + bias[k]).tanh())
            .collect();
        (h.clone(), vec![h])
    });
}

#[test]
fn sru_cell() {
    let build = || {
        let config = SruCellConfig::new(F, H).with_dtype(DType::F64);
        config.init(Seed::new(1), &Device::flex())
    };
    check("sru", build, |cell: &SruCell, x, state| {
        let variables = Variables::of(cell);
        let (u, bias) = (variables.product("kernel", x, &[]), variables.get("bias"));
        let c: Vec<f64> = (0..H)
            .map(|k| {
                let f = sigmoid(u[H + k] + bias[k]);
                f * state[0][k] + (1.0 - f) * u[k]
            })
            .collect();
        let h: Vec<f64> = (0..H)
            .map(|k| {
                let r = sigmoid(u[2 * H + k] + bias[H + k]);
                r * c[k].tanh() + (1.0 - r) * u[3 * H + k]
            })
            .collect();
        (h, vec![c])
    });
}

/// The paper's `g`.
fn candidate(kind: MinCandidate, x: f64) -> f64 {
    match kind {
        MinCandidate::Linear => x,
        MinCandidate::Positive if x >= 0.0 => x + 0.5,
        MinCandidate::Positive => sigmoid(x),
    }
}

#[test]
fn minimal_gru_cell() {
    for kind in [MinCandidate::Linear, MinCandidate::Positive] {
        let build = || {
            let config = MinGruCellConfig::new(F, H).with_candidate(kind);
            config
                .with_dtype(DType::F64)
                .init(Seed::new(1), &Device::flex())
        };
        check("min gru", build, |cell: &MinGruCell, x, state| {
            let kernel: Vec<f64> = cell.kernel.val().into_data().iter().collect();
            let (sums, bias) = (multiply(&kernel, x), values(cell.bias.val()));
            let h: Vec<f64> = (0..H)
                .map(|k| {
                    let z = sigmoid(sums[k] + bias[k]);
                    (1.0 - z) * state[0][k] + z * candidate(kind, sums[H + k] + bias[H + k])
                })
                .collect();
            (h.clone(), vec![h])
        });
    }
}

#[test]
fn minimal_lstm_cell() {
    for kind in [MinCandidate::Linear, MinCandidate::Positive] {
        let build = || {
            let config = MinLstmCellConfig::new(F, H).with_candidate(kind);
            let config = config.with_forget_bias(FORGET_BIAS).with_dtype(DType::F64);
            config.init(Seed::new(1), &Device::flex())
        };
        check("min lstm", build, |cell: &MinLstmCell, x, state| {
            let kernel: Vec<f64> = cell.kernel.val().into_data().iter().collect();
            let (sums, bias) = (multiply(&kernel, x), values(cell.bias.val()));
            let h: Vec<f64> = (0..H)
                .map(|k| {
                    let f = sigmoid(sums[k] + bias[k] + FORGET_BIAS);
                    let i = sigmoid(sums[H + k] + bias[H + k]);
                    let written = candidate(kind, sums[2 * H + k] + bias[2 * H + k]);
                    f / (f + i) * state[0][k] + i / (f + i) * written
                })
                .collect();
            (h.clone(), vec![h])
        });
    }
}
