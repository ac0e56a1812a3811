//! Any table `[tune]`.

use proptest::prelude::*;

use crate::random::Seed;
use crate::recipe::*;

fn any_setting() -> impl Strategy<Value = Setting> {
    prop_oneof![
        "\\PC{0,9}".prop_map(Setting::Text),
        any::<i64>().prop_map(Setting::Whole),
        (-1e9..1e9_f64).prop_map(Setting::Number),
        any::<bool>().prop_map(Setting::Truth),
    ]
}

fn any_range() -> impl Strategy<Value = Range> {
    let ends = || (1e-9..1.0_f64, 1.0..1e9_f64).prop_map(|(low, high)| [low, high]);
    let integers = (-(1_i64 << 53)..0, 0..1_i64 << 53).prop_map(|(low, high)| [low, high]);
    let choices = prop::collection::vec(any_setting(), 2..5)
        .prop_filter("different values", |values| {
            (1..values.len()).all(|at| !values[..at].contains(&values[at]))
        });
    prop_oneof![
        ends().prop_map(Range::Log),
        ends().prop_map(Range::Linear),
        integers.prop_map(Range::Integer),
        choices.prop_map(Range::Choice),
    ]
}

/// A search of some keys, the last of which may depend on a choice.
pub(super) fn any_tune() -> impl Strategy<Value = TuneSettings> {
    let search =
        prop::collection::btree_map("x[a-z_0-9-]{0,5}(\\.[a-z]{1,5}){0,2}", any_range(), 1..4);
    let halving = (2_usize..9, 1_usize..9)
        .prop_map(|(eta, first_epochs)| HalvingSettings { eta, first_epochs });
    (
        (2_usize..=9_999, any::<u64>(), any::<bool>()),
        prop::option::of(halving),
        search,
        any::<bool>(),
    )
        .prop_map(|((trials, seed, by_loss), halving, ranges, conditional)| {
            let conditions: Vec<Condition> = ranges
                .iter()
                .filter_map(|(key, range)| match range {
                    Range::Choice(values) if conditional => Some(Condition {
                        key: key.clone(),
                        values: values[1..].to_vec(),
                    }),
                    _ => None,
                })
                .take(1)
                .collect();
            let searched = |(key, range): (String, Range)| {
                let mut when = conditions.clone();
                when.retain(|condition| condition.key != key);
                if matches!(range, Range::Choice(_)) {
                    when.clear();
                }
                (key, Searched { range, when })
            };
            TuneSettings {
                trials,
                seed: Seed::new(seed),
                metric: if by_loss {
                    Monitor::ValidLoss
                } else {
                    Monitor::ValidAccuracy
                },
                halving,
                search: ranges.into_iter().map(searched).collect(),
            }
        })
}
