use super::*;
use crate::recipe::Recipe;

fn config(cell: &str) -> ClassifierConfig {
    let small = "model.units=5".parse().expect("a setting");
    let recipe = Recipe::load(cell, &[small]).expect("it ships");
    ClassifierConfig {
        model: recipe.model,
        image: [3, 4],
        classes: 2,
    }
}

fn images(count: usize) -> ImageDataset {
    let pixels = (0..count * 12).map(|at| (at * 37 % 256) as u8).collect();
    let labels = (0..count).map(|at| (at % 2) as u8).collect();
    ImageDataset::new(pixels, [3, 4], labels, 2).expect("sound")
}

#[test]
fn the_loss_is_the_mean_cross_entropy_in_nats() {
    let logits = [[0.5_f64, -1.0, 2.0], [1.5, 0.0, -0.25]];
    let labels = [2_u8, 1];
    let by_hand: f64 = logits
        .iter()
        .zip(labels)
        .map(|(row, label)| {
            let sum: f64 = row.iter().map(|logit| logit.exp()).sum();
            sum.ln() - row[usize::from(label)]
        })
        .sum::<f64>()
        / 2.0;
    let logits = Tensor::<2>::from_data(logits.map(|row| row.map(|x| x as f32)), &Device::flex());
    let found = f64::from(cross_entropy(logits, &labels).into_scalar::<f32>());
    assert!((found - by_hand).abs() < 1e-6, "{found} {by_hand}");
}

#[test]
fn evaluation_does_not_depend_on_how_it_is_batched() {
    // More images than one batch, and not a multiple of it.
    let images = images(EVALUATION_BATCH * 2 + 77);
    for cell in ["mnist", "mnist-lstm", "mnist-gru"] {
        let model = config(cell)
            .init(Seed::new(3), &Device::flex())
            .expect("it can be built");
        let evaluation = model.evaluate(&images).expect("it fits");
        let all: Vec<usize> = (0..images.len()).collect();
        let inputs = image_tensor(&images, &all, &Device::flex());
        let loss = model
            .loss(inputs, images.labels(), NetworkRun::default())
            .expect("it fits");
        let correct = loss.score_sum / images.len() as f64;
        assert_eq!(evaluation.confusion.accuracy(), correct);
        assert_eq!(evaluation.confusion.total(), images.len() as u64);
        let mean = f64::from(loss.mean.into_scalar::<f32>());
        // A mean of a thousand f32 numbers of about 0.7, summed in another order.
        assert!((evaluation.loss_nats - mean).abs() < 1e-5);
    }
}

#[test]
fn probabilities_are_those_of_the_logits() {
    let model = config("mnist-lstm")
        .init(Seed::new(3), &Device::flex())
        .expect("it can be built");
    let images = images(1);
    let found = model.probabilities(images.inputs(&[0])).expect("it fits");
    let logits = numbers(
        model
            .logits(image_tensor(&images, &[0], &Device::flex()))
            .expect("it fits"),
    );
    let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
    for (found, logit) in found.iter().zip(logits) {
        assert!((found - logit.exp() / sum).abs() < 1e-6);
    }
}

#[test]
fn images_of_another_size_are_refused() {
    let model = config("mnist")
        .init(Seed::new(3), &Device::flex())
        .expect("it can be built");
    let inputs = |shape: [usize; 3]| Tensor::<3>::zeros(shape, &Device::flex());
    let message = |shape| {
        model
            .logits(inputs(shape))
            .expect_err("another size")
            .to_string()
    };
    assert!(message([1, 4, 4]).starts_with("images: axis T must be 3, found 4"));
    let error = model
        .probabilities(vec![0.0; 11])
        .expect_err("a pixel short");
    assert!(error.to_string().contains("it has 11 pixels"), "{error}");
    assert!(message([1, 3, 5]).starts_with("images: axis F must be 4, found 5"));
}

#[test]
fn of_equal_scores_the_first_class_wins() {
    let logits = Tensor::<2>::from_data([[1.0_f32, 1.0], [0.0, 2.0]], &Device::flex());
    assert_eq!(arg_max(&logits), [0, 1]);
}
