//! The table `[tune]`.

use super::super::*;
use super::{SOUND, message, overrides};
use crate::random::Seed;

const SEARCH: &str = r#"
[tune.search]
"train.optimiser.learning_rate" = { log = [1e-4, 1e-2] }
model.units = { integer = [2, 9] }
"model.cell" = { choice = ["basic", "lstm"] }
"model.forget_bias" = { linear = [0, 2.5], when = { "model.cell" = "lstm" } }
"#;

fn tuned(texts: &[&str]) -> Recipe {
    let mut all = vec!["data.hold_out=1"];
    all.extend(texts);
    let text = format!("{SOUND}{SEARCH}");
    Recipe::from_toml("tuned", &text, &overrides(&all)).expect("a sound recipe")
}

fn text(word: &str) -> Setting {
    Setting::Text(word.to_owned())
}

#[test]
fn a_search_has_defaults_and_two_ways_to_write_a_key() {
    let recipe = tuned(&["seed=7"]);
    let tune = recipe.tune.clone().expect("a search");
    assert_eq!((tune.trials, tune.seed), (20, Seed::new(7)));
    assert_eq!((tune.metric, tune.halving), (Monitor::ValidAccuracy, None));
    let range = |key: &str| tune.search[key].range.clone();
    assert_eq!(tune.search.len(), 4);
    assert_eq!(
        range("train.optimiser.learning_rate"),
        Range::Log([1e-4, 1e-2])
    );
    assert_eq!(range("model.units"), Range::Integer([2, 9]));
    assert_eq!(
        range("model.cell"),
        Range::Choice(vec![text("basic"), text("lstm")])
    );
    assert_eq!(range("model.forget_bias"), Range::Linear([0.0, 2.5]));
    let when = Condition {
        key: "model.cell".to_owned(),
        values: vec![text("lstm")],
    };
    assert_eq!(tune.search["model.forget_bias"].when, [when]);
    let again = Recipe::from_toml("again", &recipe.to_toml(), &[]).expect("sound");
    assert_eq!(again, recipe);
}

#[test]
fn a_search_can_be_set() {
    let recipe = tuned(&[
        "tune.trials=9",
        "tune.seed=3",
        "tune.metric=valid_loss",
        "tune.halving.first_epochs=2",
    ]);
    let tune = recipe.tune.clone().expect("a search");
    assert_eq!((tune.trials, tune.seed), (9, Seed::new(3)));
    assert_eq!(tune.metric, Monitor::ValidLoss);
    let halving = HalvingSettings {
        eta: 3,
        first_epochs: 2,
    };
    assert_eq!(tune.halving, Some(halving));
    let again = Recipe::from_toml("again", &recipe.to_toml(), &[]).expect("sound");
    assert_eq!(again, recipe);
}

#[test]
fn every_fault_of_a_search_is_reported_at_once() {
    let search = r#"
[tune]
trials = 1
metric = "train_loss"

[tune.halving]
eta = 1
first_epochs = 3

[tune.search]
"train.epochs" = { integer = [1, 9] }
"data.hold_out" = { integer = [1, 9] }
"tune.seed" = { integer = [1, 9] }
"train.batch" = 7
"model.units" = { integer = [9, 2] }
"model.cell" = { choice = ["lstm"] }
"model.activation" = { chioce = ["tanh", "relu"] }
"model.forget_bias" = { log = [0, 1], linear = [0, 1] }
"a b" = { linear = [0, 1] }
"#;
    insta::assert_snapshot!(message(&format!("{SOUND}{search}"), &[]), @r#"
    r.toml: 15 problems
      - tune.trials (line 16): expected a whole number from 2 to 9999, found 1
      - tune.metric (line 17): expected `valid_accuracy` or `valid_loss`, found the string "train_loss"; did you mean `valid_loss`?
      - tune.halving.eta (line 20): expected a whole number from 2 to 1000, found 1
      - tune.halving.first_epochs (line 21): expected a whole number from 1 to 2, found 3
      - tune.search."a b" (line 32): this is no dotted key; write a key such as "train.batch"
      - tune.search."data.hold_out" (line 25): this key cannot be searched: trials would be ranked on different examples
      - tune.search."model.activation": expected one of `log`, `linear`, `integer` or `choice`, found none
      - unknown key `tune.search."model.activation".chioce` (line 30); did you mean `choice`?
      - tune.search."model.cell".choice (line 29): expected a list of at least two different values, found a list of 1
      - tune.search."model.forget_bias".log (line 31): expected [low, high], two numbers above 0, the lower first, found a list of 2
      - tune.search."model.forget_bias": expected one of `log`, `linear`, `integer` or `choice`, found log and linear
      - tune.search."model.units".integer (line 28): expected [low, high], two whole numbers, the lower first, found a list of 2
      - tune.search."train.batch" (line 27): expected a range, such as { log = [1e-4, 1e-2] }, found 7
      - tune.search."train.epochs" (line 24): this key cannot be searched: trials would be ranked after different amounts of training; set `train.epochs` to what the best may have
      - tune.search."tune.seed" (line 26): this key cannot be searched: a search cannot search itself
    "#);
}

#[test]
fn a_search_needs_held_out_examples_and_something_to_search() {
    let text = format!("{SOUND}{SEARCH}");
    insta::assert_snapshot!(message(&text, &[]), @r"
    r.toml: 1 problem
      - tune.metric: `valid_accuracy` needs held-out images and `data.hold_out` is 0; hold some out
    ");
    let held_out = ["data.hold_out=1"];
    insta::assert_snapshot!(message(&format!("{SOUND}[tune]\n"), &held_out), @r"
    r.toml: 1 problem
      - the table `[tune.search]` is missing
    ");
    insta::assert_snapshot!(message(&format!("{SOUND}[tune.search]\n"), &held_out), @r#"
    r.toml: 1 problem
      - tune.search: nothing is searched; name a range, such as "train.optimiser.learning_rate" = { log = [1e-4, 1e-2] }
    "#);
    let twice = format!("{text}model.cell = {{ choice = [1, 2] }}\n");
    insta::assert_snapshot!(message(&twice, &held_out), @r#"
    r.toml: 1 problem
      - tune.search."model.cell" (line 18): this key is searched twice; leave one of the two
    "#);
}

#[test]
fn conditions_name_searched_choices() {
    let fault = |when: &str| {
        let search = format!(
            "{SOUND}[tune.search]\n\
             \"model.cell\" = {{ choice = [\"basic\", \"lstm\"] }}\n\
             \"model.units\" = {{ integer = [2, 9] }}\n\
             \"model.peepholes\" = {{ choice = [true, false], when = {{ \"model.cell\" = \"lstm\" }} }}\n\
             \"train.batch\" = {{ integer = [2, 9], when = {when} }}\n"
        );
        let message = message(&search, &["data.hold_out=1"]);
        let (_, problem) = message.split_once("\n  - ").expect("a problem");
        problem.to_owned()
    };
    insta::assert_snapshot!(fault(r#"{ "model.cel" = "lstm" }"#), @r#"tune.search."train.batch".when."model.cel": `model.cel` is not searched; name a searched choice or remove the condition"#);
    insta::assert_snapshot!(fault(r#"{ "model.units" = 3 }"#), @r#"tune.search."train.batch".when."model.units": `model.units` is no choice; name a searched choice"#);
    insta::assert_snapshot!(fault(r#"{ "model.cell" = ["lstm", "gru"] }"#), @r#"tune.search."train.batch".when."model.cell": gru is none of the choices of `model.cell`; use `basic` or `lstm`"#);
    insta::assert_snapshot!(fault(r#"{ "model.peepholes" = true }"#), @r#"tune.search."train.batch".when."model.peepholes": `model.peepholes` has a condition itself; name a choice that is always drawn"#);
    insta::assert_snapshot!(fault(r#"{ "model.cell" = [] }"#), @r#"tune.search."train.batch".when."model.cell" (line 18): expected one of its choices, or a list of some, found a list of 0"#);
    insta::assert_snapshot!(fault("7"), @r#"tune.search."train.batch".when (line 18): expected the table `[tune.search."train.batch".when]`, found 7"#);
}

#[test]
fn a_template_comes_back_as_it_went() {
    let odd = format!(
        "{}[train.schedule]\nkind = \"piecewise_constant\"\nboundaries = [1, 3]\n\
         values = [1e-3, 0.5, 7]\n{SEARCH}",
        SOUND.replace("a title", "a \\\"title\\\" \\\\ of ü")
    );
    let set = overrides(&["data.hold_out=1", "seed=18446744073709551615"]);
    let template = Template::from_toml("odd", &odd, &set).expect("TOML");
    let again = Template::from_toml("again", &template.to_toml(), &[]).expect("TOML");
    assert_eq!(again.to_toml(), template.to_toml());
    let recipe = template.recipe().expect("sound");
    assert_eq!(again.recipe().expect("sound"), recipe);
    assert_eq!(recipe.title, "a \"title\" \\ of ü");
    // Defaults are still open: the LSTM has its own, which the basic cell would refuse.
    let lstm = again.with(&overrides(&["model.cell=lstm"])).expect("sound");
    assert_eq!(
        lstm.setting("model.forget_bias"),
        Some(Setting::Number(1.0))
    );
    assert_eq!(recipe.setting("model.forget_bias"), None);
    assert_eq!(recipe.setting("model.units"), Some(Setting::Whole(3)));
    assert_eq!(recipe.setting("model"), None);
    for shipped in Recipe::shipped() {
        let template = Template::load(shipped.name, &[]).expect("TOML");
        let again = Template::from_toml("again", &template.to_toml(), &[]).expect("TOML");
        let recipe = template.recipe().expect("sound");
        assert_eq!(again.recipe().expect("sound"), recipe, "{}", shipped.name);
    }
}
