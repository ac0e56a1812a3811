//! The table of a comparison, and the same as JSON.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets};
use elman_bench_protocol::{CellKind, Mode, Shape};
use serde::Serialize;

use crate::case::{Case, shape_text};
use crate::peers::PeerKind;
use crate::stats::{median, minimum, speedup};

/// What a peer needed for a case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Of the rounds.
    pub median_ms: f64,
    /// Of the rounds.
    pub minimum_ms: f64,
    /// Processor time over wall time, the median of the rounds.
    pub cpu_per_wall: Option<f64>,
    /// Milliseconds of one iteration, round by round.
    pub rounds_ms: Vec<f64>,
    /// The largest difference from elman's outputs and gradients ([`crate::agreement`]).
    pub difference: f64,
}

impl Measured {
    /// From milliseconds and processor shares of the rounds; `None` of no rounds.
    pub fn new(rounds_ms: Vec<f64>, cpu_per_wall: &[f64], difference: f64) -> Option<Self> {
        Some(Self {
            median_ms: median(&rounds_ms)?,
            minimum_ms: minimum(&rounds_ms)?,
            cpu_per_wall: median(cpu_per_wall),
            rounds_ms,
            difference,
        })
    }
}

/// What came of a peer on a case.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Outcome {
    /// It agreed and was timed.
    Measured(Measured),
    /// The library has no such thing.
    Unsupported {
        /// In one sentence.
        reason: String,
    },
    /// It should have been measured, and was not.
    Failed {
        /// In one sentence.
        reason: String,
    },
}

impl Outcome {
    /// The measurement, if there is one.
    pub fn measured(&self) -> Option<&Measured> {
        match self {
            Self::Measured(measured) => Some(measured),
            Self::Unsupported { .. } | Self::Failed { .. } => None,
        }
    }
}

/// One case on one number of threads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Of every peer.
    pub threads: usize,
    /// Which cell.
    pub cell: CellKind,
    /// What was timed.
    pub mode: Mode,
    /// Its sizes.
    pub shape: Shape,
    /// Floating-point operations of one iteration ([`Case::flops`]).
    pub flops: f64,
    /// By the peer's name.
    pub outcomes: BTreeMap<String, Outcome>,
}

impl Row {
    /// A row without outcomes.
    pub fn new(case: &Case, threads: usize) -> Self {
        Self {
            threads,
            cell: case.cell,
            mode: case.mode,
            shape: case.shape,
            flops: case.flops(),
            outcomes: BTreeMap::new(),
        }
    }

    /// Notes what came of `peer`.
    pub fn set(&mut self, peer: PeerKind, outcome: Outcome) {
        self.outcomes.insert(peer.label().into(), outcome);
    }

    /// One line that says which row this is and how it came out.
    pub fn summary(&self) -> String {
        let peers: Vec<_> = PeerKind::ALL
            .into_iter()
            .filter_map(|peer| {
                Some(format!(
                    "{} {}",
                    peer.label(),
                    milliseconds(self.measured(peer)?.median_ms)
                ))
            })
            .collect();
        format!(
            "{} {} {} on {}: {} ms",
            shape_text(self.shape),
            self.cell.label(),
            self.mode.label(),
            self.threads,
            peers.join(", ")
        )
    }

    /// What came of `peer`, if it took part.
    pub fn outcome(&self, peer: PeerKind) -> Option<&Outcome> {
        self.outcomes.get(peer.label())
    }

    /// The measurement of `peer`, if there is one.
    pub fn measured(&self, peer: PeerKind) -> Option<&Measured> {
        self.outcome(peer).and_then(Outcome::measured)
    }

    /// How many times faster than `peer` elman is, by the medians.
    pub fn speedup_over(&self, peer: PeerKind) -> Option<f64> {
        let ours = self.measured(PeerKind::Elman)?;
        let theirs = self.measured(peer)?;
        Some(speedup(theirs.median_ms, ours.median_ms))
    }

    /// Billions of floating-point operations a second that elman does, by its median.
    pub fn gflops(&self) -> Option<f64> {
        let ours = self.measured(PeerKind::Elman)?;
        Some(self.flops / ours.median_ms / 1e6)
    }
}

/// A whole comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// By the peer's name.
    pub versions: BTreeMap<String, String>,
    /// In the order of measuring.
    pub rows: Vec<Row>,
}

impl Report {
    /// Every failure, in the order of the rows.
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for row in &self.rows {
            for outcome in row.outcomes.values() {
                if let Outcome::Failed { reason } = outcome {
                    let what = format!(
                        "{}, {}, {}, {} thread(s)",
                        row.cell.label(),
                        row.mode.label(),
                        shape_text(row.shape),
                        row.threads
                    );
                    failures.push(format!("{what}: {reason}"));
                }
            }
        }
        failures
    }

    /// The table: medians in milliseconds, what elman reaches, and how many times faster than
    /// each peer it is.
    pub fn table(&self) -> String {
        let present: Vec<_> = PeerKind::ALL
            .into_iter()
            .filter(|peer| self.versions.contains_key(peer.label()))
            .collect();
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        let mut header = vec![
            "T,B,F,H".to_string(),
            "cell".into(),
            "mode".into(),
            "threads".into(),
        ];
        for peer in &present {
            header.push(peer.label().into());
            if *peer == PeerKind::Elman {
                header.push("GFLOP/s".into());
            }
        }
        table.set_header(header);
        for row in &self.rows {
            let mut cells = vec![
                shape_text(row.shape),
                row.cell.label().into(),
                row.mode.label().into(),
                row.threads.to_string(),
            ];
            for peer in &present {
                cells.push(cell_text(row, *peer));
                if *peer == PeerKind::Elman {
                    cells.push(
                        row.gflops()
                            .map_or("-".into(), |gflops| format!("{gflops:.1}")),
                    );
                }
            }
            table.add_row(cells);
        }
        for column in table.column_iter_mut().skip(3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let versions: Vec<_> = present
            .iter()
            .map(|peer| format!("{} {}", peer.label(), self.versions[peer.label()]))
            .collect();
        format!(
            "{table}\n\nMedian ms of one iteration; `xR`: that many times elman's time; `cS`: processor time over wall time.\n\
             `-`: the library has no such thing. `failed`: see the list below. Versions: {}.\n",
            versions.join(", ")
        )
    }
}

fn cell_text(row: &Row, peer: PeerKind) -> String {
    let measured = match row.outcome(peer) {
        None | Some(Outcome::Unsupported { .. }) => return "-".into(),
        Some(Outcome::Failed { .. }) => return "failed".into(),
        Some(Outcome::Measured(measured)) => measured,
    };
    let mut text = milliseconds(measured.median_ms);
    if peer != PeerKind::Elman
        && let Some(ratio) = row.speedup_over(peer)
    {
        text += &format!(" x{ratio:.2}");
    }
    if let Some(share) = measured.cpu_per_wall {
        text += &format!(" c{share:.1}");
    }
    text
}

/// Three significant digits or so: `0.0213`, `1.24`, `123.4`.
pub fn milliseconds(value: f64) -> String {
    match value {
        ..0.1 => format!("{value:.4}"),
        ..10.0 => format!("{value:.2}"),
        _ => format!("{value:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::SHAPES;

    pub(crate) fn row(times: &[(PeerKind, f64)]) -> Row {
        let case = Case {
            cell: CellKind::Lstm,
            mode: Mode::Infer,
            shape: SHAPES[0],
        };
        let mut row = Row::new(&case, 2);
        for &(peer, ms) in times {
            let measured = Measured::new(vec![ms, 9.0 * ms, ms / 2.0], &[1.9], 1e-7);
            let outcome = Outcome::Measured(measured.unwrap());
            row.outcomes.insert(peer.label().into(), outcome);
        }
        row
    }

    #[test]
    fn a_ratio_is_the_peers_median_over_ours() {
        let row = row(&[(PeerKind::Elman, 4.0), (PeerKind::PyTorch, 10.0)]);
        assert_eq!(row.speedup_over(PeerKind::PyTorch), Some(2.5));
        assert_eq!(row.speedup_over(PeerKind::Burn), None);
        // 2·28·150·4·150·(28 + 150) operations in 4 ms.
        let gflops = row.gflops().unwrap();
        assert!((gflops - 224.28).abs() < 0.01, "{gflops}");
    }

    #[test]
    fn the_table_says_what_was_measured_and_what_was_not() {
        let mut row = row(&[(PeerKind::Elman, 4.0), (PeerKind::PyTorch, 10.0)]);
        let reason = "candle has no basic RNN".to_string();
        row.outcomes
            .insert("candle".into(), Outcome::Unsupported { reason });
        let reason = "it burst".to_string();
        row.outcomes
            .insert("Burn".into(), Outcome::Failed { reason });
        let versions = ["elman", "PyTorch", "candle", "Burn"];
        let report = Report {
            versions: versions
                .map(|name| (name.to_string(), "1".to_string()))
                .into(),
            rows: vec![row],
        };
        let table = report.table();
        let line = table.lines().find(|line| line.contains("28,150,28,150"));
        let cells: Vec<_> = line.unwrap().split('|').map(str::trim).collect();
        assert_eq!(
            cells,
            [
                "",
                "28,150,28,150",
                "LSTM",
                "inference",
                "2",
                "4.00 c1.9",
                "224.3",
                "failed",
                "-",
                "10.0 x2.50 c1.9",
                ""
            ]
        );
        assert_eq!(
            report.failures(),
            ["LSTM, inference, 28,150,28,150, 2 thread(s): it burst"]
        );
    }

    #[test]
    fn nothing_is_measured_by_no_rounds() {
        assert_eq!(Measured::new(vec![], &[], 0.0), None);
    }
}
