//! Where the time of one shape goes, and what fraction of the machine it reaches.

use std::num::NonZeroUsize;

use comfy_table::{Table, presets};
use elman_bench_protocol::{CellKind, Mode, Shape};

use crate::case::{Case, shape, shape_text};
use crate::compare::{Launch, Plan, compare};
use crate::error::Result;
use crate::peers::PeerKind;
use crate::report::{Row, milliseconds};

/// One product of [4096, 2048] by [2048, 1024]: a basic cell of one step, large enough that
/// nothing but the product counts. What elman's kernels reach on it is the ceiling of the rest.
const CEILING: Case = Case {
    cell: CellKind::Basic,
    mode: Mode::Infer,
    shape: shape(1, 4096, 1024, 1024),
};

/// Measures elman alone: the ceiling, and the three modes of a cell on a shape.
///
/// `plan` says how; its cases and all threads but the first are not looked at.
///
/// # Errors
///
/// When elman fails.
pub fn profile(launch: Launch<'_>, cell: CellKind, shape: Shape, plan: &Plan) -> Result<String> {
    let case = |mode| Case { cell, mode, shape };
    let plan = Plan {
        cases: vec![
            CEILING,
            case(Mode::Infer),
            case(Mode::Train),
            case(Mode::TrainInputs),
        ],
        threads: plan.threads.iter().copied().take(1).collect(),
        ..plan.clone()
    };
    let elman_only = |kind: PeerKind, threads: NonZeroUsize| match kind {
        PeerKind::Elman => launch(kind, threads),
        _ => Ok(None),
    };
    let report = compare(&elman_only, &plan, &mut |_| ())?;
    Ok(text(&report.rows))
}

/// The profile of rows in the order that [`profile`] measures: ceiling, inference, training,
/// training with gradients for the inputs.
fn text(rows: &[Row]) -> String {
    let Some(ceiling) = rows.first().and_then(Row::gflops) else {
        return "nothing was measured\n".into();
    };
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
    for row in &rows[1..] {
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
    let about = rows.get(1).map_or(String::new(), |row| {
        format!(
            "{}, T,B,F,H = {}, {} thread(s)\n",
            row.cell.label(),
            shape_text(row.shape),
            row.threads
        )
    });
    format!(
        "{about}ceiling: {ceiling:.1} GFLOP/s, what elman's kernels reach on one product of [4096, 2048] by [2048, 1024]\n{table}\n\
         `of it` is the difference from the row above. Bytes: weights, inputs, outputs and their gradients, each touched once.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
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
            row(CellKind::Lstm, Mode::Infer, 0.1),
            row(CellKind::Lstm, Mode::Infer, 0.2),
            row(CellKind::Lstm, Mode::Train, 0.5),
        ];
        let text = text(&rows);
        // 160 kFLOP in 0.1 ms is 1.6 GFLOP/s; inference reaches half of it.
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
