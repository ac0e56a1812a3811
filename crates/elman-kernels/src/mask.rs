//! Masks of dropout: random words beside a threshold.

use std::ops::Range;

use pulp::Simd;

use crate::buffer::Shared;
use crate::isa::{Isa, Work};
use crate::philox::Philox;
use crate::real::Real;
use crate::shape::Layout;
use crate::threads;

/// Blocks of random words that are made side by side.
const BLOCKS: usize = 8;
/// The words of so many blocks.
const WORDS: usize = 4 * BLOCKS;
/// Below this many numbers, waking a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 1 << 14;

/// What a mask of a batch of sequences is drawn from.
#[derive(Clone, Copy, Debug)]
pub struct MaskSpec<'a> {
    /// One for every step: its words are those of the step's rows, one row after another. So a
    /// number depends on its step, its row and its feature, and on nothing else.
    pub steps: &'a [Philox],
    /// `B`.
    pub batch: usize,
    /// `F`.
    pub features: usize,
    /// How the mask is laid out.
    pub layout: Layout,
    /// A number is kept when its word is not below this: 2³² · (1 - the probability to be kept).
    pub threshold: u32,
}

impl MaskSpec<'_> {
    /// The mask, `[B, T, F]` or `[T, B, F]`: `kept`, or zero.
    pub fn draw<T: Real>(&self, kept: T) -> Vec<T> {
        let time = self.steps.len();
        let mut mask = vec![T::default(); time * self.batch * self.features];
        let parts = (mask.len() / WORTH_A_THREAD).min(threads::get().get());
        let parts = parts.min(time).max(1);
        let numbers = Shared::new(&mut mask);
        threads::each(parts, |part| {
            Isa::detect().run(MaskPart {
                spec: self,
                kept,
                numbers,
                steps: threads::range(time, parts, part),
            });
        });
        mask
    }
}

/// Some steps of a mask.
struct MaskPart<'a, T> {
    spec: &'a MaskSpec<'a>,
    kept: T,
    numbers: Shared<T>,
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
            steps,
        } = self;
        let (batch, features) = (spec.batch, spec.features);
        let mut words = vec![0_u32; (batch * features).next_multiple_of(WORDS)];
        for step in steps {
            let mut philox = spec.steps[step].clone();
            for chunk in words.chunks_exact_mut(WORDS) {
                let blocks = philox.next_blocks::<BLOCKS>();
                for (lane, block) in chunk.chunks_exact_mut(4).enumerate() {
                    for (word, words) in block.iter_mut().zip(&blocks) {
                        *word = words[lane];
                    }
                }
            }
            for (row, words) in words.chunks(features.max(1)).take(batch).enumerate() {
                let first = match spec.layout {
                    Layout::BatchMajor => row * spec.steps.len() + step,
                    Layout::TimeMajor => step * batch + row,
                } * features;
                for (feature, &word) in words.iter().enumerate().take(features) {
                    let is_kept = word >= spec.threshold;
                    let number = if is_kept { kept } else { T::default() };
                    // SAFETY: every step and row has places of its own, all within the mask.
                    unsafe { numbers.at(first + feature).write(number) };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(steps: &[Philox], layout: Layout) -> MaskSpec<'_> {
        MaskSpec {
            steps,
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
        for (number, word) in mask.into_iter().zip(words) {
            assert_eq!(number > 0.0, word >= large.threshold);
        }
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
