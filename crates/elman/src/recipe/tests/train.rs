//! The table `[train]`.

use super::super::validate::in_bytes;
use super::super::*;
use super::{problem, with};
use crate::train::Clip;
use crate::unroll::Backpropagation;

#[test]
fn keys_of_another_optimiser_or_schedule_are_refused() {
    let optimiser = |texts: &[&str]| {
        let mut all = vec![
            "train.optimiser.name=sgd",
            "train.optimiser.learning_rate=1",
        ];
        all.extend(texts);
        problem(&all)
    };
    insta::assert_snapshot!(optimiser(&["train.optimiser.beta1=0.5"]), @r#"train.optimiser.beta1 (--set): the optimiser is `sgd`, only `adam` or `adamw` has this key; remove it or change `train.optimiser.name`"#);
    insta::assert_snapshot!(optimiser(&["train.optimiser.name=adamw"]), @r#"train.optimiser.weight_decay: this key is missing; set it to a number from 0 to below 1"#);
    insta::assert_snapshot!(optimiser(&["train.optimiser.name=momentun"]), @r#"train.optimiser.name (--set): expected `sgd`, `momentum`, `adagrad`, `rmsprop`, `adam` or `adamw`, found the string "momentun"; did you mean `momentum`?"#);
    let adamw = [
        "train.optimiser.name=adamw",
        "train.optimiser.weight_decay=0.1",
        "train.regularisation.weight_decay=0.1",
    ];
    insta::assert_snapshot!(problem(&adamw), @r#"train.regularisation.weight_decay (--set): the optimiser is `adamw`, which has its own; remove this key or change `train.optimiser.weight_decay`"#);
    let piecewise = |boundaries: &str, values: &str| {
        let boundaries = format!("train.schedule.boundaries={boundaries}");
        let values = format!("train.schedule.values={values}");
        problem(&[
            "train.schedule.kind=piecewise_constant",
            &boundaries,
            &values,
        ])
    };
    insta::assert_snapshot!(piecewise("[3, 2]", "[1, 2, 3]"), @r#"train.schedule.boundaries: each must be larger than the one before"#);
    insta::assert_snapshot!(piecewise("[2, 3]", "[1, 2]"), @r#"train.schedule.values: expected 3 values, one more than boundaries, found 2"#);
    insta::assert_snapshot!(piecewise("[2, 3]", "[1, 0.5, -1]"), @r#"train.schedule.values (--set): expected a list, each a finite number above 0, found a list of 3; place 3 of it is -1"#);
    insta::assert_snapshot!(piecewise("7", "[1, 0.5]"), @r#"train.schedule.boundaries (--set): expected a list, each a whole number from 0 to 1000000000000, found 7"#);
    insta::assert_snapshot!(problem(&["train.schedule.kind=constant", "train.schedule.unit=step"]), @"train.schedule.unit (--set): the schedule is `constant`, only `exponential`, `inverse_time`, `natural_exp`, `polynomial`, `cosine` or `piecewise_constant` has this key; remove it or change `train.schedule.kind`");
}

#[test]
fn memory_has_a_unit() {
    for (text, bytes) in [("7B", 7), ("3 KiB", 3 << 10), ("2GiB", 2 << 30)] {
        let found = with(&[&format!("train.backpropagation.memory={text}")]);
        assert_eq!(found.train.backpropagation.memory, Some(bytes));
    }
    for text in ["512", "0MiB", "-1MiB", "1.5GiB", "9MB", "99999999999GiB"] {
        let problem = problem(&[&format!("train.backpropagation.memory={text}")]);
        assert!(
            problem.contains("(--set): expected a whole number of B, KiB, MiB"),
            "{problem}"
        );
    }
    assert_eq!(in_bytes(512 << 20), "512MiB");
    assert_eq!(in_bytes((1 << 30) + 1024), "1048577KiB");
}

#[test]
fn every_setting_of_training_can_be_set() {
    let set = |texts: &[&str]| with(texts).train;
    let momentum = set(&[
        "train.optimiser.name=momentum",
        "train.optimiser.learning_rate=0.02",
        "train.optimiser.momentum=0.95",
        "train.optimiser.nesterov=true",
        "train.clip.by=global_norm",
        "train.clip.limit=5",
        "train.regularisation.l2=0.25",
        "train.backpropagation.window=20",
        "train.backpropagation.memory=512MiB",
    ]);
    let expected = Backpropagation {
        window: Some(20),
        memory: Some(512 << 20),
    };
    assert_eq!(momentum.backpropagation, expected);
    let expected = MomentumSettings {
        learning_rate: 0.02,
        momentum: 0.95,
        nesterov: true,
    };
    assert_eq!(momentum.optimiser, OptimiserSettings::Momentum(expected));
    assert_eq!(momentum.clip, Some(Clip::GlobalNorm(5.0)));
    assert_eq!(momentum.regularisation.l2, 0.25);
    let rms = set(&[
        "train.optimiser.name=rmsprop",
        "train.optimiser.learning_rate=0.5",
    ]);
    let expected = RmsPropSettings {
        learning_rate: 0.5,
        decay: 0.9,
        momentum: 0.0,
        epsilon: 1e-10,
        centered: false,
        form: RmsPropForm::TensorFlow,
    };
    assert_eq!(rms.optimiser, OptimiserSettings::RmsProp(expected));
    let adagrad = set(&[
        "train.optimiser.name=adagrad",
        "train.optimiser.learning_rate=0.5",
    ]);
    let expected = AdaGradSettings {
        learning_rate: 0.5,
        initial_accumulator_value: 0.1,
    };
    assert_eq!(adagrad.optimiser, OptimiserSettings::AdaGrad(expected));
    let schedule = set(&[
        "train.schedule.kind=piecewise_constant",
        "train.schedule.unit=epoch",
        "train.schedule.boundaries=[1, 10]",
        "train.schedule.values=[1, 0.5, 0.25]",
    ]);
    let expected = Schedule {
        decay: Decay::PiecewiseConstant {
            boundaries: vec![1, 10],
            values: vec![1.0, 0.5, 0.25],
        },
        unit: ScheduleUnit::Epoch,
    };
    assert_eq!(schedule.schedule, expected);
}

#[test]
fn a_schedule_counts_steps_or_epochs() {
    let rate = DecayRate {
        decay_steps: 2,
        decay_rate: 0.25,
        staircase: true,
        start: 0,
    };
    let rates = |unit| {
        let schedule = Schedule {
            decay: Decay::Exponential(rate),
            unit,
        };
        [(0, 0), (0, 3), (1, 4), (2, 9)]
            .map(|(epoch, step)| schedule.learning_rate(8.0, epoch, step))
    };
    assert_eq!(
        rates(ScheduleUnit::Step),
        [8.0, 2.0, 0.5, 8.0 * 0.25_f64.powi(4)]
    );
    assert_eq!(rates(ScheduleUnit::Epoch), [8.0, 8.0, 8.0, 2.0]);
    assert_eq!(Schedule::default().learning_rate(8.0, 5, 500), 8.0);
}

#[test]
fn a_decay_may_begin_later() {
    // char-rnn's: 3 % an epoch after the tenth.
    let schedule = Schedule {
        decay: Decay::Exponential(DecayRate {
            decay_steps: 1,
            decay_rate: 0.5,
            staircase: false,
            start: 9,
        }),
        unit: ScheduleUnit::Epoch,
    };
    let rates = [0, 9, 10, 12].map(|epoch| schedule.learning_rate(8.0, epoch, 0));
    assert_eq!(rates, [8.0, 8.0, 4.0, 1.0]);
}
