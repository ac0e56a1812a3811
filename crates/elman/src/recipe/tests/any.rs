//! Any recipe comes back as it went, and no text makes the reader panic.

use proptest::prelude::*;

use super::super::vocabulary::{ACTIVATIONS, MONITORS, READOUTS, RESET_GATES, SCHEDULE_UNITS};
use super::super::*;
use crate::random::Seed;
use crate::train::{Clip, Regularisation};
use crate::unroll::Backpropagation;

fn any_cell() -> impl Strategy<Value = CellSettings> {
    let clip = || prop::option::of(1e-3..1e3_f64);
    let lstm = (
        -3.0..3.0_f64,
        any::<bool>(),
        clip(),
        prop::option::of(1_usize..500),
        clip(),
    );
    prop_oneof![
        Just(CellSettings::Basic),
        lstm.prop_map(|(forget_bias, peepholes, cell_clip, num_proj, proj_clip)| {
            CellSettings::Lstm {
                forget_bias,
                peepholes,
                cell_clip,
                num_proj,
                proj_clip: num_proj.and(proj_clip),
            }
        }),
        prop::sample::select(RESET_GATES)
            .prop_map(|(_, reset_gate)| CellSettings::Gru { reset_gate }),
    ]
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let rate = || {
        (1_u64..50, 1e-9..=1.0_f64, any::<bool>()).prop_map(
            |(decay_steps, decay_rate, staircase)| DecayRate {
                decay_steps,
                decay_rate,
                staircase,
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
        (rate(), part(), part(), rate(), any::<bool>()).prop_map(
            |(learning_rate, decay, momentum, epsilon, centered)| {
                let settings = RmsPropSettings {
                    learning_rate,
                    decay,
                    momentum,
                    epsilon,
                    centered,
                };
                settings.into()
            }
        ),
        adam.clone().prop_map(OptimiserSettings::Adam),
        (adam, part()).prop_map(|(adam, weight_decay)| AdamWSettings { adam, weight_decay }.into()),
    ]
}

/// Examples of any format, and a task and an output that go with them.
fn any_data() -> impl Strategy<Value = (DataSettings, Task, Output)> {
    let counts = || (1_usize..9_999, 0_usize..9_999, 1_usize..9_999);
    let idx = ("[^ \t\r\n]\\PC*", 2_usize..=256, 0_usize..10_000)
        .prop_filter("a folder has a name", |(folder, ..)| {
            !folder.trim().is_empty()
        })
        .prop_map(|(folder, classes, hold_out)| {
            let idx = IdxSettings {
                folder,
                classes,
                hold_out,
            };
            (DataSettings::Idx(idx), Task::Classifier, Output::Softmax)
        });
    let reber = (any::<u32>(), counts(), any::<bool>()).prop_map(
        |(numpy_seed, (train, valid, test), sigmoid)| {
            let reber = ReberSettings {
                numpy_seed,
                train,
                valid,
                test,
            };
            let output = if sigmoid {
                Output::Sigmoid
            } else {
                Output::Softmax
            };
            (DataSettings::Reber(reber), Task::Classifier, output)
        },
    );
    let adding = (2_usize..1_000, counts()).prop_map(|(time, (train, valid, test))| {
        let adding = AddingSettings {
            time,
            train,
            valid,
            test,
        };
        (
            DataSettings::Adding(adding),
            Task::Regressor,
            Output::Linear,
        )
    });
    prop_oneof![idx, reber, adding]
}

fn any_clip() -> impl Strategy<Value = Option<Clip>> {
    let kinds = [Clip::Value, Clip::Norm, Clip::GlobalNorm];
    let clip = (1e-9..1e9_f64, 0..kinds.len()).prop_map(move |(limit, kind)| kinds[kind](limit));
    prop::option::of(clip)
}

fn any_train() -> impl Strategy<Value = TrainSettings> {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_recipe_comes_back_as_it_went(
        title in "[^ \t\r\n]\\PC*",
        seed in any::<u64>(),
        (data, task, output) in any_data(),
        units in 1_usize..=16_384,
        operations in prop::option::of(prop::collection::vec(0_u64..1_000_000_000, 0..4)),
        layers in 1_usize..4,
        readout in prop::sample::select(READOUTS),
        activation in prop::sample::select(ACTIVATIONS),
        cell in any_cell(),
        train in any_train(),
    ) {
        prop_assume!(!title.trim().is_empty());
        let mut train = train;
        if !data.holds_out() || task == Task::Regressor {
            train.early_stopping = None;
        }
        let recipe = Recipe {
            title,
            task,
            seed: Seed::new(seed),
            data,
            model: ModelSettings {
                layers: vec![LayerSettings { cell, units, activation: activation.1 }; layers],
                readout: readout.1,
                output,
                tensorflow_operations: operations,
            },
            train,
        };
        let again = Recipe::from_toml("again", &recipe.to_toml(), &[]);
        prop_assert_eq!(again.expect("sound"), recipe);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\PC|\n|[=\\[\\]\".]){0,80}") {
        let _ = Recipe::from_toml("any", &text, &[]);
    }
}
