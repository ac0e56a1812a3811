//! From text to tokens and back.

use std::path::Path;

use serde_json::{Value, json};

use super::Place;
use super::corpus::{Corpus, TextParts};
use super::vocabulary::{UNKNOWN, Vocabulary, unknown_characters};
use super::words::pieces;
use crate::data::file::{self, Expected};
use crate::data::tune::lexemes;
use crate::error::{Error, Result};
use crate::recipe::TokenSettings;

/// Stands before and after every document, where a text has several.
const BOUNDARY: &str = "<end>";

/// Byte values.
const BYTES: usize = 256;

/// How often a note must come at least to be in a vocabulary, and the most tokens that it has.
const NOTES: (usize, usize) = (3, 10_000);

/// Unknown characters that an error names.
const NAMED: usize = 8;

/// The most numbers that the vocabulary of a `tokenizer.json` goes through, as many as `data.max_size`
/// allows: each has its own weights.
const MOST_NUMBERS: u32 = 10_000_000;

/// The key under which a vocabulary file says what its tokens are.
const KIND: &str = "tokens";

/// Cuts text into tokens, numbers from 0 to `V` - 1, and makes text of them again.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    scheme: Scheme,
    /// Has it a token for the boundary of documents?
    boundary: bool,
}

#[derive(Clone, Debug)]
enum Scheme {
    Own(Units, Vocabulary),
    Bytes,
    Model(Box<Model>),
}

/// What a token of a vocabulary of one's own is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Units {
    Characters,
    Words,
    Notes,
}

/// A Hugging Face tokenizer.
#[derive(Clone, Debug)]
struct Model {
    tokenizer: tokenizers::Tokenizer,
    /// Its highest number and one more, found once: it copies its vocabulary to list it.
    size: usize,
    /// Numbers below `size` that no token has, rising.
    gaps: Vec<u32>,
    /// The token that stands for what it does not know, if it has one.
    unknown: Option<u32>,
    /// The file's content.
    json: Value,
}

impl Units {
    fn word(self) -> &'static str {
        match self {
            Self::Characters => "characters",
            Self::Words => "words",
            Self::Notes => "notes",
        }
    }

    /// The tokens of `text`.
    fn cut(self, text: &str) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Characters => {
                let starts = text.char_indices();
                Box::new(starts.map(|(at, it)| &text[at..at + it.len_utf8()]))
            }
            Self::Words => Box::new(pieces(text)),
            Self::Notes => Box::new(lexemes(text)),
        }
    }
}

impl Tokenizer {
    /// The tokenizer that `settings` describe, its vocabulary taken from `parts`: characters from all
    /// of them, so that all can be read, words from the first, the training part. With a `boundary`
    /// there is a token that stands between documents.
    ///
    /// # Errors
    ///
    /// When there is no token, or a tokenizer's file cannot be read.
    pub fn new(settings: &TokenSettings, parts: &TextParts, boundary: bool) -> Result<Self> {
        let scheme = match settings {
            TokenSettings::Characters => {
                let units = Units::Characters;
                let texts = parts.0.iter().flatten();
                let tokens = texts.flat_map(|text| units.cut(text.text()));
                let special: &[&str] = if boundary { &[BOUNDARY] } else { &[] };
                Scheme::Own(units, Vocabulary::of(special, tokens, 1, usize::MAX)?)
            }
            TokenSettings::Bytes => Scheme::Bytes,
            TokenSettings::Words {
                min_count,
                max_size,
            } => Self::frequent(Units::Words, parts, boundary, (*min_count, *max_size))?,
            TokenSettings::Notes => Self::frequent(Units::Notes, parts, boundary, NOTES)?,
            TokenSettings::Tokenizer { file } => Scheme::Model(Box::new(Model::read(file)?)),
        };
        let tokenizer = Self { scheme, boundary };
        match tokenizer.size() {
            0 | 1 => Err(Error::argument(
                "data",
                format!(
                    "the text has {} token, always the same: nothing is to be learnt",
                    tokenizer.size()
                ),
                "give a text of at least two different tokens",
            )),
            _ => Ok(tokenizer),
        }
    }

    /// Tokens of the training part that come often enough, `limits` being the least count and the
    /// largest vocabulary; all others are unknown.
    fn frequent(
        units: Units,
        parts: &TextParts,
        boundary: bool,
        limits: (usize, usize),
    ) -> Result<Scheme> {
        let texts = parts.0[0].iter();
        let tokens = texts.flat_map(|text| units.cut(text.text()));
        let special: &[&str] = match boundary {
            true => &[BOUNDARY, UNKNOWN],
            false => &[UNKNOWN],
        };
        let vocabulary = Vocabulary::of(special, tokens, limits.0, limits.1)?;
        Ok(Scheme::Own(units, vocabulary))
    }

    /// `V`.
    pub fn size(&self) -> usize {
        match &self.scheme {
            Scheme::Own(_, vocabulary) => vocabulary.len(),
            Scheme::Bytes => BYTES + usize::from(self.boundary),
            Scheme::Model(model) => model.size + usize::from(self.boundary),
        }
    }

    /// Is each of its tokens a byte, so that it reads and writes what is no UTF-8?
    pub fn is_of_bytes(&self) -> bool {
        matches!(self.scheme, Scheme::Bytes)
    }

    /// The token that stands before and after every document, if there is one.
    pub fn boundary(&self) -> Option<u32> {
        let number = match &self.scheme {
            Scheme::Own(_, vocabulary) => vocabulary.number(BOUNDARY),
            Scheme::Bytes | Scheme::Model(_) => Some(self.size() as u32 - 1),
        };
        number.filter(|_| self.boundary)
    }

    /// The token for what the vocabulary does not have, if there is one: `<unk>` of words and notes,
    /// what a `tokenizer.json` says (`unk_token`, `unk_id`).
    pub fn unknown(&self) -> Option<u32> {
        match &self.scheme {
            Scheme::Own(Units::Words | Units::Notes, vocabulary) => vocabulary.number(UNKNOWN),
            Scheme::Own(Units::Characters, _) | Scheme::Bytes => None,
            Scheme::Model(model) => model.unknown,
        }
    }

    /// The tokens that no text is written with, rising: the unknown one, and the numbers that a
    /// `tokenizer.json` leaves out.
    pub fn unwritten(&self) -> Vec<u32> {
        let mut tokens: Vec<u32> = self.unknown().into_iter().collect();
        if let Scheme::Model(model) = &self.scheme {
            tokens.extend(&model.gaps);
        }
        tokens.sort_unstable();
        tokens
    }

    /// The tokens of `text`; `origin` names it in errors.
    ///
    /// # Errors
    ///
    /// When a character is unknown, with which and where.
    pub fn encode(&self, origin: &str, text: &str) -> Result<Vec<u32>> {
        match &self.scheme {
            Scheme::Bytes => Ok(text.bytes().map(u32::from).collect()),
            Scheme::Own(units, vocabulary) => self.encode_own(origin, text, (*units, vocabulary)),
            Scheme::Model(model) => model.encode(origin, text),
        }
    }

    fn encode_own(
        &self,
        origin: &str,
        text: &str,
        (units, vocabulary): (Units, &Vocabulary),
    ) -> Result<Vec<u32>> {
        let unknown = self.unknown();
        let mut numbers = Vec::with_capacity(text.len());
        let mut at = 0;
        for token in units.cut(text) {
            match vocabulary.number(token).or(unknown) {
                Some(number) => numbers.push(number),
                None => {
                    let unknown = unknown_characters(text, vocabulary, NAMED);
                    return Err(Error::argument(
                        origin,
                        format!(
                            "{}: the model's vocabulary does not have {unknown}",
                            Place::of(&text[..at])
                        ),
                        "use characters that the model was trained on (`vocabulary.json` in its run's \
                         folder lists them)",
                    ));
                }
            }
            at += token.len();
        }
        Ok(numbers)
    }

    /// The tokens of a text that was read from files.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode), and when every token is unknown.
    pub fn encode_corpus(&self, origin: &str, corpus: &Corpus) -> Result<Vec<u32>> {
        if let Scheme::Bytes = self.scheme {
            return Ok(corpus.bytes().iter().copied().map(u32::from).collect());
        }
        let tokens = self.encode(origin, corpus.text())?;
        let unknown = self.unknown();
        if !tokens.is_empty() && tokens.iter().all(|&token| Some(token) == unknown) {
            let (units, remedy) = match self.scheme {
                Scheme::Model(_) => (
                    "tokens",
                    "give a text that the tokenizer can read, or another tokenizer",
                ),
                _ => (
                    "words",
                    "give a text in the language that the model was trained on",
                ),
            };
            let problem = format!(
                "not one of its {} {units} is in the vocabulary",
                tokens.len()
            );
            return Err(Error::argument(origin, problem, remedy));
        }
        Ok(tokens)
    }

    /// The text of `tokens`: unknown words are `<unk>`, boundaries nothing, bytes that are no UTF-8
    /// the replacement character.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let boundary = self.boundary();
        let tokens = tokens
            .iter()
            .copied()
            .filter(|&token| Some(token) != boundary);
        match &self.scheme {
            Scheme::Bytes => {
                let bytes: Vec<u8> = tokens
                    .filter_map(|token| u8::try_from(token).ok())
                    .collect();
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Scheme::Own(_, vocabulary) => {
                tokens.filter_map(|token| vocabulary.token(token)).collect()
            }
            Scheme::Model(model) => model.decode(&tokens.collect::<Vec<_>>()),
        }
    }

    /// The file by which the vocabulary is kept in a run's folder.
    pub fn to_json(&self) -> String {
        let value = match &self.scheme {
            Scheme::Own(units, vocabulary) => json!({
                KIND: units.word(),
                "boundary": self.boundary,
                "vocabulary": vocabulary.tokens(),
            }),
            Scheme::Bytes => json!({KIND: "bytes", "boundary": self.boundary}),
            Scheme::Model(model) => json!({
                KIND: "tokenizer",
                "boundary": self.boundary,
                "tokenizer": model.json,
            }),
        };
        format!("{value:#}\n")
    }

    /// Reads what [`to_json`](Self::to_json) wrote; `path` names the file in errors.
    ///
    /// # Errors
    ///
    /// When it is not as it was written.
    pub fn from_json(path: &Path, text: &str) -> Result<Self> {
        let damaged = |problem: String| Error::damaged(path, problem);
        let value: Value =
            serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        let boundary = value["boundary"]
            .as_bool()
            .ok_or_else(|| damaged("`boundary` is neither true nor false".to_owned()))?;
        let own = |units| {
            let tokens = value["vocabulary"].as_array();
            let tokens = tokens.and_then(|tokens| {
                let texts = tokens.iter().map(|token| token.as_str().map(str::to_owned));
                texts.collect::<Option<Vec<_>>>()
            });
            let tokens =
                tokens.ok_or_else(|| damaged("`vocabulary` is no list of texts".into()))?;
            let vocabulary = Vocabulary::new(tokens).map_err(damaged)?;
            Ok::<_, Error>(Scheme::Own(units, vocabulary))
        };
        let scheme = match value[KIND].as_str() {
            Some("characters") => own(Units::Characters)?,
            Some("words") => own(Units::Words)?,
            Some("notes") => own(Units::Notes)?,
            Some("bytes") => Scheme::Bytes,
            Some("tokenizer") => Scheme::Model(Box::new(
                Model::of(value["tokenizer"].clone()).map_err(damaged)?,
            )),
            _ => return Err(damaged(format!("`{KIND}` is {}", value[KIND]))),
        };
        Ok(Self { scheme, boundary })
    }
}

impl Model {
    fn read(file: &str) -> Result<Self> {
        let path = Path::new(file);
        let expected = Expected {
            noun: "a tokenizer's file",
            remedy: "give the path of a `tokenizer.json`",
        };
        let bytes = file::bytes(path, expected)?;
        let refuse = |problem: String| {
            Error::data(
                path,
                format!("is no tokenizer of Hugging Face's form: {problem}"),
                "give a `tokenizer.json`",
            )
        };
        let json = serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
        Self::of(json).map_err(refuse)
    }

    fn of(json: Value) -> Result<Self, String> {
        let mut tokenizer: tokenizers::Tokenizer =
            serde_json::from_value(json.clone()).map_err(|error| error.to_string())?;
        // A text is one long input: nothing is cut off it or added to it.
        tokenizer
            .with_truncation(None)
            .map_err(|error| error.to_string())?;
        tokenizer.with_padding(None);
        let mut numbers: Vec<u32> = tokenizer.get_vocab(true).into_values().collect();
        numbers.sort_unstable();
        let highest = numbers.last().copied();
        if let Some(highest) = highest.filter(|&highest| highest >= MOST_NUMBERS) {
            return Err(format!(
                "a token has the number {highest}, expected at most {}",
                MOST_NUMBERS - 1
            ));
        }
        let size = highest.map_or(0, |highest| highest + 1);
        let is_gap = |number: &u32| numbers.binary_search(number).is_err();
        Ok(Self {
            size: size as usize,
            gaps: (0..size).filter(is_gap).collect(),
            unknown: unknown_of(&tokenizer, &json["model"]),
            tokenizer,
            json,
        })
    }

    fn encode(&self, origin: &str, text: &str) -> Result<Vec<u32>> {
        let refuse = |problem: String| {
            let remedy = "give a text that the tokenizer can read, or another tokenizer";
            Err(Error::argument(origin, problem, remedy))
        };
        match self.tokenizer.encode_fast(text, false) {
            Err(error) => refuse(format!("the tokenizer refuses it: {error}")),
            Ok(encoding) => {
                let size = self.size;
                let beyond = |&&token: &&u32| token as usize >= size;
                match encoding.get_ids().iter().find(beyond) {
                    None => Ok(encoding.get_ids().to_vec()),
                    Some(token) => refuse(format!(
                        "the tokenizer gives the token {token}, but its vocabulary has {size}"
                    )),
                }
            }
        }
    }

    fn decode(&self, tokens: &[u32]) -> String {
        // Only numbers beyond the vocabulary are refused, and a model gives none.
        self.tokenizer.decode(tokens, false).unwrap_or_default()
    }
}

/// The token that stands for what `tokenizer` does not know, as its `model` names or numbers it.
fn unknown_of(tokenizer: &tokenizers::Tokenizer, model: &Value) -> Option<u32> {
    match (&model["unk_token"], &model["unk_id"]) {
        (Value::String(token), _) => tokenizer.token_to_id(token),
        (_, number) => number
            .as_u64()
            .and_then(|number| u32::try_from(number).ok()),
    }
}

/// Text that comes token by token: what is complete is handed out, bytes of an unfinished character
/// wait.
#[derive(Clone, Debug)]
pub struct StreamedText<'t> {
    tokenizer: &'t Tokenizer,
    /// The last tokens; those before `new` have been handed out.
    tokens: Vec<u32>,
    new: usize,
}

/// Tokens that a decoder may need to see before new ones.
const CONTEXT: usize = 8;

impl<'t> StreamedText<'t> {
    /// At the beginning of a text.
    pub fn new(tokenizer: &'t Tokenizer) -> Self {
        Self {
            tokenizer,
            tokens: Vec::new(),
            new: 0,
        }
    }

    /// Adds a token; gives the text that is complete with it.
    pub fn push(&mut self, token: u32) -> String {
        self.tokens.push(token);
        let fresh = self.fresh();
        // A replacement character at the end may yet become a real one; four bytes are enough.
        if fresh.ends_with('\u{fffd}') && self.tokens.len() - self.new < 4 {
            return String::new();
        }
        self.hand_out(fresh)
    }

    /// What is left at the end, complete or not.
    pub fn finish(&mut self) -> String {
        let fresh = self.fresh();
        self.hand_out(fresh)
    }

    /// The text of the tokens that have not been handed out.
    fn fresh(&self) -> String {
        let whole = self.tokenizer.decode(&self.tokens);
        let before = self.tokenizer.decode(&self.tokens[..self.new]);
        // A character that was incomplete may have become another: what is shared was handed out.
        let pairs = whole.bytes().zip(before.bytes());
        let shared = pairs.take_while(|(one, other)| one == other).count();
        whole[whole.floor_char_boundary(shared)..].to_owned()
    }

    fn hand_out(&mut self, fresh: String) -> String {
        let old = self.tokens.len().saturating_sub(CONTEXT);
        self.tokens.drain(..old);
        self.new = self.tokens.len();
        fresh
    }
}

#[cfg(test)]
mod tests;
