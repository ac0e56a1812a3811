//! A cell with random weights and random sequences to run it on, of many awkward sizes.

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor, TensorData};
use elman::cell::{Cell, Layout, Lengths, Path, State};
use elman::random::Seed;

use crate::leaves::{Driver, Leaf, Run, Setup, random_cotangents, random_leaves, randomised};

/// Below, at and above the widths of vectors, tiles and panels.
const SIZES: [usize; 13] = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65];
/// The most multiplications of one gate in one run: what a test affords.
const WORK: usize = 300_000;
/// Sizes drawn for each property of each cell, in each number type.
const DRAWS: usize = 6;

/// `B`, `T`, `F`, `H`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) batch: usize,
    pub(crate) time: usize,
    pub(crate) features: usize,
    pub(crate) units: usize,
}

/// Builds a cell for `F`, `H`, a number type and a device.
pub(crate) trait Build<C>: Fn(usize, usize, DType, &Device) -> C {}
impl<C, F: Fn(usize, usize, DType, &Device) -> C> Build<C> for F {}

/// A result and its name.
pub(crate) type Named = (String, TensorData);

/// A cell, and everything that a run of it depends on.
#[derive(Clone)]
pub(crate) struct Specimen<C> {
    pub(crate) cell: C,
    pub(crate) sizes: Sizes,
    pub(crate) setup: Setup,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) cotangents: Vec<TensorData>,
}

/// The specimens of a property: the smallest, and draws from all sizes, in f32 and f64.
pub(crate) fn specimens<C: Cell + Module>(
    property: &str,
    build: impl Build<C>,
) -> Vec<Specimen<C>> {
    let mut specimens = Vec::new();
    for dtype in [DType::F32, DType::F64] {
        let mut generator = Seed::new(29).generator(&format!("{property} {dtype:?}"));
        let mut draw = || SIZES[generator.below(SIZES.len() as u64) as usize];
        let mut sizes = vec![Sizes {
            batch: 1,
            time: 1,
            features: 1,
            units: 1,
        }];
        while sizes.len() < DRAWS {
            let drawn = Sizes {
                batch: draw(),
                time: draw(),
                features: draw(),
                units: draw(),
            };
            let per_step = drawn.batch * (drawn.features + drawn.units) * drawn.units;
            if drawn.time * per_step <= WORK {
                sizes.push(drawn);
            }
        }
        for sizes in sizes {
            specimens.push(Specimen::new(property, &build, sizes, dtype));
        }
    }
    specimens
}

impl<C: Cell + Module> Specimen<C> {
    pub(crate) fn new(property: &str, build: &impl Build<C>, sizes: Sizes, dtype: DType) -> Self {
        let device = Device::flex();
        let mut generator = Seed::new(30).generator(&format!("{property} {sizes:?}"));
        let setup = Setup {
            batch: sizes.batch,
            time: sizes.time,
            lengths: None,
            layout: Layout::BatchMajor,
            path: Path::Auto,
            dtype,
            driver: Driver::Dynamic,
        };
        let cell = build(sizes.features, sizes.units, dtype, &device);
        let cell = randomised(&cell, &mut generator);
        let leaves = random_leaves(&cell, &setup, &mut generator);
        let cotangents = random_cotangents(&cell, &setup, &mut generator);
        Self {
            cell,
            sizes,
            setup,
            leaves,
            cotangents,
        }
    }

    /// The same with lengths between 0 and `T`; the first row is empty, the last one full.
    pub(crate) fn ragged(mut self) -> Self {
        let mut generator = Seed::new(31).generator(&format!("{:?}", self.sizes));
        let Sizes { batch, time, .. } = self.sizes;
        let mut lengths: Vec<usize> = (0..batch)
            .map(|_| generator.below(time as u64 + 1) as usize)
            .collect();
        lengths[0] = 0;
        lengths[batch - 1] = time;
        self.setup.lengths = Some(Lengths::new(lengths));
        self
    }

    pub(crate) fn with_path(&self, path: Path) -> Self {
        let mut specimen = self.clone();
        specimen.setup.path = path;
        specimen
    }

    pub(crate) fn with_layout(&self, layout: Layout) -> Self {
        let mut specimen = self.clone();
        specimen.setup.layout = layout;
        specimen
    }

    pub(crate) fn with_driver(&self, driver: Driver) -> Self {
        let mut specimen = self.clone();
        specimen.setup.driver = driver;
        specimen
    }

    /// How many steps of a row are real.
    pub(crate) fn length(&self, row: usize) -> usize {
        match &self.setup.lengths {
            Some(lengths) => lengths.as_slice()[row],
            None => self.sizes.time,
        }
    }

    /// The inputs, `[B, T, F]`, on the CPU without gradients.
    pub(crate) fn inputs(&self) -> Tensor<3> {
        Tensor::from_data(
            self.leaves[0].data.clone(),
            (&Device::flex(), self.setup.dtype),
        )
    }

    /// The initial state.
    pub(crate) fn state(&self) -> C::State {
        let form = self.cell.zero_state(self.sizes.batch);
        let parts = form.clone().into_parts();
        let leaves = self.leaves[1..].iter().take(parts.len());
        let options = (&Device::flex(), self.setup.dtype);
        form.with_parts(
            leaves
                .map(|leaf| Tensor::from_data(leaf.data.clone(), options))
                .collect(),
        )
    }

    /// Outputs and final state without gradients: `[B, T, H]`, then the parts.
    pub(crate) fn infer(&self) -> Vec<TensorData> {
        Run::new(&self.cell, &self.leaves, &self.setup, &Device::flex()).results()
    }

    /// Outputs, final state and all gradients, by name.
    pub(crate) fn train(&self) -> Vec<Named> {
        let device = Device::flex().autodiff();
        let run = Run::new(&self.cell, &self.leaves, &self.setup, &device);
        let names = ["outputs".to_owned()].into_iter();
        let names = names.chain((0..).map(|index| format!("final state[{index}]")));
        let mut results: Vec<_> = names.zip(run.results()).collect();
        let gradients = run.gradients(&self.cotangents);
        for (leaf, gradient) in self.leaves.iter().zip(gradients) {
            let name = format!("gradient of {}", leaf.name);
            let gradient = gradient.unwrap_or_else(|| panic!("no {name}"));
            results.push((name, gradient));
        }
        results
    }
}

/// Row `row` of `[B, …]` data, steps 0 … `length` - 1 where it has steps.
pub(crate) fn row<const D: usize>(data: &TensorData, row: usize, length: usize) -> TensorData {
    let tensor = Tensor::<D>::from_data(data.clone(), (&Device::flex(), data.dtype()));
    let tensor = tensor.narrow(0, row, 1);
    match D {
        3 => tensor.narrow(1, 0, length).into_data(),
        _ => tensor.into_data(),
    }
}

/// Equal bit for bit, also in the sign of zero.
#[track_caller]
pub(crate) fn assert_same_bits(found: &TensorData, expected: &TensorData, what: &str) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    assert_eq!(found.dtype(), expected.dtype(), "{what}");
    if found.as_bytes() != expected.as_bytes() {
        let differences = found.iter::<f64>().zip(expected.iter::<f64>());
        let (index, (found, expected)) = differences
            .enumerate()
            .find(|(_, (found, expected))| found.to_bits() != expected.to_bits())
            .expect("one number differs");
        panic!("{what}: element {index} is {found:e}, expected {expected:e}");
    }
}
