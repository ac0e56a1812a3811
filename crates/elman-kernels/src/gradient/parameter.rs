//! The gradient of a parameter while it is summed: a matrix for each group of rows, and their sum.

use std::marker::PhantomData;
use std::ops::Range;

use crate::buffer::{Buffer, Shared, Unwritten};
use crate::real::Real;
use crate::run::Backward;
use crate::threads;

/// The gradient of a parameter, `[rows, columns]`, while it is summed: one such matrix for each group.
pub(crate) struct ParameterGradient<T: Real> {
    numbers: Numbers<T>,
    /// Are there no later steps? Then nothing has been written.
    fresh: bool,
    groups: usize,
    rows: usize,
    columns: usize,
}

/// Where a parameter's gradient is summed.
enum Numbers<T: Real> {
    /// In what is given back: there is one group, or earlier steps follow.
    Result(Unwritten<T>),
    /// In scratch memory, as what is given back is the sum of it.
    Scratch(Buffer<T>),
}

impl<T: Real> Numbers<T> {
    fn shared(&mut self) -> Shared<T> {
        match self {
            Self::Result(numbers) => numbers.shared(),
            Self::Scratch(numbers) => Shared::new(numbers),
        }
    }
}

impl<T: Real> ParameterGradient<T> {
    /// Begins with the sums of the later steps, if there are any: parameter `index` of the cell.
    pub(crate) fn new(
        run: &Backward<'_, T>,
        index: usize,
        groups: usize,
        [rows, columns]: [usize; 2],
    ) -> Self {
        let count = groups * rows * columns;
        let mut numbers = match groups == 1 || run.unfinished {
            true => Numbers::Result(Unwritten::new(count)),
            false => Numbers::Scratch(Buffer::new(count)),
        };
        let later = run.later_sums(index, count);
        if let Some(later) = later {
            // SAFETY: there is room for as many, and nobody else has it yet.
            unsafe {
                let start: *mut T = numbers.shared().at(0);
                start.copy_from_nonoverlapping(later.as_ptr(), count);
            }
        }
        Self {
            numbers,
            fresh: later.is_none(),
            groups,
            rows,
            columns,
        }
    }

    /// All rows, to be added to.
    pub(crate) fn whole(&mut self) -> Target<'_, T> {
        let [whole, _] = self.split(self.rows);
        whole
    }

    /// The rows before `row`, and the others.
    pub(crate) fn split(&mut self, row: usize) -> [Target<'_, T>; 2] {
        assert!(row <= self.rows, "a row of the parameter");
        let numbers = self.numbers.shared();
        [0..row, row..self.rows].map(|rows| Target {
            numbers,
            rows,
            columns: self.columns,
            group: self.rows * self.columns,
            groups: self.groups,
            fresh: self.fresh,
            lifetime: PhantomData,
        })
    }

    /// The sum over all groups; each by itself, one after the other, if earlier steps follow.
    ///
    /// # Safety
    ///
    /// [`weight_gradients`](super::weight_gradients) has been given all rows.
    pub(crate) unsafe fn finish(self) -> Vec<T> {
        match self.numbers {
            // SAFETY: the caller's promise.
            Numbers::Result(numbers) => unsafe { numbers.written() },
            Numbers::Scratch(numbers) => sum_of_groups(&numbers, self.rows * self.columns),
        }
    }
}

/// The sum of matrices of `count` numbers that stand one after the other.
fn sum_of_groups<T: Real>(matrices: &[T], count: usize) -> Vec<T> {
    let (first, others) = matrices.split_at(count);
    let mut sums = Unwritten::new(count);
    let parts = threads::to_move(count);
    let shared = sums.shared();
    threads::each(parts, |part| {
        let range = threads::range(count, parts, part);
        // SAFETY: within the sums, and every part has a range of its own, which it writes first.
        let sums = unsafe {
            let sums: *mut T = shared.at(range.start);
            sums.copy_from_nonoverlapping(first[range.clone()].as_ptr(), range.len());
            std::slice::from_raw_parts_mut(sums, range.len())
        };
        for other in others.chunks_exact(count) {
            for (sum, &more) in sums.iter_mut().zip(&other[range.clone()]) {
                *sum = sum.plus(more);
            }
        }
    });
    // SAFETY: the parts have written their ranges, which are all of it.
    unsafe { sums.written() }
}

/// Some rows of a parameter's gradient.
pub(crate) struct Target<'a, T> {
    pub(super) numbers: Shared<T>,
    pub(super) rows: Range<usize>,
    pub(super) columns: usize,
    /// How far apart the groups' matrices stand.
    pub(super) group: usize,
    pub(super) groups: usize,
    pub(super) fresh: bool,
    lifetime: PhantomData<&'a mut [T]>,
}

impl<T: Real> Target<'_, T> {
    /// Sets the sums of `group` to zero.
    pub(super) fn clear(&self, group: usize) {
        let at = group * self.group + self.rows.start * self.columns;
        // SAFETY: these rows of this group, which nobody else writes: `split` lends them once.
        unsafe {
            let rows: *mut T = self.numbers.at(at);
            rows.write_bytes(0, self.rows.len() * self.columns);
        }
    }
}
