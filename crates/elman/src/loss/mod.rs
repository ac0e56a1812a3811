//! Losses over vocabularies, in nats.

mod adaptive_softmax;
mod candidates;
mod cross_entropy;
mod sampled_softmax;

pub use adaptive_softmax::{AdaptiveSoftmax, AdaptiveSoftmaxConfig};
pub use candidates::Candidates;
pub use cross_entropy::cross_entropy;
pub(crate) use cross_entropy::indices;
pub use sampled_softmax::sampled_softmax;
