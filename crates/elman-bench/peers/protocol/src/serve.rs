//! The peer's side: answer requests until the input ends.

use std::io::{BufRead, Write};
use std::num::NonZeroUsize;

use crate::message::{CaseRequest, EpochRequest, Reply, Request, SeriesRequest, TextRequest};
use crate::{Stopwatch, Tensors, pin_to_first_cores};

/// Why a peer could not do what it was asked.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A prepared case.
pub trait Workload {
    /// Does the case once and returns outputs and gradients, in elman's layout.
    ///
    /// # Errors
    ///
    /// When the library fails.
    fn answer(&mut self) -> Result<Tensors, Failure>;

    /// Does the case `iterations` times and keeps nothing.
    ///
    /// # Errors
    ///
    /// When the library fails.
    fn run(&mut self, iterations: usize) -> Result<(), Failure>;
}

/// A prepared training epoch.
pub trait Epoch {
    /// Trains one epoch; returns the loss of its last batch.
    ///
    /// # Errors
    ///
    /// When the library fails.
    fn run(&mut self) -> Result<f64, Failure>;
}

/// What a peer makes of a request.
pub enum Preparation<W: ?Sized> {
    /// It can be run.
    Ready(Box<W>),
    /// The library has no such thing, for this reason.
    Unsupported(String),
}

/// A library that is measured.
pub trait Peer {
    /// Of the library.
    fn name(&self) -> &str;

    /// Of the library.
    fn version(&self) -> &str;

    /// Builds the case on the weights and inputs of `question`.
    ///
    /// # Errors
    ///
    /// When a tensor is missing or the library fails.
    fn case(
        &self,
        case: &CaseRequest,
        question: &Tensors,
    ) -> Result<Preparation<dyn Workload>, Failure>;

    /// Builds the training epoch; most peers are layers and have none.
    ///
    /// # Errors
    ///
    /// When the data cannot be read or the library fails.
    fn epoch(&self, _epoch: &EpochRequest) -> Result<Preparation<dyn Epoch>, Failure> {
        Ok(Preparation::Unsupported(format!(
            "{} is compared as a layer only",
            self.name()
        )))
    }

    /// Builds the language model; most peers have none.
    ///
    /// # Errors
    ///
    /// When the library fails.
    fn text(&self, _text: &TextRequest) -> Result<Preparation<dyn Epoch>, Failure> {
        Ok(Preparation::Unsupported(format!(
            "{} is compared as a layer only",
            self.name()
        )))
    }

    /// Builds the model of series; most peers have none.
    ///
    /// # Errors
    ///
    /// When the library fails.
    fn series(&self, _series: &SeriesRequest) -> Result<Preparation<dyn Epoch>, Failure> {
        Ok(Preparation::Unsupported(format!(
            "{} is compared as a layer only",
            self.name()
        )))
    }
}

/// `N` of `--threads N`, which every peer is started with.
///
/// # Errors
///
/// When it is missing or not a positive number.
pub fn threads_from_arguments(
    mut arguments: impl Iterator<Item = String>,
) -> Result<NonZeroUsize, Failure> {
    arguments
        .by_ref()
        .find(|argument| argument == "--threads")
        .ok_or("a peer is started by elman-bench, with `--threads N`")?;
    let number = arguments.next().ok_or("`--threads` needs a number")?;
    number
        .parse()
        .map_err(|_| format!("`--threads {number}`: not a positive number").into())
}

/// What was prepared last.
enum Prepared {
    Nothing,
    Case(Box<dyn Workload>),
    Epoch(Box<dyn Epoch>),
}

/// Pins the process to its cores, starts the peer there (its threads inherit the cores), and
/// answers requests on standard input until it ends.
///
/// # Errors
///
/// When a request cannot be read or an answer cannot be written.
pub fn serve<P: Peer>(
    threads: NonZeroUsize,
    start: impl FnOnce(NonZeroUsize) -> P,
) -> Result<(), Failure> {
    pin_to_first_cores(threads.get())?;
    let peer = start(threads);
    let mut out = std::io::stdout().lock();
    let mut say = |reply: &Reply| -> Result<(), Failure> {
        writeln!(out, "{}", serde_json::to_string(reply)?)?;
        Ok(out.flush()?)
    };
    say(&Reply::Hello {
        name: peer.name().into(),
        version: peer.version().into(),
    })?;
    let mut prepared = Prepared::Nothing;
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let reply = handle(&peer, request, &mut prepared).unwrap_or_else(|failure| Reply::Failed {
            reason: failure.to_string(),
        });
        say(&reply)?;
    }
    Ok(())
}

fn handle<P: Peer>(peer: &P, request: Request, prepared: &mut Prepared) -> Result<Reply, Failure> {
    match request {
        Request::Case(case) => {
            *prepared = Prepared::Nothing;
            let question = Tensors::read(&case.question)?;
            match peer.case(&case, &question)? {
                Preparation::Unsupported(reason) => Ok(Reply::Unsupported { reason }),
                Preparation::Ready(mut workload) => {
                    workload.answer()?.write(&case.answer)?;
                    *prepared = Prepared::Case(workload);
                    Ok(Reply::Prepared)
                }
            }
        }
        Request::Epoch(epoch) => {
            *prepared = Prepared::Nothing;
            Ok(keep(peer.epoch(&epoch)?, prepared))
        }
        Request::Text(text) => {
            *prepared = Prepared::Nothing;
            Ok(keep(peer.text(&text)?, prepared))
        }
        Request::Series(series) => {
            *prepared = Prepared::Nothing;
            Ok(keep(peer.series(&series)?, prepared))
        }
        Request::Run { iterations } => match prepared {
            Prepared::Nothing => Err("nothing was prepared that could be run".into()),
            Prepared::Case(workload) => {
                workload.run(1)?;
                let watch = Stopwatch::new();
                workload.run(iterations)?;
                Ok(round(&watch, iterations, None))
            }
            Prepared::Epoch(epoch) => {
                let watch = Stopwatch::new();
                let mut loss = f64::NAN;
                for _ in 0..iterations {
                    loss = epoch.run()?;
                }
                Ok(round(&watch, iterations, Some(loss)))
            }
        },
    }
}

/// Keeps what can be run.
fn keep(preparation: Preparation<dyn Epoch>, prepared: &mut Prepared) -> Reply {
    match preparation {
        Preparation::Unsupported(reason) => Reply::Unsupported { reason },
        Preparation::Ready(epoch) => {
            *prepared = Prepared::Epoch(epoch);
            Reply::Prepared
        }
    }
}

fn round(watch: &Stopwatch, iterations: usize, loss: Option<f64>) -> Reply {
    let (wall, cpu_per_wall) = watch.stop();
    Reply::Round {
        milliseconds: wall.as_secs_f64() * 1e3 / iterations as f64,
        cpu_per_wall,
        loss,
    }
}
