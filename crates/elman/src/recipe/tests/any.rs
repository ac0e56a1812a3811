//! Any recipe comes back as it went, and no text makes the reader panic.

use proptest::prelude::*;

use super::super::vocabulary::{
    ACTIVATIONS, CALENDAR, CANDIDATES, DROPPED_STATES, ENCODINGS, LEVELS, MASKS, MISSING, MONITORS,
    NORMALISATIONS, POINT_LOSSES, READOUTS, RESET_GATES, RMS_PROP_FORMS, SCALINGS, SCHEDULE_UNITS,
    SKIPS,
};
use super::super::*;
use crate::data::series::{FREQUENCIES, SeriesFile};
use crate::device::DeviceName;
use crate::initializer::Initializer;
use crate::random::Seed;
use crate::train::{Clip, Regularisation};
use crate::unroll::Backpropagation;

fn any_cell() -> impl Strategy<Value = CellSettings> {
    let clip = || prop::option::of(1e-3..1e3_f64);
    let size = || prop::option::of(1_usize..500);
    let bias = || -3.0..3.0_f64;
    let normed = (bias(), prop::sample::select(NORMALISATIONS), bias(), bias());
    let coupled = (bias(), any::<bool>(), any::<bool>(), size(), clip());
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
        normed.prop_map(|(forget_bias, (_, normalisation), norm_gain, norm_shift)| {
            CellSettings::LayerNormLstm {
                forget_bias,
                normalisation,
                norm_gain,
                norm_shift,
            }
        }),
        coupled.prop_map(
            |(forget_bias, peepholes, layer_norm, num_proj, proj_clip)| {
                CellSettings::CoupledLstm {
                    forget_bias,
                    peepholes,
                    layer_norm,
                    num_proj,
                    proj_clip: num_proj.and(proj_clip),
                }
            }
        ),
        (any::<bool>(), size())
            .prop_map(|(use_bias, num_proj)| CellSettings::Nas { use_bias, num_proj }),
        bias().prop_map(|forget_bias| CellSettings::Ugrnn { forget_bias }),
        Just(CellSettings::IndRnn),
        Just(CellSettings::Sru),
        prop::sample::select(CANDIDATES)
            .prop_map(|(_, candidate)| CellSettings::MinGru { candidate }),
        (prop::sample::select(CANDIDATES), bias()).prop_map(|((_, candidate), forget_bias)| {
            CellSettings::MinLstm {
                candidate,
                forget_bias,
            }
        }),
    ]
}

fn any_initializer() -> impl Strategy<Value = Initializer> {
    let above_zero = || 1e-9..1e9_f64;
    prop_oneof![
        Just(Initializer::GlorotUniform),
        Just(Initializer::GlorotNormal),
        Just(Initializer::HeUniform),
        Just(Initializer::HeNormal),
        Just(Initializer::LecunUniform),
        Just(Initializer::LecunNormal),
        above_zero().prop_map(|gain| Initializer::Orthogonal { gain }),
        above_zero().prop_map(|gain| Initializer::Identity { gain }),
        (-1e9..0.0_f64, above_zero()).prop_map(|(low, high)| Initializer::Uniform { low, high }),
        above_zero().prop_map(|deviation| Initializer::Normal { deviation }),
        above_zero().prop_map(|deviation| Initializer::TruncatedNormal { deviation }),
        any_number().prop_map(Initializer::Constant),
    ]
}

fn any_number() -> impl Strategy<Value = f64> {
    prop::num::f64::NORMAL | prop::num::f64::ZERO
}

fn any_dropout() -> impl Strategy<Value = DropoutSettings> {
    let keep = || 1e-9..=1.0_f64;
    let words = (
        prop::sample::select(MASKS),
        prop::sample::select(DROPPED_STATES),
    );
    (keep(), keep(), keep(), words).prop_map(
        |(input_keep, output_keep, state_keep, ((_, masks), (_, state)))| DropoutSettings {
            input_keep,
            output_keep,
            state_keep,
            masks,
            state,
        },
    )
}

/// A layer on its own, with anything around it; with a skip connection it shows `width` features.
fn any_layer(width: usize) -> impl Strategy<Value = LayerSettings> {
    let cell = (
        any_cell(),
        1_usize..=16_384,
        prop::sample::select(ACTIVATIONS),
    );
    let filled = (
        prop::option::of(any_initializer()),
        prop::option::of(any_initializer()),
    );
    let zoneout = prop::option::of((0.0..=1.0_f64, 0.0..=1.0_f64));
    let size = || prop::option::of(1_usize..500);
    let around = (size(), size(), prop::option::of(any_dropout()));
    let rest = (
        prop::sample::select(SKIPS),
        prop::option::of(Just(DeviceName::Cpu)),
        any::<bool>(),
    );
    (cell, filled, zoneout, around, rest).prop_map(
        move |((cell, units, (_, activation)), filled, zoneout, around, rest)| {
            let ((_, skip), device, batch_norm) = rest;
            let mut layer = LayerSettings::new(cell, units);
            let is_matrix = |it: &Initializer| {
                matches!(
                    it,
                    Initializer::Orthogonal { .. } | Initializer::Identity { .. }
                )
            };
            let has_peepholes = matches!(
                cell,
                CellSettings::Lstm {
                    peepholes: true,
                    ..
                } | CellSettings::CoupledLstm {
                    peepholes: true,
                    ..
                }
            );
            use CellSettings::{IndRnn, MinGru, MinLstm, Nas, Sru};
            if !matches!(cell, Nas { .. } | MinGru { .. } | MinLstm { .. }) {
                layer.activation = activation;
            }
            layer.initializer = filled.0.filter(|it| !has_peepholes || !is_matrix(it));
            layer.recurrent_initializer = filled.1.filter(|it| match cell {
                Nas { .. } | MinGru { .. } | MinLstm { .. } | Sru => false,
                IndRnn => !is_matrix(it),
                _ => true,
            });
            let has_c = matches!(
                cell,
                CellSettings::Lstm { .. }
                    | CellSettings::LayerNormLstm { .. }
                    | CellSettings::CoupledLstm { .. }
                    | Nas { .. }
                    | Sru
            );
            layer.batch_norm = batch_norm
                && matches!(
                    cell,
                    CellSettings::Basic | CellSettings::Lstm { .. } | CellSettings::Gru { .. }
                );
            layer.zoneout = zoneout.map(|(hidden, of_cell)| ZoneoutSettings {
                hidden: if cell == Sru { 0.0 } else { hidden },
                cell: if has_c { of_cell } else { 0.0 },
            });
            (layer.input_projection, layer.output_projection) = (around.0, around.1);
            layer.dropout = around.2;
            if let (Sru, Some(dropout)) = (cell, &mut layer.dropout) {
                dropout.state = DroppedState::All;
            }
            layer.skip = skip;
            if skip != Skip::None {
                layer.output_projection = Some(width);
            }
            layer.device = device;
            layer
        },
    )
}

fn any_model() -> impl Strategy<Value = ModelSettings> {
    let same = (any_layer(500), 1_usize..4).prop_map(|(layer, count)| vec![layer; count]);
    let layers = prop_oneof![same, prop::collection::vec(any_layer(500), 1..4)];
    let rest = (prop::sample::select(READOUTS), any::<bool>());
    (layers, rest)
        .prop_map(|(layers, ((_, readout), bidirectional))| ModelSettings {
            layers,
            readout,
            bidirectional,
            output: Output::Softmax,
            tensorflow_operations: None,
            chrono_steps: None,
            embedding: None,
            softmax: None,
        })
        .prop_filter("skip connections fit", |model| {
            model.sizes(None).iter().all(Result::is_ok)
        })
}

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
    let names = prop::collection::btree_set("[a-z0-9 ]{1,5}[a-z]", 2..9);
    let ts = ("[a-z/]{1,9}", "[A-Za-z]{1,9}", names, 0_usize..1_000).prop_map(
        |(folder, name, classes, hold_out)| {
            let ts = TsSettings {
                folder,
                name,
                classes: classes.into_iter().collect(),
                hold_out,
            };
            (DataSettings::Ts(ts), Task::Classifier, Output::Softmax)
        },
    );
    let table = (
        prop::collection::vec("[a-z/.]{1,9}", 1..3),
        prop::option::of((0.0..0.4_f64, 0.01..0.4_f64)),
        prop::option::of("[a-z]{9}"),
        prop::collection::btree_set("[a-z]{10}", 0..3),
        (any::<bool>(), any::<bool>()),
    );
    let table = table.prop_map(
        |(files, shares, time, features, (decimal_comma, numbers))| {
            let table = SequenceTableSettings {
                held_out: match shares {
                    Some((valid, test)) => HeldOutParts::Shares { valid, test },
                    None => HeldOutParts::Files {
                        valid: files.clone(),
                        test: files.clone(),
                    },
                },
                files,
                id: "who".to_owned(),
                label: "what".to_owned(),
                time,
                features: features.into_iter().collect(),
                classes: match numbers {
                    true => Vec::new(),
                    false => vec!["one".to_owned(), "two".to_owned()],
                },
                decimal_comma,
            };
            let (task, output) = match numbers {
                true => (Task::Regressor, Output::Linear),
                false => (Task::Classifier, Output::Softmax),
            };
            (DataSettings::SequenceTable(table), task, output)
        },
    );
    let name = || "[a-zé%/_.\"\\\\-]{1,9}";
    let some = || prop::option::of(name());
    let list = || prop::collection::vec(name(), 0..3);
    let texts = (name(), some(), some(), some(), some());
    let lists = (list(), list(), list(), list());
    let words = (
        prop::option::of(prop::sample::select(&FREQUENCIES[..])),
        prop::option::of(1_usize..1_000),
        prop::sample::select(MISSING),
    );
    let series = (texts, lists, words, some(), any::<bool>(), any::<bool>());
    let series = series.prop_map(|(texts, lists, words, start, together, decimal_comma)| {
        let (file, time, time_format, time_zone, id) = texts;
        let (target, covariates, past_covariates, statics) = lists;
        let (frequency, season, (_, missing)) = words;
        let file = SeriesFile {
            file,
            time,
            time_format,
            time_zone,
            id,
            target,
            together,
            covariates,
            past_covariates,
            statics,
            frequency: frequency.map(|(_, frequency)| frequency),
            start,
            season,
            missing,
            decimal_comma,
        };
        (
            DataSettings::Series(Box::new(file)),
            Task::Forecaster,
            Output::Linear,
        )
    });
    prop_oneof![idx, reber, adding, ts, table, series]
}

/// Settings of a direct forecaster with any head.
fn any_forecast() -> impl Strategy<Value = ForecastSettings> {
    let steps = || prop::option::of(1_usize..1_000);
    let head = prop_oneof![
        prop::sample::select(POINT_LOSSES).prop_map(|(_, loss)| Head::Linear { loss }),
        (0.001..0.5_f64, 0.501..0.999_f64).prop_map(|(low, high)| Head::Quantiles {
            levels: vec![low, 0.5, high],
        }),
        Just(Head::Gaussian),
        Just(Head::StudentT),
    ];
    // A difference is summed up, which not every head can bear.
    let scaling = prop::sample::select(&SCALINGS[..7]).prop_map(|(_, scaling)| scaling);
    let lists = (
        prop::collection::vec(scaling, 0..4),
        prop::collection::vec(prop::sample::select(CALENDAR), 0..3),
        prop::sample::select(ENCODINGS),
        prop::sample::select(LEVELS),
    );
    let counts = (0_usize..100, 1_usize..=100, 1_usize..1_000);
    (
        steps(),
        steps(),
        steps(),
        head,
        lists,
        counts,
        any::<bool>(),
    )
        .prop_map(
            |(window, horizon, test, head, lists, (valid, ensemble, samples), smoothing)| {
                let (scaling, calendar, (_, encoding), (_, level)) = lists;
                ForecastSettings {
                    window,
                    horizon,
                    method: Method::Direct,
                    head,
                    scaling,
                    level: if smoothing { Level::None } else { level },
                    calendar: calendar.into_iter().map(|(_, feature)| feature).collect(),
                    encoding,
                    valid,
                    test,
                    ensemble,
                    samples,
                    smoothing,
                }
            },
        )
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
        (data, task, output) in any_data(),
        chrono in prop::option::of(3_usize..1_000_000),
        operations in prop::option::of(prop::collection::vec(0_u64..1_000_000_000, 0..4)),
        forecast in any_forecast(),
        model in any_model(),
        train in any_train(),
        tune in prop::option::of(any_tune()),
    ) {
        prop_assume!(!title.trim().is_empty());
        let mut train = train;
        if !data.holds_out() || task == Task::Regressor {
            train.early_stopping = None;
        }
        let holds_out = match task {
            Task::Forecaster => forecast.valid > 0,
            _ => data.holds_out(),
        };
        // A search watches held-out examples.
        let tune = tune.filter(|_| holds_out).map(|mut tune: TuneSettings| {
            if let Some(halving) = &mut tune.halving {
                halving.first_epochs = halving.first_epochs.min(train.epochs);
            }
            tune
        });
        let recipe = Recipe {
            title,
            task,
            seed: Seed::new(seed),
            data,
            forecast: (task == Task::Forecaster).then_some(forecast),
            model: ModelSettings {
                output,
                tensorflow_operations: operations,
                chrono_steps: chrono,
                ..model
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
