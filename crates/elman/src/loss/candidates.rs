//! Classes drawn in place of all others: the log-uniform candidate sampler.
//!
//! ```text
//! P(k) = ln((k + 2) / (k + 1)) / ln(V + 1)          k from 0: frequent classes first
//! E(k) = 1 - (1 - P(k))^tries                        how often k is expected among different ones
//! ```
//!
//! `tf.nn.log_uniform_candidate_sampler` with `unique=True`: Zipf's law.

use std::collections::HashSet;

use crate::random::Generator;

/// Different classes, drawn at random.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidates {
    ids: Vec<u32>,
    classes: usize,
    /// Draws until there were enough different ones.
    tries: u64,
}

impl Candidates {
    /// Draws `count` different of `classes` (`V`), all if there are no more.
    pub fn draw(count: usize, classes: usize, generator: &mut Generator) -> Self {
        let range = (classes as f64 + 1.0).ln();
        let count = count.min(classes);
        let mut seen = HashSet::with_capacity(count);
        let mut ids = Vec::with_capacity(count);
        let mut tries = 0;
        while ids.len() < count {
            tries += 1;
            let class = (generator.uniform() * range).exp() as u64 - 1;
            let class = class.min(classes as u64 - 1) as u32;
            if seen.insert(class) {
                ids.push(class);
            }
        }
        Self {
            ids,
            classes,
            tries,
        }
    }

    /// The classes, in the order in which they were drawn.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// `E(class)`: how often a class is expected among the candidates.
    pub fn expected_count(&self, class: u32) -> f64 {
        let class = f64::from(class);
        let probability = ((class + 2.0) / (class + 1.0)).ln() / (self.classes as f64 + 1.0).ln();
        -(self.tries as f64 * (-probability).ln_1p()).exp_m1()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    #[test]
    fn candidates_differ_and_come_as_often_as_expected() {
        const ROUNDS: u32 = 4000;
        let mut found = [0_u32; 20];
        let mut expected = [0.0; 20];
        for round in 0..ROUNDS {
            let mut generator = Seed::new(3).generator(&format!("candidates {round}"));
            let candidates = Candidates::draw(5, 20, &mut generator);
            let different: HashSet<_> = candidates.ids().iter().collect();
            assert_eq!(different.len(), 5);
            for &id in candidates.ids() {
                found[id as usize] += 1;
            }
            for (class, sum) in expected.iter_mut().enumerate() {
                *sum += candidates.expected_count(class as u32);
            }
        }
        for class in 0..20 {
            let share = f64::from(found[class]) / f64::from(ROUNDS);
            let expected = expected[class] / f64::from(ROUNDS);
            // Four standard deviations of a share of 4000, and the small bias of observed tries.
            assert!(
                (share - expected).abs() < 0.035,
                "{class}: {share} {expected}"
            );
        }
    }

    #[test]
    fn all_classes_are_drawn_when_no_fewer_are_asked_for() {
        let mut ids = Candidates::draw(9, 4, &mut Seed::new(1).generator("all")).ids;
        ids.sort_unstable();
        assert_eq!(ids, [0, 1, 2, 3]);
    }
}
