//! The kernels on another machine's processor, behind an `elman device-server`.
//!
//! ```text
//! forward     tensors, call                      ──►  flat result
//! backward    tensors, call, result, gradients   ──►  gradients
//! ```
//!
//! Each is one message, whatever the number of steps. What a forward pass notes is as large as all
//! gates of all steps, so it does not travel, and a server that kept it would have to be told when
//! to forget it: backward runs forward again there, and the server keeps nothing. The call (cell,
//! sizes, lengths) travels as JSON in the message's scalars.

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::backend::flex::FlexTensor;
use burn::backend::ir::{BackendIr, CustomOpIr, HandleContainer, ScalarIr, TensorIr};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, Remote, TensorMetadata, backend_extension};
use burn::remote::CustomOpClient;
use burn::server::RemoteServer;
use burn::tensor::{DType, Device, Shape, Tensor, TensorData};
use elman_kernels::{Layout, Plan, Spec, Wanted};
use serde::{Deserialize, Serialize};

use super::kernels::{BackwardRun, Kernels};
use super::operation::{Call, MASK, TENSORS, Tensors};

/// The operations' names on a server.
const FORWARD: &str = "elman.recurrent_sequence";
const BACKWARD: &str = "elman.recurrent_sequence.backward";
const QUESTION: &str = "elman.kernels";

/// What a server with kernels answers to [`QUESTION`]: a number that changes with the messages.
const MESSAGES: f32 = 1.0;
/// What a server answers whose device has no kernels.
const NONE: f32 = 0.0;

/// What of a message is not a tensor.
#[derive(Serialize, Deserialize)]
struct Message {
    spec: Spec,
    layout: Layout,
    time: usize,
    /// The real steps of each row.
    lengths: Vec<usize>,
    parameters: usize,
    masked: bool,
    segment: Option<usize>,
    /// Of a backward pass.
    wanted: Option<Wanted>,
    /// Which parts' gradients are among the tensors.
    given: [bool; 2],
}

impl Message {
    fn forward(call: &Call) -> Self {
        Self {
            spec: call.spec,
            layout: call.plan.layout(),
            time: call.plan.time(),
            lengths: call.plan.lengths(),
            parameters: call.parameters,
            masked: call.masked,
            segment: call.segment,
            wanted: None,
            given: [false; 2],
        }
    }

    /// JSON in words of eight bytes, filled up with spaces.
    fn into_scalars(self) -> Vec<ScalarIr> {
        let mut bytes = serde_json::to_vec(&self).expect("numbers and names are JSON");
        bytes.resize(bytes.len().next_multiple_of(size_of::<u64>()), b' ');
        let words = bytes.chunks_exact(size_of::<u64>());
        words
            .map(|word| {
                let word = word.try_into().expect("words of eight bytes");
                ScalarIr::UInt(u64::from_le_bytes(word))
            })
            .collect()
    }

    /// # Panics
    ///
    /// When it is not a message of this version.
    fn from_scalars(scalars: &[ScalarIr]) -> Self {
        let words = scalars.iter().map(|scalar| match scalar {
            ScalarIr::UInt(word) => word.to_le_bytes(),
            other => panic!("a call travels in words, not in {other:?}"),
        });
        let bytes: Vec<u8> = words.flatten().collect();
        serde_json::from_slice(&bytes).expect("a call of this version of elman")
    }

    fn call(&self) -> Call {
        let plan = Plan::ragged(self.layout, self.time, &self.lengths);
        let what = (self.spec, plan, self.segment);
        Call::new(what, self.parameters, self.masked)
    }
}

/// Which of the operation's places a call has a tensor for; the others are placeholders.
fn places(call: &Call) -> Vec<usize> {
    let mut places: Vec<usize> = (0..2 + call.parameters).collect();
    places.extend(call.masked.then_some(MASK));
    places
}

/// Which places get a gradient.
fn wanted_places(call: &Call, wanted: Wanted) -> Vec<usize> {
    places(call)
        .into_iter()
        .filter(|&place| match place {
            0 => wanted != Wanted::Parameters,
            1 => true,
            MASK => false,
            _ => wanted != Wanted::Inputs,
        })
        .collect()
}

impl Kernels for Remote {
    type Notes = ();

    fn ready(tensors: Tensors<Self>) -> Tensors<Self> {
        tensors
    }

    fn infer(tensors: &Tensors<Self>, call: &Call) -> FloatTensor<Self> {
        let sent = places(call).into_iter();
        let sent = sent.map(|place| tensors[place].clone()).collect();
        let result = Shape::new([call.total()]);
        let scalars = Message::forward(call).into_scalars();
        send(FORWARD, sent, vec![result], scalars).remove(0)
    }

    fn train(tensors: &Tensors<Self>, call: &Call) -> (FloatTensor<Self>, ()) {
        (Self::infer(tensors, call), ())
    }

    fn gradients(run: BackwardRun<'_, Self>) -> [Option<FloatTensor<Self>>; TENSORS] {
        let (tensors, call) = (run.tensors, run.call);
        let message = Message {
            wanted: Some(run.wanted),
            given: [run.given[0].is_some(), run.given[1].is_some()],
            ..Message::forward(call)
        };
        let sent = places(call).into_iter();
        let sent = sent
            .map(|place| tensors[place].clone())
            .chain([run.result.clone()])
            .chain(run.given.into_iter().flatten())
            .collect();
        let wanted = wanted_places(call, run.wanted);
        let shapes = wanted.iter().map(|&place| tensors[place].shape()).collect();
        let received = send(BACKWARD, sent, shapes, message.into_scalars());
        let mut gradients: [Option<FloatTensor<Self>>; TENSORS] = Default::default();
        for (place, gradient) in wanted.into_iter().zip(received) {
            gradients[place] = Some(gradient);
        }
        gradients
    }
}

/// Sends one operation to the server of `tensors`; gives its results, of these shapes and the
/// tensors' number type.
fn send(
    name: &'static str,
    tensors: Vec<FloatTensor<Remote>>,
    shapes: Vec<Shape>,
    scalars: Vec<ScalarIr>,
) -> Vec<FloatTensor<Remote>> {
    let (device, dtype) = (tensors[0].device(), tensors[0].dtype());
    let client = CustomOpClient::new(&device);
    let tensors: Vec<TensorIr> = tensors.into_iter().map(|tensor| tensor.into_ir()).collect();
    let results: Vec<TensorIr> = shapes
        .into_iter()
        .map(|shape| TensorIr::uninit(client.create_empty_handle(), shape, dtype))
        .collect();
    client.register(CustomOpIr::with_scalars(name, &tensors, &results, scalars))
}

type Handles = HandleContainer<<Flex as BackendIr>::Handle>;

/// The operations, for a server of this machine's processor.
///
/// A message that no elman of this version sends ends its session: its handler panics there.
pub(crate) fn with_kernels(server: RemoteServer) -> RemoteServer {
    answering::<Flex>(server, MESSAGES)
        .with_custom_op::<Flex, _>(FORWARD, |handles, operation, _| {
            let (message, mut tensors) = receive(handles, operation);
            let call = message.call();
            let operands = operands(&call, &mut tensors);
            put(handles, operation, vec![Flex::infer(&operands, &call)]);
        })
        .with_custom_op::<Flex, _>(BACKWARD, |handles, operation, _| {
            let (message, mut tensors) = receive(handles, operation);
            let call = message.call();
            let operands = operands(&call, &mut tensors);
            let wanted = message.wanted.expect("a backward pass wants gradients");
            let result = next(&mut tensors, call.total());
            let [outputs, final_state] = message.given;
            let outputs = outputs.then(|| next(&mut tensors, call.outputs()));
            let state = call.total() - call.outputs();
            let final_state = final_state.then(|| next(&mut tensors, state));
            let mut gradients = Flex::gradients(BackwardRun {
                tensors: &operands,
                call: &call,
                result: &result,
                given: [outputs, final_state],
                notes: Flex::train(&operands, &call).1,
                wanted,
            });
            let found = wanted_places(&call, wanted)
                .into_iter()
                .map(|place| gradients[place].take().expect("it is computed when wanted"))
                .collect();
            put(handles, operation, found);
        })
}

/// For a server of a device without kernels.
#[allow(
    dead_code,
    reason = "only a build with graphics cards has such servers"
)]
pub(crate) fn without_kernels<B: BackendIr>(server: RemoteServer) -> RemoteServer {
    answering::<B>(server, NONE)
}

/// Answers to [`QUESTION`].
fn answering<B: BackendIr>(server: RemoteServer, answer: f32) -> RemoteServer {
    server.with_custom_op::<B, _>(QUESTION, move |handles, operation, device| {
        let answer = B::float_from_data(TensorData::from([answer]), device);
        handles.register_float_tensor::<B>(&operation.outputs[0].id, answer);
    })
}

fn receive(
    handles: &mut Handles,
    operation: &CustomOpIr,
) -> (Message, std::vec::IntoIter<FlexTensor>) {
    let tensors: Vec<FlexTensor> = operation
        .inputs
        .iter()
        .map(|tensor| handles.get_float_tensor::<Flex>(tensor))
        .collect();
    let message = Message::from_scalars(&operation.scalars);
    (message, tensors.into_iter())
}

/// The tensors of the operation, placeholders among them. The kernels check the lengths.
fn operands(call: &Call, tensors: &mut impl Iterator<Item = FlexTensor>) -> Tensors<Flex> {
    let mut operands: [Option<FlexTensor>; TENSORS] = Default::default();
    for place in places(call) {
        operands[place] = Some(tensors.next().expect("a tensor for every place"));
    }
    let placeholder = || FlexTensor::from_data(TensorData::new(vec![0.0_f32], Shape::new([1])));
    Flex::ready(operands.map(|tensor| tensor.unwrap_or_else(placeholder)))
}

fn next(tensors: &mut impl Iterator<Item = FlexTensor>, count: usize) -> FlexTensor {
    let tensor = tensors.next().expect("result and gradients come after");
    assert_eq!(tensor.shape().num_elements(), count, "numbers in a part");
    tensor
}

fn put(handles: &mut Handles, operation: &CustomOpIr, tensors: Vec<FlexTensor>) {
    for (place, tensor) in operation.outputs.iter().zip(tensors) {
        handles.register_float_tensor::<Flex>(&place.id, tensor);
    }
}

/// What a server says of its kernels.
#[backend_extension(Remote)]
trait AskedBackend: Backend {
    /// The answer to [`QUESTION`] of the server that has `token`.
    fn answer(token: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl AskedBackend for Remote {
    fn answer(token: FloatTensor<Self>) -> FloatTensor<Self> {
        send(QUESTION, vec![token], vec![Shape::new([1])], Vec::new()).remove(0)
    }
}

/// The remote devices whose servers have the kernels.
static WITH_KERNELS: Mutex<Vec<Device>> = Mutex::new(Vec::new());

fn devices() -> MutexGuard<'static, Vec<Device>> {
    WITH_KERNELS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has the remote `device` the kernels? Only one that was [asked](ask) is known to.
pub(super) fn has_kernels(device: &Device) -> bool {
    devices().contains(device)
}

/// What a server may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// An `elman device-server` of this version.
    Ours,
    /// One whose messages are others.
    OtherVersion,
    /// It does not know the question.
    Foreign,
}

/// Asks the server of `device`, which is remote, for its kernels.
pub(crate) fn ask(device: &Device) -> Server {
    let token = Tensor::<1>::zeros([1], (device, DType::F32)).into_dispatch();
    let answer = Tensor::<1>::from_dispatch(<Dispatch as AskedBackend>::answer(token));
    let answer = answer.try_into_data().ok();
    let answer = answer.and_then(|answer| answer.iter::<f32>().next());
    match answer {
        None => Server::Foreign,
        Some(NONE) => Server::Ours,
        Some(MESSAGES) => {
            let mut devices = devices();
            if !devices.contains(device) {
                devices.push(device.clone());
            }
            Server::Ours
        }
        Some(_) => Server::OtherVersion,
    }
}
