//! What each wrapper computes, when it draws at random, and what it refuses.

use std::sync::{Arc, Mutex};

use burn::module::{Module, ModuleDisplay, ModuleVisitor, Param};
use burn::tensor::activation::sigmoid;
use burn::tensor::{DType, Device, Gradients, Tensor, TensorData};
use elman::Result;
use elman::activation::Activation;
use elman::cell::{
    BasicRnnCellConfig, Cell, GruCell, GruCellConfig, HiddenState, LayerNormLstmCellConfig,
    Lengths, LstmCell, LstmCellConfig, LstmState, Path, ResetGate, Sequence, State, StatePart,
    Step, Unrolled,
};
use elman::initializer::Initializer;
use elman::random::Seed;
use elman::unroll::{
    Stream, UnrollOptions, bidirectional_dynamic_rnn, dynamic_rnn, stack_bidirectional_dynamic_rnn,
    static_rnn,
};
use elman::wrapper::{
    AnyCell, AnyState, Clock, Clocked, DeviceWrapper, DropoutConfig, DropoutWrapper,
    EmbeddingConfig, HighwayConfig, Masks, MultiRnnCell, MultiState, Noise, ProjectionConfig,
    ResidualWrapper, StateFilter, ZoneoutConfig,
};

fn seed() -> Seed {
    Seed::new(42)
}

fn cpu() -> Device {
    Device::flex()
}

/// Shows its input, carries `state + x`, and notes how many steps each call had.
#[derive(Module, Debug)]
struct Echo {
    nothing: Param<Tensor<1>>,
    #[module(skip)]
    calls: Arc<Mutex<Vec<usize>>>,
}

impl Echo {
    fn new(features: usize, device: &Device) -> Self {
        let nothing = Initializer::Constant(0.0).init([features], seed(), DType::F32, device);
        Self {
            nothing,
            calls: Arc::default(),
        }
    }

    fn calls(&self) -> Vec<usize> {
        std::mem::take(&mut self.calls.lock().expect("no test has failed"))
    }
}

impl Cell for Echo {
    type State = HiddenState;

    fn input_size(&self) -> usize {
        self.nothing.dims()[0]
    }

    fn output_size(&self) -> usize {
        self.input_size()
    }

    fn zero_state(&self, batch: usize) -> HiddenState {
        let options = (&self.nothing.device(), DType::F32);
        HiddenState {
            hidden: Tensor::zeros([batch, self.input_size()], options),
        }
    }

    fn step(&self, input: Tensor<2>, state: HiddenState) -> Result<Step<HiddenState>> {
        self.calls.lock().expect("no test has failed").push(1);
        Ok(Step {
            state: HiddenState {
                hidden: state.hidden + input.clone(),
            },
            output: input,
        })
    }

    fn sequence(&self, sequence: Sequence, state: HiddenState) -> Result<Unrolled<HiddenState>> {
        let time = sequence.time();
        self.calls.lock().expect("no test has failed").push(time);
        let sum = sequence.inputs().clone().sum_dim(1).squeeze_dim(1);
        Ok(Unrolled {
            outputs: sequence.inputs().clone(),
            state: HiddenState {
                hidden: state.hidden + sum,
            },
        })
    }
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}

fn ones(shape: [usize; 3]) -> Tensor<3> {
    Tensor::ones(shape, &cpu())
}

fn random(shape: [usize; 3]) -> Tensor<3> {
    let mut generator = seed().generator("inputs");
    let count = shape.iter().product();
    let values: Vec<f64> = (0..count).map(|_| generator.normal()).collect();
    Tensor::from_data(TensorData::new(values, shape), (&cpu(), DType::F32))
}

fn lstm(inputs: usize, units: usize) -> LstmCell {
    LstmCellConfig::new(inputs, units).init(seed(), &cpu())
}

fn gru(inputs: usize, units: usize) -> GruCell {
    GruCellConfig::new(inputs, units).init(seed(), &cpu())
}

fn refusal<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(error) => {
            assert!(error.is_argument() || error.is_shape());
            error.to_string()
        }
    }
}

fn dropped(config: DropoutConfig) -> DropoutWrapper<Echo> {
    let echo = Echo::new(64, &cpu());
    config.init(echo, seed()).expect("probabilities")
}

fn input_dropout() -> DropoutConfig {
    DropoutConfig::new().with_input_keep_prob(0.75)
}

fn run<C: Cell>(cell: &C, inputs: Tensor<3>) -> Unrolled<C::State> {
    dynamic_rnn(cell, inputs, UnrollOptions::default()).expect("it fits")
}

#[test]
fn dropout_keeps_its_share_and_scales_it() {
    let cell = dropped(input_dropout().with_noise(Noise::Always));
    let found = numbers(run(&cell, ones([8, 50, 64])).outputs);
    let kept = found.iter().filter(|&&it| it != 0.0).count();
    assert!(found.iter().all(|&it| it == 0.0 || it == 1.0 / 0.75));
    // 25,600 draws: five standard deviations of the share are .0135.
    let share = kept as f64 / found.len() as f64;
    assert!((share - 0.75).abs() < 0.0135, "{share}");
}

#[test]
fn dropout_is_off_in_inference_by_itself() {
    let cell = dropped(input_dropout());
    let inputs = ones([2, 3, 64]);
    let plain = numbers(inputs.clone());
    assert_eq!(numbers(run(&cell, inputs.clone()).outputs), plain);
    let tracked = Device::flex().autodiff();
    let found = run(&cell, inputs.clone().to_device(&tracked).autodiff());
    assert_ne!(numbers(found.outputs), plain);
    // Tracked parameters are enough, whatever the inputs are.
    let training = input_dropout().init(Echo::new(64, &tracked), seed());
    let training = training.expect("probabilities");
    assert_ne!(numbers(run(&training, inputs.clone()).outputs), plain);
    assert_eq!(
        numbers(run(&training.valid(), inputs.clone()).outputs),
        plain
    );
    let never = training.clone().with_noise(Noise::Never);
    assert_eq!(numbers(run(&never, inputs.clone()).outputs), plain);
    let mut stream = Stream::new(&cell, 2);
    assert_eq!(numbers(stream.feed(inputs).expect("it fits")), plain);
}

#[test]
fn masks_are_per_step_per_row_or_one_for_all() {
    let rows = |masks| {
        let cell = dropped(input_dropout().with_noise(Noise::Always).with_masks(masks));
        let outputs = run(&cell, ones([3, 4, 64])).outputs;
        let rows = outputs.reshape([12, 64]).into_data();
        let rows: Vec<f32> = rows.iter().collect();
        rows.chunks(64).map(<[f32]>::to_vec).collect::<Vec<_>>()
    };
    let distinct = |mut rows: Vec<Vec<f32>>| {
        rows.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
        rows.dedup();
        rows.len()
    };
    assert_eq!(distinct(rows(Masks::PerStep)), 12);
    let per_row = rows(Masks::PerRow);
    assert_eq!(distinct(per_row.clone()), 3);
    assert!(
        per_row
            .chunks(4)
            .all(|row| row.iter().all(|it| *it == row[0]))
    );
    assert_eq!(distinct(rows(Masks::Shared)), 1);
}

#[test]
fn another_training_step_draws_another_mask() {
    for masks in [Masks::PerStep, Masks::PerRow, Masks::Shared] {
        let config = input_dropout().with_noise(Noise::Always).with_masks(masks);
        let cell = dropped(config.clone());
        let of = |cell: &DropoutWrapper<Echo>, step| {
            let options = UnrollOptions::default().with_training_step(step);
            let run = dynamic_rnn(cell, ones([2, 3, 64]), options).expect("it fits");
            assert_eq!(run.state.clock.training_step, step);
            numbers(run.outputs)
        };
        assert_eq!(of(&cell, 7), of(&cell, 7));
        assert_ne!(of(&cell, 7), of(&cell, 8));
        let other = config.init(Echo::new(64, &cpu()), seed().child("other"));
        assert_ne!(of(&cell, 7), of(&other.expect("probabilities"), 7));
        // A stack, both directions and single steps pass it on.
        fn options<S: State>() -> UnrollOptions<S> {
            UnrollOptions::default().with_training_step(7)
        }
        let expected = of(&cell, 7);
        let stack = MultiRnnCell::new(vec![cell.clone()]).expect("one layer");
        let run = dynamic_rnn(&stack, ones([2, 3, 64]), options()).expect("it fits");
        assert_eq!(numbers(run.outputs), expected);
        let both = bidirectional_dynamic_rnn(&cell, &cell, ones([2, 3, 64]), options(), None);
        let both = both.expect("it fits");
        assert_eq!(numbers(both.forward.outputs), expected);
        assert_eq!(both.backward.state.clock.training_step, 7);
        let steps = vec![Tensor::ones([2, 64], &cpu()); 3];
        let run = static_rnn(&cell, steps, options()).expect("it fits");
        assert_eq!(numbers(Tensor::stack::<3>(run.outputs, 1)), expected);
    }
}

/// The clock goes as far as the longest row, by every driver.
#[test]
fn the_clock_counts_the_steps_of_the_longest_row() {
    let cell = dropped(input_dropout().with_noise(Noise::Always));
    let options = || UnrollOptions::default().with_sequence_length(Lengths::new([2, 0, 3]));
    let dynamic = dynamic_rnn(&cell, ones([3, 5, 64]), options()).expect("it fits");
    let steps = vec![Tensor::ones([3, 64], &cpu()); 5];
    let stepwise = static_rnn(&cell, steps, options()).expect("it fits");
    let expected = Clock {
        training_step: 0,
        time: 3,
        is_silent: false,
    };
    assert_eq!(dynamic.state.clock, expected);
    assert_eq!(stepwise.state.clock, expected);
}

/// The numbers of a mask are part of what a seed promises.
#[test]
fn a_seed_gives_these_masks() {
    let cell = dropped(input_dropout().with_noise(Noise::Always));
    let found = numbers(run(&cell, ones([1, 2, 64])).outputs);
    let dropped = |step: usize| {
        let step = &found[step * 64..(step + 1) * 64];
        let dropped = step.iter().enumerate().filter(|(_, it)| **it == 0.0);
        dropped.map(|(index, _)| index).collect::<Vec<_>>()
    };
    let expected = [
        2, 5, 9, 10, 14, 19, 25, 28, 29, 32, 34, 36, 38, 39, 44, 54, 60, 61, 62, 63,
    ];
    assert_eq!(dropped(0), expected);
    assert_eq!(dropped(1), [7, 14, 19, 21, 25, 35, 50, 52, 54, 55, 61]);
}

#[test]
fn dropout_of_the_state_leaves_c_alone() {
    let keep = DropoutConfig::new()
        .with_state_keep_prob(0.5)
        .with_noise(Noise::Always);
    let zeros = |filter| {
        let cell = lstm(3, 200);
        let cell = keep.clone().with_state_filter(filter).init(cell, seed());
        let cell = cell.expect("it fits");
        let step = cell.step(Tensor::ones([1, 3], &cpu()), cell.zero_state(1));
        let LstmState { cell, hidden } = step.expect("it fits").state.state;
        [cell, hidden].map(|part| numbers(part).contains(&0.0))
    };
    assert_eq!(zeros(StateFilter::HiddenOnly), [false, true]);
    assert_eq!(zeros(StateFilter::Everything), [true, true]);
    assert_eq!(zeros(StateFilter::Parts(vec![true, false])), [true, false]);
    let stack = MultiRnnCell::new(vec![lstm(3, 2), lstm(2, 2)]).expect("the layers fit");
    let (cell, hidden) = (StatePart::Cell, StatePart::Hidden);
    assert_eq!(stack.zero_state(1).kinds(), [cell, hidden, cell, hidden]);
    let wrong = keep.with_state_filter(StateFilter::Parts(vec![true]));
    assert_eq!(
        refusal(wrong.init(stack, seed())),
        "StateFilter::Parts: names 1 parts, but the state has 4; \
         say true or false for each part of the state"
    );
}

/// Outputs, final state and the gradients of all parameters and the inputs, by one path.
fn numbers_and_gradients<C: Cell + Module>(cell: &C, path: Path) -> Vec<Vec<f64>> {
    let device = cpu().autodiff();
    let sizes = [3, 5, 2];
    let mut generator = seed().generator("inputs of dropout");
    let values: Vec<f64> = (0..30).map(|_| generator.normal()).collect();
    let data = TensorData::new(values, sizes);
    let inputs = Tensor::<3>::from_data(data, (&device, DType::F64)).require_grad();
    let options = UnrollOptions::default()
        .with_sequence_length(Lengths::new([5, 0, 3]))
        .with_training_step(3)
        .with_path(path);
    let run = dynamic_rnn(cell, inputs.clone(), options).expect("it fits");
    let parts = run.state.into_parts();
    let mut found = vec![run.outputs.to_data().try_to_vec().expect("f64")];
    let mut loss = (run.outputs.clone() * run.outputs).sum();
    for part in parts {
        found.push(part.to_data().try_to_vec().expect("f64"));
        loss = loss + (part.clone() * part).sum();
    }
    let gradients = loss.backward();
    let inputs = inputs.grad(&gradients).expect("they are tracked");
    found.push(inputs.to_data().try_to_vec().expect("f64"));
    struct Collect<'a>(&'a Gradients, Vec<Vec<f64>>);
    impl ModuleVisitor for Collect<'_> {
        fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
            let gradient = parameter.val().grad(self.0).expect("all take part");
            self.1.push(gradient.to_data().try_to_vec().expect("f64"));
        }
    }
    let mut collect = Collect(&gradients, found);
    cell.visit(&mut collect);
    collect.1
}

#[test]
fn dropout_of_the_state_inside_a_kernel_is_that_between_steps() {
    fn check<C: Cell + Module + ModuleDisplay>(cell: C) {
        for masks in [Masks::PerStep, Masks::PerRow, Masks::Shared] {
            let dropout = DropoutConfig::new().with_state_keep_prob(0.6);
            let dropout = dropout.with_input_keep_prob(0.7).with_masks(masks);
            let cell = dropout.init(cell.clone(), seed()).expect("it fits");
            let plain = numbers_and_gradients(&cell, Path::Composed);
            let fused = numbers_and_gradients(&cell, Path::Auto);
            assert_eq!(plain.len(), fused.len());
            for (plain, fused) in plain.iter().zip(&fused) {
                assert_eq!(plain.len(), fused.len());
                for (plain, fused) in plain.iter().zip(fused) {
                    // Sums of a few terms of order 1.
                    assert!(
                        (plain - fused).abs() < 1e-12,
                        "{masks:?}: {fused}, not {plain}"
                    );
                }
            }
            // It drops.
            let free = DropoutConfig::new()
                .with_input_keep_prob(0.7)
                .with_masks(masks);
            let free = free.init(cell.cell().clone(), seed()).expect("it fits");
            assert_ne!(numbers_and_gradients(&free, Path::Auto)[0], fused[0]);
        }
    }
    let (device, f64) = (cpu().autodiff(), DType::F64);
    check(
        BasicRnnCellConfig::new(2, 9)
            .with_dtype(f64)
            .init(seed(), &device),
    );
    let lstm = LstmCellConfig::new(2, 9).with_dtype(f64);
    check(lstm.clone().init(seed(), &device));
    let everything = lstm.with_peepholes().with_num_proj(4).with_proj_clip(0.2);
    check(everything.init(seed(), &device));
    check(
        LayerNormLstmCellConfig::new(2, 9)
            .with_dtype(f64)
            .init(seed(), &device),
    );
    for gate in [ResetGate::BeforeProduct, ResetGate::AfterProduct] {
        let gru = GruCellConfig::new(2, 9)
            .with_dtype(f64)
            .with_reset_gate(gate);
        check(gru.init(seed(), &device));
    }
}

#[test]
fn probabilities_are_checked() {
    for wrong in [0.0, -0.5, 1.5, f64::NAN] {
        let config = DropoutConfig::new().with_output_keep_prob(wrong);
        assert_eq!(
            refusal(config.init(gru(2, 2), seed())),
            format!(
                "output_keep_prob: is {wrong}; \
                 give the probability of keeping a number: above 0 and at most 1"
            )
        );
    }
    assert_eq!(
        refusal(ZoneoutConfig::new(0.5, 1.5).init(gru(2, 2), seed())),
        "zoneout of cell: is 1.5; give the probability of staying the same: between 0 and 1"
    );
}

/// A whole sequence is one call of the cell inside, except where states are touched between steps.
#[test]
fn wrappers_keep_the_sequence_whole() {
    let device = cpu();
    let echo = Echo::new(4, &device);
    let inputs = || random([2, 6, 4]);
    let always = |config: DropoutConfig| config.with_noise(Noise::Always);
    run(
        &ResidualWrapper::new(echo.clone()).expect("one size"),
        inputs(),
    );
    let highway = HighwayConfig::new().init(echo.clone(), seed(), &device);
    run(&highway.expect("one size"), inputs());
    let projection = ProjectionConfig::new(4);
    run(
        &projection.init_input(echo.clone(), seed(), &device),
        inputs(),
    );
    run(
        &projection.init_output(echo.clone(), seed(), &device),
        inputs(),
    );
    run(&DeviceWrapper::new(echo.clone(), &device), inputs());
    let both = always(input_dropout().with_output_keep_prob(0.5));
    run(
        &both.init(echo.clone(), seed()).expect("probabilities"),
        inputs(),
    );
    let stack = MultiRnnCell::new(vec![echo.clone(), echo.clone()]).expect("they fit");
    run(&stack, inputs());
    let words = EmbeddingConfig::new(3).init(echo.clone(), seed(), &device);
    run(&words, ones([2, 6, 1]));
    assert_eq!(echo.calls(), [6; 9]);
    let state = always(DropoutConfig::new().with_state_keep_prob(0.5));
    let state = state.init(echo.clone(), seed()).expect("probabilities");
    run(&state, inputs());
    assert_eq!(echo.calls(), [1; 6]);
    run(&state.with_noise(Noise::Never), inputs());
    assert_eq!(echo.calls(), [6]);
    let zoneout = ZoneoutConfig::new(0.5, 0.5).init(echo.clone(), seed());
    run(&zoneout.expect("probabilities"), inputs());
    assert_eq!(echo.calls(), [1; 6]);
}

#[test]
fn zoneout_keeps_old_numbers_or_their_mean() {
    let cell = lstm(3, 100);
    let old = cell.zero_state(2).map(|part| part + 0.25);
    let input = || Tensor::<2>::ones([2, 3], &cpu());
    let plain = cell.step(input(), old.clone()).expect("it fits");
    let state = |hidden, memory, noise| {
        let zoneout = ZoneoutConfig::new(hidden, memory).with_noise(noise);
        let zoneout = zoneout.init(cell.clone(), seed()).expect("probabilities");
        let start = Clocked {
            state: old.clone(),
            clock: Clock::default(),
        };
        let step = zoneout.step(input(), start).expect("it fits");
        assert_eq!(numbers(step.output), numbers(plain.output.clone()));
        step.state.state
    };
    let new = [plain.state.cell.clone(), plain.state.hidden.clone()].map(numbers);
    let LstmState { cell: c, hidden: h } = state(0.0, 1.0, Noise::Always);
    assert!(numbers(c).iter().all(|&it| it == 0.25));
    assert_eq!(numbers(h), new[1]);
    let LstmState { cell: c, hidden: h } = state(0.3, 0.5, Noise::Always);
    for (found, new, share) in [(c, &new[0], 0.5), (h, &new[1], 0.3)] {
        let found = numbers(found);
        let kept = found.iter().filter(|&&it| it == 0.25).count();
        // 200 draws: five standard deviations are at most 36.
        assert!((kept as f64 - 200.0 * share).abs() < 36.0, "{kept}");
        let is_new = |(found, new): (&f32, &f32)| *found == 0.25 || (found - new).abs() < 1e-6;
        assert!(found.iter().zip(new).all(is_new));
    }
    let LstmState { cell: c, .. } = state(0.3, 0.4, Noise::Never);
    for (found, new) in numbers(c).iter().zip(&new[0]) {
        assert!((found - (0.4 * 0.25 + 0.6 * new)).abs() < 1e-6);
    }
}

#[track_caller]
fn assert_near(found: Tensor<3>, expected: Tensor<3>) {
    assert_eq!(found.dims(), expected.dims());
    let difference = (found - expected).abs().max().into_scalar::<f32>();
    assert!(difference < 1e-6, "{difference:e}");
}

#[test]
fn residual_and_highway_are_their_equations() {
    let cell = gru(4, 4);
    let x = random([2, 3, 4]);
    let y = run(&cell, x.clone()).outputs;
    let residual = ResidualWrapper::new(cell.clone()).expect("one size");
    assert_near(run(&residual, x.clone()).outputs, x.clone() + y.clone());
    for config in [
        HighwayConfig::new().with_carry_bias(0.5),
        HighwayConfig::new().with_own_transform_gate(),
    ] {
        let highway = config.init(cell.clone(), seed(), &cpu()).expect("one size");
        let open = |gate: &elman::wrapper::HighwayGate| {
            let kernel = gate.kernel.val().unsqueeze::<3>();
            sigmoid(x.clone().matmul(kernel.expand([2, 4, 4])) + gate.bias.val().unsqueeze())
        };
        let carry = open(&highway.carry);
        let transform = match &highway.transform {
            Some(gate) => open(gate),
            None => 1.0 - carry.clone(),
        };
        let expected = x.clone() * carry + y.clone() * transform;
        assert_near(run(&highway, x.clone()).outputs, expected);
    }
    let own = HighwayConfig::new().with_own_transform_gate();
    let own = own.init(cell, seed(), &cpu()).expect("one size");
    assert_eq!(numbers(own.carry.bias.val()), [1.0; 4]);
    let transform = own.transform.expect("asked for");
    assert_eq!(numbers(transform.bias.val()), [-1.0; 4]);
    assert_ne!(
        numbers(own.carry.kernel.val()),
        numbers(transform.kernel.val())
    );
    let message = "needs inputs and outputs of one size, but the cell has F = 4 and H = 5; \
                   build the cell with as many units as inputs, or project its inputs or outputs";
    assert_eq!(
        refusal(ResidualWrapper::new(gru(4, 5))),
        format!("a residual connection: {message}")
    );
    assert_eq!(
        refusal(HighwayConfig::new().init(gru(4, 5), seed(), &cpu())),
        format!("a highway connection: {message}")
    );
}

#[test]
fn projections_are_their_equations() {
    let cell = gru(4, 5);
    let x = random([2, 3, 6]);
    let config = ProjectionConfig::new(6).with_activation(Activation::Relu);
    let input = config.init_input(cell.clone(), seed(), &cpu());
    let kernel = input.projection.kernel.val();
    assert_eq!(kernel.dims(), [6, 4]);
    let projected = x.clone().matmul(kernel.unsqueeze::<3>().expand([2, 6, 4]));
    let expected = run(&cell, projected.clamp_min(0.0)).outputs;
    assert_near(run(&input, x).outputs, expected);
    let mut output = ProjectionConfig::new(2).init_output(cell.clone(), seed(), &cpu());
    let bias = Tensor::from_data([1.5, -2.0], &cpu());
    output.projection.bias = Param::from_tensor(bias.clone());
    assert_eq!(output.output_size(), 2);
    let x = random([2, 3, 4]);
    let kernel = output.projection.kernel.val().unsqueeze::<3>();
    let outputs = run(&cell, x.clone()).outputs;
    let expected = outputs.matmul(kernel.expand([2, 5, 2])) + bias.unsqueeze();
    assert_near(run(&output, x.clone()).outputs, expected);
    // Past a row's length there is no bias either.
    let options = UnrollOptions::default().with_sequence_length(Lengths::new([3, 1]));
    let outputs = dynamic_rnn(&output, x, options).expect("it fits").outputs;
    let past = outputs.narrow(0, 1, 1).narrow(1, 1, 2);
    assert_eq!(numbers(past), [0.0; 4]);
}

#[test]
fn an_embedding_reads_words_and_nothing_else() {
    let cell = gru(4, 5);
    let words = EmbeddingConfig::new(3).init(cell.clone(), seed(), &cpu());
    let embedding = words.embedding.val();
    assert_eq!(embedding.dims(), [3, 4]);
    let limit = 3.0_f32.sqrt();
    assert!(
        numbers(embedding.clone())
            .iter()
            .all(|it| it.abs() <= limit)
    );
    let ids = |ids: [f32; 4]| Tensor::<1>::from_data(ids, &cpu()).reshape([2, 2, 1]);
    let rows = [2, 0, 1, 2].map(|row| embedding.clone().narrow(0, row, 1));
    let looked_up = Tensor::cat(rows.to_vec(), 0).reshape([2, 2, 4]);
    let found = run(&words, ids([2.0, 0.0, 1.0, 2.0])).outputs;
    assert_near(found, run(&cell, looked_up).outputs);
    for wrong in [3.0, -1.0, 0.5, f32::NAN] {
        let inputs = ids([0.0, 1.0, wrong, 2.0]);
        let run = dynamic_rnn(&words, inputs, UnrollOptions::default());
        assert_eq!(
            refusal(run),
            format!(
                "inputs: has the word {wrong} in row 1, step 0; give whole numbers from 0 to 2"
            )
        );
    }
}

#[test]
fn a_stack_checks_its_layers_and_its_state() {
    assert_eq!(
        refusal(MultiRnnCell::<GruCell>::new(Vec::new())),
        "layers: is an empty list; give at least one cell"
    );
    assert_eq!(
        refusal(MultiRnnCell::new(vec![gru(3, 4), gru(4, 5), gru(4, 5)])),
        "layers[2]: reads F = 4 features, but layers[1] shows H = 5; build it for 5 inputs"
    );
    let stack = MultiRnnCell::new(vec![gru(3, 4), gru(4, 5)]).expect("the layers fit");
    assert_eq!((stack.input_size(), stack.output_size()), (3, 5));
    let mut state = stack.zero_state(2);
    state.layers.pop();
    let message = "state.layers: has 1 states, but the stack has 2 cells; give one state per cell";
    let options = UnrollOptions::default().with_initial_state(state.clone());
    assert_eq!(
        refusal(dynamic_rnn(&stack, random([2, 3, 3]), options)),
        message
    );
    let mut stream = Stream::from_state(&stack, state);
    assert_eq!(refusal(stream.feed(random([2, 3, 3]))), message);
}

/// A piece that an upper layer refuses has moved no layer.
#[test]
fn a_refused_piece_leaves_a_stream_as_it_was() {
    let stack = MultiRnnCell::new(vec![gru(3, 4), gru(4, 5)]).expect("the layers fit");
    let mut state = stack.zero_state(2);
    state.layers[1] = gru(4, 5).zero_state(7);
    let mut stream = Stream::from_state(&stack, state.clone());
    for _ in 0..2 {
        refusal(stream.feed(random([2, 3, 3])));
        assert_eq!(numbers(stream.state().layers[0].hidden.clone()), [0.0; 8]);
    }
    let mut stream = Stream::new(&stack, 2);
    let first = random([2, 3, 3]);
    stream.feed(first.clone()).expect("it fits");
    refusal(stream.feed(random([5, 3, 3])));
    stream.feed(first.clone()).expect("it fits");
    let twice = run(&stack, Tensor::cat(vec![first.clone(), first], 1)).state;
    let parts = stream.state().into_parts().into_iter();
    for (found, expected) in parts.zip(twice.into_parts()) {
        assert_eq!(numbers(found), numbers(expected));
    }
}

#[test]
fn a_packed_state_is_the_parts_side_by_side() {
    let stack: Vec<AnyCell> = vec![lstm(3, 2).into(), gru(2, 4).into()];
    let stack = MultiRnnCell::new(stack).expect("the layers fit");
    let packed = random([1, 3, 8]).squeeze_dim::<2>(0);
    let state = stack.zero_state(3).with_packed(packed.clone());
    let state: MultiState<AnyState> = state.expect("eight columns");
    let AnyState::Lstm(LstmState { cell, hidden }) = &state.layers[0] else {
        panic!("the first cell is an LSTM");
    };
    let columns = |start, width| numbers(packed.clone().narrow(1, start, width));
    assert_eq!(numbers(cell.clone()), columns(0, 2));
    assert_eq!(numbers(hidden.clone()), columns(2, 2));
    assert_eq!(numbers(state.layers[1].clone().packed()), columns(4, 4));
    assert_eq!(numbers(state.packed()), numbers(packed.clone()));
    assert_eq!(
        refusal(stack.zero_state(3).with_packed(packed.narrow(1, 0, 7))),
        "packed state: axis H must be 8, found 7; \
         give a tensor of that size or build the cell for this one"
    );
}

#[test]
fn any_cell_refuses_the_state_of_another_kind() {
    let cell = AnyCell::from(lstm(3, 4));
    let state = AnyCell::from(gru(3, 4)).zero_state(2);
    let message = "state: is a hidden state, but the cell's is an LSTM's; \
                   give a state of this cell (zero_state)";
    let options = UnrollOptions::default().with_initial_state(state.clone());
    assert_eq!(
        refusal(dynamic_rnn(&cell, random([2, 3, 3]), options)),
        message
    );
    let step = cell.step(Tensor::ones([2, 3], &cpu()), state.clone());
    assert_eq!(refusal(step), message);
    let mut stream = Stream::from_state(&cell, state);
    assert_eq!(refusal(stream.feed(random([2, 3, 3]))), message);
}

#[test]
fn any_cell_adds_nothing_to_the_numbers() {
    let cells: [(Vec<f32>, AnyCell); 2] = [
        (
            numbers(run(&lstm(3, 4), random([2, 3, 3])).outputs),
            lstm(3, 4).into(),
        ),
        (
            numbers(run(&gru(3, 4), random([2, 3, 3])).outputs),
            gru(3, 4).into(),
        ),
    ];
    for (expected, cell) in cells {
        assert_eq!(numbers(run(&cell, random([2, 3, 3])).outputs), expected);
    }
    let cell = AnyCell::from(ResidualWrapper::new(AnyCell::from(gru(3, 3))).expect("one size"));
    assert_eq!(cell.num_params(), gru(3, 3).num_params());
    // A printed network names its layers.
    let text = format!("{cell}");
    assert!(text.contains("GruCell"), "{text}");
}

#[test]
fn number_types_are_not_mixed() {
    let inputs = random([2, 3, 4]).cast(DType::F64);
    let message = "inputs: is in F64, but the wrapper is in F32; \
                   convert the tensor, or build the cell in its number type (with_dtype)";
    let highway = HighwayConfig::new().init(gru(4, 4), seed(), &cpu());
    let highway = highway.expect("one size");
    let options = UnrollOptions::default;
    assert_eq!(
        refusal(dynamic_rnn(&highway, inputs.clone(), options())),
        message
    );
    let projection = ProjectionConfig::new(4).init_input(gru(3, 3), seed(), &cpu());
    assert_eq!(
        refusal(dynamic_rnn(&projection, inputs, options())),
        message
    );
    let cell = BasicRnnCellConfig::new(3, 3).with_dtype(DType::F64);
    let projection =
        ProjectionConfig::new(4).init_output(cell.init(seed(), &cpu()), seed(), &cpu());
    assert_eq!(projection.projection.kernel.dtype(), DType::F64);
}

#[test]
fn a_device_wrapper_says_where_its_cell_is() {
    let wrapped = DeviceWrapper::new(gru(3, 4), &cpu());
    assert_eq!(wrapped.device(), Some(cpu()));
    assert_eq!(wrapped.zero_state(2).hidden.device(), cpu());
    let x = random([2, 3, 3]);
    let expected = numbers(run(&gru(3, 4), x.clone()).outputs);
    assert_eq!(numbers(run(&wrapped, x).outputs), expected);
}

#[test]
fn stacked_directions_feed_each_other() {
    let forward = [gru(3, 4), gru(6, 5)];
    let backward = [gru(3, 2), gru(6, 1)];
    let lengths = Lengths::new([2, 0, 4]);
    let x = random([3, 4, 3]);
    let options = UnrollOptions::default().with_sequence_length(lengths.clone());
    let found = stack_bidirectional_dynamic_rnn(&forward, &backward, x.clone(), options, None);
    let found = found.expect("it fits");
    let mut outputs = x.clone();
    for layer in 0..2 {
        let options = UnrollOptions::default().with_sequence_length(lengths.clone());
        let (forward, backward) = (&forward[layer], &backward[layer]);
        let run = bidirectional_dynamic_rnn(forward, backward, outputs, options, None);
        let run = run.expect("it fits");
        outputs = run.concatenated();
        let states = [
            (&found.forward_state.layers[layer], run.forward.state),
            (&found.backward_state.layers[layer], run.backward.state),
        ];
        for (found, expected) in states {
            assert_eq!(numbers(found.hidden.clone()), numbers(expected.hidden));
        }
    }
    assert_eq!(found.outputs.dims(), [3, 4, 6]);
    assert_eq!(numbers(found.outputs), numbers(outputs));
    let options = UnrollOptions::default;
    let uneven =
        stack_bidirectional_dynamic_rnn(&forward, &backward[..1], x.clone(), options(), None);
    assert_eq!(
        refusal(uneven),
        "cells: are 2 forward and 1 backward; give as many of both, at least one"
    );
    let one = MultiState {
        layers: vec![forward[0].zero_state(3)],
    };
    let options = options().with_initial_state(one);
    let short = stack_bidirectional_dynamic_rnn(&forward, &backward, x, options, None);
    assert_eq!(
        refusal(short),
        "initial_state: has 1 states, but there are 2 layers; give one state per layer"
    );
}
