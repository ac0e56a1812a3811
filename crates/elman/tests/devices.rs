//! Layers of one network on two devices: this machine's processor, and the same processor behind
//! a device server on a loopback address.
#![cfg(feature = "remote")]

#[path = "support/compare.rs"]
mod compare;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Gradients, Tensor, TensorData};
use elman::cell::{BasicRnnCellConfig, Cell, GruCellConfig, Lengths, LstmCellConfig, Path, State};
use elman::device::{DeviceName, DeviceServerConfig};
use elman::random::Seed;
use elman::unroll::{UnrollOptions, dynamic_rnn};
use elman::wrapper::DeviceWrapper;

use compare::relative_difference;

/// Both ways compute in f64, one of them without kernels: other orders of the same sums.
const TOLERANCE: f64 = 1e-12;

/// A server in a thread of this process.
struct Server {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<elman::Result<()>>>,
    name: DeviceName,
}

impl Server {
    fn start() -> Self {
        let config = DeviceServerConfig::new("127.0.0.1:0".parse().expect("an address"));
        let server = config.bind().expect("a free port");
        let name = format!("remote:ws://{}", server.address());
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let thread = spawn(move || server.serve(|| asked.load(Ordering::Relaxed)));
        Self {
            stop,
            thread: Some(thread),
            name: name.parse().expect("a device"),
        }
    }

    fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it runs");
        thread.join().expect("no panic").expect("served to the end");
    }
}

struct Reader<'a> {
    gradients: &'a Gradients,
    found: Vec<TensorData>,
}

impl ModuleVisitor for Reader<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param
            .val()
            .grad(self.gradients)
            .expect("every parameter has one");
        self.found.push(gradient.into_data());
    }
}

/// The outputs of three layers and all gradients; the middle layer is on `middle` and takes `path`.
fn outputs_and_gradients(middle: &Device, path: Path) -> Vec<TensorData> {
    let device = Device::flex().autodiff();
    let lower = LstmCellConfig::new(3, 4)
        .with_dtype(DType::F64)
        .init(Seed::new(1), &device);
    let inside = GruCellConfig::new(4, 5)
        .with_dtype(DType::F64)
        .init(Seed::new(2), &device);
    let inside = DeviceWrapper::new(inside, middle);
    let upper = BasicRnnCellConfig::new(5, 6)
        .with_dtype(DType::F64)
        .init(Seed::new(3), &device);
    assert_eq!(inside.device().as_ref(), Some(middle));
    for part in inside.zero_state(2).into_parts() {
        assert_eq!(
            part.device(),
            *middle,
            "the state lives where its layer lives"
        );
    }
    let mut generator = Seed::new(4).generator("numbers");
    let mut numbers = |shape: [usize; 3]| {
        let count = shape.iter().product();
        let numbers: Vec<f64> = (0..count).map(|_| generator.uniform() - 0.5).collect();
        Tensor::<3>::from_data(TensorData::new(numbers, shape), (&device, DType::F64))
    };
    let inputs = numbers([2, 5, 3]).require_grad();
    let cotangents = numbers([2, 5, 6]);
    let lengths = || Lengths::new([5, 2]);
    let options = UnrollOptions::default().with_sequence_length(lengths());
    let run = dynamic_rnn(&lower, inputs.clone(), options).expect("it fits");
    let options = UnrollOptions::default()
        .with_sequence_length(lengths())
        .with_path(path);
    let run = dynamic_rnn(&inside, run.outputs, options).expect("it fits");
    let options = UnrollOptions::default().with_sequence_length(lengths());
    let run = dynamic_rnn(&upper, run.outputs, options).expect("it fits");
    assert_eq!(run.outputs.device(), device, "outputs come back");
    let outputs = run.outputs.clone().into_data();
    let gradients = (run.outputs * cotangents).sum().backward();
    let mut reader = Reader {
        gradients: &gradients,
        found: vec![outputs],
    };
    lower.visit(&mut reader);
    inside.visit(&mut reader);
    upper.visit(&mut reader);
    let mut found = reader.found;
    found.push(
        inputs
            .grad(&gradients)
            .expect("it was asked for")
            .into_data(),
    );
    found
}

#[test]
fn gradients_cross_devices() {
    let server = Server::start();
    let remote = server.name.resolve().expect("connected").autodiff();
    assert_ne!(remote, Device::flex().autodiff());
    let one = outputs_and_gradients(&Device::flex().autodiff(), Path::Auto);
    let composed = outputs_and_gradients(&remote, Path::Composed);
    // Outputs, kernel and bias of LSTM and basic cell, four of the GRU, inputs.
    assert_eq!((one.len(), composed.len()), (10, 10));
    for (at, (one, two)) in one.iter().zip(&composed).enumerate() {
        assert_eq!((one.dtype(), two.dtype()), (DType::F64, DType::F64));
        assert!(
            one.iter::<f64>().any(|number| number != 0.0),
            "{at} is zero"
        );
        let difference = relative_difference(two, one).expect("one shape");
        assert!(difference < TOLERANCE, "{at} differs by {difference}");
    }
    // The kernels are there, too: the same bits, which other orders of the sums do not give.
    assert_ne!(one, composed);
    assert_eq!(one, outputs_and_gradients(&remote, Path::Auto));
    server.stop();
}

#[test]
fn where_no_server_is_the_error_says_so() {
    let server = Server::start();
    let name = server.name.clone();
    server.stop();
    let message = name.resolve().expect_err("nobody answers").to_string();
    assert!(
        message.starts_with(&format!("device `{name}`: the server cannot be reached: "))
            && message.ends_with("; start `elman device-server` there, or correct the address"),
        "{message}"
    );
}
