//! What a batch of sequences looks like in memory, and which of its steps are real.

use std::ops::Range;

use crate::buffer::Shared;
use crate::threads;

/// Where rows and steps of a `[B, T, F]` or `[T, B, F]` slice stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Layout {
    /// `[B, T, F]`.
    BatchMajor,
    /// `[T, B, F]`.
    TimeMajor,
}

/// The sizes of a batch of sequences, the order in which kernels walk it, and its real steps.
///
/// Rows are walked longest first, so that the rows that are still running at a step are a prefix.
/// A real (step, row) pair has one index `k`; padding has none and is never read. The pairs of each
/// part of the rows stand together, step by step: what one thread writes lies apart from what others
/// write, and fetching ahead does not reach into it.
#[derive(Clone, Debug)]
pub struct Plan {
    layout: Layout,
    batch: usize,
    time: usize,
    /// The row at each position.
    order: Vec<usize>,
    /// The number of real steps at each position, falling.
    lengths: Vec<usize>,
    /// The number of pairs before each step; one more entry at the end. Only steps with a running
    /// row are here.
    starts: Vec<usize>,
    parts: Parts,
    /// Of the whole sequence, if this is a segment of it.
    whole: Whole,
}

/// How the rows are dealt out among threads, where a pass keeps something for a later one.
#[derive(Clone, Debug, Default)]
struct Parts {
    /// The positions of each part: none, if the rows are not dealt out.
    positions: Vec<Range<usize>>,
    /// The part of each position.
    of: Vec<usize>,
    /// For each part and step the `k` of the part's first row, less that row's position.
    starts: Vec<usize>,
}

/// What all segments of a sequence share.
#[derive(Clone, Copy, Debug, Default)]
struct Whole {
    pairs: usize,
    /// The position at which each group starts; one more entry at the end.
    groups: [usize; GROUPS + 1],
}

/// In how many groups of rows weight gradients are summed.
const GROUPS: usize = 4;
/// A group has at least so many rows: with fewer, threads share rows anyway.
const ROWS_OF_A_GROUP: usize = 3;

impl Plan {
    /// A plan for `batch` rows of `time` steps, all of them real.
    pub fn full(layout: Layout, batch: usize, time: usize) -> Self {
        Self {
            layout,
            batch,
            time,
            order: (0..batch).collect(),
            lengths: vec![time; batch],
            starts: if batch == 0 {
                vec![0]
            } else {
                (0..=time).map(|step| step * batch).collect()
            },
            parts: Parts::default(),
            whole: Whole::default(),
        }
        .grouped()
    }

    /// A plan in which row `b` has `lengths[b]` real steps of `time`.
    ///
    /// # Panics
    ///
    /// When a length is larger than `time`.
    pub fn ragged(layout: Layout, time: usize, lengths: &[usize]) -> Self {
        let longest = lengths.iter().copied().max().unwrap_or(0);
        assert!(longest <= time, "a length is at most the number of steps");
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|&row| std::cmp::Reverse(lengths[row]));
        let mut starts = vec![0];
        for step in 0..longest {
            let running = lengths.iter().filter(|&&length| length > step).count();
            starts.push(starts[step] + running);
        }
        Self {
            layout,
            batch: lengths.len(),
            time,
            lengths: order.iter().map(|&row| lengths[row]).collect(),
            order,
            starts,
            parts: Parts::default(),
            whole: Whole::default(),
        }
        .grouped()
    }

    fn grouped(mut self) -> Self {
        self.whole.pairs = self.pairs();
        for group in 0..GROUPS {
            self.whole.groups[group + 1] = self.positions(GROUPS, group).end;
        }
        self
    }

    /// The plan of the steps in `steps` alone, as a batch of sequences of that many steps. Rows are
    /// walked in the order of the whole.
    ///
    /// # Panics
    ///
    /// When `steps` ends after `T`.
    pub fn segment(&self, steps: Range<usize>) -> Self {
        assert!(steps.end <= self.time, "a segment ends within the sequence");
        let within = |&length: &usize| length.saturating_sub(steps.start).min(steps.len());
        let last = self.steps();
        let starts = &self.starts[steps.start.min(last)..=steps.end.min(last)];
        Self {
            layout: self.layout,
            batch: self.batch,
            time: steps.len(),
            order: self.order.clone(),
            lengths: self.lengths.iter().map(within).collect(),
            starts: starts.iter().map(|start| start - starts[0]).collect(),
            parts: Parts::default(),
            whole: self.whole,
        }
    }

    /// The same, with its rows dealt out in so many parts.
    pub(crate) fn dealt(&self, parts: usize) -> Self {
        let positions: Vec<_> = (0..parts).map(|part| self.positions(parts, part)).collect();
        let mut of = vec![0; self.batch];
        let mut starts = Vec::with_capacity(parts * self.steps());
        let mut before = 0_usize;
        for (part, positions) in positions.iter().enumerate() {
            of[positions.clone()].fill(part);
            for step in 0..self.steps() {
                starts.push(before.wrapping_sub(positions.start));
                before += self.running_in(step, positions).len();
            }
        }
        Self {
            parts: Parts {
                positions,
                of,
                starts,
            },
            ..self.clone()
        }
    }

    /// The positions of each part, if the rows are dealt out.
    pub(crate) fn parts(&self) -> &[Range<usize>] {
        &self.parts.positions
    }

    /// The order of the axes.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// `B`.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// `T`.
    pub fn time(&self) -> usize {
        self.time
    }

    /// The number of real steps of each row.
    pub fn lengths(&self) -> Vec<usize> {
        let mut lengths = vec![0; self.batch];
        for (&row, &length) in self.order.iter().zip(&self.lengths) {
            lengths[row] = length;
        }
        lengths
    }

    /// The number of real (step, row) pairs.
    pub fn pairs(&self) -> usize {
        self.starts[self.steps()]
    }

    /// The positions of every group in which the gradients of weights with so many rows are summed;
    /// the same for all segments of a sequence. One group, where several sums would be as large as what
    /// is summed.
    pub(crate) fn groups(&self, weight_rows: usize) -> Vec<Range<usize>> {
        let large = 2 * GROUPS * weight_rows > self.whole.pairs;
        let one = large || self.batch < GROUPS * ROWS_OF_A_GROUP;
        let ends = match one {
            true => &[0, self.batch][..],
            false => &self.whole.groups,
        };
        ends.windows(2).map(|ends| ends[0]..ends[1]).collect()
    }

    /// The pairs of the rows at `positions`: step by step, and position by position.
    pub(crate) fn pairs_of(&self, positions: &Range<usize>) -> Vec<usize> {
        let mut pairs = Vec::with_capacity(positions.len() * self.steps());
        for step in 0..self.steps() {
            let running = self.running_in(step, positions);
            pairs.extend(running.map(|position| self.pair(step, position)));
        }
        pairs
    }

    /// `of(step, position)` of every real pair, in the order of the pairs.
    pub(crate) fn map_pairs<R>(&self, of: impl Fn(usize, usize) -> R) -> Vec<R> {
        let mut all = Vec::with_capacity(self.pairs());
        let pairs = self.in_order();
        // Not `extend`, which would ask for one after the other.
        pairs.for_each(|(step, position)| all.push(of(step, position)));
        all
    }

    /// Every (step, position) whose pair is real, in the order of the pairs.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (usize, usize)> {
        let all = self.parts().is_empty().then_some(0..self.batch);
        let parts = self.parts().iter().cloned().chain(all);
        parts.flat_map(move |positions| {
            (0..self.steps()).flat_map(move |step| {
                self.running_in(step, &positions)
                    .map(move |position| (step, position))
            })
        })
    }

    /// How many steps at least one row still runs in.
    pub(crate) fn steps(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many rows run at `step`: the positions 0 … this.
    #[inline(always)]
    pub(crate) fn running(&self, step: usize) -> usize {
        self.starts[step + 1] - self.starts[step]
    }

    /// The positions within `positions` that run at `step`.
    #[inline(always)]
    pub(crate) fn running_in(&self, step: usize, positions: &Range<usize>) -> Range<usize> {
        positions.start..self.running(step).clamp(positions.start, positions.end)
    }

    /// The index of the pair (`step`, row at `position`).
    #[inline(always)]
    pub(crate) fn pair(&self, step: usize, position: usize) -> usize {
        let start = match self.parts.of.get(position) {
            None => self.starts[step],
            Some(&part) => self.parts.starts[part * self.steps() + step],
        };
        start.wrapping_add(position)
    }

    /// The row at `position`.
    #[inline(always)]
    pub(crate) fn row(&self, position: usize) -> usize {
        self.order[position]
    }

    /// Where `width` features of (`step`, row at `position`) start.
    #[inline(always)]
    pub(crate) fn offset(&self, step: usize, position: usize, width: usize) -> usize {
        let row = self.order[position];
        match self.layout {
            Layout::BatchMajor => (row * self.time + step) * width,
            Layout::TimeMajor => (step * self.batch + row) * width,
        }
    }

    /// How far apart two steps of a row are, of `width` features.
    pub(crate) fn stride(&self, width: usize) -> usize {
        match self.layout {
            Layout::BatchMajor => width,
            Layout::TimeMajor => self.batch * width,
        }
    }

    /// The number of real steps of the row at `position`.
    pub(crate) fn length(&self, position: usize) -> usize {
        self.lengths[position]
    }

    /// Writes `zero` to every padded place of a `[B, T, width]` (or `[T, B, width]`) slice.
    pub(crate) fn clear_padding<T: Copy + Send + Sync>(
        &self,
        slice: &mut [T],
        width: usize,
        zero: T,
    ) {
        assert_eq!(slice.len(), self.batch * self.time * width, "all places");
        let padded = (self.batch * self.time - self.pairs()) * width;
        if padded == 0 {
            return;
        }
        let parts = threads::to_move(padded);
        let places = Shared::new(slice);
        threads::each(parts, |part| {
            // The rows are sorted by their lengths: every part has short ones and long ones.
            for position in (part..self.batch).step_by(parts) {
                for step in self.length(position)..self.time {
                    // SAFETY: within the slice, and every row belongs to one part.
                    let row = unsafe {
                        let start: *mut T = places.at(self.offset(step, position, width));
                        std::slice::from_raw_parts_mut(start, width)
                    };
                    row.fill(zero);
                }
            }
        });
    }

    /// The positions of part `part` of `parts`: every part has about as many pairs.
    pub(crate) fn positions(&self, parts: usize, part: usize) -> Range<usize> {
        let total = self.pairs();
        let before = |limit: usize| -> usize {
            // The first position at which all earlier ones have at least `limit` pairs.
            let mut sum = 0;
            for position in 0..self.batch {
                if sum >= limit {
                    return position;
                }
                sum += self.length(position);
            }
            self.batch
        };
        if total == self.batch * self.time {
            return threads::range(self.batch, parts, part);
        }
        let start = if part == 0 {
            0
        } else {
            before(total * part / parts)
        };
        let end = if part + 1 == parts {
            self.batch
        } else {
            before(total * (part + 1) / parts)
        };
        start..end.max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_its_pairs_for_itself_and_groups_have_all_of_them() {
        let lengths: Vec<usize> = (0..19).map(|row| row * 7 % 12).collect();
        let plan = Plan::ragged(Layout::BatchMajor, 11, &lengths);
        let dealt = plan.dealt(3);
        let pairs: Vec<usize> = dealt
            .in_order()
            .map(|(step, position)| dealt.pair(step, position))
            .collect();
        assert_eq!(pairs, (0..plan.pairs()).collect::<Vec<_>>());
        assert_eq!(dealt.parts().len(), 3);
        let mut before = 0;
        for part in dealt.parts() {
            let mut own = dealt.pairs_of(part);
            own.sort_unstable();
            assert_eq!(own, (before..before + own.len()).collect::<Vec<_>>());
            before += own.len();
        }
        let groups = plan.groups(2);
        assert_eq!(groups.len(), GROUPS);
        assert_eq!(plan.groups(plan.pairs()).len(), 1);
        // A group's pairs are the same (step, position)s in the same order, dealt out or not.
        for group in &groups {
            let of = |plan: &Plan| {
                let all: Vec<_> = plan.in_order().collect();
                let own = plan.pairs_of(group).into_iter();
                own.map(|pair| all[pair]).collect::<Vec<_>>()
            };
            assert_eq!(of(&plan), of(&dealt));
        }
        assert_eq!(plan.segment(3..7).groups(2), groups);
    }

    #[test]
    fn running_rows_are_a_prefix_and_pairs_are_counted() {
        let lengths = [2, 0, 5, 3, 5];
        let plan = Plan::ragged(Layout::BatchMajor, 6, &lengths);
        assert_eq!(plan.pairs(), 15);
        assert_eq!(plan.steps(), 5);
        for position in 0..5 {
            assert_eq!(plan.length(position), lengths[plan.row(position)]);
        }
        assert_eq!(
            (0..5).map(|step| plan.running(step)).collect::<Vec<_>>(),
            [4, 4, 3, 2, 2]
        );
    }

    #[test]
    fn parts_cover_all_positions_in_balance() {
        let lengths: Vec<usize> = (0..40).map(|row| row % 11).collect();
        let plan = Plan::ragged(Layout::TimeMajor, 10, &lengths);
        for parts in [1, 2, 3, 8] {
            let mut next = 0;
            for part in 0..parts {
                let range = plan.positions(parts, part);
                assert_eq!(range.start, next);
                next = range.end;
                let pairs: usize = range.map(|position| plan.length(position)).sum();
                assert!(
                    pairs <= plan.pairs() / parts + 11,
                    "{pairs} of {}",
                    plan.pairs()
                );
            }
            assert_eq!(next, 40);
        }
    }

    #[test]
    fn segments_of_a_plan_are_its_steps() {
        let lengths = [2, 0, 5, 3, 5];
        let plan = Plan::ragged(Layout::BatchMajor, 6, &lengths);
        let mut pairs = 0;
        for steps in [0..2, 2..3, 3..6, 6..6] {
            let segment = plan.segment(steps.clone());
            assert_eq!(segment.time(), steps.len());
            for position in 0..5 {
                assert_eq!(segment.row(position), plan.row(position));
                let length = plan.length(position).saturating_sub(steps.start);
                assert_eq!(segment.length(position), length.min(steps.len()));
            }
            for step in 0..segment.steps() {
                assert_eq!(segment.running(step), plan.running(steps.start + step));
            }
            pairs += segment.pairs();
        }
        assert_eq!(pairs, plan.pairs());
    }

    #[test]
    fn padding_is_cleared() {
        let plan = Plan::ragged(Layout::TimeMajor, 3, &[1, 3]);
        let mut slice = vec![7; 12];
        plan.clear_padding(&mut slice, 2, 0);
        assert_eq!(slice, [7, 7, 7, 7, 0, 0, 7, 7, 0, 0, 7, 7]);
    }
}
