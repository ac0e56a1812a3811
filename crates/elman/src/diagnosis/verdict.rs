//! What the figures mean, in words.

use std::fmt;

/// Gradients vanish when no more than this share of the gradient at lag 0 is left at the longest.
pub const VANISHED: f64 = 1e-4;
/// Gradients explode when that at the longest lag is at least so many times that at lag 0.
pub const EXPLODED: f64 = 1e2;

/// What becomes of a layer's gradient on its way back in time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// It neither vanishes nor explodes.
    Flows,
    /// No more than [`VANISHED`] of it is left.
    Vanishes,
    /// It has grown to [`EXPLODED`] times its size or more, or beyond all numbers.
    Explodes,
    /// The loss does not depend on the layer's last state at all.
    Absent,
}

impl Verdict {
    /// Of the gradients at lag 0 and at the longest lag.
    pub(crate) fn new(first: f64, last: f64) -> Self {
        if !(first.is_finite() && last.is_finite()) {
            Self::Explodes
        } else if first == 0.0 {
            Self::Absent
        } else if last <= VANISHED * first {
            Self::Vanishes
        } else if last >= EXPLODED * first {
            Self::Explodes
        } else {
            Self::Flows
        }
    }

    /// One word, as `--json` has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::Vanishes => "vanishes",
            Self::Explodes => "explodes",
            Self::Absent => "absent",
        }
    }

    /// What helps; empty when nothing is wrong.
    pub fn remedies(self) -> &'static str {
        match self {
            Self::Flows => "",
            Self::Vanishes => {
                "an LSTM or a GRU (model.cell), for these gate biases that keep the state longer \
                 (model.chrono_steps, model.forget_bias), else orthogonal or identity weights at the \
                 start (model.recurrent_initializer), or shorter sequences"
            }
            Self::Explodes => {
                "clip gradients (train.clip), a lower learning rate, smaller recurrent weights at \
                 the start (model.recurrent_initializer)"
            }
            Self::Absent => "look for dead units, and at what the layers above read",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flows => "gradients flow",
            Self::Vanishes => "gradients vanish",
            Self::Explodes => "gradients explode",
            Self::Absent => "no gradient comes in",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_each_threshold() {
        for (first, last, expected) in [
            (2.0, 2.0e-4, Verdict::Vanishes),
            (2.0, 2.1e-4, Verdict::Flows),
            (2.0, 199.0, Verdict::Flows),
            (2.0, 200.0, Verdict::Explodes),
            (2.0, 0.0, Verdict::Vanishes),
            (0.0, 0.0, Verdict::Absent),
            (1.0, f64::INFINITY, Verdict::Explodes),
            (f64::NAN, 1.0, Verdict::Explodes),
        ] {
            assert_eq!(Verdict::new(first, last), expected, "{first} {last}");
        }
    }
}
