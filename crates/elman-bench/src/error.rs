//! The one error type of this crate.

use std::path::PathBuf;
use std::time::Duration;

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a measurement failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A peer could not be started.
    #[error("{peer}: cannot start `{command}`: {source}; check the path")]
    Start {
        /// Which peer.
        peer: String,
        /// The command line.
        command: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A peer ended although it was asked something.
    #[error("{peer}: ended ({status}) while it was to {task}; its last words:\n{last_words}")]
    Died {
        /// Which peer.
        peer: String,
        /// How it ended.
        status: String,
        /// What it was asked.
        task: String,
        /// The end of its standard error.
        last_words: String,
    },
    /// A peer did not answer in time; it was killed.
    #[error("{peer}: no answer within {} s while it was to {task}; it was stopped", limit.as_secs_f64())]
    TimedOut {
        /// Which peer.
        peer: String,
        /// What it was asked.
        task: String,
        /// How long it had.
        limit: Duration,
    },
    /// A peer answered with something that is not a reply.
    #[error("{peer}: expected a reply of the line protocol, got {line:?} ({problem})")]
    Garbage {
        /// Which peer.
        peer: String,
        /// What it wrote.
        line: String,
        /// Why it cannot be read.
        problem: String,
    },
    /// A peer said that it could not do what it was asked.
    #[error("{peer}: failed to {task}: {reason}")]
    Failed {
        /// Which peer.
        peer: String,
        /// What it was asked.
        task: String,
        /// What it said.
        reason: String,
    },
    /// A peer computes something else than elman does.
    #[error(
        "{peer} disagrees with elman on `{tensor}`: the largest difference is {difference:.2e} of the tensor's scale, \
         the limit {limit:.0e}; its timings would compare different work and were not taken"
    )]
    Disagrees {
        /// Which peer.
        peer: String,
        /// Which output or gradient.
        tensor: String,
        /// Relative to the largest element, or to 1 where that is smaller.
        difference: f64,
        /// What is allowed.
        limit: f64,
    },
    /// A peer's answer has other tensors or shapes than elman's.
    #[error("{peer}: `{tensor}`: expected {expected}, got {found}")]
    Answer {
        /// Which peer.
        peer: String,
        /// Which output or gradient.
        tensor: String,
        /// Of elman's answer.
        expected: String,
        /// Of the peer's.
        found: String,
    },
    /// A peer of this repository did not build.
    #[error("{peer}: `{command}` failed ({status}); its output stands above")]
    Build {
        /// Which peer.
        peer: String,
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
    },
    /// A file of the bench's own could not be read or written.
    #[error("{}: {problem}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What happened.
        problem: String,
    },
    /// A flag has a value that cannot be used.
    #[error("{flag}: {problem}")]
    Flag {
        /// As typed.
        flag: &'static str,
        /// What is wrong and what to give.
        problem: String,
    },
    /// Measurements were taken, but not all of those that were asked for.
    #[error("{count} measurement(s) failed; they are listed above")]
    Incomplete {
        /// How many.
        count: usize,
    },
}

impl Error {
    /// A file of the bench's own could not be read or written.
    pub fn file(path: impl Into<PathBuf>, problem: impl std::fmt::Display) -> Self {
        Self::File {
            path: path.into(),
            problem: problem.to_string(),
        }
    }
}
