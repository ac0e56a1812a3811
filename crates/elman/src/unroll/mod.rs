//! Drivers: what turns a cell into a network over time (`tf.nn.static_rnn`, `tf.nn.dynamic_rnn`,
//! `tf.nn.bidirectional_dynamic_rnn`, `tf.nn.raw_rnn`), and what becomes of the gradient over many
//! steps.

mod backpropagation;
mod bidirectional;
mod composed;
mod dynamic;
mod raw;
mod reverse;
mod scan;
mod single;
mod stack;
mod static_;
mod stream;
mod truncated;
mod vector_to_sequence;

pub use backpropagation::Backpropagation;
pub use bidirectional::{Bidirectional, bidirectional_dynamic_rnn};
pub(crate) use composed::{composed, driven};
pub use dynamic::{UnrollOptions, dynamic_rnn};
pub use raw::{LoopStart, LoopTurn, RawUnrolled, raw_rnn};
pub use reverse::reverse_sequence;
pub(crate) use scan::{Recurrence, scanned};
pub(crate) use single::{sequence_of_one, single_step};
pub use stack::{StackedBidirectional, stack_bidirectional_dynamic_rnn};
pub use static_::{StaticUnrolled, static_rnn};
pub use stream::Stream;
pub use truncated::{StateSaver, truncated_rnn};
pub use vector_to_sequence::vector_to_sequence;
