//! The program `elman-bench`: elman and its peers, side by side.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use elman::random::Seed;
use elman_bench::bars::{bars, epoch_bars, series_bars, text, text_bars};
use elman_bench::case::{Case, SHAPES, parse_shape};
use elman_bench::child::Limits;
use elman_bench::compare::{Plan, compare};
use elman_bench::elman_peer::Elman;
use elman_bench::epoch::{Repeats, compare_epochs, compare_loops};
use elman_bench::long::{LongRun, compare_long};
use elman_bench::options::compare_options;
use elman_bench::peers::{PYTHON_SETUP, PeerKind, Peers, Pythons};
use elman_bench::profile::profile;
use elman_bench::{Error, Result};
use elman_bench_protocol::{
    CellKind, EpochRequest, Request, SeriesRequest, Shape, TextMode, TextRequest, serve,
};
use serde::Serialize;
use serde_json::json;

/// Measures elman beside Burn's layer, candle, PyTorch, TF 1 and onnxruntime.
#[derive(Parser)]
#[command(version)]
struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// All peers on the same weights and inputs, checked to agree to 1e-4, then timed in turns.
    Peers(PeersFlags),
    /// A whole epoch of the book's MNIST network, data and optimiser included.
    Epoch(EpochFlags),
    /// A language model over characters: char-rnn in training, and writing token by token.
    Text(TextFlags),
    /// A model of series in training, DeepAR's: LSTM and GRU
    Series(SeriesFlags),
    /// Where the time of one shape goes, and what fraction of the machine elman reaches.
    Profile(ProfileFlags),
    /// What each option of an LSTM costs in training, beside the plain cell.
    Options(OptionsFlags),
    /// One very long sequence through an LSTM within a memory budget, beside the plain run.
    Long(LongFlags),
    /// One run of `long`, in this process.
    #[command(hide = true)]
    LongRun {
        /// What to run, as JSON.
        request: String,
    },
    /// Elman as one of the peers: started by the other commands.
    #[command(hide = true)]
    Serve {
        /// Of elman.
        #[arg(long)]
        threads: NonZeroUsize,
    },
}

#[derive(Args)]
struct PythonFlags {
    /// A Python that has some of the peers; may be given twice.
    #[arg(long, value_name = "PATH")]
    python: Vec<PathBuf>,
    /// The Python that has torch, onnxruntime and onnx.
    #[arg(long, value_name = "PATH")]
    python_torch: Option<PathBuf>,
    /// The Python that has tensorflow-cpu.
    #[arg(long, value_name = "PATH")]
    python_tf: Option<PathBuf>,
}

impl PythonFlags {
    /// The interpreters; how to get those that are missing goes to standard error.
    fn resolve(self) -> Result<Pythons> {
        let pythons = Pythons::new(&self.python, self.python_torch, self.python_tf)?;
        let missing = [
            ("PyTorch and onnxruntime", &pythons.torch),
            ("TF 1", &pythons.tensorflow),
        ];
        let missing: Vec<_> = missing
            .into_iter()
            .filter(|(_, python)| python.is_none())
            .map(|(name, _)| name)
            .collect();
        if !missing.is_empty() {
            eprintln!(
                "Without {}.\n{PYTHON_SETUP}\n",
                missing.join(" and without ")
            );
        }
        Ok(pythons)
    }
}

#[derive(Args)]
struct TimingFlags {
    /// Rounds of each case; medians are reported.
    #[arg(long, default_value = "9")]
    rounds: NonZeroUsize,
    /// About how long a round lasts, in milliseconds.
    #[arg(long, default_value_t = 60.0)]
    round_ms: f64,
    /// Three short rounds: to see that it works, not to quote.
    #[arg(long)]
    quick: bool,
    /// Of weights and inputs.
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

impl TimingFlags {
    fn plan(&self, threads: Vec<NonZeroUsize>, cases: Vec<Case>) -> Result<Plan> {
        let (rounds, round_ms) = match self.quick {
            true => (3, 5.0),
            false => (self.rounds.get(), self.round_ms),
        };
        if round_ms.is_nan() || round_ms <= 0.0 {
            return Err(Error::Flag {
                flag: "--round-ms",
                problem: format!("is {round_ms}; give a time above 0"),
            });
        }
        Ok(Plan {
            threads,
            cases,
            rounds,
            round_ms,
            limits: Limits::default(),
            seed: Seed::new(self.seed),
        })
    }
}

#[derive(Args)]
struct PeersFlags {
    #[command(flatten)]
    pythons: PythonFlags,
    #[command(flatten)]
    timing: TimingFlags,
    /// Numbers of threads; the bars are about the largest.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<NonZeroUsize>,
    /// Shapes T,B,F,H, separated by blanks or semicolons, in place of the four of the tables.
    #[arg(long, value_parser = parse_shapes)]
    shapes: Option<Shapes>,
    /// Only these cells.
    #[arg(long, value_delimiter = ',')]
    cells: Vec<CellFlag>,
    /// Also writes everything that was measured to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct EpochFlags {
    #[command(flatten)]
    pythons: PythonFlags,
    /// Of every peer.
    #[arg(long, default_value = "2")]
    threads: NonZeroUsize,
    /// Epochs of each peer, after one that warms up; medians are reported.
    #[arg(long, default_value = "5")]
    rounds: NonZeroUsize,
    /// A folder with the MNIST training files; else the 8,000 images in data/mnist10k.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Of every layer: the book's networks are one basic layer and three of LSTM.
    #[arg(long, default_value = "basic")]
    cell: CellFlag,
    /// Layers on top of each other.
    #[arg(long, default_value = "1")]
    layers: NonZeroUsize,
    /// Images in an epoch; the files are repeated until there are as many.
    #[arg(long, default_value_t = 55_000)]
    images: usize,
    /// Also writes everything that was measured to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct TextFlags {
    #[command(flatten)]
    pythons: PythonFlags,
    /// Of every peer.
    #[arg(long, default_value = "2")]
    threads: NonZeroUsize,
    /// Iterations of each peer, after one that warms up; medians are reported.
    #[arg(long, default_value = "5")]
    rounds: NonZeroUsize,
    /// Windows of an iteration of training.
    #[arg(long, default_value_t = 40)]
    windows: usize,
    /// Tokens of an iteration of writing.
    #[arg(long, default_value_t = 1000)]
    tokens: usize,
    /// Processes of each peer in writing: how fast PyTorch writes is another thing in each.
    #[arg(long, default_value = "9")]
    processes: NonZeroUsize,
    /// Also writes everything that was measured to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct SeriesFlags {
    #[command(flatten)]
    pythons: PythonFlags,
    /// Of every peer.
    #[arg(long, default_value = "2")]
    threads: NonZeroUsize,
    /// Iterations of each peer, after one that warms up; medians are reported.
    #[arg(long, default_value = "9")]
    rounds: NonZeroUsize,
    /// Batches of an iteration.
    #[arg(long, default_value_t = 50)]
    batches: usize,
    /// T,B,F,H: by default those of DeepAR in GluonTS.
    #[arg(long, value_parser = parse_shape, default_value = "72,32,20,40")]
    shape: Shape,
    /// Also writes everything that was measured to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct ProfileFlags {
    #[command(flatten)]
    timing: TimingFlags,
    /// T,B,F,H.
    #[arg(long, value_parser = parse_shape, default_value = "28,150,28,150")]
    shape: Shape,
    /// Which cell.
    #[arg(long, default_value = "lstm")]
    cell: CellFlag,
    /// Of elman.
    #[arg(long, default_value = "2")]
    threads: NonZeroUsize,
}

#[derive(Args)]
struct OptionsFlags {
    #[command(flatten)]
    timing: TimingFlags,
    /// Shapes T,B,F,H, separated by blanks or semicolons.
    #[arg(long, value_parser = parse_shapes, default_value = "28,150,28,150 100,32,64,64")]
    shapes: Shapes,
    /// Of elman.
    #[arg(long, default_value = "2")]
    threads: NonZeroUsize,
}

#[derive(Args)]
struct LongFlags {
    /// T of the long run.
    #[arg(long, default_value_t = 100_000)]
    steps: usize,
    /// T of the plain run, and of the one with half the budget whose gradients must be the same.
    #[arg(long, default_value_t = 36_000)]
    plain_steps: usize,
    /// B.
    #[arg(long, default_value_t = 4)]
    batch: usize,
    /// H.
    #[arg(long, default_value_t = 128)]
    units: usize,
    /// The budget of the long run.
    #[arg(long, default_value_t = 512)]
    memory_mib: u64,
    /// Runs of each, in turns; medians are reported.
    #[arg(long, default_value = "5")]
    rounds: NonZeroUsize,
}

#[derive(Clone, Copy, ValueEnum)]
enum CellFlag {
    Basic,
    Lstm,
    GruAfter,
    GruBefore,
}

impl From<CellFlag> for CellKind {
    fn from(flag: CellFlag) -> Self {
        match flag {
            CellFlag::Basic => Self::Basic,
            CellFlag::Lstm => Self::Lstm,
            CellFlag::GruAfter => Self::GruAfter,
            CellFlag::GruBefore => Self::GruBefore,
        }
    }
}

#[derive(Clone)]
struct Shapes(Vec<Shape>);

fn parse_shapes(text: &str) -> Result<Shapes, String> {
    let parts = text.split([' ', ';']).filter(|part| !part.is_empty());
    let shapes = parts.map(parse_shape).collect::<Result<Vec<_>, _>>()?;
    match shapes.is_empty() {
        true => Err("no shape; give at least one T,B,F,H".into()),
        false => Ok(Shapes(shapes)),
    }
}

fn main() -> ExitCode {
    let done = match Flags::parse().command {
        Command::Peers(flags) => run_peers(flags),
        Command::Epoch(flags) => run_epoch(flags),
        Command::Text(flags) => run_text(flags),
        Command::Series(flags) => run_series(flags),
        Command::Profile(flags) => run_profile(&flags),
        Command::Options(flags) => run_options(&flags),
        Command::Long(flags) => run_long(&flags),
        Command::LongRun { request } => run_long_here(&request),
        Command::Serve { threads } => run_serve(threads),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("elman-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_peers(flags: PeersFlags) -> Result<()> {
    let shapes = flags.shapes.map_or(SHAPES.to_vec(), |shapes| shapes.0);
    let mut cases = Case::all(&shapes);
    if !flags.cells.is_empty() {
        let chosen: Vec<CellKind> = flags.cells.into_iter().map(CellKind::from).collect();
        cases.retain(|case| chosen.contains(&case.cell));
    }
    let plan = flags.timing.plan(flags.threads, cases)?;
    let peers = Peers::build(flags.pythons.resolve()?)?;
    let launch = |kind: PeerKind, threads: NonZeroUsize| peers.command(kind, threads);
    let report = compare(&launch, &plan, &mut |line| eprintln!("{line}"))?;
    let bars = bars(&report);
    println!("{}\n{}", report.table(), text(&bars));
    println!("The bars of a whole epoch: `elman-bench epoch`.");
    write_json(
        flags.json.as_deref(),
        &json!({ "report": report, "bars": bars }),
    )?;
    let failures = report.failures();
    for failure in &failures {
        eprintln!("failed: {failure}");
    }
    match failures.len() {
        0 => Ok(()),
        count => Err(Error::Incomplete { count }),
    }
}

fn run_epoch(flags: EpochFlags) -> Result<()> {
    let peers = Peers::in_python(flags.pythons.resolve()?);
    let launch = |kind: PeerKind, threads: NonZeroUsize| peers.command(kind, threads);
    let here = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/mnist10k");
    // The book's networks: cells of 150 units, batches of 150, Adam(0.001).
    let epoch = EpochRequest {
        data: flags.data.unwrap_or_else(here),
        images: flags.images,
        batch: 150,
        cell: flags.cell.into(),
        layers: flags.layers.get(),
        units: 150,
        learning_rate: 0.001,
    };
    let report = compare_epochs(&launch, flags.threads, &epoch, flags.rounds.get())?;
    let bars = epoch_bars(&epoch, |peer| report.median_ms(peer));
    println!("{}\n{}", report.table(), text(&bars));
    write_json(
        flags.json.as_deref(),
        &json!({ "report": report, "bars": bars }),
    )
}

fn run_text(flags: TextFlags) -> Result<()> {
    let peers = Peers::in_python(flags.pythons.resolve()?);
    let launch = |kind: PeerKind, threads: NonZeroUsize| peers.command(kind, threads);
    // char-rnn's default network on tiny-shakespeare's 65 characters, and a large one.
    let train = TextRequest {
        mode: TextMode::Train,
        vocabulary: 65,
        layers: 2,
        units: 128,
        batch: 50,
        time: 50,
        count: flags.windows,
        learning_rate: 0.002,
    };
    let generate = TextRequest {
        mode: TextMode::Generate,
        units: 512,
        batch: 1,
        time: 1,
        count: flags.tokens,
        ..train.clone()
    };
    let mut found = Vec::new();
    for (request, processes) in [(train, 1), (generate, flags.processes.get())] {
        let repeats = Repeats {
            processes,
            rounds: flags.rounds.get(),
        };
        let both = [PeerKind::Elman, PeerKind::PyTorch];
        let asked = Request::Text(request.clone());
        let report = compare_loops(&launch, flags.threads, &asked, &both, repeats)?;
        let bars = text_bars(&request, |peer| report.median_ms(peer));
        println!("{}\n{}", report.table(), text(&bars));
        found.push(json!({ "request": request, "report": report, "bars": bars }));
    }
    write_json(flags.json.as_deref(), &found)
}

fn run_series(flags: SeriesFlags) -> Result<()> {
    let peers = Peers::in_python(flags.pythons.resolve()?);
    let launch = |kind: PeerKind, threads: NonZeroUsize| peers.command(kind, threads);
    let mut found = Vec::new();
    for cell in [CellKind::Lstm, CellKind::GruAfter] {
        let request = SeriesRequest {
            cell,
            layers: 2,
            shape: flags.shape,
            count: flags.batches,
            learning_rate: 0.001,
        };
        let both = [PeerKind::Elman, PeerKind::PyTorch];
        let asked = Request::Series(request.clone());
        let repeats = Repeats {
            processes: 1,
            rounds: flags.rounds.get(),
        };
        let report = compare_loops(&launch, flags.threads, &asked, &both, repeats)?;
        let bars = series_bars(&request, |peer| report.median_ms(peer));
        println!("{}\n{}", report.table(), text(&bars));
        found.push(json!({ "request": request, "report": report, "bars": bars }));
    }
    write_json(flags.json.as_deref(), &found)
}

fn run_profile(flags: &ProfileFlags) -> Result<()> {
    let plan = flags.timing.plan(vec![flags.threads], Vec::new())?;
    let peers = Peers::default();
    let launch = |kind: PeerKind, threads: NonZeroUsize| peers.command(kind, threads);
    print!(
        "{}",
        profile(&launch, flags.cell.into(), flags.shape, &plan)?
    );
    Ok(())
}

fn run_options(flags: &OptionsFlags) -> Result<()> {
    let plan = flags.timing.plan(vec![flags.threads], Vec::new())?;
    elman_kernels::threads::set(flags.threads);
    let table = compare_options(&flags.shapes.0, plan.rounds, plan.round_ms)?;
    print!("{table}");
    Ok(())
}

fn run_long(flags: &LongFlags) -> Result<()> {
    let path = Path::new("this program");
    let program = std::env::current_exe().map_err(|error| Error::file(path, error))?;
    let long = LongRun {
        time: flags.steps,
        batch: flags.batch,
        units: flags.units,
        memory: Some(flags.memory_mib << 20),
    };
    let rounds = flags.rounds.get();
    print!(
        "{}",
        compare_long(&program, long, flags.plain_steps, rounds)?
    );
    Ok(())
}

fn run_long_here(request: &str) -> Result<()> {
    let path = Path::new("the request");
    let run: LongRun = serde_json::from_str(request).map_err(|error| Error::file(path, error))?;
    println!("{}", json!(run.measure()?));
    Ok(())
}

fn run_serve(threads: NonZeroUsize) -> Result<()> {
    let served = serve(threads, |threads| {
        elman_kernels::threads::set(threads);
        Elman
    });
    served.map_err(|failure| Error::Failed {
        peer: PeerKind::Elman.label().into(),
        task: "serve".into(),
        reason: failure.to_string(),
    })
}

fn write_json(path: Option<&Path>, value: &impl Serialize) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::file(path, error))?;
    std::fs::write(path, text + "\n").map_err(|error| Error::file(path, error))
}
