//! `elman generate` of a run of polyphony: a piece, step by step.

use std::fs;
use std::io::{self, Write};

use elman::data::Piece;
use elman::data::tune::write_midi;
use elman::generate::{Composer, Sampler};
use elman::task::{PolyphonyModel, Trained};
use serde_json::json;

use crate::Done;
use crate::arguments::GenerateFlags;
use crate::output::{self, Failure};

/// Steps of a piece that is begun with, if it has as many.
const DEFAULT_PIECE_STEPS: usize = 16;

pub(crate) fn run(
    flags: &GenerateFlags,
    (trained, model): (&Trained, &PolyphonyModel),
    sampler: Sampler,
) -> Done {
    ensure_applicable(flags).map_err(Failure::Usage)?;
    let begin = beginning(flags, trained)?;
    let mut composer = Composer::new(model, sampler)?;
    composer.read(&begin)?;
    let written = if flags.json.json {
        let written = write(&mut composer, flags.length, &mut io::sink())?;
        output::json(&[json!({"begin": begin.notes(), "steps": written.notes()})])?;
        written
    } else {
        let mut stdout = io::stdout().lock();
        for line in begin.lines() {
            writeln!(stdout, "{line}")?;
        }
        let written = write(&mut composer, flags.length, &mut stdout)?;
        stdout.flush()?;
        written
    };
    if let Some(path) = &flags.midi {
        let whole = Piece([begin.0, written.0].concat());
        let bytes = write_midi(&whole.score(&trained.recipe.title))?;
        fs::write(path, bytes).map_err(|source| elman::Error::io("write", path, source))?;
    }
    Ok(())
}

/// Refuses flags that only a language model has.
fn ensure_applicable(flags: &GenerateFlags) -> elman::Result<()> {
    let refuse = |flag: &str, remedy: &str| {
        let problem = "this run is a `polyphony`: each key of a step is drawn by itself, and nothing \
                       is read or written as text";
        Err(elman::Error::argument(flag, problem, remedy))
    };
    if !flags.prompt.is_empty() {
        return refuse(
            "--prompt",
            "begin with a piece (`--piece`), or leave it out",
        );
    }
    if flags.interactive {
        return refuse("--interactive", "leave it out");
    }
    let lower = "leave it out; a lower `--temperature` makes likely keys likelier";
    if flags.top_k.is_some() {
        return refuse("--top-k", lower);
    }
    if flags.top_p.is_some() {
        return refuse("--top-p", lower);
    }
    Ok(())
}

/// The steps that the piece begins with.
fn beginning(flags: &GenerateFlags, trained: &Trained) -> Result<Piece, Failure> {
    let Some(at) = flags.piece else {
        return Ok(Piece(Vec::new()));
    };
    let mut pieces = trained.test_pieces(flags.data.as_deref())?;
    if at >= pieces.len() {
        return Err(Failure::Usage(elman::Error::argument(
            "--piece",
            format!("is {at}, and there are {} test pieces", pieces.len()),
            format!("give a number from 0 to {}", pieces.len() - 1),
        )));
    }
    let mut piece = pieces.swap_remove(at);
    let steps = piece.0.len();
    match flags.piece_steps {
        Some(wanted) if wanted > steps => Err(Failure::Usage(elman::Error::argument(
            "--piece-steps",
            format!("is {wanted}, and test piece {at} has {steps} steps"),
            format!("give at most {steps}"),
        ))),
        wanted => {
            piece.0.truncate(wanted.unwrap_or(DEFAULT_PIECE_STEPS));
            Ok(piece)
        }
    }
}

/// Writes `length` steps, a line each, to `out` as they come; gives them.
fn write(
    composer: &mut Composer<'_>,
    length: usize,
    out: &mut dyn Write,
) -> Result<Piece, Failure> {
    let mut written = Piece(Vec::new());
    for _ in 0..length {
        let step = Piece(vec![composer.write()?]);
        for line in step.lines() {
            writeln!(out, "{line}")?;
        }
        out.flush()?;
        written.0.extend(step.0);
    }
    Ok(written)
}
