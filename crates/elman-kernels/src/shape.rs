//! What a batch of sequences looks like in memory, and which of its steps are real.

use std::ops::Range;

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
/// A real (step, row) pair has one index `k`, step by step; padding has none and is never read.
#[derive(Clone, Debug)]
pub struct Plan {
    layout: Layout,
    batch: usize,
    time: usize,
    /// The row at each position.
    order: Vec<usize>,
    /// The number of real steps at each position, falling.
    lengths: Vec<usize>,
    /// `k` of the first pair of each step; one more entry at the end. Only steps with a running
    /// row are here.
    starts: Vec<usize>,
}

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
        }
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
        }
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
        }
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
        self.starts[step] + position
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

    /// The number of real steps of the row at `position`.
    pub(crate) fn length(&self, position: usize) -> usize {
        self.lengths[position]
    }

    /// Writes zeros to every padded place of a `[B, T, width]` (or `[T, B, width]`) slice.
    pub(crate) fn clear_padding<T: Default + Copy>(&self, slice: &mut [T], width: usize) {
        if self.pairs() == self.batch * self.time {
            return;
        }
        for position in 0..self.batch {
            for step in self.length(position)..self.time {
                let offset = self.offset(step, position, width);
                slice[offset..offset + width].fill(T::default());
            }
        }
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
            return crate::threads::range(self.batch, parts, part);
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
        plan.clear_padding(&mut slice, 2);
        assert_eq!(slice, [7, 7, 7, 7, 0, 0, 7, 7, 0, 0, 7, 7]);
    }
}
