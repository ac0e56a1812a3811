//! TensorFlow 1's variables.
//!
//! elman stores what `tf.nn.rnn_cell` stores, so this is a matter of names alone.

use burn::module::Param;
use burn::tensor::{DType, Device, Tensor};

use crate::activation::Activation;
use crate::cell::{BasicRnnCell, GruCell, LstmCell, LstmGate, LstmSettings, Peepholes};
use crate::error::Result;
use crate::exchange::Weights;
use crate::exchange::reader::{Reader, Size};

/// A cell that TensorFlow 1 has too, under its variable names.
///
/// `scope` is the cell's variable scope: `"rnn/lstm_cell"` for the variable
/// `rnn/lstm_cell/kernel`. Other variables of the scope (an optimiser's slots) are not read.
pub trait TensorflowVariables: Sized {
    /// What the variables do not say.
    type Settings;

    /// Builds the cell from TF 1's variables, in their number type.
    ///
    /// # Errors
    ///
    /// When variables are missing or have another shape or number type: one error names them all.
    fn from_tensorflow(
        weights: &Weights,
        scope: &str,
        settings: Self::Settings,
        device: &Device,
    ) -> Result<Self>;

    /// The cell's parameters as TF 1's variables.
    fn to_tensorflow(&self, scope: &str) -> Weights;
}

/// `tf.nn.rnn_cell.BasicRNNCell`: `kernel` `[F+H, H]` and `bias` `[H]`.
impl TensorflowVariables for BasicRnnCell {
    type Settings = Activation;

    fn from_tensorflow(
        weights: &Weights,
        scope: &str,
        activation: Activation,
        device: &Device,
    ) -> Result<Self> {
        let [kernel, bias] = ["kernel", "bias"].map(|name| format!("{scope}/{name}"));
        let mut reader = Reader::new(weights, origin("BasicRNNCell", scope));
        let units = reader.axis(&bias, 0).or(reader.axis(&kernel, 1));
        let kernel = reader.take(
            &kernel,
            "[F+H, H]",
            [Size::more_than(units), Size::exactly(units)],
        );
        let bias = reader.take(&bias, "[H]", [Size::exactly(units)]);
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

/// `tf.nn.rnn_cell.BasicLSTMCell` and `LSTMCell`: `kernel` `[F+P, 4H]`, `bias` `[4H]`; with
/// peepholes `w_i_diag`, `w_f_diag` and `w_o_diag` `[H]`; with a projection `projection/kernel`
/// `[H, P]`.
impl TensorflowVariables for LstmCell {
    type Settings = LstmSettings;

    fn from_tensorflow(
        weights: &Weights,
        scope: &str,
        settings: LstmSettings,
        device: &Device,
    ) -> Result<Self> {
        let name = |name: &str| format!("{scope}/{name}");
        let gates = LstmGate::STORED.len();
        let mut reader = Reader::new(weights, origin("LSTMCell", scope));
        let units = reader
            .axis(&name("bias"), 0)
            .or(reader.axis(&name("kernel"), 1))
            .map(|columns| columns / gates);
        let columns = Size::exactly(units.map(|units| gates * units));
        let has_projection = reader.has(&name("projection/kernel"));
        let outputs = if has_projection {
            reader.axis(&name("projection/kernel"), 1)
        } else {
            units
        };
        let kernel = reader.take(
            &name("kernel"),
            "[F+P, 4H]",
            [Size::more_than(outputs), columns],
        );
        let bias = reader.take(&name("bias"), "[4H]", [columns]);
        let diagonals = ["w_i_diag", "w_f_diag", "w_o_diag"].map(name);
        let peepholes = diagonals
            .iter()
            .any(|name| reader.has(name))
            .then(|| diagonals.map(|name| reader.take(&name, "[H]", [Size::exactly(units)])));
        let projection = has_projection.then(|| {
            let sizes = [Size::exactly(units), Size::Unknown];
            reader.take(&name("projection/kernel"), "[H, P]", sizes)
        });
        let dtype = reader.finish()?;
        Ok(Self {
            kernel: parameter(kernel, dtype, device),
            bias: parameter(bias, dtype, device),
            peepholes: peepholes.map(|diagonals| {
                let [input, forget, output] =
                    diagonals.map(|diagonal: Tensor<1>| parameter(diagonal, dtype, device));
                Peepholes {
                    input,
                    forget,
                    output,
                }
            }),
            projection: projection.map(|projection| parameter(projection, dtype, device)),
            settings,
        })
    }

    fn to_tensorflow(&self, scope: &str) -> Weights {
        let mut weights = Weights::new();
        weights.insert_tensor(format!("{scope}/kernel"), self.kernel.val());
        weights.insert_tensor(format!("{scope}/bias"), self.bias.val());
        if let Some(peepholes) = &self.peepholes {
            weights.insert_tensor(format!("{scope}/w_i_diag"), peepholes.input.val());
            weights.insert_tensor(format!("{scope}/w_f_diag"), peepholes.forget.val());
            weights.insert_tensor(format!("{scope}/w_o_diag"), peepholes.output.val());
        }
        if let Some(projection) = &self.projection {
            weights.insert_tensor(format!("{scope}/projection/kernel"), projection.val());
        }
        weights
    }
}

/// `tf.nn.rnn_cell.GRUCell`: `gates/kernel` `[F+H, 2H]`, `gates/bias` `[2H]`,
/// `candidate/kernel` `[F+H, H]`, `candidate/bias` `[H]`.
///
/// TF 1's update gate `u` means "keep the old state", as elman's does. TF 1 has no GRU with the
/// reset gate after the product: such a cell has one variable more, `candidate/recurrent_bias`
/// `[H]`, which says which of the two it is.
impl TensorflowVariables for GruCell {
    type Settings = Activation;

    fn from_tensorflow(
        weights: &Weights,
        scope: &str,
        activation: Activation,
        device: &Device,
    ) -> Result<Self> {
        let name = |name: &str| format!("{scope}/{name}");
        let mut reader = Reader::new(weights, origin("GRUCell", scope));
        let units = reader
            .axis(&name("candidate/bias"), 0)
            .or(reader.axis(&name("candidate/kernel"), 1));
        let (unit_columns, gate_columns) = (
            Size::exactly(units),
            Size::exactly(units.map(|units| 2 * units)),
        );
        let rows = match reader.axis(&name("gates/kernel"), 0) {
            Some(rows) if units.is_some_and(|units| rows > units) => Size::Exactly(rows),
            _ => Size::more_than(units),
        };
        let gates_kernel = reader.take(&name("gates/kernel"), "[F+H, 2H]", [rows, gate_columns]);
        let gates_bias = reader.take(&name("gates/bias"), "[2H]", [gate_columns]);
        let candidate_kernel =
            reader.take(&name("candidate/kernel"), "[F+H, H]", [rows, unit_columns]);
        let candidate_bias = reader.take(&name("candidate/bias"), "[H]", [unit_columns]);
        let recurrent = name("candidate/recurrent_bias");
        let recurrent_bias = reader
            .has(&recurrent)
            .then(|| reader.take(&recurrent, "[H]", [unit_columns]));
        let dtype = reader.finish()?;
        Ok(Self {
            gates_kernel: parameter(gates_kernel, dtype, device),
            gates_bias: parameter(gates_bias, dtype, device),
            candidate_kernel: parameter(candidate_kernel, dtype, device),
            candidate_bias: parameter(candidate_bias, dtype, device),
            recurrent_bias: recurrent_bias.map(|bias| parameter(bias, dtype, device)),
            activation,
        })
    }

    fn to_tensorflow(&self, scope: &str) -> Weights {
        let mut weights = Weights::new();
        weights.insert_tensor(format!("{scope}/gates/kernel"), self.gates_kernel.val());
        weights.insert_tensor(format!("{scope}/gates/bias"), self.gates_bias.val());
        weights.insert_tensor(
            format!("{scope}/candidate/kernel"),
            self.candidate_kernel.val(),
        );
        weights.insert_tensor(format!("{scope}/candidate/bias"), self.candidate_bias.val());
        if let Some(bias) = &self.recurrent_bias {
            weights.insert_tensor(format!("{scope}/candidate/recurrent_bias"), bias.val());
        }
        weights
    }
}

pub(super) fn origin(cell: &str, scope: &str) -> String {
    format!("TensorFlow variables of {cell} {scope}")
}

/// The variables of a cell that has `kernel` and `bias` and nothing else.
pub(super) fn kernel_and_bias(
    scope: &str,
    kernel: &Param<Tensor<2>>,
    bias: &Param<Tensor<1>>,
) -> Weights {
    let mut weights = Weights::new();
    weights.insert_tensor(format!("{scope}/kernel"), kernel.val());
    weights.insert_tensor(format!("{scope}/bias"), bias.val());
    weights
}

/// A trained leaf on `device`.
pub(super) fn parameter<const D: usize>(
    tensor: Tensor<D>,
    dtype: DType,
    device: &Device,
) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::from_data(tensor.into_data(), (device, dtype)))
}
