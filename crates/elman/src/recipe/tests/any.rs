//! Any recipe comes back as it went, and no text makes the reader panic.

mod data;
mod forecast;
mod model;
mod train;
mod tune;

use proptest::prelude::*;

use self::data::any_data;
use self::forecast::any_forecast;
use self::model::{any_model, fit};
use self::train::any_train;
use self::tune::any_tune;
use crate::random::Seed;
use crate::recipe::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_recipe_comes_back_as_it_went(
        title in "[^ \t\r\n]\\PC*",
        seed in any::<u64>(),
        (data, task, output) in any_data(),
        forecast in any_forecast(),
        model in any_model(),
        train in any_train(),
        tune in prop::option::of(any_tune()),
    ) {
        prop_assume!(!title.trim().is_empty());
        let holds_out = match task {
            Task::Forecaster => forecast.valid > 0,
            _ => data.holds_out(),
        };
        let mut train = train;
        train.early_stopping = train.early_stopping.filter(|stopping| match stopping.monitor {
            Monitor::TrainLoss => true,
            Monitor::ValidLoss => holds_out,
            Monitor::ValidAccuracy => holds_out && task == Task::Classifier,
        });
        if matches!(data, DataSettings::Text(_)) {
            // It is read from its beginning to its end, so many steps at once.
            train.shuffle = false;
            train.backpropagation.window.get_or_insert(50);
        }
        // A search watches held-out examples.
        let tune = tune.filter(|_| holds_out).map(|mut tune: TuneSettings| {
            if let Some(halving) = &mut tune.halving {
                halving.first_epochs = halving.first_epochs.min(train.epochs);
            }
            tune
        });
        let recipe = Recipe {
            title,
            task,
            seed: Seed::new(seed),
            forecast: (task == Task::Forecaster).then_some(forecast),
            model: ModelSettings {
                output,
                ..fit(model, task, &data)
            },
            data,
            train,
            tune,
        };
        let again = Recipe::from_toml("again", &recipe.to_toml(), &[]);
        prop_assert_eq!(again.expect("sound"), recipe);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\PC|\n|[=\\[\\]\".]){0,80}") {
        let _ = Recipe::from_toml("any", &text, &[]);
    }
}
