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
        1_usize..1000,
        1_usize..1000,
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
            |(epochs, batch, optimiser, schedule, clip, penalties, back, early_stopping)| {
                let (l1, l2, decay) = penalties;
                let (window, memory) = back;
                let is_adamw = matches!(optimiser, OptimiserSettings::AdamW(_));
                TrainSettings {
                    epochs,
                    batch,
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

fn any_setting() -> impl Strategy<Value = Setting> {
    prop_oneof![
        "\\PC{0,9}".prop_map(Setting::Text),
        any::<i64>().prop_map(Setting::Whole),
        (-1e9..1e9_f64).prop_map(Setting::Number),
        any::<bool>().prop_map(Setting::Truth),
    ]
}

fn any_range() -> impl Strategy<Value = Range> {
    let ends = || (1e-9..1.0_f64, 1.0..1e9_f64).prop_map(|(low, high)| [low, high]);
    let integers = (-(1_i64 << 53)..0, 0..1_i64 << 53).prop_map(|(low, high)| [low, high]);
    let choices = prop::collection::vec(any_setting(), 2..5)
        .prop_filter("different values", |values| {
            (1..values.len()).all(|at| !values[..at].contains(&values[at]))
        });
    prop_oneof![
        ends().prop_map(Range::Log),
        ends().prop_map(Range::Linear),
        integers.prop_map(Range::Integer),
        choices.prop_map(Range::Choice),
    ]
}

/// A search of some keys, the last of which may depend on a choice.
fn any_tune() -> impl Strategy<Value = TuneSettings> {
    let search =
        prop::collection::btree_map("x[a-z_0-9-]{0,5}(\\.[a-z]{1,5}){0,2}", any_range(), 1..4);
    let halving = (2_usize..9, 1_usize..9)
        .prop_map(|(eta, first_epochs)| HalvingSettings { eta, first_epochs });
    (
        (2_usize..=9_999, any::<u64>(), any::<bool>()),
        prop::option::of(halving),
        search,
        any::<bool>(),
    )
        .prop_map(|((trials, seed, by_loss), halving, ranges, conditional)| {
            let conditions: Vec<Condition> = ranges
                .iter()
                .filter_map(|(key, range)| match range {
                    Range::Choice(values) if conditional => Some(Condition {
                        key: key.clone(),
                        values: values[1..].to_vec(),
                    }),
                    _ => None,
                })
                .take(1)
                .collect();
            let searched = |(key, range): (String, Range)| {
                let mut when = conditions.clone();
                when.retain(|condition| condition.key != key);
                if matches!(range, Range::Choice(_)) {
                    when.clear();
                }
                (key, Searched { range, when })
            };
            TuneSettings {
                trials,
                seed: Seed::new(seed),
                metric: if by_loss {
                    Monitor::ValidLoss
                } else {
                    Monitor::ValidAccuracy
                },
                halving,
                search: ranges.into_iter().map(searched).collect(),
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_recipe_comes_back_as_it_went(
        title in "[^ \t\r\n]\\PC*",
        seed in any::<u64>(),
        folder in "[^ \t\r\n]\\PC*",
        sizes in (2_usize..=256, 1_usize..10_000, 1_usize..=16_384),
        layers in 1_usize..4,
        readout in prop::sample::select(READOUTS),
        activation in prop::sample::select(ACTIVATIONS),
        cell in any_cell(),
        train in any_train(),
        tune in prop::option::of(any_tune()),
    ) {
        let (classes, hold_out, units) = sizes;
        let tune = tune.map(|mut tune: TuneSettings| {
            if let Some(halving) = &mut tune.halving {
                halving.first_epochs = halving.first_epochs.min(train.epochs);
            }
            tune
        });
        prop_assume!(!title.trim().is_empty() && !folder.trim().is_empty());
        let recipe = Recipe {
            title,
            task: Task::Classifier,
            seed: Seed::new(seed),
            data: DataSettings { format: DataFormat::Idx, folder, classes, hold_out },
            model: ModelSettings {
                layers: vec![LayerSettings { cell, units, activation: activation.1 }; layers],
                readout: readout.1,
            },
            train,
            tune,
        };
        let again = Recipe::from_toml("again", &recipe.to_toml(), &[]);
        prop_assert_eq!(again.expect("sound"), recipe);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\PC|\n|[=\\[\\]\".]){0,80}") {
        let _ = Recipe::from_toml("any", &text, &[]);
    }
}
