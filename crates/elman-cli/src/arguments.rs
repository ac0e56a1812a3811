//! The flags.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use elman::device::DeviceName;
use elman::recipe::Override;

/// More would only fail to start.
const MOST_THREADS: usize = 1024;

const EXIT_CODES: &str = "Exit status:
  0    done
  1    it failed; stderr says why
  2    the flags or the recipe are wrong
  130  stopped by Ctrl-C after saving
  143  stopped by SIGTERM after saving";

const GENERATED_BYTES: &str = "\
A model of bytes writes its bytes as they are, and reads any with --interactive. JSON is text:
with --json U+FFFD stands for bytes that are not UTF-8.";

const DEVICE_SERVER: &str = "\
A layer is put there by `device = \"remote:ws://HOST:PORT\"` in its recipe.

Clients must know the token in the environment variable ELMAN_DEVICE_TOKEN, here and where
they run. It may be left out only on a loopback address, which other machines cannot reach.
Neither the token nor the numbers are encrypted: use it on a network that you trust, or
through an SSH tunnel to a loopback address.";

/// Train, evaluate and use recurrent sequence models.
#[derive(Debug, Parser)]
#[command(name = "elman", version, about, long_about = None, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a model by a recipe, or go on with a run
    Fit(FitFlags),
    /// Search better settings at random and by successive halving, or go on with a search
    Tune(TuneFlags),
    /// List the recipes that ship with this program
    Recipes(JsonFlag),
    /// Judge a run's model on test examples
    Evaluate(EvaluateFlags),
    /// Name the class of pictures or strings
    Predict(PredictFlags),
    /// Write text with a run's language model, or a piece with one of polyphony
    Generate(GenerateFlags),
    /// Say the next steps of series, with a run's model
    Forecast(ForecastFlags),
    /// Forecast the past from several origins and judge it beside naive forecasts
    Backtest(BacktestFlags),
    /// Show a run's layers, shapes, parameters and settings
    Inspect(InspectFlags),
    /// Run the book's examples and compare every number
    Book(BookFlags),
    /// List the devices that a recipe can put a layer on
    Devices(JsonFlag),
    /// Offer a device of this machine to others, until Ctrl-C
    DeviceServer(DeviceServerFlags),
}

#[derive(Args, Debug)]
pub(crate) struct JsonFlag {
    /// Write results as JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct FitFlags {
    /// A recipe's file (has a `/` or ends in .toml) or the name of one that ships
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    pub(crate) recipe: Option<String>,
    /// Go on with the run in this folder
    #[arg(long, value_name = "RUN", conflicts_with_all = ["set", "out", "seed"])]
    pub(crate) resume: Option<PathBuf>,
    /// Replace a setting of the recipe, such as train.epochs=20 (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<Override>,
    /// The data, in place of the recipe's: a folder (IDX or .ts files) or a file (a text, a table)
    #[arg(long, value_name = "PLACE")]
    pub(crate) data: Option<PathBuf>,
    /// The folder of the run, new or empty [default: runs/RECIPE-1, -2, …]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Threads that compute, 1 to 1024; the result does not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// The seed, in place of the recipe's
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Save at least this often, besides every epoch's end; 0: after every step
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) checkpoint_every: Duration,
    /// Say nothing but errors and the result
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) json: JsonFlag,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct TuneFlags {
    /// A recipe with a table `[tune]`: its file (has a `/` or ends in .toml) or the name of one that
    /// ships
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    pub(crate) recipe: Option<String>,
    /// Go on with the search in this folder
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["trials", "set", "data", "out"])]
    pub(crate) resume: Option<PathBuf>,
    /// Trials, the recipe's own settings among them [default: the recipe's tune.trials]
    #[arg(long, value_name = "N")]
    pub(crate) trials: Option<u64>,
    /// Then train by the best settings, on the held-out examples too, in FOLDER/best
    #[arg(long)]
    pub(crate) retrain: bool,
    /// Replace a setting of the recipe, such as tune.seed=7 (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<Override>,
    /// The folder with the data, in place of the recipe's
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The folder of the search, new or empty [default: runs/RECIPE-tune-1, -2, …]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Threads that compute, 1 to 1024; the result does not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Save at least this often, besides every epoch's end; 0: after every step
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) checkpoint_every: Duration,
    /// Say nothing but errors and the result
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) json: JsonFlag,
}

#[derive(Args, Debug)]
pub(crate) struct EvaluateFlags {
    /// The run's folder
    pub(crate) run: PathBuf,
    /// The data, in place of the recipe's: a folder (IDX or .ts files) or a file (a text, a table)
    #[arg(long, value_name = "PLACE")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) json: JsonFlag,
}

#[derive(Args, Debug)]
pub(crate) struct PredictFlags {
    /// The run's folder
    pub(crate) run: PathBuf,
    /// What to judge: PNG files with a picture of a digit each, strings of letters, texts, or files of
    /// sequences (.ts, tables)
    #[arg(required = true, value_name = "IMAGE.png|STRING|FILE")]
    pub(crate) inputs: Vec<OsString>,
    #[command(flatten)]
    pub(crate) json: JsonFlag,
}

#[derive(Args, Debug)]
#[command(after_help = GENERATED_BYTES)]
pub(crate) struct GenerateFlags {
    /// The run's folder
    pub(crate) run: PathBuf,
    /// What the text begins with, of a language model [default: nothing: of a text that is no tune any
    /// token comes first, all as likely, unless the temperature is 0]
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) prompt: String,
    /// Tokens to write, or steps of a piece
    #[arg(long, value_name = "N", default_value = "500")]
    pub(crate) length: usize,
    /// Below 1 the likely tokens or keys become likelier, above 1 the others; 0: always the likeliest
    #[arg(
        long,
        value_name = "T",
        default_value = "1",
        allow_negative_numbers = true
    )]
    pub(crate) temperature: f64,
    /// Only the N likeliest tokens [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) top_k: Option<usize>,
    /// Only the likeliest tokens that have this share of the probability together [default: all]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub(crate) top_p: Option<f64>,
    /// The same seed writes the same text
    #[arg(long, value_name = "N", default_value = "42")]
    pub(crate) seed: u64,
    /// Read lines from stdin and go on after each, with all that was read and written before in mind
    #[arg(long, conflicts_with_all = ["json", "midi"])]
    pub(crate) interactive: bool,
    /// Also write what it sounds like to this MIDI file, of a model of tunes or of polyphony
    #[arg(long, value_name = "FILE.mid")]
    pub(crate) midi: Option<PathBuf>,
    /// Begin with the first steps of this test piece, from 0, of a model of polyphony [default: nothing]
    #[arg(long, value_name = "N")]
    pub(crate) piece: Option<usize>,
    /// So many steps of it [default: 16, or all of a shorter one]
    #[arg(long, value_name = "N", requires = "piece")]
    pub(crate) piece_steps: Option<usize>,
    /// The file of that piece, in place of the recipe's
    #[arg(long, value_name = "FILE", requires = "piece")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) json: JsonFlag,
}

#[derive(Args, Debug)]
pub(crate) struct ForecastFlags {
    /// The run's folder
    pub(crate) run: PathBuf,
    /// The table to go on from, in place of the recipe's
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    /// Steps [default: as many as the model was trained for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) horizon: Option<u32>,
    /// Levels of quantiles, such as 0.1,0.5,0.9 [default: those by which the model is judged]
    #[arg(long, value_name = "LEVELS", value_delimiter = ',', value_parser = level)]
    pub(crate) quantiles: Vec<f64>,
    /// Sample paths of a recursive model, written in columns of their own
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) samples: Option<u32>,
    /// Only the series of this name (repeatable) [default: all]
    #[arg(long, value_name = "ID")]
    pub(crate) series: Vec<String>,
    /// Draw history, median and bands of the first series: FILE.svg or FILE.png
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// The target in the picture, of a model that forecasts several together [default: the first]
    #[arg(long, value_name = "NAME", requires = "plot")]
    pub(crate) target: Option<String>,
    /// Known steps in the picture [default: four horizons]
    #[arg(long, value_name = "N", requires = "plot")]
    pub(crate) history: Option<usize>,
    /// Write the CSV here [default: stdout]
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub(crate) out: Option<PathBuf>,
    /// Say nothing but errors and the result
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) json: JsonFlag,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct BacktestFlags {
    /// A run's folder, or a recipe (has a `/` and ends in .toml, or the name of one that ships), which
    /// is trained first on what comes before the first origin
    #[arg(value_name = "RUN|RECIPE")]
    pub(crate) subject: String,
    /// How many origins, spread over the steps that training has not seen [default: 5, or as many as
    /// there is room for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) origins: Option<u32>,
    /// The table, in place of the recipe's
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    /// Replace a setting of the recipe, such as train.epochs=20 (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<Override>,
    /// Write every forecast beside what came and beside naive forecasts, as CSV:
    /// unique_id,cutoff,ds,y,forecast,q0.1,…,naive,seasonal_naive
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) forecasts: Option<PathBuf>,
    /// The folder of the recipe's run, new or empty [default: runs/backtest-RECIPE-1, -2, …]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Threads that compute, 1 to 1024; the result does not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Say nothing but errors and the result
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) json: JsonFlag,
}

#[derive(Args, Debug)]
pub(crate) struct InspectFlags {
    /// The run's folder
    pub(crate) run: PathBuf,
    /// How far gradients go back in time on test data, and why; draws gradient_lag.svg and .png
    #[arg(long)]
    pub(crate) recurrence: bool,
    /// Another run whose lines are drawn beside this one's; may be repeated
    #[arg(long, value_name = "RUN", requires = "recurrence")]
    pub(crate) beside: Vec<PathBuf>,
    /// The folder with the data for --recurrence, in place of the recipe's
    #[arg(long, value_name = "DIR", requires = "recurrence")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) json: JsonFlag,
}

#[derive(Args, Debug)]
pub(crate) struct BookFlags {
    /// Only this example; time-series (seconds), reber, mnist-deep and mnist-lstm3 (minutes) are trained [default:
    /// all that need no training]
    pub(crate) example: Option<String>,
    /// The folder with the four IDX files of mnist-deep and mnist-lstm3, in place of the recipe's
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Replace a setting of mnist-deep or mnist-lstm3, such as data.hold_out=5000 (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<Override>,
    /// The folder of a trained example's run, new or empty [default: runs/book-EXAMPLE-1, -2, …]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Threads that compute, 1 to 1024; the result does not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Say nothing but errors and the result
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) json: JsonFlag,
}

#[derive(Args, Debug)]
#[command(after_help = DEVICE_SERVER)]
pub(crate) struct DeviceServerFlags {
    /// The address and port to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    pub(crate) listen: SocketAddr,
    /// What to offer, as `elman devices` names it
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    pub(crate) device: DeviceName,
    /// Threads that compute, 1 to 1024; the result does not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
    #[command(flatten)]
    pub(crate) json: JsonFlag,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "expected a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn level(text: &str) -> Result<f64, String> {
    let level: Option<f64> = text.trim().parse().ok();
    level
        .filter(|&level| level > 0.0 && level < 1.0)
        .ok_or_else(|| "expected a number above 0 and below 1".to_owned())
}

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .ok()
        .filter(|threads| (1..=MOST_THREADS).contains(threads))
        .and_then(NonZeroUsize::new)
        .ok_or_else(|| format!("expected a number from 1 to {MOST_THREADS}"))
}
