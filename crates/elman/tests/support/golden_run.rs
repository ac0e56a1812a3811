//! Runs a golden case: everything that its file has results of, under the same names.

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor, TensorData};
use elman::cell::{
    BasicRnnCell, Cell, GruCell, HiddenState, LstmCell, LstmSettings, LstmState, Path, State,
    Unrolled,
};
use elman::exchange::{PytorchParameters, TensorflowVariables, Weights};
use elman::unroll::{UnrollOptions, bidirectional_dynamic_rnn, dynamic_rnn, static_rnn};

use crate::collect::gradient_module;
use crate::golden_case::{Case, Direction};
use crate::golden_stack;

/// What unrolls the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    Static,
    Dynamic,
}

impl Driver {
    /// A case made by `static_rnn` is run by it and by `dynamic_rnn`: both mean the same.
    pub(crate) fn of(case: &Case) -> &'static [Self] {
        match case.is_static() {
            true => &[Self::Static, Self::Dynamic],
            false => &[Self::Dynamic],
        }
    }
}

/// Runs a case in `dtype`.
pub(crate) fn run(case: &Case, dtype: DType, path: Path, driver: Driver) -> Weights {
    if case.is_stack() {
        return golden_stack::run(case, dtype, path, driver);
    }
    let cell = case.entry.cell.as_deref().or(case.entry.module.as_deref());
    match cell.expect("a case has a cell or a module") {
        "BasicRNNCell" | "torch.nn.RNN" => run_cell::<BasicRnnCell>(case, dtype, path, driver),
        "BasicLSTMCell" | "LSTMCell" | "torch.nn.LSTM" => {
            run_cell::<LstmCell>(case, dtype, path, driver)
        }
        "GRUCell" | "torch.nn.GRU" => run_cell::<GruCell>(case, dtype, path, driver),
        other => panic!("{}: no cell {other}", case.name),
    }
}

/// A cell that golden cases have.
trait Subject: Cell + Module {
    fn build(case: &Case, weights: &Weights, direction: Direction, device: &Device) -> Self;

    /// Its parameters' gradients, in cells of the same form, under the reference's names.
    fn gradients(&self, case: &Case, direction: Direction) -> Weights;

    /// The state that the case's tensors describe.
    fn state(&self, parts: Vec<Tensor<2>>) -> Self::State {
        self.zero_state(1).with_parts(parts)
    }
}

impl Subject for BasicRnnCell {
    fn build(case: &Case, weights: &Weights, direction: Direction, device: &Device) -> Self {
        let activation = case.activation();
        match case.is_pytorch() {
            true => Self::from_pytorch(weights, case.suffix(direction), activation, device),
            false => Self::from_tensorflow(weights, &case.scope(direction), activation, device),
        }
        .unwrap_or_else(|error| panic!("{}: {error}", case.name))
    }

    fn gradients(&self, case: &Case, direction: Direction) -> Weights {
        match case.is_pytorch() {
            true => pytorch_gradients(self, case.suffix(direction), 0),
            false => self.to_tensorflow(&case.scope(direction)),
        }
    }
}

impl Subject for LstmCell {
    fn build(case: &Case, weights: &Weights, direction: Direction, device: &Device) -> Self {
        let entry = &case.entry;
        let cell = match case.is_pytorch() {
            true => Self::from_pytorch(weights, case.suffix(direction), (), device),
            false => {
                let settings = LstmSettings {
                    activation: case.activation(),
                    forget_bias: entry.forget_bias.unwrap_or(1.0),
                    cell_clip: entry.cell_clip,
                    proj_clip: entry.proj_clip,
                };
                Self::from_tensorflow(weights, &case.scope(direction), settings, device)
            }
        };
        let cell = cell.unwrap_or_else(|error| panic!("{}: {error}", case.name));
        assert_eq!(cell.peepholes.is_some(), entry.use_peepholes);
        let outputs = entry.num_proj.or(entry.proj_size);
        assert_eq!(
            cell.output_size(),
            outputs.or(entry.units).expect("its units")
        );
        cell
    }

    fn gradients(&self, case: &Case, direction: Direction) -> Weights {
        match case.is_pytorch() {
            true => pytorch_gradients(self, case.suffix(direction), 0),
            false => self.to_tensorflow(&case.scope(direction)),
        }
    }

    fn state(&self, mut parts: Vec<Tensor<2>>) -> LstmState {
        match parts.len() {
            1 => {
                LstmState::from_packed(parts.remove(0), self.units()).expect("c and h side by side")
            }
            _ => self.zero_state(1).with_parts(parts),
        }
    }
}

impl Subject for GruCell {
    fn build(case: &Case, weights: &Weights, direction: Direction, device: &Device) -> Self {
        match case.is_pytorch() {
            true => Self::from_pytorch(weights, case.suffix(direction), (), device),
            false => {
                let activation = case.activation();
                Self::from_tensorflow(weights, &case.scope(direction), activation, device)
            }
        }
        .unwrap_or_else(|error| panic!("{}: {error}", case.name))
    }

    fn gradients(&self, case: &Case, direction: Direction) -> Weights {
        match case.is_pytorch() {
            true => pytorch_gradients(self, case.suffix(direction), self.output_size()),
            false => self.to_tensorflow(&case.scope(direction)),
        }
    }
}

/// PyTorch's two biases are summed, so both have the gradient of the sum; only of the last `apart`
/// units (the GRU's candidate) `bias_hh` has its own, which elman has too.
pub(crate) fn pytorch_gradients<C: PytorchParameters>(
    cell: &C,
    suffix: &str,
    apart: usize,
) -> Weights {
    let mut weights = cell.to_pytorch(suffix).expect("it came from PyTorch");
    let [summed, own] = ["bias_ih", "bias_hh"].map(|name| {
        let data = weights.get(&format!("{name}_{suffix}")).expect("a bias");
        data.iter::<f64>().collect::<Vec<_>>()
    });
    let shared = summed.len() - apart;
    let gradient: Vec<f64> = [&summed[..shared], &own[shared..]].concat();
    let shape = [gradient.len()];
    weights.insert(
        format!("bias_hh_{suffix}"),
        TensorData::new(gradient, shape),
    );
    weights
}

/// A driver's results for one direction.
struct Directed<S> {
    outputs: Tensor<3>,
    state: S,
}

fn run_cell<C: Subject>(case: &Case, dtype: DType, path: Path, driver: Driver) -> Weights {
    let device = Device::flex().autodiff();
    let input = leaf::<3>(case.tensor("input"), dtype, &device);
    let weights = case.weights().to_dtype(dtype);
    let cells: Vec<C> = case
        .directions()
        .iter()
        .map(|&direction| C::build(case, &weights, direction, &device))
        .collect();
    let mut leaves = Vec::new();
    let mut states = Vec::new();
    for (cell, &direction) in cells.iter().zip(case.directions()) {
        let mut parts = Vec::new();
        for part in part_names::<C>(case) {
            let name = format!("initial_state{}{part}", way(case, direction));
            if let Some(data) = case.tensors.get(&name) {
                let part = leaf::<2>(data, dtype, &device);
                leaves.push((name, part.clone()));
                parts.push(part);
            }
        }
        states.push((!parts.is_empty()).then(|| cell.state(parts)));
    }

    let runs = unroll(case, &cells, input.clone(), states, path, driver);
    let results = results::<C>(case, runs);
    let mut loss = Tensor::<1>::zeros([1], (&device, dtype));
    for (name, value) in &results {
        let cotangent = case.tensor(&format!("cotangent.{name}"));
        loss = loss + value.clone().weighted_sum(cotangent, dtype, &device);
    }
    let gradients = loss.backward();

    let mut found = Weights::new();
    for (name, value) in results {
        found.insert(name, value.into_data());
    }
    let gradient = input.grad(&gradients).expect("the input has a gradient");
    found.insert("grad.input", gradient.into_data());
    for (name, leaf) in leaves {
        let gradient = leaf.grad(&gradients);
        let gradient = gradient.unwrap_or_else(|| panic!("{name} has no gradient"));
        found.insert(format!("grad.{name}"), gradient.into_data());
    }
    for (cell, &direction) in cells.into_iter().zip(case.directions()) {
        let cell = gradient_module(cell, &gradients);
        for (name, data) in cell.gradients(case, direction).iter() {
            found.insert(format!("grad.{name}"), data.clone());
        }
    }
    found
}

fn unroll<C: Subject>(
    case: &Case,
    cells: &[C],
    input: Tensor<3>,
    states: Vec<Option<C::State>>,
    path: Path,
    driver: Driver,
) -> Vec<Directed<C::State>> {
    let mut states = states.into_iter();
    let mut options = UnrollOptions::default()
        .with_layout(case.layout())
        .with_path(path);
    if let Some(lengths) = case.lengths() {
        options = options.with_sequence_length(lengths);
    }
    if let Some(state) = states.next().flatten() {
        options = options.with_initial_state(state);
    }
    let directed = |run: Unrolled<C::State>| Directed {
        outputs: run.outputs,
        state: run.state,
    };
    match (cells, driver) {
        ([cell], Driver::Dynamic) => {
            let run = dynamic_rnn(cell, input, options).expect("the case fits");
            vec![directed(run)]
        }
        ([cell], Driver::Static) => {
            let steps = (0..case.entry.time)
                .map(|time| input.clone().narrow(1, time, 1).squeeze_dim::<2>(1))
                .collect();
            let run = static_rnn(cell, steps, options).expect("the case fits");
            vec![Directed {
                outputs: Tensor::stack(run.outputs, 1),
                state: run.state,
            }]
        }
        ([forward, backward], _) => {
            let backward_state = states.next().flatten();
            let run = bidirectional_dynamic_rnn(forward, backward, input, options, backward_state)
                .expect("the case fits");
            vec![directed(run.forward), directed(run.backward)]
        }
        _ => panic!("{}: {} cells", case.name, cells.len()),
    }
}

/// A result, of whatever rank the reference gives it.
#[derive(Clone)]
pub(crate) enum Value {
    Matrix(Tensor<2>),
    Cube(Tensor<3>),
}

impl Value {
    pub(crate) fn weighted_sum(
        self,
        cotangent: &TensorData,
        dtype: DType,
        device: &Device,
    ) -> Tensor<1> {
        let cotangent = cotangent.clone();
        match self {
            Self::Matrix(value) => (value * Tensor::from_data(cotangent, (device, dtype))).sum(),
            Self::Cube(value) => (value * Tensor::from_data(cotangent, (device, dtype))).sum(),
        }
    }

    pub(crate) fn into_data(self) -> TensorData {
        match self {
            Self::Matrix(value) => value.into_data(),
            Self::Cube(value) => value.into_data(),
        }
    }
}

/// Outputs and final states under the reference's names: TF 1 has a tensor per direction, PyTorch
/// one for all, outputs side by side and states stacked.
fn results<C: Subject>(case: &Case, runs: Vec<Directed<C::State>>) -> Vec<(String, Value)> {
    let mut results = Vec::new();
    if case.is_pytorch() {
        let outputs = runs.iter().map(|run| run.outputs.clone()).collect();
        results.push(("output".to_owned(), Value::Cube(Tensor::cat(outputs, 2))));
        for (index, part) in part_names::<C>(case).iter().enumerate() {
            let parts = runs
                .iter()
                .map(|run| run.state.clone().into_parts()[index].clone());
            let stacked = Tensor::stack::<3>(parts.collect(), 0);
            results.push((format!("final_state{part}"), Value::Cube(stacked)));
        }
        return results;
    }
    for (run, &direction) in runs.into_iter().zip(case.directions()) {
        let way = way(case, direction);
        results.push((format!("output{way}"), Value::Cube(run.outputs)));
        let parts = match case.is_packed() {
            true => vec![run.state.packed()],
            false => run.state.into_parts(),
        };
        for (name, part) in part_names::<C>(case).iter().zip(parts) {
            results.push((format!("final_state{way}{name}"), Value::Matrix(part)));
        }
    }
    results
}

/// How the reference names the parts of a state, in elman's order.
fn part_names<C: Subject>(case: &Case) -> &'static [&'static str] {
    let has_cell = std::any::type_name::<C::State>() != std::any::type_name::<HiddenState>();
    match (has_cell, case.is_pytorch(), case.is_packed()) {
        (true, _, false) => &[".c", ".h"],
        (false, true, _) => &[".h"],
        (false, false, _) | (true, _, true) => &[""],
    }
}

/// How TF 1 names a direction.
fn way(case: &Case, direction: Direction) -> &'static str {
    match (case.entry.bidirectional, direction) {
        (false, _) => "",
        (true, Direction::Forward) => ".fw",
        (true, Direction::Backward) => ".bw",
    }
}

pub(crate) fn leaf<const D: usize>(data: &TensorData, dtype: DType, device: &Device) -> Tensor<D> {
    Tensor::from_data(data.clone(), (device, dtype)).require_grad()
}
