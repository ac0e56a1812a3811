//! `elman generate`.

use std::io::{self, BufRead, Write};

use elman::Result;
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
    if flags.json.json {
        let mut text = Vec::new();
        let tokens = write(&mut writer, flags.length, &mut text)?;
        return output::json(&[json!({
            "prompt": flags.prompt,
            "text": String::from_utf8_lossy(&text),
            "tokens": tokens,
        })]);
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(flags.prompt.as_bytes())?;
    write(&mut writer, flags.length, &mut stdout)?;
    writeln!(stdout)?;
    Ok(stdout.flush()?)
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
