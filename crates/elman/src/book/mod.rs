//! The chapter's examples, number by number.
//!
//! Chapter 14 of Géron (2017), "Hands-On Machine Learning with Scikit-Learn & TensorFlow", shows
//! five small networks that need neither data nor training. Their weights come from TensorFlow's
//! seeded random operations, which [`crate::random::tensorflow`] draws again, so every number that
//! the chapter's notebook printed (TF 1.15, graph seed 42) can be held against the one that elman computes.
//!
//! Its series is learnt and gone on with: [`time_series`](time_series()). Exercise 7 is trained:
//! [`reber`](reber()). So are the deep networks on MNIST: [`training`].
//!
//! ```
//! for number in elman::book::run(None)? {
//!     assert!(number.holds(), "{number}");
//! }
//! # Ok::<(), elman::Error>(())
//! ```

mod compute;
mod printed;
mod reber;
mod time_series;
mod trainings;

use std::fmt;

use crate::cell::Path;
use crate::error::{Error, Result};
use crate::recipe::{alternatives, nearest};

pub use reber::{PERFECT_BY, ReberEpoch, ReberProbe, ReberReport, reber};
pub use time_series::{SeriesError, SeriesNetwork, SeriesReport, time_series};
pub use trainings::{BELOW, TRAININGS, TrainingEpoch, TrainingReport, training};

use compute::Network;
use printed::Row;

/// How far a number may be from the printed one. Sums of at most eight products of f32 numbers up
/// to 10 are rounded in another order here, and `ln`, `sin`, `cos` and `tanh` by another library.
const TOLERANCE: f64 = 6.0e-6;

/// One of the chapter's examples.
#[derive(Clone, Debug)]
pub struct Example {
    /// What [`run`] knows it by.
    pub name: &'static str,
    /// One line.
    pub title: &'static str,
    /// What the book shows with it.
    pub about: &'static str,
    network: Network,
    printed: &'static [Row],
}

/// A number that the notebook printed, and the same number as computed here.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// The [name](Example::name) of its example.
    pub example: &'static str,
    /// Which number of the example: the tensor and its index, as `Y0[0][3]`.
    pub name: String,
    /// What the notebook printed.
    pub book: f64,
    /// What elman computes.
    pub here: f64,
    /// How far apart they may be.
    pub tolerance: f64,
}

impl Number {
    /// `here` less `book`.
    pub fn difference(&self) -> f64 {
        self.here - self.book
    }

    /// Are they within the tolerance of each other? Not if either is NaN.
    pub fn holds(&self) -> bool {
        self.difference().abs() <= self.tolerance
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: book {}, here {}, difference {:.1e}",
            self.example,
            self.name,
            self.book,
            self.here,
            self.difference()
        )
    }
}

/// The examples, in the order of the chapter.
pub fn examples() -> &'static [Example] {
    &[
        Example {
            name: "manual",
            title: "A basic RNN by hand, two steps",
            about: "Y0 = tanh(X0·Wx + b) and Y1 = tanh(Y0·Wy + X1·Wx + b), written out: five \
                    neurons, three inputs, two time steps, the same weights at both.",
            network: Network::Manual { wx: 5, wy: 14 },
            printed: printed::MANUAL,
        },
        Example {
            name: "static",
            title: "static_rnn",
            about: "The same network from BasicRNNCell and static_rnn: a list of inputs goes in, a \
                    list of outputs comes out.",
            network: Network::Static { kernel: 20 },
            printed: printed::STATIC,
        },
        Example {
            name: "packed",
            title: "static_rnn on one packed tensor",
            about: "One tensor [instances, steps, inputs] is transposed and unstacked for static_rnn, \
                    and its outputs are stacked and transposed back.",
            network: Network::Packed { kernel: 22 },
            printed: printed::PACKED,
        },
        Example {
            name: "dynamic",
            title: "dynamic_rnn",
            about: "dynamic_rnn takes the packed tensor as it is, and computes the same.",
            network: Network::Dynamic { kernel: 87 },
            printed: printed::DYNAMIC,
        },
        Example {
            name: "sequence-length",
            title: "dynamic_rnn with sequence_length",
            about: "The second instance has one step only: its output after that is zero, and its \
                    final state is the output of that one step.",
            network: Network::Lengths { kernel: 106 },
            printed: printed::LENGTHS,
        },
    ]
}

/// Computes every printed number of `example`, or of all examples.
///
/// # Errors
///
/// When there is no example of that name, or it is one of [`TRAINED`].
pub fn run(example: Option<&str>) -> Result<Vec<Number>> {
    let chosen = match example {
        None => examples(),
        Some(name) => std::slice::from_ref(find(name)?),
    };
    let mut numbers = Vec::new();
    for example in chosen {
        numbers.extend(example.numbers(Path::Auto)?);
    }
    Ok(numbers)
}

/// The examples that are trained: by [`time_series`](time_series()), by [`reber`](reber()), the
/// others by [`training`].
pub const TRAINED: [&str; 4] = ["time-series", "reber", TRAININGS[0], TRAININGS[1]];

fn find(name: &str) -> Result<&'static Example> {
    if let Some(found) = examples().iter().find(|example| example.name == name) {
        return Ok(found);
    }
    let names = examples().iter().map(|example| example.name).chain(TRAINED);
    let advice = match nearest(name, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("use {}", alternatives(names)),
    };
    Err(Error::argument(
        format!("example `{name}`"),
        "the chapter has no example of this name",
        advice,
    ))
}

impl Example {
    /// Every printed number beside ours, with the cells on `path`.
    fn numbers(&self, path: Path) -> Result<Vec<Number>> {
        let results = self.network.compute(path)?;
        let mut numbers = Vec::new();
        for row in self.printed {
            for (column, (&book, here)) in row.values.iter().zip(results.row(row)).enumerate() {
                numbers.push(Number {
                    example: self.name,
                    name: format!("{}[{column}]", row.name()),
                    book,
                    here: f64::from(here),
                    tolerance: TOLERANCE,
                });
            }
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::{Example, Network, Number, examples, run};
    use crate::cell::Path;

    fn assert_all_hold(numbers: &[Number], count: usize) {
        assert_eq!(numbers.len(), count);
        for number in numbers {
            assert!(number.holds(), "{number}");
        }
    }

    #[test]
    fn every_printed_number_holds_on_the_fused_and_the_composed_path() {
        for example in examples() {
            for path in [Path::Auto, Path::Composed] {
                let numbers = example.numbers(path).expect("the example runs");
                assert_all_hold(&numbers, 5 * example.printed.len());
            }
        }
    }

    #[test]
    fn run_takes_one_example_or_all() {
        assert_all_hold(&run(None).expect("all run"), 50);
        let numbers = run(Some("sequence-length")).expect("it runs");
        assert_all_hold(&numbers, 20);
        assert_eq!(numbers[6].name, "outputs[1][0][1]");
        assert_eq!(numbers[19].name, "state[1][4]");
        assert!(
            numbers
                .iter()
                .all(|number| number.example == "sequence-length")
        );
    }

    /// The check is worth something only if other weights do not pass it.
    #[test]
    fn another_operation_id_does_not_hold() {
        for example in examples() {
            let network = match example.network {
                Network::Manual { wx, wy } => Network::Manual { wx, wy: wy + 1 },
                Network::Static { kernel } => Network::Static { kernel: kernel + 1 },
                Network::Packed { kernel } => Network::Packed { kernel: kernel + 1 },
                Network::Dynamic { kernel } => Network::Dynamic { kernel: kernel + 1 },
                Network::Lengths { kernel } => Network::Lengths { kernel: kernel + 1 },
            };
            let wrong = Example {
                network,
                ..example.clone()
            };
            let numbers = wrong.numbers(Path::Auto).expect("the example runs");
            assert!(
                numbers.iter().any(|number| !number.holds()),
                "{}",
                example.name
            );
        }
    }

    #[test]
    fn a_number_holds_up_to_its_tolerance() {
        let number = |here| Number {
            example: "manual",
            name: "Y0[0][0]".to_owned(),
            book: 0.5,
            here,
            tolerance: 0.25,
        };
        assert!(number(0.75).holds());
        assert!(number(0.25).holds());
        assert!(!number(0.76).holds());
        assert!(!number(f64::NAN).holds());
        assert_eq!(number(0.25).difference(), -0.25);
    }

    #[test]
    fn an_unknown_example_names_the_nearest() {
        let error = run(Some("dinamic")).expect_err("there is no such example");
        assert!(error.is_argument());
        assert_eq!(
            error.to_string(),
            "example `dinamic`: the chapter has no example of this name; did you mean `dynamic`?"
        );
        let error = run(Some("mnist")).expect_err("there is no such example");
        assert_eq!(
            error.to_string(),
            "example `mnist`: the chapter has no example of this name; use `manual`, `static`, \
             `packed`, `dynamic`, `sequence-length`, `time-series`, `reber`, `mnist-deep` or \
             `mnist-lstm3`"
        );
    }
}
