//! Any table `[forecast]`.

use proptest::prelude::*;

use crate::recipe::vocabulary::{CALENDAR, ENCODINGS, LEVELS, POINT_LOSSES, SCALINGS};
use crate::recipe::*;

/// Settings of a direct forecaster with any head.
pub(super) fn any_forecast() -> impl Strategy<Value = ForecastSettings> {
    let steps = || prop::option::of(1_usize..1_000);
    let head = prop_oneof![
        prop::sample::select(POINT_LOSSES).prop_map(|(_, loss)| Head::Linear { loss }),
        (0.001..0.5_f64, 0.501..0.999_f64).prop_map(|(low, high)| Head::Quantiles {
            levels: vec![low, 0.5, high],
        }),
        Just(Head::Gaussian),
        Just(Head::StudentT),
    ];
    // A difference is summed up, which not every head can bear.
    let scaling = prop::sample::select(&SCALINGS[..7]).prop_map(|(_, scaling)| scaling);
    let lists = (
        prop::collection::vec(scaling, 0..4),
        prop::collection::vec(prop::sample::select(CALENDAR), 0..3),
        prop::sample::select(ENCODINGS),
        prop::sample::select(LEVELS),
    );
    let counts = (0_usize..100, 1_usize..=100, 1_usize..1_000);
    (
        steps(),
        steps(),
        steps(),
        head,
        lists,
        counts,
        any::<bool>(),
    )
        .prop_map(
            |(window, horizon, test, head, lists, (valid, ensemble, samples), smoothing)| {
                let (scaling, calendar, (_, encoding), (_, level)) = lists;
                ForecastSettings {
                    window,
                    horizon,
                    method: Method::Direct,
                    head,
                    scaling,
                    level: if smoothing { Level::None } else { level },
                    calendar: calendar.into_iter().map(|(_, feature)| feature).collect(),
                    encoding,
                    valid,
                    test,
                    ensemble,
                    samples,
                    smoothing,
                }
            },
        )
}
