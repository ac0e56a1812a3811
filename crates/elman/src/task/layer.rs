//! A recurrent layer as a recipe describes it: a cell and what is around it.

use burn::tensor::Device;

use crate::cell::{
    BasicRnnCellConfig, CoupledLstmCellConfig, GruCellConfig, IndRnnCellConfig,
    LayerNormLstmCellConfig, LstmCellConfig, MinGruCellConfig, MinLstmCellConfig, NasCellConfig,
    SruCellConfig, UgrnnCellConfig,
};
use crate::error::Result;
use crate::random::Seed;
use crate::recipe::{
    CellSettings, DropoutSettings, DroppedState, LayerSettings, Skip, ZoneoutSettings,
};
use crate::wrapper::{
    AnyCell, BatchNormConfig, DeviceWrapper, DropoutConfig, HighwayConfig, ProjectionConfig,
    ResidualWrapper, StateFilter, ZoneoutConfig,
};

/// The layer that `settings` describe, over `inputs` (`F`) features, in f32.
///
/// # Errors
///
/// When a skip connection does not fit, or the layer's device is not there.
pub(super) fn build(
    settings: &LayerSettings,
    inputs: usize,
    seed: Seed,
    device: &Device,
) -> Result<AnyCell> {
    // No `..`: a new setting must be built here.
    let LayerSettings {
        cell: _,
        units: _,
        activation: _,
        initializer: _,
        recurrent_initializer: _,
        batch_norm,
        zoneout,
        input_projection,
        output_projection,
        dropout,
        skip,
        device: own_device,
    } = settings;
    let mut layer = cell(settings, input_projection.unwrap_or(inputs), seed, device);
    if *batch_norm {
        layer = BatchNormConfig::new().init(layer, device)?.into();
    }
    if let Some(ZoneoutSettings { hidden, cell }) = zoneout {
        layer = ZoneoutConfig::new(*hidden, *cell)
            .init(layer, seed.child("zoneout"))?
            .into();
    }
    if input_projection.is_some() {
        let seed = seed.child("input projection");
        layer = ProjectionConfig::new(inputs)
            .init_input(layer, seed, device)
            .into();
    }
    if let Some(size) = output_projection {
        let seed = seed.child("output projection");
        layer = ProjectionConfig::new(*size)
            .init_output(layer, seed, device)
            .into();
    }
    if let Some(settings) = dropout {
        layer = dropout_config(*settings)
            .init(layer, seed.child("dropout"))?
            .into();
    }
    layer = match skip {
        Skip::None => layer,
        Skip::Residual => ResidualWrapper::new(layer)?.into(),
        Skip::Highway => HighwayConfig::new()
            .init(layer, seed.child("highway"), device)?
            .into(),
    };
    if let Some(name) = own_device {
        let mut own = name.resolve()?;
        if device.is_autodiff() {
            own = own.autodiff();
        }
        layer = DeviceWrapper::new(layer, &own).into();
    }
    Ok(layer)
}

/// Sets what a cell's config has, where the recipe says it.
macro_rules! filled {
    ($config:expr, $($with:ident($given:expr)),+) => {{
        let mut config = $config;
        $(if let Some(given) = Clone::clone(&$given) {
            config = config.$with(given);
        })+
        config
    }};
}

fn cell(settings: &LayerSettings, inputs: usize, seed: Seed, device: &Device) -> AnyCell {
    let (units, activation) = (settings.units, settings.activation);
    let kernels = settings.initializer.clone();
    let recurrent = settings.recurrent_initializer.clone();
    match settings.cell {
        CellSettings::Basic => filled!(
            BasicRnnCellConfig::new(inputs, units).with_activation(activation),
            with_initializer(kernels),
            with_recurrent_initializer(recurrent)
        )
        .init(seed, device)
        .into(),
        CellSettings::Lstm {
            forget_bias,
            peepholes,
            cell_clip,
            num_proj,
            proj_clip,
        } => {
            let mut config = filled!(
                LstmCellConfig::new(inputs, units)
                    .with_activation(activation)
                    .with_forget_bias(forget_bias),
                with_cell_clip(cell_clip),
                with_num_proj(num_proj),
                with_proj_clip(proj_clip),
                with_initializer(kernels),
                with_recurrent_initializer(recurrent)
            );
            if peepholes {
                config = config.with_peepholes();
            }
            config.init(seed, device).into()
        }
        CellSettings::Gru { reset_gate } => filled!(
            GruCellConfig::new(inputs, units)
                .with_activation(activation)
                .with_reset_gate(reset_gate),
            with_kernel_initializer(kernels),
            with_recurrent_initializer(recurrent)
        )
        .init(seed, device)
        .into(),
        CellSettings::LayerNormLstm {
            forget_bias,
            normalisation,
            norm_gain,
            norm_shift,
        } => filled!(
            LayerNormLstmCellConfig::new(inputs, units)
                .with_activation(activation)
                .with_forget_bias(forget_bias)
                .with_normalisation(normalisation)
                .with_norm_gain(norm_gain)
                .with_norm_shift(norm_shift),
            with_initializer(kernels),
            with_recurrent_initializer(recurrent)
        )
        .init(seed, device)
        .into(),
        CellSettings::CoupledLstm {
            forget_bias,
            peepholes,
            layer_norm,
            num_proj,
            proj_clip,
        } => {
            let mut config = filled!(
                CoupledLstmCellConfig::new(inputs, units)
                    .with_activation(activation)
                    .with_forget_bias(forget_bias),
                with_num_proj(num_proj),
                with_proj_clip(proj_clip),
                with_initializer(kernels),
                with_recurrent_initializer(recurrent)
            );
            if peepholes {
                config = config.with_peepholes();
            }
            if layer_norm {
                config = config.with_layer_norm(1.0, 0.0);
            }
            config.init(seed, device).into()
        }
        CellSettings::Nas { use_bias, num_proj } => {
            let mut config = filled!(
                NasCellConfig::new(inputs, units),
                with_num_proj(num_proj),
                with_initializer(kernels)
            );
            if use_bias {
                config = config.with_bias();
            }
            config.init(seed, device).into()
        }
        CellSettings::Ugrnn { forget_bias } => filled!(
            UgrnnCellConfig::new(inputs, units)
                .with_activation(activation)
                .with_forget_bias(forget_bias),
            with_initializer(kernels),
            with_recurrent_initializer(recurrent)
        )
        .init(seed, device)
        .into(),
        CellSettings::IndRnn => filled!(
            IndRnnCellConfig::new(inputs, units).with_activation(activation),
            with_initializer(kernels),
            with_recurrent_initializer(recurrent)
        )
        .init(seed, device)
        .into(),
        CellSettings::Sru => filled!(
            SruCellConfig::new(inputs, units).with_activation(activation),
            with_initializer(kernels)
        )
        .init(seed, device)
        .into(),
        CellSettings::MinGru { candidate } => filled!(
            MinGruCellConfig::new(inputs, units).with_candidate(candidate),
            with_initializer(kernels)
        )
        .init(seed, device)
        .into(),
        CellSettings::MinLstm {
            candidate,
            forget_bias,
        } => filled!(
            MinLstmCellConfig::new(inputs, units)
                .with_candidate(candidate)
                .with_forget_bias(forget_bias),
            with_initializer(kernels)
        )
        .init(seed, device)
        .into(),
    }
}

fn dropout_config(settings: DropoutSettings) -> DropoutConfig {
    let DropoutSettings {
        input_keep,
        output_keep,
        state_keep,
        masks,
        state,
    } = settings;
    DropoutConfig::new()
        .with_input_keep_prob(input_keep)
        .with_output_keep_prob(output_keep)
        .with_state_keep_prob(state_keep)
        .with_masks(masks)
        .with_state_filter(match state {
            DroppedState::Hidden => StateFilter::HiddenOnly,
            DroppedState::All => StateFilter::Everything,
        })
}
