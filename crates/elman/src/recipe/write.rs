//! A recipe as TOML.

use std::fmt::Write as _;

use toml::Value;

use super::vocabulary::{
    ACTIVATIONS, CELLS, CellKind, FORMATS, MONITORS, OPTIMISERS, RESET_GATES, SCHEDULES,
    ScheduleKind, TASKS, word,
};
use super::{AdamSettings, CellSettings, EarlyStopping, OptimiserSettings, Recipe, Schedule};

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
    out.text("cell", word(CELLS, kind(&model.cell)));
    out.set("units", model.units);
    out.text("activation", word(ACTIVATIONS, model.activation));
    cell(&mut out, &model.cell);

    out.table("train");
    out.set("epochs", train.epochs);
    out.set("batch", train.batch);
    let OptimiserSettings::Adam(adam) = &train.optimiser;
    optimiser(&mut out, adam);
    schedule(&mut out, &train.schedule);
    if let Some(stopping) = &train.early_stopping {
        early_stopping(&mut out, stopping);
    }
    out.0
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

fn optimiser(out: &mut Writer, adam: &AdamSettings) {
    let AdamSettings {
        learning_rate,
        beta1,
        beta2,
        epsilon,
    } = *adam;
    out.table("train.optimiser");
    out.text("name", word(OPTIMISERS, ()));
    out.number("learning_rate", learning_rate);
    out.number("beta1", beta1);
    out.number("beta2", beta2);
    out.number("epsilon", epsilon);
}

fn schedule(out: &mut Writer, schedule: &Schedule) {
    out.table("train.schedule");
    let mut kind = |kind| out.text("kind", word(SCHEDULES, kind));
    match *schedule {
        Schedule::Constant => kind(ScheduleKind::Constant),
        Schedule::Exponential { rate, start_epoch } => {
            kind(ScheduleKind::Exponential);
            out.number("rate", rate);
            out.set("start_epoch", start_epoch);
        }
        Schedule::Step { every, factor } => {
            kind(ScheduleKind::Step);
            out.set("every", every);
            out.number("factor", factor);
        }
    }
}

fn early_stopping(out: &mut Writer, stopping: &EarlyStopping) {
    let EarlyStopping {
        monitor,
        patience,
        minimum_change,
    } = *stopping;
    out.table("train.early_stopping");
    out.text("monitor", word(MONITORS, monitor));
    out.set("patience", patience);
    out.number("minimum_change", minimum_change);
}
