use burn::tensor::Tolerance;

use super::*;
use crate::cell::{GruCellConfig, ResetGate};
use crate::recipe::{CellSettings, LayerSettings, Recipe};
use crate::unroll::{dynamic_rnn, stack_bidirectional_dynamic_rnn};
use crate::wrapper::{DropoutConfig, MultiRnnCell};

const LSTM: CellSettings = CellSettings::Lstm {
    forget_bias: 1.0,
    peepholes: false,
    cell_clip: None,
    num_proj: Some(3),
    proj_clip: None,
};
const GRU: CellSettings = CellSettings::Gru {
    reset_gate: ResetGate::BeforeProduct,
};

fn layer(cell: CellSettings, units: usize) -> LayerSettings {
    LayerSettings::new(cell, units)
}

fn network(readout: Readout) -> Network {
    network_on(readout, &Device::flex())
}

fn network_on(readout: Readout, device: &Device) -> Network {
    let settings = ModelSettings {
        layers: vec![layer(CellSettings::Basic, 5), layer(LSTM, 6), layer(GRU, 4)],
        readout,
        ..ModelSettings::one(layer(GRU, 4))
    };
    Network::init(&settings, 2, Seed::new(7), device).expect("layers fit")
}

fn inputs(batch: usize, time: usize, device: &Device) -> Tensor<3> {
    let mut generator = Seed::new(5).generator("inputs");
    let numbers: Vec<f32> = (0..batch * time * 2)
        .map(|_| generator.normal() as f32)
        .collect();
    Tensor::from_data(TensorData::new(numbers, [batch, time, 2]), device)
}

fn ragged() -> NetworkRun {
    NetworkRun {
        lengths: Some(vec![5, 0, 3]),
        ..NetworkRun::default()
    }
}

#[test]
fn a_network_is_a_multi_rnn_cell() {
    let network = network(Readout::Last);
    let stack = MultiRnnCell::new(network.layers().to_vec()).expect("layers fit");
    let inputs = inputs(3, 5, &Device::flex());
    let options = UnrollOptions::default().with_sequence_length(Lengths::new([5, 0, 3]));
    let expected = dynamic_rnn(&stack, inputs.clone(), options).expect("it fits");
    let outputs = network.outputs(inputs.clone(), ragged()).expect("it fits");
    assert_eq!(outputs.to_data(), expected.outputs.to_data());
    let hidden: Vec<Tensor<2>> = expected.state.into_parts();
    let [basic, _, lstm, gru] = <[_; 4]>::try_from(hidden).expect("h, c and h, h");
    let read = network.final_output(inputs.clone(), ragged());
    assert_eq!(read.expect("it fits").to_data(), gru.to_data());

    let all = self::network(Readout::All);
    assert_eq!(all.readout_size(), 5 + 3 + 4);
    let read = all.final_output(inputs, ragged()).expect("it fits");
    let expected = Tensor::cat(vec![basic, lstm, gru], 1);
    assert_eq!(read.to_data(), expected.to_data());
}

/// Over a row's own steps, whatever the padding holds.
#[test]
fn the_mean_is_of_real_outputs() {
    let device = Device::flex().autodiff();
    let network = network_on(Readout::Mean, &device);
    assert_eq!(network.readout_size(), 4);
    let inputs = inputs(3, 5, &device);
    let outputs = network.outputs(inputs.clone(), ragged()).expect("it fits");
    let read = network
        .final_output(inputs.clone(), ragged())
        .expect("it fits");
    for (row, length) in [(0, 5), (2, 3)] {
        let real = outputs.clone().slice([row..row + 1, 0..length]);
        let mean: Tensor<2> = real.mean_dim(1).squeeze_dim(1);
        let found = read.clone().narrow(0, row, 1).into_data();
        found.assert_approx_eq::<f32>(&mean.into_data(), Tolerance::absolute(1e-6));
    }
    let none = read.clone().narrow(0, 1, 1).into_data();
    assert_eq!(none, TensorData::zeros::<f32, _>([1, 4]));
    let traced = network.traced(inputs, ragged().lengths, &mut Vec::new());
    let traced = traced.expect("it fits").into_data();
    traced.assert_approx_eq::<f32>(&read.into_data(), Tolerance::absolute(1e-5));
}

#[test]
fn one_layer_has_the_weights_and_the_output_of_its_cell() {
    let settings = ModelSettings::one(layer(GRU, 4));
    let device = Device::flex();
    let network = Network::init(&settings, 2, Seed::new(7), &device).expect("it fits");
    let cell = GruCellConfig::new(2, 4).init(Seed::new(7).child("cell"), &device);
    let inputs = inputs(3, 5, &device);
    let run = dynamic_rnn(&cell, inputs.clone(), UnrollOptions::default()).expect("it fits");
    let read = network.final_output(inputs, NetworkRun::default());
    assert_eq!(read.expect("it fits").to_data(), run.state.hidden.to_data());
}

#[test]
fn layers_of_one_kind_begin_with_different_weights() {
    let settings = ModelSettings {
        layers: vec![layer(CellSettings::Basic, 2); 3],
        readout: Readout::Last,
        ..ModelSettings::one(layer(GRU, 4))
    };
    let network = Network::init(&settings, 2, Seed::new(7), &Device::flex()).expect("it fits");
    let kernels: Vec<TensorData> = network
        .layers()
        .iter()
        .map(|layer| match layer {
            AnyCell::Basic(cell) => cell.kernel.val().into_data(),
            other => panic!("{}", other.name()),
        })
        .collect();
    assert_ne!(kernels[0], kernels[1]);
    assert_ne!(kernels[1], kernels[2]);
    assert_ne!(kernels[0], kernels[2]);
}

/// What a cell's state does not hold is taken from its outputs, at each row's last step.
#[test]
fn what_is_read_is_the_last_real_output() {
    let device = Device::flex();
    let sru: AnyCell = crate::cell::SruCellConfig::new(2, 4)
        .init(Seed::new(3), &device)
        .into();
    let network = Network::new(vec![sru], Readout::Last).expect("one layer");
    let inputs = inputs(3, 5, &device);
    let outputs = network.outputs(inputs.clone(), ragged()).expect("it fits");
    let read = network.final_output(inputs, ragged()).expect("it fits");
    let step = |row: usize, time: usize| {
        let row = outputs.clone().slice([row..row + 1, time..time + 1]);
        row.squeeze_dim::<2>(1).into_data()
    };
    let row = |row: usize| read.clone().narrow(0, row, 1).into_data();
    assert_eq!(row(0), step(0, 4));
    assert_eq!(row(1), TensorData::zeros::<f32, _>([1, 4]));
    assert_eq!(row(2), step(2, 2));
    assert_ne!(row(2), step(2, 4));
}

/// The step of training decides what is dropped, and without one nothing is.
#[test]
fn dropout_draws_anew_in_every_training_step_and_never_in_inference() {
    let device = Device::flex().autodiff();
    let cell = GruCellConfig::new(2, 8).init(Seed::new(3), &device);
    let plain = Network::new(vec![cell.clone().into()], Readout::Last).expect("one layer");
    let dropped = DropoutConfig::new()
        .with_input_keep_prob(0.5)
        .with_output_keep_prob(0.5)
        .init(AnyCell::from(cell), Seed::new(4))
        .expect("probabilities");
    let dropped = Network::new(vec![dropped.into()], Readout::Last).expect("one layer");
    let inputs = inputs(3, 5, &device);
    let read = |network: &Network, run: NetworkRun| {
        let read = network.final_output(inputs.clone(), run);
        read.expect("it fits").into_data()
    };
    let whole = read(&plain, NetworkRun::default());
    assert_eq!(read(&dropped, NetworkRun::default()), whole);
    let first = read(&dropped, NetworkRun::training(0));
    assert_ne!(first, whole);
    assert_ne!(read(&dropped, NetworkRun::training(1)), first);
    assert_eq!(read(&dropped, NetworkRun::training(0)), first);
    let zeros = first.iter::<f32>().filter(|&number| number == 0.0).count();
    assert!((4..=20).contains(&zeros), "{zeros} of 24 outputs dropped");
}

#[test]
fn layers_that_do_not_fit_are_refused() {
    let cell = |inputs, units| {
        let config = GruCellConfig::new(inputs, units);
        AnyCell::from(config.init(Seed::new(3), &Device::flex()))
    };
    let message = |layers| {
        let error = Network::new(layers, Readout::Last).expect_err("no network");
        error.to_string()
    };
    assert_eq!(
        message(vec![]),
        "layers: is an empty list; give at least one layer"
    );
    assert_eq!(
        message(vec![cell(2, 3), cell(4, 3)]),
        "layers[1]: reads F = 4 features, but layers[0] shows 3; build it for 3 inputs"
    );
}

#[test]
fn both_directions_are_a_bidirectional_stack() {
    let settings = ModelSettings {
        layers: vec![layer(GRU, 4), layer(LSTM, 5)],
        readout: Readout::All,
        bidirectional: true,
        ..ModelSettings::one(layer(GRU, 4))
    };
    let network = Network::init(&settings, 2, Seed::new(7), &Device::flex()).expect("layers fit");
    assert_eq!((network.output_size(), network.readout_size()), (6, 8 + 6));
    let inputs = inputs(3, 5, &Device::flex());
    let options = UnrollOptions::default().with_sequence_length(Lengths::new([5, 0, 3]));
    let expected = stack_bidirectional_dynamic_rnn(
        network.layers(),
        network.backward_layers(),
        inputs.clone(),
        options,
        None,
    )
    .expect("it fits");
    let outputs = network.outputs(inputs.clone(), ragged()).expect("it fits");
    assert_eq!(outputs.to_data(), expected.outputs.to_data());
    let forward = expected.forward_state.into_parts();
    let backward = expected.backward_state.into_parts();
    // Of the GRU h, of the LSTM c and h.
    let [gru, _, lstm] = <[_; 3]>::try_from(forward).expect("three parts");
    let [gru_back, _, lstm_back] = <[_; 3]>::try_from(backward).expect("three parts");
    let expected = Tensor::cat(vec![gru, gru_back, lstm, lstm_back], 1);
    let read = network.final_output(inputs, ragged()).expect("it fits");
    assert_eq!(read.to_data(), expected.to_data());
}

/// The network of a sound recipe with `texts` set, over 3 features.
fn of_recipe(texts: &[&str]) -> Result<Network> {
    let overrides: Vec<_> = ["model.units=3"]
        .iter()
        .chain(texts)
        .map(|text| text.parse().expect("a setting"))
        .collect();
    let text = "title = \"a title\"\ntask = \"classifier\"\ndata.folder = \"somewhere\"\n\
                model.cell = \"basic\"\ntrain.epochs = 1\ntrain.batch = 1\n";
    let recipe = Recipe::from_toml("small", text, &overrides)?;
    Network::init(&recipe.model, 3, Seed::new(7), &Device::flex().autodiff())
}

#[test]
fn a_recipe_builds_every_cell_with_every_wrapper_around_it() {
    let cells = [
        ("basic", "BasicRnnCell"),
        ("lstm", "LstmCell"),
        ("gru", "GruCell"),
        ("layer_norm_lstm", "LayerNormLstmCell"),
        ("coupled_lstm", "CoupledLstmCell"),
        ("nas", "NasCell"),
        ("ugrnn", "UgrnnCell"),
        ("indrnn", "IndRnnCell"),
        ("sru", "SruCell"),
        ("min_gru", "MinGruCell"),
        ("min_lstm", "MinLstmCell"),
    ];
    let around = [
        "model.layers=2",
        "model.zoneout={}",
        "model.input_projection=5",
        "model.output_projection=3",
        "model.dropout={}",
        "model.skip=residual",
        "model.device=cpu",
    ];
    let inputs = Tensor::<3>::ones([2, 4, 3], &Device::flex().autodiff());
    for (word, name) in cells {
        let cell = format!("model.cell={word}");
        let mut settings = vec![cell.as_str()];
        settings.extend(around);
        let network = of_recipe(&settings).expect(word);
        let expected = format!(
            "DeviceWrapper(ResidualWrapper(DropoutWrapper(OutputProjectionWrapper(\
             InputProjectionWrapper(ZoneoutWrapper({name}))))))"
        );
        let names: Vec<String> = network.layers().iter().map(AnyCell::name).collect();
        assert_eq!(names, [expected.clone(), expected]);
        let run = NetworkRun::training(3);
        let read = network.final_output(inputs.clone(), run).expect(word);
        assert_eq!(read.dims(), [2, 3], "{word}");
    }
}

#[test]
fn initialisers_of_a_recipe_fill_the_kernels() {
    let network = of_recipe(&[
        "model.initializer={ kind = \"constant\", value = 0.25 }",
        "model.recurrent_initializer=identity",
    ]);
    let network = network.expect("it fits");
    let [AnyCell::Basic(cell)] = network.layers() else {
        panic!("one basic layer");
    };
    let kernel: Vec<f32> = cell.kernel.val().into_data().iter().collect();
    let expected = [[0.25; 9], [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]];
    assert_eq!(kernel, expected.concat());
}

#[test]
fn a_skip_connection_that_does_not_fit_the_data_names_its_layer() {
    let error = of_recipe(&["model.units=4", "model.skip=residual"]).expect_err("3 inputs");
    assert_eq!(
        error.to_string(),
        "layer 0: 1 problem\n  - a skip connection needs inputs and outputs of one size, but the \
         layer reads 3 features and shows 4; set `output_projection = 3`, change `units`, or set \
         `skip = \"none\"` for this layer"
    );
}
