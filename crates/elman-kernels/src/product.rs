//! Products of many rows with a packed matrix, tile by tile.

use std::mem::MaybeUninit;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::activation::Activation;
use crate::inputs::{Hot, NOWHERE};
use crate::math::activate;
use crate::panels::Columns;
use crate::real::{Lanes, Real};
use crate::threads;
use crate::tile::{self, Packing, Term, Tile, VECTORS};

/// The most numbers in a vector: f32 with AVX-512.
pub(crate) const MAX_LANES: usize = 16;
/// How many activations are computed side by side.
pub(crate) const GROUP: usize = 3;

/// The most rows of a block: they are multiplied with a slice of a panel while it is near, and their
/// activations are computed together. A multiple of any tile's rows.
const BLOCK_ROWS: usize = 48;
/// How many rows of a panel a slice has at most: with four vectors of f32 a row, 128 KiB on AVX2. The
/// second-level cache holds that, and tiles read it as fast from there as from the first-level one.
const SLICE: usize = 1024;

/// Room for the sums of one block, of any instruction set and number type. Nothing is there before a
/// block has been computed.
#[repr(align(64))]
pub(crate) struct Sums<T>([MaybeUninit<T>; BLOCK_ROWS * VECTORS * MAX_LANES]);

impl<T: Real> Sums<T> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; BLOCK_ROWS * VECTORS * MAX_LANES])
    }

    /// Row `row` of the scratch, if rows are `width` numbers wide.
    #[inline(always)]
    pub(crate) fn row(&mut self, width: usize, row: usize) -> *mut T {
        self.0[row * width..].as_mut_ptr().cast()
    }

    /// Moves the slots of the first `count` rows, `spacing` numbers apart, a whole vector apart.
    ///
    /// # Safety
    ///
    /// They have been written.
    #[inline(always)]
    pub(crate) unsafe fn spread<S: Simd, const SLOTS: usize>(
        &mut self,
        simd: S,
        spacing: usize,
        count: usize,
    ) {
        let lanes = Lanes::<S, T>::COUNT;
        if spacing == lanes {
            return;
        }
        // The last row first: what a row is written over has been moved.
        for row in (0..count).rev() {
            let near = self.row(SLOTS * spacing, row);
            // SAFETY: the caller's promise; rows of whole vectors have room in any block.
            unsafe {
                let slots: [_; SLOTS] = std::array::from_fn(|slot| {
                    Lanes::<S, T>::load_first(simd, near.add(slot * spacing), spacing)
                });
                let wide = self.row(SLOTS * lanes, row);
                for (slot, numbers) in slots.into_iter().enumerate() {
                    numbers.store(wide.add(slot * lanes));
                }
            }
        }
    }

    /// Replaces each of the first `count` vectors by its `activation`.
    ///
    /// # Safety
    ///
    /// They have been written.
    #[inline(always)]
    pub(crate) unsafe fn activate<S: Simd>(
        &mut self,
        simd: S,
        activation: Activation,
        count: usize,
    ) {
        let apart = (Lanes::<S, T>::COUNT, count);
        // SAFETY: the caller's promise.
        unsafe { activate_apart(simd, activation, &mut self.0, apart) };
    }

    /// Replaces vector `slot` of each of the first `count` rows by its `activation`, if rows are
    /// `width` numbers wide.
    ///
    /// # Safety
    ///
    /// They have been written.
    #[inline(always)]
    pub(crate) unsafe fn activate_slot<S: Simd>(
        &mut self,
        simd: S,
        activation: Activation,
        (slot, width): (usize, usize),
        count: usize,
    ) {
        let sums = &mut self.0[slot * Lanes::<S, T>::COUNT..];
        // SAFETY: the caller's promise.
        unsafe { activate_apart(simd, activation, sums, (width, count)) };
    }
}

/// Replaces `count` vectors, `distance` numbers apart, by their `activation`, a group at a time.
///
/// # Safety
///
/// They have been written.
#[inline(always)]
unsafe fn activate_apart<S: Simd, T: Real>(
    simd: S,
    activation: Activation,
    sums: &mut [MaybeUninit<T>],
    (distance, count): (usize, usize),
) {
    assert!(sums.len() >= count.saturating_sub(1) * distance + Lanes::<S, T>::COUNT);
    let place: *mut T = sums.as_mut_ptr().cast();
    let whole = count - count % GROUP;
    for first in (0..whole).step_by(GROUP) {
        // SAFETY: the assertion above, and the caller's promise.
        unsafe {
            activate_group::<S, T, GROUP>(simd, activation, place.add(first * distance), distance)
        };
    }
    for first in whole..count {
        // SAFETY: as above.
        unsafe {
            activate_group::<S, T, 1>(simd, activation, place.add(first * distance), distance)
        };
    }
}

/// Replaces `N` vectors, `distance` numbers apart, by their `activation`.
///
/// # Safety
///
/// `place` is good for as many reads and writes.
#[inline(always)]
unsafe fn activate_group<S: Simd, T: Real, const N: usize>(
    simd: S,
    activation: Activation,
    place: *mut T,
    distance: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let x =
            std::array::from_fn(|vector| Lanes::<S, T>::load(simd, place.add(vector * distance)));
        let y: [_; N] = activate(activation, x);
        for (vector, y) in y.into_iter().enumerate() {
            y.store(place.add(vector * distance));
        }
    }
}

/// The left side of a product: one pointer per row, each to `pieces` pieces of `length` numbers,
/// `stride` apart; and the packed matrix on its right, `pieces · length` deep.
#[derive(Clone, Copy)]
pub(crate) struct Factor<'a, T> {
    pub(crate) rows: &'a [*const T],
    pub(crate) pieces: usize,
    pub(crate) length: usize,
    pub(crate) stride: usize,
    /// Packed panels of `depth` rows, of which the first row that is multiplied is `skip`.
    pub(crate) weights: &'a [T],
    pub(crate) depth: usize,
    pub(crate) skip: usize,
    /// If the left side is one-hot: where, for each row. Then nothing is multiplied.
    pub(crate) hot: &'a [Hot],
}

impl<'a, T> Factor<'a, T> {
    /// One-hot rows times the whole packed matrix of `depth` rows.
    pub(crate) fn one_hot(hot: &'a [Hot], depth: usize, weights: &'a [T]) -> Self {
        Self {
            hot,
            pieces: 0,
            depth,
            ..Self::dense(&[], 0, weights)
        }
    }

    /// Rows without gaps times the whole packed matrix.
    pub(crate) fn dense(rows: &'a [*const T], length: usize, weights: &'a [T]) -> Self {
        Self {
            rows,
            pieces: 1,
            length,
            stride: 0,
            weights,
            depth: length,
            skip: 0,
            hot: &[],
        }
    }

    /// Rows laid out as packed panels of gate gradients (`[panel][pair][width]`, each pointer at
    /// its row in the first panel) times a transposed matrix. `slots` vectors of each panel take
    /// part, the first of which the pointers point at.
    ///
    /// The last panel may be narrower than the others, and its vectors have lanes without a column, which
    /// take no part: so it is a factor of its own.
    pub(crate) fn panels(
        columns: &Columns,
        pairs: usize,
        slots: usize,
        (rows, last_rows): (&'a [*const T], &'a [*const T]),
        weights: &'a [T],
    ) -> [Self; 2] {
        let last = columns.count() - 1;
        let length = slots * columns.lanes();
        let (pieces, last_length, stride) = columns.pieces_of_last(slots);
        let depth = last * length + pieces * last_length;
        let whole = Self {
            rows,
            pieces: last,
            length,
            stride: columns.width(0) * pairs,
            weights,
            depth,
            skip: 0,
            hot: &[],
        };
        let rest = Self {
            rows: last_rows,
            pieces,
            length: last_length,
            stride,
            weights,
            depth,
            skip: last * length,
            hot: &[],
        };
        [whole, rest]
    }

    /// In how many slices of at most [`SLICE`] rows of weights to multiply a block.
    #[inline(always)]
    fn slices(&self) -> usize {
        (self.pieces * self.length).div_ceil(SLICE)
    }

    /// Slice `slice` of `slices`, of panel `panel`.
    #[inline(always)]
    fn slice(&self, columns: &Columns, panel: usize, slice: usize, slices: usize) -> Term<T> {
        let packing = columns.packing::<T>(panel, self.depth);
        let part = |count| match slices {
            1 => 0..count,
            _ => threads::range(count, slices, slice),
        };
        let (pieces, length, skipped, offset) = if self.pieces == 1 {
            let columns = part(self.length);
            (1, columns.len(), columns.start, columns.start)
        } else {
            let pieces = part(self.pieces);
            let (start, count) = (pieces.start, pieces.len());
            (count, self.length, start * self.length, start * self.stride)
        };
        let weights = &self.weights
            [columns.offset(panel, self.depth) + (self.skip + skipped) * packing.row..];
        Term {
            rows: self.rows.as_ptr(),
            offset,
            pieces,
            length,
            stride: self.stride,
            weights: weights.as_ptr(),
            packing,
        }
    }
}

/// `bias + Σ factors`, for `count` rows.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a, T> {
    columns: &'a Columns,
    count: usize,
    /// What every row starts from, packed like one row of the matrix.
    bias: &'a [T],
    /// Added in this order.
    factors: &'a [Factor<'a, T>],
}

impl<'a, T: Real> Product<'a, T> {
    pub(crate) fn new(
        columns: &'a Columns,
        count: usize,
        bias: &'a [T],
        factors: &'a [Factor<'a, T>],
    ) -> Self {
        Self {
            columns,
            count,
            bias,
            factors,
        }
    }

    pub(crate) fn columns(&self) -> &'a Columns {
        self.columns
    }

    /// Computes panel `panel` of the rows from `first` on, as many as fit in a block, and says how
    /// many that were. The sums of row `r` of the block go to [`Sums::row`]`(width, r)`.
    ///
    /// # Safety
    ///
    /// Every factor has at least `count` row pointers, good for `pieces · length` reads as laid
    /// out, and everything packed was packed by `columns`.
    #[inline(always)]
    pub(crate) unsafe fn block<S: Simd>(
        &self,
        simd: S,
        panel: usize,
        first: usize,
        sums: &mut Sums<T>,
    ) -> usize {
        let start = self.bias[self.columns.offset(panel, 1)..].as_ptr();
        let target = (sums.row(0, 0), self.columns.width(panel));
        // SAFETY: the caller's promise; the scratch has room for the largest block.
        unsafe { self.block_between(simd, (panel, first), (start, 0), target) }
    }

    /// As [`block`](Self::block), but from a start and to a target of the caller's: a pointer, and
    /// how far apart rows stand.
    ///
    /// # Safety
    ///
    /// As [`block`](Self::block), and both pointers are good for a block's rows.
    pub(crate) unsafe fn block_between<S: Simd>(
        &self,
        simd: S,
        (panel, first): (usize, usize),
        mut start: (*const T, usize),
        target: (*mut T, usize),
    ) -> usize {
        debug_assert!(Lanes::<S, T>::COUNT <= MAX_LANES);
        let left = self.count - first;
        // Nearly equal blocks, of whole tiles.
        let height = left.div_ceil(left.div_ceil(BLOCK_ROWS));
        let tile = tile::rows_beside::<S>(self.columns.vectors(panel));
        let height = height.next_multiple_of(tile).min(left);
        let mut terms = [Term::nothing(); 2];
        let mut depth = 0;
        let mut taken = 0;
        for factor in self.factors.iter().filter(|factor| !factor.hot.is_empty()) {
            let gather = Gather {
                hot: &factor.hot[first..first + height],
                vectors: self.columns.vectors(panel),
                packing: self.columns.packing::<T>(panel, factor.depth),
                weights: &factor.weights[self.columns.offset(panel, factor.depth)..],
                start,
                target,
            };
            simd.vectorize(gather);
            start = (target.0.cast_const(), target.1);
        }
        for factor in self.factors {
            let slices = factor.slices();
            for slice in 0..slices {
                let term = factor.slice(self.columns, panel, slice, slices);
                // Two small terms go through the registers together.
                if taken == terms.len() || (taken > 0 && depth + term.depth() > SLICE) {
                    // SAFETY: the caller's promise.
                    unsafe { self.pass(simd, (panel, first, height), start, &terms, target) };
                    start = (target.0.cast_const(), target.1);
                    terms = [Term::nothing(); 2];
                    (depth, taken) = (0, 0);
                }
                depth += term.depth();
                terms[taken] = term;
                taken += 1;
            }
        }
        // SAFETY: the caller's promise.
        unsafe { self.pass(simd, (panel, first, height), start, &terms, target) };
        height
    }

    /// Adds some terms to the sums of all rows of a block, tile by tile.
    ///
    /// # Safety
    ///
    /// As [`block_between`](Self::block_between).
    #[inline(always)]
    unsafe fn pass<S: Simd>(
        &self,
        simd: S,
        (panel, first, height): (usize, usize, usize),
        start: (*const T, usize),
        terms: &[Term<T>; 2],
        target: (*mut T, usize),
    ) {
        let vectors = self.columns.vectors(panel);
        let lanes = Lanes::<S, T>::COUNT;
        let mut row = 0;
        while row < height {
            let (rows, beside) = tile::next::<S>(height - row, vectors);
            for first_vector in (0..vectors).step_by(beside) {
                let at = |distance| row * distance + first_vector * lanes;
                let tile = Tile {
                    rows,
                    vectors: beside,
                    start: (start.0.wrapping_add(at(start.1)), start.1),
                    terms,
                    first: first + row,
                    first_vector,
                    sums: (target.0.wrapping_add(at(target.1)), target.1),
                };
                // SAFETY: the caller's promise.
                unsafe { tile.run(simd) };
            }
            row += rows;
        }
    }
}

/// Adds to the sums of every row of a block the row of a panel's weights at which it is one-hot.
///
/// Whoever makes one promises what [`Product::block_between`] asks for.
struct Gather<'a, T> {
    hot: &'a [Hot],
    vectors: usize,
    packing: Packing,
    weights: &'a [T],
    start: (*const T, usize),
    target: (*mut T, usize),
}

impl<T: Real> WithSimd for Gather<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = Lanes::<S, T>::COUNT;
        for (row, &hot) in self.hot.iter().enumerate() {
            let weights = match hot {
                NOWHERE => None,
                hot => Some(&self.weights[hot as usize * self.packing.row..]),
            };
            for vector in 0..self.vectors {
                // SAFETY: the promise of whoever made this; a row of weights is whole vectors.
                unsafe {
                    let start = self.start.0.add(row * self.start.1 + vector * lanes);
                    let mut sum = Lanes::<S, T>::load(simd, start);
                    if let Some(weights) = weights {
                        let weights = &weights[self.packing.of(vector, lanes)..][..lanes];
                        sum = sum + Lanes::load(simd, weights.as_ptr());
                    }
                    sum.store(self.target.0.add(row * self.target.1 + vector * lanes));
                }
            }
        }
    }
}

/// Writes some panels of a product into rows of numbers: row `r`, column `c` goes to `targets[r] + c`.
///
/// # Safety
///
/// As [`Product::block`]; every target is good for as many writes as the matrix has columns
/// (padded: as many as its vectors have lanes).
#[inline(always)]
pub(crate) unsafe fn store_product<S: Simd, T: Real>(
    simd: S,
    product: &Product<'_, T>,
    panels: Range<usize>,
    write: Write,
    targets: &[*mut T],
) {
    let lanes = Lanes::<S, T>::COUNT;
    let mut sums = Sums::new();
    for panel in panels {
        let mut first = 0;
        while first < product.count {
            // SAFETY: the caller's promise.
            let height = unsafe { product.block(simd, panel, first, &mut sums) };
            for row in 0..height {
                let sums = sums.row(product.columns.width(panel), row);
                for (vector, slot) in product.columns.slots(panel).iter().enumerate() {
                    // SAFETY: within the sums, and the caller's promise for the target.
                    unsafe {
                        let sum = Lanes::<S, T>::load(simd, sums.add(vector * lanes));
                        let target = targets[first + row].add(slot.column);
                        match write {
                            Write::Padded => sum.store(target),
                            Write::AddPadded => (sum + Lanes::load(simd, target)).store(target),
                            Write::Exact => sum.store_first(target, slot.valid),
                        }
                    }
                }
            }
            first += height;
        }
    }
}

/// How a product is written.
#[derive(Clone, Copy)]
pub(crate) enum Write {
    /// Whole vectors: rows have room for them, and their last lanes become zero.
    Padded,
    /// Added to whole vectors.
    AddPadded,
    /// Exactly as many numbers as there are columns.
    Exact,
}
