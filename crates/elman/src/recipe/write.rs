//! A recipe as TOML.

mod train;
mod tune;

use std::fmt::Write as _;

use toml::Value;

use super::vocabulary::{
    ACTIVATIONS, CELLS, CellKind, FORMATS, READOUTS, RESET_GATES, TASKS, word,
};
use super::{CellSettings, LayerSettings, ModelSettings, Readout, Recipe};

/// Lines of TOML.
struct Writer(String);

impl Writer {
    fn table(&mut self, path: &str) {
        self.line(format_args!("\n[{path}]"));
    }

    fn text(&mut self, key: &str, value: &str) {
        self.line(format_args!("{key} = {}", Value::from(value)));
    }

    fn number(&mut self, key: &str, value: f64) {
        self.line(format_args!("{key} = {value:?}"));
    }

    fn set(&mut self, key: &str, value: impl std::fmt::Display) {
        self.line(format_args!("{key} = {value}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("a string takes what it is given");
    }
}

pub(super) fn recipe(recipe: &Recipe) -> String {
    // No `..`: a new setting must be written here.
    let Recipe {
        title,
        task,
        seed,
        data,
        model,
        train,
        tune,
    } = recipe;
    let mut out = Writer(String::new());
    out.text("title", title);
    out.text("task", word(TASKS, *task));
    out.set("seed", seed.value());

    out.table("data");
    out.text("format", word(FORMATS, data.format));
    out.text("folder", &data.folder);
    out.set("classes", data.classes);
    out.set("hold_out", data.hold_out);

    out.table("model");
    the_model(&mut out, model);

    train::train(&mut out, train);
    if let Some(tune) = tune {
        tune::tune(&mut out, tune);
    }
    out.0
}

fn the_model(out: &mut Writer, model: &ModelSettings) {
    let ModelSettings { layers, readout } = model;
    if layers.len() > 1 {
        out.set("layers", layers.len());
    }
    if *readout != Readout::default() {
        out.text("readout", word(READOUTS, *readout));
    }
    layer(out, &layers[0]);
}

fn layer(out: &mut Writer, layer: &LayerSettings) {
    let LayerSettings {
        cell: the_cell,
        units,
        activation,
    } = layer;
    out.text("cell", word(CELLS, kind(the_cell)));
    out.set("units", units);
    out.text("activation", word(ACTIVATIONS, *activation));
    cell(out, the_cell);
}

fn kind(cell: &CellSettings) -> CellKind {
    match cell {
        CellSettings::Basic => CellKind::Basic,
        CellSettings::Lstm { .. } => CellKind::Lstm,
        CellSettings::Gru { .. } => CellKind::Gru,
    }
}

fn cell(out: &mut Writer, cell: &CellSettings) {
    match cell {
        CellSettings::Basic => {}
        CellSettings::Lstm {
            forget_bias,
            peepholes,
            cell_clip,
            num_proj,
            proj_clip,
        } => {
            out.number("forget_bias", *forget_bias);
            out.set("peepholes", peepholes);
            if let Some(limit) = cell_clip {
                out.number("cell_clip", *limit);
            }
            if let Some(size) = num_proj {
                out.set("num_proj", size);
            }
            if let Some(limit) = proj_clip {
                out.number("proj_clip", *limit);
            }
        }
        CellSettings::Gru { reset_gate } => out.text("reset_gate", word(RESET_GATES, *reset_gate)),
    }
}
