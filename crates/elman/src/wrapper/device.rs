//! A cell on a device of its own.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::cell::{Cell, Runner, Sequence, Step, Unrolled};
use crate::error::Result;
use crate::unroll::sequence_of_one;
use crate::wrapper::around::{self, Around};

/// Runs a cell on the device where its parameters are: inputs are moved there, outputs are moved
/// back to where the inputs were, and the state lives there. Gradients go the same way back.
///
/// `tf.nn.rnn_cell.DeviceWrapper`.
#[derive(Module, Debug)]
pub struct DeviceWrapper<C> {
    cell: C,
}

impl<C: Cell + Module> DeviceWrapper<C> {
    /// Moves the parameters of `cell` to `device` and keeps its runs there. A module that is moved
    /// as a whole later (`to_device`) takes this one along.
    pub fn new(cell: C, device: &Device) -> Self {
        Self {
            cell: cell.fork(device),
        }
    }

    /// The cell inside.
    pub fn cell(&self) -> &C {
        &self.cell
    }

    /// Where the cell is; `None` when it has no parameters, so that it runs anywhere.
    pub fn device(&self) -> Option<Device> {
        self.cell.devices().into_iter().next()
    }
}

impl<C: Cell + Module> Around for DeviceWrapper<C> {
    type Inner = C;

    fn inner(&self) -> &C {
        &self.cell
    }

    fn before(&self, sequence: &Sequence) -> Result<Sequence> {
        let Some(device) = self.device() else {
            return Ok(sequence.clone());
        };
        Ok(sequence.with_inputs(sequence.inputs().clone().to_device(&device)))
    }

    fn after(&self, sequence: &Sequence, outputs: Tensor<3>) -> Result<Tensor<3>> {
        Ok(outputs.to_device(&sequence.inputs().device()))
    }
}

impl<C: Cell + Module> Cell for DeviceWrapper<C> {
    type State = C::State;

    fn input_size(&self) -> usize {
        self.cell.input_size()
    }

    fn output_size(&self) -> usize {
        self.cell.output_size()
    }

    fn zero_state(&self, batch: usize) -> C::State {
        self.cell.zero_state(batch)
    }

    fn step(&self, input: Tensor<2>, state: C::State) -> Result<Step<C::State>> {
        sequence_of_one(self, Sequence::batch_major(input.unsqueeze_dim(1)), state)
    }

    fn sequence(&self, sequence: Sequence, state: C::State) -> Result<Unrolled<C::State>> {
        around::sequence(self, sequence, state)
    }

    fn runner(&self, state: C::State) -> Box<dyn Runner<C::State> + '_> {
        around::runner(self, state)
    }
}
