//! The variables of `tf.contrib.rnn`'s cells, and of TensorFlow Addons'.

use burn::tensor::{Device, Tensor};

use crate::activation::Activation;
use crate::cell::{
    CoupledLstmCell, CoupledLstmSettings, CoupledNorms, CoupledPeepholes, GateNorms, IndRnnCell,
    LayerNorm, LayerNormLstmCell, LayerNormLstmSettings, LstmGate, LstmNormalisation, NasCell,
    ProductNorms, SruCell, UgrnnCell, UgrnnSettings,
};
use crate::error::Result;
use crate::exchange::reader::{Reader, Size};
use crate::exchange::tensorflow::{kernel_and_bias, origin, parameter};
use crate::exchange::{TensorflowVariables, Weights, gates::reorder};

/// The order of Keras, which TensorFlow Addons' cells have.
const KERAS: [LstmGate; 4] = LstmGate::PYTORCH;

/// What TF 1's layer-normalised LSTM calls the normalisations of its gates.
fn norm_scope(gate: LstmGate) -> &'static str {
    match gate {
        LstmGate::Input => "input",
        LstmGate::Candidate => "transform",
        LstmGate::Forget => "forget",
        LstmGate::Output => "output",
    }
}

/// A layer normalisation on the host, its groups of features side by side.
struct HostNorm {
    gain: Tensor<1>,
    shift: Tensor<1>,
}

impl HostNorm {
    /// Of `gamma` and `beta` in each of `scopes`, `[size]` each.
    fn read(reader: &mut Reader<'_>, scopes: &[String], size: Size, letters: &str) -> Self {
        let mut side_by_side = |name| {
            let parts = scopes
                .iter()
                .map(|scope| reader.take(&format!("{scope}/{name}"), letters, [size]));
            Tensor::cat(parts.collect(), 0)
        };
        Self {
            gain: side_by_side("gamma"),
            shift: side_by_side("beta"),
        }
    }

    /// On `device`; to be called when the reader has finished.
    fn into_norm(self, epsilon: f64, device: &Device) -> LayerNorm {
        let dtype = self.gain.dtype();
        LayerNorm {
            gain: parameter(self.gain, dtype, device),
            shift: parameter(self.shift, dtype, device),
            epsilon,
        }
    }

    /// With the gates of an LSTM in another order.
    fn reordered(self, from: [LstmGate; 4], to: [LstmGate; 4]) -> Self {
        Self {
            gain: reorder_vector(self.gain, from, to),
            shift: reorder_vector(self.shift, from, to),
        }
    }

    fn write(self, weights: &mut Weights, scopes: &[String]) {
        for (name, all) in [("gamma", self.gain), ("beta", self.shift)] {
            for (scope, part) in scopes.iter().zip(all.chunk(scopes.len(), 0)) {
                weights.insert_tensor(format!("{scope}/{name}"), part);
            }
        }
    }
}

impl From<&LayerNorm> for HostNorm {
    fn from(norm: &LayerNorm) -> Self {
        Self {
            gain: norm.gain.val(),
            shift: norm.shift.val(),
        }
    }
}

fn reorder_vector(vector: Tensor<1>, from: [LstmGate; 4], to: [LstmGate; 4]) -> Tensor<1> {
    reorder(vector.unsqueeze(), from, to).squeeze_dim(0)
}

/// `tf.contrib.rnn.LayerNormBasicLSTMCell`: `kernel` `[F+H, 4H]`, and `gamma` and `beta` `[H]` in
/// `input`, `transform`, `forget`, `output` and `state`.
///
/// TensorFlow Addons' `LayerNormLSTMCell`: `kernel` `[F, 4H]`, `recurrent_kernel` `[H, 4H]`, `bias`
/// `[4H]` with the forget bias in it (so the settings' is 0), gates in Keras' order; `gamma` and
/// `beta` `[4H]` in `kernel_norm` and `recurrent_norm`, `[H]` in `state_norm`. Which of the two it
/// is, `recurrent_kernel` says. Epsilons are those of the two programs.
impl TensorflowVariables for LayerNormLstmCell {
    type Settings = LayerNormLstmSettings;

    fn from_tensorflow(
        weights: &Weights,
        scope: &str,
        settings: LayerNormLstmSettings,
        device: &Device,
    ) -> Result<Self> {
        let name = |name: &str| format!("{scope}/{name}");
        let gates = LstmGate::STORED.len();
        let is_addons = weights.get(&name("recurrent_kernel")).is_some();
        let program = if is_addons {
            "LayerNormLSTMCell"
        } else {
            "LayerNormBasicLSTMCell"
        };
        let mut reader = Reader::new(weights, origin(program, scope));
        let units = reader
            .axis(&name("kernel"), 1)
            .map(|columns| columns / gates);
        let (unit, columns) = (
            Size::exactly(units),
            Size::exactly(units.map(|units| gates * units)),
        );
        if is_addons {
            let kernel = reader.take(&name("kernel"), "[F, 4H]", [Size::Unknown, columns]);
            let recurrent = reader.take(&name("recurrent_kernel"), "[H, 4H]", [unit, columns]);
            let bias = reader.take(&name("bias"), "[4H]", [columns]);
            let mut norm =
                |scope, size, letters| HostNorm::read(&mut reader, &[name(scope)], size, letters);
            let input_norm = norm("kernel_norm", columns, "[4H]");
            let recurrent_norm = norm("recurrent_norm", columns, "[4H]");
            let state_norm = norm("state_norm", unit, "[H]");
            let dtype = reader.finish()?;
            let epsilon = LstmNormalisation::PerProduct.epsilon();
            let stored = |norm: HostNorm| {
                let norm = norm.reordered(KERAS, LstmGate::STORED);
                norm.into_norm(epsilon, device)
            };
            let kernel = Tensor::cat(vec![kernel, recurrent], 0);
            let bias = reorder_vector(bias, KERAS, LstmGate::STORED);
            return Ok(Self {
                kernel: parameter(reorder(kernel, KERAS, LstmGate::STORED), dtype, device),
                gate_norms: GateNorms::PerProduct(ProductNorms {
                    input: stored(input_norm),
                    recurrent: stored(recurrent_norm),
                    bias: parameter(bias, dtype, device),
                }),
                state_norm: state_norm.into_norm(epsilon, device),
                settings,
            });
        }
        let kernel = reader.take(
            &name("kernel"),
            "[F+H, 4H]",
            [Size::more_than(units), columns],
        );
        let scopes = LstmGate::STORED.map(|gate| name(norm_scope(gate)));
        let gate_norms = HostNorm::read(&mut reader, &scopes, unit, "[H]");
        let state_norm = HostNorm::read(&mut reader, &[name("state")], unit, "[H]");
        let dtype = reader.finish()?;
        let epsilon = LstmNormalisation::PerGate.epsilon();
        Ok(Self {
            kernel: parameter(kernel, dtype, device),
            gate_norms: GateNorms::PerGate(gate_norms.into_norm(epsilon, device)),
            state_norm: state_norm.into_norm(epsilon, device),
            settings,
        })
    }

    fn to_tensorflow(&self, scope: &str) -> Weights {
        let name = |name: &str| format!("{scope}/{name}");
        let mut weights = Weights::new();
        let state = HostNorm::from(&self.state_norm);
        match &self.gate_norms {
            GateNorms::PerGate(norm) => {
                weights.insert_tensor(name("kernel"), self.kernel.val());
                let scopes = LstmGate::STORED.map(|gate| name(norm_scope(gate)));
                HostNorm::from(norm).write(&mut weights, &scopes);
                state.write(&mut weights, &[name("state")]);
            }
            GateNorms::PerProduct(norms) => {
                let theirs = |tensor| reorder(tensor, LstmGate::STORED, KERAS);
                let units = self.state_norm.gain.dims()[0];
                let kernel = theirs(self.kernel.val());
                let features = kernel.dims()[0] - units;
                weights.insert_tensor(name("kernel"), kernel.clone().narrow(0, 0, features));
                let recurrent = kernel.narrow(0, features, units);
                weights.insert_tensor(name("recurrent_kernel"), recurrent);
                let bias = reorder_vector(norms.bias.val(), LstmGate::STORED, KERAS);
                weights.insert_tensor(name("bias"), bias);
                for (scope, norm) in [
                    ("kernel_norm", &norms.input),
                    ("recurrent_norm", &norms.recurrent),
                ] {
                    let norm = HostNorm::from(norm).reordered(LstmGate::STORED, KERAS);
                    norm.write(&mut weights, &[name(scope)]);
                }
                state.write(&mut weights, &[name("state_norm")]);
            }
        }
        weights
    }
}

/// `NASCell` of `tf.contrib.rnn` and of TensorFlow Addons: `kernel` `[F, 8H]`, `recurrent_kernel`
/// `[P, 8H]`; with a bias `bias` `[8H]`; with a projection `projection_weights` `[H, P]`.
impl TensorflowVariables for NasCell {
    type Settings = ();

    fn from_tensorflow(weights: &Weights, scope: &str, (): (), device: &Device) -> Result<Self> {
        let name = |name: &str| format!("{scope}/{name}");
        let mut reader = Reader::new(weights, origin("NASCell", scope));
        let width = reader.axis(&name("kernel"), 1);
        let columns = Size::exactly(width);
        let units = width.map(|width| width / NasCell::BLOCKS);
        let projection = reader.has(&name("projection_weights")).then(|| {
            let sizes = [Size::exactly(units), Size::Unknown];
            reader.take::<2>(&name("projection_weights"), "[H, P]", sizes)
        });
        let outputs = match &projection {
            Some(_) => reader.axis(&name("projection_weights"), 1),
            None => units,
        };
        let kernel = reader.take(&name("kernel"), "[F, 8H]", [Size::Unknown, columns]);
        let recurrent = reader.take(
            &name("recurrent_kernel"),
            "[P, 8H]",
            [Size::exactly(outputs), columns],
        );
        let bias = reader
            .has(&name("bias"))
            .then(|| reader.take(&name("bias"), "[8H]", [columns]));
        let dtype = reader.finish()?;
        Ok(Self {
            kernel: parameter(kernel, dtype, device),
            recurrent_kernel: parameter(recurrent, dtype, device),
            bias: bias.map(|bias| parameter(bias, dtype, device)),
            projection: projection.map(|projection| parameter(projection, dtype, device)),
        })
    }

    fn to_tensorflow(&self, scope: &str) -> Weights {
        let mut weights = Weights::new();
        weights.insert_tensor(format!("{scope}/kernel"), self.kernel.val());
        weights.insert_tensor(
            format!("{scope}/recurrent_kernel"),
            self.recurrent_kernel.val(),
        );
        if let Some(bias) = &self.bias {
            weights.insert_tensor(format!("{scope}/bias"), bias.val());
        }
        if let Some(projection) = &self.projection {
            weights.insert_tensor(format!("{scope}/projection_weights"), projection.val());
        }
        weights
    }
}

/// `tf.contrib.rnn.CoupledInputForgetGateLSTMCell`: `W` `[F+P, 3H]`, `B` `[3H]`; with peepholes
/// `W_F_diag` and `W_O_diag` `[H]`; with a projection `W_P` `[H, P]`; with layer normalisation
/// `gamma` and `beta` `[H]` in `transform`, `forget`, `output` and `state`.
impl TensorflowVariables for CoupledLstmCell {
    type Settings = CoupledLstmSettings;

    fn from_tensorflow(
        weights: &Weights,
        scope: &str,
        settings: CoupledLstmSettings,
        device: &Device,
    ) -> Result<Self> {
        let name = |name: &str| format!("{scope}/{name}");
        let mut reader = Reader::new(weights, origin("CoupledInputForgetGateLSTMCell", scope));
        let width = reader.axis(&name("W"), 1);
        let units = width.map(|width| width / CoupledLstmCell::GATES);
        let (unit, columns) = (Size::exactly(units), Size::exactly(width));
        let has_projection = reader.has(&name("W_P"));
        let outputs = match has_projection {
            true => reader.axis(&name("W_P"), 1),
            false => units,
        };
        let kernel = reader.take(&name("W"), "[F+P, 3H]", [Size::more_than(outputs), columns]);
        let projection =
            has_projection.then(|| reader.take::<2>(&name("W_P"), "[H, P]", [unit, Size::Unknown]));
        let diagonals = ["W_F_diag", "W_O_diag"].map(name);
        let peepholes = diagonals
            .iter()
            .any(|name| reader.has(name))
            .then(|| diagonals.map(|name| reader.take::<1>(&name, "[H]", [unit])));
        let norms = reader.has(&name("state/gamma")).then(|| {
            let scopes = ["transform", "forget", "output"].map(name);
            let gates = HostNorm::read(&mut reader, &scopes, unit, "[H]");
            let state = HostNorm::read(&mut reader, &[name("state")], unit, "[H]");
            [gates, state]
        });
        let bias = norms
            .is_none()
            .then(|| reader.take::<1>(&name("B"), "[3H]", [columns]));
        let dtype = reader.finish()?;
        let epsilon = LstmNormalisation::PerGate.epsilon();
        Ok(Self {
            kernel: parameter(kernel, dtype, device),
            bias: bias.map(|bias| parameter(bias, dtype, device)),
            norms: norms.map(|norms| {
                let [gates, state] = norms.map(|norm| norm.into_norm(epsilon, device));
                CoupledNorms { gates, state }
            }),
            peepholes: peepholes.map(|diagonals| {
                let [forget, output] = diagonals.map(|diagonal| parameter(diagonal, dtype, device));
                CoupledPeepholes { forget, output }
            }),
            projection: projection.map(|projection| parameter(projection, dtype, device)),
            settings,
        })
    }

    fn to_tensorflow(&self, scope: &str) -> Weights {
        let name = |name: &str| format!("{scope}/{name}");
        let mut weights = Weights::new();
        weights.insert_tensor(name("W"), self.kernel.val());
        if let Some(bias) = &self.bias {
            weights.insert_tensor(name("B"), bias.val());
        }
        if let Some(norms) = &self.norms {
            let scopes = ["transform", "forget", "output"].map(name);
            HostNorm::from(&norms.gates).write(&mut weights, &scopes);
            HostNorm::from(&norms.state).write(&mut weights, &[name("state")]);
        }
        if let Some(peepholes) = &self.peepholes {
            weights.insert_tensor(name("W_F_diag"), peepholes.forget.val());
            weights.insert_tensor(name("W_O_diag"), peepholes.output.val());
        }
        if let Some(projection) = &self.projection {
            weights.insert_tensor(name("W_P"), projection.val());
        }
        weights
    }
}

/// `tf.contrib.rnn.UGRNNCell`: `kernel` `[F+H, 2H]`, `bias` `[2H]`.
impl TensorflowVariables for UgrnnCell {
    type Settings = UgrnnSettings;

    fn from_tensorflow(
        weights: &Weights,
        scope: &str,
        settings: UgrnnSettings,
        device: &Device,
    ) -> Result<Self> {
        let [kernel, bias] = ["kernel", "bias"].map(|name| format!("{scope}/{name}"));
        let mut reader = Reader::new(weights, origin("UGRNNCell", scope));
        let width = reader.axis(&bias, 0).or(reader.axis(&kernel, 1));
        let columns = Size::exactly(width);
        let rows = Size::more_than(width.map(|width| width / 2));
        let kernel = reader.take(&kernel, "[F+H, 2H]", [rows, columns]);
        let bias = reader.take(&bias, "[2H]", [columns]);
        let dtype = reader.finish()?;
        Ok(Self {
            kernel: parameter(kernel, dtype, device),
            bias: parameter(bias, dtype, device),
            settings,
        })
    }

    fn to_tensorflow(&self, scope: &str) -> Weights {
        kernel_and_bias(scope, &self.kernel, &self.bias)
    }
}

/// `tf.contrib.rnn.IndRNNCell`: `kernel_w` `[F, H]`, `kernel_u` `[H]`, `bias` `[H]`.
impl TensorflowVariables for IndRnnCell {
    type Settings = Activation;

    fn from_tensorflow(
        weights: &Weights,
        scope: &str,
        activation: Activation,
        device: &Device,
    ) -> Result<Self> {
        let [kernel, recurrent, bias] =
            ["kernel_w", "kernel_u", "bias"].map(|name| format!("{scope}/{name}"));
        let mut reader = Reader::new(weights, origin("IndRNNCell", scope));
        let units = Size::exactly(reader.axis(&bias, 0).or(reader.axis(&kernel, 1)));
        let kernel = reader.take(&kernel, "[F, H]", [Size::Unknown, units]);
        let recurrent = reader.take(&recurrent, "[H]", [units]);
        let bias = reader.take(&bias, "[H]", [units]);
        let dtype = reader.finish()?;
        Ok(Self {
            kernel: parameter(kernel, dtype, device),
            recurrent: parameter(recurrent, dtype, device),
            bias: parameter(bias, dtype, device),
            activation,
        })
    }

    fn to_tensorflow(&self, scope: &str) -> Weights {
        let mut weights = Weights::new();
        weights.insert_tensor(format!("{scope}/kernel_w"), self.kernel.val());
        weights.insert_tensor(format!("{scope}/kernel_u"), self.recurrent.val());
        weights.insert_tensor(format!("{scope}/bias"), self.bias.val());
        weights
    }
}

/// `tf.contrib.rnn.SRUCell`: `kernel` `[F, 4H]`, `bias` `[2H]`.
impl TensorflowVariables for SruCell {
    type Settings = Activation;

    fn from_tensorflow(
        weights: &Weights,
        scope: &str,
        activation: Activation,
        device: &Device,
    ) -> Result<Self> {
        let [kernel, bias] = ["kernel", "bias"].map(|name| format!("{scope}/{name}"));
        let mut reader = Reader::new(weights, origin("SRUCell", scope));
        let units = reader.axis(&bias, 0).map(|width| width / 2);
        let columns = Size::exactly(units.map(|units| 4 * units));
        let kernel = reader.take(&kernel, "[F, 4H]", [Size::Unknown, columns]);
        let bias = reader.take(&bias, "[2H]", [Size::exactly(units.map(|units| 2 * units))]);
        let dtype = reader.finish()?;
        Ok(Self {
            kernel: parameter(kernel, dtype, device),
            bias: parameter(bias, dtype, device),
            activation,
        })
    }

    fn to_tensorflow(&self, scope: &str) -> Weights {
        kernel_and_bias(scope, &self.kernel, &self.bias)
    }
}
