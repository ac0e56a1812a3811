//! The LSTM cell with layer normalisation, in both of its forms.

use burn::module::{Module, Param};
use burn::tensor::activation::sigmoid;
use burn::tensor::{DType, Device, Tensor};

use crate::activation::{Activation, activate};
use crate::cell::layer_norm::{LayerNorm, LayerNormStart, TENSORFLOW_EPSILON};
use crate::cell::{Cell, LstmGate, LstmState, Runner, Sequence, Step, Unrolled};
use crate::error::{Error, Result};
use crate::fused;
use crate::initializer::{Initializer, KernelShape};
use crate::random::Seed;
use crate::unroll::driven;

/// What an LSTM normalises. The two are different functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LstmNormalisation {
    /// The sum of each gate apart, without a bias; epsilon 1e-12: TF 1's
    /// `contrib.rnn.LayerNormBasicLSTMCell`.
    #[default]
    PerGate,
    /// `x · kernel_x` and `hidden · kernel_h` apart, each over all gates together, then a bias;
    /// epsilon 1e-3: equations 20 to 22 of the paper; TensorFlow Addons' `LayerNormLSTMCell`.
    PerProduct,
}

/// How to build a [`LayerNormLstmCell`].
#[derive(Clone, Debug)]
pub struct LayerNormLstmCellConfig {
    inputs: usize,
    units: usize,
    normalisation: LstmNormalisation,
    activation: Activation,
    forget_bias: f64,
    norm_gain: f64,
    norm_shift: f64,
    epsilon: Option<f64>,
    initializer: Initializer,
    recurrent_initializer: Option<Initializer>,
    dtype: DType,
}

impl LayerNormLstmCellConfig {
    /// A cell of `units` (`H`) over `inputs` (`F`) features with TF 1's defaults: gates normalised
    /// each, tanh, forget bias 1, gain 1, shift 0, glorot uniform, in f32.
    pub fn new(inputs: usize, units: usize) -> Self {
        let LayerNormStart { gain, shift, .. } = LayerNormStart::default();
        Self {
            inputs,
            units,
            normalisation: LstmNormalisation::default(),
            activation: Activation::default(),
            forget_bias: 1.0,
            norm_gain: gain,
            norm_shift: shift,
            epsilon: None,
            initializer: Initializer::GlorotUniform,
            recurrent_initializer: None,
            dtype: DType::F32,
        }
    }

    /// What is normalised.
    pub fn with_normalisation(mut self, normalisation: LstmNormalisation) -> Self {
        self.normalisation = normalisation;
        self
    }

    /// Another activation than tanh, for the candidate and for the cell's output.
    pub fn with_activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// Added to the forget gate's normalised sum at run time.
    pub fn with_forget_bias(mut self, forget_bias: f64) -> Self {
        self.forget_bias = forget_bias;
        self
    }

    /// What every gain starts with (`norm_gain`).
    pub fn with_norm_gain(mut self, gain: f64) -> Self {
        self.norm_gain = gain;
        self
    }

    /// What every shift starts with (`norm_shift`).
    pub fn with_norm_shift(mut self, shift: f64) -> Self {
        self.norm_shift = shift;
        self
    }

    /// Added to every variance, in place of the default of the normalisation.
    pub fn with_epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = Some(epsilon);
        self
    }

    /// How the kernel is filled; a bias is zero.
    pub fn with_initializer(mut self, initializer: Initializer) -> Self {
        self.initializer = initializer;
        self
    }

    /// How the kernel's rows of the hidden state are filled, gate by gate, in place of the kernel's
    /// initialiser: [`Initializer::Orthogonal`], or [`Initializer::Identity`] for relu.
    pub fn with_recurrent_initializer(mut self, initializer: Initializer) -> Self {
        self.recurrent_initializer = Some(initializer);
        self
    }

    /// The number type of parameters and states: f32 or f64.
    pub fn with_dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// Builds the cell.
    pub fn init(&self, seed: Seed, device: &Device) -> LayerNormLstmCell {
        let gates = LstmGate::STORED.len();
        let width = gates * self.units;
        let shape = KernelShape {
            inputs: self.inputs,
            outputs: self.units,
            gates,
            units: self.units,
        };
        let start = LayerNormStart {
            gain: self.norm_gain,
            shift: self.norm_shift,
            epsilon: self.epsilon.unwrap_or(self.normalisation.epsilon()),
        };
        let norm = |features| start.init(features, self.dtype, device);
        LayerNormLstmCell {
            kernel: self.initializer.kernel(
                self.recurrent_initializer.as_ref(),
                shape,
                seed.child("kernel"),
                (device, self.dtype),
            ),
            gate_norms: match self.normalisation {
                LstmNormalisation::PerGate => GateNorms::PerGate(norm(width)),
                LstmNormalisation::PerProduct => GateNorms::PerProduct(ProductNorms {
                    input: norm(width),
                    recurrent: norm(width),
                    bias: Initializer::Constant(0.0).init([width], seed, self.dtype, device),
                }),
            },
            state_norm: norm(self.units),
            settings: LayerNormLstmSettings {
                activation: self.activation,
                forget_bias: self.forget_bias,
            },
        }
    }
}

impl LstmNormalisation {
    /// Added to every variance unless said otherwise.
    pub(crate) fn epsilon(self) -> f64 {
        match self {
            Self::PerGate => TENSORFLOW_EPSILON,
            Self::PerProduct => 1e-3,
        }
    }
}

/// The normalisation of an LSTM's gates, `[4H]` each; gates in [`LstmGate::STORED`] order.
#[allow(
    clippy::large_enum_variant,
    reason = "a cell has one, for as long as it lives"
)]
#[derive(Module, Debug)]
pub enum GateNorms {
    /// [`LstmNormalisation::PerGate`].
    PerGate(LayerNorm),
    /// [`LstmNormalisation::PerProduct`].
    PerProduct(ProductNorms),
}

/// What stands in the place of `[x, hidden] · kernel + bias` with
/// [`LstmNormalisation::PerProduct`].
#[derive(Module, Debug)]
pub struct ProductNorms {
    /// Of `x · kernel_x`.
    pub input: LayerNorm,
    /// Of `hidden · kernel_h`.
    pub recurrent: LayerNorm,
    /// `[4H]`.
    pub bias: Param<Tensor<1>>,
}

/// What of a [`LayerNormLstmCell`] is not trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNormLstmSettings {
    /// For the candidate and for the cell's output.
    pub activation: Activation,
    /// Added to the forget gate's normalised sum at run time.
    pub forget_bias: f64,
}

/// The LSTM cell with layer normalisation.
///
/// ```text
/// [i, j, f, o] = [x, hidden] · kernel
/// cell'   = LN_cell(cell ⊙ σ(LN_f(f) + forget_bias) + σ(LN_i(i)) ⊙ activation(LN_j(j)))
/// hidden' = σ(LN_o(o)) ⊙ activation(cell')               output = hidden'
/// ```
///
/// With [`LstmNormalisation::PerProduct`] the gates are
/// `[i, j, f, o] = LN_x(x · kernel_x) + LN_h(hidden · kernel_h) + bias` and not normalised again.
/// In both forms the normalised cell is what is carried.
///
/// Ba, Kiros and Hinton (2016), "Layer Normalization", arXiv 1607.06450;
/// `tf.contrib.rnn.LayerNormBasicLSTMCell` without its dropout.
#[derive(Module, Debug)]
pub struct LayerNormLstmCell {
    /// `[F+H, 4H]`: gates in [`LstmGate::STORED`] order.
    pub kernel: Param<Tensor<2>>,
    /// Of the gates.
    pub gate_norms: GateNorms,
    /// Of the new cell, `[H]`.
    pub state_norm: LayerNorm,
    /// What is not trained.
    #[module(skip)]
    pub settings: LayerNormLstmSettings,
}

impl LayerNormLstmCell {
    /// What is normalised.
    pub fn normalisation(&self) -> LstmNormalisation {
        match self.gate_norms {
            GateNorms::PerGate(_) => LstmNormalisation::PerGate,
            GateNorms::PerProduct(_) => LstmNormalisation::PerProduct,
        }
    }

    /// Do inputs and state fit?
    fn check(&self, sequence: &Sequence, state: &LstmState) -> Result<()> {
        let (features, units) = (self.input_size(), self.output_size());
        Error::ensure_axis("inputs", 'F', sequence.features(), features)?;
        Error::ensure_axis("state.cell", 'H', state.cell.dims()[1], units)?;
        Error::ensure_axis("state.hidden", 'H', state.hidden.dims()[1], units)
    }

    /// The part of the gates that does not depend on the state, `[R, 4H]`.
    fn of_input(&self, product: Tensor<2>) -> Tensor<2> {
        match &self.gate_norms {
            GateNorms::PerGate(_) => product,
            GateNorms::PerProduct(norms) => {
                norms.input.apply(product, 1) + norms.bias.val().unsqueeze()
            }
        }
    }

    /// The gates, `[B, 4H]`.
    fn gates(&self, of_input: Tensor<2>, product: Tensor<2>) -> Tensor<2> {
        match &self.gate_norms {
            GateNorms::PerGate(norm) => norm.apply(of_input + product, LstmGate::STORED.len()),
            GateNorms::PerProduct(norms) => of_input + norms.recurrent.apply(product, 1),
        }
    }
}

impl Cell for LayerNormLstmCell {
    type State = LstmState;

    fn input_size(&self) -> usize {
        self.kernel.dims()[0] - self.output_size()
    }

    fn output_size(&self) -> usize {
        self.state_norm.gain.dims()[0]
    }

    fn zero_state(&self, batch: usize) -> LstmState {
        let kernel = self.kernel.val();
        let options = (&kernel.device(), kernel.dtype());
        let zeros = Tensor::zeros([batch, self.output_size()], options);
        LstmState {
            cell: zeros.clone(),
            hidden: zeros,
        }
    }

    fn step(&self, input: Tensor<2>, state: LstmState) -> Result<Step<LstmState>> {
        fused::step(self, input, state)
    }

    fn sequence(&self, sequence: Sequence, state: LstmState) -> Result<Unrolled<LstmState>> {
        self.check(&sequence, &state)?;
        let (features, units) = (self.input_size(), self.output_size());
        if fused::serves(&sequence) {
            return fused::sequence(self, sequence, state);
        }
        let kernel = self.kernel.val();
        let input_kernel = kernel.clone().narrow(0, 0, features);
        let recurrent_kernel = kernel.narrow(0, features, units);
        let LayerNormLstmSettings {
            activation,
            forget_bias,
        } = self.settings;
        driven(
            units,
            sequence,
            state,
            |x| self.of_input(x.matmul(input_kernel)),
            |of_input, state| {
                let product = state.hidden.matmul(recurrent_kernel.clone());
                let gates = self.gates(of_input, product);
                let [i, j, f, o] = <[_; 4]>::try_from(gates.chunk(LstmGate::STORED.len(), 1))
                    .expect("the kernel has four gates");
                let kept = state.cell * sigmoid(f + forget_bias);
                let written = sigmoid(i) * activate(activation, j);
                let cell = self.state_norm.apply(kept + written, 1);
                let hidden = sigmoid(o) * activate(activation, cell.clone());
                Ok(Step {
                    output: hidden.clone(),
                    state: LstmState { cell, hidden },
                })
            },
        )
    }

    fn masked_sequence(
        &self,
        sequence: &Sequence,
        state: &LstmState,
        factors: &dyn Fn() -> Tensor<3>,
    ) -> Option<Result<Unrolled<LstmState>>> {
        fused::masks(sequence).then(|| {
            self.check(sequence, state)?;
            fused::masked_sequence(self, sequence.clone(), state.clone(), factors())
        })
    }

    fn runner(&self, state: LstmState) -> Box<dyn Runner<LstmState> + '_> {
        fused::runner(self, state)
    }
}
