//! The kernels of a model as TensorFlow 1 would have drawn them.
//!
//! In a TF 1 graph with a seed, a kernel's numbers follow from the place of its random operation in
//! the graph (see [`crate::random::tensorflow`]). With these places a training run begins with the
//! very weights of a notebook.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};

use crate::error::{Error, Result};
use crate::random::Seed;
use crate::random::tensorflow::RandomOp;
use crate::train::replace;

/// `model` with every kernel drawn glorot uniform by the operation of `operations` that is its,
/// the kernels in the order of the model's fields: those of the cells, then the dense layer's.
/// Biases are as TF 1 has them already.
///
/// # Errors
///
/// When there are more or fewer operations than kernels.
pub(super) fn draw<M: Module>(model: M, seed: Seed, operations: &[u64]) -> Result<M> {
    let mut drawer = Drawer {
        seed,
        operations,
        kernels: 0,
    };
    let model = model.map(&mut drawer);
    if drawer.kernels == operations.len() {
        return Ok(model);
    }
    Err(Error::argument(
        "model.tensorflow_operations",
        format!(
            "it has {} operations, the model has {} kernels",
            operations.len(),
            drawer.kernels
        ),
        "give one operation for every kernel",
    ))
}

struct Drawer<'a> {
    seed: Seed,
    operations: &'a [u64],
    kernels: usize,
}

impl ModuleMapper for Drawer<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Ok(shape) = <[usize; 2]>::try_from(&param.dims()[..]) else {
            return param;
        };
        self.kernels += 1;
        match self.operations.get(self.kernels - 1) {
            Some(&operation) => {
                let numbers = RandomOp::new(self.seed.value(), operation).glorot_uniform(shape);
                replace(param, TensorData::new(numbers, shape))
            }
            None => param,
        }
    }
}
