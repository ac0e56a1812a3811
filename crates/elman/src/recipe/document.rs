//! A TOML document whose values remember where they stand.

use std::collections::BTreeMap;
use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Override;
use super::override_::PLACE_KEY;
use super::vocabulary::file_key;

/// Where a value was given.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// In the file, with the line (from 1).
    Line(usize),
    /// Beside the file.
    Override,
    /// Drawn by a search of the recipe's `[tune]`.
    Search,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, " (line {line})"),
            Self::Override => f.write_str(" (--set)"),
            Self::Search => f.write_str(" (drawn by [tune.search])"),
        }
    }
}

/// A value and where it was given.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) place: Place,
}

/// A value of a recipe.
#[derive(Clone, Debug)]
pub(super) enum Value {
    String(String),
    Integer(i128),
    Float(f64),
    Boolean(bool),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
    /// What no recipe uses, as found.
    Other(&'static str),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => write!(f, "the string {text:?}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Boolean(truth) => write!(f, "{truth}"),
            Self::List(items) => write!(f, "a list of {}", items.len()),
            Self::Table(_) => f.write_str("a table"),
            Self::Other(kind) => f.write_str(kind),
        }
    }
}

/// A whole recipe.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) root: BTreeMap<String, Node>,
}

/// Parses a document, or says everything that is wrong with its syntax.
pub(super) fn parse(text: &str) -> Result<Document, Vec<String>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let lines = Lines::of(text);
    if !errors.is_empty() {
        return Err(errors
            .iter()
            .map(|error| {
                let line = error.span().map_or(1, |span| lines.of_byte(span.start));
                let message = error.message().lines().collect::<Vec<_>>().join(", ");
                format!("line {line}: {message}")
            })
            .collect());
    }
    Ok(Document {
        root: table(root.get_ref(), &|at| Place::Line(lines.of_byte(at))),
    })
}

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(starts).collect())
    }

    /// The line (from 1) of a byte.
    fn of_byte(&self, at: usize) -> usize {
        self.0.partition_point(|&start| start <= at)
    }
}

fn table(table: &DeTable<'_>, place: &dyn Fn(usize) -> Place) -> BTreeMap<String, Node> {
    table
        .iter()
        .map(|(key, value)| {
            let at = place(key.span().start);
            let node = Node {
                value: convert(value.get_ref(), place),
                place: at,
            };
            (key.get_ref().to_string(), node)
        })
        .collect()
}

fn convert(value: &DeValue<'_>, place: &dyn Fn(usize) -> Place) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("a number beyond 128 bits"), Value::Integer),
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .map_or(Value::Other("a number that cannot be read"), Value::Float),
        DeValue::Boolean(truth) => Value::Boolean(*truth),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => {
            let node = |item: &Spanned<DeValue<'_>>| Node {
                value: convert(item.get_ref(), place),
                place: place(item.span().start),
            };
            Value::List(items.iter().map(node).collect())
        }
        DeValue::Table(inner) => Value::Table(table(inner, place)),
    }
}

impl Node {
    pub(super) fn from_toml(value: &Spanned<DeValue<'_>>, place: &Place) -> Self {
        Self {
            value: convert(value.get_ref(), &|_| place.clone()),
            place: place.clone(),
        }
    }
}

impl Document {
    /// Puts `overrides` in, the last one last; says which cannot be.
    pub(super) fn apply(&mut self, overrides: &[Override]) -> Vec<String> {
        overrides
            .iter()
            .filter_map(|given| self.put(given).err())
            .collect()
    }

    fn put(&mut self, given: &Override) -> Result<(), String> {
        let Some((last, tables)) = given.keys.split_last() else {
            return Ok(());
        };
        let inner = within(&mut self.root, tables).map_err(|(left, problem)| {
            let path = tables[..tables.len() - left].join(".");
            let key = given.keys.join(".");
            format!("{key} (--set): `{path}` {problem}")
        })?;
        let key = match last.as_str() {
            PLACE_KEY => place_key(inner).to_owned(),
            _ => last.clone(),
        };
        inner.insert(key, given.node.clone());
        Ok(())
    }

    /// The value of a dotted key.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        let mut parts = key.split('.');
        let first = self.root.get(parts.next()?)?;
        parts.try_fold(&first.value, |value, part| match value {
            Value::Table(inner) => inner.get(part).map(|node| &node.value),
            Value::List(items) => Some(&items.get(part.parse::<usize>().ok()?)?.value),
            _ => None,
        })
    }

    /// The document as TOML: what it says, without comments.
    pub(super) fn to_toml(&self) -> String {
        let mut out = String::new();
        lines(&mut out, "", &self.root);
        out.trim_start().to_owned()
    }
}

/// The key of `[data]` that says where its format has its files.
fn place_key(data: &BTreeMap<String, Node>) -> &'static str {
    match data.get("format").map(|node| &node.value) {
        Some(Value::String(format)) => file_key(format),
        _ => file_key(""),
    }
}

/// The lines of a table: its own values, then the tables in it.
fn lines(out: &mut String, path: &str, nodes: &BTreeMap<String, Node>) {
    let (tables, values): (Vec<_>, Vec<_>) = nodes
        .iter()
        .partition(|(_, node)| matches!(node.value, Value::Table(_)));
    let says_something = !values.is_empty() || tables.is_empty();
    if says_something && !path.is_empty() {
        out.push_str(&format!("\n[{path}]\n"));
    }
    for (key, node) in values {
        out.push_str(&format!("{} = {}\n", quoted(key), inline(&node.value)));
    }
    for (key, node) in tables {
        let Value::Table(inner) = &node.value else {
            continue;
        };
        let path = match path {
            "" => quoted(key),
            path => format!("{path}.{}", quoted(key)),
        };
        lines(out, &path, inner);
    }
}

/// A key as TOML, in quotes where it needs them.
fn quoted(key: &str) -> String {
    if is_bare(key) {
        key.to_owned()
    } else {
        toml::Value::from(key).to_string()
    }
}

/// May a key stand without quotes?
pub(super) fn is_bare(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter))
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => toml::Value::from(text.as_str()).to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}").to_lowercase(),
        Value::Boolean(truth) => truth.to_string(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| inline(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(inner) => {
            let pairs: Vec<String> = inner
                .iter()
                .map(|(key, node)| format!("{} = {}", quoted(key), inline(&node.value)))
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        // No sound recipe has one.
        Value::Other(kind) => toml::Value::from(*kind).to_string(),
    }
}

/// The table that `keys` lead to within `table`; those that are not there are made, and a number
/// counts the tables of a list from 0. Else how many keys were left, and what stands in the way.
fn within<'t>(
    table: &'t mut BTreeMap<String, Node>,
    keys: &[String],
) -> Result<&'t mut BTreeMap<String, Node>, (usize, String)> {
    let Some((key, rest)) = keys.split_first() else {
        return Ok(table);
    };
    let node = table.entry(key.clone()).or_insert_with(|| Node {
        value: Value::Table(BTreeMap::new()),
        place: Place::Override,
    });
    inside(node, rest)
}

fn inside<'t>(
    node: &'t mut Node,
    keys: &[String],
) -> Result<&'t mut BTreeMap<String, Node>, (usize, String)> {
    let count = match &node.value {
        Value::List(items) => Some(items.len()),
        _ => None,
    };
    if let (Some(count), Some((index, rest))) = (count, keys.split_first()) {
        let at: Option<usize> = index.parse().ok().filter(|at| *at < count);
        return match (&mut node.value, at) {
            (Value::List(items), Some(at)) => inside(&mut items[at], rest),
            _ => Err((keys.len(), format!("is a list of {count}: count from 0"))),
        };
    }
    match &mut node.value {
        Value::Table(inner) => within(inner, keys),
        other => Err((keys.len(), format!("is {other}, not a table"))),
    }
}
