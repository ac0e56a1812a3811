//! Every cell keeps the same promises, alone and in every wrapper, by every driver. Adding a cell
//! to this suite takes one line here, and one in `support/matrix.rs` for the wrappers.

#[path = "support/compare.rs"]
mod compare;
#[path = "support/leaves.rs"]
mod leaves;
#[path = "support/matrix.rs"]
mod matrix;
#[path = "support/own_cell.rs"]
mod own_cell;
#[path = "support/properties.rs"]
mod properties;
#[path = "support/specimen.rs"]
mod specimen;

use std::sync::{PoisonError, RwLock};

use burn::tensor::{DType, Device};
use elman::activation::Activation;
use elman::cell::LstmNormalisation::PerProduct;
use elman::cell::ResetGate::{AfterProduct, BeforeProduct};
use elman::cell::{
    BasicLstmCellConfig, BasicRnnCellConfig, CoupledLstmCellConfig, GruCellConfig,
    IndRnnCellConfig, LayerNormLstmCellConfig, LstmCellConfig, MinCandidate, MinGruCellConfig,
    MinLstmCellConfig, NasCellConfig, SruCellConfig, UgrnnCellConfig,
};
use elman::random::Seed;

use own_cell::LeakyIntegratorConfig;

/// A test that needs all threads for itself writes, all others read.
static ONE_OF_MANY: RwLock<()> = RwLock::new(());

/// A test per cell and property. A cell is its configuration for `F` inputs and `H` units.
///
/// Of cells after `up_to_roundings` a sequence may sum in another order than its steps: a scan does,
/// and so does Burn's product of many rows with a kernel of one column.
macro_rules! conformance {
    (up_to_roundings $($cell:ident: |$inputs:pat_param, $units:pat_param| $config:expr;)*) => {
        $(
            mod $cell {
                use super::*;
                conformance!(@build $inputs, $units, $config);
                conformance!(@common $cell);
                conformance!(@test ONE_OF_MANY.read(), $cell,
                    steps_are_nearly_the_sequence
                    chunks_are_nearly_the_whole
                    static_rnn_is_nearly_dynamic_rnn
                    raw_rnn_is_nearly_dynamic_rnn
                );
            }
        )*
    };
    ($($cell:ident: |$inputs:pat_param, $units:pat_param| $config:expr;)*) => {
        $(
            mod $cell {
                use super::*;
                conformance!(@build $inputs, $units, $config);
                conformance!(@common $cell);
                conformance!(@test ONE_OF_MANY.read(), $cell,
                    steps_are_the_sequence
                    chunks_are_the_whole
                    static_rnn_is_dynamic_rnn
                    raw_rnn_is_dynamic_rnn
                );
            }
        )*
    };
    (@build $inputs:pat_param, $units:pat_param, $config:expr) => {
        fn build(
            inputs: usize,
            units: usize,
            dtype: DType,
            device: &Device,
        ) -> impl elman::cell::Cell + burn::module::Module + use<> {
            let ($inputs, $units) = (inputs, units);
            $config.with_dtype(dtype).init(Seed::new(7), device)
        }
    };
    (@common $cell:ident) => {
        conformance!(@test ONE_OF_MANY.read(), $cell,
            rows_are_their_own_runs
            nothing_gives_nothing
            inference_is_training
            padding_never_matters
            fused_is_composed
            time_major_is_batch_major
            bidirectional_reads_both_ways
            saved_is_loaded
            wrong_shapes_are_refused
        );
        conformance!(@test ONE_OF_MANY.write(), $cell, threads_never_matter);
    };
    (@test $turn:expr, $cell:ident, $($property:ident)*) => {
        $(
            #[test]
            fn $property() {
                let _turn = $turn.unwrap_or_else(PoisonError::into_inner);
                let cases = properties::$property(build);
                println!("{} of {}: {cases} cases", stringify!($property), stringify!($cell));
                assert!(cases > 0);
            }
        )*
    };
}

/// Added to the variances of layer normalisation here. With the cells' own, which the golden numbers and
/// the central differences have, a cell of one or two units hardly depends on its inputs: its gradients
/// are differences of nearly equal numbers, and two orders of the same sums differ in more than their
/// last digits.
const WELL_CONDITIONED: f64 = 0.1;

conformance! {
    basic_rnn: |inputs, units| BasicRnnCellConfig::new(inputs, units);
    basic_rnn_relu: |inputs, units| BasicRnnCellConfig::new(inputs, units).with_activation(Activation::Relu);
    basic_rnn_softsign: |inputs, units| BasicRnnCellConfig::new(inputs, units).with_activation(Activation::Softsign);
    basic_lstm: |inputs, units| BasicLstmCellConfig::new(inputs, units);
    lstm_peepholes: |inputs, units| LstmCellConfig::new(inputs, units).with_peepholes();
    lstm_cell_clip: |inputs, units| LstmCellConfig::new(inputs, units).with_cell_clip(0.7);
    lstm_narrow: |inputs, units| LstmCellConfig::new(inputs, units).with_num_proj(units.div_ceil(2)).with_proj_clip(0.2);
    lstm_widened: |inputs, units| LstmCellConfig::new(inputs, units).with_num_proj(units + 3);
    lstm_everything: |inputs, units| LstmCellConfig::new(inputs, units).with_peepholes().with_cell_clip(0.7)
        .with_num_proj(units.div_ceil(2)).with_proj_clip(0.2).with_forget_bias(0.5).with_activation(Activation::Elu);
    gru: |inputs, units| GruCellConfig::new(inputs, units).with_reset_gate(BeforeProduct);
    gru_relu: |inputs, units| GruCellConfig::new(inputs, units).with_activation(Activation::Relu);
    gru_after: |inputs, units| GruCellConfig::new(inputs, units).with_reset_gate(AfterProduct);
    gru_after_selu: |inputs, units| GruCellConfig::new(inputs, units).with_reset_gate(AfterProduct).with_activation(Activation::Selu);
    layer_norm_lstm: |inputs, units| LayerNormLstmCellConfig::new(inputs, units).with_epsilon(WELL_CONDITIONED);
    layer_norm_lstm_products: |inputs, units| LayerNormLstmCellConfig::new(inputs, units).with_normalisation(PerProduct)
        .with_epsilon(WELL_CONDITIONED);
    nas: |inputs, units| NasCellConfig::new(inputs, units);
    nas_everything: |inputs, units| NasCellConfig::new(inputs, units).with_bias().with_num_proj(units + 3);
    coupled_lstm: |inputs, units| CoupledLstmCellConfig::new(inputs, units);
    coupled_lstm_everything: |inputs, units| CoupledLstmCellConfig::new(inputs, units).with_peepholes()
        .with_num_proj(units.div_ceil(2)).with_proj_clip(0.2).with_activation(Activation::Elu);
    coupled_lstm_layer_norm: |inputs, units| CoupledLstmCellConfig::new(inputs, units).with_layer_norm(1.0, 0.0);
    ugrnn: |inputs, units| UgrnnCellConfig::new(inputs, units);
    leaky_integrator: |inputs, _| LeakyIntegratorConfig::new(inputs);
}

conformance! { up_to_roundings
    indrnn: |inputs, units| IndRnnCellConfig::new(inputs, units);
    indrnn_relu: |inputs, units| IndRnnCellConfig::new(inputs, units).with_activation(Activation::Relu);
    sru: |inputs, units| SruCellConfig::new(inputs, units);
    min_gru: |inputs, units| MinGruCellConfig::new(inputs, units);
    min_gru_positive: |inputs, units| MinGruCellConfig::new(inputs, units).with_candidate(MinCandidate::Positive);
    min_lstm: |inputs, units| MinLstmCellConfig::new(inputs, units).with_forget_bias(1.0);
}

/// The tests of cells × wrappers × drivers, and how large that is.
macro_rules! matrix {
    ($turn:expr, $($property:ident)*) => {
        $(
            #[test]
            fn $property() {
                let _turn = $turn.unwrap_or_else(PoisonError::into_inner);
                let [cells, wrappers, drivers] = matrix::size();
                let cases = matrix::$property();
                println!(
                    "matrix of {cells} cells × {wrappers} wrappers × {drivers} drivers: {} in \
                     {cases:?} cases",
                    stringify!($property)
                );
            }
        )*
    };
}

mod cells_by_wrappers_by_drivers {
    use super::*;

    matrix!(ONE_OF_MANY.read(),
        drivers_agree
        padding_never_matters
        gradients_are_differences
        saved_is_loaded
        rows_are_their_own_runs
    );
    matrix!(ONE_OF_MANY.write(), threads_never_matter);
}
