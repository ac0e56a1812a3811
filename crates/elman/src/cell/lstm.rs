//! The long short-term memory cell, with every option of TF 1's `LSTMCell`.

use burn::module::{Module, Param};
use burn::tensor::activation::sigmoid;
use burn::tensor::{DType, Device, Tensor};

use crate::activation::{Activation, activate};
use crate::cell::watch::{GATE, RecurrentWeights, Unwatched, Watch, Watched, recurrent_blocks};
use crate::cell::{Cell, Runner, Sequence, State, StatePart, Step, Unrolled};
use crate::error::{Error, Result};
use crate::fused;
use crate::initializer::{Initializer, KernelShape};
use crate::random::Seed;
use crate::unroll::composed;

/// The four gates of an LSTM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LstmGate {
    /// `i`: how much of the candidate is written.
    Input,
    /// `j` (elsewhere `g` or `c~`): what may be written.
    Candidate,
    /// `f`: how much of the old cell is kept.
    Forget,
    /// `o`: how much of the cell is shown.
    Output,
}

impl LstmGate {
    /// The order in which elman and TF 1 store the gates: i, j, f, o.
    pub const STORED: [Self; 4] = [Self::Input, Self::Candidate, Self::Forget, Self::Output];
    /// The order of PyTorch, candle and Keras: i, f, g, o.
    pub const PYTORCH: [Self; 4] = [Self::Input, Self::Forget, Self::Candidate, Self::Output];
    /// The order of ONNX: i, o, f, c.
    pub const ONNX: [Self; 4] = [Self::Input, Self::Output, Self::Forget, Self::Candidate];
}

/// What an LSTM carries from step to step (`LSTMStateTuple`).
#[derive(Clone, Debug)]
pub struct LstmState {
    /// `c`, `[B, H]`.
    pub cell: Tensor<2>,
    /// `h`, `[B, H]`; with a projection `[B, P]`.
    pub hidden: Tensor<2>,
}

impl LstmState {
    /// From TF 1's `state_is_tuple=False` form, `[B, H+P]`; [`State::packed`] is the way back.
    ///
    /// # Errors
    ///
    /// When there are not more columns than `units`.
    pub fn from_packed(packed: Tensor<2>, units: usize) -> Result<Self> {
        let [_, width] = packed.dims();
        if width <= units {
            return Err(Error::argument(
                "packed state",
                format!("has {width} columns, but c alone has {units}"),
                "give [c, h] side by side",
            ));
        }
        Ok(Self {
            cell: packed.clone().narrow(1, 0, units),
            hidden: packed.narrow(1, units, width - units),
        })
    }
}

impl State for LstmState {
    fn into_parts(self) -> Vec<Tensor<2>> {
        vec![self.cell, self.hidden]
    }

    fn with_parts(self, parts: Vec<Tensor<2>>) -> Self {
        let [cell, hidden] = <[_; 2]>::try_from(parts).expect("an LSTM state has two parts");
        Self { cell, hidden }
    }

    fn kinds(&self) -> Vec<StatePart> {
        vec![StatePart::Cell, StatePart::Hidden]
    }
}

/// How to build an [`LstmCell`].
#[derive(Clone, Debug)]
pub struct LstmCellConfig {
    inputs: usize,
    units: usize,
    activation: Activation,
    forget_bias: f64,
    use_peepholes: bool,
    cell_clip: Option<f64>,
    num_proj: Option<usize>,
    proj_clip: Option<f64>,
    initializer: Initializer,
    recurrent_initializer: Option<Initializer>,
    dtype: DType,
}

/// How to build a [`BasicLstmCell`]: the same, with its options left alone.
pub type BasicLstmCellConfig = LstmCellConfig;

/// TF 1's `BasicLSTMCell`: the LSTM without peepholes, clips and projection.
pub type BasicLstmCell = LstmCell;

impl LstmCellConfig {
    /// A cell of `units` (`H`) over `inputs` (`F`) features with TF 1's defaults: tanh, forget
    /// bias 1, no peepholes, clips or projection, glorot uniform, in f32.
    pub fn new(inputs: usize, units: usize) -> Self {
        Self {
            inputs,
            units,
            activation: Activation::default(),
            forget_bias: 1.0,
            use_peepholes: false,
            cell_clip: None,
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

    /// Diagonal peepholes: forget and input gate see the old cell, the output gate the new one.
    pub fn with_peepholes(mut self) -> Self {
        self.use_peepholes = true;
        self
    }

    /// Clips the new cell to ±`clip`, before the output gate looks at it.
    pub fn with_cell_clip(mut self, clip: f64) -> Self {
        self.cell_clip = Some(clip);
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
    pub fn init(&self, seed: Seed, device: &Device) -> LstmCell {
        let outputs = self.num_proj.unwrap_or(self.units);
        let gates = LstmGate::STORED.len();
        let shape = KernelShape {
            inputs: self.inputs,
            outputs,
            gates,
            units: self.units,
        };
        let matrix = |shape, name| {
            self.initializer
                .init::<2>(shape, seed.child(name), self.dtype, device)
        };
        let diagonal = |name| {
            self.initializer
                .init::<1>([self.units], seed.child(name), self.dtype, device)
        };
        LstmCell {
            kernel: self.initializer.kernel(
                self.recurrent_initializer.as_ref(),
                shape,
                seed.child("kernel"),
                (device, self.dtype),
            ),
            bias: Initializer::Constant(0.0).init([gates * self.units], seed, self.dtype, device),
            peepholes: self.use_peepholes.then(|| Peepholes {
                input: diagonal("w_i_diag"),
                forget: diagonal("w_f_diag"),
                output: diagonal("w_o_diag"),
            }),
            projection: self
                .num_proj
                .map(|outputs| matrix([self.units, outputs], "projection")),
            settings: LstmSettings {
                activation: self.activation,
                forget_bias: self.forget_bias,
                cell_clip: self.cell_clip,
                proj_clip: self.proj_clip,
            },
        }
    }
}

/// Diagonal peephole weights, `[H]` each.
///
/// Gers, Schraudolph and Schmidhuber (2002), "Learning Precise Timing with LSTM Recurrent
/// Networks", JMLR 3.
#[derive(Module, Debug)]
pub struct Peepholes {
    /// `w_i_diag`: from the old cell to the input gate.
    pub input: Param<Tensor<1>>,
    /// `w_f_diag`: from the old cell to the forget gate.
    pub forget: Param<Tensor<1>>,
    /// `w_o_diag`: from the new cell to the output gate.
    pub output: Param<Tensor<1>>,
}

/// What of an LSTM is not trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LstmSettings {
    /// For the candidate and for the cell's output.
    pub activation: Activation,
    /// Added to the forget gate's sum at run time.
    pub forget_bias: f64,
    /// The new cell stays within ± this.
    pub cell_clip: Option<f64>,
    /// The projected output stays within ± this.
    pub proj_clip: Option<f64>,
}

/// The LSTM cell.
///
/// ```text
/// [i, j, f, o] = [x, hidden] · kernel + bias
/// cell'   = cell ⊙ σ(f + forget_bias + w_f ⊙ cell) + σ(i + w_i ⊙ cell) ⊙ activation(j)
/// cell'   = clip(cell', ±cell_clip)
/// hidden' = σ(o + w_o ⊙ cell') ⊙ activation(cell')
/// hidden' = clip(hidden' · projection, ±proj_clip)       output = hidden'
/// ```
///
/// Hochreiter and Schmidhuber (1997); forget gate: Gers, Schmidhuber and Cummins (2000);
/// projection: Sak, Senior and Beaufays (2014), arXiv 1402.1128; `tf.nn.rnn_cell.LSTMCell`.
#[derive(Module, Debug)]
pub struct LstmCell {
    /// `[F+P, 4H]` (`P` is `H` without a projection): gates in [`LstmGate::STORED`] order.
    pub kernel: Param<Tensor<2>>,
    /// `[4H]`, in the same order.
    pub bias: Param<Tensor<1>>,
    /// Diagonal peepholes, if any.
    pub peepholes: Option<Peepholes>,
    /// `[H, P]`, if any.
    pub projection: Option<Param<Tensor<2>>>,
    /// What is not trained.
    #[module(skip)]
    pub settings: LstmSettings,
}

impl LstmCell {
    /// `H`.
    pub fn units(&self) -> usize {
        self.bias.dims()[0] / LstmGate::STORED.len()
    }
}

impl Watched for LstmCell {
    fn watched_step(
        &self,
        x: Tensor<2>,
        state: LstmState,
        watch: &mut dyn Watch,
    ) -> Result<Step<LstmState>> {
        let settings = &self.settings;
        let joined = Tensor::cat(vec![x, state.hidden], 1);
        let sums = joined.matmul(self.kernel.val()) + self.bias.val().unsqueeze();
        let [i, j, f, o] = <[_; 4]>::try_from(sums.chunk(LstmGate::STORED.len(), 1))
            .expect("the kernel has four gates");
        let mut i = i;
        let mut f = f + settings.forget_bias;
        if let Some(peepholes) = &self.peepholes {
            i = i + state.cell.clone() * peepholes.input.val().unsqueeze();
            f = f + state.cell.clone() * peepholes.forget.val().unsqueeze();
        }
        let (input, forget) = (sigmoid(i), sigmoid(f));
        let candidate = activate(settings.activation, j);
        watch.activation("input", GATE, &input);
        watch.activated("candidate", settings.activation, &candidate);
        watch.activation("forget", GATE, &forget);
        let mut cell = state.cell * forget + input * candidate;
        if let Some(clip) = settings.cell_clip {
            cell = cell.clamp(-clip, clip);
        }
        let cell = watch.part(cell);
        let mut o = o;
        if let Some(peepholes) = &self.peepholes {
            o = o + cell.clone() * peepholes.output.val().unsqueeze();
        }
        let output = sigmoid(o);
        watch.activation("output", GATE, &output);
        let mut hidden = output * activate(settings.activation, cell.clone());
        if let Some(projection) = &self.projection {
            hidden = hidden.matmul(projection.val());
            if let Some(clip) = settings.proj_clip {
                hidden = hidden.clamp(-clip, clip);
            }
        }
        let hidden = watch.part(hidden);
        Ok(Step {
            output: hidden.clone(),
            state: LstmState { cell, hidden },
        })
    }

    fn recurrent_weights(&self) -> Vec<RecurrentWeights> {
        let gates = ["input", "candidate", "forget", "output"];
        let mut weights = recurrent_blocks(&self.kernel.val(), self.input_size(), &gates);
        // What is carried is projected first: [H, P] · [P, H] is the way from units to units.
        if let Some(projection) = &self.projection {
            for gate in &mut weights {
                gate.matrix = projection.val().matmul(gate.matrix.clone());
            }
        }
        weights
    }
}

impl LstmCell {
    /// Do inputs and state fit?
    fn check(&self, sequence: &Sequence, state: &LstmState) -> Result<()> {
        Error::ensure_axis("inputs", 'F', sequence.features(), self.input_size())?;
        Error::ensure_axis("state.cell", 'H', state.cell.dims()[1], self.units())?;
        Error::ensure_axis(
            "state.hidden",
            'P',
            state.hidden.dims()[1],
            self.output_size(),
        )
    }
}

impl Cell for LstmCell {
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
