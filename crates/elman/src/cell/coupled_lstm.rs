//! The LSTM cell whose input gate is what its forget gate leaves.

use burn::module::{Module, Param};
use burn::tensor::activation::sigmoid;
use burn::tensor::{DType, Device, Tensor};

use crate::activation::{Activation, activate};
use crate::cell::layer_norm::{LayerNorm, LayerNormStart};
use crate::cell::{Cell, LstmState, Sequence, Step, Unrolled};
use crate::error::{Error, Result};
use crate::fused;
use crate::initializer::{Initializer, KernelShape};
use crate::random::Seed;
use crate::unroll::driven;

/// How to build a [`CoupledLstmCell`].
#[derive(Clone, Debug)]
pub struct CoupledLstmCellConfig {
    inputs: usize,
    units: usize,
    activation: Activation,
    forget_bias: f64,
    use_peepholes: bool,
    layer_norm: Option<LayerNormStart>,
    num_proj: Option<usize>,
    proj_clip: Option<f64>,
    initializer: Initializer,
    recurrent_initializer: Option<Initializer>,
    dtype: DType,
}

impl CoupledLstmCellConfig {
    /// A cell of `units` (`H`) over `inputs` (`F`) features with TF 1's defaults: tanh, forget
    /// bias 1, no peepholes, layer normalisation or projection, glorot uniform, in f32.
    pub fn new(inputs: usize, units: usize) -> Self {
        Self {
            inputs,
            units,
            activation: Activation::default(),
            forget_bias: 1.0,
            use_peepholes: false,
            layer_norm: None,
            num_proj: None,
            proj_clip: None,
            initializer: Initializer::GlorotUniform,
            recurrent_initializer: None,
            dtype: DType::F32,
        }
    }

    /// Another activation than tanh, for the candidate and for the cell's output.
    pub fn with_activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// Added to the forget gate's sum at run time; it is not part of the stored bias.
    pub fn with_forget_bias(mut self, forget_bias: f64) -> Self {
        self.forget_bias = forget_bias;
        self
    }

    /// Diagonal peepholes: the forget gate sees the old cell, the output gate the new one.
    pub fn with_peepholes(mut self) -> Self {
        self.use_peepholes = true;
        self
    }

    /// Normalises each gate's sum and the new cell, in place of the bias; every gain starts with
    /// `gain` and every shift with `shift` (TF 1: 1 and 0).
    pub fn with_layer_norm(mut self, gain: f64, shift: f64) -> Self {
        self.layer_norm = Some(LayerNormStart {
            gain,
            shift,
            ..self.layer_norm.unwrap_or_default()
        });
        self
    }

    /// Layer normalisation with another epsilon than 1e-12 added to the variance.
    pub fn with_epsilon(mut self, epsilon: f64) -> Self {
        self.layer_norm = Some(LayerNormStart {
            epsilon,
            ..self.layer_norm.unwrap_or_default()
        });
        self
    }

    /// Projects the output to `units` (`P`) features, without a bias.
    pub fn with_num_proj(mut self, units: usize) -> Self {
        self.num_proj = Some(units);
        self
    }

    /// Clips the projected output to ±`clip`.
    pub fn with_proj_clip(mut self, clip: f64) -> Self {
        self.proj_clip = Some(clip);
        self
    }

    /// How kernel, peepholes and projection are filled; the bias is zero.
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
    pub fn init(&self, seed: Seed, device: &Device) -> CoupledLstmCell {
        let outputs = self.num_proj.unwrap_or(self.units);
        let width = CoupledLstmCell::GATES * self.units;
        let shape = KernelShape {
            inputs: self.inputs,
            outputs,
            gates: CoupledLstmCell::GATES,
            units: self.units,
        };
        let matrix = |shape: [usize; 2], name| {
            self.initializer
                .init(shape, seed.child(name), self.dtype, device)
        };
        let diagonal = |name| {
            self.initializer
                .init([self.units], seed.child(name), self.dtype, device)
        };
        let constant = Initializer::Constant(0.0);
        let bias = || constant.init([width], seed, self.dtype, device);
        CoupledLstmCell {
            kernel: self.initializer.kernel(
                self.recurrent_initializer.as_ref(),
                shape,
                seed.child("kernel"),
                (device, self.dtype),
            ),
            bias: self.layer_norm.is_none().then(bias),
            norms: self.layer_norm.map(|start| CoupledNorms {
                gates: start.init(width, self.dtype, device),
                state: start.init(self.units, self.dtype, device),
            }),
            peepholes: self.use_peepholes.then(|| CoupledPeepholes {
                forget: diagonal("w_f_diag"),
                output: diagonal("w_o_diag"),
            }),
            projection: self
                .num_proj
                .map(|outputs| matrix([self.units, outputs], "projection")),
            settings: CoupledLstmSettings {
                activation: self.activation,
                forget_bias: self.forget_bias,
                proj_clip: self.proj_clip,
            },
        }
    }
}

/// Diagonal peephole weights, `[H]` each.
#[derive(Module, Debug)]
pub struct CoupledPeepholes {
    /// `W_F_diag`: from the old cell to the forget gate.
    pub forget: Param<Tensor<1>>,
    /// `W_O_diag`: from the new cell to the output gate.
    pub output: Param<Tensor<1>>,
}

/// The layer normalisations of a [`CoupledLstmCell`].
#[derive(Module, Debug)]
pub struct CoupledNorms {
    /// Of each gate's sum apart, `[3H]`: j, f, o.
    pub gates: LayerNorm,
    /// Of the new cell, `[H]`.
    pub state: LayerNorm,
}

/// What of a [`CoupledLstmCell`] is not trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoupledLstmSettings {
    /// For the candidate and for the cell's output.
    pub activation: Activation,
    /// Added to the forget gate's sum at run time.
    pub forget_bias: f64,
    /// The projected output stays within ± this.
    pub proj_clip: Option<f64>,
}

/// The LSTM cell with coupled input and forget gates.
///
/// ```text
/// [j, f, o] = [x, hidden] · kernel + bias
/// forget  = σ(f + forget_bias + w_f ⊙ cell)
/// cell'   = forget ⊙ cell + (1 - forget) ⊙ activation(j)
/// hidden' = σ(o + w_o ⊙ cell') ⊙ activation(cell')
/// hidden' = clip(hidden' · projection, ±proj_clip)       output = hidden'
/// ```
///
/// With layer normalisation `j`, `f` and `o` are normalised, each apart, in place of adding the
/// bias, and so is `cell'` before anything else looks at it.
///
/// Greff et al. (2015), "LSTM: A Search Space Odyssey", arXiv 1503.04069 (variant CIFG);
/// `tf.contrib.rnn.CoupledInputForgetGateLSTMCell`.
#[derive(Module, Debug)]
pub struct CoupledLstmCell {
    /// `[F+P, 3H]` (`P` is `H` without a projection): j, f, o.
    pub kernel: Param<Tensor<2>>,
    /// `[3H]`; there exactly when there is no layer normalisation.
    pub bias: Option<Param<Tensor<1>>>,
    /// Layer normalisations, if any.
    pub norms: Option<CoupledNorms>,
    /// Diagonal peepholes, if any.
    pub peepholes: Option<CoupledPeepholes>,
    /// `[H, P]`, if any.
    pub projection: Option<Param<Tensor<2>>>,
    /// What is not trained.
    #[module(skip)]
    pub settings: CoupledLstmSettings,
}

impl CoupledLstmCell {
    /// Candidate, forget, output: TF 1's order, j f o.
    pub(crate) const GATES: usize = 3;

    /// `H`.
    pub fn units(&self) -> usize {
        self.kernel.dims()[1] / CoupledLstmCell::GATES
    }

    /// The step after the products, `[B, 3H]`.
    fn join(&self, mut sums: Tensor<2>, old: Tensor<2>) -> LstmState {
        let settings = &self.settings;
        if let Some(norms) = &self.norms {
            sums = norms.gates.apply(sums, CoupledLstmCell::GATES);
        }
        let [j, f, o] =
            <[_; CoupledLstmCell::GATES]>::try_from(sums.chunk(CoupledLstmCell::GATES, 1))
                .expect("the kernel has three gates");
        let mut f = f + settings.forget_bias;
        if let Some(peepholes) = &self.peepholes {
            f = f + old.clone() * peepholes.forget.val().unsqueeze();
        }
        let forget = sigmoid(f);
        let written = (forget.clone().neg() + 1.0) * activate(settings.activation, j);
        let mut cell = forget * old + written;
        if let Some(norms) = &self.norms {
            cell = norms.state.apply(cell, 1);
        }
        let mut o = o;
        if let Some(peepholes) = &self.peepholes {
            o = o + cell.clone() * peepholes.output.val().unsqueeze();
        }
        let mut hidden = sigmoid(o) * activate(settings.activation, cell.clone());
        if let Some(projection) = &self.projection {
            hidden = hidden.matmul(projection.val());
            if let Some(clip) = settings.proj_clip {
                hidden = hidden.clamp(-clip, clip);
            }
        }
        LstmState { cell, hidden }
    }
}

impl Cell for CoupledLstmCell {
    type State = LstmState;

    fn input_size(&self) -> usize {
        self.kernel.dims()[0] - self.output_size()
    }

    fn output_size(&self) -> usize {
        match &self.projection {
            Some(projection) => projection.dims()[1],
            None => self.units(),
        }
    }

    fn zero_state(&self, batch: usize) -> LstmState {
        let kernel = self.kernel.val();
        let zeros = |width| Tensor::zeros([batch, width], (&kernel.device(), kernel.dtype()));
        LstmState {
            cell: zeros(self.units()),
            hidden: zeros(self.output_size()),
        }
    }

    fn step(&self, input: Tensor<2>, state: LstmState) -> Result<Step<LstmState>> {
        fused::step(self, input, state)
    }

    fn sequence(&self, sequence: Sequence, state: LstmState) -> Result<Unrolled<LstmState>> {
        let (features, outputs) = (self.input_size(), self.output_size());
        Error::ensure_axis("inputs", 'F', sequence.features(), features)?;
        Error::ensure_axis("state.cell", 'H', state.cell.dims()[1], self.units())?;
        Error::ensure_axis("state.hidden", 'P', state.hidden.dims()[1], outputs)?;
        let kernel = self.kernel.val();
        let input_kernel = kernel.clone().narrow(0, 0, features);
        let recurrent_kernel = kernel.narrow(0, features, outputs);
        driven(
            outputs,
            sequence,
            state,
            |x| {
                let product = x.matmul(input_kernel);
                match &self.bias {
                    Some(bias) => product + bias.val().unsqueeze(),
                    None => product,
                }
            },
            |from_input, state| {
                let sums = from_input + state.hidden.matmul(recurrent_kernel.clone());
                let state = self.join(sums, state.cell);
                Ok(Step {
                    output: state.hidden.clone(),
                    state,
                })
            },
        )
    }
}
