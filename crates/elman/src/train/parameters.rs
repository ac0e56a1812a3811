//! A module's parameters by name.

use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::error::{Error, Result};
use crate::store::NamedTensors;

/// The names of the fields around the parameter that a walk has reached.
///
/// An enum's variant is not part of the name: the field that holds the enum is.
#[derive(Debug, Default)]
pub(crate) struct NamePath(Vec<Option<String>>);

impl NamePath {
    pub(crate) fn enter(&mut self, name: &str, container: &str) {
        let visible = !container.starts_with("Enum:");
        self.0.push(visible.then(|| name.to_owned()));
    }

    pub(crate) fn exit(&mut self) {
        self.0.pop();
    }

    /// "cell.kernel".
    pub(crate) fn name(&self) -> String {
        let parts: Vec<&str> = self.0.iter().flatten().map(String::as_str).collect();
        parts.join(".")
    }
}

/// The values of all float parameters of `module`, by name.
///
/// A name is the path of the fields that lead to the parameter, joined by dots.
pub fn snapshot<M: Module>(module: &M) -> NamedTensors {
    let mut reader = Reader::default();
    module.visit(&mut reader);
    reader.tensors
}

#[derive(Default)]
struct Reader {
    path: NamePath,
    tensors: NamedTensors,
}

impl ModuleVisitor for Reader {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.tensors
            .insert(self.path.name(), param.val().into_data());
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }
}

/// `module` with the values of `tensors`; `path` names their file in errors.
///
/// # Errors
///
/// With every tensor that is missing, unknown, or of another shape or number type.
pub fn restore<M: Module>(module: M, tensors: NamedTensors, path: &Path) -> Result<M> {
    let mut writer = Writer {
        path: NamePath::default(),
        tensors,
        problems: Vec::new(),
    };
    let module = module.map(&mut writer);
    let unknown = writer.tensors.keys();
    let mut problems = writer.problems;
    problems.extend(unknown.map(|name| format!("{name}: not a parameter of this model")));
    if problems.is_empty() {
        return Ok(module);
    }
    Err(Error::data(
        path,
        format!("does not fit the model: {}", problems.join("; ")),
        "give the file that belongs to this recipe",
    ))
}

struct Writer {
    path: NamePath,
    tensors: NamedTensors,
    problems: Vec<String>,
}

impl Writer {
    /// The tensor of the current name, if it is as `expected`.
    fn take(&mut self, expected: &TensorData) -> Option<TensorData> {
        let name = self.path.name();
        let Some(found) = self.tensors.remove(&name) else {
            self.problems.push(format!("{name}: missing"));
            return None;
        };
        let fits = found.shape() == expected.shape() && found.dtype() == expected.dtype();
        if !fits {
            self.problems.push(format!(
                "{name}: expected {:?} {:?}, found {:?} {:?}",
                expected.dtype(),
                expected.shape().as_slice(),
                found.dtype(),
                found.shape().as_slice(),
            ));
        }
        fits.then_some(found)
    }
}

impl ModuleMapper for Writer {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.take(&param.val().into_data()) {
            Some(data) => replace(param, data),
            None => param,
        }
    }
}

/// `param` with other numbers, still a leaf that is trained if it was one.
pub(crate) fn replace<const D: usize>(
    param: Param<Tensor<D>>,
    data: TensorData,
) -> Param<Tensor<D>> {
    param.map(|tensor| Leaf::of(&tensor).with(data))
}

/// As [`replace`], with what `change` makes of the numbers: in place, if nobody else has them.
pub(crate) fn edit<const D: usize>(
    param: Param<Tensor<D>>,
    change: impl FnOnce(&mut TensorData),
) -> Param<Tensor<D>> {
    param.map(|tensor| {
        let leaf = Leaf::of(&tensor);
        let mut data = tensor.into_data();
        change(&mut data);
        leaf.with(data)
    })
}

/// What stays of a parameter's tensor when its numbers change.
struct Leaf {
    device: Device,
    dtype: DType,
    trained: bool,
}

impl Leaf {
    fn of<const D: usize>(tensor: &Tensor<D>) -> Self {
        Self {
            device: tensor.device(),
            dtype: tensor.dtype(),
            trained: tensor.is_require_grad(),
        }
    }

    fn with<const D: usize>(self, data: TensorData) -> Tensor<D> {
        Tensor::from_data(data, (&self.device, self.dtype)).set_require_grad(self.trained)
    }
}
