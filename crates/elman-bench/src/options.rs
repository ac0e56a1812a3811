//! What the options of a cell cost: training with one beside training without, in turns.

use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use comfy_table::{Table, presets};
use elman::cell::{Cell, LayerNormLstmCellConfig, Lengths, LstmCellConfig};
use elman::random::Seed;
use elman::unroll::{UnrollOptions, dynamic_rnn};
use elman::wrapper::{DropoutConfig, Masks, ZoneoutConfig};
use elman_bench_protocol::Shape;

use crate::case::shape_text;
use crate::error::{Error, Result};
use crate::stats::{iterations_for, median};

/// The most that an option may cost, in times of what it is compared with.
const AT_MOST: f64 = 1.3;
/// The same for layer normalisation.
const AT_MOST_NORMALISED: f64 = 1.6;
/// The same for lengths in a batch whose padding counts as work.
const AT_MOST_RAGGED: f64 = 1.1;

/// One training step after another, of one variant.
type Train = Box<dyn FnMut() -> elman::Result<()>>;

/// A way of training that is measured.
struct Variant {
    what: &'static str,
    /// The most times slower that it may be.
    at_most: Option<f64>,
    train: Train,
}

/// The variants of one shape in the making.
struct Variants {
    shape: Shape,
    device: Device,
    list: Vec<Variant>,
}

impl Variants {
    /// Numbers of a fixed stream.
    fn numbers(&self, shape: [usize; 3], purpose: &str) -> Tensor<3> {
        let mut generator = Seed::new(42).generator(purpose);
        let numbers: Vec<f32> = (0..shape.iter().product())
            .map(|_| generator.normal() as f32)
            .collect();
        Tensor::from_data(TensorData::new(numbers, shape), &self.device)
    }

    /// Adds a variant: `cell` on a batch of the shape, or of as many rows as there are `lengths`.
    fn add<C: Cell + 'static>(
        &mut self,
        (what, at_most): (&'static str, Option<f64>),
        cell: C,
        lengths: Option<Vec<usize>>,
    ) {
        let Shape { time, features, .. } = self.shape;
        let batch = lengths.as_ref().map_or(self.shape.batch, Vec::len);
        let inputs = self.numbers([batch, time, features], "inputs");
        let cotangent = self.numbers([batch, time, cell.output_size()], "cotangent");
        let mut training_step = 0;
        let train = move || {
            let mut options = UnrollOptions::default().with_training_step(training_step);
            training_step += 1;
            if let Some(lengths) = &lengths {
                options = options.with_sequence_length(Lengths::new(lengths.clone()));
            }
            let run = dynamic_rnn(&cell, inputs.clone(), options)?;
            drop((run.outputs * cotangent.clone()).sum().backward());
            Ok(())
        };
        self.list.push(Variant {
            what,
            at_most,
            train: Box::new(train),
        });
    }
}

/// Lengths from 1 to `time`, evenly spread over `rows` rows, in no order.
fn ragged(rows: usize, time: usize) -> Vec<usize> {
    // A prime shares no factor with fewer rows, so that its multiples visit each of them.
    const STRIDE: usize = 7919;
    (0..rows)
        .map(|row| 1 + (row * STRIDE % rows) * time / rows)
        .collect()
}

/// All variants of an LSTM of `shape`.
fn variants(shape: Shape) -> elman::Result<Vec<Variant>> {
    let device = Device::flex().autodiff();
    let mut all = Variants {
        shape,
        device: device.clone(),
        list: Vec::new(),
    };
    let (seed, masks) = (Seed::new(1), Seed::new(2));
    let plain = || LstmCellConfig::new(shape.features, shape.units);
    let projected = (shape.units / 2).max(1);
    let lstm = || plain().init(seed, &device);
    all.add(("plain LSTM", None), lstm(), None);
    let option = |what| (what, Some(AT_MOST));
    all.add(
        option("peepholes"),
        plain().with_peepholes().init(seed, &device),
        None,
    );
    all.add(
        option("cell clip"),
        plain().with_cell_clip(3.0).init(seed, &device),
        None,
    );
    let projection = plain().with_num_proj(projected);
    all.add(
        option("projection to half"),
        projection.clone().init(seed, &device),
        None,
    );
    all.add(
        option("projection to half, clipped"),
        projection.with_proj_clip(3.0).init(seed, &device),
        None,
    );
    let everything = plain().with_peepholes().with_cell_clip(3.0);
    let everything = everything.with_num_proj(projected).with_proj_clip(3.0);
    all.add(option("all of these"), everything.init(seed, &device), None);
    let dropout = DropoutConfig::new();
    let around = dropout
        .clone()
        .with_input_keep_prob(0.5)
        .with_output_keep_prob(0.5);
    all.add(
        option("dropout of inputs"),
        dropout
            .clone()
            .with_input_keep_prob(0.5)
            .init(lstm(), masks)?,
        None,
    );
    all.add(
        option("dropout of inputs and outputs"),
        around.clone().init(lstm(), masks)?,
        None,
    );
    all.add(
        option("the same, one mask for all steps"),
        around.with_masks(Masks::Shared).init(lstm(), masks)?,
        None,
    );
    all.add(
        option("dropout of the state"),
        dropout.with_state_keep_prob(0.5).init(lstm(), masks)?,
        None,
    );
    all.add(
        ("zoneout", None),
        ZoneoutConfig::new(0.1, 0.1).init(lstm(), masks)?,
        None,
    );
    let normalised = LayerNormLstmCellConfig::new(shape.features, shape.units);
    all.add(
        ("layer normalisation", Some(AT_MOST_NORMALISED)),
        normalised.init(seed, &device),
        None,
    );
    // Twice as many rows of half the steps: as many real steps as the plain batch has.
    let lengths = ragged(2 * shape.batch, shape.time);
    all.add(option("lengths, as many real steps"), lstm(), Some(lengths));
    let lengths = ragged(shape.batch, shape.time);
    all.add(
        ("lengths, padding counted as work", Some(AT_MOST_RAGGED)),
        lstm(),
        Some(lengths),
    );
    Ok(all.list)
}

/// What one variant took, and how many times what the first one did.
struct Cost {
    ms: f64,
    ratio: f64,
}

/// Measures all variants of each of `shapes` in `rounds` rounds of about `round_ms` each, in turns, and
/// compares the medians; a table with the bars.
///
/// # Errors
///
/// When a variant fails.
pub fn compare_options(shapes: &[Shape], rounds: usize, round_ms: f64) -> Result<String> {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "T,B,F,H",
        "training with",
        "ms",
        "against plain",
        "at most",
        "",
    ]);
    for &shape in shapes {
        let failed = |error: elman::Error| Error::Failed {
            peer: "elman".into(),
            task: format!("train with options at {}", shape_text(shape)),
            reason: error.to_string(),
        };
        let mut all = variants(shape).map_err(failed)?;
        let costs = measure(&mut all, rounds, round_ms).map_err(failed)?;
        for (variant, cost) in all.iter().zip(costs) {
            let verdict = match variant.at_most {
                None => "",
                Some(most) if cost.ratio <= most => "holds",
                Some(_) => "MISSES",
            };
            table.add_row([
                shape_text(shape),
                variant.what.into(),
                format!("{:.2}", cost.ms),
                format!("{:.2}x", cost.ratio),
                variant
                    .at_most
                    .map_or("-".into(), |most| format!("{most:.1}x")),
                verdict.into(),
            ]);
        }
    }
    Ok(format!("{table}\n"))
}

fn measure(all: &mut [Variant], rounds: usize, round_ms: f64) -> elman::Result<Vec<Cost>> {
    let mut iterations = Vec::with_capacity(all.len());
    for variant in all.iter_mut() {
        (variant.train)()?;
        let started = Instant::now();
        (variant.train)()?;
        iterations.push(iterations_for(
            round_ms,
            started.elapsed().as_secs_f64() * 1e3,
        ));
    }
    let mut times = vec![Vec::with_capacity(rounds); all.len()];
    for _ in 0..rounds {
        for (which, variant) in all.iter_mut().enumerate() {
            (variant.train)()?;
            let started = Instant::now();
            for _ in 0..iterations[which] {
                (variant.train)()?;
            }
            let ms = started.elapsed().as_secs_f64() * 1e3;
            times[which].push(ms / iterations[which] as f64);
        }
    }
    let medians: Vec<f64> = times
        .iter()
        .map(|times| median(times).expect("at least one round"))
        .collect();
    let costs = medians.iter().map(|&ms| Cost {
        ms,
        ratio: ms / medians[0],
    });
    Ok(costs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::shape;

    #[test]
    fn ragged_lengths_are_spread_evenly_over_the_rows() {
        let lengths = ragged(64, 100);
        let total: usize = lengths.iter().sum();
        // Half of all steps, as in 32 full rows: to 3 in a hundred.
        assert!((3100..=3300).contains(&total), "{total}");
        assert!(lengths.iter().all(|&length| (1..=100).contains(&length)));
        assert!(lengths.windows(2).any(|pair| pair[0] > pair[1]));
    }

    #[test]
    fn every_variant_trains_and_the_plain_one_costs_once_itself() {
        let mut all = variants(shape(3, 4, 5, 6)).unwrap();
        let costs = measure(&mut all, 1, 0.001).unwrap();
        assert_eq!(all[0].what, "plain LSTM");
        assert_eq!(costs[0].ratio, 1.0);
        assert!(costs.iter().all(|cost| cost.ms > 0.0));
    }
}
