//! The recipes that travel inside the library.

use std::path::Path;

use super::vocabulary::{alternatives, nearest};
use crate::error::{Error, Result};

/// A recipe that every copy of this library knows by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// By which [`Recipe::load`](super::Recipe::load) finds it.
    pub name: &'static str,
    /// The recipe's own title.
    pub title: &'static str,
    /// The recipe as TOML.
    pub text: &'static str,
}

pub(super) const ALL: &[Shipped] = &[
    Shipped {
        name: "mnist",
        title: "MNIST rows, basic RNN",
        text: include_str!("../../../../recipes/mnist.toml"),
    },
    Shipped {
        name: "mnist-lstm",
        title: "MNIST rows, LSTM",
        text: include_str!("../../../../recipes/mnist-lstm.toml"),
    },
    Shipped {
        name: "mnist-gru",
        title: "MNIST rows, GRU",
        text: include_str!("../../../../recipes/mnist-gru.toml"),
    },
    Shipped {
        name: "mnist-peephole",
        title: "MNIST rows, LSTM with peepholes",
        text: include_str!("../../../../recipes/mnist-peephole.toml"),
    },
    Shipped {
        name: "mnist-deep",
        title: "MNIST rows, three relu layers",
        text: include_str!("../../../../recipes/mnist-deep.toml"),
    },
    Shipped {
        name: "mnist-lstm3",
        title: "MNIST rows, three LSTM layers",
        text: include_str!("../../../../recipes/mnist-lstm3.toml"),
    },
    Shipped {
        name: "mnist-dropout",
        title: "MNIST rows, three layers with dropout",
        text: include_str!("../../../../recipes/mnist-dropout.toml"),
    },
    Shipped {
        name: "reber",
        title: "Embedded Reber grammar, GRU",
        text: include_str!("../../../../recipes/reber.toml"),
    },
    Shipped {
        name: "japanese-vowels",
        title: "Japanese Vowels, bidirectional GRU",
        text: include_str!("../../../../recipes/japanese-vowels.toml"),
    },
    Shipped {
        name: "movie-reviews",
        title: "Movie reviews, bidirectional LSTM over words",
        text: include_str!("../../../../recipes/movie-reviews.toml"),
    },
    Shipped {
        name: "adding-lstm",
        title: "Adding problem over 400 steps, LSTM",
        text: include_str!("../../../../recipes/adding-lstm.toml"),
    },
    Shipped {
        name: "adding-gru",
        title: "Adding problem over 400 steps, GRU",
        text: include_str!("../../../../recipes/adding-gru.toml"),
    },
    Shipped {
        name: "adding-tanh",
        title: "Adding problem over 400 steps, tanh RNN",
        text: include_str!("../../../../recipes/adding-tanh.toml"),
    },
    Shipped {
        name: "mnist-tune",
        title: "MNIST rows, tuned",
        text: include_str!("../../../../recipes/mnist-tune.toml"),
    },
    Shipped {
        name: "char-rnn",
        title: "char-rnn, 2 x LSTM 128",
        text: include_str!("../../../../recipes/char-rnn.toml"),
    },
    Shipped {
        name: "char-rnn-large",
        title: "char-rnn, larger LSTM with dropout",
        text: include_str!("../../../../recipes/char-rnn-large.toml"),
    },
    Shipped {
        name: "shakespeare",
        title: "Shakespeare, LSTM over characters",
        text: include_str!("../../../../recipes/shakespeare.toml"),
    },
    Shipped {
        name: "tunes",
        title: "Tunes, LSTM over notes",
        text: include_str!("../../../../recipes/tunes.toml"),
    },
    Shipped {
        name: "chorales",
        title: "Chorales, GRU over sets of notes",
        text: include_str!("../../../../recipes/chorales.toml"),
    },
    Shipped {
        name: "forecast-air-passengers",
        title: "Air passengers, GRU",
        text: include_str!("../../../../recipes/forecast-air-passengers.toml"),
    },
    Shipped {
        name: "forecast-sunspots",
        title: "Sunspots, GRU",
        text: include_str!("../../../../recipes/forecast-sunspots.toml"),
    },
    Shipped {
        name: "forecast-load",
        title: "Half-hourly load, GRU",
        text: include_str!("../../../../recipes/forecast-load.toml"),
    },
    Shipped {
        name: "forecast-weather",
        title: "Temperatures in Seattle, GRU",
        text: include_str!("../../../../recipes/forecast-weather.toml"),
    },
    Shipped {
        name: "forecast-stocks",
        title: "Stock prices, LSTM",
        text: include_str!("../../../../recipes/forecast-stocks.toml"),
    },
    Shipped {
        name: "m3",
        title: "M3 competition, GRU",
        text: include_str!("../../../../recipes/m3.toml"),
    },
    Shipped {
        name: "deepar",
        title: "DeepAR",
        text: include_str!("../../../../recipes/deepar.toml"),
    },
    Shipped {
        name: "lstm",
        title: "LSTM forecaster",
        text: include_str!("../../../../recipes/lstm.toml"),
    },
    Shipped {
        name: "gru",
        title: "GRU forecaster",
        text: include_str!("../../../../recipes/gru.toml"),
    },
    Shipped {
        name: "es-rnn",
        title: "ES-RNN",
        text: include_str!("../../../../recipes/es-rnn.toml"),
    },
];

pub(super) fn find(name: &str) -> Result<&'static Shipped> {
    if let Some(found) = ALL.iter().find(|shipped| shipped.name == name) {
        return Ok(found);
    }
    let names = ALL.iter().map(|shipped| shipped.name);
    let file = format!("{name}.toml");
    let advice = match nearest(name, names.clone()) {
        _ if Path::new(&file).is_file() => format!("there is a file `{file}`: name it in full"),
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("use {}", alternatives(names)),
    };
    Err(Error::argument(
        format!("recipe `{name}`"),
        "no recipe of this name is shipped",
        format!("{advice} (a path has a `/` or ends in `.toml`)"),
    ))
}
