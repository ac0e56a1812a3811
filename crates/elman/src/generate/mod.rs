//! Text from a language model: a sampler, and a writer that keeps the state between tokens.

mod sampler;
mod writer;

pub use sampler::{Sampler, SamplerConfig};
pub use writer::Writer;
