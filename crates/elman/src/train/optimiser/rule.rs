//! What the optimisers have in common.

use std::collections::BTreeMap;
use std::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};

use burn::tensor::{DType, Element};

use super::adagrad::AdaGrad;
use super::adam::Adam;
use super::adam_w::AdamW;
use super::momentum::Momentum;
use super::rms_prop::RmsProp;
use super::sgd::Sgd;
use crate::recipe::OptimiserSettings;

/// A number type in which parameters are trained.
pub(super) trait Number:
    Element
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + AddAssign
    + SubAssign
    + PartialEq
{
    /// The nearest number to `value`.
    fn of(value: f64) -> Self;

    /// √self.
    fn sqrt(self) -> Self;

    /// Is it a number, and not infinite?
    fn is_finite(self) -> bool;
}

impl Number for f32 {
    fn of(value: f64) -> Self {
        value as f32
    }

    fn sqrt(self) -> Self {
        self.sqrt()
    }

    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

impl Number for f64 {
    fn of(value: f64) -> Self {
        value
    }

    fn sqrt(self) -> Self {
        self.sqrt()
    }

    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

/// The numbers of one parameter in a step, all lists of one length.
pub(super) struct Numbers<'a, T> {
    pub(super) weights: &'a mut [T],
    pub(super) gradient: &'a [T],
    /// In the order of [`Rule::slots`].
    pub(super) slots: &'a mut [&'a mut [T]],
}

/// An optimiser's formula.
pub(super) trait Rule {
    /// What is kept of every number: TF 1's name, and the value before the first step.
    fn slots(&self) -> Vec<(&'static str, f64)>;

    /// A step over all parameters, in numbers of type `dtype`, begins.
    fn begin(&mut self, _dtype: DType) {}

    /// New weights and slots, in place.
    ///
    /// # Panics
    ///
    /// When there are not as many slots as [`slots`](Self::slots) says.
    fn step<T: Number>(&self, learning_rate: T, numbers: Numbers<'_, T>);

    /// What is kept besides the slots.
    fn scalars(&self) -> BTreeMap<String, f64> {
        BTreeMap::new()
    }

    /// Takes back what [`scalars`](Self::scalars) gave; `None` when one is missing.
    fn restore(&mut self, _scalars: &BTreeMap<String, f64>) -> Option<()> {
        Some(())
    }
}

/// Any of the rules.
#[derive(Clone, Debug)]
pub(super) enum AnyRule {
    Sgd(Sgd),
    Momentum(Momentum),
    AdaGrad(AdaGrad),
    RmsProp(RmsProp),
    Adam(Adam),
    AdamW(AdamW),
}

impl AnyRule {
    pub(super) fn new(settings: OptimiserSettings) -> Self {
        match settings {
            OptimiserSettings::Sgd(_) => Self::Sgd(Sgd),
            OptimiserSettings::Momentum(settings) => Self::Momentum(Momentum(settings)),
            OptimiserSettings::AdaGrad(settings) => Self::AdaGrad(AdaGrad(settings)),
            OptimiserSettings::RmsProp(settings) => Self::RmsProp(RmsProp(settings)),
            OptimiserSettings::Adam(settings) => Self::Adam(Adam::new(settings)),
            OptimiserSettings::AdamW(settings) => Self::AdamW(AdamW::new(settings)),
        }
    }
}

/// `$body` with `$rule` bound to whichever rule `$any` is.
macro_rules! whichever {
    ($any:expr, $rule:ident => $body:expr) => {
        match $any {
            AnyRule::Sgd($rule) => $body,
            AnyRule::Momentum($rule) => $body,
            AnyRule::AdaGrad($rule) => $body,
            AnyRule::RmsProp($rule) => $body,
            AnyRule::Adam($rule) => $body,
            AnyRule::AdamW($rule) => $body,
        }
    };
}

impl Rule for AnyRule {
    fn slots(&self) -> Vec<(&'static str, f64)> {
        whichever!(self, rule => rule.slots())
    }

    fn begin(&mut self, dtype: DType) {
        whichever!(self, rule => rule.begin(dtype));
    }

    fn step<T: Number>(&self, learning_rate: T, numbers: Numbers<'_, T>) {
        whichever!(self, rule => rule.step(learning_rate, numbers));
    }

    fn scalars(&self) -> BTreeMap<String, f64> {
        whichever!(self, rule => rule.scalars())
    }

    fn restore(&mut self, scalars: &BTreeMap<String, f64>) -> Option<()> {
        whichever!(self, rule => rule.restore(scalars))
    }
}
