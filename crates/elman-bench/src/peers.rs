//! Which peers there are, how each is built and started.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};

/// A library that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerKind {
    /// This library; the reference of every comparison.
    Elman,
    /// Burn's own layers, with the features flex, simd, rayon and x86-v4.
    Burn,
    /// candle-nn's layers.
    Candle,
    /// `nn.LSTM`, `nn.GRU`, `nn.RNN`.
    PyTorch,
    /// `tf.compat.v1`'s `dynamic_rnn` in a graph.
    TensorFlow1,
    /// The operators of ONNX; inference only.
    OnnxRuntime,
}

impl PeerKind {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 6] = [
        Self::Elman,
        Self::Burn,
        Self::Candle,
        Self::PyTorch,
        Self::TensorFlow1,
        Self::OnnxRuntime,
    ];

    /// As the tables call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Elman => "elman",
            Self::Burn => "Burn",
            Self::Candle => "candle",
            Self::PyTorch => "PyTorch",
            Self::TensorFlow1 => "TF 1",
            Self::OnnxRuntime => "onnxruntime",
        }
    }
}

/// The Python interpreters that have the peers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pythons {
    /// With torch, onnxruntime, onnx and safetensors.
    pub torch: Option<PathBuf>,
    /// With tensorflow-cpu and safetensors.
    pub tensorflow: Option<PathBuf>,
}

/// How to get the Python peers, as `peers` prints it.
pub const PYTHON_SETUP: &str = "\
The Python peers need two environments (their libraries want different versions of NumPy):

    python3 -m venv torch-env
    torch-env/bin/pip install torch onnxruntime onnx safetensors numpy
    python3.11 -m venv tf-env
    tf-env/bin/pip install tensorflow-cpu==2.15.1 safetensors

then give them to the bench:

    --python-torch torch-env/bin/python --python-tf tf-env/bin/python

tensorflow-cpu 2.15.1 is the last release line whose tf.compat.v1 has TF 1's RNN cells; it needs Python 3.9 to 3.11.
One interpreter that has everything may be given as --python instead.
Burn's and candle's peers are built by the bench itself, with cargo, where they take part.";

impl Pythons {
    /// The interpreters that were named: `--python` stands for every one that was not.
    ///
    /// # Errors
    ///
    /// When more than two were given by `--python`.
    pub fn new(
        either: &[PathBuf],
        torch: Option<PathBuf>,
        tensorflow: Option<PathBuf>,
    ) -> Result<Self> {
        if either.len() > 2 {
            return Err(Error::Flag {
                flag: "--python",
                problem: "given more than twice; give one interpreter per environment".into(),
            });
        }
        let having = |module: &str| {
            either
                .iter()
                .find(|python| has_module(python, module))
                .cloned()
        };
        Ok(Self {
            torch: torch.or_else(|| having("torch")),
            tensorflow: tensorflow.or_else(|| having("tensorflow")),
        })
    }
}

/// Can this interpreter find the module? It is looked for, not imported.
fn has_module(python: &Path, module: &str) -> bool {
    let look =
        "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)";
    Command::new(python)
        .args(["-c", look, module])
        .status()
        .is_ok_and(|status| status.success())
}

/// The peers that can be started here; by default elman alone.
#[derive(Debug, Default)]
pub struct Peers {
    pythons: Pythons,
    /// Where Burn's and candle's peers were built, if they were.
    built: Option<PathBuf>,
}

impl Peers {
    /// All of them: builds Burn's and candle's with cargo, into `peers` beside this program's own
    /// build folder.
    ///
    /// # Errors
    ///
    /// When cargo is not there or a build fails.
    pub fn build(pythons: Pythons) -> Result<Self> {
        let program = this_program()?;
        let target = program.ancestors().nth(2).unwrap_or(&program).join("peers");
        for (kind, package) in [
            (PeerKind::Burn, "burn-layer"),
            (PeerKind::Candle, "candle-layer"),
        ] {
            let manifest = peers_folder().join(package).join("Cargo.toml");
            let mut command = Command::new("cargo");
            command
                .args(["build", "--release", "--locked", "--manifest-path"])
                .arg(manifest)
                .arg("--target-dir")
                .arg(&target);
            let text = format!("{command:?}");
            let status = command.status().map_err(|source| Error::Start {
                peer: kind.label().into(),
                command: text.clone(),
                source,
            })?;
            if !status.success() {
                return Err(Error::Build {
                    peer: kind.label().into(),
                    command: text,
                    status: status.to_string(),
                });
            }
        }
        Ok(Self {
            pythons,
            built: Some(target.join("release")),
        })
    }

    /// Those in Python, beside elman itself; nothing is built.
    pub fn in_python(pythons: Pythons) -> Self {
        Self {
            pythons,
            built: None,
        }
    }

    /// The command that starts a peer on so many threads; `None` without its interpreter.
    ///
    /// # Errors
    ///
    /// When this program does not know where it is itself.
    pub fn command(&self, kind: PeerKind, threads: NonZeroUsize) -> Result<Option<Command>> {
        let python = |interpreter: &Option<PathBuf>, script: &str| {
            interpreter.as_ref().map(|interpreter| {
                let mut command = Command::new(interpreter);
                command.arg(peers_folder().join("python").join(script));
                command
            })
        };
        let built = |name: &str| {
            let folder = self.built.as_ref();
            folder.map(|folder| Command::new(folder.join(name)))
        };
        let command = match kind {
            PeerKind::Elman => {
                let mut command = Command::new(this_program()?);
                command.arg("serve");
                Some(command)
            }
            PeerKind::Burn => built("burn-layer"),
            PeerKind::Candle => built("candle-layer"),
            PeerKind::PyTorch => python(&self.pythons.torch, "torch_peer.py").map(|mut command| {
                // One OpenMP thread a core: the guest may put both on one.
                command.envs([("OMP_PROC_BIND", "true"), ("OMP_PLACES", "cores")]);
                command
            }),
            PeerKind::TensorFlow1 => python(&self.pythons.tensorflow, "tf_peer.py"),
            PeerKind::OnnxRuntime => python(&self.pythons.torch, "onnxruntime_peer.py"),
        };
        Ok(command.map(|mut command| {
            let count = threads.to_string();
            command.args(["--threads", &count]);
            // Every thread pool that a peer may bring along has the same size.
            for variable in [
                "OMP_NUM_THREADS",
                "MKL_NUM_THREADS",
                "OPENBLAS_NUM_THREADS",
                "RAYON_NUM_THREADS",
            ] {
                command.env(variable, &count);
            }
            command
        }))
    }
}

/// Where the sources of the peers are.
fn peers_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

fn this_program() -> Result<PathBuf> {
    std::env::current_exe().map_err(|error| Error::file("elman-bench", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_is_told_its_threads_and_one_without_its_interpreter_is_left_out() {
        let peers = Peers {
            pythons: Pythons {
                torch: Some("python-a".into()),
                tensorflow: None,
            },
            built: Some("built".into()),
        };
        let threads = NonZeroUsize::new(2).unwrap();
        for kind in PeerKind::ALL {
            let command = peers.command(kind, threads).unwrap();
            let Some(command) = command else {
                assert_eq!(kind, PeerKind::TensorFlow1);
                continue;
            };
            let arguments: Vec<_> = command.get_args().collect();
            assert!(arguments.ends_with(&["--threads".as_ref(), "2".as_ref()]));
            assert!(
                command
                    .get_envs()
                    .any(|(name, value)| name == "RAYON_NUM_THREADS" && value == Some("2".as_ref()))
            );
        }
    }

    #[test]
    fn the_scripts_of_the_python_peers_are_where_they_are_looked_for() {
        for script in [
            "line_protocol.py",
            "torch_peer.py",
            "tf_peer.py",
            "onnxruntime_peer.py",
        ] {
            assert!(
                peers_folder().join("python").join(script).is_file(),
                "{script}"
            );
        }
    }

    #[test]
    fn an_interpreter_that_is_not_there_has_no_modules() {
        let nowhere = [PathBuf::from("no-such-python")];
        assert_eq!(
            Pythons::new(&nowhere, None, Some("tf".into())).unwrap(),
            Pythons {
                torch: None,
                tensorflow: Some("tf".into())
            }
        );
        let three = [const { PathBuf::new() }; 3];
        assert!(Pythons::new(&three, None, None).is_err());
    }
}
