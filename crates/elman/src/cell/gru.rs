//! The gated recurrent unit, in both of its forms.

use burn::module::{Module, Param};
use burn::tensor::activation::sigmoid;
use burn::tensor::{DType, Device, Tensor};

use crate::activation::{Activation, activate};
use crate::cell::watch::{GATE, RecurrentWeights, Unwatched, Watch, Watched, recurrent_blocks};
use crate::cell::{Cell, HiddenState, Runner, Sequence, Step, Unrolled};
use crate::error::{Error, Result};
use crate::fused;
use crate::initializer::{Initializer, KernelShape};
use crate::random::Seed;
use crate::unroll::composed;

/// Where the reset gate acts. The two papers' GRUs are different functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResetGate {
    /// `activation([x, reset ⊙ hidden] · kernel + bias)`: Cho et al. 2014, arXiv 1406.1078v3;
    /// TF 1's `GRUCell`; ONNX's default.
    #[default]
    BeforeProduct,
    /// `activation(x · kernel_x + bias + reset ⊙ (hidden · kernel_h + recurrent_bias))`:
    /// arXiv 1406.1078v1; PyTorch, cuDNN, Keras 2.
    AfterProduct,
}

/// How to build a [`GruCell`].
#[derive(Clone, Debug)]
pub struct GruCellConfig {
    inputs: usize,
    units: usize,
    activation: Activation,
    reset_gate: ResetGate,
    kernel_initializer: Initializer,
    recurrent_initializer: Option<Initializer>,
    bias_initializer: Option<Initializer>,
    dtype: DType,
}

impl GruCellConfig {
    /// A cell of `units` (`H`) over `inputs` (`F`) features with TF 1's defaults: tanh, reset
    /// before the product, glorot uniform, gate bias 1, candidate bias 0, in f32.
    pub fn new(inputs: usize, units: usize) -> Self {
        Self {
            inputs,
            units,
            activation: Activation::default(),
            reset_gate: ResetGate::default(),
            kernel_initializer: Initializer::GlorotUniform,
            recurrent_initializer: None,
            bias_initializer: None,
            dtype: DType::F32,
        }
    }

    /// Another activation than tanh, for the candidate.
    pub fn with_activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// Where the reset gate acts.
    pub fn with_reset_gate(mut self, reset_gate: ResetGate) -> Self {
        self.reset_gate = reset_gate;
        self
    }

    /// How both kernels are filled.
    pub fn with_kernel_initializer(mut self, initializer: Initializer) -> Self {
        self.kernel_initializer = initializer;
        self
    }

    /// How both kernels' rows of the hidden state are filled, gate by gate, in place of the
    /// kernels' initialiser: [`Initializer::Orthogonal`], or [`Initializer::Identity`] for relu.
    pub fn with_recurrent_initializer(mut self, initializer: Initializer) -> Self {
        self.recurrent_initializer = Some(initializer);
        self
    }

    /// How all biases are filled, in place of 1 for the gates and 0 for the rest.
    pub fn with_bias_initializer(mut self, initializer: Initializer) -> Self {
        self.bias_initializer = Some(initializer);
        self
    }

    /// The number type of parameters and states: f32 or f64.
    pub fn with_dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// Builds the cell.
    pub fn init(&self, seed: Seed, device: &Device) -> GruCell {
        let kernel = |gates, name| {
            let shape = KernelShape {
                inputs: self.inputs,
                outputs: self.units,
                gates,
                units: self.units,
            };
            self.kernel_initializer.kernel(
                self.recurrent_initializer.as_ref(),
                shape,
                seed.child(name),
                (device, self.dtype),
            )
        };
        let bias = |size, default, name| {
            let initializer = self
                .bias_initializer
                .clone()
                .unwrap_or(Initializer::Constant(default));
            initializer.init([size], seed.child(name), self.dtype, device)
        };
        GruCell {
            gates_kernel: kernel(2, "gates/kernel"),
            gates_bias: bias(2 * self.units, 1.0, "gates/bias"),
            candidate_kernel: kernel(1, "candidate/kernel"),
            candidate_bias: bias(self.units, 0.0, "candidate/bias"),
            recurrent_bias: match self.reset_gate {
                ResetGate::BeforeProduct => None,
                ResetGate::AfterProduct => Some(bias(self.units, 0.0, "candidate/recurrent_bias")),
            },
            activation: self.activation,
        }
    }
}

/// The gated recurrent unit.
///
/// ```text
/// [reset, update] = σ([x, hidden] · gates_kernel + gates_bias)
/// candidate = activation([x, reset ⊙ hidden] · candidate_kernel + candidate_bias)
/// hidden'   = update ⊙ hidden + (1 - update) ⊙ candidate             output = hidden'
/// ```
///
/// For the form with the reset gate after the product see [`ResetGate::AfterProduct`].
///
/// Cho et al. (2014), "Learning Phrase Representations using RNN Encoder-Decoder", arXiv
/// 1406.1078; `tf.nn.rnn_cell.GRUCell`.
#[derive(Module, Debug)]
pub struct GruCell {
    /// `[F+H, 2H]`: reset, then update.
    pub gates_kernel: Param<Tensor<2>>,
    /// `[2H]`.
    pub gates_bias: Param<Tensor<1>>,
    /// `[F+H, H]`.
    pub candidate_kernel: Param<Tensor<2>>,
    /// `[H]`.
    pub candidate_bias: Param<Tensor<1>>,
    /// `[H]`, inside the reset gate's product; there exactly when the reset gate acts after the
    /// product.
    pub recurrent_bias: Option<Param<Tensor<1>>>,
    /// Of the candidate.
    #[module(skip)]
    pub activation: Activation,
}

impl GruCell {
    /// Where the reset gate acts.
    pub fn reset_gate(&self) -> ResetGate {
        match self.recurrent_bias {
            None => ResetGate::BeforeProduct,
            Some(_) => ResetGate::AfterProduct,
        }
    }
}

impl Watched for GruCell {
    fn watched_step(
        &self,
        x: Tensor<2>,
        state: HiddenState,
        watch: &mut dyn Watch,
    ) -> Result<Step<HiddenState>> {
        let hidden = state.hidden;
        let joined = Tensor::cat(vec![x.clone(), hidden.clone()], 1);
        let sums = joined.matmul(self.gates_kernel.val()) + self.gates_bias.val().unsqueeze();
        let [reset, update] =
            <[_; 2]>::try_from(sigmoid(sums).chunk(2, 1)).expect("the kernel has two gates");
        watch.activation("reset", GATE, &reset);
        watch.activation("update", GATE, &update);
        let kernel = self.candidate_kernel.val();
        let bias = self.candidate_bias.val().unsqueeze();
        let sum = match &self.recurrent_bias {
            None => {
                let joined = Tensor::cat(vec![x, reset * hidden.clone()], 1);
                joined.matmul(kernel) + bias
            }
            Some(recurrent_bias) => {
                let (features, units) = (self.input_size(), self.output_size());
                let from_input = x.matmul(kernel.clone().narrow(0, 0, features)) + bias;
                let from_hidden = hidden.clone().matmul(kernel.narrow(0, features, units))
                    + recurrent_bias.val().unsqueeze();
                from_input + reset * from_hidden
            }
        };
        let candidate = activate(self.activation, sum);
        watch.activated("candidate", self.activation, &candidate);
        let hidden = watch.part(update.clone() * hidden + (update.neg() + 1.0) * candidate);
        Ok(Step {
            output: hidden.clone(),
            state: HiddenState { hidden },
        })
    }

    fn recurrent_weights(&self) -> Vec<RecurrentWeights> {
        let features = self.input_size();
        let gates = recurrent_blocks(&self.gates_kernel.val(), features, &["reset", "update"]);
        let candidate = recurrent_blocks(&self.candidate_kernel.val(), features, &["candidate"]);
        gates.into_iter().chain(candidate).collect()
    }
}

impl GruCell {
    /// Do inputs and state fit?
    fn check(&self, sequence: &Sequence, state: &HiddenState) -> Result<()> {
        Error::ensure_axis("inputs", 'F', sequence.features(), self.input_size())?;
        Error::ensure_axis(
            "state.hidden",
            'H',
            state.hidden.dims()[1],
            self.output_size(),
        )
    }
}

impl Cell for GruCell {
    type State = HiddenState;

    fn input_size(&self) -> usize {
        let [rows, units] = self.candidate_kernel.dims();
        rows - units
    }

    fn output_size(&self) -> usize {
        self.candidate_bias.dims()[0]
    }

    fn zero_state(&self, batch: usize) -> HiddenState {
        HiddenState::zeros(batch, self.output_size(), &self.candidate_kernel.val())
    }

    fn step(&self, input: Tensor<2>, state: HiddenState) -> Result<Step<HiddenState>> {
        fused::step(self, input, state)
    }

    fn sequence(&self, sequence: Sequence, state: HiddenState) -> Result<Unrolled<HiddenState>> {
        self.check(&sequence, &state)?;
        if !fused::serves(&sequence) {
            return composed(self.output_size(), sequence, state, |input, state| {
                self.watched_step(input, state, &mut Unwatched)
            });
        }
        fused::sequence(self, sequence, state)
    }

    fn masked_sequence(
        &self,
        sequence: &Sequence,
        state: &HiddenState,
        factors: &dyn Fn() -> Tensor<3>,
    ) -> Option<Result<Unrolled<HiddenState>>> {
        fused::masks(sequence).then(|| {
            self.check(sequence, state)?;
            fused::masked_sequence(self, sequence.clone(), state.clone(), factors())
        })
    }

    fn runner(&self, state: HiddenState) -> Box<dyn Runner<HiddenState> + '_> {
        fused::runner(self, state)
    }
}
