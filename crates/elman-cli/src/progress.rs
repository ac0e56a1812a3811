//! What a person sees while a model is trained.

use std::io::{IsTerminal, stderr};
use std::time::Instant;

use elman::metric::{EpochMetrics, Figures, Measure, written};
use elman::train::{GradientNorms, Observer, StepProgress};
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::output::talk;
use crate::signals::Signals;

/// How much is said on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Talk {
    /// A bar that moves and a line for every epoch.
    Bar,
    /// A line for every epoch.
    Lines,
    /// Nothing but errors and warnings.
    Nothing,
}

impl Talk {
    /// What suits the place where stderr goes.
    pub(crate) fn suited(quiet: bool) -> Self {
        match (quiet, stderr().is_terminal()) {
            (true, _) => Self::Nothing,
            (false, true) => Self::Bar,
            (false, false) => Self::Lines,
        }
    }
}

/// Shows the training and passes the user's signals on.
pub(crate) struct Progress {
    talk: Talk,
    signals: Signals,
    bar: ProgressBar,
    started: Instant,
    examples: usize,
    steps: u64,
    warnings: Vec<String>,
}

impl Progress {
    pub(crate) fn new(talk: Talk, signals: Signals) -> Self {
        let style = ProgressStyle::with_template("{wide_bar:.cyan} {msg}")
            .expect("the template is well-formed");
        let bar = match talk {
            Talk::Bar => ProgressBar::new(1).with_style(style),
            Talk::Lines | Talk::Nothing => ProgressBar::hidden(),
        };
        Self {
            talk,
            signals,
            bar,
            started: Instant::now(),
            examples: 0,
            steps: 0,
            warnings: Vec::new(),
        }
    }

    /// Everything that was warned of.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Loss and score of the epoch so far.
fn running(now: &StepProgress) -> String {
    let Figures { loss, score } = now.running;
    let (loss, measure) = (written(loss, 4), now.measure);
    match measure.trains_on_samples() {
        true => format!("loss {loss} (sampled)"),
        false => format!("loss {loss}  {} {}", measure.key(), measure.written(score)),
    }
}

/// The norm of the gradients, and what a clip made of it.
fn norms(norms: GradientNorms) -> String {
    let GradientNorms { before, after } = norms;
    if before == after {
        return written(before, 3);
    }
    format!("{} clipped to {}", written(before, 3), written(after, 3))
}

impl Observer for Progress {
    fn step(&mut self, now: &StepProgress) {
        if self.talk != Talk::Bar {
            return;
        }
        self.examples += now.examples;
        self.steps += 1;
        let seconds = self.started.elapsed().as_secs_f64();
        let all = (now.epochs * now.steps) as u64;
        let done = (now.epoch * now.steps + now.done) as u64;
        let left = self
            .started
            .elapsed()
            .mul_f64((all - done) as f64 / self.steps as f64);
        self.bar.set_length(all);
        self.bar.set_position(done);
        // Epochs count from 0, as in the lines below the bar and in `metrics.csv`.
        self.bar.set_message(format!(
            "epoch {}/{}  {}  gradient {}  {:.0} {}/s  {} left",
            now.epoch,
            now.epochs - 1,
            running(now),
            norms(now.gradient_norms),
            self.examples as f64 / seconds,
            match now.measure {
                Measure::BitsPerCharacter | Measure::SampledTokens => "tokens",
                Measure::KeyAccuracy => "steps",
                Measure::ScaledError => "windows",
                Measure::Accuracy | Measure::AbsoluteError => "sequences",
            },
            HumanDuration(left),
        ));
    }

    fn epoch(&mut self, metrics: &EpochMetrics) {
        let line = metrics.to_string();
        match self.talk {
            Talk::Bar => self.bar.println(line),
            Talk::Lines => talk(&line),
            Talk::Nothing => {}
        }
    }

    fn note(&mut self, message: &str) {
        if self.talk != Talk::Nothing {
            self.bar.suspend(|| talk(&format!("data: {message}")));
        }
    }

    fn warning(&mut self, message: &str) {
        self.warnings.push(message.to_owned());
        self.bar
            .suspend(|| talk(&format!("elman: warning: {message}")));
    }

    fn worry(&mut self, message: &str) {
        self.warning(message);
    }

    fn stop_signal(&mut self) -> Option<i32> {
        self.signals.received()
    }
}
