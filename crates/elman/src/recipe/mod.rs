//! Recipes: one TOML file says everything about an experiment.
//!
//! ```toml
//! title = "MNIST rows, basic RNN"
//! task = "classifier"
//! seed = 42                  # of the weights and of the order of examples
//!
//! [data]
//! format = "idx"
//! folder = "data/mnist10k"   # as seen from the working directory
//! classes = 10
//! hold_out = 0               # the first N training images are held out for validation
//!
//! [model]
//! cell = "basic"             # basic, lstm, gru, …: [`CellSettings`]
//! layers = 1                 # so many of them on top of each other
//! units = 150
//! activation = "tanh"
//!
//! [train]
//! epochs = 100
//! batch = 150
//!
//! [train.optimiser]
//! name = "adam"
//! learning_rate = 0.001
//! ```
//!
//! Everything that is wrong with a recipe is reported at once, with its line.

mod document;
mod override_;
mod settings;
mod shipped;
mod template;
mod validate;
mod vocabulary;
mod write;

use std::fs;
use std::path::Path;

pub use override_::Override;
pub use settings::{
    AdaGradSettings, AdamSettings, AdamWSettings, AddingSettings, CellSettings, Condition,
    DataSettings, Decay, DecayRate, DropoutSettings, DroppedState, EarlyStopping, ForecastSettings,
    HalvingSettings, Head, HeldOutParts, IdxSettings, LabelledTextSettings, LayerSettings, Level,
    Method, ModelSettings, MomentumSettings, Monitor, Normalisation, OptimiserSettings, Output,
    PianoRollSettings, PointLoss, Range, Readout, ReberSettings, Recipe, RmsPropForm,
    RmsPropSettings, Schedule, ScheduleUnit, Searched, SequenceTableSettings, Setting, SgdSettings,
    Skip, SoftmaxSettings, Task, TextSettings, TokenSettings, TrainSettings, TsSettings,
    TuneSettings, ZoneoutSettings,
};
pub use shipped::Shipped;
pub use template::Template;
pub(crate) use vocabulary::{alternatives, nearest};

use crate::error::{Error, Result};

/// No recipe is longer than this many bytes.
const LONGEST: u64 = 1 << 20;

impl Recipe {
    /// The recipes that every copy of this library knows by name.
    pub fn shipped() -> &'static [Shipped] {
        shipped::ALL
    }

    /// Loads a recipe and applies `overrides` to it before it is checked.
    ///
    /// `path_or_name` is a path if it has a path separator or ends in `.toml`, else the name of a
    /// [shipped](Self::shipped) recipe.
    ///
    /// # Errors
    ///
    /// When there is no such recipe, or with everything that is wrong with it.
    pub fn load(path_or_name: &str, overrides: &[Override]) -> Result<Self> {
        Template::load(path_or_name, overrides)?.recipe()
    }

    /// The recipe in `text`, with `overrides` applied; `origin` names it in errors.
    ///
    /// # Errors
    ///
    /// With everything that is wrong with it.
    pub fn from_toml(origin: &str, text: &str, overrides: &[Override]) -> Result<Self> {
        Template::from_toml(origin, text, overrides)?.recipe()
    }

    /// The value of a dotted key; none where this recipe has no such key.
    pub fn setting(&self, key: &str) -> Option<Setting> {
        let document = document::parse(&self.to_toml()).ok()?;
        document.get(key).and_then(validate::setting)
    }

    /// The recipe as TOML, with every setting spelt out: loading it gives an equal recipe.
    pub fn to_toml(&self) -> String {
        write::recipe(self)
    }
}

fn read(path: &Path) -> Result<String> {
    let metadata = fs::metadata(path).map_err(|source| Error::io("open", path, source))?;
    if metadata.is_dir() {
        return Err(Error::data(
            path,
            "expected a recipe file, found a folder",
            "name a `.toml` file or a shipped recipe (`elman recipes` lists them)",
        ));
    }
    if !metadata.is_file() || metadata.len() > LONGEST {
        return Err(Error::data(
            path,
            format!("expected a regular file of at most {LONGEST} bytes"),
            "name a recipe file",
        ));
    }
    let bytes = fs::read(path).map_err(|source| Error::io("read", path, source))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::data(
            path,
            format!("byte {at} is not UTF-8"),
            "save the recipe as UTF-8 text",
        )
    })
}

#[cfg(test)]
mod tests;
