//! Gradients of weights: one big product over all real steps of all rows.
//!
//! ```text
//! d_weights[m][·] = Σ_k factor_k[m] · d_gates_k[·]        k: every real (step, row) pair, in order
//! ```
//!
//! Threads split the result, never the sum, so that it has one order for any number of threads.

use std::ops::Range;

use pulp::Simd;

use crate::buffer::{Buffer, Shared, Source};
use crate::isa::{Isa, Work};
use crate::panels::Columns;
use crate::real::{Lanes, Real};
use crate::threads;
use crate::tile::{OuterTile, rows};

/// How many pairs are added in one go: their gate gradients then stay in the second-level cache.
const BLOCK: usize = 256;

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

    /// Adds the sums to rows `first_row` … of row-major matrices with the given number of
    /// columns, one per source of the slots.
    pub(crate) fn unpack(&self, targets: &mut [(&mut [T], usize)], first_row: usize) {
        for panel in 0..self.columns.count() {
            let width = self.columns.width(panel);
            let lanes = width / self.columns.vectors(panel);
            let start = self.columns.offset(panel, self.features);
            for feature in 0..self.features {
                let line = &self.sums[start + feature * width..][..width];
                let slots = self.columns.slots(panel).iter().enumerate();
                for (vector, slot) in slots.filter(|(vector, _)| self.slots.contains(vector)) {
                    let (target, columns) = &mut targets[slot.source];
                    let from = (first_row + feature) * *columns + slot.column;
                    target[from..from + slot.valid]
                        .copy_from_slice(&line[vector * lanes..][..slot.valid]);
                }
            }
        }
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
            for block in (0..pairs).step_by(BLOCK) {
                for job in mine.clone() {
                    let (panel, tile) = (job / tiles, job % tiles);
                    let slots = one.slots.start..one.slots.end.min(one.columns.vectors(panel));
                    let width = one.columns.width(panel);
                    let gates = one.columns.offset(panel, pairs) + block * width;
                    let first = tile * height;
                    let start = slots.start * lanes;
                    let sums = one.columns.offset(panel, one.features) + first * width + start;
                    // SAFETY: pointers are good by the promise of `weight_gradients`; every tile
                    // is written by one part only.
                    unsafe {
                        OuterTile {
                            rows: height.min(one.features - first),
                            vectors: slots.len(),
                            terms: BLOCK.min(pairs - block),
                            factors: one.factors[block..].as_ptr().cast(),
                            first,
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
