//! A folder of golden cases: `manifest.json` and one `.safetensors` file per case.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::TensorData;
use elman::activation::Activation;
use elman::cell::{Layout, Lengths};
use elman::exchange::Weights;
use serde::Deserialize;
use serde_json::Value;

/// The cases of a folder.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    /// Cells, wrapped cells, stacks and bidirectional layers.
    pub(crate) cases: Vec<Case>,
    /// The names of all others (attention, losses, …).
    pub(crate) others: Vec<String>,
}

impl Folder {
    /// The folder that `ELMAN_GOLDEN` names, else this repository's.
    pub(crate) fn open() -> Self {
        match std::env::var_os("ELMAN_GOLDEN") {
            Some(path) => Self::read(Path::new(&path)),
            None => Self::committed(),
        }
    }

    /// This repository's.
    pub(crate) fn committed() -> Self {
        Self::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/golden"))
    }

    fn read(path: &Path) -> Self {
        let manifest = path.join("manifest.json");
        let text = std::fs::read_to_string(&manifest)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", manifest.display()));
        let manifest: BTreeMap<String, Value> =
            serde_json::from_str(&text).expect("manifest.json maps names to entries");
        let mut folder = Self {
            path: path.to_owned(),
            cases: Vec::new(),
            others: Vec::new(),
        };
        for (name, entry) in manifest {
            if entry["reference"] == "tfa.rnn" {
                continue; // those are golden_addons.rs's
            }
            match is_network(&entry) {
                true => folder.cases.push(Case::read(path, name, entry)),
                false => folder.others.push(name),
            }
        }
        assert!(!folder.cases.is_empty(), "no case in {}", path.display());
        folder
    }
}

fn is_network(entry: &Value) -> bool {
    let known = [
        "BasicRNNCell",
        "BasicLSTMCell",
        "LSTMCell",
        "GRUCell",
        "MultiRNNCell",
        "ResidualWrapper",
    ];
    let is_known_cell = entry["cell"]
        .as_str()
        .is_some_and(|cell| known.contains(&cell));
    is_known_cell || entry["module"].is_string()
}

/// A case's entry in the manifest. A field that is not here stops the test: no option of a case
/// is passed over.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) reference: String,
    pub(crate) batch: usize,
    pub(crate) time: usize,
    pub(crate) inputs: usize,
    /// Of every layer; a stack of TF 1 says it cell by cell.
    pub(crate) units: Option<usize>,
    #[serde(default)]
    pub(crate) bidirectional: bool,
    // TensorFlow 1
    pub(crate) cell: Option<String>,
    /// The cells in a wrapper or a stack: "LSTMCell(4, use_peepholes)".
    pub(crate) cells: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) unroll: Option<String>,
    #[serde(default)]
    pub(crate) time_major: bool,
    pub(crate) activation: Option<String>,
    pub(crate) forget_bias: Option<f64>,
    #[serde(default)]
    pub(crate) use_peepholes: bool,
    pub(crate) cell_clip: Option<f64>,
    pub(crate) num_proj: Option<usize>,
    pub(crate) proj_clip: Option<f64>,
    pub(crate) state_is_tuple: Option<bool>,
    // PyTorch
    pub(crate) module: Option<String>,
    pub(crate) layout: Option<String>,
    pub(crate) nonlinearity: Option<String>,
    pub(crate) bias: Option<bool>,
    pub(crate) proj_size: Option<usize>,
    pub(crate) num_layers: Option<usize>,
}

/// One golden case.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) entry: Entry,
    /// Everything in its file.
    pub(crate) tensors: Weights,
}

/// One cell of a stack.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) cell: String,
    pub(crate) units: usize,
    pub(crate) options: Vec<String>,
}

impl Layer {
    /// From "LSTMCell(4, use_peepholes)".
    fn parse(text: &str) -> Self {
        let (cell, arguments) = text.split_once('(').expect("a cell and its arguments");
        let mut arguments = arguments.trim_end_matches(')').split(", ");
        let units = arguments.next().and_then(|units| units.parse().ok());
        Self {
            cell: cell.to_owned(),
            units: units.expect("the first argument is the number of units"),
            options: arguments.map(str::to_owned).collect(),
        }
    }

    /// The variable scope of TF 1's cell.
    pub(crate) fn scope(&self) -> &'static str {
        tensorflow_scope(&self.cell)
    }
}

fn tensorflow_scope(cell: &str) -> &'static str {
    match cell {
        "BasicRNNCell" => "basic_rnn_cell",
        "BasicLSTMCell" => "basic_lstm_cell",
        "LSTMCell" => "lstm_cell",
        "GRUCell" => "gru_cell",
        other => panic!("no scope for {other}"),
    }
}

/// Which way a cell reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    Backward,
}

impl Case {
    fn read(folder: &Path, name: String, entry: Value) -> Self {
        let entry: Entry = serde_json::from_value(entry)
            .unwrap_or_else(|error| panic!("{name}: an entry that no test knows: {error}"));
        let file = folder.join(format!("{name}.safetensors"));
        let tensors = Weights::load(file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let case = Self {
            name,
            entry,
            tensors,
        };
        case.check_sizes();
        case
    }

    /// The file is what the manifest says.
    fn check_sizes(&self) {
        let entry = &self.entry;
        let (batch, time) = (entry.batch, entry.time);
        let first = match self.layout() {
            Layout::BatchMajor => [batch, time],
            Layout::TimeMajor => [time, batch],
        };
        let input = self.tensor("input").shape().to_vec();
        assert_eq!(input, [first[0], first[1], entry.inputs], "{}", self.name);
        if let Some(layout) = &entry.layout {
            assert_eq!(layout, "time, batch, features", "{}", self.name);
        }
        let has_bias = self.tensors.iter().any(|(name, _)| {
            let parameter = name.strip_prefix("weight.");
            parameter.is_some_and(|parameter| parameter.contains("bias"))
        });
        assert_eq!(has_bias, entry.bias.unwrap_or(true), "{}", self.name);
    }

    pub(crate) fn is_pytorch(&self) -> bool {
        self.entry.module.is_some()
    }

    /// Are there several cells of one direction, or a wrapper?
    pub(crate) fn is_stack(&self) -> bool {
        self.entry.cells.is_some() || self.entry.num_layers.unwrap_or(1) > 1
    }

    /// The cells of a stack, the lowest first.
    pub(crate) fn layers(&self) -> Vec<Layer> {
        let entry = &self.entry;
        let Some(cells) = &entry.cells else {
            let units = entry.units.expect("PyTorch's layers have one size");
            let cell = entry.module.clone().expect("it is PyTorch's");
            let layer = Layer {
                cell,
                units,
                options: Vec::new(),
            };
            return vec![layer; entry.num_layers.unwrap_or(1)];
        };
        cells.iter().map(|cell| Layer::parse(cell)).collect()
    }

    /// `F` and `H` of the layer that a parameter is of.
    pub(crate) fn sizes_of(&self, parameter: &str) -> (usize, usize) {
        let entry = &self.entry;
        if entry.cells.is_none() {
            return (entry.inputs, entry.units.expect("its units"));
        }
        let layers = self.layers();
        let of = |index: &usize| parameter.contains(&format!("/cell_{index}/"));
        let index = (0..layers.len()).find(of).unwrap_or(0);
        let inputs = match index {
            0 => entry.inputs,
            _ => layers[index - 1].units,
        };
        (inputs, layers[index].units)
    }

    pub(crate) fn is_static(&self) -> bool {
        self.entry.unroll.as_deref() == Some("static")
    }

    /// Is the state one tensor: an LSTM's `[B, H+P]`, or all states of a stack side by side?
    pub(crate) fn is_packed(&self) -> bool {
        self.entry.state_is_tuple == Some(false)
    }

    /// The tensor called `name`.
    pub(crate) fn tensor(&self, name: &str) -> &TensorData {
        self.tensors
            .get(name)
            .unwrap_or_else(|| panic!("{}: no tensor {name}", self.name))
    }

    pub(crate) fn layout(&self) -> Layout {
        match self.is_pytorch() || self.entry.time_major {
            true => Layout::TimeMajor,
            false => Layout::BatchMajor,
        }
    }

    pub(crate) fn lengths(&self) -> Option<Lengths> {
        let lengths = self.tensors.get("sequence_length")?;
        let lengths: Vec<usize> = lengths.iter::<i64>().map(|n| n as usize).collect();
        Some(Lengths::new(lengths))
    }

    pub(crate) fn directions(&self) -> &'static [Direction] {
        match self.entry.bidirectional {
            true => &[Direction::Forward, Direction::Backward],
            false => &[Direction::Forward],
        }
    }

    pub(crate) fn activation(&self) -> Activation {
        let name = self
            .entry
            .activation
            .as_ref()
            .or(self.entry.nonlinearity.as_ref());
        match name.map_or("tanh", String::as_str) {
            "tanh" => Activation::Tanh,
            "relu" => Activation::Relu,
            "sigmoid" => Activation::Sigmoid,
            "elu" => Activation::Elu,
            other => panic!("{}: no activation {other}", self.name),
        }
    }

    /// What the reference computed: outputs, final states and gradients.
    pub(crate) fn expected(&self) -> impl Iterator<Item = (&str, &TensorData)> {
        let prefixes = ["output", "final_state", "grad."];
        let is_result = move |name: &str| prefixes.iter().any(|p| name.starts_with(p));
        self.tensors.iter().filter(move |(name, _)| is_result(name))
    }

    /// The parameters, under the reference's names.
    pub(crate) fn weights(&self) -> Weights {
        self.tensors.under("weight.")
    }

    /// The variable scope of a direction's cell (TF 1).
    pub(crate) fn scope(&self, direction: Direction) -> String {
        let cell = tensorflow_scope(self.entry.cell.as_deref().expect("a cell of TF 1"));
        let way = match (self.entry.bidirectional, direction) {
            (false, _) => "",
            (true, Direction::Forward) => "/fw/",
            (true, Direction::Backward) => "/bw/",
        };
        let weights = self.weights();
        let (name, _) = weights
            .iter()
            .find(|(name, _)| name.contains(&format!("{cell}/")) && name.contains(way))
            .unwrap_or_else(|| panic!("{}: no variable of {cell}", self.name));
        let end = name.find(cell).expect("it was found by this") + cell.len();
        name[..end].to_owned()
    }

    /// The suffix of a direction's parameters (PyTorch).
    pub(crate) fn suffix(&self, direction: Direction) -> &'static str {
        match direction {
            Direction::Forward => "l0",
            Direction::Backward => "l0_reverse",
        }
    }
}
