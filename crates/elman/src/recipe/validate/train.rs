//! The table `[train]`.

use super::reader::{
    Owners, Section, bytes, choice, list, number, refuse_others, size, table_or, truth, whole,
};
use super::{ABOVE_ZERO, MOST_EPOCHS, MOST_IN_A_BATCH};
use crate::recipe::vocabulary::{
    CLIPS, ClipKind, MONITORS, OPTIMISERS, OptimiserKind, RMS_PROP_FORMS, SCHEDULE_UNITS,
    SCHEDULES, ScheduleKind, TASKS, word,
};
use crate::recipe::{
    AdaGradSettings, AdamSettings, AdamWSettings, Decay, DecayRate, EarlyStopping,
    MomentumSettings, Monitor, OptimiserSettings, RmsPropForm, RmsPropSettings, Schedule,
    ScheduleUnit, SgdSettings, Task, TrainSettings,
};
use crate::train::{Clip, Regularisation};
use crate::unroll::Backpropagation;

const ABOVE_ZERO_TO_ONE: &str = "a number above 0 and at most 1";
const ZERO_TO_BELOW_ONE: &str = "a number from 0 to below 1";
const AT_LEAST_ZERO: &str = "a finite number of at least 0";

const DEFAULT_INITIAL_ACCUMULATOR: f64 = 0.1;
const DEFAULT_RMS_DECAY: f64 = 0.9;
const DEFAULT_RMS_EPSILON: f64 = 1e-10;
const DEFAULT_TORCH_RMS_EPSILON: f64 = 1e-8;
const DEFAULT_END_LEARNING_RATE: f64 = 1e-4;

/// What early stopping can watch.
#[derive(Clone, Copy)]
pub(super) struct Watched {
    /// Are examples held out?
    pub(super) holds_out: bool,
    /// What is learnt, if that is known.
    pub(super) task: Option<Task>,
    /// Is it one text, read from its beginning to its end?
    pub(super) is_text: bool,
}

pub(super) fn train(mut section: Section<'_>, watched: Watched) -> Option<TrainSettings> {
    let epochs = section.required("epochs", size(1..=MOST_EPOCHS));
    let batch = section.required("batch", size(1..=MOST_IN_A_BATCH));
    let shuffle = match watched.is_text {
        false => section.or("shuffle", truth, true),
        true => in_its_own_order(&mut section),
    };
    let optimiser = table_or(
        &mut section,
        "optimiser",
        OptimiserSettings::Adam(AdamSettings::default()),
        optimiser,
    );
    let is_adamw = matches!(optimiser, Some(OptimiserSettings::AdamW(_)));
    let schedule = table_or(&mut section, "schedule", Schedule::default(), schedule);
    let clip = table_or(&mut section, "clip", None, |section| {
        clip(section).map(Some)
    });
    let backpropagation = table_or(
        &mut section,
        "backpropagation",
        Backpropagation::default(),
        backpropagation,
    );
    if watched.is_text && backpropagation.is_some_and(|it| it.window.is_none()) {
        section.problem(format!(
            "{}: this key is missing; set it to the number of steps that a text is read at once",
            section.name("backpropagation.window")
        ));
    }
    let regularisation = table_or(
        &mut section,
        "regularisation",
        Regularisation::default(),
        |section| regularisation(section, is_adamw),
    );
    let early_stopping = table_or(&mut section, "early_stopping", None, |section| {
        early_stopping(section, watched).map(Some)
    });
    section.finish();
    Some(TrainSettings {
        epochs: epochs?,
        batch: batch?,
        shuffle: shuffle?,
        optimiser: optimiser?,
        schedule: schedule?,
        clip: clip?,
        backpropagation: backpropagation?,
        regularisation: regularisation?,
        early_stopping: early_stopping?,
    })
}

/// `shuffle`, of examples that have only one order.
fn in_its_own_order(section: &mut Section<'_>) -> Option<bool> {
    let shuffle = section.or("shuffle", truth, false);
    if shuffle == Some(true) {
        let name = section.name("shuffle");
        section.problem(format!(
            "{name}: a text is read in its own order; set it to `false` or remove it"
        ));
    }
    shuffle
}

const OF_OPTIMISERS: Owners<OptimiserKind> = {
    use OptimiserKind::{AdaGrad, Adam, AdamW, Momentum, RmsProp};
    &[
        ("momentum", &[Momentum, RmsProp]),
        ("nesterov", &[Momentum]),
        ("initial_accumulator_value", &[AdaGrad]),
        ("decay", &[RmsProp]),
        ("centered", &[RmsProp]),
        ("form", &[RmsProp]),
        ("beta1", &[Adam, AdamW]),
        ("beta2", &[Adam, AdamW]),
        ("epsilon", &[RmsProp, Adam, AdamW]),
        ("weight_decay", &[AdamW]),
    ]
};

fn optimiser(mut section: Section<'_>) -> Option<OptimiserSettings> {
    let kind = section.required("name", choice(OPTIMISERS));
    let settings = match kind {
        None => {
            section.leave_unjudged(&["learning_rate"]);
            None
        }
        Some(OptimiserKind::Sgd) => {
            let learning_rate = learning_rate(&mut section);
            learning_rate.map(|learning_rate| SgdSettings { learning_rate }.into())
        }
        Some(OptimiserKind::Momentum) => momentum(&mut section).map(Into::into),
        Some(OptimiserKind::AdaGrad) => adagrad(&mut section).map(Into::into),
        Some(OptimiserKind::RmsProp) => rms_prop(&mut section).map(Into::into),
        Some(OptimiserKind::Adam) => adam(&mut section).map(Into::into),
        Some(OptimiserKind::AdamW) => adam_w(&mut section).map(Into::into),
    };
    let choice = ("optimiser", "name", OPTIMISERS);
    refuse_others(&mut section, OF_OPTIMISERS, kind, choice);
    section.finish();
    settings
}

fn learning_rate(section: &mut Section<'_>) -> Option<f64> {
    section.required("learning_rate", number(ABOVE_ZERO, |value| value > 0.0))
}

/// From 0 to below 1: a part that stays, or that goes.
fn part(value: f64) -> bool {
    (0.0..1.0).contains(&value)
}

fn momentum(section: &mut Section<'_>) -> Option<MomentumSettings> {
    let learning_rate = learning_rate(section);
    let momentum = section.required("momentum", number(ZERO_TO_BELOW_ONE, part));
    let nesterov = section.or("nesterov", truth, false);
    Some(MomentumSettings {
        learning_rate: learning_rate?,
        momentum: momentum?,
        nesterov: nesterov?,
    })
}

fn adagrad(section: &mut Section<'_>) -> Option<AdaGradSettings> {
    let learning_rate = learning_rate(section);
    let initial_accumulator_value = section.or(
        "initial_accumulator_value",
        number(ABOVE_ZERO, |value| value > 0.0),
        DEFAULT_INITIAL_ACCUMULATOR,
    );
    Some(AdaGradSettings {
        learning_rate: learning_rate?,
        initial_accumulator_value: initial_accumulator_value?,
    })
}

fn rms_prop(section: &mut Section<'_>) -> Option<RmsPropSettings> {
    let above_zero = || number(ABOVE_ZERO, |value| value > 0.0);
    let learning_rate = learning_rate(section);
    let decay = section.or("decay", number(ZERO_TO_BELOW_ONE, part), DEFAULT_RMS_DECAY);
    let momentum = section.or("momentum", number(ZERO_TO_BELOW_ONE, part), 0.0);
    let form = section.or("form", choice(RMS_PROP_FORMS), RmsPropForm::default());
    let epsilon = match form {
        Some(RmsPropForm::PyTorch) => DEFAULT_TORCH_RMS_EPSILON,
        _ => DEFAULT_RMS_EPSILON,
    };
    let epsilon = section.or("epsilon", above_zero(), epsilon);
    let centered = section.or("centered", truth, false);
    Some(RmsPropSettings {
        learning_rate: learning_rate?,
        decay: decay?,
        momentum: momentum?,
        epsilon: epsilon?,
        centered: centered?,
        form: form?,
    })
}

fn adam(section: &mut Section<'_>) -> Option<AdamSettings> {
    let default = AdamSettings::default();
    let above_zero = || number(ABOVE_ZERO, |value| value > 0.0);
    let learning_rate = section.or("learning_rate", above_zero(), default.learning_rate);
    let beta1 = section.or("beta1", number(ZERO_TO_BELOW_ONE, part), default.beta1);
    let beta2 = section.or("beta2", number(ZERO_TO_BELOW_ONE, part), default.beta2);
    let epsilon = section.or("epsilon", above_zero(), default.epsilon);
    Some(AdamSettings {
        learning_rate: learning_rate?,
        beta1: beta1?,
        beta2: beta2?,
        epsilon: epsilon?,
    })
}

fn adam_w(section: &mut Section<'_>) -> Option<AdamWSettings> {
    let adam = adam(section);
    let weight_decay = section.required("weight_decay", number(ZERO_TO_BELOW_ONE, part));
    Some(AdamWSettings {
        adam: adam?,
        weight_decay: weight_decay?,
    })
}

const OF_SCHEDULES: Owners<ScheduleKind> = {
    use ScheduleKind::{
        Cosine, Exponential, InverseTime, NaturalExp, PiecewiseConstant, Polynomial,
    };
    &[
        (
            "unit",
            &[
                Exponential,
                InverseTime,
                NaturalExp,
                Polynomial,
                Cosine,
                PiecewiseConstant,
            ],
        ),
        (
            "decay_steps",
            &[Exponential, InverseTime, NaturalExp, Polynomial, Cosine],
        ),
        ("decay_rate", &[Exponential, InverseTime, NaturalExp]),
        ("staircase", &[Exponential, InverseTime, NaturalExp]),
        ("start", &[Exponential, InverseTime, NaturalExp]),
        ("end_learning_rate", &[Polynomial]),
        ("power", &[Polynomial]),
        ("cycle", &[Polynomial]),
        ("alpha", &[Cosine]),
        ("boundaries", &[PiecewiseConstant]),
        ("values", &[PiecewiseConstant]),
    ]
};

/// The most steps of a window: more than any sequence has.
const MOST_WINDOW: u64 = 1_000_000_000;

/// The most steps that a schedule counts: more than any run has.
const MOST_STEPS: u64 = 1_000_000_000_000;

fn schedule(mut section: Section<'_>) -> Option<Schedule> {
    let kind = section.required("kind", choice(SCHEDULES));
    let unit = match kind {
        None | Some(ScheduleKind::Constant) => Some(ScheduleUnit::default()),
        Some(_) => section.or("unit", choice(SCHEDULE_UNITS), ScheduleUnit::default()),
    };
    let decay = kind.and_then(|kind| match kind {
        ScheduleKind::Constant => Some(Decay::Constant),
        ScheduleKind::Exponential => decay_rate(&mut section, true).map(Decay::Exponential),
        ScheduleKind::InverseTime => decay_rate(&mut section, false).map(Decay::InverseTime),
        ScheduleKind::NaturalExp => decay_rate(&mut section, false).map(Decay::NaturalExp),
        ScheduleKind::Polynomial => polynomial(&mut section),
        ScheduleKind::Cosine => cosine(&mut section),
        ScheduleKind::PiecewiseConstant => piecewise_constant(&mut section),
    });
    let choice = ("schedule", "kind", SCHEDULES);
    refuse_others(&mut section, OF_SCHEDULES, kind, choice);
    section.finish();
    Some(Schedule {
        decay: decay?,
        unit: unit?,
    })
}

fn decay_rate(section: &mut Section<'_>, at_most_one: bool) -> Option<DecayRate> {
    let decay_steps = section.required("decay_steps", whole(1..=MOST_STEPS));
    let rule = match at_most_one {
        true => number(ABOVE_ZERO_TO_ONE, |rate| rate > 0.0 && rate <= 1.0),
        false => number(ABOVE_ZERO, |rate| rate > 0.0),
    };
    let decay_rate = section.required("decay_rate", rule);
    let staircase = section.or("staircase", truth, false);
    let start = section.or("start", whole(0..=MOST_STEPS), 0);
    Some(DecayRate {
        decay_steps: decay_steps?,
        decay_rate: decay_rate?,
        staircase: staircase?,
        start: start?,
    })
}

fn polynomial(section: &mut Section<'_>) -> Option<Decay> {
    let decay_steps = section.required("decay_steps", whole(1..=MOST_STEPS));
    let end_learning_rate = section.or(
        "end_learning_rate",
        number(AT_LEAST_ZERO, |rate| rate >= 0.0),
        DEFAULT_END_LEARNING_RATE,
    );
    let power = section.or("power", number(ABOVE_ZERO, |power| power > 0.0), 1.0);
    let cycle = section.or("cycle", truth, false);
    Some(Decay::Polynomial {
        decay_steps: decay_steps?,
        end_learning_rate: end_learning_rate?,
        power: power?,
        cycle: cycle?,
    })
}

fn cosine(section: &mut Section<'_>) -> Option<Decay> {
    let decay_steps = section.required("decay_steps", whole(1..=MOST_STEPS));
    let alpha = number("a number from 0 to 1", |alpha| (0.0..=1.0).contains(&alpha));
    let alpha = section.or("alpha", alpha, 0.0);
    Some(Decay::Cosine {
        decay_steps: decay_steps?,
        alpha: alpha?,
    })
}

fn piecewise_constant(section: &mut Section<'_>) -> Option<Decay> {
    let boundaries = section.required("boundaries", list(whole(0..=MOST_STEPS)));
    let values = section.required("values", list(number(ABOVE_ZERO, |rate| rate > 0.0)));
    let (boundaries, values) = (boundaries?, values?);
    let rising = boundaries.is_sorted_by(|one, next| one < next);
    if !rising {
        let name = section.name("boundaries");
        section.problem(format!("{name}: each must be larger than the one before"));
    }
    let fits = values.len() == boundaries.len() + 1;
    if !fits {
        section.problem(format!(
            "{}: expected {} values, one more than boundaries, found {}",
            section.name("values"),
            boundaries.len() + 1,
            values.len()
        ));
    }
    (rising && fits).then_some(Decay::PiecewiseConstant { boundaries, values })
}

fn clip(mut section: Section<'_>) -> Option<Clip> {
    let kind = section.required("by", choice(CLIPS));
    let limit = section.required("limit", number(ABOVE_ZERO, |limit| limit > 0.0));
    section.finish();
    let limit = limit?;
    Some(match kind? {
        ClipKind::Value => Clip::Value(limit),
        ClipKind::Norm => Clip::Norm(limit),
        ClipKind::GlobalNorm => Clip::GlobalNorm(limit),
    })
}

fn backpropagation(mut section: Section<'_>) -> Option<Backpropagation> {
    let window = section.optional("window", size(1..=MOST_WINDOW));
    let memory = section.optional("memory", bytes);
    section.finish();
    Some(Backpropagation {
        window: window?,
        memory: memory?,
    })
}

fn regularisation(mut section: Section<'_>, is_adamw: bool) -> Option<Regularisation> {
    let factor = || number(AT_LEAST_ZERO, |factor| factor >= 0.0);
    let l1 = section.or("l1", factor(), 0.0);
    let l2 = section.or("l2", factor(), 0.0);
    let weight_decay = if is_adamw {
        section.inapplicable(
            "weight_decay",
            "the optimiser is `adamw`, which has its own; remove this key or change \
             `train.optimiser.weight_decay`",
        );
        Some(0.0)
    } else {
        section.or("weight_decay", number(ZERO_TO_BELOW_ONE, part), 0.0)
    };
    section.finish();
    Some(Regularisation {
        l1: l1?,
        l2: l2?,
        weight_decay: weight_decay?,
    })
}

fn early_stopping(mut section: Section<'_>, watched: Watched) -> Option<EarlyStopping> {
    let monitor = section.required("monitor", choice(MONITORS));
    let patience = section.required("patience", size(1..=MOST_EPOCHS));
    let change = number(AT_LEAST_ZERO, |change| change >= 0.0);
    let minimum_change = section.or("minimum_change", change, 0.0);
    if let Some(monitor) = monitor {
        let (name, is) = (section.name("monitor"), word(MONITORS, monitor));
        if monitor.needs_validation() && !watched.holds_out {
            section.problem(format!(
                "{name}: `{is}` needs held-out examples and there are none; hold some out \
                 (`data.hold_out`, `data.valid` or `forecast.valid`) or watch `train_loss`"
            ));
        } else if let (Monitor::ValidAccuracy, Some(task)) = (monitor, watched.task)
            && task != Task::Classifier
        {
            section.problem(format!(
                "{name}: `{is}` is of classifiers, the task is `{}`; \
                 watch `valid_loss` or `train_loss`",
                word(TASKS, task)
            ));
        }
    }
    section.finish();
    Some(EarlyStopping {
        monitor: monitor?,
        patience: patience?,
        minimum_change: minimum_change?,
    })
}
