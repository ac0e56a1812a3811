//! Runs a golden case of several cells, or of a wrapped one, as
//! [`golden_run`](crate::golden_run) runs a single cell.

use burn::tensor::{DType, Device, Tensor};
use elman::activation::Activation;
use elman::cell::{BasicRnnCell, Cell, GruCell, LstmCell, LstmSettings, Path, State, StatePart};
use elman::exchange::{PytorchParameters, TensorflowVariables, Weights};
use elman::unroll::{UnrollOptions, dynamic_rnn, stack_bidirectional_dynamic_rnn, static_rnn};
use elman::wrapper::{AnyCell, AnyState, MultiRnnCell, ResidualWrapper};

use crate::collect::gradient_module;
use crate::golden_case::Case;
use crate::golden_run::{Driver, Value, leaf, pytorch_gradients};

/// Runs a case in `dtype`.
pub(crate) fn run(case: &Case, dtype: DType, path: Path, driver: Driver) -> Weights {
    match case.entry.bidirectional {
        false => run_stack(case, dtype, path, driver),
        true => run_bidirectional(case, dtype, path),
    }
}

fn run_stack(case: &Case, dtype: DType, path: Path, driver: Driver) -> Weights {
    let device = Device::flex().autodiff();
    let input = leaf::<3>(case.tensor("input"), dtype, &device);
    let network = network(case, cells(case, "", dtype, &device));
    let (leaves, state) = initial_state(case, &network, dtype, &device);
    let mut options = options(case, path);
    if let Some(state) = state {
        options = options.with_initial_state(state);
    }
    let (outputs, state) = match driver {
        Driver::Dynamic => {
            let run = dynamic_rnn(&network, input.clone(), options).expect("the case fits");
            (run.outputs, run.state)
        }
        Driver::Static => {
            let steps = (0..case.entry.time)
                .map(|time| input.clone().narrow(1, time, 1).squeeze_dim::<2>(1));
            let run = static_rnn(&network, steps.collect(), options).expect("the case fits");
            (Tensor::stack(run.outputs, 1), run.state)
        }
    };
    let mut results = vec![("output".to_owned(), Value::Cube(outputs))];
    if case.is_pytorch() {
        let AnyState::Multi(state) = state else {
            panic!("the state of a stack");
        };
        results.extend(stacked_states(state.layers));
    } else if case.is_packed() {
        results.push(("final_state".to_owned(), Value::Matrix(state.packed())));
    } else {
        let names = part_names(&network).into_iter();
        let parts = names.zip(state.into_parts());
        results
            .extend(parts.map(|(name, part)| (format!("final_state{name}"), Value::Matrix(part))));
    }
    let mut leaves: Vec<_> = leaves
        .into_iter()
        .map(|(name, leaf)| (name, Value::Matrix(leaf)))
        .collect();
    leaves.push(("input".to_owned(), Value::Cube(input)));
    collect(case, dtype, results, leaves, vec![(inside(&network), "")])
}

fn run_bidirectional(case: &Case, dtype: DType, path: Path) -> Weights {
    let device = Device::flex().autodiff();
    let input = leaf::<3>(case.tensor("input"), dtype, &device);
    let [forward, backward] = ["", "_reverse"].map(|way| cells(case, way, dtype, &device));
    let options = options(case, path);
    let run = stack_bidirectional_dynamic_rnn(&forward, &backward, input.clone(), options, None)
        .expect("the case fits");
    let states = run.forward_state.layers.into_iter();
    let states = states.zip(run.backward_state.layers);
    let states = states.flat_map(|(forward, backward)| [forward, backward]);
    let mut results = vec![("output".to_owned(), Value::Cube(run.outputs))];
    results.extend(stacked_states(states.collect()));
    let leaves = vec![("input".to_owned(), Value::Cube(input))];
    collect(
        case,
        dtype,
        results,
        leaves,
        vec![(forward, ""), (backward, "_reverse")],
    )
}

fn options<S: State>(case: &Case, path: Path) -> UnrollOptions<S> {
    let options = UnrollOptions::default()
        .with_layout(case.layout())
        .with_path(path);
    match case.lengths() {
        Some(lengths) => options.with_sequence_length(lengths),
        None => options,
    }
}

/// The cells of one direction; `way` is PyTorch's suffix of it.
fn cells(case: &Case, way: &str, dtype: DType, device: &Device) -> Vec<AnyCell> {
    let weights = case.weights().to_dtype(dtype);
    let layers = case.layers().into_iter().enumerate();
    let cells = layers.map(|(index, layer)| {
        let suffix = format!("l{index}{way}");
        let scope = match case.is_pytorch() {
            true => String::new(),
            false => scope(case, index, layer.scope()),
        };
        let tanh = Activation::Tanh;
        let cell = match layer.cell.as_str() {
            "BasicRNNCell" => {
                BasicRnnCell::from_tensorflow(&weights, &scope, tanh, device).map(AnyCell::from)
            }
            "BasicLSTMCell" | "LSTMCell" => {
                let settings = LstmSettings {
                    activation: tanh,
                    forget_bias: 1.0,
                    cell_clip: None,
                    proj_clip: None,
                };
                let cell = LstmCell::from_tensorflow(&weights, &scope, settings, device);
                cell.map(|cell| {
                    let has_peepholes = layer.options.iter().any(|it| it == "use_peepholes");
                    assert_eq!(cell.peepholes.is_some(), has_peepholes);
                    AnyCell::from(cell)
                })
            }
            "GRUCell" => {
                GruCell::from_tensorflow(&weights, &scope, tanh, device).map(AnyCell::from)
            }
            "torch.nn.LSTM" => {
                LstmCell::from_pytorch(&weights, &suffix, (), device).map(AnyCell::from)
            }
            "torch.nn.GRU" => {
                GruCell::from_pytorch(&weights, &suffix, (), device).map(AnyCell::from)
            }
            other => panic!("{}: no cell {other} in a stack", case.name),
        };
        let known = ["use_peepholes", "state_is_tuple=False"];
        let is_known = |option: &String| known.contains(&option.as_str());
        assert!(layer.options.iter().all(is_known), "{}", case.name);
        cell.unwrap_or_else(|error| panic!("{}: {error}", case.name))
    });
    cells.collect()
}

/// The variable scope of a cell (TF 1).
fn scope(case: &Case, index: usize, cell: &str) -> String {
    match case.entry.cell.as_deref() {
        Some("MultiRNNCell") => {
            let name = case.weights();
            let (name, _) = name.iter().next().expect("a variable");
            let (before, _) = name.split_once("multi_rnn_cell/").expect("its scope");
            format!("{before}multi_rnn_cell/cell_{index}/{cell}")
        }
        _ => format!("rnn/{cell}"),
    }
}

/// The case's network of its cells.
fn network(case: &Case, mut cells: Vec<AnyCell>) -> AnyCell {
    match case.entry.cell.as_deref() {
        Some("ResidualWrapper") => {
            assert_eq!(cells.len(), 1, "{}", case.name);
            let wrapped = ResidualWrapper::new(cells.remove(0));
            wrapped.expect("inputs and outputs of one size").into()
        }
        _ => MultiRnnCell::new(cells).expect("the layers fit").into(),
    }
}

/// The cells of a network.
fn inside(network: &AnyCell) -> Vec<AnyCell> {
    match network {
        AnyCell::Multi(stack) => stack.layers().to_vec(),
        AnyCell::Residual(wrapper) => vec![wrapper.cell().clone()],
        other => panic!("no network: {other:?}"),
    }
}

/// What TF 1 calls the parts of the network's state, in elman's order.
fn part_names(network: &AnyCell) -> Vec<String> {
    let is_stack = matches!(network, AnyCell::Multi(_));
    let cells = inside(network).into_iter().enumerate();
    let names = cells.flat_map(|(index, cell)| {
        let kinds = cell.zero_state(1).kinds();
        let layer = if is_stack {
            format!(".{index}")
        } else {
            String::new()
        };
        let has_cell = kinds.contains(&StatePart::Cell);
        kinds.into_iter().map(move |kind| match (has_cell, kind) {
            (false, _) => layer.clone(),
            (true, StatePart::Cell) => format!("{layer}.c"),
            (true, StatePart::Hidden) => format!("{layer}.h"),
        })
    });
    names.collect()
}

/// The case's initial state, and its leaves by name.
fn initial_state(
    case: &Case,
    network: &AnyCell,
    dtype: DType,
    device: &Device,
) -> (Vec<(String, Tensor<2>)>, Option<AnyState>) {
    let form = network.zero_state(case.entry.batch);
    let leaf_of = |name: String| {
        let data = case.tensors.get(&name)?;
        Some((name, leaf::<2>(data, dtype, device)))
    };
    if case.is_packed() {
        let (name, packed) = leaf_of("initial_state".to_owned()).expect("the packed state");
        let state = form.with_packed(packed.clone()).expect("its width fits");
        return (vec![(name, packed)], Some(state));
    }
    let names = part_names(network).into_iter();
    let leaves: Vec<_> = names
        .filter_map(|name| leaf_of(format!("initial_state{name}")))
        .collect();
    let parts: Vec<_> = leaves.iter().map(|(_, leaf)| leaf.clone()).collect();
    let state = (!parts.is_empty()).then(|| form.with_parts(parts));
    (leaves, state)
}

/// The final states as PyTorch has them: `[layers · directions, B, H]` for each part.
fn stacked_states(states: Vec<AnyState>) -> Vec<(String, Value)> {
    let kinds = states[0].kinds();
    let parts = |index: usize| {
        let states = states.iter();
        states.map(move |state| state.clone().into_parts()[index].clone())
    };
    let named = kinds.into_iter().enumerate().map(|(index, kind)| {
        let name = match kind {
            StatePart::Cell => "final_state.c",
            StatePart::Hidden => "final_state.h",
        };
        let stacked = Tensor::stack::<3>(parts(index).collect(), 0);
        (name.to_owned(), Value::Cube(stacked))
    });
    named.collect()
}

/// The results, and the gradients of the leaves and of all cells.
fn collect(
    case: &Case,
    dtype: DType,
    results: Vec<(String, Value)>,
    leaves: Vec<(String, Value)>,
    directions: Vec<(Vec<AnyCell>, &str)>,
) -> Weights {
    let device = Device::flex().autodiff();
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
    for (name, leaf) in leaves {
        let gradient = match leaf {
            Value::Matrix(leaf) => leaf.grad(&gradients).map(Tensor::into_data),
            Value::Cube(leaf) => leaf.grad(&gradients).map(Tensor::into_data),
        };
        let gradient = gradient.unwrap_or_else(|| panic!("{name} has no gradient"));
        found.insert(format!("grad.{name}"), gradient);
    }
    for (cells, way) in directions {
        let cells = gradient_module(cells, &gradients).into_iter().enumerate();
        for (index, cell) in cells {
            let suffix = format!("l{index}{way}");
            let layer = &case.layers()[index];
            let weights = match (case.is_pytorch(), &cell) {
                (false, AnyCell::Basic(cell)) => {
                    cell.to_tensorflow(&scope(case, index, layer.scope()))
                }
                (false, AnyCell::Lstm(cell)) => {
                    cell.to_tensorflow(&scope(case, index, layer.scope()))
                }
                (false, AnyCell::Gru(cell)) => {
                    cell.to_tensorflow(&scope(case, index, layer.scope()))
                }
                (true, AnyCell::Lstm(cell)) => pytorch_gradients(cell, &suffix, 0),
                (true, AnyCell::Gru(cell)) => pytorch_gradients(cell, &suffix, cell.output_size()),
                (_, other) => panic!("{}: no gradients of {other:?}", case.name),
            };
            for (name, data) in weights.iter() {
                found.insert(format!("grad.{name}"), data.clone());
            }
        }
    }
    found
}
