//! Weights of other frameworks: there and back, and what is said when they do not fit. That the
//! numbers mean the same is shown by the golden tests.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};
use elman::activation::Activation;
use elman::cell::{
    BasicRnnCell, BasicRnnCellConfig, CoupledLstmCellConfig, GruCell, GruCellConfig,
    IndRnnCellConfig, LayerNormLstmCellConfig, LstmCell, LstmCellConfig, LstmNormalisation,
    NasCellConfig, ResetGate, SruCellConfig, UgrnnCellConfig,
};
use elman::exchange::{PytorchParameters, TensorflowVariables, Weights};
use elman::random::{Generator, Seed};

/// Makes every parameter another one, biases too.
struct Randomise(Generator);

impl ModuleMapper for Randomise {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let data = param.val().into_data();
        let values: Vec<f64> = data.iter::<f64>().map(|_| self.0.normal()).collect();
        let data = TensorData::new(values, data.shape().clone());
        Param::initialized(
            param.id,
            Tensor::from_data(data, (&Device::flex(), DType::F64)),
        )
    }
}

fn random<M: Module>(cell: M) -> M {
    cell.map(&mut Randomise(Seed::new(5).generator("exchange")))
}

fn basic() -> BasicRnnCell {
    random(BasicRnnCellConfig::new(3, 4).init(Seed::new(1), &Device::flex()))
}

fn lstm(config: LstmCellConfig) -> LstmCell {
    random(config.init(Seed::new(1), &Device::flex()))
}

fn gru(reset_gate: ResetGate) -> GruCell {
    let config = GruCellConfig::new(3, 4).with_reset_gate(reset_gate);
    random(config.init(Seed::new(1), &Device::flex()))
}

#[track_caller]
fn assert_same(found: &Weights, expected: &Weights) {
    assert!(expected.iter().count() > 0);
    assert!(found.iter().eq(expected.iter()));
}

/// Out under TF 1's names, in, and out again: nothing is lost.
fn through_tensorflow<C: TensorflowVariables>(cell: &C, settings: C::Settings) -> Vec<String> {
    let weights = cell.to_tensorflow("rnn/cell");
    let loaded = C::from_tensorflow(&weights, "rnn/cell", settings, &Device::flex()).unwrap();
    assert_same(&loaded.to_tensorflow("rnn/cell"), &weights);
    let names = weights.iter().map(|(name, _)| name.to_owned());
    names.collect()
}

#[test]
fn tensorflow_there_and_back() {
    let names = through_tensorflow(&basic(), Activation::Tanh);
    assert_eq!(names, ["rnn/cell/bias", "rnn/cell/kernel"]);
    let cell = lstm(LstmCellConfig::new(3, 4).with_peepholes().with_num_proj(2));
    let names = through_tensorflow(&cell, cell.settings);
    assert_eq!(
        names,
        [
            "rnn/cell/bias",
            "rnn/cell/kernel",
            "rnn/cell/projection/kernel",
            "rnn/cell/w_f_diag",
            "rnn/cell/w_i_diag",
            "rnn/cell/w_o_diag",
        ]
    );
    let names = through_tensorflow(&gru(ResetGate::BeforeProduct), Activation::Tanh);
    assert_eq!(names.len(), 4);
    let names = through_tensorflow(&gru(ResetGate::AfterProduct), Activation::Tanh);
    assert!(names.contains(&"rnn/cell/candidate/recurrent_bias".to_owned()));
}

#[test]
fn cells_of_contrib_there_and_back() {
    let (seed, device) = (Seed::new(1), Device::flex());
    for normalisation in [LstmNormalisation::PerGate, LstmNormalisation::PerProduct] {
        let config = LayerNormLstmCellConfig::new(3, 4).with_normalisation(normalisation);
        let cell = random(config.init(seed, &device));
        let names = through_tensorflow(&cell, cell.settings);
        let expected = match normalisation {
            LstmNormalisation::PerGate => 1 + 2 * 5,
            LstmNormalisation::PerProduct => 3 + 2 * 3,
        };
        assert_eq!(names.len(), expected, "{names:?}");
    }
    let nas = NasCellConfig::new(3, 4).with_bias().with_num_proj(2);
    let names = through_tensorflow(&random(nas.init(seed, &device)), ());
    assert_eq!(
        names,
        ["bias", "kernel", "projection_weights", "recurrent_kernel"]
            .map(|name| format!("rnn/cell/{name}"))
    );
    let coupled = CoupledLstmCellConfig::new(3, 4)
        .with_peepholes()
        .with_num_proj(2);
    let cell = random(coupled.init(seed, &device));
    let names = through_tensorflow(&cell, cell.settings);
    assert_eq!(
        names,
        ["B", "W", "W_F_diag", "W_O_diag", "W_P"].map(|name| format!("rnn/cell/{name}"))
    );
    let cell = random(coupled.with_layer_norm(1.0, 0.0).init(seed, &device));
    let names = through_tensorflow(&cell, cell.settings);
    assert_eq!(names.len(), 4 + 2 * 4, "{names:?}");
    let cell = random(UgrnnCellConfig::new(3, 4).init(seed, &device));
    through_tensorflow(&cell, cell.settings);
    let cell = random(IndRnnCellConfig::new(3, 4).init(seed, &device));
    through_tensorflow(&cell, cell.activation);
    let cell = random(SruCellConfig::new(3, 4).init(seed, &device));
    through_tensorflow(&cell, cell.activation);
}

/// Out under PyTorch's names, in, and out again: nothing is lost.
fn through_pytorch<C: PytorchParameters>(cell: &C, settings: C::Settings) -> Weights {
    let weights = cell.to_pytorch("l0_reverse").unwrap();
    let loaded = C::from_pytorch(&weights, "l0_reverse", settings, &Device::flex()).unwrap();
    assert_same(&loaded.to_pytorch("l0_reverse").unwrap(), &weights);
    weights
}

#[test]
fn pytorch_there_and_back() {
    let weights = through_pytorch(&basic(), Activation::Relu);
    assert_eq!(
        weights
            .get("weight_ih_l0_reverse")
            .unwrap()
            .shape()
            .to_vec(),
        [4, 3]
    );
    let plain = LstmCellConfig::new(3, 4).with_forget_bias(0.0);
    through_pytorch(&lstm(plain.clone()), ());
    let weights = through_pytorch(&lstm(plain.with_num_proj(2)), ());
    assert_eq!(
        weights
            .get("weight_hh_l0_reverse")
            .unwrap()
            .shape()
            .to_vec(),
        [16, 2]
    );
    assert_eq!(
        weights
            .get("weight_hr_l0_reverse")
            .unwrap()
            .shape()
            .to_vec(),
        [2, 4]
    );
    through_pytorch(&gru(ResetGate::AfterProduct), ());
}

/// PyTorch has no forget bias of its own: it becomes part of `bias_ih`, second of four gates.
#[test]
fn pytorch_takes_the_forget_bias_into_the_bias() {
    let bias = |forget_bias| {
        let cell = lstm(LstmCellConfig::new(3, 2).with_forget_bias(forget_bias));
        let weights = cell.to_pytorch("l0").unwrap();
        let bias = weights.get("bias_ih_l0").unwrap().clone();
        bias.iter::<f64>().collect::<Vec<_>>()
    };
    let differences: Vec<f64> = bias(1.0)
        .iter()
        .zip(bias(0.0))
        .map(|(a, b)| a - b)
        .collect();
    let expected = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
    for (found, expected) in differences.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-15, "{differences:?}");
    }
}

#[test]
fn pytorch_refuses_what_its_layers_cannot_do() {
    let message = |result: elman::Result<Weights>| {
        let error = result.unwrap_err();
        assert!(error.is_argument());
        error.to_string()
    };
    let config = || LstmCellConfig::new(3, 4);
    for (config, option) in [
        (config().with_peepholes(), "peepholes"),
        (config().with_cell_clip(1.0), "cell_clip"),
        (config().with_num_proj(2).with_proj_clip(1.0), "proj_clip"),
    ] {
        assert_eq!(
            message(lstm(config).to_pytorch("l0")),
            format!(
                "{option}: is set, which PyTorch's layer does not have; \
                 export with TensorflowVariables::to_tensorflow, or build the cell without it"
            )
        );
    }
    let elu = lstm(config().with_activation(Activation::Elu));
    assert!(message(elu.to_pytorch("l0")).starts_with("activation: is Elu, which PyTorch"));
    let before = gru(ResetGate::BeforeProduct).to_pytorch("l0");
    assert!(message(before).starts_with("reset_gate: acts before the product, which PyTorch"));
}

/// Everything that is wrong is said at once.
#[test]
fn all_problems_are_named() {
    let ones = |shape: &[usize]| TensorData::ones::<f32, _>(shape.to_vec());
    let weights = Weights::new()
        .with("rnn/lstm_cell/kernel", ones(&[7, 15]))
        .with("rnn/lstm_cell/bias", ones(&[16]))
        .with("rnn/lstm_cell/w_i_diag", ones(&[4, 1]))
        .with("rnn/lstm_cell/w_o_diag", TensorData::ones::<i32, _>([4]));
    let settings = lstm(LstmCellConfig::new(1, 1)).settings;
    let device = Device::flex();
    let result = LstmCell::from_tensorflow(&weights, "rnn/lstm_cell", settings, &device);
    let error = result.unwrap_err();
    assert!(error.is_weights());
    insta::assert_snapshot!(error.to_string(), @r"
    TensorFlow variables of LSTMCell rnn/lstm_cell: 4 problems
      - rnn/lstm_cell/kernel has shape [7, 15]; it must be [F+P, 4H] = [more than 4, 16]
      - rnn/lstm_cell/w_i_diag has shape [4, 1]; it must be [H] = [4]
      - rnn/lstm_cell/w_f_diag is missing; its shape must be [H]
      - rnn/lstm_cell/w_o_diag has number type I32; it must be f32 or f64
    ");

    let weights = Weights::new()
        .with("weight_ih_l0", ones(&[12, 3]))
        .with("weight_hh_l0", ones(&[12, 5]))
        .with("bias_ih_l0", TensorData::ones::<f64, _>([15]));
    let error = GruCell::from_pytorch(&weights, "l0", (), &device).unwrap_err();
    insta::assert_snapshot!(error.to_string(), @r"
    PyTorch parameters of l0: 4 problems
      - weight_ih_l0 has shape [12, 3]; it must be [3H, F] = [15, any]
      - weight_hh_l0 has shape [12, 5]; it must be [3H, H] = [15, 5]
      - bias_ih_l0 has number type F64, another tensor F32; all must have one
      - bias_hh_l0 is missing; its shape must be [3H]
    ");

    let error = BasicRnnCell::from_tensorflow(&Weights::new(), "rnn", Activation::Tanh, &device);
    insta::assert_snapshot!(error.unwrap_err().to_string(), @r"
    TensorFlow variables of BasicRNNCell rnn: 2 problems
      - rnn/kernel is missing; its shape must be [F+H, H]
      - rnn/bias is missing; its shape must be [H]
    ");
}
