//! Randomness: counter-based, keyed by (seed, purpose), never global.
//!
//! The same seed gives the same numbers on any machine and for any number of threads.
//! [`tensorflow`] and [`numpy`] draw what those programs draw, so that the book's numbers can be
//! computed again; nothing else in this crate takes its randomness from them.

pub mod numpy;
pub mod tensorflow;

pub use elman_kernels::Philox;

/// The seed of a whole run, from which every purpose derives its own generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// From a number.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The number.
    pub fn value(self) -> u64 {
        self.0
    }

    /// The seed of a part of what this seed is for ("layer 1"): independent of its siblings.
    pub fn child(self, purpose: &str) -> Self {
        Self(self.0 ^ fnv1a(purpose.as_bytes()).rotate_left(17))
    }

    /// The generator of one purpose ("initialise kernel", "shuffle epoch 3").
    pub fn generator(self, purpose: &str) -> Generator {
        Generator {
            philox: self.philox(purpose),
            words: [0; 4],
            used: 4,
        }
    }

    /// What the generator of one purpose takes its words from.
    pub(crate) fn philox(self, purpose: &str) -> Philox {
        Philox::new(self.0, [0, fnv1a(purpose.as_bytes())])
    }
}

/// The 64-bit FNV-1a hash (Fowler, Noll, Vo): it turns a purpose into a Philox counter.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A stream of random numbers for one purpose.
#[derive(Clone, Debug)]
pub struct Generator {
    philox: Philox,
    words: [u32; 4],
    used: usize,
}

impl Generator {
    /// 32 random bits.
    pub fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.words = self.philox.next_block();
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    /// Uniform in [0, 1), a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        let high = u64::from(self.word()) >> 5;
        let low = u64::from(self.word()) >> 6;
        ((high << 26) | low) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub fn uniform_in(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Uniform among 0 … `bound` - 1, without bias (masked rejection).
    ///
    /// # Panics
    ///
    /// When `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is no number below 0");
        let mask = u64::MAX >> (bound - 1).max(1).leading_zeros();
        loop {
            let draw = (u64::from(self.word()) << 32 | u64::from(self.word())) & mask;
            if draw < bound {
                return draw;
            }
        }
    }

    /// The numbers 0 … `count` - 1 in random order (Fisher and Yates).
    pub fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last, self.below(last as u64 + 1) as usize);
        }
        order
    }
}
