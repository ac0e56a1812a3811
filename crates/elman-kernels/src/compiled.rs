//! The cells, compiled once.
//!
//! Generic code is compiled in every crate that names a number type, and again in that crate's tests; that
//! of the cells takes minutes. The methods of a trait are compiled where it is implemented: here.

use crate::cell::{Packed, Spec, Tape};
use crate::isa::Isa;
use crate::real::Real;
use crate::run::{Backward, Forward, Gradients};

/// What [`Spec`], [`Packed`] and [`Tape`] do in one number type.
#[doc(hidden)]
pub trait Compiled: Sized {
    fn pack(spec: &Spec, parameters: &[&[Self]], isa: Isa) -> Packed<Self>
    where
        Self: Real;

    fn forward(cell: &Packed<Self>, run: Forward<'_, Self>) -> Vec<Self>
    where
        Self: Real;

    fn forward_training(cell: Packed<Self>, run: Forward<'_, Self>) -> (Vec<Self>, Tape<Self>)
    where
        Self: Real;

    fn backward(
        tape: Tape<Self>,
        run: &Backward<'_, Self>,
        parameters: &[&[Self]],
    ) -> Gradients<Self>
    where
        Self: Real;
}

macro_rules! compile {
    ($real:ty) => {
        impl Compiled for $real {
            #[inline(never)]
            fn pack(spec: &Spec, parameters: &[&[Self]], isa: Isa) -> Packed<Self> {
                spec.packed(parameters, isa)
            }

            #[inline(never)]
            fn forward(cell: &Packed<Self>, run: Forward<'_, Self>) -> Vec<Self> {
                cell.walk(run)
            }

            #[inline(never)]
            fn forward_training(
                cell: Packed<Self>,
                run: Forward<'_, Self>,
            ) -> (Vec<Self>, Tape<Self>) {
                cell.walk_training(run)
            }

            #[inline(never)]
            fn backward(
                tape: Tape<Self>,
                run: &Backward<'_, Self>,
                parameters: &[&[Self]],
            ) -> Gradients<Self> {
                tape.walk_back(run, parameters)
            }
        }
    };
}

compile!(f32);
compile!(f64);
