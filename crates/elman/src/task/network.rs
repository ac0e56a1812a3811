//! The recurrent part of a model: layers on top of each other, and what is read out of them.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::cell::{
    BasicRnnCellConfig, Cell, GruCellConfig, Lengths, LstmCellConfig, Sequence, State, Unrolled,
};
use crate::diagnosis::{Trace, trace};
use crate::error::{Error, Result};
use crate::random::Seed;
use crate::recipe::{CellSettings, LayerSettings, ModelSettings, Readout};
use crate::unroll::{Backpropagation, UnrollOptions};
use crate::wrapper::{AnyCell, AnyState};

/// Layers on top of each other: each reads what the one below shows, at every step.
///
/// ```text
/// outputs 0  = layer 0 over the inputs
/// outputs k  = layer k over outputs k-1
/// readout    = the last output of the topmost layer, or of all layers side by side
/// ```
///
/// A row's last output is that of its last real step. `tf.nn.dynamic_rnn` over a
/// `tf.nn.rnn_cell.MultiRNNCell`. A whole sequence goes through layer after layer, each on its
/// kernel.
#[derive(Module, Debug)]
pub struct Network {
    layers: Vec<AnyCell>,
    #[module(skip)]
    readout: Readout,
}

/// How a [`Network`] runs.
#[derive(Clone, Debug, Default)]
pub struct NetworkRun {
    /// The real steps of each row, `[B]`; `None` when all are.
    pub lengths: Option<Vec<usize>>,
    /// How far gradients go back.
    pub through: Backpropagation,
    /// The step of training, for which dropout and zoneout draw; `None` in inference, where they do
    /// not.
    pub training_step: Option<u64>,
}

impl Network {
    /// The network that `settings` describe, over `inputs` (`F`) features, in f32.
    ///
    /// # Errors
    ///
    /// When a layer cannot be built over what it reads.
    pub fn init(
        settings: &ModelSettings,
        inputs: usize,
        seed: Seed,
        device: &Device,
    ) -> Result<Self> {
        let mut features = inputs;
        let mut layers = Vec::with_capacity(settings.layers.len());
        for (index, layer) in settings.layers.iter().enumerate() {
            // A network of one layer draws what it has always drawn.
            let seed = match index {
                0 => seed.child("cell"),
                _ => seed.child(&format!("cell {index}")),
            };
            let layer = build(layer, features, seed, device)?;
            features = layer.output_size();
            layers.push(layer);
        }
        Self::new(layers, settings.readout)
    }

    /// A network of `layers`, the lowest first.
    ///
    /// # Errors
    ///
    /// When there is none, or one does not read as many features as the one below shows.
    pub fn new(layers: Vec<AnyCell>, readout: Readout) -> Result<Self> {
        if layers.is_empty() {
            return Err(Error::argument(
                "layers",
                "is an empty list",
                "give at least one layer",
            ));
        }
        for (index, pair) in layers.windows(2).enumerate() {
            let (shown, read) = (pair[0].output_size(), pair[1].input_size());
            if shown != read {
                return Err(Error::argument(
                    format!("layers[{}]", index + 1),
                    format!("reads F = {read} features, but layers[{index}] shows H = {shown}"),
                    format!("build it for {shown} inputs"),
                ));
            }
        }
        Ok(Self { layers, readout })
    }

    /// The layers, the lowest first.
    pub fn layers(&self) -> &[AnyCell] {
        &self.layers
    }

    /// What is read out.
    pub fn readout(&self) -> Readout {
        self.readout
    }

    /// `F`, the number of input features.
    pub fn input_size(&self) -> usize {
        self.layers[0].input_size()
    }

    /// The number of output features of every step: those of the topmost layer.
    pub fn output_size(&self) -> usize {
        self.top().output_size()
    }

    /// The number of features of [`final_output`](Self::final_output).
    pub fn readout_size(&self) -> usize {
        match self.readout {
            Readout::Last => self.output_size(),
            Readout::All => self.layers.iter().map(Cell::output_size).sum(),
        }
    }

    /// What is read out of a whole sequence, `[B, readout]`, for `inputs` of shape `[B, T, F]`.
    ///
    /// # Errors
    ///
    /// When a shape does not fit the network, a length is larger than `T`, or the memory is too
    /// little.
    pub fn final_output(&self, inputs: Tensor<3>, run: NetworkRun) -> Result<Tensor<2>> {
        let first_read = match self.readout {
            Readout::Last => self.layers.len() - 1,
            Readout::All => 0,
        };
        let mut read = Vec::with_capacity(self.layers.len() - first_read);
        self.pass(inputs, &run, |index, layer, unrolled| {
            if index >= first_read {
                read.push(last_output(layer, unrolled, run.lengths.as_deref()));
            }
        })?;
        Ok(match read.len() {
            1 => read.remove(0),
            _ => Tensor::cat(read, 1),
        })
    }

    /// The same as [`final_output`](Self::final_output) in inference, step by step, with a trace of
    /// every recurrent cell in `traces`.
    pub(crate) fn traced(
        &self,
        inputs: Tensor<3>,
        lengths: Option<Lengths>,
        traces: &mut Vec<Trace>,
    ) -> Result<Tensor<2>> {
        let mut sequence = Sequence::batch_major(inputs);
        if let Some(lengths) = lengths {
            sequence = sequence.with_lengths(lengths)?;
        }
        let mut read = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            Error::ensure_axis("inputs", 'F', sequence.features(), layer.input_size())?;
            let outputs = trace(layer, sequence.clone(), traces)?;
            let lengths = sequence.lengths().map(Lengths::as_slice);
            read.push(last_step(&outputs, lengths));
            sequence = sequence.with_inputs(outputs);
        }
        Ok(match self.readout {
            Readout::Last => read.remove(read.len() - 1),
            Readout::All => Tensor::cat(read, 1),
        })
    }

    /// What the topmost layer shows at every step, `[B, T, H]`, for `inputs` of shape `[B, T, F]`;
    /// zero past a row's length.
    ///
    /// # Errors
    ///
    /// As [`final_output`](Self::final_output).
    pub fn outputs(&self, inputs: Tensor<3>, run: NetworkRun) -> Result<Tensor<3>> {
        self.pass(inputs, &run, |_, _, _| ())
    }

    /// Runs layer after layer and shows each to `visit`; returns the outputs of the topmost.
    fn pass(
        &self,
        inputs: Tensor<3>,
        run: &NetworkRun,
        mut visit: impl FnMut(usize, &AnyCell, &Unrolled<AnyState>),
    ) -> Result<Tensor<3>> {
        let mut outputs = inputs;
        for (index, layer) in self.layers.iter().enumerate() {
            let unrolled = run.through.unroll(layer, outputs, run.options())?;
            visit(index, layer, &unrolled);
            outputs = unrolled.outputs;
        }
        Ok(outputs)
    }

    fn top(&self) -> &AnyCell {
        self.layers.last().expect("a network has a layer")
    }
}

impl NetworkRun {
    /// A run in training step `step`, with gradients to the first step of time.
    pub fn training(step: u64) -> Self {
        Self {
            training_step: Some(step),
            ..Self::default()
        }
    }

    fn options<S: State>(&self) -> UnrollOptions<S> {
        let mut options = UnrollOptions::default();
        if let Some(lengths) = &self.lengths {
            options = options.with_sequence_length(Lengths::new(lengths.clone()));
        }
        match self.training_step {
            Some(step) => options.with_training_step(step),
            None => options.without_noise(),
        }
    }
}

/// What `layer` shows after each row's last real step, `[B, H]`: zero for a row without steps.
fn last_output(
    layer: &AnyCell,
    unrolled: &Unrolled<AnyState>,
    lengths: Option<&[usize]>,
) -> Tensor<2> {
    let outputs = &unrolled.outputs;
    // Most cells carry what they have shown: the kernel hands it out, and its gradient is small.
    if let Some(shown) = layer.shown(&unrolled.state) {
        return shown.to_device(&outputs.device());
    }
    last_step(outputs, lengths)
}

/// Of `outputs`, `[B, T, H]`, those of each row's last real step, `[B, H]`.
fn last_step(outputs: &Tensor<3>, lengths: Option<&[usize]>) -> Tensor<2> {
    let [batch, time, features] = outputs.dims();
    if time == 0 {
        return Tensor::zeros([batch, features], (&outputs.device(), outputs.dtype()));
    }
    let last = match lengths {
        None => outputs.clone().narrow(1, time - 1, 1),
        Some(lengths) => {
            // A row without steps has zeros at every step.
            let steps: Vec<i64> = lengths
                .iter()
                .map(|&length| length.saturating_sub(1) as i64)
                .collect();
            let steps = TensorData::new(steps, [batch, 1, 1]);
            let steps = Tensor::<3, Int>::from_data(steps, &outputs.device());
            let steps = steps.expand([batch, 1, features]);
            outputs.clone().gather(1, steps)
        }
    };
    last.squeeze_dim(1)
}

/// The layer that `settings` describe, over `inputs` (`F`) features.
fn build(settings: &LayerSettings, inputs: usize, seed: Seed, device: &Device) -> Result<AnyCell> {
    let (units, activation) = (settings.units, settings.activation);
    Ok(match settings.cell {
        CellSettings::Basic => BasicRnnCellConfig::new(inputs, units)
            .with_activation(activation)
            .init(seed, device)
            .into(),
        CellSettings::Lstm {
            forget_bias,
            peepholes,
            cell_clip,
            num_proj,
            proj_clip,
        } => {
            let mut config = LstmCellConfig::new(inputs, units)
                .with_activation(activation)
                .with_forget_bias(forget_bias);
            if peepholes {
                config = config.with_peepholes();
            }
            if let Some(clip) = cell_clip {
                config = config.with_cell_clip(clip);
            }
            if let Some(outputs) = num_proj {
                config = config.with_num_proj(outputs);
            }
            if let Some(clip) = proj_clip {
                config = config.with_proj_clip(clip);
            }
            config.init(seed, device).into()
        }
        CellSettings::Gru { reset_gate } => GruCellConfig::new(inputs, units)
            .with_activation(activation)
            .with_reset_gate(reset_gate)
            .init(seed, device)
            .into(),
    })
}

#[cfg(test)]
mod tests;
