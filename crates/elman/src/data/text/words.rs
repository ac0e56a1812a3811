//! Words, so that putting them together gives the text again.

use std::iter;

/// Cuts `text` into pieces whose concatenation it is: runs of letters and digits (an apostrophe or
/// a hyphen between letters belongs to them), other characters one by one; a single space belongs
/// to the piece after it, other white space stands alone.
///
/// ```
/// use elman::data::text::pieces;
///
/// let found: Vec<_> = pieces("Don't  stop, now\n").collect();
/// assert_eq!(found, ["Don't", " ", " stop", ",", " now", "\n"]);
/// ```
pub fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    iter::from_fn(move || {
        let length = first_piece(rest)?;
        let (piece, after) = rest.split_at(length);
        rest = after;
        Some(piece)
    })
}

/// The bytes of the first piece; none of an empty text.
fn first_piece(text: &str) -> Option<usize> {
    let mut letters = text.chars();
    let first = letters.next()?;
    let space = match (first, letters.next()) {
        (' ', Some(next)) if !next.is_whitespace() => 1,
        _ => 0,
    };
    let body = &text[space..];
    let first = body.chars().next().expect("a space has something after it");
    let length = match is_letter(first) {
        true => word(body),
        false => first.len_utf8(),
    };
    Some(space + length)
}

fn is_letter(it: char) -> bool {
    it.is_alphanumeric() || is_mark(it)
}

/// A combining mark, which belongs to the letter before it.
fn is_mark(it: char) -> bool {
    unicode_normalization::char::is_combining_mark(it)
}

/// The bytes of the word at the start of `text`.
fn word(text: &str) -> usize {
    let mut letters = text.char_indices().peekable();
    while let Some((at, it)) = letters.next() {
        let goes_on = is_letter(it)
            || (matches!(it, '\'' | '’' | '-')
                && letters
                    .peek()
                    .is_some_and(|&(_, next)| next.is_alphabetic()));
        if !goes_on {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_belong_to_their_letters_and_hyphens_to_words() {
        let found: Vec<_> = pieces(" cafe\u{301}-au-lait - 3.5 ").collect();
        assert_eq!(found, [" cafe\u{301}-au-lait", " -", " 3", ".", "5", " "]);
        assert_eq!(pieces("").count(), 0);
    }

    proptest! {
        #[test]
        fn pieces_make_the_text_again(text in "[ab '\\-.\n\té\u{301}]{0,40}") {
            prop_assert_eq!(pieces(&text).collect::<String>(), text.clone());
            prop_assert!(pieces(&text).all(|piece| !piece.is_empty()));
        }
    }
}
