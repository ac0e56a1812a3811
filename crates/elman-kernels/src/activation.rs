//! The activation functions that kernels know.

/// An activation function, by TF 1's name and definition (`tf.nn`).
///
/// Each derivative is a function of the activation's own output, so that backward needs nothing
/// but what forward wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Activation {
    /// `x` (TF 1's linear activation).
    Identity,
    /// The hyperbolic tangent: every cell's default.
    #[default]
    Tanh,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `max(x, 0.2 x)` (`tf.nn.leaky_relu` with its default slope).
    LeakyRelu,
    /// `x` above 0, `e^x - 1` below (Clevert et al. 2016).
    Elu,
    /// The self-normalising `elu` (Klambauer et al. 2017).
    Selu,
    /// `ln(1 + e^x)`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
}
