//! `elman generate`.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::Path;

use elman::Result;
use elman::data::tune::{Tune, write_midi};
use elman::generate::{Sampler, SamplerConfig, Writer};
use elman::random::Seed;
use elman::task::Trained;
use serde_json::json;

use crate::Done;
use crate::arguments::GenerateFlags;
use crate::output::{self, Failure};

pub(crate) fn run(flags: &GenerateFlags) -> Done {
    let sampler = sampler(flags).map_err(Failure::Usage)?;
    let trained = Trained::load(&flags.run)?;
    let mut writer = Writer::new(trained.language()?, sampler)?;
    writer.read(&flags.prompt).map_err(Failure::Usage)?;
    if flags.interactive {
        return converse(&mut writer, flags);
    }
    let mut text = Vec::new();
    if flags.json.json {
        let tokens = write(&mut writer, flags.length, &mut text)?;
        let text = String::from_utf8_lossy(&text);
        let object = json!({"prompt": flags.prompt, "text": text, "tokens": tokens});
        output::json(&[object])?;
    } else {
        let mut stdout = io::stdout().lock();
        stdout.write_all(flags.prompt.as_bytes())?;
        let mut out = Both(&mut stdout, &mut text);
        write(&mut writer, flags.length, &mut out)?;
        writeln!(stdout)?;
        stdout.flush()?;
    }
    match &flags.midi {
        None => Ok(()),
        Some(path) => {
            let tune = format!("{}{}", flags.prompt, String::from_utf8_lossy(&text));
            play(&tune, path)
        }
    }
}

/// Writes what `tune`, in ABC notation, sounds like to a MIDI file.
fn play(tune: &str, path: &Path) -> Done {
    let tune = Tune::parse("the tune", tune)?;
    let bytes = write_midi(tune.score())?;
    fs::write(path, bytes).map_err(|source| elman::Error::io("write", path, source))?;
    Ok(())
}

/// Writes to two places.
struct Both<'a>(&'a mut dyn Write, &'a mut Vec<u8>);

impl Write for Both<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.write(bytes)?;
        self.1.extend(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
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

/// Writes up to `length` tokens to `out` as they come, or to the end of a document; gives how many.
fn write(
    writer: &mut Writer<'_>,
    length: usize,
    out: &mut dyn Write,
) -> std::result::Result<usize, Failure> {
    let mut written = 0;
    while written < length {
        let Some(text) = writer.write()? else {
            break;
        };
        out.write_all(text.as_bytes())?;
        out.flush()?;
        written += 1;
    }
    out.write_all(writer.finish().as_bytes())?;
    Ok(written)
}

/// Goes on after every line of stdin, until it ends.
fn converse(writer: &mut Writer<'_>, flags: &GenerateFlags) -> Done {
    let mut stdout = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        match writer.read(&line?) {
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
