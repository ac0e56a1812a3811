//! `elman inspect --recurrence`.

use std::path::Path;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use elman::Error;
use elman::diagnosis::LayerDiagnosis;
use elman::plot;
use elman::task::Trained;
use serde_json::{Value, json};

use crate::Done;
use crate::arguments::InspectFlags;
use crate::output;

/// Lags that the table shows, as shares of the longest.
const SHOWN: usize = 8;

pub(crate) fn run(flags: &InspectFlags) -> Done {
    let trained = Trained::load(&flags.run)?;
    let data = flags.data.as_deref();
    let layers = trained.recurrence(data)?;
    let figure = match &flags.beside[..] {
        [] => plot::gradient_lags(&trained.recipe.title, &layers)?,
        others => {
            let mut runs = vec![(stem(&flags.run), layers.clone())];
            for run in others {
                runs.push((stem(run), Trained::load(run)?.recurrence(data)?));
            }
            plot::gradient_lags_of_runs(&runs)?
        }
    };
    for (name, bytes) in [
        ("gradient_lag.svg", figure.svg.as_bytes()),
        ("gradient_lag.png", figure.png.as_slice()),
    ] {
        let path = flags.run.join(name);
        std::fs::write(&path, bytes).map_err(|source| Error::io("write", path, source))?;
    }
    if flags.json.json {
        let objects: Vec<Value> = layers.iter().enumerate().map(object).collect();
        return output::json(&objects);
    }
    let texts: Vec<String> = layers.iter().enumerate().map(text).collect();
    output::results(&format!(
        "{}\n\ndrawn in {}",
        texts.join("\n\n"),
        flags.run.join("gradient_lag.png").display()
    ))
}

/// What a run is called in a figure.
fn stem(run: &Path) -> String {
    let name = run.file_name().unwrap_or(run.as_os_str());
    name.to_string_lossy().into_owned()
}

/// A share or a norm: zero is no `0.0e0`.
fn small(number: f64) -> String {
    match number {
        0.0 => "0".to_owned(),
        _ => format!("{number:.1e}"),
    }
}

fn object((index, layer): (usize, &LayerDiagnosis)) -> Value {
    let lags = layer.lags.iter().map(|lag| {
        json!({
            "part": lag.part.symbol(),
            "norms": lag.norms,
            "left": lag.left(),
            "rate_per_step": lag.rate(),
            "memory_steps": lag.memory(),
        })
    });
    let gates = layer
        .gates
        .iter()
        .map(|gate| json!({"gate": gate.gate, "low": gate.low(), "high": gate.high()}));
    let radii = layer
        .radii
        .iter()
        .map(|it| json!({"gate": it.gate, "radius": it.radius}));
    json!({
        "layer": index,
        "cell": layer.cell,
        "verdict": layer.verdict().word(),
        "why": layer.to_string(),
        "lags": lags.collect::<Vec<_>>(),
        "saturation": gates.collect::<Vec<_>>(),
        "spectral_radius": radii.collect::<Vec<_>>(),
        "units": layer.units.units,
        "dead_units": layer.units.dead,
    })
}

fn text((index, layer): (usize, &LayerDiagnosis)) -> String {
    let longest = layer.main_lag().longest();
    let mut shown: Vec<usize> = (0..=SHOWN).map(|part| longest * part / SHOWN).collect();
    shown.dedup();
    let mut header = vec!["lag".to_owned()];
    header.extend(shown.iter().map(ToString::to_string));
    header.push("memory".to_owned());
    let mut lags = Table::new();
    lags.load_style(NOTHING).set_header(header);
    for lag in &layer.lags {
        let mut row = vec![format!("d loss / d {}", lag.part.symbol())];
        row.extend(shown.iter().map(|&at| small(lag.norms[at])));
        row.push(match lag.memory() {
            Some(1) => "1 step".to_owned(),
            Some(steps) => format!("{steps} steps"),
            None => "longer than the sequences".to_owned(),
        });
        lags.add_row(row);
    }
    let mut lines = vec![
        format!("layer {index}: {}", layer.cell),
        layer.to_string(),
        String::new(),
        lags.to_string(),
    ];
    if !layer.radii.is_empty() {
        let mut gates = Table::new();
        gates.load_style(NOTHING).set_header([
            "gate",
            "near its low end",
            "near its high end",
            "spectral radius",
        ]);
        for radius in &layer.radii {
            let gate = layer.gates.iter().find(|gate| gate.gate == radius.gate);
            let share = |share: Option<f64>| {
                share.map_or(String::new(), |share| format!("{:.1} %", 100.0 * share))
            };
            gates.add_row([
                radius.gate.to_owned(),
                share(gate.map(|gate| gate.low())),
                share(gate.map(|gate| gate.high())),
                format!("{:.3}", radius.radius),
            ]);
        }
        lines.extend([String::new(), gates.to_string()]);
    }
    let dead = layer.units.dead.len();
    lines.extend([
        String::new(),
        format!("dead units: {dead} of {}", layer.units.units),
    ]);
    lines.join("\n")
}
