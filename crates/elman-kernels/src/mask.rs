//! Masks of dropout: random words beside a threshold.

use std::ops::Range;
use std::sync::Arc;

use pulp::Simd;

use crate::buffer::{Shared, Unwritten};
use crate::isa::{Isa, Work};
use crate::philox::Philox;
use crate::real::Real;
use crate::shape::Layout;
use crate::threads;

/// The words of a block.
const BLOCK: usize = 4;
/// Blocks of random words that are made side by side.
const BLOCKS: usize = 8;
/// The words of so many blocks.
const WORDS: usize = BLOCK * BLOCKS;
/// Below this many numbers, waking a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 1 << 14;

/// What a mask of a batch of sequences is drawn from.
#[derive(Clone, Debug)]
pub struct MaskSpec {
    /// One for every step: its words are those of the step's rows, one row after another. So a
    /// number depends on its step, its row and its feature, and on nothing else.
    pub steps: Arc<[Philox]>,
    /// `B`.
    pub batch: usize,
    /// `F`.
    pub features: usize,
    /// How the mask is laid out.
    pub layout: Layout,
    /// A number is kept when its word is not below this: 2³² · (1 - the probability to be kept).
    pub threshold: u32,
}

impl MaskSpec {
    /// The mask, `[B, T, F]` or `[T, B, F]`: `kept`, or zero.
    pub fn draw<T: Real>(&self, kept: T) -> Vec<T> {
        self.times(kept, None)
    }

    /// `numbers`, laid out as the mask, times the mask.
    ///
    /// # Panics
    ///
    /// When there are not as many as the mask has.
    pub fn apply<T: Real>(&self, kept: T, numbers: &[T]) -> Vec<T> {
        self.times(kept, Some(numbers))
    }

    /// The mask, or its product with `numbers`.
    fn times<T: Real>(&self, kept: T, numbers: Option<&[T]>) -> Vec<T> {
        let time = self.steps.len();
        let count = time * self.batch * self.features;
        if let Some(numbers) = numbers {
            assert_eq!(numbers.len(), count, "a number for each of the mask");
        }
        let mut results = Unwritten::new(count);
        let parts = (count / WORTH_A_THREAD).clamp(1, threads::get().get());
        // The rows, as the cells deal them out; or the steps, where there are too few rows.
        let by_rows = parts <= self.batch;
        let parts = if by_rows {
            parts
        } else {
            parts.min(time).max(1)
        };
        let shared = results.shared();
        threads::each(parts, |part| {
            let (rows, steps) = match by_rows {
                true => (threads::range(self.batch, parts, part), 0..time),
                false => (0..self.batch, threads::range(time, parts, part)),
            };
            Isa::detect().run(MaskPart {
                spec: self,
                kept,
                numbers,
                results: shared,
                rows,
                steps,
            });
        });
        // SAFETY: the parts have written every row of every step.
        unsafe { results.written() }
    }
}

/// Some rows of some steps of a mask.
struct MaskPart<'a, T> {
    spec: &'a MaskSpec,
    kept: T,
    numbers: Option<&'a [T]>,
    results: Shared<T>,
    rows: Range<usize>,
    steps: Range<usize>,
}

impl<T: Real> Work for MaskPart<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self {
            spec,
            kept,
            numbers,
            results,
            rows,
            steps,
        } = self;
        let (batch, features) = (spec.batch, spec.features);
        let before = rows.start * features;
        let (blocks, within) = (before / BLOCK, before % BLOCK);
        let mut words = vec![0_u32; (within + rows.len() * features).next_multiple_of(WORDS)];
        for step in steps {
            let mut philox = spec.steps[step].clone();
            philox.skip(blocks as u64);
            for chunk in words.chunks_exact_mut(WORDS) {
                let blocks = philox.next_blocks::<BLOCKS>();
                for (lane, block) in chunk.chunks_exact_mut(BLOCK).enumerate() {
                    for (word, words) in block.iter_mut().zip(&blocks) {
                        *word = words[lane];
                    }
                }
            }
            let of_rows = words[within..].chunks(features.max(1));
            for (row, words) in rows.clone().zip(of_rows) {
                let first = match spec.layout {
                    Layout::BatchMajor => row * spec.steps.len() + step,
                    Layout::TimeMajor => step * batch + row,
                } * features;
                let words = &words[..features];
                let factor = |word: u32| match word >= spec.threshold {
                    true => kept,
                    false => T::default(),
                };
                // SAFETY: every step and row has places of its own, all within the results.
                let places = unsafe { results.at(first) };
                let write = |feature: usize, number: T| {
                    // SAFETY: as above, and a row has as many places as features.
                    unsafe { places.add(feature).write(number) };
                };
                match numbers {
                    None => {
                        for (feature, &word) in words.iter().enumerate() {
                            write(feature, factor(word));
                        }
                    }
                    Some(numbers) => {
                        let numbers = &numbers[first..first + features];
                        for (feature, (&word, number)) in words.iter().zip(numbers).enumerate() {
                            write(feature, number.times(factor(word)));
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(steps: &[Philox], layout: Layout) -> MaskSpec {
        MaskSpec {
            steps: steps.into(),
            batch: 5,
            features: 13,
            layout,
            threshold: 1 << 30,
        }
    }

    /// `[T][B][F]`, word by word.
    fn plain(steps: &[Philox], batch: usize, features: usize) -> Vec<u32> {
        let mut words = Vec::new();
        for step in steps {
            let mut philox = step.clone();
            let blocks = (0..batch * features).step_by(4);
            let all: Vec<u32> = blocks.flat_map(|_| philox.next_block()).collect();
            words.extend_from_slice(&all[..batch * features]);
        }
        words
    }

    #[test]
    fn a_mask_is_its_words_one_by_one_in_both_layouts() {
        let steps: Vec<_> = (0..7).map(|step| Philox::new(42, [0, step])).collect();
        let words = plain(&steps, 5, 13);
        let expected: Vec<f32> = words
            .iter()
            .map(|&word| if word >= 1 << 30 { 2.0 } else { 0.0 })
            .collect();
        let kept = expected.iter().filter(|&&number| number > 0.0).count();
        assert!((310..370).contains(&kept), "three quarters of 455: {kept}");
        assert_eq!(spec(&steps, Layout::TimeMajor).draw(2.0_f32), expected);
        let batch_major = spec(&steps, Layout::BatchMajor).draw(2.0_f32);
        for (step, row) in (0..7).flat_map(|step| (0..5).map(move |row| (step, row))) {
            let ours = &batch_major[(row * 7 + step) * 13..][..13];
            assert_eq!(ours, &expected[(step * 5 + row) * 13..][..13]);
        }
    }

    #[test]
    fn a_large_mask_is_the_same_on_several_threads_and_without_vectors() {
        let steps: Vec<_> = (0..40).map(|step| Philox::new(7, [9, step])).collect();
        let large = MaskSpec {
            batch: 33,
            features: 50,
            ..spec(&steps, Layout::TimeMajor)
        };
        let words = plain(&steps, 33, 50);
        let mask = large.draw(1.0_f64);
        assert!(mask.len() > 2 * WORTH_A_THREAD);
        for (number, word) in mask.iter().zip(words) {
            assert_eq!(*number > 0.0, word >= large.threshold);
        }
        let numbers: Vec<f64> = (0..mask.len()).map(|at| at as f64 - 7.5).collect();
        let product: Vec<f64> = numbers.iter().zip(&mask).map(|(a, b)| a * b).collect();
        assert_eq!(large.apply(1.0, &numbers), product);
        // More threads than rows: they split the steps.
        let long = MaskSpec {
            batch: 1,
            features: 33 * 50,
            ..large
        };
        assert_eq!(long.draw(1.0_f64), mask);
    }

    #[test]
    fn nothing_is_drawn_for_no_rows_or_no_features() {
        let steps = [Philox::new(1, [0, 0])];
        for (batch, features) in [(0, 3), (3, 0)] {
            let empty = MaskSpec {
                batch,
                features,
                ..spec(&steps, Layout::BatchMajor)
            };
            assert!(empty.draw(1.0_f32).is_empty());
        }
    }
}
