//! The table `[model]`.

use super::Writer;
use crate::initializer::Initializer;
use crate::recipe::vocabulary::{
    ACTIVATIONS, CANDIDATES, CELLS, CellKind, DROPPED_STATES, INITIALIZERS, InitializerKind, MASKS,
    NORMALISATIONS, OUTPUTS, READOUTS, RESET_GATES, SKIPS, SOFTMAXES, SoftmaxKind, word,
};
use crate::recipe::{
    CellSettings, DropoutSettings, LayerSettings, ModelSettings, Readout, Skip, SoftmaxSettings,
    ZoneoutSettings,
};

pub(super) fn model(out: &mut Writer, model: &ModelSettings) {
    // No `..`: a new setting must be written here.
    let ModelSettings {
        layers,
        readout,
        bidirectional,
        output,
        tensorflow_operations,
        chrono_steps,
        embedding,
        softmax,
    } = model;
    out.table("model");
    if *readout != Readout::default() {
        out.text("readout", word(READOUTS, *readout));
    }
    if *bidirectional {
        out.set("bidirectional", bidirectional);
    }
    out.text("output", word(OUTPUTS, *output));
    if let Some(operations) = tensorflow_operations {
        out.line(format_args!("tensorflow_operations = {operations:?}"));
    }
    if let Some(steps) = chrono_steps {
        out.set("chrono_steps", steps);
    }
    if let Some(size) = embedding {
        out.set("embedding", size);
    }
    if let Some(softmax) = softmax {
        write_softmax(out, softmax);
    }
    let are_the_same = layers.windows(2).all(|pair| pair[0] == pair[1]);
    if are_the_same {
        if layers.len() > 1 {
            out.set("layers", layers.len());
        }
        return layer(out, &layers[0], "model");
    }
    for one in layers {
        out.line(format_args!("\n[[model.layer]]"));
        layer(out, one, "model.layer");
    }
}

/// On one line, before the layer's own tables.
fn write_softmax(out: &mut Writer, softmax: &SoftmaxSettings) {
    let (kind, rest) = match softmax {
        SoftmaxSettings::Full => (SoftmaxKind::Full, String::new()),
        SoftmaxSettings::Tied => (SoftmaxKind::Tied, String::new()),
        SoftmaxSettings::Adaptive { cutoffs } => {
            (SoftmaxKind::Adaptive, format!(", cutoffs = {cutoffs:?}"))
        }
        SoftmaxSettings::Sampled { samples } => {
            (SoftmaxKind::Sampled, format!(", samples = {samples}"))
        }
    };
    let kind = word(SOFTMAXES, kind);
    out.line(format_args!("softmax = {{ kind = \"{kind}\"{rest} }}"));
}

fn layer(out: &mut Writer, layer: &LayerSettings, path: &str) {
    let LayerSettings {
        cell: the_cell,
        units,
        activation,
        initializer: kernels,
        recurrent_initializer,
        batch_norm,
        zoneout: the_zoneout,
        input_projection,
        output_projection,
        dropout: the_dropout,
        skip,
        device,
    } = layer;
    let kind = kind(the_cell);
    out.text("cell", word(CELLS, kind));
    out.set("units", units);
    if !matches!(kind, CellKind::Nas | CellKind::MinGru | CellKind::MinLstm) {
        out.text("activation", word(ACTIVATIONS, *activation));
    }
    cell(out, the_cell);
    for (key, given) in [
        ("initializer", kernels),
        ("recurrent_initializer", recurrent_initializer),
    ] {
        if let Some(given) = given {
            initializer(out, key, given);
        }
    }
    if *batch_norm {
        out.set("batch_norm", true);
    }
    if let Some(size) = input_projection {
        out.set("input_projection", size);
    }
    if let Some(size) = output_projection {
        out.set("output_projection", size);
    }
    if *skip != Skip::default() {
        out.text("skip", word(SKIPS, *skip));
    }
    if let Some(device) = device {
        out.text("device", &device.to_string());
    }
    if let Some(given) = the_zoneout {
        out.table(&format!("{path}.zoneout"));
        zoneout(out, *given, kind);
    }
    if let Some(given) = the_dropout {
        out.table(&format!("{path}.dropout"));
        dropout(out, *given);
    }
}

fn kind(cell: &CellSettings) -> CellKind {
    match cell {
        CellSettings::Basic => CellKind::Basic,
        CellSettings::Lstm { .. } => CellKind::Lstm,
        CellSettings::Gru { .. } => CellKind::Gru,
        CellSettings::LayerNormLstm { .. } => CellKind::LayerNormLstm,
        CellSettings::CoupledLstm { .. } => CellKind::CoupledLstm,
        CellSettings::Nas { .. } => CellKind::Nas,
        CellSettings::Ugrnn { .. } => CellKind::Ugrnn,
        CellSettings::IndRnn => CellKind::IndRnn,
        CellSettings::Sru => CellKind::Sru,
        CellSettings::MinGru { .. } => CellKind::MinGru,
        CellSettings::MinLstm { .. } => CellKind::MinLstm,
    }
}

fn cell(out: &mut Writer, cell: &CellSettings) {
    match *cell {
        CellSettings::Basic | CellSettings::IndRnn | CellSettings::Sru => {}
        CellSettings::Lstm {
            forget_bias,
            peepholes,
            cell_clip,
            num_proj,
            proj_clip,
        } => {
            out.number("forget_bias", forget_bias);
            out.set("peepholes", peepholes);
            if let Some(limit) = cell_clip {
                out.number("cell_clip", limit);
            }
            projection(out, num_proj, proj_clip);
        }
        CellSettings::Gru { reset_gate } => out.text("reset_gate", word(RESET_GATES, reset_gate)),
        CellSettings::LayerNormLstm {
            forget_bias,
            normalisation,
            norm_gain,
            norm_shift,
        } => {
            out.number("forget_bias", forget_bias);
            out.text("normalisation", word(NORMALISATIONS, normalisation));
            out.number("norm_gain", norm_gain);
            out.number("norm_shift", norm_shift);
        }
        CellSettings::CoupledLstm {
            forget_bias,
            peepholes,
            layer_norm,
            num_proj,
            proj_clip,
        } => {
            out.number("forget_bias", forget_bias);
            out.set("peepholes", peepholes);
            out.set("layer_norm", layer_norm);
            projection(out, num_proj, proj_clip);
        }
        CellSettings::Nas { use_bias, num_proj } => {
            out.set("use_bias", use_bias);
            projection(out, num_proj, None);
        }
        CellSettings::Ugrnn { forget_bias } => out.number("forget_bias", forget_bias),
        CellSettings::MinGru { candidate } => out.text("candidate", word(CANDIDATES, candidate)),
        CellSettings::MinLstm {
            candidate,
            forget_bias,
        } => {
            out.text("candidate", word(CANDIDATES, candidate));
            out.number("forget_bias", forget_bias);
        }
    }
}

fn projection(out: &mut Writer, num_proj: Option<usize>, proj_clip: Option<f64>) {
    if let Some(size) = num_proj {
        out.set("num_proj", size);
    }
    if let Some(limit) = proj_clip {
        out.number("proj_clip", limit);
    }
}

/// One line: a word, or a table where the initialiser has settings.
fn initializer(out: &mut Writer, key: &str, initializer: &Initializer) {
    let (kind, settings) = match initializer {
        Initializer::GlorotUniform => (InitializerKind::GlorotUniform, vec![]),
        Initializer::GlorotNormal => (InitializerKind::GlorotNormal, vec![]),
        Initializer::HeUniform => (InitializerKind::HeUniform, vec![]),
        Initializer::HeNormal => (InitializerKind::HeNormal, vec![]),
        Initializer::LecunUniform => (InitializerKind::LecunUniform, vec![]),
        Initializer::LecunNormal => (InitializerKind::LecunNormal, vec![]),
        Initializer::Orthogonal { gain } => (InitializerKind::Orthogonal, vec![("gain", gain)]),
        Initializer::Identity { gain } => (InitializerKind::Identity, vec![("gain", gain)]),
        Initializer::Uniform { low, high } => {
            (InitializerKind::Uniform, vec![("low", low), ("high", high)])
        }
        Initializer::Normal { deviation } => {
            (InitializerKind::Normal, vec![("deviation", deviation)])
        }
        Initializer::TruncatedNormal { deviation } => (
            InitializerKind::TruncatedNormal,
            vec![("deviation", deviation)],
        ),
        Initializer::Constant(value) => (InitializerKind::Constant, vec![("value", value)]),
        Initializer::Values(_) => unreachable!("no recipe spells numbers out"),
    };
    let word = word(INITIALIZERS, kind);
    if settings.is_empty() {
        return out.text(key, word);
    }
    let settings: Vec<String> = settings
        .iter()
        .map(|(name, value)| format!(", {name} = {value:?}"))
        .collect();
    out.set(
        key,
        format_args!("{{ kind = \"{word}\"{} }}", settings.concat()),
    );
}

fn zoneout(out: &mut Writer, zoneout: ZoneoutSettings, kind: CellKind) {
    let ZoneoutSettings { hidden, cell } = zoneout;
    if kind != CellKind::Sru {
        out.number("hidden", hidden);
    }
    if matches!(
        kind,
        CellKind::Lstm
            | CellKind::LayerNormLstm
            | CellKind::CoupledLstm
            | CellKind::Nas
            | CellKind::Sru
    ) {
        out.number("cell", cell);
    }
}

fn dropout(out: &mut Writer, dropout: DropoutSettings) {
    let DropoutSettings {
        input_keep,
        output_keep,
        state_keep,
        masks,
        state,
    } = dropout;
    out.number("input_keep", input_keep);
    out.number("output_keep", output_keep);
    out.number("state_keep", state_keep);
    out.text("masks", word(MASKS, masks));
    out.text("state", word(DROPPED_STATES, state));
}
