//! One file of text, plain or gzip.

use std::path::Path;

use crate::data::file::{self, Expected};
use crate::error::{Error, Result};

/// Control characters that texts have: tab, line feed, form feed, carriage return.
const USUAL_CONTROLS: [char; 4] = ['\t', '\n', '\u{c}', '\r'];

/// The bytes of `path`; what is packed by gzip is unpacked.
///
/// # Errors
///
/// When it is no regular file, cannot be read, or is empty.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let expected = Expected {
        noun: "a text file",
        remedy: "give the path of a text file (plain or .gz)",
    };
    let bytes = file::bytes(path, expected)?;
    if bytes.is_empty() {
        return Err(Error::data(path, "is empty", "give a file with text in it"));
    }
    Ok(bytes)
}

/// The text of `path`, plain or packed by gzip, in UTF-8; a byte order mark is left out, everything
/// else stays as it is.
///
/// # Errors
///
/// When it cannot be read, is empty, is not UTF-8, or has control characters that no text has; with
/// the line and the column (both from 1, columns in characters).
pub fn read_text(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let text = match String::from_utf8(read_bytes(path)?) {
        Ok(text) => text,
        Err(error) => return Err(not_utf8(path, &error)),
    };
    let text = match text.strip_prefix('\u{feff}') {
        None => text,
        Some("") => return Err(Error::data(path, "is empty", "give a file with text in it")),
        Some(rest) => rest.to_owned(),
    };
    let is_strange = |it: char| it.is_ascii_control() && !USUAL_CONTROLS.contains(&it);
    match text.char_indices().find(|&(_, it)| is_strange(it)) {
        None => Ok(text),
        Some((at, it)) => Err(Error::data(
            path,
            format!(
                "{}: the control character U+{:04X}, which no text has",
                Place::of(&text[..at]),
                u32::from(it)
            ),
            "remove it, or read the file as bytes (`data.tokens = \"bytes\"`)",
        )),
    }
}

fn not_utf8(path: &Path, error: &std::string::FromUtf8Error) -> Error {
    let at = error.utf8_error().valid_up_to();
    let sound = std::str::from_utf8(&error.as_bytes()[..at]).unwrap_or_default();
    Error::data(
        path,
        format!(
            "{}: expected UTF-8, found the byte 0x{:02X}",
            Place::of(sound),
            error.as_bytes()[at]
        ),
        "save the file as UTF-8, or read it as bytes (`data.tokens = \"bytes\"`)",
    )
}

/// Where a text ends: what comes next stands there.
pub(crate) struct Place {
    line: usize,
    column: usize,
}

impl Place {
    /// Both from 1.
    pub(crate) fn new(line: usize, column: usize) -> Self {
        Self { line, column }
    }

    /// The place after `before`.
    pub(crate) fn of(before: &str) -> Self {
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tempfile::TempDir;

    use super::*;

    fn message(bytes: &[u8]) -> String {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("a.txt");
        fs::write(&path, bytes).expect("written");
        let error = read_text(&path).expect_err("a fault").to_string();
        error.replace(&folder.path().display().to_string(), "DIR")
    }

    #[test]
    fn faults_are_told_with_their_place() {
        insta::assert_snapshot!(message(b""), @"DIR/a.txt: is empty; give a file with text in it");
        insta::assert_snapshot!(message(b"\xef\xbb\xbf"), @"DIR/a.txt: is empty; give a file with text in it");
        insta::assert_snapshot!(message("ü\nab\u{e9}".as_bytes().iter().copied().chain([0xff]).collect::<Vec<_>>().as_slice()), @r#"DIR/a.txt: line 2, column 4: expected UTF-8, found the byte 0xFF; save the file as UTF-8, or read it as bytes (`data.tokens = "bytes"`)"#);
        // A lone surrogate, as some programs write it.
        insta::assert_snapshot!(message(b"a\xed\xa0\x80"), @r#"DIR/a.txt: line 1, column 2: expected UTF-8, found the byte 0xED; save the file as UTF-8, or read it as bytes (`data.tokens = "bytes"`)"#);
        insta::assert_snapshot!(message(b"one\ntwo\0"), @r#"DIR/a.txt: line 2, column 4: the control character U+0000, which no text has; remove it, or read the file as bytes (`data.tokens = "bytes"`)"#);
        // UTF-16 with a byte order mark.
        insta::assert_snapshot!(message(b"\xff\xfea\0"), @r#"DIR/a.txt: line 1, column 1: expected UTF-8, found the byte 0xFF; save the file as UTF-8, or read it as bytes (`data.tokens = "bytes"`)"#);
        insta::assert_snapshot!(message(&[0x1f, 0x8b, 8, 0]), @"DIR/a.txt: its gzip stream breaks off after 0 bytes: unexpected end of file; restore the file from its source");
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = TempDir::new().expect("a folder");
        let error = read_text(folder.path()).expect_err("a folder").to_string();
        assert!(error.contains("expected a text file"), "{error}");
        let error = read_text(folder.path().join("none")).expect_err("missing");
        assert!(error.is_io(), "{error}");
        assert!(error.to_string().ends_with("(plain or .gz)"), "{error}");
    }

    #[test]
    fn plain_and_packed_texts_are_the_same_and_keep_their_line_ends() {
        let folder = TempDir::new().expect("a folder");
        let text = "one\r\ntwo\tthree\u{c}\n";
        let plain = folder.path().join("plain");
        fs::write(&plain, format!("\u{feff}{text}")).expect("written");
        let packed = folder.path().join("packed");
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).expect("packed");
        fs::write(&packed, encoder.finish().expect("packed")).expect("written");
        assert_eq!(read_text(plain).expect("sound"), text);
        assert_eq!(read_text(packed).expect("sound"), text);
    }

    #[test]
    fn a_line_of_many_megabytes_is_read() {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("long");
        let text = "ab".repeat(8 << 20);
        fs::write(&path, &text).expect("written");
        assert_eq!(read_text(&path).expect("sound").len(), 16 << 20);
        fs::write(&path, [text.as_bytes(), &[0xc3]].concat()).expect("written");
        let error = read_text(&path).expect_err("cut").to_string();
        assert!(error.contains("line 1, column 16777217"), "{error}");
    }
}
