//! Why a recurrent network learns, or does not: how far gradients go back in time, which gates are
//! saturated, which units are dead, what the recurrent weights do by themselves.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use elman::cell::BasicRnnCellConfig;
//! use elman::diagnosis::{Verdict, diagnose};
//! use elman::random::Seed;
//! use elman::recipe::Readout;
//! use elman::task::Network;
//!
//! let device = Device::flex().autodiff();
//! let cell = BasicRnnCellConfig::new(2, 8).init(Seed::new(1), &device);
//! let network = Network::new(vec![cell.into()], Readout::Last)?;
//! let inputs = Tensor::<3>::ones([4, 100, 2], &device);
//! let layers = diagnose(&network, inputs, None, |output| Ok(output.square().mean_dim(1).mean()))?;
//! assert_eq!(layers[0].verdict(), Verdict::Vanishes);
//! println!("{}", layers[0]);
//! # Ok::<(), elman::Error>(())
//! ```

mod flow;
mod lag;
mod leaf;
mod saturation;
mod spectrum;
mod trace;
mod units;
mod verdict;

pub use flow::LayerFlow;
pub(crate) use flow::{FlowProbe, flow, worry};
pub use lag::LagNorms;
pub use saturation::{GateSaturation, SATURATED_WITHIN};
pub use spectrum::spectral_radius;
pub(crate) use trace::{Trace, trace};
pub use units::{CONSTANT_WITHIN, UnitFacts};
pub use verdict::{EXPLODED, VANISHED, Verdict};

use std::fmt;

use burn::tensor::Tensor;

use crate::cell::{Lengths, StatePart};
use crate::error::{Error, Result};
use crate::task::Network;

/// The spectral radius of the weights from the old state to one gate's sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateRadius {
    /// The gate, as the cell's equation has it; `unit` for the units of a basic cell.
    pub gate: &'static str,
    /// The spectral radius. In a basic cell with a slope of 1 it is the factor a step back; in a
    /// gated cell it is one influence among others.
    pub radius: f64,
}

/// What is known about one recurrent cell of a network.
#[derive(Clone, Debug)]
pub struct LayerDiagnosis {
    /// The type of the cell.
    pub cell: String,
    /// The gradient against the lag, for each part of the state: an LSTM's `c`, then its `h`.
    pub lags: Vec<LagNorms>,
    /// Its gates. Empty for a cell whose steps are seen from outside only: all but the basic cell,
    /// the LSTM and the GRU.
    pub gates: Vec<GateSaturation>,
    /// Its recurrent weights; empty as `gates` is.
    pub radii: Vec<GateRadius>,
    /// Its units.
    pub units: UnitFacts,
}

impl LayerDiagnosis {
    /// The way by which most of the gradient goes back: the part of the state whose gradient at the
    /// longest lag is largest.
    ///
    /// # Panics
    ///
    /// When the layer has no state: every cell has one.
    pub fn main_lag(&self) -> &LagNorms {
        let last = |lag: &&LagNorms| lag.norms.last().copied().unwrap_or(0.0);
        self.lags
            .iter()
            .max_by(|one, other| last(one).total_cmp(&last(other)))
            .expect("a state has parts")
    }

    /// What becomes of the gradient on its way back.
    pub fn verdict(&self) -> Verdict {
        let lag = self.main_lag();
        Verdict::new(lag.reference(), lag.norms.last().copied().unwrap_or(0.0))
    }
}

/// The verdict with its reasons, for a person.
impl fmt::Display for LayerDiagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lag, verdict) = (self.main_lag(), self.verdict());
        write!(f, "{verdict}")?;
        if verdict != Verdict::Absent {
            write!(f, ": after {} steps {}", lag.longest(), share(lag.left()))?;
            if let Some(rate) = lag.rate() {
                write!(f, " (a factor of {rate:.3} a step)")?;
            }
        }
        for GateRadius { gate, radius } in self.radii.iter().filter(|it| it.gate == "unit") {
            write!(
                f,
                "; the recurrent weights of the {gate}s have a spectral radius of {radius:.2}"
            )?;
        }
        for gate in self.gates.iter().filter(|it| it.gate == "unit") {
            let share = 100.0 * (gate.low() + gate.high());
            write!(f, "; {share:.0} % of the units' values are saturated")?;
        }
        match verdict.remedies() {
            "" => Ok(()),
            remedies => write!(f, "; what helps: {remedies}"),
        }
    }
}

/// How much of a gradient is left, for a person.
fn share(left: f64) -> String {
    match left {
        0.0 => "nothing of it is left".to_owned(),
        left if !left.is_finite() => "it is beyond all numbers".to_owned(),
        left if left >= 1e3 => format!("it is {left:.1e} times as large"),
        left if left >= 1.0 => format!("it is {left:.2} times as large"),
        left if left >= 0.01 => format!("{left:.3} of it is left"),
        left => format!("{left:.1e} of it is left"),
    }
}

/// Runs `network` over `inputs`, `[B, T, F]`, on a device with autodiff, and follows the gradient of
/// `loss` back in time; `lengths` are the real steps of each row. `loss` takes what is read out,
/// `[B, readout]`, to the mean over rows, `[1]`. One entry a recurrent cell, the lowest first.
///
/// Steps are taken one by one in plain operations, from the zero state, and dropout is off. The
/// gradients are exact.
///
/// # Errors
///
/// When there is no row or no step, a shape does not fit, or `loss` fails.
pub fn diagnose(
    network: &Network,
    inputs: Tensor<3>,
    lengths: Option<Lengths>,
    loss: impl FnOnce(Tensor<2>) -> Result<Tensor<1>>,
) -> Result<Vec<LayerDiagnosis>> {
    let [batch, time, _] = inputs.dims();
    if batch * time == 0 {
        return Err(Error::argument(
            "inputs",
            format!("has B = {batch} rows of T = {time} steps"),
            "give at least one row of one step",
        ));
    }
    let mut traces = Vec::new();
    let lengths = lengths.map(|lengths| lengths.as_slice().to_vec());
    let read = network.traced(inputs, lengths, &mut traces)?;
    let mean = loss(read)?;
    Ok(conclude(traces, mean, batch))
}

/// The figures of `traces` from the mean loss over `batch` rows.
pub(crate) fn conclude(traces: Vec<Trace>, mean: Tensor<1>, batch: usize) -> Vec<LayerDiagnosis> {
    let (gradients, per_row) = leaf::scaled_backward(mean, batch);
    let layers = traces.into_iter().map(|trace| {
        let by_part = trace.norms(&gradients).into_iter().zip(&trace.kinds);
        let lags = by_part.map(|(mut norms, &kind): (Vec<Vec<f64>>, &StatePart)| {
            norms.iter_mut().flatten().for_each(|norm| *norm *= per_row);
            LagNorms::new(kind, &norms, &trace.lengths)
        });
        LayerDiagnosis {
            lags: lags.collect(),
            cell: trace.cell,
            gates: trace.gates,
            radii: trace
                .weights
                .iter()
                .map(|weights| GateRadius {
                    gate: weights.gate,
                    radius: spectral_radius(&weights.matrix),
                })
                .collect(),
            units: trace.units,
        }
    });
    layers.collect()
}

#[cfg(test)]
mod tests;
