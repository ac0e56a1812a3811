//! Named f32 arrays in safetensors files.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::Failure;

/// A dense array in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its axes.
    pub shape: Vec<usize>,
    /// As many as the product of the axes.
    pub values: Vec<f32>,
}

impl Array {
    /// An array of `shape`.
    ///
    /// # Panics
    ///
    /// When the number of values is not the product of the axes.
    pub fn new(shape: impl Into<Vec<usize>>, values: Vec<f32>) -> Self {
        let shape = shape.into();
        assert_eq!(shape.iter().product::<usize>(), values.len());
        Self { shape, values }
    }

    /// `[A, B, C]` as `[B, A, C]`: time-major to batch-major and back.
    ///
    /// # Panics
    ///
    /// When there are not three axes.
    pub fn with_first_axes_swapped(&self) -> Self {
        let [a, b, c] = <[usize; 3]>::try_from(self.shape.as_slice()).expect("three axes");
        let mut values = Vec::with_capacity(self.values.len());
        for second in 0..b {
            for first in 0..a {
                let start = (first * b + second) * c;
                values.extend_from_slice(&self.values[start..start + c]);
            }
        }
        Self::new([b, a, c], values)
    }
}

/// Arrays by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensors(pub BTreeMap<String, Array>);

impl Tensors {
    /// The array `name`.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn get(&self, name: &str) -> Result<&Array, Failure> {
        self.0.get(name).ok_or_else(|| {
            let there: Vec<_> = self.0.keys().map(String::as_str).collect();
            format!("no tensor `{name}` among {}", there.join(", ")).into()
        })
    }

    /// Adds or replaces an array.
    pub fn insert(&mut self, name: impl Into<String>, array: Array) {
        self.0.insert(name.into(), array);
    }

    /// Reads a safetensors file of f32 arrays.
    ///
    /// # Errors
    ///
    /// When the file is not there, is damaged, or holds another number type.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = std::fs::read(path)?;
        let file = SafeTensors::deserialize(&bytes)?;
        let mut tensors = Self::default();
        for (name, view) in file.tensors() {
            if view.dtype() != Dtype::F32 {
                return Err(format!("`{name}` is {:?}; it must be F32", view.dtype()).into());
            }
            let values = view
                .data()
                .chunks_exact(size_of::<f32>())
                .map(|bytes| f32::from_le_bytes(bytes.try_into().expect("chunks of four")))
                .collect();
            tensors.insert(name, Array::new(view.shape(), values));
        }
        Ok(tensors)
    }

    /// Writes a safetensors file.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let bytes: Vec<(&str, &[usize], Vec<u8>)> = self
            .0
            .iter()
            .map(|(name, array)| {
                let data = array.values.iter().flat_map(|value| value.to_le_bytes());
                (name.as_str(), array.shape.as_slice(), data.collect())
            })
            .collect();
        let views = bytes
            .iter()
            .map(|(name, shape, data)| {
                TensorView::new(Dtype::F32, shape.to_vec(), data).map(|view| (*name, view))
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(std::fs::write(path, safetensors::serialize(views, None)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapping_the_first_axes_twice_changes_nothing() {
        let array = Array::new([2, 3, 1], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let swapped = array.with_first_axes_swapped();
        assert_eq!(swapped.shape, [3, 2, 1]);
        assert_eq!(swapped.values, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(swapped.with_first_axes_swapped(), array);
    }

    #[test]
    fn a_missing_tensor_is_named_beside_those_that_are_there() {
        let mut tensors = Tensors::default();
        tensors.insert("bias", Array::new([1], vec![0.0]));
        let error = tensors.get("kernel").unwrap_err().to_string();
        assert!(
            error.contains("kernel") && error.contains("bias"),
            "{error}"
        );
    }
}
