//! A module on the heap.

use std::ops::Deref;

use burn::module::{
    Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor,
};
use burn::tensor::Device;

/// A module on the heap: what lets an [`AnyCell`](crate::wrapper::AnyCell) stand in a wrapper
/// around an `AnyCell`. It adds nothing to the names of parameters.
#[derive(Clone, Debug)]
pub struct Boxed<M>(Box<M>);

impl<M> Boxed<M> {
    /// Puts `module` on the heap.
    pub fn new(module: M) -> Self {
        Self(Box::new(module))
    }

    /// Takes the module back.
    pub fn into_inner(self) -> M {
        *self.0
    }
}

impl<M> Deref for Boxed<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.0
    }
}

impl<M: Module> Module for Boxed<M> {
    fn collect_devices(&self, devices: Devices) -> Devices {
        self.0.collect_devices(devices)
    }

    fn fork(self, device: &Device) -> Self {
        Self::new(self.into_inner().fork(device))
    }

    fn to_device(self, device: &Device) -> Self {
        Self::new(self.into_inner().to_device(device))
    }

    fn train(self) -> Self {
        Self::new(self.into_inner().train())
    }

    fn valid(&self) -> Self {
        Self::new(self.0.valid())
    }

    fn materialize(self) -> Self {
        Self::new(self.into_inner().materialize())
    }

    fn num_params(&self) -> usize {
        self.0.num_params()
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        self.0.visit(visitor);
    }

    fn map<M2: ModuleMapper>(self, mapper: &mut M2) -> Self {
        Self::new(self.into_inner().map(mapper))
    }
}

impl<M: ModuleDisplayDefault> ModuleDisplayDefault for Boxed<M> {
    fn content(&self, content: Content) -> Option<Content> {
        self.0.content(content)
    }

    fn num_params(&self) -> usize {
        self.0.num_params()
    }
}

impl<M: ModuleDisplay> ModuleDisplay for Boxed<M> {}
