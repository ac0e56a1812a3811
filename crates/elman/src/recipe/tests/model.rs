//! The table `[model]`.

use super::super::*;
use super::{message, overrides, problem, with};
use crate::cell::{LstmNormalisation, MinCandidate};
use crate::device::DeviceName;
use crate::initializer::Initializer;
use crate::wrapper::Masks;

/// Three layers, each given by itself.
const LAYERS: &str = r#"title = "a title"
task = "classifier"

[data]
folder = "somewhere"

[model]
readout = "all"

[[model.layer]]
cell = "gru"
units = 4

[[model.layer]]
cell = "lstm"
units = 4
skip = "residual"

[model.layer.dropout]
input_keep = 0.5

[[model.layer]]
cell = "basic"
units = 7
device = "cpu"

[train]
epochs = 2
batch = 4
"#;

fn layers(texts: &[&str]) -> Vec<LayerSettings> {
    let recipe = Recipe::from_toml("layers", LAYERS, &overrides(texts));
    recipe.expect("a sound recipe").model.layers
}

/// The one problem of `LAYERS` with `texts` set.
fn problem_of_layers(texts: &[&str]) -> String {
    let message = message(LAYERS, texts);
    let (first, problem) = message.split_once("\n  - ").expect("a problem");
    assert_eq!(first, "r.toml: 1 problem", "{message}");
    problem.to_owned()
}

fn layer(texts: &[&str]) -> LayerSettings {
    with(texts).model.layers.remove(0)
}

#[test]
fn the_keys_of_model_describe_every_layer_or_each_has_its_own() {
    let one = with(&[]).model;
    assert_eq!(
        one,
        ModelSettings::one(LayerSettings::new(CellSettings::Basic, 3))
    );
    let three = with(&[
        "model.layers=3",
        "model.readout=all",
        "model.bidirectional=true",
    ])
    .model;
    assert_eq!(three.layers, vec![one.layers[0].clone(); 3]);
    assert_eq!((three.readout, three.bidirectional), (Readout::All, true));

    let each = layers(&[]);
    assert_eq!(each.len(), 3);
    assert_eq!(each[1].skip, Skip::Residual);
    let dropout = DropoutSettings {
        input_keep: 0.5,
        ..DropoutSettings::default()
    };
    assert_eq!(each[1].dropout, Some(dropout));
    assert_eq!(
        each[2],
        LayerSettings {
            device: Some(DeviceName::Cpu),
            ..LayerSettings::new(CellSettings::Basic, 7)
        }
    );
    assert_eq!(layers(&["model.layer.2.units=9"])[2].units, 9);
    assert_eq!(
        layers(&["model.layer.1.dropout.input_keep=1"])[1].dropout,
        Some(DropoutSettings::default())
    );
}

#[test]
fn what_is_wrong_with_layers_is_said_of_the_layer() {
    insta::assert_snapshot!(problem_of_layers(&["model.layer.1.unist=4"]), @"unknown key `model.layer.1.unist` (--set); did you mean `units`?");
    insta::assert_snapshot!(problem_of_layers(&["model.layer.2.units=0"]), @"model.layer.2.units (--set): expected a whole number from 1 to 16384, found 0");
    insta::assert_snapshot!(problem_of_layers(&["model.units=4"]), @"model.units (--set): the layers stand in `[[model.layer]]`; put this key there or remove it");
    insta::assert_snapshot!(problem_of_layers(&["model.layers=4"]), @"model.layers (--set): the layers stand in `[[model.layer]]`; put this key there or remove it");
    insta::assert_snapshot!(problem_of_layers(&["model.layer.3.units=4"]), @"model.layer.3.units (--set): `model.layer` is a list of 3: count from 0");
    insta::assert_snapshot!(problem_of_layers(&["model.layer.units=4"]), @"model.layer.units (--set): `model.layer` is a list of 3, not a table");
    insta::assert_snapshot!(problem_of_layers(&["model.layer=7"]), @"model.layer (--set): expected tables `[[model.layer]]`, found 7");
    insta::assert_snapshot!(problem_of_layers(&["model.layer=[7]"]), @"model.layer (--set): expected tables `[[model.layer]]`, found 7");
    insta::assert_snapshot!(problem_of_layers(&["model.layer=[]"]), @"model.layer: expected 1 to 256 layers, found 0");
    insta::assert_snapshot!(problem_of_layers(&["model.layer.0.units=6"]), @r#"model.layer.1: a skip connection needs inputs and outputs of one size, but the layer reads 6 features and shows 4; set `output_projection = 6`, change `units`, or set `skip = "none"` for this layer"#);
    insta::assert_snapshot!(problem(&["model.layers=0"]), @"model.layers (--set): expected a whole number from 1 to 256, found 0");
    insta::assert_snapshot!(problem(&["model.layers=2", "model.bidirectional=true", "model.skip=highway"]), @r#"model.layers 1: a skip connection needs inputs and outputs of one size, but the layer reads 6 features and shows 3; set `output_projection = 6`, change `units`, or set `skip = "none"` for this layer"#);
    insta::assert_snapshot!(problem(&["model.readout=first"]), @r#"model.readout (--set): expected `last`, `all` or `mean`, found the string "first""#);
    insta::assert_snapshot!(problem(&["model.bidirectional=2"]), @"model.bidirectional (--set): expected `true` or `false`, found 2");
}

#[test]
fn every_cell_and_its_options_can_be_set() {
    let cell = |texts: &[&str]| layer(texts).cell;
    assert_eq!(
        cell(&[
            "model.cell=layer_norm_lstm",
            "model.normalisation=per_product",
            "model.norm_gain=2"
        ]),
        CellSettings::LayerNormLstm {
            forget_bias: 1.0,
            normalisation: LstmNormalisation::PerProduct,
            norm_gain: 2.0,
            norm_shift: 0.0,
        }
    );
    assert_eq!(
        cell(&[
            "model.cell=coupled_lstm",
            "model.layer_norm=true",
            "model.num_proj=2",
            "model.proj_clip=3"
        ]),
        CellSettings::CoupledLstm {
            forget_bias: 1.0,
            peepholes: false,
            layer_norm: true,
            num_proj: Some(2),
            proj_clip: Some(3.0),
        }
    );
    assert_eq!(
        cell(&["model.cell=nas", "model.use_bias=true"]),
        CellSettings::Nas {
            use_bias: true,
            num_proj: None
        }
    );
    assert_eq!(
        cell(&["model.cell=ugrnn", "model.forget_bias=0.5"]),
        CellSettings::Ugrnn { forget_bias: 0.5 }
    );
    assert_eq!(cell(&["model.cell=indrnn"]), CellSettings::IndRnn);
    assert_eq!(cell(&["model.cell=sru"]), CellSettings::Sru);
    assert_eq!(
        cell(&["model.cell=min_gru"]),
        CellSettings::MinGru {
            candidate: MinCandidate::Linear
        }
    );
    assert_eq!(
        cell(&["model.cell=min_lstm", "model.candidate=positive"]),
        CellSettings::MinLstm {
            candidate: MinCandidate::Positive,
            forget_bias: 0.0
        }
    );
    insta::assert_snapshot!(problem(&["model.cell=nas", "model.activation=relu"]), @"model.activation (--set): the cell is `nas`, only `basic`, `lstm`, `gru`, `layer_norm_lstm`, `coupled_lstm`, `ugrnn`, `indrnn` or `sru` has this key; remove it or change `model.cell`");
}

#[test]
fn initialisers_are_words_or_tables() {
    let given = |text: &str| layer(&[&format!("model.initializer={text}")]).initializer;
    assert_eq!(layer(&[]).initializer, None);
    for (text, expected) in [
        ("glorot_uniform", Initializer::GlorotUniform),
        ("glorot_normal", Initializer::GlorotNormal),
        ("he_uniform", Initializer::HeUniform),
        ("he_normal", Initializer::HeNormal),
        ("lecun_uniform", Initializer::LecunUniform),
        ("lecun_normal", Initializer::LecunNormal),
        ("orthogonal", Initializer::Orthogonal { gain: 1.0 }),
        (
            "{ kind = \"identity\", gain = 0.5 }",
            Initializer::Identity { gain: 0.5 },
        ),
        (
            "{ kind = \"uniform\", low = -1, high = 2 }",
            Initializer::Uniform {
                low: -1.0,
                high: 2.0,
            },
        ),
        (
            "{ kind = \"normal\", deviation = 0.1 }",
            Initializer::Normal { deviation: 0.1 },
        ),
        (
            "{ kind = \"truncated_normal\", deviation = 0.1 }",
            Initializer::TruncatedNormal { deviation: 0.1 },
        ),
        (
            "{ kind = \"constant\", value = 0 }",
            Initializer::Constant(0.0),
        ),
    ] {
        assert_eq!(given(text), Some(expected), "{text}");
    }
    let recurrent = layer(&["model.recurrent_initializer.kind=orthogonal"]);
    assert_eq!(
        recurrent.recurrent_initializer,
        Some(Initializer::Orthogonal { gain: 1.0 })
    );

    insta::assert_snapshot!(problem(&["model.initializer=he"]), @r#"model.initializer.kind (--set): expected `glorot_uniform`, `glorot_normal`, `he_uniform`, `he_normal`, `lecun_uniform`, `lecun_normal`, `orthogonal`, `identity`, `uniform`, `normal`, `truncated_normal` or `constant`, found the string "he""#);
    insta::assert_snapshot!(problem(&["model.initializer=normal"]), @"model.initializer.deviation: this key is missing; set it to a finite number above 0");
    insta::assert_snapshot!(problem(&["model.initializer={ kind = \"uniform\", low = 1, high = 1 }"]), @"model.initializer.high: expected more than 1, found 1");
    insta::assert_snapshot!(problem(&["model.initializer={ kind = \"he_normal\", gain = 1 }"]), @"model.initializer.gain (--set): the initialiser is `he_normal`, only `orthogonal` or `identity` has this key; remove it or change `model.initializer.kind`");
    insta::assert_snapshot!(problem(&["model.initializer=3"]), @"model.initializer (--set): expected the table `[model.initializer]`, found 3");
    insta::assert_snapshot!(problem(&["model.cell=lstm", "model.peepholes=true", "model.initializer=orthogonal"]), @"model.initializer: `orthogonal` and `identity` fill matrices, but peepholes are vectors; give it to `recurrent_initializer`, or remove the peepholes");
    insta::assert_snapshot!(problem(&["model.cell=indrnn", "model.recurrent_initializer=identity"]), @"model.recurrent_initializer: `orthogonal` and `identity` fill matrices, but the recurrent weights of `indrnn` are vectors; choose another, such as `uniform`");
    insta::assert_snapshot!(problem(&["model.cell=sru", "model.recurrent_initializer=he_normal"]), @"model.recurrent_initializer (--set): the cell is `sru`, only `basic`, `lstm`, `gru`, `layer_norm_lstm`, `coupled_lstm`, `ugrnn` or `indrnn` has this key; remove it or change `model.cell`");
}

#[test]
fn every_wrapper_can_be_set() {
    let found = layer(&[
        "model.cell=lstm",
        "model.dropout.input_keep=0.5",
        "model.dropout.output_keep=0.25",
        "model.dropout.state_keep=0.75",
        "model.dropout.masks=per_row",
        "model.dropout.state=all",
        "model.batch_norm=true",
        "model.zoneout.hidden=0.05",
        "model.zoneout.cell=0.5",
        "model.input_projection=8",
        "model.output_projection=9",
        "model.skip=highway",
        "model.device=cpu",
    ]);
    let dropout = DropoutSettings {
        input_keep: 0.5,
        output_keep: 0.25,
        state_keep: 0.75,
        masks: Masks::PerRow,
        state: DroppedState::All,
    };
    assert_eq!(found.dropout, Some(dropout));
    let zoneout = ZoneoutSettings {
        hidden: 0.05,
        cell: 0.5,
    };
    assert_eq!(found.zoneout, Some(zoneout));
    assert_eq!(
        (found.input_projection, found.output_projection),
        (Some(8), Some(9))
    );
    assert_eq!(
        (found.skip, found.device.clone()),
        (Skip::Highway, Some(DeviceName::Cpu))
    );
    assert_eq!(found.output_size(), 9);
    assert!(found.batch_norm);
}

#[test]
fn impossible_wrappers_are_refused() {
    insta::assert_snapshot!(problem(&["model.dropout.input_keep=0"]), @"model.dropout.input_keep (--set): expected a probability of keeping, above 0 and at most 1, found 0");
    insta::assert_snapshot!(problem(&["model.dropout.output_keep=1.5"]), @"model.dropout.output_keep (--set): expected a probability of keeping, above 0 and at most 1, found 1.5");
    insta::assert_snapshot!(problem(&["model.dropout.masks=some"]), @r#"model.dropout.masks (--set): expected `per_step`, `per_row` or `shared`, found the string "some""#);
    insta::assert_snapshot!(problem(&["model.dropout.rate=0.5"]), @"unknown key `model.dropout.rate` (--set); did you mean `state`?");
    insta::assert_snapshot!(problem(&["model.dropout=0.5"]), @"model.dropout (--set): expected the table `[model.dropout]`, found 0.5");
    insta::assert_snapshot!(problem(&["model.cell=sru", "model.dropout.state_keep=0.5"]), @r#"model.dropout.state_keep: the state of `sru` is its `c` alone, which is not dropped; set `model.dropout.state = "all"` or remove this key"#);
    insta::assert_snapshot!(problem(&["model.zoneout.hidden=1.5"]), @"model.zoneout.hidden (--set): expected a probability of staying the same, 0 to 1, found 1.5");
    insta::assert_snapshot!(problem(&["model.zoneout.cell=0.5"]), @"model.zoneout.cell (--set): `basic` has no cell state `c`; remove this key");
    insta::assert_snapshot!(problem(&["model.cell=sru", "model.zoneout.hidden=0.5"]), @"model.zoneout.hidden (--set): `sru` has no hidden state; remove this key");
    insta::assert_snapshot!(problem(&["model.skip=dense"]), @r#"model.skip (--set): expected `none`, `residual` or `highway`, found the string "dense""#);
    insta::assert_snapshot!(problem(&["model.device=gpu"]), @r#"model.device (--set): expected the name of a device, found the string "gpu"; device `gpu`: no device has this name; use `cpu`, `wgpu`, `vulkan`, `metal`, `cuda`, `rocm` (each with `:0`, `:1`, … for one of several) or `remote:ws://HOST:PORT`"#);
    insta::assert_snapshot!(problem(&["model.device=0"]), @"model.device (--set): expected the name of a device, found 0");
    insta::assert_snapshot!(problem(&["model.cell=sru", "model.batch_norm=true"]), @"model.batch_norm (--set): the cell is `sru`, only `basic`, `lstm` or `gru` has this key; remove it or change `model.cell`");
    insta::assert_snapshot!(problem(&["model.input_projection=0"]), @"model.input_projection (--set): expected a whole number from 1 to 16384, found 0");
}
