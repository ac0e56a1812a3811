//! One very long sequence: exact backpropagation within a memory budget, beside the plain one.
//!
//! Each run has a process of its own, whose peak memory the operating system knows. The runs take
//! turns, so that a slow minute of the machine is one of all of them.

use std::process::Command;
use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use comfy_table::{Table, presets};
use elman::cell::{LstmCell, LstmCellConfig};
use elman::random::Seed;
use elman::unroll::{UnrollOptions, dynamic_rnn};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::stats::median;

/// An LSTM over one long batch: forward, the sum of the outputs' squares, backward to all weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LongRun {
    /// `T`.
    pub time: usize,
    /// `B`.
    pub batch: usize,
    /// `H`; there are as many features as [`FEATURES`].
    pub units: usize,
    /// The budget in bytes; `None` for the plain run.
    pub memory: Option<u64>,
}

/// `F`.
pub const FEATURES: usize = 2;

/// What a run took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LongMeasured {
    /// Of the second round; the first one warms up.
    pub seconds: f64,
    /// The most memory that the process had, before the first round and after the second, in bytes.
    pub peak: [u64; 2],
    /// Of the bits of all gradients.
    pub fingerprint: u64,
}

impl LongRun {
    /// Runs it in this process.
    ///
    /// # Errors
    ///
    /// When the budget is too small, or the system does not say how much memory was used.
    pub fn measure(&self) -> Result<LongMeasured> {
        let device = Device::flex().autodiff();
        let cell = LstmCellConfig::new(FEATURES, self.units).init(Seed::new(42), &device);
        let mut generator = Seed::new(42).generator("long sequence");
        let count = self.batch * self.time * FEATURES;
        let numbers: Vec<f32> = (0..count).map(|_| generator.normal() as f32).collect();
        let shape = [self.batch, self.time, FEATURES];
        let inputs = Tensor::<3>::from_data(TensorData::new(numbers, shape), &device);
        let before = peak_memory()?;
        self.round(&cell, inputs.clone())?;
        let started = Instant::now();
        let gradients = self.round(&cell, inputs)?;
        let seconds = started.elapsed().as_secs_f64();
        Ok(LongMeasured {
            seconds,
            peak: [before, peak_memory()?],
            fingerprint: hash(&gradients),
        })
    }

    /// The gradients of kernel and bias.
    fn round(&self, cell: &LstmCell, inputs: Tensor<3>) -> Result<Vec<TensorData>> {
        let mut options = UnrollOptions::default();
        if let Some(bytes) = self.memory {
            options = options.with_memory(bytes);
        }
        let failed = |error: elman::Error| Error::Failed {
            peer: "elman".into(),
            task: "unroll a long sequence".into(),
            reason: error.to_string(),
        };
        let run = dynamic_rnn(cell, inputs, options).map_err(failed)?;
        let gradients = run.state.hidden.square().sum().backward();
        let kernel = cell.kernel.val().grad(&gradients);
        let bias = cell.bias.val().grad(&gradients);
        Ok(vec![
            kernel.expect("the kernel takes part").into_data(),
            bias.expect("the bias takes part").into_data(),
        ])
    }

    /// Runs it in a process of its own, by `program` (this one).
    fn in_child(&self, program: &std::path::Path) -> Result<LongMeasured> {
        let failed = |reason: String| Error::Failed {
            peer: "elman".into(),
            task: format!("run {} steps", self.time),
            reason,
        };
        let request = serde_json::to_string(self).expect("numbers");
        let output = Command::new(program)
            .args(["long-run", &request])
            .output()
            .map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
    }
}

/// FNV-1a over the bytes of all tensors.
fn hash(tensors: &[TensorData]) -> u64 {
    let bytes = tensors.iter().flat_map(|tensor| tensor.as_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The most memory that this process ever had, in bytes (Linux's `VmHWM`).
fn peak_memory() -> Result<u64> {
    let path = std::path::Path::new("/proc/self/status");
    let text = std::fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
    let peak = text.lines().find_map(|line| {
        let number = line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?;
        number.trim().parse::<u64>().ok()
    });
    peak.map(|kib| kib * 1024)
        .ok_or_else(|| Error::file(path, "it does not name VmHWM"))
}

/// Compares the plain run of `plain_time` steps with the same under half the budget, and runs `long`
/// steps under the budget, so many rounds in turns; a table of all three. Times and ratios are medians
/// over the rounds, a ratio is of one round.
///
/// # Errors
///
/// When a run fails or the gradients of the first two differ.
///
/// # Panics
///
/// When there are no rounds.
pub fn compare_long(
    program: &std::path::Path,
    long: LongRun,
    plain_time: usize,
    rounds: usize,
) -> Result<String> {
    let at = |time, memory| LongRun {
        time,
        memory,
        ..long
    };
    let runs = [
        at(plain_time, None),
        at(plain_time, long.memory.map(|bytes| bytes / 2)),
        long,
    ];
    let mut found: [Vec<LongMeasured>; 3] = Default::default();
    for _ in 0..rounds {
        for (run, found) in runs.iter().zip(&mut found) {
            found.push(run.in_child(program)?);
        }
    }
    let table = table(&runs, &found);
    if found[0][0].fingerprint != found[1][0].fingerprint {
        return Err(Error::Failed {
            peer: "elman".into(),
            task: "recompute".into(),
            reason: format!("the gradients differ\n{table}"),
        });
    }
    Ok(format!(
        "{table}\nBefore the first round a process has {} MiB.\n",
        mib(found[2][0].peak[0])
    ))
}

/// A line for each run, the plain one first.
fn table(runs: &[LongRun; 3], found: &[Vec<LongMeasured>; 3]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "T",
        "budget MiB",
        "seconds",
        "µs a step",
        "against plain",
        "peak MiB",
        "gradients",
    ]);
    let step = |run: &LongRun, of: &LongMeasured| of.seconds / run.time as f64;
    for (run, measured) in runs.iter().zip(found) {
        let seconds: Vec<f64> = measured.iter().map(|of| of.seconds).collect();
        let seconds = median(&seconds).expect("there are rounds");
        let pairs = measured.iter().zip(&found[0]);
        let ratios: Vec<f64> = pairs
            .map(|(of, plain)| step(run, of) / step(&runs[0], plain))
            .collect();
        let ratio = median(&ratios).expect("there are rounds");
        let peak = measured.iter().map(|of| of.peak[1]).max();
        table.add_row([
            run.time.to_string(),
            run.memory.map_or("none".into(), mib),
            format!("{seconds:.2}"),
            format!("{:.2}", 1e6 * seconds / run.time as f64),
            format!("{ratio:.2}x"),
            mib(peak.expect("there are rounds")),
            format!("{:016x}", measured[0].fingerprint),
        ]);
    }
    table
}

fn mib(bytes: u64) -> String {
    format!("{:.0}", bytes as f64 / f64::from(1 << 20))
}
