//! The table `[model]`.

use super::reader::{
    Owners, Section, choice, list, number, parsed, refuse_others, size, table_or, truth, whole,
};
use super::{ABOVE_ZERO, language};
use crate::activation::Activation;
use crate::cell::{LstmNormalisation, MinCandidate, ResetGate};
use crate::data::TargetKind;
use crate::initializer::Initializer;
use crate::recipe::vocabulary::{
    ACTIVATIONS, CANDIDATES, CELLS, CellKind, DROPPED_STATES, INITIALIZERS, InitializerKind, MASKS,
    NORMALISATIONS, OUTPUTS, READOUTS, RESET_GATES, SKIPS, TASKS, word,
};
use crate::recipe::{
    CellSettings, DataSettings, DropoutSettings, DroppedState, LayerSettings, ModelSettings,
    Output, Readout, Skip, Task, ZoneoutSettings,
};
use crate::wrapper::Masks;

pub(super) const MOST_UNITS: u64 = 16_384;
const MOST_LAYERS: u64 = 256;
const MOST_CHRONO_STEPS: u64 = 1_000_000_000;
const MOST_OPERATIONS: u64 = 1_000_000_000;
const DEFAULT_FORGET_BIAS: f64 = 1.0;
const DEFAULT_MIN_LSTM_FORGET_BIAS: f64 = 0.0;

/// Every key of a layer.
const OF_A_LAYER: [&str; 25] = [
    "cell",
    "units",
    "activation",
    "forget_bias",
    "peepholes",
    "cell_clip",
    "num_proj",
    "proj_clip",
    "reset_gate",
    "normalisation",
    "norm_gain",
    "norm_shift",
    "layer_norm",
    "use_bias",
    "candidate",
    "initializer",
    "recurrent_initializer",
    "batch_norm",
    "zoneout",
    "input_projection",
    "output_projection",
    "dropout",
    "skip",
    "device",
    "layers",
];

pub(super) fn model(
    mut section: Section<'_>,
    task: Option<Task>,
    data: Option<&DataSettings>,
) -> Option<ModelSettings> {
    let is_at_every_step = matches!(task, Some(Task::LanguageModel | Task::Polyphony));
    let output = match task {
        Some(Task::LanguageModel) => only_output(&mut section, Output::Softmax),
        Some(Task::Polyphony) => only_output(&mut section, Output::Sigmoid),
        _ => output(&mut section, task, data),
    };
    let embedding = language::embedding(&mut section, data);
    let softmax = language::softmax(&mut section, task);
    let operations = list(whole(0..=MOST_OPERATIONS));
    let tensorflow_operations = section.optional("tensorflow_operations", operations);
    let chrono_steps = section.optional("chrono_steps", size(3..=MOST_CHRONO_STEPS));
    if is_at_every_step {
        for (key, why) in NOT_AT_EVERY_STEP {
            section.inapplicable(key, why);
        }
    }
    let readout = section.or("readout", choice(READOUTS), Readout::default());
    let bidirectional = section.or("bidirectional", truth, false);
    let problems = section.problems();
    let (name, layers) = match section.has("layer") {
        true => (section.name("layer."), one_by_one(section)),
        false => (section.name("layers "), repeated(section)),
    };
    let settings = ModelSettings {
        layers: layers?,
        readout: readout?,
        bidirectional: bidirectional?,
        output: output?,
        tensorflow_operations: tensorflow_operations?,
        chrono_steps: chrono_steps?,
        embedding: embedding?,
        softmax: softmax?,
    };
    problems.borrow_mut().extend(language::mismatch(&settings));
    // What the lowest layer reads, the data say.
    for (index, sizes) in settings.sizes(None).into_iter().enumerate() {
        if let Err(sizes) = sizes {
            problems
                .borrow_mut()
                .push(format!("{name}{index}: {sizes}"));
        }
    }
    Some(settings)
}

/// The keys that a model which answers at every step does not have, and why.
const NOT_AT_EVERY_STEP: [(&str, &str); 3] = [
    (
        "readout",
        "what the topmost layer shows is read at every step; remove this key",
    ),
    (
        "bidirectional",
        "what comes next is foretold from what was before; remove this key",
    ),
    (
        "tensorflow_operations",
        "it is for models with one answer a sequence; remove this key",
    ),
];

/// `output`, where there is nothing to choose.
fn only_output(section: &mut Section<'_>, only: Output) -> Option<Output> {
    let output = section.or("output", choice(OUTPUTS), only)?;
    if output != only {
        let name = section.name("output");
        section.problem(format!(
            "{name}: `{}` is not for this task; remove this key",
            word(OUTPUTS, output)
        ));
    }
    Some(output)
}

/// The output, which must go with the task and the data.
fn output(
    section: &mut Section<'_>,
    task: Option<Task>,
    data: Option<&DataSettings>,
) -> Option<Output> {
    let default = match task {
        Some(Task::Regressor | Task::Forecaster) => Output::Linear,
        _ => Output::Softmax,
    };
    let output = section.or("output", choice(OUTPUTS), default)?;
    if task == Some(Task::Forecaster) {
        if output != default {
            let name = section.name("output");
            section.problem(format!(
                "{name}: of a forecaster `forecast.head` says it; remove this key"
            ));
        }
        return Some(output);
    }
    let its_task = match output {
        Output::Softmax | Output::Sigmoid => Task::Classifier,
        Output::Linear => Task::Regressor,
    };
    let name = section.name("output");
    let is = word(OUTPUTS, output);
    if let Some(task) = task.filter(|&task| task != its_task) {
        let fitting = match task {
            Task::Regressor | Task::Forecaster => "`linear`",
            _ => "`softmax` or `sigmoid`",
        };
        section.problem(format!(
            "{name}: `{is}` is for `{}`, the task is `{}`; use {fitting}",
            word(TASKS, its_task),
            word(TASKS, task)
        ));
    }
    if let (Output::Sigmoid, Some(TargetKind::Classes(classes))) =
        (output, data.and_then(DataSettings::targets))
        && classes != 2
    {
        section.problem(format!(
            "{name}: `{is}` tells two classes apart, the data have {classes}; use `softmax`"
        ));
    }
    Some(output)
}

/// `layers = N` layers as the keys of `[model]` describe each.
fn repeated(mut section: Section<'_>) -> Option<Vec<LayerSettings>> {
    let count = section.or("layers", size(1..=MOST_LAYERS), 1);
    section.leave_unjudged(&["layer"]);
    let layer = layer(section)?;
    Some(vec![layer; count?])
}

/// One layer for each `[[model.layer]]`.
fn one_by_one(mut section: Section<'_>) -> Option<Vec<LayerSettings>> {
    let tables = section.sections("layer");
    for key in OF_A_LAYER {
        let why = "the layers stand in `[[model.layer]]`; put this key there or remove it";
        section.inapplicable(key, why);
    }
    if let Some(tables) = &tables
        && !(1..=MOST_LAYERS as usize).contains(&tables.len())
    {
        let (name, count) = (section.name("layer"), tables.len());
        section.problem(format!(
            "{name}: expected 1 to {MOST_LAYERS} layers, found {count}"
        ));
        return None;
    }
    section.finish();
    let layers: Vec<Option<LayerSettings>> = tables?.into_iter().map(layer).collect();
    layers.into_iter().collect()
}

/// The keys that not every cell has.
const OF_CELLS: Owners<CellKind> = {
    use CellKind::{
        Basic, CoupledLstm, Gru, IndRnn, LayerNormLstm, Lstm, MinGru, MinLstm, Nas, Sru, Ugrnn,
    };
    &[
        (
            "activation",
            &[
                Basic,
                Lstm,
                Gru,
                LayerNormLstm,
                CoupledLstm,
                Ugrnn,
                IndRnn,
                Sru,
            ],
        ),
        (
            "forget_bias",
            &[Lstm, LayerNormLstm, CoupledLstm, Ugrnn, MinLstm],
        ),
        ("peepholes", &[Lstm, CoupledLstm]),
        ("cell_clip", &[Lstm]),
        ("num_proj", &[Lstm, CoupledLstm, Nas]),
        ("proj_clip", &[Lstm, CoupledLstm]),
        ("reset_gate", &[Gru]),
        ("normalisation", &[LayerNormLstm]),
        ("norm_gain", &[LayerNormLstm]),
        ("norm_shift", &[LayerNormLstm]),
        ("layer_norm", &[CoupledLstm]),
        ("use_bias", &[Nas]),
        ("candidate", &[MinGru, MinLstm]),
        ("batch_norm", &[Basic, Lstm, Gru]),
        (
            "recurrent_initializer",
            &[Basic, Lstm, Gru, LayerNormLstm, CoupledLstm, Ugrnn, IndRnn],
        ),
    ]
};

fn layer(mut table: Section<'_>) -> Option<LayerSettings> {
    let section = &mut table;
    let kind = section.required("cell", choice(CELLS));
    let units = section.required("units", size(1..=MOST_UNITS));
    let has = |key| {
        let owners = OF_CELLS.iter().find(|(name, _)| *name == key);
        kind.is_some_and(|kind| owners.is_some_and(|(_, kinds)| kinds.contains(&kind)))
    };
    let activation = match has("activation") {
        true => section.or("activation", choice(ACTIVATIONS), Activation::default()),
        false => Some(Activation::default()),
    };
    let cell = kind.and_then(|kind| cell(section, kind));
    let kernels = initializer(section, "initializer");
    let recurrent_initializer = match has("recurrent_initializer") {
        true => initializer(section, "recurrent_initializer"),
        false => Some(None),
    };
    let batch_norm = match has("batch_norm") {
        true => section.or("batch_norm", truth, false),
        false => Some(false),
    };
    refuse_others(section, OF_CELLS, kind, ("cell", "cell", CELLS));
    refuse_vectors(section, cell, [&kernels, &recurrent_initializer]);
    let zoneout = table_or(section, "zoneout", None, |table| {
        zoneout(table, kind).map(Some)
    });
    let input_projection = section.optional("input_projection", size(1..=MOST_UNITS));
    let output_projection = section.optional("output_projection", size(1..=MOST_UNITS));
    let dropout = table_or(section, "dropout", None, |table| {
        dropout(table, kind).map(Some)
    });
    let skip = section.or("skip", choice(SKIPS), Skip::default());
    let device = section.optional("device", parsed("the name of a device"));
    table.finish();
    Some(LayerSettings {
        cell: cell?,
        units: units?,
        activation: activation?,
        initializer: kernels?,
        recurrent_initializer: recurrent_initializer?,
        batch_norm: batch_norm?,
        zoneout: zoneout?,
        input_projection: input_projection?,
        output_projection: output_projection?,
        dropout: dropout?,
        skip: skip?,
        device: device?,
    })
}

fn cell(section: &mut Section<'_>, kind: CellKind) -> Option<CellSettings> {
    match kind {
        CellKind::Basic => Some(CellSettings::Basic),
        CellKind::Lstm => lstm(section),
        CellKind::Gru => section
            .or("reset_gate", choice(RESET_GATES), ResetGate::default())
            .map(|reset_gate| CellSettings::Gru { reset_gate }),
        CellKind::LayerNormLstm => layer_norm_lstm(section),
        CellKind::CoupledLstm => coupled_lstm(section),
        CellKind::Nas => {
            let use_bias = section.or("use_bias", truth, false);
            let num_proj = section.optional("num_proj", size(1..=MOST_UNITS));
            Some(CellSettings::Nas {
                use_bias: use_bias?,
                num_proj: num_proj?,
            })
        }
        CellKind::Ugrnn => forget_bias(section, DEFAULT_FORGET_BIAS)
            .map(|forget_bias| CellSettings::Ugrnn { forget_bias }),
        CellKind::IndRnn => Some(CellSettings::IndRnn),
        CellKind::Sru => Some(CellSettings::Sru),
        CellKind::MinGru => candidate(section).map(|candidate| CellSettings::MinGru { candidate }),
        CellKind::MinLstm => {
            let candidate = candidate(section);
            let forget_bias = forget_bias(section, DEFAULT_MIN_LSTM_FORGET_BIAS);
            Some(CellSettings::MinLstm {
                candidate: candidate?,
                forget_bias: forget_bias?,
            })
        }
    }
}

fn any_number(section: &mut Section<'_>, key: &'static str, default: f64) -> Option<f64> {
    section.or(key, number("a finite number", |_| true), default)
}

fn forget_bias(section: &mut Section<'_>, default: f64) -> Option<f64> {
    any_number(section, "forget_bias", default)
}

fn candidate(section: &mut Section<'_>) -> Option<MinCandidate> {
    section.or("candidate", choice(CANDIDATES), MinCandidate::default())
}

fn clip(section: &mut Section<'_>, key: &'static str) -> Option<Option<f64>> {
    section.optional(key, number(ABOVE_ZERO, |limit| limit > 0.0))
}

/// `num_proj` and `proj_clip`.
fn projection(section: &mut Section<'_>) -> Option<(Option<usize>, Option<f64>)> {
    let num_proj = section.optional("num_proj", size(1..=MOST_UNITS));
    let proj_clip = if num_proj == Some(None) {
        let num_proj = section.name("num_proj");
        let why = format!("there is no projection to clip; set `{num_proj}` or remove this key");
        section.inapplicable("proj_clip", &why);
        Some(None)
    } else {
        clip(section, "proj_clip")
    };
    Some((num_proj?, proj_clip?))
}

fn lstm(section: &mut Section<'_>) -> Option<CellSettings> {
    let forget_bias = forget_bias(section, DEFAULT_FORGET_BIAS);
    let peepholes = section.or("peepholes", truth, false);
    let cell_clip = clip(section, "cell_clip");
    let (num_proj, proj_clip) = projection(section)?;
    Some(CellSettings::Lstm {
        forget_bias: forget_bias?,
        peepholes: peepholes?,
        cell_clip: cell_clip?,
        num_proj,
        proj_clip,
    })
}

fn layer_norm_lstm(section: &mut Section<'_>) -> Option<CellSettings> {
    let forget_bias = forget_bias(section, DEFAULT_FORGET_BIAS);
    let rule = choice(NORMALISATIONS);
    let normalisation = section.or("normalisation", rule, LstmNormalisation::default());
    let norm_gain = any_number(section, "norm_gain", 1.0);
    let norm_shift = any_number(section, "norm_shift", 0.0);
    Some(CellSettings::LayerNormLstm {
        forget_bias: forget_bias?,
        normalisation: normalisation?,
        norm_gain: norm_gain?,
        norm_shift: norm_shift?,
    })
}

fn coupled_lstm(section: &mut Section<'_>) -> Option<CellSettings> {
    let forget_bias = forget_bias(section, DEFAULT_FORGET_BIAS);
    let peepholes = section.or("peepholes", truth, false);
    let layer_norm = section.or("layer_norm", truth, false);
    let (num_proj, proj_clip) = projection(section)?;
    Some(CellSettings::CoupledLstm {
        forget_bias: forget_bias?,
        peepholes: peepholes?,
        layer_norm: layer_norm?,
        num_proj,
        proj_clip,
    })
}

/// The settings that not every initialiser has.
const OF_INITIALIZERS: Owners<InitializerKind> = {
    use InitializerKind::{Constant, Identity, Normal, Orthogonal, TruncatedNormal, Uniform};
    &[
        ("gain", &[Orthogonal, Identity]),
        ("low", &[Uniform]),
        ("high", &[Uniform]),
        ("deviation", &[Normal, TruncatedNormal]),
        ("value", &[Constant]),
    ]
};

/// `"he_normal"`, or `{ kind = "orthogonal", gain = 1.1 }`.
fn initializer(section: &mut Section<'_>, key: &'static str) -> Option<Option<Initializer>> {
    if !section.has(key) {
        section.leave_unjudged(&[key]);
        return Some(None);
    }
    let mut section = section.section_or_word(key, "kind")?;
    let kind = section.required("kind", choice(INITIALIZERS));
    let above_zero = || number(ABOVE_ZERO, |size| size > 0.0);
    let any = || number("a finite number", |_| true);
    let found = kind.and_then(|kind| match kind {
        InitializerKind::GlorotUniform => Some(Initializer::GlorotUniform),
        InitializerKind::GlorotNormal => Some(Initializer::GlorotNormal),
        InitializerKind::HeUniform => Some(Initializer::HeUniform),
        InitializerKind::HeNormal => Some(Initializer::HeNormal),
        InitializerKind::LecunUniform => Some(Initializer::LecunUniform),
        InitializerKind::LecunNormal => Some(Initializer::LecunNormal),
        InitializerKind::Orthogonal => section
            .or("gain", above_zero(), 1.0)
            .map(|gain| Initializer::Orthogonal { gain }),
        InitializerKind::Identity => section
            .or("gain", above_zero(), 1.0)
            .map(|gain| Initializer::Identity { gain }),
        InitializerKind::Uniform => {
            let (low, high) = (
                section.required("low", any()),
                section.required("high", any()),
            );
            let (low, high) = (low?, high?);
            if low >= high {
                let name = section.name("high");
                section.problem(format!("{name}: expected more than {low}, found {high}"));
            }
            Some(Initializer::Uniform { low, high })
        }
        InitializerKind::Normal => section
            .required("deviation", above_zero())
            .map(|deviation| Initializer::Normal { deviation }),
        InitializerKind::TruncatedNormal => section
            .required("deviation", above_zero())
            .map(|deviation| Initializer::TruncatedNormal { deviation }),
        InitializerKind::Constant => section.required("value", any()).map(Initializer::Constant),
    });
    let choice = ("initialiser", "kind", INITIALIZERS);
    refuse_others(&mut section, OF_INITIALIZERS, kind, choice);
    section.finish();
    found.map(Some)
}

/// Notes an initialiser of matrices where a vector is to be filled.
fn refuse_vectors(
    section: &Section<'_>,
    cell: Option<CellSettings>,
    initializers: [&Option<Option<Initializer>>; 2],
) {
    let of_matrices = |initializer: &Option<Option<Initializer>>| {
        matches!(
            initializer,
            Some(Some(
                Initializer::Orthogonal { .. } | Initializer::Identity { .. }
            ))
        )
    };
    let [kernels, recurrent] = initializers.map(of_matrices);
    let problem = match cell {
        Some(
            CellSettings::Lstm {
                peepholes: true, ..
            }
            | CellSettings::CoupledLstm {
                peepholes: true, ..
            },
        ) if kernels => (
            "initializer",
            "peepholes",
            "give it to `recurrent_initializer`, or remove the peepholes",
        ),
        Some(CellSettings::IndRnn) if recurrent => (
            "recurrent_initializer",
            "the recurrent weights of `indrnn`",
            "choose another, such as `uniform`",
        ),
        _ => return,
    };
    let (key, what, advice) = problem;
    let name = section.name(key);
    section.problem(format!(
        "{name}: `orthogonal` and `identity` fill matrices, but {what} are vectors; {advice}"
    ));
}

const KEPT: &str = "a probability of keeping, above 0 and at most 1";
const STAYING: &str = "a probability of staying the same, 0 to 1";

fn dropout(mut section: Section<'_>, cell: Option<CellKind>) -> Option<DropoutSettings> {
    let kept = || number(KEPT, |keep| keep > 0.0 && keep <= 1.0);
    let input_keep = section.or("input_keep", kept(), 1.0);
    let output_keep = section.or("output_keep", kept(), 1.0);
    let state_keep = section.or("state_keep", kept(), 1.0);
    let masks = section.or("masks", choice(MASKS), Masks::default());
    let state = section.or("state", choice(DROPPED_STATES), DroppedState::default());
    if cell == Some(CellKind::Sru)
        && state == Some(DroppedState::Hidden)
        && state_keep.is_some_and(|keep| keep < 1.0)
    {
        let name = section.name("state_keep");
        let state = section.name("state");
        section.problem(format!(
            "{name}: the state of `sru` is its `c` alone, which is not dropped; \
             set `{state} = \"all\"` or remove this key"
        ));
    }
    section.finish();
    Some(DropoutSettings {
        input_keep: input_keep?,
        output_keep: output_keep?,
        state_keep: state_keep?,
        masks: masks?,
        state: state?,
    })
}

/// The states that not every cell has.
const OF_STATES: Owners<CellKind> = {
    use CellKind::{
        Basic, CoupledLstm, Gru, IndRnn, LayerNormLstm, Lstm, MinGru, MinLstm, Nas, Sru, Ugrnn,
    };
    &[
        (
            "hidden",
            &[
                Basic,
                Lstm,
                Gru,
                LayerNormLstm,
                CoupledLstm,
                Nas,
                Ugrnn,
                IndRnn,
                MinGru,
                MinLstm,
            ],
        ),
        ("cell", &[Lstm, LayerNormLstm, CoupledLstm, Nas, Sru]),
    ]
};

fn zoneout(mut section: Section<'_>, cell: Option<CellKind>) -> Option<ZoneoutSettings> {
    let mut staying = |at: usize| {
        let (key, owners) = OF_STATES[at];
        match cell {
            None => section.leave_unjudged(&[key]),
            Some(cell) if !owners.contains(&cell) => {
                let what = ["hidden state", "cell state `c`"][at];
                let why = format!("`{}` has no {what}; remove this key", word(CELLS, cell));
                section.inapplicable(key, &why);
            }
            Some(_) => {
                let rule = number(STAYING, |stays| (0.0..=1.0).contains(&stays));
                return section.or(key, rule, 0.0);
            }
        }
        Some(0.0)
    };
    let (hidden, of_cell) = (staying(0), staying(1));
    section.finish();
    Some(ZoneoutSettings {
        hidden: hidden?,
        cell: of_cell?,
    })
}
