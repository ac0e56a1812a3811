use super::*;
use crate::train::Silent;

/// The whole example: a few seconds of real learning.
#[test]
fn the_first_errors_are_the_printed_ones_and_the_last_lie_in_the_band() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = RunFolder::At(folder.path().join("book"));
    let report = time_series(&place, &mut Silent).expect("it runs");
    for network in &report.networks {
        println!("{network:?}");
        assert_eq!(network.errors.len(), ITERATIONS / EVERY);
        assert_ne!(network.first_holds(), Some(false), "{network:?}");
        assert!(network.last_holds(), "{network:?}");
    }
    assert!(report.holds());
    assert_eq!(report.figures.len(), 7);
    for name in [
        "series",
        "test-wrapper",
        "test-reshape",
        "test-dropout",
        "creative",
        "creative-from-zeros",
        "creative-from-the-series",
    ] {
        let path = folder.path().join("book").join(format!("{name}.svg"));
        assert!(report.figures.contains(&path), "{}", path.display());
        assert!(path.with_extension("png").exists());
    }
    let again = time_series(&place, &mut Silent).expect_err("the folder is taken");
    assert!(
        again.to_string().contains("it holds files already"),
        "{again}"
    );
}

fn network(first: f64, last: f64) -> SeriesNetwork {
    let error = |iteration, here| SeriesError {
        iteration,
        book: 0.0,
        here,
    };
    SeriesNetwork {
        name: "wrapper",
        title: "a network",
        errors: vec![error(0, first), error(1400, last)],
        first: Some(11.967254),
        band: [0.0418, 0.0466],
        test: (None, 0.0),
    }
}

#[test]
fn another_first_error_or_a_last_one_outside_the_band_does_not_hold() {
    let report = |network| SeriesReport {
        networks: vec![network],
        figures: Vec::new(),
    };
    assert!(report(network(11.96725, 0.0418)).holds());
    assert!(!report(network(11.96727, 0.0418)).holds());
    assert!(report(network(11.96725, 0.041_751)).holds());
    assert!(!report(network(11.96725, 0.041_749)).holds());
    assert!(!report(network(11.96725, 0.0467)).holds());
    assert!(!report(network(f64::NAN, 0.0418)).holds());
}

struct Stopped;

impl Observer for Stopped {
    fn stop_signal(&mut self) -> Option<i32> {
        Some(2)
    }
}

#[test]
fn a_signal_stops_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = RunFolder::Next {
        parent: folder.path().to_owned(),
        name: "book".to_owned(),
    };
    let error = time_series(&place, &mut Stopped).expect_err("it is stopped");
    assert_eq!(error.stopped_by(), Some(2));
}
