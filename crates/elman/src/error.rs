//! The one error type of this crate.
//!
//! Every message says where, what was expected, what was found and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation of this crate failed.
///
/// The kinds are private, so that they can grow; ask with the `is_*` predicates.
pub struct Error {
    kind: Box<Kind>,
}

#[derive(Debug)]
enum Kind {
    Shape {
        tensor: String,
        axis: char,
        expected: usize,
        found: usize,
    },
    Argument {
        what: String,
        problem: String,
        remedy: String,
    },
    Data {
        path: PathBuf,
        problem: String,
        remedy: String,
    },
    Damaged {
        path: PathBuf,
        problem: String,
    },
    Io {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
        advice: Option<String>,
    },
    Recipe {
        origin: String,
        problems: Vec<String>,
    },
    Weights {
        origin: String,
        problems: Vec<String>,
    },
    NotFinite {
        what: String,
        step: u64,
        remedy: String,
    },
    Stopped {
        signal: i32,
        message: String,
    },
}

impl Error {
    fn new(kind: Kind) -> Self {
        Self {
            kind: Box::new(kind),
        }
    }

    /// An axis of a tensor has another size than the operation needs.
    ///
    /// `axis` is one of the house letters (`B` batch, `T` time, `F` features in, `H` units,
    /// `P` projection, `V` vocabulary, `G` gates).
    pub fn shape(tensor: impl Into<String>, axis: char, expected: usize, found: usize) -> Self {
        Self::new(Kind::Shape {
            tensor: tensor.into(),
            axis,
            expected,
            found,
        })
    }

    /// A value that the caller gave cannot be used.
    pub fn argument(
        what: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Kind::Argument {
            what: what.into(),
            problem: problem.into(),
            remedy: remedy.into(),
        })
    }

    /// A file's content is not what it should be.
    pub fn data(
        path: impl AsRef<Path>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Kind::Data {
            path: path.as_ref().to_owned(),
            problem: problem.into(),
            remedy: remedy.into(),
        })
    }

    /// A file that elman wrote is not as elman left it.
    pub fn damaged(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Self::new(Kind::Damaged {
            path: path.as_ref().to_owned(),
            problem: problem.into(),
        })
    }

    /// The operating system refused `action` (a verb: "read", "create") on `path`.
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::new(Kind::Io {
            action,
            path: path.as_ref().to_owned(),
            source,
            advice: None,
        })
    }

    /// Adds what to do to an error of the operating system; leaves every other error as it is.
    pub(crate) fn advise(mut self, what_to_do: impl Into<String>) -> Self {
        if let Kind::Io { advice, .. } = &mut *self.kind {
            *advice = Some(what_to_do.into());
        }
        self
    }

    /// Everything that is wrong with one recipe, at once.
    ///
    /// # Panics
    ///
    /// When `problems` is empty: an error without a problem is a bug of the caller.
    pub fn recipe(origin: impl Into<String>, problems: Vec<String>) -> Self {
        assert!(!problems.is_empty(), "a recipe error names a problem");
        Self::new(Kind::Recipe {
            origin: origin.into(),
            problems,
        })
    }

    /// Everything that is wrong with one set of named weights, at once.
    pub fn weights(origin: impl Into<String>, problems: Vec<String>) -> Self {
        Self::new(Kind::Weights {
            origin: origin.into(),
            problems,
        })
    }

    /// A number that must be finite is not.
    pub fn not_finite(what: impl Into<String>, step: u64, remedy: impl Into<String>) -> Self {
        Self::new(Kind::NotFinite {
            what: what.into(),
            step,
            remedy: remedy.into(),
        })
    }

    /// The work was stopped by a signal after it had been saved.
    pub fn stopped(signal: i32, message: impl Into<String>) -> Self {
        Self::new(Kind::Stopped {
            signal,
            message: message.into(),
        })
    }

    /// Is it about the shape of a tensor?
    pub fn is_shape(&self) -> bool {
        matches!(*self.kind, Kind::Shape { .. })
    }

    /// Is it about a value that the caller gave?
    pub fn is_argument(&self) -> bool {
        matches!(*self.kind, Kind::Argument { .. })
    }

    /// Is it about the content of a file?
    pub fn is_data(&self) -> bool {
        matches!(*self.kind, Kind::Data { .. })
    }

    /// Was a file of elman's own changed or cut after it was written?
    pub fn is_damaged(&self) -> bool {
        matches!(*self.kind, Kind::Damaged { .. })
    }

    /// Did the operating system refuse something?
    pub fn is_io(&self) -> bool {
        matches!(*self.kind, Kind::Io { .. })
    }

    /// Is it about a recipe?
    pub fn is_recipe(&self) -> bool {
        matches!(*self.kind, Kind::Recipe { .. })
    }

    /// Is it about weights by name that do not fit?
    pub fn is_weights(&self) -> bool {
        matches!(*self.kind, Kind::Weights { .. })
    }

    /// Did a number become infinite or NaN?
    pub fn is_not_finite(&self) -> bool {
        matches!(*self.kind, Kind::NotFinite { .. })
    }

    /// What is wrong with a recipe or with weights, if it is about those.
    pub(crate) fn problems(&self) -> &[String] {
        match &*self.kind {
            Kind::Recipe { problems, .. } | Kind::Weights { problems, .. } => problems,
            _ => &[],
        }
    }

    /// Which number became infinite or NaN, and at which step, if one did.
    pub(crate) fn not_finite_at(&self) -> Option<(&str, u64)> {
        match &*self.kind {
            Kind::NotFinite { what, step, .. } => Some((what, *step)),
            _ => None,
        }
    }

    /// The signal that stopped the work, if one did.
    pub fn stopped_by(&self) -> Option<i32> {
        match *self.kind {
            Kind::Stopped { signal, .. } => Some(signal),
            _ => None,
        }
    }

    /// Checks one axis of a tensor.
    pub(crate) fn ensure_axis(
        tensor: &str,
        axis: char,
        found: usize,
        expected: usize,
    ) -> Result<()> {
        if found == expected {
            Ok(())
        } else {
            Err(Self::shape(tensor, axis, expected, found))
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.kind {
            Kind::Shape {
                tensor,
                axis,
                expected,
                found,
            } => write!(
                f,
                "{tensor}: axis {axis} must be {expected}, found {found}; \
                 give a tensor of that size or build the cell for this one"
            ),
            Kind::Argument {
                what,
                problem,
                remedy,
            } => write!(f, "{what}: {problem}; {remedy}"),
            Kind::Data {
                path,
                problem,
                remedy,
            } => write!(f, "{}: {problem}; {remedy}", path.display()),
            Kind::Damaged { path, problem } => write!(
                f,
                "{}: damaged: {problem}; use another copy of the file",
                path.display()
            ),
            Kind::Io {
                action,
                path,
                source,
                advice,
            } => {
                write!(f, "cannot {action} {}: {source}", path.display())?;
                match advice {
                    Some(advice) => write!(f, "; {advice}"),
                    None => Ok(()),
                }
            }
            Kind::Recipe { origin, problems } | Kind::Weights { origin, problems } => {
                let count = problems.len();
                let noun = if count == 1 { "problem" } else { "problems" };
                write!(f, "{origin}: {count} {noun}")?;
                for problem in problems {
                    write!(f, "\n  - {problem}")?;
                }
                Ok(())
            }
            Kind::NotFinite { what, step, remedy } => {
                write!(f, "{what} became non-finite at step {step}; {remedy}")
            }
            Kind::Stopped { signal, message } => {
                write!(f, "stopped by signal {signal}; {message}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.kind {
            Kind::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
