//! Texts with one answer each, a line a text.
//!
//! ```text
//! good<TAB>A film that one remembers.          a class, then the text
//! 2.27<TAB>A film that one remembers.          or a number
//! ```
//!
//! Empty lines are left out; everything after the first tab is the text.

use std::path::Path;

use super::corpus::{Corpus, TextParts};
use super::file::{Place, read_text};
use crate::data::Targets;
use crate::data::answer::{Answer, NoAnswer};
use crate::data::parts::PartFiles;
use crate::error::{Error, Result};
use crate::recipe::{LabelledTextSettings, TextSettings};

/// Texts with their answers, for training, validation and testing, in this order; the second part may
/// have none.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledParts {
    /// A text for each answer.
    pub texts: TextParts,
    /// The answers.
    pub answers: [Targets; 3],
}

/// One line.
struct Labelled {
    text: Corpus,
    answer: Answer,
}

impl LabelledParts {
    /// The parts that `settings` describe. With a `place` the texts for all of them are read from that
    /// file, or the files of those names from that folder.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or a line of it has not the form above, with where; when an answer is
    /// no class of `settings` or no finite number; when a part that must have texts has none.
    pub fn read(settings: &LabelledTextSettings, place: Option<&Path>) -> Result<Self> {
        let LabelledTextSettings { text, classes } = settings;
        let files = PartFiles::of_text(text, place);
        let parts = files.read(|files| {
            let mut lines = Vec::new();
            for path in files {
                lines.extend(read_file(text, classes, path)?);
            }
            Ok(lines)
        })?;
        files.ensure_complete(&parts, |name| {
            let problem = format!("there is no text to {name}");
            let remedy = "give more texts, or other shares (`data.valid`, `data.test`)";
            (problem, remedy)
        })?;
        Ok(Self::of(parts, classes.len()))
    }

    /// All texts in `file` as the test part; the others have none.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read) but for empty parts.
    pub fn read_test(settings: &LabelledTextSettings, file: &Path) -> Result<Self> {
        let LabelledTextSettings { text, classes } = settings;
        let lines = read_file(text, classes, file)?;
        Ok(Self::of([Vec::new(), Vec::new(), lines], classes.len()))
    }

    fn of(parts: [Vec<Labelled>; 3], classes: usize) -> Self {
        let answers = parts.each_ref().map(|part| {
            let answers = part.iter().map(|line| line.answer);
            Answer::targets(answers, classes)
        });
        let texts = parts.map(|part| part.into_iter().map(|line| line.text).collect());
        Self {
            texts: TextParts(texts),
            answers,
        }
    }
}

fn read_file(settings: &TextSettings, classes: &[String], path: &Path) -> Result<Vec<Labelled>> {
    let text = read_text(path)?;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let refuse = |column: usize, problem: String, remedy: &str| {
            let place = Place::new(index + 1, column);
            Err(Error::data(path, format!("{place}: {problem}"), remedy))
        };
        let Some((answer, text)) = line.split_once('\t') else {
            return refuse(
                1,
                "expected an answer, a tab and a text, found no tab".to_owned(),
                "write a line `answer<TAB>text` for every text",
            );
        };
        if text.trim().is_empty() {
            return refuse(
                answer.chars().count() + 2,
                "expected a text, found none".to_owned(),
                "write a text after the tab, or remove the line",
            );
        }
        let answer = match Answer::read(answer.trim(), classes) {
            Ok(answer) => answer,
            Err(NoAnswer { expected, remedy }) => {
                let found = match answer.trim() {
                    "" => "none before the tab".to_owned(),
                    answer => format!("`{answer}`"),
                };
                let problem = format!("expected {expected}, found {found}");
                return refuse(1, problem, remedy);
            }
        };
        lines.push(Labelled {
            text: Corpus::of(text.to_owned(), settings.normalise),
            answer,
        });
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::recipe::{HeldOutParts, Normalisation, TokenSettings};

    fn settings(folder: &TempDir, text: &str, classes: &[&str]) -> LabelledTextSettings {
        let path = folder.path().join("a.tsv");
        fs::write(&path, text).expect("written");
        LabelledTextSettings {
            text: TextSettings {
                files: vec![path.to_string_lossy().into_owned()],
                held_out: HeldOutParts::Shares {
                    valid: 0.0,
                    test: 0.5,
                },
                tokens: TokenSettings::Words {
                    min_count: 1,
                    max_size: 100,
                },
                normalise: Normalisation::None,
            },
            classes: classes.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    fn texts(part: &[Corpus]) -> Vec<&str> {
        part.iter().map(Corpus::text).collect()
    }

    #[test]
    fn a_line_is_an_answer_and_a_text() {
        let folder = TempDir::new().expect("a folder");
        let text = "good\tone\n\nbad\ttwo\twith a tab\r\n good \tthree\nbad\tfour";
        let settings = settings(&folder, text, &["bad", "good"]);
        let parts = LabelledParts::read(&settings, None).expect("sound");
        let [train, valid, test] = &parts.texts.0;
        assert_eq!(texts(train), ["one", "three"]);
        assert_eq!(texts(valid), [""; 0]);
        assert_eq!(texts(test), ["two\twith a tab", "four"]);
        let labels = |labels: &[u8]| Targets::Classes {
            labels: labels.to_vec(),
            classes: 2,
        };
        let expected = [labels(&[1, 1]), labels(&[]), labels(&[0, 0])];
        assert_eq!(parts.answers, expected);
        let path = folder.path().join("a.tsv");
        for place in [folder.path(), &path] {
            let moved = LabelledParts::read(&settings, Some(place)).expect("sound");
            assert_eq!(moved, parts);
        }
        // A file of one's own is judged as a whole.
        let all = LabelledParts::read_test(&settings, &path).expect("sound");
        assert_eq!(all.texts.0.each_ref().map(Vec::len), [0, 0, 4]);
    }

    #[test]
    fn numbers_are_answers_where_no_class_is_named() {
        let folder = TempDir::new().expect("a folder");
        let settings = settings(&folder, "-0.5\tone\n1e2\ttwo\n", &[]);
        let parts = LabelledParts::read(&settings, None).expect("sound");
        let numbers = |values: &[f32]| Targets::Numbers {
            values: values.to_vec(),
            width: 1,
        };
        let expected = [numbers(&[-0.5]), numbers(&[]), numbers(&[100.0])];
        assert_eq!(parts.answers, expected);
    }

    #[test]
    fn what_is_not_of_the_form_is_refused_with_its_place() {
        let folder = TempDir::new().expect("a folder");
        let refused = |text: &str, classes: &[&str]| {
            let refused = LabelledParts::read(&settings(&folder, text, classes), None);
            let message = refused.expect_err("refused").to_string();
            message.replace(&folder.path().display().to_string(), "DIR")
        };
        insta::assert_snapshot!(refused("1\tone\n2 two\n", &[]), @"DIR/a.tsv: line 2, column 1: expected an answer, a tab and a text, found no tab; write a line `answer<TAB>text` for every text");
        insta::assert_snapshot!(refused("1\tone\n2\t \n", &[]), @"DIR/a.tsv: line 2, column 3: expected a text, found none; write a text after the tab, or remove the line");
        insta::assert_snapshot!(refused("one\ttwo\n", &[]), @"DIR/a.tsv: line 1, column 1: expected a finite number, found `one`; write a number, or name the classes (`data.classes`)");
        insta::assert_snapshot!(refused("inf\ttwo\n", &[]), @"DIR/a.tsv: line 1, column 1: expected a finite number, found `inf`; write a number, or name the classes (`data.classes`)");
        insta::assert_snapshot!(refused("a\tone\nc\ttwo\n", &["a", "b"]), @"DIR/a.tsv: line 2, column 1: expected one of `a`, `b`, found `c`; correct it, or name it among the classes (`data.classes`)");
        insta::assert_snapshot!(refused("1\tone\n\ttwo\n", &[]), @"DIR/a.tsv: line 2, column 1: expected a finite number, found none before the tab; write a number, or name the classes (`data.classes`)");
        insta::assert_snapshot!(refused("a\tone\n \ttwo\n", &["a", "b"]), @"DIR/a.tsv: line 2, column 1: expected one of `a`, `b`, found none before the tab; correct it, or name it among the classes (`data.classes`)");
        let names: Vec<String> = (0..15).map(|name| name.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        insta::assert_snapshot!(refused("x\tone\n", &names), @"DIR/a.tsv: line 1, column 1: expected one of `0`, `1`, `2`, `3`, `4`, `5`, `6`, `7`, `8`, `9`, `10`, `11` and 3 more, found `x`; correct it, or name it among the classes (`data.classes`)");
    }

    #[test]
    fn a_part_without_texts_is_refused() {
        let folder = TempDir::new().expect("a folder");
        let settings = settings(&folder, "1\tone\n", &[]);
        let refused = LabelledParts::read(&settings, None).expect_err("incomplete");
        let message = refused.to_string();
        let message = message.replace(&folder.path().display().to_string(), "DIR");
        insta::assert_snapshot!(message, @"data DIR/a.tsv: there is no text to test on; give more texts, or other shares (`data.valid`, `data.test`)");
    }
}
