//! How the columns of a weight matrix are dealt out to vectors, and weights packed that way.
//!
//! A panel is up to four vectors of columns that a tile computes together. For a gated cell the
//! vectors of one panel are the gates of the same units, so that the cell update happens right
//! after the sums. Where few units are left for the last panel, its gates may share vectors.

use crate::buffer::{Buffer, Shared};
use crate::real::Real;
use crate::threads;
use crate::tile::{Packing, VECTORS};

/// A vector of columns, or a part of one: `valid` columns of matrix `source` from `column` on; the
/// other lanes are zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) source: usize,
    pub(crate) column: usize,
    pub(crate) valid: usize,
}

#[derive(Clone, Debug)]
struct Panel {
    slots: Vec<Slot>,
    /// How far apart slots are in a row: a vector, or a part of one.
    spacing: usize,
}

/// The vectors of every panel.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    lanes: usize,
    panels: Vec<Panel>,
    /// The number of vectors before each panel; one more entry at the end.
    before: Vec<usize>,
}

/// Calls `pack` for every panel, on all threads where there is enough to do.
fn each_panel(panels: usize, numbers: usize, pack: impl Fn(usize) + Sync) {
    let parts = threads::to_move(numbers).min(panels);
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
    fn new(lanes: usize, panels: impl IntoIterator<Item = Vec<Slot>>) -> Self {
        let panel = |slots| Panel {
            slots,
            spacing: lanes,
        };
        Self::of_panels(lanes, panels.into_iter().map(panel).collect())
    }

    fn of_panels(lanes: usize, panels: Vec<Panel>) -> Self {
        let mut before = vec![0];
        for Panel { slots, spacing } in &panels {
            debug_assert!((1..=VECTORS).contains(&slots.len()));
            let vectors = (slots.len() * spacing).div_ceil(lanes);
            before.push(before.last().expect("it has a first entry") + vectors);
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
        Self::new(lanes, slots.chunks(VECTORS).map(<[_]>::to_vec))
    }

    /// Consecutive columns, up to four vectors a panel, in panels of nearly equal width: a narrow
    /// panel has too few sums to keep the machine busy.
    fn even(lanes: usize, columns: usize) -> Self {
        let slots = Self::consecutive(lanes, columns);
        let panels = slots.len().div_ceil(VECTORS);
        let of_panel = |panel| slots[threads::range(slots.len(), panels, panel)].to_vec();
        Self::new(lanes, (0..panels).map(of_panel))
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
        Self::new(lanes, panels)
    }

    /// The same, but the slots of the last panel stand as near to each other as whole vectors and powers of
    /// two allow: lanes without a column cost as much as the others.
    pub(crate) fn narrowed(mut self) -> Self {
        if let Some(Panel { slots, spacing }) = self.panels.last_mut() {
            let valid = slots.iter().map(|slot| slot.valid).max().unwrap_or(1);
            let least = self.lanes.div_ceil(slots.len());
            let narrow = valid.max(least).next_power_of_two();
            if (slots.len() * narrow).is_multiple_of(self.lanes) {
                *spacing = narrow.min(*spacing);
            }
        }
        Self::of_panels(self.lanes, self.panels)
    }

    /// How many numbers a vector has.
    #[inline(always)]
    pub(crate) fn lanes(&self) -> usize {
        self.lanes
    }

    /// How many panels there are.
    pub(crate) fn count(&self) -> usize {
        self.panels.len()
    }

    /// How many vectors panel `panel` has.
    #[inline(always)]
    pub(crate) fn vectors(&self, panel: usize) -> usize {
        self.before[panel + 1] - self.before[panel]
    }

    /// What panel `panel` has in its vectors.
    pub(crate) fn slots(&self, panel: usize) -> &[Slot] {
        &self.panels[panel].slots
    }

    /// How far apart the slots of panel `panel` are in a row: as far as a vector is long, but in a
    /// [`narrowed`](Self::narrowed) panel.
    #[inline(always)]
    pub(crate) fn spacing(&self, panel: usize) -> usize {
        self.panels[panel].spacing
    }

    /// Where the columns of the last panel's first `slots` slots stand in a row: so many pieces, of so
    /// many numbers, so far apart. A piece is whole slots, then the last one of its columns.
    pub(crate) fn pieces_of_last(&self, slots: usize) -> (usize, usize, usize) {
        let last = self.panels.last().expect("a matrix has columns");
        let slots = &last.slots[..slots.min(last.slots.len())];
        let partial = slots
            .iter()
            .filter(|slot| slot.valid < last.spacing)
            .count();
        let pieces = partial.max(1);
        let columns: usize = slots.iter().map(|slot| slot.valid).sum();
        debug_assert!(
            columns.is_multiple_of(pieces) && slots.len().is_multiple_of(pieces),
            "equal pieces"
        );
        (
            pieces,
            columns / pieces,
            slots.len() / pieces * last.spacing,
        )
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
        let Panel { slots, spacing } = &self.panels[panel];
        if slots.iter().any(|slot| slot.valid < *spacing) {
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
            let Panel { slots, spacing } = &self.panels[panel];
            let width = self.width(panel);
            let start = self.offset(panel, count);
            // SAFETY: panels do not overlap, and every panel is packed once.
            let target = unsafe { std::slice::from_raw_parts_mut(shared.at(start), width * count) };
            self.clear_lanes(panel, target);
            let packing = self.packing::<T>(panel, count);
            for (line, row) in rows.clone().enumerate() {
                for (number, slot) in slots.iter().enumerate() {
                    let source = sources[slot.source];
                    let from = row * source.columns + slot.column;
                    let place = number * spacing;
                    let vector = packing.of(place / self.lanes, self.lanes);
                    let to = line * packing.row + vector + place % self.lanes;
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
            .flat_map(|panel| &panel.slots[used(&panel.slots)])
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
            for Panel { slots, .. } in &self.panels {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_units_share_vectors_and_keep_their_places() {
        const LANES: usize = 16;
        let gates = |units: usize| (0..4).map(|gate| (0, gate * units)).collect::<Vec<_>>();
        // Units; spacing and vectors of the last panel.
        let expected = [
            (1, 4, 1),
            (4, 4, 1),
            (5, 8, 2),
            (22, 8, 2),
            (25, 16, 4),
            (32, 16, 4),
        ];
        for (units, spacing, vectors) in expected {
            let columns = Columns::gated(LANES, units, 1, &gates(units)).narrowed();
            let last = columns.count() - 1;
            assert_eq!(columns.spacing(last), spacing, "{units}");
            assert_eq!(columns.vectors(last), vectors, "{units}");
            assert_eq!(columns.total(), LANES * (4 * last + vectors), "{units}");
            let numbers: Vec<f32> = (0..4 * units).map(|column| column as f32 + 1.0).collect();
            let row = Matrix {
                numbers: &numbers,
                columns: numbers.len(),
            };
            let packed = columns.pack(&[row], 0..1);
            for (slot, of_gate) in columns.slots(last).iter().enumerate() {
                let place = columns.offset(last, 1) + slot * spacing;
                let found = &packed[place..place + spacing];
                assert_eq!(
                    found[..of_gate.valid],
                    numbers[of_gate.column..][..of_gate.valid]
                );
                assert!(found[of_gate.valid..].iter().all(|&number| number == 0.0));
            }
            let (pieces, length, distance) = columns.pieces_of_last(4);
            assert_eq!(pieces * length, 4 * columns.slots(last)[0].valid, "{units}");
            assert!(pieces == 1 || distance == spacing, "{units}");
        }
    }
}
