//! Where the time of one shape goes, and what fraction of the machine it reaches.

use std::num::NonZeroUsize;
use std::time::Instant;

use comfy_table::{Table, presets};
use elman_bench_protocol::{CellKind, Mode, Shape};
use elman_kernels::Isa;

use crate::case::{Case, shape_text};
use crate::compare::{Launch, Plan, compare};
use crate::error::Result;
use crate::peers::PeerKind;
use crate::report::{Row, milliseconds};
use crate::stats::median;

/// GFLOP/s that so many threads reach on multiply-adds of f32 that wait for nothing: the median of some
/// tries.
fn ceiling(threads: NonZeroUsize) -> f64 {
    const TRIES: usize = 15;
    const ROUNDS: usize = 2_000_000;
    elman_kernels::threads::set(threads);
    let rate = |_| {
        let start = Instant::now();
        let operations = elman_kernels::peak::<f32>(ROUNDS, Isa::detect());
        operations / start.elapsed().as_secs_f64() / 1e9
    };
    let rates: Vec<f64> = (0..TRIES).map(rate).collect();
    median(&rates).expect("there are some tries")
}

/// Measures elman alone: the ceiling, and the three modes of a cell on a shape.
///
/// `plan` says how; its cases and all threads but the first are not looked at.
///
/// # Errors
///
/// When elman fails.
///
/// # Panics
///
/// When `plan` has no threads.
pub fn profile(launch: Launch<'_>, cell: CellKind, shape: Shape, plan: &Plan) -> Result<String> {
    let case = |mode| Case { cell, mode, shape };
    let threads = plan.threads[0];
    let plan = Plan {
        cases: [Mode::Infer, Mode::Train, Mode::TrainInputs]
            .map(case)
            .into(),
        threads: vec![threads],
        ..plan.clone()
    };
    let elman_only = |kind: PeerKind, threads: NonZeroUsize| match kind {
        PeerKind::Elman => launch(kind, threads),
        _ => Ok(None),
    };
    let ceiling = ceiling(threads);
    let report = compare(&elman_only, &plan, &mut |_| ())?;
    Ok(text(ceiling, &report.rows))
}

/// The profile of rows in the order that [`profile`] measures: inference, training, training with
/// gradients for the inputs.
fn text(ceiling: f64, rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "what",
        "ms",
        "MFLOP",
        "GFLOP/s",
        "of the ceiling",
        "least MB touched",
        "FLOP a byte",
    ]);
    let mut previous: Option<(f64, f64)> = None;
    for row in rows {
        let Some(measured) = row.measured(PeerKind::Elman) else {
            continue;
        };
        let case = Case {
            cell: row.cell,
            mode: row.mode,
            shape: row.shape,
        };
        let mut line = |what: String, ms: f64, flops: f64, bytes: Option<f64>| {
            let gflops = flops / ms / 1e6;
            let per_byte = |bytes: f64| format!("{:.1}", flops / bytes);
            table.add_row([
                what,
                milliseconds(ms),
                format!("{:.1}", flops / 1e6),
                format!("{gflops:.1}"),
                format!("{:.0} %", 100.0 * gflops / ceiling),
                bytes.map_or("-".into(), |bytes| format!("{:.2}", bytes / 1e6)),
                bytes.map_or("-".into(), per_byte),
            ]);
        };
        let (ms, flops) = (measured.median_ms, row.flops);
        line(row.mode.label().into(), ms, flops, Some(case.least_bytes()));
        if let Some((before_ms, before_flops)) = previous
            && ms > before_ms
        {
            let what = match row.mode {
                Mode::TrainInputs => "  of it: d inputs",
                _ => "  of it: backward, and what forward keeps for it",
            };
            line(what.into(), ms - before_ms, flops - before_flops, None);
        }
        previous = Some((ms, flops));
    }
    let about = rows.first().map_or(String::new(), |row| {
        format!(
            "{}, T,B,F,H = {}, {} thread(s)\n",
            row.cell.label(),
            shape_text(row.shape),
            row.threads
        )
    });
    format!(
        "{about}ceiling: {ceiling:.1} GFLOP/s, multiply-adds on registers alone, none of which waits\n{table}\n\
         `of it` is the difference from the row above. Bytes: weights, inputs, outputs and their gradients, each touched once.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::shape;
    use crate::report::{Measured, Outcome};

    #[test]
    fn a_profile_says_what_each_part_costs_and_reaches() {
        let row = |cell, mode, ms: f64| {
            let case = Case {
                cell,
                mode,
                shape: shape(10, 10, 10, 10),
            };
            let mut row = Row::new(&case, 1);
            let measured = Measured::new(vec![ms], &[], 0.0).unwrap();
            row.set(PeerKind::Elman, Outcome::Measured(measured));
            row
        };
        let rows = [
            row(CellKind::Lstm, Mode::Infer, 0.2),
            row(CellKind::Lstm, Mode::Train, 0.5),
        ];
        let text = text(1.6, &rows);
        // 160 kFLOP in 0.2 ms are 0.8 GFLOP/s.
        assert!(text.contains("ceiling: 1.6 GFLOP/s"), "{text}");
        let cells = |what: &str| -> Vec<String> {
            let line = text.lines().find(|line| line.contains(what)).unwrap();
            line.split('|')
                .map(|cell| cell.trim().to_string())
                .collect()
        };
        assert_eq!(cells("inference")[2..6], ["0.20", "0.2", "0.8", "50 %"]);
        assert_eq!(cells("backward")[2..6], ["0.30", "0.2", "0.8", "50 %"]);
    }
}
