//! PyTorch's parameters.

use burn::tensor::{DType, Device, Tensor};

use crate::activation::Activation;
use crate::cell::{BasicRnnCell, Cell, GruCell, LstmCell, LstmGate, LstmSettings};
use crate::error::{Error, Result};
use crate::exchange::Weights;
use crate::exchange::gates::reorder;
use crate::exchange::reader::{Reader, Size};
use crate::exchange::tensorflow::parameter;

/// A cell that PyTorch has too, under its parameter names.
///
/// `suffix` says which layer and direction: `"l0"` for `weight_ih_l0`, `"l0_reverse"` for the
/// backward cell of a bidirectional layer. For the parameters of a submodule see
/// [`Weights::under`]. Without `bias_ih` and `bias_hh` (`bias=False`) the biases are zero.
///
/// PyTorch stores kernels transposed, gates in another order and every bias twice; going back,
/// what elman stores once is in `bias_ih`, and `bias_hh` is zero there.
pub trait PytorchParameters: Sized {
    /// What the parameters do not say.
    type Settings;

    /// Builds the cell from PyTorch's parameters, in their number type.
    ///
    /// # Errors
    ///
    /// When parameters are missing or have another shape or number type: one error names them all.
    fn from_pytorch(
        weights: &Weights,
        suffix: &str,
        settings: Self::Settings,
        device: &Device,
    ) -> Result<Self>;

    /// The cell's parameters as PyTorch's.
    ///
    /// # Errors
    ///
    /// When PyTorch's layer cannot compute what this cell does: the error names the option.
    fn to_pytorch(&self, suffix: &str) -> Result<Weights>;
}

/// `torch.nn.RNN`; the setting is its `nonlinearity`.
impl PytorchParameters for BasicRnnCell {
    type Settings = Activation;

    fn from_pytorch(
        weights: &Weights,
        suffix: &str,
        activation: Activation,
        device: &Device,
    ) -> Result<Self> {
        let (layer, dtype) = Layer::read(weights, suffix, 1)?;
        let bias = layer.bias_ih.clone() + layer.bias_hh.clone();
        Ok(Self {
            kernel: parameter(layer.kernel(), dtype, device),
            bias: parameter(bias, dtype, device),
            activation,
        })
    }

    fn to_pytorch(&self, suffix: &str) -> Result<Weights> {
        if !matches!(self.activation, Activation::Tanh | Activation::Relu) {
            return Err(unknown_to_pytorch(
                "activation",
                format!("is {:?}", self.activation),
            ));
        }
        let bias = host(self.bias.val());
        let kernel = host(self.kernel.val());
        let zero = bias.zeros_like();
        Ok(Layer::split(kernel, self.input_size(), bias, zero).write(suffix))
    }
}

/// `torch.nn.LSTM`, with `proj_size` too.
impl PytorchParameters for LstmCell {
    type Settings = ();

    fn from_pytorch(weights: &Weights, suffix: &str, (): (), device: &Device) -> Result<Self> {
        let (layer, dtype) = Layer::read(weights, suffix, LstmGate::STORED.len())?;
        let stored = |tensor| reorder(tensor, LstmGate::PYTORCH, LstmGate::STORED);
        let bias: Tensor<1> = layer.bias_ih.clone() + layer.bias_hh.clone();
        let bias = stored(bias.unsqueeze()).squeeze_dim::<1>(0);
        Ok(Self {
            kernel: parameter(stored(layer.kernel()), dtype, device),
            bias: parameter(bias, dtype, device),
            peepholes: None,
            projection: layer
                .weight_hr
                .map(|weight| parameter(weight.transpose(), dtype, device)),
            settings: LstmSettings {
                activation: Activation::Tanh,
                forget_bias: 0.0,
                cell_clip: None,
                proj_clip: None,
            },
        })
    }

    /// A forget bias other than 0 goes into `bias_ih`.
    fn to_pytorch(&self, suffix: &str) -> Result<Weights> {
        let settings = &self.settings;
        if settings.activation != Activation::Tanh {
            return Err(unknown_to_pytorch(
                "activation",
                format!("is {:?}", settings.activation),
            ));
        }
        for (option, is_set) in [
            ("peepholes", self.peepholes.is_some()),
            ("cell_clip", settings.cell_clip.is_some()),
            ("proj_clip", settings.proj_clip.is_some()),
        ] {
            if is_set {
                return Err(unknown_to_pytorch(option, "is set"));
            }
        }
        let units = self.units();
        let theirs = |tensor| reorder(tensor, LstmGate::STORED, LstmGate::PYTORCH);
        let added = LstmGate::STORED.map(|gate| {
            let added = match gate {
                LstmGate::Forget => settings.forget_bias,
                _ => 0.0,
            };
            host(self.bias.val()).narrow(0, 0, units).zeros_like() + added
        });
        let bias = host(self.bias.val()) + Tensor::cat(added.to_vec(), 0);
        let bias = theirs(bias.unsqueeze()).squeeze_dim::<1>(0);
        let kernel = theirs(host(self.kernel.val()));
        let zero = bias.zeros_like();
        let mut layer = Layer::split(kernel, self.input_size(), bias, zero);
        layer.weight_hr = self
            .projection
            .as_ref()
            .map(|projection| host(projection.val()).transpose());
        Ok(layer.write(suffix))
    }
}

/// `torch.nn.GRU`: gates r, z, n, reset after the product. PyTorch's `z` means "keep the old
/// state", as elman's update gate does.
impl PytorchParameters for GruCell {
    type Settings = ();

    fn from_pytorch(weights: &Weights, suffix: &str, (): (), device: &Device) -> Result<Self> {
        let (layer, dtype) = Layer::read(weights, suffix, 3)?;
        let kernel = layer.kernel();
        let units = kernel.dims()[1] / 3;
        let gates = |bias: &Tensor<1>| bias.clone().narrow(0, 0, 2 * units);
        let candidate = |bias: &Tensor<1>| bias.clone().narrow(0, 2 * units, units);
        let gates_bias = gates(&layer.bias_ih) + gates(&layer.bias_hh);
        Ok(Self {
            gates_kernel: parameter(kernel.clone().narrow(1, 0, 2 * units), dtype, device),
            gates_bias: parameter(gates_bias, dtype, device),
            candidate_kernel: parameter(kernel.narrow(1, 2 * units, units), dtype, device),
            candidate_bias: parameter(candidate(&layer.bias_ih), dtype, device),
            recurrent_bias: Some(parameter(candidate(&layer.bias_hh), dtype, device)),
            activation: Activation::Tanh,
        })
    }

    fn to_pytorch(&self, suffix: &str) -> Result<Weights> {
        let Some(recurrent_bias) = &self.recurrent_bias else {
            return Err(unknown_to_pytorch("reset_gate", "acts before the product"));
        };
        if self.activation != Activation::Tanh {
            return Err(unknown_to_pytorch(
                "activation",
                format!("is {:?}", self.activation),
            ));
        }
        let kernels = [&self.gates_kernel, &self.candidate_kernel].map(|k| host(k.val()));
        let gates_bias = host(self.gates_bias.val());
        let bias_ih = vec![gates_bias.clone(), host(self.candidate_bias.val())];
        let bias_hh = vec![gates_bias.zeros_like(), host(recurrent_bias.val())];
        let layer = Layer::split(
            Tensor::cat(kernels.to_vec(), 1),
            self.input_size(),
            Tensor::cat(bias_ih, 0),
            Tensor::cat(bias_hh, 0),
        );
        Ok(layer.write(suffix))
    }
}

/// The parameters of one layer and direction, as PyTorch stores them; on the host.
struct Layer {
    /// `[G·H, F]`.
    weight_ih: Tensor<2>,
    /// `[G·H, P]` (`P` is `H` without a projection).
    weight_hh: Tensor<2>,
    /// `[G·H]`.
    bias_ih: Tensor<1>,
    /// `[G·H]`.
    bias_hh: Tensor<1>,
    /// `[P, H]`, if any.
    weight_hr: Option<Tensor<2>>,
}

impl Layer {
    /// Reads a layer whose cell has `gates` gates, and its number type.
    fn read(weights: &Weights, suffix: &str, gates: usize) -> Result<(Self, DType)> {
        let [weight_ih, weight_hh, weight_hr, bias_ih, bias_hh] =
            ["weight_ih", "weight_hh", "weight_hr", "bias_ih", "bias_hh"]
                .map(|name| format!("{name}_{suffix}"));
        let mut reader = Reader::new(weights, format!("PyTorch parameters of {suffix}"));
        let has_projection = gates == LstmGate::STORED.len() && reader.has(&weight_hr);
        let units = if has_projection {
            reader.axis(&weight_hr, 1)
        } else {
            reader.axis(&weight_hh, 1)
        };
        let units = units.or(reader.axis(&weight_ih, 0).map(|rows| rows / gates));
        let outputs = if has_projection {
            reader.axis(&weight_hr, 0)
        } else {
            units
        };
        let rows = Size::exactly(units.map(|units| gates * units));
        let letters = |columns: &str| match gates {
            1 => format!("[H, {columns}]"),
            gates => format!("[{gates}H, {columns}]"),
        };
        let vector = letters("").replace(", ", "");
        let matrix_ih = reader.take(&weight_ih, &letters("F"), [rows, Size::Unknown]);
        let matrix_hh = reader.take(
            &weight_hh,
            &letters(if has_projection { "P" } else { "H" }),
            [rows, Size::exactly(outputs)],
        );
        let matrix_hr = has_projection.then(|| {
            let sizes = [Size::Unknown, Size::exactly(units)];
            reader.take(&weight_hr, "[P, H]", sizes)
        });
        let biases = [bias_ih, bias_hh];
        let biases = biases
            .iter()
            .any(|name| reader.has(name))
            .then(|| biases.map(|name| reader.take(&name, &vector, [rows])));
        let dtype = reader.finish()?;
        let [bias_ih, bias_hh] = biases.unwrap_or_else(|| {
            let zero = Tensor::zeros([matrix_ih.dims()[0]], (&Device::flex(), dtype));
            [zero.clone(), zero]
        });
        let layer = Self {
            weight_ih: matrix_ih,
            weight_hh: matrix_hh,
            bias_ih,
            bias_hh,
            weight_hr: matrix_hr,
        };
        Ok((layer, dtype))
    }

    /// `[F+P, G·H]`, gates in PyTorch's order.
    fn kernel(&self) -> Tensor<2> {
        let rows = vec![
            self.weight_ih.clone().transpose(),
            self.weight_hh.clone().transpose(),
        ];
        Tensor::cat(rows, 0)
    }

    /// The way back from [`kernel`](Self::kernel), without a projection.
    fn split(kernel: Tensor<2>, features: usize, bias_ih: Tensor<1>, bias_hh: Tensor<1>) -> Self {
        let outputs = kernel.dims()[0] - features;
        Self {
            weight_ih: kernel.clone().narrow(0, 0, features).transpose(),
            weight_hh: kernel.narrow(0, features, outputs).transpose(),
            bias_ih,
            bias_hh,
            weight_hr: None,
        }
    }

    /// Under PyTorch's names.
    fn write(self, suffix: &str) -> Weights {
        let mut weights = Weights::new();
        weights.insert_tensor(format!("weight_ih_{suffix}"), self.weight_ih);
        weights.insert_tensor(format!("weight_hh_{suffix}"), self.weight_hh);
        weights.insert_tensor(format!("bias_ih_{suffix}"), self.bias_ih);
        weights.insert_tensor(format!("bias_hh_{suffix}"), self.bias_hh);
        if let Some(weight_hr) = self.weight_hr {
            weights.insert_tensor(format!("weight_hr_{suffix}"), weight_hr);
        }
        weights
    }
}

/// The same numbers on the host, outside any gradient.
fn host<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    let dtype = tensor.dtype();
    Tensor::from_data(tensor.into_data(), (&Device::flex(), dtype))
}

/// PyTorch's layer has no such option.
fn unknown_to_pytorch(option: &str, problem: impl Into<String>) -> Error {
    Error::argument(
        option,
        format!("{}, which PyTorch's layer does not have", problem.into()),
        "export with TensorflowVariables::to_tensorflow, or build the cell without it",
    )
}
