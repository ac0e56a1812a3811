//! Takes settings out of a table, by rules, and notes what does not fit.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::error::Error;
use crate::recipe::document::{Node, Place, Value};
use crate::recipe::vocabulary::{Choices, alternatives, nearest, word};

/// Why a value does not fit.
pub(super) struct Mismatch {
    expected: String,
    advice: Option<String>,
}

impl Mismatch {
    pub(super) fn new(expected: impl Into<String>) -> Self {
        Self {
            expected: expected.into(),
            advice: None,
        }
    }
}

/// What a setting must be.
pub(super) trait Rule<T>: Fn(&Value) -> Result<T, Mismatch> {}
impl<T, R: Fn(&Value) -> Result<T, Mismatch>> Rule<T> for R {}

/// Some text.
pub(super) fn text(value: &Value) -> Result<String, Mismatch> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Ok(text.clone()),
        _ => Err(Mismatch::new("a string that is not empty")),
    }
}

/// `true` or `false`.
pub(super) fn truth(value: &Value) -> Result<bool, Mismatch> {
    match value {
        Value::Boolean(truth) => Ok(*truth),
        _ => Err(Mismatch::new("`true` or `false`")),
    }
}

/// A whole number within `range`.
pub(super) fn whole(range: RangeInclusive<u64>) -> impl Rule<u64> {
    move |value| {
        let fits = match value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        };
        fits.filter(|number| range.contains(number)).ok_or_else(|| {
            Mismatch::new(format!(
                "a whole number from {} to {}",
                range.start(),
                range.end()
            ))
        })
    }
}

/// A whole number within `range`, as a size.
pub(super) fn size(range: RangeInclusive<u64>) -> impl Rule<usize> {
    let rule = whole(range);
    move |value| {
        let number = rule(value)?;
        usize::try_from(number).map_err(|_| Mismatch::new("a size that this machine can address"))
    }
}

/// A finite number that `fits`; `expected` says so in words.
pub(super) fn number(expected: &'static str, fits: fn(f64) -> bool) -> impl Rule<f64> {
    move |value| {
        let found = match value {
            Value::Integer(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            _ => None,
        };
        found
            .filter(|number| number.is_finite() && fits(*number))
            .ok_or_else(|| Mismatch::new(expected))
    }
}

/// The units of sizes in memory, the largest first.
const BYTE_UNITS: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// A size in memory: a whole number above 0 and a unit.
pub(super) fn bytes(value: &Value) -> Result<u64, Mismatch> {
    let found = match value {
        Value::String(text) => parse_bytes(text),
        _ => None,
    };
    found.ok_or_else(|| {
        Mismatch::new("a whole number of B, KiB, MiB or GiB above 0, such as \"512MiB\"")
    })
}

fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.trim_start_matches(|it: char| it.is_ascii_digit());
    let (number, unit) = text.split_at(text.len() - digits.len());
    let (_, factor) = BYTE_UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    let number: u64 = number.parse().ok()?;
    number.checked_mul(*factor).filter(|&bytes| bytes > 0)
}

/// `bytes` as [`bytes`](bytes()) reads it, in the largest unit that fits.
pub(in crate::recipe) fn in_bytes(bytes: u64) -> String {
    let fitting = BYTE_UNITS
        .iter()
        .find(|(_, factor)| bytes.is_multiple_of(*factor));
    let (unit, factor) = fitting.expect("every number is a multiple of 1");
    format!("{}{unit}", bytes / factor)
}

/// A list of values that `rule` accepts.
pub(super) fn list<T>(rule: impl Rule<T>) -> impl Rule<Vec<T>> {
    move |value| {
        let Value::List(items) = value else {
            let each = rule(&Value::Other("nothing")).err();
            let each = each.map_or(String::new(), |each| format!(", each {}", each.expected));
            return Err(Mismatch::new(format!("a list{each}")));
        };
        let item = |(at, item): (usize, &Node)| {
            rule(&item.value).map_err(|Mismatch { expected, .. }| Mismatch {
                expected: format!("a list, each {expected}"),
                advice: Some(format!("place {} of it is {}", at + 1, item.value)),
            })
        };
        items.iter().enumerate().map(item).collect()
    }
}

/// What a string says of itself that it can be read as.
pub(super) fn parsed<T: FromStr<Err = Error>>(expected: &'static str) -> impl Rule<T> {
    move |value| {
        let Value::String(text) = value else {
            return Err(Mismatch::new(expected));
        };
        text.parse().map_err(|error: Error| Mismatch {
            expected: expected.to_owned(),
            advice: Some(error.to_string()),
        })
    }
}

/// One of the words of `choices`.
pub(super) fn choice<T: Copy>(choices: Choices<T>) -> impl Rule<T> {
    move |value| {
        let words = choices.iter().map(|(word, _)| *word);
        let Value::String(found) = value else {
            return Err(Mismatch::new(alternatives(words)));
        };
        choices
            .iter()
            .find(|(word, _)| word == found)
            .map(|(_, meaning)| *meaning)
            .ok_or_else(|| Mismatch {
                expected: alternatives(words.clone()),
                advice: nearest(found, words).map(|near| format!("did you mean `{near}`?")),
            })
    }
}

/// A table whose settings are being taken out.
pub(super) struct Section<'p> {
    path: String,
    nodes: BTreeMap<String, Node>,
    known: Vec<&'static str>,
    problems: &'p RefCell<Vec<String>>,
}

impl<'p> Section<'p> {
    /// The whole document.
    pub(super) fn root(nodes: BTreeMap<String, Node>, problems: &'p RefCell<Vec<String>>) -> Self {
        Self {
            path: String::new(),
            nodes,
            known: Vec::new(),
            problems,
        }
    }

    /// The full name of a key of this table.
    pub(super) fn name(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Notes a problem.
    pub(super) fn problem(&self, text: String) {
        self.problems.borrow_mut().push(text);
    }

    /// Where problems are noted.
    pub(super) fn problems(&self) -> &'p RefCell<Vec<String>> {
        self.problems
    }

    /// Is the key there?
    pub(super) fn has(&self, key: &str) -> bool {
        self.nodes.contains_key(key)
    }

    fn take(&mut self, key: &'static str) -> Option<Node> {
        self.known.push(key);
        self.nodes.remove(key)
    }

    /// A setting that may be absent; `None` when it is there and does not fit.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        rule: impl Rule<T>,
    ) -> Option<Option<T>> {
        let Some(node) = self.take(key) else {
            return Some(None);
        };
        match rule(&node.value) {
            Ok(value) => Some(Some(value)),
            Err(Mismatch { expected, advice }) => {
                let name = self.name(key);
                let advice = advice.map_or(String::new(), |advice| format!("; {advice}"));
                self.problem(format!(
                    "{name}{}: expected {expected}, found {}{advice}",
                    node.place, node.value
                ));
                None
            }
        }
    }

    /// A setting with a default; `None` when it is there and does not fit.
    pub(super) fn or<T>(&mut self, key: &'static str, rule: impl Rule<T>, default: T) -> Option<T> {
        self.optional(key, rule)
            .map(|value| value.unwrap_or(default))
    }

    /// A setting that must be there; `None` when it is not or does not fit.
    pub(super) fn required<T>(&mut self, key: &'static str, rule: impl Rule<T>) -> Option<T> {
        let expected = rule(&Value::Other("nothing")).err()?.expected;
        let value = self.optional(key, rule)?;
        if value.is_none() {
            self.problem(format!(
                "{}: this key is missing; set it to {expected}",
                self.name(key)
            ));
        }
        value
    }

    /// A setting that has no meaning here: `why`, if it is there all the same.
    pub(super) fn inapplicable(&mut self, key: &'static str, why: &str) {
        if let Some(node) = self.take(key) {
            let name = self.name(key);
            self.problem(format!("{name}{}: {why}", node.place));
        }
    }

    /// Settings that cannot be judged, because what they depend on is wrong.
    pub(super) fn leave_unjudged(&mut self, keys: &[&'static str]) {
        for key in keys {
            self.take(key);
        }
    }

    /// A table within this one, if it is there.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'p>> {
        let node = self.take(key)?;
        match node.value {
            Value::Table(nodes) => Some(Section {
                path: self.name(key),
                nodes,
                known: Vec::new(),
                problems: self.problems,
            }),
            other => {
                let name = self.name(key);
                self.problem(format!(
                    "{name}{}: expected the table `[{name}]`, found {other}",
                    node.place
                ));
                None
            }
        }
    }

    /// A table within this one, if it is there; a word alone stands for the table whose `key_of_word`
    /// it is.
    pub(super) fn section_or_word(
        &mut self,
        key: &'static str,
        key_of_word: &'static str,
    ) -> Option<Section<'p>> {
        if let Some(node) = self.nodes.get_mut(key)
            && let Value::String(_) = &node.value
        {
            let word = node.clone();
            node.value = Value::Table([(key_of_word.to_owned(), word)].into());
        }
        self.section(key)
    }

    /// The tables of a list within this one (`[[key]]`), none when there is no list; `None` when it
    /// is something else. Their names count from 0.
    pub(super) fn sections(&mut self, key: &'static str) -> Option<Vec<Section<'p>>> {
        let Some(node) = self.take(key) else {
            return Some(Vec::new());
        };
        let name = self.name(key);
        let problem = |place: &Place, found: &Value| {
            let text = format!("{name}{place}: expected tables `[[{name}]]`, found {found}");
            self.problem(text);
        };
        let Value::List(items) = node.value else {
            problem(&node.place, &node.value);
            return None;
        };
        let sections = items
            .into_iter()
            .enumerate()
            .map(|(index, item)| match item.value {
                Value::Table(nodes) => Some(Section {
                    path: format!("{name}.{index}"),
                    nodes,
                    known: Vec::new(),
                    problems: self.problems,
                }),
                other => {
                    problem(&item.place, &other);
                    None
                }
            });
        // All of them, so that all problems are noted.
        sections.collect::<Vec<_>>().into_iter().collect()
    }

    /// A table within this one that must be there.
    pub(super) fn required_section(&mut self, key: &'static str) -> Option<Section<'p>> {
        if !self.has(key) {
            self.known.push(key);
            self.problem(format!("the table `[{}]` is missing", self.name(key)));
            return None;
        }
        self.section(key)
    }

    /// The table named `path`, of `nodes` that were taken out of another.
    pub(super) fn of(
        path: String,
        nodes: BTreeMap<String, Node>,
        problems: &'p RefCell<Vec<String>>,
    ) -> Self {
        Self {
            path,
            nodes,
            known: Vec::new(),
            problems,
        }
    }

    /// Everything in this table, for one whose keys are the user's own.
    pub(super) fn into_nodes(self) -> BTreeMap<String, Node> {
        self.nodes
    }

    /// Every key that nobody took is unknown.
    pub(super) fn finish(self) {
        for (key, node) in &self.nodes {
            let advice = match nearest(key, self.known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", alternatives(self.known.iter().copied())),
            };
            let name = self.name(key);
            self.problem(format!("unknown key `{name}`{}; {advice}", node.place));
        }
    }
}

/// The table `key` as `read` reads it, or `default` where there is none.
pub(super) fn table_or<'p, T>(
    section: &mut Section<'p>,
    key: &'static str,
    default: T,
    read: impl FnOnce(Section<'p>) -> Option<T>,
) -> Option<T> {
    if section.has(key) {
        section.section(key).and_then(read)
    } else {
        section.leave_unjudged(&[key]);
        Some(default)
    }
}

/// The keys that not every word of a choice has, with the words that have them.
pub(super) type Owners<K> = &'static [(&'static str, &'static [K])];

/// Notes every key that the chosen word does not have. `what` is the choice in a sentence, `key`
/// its own key; without a choice nothing is judged.
pub(super) fn refuse_others<K: Copy + PartialEq>(
    section: &mut Section<'_>,
    owners: Owners<K>,
    kind: Option<K>,
    (what, key, choices): (&str, &str, Choices<K>),
) {
    for &(name, kinds) in owners {
        match kind {
            None => section.leave_unjudged(&[name]),
            Some(kind) if kinds.contains(&kind) => {}
            Some(kind) => {
                let having = alternatives(kinds.iter().map(|&kind| word(choices, kind)));
                let why = format!(
                    "the {what} is `{}`, only {having} has this key; \
                     remove it or change `{}`",
                    word(choices, kind),
                    section.name(key)
                );
                section.inapplicable(name, &why);
            }
        }
    }
}
