//! Gradients of weights: one big product over all real steps of all rows.
//!
//! ```text
//! d_weights[m][·] = Σ_g Σ_k factor_k[m] · d_gates_k[·]        k: every real (step, row) pair of group g
//! ```
//!
//! The rows of a batch are summed in groups ([`Plan::groups`]), so that a thread mostly reads what it
//! wrote itself in the pass over time: to fetch what another core wrote costs more than the arithmetic
//! of a small layer, and to write it again still more. Groups do not depend on the number of threads,
//! and threads split the result, never a sum, so that it has one order for any number of threads.
//!
//! Within a group the order is backward's, from the last step to the first: a sequence may be taken
//! in segments, each adding to the group's sums of the segments after it, and the bits stay the same.

mod parameter;

use std::mem::MaybeUninit;
use std::ops::Range;

pub(crate) use parameter::{ParameterGradient, Target};
use pulp::Simd;

use crate::buffer::{Buffer, Source};
use crate::cache::prefetch_all;
use crate::inputs::{Hot, NOWHERE, PairInputs};
use crate::isa::{Isa, Work};
use crate::panels::{Columns, copy_piece};
use crate::real::{Lanes, Real};
use crate::shape::Plan;
use crate::threads;
use crate::tile::{OuterTile, VECTORS, rows_beside};

/// How many pairs are added in one go: one panel of their gate gradients and a tile of their factors then
/// stay in the first-level cache (24 and 2 KiB with AVX2; twice that with AVX-512, where fewer pairs are no
/// faster), while the sums are read and written seldom.
const BLOCK: usize = 192;
/// How many pairs ahead to ask for the factors: each stands for itself, so that no processor guesses the next.
const ROWS_AHEAD: usize = 4;

/// One weight matrix whose gradient is wanted.
pub(crate) struct WeightGradient<'a, T: Real> {
    columns: &'a Columns,
    gates: &'a [T],
    slots: Range<usize>,
    factors: PairInputs<T>,
    features: usize,
    targets: Vec<Target<'a, T>>,
}

impl<'a, T: Real> WeightGradient<'a, T> {
    /// `gates` are the gate gradients, `[panel][pair][vector][lane]` of `columns`, of which the
    /// vectors in `slots` belong to this matrix; `factors` are the other factor of every pair, of
    /// `features` numbers. The gradient is added to a target for each source of the slots.
    ///
    /// # Panics
    ///
    /// When a target has not `features` rows, or fewer columns than the slots.
    pub(crate) fn new<const N: usize>(
        columns: &'a Columns,
        (gates, slots): (&'a [T], Range<usize>),
        (factors, features): (PairInputs<T>, usize),
        targets: [Target<'a, T>; N],
    ) -> Self {
        let wanted = Self {
            columns,
            gates,
            slots,
            factors,
            features,
            targets: targets.into(),
        };
        for target in &wanted.targets {
            assert_eq!(target.rows.len(), features, "a row for each feature");
        }
        for panel in 0..columns.count() {
            for slot in &columns.slots(panel)[wanted.used(panel)] {
                let target = &wanted.targets[slot.source];
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
    unsafe fn interleave<const ROWS: usize>(
        &self,
        factors: &[Source<T>],
        pairs: &[usize],
        target: &mut [T],
    ) {
        for (place, &pair) in pairs.iter().enumerate() {
            if let Some(&pair) = pairs.get(place + ROWS_AHEAD) {
                // SAFETY: the caller's promise.
                prefetch_all(unsafe { factors[pair].at(0) }, self.features);
            }
            // SAFETY: the caller's promise.
            let row = unsafe { std::slice::from_raw_parts(factors[pair].at(0), self.features) };
            let (whole, rest) = row.as_chunks::<ROWS>();
            let tiles = target.chunks_exact_mut(BLOCK * ROWS);
            let mut places = tiles.map(|tile| &mut tile[place * ROWS..][..ROWS]);
            for (numbers, place) in whole.iter().zip(&mut places) {
                place.copy_from_slice(numbers);
            }
            if let Some(place) = places.next() {
                // Number by number: to call a copy of so few takes longer.
                for (row, number) in place.iter_mut().enumerate() {
                    if let Some(&rest) = rest.get(row) {
                        *number = rest;
                    }
                }
            }
        }
    }

    /// How many features a job takes: a tile's rows, or all, where nothing is multiplied.
    fn height<S: Simd>(&self) -> usize {
        let widest = (0..self.columns.count()).map(|panel| self.vectors(panel));
        match self.factors {
            PairInputs::Hot(_) => self.features,
            PairInputs::Rows { .. } => rows_beside::<S>(widest.max().unwrap_or(VECTORS)),
        }
    }

    /// Adds the products of `pairs`, the last one first, to the sums of a tile of `rows` features from
    /// `first` on in `panel`; `factors` are interleaved, `height` a tile.
    ///
    /// # Safety
    ///
    /// The gates have a row for every pair, and `sums` as many as the tile.
    #[inline(always)]
    unsafe fn multiply<S: Simd>(
        &self,
        simd: S,
        (factors, height, pairs): (&[T], usize, &[usize]),
        (panel, (first, rows)): (usize, (usize, usize)),
        sums: &mut [T],
    ) {
        let vectors = self.vectors(panel);
        let gates = self.gates_of(panel);
        let tile = OuterTile {
            rows,
            vectors,
            terms: pairs,
            factors: (factors[first * BLOCK..].as_ptr(), height),
            weights: (self.gates[gates..].as_ptr(), self.columns.width(panel)),
            sums: (sums.as_mut_ptr(), vectors * Lanes::<S, T>::COUNT),
        };
        // SAFETY: the caller's promise.
        unsafe { tile.run(simd) };
    }

    /// Adds the gates of `pairs` in `panel`, the last one first, to the sums of the features at which
    /// the pairs are one-hot.
    ///
    /// # Safety
    ///
    /// The gates have a row for every pair, and `sums` one for every feature.
    #[inline(always)]
    unsafe fn scatter<S: Simd>(
        &self,
        simd: S,
        (hot, pairs): (&[Hot], &[usize]),
        panel: usize,
        sums: &mut [T],
    ) {
        let lanes = Lanes::<S, T>::COUNT;
        let width = self.vectors(panel) * lanes;
        let gates = self.gates_of(panel);
        for &pair in pairs.iter().rev() {
            if hot[pair] == NOWHERE {
                continue;
            }
            let gates = &self.gates[gates + pair * self.columns.width(panel)..];
            let sums = &mut sums[hot[pair] as usize * width..];
            for vector in (0..width).step_by(lanes) {
                // SAFETY: the caller's promise.
                unsafe {
                    let sum = Lanes::<S, T>::load(simd, sums[vector..].as_ptr());
                    let sum = sum + Lanes::load(simd, gates[vector..].as_ptr());
                    sum.store(sums[vector..].as_mut_ptr());
                }
            }
        }
    }

    /// Visits the pieces of the tile of `rows` features from `first` on in `panel`: where each stands
    /// in the tile, `[row][vector][lane]`, and in the target's sums of `group`.
    #[inline(always)]
    fn pieces(
        &self,
        group: usize,
        panel: usize,
        (first, rows): (usize, usize),
        mut visit: impl FnMut(usize, Piece<T>),
    ) {
        let spacing = self.columns.spacing(panel);
        let slots = &self.columns.slots(panel)[self.used(panel)];
        for row in 0..rows {
            for (number, slot) in slots.iter().enumerate() {
                let target = &self.targets[slot.source];
                let row_of_target = target.rows.start + first + row;
                let at = group * target.group + row_of_target * target.columns + slot.column;
                let piece = Piece {
                    // SAFETY: the target has a row for every feature, and all the slots' columns.
                    place: unsafe { target.numbers.at(at) },
                    count: slot.valid,
                };
                visit((row * slots.len() + number) * spacing, piece);
            }
        }
    }

    /// Are there no later steps?
    fn fresh(&self) -> bool {
        self.targets.iter().all(|target| target.fresh)
    }

    /// The slots of `panel` that belong to this matrix.
    #[inline(always)]
    fn used(&self, panel: usize) -> Range<usize> {
        self.slots.start..self.slots.end.min(self.columns.slots(panel).len())
    }

    /// How many vectors these are.
    #[inline(always)]
    fn vectors(&self, panel: usize) -> usize {
        self.used(panel).len() * self.columns.spacing(panel) / self.columns.lanes()
    }

    /// Where the first of them stands among the gates, in the row of pair 0.
    #[inline(always)]
    fn gates_of(&self, panel: usize) -> usize {
        let slot = self.slots.start * self.columns.spacing(panel);
        self.columns.offset(panel, self.factors.len()) + slot
    }
}

/// Some numbers of a target.
struct Piece<T> {
    place: *mut T,
    count: usize,
}

impl<T> Piece<T> {
    /// Where the numbers stand, written or not.
    ///
    /// # Safety
    ///
    /// Nobody else reads or writes them, and only numbers are written.
    #[inline(always)]
    unsafe fn places<'a>(self) -> &'a mut [MaybeUninit<T>] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.place.cast(), self.count) }
    }
}

/// Computes all of `wanted`, whose targets have sums for each of `groups`.
///
/// # Panics
///
/// When a target has sums for other groups.
///
/// # Safety
///
/// Every factor pointer is good for as many reads as its matrix has features.
pub(crate) unsafe fn weight_gradients<T: Real>(
    isa: Isa,
    plan: &Plan,
    (groups, parts): (&[Range<usize>], usize),
    wanted: &[WeightGradient<'_, T>],
) {
    let mut targets = wanted.iter().flat_map(|one| &one.targets);
    assert!(
        targets.all(|target| target.groups == groups.len()),
        "sums for every group"
    );
    let groups = Group::all(plan, groups);
    for target in wanted.iter().flat_map(|one| &one.targets) {
        for (number, group) in groups.iter().enumerate() {
            if target.fresh && group.pairs.is_empty() {
                target.clear(number);
            }
        }
    }
    threads::each(parts, |part| {
        isa.run(Part {
            wanted,
            groups: &groups,
            parts,
            part,
        });
    });
}

/// The pairs of some rows.
struct Group {
    /// How many pairs the groups before have.
    before: usize,
    /// Those of the first step come first …
    pairs: Vec<usize>,
    /// … so many.
    first_step: usize,
}

impl Group {
    fn all(plan: &Plan, groups: &[Range<usize>]) -> Vec<Self> {
        let mut before = 0;
        let group = |positions: &Range<usize>| {
            let pairs = plan.pairs_of(positions);
            before += pairs.len();
            Self {
                before: before - pairs.len(),
                first_step: match plan.steps() {
                    0 => 0,
                    _ => plan.running_in(0, positions).len(),
                },
                pairs,
            }
        };
        groups.iter().map(group).collect()
    }

    /// Which of `jobs` jobs, each over all pairs of this group, are part `part` of `parts` of the
    /// same jobs of all groups, with `total` pairs.
    fn share(&self, jobs: usize, total: usize, (part, parts): (usize, usize)) -> Range<usize> {
        // A job belongs to the part in which its first multiplication is.
        let first = |part: usize| {
            let start = (total * jobs * part / parts).saturating_sub(self.before * jobs);
            start.div_ceil(self.pairs.len().max(1)).min(jobs)
        };
        first(part)..first(part + 1)
    }
}

struct Part<'a, T: Real> {
    wanted: &'a [WeightGradient<'a, T>],
    groups: &'a [Group],
    parts: usize,
    part: usize,
}

impl<T: Real> Work for Part<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let total = self.groups.iter().map(|group| group.pairs.len()).sum();
        let panels = self.wanted.iter().map(|one| one.columns.count()).max();
        for (number, group) in self.groups.iter().enumerate() {
            let jobs_of = |one| {
                let share = |jobs| group.share(jobs, total, (self.part, self.parts));
                Jobs::new::<S>(one, number, share)
            };
            let mut all: Vec<_> = self.wanted.iter().filter_map(jobs_of).collect();
            // SAFETY: pointers are good by the promise of `weight_gradients`; everything is as
            // long as its description says.
            unsafe {
                let mut end = group.pairs.len();
                while end > 0 {
                    let pairs = end.saturating_sub(BLOCK)..end;
                    end = pairs.start;
                    for jobs in &mut all {
                        jobs.move_to(group, pairs.clone());
                    }
                    // Panel by panel, so that the gradients of its gates come once for all factors.
                    for panel in 0..panels.unwrap_or(0) {
                        for jobs in &mut all {
                            jobs.add(simd, panel);
                        }
                    }
                }
            }
            for jobs in all {
                jobs.finish();
            }
        }
    }
}

/// What one part computes of one matrix's gradient over the pairs of one group: some tiles of some panels.
struct Jobs<'a, T: Real> {
    one: &'a WeightGradient<'a, T>,
    group: usize,
    /// Rows of a tile, and tiles of a panel.
    height: usize,
    tiles: usize,
    /// Which tiles, counted panel by panel.
    mine: Range<usize>,
    /// How many numbers each has …
    size: usize,
    /// … and these.
    sums: Buffer<T>,
    /// The pairs at hand, and their factors, interleaved.
    pairs: &'a [usize],
    factors: Buffer<T>,
}

impl<'a, T: Real> Jobs<'a, T> {
    /// The tiles that are `share(all)` of all tiles, if there are any; each begins with the sums of the later
    /// steps.
    #[inline(always)]
    fn new<S: Simd>(
        one: &'a WeightGradient<'a, T>,
        group: usize,
        share: impl Fn(usize) -> Range<usize>,
    ) -> Option<Self> {
        let height = one.height::<S>();
        let tiles = one.features.div_ceil(height);
        let mine = share(one.columns.count() * tiles);
        if mine.is_empty() {
            return None;
        }
        let size = height * VECTORS * Lanes::<S, T>::COUNT;
        let rows = match one.factors {
            PairInputs::Hot(_) => 0,
            PairInputs::Rows { .. } => tiles * height,
        };
        let mut jobs = Self {
            one,
            group,
            height,
            tiles,
            size,
            sums: Buffer::zeros(mine.len() * size),
            pairs: &[],
            factors: Buffer::new(rows * BLOCK),
            mine,
        };
        if !one.fresh() {
            jobs.each_piece(|sums, later| copy_piece(sums, later));
        }
        Some(jobs)
    }

    /// Writes the sums to where they are wanted.
    #[inline(always)]
    fn finish(mut self) {
        self.each_piece(|sums, target| copy_piece(target, sums));
    }

    /// Visits every piece of the sums, and of the target, of which nothing may have been written.
    #[inline(always)]
    fn each_piece(&mut self, visit: impl Fn(&mut [MaybeUninit<T>], &mut [MaybeUninit<T>])) {
        for job in self.mine.clone() {
            let (panel, rows) = self.place(job);
            let sums = &mut self.sums[(job - self.mine.start) * self.size..][..self.size];
            self.one.pieces(self.group, panel, rows, |at, piece| {
                let place = sums[at..at + piece.count].as_mut_ptr();
                let count = piece.count;
                // SAFETY: every tile of a group belongs to one part, and numbers are copied from one
                // side to the other, from the target only if it was written.
                unsafe { visit(Piece { place, count }.places(), piece.places()) };
            });
        }
    }

    /// The panel of a tile, its first feature, and how many it has.
    #[inline(always)]
    fn place(&self, job: usize) -> (usize, (usize, usize)) {
        let (panel, first) = (job / self.tiles, job % self.tiles * self.height);
        (panel, (first, self.height.min(self.one.features - first)))
    }

    /// Moves on to these pairs of the group, without those whose factors are zero.
    ///
    /// # Safety
    ///
    /// As [`WeightGradient::interleave`].
    #[inline(always)]
    unsafe fn move_to(&mut self, group: &'a Group, pairs: Range<usize>) {
        let zero = match self.one.factors.is_from_zero() {
            true => group.first_step,
            false => 0,
        };
        let pairs = &group.pairs[zero.clamp(pairs.start, pairs.end)..pairs.end];
        self.pairs = pairs;
        let PairInputs::Rows { rows, .. } = &self.one.factors else {
            return;
        };
        // SAFETY: the caller's promise.
        unsafe {
            match self.height {
                3 => self.one.interleave::<3>(rows, pairs, &mut self.factors),
                4 => self.one.interleave::<4>(rows, pairs, &mut self.factors),
                6 => self.one.interleave::<6>(rows, pairs, &mut self.factors),
                8 => self.one.interleave::<8>(rows, pairs, &mut self.factors),
                12 => self.one.interleave::<12>(rows, pairs, &mut self.factors),
                height => unreachable!("no tile has {height} rows"),
            }
        }
    }

    /// Adds the products of the pairs at hand to this part's tiles of `panel`.
    ///
    /// # Safety
    ///
    /// As [`WeightGradient::multiply`] and [`WeightGradient::scatter`].
    #[inline(always)]
    unsafe fn add<S: Simd>(&mut self, simd: S, panel: usize) {
        let pairs = self.pairs;
        let Range { start, end } = self.mine;
        let first = (panel * self.tiles).clamp(start, end);
        let last = ((panel + 1) * self.tiles).clamp(start, end);
        for job in first..last {
            let place = self.place(job);
            let sums = &mut self.sums[(job - start) * self.size..][..self.size];
            // SAFETY: the caller's promise.
            unsafe {
                match &self.one.factors {
                    PairInputs::Hot(hot) => self.one.scatter(simd, (hot, pairs), panel, sums),
                    PairInputs::Rows { .. } => {
                        let factors = (&self.factors[..], self.height, pairs);
                        self.one.multiply(simd, factors, place, sums);
                    }
                }
            }
        }
    }
}
