//! A vocabulary of one's own: the tokens that a text has, the most frequent first.

use std::collections::{BTreeMap, HashMap};

use crate::error::{Error, Result};

/// What stands for every word that a vocabulary does not have.
pub const UNKNOWN: &str = "<unk>";

/// Tokens and their numbers, 0 to `V` - 1: special ones first, then from the most to the least
/// frequent, of equals in the order of their code points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    tokens: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Vocabulary {
    /// Of `tokens`, in this order.
    ///
    /// # Errors
    ///
    /// When a token comes twice or is empty, in words.
    pub fn new(tokens: Vec<String>) -> Result<Self, String> {
        let mut numbers = HashMap::with_capacity(tokens.len());
        for (number, token) in tokens.iter().enumerate() {
            if token.is_empty() {
                return Err(format!("token {number} is empty"));
            }
            if numbers.insert(token.clone(), number as u32).is_some() {
                return Err(format!("the token {token:?} is there twice"));
            }
        }
        Ok(Self { tokens, numbers })
    }

    /// `special` tokens, then those of `text` that come at least `min_count` times, at most `max_size`
    /// tokens in all.
    ///
    /// # Errors
    ///
    /// When no token of the text is left, or one is the same as a special one.
    pub fn of<'a>(
        special: &[&str],
        text: impl Iterator<Item = &'a str>,
        min_count: usize,
        max_size: usize,
    ) -> Result<Self> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for token in text {
            *counts.entry(token).or_default() += 1;
        }
        if let Some(twin) = special.iter().find(|token| counts.contains_key(*token)) {
            return Err(Error::argument(
                "data.tokens",
                format!("the text has the token {twin:?}, which has a meaning of its own"),
                "replace it in the text",
            ));
        }
        let most = counts.iter().map(|(token, &count)| (count, *token)).max();
        let room = max_size.saturating_sub(special.len());
        let mut kept: Vec<(&str, usize)> = counts.into_iter().collect();
        kept.retain(|&(_, count)| count >= min_count);
        kept.sort_unstable_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
        kept.truncate(room);
        if kept.is_empty() {
            let (count, token) = most.unwrap_or((0, ""));
            return Err(Error::argument(
                "data.tokens",
                format!(
                    "every token of the text is unknown: even the most frequent, {token:?}, is there \
                     {count} times, and {min_count} are asked for, within {max_size} tokens"
                ),
                "lower `data.min_count`, raise `data.max_size` or give more text",
            ));
        }
        let special = special.iter().map(|&token| token.to_owned());
        let tokens = special.chain(kept.into_iter().map(|(token, _)| token.to_owned()));
        Ok(Self::new(tokens.collect()).expect("counted tokens come once and are not empty"))
    }

    /// `V`.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Has it no token?
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The number of a token, if it has it.
    pub fn number(&self, token: &str) -> Option<u32> {
        self.numbers.get(token).copied()
    }

    /// The token of a number below `V`.
    pub fn token(&self, number: u32) -> Option<&str> {
        self.tokens.get(number as usize).map(String::as_str)
    }

    /// All tokens, in the order of their numbers.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }
}

/// Which characters of `text` `vocabulary` does not have, each with how often it comes, at most
/// `shown` of them in words.
pub(super) fn unknown_characters(text: &str, vocabulary: &Vocabulary, shown: usize) -> String {
    let mut found: BTreeMap<char, usize> = BTreeMap::new();
    let mut buffer = [0; 4];
    for it in text.chars() {
        if vocabulary.number(it.encode_utf8(&mut buffer)).is_none() {
            *found.entry(it).or_default() += 1;
        }
    }
    let kinds = found.len();
    let mut words: Vec<String> = found
        .into_iter()
        .take(shown)
        .map(|(it, count)| format!("{it:?} (U+{:04X}, {count} times)", u32::from(it)))
        .collect();
    if kinds > shown {
        words.push(format!("{} others", kinds - shown));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_come_first_and_ties_by_their_letters() {
        let text = ["b", "a", "c", "c", "b", "d"];
        let vocabulary = Vocabulary::of(&[UNKNOWN], text.into_iter(), 1, 4).expect("tokens");
        assert_eq!(vocabulary.tokens(), [UNKNOWN, "b", "c", "a"]);
        let vocabulary = Vocabulary::of(&[], text.into_iter(), 2, 10).expect("tokens");
        assert_eq!(vocabulary.tokens(), ["b", "c"]);
        assert_eq!(
            (vocabulary.number("c"), vocabulary.number("a")),
            (Some(1), None)
        );
    }

    #[test]
    fn a_vocabulary_of_nothing_is_refused() {
        let refused = |special: &[&str], min_count| {
            let text = ["b", "a", "b"].into_iter();
            let refused = Vocabulary::of(special, text, min_count, 9);
            refused.expect_err("refused").to_string()
        };
        insta::assert_snapshot!(refused(&[UNKNOWN], 3), @r#"data.tokens: every token of the text is unknown: even the most frequent, "b", is there 2 times, and 3 are asked for, within 9 tokens; lower `data.min_count`, raise `data.max_size` or give more text"#);
        insta::assert_snapshot!(refused(&["a"], 1), @r#"data.tokens: the text has the token "a", which has a meaning of its own; replace it in the text"#);
    }
}
