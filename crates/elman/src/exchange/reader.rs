//! Takes a cell's tensors out of [`Weights`] and collects everything that is wrong with them.

use burn::tensor::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::exchange::Weights;

/// What one axis of a tensor must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Size {
    /// Exactly this.
    Exactly(usize),
    /// More than this: what is above it is the number of input features.
    MoreThan(usize),
    /// As it is: the tensor that would say it is missing.
    Unknown,
}

impl Size {
    pub(super) fn exactly(size: Option<usize>) -> Self {
        size.map_or(Self::Unknown, Self::Exactly)
    }

    pub(super) fn more_than(size: Option<usize>) -> Self {
        size.map_or(Self::Unknown, Self::MoreThan)
    }

    fn admits(self, size: usize) -> bool {
        match self {
            Self::Exactly(exact) => size == exact,
            Self::MoreThan(less) => size > less,
            Self::Unknown => size > 0,
        }
    }

    fn describe(self) -> String {
        match self {
            Self::Exactly(exact) => exact.to_string(),
            Self::MoreThan(less) => format!("more than {less}"),
            Self::Unknown => "any".to_owned(),
        }
    }
}

/// Reads the tensors of one cell; complains about all of them at once.
#[derive(Debug)]
pub(super) struct Reader<'weights> {
    weights: &'weights Weights,
    origin: String,
    problems: Vec<String>,
    dtype: Option<DType>,
}

impl<'weights> Reader<'weights> {
    /// `origin` says whose tensors these are.
    pub(super) fn new(weights: &'weights Weights, origin: String) -> Self {
        Self {
            weights,
            origin,
            problems: Vec::new(),
            dtype: None,
        }
    }

    /// Is there a tensor called `name`?
    pub(super) fn has(&self, name: &str) -> bool {
        self.weights.get(name).is_some()
    }

    /// The size of an axis of a tensor, if both are there.
    pub(super) fn axis(&self, name: &str, axis: usize) -> Option<usize> {
        self.weights.get(name)?.shape().get(axis).copied()
    }

    /// The tensor called `name`, on the host; `letters` is its shape in house letters.
    ///
    /// Where something is wrong this notes it and gives a stand-in of shape `[1, …]`, so that the
    /// other tensors can be looked at too: nothing may be done with any of them before
    /// [`finish`](Self::finish) has said that all is well.
    pub(super) fn take<const D: usize>(
        &mut self,
        name: &str,
        letters: &str,
        sizes: [Size; D],
    ) -> Tensor<D> {
        let host = Device::flex();
        let problem = match self.weights.get(name) {
            None => format!("{name} is missing; its shape must be {letters}"),
            Some(data) => {
                let shape = data.shape().as_slice();
                let first = *self.dtype.get_or_insert(data.dtype());
                let fits =
                    shape.len() == D && shape.iter().zip(sizes).all(|(&n, size)| size.admits(n));
                if !fits {
                    let sizes = sizes.map(Size::describe).join(", ");
                    format!("{name} has shape {shape:?}; it must be {letters} = [{sizes}]")
                } else if !matches!(data.dtype(), DType::F32 | DType::F64) {
                    format!(
                        "{name} has number type {:?}; it must be f32 or f64",
                        data.dtype()
                    )
                } else if data.dtype() != first {
                    format!(
                        "{name} has number type {:?}, another tensor {first:?}; all must have one",
                        data.dtype()
                    )
                } else {
                    return Tensor::from_data(data.clone(), (&host, data.dtype()));
                }
            }
        };
        self.problems.push(problem);
        Tensor::zeros([1; D], &host)
    }

    /// The number type of the tensors, when nothing is wrong with any of them.
    pub(super) fn finish(self) -> Result<DType> {
        match self.dtype {
            Some(dtype) if self.problems.is_empty() => Ok(dtype),
            _ => Err(Error::weights(self.origin, self.problems)),
        }
    }
}
