//! Losses in nats: over vocabularies, and of a distribution.

mod adaptive_softmax;
mod candidates;
mod cross_entropy;
mod gaussian;
mod sampled_softmax;

pub use adaptive_softmax::{AdaptiveSoftmax, AdaptiveSoftmaxConfig};
pub use candidates::Candidates;
pub use cross_entropy::cross_entropy;
pub(crate) use cross_entropy::indices;
pub use gaussian::gaussian_nll;
pub(crate) use gaussian::softplus;
pub use sampled_softmax::sampled_softmax;
