//! The mistakes that everybody makes, made on purpose.

use burn::tensor::{Device, Tensor, TensorData};

use crate::golden_case::Case;

/// The case once for each mistake that can be made in its weights, and what the mistake is.
pub(crate) fn of(case: &Case) -> Vec<(String, Case)> {
    let mut sabotaged = Vec::new();
    for (name, data) in case.weights().iter() {
        let mut add = |what: &str, data: Tensor<2>, like: &TensorData| {
            let mut case = case.clone();
            let values: Vec<f64> = data.into_data().iter().collect();
            let data = TensorData::new(values, like.shape().clone());
            case.tensors.insert(format!("weight.{name}"), data);
            sabotaged.push((format!("{name}: {what}"), case));
        };
        let parameter = Parameter::new(case, name, data);
        for first in 0..parameter.gates {
            for second in first + 1..parameter.gates {
                let swapped = parameter.with_gates_swapped(first, second);
                add(
                    &format!("gates {first} and {second} swapped"),
                    swapped,
                    data,
                );
            }
        }
        if let Some(transposed) = parameter.with_recurrent_block_transposed() {
            add("recurrent blocks transposed", transposed, data);
        }
        if data.shape().len() == 1 {
            add("forgotten", parameter.rows.clone().zeros_like(), data);
        }
    }
    sabotaged
}

/// A parameter with its gates in blocks of rows (PyTorch's orientation).
struct Parameter {
    rows: Tensor<2>,
    /// Stored with gates in blocks of columns (TF 1's)?
    transposed: bool,
    gates: usize,
    units: usize,
    /// The columns that the recurrent state meets.
    recurrent: Option<std::ops::Range<usize>>,
}

impl Parameter {
    fn new(case: &Case, name: &str, data: &TensorData) -> Self {
        let device = Device::flex();
        let dtype = data.dtype();
        let is_vector = data.shape().len() == 1;
        let transposed = !case.is_pytorch() && !is_vector;
        let rows = match is_vector {
            true => Tensor::<1>::from_data(data.clone(), (&device, dtype)).unsqueeze_dim::<2>(1),
            false => Tensor::<2>::from_data(data.clone(), (&device, dtype)),
        };
        let rows = if transposed { rows.transpose() } else { rows };
        let (inputs, units) = case.sizes_of(name);
        let [height, width] = rows.dims();
        let is_projection = name.contains("projection") || name.contains("weight_hr");
        let gates = if is_projection { 1 } else { height / units };
        let first = match case.is_pytorch() {
            true if name.starts_with("weight_hh") => Some(0),
            false if !is_vector && !is_projection => Some(inputs),
            _ => None,
        };
        Self {
            rows,
            transposed,
            gates,
            units,
            recurrent: first.map(|first| first..width),
        }
    }

    fn stored(&self, rows: Tensor<2>) -> Tensor<2> {
        if self.transposed {
            rows.transpose()
        } else {
            rows
        }
    }

    fn with_gates_swapped(&self, first: usize, second: usize) -> Tensor<2> {
        let mut blocks = self.rows.clone().chunk(self.gates, 0);
        blocks.swap(first, second);
        self.stored(Tensor::cat(blocks, 0))
    }

    /// Each gate's recurrent block, if it is square.
    fn with_recurrent_block_transposed(&self) -> Option<Tensor<2>> {
        let columns = self.recurrent.clone()?;
        if columns.len() != self.units {
            return None;
        }
        let [height, _] = self.rows.dims();
        let blocks = self
            .rows
            .clone()
            .narrow(1, columns.start, columns.len())
            .chunk(self.gates, 0);
        let turned = blocks.into_iter().map(Tensor::transpose).collect();
        let rows = self
            .rows
            .clone()
            .slice_assign([0..height, columns], Tensor::cat(turned, 0));
        Some(self.stored(rows))
    }
}
