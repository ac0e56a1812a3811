//! What TensorFlow Addons computes, number by number: the cells of `tf.contrib.rnn` that outlived
//! TensorFlow 1 there.
//!
//! The cases are those of reference `tfa.rnn` in `fixtures/golden` (its README says which versions
//! and command made them), or in the folder that `ELMAN_GOLDEN` names: outputs, final states, and
//! the gradients of inputs, initial states and every parameter.

#[path = "support/collect.rs"]
mod collect;
#[path = "support/compare.rs"]
mod compare;

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor, TensorData};
use elman::activation::Activation;
use elman::cell::{
    Cell, LayerNormLstmCell, LayerNormLstmSettings, Lengths, LstmState, NasCell, Path,
};
use elman::exchange::{TensorflowVariables, Weights};
use elman::unroll::{UnrollOptions, dynamic_rnn};
use serde::Deserialize;
use serde_json::Value;

use collect::gradient_module;
use compare::relative_difference;

/// f64 has 53 bits: some 450,000 roundings of one unit stay below this.
const F64_TOLERANCE: f64 = 1e-10;
/// f32 has 24 bits: this is 84 roundings of one unit.
const F32_TOLERANCE: f64 = 1e-5;

/// A case's entry in the manifest. A field that is not here stops the test: no option of a case is
/// passed over. What it leaves out, the tensors say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    reference: String,
    units: usize,
    case: Option<String>,
    cell: Option<String>,
    batch: Option<usize>,
    time: Option<usize>,
    inputs: Option<usize>,
    use_bias: Option<bool>,
    projection: Option<usize>,
}

/// Which cell a case is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    LayerNormLstm,
    Nas,
}

#[derive(Clone)]
struct Case {
    name: String,
    kind: Kind,
    entry: Entry,
    tensors: Weights,
}

impl Case {
    fn read(folder: &FilePath, name: String, entry: Value) -> Self {
        let entry: Entry = serde_json::from_value(entry)
            .unwrap_or_else(|error| panic!("{name}: an entry that no test knows: {error}"));
        let cell = entry.cell.as_ref().or(entry.case.as_ref());
        let kind = match cell.expect("a case says its cell").as_str() {
            "LayerNormLSTMCell" | "layer_norm_lstm" => Kind::LayerNormLstm,
            "NASCell" | "nas_cell" => Kind::Nas,
            other => panic!("{name}: no cell {other}"),
        };
        let file = folder.join(format!("{name}.safetensors"));
        let tensors = Weights::load(file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let case = Self {
            name,
            kind,
            entry,
            tensors,
        };
        case.check_entry();
        case
    }

    /// The file is what the manifest says.
    fn check_entry(&self) {
        let (entry, name) = (&self.entry, &self.name);
        let input = self.tensor("input").shape();
        for (axis, stated) in [entry.batch, entry.time, entry.inputs]
            .into_iter()
            .enumerate()
        {
            assert_eq!(stated.unwrap_or(input[axis]), input[axis], "{name}");
        }
        let has = |suffix: &str| self.weights().iter().any(|(it, _)| it.ends_with(suffix));
        let has_bias = has("/bias");
        assert_eq!(entry.use_bias.unwrap_or(has_bias), has_bias, "{name}");
        assert_eq!(entry.projection.is_some(), has("/projection_weights"));
        let output = self.tensor("output").shape();
        assert_eq!(output[2], entry.projection.unwrap_or(entry.units), "{name}");
    }

    fn tensor(&self, name: &str) -> &TensorData {
        self.tensors
            .get(name)
            .unwrap_or_else(|| panic!("{}: no tensor {name}", self.name))
    }

    fn weights(&self) -> Weights {
        self.tensors.under("weight.")
    }

    /// The cell's variable scope: what stands before `/kernel`.
    fn scope(&self) -> String {
        let weights = self.weights();
        let scope = weights
            .iter()
            .find_map(|(name, _)| name.strip_suffix("/kernel"));
        scope.expect("a kernel").to_owned()
    }

    /// Where `c` and `h` stand in Keras' list of states.
    fn state_order(&self) -> [usize; 2] {
        match self.kind {
            Kind::LayerNormLstm => [1, 0],
            Kind::Nas => [0, 1],
        }
    }

    fn expected(&self) -> impl Iterator<Item = (&str, &TensorData)> {
        let prefixes = ["output", "final_state", "grad."];
        let is_result = move |name: &str| prefixes.iter().any(|p| name.starts_with(p));
        self.tensors.iter().filter(move |(name, _)| is_result(name))
    }

    /// Everything that the file has results of, under the same names.
    fn run(&self, dtype: DType, path: Path) -> Weights {
        let device = Device::flex().autodiff();
        let (weights, scope) = (self.weights().to_dtype(dtype), self.scope());
        match self.kind {
            Kind::LayerNormLstm => {
                // Keras has the forget bias in the bias.
                let settings = LayerNormLstmSettings {
                    activation: Activation::Tanh,
                    forget_bias: 0.0,
                };
                let cell = LayerNormLstmCell::from_tensorflow(&weights, &scope, settings, &device);
                self.run_cell(cell.unwrap_or_else(|error| panic!("{error}")), dtype, path)
            }
            Kind::Nas => {
                let cell = NasCell::from_tensorflow(&weights, &scope, (), &device);
                self.run_cell(cell.unwrap_or_else(|error| panic!("{error}")), dtype, path)
            }
        }
    }

    fn run_cell<C>(&self, cell: C, dtype: DType, path: Path) -> Weights
    where
        C: Cell<State = LstmState> + Module + TensorflowVariables,
    {
        let device = Device::flex().autodiff();
        let options = (&device, dtype);
        let input = Tensor::<3>::from_data(self.tensor("input").clone(), options).require_grad();
        let mut unroll = UnrollOptions::default().with_path(path);
        if let Some(lengths) = self.tensors.get("sequence_length") {
            let lengths: Vec<usize> = lengths.iter::<i64>().map(|it| it as usize).collect();
            unroll = unroll.with_sequence_length(Lengths::new(lengths));
        }
        let parts = self.state_order().map(|index| {
            let name = format!("initial_state.{index}");
            let data = self.tensors.get(&name)?.clone();
            Some((name, Tensor::<2>::from_data(data, options).require_grad()))
        });
        if let [Some((_, cell)), Some((_, hidden))] = &parts {
            unroll = unroll.with_initial_state(LstmState {
                cell: cell.clone(),
                hidden: hidden.clone(),
            });
        }
        let run = dynamic_rnn(&cell, input.clone(), unroll).expect("the case fits");

        let cotangent = self.tensor("cotangent.output").clone();
        let mut loss = (run.outputs.clone() * Tensor::from_data(cotangent, options)).sum();
        let mut found = Weights::new();
        found.insert("output", run.outputs.into_data());
        let finals = [run.state.cell, run.state.hidden];
        for (part, index) in finals.into_iter().zip(self.state_order()) {
            let name = format!("final_state.{index}");
            if let Some(cotangent) = self.tensors.get(&format!("cotangent.{name}")) {
                let cotangent = Tensor::from_data(cotangent.clone(), options);
                loss = loss + (part.clone() * cotangent).sum();
            }
            found.insert(name, part.into_data());
        }
        let gradients = loss.backward();
        let gradient = input.grad(&gradients).expect("the input has a gradient");
        found.insert("grad.input", gradient.into_data());
        for (name, part) in parts.into_iter().flatten() {
            let gradient = part.grad(&gradients).expect("the state has a gradient");
            found.insert(format!("grad.{name}"), gradient.into_data());
        }
        let cell = gradient_module(cell, &gradients);
        for (name, data) in cell.to_tensorflow(&self.scope()).iter() {
            found.insert(format!("grad.{name}"), data.clone());
        }
        found
    }

    /// Compares everything that the case expects: the number of tensors and the worst difference.
    fn check(&self, found: &Weights, tolerance: f64) -> (usize, f64) {
        let mut count = 0;
        let mut worst = 0.0_f64;
        for (name, expected) in self.expected() {
            let what = format!("{}: {name}", self.name);
            let found = found
                .get(name)
                .unwrap_or_else(|| panic!("{what} was not computed"));
            let difference = relative_difference(found, expected)
                .unwrap_or_else(|problem| panic!("{what} {problem}"));
            assert!(
                difference <= tolerance,
                "{what} differs from {} by {difference:.1e}, allowed {tolerance:.0e}",
                self.entry.reference
            );
            count += 1;
            worst = worst.max(difference);
        }
        (count, worst)
    }
}

fn committed() -> PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/golden")
}

/// The folder's cases of TensorFlow Addons.
fn cases(folder: &FilePath) -> Vec<Case> {
    let manifest = folder.join("manifest.json");
    let text = std::fs::read_to_string(&manifest)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", manifest.display()));
    let manifest: BTreeMap<String, Value> =
        serde_json::from_str(&text).expect("manifest.json maps names to entries");
    let addons = manifest
        .into_iter()
        .filter(|(_, entry)| entry["reference"] == "tfa.rnn");
    let cases: Vec<_> = addons
        .map(|(name, entry)| Case::read(folder, name, entry))
        .collect();
    assert!(
        !cases.is_empty(),
        "no case of tfa.rnn in {}",
        folder.display()
    );
    cases
}

fn check_folder(dtype: DType, tolerance: f64) {
    let folder = std::env::var_os("ELMAN_GOLDEN").map_or_else(committed, PathBuf::from);
    let cases = cases(&folder);
    let (mut tensors, mut worst) = (0, 0.0_f64);
    for case in &cases {
        for path in [Path::Auto, Path::Composed] {
            let (count, difference) = case.check(&case.run(dtype, path), tolerance);
            tensors += count;
            worst = worst.max(difference);
        }
    }
    let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    println!(
        "golden: {names:?} of {} in {dtype:?}, {tensors} tensors, worst relative difference \
         {worst:.1e}",
        folder.display()
    );
}

#[test]
fn golden_addons_f64() {
    check_folder(DType::F64, F64_TOLERANCE);
}

#[test]
fn golden_addons_f32() {
    check_folder(DType::F32, F32_TOLERANCE);
}

/// Neighbouring gates swapped, a forgotten vector, a transposed recurrent block: each is seen in
/// the very outputs.
#[test]
fn golden_addons_fixtures_notice_sabotage() {
    let mut count = 0;
    for case in cases(&committed()) {
        for (name, data) in case.weights().iter() {
            for (what, sabotaged) in sabotages(data, case.entry.units) {
                let mut case = case.clone();
                case.tensors.insert(format!("weight.{name}"), sabotaged);
                let found = case.run(DType::F64, Path::Auto);
                let found = found.get("output").expect("it is computed");
                let difference = relative_difference(found, case.tensor("output"));
                let difference = difference.expect("one shape");
                assert!(
                    difference > F32_TOLERANCE,
                    "{}: {name}: {what}: unseen",
                    case.name
                );
                count += 1;
            }
        }
    }
    println!("golden: {count} sabotaged runs of TensorFlow Addons' cells, all seen");
    assert!(count > 0);
}

/// The same parameter with every mistake that everybody makes.
fn sabotages(data: &TensorData, units: usize) -> Vec<(String, TensorData)> {
    let shape = data.shape().to_vec();
    let values: Vec<f64> = data.iter().collect();
    let width = *shape.last().expect("a vector or a matrix");
    let mut sabotages = Vec::new();
    let mut add = |what: String, values: Vec<f64>| {
        sabotages.push((what, TensorData::new(values, shape.clone())));
    };
    for gate in 1..width / units {
        let mut swapped = values.clone();
        for row in swapped.chunks_mut(width) {
            for unit in gate * units..(gate + 1) * units {
                row.swap(unit, unit - units);
            }
        }
        add(format!("gates {} and {gate} swapped", gate - 1), swapped);
    }
    if shape.len() == 1 {
        add("forgotten".to_owned(), vec![0.0; values.len()]);
    }
    if shape.len() == 2 && shape[0] == units && width >= units {
        let mut turned = values.clone();
        for row in 0..units {
            for column in 0..units {
                turned[row * width + column] = values[column * width + row];
            }
        }
        add("first recurrent block transposed".to_owned(), turned);
    }
    sabotages
}
