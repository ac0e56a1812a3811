//! Text from a language model and pieces from one of polyphony: a sampler, and a writer and a composer
//! that keep the state between tokens and steps.

mod composer;
mod sampler;
mod writer;

pub use composer::Composer;
pub use sampler::{Sampler, SamplerConfig};
pub use writer::Writer;
