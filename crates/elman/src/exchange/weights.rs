//! Tensors by name.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{DType, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::error::{Error, Result};

/// Tensors by the names that another framework gives them.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    tensors: BTreeMap<String, TensorData>,
}

impl Weights {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor; one of the same name is replaced.
    pub fn with(mut self, name: impl Into<String>, data: TensorData) -> Self {
        self.insert(name, data);
        self
    }

    /// Adds a tensor; one of the same name is replaced and returned.
    pub fn insert(&mut self, name: impl Into<String>, data: TensorData) -> Option<TensorData> {
        self.tensors.insert(name.into(), data)
    }

    /// The tensor called `name`.
    pub fn get(&self, name: &str) -> Option<&TensorData> {
        self.tensors.get(name)
    }

    /// All tensors, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TensorData)> {
        self.tensors
            .iter()
            .map(|(name, data)| (name.as_str(), data))
    }

    /// The tensors whose names begin with `prefix`, without it: `under("encoder.")` selects the
    /// parameters of a PyTorch submodule.
    pub fn under(&self, prefix: &str) -> Self {
        let tensors = self.tensors.iter().filter_map(|(name, data)| {
            let rest = name.strip_prefix(prefix)?;
            Some((rest.to_owned(), data.clone()))
        });
        Self {
            tensors: tensors.collect(),
        }
    }

    /// The same with every float tensor in `dtype`; whole numbers stay as they are.
    pub fn to_dtype(&self, dtype: DType) -> Self {
        let tensors = self.tensors.iter().map(|(name, data)| {
            let data = data.clone();
            let data = if data.dtype().is_float() {
                data.convert_dtype(dtype)
            } else {
                data
            };
            (name.clone(), data)
        });
        Self {
            tensors: tensors.collect(),
        }
    }

    /// Reads a `.safetensors` file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is not a safetensors file, or holds a number type that Burn
    /// does not know.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| Error::io("read", path, source))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| {
            Error::data(
                path,
                format!("is not a safetensors file ({error})"),
                "give a file that a safetensors library has written",
            )
        })?;
        let mut weights = Self::new();
        for (name, view) in file.iter() {
            let data = burn_dtype(view.dtype()).and_then(|dtype| {
                TensorData::try_from_bytes_vec(view.data().to_vec(), view.shape().to_vec(), dtype)
                    .ok()
            });
            let Some(data) = data else {
                return Err(Error::data(
                    path,
                    format!("tensor {name} has number type {:?}", view.dtype()),
                    "store it as f64, f32, f16, bf16 or a whole number",
                ));
            };
            weights.insert(name, data);
        }
        Ok(weights)
    }

    /// The content of a `.safetensors` file with these tensors.
    ///
    /// # Errors
    ///
    /// When a tensor has a number type that the format does not know (quantised ones).
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        let mut views = Vec::with_capacity(self.tensors.len());
        for (name, data) in &self.tensors {
            let view = safetensors_dtype(data.dtype()).and_then(|dtype| {
                TensorView::new(dtype, data.shape().to_vec(), data.as_bytes()).ok()
            });
            let Some(view) = view else {
                return Err(Error::argument(
                    name.as_str(),
                    format!("has number type {:?}", data.dtype()),
                    "convert it with Weights::to_dtype",
                ));
            };
            views.push((name.as_str(), view));
        }
        safetensors::serialize(views, None).map_err(|error| {
            Error::argument(
                "weights",
                format!("cannot be written ({error})"),
                "give fewer or smaller tensors",
            )
        })
    }

    /// Adds a parameter of a cell.
    pub(super) fn insert_tensor<const D: usize>(&mut self, name: String, tensor: Tensor<D>) {
        self.tensors.insert(name, tensor.into_data());
    }
}

fn burn_dtype(dtype: Dtype) -> Option<DType> {
    Some(match dtype {
        Dtype::F64 => DType::F64,
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::I64 => DType::I64,
        Dtype::I32 => DType::I32,
        Dtype::I16 => DType::I16,
        Dtype::I8 => DType::I8,
        Dtype::U64 => DType::U64,
        Dtype::U32 => DType::U32,
        Dtype::U16 => DType::U16,
        Dtype::U8 => DType::U8,
        _ => return None,
    })
}

fn safetensors_dtype(dtype: DType) -> Option<Dtype> {
    Some(match dtype {
        DType::F64 => Dtype::F64,
        DType::F32 => Dtype::F32,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::I64 => Dtype::I64,
        DType::I32 => Dtype::I32,
        DType::I16 => Dtype::I16,
        DType::I8 => Dtype::I8,
        DType::U64 => Dtype::U64,
        DType::U32 => Dtype::U32,
        DType::U16 => Dtype::U16,
        DType::U8 => Dtype::U8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, TensorData};

    use super::Weights;

    fn weights() -> Weights {
        Weights::new()
            .with("layer.kernel", TensorData::from([[1.5_f32, -2.0, 3.25]]))
            .with("layer.steps", TensorData::from([7_i32, 9]))
            .with("other", TensorData::from([0.1_f64]))
    }

    #[test]
    fn a_file_holds_what_was_put_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        std::fs::write(&path, weights().to_safetensors().unwrap()).unwrap();
        let loaded = Weights::load(&path).unwrap();
        assert!(loaded.iter().eq(weights().iter()));
    }

    #[test]
    fn what_is_not_safetensors_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        std::fs::write(&path, b"not a header").unwrap();
        let error = Weights::load(&path).unwrap_err();
        assert!(error.is_data());
        assert!(error.to_string().contains("is not a safetensors file"));
        assert!(
            Weights::load(folder.path().join("absent"))
                .unwrap_err()
                .is_io()
        );
    }

    #[test]
    fn a_prefix_selects_and_a_conversion_leaves_whole_numbers() {
        let layer = weights().under("layer.").to_dtype(DType::F64);
        let types: Vec<_> = layer.iter().map(|(n, data)| (n, data.dtype())).collect();
        assert_eq!(types, [("kernel", DType::F64), ("steps", DType::I32)]);
    }
}
