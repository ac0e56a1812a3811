//! The program `elman`: train, evaluate and use recurrent sequence models.
//!
//! Flags become a plan, the plan one library call; results go to stdout, talk to stderr.

mod arguments;
mod backtest;
mod book;
mod compose;
mod devices;
mod fit;
mod forecast;
mod generate;
mod output;
mod progress;
mod recurrence;
mod reports;
mod signals;
mod tune;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use output::Failure;

/// Keeps the memory of freed tensors for the next ones (ADR 0010).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Fit(flags) => fit::run(flags),
        Command::Tune(flags) => tune::run(flags),
        Command::Recipes(flags) => reports::recipes(&flags),
        Command::Evaluate(flags) => reports::evaluate(&flags),
        Command::Predict(flags) => reports::predict(&flags),
        Command::Generate(flags) => generate::run(&flags),
        Command::Forecast(flags) => forecast::run(&flags),
        Command::Backtest(flags) => backtest::run(flags),
        Command::Inspect(flags) if flags.recurrence => recurrence::run(&flags),
        Command::Inspect(flags) => reports::inspect(&flags),
        Command::Book(flags) => book::run(&flags),
        Command::Devices(flags) => devices::list(&flags),
        Command::DeviceServer(flags) => devices::serve(flags),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// What every command returns.
type Done = Result<(), Failure>;
