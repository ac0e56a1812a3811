//! A recipe whose settings can still be replaced.

use std::path::Path;

use super::document::{self, Document};
use super::{Override, Recipe, read, shipped, validate};
use crate::error::{Error, Result};

/// A recipe as it was written, with what was given beside it; what it leaves out is still open.
///
/// From a template come the candidates of a search: a [`Recipe`] spells every default out, and a
/// default of one cell is a fault of another.
#[derive(Clone, Debug)]
pub struct Template {
    origin: String,
    document: Document,
    /// What could not be put in.
    problems: Vec<String>,
}

impl Template {
    /// The template of a path or name, as [`Recipe::load`] finds it.
    ///
    /// # Errors
    ///
    /// When there is no such recipe, or it is no TOML.
    pub fn load(path_or_name: &str, overrides: &[Override]) -> Result<Self> {
        let is_path =
            path_or_name.ends_with(".toml") || path_or_name.contains(std::path::is_separator);
        if is_path {
            let text = read(Path::new(path_or_name))?;
            return Self::from_toml(path_or_name, &text, overrides);
        }
        let shipped = shipped::find(path_or_name)?;
        let origin = format!("recipe `{}`", shipped.name);
        Self::from_toml(&origin, shipped.text, overrides)
    }

    /// The template in `text`; `origin` names it in errors.
    ///
    /// # Errors
    ///
    /// When it is no TOML.
    pub fn from_toml(origin: &str, text: &str, overrides: &[Override]) -> Result<Self> {
        let mut document =
            document::parse(text).map_err(|problems| Error::recipe(origin, problems))?;
        let problems = document.apply(overrides);
        Ok(Self {
            origin: origin.to_owned(),
            document,
            problems,
        })
    }

    /// What errors call it.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The recipe.
    ///
    /// # Errors
    ///
    /// With everything that is wrong with it.
    pub fn recipe(&self) -> Result<Recipe> {
        self.with(&[])
    }

    /// The recipe with `overrides` applied after those that there were.
    ///
    /// # Errors
    ///
    /// With everything that is wrong with it.
    pub fn with(&self, overrides: &[Override]) -> Result<Recipe> {
        let mut document = self.document.clone();
        let mut problems = self.problems.clone();
        problems.extend(document.apply(overrides));
        validate::recipe(&self.origin, document, problems)
    }

    /// The same without the table `key`.
    pub(crate) fn without(mut self, key: &str) -> Self {
        self.document.root.remove(key);
        self
    }

    /// The template as TOML, without comments: reading it gives an equal template.
    pub fn to_toml(&self) -> String {
        self.document.to_toml()
    }
}
