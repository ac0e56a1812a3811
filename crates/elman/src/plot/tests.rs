//! The figures are sound files with the right texts in them.

use super::*;
use crate::metric::Measure;

fn epochs(count: usize, held_out: bool) -> Vec<EpochMetrics> {
    (0..count)
        .map(|epoch| {
            let time = epoch as f64;
            let figures = |loss, score| Figures { loss, score };
            let falling = |steps: f64| (-time / steps).exp();
            EpochMetrics {
                epoch,
                learning_rate: 0.001,
                gradient_norm: 1.0,
                clipped_norm: 1.0,
                measure: Measure::Accuracy,
                train: figures(0.9 * falling(8.0) + 0.01, 0.995 - 0.3 * falling(6.0)),
                valid: held_out
                    .then(|| figures(0.7 * falling(7.0) + 0.13, 0.963 - 0.25 * falling(6.0))),
                test: figures(
                    0.7 * falling(7.0) + 0.12 + 0.01 * (time / 3.0).sin(),
                    0.967 - 0.25 * falling(6.0),
                ),
            }
        })
        .collect()
}

fn matrix(classes: usize) -> ConfusionMatrix {
    let mut matrix = ConfusionMatrix::new(classes);
    for actual in 0..classes {
        for times in 0..190 + actual % 7 * 3 {
            let wrong = times % 29 == actual % 29;
            let predicted = if wrong {
                (actual * 3 + times) % classes
            } else {
                actual
            };
            matrix.record(actual, predicted).expect("in range");
        }
    }
    matrix
}

/// Width and height of a PNG that decodes to the end, and its share of white pixels.
fn decoded(png: &[u8]) -> ([u32; 2], f64) {
    let decoder = png::Decoder::new(std::io::Cursor::new(png));
    let mut reader = decoder.read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("small")];
    let info = reader.next_frame(&mut pixels).expect("a sound PNG");
    let white = pixels.chunks(3).filter(|pixel| *pixel == [255; 3]).count();
    let share = white as f64 / (pixels.len() / 3) as f64;
    ([info.width, info.height], share)
}

/// Where `ELMAN_FIGURES` names a folder, the figures are written there to be looked at.
fn keep(name: &str, figure: &Figure) {
    if let Some(folder) = std::env::var_os("ELMAN_FIGURES") {
        let path = std::path::Path::new(&folder).join(name);
        std::fs::write(path.with_extension("svg"), &figure.svg).expect("written");
        std::fs::write(path.with_extension("png"), &figure.png).expect("written");
    }
}

#[test]
fn learning_curves_name_their_lines() {
    for (count, held_out) in [(100, true), (1, false)] {
        let figure =
            learning_curve("MNIST <rows> & more", &epochs(count, held_out)).expect("drawn");
        keep(&format!("curve-{count}-{held_out}"), &figure);
        let (size, white) = decoded(&figure.png);
        assert_eq!(size, [2080, 880]);
        assert!((0.8..0.99).contains(&white), "{white}");
        assert!(figure.svg.contains("MNIST &lt;rows&gt; &amp; more"));
        for text in [
            "Mean loss (nats)",
            "Accuracy",
            "Epoch",
            "train 0.",
            "test 0.",
        ] {
            assert!(figure.svg.contains(text), "{text}");
        }
        assert_eq!(figure.svg.contains("valid 0."), held_out);
        assert!(figure.svg.trim_end().ends_with("</svg>"));
    }
}

#[test]
fn a_regressors_curve_shows_its_errors() {
    let mut rows = epochs(20, true);
    for row in &mut rows {
        row.measure = Measure::AbsoluteError;
    }
    let figure = learning_curve("adding", &rows).expect("drawn");
    keep("curve-errors", &figure);
    for text in ["Mean squared error", "Mean absolute error"] {
        assert!(figure.svg.contains(text), "{text}");
    }
    assert!(!figure.svg.contains("nats") && !figure.svg.contains("Accuracy"));
}

#[test]
fn figures_are_the_same_each_time() {
    let draw = |right: u64| {
        let mut matrix = ConfusionMatrix::new(2);
        for _ in 0..right {
            matrix.record(1, 1).expect("in range");
        }
        confusion("title", &matrix).expect("drawn")
    };
    assert_eq!(draw(5), draw(5));
    assert_ne!(draw(5).svg, draw(6).svg);
    assert_ne!(draw(5).png, draw(6).png);
}

#[test]
fn confusion_matrices_have_their_counts() {
    for classes in [10, 40] {
        let figure = confusion("MNIST rows, basic RNN", &matrix(classes)).expect("drawn");
        keep(&format!("confusion-{classes}"), &figure);
        decoded(&figure.png);
        assert!(figure.svg.contains("Predicted class") && figure.svg.contains("Actual class"));
        assert_eq!(figure.svg.contains("recall"), classes <= 10);
    }
    let mut matrix = ConfusionMatrix::new(3);
    for _ in 0..4321 {
        matrix.record(0, 2).expect("in range");
    }
    let figure = confusion("title", &matrix).expect("drawn");
    for text in ["4321", "0 of 4321 right: accuracy 0.0000", "0.000", "–"] {
        assert!(figure.svg.contains(text), "{text}");
    }
}

#[test]
fn nothing_to_draw_is_an_error() {
    let message = |error: Error| error.to_string();
    assert_eq!(
        message(learning_curve("t", &[]).expect_err("no epoch")),
        "learning curve: there is no epoch; give at least one epoch and finite numbers only"
    );
    let mut rows = epochs(3, true);
    rows[2].valid.as_mut().expect("held out").loss = f64::NAN;
    assert_eq!(
        message(learning_curve("t", &rows).expect_err("a NaN")),
        "learning curve: epoch 2 has a number that is not finite; \
         give at least one epoch and finite numbers only"
    );
    assert_eq!(
        message(confusion("t", &ConfusionMatrix::new(3)).expect_err("nothing counted")),
        "confusion matrix: 0 examples of 3 classes; \
         give at least one example of at most 256 classes"
    );
}

#[test]
fn long_titles_are_cut() {
    let title = "é".repeat(81);
    assert_eq!(shortened(&title), format!("{}…", "é".repeat(79)));
    assert_eq!(shortened(&title[2..]), "é".repeat(80));
}
