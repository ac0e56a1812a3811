//! A cell's run as a function of named leaves: inputs, initial state, parameters.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Gradients, Tensor, TensorData};
use elman::cell::{Cell, Layout, Lengths, Path, Sequence, State};
use elman::random::Generator;

/// One tensor that the loss depends on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Leaf {
    pub(crate) name: String,
    pub(crate) data: TensorData,
}

/// What is run, apart from the cell and the leaves.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) batch: usize,
    pub(crate) time: usize,
    pub(crate) lengths: Option<Lengths>,
    pub(crate) layout: Layout,
    pub(crate) path: Path,
}

/// Random leaves for a cell: inputs and states are normal, parameters uniform in ±0.8.
pub(crate) fn random_leaves<C: Cell + Module + Clone>(
    cell: &C,
    setup: &Setup,
    generator: &mut Generator,
) -> Vec<Leaf> {
    let mut normal = |shape: &[usize]| {
        let count = shape.iter().product();
        let values: Vec<f64> = (0..count).map(|_| generator.normal()).collect();
        TensorData::new(values, shape.to_vec())
    };
    let inputs = normal(&[setup.batch, setup.time, cell.input_size()]);
    let mut leaves = vec![Leaf {
        name: "inputs".to_owned(),
        data: inputs,
    }];
    for (index, part) in cell.zero_state(setup.batch).into_parts().iter().enumerate() {
        leaves.push(Leaf {
            name: format!("state[{index}]"),
            data: normal(&part.dims()),
        });
    }
    let mut shapes = Shapes::default();
    let _ = cell.clone().map(&mut shapes);
    for (name, shape) in shapes.found {
        let count: usize = shape.iter().product();
        let values: Vec<f64> = (0..count)
            .map(|_| generator.uniform_in(-0.8, 0.8))
            .collect();
        leaves.push(Leaf {
            name,
            data: TensorData::new(values, shape),
        });
    }
    leaves
}

/// Random weights of the outputs and of every part of the final state, in the loss.
pub(crate) fn random_cotangents<C: Cell>(
    cell: &C,
    setup: &Setup,
    generator: &mut Generator,
) -> Vec<TensorData> {
    let mut shapes = vec![vec![setup.batch, setup.time, cell.output_size()]];
    let parts = cell.zero_state(setup.batch).into_parts();
    shapes.extend(parts.iter().map(|part| part.dims().to_vec()));
    let mut cotangents = Vec::new();
    for shape in shapes {
        let count: usize = shape.iter().product();
        let values: Vec<f64> = (0..count).map(|_| generator.normal()).collect();
        cotangents.push(TensorData::new(values, shape));
    }
    cotangents
}

/// `Σ outputs ⊙ cotangents[0] + Σ final state ⊙ cotangents[1…]`.
pub(crate) fn loss<C: Cell + Module + Clone>(
    cell: &C,
    leaves: &[Leaf],
    cotangents: &[TensorData],
    setup: &Setup,
) -> f64 {
    let run = Run::new(cell, leaves, setup, &Device::flex());
    run.loss(cotangents).into_scalar::<f64>()
}

/// The loss's gradient with respect to each leaf, by backward; `None` where there is none.
pub(crate) fn gradients<C: Cell + Module + Clone>(
    cell: &C,
    leaves: &[Leaf],
    cotangents: &[TensorData],
    setup: &Setup,
) -> Vec<Option<TensorData>> {
    let run = Run::new(cell, leaves, setup, &Device::flex().autodiff());
    let gradients = run.loss(cotangents).backward();
    run.tracked.iter().map(|leaf| leaf(&gradients)).collect()
}

/// Asks for the gradient of a tensor, whatever its rank.
type Tracked = Box<dyn Fn(&Gradients) -> Option<TensorData>>;

fn track<const D: usize>(tensor: &Tensor<D>) -> Tracked {
    let tensor = tensor.clone();
    Box::new(move |gradients| Some(tensor.grad(gradients)?.into_data()))
}

/// A run's results, batch-major.
struct Run {
    outputs: Tensor<3>,
    state: Vec<Tensor<2>>,
    tracked: Vec<Tracked>,
}

impl Run {
    fn new<C: Cell + Module + Clone>(
        cell: &C,
        leaves: &[Leaf],
        setup: &Setup,
        device: &Device,
    ) -> Self {
        let mut remaining = leaves.iter();
        let mut tracked = Vec::new();
        let inputs = next::<3>(&mut remaining, device, &mut tracked);
        let parts = cell.zero_state(setup.batch).into_parts();
        let parts = parts
            .iter()
            .map(|_| next::<2>(&mut remaining, device, &mut tracked));
        let state = C::State::from_parts(parts.collect());
        let mut put = PutLeaves {
            remaining,
            device,
            tracked,
        };
        let cell = cell.clone().map(&mut put);
        assert!(put.remaining.next().is_none(), "every leaf has its place");
        let turned = |tensor: Tensor<3>| match setup.layout {
            Layout::BatchMajor => tensor,
            Layout::TimeMajor => tensor.swap_dims(0, 1),
        };
        let mut sequence = Sequence::new(turned(inputs), setup.layout).with_path(setup.path);
        if let Some(lengths) = &setup.lengths {
            sequence = sequence.with_lengths(lengths.clone()).expect("lengths fit");
        }
        let run = cell.sequence(sequence, state).expect("the leaves fit");
        Self {
            outputs: turned(run.outputs),
            state: run.state.into_parts(),
            tracked: put.tracked,
        }
    }

    fn loss(&self, cotangents: &[TensorData]) -> Tensor<1> {
        let device = self.outputs.device();
        let first = Tensor::<3>::from_data(cotangents[0].clone(), (&device, DType::F64));
        let mut loss = (self.outputs.clone() * first).sum();
        for (part, cotangent) in self.state.iter().zip(&cotangents[1..]) {
            let cotangent = Tensor::<2>::from_data(cotangent.clone(), (&device, DType::F64));
            loss = loss + (part.clone() * cotangent).sum();
        }
        loss
    }
}

fn next<'a, const D: usize>(
    remaining: &mut impl Iterator<Item = &'a Leaf>,
    device: &Device,
    tracked: &mut Vec<Tracked>,
) -> Tensor<D> {
    let leaf = remaining.next().expect("a leaf for every tensor");
    let tensor = Tensor::<D>::from_data(leaf.data.clone(), (device, DType::F64));
    let tensor = match tensor.is_autodiff() {
        true => tensor.require_grad(),
        false => tensor,
    };
    tracked.push(track(&tensor));
    tensor
}

/// Puts leaves in the place of parameters.
struct PutLeaves<'a, I> {
    remaining: I,
    device: &'a Device,
    tracked: Vec<Tracked>,
}

impl<'a, I: Iterator<Item = &'a Leaf>> ModuleMapper for PutLeaves<'_, I> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let tensor = next(&mut self.remaining, self.device, &mut self.tracked);
        Param::initialized(param.id, tensor)
    }
}

/// Notes the names and shapes of parameters.
#[derive(Default)]
struct Shapes {
    path: Vec<String>,
    found: Vec<(String, Vec<usize>)>,
}

impl ModuleMapper for Shapes {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.found
            .push((self.path.join("."), param.dims().to_vec()));
        param
    }
}

/// The numbers of a two-part final state.
pub(crate) fn final_state<C: Cell + Module + Clone>(
    cell: &C,
    leaves: &[Leaf],
    setup: &Setup,
) -> [Vec<f64>; 2] {
    let run = Run::new(cell, leaves, setup, &Device::flex());
    let parts = run
        .state
        .into_iter()
        .map(|part| part.into_data().iter().collect());
    let parts: Vec<Vec<f64>> = parts.collect();
    <[_; 2]>::try_from(parts).expect("a state of two parts")
}
