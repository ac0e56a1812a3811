//! The one answer of an example, as files have it.

use crate::data::Targets;

/// Class names that an error lists.
const LISTED: usize = 12;

/// One of the recipe's classes, or a number where it names none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Answer {
    /// The place of a class among them.
    Class(u8),
    /// A finite number.
    Number(f32),
}

/// What was expected in place of an answer, and what to do.
pub(super) struct NoAnswer {
    pub(super) expected: String,
    pub(super) remedy: &'static str,
}

impl Answer {
    /// The answer that `text` is, of the `classes` that a recipe names.
    pub(super) fn read(text: &str, classes: &[String]) -> Result<Self, NoAnswer> {
        if classes.is_empty() {
            let number: Option<f32> = text.parse().ok();
            return match number.filter(|number| number.is_finite()) {
                Some(number) => Ok(Self::Number(number)),
                None => Err(NoAnswer {
                    expected: "a finite number".to_owned(),
                    remedy: "write a number, or name the classes (`data.classes`)",
                }),
            };
        }
        let class = classes.iter().position(|name| name == text);
        match class.and_then(|class| u8::try_from(class).ok()) {
            Some(class) => Ok(Self::Class(class)),
            None => Err(NoAnswer {
                expected: format!("one of {}", listed(classes)),
                remedy: "correct it, or name it among the classes (`data.classes`)",
            }),
        }
    }

    /// All `answers`, of so many `classes` or, if 0, numbers.
    pub(super) fn targets(answers: impl IntoIterator<Item = Self>, classes: usize) -> Targets {
        let mut labels = Vec::new();
        let mut values = Vec::new();
        for answer in answers {
            match answer {
                Self::Class(label) => labels.push(label),
                Self::Number(value) => values.push(value),
            }
        }
        match classes {
            0 => Targets::Numbers { values, width: 1 },
            classes => Targets::Classes { labels, classes },
        }
    }
}

fn listed(classes: &[String]) -> String {
    let names: Vec<String> = classes
        .iter()
        .take(LISTED)
        .map(|name| format!("`{name}`"))
        .collect();
    let tail = match classes.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{tail}", names.join(", "))
}
