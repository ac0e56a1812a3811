//! Optimisers, schedules and clips, number by number as TensorFlow 1 computes them.
//!
//! The numbers stand in `fixtures/training`; its `make.py` says which versions and command made
//! them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};
use elman::exchange::Weights;
use elman::recipe::{
    AdaGradSettings, AdamSettings, AdamWSettings, Decay, DecayRate, MomentumSettings,
    OptimiserSettings, RmsPropForm, RmsPropSettings, Schedule, ScheduleUnit, SgdSettings,
};
use elman::train::{Clip, Optimiser, snapshot};
use serde_json::Value;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/training")
}

fn json(name: &str) -> BTreeMap<String, Value> {
    let text = std::fs::read_to_string(fixtures().join(name)).expect("the fixture is there");
    serde_json::from_str(&text).expect("names to entries")
}

fn number(entry: &Value, key: &str) -> f64 {
    entry[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} in {entry}"))
}

fn truth(entry: &Value, key: &str) -> bool {
    entry[key].as_bool().unwrap_or(false)
}

#[derive(Module, Debug)]
struct Model {
    weights: Param<Tensor<2>>,
}

impl Model {
    fn new(weights: &TensorData, dtype: DType) -> Self {
        let device = Device::flex().autodiff();
        let weights = weights.clone().convert_dtype(dtype);
        Self {
            weights: Param::from_tensor(Tensor::from_data(weights, (&device, dtype))),
        }
    }

    fn numbers(&self) -> Vec<f64> {
        snapshot(self)["weights"].iter::<f64>().collect()
    }
}

/// One step with the given gradient: that of Σ weights ⊙ gradient.
fn step(optimiser: &mut Optimiser, model: Model, gradient: &TensorData, rate: f64) -> Model {
    let weights = model.weights.val();
    let options = (&weights.device(), weights.dtype());
    let gradient = Tensor::from_data(gradient.clone().convert_dtype(weights.dtype()), options);
    let gradients = (weights * gradient).sum().backward();
    let updated = optimiser.update(model, gradients, rate, 0);
    updated.expect("finite numbers")
}

fn settings(entry: &Value) -> OptimiserSettings {
    let learning_rate = number(entry, "learning_rate");
    let adam = || AdamSettings {
        learning_rate,
        beta1: number(entry, "beta1"),
        beta2: number(entry, "beta2"),
        epsilon: number(entry, "epsilon"),
    };
    match (
        entry["kind"].as_str().expect("a kind"),
        &entry["weight_decay"],
    ) {
        ("GradientDescentOptimizer", _) => SgdSettings { learning_rate }.into(),
        ("MomentumOptimizer", _) => OptimiserSettings::Momentum(MomentumSettings {
            learning_rate,
            momentum: number(entry, "momentum"),
            nesterov: truth(entry, "use_nesterov"),
        }),
        ("AdagradOptimizer", _) => OptimiserSettings::AdaGrad(AdaGradSettings {
            learning_rate,
            initial_accumulator_value: number(entry, "initial_accumulator_value"),
        }),
        ("RMSPropOptimizer", _) => OptimiserSettings::RmsProp(RmsPropSettings {
            learning_rate,
            decay: number(entry, "decay"),
            momentum: number(entry, "momentum"),
            epsilon: number(entry, "epsilon"),
            centered: truth(entry, "centered"),
            form: RmsPropForm::TensorFlow,
        }),
        ("AdamOptimizer", Value::Null) => OptimiserSettings::Adam(adam()),
        ("AdamOptimizer", decay) => OptimiserSettings::AdamW(AdamWSettings {
            adam: adam(),
            weight_decay: decay.as_f64().expect("a number"),
        }),
        other => panic!("unknown optimiser {other:?}"),
    }
}

const STEPS: usize = 5;

/// Some ten roundings a step of numbers up to 3; f32 rounds at 6e-8, f64 at 1.1e-16.
const TOLERANCES: [(DType, &str, f64); 2] = [(DType::F64, "f64", 2e-14), (DType::F32, "f32", 5e-6)];

#[test]
fn optimisers_follow_tensorflow_step_by_step() {
    let tensors = Weights::load(fixtures().join("optimisers.safetensors")).expect("sound");
    let tensor = |name: &str| tensors.get(name).expect("in the fixture");
    let entries = json("optimisers.json");
    assert_eq!(entries.len(), 11);
    for (dtype, bits, tolerance) in TOLERANCES {
        let (mut count, mut worst) = (0, 0.0_f64);
        for (name, entry) in &entries {
            // TensorFlow keeps 0.9, 0.999 and their powers in f32.
            if name == "adam_defaults" && dtype == DType::F64 {
                continue;
            }
            count += 1;
            let mut optimiser = Optimiser::new(settings(entry));
            let mut model = Model::new(tensor("weights"), dtype);
            for at in 0..STEPS {
                let gradient = tensor(&format!("gradient.{at}"));
                model = step(
                    &mut optimiser,
                    model,
                    gradient,
                    number(entry, "learning_rate"),
                );
                let expected = tensor(&format!("{name}.{bits}.{at}")).iter::<f64>();
                for (found, expected) in model.numbers().into_iter().zip(expected) {
                    let difference = (found - expected).abs();
                    worst = worst.max(difference);
                    assert!(
                        difference <= tolerance,
                        "{name}, {bits}, step {at}: expected {expected}, found {found}"
                    );
                }
            }
        }
        println!("optimisers: {count} in {bits}, {STEPS} steps, worst difference {worst:.1e}");
    }
}

#[test]
fn every_optimiser_goes_on_bit_for_bit() {
    let tensors = Weights::load(fixtures().join("optimisers.safetensors")).expect("sound");
    let gradient = |at| tensors.get(&format!("gradient.{at}")).expect("there");
    for (name, entry) in json("optimisers.json") {
        let rate = number(&entry, "learning_rate");
        let run = |stop: Option<usize>| {
            let fresh = || Optimiser::new(settings(&entry)).with_clip(Some(Clip::Norm(1.0)));
            let mut optimiser = fresh();
            let mut model = Model::new(tensors.get("weights").expect("there"), DType::F32);
            for at in 0..STEPS {
                if stop == Some(at) {
                    let state = optimiser.state();
                    optimiser = fresh()
                        .with_state(state, Path::new("checkpoint"))
                        .expect("whole");
                }
                model = step(&mut optimiser, model, gradient(at), rate);
            }
            snapshot(&model)
        };
        for stop in 0..STEPS {
            assert_eq!(
                run(Some(stop)),
                run(None),
                "{name}, stopped before step {stop}"
            );
        }
    }
}

fn schedule(entry: &Value) -> Schedule {
    let whole = |key: &str| {
        entry[key]
            .as_u64()
            .unwrap_or_else(|| panic!("{key} in {entry}"))
    };
    let rate = || DecayRate {
        decay_steps: whole("decay_steps"),
        decay_rate: number(entry, "decay_rate"),
        staircase: truth(entry, "staircase"),
        start: 0,
    };
    let list = |key: &str| entry[key].as_array().expect("a list").iter();
    let decay = match entry["kind"].as_str().expect("a kind") {
        "exponential_decay" => Decay::Exponential(rate()),
        "inverse_time_decay" => Decay::InverseTime(rate()),
        "natural_exp_decay" => Decay::NaturalExp(rate()),
        "polynomial_decay" => Decay::Polynomial {
            decay_steps: whole("decay_steps"),
            end_learning_rate: number(entry, "end_learning_rate"),
            power: number(entry, "power"),
            cycle: truth(entry, "cycle"),
        },
        "cosine_decay" => Decay::Cosine {
            decay_steps: whole("decay_steps"),
            alpha: number(entry, "alpha"),
        },
        "piecewise_constant" => Decay::PiecewiseConstant {
            boundaries: list("boundaries")
                .map(|it| it.as_u64().expect("whole"))
                .collect(),
            values: list("values")
                .map(|it| it.as_f64().expect("a number"))
                .collect(),
        },
        other => panic!("unknown schedule {other}"),
    };
    Schedule {
        decay,
        unit: ScheduleUnit::Step,
    }
}

/// TensorFlow computes rates in f32: its 0.9 is off by 2.6e-8, to the power 100.
const RATE_TOLERANCE: f64 = 4e-6;

#[test]
fn schedules_follow_tensorflow() {
    let entries = json("schedules.json");
    assert_eq!(entries.len(), 10);
    let mut worst = 0.0_f64;
    for (name, entry) in &entries {
        let schedule = schedule(entry);
        let at = entry["at"].as_array().expect("steps").iter();
        let rates = entry["rates"].as_array().expect("rates").iter();
        for (at, expected) in at.zip(rates) {
            let step = at.as_u64().expect("a step");
            let expected = expected.as_f64().expect("a rate");
            let found = schedule.learning_rate(number(entry, "base"), 0, step);
            let difference = (found - expected).abs() / expected;
            worst = worst.max(difference);
            assert!(
                difference <= RATE_TOLERANCE,
                "{name}, step {step}: expected {expected}, found {found}"
            );
        }
    }
    println!(
        "schedules: {}, worst relative difference {worst:.1e}",
        entries.len()
    );
}

/// The tensors `<prefix>.0`, `<prefix>.1`, …
fn numbered(tensors: &Weights, prefix: &str) -> Vec<TensorData> {
    (0..)
        .map_while(|at| tensors.get(&format!("{prefix}.{at}")).cloned())
        .collect()
}

fn check_clip(tensors: &Weights, clip: Clip, expected: &str, dtype: DType, tolerance: f64) -> f64 {
    let mut gradients = numbered(tensors, "clip.in");
    for gradient in &mut gradients {
        *gradient = gradient.clone().convert_dtype(dtype);
    }
    let norms = clip.apply(&mut gradients).expect("finite");
    let expected = numbered(tensors, &format!("{expected}.out"));
    assert_eq!(gradients.len(), expected.len());
    let mut square_sum = 0.0;
    for (found, expected) in gradients.iter().zip(&expected) {
        assert_eq!(found.shape(), expected.shape());
        for (found, expected) in found.iter::<f64>().zip(expected.iter::<f64>()) {
            square_sum += expected * expected;
            let difference = (found - expected).abs();
            assert!(
                difference <= tolerance,
                "{clip:?}: expected {expected}, found {found}"
            );
        }
    }
    assert!(
        (norms.after - square_sum.sqrt()).abs() <= 4.0 * tolerance,
        "{norms:?}"
    );
    norms.before
}

/// A product and a quotient of numbers up to 3, and norms of 21 numbers.
const CLIP_TOLERANCES: [(DType, f64); 2] = [(DType::F64, 2e-15), (DType::F32, 1e-6)];

#[test]
fn clips_follow_tensorflow() {
    let tensors = Weights::load(fixtures().join("clips.safetensors")).expect("sound");
    assert_eq!(numbered(&tensors, "clip.in").len(), 3);
    for (dtype, tolerance) in CLIP_TOLERANCES {
        check_clip(&tensors, Clip::Value(0.7), "value", dtype, tolerance);
        check_clip(&tensors, Clip::Norm(1.25), "norm", dtype, tolerance);
        check_clip(&tensors, Clip::GlobalNorm(100.0), "far", dtype, tolerance);
    }
}

/// `clip_by_global_norm(1.5)` of the golden case `losses`: this repository's, or that of the folder
/// that `ELMAN_GOLDEN` names.
#[test]
fn golden_losses_clip_by_global_norm() {
    let path = match std::env::var_os("ELMAN_GOLDEN") {
        Some(folder) => Path::new(&folder).join("losses.safetensors"),
        None => fixtures().join("clips.safetensors"),
    };
    if !path.exists() {
        println!("golden: there is no {}", path.display());
        return;
    }
    let tensors = Weights::load(&path).expect("sound");
    let expected = tensors.get("clip.norm").expect("the norm");
    let expected = expected.iter::<f64>().next().expect("a number");
    for (dtype, tolerance) in CLIP_TOLERANCES {
        let clip = Clip::GlobalNorm(1.5);
        let norm = check_clip(&tensors, clip, "clip", dtype, tolerance);
        assert!(
            (norm - expected).abs() <= 4.0 * tolerance,
            "{norm} {expected}"
        );
        println!(
            "golden: clip_by_global_norm(1.5), {dtype:?}, norm {norm} of {}",
            path.display()
        );
    }
}
