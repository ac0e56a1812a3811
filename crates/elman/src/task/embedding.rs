//! From tokens to the vectors that a network reads.
//!
//! ```text
//! x_t = embedding[token_t], or one-hot        [B, T, E] or [B, T, V]
//! ```
//!
//! `tf.nn.embedding_lookup`, `tf.one_hot`.

use burn::module::Param;
use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::error::{Error, Result};
use crate::initializer::Initializer;
use crate::loss::indices;
use crate::random::Seed;

/// The most tokens that may be one-hot: the inputs of a window hold as many numbers for each.
const WIDEST_ONE_HOT: usize = 4096;

/// `[V, E]`, of the given variance, or none where `size` (`E`) is none: then tokens are one-hot.
///
/// # Errors
///
/// When tokens would be one-hot and there are too many.
pub(super) fn init(
    size: Option<usize>,
    vocabulary: usize,
    variance: f64,
    (seed, device): (Seed, &Device),
) -> Result<Option<Param<Tensor<2>>>> {
    if size.is_none() && vocabulary > WIDEST_ONE_HOT {
        return Err(Error::argument(
            "model.embedding",
            format!("is missing, and one-hot inputs of {vocabulary} tokens are too wide"),
            format!(
                "set it to the size of an embedding; up to {WIDEST_ONE_HOT} tokens may be one-hot"
            ),
        ));
    }
    let limit = (3.0 * variance).sqrt();
    let initializer = Initializer::Uniform {
        low: -limit,
        high: limit,
    };
    let seed = seed.child("embedding");
    Ok(size.map(|size| initializer.init([vocabulary, size], seed, DType::F32, device)))
}

/// `[B, T, E]`, or `[B, T, V]` without an `embedding`, of `tokens` `[B, T]`, each below `V`.
pub(super) fn vectors(
    embedding: Option<&Param<Tensor<2>>>,
    tokens: &[u32],
    [batch, time]: [usize; 2],
    (vocabulary, device): (usize, &Device),
) -> Tensor<3> {
    if let Some(table) = embedding {
        let rows = table.val().select(0, indices(tokens, device));
        let [_, size] = rows.dims();
        return rows.reshape([batch, time, size]);
    }
    let mut numbers = vec![0.0_f32; tokens.len() * vocabulary];
    for (row, &token) in numbers.chunks_exact_mut(vocabulary).zip(tokens) {
        row[token as usize] = 1.0;
    }
    Tensor::from_data(TensorData::new(numbers, [batch, time, vocabulary]), device)
}
