//! Adam, as TensorFlow 1 computes it.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Gradients, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::recipe::AdamSettings;
use crate::store::NamedTensors;
use crate::store::first_not_finite;
use crate::train::parameters::{NamePath, replace};

/// Adam with TF 1's arithmetic (`tf.train.AdamOptimizer`).
///
/// ```text
/// rate   = learning_rate · √(1 - beta2^t) / (1 - beta1^t)
/// first  = first  + (gradient  - first)  · (1 - beta1)
/// second = second + (gradient² - second) · (1 - beta2)
/// weight = weight - first · rate / (√second + epsilon)
/// ```
///
/// Kingma and Ba (2015), arXiv 1412.6980, the form before section 2.1: `epsilon` stands outside
/// the bias correction, so this is not Burn's Adam. The powers of beta are carried as products
/// in the parameters' number type, as TF 1's `beta1_power` and `beta2_power` are.
#[derive(Clone, Debug)]
pub struct Adam {
    settings: AdamSettings,
    powers: BetaPowers,
    slots: BTreeMap<String, Slot>,
}

/// beta1^t and beta2^t after `t` steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BetaPowers {
    /// beta1^t.
    pub beta1: f64,
    /// beta2^t.
    pub beta2: f64,
}

impl Default for BetaPowers {
    /// Before the first step.
    fn default() -> Self {
        Self {
            beta1: 1.0,
            beta2: 1.0,
        }
    }
}

/// The two moments of one parameter.
#[derive(Clone, Debug)]
struct Slot {
    first: TensorData,
    second: TensorData,
}

/// The names of the moments in a saved state: as TF 1 calls its slots.
const FIRST: &str = "m";
const SECOND: &str = "v";

/// An [`Adam`] between two steps, as it is saved.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamState {
    /// The powers of beta.
    pub powers: BetaPowers,
    /// `m.<parameter>` and `v.<parameter>` for every parameter.
    pub moments: NamedTensors,
}

impl Adam {
    /// Before the first step: moments are zero. The settings' learning rate is not read, a step
    /// is told its own.
    pub fn new(settings: AdamSettings) -> Self {
        Self {
            settings,
            powers: BetaPowers::default(),
            slots: BTreeMap::new(),
        }
    }

    /// What [`restored`](Self::restored) needs to go on.
    pub fn state(&self) -> AdamState {
        let mut moments = NamedTensors::new();
        for (name, slot) in &self.slots {
            moments.insert(format!("{FIRST}.{name}"), slot.first.clone());
            moments.insert(format!("{SECOND}.{name}"), slot.second.clone());
        }
        AdamState {
            powers: self.powers,
            moments,
        }
    }

    /// The optimiser whose [`state`](Self::state) this is; `path` names its file in errors.
    ///
    /// # Errors
    ///
    /// When a moment is alone or of an unknown name.
    pub fn restored(settings: AdamSettings, state: AdamState, path: &Path) -> Result<Self> {
        let mut moments = state.moments;
        let odd = |name: &str| {
            Error::damaged(
                path,
                format!("{name}: the optimiser's moments do not go in pairs"),
            )
        };
        let mut slots = BTreeMap::new();
        while let Some((name, first)) = moments.pop_first() {
            let parameter = name
                .strip_prefix(FIRST)
                .and_then(|rest| rest.strip_prefix('.'))
                .ok_or_else(|| odd(&name))?;
            let second = moments
                .remove(&format!("{SECOND}.{parameter}"))
                .filter(|second| second.shape() == first.shape() && second.dtype() == first.dtype())
                .ok_or_else(|| odd(&name))?;
            slots.insert(parameter.to_owned(), Slot { first, second });
        }
        Ok(Self {
            settings,
            powers: state.powers,
            slots,
        })
    }

    /// One step: `module` with new weights. `step` (from 0) names it in errors.
    ///
    /// # Errors
    ///
    /// When a parameter has no gradient, is of an unsupported number type, or a gradient or a
    /// new weight is not finite. The optimiser must not be used any further then.
    pub fn update<M: Module>(
        &mut self,
        module: M,
        gradients: Gradients,
        learning_rate: f64,
        step: u64,
    ) -> Result<M> {
        let mut collector = Collector {
            path: NamePath::default(),
            gradients,
            found: VecDeque::new(),
            missing: Vec::new(),
        };
        module.visit(&mut collector);
        if !collector.missing.is_empty() {
            return Err(Error::argument(
                "gradients",
                format!("there is none for {}", collector.missing.join(", ")),
                "every parameter must take part in the loss",
            ));
        }
        for (name, gradient) in &collector.found {
            if first_not_finite(gradient).is_some() {
                return Err(not_finite(format!("the gradient of {name}"), step));
            }
        }
        let mut updater = Updater {
            gradients: collector.found,
            adam: self,
            learning_rate,
            next_powers: None,
            failure: None,
            step,
        };
        let module = module.map(&mut updater);
        let (failure, powers) = (updater.failure, updater.next_powers);
        if let Some(failure) = failure {
            return Err(failure);
        }
        if let Some(powers) = powers {
            self.powers = powers;
        }
        Ok(module)
    }
}

fn not_finite(what: String, step: u64) -> Error {
    Error::not_finite(
        what,
        step,
        "lower the learning rate (train.optimiser.learning_rate); the last checkpoint is a good one",
    )
}

/// Takes every parameter's gradient, in the order of the walk.
struct Collector {
    path: NamePath,
    gradients: Gradients,
    found: VecDeque<(String, TensorData)>,
    missing: Vec<String>,
}

impl ModuleVisitor for Collector {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.name();
        match param.val().grad_remove(&mut self.gradients) {
            Some(gradient) => self.found.push_back((name, gradient.into_data())),
            None => self.missing.push(name),
        }
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }
}

/// Walks the parameters in the same order again and updates them.
struct Updater<'a> {
    gradients: VecDeque<(String, TensorData)>,
    adam: &'a mut Adam,
    learning_rate: f64,
    next_powers: Option<BetaPowers>,
    failure: Option<Error>,
    step: u64,
}

impl Updater<'_> {
    fn apply(&mut self, name: &str, weights: &mut TensorData, gradient: &TensorData) -> Result<()> {
        let adam = &mut *self.adam;
        if adam.powers == BetaPowers::default() {
            let zeros = || Slot {
                first: zeros_like(gradient),
                second: zeros_like(gradient),
            };
            adam.slots.entry(name.to_owned()).or_insert_with(zeros);
        }
        let Some(slot) = adam.slots.get_mut(name) else {
            return Err(Error::argument(
                format!("optimiser state of {name}"),
                "there is none, but this is not the first step",
                "go on with the model that it was saved with",
            ));
        };
        if slot.first.shape() != gradient.shape() || slot.first.dtype() != gradient.dtype() {
            return Err(Error::argument(
                format!("optimiser state of {name}"),
                format!(
                    "expected {:?}, found {:?}",
                    gradient.shape().as_slice(),
                    slot.first.shape().as_slice()
                ),
                "go on with the model that it was saved with",
            ));
        }
        let arguments = (&adam.settings, adam.powers, self.learning_rate);
        let next_powers = match weights.dtype() {
            DType::F32 => update_f32(weights, gradient, slot, arguments),
            DType::F64 => update_f64(weights, gradient, slot, arguments),
            other => {
                return Err(Error::argument(
                    format!("parameter {name}"),
                    format!("its numbers are {other:?}"),
                    "train in f32 or f64",
                ));
            }
        };
        self.next_powers = Some(next_powers);
        if first_not_finite(weights).is_some() {
            return Err(not_finite(format!("parameter {name}"), self.step));
        }
        Ok(())
    }
}

impl ModuleMapper for Updater<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (name, gradient) = self
            .gradients
            .pop_front()
            .expect("both walks see the same parameters");
        if self.failure.is_some() {
            return param;
        }
        let mut weights = param.val().into_data();
        if let Err(failure) = self.apply(&name, &mut weights, &gradient) {
            self.failure = Some(failure);
            return param;
        }
        replace(param, weights)
    }
}

fn zeros_like(data: &TensorData) -> TensorData {
    TensorData::full_dtype(data.shape().clone(), 0.0, data.dtype())
}

/// The update in one number type, in place; returns the powers of beta after the step.
macro_rules! update_in {
    ($name:ident, $number:ty) => {
        fn $name(
            weights: &mut TensorData,
            gradient: &TensorData,
            slot: &mut Slot,
            (settings, powers, learning_rate): (&AdamSettings, BetaPowers, f64),
        ) -> BetaPowers {
            const SAME_TYPE: &str = "a parameter, its gradient and its moments share a number type";
            let (beta1, beta2) = (settings.beta1 as $number, settings.beta2 as $number);
            let epsilon = settings.epsilon as $number;
            let beta1_power = powers.beta1 as $number * beta1;
            let beta2_power = powers.beta2 as $number * beta2;
            let rate = learning_rate as $number * (1.0 - beta2_power).sqrt() / (1.0 - beta1_power);
            let weights = weights.as_mut_slice::<$number>().expect(SAME_TYPE);
            let gradient = gradient.as_slice::<$number>().expect(SAME_TYPE);
            let first = slot.first.as_mut_slice::<$number>().expect(SAME_TYPE);
            let second = slot.second.as_mut_slice::<$number>().expect(SAME_TYPE);
            for (((weight, &gradient), first), second) in
                weights.iter_mut().zip(gradient).zip(first).zip(second)
            {
                *first += (gradient - *first) * (1.0 - beta1);
                *second += (gradient * gradient - *second) * (1.0 - beta2);
                *weight -= *first * rate / (second.sqrt() + epsilon);
            }
            BetaPowers {
                beta1: f64::from(beta1_power),
                beta2: f64::from(beta2_power),
            }
        }
    };
}

update_in!(update_f32, f32);
update_in!(update_f64, f64);

#[cfg(test)]
mod tests;
