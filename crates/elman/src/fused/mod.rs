//! The fused cells as Burn operations.
//!
//! A whole sequence through a cell is one operation with a hand-written backward. An operation has
//! one output, so outputs and final state travel in one flat tensor and are taken apart here.

mod checkpointed;
mod cross_entropy;
mod dense;
mod dropout;
mod gaussian;
mod kernels;
mod operation;
#[cfg(feature = "remote")]
pub(crate) mod remote;
mod runner;

use burn::tensor::{DType, Device, Tensor};
use elman_kernels::{
    BasicSpec, GateNormalisation, GruSpec, LayerNormLstmSpec, LstmSpec, Plan, Spec,
};

use crate::cell::{
    BasicRnnCell, Cell, GateNorms, GruCell, LayerNormLstmCell, Layout, LstmCell, Path, ResetGate,
    Sequence, State, Step, Unrolled,
};
use crate::error::{Error, Result};
use crate::unroll::sequence_of_one;

pub(crate) use cross_entropy::cross_entropy;
pub(crate) use dense::{DenseRunner, dense};
pub(crate) use dropout::dropout;
pub(crate) use gaussian::gaussian_nll;
pub(crate) use runner::runner;

/// Does a fused kernel serve this sequence? On the CPU, this machine's or that of an `elman
/// device-server`, in f32 and f64, unless the composed path was asked for.
pub(crate) fn serves(sequence: &Sequence) -> bool {
    let device = sequence.inputs().device();
    sequence.path() == Path::Auto
        && matches!(sequence.inputs().dtype(), DType::F32 | DType::F64)
        && (is_here(&device) || is_remote_cpu(&device))
}

/// Is this our own processor?
fn is_here(device: &Device) -> bool {
    *device == Device::flex()
}

#[cfg(feature = "remote")]
fn is_remote_cpu(device: &Device) -> bool {
    remote::has_kernels(device)
}

#[cfg(not(feature = "remote"))]
fn is_remote_cpu(_device: &Device) -> bool {
    false
}

/// Does a fused kernel serve this sequence with dropout of the hidden state, too? Not in segments.
pub(crate) fn masks(sequence: &Sequence) -> bool {
    serves(sequence) && sequence.memory().is_none()
}

/// One step as a sequence of length 1, so that a step and a sequence give the same bits.
pub(crate) fn step<C: Cell>(cell: &C, input: Tensor<2>, state: C::State) -> Result<Step<C::State>> {
    sequence_of_one(cell, Sequence::batch_major(input.unsqueeze_dim(1)), state)
}

/// What of a cell a kernel needs.
pub(crate) trait Fused: Cell {
    /// What is computed.
    fn spec(&self) -> Spec;

    /// The parameters, in the order of [`Spec`]; vectors as matrices of one row.
    fn parameters(&self) -> Vec<Tensor<2>>;
}

impl Fused for BasicRnnCell {
    fn spec(&self) -> Spec {
        Spec::Basic(BasicSpec {
            inputs: self.input_size(),
            units: self.output_size(),
            activation: self.activation,
        })
    }

    fn parameters(&self) -> Vec<Tensor<2>> {
        vec![self.kernel.val(), self.bias.val().unsqueeze()]
    }
}

impl Fused for LstmCell {
    fn spec(&self) -> Spec {
        Spec::Lstm(LstmSpec {
            inputs: self.input_size(),
            units: self.units(),
            projection: self
                .projection
                .as_ref()
                .map(|projection| projection.dims()[1]),
            activation: self.settings.activation,
            forget_bias: self.settings.forget_bias,
            cell_clip: self.settings.cell_clip,
            proj_clip: self.settings.proj_clip,
        })
    }

    fn parameters(&self) -> Vec<Tensor<2>> {
        let mut parameters = vec![self.kernel.val(), self.bias.val().unsqueeze()];
        if let Some(peepholes) = &self.peepholes {
            let diagonals = [&peepholes.input, &peepholes.forget, &peepholes.output];
            parameters.extend(diagonals.map(|diagonal| diagonal.val().unsqueeze()));
        }
        parameters.extend(self.projection.as_ref().map(|projection| projection.val()));
        parameters
    }
}

impl Fused for LayerNormLstmCell {
    fn spec(&self) -> Spec {
        Spec::LayerNormLstm(LayerNormLstmSpec {
            inputs: self.input_size(),
            units: self.output_size(),
            activation: self.settings.activation,
            forget_bias: self.settings.forget_bias,
            gates: match &self.gate_norms {
                GateNorms::PerGate(norm) => GateNormalisation::PerGate {
                    epsilon: norm.epsilon,
                },
                GateNorms::PerProduct(norms) => GateNormalisation::PerProduct {
                    input_epsilon: norms.input.epsilon,
                    recurrent_epsilon: norms.recurrent.epsilon,
                },
            },
            state_epsilon: self.state_norm.epsilon,
        })
    }

    fn parameters(&self) -> Vec<Tensor<2>> {
        let mut vectors = match &self.gate_norms {
            GateNorms::PerGate(norm) => vec![norm.gain.val(), norm.shift.val()],
            // What is added is added to both products: the kernel knows the sum.
            GateNorms::PerProduct(norms) => vec![
                norms.input.gain.val(),
                norms.recurrent.gain.val(),
                norms.input.shift.val() + norms.recurrent.shift.val() + norms.bias.val(),
            ],
        };
        vectors.extend([self.state_norm.gain.val(), self.state_norm.shift.val()]);
        let mut parameters = vec![self.kernel.val()];
        parameters.extend(vectors.into_iter().map(|vector| vector.unsqueeze()));
        parameters
    }
}

impl Fused for GruCell {
    fn spec(&self) -> Spec {
        let spec = GruSpec {
            inputs: self.input_size(),
            units: self.output_size(),
            activation: self.activation,
        };
        match self.reset_gate() {
            ResetGate::BeforeProduct => Spec::GruBefore(spec),
            ResetGate::AfterProduct => Spec::GruAfter(spec),
        }
    }

    fn parameters(&self) -> Vec<Tensor<2>> {
        let mut parameters = vec![
            self.gates_kernel.val(),
            self.gates_bias.val().unsqueeze(),
            self.candidate_kernel.val(),
            self.candidate_bias.val().unsqueeze(),
        ];
        parameters.extend(
            self.recurrent_bias
                .as_ref()
                .map(|bias| bias.val().unsqueeze()),
        );
        parameters
    }
}

/// Runs the kernel of `cell` over `sequence`.
///
/// # Errors
///
/// When the state has another batch size than the inputs, or number types differ.
pub(crate) fn sequence<C: Fused>(
    cell: &C,
    sequence: Sequence,
    state: C::State,
) -> Result<Unrolled<C::State>> {
    run(cell, sequence, state, None)
}

/// As [`sequence`] with dropout of the hidden state: `factors` are laid out as the outputs.
///
/// # Errors
///
/// As [`sequence`].
pub(crate) fn masked_sequence<C: Fused>(
    cell: &C,
    sequence: Sequence,
    state: C::State,
    factors: Tensor<3>,
) -> Result<Unrolled<C::State>> {
    run(cell, sequence, state, Some(factors))
}

fn run<C: Fused>(
    cell: &C,
    sequence: Sequence,
    state: C::State,
    mask: Option<Tensor<3>>,
) -> Result<Unrolled<C::State>> {
    let (batch, time) = (sequence.batch(), sequence.time());
    let spec = cell.spec();
    let parameters = cell.parameters();
    let parts = state.clone().into_parts();
    let batches: Vec<usize> = parts.iter().map(|part| part.dims()[0]).collect();
    let dtypes: Vec<DType> = parts.iter().map(Tensor::dtype).collect();
    check(&sequence, &spec, &batches, &dtypes, parameters[0].dtype())?;
    let size = spec.outputs();
    let shape = output_shape(&sequence, size);
    if batch * time == 0 {
        let options = (&sequence.inputs().device(), sequence.inputs().dtype());
        return Ok(Unrolled {
            outputs: Tensor::zeros(shape, options),
            state,
        });
    }
    let widths: Vec<usize> = parts.iter().map(|part| part.dims()[1]).collect();
    let inputs = sequence.inputs().clone();
    let plan = plan(&sequence);
    let number = inputs.dtype().size();
    let segment = match sequence.memory() {
        Some(budget) => checkpointed::segment_steps(&spec, &plan, number, budget)?,
        None => None,
    };
    let tensors = (inputs, Tensor::cat(parts, 1), mask);
    let (outputs, parts) = operation::run(tensors, parameters, (spec, plan, segment));
    Ok(Unrolled {
        outputs,
        state: state.with_parts(parts.split_with_sizes(widths, 1)),
    })
}

/// The shape of outputs of `size` features a step.
fn output_shape(sequence: &Sequence, size: usize) -> [usize; 3] {
    match sequence.layout() {
        Layout::BatchMajor => [sequence.batch(), sequence.time(), size],
        Layout::TimeMajor => [sequence.time(), sequence.batch(), size],
    }
}

/// The kernels' plan of a sequence.
fn plan(sequence: &Sequence) -> Plan {
    let layout = sequence.layout().into();
    match sequence.lengths() {
        None => Plan::full(layout, sequence.batch(), sequence.time()),
        Some(lengths) => Plan::ragged(layout, sequence.time(), lengths.as_slice()),
    }
}

/// Checks what a kernel is about to trust: sizes, and one number type. Of each part of the state,
/// `batches` has the number of rows and `dtypes` the number type.
fn check(
    sequence: &Sequence,
    spec: &Spec,
    batches: &[usize],
    dtypes: &[DType],
    dtype: DType,
) -> Result<()> {
    Error::ensure_axis("inputs", 'F', sequence.features(), spec.inputs())?;
    for &batch in batches {
        Error::ensure_axis("state", 'B', batch, sequence.batch())?;
    }
    let inputs = ("inputs", sequence.inputs().dtype());
    let parts = dtypes.iter().map(|&part| ("state", part));
    for (name, found) in std::iter::once(inputs).chain(parts) {
        if found != dtype {
            return Err(Error::argument(
                name,
                format!("is in {found:?}, but the cell is in {dtype:?}"),
                "convert the tensor, or build the cell in its number type (with_dtype)",
            ));
        }
    }
    Ok(())
}
