//! Gradients of weights: one big product over all real steps of all rows.
//!
//! ```text
//! d_weights[m][·] = Σ_k factor_k[m] · d_gates_k[·]        k: every real (step, row) pair, the last first
//! ```
//!
//! Threads split the result, never the sum, so that it has one order for any number of threads. The
//! order is backward's, from the last step to the first: a sequence may be taken in segments, each
//! adding to the sums of the segments after it, and the bits stay the same.

use std::marker::PhantomData;
use std::ops::Range;

use pulp::Simd;

use crate::buffer::{Buffer, Shared, Source};
use crate::isa::{Isa, Work};
use crate::panels::{Columns, copy_piece};
use crate::real::{Lanes, Real};
use crate::threads;
use crate::tile::{FEWER_ROWS, MAX_ROWS, OuterTile, VECTORS, rows};

/// How many pairs are added in one go: one panel of their gate gradients and a tile of their
/// factors then stay in the first-level cache (32 KiB), while the sums are read and written seldom.
const BLOCK: usize = 192;

/// One weight matrix whose gradient is wanted.
pub(crate) struct WeightGradient<'a, T: Real> {
    columns: &'a Columns,
    gates: &'a [T],
    slots: Range<usize>,
    factors: Vec<Source<T>>,
    features: usize,
    targets: Vec<Target<T>>,
    lifetime: PhantomData<&'a mut [T]>,
}

/// Rows of a row-major matrix to which sums are added.
#[derive(Clone, Copy)]
struct Target<T> {
    numbers: Shared<T>,
    columns: usize,
}

impl<'a, T: Real> WeightGradient<'a, T> {
    /// `gates` are the gate gradients, `[panel][pair][vector][lane]` of `columns`, of which the
    /// vectors in `slots` belong to this matrix; `factors` has one pointer per pair, good for
    /// `features` reads. The gradient is added to `features` rows for each source of the slots.
    ///
    /// # Panics
    ///
    /// When a target has not so many rows, or fewer columns than the slots.
    pub(crate) fn new<const N: usize>(
        columns: &'a Columns,
        (gates, slots): (&'a [T], Range<usize>),
        (factors, features): (Vec<Source<T>>, usize),
        targets: [&'a mut [T]; N],
    ) -> Self {
        let target = |numbers: &mut [T]| {
            let features = features.max(1);
            assert_eq!(numbers.len() % features, 0, "whole rows");
            Target {
                columns: numbers.len() / features,
                numbers: Shared::new(numbers),
            }
        };
        let wanted = Self {
            columns,
            gates,
            slots,
            factors,
            features,
            targets: targets.into_iter().map(target).collect(),
            lifetime: PhantomData,
        };
        for panel in 0..columns.count() {
            for slot in &columns.slots(panel)[wanted.used(panel)] {
                let target = wanted.targets[slot.source];
                assert!(slot.column + slot.valid <= target.columns, "all columns");
            }
        }
        wanted
    }

    /// Copies the factors of `pairs` to `[tile][pair][row of the tile]`, [`BLOCK`] pairs and `ROWS`
    /// rows a tile.
    ///
    /// # Safety
    ///
    /// Every factor pointer is good for `features` reads.
    #[inline(always)]
    unsafe fn interleave<const ROWS: usize>(&self, pairs: Range<usize>, target: &mut [T]) {
        for (pair, factor) in self.factors[pairs].iter().enumerate() {
            // SAFETY: the caller's promise.
            let row = unsafe { std::slice::from_raw_parts(factor.at(0), self.features) };
            let (whole, rest) = row.as_chunks::<ROWS>();
            let tiles = target.chunks_exact_mut(BLOCK * ROWS);
            let mut places = tiles.map(|tile| &mut tile[pair * ROWS..][..ROWS]);
            for (numbers, place) in whole.iter().zip(&mut places) {
                place.copy_from_slice(numbers);
            }
            if let Some(place) = places.next() {
                place[..rest.len()].copy_from_slice(rest);
            }
        }
    }

    /// Visits the pieces of the tile of `rows` features from `first` on in `panel`: where each stands
    /// in the tile, `[row][vector][lane]`, and in its target.
    #[inline(always)]
    fn pieces(
        &self,
        panel: usize,
        (first, rows): (usize, usize),
        mut visit: impl FnMut(usize, Piece<T>),
    ) {
        let lanes = self.columns.width(panel) / self.columns.vectors(panel);
        let slots = &self.columns.slots(panel)[self.used(panel)];
        for row in 0..rows {
            for (vector, slot) in slots.iter().enumerate() {
                let target = self.targets[slot.source];
                let column = (first + row) * target.columns + slot.column;
                let piece = Piece {
                    // SAFETY: the target has a row for every feature, and all the slots' columns.
                    place: unsafe { target.numbers.at(column) },
                    count: slot.valid,
                };
                visit((row * slots.len() + vector) * lanes, piece);
            }
        }
    }

    /// The vectors of `panel` that belong to this matrix.
    #[inline(always)]
    fn used(&self, panel: usize) -> Range<usize> {
        self.slots.start..self.slots.end.min(self.columns.vectors(panel))
    }
}

/// Some numbers of a target.
struct Piece<T> {
    place: *mut T,
    count: usize,
}

impl<T> Piece<T> {
    /// # Safety
    ///
    /// Nobody else reads or writes these numbers.
    #[inline(always)]
    unsafe fn numbers<'a>(self) -> &'a mut [T] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.place, self.count) }
    }
}

/// Computes all of `wanted`.
///
/// # Safety
///
/// Every factor pointer is good for as many reads as its matrix has features.
pub(crate) unsafe fn weight_gradients<T: Real>(
    isa: Isa,
    parts: usize,
    wanted: &[WeightGradient<'_, T>],
) {
    threads::each(parts, |part| {
        isa.run(Part {
            wanted,
            parts,
            part,
        });
    });
}

struct Part<'a, T: Real> {
    wanted: &'a [WeightGradient<'a, T>],
    parts: usize,
    part: usize,
}

impl<T: Real> Work for Part<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let lanes = Lanes::<S, T>::COUNT;
        let height = rows::<S>();
        for one in self.wanted {
            let pairs = one.factors.len();
            let tiles = one.features.div_ceil(height);
            let mine = threads::range(one.columns.count() * tiles, self.parts, self.part);
            if mine.is_empty() {
                continue;
            }
            let place = |job: usize| {
                let (panel, first) = (job / tiles, job % tiles * height);
                (panel, (first, height.min(one.features - first)))
            };
            let size = height * VECTORS * lanes;
            let mut sums = Buffer::new(mine.len() * size);
            for (job, sums) in mine.clone().zip(sums.chunks_exact_mut(size)) {
                sums.fill(T::default());
                let (panel, rows) = place(job);
                one.pieces(panel, rows, |at, piece| {
                    // SAFETY: every tile belongs to one part.
                    let later = unsafe { piece.numbers() };
                    copy_piece(&mut sums[at..at + later.len()], later);
                });
            }
            let mut factors = Buffer::zeros(tiles * height * BLOCK);
            for block in (0..pairs).step_by(BLOCK).rev() {
                let terms = BLOCK.min(pairs - block);
                // SAFETY: pointers are good by the promise of `weight_gradients`.
                unsafe {
                    if const { rows::<S>() == MAX_ROWS } {
                        one.interleave::<MAX_ROWS>(block..block + terms, &mut factors);
                    } else {
                        one.interleave::<FEWER_ROWS>(block..block + terms, &mut factors);
                    }
                }
                for (job, sums) in mine.clone().zip(sums.chunks_exact_mut(size)) {
                    let (panel, (first, rows)) = place(job);
                    let slots = one.used(panel);
                    let width = one.columns.width(panel);
                    let gates = one.columns.offset(panel, pairs) + block * width;
                    let start = slots.start * lanes;
                    // SAFETY: everything is as long as its description says.
                    unsafe {
                        OuterTile {
                            rows,
                            vectors: slots.len(),
                            terms,
                            factors: (factors[first * BLOCK..].as_ptr(), height),
                            weights: (one.gates[gates + start..].as_ptr(), width),
                            sums: (sums.as_mut_ptr(), slots.len() * lanes),
                        }
                        .run(simd);
                    }
                }
            }
            for (job, sums) in mine.zip(sums.chunks_exact(size)) {
                let (panel, rows) = place(job);
                one.pieces(panel, rows, |at, piece| {
                    // SAFETY: every tile belongs to one part.
                    let target = unsafe { piece.numbers() };
                    let count = target.len();
                    copy_piece(target, &sums[at..at + count]);
                });
            }
        }
    }
}
