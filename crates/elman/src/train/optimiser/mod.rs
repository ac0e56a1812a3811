//! Optimisers: what turns gradients into new weights.
//!
//! ```text
//! gradients ─► + penalties ─► clip ─► weight decay ─► the rule ─► weights
//! ```
//!
//! One file a rule, each with TensorFlow 1's arithmetic. Weights and what a rule keeps of them are
//! updated in one pass over their numbers.

mod adagrad;
mod adam;
mod adam_w;
mod momentum;
mod rms_prop;
mod rule;
mod sgd;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Gradients, Tensor, TensorData};

use self::rule::{AnyRule, Number, Numbers, Rule};
use super::clip::{CHUNK, Clip, GradientNorms, clipped};
use super::regularisation::Regularisation;
use crate::error::{Error, Result};
use crate::recipe::OptimiserSettings;
use crate::store::{NamedTensors, first_not_finite};
use crate::threads::deal_out;
use crate::train::parameters::{NamePath, edit};

/// An optimiser of any Burn module, with what it keeps of every parameter.
#[derive(Clone, Debug)]
pub struct Optimiser {
    rule: AnyRule,
    clip: Option<Clip>,
    regularisation: Regularisation,
    /// By parameter, in the order of the rule.
    slots: BTreeMap<String, Vec<TensorData>>,
    norms: GradientNorms,
}

/// An [`Optimiser`] between two steps, as it is saved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptimiserState {
    /// What is kept once, such as Adam's powers of beta, by TF 1's names.
    pub scalars: BTreeMap<String, f64>,
    /// `<slot>.<parameter>` for every slot of every parameter, such as `m.cell.kernel`.
    pub slots: NamedTensors,
}

impl Optimiser {
    /// Before the first step. The settings' learning rate is not read, a step is told its own.
    pub fn new(settings: impl Into<OptimiserSettings>) -> Self {
        Self {
            rule: AnyRule::new(settings.into()),
            clip: None,
            regularisation: Regularisation::default(),
            slots: BTreeMap::new(),
            norms: GradientNorms::default(),
        }
    }

    /// Gradients are clipped before they are used.
    pub fn with_clip(mut self, clip: Option<Clip>) -> Self {
        self.clip = clip;
        self
    }

    /// Large weights are held down.
    pub fn with_regularisation(mut self, regularisation: Regularisation) -> Self {
        self.regularisation = regularisation;
        self
    }

    /// The gradients' norms in the last step.
    pub fn norms(&self) -> GradientNorms {
        self.norms
    }

    /// What [`with_state`](Self::with_state) needs to go on.
    pub fn state(&self) -> OptimiserState {
        let names = self.rule.slots();
        let mut slots = NamedTensors::new();
        for (parameter, kept) in &self.slots {
            for ((slot, _), data) in names.iter().zip(kept) {
                slots.insert(format!("{slot}.{parameter}"), data.clone());
            }
        }
        OptimiserState {
            scalars: self.rule.scalars(),
            slots,
        }
    }

    /// Goes on from `state`; `path` names its file in errors.
    ///
    /// # Errors
    ///
    /// When something is missing or of an unknown name.
    pub fn with_state(mut self, state: OptimiserState, path: &Path) -> Result<Self> {
        if self.rule.restore(&state.scalars).is_none() {
            let found: Vec<_> = state.scalars.keys().cloned().collect();
            return Err(Error::damaged(
                path,
                format!("the optimiser's numbers are not all there: {found:?}"),
            ));
        }
        let names = self.rule.slots();
        let mut found: BTreeMap<String, Vec<Option<TensorData>>> = BTreeMap::new();
        for (name, data) in state.slots {
            let place = name.split_once('.').and_then(|(slot, parameter)| {
                let at = names.iter().position(|(name, _)| *name == slot)?;
                Some((at, parameter))
            });
            let Some((at, parameter)) = place else {
                return Err(Error::damaged(
                    path,
                    format!("{name}: the optimiser keeps nothing of this name"),
                ));
            };
            let kept = found.entry(parameter.to_owned());
            kept.or_insert_with(|| vec![None; names.len()])[at] = Some(data);
        }
        for (parameter, kept) in found {
            let kept: Option<Vec<TensorData>> = kept.into_iter().collect();
            let alike = |kept: &Vec<TensorData>| {
                let first = &kept[0];
                let mut all = kept.iter();
                all.all(|data| data.shape() == first.shape() && data.dtype() == first.dtype())
            };
            let Some(kept) = kept.filter(alike) else {
                let all: Vec<_> = names.iter().map(|(slot, _)| *slot).collect();
                return Err(Error::damaged(
                    path,
                    format!(
                        "the optimiser keeps {} of {parameter}, of one shape; not all are there",
                        all.join(", ")
                    ),
                ));
            };
            self.slots.insert(parameter, kept);
        }
        Ok(self)
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
            regularisation: self.regularisation,
            found: VecDeque::new(),
            missing: Vec::new(),
            untrained: Vec::new(),
        };
        module.visit(&mut collector);
        let Collector {
            mut found,
            mut missing,
            untrained,
            ..
        } = collector;
        if found.is_empty() {
            missing.extend(untrained);
        }
        if !missing.is_empty() {
            return Err(Error::argument(
                "gradients",
                format!("there is none for {}", missing.join(", ")),
                "every parameter must take part in the loss",
            ));
        }
        let all = found.iter_mut().map(|(_, gradient)| gradient).collect();
        self.norms = clipped(self.clip, all).map_err(|error| {
            let mut gradients = found.iter();
            match gradients.find(|(_, gradient)| first_not_finite(gradient).is_some()) {
                Some((name, _)) => not_finite(format!("the gradient of {name}"), step),
                None => error,
            }
        })?;
        if let Some((_, first)) = found.front() {
            self.rule.begin(first.dtype());
        }
        let mut updater = Updater {
            gradients: found,
            first_step: self.slots.is_empty(),
            optimiser: self,
            learning_rate,
            failure: None,
            step,
        };
        let module = module.map(&mut updater);
        match updater.failure {
            Some(failure) => Err(failure),
            None => Ok(module),
        }
    }
}

fn not_finite(what: String, step: u64) -> Error {
    Error::not_finite(
        what,
        step,
        "lower the learning rate (train.optimiser.learning_rate) or clip gradients (train.clip); \
         the last checkpoint is a good one",
    )
}

/// Takes every parameter's gradient, in the order of the walk.
struct Collector {
    path: NamePath,
    gradients: Gradients,
    regularisation: Regularisation,
    found: VecDeque<(String, TensorData)>,
    missing: Vec<String>,
    untrained: Vec<String>,
}

/// Is it a weight, and not something that a forward pass notes, such as a moving mean?
fn is_trained<const D: usize>(param: &Param<Tensor<D>>) -> bool {
    param.val().is_require_grad()
}

impl ModuleVisitor for Collector {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.name();
        if !is_trained(param) {
            self.untrained.push(name);
            return;
        }
        match param.val().grad_remove(&mut self.gradients) {
            Some(gradient) => {
                let mut gradient = gradient.into_data();
                if D > 1 && self.regularisation.penalises() {
                    let weights = param.val().into_data();
                    self.regularisation.add_to(&mut gradient, &weights);
                }
                self.found.push_back((name, gradient));
            }
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
    first_step: bool,
    optimiser: &'a mut Optimiser,
    learning_rate: f64,
    failure: Option<Error>,
    step: u64,
}

impl Updater<'_> {
    /// The step of one parameter, a tensor of `rank` axes.
    fn apply(
        &mut self,
        name: &str,
        weights: &mut TensorData,
        gradient: &TensorData,
        rank: usize,
    ) -> Result<()> {
        let optimiser = &mut *self.optimiser;
        let names = optimiser.rule.slots();
        // A rule that keeps nothing has nothing to lose.
        if self.first_step || names.is_empty() {
            let fresh = || {
                let start = |value| {
                    TensorData::full_dtype(gradient.shape().clone(), value, gradient.dtype())
                };
                names.iter().map(|&(_, value)| start(value)).collect()
            };
            optimiser.slots.entry(name.to_owned()).or_insert_with(fresh);
        }
        let Some(slots) = optimiser.slots.get_mut(name) else {
            return Err(Error::argument(
                format!("optimiser state of {name}"),
                "there is none, but this is not the first step",
                "go on with the model that it was saved with",
            ));
        };
        for slot in slots.iter() {
            if slot.shape() != gradient.shape() || slot.dtype() != gradient.dtype() {
                return Err(Error::argument(
                    format!("optimiser state of {name}"),
                    format!(
                        "expected {:?}, found {:?}",
                        gradient.shape().as_slice(),
                        slot.shape().as_slice()
                    ),
                    "go on with the model that it was saved with",
                ));
            }
        }
        let decay = match rank {
            0 | 1 => 0.0,
            _ => optimiser.regularisation.weight_decay,
        };
        let rates = (self.learning_rate, decay);
        let finite = match weights.dtype() {
            DType::F32 => update::<f32>(&optimiser.rule, rates, weights, gradient, slots),
            DType::F64 => update::<f64>(&optimiser.rule, rates, weights, gradient, slots),
            other => {
                return Err(Error::argument(
                    format!("parameter {name}"),
                    format!("its numbers are {other:?}"),
                    "train in f32 or f64",
                ));
            }
        };
        match finite {
            true => Ok(()),
            false => Err(not_finite(format!("parameter {name}"), self.step)),
        }
    }
}

impl ModuleMapper for Updater<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !is_trained(&param) {
            return param;
        }
        let (name, gradient) = self
            .gradients
            .pop_front()
            .expect("both walks see the same parameters");
        if self.failure.is_some() {
            return param;
        }
        edit(param, |weights| {
            if let Err(failure) = self.apply(&name, weights, &gradient, D) {
                self.failure = Some(failure);
            }
        })
    }
}

/// The update in one number type, in place, by all threads; says whether all new weights are finite.
fn update<T: Number>(
    rule: &AnyRule,
    (learning_rate, decay): (f64, f64),
    weights: &mut TensorData,
    gradient: &TensorData,
    slots: &mut [TensorData],
) -> bool {
    const SAME_TYPE: &str = "a parameter, its gradient and its slots share a number type";
    let weights = weights.as_mut_slice::<T>().expect(SAME_TYPE);
    let gradient = gradient.as_slice::<T>().expect(SAME_TYPE);
    let slots = slots.iter_mut();
    let mut slots: Vec<_> = slots
        .map(|slot| {
            let numbers = slot.as_mut_slice::<T>().expect(SAME_TYPE);
            numbers.chunks_mut(CHUNK)
        })
        .collect();
    let chunks = weights.chunks_mut(CHUNK).zip(gradient.chunks(CHUNK));
    let chunks = chunks.map(|(weights, gradient)| {
        let slots = slots.iter_mut().map(|chunks| chunks.next());
        let slots: Option<Vec<_>> = slots.collect();
        (weights, gradient, slots.expect("slots of the same shape"))
    });
    let (learning_rate, decay) = (T::of(learning_rate), T::of(decay));
    let finite = AtomicBool::new(true);
    deal_out(chunks.collect(), |(weights, gradient, mut slots)| {
        if decay != T::of(0.0) {
            for weight in weights.iter_mut() {
                *weight -= decay * *weight;
            }
        }
        let numbers = Numbers {
            weights: &mut *weights,
            gradient,
            slots: &mut slots,
        };
        rule.step(learning_rate, numbers);
        // Without a branch for each number: that is many at a time.
        let all = weights.iter();
        if !all.fold(true, |all, weight| all & weight.is_finite()) {
            finite.store(false, Ordering::Relaxed);
        }
    });
    finite.into_inner()
}

#[cfg(test)]
mod tests;
