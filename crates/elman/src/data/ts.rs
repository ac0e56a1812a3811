//! Files of whole sequences, most often with one answer each, as the UCR and UEA archives have
//! them (`.ts`).
//!
//! ```text
//! @problemName Example
//! @dimensions 2
//! @classLabel true low high
//! @data
//! 1.5,2.5,3.5:0.1,0.2,0.3:high        two features over three steps, then the class
//! ```
//!
//! Lines that begin with `#` are comments. After `@classLabel false` (or `@targetLabel false`) the
//! sequences have no answer: they are there to be answered. Löning et al. (2019), "sktime"; Bagnall
//! et al. (2018), arXiv 1811.00075.

use std::path::Path;

use crate::data::text::{Place, read_text};
use crate::data::{SequenceDataset, Targets};
use crate::error::{Error, Result};

/// How many characters of a line an error shows.
const SHOWN: usize = 40;

/// What a `.ts` file says.
#[derive(Clone, Debug, PartialEq)]
pub struct TsFile {
    /// `F`.
    pub features: usize,
    /// What every sequence's answer is.
    pub answers: TsAnswers,
    /// The sequences, in the order of the file.
    pub sequences: Vec<TsSequence>,
}

/// What the answers of a [`TsFile`] are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TsAnswers {
    /// There are none.
    None,
    /// Numbers.
    Numbers,
    /// Classes of these names, in the order of the file.
    Classes(Vec<String>),
}

/// One sequence of a [`TsFile`].
#[derive(Clone, Debug, PartialEq)]
pub struct TsSequence {
    /// `[T, F]`.
    pub steps: Vec<f32>,
    /// A class, or a number as it is written; `None` in a file without answers.
    pub answer: Option<String>,
}

/// The file that is read.
struct TextFile<'a> {
    path: &'a Path,
    text: String,
}

/// One of its lines.
#[derive(Clone, Copy)]
struct Line<'a> {
    /// From 1.
    number: usize,
    text: &'a str,
}

impl TextFile<'_> {
    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.text.lines().enumerate().map(|(index, text)| Line {
            number: index + 1,
            text,
        })
    }

    /// An error at a line and a column, both from 1, or of the file as a whole.
    fn problem(
        &self,
        place: Option<(usize, usize)>,
        problem: impl std::fmt::Display,
        remedy: &str,
    ) -> Error {
        let problem = match place {
            Some((line, column)) => format!("{}: {problem}", Place::new(line, column)),
            None => problem.to_string(),
        };
        Error::data(self.path, problem, remedy)
    }
}

impl Line<'_> {
    /// Enough of it to be recognised.
    fn shortened(&self) -> String {
        self.text.chars().take(SHOWN).collect()
    }
}

/// What stands before `@data`.
#[derive(Default)]
struct Header {
    dimensions: Option<usize>,
    is_univariate: bool,
    answers: Option<TsAnswers>,
}

/// Reads the file at `path`, plain or `.gz`.
///
/// # Errors
///
/// When it cannot be read, or is not of the form above: with the line, the column, what was
/// expected and what was found.
pub fn read(path: impl AsRef<Path>) -> Result<TsFile> {
    let path = path.as_ref();
    let file = TextFile {
        path,
        text: read_text(path)?,
    };
    let mut header = Header::default();
    let mut sequences = Vec::new();
    let mut is_data = false;
    for line in file.lines() {
        let text = line.text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if !is_data {
            is_data = header.read(&file, line)?;
            continue;
        }
        sequences.push(header.sequence(&file, line)?);
    }
    if !is_data {
        return Err(file.problem(
            None,
            "there is no line `@data`",
            "give a .ts file of the UCR or UEA archive",
        ));
    }
    let (Some(features), Some(answers), [_, ..]) =
        (header.dimensions, header.answers, &sequences[..])
    else {
        return Err(file.problem(
            None,
            "there is no sequence after `@data`",
            "give a file with at least one",
        ));
    };
    Ok(TsFile {
        features,
        answers,
        sequences,
    })
}

impl std::fmt::Display for TsAnswers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("no answers"),
            Self::Numbers => f.write_str("numbers as answers"),
            Self::Classes(names) => write!(f, "the classes {}", names.join(", ")),
        }
    }
}

impl TsFile {
    /// The sequences with their answers; `classes` are the recipe's, none where the answers are
    /// numbers. `path` names the file in errors.
    ///
    /// # Errors
    ///
    /// When the file has other classes, numbers where classes are expected, or no answers.
    pub fn dataset(&self, path: &Path, classes: &[String]) -> Result<SequenceDataset> {
        let expected = match classes {
            [] => TsAnswers::Numbers,
            names => TsAnswers::Classes(names.to_vec()),
        };
        if self.answers != expected {
            let remedy = match self.answers {
                TsAnswers::None => "give a file whose sequences have answers",
                _ => "set `data.classes` to the names after `@classLabel true`",
            };
            let problem = format!("expected {expected}, found {}", self.answers);
            return Err(Error::data(path, problem, remedy));
        }
        let answers = self.sequences.iter();
        let answers = answers.map(|sequence| sequence.answer.as_deref().unwrap_or_default());
        let targets = match classes {
            [] => Targets::Numbers {
                values: answers
                    .map(|answer| answer.parse().expect("it was checked when it was read"))
                    .collect(),
                width: 1,
            },
            classes => Targets::Classes {
                labels: answers
                    .map(|answer| {
                        let label = classes.iter().position(|class| class == answer);
                        label.expect("it was checked when it was read") as u8
                    })
                    .collect(),
                classes: classes.len(),
            },
        };
        let length = |sequence: &TsSequence| sequence.steps.len() / self.features;
        let lengths: Vec<usize> = self.sequences.iter().map(length).collect();
        let steps = self
            .sequences
            .iter()
            .flat_map(|it| it.steps.iter().copied());
        SequenceDataset::new(steps.collect(), &lengths, self.features, targets)
    }
}

impl Header {
    /// Reads a line before the data; true when it is the line `@data`.
    fn read(&mut self, file: &TextFile<'_>, line: Line<'_>) -> Result<bool> {
        let mut words = line.text.split_whitespace();
        let key = words.next().unwrap_or_default().to_ascii_lowercase();
        let values: Vec<&str> = words.collect();
        let first = values.first().copied().unwrap_or_default();
        match key.as_str() {
            "@data" => {
                if self.answers.is_none() {
                    return Err(file.problem(
                        Some((line.number, 1)),
                        "the answers are not described before `@data`",
                        "add `@classLabel true NAME…` for classes, `@targetLabel true` for numbers, or \
                         `@classLabel false` where there are none",
                    ));
                }
                return Ok(true);
            }
            "@dimensions" | "@dimension" => {
                self.dimensions =
                    Some(first.parse().ok().filter(|&it| it > 0).ok_or_else(|| {
                        file.problem(
                            Some((line.number, 1)),
                            format!("`{key}` is `{first}`"),
                            "give the number of features, 1 or more",
                        )
                    })?);
            }
            "@univariate" => self.is_univariate = first.eq_ignore_ascii_case("true"),
            "@timestamps" if first.eq_ignore_ascii_case("true") => {
                return Err(file.problem(
                    Some((line.number, 1)),
                    "the values have time stamps, which are not read",
                    "write the values alone, at equal distances, and `@timeStamps false`",
                ));
            }
            "@classlabel" if first.eq_ignore_ascii_case("true") => {
                let names: Vec<String> = values[1..].iter().map(|it| (*it).to_owned()).collect();
                if names.is_empty() {
                    return Err(file.problem(
                        Some((line.number, 1)),
                        "`@classLabel true` names no class",
                        "name them all after it",
                    ));
                }
                self.answers = Some(TsAnswers::Classes(names));
            }
            "@targetlabel" if first.eq_ignore_ascii_case("true") => {
                self.answers = Some(TsAnswers::Numbers);
            }
            "@classlabel" | "@targetlabel" if first.eq_ignore_ascii_case("false") => {
                // A file of numbers may say that it has no classes, and the other way round.
                self.answers.get_or_insert(TsAnswers::None);
            }
            _ if key.starts_with('@') => {}
            _ => {
                return Err(file.problem(
                    Some((line.number, 1)),
                    format!(
                        "`{}` stands before `@data` and is no `@key`",
                        line.shortened()
                    ),
                    "give a .ts file of the UCR or UEA archive",
                ));
            }
        }
        Ok(false)
    }

    /// Reads a line of data.
    fn sequence(&mut self, file: &TextFile<'_>, line: Line<'_>) -> Result<TsSequence> {
        let mut parts: Vec<&str> = line.text.trim_end().split(':').collect();
        let answer = match self.answers {
            Some(TsAnswers::None) => None,
            _ => parts.pop().map(str::trim),
        };
        let at = |column: usize| Some((line.number, column));
        let start = line.text.len() - line.text.trim_start().len() + 1;
        let expected = *self.dimensions.get_or_insert(match self.is_univariate {
            true => 1,
            false => parts.len(),
        });
        if parts.len() != expected || expected == 0 {
            return Err(file.problem(
                at(start),
                format!(
                    "expected {expected} features{} with `:` between them, found {} parts",
                    answer.map_or("", |_| " and an answer"),
                    parts.len() + usize::from(answer.is_some())
                ),
                "write every feature's values with `,` between them, then `:`",
            ));
        }
        if let Some(answer) = answer {
            let column = start + line.text.trim().len() - answer.len();
            self.check_answer(file, answer, at(column))?;
        }
        let mut columns: Vec<Vec<f32>> = Vec::with_capacity(expected);
        let mut column = 1;
        for part in parts {
            columns.push(values(file, part, (line.number, column))?);
            column += part.chars().count() + 1;
        }
        let time = columns[0].len();
        if let Some(other) = columns.iter().position(|values| values.len() != time) {
            return Err(file.problem(
                at(start),
                format!(
                    "feature 0 has {time} values, feature {other} has {}",
                    columns[other].len()
                ),
                "give every feature as many values",
            ));
        }
        let step = |step: usize| columns.iter().map(move |values| values[step]);
        Ok(TsSequence {
            steps: (0..time).flat_map(step).collect(),
            answer: answer.map(str::to_owned),
        })
    }

    fn check_answer(
        &self,
        file: &TextFile<'_>,
        answer: &str,
        place: Option<(usize, usize)>,
    ) -> Result<()> {
        match &self.answers {
            Some(TsAnswers::Classes(classes)) if classes.iter().any(|it| it == answer) => Ok(()),
            Some(TsAnswers::Classes(classes)) => Err(file.problem(
                place,
                format!("the class `{answer}` is none of {}", classes.join(", ")),
                "name it after `@classLabel true`, or correct it",
            )),
            _ => match answer.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(()),
                _ => Err(file.problem(
                    place,
                    format!("expected a finite number as answer, found `{answer}`"),
                    "give a number",
                )),
            },
        }
    }
}

/// The values of one feature, of which the first character stands at `place`.
fn values(file: &TextFile<'_>, part: &str, (line, column): (usize, usize)) -> Result<Vec<f32>> {
    let mut at = column;
    part.split(',')
        .map(|value| {
            let here = at;
            at += value.chars().count() + 1;
            let text = value.trim();
            match text.parse::<f32>() {
                Ok(number) if number.is_finite() => Ok(number),
                _ if text == "?" || text.eq_ignore_ascii_case("nan") => Err(file.problem(
                    Some((line, here)),
                    "a value is missing",
                    "fill it in, or leave the sequence out",
                )),
                _ => Err(file.problem(
                    Some((line, here)),
                    format!("expected a finite number, found `{text}`"),
                    "give numbers with `,` between them",
                )),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<TsFile> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.ts");
        std::fs::write(&path, text).expect("it is written");
        read(&path)
    }

    fn refusal(text: &str) -> String {
        let message = of(text).expect_err("it is refused").to_string();
        let (_, after) = message.split_once("x.ts").expect("it names the file");
        after.to_owned()
    }

    const HEADER: &str =
        "# a comment\n@problemName Test\n@dimensions 2\n@classLabel true a b\n@data\n";

    #[test]
    fn sequences_of_different_lengths_are_read_step_by_step() {
        let file = of(&format!("{HEADER}1,2,3:4,5,6:b\r\n\n7:8:a\n")).expect("it is sound");
        assert_eq!(file.features, 2);
        assert_eq!(
            file.answers,
            TsAnswers::Classes(["a", "b"].map(str::to_owned).into())
        );
        assert_eq!(file.sequences[0].steps, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(file.sequences[0].answer.as_deref(), Some("b"));
        assert_eq!(file.sequences[1].steps, [7.0, 8.0]);
    }

    #[test]
    fn numbers_can_be_the_answers() {
        let file =
            of("@univariate true\n@targetLabel true\n@data\n1,2:0.5\n").expect("it is sound");
        assert_eq!((file.features, &file.answers), (1, &TsAnswers::Numbers));
        assert_eq!(file.sequences[0].answer.as_deref(), Some("0.5"));
        // The archives' files of numbers say so, too.
        let said = of("@classLabel false\n@targetLabel true\n@univariate true\n@data\n1,2:0.5\n");
        assert_eq!(said.expect("it is sound"), file);
    }

    #[test]
    fn there_may_be_no_answers() {
        let file = of("@classLabel false\n@data\n1,2:3,4\n5:6\n").expect("it is sound");
        assert_eq!((file.features, &file.answers), (2, &TsAnswers::None));
        assert_eq!(file.sequences[0].steps, [1.0, 3.0, 2.0, 4.0]);
        assert_eq!(file.sequences[1].answer, None);
        let refused = file.dataset(Path::new("x.ts"), &["a".to_owned()]);
        insta::assert_snapshot!(refused.expect_err("nothing to learn"), @"x.ts: expected the classes a, found no answers; give a file whose sequences have answers");
        insta::assert_snapshot!(refusal("@classLabel false\n@dimensions 2\n@data\n1,2\n"), @": line 4, column 1: expected 2 features with `:` between them, found 1 parts; write every feature's values with `,` between them, then `:`");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        insta::assert_snapshot!(refusal(""), @": is empty; give a file with text in it");
        insta::assert_snapshot!(refusal("@problemName x\n"), @": there is no line `@data`; give a .ts file of the UCR or UEA archive");
        insta::assert_snapshot!(refusal("1,2:a\n"), @": line 1, column 1: `1,2:a` stands before `@data` and is no `@key`; give a .ts file of the UCR or UEA archive");
        insta::assert_snapshot!(refusal("@data\n1:a\n"), @": line 1, column 1: the answers are not described before `@data`; add `@classLabel true NAME…` for classes, `@targetLabel true` for numbers, or `@classLabel false` where there are none");
        insta::assert_snapshot!(refusal("@timeStamps true\n"), @": line 1, column 1: the values have time stamps, which are not read; write the values alone, at equal distances, and `@timeStamps false`");
        insta::assert_snapshot!(refusal("@dimensions many\n"), @": line 1, column 1: `@dimensions` is `many`; give the number of features, 1 or more");
        insta::assert_snapshot!(refusal("@classLabel true\n"), @": line 1, column 1: `@classLabel true` names no class; name them all after it");
        insta::assert_snapshot!(refusal(HEADER), @": there is no sequence after `@data`; give a file with at least one");
        insta::assert_snapshot!(refusal(&format!("{HEADER}1,2:a\n")), @": line 6, column 1: expected 2 features and an answer with `:` between them, found 2 parts; write every feature's values with `,` between them, then `:`");
        insta::assert_snapshot!(refusal(&format!("{HEADER}1,2:3,4:c\n")), @": line 6, column 9: the class `c` is none of a, b; name it after `@classLabel true`, or correct it");
        insta::assert_snapshot!(refusal(&format!("{HEADER}1,2:3:a\n")), @": line 6, column 1: feature 0 has 2 values, feature 1 has 1; give every feature as many values");
        insta::assert_snapshot!(refusal(&format!("{HEADER}1,2:3,x:a\n")), @": line 6, column 7: expected a finite number, found `x`; give numbers with `,` between them");
        insta::assert_snapshot!(refusal(&format!("{HEADER}1,?:3,4:a\n")), @": line 6, column 3: a value is missing; fill it in, or leave the sequence out");
        insta::assert_snapshot!(refusal(&format!("{HEADER}1,1e400:3,4:a\n")), @": line 6, column 3: expected a finite number, found `1e400`; give numbers with `,` between them");
        insta::assert_snapshot!(refusal("@targetLabel true\n@data\n1:x\n"), @": line 3, column 3: expected a finite number as answer, found `x`; give a number");
    }
}
