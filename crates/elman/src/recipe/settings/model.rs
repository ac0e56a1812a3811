//! The table `[model]`: the network.

use super::SoftmaxSettings;
use crate::activation::Activation;
use crate::cell::{LstmNormalisation, MinCandidate, ResetGate};
use crate::device::DeviceName;
use crate::initializer::Initializer;
use crate::wrapper::Masks;

/// The network (`[model]`): recurrent layers, and what the rest of the model reads of them.
///
/// The keys of a layer stand in `[model]` itself, and `layers = N` of them are the same (default
/// 1); or there is one `[[model.layer]]` for each.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSettings {
    /// The layers, the lowest first: 1 to 256.
    pub layers: Vec<LayerSettings>,
    /// What is read (default: the topmost layer's last output).
    pub readout: Readout,
    /// Has every layer a second cell that reads backwards (default no)?
    pub bidirectional: bool,
    /// What the dense layer on it gives (default: softmax for a classifier, linear for a regressor).
    pub output: Output,
    /// The kernels are drawn as TF 1 draws them in a graph with the recipe's seed: by these random
    /// operations, the cells' kernels first, the dense layer's last (default: by elman's own
    /// generator). See [`crate::random::tensorflow`].
    pub tensorflow_operations: Option<Vec<u64>>,
    /// The gate biases of LSTMs and GRUs begin with memories of up to so many steps, 3 to
    /// 1,000,000,000 (default: as each cell begins): Tallec and Ollivier (2018).
    pub chrono_steps: Option<usize>,
    /// `E`, the size of the vectors that stand for tokens, where tokens are read; without it they are
    /// one-hot.
    pub embedding: Option<usize>,
    /// How the next token is foretold (default in full); there exactly when the task is a language
    /// model.
    pub softmax: Option<SoftmaxSettings>,
}

/// What the dense layer gives, and what its loss is (`model.output`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// One logit a class, cross-entropy after a softmax (`"softmax"`).
    Softmax,
    /// One logit for the second of two classes, cross-entropy after a sigmoid (`"sigmoid"`).
    Sigmoid,
    /// Numbers as they are, squared error (`"linear"`).
    Linear,
}

impl ModelSettings {
    /// One layer, read at its end, with a softmax.
    pub fn one(layer: LayerSettings) -> Self {
        Self {
            layers: vec![layer],
            readout: Readout::default(),
            bidirectional: false,
            output: Output::Softmax,
            tensorflow_operations: None,
            chrono_steps: None,
            embedding: None,
            softmax: None,
        }
    }

    /// For each layer: does its skip connection fit what it reads? `inputs` (`F`) is what the
    /// lowest reads, if that is known. What does not fit is said in words.
    pub(crate) fn sizes(&self, inputs: Option<usize>) -> Vec<Result<(), String>> {
        let directions = if self.bidirectional { 2 } else { 1 };
        let mut read = inputs;
        let fits = |layer: &LayerSettings| {
            let (found, shown) = (read, layer.output_size());
            read = Some(shown * directions);
            match found {
                Some(inputs) if layer.skip != Skip::None && inputs != shown => Err(format!(
                    "a skip connection needs inputs and outputs of one size, but the layer reads \
                     {inputs} features and shows {shown}; set `output_projection = {inputs}`, \
                     change `units`, or set `skip = \"none\"` for this layer"
                )),
                _ => Ok(()),
            }
        };
        self.layers.iter().map(fits).collect()
    }
}

/// What the rest of a model reads of its layers (`model.readout`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Readout {
    /// The last output of the topmost layer (`"last"`).
    #[default]
    Last,
    /// The last outputs of all layers side by side (`"all"`).
    All,
    /// The mean of the topmost layer's outputs over a row's steps (`"mean"`).
    Mean,
}

/// A recurrent layer: a cell and what is around it, from the inside out in the order of the fields.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSettings {
    /// The kind of cell, with what only some kinds have.
    pub cell: CellSettings,
    /// `H`, the units of the cell: 1 to 16,384.
    pub units: usize,
    /// The cell's activation (default tanh); `nas`, `min_gru` and `min_lstm` have none to choose.
    pub activation: Activation,
    /// How the cell's weights are filled (default: as the cell has it).
    pub initializer: Option<Initializer>,
    /// How the weights of the hidden state are filled (default: as the others).
    pub recurrent_initializer: Option<Initializer>,
    /// Is what the cell makes of its inputs normalised over the batch (default no)? Of a basic cell,
    /// an LSTM or a GRU; see [`BatchNormWrapper`](crate::wrapper::BatchNormWrapper).
    pub batch_norm: bool,
    /// `[model.zoneout]` (default: none).
    pub zoneout: Option<ZoneoutSettings>,
    /// The inputs are projected to this size (default: they are not).
    pub input_projection: Option<usize>,
    /// The outputs are projected to this size (default: they are not).
    pub output_projection: Option<usize>,
    /// `[model.dropout]` (default: none).
    pub dropout: Option<DropoutSettings>,
    /// What the inputs do to the outputs (default: nothing).
    pub skip: Skip,
    /// Where the layer is (default: where the rest of the model is).
    pub device: Option<DeviceName>,
}

impl LayerSettings {
    /// A layer of `units` of `cell` with nothing around it: tanh, filled as the cell has it.
    pub fn new(cell: CellSettings, units: usize) -> Self {
        Self {
            cell,
            units,
            activation: Activation::default(),
            initializer: None,
            recurrent_initializer: None,
            batch_norm: false,
            zoneout: None,
            input_projection: None,
            output_projection: None,
            dropout: None,
            skip: Skip::default(),
            device: None,
        }
    }

    /// How many features it shows, in one direction.
    pub fn output_size(&self) -> usize {
        let projected = self.output_projection.or(self.cell.num_proj());
        projected.unwrap_or(self.units)
    }
}

/// The kind of cell (`cell`), with what only some kinds have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CellSettings {
    /// [`BasicRnnCell`](crate::cell::BasicRnnCell) (`"basic"`).
    Basic,
    /// [`LstmCell`](crate::cell::LstmCell) (`"lstm"`).
    Lstm {
        /// Added to the forget gate's sum (default 1).
        forget_bias: f64,
        /// Do the gates see the cell (default no)?
        peepholes: bool,
        /// The new cell stays within ± this (default: no limit).
        cell_clip: Option<f64>,
        /// `P`, the size of the projected output (`num_proj`; default: no projection).
        num_proj: Option<usize>,
        /// The projected output stays within ± this (default: no limit).
        proj_clip: Option<f64>,
    },
    /// [`GruCell`](crate::cell::GruCell) (`"gru"`).
    Gru {
        /// Where the reset gate acts (default: before the product, as in TF 1).
        reset_gate: ResetGate,
    },
    /// [`LayerNormLstmCell`](crate::cell::LayerNormLstmCell) (`"layer_norm_lstm"`).
    LayerNormLstm {
        /// Added to the forget gate's normalised sum (default 1).
        forget_bias: f64,
        /// What is normalised (default: each gate, as in TF 1).
        normalisation: LstmNormalisation,
        /// What every gain starts with (default 1).
        norm_gain: f64,
        /// What every shift starts with (default 0).
        norm_shift: f64,
    },
    /// [`CoupledLstmCell`](crate::cell::CoupledLstmCell) (`"coupled_lstm"`).
    CoupledLstm {
        /// Added to the forget gate's sum (default 1).
        forget_bias: f64,
        /// Do the gates see the cell (default no)?
        peepholes: bool,
        /// Are the gates' sums and the new cell normalised (default no)?
        layer_norm: bool,
        /// `P`, the size of the projected output (default: no projection).
        num_proj: Option<usize>,
        /// The projected output stays within ± this (default: no limit).
        proj_clip: Option<f64>,
    },
    /// [`NasCell`](crate::cell::NasCell) (`"nas"`).
    Nas {
        /// Have the hidden state's products a bias (default no)?
        use_bias: bool,
        /// `P`, the size of the projected output (default: no projection).
        num_proj: Option<usize>,
    },
    /// [`UgrnnCell`](crate::cell::UgrnnCell) (`"ugrnn"`).
    Ugrnn {
        /// Added to the gate's sum (default 1).
        forget_bias: f64,
    },
    /// [`IndRnnCell`](crate::cell::IndRnnCell) (`"indrnn"`).
    IndRnn,
    /// [`SruCell`](crate::cell::SruCell) (`"sru"`).
    Sru,
    /// [`MinGruCell`](crate::cell::MinGruCell) (`"min_gru"`).
    MinGru {
        /// Its form (default: linear).
        candidate: MinCandidate,
    },
    /// [`MinLstmCell`](crate::cell::MinLstmCell) (`"min_lstm"`).
    MinLstm {
        /// Its form (default: linear).
        candidate: MinCandidate,
        /// Added to the forget gate's sum (default 0).
        forget_bias: f64,
    },
}

impl CellSettings {
    /// `P`, where the cell itself projects its output.
    pub fn num_proj(self) -> Option<usize> {
        match self {
            Self::Lstm { num_proj, .. }
            | Self::CoupledLstm { num_proj, .. }
            | Self::Nas { num_proj, .. } => num_proj,
            _ => None,
        }
    }
}

/// Dropout around a layer (`[model.dropout]`): see
/// [`DropoutWrapper`](crate::wrapper::DropoutWrapper). Evaluation is without.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DropoutSettings {
    /// The probability that an input is kept, above 0 and at most 1 (default 1).
    pub input_keep: f64,
    /// The probability that an output is kept (default 1).
    pub output_keep: f64,
    /// The probability that a number of the new state is kept (default 1). Below 1 the layer runs
    /// step by step.
    pub state_keep: f64,
    /// How many masks there are (default: another one for every step and row).
    pub masks: Masks,
    /// What of the state may be dropped (default: never an LSTM's `c`).
    pub state: DroppedState,
}

impl Default for DropoutSettings {
    /// Nothing is dropped.
    fn default() -> Self {
        Self {
            input_keep: 1.0,
            output_keep: 1.0,
            state_keep: 1.0,
            masks: Masks::default(),
            state: DroppedState::default(),
        }
    }
}

/// What of a state dropout may touch (`model.dropout.state`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DroppedState {
    /// All but an LSTM's `c` (`"hidden"`), as in TF 1.
    #[default]
    Hidden,
    /// All (`"all"`).
    All,
}

/// Zoneout around a layer (`[model.zoneout]`): see
/// [`ZoneoutWrapper`](crate::wrapper::ZoneoutWrapper). The layer runs step by step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ZoneoutSettings {
    /// The probability that a number of the hidden state stays the old one, 0 to 1 (default 0).
    pub hidden: f64,
    /// The same for a number of an LSTM's or SRU's `c` (default 0).
    pub cell: f64,
}

/// What a layer's inputs do to its outputs (`skip`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Skip {
    /// Nothing (`"none"`).
    #[default]
    None,
    /// They are added: [`ResidualWrapper`](crate::wrapper::ResidualWrapper) (`"residual"`).
    Residual,
    /// A learned share of them is let through: [`HighwayWrapper`](crate::wrapper::HighwayWrapper)
    /// (`"highway"`).
    Highway,
}
