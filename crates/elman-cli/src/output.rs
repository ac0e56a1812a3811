//! Results on stdout, failures on stderr, and the exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::Value;

use crate::Done;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The flags or the recipe are at fault: status 2.
    Usage(elman::Error),
    /// The work failed: status 1, or 128 + the signal that stopped it.
    Work(elman::Error),
    /// The work was done and came out wrong, as the results say: status 1.
    Verdict,
    /// The results could not be written: status 1, or 0 when the reader had seen enough.
    Output(io::Error),
}

impl From<elman::Error> for Failure {
    fn from(error: elman::Error) -> Self {
        if error.is_recipe() {
            Self::Usage(error)
        } else {
            Self::Work(error)
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    /// Says what is wrong on stderr and gives the status to exit with.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Usage(error) => {
                talk(&format!("elman: {error}"));
                ExitCode::from(2)
            }
            Self::Work(error) => {
                talk(&format!("elman: {error}"));
                match error.stopped_by().map(|signal| u8::try_from(128 + signal)) {
                    Some(Ok(status)) => ExitCode::from(status),
                    _ => ExitCode::FAILURE,
                }
            }
            Self::Verdict => ExitCode::FAILURE,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Output(error) => {
                talk(&format!("elman: cannot write the results: {error}"));
                ExitCode::FAILURE
            }
        }
    }
}

/// Writes a line to stderr. When even that fails there is nobody left to tell.
pub(crate) fn talk(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Writes lines of results.
pub(crate) fn results(lines: &str) -> Done {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", lines.trim_end())?;
    Ok(stdout.flush()?)
}

/// Writes one JSON object a line.
pub(crate) fn json(objects: &[Value]) -> Done {
    let lines: Vec<String> = objects.iter().map(Value::to_string).collect();
    results(&lines.join("\n"))
}
