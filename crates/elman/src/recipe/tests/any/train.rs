//! Any table `[train]`.

use proptest::prelude::*;

use crate::recipe::vocabulary::{MONITORS, RMS_PROP_FORMS, SCHEDULE_UNITS};
use crate::recipe::*;
use crate::train::{Clip, Regularisation};
use crate::unroll::Backpropagation;

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let rate = || {
        (1_u64..50, 1e-9..=1.0_f64, any::<bool>(), 0_u64..50).prop_map(
            |(decay_steps, decay_rate, staircase, start)| DecayRate {
                decay_steps,
                decay_rate,
                staircase,
                start,
            },
        )
    };
    let polynomial = (1_u64..50, 0.0..1.0_f64, 0.1..3.0_f64, any::<bool>()).prop_map(
        |(decay_steps, end_learning_rate, power, cycle)| Decay::Polynomial {
            decay_steps,
            end_learning_rate,
            power,
            cycle,
        },
    );
    let piecewise = (prop::collection::btree_set(0_u64..99, 0..5), 1e-9..9.0_f64).prop_map(
        |(boundaries, value)| Decay::PiecewiseConstant {
            values: vec![value; boundaries.len() + 1],
            boundaries: boundaries.into_iter().collect(),
        },
    );
    let decay = prop_oneof![
        rate().prop_map(Decay::Exponential),
        rate().prop_map(Decay::InverseTime),
        rate().prop_map(Decay::NaturalExp),
        polynomial,
        piecewise,
        (1_u64..50, 0.0..=1.0_f64)
            .prop_map(|(decay_steps, alpha)| Decay::Cosine { decay_steps, alpha }),
    ];
    let scheduled = (decay, prop::sample::select(SCHEDULE_UNITS))
        .prop_map(|(decay, (_, unit))| Schedule { decay, unit });
    prop_oneof![Just(Schedule::default()), scheduled]
}

fn any_optimiser() -> impl Strategy<Value = OptimiserSettings> {
    let rate = || 1e-12..10.0_f64;
    let part = || 0.0..1.0_f64;
    let adam = (rate(), part(), part(), rate())
        .prop_map(|(learning_rate, beta1, beta2, epsilon)| AdamSettings {
            learning_rate,
            beta1,
            beta2,
            epsilon,
        })
        .boxed();
    prop_oneof![
        rate().prop_map(|learning_rate| SgdSettings { learning_rate }.into()),
        (rate(), part(), any::<bool>()).prop_map(|(learning_rate, momentum, nesterov)| {
            let settings = MomentumSettings {
                learning_rate,
                momentum,
                nesterov,
            };
            settings.into()
        }),
        (rate(), rate()).prop_map(|(learning_rate, initial_accumulator_value)| {
            let settings = AdaGradSettings {
                learning_rate,
                initial_accumulator_value,
            };
            settings.into()
        }),
        (
            rate(),
            part(),
            part(),
            rate(),
            any::<bool>(),
            prop::sample::select(RMS_PROP_FORMS)
        )
            .prop_map(
                |(learning_rate, decay, momentum, epsilon, centered, (_, form))| {
                    let settings = RmsPropSettings {
                        learning_rate,
                        decay,
                        momentum,
                        epsilon,
                        centered,
                        form,
                    };
                    settings.into()
                }
            ),
        adam.clone().prop_map(OptimiserSettings::Adam),
        (adam, part()).prop_map(|(adam, weight_decay)| AdamWSettings { adam, weight_decay }.into()),
    ]
}

fn any_clip() -> impl Strategy<Value = Option<Clip>> {
    let kinds = [Clip::Value, Clip::Norm, Clip::GlobalNorm];
    let clip = (1e-9..1e9_f64, 0..kinds.len()).prop_map(move |(limit, kind)| kinds[kind](limit));
    prop::option::of(clip)
}

pub(super) fn any_train() -> impl Strategy<Value = TrainSettings> {
    let penalties = (0.0..1.0_f64, 0.0..1.0_f64, 0.0..1.0_f64);
    let stopping = (prop::sample::select(MONITORS), 1_usize..100, 0.0..1.0_f64).prop_map(
        |((_, monitor), patience, minimum_change)| EarlyStopping {
            monitor,
            patience,
            minimum_change,
        },
    );
    (
        (1_usize..1000, 1_usize..1000, any::<bool>()),
        any_optimiser(),
        any_schedule(),
        any_clip(),
        penalties,
        (
            prop::option::of(1_usize..99),
            prop::option::of(1_u64..1 << 40),
        ),
        prop::option::of(stopping),
    )
        .prop_map(
            |(
                (epochs, batch, shuffle),
                optimiser,
                schedule,
                clip,
                penalties,
                back,
                early_stopping,
            )| {
                let (l1, l2, decay) = penalties;
                let (window, memory) = back;
                let is_adamw = matches!(optimiser, OptimiserSettings::AdamW(_));
                TrainSettings {
                    epochs,
                    batch,
                    shuffle,
                    optimiser,
                    schedule,
                    clip,
                    backpropagation: Backpropagation { window, memory },
                    regularisation: Regularisation {
                        l1,
                        l2,
                        weight_decay: if is_adamw { 0.0 } else { decay },
                    },
                    early_stopping,
                }
            },
        )
}
