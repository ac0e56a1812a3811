//! The inner loops: small blocks of sums that live in registers.
//!
//! A tile is up to [`rows_beside`] rows by four vectors. Every sum is one chain of multiply-adds in
//! the order of its terms, whatever the size of the tile: so a row's result does not depend on which
//! rows are computed with it.
//!
//! Chains of multiply-adds wait for themselves: a machine that starts two a cycle and ends each after
//! four needs eight at the same time, and twelve to be never idle. Hence the sizes below, and what
//! [`next`] does with the last rows.

use pulp::{Simd, WithSimd};

use crate::cache::{LINE, prefetch};
use crate::real::{Lanes, Real};

/// The most vectors that a tile is wide.
pub(crate) const VECTORS: usize = 4;
/// Half of these.
const HALF: usize = VECTORS / 2;

/// Is a vector of so many bytes wide: a whole line of the cache? A tile of wide vectors goes through weights
/// as fast as caches give them, so it takes half a panel and is asked for what comes next.
const fn wide(vector: usize) -> bool {
    vector == LINE
}

/// What a machine's registers are like.
enum Registers {
    /// 16 of them.
    Few,
    /// 32 of them.
    Many,
    /// 32 of them, for [`wide`] vectors.
    ManyAndWide,
}

impl Registers {
    #[inline(always)]
    const fn of<S: Simd>() -> Self {
        match S::REGISTER_COUNT {
            _ if wide(size_of::<S::f32s>()) => Self::ManyAndWide,
            32.. => Self::Many,
            _ => Self::Few,
        }
    }
}

/// The most rows that a tile of `vectors` vectors has on this machine: as many as leave room for all
/// factors and a vector of weights, or for a row of weights and a factor.
#[inline(always)]
pub(crate) const fn rows_beside<S: Simd>(vectors: usize) -> usize {
    match (Registers::of::<S>(), vectors) {
        (Registers::Few, 4) => 3,
        (Registers::Few, 3) => 4,
        (Registers::ManyAndWide, 3) => 8,
        (Registers::ManyAndWide, 1 | 2) => 12,
        _ => 6,
    }
}

/// The next tile of a panel of `vectors` vectors, of which `left` rows are left: its rows, and its
/// vectors. Where these are half of the panel's, the other half is a tile of the same rows.
#[inline(always)]
pub(crate) fn next<S: Simd>(left: usize, vectors: usize) -> (usize, usize) {
    let most = rows_beside::<S>(vectors);
    let nearly_equal = |most| left.div_ceil(left.div_ceil(most));
    match Registers::of::<S>() {
        // The last row or two beside the three before: whole panels would leave too few sums.
        Registers::Few if vectors == VECTORS && (4..6).contains(&left) => (left, HALF),
        Registers::Few if vectors == VECTORS && left > most => (most, VECTORS),
        // Twice the rows of half a panel: every weight that is read is used twice as often.
        Registers::ManyAndWide if vectors == VECTORS && left > most => {
            (nearly_equal(rows_beside::<S>(HALF)), HALF)
        }
        _ => (nearly_equal(most), vectors),
    }
}

/// How many rows of weights ahead a tile of [`wide`] vectors asks for the next ones.
const AHEAD: usize = 8;

/// Where the vectors of the rows of a packed panel stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packing {
    /// How far apart rows are.
    pub(crate) row: usize,
    /// How far a row's third vector is from its first.
    pub(crate) half: usize,
}

impl Packing {
    /// Of a panel of `rows` rows and `vectors` vectors of `lanes` numbers of type `T`.
    ///
    /// Where tiles take half a panel at a time, the halves stand one after the other, so that a tile
    /// reads without gaps.
    pub(crate) fn new<T>(rows: usize, vectors: usize, lanes: usize) -> Self {
        let half = HALF * lanes;
        match wide(lanes * size_of::<T>()) && vectors == VECTORS {
            true => Self {
                row: half,
                half: rows * half,
            },
            false => Self {
                row: vectors * lanes,
                half,
            },
        }
    }

    /// Where vector `vector` of the first row stands.
    #[inline(always)]
    pub(crate) fn of(&self, vector: usize, lanes: usize) -> usize {
        vector / HALF * self.half + vector % HALF * lanes
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
    /// A packed panel of `pieces · length` rows, and where their vectors stand.
    pub(crate) weights: *const T,
    pub(crate) packing: Packing,
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
            packing: Packing { row: 0, half: 0 },
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
    /// … each from this one of its rows on, and from this vector of its panel on.
    pub(crate) first: usize,
    pub(crate) first_vector: usize,
    /// Where the sums go, and how far apart rows stand.
    pub(crate) sums: (*mut T, usize),
}

/// A block of sums of outer products: `sums[m][·] += Σ_k factors[k][m] · weights[k][·]`.
#[derive(Clone, Copy)]
pub(crate) struct OuterTile<'a, T> {
    /// 1 … [`rows_beside`].
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
    ($body:ident, $simd:expr, $tile:expr) => {
        for_size!($body, $simd, $tile;
            [1 2 3 4 5 6 7 8 9 10 11 12] by 1, [1 2 3 4 5 6 7 8 9 10 11 12] by 2,
            [1 2 3 4 5 6 7 8] by 3, [1 2 3 4 5 6] by 4)
    };
    ($body:ident, $simd:expr, $tile:expr; $([$($rows:literal)*] by $vectors:literal),*) => {
        match ($tile.rows, $tile.vectors) {
            $($(
                ($rows, $vectors) if $rows <= rows_beside::<S>($vectors) => {
                    $body::<S, T, $rows, $vectors>($simd, $tile)
                }
            )*)*
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
                unsafe { for_size!(inner_sums, simd, tile) }
            }
        }
        simd.vectorize(Run(self));
    }
}

/// `sums[m][v] += factor(m) · weight(v)`. Of the fewer of the two all are held in registers, of the
/// others one at a time.
#[inline(always)]
#[allow(
    clippy::needless_range_loop,
    reason = "counted loops over registers read like the sums they are"
)]
fn add_products<S: Simd, T: Real, const M: usize, const V: usize>(
    sums: &mut [[Lanes<S, T>; V]; M],
    factor: impl Fn(usize) -> Lanes<S, T>,
    weight: impl Fn(usize) -> Lanes<S, T>,
) {
    if const { M <= V } {
        let factors: [_; M] = std::array::from_fn(factor);
        for v in 0..V {
            let weight = weight(v);
            for m in 0..M {
                sums[m][v] = factors[m].mul_add(weight, sums[m][v]);
            }
        }
    } else {
        let weights: [_; V] = std::array::from_fn(weight);
        for m in 0..M {
            let factor = factor(m);
            for v in 0..V {
                sums[m][v] = factor.mul_add(weights[v], sums[m][v]);
            }
        }
    }
}

/// # Safety
///
/// As [`Tile::run`].
#[inline(always)]
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
            let wide = const { wide(size_of::<S::f32s>()) };
            let packing = Packing {
                // Elsewhere no panel is in halves, and the distance is known to the compiler.
                half: match wide {
                    true => term.packing.half,
                    false => HALF * width,
                },
                ..term.packing
            };
            let mut weights = term.weights.add(packing.of(tile.first_vector, width));
            for _ in 0..term.pieces {
                for k in 0..term.length {
                    if wide {
                        for v in 0..V {
                            let ahead = AHEAD * packing.row + packing.of(v, width);
                            prefetch(weights.wrapping_add(ahead));
                        }
                    }
                    add_products(
                        &mut sums,
                        |m| Lanes::broadcast(simd, rows[m].add(k)),
                        |v| Lanes::load(simd, weights.add(packing.of(v, width))),
                    );
                    weights = weights.wrapping_add(packing.row);
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
                unsafe { for_size!(outer_sums, simd, tile) }
            }
        }
        simd.vectorize(Run(self));
    }
}

/// # Safety
///
/// As [`OuterTile::run`].
#[inline(always)]
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
            add_products(
                &mut sums,
                |m| Lanes::broadcast(simd, factors.add(m)),
                |v| Lanes::load(simd, weights.add(v * width)),
            );
        }
        for (m, row) in sums.iter().enumerate() {
            let end = tile.sums.0.add(m * tile.sums.1);
            for (v, sum) in row.iter().enumerate() {
                sum.store(end.add(v * width));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Isa, Work};

    /// The tiles of so many rows of a panel.
    struct Tiles {
        rows: usize,
        vectors: usize,
    }

    impl Work for Tiles {
        type Output = Vec<(usize, usize)>;

        #[inline(always)]
        fn run<S: Simd>(self, _: S) -> Self::Output {
            let mut left = self.rows;
            let mut tiles = Vec::new();
            while left > 0 {
                let (rows, vectors) = next::<S>(left, self.vectors);
                assert!((1..=rows_beside::<S>(vectors)).contains(&rows));
                tiles.push((rows, vectors));
                left -= rows;
            }
            tiles
        }
    }

    #[test]
    fn tiles_are_all_rows_and_have_sums_enough() {
        for isa in Isa::available() {
            for vectors in 1..=VECTORS {
                for rows in 0..100 {
                    let tiles = isa.run(Tiles { rows, vectors });
                    let all: usize = tiles.iter().map(|(rows, _)| rows).sum();
                    assert_eq!(all, rows, "{isa:?} {vectors}");
                    for (of_tile, wide) in tiles {
                        assert_eq!(vectors % wide, 0, "{isa:?}: whole tiles side by side");
                        let enough = of_tile * wide >= 8 || vectors < 4 || rows < 3;
                        assert!(
                            enough,
                            "{isa:?}: {of_tile} by {wide} of {rows} by {vectors}"
                        );
                    }
                }
            }
        }
    }
}
