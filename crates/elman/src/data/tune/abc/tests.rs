use super::*;
use crate::data::tune::TICKS_PER_QUARTER;

/// What a tune in C with units of a quarter sounds like: pitches with their times in quarters.
fn sounds(body: &str) -> Vec<(u8, f64, f64)> {
    of(&format!("L:1/4\nK:C\n{body}"))
}

fn of(text: &str) -> Vec<(u8, f64, f64)> {
    let tune = Tune::parse("tune", text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let quarters = |ticks: u32| f64::from(ticks) / f64::from(TICKS_PER_QUARTER);
    let notes = tune.score().notes.iter();
    notes
        .map(|note| (note.pitch, quarters(note.start), quarters(note.duration)))
        .collect()
}

fn pitches(text: &str) -> Vec<u8> {
    of(text).into_iter().map(|note| note.0).collect()
}

/// The letters that are played, of a tune of the notes A to G.
fn letters(body: &str) -> String {
    let name = |pitch| match pitch {
        60 => 'C',
        62 => 'D',
        64 => 'E',
        65 => 'F',
        67 => 'G',
        69 => 'A',
        71 => 'B',
        _ => '?',
    };
    sounds(body).into_iter().map(|note| name(note.0)).collect()
}

#[test]
fn notes_have_their_pitches() {
    assert_eq!(pitches("K:C\nC,, C, C c c' c''"), [36, 48, 60, 72, 84, 96]);
    assert_eq!(
        pitches("K:D\nF C f c =f ^G _B B"),
        [66, 61, 78, 73, 77, 68, 70, 70]
    );
    // An accidental holds in its bar and its octave only.
    assert_eq!(pitches("K:C\n^F F f | F ^^F __B"), [66, 66, 77, 65, 67, 69]);
    assert_eq!(pitches("K:Gm\nB E e"), [70, 63, 75]);
    assert_eq!(pitches("K:C\nB [K:F] B\nK:G\nF"), [71, 70, 66]);
}

#[test]
fn lengths_rests_and_broken_rhythm() {
    let found = sounds("C2 D/2 E/ F// G3/2 z A3/4 B//");
    let expected = [
        (60, 0.0, 2.0),
        (62, 2.0, 0.5),
        (64, 2.5, 0.5),
        (65, 3.0, 0.25),
        (67, 3.25, 1.5),
        (69, 5.75, 0.75),
        (71, 6.5, 0.25),
    ];
    assert_eq!(found, expected);
    assert_eq!(
        sounds("C>D E<F"),
        [
            (60, 0.0, 1.5),
            (62, 1.5, 0.5),
            (64, 2.0, 0.5),
            (65, 2.5, 1.5)
        ]
    );
    assert_eq!(sounds("C>>D"), [(60, 0.0, 1.75), (62, 1.75, 0.25)]);
    assert_eq!(sounds("C3>|D"), [(60, 0.0, 4.5), (62, 4.5, 0.5)]);
    // By default an eighth, in 2/4 a sixteenth.
    assert_eq!(of("M:6/8\nK:C\nC")[0].2, 0.5);
    assert_eq!(of("M:2/4\nK:C\nC")[0].2, 0.25);
    assert_eq!(of("M:6/8\nL:1/8\nK:C\nZ2 C")[0].1, 6.0);
}

#[test]
fn tuplets_chords_ties_and_grace_notes() {
    let third = 1.0 / 3.0;
    assert_eq!(
        sounds("(3C/D/E/ F"),
        [
            (60, 0.0, third),
            (62, third, third),
            (64, 2.0 * third, third),
            (65, 1.0, 1.0)
        ]
    );
    assert_eq!(sounds("(3:2:2C2D F")[1].2, 2.0 * third);
    assert_eq!(sounds("(5CDEFG"), sounds("(5:2:5CDEFG"));
    assert_eq!(of("M:9/8\nL:1/4\nK:C\n(5CDEFG")[1].1, 0.6);
    assert_eq!(
        sounds("[CEG]2 [C2E2]/2"),
        [
            (60, 0.0, 2.0),
            (64, 0.0, 2.0),
            (67, 0.0, 2.0),
            (60, 2.0, 1.0),
            (64, 2.0, 1.0)
        ]
    );
    assert_eq!(sounds("C-C D"), [(60, 0.0, 2.0), (62, 2.0, 1.0)]);
    // A tie carries the accidental over the bar line; and chords note by note.
    assert_eq!(sounds("^F-|F F"), [(66, 0.0, 2.0), (65, 2.0, 1.0)]);
    assert_eq!(
        sounds("[CE]-[CF]"),
        [(60, 0.0, 2.0), (64, 0.0, 1.0), (65, 1.0, 1.0)]
    );
    assert_eq!(sounds("{gf}C {a}D"), [(60, 0.0, 1.0), (62, 1.0, 1.0)]);
}

#[test]
fn repeats_and_endings_are_played() {
    for (body, expected) in [
        ("C D |: E :| F", "CDEEF"),
        ("C D :| E :| F", "CDCDEEF"),
        ("C :: D :| E", "CCDDE"),
        ("C || D :|", "CDD"),
        ("|: C || D :|", "CDCD"),
        ("|: C |1 D :|2 E || F :|", "CDCEFF"),
        ("|: C [1 D :| [2 E |] F", "CDCEF"),
        ("|: C |1,3 D :|2 E :|4 F ||", "CDCECDCF"),
        ("|: C |1-2 D :|3 E |]", "CDCDCE"),
        ("|: C |1 D :|2 E :| F", "CDCEF"),
        (":: C ::", "CC"),
        ("(C3:|", "CC"),
    ] {
        assert_eq!(letters(body), expected, "{body}");
    }
}

#[test]
fn what_changes_no_note_is_passed_over() {
    let body = "\"Am\"C !trill!D +fermata+E ~F .G (AB) `y T C\\ % C C\nw: some words\nd:|";
    let text = format!(
        "X:1\nT:A tune\nT:Its other name\nM:C|\nL:1/4\nQ:1/2=60\nK:C\n%% a comment\n{body}"
    );
    let tune = Tune::parse("tune", &text).expect("sound");
    assert_eq!(tune.score().notes.len(), 2 * 9);
    assert_eq!(tune.score().title, "A tune");
    assert_eq!(tune.score().meter, (2, 2));
    assert_eq!(tune.score().tempo, 120);
}

#[test]
fn faults_are_told_with_their_place() {
    let message = |text: &str| {
        let refused = Tune::parse("tune", text);
        refused.expect_err("a fault").to_string()
    };
    insta::assert_snapshot!(message("X:1\nC D"), @"tune: it has no key; add a line such as `K:D` before its notes");
    insta::assert_snapshot!(message("K:C\n|: z :|"), @"tune: it has no note; add some after its key");
    insta::assert_snapshot!(message("K:H\nC"), @r#"tune, line 1, column 3: expected a key such as D or Em, found "H"; correct the tune"#);
    insta::assert_snapshot!(message("M:6\nK:C\nC"), @r#"tune, line 1, column 3: expected a metre such as 6/8, found "6"; correct the tune"#);
    insta::assert_snapshot!(message("L:0/8\nK:C"), @r#"tune, line 1, column 3: expected a length such as 1/8, found "0/8"; correct the tune"#);
    insta::assert_snapshot!(message("Q:fast\nK:C"), @r#"tune, line 1, column 3: expected a tempo such as 1/4=120, found "fast"; correct the tune"#);
    insta::assert_snapshot!(message("K:C\nC D ?"), @"tune, line 2, column 5: expected a note, a rest or a bar, found '?'; correct the tune");
    insta::assert_snapshot!(message("K:C\nC ^"), @"tune, line 2, column 3: expected a note after at most two accidentals, found the end of the line; correct the tune");
    insta::assert_snapshot!(message("K:C\n[C[D]]"), @"tune, line 2, column 3: a chord begins within a chord; correct the tune");
    insta::assert_snapshot!(message("K:C\nC]"), @"tune, line 2, column 2: `]` without a chord before it; correct the tune");
    insta::assert_snapshot!(message("K:C\n>C"), @"tune, line 2, column 1: a broken rhythm has no note before it; correct the tune");
    insta::assert_snapshot!(message("K:C\nC0"), @"tune, line 2, column 1: expected a number from 1 to 1000, found 0; correct the tune");
    insta::assert_snapshot!(message("K:C\n\"Am C"), @r#"tune, line 2, column 1: `"` has no `"` after it; correct the tune"#);
    insta::assert_snapshot!(message("K:C\nc''''''''"), @"tune, line 2, column 1: the note is beyond the eleven octaves of MIDI; correct the tune");
    insta::assert_snapshot!(message("K:C\n(11C"), @"tune, line 2, column 1: a tuplet of 11 must say its time, such as `(11:2`; correct the tune");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "([A-Ga-gz|:\\[\\]()0-9/^_=,'<>{}\"! -]|\n|K:|M:|L:){0,60}") {
        let _ = Tune::parse("tune", &format!("K:C\n{text}"));
        let _ = Tune::parse("tune", &text);
    }
}
