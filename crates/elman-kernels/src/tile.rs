//! The inner loops: small blocks of sums that live in registers.
//!
//! A tile is up to [`rows`] rows by four vectors. Every sum is one chain of multiply-adds in the
//! order of its terms, whatever the size of the tile: so a row's result does not depend on which
//! rows are computed with it.

use pulp::{Simd, WithSimd};

use crate::real::{Lanes, Real};

/// The most vectors that a tile is wide.
pub(crate) const VECTORS: usize = 4;
/// The most rows that a tile has on any machine.
pub(crate) const MAX_ROWS: usize = 6;
/// The most rows that a tile has on a machine with 16 registers.
pub(crate) const FEWER_ROWS: usize = 3;

/// The most rows that a tile of four vectors has on this machine: as many as leave room for a row
/// of weights.
pub(crate) const fn rows<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 {
        MAX_ROWS
    } else {
        FEWER_ROWS
    }
}

/// The most rows that a tile of `vectors` vectors has on this machine.
#[inline(always)]
pub(crate) fn rows_beside<S: Simd>(vectors: usize) -> usize {
    match vectors {
        1 | 2 => MAX_ROWS,
        _ => rows::<S>(),
    }
}

/// One product `a · weights` to be added to a tile.
#[derive(Clone, Copy)]
pub(crate) struct Term<T> {
    /// One pointer per row …
    pub(crate) rows: *const *const T,
    /// … this many numbers before the row's first one.
    pub(crate) offset: usize,
    /// A row is this many pieces …
    pub(crate) pieces: usize,
    /// … of this many numbers in a row …
    pub(crate) length: usize,
    /// … that start this far apart.
    pub(crate) stride: usize,
    /// A packed panel: `pieces · length` rows of as many vectors as the tile is wide.
    pub(crate) weights: *const T,
}

impl<T> Term<T> {
    /// A term that adds nothing.
    pub(crate) fn nothing() -> Self {
        Self {
            rows: std::ptr::null(),
            offset: 0,
            pieces: 0,
            length: 0,
            stride: 0,
            weights: std::ptr::null(),
        }
    }

    /// How many multiply-adds each sum gets from it.
    pub(crate) fn depth(&self) -> usize {
        self.pieces * self.length
    }
}

/// A block of sums: `sums = start + Σ terms`.
#[derive(Clone, Copy)]
pub(crate) struct Tile<'a, T> {
    /// 1 … [`rows_beside`].
    pub(crate) rows: usize,
    /// 1 … [`VECTORS`].
    pub(crate) vectors: usize,
    /// What each row starts from, and how far apart rows stand (0: all start from the same).
    pub(crate) start: (*const T, usize),
    /// Added in this order …
    pub(crate) terms: &'a [Term<T>; 2],
    /// … each from this one of its rows on.
    pub(crate) first: usize,
    /// Where the sums go, and how far apart rows stand.
    pub(crate) sums: (*mut T, usize),
}

/// A block of sums of outer products: `sums[m][·] += Σ_k factors[k][m] · weights[k][·]`.
#[derive(Clone, Copy)]
pub(crate) struct OuterTile<'a, T> {
    /// 1 … [`rows`].
    pub(crate) rows: usize,
    /// 1 … [`VECTORS`].
    pub(crate) vectors: usize,
    /// Which `k` are added, the last one first.
    pub(crate) terms: &'a [usize],
    /// One factor, a number for each row of the tile: those of the terms, one after the other, and
    /// how far apart they stand.
    pub(crate) factors: (*const T, usize),
    /// The other factor: that of `k = 0`, and how far apart they stand.
    pub(crate) weights: (*const T, usize),
    /// Read and written, and how far apart rows stand.
    pub(crate) sums: (*mut T, usize),
}

/// Calls `$body::<S, T, M, V>($simd, $tile)` for the tile's own number of rows and vectors.
macro_rules! for_size {
    ($body:ident, $simd:expr, $tile:expr; any: $($any:literal)*; narrow: $($narrow:literal)*) => {
        match ($tile.rows, $tile.vectors) {
            $(
                ($any, 1) => $body::<S, T, $any, 1>($simd, $tile),
                ($any, 2) => $body::<S, T, $any, 2>($simd, $tile),
                ($any, 3) => $body::<S, T, $any, 3>($simd, $tile),
                ($any, 4) => $body::<S, T, $any, 4>($simd, $tile),
            )*
            $(
                ($narrow, 1) => $body::<S, T, $narrow, 1>($simd, $tile),
                ($narrow, 2) => $body::<S, T, $narrow, 2>($simd, $tile),
            )*
            (rows, vectors) => unreachable!("no tile is {rows} by {vectors}"),
        }
    };
}

impl<T: Real> Tile<'_, T> {
    /// Computes the sums.
    ///
    /// # Safety
    ///
    /// All pointers are good for what the fields say is read and written.
    #[inline(never)]
    pub(crate) unsafe fn run<S: Simd>(&self, simd: S) {
        struct Run<'a, T>(&'a Tile<'a, T>);
        impl<T: Real> WithSimd for Run<'_, T> {
            type Output = ();
            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) {
                let tile = self.0;
                // SAFETY: the promise of `Tile::run`'s caller.
                unsafe {
                    if const { rows::<S>() == MAX_ROWS } {
                        for_size!(inner_sums, simd, tile; any: 1 2 3 4 5 6; narrow:)
                    } else {
                        for_size!(inner_sums, simd, tile; any: 1 2 3; narrow: 4 5 6)
                    }
                }
            }
        }
        simd.vectorize(Run(self));
    }
}

/// # Safety
///
/// As [`Tile::run`].
#[inline(always)]
#[allow(
    clippy::needless_range_loop,
    reason = "counted loops over registers read like the sums they are"
)]
unsafe fn inner_sums<S: Simd, T: Real, const M: usize, const V: usize>(
    simd: S,
    tile: &Tile<'_, T>,
) {
    let width = Lanes::<S, T>::COUNT;
    let mut sums = [[Lanes::splat(simd, T::default()); V]; M];
    // SAFETY: the caller's promise for every pointer; offsets stay within what the fields say.
    unsafe {
        for (m, row) in sums.iter_mut().enumerate() {
            let start = tile.start.0.add(m * tile.start.1);
            for (v, sum) in row.iter_mut().enumerate() {
                *sum = Lanes::load(simd, start.add(v * width));
            }
        }
        for term in tile.terms {
            if term.pieces * term.length == 0 {
                continue;
            }
            let first = term.rows.add(tile.first);
            let mut rows: [*const T; M] =
                std::array::from_fn(|m| (*first.add(m)).wrapping_add(term.offset));
            let mut weights = term.weights;
            for _ in 0..term.pieces {
                for k in 0..term.length {
                    // All factors and one vector of weights at a time: that is what fits beside
                    // the sums in 16 registers (3 rows) and in 32 (6 rows).
                    let factors: [Lanes<S, T>; M] =
                        std::array::from_fn(|m| Lanes::splat(simd, *rows[m].add(k)));
                    for v in 0..V {
                        let weight = Lanes::load(simd, weights.add(v * width));
                        for m in 0..M {
                            sums[m][v] = factors[m].mul_add(weight, sums[m][v]);
                        }
                    }
                    weights = weights.add(V * width);
                }
                for row in &mut rows {
                    *row = row.wrapping_add(term.stride);
                }
            }
        }
        for (m, row) in sums.iter().enumerate() {
            let end = tile.sums.0.add(m * tile.sums.1);
            for (v, sum) in row.iter().enumerate() {
                sum.store(end.add(v * width));
            }
        }
    }
}

impl<T: Real> OuterTile<'_, T> {
    /// Adds the products.
    ///
    /// # Safety
    ///
    /// All pointers are good for what the fields say is read and written.
    #[inline(never)]
    pub(crate) unsafe fn run<S: Simd>(&self, simd: S) {
        struct Run<'a, T>(&'a OuterTile<'a, T>);
        impl<T: Real> WithSimd for Run<'_, T> {
            type Output = ();
            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) {
                let tile = self.0;
                // SAFETY: the promise of `OuterTile::run`'s caller.
                unsafe {
                    if const { rows::<S>() == MAX_ROWS } {
                        for_size!(outer_sums, simd, tile; any: 1 2 3 4 5 6; narrow:)
                    } else {
                        for_size!(outer_sums, simd, tile; any: 1 2 3; narrow:)
                    }
                }
            }
        }
        simd.vectorize(Run(self));
    }
}

/// # Safety
///
/// As [`OuterTile::run`].
#[inline(always)]
#[allow(
    clippy::needless_range_loop,
    reason = "counted loops over registers read like the sums they are"
)]
unsafe fn outer_sums<S: Simd, T: Real, const M: usize, const V: usize>(
    simd: S,
    tile: &OuterTile<'_, T>,
) {
    let width = Lanes::<S, T>::COUNT;
    // SAFETY: the caller's promise for every pointer; offsets stay within what the fields say.
    unsafe {
        let mut sums: [[Lanes<S, T>; V]; M] = std::array::from_fn(|m| {
            let row = tile.sums.0.add(m * tile.sums.1);
            std::array::from_fn(|v| Lanes::load(simd, row.add(v * width)))
        });
        let mut factors = tile
            .factors
            .0
            .wrapping_add(tile.terms.len() * tile.factors.1);
        for &term in tile.terms.iter().rev() {
            factors = factors.wrapping_sub(tile.factors.1);
            let weights = tile.weights.0.add(term * tile.weights.1);
            let splats: [Lanes<S, T>; M] =
                std::array::from_fn(|m| Lanes::splat(simd, *factors.add(m)));
            for v in 0..V {
                let weight = Lanes::load(simd, weights.add(v * width));
                for m in 0..M {
                    sums[m][v] = splats[m].mul_add(weight, sums[m][v]);
                }
            }
        }
        for (m, row) in sums.iter().enumerate() {
            let end = tile.sums.0.add(m * tile.sums.1);
            for (v, sum) in row.iter().enumerate() {
                sum.store(end.add(v * width));
            }
        }
    }
}
