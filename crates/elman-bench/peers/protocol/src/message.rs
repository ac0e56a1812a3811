//! Requests and replies.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The cells that are compared. The two GRUs are different functions, so they are two rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellKind {
    /// tanh.
    Basic,
    /// Without peepholes, clips and projection; forget bias 0.
    Lstm,
    /// Reset gate after the product (PyTorch, cuDNN).
    GruAfter,
    /// Reset gate before the product (TF 1).
    GruBefore,
}

impl CellKind {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 4] = [Self::Lstm, Self::GruAfter, Self::GruBefore, Self::Basic];

    /// `G`: how many blocks of `H` columns the weights have.
    pub fn gates(self) -> usize {
        match self {
            Self::Basic => 1,
            Self::Lstm => 4,
            Self::GruAfter | Self::GruBefore => 3,
        }
    }

    /// Names and shapes of the weights, in elman's layout.
    pub fn weights(self, features: usize, units: usize) -> Vec<(&'static str, Vec<usize>)> {
        let rows = features + units;
        let gru = || {
            vec![
                ("gates_kernel", vec![rows, 2 * units]),
                ("gates_bias", vec![2 * units]),
                ("candidate_kernel", vec![rows, units]),
                ("candidate_bias", vec![units]),
            ]
        };
        match self {
            Self::Basic | Self::Lstm => {
                let columns = self.gates() * units;
                vec![("kernel", vec![rows, columns]), ("bias", vec![columns])]
            }
            Self::GruBefore => gru(),
            Self::GruAfter => {
                let mut weights = gru();
                weights.push(("recurrent_bias", vec![units]));
                weights
            }
        }
    }

    /// As the tables call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Lstm => "LSTM",
            Self::GruAfter => "GRU, reset after",
            Self::GruBefore => "GRU, reset before",
        }
    }
}

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Forward only, without a graph.
    Infer,
    /// Forward, sum of outputs times a fixed cotangent, backward to all weights.
    Train,
    /// The same, and backward to the inputs.
    TrainInputs,
    /// One time step of a running stream, the state carried along.
    Stream,
}

impl Mode {
    /// As the tables call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Infer => "inference",
            Self::Train => "training",
            Self::TrainInputs => "training, with d inputs",
            Self::Stream => "one streaming step",
        }
    }

    /// Is there a backward pass?
    pub fn trains(self) -> bool {
        matches!(self, Self::Train | Self::TrainInputs)
    }
}

/// `T`, `B`, `F` and `H` of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shape {
    /// `T`, time steps; for a stream, the number of different inputs that are fed in turn.
    pub time: usize,
    /// `B`.
    pub batch: usize,
    /// `F`, input features.
    pub features: usize,
    /// `H`.
    pub units: usize,
}

/// One case: a cell, a shape and a mode on given weights and inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseRequest {
    /// Which cell.
    pub cell: CellKind,
    /// What is timed.
    pub mode: Mode,
    /// Its sizes.
    pub shape: Shape,
    /// Safetensors with the weights ([`CellKind::weights`]), `inputs` `[T, B, F]` and
    /// `cotangent` `[T, B, H]`.
    pub question: PathBuf,
    /// Where the peer writes `outputs` `[T, B, H]` and, when training, `d.NAME` for each weight
    /// and (when asked) `d.inputs`.
    pub answer: PathBuf,
}

/// One whole training epoch of one of the book's MNIST networks: layers of one cell, and a dense layer
/// on what the topmost shows last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRequest {
    /// A folder with `train-images-idx3-ubyte.gz` and `train-labels-idx1-ubyte.gz`, or the same
    /// two without `.gz`.
    pub data: PathBuf,
    /// How many images an epoch has; the files are repeated until there are as many.
    pub images: usize,
    /// `B`; an incomplete last batch is dropped.
    pub batch: usize,
    /// Of every layer.
    pub cell: CellKind,
    /// How many layers.
    pub layers: usize,
    /// `H`.
    pub units: usize,
    /// Adam's.
    pub learning_rate: f64,
}

/// What a language model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextMode {
    /// Windows of a text in parallel streams: forward, backward, clip, RMSProp; the state carried.
    Train,
    /// One text, token by token, each drawn from the distribution that the one before gave.
    Generate,
}

/// A language model of LSTM layers over one-hot tokens with a softmax: char-rnn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextRequest {
    /// What is timed.
    pub mode: TextMode,
    /// `V`.
    pub vocabulary: usize,
    /// How many layers.
    pub layers: usize,
    /// `H`.
    pub units: usize,
    /// `B`; of writing 1.
    pub batch: usize,
    /// `T` of a window.
    pub time: usize,
    /// Windows, or tokens to write, in an iteration.
    pub count: usize,
    /// RMSProp's.
    pub learning_rate: f64,
}

/// A model of series in training, DeepAR's (Salinas et al. 2020, arXiv 1704.04110): layers over the
/// features of every step, a projection to a mean and a scale, the Gaussian negative log-likelihood of
/// every step's target, backward, Adam.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesRequest {
    /// Of every layer.
    pub cell: CellKind,
    /// How many layers.
    pub layers: usize,
    /// `T`, `B`, `F` and `H`.
    pub shape: Shape,
    /// Batches of an iteration.
    pub count: usize,
    /// Adam's.
    pub learning_rate: f64,
}

impl SeriesRequest {
    /// `[count, B, T, F + 1]`: the features of every step and, last, its target; the same for all
    /// peers.
    pub fn numbers(&self) -> Vec<f32> {
        let Shape {
            time,
            batch,
            features,
            ..
        } = self.shape;
        let numbers = 0..self.count * batch * time * (features + 1);
        numbers
            .map(|at| ((at * at % 7919 + at % 13) % 200) as f32 / 100.0 - 1.0)
            .collect()
    }
}

impl TextRequest {
    /// `[B, count · T + 1]`: the text that is trained on, the same for every peer.
    pub fn tokens(&self) -> Vec<u32> {
        let length = self.batch * (self.count * self.time + 1);
        let token = |at: usize| (at * at % 7919 + at % 13) % self.vocabulary;
        (0..length).map(|at| token(at) as u32).collect()
    }
}

/// What the bench asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Request {
    /// Prepare a case and answer it once.
    Case(CaseRequest),
    /// Prepare an epoch.
    Epoch(EpochRequest),
    /// Prepare a language model.
    Text(TextRequest),
    /// Builds a model of series.
    Series(SeriesRequest),
    /// Time so many iterations of what was prepared last, after one that is not timed.
    Run {
        /// How many; an iteration of an epoch is the whole epoch and is never run untimed.
        iterations: usize,
    },
}

/// What a peer answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Reply {
    /// Sent once, when the peer has started.
    Hello {
        /// Of the library that is measured.
        name: String,
        /// Of the library that is measured.
        version: String,
    },
    /// The case or the epoch is ready.
    Prepared,
    /// The peer has no such thing.
    Unsupported {
        /// In one sentence.
        reason: String,
    },
    /// A round was timed.
    Round {
        /// Of one iteration: the mean over the round.
        milliseconds: f64,
        /// Processor time over wall time of the whole process; near the number of threads when
        /// they all work and each has a core. Absent where the system does not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cpu_per_wall: Option<f64>,
        /// For [`Request::Epoch`] and [`Request::Text`] only: the loss of the last batch, or what the last token
        /// that was written costs, in nats.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        loss: Option<f64>,
    },
    /// The request could not be met.
    Failed {
        /// In one sentence.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_flat_line() {
        let request = Request::Case(CaseRequest {
            cell: CellKind::GruAfter,
            mode: Mode::TrainInputs,
            shape: Shape {
                time: 2,
                batch: 3,
                features: 4,
                units: 5,
            },
            question: "q".into(),
            answer: "a".into(),
        });
        let line = serde_json::to_string(&request).unwrap();
        assert_eq!(
            line,
            r#"{"do":"case","cell":"gru-after","mode":"train-inputs","shape":{"time":2,"batch":3,"features":4,"units":5},"question":"q","answer":"a"}"#
        );
        assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
    }

    #[test]
    fn a_reply_is_known_by_its_tag() {
        let reply: Reply =
            serde_json::from_str(r#"{"is":"round","milliseconds":1.5,"cpu_per_wall":2}"#).unwrap();
        assert_eq!(
            reply,
            Reply::Round {
                milliseconds: 1.5,
                cpu_per_wall: Some(2.0),
                loss: None
            }
        );
        assert!(serde_json::from_str::<Reply>(r#"{"is":"tea"}"#).is_err());
    }

    #[test]
    fn weights_have_one_block_of_columns_a_gate() {
        for cell in CellKind::ALL {
            let columns: usize = cell
                .weights(3, 5)
                .iter()
                .filter(|(_, shape)| shape.len() == 2)
                .map(|(_, shape)| shape[1])
                .sum();
            assert_eq!(columns, cell.gates() * 5, "{cell:?}");
        }
    }
}
