use tempfile::TempDir;
use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::unigram::{Unigram, UnigramTrainer};
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainer};
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{AddedToken, DecoderWrapper, ModelWrapper, PreTokenizerWrapper};

use super::*;
use crate::recipe::{HeldOutParts, Normalisation, TextSettings};

/// The parts of `text`, half of it for testing.
fn parts(text: &[u8], tokens: &TokenSettings) -> TextParts {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("a.txt");
    std::fs::write(&path, text).expect("written");
    let settings = TextSettings {
        files: vec![path.to_string_lossy().into_owned()],
        held_out: HeldOutParts::Shares {
            valid: 0.0,
            test: 0.5,
        },
        tokens: tokens.clone(),
        normalise: Normalisation::None,
    };
    TextParts::read(&settings, None).expect("parts")
}

fn tokenizer(text: &[u8], tokens: &TokenSettings) -> Result<Tokenizer> {
    Tokenizer::new(tokens, &parts(text, tokens), false)
}

fn words(min_count: usize) -> TokenSettings {
    TokenSettings::Words {
        min_count,
        max_size: 100,
    }
}

/// A word-level tokenizer of Hugging Face's form.
const HUGGING_FACE: &str = r#"{
    "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
    "model": {"type": "WordLevel", "vocab": {"<unk>": 0, "to": 1, "be": 2, "or": 3, "not": 4}, "unk_token": "<unk>"}
}"#;

fn hugging_face(json: &str) -> Result<Tokenizer> {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("tokenizer.json");
    std::fs::write(&file, json).expect("written");
    let file = file.to_string_lossy().into_owned();
    let made = tokenizer(b"to be or not", &TokenSettings::Tokenizer { file });
    made.map_err(|error| {
        let message = error
            .to_string()
            .replace(&folder.path().display().to_string(), "DIR");
        Error::argument("", message, "")
    })
}

#[test]
fn text_comes_back_from_its_tokens() {
    let text = "Ünited we stand,\ndivided wé fall. Ünited we fall.";
    for settings in [TokenSettings::Characters, TokenSettings::Bytes, words(1)] {
        let whole = [text, text].concat();
        let tokenizer = tokenizer(whole.as_bytes(), &settings).expect("tokens");
        let tokens = tokenizer.encode("text", text).expect("known");
        assert_eq!(tokenizer.decode(&tokens), text, "{settings:?}");
        assert!(
            tokens
                .iter()
                .all(|&token| (token as usize) < tokenizer.size())
        );
        // As the run keeps it.
        let path = Path::new("vocabulary.json");
        let again = Tokenizer::from_json(path, &tokenizer.to_json()).expect("sound");
        assert_eq!(again.encode("text", text).expect("known"), tokens);
        assert_eq!(
            (again.size(), again.to_json()),
            (tokenizer.size(), tokenizer.to_json())
        );
        // Handed out as it comes.
        let mut streamed = StreamedText::new(&tokenizer);
        let pieces: Vec<String> = tokens.iter().map(|&token| streamed.push(token)).collect();
        assert_eq!(pieces.concat() + &streamed.finish(), text);
    }
}

#[test]
fn words_beyond_the_vocabulary_are_unknown() {
    let text = "a rose is a rose is a rose, said Gertrude; said Alice";
    let tokenizer = tokenizer(text.as_bytes(), &words(2)).expect("tokens");
    let tokens = tokenizer
        .encode("text", "a rose said Alice")
        .expect("known");
    assert_eq!(tokenizer.decode(&tokens), "<unk> rose<unk><unk>");
    assert_eq!(tokenizer.unknown(), Some(0));
}

#[test]
fn a_tokenizer_of_hugging_faces_form() {
    let tokenizer = hugging_face(HUGGING_FACE).expect("sound");
    assert_eq!(tokenizer.size(), 5);
    assert_eq!(
        tokenizer.encode("text", "not to be so").expect("read"),
        [4, 1, 2, 0]
    );
    assert_eq!(tokenizer.decode(&[1, 2]), "to be");
    let again = Tokenizer::from_json(Path::new("v.json"), &tokenizer.to_json()).expect("sound");
    assert_eq!(again.encode("text", "be").expect("read"), [2]);
    let mut streamed = StreamedText::new(&tokenizer);
    assert_eq!(
        streamed.push(1) + &streamed.push(2) + &streamed.finish(),
        "to be"
    );
    let refused = hugging_face("{}").expect_err("no tokenizer").to_string();
    assert!(
        refused.contains("is no tokenizer of Hugging Face's form"),
        "{refused}"
    );
    let file = "none.json".to_owned();
    let missing = self::tokenizer(b"to be or not", &TokenSettings::Tokenizer { file });
    let missing = missing.expect_err("no file").to_string();
    assert!(
        missing.ends_with("; give the path of a `tokenizer.json`"),
        "{missing}"
    );
    let refused = hugging_face("{\"a\"").expect_err("no JSON").to_string();
    assert!(refused.contains("EOF while parsing"), "{refused}");
}

/// Lines to train tokenizers on.
const LINES: [&str; 4] = [
    "to be, or not to be, that is the question:",
    "whether it is nobler in the mind to suffer",
    "the slings and arrows of outrageous fortune,",
    "or to take arms against a sea of troubles",
];

/// A tokenizer whose vocabulary is learnt from [`LINES`].
fn learnt(
    model: ModelWrapper,
    mut trainer: TrainerWrapper,
    (split, join): (PreTokenizerWrapper, DecoderWrapper),
) -> tokenizers::Tokenizer {
    let mut tokenizer = tokenizers::Tokenizer::new(model);
    tokenizer.with_pre_tokenizer(Some(split));
    tokenizer.with_decoder(Some(join));
    tokenizer.train(&mut trainer, LINES.iter()).expect("learnt");
    tokenizer
}

/// Reads the file of `tokenizer` and checks that `text` comes back, whole and as it is streamed, by the
/// run's copy too; gives it with the tokens of `text`.
fn comes_back(tokenizer: &tokenizers::Tokenizer, text: &str) -> (Tokenizer, Vec<u32>) {
    let tokenizer = hugging_face(&tokenizer.to_string(false).expect("JSON")).expect("sound");
    let tokens = tokenizer.encode("text", text).expect("read");
    assert_eq!(tokenizer.decode(&tokens), text);
    assert!(
        tokens
            .iter()
            .all(|&token| (token as usize) < tokenizer.size())
    );
    let mut streamed = StreamedText::new(&tokenizer);
    let pieces: Vec<String> = tokens.iter().map(|&token| streamed.push(token)).collect();
    assert_eq!(pieces.concat() + &streamed.finish(), text);
    let again = Tokenizer::from_json(Path::new("v.json"), &tokenizer.to_json()).expect("sound");
    assert_eq!(again.encode("text", text).expect("read"), tokens);
    assert_eq!(
        (again.size(), again.unknown(), again.unwritten()),
        (tokenizer.size(), tokenizer.unknown(), tokenizer.unwritten())
    );
    (tokenizer, tokens)
}

#[test]
fn byte_level_bpe_reads_and_writes_any_text() {
    let trainer = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(300)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    let bytes = || ByteLevel::default().add_prefix_space(false);
    let tokenizer = learnt(
        BPE::default().into(),
        trainer.into(),
        (bytes().into(), bytes().into()),
    );
    let text = "to be,\n\tor not — 日本語 🦀\n";
    let (tokenizer, tokens) = comes_back(&tokenizer, text);
    // Frequent pairs are one token, the crab is four.
    assert!(tokens.len() < text.len(), "{tokens:?}");
    assert_eq!(tokenizer.encode("text", "🦀").expect("read").len(), 4);
    assert_eq!(tokenizer.size(), 300);
    assert_eq!((tokenizer.unknown(), tokenizer.unwritten()), (None, vec![]));
}

#[test]
fn unigram_writes_spaces_between_words_and_knows_what_it_does_not_know() {
    let trainer = UnigramTrainer::builder()
        .show_progress(false)
        .vocab_size(60)
        .unk_token(Some("<unk>".to_owned()))
        .special_tokens(vec![AddedToken::from("<unk>", true)])
        .build();
    let spaces = || Metaspace::new('▁', PrependScheme::Always, true);
    let tokenizer = learnt(
        Unigram::default().into(),
        trainer.expect("sound").into(),
        (spaces().into(), spaces().into()),
    );
    let (tokenizer, _) = comes_back(&tokenizer, "to take arms or not to be, that is it");
    let unknown = tokenizer.unknown().expect("it has one");
    assert_eq!(tokenizer.decode(&[unknown]), "<unk>");
    let tokens = tokenizer.encode("text", "to 日 be").expect("read");
    assert!(tokens.contains(&unknown), "{tokens:?}");
}

/// With `[UNK]`, and what stands around a sentence.
fn word_piece() -> tokenizers::Tokenizer {
    let special = ["[UNK]", "[CLS]", "[SEP]"].map(|token| AddedToken::from(token, true));
    let trainer = WordPieceTrainer::builder()
        .show_progress(false)
        .vocab_size(90)
        .special_tokens(special.to_vec())
        .build();
    let mut tokenizer = learnt(
        WordPiece::default().into(),
        trainer.into(),
        (BertPreTokenizer.into(), WordPieceDecoder::default().into()),
    );
    let around = BertProcessing::new(("[SEP]".to_owned(), 2), ("[CLS]".to_owned(), 1));
    tokenizer.with_post_processor(Some(around));
    tokenizer
}

#[test]
fn word_pieces_are_joined_to_words_and_nothing_is_put_around_a_text() {
    let text = "to be, or not to be, that is nobler";
    let (tokenizer, tokens) = comes_back(&word_piece(), text);
    assert!(tokens.len() > text.split(' ').count(), "{tokens:?}");
    assert!(tokens.iter().all(|&token| token > 2), "{tokens:?}");
    assert_eq!(tokenizer.unknown(), Some(0));
    let tokens = tokenizer.encode("text", "to 日 be").expect("read");
    assert_eq!(tokenizer.decode(&tokens), "to [UNK] be");
    // What is special is one token where a text has it.
    assert_eq!(tokenizer.encode("text", "[SEP]").expect("read"), [2]);
}

#[test]
fn a_text_of_which_a_tokenizer_knows_nothing_is_refused() {
    for json in [
        word_piece().to_string(false).expect("JSON"),
        HUGGING_FACE.to_owned(),
    ] {
        let tokenizer = hugging_face(&json).expect("sound");
        let corpus = |text: &str| Corpus::of(text.to_owned(), Normalisation::None);
        let refused = tokenizer.encode_corpus("the test text", &corpus("日 本"));
        insta::allow_duplicates! {
            insta::assert_snapshot!(refused.expect_err("unknown"), @"the test text: not one of its 2 tokens is in the vocabulary; give a text that the tokenizer can read, or another tokenizer");
        }
        assert!(tokenizer.encode_corpus("it", &corpus("日 to")).is_ok());
    }
}

#[test]
fn numbers_may_have_gaps() {
    let gaps = HUGGING_FACE.replace("\"be\": 2", "\"be\": 9");
    let tokenizer = hugging_face(&gaps).expect("sound");
    assert_eq!(tokenizer.size(), 10);
    let tokens = tokenizer.encode("text", "to be or not").expect("read");
    assert_eq!(tokens, [1, 9, 3, 4]);
    assert_eq!(tokenizer.decode(&tokens), "to be or not");
    assert_eq!(tokenizer.unwritten(), [0, 2, 5, 6, 7, 8]);
    let far = HUGGING_FACE.replace("\"be\": 2", "\"be\": 4000000000");
    insta::assert_snapshot!(hugging_face(&far).expect_err("too far").to_string().trim_matches([':', ';', ' ']), @"DIR/tokenizer.json: is no tokenizer of Hugging Face's form: a token has the number 4000000000, expected at most 9999999; give a `tokenizer.json`");
}

#[test]
fn what_cannot_be_learnt_or_read_is_refused() {
    let refused = |text: &str, settings| {
        let made = tokenizer(text.as_bytes(), &settings);
        made.expect_err("refused").to_string()
    };
    // A vocabulary of one token.
    insta::assert_snapshot!(refused("aaaa", TokenSettings::Characters), @"data: the text has 1 token, always the same: nothing is to be learnt; give a text of at least two different tokens");
    // Every word unknown.
    insta::assert_snapshot!(refused("one two three four five six", words(5)), @r#"data.tokens: every token of the text is unknown: even the most frequent, "one", is there 1 times, and 5 are asked for, within 100 tokens; lower `data.min_count`, raise `data.max_size` or give more text"#);

    let characters = tokenizer("cafés\n".repeat(2).as_bytes(), &TokenSettings::Characters);
    let characters = characters.expect("tokens");
    let unknown = |text: &str| {
        let read = characters.encode("the prompt", text);
        read.expect_err("unknown").to_string()
    };
    insta::assert_snapshot!(unknown("face\nxaxe"), @"the prompt: line 1, column 4: the model's vocabulary does not have 'e' (U+0065, 2 times), 'x' (U+0078, 2 times); use characters that the model was trained on (`vocabulary.json` in its run's folder lists them)");
    // A combining mark, and a letter of another script that looks the same.
    insta::assert_snapshot!(unknown("cafe\u{301}"), @r"the prompt: line 1, column 4: the model's vocabulary does not have 'e' (U+0065, 1 times), '\u{301}' (U+0301, 1 times); use characters that the model was trained on (`vocabulary.json` in its run's folder lists them)");
    insta::assert_snapshot!(unknown("c\u{430}fé"), @"the prompt: line 1, column 2: the model's vocabulary does not have 'а' (U+0430, 1 times); use characters that the model was trained on (`vocabulary.json` in its run's folder lists them)");
    insta::assert_snapshot!(unknown("ABCDEFGHIJKL"), @"the prompt: line 1, column 1: the model's vocabulary does not have 'A' (U+0041, 1 times), 'B' (U+0042, 1 times), 'C' (U+0043, 1 times), 'D' (U+0044, 1 times), 'E' (U+0045, 1 times), 'F' (U+0046, 1 times), 'G' (U+0047, 1 times), 'H' (U+0048, 1 times), 4 others; use characters that the model was trained on (`vocabulary.json` in its run's folder lists them)");

    let tokenizer =
        tokenizer("so so so so so so ".repeat(2).as_bytes(), &words(1)).expect("tokens");
    let text = "quite another text";
    let corpus = &parts(text.repeat(2).as_bytes(), &words(1)).0[2][0];
    assert_eq!(corpus.text(), text);
    let other = tokenizer
        .encode_corpus("data b.txt", corpus)
        .expect_err("unknown");
    insta::assert_snapshot!(other, @"data b.txt: not one of its 3 words is in the vocabulary; give a text in the language that the model was trained on");
    assert_eq!(
        tokenizer
            .encode("the prompt", "quite")
            .expect("a prompt may"),
        [0]
    );
}

#[test]
fn any_bytes_are_read_as_bytes() {
    let tokenizer = tokenizer(b"\xff\0\xfea\xc3", &TokenSettings::Bytes).expect("tokens");
    assert_eq!(tokenizer.size(), 256);
    let parts = parts(b"\xff\0\xfea\xc3\xa9", &TokenSettings::Bytes);
    let tokens = tokenizer
        .encode_corpus("text", &parts.0[2][0])
        .expect("bytes");
    assert_eq!(tokens, [97, 0xc3, 0xa9]);
    // Half a character waits for its other half.
    let mut streamed = StreamedText::new(&tokenizer);
    assert_eq!(streamed.push(0xc3), "");
    assert_eq!(streamed.push(0xa9), "é");
    assert_eq!(streamed.push(0xff), "");
    assert_eq!(streamed.finish(), "\u{fffd}");
}

#[test]
fn a_vocabulary_file_that_was_changed_is_refused() {
    let damaged = |text: &str| {
        let read = Tokenizer::from_json(Path::new("vocabulary.json"), text);
        read.expect_err("damaged").to_string()
    };
    insta::assert_snapshot!(damaged("{"), @"vocabulary.json: damaged: EOF while parsing an object at line 1 column 1; use another copy of the file");
    insta::assert_snapshot!(damaged(r#"{"tokens": "runes", "boundary": false}"#), @r#"vocabulary.json: damaged: `tokens` is "runes"; use another copy of the file"#);
    insta::assert_snapshot!(damaged(r#"{"tokens": "bytes"}"#), @"vocabulary.json: damaged: `boundary` is neither true nor false; use another copy of the file");
    insta::assert_snapshot!(damaged(r#"{"tokens": "words", "boundary": false, "vocabulary": ["a", 1]}"#), @"vocabulary.json: damaged: `vocabulary` is no list of texts; use another copy of the file");
    insta::assert_snapshot!(damaged(r#"{"tokens": "characters", "boundary": false, "vocabulary": ["a", "a"]}"#), @r#"vocabulary.json: damaged: the token "a" is there twice; use another copy of the file"#);
}
