//! The optimisers' settings, with TensorFlow 1's defaults where it has any.

/// What turns gradients into new weights (`train.optimiser.name`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OptimiserSettings {
    /// Plain gradient descent (`"sgd"`).
    Sgd(SgdSettings),
    /// Momentum, plain or Nesterov's (`"momentum"`).
    Momentum(MomentumSettings),
    /// AdaGrad (`"adagrad"`).
    AdaGrad(AdaGradSettings),
    /// RMSProp, plain or centred (`"rmsprop"`).
    RmsProp(RmsPropSettings),
    /// Adam (`"adam"`).
    Adam(AdamSettings),
    /// Adam with decoupled weight decay (`"adamw"`).
    AdamW(AdamWSettings),
}

impl OptimiserSettings {
    /// The step size before the schedule.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Self::Sgd(settings) => settings.learning_rate,
            Self::Momentum(settings) => settings.learning_rate,
            Self::AdaGrad(settings) => settings.learning_rate,
            Self::RmsProp(settings) => settings.learning_rate,
            Self::Adam(settings) => settings.learning_rate,
            Self::AdamW(settings) => settings.adam.learning_rate,
        }
    }
}

/// Stochastic gradient descent (`tf.train.GradientDescentOptimizer`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdSettings {
    /// Step size before the schedule, above 0.
    pub learning_rate: f64,
}

/// Momentum (`tf.train.MomentumOptimizer`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MomentumSettings {
    /// Step size before the schedule, above 0.
    pub learning_rate: f64,
    /// The part of the velocity that stays, 0 ≤ momentum < 1.
    pub momentum: f64,
    /// Nesterov's form (default no)?
    pub nesterov: bool,
}

/// AdaGrad (`tf.train.AdagradOptimizer`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaGradSettings {
    /// Step size before the schedule, above 0.
    pub learning_rate: f64,
    /// Where the sums of squares start, above 0 (default 0.1).
    pub initial_accumulator_value: f64,
}

/// RMSProp (`tf.train.RMSPropOptimizer`, `torch.optim.RMSprop`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsPropSettings {
    /// Step size before the schedule, above 0.
    pub learning_rate: f64,
    /// Decay of the mean of squared gradients, 0 ≤ decay < 1 (default 0.9).
    pub decay: f64,
    /// The part of the velocity that stays, 0 ≤ momentum < 1 (default 0).
    pub momentum: f64,
    /// Keeps the division finite, above 0 (default 1e-10, in PyTorch's form 1e-8).
    pub epsilon: f64,
    /// Is the variance of gradients in the place of their mean square (default no)?
    pub centered: bool,
    /// Whose formula (`form`, default `"tensorflow"`).
    pub form: RmsPropForm,
}

/// Whose RMSProp it is (`train.optimiser.form`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RmsPropForm {
    /// TensorFlow 1's (`"tensorflow"`): `epsilon` under the root, mean squares from 1 on.
    #[default]
    TensorFlow,
    /// PyTorch's and Torch's (`"pytorch"`): `epsilon` beside the root, mean squares from 0 on.
    PyTorch,
}

/// Adam (Kingma and Ba 2015, arXiv 1412.6980; `tf.train.AdamOptimizer`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamSettings {
    /// Step size before the schedule, above 0 (default 0.001).
    pub learning_rate: f64,
    /// Decay of the mean of gradients, 0 ≤ beta1 < 1 (default 0.9).
    pub beta1: f64,
    /// Decay of the mean of squared gradients, 0 ≤ beta2 < 1 (default 0.999).
    pub beta2: f64,
    /// Keeps the division finite, above 0 (default 1e-8).
    pub epsilon: f64,
}

impl Default for AdamSettings {
    fn default() -> Self {
        Self {
            learning_rate: 0.001,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        }
    }
}

/// Adam with decoupled weight decay (`tf.contrib.opt.AdamWOptimizer`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWSettings {
    /// The step after the decay.
    pub adam: AdamSettings,
    /// The part of every weight that a step takes away, whatever the learning rate, from 0 to below 1.
    pub weight_decay: f64,
}

/// `From<settings>` for the variant of the same name.
macro_rules! into_settings {
    ($($variant:ident: $settings:ty),*) => {$(
        impl From<$settings> for OptimiserSettings {
            fn from(settings: $settings) -> Self {
                Self::$variant(settings)
            }
        }
    )*};
}

into_settings!(
    Sgd: SgdSettings,
    Momentum: MomentumSettings,
    AdaGrad: AdaGradSettings,
    RmsProp: RmsPropSettings,
    Adam: AdamSettings,
    AdamW: AdamWSettings
);
