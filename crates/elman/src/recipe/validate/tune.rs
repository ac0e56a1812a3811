//! The table `[tune]`.

use std::collections::BTreeMap;

use super::reader::table_or;
use super::reader::{Mismatch, Rule, Section, choice, list, size, whole};
use crate::random::Seed;
use crate::recipe::document::{Node, Value, is_bare};
use crate::recipe::vocabulary::{TUNE_METRICS, alternatives, word};
use crate::recipe::{Condition, HalvingSettings, Monitor, Range, Searched, Setting, TuneSettings};

const DEFAULT_TRIALS: usize = 20;
const MOST_TRIALS: u64 = 9_999;
const DEFAULT_ETA: usize = 3;
const MOST_ETA: u64 = 1_000;
const MOST_EPOCHS: u64 = super::MOST_EPOCHS;

/// Whole numbers up to this are exact as floating-point numbers too.
const LARGEST_INTEGER: i128 = 1 << 53;

/// The forms of a range; a table that has one of these keys is no group of keys.
const RANGES: [&str; 4] = ["log", "linear", "integer", "choice"];
const WHEN: &str = "when";

/// Keys that make trials incomparable or mean nothing in one, and why.
const FIXED: [(&str, &str); 4] = [
    ("tune", "a search cannot search itself"),
    ("title", "a title changes nothing"),
    (
        "train.epochs",
        "trials would be ranked after different amounts of training; \
         set `train.epochs` to what the best may have",
    ),
    (
        "data.hold_out",
        "trials would be ranked on different examples",
    ),
];

/// What of the rest of the recipe a search depends on.
pub(super) struct Around {
    pub(super) seed: u64,
    pub(super) epochs: Option<usize>,
    pub(super) holds_out: bool,
}

pub(super) fn tune(mut section: Section<'_>, around: &Around) -> Option<TuneSettings> {
    let trials = section.or("trials", size(2..=MOST_TRIALS), DEFAULT_TRIALS);
    let seed = section.or("seed", whole(0..=u64::MAX), around.seed);
    let metric = section.or("metric", choice(TUNE_METRICS), Monitor::ValidAccuracy);
    if let Some(metric) = metric.filter(|_| !around.holds_out) {
        section.problem(format!(
            "{}: `{}` needs held-out images and `data.hold_out` is 0; hold some out",
            section.name("metric"),
            word(TUNE_METRICS, metric)
        ));
    }
    let halving = table_or(&mut section, "halving", None, |section| {
        halving(section, around.epochs).map(Some)
    });
    let search = section.required_section("search").and_then(search);
    section.finish();
    Some(TuneSettings {
        trials: trials?,
        seed: Seed::new(seed?),
        metric: metric?,
        halving: halving?,
        search: search?,
    })
}

fn halving(mut section: Section<'_>, epochs: Option<usize>) -> Option<HalvingSettings> {
    let eta = section.or("eta", size(2..=MOST_ETA), DEFAULT_ETA);
    let most = epochs.map_or(MOST_EPOCHS, |epochs| epochs as u64);
    let first_epochs = section.or("first_epochs", size(1..=most), 1);
    section.finish();
    Some(HalvingSettings {
        eta: eta?,
        first_epochs: first_epochs?,
    })
}

/// What is searched, by dotted key: `"model.units" = {…}` and `model.units = {…}` mean the same.
fn search(section: Section<'_>) -> Option<BTreeMap<String, Searched>> {
    let problems = section.problems();
    let path = section.name("");
    let mut leaves = Vec::new();
    collect("", section.into_nodes(), &mut leaves);
    if leaves.is_empty() {
        let name = path.trim_end_matches('.');
        problems.borrow_mut().push(format!(
            "{name}: nothing is searched; name a range, such as \
             \"train.optimiser.learning_rate\" = {{ log = [1e-4, 1e-2] }}"
        ));
        return None;
    }
    let count = leaves.len();
    let mut search = BTreeMap::new();
    for (key, node) in leaves {
        let name = format!("{path}\"{key}\"");
        let place = node.place;
        let note = |text: String| {
            problems.borrow_mut().push(format!("{name}{place}: {text}"));
        };
        if !key.split('.').all(is_bare) {
            note("this is no dotted key; write a key such as \"train.batch\"".to_owned());
            continue;
        }
        let within = |fixed: &str| key == fixed || key.starts_with(&format!("{fixed}."));
        if let Some((_, why)) = FIXED.iter().find(|(fixed, _)| within(fixed)) {
            note(format!("this key cannot be searched: {why}"));
            continue;
        }
        let Value::Table(nodes) = node.value else {
            note(format!(
                "expected a range, such as {{ log = [1e-4, 1e-2] }}, found {}",
                node.value
            ));
            continue;
        };
        let leaf = Section::of(name.clone(), nodes, problems);
        let Some(searched) = searched(leaf) else {
            continue;
        };
        if search.insert(key.clone(), searched).is_some() {
            note("this key is searched twice; leave one of the two".to_owned());
        }
    }
    if search.len() < count {
        return None;
    }
    let before = problems.borrow().len();
    for (key, searched) in &search {
        for condition in &searched.when {
            let name = format!("{path}\"{key}\".{WHEN}.\"{}\"", condition.key);
            if let Some(problem) = misfit(condition, key, &search) {
                problems.borrow_mut().push(format!("{name}: {problem}"));
            }
        }
    }
    let sound = problems.borrow().len() == before;
    sound.then_some(search)
}

/// The ranges under `nodes`, each with its dotted key.
fn collect(prefix: &str, nodes: BTreeMap<String, Node>, leaves: &mut Vec<(String, Node)>) {
    for (key, node) in nodes {
        let key = match prefix {
            "" => key,
            prefix => format!("{prefix}.{key}"),
        };
        match node.value {
            Value::Table(inner) if is_group(&inner) => collect(&key, inner, leaves),
            _ => leaves.push((key, node)),
        }
    }
}

/// A table of tables, none of which is part of a range.
fn is_group(nodes: &BTreeMap<String, Node>) -> bool {
    let part = |(key, node): (&String, &Node)| {
        RANGES.contains(&key.as_str()) || key == WHEN || !matches!(node.value, Value::Table(_))
    };
    !nodes.is_empty() && !nodes.iter().any(part)
}

fn searched(mut section: Section<'_>) -> Option<Searched> {
    let ranges: Vec<&str> = RANGES.into_iter().filter(|key| section.has(key)).collect();
    let log = section.optional("log", ends(ABOVE_ZERO_RISING, float, |low| low > 0.0));
    let linear = section.optional("linear", ends(RISING, float, |_| true));
    let integer = section.optional("integer", ends(WHOLE_RISING, integer, |_| true));
    let choice = section.optional("choice", choices);
    let when = conditions(&mut section);
    if ranges.len() != 1 {
        let found = match ranges.len() {
            0 => "none".to_owned(),
            _ => ranges.join(" and "),
        };
        let name = section.name("");
        section.problem(format!(
            "{}: expected one of {}, found {found}",
            name.trim_end_matches('.'),
            alternatives(RANGES)
        ));
    }
    section.finish();
    let range = (log?.map(Range::Log))
        .or(linear?.map(Range::Linear))
        .or(integer?.map(Range::Integer))
        .or(choice?.map(Range::Choice));
    let (range, when) = (range?, when?);
    (ranges.len() == 1).then_some(Searched { range, when })
}

const ABOVE_ZERO_RISING: &str = "[low, high], two numbers above 0, the lower first";
const RISING: &str = "[low, high], two numbers, the lower first";
const WHOLE_RISING: &str = "[low, high], two whole numbers, the lower first";

/// The two ends of a range.
fn ends<T: PartialOrd + Copy>(
    expected: &'static str,
    read: fn(&Value) -> Option<T>,
    fits: fn(T) -> bool,
) -> impl Rule<[T; 2]> {
    move |value| {
        let found = match value {
            Value::List(items) => match &items[..] {
                [low, high] => read(&low.value).zip(read(&high.value)),
                _ => None,
            },
            _ => None,
        };
        found
            .filter(|&(low, high)| low < high && fits(low))
            .map(|(low, high)| [low, high])
            .ok_or_else(|| Mismatch::new(expected))
    }
}

fn float(value: &Value) -> Option<f64> {
    setting(value)?.number()
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) if (-LARGEST_INTEGER..=LARGEST_INTEGER).contains(number) => {
            i64::try_from(*number).ok()
        }
        _ => None,
    }
}

/// A value as one that can be drawn; none for lists, tables and what is not finite.
pub(in crate::recipe) fn setting(value: &Value) -> Option<Setting> {
    match value {
        Value::String(text) => Some(Setting::Text(text.clone())),
        Value::Integer(number) => i64::try_from(*number).ok().map(Setting::Whole),
        Value::Float(number) => number.is_finite().then_some(Setting::Number(*number)),
        Value::Boolean(truth) => Some(Setting::Truth(*truth)),
        Value::List(_) | Value::Table(_) | Value::Other(_) => None,
    }
}

fn one(value: &Value) -> Result<Setting, Mismatch> {
    setting(value).ok_or_else(|| Mismatch::new("a string, a number or a truth"))
}

fn choices(value: &Value) -> Result<Vec<Setting>, Mismatch> {
    let values = list(one)(value)?;
    let twice = (1..values.len()).any(|at| values[..at].contains(&values[at]));
    if values.len() < 2 || twice {
        return Err(Mismatch::new("a list of at least two different values"));
    }
    Ok(values)
}

/// The table `when` of a range.
fn conditions(section: &mut Section<'_>) -> Option<Vec<Condition>> {
    let problems = section.problems();
    if !section.has(WHEN) {
        section.leave_unjudged(&[WHEN]);
        return Some(Vec::new());
    }
    let section = section.section(WHEN)?;
    let name = section.name("");
    let mut conditions = Vec::new();
    let mut sound = true;
    for (key, node) in section.into_nodes() {
        let values = match &node.value {
            Value::List(_) => list(one)(&node.value).ok(),
            single => setting(single).map(|value| vec![value]),
        };
        match values.filter(|values| !values.is_empty()) {
            Some(values) => conditions.push(Condition { key, values }),
            None => {
                sound = false;
                problems.borrow_mut().push(format!(
                    "{name}\"{key}\"{}: expected one of its choices, or a list of some, found {}",
                    node.place, node.value
                ));
            }
        }
    }
    sound.then_some(conditions)
}

/// Why a condition of `key` cannot be judged.
fn misfit(condition: &Condition, key: &str, search: &BTreeMap<String, Searched>) -> Option<String> {
    let other = &condition.key;
    let Some(searched) = search.get(other) else {
        return Some(format!(
            "`{other}` is not searched; name a searched choice or remove the condition"
        ));
    };
    let Range::Choice(choices) = &searched.range else {
        return Some(format!("`{other}` is no choice; name a searched choice"));
    };
    if other == key || !searched.when.is_empty() {
        return Some(format!(
            "`{other}` has a condition itself; name a choice that is always drawn"
        ));
    }
    let strange = condition
        .values
        .iter()
        .find(|value| !choices.contains(value))?;
    let words: Vec<String> = choices.iter().map(ToString::to_string).collect();
    Some(format!(
        "{strange} is none of the choices of `{other}`; use {}",
        alternatives(words.iter().map(String::as_str))
    ))
}
