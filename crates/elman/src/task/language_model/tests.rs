use super::*;
use crate::recipe::{CellSettings, LayerSettings};

const VOCABULARY: usize = 11;

fn settings(embedding: Option<usize>, softmax: SoftmaxSettings) -> ModelSettings {
    let lstm = CellSettings::Lstm {
        forget_bias: 1.0,
        peepholes: false,
        cell_clip: None,
        num_proj: None,
        proj_clip: None,
    };
    let mut model = ModelSettings::one(LayerSettings::new(lstm, 6));
    model.layers = vec![model.layers[0].clone(); 2];
    model.embedding = embedding;
    model.softmax = Some(softmax);
    model
}

fn model(embedding: Option<usize>, softmax: SoftmaxSettings, device: &Device) -> LanguageModel {
    let config = LanguageModelConfig {
        model: settings(embedding, softmax),
        vocabulary: VOCABULARY,
    };
    config.init(Seed::new(5), device).expect("fits")
}

/// Every kind of input and output.
fn kinds() -> [(Option<usize>, SoftmaxSettings); 5] {
    [
        (None, SoftmaxSettings::Full),
        (Some(4), SoftmaxSettings::Full),
        (Some(6), SoftmaxSettings::Tied),
        (
            Some(4),
            SoftmaxSettings::Adaptive {
                cutoffs: vec![3, 7],
            },
        ),
        (Some(4), SoftmaxSettings::Sampled { samples: 5 }),
    ]
}

fn tokens(count: usize) -> Vec<u32> {
    let mut generator = Seed::new(8).generator("tokens");
    (0..count)
        .map(|_| generator.below(VOCABULARY as u64) as u32)
        .collect()
}

fn scalar(tensor: Tensor<1>) -> f64 {
    f64::from(tensor.into_scalar::<f32>())
}

/// f32, some thousand roundings that partly cancel.
const TOLERANCE: f64 = 1e-4;

#[test]
fn whole_windows_and_single_tokens_give_the_same_numbers() {
    for (embedding, softmax) in kinds() {
        let model = model(embedding, softmax, &Device::flex());
        let tokens = tokens(2 * PIECE + 77);
        let nats = model.nats(&tokens).expect("read");
        // In windows, with the state carried.
        let mut state = model.network.zero_state(1);
        let mut windows = 0.0;
        for start in (0..tokens.len() - 1).step_by(50) {
            let end = (start + 50).min(tokens.len() - 1);
            let pair = (&tokens[start..end], &tokens[start + 1..=end]);
            let run = NetworkRun::default();
            let (mean, after) = model
                .loss(pair, [1, end - start], state, run)
                .expect("fits");
            windows += scalar(mean) * (end - start) as f64;
            state = after;
        }
        assert!(
            (nats - windows).abs() < TOLERANCE * nats,
            "{nats} {windows}"
        );
        // Token by token, as text is written.
        let mut stream = model.stream().expect("one direction");
        let mut single = 0.0;
        for pair in tokens[..300].windows(2) {
            let logits = stream.feed(&pair[..1]).expect("read");
            let sum: f64 = logits.iter().map(|&it| f64::from(it).exp()).sum();
            assert!((sum - 1.0).abs() < TOLERANCE, "{sum}");
            single -= f64::from(logits[pair[1] as usize]);
        }
        let nats = model.nats(&tokens[..300]).expect("read");
        assert!((nats - single).abs() < TOLERANCE * nats, "{nats} {single}");
    }
}

#[test]
fn padding_changes_nothing() {
    let model = model(Some(4), SoftmaxSettings::Full, &Device::flex());
    let loss = |rows: &[&[u32]], time: usize| {
        let padded = |shift: usize| -> Vec<u32> {
            let row = |row: &&[u32]| {
                let mut row = row[shift..row.len() - 1 + shift].to_vec();
                row.resize(time, 0);
                row
            };
            rows.iter().flat_map(row).collect()
        };
        let lengths: Vec<usize> = rows.iter().map(|row| row.len() - 1).collect();
        let run = NetworkRun {
            lengths: Some(lengths.clone()),
            ..NetworkRun::default()
        };
        let state = model.network.zero_state(rows.len());
        let pair = (&padded(0)[..], &padded(1)[..]);
        let (mean, _) = model
            .loss(pair, [rows.len(), time], state, run)
            .expect("fits");
        scalar(mean) * lengths.iter().sum::<usize>() as f64
    };
    let (one, two) = (tokens(9), tokens(5));
    let together = loss(&[&one, &two], 12);
    let apart = loss(&[&one], 8) + loss(&[&two], 4);
    assert!((together - apart).abs() < TOLERANCE, "{together} {apart}");
    let nats = model.nats(&one).expect("read") + model.nats(&two).expect("read");
    assert!((together - nats).abs() < TOLERANCE, "{together} {nats}");
}

#[test]
fn every_parameter_learns() {
    for (embedding, softmax) in kinds() {
        let device = Device::flex().autodiff();
        let sampled = matches!(softmax, SoftmaxSettings::Sampled { .. });
        let model = model(embedding, softmax, &device);
        let tokens = tokens(61);
        let run = || NetworkRun::training(3);
        let pair = (&tokens[..60], &tokens[1..]);
        let state = model.network.zero_state(4);
        let (mean, _) = model.loss(pair, [4, 15], state, run()).expect("fits");
        let mut optimiser = crate::train::Optimiser::new(crate::recipe::AdamSettings::default());
        let before = crate::train::snapshot(&model);
        let model = optimiser
            .update(model, mean.backward(), 0.01, 0)
            .expect("finite");
        for (name, data) in crate::train::snapshot(&model) {
            assert_ne!(data, before[&name], "{name}");
        }
        // The candidates depend on the seed and the step alone.
        let loss = |step| {
            let state = model.network.zero_state(4);
            let run = NetworkRun::training(step);
            scalar(model.loss(pair, [4, 15], state, run).expect("fits").0)
        };
        assert_eq!(loss(7), loss(7));
        assert_eq!(loss(7) == loss(8), !sampled);
    }
}

#[test]
fn one_hot_is_an_embedding_of_the_identity() {
    let model = model(None, SoftmaxSettings::Full, &Device::flex());
    let inputs = model.inputs(&[3, 0], [1, 2]);
    let found: Vec<f32> = inputs.into_data().try_to_vec().expect("f32");
    let mut expected = vec![0.0; 2 * VOCABULARY];
    (expected[3], expected[VOCABULARY]) = (1.0, 1.0);
    assert_eq!(found, expected);
}

#[test]
fn what_does_not_fit_is_refused() {
    let language = model(Some(4), SoftmaxSettings::Full, &Device::flex());
    let error = language.nats(&[1, 11]).expect_err("beyond");
    insta::assert_snapshot!(error, @"tokens: there is 11, the vocabulary has 11; give tokens of the model's own vocabulary");
    assert!(language.stream().expect("one direction").feed(&[]).is_err());
    let config = LanguageModelConfig {
        model: settings(None, SoftmaxSettings::Full),
        vocabulary: 5000,
    };
    let error = config
        .init(Seed::new(1), &Device::flex())
        .expect_err("too wide");
    insta::assert_snapshot!(error, @"model.embedding: is missing, and one-hot inputs of 5000 tokens are too wide; set it to the size of an embedding; up to 4096 tokens may be one-hot");
    let config = LanguageModelConfig {
        model: settings(None, SoftmaxSettings::Adaptive { cutoffs: vec![20] }),
        vocabulary: VOCABULARY,
    };
    let error = config
        .init(Seed::new(1), &Device::flex())
        .expect_err("beyond");
    insta::assert_snapshot!(error, @"model.softmax.cutoffs: are [20], the vocabulary has 11 tokens; give rising numbers above 0 and below the size of the vocabulary");
    // A sample leaves at least one token out.
    let sampled = |samples| LanguageModelConfig {
        model: settings(None, SoftmaxSettings::Sampled { samples }),
        vocabulary: VOCABULARY,
    };
    let init = |samples| sampled(samples).init(Seed::new(1), &Device::flex());
    assert!(init(VOCABULARY - 1).is_ok());
    let error = init(VOCABULARY).expect_err("no sample");
    insta::assert_snapshot!(error, @"model.softmax.samples: is 11, the vocabulary has 11 tokens; give a number below the size of the vocabulary, or use the softmax `full`");
}
