//! The whole training epoch of the book's MNIST network, data and optimiser included.

use std::num::NonZeroUsize;

use comfy_table::{Table, presets};
use elman_bench_protocol::{EpochRequest, Request};
use serde::Serialize;

use crate::child::{Child, Limits, Prepared};
use crate::compare::Launch;
use crate::error::Result;
use crate::peers::PeerKind;
use crate::stats::{median, minimum, speedup};

/// Those that have a training loop.
const PEERS: [PeerKind; 3] = [PeerKind::Elman, PeerKind::PyTorch, PeerKind::TensorFlow1];

/// What a peer needed for an epoch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EpochTimes {
    /// Which peer.
    #[serde(skip)]
    pub peer: PeerKind,
    /// Its name.
    pub name: &'static str,
    /// Of its library.
    pub version: String,
    /// Of every peer.
    pub threads: usize,
    /// Seconds of each epoch, in order.
    pub epochs_s: Vec<f64>,
    /// Processor time over wall time, the median of the epochs.
    pub cpu_per_wall: Option<f64>,
    /// Mean cross-entropy of the last epoch's last batch, in nats: proof that it trained.
    pub last_loss_nats: Option<f64>,
}

/// What came of an epoch's comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EpochReport {
    /// Those that have a training loop.
    pub times: Vec<EpochTimes>,
    /// Those that have none, and why.
    pub left_out: Vec<String>,
}

/// Trains `rounds` epochs with every peer in turn, on `threads` threads each.
///
/// # Errors
///
/// When a peer fails.
pub fn compare_epochs(
    launch: Launch<'_>,
    threads: NonZeroUsize,
    epoch: &EpochRequest,
    rounds: usize,
) -> Result<EpochReport> {
    compare_loops(
        launch,
        threads,
        &Request::Epoch(epoch.clone()),
        &PEERS,
        rounds,
    )
}

/// Runs `rounds` iterations of `request` with every one of `peers` in turn, on `threads` threads each.
///
/// # Errors
///
/// When a peer fails.
pub fn compare_loops(
    launch: Launch<'_>,
    threads: NonZeroUsize,
    request: &Request,
    peers: &[PeerKind],
    rounds: usize,
) -> Result<EpochReport> {
    let limits = Limits::default();
    let mut report = EpochReport::default();
    let mut children = Vec::new();
    for &peer in peers {
        let Some(command) = launch(peer, threads)? else {
            report
                .left_out
                .push(format!("{}: no interpreter given", peer.label()));
            continue;
        };
        let mut child = Child::start(peer.label(), command, limits)?;
        match child.prepare(request)? {
            Prepared::Ready => children.push((peer, child, Vec::new())),
            Prepared::Unsupported(reason) => report.left_out.push(reason),
        }
    }
    // The first epoch warms up: pages, caches, thread pools, graph compilation.
    for round in 0..=rounds {
        for (_, child, epochs) in &mut children {
            let epoch = child.run(1)?;
            if round > 0 {
                epochs.push(epoch);
            }
        }
    }
    report.times = children
        .into_iter()
        .map(|(peer, child, epochs)| {
            let shares: Vec<_> = epochs
                .iter()
                .filter_map(|epoch| epoch.cpu_per_wall)
                .collect();
            EpochTimes {
                peer,
                name: peer.label(),
                version: child.version().into(),
                threads: threads.get(),
                epochs_s: epochs
                    .iter()
                    .map(|epoch| epoch.milliseconds / 1e3)
                    .collect(),
                cpu_per_wall: median(&shares),
                last_loss_nats: epochs.last().and_then(|epoch| epoch.loss),
            }
        })
        .collect();
    Ok(report)
}

impl EpochReport {
    /// The median of a peer's epochs, in milliseconds.
    pub fn median_ms(&self, peer: PeerKind) -> Option<f64> {
        let times = self.times.iter().find(|times| times.peer == peer)?;
        Some(median(&times.epochs_s)? * 1e3)
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header([
            "peer",
            "threads",
            "median s",
            "minimum s",
            "times elman's",
            "CPU/wall",
            "last batch's loss, nats",
        ]);
        let number = |value: Option<f64>, digits: usize| match value {
            Some(value) => format!("{value:.digits$}"),
            None => "-".into(),
        };
        let ours = self.median_ms(PeerKind::Elman);
        for times in &self.times {
            let theirs = self.median_ms(times.peer);
            table.add_row([
                format!("{} {}", times.name, times.version),
                times.threads.to_string(),
                number(median(&times.epochs_s), 3),
                number(minimum(&times.epochs_s), 3),
                number(
                    theirs.zip(ours).map(|(theirs, ours)| speedup(theirs, ours)),
                    2,
                ),
                number(times.cpu_per_wall, 2),
                number(times.last_loss_nats, 3),
            ]);
        }
        let left_out: String = self
            .left_out
            .iter()
            .map(|reason| format!("left out: {reason}\n"))
            .collect();
        format!("{table}\n{left_out}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_compares_medians_with_elmans() {
        let times = |peer: PeerKind, epochs: [f64; 3]| EpochTimes {
            peer,
            name: peer.label(),
            version: "1".into(),
            threads: 2,
            epochs_s: epochs.into(),
            cpu_per_wall: Some(1.9),
            last_loss_nats: None,
        };
        let report = EpochReport {
            times: vec![
                times(PeerKind::Elman, [2.0, 9.0, 1.0]),
                times(PeerKind::TensorFlow1, [4.0, 3.0, 9.0]),
            ],
            left_out: vec!["PyTorch: no interpreter given".into()],
        };
        assert_eq!(report.median_ms(PeerKind::TensorFlow1), Some(4000.0));
        assert_eq!(report.median_ms(PeerKind::PyTorch), None);
        let table = report.table();
        let line = table.lines().find(|line| line.contains("TF 1")).unwrap();
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        assert_eq!(
            cells,
            ["", "TF 1 1", "2", "4.000", "3.000", "2.00", "1.90", "-", ""]
        );
        assert!(table.ends_with("left out: PyTorch: no interpreter given\n"));
    }
}
