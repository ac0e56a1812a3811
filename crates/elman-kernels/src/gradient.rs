//! Gradients of weights: one big product over all real steps of all rows.
//!
//! ```text
//! d_weights[m][·] = Σ_k factor_k[m] · d_gates_k[·]        k: every real (step, row) pair, the last first
//! ```
//!
//! Threads split the result, never the sum, so that it has one order for any number of threads. The
//! order is backward's, from the last step to the first: a sequence may be taken in segments, each
//! adding to the sums of the segments after it, and the bits stay the same.

use std::ops::Range;

use pulp::Simd;

use crate::buffer::{Buffer, Shared, Source};
use crate::isa::{Isa, Work};
use crate::panels::{Columns, copy_piece};
use crate::real::{Lanes, Real};
use crate::run::Backward;
use crate::threads;
use crate::tile::{FEWER_ROWS, MAX_ROWS, OuterTile, rows};

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
    sums: Buffer<T>,
}

impl<'a, T: Real> WeightGradient<'a, T> {
    /// `gates` are the gate gradients, `[panel][pair][vector][lane]` of `columns`, of which the
    /// vectors in `slots` belong to this matrix; `factors` has one pointer per pair, good for
    /// `features` reads.
    pub(crate) fn new(
        columns: &'a Columns,
        gates: &'a [T],
        slots: Range<usize>,
        factors: Vec<Source<T>>,
        features: usize,
    ) -> Self {
        Self {
            columns,
            gates,
            slots,
            factors,
            features,
            sums: Buffer::zeros(columns.total() * features),
        }
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

    /// Begins with the sums of steps later than those of `run`, if there are any: they stand where
    /// [`unpack`](Self::unpack) puts sums.
    pub(crate) fn start(
        &mut self,
        run: &Backward<'_, T>,
        later: &[(&[T], usize)],
        first_row: usize,
    ) {
        if run.later.is_empty() {
            return;
        }
        let packed = (self.columns, &self.slots, self.features);
        places(packed, first_row, |place| {
            let (numbers, columns) = later[place.source];
            copy_piece(
                &mut self.sums[place.sums()],
                &numbers[place.numbers(columns)],
            );
        });
    }

    /// Writes the sums to rows `first_row` … of row-major matrices with the given number of
    /// columns, one per source of the slots.
    pub(crate) fn unpack(&self, targets: &mut [(&mut [T], usize)], first_row: usize) {
        let packed = (self.columns, &self.slots, self.features);
        places(packed, first_row, |place| {
            let (numbers, columns) = &mut targets[place.source];
            copy_piece(
                &mut numbers[place.numbers(*columns)],
                &self.sums[place.sums()],
            );
        });
    }
}

/// Visits packed sums of so many features piece by piece: where they stand, and where in rows
/// `first_row` … of row-major matrices, one per source of the slots.
#[inline(always)]
fn places(
    (packed, used, features): (&Columns, &Range<usize>, usize),
    first_row: usize,
    mut visit: impl FnMut(Place),
) {
    for panel in 0..packed.count() {
        let width = packed.width(panel);
        let lanes = width / packed.vectors(panel);
        let start = packed.offset(panel, features);
        let slots = packed.slots(panel);
        let used = used.start..used.end.min(slots.len());
        for feature in 0..features {
            for vector in used.clone() {
                visit(Place {
                    sum: start + feature * width + vector * lanes,
                    source: slots[vector].source,
                    row: first_row + feature,
                    column: slots[vector].column,
                    count: slots[vector].valid,
                });
            }
        }
    }
}

/// A piece of a row of sums, and where it stands in the matrix `source`.
struct Place {
    sum: usize,
    source: usize,
    row: usize,
    column: usize,
    count: usize,
}

impl Place {
    fn sums(&self) -> Range<usize> {
        self.sum..self.sum + self.count
    }

    fn numbers(&self, columns: usize) -> Range<usize> {
        let start = self.row * columns + self.column;
        start..start + self.count
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
    wanted: &mut [WeightGradient<'_, T>],
) {
    let targets: Vec<Shared<T>> = wanted
        .iter_mut()
        .map(|one| Shared::new(&mut one.sums))
        .collect();
    let wanted = &*wanted;
    threads::each(parts, |part| {
        isa.run(Part {
            wanted,
            targets: &targets,
            parts,
            part,
        });
    });
}

struct Part<'a, T: Real> {
    wanted: &'a [WeightGradient<'a, T>],
    targets: &'a [Shared<T>],
    parts: usize,
    part: usize,
}

impl<T: Real> Work for Part<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let lanes = Lanes::<S, T>::COUNT;
        let height = rows::<S>();
        for (one, &target) in self.wanted.iter().zip(self.targets) {
            let pairs = one.factors.len();
            let tiles = one.features.div_ceil(height);
            let mine = threads::range(one.columns.count() * tiles, self.parts, self.part);
            if mine.is_empty() {
                continue;
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
                for job in mine.clone() {
                    let (panel, tile) = (job / tiles, job % tiles);
                    let slots = one.slots.start..one.slots.end.min(one.columns.vectors(panel));
                    let width = one.columns.width(panel);
                    let gates = one.columns.offset(panel, pairs) + block * width;
                    let first = tile * height;
                    let start = slots.start * lanes;
                    let sums = one.columns.offset(panel, one.features) + first * width + start;
                    // SAFETY: everything is as long as its description says; every tile is
                    // written by one part only.
                    unsafe {
                        OuterTile {
                            rows: height.min(one.features - first),
                            vectors: slots.len(),
                            terms,
                            factors: (factors[first * BLOCK..].as_ptr(), height),
                            weights: (one.gates[gates + start..].as_ptr(), width),
                            sums: (target.at(sums), width),
                        }
                        .run(simd);
                    }
                }
            }
        }
    }
}
