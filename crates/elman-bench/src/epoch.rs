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
    /// Seconds of each epoch of each process, in order.
    pub epochs_s: Vec<Vec<f64>>,
    /// Processor time over wall time, of each epoch.
    pub cpu_per_wall: Vec<f64>,
    /// Mean cross-entropy of the last epoch's last batch, in nats: proof that it trained.
    pub last_loss_nats: Option<f64>,
}

/// How often a loop is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeats {
    /// Of each peer, one after the other: what comes with the process that a peer gets, such as where its
    /// memory lies, is measured as often.
    pub processes: usize,
    /// Iterations of each process, after one that warms up.
    pub rounds: usize,
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
        Repeats {
            processes: 1,
            rounds,
        },
    )
}

/// Runs `request` with every one of `peers` in turn, on `threads` threads each, as often as `repeats` says.
///
/// # Errors
///
/// When a peer fails.
pub fn compare_loops(
    launch: Launch<'_>,
    threads: NonZeroUsize,
    request: &Request,
    peers: &[PeerKind],
    repeats: Repeats,
) -> Result<EpochReport> {
    let mut report = EpochReport::default();
    for _ in 0..repeats.processes {
        report.add(one_process_each(
            launch,
            threads,
            request,
            peers,
            repeats.rounds,
        )?);
    }
    Ok(report)
}

fn one_process_each(
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
            let seconds = epochs.iter().map(|epoch| epoch.milliseconds / 1e3);
            EpochTimes {
                peer,
                name: peer.label(),
                version: child.version().into(),
                threads: threads.get(),
                epochs_s: vec![seconds.collect()],
                cpu_per_wall: epochs
                    .iter()
                    .filter_map(|epoch| epoch.cpu_per_wall)
                    .collect(),
                last_loss_nats: epochs.last().and_then(|epoch| epoch.loss),
            }
        })
        .collect();
    Ok(report)
}

impl EpochReport {
    /// Adds what other processes of the same peers measured.
    fn add(&mut self, other: Self) {
        for times in other.times {
            let before = self
                .times
                .iter_mut()
                .find(|before| before.peer == times.peer);
            match before {
                None => self.times.push(times),
                Some(before) => {
                    before.epochs_s.extend(times.epochs_s);
                    before.cpu_per_wall.extend(times.cpu_per_wall);
                    before.last_loss_nats = times.last_loss_nats;
                }
            }
        }
        self.left_out = other.left_out;
    }

    /// The median of a peer's epochs, in milliseconds.
    pub fn median_ms(&self, peer: PeerKind) -> Option<f64> {
        let times = self.times.iter().find(|times| times.peer == peer)?;
        Some(median(&times.epochs_s.concat())? * 1e3)
    }

    /// The table; below it, where a peer had several processes, the median of each.
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
            let epochs_s = times.epochs_s.concat();
            let theirs = self.median_ms(times.peer);
            table.add_row([
                format!("{} {}", times.name, times.version),
                times.threads.to_string(),
                number(median(&epochs_s), 3),
                number(minimum(&epochs_s), 3),
                number(
                    theirs.zip(ours).map(|(theirs, ours)| speedup(theirs, ours)),
                    2,
                ),
                number(median(&times.cpu_per_wall), 2),
                number(times.last_loss_nats, 3),
            ]);
        }
        let mut text = format!("{table}\n");
        for times in self.times.iter().filter(|times| times.epochs_s.len() > 1) {
            let medians = times.epochs_s.iter().map(|epochs| median(epochs));
            let medians: Vec<_> = medians.map(|median| number(median, 3)).collect();
            let line = format!(
                "{}, of each process, s: {}\n",
                times.name,
                medians.join(" ")
            );
            text.push_str(&line);
        }
        for reason in &self.left_out {
            text.push_str(&format!("left out: {reason}\n"));
        }
        text
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
            epochs_s: vec![epochs.into()],
            cpu_per_wall: vec![1.9],
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
        assert!(!table.contains("of each process"));
    }

    #[test]
    fn the_epochs_of_all_processes_have_one_median() {
        let of_process = |epochs: [f64; 3]| EpochReport {
            times: vec![EpochTimes {
                peer: PeerKind::PyTorch,
                name: PeerKind::PyTorch.label(),
                version: "2".into(),
                threads: 2,
                epochs_s: vec![epochs.into()],
                cpu_per_wall: vec![2.0],
                last_loss_nats: Some(1.0),
            }],
            left_out: vec!["TF 1: no interpreter given".into()],
        };
        let mut report = EpochReport::default();
        for epochs in [[1.0, 1.1, 1.2], [3.0, 3.1, 3.2], [3.3, 3.5, 3.4]] {
            report.add(of_process(epochs));
        }
        assert_eq!(report.median_ms(PeerKind::PyTorch), Some(3100.0));
        let table = report.table();
        assert!(table.contains("PyTorch, of each process, s: 1.100 3.100 3.400\n"));
        assert_eq!(table.matches("left out").count(), 1);
    }
}
