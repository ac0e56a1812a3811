//! From a document to a recipe, collecting every problem on the way.

mod reader;
mod train;
mod tune;

pub(super) use reader::in_bytes;
pub(super) use tune::setting;

use std::cell::RefCell;

use self::reader::{Section, choice, number, size, text, truth, whole};
use super::document::Document;
use super::vocabulary::{
    ACTIVATIONS, CELLS, CellKind, FORMATS, READOUTS, RESET_GATES, TASKS, word,
};
use super::{
    CellSettings, DataFormat, DataSettings, LayerSettings, ModelSettings, Readout, Recipe,
};
use crate::activation::Activation;
use crate::cell::ResetGate;
use crate::error::{Error, Result};
use crate::random::Seed;

const MOST_UNITS: u64 = 16_384;
const MOST_LAYERS: u64 = 256;
const MOST_EPOCHS: u64 = 1_000_000;
const MOST_IN_A_BATCH: u64 = 1_000_000;
const DEFAULT_SEED: u64 = 42;
const DEFAULT_CLASSES: usize = 10;
const DEFAULT_FORGET_BIAS: f64 = 1.0;

const ABOVE_ZERO: &str = "a finite number above 0";

/// The recipe in `document`, or all of its problems and those `problems` found before.
pub(super) fn recipe(origin: &str, document: Document, problems: Vec<String>) -> Result<Recipe> {
    let problems = RefCell::new(problems);
    let found = root(Section::root(document.root, &problems));
    let problems = problems.into_inner();
    match found {
        Some(recipe) if problems.is_empty() => Ok(recipe),
        _ => Err(Error::recipe(origin, problems)),
    }
}

/// `None` only when a problem was noted; so for every function below.
fn root(mut root: Section<'_>) -> Option<Recipe> {
    let title = root.required("title", text);
    let task = root.required("task", choice(TASKS));
    let seed = root.or("seed", whole(0..=u64::MAX), DEFAULT_SEED);
    let data = root.required_section("data").and_then(data);
    let model = root.required_section("model").and_then(model);
    let holds_out = data.as_ref().is_none_or(|data| data.hold_out > 0);
    let train = root
        .required_section("train")
        .and_then(|section| train::train(section, holds_out));
    let around = tune::Around {
        seed: seed.unwrap_or(DEFAULT_SEED),
        epochs: train.as_ref().map(|train| train.epochs),
        holds_out,
    };
    let tune = train::table_or(&mut root, "tune", None, |section| {
        tune::tune(section, &around).map(Some)
    });
    root.finish();
    Some(Recipe {
        title: title?,
        task: task?,
        seed: Seed::new(seed?),
        data: data?,
        model: model?,
        train: train?,
        tune: tune?,
    })
}

fn data(mut section: Section<'_>) -> Option<DataSettings> {
    let format = section.or("format", choice(FORMATS), DataFormat::Idx);
    let folder = section.required("folder", text);
    let classes = section.or("classes", size(2..=256), DEFAULT_CLASSES);
    let hold_out = section.or("hold_out", size(0..=u64::from(u32::MAX)), 0);
    section.finish();
    Some(DataSettings {
        format: format?,
        folder: folder?,
        classes: classes?,
        hold_out: hold_out?,
    })
}

fn model(mut section: Section<'_>) -> Option<ModelSettings> {
    let readout = section.or("readout", choice(READOUTS), Readout::default());
    let layers = section.or("layers", size(1..=MOST_LAYERS), 1);
    let layer = layer(section);
    Some(ModelSettings {
        layers: vec![layer?; layers?],
        readout: readout?,
    })
}

fn layer(mut section: Section<'_>) -> Option<LayerSettings> {
    let kind = section.required("cell", choice(CELLS));
    let units = section.required("units", size(1..=MOST_UNITS));
    let activation = section.or("activation", choice(ACTIVATIONS), Activation::Tanh);
    let cell = cell(&mut section, kind);
    section.finish();
    Some(LayerSettings {
        cell: cell?,
        units: units?,
        activation: activation?,
    })
}

/// What only an LSTM has, and what it is called in a sentence.
const OF_LSTM: [(&str, &str); 5] = [
    ("forget_bias", "a forget bias"),
    ("peepholes", "peepholes"),
    ("cell_clip", "a cell to clip"),
    ("num_proj", "a projection"),
    ("proj_clip", "a projection"),
];
/// What only a GRU has.
const OF_GRU: [(&str, &str); 1] = [("reset_gate", "a reset gate")];

fn cell(section: &mut Section<'_>, kind: Option<CellKind>) -> Option<CellSettings> {
    let Some(kind) = kind else {
        section.leave_unjudged(&OF_LSTM.map(|(key, _)| key));
        section.leave_unjudged(&OF_GRU.map(|(key, _)| key));
        return None;
    };
    let refuse = |section: &mut Section<'_>, options: &[(&'static str, &str)], owner: CellKind| {
        for (key, what) in options {
            let why = format!(
                "the cell is `{}`, only `{}` has {what}; remove this key or change `model.cell`",
                word(CELLS, kind),
                word(CELLS, owner)
            );
            section.inapplicable(key, &why);
        }
    };
    let settings = match kind {
        CellKind::Basic => Some(CellSettings::Basic),
        CellKind::Lstm => lstm(section),
        CellKind::Gru => section
            .or("reset_gate", choice(RESET_GATES), ResetGate::BeforeProduct)
            .map(|reset_gate| CellSettings::Gru { reset_gate }),
    };
    if kind != CellKind::Lstm {
        refuse(section, &OF_LSTM, CellKind::Lstm);
    }
    if kind != CellKind::Gru {
        refuse(section, &OF_GRU, CellKind::Gru);
    }
    settings
}

fn lstm(section: &mut Section<'_>) -> Option<CellSettings> {
    let any = number("a finite number", |_| true);
    let clip = || number(ABOVE_ZERO, |limit| limit > 0.0);
    let forget_bias = section.or("forget_bias", any, DEFAULT_FORGET_BIAS);
    let peepholes = section.or("peepholes", truth, false);
    let cell_clip = section.optional("cell_clip", clip());
    let num_proj = section.optional("num_proj", size(1..=MOST_UNITS));
    let proj_clip = if num_proj == Some(None) {
        section.inapplicable(
            "proj_clip",
            "there is no projection to clip; set `model.num_proj` or remove this key",
        );
        Some(None)
    } else {
        section.optional("proj_clip", clip())
    };
    Some(CellSettings::Lstm {
        forget_bias: forget_bias?,
        peepholes: peepholes?,
        cell_clip: cell_clip?,
        num_proj: num_proj?,
        proj_clip: proj_clip?,
    })
}
