//! A cell's run as a function of named leaves: inputs, initial state, parameters.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Gradients, Tensor, TensorData};
use elman::cell::{Cell, Layout, Lengths, Path, State};
use elman::random::Generator;
use elman::unroll::{UnrollOptions, dynamic_rnn, static_rnn};

/// One tensor that the loss depends on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Leaf {
    pub(crate) name: String,
    pub(crate) data: TensorData,
}

/// What unrolls the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    Dynamic,
    /// Step by step; it has no layout.
    Static,
}

/// What is run, apart from the cell and the leaves.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) batch: usize,
    pub(crate) time: usize,
    pub(crate) lengths: Option<Lengths>,
    pub(crate) layout: Layout,
    pub(crate) path: Path,
    pub(crate) dtype: DType,
    pub(crate) driver: Driver,
}

/// The cell with every parameter, biases too, uniform in ±0.8, or less for a wide cell, so that no
/// state grows without bound.
pub(crate) fn randomised<C: Cell + Module>(cell: &C, generator: &mut Generator) -> C {
    let rows = (cell.input_size() + cell.output_size()) as f64;
    let limit = (3.0 / rows).sqrt().min(0.8);
    cell.clone().map(&mut Randomise { generator, limit })
}

/// Leaves for a cell: normal inputs and states, and the cell's own parameters.
pub(crate) fn random_leaves<C: Cell + Module>(
    cell: &C,
    setup: &Setup,
    generator: &mut Generator,
) -> Vec<Leaf> {
    let mut shapes = vec![vec![setup.batch, setup.time, cell.input_size()]];
    let parts = cell.zero_state(setup.batch).into_parts();
    shapes.extend(parts.iter().map(|part| part.dims().to_vec()));
    let names = ["inputs".to_owned()].into_iter();
    let names = names.chain((0..).map(|index| format!("state[{index}]")));
    let mut leaves: Vec<Leaf> = names
        .zip(shapes)
        .map(|(name, shape)| Leaf {
            name,
            data: normal(shape, generator),
        })
        .collect();
    let mut parameters = Parameters::default();
    cell.visit(&mut parameters);
    leaves.extend(parameters.leaves);
    leaves
}

fn normal(shape: Vec<usize>, generator: &mut Generator) -> TensorData {
    let count: usize = shape.iter().product();
    let values: Vec<f64> = (0..count).map(|_| generator.normal()).collect();
    TensorData::new(values, shape)
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
    shapes
        .into_iter()
        .map(|shape| normal(shape, generator))
        .collect()
}

/// Asks for the gradient of a tensor, whatever its rank.
type Tracked = Box<dyn Fn(&Gradients) -> Option<TensorData>>;

fn track<const D: usize>(tensor: &Tensor<D>) -> Tracked {
    let tensor = tensor.clone();
    Box::new(move |gradients| Some(tensor.grad(gradients)?.into_data()))
}

/// A cell's sequence, run on leaves.
pub(crate) struct Run {
    /// Batch-major, whatever the layout was.
    outputs: Tensor<3>,
    state: Vec<Tensor<2>>,
    tracked: Vec<Tracked>,
}

impl Run {
    /// Runs `cell` with the leaves in the place of its parameters.
    pub(crate) fn new<C: Cell + Module>(
        cell: &C,
        leaves: &[Leaf],
        setup: &Setup,
        device: &Device,
    ) -> Self {
        let mut put = PutLeaves::new(leaves, setup, device);
        let inputs = put.next::<3>();
        let form = cell.zero_state(setup.batch);
        let parts = form.clone().into_parts();
        let state = form.with_parts(parts.iter().map(|_| put.next::<2>()).collect());
        let cell = cell.clone().map(&mut put);
        assert!(put.remaining.next().is_none(), "every leaf has its place");
        let mut options = UnrollOptions::default()
            .with_initial_state(state)
            .with_layout(setup.layout)
            .with_path(setup.path);
        if let Some(lengths) = &setup.lengths {
            options = options.with_sequence_length(lengths.clone());
        }
        let (outputs, state) = match (setup.driver, setup.layout) {
            (Driver::Static, _) => {
                let steps = (0..setup.time).map(|t| inputs.clone().narrow(1, t, 1).squeeze_dim(1));
                let run = static_rnn(&cell, steps.collect(), options).expect("the leaves fit");
                (Tensor::stack(run.outputs, 1), run.state)
            }
            (Driver::Dynamic, Layout::BatchMajor) => {
                let run = dynamic_rnn(&cell, inputs, options).expect("the leaves fit");
                (run.outputs, run.state)
            }
            (Driver::Dynamic, Layout::TimeMajor) => {
                let inputs = inputs.swap_dims(0, 1);
                let run = dynamic_rnn(&cell, inputs, options).expect("the leaves fit");
                (run.outputs.swap_dims(0, 1), run.state)
            }
        };
        Self {
            outputs,
            state: state.into_parts(),
            tracked: put.tracked,
        }
    }

    /// `Σ outputs ⊙ cotangents[0] + Σ final state ⊙ cotangents[1…]`.
    pub(crate) fn loss(&self, cotangents: &[TensorData]) -> Tensor<1> {
        let options = (&self.outputs.device(), self.outputs.dtype());
        let first = Tensor::<3>::from_data(cotangents[0].clone(), options);
        let mut loss = (self.outputs.clone() * first).sum();
        for (part, cotangent) in self.state.iter().zip(&cotangents[1..]) {
            let cotangent = Tensor::<2>::from_data(cotangent.clone(), options);
            loss = loss + (part.clone() * cotangent).sum();
        }
        loss
    }

    /// The loss's gradient with respect to each leaf, by backward; `None` where there is none.
    pub(crate) fn gradients(&self, cotangents: &[TensorData]) -> Vec<Option<TensorData>> {
        let gradients = self.loss(cotangents).backward();
        self.tracked.iter().map(|leaf| leaf(&gradients)).collect()
    }

    /// The outputs, `[B, T, H]`, then the parts of the final state.
    pub(crate) fn results(&self) -> Vec<TensorData> {
        let mut results = vec![self.outputs.to_data()];
        results.extend(self.state.iter().map(Tensor::to_data));
        results
    }
}

/// Puts leaves in the place of parameters.
struct PutLeaves<'a> {
    remaining: std::slice::Iter<'a, Leaf>,
    device: &'a Device,
    dtype: DType,
    tracked: Vec<Tracked>,
}

impl<'a> PutLeaves<'a> {
    fn new(leaves: &'a [Leaf], setup: &Setup, device: &'a Device) -> Self {
        Self {
            remaining: leaves.iter(),
            device,
            dtype: setup.dtype,
            tracked: Vec::new(),
        }
    }

    fn next<const D: usize>(&mut self) -> Tensor<D> {
        let leaf = self.remaining.next().expect("a leaf for every tensor");
        let tensor = Tensor::<D>::from_data(leaf.data.clone(), (self.device, self.dtype));
        let tensor = match tensor.is_autodiff() {
            true => tensor.require_grad(),
            false => tensor,
        };
        self.tracked.push(track(&tensor));
        tensor
    }
}

impl ModuleMapper for PutLeaves<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        Param::initialized(param.id, self.next())
    }
}

/// Draws every parameter anew.
struct Randomise<'a> {
    generator: &'a mut Generator,
    limit: f64,
}

impl ModuleMapper for Randomise<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.dims();
        let count: usize = shape.iter().product();
        let values: Vec<f64> = (0..count)
            .map(|_| self.generator.uniform_in(-self.limit, self.limit))
            .collect();
        let options = (&param.device(), param.dtype());
        Param::initialized(
            param.id,
            Tensor::from_data(TensorData::new(values, shape), options),
        )
    }
}

/// Notes the names and values of parameters.
#[derive(Default)]
struct Parameters {
    path: Vec<String>,
    leaves: Vec<Leaf>,
}

impl ModuleVisitor for Parameters {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.leaves.push(Leaf {
            name: self.path.join("."),
            data: param.val().into_data(),
        });
    }
}
