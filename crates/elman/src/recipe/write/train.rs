//! The table `[train]`.

use super::Writer;
use crate::recipe::validate::in_bytes;
use crate::recipe::vocabulary::{
    CLIPS, ClipKind, MONITORS, OPTIMISERS, OptimiserKind, RMS_PROP_FORMS, SCHEDULE_UNITS,
    SCHEDULES, ScheduleKind, word,
};
use crate::recipe::{
    AdaGradSettings, AdamSettings, AdamWSettings, Decay, DecayRate, EarlyStopping,
    MomentumSettings, OptimiserSettings, RmsPropSettings, Schedule, SgdSettings, TrainSettings,
};
use crate::train::{Clip, Regularisation};
use crate::unroll::Backpropagation;

pub(super) fn train(out: &mut Writer, train: &TrainSettings) {
    // No `..`: a new setting must be written here.
    let TrainSettings {
        epochs,
        batch,
        shuffle,
        optimiser: the_optimiser,
        schedule: the_schedule,
        clip: the_clip,
        backpropagation: the_backpropagation,
        regularisation: the_regularisation,
        early_stopping: the_early_stopping,
    } = train;
    out.table("train");
    out.set("epochs", epochs);
    out.set("batch", batch);
    out.set("shuffle", shuffle);
    out.table("train.optimiser");
    optimiser(out, the_optimiser);
    out.table("train.schedule");
    schedule(out, the_schedule);
    if let Some(the_clip) = the_clip {
        out.table("train.clip");
        clip(out, *the_clip);
    }
    if *the_backpropagation != Backpropagation::default() {
        out.table("train.backpropagation");
        backpropagation(out, *the_backpropagation);
    }
    if *the_regularisation != Regularisation::default() {
        out.table("train.regularisation");
        let is_adamw = matches!(the_optimiser, OptimiserSettings::AdamW(_));
        regularisation(out, the_regularisation, is_adamw);
    }
    if let Some(stopping) = the_early_stopping {
        out.table("train.early_stopping");
        early_stopping(out, stopping);
    }
}

fn optimiser(out: &mut Writer, optimiser: &OptimiserSettings) {
    let kind = match optimiser {
        OptimiserSettings::Sgd(_) => OptimiserKind::Sgd,
        OptimiserSettings::Momentum(_) => OptimiserKind::Momentum,
        OptimiserSettings::AdaGrad(_) => OptimiserKind::AdaGrad,
        OptimiserSettings::RmsProp(_) => OptimiserKind::RmsProp,
        OptimiserSettings::Adam(_) => OptimiserKind::Adam,
        OptimiserSettings::AdamW(_) => OptimiserKind::AdamW,
    };
    out.text("name", word(OPTIMISERS, kind));
    out.number("learning_rate", optimiser.learning_rate());
    match *optimiser {
        OptimiserSettings::Sgd(SgdSettings { learning_rate: _ }) => {}
        OptimiserSettings::Momentum(MomentumSettings {
            learning_rate: _,
            momentum,
            nesterov,
        }) => {
            out.number("momentum", momentum);
            out.set("nesterov", nesterov);
        }
        OptimiserSettings::AdaGrad(AdaGradSettings {
            learning_rate: _,
            initial_accumulator_value,
        }) => out.number("initial_accumulator_value", initial_accumulator_value),
        OptimiserSettings::RmsProp(RmsPropSettings {
            learning_rate: _,
            decay,
            momentum,
            epsilon,
            centered,
            form,
        }) => {
            out.number("decay", decay);
            out.number("momentum", momentum);
            out.number("epsilon", epsilon);
            out.set("centered", centered);
            out.text("form", word(RMS_PROP_FORMS, form));
        }
        OptimiserSettings::Adam(settings) => adam(out, settings),
        OptimiserSettings::AdamW(AdamWSettings {
            adam: settings,
            weight_decay,
        }) => {
            adam(out, settings);
            out.number("weight_decay", weight_decay);
        }
    }
}

fn adam(out: &mut Writer, settings: AdamSettings) {
    let AdamSettings {
        learning_rate: _,
        beta1,
        beta2,
        epsilon,
    } = settings;
    out.number("beta1", beta1);
    out.number("beta2", beta2);
    out.number("epsilon", epsilon);
}

fn schedule(out: &mut Writer, schedule: &Schedule) {
    let kind = match schedule.decay {
        Decay::Constant => ScheduleKind::Constant,
        Decay::Exponential(_) => ScheduleKind::Exponential,
        Decay::InverseTime(_) => ScheduleKind::InverseTime,
        Decay::NaturalExp(_) => ScheduleKind::NaturalExp,
        Decay::Polynomial { .. } => ScheduleKind::Polynomial,
        Decay::Cosine { .. } => ScheduleKind::Cosine,
        Decay::PiecewiseConstant { .. } => ScheduleKind::PiecewiseConstant,
    };
    out.text("kind", word(SCHEDULES, kind));
    if kind != ScheduleKind::Constant {
        out.text("unit", word(SCHEDULE_UNITS, schedule.unit));
    }
    match &schedule.decay {
        Decay::Constant => {}
        Decay::Exponential(rate) | Decay::InverseTime(rate) | Decay::NaturalExp(rate) => {
            let DecayRate {
                decay_steps,
                decay_rate,
                staircase,
                start,
            } = *rate;
            out.set("decay_steps", decay_steps);
            out.number("decay_rate", decay_rate);
            out.set("staircase", staircase);
            out.set("start", start);
        }
        Decay::Polynomial {
            decay_steps,
            end_learning_rate,
            power,
            cycle,
        } => {
            out.set("decay_steps", decay_steps);
            out.number("end_learning_rate", *end_learning_rate);
            out.number("power", *power);
            out.set("cycle", cycle);
        }
        Decay::Cosine { decay_steps, alpha } => {
            out.set("decay_steps", decay_steps);
            out.number("alpha", *alpha);
        }
        Decay::PiecewiseConstant { boundaries, values } => {
            // Rust writes lists of numbers as TOML does.
            out.set("boundaries", format_args!("{boundaries:?}"));
            out.set("values", format_args!("{values:?}"));
        }
    }
}

fn clip(out: &mut Writer, clip: Clip) {
    let (kind, limit) = match clip {
        Clip::Value(limit) => (ClipKind::Value, limit),
        Clip::Norm(limit) => (ClipKind::Norm, limit),
        Clip::GlobalNorm(limit) => (ClipKind::GlobalNorm, limit),
    };
    out.text("by", word(CLIPS, kind));
    out.number("limit", limit);
}

fn backpropagation(out: &mut Writer, backpropagation: Backpropagation) {
    let Backpropagation { window, memory } = backpropagation;
    if let Some(steps) = window {
        out.set("window", steps);
    }
    if let Some(bytes) = memory {
        out.text("memory", &in_bytes(bytes));
    }
}

fn regularisation(out: &mut Writer, regularisation: &Regularisation, is_adamw: bool) {
    let Regularisation {
        l1,
        l2,
        weight_decay,
    } = *regularisation;
    out.number("l1", l1);
    out.number("l2", l2);
    if !is_adamw {
        out.number("weight_decay", weight_decay);
    }
}

fn early_stopping(out: &mut Writer, stopping: &EarlyStopping) {
    let EarlyStopping {
        monitor,
        patience,
        minimum_change,
    } = *stopping;
    out.text("monitor", word(MONITORS, monitor));
    out.set("patience", patience);
    out.number("minimum_change", minimum_change);
}
