//! Which instructions the machine has, found out at run time.

use std::marker::PhantomData;
use std::sync::OnceLock;

use pulp::{Simd, WithSimd};

use crate::real::{Lanes, Real};

/// An instruction set that the kernels are compiled for, all from one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// x86-64 with AVX-512 (F, BW, CD, DQ, VL): 16 f32 a vector, 32 registers.
    Avx512,
    /// x86-64 with AVX2 and FMA: 8 f32 a vector, 16 registers.
    Avx2,
    /// 64-bit ARM: 4 f32 a vector, 32 registers.
    Neon,
    /// Plain Rust: any machine.
    Portable,
}

impl Isa {
    /// The widest that this machine runs.
    pub fn detect() -> Self {
        static DETECTED: OnceLock<Isa> = OnceLock::new();
        *DETECTED.get_or_init(|| Self::available()[0])
    }

    /// Everything that this machine runs, widest first; `Portable` is always the last.
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if pulp::x86::V4::try_new().is_some() {
                found.push(Self::Avx512);
            }
            if pulp::x86::V3::try_new().is_some() {
                found.push(Self::Avx2);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if pulp::aarch64::Neon::try_new().is_some() {
            found.push(Self::Neon);
        }
        found.push(Self::Portable);
        found
    }

    /// How many numbers of type `T` a vector has.
    pub(crate) fn lanes<T: Real>(self) -> usize {
        struct Count<T>(PhantomData<T>);
        impl<T: Real> Work for Count<T> {
            type Output = usize;
            #[inline(always)]
            fn run<S: Simd>(self, _: S) -> usize {
                Lanes::<S, T>::COUNT
            }
        }
        self.run(Count::<T>(PhantomData))
    }

    /// Runs `work` compiled for this instruction set.
    ///
    /// # Panics
    ///
    /// When this machine does not have it: take one from [`available`](Self::available).
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        const MISSING: &str = "the machine has this instruction set";
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Simd::vectorize(pulp::x86::V4::try_new().expect(MISSING), Vectorised(work))
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                Simd::vectorize(pulp::x86::V3::try_new().expect(MISSING), Vectorised(work))
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => Simd::vectorize(
                pulp::aarch64::Neon::try_new().expect(MISSING),
                Vectorised(work),
            ),
            Self::Portable => Simd::vectorize(pulp::Scalar::new(), Vectorised(work)),
            #[allow(unreachable_patterns, reason = "the sets of the other machines")]
            other => panic!("{MISSING}: {other:?}"),
        }
    }
}

/// A piece of work that is compiled once per instruction set.
pub(crate) trait Work {
    /// What it yields.
    type Output;

    /// Does it; must be `#[inline(always)]`, or the instructions are not used.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

struct Vectorised<W>(W);

impl<W: Work> WithSimd for Vectorised<W> {
    type Output = W::Output;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> W::Output {
        self.0.run(simd)
    }
}
