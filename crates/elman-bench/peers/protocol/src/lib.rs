//! The line protocol between `elman-bench` and the programs that it measures.
//!
//! A peer is a child process that reads one JSON object a line from its standard input and
//! answers each with one on its standard output. It starts with [`Reply::Hello`] and ends when
//! its input does. Numbers too large for a line travel in safetensors files, all in f32 and
//! time-major, in the layout of elman's own weights (gates in TF 1's order).
//!
//! | request | answer |
//! |---|---|
//! | [`Request::Case`] | [`Reply::Prepared`], after writing the answer file, or [`Reply::Unsupported`] |
//! | [`Request::Epoch`] | [`Reply::Prepared`], or [`Reply::Unsupported`] |
//! | [`Request::Run`] | [`Reply::Round`] |
//!
//! Any request may be answered by [`Reply::Failed`].

mod machine;
mod message;
mod serve;
mod tensors;

/// Every peer that links this keeps the memory of freed tensors for the next ones (ADR 0010), so
/// that what is compared is layers and not allocators.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use machine::{Stopwatch, pin_to_first_cores};
pub use message::{
    CaseRequest, CellKind, EpochRequest, Mode, Reply, Request, SeriesRequest, Shape, TextMode,
    TextRequest,
};
pub use serve::{Epoch, Failure, Peer, Preparation, Workload, serve, threads_from_arguments};
pub use tensors::{Array, Tensors};
