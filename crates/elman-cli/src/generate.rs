//! `elman generate`.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::Path;

use elman::Result;
use elman::data::tune::{Tune, write_midi};
use elman::generate::{Sampler, SamplerConfig, Writer};
use elman::random::Seed;
use elman::recipe::DataSettings;
use elman::task::{Trained, TrainedModel};
use serde_json::json;

use crate::Done;
use crate::arguments::GenerateFlags;
use crate::compose;
use crate::output::{self, Failure};

pub(crate) fn run(flags: &GenerateFlags) -> Done {
    let sampler = sampler(flags).map_err(Failure::Usage)?;
    let trained = Trained::load(&flags.run)?;
    if let TrainedModel::Polyphony(model) = &trained.model {
        return compose::run(flags, (&trained, model), sampler);
    }
    let language = trained.language()?;
    ensure_applicable(flags, &trained).map_err(Failure::Usage)?;
    let mut writer = Writer::new(language, sampler)?;
    writer
        .read("the prompt", &flags.prompt)
        .map_err(Failure::Usage)?;
    if flags.interactive {
        return converse(&mut writer, flags);
    }
    let text = if flags.json.json {
        let (text, tokens) = write(&mut writer, flags.length, &mut io::sink())?;
        let shown = String::from_utf8_lossy(&text);
        output::json(&[json!({"prompt": flags.prompt, "text": shown, "tokens": tokens})])?;
        text
    } else {
        let mut stdout = io::stdout().lock();
        stdout.write_all(flags.prompt.as_bytes())?;
        let (text, _) = write(&mut writer, flags.length, &mut stdout)?;
        writeln!(stdout)?;
        stdout.flush()?;
        text
    };
    match &flags.midi {
        None => Ok(()),
        Some(path) => {
            let tune = [flags.prompt.as_bytes(), &text].concat();
            play(&String::from_utf8_lossy(&tune), path)
        }
    }
}

/// Refuses flags that this language model does not have.
fn ensure_applicable(flags: &GenerateFlags, trained: &Trained) -> Result<()> {
    if flags.piece.is_some() {
        return Err(elman::Error::argument(
            "--piece",
            "this run is a `language_model`, which begins with a text",
            "use `--prompt`",
        ));
    }
    let writes_tunes = matches!(trained.recipe.data, DataSettings::Tunes(_));
    if flags.midi.is_some() && !writes_tunes {
        return Err(elman::Error::argument(
            "--midi",
            "this run has learnt a text (`data.format = \"text\"`), which sounds like nothing",
            "leave it out, or give a run on tunes (`data.format = \"tunes\"`) or of a `polyphony`",
        ));
    }
    Ok(())
}

/// Writes what `tune`, in ABC notation, sounds like to a MIDI file.
fn play(tune: &str, path: &Path) -> Done {
    let tune = Tune::parse("the tune", tune)?;
    let bytes = write_midi(tune.score())?;
    fs::write(path, bytes).map_err(|source| elman::Error::io("write", path, source))?;
    Ok(())
}

fn sampler(flags: &GenerateFlags) -> Result<Sampler> {
    let mut config = SamplerConfig::default().with_temperature(flags.temperature)?;
    if let Some(top_k) = flags.top_k {
        config = config.with_top_k(top_k)?;
    }
    if let Some(top_p) = flags.top_p {
        config = config.with_top_p(top_p)?;
    }
    Ok(config.init(Seed::new(flags.seed)))
}

/// Writes up to `length` tokens to `out` as they come, or to the end of a document; gives the text, in
/// bytes, and of how many tokens it is.
fn write(
    writer: &mut Writer<'_>,
    length: usize,
    out: &mut dyn Write,
) -> std::result::Result<(Vec<u8>, usize), Failure> {
    let (mut text, mut written) = (Vec::new(), 0);
    while written < length {
        let Some(piece) = writer.write()? else {
            break;
        };
        out.write_all(&piece)?;
        out.flush()?;
        text.extend(piece);
        written += 1;
    }
    let rest = writer.finish();
    out.write_all(&rest)?;
    text.extend(rest);
    Ok((text, written))
}

/// Goes on after every line of stdin, until it ends.
fn converse(writer: &mut Writer<'_>, flags: &GenerateFlags) -> Done {
    let mut stdout = io::stdout().lock();
    for line in io::stdin().lock().split(b'\n') {
        let line = line.map_err(|source| elman::Error::io("read", "the input", source))?;
        match writer.read("the input", line.strip_suffix(b"\r").unwrap_or(&line)) {
            Ok(()) => {
                write(writer, flags.length, &mut stdout)?;
                writeln!(stdout)?;
            }
            // What cannot be read is told, and the text goes on from where it was.
            Err(error) => output::talk(&format!("elman: {error}")),
        }
        stdout.flush()?;
    }
    Ok(())
}
