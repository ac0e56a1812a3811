//! How the columns of a weight matrix are dealt out to vectors, and weights packed that way.
//!
//! A panel is up to four vectors of columns that a tile computes together. For a gated cell the
//! vectors of one panel are the gates of the same units, so that the cell update happens right
//! after the sums.

use crate::buffer::{Buffer, Shared};
use crate::real::Real;
use crate::threads;
use crate::tile::{Packing, VECTORS};

/// One vector of columns: `valid` columns of matrix `source` from `column` on; the other lanes
/// are zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) source: usize,
    pub(crate) column: usize,
    pub(crate) valid: usize,
}

/// The vectors of every panel.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    lanes: usize,
    panels: Vec<Vec<Slot>>,
    /// The number of vectors before each panel; one more entry at the end.
    before: Vec<usize>,
}

/// Below this many numbers to pack, waking a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 1 << 16;

/// Calls `pack` for every panel, on all threads where there is enough to do.
fn each_panel(panels: usize, numbers: usize, pack: impl Fn(usize) + Sync) {
    let parts = match numbers < WORTH_A_THREAD {
        true => 1,
        false => threads::get().get().min(panels),
    };
    threads::each(parts, |part| {
        threads::range(panels, parts, part).for_each(&pack)
    });
}

/// A row-major matrix to pack from or to unpack to.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub(crate) numbers: &'a [T],
    pub(crate) columns: usize,
}

/// Copies a piece of a row, most often a whole vector: that is a move or two, not a call.
#[inline(always)]
pub(crate) fn copy_piece<T: Copy>(target: &mut [T], source: &[T]) {
    #[inline(always)]
    fn whole<T: Copy, const LANES: usize>(target: &mut [T], source: &[T]) -> bool {
        match (target.as_chunks_mut().0, source.as_chunks().0) {
            ([target], [source]) => {
                let _: &[T; LANES] = source;
                *target = *source;
                true
            }
            _ => false,
        }
    }
    assert_eq!(target.len(), source.len());
    let done = match source.len() {
        4 => whole::<T, 4>(target, source),
        8 => whole::<T, 8>(target, source),
        16 => whole::<T, 16>(target, source),
        _ => false,
    };
    if !done {
        target.copy_from_slice(source);
    }
}

impl Columns {
    fn new(lanes: usize, panels: Vec<Vec<Slot>>) -> Self {
        let mut before = vec![0];
        for panel in &panels {
            debug_assert!((1..=VECTORS).contains(&panel.len()));
            before.push(before.last().expect("it has a first entry") + panel.len());
        }
        Self {
            lanes,
            panels,
            before,
        }
    }

    /// Consecutive columns, four vectors a panel: all panels but the last are equally wide.
    pub(crate) fn plain(lanes: usize, columns: usize) -> Self {
        let slots = Self::consecutive(lanes, columns);
        Self::new(lanes, slots.chunks(VECTORS).map(<[_]>::to_vec).collect())
    }

    /// Consecutive columns, up to four vectors a panel, in panels of nearly equal width: a narrow
    /// panel has too few sums to keep the machine busy.
    fn even(lanes: usize, columns: usize) -> Self {
        let slots = Self::consecutive(lanes, columns);
        let panels = slots.len().div_ceil(VECTORS);
        let of_panel = |panel| slots[threads::range(slots.len(), panels, panel)].to_vec();
        Self::new(lanes, (0..panels).map(of_panel).collect())
    }

    fn consecutive(lanes: usize, columns: usize) -> Vec<Slot> {
        (0..columns.div_ceil(lanes))
            .map(|vector| Slot {
                source: 0,
                column: vector * lanes,
                valid: lanes.min(columns - vector * lanes),
            })
            .collect()
    }

    /// `units_vectors` vectors of units a panel, each with every gate of `gates` (source matrix
    /// and first column of the gate).
    pub(crate) fn gated(
        lanes: usize,
        units: usize,
        units_vectors: usize,
        gates: &[(usize, usize)],
    ) -> Self {
        let vectors = units.div_ceil(lanes);
        let panels = (0..vectors).step_by(units_vectors).map(|first| {
            let within = first..vectors.min(first + units_vectors);
            let of_gate = |&(source, column): &(usize, usize)| {
                within.clone().map(move |vector| Slot {
                    source,
                    column: column + vector * lanes,
                    valid: lanes.min(units - vector * lanes),
                })
            };
            gates.iter().flat_map(of_gate).collect()
        });
        Self::new(lanes, panels.collect())
    }

    /// How many panels there are.
    pub(crate) fn count(&self) -> usize {
        self.panels.len()
    }

    /// How many vectors panel `panel` has.
    #[inline(always)]
    pub(crate) fn vectors(&self, panel: usize) -> usize {
        self.panels[panel].len()
    }

    /// The vectors of panel `panel`.
    pub(crate) fn slots(&self, panel: usize) -> &[Slot] {
        &self.panels[panel]
    }

    /// Where the columns of the last panel's first `slots` vectors stand in a row: so many pieces, of so
    /// many numbers, so far apart. A piece is whole vectors, then the last one of its columns.
    pub(crate) fn pieces_of_last(&self, slots: usize) -> (usize, usize, usize) {
        let last = self.panels.last().expect("a matrix has columns");
        let slots = &last[..slots.min(last.len())];
        let partial = slots.iter().filter(|slot| slot.valid < self.lanes).count();
        let pieces = partial.max(1);
        let columns: usize = slots.iter().map(|slot| slot.valid).sum();
        debug_assert!(
            columns.is_multiple_of(pieces) && slots.len().is_multiple_of(pieces),
            "equal pieces"
        );
        (pieces, columns / pieces, slots.len() / pieces * self.lanes)
    }

    /// How many numbers a row of panel `panel` has.
    #[inline(always)]
    pub(crate) fn width(&self, panel: usize) -> usize {
        self.vectors(panel) * self.lanes
    }

    /// Where panel `panel` of a packed matrix of `rows` rows starts.
    #[inline(always)]
    pub(crate) fn offset(&self, panel: usize, rows: usize) -> usize {
        self.before[panel] * self.lanes * rows
    }

    /// Where the vectors of panel `panel` of a packed matrix of `rows` rows of `T` stand.
    pub(crate) fn packing<T>(&self, panel: usize, rows: usize) -> Packing {
        Packing::new::<T>(rows, self.vectors(panel), self.lanes)
    }

    /// How many numbers a packed row has over all panels.
    pub(crate) fn total(&self) -> usize {
        self.before[self.panels.len()] * self.lanes
    }

    /// Sets a packed panel to zero, if it has lanes without a column.
    fn clear_lanes<T: Real>(&self, panel: usize, packed: &mut [T]) {
        let mut slots = self.panels[panel].iter();
        if slots.any(|slot| slot.valid < self.lanes) {
            packed.fill(T::default());
        }
    }

    /// Packs rows `rows` of the source matrices, panel by panel, each as [`Packing`] says.
    pub(crate) fn pack<T: Real>(
        &self,
        sources: &[Matrix<'_, T>],
        rows: std::ops::Range<usize>,
    ) -> Buffer<T> {
        let count = rows.len();
        let mut packed = Buffer::new(self.total() * count);
        let shared = Shared::new(&mut packed);
        each_panel(self.count(), self.total() * count, |panel| {
            let slots = &self.panels[panel];
            let width = self.width(panel);
            let start = self.offset(panel, count);
            // SAFETY: panels do not overlap, and every panel is packed once.
            let target = unsafe { std::slice::from_raw_parts_mut(shared.at(start), width * count) };
            self.clear_lanes(panel, target);
            let packing = self.packing::<T>(panel, count);
            for (line, row) in rows.clone().enumerate() {
                for (vector, slot) in slots.iter().enumerate() {
                    let source = sources[slot.source];
                    let from = row * source.columns + slot.column;
                    let to = line * packing.row + packing.of(vector, self.lanes);
                    copy_piece(
                        &mut target[to..to + slot.valid],
                        &source.numbers[from..from + slot.valid],
                    );
                }
            }
        });
        packed
    }

    /// Packs the transpose of rows `rows` of the source matrices, for a product whose left side
    /// is laid out as these columns are: panels of rows, a row of theirs for each column as packed here.
    ///
    /// `slots_used` picks the vectors of each panel that take part (`0..n` for all).
    pub(crate) fn pack_transposed<T: Real>(
        &self,
        sources: &[Matrix<'_, T>],
        rows: std::ops::Range<usize>,
        slots_used: std::ops::Range<usize>,
    ) -> (Columns, Buffer<T>) {
        let targets = Columns::even(self.lanes, rows.len());
        let used = |slots: &[Slot]| slots_used.start..slots_used.end.min(slots.len());
        let depth: usize = self
            .panels
            .iter()
            .flat_map(|slots| &slots[used(slots)])
            .map(|slot| slot.valid)
            .sum();
        let mut packed = Buffer::new(targets.total() * depth);
        let shared = Shared::new(&mut packed);
        each_panel(targets.count(), targets.total() * depth, |panel| {
            let width = targets.width(panel);
            let start = targets.offset(panel, depth);
            // SAFETY: panels do not overlap, and every panel is packed once.
            let target = unsafe { std::slice::from_raw_parts_mut(shared.at(start), width * depth) };
            targets.clear_lanes(panel, target);
            let packing = targets.packing::<T>(panel, depth);
            let row = rows.start + targets.slots(panel)[0].column;
            let mut k = 0;
            for slots in &self.panels {
                for slot in &slots[used(slots)] {
                    let source = sources[slot.source];
                    for offset in 0..slot.valid {
                        // One column of the source, which its rows keep in the cache for the next.
                        let column = row * source.columns + slot.column + offset;
                        let mut column = source.numbers[column..].iter().step_by(source.columns);
                        for (vector, slot) in targets.slots(panel).iter().enumerate() {
                            let to = (k + offset) * packing.row + packing.of(vector, self.lanes);
                            let numbers = target[to..to + slot.valid].iter_mut();
                            for (number, &from) in numbers.zip(column.by_ref()) {
                                *number = from;
                            }
                        }
                    }
                    k += slot.valid;
                }
            }
        });
        (targets, packed)
    }
}
