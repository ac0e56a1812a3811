//! Learning-rate schedules, as TensorFlow 1 computes them.
//!
//! ```text
//! p = max(step - start, 0) / decay_steps; with a staircase its whole part
//!
//! exponential        rate · decay_rate^p
//! inverse_time       rate / (1 + decay_rate · p)
//! natural_exp        rate · e^(-decay_rate · p)
//! polynomial         (rate - end) · (1 - min(p, 1))^power + end
//!                    with a cycle p = step / (decay_steps · ⌈step / decay_steps⌉)
//! cosine             rate · ((1 - alpha) · (1 + cos(π · min(p, 1))) / 2 + alpha)
//! piecewise_constant values[i], i the number of boundaries below step
//! ```
//!
//! `tf.train.exponential_decay`, `inverse_time_decay`, `natural_exp_decay`, `polynomial_decay`,
//! `cosine_decay` (Loshchilov and Hutter 2017, arXiv 1608.03983), `piecewise_constant`. TF 1's
//! `global_step` is here the step or the epoch.

use std::f64::consts::PI;

/// How the learning rate changes (`[train.schedule]`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schedule {
    /// How (`kind`, default `"constant"`).
    pub decay: Decay,
    /// What is counted (`unit`, default `"step"`).
    pub unit: ScheduleUnit,
}

/// What a schedule counts (`train.schedule.unit`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScheduleUnit {
    /// Steps of all epochs (`"step"`).
    #[default]
    Step,
    /// Epochs: the rate stays the same during one (`"epoch"`).
    Epoch,
}

/// The form of a schedule (`train.schedule.kind`).
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Decay {
    /// It stays the same (`"constant"`).
    #[default]
    Constant,
    /// Multiplied by `decay_rate` every `decay_steps` (`"exponential"`).
    Exponential(DecayRate),
    /// Divided by one more `decay_rate` every `decay_steps` (`"inverse_time"`).
    InverseTime(DecayRate),
    /// Multiplied by e^-`decay_rate` every `decay_steps` (`"natural_exp"`).
    NaturalExp(DecayRate),
    /// Down to `end_learning_rate` in `decay_steps` (`"polynomial"`).
    Polynomial {
        /// At least 1.
        decay_steps: u64,
        /// The last learning rate, at least 0 (default 0.0001).
        end_learning_rate: f64,
        /// Above 0 (default 1: a straight line).
        power: f64,
        /// Does it rise again after `decay_steps` (default no)?
        cycle: bool,
    },
    /// Down to `alpha` of it in `decay_steps`, along half a cosine (`"cosine"`).
    Cosine {
        /// At least 1.
        decay_steps: u64,
        /// From 0 to 1 (default 0).
        alpha: f64,
    },
    /// One value after the other (`"piecewise_constant"`); the optimiser's own rate is not read.
    PiecewiseConstant {
        /// The last step of each value but the last, rising.
        boundaries: Vec<u64>,
        /// The learning rates, above 0, one more than boundaries.
        values: Vec<f64>,
    },
}

/// What the decays without an end share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecayRate {
    /// At least 1.
    pub decay_steps: u64,
    /// Above 0; of an exponential decay at most 1.
    pub decay_rate: f64,
    /// Does it fall at every `decay_steps` only (default no)?
    pub staircase: bool,
    /// Steps before it begins to fall (default 0).
    pub start: u64,
}

impl DecayRate {
    /// How many times `decay_steps` have passed at `step` since the start.
    fn times(&self, step: u64) -> f64 {
        let step = step.saturating_sub(self.start);
        if self.staircase {
            (step / self.decay_steps) as f64
        } else {
            step as f64 / self.decay_steps as f64
        }
    }
}

impl Schedule {
    /// The learning rate of `step` (from 0, over all epochs) in `epoch` (from 0), for the
    /// optimiser's own rate `base`.
    pub fn learning_rate(&self, base: f64, epoch: usize, step: u64) -> f64 {
        let step = match self.unit {
            ScheduleUnit::Step => step,
            ScheduleUnit::Epoch => epoch as u64,
        };
        match &self.decay {
            Decay::Constant => base,
            Decay::Exponential(rate) => base * rate.decay_rate.powf(rate.times(step)),
            Decay::InverseTime(rate) => base / (1.0 + rate.decay_rate * rate.times(step)),
            Decay::NaturalExp(rate) => base * (-rate.decay_rate * rate.times(step)).exp(),
            &Decay::Polynomial {
                decay_steps,
                end_learning_rate,
                power,
                cycle,
            } => {
                let rounds = match cycle {
                    true => step.div_ceil(decay_steps).max(1),
                    false => 1,
                };
                let part = (step as f64 / (rounds * decay_steps) as f64).min(1.0);
                (base - end_learning_rate) * (1.0 - part).powf(power) + end_learning_rate
            }
            &Decay::Cosine { decay_steps, alpha } => {
                let part = (step as f64 / decay_steps as f64).min(1.0);
                let wave = (1.0 + (PI * part).cos()) / 2.0;
                base * ((1.0 - alpha) * wave + alpha)
            }
            Decay::PiecewiseConstant { boundaries, values } => {
                values[boundaries.partition_point(|&boundary| boundary < step)]
            }
        }
    }
}
