//! `CONVENTIONS.md` says what the code does.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Tensor};
use elman::cell::{
    BasicRnnCellConfig, Cell, CoupledLstmCellConfig, GruCellConfig, HiddenState, IndRnnCellConfig,
    LayerNormLstmCellConfig, LstmCellConfig, LstmGate, LstmNormalisation, LstmState,
    MinGruCellConfig, MinLstmCellConfig, NasCellConfig, ResetGate, SruCellConfig, SruState, State,
    UgrnnCellConfig,
};
use elman::random::Seed;
use elman::wrapper::{
    BatchNormConfig, EmbeddingConfig, HighwayConfig, Projection, ProjectionConfig,
};

const CONVENTIONS: &str = include_str!("../../../CONVENTIONS.md");
/// `F`, `H` and `P`: different, so that none passes for another.
const F: usize = 3;
const H: usize = 5;
const P: usize = 2;
const V: usize = 7;

/// The rows of the table under the heading `title`, a list of cells each; its head left out.
fn table(title: &str) -> Vec<Vec<&'static str>> {
    let heading = format!("## {title}\n");
    let (_, section) = CONVENTIONS
        .split_once(&heading)
        .expect("the section is there");
    let section = section.split("\n## ").next().unwrap_or(section);
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

fn gate(letter: &str) -> LstmGate {
    match letter {
        "i" => LstmGate::Input,
        "j" => LstmGate::Candidate,
        "f" => LstmGate::Forget,
        "o" => LstmGate::Output,
        other => panic!("`{other}` is no gate"),
    }
}

#[test]
fn the_gate_orders_are_the_codes() {
    let rows = table("LSTM gates");
    assert_eq!(rows.len(), 3);
    for row in rows {
        let expected = match row[2] {
            "`LstmGate::STORED`" => LstmGate::STORED,
            "`LstmGate::PYTORCH`" => LstmGate::PYTORCH,
            "`LstmGate::ONNX`" => LstmGate::ONNX,
            other => panic!("{other} is no constant"),
        };
        let stated: Vec<LstmGate> = row[1].split_whitespace().map(gate).collect();
        assert_eq!(stated, expected, "{}", row[0]);
    }
}

/// "[F+O, 4H]" in numbers.
fn sizes(shape: &str, outputs: usize) -> Vec<usize> {
    let letter = |text: &str| match text {
        "F" => F,
        "H" => H,
        "P" => P,
        "O" => outputs,
        "V" => V,
        gates => {
            let count = gates
                .strip_suffix('H')
                .and_then(|it| it.parse::<usize>().ok());
            count.unwrap_or_else(|| panic!("`{gates}` is no size")) * H
        }
    };
    let axes = shape.trim_matches(['`', '[', ']']).split(", ");
    axes.map(|axis| axis.split('+').map(letter).sum()).collect()
}

#[test]
fn the_parameter_shapes_are_the_codes() {
    let (device, seed) = (Device::flex(), Seed::new(42));
    let basic = BasicRnnCellConfig::new(F, H).init(seed, &device);
    let lstm = LstmCellConfig::new(F, H)
        .with_peepholes()
        .with_num_proj(P)
        .init(seed, &device);
    let plain = LstmCellConfig::new(F, H).init(seed, &device);
    let gru = GruCellConfig::new(F, H)
        .with_reset_gate(ResetGate::AfterProduct)
        .init(seed, &device);
    let peepholes = lstm.peepholes.as_ref().expect("asked for");
    assert_eq!(plain.kernel.dims().to_vec(), sizes("[F+O, 4H]", H));

    let mut cell = "";
    let mut numbers = 0;
    for row in table("Parameters") {
        if !row[0].is_empty() {
            cell = row[0];
        }
        let found = match (cell, row[1]) {
            ("`BasicRnnCell`", "`kernel`") => vec![basic.kernel.dims().to_vec()],
            ("`BasicRnnCell`", "`bias`") => vec![basic.bias.dims().to_vec()],
            ("`LstmCell`", "`kernel`") => vec![lstm.kernel.dims().to_vec()],
            ("`LstmCell`", "`bias`") => vec![lstm.bias.dims().to_vec()],
            ("`LstmCell`", "`peepholes.input`, `.forget`, `.output`") => {
                let all = [&peepholes.input, &peepholes.forget, &peepholes.output];
                all.map(|peephole| peephole.dims().to_vec()).to_vec()
            }
            ("`LstmCell`", "`projection`") => {
                vec![lstm.projection.as_ref().expect("asked for").dims().to_vec()]
            }
            ("`GruCell`", "`gates_kernel`") => vec![gru.gates_kernel.dims().to_vec()],
            ("`GruCell`", "`gates_bias`") => vec![gru.gates_bias.dims().to_vec()],
            ("`GruCell`", "`candidate_kernel`") => vec![gru.candidate_kernel.dims().to_vec()],
            ("`GruCell`", "`candidate_bias`") => vec![gru.candidate_bias.dims().to_vec()],
            ("`GruCell`", "`recurrent_bias`") => {
                vec![
                    gru.recurrent_bias
                        .as_ref()
                        .expect("reset after")
                        .dims()
                        .to_vec(),
                ]
            }
            other => panic!("no such parameter: {other:?}"),
        };
        let stated = sizes(row[2], P);
        for shape in found {
            assert_eq!(shape, stated, "{cell} {}", row[1]);
            numbers += shape.iter().product::<usize>();
        }
    }
    // The table leaves no parameter out.
    assert_eq!(
        numbers,
        basic.num_params() + lstm.num_params() + gru.num_params()
    );
    assert_eq!(lstm.output_size(), P);
}

/// The names and shapes of a module's parameters.
#[derive(Default)]
struct Shapes {
    path: Vec<String>,
    found: BTreeMap<String, Vec<usize>>,
}

impl Shapes {
    /// Of all these modules together.
    fn of<M: Module>(modules: &[M]) -> BTreeMap<String, Vec<usize>> {
        let mut shapes = Self::default();
        for module in modules {
            module.visit(&mut shapes);
        }
        shapes.found
    }
}

impl ModuleVisitor for Shapes {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found
            .insert(self.path.join("."), param.dims().to_vec());
    }
}

#[test]
fn the_parameter_shapes_of_further_cells_are_the_codes() {
    let (device, seed) = (Device::flex(), Seed::new(42));
    let layer_norm = |normalisation| {
        let config = LayerNormLstmCellConfig::new(F, H).with_normalisation(normalisation);
        config.init(seed, &device)
    };
    let coupled = CoupledLstmCellConfig::new(F, H)
        .with_num_proj(P)
        .with_peepholes();
    let nas = NasCellConfig::new(F, H).with_num_proj(P).with_bias();
    let mut found = BTreeMap::from([
        (
            "`LayerNormLstmCell`",
            Shapes::of(&[
                layer_norm(LstmNormalisation::PerGate),
                layer_norm(LstmNormalisation::PerProduct),
            ]),
        ),
        ("`NasCell`", Shapes::of(&[nas.init(seed, &device)])),
        (
            "`CoupledLstmCell`",
            Shapes::of(&[
                coupled.init(seed, &device),
                coupled.with_layer_norm(1.0, 0.0).init(seed, &device),
            ]),
        ),
        (
            "`UgrnnCell`",
            Shapes::of(&[UgrnnCellConfig::new(F, H).init(seed, &device)]),
        ),
        (
            "`IndRnnCell`",
            Shapes::of(&[IndRnnCellConfig::new(F, H).init(seed, &device)]),
        ),
        (
            "`SruCell`",
            Shapes::of(&[SruCellConfig::new(F, H).init(seed, &device)]),
        ),
        (
            "`MinGruCell`",
            Shapes::of(&[MinGruCellConfig::new(F, H).init(seed, &device)]),
        ),
        (
            "`MinLstmCell`",
            Shapes::of(&[MinLstmCellConfig::new(F, H).init(seed, &device)]),
        ),
    ]);
    let mut cell = "";
    for row in table("Parameters of further cells") {
        if !row[0].is_empty() {
            cell = row[0];
        }
        let parameters = found.get_mut(cell).expect("a cell of this list");
        for name in row[1].split(", ") {
            let shape = parameters.remove(name.trim_matches('`'));
            assert_eq!(shape, Some(sizes(row[2], P)), "{cell} {name}");
        }
    }
    // The table leaves no parameter out.
    found.retain(|_, parameters| !parameters.is_empty());
    assert!(found.is_empty(), "not in the table: {found:?}");
}

#[test]
fn the_parameter_shapes_of_wrappers_are_the_codes() {
    let (device, seed) = (Device::flex(), Seed::new(42));
    let gru = |inputs, units| GruCellConfig::new(inputs, units).init(seed, &device);
    let input = ProjectionConfig::new(F).init_input(gru(H, H), seed, &device);
    let output = ProjectionConfig::new(P).init_output(gru(H, H), seed, &device);
    let highway = HighwayConfig::new().with_own_transform_gate();
    let highway = highway.init(gru(F, F), seed, &device).expect("one size");
    let transform = highway.transform.as_ref().expect("asked for");
    let embedding = EmbeddingConfig::new(V).init(gru(F, H), seed, &device);
    let norm = BatchNormConfig::new().init(gru(F, H), &device);
    let norm = norm.expect("a GRU has an input transform");
    let mut wrapper = "";
    let mut numbers = 0;
    for row in table("Parameters of wrappers") {
        if !row[0].is_empty() {
            wrapper = row[0];
        }
        let kernel = |it: &Projection| vec![it.kernel.dims().to_vec()];
        let bias = |it: &Projection| vec![it.bias.dims().to_vec()];
        let gates = [&highway.carry, transform];
        let found = match (wrapper, row[1]) {
            ("`InputProjectionWrapper`", "`projection.kernel`") => kernel(&input.projection),
            ("`InputProjectionWrapper`", "`projection.bias`") => bias(&input.projection),
            ("`OutputProjectionWrapper`", "`projection.kernel`") => kernel(&output.projection),
            ("`OutputProjectionWrapper`", "`projection.bias`") => bias(&output.projection),
            ("`BatchNormWrapper` around a GRU", "`gain`, `mean`, `variance`") => vec![
                norm.gain.dims().to_vec(),
                norm.mean.value().dims().to_vec(),
                norm.variance.value().dims().to_vec(),
            ],
            ("`HighwayWrapper`", "`carry.kernel`, `transform.kernel`") => {
                gates.map(|gate| gate.kernel.dims().to_vec()).to_vec()
            }
            ("`HighwayWrapper`", "`carry.bias`, `transform.bias`") => {
                gates.map(|gate| gate.bias.dims().to_vec()).to_vec()
            }
            ("`EmbeddingWrapper`", "`embedding`") => vec![embedding.embedding.dims().to_vec()],
            other => panic!("no such parameter: {other:?}"),
        };
        let stated = sizes(row[2], P);
        for shape in found {
            assert_eq!(shape, stated, "{wrapper} {}", row[1]);
            numbers += shape.iter().product::<usize>();
        }
    }
    // The table leaves no parameter out.
    let wrapped = input.num_params() + output.num_params();
    let wrapped = wrapped + highway.num_params() + embedding.num_params() + norm.num_params();
    let inside = 2 * gru(H, H).num_params() + gru(F, F).num_params() + 2 * gru(F, H).num_params();
    assert_eq!(numbers, wrapped - inside);
}

#[test]
fn the_state_orders_are_the_codes() {
    let device = Device::flex();
    let full = |value: f32| Tensor::<2>::full([1, 1], value, (&device, DType::F32));
    let (cell, hidden) = (full(1.0), full(2.0));
    for row in table("States") {
        let (parts, packed) = match row[0] {
            "`HiddenState`" => {
                let hidden = hidden.clone();
                (
                    HiddenState {
                        hidden: hidden.clone(),
                    }
                    .into_parts(),
                    HiddenState { hidden }.packed(),
                )
            }
            "`LstmState`" => {
                let state = LstmState {
                    cell: cell.clone(),
                    hidden: hidden.clone(),
                };
                (state.clone().into_parts(), state.packed())
            }
            "`SruState`" => {
                let state = SruState { cell: cell.clone() };
                (state.clone().into_parts(), state.packed())
            }
            other => panic!("{other} is no state"),
        };
        let stated: Vec<f32> = row[1]
            .split(", ")
            .map(|part| match part {
                "cell" => 1.0,
                "hidden" => 2.0,
                other => panic!("`{other}` is no part"),
            })
            .collect();
        let found: Vec<f32> = parts
            .into_iter()
            .map(|part| part.into_scalar::<f32>())
            .collect();
        assert_eq!(found, stated, "{}", row[0]);
        assert_eq!(
            packed.into_data().try_to_vec::<f32>().expect("f32"),
            stated,
            "{}",
            row[0]
        );
    }
}
