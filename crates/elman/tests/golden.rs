//! What TensorFlow 1 and PyTorch compute, number by number.
//!
//! The cases stand in `fixtures/golden` (its README says which versions and command made them), or
//! in the folder that `ELMAN_GOLDEN` names. Every case of the folder's `manifest.json` that is a
//! cell, a wrapped cell, a stack or bidirectional layers is run: outputs, final states, and the
//! gradients of inputs, initial states and every parameter.

#[path = "support/collect.rs"]
mod collect;
#[path = "support/compare.rs"]
mod compare;
#[path = "support/golden_case.rs"]
mod golden_case;
#[path = "support/golden_run.rs"]
mod golden_run;
#[path = "support/golden_sabotage.rs"]
mod golden_sabotage;
#[path = "support/golden_stack.rs"]
mod golden_stack;

use burn::tensor::{DType, TensorData};
use elman::cell::Path;
use elman::exchange::Weights;

use compare::relative_difference;
use golden_case::{Case, Folder};
use golden_run::{Driver, run};

/// f64 has 53 bits: some 450,000 roundings of one unit stay below this.
const F64_TOLERANCE: f64 = 1e-10;
/// f32 has 24 bits: this is 84 roundings of one unit, enough for sums of fifty terms over twenty
/// steps, whose errors partly cancel.
const F32_TOLERANCE: f64 = 1e-5;

/// Compares everything that the case expects: the number of tensors and the worst difference.
fn check(case: &Case, found: &Weights, tolerance: f64) -> Result<(usize, f64), String> {
    let mut count = 0;
    let mut worst = 0.0_f64;
    for (name, expected) in case.expected() {
        let found = found
            .get(name)
            .ok_or_else(|| format!("{}: {name} was not computed", case.name))?;
        let difference = relative_difference(found, expected)
            .map_err(|problem| format!("{}: {name} {problem}", case.name))?;
        if difference > tolerance {
            return Err(format!(
                "{}: {name} differs from {} by {difference:.1e}, allowed {tolerance:.0e}",
                case.name, case.entry.reference
            ));
        }
        count += 1;
        worst = worst.max(difference);
    }
    Ok((count, worst))
}

/// Runs every case with every driver that fits it, and reports all failures at once.
fn check_folder(dtype: DType, path: Path, tolerance: f64) {
    let folder = Folder::open();
    let (mut runs, mut tensors, mut worst) = (0, 0, 0.0_f64);
    let mut failures = Vec::new();
    for case in &folder.cases {
        for &driver in Driver::of(case) {
            match check(case, &run(case, dtype, path, driver), tolerance) {
                Ok((count, difference)) => {
                    runs += 1;
                    tensors += count;
                    worst = worst.max(difference);
                }
                Err(problem) => failures.push(format!("{driver:?} {problem}")),
            }
        }
    }
    println!(
        "golden: {} cases of {}, {runs} runs in {dtype:?} on {path:?}, {tensors} tensors, \
         worst relative difference {worst:.1e}; not networks: {:?}",
        folder.cases.len(),
        folder.path.display(),
        folder.others
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(runs > 0, "no case in {}", folder.path.display());
}

#[test]
fn golden_f64_fused() {
    check_folder(DType::F64, Path::Auto, F64_TOLERANCE);
}

#[test]
fn golden_f64_composed() {
    check_folder(DType::F64, Path::Composed, F64_TOLERANCE);
}

#[test]
fn golden_f32_fused() {
    check_folder(DType::F32, Path::Auto, F32_TOLERANCE);
}

#[test]
fn golden_f32_composed() {
    check_folder(DType::F32, Path::Composed, F32_TOLERANCE);
}

/// Swapped gates, a transposed recurrent block, a forgotten bias: each must be seen, in the very
/// outputs, by the check that the tests above make.
#[test]
fn golden_fixtures_notice_sabotage() {
    let folder = Folder::open();
    let mut count = 0;
    let mut unseen = Vec::new();
    for case in &folder.cases {
        for (what, sabotaged) in golden_sabotage::of(case) {
            let found = run(&sabotaged, DType::F64, Path::Auto, Driver::Dynamic);
            let outputs = case
                .expected()
                .filter(|(name, _)| name.starts_with("output"));
            let seen = outputs.into_iter().any(|(name, expected)| {
                let found: &TensorData = found.get(name).expect("every output is computed");
                relative_difference(found, expected).expect("one shape") > F32_TOLERANCE
            });
            count += 1;
            if !seen {
                unseen.push(format!("{}: {what}", case.name));
            }
        }
    }
    println!("golden: {count} sabotaged runs, {} unseen", unseen.len());
    assert!(unseen.is_empty(), "{}", unseen.join("\n"));
    assert!(count > 0);
}

/// Nothing in this repository's own fixtures is left out.
#[test]
fn golden_fixtures_of_this_repository_are_all_run() {
    let folder = Folder::committed();
    assert_eq!(folder.others, [""; 0]);
    let files = std::fs::read_dir(&folder.path).expect("the fixtures are there");
    let count = files
        .map(|file| file.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|it| it == "safetensors"))
        .filter(|path| !path.file_name().is_some_and(is_of_addons))
        .count();
    assert_eq!(folder.cases.len(), count);
}

/// Those are run by `golden_addons.rs`.
fn is_of_addons(file: &std::ffi::OsStr) -> bool {
    let file = file.to_string_lossy();
    file.starts_with("layer_norm_lstm") || file.starts_with("nas_cell")
}
