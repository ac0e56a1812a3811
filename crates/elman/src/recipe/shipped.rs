//! The recipes that travel inside the library.

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
        name: "mnist-tune",
        title: "MNIST rows, tuned",
        text: include_str!("../../../../recipes/mnist-tune.toml"),
    },
];

pub(super) fn find(name: &str) -> Result<&'static Shipped> {
    if let Some(found) = ALL.iter().find(|shipped| shipped.name == name) {
        return Ok(found);
    }
    let names = ALL.iter().map(|shipped| shipped.name);
    let advice = match nearest(name, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("use {}", alternatives(names)),
    };
    Err(Error::argument(
        format!("recipe `{name}`"),
        "no recipe of this name is shipped",
        format!("{advice} (a path has a `/` or ends in `.toml`)"),
    ))
}
