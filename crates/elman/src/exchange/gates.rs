//! Gates in one framework's order, taken to another's.

use burn::tensor::Tensor;

use crate::cell::LstmGate;

/// Moves the gates, blocks of columns, from one order to another.
pub(super) fn reorder(kernel: Tensor<2>, from: [LstmGate; 4], to: [LstmGate; 4]) -> Tensor<2> {
    let blocks = kernel.chunk(from.len(), 1);
    let block_of = |gate| {
        let block = from.iter().position(|&other| other == gate);
        blocks[block.expect("an order names every gate")].clone()
    };
    Tensor::cat(to.map(block_of).to_vec(), 1)
}
