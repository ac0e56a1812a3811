//! The figures are sound files with the right texts in them.

use super::*;
use crate::cell::StatePart;
use crate::metric::{Figures, Measure};
use crate::recipe::{Range, Setting};

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

/// The names of classes that have none of their own.
fn numbers(classes: usize) -> Vec<String> {
    (0..classes).map(|class| class.to_string()).collect()
}

/// Every text of a figure, with its left, top, right and bottom.
fn texts(svg: &str) -> Vec<(&str, [f64; 4])> {
    let number = |element: &str, name: &str| -> f64 {
        let (_, rest) = element.split_once(&format!(" {name}=\"")).expect(name);
        let (number, _) = rest.split_once('"').expect("quoted");
        number.parse().expect("a number")
    };
    let elements = svg.split("<text").skip(1);
    let boxed = elements.map(|element| {
        let (attributes, rest) = element.split_once('>').expect("a tag");
        let (text, _) = rest.split_once("</text>").expect("an end");
        let text = text.trim();
        // Plotters writes a font's size without the space between lines.
        let height = number(attributes, "font-size");
        let width = canvas::text_width(text, 1.24 * height);
        let anchor = ["start", "middle", "end"]
            .iter()
            .position(|anchor| attributes.contains(&format!("\"{anchor}\"")))
            .expect("an anchor");
        let before = width * anchor as f64 / 2.0;
        let [x, y] = ["x", "y"].map(|name| number(attributes, name));
        let half = height / 2.0;
        let corners = match attributes.contains("rotate") {
            false => [x - before, y - half, x - before + width, y + half],
            true => [x - half, y + before - width, x + half, y + before],
        };
        (text, corners)
    });
    boxed.collect()
}

/// Checks that every text is within the figure and lies over no other.
fn check_texts(figure: &Figure) {
    let (size, _) = decoded(&figure.png);
    let size = size.map(|length| f64::from(length) / 2.0);
    let texts = texts(&figure.svg);
    for (at, (text, [left, top, right, bottom])) in texts.iter().enumerate() {
        let is_within = *left >= 0.0 && *top >= 0.0 && *right <= size[0] && *bottom <= size[1];
        assert!(is_within, "{text} is cut: {left} to {right}");
        for (other, [from, above, to, below]) in &texts[at + 1..] {
            let is_clear = right <= from || to <= left || bottom <= above || below <= top;
            assert!(is_clear, "{text} and {other} lie over each other");
        }
    }
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
        check_texts(&figure);
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
fn curves_of_very_large_and_very_small_losses_have_room_for_their_labels() {
    let usual = learning_curve("usual", &epochs(3, true)).expect("drawn");
    // Where the usual panels stand.
    let headings = ["x=\"64\" y=\"68\"", "x=\"574\" y=\"68\""];
    assert!(headings.iter().all(|heading| usual.svg.contains(heading)));
    for (factor, labels) in [
        (4e30, ["e30", "train 2.8"]),
        (1e-12, ["e-12", "train 7."]),
        (1e300, ["e299", "test 6."]),
    ] {
        let mut rows = epochs(3, true);
        for row in &mut rows {
            row.measure = Measure::ScaledError;
            let valid = row.valid.as_mut().expect("held out");
            for figures in [&mut row.train, valid, &mut row.test] {
                figures.loss *= factor;
                figures.score *= -factor;
            }
        }
        let figure = learning_curve("A title", &rows).expect("drawn");
        keep(&format!("curve-{factor:e}"), &figure);
        check_texts(&figure);
        for label in labels {
            assert!(figure.svg.contains(label), "{label}: {}", figure.svg);
        }
    }
}

/// A picture of `known` steps and `ahead` that are forecast, a month each from July 2019, with numbers
/// about `size`.
fn foretold(known: usize, ahead: usize, size: f64) -> Result<Figure> {
    let numbers = |from: usize, count: usize, more: f64| -> Vec<f64> {
        let steps = from..from + count;
        let numbers = steps.map(|step| size * (1.0 + 0.3 * (step as f64).sin() + more));
        numbers.collect()
    };
    let label = |step: usize| format!("{}-{:02}-01", 2019 + (step + 6) / 12, (step + 6) % 12 + 1);
    forecast(&ForecastPicture {
        title: "A forecast".to_owned(),
        known: &numbers(0, known, 0.0),
        point: &numbers(known, ahead, 0.0),
        levels: &[0.1, 0.5, 0.9],
        quantiles: &[-0.2, 0.0, 0.2].map(|more| numbers(known, ahead, more)),
        labels: (0..known + ahead).map(label).collect(),
    })
}

#[test]
fn forecasts_of_all_sizes_have_room_for_their_labels() {
    for (size, labels) in [
        (300.0, ["100", "500"]),
        (1e12, ["0.4e12", "1.6e12"]),
        (1e-9, ["0.4e-9", "1.6e-9"]),
        (-1e300, ["-0.4e300", "-1.6e300"]),
    ] {
        let figure = foretold(40, 12, size).expect("drawn");
        keep(&format!("forecast-{size:e}"), &figure);
        check_texts(&figure);
        for label in labels {
            let line = format!("\n{label}\n");
            assert!(figure.svg.contains(&line), "{label}: {}", figure.svg);
        }
    }
    // The numbers are told apart by their last digits.
    let figure = plot_lines(&[123_456_789.25, 123_456_789.5]);
    check_texts(&figure);
    assert!(figure.svg.contains("123456789.25"), "{}", figure.svg);
}

fn plot_lines(values: &[f64]) -> Figure {
    let points = values.iter().enumerate();
    let points = points.map(|(at, &value)| (at as f64, value)).collect();
    lines(
        "Lines",
        ["t", "y"],
        &[Line::new("line", points, Marks::Line)],
    )
    .expect("drawn")
}

#[test]
fn the_last_known_step_is_named_where_there_is_room() {
    for (known, ahead) in [(1, 1), (2, 1), (2, 12), (12, 2), (40, 1)] {
        let figure = foretold(known, ahead, 300.0).expect("drawn");
        keep(&format!("forecast-{known}-{ahead}"), &figure);
        check_texts(&figure);
        assert!(figure.svg.contains("last known: "));
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
fn a_loss_of_samples_is_no_score_of_the_text() {
    let mut rows = epochs(20, true);
    for row in &mut rows {
        row.measure = Measure::SampledTokens;
    }
    let figure = learning_curve("words", &rows).expect("drawn");
    keep("curve-samples", &figure);
    let times = |text| figure.svg.matches(text).count();
    assert_eq!(times("Mean loss of a token (nats), train: of samples"), 1);
    assert_eq!(
        (times("train 0."), times("valid 0."), times("test 0.")),
        (1, 2, 2)
    );
}

#[test]
fn figures_are_the_same_each_time() {
    let draw = |right: u64| {
        let mut matrix = ConfusionMatrix::new(2);
        for _ in 0..right {
            matrix.record(1, 1).expect("in range");
        }
        confusion("title", &matrix, &numbers(2)).expect("drawn")
    };
    assert_eq!(draw(5), draw(5));
    assert_ne!(draw(5).svg, draw(6).svg);
    assert_ne!(draw(5).png, draw(6).png);
}

#[test]
fn confusion_matrices_have_their_counts() {
    for classes in [10, 40] {
        let figure = confusion("MNIST rows, basic RNN", &matrix(classes), &numbers(classes));
        let figure = figure.expect("drawn");
        keep(&format!("confusion-{classes}"), &figure);
        decoded(&figure.png);
        assert!(figure.svg.contains("Predicted class") && figure.svg.contains("Actual class"));
        assert_eq!(figure.svg.contains("recall"), classes <= 10);
    }
    let mut matrix = ConfusionMatrix::new(3);
    for _ in 0..4321 {
        matrix.record(0, 2).expect("in range");
    }
    let figure = confusion("title", &matrix, &numbers(3)).expect("drawn");
    for text in ["4321", "0 of 4321 right: accuracy 0.0000", "0.000", "–"] {
        assert!(figure.svg.contains(text), "{text}");
    }
}

#[test]
fn confusion_matrices_name_their_classes() {
    let long = |class: usize| format!("class {class} with the name of a small book and more");
    let several: [fn(usize) -> String; 3] = [
        |class| ["slow", "fast"][class % 2].to_owned(),
        |class| format!("n{class}"),
        |class| format!("category {class}"),
    ];
    let several = several
        .into_iter()
        .flat_map(|name| [2, 3, 9, 40].map(|count| (count, name)));
    for (at, (classes, name)) in several
        .chain([(2, long as fn(usize) -> String)])
        .enumerate()
    {
        let names: Vec<String> = (0..classes).map(name).collect();
        let figure = confusion("A title", &matrix(classes), &names).expect("drawn");
        keep(&format!("confusion-named-{at}"), &figure);
        check_texts(&figure);
        // Once beside the rows and once above the columns, of a long name the beginning.
        let (begin, end) = match name(0).len() {
            ..20 => (name(0), "\n"),
            _ => ("class 0 with".to_owned(), "…\n"),
        };
        let named = texts(&figure.svg).into_iter();
        let named = named.filter(|(text, _)| text.starts_with(&begin));
        assert!(
            named.count() >= 2 && figure.svg.contains(end),
            "{}",
            figure.svg
        );
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
        message(
            confusion("t", &ConfusionMatrix::new(3), &numbers(3)).expect_err("nothing counted")
        ),
        "confusion matrix: 0 examples of 3 classes; \
         give at least one example of at most 256 classes"
    );
    assert_eq!(
        message(confusion("t", &matrix(3), &numbers(2)).expect_err("a name is missing")),
        "confusion matrix: 2 names of 3 classes; give a name for every class"
    );
}

#[test]
fn long_titles_are_cut() {
    let title = "é".repeat(81);
    assert_eq!(shortened(&title), format!("{}…", "é".repeat(79)));
    assert_eq!(shortened(&title[2..]), "é".repeat(80));
}

/// A search of `keys` settings, of which trial 3 is the best and trial 0 the second.
fn search(keys: usize) -> (Vec<SearchedTrial>, BTreeMap<String, Searched>) {
    let ranges = [
        Range::Log([1e-4, 1e-2]),
        Range::Integer([50, 200]),
        Range::Choice(vec![
            Setting::Text("basic".into()),
            Setting::Text("lstm".into()),
        ]),
        Range::Linear([-1.0, 1.0]),
    ];
    let values = |trial: usize| {
        let at = trial as f64 / 8.0;
        vec![
            Some(Setting::Number(1e-4 * 100_f64.powf(at))),
            Some(Setting::Whole(50 + 15 * trial as i64)),
            Some(Setting::Text(["gru", "lstm", "basic"][trial % 3].into())),
            (trial % 2 == 1).then_some(Setting::Number(at - 0.5)),
        ]
    };
    let trials = [3, 0, 1, 2, 4, 5, 6, 7]
        .iter()
        .enumerate()
        .map(|(place, &trial)| {
            let rung = 2_usize.saturating_sub(place);
            let curve = (0..3_usize.pow(rung as u32))
                .map(|epoch| (epoch, 0.97 - 0.02 * place as f64 - 0.3 / (epoch + 1) as f64));
            let curve: Vec<_> = curve.collect();
            SearchedTrial {
                trial,
                rung,
                score: curve.last().expect("an epoch").1,
                curve,
                values: values(trial)[..keys].to_vec(),
            }
        });
    let key = |(at, range): (usize, &Range)| {
        let when = Vec::new();
        let range = range.clone();
        (format!("key.number_{at}"), Searched { range, when })
    };
    let search = ranges[..keys].iter().enumerate().map(key).collect();
    (trials.collect(), search)
}

#[test]
fn searches_have_their_best_trial_and_their_keys() {
    let (trials, keys) = search(4);
    let curves = search_curves("A search", Monitor::ValidAccuracy, &trials).expect("drawn");
    keep("search-curves", &curves);
    decoded(&curves.png);
    for text in [
        "A search",
        "Accuracy on held-out examples",
        "best: trial 3",
        "own settings",
        "trial 3 0.9367",
        "trial 0 0.8500",
        "Epochs",
    ] {
        assert!(curves.svg.contains(text), "{text}");
    }
    for count in 1..=4 {
        let (trials, keys) = search(count);
        let panels = searched("A search", Monitor::ValidLoss, &trials, &keys).expect("drawn");
        keep(&format!("searched-{count}"), &panels);
        decoded(&panels.png);
        assert!(panels.svg.contains("Mean loss on held-out examples"));
        // Ticks of the log axis, and a choice that only the recipe itself has.
        for (at, text) in ["1e-3", "key.number_1", "gru", "key.number_3"]
            .iter()
            .enumerate()
        {
            assert_eq!(panels.svg.contains(text), at < count, "{text} of {count}");
        }
        let dots = panels.svg.matches("<circle").count();
        let empty = if count == 4 { 4 } else { 0 };
        assert_eq!(
            dots,
            2 + 8 * count - empty,
            "two of the legend, one a value"
        );
    }
    let refused = |trials: &[SearchedTrial]| {
        search_curves("t", Monitor::ValidLoss, trials)
            .expect_err("refused")
            .to_string()
    };
    let told = "figure of a search: there is no trial, or one without finite numbers; \
                give trials that came to a rung, with their curves";
    assert_eq!(refused(&[]), told);
    let mut broken = trials.clone();
    broken[1].score = f64::NAN;
    assert_eq!(refused(&broken), told);
    let mut negative = trials;
    negative[1].values[0] = Some(Setting::Number(-1.0));
    let error = searched("t", Monitor::ValidLoss, &negative, &keys).expect_err("no logarithm");
    assert!(
        error.to_string().contains("search a linear range"),
        "{error}"
    );
}

/// A layer whose gradient falls by `rate` a step.
fn falling(cell: &str, rate: f64, lags: i32) -> LayerDiagnosis {
    let lag = |part, first: f64| LagNorms {
        part,
        norms: (0..lags).map(|lag| first * rate.powi(lag)).collect(),
    };
    LayerDiagnosis {
        cell: cell.to_owned(),
        lags: vec![lag(StatePart::Cell, 0.5), lag(StatePart::Hidden, 0.25)],
        gates: Vec::new(),
        radii: Vec::new(),
        units: crate::diagnosis::UnitFacts::default(),
    }
}

#[test]
fn gradients_against_the_lag_have_a_line_each() {
    let layers = [falling("LstmCell", 0.99, 100), falling("Other", 0.5, 100)];
    let figure = gradient_lags("A title", &layers).expect("drawn");
    keep("gradient-lags", &figure);
    decoded(&figure.png);
    for text in [
        "A title",
        "Time lag (steps before the last)",
        "c of layer 0 (LstmCell)",
        "h of layer 1 (Other)",
        // .5^99 = 1.6e-30 is below the axis, which ends 20 powers of ten down.
        "1e-20",
    ] {
        assert!(figure.svg.contains(text), "{text}");
    }
    assert!(!figure.svg.contains("1e-30"));
    let [first, second] = layers;
    let runs = [
        ("one".to_owned(), vec![first.clone()]),
        ("two".to_owned(), vec![first, second]),
    ];
    let figure = gradient_lags_of_runs(&runs).expect("drawn");
    keep("gradient-lags-of-runs", &figure);
    for text in ["\none\n", "two, layer 0", "two, layer 1"] {
        assert!(figure.svg.contains(text), "{text}: {}", figure.svg);
    }
    let error = gradient_lags("t", &[]).expect_err("nothing to draw");
    assert_eq!(
        error.to_string(),
        "gradient against lag: there is no layer; give at least one"
    );
}
