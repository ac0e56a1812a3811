//! The chapter's five networks, from TensorFlow's weights through elman's cells and drivers.

use burn::tensor::{Device, Tensor, TensorData};

use super::printed::Row;
use crate::cell::{BasicRnnCell, BasicRnnCellConfig, Lengths, Path};
use crate::error::Result;
use crate::initializer::Initializer;
use crate::random::Seed;
use crate::random::tensorflow::RandomOp;
use crate::unroll::{UnrollOptions, dynamic_rnn, static_rnn};

const INPUTS: usize = 3;
const NEURONS: usize = 5;
const GRAPH_SEED: u64 = 42;

/// The inputs of the two time steps, four instances each.
const X0: [[f32; INPUTS]; 4] = [[0., 1., 2.], [3., 4., 5.], [6., 7., 8.], [9., 0., 1.]];
const X1: [[f32; INPUTS]; 4] = [[9., 8., 7.], [0., 0., 0.], [6., 5., 4.], [3., 2., 1.]];

/// Which network, and the id of the random operation that fills each weight. The ids are those of
/// the notebook's graphs: they count the operations that its code had made before.
#[derive(Clone, Copy, Debug)]
pub(super) enum Network {
    Manual { wx: u64, wy: u64 },
    Static { kernel: u64 },
    Packed { kernel: u64 },
    Dynamic { kernel: u64 },
    Lengths { kernel: u64 },
}

/// The tensors that an example prints.
pub(super) struct Results(Vec<(&'static str, TensorData)>);

impl Results {
    /// The five numbers of a printed row.
    pub(super) fn row(&self, row: &Row) -> Vec<f32> {
        let (_, data) = self
            .0
            .iter()
            .find(|(name, _)| *name == row.tensor)
            .expect("an example computes what it prints");
        let place = row
            .index
            .iter()
            .zip(data.shape().iter())
            .fold(0, |place, (&index, &size)| place * size + index);
        data.iter::<f32>()
            .skip(place * NEURONS)
            .take(NEURONS)
            .collect()
    }
}

impl Network {
    /// Runs the network with its cells on `path`.
    pub(super) fn compute(self, path: Path) -> Result<Results> {
        let device = Device::flex();
        let [x0, x1] = [X0, X1].map(|steps| Tensor::<2>::from_data(steps, &device));
        match self {
            Self::Manual { wx, wy } => Ok(manual(
                [x0, x1],
                &normal(wx, [INPUTS, NEURONS], &device),
                &normal(wy, [NEURONS, NEURONS], &device),
            )),
            Self::Static { kernel } => {
                let cell = cell(kernel, &device);
                let run = static_rnn(&cell, vec![x0, x1], options(path))?;
                let names = ["Y0", "Y1"].into_iter();
                Ok(Results(
                    names
                        .zip(run.outputs.into_iter().map(Tensor::into_data))
                        .collect(),
                ))
            }
            Self::Packed { kernel } => {
                let packed: Tensor<3> = Tensor::stack(vec![x0, x1], 1);
                let by_step = packed.swap_dims(0, 1);
                let steps = by_step
                    .iter_dim(0)
                    .map(|step| step.squeeze_dim(0))
                    .collect();
                let run = static_rnn(&cell(kernel, &device), steps, options(path))?;
                let outputs = Tensor::stack::<3>(run.outputs, 0).swap_dims(0, 1);
                Ok(Results(vec![("outputs", outputs.into_data())]))
            }
            Self::Dynamic { kernel } => {
                let inputs = Tensor::stack(vec![x0, x1], 1);
                let run = dynamic_rnn(&cell(kernel, &device), inputs, options(path))?;
                Ok(Results(vec![("outputs", run.outputs.into_data())]))
            }
            Self::Lengths { kernel } => {
                let inputs = Tensor::stack(vec![x0, x1], 1);
                let options = options(path).with_sequence_length(Lengths::new([2, 1, 2, 2]));
                let run = dynamic_rnn(&cell(kernel, &device), inputs, options)?;
                Ok(Results(vec![
                    ("outputs", run.outputs.into_data()),
                    ("state", run.state.hidden.into_data()),
                ]))
            }
        }
    }
}

/// The chapter's first network, in tensor operations as the chapter writes it; its bias is zero.
fn manual([x0, x1]: [Tensor<2>; 2], wx: &Tensor<2>, wy: &Tensor<2>) -> Results {
    let bias = Tensor::<2>::zeros([1, NEURONS], &wx.device());
    let y0 = (x0.matmul(wx.clone()) + bias.clone()).tanh();
    let y1 = (y0.clone().matmul(wy.clone()) + x1.matmul(wx.clone()) + bias).tanh();
    Results(vec![("Y0", y0.into_data()), ("Y1", y1.into_data())])
}

/// `tf.random_normal(shape)` as operation `op_id`.
fn normal(op_id: u64, shape: [usize; 2], device: &Device) -> Tensor<2> {
    let numbers = RandomOp::new(GRAPH_SEED, op_id).normal(shape.iter().product());
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

/// `BasicRNNCell(num_units=5)`, whose kernel operation `op_id` fills; its bias is zero.
fn cell(op_id: u64, device: &Device) -> BasicRnnCell {
    let kernel = RandomOp::new(GRAPH_SEED, op_id).glorot_uniform([INPUTS + NEURONS, NEURONS]);
    let kernel = kernel.into_iter().map(f64::from).collect();
    BasicRnnCellConfig::new(INPUTS, NEURONS)
        .with_initializer(Initializer::Values(kernel))
        .init(Seed::new(GRAPH_SEED), device)
}

fn options<S: crate::cell::State>(path: Path) -> UnrollOptions<S> {
    UnrollOptions::default().with_path(path)
}
