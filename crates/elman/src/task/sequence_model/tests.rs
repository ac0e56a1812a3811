use super::*;
use crate::data::{ImageDataset, SequenceDataset};
use crate::recipe::{Override, Recipe};

fn settings(recipe: &str, settings: &[&str]) -> ModelSettings {
    let overrides: Vec<Override> = ["model.units=5"]
        .iter()
        .chain(settings)
        .map(|setting| setting.parse().expect("a setting"))
        .collect();
    Recipe::load(recipe, &overrides).expect("it ships").model
}

fn model(recipe: &str) -> SequenceModel {
    let config = SequenceModelConfig {
        model: settings(recipe, &[]),
        step: StepKind::Features(4),
        time: Some(3),
        targets: TargetKind::Classes(2),
    };
    config
        .init(Seed::new(3), &Device::flex())
        .expect("it can be built")
}

fn images(count: usize) -> Dataset {
    let pixels = (0..count * 12).map(|at| (at * 37 % 256) as u8).collect();
    let labels = (0..count).map(|at| (at % 2) as u8).collect();
    Dataset::Images(ImageDataset::new(pixels, [3, 4], labels, 2).expect("sound"))
}

/// Sequences of 1 to 6 steps of 3 numbers.
fn ragged(count: usize, targets: Targets) -> SequenceDataset {
    let lengths: Vec<usize> = (0..count).map(|at| at * 5 % 6 + 1).collect();
    let total: usize = lengths.iter().sum();
    let steps = (0..total * 3).map(|at| ((at * 37 % 100) as f32) / 50.0 - 1.0);
    SequenceDataset::new(steps.collect(), &lengths, 3, targets).expect("sound")
}

fn labels(count: usize) -> Targets {
    Targets::Classes {
        labels: (0..count).map(|at| (at % 2) as u8).collect(),
        classes: 2,
    }
}

fn sums(count: usize) -> Targets {
    Targets::Numbers {
        values: (0..count * 2).map(|at| (at % 7) as f32).collect(),
        width: 2,
    }
}

fn ragged_model(cell: &str, output: Output, targets: TargetKind) -> SequenceModel {
    let config = SequenceModelConfig {
        model: ModelSettings {
            output,
            ..settings(cell, &[])
        },
        step: StepKind::Features(3),
        time: None,
        targets,
    };
    let device = Device::flex().autodiff();
    config.init(Seed::new(3), &device).expect("it can be built")
}

const KINDS: [(Output, TargetKind); 3] = [
    (Output::Softmax, TargetKind::Classes(2)),
    (Output::Sigmoid, TargetKind::Classes(2)),
    (Output::Linear, TargetKind::Numbers(2)),
];

fn targets(kind: TargetKind, count: usize) -> Targets {
    match kind {
        TargetKind::Classes(_) => labels(count),
        TargetKind::Numbers(_) => sums(count),
    }
}

#[test]
fn evaluation_does_not_depend_on_how_it_is_batched() {
    // More images than one batch, and not a multiple of it.
    let images = images(EVALUATION_BATCH * 2 + 77);
    for cell in ["mnist", "mnist-lstm", "mnist-gru"] {
        let model = model(cell);
        let evaluation = model.evaluate(&images).expect("it fits");
        let all: Vec<usize> = (0..images.len()).collect();
        let loss = model
            .loss(&images.batch(&all), NetworkRun::default())
            .expect("it fits");
        let correct = loss.score_sum / images.len() as f64;
        let confusion = evaluation.confusion().expect("a classifier's");
        assert_eq!(confusion.accuracy(), correct);
        assert_eq!(confusion.total(), images.len() as u64);
        let mean = f64::from(loss.mean.into_scalar::<f32>());
        // A mean of a thousand f32 numbers of about 0.7, summed in another order.
        assert!((evaluation.figures().loss - mean).abs() < 1e-5);
    }
}

#[test]
fn padding_changes_no_number() {
    const COUNT: usize = 9;
    for cell in ["mnist", "mnist-lstm", "mnist-gru"] {
        for (output, kind) in KINDS {
            let model = ragged_model(cell, output, kind);
            let data = ragged(COUNT, targets(kind, COUNT));
            let all = data.batch(&(0..COUNT).collect::<Vec<_>>());
            assert!(all.lengths.is_some());
            let padded = head::numbers(model.outputs(&all, NetworkRun::default()).expect("fits"));
            let width = padded.len() / COUNT;
            for row in 0..COUNT {
                let one = data.batch(&[row]);
                assert_eq!(one.lengths, None);
                let alone = model.outputs(&one, NetworkRun::default()).expect("fits");
                assert_eq!(
                    head::numbers(alone),
                    padded[row * width..][..width],
                    "{cell} {output:?} row {row}"
                );
            }
            // What stands in the padding is not read.
            let mut dirty = all.clone();
            for (row, length) in all.lengths.as_ref().expect("ragged").iter().enumerate() {
                let [_, time, features] = all.shape;
                dirty.inputs[(row * time + length) * features..(row + 1) * time * features]
                    .fill(1e30);
            }
            let outputs = model.outputs(&dirty, NetworkRun::default()).expect("fits");
            assert_eq!(head::numbers(outputs), padded, "{cell} {output:?}");
        }
    }
}

#[test]
fn padding_changes_no_gradient() {
    const COUNT: usize = 6;
    for (output, kind) in KINDS {
        let model = ragged_model("mnist-gru", output, kind);
        let data = ragged(COUNT, targets(kind, COUNT));
        let gradient = |batch: &SequenceBatch| {
            let loss = model.loss(batch, NetworkRun::training(0)).expect("fits");
            let gradients = loss.mean.backward();
            let kernel = model.dense.kernel.val().grad(&gradients);
            head::numbers(kernel.expect("it is trained"))
        };
        let all = data.batch(&(0..COUNT).collect::<Vec<_>>());
        let mut dirty = all.clone();
        for (row, length) in all.lengths.as_ref().expect("ragged").iter().enumerate() {
            let [_, time, features] = all.shape;
            dirty.inputs[(row * time + length) * features..(row + 1) * time * features].fill(-7.0);
        }
        assert_eq!(gradient(&all), gradient(&dirty), "{output:?}");
        let alone: Vec<Vec<f32>> = (0..COUNT)
            .map(|row| gradient(&data.batch(&[row])))
            .collect();
        for (at, found) in gradient(&all).into_iter().enumerate() {
            let mean = alone.iter().map(|row| row[at]).sum::<f32>() / COUNT as f32;
            // The same f32 products, summed in another order.
            assert!((found - mean).abs() < 1e-5, "{output:?}: {found} {mean}");
        }
    }
}

#[test]
fn a_regressor_reports_squared_and_absolute_errors() {
    const COUNT: usize = 40;
    let model = ragged_model("mnist-gru", Output::Linear, TargetKind::Numbers(2));
    let data = ragged(COUNT, sums(COUNT));
    let Targets::Numbers { values, .. } = sums(COUNT) else {
        panic!("numbers");
    };
    let mut found = Vec::new();
    for row in 0..COUNT {
        match model.predict(data.sequence(row).to_vec()).expect("it fits") {
            Prediction::Numbers(numbers) => found.extend(numbers),
            other => panic!("{other:?}"),
        }
    }
    let errors = || found.iter().zip(&values).map(|(a, b)| f64::from(a - b));
    let count = found.len() as f64;
    let evaluation = model.evaluate(&Dataset::Sequences(data)).expect("it fits");
    let Evaluation::Numbers {
        mse,
        mae,
        correlation,
        count: sequences,
    } = evaluation
    else {
        panic!("numbers");
    };
    assert_eq!((sequences, found.len()), (COUNT as u64, 2 * COUNT));
    assert!((mse - errors().map(|error| error * error).sum::<f64>() / count).abs() < 1e-5);
    assert!((mae - errors().map(f64::abs).sum::<f64>() / count).abs() < 1e-5);
    let r = |column: usize| {
        let of = |numbers: &[f32]| -> Vec<f64> {
            let column = numbers.iter().skip(column).step_by(2);
            column.copied().map(f64::from).collect()
        };
        let centred = |numbers: Vec<f64>| -> Vec<f64> {
            let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
            numbers.into_iter().map(|number| number - mean).collect()
        };
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (x, y) = (centred(of(&found)), centred(of(&values)));
        dot(&x, &y) / (dot(&x, &x) * dot(&y, &y)).sqrt()
    };
    let expected = (r(0) + r(1)) / 2.0;
    let correlation = correlation.expect("both vary");
    assert!(
        (correlation - expected).abs() < 1e-6,
        "{correlation} {expected}"
    );
}

#[test]
fn probabilities_are_those_of_the_logits() {
    let model = model("mnist-lstm");
    let batch = images(1).batch(&[0]);
    let Prediction::Classes(found) = model.predict(batch.inputs.clone()).expect("it fits") else {
        panic!("classes");
    };
    let logits = head::numbers(
        model
            .outputs(&batch, NetworkRun::default())
            .expect("it fits"),
    );
    let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
    for (found, logit) in found.iter().zip(logits) {
        assert!((found - logit.exp() / sum).abs() < 1e-6);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let model = model("mnist");
    let message = |rows: usize, columns: usize| {
        let pixels = vec![0; rows * columns];
        let images = ImageDataset::new(pixels, [rows, columns], vec![0], 2).expect("sound");
        let error = model.evaluate(&Dataset::Images(images));
        error.expect_err("another size").to_string()
    };
    assert!(message(4, 4).starts_with("images: axis T must be 3, found 4"));
    assert!(message(3, 5).starts_with("images: axis F must be 4, found 5"));
    insta::assert_snapshot!(model.predict(vec![0.0; 11]).expect_err("a pixel short"), @"sequence: it has 11 numbers, the model reads 3 steps of 4; give a sequence of that size");
    let other = ImageDataset::new(vec![0; 12], [3, 4], vec![0], 7).expect("sound");
    insta::assert_snapshot!(model.evaluate(&Dataset::Images(other)).expect_err("classes"), @"data: they have 7 classes, the model answers 2 classes; give the data that the model was made for");
    let regressor = ragged_model("mnist", Output::Linear, TargetKind::Numbers(2));
    insta::assert_snapshot!(regressor.loss(&ragged(2, labels(2)).batch(&[0]), NetworkRun::default()).expect_err("classes"), @"data: they have 2 classes, the model answers 2 numbers; give the data that the model was made for");
    insta::assert_snapshot!(regressor.predict(vec![]).expect_err("nothing"), @"sequence: it has 0 numbers, the model reads one or more steps of 3; give a sequence of that size");
    let config = SequenceModelConfig {
        model: settings("mnist", &[]),
        step: StepKind::Features(3),
        time: None,
        targets: TargetKind::Numbers(2),
    };
    insta::assert_snapshot!(config.init(Seed::new(1), &Device::flex()).expect_err("softmax"), @"model.output: Softmax gives no answer to Numbers(2); use softmax for classes, sigmoid for two, linear for numbers");
}

#[test]
fn kernels_of_a_tensorflow_graph_are_drawn_in_order() {
    use crate::random::tensorflow::RandomOp;
    use crate::train::snapshot;

    let config = |operations: &str| SequenceModelConfig {
        model: settings(
            "mnist-gru",
            &[&format!("model.tensorflow_operations={operations}")],
        ),
        step: StepKind::Features(3),
        time: None,
        targets: TargetKind::Classes(2),
    };
    let init = |operations| config(operations).init(Seed::new(42), &Device::flex());
    let tensors = snapshot(&init("[107, 121, 187]").expect("three kernels"));
    let numbers = |ending: &str| -> Vec<f32> {
        let mut found = tensors.iter().filter(|(name, _)| name.ends_with(ending));
        let (_, data) = found.next().expect("it has such a tensor");
        data.iter().collect()
    };
    let drawn = |operation, shape| RandomOp::new(42, operation).glorot_uniform(shape);
    assert_eq!(numbers("gates_kernel"), drawn(107, [8, 10]));
    assert_eq!(numbers("candidate_kernel"), drawn(121, [8, 5]));
    assert_eq!(numbers("dense.kernel"), drawn(187, [5, 2]));
    assert_eq!(numbers("gates_bias"), [1.0; 10]);
    insta::assert_snapshot!(init("[107, 121]").expect_err("one too few"), @"model.tensorflow_operations: it has 2 operations, the model has 3 kernels; give one operation for every kernel");
    insta::assert_snapshot!(init("[1, 2, 3, 4]").expect_err("one too many"), @"model.tensorflow_operations: it has 4 operations, the model has 3 kernels; give one operation for every kernel");
}
