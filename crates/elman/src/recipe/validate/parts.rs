//! In `[data]`: the files of examples, and what of them is held out.

use super::reader::{Mismatch, Section, list, number, text};
use crate::recipe::HeldOutParts;
use crate::recipe::document::Value;

const DEFAULT_SHARE: f64 = 0.05;

/// A path, or a list of at least one.
pub(super) fn paths(value: &Value) -> Result<Vec<String>, Mismatch> {
    let found = names(value).ok().filter(|paths| !paths.is_empty());
    found.ok_or_else(|| Mismatch::new("a path or a list of paths"))
}

/// A name, or a list of names.
pub(super) fn names(value: &Value) -> Result<Vec<String>, Mismatch> {
    match value {
        Value::String(_) => text(value).map(|name| vec![name]),
        _ => list(text)(value),
    }
}

/// What of them is not trained on.
pub(super) fn held_out(section: &mut Section<'_>) -> Option<HeldOutParts> {
    let has_files = section.has("valid_files") || section.has("test_files");
    if has_files {
        for key in ["valid", "test"] {
            let why = "what is held out stands in files of its own; remove this key or those files";
            section.inapplicable(key, why);
        }
        let valid = section.optional("valid_files", paths);
        let test = section.required("test_files", paths);
        return Some(HeldOutParts::Files {
            valid: valid?.unwrap_or_default(),
            test: test?,
        });
    }
    section.leave_unjudged(&["valid_files", "test_files"]);
    let valid = number("a number from 0 to below 1", |it| (0.0..1.0).contains(&it));
    let valid = section.or("valid", valid, DEFAULT_SHARE);
    let test = number("a number above 0 and below 1", |it| it > 0.0 && it < 1.0);
    let test = section.or("test", test, DEFAULT_SHARE);
    let (valid, test) = (valid?, test?);
    if valid + test >= 1.0 {
        section.problem(format!(
            "{}, {}: {valid} and {test} leave nothing to train on; make them smaller",
            section.name("valid"),
            section.name("test")
        ));
        return None;
    }
    Some(HeldOutParts::Shares { valid, test })
}
