//! A module's gradients, as a module of the same form.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Gradients, Tensor};

/// The module with each parameter replaced by its gradient.
///
/// # Panics
///
/// When a parameter has no gradient: a leaf that was forgotten must not pass unseen.
pub(crate) fn gradient_module<M: Module>(module: M, gradients: &Gradients) -> M {
    module.map(&mut TakeGradients {
        gradients,
        path: Vec::new(),
    })
}

struct TakeGradients<'a> {
    gradients: &'a Gradients,
    path: Vec<String>,
}

impl ModuleMapper for TakeGradients<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join(".");
        let gradient = param
            .val()
            .grad(self.gradients)
            .unwrap_or_else(|| panic!("{path} has no gradient"));
        Param::initialized(param.id, gradient)
    }
}
