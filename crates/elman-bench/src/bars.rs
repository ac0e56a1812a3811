//! The bars that elman has set itself, and whether a report meets them.

use std::fmt;

use elman_bench_protocol::{
    CellKind, EpochRequest, Mode, SeriesRequest, Shape, TextMode, TextRequest,
};
use serde::Serialize;

use crate::case::{SHAPES, STREAM, shape_text};
use crate::peers::PeerKind;
use crate::report::{Report, Row};

/// Did a bar hold?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The ratio is at least the bar.
    Holds,
    /// It is below.
    Misses,
    /// The report does not say.
    NotMeasured,
}

/// One bar and what was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bar {
    /// What is compared.
    pub what: String,
    /// How many times faster than the peer elman is to be.
    pub at_least: f64,
    /// How many times faster it is: the smallest of the ratios that the bar is about.
    pub found: Option<f64>,
    /// Whether that is enough.
    pub verdict: Verdict,
}

impl Bar {
    /// A bar on the smallest of `ratios`; one that is missing makes it not measured.
    pub fn new(what: String, at_least: f64, ratios: &[Option<f64>]) -> Self {
        let all: Option<Vec<f64>> = ratios.iter().copied().collect();
        let found = all.and_then(|all| crate::stats::minimum(&all));
        let verdict = match found {
            None => Verdict::NotMeasured,
            Some(found) if found >= at_least => Verdict::Holds,
            Some(_) => Verdict::Misses,
        };
        Self {
            what,
            at_least,
            found,
            verdict,
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Holds => "holds",
            Verdict::Misses => "MISSES",
            Verdict::NotMeasured => "not measured",
        };
        write!(f, "{verdict:>12}  ")?;
        match self.found {
            Some(found) => write!(f, "{found:>6.2}x")?,
            None => write!(f, "{:>7}", "-")?,
        }
        write!(f, " of at least {:.1}x  {}", self.at_least, self.what)
    }
}

/// The bars of training (the slower of with and without gradients for the inputs) and of
/// streaming, on the most threads that the report has.
pub fn bars(report: &Report) -> Vec<Bar> {
    let threads = report.rows.iter().map(|row| row.threads).max();
    let Some(threads) = threads else {
        return Vec::new();
    };
    let find = |cell: CellKind, mode: Mode, shape: Shape| -> Option<&Row> {
        report.rows.iter().find(|row| {
            (row.threads, row.cell, row.mode, row.shape) == (threads, cell, mode, shape)
        })
    };
    let [.., large] = SHAPES;
    let mut bars = Vec::new();
    for peer in [PeerKind::Burn, PeerKind::PyTorch] {
        for shape in SHAPES {
            for cell in CellKind::ALL {
                let at_least = match (peer, cell) {
                    (PeerKind::Burn, _) if shape == large => 3.0,
                    (PeerKind::Burn, _) => 4.0,
                    // PyTorch has one GRU only.
                    (_, CellKind::GruBefore) => continue,
                    _ if shape == large => 1.0,
                    (_, CellKind::GruAfter) => 2.0,
                    _ => 1.5,
                };
                let ratios = [Mode::Train, Mode::TrainInputs]
                    .map(|mode| find(cell, mode, shape).and_then(|row| row.speedup_over(peer)));
                let what = format!(
                    "{}, training, {}, over {}",
                    cell.label(),
                    shape_text(shape),
                    peer.label()
                );
                bars.push(Bar::new(what, at_least, &ratios));
            }
        }
    }
    let stream = find(CellKind::Lstm, Mode::Stream, STREAM)
        .and_then(|row| row.speedup_over(PeerKind::PyTorch));
    let what = "LSTM, one streaming step, B = 1, H = 256, over PyTorch".to_string();
    bars.push(Bar::new(what, 8.0, &[stream]));
    bars
}

/// The bars of a whole epoch, from the medians of the peers in milliseconds. There are some for the
/// networks of the book: one basic layer, and three LSTM layers.
pub fn epoch_bars(epoch: &EpochRequest, median_of: impl Fn(PeerKind) -> Option<f64>) -> Vec<Bar> {
    let [tensorflow, pytorch] = match (epoch.cell, epoch.layers) {
        (CellKind::Basic, 1) => [1.5, 1.5],
        (CellKind::Lstm, 3) => [1.4, 1.6],
        _ => return Vec::new(),
    };
    [
        (PeerKind::TensorFlow1, tensorflow),
        (PeerKind::PyTorch, pytorch),
    ]
    .into_iter()
    .map(|(peer, least)| {
        let ratio = ratio(peer, &median_of);
        let what = format!(
            "MNIST epoch of {} x {}, data and optimiser included, over {}",
            epoch.layers,
            epoch.cell.label(),
            peer.label()
        );
        Bar::new(what, least, &[ratio])
    })
    .collect()
}

/// The bar of a language model, from the medians of the peers in milliseconds: char-rnn's default
/// network in training, two layers of 512 units in writing.
pub fn text_bars(text: &TextRequest, median_of: impl Fn(PeerKind) -> Option<f64>) -> Vec<Bar> {
    let (least, what) = match (text.mode, text.layers, text.units) {
        (TextMode::Train, 2, 128) => (
            1.5,
            "char-rnn in training, 2 x LSTM 128, T 50, B 50, over PyTorch",
        ),
        (TextMode::Generate, 2, 512) => {
            (10.0, "one text token by token, 2 x LSTM 512, over PyTorch")
        }
        _ => return Vec::new(),
    };
    let ratio = ratio(PeerKind::PyTorch, &median_of);
    vec![Bar::new(what.to_owned(), least, &[ratio])]
}

/// The bar of DeepAR's default network in training, from the medians of the peers in milliseconds.
pub fn series_bars(
    series: &SeriesRequest,
    median_of: impl Fn(PeerKind) -> Option<f64>,
) -> Vec<Bar> {
    let least = match series.cell {
        CellKind::Lstm => 2.0,
        CellKind::GruAfter => 4.0,
        _ => return Vec::new(),
    };
    let ratio = ratio(PeerKind::PyTorch, &median_of);
    let what = format!(
        "DeepAR in training, {} x {} at {}, over PyTorch",
        series.layers,
        series.cell.label(),
        shape_text(series.shape)
    );
    vec![Bar::new(what, least, &[ratio])]
}

/// How many times as long as elman `peer` takes.
fn ratio(peer: PeerKind, median_of: &impl Fn(PeerKind) -> Option<f64>) -> Option<f64> {
    let (theirs, ours) = median_of(peer).zip(median_of(PeerKind::Elman))?;
    Some(crate::stats::speedup(theirs, ours))
}

/// The bars as the commands print them.
pub fn text(bars: &[Bar]) -> String {
    let lines: Vec<_> = bars.iter().map(Bar::to_string).collect();
    format!("bars\n{}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;
    use crate::report::{Measured, Outcome};

    fn report(ratios: &[(Mode, f64)]) -> Report {
        let rows = ratios.iter().map(|&(mode, ratio)| {
            let case = Case {
                cell: CellKind::GruAfter,
                mode,
                shape: SHAPES[0],
            };
            let mut row = Row::new(&case, 2);
            for (peer, ms) in [(PeerKind::Elman, 2.0), (PeerKind::PyTorch, 2.0 * ratio)] {
                let measured = Measured::new(vec![ms], &[], 0.0).unwrap();
                row.outcomes
                    .insert(peer.label().into(), Outcome::Measured(measured));
            }
            row
        });
        Report {
            versions: [].into(),
            rows: rows.collect(),
        }
    }

    fn gru_over_pytorch(report: &Report) -> Bar {
        let bars = bars(report);
        let bar = bars
            .iter()
            .find(|bar| bar.what == "GRU, reset after, training, 28,150,28,150, over PyTorch");
        bar.unwrap().clone()
    }

    #[test]
    fn the_slower_of_the_two_trainings_counts() {
        let bar = gru_over_pytorch(&report(&[(Mode::Train, 2.5), (Mode::TrainInputs, 2.0)]));
        assert_eq!((bar.at_least, bar.found), (2.0, Some(2.0)));
        assert_eq!(bar.verdict, Verdict::Holds);
        let bar = gru_over_pytorch(&report(&[(Mode::Train, 2.5), (Mode::TrainInputs, 1.9)]));
        assert_eq!(bar.verdict, Verdict::Misses);
    }

    #[test]
    fn half_a_measurement_is_none() {
        let bar = gru_over_pytorch(&report(&[(Mode::Train, 2.5)]));
        assert_eq!((bar.found, bar.verdict), (None, Verdict::NotMeasured));
    }

    #[test]
    fn every_line_of_the_plan_has_its_bar() {
        let bars = bars(&report(&[(Mode::Train, 1.0)]));
        // Burn: 4 shapes x 4 cells. PyTorch: 4 shapes x 3 cells. The stream.
        assert_eq!(bars.len(), 16 + 12 + 1);
        let count = |at_least| bars.iter().filter(|bar| bar.at_least == at_least).count();
        assert_eq!(
            [4.0, 3.0, 2.0, 1.5, 1.0, 8.0].map(count),
            [12, 4, 3, 6, 3, 1]
        );
    }

    #[test]
    fn the_epochs_bars_compare_medians() {
        let epoch = |cell, layers| EpochRequest {
            data: "data".into(),
            images: 100,
            batch: 50,
            cell,
            layers,
            units: 16,
            learning_rate: 0.01,
        };
        let verdicts = |cell, layers, ratio: f64| -> Vec<Verdict> {
            let bars = epoch_bars(&epoch(cell, layers), |peer| match peer {
                PeerKind::Elman => Some(1000.0),
                PeerKind::TensorFlow1 => Some(1000.0 * ratio),
                _ => None,
            });
            bars.iter().map(|bar| bar.verdict).collect()
        };
        let one = verdicts(CellKind::Basic, 1, 1.6);
        assert_eq!(one, [Verdict::Holds, Verdict::NotMeasured]);
        assert_ne!(verdicts(CellKind::Basic, 1, 1.45)[0], Verdict::Holds);
        assert_eq!(verdicts(CellKind::Lstm, 3, 1.45)[0], Verdict::Holds);
        assert!(verdicts(CellKind::Lstm, 1, 1.45).is_empty());
    }
}
