//! The two number types, and vectors of them in whatever width the machine has.
//!
//! [`pulp`] has one method per number type (`add_f32s`, `add_f64s`); [`Real`] joins the two so
//! that every kernel is written once.

use std::ops::{Add, Div, Mul, Neg, Sub};

use pulp::Simd;
use pulp::bytemuck::Pod;

use crate::broadcast::broadcast;
use crate::compiled::Compiled;

/// `f32` or `f64`: what kernels compute in.
pub trait Real:
    Pod + Send + Sync + PartialOrd + Default + std::fmt::Debug + Compiled + sealed::Sealed
{
    /// A machine vector of this type.
    #[doc(hidden)]
    type Vector<S: Simd>: Pod;
    /// One flag per lane.
    #[doc(hidden)]
    type Mask<S: Simd>: Copy;

    /// What exponentials need to know of the number type.
    #[doc(hidden)]
    const FORMAT: Format<Self>;

    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;
    /// The same number, without loss.
    fn to_f64(self) -> f64;
    /// The sum of two.
    #[doc(hidden)]
    fn plus(self, other: Self) -> Self;
    /// The product of two.
    #[doc(hidden)]
    fn times(self, other: Self) -> Self;

    #[doc(hidden)]
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;
    #[doc(hidden)]
    fn add<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    #[doc(hidden)]
    fn sub<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    #[doc(hidden)]
    fn mul<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    #[doc(hidden)]
    fn div<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    #[doc(hidden)]
    fn mul_add<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;
    #[doc(hidden)]
    fn max<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    #[doc(hidden)]
    fn min<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    #[doc(hidden)]
    fn abs<S: Simd>(simd: S, a: Self::Vector<S>) -> Self::Vector<S>;
    /// The sum of all lanes, in an order that the instruction set fixes.
    #[doc(hidden)]
    fn sum<S: Simd>(simd: S, a: Self::Vector<S>) -> Self;
    #[doc(hidden)]
    fn less<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Mask<S>;
    #[doc(hidden)]
    fn select<S: Simd>(
        simd: S,
        mask: Self::Mask<S>,
        yes: Self::Vector<S>,
        no: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// Shifts every lane's bits left by [`Format::exponent_shift`].
    #[doc(hidden)]
    fn shift_to_exponent<S: Simd>(a: Self::Vector<S>) -> Self::Vector<S>;
    /// The first `count` lanes from memory, zero in the rest.
    ///
    /// # Safety
    ///
    /// `count` is at most the number of lanes and `pointer` is good for `count` reads.
    #[doc(hidden)]
    unsafe fn load_first<S: Simd>(simd: S, pointer: *const Self, count: usize) -> Self::Vector<S>;
    /// The first `count` lanes to memory.
    ///
    /// # Safety
    ///
    /// `count` is at most the number of lanes and `pointer` is good for `count` writes.
    #[doc(hidden)]
    unsafe fn store_first<S: Simd>(
        simd: S,
        pointer: *mut Self,
        count: usize,
        value: Self::Vector<S>,
    );
}

/// Constants of a number type for the exponential (see `math.rs`).
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Format<T: 'static> {
    /// 1.5 · 2^mantissa bits + exponent bias: adding it rounds to an integer and leaves the
    /// biased integer in the low bits.
    pub round_and_bias: T,
    /// 1 / ln 2.
    pub log2_e: T,
    /// -ln 2 in two parts, of which the first has trailing zero bits, so that n times it is exact.
    pub minus_ln_2: [T; 2],
    /// 1/2!, 1/3!, …: the Taylor coefficients of (e^r - 1 - r) / r², highest power first.
    pub taylor: &'static [T],
    /// Beyond ± this, e^x leaves the normal numbers.
    pub exp_limit: T,
    /// Beyond ± this, tanh is 1 to the last bit.
    pub tanh_limit: T,
    /// 1/1, 1/3, 1/5, …: the coefficients of atanh(w) / w in w², highest power first.
    pub atanh: &'static [T],
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

macro_rules! implement_real {
    ($real:ident, $bits:ident, $exponent_shift:expr, $vector:ident, $mask:ident, $format:expr,
     $splat:ident, $add:ident, $sub:ident, $mul:ident, $div:ident, $mul_add:ident,
     $max:ident, $min:ident, $abs:ident, $sum:ident,
     $less:ident, $select:ident, $between:ident, $load:ident, $store:ident) => {
        impl Real for $real {
            type Vector<S: Simd> = S::$vector;
            type Mask<S: Simd> = S::$mask;

            const FORMAT: Format<Self> = $format;

            fn from_f64(value: f64) -> Self {
                value as $real
            }

            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self + other
            }

            #[inline(always)]
            fn times(self, other: Self) -> Self {
                self * other
            }

            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$vector {
                simd.$splat(value)
            }

            #[inline(always)]
            fn add<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }

            #[inline(always)]
            fn sub<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$sub(a, b)
            }

            #[inline(always)]
            fn mul<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$mul(a, b)
            }

            #[inline(always)]
            fn div<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$div(a, b)
            }

            #[inline(always)]
            fn mul_add<S: Simd>(
                simd: S,
                a: S::$vector,
                b: S::$vector,
                c: S::$vector,
            ) -> S::$vector {
                simd.$mul_add(a, b, c)
            }

            #[inline(always)]
            fn max<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$max(a, b)
            }

            #[inline(always)]
            fn min<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$min(a, b)
            }

            #[inline(always)]
            fn abs<S: Simd>(simd: S, a: S::$vector) -> S::$vector {
                simd.$abs(a)
            }

            #[inline(always)]
            fn sum<S: Simd>(simd: S, a: S::$vector) -> Self {
                simd.$sum(a)
            }

            #[inline(always)]
            fn less<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$mask {
                simd.$less(a, b)
            }

            #[inline(always)]
            fn select<S: Simd>(
                simd: S,
                mask: S::$mask,
                yes: S::$vector,
                no: S::$vector,
            ) -> S::$vector {
                simd.$select(mask, yes, no)
            }

            #[inline(always)]
            fn shift_to_exponent<S: Simd>(mut a: S::$vector) -> S::$vector {
                let lanes: &mut [$bits] =
                    pulp::bytemuck::cast_slice_mut(std::slice::from_mut(&mut a));
                for lane in lanes {
                    *lane <<= $exponent_shift;
                }
                a
            }

            #[inline(always)]
            unsafe fn load_first<S: Simd>(
                simd: S,
                pointer: *const Self,
                count: usize,
            ) -> S::$vector {
                // SAFETY: the mask keeps the access within the first `count` elements.
                unsafe { simd.$load(simd.$between(0, count as $bits), pointer) }
            }

            #[inline(always)]
            unsafe fn store_first<S: Simd>(
                simd: S,
                pointer: *mut Self,
                count: usize,
                value: S::$vector,
            ) {
                // SAFETY: the mask keeps the access within the first `count` elements.
                unsafe { simd.$store(simd.$between(0, count as $bits), pointer, value) }
            }
        }
    };
}

implement_real!(
    f32,
    u32,
    23,
    f32s,
    m32s,
    Format {
        round_and_bias: 12_582_912.0 + 127.0,
        log2_e: std::f32::consts::LOG2_E,
        minus_ln_2: [-0.693_359_4, 2.121_944_4e-4],
        taylor: &[
            1.0 / 5040.0,
            1.0 / 720.0,
            1.0 / 120.0,
            1.0 / 24.0,
            1.0 / 6.0,
            0.5,
        ],
        exp_limit: 87.0,
        tanh_limit: 9.1,
        atanh: &[
            1.0 / 15.0,
            1.0 / 13.0,
            1.0 / 11.0,
            1.0 / 9.0,
            1.0 / 7.0,
            0.2,
            1.0 / 3.0,
            1.0,
        ],
    },
    splat_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    div_f32s,
    mul_add_e_f32s,
    max_f32s,
    min_f32s,
    abs_f32s,
    reduce_sum_f32s,
    less_than_f32s,
    select_f32s,
    mask_between_m32s,
    mask_load_ptr_f32s,
    mask_store_ptr_f32s
);

implement_real!(
    f64,
    u64,
    52,
    f64s,
    m64s,
    Format {
        round_and_bias: 6_755_399_441_055_744.0 + 1023.0,
        log2_e: std::f64::consts::LOG2_E,
        minus_ln_2: [-0.693_147_180_369_123_8, -1.908_214_929_270_587_7e-10],
        taylor: &[
            1.0 / 6_227_020_800.0,
            1.0 / 479_001_600.0,
            1.0 / 39_916_800.0,
            1.0 / 3_628_800.0,
            1.0 / 362_880.0,
            1.0 / 40_320.0,
            1.0 / 5040.0,
            1.0 / 720.0,
            1.0 / 120.0,
            1.0 / 24.0,
            1.0 / 6.0,
            0.5,
        ],
        exp_limit: 708.0,
        tanh_limit: 19.5,
        atanh: &[
            1.0 / 35.0,
            1.0 / 33.0,
            1.0 / 31.0,
            1.0 / 29.0,
            1.0 / 27.0,
            1.0 / 25.0,
            1.0 / 23.0,
            1.0 / 21.0,
            1.0 / 19.0,
            1.0 / 17.0,
            1.0 / 15.0,
            1.0 / 13.0,
            1.0 / 11.0,
            1.0 / 9.0,
            1.0 / 7.0,
            0.2,
            1.0 / 3.0,
            1.0,
        ],
    },
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    div_f64s,
    mul_add_e_f64s,
    max_f64s,
    min_f64s,
    abs_f64s,
    reduce_sum_f64s,
    less_than_f64s,
    select_f64s,
    mask_between_m64s,
    mask_load_ptr_f64s,
    mask_store_ptr_f64s
);

/// How many numbers of type `T` a vector of `S` holds.
pub(crate) const fn lanes<S: Simd, T: Real>() -> usize {
    size_of::<T::Vector<S>>() / size_of::<T>()
}

/// A machine vector, with operators.
pub(crate) struct Lanes<S: Simd, T: Real> {
    simd: S,
    value: T::Vector<S>,
}

impl<S: Simd, T: Real> Clone for Lanes<S, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Simd, T: Real> Copy for Lanes<S, T> {}

macro_rules! operator {
    ($name:ident, $method:ident) => {
        impl<S: Simd, T: Real> $name for Lanes<S, T> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                self.with(T::$method(self.simd, self.value, other.value))
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);

impl<S: Simd, T: Real> Neg for Lanes<S, T> {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        Self::splat(self.simd, T::default()) - self
    }
}

impl<S: Simd, T: Real> Lanes<S, T> {
    /// How many numbers a vector holds.
    pub(crate) const COUNT: usize = lanes::<S, T>();

    #[inline(always)]
    fn with(self, value: T::Vector<S>) -> Self {
        Self {
            simd: self.simd,
            value,
        }
    }

    #[inline(always)]
    pub(crate) fn splat(simd: S, value: T) -> Self {
        Self {
            simd,
            value: T::splat(simd, value),
        }
    }

    /// The number at `pointer` in every lane.
    ///
    /// # Safety
    ///
    /// `pointer` is good for a read.
    #[inline(always)]
    pub(crate) unsafe fn broadcast(simd: S, pointer: *const T) -> Self {
        // SAFETY: the caller's promise.
        let value = unsafe { broadcast(simd, pointer) };
        Self { simd, value }
    }

    /// The same constant as `self` has lanes.
    #[inline(always)]
    pub(crate) fn constant(self, value: f64) -> Self {
        Self::splat(self.simd, T::from_f64(value))
    }

    /// The same number in every lane.
    #[inline(always)]
    pub(crate) fn fill(self, value: T) -> Self {
        Self::splat(self.simd, value)
    }

    /// `COUNT` numbers from memory, aligned or not.
    ///
    /// # Safety
    ///
    /// `pointer` is good for `COUNT` reads.
    #[inline(always)]
    pub(crate) unsafe fn load(simd: S, pointer: *const T) -> Self {
        // SAFETY: the caller's promise; any bits are a vector.
        let value = unsafe { pointer.cast::<T::Vector<S>>().read_unaligned() };
        Self { simd, value }
    }

    /// `COUNT` numbers to memory, aligned or not.
    ///
    /// # Safety
    ///
    /// `pointer` is good for `COUNT` writes.
    #[inline(always)]
    pub(crate) unsafe fn store(self, pointer: *mut T) {
        // SAFETY: the caller's promise.
        unsafe { pointer.cast::<T::Vector<S>>().write_unaligned(self.value) }
    }

    /// The first `count` numbers from memory, zero in the other lanes.
    ///
    /// # Safety
    ///
    /// `pointer` is good for `count` reads, `count` at most `COUNT`.
    #[inline(always)]
    pub(crate) unsafe fn load_first(simd: S, pointer: *const T, count: usize) -> Self {
        if count >= Self::COUNT {
            // SAFETY: the caller's promise.
            return unsafe { Self::load(simd, pointer) };
        }
        // SAFETY: the caller's promise.
        let value = unsafe { T::load_first(simd, pointer, count) };
        Self { simd, value }
    }

    /// The first `count` lanes to memory.
    ///
    /// # Safety
    ///
    /// `pointer` is good for `count` writes, `count` at most `COUNT`.
    #[inline(always)]
    pub(crate) unsafe fn store_first(self, pointer: *mut T, count: usize) {
        if count >= Self::COUNT {
            // SAFETY: the caller's promise.
            return unsafe { self.store(pointer) };
        }
        // SAFETY: the caller's promise.
        unsafe { T::store_first(self.simd, pointer, count, self.value) }
    }

    /// `self · factor + addend`, fused where the machine can.
    #[inline(always)]
    pub(crate) fn mul_add(self, factor: Self, addend: Self) -> Self {
        self.with(T::mul_add(
            self.simd,
            self.value,
            factor.value,
            addend.value,
        ))
    }

    #[inline(always)]
    pub(crate) fn abs(self) -> Self {
        self.with(T::abs(self.simd, self.value))
    }

    /// The sum of all lanes, in an order that the instruction set fixes.
    #[inline(always)]
    pub(crate) fn sum(self) -> T {
        T::sum(self.simd, self.value)
    }

    /// `yes` where `self < limit`, else `no`; a NaN in `self` takes `no`.
    #[inline(always)]
    pub(crate) fn if_less(self, limit: Self, yes: Self, no: Self) -> Self {
        let mask = T::less(self.simd, self.value, limit.value);
        self.with(T::select(self.simd, mask, yes.value, no.value))
    }

    /// Within ±`limit`; a NaN stays a NaN.
    #[inline(always)]
    pub(crate) fn clamp(self, limit: T) -> Self {
        let high = self.fill(limit);
        let low = self.fill(T::from_f64(-limit.to_f64()));
        if Self::COUNT == 1 {
            // Plain Rust's `max` and `min` drop a NaN.
            let below = self.if_less(low, low, self);
            return high.if_less(below, high, below);
        }
        // x86 gives the second operand where either is a NaN, ARM gives the NaN.
        let above = self.with(T::max(self.simd, low.value, self.value));
        self.with(T::min(self.simd, high.value, above.value))
    }

    /// Every lane's bits shifted into the exponent.
    #[inline(always)]
    pub(crate) fn shift_to_exponent(self) -> Self {
        self.with(T::shift_to_exponent::<S>(self.value))
    }
}
