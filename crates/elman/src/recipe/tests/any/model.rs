//! Any table `[model]`.

use proptest::prelude::*;

use crate::device::DeviceName;
use crate::initializer::Initializer;
use crate::recipe::vocabulary::{
    ACTIVATIONS, CANDIDATES, DROPPED_STATES, MASKS, NORMALISATIONS, READOUTS, RESET_GATES, SKIPS,
};
use crate::recipe::*;

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

/// A model of one answer a sequence; [`fit`] makes it one of another task.
pub(super) fn any_model() -> impl Strategy<Value = ModelSettings> {
    let same = (any_layer(500), 1_usize..4).prop_map(|(layer, count)| vec![layer; count]);
    let layers = prop_oneof![same, prop::collection::vec(any_layer(500), 1..4)];
    let rest = (
        prop::sample::select(READOUTS),
        any::<bool>(),
        prop::option::of(prop::collection::vec(0_u64..1_000_000_000, 0..4)),
        prop::option::of(3_usize..1_000_000),
        prop::option::of(1_usize..500),
        any_softmax(),
    );
    (layers, rest)
        .prop_map(|(layers, rest)| {
            let (readout, bidirectional, operations, chrono_steps, embedding, softmax) = rest;
            ModelSettings {
                layers,
                readout: readout.1,
                bidirectional,
                output: Output::Softmax,
                tensorflow_operations: operations,
                chrono_steps,
                embedding,
                softmax: Some(softmax),
            }
        })
        .prop_filter("skip connections fit", |model| {
            model.sizes(None).iter().all(Result::is_ok)
        })
}

fn any_softmax() -> impl Strategy<Value = SoftmaxSettings> {
    let cutoffs = prop::collection::btree_set(1_usize..1_000_000, 1..4);
    prop_oneof![
        Just(SoftmaxSettings::Full),
        Just(SoftmaxSettings::Tied),
        cutoffs.prop_map(|cutoffs| SoftmaxSettings::Adaptive {
            cutoffs: cutoffs.into_iter().collect(),
        }),
        (1_usize..1_000).prop_map(|samples| SoftmaxSettings::Sampled { samples }),
    ]
}

/// `model` with what models of this `task` have, and without what they have not.
pub(super) fn fit(model: ModelSettings, task: Task, data: &DataSettings) -> ModelSettings {
    let mut model = model;
    if !data.has_tokens() {
        model.embedding = None;
    }
    if task != Task::LanguageModel {
        model.softmax = None;
    } else if model.softmax == Some(SoftmaxSettings::Tied) {
        model.embedding = model.layers.last().map(LayerSettings::output_size);
    }
    if matches!(task, Task::LanguageModel | Task::Polyphony) {
        model.readout = Readout::default();
        model.bidirectional = false;
        model.tensorflow_operations = None;
    }
    model
}
